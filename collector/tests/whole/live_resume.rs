//! Coming back: what a listener missed is told once, or the newest of history is.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    harness::{Collector, settings},
    live::Browser,
    live_rooms::{next_of, record, tell},
};

/// Comes back to a room, naming the last record that was seen.
async fn back(collector: &Collector, room: &str, after: &Value, stream: &Value) -> Browser {
    let mut browser = Browser::signed_in(collector, "/api/monitoring/ws").await;
    let payload = json!({ "rooms": [room], "after": after, "stream": stream });
    browser.say(&json!({ "message_type": "Subscription", "payload": payload })).await;
    next_of(&mut browser, "Subscribed").await;
    browser
}

fn number(message: &Value) -> i64 {
    message["payload"]["event"]["payload"]["n"].as_i64().unwrap()
}

async fn told(collector: &Collector, seq: u64, numbers: &[i64]) {
    let payloads: Vec<String> = numbers.iter().map(|n| format!(r#"{{"n":{n}}}"#)).collect();
    let events: Vec<(&str, &str)> = payloads.iter().map(|payload| ("A", payload.as_str())).collect();
    tell(collector, seq, "shop", &events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_gets_what_it_missed_once_and_in_order() {
    let (collector, _dir) = Collector::fresh().await;
    let mut browser = Browser::signed_in(&collector, "/api/monitoring/ws").await;
    browser.listen(&["events"]).await;
    next_of(&mut browser, "Subscribed").await;
    told(&collector, 1, &[1, 2]).await;
    assert_eq!(number(&next_of(&mut browser, "Event").await), 1);
    let seen = next_of(&mut browser, "Event").await;
    drop(browser);
    told(&collector, 2, &[3, 4]).await;
    told(&collector, 3, &[5]).await;
    let mut browser = back(&collector, "events", &seen["id"], &seen["stream"]).await;
    told(&collector, 4, &[6]).await;
    let mut last = seen["id"].as_u64().unwrap();
    for expect in 3..=6 {
        let message = browser.until(|message| record(message).map(|_| message.clone())).await;
        assert_eq!(number(&message), expect);
        assert!(message["id"].as_u64().unwrap() > last);
        last = message["id"].as_u64().unwrap();
    }
    // A newcomer that names nothing hears what is new only; one that names the newest as well.
    for after in [json!(null), json!(last)] {
        let mut newcomer = back(&collector, "events", &after, &seen["stream"]).await;
        told(&collector, 5 + u64::from(after.is_null()), &[7]).await;
        assert_eq!(number(&next_of(&mut newcomer, "Event").await), 7);
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_of_the_address_goes_on_where_the_listener_was() {
    let (collector, _dir) = Collector::fresh().await;
    let mut browser = Browser::signed_in(&collector, "/ws/dashboard").await;
    browser.listen(&["dashboard"]).await;
    let seen = next_of(&mut browser, "Subscribed").await;
    assert!(seen["id"].is_u64(), "known before anything happened");
    drop(browser);
    told(&collector, 1, &[1]).await;
    let mut browser = Browser::signed_in(&collector, "/ws/dashboard").await;
    let payload = json!({ "rooms": ["dashboard", "alerts"], "after": seen["id"] });
    browser.say(&json!({ "message_type": "Subscription", "payload": payload })).await;
    assert_eq!(number(&next_of(&mut browser, "Event").await), 1);
    told(&collector, 2, &[2]).await;
    assert_eq!(number(&next_of(&mut browser, "Event").await), 2, "and the first one not again");
    // Later it is too late to say so.
    browser.say(&json!({ "message_type": "Subscription", "payload": { "rooms": ["dashboard"], "after": 1 } })).await;
    let error = next_of(&mut browser, "Error").await;
    assert!(error["payload"]["detail"].as_str().unwrap().contains("first Subscription"), "{error}");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_newest_of_history_comes_and_then_what_is_new() {
    let dir = TempDir::new().unwrap();
    let collector = Collector::start(settings(dir.path())).await;
    let mut browser = Browser::signed_in(&collector, "/api/monitoring/ws").await;
    browser.listen(&["events"]).await;
    next_of(&mut browser, "Subscribed").await;
    told(&collector, 1, &[1]).await;
    let seen = next_of(&mut browser, "Event").await;
    drop(browser);
    told(&collector, 2, &[2]).await;
    collector.stop().await;
    let collector = Collector::start(settings(dir.path())).await;
    for stream in [&seen["stream"], &json!(null)] {
        let mut browser = back(&collector, "events", &seen["id"], stream).await;
        let snapshot = next_of(&mut browser, "Snapshot").await;
        let records = snapshot["payload"]["records"].as_array().unwrap();
        let shown: Vec<i64> = records.iter().map(number).collect();
        assert_eq!(shown[shown.len() - 2..], [2, 1], "{snapshot}");
        assert_ne!(snapshot["payload"]["stream"], seen["stream"]);
        let next = 3 + i64::try_from(shown.len()).unwrap();
        told(&collector, next.unsigned_abs(), &[next]).await;
        assert_eq!(number(&next_of(&mut browser, "Event").await), next, "what the snapshot told is not told again");
    }
    let mut nonsense = back(&collector, "events", &json!(u64::MAX), &json!(null)).await;
    next_of(&mut nonsense, "Snapshot").await;
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_there_for_every_room_of_records() {
    let (collector, _dir) = Collector::fresh().await;
    // What is known of resources is kept for a while: the service that is told of next is not in it.
    let mut early = back(&collector, "ai", &json!(1), &json!(null)).await;
    next_of(&mut early, "Snapshot").await;
    tell(&collector, 1, "shop", &[("A", "{}"), ("MessageSent", r#"{"status":"sent"}"#), ("SystemAlert", r#"{"rule_id":"r"}"#)])
        .await;
    for (room, records) in [
        ("events", 3),
        ("event:A", 1),
        ("dashboard", 3),
        ("conversations", 1),
        ("erp", 0),
        ("alerts", 1),
        ("service:shop", 4),
        ("service:other", 0),
        ("tenant:acme", 0),
        ("logs", 0),
        ("checks", 0),
    ] {
        let mut browser = back(&collector, room, &json!(1), &json!(null)).await;
        let snapshot = next_of(&mut browser, "Snapshot").await["payload"].clone();
        assert_eq!((&snapshot["room"], snapshot["records"].as_array().unwrap().len()), (&json!(room), records), "{snapshot}");
    }
    collector.stop().await;
}
