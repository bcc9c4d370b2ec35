//! The largest of many names in bounded memory.

use std::collections::HashMap;

use super::sum::RawSum;

/// Names that are compared at once; when there are twice as many, the least busy and least slow are left out. What one
/// bucket keeps is a fiftieth of it, so that only names far from any top are ever left out.
const NAMES_MAX: usize = 50_000;

/// What names are compared by.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weight {
    pub(super) slow_s: f64,
    pub(super) count: u64,
}

/// Names with their weights.
#[derive(Debug, Default)]
pub(super) struct Top(HashMap<String, Weight>);

impl Top {
    pub(super) fn add(&mut self, name: &str, sum: &RawSum<'_>) {
        if sum.count == 0 {
            return;
        }
        if !self.0.contains_key(name) {
            if self.0.len() >= 2 * NAMES_MAX {
                self.prune();
            }
            self.0.insert(name.to_owned(), Weight::default());
        }
        if let Some(weight) = self.0.get_mut(name) {
            weight.slow_s += sum.slow_s;
            weight.count = weight.count.saturating_add(sum.count);
        }
    }

    fn prune(&mut self) {
        let mut all: Vec<(String, Weight)> = self.0.drain().collect();
        all.sort_by(|(_, a), (_, b)| b.slow_s.total_cmp(&a.slow_s).then(b.count.cmp(&a.count)));
        let mut rest = all.split_off(NAMES_MAX / 2);
        rest.sort_by_key(|(_, weight)| std::cmp::Reverse(weight.count));
        rest.truncate(NAMES_MAX - NAMES_MAX / 2);
        self.0.extend(all.into_iter().chain(rest));
    }

    /// The first `limit` names by an order; equal ones by name, so that answers do not flicker.
    pub(super) fn first(self, limit: usize, order: impl Fn(&Weight, &Weight) -> std::cmp::Ordering) -> Vec<String> {
        let mut all: Vec<(String, Weight)> = self.0.into_iter().collect();
        all.sort_by(|(a_name, a), (b_name, b)| order(a, b).then_with(|| a_name.cmp(b_name)));
        all.truncate(limit);
        all.into_iter().map(|(name, _)| name).collect()
    }
}
