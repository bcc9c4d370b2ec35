//! An instance as the configuration declares it: its common keys read, its secrets fetched, its own keys still a table.

use std::{fmt, path::Path, time::Duration};

use farol_shared::{
    config::{Span, Vars, secret_path},
    limit,
};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{INTERVAL_MIN, Integration, Kind};

/// Longest name of an instance, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Largest file of a secret, in bytes.
const SECRET_FILE_BYTES_MAX: u64 = 64 << 10;

/// Longest time that one poll may be given.
const TIMEOUT_MAX: Duration = Duration::from_secs(120);

/// What a kind makes an instance of. Its `Debug` tells no values.
#[derive(Clone)]
pub struct Given {
    /// Name of the instance.
    pub name: String,
    /// Address to ask instead of the usual one, as it was written.
    pub url: Option<String>,
    /// How long one poll may take in all.
    pub timeout: Duration,
    /// How often it is asked.
    pub interval: Duration,
    /// The kind's own keys, secrets in their places.
    pub table: Table,
}

impl Given {
    /// Reads the kind's own keys.
    ///
    /// # Errors
    /// Says which key is wrong, and how.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        Value::Table(self.table.clone()).try_into().map_err(|error: toml::de::Error| error.message().to_owned())
    }

    /// The address, when there must be one.
    ///
    /// # Errors
    /// Says how it is written, by an example.
    pub fn needed_url(&self, example: &str) -> Result<&str, String> {
        self.url.as_deref().ok_or_else(|| format!("url is missing: write one such as \"{example}\""))
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A declared instance, checked.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Its kind.
    pub kind: &'static Kind,
    /// What it is made of.
    pub given: Given,
}

impl Declared {
    /// Reads one table of the configuration. `vars` gives the variables that secrets may stand in.
    ///
    /// # Errors
    /// Says what is wrong with it and what to write. Secrets are not told.
    pub fn read(kind: &'static Kind, mut table: Table, vars: &dyn Vars) -> Result<Self, String> {
        let name = text(&mut table, "name")?.unwrap_or_else(|| kind.name.to_owned());
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ');
        if name.trim().is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(is_plain) {
            return Err(format!("name cannot be used: write 1 to {NAME_BYTES_MAX} letters, digits, spaces or . _ -"));
        }
        let url = text(&mut table, "url")?;
        let longest = Duration::from_millis(limit::INTERVAL_MS_MAX);
        let interval = span(&mut table, "interval", kind.interval, INTERVAL_MIN, longest)?;
        let timeout = span(&mut table, "timeout", kind.timeout, Duration::from_millis(100), TIMEOUT_MAX)?;
        for secret in kind.secrets {
            fetch(&mut table, secret, vars)?;
        }
        let declared = Self { kind, given: Given { name, url, timeout, interval, table } };
        declared.open()?;
        Ok(declared)
    }

    /// Makes the instance.
    ///
    /// # Errors
    /// Says which key is wrong, and how.
    pub fn open(&self) -> Result<Box<dyn Integration>, String> {
        (self.kind.open)(self.given.clone())
    }

    /// Key of its resource.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}:{}", self.kind.name, self.given.name)
    }
}

fn text(table: &mut Table, key: &str) -> Result<Option<String>, String> {
    match table.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{key} is no text: write {key} = \"...\"")),
    }
}

fn span(table: &mut Table, key: &str, usual: Duration, min: Duration, max: Duration) -> Result<Duration, String> {
    let Some(written) = text(table, key)? else { return Ok(usual) };
    let span = Span::parse(&written).map_err(|wrong| format!("{key}: {wrong}"))?;
    if span.0 < min || span.0 > max {
        return Err(format!("{key}: {span} is out of bounds: write something from {} to {}", Span(min), Span(max)));
    }
    Ok(span.0)
}

/// Puts the secret itself in the place of `KEY_file` or `KEY_env`.
///
/// # Errors
/// Says which key is wrong. Secrets are not told.
pub(crate) fn fetch(table: &mut Table, key: &str, vars: &dyn Vars) -> Result<(), String> {
    let (file, variable) = (text(table, &format!("{key}_file"))?, text(table, &format!("{key}_env"))?);
    let given = [table.contains_key(key), file.is_some(), variable.is_some()].into_iter().filter(|is_given| *is_given).count();
    if given > 1 {
        return Err(format!("{key} is given more than once: keep one of {key}, {key}_file, {key}_env"));
    }
    if table.get(key).is_some_and(|value| !value.is_str()) {
        return Err(format!("{key} is no text: write {key}_file = \"/path\" or {key}_env = \"NAME\""));
    }
    let secret = match (file, variable) {
        (Some(path), _) => read_secret(&secret_path(vars, path.clone().into()))
            .map_err(|wrong| format!("{key}_file: {path} cannot be read: {wrong}"))?,
        (None, Some(name)) => {
            vars.var(&name).ok_or_else(|| format!("{key}_env: the variable {name} is not set in the collector's environment"))?
        }
        (None, None) => return Ok(()),
    };
    let secret = secret.trim();
    if secret.is_empty() {
        return Err(format!("{key} is empty"));
    }
    table.insert(key.to_owned(), Value::String(secret.to_owned()));
    Ok(())
}

fn read_secret(path: &Path) -> Result<String, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if about.len() > SECRET_FILE_BYTES_MAX {
        return Err(format!("it is larger than {SECRET_FILE_BYTES_MAX} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}
