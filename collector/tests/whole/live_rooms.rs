//! Rooms of the older guide: what its client reads, events by type, alerts, services and tenants.

use farol_shared::{
    batch::{Table, Tables},
    metric::Kind,
    record::Records,
    wire,
};
use serde_json::{Value, json};

use crate::{
    harness::{Collector, batch, key, now_ms, resource, settings},
    live::Browser,
    records::{self, event},
};

/// Type and room of a record's message.
pub(crate) fn record(message: &Value) -> Option<(String, String)> {
    let kind = message["message_type"].as_str().filter(|kind| matches!(*kind, "Event" | "Log" | "Check" | "Alert"))?;
    assert!(message["id"].is_u64() && message["stream"].is_string(), "{message}");
    Some((kind.to_owned(), message["payload"]["room"].as_str().unwrap().to_owned()))
}

/// Stores events of a service that happen now.
pub(crate) async fn tell(collector: &Collector, seq: u64, service: &str, events: &[(&str, &str)]) {
    let now = now_ms();
    let events = events.iter().map(|(kind, payload)| event(now, kind, payload)).collect();
    let told = Records { events, ..Records::default() };
    collector.store(&records::batch(&format!("agent-{service}"), seq, service, vec![(now, told)])).await;
}

/// The next record of a kind.
pub(crate) async fn next_of(browser: &mut Browser, kind: &str) -> Value {
    browser.until(|message| (message["message_type"] == kind).then(|| message.clone())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_guides_client_gets_figures_events_and_alerts() {
    let (collector, _dir) = Collector::fresh().await;
    tell(&collector, 1, "shop", &[]).await;
    let mut browser = Browser::signed_in(&collector, "/ws/dashboard").await;
    browser
        .say(&json!({
            "message_type": "Subscription",
            "payload": { "rooms": ["dashboard", "conversations", "alerts"], "event_types": [] },
            "timestamp": "2026-01-01T00:00:00Z",
        }))
        .await;
    let first = next_of(&mut browser, "Metrics").await;
    let figures = &first["payload"];
    for name in ["messages_sent", "active_conversations", "system_cpu_usage", "users_online", "uptime", "database_connections"] {
        assert!(figures.get(name).is_some_and(Value::is_null), "{name}: nobody told of it: {figures}");
    }
    assert_eq!((&figures["room"], &figures["websocket_connections"]), (&json!("dashboard"), &json!(1)));
    let raised = r#"{"rule_id":"queue","condition":"depth","threshold":10,"current_value":12.5}"#;
    let events = [
        ("MessageSent", r#"{"message_id":"1","to":"a","status":"sent"}"#),
        ("ConversationStarted", r#"{"conversation_id":"c","customer":"a"}"#),
        ("SystemAlert", raised),
    ];
    tell(&collector, 2, "shop", &events).await;
    let mut heard = Vec::new();
    while heard.len() < 4 {
        let message = browser.until(|message| record(message).map(|_| message.clone())).await;
        let (kind, room) = record(&message).unwrap();
        let payload = &message["payload"];
        if kind == "Alert" {
            assert_eq!((&payload["data"]["rule_name"], &payload["data"]["current_value"]), (&json!("queue"), &json!(12.5)));
            assert_eq!((&payload["severity"], &payload["condition"]), (&json!("warning"), &json!("depth")));
        } else {
            assert!(payload["timestamp"].is_i64(), "a browser's Date takes it: {payload}");
        }
        heard.push((kind, room, payload["event_type"].as_str().unwrap_or_default().to_owned()));
    }
    heard.sort();
    let expect = [
        ("Alert", "alerts", ""),
        ("Event", "dashboard", "ConversationStarted"),
        ("Event", "dashboard", "MessageSent"),
        ("Event", "dashboard", "SystemAlert"),
    ];
    assert_eq!(heard, expect.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())), "each of them once");
    let counted = |message: &Value| {
        let payload = &message["payload"];
        (payload["messages_sent"] == 1.0 && payload["active_conversations"] == 1.0).then_some(())
    };
    browser.until(counted).await;
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn types_of_events_and_rooms_change_whenever_the_listener_wants() {
    let (collector, _dir) = Collector::fresh().await;
    let mut browser = Browser::signed_in(&collector, "/api/monitoring/ws").await;
    let subscribe = |rooms: &[&str], types: &[&str]| json!({ "message_type": "Subscription", "payload": { "rooms": rooms, "event_types": types } });
    browser.say(&subscribe(&["events"], &["B"])).await;
    assert_eq!(next_of(&mut browser, "Subscribed").await["payload"]["event_types"], json!(["B"]));
    tell(&collector, 1, "shop", &[("A", "{}"), ("B", r#"{"n":1}"#)]).await;
    assert_eq!(next_of(&mut browser, "Event").await["payload"]["event"]["payload"], json!({ "n": 1 }));
    browser.say(&subscribe(&["erp", "ai"], &[])).await;
    next_of(&mut browser, "Subscribed").await;
    tell(&collector, 2, "shop", &[("B", "{}"), ("ERPCall", r#"{"provider":"sap","response_time":5,"success":true}"#)]).await;
    let call = next_of(&mut browser, "Event").await;
    assert_eq!((&call["payload"]["event_type"], &call["payload"]["room"]), (&json!("ERPCall"), &json!("erp")));
    let figures = next_of(&mut browser, "Metrics").await["payload"].clone();
    assert!(figures.get("erp_calls").is_some() && figures.get("ai_tokens").is_some(), "{figures}");
    assert!(figures.get("messages_sent").is_none() && figures.get("system_cpu_usage").is_none(), "{figures}");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_of_a_service_tells_of_that_service() {
    let (collector, _dir) = Collector::fresh().await;
    tell(&collector, 1, "shop", &[]).await;
    let mut browser = Browser::signed_in(&collector, "/ws/service/shop").await;
    browser.listen(&[]).await;
    next_of(&mut browser, "Subscribed").await;
    let requests = records::requests(vec![records::summary("/pay", 200, None, 30, 0.1)]);
    collector.store(&records::batch("agent-shop", 2, "shop", vec![(now_ms(), requests)])).await;
    tell(&collector, 1, "other", &[("A", r#"{"of":"other"}"#)]).await;
    tell(&collector, 3, "shop", &[("A", r#"{"of":"shop"}"#)]).await;
    let event = next_of(&mut browser, "Event").await;
    assert_eq!(
        (&event["payload"]["event"]["payload"]["of"], &event["payload"]["room"]),
        (&json!("shop"), &json!("service:shop"))
    );
    let rate = |message: &Value| message["payload"]["requests_per_sec"].as_f64().filter(|rate| *rate > 0.0);
    browser.until(rate).await;
    collector.stop().await;
}

/// A batch of a host whose memory is in use by a share.
fn memory(seq: u64, share: f64) -> farol_shared::batch::Batch {
    let mut told = batch("host:a", 1, seq, &[(now_ms(), 1000.0 * share, 1000.0)]);
    let series = vec![key("test.memory", "By", Kind::Gauge), key("system.memory.limit", "By", Kind::Gauge)];
    told.tables = wire::encode_tables(&Tables(vec![Table { resource: resource("host:a"), series }])).into();
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_finds_is_told_and_stands_in_the_list_of_the_day() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut settings = settings(dir.path());
    let rule = json!({
        "id": "memory", "name": "Memory", "warning": 0.8, "critical": 0.95,
        "condition": {
            "type": "series", "metric": "test.memory", "divided_by": { "metric": "system.memory.limit" }, "aggregate": "last", "window_s": 60,
        },
    });
    settings.alerts.rules.push(serde_json::from_value(rule).unwrap());
    let collector = Collector::start(settings).await;
    let token = collector.sign_in().await;
    collector.store(&memory(1, 0.1)).await;
    let mut browser = Browser::signed_in(&collector, "/ws/alerts").await;
    browser.listen(&["alerts"]).await;
    next_of(&mut browser, "Subscribed").await;
    for (seq, share, severity) in [(2, 0.85, "warning"), (3, 0.99, "critical"), (4, 0.1, "resolved")] {
        collector.store(&memory(seq, share)).await;
        let alert = next_of(&mut browser, "Alert").await["payload"].clone();
        assert_eq!((&alert["rule_id"], &alert["severity"]), (&json!("memory"), &json!(severity)), "{alert}");
        assert_eq!((&alert["resource_name"], &alert["data"]["rule_name"]), (&json!("a"), &json!("Memory: a")));
    }
    tell(&collector, 1, "shop", &[("SystemAlert", r#"{"rule_id":"own","severity":"critical"}"#)]).await;
    for path in ["/api/v1/dashboard/alerts", "/api/monitoring/alerts"] {
        let list = collector.json(&token, path).await;
        let told = list["alerts"].as_array().unwrap().iter();
        let told: Vec<(&str, &str)> =
            told.map(|alert| (alert["rule_id"].as_str().unwrap(), alert["severity"].as_str().unwrap())).collect();
        let found = [("memory", "resolved"), ("memory", "critical"), ("memory", "warning")];
        assert_eq!((told[0], &told[1..]), (("own", "critical"), &found[..]), "{list}");
        assert!(list["to"].as_i64().unwrap() - list["from"].as_i64().unwrap() == 86_400_000);
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_poll_get_what_the_room_system_tells() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let stats = collector.json(&token, "/api/monitoring/system").await;
    assert_eq!(stats["event"], "system_stats");
    assert_eq!(stats["data"], json!({ "cpu": null, "ram": null, "ram_percent": null, "queue_size": null, "services": {} }));
    assert!(stats["at"].is_i64());
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_online_and_uptime_reach_the_page() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut settings = settings(dir.path());
    settings.pull = crate::pull::house();
    let collector = Collector::start(settings).await;
    let mut browser = Browser::signed_in(&collector, "/api/monitoring/ws").await;
    browser.listen(&["status"]).await;
    let status = next_of(&mut browser, "Metrics").await["payload"].clone();
    assert_eq!(status["room"], "status");
    assert!(status.get("users_online").is_some() && status.get("uptime").is_some(), "{status}");
    collector.stop().await;
}
