//! Spans of time for which counts are kept, their keys on disk, and which of them answer a question.

use std::collections::HashSet;

use crate::model::ResourceId;

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 3_600_000;

/// How long one row counts. Five minutes exist so that a day in steps of five minutes is 288 rows instead of 1,440.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Span {
    Minute,
    Five,
    Hour,
}

impl Span {
    pub(super) const ALL: [Self; 3] = [Self::Minute, Self::Five, Self::Hour];

    pub(super) const fn ms(self) -> i64 {
        match self {
            Self::Minute => MINUTE_MS,
            Self::Five => 5 * MINUTE_MS,
            Self::Hour => HOUR_MS,
        }
    }

    const fn code(self) -> i64 {
        match self {
            Self::Minute => 0,
            Self::Five => 1,
            Self::Hour => 2,
        }
    }

    /// The span that a longer one is made from.
    pub(super) const fn below(self) -> Self {
        match self {
            Self::Minute | Self::Five => Self::Minute,
            Self::Hour => Self::Five,
        }
    }

    /// The longest span of which a step is a multiple; none when not even of a minute.
    pub(super) fn of_step(step_ms: i64) -> Option<Self> {
        Self::ALL.into_iter().rev().find(|span| step_ms > 0 && step_ms % span.ms() == 0)
    }
}

/// The start of what holds `time_ms` when time is cut into pieces of `length_ms`.
pub(super) const fn floor(time_ms: i64, length_ms: i64) -> i64 {
    time_ms.div_euclid(length_ms) * length_ms
}

/// The first such start that is not before `time_ms`.
pub(super) const fn ceil(time_ms: i64, length_ms: i64) -> i64 {
    let start = floor(time_ms, length_ms);
    if start == time_ms { start } else { start + length_ms }
}

/// Bits of a key that number the minute: enough until the year 2480.
const MINUTE_BITS: u32 = 28;
const MINUTE_MAX: i64 = (1 << MINUTE_BITS) - 1;

/// Row number of a span of a resource: rows lie in the order of resource, span and time, without an index of their own.
pub(super) fn key(resource: ResourceId, span: Span, start_ms: i64) -> i64 {
    key_of(resource, span.code(), start_ms)
}

/// The same for things that are told apart by a small number instead of a span.
pub(super) fn key_of(resource: ResourceId, sort: i64, start_ms: i64) -> i64 {
    let minute = start_ms.div_euclid(MINUTE_MS).clamp(0, MINUTE_MAX);
    (i64::from(resource) << (MINUTE_BITS + 2)) | (sort << MINUTE_BITS) | minute
}

/// Resource, sort and start of a key.
pub(super) fn parts(key: i64) -> (ResourceId, i64, i64) {
    let resource = ResourceId::try_from(key >> (MINUTE_BITS + 2)).unwrap_or(0);
    (resource, (key >> MINUTE_BITS) & 3, (key & MINUTE_MAX) * MINUTE_MS)
}

/// Resource, span and start of a key.
pub(super) fn span_of(key: i64) -> Option<(ResourceId, Span, i64)> {
    let (resource, code, start_ms) = parts(key);
    Span::ALL.into_iter().find(|span| span.code() == code).map(|span| (resource, span, start_ms))
}

/// Rows of one span, from the first start to before the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) span: Span,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
}

/// What is known about one resource's rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Extent {
    /// The first and the end of the last start that there are.
    pub(super) range_ms: (i64, i64),
    /// From here on, on the hour, minutes are kept.
    pub(super) horizon_ms: i64,
    /// Longer spans that are not made yet, or not anew.
    pub(super) due: HashSet<(Span, i64)>,
}

/// The rows that together tell of every minute that starts in `from_ms..to_ms`, each once; none longer than `longest`
/// where minutes are kept.
pub(super) fn runs(from_ms: i64, to_ms: i64, longest: Span, extent: &Extent) -> Vec<Run> {
    let from_ms = from_ms.max(extent.range_ms.0);
    let to_ms = to_ms.min(extent.range_ms.1);
    let mut runs: Vec<Run> = Vec::new();
    let mut at = ceil(from_ms, MINUTE_MS);
    let end = ceil(to_ms, MINUTE_MS);
    if at < extent.horizon_ms && at < end {
        let run = Run { span: Span::Hour, from_ms: ceil(from_ms, HOUR_MS), to_ms: end.min(extent.horizon_ms) };
        at = extent.horizon_ms;
        if run.from_ms < run.to_ms {
            runs.push(run);
        }
    }
    while at < end {
        let fits =
            |span: &Span| *span <= longest && at % span.ms() == 0 && at + span.ms() <= end && !extent.due.contains(&(*span, at));
        let span = Span::ALL.into_iter().rev().find(fits).unwrap_or(Span::Minute);
        let next = at + span.ms();
        match runs.last_mut() {
            Some(run) if run.span == span && run.to_ms == at => run.to_ms = next,
            _ => runs.push(Run { span, from_ms: at, to_ms: next }),
        }
        at = next;
    }
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_tells_its_parts_and_sorts_by_them() {
        let at = 29_333_340 * MINUTE_MS;
        assert_eq!(span_of(key(50_000, Span::Hour, at)), Some((50_000, Span::Hour, at)));
        assert_eq!(span_of(key(u32::MAX, Span::Minute, 0)), Some((u32::MAX, Span::Minute, 0)));
        assert!(key(1, Span::Hour, at) < key(2, Span::Minute, 0));
        assert!(key(1, Span::Minute, at) < key(1, Span::Five, 0));
        assert_eq!(parts(key_of(7, 1, -5)), (7, 1, 0));
    }

    #[test]
    fn whole_hours_are_answered_from_hours_and_edges_from_less() {
        let extent = Extent { range_ms: (0, 100 * HOUR_MS), horizon_ms: 0, due: HashSet::from([(Span::Hour, 4 * HOUR_MS)]) };
        let found = runs(HOUR_MS - 6 * MINUTE_MS - 1, 4 * HOUR_MS + 11 * MINUTE_MS, Span::Hour, &extent);
        let run = |span, from: i64, to: i64| Run { span, from_ms: from * MINUTE_MS, to_ms: to * MINUTE_MS };
        assert_eq!(
            found,
            [
                run(Span::Minute, 54, 55),
                run(Span::Five, 55, 60),
                run(Span::Hour, 60, 240),
                run(Span::Five, 240, 250),
                run(Span::Minute, 250, 251)
            ]
        );
    }

    #[test]
    fn behind_the_horizon_only_hours_are_left() {
        let extent = Extent { range_ms: (0, 100 * HOUR_MS), horizon_ms: 3 * HOUR_MS, due: HashSet::new() };
        let found = runs(MINUTE_MS, 3 * HOUR_MS + MINUTE_MS, Span::Minute, &extent);
        assert_eq!(
            found,
            [
                Run { span: Span::Hour, from_ms: HOUR_MS, to_ms: 3 * HOUR_MS },
                Run { span: Span::Minute, from_ms: 3 * HOUR_MS, to_ms: 3 * HOUR_MS + MINUTE_MS }
            ]
        );
    }

    proptest! {
        #[test]
        fn every_minute_is_told_once(
            from in 0_i64..400, length in 0_i64..400, offset in 0_i64..MINUTE_MS, due in prop::collection::hash_set(0_i64..80, 0..6),
        ) {
            let due = due.into_iter().flat_map(|five| {
                let start = five * Span::Five.ms();
                [(Span::Five, start), (Span::Hour, floor(start, HOUR_MS))]
            }).collect();
            let extent = Extent { range_ms: (0, 1_000 * MINUTE_MS), horizon_ms: 0, due };
            let (from_ms, to_ms) = (from * MINUTE_MS + offset, (from + length) * MINUTE_MS + offset);
            let mut told = Vec::new();
            for run in runs(from_ms, to_ms, Span::Hour, &extent) {
                for start in (run.from_ms..run.to_ms).step_by(usize::try_from(run.span.ms()).unwrap()) {
                    prop_assert!(!extent.due.contains(&(run.span, start)));
                    told.extend((start..start + run.span.ms()).step_by(60_000));
                }
            }
            let expected: Vec<i64> = (0..1_000).map(|minute| minute * MINUTE_MS).filter(|start| *start >= from_ms && *start < to_ms).collect();
            prop_assert_eq!(told, expected);
        }
    }
}
