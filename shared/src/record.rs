//! Records: what a service did, beside its samples: requests in summary, slow and recent ones, errors, events, logs, checks.
//!
//! They travel in frames, each group with the place of its resource in the batch's tables. A record counts as one sample in
//! the books ([`crate::batch::Batch::taken`]), so that a lost one is as visible as a lost value. Durations are seconds, times
//! milliseconds since the epoch. All text is bounded here; agents cut, the collector refuses.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::{limit, sketch::Sketch};

/// What stands for a route, tenant or type when there were too many different ones to keep apart.
pub const OTHER: &str = "(other)";

/// What stands for the route of a request that matched none.
pub const NO_ROUTE: &str = "(no route)";

/// The records of one resource at one instant. Lists that are empty do not travel.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Records {
    /// Place of the resource in the batch's tables.
    #[serde(rename = "r")]
    pub resource: u32,
    /// Requests of this interval, folded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<RequestSummary>,
    /// The latest requests of this interval, whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent: Vec<Request>,
    /// Requests of this interval that took longer than the threshold, whole; the slowest when there were too many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slow: Vec<Request>,
    /// Errors of this interval by type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorSummary>,
    /// What happened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// Log records that travel whole: warnings and worse.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogRecord>,
    /// How many log records there were of each level, those in `logs` included.
    #[serde(default, skip_serializing_if = "Levels::is_empty")]
    pub levels: Levels,
    /// Results of health checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckResult>,
    /// Tables and texts of which only the newest is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<Snapshot>,
}

impl Records {
    /// How many records there are; what the books count. Counts by level are no records.
    #[must_use]
    pub fn count(&self) -> usize {
        self.requests.len()
            + self.recent.len()
            + self.slow.len()
            + self.errors.len()
            + self.events.len()
            + self.logs.len()
            + self.checks.len()
            + self.snapshots.len()
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count() == 0 && self.levels.is_empty()
    }
}

/// All requests of one interval that share method, route, status and tenant.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RequestSummary {
    /// HTTP method in capitals.
    pub method: String,
    /// Route template, such as `/users/{id}`; [`NO_ROUTE`] or [`OTHER`] when there is none.
    pub route: String,
    /// HTTP status; 0 when there was no answer.
    pub status: u16,
    /// Tenant, if known; [`OTHER`] when there were too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// How many.
    pub count: u64,
    /// How many of them failed: a status of 500 or more, or an error that the application told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// Sum of their durations in seconds.
    pub sum_s: f64,
    /// Shortest duration in seconds.
    pub min_s: f64,
    /// Longest duration in seconds.
    pub max_s: f64,
    /// Sum of the durations of those over the slow threshold, in seconds.
    #[serde(default, skip_serializing_if = "is_none")]
    pub slow_s: f64,
    /// Their durations in seconds, by [`Sketch::encode`].
    pub sketch: ByteBuf,
}

impl RequestSummary {
    /// The durations; empty when the bytes are no sketch.
    #[must_use]
    pub fn durations(&self) -> Sketch {
        Sketch::decode(&self.sketch).unwrap_or_default()
    }
}

/// One request.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Request {
    /// When it ended.
    #[serde(rename = "t")]
    pub time_ms: i64,
    /// HTTP method in capitals.
    pub method: String,
    /// Route template, as in [`RequestSummary::route`].
    pub route: String,
    /// Path as it was asked for, without its query.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// HTTP status; 0 when there was no answer.
    pub status: u16,
    /// How long it took, in seconds.
    pub duration_s: f64,
    /// Tenant, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// User, if known, as the application names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// W3C trace id, 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Type of the exception that ended it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
}

impl Request {
    /// Whether it failed: the server's fault, not the client's.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.status >= 500 || self.status == 0 || self.exception.is_some()
    }
}

/// Errors of one interval that share their type, origin and tenant, with the newest as a sample.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ErrorSummary {
    /// Type of the exception, such as `ValueError`; [`OTHER`] when there were too many.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it was seen: `request`, `span` or `log`.
    pub origin: String,
    /// Tenant, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// How many.
    pub count: u64,
    /// When the newest happened.
    #[serde(rename = "t")]
    pub time_ms: i64,
    /// Its message, with secrets masked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Its stack, as text, with secrets masked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stack: String,
    /// Route of the request that it ended, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// W3C trace id, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// Something that happened in the application's own terms.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    #[serde(rename = "t")]
    pub time_ms: i64,
    /// Type, such as `MessageSent`; any other name is a custom event.
    #[serde(rename = "type")]
    pub kind: String,
    /// Tenant, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What is told about it: a JSON object, private fields masked.
    pub payload: String,
}

/// One log record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogRecord {
    /// When it was written.
    #[serde(rename = "t")]
    pub time_ms: i64,
    /// How bad it is.
    pub level: Level,
    /// What it says, with secrets masked.
    pub message: String,
    /// Where it comes from: a file, unit, logger or stream.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Type of the exception in it, if one was recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// The exception's stack, as text, with secrets masked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stack: String,
    /// Tenant, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// W3C trace id, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// How bad a log record is: the six ranges of OpenTelemetry's severity numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Severity 1 to 4.
    Trace,
    /// Severity 5 to 8.
    Debug,
    /// Severity 9 to 12.
    #[default]
    Info,
    /// Severity 13 to 16.
    Warn,
    /// Severity 17 to 20.
    Error,
    /// Severity 21 to 24.
    Fatal,
}

impl Level {
    /// Every level, from the least.
    pub const ALL: [Self; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// The word for the level in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// The level of a word in any case, with the words that loggers use: `warning`, `critical`, `panic` and so on.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let known = [
            ("trace", Self::Trace),
            ("verbose", Self::Trace),
            ("debug", Self::Debug),
            ("info", Self::Info),
            ("information", Self::Info),
            ("notice", Self::Info),
            ("log", Self::Info),
            ("warn", Self::Warn),
            ("warning", Self::Warn),
            ("error", Self::Error),
            ("err", Self::Error),
            ("severe", Self::Error),
            ("critical", Self::Fatal),
            ("crit", Self::Fatal),
            ("fatal", Self::Fatal),
            ("alert", Self::Fatal),
            ("emergency", Self::Fatal),
            ("emerg", Self::Fatal),
            ("panic", Self::Fatal),
        ];
        known.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, level)| *level)
    }

    /// The level of an OpenTelemetry severity number; 0 and what is unknown is information.
    #[must_use]
    pub const fn of_severity(number: u32) -> Self {
        match number {
            1..=4 => Self::Trace,
            5..=8 => Self::Debug,
            13..=16 => Self::Warn,
            17..=20 => Self::Error,
            21..=24 => Self::Fatal,
            _ => Self::Info,
        }
    }
}

/// How many log records there were of each level, in the order of [`Level::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Levels(pub [u64; 6]);

impl Levels {
    /// Counts one record.
    pub fn add(&mut self, level: Level) {
        self.0[level as usize] = self.0[level as usize].saturating_add(1);
    }

    /// How many there were of one level.
    #[must_use]
    pub fn of(&self, level: Level) -> u64 {
        self.0[level as usize]
    }

    /// Adds other counts to these.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, other)| *mine = mine.saturating_add(other));
    }

    /// Whether there were none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 6]
    }
}

/// What one health check found.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CheckResult {
    /// When it was done.
    #[serde(rename = "t")]
    pub time_ms: i64,
    /// Name of the check, unique within its resource.
    pub name: String,
    /// What sort of check: `http`, `tcp`, `tls`, `redis`, `postgres`, `mysql`, `amqp`, `process`, `command` or `statsd`.
    pub kind: String,
    /// What was checked, without credentials.
    pub target: String,
    /// What it found, after the thresholds of consecutive results.
    pub state: CheckState,
    /// Whether this one check succeeded.
    pub is_success: bool,
    /// How long it took, in seconds, if it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_s: Option<f64>,
    /// Why it is not online, or what else there is to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// A table or a text about a resource that replaces the one of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its name, unique within its resource.
    pub name: String,
    /// What it says, as JSON; at most [`limit::SNAPSHOT_BYTES_MAX`] bytes.
    pub body: String,
}

/// What a health check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// It answers as it should.
    #[default]
    Online,
    /// It answers, but slowly, or it fails but not yet often enough to be offline.
    Degraded,
    /// It does not answer.
    Offline,
}

impl CheckState {
    /// The word for the state in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Degraded => "degraded",
            Self::Offline => "offline",
        }
    }
}

/// What of a group of records is over its bound: its name, size and bound.
#[must_use]
pub fn over_bound(records: &Records) -> Option<(&'static str, usize, usize)> {
    let text = limit::RECORD_TEXT_BYTES_MAX;
    let requests = records.recent.iter().chain(&records.slow);
    let names = (records.requests.iter().flat_map(|one| [one.method.len(), one.route.len(), opt(&one.tenant)]))
        .chain(
            requests
                .clone()
                .flat_map(|one| [one.method.len(), one.route.len(), one.path.len(), opt(&one.tenant), opt(&one.user)]),
        )
        .chain(requests.flat_map(|one| [opt(&one.trace_id), opt(&one.exception)]))
        .chain(
            records
                .errors
                .iter()
                .flat_map(|one| [one.kind.len(), one.origin.len(), opt(&one.tenant), opt(&one.route), opt(&one.trace_id)]),
        )
        .chain(records.events.iter().flat_map(|one| [one.kind.len(), opt(&one.tenant)]))
        .chain(records.logs.iter().flat_map(|one| [one.source.len(), opt(&one.exception), opt(&one.tenant), opt(&one.trace_id)]))
        .chain(records.checks.iter().flat_map(|one| [one.name.len(), one.kind.len(), one.target.len()]))
        .chain(records.snapshots.iter().map(|one| one.name.len()))
        .max();
    let texts = (records.errors.iter().flat_map(|one| [one.message.len(), one.stack.len()]))
        .chain(records.events.iter().map(|one| one.payload.len()))
        .chain(records.logs.iter().flat_map(|one| [one.message.len(), one.stack.len()]))
        .chain(records.checks.iter().map(|one| one.detail.len()))
        .max();
    [
        ("a record's name", names.unwrap_or(0), limit::VALUE_BYTES_MAX),
        ("a record's text", texts.unwrap_or(0), text),
        ("a snapshot", records.snapshots.iter().map(|one| one.body.len()).max().unwrap_or(0), limit::SNAPSHOT_BYTES_MAX),
        ("snapshots of one resource", records.snapshots.len(), limit::SNAPSHOTS_MAX),
        ("records of one resource", records.count(), limit::FRAME_RECORDS_MAX),
    ]
    .into_iter()
    .find(|(_, is, max)| is > max)
}

/// What in a group of records cannot be: in words.
#[must_use]
pub fn contradiction(records: &Records) -> Option<&'static str> {
    let is_duration = |seconds: f64| seconds.is_finite() && seconds >= 0.0;
    let summaries = &records.requests;
    if summaries.iter().any(|one| one.count == 0 || one.failed > one.count) {
        return Some("a request summary counts none, or more failures than requests");
    }
    if summaries.iter().any(|one| [one.sum_s, one.min_s, one.max_s, one.slow_s].into_iter().any(|s| !is_duration(s))) {
        return Some("a request summary has a duration that is no positive number");
    }
    if summaries.iter().any(|one| Sketch::decode(&one.sketch).map(|sketch| sketch.count()) != Ok(one.count)) {
        return Some("the sketch of a request summary does not hold as many values as it counts");
    }
    if records.recent.iter().chain(&records.slow).any(|one| !is_duration(one.duration_s)) {
        return Some("a request has a duration that is no positive number");
    }
    if records.checks.iter().any(|one| one.latency_s.is_some_and(|latency| !is_duration(latency))) {
        return Some("a check has a latency that is no positive number");
    }
    None
}

fn opt(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, String::len)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(seconds: &f64) -> bool {
    *seconds == 0.0
}
