//! Railway: its GraphQL API as far as services and deployments go. A question must be one of those that exist, with its variables.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Json, Router,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};

use super::Fake;

/// Token of the project's environment.
pub const PROJECT_TOKEN: &str = "s3cr3t-project";

/// Token of the account.
pub const TOKEN: &str = "s3cr3t-account";

/// One measurement of one service: its name, the service's id, points by seconds since the epoch.
type Row = (&'static str, &'static str, Vec<(i64, f64)>);

/// What it holds.
#[derive(Debug, Default)]
pub struct Held {
    /// Measurements.
    pub rows: Vec<Row>,
    /// Answers everything with this error, beside data.
    pub error: Option<String>,
}

/// Railway, running.
#[derive(Debug)]
pub struct Railway {
    /// Its server.
    pub fake: Fake,
    held: Arc<Mutex<Held>>,
}

impl Railway {
    /// Starts it without measurements.
    pub async fn start() -> Self {
        let held = Arc::new(Mutex::new(Held::default()));
        let routes = Router::new().route("/graphql/v2", post(answer)).with_state(Arc::clone(&held));
        Self { fake: Fake::start(routes).await, held }
    }

    /// What it holds.
    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wrong(message: &str) -> Response {
    let error = json!({ "message": message, "extensions": { "code": "INTERNAL_SERVER_ERROR" } });
    Json(json!({ "errors": [error], "data": null })).into_response()
}

async fn answer(State(held): State<Arc<Mutex<Held>>>, headers: HeaderMap, Json(asked): Json<Value>) -> Response {
    let held = held.lock().unwrap_or_else(PoisonError::into_inner);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_project = header("project-access-token") == PROJECT_TOKEN && header("authorization").is_empty();
    let is_account = header("authorization") == format!("Bearer {TOKEN}") && header("project-access-token").is_empty();
    if !is_project && !is_account {
        return wrong("Not Authorized");
    }
    if let Some(message) = &held.error {
        return Json(json!({ "errors": [{ "message": message }], "data": { "metrics": [] } })).into_response();
    }
    let (query, variables) = (asked["query"].as_str().unwrap_or_default(), &asked["variables"]);
    if let Err(message) = variables_fit(query, variables) {
        return wrong(&message);
    }
    let data = if query.contains("{ projectToken {") && is_project {
        json!({ "projectToken": { "projectId": "project-1", "environmentId": "environment-1" } })
    } else if query.contains("{ project(") && variables["id"] == "project-1" {
        let node = |id: &str, name: &str| json!({ "node": { "id": id, "name": name } });
        json!({ "project": { "name": "acme", "services": { "edges": [node("s1", "web"), node("s2", "idle")] } } })
    } else if query.contains("{ metrics(") && variables["environmentId"] == "environment-1" {
        json!({ "metrics": metrics(&held, variables) })
    } else if query.contains("{ deployments(") && variables["input"]["projectId"] == "project-1" {
        let node = json!({ "id": "d1", "createdAt": "2026-11-21T05:00:00.000Z", "status": "SUCCESS", "serviceId": "s1", "staticUrl": "web.example" });
        json!({ "deployments": { "edges": [{ "node": node }] } })
    } else {
        return wrong("Project not found");
    };
    let limits = [("x-ratelimit-limit", "1000"), ("x-ratelimit-remaining", "993"), ("x-ratelimit-reset", "1795240000")];
    (limits, Json(json!({ "data": data }))).into_response()
}

fn metrics(held: &Held, variables: &Value) -> Vec<Value> {
    let is_asked =
        |measurement: &str| variables["measurements"].as_array().is_some_and(|all| all.iter().any(|one| one == measurement));
    let row = |(measurement, service, points): &Row| {
        let values: Vec<Value> = points.iter().map(|(ts, value)| json!({ "ts": ts, "value": value })).collect();
        json!({ "measurement": measurement, "tags": { "serviceId": service }, "values": values })
    };
    held.rows.iter().filter(|(measurement, ..)| is_asked(measurement)).map(row).collect()
}

/// Every variable that the question declares as needed is given, and none that it does not declare.
fn variables_fit(query: &str, variables: &Value) -> Result<(), String> {
    let head = query.split_once('{').map(|(head, _)| head).unwrap_or_default();
    let declared: Vec<(&str, bool)> = head
        .split('$')
        .skip(1)
        .filter_map(|part| part.split_once(':'))
        .map(|(name, kind)| (name.trim(), kind.trim().trim_end_matches([',', ')', ' ']).ends_with('!')))
        .collect();
    let given = variables.as_object().ok_or("Variables must be an object")?;
    let lacks = declared.iter().find(|(name, is_needed)| *is_needed && given.get(*name).is_none_or(Value::is_null));
    let extra = given.keys().find(|name| !declared.iter().any(|(known, _)| known == name));
    match (lacks, extra) {
        (Some((name, _)), _) => Err(format!("Variable \"${name}\" of required type was not provided.")),
        (_, Some(name)) => Err(format!("Variable \"${name}\" is not declared.")),
        _ => Ok(()),
    }
}
