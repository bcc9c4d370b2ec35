//! Tests of the latch: what it does on short stories, and the same as a simple model on all others.

use proptest::prelude::*;

use super::*;

const FOR_MS: i64 = 3_000;

fn bounds() -> Bounds {
    Bounds {
        warning: Some(80.0),
        critical: Some(95.0),
        comparison: Comparison::Above,
        recovery: 5.0,
        for_ms: FOR_MS,
        resolve_after_ms: 2_000,
        no_data_ms: None,
    }
}

/// The levels of values, one a second.
fn levels(bounds: &Bounds, values: &[Option<f64>]) -> Vec<Level> {
    let mut state = State::default();
    (0..).zip(values).map(|(second, value)| state.step(second * 1_000, *value, bounds).level).collect()
}

fn letters(levels: &[Level]) -> String {
    levels
        .iter()
        .map(|level| match level {
            Level::Ok => '.',
            Level::Warning => 'w',
            Level::Critical => 'c',
        })
        .collect()
}

#[test]
fn an_alert_begins_after_its_time_and_ends_behind_its_threshold_after_its_time() {
    let told = |values: &[f64]| letters(&levels(&bounds(), &values.iter().map(|value| Some(*value)).collect::<Vec<_>>()));
    assert_eq!(told(&[90.0, 90.0, 90.0, 90.0, 70.0, 70.0, 70.0]), "...www.");
    assert_eq!(told(&[90.0, 90.0, 70.0, 90.0, 90.0, 90.0, 90.0]), "......w", "one second below begins anew");
    assert_eq!(told(&[90.0, 90.0, 90.0, 90.0, 78.0, 78.0, 78.0]), "...wwww", "below the threshold is not over");
    assert_eq!(told(&[99.0, 99.0, 99.0, 99.0, 85.0, 85.0, 85.0]), "...cccw");
}

#[test]
fn without_a_value_what_is_told_stays_and_what_is_pending_begins_anew() {
    let told = |values: &[Option<f64>]| letters(&levels(&bounds(), values));
    let high = Some(90.0);
    assert_eq!(told(&[high, high, None, high, high, high, high]), "......w");
    assert_eq!(told(&[high, high, high, high, None, None, None, None]), "...wwwww");
    let mut long = vec![high; 4];
    long.resize(usize::try_from(NO_DATA_RESOLVES_MS / 1_000).unwrap() + 4, None);
    let told = levels(&bounds(), &long);
    assert_eq!(told[told.len() - 2], Level::Warning);
    assert_eq!(told[told.len() - 1], Level::Ok, "after an hour it is over");
}

#[test]
fn being_without_a_value_is_an_alert_where_the_rule_says_so() {
    let bounds = Bounds { no_data_ms: Some(3_000), ..bounds() };
    let told = letters(&levels(&bounds, &[Some(1.0), None, None, None, None, Some(1.0)]));
    assert_eq!(told, "...ww.");
    let critical = Bounds { warning: None, ..bounds };
    assert_eq!(letters(&levels(&critical, &[None, None, None, None, Some(1.0)])), "...c.");
}

#[test]
fn the_onset_is_the_first_moment_of_the_unbroken_condition() {
    let mut state = State::default();
    for second in 0..10 {
        let value = if second < 2 {
            10.0
        } else if second < 5 {
            85.0
        } else {
            99.0
        };
        let verdict = state.step(second * 1_000, Some(value), &bounds());
        match second {
            5..=7 => assert_eq!((verdict.level, verdict.onset_ms, verdict.threshold), (Level::Warning, 2_000, Some(80.0))),
            8.. => assert_eq!((verdict.level, verdict.onset_ms, verdict.threshold), (Level::Critical, 5_000, Some(95.0))),
            _ => assert_eq!(verdict.level, Level::Ok),
        }
    }
    let mut state = State::default();
    state.step(7_000, Some(85.0), &bounds());
    let pending = state.pending(&bounds()).unwrap();
    assert_eq!((pending.level, pending.onset_ms, pending.due_ms), (Level::Warning, 7_000, 10_000));
}

#[test]
fn what_is_held_goes_on_as_if_it_had_never_stopped() {
    let mut state = State::default();
    state.hold(Level::Critical, 500, &bounds());
    assert_eq!(state.step(60_000, None, &bounds()).level, Level::Critical);
    let verdict = state.step(61_000, Some(92.0), &bounds());
    assert_eq!((verdict.level, verdict.onset_ms), (Level::Critical, 500), "92 is not behind 95 by 5");
    assert_eq!(state.step(62_000, Some(1.0), &bounds()).level, Level::Critical);
    assert_eq!(state.step(64_000, Some(1.0), &bounds()).level, Level::Ok);
}

/// The same in the simplest way: looks at all values so far, each second anew.
fn simple(bounds: &Bounds, values: &[Option<f64>]) -> Vec<Level> {
    let mut on = [false; 2];
    // Where the run of ticks that counts for each level begins: after the last change, or the last break.
    let mut from = [0_usize; 2];
    let mut levels = Vec::new();
    for now in 0..values.len() {
        for (level, threshold) in [bounds.warning, bounds.critical].into_iter().enumerate() {
            let Some(threshold) = threshold else { continue };
            let holds = |value: Option<f64>| {
                value.is_some_and(|value| match (on[level], bounds.comparison) {
                    (false, Comparison::Above) => value > threshold,
                    (false, Comparison::Below) => value < threshold,
                    (true, Comparison::Above) => value <= threshold - bounds.recovery,
                    (true, Comparison::Below) => value >= threshold + bounds.recovery,
                })
            };
            let needed_ms = if on[level] { bounds.resolve_after_ms } else { bounds.for_ms };
            let needed = usize::try_from(needed_ms / 1_000).unwrap();
            if now >= from[level] + needed && values[now - needed..=now].iter().all(|value| holds(*value)) {
                on[level] = !on[level];
                from[level] = now + 1;
            }
        }
        levels.push(if on[1] {
            Level::Critical
        } else if on[0] {
            Level::Warning
        } else {
            Level::Ok
        });
    }
    levels
}

fn value() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![1 => Just(None), 9 => (0..12_u8).prop_map(|n| Some(f64::from(n)))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn the_latch_is_the_simple_model(
        values in prop::collection::vec(value(), 1..80),
        for_s in 0..5_i64,
        after_s in 0..5_i64,
        recovery in 0..4_u8,
        (is_below, has_warning, has_critical) in any::<(bool, bool, bool)>(),
    ) {
        let (warning, critical, comparison) = if is_below { (6.0, 3.0, Comparison::Below) } else { (5.0, 8.0, Comparison::Above) };
        let bounds = Bounds {
            warning: has_warning.then_some(warning),
            critical: has_critical.then_some(critical),
            comparison,
            recovery: f64::from(recovery),
            for_ms: for_s * 1_000,
            resolve_after_ms: after_s * 1_000,
            no_data_ms: None,
        };
        prop_assert_eq!(letters(&levels(&bounds, &values)), letters(&simple(&bounds, &values)));
    }
}
