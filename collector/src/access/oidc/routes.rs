//! `/api/auth/oidc/{name}` and its callback: a browser goes to its provider and comes back.

use axum::{
    extract::State as Shared,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use reqwest::Url;
use serde_json::json;

use super::{Fault, Oidc, exchange, pending, who};
use crate::{
    access::{Access, audit, proxy::ClientAddress, routes::Word, session},
    problem::Problem,
};

/// The cookie that ties a sign-in under way to the browser that began it. It must come back from another site, so that
/// `Strict` would not do.
const COOKIE: &str = "farol_oidc";

/// Longest value of the cookie or of `state` that is looked at, in bytes; ours have 43.
const TEXT_BYTES_MAX: usize = 128;

/// Sends the browser to the provider.
pub(crate) async fn begin(
    Shared(access): Shared<Access>,
    Word(name): Word,
    client: ClientAddress,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let oidc = access.oidc();
    let provider = oidc.provider(&name).ok_or_else(unknown)?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match oidc.begin(provider, client, host, access.now_ms()).await {
        Ok(sent) => {
            let mut response = redirect(sent.to.as_str());
            response.headers_mut().append(header::SET_COOKIE, cookie(&sent.browser, pending::WITHIN_MS / 1_000, &oidc.home()));
            Ok(response)
        }
        Err(fault) => Ok(turned_away(oidc, &name, client, &fault)),
    }
}

/// Takes the browser back, and signs the person in.
pub(crate) async fn callback(
    Shared(access): Shared<Access>,
    Word(name): Word,
    client: ClientAddress,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let oidc = access.oidc();
    oidc.provider(&name).ok_or_else(unknown)?;
    let mut response = match finish(&access, &name, client, &uri, &headers).await {
        Ok(cookie) => {
            let mut response = redirect(&oidc.home());
            response.headers_mut().append(header::SET_COOKIE, cookie);
            response
        }
        Err(fault) => turned_away(oidc, &name, client, &fault),
    };
    response.headers_mut().append(header::SET_COOKIE, cookie("", 0, &oidc.home()));
    Ok(response)
}

fn unknown() -> Problem {
    Problem::not_found("there is no such provider of sign-in")
}

/// What the provider's answer says in the address.
#[derive(Default)]
struct Answered {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    issuer: Option<String>,
}

impl Answered {
    /// A parameter that stands there twice makes the whole answer doubtful.
    fn read(uri: &Uri) -> Option<Self> {
        let url = Url::parse(&format!("http://x/?{}", uri.query().unwrap_or_default())).ok()?;
        let mut answered = Self::default();
        for (name, value) in url.query_pairs() {
            let place = match &*name {
                "state" => &mut answered.state,
                "code" => &mut answered.code,
                "error" => &mut answered.error,
                "iss" => &mut answered.issuer,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        Some(answered)
    }
}

async fn finish(
    access: &Access,
    name: &str,
    client: ClientAddress,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<HeaderValue, Fault> {
    let oidc = access.oidc();
    let provider = oidc.provider(name).ok_or(Fault::Expired)?;
    let answered = Answered::read(uri).ok_or(Fault::Answer("a parameter stands there twice"))?;
    let state = answered.state.filter(|state| state.len() <= TEXT_BYTES_MAX).ok_or(Fault::Expired)?;
    let now_ms = access.now_ms();
    let begun = cookies(headers).find_map(|browser| oidc.pending.take(&state, browser, name, now_ms)).ok_or(Fault::Expired)?;
    let found = provider.discovered().await?;
    match &answered.issuer {
        Some(issuer) if *issuer != provider.settings.issuer_text => return Err(Fault::Answer("another provider answered")),
        None if found.is_issuer_told => return Err(Fault::Answer("the answer does not name its provider")),
        _ => {}
    }
    match answered.error.as_deref() {
        Some("access_denied") => return Err(Fault::Refused("the person or the provider said no")),
        Some(_) => return Err(Fault::Answer("the provider answered with an error")),
        None => {}
    }
    let code = answered.code.ok_or(Fault::Answer("there is no code"))?;
    let claims = exchange::claims(provider, &found, &begun, &code, now_ms).await?;
    let who = who::identity(provider, &claims)?;
    let (origin, role, tenant) = (who.origin.clone(), who.role, who.tenant.clone());
    let known =
        access.state().change(move |db| db.identify(&who, now_ms)).await?.ok_or(Fault::Refused("the account is disabled"))?;
    let by = || audit::By { username: known.username.clone(), role: role.to_string(), address: client.address };
    let line = |action, detail| audit::line(by(), now_ms, action, &known.username, &detail);
    let told = json!({ "by": origin, "role": role, "tenant": tenant.as_deref() });
    let change = [("user.create", known.is_new), ("user.change", known.has_changed)].into_iter().find(|(_, is_it)| *is_it);
    let mut lines: Vec<_> = change.map(|(action, _)| line(action, told)).into_iter().collect();
    lines.push(line("login", json!({ "by": origin })));
    let seen = session::Seen::of(client.address, headers);
    let opened = session::open(access, &known.username, &seen, move |db| lines.iter().try_for_each(|line| db.note_audit(line)));
    let opened = opened.await.map_err(|error| match error {
        session::OpenError::State(error) => Fault::State(error),
        session::OpenError::Random(error) => Fault::Random(error),
    })?;
    tracing::info!(target: "access", username = %known.username, %origin, address = ?client.address, "person signed in");
    Ok(opened.cookie)
}

/// The values of our cookie that a request brings; a few are tried, as another program on the host may have set one.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let values = lines.flat_map(|line| line.split(';')).filter_map(|one| one.trim().strip_prefix(COOKIE)?.strip_prefix('='));
    values.filter(|value| !value.is_empty() && value.len() <= TEXT_BYTES_MAX).take(4)
}

fn turned_away(oidc: &Oidc, name: &str, client: ClientAddress, fault: &Fault) -> Response {
    let error = farol_shared::report::chain(fault);
    tracing::warn!(target: "access", provider = name, address = ?client.address, %error, "sign-in at a provider failed");
    redirect(&format!("{}#/sign-in?fault={}", oidc.home(), fault.code()))
}

fn redirect(to: &str) -> Response {
    // Every address comes out of a parser that leaves no control characters in it.
    let Ok(to) = HeaderValue::from_str(to) else { return Problem::internal().into_response() };
    let mut response = StatusCode::FOUND.into_response();
    response.headers_mut().insert(header::LOCATION, to);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The provider sends the browser back into the folder that the public address names.
fn cookie(value: &str, max_age_s: i64, home: &str) -> HeaderValue {
    let path = if home.contains(';') { "/" } else { home };
    let text = format!("{COOKIE}={value}; Path={path}; HttpOnly; SameSite=Lax; Max-Age={max_age_s}");
    HeaderValue::from_str(&text).expect("base64url text, numbers and the path of an address fit into a header")
}
