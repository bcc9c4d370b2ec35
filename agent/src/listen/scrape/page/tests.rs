//! Tests of pages: recorded ones of real exporters, and any others.

use farol_shared::{
    metric::Kind::{Counter, Gauge},
    resource::{Resource, ResourceKind},
};
use proptest::prelude::*;

use super::*;
use crate::{config::list::Item as _, intake::Settings, recorder::Recorder};

const CLASSIC: &str = include_str!("../../../../../tests/fixtures/scrape/classic.txt");
const CLASSIC_LATER: &str = include_str!("../../../../../tests/fixtures/scrape/classic-later.txt");
const OPENMETRICS: &str = include_str!("../../../../../tests/fixtures/scrape/openmetrics.txt");
const NODE_EXPORTER: &str = include_str!("../../../../../tests/fixtures/scrape/node-exporter.txt");

struct Bench {
    scrape: Scrape,
    memory: Memory,
    intake: Intake,
    recorder: Recorder,
    own: crate::recorder::ResourceSlot,
}

impl Bench {
    fn new() -> Self {
        let settings = Settings { service: "shop".to_owned(), environment: None, tenant: None, slow_s: 0.5 };
        let mut recorder = Recorder::new();
        let (key, attributes) = ("host:a".to_owned(), [].into());
        let own = recorder.resource(Resource { key, kind: ResourceKind::Host, parent: None, tenant: None, attributes });
        let mut scrape = Scrape::from_word("http://127.0.0.1:9100").unwrap();
        scrape.labels.clear();
        Self { scrape, memory: Memory::default(), intake: Intake::new(settings), recorder, own }
    }

    fn read(&mut self, page: &str) -> Counts {
        self.read_in_parts(page, 1_000)
    }

    fn read_in_parts(&mut self, page: &str, bytes: usize) -> Counts {
        let mut reader = Page::new(&self.scrape, &mut self.memory);
        page.as_bytes().chunks(bytes).for_each(|part| reader.feed(part, &mut self.intake));
        reader.end(&mut self.intake)
    }

    /// Series with labels, unit, kind and value.
    fn values(&mut self) -> Vec<(String, String, farol_shared::metric::Kind, f64)> {
        self.intake.drain(&mut self.recorder, self.own, true);
        let table = self.recorder.tables().0.remove(0);
        let row = self.recorder.take_rows().remove(0);
        let mut values = Vec::new();
        for (key, value) in table.series.into_iter().zip(row.0).filter(|(_, value)| !value.is_nan()) {
            let labels: Vec<String> = key.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
            values.push((format!("{}{{{}}}", key.metric, labels.join(",")), key.unit, key.kind, value));
        }
        values.sort_by(|a, b| a.0.cmp(&b.0));
        values
    }
}

#[test]
fn both_formats_of_pythons_library_give_the_same_series() {
    let mut of = [CLASSIC, OPENMETRICS].map(|page| {
        let mut bench = Bench::new();
        let counts = bench.read(page);
        assert_eq!((counts.malformed, counts.refused), (0, 0));
        let mut values = bench.values();
        // The older format has the times of beginning as gauges.
        values.retain(|(name, ..)| !name.contains("_created"));
        values
    });
    let [classic, openmetrics] = &mut of;
    assert_eq!(classic, openmetrics);
    let expected = [
        ("build_info{version=1.2}", "1", Gauge, 1.0),
        ("http_requests_total{method=GET,path=/a\"b\\c\nd}", "1", Counter, 3.0),
        ("http_requests_total{method=POST,path=/x}", "1", Counter, 1.0),
        ("queue_bytes{}", "By", Gauge, 1_536.0),
        ("request_seconds.count{route=/users/{id}}", "{value}", Counter, 5.0),
        ("request_seconds.count{route=/x}", "{value}", Counter, 1.0),
        ("request_seconds.sum{route=/users/{id}}", "s", Counter, 5.25),
        ("request_seconds.sum{route=/x}", "s", Counter, 0.05),
        ("state{state=down}", "1", Gauge, 0.0),
        ("state{state=up}", "1", Gauge, 1.0),
        ("work_seconds_count{}", "{value}", Counter, 2.0),
        ("work_seconds_sum{}", "s", Counter, 2.0),
    ];
    let expected: Vec<_> =
        expected.into_iter().map(|(name, unit, kind, value)| (name.to_owned(), unit.to_owned(), kind, value)).collect();
    assert_eq!(*classic, expected);
}

#[test]
fn a_histogram_tells_quantiles_of_what_was_added() {
    let mut bench = Bench::new();
    bench.read(CLASSIC);
    assert!(bench.values().iter().all(|(name, ..)| !name.contains("p50")), "the first page is only where counting begins");
    bench.read(CLASSIC_LATER);
    let values = bench.values();
    let of = |name: &str| values.iter().find(|(key, ..)| key == name).unwrap_or_else(|| panic!("{name} in {values:?}")).3;
    // Added: 0.05, 0.2, 0.2 and 4, of which the last is beyond all bounds.
    let near = |value: f64, wanted: f64| assert!((value / wanted - 1.0).abs() < 0.02, "{value} for {wanted}");
    near(of("request_seconds{farol.statistic=min,route=/users/{id}}"), 0.05);
    near(of("request_seconds{farol.statistic=p50,route=/users/{id}}"), 0.3);
    near(of("request_seconds{farol.statistic=max,route=/users/{id}}"), 1.0);
    near(of("request_seconds.count{route=/users/{id}}"), 9.0);
    near(of("request_seconds{farol.statistic=max,route=/new}"), 0.75);
    assert!(values.iter().all(|(name, ..)| !name.contains("p50,route=/x")), "nothing was added there");
}

#[test]
fn a_restarted_histogram_is_new_as_a_whole() {
    let before = [(0.1, 5.0), (1.0, 9.0), (f64::INFINITY, 9.0)];
    let now = [(0.1, 1.0), (1.0, 3.0), (f64::INFINITY, 4.0)];
    assert_eq!(grown(&before, &now), [(0.05, 1), (0.55, 2), (1.0, 1)]);
    assert_eq!(grown(&now[..2], &now), [(0.05, 1), (0.55, 2), (1.0, 1)]);
    assert_eq!(grown(&now, &now), []);
    assert_eq!(grown(&[], &[(f64::INFINITY, 3.0)]), []);
    assert_eq!(grown(&[], &[(-1.0, 2.0), (1.0, 3.0)]), [(-1.0, 2), (0.0, 1)]);
}

#[test]
fn a_page_of_the_node_exporter_is_read_however_it_is_cut() {
    let mut before = None;
    for bytes in [1, 7, 4_096, NODE_EXPORTER.len()] {
        let mut bench = Bench::new();
        bench.scrape.series_max = 3_000;
        let counts = bench.read_in_parts(NODE_EXPORTER, bytes);
        let lines = NODE_EXPORTER.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!((counts.samples, counts.malformed, counts.refused), (lines as u64, 0, 0));
        let values = bench.values();
        let of = |name: &str| values.iter().find(|(key, ..)| key == name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(of("node_memory_MemTotal_bytes{}").1, "By");
        assert_eq!(of("node_cpu_seconds_total{cpu=0,mode=idle}").2, Counter);
        assert_eq!(of("node_load1{}").2, Gauge);
        assert!(before.replace(values.clone()).is_none_or(|before| before == values));
    }
}

#[test]
fn the_allow_list_the_bound_and_the_labels_of_the_target_hold() {
    let mut bench = Bench::new();
    bench.scrape.allow = vec!["http_*_total".to_owned(), "request_seconds".to_owned(), "*gauge".to_owned()];
    bench.scrape.labels = [("method".to_owned(), "scraped".to_owned())].into();
    assert_eq!(bench.read(CLASSIC).series, 2 + 2 * HISTOGRAM_PLACES);
    assert!(bench.values().iter().any(|(name, ..)| name == "http_requests_total{exported_method=POST,method=scraped,path=/x}"));
    let mut bench = Bench::new();
    bench.scrape.series_max = 3;
    let counts = bench.read("a 1\nb 2\nc 3\nd 4\ne NaN\nf{ 1\n# EOF");
    assert_eq!(counts, Counts { samples: 5, malformed: 1, series: 3, refused: 1 });
}

#[test]
fn units_are_told_or_end_the_name() {
    let mut bench = Bench::new();
    bench.read("# TYPE a gauge\n# UNIT a seconds\na 1\n# UNIT b_celsius celsius\n# TYPE b_celsius gauge\nb_celsius 2\nc_bytes_total 3\nd 4\n");
    let units: Vec<String> = bench.values().into_iter().map(|(_, unit, ..)| unit).collect();
    assert_eq!(units, ["s", "Cel", "By", "1"]);
}

#[test]
fn a_line_without_end_takes_no_memory() {
    let mut bench = Bench::new();
    let counts = bench.read(&format!("a 1\n{}\nb 2", "x".repeat(1 << 20)));
    assert_eq!((counts.samples, counts.malformed), (2, 1));
}

#[test]
fn a_pattern_matches_with_stars() {
    for (pattern, name, is_match) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("*", "", true),
        ("a*", "abc", true),
        ("*c", "abc", true),
        ("a*c*e", "abcde", true),
        ("a*c*e", "abde", false),
        ("a*a", "a", false),
        ("**", "x", true),
    ] {
        assert_eq!(matches(pattern, name), is_match, "{pattern} {name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_counted_as_malformed(page in prop::collection::vec(any::<u8>(), 0..400), bytes in 1_usize..50) {
        let mut bench = Bench::new();
        let mut reader = Page::new(&bench.scrape, &mut bench.memory);
        page.chunks(bytes).for_each(|part| reader.feed(part, &mut bench.intake));
        let counts = reader.end(&mut bench.intake);
        let lines = page.split(|byte| *byte == b'\n').count() as u64;
        prop_assert!(counts.samples + counts.malformed <= lines);
        bench.values();
    }

    #[test]
    fn any_likely_page_leaves_finite_values(
        pages in prop::collection::vec("((# TYPE [ab] (histogram|counter|summary|gauge)|[ab](_bucket|_sum|_count|_total)?(\\{(le=\"[0-9.]{1,3}\"|le=\"\\+Inf\"|x=\"y\"|,){0,3}\\})? -?[0-9]{1,3}(e[0-9]{1,3})?)\n){0,20}", 1..4),
    ) {
        let mut bench = Bench::new();
        for page in pages {
            bench.read(&page);
            for (name, _, _, value) in bench.values() {
                prop_assert!(value.is_finite(), "{} is {}", name, value);
            }
        }
    }
}
