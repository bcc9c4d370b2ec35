//! Configuration in layers: defaults, then one TOML file, then `FAROL_*` variables. Errors name the key and the line.
//!
//! A program describes its settings as one serde struct with `deny_unknown_fields` and a default for every field; [`load`]
//! fills it. The text of the file and the variables are passed in: this module reads nothing.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use toml::{Table, Value};

/// The environment, passed in so that tests have their own.
pub trait Vars {
    /// Value of one variable, when it is set and not empty.
    fn var(&self, name: &str) -> Option<String>;
    /// Names of all variables that start with `prefix`.
    fn names(&self, prefix: &str) -> Vec<String>;
}

impl Vars for BTreeMap<String, String> {
    fn var(&self, name: &str) -> Option<String> {
        self.get(name).filter(|value| !value.is_empty()).cloned()
    }
    fn names(&self, prefix: &str) -> Vec<String> {
        self.keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }
}

/// The variable by which systemd names the folder of a service's credentials (`LoadCredential=`).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Where a credential of the service would lie, if systemd gave it any.
pub fn credential(vars: &dyn Vars, name: &str) -> Option<PathBuf> {
    Some(Path::new(&vars.var(CREDENTIALS)?).join(name))
}

/// The path of a secret's file as it was meant: a relative one is the name of a credential, where systemd gives any.
pub fn secret_path(vars: &dyn Vars, path: PathBuf) -> PathBuf {
    match vars.var(CREDENTIALS) {
        // Joining leaves an absolute path as it is.
        Some(dir) => Path::new(&dir).join(path),
        None => path,
    }
}

/// A short variable name for one key, such as `FAROL_TOKEN` for `send.token`.
#[derive(Debug, Clone, Copy)]
pub struct Alias {
    /// Name of the variable.
    pub var: &'static str,
    /// Dotted key that it sets.
    pub key: &'static str,
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not TOML, or a key in it is unknown or has a wrong value. The text names key and line.
    #[error("in {file}: {message}")]
    File {
        /// The file's name, as given.
        file: String,
        /// Key, line and what is wrong.
        message: String,
    },
    /// A variable has a wrong value.
    #[error("in variable {var}: {message}")]
    Var {
        /// Name of the variable.
        var: String,
        /// What is wrong.
        message: String,
    },
    /// Values that are right one by one do not fit together, or one is out of its bounds.
    #[error("{key}: {message}")]
    Value {
        /// Dotted key.
        key: String,
        /// What is wrong and what to do.
        message: String,
    },
}

/// Fills `T` from an optional file (name and text) and the environment.
///
/// Variables: each [`Alias`], and `FAROL_<SECTION>__<KEY>` for every dotted key (`FAROL_SEND__URL` sets `send.url`).
/// Variables win over the file.
///
/// # Errors
/// [`ConfigError`] names the file's line or the variable.
pub fn load<T: DeserializeOwned>(file: Option<(&str, &str)>, vars: &dyn Vars, aliases: &[Alias]) -> Result<T, ConfigError> {
    let mut table = Table::new();
    if let Some((name, text)) = file {
        let wrong =
            |error: toml::de::Error| ConfigError::File { file: name.to_owned(), message: error.to_string().trim().to_owned() };
        // Read into T first: only the direct way from text knows the line of a wrong value.
        toml::from_str::<T>(text).map_err(wrong)?;
        table = text.parse::<Table>().map_err(wrong)?;
    }
    for (var, key) in assignments(vars, aliases) {
        let Some(text) = vars.var(&var) else { continue };
        apply::<T>(&mut table, &var, &key, &text)?;
    }
    table.try_into().map_err(|error: toml::de::Error| ConfigError::Value {
        key: "configuration".to_owned(),
        message: error.message().to_owned(),
    })
}

fn assignments(vars: &dyn Vars, aliases: &[Alias]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = vars
        .names("FAROL_")
        .into_iter()
        .filter_map(|var| {
            let path = var.strip_prefix("FAROL_")?;
            path.contains("__").then(|| (var.clone(), path.to_ascii_lowercase().replace("__", ".")))
        })
        .collect();
    all.sort();
    // A short name is what people set by hand, so it wins over the long one of the same key.
    all.extend(aliases.iter().map(|alias| (alias.var.to_owned(), alias.key.to_owned())));
    all
}

fn apply<T: DeserializeOwned>(table: &mut Table, var: &str, key: &str, text: &str) -> Result<(), ConfigError> {
    // A variable has no type: try it as text first, then as a TOML value (numbers, booleans, arrays).
    let mut candidates = vec![Value::String(text.to_owned())];
    if let Ok(mut parsed) = format!("v = {text}").parse::<Table>()
        && let Some(value) = parsed.remove("v")
    {
        candidates.push(value);
    }
    let mut message = String::new();
    for value in candidates {
        let mut trial = table.clone();
        if !set(&mut trial, key, value) {
            message = format!("{key} is not a setting");
            continue;
        }
        match trial.clone().try_into::<T>() {
            Ok(_) => {
                *table = trial;
                return Ok(());
            }
            Err(error) if message.is_empty() => message = error.message().to_owned(),
            Err(_) => {}
        }
    }
    Err(ConfigError::Var { var: var.to_owned(), message })
}

fn set(table: &mut Table, key: &str, value: Value) -> bool {
    let Some((section, rest)) = key.split_once('.') else {
        table.insert(key.to_owned(), value);
        return true;
    };
    match table.entry(section.to_owned()).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(inner) => set(inner, rest, value),
        _ => false,
    }
}

/// A span of time written with its unit: `250ms`, `5s`, `10m`, `48h`, `30d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// Reads a span; the error says what is allowed.
    ///
    /// # Errors
    /// A sentence for people, when the text is no number with a known unit or is too large.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (number, unit) = split_unit(text)?;
        let ms = match unit {
            "ms" => 1.0,
            "s" => 1e3,
            "m" | "min" => 60e3,
            "h" => 3_600e3,
            "d" => 86_400e3,
            _ => return Err(format!("'{text}' is not a time: write a number and ms, s, m, h or d, such as 5s")),
        };
        Duration::try_from_secs_f64(number * ms / 1e3).map(Self).map_err(|_| format!("'{text}' is too long"))
    }

    /// The span in milliseconds, at most `u64::MAX`.
    #[must_use]
    pub fn ms(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.ms();
        let (number, unit) = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")]
            .into_iter()
            .find(|(size, _)| ms >= *size && ms.is_multiple_of(*size))
            .map_or((ms, "ms"), |(size, unit)| (ms / size, unit));
        write!(f, "{number}{unit}")
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A number of bytes written with its unit: `512B`, `64KiB`, `64MiB`, `2GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Size {
    /// Reads a size; the error says what is allowed.
    ///
    /// # Errors
    /// A sentence for people, when the text is no number with a known unit or is too large.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to lie between 0 and 2^53")]
    pub fn parse(text: &str) -> Result<Self, String> {
        let (number, unit) = split_unit(text)?;
        let bytes = match unit {
            "B" => number,
            "KiB" => number * 1024.0,
            "MiB" => number * 1024.0 * 1024.0,
            "GiB" => number * 1024.0 * 1024.0 * 1024.0,
            _ => return Err(format!("'{text}' is not a size: write a number and B, KiB, MiB or GiB, such as 64MiB")),
        };
        if bytes <= 9e15 { Ok(Self(bytes as u64)) } else { Err(format!("'{text}' is too large")) }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, unit) = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
            .into_iter()
            .find(|(size, _)| self.0 >= *size && self.0.is_multiple_of(*size))
            .map_or((self.0, "B"), |(size, unit)| (self.0 / size, unit));
        write!(f, "{number}{unit}")
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

fn split_unit(text: &str) -> Result<(f64, &str), String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number = number.parse::<f64>().map_err(|_| format!("'{text}' does not start with a number"))?;
    Ok((number, unit.trim()))
}

#[cfg(test)]
mod tests;
