//! Tests of windows: against a naive computation over all samples that were ever taken.

use proptest::prelude::*;

use super::*;

/// The value over all samples, by the definition: of those that lie in sixtieths that end after T less the window.
fn naive(samples: &[(i64, f64)], spec: Spec, kind: Kind, at_ms: i64) -> Option<f64> {
    let part = part_ms(spec.window_ms);
    let is_in = |time_ms: i64| {
        let end = (time_ms + part - 1).div_euclid(part) * part;
        end > at_ms - spec.window_ms && time_ms <= at_ms
    };
    let within: Vec<f64> = samples.iter().filter(|(time_ms, _)| is_in(*time_ms)).map(|(_, value)| *value).collect();
    let steps: Vec<(f64, f64)> = samples
        .windows(2)
        .filter(|two| is_in(two[1].0) && two[1].0 - two[0].0 <= PREDECESSOR_MS_MAX)
        .map(|two| {
            let (before, after) = (two[0].1, two[1].1);
            let grown = if kind == Kind::Counter && after < before { after } else { after - before };
            ((two[1].0 - two[0].0) as f64 / 1_000.0, grown)
        })
        .collect();
    let grown = || steps.iter().map(|(_, grown)| grown).sum::<f64>();
    let any = |value: f64| (!within.is_empty()).then_some(value);
    match spec.aggregate {
        Aggregate::Mean => any(within.iter().sum::<f64>() / within.len() as f64),
        Aggregate::Max => any(within.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        Aggregate::Min => any(within.iter().copied().fold(f64::INFINITY, f64::min)),
        Aggregate::Count => any(within.len() as f64),
        Aggregate::Sum if kind == Kind::Gauge => any(within.iter().sum()),
        Aggregate::Last => samples.last().filter(|(time_ms, _)| *time_ms > at_ms - spec.window_ms).map(|(_, value)| *value),
        Aggregate::Rate => (!steps.is_empty()).then(|| grown() / steps.iter().map(|(span, _)| span).sum::<f64>()),
        Aggregate::Increase | Aggregate::Sum => (!steps.is_empty()).then(grown),
        Aggregate::Quantile | Aggregate::Until | Aggregate::Absent => None,
    }
}

fn aggregate() -> impl Strategy<Value = Aggregate> {
    prop::sample::select(vec![
        Aggregate::Mean,
        Aggregate::Max,
        Aggregate::Min,
        Aggregate::Count,
        Aggregate::Sum,
        Aggregate::Last,
        Aggregate::Rate,
        Aggregate::Increase,
    ])
}

/// Samples at distances of a tenth of a second to a quarter of an hour.
fn samples() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let distance = prop_oneof![5 => 100..3_000_i64, 2 => 3_000..60_000_i64, 1 => 60_000..900_000_i64];
    prop::collection::vec((distance, 0..100_u8), 1..120).prop_map(|steps| {
        let mut at_ms = 1_760_000_000_000;
        let samples = steps.into_iter().map(|(distance, value)| {
            at_ms += distance;
            (at_ms, f64::from(value))
        });
        samples.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn a_window_tells_what_all_samples_tell(
        samples in samples(),
        aggregate in aggregate(),
        window_s in prop::sample::select(vec![1_i64, 7, 60, 61, 300, 3_600]),
        is_counter in any::<bool>(),
    ) {
        let kind = if is_counter { Kind::Counter } else { Kind::Gauge };
        let spec = Spec { aggregate, window_ms: window_s * 1_000 };
        let mut window = Window::new(spec, kind);
        for (index, (time_ms, value)) in samples.iter().enumerate() {
            window.add(*time_ms, *value);
            // At the grid's second after it, and some later ones before the next sample.
            let first = (time_ms + 999).div_euclid(1_000) * 1_000;
            let next = samples.get(index + 1).map_or(first + 10_000, |next| next.0);
            for at_ms in [first, first + 3_000, first + window_s * 1_000].into_iter().filter(|at_ms| *at_ms < next || *at_ms == first) {
                let known: Vec<(i64, f64)> = samples.iter().copied().filter(|sample| sample.0 <= at_ms).collect();
                if known.len() != index + 1 {
                    continue;
                }
                let (told, expected) = (window.value(at_ms), naive(&known, spec, kind, at_ms));
                let is_same = match (told, expected) {
                    (Some(told), Some(expected)) => (told - expected).abs() <= 1e-9 * expected.abs().max(1.0),
                    (told, expected) => told == expected,
                };
                prop_assert!(is_same, "{told:?} {expected:?} at {at_ms}");
            }
        }
    }

    #[test]
    fn a_quantile_of_few_samples_is_that_of_all(values in prop::collection::vec(0..1_000_u16, 1..60), permille in 0..=1_000_u16) {
        let spec = Spec { aggregate: Aggregate::Quantile, window_ms: 60_000 };
        let mut window = Window::new(spec, Kind::Gauge);
        for (second, value) in (1..).zip(&values) {
            window.add(second * 1_000, f64::from(*value));
        }
        let mut kept = Vec::new();
        window.samples(60_000, &mut kept);
        let mut all: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
        prop_assert_eq!(kept.len(), all.len());
        let q = f64::from(permille) / 1_000.0;
        prop_assert_eq!(quantile(&mut kept, q), quantile(&mut all, q));
    }

    #[test]
    fn records_are_counted_in_any_order(mut times in prop::collection::vec(1..200_000_i64, 0..50)) {
        let mut count = Count::new(60_000);
        for time_ms in &times {
            count.add(*time_ms);
        }
        times.sort_unstable();
        let newest = times.last().copied().unwrap_or(0);
        let at_ms = (newest + 999).div_euclid(1_000) * 1_000;
        let expected = times.iter().filter(|time_ms| (*time_ms + 999).div_euclid(1_000) * 1_000 > at_ms - 60_000).count();
        prop_assert_eq!(count.value(at_ms), expected as f64);
    }
}

#[test]
fn a_counter_that_began_again_counts_from_zero_and_a_long_gap_counts_nothing() {
    let mut window = Window::new(Spec { aggregate: Aggregate::Increase, window_ms: 60_000 }, Kind::Counter);
    for (second, value) in [(1, 100.0), (2, 110.0), (3, 4.0), (4, 6.0)] {
        window.add(second * 1_000, value);
    }
    assert_eq!(window.value(4_000), Some(16.0));
    window.add(4_000 + PREDECESSOR_MS_MAX + 1, 1_000.0);
    assert_eq!(window.value(4_000 + PREDECESSOR_MS_MAX + 1_000), None);
}

#[test]
fn what_is_late_repeated_or_no_number_changes_nothing() {
    let mut window = Window::new(Spec { aggregate: Aggregate::Sum, window_ms: 60_000 }, Kind::Gauge);
    window.add(5_000, 1.0);
    window.add(5_000, 7.0);
    window.add(4_000, 7.0);
    window.add(6_000, f64::NAN);
    assert_eq!((window.value(6_000), window.newest_ms()), (Some(1.0), 5_000));
    assert_eq!(window.value(65_000), None);
}

#[test]
fn a_line_tells_where_a_value_goes_once_it_spans_half_the_window() {
    let mut window = Window::new(Spec { aggregate: Aggregate::Until, window_ms: 3_600_000 }, Kind::Gauge);
    for minute in 0..=40_i64 {
        window.add(minute * 60_000, 100.0 - minute as f64);
        let line = window.line(minute * 60_000);
        assert_eq!(line.is_some(), minute >= 30, "{minute}");
        if let Some(line) = line {
            assert!((line.slope + 1.0 / 60.0).abs() < 1e-9 && (line.level - (100.0 - minute as f64)).abs() < 1e-6, "{line:?}");
        }
    }
}

#[test]
fn a_window_stays_small_whatever_the_interval() {
    let mut window = Window::new(Spec { aggregate: Aggregate::Quantile, window_ms: 600_000 }, Kind::Gauge);
    for tenth in 0..100_000_i64 {
        window.add(tenth * 100, 1.0);
    }
    let mut kept = Vec::new();
    window.samples(10_000_000, &mut kept);
    assert!(kept.len() <= usize::try_from(PARTS + 1).unwrap() * SAMPLES_MAX && kept.len() >= 300, "{}", kept.len());
}
