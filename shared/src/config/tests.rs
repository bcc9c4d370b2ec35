//! Tests of the configuration's layers and of the values that carry units.

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    interval: Span,
    send: Send,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
struct Send {
    url: String,
    retries: u32,
    compress: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { interval: Span(Duration::from_secs(1)), send: Send::default() }
    }
}

const ALIASES: &[Alias] =
    &[Alias { var: "FAROL_COLLECTOR_URL", key: "send.url" }, Alias { var: "FAROL_INTERVAL", key: "interval" }];

fn vars(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn read(file: Option<&str>, pairs: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    load(file.map(|text| ("farol.toml", text)), &vars(pairs), ALIASES)
}

#[test]
fn variables_win_over_the_file_and_the_file_over_the_default() {
    let file = "interval = \"2s\"\n[send]\nurl = \"http://file\"\nretries = 3\n";
    let settings = read(Some(file), &[("FAROL_COLLECTOR_URL", "http://var"), ("FAROL_SEND__COMPRESS", "true")]).unwrap();
    assert_eq!(settings.interval, Span(Duration::from_secs(2)));
    assert_eq!(settings.send, Send { url: "http://var".into(), retries: 3, compress: true });
    assert_eq!(read(None, &[]).unwrap(), Settings::default());
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let message = read(Some("interval = \"2s\"\n\n[send]\nulr = \"x\"\n"), &[]).unwrap_err().to_string();
    assert!(message.contains("farol.toml") && message.contains("line 4") && message.contains("ulr"), "{message}");
}

#[test]
fn a_wrong_value_in_a_variable_names_the_variable() {
    let message = read(None, &[("FAROL_INTERVAL", "soon")]).unwrap_err().to_string();
    assert!(message.contains("FAROL_INTERVAL") && message.contains("soon"), "{message}");
    let message = read(None, &[("FAROL_SEND__ULR", "x")]).unwrap_err().to_string();
    assert!(message.contains("FAROL_SEND__ULR"), "{message}");
}

#[test]
fn an_empty_variable_counts_as_unset() {
    assert_eq!(read(None, &[("FAROL_INTERVAL", "")]).unwrap(), Settings::default());
}

#[test]
fn spans_and_sizes_read_what_they_write() {
    for text in ["250ms", "5s", "10m", "48h", "30d"] {
        assert_eq!(Span::parse(text).unwrap().to_string(), if text == "48h" { "2d" } else { text });
    }
    for text in ["512B", "64KiB", "64MiB", "2GiB"] {
        assert_eq!(Size::parse(text).unwrap().to_string(), text);
    }
    for text in ["", "5", "s", "-5s", "1e9s", "99999999999999999999d"] {
        assert!(Span::parse(text).is_err(), "{text}");
    }
    assert!(Size::parse("64MB").is_err());
    assert!(Size::parse("99999999GiB").is_err());
}

#[test]
fn a_relative_path_of_a_secret_is_the_name_of_a_credential() {
    let with = BTreeMap::from([("CREDENTIALS_DIRECTORY".to_owned(), "/run/credentials/x".to_owned())]);
    let without = BTreeMap::new();
    assert_eq!(secret_path(&with, "redis".into()), Path::new("/run/credentials/x/redis"));
    assert_eq!(secret_path(&with, "/etc/redis".into()), Path::new("/etc/redis"));
    assert_eq!(secret_path(&without, "redis".into()), Path::new("redis"));
    assert_eq!(credential(&with, "token").unwrap(), Path::new("/run/credentials/x/token"));
    assert!(credential(&without, "token").is_none());
}
