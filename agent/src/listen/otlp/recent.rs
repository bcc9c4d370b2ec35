//! A bounded set of what was seen lately, by digest.

use std::{
    collections::{HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

/// How many are remembered: some minutes of a service that fails often, or days of processes that come and go.
const MAX: usize = 4_096;

/// The newest [`MAX`] keys.
#[derive(Debug, Default)]
pub(super) struct Recent {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Recent {
    /// Whether a key is remembered.
    pub(super) fn holds(&self, key: u64) -> bool {
        self.known.contains(&key)
    }

    /// Remembers a key; false when it is remembered already.
    pub(super) fn is_new(&mut self, key: u64) -> bool {
        if !self.known.insert(key) {
            return false;
        }
        if self.order.len() == MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(key);
        true
    }
}

/// The key of an exception: its span and its type.
pub(super) fn key(trace_id: &str, span_id: &str, kind: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (trace_id, span_id, kind).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_when_there_are_too_many() {
        let mut recent = Recent::default();
        assert!(recent.is_new(1));
        assert!(!recent.is_new(1));
        assert!(recent.holds(1) && !recent.holds(2));
        let max = MAX as u64;
        assert!((2..=max).all(|key| recent.is_new(key)));
        assert!(!recent.is_new(1), "just full");
        assert!(recent.is_new(max + 1));
        assert!(recent.is_new(1), "forgotten");
        assert_eq!((recent.known.len(), recent.order.len()), (MAX, MAX));
    }
}
