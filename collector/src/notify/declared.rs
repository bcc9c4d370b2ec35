//! Channels of the configuration: `[[channel]]` tables, their secrets from files and variables.

use std::collections::BTreeSet;

use farol_shared::config::{Span, Vars};
use toml::{Table, Value};

use super::{
    channel::{Channel, Origin, Written, links},
    kind::{Fault, kind},
};
use crate::pull::declared::fetch;

/// Keys that are a channel's own; the rest are its kind's.
const COMMON: &[&str] = &[
    "id",
    "name",
    "kind",
    "enabled",
    "tenant",
    "language",
    "min_level",
    "quiet",
    "offset_min",
    "fallback",
    "escalate_to",
    "escalate_after_s",
];

/// Reads one table. `vars` gives the variables that secrets may stand in: `url_file` and `url_env` take the place of `url`.
///
/// # Errors
/// Says what is wrong with it and what to write. Secrets are not told.
pub fn read(mut table: Table, vars: &dyn Vars) -> Result<Channel, String> {
    let name = match table.get("kind") {
        Some(Value::String(name)) => name.clone(),
        _ => return Err("kind is missing: write one such as \"slack\"".to_owned()),
    };
    let kind = kind(&name).map_err(|fault| fault.to_string())?;
    // A name is worth less than a working channel: the kind's own will do.
    table.entry("name").or_insert_with(|| Value::String(name));
    if let Some(after) = table.remove("escalate_after") {
        let Value::String(text) = after else { return Err("escalate_after is no time: write one such as \"15m\"".to_owned()) };
        let span = Span::parse(&text).map_err(|wrong| format!("escalate_after: {wrong}"))?;
        table.insert("escalate_after_s".to_owned(), Value::Integer(i64::try_from(span.0.as_secs()).unwrap_or(i64::MAX)));
    }
    for secret in kind.secrets {
        // Headers may be a table, with its secrets in it.
        if !table.get(*secret).is_some_and(Value::is_table) {
            fetch(&mut table, secret, vars)?;
        }
    }
    // A certificate is no secret, but it stands in a file as they do.
    if kind.name == "email" {
        fetch(&mut table, "ca", vars)?;
    }
    let (common, settings): (Table, Table) = table.into_iter().partition(|(key, _)| COMMON.contains(&key.as_str()));
    let mut whole = common;
    whole.insert("settings".to_owned(), Value::Table(settings));
    // What the reader says may quote a value, but no secret: they all stand in the settings, which are any values here.
    let written: Written = Value::Table(whole).try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
    Channel::check(written, Origin::File).map_err(|faults| told(&faults))
}

/// Checks what channels of the configuration say of one another: each has its own word, and those that they name exist. Names of channels
/// that were made in the page are not known yet, and fine.
///
/// # Errors
/// Says which channel is wrong, and how.
pub fn check(channels: &[Channel]) -> Result<(), String> {
    let mut known = BTreeSet::new();
    for channel in channels {
        if !known.insert(&channel.id) {
            return Err(format!("there are two channels {}: give one of them another id", channel.id));
        }
        links(channel, |_| true).map_err(|faults| format!("channel {}: {}", channel.id, told(&faults)))?;
    }
    Ok(())
}

/// Faults in one line, as the configuration's keys are called.
fn told(faults: &[Fault]) -> String {
    let told: Vec<String> = faults.iter().map(|fault| fault.to_string().replacen("settings.", "", 1)).collect();
    told.join("; ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{alert::Level, notify::text::Language};

    fn channel(text: &str) -> Result<Channel, String> {
        let vars = BTreeMap::from([("HOOK".to_owned(), "https://hooks.slack.com/services/T0/B0/s3cr3t".to_owned())]);
        read(text.parse().unwrap(), &vars)
    }

    #[test]
    fn a_table_becomes_a_channel_with_its_secret_from_a_variable() {
        let ops = channel(
            "kind = \"slack\"\nname = \"Plantão\"\nurl_env = \"HOOK\"\nlanguage = \"pt-BR\"\nmin_level = \"critical\"\n\
             escalate_to = \"boss\"\nescalate_after = \"20m\"\nquiet = { start = \"22:00\", end = \"07:00\", offset_min = -180 }",
        )
        .unwrap();
        assert_eq!((ops.id.as_str(), ops.language, ops.min_level), ("plantao", Language::PtBr, Level::Critical));
        assert_eq!((ops.escalate_after_s, ops.zone_min(), ops.quiet.as_ref().unwrap().start.0), (1_200, -180, 1_320));
        assert!(!format!("{ops:?}").contains("s3cr3t"));
        assert_eq!(serde_json::Value::Object(ops.shown_settings()), serde_json::json!({ "url": { "set": true } }));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_key_and_without_secrets() {
        for (wrong, said) in [
            ("name = \"x\"", "kind is missing"),
            ("kind = \"pigeon\"", "kind is none: write one of email, slack"),
            ("kind = \"slack\"", "url is missing"),
            ("kind = \"slack\"\nurl = \"s3cr3t\"", "url is no address"),
            ("kind = \"slack\"\nurl = 5", "url is no text"),
            ("kind = \"slack\"\nurl_env = \"NONE\"", "NONE is not set"),
            ("kind = \"slack\"\nurl_env = \"HOOK\"\ncolour = \"red\"", "colour is unknown: there are url"),
            ("kind = \"slack\"\nurl_env = \"HOOK\"\nmin_level = \"ok\"", "min_level is none"),
            ("kind = \"slack\"\nurl_env = \"HOOK\"\nescalate_after = \"5s\"", "escalate_after_s is out of bounds"),
            ("kind = \"slack\"\nurl_env = \"HOOK\"\nquiet = { start = \"25:00\", end = \"07:00\" }", "a time is no time"),
            ("kind = \"pagerduty\"\nrouting_key = \"s3cr3t\"", "routing_key is no integration key"),
        ] {
            let error = channel(wrong).unwrap_err();
            assert!(error.contains(said) && !error.contains("s3cr3t"), "{wrong}: {error}");
        }
    }

    #[test]
    fn two_channels_have_two_words_and_none_names_itself() {
        let slack = |more: &str| channel(&format!("kind = \"slack\"\nurl_env = \"HOOK\"\n{more}")).unwrap();
        assert!(check(&[slack("id = \"a\""), slack("id = \"b\"\nfallback = \"a\"")]).is_ok());
        assert!(check(&[slack(""), slack("")]).unwrap_err().contains("two channels slack"));
        assert!(check(&[slack("fallback = \"slack\"")]).unwrap_err().contains("names the channel itself"));
    }
}
