//! `GET /api/v1/logs`: log records that travelled whole, newest first.

use axum::{extract::Request, response::Response};
use farol_shared::record::{Level, LogRecord};
use farol_store::{LogQuery, ResourceId, Stored};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App, aside, json_bytes,
    parameters::wrong,
    records::{Scope, filled, next, told},
    requests::write,
};
use crate::problem::Problem;

/// Longest search, in bytes.
const SEARCH_BYTES_MAX: usize = 256;

/// A page of log records.
#[derive(Debug, Serialize, ToSchema)]
pub struct Logs {
    /// Newest first.
    pub logs: Vec<LogEntry>,
    /// Parameter `before` of the next page; `null` on the last one.
    pub next: Option<String>,
}

/// One log record.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogEntry {
    /// Its number.
    pub id: i64,
    /// When it was written, in milliseconds since the epoch.
    pub time: i64,
    /// Number of the service's resource.
    pub service: ResourceId,
    /// `trace`, `debug`, `info`, `warn`, `error` or `fatal`.
    pub level: &'static str,
    /// What it says.
    pub message: String,
    /// File, unit, logger or stream that it comes from.
    pub source: Option<String>,
    /// Type of the exception in it.
    pub exception: Option<String>,
    /// The exception's stack, as text.
    pub stack: Option<String>,
    /// Tenant.
    pub tenant: Option<String>,
    /// W3C trace id.
    pub trace_id: Option<String>,
}

/// Answers log records.
pub(super) async fn logs(app: App, request: Request) -> Result<Response, Problem> {
    let scope = Scope::of(&app, &request, &["level", "q", "limit", "before"])?;
    let words = Level::ALL.map(|level| (level.as_str(), level));
    let least = scope.parameters.word("level", &words)?.unwrap_or(Level::Warn);
    let text = scope.parameters.text("q").map(str::to_owned);
    if text.as_ref().is_some_and(|text| text.len() > SEARCH_BYTES_MAX) {
        return Err(wrong("q", format!("is longer than {SEARCH_BYTES_MAX} bytes")));
    }
    let (limit, before) = (scope.limit(50)?, scope.before()?);
    let answer = aside(&request, move || {
        let question = LogQuery { range: scope.records(&app)?, least, text, before, limit };
        let found = told(app.parts().store.logs(&question))?;
        let next = next(found.last().map(|last| (last.record.time_ms, last.id)), found.len() >= limit);
        write(&Logs { logs: found.into_iter().map(entry).collect(), next })
    });
    Ok(json_bytes(answer.await?))
}

fn entry(found: Stored<LogRecord>) -> LogEntry {
    let one = found.record;
    LogEntry {
        id: found.id,
        time: one.time_ms,
        service: found.resource,
        level: one.level.as_str(),
        message: one.message,
        source: filled(one.source),
        exception: one.exception,
        stack: filled(one.stack),
        tenant: one.tenant,
        trace_id: one.trace_id,
    }
}
