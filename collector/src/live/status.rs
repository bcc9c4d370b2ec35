//! Status: one word for a resource and the reasons for it, steady enough that it does not flap.
//!
//! A threshold is entered at its value and left a little below it ([`SLACK`]); CPU is judged by its mean over some
//! seconds, because one busy second is not a state.

use serde::Serialize;
use utoipa::ToSchema;

use super::figures::Latest;

/// Above this share of CPU, memory or disk a resource is yellow.
pub const WARNING_ABOVE: f64 = 0.80;

/// Above this share it is red.
pub const CRITICAL_ABOVE: f64 = 0.95;

/// Above this share of throttled scheduler periods a resource is yellow.
pub const THROTTLED_ABOVE: f64 = 0.25;

/// Above this share of failed requests a service is yellow.
pub const ERRORS_WARNING_ABOVE: f64 = 0.05;

/// Above this share it is red.
pub const ERRORS_CRITICAL_ABOVE: f64 = 0.10;

/// Above this 95th percentile of durations a service is yellow, in seconds.
pub const LATENCY_WARNING_ABOVE_S: f64 = 0.5;

/// Above this it is red.
pub const LATENCY_CRITICAL_ABOVE_S: f64 = 1.0;

/// How far below its threshold a value must fall before the reason is taken back.
pub const SLACK: f64 = 0.03;

/// The same for the share of failed requests.
pub const ERRORS_SLACK: f64 = 0.01;

/// The same for durations, in seconds.
pub const LATENCY_SLACK_S: f64 = 0.05;

/// Time constant of the mean by which CPU and throttling are judged, in milliseconds.
const MEAN_OVER_MS: f64 = 4_000.0;

/// For how long a kill for want of memory stays a reason, in milliseconds.
pub const OOM_FOR_MS: i64 = 5 * 60 * 1_000;

/// A resource is silent when its newest sample is older than so many intervals ...
pub const SILENT_INTERVALS: i64 = 3;

/// ... and older than this, in milliseconds.
pub const SILENT_AFTER_MS: i64 = 5_000;

/// What a resource's light shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing wrong.
    #[default]
    Ok,
    /// Above 80 %, throttled, short of memory a moment ago, or requests that fail or take too long.
    Warning,
    /// Above 95 %, or requests that fail or take far too long.
    Critical,
    /// Nothing was heard for too long.
    Silent,
}

/// Why a status is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// CPU near its limit.
    CpuHigh,
    /// Memory near its limit.
    MemoryHigh,
    /// A file system nearly full.
    DiskHigh,
    /// No samples.
    Silent,
    /// Held back by the CPU quota.
    Throttled,
    /// The kernel killed a process for want of memory.
    Oom,
    /// Too many requests failed.
    ErrorsHigh,
    /// Requests took too long.
    LatencyHigh,
    /// An outside system did not answer when it was asked; its integration says why.
    NoAnswer,
}

/// One reason for a status.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Reason {
    /// What is wrong.
    pub code: Code,
    /// The value that is judged: a ratio, seconds, or a number of kills.
    pub value: f64,
    /// The threshold that it passed, in the same unit.
    pub threshold: f64,
    /// What it is about, such as a mount point.
    pub detail: Option<String>,
}

/// The memory that makes a status steady.
#[derive(Debug, Clone, Default)]
pub struct Judge {
    cpu: Mean,
    throttled: Mean,
    levels: [Status; 6],
    oom_kills: Option<f64>,
    oom_until_ms: Option<i64>,
    oom_recent: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    value: Option<f64>,
    at_ms: i64,
}

impl Mean {
    #[expect(clippy::cast_precision_loss, reason = "a stretch of time is far below 2^52 ms")]
    fn take(&mut self, value: Option<f64>, now_ms: i64) -> Option<f64> {
        let Some(value) = value else {
            *self = Self::default();
            return None;
        };
        let weight = 1.0 - (-(now_ms.saturating_sub(self.at_ms).max(0) as f64) / MEAN_OVER_MS).exp();
        let mean = self.value.map_or(value, |before| before + weight * (value - before));
        *self = Self { value: Some(mean), at_ms: now_ms };
        Some(mean)
    }
}

impl Judge {
    /// Judges the figures of this moment. `silent_ms` is for how long nothing was heard, when that is too long.
    pub fn judge(&mut self, latest: &Latest, now_ms: i64, silence: Option<Silence>) -> (Status, Vec<Reason>) {
        let mut reasons = Vec::new();
        if let Some(silence) = silence {
            // What was measured last says nothing about now.
            self.cpu = Mean::default();
            self.throttled = Mean::default();
            reasons.push(Reason {
                code: Code::Silent,
                value: seconds(silence.for_ms),
                threshold: seconds(silence.allowed_ms),
                detail: None,
            });
            return (Status::Silent, reasons);
        }
        let cpu = self.cpu.take(latest.cpu_ratio, now_ms);
        let throttled = self.throttled.take(latest.throttled_ratio, now_ms);
        let shares = [
            (Code::CpuHigh, cpu, None, Bounds::SHARE),
            (Code::MemoryHigh, latest.memory_ratio, None, Bounds::SHARE),
            (Code::DiskHigh, latest.disk_ratio, latest.disk_mount.as_ref(), Bounds::SHARE),
            (Code::Throttled, throttled, None, Bounds::THROTTLED),
            (Code::ErrorsHigh, latest.error_ratio, None, Bounds::ERRORS),
            (Code::LatencyHigh, latest.p95, None, Bounds::LATENCY),
        ];
        let mut status = Status::Ok;
        for ((code, value, detail, bounds), level) in shares.into_iter().zip(&mut self.levels) {
            let value = value.unwrap_or(0.0);
            *level = next_level(*level, value, bounds);
            if *level > Status::Ok {
                let threshold = if *level == Status::Critical { bounds.critical } else { bounds.warning };
                reasons.push(Reason { code, value: round(value), threshold, detail: detail.cloned() });
            }
            status = status.max(*level);
        }
        if latest.up == Some(0.0) {
            reasons.push(Reason { code: Code::NoAnswer, value: 0.0, threshold: 1.0, detail: None });
            status = status.max(Status::Warning);
        }
        if let Some(kills) = self.recent_kills(latest.oom_kills, now_ms) {
            reasons.push(Reason { code: Code::Oom, value: kills, threshold: 0.0, detail: None });
            status = status.max(Status::Warning);
        }
        (status, reasons)
    }

    fn recent_kills(&mut self, total: Option<f64>, now_ms: i64) -> Option<f64> {
        if self.oom_until_ms.is_some_and(|until| now_ms >= until) {
            (self.oom_until_ms, self.oom_recent) = (None, 0.0);
        }
        if let Some(total) = total {
            let grown = self.oom_kills.map_or(0.0, |before| total - before);
            if grown > 0.0 {
                self.oom_recent += grown;
                self.oom_until_ms = Some(now_ms.saturating_add(OOM_FOR_MS));
            }
            self.oom_kills = Some(total);
        }
        self.oom_until_ms.map(|_| self.oom_recent)
    }
}

/// For how long a resource has been silent, and for how long it may be, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// Age of the newest sample.
    pub for_ms: i64,
    /// Age above which a resource is silent.
    pub allowed_ms: i64,
}

impl Silence {
    /// Whether a newest sample of this age means silence at this interval.
    #[must_use]
    pub fn of(age_ms: i64, interval_ms: u64) -> Option<Self> {
        let interval = i64::try_from(interval_ms).unwrap_or(i64::MAX);
        let allowed_ms = interval.saturating_mul(SILENT_INTERVALS).max(SILENT_AFTER_MS);
        (age_ms > allowed_ms).then_some(Self { for_ms: age_ms, allowed_ms })
    }
}

/// Where a value begins to be a reason, and how far below it ceases to be one.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    warning: f64,
    critical: f64,
    slack: f64,
}

impl Bounds {
    const SHARE: Self = Self { warning: WARNING_ABOVE, critical: CRITICAL_ABOVE, slack: SLACK };
    const THROTTLED: Self = Self { warning: THROTTLED_ABOVE, critical: f64::INFINITY, slack: SLACK };
    const ERRORS: Self = Self { warning: ERRORS_WARNING_ABOVE, critical: ERRORS_CRITICAL_ABOVE, slack: ERRORS_SLACK };
    const LATENCY: Self = Self { warning: LATENCY_WARNING_ABOVE_S, critical: LATENCY_CRITICAL_ABOVE_S, slack: LATENCY_SLACK_S };
}

fn next_level(level: Status, value: f64, bounds: Bounds) -> Status {
    let slack = |at: Status| if level >= at { bounds.slack } else { 0.0 };
    if value > bounds.critical - slack(Status::Critical) {
        Status::Critical
    } else if value > bounds.warning - slack(Status::Warning) {
        Status::Warning
    } else {
        Status::Ok
    }
}

#[expect(clippy::cast_precision_loss, reason = "a stretch of time is far below 2^52 ms")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(ratio: f64) -> Latest {
        Latest { memory_ratio: Some(ratio), ..Latest::default() }
    }

    #[test]
    fn a_value_that_wavers_around_its_threshold_does_not_flap() {
        let mut judge = Judge::default();
        let mut seen = Vec::new();
        for (second, value) in [0.79, 0.81, 0.79, 0.81, 0.78, 0.76, 0.79].into_iter().enumerate() {
            seen.push(judge.judge(&memory(value), second as i64 * 1_000, None).0);
        }
        use Status::{Ok, Warning};
        assert_eq!(seen, [Ok, Warning, Warning, Warning, Warning, Ok, Ok]);
    }

    #[test]
    fn one_busy_second_is_not_a_state_but_ten_are() {
        let mut judge = Judge::default();
        let cpu = |ratio| Latest { cpu_ratio: Some(ratio), ..Latest::default() };
        assert_eq!(judge.judge(&cpu(0.1), 0, None).0, Status::Ok);
        assert_eq!(judge.judge(&cpu(1.0), 1_000, None).0, Status::Ok);
        let mut last = Status::Ok;
        for second in 2..20 {
            last = judge.judge(&cpu(1.0), second * 1_000, None).0;
        }
        assert_eq!(last, Status::Critical);
    }

    #[test]
    fn silence_hides_what_was_measured_last() {
        let mut judge = Judge::default();
        let silence = Silence::of(6_000, 1_000);
        let (status, reasons) = judge.judge(&memory(0.99), 0, silence);
        assert_eq!(status, Status::Silent);
        assert_eq!(reasons.len(), 1);
        assert_eq!((reasons[0].code, reasons[0].value, reasons[0].threshold), (Code::Silent, 6.0, 5.0));
        assert_eq!(Silence::of(5_000, 1_000), None);
        assert_eq!(Silence::of(20_000, 10_000), None, "three intervals of ten seconds");
    }

    #[test]
    fn failing_and_slow_requests_are_reasons_and_none_at_all_are_not() {
        let mut judge = Judge::default();
        let requests = |error_ratio, p95| Latest { error_ratio: Some(error_ratio), p95: Some(p95), ..Latest::default() };
        let mut judged = |latest: &Latest| {
            let (status, reasons) = judge.judge(latest, 0, None);
            (status, reasons.iter().map(|reason| reason.code).collect::<Vec<_>>())
        };
        assert_eq!(judged(&requests(0.05, 0.5)), (Status::Ok, vec![]));
        assert_eq!(judged(&requests(0.06, 0.5)), (Status::Warning, vec![Code::ErrorsHigh]));
        assert_eq!(judged(&requests(0.045, 0.6)), (Status::Warning, vec![Code::ErrorsHigh, Code::LatencyHigh]));
        assert_eq!(judged(&requests(0.11, 1.1)), (Status::Critical, vec![Code::ErrorsHigh, Code::LatencyHigh]));
        assert_eq!(judged(&requests(0.095, 0.96)), (Status::Critical, vec![Code::ErrorsHigh, Code::LatencyHigh]), "the slack");
        assert_eq!(judged(&Latest::default()), (Status::Ok, vec![]));
    }

    #[test]
    fn an_outside_system_that_does_not_answer_is_a_warning_until_it_does() {
        let mut judge = Judge::default();
        let up = |up| Latest { up: Some(up), ..Latest::default() };
        let (status, reasons) = judge.judge(&up(0.0), 0, None);
        assert_eq!((status, reasons[0].code), (Status::Warning, Code::NoAnswer));
        assert_eq!(judge.judge(&up(1.0), 1_000, None).0, Status::Ok);
    }

    #[test]
    fn a_kill_for_want_of_memory_is_a_reason_for_five_minutes() {
        let mut judge = Judge::default();
        let kills = |n| Latest { oom_kills: Some(n), ..Latest::default() };
        assert_eq!(judge.judge(&kills(3.0), 0, None).0, Status::Ok, "old kills are history");
        let (status, reasons) = judge.judge(&kills(4.0), 1_000, None);
        assert_eq!((status, reasons[0].code, reasons[0].value), (Status::Warning, Code::Oom, 1.0));
        assert_eq!(judge.judge(&kills(4.0), 1_000 + OOM_FOR_MS, None).0, Status::Ok);
    }
}
