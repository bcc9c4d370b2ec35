//! `/api/v1/users`: accounts, as super administrators look after them.

use axum::{Json, extract::State as Shared, http::StatusCode, response::Response};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{Access, By, Caller, JsonBody, Person, Problem, Role, Word, audit, not_cached, own, password, refusal, session};
use crate::state::{LOCAL, NewUser, StateError, UserChange, UserRow, tenant_name, user_name};

/// Accounts.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserList {
    /// By name.
    users: Vec<UserEntry>,
}

/// One account.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserEntry {
    /// Its name.
    username: String,
    /// What it may do: `viewer`, `operator`, `admin` or `super_admin`.
    #[schema(value_type = String)]
    role: Role,
    /// The tenant that bounds what it sees; `null` when it sees everything.
    tenant: Option<String>,
    /// When it was made, in milliseconds since the epoch.
    created: i64,
    /// When somebody signed in last, in milliseconds since the epoch.
    last_login: Option<i64>,
    /// Whether signing in needs a second factor.
    second_factor: bool,
    /// Where it comes from: `local` or `oidc:NAME`.
    origin: String,
    /// Whether nobody can sign in.
    disabled: bool,
    /// How many sign-ins it has.
    sessions: usize,
}

/// An account to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct NewAccount {
    /// Its name: 1 to 64 letters, digits or `. _ - @ +`.
    username: String,
    /// What it may do.
    #[schema(value_type = String)]
    role: Role,
    /// The tenant that bounds what it sees.
    tenant: Option<String>,
    /// Its password; one is made when absent.
    password: Option<String>,
}

/// An account just made.
#[derive(Serialize, ToSchema)]
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct MadeAccount {
    /// The account.
    user: UserEntry,
    /// The password that was made, shown once; `null` when one was given.
    password: Option<String>,
}

/// What is to be changed of an account. What is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct AccountChange {
    /// What it may do.
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
    /// The tenant that bounds what it sees; `null` for none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    tenant: Option<Option<String>>,
    /// Whether nobody can sign in.
    disabled: Option<bool>,
    /// A new password.
    password: Option<String>,
    /// Whether its second factor is forgotten, for somebody who lost it.
    reset_second_factor: Option<bool>,
}

/// Tells `null` from absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn entry(access: &Access, row: UserRow) -> UserEntry {
    let sessions = session::of_user(access, &access.state().now(), &row.username).count();
    UserEntry { sessions, ..bare(row) }
}

/// Answers the accounts.
pub(crate) async fn list(Shared(access): Shared<Access>) -> Result<Response, Problem> {
    let rows = access.state().read(|db| db.users()).await.map_err(|error| refusal::of_state(&error))?;
    // Counted in one pass: there may be as many sign-ins as accounts.
    let accounts = access.state().now();
    let mut counts = std::collections::HashMap::<&str, usize>::new();
    for one in session::all(&access, &accounts) {
        *counts.entry(&one.user.username).or_default() += 1;
    }
    let told = |row: UserRow| {
        let sessions = counts.get(row.username.as_str()).copied().unwrap_or(0);
        UserEntry { sessions, ..bare(row) }
    };
    Ok(not_cached(Json(UserList { users: rows.into_iter().map(told).collect() })))
}

/// Makes an account.
pub(crate) async fn create(
    Shared(access): Shared<Access>,
    caller: Caller,
    person: Person,
    JsonBody(given): JsonBody<NewAccount>,
) -> Result<Response, Problem> {
    person.require_no_api_token()?;
    let name = user_name(&given.username).map_err(|error| refusal::of_state(&error))?;
    let tenant = given.tenant.as_deref().map(tenant_name).transpose().map_err(|error| refusal::of_state(&error))?;
    if access.state().now().user(&name).is_some() {
        return Err(refusal::of_state(&StateError::UserExists(name)));
    }
    let generated = if given.password.is_none() { Some(password::generate().map_err(super::no_random)?) } else { None };
    let chosen = given.password.or_else(|| generated.clone()).unwrap_or_default();
    let hash = access.hasher().hash(chosen, &name).await.map_err(|error| refusal::of_password("password", &error))?;
    let detail = json!({ "role": given.role, "tenant": tenant });
    let now_ms = access.now_ms();
    let line = audit::line(By::person(&person, caller.address), now_ms, "user.create", &name, &detail);
    let made = audit::with(access.state(), line, move |db| {
        let user = NewUser { name: &name, password: &hash, role: given.role, tenant: tenant.as_deref(), origin: LOCAL };
        db.make_user(&user, now_ms)?;
        db.user(&name)?.ok_or(StateError::NoUser(name))
    });
    let row = made.await.map_err(|error| refusal::of_state(&error))?;
    tracing::info!(target: "access", username = %row.username, role = %row.role, by = %person.username, "account made");
    Ok(not_cached((StatusCode::CREATED, Json(MadeAccount { user: bare(row), password: generated }))))
}

/// Changes an account. When anything changed its sign-ins end.
pub(crate) async fn change(
    Shared(access): Shared<Access>,
    caller: Caller,
    person: Person,
    Word(name): Word,
    JsonBody(given): JsonBody<AccountChange>,
) -> Result<Response, Problem> {
    person.require_no_api_token()?;
    let unknown = || refusal::of_state(&StateError::NoUser(name.chars().filter(|c| !c.is_control()).take(80).collect()));
    let name = user_name(&name).map_err(|_| unknown())?;
    let user = access.state().now().user(&name).ok_or_else(unknown)?;
    let password = match given.password {
        Some(_) if !super::is_local(&user) => {
            let detail = "this account signs in at its provider: it has no password here";
            return Err(Problem::new(StatusCode::CONFLICT, detail).code("not_local"));
        }
        Some(password) => {
            Some(access.hasher().hash(password, &name).await.map_err(|error| refusal::of_password("password", &error))?)
        }
        None => None,
    };
    let change = UserChange {
        role: given.role,
        tenant: given.tenant,
        is_disabled: given.disabled,
        password,
        reset_second_factor: given.reset_second_factor.unwrap_or(false),
    };
    let (by, now_ms) = (By::person(&person, caller.address), access.now_ms());
    let changed = access.state().change(move |db| {
        db.together(|db| {
            let changed = db.change_user(&name, &change, now_ms)?;
            let row = db.user(&name)?.ok_or_else(|| StateError::NoUser(name.clone()))?;
            if !changed.is_empty() {
                let detail = json!({ "changed": changed, "role": row.role, "tenant": row.tenant });
                db.note_audit(&audit::line(by, now_ms, "user.change", &name, &detail))?;
            }
            Ok((row, changed))
        })
    });
    let (row, changed) = changed.await.map_err(|error| refusal::of_state(&error))?;
    tracing::info!(target: "access", username = %row.username, changed = ?changed, by = %person.username, "account changed");
    Ok(not_cached(Json(entry(&access, row))))
}

/// Removes an account.
pub(crate) async fn delete(
    Shared(access): Shared<Access>,
    caller: Caller,
    person: Person,
    Word(name): Word,
) -> Result<StatusCode, Problem> {
    person.require_no_api_token()?;
    let line = audit::line(By::person(&person, caller.address), access.now_ms(), "user.delete", &name, &json!({}));
    let deleted = audit::with(access.state(), line, move |db| db.delete_user(&name)).await;
    deleted.map_err(|error| match error {
        StateError::BadUserName(_) => Problem::not_found("there is no such user"),
        error => refusal::of_state(&error),
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends every sign-in of an account.
pub(crate) async fn end_sessions(
    Shared(access): Shared<Access>,
    caller: Caller,
    person: Person,
    Word(name): Word,
) -> Result<StatusCode, Problem> {
    person.require_no_api_token()?;
    let user = user_name(&name).ok().and_then(|name| access.state().now().user(&name));
    let user = user.ok_or_else(|| Problem::not_found("there is no such user"))?;
    own::end_all(&access, By::person(&person, caller.address), user.username.to_string(), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An account that has no sign-ins, or whose are counted elsewhere.
fn bare(row: UserRow) -> UserEntry {
    UserEntry {
        username: row.username,
        role: row.role,
        tenant: row.tenant,
        created: row.created_ms,
        last_login: row.last_login_ms,
        second_factor: row.has_second_factor,
        origin: row.origin,
        disabled: row.is_disabled,
        sessions: 0,
    }
}
