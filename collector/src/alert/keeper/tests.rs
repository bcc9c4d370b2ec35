//! The keeper against a real file: what is on disk, what comes back from it, and what a start in between changes.

use std::path::{Path, PathBuf};

use farol_shared::clock::Clock;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{
    alert::{
        Rule,
        cause::HappeningKind,
        incident::tests::{MINUTE_MS, NOON_MS, SECOND_MS, change, house, rule, silent},
    },
    notify::route::{Recipient, tests::recipient},
    state::{FILE_NAME, StateThread, alerts::AlertFilter, incidents::IncidentFilter, silences::SilenceRow},
};

mod restarts;

#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now_ms(&self) -> i64 {
        NOON_MS
    }
}

/// A keeper on a file of its own.
struct Disk {
    keeper: Option<Keeper>,
    thread: Option<StateThread>,
    path: PathBuf,
    topology: Topology,
    recipients: Vec<Recipient>,
    now_ms: i64,
    _dir: TempDir,
}

fn open(path: &Path, recipients: &[Recipient]) -> (Keeper, StateThread, Vec<OpenAlert>) {
    let (state, thread) = State::open(path, Arc::new(Still)).unwrap();
    let handle = Recipients::default();
    handle.set(recipients.to_vec());
    let (keeper, open) = Keeper::open(state, handle).unwrap();
    (keeper, thread, open)
}

impl Disk {
    fn new(recipients: Vec<Recipient>) -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join(FILE_NAME);
        let (keeper, thread, firing) = open(&path, &recipients);
        assert_eq!(firing, []);
        Self { keeper: Some(keeper), thread: Some(thread), path, topology: house(), recipients, now_ms: NOON_MS, _dir: dir }
    }

    /// Ends the process, so to speak, and starts it again.
    fn restart(&mut self) -> Vec<OpenAlert> {
        drop(self.keeper.take());
        self.thread.take().unwrap().join().unwrap();
        let (keeper, thread, firing) = open(&self.path, &self.recipients);
        (self.keeper, self.thread) = (Some(keeper), Some(thread));
        firing
    }

    fn keeper(&mut self) -> &mut Keeper {
        self.keeper.as_mut().unwrap()
    }

    fn try_take(&mut self, changes: Vec<Change>, happenings: &[Happening]) -> Result<Vec<Told>, StateError> {
        let (topology, now_ms) = (self.topology.clone(), self.now_ms);
        self.keeper().take(changes, &topology, happenings, now_ms)
    }

    fn take(&mut self, changes: Vec<Change>) -> Vec<Told> {
        self.try_take(changes, &[]).unwrap()
    }

    fn pass(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.now_ms += SECOND_MS;
            self.take(Vec::new());
        }
    }

    fn turn(&mut self, rule: &Rule, resource: u32, from: Level, to: Level) -> Vec<Told> {
        let change = change(rule, resource, from, to, self.now_ms);
        self.take(vec![change])
    }

    fn db(&self) -> StateDb {
        StateDb::open(&self.path).unwrap()
    }

    fn in_state<T: Send + 'static>(&mut self, job: impl FnOnce(&mut StateDb) -> Result<T, StateError> + Send + 'static) -> T {
        self.keeper().state.change_blocking(job).unwrap()
    }

    /// The keys of what is in the outbox, in order.
    fn keys(&self) -> Vec<String> {
        let db = rusqlite::Connection::open(&self.path).unwrap();
        let mut select = db.prepare("SELECT key FROM delivery ORDER BY id").unwrap();
        select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    fn sql(&self, sql: &str) {
        rusqlite::Connection::open(&self.path).unwrap().execute_batch(sql).unwrap();
    }
}

fn silence_row(body: String, from_ms: i64, until_ms: i64) -> SilenceRow {
    SilenceRow {
        id: 0,
        tenant: None,
        from_ms,
        until_ms,
        body,
        created_by: "ana".to_owned(),
        created_ms: from_ms,
        ended_ms: None,
        held: 0,
    }
}

#[test]
fn what_fires_is_on_disk_before_it_is_told_and_comes_back_after_a_start() {
    let mut disk = Disk::new(vec![recipient("mail")]);
    let told = disk.turn(&rule("cpu"), 1, Level::Ok, Level::Warning);
    assert!(matches!(&told[..], [Told::Alert { was: Level::Ok, .. }, Told::Incident(_)]), "{told:?}");
    let [row] = &disk.db().alerts(9, &AlertFilter::default()).unwrap()[..] else { panic!("one alert") };
    assert_eq!((row.rule.as_str(), row.level.as_str(), row.resolved_ms, row.incident), ("cpu", "warning", None, 1));
    let firing = disk.restart();
    assert_eq!((firing.len(), firing[0].rule.as_str(), firing[0].level), (1, "cpu", Level::Warning));
    assert_eq!((firing[0].subject.resource, firing[0].onset_ms), (1, NOON_MS));
    disk.pass(60);
    disk.restart();
    disk.pass(60);
    assert_eq!(disk.keys(), ["1-1-mail"], "told once");
    disk.turn(&rule("cpu"), 1, Level::Warning, Level::Ok);
    assert_eq!(disk.keys(), ["1-1-mail", "1-2-mail"]);
    assert_eq!(disk.restart(), []);
    assert_eq!(disk.keeper().incidents().incidents().len(), 0);
}

#[test]
fn the_timeline_tells_what_happened() {
    let mut disk = Disk::new(vec![recipient("mail")]);
    let slow = Rule { for_s: 60, ..rule("cpu") };
    disk.turn(&slow, 1, Level::Ok, Level::Warning);
    disk.pass(10);
    disk.turn(&slow, 1, Level::Warning, Level::Critical);
    disk.turn(&slow, 1, Level::Critical, Level::Ok);
    let lines = disk.db().incident_lines(1).unwrap();
    let kinds: Vec<&str> = lines.iter().map(|line| line.kind.as_str()).collect();
    assert_eq!(kinds, ["pending", "fired", "told", "worse", "told", "resolved", "closed", "told"]);
    let row = disk.db().incidents(9, &IncidentFilter::default()).unwrap().remove(0);
    assert_eq!((row.level.as_str(), row.closed_ms.is_some()), ("critical", true));
    let notice: crate::notify::Notice = serde_json::from_str(&disk.db().incident_deliveries(1, 9).unwrap()[2].notice).unwrap();
    assert_eq!(
        (notice.reason, notice.level, notice.closed_ms),
        (crate::notify::Reason::Resolved, Level::Critical, row.closed_ms)
    );
}

#[test]
fn a_transaction_that_fails_is_done_again_with_the_same_changes() {
    let mut disk = Disk::new(vec![recipient("mail")]);
    disk.sql("CREATE TRIGGER full BEFORE INSERT ON incident_line BEGIN SELECT raise(ABORT, 'database or disk is full'); END;");
    let fires = change(&rule("cpu"), 1, Level::Ok, Level::Warning, disk.now_ms);
    disk.try_take(vec![fires], &[]).unwrap_err();
    assert_eq!(disk.db().alerts(9, &AlertFilter::default()).unwrap(), [], "all or nothing");
    let worse = change(&rule("cpu"), 1, Level::Warning, Level::Critical, disk.now_ms);
    disk.try_take(vec![worse], &[]).unwrap_err();
    disk.sql("DROP TRIGGER full;");
    let told = disk.take(Vec::new());
    assert!(matches!(&told[0], Told::Alert { alert, was: Level::Ok } if alert.level == Level::Critical), "{told:?}");
    disk.pass(20);
    assert_eq!(disk.keys(), ["1-1-mail"]);
    assert_eq!(disk.db().incident_lines(1).unwrap().len(), 3);
}

#[test]
fn too_many_changes_that_wait_leave_the_newest_of_each_alert() {
    let mut disk = Disk::new(Vec::new());
    disk.sql("CREATE TRIGGER full BEFORE INSERT ON incident BEGIN SELECT raise(ABORT, 'database or disk is full'); END;");
    let mut all = Vec::new();
    for n in 0..CHANGES_WAITING_MAX {
        let (from, to) = if n % 2 == 0 { (Level::Ok, Level::Warning) } else { (Level::Warning, Level::Ok) };
        all.push(change(&rule("cpu"), 1, from, to, NOON_MS));
    }
    all.push(change(&rule("cpu"), 1, Level::Ok, Level::Critical, NOON_MS));
    disk.try_take(all, &[]).unwrap_err();
    assert_eq!(disk.keeper().waiting.len(), 1);
    disk.sql("DROP TRIGGER full;");
    assert_eq!(disk.take(Vec::new()).len(), 2);
}

#[test]
fn incidents_that_become_one_are_one_on_disk() {
    let mut disk = Disk::new(vec![recipient("mail")]);
    disk.turn(&silent(), 11, Level::Ok, Level::Critical);
    disk.turn(&silent(), 12, Level::Ok, Level::Critical);
    assert_eq!(disk.db().incidents(9, &IncidentFilter::default()).unwrap().len(), 2);
    let told = disk.turn(&silent(), 1, Level::Ok, Level::Critical);
    assert!(told.contains(&Told::Merged { from: 2, into: 1 }), "{told:?}");
    let rows = disk.db().incidents(9, &IncidentFilter::default()).unwrap();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [1]);
    let fired = disk.db().incident_lines(1).unwrap().iter().filter(|line| line.kind == "fired").count();
    assert_eq!(fired, 3);
    disk.restart();
    assert_eq!(disk.keeper().incidents().incidents()[&1].members.len(), 3);
    // The number of the one that is no more is not used again.
    disk.turn(&rule("cpu"), 4, Level::Ok, Level::Warning);
    assert!(disk.keeper().incidents().incidents().contains_key(&3));
}

#[test]
fn what_people_do_reaches_the_keeper() {
    let first = Recipient { escalate_to: Some("boss".to_owned()), ..recipient("mail") };
    let boss = Recipient { min_level: Level::Critical, ..recipient("boss") };
    let mut disk = Disk::new(vec![first, boss]);
    let named = Rule { channels: vec!["mail".to_owned()], ..rule("cpu") };
    disk.turn(&named, 1, Level::Ok, Level::Critical);
    disk.pass(20);
    assert!(disk.in_state(|db| db.acknowledge(1, Some("ana"), "ana", NOON_MS)));
    assert!(!disk.in_state(|db| db.acknowledge(1, Some("bob"), "bob", NOON_MS)), "once");
    disk.now_ms += 20 * MINUTE_MS;
    disk.pass(1);
    disk.restart();
    disk.pass(1);
    assert_eq!(disk.keys(), ["1-1-mail"]);
    assert!(disk.in_state(|db| db.acknowledge(1, None, "ana", NOON_MS)));
    disk.pass(1);
    assert_eq!(disk.keys(), ["1-1-mail", "1-1-boss"]);
    let silence = silence_row(r#"{"matchers":["rule=memory"],"reason":"test"}"#.to_owned(), disk.now_ms, i64::MAX);
    let now_ms = disk.now_ms;
    let made = disk.in_state(move |db| db.add_silence(&silence));
    disk.turn(&rule("memory"), 2, Level::Ok, Level::Warning);
    disk.pass(20);
    assert_eq!(disk.db().silences(None, 0, 9).unwrap()[0].held, 1);
    assert_eq!(disk.keys().len(), 2);
    assert!(disk.in_state(move |db| db.end_silence(made.id, None, now_ms)));
    disk.pass(1);
    assert_eq!(disk.keys()[2..], ["2-1-mail"]);
}

#[test]
fn the_furthest_value_is_kept_with_the_next_change() {
    let mut disk = Disk::new(Vec::new());
    let fires = change(&rule("cpu"), 1, Level::Ok, Level::Warning, NOON_MS);
    let subject = fires.subject.clone();
    disk.take(vec![fires]);
    for value in [0.91, 0.99, 0.85] {
        disk.keeper().see("cpu", &subject, value);
    }
    disk.turn(&rule("cpu"), 1, Level::Warning, Level::Ok);
    let body: Kept = serde_json::from_str(&disk.db().alerts(1, &AlertFilter::default()).unwrap()[0].body).unwrap();
    assert_eq!((body.peak, body.value), (Some(0.99), Some(0.9)));
}

#[test]
fn what_is_kept_for_too_long_goes_and_what_is_open_stays() {
    let mut disk = Disk::new(vec![recipient("mail")]);
    for resource in [1, 2, 3] {
        disk.turn(&rule("cpu"), resource, Level::Ok, Level::Warning);
    }
    disk.pass(20);
    disk.turn(&rule("cpu"), 1, Level::Warning, Level::Ok);
    let now_ms = disk.now_ms;
    assert_eq!(disk.in_state(move |db| db.prune_alerts(now_ms - 1, ALERTS_MAX)), 0);
    disk.turn(&rule("cpu"), 2, Level::Warning, Level::Ok);
    assert_eq!(disk.in_state(move |db| db.prune_alerts(now_ms - 1, 2)), 1, "the oldest that is over, of too many");
    assert_eq!(disk.db().incidents(9, &IncidentFilter::default()).unwrap().len(), 2);
    assert_eq!(disk.in_state(move |db| db.prune_alerts(now_ms + 1, 2)), 1);
    let left = disk.db().alerts(9, &AlertFilter::default()).unwrap();
    assert_eq!((left.len(), left[0].resource), (1, 3));
    assert!(disk.db().incident_lines(1).unwrap().is_empty() && disk.keys() == ["3-1-mail"], "with all that belonged to them");
}

#[test]
fn an_alert_that_cannot_be_read_is_given_up_so_that_its_rule_may_fire_again() {
    let mut disk = Disk::new(Vec::new());
    disk.turn(&rule("cpu"), 1, Level::Ok, Level::Warning);
    disk.sql("UPDATE alert SET body = '{}';");
    assert_eq!(disk.restart(), []);
    disk.turn(&rule("cpu"), 1, Level::Ok, Level::Critical);
    assert_eq!(disk.db().firing_counts(None).unwrap(), (0, 1));
}

#[test]
fn what_happened_is_known_after_a_start() {
    let mut disk = Disk::new(Vec::new());
    let deploy = Happening { at_ms: NOON_MS - 8 * MINUTE_MS, resource: 11, kind: HappeningKind::Deploy, what: "v2".to_owned() };
    disk.try_take(Vec::new(), std::slice::from_ref(&deploy)).unwrap();
    disk.restart();
    disk.turn(&rule("p95"), 20, Level::Ok, Level::Warning);
    let incidents = disk.keeper().incidents().incidents().clone();
    let cause = incidents[&1].cause.as_ref().unwrap();
    assert_eq!((cause.cause.kind, cause.cause.what.as_str()), (crate::notify::CauseKind::Deploy, "v2"));
}
