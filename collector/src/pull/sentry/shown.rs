//! What the page shows of Sentry: the tables of the newest answers.

use serde::Serialize;
use utoipa::ToSchema;

use super::{SentryCount, SentryIssue, SentryTransaction};

/// What the page shows of release health and issues. Parts that are not known are absent values, never zeros.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct SentryHealth {
    /// Share of users without a crash in this hour and the one before, 0 to 1.
    pub crash_free_users_1h: Option<f64>,
    /// The same of the last day.
    pub crash_free_users_24h: Option<f64>,
    /// Share of sessions without a crash in this hour and the one before, 0 to 1.
    pub crash_free_sessions_1h: Option<f64>,
    /// The same of the last day.
    pub crash_free_sessions_24h: Option<f64>,
    /// Sessions of the last day.
    pub sessions_24h: Option<u64>,
    /// Users of the last day.
    pub users_24h: Option<u64>,
    /// Why there are no shares, when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Unresolved issues first seen in the last hour.
    pub new_issues_1h: Option<SentryCount>,
    /// Unresolved issues first seen in the last day.
    pub new_issues_24h: Option<SentryCount>,
    /// Issues that came back after they were resolved, seen in the last 14 days.
    pub regressed: Option<SentryCount>,
    /// Unresolved issues older than a day that were seen in the last day.
    pub recurring: Option<SentryCount>,
    /// Unresolved issues seen in the last 14 days.
    pub unresolved: Option<SentryCount>,
    /// Issues that happen far more often than before, seen in the last 14 days.
    pub escalating: Option<SentryCount>,
    /// The most frequent issues of the last day.
    pub top_issues: Vec<SentryIssue>,
    /// The issues in Sentry.
    pub link: String,
}

/// What the page shows of transactions over the last hour.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct SentryPerformance {
    /// The slowest by their 95th percentile.
    pub transactions: Vec<SentryTransaction>,
    /// Mean duration of all in ms.
    pub mean_ms: Option<f64>,
    /// 95th percentile of all in ms.
    pub p95_ms: Option<f64>,
    /// 99th percentile of all in ms.
    pub p99_ms: Option<f64>,
    /// How many there were.
    pub count: Option<u64>,
    /// Share that failed, by Sentry's judgement of their status, 0 to 1.
    pub failure_ratio: Option<f64>,
    /// Requests answered with a status of 500 or more; absent when no SDK here tells the status.
    pub errors_5xx: Option<u64>,
    /// The stretch that the figures are of, in s.
    pub window_s: u32,
    /// Whether Sentry extrapolates from a part of the transactions.
    pub sampled: bool,
    /// Mean duration minute by minute: beginning of the minute in ms since the epoch, ms. The last minutes are not yet whole.
    #[serde(serialize_with = "crate::number::pairs")]
    #[schema(value_type = Vec<Vec<f64>>)]
    pub latency: Vec<(i64, f64)>,
}
