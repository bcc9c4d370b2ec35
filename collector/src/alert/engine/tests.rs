//! Tests of the engine: from frames, records and silence to what is told.

use farol_shared::record::{Event, Level as LogLevel, LogRecord, Records};

use super::*;
use crate::alert::{
    past::{NoPast, Question, Spread},
    rule::{Against, Aggregate, Comparison, Divisor},
    tests::{Host, START_MS, arrival, frame, host, key, rule, series_of, table, told, words},
};

fn levels(changes: &[Change]) -> Vec<(i64, Level)> {
    words(changes).into_iter().map(|(second, _, _, level)| (second, level)).collect()
}

fn subject(resource: ResourceId, attributes: &[(&str, &str)]) -> Subject {
    Subject { resource, attributes: key("x", attributes).attributes.into() }
}

#[test]
fn a_value_beyond_for_long_enough_is_told_and_so_is_its_end() {
    let mut host = Host::new(
        vec![Rule { for_s: 5, recovery: 10.0, resolve_after_s: 3, ..rule("load", Aggregate::Mean, 1) }],
        vec![key("load", &[])],
    );
    let mut all = host.tell_for(10, &[10.0]);
    all.extend(host.tell_for(10, &[90.0]));
    all.extend(host.tell_for(10, &[75.0]));
    all.extend(host.tell_for(10, &[10.0]));
    assert_eq!(levels(&all), [(16, Level::Warning), (34, Level::Ok)]);
    let first = &all[0];
    assert_eq!((first.onset_ms, first.value, first.threshold, &*first.unit), (START_MS + 11_000, Some(90.0), Some(80.0), "1"));
    assert_eq!((all[1].onset_ms, all[1].value, all[1].from), (START_MS + 11_000, Some(10.0), Level::Warning));
}

#[test]
fn series_are_added_up_by_what_keeps_them_apart_and_divided_by_their_whole() {
    let mut disk = rule("used", Aggregate::Last, 60);
    (disk.warning, disk.critical) = (Some(0.8), None);
    series_of(&mut disk).by = Some(vec!["mount".to_owned()]);
    series_of(&mut disk).attributes = vec!["state=used".to_owned()];
    series_of(&mut disk).divided_by = Some(Divisor { metric: "used".to_owned(), attributes: vec!["state=used|free".to_owned()] });
    let keys = vec![
        key("used", &[("mount", "/"), ("state", "used"), ("device", "a")]),
        key("used", &[("mount", "/"), ("state", "free"), ("device", "a")]),
        key("used", &[("mount", "/data"), ("state", "used"), ("device", "b")]),
        key("used", &[("mount", "/data"), ("state", "free"), ("device", "b")]),
    ];
    let mut host = Host::new(vec![disk], keys);
    let changes = host.tell_for(3, &[50.0, 50.0, 90.0, 10.0]);
    assert_eq!(changes.len(), 1);
    assert_eq!((&changes[0].subject, changes[0].value), (&subject(1, &[("mount", "/data")]), Some(0.9)));
    assert_eq!(host.engine.subjects(), 2);
}

#[test]
fn a_rate_is_of_each_series_and_a_counter_may_begin_again() {
    let mut busy = rule("system.cpu.time", Aggregate::Rate, 10);
    (busy.warning, busy.critical) = (Some(0.8), None);
    series_of(&mut busy).by = Some(Vec::new());
    let keys = vec![key("system.cpu.time", &[("cpu.mode", "user")]), key("system.cpu.time", &[("cpu.mode", "system")])];
    let mut host = Host::new(vec![busy], keys);
    let mut total = 1_000.0;
    let mut changes = Vec::new();
    for second in 0..30 {
        // Each mode takes 0.45 s a second; in the middle the machine starts again.
        total = if second == 15 { 0.45 } else { total + 0.45 };
        changes.extend(host.tell(&[total, total]));
    }
    assert_eq!(levels(&changes), [(2, Level::Warning)]);
    assert!((changes[0].value.unwrap() - 0.9).abs() < 1e-9 && &*changes[0].unit == "1");
}

#[test]
fn only_resources_in_scope_and_of_the_tenant_are_judged() {
    let mut named = rule("load", Aggregate::Last, 60);
    series_of(&mut named).resources.name = Some("web-*".to_owned());
    let mut owned = Rule { id: "owned".to_owned(), tenant: Some("acme".to_owned()), ..rule("load", Aggregate::Last, 60) };
    series_of(&mut owned).window_s = 60;
    let mut engine = Engine::new(&[Arc::new(named), Arc::new(owned)]);
    let tables: Vec<_> = [(1, "web-1"), (2, "db-1"), (3, "db-2")]
        .map(|(id, name)| {
            let tenant = (id == 3).then(|| "acme".into());
            engine.know(ResourceFacts { tenant, ..host(id, name) });
            table(id, id * 10, vec![key("load", &[])])
        })
        .into();
    engine.take(&frame("a", START_MS, &tables, vec![vec![90.0]; 3]), arrival(START_MS));
    let changes = engine.tick(START_MS + 2_000, &mut NoPast);
    assert_eq!(words(&changes), [(0, "r".to_owned(), 1, Level::Warning), (0, "owned".to_owned(), 3, Level::Warning)]);
    // It becomes the tenant's: the rule begins to watch it at once, without losing what it has.
    engine.know(ResourceFacts { tenant: Some("acme".into()), ..host(2, "db-1") });
    engine.take(&frame("a", START_MS + 900, &tables, vec![vec![90.0]; 3]), arrival(START_MS + 900));
    assert_eq!(words(&engine.tick(START_MS + 3_000, &mut NoPast)), [(1, "owned".to_owned(), 2, Level::Warning)]);
}

#[test]
fn a_stranger_is_asked_for_and_its_first_frame_counts() {
    let mut engine = Engine::new(&[Arc::new(rule("load", Aggregate::Last, 60))]);
    let tables = [table(7, 1, vec![key("load", &[])])];
    engine.take(&frame("a", START_MS, &tables, vec![vec![99.0]]), arrival(START_MS));
    assert_eq!(engine.strangers(), [7]);
    engine.know(host(7, "a"));
    assert!(engine.strangers().is_empty());
    assert_eq!(words(&engine.tick(START_MS + 2_000, &mut NoPast)), [(0, "r".to_owned(), 7, Level::Critical)]);
}

#[test]
fn the_order_of_arrival_does_not_matter_within_the_delay() {
    let frames: Vec<_> = (1..=20).map(|second| (second, if second % 5 == 0 { 200.0 } else { 60.0 })).collect();
    let told = |order: &[(i64, f64)]| {
        let mut engine = Engine::new(&[Arc::new(rule("load", Aggregate::Mean, 3))]);
        engine.know(host(1, "a"));
        let tables = [table(1, 1, vec![key("load", &[])])];
        let mut changes = Vec::new();
        for two in order.chunks(2) {
            for (second, value) in two {
                engine.take(&frame("a", START_MS + second * 1_000 - 500, &tables, vec![vec![*value]]), arrival(START_MS));
            }
            let newest = two.iter().map(|(second, _)| *second).max().unwrap();
            changes.extend(engine.tick(START_MS + newest * 1_000 + 2_000, &mut NoPast));
        }
        words(&changes)
    };
    let swapped: Vec<_> = frames.chunks(2).flat_map(|two| two.iter().rev().copied()).collect();
    assert_eq!(told(&frames), told(&swapped));
    assert!(!told(&frames).is_empty());
}

#[test]
fn events_and_logs_are_counted_by_words_and_levels() {
    let events: Rule = serde_json::from_str(
        r#"{"id":"failed","name":"F","warning":2,"condition":{"type":"events","kinds":["MessageSent"],"words":["FAILED"],"window_s":60}}"#,
    ).unwrap();
    let logs: Rule = serde_json::from_str(
        r#"{"id":"logs","name":"L","warning":0,"condition":{"type":"logs","words":["timeout"],"level":"error","window_s":60}}"#,
    )
    .unwrap();
    let mut host = Host::new(vec![events, logs], vec![key("load", &[])]);
    let mut changes = host.tell(&[1.0]);
    let sent = |status: &str| Event {
        time_ms: START_MS + 1_500,
        kind: "MessageSent".to_owned(),
        tenant: None,
        payload: format!(r#"{{"status":"{status}"}}"#),
    };
    let log = |level, message: &str| LogRecord {
        time_ms: START_MS + 1_500,
        level,
        message: message.to_owned(),
        ..LogRecord::default()
    };
    let records = Records {
        events: vec![sent("failed"), sent("failed"), sent("ok"), sent("Failed")],
        logs: vec![log(LogLevel::Warn, "a timeout"), log(LogLevel::Error, "another")],
        ..Records::default()
    };
    host.engine.take(&told("web-1", 1, START_MS + 1_600, records), arrival(START_MS + 1_600));
    changes.extend(host.tell(&[1.0]));
    assert_eq!(words(&changes), [(2, "failed".to_owned(), 1, Level::Warning)]);
    assert_eq!((changes[0].value, &*changes[0].unit), (Some(3.0), "{event}"));
    let records = Records { logs: vec![log(LogLevel::Fatal, "A Timeout!")], ..Records::default() };
    host.engine.take(&told("web-1", 1, START_MS + 2_600, records), arrival(START_MS + 2_600));
    let changes = host.tell_for(70, &[1.0]);
    assert_eq!(
        words(&changes),
        [
            (3, "logs".to_owned(), 1, Level::Warning),
            (62, "failed".to_owned(), 1, Level::Ok),
            (62, "logs".to_owned(), 1, Level::Ok)
        ]
    );
}

#[test]
fn absence_is_counted_in_seconds_and_a_missing_value_can_be_an_alert() {
    let mut absent = Rule { id: "absent".to_owned(), ..rule("load", Aggregate::Absent, 60) };
    (absent.warning, absent.critical) = (Some(30.0), None);
    let mut missing = Rule { id: "missing".to_owned(), no_data_s: Some(20), ..rule("load", Aggregate::Last, 10) };
    missing.warning = Some(1_000.0);
    missing.critical = None;
    let mut host = Host::new(vec![absent, missing], vec![key("load", &[]), key("other", &[])]);
    host.tell(&[1.0, 1.0]);
    let changes = host.tell_for(40, &[f64::NAN, 1.0]);
    assert_eq!(words(&changes), [(30, "missing".to_owned(), 1, Level::Warning), (31, "absent".to_owned(), 1, Level::Warning)]);
    assert_eq!((changes[0].value, changes[0].threshold), (None, None));
    let changes = host.tell(&[1.0, 1.0]);
    assert_eq!(changes.iter().map(|change| change.to).collect::<Vec<_>>(), [Level::Ok, Level::Ok]);
}

#[test]
fn where_a_line_goes_is_told_in_seconds() {
    let mut full = rule("used", Aggregate::Until, 600);
    (full.warning, full.critical) = (Some(86_400.0), Some(900.0));
    series_of(&mut full).comparison = Comparison::Below;
    series_of(&mut full).divided_by = Some(Divisor { metric: "size".to_owned(), attributes: Vec::new() });
    let mut host = Host::new(vec![full], vec![key("used", &[]), key("size", &[])]);
    let mut changes = Vec::new();
    for second in 0..600 {
        changes.extend(host.tell(&[f64::from(second), 1_400.0]));
    }
    assert_eq!(levels(&changes), [(310, Level::Warning), (501, Level::Critical)]);
    assert_eq!(host.tell_for(1_200, &[600.0, 1_400.0]).last().unwrap().to, Level::Ok, "what stands still is never full");
}

#[test]
fn who_is_silent_is_told_and_who_has_ended_is_not() {
    let silent: Rule = serde_json::from_str(r#"{"id":"silent","name":"S","critical":60,"condition":{"type":"silent"}}"#).unwrap();
    let mut host = Host::new(vec![silent], vec![key("load", &[])]);
    host.engine.know(ResourceFacts {
        agent: "web-1".into(),
        kind: farol_shared::resource::ResourceKind::Container,
        ..super::super::tests::host(2, "app")
    });
    let app = table(2, 50, vec![key("load", &[])]);
    host.engine.take(&frame("web-1", START_MS + 500, &[Arc::clone(&app)], vec![vec![1.0]]), arrival(START_MS));
    // The container ended; its host goes on without it.
    assert_eq!(host.tell_for(100, &[1.0]), []);
    let changes = host.wait(100);
    assert_eq!(words(&changes), [(160, "silent".to_owned(), 1, Level::Critical)]);
    assert_eq!(changes[0].value, Some(60.4));
    assert_eq!(words(&host.tell(&[1.0])), [(201, "silent".to_owned(), 1, Level::Ok)]);
}

#[test]
fn after_a_start_nobody_is_missed_at_once_and_what_was_silent_stays_so() {
    let silent: Rule = serde_json::from_str(r#"{"id":"silent","name":"S","critical":60,"condition":{"type":"silent"}}"#).unwrap();
    let mut engine = Engine::new(&[Arc::new(silent)]);
    for (id, name, ago_ms) in [(1, "a", 600_000), (2, "b", 600_000), (3, "gone", GONE_MS + 1)] {
        engine.know(ResourceFacts { last_seen_ms: START_MS - ago_ms, ..host(id, name) });
    }
    assert!(engine.hold("silent", &subject(2, &[]), Level::Critical, START_MS - 540_000));
    assert!(!engine.hold("nothing", &subject(2, &[]), Level::Critical, 0));
    engine.unmute(START_MS);
    let mut changes = Vec::new();
    for second in 0..100 {
        changes.extend(engine.tick(START_MS + second * 1_000 + 2_000, &mut NoPast));
    }
    assert_eq!(words(&changes), [(61, "silent".to_owned(), 1, Level::Critical)]);
}

#[test]
fn a_rule_that_says_something_else_of_the_same_goes_on_and_one_that_is_gone_ends() {
    let first = rule("load", Aggregate::Last, 60);
    let mut host = Host::new(vec![first.clone()], vec![key("load", &[])]);
    assert_eq!(host.tell(&[90.0]).len(), 1);
    let renamed = Arc::new(Rule { name: "Other".to_owned(), warning: Some(85.0), ..first.clone() });
    assert!(host.engine.set_rules(&[Arc::clone(&renamed)]).is_empty());
    assert_eq!(host.tell(&[90.0]), []);
    let mut other = Rule { ..(*renamed).clone() };
    series_of(&mut other).window_s = 30;
    assert_eq!(host.engine.set_rules(&[Arc::new(other)]), ["r"]);
    let changes = host.tell(&[90.0]);
    assert_eq!(
        changes.iter().map(|change| (change.from, change.to)).collect::<Vec<_>>(),
        [(Level::Warning, Level::Ok), (Level::Ok, Level::Warning)]
    );
    host.engine.set_rules(&[]);
    let changes = host.tell(&[90.0]);
    assert_eq!((changes.len(), changes[0].to, changes[0].value), (1, Level::Ok, None));
}

#[test]
fn ticks_that_were_left_out_make_what_is_pending_begin_anew() {
    let mut host = Host::new(vec![Rule { for_s: 10, ..rule("load", Aggregate::Last, 3_600) }], vec![key("load", &[])]);
    assert_eq!(host.tell_for(5, &[90.0]), []);
    host.second += 600;
    let changes = host.tell_for(15, &[90.0]);
    assert_eq!(levels(&changes), [(616, Level::Warning)]);
}

#[test]
fn a_clock_that_is_off_is_put_right() {
    let mut engine = Engine::new(&[Arc::new(rule("load", Aggregate::Last, 10))]);
    engine.know(host(1, "a"));
    let tables = [table(1, 1, vec![key("load", &[])])];
    let slow_ms = 3_600_000;
    let arrival = crate::live::Arrival { now_ms: START_MS + 300, skew_ms: slow_ms };
    engine.take(&frame("a", START_MS - slow_ms, &tables, vec![vec![99.0]]), arrival);
    assert_eq!(levels(&engine.tick(START_MS + 2_000, &mut NoPast)), [(0, Level::Critical)]);
}

#[test]
fn what_was_not_heard_of_for_long_is_forgotten() {
    let mut host = Host::new(vec![rule("load", Aggregate::Last, 60)], vec![key("load", &[("pid", "1")]), key("other", &[])]);
    assert_eq!(host.tell(&[90.0, 1.0]).len(), 1);
    let mut changes = Vec::new();
    for _ in 0..3 * 60 {
        // A tick a minute would be taken for a pause: three hours, second by second.
        changes.extend(host.tell_for(60, &[f64::NAN, 1.0]));
    }
    assert_eq!(changes.len(), 1, "over after an hour without a value");
    assert_eq!((host.engine.subjects(), host.engine.series.len()), (0, 0));
    assert!(host.engine.windows.slots.iter().all(Option::is_none));
    assert_eq!(host.tell(&[90.0, 1.0]).len(), 1, "and known again when it comes back");
}

struct Always(Spread);

impl Past for Always {
    fn spread(&mut self, question: &Question<'_>) -> Option<Spread> {
        assert_eq!((question.metric, question.series), ("load", &[1][..]));
        Some(self.0)
    }
}

#[test]
fn a_value_is_compared_with_the_past_where_the_rule_says_so() {
    let mut usual = rule("load", Aggregate::Mean, 5);
    (usual.warning, usual.critical) = (Some(3.0), None);
    series_of(&mut usual).against = Against::Usual;
    let mut engine = Engine::new(&[Arc::new(usual)]);
    engine.know(host(1, "a"));
    let tables = [table(1, 1, vec![key("load", &[])])];
    let mut past = Always(Spread { mean: 100.0, deviation: 10.0, minutes: 1_000 });
    let mut told = |engine: &mut Engine, second: i64, value: f64| {
        engine.take(&frame("a", START_MS + second * 1_000, &tables, vec![vec![value]]), arrival(START_MS + second * 1_000));
        engine.tick(START_MS + second * 1_000 + 2_000, &mut past)
    };
    assert_eq!(told(&mut engine, 1, 120.0), []);
    let changes: Vec<_> = (2..12).flat_map(|second| told(&mut engine, second, 40.0)).collect();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].threshold, Some(3.0));
}

#[test]
fn what_is_pending_and_firing_is_told_and_counted_by_tenant() {
    use crate::access::View;
    let mut engine = Engine::new(&[
        Arc::new(Rule { for_s: 60, ..rule("load", Aggregate::Last, 60) }),
        Arc::new(Rule { id: "now".to_owned(), ..rule("load", Aggregate::Last, 60) }),
    ]);
    engine.know(ResourceFacts { tenant: Some("acme".into()), ..host(1, "a") });
    engine.know(host(2, "b"));
    let tables = [table(1, 1, vec![key("load", &[])]), table(2, 2, vec![key("load", &[])])];
    engine.take(&frame("a", START_MS, &tables, vec![vec![90.0], vec![99.0]]), arrival(START_MS));
    engine.tick(START_MS + 2_000, &mut NoPast);
    let standing = engine.standing();
    let counts = |rule: &str, view: &View| (standing.counts(rule, view).firing, standing.counts(rule, view).pending);
    let acme = View::Tenant("acme".into());
    assert_eq!((counts("r", &View::Whole), counts("now", &View::Whole), counts("now", &acme)), ((0, 2), (2, 0), (1, 0)));
    assert_eq!((standing.pending.len(), standing.firing.len(), standing.at_ms), (2, 2, START_MS));
    let grave = standing.pending.iter().find(|pending| pending.subject.resource == 2).unwrap();
    assert_eq!((grave.level, grave.due_ms, grave.value), (Level::Critical, START_MS + 60_000, Some(99.0)));
}

#[test]
fn the_time_in_which_nobody_listened_is_nobodys_silence() {
    let silent: Rule = serde_json::from_str(r#"{"id":"silent","name":"S","critical":60,"condition":{"type":"silent"}}"#).unwrap();
    let absent = Rule { id: "absent".to_owned(), warning: Some(30.0), critical: None, ..rule("load", Aggregate::Absent, 60) };
    let missing = Rule { id: "missing".to_owned(), no_data_s: Some(30), ..rule("load", Aggregate::Last, 10) };
    let mut engine = Engine::new(&[silent, absent, missing].map(Arc::new));
    engine.know(host(1, "a"));
    // Ten minutes without a collector: its past is played again, then agents need ten seconds to come back.
    engine.mute();
    engine.sample(1, 1, &Arc::new(key("load", &[])), START_MS, 1.0);
    for second in 0..=600 {
        assert_eq!(engine.judge(START_MS + second * 1_000, &mut NoPast), []);
    }
    engine.unmute(START_MS + 600_000);
    let mut changes = Vec::new();
    for second in 601..=700 {
        let time_ms = START_MS + second * 1_000;
        if second > 610 {
            let tables = [table(1, 1, vec![key("load", &[])])];
            engine.take(&frame("a", time_ms - 500, &tables, vec![vec![1.0]]), arrival(time_ms));
        }
        changes.extend(engine.tick(time_ms + 2_000, &mut NoPast));
    }
    assert_eq!(words(&changes), []);
}
