//! Sign-ins of people: the cookie, how long it holds, and finding the person behind it.

use std::{net::IpAddr, sync::Arc};

use axum::http::{HeaderMap, HeaderValue, header};

use super::{Access, Credential, Person, View, token};
use crate::{
    config::AccessSettings,
    state::{Accounts, NewSession, Session, SessionKey, StateDb, StateError},
};

/// Name of the cookie.
pub const COOKIE: &str = "farol_session";

/// Longest text of `User-Agent` that is kept, in characters: enough to tell one's own browsers apart.
const AGENT_CHARS_MAX: usize = 200;

/// Where a sign-in comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Address of the browser, when it is known.
    pub(super) address: Option<IpAddr>,
    /// What the browser calls itself.
    pub(super) agent: Option<String>,
    /// The host that was asked.
    pub(super) host: Option<String>,
}

impl Seen {
    pub(super) fn of(address: Option<IpAddr>, headers: &HeaderMap) -> Self {
        let agent = headers.get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let plain = |text: String| text.chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX).collect::<String>();
        let host = host(headers).map(str::to_owned);
        Self { address, agent: agent.map(plain).filter(|text| !text.trim().is_empty()), host }
    }

    fn address_text(&self) -> Option<String> {
        self.address.map(address_text)
    }
}

/// An address as it is stored: that of IPv4 is one, however the listener writes it.
pub(super) fn address_text(address: IpAddr) -> String {
    address.to_canonical().to_string()
}

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

/// Signs in an account. The cookie is new: one from before says nothing. What `with` changes is one with it.
pub(super) async fn open(
    access: &Access,
    username: &str,
    seen: &Seen,
    with: impl FnOnce(&mut StateDb) -> Result<(), StateError> + Send + 'static,
) -> Result<Opened, OpenError> {
    let (secret, now_ms) = (token::random()?, access.now_ms());
    let cookie = crate::state::Fingerprint::of(&secret);
    let lasting = i64::try_from(access.settings().session_max.as_millis()).unwrap_or(i64::MAX);
    let (user, expires_ms) = (username.to_owned(), now_ms.saturating_add(lasting));
    let (address, agent) = (seen.address_text(), seen.agent.clone());
    let began = access.state().change(move |db| {
        db.together(|db| {
            with(db)?;
            let (address, agent) = (address.as_deref(), agent.as_deref());
            db.begin_session(&NewSession { user: &user, cookie: &cookie, now_ms, expires_ms, address, agent })
        })
    });
    let key = began.await?;
    let session = access.state().now().session_by_key(key).ok_or_else(|| StateError::NoUser(username.to_owned()))?;
    Ok(Opened { person: person(&session), key, cookie: set_cookie(&secret, access, seen.host.as_deref()) })
}

/// Sign-ins of an account that still hold.
pub(super) fn of_user<'a>(access: &'a Access, accounts: &'a Accounts, username: &'a str) -> impl Iterator<Item = &'a Session> {
    all(access, accounts).filter(move |one| *one.user.username == *username)
}

/// Sign-ins that still hold.
pub(super) fn all<'a>(access: &'a Access, accounts: &'a Accounts) -> impl Iterator<Item = &'a Session> {
    let now_ms = access.now_ms();
    accounts.sessions().filter(move |one| holds(one, access.settings(), now_ms))
}

/// Whether an account is signed in at this address.
pub(super) fn is_known_at(access: &Access, username: &str, address: Option<IpAddr>) -> bool {
    let Some(address) = address.map(address_text) else { return false };
    of_user(access, &access.state().now(), username).any(|one| one.address.as_deref() == Some(&address))
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
    holds(session, settings, now_ms).then(|| {
        session.touch(now_ms);
        person(session)
    })
}

fn holds(session: &Session, settings: &AccessSettings, now_ms: i64) -> bool {
    let idle_ms = i64::try_from(settings.session_idle.as_millis()).unwrap_or(i64::MAX);
    now_ms < session.expires_ms && now_ms.saturating_sub(session.last_seen_ms()) < idle_ms && !session.user.is_disabled
}

fn person(session: &Session) -> Person {
    Person {
        username: Arc::clone(&session.user.username),
        role: session.user.role,
        view: View::of_tenant(session.user.tenant.as_ref()),
        credential: Credential::Session(session.key),
    }
}

/// The host that a request asks, as its client or a trusted proxy says.
fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

fn set_cookie(secret: &str, access: &Access, host: Option<&str>) -> HeaderValue {
    cookie(secret, access.settings().session_max.as_secs(), access.settings(), access.cookie_path(host))
}

/// The header that makes the browser forget the cookie.
pub(super) fn clear_cookie(access: &Access, headers: &HeaderMap) -> HeaderValue {
    cookie("", 0, access.settings(), access.cookie_path(host(headers)))
}

fn cookie(value: &str, max_age_s: u64, settings: &AccessSettings, path: &str) -> HeaderValue {
    let secure = if settings.secure_cookie { "; Secure" } else { "" };
    let text = format!("{COOKIE}={value}; Path={path}; HttpOnly; SameSite=Strict; Max-Age={max_age_s}{secure}");
    HeaderValue::from_str(&text).expect("base64url text, numbers and the path of an address fit into a header")
}
