//! The last hour, in minutes: how runs of tasks ended and how long they took.
//!
//! A slot is a minute of the collector's clock. "The last hour" is the running minute and the 59 before it, so that it slides in
//! steps of a minute. Bounded: [`MINUTES`] slots, each with one sketch.

use std::collections::VecDeque;

use farol_shared::sketch::Sketch;

use super::event::Step;

/// Minutes that are kept.
const MINUTES: i64 = 60;

/// Something that is counted by minute.
pub(super) trait Tally: Default + Clone {
    /// Adds all of another.
    fn add(&mut self, other: &Self);
}

/// A sliding hour.
#[derive(Debug, Clone)]
pub(super) struct Window<T> {
    /// Minute since the epoch and what fell into it, oldest first.
    slots: VecDeque<(i64, T)>,
    /// A minute, and the hour up to it but for the newest slot: only that one changes, and a poll comes each second.
    settled: Option<(i64, T)>,
}

impl<T> Default for Window<T> {
    fn default() -> Self {
        Self { slots: VecDeque::new(), settled: None }
    }
}

impl<T: Tally> Window<T> {
    /// The slot of a time. A time before the newest slot (a clock set back) falls into the newest.
    pub(super) fn at(&mut self, now_ms: i64) -> &mut T {
        let minute = now_ms.div_euclid(60_000);
        while self.slots.front().is_some_and(|(slot, _)| *slot <= minute - MINUTES) {
            self.slots.pop_front();
        }
        if self.slots.back().is_none_or(|(slot, _)| *slot < minute) {
            self.slots.push_back((minute, T::default()));
            self.settled = None;
        }
        let (_, newest) = self.slots.back_mut().expect("a slot is there: one was just added when there was none");
        newest
    }

    /// Adds up once what changes no more within this minute.
    pub(super) fn settle(&mut self, now_ms: i64) {
        let minute = now_ms.div_euclid(60_000);
        if self.settled.as_ref().is_some_and(|(settled, _)| *settled == minute) {
            return;
        }
        let mut all = T::default();
        let old = self.slots.len().saturating_sub(1);
        for (_, tally) in self.slots.iter().take(old).filter(|(slot, _)| *slot > minute - MINUTES) {
            all.add(tally);
        }
        self.settled = Some((minute, all));
    }

    /// All that fell into the last `minutes` minutes.
    pub(super) fn last(&self, minutes: i64, now_ms: i64) -> T {
        let minute = now_ms.div_euclid(60_000);
        let mut all = T::default();
        for (slot, tally) in &self.slots {
            if *slot > minute - minutes.min(MINUTES) {
                all.add(tally);
            }
        }
        all
    }

    /// All of the last hour.
    pub(super) fn hour(&self, now_ms: i64) -> T {
        let minute = now_ms.div_euclid(60_000);
        let Some((_, settled)) = self.settled.as_ref().filter(|(settled, _)| *settled == minute) else {
            return self.last(MINUTES, now_ms);
        };
        let mut all = settled.clone();
        if let Some((_, newest)) = self.slots.back().filter(|(slot, _)| *slot > minute - MINUTES) {
            all.add(newest);
        }
        all
    }

    /// Whether nothing fell into the last hour.
    pub(super) fn is_over(&self, now_ms: i64) -> bool {
        let minute = now_ms.div_euclid(60_000);
        self.slots.back().is_none_or(|(slot, _)| *slot <= minute - MINUTES)
    }
}

impl Tally for u64 {
    fn add(&mut self, other: &Self) {
        *self = self.saturating_add(*other);
    }
}

/// How runs ended, and how long those took that ended well.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Runs {
    /// Ended well.
    pub succeeded: u64,
    /// Ended badly for good.
    pub failed: u64,
    /// Will be tried again.
    pub retried: u64,
    /// Called back.
    pub revoked: u64,
    /// Run times added up, in seconds.
    pub time_s: f64,
    /// Run times.
    pub times: Sketch,
}

impl Tally for Runs {
    fn add(&mut self, other: &Self) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.retried += other.retried;
        self.revoked += other.revoked;
        self.time_s += other.time_s;
        self.times.merge(&other.times);
    }
}

impl Runs {
    /// Counts the end of a run.
    pub(super) fn count(&mut self, step: &Step) {
        match step {
            Step::Succeeded(runtime_s) => {
                self.succeeded += 1;
                if let Some(runtime_s) = runtime_s {
                    self.times.record(*runtime_s, 1);
                    self.time_s += runtime_s;
                }
            }
            Step::Failed(_) => self.failed += 1,
            Step::Retried(_) => self.retried += 1,
            Step::Revoked => self.revoked += 1,
            Step::Rejected | Step::Sent { .. } | Step::Received { .. } | Step::Started => {}
        }
    }

    /// Runs that ended for good.
    pub(super) fn ended(&self) -> u64 {
        self.succeeded + self.failed
    }

    /// Share of them that failed; unknown when there were none.
    pub(super) fn failure_ratio(&self) -> Option<f64> {
        (self.ended() > 0).then(|| float(self.failed) / float(self.ended()))
    }

    /// Mean run time in seconds.
    pub(super) fn mean_s(&self) -> Option<f64> {
        (self.times.count() > 0).then(|| self.time_s / float(self.times.count()))
    }
}

/// A count as a measured value.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    #[test]
    fn the_hour_slides_by_minutes_and_forgets() {
        let mut window = Window::<u64>::default();
        for minute in 0..90 {
            *window.at(minute * MINUTE + 30_000) += 1;
        }
        let now = 89 * MINUTE + 59_999;
        assert_eq!((window.hour(now), window.last(5, now), window.slots.len()), (60, 5, 60));
        assert_eq!(window.hour(now + 30 * MINUTE), 30);
        assert!(!window.is_over(now + 59 * MINUTE) && window.is_over(now + 60 * MINUTE));
    }

    #[test]
    fn a_settled_hour_is_the_same_hour() {
        let mut window = Window::<u64>::default();
        for step in 0..400_i64 {
            // Some minutes are empty, some are settled and then go on.
            let now = step * 23_000 + (step % 7) * 90_000;
            if step % 3 > 0 {
                *window.at(now) += 1;
            }
            if step % 2 > 0 {
                window.settle(now);
            }
            for later in [now, now + 10_000, now + 600_000, now + 3_600_000] {
                assert_eq!(window.hour(later), window.last(MINUTES, later), "{step} {later}");
            }
        }
    }

    #[test]
    fn a_clock_set_back_loses_nothing() {
        let mut window = Window::<u64>::default();
        *window.at(100 * MINUTE) += 1;
        *window.at(10 * MINUTE) += 1;
        assert_eq!(window.hour(100 * MINUTE), 2);
    }

    #[test]
    fn ratios_and_means_of_nothing_are_unknown() {
        let runs = Runs::default();
        assert_eq!((runs.failure_ratio(), runs.mean_s(), runs.times.quantile(0.5)), (None, None, None));
        let retried = Runs { retried: 3, failed: 1, succeeded: 3, ..Runs::default() };
        assert_eq!(retried.failure_ratio(), Some(0.25), "a retry is not an end");
    }
}
