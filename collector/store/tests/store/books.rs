//! The books: expected, stored, late, repeated, expired and lost, over restarts.

use farol_shared::batch::{Lost, LostCause};
use farol_store::{Completeness, Outcome, Store};
use tempfile::TempDir;

use crate::harness::{HOUR_MS, START_MS, TestClock, ask, batch, open, submit, table};

fn books(store: &Store) -> Completeness {
    store.completeness(None, 0, START_MS + 100 * HOUR_MS).unwrap().remove(0)
}

#[test]
fn losses_repeats_and_gaps_are_told_apart_and_survive_a_restart() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let mut store = open(dir.path(), &clock);
    let one = |seq: u64, taken: u64, lost: u64| {
        let frame = (START_MS + seq as i64 * 1_000, vec![seq as f64, 2.0]);
        let mut one = batch("a", seq, taken, vec![table("host:a", 1)], vec![frame]);
        if lost > 0 {
            one.lost = vec![Lost { cause: LostCause::SpoolFull, samples: lost }];
        }
        one
    };
    assert!(matches!(submit(&store, one(1, 2, 0)), Ok(Outcome::Stored(_))));
    assert!(matches!(submit(&store, one(1, 2, 0)), Ok(Outcome::Repeated { seq: 1 })));
    // Numbers 2 and 3 were dropped by the agent's spool, which says so.
    assert!(matches!(submit(&store, one(4, 8, 4)), Ok(Outcome::Stored(_))));
    // Number 5 vanished without a word.
    assert!(matches!(submit(&store, one(6, 12, 4)), Ok(Outcome::Stored(_))));
    let check = |store: &Store| {
        let books = books(store);
        assert_eq!((books.expected, books.stored, books.repeated, books.late), (12, 6, 2, 0));
        assert_eq!(books.lost, [(LostCause::SpoolFull, 4)]);
        assert_eq!((books.missing(), books.boots), (2, 1));
        assert_eq!(books.newest_ms, START_MS + 6_000);
    };
    check(&store);
    for seal in [false, true, true] {
        store.close().unwrap();
        store = open(dir.path(), &clock);
        check(&store);
        assert!(matches!(submit(&store, one(6, 12, 4)), Ok(Outcome::Repeated { seq: 6 })), "a repeat is known after a restart");
        store.tidy(seal).unwrap();
        check(&store);
    }
}

#[test]
fn late_samples_are_stored_once_and_counted() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    let at = |seq: u64, time_ms: i64| batch("a", seq, seq * 2, vec![table("host:a", 1)], vec![(time_ms, vec![seq as f64, 2.0])]);
    clock.advance(60_000);
    let _outcome = submit(&store, at(1, START_MS + 50_000)).unwrap();
    store.tidy(true).unwrap();
    let _outcome = submit(&store, at(2, START_MS + 20_000)).unwrap();
    assert_eq!((books(&store).late, books(&store).stored), (2, 4));
    let points = || store.query(&ask("c", START_MS, START_MS + HOUR_MS)).unwrap().series[0].points.clone();
    assert_eq!(points(), [(START_MS + 20_000, 2.0), (START_MS + 50_000, 1.0)]);
    store.tidy(true).unwrap();
    assert_eq!(points(), [(START_MS + 20_000, 2.0), (START_MS + 50_000, 1.0)]);
}

#[test]
fn samples_older_than_history_are_counted_and_dropped() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    let frames = vec![(START_MS - 50 * HOUR_MS, vec![1.0, 2.0]), (START_MS, vec![2.0, 2.0])];
    let Ok(Outcome::Stored(committed)) = submit(&store, batch("a", 1, 4, vec![table("host:a", 1)], frames)) else {
        panic!("the rest is stored")
    };
    assert_eq!(committed.frames.len(), 1);
    let books = books(&store);
    assert_eq!((books.expected, books.stored, books.expired, books.missing()), (4, 2, 2, 0));
}
