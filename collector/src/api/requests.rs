//! `GET /api/v1/requests/...`: what applications were asked, how long they took, and for whom.

use axum::{extract::Request, response::Response};
use farol_shared::record;
use farol_store::{Endpoint, RecordRange, ResourceId, Stored, TenantTotals, Totals};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App, aside, json_bytes,
    records::{Scope, figures, filled, ms, share, told},
};
use crate::{number::concise, problem::Problem, service::window::Figures};

/// Most points of a chart of latencies.
const POINTS_MAX: i64 = 1_500;

/// Points of a chart when no step is named: one a minute up to eight hours.
const POINTS_DEFAULT: i64 = 480;

/// One request.
#[derive(Debug, Serialize, ToSchema)]
pub struct RequestEntry {
    /// When it ended, in milliseconds since the epoch.
    pub time: i64,
    /// Number of the service's resource.
    pub service: ResourceId,
    /// HTTP method.
    pub method: String,
    /// Route template.
    pub route: String,
    /// Path, without its query.
    pub path: Option<String>,
    /// HTTP status; 0 when there was no answer.
    pub status: u16,
    /// How long it took.
    pub duration_ms: f64,
    /// Tenant.
    pub tenant: Option<String>,
    /// User.
    pub user: Option<String>,
    /// W3C trace id.
    pub trace_id: Option<String>,
    /// Type of the exception that ended it.
    pub exception: Option<String>,
}

/// The latest requests.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecentRequests {
    /// Newest first.
    pub requests: Vec<RequestEntry>,
    /// How many.
    pub count: usize,
    /// Their mean duration.
    pub mean_ms: Option<f64>,
    /// Their shortest duration.
    pub min_ms: Option<f64>,
    /// Their longest duration.
    pub max_ms: Option<f64>,
}

/// The slowest requests.
#[derive(Debug, Serialize, ToSchema)]
pub struct SlowRequests {
    /// Slowest first.
    pub requests: Vec<RequestEntry>,
}

/// The endpoints that are used most.
#[derive(Debug, Serialize, ToSchema)]
pub struct Endpoints {
    /// Most used first.
    pub endpoints: Vec<EndpointEntry>,
}

/// Requests of one method and route.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndpointEntry {
    /// HTTP method.
    pub method: String,
    /// Route template.
    pub route: String,
    /// How many.
    pub count: u64,
    /// How many of them failed.
    pub failed: u64,
    /// Share of all requests of the range, 0 to 1.
    pub share: f64,
    /// Mean duration.
    pub mean_ms: Option<f64>,
    /// Shortest duration.
    pub min_ms: Option<f64>,
    /// Longest duration.
    pub max_ms: Option<f64>,
    /// Median duration.
    pub p50_ms: Option<f64>,
    /// 95 % took no longer.
    pub p95_ms: Option<f64>,
    /// 99 % took no longer.
    pub p99_ms: Option<f64>,
}

/// Latencies over time.
#[derive(Debug, Serialize, ToSchema)]
pub struct Latency {
    /// Start, in milliseconds since the epoch.
    pub from: i64,
    /// End, in milliseconds since the epoch.
    pub to: i64,
    /// Distance of points, in milliseconds.
    pub step: i64,
    /// In time order; steps without a request are absent.
    pub points: Vec<LatencyPoint>,
    /// How many requests ended with each status.
    pub statuses: Vec<StatusCount>,
    /// All requests of the range.
    pub total: LatencyTotal,
}

/// The requests of one step.
#[derive(Debug, Serialize, ToSchema)]
pub struct LatencyPoint {
    /// Start of the step, in milliseconds since the epoch.
    pub time: i64,
    /// How many.
    pub count: u64,
    /// How many of them failed.
    pub failed: u64,
    /// Mean duration.
    pub mean_ms: Option<f64>,
    /// Median duration.
    pub p50_ms: Option<f64>,
    /// 95 % took no longer.
    pub p95_ms: Option<f64>,
    /// 99 % took no longer.
    pub p99_ms: Option<f64>,
}

/// How many requests ended with a status.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusCount {
    /// HTTP status; 0 when there was no answer.
    pub status: u16,
    /// How many.
    pub count: u64,
}

/// Requests added up.
#[derive(Debug, Serialize, ToSchema)]
pub struct LatencyTotal {
    /// How many.
    pub count: u64,
    /// How many of them failed.
    pub failed: u64,
    /// Share of failures, 0 to 1.
    pub error_ratio: Option<f64>,
    /// Mean duration.
    pub mean_ms: Option<f64>,
    /// Shortest duration.
    pub min_ms: Option<f64>,
    /// Longest duration.
    pub max_ms: Option<f64>,
    /// Median duration.
    pub p50_ms: Option<f64>,
    /// 95 % took no longer.
    pub p95_ms: Option<f64>,
    /// 99 % took no longer.
    pub p99_ms: Option<f64>,
    /// Apdex with T = 0.5 s, about: failures count as evenly spread over durations.
    pub apdex: Option<f64>,
}

/// Requests by tenant.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tenants {
    /// Most slow time first, then most requests.
    pub tenants: Vec<TenantEntry>,
}

/// The requests of one tenant.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenantEntry {
    /// The tenant; `null` stands for requests without one.
    pub tenant: Option<String>,
    /// How many.
    pub count: u64,
    /// How many of them failed.
    pub failed: u64,
    /// Share of all requests of the range, 0 to 1.
    pub share: f64,
    /// Mean duration.
    pub mean_ms: Option<f64>,
    /// 95 % took no longer.
    pub p95_ms: Option<f64>,
    /// Time that its slow requests took.
    pub slow_ms: f64,
    /// Share of the time of all slow requests of the range, 0 to 1.
    pub slow_share: f64,
}

/// Answers the latest requests.
pub(super) async fn recent(app: App, request: Request) -> Result<Response, Problem> {
    let scope = Scope::of(&app, &request, &["limit"])?;
    let limit = scope.limit(100)?;
    let answer = aside(&request, move || {
        let found = told(app.parts().store.recent_requests(&scope.records(&app)?, limit))?;
        write(&recent_of(found))
    });
    Ok(json_bytes(answer.await?))
}

/// Answers the slowest requests.
pub(super) async fn slow(app: App, request: Request) -> Result<Response, Problem> {
    let scope = Scope::of(&app, &request, &["limit"])?;
    let limit = scope.limit(10)?;
    let answer = aside(&request, move || {
        let found = told(app.parts().store.slow_requests(&scope.records(&app)?, limit))?;
        write(&SlowRequests { requests: found.into_iter().map(entry).collect() })
    });
    Ok(json_bytes(answer.await?))
}

/// Answers the endpoints that are used most.
pub(super) async fn endpoints(app: App, request: Request) -> Result<Response, Problem> {
    let scope = Scope::of(&app, &request, &["limit"])?;
    let limit = scope.limit(10)?;
    let answer = aside(&request, move || {
        let (store, range) = (&app.parts().store, scope.records(&app)?);
        let all = told(store.request_totals(&range))?.count;
        let found = told(store.endpoints(&range, limit))?;
        write(&Endpoints { endpoints: found.into_iter().map(|endpoint| endpoint_of(endpoint, all)).collect() })
    });
    Ok(json_bytes(answer.await?))
}

/// Answers latencies over time.
pub(super) async fn latency(app: App, request: Request) -> Result<Response, Problem> {
    let scope = Scope::of(&app, &request, &["step"])?;
    let span_ms = scope.range.to_ms.saturating_sub(scope.range.from_ms);
    let step_ms = scope.step_ms(span_ms / POINTS_DEFAULT, POINTS_MAX)?;
    let answer = aside(&request, move || {
        let (store, range) = (&app.parts().store, scope.records(&app)?);
        let steps = told(store.request_steps(&range, step_ms))?;
        let statuses = told(store.request_statuses(&range))?;
        let total = told(store.request_totals(&range))?;
        write(&Latency {
            from: range.from_ms,
            to: range.to_ms,
            step: step_ms,
            points: steps.into_iter().map(|(time, totals)| point(time, totals)).collect(),
            statuses: statuses.into_iter().map(|(status, count)| StatusCount { status, count }).collect(),
            total: total_of(&figures(total)),
        })
    });
    Ok(json_bytes(answer.await?))
}

/// Answers requests by tenant.
pub(super) async fn tenants(app: App, request: Request) -> Result<Response, Problem> {
    let scope = Scope::of(&app, &request, &["limit"])?;
    let limit = scope.limit(10)?;
    let answer = aside(&request, move || {
        let (store, range) = (&app.parts().store, scope.records(&app)?);
        let all = told(store.request_totals(&RecordRange { tenant: None, ..range.clone() }))?;
        let found = told(store.tenants(&range, limit))?;
        write(&Tenants { tenants: found.into_iter().map(|tenant| tenant_of(tenant, &all)).collect() })
    });
    Ok(json_bytes(answer.await?))
}

/// An answer as it travels.
pub(super) fn write<T: Serialize>(answer: &T) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(answer).map_err(|_| Problem::internal())
}

#[expect(clippy::cast_precision_loss, reason = "at most RECORDS_MAX")]
fn recent_of(found: Vec<Stored<record::Request>>) -> RecentRequests {
    let durations = || found.iter().map(|one| one.record.duration_s);
    let count = found.len();
    let mean = (count > 0).then(|| durations().sum::<f64>() / count as f64);
    let (min, max) = (durations().reduce(f64::min), durations().reduce(f64::max));
    RecentRequests {
        count,
        mean_ms: mean.map(ms),
        min_ms: min.map(ms),
        max_ms: max.map(ms),
        requests: found.into_iter().map(entry).collect(),
    }
}

fn entry(found: Stored<record::Request>) -> RequestEntry {
    let one = found.record;
    RequestEntry {
        time: one.time_ms,
        service: found.resource,
        method: one.method,
        route: one.route,
        path: filled(one.path),
        status: one.status,
        duration_ms: ms(one.duration_s),
        tenant: one.tenant,
        user: one.user,
        trace_id: one.trace_id,
        exception: one.exception,
    }
}

fn endpoint_of(endpoint: Endpoint, all: u64) -> EndpointEntry {
    let figures = figures(endpoint.totals);
    let total = total_of(&figures);
    EndpointEntry {
        method: endpoint.method,
        route: endpoint.route,
        count: figures.count,
        failed: figures.failed,
        share: share(figures.count, all),
        mean_ms: total.mean_ms,
        min_ms: total.min_ms,
        max_ms: total.max_ms,
        p50_ms: total.p50_ms,
        p95_ms: total.p95_ms,
        p99_ms: total.p99_ms,
    }
}

fn point(time: i64, totals: Totals) -> LatencyPoint {
    let total = total_of(&figures(totals));
    LatencyPoint {
        time,
        count: total.count,
        failed: total.failed,
        mean_ms: total.mean_ms,
        p50_ms: total.p50_ms,
        p95_ms: total.p95_ms,
        p99_ms: total.p99_ms,
    }
}

fn total_of(figures: &Figures) -> LatencyTotal {
    let quantile = |q| figures.quantile_s(q).map(ms);
    LatencyTotal {
        count: figures.count,
        failed: figures.failed,
        error_ratio: figures.error_ratio().map(concise),
        mean_ms: figures.mean_s().map(ms),
        min_ms: figures.extremes_s().map(|(min, _)| ms(min)),
        max_ms: figures.extremes_s().map(|(_, max)| ms(max)),
        p50_ms: quantile(0.50),
        p95_ms: quantile(0.95),
        p99_ms: quantile(0.99),
        apdex: figures.apdex().map(concise),
    }
}

fn tenant_of(tenant: TenantTotals, all: &Totals) -> TenantEntry {
    let slow_s = tenant.totals.slow_s;
    let figures = figures(tenant.totals);
    TenantEntry {
        tenant: tenant.tenant,
        count: figures.count,
        failed: figures.failed,
        share: share(figures.count, all.count),
        mean_ms: figures.mean_s().map(ms),
        p95_ms: figures.quantile_s(0.95).map(ms),
        slow_ms: ms(slow_s),
        slow_share: if all.slow_s > 0.0 { concise(slow_s / all.slow_s) } else { 0.0 },
    }
}
