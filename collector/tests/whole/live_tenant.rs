//! Listeners that are bound to a tenant hear of that tenant, in every room.

use std::path::Path;

use farol_shared::{
    batch::{Table, Tables},
    metric::Kind,
    record::{CheckResult, Event, Level, LogRecord, Records},
    wire,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::{
    harness::{Collector, LONG, PASSWORD, batch, key, now_ms, resource, settings},
    live::{Browser, Closed},
    live_rooms::{next_of, record, tell},
    records,
};

/// A collector with an account `ana` that has a role and is bound to `acme`.
async fn house(role: &str) -> (Collector, TempDir) {
    let dir = TempDir::new().unwrap();
    let collector = Collector::start(settings(dir.path())).await;
    collector.stop().await;
    bind(dir.path(), role);
    (Collector::start(settings(dir.path())).await, dir)
}

fn bind(dir: &Path, role: &str) {
    let db = rusqlite::Connection::open(dir.join("state.db")).unwrap();
    let sql = "INSERT INTO user (username, password, role, tenant, created_ms) SELECT 'ana', password, ?1, 'acme', created_ms FROM user";
    assert_eq!(db.execute(sql, [role]).unwrap(), 1);
}

async fn token(collector: &Collector, name: &str) -> String {
    let body = json!({ "username": name, "password": PASSWORD }).to_string();
    let reply = collector.ask("POST", "/api/auth/login", &[("content-type", "application/json")], body.as_bytes()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["token"].as_str().unwrap().to_owned()
}

async fn ana(collector: &Collector, path: &str) -> Browser {
    let mut browser = Browser::open(collector, path).await;
    let token = token(collector, "ana").await;
    browser.say(&json!({ "message_type": "Auth", "payload": { "token": token } })).await;
    browser
}

/// A host of a tenant, with values and records that name no tenant themselves.
async fn host(collector: &Collector, tenant: &str, seq: u64) {
    let mut told = batch(&format!("host:{tenant}"), 1, seq, &[(now_ms(), 50.0, 1000.0)]);
    let series = vec![key("system.linux.memory.available", "By", Kind::Gauge), key("system.memory.limit", "By", Kind::Gauge)];
    let of_tenant = farol_shared::resource::Resource { tenant: Some(tenant.to_owned()), ..resource(&format!("host:{tenant}")) };
    told.tables = wire::encode_tables(&Tables(vec![Table { resource: of_tenant, series }])).into();
    let now = now_ms();
    told.frames[0].records = vec![Records {
        checks: vec![CheckResult { time_ms: now, name: format!("check of {tenant}"), ..CheckResult::default() }],
        logs: vec![LogRecord { time_ms: now, level: Level::Error, message: format!("log of {tenant}"), ..LogRecord::default() }],
        events: vec![Event {
            time_ms: now,
            kind: "MessageSent".to_owned(),
            tenant: None,
            payload: r#"{"status":"sent"}"#.to_owned(),
        }],
        ..Records::default()
    }];
    told.taken += 3;
    collector.store(&told).await;
}

/// Events of a shared service that name their tenants.
async fn shared(collector: &Collector, seq: u64) {
    let now = now_ms();
    let event = |tenant: Option<&str>| Event {
        time_ms: now,
        kind: "SystemAlert".to_owned(),
        tenant: tenant.map(str::to_owned),
        payload: json!({ "rule_id": tenant.unwrap_or("nobody") }).to_string(),
    };
    let events = vec![event(None), event(Some("globex")), event(Some("acme"))];
    let told = Records { events, ..Records::default() };
    collector.store(&records::batch("agent-shared", seq, "shared", vec![(now, told)])).await;
}

const EVERY_ROOM: &[&str] = &[
    "overview",
    "status",
    "events",
    "event:MessageSent",
    "checks",
    "logs",
    "dashboard",
    "conversations",
    "campaigns",
    "erp",
    "ai",
    "alerts",
    "service:shared",
    "tenant:acme",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_listener_hears_of_its_tenant_only_in_every_room_and_snapshot() {
    let (collector, _dir) = house("viewer").await;
    for tenant in ["globex", "acme"] {
        host(&collector, tenant, 1).await;
    }
    shared(&collector, 1).await;
    let mut browser = ana(&collector, "/api/monitoring/ws").await;
    // With a number of long ago, so that every room begins with a snapshot of history.
    browser.say(&json!({ "message_type": "Subscription", "payload": { "rooms": EVERY_ROOM, "after": 1 } })).await;
    assert_eq!(next_of(&mut browser, "Subscribed").await["payload"]["tenant_id"], "acme");
    for tenant in ["globex", "acme"] {
        host(&collector, tenant, 2).await;
    }
    shared(&collector, 2).await;
    let (mut heard, mut snapshots, mut lines, mut figures, mut end) = (Vec::new(), 0, 0, 0, false);
    let mut is_told_again = false;
    let hearing = async {
        while !end || lines == 0 || figures == 0 {
            let message = browser.hear().await.unwrap();
            let text = message.to_string();
            assert!(!text.contains("globex") && !text.contains("nobody"), "{text}");
            snapshots += usize::from(message["message_type"] == "Snapshot");
            if snapshots == EVERY_ROOM.len() - 2 && !is_told_again {
                // What a snapshot told is not told again: what comes by itself comes after them all.
                is_told_again = true;
                for tenant in ["globex", "acme"] {
                    host(&collector, tenant, 3).await;
                }
                shared(&collector, 3).await;
            }
            lines += message["payload"]["resources"].as_array().map_or(0, Vec::len);
            let counted = &message["payload"]["messages_sent"];
            figures += usize::from(*counted == 3.0);
            assert!(counted.as_f64().is_none_or(|sent| sent <= 3.0), "its own three: {text}");
            heard.extend(record(&message).map(|(kind, _)| kind));
            end |= is_told_again && text.contains(r#""rule_id":"acme""#) && message["message_type"] == "Alert";
        }
    };
    // Heartbeats come for ever: what is missing must end the test, not hold it up.
    timeout(LONG, hearing).await.unwrap();
    assert_eq!(snapshots, EVERY_ROOM.len() - 2, "one a room of records");
    for kind in ["Event", "Log", "Check", "Alert"] {
        assert!(heard.iter().any(|one| one == kind), "{kind}: {heard:?}");
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_listener_gets_no_place_where_others_are() {
    // With the role that the whole house needs: what bounds it is the tenant.
    let (collector, _dir) = house("super_admin").await;
    for tenant in ["globex", "acme"] {
        host(&collector, tenant, 1).await;
    }
    let admin = collector.sign_in().await;
    let resources = collector.json(&admin, "/api/v1/resources").await["resources"].clone();
    let of = |tenant: &str| resources.as_array().unwrap().iter().find(|one| one["tenant"] == tenant).unwrap()["id"].clone();
    let mut browser = ana(&collector, "/api/monitoring/ws").await;
    let (others, unknown) = (format!("resource:{}", of("globex")), "resource:4000000");
    for room in [others.as_str(), unknown, "tenant:globex", "system"] {
        browser.listen(&[room]).await;
        let subscribed = next_of(&mut browser, "Subscribed").await;
        assert_eq!(subscribed["payload"]["rooms"], json!([]), "{room}");
        let error = next_of(&mut browser, "Error").await;
        if room.starts_with("resource") {
            // Not even that it exists.
            assert_eq!(error["payload"]["detail"], format!("there is no resource {}", room.trim_start_matches("resource:")));
        }
    }
    browser.say(&json!({ "message_type": "Subscription", "payload": { "rooms": ["events"], "tenant_id": "globex" } })).await;
    assert!(next_of(&mut browser, "Error").await["payload"]["detail"].as_str().unwrap().contains("bound to another tenant"));
    browser.say(&json!({ "message_type": "Subscription", "payload": { "rooms": ["events"], "tenant_id": "acme" } })).await;
    next_of(&mut browser, "Subscribed").await;
    let mut foreign = ana(&collector, "/ws/tenant/globex").await;
    assert_eq!(foreign.hear().await, Err(Closed(Some(1008))));
    let mut system = ana(&collector, "/ws/system").await;
    system.listen(&[]).await;
    assert_eq!(next_of(&mut system, "Subscribed").await["payload"]["rooms"], json!([]));
    let mut resource = ana(&collector, &format!("/ws/resource/{}", of("globex"))).await;
    resource.listen(&[]).await;
    assert_eq!(next_of(&mut resource, "Subscribed").await["payload"]["rooms"], json!([]));
    let mut own = ana(&collector, &format!("/ws/resource/{}", of("acme"))).await;
    own.until(|message| message["payload"]["values"].as_array().map(|_| ())).await;
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sees_all_may_look_at_one_tenant() {
    let (collector, _dir) = house("viewer").await;
    let mut narrowed = Browser::signed_in(&collector, "/api/monitoring/ws").await;
    narrowed.say(&json!({ "message_type": "Subscription", "payload": { "rooms": ["events"], "tenant_id": "acme" } })).await;
    let mut of_address = Browser::signed_in(&collector, "/ws/tenant/acme").await;
    // What the older guide's hook sends by default.
    of_address.say(&json!({ "message_type": "Subscription", "payload": { "rooms": ["dashboard"], "event_types": [] } })).await;
    for browser in [&mut narrowed, &mut of_address] {
        next_of(browser, "Subscribed").await;
    }
    shared(&collector, 1).await;
    for (browser, room) in [(&mut narrowed, "events"), (&mut of_address, "tenant:acme")] {
        let event: Value = next_of(browser, "Event").await["payload"].clone();
        assert_eq!((&event["event"]["tenant"], &event["room"]), (&json!("acme"), &json!(room)));
    }
    tell(&collector, 1, "shop", &[("A", "{}")]).await;
    let figures = next_of(&mut of_address, "Metrics").await["payload"].clone();
    assert_eq!((&figures["tenant_id"], &figures["websocket_connections"]), (&json!("acme"), &json!(null)));
    collector.stop().await;
}
