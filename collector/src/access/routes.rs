//! `/api/auth`: first set-up, login, logout, who am I.

use std::error::Error;

use axum::{
    Json,
    extract::State as Shared,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Access, Person, Role, View, origin::Caller, password, password::PasswordError, session, token};
use crate::{
    problem::{JsonBody, Problem},
    state::{StateError, user_name},
};

/// What the page must know before anybody is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignInState {
    /// Whether the first administrator must be made.
    setup_required: bool,
    /// Version of the collector.
    version: &'static str,
    /// Providers at which people may sign in instead.
    oidc: Vec<super::oidc::Offered>,
}

/// A name and a password.
#[derive(Deserialize, ToSchema)]
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct Credentials {
    /// Name of the account.
    username: String,
    /// Its password.
    password: String,
}

/// The set-up link's token, and the account to make.
#[derive(Deserialize, ToSchema)]
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct SetUp {
    /// What stands in the link.
    token: String,
    /// Name of the account to make.
    username: String,
    /// Its password.
    password: String,
}

/// The answer to a login.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedIn {
    /// A bearer token; it ends with the sign-in.
    token: String,
    /// How long it is valid, in seconds.
    expires_in: u64,
    /// Who is signed in.
    user: Me,
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    /// Name of the account.
    username: String,
    /// What it may do: `viewer`, `operator`, `admin` or `super_admin`.
    #[schema(value_type = String)]
    role: Role,
    /// The tenant that bounds what it sees; `null` when it sees everything.
    tenant: Option<String>,
    /// Whether it may open `/monitoring`.
    monitoring: bool,
}

pub(crate) async fn state(Shared(access): Shared<Access>) -> Response {
    let state = SignInState {
        setup_required: access.setup_required(),
        version: env!("CARGO_PKG_VERSION"),
        oidc: access.oidc().offered(),
    };
    not_cached(Json(state))
}

pub(crate) async fn me(Shared(access): Shared<Access>, person: Person) -> Response {
    not_cached(Json(told(&access, &person)))
}

fn told(access: &Access, person: &Person) -> Me {
    Me {
        username: person.username.to_string(),
        role: person.role,
        tenant: person.view.tenant().map(str::to_owned),
        monitoring: person.role >= access.monitoring_role() && person.view == View::Whole,
    }
}

pub(crate) async fn login(
    Shared(access): Shared<Access>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(given): JsonBody<Credentials>,
) -> Result<Response, Problem> {
    if let Err(wait) = access.limiter().attempt(caller.address, &given.username, access.now_ms()) {
        tracing::warn!(target: "access", address = ?caller.address, "login refused for too many attempts");
        return Err(Problem::too_many("too many attempts to sign in: wait a little", wait.retry_after_s));
    }
    let account = user_name(&given.username).ok().and_then(|name| access.state().now().user(&name));
    let stored = account.as_ref().map(|user| user.password.clone());
    let right = access.hasher().verify(given.password, stored).await.map_err(|error| refuse_password(&error))?;
    let Some(user) = account.filter(|_| right) else {
        // The name is not logged: people type their password into the wrong field.
        tracing::info!(target: "access", address = ?caller.address, "login failed");
        return Err(Problem::unauthorized("the user name or the password is wrong"));
    };
    access.limiter().forgive(caller.address, &given.username);
    end_earlier(&access, &headers).await;
    tracing::info!(target: "access", username = %user.username, address = ?caller.address, "person signed in");
    sign_in(&access, &user.username).await
}

pub(crate) async fn setup(
    Shared(access): Shared<Access>,
    caller: Caller,
    JsonBody(given): JsonBody<SetUp>,
) -> Result<Response, Problem> {
    if let Err(wait) = access.limiter().attempt(caller.address, "", access.now_ms()) {
        return Err(Problem::too_many("too many attempts: wait a little", wait.retry_after_s));
    }
    let name = user_name(&given.username).map_err(|error| wrong_field("username", &error))?;
    password::check(&given.password).map_err(|error| wrong_field("password", &error))?;
    let refused = || Problem::forbidden(StateError::SetUpRefused.to_string());
    let link = token::fingerprint(&given.token).filter(|_| access.setup_required()).ok_or_else(refused)?;
    let hash = access.hasher().hash(given.password).await.map_err(|error| refuse_password(&error))?;
    let (account, now_ms) = (name.clone(), access.now_ms());
    match access.state().change(move |db| db.set_up(&link, &account, &hash, now_ms)).await {
        Ok(()) => {}
        Err(StateError::SetUpRefused) => return Err(refused()),
        Err(error @ StateError::UserExists(_)) => return Err(wrong_field("username", &error)),
        Err(error) => return Err(failed("set-up", &error)),
    }
    access.limiter().forgive(caller.address, "");
    tracing::info!(target: "access", username = %name, address = ?caller.address, "first administrator made");
    sign_in(&access, &name).await
}

pub(crate) async fn logout(Shared(access): Shared<Access>, person: Result<Person, Problem>) -> Result<Response, Problem> {
    match person {
        Ok(person) => {
            if let Some(session) = person.credential.session() {
                let ended = access.state().change(move |db| db.end_session(session)).await;
                ended.map_err(|error| failed("logout", &error))?;
            }
            tracing::info!(target: "access", username = %person.username, "person signed out");
        }
        // Nobody is signed in: that is what was asked for. Another site's page may not even clear the cookie.
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {}
        Err(problem) => return Err(problem),
    }
    let mut response = not_cached(StatusCode::NO_CONTENT);
    response.headers_mut().insert(header::SET_COOKIE, session::clear_cookie(access.settings()));
    Ok(response)
}

async fn sign_in(access: &Access, username: &str) -> Result<Response, Problem> {
    let opened = session::open(access, username).await.map_err(|error| match &error {
        session::OpenError::State(StateError::Busy) => Problem::unavailable("the collector is busy", 1),
        _ => failed("login", &error),
    })?;
    let expires_in = access.settings().token_lifetime.as_secs();
    let person = opened.person;
    let token = access.signer().sign(&person.username, opened.key, access.now_ms(), expires_in);
    let user = told(access, &person);
    let mut response = not_cached(Json(SignedIn { token, expires_in, user }));
    response.headers_mut().insert(header::SET_COOKIE, opened.cookie);
    Ok(response)
}

/// Ends the sign-in whose cookie came along: its browser gets a new one.
async fn end_earlier(access: &Access, headers: &HeaderMap) {
    let Some(earlier) = session::by_cookie(access, headers) else { return };
    let Some(session) = earlier.credential.session() else { return };
    if let Err(error) = access.state().change(move |db| db.end_session(session)).await {
        tracing::warn!(target: "access", error = %farol_shared::report::chain(&error), "earlier sign-in not ended");
    }
}

fn refuse_password(error: &PasswordError) -> Problem {
    match error {
        PasswordError::Busy => Problem::unavailable("too many people are signing in at once", 1),
        PasswordError::TooShort | PasswordError::TooLong => wrong_field("password", error),
        PasswordError::Hash(_) | PasswordError::Random(_) => failed("password", error),
    }
}

fn wrong_field(field: &str, error: &dyn Error) -> Problem {
    Problem::unprocessable(error.to_string()).field(field, error.to_string())
}

fn failed(doing: &'static str, error: &(dyn Error + 'static)) -> Problem {
    tracing::error!(target: "access", doing, error = %farol_shared::report::chain(error), "accounts could not be used");
    Problem::internal()
}

fn not_cached(response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
