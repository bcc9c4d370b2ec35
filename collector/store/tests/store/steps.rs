//! Which tier and which step answer a question.

use farol_store::{Aggregate, Query, Tier};
use tempfile::TempDir;

use crate::harness::{HOUR_MS, START_MS, TestClock, ask, open};

#[test]
fn a_long_step_that_is_no_whole_minute_is_rounded_up_and_answered_from_rollups() {
    let (dir, clock) = (TempDir::new().unwrap(), TestClock::new());
    let store = open(dir.path(), &clock);
    let planned = |step_ms| {
        let query = Query { step_ms, aggregate: Aggregate::Mean, ..ask("g", START_MS - 24 * HOUR_MS, START_MS) };
        let answer = store.query(&query).unwrap();
        (answer.tier, answer.step_ms)
    };
    assert_eq!(planned(172_800), (Tier::Minute, 180_000));
    assert_eq!(planned(120_000), (Tier::Minute, 120_000));
    assert_eq!(planned(90_000), (Tier::Raw, 90_000), "rounding this one up would change it by a third");
    assert_eq!(planned(2 * HOUR_MS + 1), (Tier::Hour, 3 * HOUR_MS));
}
