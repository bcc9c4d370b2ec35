//! Past: what a value was yesterday, last week, or over the last day, for rules that compare with it.
//!
//! History is asked on a grid that is the same whenever the question comes, so that a back-test asks the very same; subjects ask at
//! different moments of it, so that a thousand do not ask at once.

use std::sync::Arc;

use farol_store::{Query, ResourceId, SeriesId, Store};

use super::rule::{Against, Aggregate};

/// How often a subject's past is asked for, in milliseconds: an hour's mean of yesterday moves slowly.
pub const ASKED_EVERY_MS: i64 = 300_000;

/// The least minutes that make a past: with less, nothing is compared.
pub const MINUTES_MIN: u32 = 30;

/// The least spread that deviations are counted in, as a part of the mean: what never moved would else be alarming at its first breath.
pub const SPREAD_MIN: f64 = 0.01;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What is asked: the sum of some series of a resource, minute by minute.
#[derive(Debug, Clone, PartialEq)]
pub struct Question<'a> {
    /// The resource.
    pub resource: ResourceId,
    /// Name of the metric.
    pub metric: &'a str,
    /// The series.
    pub series: &'a [SeriesId],
    /// How the samples of a minute become its value.
    pub aggregate: Aggregate,
    /// Start, in ms since the epoch; a whole minute.
    pub from_ms: i64,
    /// End, exclusive; a whole minute.
    pub to_ms: i64,
}

/// How values of the past were spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// Of how many minutes.
    pub minutes: u32,
}

impl Spread {
    /// The spread of some values; `None` of none.
    #[must_use]
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (mut minutes, mut mean, mut squares) = (0_u32, 0.0, 0.0);
        for value in values.filter(|value| value.is_finite()) {
            // Welford's way: no cancellation when the mean is large against the spread.
            minutes += 1;
            let off = value - mean;
            mean += off / f64::from(minutes);
            squares += off * (value - mean);
        }
        (minutes > 0).then(|| Self { mean, deviation: (squares / f64::from(minutes)).sqrt(), minutes })
    }

    /// How far a value is away, as the rule says; `None` when too little is known to say.
    #[must_use]
    pub fn distance(&self, value: f64, against: Against) -> Option<f64> {
        if self.minutes < MINUTES_MIN {
            return None;
        }
        let off = (value - self.mean).abs();
        let unit = match against {
            Against::Nothing => return Some(value),
            Against::Yesterday | Against::LastWeek => self.mean.abs(),
            Against::Usual => self.deviation.max(self.mean.abs() * SPREAD_MIN),
        };
        (unit > 0.0).then(|| off / unit)
    }
}

/// Answers what was.
pub trait Past {
    /// The spread of a stretch; `None` when nothing is known of it.
    fn spread(&mut self, question: &Question<'_>) -> Option<Spread>;
}

/// Knows nothing of the past: rules that compare with it have no value.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPast;

impl Past for NoPast {
    fn spread(&mut self, _: &Question<'_>) -> Option<Spread> {
        None
    }
}

/// The stretch that a subject compares with at a moment, and the number of the grid's cell, which changes when it must be asked again.
#[must_use]
pub fn stretch(against: Against, resource: ResourceId, at_ms: i64) -> (i64, i64, i64) {
    // Cells of different resources begin at different seconds.
    let shift = i64::from(resource).wrapping_mul(7_919_000).rem_euclid(ASKED_EVERY_MS);
    let cell = (at_ms + shift).div_euclid(ASKED_EVERY_MS);
    let now = (cell * ASKED_EVERY_MS - shift).div_euclid(MINUTE_MS) * MINUTE_MS;
    let around = |ago_ms: i64| (now - ago_ms - HOUR_MS / 2, now - ago_ms + HOUR_MS / 2);
    let (from_ms, to_ms) = match against {
        Against::Yesterday => around(DAY_MS),
        Against::LastWeek => around(7 * DAY_MS),
        // What happens now is not what is usual.
        Against::Usual | Against::Nothing => (now - DAY_MS, now - 10 * MINUTE_MS),
    };
    (from_ms, to_ms, cell)
}

/// The past as history knows it.
#[derive(Debug, Clone)]
pub struct StorePast(Store);

impl StorePast {
    /// Asks this history.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self(store)
    }
}

impl Past for StorePast {
    fn spread(&mut self, question: &Question<'_>) -> Option<Spread> {
        use farol_store::Aggregate as Of;
        let aggregate = match question.aggregate {
            Aggregate::Last => Of::Last,
            Aggregate::Min => Of::Min,
            Aggregate::Max => Of::Max,
            Aggregate::Rate => Of::Rate,
            _ => Of::Mean,
        };
        let minutes = u32::try_from((question.to_ms - question.from_ms) / MINUTE_MS).unwrap_or(0);
        let query = Query {
            metric: question.metric.to_owned(),
            resources: vec![question.resource],
            from_ms: question.from_ms,
            to_ms: question.to_ms,
            step_ms: MINUTE_MS,
            aggregate,
            max_points: minutes.max(1),
            ..Query::default()
        };
        let answer = self.0.query(&query).map_err(|error| {
            tracing::warn!(target: "alert", error = %farol_shared::report::chain(&error), "past values could not be read");
        });
        let series = answer.ok()?.series;
        let mut sums: std::collections::BTreeMap<i64, f64> = std::collections::BTreeMap::new();
        for one in series.iter().filter(|one| question.series.contains(&one.series.id)) {
            one.points.iter().for_each(|(time, value)| *sums.entry(*time).or_default() += value);
        }
        Spread::of(sums.into_values())
    }
}

/// What a subject remembers of its past until the next cell.
#[derive(Debug, Clone, Default)]
pub(super) struct Remembered {
    pub(super) cell: Option<i64>,
    pub(super) spread: Option<Spread>,
    pub(super) series: Arc<[SeriesId]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_tells_mean_and_deviation_and_how_far_a_value_is_away() {
        let values = (0..60).map(|n| if n % 2 == 0 { 9.0 } else { 11.0 });
        let spread = Spread::of(values).unwrap();
        assert_eq!((spread.mean, spread.deviation, spread.minutes), (10.0, 1.0, 60));
        assert_eq!(spread.distance(15.0, Against::Yesterday), Some(0.5));
        assert_eq!(spread.distance(5.0, Against::LastWeek), Some(0.5));
        assert_eq!(spread.distance(13.0, Against::Usual), Some(3.0));
        assert_eq!(Spread { minutes: 29, ..spread }.distance(13.0, Against::Usual), None);
    }

    #[test]
    fn what_never_moved_is_not_alarming_at_its_first_breath() {
        let spread = Spread::of((0..60).map(|_| 100.0)).unwrap();
        assert_eq!(spread.distance(101.0, Against::Usual), Some(1.0));
        let nothing = Spread::of((0..60).map(|_| 0.0)).unwrap();
        assert_eq!(nothing.distance(1.0, Against::Usual), None);
        assert_eq!(nothing.distance(1.0, Against::Yesterday), None);
    }

    #[test]
    fn the_same_moment_always_asks_the_same_and_subjects_ask_at_different_ones() {
        let at = 1_760_000_000_000;
        let first = stretch(Against::Yesterday, 1, at);
        assert_eq!(first, stretch(Against::Yesterday, 1, at));
        assert_eq!(first.1 - first.0, HOUR_MS);
        let changes = |resource| {
            (0..300).find(|s| stretch(Against::Usual, resource, at + s * 1_000).2 != stretch(Against::Usual, resource, at).2)
        };
        assert!((1..20).map(changes).collect::<std::collections::HashSet<_>>().len() > 10);
    }
}
