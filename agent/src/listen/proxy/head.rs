//! Heads on their way through: what belongs to one connection is taken out, who asked is put in, the rest stays.

use std::net::IpAddr;

use hyper::{
    HeaderMap, Method, StatusCode, Uri, Version,
    header::{self, HeaderName, HeaderValue},
    http::{request, uri::PathAndQuery},
};

use super::{
    settings::Proxy,
    trace::{self, Trace, Traces},
};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Beside those that `Connection` names. `Trailer` is not among them: what it announces is passed on.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
];

/// What applications behind WSGI or CGI cannot tell from the names with dashes.
const LOOK_ALIKES: [&str; 3] = ["x_forwarded_for", "x_forwarded_proto", "x_forwarded_host"];

/// Headers that `Connection` cannot take out: without them the message would mean something else.
const KEPT: [HeaderName; 5] = [header::HOST, header::CONTENT_LENGTH, FORWARDED_FOR, FORWARDED_PROTO, FORWARDED_HOST];

/// Why a request is not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused(pub(super) StatusCode, pub(super) &'static str);

/// What the head of a request says beside what is passed on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Meaning {
    /// The protocol that the client wants to change to.
    pub(super) upgrade: Option<HeaderValue>,
    /// Whether the client waits for a word before it sends the body.
    pub(super) expects_continue: bool,
    /// The trace that it belongs to.
    pub(super) trace_id: Option<String>,
}

/// Makes the head of a client's request one for the application.
///
/// # Errors
/// [`Refused`] for what has more than one reading, or none.
pub(super) fn request(parts: &mut request::Parts, client: IpAddr, settings: &Proxy, traces: &Traces) -> Result<Meaning, Refused> {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    if parts.method == Method::CONNECT {
        return Err(Refused(StatusCode::METHOD_NOT_ALLOWED, "This proxy opens no tunnels: CONNECT is not allowed."));
    }
    let mut codings = parts.headers.get_all(header::TRANSFER_ENCODING).iter();
    let is_chunked = codings.next().is_none_or(|coding| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"));
    if !is_chunked || codings.next().is_some() {
        return Err(Refused(StatusCode::NOT_IMPLEMENTED, "The only transfer coding that is understood is chunked."));
    }
    set_host(parts, settings).map_err(|what| Refused(BAD, what))?;
    let upgrade = upgrade(parts);
    let wants_trailers = parts.headers.get_all(header::TE).iter().any(|value| has_token(value, "trailers"));
    remove_hop_by_hop(&mut parts.headers);
    if let Some(protocol) = &upgrade {
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        parts.headers.insert(header::UPGRADE, protocol.clone());
    } else if wants_trailers {
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
        parts.headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    join_cookies(parts);
    set_forwarded(&mut parts.headers, client, settings.trust_forwarded);
    let trace_id = set_trace(&mut parts.headers, traces, settings.traceparent);
    let expects_continue = parts.version == Version::HTTP_11
        && parts.headers.get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    parts.version = Version::HTTP_11;
    // What hyper knows of this connection must not reach the other.
    parts.extensions.clear();
    Ok(Meaning { upgrade, expects_continue, trace_id })
}

/// Makes the head of the application's answer one for the client.
pub(super) fn response(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
}

/// One `Host`, the one that the target names if it names one; the target in its short form.
fn set_host(parts: &mut request::Parts, settings: &Proxy) -> Result<(), &'static str> {
    if let Some(authority) = parts.uri.authority() {
        if authority.as_str().contains('@') {
            return Err("The address of the request must not contain a user.");
        }
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| "The address of the request is no host.")?;
        parts.headers.insert(header::HOST, host);
        let target = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        parts.uri = Uri::from(target);
    }
    match parts.headers.get_all(header::HOST).iter().count() {
        1 => Ok(()),
        0 if parts.version == Version::HTTP_10 => {
            // The application is asked in 1.1, which demands one.
            let host = HeaderValue::from_str(&settings.upstream.to_string()).unwrap_or(HeaderValue::from_static("localhost"));
            parts.headers.insert(header::HOST, host);
            Ok(())
        }
        0 => Err("The request names no host."),
        _ => Err("The request names more than one host."),
    }
}

/// The protocol to change to, if the client asks for one. Not `h2c`: behind it requests would pass unseen.
fn upgrade(parts: &request::Parts) -> Option<HeaderValue> {
    if parts.version != Version::HTTP_11 {
        return None;
    }
    let is_asked = parts.headers.get_all(header::CONNECTION).iter().any(|value| has_token(value, "upgrade"));
    let protocol = parts.headers.get(header::UPGRADE).filter(|_| is_asked)?;
    (!has_token(protocol, "h2c")).then(|| protocol.clone())
}

fn has_token(value: &HeaderValue, token: &str) -> bool {
    value
        .as_bytes()
        .split(|byte| matches!(byte, b',' | b';'))
        .any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
            .filter(|name| !KEPT.contains(name))
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// HTTP/2 may divide cookies into several lines, HTTP/1.1 may not.
fn join_cookies(parts: &mut request::Parts) {
    if parts.version == Version::HTTP_2 && parts.headers.get_all(header::COOKIE).iter().nth(1).is_some() {
        let cookies: Vec<&[u8]> = parts.headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
        if let Ok(joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..])) {
            parts.headers.insert(header::COOKIE, joined);
        }
    }
}

fn set_forwarded(headers: &mut HeaderMap, client: IpAddr, is_trusted: bool) {
    let mut chain = String::new();
    if is_trusted {
        for hop in headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()) {
            chain.push_str(hop);
            chain.push_str(", ");
        }
    } else {
        headers.remove(header::FORWARDED);
    }
    for name in LOOK_ALIKES {
        headers.remove(name);
    }
    chain.push_str(&client.to_string());
    if let Ok(value) = HeaderValue::try_from(chain) {
        headers.insert(FORWARDED_FOR, value);
    }
    let host = headers.get(header::HOST).cloned();
    for (name, value) in [(FORWARDED_PROTO, Some(HeaderValue::from_static("http"))), (FORWARDED_HOST, host)] {
        if let Some(value) = value.filter(|_| !is_trusted || !headers.contains_key(&name)) {
            headers.insert(name, value);
        }
    }
}

/// The id of the request's trace; a new trace when there is none that is valid.
fn set_trace(headers: &mut HeaderMap, traces: &Traces, may_add: bool) -> Option<String> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let first = values.next().filter(|_| values.next().is_none());
    if let Some(id) = first.and_then(|value| trace::parse(value.as_bytes())) {
        return Some(id.to_owned());
    }
    if !may_add {
        return None;
    }
    let Trace { id, header } = traces.begin()?;
    // A state belongs to the parent that is not there.
    headers.remove(TRACESTATE);
    headers.insert(TRACEPARENT, header);
    Some(id)
}

#[cfg(test)]
mod tests;
