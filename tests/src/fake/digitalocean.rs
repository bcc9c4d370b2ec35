//! DigitalOcean: monitoring of droplets and apps, and deployments of apps. Numbers are text, as Prometheus writes them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::Fake;

/// The token.
pub const TOKEN: &str = "s3cr3t-do";

/// Series by what is asked: `droplet/cpu` and the like (`droplet/bandwidth/inbound`), each with labels and points by seconds.
pub type Held = BTreeMap<String, Vec<(Value, Vec<(i64, f64)>)>>;

/// DigitalOcean, running. It knows droplet 123 and app `a-1`.
#[derive(Debug)]
pub struct DigitalOcean {
    /// Its server.
    pub fake: Fake,
    held: Arc<Mutex<Held>>,
}

impl DigitalOcean {
    /// Starts it without data.
    pub async fn start() -> Self {
        let held = Arc::new(Mutex::new(Held::new()));
        let routes = Router::new()
            .route("/v2/monitoring/metrics/{kind}/{metric}", get(metrics))
            .route("/v2/apps/{id}/deployments", get(deployments))
            .with_state(Arc::clone(&held));
        Self { fake: Fake::start(routes).await, held }
    }

    /// What it holds.
    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes a series.
    pub fn put(&self, metric: &str, labels: Value, points: &[(i64, f64)]) {
        self.held().entry(metric.to_owned()).or_default().push((labels, points.to_vec()));
    }
}

fn is_allowed(headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|token| token == format!("Bearer {TOKEN}").as_str())
}

fn unauthorized() -> Response {
    (StatusCode::UNAUTHORIZED, Json(json!({ "id": "unauthorized", "message": "Unable to authenticate you" }))).into_response()
}

async fn metrics(
    State(held): State<Arc<Mutex<Held>>>,
    Path((kind, metric)): Path<(String, String)>,
    Query(asked): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if !is_allowed(&headers) {
        return unauthorized();
    }
    let of = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
    let (Ok(start), Ok(end)) = (of("start").parse::<i64>(), of("end").parse::<i64>()) else {
        return (StatusCode::BAD_REQUEST, Json(json!({ "id": "bad_request", "message": "start and end are required" })))
            .into_response();
    };
    let id = if kind == "droplet" { of("host_id") } else { of("app_id") };
    let known = matches!((kind.as_str(), id), ("droplet", "123") | ("apps", "a-1"));
    let name = if metric == "bandwidth" { format!("{kind}/bandwidth/{}", of("direction")) } else { format!("{kind}/{metric}") };
    let held = held.lock().unwrap_or_else(PoisonError::into_inner);
    let series = held.get(&name).filter(|_| known).map(Vec::as_slice).unwrap_or_default();
    let row = |(labels, points): &(Value, Vec<(i64, f64)>)| {
        let inside = points.iter().filter(|(time, _)| (start..=end).contains(time));
        json!({ "metric": labels, "values": inside.map(|(time, value)| json!([time, value.to_string()])).collect::<Vec<_>>() })
    };
    let result: Vec<Value> = series.iter().map(row).collect();
    let limits = [("ratelimit-limit", "5000"), ("ratelimit-remaining", "4816"), ("ratelimit-reset", "1795240000")];
    (limits, Json(json!({ "status": "success", "data": { "resultType": "matrix", "result": result } }))).into_response()
}

async fn deployments(Path(_): Path<String>, headers: HeaderMap) -> Response {
    if !is_allowed(&headers) {
        return unauthorized();
    }
    let one = json!({ "id": "d1", "phase": "ACTIVE", "created_at": "2026-11-21T05:00:00Z", "cause": "commit" });
    Json(json!({ "deployments": [one], "links": {}, "meta": { "total": 1 } })).into_response()
}
