//! Tests of where lines go.

use farol_shared::{
    record::Records,
    resource::{Resource, ResourceKind},
};
use proptest::prelude::*;

use super::*;
use crate::{config::list::Item as _, intake::Settings, recorder::Recorder};

const NOW_MS: i64 = 1_800_000_000_000;

struct Bench {
    sorter: Sorter,
    intake: Intake,
    recorder: Recorder,
    own: crate::recorder::ResourceSlot,
}

impl Bench {
    fn new(signed_gauge: SignedGauge) -> Self {
        let rules = vec![RequestRule::from_word("request.time").unwrap()];
        let settings = Settings { service: "shop".to_owned(), environment: None, tenant: None, slow_s: 0.5 };
        let mut recorder = Recorder::new();
        let (key, attributes) = ("host:a".to_owned(), [].into());
        let own = recorder.resource(Resource { key, kind: ResourceKind::Host, parent: None, tenant: None, attributes });
        Self { sorter: Sorter::new(signed_gauge, rules), intake: Intake::new(settings), recorder, own }
    }

    fn take(&mut self, datagram: &[u8]) -> Counts {
        self.sorter.take(datagram, NOW_MS, &mut self.intake)
    }

    fn records(&mut self) -> Vec<Records> {
        self.intake.drain(&mut self.recorder, self.own, true)
    }

    /// Values after two ticks, as counters begin at zero; of names that applications gave.
    fn values(&mut self) -> Vec<(String, String, f64)> {
        self.records();
        self.recorder.take_rows();
        self.records();
        let table = self.recorder.tables().0.remove(0);
        let row = self.recorder.take_rows().remove(0);
        let mut values: Vec<_> = table
            .series
            .into_iter()
            .zip(row.0)
            .filter(|(key, value)| !key.metric.starts_with("farol.") && !value.is_nan())
            .map(|(key, value)| (key.metric, key.unit, value))
            .collect();
        values.sort_by(|a, b| a.0.cmp(&b.0));
        values
    }
}

fn told(values: &[(&str, &str, f64)]) -> Vec<(String, String, f64)> {
    values.iter().map(|(name, unit, value)| ((*name).to_owned(), (*unit).to_owned(), *value)).collect()
}

#[test]
fn counters_are_added_up_with_their_rates() {
    let mut bench = Bench::new(SignedGauge::Relative);
    let counts = bench.take(b"a:1|c\na:2:3|c|@0.5\r\n\nb:1|c|#x:y\n");
    assert_eq!(counts, Counts { lines: 3, ..Counts::default() });
    assert_eq!(bench.values(), told(&[("a", "1", 11.0), ("b", "1", 1.0)]));
}

#[test]
fn a_sign_moves_a_gauge_or_belongs_to_it_as_configured() {
    for (signed_gauge, value) in [(SignedGauge::Relative, 3.0), (SignedGauge::Absolute, -2.0)] {
        let mut bench = Bench::new(signed_gauge);
        bench.take(b"depth:5|g\ndepth:-2|g");
        assert_eq!(bench.values(), told(&[("depth", "1", value)]));
    }
}

#[test]
fn timers_are_seconds_and_histograms_have_no_unit() {
    let mut bench = Bench::new(SignedGauge::Relative);
    bench.take(b"t:250|ms|@0.1\nh:250|h\nd:1:3|d");
    let expected = [
        ("d.count", "{value}", 2.0),
        ("d.sum", "1", 4.0),
        ("h.count", "{value}", 1.0),
        ("h.sum", "1", 250.0),
        ("t.count", "{value}", 10.0),
        ("t.sum", "s", 2.5),
    ];
    assert_eq!(bench.values(), told(&expected));
}

#[test]
fn weights_that_are_no_whole_numbers_are_right_on_average() {
    let mut bench = Bench::new(SignedGauge::Relative);
    for _ in 0..10_000 {
        bench.take(b"t:1|ms|@0.7");
    }
    let values = bench.values();
    let real = 10_000.0 / 0.7;
    assert!((values[0].2 / real - 1.0).abs() < 0.01, "{values:?} instead of {real}");
}

#[test]
fn a_metric_with_a_rule_is_a_request() {
    let mut bench = Bench::new(SignedGauge::Relative);
    let counts = bench.take(
        b"request.time:750|ms|@0.5|#route:/users/{id},method:get,status:5xx,tenant:acme,exception:KeyError\n\
          request.time:1|ms|#route:/users/17,service:other,env:prod",
    );
    assert_eq!(counts.malformed, 0);
    let records = bench.records();
    let request = &records[0].requests[0];
    assert_eq!((request.method.as_str(), request.route.as_str(), request.status), ("GET", "/users/{id}", 500));
    assert_eq!((request.tenant.as_deref(), request.count, request.failed), (Some("acme"), 2, 2));
    assert_eq!(records[0].slow[0].exception.as_deref(), Some("KeyError"));
    assert!((request.sum_s - 1.5).abs() < 1e-9);
    assert_eq!((records[1].requests[0].status, records[1].recent[0].path.as_str()), (200, "/users/17"));
    assert_eq!(bench.recorder.tables().0[records[1].resource as usize].resource.key, "service:other/prod");
}

#[test]
fn events_and_checks_are_records() {
    let mut bench = Bench::new(SignedGauge::Relative);
    let text = "said \"no\" \\n\u{1}";
    let event = format!("_e{{6,{}}}:deploy|{text}|t:error|d:1799999999|#tenant:acme,a:b,a:c", text.len());
    let counts = bench.take(format!("{event}\n_sc|db|2|h:web-1|m:no route\n_sc|queue|3|#a:b|d:99999999999\n").as_bytes());
    assert_eq!(counts, Counts { lines: 3, ..Counts::default() });
    let records = bench.records();
    let told = &records[0].events[0];
    assert_eq!((told.kind.as_str(), told.tenant.as_deref(), told.time_ms), ("Event", Some("acme"), 1_799_999_999_000));
    let payload = "{\"title\":\"deploy\",\"text\":\"said \\\"no\\\" \\n\\u0001\",\"alert_type\":\"error\",\"priority\":\"normal\",\
                   \"tags\":{\"tenant\":\"acme\",\"a\":\"b\"}}";
    assert_eq!(told.payload, payload);
    let checks = &records[1].checks;
    let states: Vec<_> = checks.iter().map(|check| (check.name.as_str(), check.state, check.is_success)).collect();
    assert_eq!(states, [("db", CheckState::Offline, false), ("queue", CheckState::Degraded, false)]);
    assert_eq!((checks[0].target.as_str(), checks[0].detail.as_str()), ("web-1", "no route"));
    assert_eq!((checks[1].target.as_str(), checks[1].detail.as_str(), checks[1].time_ms), ("a:b", "unknown", NOW_MS));
}

#[test]
fn wrong_lines_are_counted_and_their_neighbours_read() {
    let mut bench = Bench::new(SignedGauge::Relative);
    let counts = bench.take(b"a:1|c\nnonsense\na:nan|g\na:-1|c\n\xff\xfe:1|c\na:x|ms\nb:2|c");
    assert_eq!(counts, Counts { lines: 7, malformed: 5, oversize: 0 });
    assert_eq!(bench.values(), told(&[("a", "1", 1.0), ("b", "1", 2.0)]));
}

#[test]
fn of_a_datagram_that_was_cut_the_whole_lines_are_read() {
    let mut bench = Bench::new(SignedGauge::Relative);
    let mut datagram = b"a:1|c\n".to_vec();
    datagram.resize(DATAGRAM_BYTES_MAX + 1, b'x');
    assert_eq!(bench.take(&datagram), Counts { lines: 1, malformed: 0, oversize: 1 });
    datagram.fill(b'x');
    assert_eq!(bench.take(&datagram), Counts { lines: 0, malformed: 0, oversize: 1 });
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_counted_as_malformed(datagram in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bench = Bench::new(SignedGauge::Relative);
        let counts = bench.take(&datagram);
        let lines = datagram.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        prop_assert_eq!(counts.lines, lines as u64);
        prop_assert!(counts.malformed <= counts.lines);
        bench.records();
    }

    #[test]
    fn any_likely_line_leaves_finite_values(
        lines in prop::collection::vec("[a-c](;k=v)?:[-+]?[0-9]{0,3}(\\.[0-9]|e[0-9]{1,3})?(:[0-9x])?\\|(c|g|ms|h|d|s)(\\|@0\\.[0-9]{1,7})?(\\|#[a-b]:[0-9]?,?)?", 0..20),
    ) {
        let mut bench = Bench::new(SignedGauge::Relative);
        bench.take(lines.join("\n").as_bytes());
        for (name, _, value) in bench.values() {
            prop_assert!(value.is_finite(), "{} is {}", name, value);
        }
    }
}
