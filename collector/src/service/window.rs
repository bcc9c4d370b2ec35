//! The sliding window of one service: the requests of the last minute, second by second.
//!
//! A frame counts in the second in which it was read, by the collector's clock, so that frames that arrive late still land where
//! they belong; what is older than the window is history's business. Bounded: [`WINDOW_S`] slots, each with one sketch of at most
//! [`farol_shared::sketch::RANGES`] counts.

use farol_shared::{record::RequestSummary, sketch::Sketch};

/// Length of the window in seconds: long enough for steady quantiles, short enough to be about now.
pub const WINDOW_S: i64 = 60;

/// Up to this duration a request satisfies, in seconds: the T of Apdex.
pub const APDEX_T_S: f64 = 0.5;

/// Up to this duration it is tolerated, in seconds: four times T, as Apdex says.
pub const APDEX_TOLERATED_S: f64 = 4.0 * APDEX_T_S;

/// What the requests of a stretch of time add up to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// How many.
    pub count: u64,
    /// How many of them failed.
    pub failed: u64,
    /// Sum of their durations in seconds.
    pub sum_s: f64,
    /// Shortest in seconds; 0 when there are none.
    pub min_s: f64,
    /// Longest in seconds; 0 when there are none.
    pub max_s: f64,
    /// How many satisfied, about: a failed one never does.
    pub satisfied: f64,
    /// How many were tolerated, about.
    pub tolerated: f64,
    /// Their durations in seconds.
    pub sketch: Sketch,
}

impl Figures {
    /// Adds others.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let is_first = self.count == 0;
        self.min_s = if is_first { other.min_s } else { self.min_s.min(other.min_s) };
        self.max_s = self.max_s.max(other.max_s);
        self.count = self.count.saturating_add(other.count);
        self.failed = self.failed.saturating_add(other.failed);
        self.sum_s += other.sum_s;
        self.satisfied += other.satisfied;
        self.tolerated += other.tolerated;
        self.sketch.merge(&other.sketch);
    }

    /// The figures of one summary.
    #[must_use]
    pub fn of(summary: &RequestSummary) -> Self {
        Self::with(summary.count, summary.failed, [summary.sum_s, summary.min_s, summary.max_s], summary.durations())
    }

    /// Figures from their parts; which of the requests failed is not known, so failures count as evenly spread over durations.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
    pub fn with(count: u64, failed: u64, [sum_s, min_s, max_s]: [f64; 3], sketch: Sketch) -> Self {
        let succeeded = if count == 0 { 0.0 } else { count.saturating_sub(failed) as f64 / count as f64 };
        let satisfied = sketch.at_most(APDEX_T_S);
        let tolerated = sketch.at_most(APDEX_TOLERATED_S).saturating_sub(satisfied);
        let (satisfied, tolerated) = (satisfied as f64 * succeeded, tolerated as f64 * succeeded);
        Self { count, failed, sum_s, min_s, max_s, satisfied, tolerated, sketch }
    }

    /// Share of failures; `None` when there were no requests.
    #[must_use]
    pub fn error_ratio(&self) -> Option<f64> {
        self.per_request(self.failed as f64)
    }

    /// Mean duration in seconds.
    #[must_use]
    pub fn mean_s(&self) -> Option<f64> {
        // A sum of rounded parts may leave the stretch between shortest and longest by a hair.
        self.per_request(self.sum_s).map(|mean| self.within(mean))
    }

    /// Shortest and longest duration in seconds.
    #[must_use]
    pub fn extremes_s(&self) -> Option<(f64, f64)> {
        (self.count > 0).then_some((self.min_s, self.max_s))
    }

    /// A quantile of the durations in seconds, off by at most the sketch's error.
    #[must_use]
    pub fn quantile_s(&self, q: f64) -> Option<f64> {
        self.sketch.quantile(q).map(|value| self.within(value))
    }

    /// Apdex from 0 to 1.
    #[must_use]
    pub fn apdex(&self) -> Option<f64> {
        self.per_request(self.satisfied + self.tolerated / 2.0)
    }

    fn within(&self, value: f64) -> f64 {
        value.max(self.min_s).min(self.max_s)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
    fn per_request(&self, value: f64) -> Option<f64> {
        (self.count > 0).then(|| value / self.count as f64)
    }
}

/// The window. See the head of this file.
#[derive(Debug, Clone, Default)]
pub struct Window {
    slots: Vec<Slot>,
    /// When the first request was told, less the interval over which it was summed up, in milliseconds; unset before.
    since_ms: Option<i64>,
}

#[derive(Debug, Clone)]
struct Slot {
    second: i64,
    figures: Figures,
}

impl Window {
    /// Says that requests are known from now on, though there is none yet: the rate is 0, not unknown.
    pub fn begin(&mut self, now_ms: i64) {
        self.since_ms.get_or_insert(now_ms);
    }

    /// Takes in the requests of one frame, read at `time_ms` over `interval_ms`. Answers whether they are within the window.
    pub fn take(&mut self, time_ms: i64, interval_ms: i64, now_ms: i64, summaries: &[RequestSummary]) -> bool {
        let (second, now_s) = (time_ms.div_euclid(1_000), now_ms.div_euclid(1_000));
        if !(now_s - WINDOW_S + 1..=now_s).contains(&second) {
            return false;
        }
        let start_ms = time_ms.saturating_sub(interval_ms);
        self.since_ms = Some(self.since_ms.map_or(start_ms, |since| since.min(start_ms)));
        let figures = self.slot(second);
        for summary in summaries {
            figures.merge(&Figures::of(summary));
        }
        true
    }

    /// What the window holds at this moment.
    #[must_use]
    pub fn figures(&self, now_ms: i64) -> Figures {
        let mut all = Figures::default();
        for slot in self.within(now_ms) {
            all.merge(&slot.figures);
        }
        all
    }

    /// Requests a second at this moment: over the whole window, or since the first request when that is shorter.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
    pub fn rate(&self, now_ms: i64) -> Option<f64> {
        let since_ms = self.since_ms?;
        let span_ms = now_ms.saturating_sub(since_ms).clamp(1_000, WINDOW_S * 1_000);
        let count: u64 = self.within(now_ms).map(|slot| slot.figures.count).sum();
        Some(count as f64 * 1_000.0 / span_ms as f64)
    }

    fn within(&self, now_ms: i64) -> impl Iterator<Item = &Slot> {
        let now_s = now_ms.div_euclid(1_000);
        self.slots.iter().filter(move |slot| (now_s - WINDOW_S + 1..=now_s).contains(&slot.second))
    }

    /// The slot of a second. Seconds that are a window apart share one; the newcomer is the one that is within the window.
    fn slot(&mut self, second: i64) -> &mut Figures {
        let is_its = |slot: &Slot| slot.second.rem_euclid(WINDOW_S) == second.rem_euclid(WINDOW_S);
        let index = self.slots.iter().position(is_its).unwrap_or_else(|| {
            self.slots.push(Slot { second, figures: Figures::default() });
            self.slots.len() - 1
        });
        let slot = &mut self.slots[index];
        if slot.second != second {
            *slot = Slot { second, figures: Figures::default() };
        }
        &mut slot.figures
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_bytes::ByteBuf;

    use super::*;

    fn summary(durations: &[f64], failed: u64) -> RequestSummary {
        let mut sketch = Sketch::new();
        durations.iter().for_each(|duration| sketch.record(*duration, 1));
        let mut bytes = Vec::new();
        sketch.encode(&mut bytes);
        RequestSummary {
            count: durations.len() as u64,
            failed,
            sum_s: durations.iter().sum(),
            min_s: durations.iter().copied().fold(f64::INFINITY, f64::min),
            max_s: durations.iter().copied().fold(0.0, f64::max),
            sketch: ByteBuf::from(bytes),
            ..RequestSummary::default()
        }
    }

    #[test]
    fn an_empty_window_has_no_ratio_and_no_quantile() {
        let window = Window::default();
        let figures = window.figures(0);
        assert_eq!((figures.error_ratio(), figures.mean_s(), figures.quantile_s(0.5), figures.apdex()), (None, None, None, None));
        assert_eq!(window.rate(0), None, "nobody ever told of a request");
    }

    #[test]
    fn a_rate_is_taken_over_what_is_known_and_falls_to_nothing() {
        let mut window = Window::default();
        assert!(window.take(100_000, 1_000, 100_200, &[summary(&[0.1; 10], 0)]));
        assert_eq!(window.rate(100_000), Some(10.0));
        assert!(window.take(101_000, 1_000, 101_000, &[summary(&[0.1; 20], 0)]));
        assert_eq!(window.rate(101_000), Some(15.0));
        assert_eq!(window.rate(150_000).map(|rate| (rate * 51.0).round()), Some(30.0));
        assert_eq!(window.rate(161_000), Some(0.0));
        assert_eq!(window.figures(161_000), Figures::default());
    }

    #[test]
    fn late_frames_count_where_they_belong_and_older_ones_are_left_to_history() {
        let mut window = Window::default();
        assert!(window.take(100_000, 1_000, 100_000, &[summary(&[0.1], 0)]));
        assert!(window.take(41_000, 1_000, 100_900, &[summary(&[0.2], 0)]));
        assert!(!window.take(40_999, 1_000, 100_900, &[summary(&[0.3], 0)]));
        assert!(!window.take(101_000, 1_000, 100_900, &[summary(&[0.3], 0)]), "nothing is heard in the future");
        assert_eq!(window.figures(100_900).count, 2);
        assert_eq!(window.figures(101_000).count, 1);
    }

    #[test]
    fn a_failed_request_satisfies_nobody() {
        let mut window = Window::default();
        let told = [summary(&[0.1, 0.1], 0), summary(&[0.1], 1), summary(&[1.0], 0), summary(&[3.0], 0)];
        assert!(window.take(0, 1_000, 0, &told));
        let figures = window.figures(0);
        assert_eq!(figures.apdex(), Some((2.0 + 0.5) / 5.0));
        assert_eq!((figures.error_ratio(), figures.extremes_s()), (Some(0.2), Some((0.1, 3.0))));
    }

    /// Milliseconds since the last frame, how late it arrives, durations, whether they failed.
    type Step = (i64, i64, Vec<f64>, bool);

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let durations = prop::collection::vec(0.0001_f64..20.0, 0..5);
        prop::collection::vec((0_i64..20_000, 0_i64..90_000, durations, any::<bool>()), 0..60)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
    fn rank(q: f64, count: usize) -> usize {
        (q * (count - 1) as f64).round() as usize
    }

    proptest! {
        #[test]
        fn the_window_is_what_a_list_of_all_requests_says(steps in steps()) {
            let (mut window, mut all, mut now_ms) = (Window::default(), Vec::new(), 1_000_000_i64);
            for (step_ms, late_ms, durations, is_failed) in steps {
                now_ms += step_ms;
                let time_ms = now_ms - late_ms;
                let failed = if is_failed { durations.len() as u64 } else { 0 };
                let told: Vec<RequestSummary> = if durations.is_empty() { Vec::new() } else { vec![summary(&durations, failed)] };
                window.take(time_ms, 1_000, now_ms, &told);
                all.extend(durations.into_iter().map(|duration| (time_ms.div_euclid(1_000), duration, is_failed)));
                let now_s = now_ms.div_euclid(1_000);
                let within: Vec<_> = all.iter().filter(|(second, ..)| *second > now_s - WINDOW_S).collect();
                let figures = window.figures(now_ms);
                prop_assert_eq!(figures.count, within.len() as u64);
                prop_assert_eq!(figures.failed, within.iter().filter(|(.., failed)| *failed).count() as u64);
                let mut sorted: Vec<f64> = within.iter().map(|(_, duration, _)| *duration).collect();
                sorted.sort_by(f64::total_cmp);
                if let (Some(least), Some(most)) = (sorted.first(), sorted.last()) {
                    prop_assert_eq!(figures.extremes_s(), Some((*least, *most)));
                    let (told, real) = (figures.quantile_s(0.95).unwrap(), sorted[rank(0.95, sorted.len())]);
                    prop_assert!((told - real).abs() <= real * farol_shared::sketch::RELATIVE_ERROR_MAX * 1.000_001, "{told} for {real}");
                }
            }
        }
    }
}
