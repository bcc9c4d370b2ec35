//! Tests of the intake: what is folded, what is kept whole, what is bounded, and that everything else is counted.

use farol_shared::{batch::Tables, sketch::RELATIVE_ERROR_MAX};
use proptest::prelude::*;

use super::*;
use crate::recorder::Recorder;

const SETTINGS: fn() -> Settings =
    || Settings { service: "shop".to_owned(), environment: None, tenant: Some("house".to_owned()), slow_s: 0.5 };

struct Bench {
    intake: Intake,
    recorder: Recorder,
    own: ResourceSlot,
}

impl Bench {
    fn new() -> Self {
        let mut recorder = Recorder::new();
        let own = recorder.resource(Resource {
            key: "host:a".to_owned(),
            kind: ResourceKind::Host,
            parent: None,
            tenant: None,
            attributes: BTreeMap::new(),
        });
        Self { intake: Intake::new(SETTINGS()), recorder, own }
    }

    fn drain(&mut self) -> Vec<Records> {
        self.intake.drain(&mut self.recorder, self.own, true)
    }

    /// This tick's value of a series of the own resource, by metric and one attribute value.
    fn value(&mut self, metric: &str, attribute: &str) -> Option<f64> {
        let Tables(tables) = self.recorder.tables();
        let rows = self.recorder.take_rows();
        let is_it = |key: &farol_shared::batch::SeriesKey| {
            key.metric == metric && (attribute.is_empty() || key.attributes.iter().any(|(_, value)| value == attribute))
        };
        let column = tables[0].series.iter().position(is_it)?;
        rows[0].0.get(column).copied().filter(|value| !value.is_nan())
    }
}

fn request(path: &str, status: u16, duration_s: f64) -> Request {
    Request { method: "GET".to_owned(), path: path.to_owned(), status, duration_s, ..Request::default() }
}

#[test]
fn requests_are_folded_by_method_route_status_and_tenant() {
    let mut bench = Bench::new();
    for number in 0..10 {
        bench.intake.request(OWN, request(&format!("/users/{number}?x=1"), 200, 0.01 * f64::from(number + 1)), 1);
    }
    bench.intake.request(OWN, request("/users/1", 500, 0.7), 3);
    let groups = bench.drain();
    assert_eq!(groups.len(), 1);
    let [ok, failed] = groups[0].requests.as_slice() else { panic!("{groups:?}") };
    assert_eq!((ok.route.as_str(), ok.status, ok.count, ok.failed), ("/users/{id}", 200, 10, 0));
    assert_eq!((ok.min_s, ok.max_s, ok.tenant.as_deref()), (0.01, 0.1, Some("house")));
    assert!((ok.sum_s - 0.55).abs() < 1e-9);
    assert!((ok.durations().quantile(1.0).unwrap() - 0.1).abs() <= 0.1 * RELATIVE_ERROR_MAX);
    assert_eq!((failed.count, failed.failed), (3, 3), "a sampled request stands for three");
    assert!((failed.slow_s - 2.1).abs() < 1e-9);
    assert_eq!(groups[0].recent.len(), 11);
    assert_eq!(groups[0].recent[0].path, "/users/0", "without its query");
    assert_eq!(groups[0].slow.len(), 1);
    assert!(bench.drain().is_empty(), "what was drained is not told twice");
}

#[test]
fn a_service_is_a_resource_of_its_own_and_the_same_from_every_agent() {
    let mut bench = Bench::new();
    let other = bench.intake.service(Some("mail"), Some("staging"));
    assert_eq!(bench.intake.service(Some("mail"), Some("staging")), other);
    assert_eq!(bench.intake.service(None, None), OWN);
    assert_eq!(bench.intake.service(Some("shop"), None), OWN, "its own name is itself");
    bench.intake.request(other, request("/", 200, 0.1), 1);
    bench.intake.request(OWN, request("/", 200, 0.1), 1);
    let groups = bench.drain();
    let Tables(tables) = bench.recorder.tables();
    let keys: Vec<&str> = groups.iter().map(|group| tables[group.resource as usize].resource.key.as_str()).collect();
    assert_eq!(keys, ["service:shop", "service:mail/staging"]);
}

#[test]
fn a_service_that_falls_silent_leaves_the_tables_and_comes_back() {
    let mut bench = Bench::new();
    bench.intake.request(OWN, request("/", 200, 0.1), 1);
    bench.drain();
    for _ in 0..=SERVICE_IDLE_TICKS_MAX {
        assert!(bench.drain().is_empty());
    }
    assert_eq!(bench.recorder.tables().0.len(), 1);
    bench.intake.request(OWN, request("/", 200, 0.1), 1);
    assert_eq!(bench.drain()[0].resource, 1);
}

#[test]
fn a_million_different_paths_and_tenants_cost_no_more_than_the_bounds() {
    let mut bench = Bench::new();
    for number in 0..100_000_u32 {
        let mut one = request(&format!("/{}/page", letters(number)), 200, 0.6);
        one.tenant = Some(format!("tenant-{number}"));
        bench.intake.request(OWN, one, 1);
    }
    let records = bench.drain().remove(0);
    assert_eq!(records.requests.iter().map(|one| one.count).sum::<u64>(), 100_000, "none goes uncounted");
    assert!(records.requests.len() <= limit::REQUEST_KEYS_MAX + 10, "{}", records.requests.len());
    assert_eq!((records.recent.len(), records.slow.len()), (limit::RECENT_REQUESTS_MAX, limit::SLOW_REQUESTS_MAX));
    assert_eq!(farol_shared::record::over_bound(&records), None);
    assert_eq!(farol_shared::record::contradiction(&records), None);
}

fn letters(mut number: u32) -> String {
    let mut text = String::new();
    for _ in 0..5 {
        text.push(char::from(b'a' + u8::try_from(number % 26).unwrap()));
        number /= 26;
    }
    text
}

#[test]
fn the_slowest_requests_stay() {
    let mut bench = Bench::new();
    for number in 0..1_000_u32 {
        bench.intake.request(OWN, request("/", 200, 1.0 + f64::from(number * 7 % 1_000)), 1);
    }
    let records = bench.drain().remove(0);
    let least = records.slow.iter().map(|one| one.duration_s).fold(f64::INFINITY, f64::min);
    assert_eq!(least, 901.0, "of 1 to 1,000 seconds the hundred slowest");
}

#[test]
fn errors_of_a_type_are_one_with_the_newest_as_its_sample() {
    let mut bench = Bench::new();
    for number in 0..5_u32 {
        let error =
            ErrorSummary { kind: "ValueError".to_owned(), count: 1, message: format!("no {number}"), ..ErrorSummary::default() };
        bench.intake.error(OWN, "span", error);
    }
    let errors = bench.drain().remove(0).errors;
    assert_eq!(errors.len(), 1);
    assert_eq!((errors[0].count, errors[0].message.as_str(), errors[0].origin.as_str()), (5, "no 4", "span"));
}

#[test]
fn too_many_types_of_errors_are_counted_as_others() {
    let mut bench = Bench::new();
    for number in 0..1_000_u32 {
        let error = ErrorSummary { kind: format!("E{number}"), count: 1, ..ErrorSummary::default() };
        bench.intake.error(OWN, "log", error);
    }
    let errors = bench.drain().remove(0).errors;
    assert_eq!(errors.len(), limit::ERROR_TYPES_MAX + 1);
    assert_eq!(errors.iter().map(|one| one.count).sum::<u64>(), 1_000);
}

#[test]
fn warnings_travel_whole_and_the_rest_is_counted() {
    let mut bench = Bench::new();
    let log = |level, exception: Option<&str>| LogRecord {
        level,
        message: "it happened".to_owned(),
        exception: exception.map(str::to_owned),
        ..LogRecord::default()
    };
    bench.intake.log(OWN, log(Level::Info, None));
    bench.intake.log(OWN, log(Level::Warn, None));
    bench.intake.log(OWN, log(Level::Error, Some("KeyError")));
    bench.intake.count_logs(OWN, Level::Debug, 40);
    let records = bench.drain().remove(0);
    assert_eq!(records.levels, Levels([0, 40, 1, 1, 1, 0]));
    assert_eq!(records.logs.len(), 2);
    assert_eq!((records.errors[0].kind.as_str(), records.errors[0].origin.as_str()), ("KeyError", "log"));
}

#[test]
fn what_has_no_room_is_dropped_and_counted() {
    let mut bench = Bench::new();
    let text = "x".repeat(limit::RECORD_TEXT_BYTES_MAX);
    for _ in 0..100 {
        bench.intake.log(OWN, LogRecord { level: Level::Error, message: text.clone(), ..LogRecord::default() });
    }
    bench.intake.event(OWN, Event { kind: "Big".to_owned(), payload: format!("{text}x"), ..Event::default() });
    let records = bench.drain().remove(0);
    assert!(records.logs.len() < 40, "{}", records.logs.len());
    assert_eq!(records.levels.of(Level::Error), 100, "their level is counted all the same");
    let dropped = bench.value(catalog::AGENT_RECORDS_DROPPED.name, "log").unwrap();
    assert_eq!(dropped + f64::from(u32::try_from(records.logs.len()).unwrap()), 100.0);
    bench.intake.event(OWN, Event { kind: "Big".to_owned(), payload: format!("{text}x"), ..Event::default() });
    bench.drain();
    assert_eq!(bench.value(catalog::AGENT_RECORDS_DROPPED.name, "oversize"), Some(2.0));
}

#[test]
fn long_texts_are_cut_and_say_so() {
    let mut bench = Bench::new();
    let log = LogRecord { level: Level::Error, message: "é".repeat(limit::RECORD_TEXT_BYTES_MAX), ..LogRecord::default() };
    bench.intake.log(OWN, log);
    let message = bench.drain().remove(0).logs.remove(0).message;
    assert!(message.len() <= limit::RECORD_TEXT_BYTES_MAX && message.ends_with(" [cut]"), "{}", message.len());
}

#[test]
fn checks_belong_to_the_own_resource() {
    let mut bench = Bench::new();
    bench.intake.check(CheckResult { name: "database".to_owned(), ..CheckResult::default() });
    assert!(bench.intake.is_waiting());
    let groups = bench.drain();
    assert_eq!((groups[0].resource, groups[0].checks.len()), (0, 1));
    assert!(!bench.intake.is_waiting());
}

#[test]
fn a_gauge_without_a_value_is_not_told_until_it_is_set_again() {
    let mut bench = Bench::new();
    let label = Label { name: "latency", unit: "s", attributes: &[] };
    bench.intake.unknown(&label);
    bench.intake.gauge(&label, 1.5);
    bench.drain();
    assert_eq!(bench.value("latency", ""), Some(1.5));
    bench.intake.unknown(&label);
    bench.drain();
    assert_eq!(bench.value("latency", ""), None);
    bench.intake.gauge(&label, 2.5);
    bench.drain();
    assert_eq!(bench.value("latency", ""), Some(2.5));
    assert_eq!(bench.value(catalog::AGENT_RECORDS_DROPPED.name, "malformed"), None, "nothing was dropped");
}

#[test]
fn what_receivers_take_is_told() {
    let mut bench = Bench::new();
    bench.intake.received("statsd", 3);
    bench.intake.received("statsd", 4);
    bench.drain();
    assert_eq!(bench.value(catalog::AGENT_RECORDS_TAKEN.name, "statsd"), Some(7.0));
}

proptest! {
    #[test]
    fn whatever_is_taken_in_is_within_the_bounds_of_the_wire(
        requests in prop::collection::vec((".{0,600}", ".{0,40}", any::<u16>(), any::<f64>(), prop::option::of(".{0,600}"), 0_u64..5), 0..40),
        logs in prop::collection::vec((".{0,300}", prop::option::of(".{0,600}")), 0..20),
    ) {
        let mut bench = Bench::new();
        let total: u64 = requests.iter().map(|one| one.5.max(1)).sum();
        for (path, route, status, duration_s, tenant, weight) in requests {
            let one = Request { method: route.clone(), path, route, status, duration_s, tenant, ..Request::default() };
            bench.intake.request(OWN, one, weight);
        }
        for (message, exception) in logs {
            bench.intake.log(OWN, LogRecord { level: Level::Error, message, exception, ..LogRecord::default() });
        }
        let mut counted = 0;
        for records in bench.drain() {
            prop_assert_eq!(farol_shared::record::over_bound(&records), None);
            prop_assert_eq!(farol_shared::record::contradiction(&records), None);
            counted += records.requests.iter().map(|one| one.count).sum::<u64>();
        }
        prop_assert_eq!(counted, total);
    }
}
