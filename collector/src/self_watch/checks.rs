//! `[[check]]`: what the collector checks from where it runs, for who has no service that does. The agent's probes do it;
//! here its tables are read and bounded.
//!
//! Invariant: addresses where clouds hand out credentials are never connected to, neither written nor by name.

use farol_agent::probe::{Kind, PROBES_MAX, Probe, setting::check_all};
use farol_shared::config::Vars;
use toml::{Table, Value};

/// How often a check is done unless its table says otherwise: own traffic, but somebody else's server.
const INTERVAL: &str = "30s";

/// Keys of a check, and what the agent's probes call them.
const KEYS: &[(&str, &str)] = &[
    ("name", "name"),
    ("url", "target"),
    ("address", "target"),
    ("interval", "interval"),
    ("timeout", "timeout"),
    ("failures", "failures"),
    ("successes", "successes"),
    ("slow", "slow"),
    ("method", "method"),
    ("status", "status"),
    ("body", "body_contains"),
    ("headers", "headers"),
    ("user", "user"),
    ("password_file", "password_file"),
    ("password_env", "password_env"),
    ("ca_file", "ca_file"),
    ("expires_in_days", "warn_days"),
];

/// Reads the tables.
///
/// # Errors
/// Everything that is wrong, in words; no password is told.
pub fn read(tables: Vec<Table>, vars: &dyn Vars) -> Result<Vec<Probe>, Vec<String>> {
    if tables.len() > PROBES_MAX {
        return Err(vec![format!("{} tables stand there: write at most {PROBES_MAX}", tables.len())]);
    }
    let (mut checks, mut wrong) = (Vec::new(), Vec::new());
    for (index, table) in tables.into_iter().enumerate() {
        match one(table) {
            Ok(check) => checks.push(check),
            Err(message) => wrong.push(format!("number {}: {message}", index + 1)),
        }
    }
    wrong.extend(check_all(&mut checks, vars).into_iter().map(|message| format!("the checks {message}")));
    if wrong.is_empty() { Ok(checks) } else { Err(wrong) }
}

fn one(table: Table) -> Result<Probe, String> {
    let mut written = Table::from_iter([("interval".to_owned(), Value::from(INTERVAL))]);
    if table.contains_key("url") == table.contains_key("address") {
        return Err("write either url = \"https://host/path\" or address = \"host:port\"".to_owned());
    }
    for (key, value) in table {
        let Some((_, name)) = KEYS.iter().find(|(known, _)| *known == key) else {
            let known: Vec<&str> = KEYS.iter().map(|(known, _)| *known).collect();
            return Err(format!("the key {key} is not known: write {}", known.join(", ")));
        };
        let value = match (key.as_str(), value) {
            ("address", Value::String(place)) if !place.contains("://") => Value::String(format!("tcp://{place}")),
            ("address", _) => return Err("address is no host and port: write address = \"host:port\"".to_owned()),
            (_, value) => value,
        };
        written.insert((*name).to_owned(), value);
    }
    let mut check: Probe = Value::Table(written).try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
    if !matches!(check.kind, Kind::Http | Kind::Tcp | Kind::Tls) {
        return Err(
            "url begins with http://, https:// or tls://; other systems are integrations, or an agent's probes".to_owned()
        );
    }
    check.is_metadata_barred = true;
    Ok(check)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;

    fn tables(text: &str) -> Result<Vec<Probe>, Vec<String>> {
        #[derive(serde::Deserialize)]
        struct File {
            check: Vec<Table>,
        }
        let file: File = toml::from_str(text).unwrap();
        read(file.check, &BTreeMap::from([("PASSWORD".to_owned(), "s3cr3t".to_owned())]))
    }

    #[test]
    fn a_check_is_a_probe_of_the_agent() {
        let checks = tables(
            "[[check]]\nname = \"site\"\nurl = \"https://example.org/health\"\ninterval = \"1m\"\nstatus = \"200,204\"\n\
             body = \"fine\"\nexpires_in_days = 21\nuser = \"me\"\npassword_env = \"PASSWORD\"\n\
             [[check]]\naddress = \"db.example.org:5432\"\n",
        )
        .unwrap();
        let (site, port) = (&checks[0], &checks[1]);
        assert_eq!((site.name.as_str(), site.kind, site.warn_days), ("site", Kind::Http, 21));
        assert_eq!((site.http.statuses.len(), site.http.body_contains.as_deref()), (2, Some("fine")));
        assert_eq!((site.interval, port.interval), (Duration::from_secs(60), Duration::from_secs(30)));
        assert_eq!((port.kind, port.target.as_str()), (Kind::Tcp, "tcp://db.example.org:5432"));
        assert!(site.is_metadata_barred && port.is_metadata_barred);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_number() {
        for (text, words) in [
            ("url = \"http://a\"\n[[check]]\nname = \"b\"", "number 2: write either"),
            ("url = \"http://a\"\naddress = \"a:1\"", "write either"),
            ("url = \"process:postgres\"", "http://"),
            ("url = \"command:/bin/true\"", "http://"),
            ("url = \"redis://a\"", "integrations"),
            ("address = \"a\"", "port"),
            ("address = \"command:///bin/true\"", "host:port"),
            ("url = \"http://a\"\nexpect = 200", "expect is not known"),
            ("url = \"http://a\"\ninterval = \"1ms\"", "interval"),
            ("url = \"http://a\"\nstatus = 7", "status"),
            ("url = \"http://a\"\nexpires_in_days = 3", "does not fit"),
            ("url = \"http://a\"\npassword_env = \"NONE\"", "NONE"),
            ("name = \"a\"\nurl = \"http://a\"\n[[check]]\nname = \"a\"\nurl = \"http://b\"", "two of the name"),
        ] {
            let told = tables(&format!("[[check]]\n{text}")).unwrap_err().join("; ");
            assert!(told.contains(words), "{text}: {told}");
        }
        let secret = tables("[[check]]\nurl = \"gopher://me:s3cr3t@a\"").unwrap_err().join("; ");
        assert!(!secret.contains("s3cr3t"), "{secret}");
    }

    #[test]
    fn there_is_a_bound() {
        let many = "[[check]]\nurl = \"http://a\"\n".repeat(PROBES_MAX + 1);
        assert!(tables(&many).unwrap_err()[0].contains("at most"));
    }
}
