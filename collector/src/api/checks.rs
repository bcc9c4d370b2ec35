//! `GET /api/v1/checks`: health checks with their availability and latest results.

use axum::{extract::Request, response::Response};
use farol_shared::record::CheckResult;
use farol_store::{CheckSummary, RecordRange, ResourceId, Store};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App, aside, json_bytes,
    records::{Scope, filled, ms, share, told},
    requests::write,
};
use crate::problem::Problem;

/// Most checks whose results one answer holds; the rest is told without.
const CHECKS_MAX: usize = 200;

/// Health checks.
#[derive(Debug, Serialize, ToSchema)]
pub struct Checks {
    /// By resource and name.
    pub checks: Vec<CheckEntry>,
}

/// One health check.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckEntry {
    /// Number of the resource whose agent checks.
    pub resource: ResourceId,
    /// Name of the check, unique within the resource.
    pub name: String,
    /// `http`, `tcp`, `tls`, `redis`, `postgres`, `mysql`, `amqp`, `process` or `command`.
    pub kind: String,
    /// What is checked.
    pub target: String,
    /// What it says now: `online`, `degraded` or `offline`.
    pub state: &'static str,
    /// Share of the checks of the range that succeeded, 0 to 1; `null` when there were none.
    pub availability: Option<f64>,
    /// Mean latency of those that were answered.
    pub mean_latency_ms: Option<f64>,
    /// How often it was checked in the range.
    pub total: u64,
    /// When it was checked last, in milliseconds since the epoch.
    pub time: i64,
    /// What else there is to say.
    pub detail: Option<String>,
    /// The latest results, newest first.
    pub results: Vec<CheckPoint>,
}

/// One result.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckPoint {
    /// When, in milliseconds since the epoch.
    pub time: i64,
    /// `online`, `degraded` or `offline`.
    pub state: &'static str,
    /// Whether this one check succeeded.
    pub success: bool,
    /// How long it took, if it was answered.
    pub latency_ms: Option<f64>,
    /// What else there is to say.
    pub detail: Option<String>,
}

/// Answers health checks.
pub(super) async fn checks(app: App, request: Request) -> Result<Response, Problem> {
    let scope = Scope::of(&app, &request, &["limit"])?;
    let limit = scope.limit(50)?;
    let answer = aside(&request, move || {
        let (store, range) = (&app.parts().store, scope.of_resources(&app)?);
        let found = told(store.checks(&range))?;
        let mut checks = Vec::with_capacity(found.len());
        for (index, summary) in found.into_iter().enumerate() {
            let results = if index < CHECKS_MAX { results(store, &range, &summary, limit)? } else { Vec::new() };
            checks.push(entry(summary, results));
        }
        write(&Checks { checks })
    });
    Ok(json_bytes(answer.await?))
}

fn results(store: &Store, range: &RecordRange, summary: &CheckSummary, limit: usize) -> Result<Vec<CheckPoint>, Problem> {
    let of_one = RecordRange { resources: vec![summary.resource], ..range.clone() };
    let found = told(store.check_results(&of_one, Some(&summary.name), limit))?;
    Ok(found.into_iter().map(|stored| point(stored.record)).collect())
}

fn point(result: CheckResult) -> CheckPoint {
    CheckPoint {
        time: result.time_ms,
        state: result.state.as_str(),
        success: result.is_success,
        latency_ms: result.latency_s.map(ms),
        detail: filled(result.detail),
    }
}

fn entry(summary: CheckSummary, results: Vec<CheckPoint>) -> CheckEntry {
    let latest = summary.latest;
    CheckEntry {
        resource: summary.resource,
        name: summary.name,
        kind: summary.kind,
        target: summary.target,
        state: latest.state.as_str(),
        availability: (summary.total > 0).then(|| share(summary.online, summary.total)),
        mean_latency_ms: summary.mean_latency_s.map(ms),
        total: summary.total,
        time: latest.time_ms,
        detail: filled(latest.detail),
        results,
    }
}
