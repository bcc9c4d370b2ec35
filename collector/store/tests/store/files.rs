//! Files that the store must not open, must open, and must copy.

use std::{fs, path::Path, sync::Arc};

use farol_shared::clock::Clock;
use farol_store::{Options, Store, StoreError};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::harness::{START_MS, TestClock, ask, batch, open, submit, table};

fn try_open(dir: &Path) -> Result<Store, StoreError> {
    let clock: Arc<dyn Clock> = TestClock::new();
    Store::open(dir, Options::default(), clock)
}

/// A history with a few sealed and a few unsealed samples, closed well.
fn history() -> TempDir {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    for seq in 1..=600 {
        let frame = (START_MS + seq as i64 * 1_000, vec![seq as f64, 1.5]);
        let _outcome = submit(&store, batch("a", seq, seq * 2, vec![table("host:a", 1)], vec![frame])).unwrap();
        if seq == 500 {
            clock.advance(600_000);
            store.tidy(true).unwrap();
        }
    }
    store.close().unwrap();
    dir
}

fn check_refused(dir: &Path, is_expected: impl Fn(&StoreError) -> bool) {
    let path = dir.join("history.db");
    let before = fs::read(&path).unwrap();
    let error = try_open(dir).expect_err("it must be refused");
    assert!(is_expected(&error), "{error}");
    assert!(fs::read(&path).unwrap() == before, "not one byte was changed");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("history.db"), "these are my notes").unwrap();
    check_refused(dir.path(), |error| matches!(error, StoreError::Damaged { .. }));
}

#[test]
fn a_database_of_somebody_else_is_refused_and_left_alone() {
    let dir = TempDir::new().unwrap();
    let conn = Connection::open(dir.path().join("history.db")).unwrap();
    conn.execute_batch("CREATE TABLE t(a); INSERT INTO t VALUES(1)").unwrap();
    conn.close().unwrap();
    check_refused(dir.path(), |error| matches!(error, StoreError::Foreign { .. }));
}

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let dir = history();
    let conn = Connection::open(dir.path().join("history.db")).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    conn.close().unwrap();
    check_refused(dir.path(), |error| matches!(error, StoreError::Newer { found: 99, known: 3, .. }));
}

#[test]
fn a_file_with_a_hole_is_refused_and_left_alone() {
    let dir = history();
    let path = dir.path().join("history.db");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    // Every other page from the third on: whatever is hit, it is not all blobs.
    for page in (8_192..bytes.len()).step_by(8_192) {
        let end = (page + 4_096).min(bytes.len());
        bytes[page..end].fill(0xA5);
    }
    assert!(middle > 8_192);
    fs::write(&path, bytes).unwrap();
    check_refused(dir.path(), |error| matches!(error, StoreError::Damaged { .. }));
}

#[test]
fn a_cut_off_file_is_refused_and_left_alone() {
    let dir = history();
    let path = dir.path().join("history.db");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    check_refused(dir.path(), |error| matches!(error, StoreError::Damaged { .. }));
}

#[test]
fn a_log_without_its_file_is_refused() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("history.db-wal"), [1; 4_096]).unwrap();
    let error = try_open(dir.path()).expect_err("it must be refused");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(!dir.path().join("history.db").exists());
}

#[test]
fn a_history_is_opened_by_one_process_at_a_time() {
    let dir = history();
    let first = try_open(dir.path()).unwrap();
    assert!(matches!(try_open(dir.path()), Err(StoreError::InUse { .. })));
    first.close().unwrap();
    try_open(dir.path()).unwrap().close().unwrap();
}

#[test]
fn a_copy_made_while_running_is_a_whole_history() {
    let (dir, clock) = (history(), TestClock::new());
    clock.set(START_MS + 1_300_000);
    let store = open(dir.path(), &clock);
    let copy = TempDir::new().unwrap();
    store.backup(&copy.path().join("history.db")).unwrap();
    assert!(store.backup(&copy.path().join("history.db")).is_err(), "a copy never overwrites");
    let again = open(copy.path(), &clock);
    let query = ask("c", START_MS, START_MS + 700_000);
    let points = |store: &Store| store.query(&query).unwrap().series[0].points.clone();
    assert_eq!(points(&store), points(&again));
    assert_eq!(points(&again).len(), 600);
}

/// What a loss of power leaves: the file and its log as they are at this moment. No checkpoint runs on so small a log.
fn snapshot(from: &Path) -> TempDir {
    let to = TempDir::new().unwrap();
    for name in ["history.db", "history.db-wal"] {
        fs::copy(from.join(name), to.path().join(name)).unwrap();
    }
    to
}

#[test]
fn a_crash_amid_sealing_neither_loses_nor_doubles_a_sample() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    let (hosts, mut seq, mut is_amid) = (40_u64, 0, false);
    // Again until a snapshot fell between the first resource sealed and the last.
    while !is_amid {
        for host in 0..hosts {
            let frames = (0..20)
                .map(|tick| (START_MS + i64::try_from(seq).unwrap() * 30_000 + tick * 1_000, vec![tick as f64, 0.5]))
                .collect();
            let name = format!("{host}");
            let _outcome = submit(&store, batch(&name, seq + 1, (seq + 1) * 40, vec![table(&name, 1)], frames)).unwrap();
        }
        seq += 1;
        clock.set(START_MS + i64::try_from(seq).unwrap() * 30_000);
        assert!(seq < 100, "no snapshot fell amid sealing");
        let worker = store.clone();
        let sealing = std::thread::spawn(move || worker.tidy(true).unwrap());
        let mut snapshots = Vec::new();
        while !sealing.is_finished() {
            snapshots.push(snapshot(dir.path()));
        }
        sealing.join().unwrap();
        for snapshot in snapshots {
            let conn = Connection::open(snapshot.path().join("history.db")).unwrap();
            let sealed: i64 = conn.query_row("SELECT count(*) FROM sealed", [], |row| row.get(0)).unwrap();
            drop(conn);
            if sealed == 0 {
                continue;
            }
            is_amid = true;
            let again = open(snapshot.path(), &clock);
            let answer = again.query(&ask("c", START_MS, START_MS + 4_000_000)).unwrap();
            assert_eq!(answer.series.len() as u64, hosts);
            assert!(answer.series.iter().all(|series| series.points.len() as u64 == seq * 20), "every sample once");
        }
    }
}
