//! Tests of the integrations' tables: secrets, names and faults that say which instance is meant.

use super::*;

fn declared(toml: &str, pairs: &[(&str, &str)]) -> Result<Vec<Declared>, String> {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("farol.toml");
    std::fs::write(&path, toml.replace("DIR", dir.path().to_str().unwrap())).unwrap();
    std::fs::write(dir.path().join("secret"), "fr0m-f1le\n").unwrap();
    std::fs::write(dir.path().join("empty"), "\n").unwrap();
    let loaded = load(Some(&path), &vars(pairs));
    loaded.map(|settings| settings.pull).map_err(|faults| faults.iter().map(|fault| format!("{fault}\n")).collect())
}

const PLAIN: &str = "[[redis]]\nurl = \"redis://127.0.0.1:1/0\"\n";

#[test]
fn an_instance_has_the_name_and_the_interval_of_its_kind_unless_it_says_otherwise() {
    let all =
        declared(&format!("{PLAIN}[[redis]]\nname = \"jobs\"\nurl = \"redis://h\"\ninterval = \"30s\"\ntimeout = \"1s\"\n"), &[]);
    let all = all.unwrap();
    let keys: Vec<String> = all.iter().map(Declared::key).collect();
    assert_eq!(keys, ["redis:redis", "redis:jobs"]);
    assert_eq!((all[0].given.interval, all[1].given.interval), (Duration::from_secs(2), Duration::from_secs(30)));
    assert_eq!(all[1].given.timeout, Duration::from_secs(1));
}

#[test]
fn a_secret_comes_from_its_file_or_variable_and_is_never_told() {
    for (line, expect) in [("password_file = \"DIR/secret\"", "fr0m-f1le"), ("password_env = \"REDIS_SECRET\"", "fr0m-env")] {
        let all = declared(&format!("{PLAIN}{line}\n"), &[("REDIS_SECRET", "fr0m-env")]).unwrap();
        assert_eq!(all[0].given.table["password"].as_str(), Some(expect));
        assert!(!format!("{all:?}").contains("fr0m"), "{all:?}");
    }
}

#[test]
fn a_fault_names_the_instance_and_what_to_write() {
    for (toml, expect) in [
        (format!("{PLAIN}{PLAIN}"), "another one called \"redis\""),
        (format!("{PLAIN}colour = \"red\"\n"), "colour"),
        (format!("{PLAIN}interval = \"10ms\"\n"), "out of bounds"),
        (format!("{PLAIN}interval = 5\n"), "interval is no text"),
        (format!("{PLAIN}name = \"\"\n"), "name cannot be used"),
        (format!("{PLAIN}password_env = \"NOT_SET\"\n"), "NOT_SET is not set"),
        (format!("{PLAIN}password_file = \"DIR/none\"\n"), "cannot be read"),
        (format!("{PLAIN}password_file = \"DIR/empty\"\n"), "password is empty"),
        (format!("{PLAIN}password = \"s3cr3t\"\npassword_env = \"A\"\n"), "more than once"),
        (format!("{PLAIN}password = 7\n"), "password is no text"),
        ("[[redis]]\nurl = 7\n".to_owned(), "url is no text"),
        ("[[oracle]]\n".to_owned(), "oracle"),
        ("[[redis]]\nurl = \"http://h\"\n".to_owned(), "[[redis]] number 1"),
    ] {
        let told = declared(&toml, &[]).unwrap_err();
        assert!(told.contains(expect) && !told.contains("s3cr3t"), "{toml}: {told}");
    }
}
