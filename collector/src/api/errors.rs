//! `GET /api/v1/errors/...`: what went wrong, by hour and by type.

use std::collections::HashMap;

use axum::{extract::Request, response::Response};
use farol_store::{ErrorBucket, ErrorType, ResourceId};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App, aside, json_bytes,
    records::{Scope, filled, told},
    requests::write,
};
use crate::problem::Problem;

/// Most steps of one answer.
const STEPS_MAX: i64 = 1_500;

/// Length of a step when none is named: an hour, in milliseconds.
const STEP_MS_DEFAULT: i64 = 3_600_000;

/// Errors over time.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorHours {
    /// Length of a step, in milliseconds.
    pub step: i64,
    /// Every step of the range, in time order.
    pub hours: Vec<ErrorHour>,
}

/// What went wrong within one step.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ErrorHour {
    /// Start of the step, in milliseconds since the epoch.
    pub time: i64,
    /// Requests that failed.
    pub requests_failed: u64,
    /// Exceptions of every origin.
    pub exceptions: u64,
    /// Log records of level error and fatal.
    pub log_errors: u64,
}

/// Errors by type.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorTypes {
    /// Most frequent first.
    pub types: Vec<ErrorTypeEntry>,
}

/// Errors of one type and origin of one service.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorTypeEntry {
    /// Type of the exception.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many in the range.
    pub count: u64,
    /// Where it was seen: `request`, `span` or `log`.
    pub origin: String,
    /// Number of the service's resource.
    pub service: ResourceId,
    /// The newest of them.
    pub last: LastError,
}

/// One error.
#[derive(Debug, Serialize, ToSchema)]
pub struct LastError {
    /// When it happened, in milliseconds since the epoch.
    pub time: i64,
    /// Its message.
    pub message: Option<String>,
    /// Its stack, as text.
    pub stack: Option<String>,
    /// Route of the request that it ended.
    pub route: Option<String>,
    /// Tenant.
    pub tenant: Option<String>,
    /// W3C trace id.
    pub trace_id: Option<String>,
}

/// Answers errors over time.
pub(super) async fn by_hour(app: App, request: Request) -> Result<Response, Problem> {
    let scope = Scope::of(&app, &request, &["step"])?;
    let step = scope.step_ms(STEP_MS_DEFAULT, STEPS_MAX)?;
    let answer = aside(&request, move || {
        let range = scope.records(&app)?;
        let found = told(app.parts().store.error_buckets(&range, step))?;
        write(&ErrorHours { step, hours: every(found, (range.from_ms, range.to_ms), step) })
    });
    Ok(json_bytes(answer.await?))
}

/// Answers errors by type.
pub(super) async fn types(app: App, request: Request) -> Result<Response, Problem> {
    let scope = Scope::of(&app, &request, &["limit"])?;
    let limit = scope.limit(5)?;
    let answer = aside(&request, move || {
        let found = told(app.parts().store.error_types(&scope.records(&app)?, limit))?;
        write(&ErrorTypes { types: found.into_iter().map(entry).collect() })
    });
    Ok(json_bytes(answer.await?))
}

/// Every step of the range: where nothing went wrong, nothing is what happened.
fn every(found: Vec<ErrorBucket>, (from_ms, to_ms): (i64, i64), step_ms: i64) -> Vec<ErrorHour> {
    let known: HashMap<i64, ErrorBucket> = found.into_iter().map(|bucket| (bucket.time_ms, bucket)).collect();
    let first = from_ms.div_euclid(step_ms);
    let last = (to_ms - 1).div_euclid(step_ms);
    let hour = |step: i64| {
        let bucket = known.get(&(step * step_ms)).copied().unwrap_or_default();
        ErrorHour {
            time: step * step_ms,
            requests_failed: bucket.requests_failed,
            exceptions: bucket.exceptions,
            log_errors: bucket.log_errors,
        }
    };
    (first..=last).map(hour).collect()
}

fn entry(found: ErrorType) -> ErrorTypeEntry {
    let last = found.last;
    ErrorTypeEntry {
        kind: last.kind,
        count: found.count,
        origin: last.origin,
        service: found.resource,
        last: LastError {
            time: last.time_ms,
            message: filled(last.message),
            stack: filled(last.stack),
            route: last.route,
            tenant: last.tenant,
            trace_id: last.trace_id,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_without_errors_stand_between_those_with() {
        let bucket = ErrorBucket { time_ms: 120, requests_failed: 3, exceptions: 2, log_errors: 1 };
        let hours = every(vec![bucket], (70, 181), 60);
        let shown: Vec<(i64, u64)> = hours.iter().map(|hour| (hour.time, hour.requests_failed)).collect();
        assert_eq!(shown, [(60, 0), (120, 3), (180, 0)]);
    }
}
