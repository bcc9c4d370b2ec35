//! The cache: folds of merged blocks at the steps that people look at, so that the same chart asked for again is quick.
//!
//! A block never changes and its number is never given twice while the process lives, so nothing is ever out of date.
//! Bounded by bytes; when full, the half that was not used for longest is forgotten.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{fold::Fold, model::SeriesId, rollup::Needed};

/// Which folds: block, series, step, and the figures that were decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) block: i64,
    pub(crate) series: SeriesId,
    pub(crate) step_ms: i64,
    pub(crate) needed: Needed,
}

/// The folds of one series in one block, by the start of their step.
pub(crate) type Steps = Arc<[(i64, Fold)]>;

/// Folds of blocks, by key.
#[derive(Debug)]
pub(crate) struct Cache {
    bytes_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<Key, (Steps, u64)>,
    bytes: usize,
    uses: u64,
}

/// What an entry takes besides its folds.
const ENTRY_BYTES: usize = size_of::<Key>() + size_of::<(Steps, u64)>() + 32;

fn bytes(steps: &Steps) -> usize {
    ENTRY_BYTES + size_of_val::<[(i64, Fold)]>(steps)
}

impl Cache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, inner: Mutex::default() }
    }

    pub(crate) fn find(&self, key: &Key) -> Option<Steps> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.uses += 1;
        let uses = inner.uses;
        let (steps, used) = inner.entries.get_mut(key)?;
        *used = uses;
        Some(Arc::clone(steps))
    }

    pub(crate) fn put(&self, key: Key, steps: Steps) {
        let size = bytes(&steps);
        // One entry must not push out half of the others.
        if size > self.bytes_max / 16 {
            return;
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.bytes + size > self.bytes_max {
            inner.forget(self.bytes_max / 2);
        }
        inner.uses += 1;
        let uses = inner.uses;
        inner.bytes += size;
        if let Some((old, _)) = inner.entries.insert(key, (steps, uses)) {
            inner.bytes -= bytes(&old);
        }
    }
}

impl Inner {
    /// Forgets what was not used for longest until at most `target` bytes are left.
    fn forget(&mut self, target: usize) {
        let mut by_use: Vec<(u64, Key)> = self.entries.iter().map(|(key, (_, used))| (*used, *key)).collect();
        by_use.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in by_use {
            if self.bytes <= target {
                break;
            }
            if let Some((steps, _)) = self.entries.remove(&key) {
                self.bytes -= bytes(&steps);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollup::ALL;

    #[test]
    fn the_cache_stays_within_its_bound_and_keeps_what_is_used() {
        let cache = Cache::new(100_000);
        let key = |block| Key { block, series: 1, step_ms: 60_000, needed: ALL };
        let steps: Steps = vec![(0, Fold::EMPTY); 10].into();
        for block in 0..1_000 {
            cache.put(key(block), Arc::clone(&steps));
            assert!(cache.find(&key(0)).is_some(), "the one that is used all the time stays");
            assert!(cache.inner.lock().unwrap().bytes <= 100_000);
        }
        assert!(cache.find(&key(1)).is_none());
        assert!(cache.find(&key(999)).is_some());
    }
}
