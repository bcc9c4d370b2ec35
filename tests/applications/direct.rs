//! What an application sends by itself: JSON over HTTP and StatsD, against the raw list of what was sent.

use std::net::UdpSocket;

use farol_tests::{
    random::Random,
    wait::{until, when},
};
use serde_json::{Value, json};

use crate::sidecar::Sidecar;

#[test]
fn quantiles_are_within_the_sketchs_error_of_the_raw_list() {
    let mut sidecar = Sidecar::start("shop", |_| Vec::new());
    let mut random = Random::seeded(7);
    let mut durations = Vec::new();
    for _ in 0..40 {
        let batch: Vec<Value> = (0..250)
            .map(|_| {
                // Log-normal by the sum of uniforms: most are quick, a few take seconds.
                let spread: f64 = (0..6).map(|_| random.between(0, 1_000_000) as f64 / 1e6).sum::<f64>() - 3.0;
                let duration_ms = (20.0 * f64::exp(spread * 1.5) * 1_000.0).round() / 1_000.0;
                durations.push(duration_ms);
                json!({"method": "GET", "route": "/quantiles", "status": 200, "duration_ms": duration_ms})
            })
            .collect();
        let answer = sidecar.ear().post("/v1/requests", &Value::Array(batch));
        assert_eq!((answer.status, answer.json()["accepted"].as_u64()), (202, Some(250)), "{}", answer.text());
    }
    let total = sidecar.check_count(10_000)["total"].clone();
    durations.sort_by(f64::total_cmp);
    for (name, rank) in [("p50_ms", 5_000), ("p95_ms", 9_499), ("p99_ms", 9_899)] {
        let real = durations[rank];
        let told = total[name].as_f64().unwrap();
        assert!((told - real).abs() <= real * 0.016, "{name}: {told}, in truth {real}");
        eprintln!("{name}: {told}, in truth {real}");
    }
    let mean = durations.iter().sum::<f64>() / 10_000.0;
    assert!((total["mean_ms"].as_f64().unwrap() - mean).abs() < 1e-3, "{total}: the mean is {mean}");
    assert!((total["max_ms"].as_f64().unwrap() - durations[9_999]).abs() < 1e-3, "{total}");
}

#[test]
fn a_wrong_field_is_named_and_nothing_of_the_body_is_kept() {
    let mut sidecar = Sidecar::start("shop", |_| Vec::new());
    let body = json!([
        {"method": "GET", "route": "/a", "status": 200, "duration_ms": 1.0},
        {"method": "GET", "route": "/a", "status": "fine", "duration_ms": 1.0},
    ]);
    let answer = sidecar.ear().post("/v1/requests", &body);
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert!(answer.text().contains("status"), "{}", answer.text());
    let event = json!({"type": "MessageSent", "payload": {"to": "+55 11 91234-5678", "status": "sent"}});
    let answer = sidecar.ear().post("/v1/events", &event);
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert!(answer.text().contains("message_id"), "{}", answer.text());
    sidecar.ear().post("/v1/requests", &json!({"method": "GET", "route": "/b", "status": 204, "duration_ms": 2}));
    sidecar.check_count(1);
}

#[test]
fn events_arrive_typed_counted_and_with_private_fields_masked() {
    let mut sidecar = Sidecar::start("zap", |_| Vec::new());
    for number in 0..100 {
        let payload = json!({"message_id": format!("m{number}"), "to": "+55 11 91234-5678", "status": "sent", "timestamp": 1});
        let answer = sidecar.ear().post("/v1/events", &json!({"type": "MessageSent", "tenant": "acme", "payload": payload}));
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
    let answer = until("a hundred events", || {
        let answer = sidecar.ask("/api/v1/events?limit=50&tenant=acme");
        when(answer.clone(), |answer| answer["counts"][0]["count"] == 100).map_err(|_| answer.to_string())
    });
    assert_eq!(answer["events"].as_array().unwrap().len(), 50);
    assert_eq!(answer["events"][0]["payload"]["status"], "sent");
    assert!(!answer.to_string().contains("91234"), "{answer}");
}

#[test]
fn statsd_values_become_series_of_the_application() {
    let mut sidecar = Sidecar::start("counter", |_| Vec::new());
    let socket = UdpSocket::bind((sidecar.statsd.ip(), 0)).unwrap();
    for number in 0..200 {
        let lines = format!("jobs.done:2|c\nqueue.depth:{number}|g\nrender:25|ms|#page:home\nbad line");
        socket.send_to(lines.as_bytes(), sidecar.statsd).unwrap();
    }
    let id = sidecar.collector.resource_id("counter-sidecar");
    let mut last = |metric: &str, wanted: f64| {
        until(metric, || {
            let path = format!(
                "/api/v1/query?metric={metric}&resource={id}&aggregate=last&from={}&to={}",
                farol_tests::wait::now_ms() - 60_000,
                farol_tests::wait::now_ms() + 1_000
            );
            let answer = sidecar.collector.api().json(&path);
            let value = answer["series"][0]["points"].as_array().and_then(|points| points.last()?.get(1)?.as_f64());
            when(value, |value| *value == Some(wanted)).map_err(|_| answer.to_string())
        });
    };
    last("jobs.done", 400.0);
    last("queue.depth", 199.0);
    last("render.count", 200.0);
    until("the malformed lines to be counted", || {
        when(sidecar.own("farol.agent.records.dropped", "malformed"), |count| *count == 200.0)
    });
}
