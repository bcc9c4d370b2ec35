//! Tests of how probes are written.

use proptest::prelude::*;

use super::*;
use crate::config::list::{List, from_word};

#[derive(Debug, Deserialize)]
struct File {
    probes: List<Probe>,
}

fn words(text: &str) -> Result<Vec<Probe>, String> {
    from_word::<Probe>(text).map(|list| list.0).map_err(|error| error.to_string())
}

fn table(text: &str) -> Result<Probe, String> {
    let file = format!("[[probes]]\n{text}");
    toml_from(&file).map(|mut file| file.probes.0.remove(0))
}

fn toml_from(text: &str) -> Result<File, String> {
    farol_shared::config::load(Some(("f", text)), &BTreeMap::new(), &[]).map_err(|error| error.to_string())
}

#[test]
fn every_kind_is_written_as_a_word() {
    let all = "http://127.0.0.1:8000/health,tcp://db:5432,tls://example.com,redis://127.0.0.1, database=postgres://u:p@db/app,\
               mysql://db:3306,worker=process:gunicorn,rabbitmq=amqp://guest:guest@mq,command:/usr/local/bin/check -a b";
    let probes = words(all).unwrap();
    let names: Vec<_> = probes.iter().map(|probe| (probe.kind.as_str(), probe.name.as_str(), probe.target.as_str())).collect();
    assert_eq!(
        names,
        [
            ("http", "http 127.0.0.1:8000/health", "http://127.0.0.1:8000/health"),
            ("tcp", "tcp db:5432", "tcp://db:5432"),
            ("tls", "tls example.com:443", "tls://example.com"),
            ("redis", "redis 127.0.0.1:6379", "redis://127.0.0.1"),
            ("postgres", "database", "postgres://db/app"),
            ("mysql", "mysql db:3306", "mysql://db:3306"),
            ("process", "worker", "process:gunicorn"),
            ("amqp", "rabbitmq", "amqp://mq"),
            ("command", "command check", "command:/usr/local/bin/check"),
        ]
    );
    assert_eq!(probes[4].password().unwrap().unwrap().reveal(), "p");
    assert_eq!(probes[8].words, ["/usr/local/bin/check", "-a", "b"]);
    assert!(probes[2].is_encrypted && !probes[3].is_encrypted);
    assert!(words("postgres://db?sslmode=require").unwrap()[0].is_encrypted);
}

#[test]
fn a_table_has_every_field() {
    let probe = table(
        r#"
        name = "api"
        url = "https://api.example/health"
        interval = "30s"
        timeout = "500ms"
        failures = 2
        successes = 1
        slow = "250ms"
        method = "post"
        status = [200, "300-308"]
        body_contains = "ok"
        ca_file = "/etc/ca.pem"
        warn_days = 30
        user = "me"
        password_file = "/run/secret"
        headers = { X-Key = "hunter2" }
        "#,
    )
    .unwrap();
    assert_eq!((probe.name.as_str(), probe.interval.as_secs(), probe.failures, probe.successes), ("api", 30, 2, 1));
    assert_eq!((probe.http.method.as_str(), &probe.http.statuses[..]), ("POST", &[200..=200, 300..=308][..]));
    assert_eq!((probe.address.user.as_deref(), probe.warn_days), (Some("me"), 30));
    assert!(!format!("{probe:?}").contains("hunter2"));
}

#[test]
fn what_is_wrong_is_said_with_the_probe_and_without_its_password() {
    for (text, expected) in [
        (r#"target = "tcp://u:hunter2@db""#, "needs a port"),
        (r#"target = "ftp://u:hunter2@db:1""#, "unknown scheme 'ftp'"),
        (r#"target = "postgres://u:hunter2@db?sslmode=prefer""#, "sslmode"),
        (r#"target = "http//u:hunter2@db""#, "no scheme"),
        ("target = \"tcp://db:1\"\nstatus = 200", "'status' does not fit"),
        ("target = \"http://db\"\nstatus = \"2xx\"", "'2xx' is no status"),
        ("target = \"http://db\"\nheaders = { \"a b\" = \"hunter2\" }", "header"),
        ("target = \"http://db\"\nmethod = \"G T\"", "method"),
        ("target = \"http://db\"\ninterval = \"10ms\"", "interval is out of bounds"),
        ("target = \"http://db\"\nfailures = 0", "failures is out of bounds"),
        ("target = \"redis://:hunter2@db\"\npassword_env = \"X\"", "more than one password"),
        ("target = \"process:\"", "process:NAME"),
        ("target = \"command:check\"", "whole path"),
        ("target = \"tcp://db:1\"\nname = \"\"", "name is empty"),
        ("target = \"tcp://db:1\"\ncolour = 1", "colour"),
    ] {
        let error = table(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let error = words("tcp://u:hunter2@db").unwrap_err();
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn names_are_unique_and_variables_resolved() {
    let mut probes = words("tcp://db:1,tcp://db:1,tcp://db:1,a=tcp://db:2,a=tcp://db:3").unwrap();
    probes.push(Probe { password: Password::Variable("SECRET".into()), ..words("x=redis://db").unwrap().remove(0) });
    probes.push(Probe { password: Password::Variable("NONE".into()), ..words("y=redis://db").unwrap().remove(0) });
    let vars = BTreeMap::from([("SECRET".to_owned(), "hunter2".to_owned())]);
    let faults = check_all(&mut probes, &vars);
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].contains("two of the name 'a'") && faults[1].contains("NONE"), "{faults:?}");
    assert_eq!([&probes[0].name, &probes[1].name, &probes[2].name], ["tcp db:1", "tcp db:1 2", "tcp db:1 3"]);
    assert_eq!(probes[5].password().unwrap().unwrap().reveal(), "hunter2");
    let mut many: Vec<_> = (0..=PROBES_MAX).map(|n| words(&format!("tcp://db:{}", n + 1)).unwrap().remove(0)).collect();
    assert_eq!(check_all(&mut many, &vars).len(), 1);
}

#[test]
fn a_password_file_is_read_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("password");
    let probe = Probe { password: Password::File(path.clone()), ..words("redis://db").unwrap().remove(0) };
    assert!(probe.password().unwrap_err().contains("password"));
    std::fs::write(&path, "one\n").unwrap();
    assert_eq!(probe.password().unwrap().unwrap().reveal(), "one");
    std::fs::write(&path, "two").unwrap();
    assert_eq!(probe.password().unwrap().unwrap().reveal(), "two");
}

proptest! {
    #[test]
    fn any_word_is_read_or_refused(word in "(http|tcp|postgres|process|command|)[:=/@?\\PC]{0,30}") {
        drop(Probe::from_word(&word));
    }
}
