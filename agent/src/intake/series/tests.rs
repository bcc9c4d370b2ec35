//! Tests of the series that applications name.

use farol_shared::resource::{Resource, ResourceKind};
use proptest::prelude::*;

use super::*;

struct Bench {
    series: AppSeries,
    recorder: Recorder,
    own: ResourceSlot,
}

impl Bench {
    fn new() -> Self {
        let mut recorder = Recorder::new();
        let (key, attributes) = ("host:a".to_owned(), [].into());
        let own = recorder.resource(Resource { key, kind: ResourceKind::Host, parent: None, tenant: None, attributes });
        Self { series: AppSeries::default(), recorder, own }
    }

    /// The values of one tick, by name and attributes.
    fn tick(&mut self) -> Vec<(String, f64)> {
        self.series.record(&mut self.recorder, self.own);
        let table = self.recorder.tables().0.remove(0);
        let row = self.recorder.take_rows().remove(0);
        let name = |key: &farol_shared::batch::SeriesKey| {
            let attributes: Vec<String> = key.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{}{{{}}}", key.metric, attributes.join(","))
        };
        let read = |value: &f64| !value.is_nan();
        let mut values: Vec<_> = table.series.iter().map(name).zip(row.0).filter(|(_, value)| read(value)).collect();
        values.sort_by(|a, b| a.0.cmp(&b.0));
        values
    }
}

fn label<'a>(name: &'a str, attributes: &'a [(&'a str, &'a str)]) -> Label<'a> {
    Label { name, unit: "1", attributes }
}

fn told(values: &[(&str, f64)]) -> Vec<(String, f64)> {
    values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

#[test]
fn the_order_of_attributes_does_not_matter() {
    let mut bench = Bench::new();
    bench.series.counter_by(&label("n", &[("a", "1"), ("b", "2")]), 1.0).unwrap();
    bench.series.counter_by(&label("n", &[("b", "2"), ("a", "1")]), 2.0).unwrap();
    bench.series.counter_by(&label("n", &[("a", "2"), ("b", "1")]), 4.0).unwrap();
    bench.tick();
    assert_eq!(bench.tick(), told(&[("n{a=1,b=2}", 3.0), ("n{a=2,b=1}", 4.0)]));
}

#[test]
fn a_counter_begins_at_zero_so_that_its_first_values_count() {
    let mut bench = Bench::new();
    bench.series.counter_by(&label("n", &[]), 5.0).unwrap();
    assert_eq!(bench.tick(), told(&[("n{}", 0.0)]));
    assert_eq!(bench.tick(), told(&[("n{}", 5.0)]));
    assert_eq!(bench.tick(), told(&[("n{}", 5.0)]));
}

#[test]
fn a_total_that_something_else_keeps_is_told_only_when_it_was_read() {
    let mut bench = Bench::new();
    bench.series.counter_at(&label("n", &[]), 500.0).unwrap();
    assert_eq!(bench.tick(), told(&[("n{}", 500.0)]));
    assert_eq!(bench.tick(), []);
    bench.series.counter_at(&label("n", &[]), 700.0).unwrap();
    assert_eq!(bench.tick(), told(&[("n{}", 700.0)]));
}

#[test]
fn a_gauge_moves_and_holds_its_value() {
    let mut bench = Bench::new();
    bench.series.gauge(&label("depth", &[]), 5.0).unwrap();
    bench.series.gauge_by(&label("depth", &[]), -7.0).unwrap();
    assert_eq!(bench.tick(), told(&[("depth{}", -2.0)]));
    assert_eq!(bench.tick(), told(&[("depth{}", -2.0)]));
}

#[test]
fn a_distribution_tells_count_sum_and_quantiles_of_any_size() {
    for scale in [1e-9, 1.0, 3e12] {
        let mut bench = Bench::new();
        for value in 1..=100_u32 {
            bench.series.observe(&label("size", &[]), f64::from(value) * scale, 1).unwrap();
        }
        let values = bench.tick();
        let of = |name: &str| values.iter().find(|(key, _)| key == name).unwrap().1;
        assert!((of("size{farol.statistic=min}") / scale - 1.0).abs() < 1e-9);
        assert!((of("size{farol.statistic=max}") / scale - 100.0).abs() < 1e-9);
        assert!((of("size{farol.statistic=p95}") / scale - 95.0).abs() < 2.0, "{values:?}");
        let later = bench.tick();
        assert_eq!(later[0], ("size.count{}".to_owned(), 100.0), "quantiles are of one interval: {later:?}");
        assert!((later[1].1 / scale - 5_050.0).abs() < 1e-6 && later.len() == 2);
    }
}

#[test]
fn totals_of_a_distribution_are_those_of_who_keeps_them() {
    let mut bench = Bench::new();
    bench.series.totals_at(&label("t", &[]), 1_000.0, 50.0).unwrap();
    bench.series.observe(&label("t", &[]), 0.5, 10).unwrap();
    let values = bench.tick();
    assert!(values.contains(&("t.count{}".to_owned(), 1_000.0)) && values.contains(&("t.sum{}".to_owned(), 50.0)));
    assert_eq!(bench.tick(), []);
}

#[test]
fn members_count_once_an_interval_and_are_bounded() {
    let mut bench = Bench::new();
    for member in ["a", "b", "a"] {
        bench.series.member(&label("users", &[]), member).unwrap();
    }
    assert_eq!(bench.tick(), told(&[("users{}", 2.0)]));
    let full = (0..=MEMBERS_MAX).filter(|n| bench.series.member(&label("users", &[]), &n.to_string()).is_err()).count();
    assert_eq!(full, 1);
    let mut add = |set: usize, n: usize| bench.series.member(&label(&format!("set{set}"), &[]), &n.to_string()).is_ok();
    let kept: usize = (0..20).map(|set| (0..MEMBERS_MAX).filter(|n| add(set, *n)).count()).sum();
    assert_eq!(kept + MEMBERS_MAX, MEMBERS_OF_ALL_MAX);
    assert_eq!(bench.series.members, MEMBERS_OF_ALL_MAX);
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let all: f64 = MEMBERS_OF_ALL_MAX as f64;
    assert_eq!(bench.tick().iter().map(|(_, value)| value).sum::<f64>(), all);
}

#[test]
fn what_is_no_value_of_the_series_is_refused() {
    let mut bench = Bench::new();
    bench.series.gauge(&label("g", &[]), 1.0).unwrap();
    assert_eq!(bench.series.gauge(&label("g", &[]), f64::NAN), Err(MALFORMED));
    assert_eq!(bench.series.counter_by(&label("c", &[]), -1.0), Err(MALFORMED));
    assert_eq!(bench.series.counter_by(&label("g", &[]), 1.0), Err(MALFORMED), "one name is one kind");
    assert_eq!(bench.series.gauge(&label("", &[]), 1.0), Err(MALFORMED));
    assert_eq!(bench.series.gauge(&label(&"n".repeat(200), &[]), 1.0), Err(MALFORMED));
    bench.series.counter_by(&label("big", &[]), f64::MAX).unwrap();
    assert_eq!(bench.series.counter_by(&label("big", &[]), f64::MAX), Err(MALFORMED));
    assert_eq!(bench.tick().len(), 2);
}

#[test]
fn an_attribute_that_stands_twice_counts_once_and_a_long_value_is_cut() {
    let mut bench = Bench::new();
    let long = "v".repeat(2_000);
    bench.series.gauge(&label("g", &[("a", "1"), ("a", "2")]), 1.0).unwrap();
    bench.series.gauge(&label("g", &[("a", "1")]), 2.0).unwrap();
    bench.series.gauge(&label("h", &[("a", &long), (STATISTIC, "p50")]), 3.0).unwrap();
    let values = bench.tick();
    assert_eq!(values[0], ("g{a=1}".to_owned(), 2.0));
    assert_eq!(values[1].0.len(), "h{a=}".len() + limit::VALUE_BYTES_MAX);
    let names: Vec<String> = (0..100).map(|n| format!("k{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
    assert_eq!(bench.series.gauge(&label("many", &many), 1.0), Err(MALFORMED));
}

#[test]
fn series_are_bounded_by_number_and_bytes_and_leave_when_idle() {
    let mut bench = Bench::new();
    let kept = (0..10_000).filter(|n| bench.series.observe(&label(&format!("d{n}"), &[]), 1.0, 1).is_ok()).count();
    assert_eq!(kept, limit::APP_SERIES_MAX / distribution::PLACES);
    bench.tick();
    assert_eq!(bench.recorder.refused(), 0, "what the intake takes the recorder takes");
    for _ in 0..IDLE_TICKS_MAX {
        bench.tick();
    }
    assert_eq!((bench.series.entries.len(), bench.series.places, bench.series.bytes), (0, 0, 0));
    assert_eq!(bench.recorder.series_count(), 0);
    let long = "v".repeat(limit::VALUE_BYTES_MAX);
    let mut add = |n: usize| bench.series.gauge(&label(&format!("g{n}"), &[("a", &long), ("b", &long)]), 1.0).is_ok();
    assert_eq!((0..10_000).filter(|n| add(*n)).count(), bench.series.entries.len());
    assert!(bench.series.bytes <= LABEL_BYTES_MAX && bench.series.entries.len() > 900);
    assert_eq!(bench.series.gauge(&label("one more", &[("a", &long), ("b", &long)]), 1.0), Err(FULL));
}

proptest! {
    #[test]
    fn the_same_attributes_in_any_order_are_one_series(
        attributes in prop::collection::btree_map("[a-c]{1,2}", "[x-y]{0,2}", 0..6).prop_map(|map| map.into_iter().collect::<Vec<_>>()).prop_flat_map(|sorted| (Just(sorted.clone()), Just(sorted).prop_shuffle())),
    ) {
        let (sorted, shuffled) = attributes;
        let mut series = AppSeries::default();
        for order in [sorted, shuffled] {
            let order: Vec<(&str, &str)> = order.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            prop_assert_eq!(series.counter_by(&label("n", &order), 1.0), Ok(()));
        }
        prop_assert_eq!(series.entries.len(), 1);
    }
}
