//! One metric of one target: how it is asked, and what is known of it.

use crate::pull::infra::{self, Points};

/// Most points that are kept of a metric: an hour of minutes, and the rest of the last one.
const POINTS_MAX: usize = 64;

/// How long found dimensions hold, in milliseconds. They change when an instance is replaced or its agent configured anew.
const FOUND_HOLDS_MS: i64 = 3_600_000;

/// How long to wait before looking again for what was not found.
const NOT_FOUND_HOLDS_MS: i64 = 600_000;

/// Where a metric goes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    Cpu,
    CpuUsed,
    CpuLimit,
    Memory,
    MemoryUsed,
    MemoryLimit,
    FreeMemory,
    Disk,
    Receive,
    Transmit,
    /// A further figure: name and unit.
    Figure(&'static str, &'static str),
    /// One that the configuration names.
    Custom(String, String),
}

/// How CloudWatch's number becomes ours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// Each value divided by this.
    Over(f64),
    /// A sum over the period, by its seconds.
    PerSecond,
}

/// Why a metric has no values though the answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The policy does not allow it.
    Forbidden,
    /// CloudWatch failed at it.
    Internal,
    /// Not all came, in as many pages as are read.
    Partial,
}

/// The search for the exact dimensions of what the CloudWatch agent publishes.
#[derive(Debug, Clone, Default)]
pub(super) struct Lookup {
    pub asked_ms: Option<i64>,
    pub is_found: bool,
}

impl Lookup {
    pub(super) fn is_due(&self, now_ms: i64) -> bool {
        let holds = if self.is_found { FOUND_HOLDS_MS } else { NOT_FOUND_HOLDS_MS };
        self.asked_ms.is_none_or(|asked| now_ms.saturating_sub(asked) >= holds)
    }
}

/// One metric of one target.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub target: usize,
    pub namespace: String,
    pub metric: String,
    pub stat: String,
    /// In seconds.
    pub period: u32,
    pub place: Place,
    pub scale: Scale,
    pub dimensions: Vec<(String, String)>,
    pub lookup: Option<Lookup>,
    pub points: Points,
    pub trouble: Option<Trouble>,
    pub asked_ms: Option<i64>,
}

impl Query {
    pub(super) fn new(target: usize, namespace: &str, metric: &str, stat: &str, period: u32, place: Place) -> Self {
        Self {
            target,
            namespace: namespace.to_owned(),
            metric: metric.to_owned(),
            stat: stat.to_owned(),
            period,
            place,
            scale: Scale::Over(1.0),
            dimensions: Vec::new(),
            lookup: None,
            points: Points::new(),
            trouble: None,
            asked_ms: None,
        }
    }

    /// The same, but its dimensions must be found first.
    pub(super) fn looked_up(self) -> Self {
        Self { lookup: Some(Lookup::default()), ..self }
    }

    /// Whether it is time to ask: there is a new point once a period, and each question costs.
    pub(super) fn is_due(&self, now_ms: i64) -> bool {
        let is_known = self.lookup.as_ref().is_none_or(|lookup| lookup.is_found);
        // A fifth of the period is left for the jitter of polls.
        let wait_ms = i64::from(self.period) * 800;
        is_known && self.asked_ms.is_none_or(|asked| now_ms.saturating_sub(asked) >= wait_ms)
    }

    /// Age up to which the newest point is the value now: three periods, and five minutes that CloudWatch may take.
    pub(super) fn fresh_ms(&self) -> i64 {
        i64::from(self.period) * 3_000 + 300_000
    }

    /// Takes the points of an answer in, replacing those of the same times; a period that is not over is left out.
    pub(super) fn take(&mut self, asked_ms: i64, points: Vec<(i64, f64)>, trouble: Option<Trouble>) {
        let by = match self.scale {
            Scale::Over(divisor) => divisor,
            Scale::PerSecond => f64::from(self.period),
        };
        let is_over = |time: i64| time.saturating_add(i64::from(self.period) * 1_000) <= asked_ms;
        let new: Points = points.into_iter().filter(|(time, _)| is_over(*time)).map(|(time, value)| (time, value / by)).collect();
        self.points.retain(|(time, _)| !new.iter().any(|(other, _)| other == time));
        self.points.extend(new);
        infra::order(&mut self.points, POINTS_MAX);
        (self.trouble, self.asked_ms) = (trouble, Some(asked_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_become_rates_and_a_period_that_is_not_over_is_left_out() {
        let mut query = Query { scale: Scale::PerSecond, ..Query::new(0, "AWS/EC2", "NetworkIn", "Sum", 300, Place::Receive) };
        query.take(1_000_000, vec![(600_000, 3_000.0), (900_000, 9.0), (300_000, 600.0)], None);
        assert_eq!(query.points, [(300_000, 2.0), (600_000, 10.0)]);
        // The newest period may still change: what comes later counts.
        query.take(1_300_000, vec![(600_000, 6_000.0), (900_000, 300.0)], Some(Trouble::Partial));
        assert_eq!(query.points, [(300_000, 2.0), (600_000, 20.0), (900_000, 1.0)]);
        assert!(!query.is_due(1_300_000 + 239_000) && query.is_due(1_300_000 + 240_000));
    }

    #[test]
    fn what_must_be_found_first_is_not_asked_before() {
        let mut query = Query::new(0, "CWAgent", "mem_used_percent", "Average", 60, Place::Memory).looked_up();
        assert!(!query.is_due(0));
        query.lookup = Some(Lookup { asked_ms: Some(0), is_found: true });
        assert!(query.is_due(0));
        assert!(!query.lookup.as_ref().unwrap().is_due(FOUND_HOLDS_MS - 1));
        assert!(Lookup { asked_ms: Some(0), is_found: false }.is_due(NOT_FOUND_HOLDS_MS));
    }
}
