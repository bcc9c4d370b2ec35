//! The overview, and figures over a period.

use farol_shared::record::Records;
use serde_json::{Value, json};

use crate::{
    harness::{Collector, batch, now_ms},
    people::{person, send},
    records::{self, event, requests, summary, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_tells_figures_lights_services_and_parts() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let mut records = requests(vec![summary("/", 200, None, 9, 0.1), summary("/", 500, None, 1, 0.2)]);
    records.events = vec![event(now_ms(), "MessageSent", r#"{"status":"sent"}"#)];
    collector.store(&records::batch("host:x", 1, "shop", vec![(now_ms(), records)])).await;
    collector.store(&batch("host:a", 1, 1, &[(now_ms(), 1.0, 1.0)])).await;
    let told = until(&collector, &token, "/api/v1/dashboard/overview", |answer| {
        let is_told = answer["kpis"]["messages_sent"]["value"] == 1.0 && answer["services"][0]["request_rate"].is_number();
        is_told.then(|| answer.clone())
    });
    let told = told.await;
    assert_eq!(told["kpis"]["messages_sent"]["kind"], "total");
    assert_eq!(told["kpis"]["error_rate"]["value"], 10.0, "{}", told["kpis"]);
    assert_eq!(told["kpis"]["messages_sent"]["yesterday"], Value::Null);
    assert_eq!((&told["services"][0]["name"], &told["resources"]), (&json!("shop"), &json!({ "host": 1, "service": 1 })));
    let lights: u64 = told["lights"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(lights, 2, "{told}");
    assert_eq!((&told["health"]["subsystems"]["store"]["status"], &told["connections"]), (&json!("ok"), &json!(0)));
    assert!(told["uptime_s"].is_number() && told["integrations"] == json!([]), "{told}");
    for (query, word) in [("offset=x", "offset"), ("period=1h", "period")] {
        let reply = send(&collector, &token, "GET", &format!("/api/v1/dashboard/overview?{query}"), &Value::Null).await;
        assert!(reply.status == 400 && reply.text().contains(word), "{reply:?}");
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_over_a_period_have_totals_or_newest_values() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let events = vec![
        event(now_ms(), "MessageSent", r#"{"status":"sent"}"#),
        event(now_ms(), "ConversationStarted", r#"{"conversation_id":"a"}"#),
    ];
    let records = Records { events, ..requests(vec![summary("/", 200, None, 60, 0.1)]) };
    collector.store(&records::batch("host:x", 1, "shop", vec![(now_ms(), records)])).await;
    for (period, step) in [("1h", 60_000), ("24h", 900_000), ("7d", 7_200_000), ("30d", 21_600_000)] {
        let path = format!("/api/v1/dashboard/metrics?period={period}");
        let told = until(&collector, &token, &path, |answer| {
            let metrics = &answer["metrics"];
            let is_told = metrics["messages_sent"]["total"] == 1.0 && metrics["active_conversations"]["current"] == 1.0;
            is_told.then(|| answer.clone())
        });
        let told = told.await;
        assert_eq!((&told["period"], &told["step"], &told["tenant_id"]), (&json!(period), &json!(step), &Value::Null));
        assert!(told["metrics"]["requests_per_sec"]["current"].as_f64().unwrap() > 0.0, "{told}");
        assert_eq!(told["metrics"]["messages_sent"]["current"], Value::Null);
        assert_eq!((told["to"].as_i64().unwrap() - told["from"].as_i64().unwrap()) % step, 0);
    }
    let reply = send(&collector, &token, "GET", "/api/v1/dashboard/metrics?period=2h", &Value::Null).await;
    assert!(reply.status == 400 && reply.text().contains("period"), "{reply:?}");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_figures_are_made_of_its_own_events() {
    let (collector, _dir) = Collector::fresh().await;
    let admin = collector.sign_in().await;
    let sent = |tenant: &str, count: usize| {
        let mut one = event(now_ms(), "MessageSent", r#"{"status":"sent"}"#);
        one.tenant = Some(tenant.to_owned());
        vec![one; count]
    };
    let events = [sent("acme", 2), sent("globex", 5)].concat();
    let summaries = vec![summary("/", 200, Some("acme"), 60, 0.1), summary("/", 500, Some("globex"), 60, 0.1)];
    let records = Records { events, ..requests(summaries) };
    collector.store(&records::batch("host:x", 1, "shop", vec![(now_ms(), records)])).await;
    let ana = person(&collector, &admin, "ana", "viewer", Some("acme")).await;
    let own = collector.json(&ana, "/api/v1/dashboard/metrics?period=1h").await;
    assert_eq!((&own["tenant_id"], &own["metrics"]["messages_sent"]["total"]), (&json!("acme"), &json!(2.0)), "{own}");
    assert_eq!(own["metrics"]["error_rate"]["current"], 0.0, "{own}");
    let asked = collector.json(&admin, "/api/v1/dashboard/metrics?period=1h&tenant_id=globex").await;
    assert_eq!(asked["metrics"]["messages_sent"]["total"], 5.0, "{asked}");
    let overview = collector.json(&ana, "/api/v1/dashboard/overview").await;
    assert_eq!(
        (&overview["kpis"]["messages_sent"]["value"], &overview["connections"]),
        (&json!(2.0), &Value::Null),
        "{overview}"
    );
    assert_eq!((&overview["services"], &overview["resources"]), (&json!([]), &json!({})), "the service is everybody's");
    for path in ["/api/v1/dashboard/metrics?tenant_id=globex", "/api/v1/dashboard/overview?tenant_id=globex"] {
        let reply = send(&collector, &ana, "GET", path, &Value::Null).await;
        assert_eq!((reply.status, &reply.json()["code"]), (403, &json!("other_tenant")), "{path}");
    }
    collector.stop().await;
}
