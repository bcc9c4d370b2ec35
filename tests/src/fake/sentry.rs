//! A fake of Sentry: the answers that its API documents, its rules for questions, and switches for what differs by plan and
//! version.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

/// The token that is accepted.
pub const TOKEN: &str = "s3cr3t-sentry";

/// The number of the project `web`.
pub const PROJECT: &str = "4501";

/// What release health says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Shares and counts.
    Full,
    /// Sessions are sent, but there were none.
    Quiet,
    /// The project never sent sessions.
    None,
}

/// How this Sentry is.
#[derive(Debug, Clone)]
pub struct Options {
    /// The organisation has spans; otherwise only the older dataset of transactions.
    pub has_spans: bool,
    /// It has performance data at all.
    pub has_performance: bool,
    /// It knows `events-timeseries`; otherwise only `events-stats`.
    pub has_timeseries: bool,
    /// What release health says.
    pub health: Health,
    /// Attribute under which the SDKs tell the status of an answer.
    pub status_name: Option<&'static str>,
    /// Paths that the token may not ask.
    pub forbidden: Vec<&'static str>,
    /// Paths that fail with 500.
    pub broken: Vec<&'static str>,
    /// Paths that never answer.
    pub hanging: Vec<&'static str>,
    /// Answers 429 this many times, with this reset in seconds since the epoch.
    pub limited: (usize, i64),
    /// Unresolved issues; the cap of counting is 1000.
    pub unresolved: u64,
    /// The time there, in ms since the epoch.
    pub now_ms: i64,
    /// Questions under way, and the most that there were at once.
    pub at_once: (usize, usize),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            has_spans: true,
            has_performance: true,
            has_timeseries: true,
            health: Health::Full,
            status_name: Some("http.response.status_code"),
            forbidden: Vec::new(),
            broken: Vec::new(),
            hanging: Vec::new(),
            limited: (0, 0),
            unresolved: 12,
            now_ms: 1_795_237_680_000,
            at_once: (0, 0),
        }
    }
}

/// The switches, shared with the test.
pub type Shared = Arc<Mutex<Options>>;

type Asked = Query<Vec<(String, String)>>;

/// Its routes.
pub fn routes(options: &Shared) -> Router {
    Router::new().route("/api/0/organizations/{organization}/{subject}/", get(answer)).with_state(Arc::clone(options))
}

async fn answer(
    State(options): State<Shared>,
    Path((organization, subject)): Path<(String, String)>,
    Query(asked): Asked,
    headers: HeaderMap,
) -> Response {
    let now = {
        let mut options = options.lock().unwrap();
        options.at_once.0 += 1;
        options.at_once.1 = options.at_once.1.max(options.at_once.0);
        options.clone()
    };
    if now.hanging.contains(&subject.as_str()) {
        std::future::pending::<()>().await;
    }
    // Long enough that calls that were not serialised would meet.
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    options.lock().unwrap().at_once.0 -= 1;
    let limits = [("x-sentry-rate-limit-limit", "40"), ("x-sentry-rate-limit-remaining", "39")];
    if headers.get(header::AUTHORIZATION).is_none_or(|sent| sent != &format!("Bearer {TOKEN}")) {
        return refuse(StatusCode::UNAUTHORIZED, "Invalid token");
    }
    if organization != "acme" {
        return refuse(StatusCode::NOT_FOUND, "The requested resource does not exist");
    }
    if now.limited.0 > 0 {
        options.lock().unwrap().limited.0 -= 1;
        let reset = [("x-sentry-rate-limit-reset", now.limited.1.to_string())];
        return (
            StatusCode::TOO_MANY_REQUESTS,
            reset,
            Json(json!({"detail": "You are attempting to use this endpoint too frequently"})),
        )
            .into_response();
    }
    if now.forbidden.contains(&subject.as_str()) {
        return refuse(StatusCode::FORBIDDEN, "You do not have permission to perform this action.");
    }
    if now.broken.contains(&subject.as_str()) {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "Internal Error");
    }
    let told = match subject.as_str() {
        "projects" => projects(&asked),
        "issues" => issues(&now, &asked),
        "sessions" => sessions(now.health, &asked),
        "events" | "events-timeseries" | "events-stats" if !now.has_performance => Err(404),
        "events" => events(&now, &asked),
        "events-timeseries" if now.has_timeseries => timeseries(&now, &asked),
        "events-stats" => stats(&now, &asked),
        _ => Err(404),
    };
    match told {
        Ok(told) => (limits, told).into_response(),
        Err(404) => refuse(StatusCode::NOT_FOUND, "The requested resource does not exist"),
        Err(_) => refuse(StatusCode::BAD_REQUEST, "Invalid query"),
    }
}

fn refuse(status: StatusCode, detail: &str) -> Response {
    (status, Json(json!({ "detail": detail }))).into_response()
}

fn all<'a>(asked: &'a [(String, String)], key: &str) -> Vec<&'a str> {
    asked.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
}

fn one<'a>(asked: &'a [(String, String)], key: &str) -> &'a str {
    all(asked, key).first().copied().unwrap_or_default()
}

/// Older versions take numbers only.
fn check_project(asked: &[(String, String)]) -> Result<(), u16> {
    let is_known = |project: &&str| matches!(*project, PROJECT | "4502" | "-1");
    let projects = all(asked, "project");
    if !projects.is_empty() && projects.iter().all(is_known) { Ok(()) } else { Err(400) }
}

/// `Link` as Sentry writes it; the address holds a comma.
fn link(cursor: &str, has_next: bool) -> String {
    let entry = |rel: &str, results: bool, cursor: &str| {
        format!(
            r#"<https://sentry.io/api/0/x/?query=a%3A[1,2]&cursor={cursor}>; rel="{rel}"; results="{results}"; cursor="{cursor}""#
        )
    };
    format!("{}, {}", entry("previous", false, "0:0:1"), entry("next", has_next, cursor))
}

fn projects(asked: &[(String, String)]) -> Result<Response, u16> {
    // Two pages, so that the cursor must be followed.
    let (page, link) = match one(asked, "cursor") {
        "" => (json!([{"id": "4502", "slug": "jobs", "platform": "python"}]), link("0:100:0", true)),
        "0:100:0" => (json!([{"id": PROJECT, "slug": "web", "platform": "python"}]), link("0:200:0", false)),
        _ => return Err(400),
    };
    Ok(([(header::LINK, link)], Json(page)).into_response())
}

fn issue(number: u64) -> Value {
    json!({
        "id": number.to_string(), "shortId": format!("WEB-{number}"), "title": format!("KeyError: 'plan {number}'"),
        "culprit": "orders.views in pay", "level": "error", "status": "unresolved", "substatus": "ongoing", "platform": "python",
        "type": "error", "issueCategory": "error", "isUnhandled": true, "count": (1_204 / number).to_string(), "userCount": 31,
        "firstSeen": "2026-11-02T08:00:00Z", "lastSeen": "2026-11-21T05:05:00.250000Z",
        "permalink": format!("https://acme.sentry.io/issues/{number}/"),
        "project": {"id": PROJECT, "name": "web", "slug": "web", "platform": "python"},
        "metadata": {"type": "KeyError", "value": "'plan'", "filename": "orders/views.py", "function": "pay"},
        "assignedTo": null,
    })
}

fn issues(now: &Options, asked: &[(String, String)]) -> Result<Response, u16> {
    check_project(asked)?;
    let hits = match one(asked, "query") {
        "is:unresolved firstSeen:-1h" => 1,
        "is:unresolved firstSeen:-24h" => 3,
        "is:unresolved firstSeen:+24h lastSeen:-24h" => 7,
        "is:regressed" => 2,
        "is:escalating" => 0,
        "is:unresolved" => now.unresolved,
        _ => return Err(400),
    };
    let limit: u64 = one(asked, "limit").parse().map_err(|_| 400_u16)?;
    let listed: Vec<Value> = (1..=hits.min(limit)).map(issue).collect();
    let counted = hits.min(1_000);
    let headers = [("x-hits", counted.to_string()), ("x-max-hits", "1000".to_owned()), ("link", link("0:1:0", hits > limit))];
    Ok((headers, Json(listed)).into_response())
}

fn sessions(health: Health, asked: &[(String, String)]) -> Result<Response, u16> {
    check_project(asked)?;
    if !matches!(one(asked, "statsPeriod"), "1h" | "24h") || one(asked, "interval") != "1h" || all(asked, "field").len() != 4 {
        return Err(400);
    }
    let is_hour = one(asked, "statsPeriod") == "1h";
    let totals = |user: Value, session: Value, sessions: u64, users: u64| {
        json!([{"by": {}, "totals": {"crash_free_rate(user)": user, "crash_free_rate(session)": session,
            "sum(session)": sessions, "count_unique(user)": users}}])
    };
    let groups = match health {
        Health::Full if is_hour => totals(json!(0.98), Value::Null, 810, 97),
        Health::Full => totals(json!(0.9971), json!(0.9985), 18_420, 3_102),
        Health::Quiet => totals(Value::Null, Value::Null, 0, 0),
        Health::None => json!([]),
    };
    let told =
        json!({"start": "2026-11-20T05:00:00Z", "end": "2026-11-21T05:00:00Z", "query": "", "intervals": [], "groups": groups});
    Ok(Json(told).into_response())
}

/// The rules of every question about events.
fn check_events(now: &Options, asked: &[(String, String)]) -> Result<bool, u16> {
    check_project(asked)?;
    match one(asked, "dataset") {
        "spans" if now.has_spans => Ok(true),
        "transactions" if !now.has_spans => Ok(false),
        _ => Err(400),
    }
}

fn events(now: &Options, asked: &[(String, String)]) -> Result<Response, u16> {
    let is_spans = check_events(now, asked)?;
    let (fields, sort, query) = (all(asked, "field"), one(asked, "sort"), one(asked, "query"));
    let per_page: usize = one(asked, "per_page").parse().map_err(|_| 400_u16)?;
    if fields.len() > 20 || per_page > 100 || (!sort.is_empty() && !fields.contains(&sort.trim_start_matches('-'))) {
        return Err(400);
    }
    let mentions = |name: &str| query.contains(&format!("has:{name}")) || query.contains(&format!("{name}:["));
    let named = ["span.status_code", "http.response.status_code", "http.status_code"].into_iter().find(|name| mentions(name));
    let count = match named {
        None => 5_000,
        Some(name) if now.status_name != Some(name) => 0,
        Some(_) if query.contains("has:") => 4_000,
        Some(_) => 9,
    };
    let rows = if fields.contains(&"transaction") { 7 } else { 1 };
    let row = |place: usize| {
        let slower = json!(644.1 - 100.0 * f64::from(u32::try_from(place).unwrap()));
        let mut row = serde_json::Map::new();
        for field in &fields {
            let value = match *field {
                "transaction" => json!(format!("GET /api/orders/{place}")),
                "count()" => json!(count),
                "failure_rate()" => json!(0.0123),
                field if field.starts_with("avg(") => json!(182.4),
                field if field.starts_with("p95(") => slower.clone(),
                field if field.starts_with("p99(") => json!(1_210.7),
                _ => return Err(400),
            };
            row.insert((*field).to_owned(), value);
        }
        Ok(Value::Object(row))
    };
    let data: Vec<Value> = (0..rows.min(per_page)).map(row).collect::<Result<_, u16>>()?;
    let types: serde_json::Map<String, Value> = fields.iter().map(|field| ((*field).to_owned(), json!("duration"))).collect();
    let mean = if is_spans { "avg(span.duration)" } else { "avg(transaction.duration)" };
    let meta = json!({"fields": types, "units": {mean: "millisecond"}, "dataset": one(asked, "dataset")});
    Ok(Json(json!({"data": data, "meta": meta})).into_response())
}

/// Beginning of the minute `back` minutes ago.
fn minute(now: &Options, back: i64) -> i64 {
    (now.now_ms.div_euclid(60_000) - back) * 60_000
}

fn timeseries(now: &Options, asked: &[(String, String)]) -> Result<Response, u16> {
    check_events(now, asked)?;
    if one(asked, "interval") != "1m" || !one(asked, "yAxis").starts_with("avg(") {
        return Err(400);
    }
    let bucket = |back: i64| {
        let start = minute(now, back);
        let is_incomplete = start + 60_000 + 90_000 > now.now_ms;
        json!({"timestamp": start, "value": if back == 10 { 0.0 } else { 181.2 }, "incomplete": is_incomplete,
            "sampleCount": if back == 10 { 0 } else { 120 }, "sampleRate": 0.2, "confidence": "high"})
    };
    let values: Vec<Value> = (0..60).rev().map(bucket).collect();
    let meta = json!({"valueType": "duration", "valueUnit": "millisecond", "interval": 60_000});
    let told = json!({"timeSeries": [{"yAxis": one(asked, "yAxis"), "values": values, "meta": meta}],
        "meta": {"dataset": one(asked, "dataset"), "start": minute(now, 60), "end": now.now_ms}});
    Ok(Json(told).into_response())
}

fn stats(now: &Options, asked: &[(String, String)]) -> Result<Response, u16> {
    check_events(now, asked)?;
    let data: Vec<Value> = (0..60).rev().map(|back| json!([minute(now, back) / 1_000, [{"count": 181.2}]])).collect();
    Ok(Json(json!({"data": data, "start": minute(now, 60) / 1_000, "end": now.now_ms / 1_000, "meta": {}})).into_response())
}
