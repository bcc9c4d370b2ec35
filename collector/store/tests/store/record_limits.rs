//! Records at their bounds: migration, retention, floods, many tenants, crashes amid folding, what is refused.

use std::fs;

use farol_shared::record::{Event, Level, Levels, LogRecord, Records, Request};
use farol_store::{CommitError, EventQuery, LogQuery, Options, Outcome, QueryError, RecordRange, Refused, Store};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{
    harness::{HOUR_MS, START_MS, TestClock, ask, batch, open, open_with, submit, table},
    records::{DAY_MS, MINUTE_MS, all, service, summary, told},
};

fn requests(durations: &[f64]) -> Records {
    Records { requests: vec![summary("GET", "/a", 200, None, durations)], ..Records::default() }
}

fn log(time_ms: i64, message: String) -> LogRecord {
    LogRecord { time_ms, level: Level::Warn, message, ..LogRecord::default() }
}

/// The tables of version 1, as files in use have them.
const VERSION_1: &str = "
    PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;
    CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE journal(id INTEGER PRIMARY KEY, body BLOB NOT NULL);
    CREATE TABLE sealed(generation INTEGER, resource INTEGER, PRIMARY KEY(generation, resource)) WITHOUT ROWID;
    CREATE TABLE agent(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE stream(agent INTEGER, boot INTEGER, last_seq INTEGER NOT NULL, taken INTEGER NOT NULL, lost BLOB NOT NULL,
        seen_ms INTEGER NOT NULL, PRIMARY KEY(agent, boot)) WITHOUT ROWID;
    CREATE TABLE account(agent INTEGER, boot INTEGER, minute INTEGER, body BLOB NOT NULL, PRIMARY KEY(agent, minute, boot)) WITHOUT ROWID;
    CREATE TABLE resource(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, agent TEXT NOT NULL, body BLOB NOT NULL,
        first_seen_ms INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL, interval_ms INTEGER NOT NULL);
    CREATE TABLE series_key(id INTEGER PRIMARY KEY, metric TEXT NOT NULL, unit TEXT NOT NULL, kind INTEGER NOT NULL, attributes BLOB NOT NULL);
    CREATE TABLE series(id INTEGER PRIMARY KEY, resource INTEGER NOT NULL, key INTEGER NOT NULL, first_s INTEGER NOT NULL, last_s INTEGER);
    CREATE TABLE block(id INTEGER PRIMARY KEY, resource INTEGER NOT NULL, tier INTEGER NOT NULL, start_ms INTEGER NOT NULL,
        end_ms INTEGER NOT NULL, fresh INTEGER NOT NULL, directory BLOB NOT NULL, body BLOB NOT NULL);
    CREATE INDEX block_range ON block(resource, tier, start_ms, end_ms, fresh);
    INSERT INTO meta VALUES('oldest_generation', 1);
    INSERT INTO agent VALUES(1, 'a');
    INSERT INTO stream VALUES(1, 7, 5, 10, x'', 1);
    PRAGMA application_id = 1178686031; PRAGMA user_version = 1;
";

#[test]
fn a_file_of_version_1_is_brought_up_to_date() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let conn = Connection::open(dir.path().join("history.db")).unwrap();
    conn.execute_batch(VERSION_1).unwrap();
    conn.close().unwrap();
    let store = open(dir.path(), &clock);
    assert!(matches!(submit(&store, told("a", 5, 10, "s", START_MS, requests(&[1.0]))), Ok(Outcome::Repeated { seq: 5 })));
    assert!(matches!(submit(&store, told("a", 6, 11, "s", START_MS, requests(&[1.0]))), Ok(Outcome::Stored(_))));
    store.tidy(true).unwrap();
    assert_eq!(store.request_totals(&all(START_MS - HOUR_MS, START_MS + HOUR_MS)).unwrap().count, 1);
    store.close().unwrap();
    let conn = Connection::open(dir.path().join("history.db")).unwrap();
    assert_eq!(conn.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).unwrap(), 3);
    drop(conn);
    open(dir.path(), &clock).close().unwrap();
}

#[test]
fn records_of_a_resource_that_is_not_in_the_tables_are_refused() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    let foreign = |seq| {
        let mut batch = told("a", seq, seq, "s", START_MS, requests(&[1.0]));
        batch.frames[0].records[0].resource = 1;
        submit(&store, batch)
    };
    assert!(matches!(foreign(1), Err(CommitError::Refused(Refused::Tables(_)))), "of tables that are new");
    assert!(matches!(submit(&store, told("a", 1, 1, "s", START_MS, requests(&[1.0]))), Ok(Outcome::Stored(_))));
    assert!(matches!(foreign(2), Err(CommitError::Refused(Refused::Tables(_)))), "of tables that are known");
    assert_eq!(store.request_totals(&all(0, START_MS + HOUR_MS)).unwrap().count, 1);
}

#[test]
fn records_older_than_history_are_counted_and_dropped() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    let old = told("a", 1, 1, "s", START_MS - 50 * HOUR_MS, requests(&[1.0]));
    let Ok(Outcome::Stored(committed)) = submit(&store, old) else { panic!("the books are stored") };
    assert!(committed.records.is_empty());
    let books = store.completeness(None, 0, START_MS + HOUR_MS).unwrap().remove(0);
    assert_eq!((books.expected, books.stored, books.expired, books.missing()), (1, 0, 1, 0));
    assert_eq!(store.request_totals(&all(0, START_MS + HOUR_MS)).unwrap().count, 0);
}

#[test]
fn a_record_from_a_wrong_clock_is_no_further_ahead_than_a_frame_may_be() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    let records =
        Records { logs: vec![log(i64::MAX, "ahead".to_owned()), log(i64::MIN, "behind".to_owned())], ..Records::default() };
    let Ok(Outcome::Stored(_)) = submit(&store, told("a", 1, 2, "s", START_MS, records)) else { panic!("it is stored") };
    for _ in 0..2 {
        let query = LogQuery { range: all(START_MS, START_MS + HOUR_MS), limit: 10, ..LogQuery::default() };
        let found = store.logs(&query).unwrap();
        assert_eq!(found.iter().map(|one| one.record.time_ms).collect::<Vec<_>>(), [START_MS + 600_000]);
        store.tidy(false).unwrap();
    }
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    let range = all(START_MS, START_MS + DAY_MS);
    assert!(matches!(store.request_steps(&range, 90_001), Err(QueryError::Invalid(_))));
    assert!(matches!(store.request_steps(&range, 0), Err(QueryError::Invalid(_))));
    assert!(matches!(store.request_totals(&all(5, 5)), Err(QueryError::Invalid(_))));
    assert!(matches!(store.request_totals(&all(i64::MIN, i64::MAX)), Err(QueryError::Invalid(_))));
    let Err(QueryError::TooManyPoints { step_ms, .. }) = store.request_steps(&all(0, 1_000 * DAY_MS), MINUTE_MS) else {
        panic!("a million points are too many")
    };
    store.request_steps(&all(0, 1_000 * DAY_MS), step_ms).unwrap();
}

#[test]
fn a_flood_of_logs_and_events_leaves_the_newest_and_is_counted() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let options = Options { log_rows_max: 1_000, event_rows_max: 500, ..Options::default() };
    let store = open_with(dir.path(), &clock, options);
    let mut levels = Levels::default();
    (0..600).for_each(|_| levels.add(Level::Warn));
    for seq in 1..=5_u64 {
        let time_ms = START_MS + seq as i64 * 1_000;
        let event =
            |index| Event { time_ms: time_ms + index, kind: "A".to_owned(), payload: "{}".to_owned(), ..Event::default() };
        let records = Records {
            logs: (0..600).map(|index| log(time_ms + index, format!("flood {seq} {index}"))).collect(),
            events: (0..300).map(event).collect(),
            levels,
            ..Records::default()
        };
        clock.set(time_ms);
        let _outcome = submit(&store, told("a", seq, seq * 900, "s", time_ms, records)).unwrap();
        store.tidy(false).unwrap();
    }
    assert_eq!(store.stats().capped, 2_000 + 1_000);
    let range = all(START_MS, START_MS + HOUR_MS);
    let mut query = LogQuery { range: range.clone(), limit: 1_000, ..LogQuery::default() };
    let found = store.logs(&query).unwrap();
    assert_eq!((found.len(), found[0].record.message.as_str()), (1_000, "flood 5 599"));
    query.text = Some("flood 1".to_owned());
    assert!(store.logs(&query).unwrap().iter().all(|one| one.record.message.contains(" 1")), "what is gone is no longer found");
    assert_eq!(store.events(&EventQuery { range: range.clone(), limit: 1_000, ..EventQuery::default() }).unwrap().len(), 500);
    assert_eq!(store.event_counts(&range).unwrap(), [("A".to_owned(), 1_500)], "all are counted");
}

#[test]
fn a_common_word_is_found_page_by_page() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    for seq in 1..=10_u64 {
        let logs = (0..400).map(|index| log(START_MS + seq as i64 * 400 + index, format!("word {}", index % 7))).collect();
        let records = Records { logs, ..Records::default() };
        let _outcome = submit(&store, told("a", seq, seq * 400, "s", START_MS + seq as i64, records)).unwrap();
    }
    store.tidy(false).unwrap();
    let mut query =
        LogQuery { range: all(START_MS, START_MS + HOUR_MS), text: Some("wor".to_owned()), limit: 900, ..LogQuery::default() };
    let mut times = Vec::new();
    loop {
        let page = store.logs(&query).unwrap();
        let Some(last) = page.last() else { break };
        query.before = Some((last.record.time_ms, last.id));
        times.extend(page.iter().map(|one| one.record.time_ms));
    }
    assert_eq!(times.len(), 4_000);
    assert!(times.is_sorted_by(|a, b| a > b));
    for hostile in ["\"", "* OR (", "a\"b NEAR(", "message:word", "-", "word^"] {
        query.text = Some(hostile.to_owned());
        store.logs(&query).unwrap();
    }
}

#[test]
fn what_is_too_old_goes_and_hours_outlive_their_minutes() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    let hour = START_MS.div_euclid(HOUR_MS) * HOUR_MS;
    for seq in 1..=8_u64 {
        let time_ms = hour + seq as i64 * 17 * MINUTE_MS;
        clock.set(time_ms);
        let mut records = requests(&[0.1, 0.2]);
        records.requests.push(summary("GET", "/b", 500, Some("acme"), &[2.0]));
        records.recent = vec![Request { time_ms, ..Request::default() }];
        records.slow = vec![Request { time_ms, duration_s: 2.0, ..Request::default() }];
        records.logs = vec![log(time_ms, "late".to_owned())];
        records.events = vec![Event { time_ms, kind: "A".to_owned(), payload: "{}".to_owned(), ..Event::default() }];
        let _outcome = submit(&store, told("a", seq, seq * 6, "s", time_ms, records)).unwrap();
    }
    let range = RecordRange { from_ms: hour, to_ms: hour + 3 * HOUR_MS, ..RecordRange::default() };
    let acme = RecordRange { tenant: Some("acme".to_owned()), ..range.clone() };
    let kept = |days: i64| {
        clock.set(hour + days * DAY_MS + 5 * HOUR_MS);
        store.tidy(true).unwrap();
        let logs = store.logs(&LogQuery { range: range.clone(), limit: 100, ..LogQuery::default() }).unwrap().len();
        let events = store.events(&EventQuery { range: range.clone(), limit: 100, ..EventQuery::default() }).unwrap().len();
        let recent = store.recent_requests(&range, 100).unwrap().len();
        let slow = store.slow_requests(&range, 100).unwrap().len();
        let totals = store.request_totals(&range).unwrap().count;
        let endpoints = store.endpoints(&acme, 10).unwrap().iter().map(|one| one.totals.count).sum::<u64>();
        (totals, endpoints, recent, slow, logs, events)
    };
    assert_eq!(kept(0), (24, 8, 8, 8, 8, 8));
    assert_eq!(kept(3), (24, 8, 0, 8, 8, 8));
    assert_eq!(kept(8), (24, 8, 0, 0, 8, 8));
    assert_eq!(kept(15), (24, 8, 0, 0, 0, 8));
    assert_eq!(kept(31), (24, 0, 0, 0, 0, 0));
    let half = RecordRange { from_ms: hour + 10 * MINUTE_MS, ..range.clone() };
    assert_eq!(store.request_totals(&half).unwrap().count, 24 - 9, "where minutes are gone, an hour counts by its start");
    assert_eq!(kept(370), (0, 0, 0, 0, 0, 0));
}

#[test]
fn the_busiest_and_the_slowest_of_a_million_tenants_are_found() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    let (mut seq, mut number) = (0, 0_u64);
    for minute in 0..100 {
        let time_ms = START_MS + minute * MINUTE_MS;
        clock.set(time_ms);
        let mut requests: Vec<_> = (0..9_980)
            .map(|_| {
                number += 1;
                summary("GET", "/a", 200, Some(&format!("tenant-{number}")), &[0.01])
            })
            .collect();
        for rank in 0..10_u32 {
            requests.push(summary(
                "GET",
                "/a",
                200,
                Some(&format!("busy-{rank}")),
                &[0.01; 12][..3 + usize::try_from(rank).unwrap()],
            ));
            requests.push(summary("GET", "/a", 200, Some(&format!("slow-{rank}")), &[1.5 + f64::from(rank)]));
        }
        seq += 1;
        let records = Records { requests, ..Records::default() };
        let _outcome = submit(&store, told("a", seq, seq * 10_000, "s", time_ms, records)).unwrap();
        store.tidy(false).unwrap();
    }
    let range = all(START_MS, START_MS + 100 * MINUTE_MS);
    let found = store.tenants(&range, 1_000).unwrap();
    let slowest: Vec<_> = found.iter().take(10).filter_map(|one| one.tenant.clone()).collect();
    assert_eq!(slowest, (0..10).rev().map(|rank| format!("slow-{rank}")).collect::<Vec<_>>());
    assert!(found.iter().take(10).all(|one| one.totals.count == 100), "none of their requests went astray");
    let mut busiest: Vec<_> = found.iter().skip(10).map(|one| (one.totals.count, one.tenant.clone().unwrap())).collect();
    busiest.retain(|(_, name)| name != "(other)");
    busiest.sort_by(|a, b| b.cmp(a));
    let expected: Vec<_> = (0..10_u64).rev().map(|rank| (100 * (3 + rank), format!("busy-{rank}"))).collect();
    assert_eq!(busiest[..10], expected);
    let total = 100 * (9_980 + (3..13).sum::<u64>() + 10);
    assert_eq!(store.request_totals(&range).unwrap().count, total, "totals stay exact");
    assert_eq!(store.endpoints(&range, 10).unwrap()[0].totals.count, total);
}

#[test]
fn agents_that_share_a_service_do_not_hide_each_others_series() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    let of = |agent: &str, seq: u64, metric: &str| {
        let mut shared = service("s");
        shared.series = table("x", 0).series;
        shared.series[0].metric = metric.to_owned();
        let time_ms = START_MS + i64::try_from(seq).unwrap() * 3 * HOUR_MS;
        clock.set(time_ms);
        let _outcome = submit(&store, batch(agent, seq, seq, vec![shared], vec![(time_ms, vec![1.0])])).unwrap();
    };
    of("a", 1, "from.a");
    of("b", 1, "from.b");
    of("a", 2, "from.a");
    of("b", 2, "from.b");
    for metric in ["from.a", "from.b"] {
        let answer = store.query(&ask(metric, START_MS + 5 * HOUR_MS, START_MS + 7 * HOUR_MS)).unwrap();
        assert_eq!(answer.series.len(), 1, "{metric}");
    }
}

/// What a loss of power leaves: the file and its log as they are at this moment.
fn snapshot(from: &TempDir) -> TempDir {
    let to = TempDir::new().unwrap();
    for name in ["history.db", "history.db-wal"] {
        fs::copy(from.path().join(name), to.path().join(name)).unwrap();
    }
    to
}

#[test]
fn a_crash_amid_folding_neither_loses_nor_doubles_a_record() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    let (services, mut seq, mut is_amid) = (12_u64, 0, false);
    let totals = |store: &Store| {
        let range = all(START_MS - DAY_MS, START_MS + 2 * DAY_MS);
        let logs = store.logs(&LogQuery { range: range.clone(), limit: 1_000, ..LogQuery::default() }).unwrap();
        let counted: u64 = store.event_counts(&range).unwrap().iter().map(|(_, count)| count).sum();
        (store.request_totals(&range).unwrap().count, logs.len() as u64, counted)
    };
    // Again until a snapshot fell between the first service folded and the last. No checkpoint runs on so small a log.
    while !is_amid {
        seq += 1;
        assert!(seq < 15, "no snapshot fell amid folding");
        let time_ms = START_MS + i64::try_from(seq).unwrap() * 1_000;
        clock.set(time_ms);
        for service in 0..services {
            let mut records = requests(&[0.1]);
            records.logs = vec![log(time_ms, format!("{seq}"))];
            records.events = vec![Event { time_ms, kind: "A".to_owned(), payload: "{}".to_owned(), ..Event::default() }];
            let name = format!("{service}");
            let _outcome = submit(&store, told(&name, seq, seq * 3, &name, time_ms, records)).unwrap();
        }
        let worker = store.clone();
        let folding = std::thread::spawn(move || worker.tidy(false).unwrap());
        let mut snapshots = Vec::new();
        while !folding.is_finished() {
            snapshots.push(snapshot(&dir));
        }
        folding.join().unwrap();
        for snapshot in snapshots {
            let conn = Connection::open(snapshot.path().join("history.db")).unwrap();
            let pending: i64 = conn.query_row("SELECT count(*) FROM pending", [], |row| row.get(0)).unwrap();
            drop(conn);
            if pending == 0 || pending.unsigned_abs() == services {
                continue;
            }
            is_amid = true;
            assert_eq!(totals(&open(snapshot.path(), &clock)), (services * seq, services * seq, services * seq));
        }
    }
}
