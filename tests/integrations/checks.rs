//! `[[check]]`: a real collector checks real servers from where it runs, with and without watching its own machine.

use std::{fs, net::TcpListener};

use axum::{Router, routing::get};
use farol_tests::{collector::Collector, fake::Fake, wait::until};
use serde_json::Value;

/// The row of one check, once it says what it should.
fn told(collector: &mut Collector, name: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let mut api = collector.api();
    until(&format!("the check {name}"), || {
        let all = api.json("/api/v1/checks");
        let row = all["checks"].as_array().unwrap().iter().find(|row| row["name"] == name).cloned().unwrap_or_default();
        if holds(&row) { Ok(row) } else { Err(all.to_string()) }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_collector_checks_what_its_file_names() {
    let site = Fake::start(Router::new().route("/", get(|| async { "all is fine" }))).await;
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("collector.toml");
    let host = site.url().trim_start_matches("http://").to_owned();
    let common = "interval = \"1s\"\ntimeout = \"2s\"\nfailures = 1\n";
    let check = |name: &str, keys: &str| format!("[[check]]\nname = \"{name}\"\n{keys}\n{common}\n");
    let text = [
        check("site", &format!("url = \"{}/\"\nstatus = 200\nbody = \"fine\"", site.url())),
        check("wrong text", &format!("url = \"{}/\"\nbody = \"splendid\"", site.url())),
        check("wrong status", &format!("url = \"{}/\"\nstatus = [204]", site.url())),
        check("port", &format!("address = \"{host}\"")),
        check("closed port", &format!("address = \"{closed}\"")),
        check("metadata", "url = \"http://169.254.169.254/latest/meta-data/\""),
    ];
    fs::write(&file, text.concat()).unwrap();
    for is_watching in ["false", "true"] {
        let options = Collector::options().var("FAROL_CONFIG", &file.display().to_string()).var("FAROL_SELF", is_watching);
        tokio::task::block_in_place(|| {
            let mut collector = options.start();
            let well = told(&mut collector, "site", |row| row["state"] == "online");
            assert_eq!((&well["kind"], &well["availability"]), (&Value::from("http"), &Value::from(1.0)), "{well}");
            assert!(well["mean_latency_ms"].is_number(), "{well}");
            told(&mut collector, "port", |row| row["state"] == "online" && row["kind"] == "tcp");
            for (name, words) in [
                ("wrong text", "does not hold the text"),
                ("wrong status", "status 200"),
                ("closed port", "refused"),
                ("metadata", "never checked"),
            ] {
                let row = told(&mut collector, name, |row| row["state"] == "offline");
                assert!(row["detail"].as_str().unwrap().contains(words), "{row}");
            }
            let resource = well["resource"].clone();
            let resources = collector.api().json("/api/v1/resources");
            let own = resources["resources"].as_array().unwrap().iter().find(|one| one["id"] == resource).unwrap().clone();
            assert!(own["key"].as_str().unwrap().ends_with("#collector"), "{own}");
            let health = collector.wait_health("self_watch", "ok");
            assert!(health["subsystems"]["self_watch"]["detail"].to_string().contains("6 checks"), "{health}");
        });
    }
    assert!(site.calls().iter().all(|call| call.line == "GET /"), "{:?}", site.calls());
}
