//! Tests of the configuration: layers, faults and what is shown of it.

use super::*;

fn vars(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn read(file: Option<&str>, pairs: &[(&str, &str)]) -> Result<Settings, Faults> {
    Settings::load(file.map(|text| ("agent.toml", text)), &vars(pairs))
}

const SIDECAR: &[(&str, &str)] = &[("FAROL_COLLECTOR_URL", "http://collector:8650"), ("FAROL_TOKEN", "farol_abc\n")];

#[test]
fn a_sidecar_needs_two_variables_only() {
    let settings = read(None, SIDECAR).unwrap();
    assert_eq!(settings.interval_ms, 1_000);
    assert_eq!(settings.live_interval_ms, 100);
    assert_eq!(settings.spool.dir, None);
    assert_eq!(settings.target.unwrap().authority(), "collector:8650");
    assert!(Settings::embedded().target.is_none());
}

#[test]
fn all_faults_are_told_at_once_each_with_its_key() {
    let pairs = [("FAROL_INTERVAL", "10ms"), ("FAROL_LOG", "loud"), ("FAROL_ROOT", "host"), ("FAROL_SPOOL_MAX", "1KiB")];
    let message = read(None, &pairs).unwrap_err().to_string();
    for key in ["interval:", "log:", "root:", "spool.max:", "send.url:", "send.token:"] {
        assert!(message.lines().any(|line| line.starts_with(key)), "{key} is missing in: {message}");
    }
    assert!(message.contains("farol-collector token create"), "{message}");
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let message = read(Some("interval = \"1s\"\n[spool]\nsize = \"1MiB\"\n"), SIDECAR).unwrap_err().to_string();
    assert!(message.contains("agent.toml") && message.contains("line 3") && message.contains("size"), "{message}");
}

#[test]
fn wrong_addresses_are_refused_with_a_reason() {
    for url in ["collector:8650", "ftp://collector", "http://", "http://a b", "http://user:pw@collector", "http://c/?q=1"] {
        let message = read(None, &[("FAROL_COLLECTOR_URL", url), ("FAROL_TOKEN", "t")]).unwrap_err().to_string();
        assert!(message.starts_with("send.url: "), "{url}: {message}");
    }
}

#[test]
fn every_option_can_be_set_and_the_token_is_not_shown() {
    let file = r#"
        name = "web-1"
        interval = "2s"
        live_interval = "5s"
        root = "/host"
        log = "debug"
        [send]
        url = "https://collector.example/farol/"
        token = "hunter2"
        ca_file = "/etc/ca.pem"
        timeout = "5s"
        [resource]
        service = "shop"
        tenant = "acme"
        environment = "production"
        [resource.attributes]
        "team" = "blue"
        [spool]
        dir = "/var/lib/farol"
        max = "8MiB"
        memory = "16MiB"
    "#;
    let settings = read(Some(file), &[("STATE_DIRECTORY", "/var/lib/other")]).unwrap();
    assert_eq!(settings.live_interval_ms, 2_000, "a slower boost is none");
    assert_eq!(settings.spool.memory_bytes_max, 8 << 20, "the whole bounds the part");
    assert_eq!(settings.spool.dir.as_deref(), Some(std::path::Path::new("/var/lib/farol")));
    let shown = settings.to_string();
    assert!(!shown.contains("hunter2") && shown.contains("***"), "{shown}");
    let again = read(Some(&shown.replace("***", "hunter2")), &[]).unwrap();
    assert_eq!(again.to_string(), shown, "what is shown can be read back");
    for option in OPTIONS {
        let key = option.key.rsplit('.').next().unwrap();
        let is_shown = shown.contains(key) || ["token_file", "service", "environment"].contains(&key);
        assert!(is_shown, "{key} is not shown in: {shown}");
    }
}

#[test]
fn open_telemetry_names_describe_the_resource() {
    let mut pairs = SIDECAR.to_vec();
    pairs.push(("OTEL_SERVICE_NAME", "fallback"));
    pairs.push(("OTEL_RESOURCE_ATTRIBUTES", "team=blue%2Cgreen, deployment.environment=staging,service.name=lowest"));
    let attributes = read(None, &pairs).unwrap().described.attributes;
    assert_eq!(attributes["service.name"], "fallback");
    assert_eq!(attributes["deployment.environment.name"], "staging");
    assert_eq!(attributes["team"], "blue,green");
    pairs.push(("FAROL_SERVICE", "shop"));
    assert_eq!(read(None, &pairs).unwrap().described.attributes["service.name"], "shop");
    pairs.push(("FAROL_RESOURCE__ATTRIBUTES", "broken"));
    assert!(read(None, &[SIDECAR, &[("OTEL_RESOURCE_ATTRIBUTES", "broken")]].concat()).is_err());
}

#[test]
fn the_state_directory_is_the_default_place_of_the_spool() {
    let mut pairs = SIDECAR.to_vec();
    pairs.push(("STATE_DIRECTORY", "/var/lib/farol-agent:/var/lib/second"));
    assert_eq!(read(None, &pairs).unwrap().spool.dir, Some(PathBuf::from("/var/lib/farol-agent")));
    pairs.push(("FAROL_SPOOL_DIR", "/data"));
    assert_eq!(read(None, &pairs).unwrap().spool.dir, Some(PathBuf::from("/data")));
}

#[test]
fn each_variable_of_an_option_is_its_own() {
    let names: std::collections::BTreeSet<_> = OPTIONS.iter().filter_map(|option| option.var).collect();
    assert_eq!(names.len(), OPTIONS.iter().filter(|option| option.var.is_some()).count());
}

#[test]
fn personal_fields_of_events_are_kept_only_when_asked_for() {
    assert!(!read(None, SIDECAR).unwrap().listen.keeps_private);
    let with = |word| read(None, &[SIDECAR, &[("FAROL_EVENTS_PRIVATE", word)]].concat());
    assert!(with("keep").unwrap().listen.keeps_private);
    let message = with("hide").unwrap_err().to_string();
    assert!(message.starts_with("events.private: ") && message.contains("mask or keep"), "{message}");
}

#[test]
fn systemds_credential_is_the_token_when_no_other_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().display().to_string();
    let given = |more: &[(&str, &str)]| {
        let all = [&[("FAROL_COLLECTOR_URL", "http://c:1"), ("CREDENTIALS_DIRECTORY", dir.as_str())], more].concat();
        read(None, &all).map(|settings| match settings.target.unwrap().token() {
            Token::Given(secret) => secret.reveal().to_owned(),
            Token::File(file) => file.display().to_string(),
        })
    };
    assert!(given(&[]).unwrap_err().to_string().contains("send.token: is not set"));
    std::fs::write(folder.path().join("token"), "farol_abc\n").unwrap();
    assert_eq!(given(&[]).unwrap(), format!("{dir}/token"));
    assert_eq!(given(&[("FAROL_TOKEN", "farol_x")]).unwrap(), "farol_x");
    assert_eq!(given(&[("FAROL_TOKEN_FILE", "/etc/t")]).unwrap(), "/etc/t");
    assert_eq!(given(&[("FAROL_TOKEN_FILE", "other")]).unwrap(), format!("{dir}/other"));
}
