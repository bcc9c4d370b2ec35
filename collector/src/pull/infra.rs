//! What hosting providers tell, in one form for all of them: machines and services with their load, and deployments.
//!
//! A provider's points are minutes old. The newest one is the value now, as long as it is fresh; older ones fill the history
//! in that is missing: the last hour at the start, and what a failure left out.

use std::time::Duration;

use farol_shared::{catalog, metric::Metric};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use super::{At, Code, PollError, Reading, http::Answer, reading::RateLimit};
pub use calendar::Moment;

mod calendar;

/// How much history is filled in, in milliseconds.
pub const HISTORY_MS: i64 = 3_600_000;

/// Points are put to whole minutes, so that a poll has few instants.
const MINUTE_MS: i64 = 60_000;

/// Most machines and services of one instance. More belong into several instances.
pub const TARGETS_MAX: usize = 100;

/// Most deployments that are shown.
pub const DEPLOYMENTS_MAX: usize = 20;

/// Longest wait for the end of a provider's window.
const WAIT_MAX: Duration = Duration::from_secs(3_600);

/// Longest name that is shown, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// What a hosting provider tells.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = Infra)]
pub struct Infra {
    /// The provider, for people, such as `AWS sa-east-1`.
    pub provider: String,
    /// Machines and services.
    pub targets: Vec<Target>,
    /// Newest first.
    pub deployments: Vec<Deployment>,
}

/// A machine or service. What is not known is missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = InfraTarget)]
pub struct Target {
    /// Name, for people.
    pub name: String,
    /// What it is: `ec2`, `service`, `droplet` and so on.
    pub kind: String,
    /// CPU in use against its limit, 0 to 1 (more while it bursts).
    pub cpu_ratio: Option<f64>,
    /// Memory in use against its limit, 0 to 1.
    pub memory_ratio: Option<f64>,
    /// CPU in use, in cores.
    pub cpu_used: Option<f64>,
    /// CPU that it may use, in cores.
    pub cpu_limit: Option<f64>,
    /// Memory in use, in bytes.
    pub memory_used: Option<f64>,
    /// Memory that it may use, in bytes.
    pub memory_limit: Option<f64>,
    /// Bytes received a second.
    pub network_in: Option<f64>,
    /// Bytes transmitted a second.
    pub network_out: Option<f64>,
    /// Disk in use against its size, 0 to 1.
    pub disk_ratio: Option<f64>,
    /// Further figures.
    pub metrics: Vec<Figure>,
    /// Why something is missing.
    pub reason: Option<String>,
    /// Time of the newest point, in ms since the epoch.
    pub at: Option<i64>,
}

/// A further figure of a machine or service.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = InfraFigure)]
pub struct Figure {
    /// Name, for people.
    pub name: String,
    /// The newest value.
    pub value: Option<f64>,
    /// Its unit (UCUM).
    pub unit: String,
}

/// A deployment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = InfraDeployment)]
pub struct Deployment {
    /// What was deployed.
    pub name: String,
    /// State in the provider's words, lower case.
    pub state: String,
    /// When it began, in ms since the epoch.
    pub at: Option<i64>,
    /// Its page.
    pub url: Option<String>,
}

/// Values of one quantity in order of their times (ms since the epoch).
pub type Points = Vec<(i64, f64)>;

/// Which time is missing in history: since the poll that succeeded last, else since the newest sample that was kept, but never
/// more than an hour.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gap {
    polled_ms: Option<i64>,
}

impl Gap {
    /// Where the missing time begins, exclusive.
    #[must_use]
    pub fn after(&self, at: &At) -> i64 {
        self.polled_ms.or(at.since_ms).unwrap_or(i64::MIN).max(at.now_ms.saturating_sub(HISTORY_MS))
    }

    /// A poll succeeded.
    pub fn close(&mut self, at: &At) {
        self.polled_ms = Some(at.now_ms);
    }
}

/// Writes one target's points into a reading.
#[derive(Debug)]
pub struct Writer<'a> {
    /// Where they go.
    pub reading: &'a mut Reading,
    /// Now, in ms since the epoch.
    pub now_ms: i64,
    /// Where the time begins that is missing in history.
    pub after_ms: i64,
    /// Age up to which the newest point is the value now, in milliseconds.
    pub fresh_ms: i64,
}

impl Writer<'_> {
    /// Writes points of a series; the newest one is returned as long as it is fresh.
    pub fn write(&mut self, metric: &'static Metric, attributes: &[(&str, &str)], points: &[(i64, f64)]) -> Option<f64> {
        for (time, value) in points {
            let time = time.div_euclid(MINUTE_MS) * MINUTE_MS;
            if time > self.after_ms && time < self.now_ms {
                self.reading.set_at(time, metric, attributes, *value);
            }
        }
        let newest = newest(points, self.now_ms, self.fresh_ms);
        self.reading.set(metric, attributes, newest);
        newest
    }

    /// Writes the points of both directions of a target's network.
    pub fn network(&mut self, target: &mut Target, receive: &[(i64, f64)], transmit: &[(i64, f64)]) {
        let name = target.name.clone();
        let attributes = |direction| [("farol.target", name.as_str()), ("network.io.direction", direction)];
        target.network_in = self.write(&catalog::HOSTING_NETWORK_IO, &attributes("receive"), receive);
        target.network_out = self.write(&catalog::HOSTING_NETWORK_IO, &attributes("transmit"), transmit);
        target.saw(receive);
        target.saw(transmit);
    }

    /// Writes a target's CPU.
    pub fn cpu(&mut self, target: &mut Target, points: &[(i64, f64)]) {
        target.cpu_ratio = self.write(&catalog::HOSTING_CPU_UTILIZATION, &[("farol.target", &target.name)], points);
        target.saw(points);
    }

    /// Writes a target's memory.
    pub fn memory(&mut self, target: &mut Target, points: &[(i64, f64)]) {
        target.memory_ratio = self.write(&catalog::HOSTING_MEMORY_UTILIZATION, &[("farol.target", &target.name)], points);
        target.saw(points);
    }

    /// Writes a target's disk.
    pub fn disk(&mut self, target: &mut Target, points: &[(i64, f64)]) {
        target.disk_ratio = self.write(&catalog::HOSTING_DISK_UTILIZATION, &[("farol.target", &target.name)], points);
        target.saw(points);
    }

    /// Writes a further figure of a target.
    pub fn figure(&mut self, target: &mut Target, name: &str, unit: &str, points: &[(i64, f64)]) {
        let attributes = [("farol.target", target.name.as_str()), ("farol.name", name), ("farol.unit", unit)];
        let value = self.write(&catalog::HOSTING_VALUE, &attributes, points);
        target.metrics.push(Figure { name: name.to_owned(), value, unit: unit.to_owned() });
        target.saw(points);
    }
}

impl Target {
    /// A target of which nothing is known.
    #[must_use]
    pub fn new(name: &str, kind: &str) -> Self {
        Self { name: shown(name), kind: kind.to_owned(), ..Self::default() }
    }

    /// Whether nothing is known of it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.at.is_none()
    }

    /// Says why something is missing; several reasons stand side by side.
    pub fn lacks(&mut self, reason: &str) {
        match &mut self.reason {
            None => self.reason = Some(reason.to_owned()),
            Some(told) if told.contains(reason) || told.len() > 4 * NAME_BYTES_MAX => {}
            Some(told) => {
                told.push_str("; ");
                told.push_str(reason);
            }
        }
    }

    fn saw(&mut self, points: &[(i64, f64)]) {
        self.at = self.at.max(points.last().map(|(time, _)| *time));
    }
}

/// The newest value, unless it is too old.
#[must_use]
pub fn newest(points: &[(i64, f64)], now_ms: i64, fresh_ms: i64) -> Option<f64> {
    points.last().filter(|(time, _)| now_ms.saturating_sub(*time) <= fresh_ms).map(|(_, value)| *value)
}

/// One figure of each two points of the same time; times that only one of them has are left out.
#[must_use]
pub fn together(a: &[(i64, f64)], b: &[(i64, f64)], make: impl Fn(f64, f64) -> Option<f64>) -> Points {
    let (mut a, mut b, mut made) = (a.iter().peekable(), b.iter().peekable(), Points::new());
    while let (Some((a_time, a_value)), Some((b_time, b_value))) = (a.peek(), b.peek()) {
        if a_time == b_time {
            made.extend(make(*a_value, *b_value).map(|value| (*a_time, value)));
        }
        match a_time.cmp(b_time) {
            std::cmp::Ordering::Less => _ = a.next(),
            std::cmp::Ordering::Greater => _ = b.next(),
            std::cmp::Ordering::Equal => _ = (a.next(), b.next()),
        }
    }
    made
}

/// `used / limit`; unknown without a limit.
#[must_use]
pub fn share(used: f64, limit: f64) -> Option<f64> {
    (limit > 0.0).then(|| used / limit).filter(|share| share.is_finite() && *share >= 0.0)
}

/// What is used of a limit that is told more rarely: each point against the newest limit before it, else the first.
#[must_use]
pub fn against(used: &[(i64, f64)], limits: &[(i64, f64)]) -> Points {
    let limit = |time: i64| {
        let after = limits.partition_point(|(told, _)| *told <= time);
        limits.get(after.saturating_sub(1)).map(|(_, limit)| *limit)
    };
    used.iter().filter_map(|(time, used)| Some((*time, share(*used, limit(*time)?)?))).collect()
}

/// How fast a counter grew from point to point. Where it fell, it began anew: that stretch is unknown.
#[must_use]
pub fn rates(counter: &[(i64, f64)]) -> Points {
    let pairs = counter.windows(2).filter_map(|pair| {
        let [(before, low), (time, high)] = pair else { return None };
        let seconds = calendar::seconds(time.checked_sub(*before)?)?;
        (*high >= *low && seconds > 0.0).then(|| (*time, (high - low) / seconds))
    });
    pairs.collect()
}

/// Puts points into the order of their times, one a time, no more than `max` (the newest).
pub fn order(points: &mut Points, max: usize) {
    points.sort_by_key(|(time, _)| *time);
    points.dedup_by_key(|(time, _)| *time);
    points.drain(..points.len().saturating_sub(max));
}

/// A provider's text as it is shown: one bounded line.
#[must_use]
pub fn shown(text: &str) -> String {
    let text = text.get(..text.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or_default();
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// An address as it is shown: only such that a browser may follow.
#[must_use]
pub fn link(text: &str) -> Option<String> {
    (text.starts_with("https://") && text.len() <= 2 * NAME_BYTES_MAX && !text.chars().any(char::is_control))
        .then(|| text.to_owned())
}

/// What is left of the calls that a provider allows, from the headers `PREFIX-limit`, `-remaining` and `-reset` (in seconds).
#[must_use]
pub fn rate_limit(answer: &Answer, prefix: &str) -> Option<RateLimit> {
    let header = |end: &str| answer.header(&format!("{prefix}-{end}"))?.trim().parse::<i64>().ok();
    let limit = RateLimit {
        limit: header("limit").and_then(|calls| calls.try_into().ok()),
        remaining: header("remaining").and_then(|calls| calls.try_into().ok()),
        reset_at: header("reset").and_then(|seconds| seconds.checked_mul(1_000)),
    };
    (limit != RateLimit::default()).then_some(limit)
}

/// What an answer that is no success means. One that was asked too often and is not told to wait waits until the window's end.
#[must_use]
pub fn refusal(answer: &Answer, prefix: &str, now_ms: i64) -> PollError {
    let error = answer.refusal();
    if error.code != Code::Limited || error.retry_after.is_some() {
        return error;
    }
    let left_ms = rate_limit(answer, prefix).and_then(|limit| limit.reset_at?.checked_sub(now_ms));
    let wait = left_ms.and_then(|ms| u64::try_from(ms).ok()).map(|ms| Duration::from_millis(ms).min(WAIT_MAX));
    PollError { retry_after: wait, ..error }
}

/// An answer read as JSON, whatever its content type says.
///
/// # Errors
/// [`PollError::bad_answer`], naming what was asked and where it broke, without a word of it.
pub fn json<T: DeserializeOwned>(body: &[u8], asked: &str) -> Result<T, PollError> {
    serde_json::from_slice(body).map_err(|error| {
        let wrong = match error.classify() {
            serde_json::error::Category::Eof => "ends too early",
            serde_json::error::Category::Data => "has another shape than expected",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "is no JSON",
        };
        PollError::bad_answer(format!("the answer to {asked} {wrong} (line {}, column {})", error.line(), error.column()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_begins_anew_leaves_a_gap() {
        let counter = [(0, 10.0), (60_000, 70.0), (120_000, 5.0), (180_000, 65.0), (180_000, 65.0)];
        assert_eq!(rates(&counter), [(60_000, 1.0), (180_000, 1.0)]);
        assert!(rates(&counter[..1]).is_empty());
    }

    #[test]
    fn only_points_of_the_same_time_go_together() {
        let (used, limit) = ([(1, 1.0), (2, 2.0), (4, 4.0)], [(2, 4.0), (3, 4.0), (4, 0.0)]);
        assert_eq!(together(&used, &limit, share), [(2, 0.5)]);
        // A limit that is told once holds before and after.
        assert_eq!(against(&used, &[(2, 4.0), (3, 8.0)]), [(1, 0.25), (2, 0.5), (4, 0.5)]);
        assert!(against(&used, &[]).is_empty());
    }

    #[test]
    fn history_is_filled_in_once_and_an_old_point_is_no_value_now() {
        let at = At { now_ms: 10 * 3_600_000, since_ms: None };
        let mut gap = Gap::default();
        assert_eq!(gap.after(&at), at.now_ms - HISTORY_MS);
        assert_eq!(gap.after(&At { since_ms: Some(at.now_ms - 5), ..at }), at.now_ms - 5);
        gap.close(&at);
        assert_eq!(gap.after(&At { now_ms: at.now_ms + 60_000, since_ms: None }), at.now_ms);

        let (mut reading, mut target) = (Reading::default(), Target::new("web", "droplet"));
        let mut writer = Writer { reading: &mut reading, now_ms: 600_000, after_ms: 120_000, fresh_ms: 100_000 };
        writer.cpu(&mut target, &[(60_000, 0.1), (125_000, 0.2), (185_000, 0.3), (400_000, 0.4)]);
        assert_eq!((target.cpu_ratio, target.at, target.is_blank()), (None, Some(400_000), false));
        assert_eq!(reading.earlier.keys().copied().collect::<Vec<_>>(), [180_000, 360_000]);
        assert!(reading.now.is_empty());
    }

    #[test]
    fn a_link_is_one_that_a_browser_may_follow() {
        assert!(link("https://a.example/x").is_some());
        assert_eq!(["javascript:alert(1)", "http://a", "https://a\n"].map(link), [None, None, None]);
    }
}
