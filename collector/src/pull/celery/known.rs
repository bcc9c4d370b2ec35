//! What is known of single tasks by their ids: only their first events name them, and their last ones count.
//!
//! Bounded: [`TASKS_MAX`]; the one that was heard of longest ago is forgotten first.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Most tasks that are known at once: those under way and those just ended. About 15 MB when full.
const TASKS_MAX: usize = 100_000;

/// What is known of a task.
#[derive(Debug, Clone, Default)]
pub(super) struct Task {
    /// Its name, once an event told it.
    pub name: Option<Arc<str>>,
    /// When it was sent, by its sender's clock in seconds, as long as no worker has it.
    pub waits_since_s: Option<f64>,
    /// Time and clock of the end that was counted last: the same end heard twice counts once.
    pub counted: Option<(f64, u64)>,
    /// When it was heard of last, in steps of the table.
    touched: u64,
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Known {
    tasks: HashMap<u128, Task>,
    by_touch: BTreeMap<u64, u128>,
    steps: u64,
}

impl Known {
    /// The task of an id, which counts as heard of.
    pub(super) fn touch(&mut self, id: &str) -> &mut Task {
        let key = key(id);
        self.steps += 1;
        let before = self.tasks.get(&key).map(|task| task.touched);
        match before {
            Some(touched) => drop(self.by_touch.remove(&touched)),
            None if self.tasks.len() >= TASKS_MAX => {
                if let Some((_, oldest)) = self.by_touch.pop_first() {
                    self.tasks.remove(&oldest);
                }
            }
            None => {}
        }
        self.by_touch.insert(self.steps, key);
        let task = self.tasks.entry(key).or_default();
        task.touched = self.steps;
        task
    }

    /// What is known of an id, without counting as heard of.
    pub(super) fn of(&self, id: &str) -> Option<&Task> {
        self.tasks.get(&key(id))
    }
}

/// A UUID as its number; any other id by the first half of its SHA-256.
fn key(id: &str) -> u128 {
    let is_uuid = id.len() == 36 && id.bytes().filter(|byte| *byte == b'-').count() == 4;
    let number = is_uuid.then(|| u128::from_str_radix(&id.replace('-', ""), 16).ok()).flatten();
    number.unwrap_or_else(|| {
        let digest = ring::digest::digest(&ring::digest::SHA256, id.as_bytes());
        digest.as_ref().iter().take(16).fold(0, |number, byte| (number << 8) | u128::from(*byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_forgets_the_task_that_was_heard_of_longest_ago() {
        let mut known = Known::default();
        for n in 0..TASKS_MAX {
            known.touch(&n.to_string()).waits_since_s = Some(1.0);
        }
        known.touch("0");
        known.touch("one more");
        assert_eq!((known.tasks.len(), known.by_touch.len()), (TASKS_MAX, TASKS_MAX));
        assert!(known.of("1").is_none() && known.of("0").is_some_and(|task| task.waits_since_s.is_some()));
    }

    #[test]
    fn ids_of_any_form_have_a_key_of_their_own() {
        let ids = ["5aa6fa5c-5e33-46fe-bc5e-36e5eb4574b6", "5aa6fa5c-5e33-46fe-bc5e-36e5eb4574bX", "", "nightly", "nightly2"];
        let keys: std::collections::BTreeSet<u128> = ids.iter().map(|id| key(id)).collect();
        assert_eq!(keys.len(), ids.len());
        assert_eq!(key(ids[0]), 0x5aa6_fa5c_5e33_46fe_bc5e_36e5_eb45_74b6);
    }
}
