//! Questions about records and their answers: requests, errors, logs, events and checks.
//!
//! Times are milliseconds since the epoch, durations seconds. A range holds what happened at `from_ms <= t < to_ms`. Records
//! that are kept whole (requests, logs, events, results of checks) are found by their own time. Counts and durations are
//! kept by the minute: a minute counts when its start is inside the range. Where minutes are no longer kept, so do hours.

use farol_shared::{
    record::{CheckResult, ErrorSummary, Level},
    sketch::Sketch,
};

use super::ResourceId;

/// Which records a question is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordRange {
    /// Start, inclusive, in milliseconds since the epoch.
    pub from_ms: i64,
    /// End, exclusive, in milliseconds since the epoch.
    pub to_ms: i64,
    /// Of which resources; empty means all.
    pub resources: Vec<ResourceId>,
    /// Of which tenant; none means all, those without a tenant included. Checks have no tenant and are always told.
    pub tenant: Option<String>,
}

/// Requests added up.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Totals {
    /// How many.
    pub count: u64,
    /// How many of them failed.
    pub failed: u64,
    /// Sum of their durations in seconds.
    pub sum_s: f64,
    /// Shortest duration in seconds; 0 when there are none.
    pub min_s: f64,
    /// Longest duration in seconds; 0 when there are none.
    pub max_s: f64,
    /// Sum of the durations of those over the slow threshold, in seconds.
    pub slow_s: f64,
    /// All durations in seconds.
    pub sketch: Sketch,
}

impl Totals {
    /// Mean duration in seconds, if there are any requests.
    #[must_use]
    pub fn mean_s(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a count of requests is far below 2^53")]
        let count = self.count as f64;
        (self.count > 0).then(|| self.sum_s / count)
    }
}

/// Requests of one method and route.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Endpoint {
    /// HTTP method in capitals.
    pub method: String,
    /// Route template; [`farol_shared::record::OTHER`] for all beyond the bound.
    pub route: String,
    /// Its requests.
    pub totals: Totals,
}

/// Requests of one tenant.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TenantTotals {
    /// The tenant; none for requests without one, [`farol_shared::record::OTHER`] for all beyond the bound.
    pub tenant: Option<String>,
    /// Its requests.
    pub totals: Totals,
}

/// What went wrong within one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ErrorBucket {
    /// Start of the step.
    pub time_ms: i64,
    /// Requests that failed.
    pub requests_failed: u64,
    /// Exceptions of every origin.
    pub exceptions: u64,
    /// Log records of level error and fatal; of one tenant, those that travelled whole.
    pub log_errors: u64,
}

/// Errors of one type and origin of one resource.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ErrorType {
    /// How many in the range; hours count as minutes do elsewhere: by their start.
    pub count: u64,
    /// Where they happened.
    pub resource: ResourceId,
    /// The newest of them; type and origin are in it, and its own `count` is that of all of them.
    pub last: ErrorSummary,
}

/// A record that is kept whole.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stored<T> {
    /// Its number: never used again for another of its sort; later ones are larger.
    pub id: i64,
    /// What it belongs to.
    pub resource: ResourceId,
    /// The record.
    pub record: T,
}

/// What one health check found over a range.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CheckSummary {
    /// Who checks: the agent's own resource.
    pub resource: ResourceId,
    /// Name of the check, unique within its resource.
    pub name: String,
    /// What sort of check.
    pub kind: String,
    /// What is checked, without credentials.
    pub target: String,
    /// How often it was checked.
    pub total: u64,
    /// How often it succeeded.
    pub online: u64,
    /// Mean latency in seconds, of those that were answered.
    pub mean_latency_s: Option<f64>,
    /// The newest result before the end of the range.
    pub latest: CheckResult,
}

/// The newest snapshot of a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// Its name, unique within its resource.
    pub name: String,
    /// When it was taken, in ms since the epoch.
    pub time_ms: i64,
    /// What it says, as JSON.
    pub body: String,
}

/// Where a page of records ends: time and number of its last record. The next page holds what comes before.
pub type Before = (i64, i64);

/// A question about log records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogQuery {
    /// Which.
    pub range: RecordRange,
    /// The least level.
    pub least: Level,
    /// Words that must all stand in message, exception or source; the last one may be the beginning of a word.
    pub text: Option<String>,
    /// Only what comes before this record.
    pub before: Option<Before>,
    /// Most records; at most [`crate::RECORDS_MAX`].
    pub limit: usize,
}

/// A question about events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventQuery {
    /// Which.
    pub range: RecordRange,
    /// Of which types; empty means all.
    pub kinds: Vec<String>,
    /// Only what comes before this event.
    pub before: Option<Before>,
    /// Most events; at most [`crate::RECORDS_MAX`].
    pub limit: usize,
}
