//! How often somebody may act: some at once, then one every so often.
//!
//! Bounded: [`KEYS_MAX`] people and instances are remembered; who would be free soonest is forgotten first.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::ActError;

/// Most people and instances that are remembered.
const KEYS_MAX: usize = 20_000;

/// So many at once, then one each so many milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Pace {
    name: &'static str,
    burst: i64,
    each_ms: i64,
}

/// Looking at keys, previews and undoing, for each person: a person clicks, a script asks the application's own Redis.
pub(super) const INSPECT: Pace = Pace { name: "60 inspections a minute each", burst: 60, each_ms: 1_000 };

/// Deleting, for each person.
pub(super) const DELETE: Pace = Pace { name: "10 deletions a minute each", burst: 10, each_ms: 6_000 };

/// Flushing, for each instance: nobody needs it twice at once.
pub(super) const FLUSH: Pace = Pace { name: "one flush every 30 s", burst: 1, each_ms: 30_000 };

/// What was done of late.
#[derive(Debug, Default)]
pub(super) struct Paces {
    /// When each would have acted up to now if it had kept its pace, in ms since the epoch.
    due_ms: Mutex<HashMap<(Pace, String), i64>>,
}

impl Paces {
    /// Counts one action, or refuses it.
    pub(super) fn take(&self, pace: Pace, who: &str, now_ms: i64) -> Result<(), ActError> {
        let mut due_ms = self.due_ms.lock().unwrap_or_else(PoisonError::into_inner);
        if due_ms.len() >= KEYS_MAX {
            due_ms.retain(|_, due| *due > now_ms);
        }
        if due_ms.len() >= KEYS_MAX {
            // Rather all may act once more than that the map grows.
            due_ms.clear();
        }
        let due = due_ms.entry((pace, who.to_owned())).or_insert(now_ms);
        // A clock that was set back must not lock anybody out.
        let from = (*due).clamp(now_ms, now_ms + pace.burst * pace.each_ms);
        let wait_ms = from + pace.each_ms - now_ms - pace.burst * pace.each_ms;
        if wait_ms > 0 {
            let retry_after_s = u64::try_from(wait_ms).unwrap_or(0).div_ceil(1_000);
            return Err(ActError::TooOften { what: format!("at most {}", pace.name), retry_after_s });
        }
        *due = from + pace.each_ms;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(result: Result<(), ActError>) -> u64 {
        match result {
            Ok(()) => 0,
            Err(ActError::TooOften { retry_after_s, .. }) => retry_after_s,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_burst_passes_and_then_the_pace_holds() {
        let paces = Paces::default();
        for _ in 0..10 {
            assert_eq!(wait(paces.take(DELETE, "ana", 0)), 0);
        }
        assert_eq!(wait(paces.take(DELETE, "ana", 0)), 6);
        assert_eq!(wait(paces.take(DELETE, "bob", 0)), 0);
        assert_eq!(wait(paces.take(INSPECT, "ana", 0)), 0);
        assert_eq!(wait(paces.take(DELETE, "ana", 6_000)), 0);
        assert_eq!(wait(paces.take(DELETE, "ana", 6_000)), 6);
    }

    #[test]
    fn one_flush_in_half_a_minute_even_when_the_clock_is_set_back() {
        let paces = Paces::default();
        assert_eq!(wait(paces.take(FLUSH, "cache", 1_000_000)), 0);
        assert_eq!(wait(paces.take(FLUSH, "cache", 1_000_001)), 30);
        assert_eq!(wait(paces.take(FLUSH, "cache", 5)), 30);
        assert_eq!(wait(paces.take(FLUSH, "cache", 1_030_000)), 0);
    }

    #[test]
    fn the_map_stays_bounded() {
        let paces = Paces::default();
        for n in 0..KEYS_MAX + 10 {
            paces.take(FLUSH, &n.to_string(), 0).unwrap();
        }
        assert!(paces.due_ms.lock().unwrap().len() <= KEYS_MAX);
    }
}
