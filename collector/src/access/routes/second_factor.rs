//! The second factor of one's own account: setting it up, new recovery codes, and giving it up. And the check at login.

use axum::{
    Json,
    extract::State as Shared,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Access, Attempt, By, Caller, JsonBody, OpenError, Opened, Person, Problem, Seen, User, not_cached, refusal};
use crate::{
    access::{
        limiter::TooOften,
        seal,
        totp::{self, Code},
    },
    state::{Proof, StateError},
};

/// The password, again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct SecondFactorBegin {
    /// The account's password.
    password: String,
}

/// A secret for an app.
#[derive(Serialize, ToSchema)]
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct SecondFactorOffer {
    /// The secret in base32, for typing.
    secret: String,
    /// The same as an address that apps read.
    uri: String,
    /// The same as a picture for scanning.
    qr: QrPicture,
}

/// A picture of dark squares on white.
#[derive(Debug, Serialize, ToSchema)]
pub struct QrPicture {
    /// Width and height in squares, white margin included.
    size: usize,
    /// The dark ones as the path of an SVG in a view box of that size.
    path: String,
}

/// A code of the app.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct SecondFactorCode {
    /// Six digits.
    code: String,
}

/// The password and a code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "it holds secrets")]
pub struct PasswordAndCode {
    /// The account's password.
    password: String,
    /// Six digits of the app, or a recovery code.
    code: String,
}

/// Recovery codes, shown once.
#[derive(Serialize, ToSchema)]
#[expect(missing_debug_implementations, reason = "it holds secrets")]
pub struct RecoveryCodes {
    /// Ten, each of which works once instead of the app.
    recovery_codes: Vec<String>,
}

/// Why a code is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeError {
    /// None was given.
    Required,
    /// It is wrong, or was used before.
    Wrong,
    /// The secret cannot be read: the key of secrets at rest is another one.
    Unreadable,
    /// Too many were tried.
    TooOften(TooOften),
}

/// The name of the field under which an account's secret is sealed: no other account's opens it.
fn field(username: &str) -> String {
    format!("totp:{username}")
}

/// Checks the code of an account with a second factor. What comes back must be spent with what it allows.
pub(super) fn prove(access: &Access, user: &User, attempt: &Attempt<'_>, code: Option<&str>) -> Result<Option<Proof>, CodeError> {
    let Some(sealed) = &user.totp else { return Ok(None) };
    let code = code.filter(|code| !code.trim().is_empty()).ok_or(CodeError::Required)?;
    access.limiter().code(attempt, access.now_ms()).map_err(CodeError::TooOften)?;
    match totp::parse(code).ok_or(CodeError::Wrong)? {
        Code::Recovery(code) => Ok(Some(Proof::Recovery(code))),
        Code::Moment(code) => step(access, &user.username, sealed, code).map(|step| Some(Proof::Step(step))),
    }
}

fn step(access: &Access, username: &str, sealed: &[u8], code: u32) -> Result<i64, CodeError> {
    let Some(secret) = access.seal().open(&field(username), sealed) else {
        let key = access.seal().path().display();
        tracing::error!(target: "access", username, key = %key, advice = seal::ADVICE, "second factor could not be read");
        return Err(CodeError::Unreadable);
    };
    totp::step_of(&secret, code, access.now_ms()).ok_or(CodeError::Wrong)
}

/// What a code that is not accepted is to the caller. A wrong one counts as a failure.
pub(super) async fn refused(access: &Access, attempt: &Attempt<'_>, error: CodeError, status: StatusCode) -> Problem {
    let told = |detail: &str, code| Problem::new(status, detail).code(code);
    match error {
        CodeError::Required => told("this account needs a code of its second factor", "second_factor_required"),
        CodeError::Wrong => {
            tracing::info!(target: "access", username = attempt.account, address = ?attempt.address, "wrong second factor");
            super::note_failure(access, attempt).await;
            told("the code is wrong, was used before, or is too old", "second_factor_wrong")
        }
        CodeError::Unreadable => told(
            "the collector cannot read this second factor, as its key file is another one: use a recovery code, or ask an administrator",
            "second_factor_unreadable",
        ),
        CodeError::TooOften(wait) => refusal::of_haste(wait),
    }
}

/// Offers a secret for an app. It counts for nothing until its first code comes.
pub(crate) async fn begin(
    Shared(access): Shared<Access>,
    caller: Caller,
    person: Person,
    JsonBody(given): JsonBody<SecondFactorBegin>,
) -> Result<Response, Problem> {
    person.require_session()?;
    let attempt = super::attempt_of(&access, &person.username, caller);
    let user = super::confirm(&access, &attempt, given.password).await?;
    if user.totp.is_some() {
        return Err(conflict("there is a second factor already: disable it first", "second_factor_on"));
    }
    access.limiter().forgive(caller.address, &person.username);
    let secret = totp::new_secret().map_err(super::no_random)?;
    let sealed = access.seal().seal(&field(&user.username), &secret).map_err(super::no_random)?;
    let name = user.username.to_string();
    let offered = access.state().change(move |db| db.offer_second_factor(&name, &sealed)).await;
    offered.map_err(|error| refusal::of_state(&error))?;
    let house = access.public_origin().and_then(|origin| origin.split_once("://")).map(|(_, host)| format!("Farol {host}"));
    let uri = totp::address(house.as_deref().unwrap_or("Farol"), &user.username, &secret);
    let picture = totp::picture(&uri).ok_or_else(Problem::internal)?;
    let qr = QrPicture { size: picture.size, path: picture.path };
    Ok(not_cached(Json(SecondFactorOffer { secret: totp::base32(&secret), uri, qr })))
}

/// Puts the second factor in force, by its first code. Every other sign-in ends.
pub(crate) async fn confirm(
    Shared(access): Shared<Access>,
    caller: Caller,
    person: Person,
    headers: HeaderMap,
    JsonBody(given): JsonBody<SecondFactorCode>,
) -> Result<Response, Problem> {
    person.require_session()?;
    let user = access.state().now().user(&person.username).ok_or_else(|| Problem::unauthorized("sign in first"))?;
    let Some(sealed) = user.totp_pending.clone().filter(|_| user.totp.is_none()) else {
        return Err(conflict("no second factor is being set up: begin first", "second_factor_not_begun"));
    };
    let attempt = super::attempt_of(&access, &person.username, caller);
    let checked = access.limiter().code(&attempt, access.now_ms()).map_err(CodeError::TooOften);
    let checked = checked.and_then(|()| match totp::parse(&given.code) {
        Some(Code::Moment(code)) => step(&access, &user.username, &sealed, code),
        Some(Code::Recovery(_)) | None => Err(CodeError::Wrong),
    });
    let step = match checked {
        Ok(step) => step,
        Err(error) => return Err(refused(&access, &attempt, error, StatusCode::FORBIDDEN).await),
    };
    let recovery_codes = totp::new_recovery_codes().map_err(super::no_random)?;
    let (codes, name) = (totp::fingerprints(&recovery_codes), person.username.to_string());
    let (by, seen) = (By::person(&person, caller.address), Seen::of(caller.address, &headers));
    let opened = super::rotate(&access, by, &seen, "second_factor.enable", move |db| {
        let enabled = db.enable_second_factor(&name, &sealed, step, &codes)?;
        if enabled { Ok(()) } else { Err(StateError::CodeUsed) }
    });
    let opened = opened.await.map_err(|error| super::not_opened(&error))?;
    access.limiter().forgive_codes(caller.address, &person.username);
    Ok(super::with_cookie(Json(RecoveryCodes { recovery_codes }), opened))
}

/// Replaces the recovery codes. Every other sign-in ends.
pub(crate) async fn recovery(
    Shared(access): Shared<Access>,
    caller: Caller,
    person: Person,
    headers: HeaderMap,
    JsonBody(given): JsonBody<PasswordAndCode>,
) -> Result<Response, Problem> {
    let (proof, name) = (both(&access, caller, &person, given).await?, person.username.to_string());
    let recovery_codes = totp::new_recovery_codes().map_err(super::no_random)?;
    let codes = totp::fingerprints(&recovery_codes);
    let (by, seen) = (By::person(&person, caller.address), Seen::of(caller.address, &headers));
    let opened = super::rotate(&access, by, &seen, "second_factor.recovery", move |db| {
        if db.spend(&name, &proof)? { db.replace_recovery_codes(&name, &codes) } else { Err(StateError::CodeUsed) }
    });
    let opened = spent(&access, caller, &person, opened.await).await?;
    Ok(super::with_cookie(Json(RecoveryCodes { recovery_codes }), opened))
}

/// Gives the second factor up. Every other sign-in ends.
pub(crate) async fn disable(
    Shared(access): Shared<Access>,
    caller: Caller,
    person: Person,
    headers: HeaderMap,
    JsonBody(given): JsonBody<PasswordAndCode>,
) -> Result<Response, Problem> {
    let (proof, name) = (both(&access, caller, &person, given).await?, person.username.to_string());
    let (by, seen) = (By::person(&person, caller.address), Seen::of(caller.address, &headers));
    let opened = super::rotate(&access, by, &seen, "second_factor.disable", move |db| {
        if db.spend(&name, &proof)? { db.clear_second_factor(&name) } else { Err(StateError::CodeUsed) }
    });
    let opened = spent(&access, caller, &person, opened.await).await?;
    Ok(super::with_cookie(StatusCode::NO_CONTENT, opened))
}

/// Checks the password and a code of somebody who is signed in.
async fn both(access: &Access, caller: Caller, person: &Person, given: PasswordAndCode) -> Result<Proof, Problem> {
    person.require_session()?;
    let attempt = super::attempt_of(access, &person.username, caller);
    let user = super::confirm(access, &attempt, given.password).await?;
    match prove(access, &user, &attempt, Some(&given.code)) {
        Ok(Some(proof)) => Ok(proof),
        Ok(None) => Err(conflict("this account has no second factor", "second_factor_off")),
        Err(error) => Err(refused(access, &attempt, error, StatusCode::FORBIDDEN).await),
    }
}

/// The sign-in after a change that a code allowed, unless the code was used before or is none of the recovery codes.
async fn spent(access: &Access, caller: Caller, person: &Person, opened: Result<Opened, OpenError>) -> Result<Opened, Problem> {
    match opened {
        Ok(opened) => {
            access.limiter().forgive(caller.address, &person.username);
            access.limiter().forgive_codes(caller.address, &person.username);
            Ok(opened)
        }
        Err(OpenError::State(StateError::CodeUsed)) => {
            let attempt = super::attempt_of(access, &person.username, caller);
            Err(refused(access, &attempt, CodeError::Wrong, StatusCode::FORBIDDEN).await)
        }
        Err(error) => Err(super::not_opened(&error)),
    }
}

fn conflict(detail: &str, code: &'static str) -> Problem {
    Problem::new(StatusCode::CONFLICT, detail).code(code)
}
