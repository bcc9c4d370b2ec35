//! `/api/auth`: first set-up, login, logout, who am I. What people change of their own account, of others' and of tokens lies beside it.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequestParts, Path, State as Shared},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    Access, Credential, Person, Role, View, audit,
    audit::By,
    limiter::Attempt,
    origin::Caller,
    password,
    password::PasswordError,
    refusal,
    session::{self, OpenError, Opened, Seen},
    token,
};
use crate::{
    problem::{JsonBody, Problem},
    state::{LOCAL, Proof, SessionKey, StateDb, StateError, User, user_name},
};

pub mod arrivals;
pub mod own;
pub mod second_factor;
pub mod tokens;
pub mod users;

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
    /// Six digits of the app, or a recovery code: for accounts with a second factor.
    code: Option<String>,
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
    /// Whether signing in needs a second factor.
    second_factor: bool,
    /// By what it is known: `session`, `api_token` or `issued`.
    credential: &'static str,
    /// Where the account comes from: `local`, `oidc:NAME` or `issuer:NAME`.
    origin: String,
    /// Whether it may open `/monitoring`.
    monitoring: bool,
}

/// The one word in a path, such as a name or a number.
#[derive(Debug)]
pub(crate) struct Word(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Word {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let word = Path::<String>::from_request_parts(parts, state).await;
        word.map(|Path(word)| Self(word)).map_err(|_| Problem::not_found("there is nothing of this name"))
    }
}

impl Word {
    fn number(&self) -> Result<i64, Problem> {
        self.0.parse().map_err(|_| Problem::not_found("there is nothing of this number"))
    }
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
    let account = access.state().now().user(&person.username);
    let (credential, origin) = match &person.credential {
        Credential::Issued { issuer, .. } => ("issued", format!("issuer:{issuer}")),
        Credential::Session(_) => ("session", origin_of(account.as_deref())),
        Credential::ApiToken(_) => ("api_token", origin_of(account.as_deref())),
    };
    Me {
        username: person.username.to_string(),
        role: person.role,
        tenant: person.view.tenant().map(str::to_owned),
        second_factor: credential != "issued" && account.is_some_and(|user| user.totp.is_some()),
        credential,
        origin,
        monitoring: person.role >= access.monitoring_role() && person.view == View::Whole,
    }
}

fn origin_of(account: Option<&User>) -> String {
    account.map_or(LOCAL, |user| &user.origin).to_owned()
}

pub(crate) async fn login(
    Shared(access): Shared<Access>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(given): JsonBody<Credentials>,
) -> Result<Response, Problem> {
    // In one form, so that a name written in many ways is not tried as many times.
    let name = user_name(&given.username).unwrap_or(given.username);
    let account = access.state().now().user(&name);
    let attempt = attempt_of(&access, &name, caller);
    if let Err(wait) = access.limiter().attempt_of(&attempt, access.now_ms()) {
        tracing::warn!(target: "access", address = ?caller.address, "login refused for too many attempts");
        return Err(refusal::of_haste(wait));
    }
    let stored = account.as_ref().filter(|user| is_local(user)).map(|user| user.password.clone());
    let right = access.hasher().verify(given.password, stored).await;
    let right = right.map_err(|error| refusal::of_password("password", &error))?;
    let Some(user) = account.clone().filter(|_| right) else {
        // The name is not logged: people type their password into the wrong field.
        tracing::info!(target: "access", address = ?caller.address, "login failed");
        if account.is_some() {
            note_failure(&access, &attempt).await;
        }
        return Err(Problem::unauthorized("the user name or the password is wrong"));
    };
    if user.is_disabled {
        tracing::info!(target: "access", username = %user.username, address = ?caller.address, "login of a disabled account");
        return Err(Problem::forbidden("this account is disabled: ask an administrator").code("disabled"));
    }
    let proof = match second_factor::prove(&access, &user, &attempt, given.code.as_deref()) {
        Ok(proof) => proof,
        Err(error) => return Err(second_factor::refused(&access, &attempt, error, StatusCode::UNAUTHORIZED).await),
    };
    let earlier = session::by_cookie(&access, &headers).and_then(|person| person.credential.session());
    let seen = Seen::of(caller.address, &headers);
    let opened = match enter(&access, &user, &seen, proof, earlier).await {
        Err(OpenError::State(StateError::CodeUsed)) => {
            let error = second_factor::CodeError::Wrong;
            return Err(second_factor::refused(&access, &attempt, error, StatusCode::UNAUTHORIZED).await);
        }
        opened => opened.map_err(|error| not_opened(&error))?,
    };
    access.limiter().forgive(caller.address, &name);
    access.limiter().forgive_codes(caller.address, &name);
    tracing::info!(target: "access", username = %user.username, address = ?caller.address, "person signed in");
    Ok(signed_in(&access, opened))
}

/// Begins a sign-in, ends the one whose cookie came along, spends the code and writes it down: all at once.
async fn enter(
    access: &Access,
    user: &User,
    seen: &Seen,
    proof: Option<Proof>,
    earlier: Option<SessionKey>,
) -> Result<Opened, OpenError> {
    let by = By { username: user.username.to_string(), role: user.role.to_string(), address: seen.address };
    let factor = proof.map(|proof| if matches!(proof, Proof::Step(_)) { "code" } else { "recovery_code" });
    let detail = json!({ "agent": seen.agent, "second_factor": factor });
    let now_ms = access.now_ms();
    let line = audit::line(by, now_ms, "login", &user.username, &detail);
    let name = Arc::clone(&user.username);
    session::open(access, &user.username, seen, move |db| {
        if let Some(proof) = proof
            && !db.spend(&name, &proof)?
        {
            return Err(StateError::CodeUsed);
        }
        if let Some(earlier) = earlier {
            db.end_session(earlier)?;
        }
        db.note_login(&name, now_ms)?;
        db.note_audit(&line)
    })
    .await
}

pub(crate) async fn setup(
    Shared(access): Shared<Access>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(given): JsonBody<SetUp>,
) -> Result<Response, Problem> {
    if let Err(wait) = access.limiter().attempt(caller.address, "", access.now_ms()) {
        return Err(refusal::of_haste(wait));
    }
    let name = user_name(&given.username).map_err(|error| refusal::of_field("username", &error))?;
    password::check(&given.password, &name).map_err(|error| refusal::of_field("password", &error))?;
    let refused = || Problem::forbidden(StateError::SetUpRefused.to_string());
    let link = token::fingerprint(&given.token).filter(|_| access.setup_required()).ok_or_else(refused)?;
    let hash = access.hasher().hash(given.password, &name).await;
    let hash = hash.map_err(|error| refusal::of_password("password", &error))?;
    let (account, now_ms) = (name.clone(), access.now_ms());
    let detail = json!({ "role": Role::SuperAdmin, "by": "set-up link" });
    let line = audit::line(By::account(&name, caller.address), now_ms, "user.create", &name, &detail);
    match audit::with(access.state(), line, move |db| db.set_up(&link, &account, &hash, now_ms)).await {
        Ok(()) => {}
        Err(error @ StateError::UserExists(_)) => return Err(refusal::of_field("username", &error)),
        Err(error) => return Err(refusal::of_state(&error)),
    }
    access.limiter().forgive(caller.address, "");
    tracing::info!(target: "access", username = %name, address = ?caller.address, "first administrator made");
    let user = access.state().now().user(&name).ok_or_else(Problem::internal)?;
    let opened = enter(&access, &user, &Seen::of(caller.address, &headers), None, None).await;
    Ok(signed_in(&access, opened.map_err(|error| not_opened(&error))?))
}

pub(crate) async fn logout(
    Shared(access): Shared<Access>,
    person: Result<Person, Problem>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    match person {
        Ok(person) => {
            if let Some(session) = person.credential.session() {
                let ended = access.state().change(move |db| db.end_session(session)).await;
                ended.map_err(|error| refusal::of_state(&error))?;
            }
            tracing::info!(target: "access", username = %person.username, "person signed out");
        }
        // Nobody is signed in: that is what was asked for. Another site's page may not even clear the cookie.
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {}
        Err(problem) => return Err(problem),
    }
    let mut response = not_cached(StatusCode::NO_CONTENT);
    response.headers_mut().insert(header::SET_COOKIE, session::clear_cookie(&access, &headers));
    Ok(response)
}

/// The answer to a login: who it is, a token, and the cookie.
fn signed_in(access: &Access, opened: Opened) -> Response {
    let expires_in = access.settings().token_lifetime.as_secs();
    let token = access.signer().sign(&opened.person.username, opened.key, access.now_ms(), expires_in);
    let user = told(access, &opened.person);
    with_cookie(Json(SignedIn { token, expires_in, user }), opened)
}

fn with_cookie(response: impl IntoResponse, opened: Opened) -> Response {
    let mut response = not_cached(response);
    response.headers_mut().insert(header::SET_COOKIE, opened.cookie);
    response
}

/// Makes a change of one's own account that ends all of its sign-ins, and begins a new one for whoever made it.
async fn rotate(
    access: &Access,
    by: By,
    seen: &Seen,
    action: &'static str,
    change: impl FnOnce(&mut StateDb) -> Result<(), StateError> + Send + 'static,
) -> Result<Opened, OpenError> {
    let name = by.username.clone();
    let line = audit::line(by, access.now_ms(), action, &name, &json!({}));
    let user = name.clone();
    let opened = session::open(access, &name, seen, move |db| {
        change(db)?;
        db.end_sessions(&user, None)?;
        db.note_audit(&line)
    });
    let opened = opened.await?;
    tracing::info!(target: "access", username = %name, action, "account changed, earlier sign-ins ended");
    Ok(opened)
}

/// The account of a signed-in person who has just typed its password again.
async fn confirm(access: &Access, attempt: &Attempt<'_>, password: String) -> Result<Arc<User>, Problem> {
    let user = access.state().now().user(attempt.account).ok_or_else(|| Problem::unauthorized("sign in first"))?;
    if !is_local(&user) {
        let detail = "this account signs in at its provider: its password and second factor are there";
        return Err(Problem::new(StatusCode::CONFLICT, detail).code("not_local"));
    }
    access.limiter().attempt_of(attempt, access.now_ms()).map_err(refusal::of_haste)?;
    let right = access.hasher().verify(password, Some(user.password.clone())).await;
    if right.map_err(|error| refusal::of_password("password", &error))? {
        return Ok(user);
    }
    note_failure(access, attempt).await;
    Err(Problem::forbidden("the password is wrong").code("wrong_password"))
}

fn attempt_of<'a>(access: &Access, account: &'a str, caller: Caller) -> Attempt<'a> {
    Attempt { address: caller.address, account, is_known: session::is_known_at(access, account, caller.address) }
}

/// Counts a failed attempt of an account that exists, and tells the audit log when there were several in a row.
async fn note_failure(access: &Access, attempt: &Attempt<'_>) {
    let Some(count) = access.limiter().failed(attempt.account) else { return };
    let by = By::account(attempt.account, attempt.address);
    let noted = audit::note(access.state(), by, access.now_ms(), "login.failed", attempt.account, json!({ "in_a_row": count }));
    if let Err(error) = noted.await {
        tracing::error!(target: "access", error = %farol_shared::report::chain(&error), "audit log could not be written");
    }
}

fn is_local(user: &User) -> bool {
    &*user.origin == LOCAL
}

fn not_opened(error: &OpenError) -> Problem {
    match error {
        OpenError::State(error) => refusal::of_state(error),
        OpenError::Random(_) => refusal::failed("sign-in", error),
    }
}

fn no_random(error: getrandom::Error) -> Problem {
    refusal::failed("random numbers", &PasswordError::Random(error))
}

fn not_cached(response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"));
    response
}
