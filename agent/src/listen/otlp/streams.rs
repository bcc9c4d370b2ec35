//! Streams of cumulative points: what each told last, so that what was added can be told.
//!
//! A stream is a metric with its attributes in one process since one start, so that several workers are several streams
//! even when they call themselves the same. A new stream counts from its start when that lies after the agent's own; from
//! an older one only what is added counts, as nobody knows what an earlier agent told of it already. Bounded by
//! [`STREAMS_MAX`] and by idleness.

use std::collections::HashMap;

use super::buckets::Buckets;

/// Most streams at a time: the series that applications may have, from several workers each.
pub(super) const STREAMS_MAX: usize = 8_192;

/// Most numbers in the histograms of all streams, so 4 MiB: every stream may have the usual 15 ranges with their bounds.
const NUMBERS_MAX: usize = 512 << 10;

/// A stream that told nothing for this long is forgotten. Exports come every minute at most, by default.
const IDLE_MS_MAX: i64 = 15 * 60 * 1_000;

/// A part of a level (such as requests that are being answered) counts this long after it was last told: a worker that
/// died takes its share along.
const LEVEL_IDLE_MS_MAX: i64 = 3 * 60 * 1_000;

/// Time between two sweeps.
const SWEEP_EVERY_MS: i64 = 10_000;

/// An application that started this long before the agent is taken to have started with it.
const START_TOLERANCE_MS: i64 = 30_000;

/// There is no room for another stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// What tells a stream apart, and when it began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// Of resource, scope, metric, attributes and start.
    pub(super) digest: u64,
    /// 0 when it is not told.
    pub(super) start_ns: u64,
}

#[derive(Debug)]
enum Last {
    Total(f64),
    Buckets(Box<Buckets>),
    /// A part of the level of a group.
    Level {
        value: f64,
        group: u64,
    },
}

impl Last {
    fn numbers(&self) -> usize {
        if let Self::Buckets(buckets) = self { buckets.numbers() } else { 0 }
    }
}

#[derive(Debug)]
struct Stream {
    last: Last,
    seen_ms: i64,
}

#[derive(Debug, Default)]
struct Group {
    sum: f64,
    streams: usize,
}

/// All streams.
#[derive(Debug)]
pub(super) struct Streams {
    streams: HashMap<u64, Stream>,
    groups: HashMap<u64, Group>,
    numbers: usize,
    began_ms: i64,
    swept_ms: i64,
}

impl Streams {
    /// Knows none yet.
    pub(super) fn new(now_ms: i64) -> Self {
        Self { streams: HashMap::new(), groups: HashMap::new(), numbers: 0, began_ms: now_ms, swept_ms: now_ms }
    }

    /// What was added to a total since it was last told.
    pub(super) fn total(&mut self, key: Key, total: f64, now_ms: i64) -> Result<f64, Full> {
        let before = self.replace(key.digest, Last::Total(total), now_ms)?;
        Ok(match before {
            Some(Last::Total(before)) if total >= before => total - before,
            // It began again without a new start.
            Some(_) => total,
            None if self.is_new(key) => total,
            None => 0.0,
        })
    }

    /// What was added to a histogram since it was last told; `None` when nobody knows.
    pub(super) fn buckets(&mut self, key: Key, buckets: &Buckets, now_ms: i64) -> Result<Option<Buckets>, Full> {
        let before = self.replace(key.digest, Last::Buckets(Box::new(buckets.clone())), now_ms)?;
        Ok(match before {
            Some(Last::Buckets(before)) => Some(buckets.since(&before).unwrap_or_else(|| buckets.clone())),
            Some(_) => Some(buckets.clone()),
            None => self.is_new(key).then(|| buckets.clone()),
        })
    }

    /// The sum of a level over all streams of a group, after this one was set, or moved by `value` when it is a delta.
    pub(super) fn level(&mut self, key: Key, group: u64, value: f64, is_delta: bool, now_ms: i64) -> Result<f64, Full> {
        let before = match self.streams.get(&key.digest) {
            Some(Stream { last: Last::Level { value, .. }, .. }) => Some(*value),
            _ => None,
        };
        let value = if is_delta { before.unwrap_or(0.0) + value } else { value };
        self.replace(key.digest, Last::Level { value, group }, now_ms)?;
        let entry = self.groups.entry(group).or_default();
        entry.sum += value - before.unwrap_or(0.0);
        entry.streams += usize::from(before.is_none());
        Ok(entry.sum)
    }

    fn replace(&mut self, digest: u64, last: Last, now_ms: i64) -> Result<Option<Last>, Full> {
        if now_ms.saturating_sub(self.swept_ms) >= SWEEP_EVERY_MS {
            self.sweep(now_ms);
        }
        let before = self.streams.get(&digest);
        let numbers = self.numbers - before.map_or(0, |before| before.last.numbers()) + last.numbers();
        if numbers > NUMBERS_MAX || (before.is_none() && self.streams.len() >= STREAMS_MAX) {
            return Err(Full);
        }
        self.numbers = numbers;
        Ok(self.streams.insert(digest, Stream { last, seen_ms: now_ms }).map(|before| before.last))
    }

    fn sweep(&mut self, now_ms: i64) {
        self.swept_ms = now_ms;
        let (groups, numbers) = (&mut self.groups, &mut self.numbers);
        self.streams.retain(|_, stream| {
            let idle_ms = now_ms.saturating_sub(stream.seen_ms);
            let Last::Level { value, group } = stream.last else {
                let is_kept = idle_ms < IDLE_MS_MAX;
                *numbers -= if is_kept { 0 } else { stream.last.numbers() };
                return is_kept;
            };
            let is_kept = idle_ms < LEVEL_IDLE_MS_MAX;
            if !is_kept && let Some(entry) = groups.get_mut(&group) {
                entry.sum -= value;
                entry.streams = entry.streams.saturating_sub(1);
            }
            is_kept
        });
        groups.retain(|_, group| group.streams > 0);
    }

    fn is_new(&self, key: Key) -> bool {
        key.start_ns > 0 && super::millis(key.start_ns) >= self.began_ms.saturating_sub(START_TOLERANCE_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::otlp::buckets::Counts;

    const BEGAN_MS: i64 = 1_760_000_000_000;

    fn key(digest: u64, started_after_ms: i64) -> Key {
        Key { digest, start_ns: u64::try_from(BEGAN_MS + started_after_ms).unwrap() * 1_000_000 }
    }

    #[test]
    fn a_new_stream_counts_from_its_start_and_an_old_one_from_now() {
        let mut streams = Streams::new(BEGAN_MS);
        let (new, old) = (key(1, 5_000), key(2, -3_600_000));
        assert_eq!(streams.total(new, 7.0, BEGAN_MS), Ok(7.0));
        assert_eq!(streams.total(new, 9.0, BEGAN_MS), Ok(2.0));
        assert_eq!(streams.total(new, 4.0, BEGAN_MS), Ok(4.0), "it began again");
        assert_eq!(streams.total(old, 700.0, BEGAN_MS), Ok(0.0));
        assert_eq!(streams.total(old, 701.0, BEGAN_MS), Ok(1.0));
        assert_eq!(streams.total(Key { digest: 3, start_ns: 0 }, 5.0, BEGAN_MS), Ok(0.0), "nobody knows when it began");
    }

    #[test]
    fn a_level_is_summed_over_workers_and_one_that_died_leaves_it() {
        let mut streams = Streams::new(BEGAN_MS);
        assert_eq!(streams.level(key(1, 0), 9, 2.0, false, BEGAN_MS), Ok(2.0));
        assert_eq!(streams.level(key(2, 0), 9, 3.0, false, BEGAN_MS), Ok(5.0));
        assert_eq!(streams.level(key(1, 0), 9, -1.0, true, BEGAN_MS), Ok(4.0));
        let later = BEGAN_MS + LEVEL_IDLE_MS_MAX;
        assert_eq!(streams.level(key(2, 0), 9, 3.0, false, later - 1), Ok(4.0));
        assert_eq!(streams.level(key(2, 0), 9, 3.0, false, later + SWEEP_EVERY_MS), Ok(3.0));
    }

    #[test]
    fn there_is_a_bound_and_idle_ones_make_room() {
        let mut streams = Streams::new(BEGAN_MS);
        let max = STREAMS_MAX as u64;
        assert!((0..max).all(|digest| streams.total(key(digest, 0), 1.0, BEGAN_MS).is_ok()));
        assert_eq!(streams.total(key(max, 0), 1.0, BEGAN_MS), Err(Full));
        assert_eq!(streams.total(key(5, 0), 1.0, BEGAN_MS), Ok(0.0), "known ones go on");
        assert_eq!(streams.total(key(max, 0), 1.0, BEGAN_MS + IDLE_MS_MAX), Ok(1.0));
        assert_eq!(streams.streams.len(), 1);
    }

    #[test]
    fn the_ranges_of_all_histograms_are_bounded_together() {
        let counts = Counts::Explicit { bounds: Vec::new(), counts: vec![1; 1 << 10] };
        let (large, small) = (Buckets { counts, ..Buckets::default() }, Buckets::default());
        let mut streams = Streams::new(BEGAN_MS);
        let fitting = (NUMBERS_MAX >> 10) as u64;
        assert!((0..fitting).all(|digest| streams.buckets(key(digest, 0), &large, BEGAN_MS).is_ok()));
        assert_eq!(streams.buckets(key(fitting, 0), &large, BEGAN_MS), Err(Full));
        assert!(streams.buckets(key(0, 0), &small, BEGAN_MS).is_ok());
        assert!(streams.buckets(key(fitting, 0), &large, BEGAN_MS).is_ok(), "another one became smaller");
        assert!(streams.buckets(key(1, 0), &large, BEGAN_MS + IDLE_MS_MAX).is_ok());
        assert_eq!(streams.numbers, 1 << 10, "the others were forgotten");
    }
}
