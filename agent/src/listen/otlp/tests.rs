//! Tests on samples that SDKs sent, in both encodings, and on bytes that nobody would send.

use farol_shared::record::{NO_ROUTE, Records};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::listen::trial::{NOW_MS, Trial};

const OLD_TRACES: &str = include_str!("../../../tests/fixtures/otlp/old-traces.json");
const OLD_METRICS: &str = include_str!("../../../tests/fixtures/otlp/old-metrics.json");
const STABLE_TRACES: &str = include_str!("../../../tests/fixtures/otlp/stable-traces.json");
const STABLE_METRICS: &str = include_str!("../../../tests/fixtures/otlp/stable-metrics.json");

/// What FastAPI 0.165 under OpenTelemetry's own instrumentation for Python 0.66b1 sent, unpacked.
const FASTAPI: [(Signal, &[u8]); 3] = [
    (Signal::Traces, include_bytes!("../../../tests/fixtures/otlp/fastapi-traces.pb")),
    (Signal::Metrics, include_bytes!("../../../tests/fixtures/otlp/fastapi-metrics.pb")),
    (Signal::Logs, include_bytes!("../../../tests/fixtures/otlp/fastapi-logs.pb")),
];

fn take_json(otlp: &mut Otlp, trial: &Trial, signal: Signal, body: &str) -> Result<Taken, Malformed> {
    otlp.take(signal, Encoding::Json, body.as_bytes(), &mut trial.context.inlet.open(), NOW_MS)
}

/// What one body gives an agent that just began.
fn taken(signal: Signal, body: &str) -> Trial {
    let trial = Trial::new();
    let taken = take_json(&mut Otlp::new(NOW_MS), &trial, signal, body).unwrap();
    assert_eq!(taken.rejected, 0);
    trial
}

/// A body with one resource of the service `shop` and one scope.
fn body(signal: Signal, items: &Value) -> String {
    let [resources, scopes, names] = signal.lists();
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]});
    json!({resources: [{"resource": resource, scopes: [{"scope": {"name": "lib"}, names: items}]}]}).to_string()
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn whole(key: &str, value: i64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

fn rows(records: &Records) -> Vec<(&str, &str, u16, u64, u64)> {
    records.requests.iter().map(|row| (&*row.method, &*row.route, row.status, row.count, row.failed)).collect()
}

#[test]
fn server_spans_of_both_conventions_become_the_same_requests() {
    for sample in [OLD_TRACES, STABLE_TRACES] {
        let records = taken(Signal::Traces, sample).records("shop");
        let expected = [("GET", NO_ROUTE, 404, 1, 0), ("GET", "/boom", 500, 1, 1), ("GET", "/users/{i}", 200, 2, 0)];
        assert_eq!(rows(&records), expected);
        let first = &records.recent[0];
        assert_eq!(first.path, "/users/7");
        assert!((0.001..0.01).contains(&first.duration_s), "{}", first.duration_s);
        assert_eq!(first.trace_id.as_ref().map(String::len), Some(32));
        assert_eq!(records.recent[2].exception.as_deref(), Some("KeyError"));
        let error = &records.errors[0];
        assert_eq!((records.errors.len(), &*error.kind, &*error.origin, &*error.message), (1, "KeyError", "span", "'nope'"));
        assert!(error.stack.starts_with("Traceback") && error.route.as_deref() == Some("/boom"));
    }
}

#[test]
fn histograms_become_requests_only_while_no_spans_come() {
    for (traces, metrics) in [(OLD_TRACES, OLD_METRICS), (STABLE_TRACES, STABLE_METRICS)] {
        let mut alone = taken(Signal::Metrics, metrics);
        let (mut records, values) = alone.drain();
        let shop = records.remove("service:shop").unwrap();
        let expected = [("GET", NO_ROUTE, 404, 1, 0), ("GET", "/boom", 500, 1, 1), ("GET", "/users/{i}", 200, 2, 0)];
        assert_eq!(rows(&shop), expected);
        assert!((0.0027..=0.003).contains(&shop.requests[2].sum_s), "the sum is right: {}", shop.requests[2].sum_s);
        assert!(values.keys().any(|name| name.starts_with("http.server.active_requests{") && name.contains("service.name=shop")));
        assert!(!values.keys().any(|name| name.contains("duration")), "{values:?}");

        let (mut otlp, mut trial) = (Otlp::new(NOW_MS), Trial::new());
        for (signal, body) in [(Signal::Traces, traces), (Signal::Metrics, metrics)] {
            take_json(&mut otlp, &trial, signal, body).unwrap();
        }
        let count: u64 = trial.records("shop").requests.iter().map(|row| row.count).sum();
        assert_eq!(count, 4, "not counted twice");
    }
}

#[test]
fn a_span_tells_route_user_tenant_and_failure_as_well_as_it_can() {
    let span = |name: &str, attributes: Value, code: u8| {
        json!({"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "name": name, "kind": 2,
            "startTimeUnixNano": "1000000000", "endTimeUnixNano": 1_250_000_000, "attributes": attributes, "status": {"code": code}})
    };
    let get = text("http.request.method", "GET");
    let spans = json!([
        span(
            "GET",
            json!([
                get,
                text("http.route", "users/<id>"),
                text("tenant.id", "acme"),
                whole("enduser.id", 7),
                whole("http.response.status_code", 204)
            ]),
            0
        ),
        span("GET /a/{id}", json!([get, text("url.path", "/a/7")]), 2),
        span("GET /b/7", json!([get, text("http.url", "http://h/b/7?q"), whole("http.response.status_code", 200)]), 2),
        span("GET", json!([get, text("url.path", "/gone"), whole("http.response.status_code", 404)]), 2),
        span("GET", json!([get, text("url.scheme", "ws")]), 0),
        span("shop.Cart/Add", json!([text("rpc.system", "grpc")]), 0),
    ]);
    let records = taken(Signal::Traces, &body(Signal::Traces, &spans)).records("shop");
    let expected = [
        ("GET", NO_ROUTE, 404, 1, 0),
        ("GET", "/a/{id}", 500, 1, 1),
        ("GET", "/b/{id}", 200, 1, 1),
        ("GET", "/users/{id}", 204, 1, 0),
    ];
    assert_eq!(rows(&records), expected);
    let first = &records.recent[0];
    assert_eq!(
        (first.tenant.as_deref(), first.user.as_deref(), first.time_ms, first.duration_s),
        (Some("acme"), Some("7"), 1_250, 0.25)
    );
}

#[test]
fn what_a_real_sdk_sends_in_protobuf_is_read() {
    for signals in [&FASTAPI[..], &FASTAPI[1..]] {
        let (mut otlp, mut trial) = (Otlp::new(NOW_MS), Trial::new());
        for (signal, body) in signals {
            let taken = otlp.take(*signal, Encoding::Protobuf, body, &mut trial.context.inlet.open(), NOW_MS).unwrap();
            assert!(taken.taken > 0 && taken.rejected == 0, "{taken:?}");
        }
        let (mut records, values) = trial.drain();
        let shop = records.remove("service:shop").unwrap();
        let expected = [("GET", NO_ROUTE, 404, 2, 0), ("GET", "/boom", 500, 1, 1), ("GET", "/users/{uid}", 200, 2, 0)];
        assert_eq!(rows(&shop), expected);
        assert!(shop.errors.iter().any(|error| error.kind == "ZeroDivisionError" && error.origin == "log"));
        assert_eq!((&*shop.logs[0].message, &*shop.logs[0].source), ("cannot pay", "shop.pay"));
        assert_eq!(values.get("orders{kind=a,service.name=shop}"), Some(&2.0));
        assert_eq!(
            (values.get("basket.count{service.name=shop}"), values.get("basket.sum{service.name=shop}")),
            (Some(&2.0), Some(&3.0))
        );
    }
}

#[test]
fn an_exception_is_one_error_however_many_tell_it() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let exception = json!([text("exception.type", "KeyError"), text("exception.message", "'a'")]);
    let events = json!([{"name": "exception", "timeUnixNano": "5", "attributes": exception}, {"name": "other"}]);
    let inner =
        json!({"traceId": trace, "spanId": "00000000000000aa", "parentSpanId": "00000000000000bb", "kind": 1, "events": events});
    let outer = json!({"traceId": trace, "spanId": "00000000000000bb", "kind": 1, "events": events});
    let log = json!({"traceId": trace, "spanId": "00000000000000bb", "severityNumber": 17, "body": {"stringValue": "failed"}, "attributes": exception});
    let other_log = json!({"severityNumber": 17, "attributes": exception});
    let (mut otlp, mut trial) = (Otlp::new(NOW_MS), Trial::new());
    take_json(&mut otlp, &trial, Signal::Traces, &body(Signal::Traces, &json!([inner, outer]))).unwrap();
    take_json(&mut otlp, &trial, Signal::Logs, &body(Signal::Logs, &json!([log, other_log, other_log]))).unwrap();
    let mut records = trial.records("shop");
    records.errors.sort_by(|a, b| a.origin.cmp(&b.origin));
    let told: Vec<_> = records.errors.iter().map(|error| (&*error.origin, error.count)).collect();
    assert_eq!(told, [("log", 2), ("span", 1)], "a log outside of any trace stands for itself");
    assert_eq!((&*records.logs[0].message, &*records.logs[0].source, &*records.logs[1].message), ("failed", "lib", "'a'"));
}

#[test]
fn log_records_have_levels_by_number_else_by_word() {
    let log = |number: u8, word: &str| json!({"timeUnixNano": "7000000", "severityNumber": number, "severityText": word, "body": {"kvlistValue": {}}});
    let logs = json!([log(9, ""), log(13, ""), log(24, "info"), log(0, "CRITICAL"), log(0, "")]);
    let records = taken(Signal::Logs, &body(Signal::Logs, &logs)).records("shop");
    assert_eq!(records.levels.0, [0, 0, 2, 1, 0, 2]);
    assert_eq!((records.logs[0].time_ms, &*records.logs[0].message), (7, r#"{"kvlistValue":{}}"#));
}

#[test]
fn metrics_become_series_of_their_kind() {
    let start = (NOW_MS * 1_000_000).to_string();
    let point = |value: Value| json!({"asDouble": value, "startTimeUnixNano": start, "attributes": [text("a", "b")]});
    let sum = |temporality: u8, is_monotonic: bool, points: Value| json!({"aggregationTemporality": temporality, "isMonotonic": is_monotonic, "dataPoints": points});
    let metrics = json!([
        {"name": "g", "unit": "By", "gauge": {"dataPoints": [point(json!(1.5))]}},
        {"name": "c", "sum": sum(2, true, json!([point(json!(3))]))},
        {"name": "d", "sum": sum(1, true, json!([point(json!(3)), point(json!(4))]))},
        {"name": "level", "sum": sum(2, false, json!([{"asInt": "-4", "startTimeUnixNano": start}]))},
        {"name": "h", "unit": "s", "histogram": {"aggregationTemporality": 1, "dataPoints": [
            {"count": "3", "sum": 4.5, "bucketCounts": ["0", "3"], "explicitBounds": [1], "min": 1.25, "max": 2}]}},
        {"name": "e", "exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": [
            {"startTimeUnixNano": start, "count": "2", "sum": "3.0", "scale": 0, "zeroCount": "1", "positive": {"offset": 1, "bucketCounts": ["1"]}}]}},
        {"name": "s", "summary": {"dataPoints": [{"quantileValues": [{"quantile": 0.5, "value": 7}]}]}},
        {"name": "none", "gauge": {"dataPoints": [{"flags": 1}]}},
    ]);
    let (mut otlp, mut trial) = (Otlp::new(NOW_MS), Trial::new());
    for expected in [(3.0, 7.0, 2.0), (3.0, 14.0, 2.0)] {
        take_json(&mut otlp, &trial, Signal::Metrics, &body(Signal::Metrics, &metrics)).unwrap();
        let values = trial.drain().1;
        let value = |name: &str| values.get(name).copied().unwrap_or(f64::NAN);
        assert_eq!(value("g{a=b,service.name=shop}"), 1.5);
        assert_eq!((value("c{a=b,service.name=shop}"), value("d{a=b,service.name=shop}")), (expected.0, expected.1));
        assert_eq!(value("level{service.name=shop}"), -4.0);
        assert_eq!(value("h{farol.statistic=max,service.name=shop}"), 1.5);
        assert_eq!(value("e.count{service.name=shop}"), expected.2);
        assert_eq!(value("s{quantile=0.5,service.name=shop}"), 7.0);
        assert!(value("none{service.name=shop}").is_nan());
    }
}

#[test]
fn several_workers_are_summed_and_the_own_service_needs_no_attribute() {
    let worker = |start: u8, value: u8| {
        json!({"resource": {"attributes": [text("service.name", "own")]}, "scopeMetrics": [{"metrics": [{"name": "jobs", "sum": {
            "aggregationTemporality": 2, "isMonotonic": true,
            "dataPoints": [{"asInt": value, "startTimeUnixNano": (NOW_MS * 1_000_000 + i64::from(start)).to_string()}]}}]}]})
    };
    let (mut otlp, mut trial) = (Otlp::new(NOW_MS), Trial::new());
    for (values, expected) in [([5, 7], 12.0), ([6, 7], 13.0), ([2, 8], 16.0)] {
        let workers = json!({"resourceMetrics": [worker(1, values[0]), worker(2, values[1])]});
        take_json(&mut otlp, &trial, Signal::Metrics, &workers.to_string()).unwrap();
        assert_eq!(trial.drain().1.get("jobs"), Some(&expected), "the third time the first worker began again");
    }
}

#[test]
fn broken_items_are_refused_alone() {
    let points = json!([{"asDouble": 1}, {"asDouble": "x"}, {"asDouble": "NaN"}, {}]);
    let metrics = json!([{"name": "g", "gauge": {"dataPoints": points}}, {"name": "", "gauge": {"dataPoints": [{"asInt": 1}]}},
        {"name": "u", "sum": {"dataPoints": [{"asInt": 1}]}}, 7]);
    let (mut otlp, mut trial) = (Otlp::new(NOW_MS), Trial::new());
    let taken = take_json(&mut otlp, &trial, Signal::Metrics, &body(Signal::Metrics, &metrics));
    assert_eq!(taken, Ok(Taken { taken: 1, rejected: 6 }));
    let values = trial.drain().1;
    assert_eq!(values.get("g{service.name=shop}"), Some(&1.0));
    assert_eq!(values.get("farol.agent.records.dropped{farol.cause=malformed,farol.kind=metric}"), Some(&6.0));
    let answer = Taken { taken: 1, rejected: 6 }.answer(Signal::Metrics, Encoding::Protobuf);
    assert!(answer.starts_with(b"\x0a\x2c\x08\x06\x12\x28some"), "{answer:?}");
    for wrong in ["", "[]", "7", r#"{"resourceMetrics":{}}"#, r#"{"resourceMetrics":[{"scopeMetrics":[[]]}]}"#] {
        assert_eq!(take_json(&mut otlp, &trial, Signal::Metrics, wrong), Err(Malformed::Json), "{wrong}");
    }
}

/// Protobuf of messages in one another by field numbers, from the inside out.
fn nest_in(item: &[u8], fields: &[u32]) -> Vec<u8> {
    fields.iter().fold(item.to_vec(), |inner, field| {
        let mut outer = Vec::new();
        wire::put_bytes(&mut outer, *field, &inner);
        outer
    })
}

#[test]
fn empty_messages_are_items_like_others() {
    let empty = [0x12, 0].repeat(40_000);
    let (mut otlp, trial) = (Otlp::new(NOW_MS), Trial::new());
    let mut take = |body: &[u8]| otlp.take(Signal::Traces, Encoding::Protobuf, body, &mut trial.context.inlet.open(), NOW_MS);
    assert_eq!(take(&nest_in(&empty, &[1])), Ok(Taken::default()));
    assert_eq!(take(&nest_in(&empty, &[2, 1])), Ok(Taken { taken: 40_000, rejected: 0 }));
}

/// Whether what became of a body makes sense.
fn is_plausible(taken: Result<Taken, Malformed>, body: &[u8]) -> bool {
    taken.map_or(true, |taken| taken.taken + taken.rejected <= body.len() as u64)
}

#[test]
fn a_body_has_a_bounded_number_of_parts() {
    let (mut otlp, mut trial) = (Otlp::new(NOW_MS), Trial::new());
    let empty = [0x12, 0].repeat(50_000);
    let resources = [0x0a, 0].repeat(50_001);
    for body in [nest_in(&empty, &[1]), nest_in(&empty, &[2, 1]), resources] {
        let taken = otlp.take(Signal::Logs, Encoding::Protobuf, &body, &mut trial.context.inlet.open(), NOW_MS);
        assert_eq!(taken, Err(Malformed::TooMany));
    }
    let metrics = nest_in(&empty, &[2, 1]);
    let taken = otlp.take(Signal::Metrics, Encoding::Protobuf, &metrics, &mut trial.context.inlet.open(), NOW_MS);
    assert_eq!(taken, Err(Malformed::TooMany), "also without a point");
    assert_eq!(trial.records("own").levels.0, [0, 0, 49_998, 0, 0, 0], "what came before was taken");
    let many: Vec<Value> = vec![json!({}); 10];
    let taken = take_json(&mut otlp, &trial, Signal::Logs, &body(Signal::Logs, &Value::from(many)));
    assert_eq!(taken, Ok(Taken { taken: 10, rejected: 0 }));
}

proptest! {
    #[test]
    fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let (mut otlp, trial) = (Otlp::new(NOW_MS), Trial::new());
        for signal in [Signal::Traces, Signal::Metrics, Signal::Logs] {
            for body in [bytes.clone(), nest_in(&bytes, &[2, 2, 1])] {
                prop_assert!(is_plausible(otlp.take(signal, Encoding::Protobuf, &body, &mut trial.context.inlet.open(), NOW_MS), &body));
            }
            prop_assert!(is_plausible(otlp.take(signal, Encoding::Json, &bytes, &mut trial.context.inlet.open(), NOW_MS), &bytes));
        }
    }

    #[test]
    fn protobuf_with_damage_is_taken_or_refused(sample in 0_usize..3, place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (signal, body) = FASTAPI[sample];
        let mut damaged = body.to_vec();
        let place = place.index(damaged.len());
        damaged[place] = byte;
        let (mut otlp, trial) = (Otlp::new(NOW_MS), Trial::new());
        prop_assert!(is_plausible(otlp.take(signal, Encoding::Protobuf, &damaged, &mut trial.context.inlet.open(), NOW_MS), &damaged));
        damaged.truncate(place);
        prop_assert!(is_plausible(otlp.take(signal, Encoding::Protobuf, &damaged, &mut trial.context.inlet.open(), NOW_MS), &damaged));
    }

    #[test]
    fn samples_with_damage_are_taken_or_refused(sample in 0_usize..4, place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (signal, text) = [
            (Signal::Traces, OLD_TRACES), (Signal::Traces, STABLE_TRACES), (Signal::Metrics, OLD_METRICS), (Signal::Metrics, STABLE_METRICS),
        ][sample];
        let mut damaged = text.as_bytes().to_vec();
        let place = place.index(damaged.len());
        damaged[place] = byte;
        let (mut otlp, trial) = (Otlp::new(NOW_MS), Trial::new());
        prop_assert!(is_plausible(otlp.take(signal, Encoding::Json, &damaged, &mut trial.context.inlet.open(), NOW_MS), &damaged));
        damaged.truncate(place);
        prop_assert!(is_plausible(otlp.take(signal, Encoding::Json, &damaged, &mut trial.context.inlet.open(), NOW_MS), &damaged));
    }
}
