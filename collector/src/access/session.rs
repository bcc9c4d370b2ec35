//! Sign-ins of people: the cookie, how long it holds, and finding the person behind it.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};

use super::{Access, Credential, Person, View, token};
use crate::{
    config::AccessSettings,
    state::{Session, SessionKey, StateError},
};

/// Name of the cookie.
pub const COOKIE: &str = "farol_session";

/// A sign-in just made.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) person: Person,
    pub(super) key: SessionKey,
    pub(super) cookie: HeaderValue,
}

/// Why a sign-in could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("noting a sign-in")]
    State(#[from] StateError),
    #[error("getting random numbers from the system")]
    Random(#[from] getrandom::Error),
}

/// Signs in an account whose password was right. Its cookie is new: one from before says nothing.
pub(super) async fn open(access: &Access, username: &str) -> Result<Opened, OpenError> {
    let (secret, now_ms) = (token::random()?, access.now_ms());
    let fingerprint = crate::state::Fingerprint::of(&secret);
    let lasting = i64::try_from(access.settings().session_max.as_millis()).unwrap_or(i64::MAX);
    let (name, expires_ms) = (username.to_owned(), now_ms.saturating_add(lasting));
    let key = access.state().change(move |db| db.open_session(&name, &fingerprint, now_ms, expires_ms)).await?;
    let session = access.state().now().session_by_key(key).ok_or_else(|| StateError::NoUser(username.to_owned()))?;
    Ok(Opened { person: person(&session), key, cookie: set_cookie(&secret, access.settings()) })
}

/// The person whose cookie the request brings. Counts as a request of that sign-in.
pub(super) fn by_cookie(access: &Access, headers: &HeaderMap) -> Option<Person> {
    let now_ms = access.now_ms();
    let accounts = access.state().now();
    let mut cookies =
        headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|line| line.split(';'));
    // Another program on the same host may have set a cookie of the same name: any that fits will do, a few are tried.
    let session = cookies
        .by_ref()
        .filter_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .take(4)
        .find_map(|secret| accounts.session(&token::fingerprint(secret)?))?;
    alive(&session, access.settings(), now_ms)
}

/// The person of a sign-in's number. Counts as a request of that sign-in.
pub(super) fn by_key(access: &Access, key: SessionKey, now_ms: i64) -> Option<Person> {
    alive(&*access.state().now().session_by_key(key)?, access.settings(), now_ms)
}

fn alive(session: &Session, settings: &AccessSettings, now_ms: i64) -> Option<Person> {
    let idle_ms = i64::try_from(settings.session_idle.as_millis()).unwrap_or(i64::MAX);
    if now_ms >= session.expires_ms || now_ms.saturating_sub(session.last_seen_ms()) >= idle_ms {
        return None;
    }
    session.touch(now_ms);
    Some(person(session))
}

fn person(session: &Session) -> Person {
    Person {
        username: Arc::clone(&session.user.username),
        role: session.user.role,
        view: View::of_tenant(session.user.tenant.as_ref()),
        credential: Credential::Session(session.key),
    }
}

fn set_cookie(secret: &str, settings: &AccessSettings) -> HeaderValue {
    cookie(secret, settings.session_max.as_secs(), settings)
}

/// The header that makes the browser forget the cookie.
pub(super) fn clear_cookie(settings: &AccessSettings) -> HeaderValue {
    cookie("", 0, settings)
}

fn cookie(value: &str, max_age_s: u64, settings: &AccessSettings) -> HeaderValue {
    let secure = if settings.secure_cookie { "; Secure" } else { "" };
    let text = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={max_age_s}{secure}");
    HeaderValue::from_str(&text).expect("base64url text and numbers fit into a header")
}
