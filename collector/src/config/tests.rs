//! Tests of the settings: defaults, layers, and faults that name their key.

use super::*;

fn vars(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
    load(None, &vars(pairs)).map_err(|faults| faults.iter().map(|fault| format!("{fault}\n")).collect())
}

#[test]
fn without_anything_the_contract_holds() {
    let settings = read(&[]).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8650");
    assert_eq!(settings.data_dir, Path::new("./farol-data"));
    assert!(settings.self_watch && settings.public_url.is_none());
    assert!(settings.access.admin_password.is_none() && settings.access.agent_token.is_none());
    let days = |days: u64| Duration::from_secs(days * 86_400);
    assert_eq!(settings.retention, Retention { raw: days(2), minute: days(30), hour: days(730) });
}

#[test]
fn the_table_of_options_tells_the_true_defaults() {
    let settings = read(&[]).unwrap();
    let default = |key: &str| OPTIONS.iter().find(|row| row.key == key).map(|row| row.default).unwrap();
    let span = |key: &str| Span::parse(default(key)).unwrap().0;
    assert_eq!(default("listen"), settings.listen.to_string());
    assert_eq!(default("log"), settings.log);
    assert_eq!(default("self"), settings.self_watch.to_string());
    assert_eq!(span("access.session_idle"), settings.access.session_idle);
    assert_eq!(span("access.session_max"), settings.access.session_max);
    assert_eq!(span("access.token_lifetime"), settings.access.token_lifetime);
    assert_eq!(span("retention.raw"), settings.retention.raw);
    assert_eq!(span("retention.minute"), settings.retention.minute);
    assert_eq!(span("retention.hour"), settings.retention.hour);
    assert_eq!(default("http.connections_max"), settings.http.connections_max.to_string());
    assert_eq!(default("http.listeners_max"), settings.http.listeners_max.to_string());
}

#[test]
fn every_variable_of_the_table_sets_its_key() {
    for row in OPTIONS.iter().filter(|row| !row.key.is_empty()) {
        // A value that no setting takes: the fault must name the variable or the key.
        let faults = read(&[(row.variable, "\u{1}")]);
        if matches!(row.key, "data_dir") {
            assert_eq!(faults.unwrap().data_dir, Path::new("\u{1}"));
        } else {
            let text = faults.unwrap_err();
            assert!(text.contains(row.key) || text.contains(row.variable), "{}: {text}", row.variable);
        }
    }
}

#[test]
fn systemds_folder_is_taken_when_none_is_named() {
    assert_eq!(read(&[("STATE_DIRECTORY", "/var/lib/farol:/x")]).unwrap().data_dir, Path::new("/var/lib/farol"));
    let both = [("STATE_DIRECTORY", "/var/lib/farol"), ("FAROL_DATA_DIR", "/data")];
    assert_eq!(read(&both).unwrap().data_dir, Path::new("/data"));
}

#[test]
fn addresses_are_written_in_the_ways_people_write_them() {
    for (text, expect) in [
        ("0.0.0.0:80", "0.0.0.0:80"),
        (":8650", "0.0.0.0:8650"),
        ("localhost:1", "127.0.0.1:1"),
        ("[::]:8650", "[::]:8650"),
        ("127.0.0.1:0", "127.0.0.1:0"),
    ] {
        assert_eq!(read(&[("FAROL_LISTEN", text)]).unwrap().listen.to_string(), expect);
    }
    for text in ["8650", "farol.lan:8650", "127.0.0.1", "127.0.0.1:99999"] {
        let message = read(&[("FAROL_LISTEN", text)]).unwrap_err();
        assert!(message.contains("listen") && message.contains(text), "{message}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let message = read(&[
        ("FAROL_LISTEN", "nowhere"),
        ("FAROL_ADMIN_PASSWORD", "short"),
        ("FAROL_RETENTION__RAW", "60d"),
        ("FAROL_PUBLIC_URL", "ftp://x"),
        ("FAROL_LOG", "loud"),
        ("FAROL_AGENT_TOKEN", "has space"),
    ])
    .unwrap_err();
    for key in ["listen", "access.admin_password", "retention.minute", "public_url", "log", "access.agent_token"] {
        assert!(message.lines().any(|line| line.starts_with(&format!("{key}:"))), "{key} is missing in:\n{message}");
    }
    assert!(!message.contains("has space"), "a secret was printed");
}

#[test]
fn secrets_may_come_from_files_but_not_twice() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "correct horse\n").unwrap();
    let path = file.to_str().unwrap();
    let settings = read(&[("FAROL_ADMIN_PASSWORD_FILE", path)]).unwrap();
    assert_eq!(settings.access.admin_password.unwrap().reveal(), "correct horse");
    let twice = read(&[("FAROL_ADMIN_PASSWORD_FILE", path), ("FAROL_ADMIN_PASSWORD", "battery staple")]).unwrap_err();
    assert!(twice.contains("given twice"), "{twice}");
    let missing = read(&[("FAROL_AGENT_TOKEN_FILE", "/nonexistent/token")]).unwrap_err();
    assert!(missing.contains("access.agent_token_file") && missing.contains("/nonexistent/token"), "{missing}");
}

#[test]
fn a_fault_in_the_file_names_file_key_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("collector.toml");
    std::fs::write(&file, "listen = \":1\"\n\n[retention]\nraww = \"1h\"\n").unwrap();
    let faults = load(Some(&file), &vars(&[])).unwrap_err();
    let text = faults[0].to_string();
    assert!(text.contains("collector.toml") && text.contains("raww") && text.contains("line 4"), "{text}");
    std::fs::write(&file, "listen = \":1\"\n[retention]\nraw = \"3h\"\n").unwrap();
    let path = file.to_str().unwrap();
    let settings = load(None, &vars(&[("FAROL_CONFIG", path), ("FAROL_LISTEN", ":2")])).unwrap();
    assert_eq!((settings.listen.port(), settings.retention.raw), (2, Duration::from_secs(3 * 3_600)));
    assert!(load(Some(&dir.path().join("none.toml")), &vars(&[])).is_err(), "a named file must exist");
}

#[test]
fn the_public_address_decides_about_secure_cookies() {
    let settings = read(&[("FAROL_PUBLIC_URL", "https://farol.example.org/monitor/")]).unwrap();
    assert_eq!(settings.public_url.as_deref(), Some("https://farol.example.org/monitor"));
    assert!(settings.access.secure_cookie);
    assert!(!read(&[("FAROL_PUBLIC_URL", "http://farol.lan")]).unwrap().access.secure_cookie);
}

#[test]
fn yes_and_no_are_written_in_the_ways_people_write_them() {
    for (text, expect) in [("true", true), ("1", true), ("Yes", true), ("false", false), ("0", false), ("off", false)] {
        assert_eq!(read(&[("FAROL_SELF", text)]).unwrap().self_watch, expect, "{text}");
    }
    assert!(read(&[("FAROL_SELF", "maybe")]).unwrap_err().contains("FAROL_SELF"));
}

mod integrations;

#[test]
fn systemds_credentials_are_taken_and_a_blank_one_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let dir = folder.path().display().to_string();
    let given = |more: &[(&str, &str)]| {
        let access = read(&[&[("CREDENTIALS_DIRECTORY", dir.as_str())], more].concat()).unwrap().access;
        [access.admin_password, access.agent_token].map(|secret| secret.map(|secret| secret.reveal().to_owned()))
    };
    assert_eq!(given(&[]), [None, None]);
    write("admin-password", "\n");
    write("agent-token", "farol_of_systemd\n");
    write("other", "farol_of_a_file\n");
    assert_eq!(given(&[]), [None, Some("farol_of_systemd".to_owned())]);
    assert_eq!(given(&[("FAROL_AGENT_TOKEN", "farol_of_a_variable")])[1].as_deref(), Some("farol_of_a_variable"));
    assert_eq!(given(&[("FAROL_AGENT_TOKEN_FILE", "other")])[1].as_deref(), Some("farol_of_a_file"));
}
