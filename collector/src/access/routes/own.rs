//! What people change of their own account: the password, and where they are signed in.

use axum::{
    Json,
    extract::State as Shared,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{Access, By, Caller, JsonBody, Person, Problem, Seen, Word, audit, not_cached, password, refusal, session};
use crate::state::SessionKey;

/// The password there is, and the one that there shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "it holds secrets")]
pub struct PasswordChange {
    /// The password of now.
    current: String,
    /// The new one: at least ten characters, not one of those that are tried first.
    new: String,
}

/// Where somebody is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnSessions {
    /// Sign-ins, the one used last first.
    sessions: Vec<OwnSession>,
}

/// One sign-in.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnSession {
    /// Its number.
    id: i64,
    /// Whether it is the one that asks.
    current: bool,
    /// When it began, in milliseconds since the epoch.
    created: i64,
    /// When its last request came, in milliseconds since the epoch.
    last_seen: i64,
    /// When it ends in any case, in milliseconds since the epoch.
    expires: i64,
    /// Address that it came from; `null` when it is not known.
    address: Option<String>,
    /// What the browser or program called itself.
    agent: Option<String>,
}

/// Changes one's own password. Every other sign-in ends.
pub(crate) async fn change_password(
    Shared(access): Shared<Access>,
    caller: Caller,
    person: Person,
    headers: HeaderMap,
    JsonBody(given): JsonBody<PasswordChange>,
) -> Result<Response, Problem> {
    person.require_session()?;
    password::check(&given.new, &person.username).map_err(|error| refusal::of_password("new", &error))?;
    if given.new == given.current {
        return Err(refusal::wrong("new", "the new password is the one of now"));
    }
    let attempt = super::attempt_of(&access, &person.username, caller);
    super::confirm(&access, &attempt, given.current).await?;
    let hash = access.hasher().hash(given.new, &person.username).await;
    let hash = hash.map_err(|error| refusal::of_password("new", &error))?;
    let (by, name) = (By::person(&person, caller.address), person.username.to_string());
    let seen = Seen::of(caller.address, &headers);
    let opened = super::rotate(&access, by, &seen, "password.change", move |db| db.set_password(&name, &hash)).await;
    let opened = opened.map_err(|error| super::not_opened(&error))?;
    access.limiter().forgive(caller.address, &person.username);
    Ok(super::with_cookie(StatusCode::NO_CONTENT, opened))
}

/// Answers where one is signed in.
pub(crate) async fn sessions(Shared(access): Shared<Access>, person: Person) -> Response {
    let accounts = access.state().now();
    let mut sessions: Vec<OwnSession> = session::of_user(&access, &accounts, &person.username)
        .map(|one| OwnSession {
            id: one.key.0,
            current: person.credential.session() == Some(one.key),
            created: one.created_ms,
            last_seen: one.last_seen_ms(),
            expires: one.expires_ms,
            address: one.address.clone(),
            agent: one.agent.clone(),
        })
        .collect();
    sessions.sort_by_key(|one| (std::cmp::Reverse(one.last_seen), std::cmp::Reverse(one.id)));
    not_cached(Json(OwnSessions { sessions }))
}

/// Ends one of one's own sign-ins.
pub(crate) async fn end_session(
    Shared(access): Shared<Access>,
    caller: Caller,
    person: Person,
    word: Word,
) -> Result<StatusCode, Problem> {
    person.require_session()?;
    let (id, name) = (word.number()?, person.username.to_string());
    let line = audit::line(By::person(&person, caller.address), access.now_ms(), "session.end", &name, &json!({ "id": id }));
    let ended = access.state().change(move |db| {
        db.together(|db| {
            let ended = db.end_session_of(&name, SessionKey(id))?;
            if ended {
                db.note_audit(&line)?;
            }
            Ok(ended)
        })
    });
    if ended.await.map_err(|error| refusal::of_state(&error))? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("you have no such sign-in, or no longer"))
    }
}

/// Ends every other of one's own sign-ins.
pub(crate) async fn end_others(Shared(access): Shared<Access>, caller: Caller, person: Person) -> Result<StatusCode, Problem> {
    let (kept, name) = (person.require_session()?, person.username.to_string());
    end_all(&access, By::person(&person, caller.address), name, Some(kept)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends an account's sign-ins but one, and writes it down when there were any.
pub(super) async fn end_all(access: &Access, by: By, name: String, kept: Option<SessionKey>) -> Result<usize, Problem> {
    let now_ms = access.now_ms();
    let ended = access.state().change(move |db| {
        db.together(|db| {
            let ended = db.end_sessions(&name, kept)?;
            if ended > 0 {
                db.note_audit(&audit::line(by, now_ms, "session.end", &name, &json!({ "ended": ended })))?;
            }
            Ok(ended)
        })
    });
    ended.await.map_err(|error| refusal::of_state(&error))
}
