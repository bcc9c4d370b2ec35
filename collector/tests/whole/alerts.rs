//! Alerts, incidents and silences over HTTP: what is shown to whom, who may acknowledge and silence, and what the log tells of it.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use farol_collector::{
    alert::{Change, Keeper, Level, Rule, Subject, Topology},
    clock::SystemClock,
    notify::route::Recipients,
    state::{FILE_NAME, State},
};
use farol_shared::resource::{Resource, ResourceKind};
use farol_store::ResourceInfo;
use serde_json::{Value, json};

use crate::{
    harness::{Collector, now_ms},
    people::{person, send},
};

const HOUR_MS: i64 = 3_600_000;

fn info(id: u32, key: &str, parent: Option<&str>, tenant: Option<&str>) -> ResourceInfo {
    let (kind, name) = key.split_once(':').unwrap();
    let kind = ResourceKind::parse(kind).unwrap();
    let named = if kind == ResourceKind::Host { "host.name" } else { "container.name" };
    let resource = Resource {
        key: key.to_owned(),
        kind,
        parent: parent.map(str::to_owned),
        tenant: tenant.map(str::to_owned),
        attributes: BTreeMap::from([(named.to_owned(), name.to_owned())]),
    };
    ResourceInfo { id, resource: Arc::new(resource), agent: "a".into(), first_seen_ms: 0, last_seen_ms: 0, interval_ms: 1_000 }
}

fn change(rule: &Value, resource: u32, from: Level, to: Level, at_ms: i64) -> Change {
    let rule: Rule = serde_json::from_value(rule.clone()).unwrap();
    Change {
        rule: Arc::new(rule),
        subject: Subject { resource, attributes: Vec::new().into() },
        from,
        to,
        onset_ms: at_ms - 1_000,
        at_ms,
        value: Some(0.934),
        threshold: Some(0.8),
        unit: "1".into(),
    }
}

/// Keeps alerts in the file of a collector as its own keeper does: a dead host with a container of each of two tenants on it, and CPU of
/// another host that was high for an hour.
async fn keep(dir: &Path, now_ms: i64) {
    let path = dir.join(FILE_NAME);
    let work = move || {
        let (state, thread) = State::open(&path, Arc::new(SystemClock)).unwrap();
        let (mut keeper, _) = Keeper::open(state, Recipients::default()).unwrap();
        let topology = Topology::of(
            &[
                info(1, "host:web-1", None, None),
                info(2, "container:acme-shop", Some("host:web-1"), Some("acme")),
                info(3, "container:globex-shop", Some("host:web-1"), Some("globex")),
                info(4, "host:web-2", None, None),
            ],
            now_ms,
        );
        let cpu = json!({
            "id": "cpu", "name": "CPU", "condition": { "type": "series", "metric": "x", "aggregate": "mean", "window_s": 60 },
            "message": "{{ resource }} at {{ value }}", "warning": 0.8,
        });
        let silent = json!({ "id": "silent", "name": "Silent", "condition": { "type": "silent" }, "critical": 1.0 });
        let mut take = |changes, at_ms| drop(keeper.take(changes, &topology, &[], at_ms).unwrap());
        let then_ms = now_ms - 2 * HOUR_MS;
        take(vec![change(&cpu, 4, Level::Ok, Level::Warning, then_ms)], then_ms);
        take(vec![change(&cpu, 4, Level::Warning, Level::Ok, then_ms + HOUR_MS)], then_ms + HOUR_MS);
        take([1, 2, 3].map(|resource| change(&silent, resource, Level::Ok, Level::Critical, now_ms)).to_vec(), now_ms);
        drop(keeper);
        thread.join().unwrap();
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

fn names(alerts: &Value) -> Vec<&str> {
    alerts.as_array().unwrap().iter().map(|alert| alert["resource_name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_listed_filtered_and_counted() {
    let (collector, dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let now_ms = now_ms();
    keep(dir.path(), now_ms).await;
    let all = collector.json(&token, "/api/v1/alerts").await;
    assert_eq!(names(&all["alerts"]), ["globex-shop", "acme-shop", "web-1", "web-2"]);
    assert_eq!(all["open"], json!({ "critical": 3, "warning": 0 }));
    let cpu = &all["alerts"][3];
    assert_eq!(
        (&cpu["state"], &cpu["level"], &cpu["message"]),
        (&json!("resolved"), &json!("warning"), &json!("web-2 at 93.4 %"))
    );
    assert_eq!((&cpu["kind"], &cpu["metric"], &cpu["below"]), (&json!("host"), &json!("x"), &json!(false)));
    let half_ms = now_ms - HOUR_MS / 2;
    let (since, until) = (format!("from={half_ms}"), format!("to={half_ms}"));
    for (query, count) in [
        ("state=open", 3),
        ("state=resolved", 1),
        ("level=critical", 3),
        ("resource=4", 1),
        ("service=none", 0),
        ("limit=2", 2),
        ("before=2", 1),
        (&since, 3),
        (&until, 1),
    ] {
        let some = collector.json(&token, &format!("/api/v1/alerts?{query}")).await;
        assert_eq!(some["alerts"].as_array().unwrap().len(), count, "{query}");
    }
    let wrong = send(&collector, &token, "GET", "/api/v1/alerts?state=broken", &Value::Null).await;
    assert!(wrong.status == 400 && wrong.text().contains("state"), "{wrong:?}");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_tells_its_story_and_somebody_says_that_they_look_at_it() {
    let (collector, dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    keep(dir.path(), now_ms()).await;
    let list = collector.json(&token, "/api/v1/incidents?state=open").await;
    let incident = &list["incidents"][0];
    assert_eq!((&incident["alerts"], &incident["firing"], &incident["held"]), (&json!(3), &json!(3), &json!(2)));
    assert_eq!((&incident["cause"]["kind"], &incident["title"]["resource"]), (&json!("host"), &json!("web-1")));
    let path = format!("/api/v1/incidents/{}", incident["id"]);
    let detail = collector.json(&token, &path).await;
    assert_eq!((&detail["state"], names(&detail["alerts"]).len(), &detail["deliveries"]), (&json!("open"), 3, &json!([])));
    let kinds: Vec<&str> = detail["lines"].as_array().unwrap().iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "fired").count(), 3, "{kinds:?}");
    let viewer = person(&collector, &token, "vera", "viewer", None).await;
    let acknowledge = format!("{path}/acknowledge");
    assert_eq!(send(&collector, &viewer, "POST", &acknowledge, &Value::Null).await.status, 403);
    for _ in 0..2 {
        let done = send(&collector, &token, "POST", &acknowledge, &Value::Null).await;
        assert_eq!((done.status, &done.json()["acknowledged"]["by"]), (200, &json!("admin")), "twice is once");
    }
    let alerts = collector.json(&token, "/api/v1/alerts?state=open").await;
    assert_eq!(alerts["alerts"][0]["acknowledged"]["by"], "admin");
    let back = send(&collector, &token, "POST", &format!("{path}/unacknowledge"), &Value::Null).await;
    assert_eq!(back.json()["acknowledged"], Value::Null);
    let closed = collector.json(&token, "/api/v1/incidents?state=closed").await;
    let over = closed["incidents"][0]["id"].clone();
    let late = send(&collector, &token, "POST", &format!("/api/v1/incidents/{over}/acknowledge"), &Value::Null).await;
    assert_eq!((late.status, &late.json()["code"]), (409, &json!("closed")));
    let log = collector.json(&token, "/api/v1/audit").await;
    let actions = log["entries"].as_array().unwrap().iter().filter_map(|line| line["action"].as_str());
    let of_incidents: Vec<&str> = actions.filter(|action| action.starts_with("incident.")).collect();
    assert_eq!(of_incidents, ["incident.unacknowledge", "incident.acknowledge"]);
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_its_own_part_of_an_incident_of_the_house() {
    let (collector, dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    keep(dir.path(), now_ms()).await;
    let acme = person(&collector, &token, "ana", "operator", Some("acme")).await;
    let alerts = collector.json(&acme, "/api/v1/alerts").await;
    assert_eq!((names(&alerts["alerts"]), &alerts["open"]["critical"]), (vec!["acme-shop"], &json!(1)));
    let list = collector.json(&acme, "/api/v1/incidents").await;
    let [incident] = &list["incidents"].as_array().unwrap()[..] else { panic!("one: {list}") };
    assert_eq!((&incident["alerts"], &incident["cause"], &incident["tenant"]), (&json!(1), &Value::Null, &Value::Null));
    let path = format!("/api/v1/incidents/{}", incident["id"]);
    let detail = collector.json(&acme, &path).await;
    assert_eq!(names(&detail["alerts"]), ["acme-shop"]);
    let text = detail.to_string();
    assert!(!text.contains("globex") && !text.contains("web-1"), "{text}");
    let refused = send(&collector, &acme, "POST", &format!("{path}/acknowledge"), &Value::Null).await;
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("of_the_house")));
    let other = person(&collector, &token, "bob", "operator", Some("nobody")).await;
    assert_eq!(send(&collector, &other, "GET", &path, &Value::Null).await.status, 404);
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silences_are_made_listed_and_ended() {
    let (collector, dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let now_ms = now_ms();
    keep(dir.path(), now_ms).await;
    let until = now_ms + HOUR_MS;
    let new = json!({ "matchers": ["host=web-*"], "reason": "new disks", "until": until });
    let made = send(&collector, &token, "POST", "/api/v1/silences", &new).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert_eq!((&made["state"], &made["matching"], &made["by"]), (&json!("active"), &json!(3), &json!("admin")), "{made}");
    let weekly = json!({ "days": [7], "start": "22:00", "end": "02:00", "offset_min": -180 });
    let windows =
        json!({ "matchers": ["rule=silent"], "reason": "backups", "from": until, "until": until + HOUR_MS, "weekly": weekly });
    let planned = send(&collector, &token, "POST", "/api/v1/silences", &windows).await.json();
    assert_eq!((&planned["state"], &planned["weekly"]), (&json!("planned"), &weekly));
    for (field, wrong) in [
        ("matchers", json!({ "matchers": ["colour=red"], "reason": "x", "until": until })),
        ("reason", json!({ "matchers": ["rule=*"], "reason": " ", "until": until })),
        ("until", json!({ "matchers": ["rule=*"], "reason": "x", "until": 5 })),
        ("weekly", json!({ "matchers": ["rule=*"], "reason": "x", "until": until, "weekly": { "start": "9", "end": "10:00" } })),
    ] {
        let refused = send(&collector, &token, "POST", "/api/v1/silences", &wrong).await;
        assert_eq!((refused.status, &refused.json()["errors"][0]["field"]), (422, &json!(field)), "{refused:?}");
    }
    let acme = person(&collector, &token, "ana", "operator", Some("acme")).await;
    assert_eq!(collector.json(&acme, "/api/v1/silences").await["silences"], json!([]));
    let new = json!({ "matchers": ["rule=*"], "reason": "x", "until": until });
    let own = send(&collector, &acme, "POST", "/api/v1/silences", &new).await.json();
    assert_eq!((&own["tenant"], &own["matching"]), (&json!("acme"), &json!(1)));
    let path = format!("/api/v1/silences/{}", made["id"]);
    assert_eq!(send(&collector, &acme, "DELETE", &path, &Value::Null).await.status, 404);
    assert_eq!(send(&collector, &token, "DELETE", &path, &Value::Null).await.status, 204);
    assert_eq!(send(&collector, &token, "DELETE", &path, &Value::Null).await.status, 404);
    let list = collector.json(&token, "/api/v1/silences").await;
    let states: Vec<&str> = list["silences"].as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["active", "planned", "over"]);
    let log = collector.json(&token, "/api/v1/audit").await;
    let actions = log["entries"].as_array().unwrap().iter().filter_map(|line| line["action"].as_str());
    let of_silences: Vec<&str> = actions.filter(|action| action.starts_with("silence.")).collect();
    assert_eq!(of_silences, ["silence.end", "silence.create", "silence.create", "silence.create"]);
    collector.stop().await;
}
