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
    check_refused(dir.path(), |error| matches!(error, StoreError::Newer { found: 99, known: 1, .. }));
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
