//! What browsers see live.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

use farol_shared::record::{CheckResult, Level, LogRecord, Records};

use crate::harness::{Collector, LONG, PASSWORD, batch, now_ms, settings};
use crate::{
    pull,
    records::{self, event},
};

/// A page, or another front end, that listens.
pub(crate) struct Browser(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What ended a connection: its close code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed(pub(crate) Option<u16>);

impl Browser {
    pub(crate) async fn open(collector: &Collector, path: &str) -> Self {
        let (socket, _) = connect_async(format!("ws://{}{path}", collector.address)).await.unwrap();
        Self(socket)
    }

    pub(crate) async fn signed_in(collector: &Collector, path: &str) -> Self {
        let mut browser = Self::open(collector, path).await;
        let token = collector.sign_in().await;
        browser.say(&json!({ "message_type": "Auth", "payload": { "token": token }, "timestamp": "2026-01-01T00:00:00Z" })).await;
        browser
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        use futures_util::SinkExt as _;
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    pub(crate) async fn listen(&mut self, rooms: &[&str]) {
        self.say(&json!({ "message_type": "Subscription", "payload": { "rooms": rooms } })).await;
    }

    pub(crate) async fn hear(&mut self) -> Result<Value, Closed> {
        use futures_util::StreamExt as _;
        loop {
            match timeout(LONG, self.0.next()).await.unwrap() {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(Closed(frame.map(|frame| frame.code.into()))),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(Closed(None)),
            }
        }
    }

    /// The next message for which `wanted` has an answer.
    pub(crate) async fn until<T>(&mut self, wanted: impl Fn(&Value) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(&self.hear().await.unwrap()) {
                return found;
            }
        }
    }
}

fn values(message: &Value) -> Option<Vec<(u64, f64)>> {
    let pairs = message["payload"]["values"].as_array()?;
    Some(pairs.iter().map(|pair| (pair[0].as_u64().unwrap(), pair[1].as_f64().unwrap())).collect())
}

async fn only_resource(collector: &Collector) -> u64 {
    let token = collector.sign_in().await;
    collector.json(&token, "/api/v1/resources").await["resources"][0]["id"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_value_reaches_those_who_watch_and_their_agent_is_told() {
    let (collector, _dir) = Collector::fresh().await;
    let start = now_ms() - 2_000;
    assert!(!collector.store(&batch("host:a", 1, 1, &[(start, 10.0, 100.0)])).await.watched);
    let id = only_resource(&collector).await;
    let mut browser = Browser::signed_in(&collector, "/api/monitoring/ws").await;
    let room = format!("resource:{id}");
    browser.listen(&[&room]).await;
    let known = browser.until(values).await;
    assert_eq!(known.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [10.0], "what is known comes at once");
    let ack = collector.store(&batch("host:a", 1, 2, &[(start + 500, 20.0, 150.0)])).await;
    assert!(ack.watched);
    let message = browser.until(|message| values(message).map(|_| message.clone())).await;
    assert_eq!((message["message_type"].as_str(), message["payload"]["room"].as_str()), (Some("Metrics"), Some(room.as_str())));
    assert_eq!(message["payload"]["time"], start + 500);
    let shown: Vec<f64> = values(&message).unwrap().iter().map(|(_, value)| *value).collect();
    assert_eq!(shown, [20.0, 100.0], "a gauge as it is, a counter as its rate");
    browser.listen(&["overview"]).await;
    browser.until(|message| message["payload"]["resources"].as_array().cloned()).await;
    assert!(!collector.store(&batch("host:a", 1, 3, &[(start + 1_000, 20.0, 150.0)])).await.watched);
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_comes_whole_and_then_what_changed() {
    let (collector, _dir) = Collector::fresh().await;
    collector.store(&batch("host:a", 1, 1, &[(now_ms() - 500, 10.0, 100.0)])).await;
    collector.store(&batch("host:b", 1, 1, &[(now_ms() - 500, 10.0, 100.0)])).await;
    let mut browser = Browser::signed_in(&collector, "/api/monitoring/ws").await;
    browser.listen(&["overview"]).await;
    let whole = browser.until(|message| message["payload"]["resources"].as_array().filter(|all| all.len() == 2).cloned()).await;
    assert_eq!(whole[0]["status"], "ok");
    assert!(whole[0]["latest"]["cpu_ratio"].is_null(), "nobody measured it");
    collector.store(&batch("host:b", 1, 2, &[(now_ms(), 10.0, 100.0)])).await;
    let id = &whole[1]["id"];
    let is_only_b = |some: &&Vec<Value>| some.len() == 1 && some[0]["id"] == *id;
    browser.until(|message| message["payload"]["resources"].as_array().filter(is_only_b).map(|_| ())).await;
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_reaches_those_who_follow_it() {
    let (collector, _dir) = Collector::fresh().await;
    let mut browser = Browser::signed_in(&collector, "/api/monitoring/ws").await;
    browser.listen(&["events", "event:MessageSent", "logs", "checks", "overview"]).await;
    browser.until(|message| message["payload"]["resources"].as_array().map(|_| ())).await;
    let now = now_ms();
    let records = Records {
        events: vec![event(now, "MessageSent", r#"{"message_id":1}"#), event(now, "Other", "{}")],
        logs: vec![
            LogRecord { time_ms: now, level: Level::Info, message: "fine".to_owned(), ..LogRecord::default() },
            LogRecord { time_ms: now, level: Level::Error, message: "broken".to_owned(), ..LogRecord::default() },
        ],
        checks: vec![CheckResult { time_ms: now, name: "db".to_owned(), is_success: true, ..CheckResult::default() }],
        ..Records::default()
    };
    collector.store(&records::batch("host:a", 1, "shop", vec![(now, records)])).await;
    let mut heard = Vec::new();
    while heard.len() < 5 {
        let is_record = |message: &Value| matches!(message["message_type"].as_str(), Some("Event" | "Log" | "Check"));
        let message = browser.until(|message| is_record(message).then(|| message.clone())).await;
        let payload = &message["payload"];
        let what = [&payload["event"]["type"], &payload["log"]["message"], &payload["check"]["name"]];
        let what = what.into_iter().find_map(|what| what.as_str()).unwrap();
        heard.push((payload["room"].as_str().unwrap().to_owned(), what.to_owned()));
        if what == "MessageSent" {
            assert_eq!(
                (&payload["event"]["payload"], &payload["event_type"]),
                (&json!({ "message_id": 1 }), &json!("MessageSent"))
            );
        }
    }
    heard.sort();
    let expect = [
        ("checks", "db"),
        ("event:MessageSent", "MessageSent"),
        ("events", "MessageSent"),
        ("events", "Other"),
        ("logs", "broken"),
    ];
    assert_eq!(heard, expect.map(|(room, what)| (room.to_owned(), what.to_owned())));
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_say_who_it_is_is_sent_away() {
    let (collector, _dir) = Collector::fresh().await;
    for message in [
        json!({ "message_type": "Auth", "payload": { "token": "wrong" } }),
        json!({ "message_type": "Subscription", "payload": { "rooms": ["overview"] } }),
        json!("nonsense"),
    ] {
        let mut browser = Browser::open(&collector, "/api/monitoring/ws").await;
        browser.say(&message).await;
        assert_eq!(browser.hear().await, Err(Closed(Some(4401))), "{message}");
    }
    let mut silent = Browser::open(&collector, "/api/monitoring/ws").await;
    assert_eq!(silent.hear().await, Err(Closed(Some(4401))));
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_cannot_use_the_cookie() {
    let (collector, _dir) = Collector::fresh().await;
    let body = json!({ "username": "admin", "password": PASSWORD }).to_string();
    let reply = collector.ask("POST", "/api/auth/login", &[("content-type", "application/json")], body.as_bytes()).await;
    let cookie = reply.headers["set-cookie"].split(';').next().unwrap().to_owned();
    let connect = |origin: String| {
        let mut request = format!("ws://{}/api/monitoring/ws", collector.address).into_client_request().unwrap();
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        request.headers_mut().insert("origin", origin.parse().unwrap());
        connect_async(request)
    };
    let Err(Error::Http(refused)) = connect("http://evil.example".to_owned()).await else { panic!("let in") };
    assert_eq!(refused.status(), 403);
    let (socket, _) = connect(format!("http://{}", collector.address)).await.unwrap();
    let mut browser = Browser(socket);
    browser.listen(&["overview", "nowhere"]).await;
    let error = browser.until(|message| message["payload"]["detail"].as_str().map(str::to_owned)).await;
    assert!(error.contains("nowhere"), "{error}");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_too_much_is_sent_away_and_the_rest_goes_on() {
    let (collector, _dir) = Collector::fresh().await;
    let mut flood = Browser::signed_in(&collector, "/api/monitoring/ws").await;
    for _ in 0..110 {
        use futures_util::SinkExt as _;
        // The collector may hang up in the middle.
        drop(flood.0.send(Message::text(r#"{"message_type":"Heartbeat"}"#)).await);
    }
    // Warned once, at the eightieth message.
    let warning = flood.hear().await.unwrap();
    assert_eq!(warning["message_type"], "Warning", "{warning}");
    assert_eq!(flood.hear().await, Err(Closed(Some(1008))));
    let mut huge = Browser::signed_in(&collector, "/api/monitoring/ws").await;
    huge.say(&json!({ "message_type": "Subscription", "payload": { "rooms": ["x".repeat(20_000)] } })).await;
    assert!(huge.hear().await.is_err());
    let mut browser = Browser::signed_in(&collector, "/api/monitoring/ws").await;
    browser.listen(&["overview"]).await;
    browser.until(|message| message["payload"]["resources"].as_array().map(|_| ())).await;
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_house_is_told_and_a_stopping_one_says_goodbye() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut settings = settings(dir.path());
    settings.http.listeners_max = 1;
    let collector = Collector::start(settings).await;
    let mut first = Browser::signed_in(&collector, "/api/monitoring/ws").await;
    first.listen(&["overview"]).await;
    first.until(|message| message["payload"]["resources"].as_array().map(|_| ())).await;
    let second = connect_async(format!("ws://{}/api/monitoring/ws", collector.address)).await;
    let Err(Error::Http(refused)) = second else { panic!("let in") };
    assert_eq!(refused.status(), 503);
    let goodbye = tokio::spawn(async move { first.hear().await });
    collector.stop().await;
    assert_eq!(timeout(LONG, goodbye).await.unwrap().unwrap(), Err(Closed(Some(1001))));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_collectors_own_machine_moves_within_seconds() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut settings = settings(dir.path());
    settings.self_watch = true;
    let collector = Collector::start(settings).await;
    let token = collector.sign_in().await;
    let moving = loop {
        let resources = collector.json(&token, "/api/v1/resources").await;
        let all = resources["resources"].as_array().unwrap().clone();
        if let Some(found) = all.into_iter().find(|resource| resource["latest"]["cpu_ratio"].is_number()) {
            break found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(moving["latest"]["memory_ratio"].as_f64().unwrap() > 0.0, "{moving}");
    let mut panel = Browser::signed_in(&collector, "/ws/system").await;
    let is_full = |message: &Value| message["event"] == "system_stats" && message["data"]["cpu"].is_number();
    let stats = panel.until(|message| is_full(message).then(|| message["data"].clone())).await;
    assert!(stats["ram"].as_f64().unwrap() > 0.0 && stats["ram_percent"].is_number(), "{stats}");
    assert_eq!((&stats["queue_size"], &stats["services"]), (&json!(null), &json!({})), "nobody asks any, so none is told");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn system_stats_tells_queues_and_services_of_integrations_and_checks() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut settings = settings(dir.path());
    (settings.self_watch, settings.pull) = (true, pull::house());
    let collector = Collector::start(settings).await;
    let mut panel = Browser::signed_in(&collector, "/ws/system").await;
    let services = json!({ "database": "offline", "worker": "offline", "rabbitmq": "online", "redis": "online" });
    let is_whole = |data: &Value| data["services"] == services;
    let stats = panel.until(|message| Some(message["data"].clone()).filter(is_whole)).await;
    assert_eq!(stats["queue_size"], 12.0, "a queue is counted once, where it is: {stats}");
    collector.stop().await;
}
