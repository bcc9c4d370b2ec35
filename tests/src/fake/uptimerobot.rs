//! A fake of UptimeRobot: both versions of its API, as their documentation writes them.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

/// The key that is accepted.
pub const KEY: &str = "s3cr3t-uptimerobot";

/// How this UptimeRobot is.
#[derive(Debug, Clone)]
pub struct Options {
    /// Version 3 is served.
    pub has_v3: bool,
    /// Version 2 is served.
    pub has_v2: bool,
    /// Names of monitors and their status in version 3.
    pub monitors: Vec<(&'static str, &'static str)>,
    /// Monitors of a page, whatever is asked.
    pub page: usize,
    /// Version 2 tells how many monitors there are in all.
    pub has_total: bool,
    /// What stands before the path of the next page's address.
    pub next_host: String,
    /// Statistics fail with 500.
    pub has_broken_statistics: bool,
    /// Statistics never come.
    pub has_hanging_statistics: bool,
    /// Answers 429 with this reset in seconds since the epoch.
    pub limited_until: Option<i64>,
    /// The time there, in ms since the epoch.
    pub now_ms: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            has_v3: true,
            has_v2: true,
            monitors: vec![("Site", "UP"), ("API", "UP"), ("Old", "PAUSED")],
            page: 50,
            has_total: true,
            next_host: String::new(),
            has_broken_statistics: false,
            has_hanging_statistics: false,
            limited_until: None,
            now_ms: 1_795_237_680_000,
        }
    }
}

/// The switches, shared with the test.
pub type Shared = Arc<Mutex<Options>>;

type Asked = Vec<(String, String)>;

/// Its routes.
pub fn routes(options: &Shared) -> Router {
    Router::new()
        .route("/v3/monitors", get(monitors))
        .route("/v3/monitors/{id}/stats/uptime", get(uptime))
        .route("/v3/monitors/{id}/stats/response-time", get(response_time))
        .route("/v2/getMonitors", post(get_monitors))
        .with_state(Arc::clone(options))
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

/// Why version 3 does not answer, if so.
fn refused(now: &Options, headers: &HeaderMap) -> Option<Response> {
    if !now.has_v3 {
        return Some(refuse(StatusCode::NOT_FOUND, "Not Found"));
    }
    if headers.get(header::AUTHORIZATION).is_none_or(|sent| sent != &format!("Bearer {KEY}")) {
        return Some(refuse(StatusCode::UNAUTHORIZED, "Unauthorized"));
    }
    if let Some(reset) = now.limited_until {
        let limits = [
            ("x-ratelimit-limit", "10".to_owned()),
            ("x-ratelimit-remaining", "0".to_owned()),
            ("x-ratelimit-reset", reset.to_string()),
        ];
        return Some((StatusCode::TOO_MANY_REQUESTS, limits, Json(json!({"message": "Too Many Requests"}))).into_response());
    }
    None
}

fn one<'a>(asked: &'a Asked, key: &str) -> &'a str {
    asked.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value.as_str())
}

/// Seconds, not ms: what is left of the certificate of every monitor.
const TLS_LEFT_S: i64 = 30 * 86_400;

fn number(place: usize) -> i64 {
    777_749_800 + i64::try_from(place).unwrap()
}

async fn monitors(State(options): State<Shared>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    let now = options.lock().unwrap().clone();
    if let Some(refused) = refused(&now, &headers) {
        return refused;
    }
    let start: usize = one(&asked, "cursor").parse().unwrap_or(0);
    let page: Vec<Value> = now.monitors.iter().enumerate().skip(start).take(now.page).map(|(place, (name, status))| {
        json!({"id": number(place), "friendlyName": name, "url": format!("https://example.com/{place}"), "type": "HTTP", "status": status,
            "interval": 300, "timeout": 30, "currentStateDuration": 3_600, "lastIncidentId": "9", "tags": [], "domainExpireDate": null,
            "lastIncident": {"id": "9", "status": "RESOLVED", "cause": 1, "reason": "Connection timeout",
                "startedAt": "2026-11-20T01:00:00.000Z", "duration": 173},
            "lastDayUptimes": {"bucketSize": 43_200, "histogram": [{"timestamp": 1, "uptime": 100}, {"timestamp": 2, "uptime": 99}]},
            "sslExpiryDateTime": "2026-12-21T05:08:00.000Z"})
    }).collect();
    let next = start + now.page;
    let link = (next < now.monitors.len()).then(|| format!("{}/v3/monitors/?limit={}&cursor={next}", now.next_host, now.page));
    let limits = [("x-ratelimit-limit", "10"), ("x-ratelimit-remaining", "9"), ("x-ratelimit-reset", "1795237740")];
    (limits, Json(json!({"data": page, "nextLink": link}))).into_response()
}

async fn uptime(State(options): State<Shared>, Path(id): Path<i64>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    let now = options.lock().unwrap().clone();
    if let Some(refused) = refused(&now, &headers) {
        return refused;
    }
    if now.has_hanging_statistics {
        std::future::pending::<()>().await;
    }
    if now.has_broken_statistics {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    }
    if id < number(0) || !one(&asked, "from").ends_with('Z') || one(&asked, "from") >= one(&asked, "to") {
        return refuse(StatusCode::BAD_REQUEST, "Validation failed");
    }
    let told = json!({"uptime": 99.98, "total_downtime_seconds": 173, "incident_count": 1, "mtbf": null,
        "from": one(&asked, "from"), "to": one(&asked, "to")});
    Json(told).into_response()
}

async fn response_time(
    State(options): State<Shared>,
    Path(_): Path<i64>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let now = options.lock().unwrap().clone();
    if let Some(refused) = refused(&now, &headers) {
        return refused;
    }
    let told = json!({"summary": {"avg": 412.5, "min": 100, "max": 900}, "data_points": 2,
        "time_series": [{"datetime": "2026-11-21T05:00:00Z", "value": 405}, {"datetime": "2026-11-21T04:55:00Z", "value": 420}],
        "from": one(&asked, "from"), "to": one(&asked, "to")});
    Json(told).into_response()
}

async fn get_monitors(State(options): State<Shared>, form: String) -> Response {
    let uri: Uri = format!("/?{form}").parse().unwrap();
    let Query(asked) = Query::<Asked>::try_from_uri(&uri).unwrap();
    let now = options.lock().unwrap().clone();
    if !now.has_v2 {
        return refuse(StatusCode::GONE, "This version is no longer served");
    }
    if one(&asked, "api_key") != KEY {
        let error = json!({"type": "invalid_parameter", "parameter_name": "api_key", "passed_value": one(&asked, "api_key"),
            "message": format!("api_key {} is invalid.", one(&asked, "api_key"))});
        return Json(json!({"stat": "fail", "error": error})).into_response();
    }
    let offset: usize = one(&asked, "offset").parse().unwrap_or(0);
    let status = |name: &str| match name {
        "UP" => 2,
        "DOWN" => 9,
        "LOOKS_DOWN" => 8,
        "PAUSED" => 0,
        _ => 1,
    };
    let now_s = now.now_ms / 1_000;
    let page: Vec<Value> = now.monitors.iter().enumerate().skip(offset).take(now.page).map(|(place, (name, state))| {
        json!({"id": number(place), "friendly_name": name, "url": "https://example.com", "type": 1, "sub_type": "", "interval": 300,
            "status": status(state), "create_datetime": 1_462_565_497, "custom_uptime_ratio": "100.000-99.981-99.970",
            "all_time_uptime_ratio": "99.98", "average_response_time": "412.3",
            "response_times": [{"datetime": now_s - 60, "value": 405}, {"datetime": now_s - 360, "value": 1}],
            "logs": [{"type": 2, "datetime": now_s - 100, "duration": 100, "reason": {"code": "200", "detail": "OK"}},
                     {"type": 1, "datetime": now_s - 200, "duration": 100, "reason": {"code": "333333", "detail": "Connection Timeout"}}],
            "ssl": {"brand": "R11", "product": null, "expires": now_s + TLS_LEFT_S, "ignore_errors": 0}})
    }).collect();
    let pagination = json!({"offset": offset, "limit": 50, "total": now.has_total.then_some(now.monitors.len())});
    Json(json!({"stat": "ok", "pagination": pagination, "monitors": page})).into_response()
}
