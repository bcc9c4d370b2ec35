//! `POST /api/dashboard/redis/*`, `/api/v1/actions/{id}` and `/api/v1/audit`: what changes another system, and the log of it.

use std::net::SocketAddr;

use axum::{
    RequestExt as _,
    extract::{ConnectInfo, DefaultBodyLimit, FromRequest as _, FromRequestParts as _, Path, Request},
    http::StatusCode,
    response::Response,
};
use farol_shared::report;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    App, json,
    parameters::{Parameters, wrong},
};
use crate::{
    access::{Person, Role},
    act::{ActError, Actor, JobState, Place, delete::ByPattern},
    problem::{JsonBody, Problem},
    pull::Code,
    state::{AuditRow, StateError},
};

/// Largest body of these requests, in bytes: a key, a pattern, a reason.
const BODY_BYTES_MAX: usize = 32 << 10;

/// Most lines of the audit log in one answer.
const LINES_MAX: u32 = 1_000;

/// What to look at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InspectBody {
    instance: Option<String>,
    db: Option<u32>,
    key: String,
    #[serde(default)]
    unmask: Vec<String>,
}

/// What to delete: a key, or all of a pattern.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteBody {
    instance: Option<String>,
    db: Option<u32>,
    key: Option<String>,
    pattern: Option<String>,
    #[serde(default)]
    preview: bool,
    expected: Option<u64>,
    confirm: Option<String>,
    reason: Option<String>,
    #[serde(default)]
    include_queues: bool,
}

/// What to empty.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FlushBody {
    instance: Option<String>,
    db: Option<u32>,
    confirm: Option<String>,
    reason: Option<String>,
}

/// What to restore.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoBody {
    instance: Option<String>,
    undo: String,
}

/// A page of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct Audit {
    /// Newest first.
    pub entries: Vec<AuditEntry>,
    /// Parameter `before` of the next page; `null` on the last one.
    pub next: Option<String>,
}

/// One line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Its number.
    pub id: i64,
    /// When the action began, in milliseconds since the epoch.
    pub time: i64,
    /// Who.
    pub username: String,
    /// In which role.
    pub role: String,
    /// Address that the request came from; `null` when it is not known.
    pub address: Option<String>,
    /// What: `redis.inspect`, `redis.unmask`, `redis.preview_pattern`, `redis.delete_key`, `redis.delete_pattern`,
    /// `redis.undo`, `redis.flush_db`, `redis.flush_all`.
    pub action: String,
    /// To which instance.
    pub target: String,
    /// With which particulars. Names of keys, never values.
    #[schema(value_type = Object)]
    pub detail: Value,
    /// How many keys it concerned; `null` when that is not known.
    pub count: Option<i64>,
    /// `done`, `failed`, `cancelled`, `partial`; `started` while it is under way, and for ever when the collector ended
    /// meanwhile.
    pub result: String,
    /// Why, in the person's own words.
    pub reason: Option<String>,
}

/// Looks at one key.
pub(super) async fn inspect(app: App, request: Request) -> Result<Response, Problem> {
    let (person, actor, body) = read::<InspectBody>(&app, request).await?;
    if !body.unmask.is_empty() {
        person.require(Role::Admin)?;
    }
    let place = Place { instance: body.instance, db: body.db };
    Ok(json(&app.parts().act.inspect(actor, place, &body.key, body.unmask).await.map_err(|error| refusal(&error))?))
}

/// Deletes a key, previews a pattern, or deletes by pattern.
pub(super) async fn delete(app: App, request: Request) -> Result<Response, Problem> {
    let (_, actor, body) = read::<DeleteBody>(&app, request).await?;
    let (act, place) = (&app.parts().act, Place { instance: body.instance, db: body.db });
    let pattern = match (body.key, body.pattern) {
        (Some(key), None) => {
            if body.preview {
                return Err(unprocessable("preview", "is for patterns: a key is there or not"));
            }
            let deleted = act.delete_key(actor, place, &key, body.include_queues, body.reason).await;
            return Ok(json(&deleted.map_err(|error| refusal(&error))?));
        }
        (None, Some(pattern)) => pattern,
        _ => return Err(unprocessable("key", "give either key or pattern")),
    };
    let (expected, confirm, reason) = (body.expected, body.confirm, body.reason);
    let asked = ByPattern { place, pattern, expected, confirm, reason, include_queues: body.include_queues };
    if body.preview {
        return Ok(json(&act.preview(actor, asked).await.map_err(|error| refusal(&error))?));
    }
    let progress = act.delete_pattern(actor, asked).await.map_err(|error| refusal(&error))?;
    let mut response = json(&progress);
    if progress.state == JobState::Running {
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    Ok(response)
}

/// Empties a database or all.
pub(super) async fn flush(app: App, request: Request) -> Result<Response, Problem> {
    let (_, actor, body) = read::<FlushBody>(&app, request).await?;
    let place = Place { instance: body.instance, db: body.db };
    let flushed = app.parts().act.flush(actor, place, body.confirm, body.reason).await;
    Ok(json(&flushed.map_err(|error| refusal(&error))?))
}

/// Restores deleted keys.
pub(super) async fn undo(app: App, request: Request) -> Result<Response, Problem> {
    let (_, actor, body) = read::<UndoBody>(&app, request).await?;
    let place = Place { instance: body.instance, db: None };
    let restored = app.parts().act.undo(actor, place, &body.undo).await;
    Ok(json(&restored.map_err(|error| refusal(&error))?))
}

/// How far a deletion by pattern has come.
pub(super) async fn progress(app: App, request: Request) -> Result<Response, Problem> {
    let id = id_of(request).await?;
    let watched = app.parts().act.watch(&id).ok_or_else(|| Problem::not_found("there is no such action, or no longer"))?;
    let now = watched.borrow().clone();
    Ok(json(&now))
}

/// Asks a deletion by pattern to stop.
pub(super) async fn cancel(app: App, request: Request) -> Result<Response, Problem> {
    let id = id_of(request).await?;
    Ok(json(&app.parts().act.cancel(&id).map_err(|error| refusal(&error))?))
}

/// Answers the audit log.
pub(super) async fn audit(app: App, request: Request) -> Result<Response, Problem> {
    let parameters = Parameters::of(request.uri(), &["limit", "before", "action"])?;
    let limit = parameters.number("limit", 50, 1, LINES_MAX)?;
    let number = |text: &str| text.parse::<i64>().map_err(|_| wrong("before", "is not what `next` said in an answer"));
    let before = parameters.text("before").map(number).transpose()?;
    let action = parameters.text("action").map(str::to_owned);
    let rows = app.parts().act.audit(limit, before, action).await.map_err(|error| state_problem(&error))?;
    let is_full = u32::try_from(rows.len()).is_ok_and(|rows| rows >= limit);
    let next = rows.last().filter(|_| is_full).map(|last| last.id.to_string());
    Ok(json(&Audit { entries: rows.into_iter().map(entry).collect(), next }))
}

fn entry(row: AuditRow) -> AuditEntry {
    let AuditRow { id, start, count, result } = row;
    AuditEntry {
        id,
        time: start.time_ms,
        username: start.username,
        role: start.role,
        address: start.address,
        action: start.action,
        target: start.target,
        // Written by ourselves; a file that somebody edited must not hide the line.
        detail: serde_json::from_str(&start.detail).unwrap_or(Value::Null),
        count,
        result,
        reason: start.reason,
    }
}

/// Who asks, and for what. The route's guard has checked the role.
async fn read<T: DeserializeOwned>(app: &App, mut request: Request) -> Result<(Person, Actor, T), Problem> {
    let person: Person = request.extract_parts_with_state(app).await?;
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let signed_in_ms = app.parts().access.signed_in_ms(&person);
    let actor = Actor { username: person.username.to_string(), role: person.role, address, signed_in_ms };
    DefaultBodyLimit::max(BODY_BYTES_MAX).apply(&mut request);
    let JsonBody(body) = JsonBody::<T>::from_request(request, app).await?;
    Ok((person, actor, body))
}

async fn id_of(request: Request) -> Result<String, Problem> {
    let (mut parts, _) = request.into_parts();
    let path = Path::<String>::from_request_parts(&mut parts, &()).await;
    path.map(|Path(id)| id).map_err(|_| Problem::not_found("there is no such action"))
}

fn unprocessable(field: &'static str, detail: &str) -> Problem {
    Problem::unprocessable(format!("{field}: {detail}")).field(field, detail)
}

/// What a refused or failed action is to the caller.
fn refusal(error: &ActError) -> Problem {
    match error {
        ActError::Wrong { field, detail } => unprocessable(field, detail),
        ActError::ReadOnly(_) => Problem::forbidden(error.to_string()).code("read_only"),
        ActError::Reauthenticate(_) => Problem::forbidden(error.to_string()).code("reauthenticate"),
        ActError::Changed { .. } => Problem::new(StatusCode::CONFLICT, error.to_string()).code("changed"),
        ActError::UnderWay(_) => Problem::new(StatusCode::CONFLICT, error.to_string()).code("under_way"),
        ActError::TooOften { retry_after_s, .. } => Problem::too_many(error.to_string(), *retry_after_s),
        ActError::Gone(detail) => Problem::not_found(*detail),
        ActError::Redis(told) if told.code == Code::Pending => Problem::unavailable(error.to_string(), 5),
        ActError::Redis(_) => Problem::new(StatusCode::BAD_GATEWAY, error.to_string()),
        ActError::State(error) => state_problem(error),
        ActError::Broken => Problem::internal(),
    }
}

fn state_problem(error: &StateError) -> Problem {
    match error {
        StateError::Busy => Problem::unavailable("the collector is busy", 1),
        other => {
            tracing::error!(target: "api", error = %report::chain(other), "audit log could not be used");
            Problem::internal()
        }
    }
}
