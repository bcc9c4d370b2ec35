//! Tests of the back-test: the same firings as the live engine on the same data; a start as if there had been no stop.

use farol_shared::{
    batch::SeriesKey,
    record::{Event, Level as LogLevel, LogRecord, Records},
};

use super::*;
use crate::alert::{
    engine::EVALUATION_DELAY_MS,
    history,
    past::NoPast,
    rule::Divisor,
    tests::{Recorder, START_MS, arrival, key, rule, series_of},
};

/// What a day of one host looks like, in little: second by second a gauge that wanders, a counter that begins again, a whole, and
/// what goes missing for a while.
fn values(second: i64) -> Vec<f64> {
    // A small generator of our own: the same numbers always.
    let noise = ((second * 7_919 + 13) % 101) as f64 / 101.0;
    let wave = 50.0 + 45.0 * ((second as f64) / 90.0).sin() + 10.0 * noise;
    let total = (second % 700) as f64 * (1.0 + noise);
    let missing = if second % 500 > 440 { f64::NAN } else { wave };
    vec![missing, total, 100.0]
}

fn keys() -> Vec<SeriesKey> {
    vec![key("load", &[("core", "a")]), key("system.cpu.time", &[("cpu.mode", "user")]), key("size", &[])]
}

fn records(second: i64) -> Vec<Records> {
    if second % 41 != 0 {
        return Vec::new();
    }
    let time_ms = START_MS + second * 1_000 - 600;
    vec![Records {
        events: vec![Event { time_ms, kind: "Failed".to_owned(), tenant: None, payload: "{}".to_owned() }],
        logs: vec![LogRecord { time_ms, level: LogLevel::Error, message: "a timeout".to_owned(), ..LogRecord::default() }],
        ..Records::default()
    }]
}

/// Rules of every sort that history can play.
fn rules() -> Vec<Rule> {
    let plain = |id: &str, aggregate, window_s| Rule { id: id.to_owned(), recovery: 5.0, ..rule("load", aggregate, window_s) };
    let mut quantile = plain("quantile", Aggregate::Quantile, 120);
    series_of(&mut quantile).quantile = Some(0.9);
    let mut share = Rule { warning: Some(0.9), critical: None, ..plain("share", Aggregate::Last, 60) };
    series_of(&mut share).divided_by = Some(Divisor { metric: "size".to_owned(), attributes: Vec::new() });
    let mut rate = Rule {
        id: "rate".to_owned(),
        recovery: 0.0,
        warning: Some(1.6),
        critical: None,
        ..rule("system.cpu.time", Aggregate::Rate, 20)
    };
    series_of(&mut rate).by = Some(Vec::new());
    let absent = Rule { warning: Some(30.0), critical: None, recovery: 0.0, ..plain("absent", Aggregate::Absent, 60) };
    let until = Rule { warning: Some(100.0), critical: None, ..plain("until", Aggregate::Until, 60) };
    let mut until = until;
    series_of(&mut until).comparison = Comparison::Below;
    let parsed = |text: &str| serde_json::from_str::<Rule>(text).unwrap();
    vec![
        Rule { for_s: 20, resolve_after_s: 10, ..plain("mean", Aggregate::Mean, 30) },
        plain("max", Aggregate::Max, 300),
        Rule { for_s: 5, no_data_s: Some(15), ..plain("missing", Aggregate::Last, 10) },
        quantile,
        share,
        rate,
        absent,
        until,
        parsed(
            r#"{"id":"events","name":"E","warning":1,"for_s":3,"condition":{"type":"events","kinds":["Failed"],"window_s":60}}"#,
        ),
        parsed(r#"{"id":"logs","name":"L","warning":0,"condition":{"type":"logs","level":"error","window_s":20}}"#),
    ]
}

const SECONDS: i64 = 1_500;

/// Firings of a rule: from, to, gravest level.
type Told = Vec<(i64, Option<i64>, Level)>;

/// What the live engine tells, batch by batch as they are committed, and the history that they leave.
fn live(rules: &[Rule], dir: &std::path::Path) -> (Recorder, HashMap<String, Told>) {
    let mut recorder = Recorder::open(dir);
    let rules: Vec<Arc<Rule>> = rules.iter().cloned().map(Arc::new).collect();
    let mut engine = Engine::new(&rules);
    let mut followed: HashMap<String, Followed> = HashMap::new();
    for second in 1..=SECONDS {
        let time_ms = START_MS + second * 1_000 - 300;
        let committed = recorder.record(time_ms, &keys(), values(second), records(second));
        engine.take(&committed, arrival(time_ms));
        for _ in engine.strangers() {
            history::introduce(&mut engine, &recorder.store);
        }
        for change in engine.tick(START_MS + second * 1_000 + EVALUATION_DELAY_MS, &mut NoPast) {
            followed.entry(change.rule.id.clone()).or_default().take(&change);
        }
    }
    (recorder, followed.into_iter().map(|(id, followed)| (id, told(&followed.all))).collect())
}

fn told(fired: &[Fired]) -> Told {
    fired.iter().map(|fired| (fired.from_ms, fired.to_ms, fired.level)).collect()
}

fn asked(rule: &Rule) -> Asked<'_> {
    let (from_ms, to_ms) = (START_MS, START_MS + SECONDS * 1_000);
    Asked { rule, from_ms, to_ms, counts: &|_| true, is_over: &|| false }
}

#[test]
fn a_back_test_tells_what_the_live_engine_told() {
    let dir = tempfile::tempdir().unwrap();
    let rules = rules();
    let (recorder, live) = live(&rules, dir.path());
    for rule in &rules {
        let test = backtest(&recorder.store, asked(rule)).unwrap();
        let mut firings: Told = test.firings.iter().map(|firing| (firing.from, firing.to, firing.level)).collect();
        firings.reverse();
        let expected = live.get(&rule.id).cloned().unwrap_or_default();
        assert!(!expected.is_empty(), "{}: the day must make it fire", rule.id);
        assert_eq!(firings, expected, "{}", rule.id);
        assert!(test.exact && test.subjects == 1, "{}", rule.id);
        assert_eq!(test.count, u64::try_from(expected.len()).unwrap());
    }
    // The same from sealed blocks.
    recorder.store.tidy(true).unwrap();
    let test = backtest(&recorder.store, asked(&rules[0])).unwrap();
    assert_eq!(test.count, u64::try_from(live["mean"].len()).unwrap());
    recorder.store.close().unwrap();
}

#[test]
fn a_back_test_tells_peaks_others_a_line_and_a_suggestion_and_only_what_counts() {
    let dir = tempfile::tempdir().unwrap();
    let rule = rules().remove(0);
    let (recorder, _) = live(std::slice::from_ref(&rule), dir.path());
    let test = backtest(&recorder.store, asked(&rule)).unwrap();
    let peak = test.firings[0].peak.unwrap();
    assert!(peak > 90.0 && peak < 110.0, "{peak}");
    assert_eq!(test.firings[0].resource_name, "web-1");
    assert_eq!(test.firings[0].attributes.get("core").map(String::as_str), Some("a"));
    assert_eq!(test.others.iter().map(|other| other.for_s).collect::<Vec<_>>(), OTHERS_S);
    assert!(test.others[2].count < test.count && test.others[0].count <= test.count, "{:?}", test.others);
    let suggestion = test.suggestion.unwrap();
    assert!(suggestion.warning > 80.0 && suggestion.critical > suggestion.warning, "{suggestion:?}");
    let line = test.line.unwrap();
    assert!(line.points.len() <= POINTS_MAX && line.points.len() > 300 && line.unit == "1", "{}", line.points.len());
    assert!(test.notifications >= 2 && test.firing_s > 0);
    let none =
        backtest(&recorder.store, Asked { counts: &|info| info.resource.tenant.as_deref() == Some("globex"), ..asked(&rule) });
    let none = none.unwrap();
    assert_eq!((none.count, none.subjects, none.line), (0, 0, None));
    let impatient = backtest(&recorder.store, Asked { is_over: &|| true, ..asked(&rule) });
    assert!(matches!(impatient, Err(BackTestError::TooMuch)));
    recorder.store.close().unwrap();
}

#[test]
fn a_start_is_as_if_there_had_been_no_stop() {
    let dir = tempfile::tempdir().unwrap();
    let rules: Vec<Arc<Rule>> = rules().into_iter().map(Arc::new).collect();
    let mut recorder = Recorder::open(dir.path());
    let mut engine = Engine::new(&rules);
    let mut expected = Vec::new();
    let mut open: HashMap<(String, Subject), (Level, i64)> = HashMap::new();
    let mut restarted: Vec<Engine> = Vec::new();
    let mut seen: Vec<Vec<Change>> = Vec::new();
    for second in 1..=SECONDS {
        let time_ms = START_MS + second * 1_000 - 300;
        let committed = recorder.record(time_ms, &keys(), values(second), records(second));
        for engine in std::iter::once(&mut engine).chain(&mut restarted) {
            engine.take(&committed, arrival(time_ms));
        }
        if second == 1 {
            history::introduce(&mut engine, &recorder.store);
        }
        let now_ms = START_MS + second * 1_000 + EVALUATION_DELAY_MS;
        let changes = engine.tick(now_ms, &mut NoPast);
        for change in &changes {
            open.insert((change.rule.id.clone(), change.subject.clone()), (change.to, change.onset_ms));
        }
        expected.extend(changes);
        for (engine, seen) in restarted.iter_mut().zip(&mut seen) {
            seen.extend(engine.tick(now_ms, &mut NoPast));
        }
        if second > 700 && second % 97 == 0 {
            // Another engine begins here, with what was kept and with history.
            let mut other = Engine::new(&rules);
            history::introduce(&mut other, &recorder.store);
            for ((rule, subject), (level, onset_ms)) in open.iter().filter(|(_, (level, _))| *level > Level::Ok) {
                assert!(other.hold(rule, subject, *level, *onset_ms));
            }
            history::replay(&mut other, &recorder.store, &rules, START_MS + second * 1_000).unwrap();
            restarted.push(other);
            seen.push(Vec::new());
        }
    }
    assert!(restarted.len() > 5);
    for (number, seen) in seen.iter().enumerate() {
        let from = 8 * 97 + 97 * i64::try_from(number).unwrap();
        let word = |change: &Change| ((change.at_ms - START_MS) / 1_000, change.rule.id.clone(), change.to, change.onset_ms);
        // Who begins to listen while something is missing misses it from then on: nobody could be heard before.
        let is_missed = |change: &&Change| matches!(change.rule.id.as_str(), "missing" | "absent") && from % 500 > 440;
        let rest = expected.iter().filter(|change| change.at_ms > START_MS + from * 1_000);
        let rest: Vec<_> = rest.filter(|change| !is_missed(change)).map(word).collect();
        let seen: Vec<_> = seen.iter().filter(|change| !is_missed(change)).map(word).collect();
        assert_eq!(seen, rest, "started after {from} s");
    }
    recorder.store.close().unwrap();
}
