//! What applications tell, from the agents' door to the answers of the API.

use farol_shared::record::{CheckResult, CheckState, ErrorSummary, Level, Levels, LogRecord, Records, Request};
use serde_json::{Value, json};

use crate::{
    harness::{Collector, now_ms},
    records::{batch, event, requests, summary, until},
};

/// The entry of a service in the list of resources.
fn entry<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    list["resources"].as_array()?.iter().find(|entry| entry["name"] == name)
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_agents_of_one_service_measure_as_one_and_do_not_make_it_flap() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let mut agents = std::collections::BTreeSet::new();
    for seq in 1..=3 {
        for agent in 0..20 {
            let records = requests(vec![summary("/", 200, None, 4, 0.1), summary("/", 404, None, 1, 0.2)]);
            let batch = batch(&format!("host:{agent}"), seq, "shop", vec![(now_ms(), records)]);
            collector.store(&batch).await;
            // The answer was lost on the way: it is sent again.
            collector.store(&batch).await;
        }
        let service = until(&collector, &token, "/api/v1/resources", |list| {
            let service = entry(list, "shop")?;
            service["latest"]["p95"].is_number().then(|| service.clone())
        });
        let service = service.await;
        assert_eq!((service["status"].as_str(), service["ended"].as_bool()), (Some("ok"), Some(false)), "{service}");
        agents.insert(service["agent"].as_str().unwrap().to_owned());
    }
    assert_eq!(agents.into_iter().collect::<Vec<_>>(), ["farol-collector#services"]);
    let latency = collector.json(&token, "/api/v1/requests/latency?service=shop").await;
    assert_eq!(latency["total"]["count"], 300, "each once: {latency}");
    let current = collector.json(&token, "/api/monitoring/current").await;
    assert_eq!(current["metrics"]["error_rate"], 0.0, "{current}");
    assert!(current["metrics"]["requests_per_sec"].as_f64().unwrap() > 0.0, "{current}");
    // Its series go on being reported, whoever tells its tables anew.
    let id = entry(&current, "shop").unwrap()["id"].clone();
    let path = format!("/api/v1/query?metric=http.server.request.rate&resource={id}&aggregate=last");
    until(&collector, &token, &path, |answer| answer["series"][0]["points"][0][1].as_f64()).await;
    let series = collector.json(&token, &format!("/api/v1/series?resource={id}")).await;
    let names = series["series"].as_array().unwrap().len();
    assert_eq!(names, 10, "rate, ratio, Apdex, six durations, errors: {series}");
    let newest = collector.json(&token, "/api/v1/resources").await;
    let newest = entry(&newest, "shop").unwrap()["last_seen"].as_i64().unwrap();
    collector.store(&batch("host:new", 1, "shop", vec![(now_ms(), requests(vec![summary("/", 200, None, 1, 0.1)]))])).await;
    let later = format!("/api/v1/series?resource={id}&from={}&to={}", newest + 2_000, newest + 600_000);
    until(&collector, &token, &later, |list| (list["series"].as_array()?.len() == names).then_some(())).await;
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_requests_fail_and_take_long_is_red_and_says_why() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let records = requests(vec![summary("/", 200, None, 85, 0.1), summary("/", 503, None, 15, 2.0)]);
    collector.store(&batch("host:a", 1, "shop", vec![(now_ms(), records)])).await;
    let service = until(&collector, &token, "/api/v1/resources", |list| {
        entry(list, "shop").filter(|service| service["status"] == "critical").cloned()
    });
    let service = service.await;
    let codes: Vec<&str> = service["reasons"].as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["errors_high", "latency_high"], "{service}");
    assert_eq!(service["latest"]["error_ratio"], 0.15, "{service}");
    let current = collector.json(&token, "/api/monitoring/current").await;
    assert_eq!(current["metrics"]["error_rate"], 15.0, "{current}");
    assert_eq!(current["metrics"]["response_time_p95"], 2_000.0, "{current}");
    assert!(current["metrics"]["cache_hits"].is_null() && current["metrics"]["system_availability"].is_null(), "{current}");
    assert!(current["metrics"]["system_uptime"].as_f64().unwrap() >= 0.0, "{current}");
    let history = collector.json(&token, "/api/monitoring/history?minutes=10").await;
    let last = history["metrics"]["error_rate"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last[1], 15.0, "{history}");
    assert_eq!(history["metrics"]["tws_latency_ms"], json!([]));
    collector.stop().await;
}

fn day(now: i64) -> Records {
    let request = |route: &str, status, duration_s| Request {
        time_ms: now,
        method: "GET".to_owned(),
        route: route.to_owned(),
        path: "/users/7".to_owned(),
        status,
        duration_s,
        tenant: Some("acme".to_owned()),
        user: Some("42".to_owned()),
        ..Request::default()
    };
    let error = ErrorSummary {
        kind: "ValueError".to_owned(),
        origin: "request".to_owned(),
        count: 3,
        time_ms: now,
        message: "no such user".to_owned(),
        ..ErrorSummary::default()
    };
    Records {
        requests: vec![
            summary("/users/{id}", 200, Some("acme"), 30, 0.1),
            summary("/users/{id}", 500, Some("acme"), 10, 1.0),
            summary("/", 200, Some("other"), 60, 0.02),
        ],
        recent: vec![request("/users/{id}", 200, 0.1), request("/users/{id}", 500, 1.0)],
        slow: vec![request("/users/{id}", 500, 1.0), request("/users/{id}", 200, 3.0)],
        errors: vec![error],
        ..Records::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_errors_are_told_in_every_view() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let now = now_ms();
    collector.store(&batch("host:a", 1, "shop", vec![(now, day(now))])).await;
    let ask = |path: &str| {
        let path = format!("/api/v1/{path}");
        let (collector, token) = (&collector, &token);
        async move { collector.json(token, &path).await }
    };
    let recent = ask("requests/recent?service=shop").await;
    assert_eq!(
        (recent["count"].as_u64(), recent["mean_ms"].as_f64(), recent["max_ms"].as_f64()),
        (Some(2), Some(550.0), Some(1_000.0))
    );
    let first = &recent["requests"][0];
    assert_eq!(
        (first["route"].as_str(), first["path"].as_str(), first["tenant"].as_str()),
        (Some("/users/{id}"), Some("/users/7"), Some("acme"))
    );
    assert!(first["trace_id"].is_null() && first["service"].is_number(), "{first}");
    let slow = ask("requests/slow?limit=1").await;
    assert_eq!((slow["requests"].as_array().unwrap().len(), slow["requests"][0]["duration_ms"].as_f64()), (1, Some(3_000.0)));
    let endpoints = ask("requests/endpoints").await;
    let top = &endpoints["endpoints"][0];
    assert_eq!((top["route"].as_str(), top["count"].as_u64(), top["share"].as_f64()), (Some("/"), Some(60), Some(0.6)));
    assert_eq!(endpoints["endpoints"][1]["failed"], 10);
    let latency = ask("requests/latency?step=1m").await;
    let total = &latency["total"];
    assert_eq!(
        (total["count"].as_u64(), total["failed"].as_u64(), total["error_ratio"].as_f64()),
        (Some(100), Some(10), Some(0.1))
    );
    assert_eq!(
        (total["min_ms"].as_f64(), total["max_ms"].as_f64(), total["p50_ms"].as_f64()),
        (Some(20.0), Some(1_000.0), Some(20.0)).to_owned(),
        "{latency}"
    );
    assert_eq!(latency["statuses"], json!([{ "status": 200, "count": 90 }, { "status": 500, "count": 10 }]));
    assert_eq!(latency["points"].as_array().unwrap().len(), 1);
    let tenants = ask("requests/tenants").await;
    let first = &tenants["tenants"][0];
    assert_eq!(
        (first["tenant"].as_str(), first["slow_share"].as_f64(), first["share"].as_f64()),
        (Some("acme"), Some(1.0), Some(0.4)),
        "{tenants}"
    );
    assert_eq!(ask("requests/latency?tenant=other").await["total"]["count"], 60);
    let hours = ask("errors/by-hour").await;
    let hours = hours["hours"].as_array().unwrap();
    assert!((24..=25).contains(&hours.len()), "every hour of a day: {hours:?}");
    let sum = |name: &str| hours.iter().map(|hour| hour[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("requests_failed"), sum("exceptions")), (10, 3));
    let types = ask("errors/types").await;
    assert_eq!((types["types"][0]["type"].as_str(), types["types"][0]["count"].as_u64()), (Some("ValueError"), Some(3)));
    assert_eq!(types["types"][0]["last"]["message"], "no such user");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_told_page_by_page_and_found_by_words() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let now = now_ms();
    let log = |number: i64| LogRecord {
        // Several share their time: the number tells them apart.
        time_ms: now - number / 3 * 1_000,
        level: if number % 5 == 0 { Level::Error } else { Level::Warn },
        message: if number == 13 { "the payment was refused".to_owned() } else { format!("entry {number}") },
        ..LogRecord::default()
    };
    let logs: Vec<LogRecord> = (0..25).map(log).collect();
    let mut levels = Levels::default();
    logs.iter().for_each(|log| levels.add(log.level));
    collector.store(&batch("host:a", 1, "shop", vec![(now, Records { logs, levels, ..Records::default() })])).await;
    let (mut seen, mut before) = (Vec::new(), String::new());
    loop {
        let page = collector.json(&token, &format!("/api/v1/logs?limit=10{before}")).await;
        seen.extend(
            page["logs"].as_array().unwrap().iter().map(|log| (log["time"].as_i64().unwrap(), log["id"].as_i64().unwrap())),
        );
        let Some(next) = page["next"].as_str() else { break };
        before = format!("&before={next}");
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.is_sorted_by(|a, b| a > b), "newest first, none twice: {seen:?}");
    let errors = collector.json(&token, "/api/v1/logs?level=error").await;
    assert_eq!(errors["logs"].as_array().unwrap().len(), 5);
    let found = collector.json(&token, "/api/v1/logs?q=payment%20refus").await;
    assert_eq!((found["logs"].as_array().unwrap().len(), found["logs"][0]["level"].as_str()), (1, Some("warn")), "{found}");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_told_counted_and_made_into_figures() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let now = now_ms();
    let of = |seq: u64, events| batch("host:a", seq, "shop", vec![(now, Records { events, ..Records::default() })]);
    let first = vec![
        event(now - 10, "MessageSent", r#"{"message_id":1,"status":"sent"}"#),
        event(now - 9, "MessageSent", r#"{"message_id":2,"status":"failed"}"#),
        event(now - 8, "ConversationStarted", r#"{"conversation_id":"a"}"#),
        event(now - 7, "ERPCall", r#"{"response_time":100,"success":true}"#),
        event(now - 6, "ERPCall", r#"{"response_time":300,"success":false}"#),
        event(now - 5, "AIInteraction", r#"{"tokens":120,"prompt":"***"}"#),
        event(now - 4, "CampaignUpdate", r#"{"campaign_id":1,"sent":200,"opened":50,"clicked":10}"#),
        event(now - 3, "OrderPlaced", "not JSON at all"),
    ];
    collector.store(&of(1, first)).await;
    let expect = json!({
        "messages_sent": 1.0, "messages_failed": 1.0, "messages_received": null, "active_conversations": 1.0, "tickets_created": null,
        "ai_interactions": 1.0, "ai_tokens": 120.0, "erp_calls": 2.0, "erp_success_ratio": 0.5, "erp_latency_ms": 200.0,
        "campaigns_sent": 200.0, "campaigns_opened": 50.0, "campaigns_clicked": 10.0, "campaigns_open_ratio": 0.25,
        "campaigns_click_ratio": 0.05,
    });
    // The figures are series of the service: they take the way through the door once more.
    let events =
        until(&collector, &token, "/api/v1/events", |events| (events["derived"] == expect).then(|| events.clone())).await;
    assert_eq!(events["events"].as_array().unwrap().len(), 8);
    assert_eq!((events["events"][0]["type"].as_str(), &events["events"][0]["payload"]), (Some("OrderPlaced"), &json!({})));
    assert_eq!(events["events"][2]["payload"]["prompt"], "***");
    let counts: Vec<(&str, u64)> = events["counts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["type"].as_str().unwrap(), one["count"].as_u64().unwrap()))
        .collect();
    assert!(counts.contains(&("MessageSent", 2)) && counts.contains(&("OrderPlaced", 1)), "{counts:?}");
    let some = collector.json(&token, "/api/v1/events?type=ERPCall,OrderPlaced&limit=2").await;
    let kinds: Vec<&str> = some["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["OrderPlaced", "ERPCall"]);
    let next = some["next"].as_str().unwrap();
    let rest = collector.json(&token, &format!("/api/v1/events?type=ERPCall,OrderPlaced&limit=2&before={next}")).await;
    assert_eq!((rest["events"].as_array().unwrap().len(), rest["next"].is_null()), (1, true));
    let mut of_tenant = event(now - 2, "MessageReceived", "{}");
    of_tenant.tenant = Some("acme".to_owned());
    collector.store(&of(2, vec![of_tenant])).await;
    let acme = collector.json(&token, "/api/v1/events?tenant=acme").await;
    assert_eq!(
        (acme["derived"]["messages_received"].as_f64(), acme["derived"]["messages_sent"].is_null()),
        (Some(1.0), true),
        "{acme}"
    );
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_are_told_with_their_availability() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let now = now_ms();
    let check = |number: i64| CheckResult {
        time_ms: now - number * 1_000,
        name: "database".to_owned(),
        kind: "postgres".to_owned(),
        target: "db:5432".to_owned(),
        state: if number == 0 { CheckState::Degraded } else { CheckState::Online },
        is_success: number != 0,
        latency_s: (number != 0).then_some(0.004),
        detail: if number == 0 { "refused".to_owned() } else { String::new() },
    };
    let mut host = crate::harness::batch("host:a", 1, 1, &[(now, 1.0, 1.0)]);
    host.frames[0].records = vec![Records { checks: (0..4).map(check).collect(), ..Records::default() }];
    collector.store(&host).await;
    let checks = collector.json(&token, "/api/v1/checks?limit=3").await;
    let one = &checks["checks"][0];
    assert_eq!(
        (one["name"].as_str(), one["state"].as_str(), one["detail"].as_str()),
        (Some("database"), Some("degraded"), Some("refused"))
    );
    assert_eq!(
        (one["availability"].as_f64(), one["total"].as_u64(), one["mean_latency_ms"].as_f64()),
        (Some(0.75), Some(4), Some(4.0))
    );
    let results = one["results"].as_array().unwrap();
    assert_eq!(
        (results.len(), results[0]["success"].as_bool(), results[1]["latency_ms"].as_f64()),
        (3, Some(false), Some(4.0)),
        "{checks}"
    );
    let current = collector.json(&token, "/api/monitoring/current").await;
    assert_eq!(current["metrics"]["system_availability"], 75.0);
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn today_is_compared_with_yesterday_up_to_the_same_time() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    const MINUTE_MS: i64 = 60_000;
    const DAY_MS: i64 = 1_440 * MINUTE_MS;
    let now = now_ms();
    // Somewhere on earth it is about three in the morning.
    let minutes = (180 - now.rem_euclid(DAY_MS) / MINUTE_MS).rem_euclid(1_440);
    let offset = if minutes > 720 { minutes - 1_440 } else { minutes };
    let (today, yesterday) = (now - 60 * MINUTE_MS, now - DAY_MS - 60 * MINUTE_MS);
    // What happened yesterday after this time of day does not count.
    let later = now - DAY_MS + 60 * MINUTE_MS;
    collector
        .store(&crate::harness::batch(
            "host:a",
            1,
            1,
            &[
                (yesterday, 100.0, 1_000.0),
                (yesterday + 1_000, 100.0, 1_100.0),
                (later, 900.0, 5_000.0),
                (today, 150.0, 10_000.0),
                (today + 1_000, 150.0, 10_050.0),
            ],
        ))
        .await;
    let of = |time, count, status| (time, requests(vec![summary("/", status, None, count, 0.1)]));
    let frames = vec![of(yesterday, 10, 200), of(later, 1_000, 500), of(today, 20, 200), of(today + 1_000, 20, 500)];
    collector.store(&batch("host:b", 1, "shop", frames)).await;
    // Only services that tell of requests now are compared by them.
    collector.store(&batch("host:b", 2, "shop", vec![(now, requests(vec![]))])).await;
    collector.store(&batch("host:b", 3, "shop", vec![of(now_ms(), 1, 200)])).await;
    let (host, shop) = until(&collector, &token, "/api/v1/resources", |list| {
        let rate = entry(list, "shop").filter(|shop| shop["latest"]["request_rate"].is_number())?;
        Some((entry(list, "a")?["id"].clone(), rate["id"].clone()))
    })
    .await;
    let compared = collector.json(&token, &format!("/api/v1/compare?resource={host},{shop}&offset={offset}")).await;
    assert_eq!(compared["before_to"].as_i64().unwrap() + DAY_MS, compared["to"].as_i64().unwrap());
    let row = |metric: &str| {
        let rows = compared["metrics"].as_array().unwrap();
        rows.iter().find(|row| row["metric"] == metric).unwrap_or_else(|| panic!("{metric}: {compared}")).clone()
    };
    let memory = row("system.linux.memory.available");
    assert_eq!(
        (memory["today"].as_f64(), memory["yesterday"].as_f64(), memory["percent"].as_f64()),
        (Some(150.0), Some(100.0), Some(50.0))
    );
    assert_eq!(
        (memory["direction"].as_str(), memory["good"].as_str(), memory["is_better"].as_bool()),
        (Some("up"), Some("up"), Some(true))
    );
    let switches = row("system.linux.context_switches");
    assert_eq!((switches["yesterday"].as_f64(), switches["good"].as_str()), (Some(100.0), Some("neither")), "{switches}");
    let count = row("http.server.request.count");
    assert_eq!((count["today"].as_f64(), count["yesterday"].as_f64()), (Some(40.0), Some(10.0)), "{count}");
    let errors = row("http.server.request.error_ratio");
    assert_eq!(
        (errors["today"].as_f64(), errors["yesterday"].as_f64(), errors["percent"].as_f64()),
        (Some(0.5), Some(0.0), None)
    );
    assert_eq!((errors["direction"].as_str(), errors["is_better"].as_bool()), (Some("up"), Some(false)));
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn series_are_listed_by_when_they_were_seen() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let now = now_ms();
    collector.store(&crate::harness::batch("host:a", 1, 1, &[(now - 7_200_000, 1.0, 1.0)])).await;
    let count = |path: String| {
        let (collector, token) = (&collector, &token);
        async move { collector.json(token, &path).await["series"].as_array().unwrap().len() }
    };
    assert_eq!(count("/api/v1/series".to_owned()).await, 2);
    assert_eq!(count(format!("/api/v1/series?from={}", now - 3_600_000)).await, 0);
    assert_eq!(count(format!("/api/v1/series?from={}&to={}", now - 9_000_000, now - 3_600_000)).await, 2);
    assert_eq!(count(format!("/api/v1/series?from=0&to={}", now - 9_000_000)).await, 0);
    collector.stop().await;
}
