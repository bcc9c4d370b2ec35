//! `POST /api/dashboard/redis/*` and `/api/v1/actions/{id}`: what changes another system.

use axum::{
    RequestExt as _,
    extract::{DefaultBodyLimit, FromRequest as _, FromRequestParts as _, Path, Request},
    http::StatusCode,
    response::Response,
};
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::ToSchema;

use super::{App, caller::state_problem, json};
use crate::{
    access::{Person, Role, proxy::ClientAddress},
    act::{ActError, Actor, JobState, Place, delete::ByPattern},
    problem::{JsonBody, Problem},
    pull::Code,
};

/// Largest body of these requests, in bytes: a key, a pattern, a reason.
const BODY_BYTES_MAX: usize = 32 << 10;

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

/// Who asks, and for what. The route's guard has checked the role.
async fn read<T: DeserializeOwned>(app: &App, mut request: Request) -> Result<(Person, Actor, T), Problem> {
    let person: Person = request.extract_parts_with_state(app).await?;
    let address = ClientAddress::of(request.extensions()).address;
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
        ActError::State(error) => state_problem("audit log", error),
        ActError::Broken => Problem::internal(),
    }
}
