//! What the store refuses, and that a refusal leaves nothing behind.

use std::{sync::mpsc, time::Duration};

use farol_store::{Aggregate, CommitError, Options, Outcome, QueryError, Refused};
use tempfile::TempDir;

use crate::harness::{HOUR_MS, START_MS, TestClock, ask, batch, open, open_with, submit, table};

#[test]
fn a_frame_too_far_in_the_future_is_refused() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    let future = batch("a", 1, 2, vec![table("host:a", 1)], vec![(START_MS + HOUR_MS, vec![1.0, 2.0])]);
    assert!(matches!(submit(&store, future), Err(CommitError::Refused(Refused::Future { .. }))));
    assert!(store.resources().is_empty());
    let fine = batch("a", 1, 2, vec![table("host:a", 1)], vec![(START_MS + 1_000, vec![1.0, 2.0])]);
    assert!(matches!(submit(&store, fine), Ok(Outcome::Stored(_))));
}

#[test]
fn tables_that_do_not_fit_are_refused() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    let refused = |batch| matches!(submit(&store, batch), Err(CommitError::Refused(Refused::Tables(_))));
    let wide = |seq| batch("a", seq, 3, vec![table("host:a", 1)], vec![(START_MS, vec![1.0, 2.0, 3.0])]);
    assert!(refused(wide(1)), "a row wider than its table");
    assert!(refused(batch("a", 1, 3, vec![table("host:a", 1); 2], vec![])), "a resource twice");
    let mut twice = table("host:a", 1);
    twice.series.push(twice.series[0].clone());
    assert!(refused(batch("a", 1, 3, vec![twice], vec![])), "a series twice");
    let mut broken = batch("a", 1, 3, vec![table("host:a", 1)], vec![]);
    broken.tables.truncate(7);
    assert!(refused(broken), "bytes that are no tables");
    let fine = batch("a", 1, 2, vec![table("host:a", 1)], vec![(START_MS, vec![1.0, 2.0])]);
    assert!(matches!(submit(&store, fine), Ok(Outcome::Stored(_))));
    assert!(refused(wide(2)), "a row wider than the table that is known");
}

#[test]
fn resources_and_agents_are_bounded() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open_with(dir.path(), &clock, Options { resources_max: 2, ..Options::default() });
    for host in ["a", "b"] {
        let one = batch(host, 1, 2, vec![table(host, 1)], vec![(START_MS, vec![1.0, 2.0])]);
        assert!(matches!(submit(&store, one), Ok(Outcome::Stored(_))));
    }
    let third = batch("a", 2, 2, vec![table("c", 1)], vec![(START_MS, vec![1.0, 2.0])]);
    assert!(matches!(submit(&store, third), Err(CommitError::Refused(Refused::Resources { max: 2 }))));
    assert_eq!(store.resources().len(), 2);
}

#[test]
fn a_query_that_is_too_large_says_how_to_narrow_it() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    let mut query = ask("c", START_MS - 24 * HOUR_MS, START_MS);
    query.aggregate = Aggregate::Mean;
    query.step_ms = 1_000;
    let Err(QueryError::TooManyPoints { step_ms, .. }) = store.query(&query) else { panic!("86,400 points are too many") };
    query.step_ms = step_ms;
    store.query(&query).unwrap();
    query.to_ms = query.from_ms;
    assert!(matches!(store.query(&query), Err(QueryError::Invalid(_))));
}

#[test]
fn a_closed_store_says_so() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    let other = store.clone();
    store.close().unwrap();
    let late = batch("a", 1, 2, vec![table("host:a", 1)], vec![(START_MS, vec![1.0, 2.0])]);
    assert!(matches!(submit(&other, late), Err(CommitError::Closed)));
}

#[test]
fn a_writer_that_does_not_come_back_is_seen() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    let (at_it, begun) = mpsc::channel();
    let (resume, resumed) = mpsc::channel::<()>();
    let first = batch("a", 1, 1, vec![table("host:a", 1)], vec![(START_MS, vec![1.0, 2.0])]);
    store.submit(
        first,
        Box::new(move |_| {
            at_it.send(()).unwrap();
            resumed.recv().unwrap();
        }),
    );
    begun.recv().unwrap();
    let seen = store.stats().at_work;
    assert!(seen > Duration::ZERO);
    assert!(store.stats().at_work > seen, "it grows while nothing is done");
    resume.send(()).unwrap();
    assert!(store.is_writer_alive());
    store.close().unwrap();
}

#[test]
fn a_full_disk_acknowledges_nothing_and_recovers_when_there_is_room() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open_with(dir.path(), &clock, Options { file_bytes_max: 1 << 20, ..Options::default() });
    let mut seq = 0;
    let mut stored = Vec::new();
    let mut next = |store: &farol_store::Store, at: i64| {
        seq += 1;
        // Values that do not shrink, so that the file is soon full.
        let row = (0..1_000_u32).map(|index| 1.0 / f64::from(index + 3 + (seq % 50) as u32)).collect();
        let fate = submit(store, batch("a", seq, seq * 1_000, vec![table("host:a", 999)], vec![(at, row)]));
        (seq, fate)
    };
    let full = loop {
        clock.advance(1_000);
        let at = farol_shared::clock::Clock::now_ms(&*clock);
        match next(&store, at) {
            (seq, Ok(Outcome::Stored(_))) => stored.push((at, seq)),
            (seq, Err(CommitError::Disk(_))) => break seq,
            (_, other) => panic!("{other:?}"),
        }
        assert!(stored.len() < 1_000, "a mebibyte is full before long");
    };
    assert!(!store.stats().is_writable);
    let count = |store: &farol_store::Store| {
        let points = store.query(&ask("c", START_MS, START_MS + 2_000_000)).unwrap().series[0].points.len();
        (points, store.completeness(None, 0, i64::MAX / 2).unwrap()[0].stored)
    };
    assert_eq!(count(&store), (stored.len(), stored.len() as u64 * 1_000), "what was acknowledged is there, and no more");
    store.close().unwrap();
    // Somebody made room.
    let store = open(dir.path(), &clock);
    assert_eq!(count(&store), (stored.len(), stored.len() as u64 * 1_000));
    let row = vec![1.0; 1_000];
    let again = batch("a", full, full * 1_000, vec![table("host:a", 999)], vec![(START_MS + 1_500_000, row)]);
    clock.set(START_MS + 1_500_000);
    assert!(matches!(submit(&store, again), Ok(Outcome::Stored(_))), "the batch that failed was not remembered as stored");
    assert!(store.stats().is_writable);
    assert_eq!(count(&store).0, stored.len() + 1);
}
