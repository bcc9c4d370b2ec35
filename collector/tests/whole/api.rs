//! What people and programs ask.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use farol_collector::api::routes;

use crate::harness::{AGENT_TOKEN, Collector, batch, now_ms, settings};

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_table_is_served_and_documented() {
    let (collector, _dir) = Collector::fresh().await;
    let document = collector.ask("GET", "/api/openapi.json", &[], b"").await.json();
    for route in routes::all() {
        let word = route.method.as_str();
        let method = &word.to_ascii_uppercase();
        assert!(document["paths"][route.path][word].is_object(), "{} is not documented", route.path);
        let reply = collector.ask(method, &route.path.replace("{id}", "1"), &[], b"").await;
        // What is asked for may not be there; the route is.
        let is_unknown = reply.status == 404 && reply.text().contains("no such route");
        assert!(!is_unknown && reply.status != 405, "{} is not served: {reply:?}", route.path);
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_a_problem_that_names_it() {
    let (collector, _dir) = Collector::fresh().await;
    let token = format!("Bearer {}", collector.sign_in().await);
    let bearer = [("authorization", token.as_str())];
    for (method, path, status, word) in [
        ("GET", "/api/v1/nothing", 404, "route"),
        ("DELETE", "/api/v1/resources", 405, "method"),
        ("GET", "/v1/batches", 405, "method"),
        ("GET", "/api/v1/query", 400, "metric"),
        ("GET", "/api/v1/query?metric=a&from=yesterday", 400, "from"),
        ("GET", "/api/v1/query?metric=a&to=1&from=2", 400, "from"),
        ("GET", "/api/v1/query?metric=a&step=0", 400, "step"),
        ("GET", "/api/v1/query?metric=a&aggregate=median", 400, "aggregate"),
        ("GET", "/api/v1/query?metric=a&across=all", 400, "across"),
        ("GET", "/api/v1/query?metric=a&points=5001", 400, "points"),
        ("GET", "/api/v1/query?metric=a&resource=x", 400, "resource"),
        ("GET", "/api/v1/query?metric=a&color=red", 400, "color"),
        ("GET", "/api/v1/query?metric=a&attribute=x", 400, "attribute"),
        ("GET", "/api/monitoring/history?minutes=0", 400, "minutes"),
        ("GET", "/api/v1/series?from=tomorrow", 400, "from"),
        ("GET", "/api/v1/requests/recent?limit=0", 400, "limit"),
        ("GET", "/api/v1/requests/recent?limit=1001", 400, "limit"),
        ("GET", "/api/v1/requests/slow?service=nobody", 400, "nobody"),
        ("GET", "/api/v1/requests/endpoints?service=77", 400, "77"),
        ("GET", "/api/v1/requests/latency?step=90s", 400, "step"),
        ("GET", "/api/v1/requests/latency?from=0&to=1760000000000&step=1m", 400, "step"),
        ("GET", "/api/v1/requests/tenants?color=red", 400, "color"),
        ("GET", "/api/v1/errors/by-hour?from=2&to=1", 400, "from"),
        ("GET", "/api/v1/errors/types?limit=x", 400, "limit"),
        ("GET", "/api/v1/logs?level=loud", 400, "level"),
        ("GET", "/api/v1/logs?before=yesterday", 400, "before"),
        ("GET", "/api/v1/events?before=1_", 400, "before"),
        ("GET", "/api/v1/checks?limit=-1", 400, "limit"),
        ("GET", "/api/v1/compare", 400, "resource"),
        ("GET", "/api/v1/compare?resource=1&offset=841", 400, "offset"),
        ("GET", "/api/monitoring/ws", 400, "WebSocket"),
    ] {
        let reply = collector.ask(method, path, &bearer, b"").await;
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.text());
        assert_eq!(reply.headers["content-type"], "application/problem+json", "{path}");
        assert!(reply.json()["detail"].as_str().unwrap().contains(word), "{path}: {}", reply.text());
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_series_and_history_tell_what_was_sent() {
    let (collector, _dir) = Collector::fresh().await;
    let start = now_ms() - 3_000;
    collector
        .store(&batch("host:a", 1, 1, &[(start, 10.0, 100.0), (start + 1_000, 20.0, 150.0), (start + 2_000, 30.0, 250.0)]))
        .await;
    let token = collector.sign_in().await;
    let resources = collector.json(&token, "/api/v1/resources").await;
    let resource = &resources["resources"][0];
    assert_eq!(
        (resource["key"].as_str(), resource["name"].as_str(), resource["kind"].as_str()),
        (Some("host:a"), Some("a"), Some("host"))
    );
    assert_eq!(resource["agent"], "host:a");
    assert_eq!(resource["last_seen"], start + 2_000);
    let id = resource["id"].as_u64().unwrap();
    let series = collector.json(&token, &format!("/api/v1/series?resource={id}&metric=system.linux.context_switches")).await;
    assert_eq!((series["series"][0]["unit"].as_str(), series["series"][0]["kind"].as_str()), (Some("{switch}"), Some("counter")));
    let both = "metric=system.linux.memory.available,system.linux.context_switches";
    let history = collector.json(&token, &format!("/api/v1/query?{both}&resource={id}&step=1s&from={start}")).await;
    let units: Vec<&str> = history["series"].as_array().unwrap().iter().map(|series| series["unit"].as_str().unwrap()).collect();
    assert_eq!(units, ["By", "{switch}/s"], "a gauge's mean and a counter's rate");
    assert_eq!((history["step"].as_i64(), history["tier"].as_str()), (Some(1_000), Some("raw")));
    let monitoring = collector.json(&token, &format!("/api/monitoring/history?minutes=5&resource={id}")).await;
    assert_eq!(monitoring["series"][0]["name"], "a");
    assert_eq!(collector.json(&token, "/api/monitoring/current").await["resources"][0]["id"], id);
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_to_everybody_and_names_no_secret() {
    let (collector, _dir) = Collector::fresh().await;
    collector.store(&batch("host:secret-name", 1, 1, &[(now_ms(), 10.0, 100.0)])).await;
    let reply = collector.ask("GET", "/health", &[], b"").await;
    assert_eq!((reply.status, reply.json()["status"].as_str()), (200, Some("ok")), "{}", reply.text());
    assert_eq!(reply.json()["subsystems"]["store"]["status"], "ok");
    assert!(!reply.text().contains("secret-name"));
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_has_nothing_to_say_about_metrics_of_a_real_machine() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut settings = settings(dir.path());
    settings.self_watch = true;
    let collector = Collector::start(settings).await;
    let bearer = format!("Bearer {AGENT_TOKEN}");
    let metrics = loop {
        let text = collector.ask("GET", "/metrics", &[("authorization", &bearer)], b"").await.text();
        if text.contains("cpu_time_seconds_total{") {
            break text;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    if let Ok(mut promtool) = started {
        promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
        let output = promtool.wait_with_output().unwrap();
        assert_eq!(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)), "");
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_answers_are_compressed_for_those_who_take_it_and_short_ones_are_not() {
    use std::io::Read as _;
    let (collector, _dir) = Collector::fresh().await;
    let token = format!("Bearer {}", collector.sign_in().await);
    let gzip = [("authorization", token.as_str()), ("accept-encoding", "gzip")];
    let long = collector.ask("GET", "/api/openapi.json", &gzip, b"").await;
    assert_eq!(long.headers.get("content-encoding").map(String::as_str), Some("gzip"), "{:?}", long.headers);
    let mut text = String::new();
    flate2::read::GzDecoder::new(&unchunked(&long.body)[..]).read_to_string(&mut text).unwrap();
    let plain = collector.ask("GET", "/api/openapi.json", &gzip[..1], b"").await;
    assert!(!plain.headers.contains_key("content-encoding"));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), plain.json());
    assert!(text.len() > 4 * long.body.len(), "{} of {}", long.body.len(), text.len());
    for file in [
        "/api/v1/audit/export?format=csv",
        "/api/v1/export?metric=messages_sent&format=ndjson",
        "/api/v1/export/events?format=json",
    ] {
        let reply = collector.ask("GET", file, &gzip, b"").await;
        assert_eq!((reply.status, reply.headers.get("content-encoding").map(String::as_str)), (200, Some("gzip")), "{file}");
        let mut text = String::new();
        flate2::read::GzDecoder::new(&unchunked(&reply.body)[..]).read_to_string(&mut text).unwrap();
    }
    let short = collector.ask("GET", "/api/auth/me", &gzip, b"").await;
    assert!(!short.headers.contains_key("content-encoding"), "{:?}", short.headers);
    collector.stop().await;
}

/// A body that came in chunks, whole.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + length]);
        body = &body[end + 4 + length..];
    }
}
