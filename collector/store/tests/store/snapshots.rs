//! Snapshots: the newest of each name is told, also after a start, and none of them folds or counts.

use farol_shared::record::{Records, Snapshot};
use farol_store::Kept;
use tempfile::TempDir;

use crate::{
    harness::{HOUR_MS, START_MS, TestClock, open, submit},
    records::told,
};

fn snapshots(all: &[(&str, &str)]) -> Records {
    let snapshots = all.iter().map(|(name, body)| Snapshot { name: (*name).to_owned(), body: (*body).to_owned() }).collect();
    Records { snapshots, ..Records::default() }
}

fn kept(name: &str, time_ms: i64, body: &str) -> Kept {
    Kept { name: name.to_owned(), time_ms, body: body.to_owned() }
}

#[test]
fn the_newest_snapshot_of_each_name_is_told_also_after_a_start() {
    let (dir, now) = (TempDir::new().unwrap(), START_MS);
    let clock = TestClock::new();
    let store = open(dir.path(), &clock);
    submit(&store, told("a", 1, 2, "cache", now, snapshots(&[("metrics", "{\"n\":1}"), ("nodes", "[]")]))).unwrap();
    submit(&store, told("a", 2, 3, "cache", now + 2_000, snapshots(&[("metrics", "{\"n\":2}")]))).unwrap();
    // What comes late is older than what is shown.
    submit(&store, told("a", 3, 4, "cache", now + 1_000, snapshots(&[("metrics", "{\"n\":3}")]))).unwrap();
    let resource = store.resources()[0].id;
    let expected = vec![kept("metrics", now + 2_000, "{\"n\":2}"), kept("nodes", now, "[]")];
    assert_eq!(store.snapshots(resource).unwrap(), expected);
    assert_eq!(store.snapshots(resource + 1).unwrap(), []);
    let books = store.completeness(Some("a"), now - HOUR_MS, now + HOUR_MS).unwrap();
    assert_eq!((books[0].expected, books[0].stored), (4, 4));
    store.close().unwrap();
    assert_eq!(open(dir.path(), &clock).snapshots(resource).unwrap(), expected);
}
