//! Steps that begin at the midnight of a zone: the store's steps begin at that of UTC, so that finer ones are asked for and put together.

use std::collections::BTreeMap;

use farol_store::{Aggregate, Query, QueryError, QuerySeries, Store};

use super::Zone;

/// Steps of an export: where each begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Length of a step, in milliseconds.
    pub step_ms: i64,
    offset_ms: i64,
    /// Length of the store's steps that make one of these; the same as `step_ms` when those begin where these do.
    fine_ms: i64,
}

impl Grid {
    /// Steps of this length; those of an hour and more begin at the zone's midnight.
    #[must_use]
    pub fn new(step_ms: i64, zone: Zone) -> Self {
        let offset_ms = if step_ms >= 3_600_000 { zone.offset_ms() } else { 0 };
        Self { step_ms, offset_ms, fine_ms: divisor(step_ms, offset_ms.rem_euclid(step_ms)) }
    }

    /// One step from `from_ms` to `to_ms`, made of steps of `fine_ms`, of which both ends are multiples.
    #[must_use]
    pub fn whole(from_ms: i64, to_ms: i64, fine_ms: i64) -> Self {
        let step_ms = (to_ms - from_ms).max(fine_ms);
        Self { step_ms, offset_ms: (-from_ms).rem_euclid(step_ms), fine_ms }
    }

    /// The start of the step in which an instant lies.
    #[must_use]
    pub fn start(&self, time_ms: i64) -> i64 {
        (time_ms + self.offset_ms).div_euclid(self.step_ms) * self.step_ms - self.offset_ms
    }

    /// The end of the step in which the last instant before `time_ms` lies.
    #[must_use]
    pub fn end(&self, time_ms: i64) -> i64 {
        self.start(time_ms - 1) + self.step_ms
    }

    /// Length of the store's steps.
    #[must_use]
    pub const fn fine_ms(&self) -> i64 {
        self.fine_ms
    }

    /// How many points of the store one step is made of.
    #[must_use]
    pub const fn parts(&self) -> i64 {
        self.step_ms / self.fine_ms
    }

    /// Asks with these steps. `query.from_ms` and `to_ms` are starts of steps.
    ///
    /// # Errors
    /// As [`Store::query`].
    pub fn ask(&self, store: &Store, query: &Query) -> Result<Vec<QuerySeries>, QueryError> {
        let query = Query { step_ms: self.fine_ms, max_points: farol_store::POINTS_MAX, ..query.clone() };
        let ask = |aggregate| store.query(&Query { aggregate, ..query.clone() }).map(|answer| answer.series);
        let found = ask(query.aggregate)?;
        if self.fine_ms == self.step_ms {
            return Ok(found);
        }
        // A mean weighs by the number of samples, a rate by the time in which something grew.
        let weights = match query.aggregate {
            Aggregate::Mean => ask(Aggregate::Count)?,
            Aggregate::Rate => ask(Aggregate::Increase)?,
            _ => Vec::new(),
        };
        let mut weights: BTreeMap<u32, Vec<(i64, f64)>> =
            weights.into_iter().map(|series| (series.series.id, series.points)).collect();
        let join = |series: QuerySeries| {
            let weights = weights.remove(&series.series.id).unwrap_or_default();
            QuerySeries { points: self.join(&series.points, &weights, query.aggregate), series: series.series }
        };
        Ok(found.into_iter().map(join).collect())
    }

    /// Points of fine steps as points of these.
    fn join(&self, points: &[(i64, f64)], weights: &[(i64, f64)], aggregate: Aggregate) -> Vec<(i64, f64)> {
        let weights: BTreeMap<i64, f64> = weights.iter().copied().collect();
        let mut steps: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
        for &(time_ms, value) in points {
            let weight = weights.get(&time_ms).copied();
            let (sum, by) = match aggregate {
                Aggregate::Mean => {
                    let count = weight.unwrap_or(1.0);
                    (value * count, count)
                }
                Aggregate::Rate => {
                    // Of nothing that grew, the time is not known: the whole fine step.
                    let grown = weight.unwrap_or(0.0);
                    let seconds = if value == 0.0 { self.fine_seconds() } else { grown / value };
                    (grown, seconds)
                }
                _ => (value, 1.0),
            };
            let start = self.start(time_ms);
            let Some(into) = steps.get_mut(&start) else {
                steps.insert(start, (sum, by));
                continue;
            };
            match aggregate {
                Aggregate::Min => into.0 = into.0.min(sum),
                Aggregate::Max => into.0 = into.0.max(sum),
                Aggregate::Last | Aggregate::Raw => into.0 = sum,
                Aggregate::Mean | Aggregate::Rate | Aggregate::Sum | Aggregate::Count | Aggregate::Increase => {
                    into.0 += sum;
                    into.1 += by;
                }
            }
        }
        let is_quotient = matches!(aggregate, Aggregate::Mean | Aggregate::Rate);
        let value = |(sum, by): (f64, f64)| if is_quotient { sum / by } else { sum };
        steps.into_iter().map(|(time_ms, step)| (time_ms, value(step))).filter(|(_, value)| value.is_finite()).collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "a step is far below 2^52 ms")]
    fn fine_seconds(&self) -> f64 {
        self.fine_ms as f64 / 1_000.0
    }
}

/// The greatest common divisor.
fn divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;
    const DAY_MS: i64 = 24 * HOUR_MS;

    fn grid(step_ms: i64, zone: &str) -> Grid {
        Grid::new(step_ms, Zone::parse(zone).unwrap())
    }

    #[test]
    fn days_begin_at_local_midnight_and_are_made_of_steps_that_the_store_has() {
        let local = grid(DAY_MS, "-03:00");
        assert_eq!((local.start(10 * DAY_MS), local.fine_ms(), local.parts()), (9 * DAY_MS + 3 * HOUR_MS, 3 * HOUR_MS, 8));
        assert_eq!(local.end(10 * DAY_MS), 10 * DAY_MS + 3 * HOUR_MS);
        assert_eq!(local.end(10 * DAY_MS + 3 * HOUR_MS), 10 * DAY_MS + 3 * HOUR_MS);
        assert_eq!(grid(DAY_MS, "05:30").fine_ms(), HOUR_MS / 2);
        assert_eq!((grid(DAY_MS, "Z").fine_ms(), grid(HOUR_MS, "-03:00").fine_ms()), (DAY_MS, HOUR_MS));
        assert_eq!(grid(60_000, "05:30").fine_ms(), 60_000, "minutes are minutes everywhere");
    }

    #[test]
    fn a_stretch_can_be_one_step() {
        let day = Grid::whole(1_000 * 60_000, 1_540 * 60_000, 60_000);
        assert_eq!((day.start(1_000 * 60_000), day.start(1_539 * 60_000), day.parts()), (1_000 * 60_000, 1_000 * 60_000, 540));
        assert_eq!(day.start(1_540 * 60_000), 1_540 * 60_000);
    }

    #[test]
    fn fine_points_become_the_point_of_the_whole_step() {
        let local = grid(6 * HOUR_MS, "-03:00");
        let at = |hour: i64| 3 * HOUR_MS + hour * HOUR_MS;
        let points = [(at(0), 2.0), (at(3), 4.0), (at(6), 9.0)];
        let join = |aggregate, weights: &[(i64, f64)]| local.join(&points, weights, aggregate);
        assert_eq!(join(Aggregate::Sum, &[]), [(at(0), 6.0), (at(6), 9.0)]);
        assert_eq!(join(Aggregate::Max, &[]), [(at(0), 4.0), (at(6), 9.0)]);
        assert_eq!(join(Aggregate::Min, &[]), [(at(0), 2.0), (at(6), 9.0)]);
        assert_eq!(join(Aggregate::Last, &[]), [(at(0), 4.0), (at(6), 9.0)]);
        let counts = [(at(0), 3.0), (at(3), 1.0), (at(6), 1.0)];
        assert_eq!(join(Aggregate::Mean, &counts), [(at(0), 2.5), (at(6), 9.0)]);
        // 20 in 10 s, then 40 in 10 s: 60 in 20 s.
        let grown = [(at(0), 20.0), (at(3), 40.0), (at(6), 9.0)];
        assert_eq!(join(Aggregate::Rate, &grown), [(at(0), 3.0), (at(6), 9.0)]);
    }
}
