//! Tests of scraping over a real connection.

use std::rc::Rc;

use farol_shared::resource::{Resource, ResourceKind};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::LocalSet,
    time::sleep,
};

use super::*;
use crate::{
    clock::SystemClock,
    intake::{self, Inlet},
    listen::Stop,
    read::Roots,
    recorder::Recorder,
};

/// Answers every connection with the same bytes, and gives the last request back.
async fn answer(listener: TcpListener, answer: Vec<u8>, asked: Rc<std::cell::RefCell<String>>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        *asked.borrow_mut() = String::from_utf8(request).unwrap();
        // Who was refused may have hung up.
        drop(stream.write_all(&answer).await);
    }
}

fn head(kind: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n").into_bytes()
}

/// What a scrape of an endpoint with this answer gives: the outcome in words, the values, and the request.
fn scrape_of(bytes: Vec<u8>) -> (String, Vec<(String, f64)>, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scrape = Scrape::from_word(&format!("http://{}/metrics?x=1", listener.local_addr().unwrap())).unwrap();
        let asked = Rc::default();
        let answering = tokio::task::spawn_local(answer(listener, bytes, Rc::clone(&asked)));
        let settings = intake::Settings { service: "shop".to_owned(), environment: None, tenant: None, slow_s: 0.5 };
        let context = Context {
            inlet: Inlet::new(settings),
            clock: std::sync::Arc::new(SystemClock),
            roots: Rc::new(Roots::new("/")),
            stop: Stop::new().1,
        };
        let result = timeout(Duration::from_secs(30), read(&scrape, &mut Memory::default(), &context)).await.unwrap();
        tell(&scrape, &context, result.as_ref().ok(), Duration::from_millis(5));
        answering.abort();
        let mut recorder = Recorder::new();
        let (key, attributes) = ("host:a".to_owned(), [].into());
        let own = recorder.resource(Resource { key, kind: ResourceKind::Host, parent: None, tenant: None, attributes });
        context.inlet.open().drain(&mut recorder, own, true);
        let table = recorder.tables().0.remove(0);
        let row = recorder.take_rows().remove(0);
        let values = table.series.into_iter().map(|key| key.metric).zip(row.0).collect();
        let outcome = result.map_or_else(|error| report::chain(&error).to_string(), |counts| format!("{}", counts.samples));
        let request = asked.borrow().clone();
        (outcome, values, request)
    })
}

fn value(values: &[(String, f64)], name: &str) -> Option<f64> {
    values.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
}

#[test]
fn a_page_is_asked_for_and_read() {
    let mut bytes = head("application/openmetrics-text; version=1.0.0; charset=utf-8");
    bytes.extend_from_slice(include_bytes!("../../../../tests/fixtures/scrape/openmetrics.txt"));
    let (outcome, values, request) = scrape_of(bytes);
    assert_eq!(outcome, "27");
    assert!(request.starts_with("GET /metrics?x=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("openmetrics-text") && !request.contains("accept-encoding"), "{request}");
    assert_eq!(value(&values, "queue_bytes"), Some(1_536.0));
    assert_eq!((value(&values, "farol.scrape.up"), value(&values, "farol.scrape.series")), (Some(1.0), Some(22.0)));
}

#[test]
fn what_is_no_page_of_metrics_is_a_fact() {
    let long: Vec<u8> = [head("text/plain"), b"# long\n".repeat(BODY_BYTES_MAX / 7 + 1)].concat();
    let cases = [
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(), "404"),
        (head("text/html"), "text/html"),
        (b"nonsense\r\n\r\n".to_vec(), "broke off"),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n".to_vec(), "gzip"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\na 1\n".to_vec(), "broke off"),
        (long, "longer"),
    ];
    for (bytes, word) in cases {
        let (outcome, values, _) = scrape_of(bytes);
        assert!(outcome.contains(word), "{outcome} does not say {word}");
        assert_eq!(value(&values, "farol.scrape.up"), Some(0.0));
    }
}

#[test]
fn a_wrong_target_is_refused_with_a_reason() {
    for (url, word) in [
        ("127.0.0.1:9100", "http"),
        ("https://127.0.0.1/metrics", "http://"),
        ("http://user:secret@a/metrics", "password"),
        ("http://", "address"),
    ] {
        let message = Scrape::from_word(url).unwrap_err();
        assert!(message.contains(word) && !message.contains("secret"), "{message}");
    }
    let scrape = Scrape::from_word("http://127.0.0.1:9100").unwrap();
    assert_eq!((scrape.authority.as_str(), scrape.path.as_str()), ("127.0.0.1:9100", "/metrics"));
    assert_eq!(scrape.labels["instance"], "127.0.0.1:9100");
    assert_eq!(Scrape::from_word("http://a/").unwrap().path, "/");
    assert_eq!(Scrape::from_word("http://[::1]/x?y").unwrap().labels["instance"], "[::1]:80/x?y");
}

#[test]
fn a_target_is_configured_by_a_word_or_a_table() {
    let pairs = [("FAROL_COLLECTOR_URL", "http://c:8650"), ("FAROL_TOKEN", "t"), ("FAROL_SCRAPE", "http://a/m,http://b:1")];
    let vars: BTreeMap<String, String> = pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let listen = crate::config::Settings::load(None, &vars).unwrap().listen;
    assert_eq!(listen.scrapes.len(), 2);
    let bad = "[send]\nurl = \"http://c\"\ntoken = \"t\"\n[[scrape]]\nurl = \"http://a\"\ninterval = \"10m\"\n";
    let none = BTreeMap::new();
    let message = crate::config::Settings::load(Some(("agent.toml", bad)), &none).unwrap_err().to_string();
    assert!(message.contains("2m") && message.contains("agent.toml"), "{message}");
    let good = bad.replace("10m", "30s") + "allow = [\"up\"]\nseries_max = 5\nlabels = { instance = \"me\" }\n";
    let scrape = &crate::config::Settings::load(Some(("agent.toml", &good)), &none).unwrap().listen.scrapes[0];
    assert_eq!((scrape.interval, scrape.timeout), (Duration::from_secs(30), Duration::from_secs(10)));
    assert_eq!((scrape.series_max, scrape.labels["instance"].as_str()), (5, "me"));
}

#[test]
fn scraping_ends_when_it_is_told_to() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scrape = Scrape::from_word(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let (sender, stop) = Stop::new();
        let settings = intake::Settings { service: "shop".to_owned(), environment: None, tenant: None, slow_s: 0.5 };
        let context = Context {
            inlet: Inlet::new(settings),
            clock: std::sync::Arc::new(SystemClock),
            roots: Rc::new(Roots::new("/")),
            stop,
        };
        let serving = tokio::task::spawn_local(serve(scrape, context));
        // It is connected and waits for an answer that never comes.
        let accepted = listener.accept().await.unwrap();
        sleep(Duration::from_millis(1)).await;
        sender.send_replace(true);
        serving.await.unwrap().unwrap();
        drop(accepted);
    });
}
