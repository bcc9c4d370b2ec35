//! Channels that fail: each trouble in turn, waits that are asked for, the second channel, all kinds at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use farol_collector::notify::{Reason, heartbeat, request::Verdict, sender};
use farol_shared::secret::Secret;
use farol_tests::{
    fake::channels::{Channels as Outside, Turn},
    wait::PATIENCE,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::house::{Hand, House, channel, hook};

/// Waits until a condition holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn house(outside: &Outside) -> (TempDir, Hand, House) {
    let (dir, clock) = (TempDir::new().unwrap(), Hand::new());
    House::incidents(dir.path(), 20);
    let channels = vec![hook("first", &outside.url("/first"), Some("second")), hook("second", &outside.url("/second"), None)];
    let house = House::open(dir.path(), channels, Arc::new(clock.clone())).await;
    (dir, clock, house)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_survives_each_trouble_in_turn_under_one_key() {
    let outside = Outside::start().await;
    let (_dir, clock, house) = house(&outside).await;
    house.enqueue(7, 1, "first", Reason::Opened).await;
    outside.next([Turn::Status(500, "oops".to_owned()), Turn::Limited(30), Turn::Cut, Turn::Hang]);
    let mut said = Vec::new();
    for pause_s in [1, 30, 4, 8] {
        said.push(house.step("first").await.unwrap().detail().to_owned());
        clock.forward(pause_s * 1_000 - 1);
        assert_eq!(house.step("first").await, None, "not before its time");
        clock.forward(1);
    }
    assert_eq!(said[0], "500: oops");
    assert_eq!(said[1], "429: rate_limited");
    assert!(said[2].starts_with("the connection broke"), "{said:?}");
    assert_eq!(said[3], "no answer in time");
    assert_eq!(house.step("first").await, Some(Verdict::Told("200".to_owned())));
    let keys: Vec<_> = outside.told().into_iter().map(|told| told.key.unwrap()).collect();
    assert!(keys.len() == 5 && keys.iter().all(|key| *key == keys[0] && key.ends_with("-7-1-first")), "{keys:?}");
    let rows = house.rows().await;
    assert_eq!((rows.len(), rows[0].state.as_str(), rows[0].attempts), (1, "sent", 5));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_stays_down_hands_an_incident_over_whole() {
    let outside = Outside::start().await;
    let (_dir, clock, house) = house(&outside).await;
    house.enqueue(7, 1, "first", Reason::Opened).await;
    outside.next((0..20).map(|_| Turn::Status(503, String::new())));
    for pause_s in [1, 2, 4, 8, 16, 32, 64, 300] {
        assert!(matches!(house.step("first").await, Some(Verdict::Again { .. })));
        assert_eq!(house.step("second").await, None, "the first may still come back");
        clock.forward(pause_s * 1_000);
    }
    house.enqueue(7, 2, "first", Reason::Resolved).await;
    clock.forward(600_000);
    house.step("first").await.unwrap();
    outside.next([]);
    let before = outside.told().len();
    outside.fake.forget();
    let waiting = house.rows().await;
    let keys: Vec<_> = waiting.iter().map(|row| (row.channel.as_str(), row.reason.as_str())).collect();
    assert_eq!(keys, [("first", "opened"), ("first", "resolved"), ("second", "opened"), ("second", "resolved")]);
    assert!(before >= 9, "{before}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_is_told_to_the_second_channel_at_once() {
    let outside = Outside::start().await;
    let (_dir, _clock, house) = house(&outside).await;
    house.enqueue(7, 1, "first", Reason::Opened).await;
    outside.next([Turn::Status(410, "channel_is_archived".to_owned())]);
    assert_eq!(house.step("first").await, Some(Verdict::Dead("410: channel_is_archived".to_owned())));
    assert!(matches!(house.step("second").await, Some(Verdict::Told(_))));
    let told = outside.told();
    assert!(told[1].key.as_ref().unwrap().ends_with("-7-1-first.second"), "{told:?}");
    assert!(told[1].body["text"].as_str().unwrap().contains("Sent here because the channel first cannot be reached."));
    assert_eq!((house.step("first").await, house.step("second").await), (None, None));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_channel_that_hangs_delays_no_other() {
    let outside = Outside::start().await;
    let stuck = Outside::start().await;
    let (dir, clock) = (TempDir::new().unwrap(), Hand::new());
    House::incidents(dir.path(), 20);
    let channels = vec![hook("stuck", &stuck.url("/"), None), hook("fine", &outside.url("/"), None)];
    let house = House::open(dir.path(), channels, Arc::new(clock.clone())).await;
    stuck.next((0..100).map(|_| Turn::Hang));
    let sending = sender::start(house.channels.clone(), house.state.clone(), Arc::new(clock));
    for incident in 1..=5 {
        house.enqueue(incident, 1, "stuck", Reason::Opened).await;
        house.enqueue(incident, 1, "fine", Reason::Opened).await;
    }
    until("the channel that works", async || outside.taken().len() == 5).await;
    assert!(stuck.told().len() <= 1);
    house.enqueue(6, 1, "nobody", Reason::Opened).await;
    until("what is for nobody to be given up", async || house.rows().await.iter().any(|row| row.state == "failed")).await;
    sending.abort();
    drop(sending.await);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_tells_its_system() {
    let outside = Outside::start().await;
    let (dir, clock) = (TempDir::new().unwrap(), Hand::new());
    House::incidents(dir.path(), 20);
    let url = |path: &str| outside.url(path);
    let whatsapp = |provider: &str, more: serde_json::Value| {
        let mut settings = json!({ "provider": provider, "url": url("/").trim_end_matches('/'), "token": "s3cr3t-token", "to": "5511912345678" });
        settings.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        settings
    };
    let channels = vec![
        channel("slack", "slack", &json!({ "url": url("/services/T0/B0/s3cr3t") }), None),
        channel("discord", "discord", &json!({ "url": url("/api/webhooks/1/s3cr3t") }), None),
        channel("telegram", "telegram", &json!({ "url": url(""), "token": "1:s3cr3t", "chat": "-100" }), None),
        channel("meta", "whatsapp", &whatsapp("meta", json!({ "phone_id": "1" })), None),
        channel("evolution", "whatsapp", &whatsapp("evolution", json!({ "instance": "farol" })), None),
        channel("waha", "whatsapp", &whatsapp("waha", json!({})), None),
        channel("teams", "teams", &json!({ "url": url("/workflows/s3cr3t") }), None),
        channel("ntfy", "ntfy", &json!({ "url": url(""), "topic": "ops" }), None),
        channel("pagerduty", "pagerduty", &json!({ "url": url(""), "routing_key": "0123456789abcdef0123456789abcdef" }), None),
        hook("hook", &url("/hook"), None),
    ];
    let ids: Vec<String> = channels.iter().map(|channel| channel.id.clone()).collect();
    let house = House::open(dir.path(), channels, Arc::new(clock.clone())).await;
    let sending = sender::start(house.channels.clone(), house.state.clone(), Arc::new(clock));
    for id in &ids {
        house.enqueue(7, 1, id, Reason::Opened).await;
    }
    until("all kinds", async || house.rows().await.iter().all(|row| row.state != "waiting")).await;
    let wrong: Vec<_> = house.rows().await.into_iter().filter(|row| row.state != "sent").collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(outside.told().len(), ids.len());
    sending.abort();
    drop(sending.await);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_channel_quotes_of_its_secrets_is_not_kept() {
    let outside = Outside::start().await;
    let (dir, clock) = (TempDir::new().unwrap(), Hand::new());
    House::incidents(dir.path(), 20);
    let secret = "/services/T000/B000/s3cr3ts3cr3t";
    let slack = channel("slack", "slack", &json!({ "url": outside.url(secret) }), None);
    let house = House::open(dir.path(), vec![slack], Arc::new(clock)).await;
    house.enqueue(7, 1, "slack", Reason::Opened).await;
    outside.next([Turn::Status(404, format!("no route {secret}"))]);
    house.step("slack").await.unwrap();
    let rows = house.rows().await;
    assert!(rows[0].detail.contains("404: no route") && !rows[0].detail.contains("s3cr3t"), "{rows:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_of_life_is_sent_while_alerts_are_judged_and_not_when_they_are_not() {
    let outside = Outside::start().await;
    let alive = Arc::new(AtomicBool::new(true));
    let settings =
        heartbeat::Settings { url: Secret::new(&outside.url("/ping/s3cr3t")), every: Duration::from_millis(20), is_post: false };
    let asked = Arc::clone(&alive);
    let beating = heartbeat::start(settings, move || asked.load(Ordering::Relaxed));
    outside.next([Turn::Status(500, String::new()), Turn::Hang]);
    until("signs of life", async || outside.told().len() >= 4).await;
    alive.store(false, Ordering::Relaxed);
    // One may be under way; after it there are none.
    let mut before = outside.told().len();
    for _ in 0..10 {
        sleep(Duration::from_millis(50)).await;
        if outside.told().len() == before {
            break;
        }
        before = outside.told().len();
    }
    sleep(Duration::from_millis(200)).await;
    assert_eq!(outside.told().len(), before, "a collector that does not judge keeps silent");
    alive.store(true, Ordering::Relaxed);
    until("signs of life again", async || outside.told().len() > before).await;
    beating.abort();
}
