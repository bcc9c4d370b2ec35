//! Spans into requests and errors, by the old and the stable HTTP conventions of OpenTelemetry.

use std::borrow::Cow;

use farol_shared::record::{ErrorSummary, NO_ROUTE, Request};

use super::{
    millis,
    model::{Source, Span},
    recent::{Recent, key},
    tenant,
};
use crate::{
    intake::{Intake, ServiceId, route},
    recorder::cut,
};

/// The kind of spans that answer.
const SERVER: u64 = 2;

/// Longest text that is kept of a name before the intake cuts it: no need to copy more.
const TEXT_BYTES_MAX: usize = farol_shared::limit::RECORD_TEXT_BYTES_MAX;

/// Takes a span in; true when it was a request.
pub(super) fn take(service: ServiceId, source: &Source<'_>, span: &Span<'_>, seen: &mut Recent, intake: &mut Intake) -> bool {
    let request = request(source, span);
    // An exception that became an answer such as 404 is the client's doing.
    let is_clients = request.as_ref().is_some_and(|request| (400..500).contains(&request.status));
    if !is_clients {
        take_exceptions(service, source, span, request.as_ref(), seen, intake);
    }
    let is_request = request.is_some();
    if let Some(request) = request {
        intake.request(service, request, 1);
    }
    is_request
}

fn take_exceptions(
    service: ServiceId,
    source: &Source<'_>,
    span: &Span<'_>,
    request: Option<&Request>,
    seen: &mut Recent,
    intake: &mut Intake,
) {
    for exception in &span.exceptions {
        let Some(kind) = exception.attributes.told("exception.type") else { continue };
        if !span.trace_id.is_empty() {
            let is_new = seen.is_new(key(&span.trace_id, &span.span_id, &kind));
            // It will pass through the span around this one too, which tells it again.
            seen.is_new(key(&span.trace_id, &span.parent_id, &kind));
            if !is_new {
                continue;
            }
        }
        let text =
            |name| exception.attributes.text(name).map(|text| cut(&text, 2 * TEXT_BYTES_MAX).to_owned()).unwrap_or_default();
        let error = ErrorSummary {
            kind: kind.into_owned(),
            tenant: tenant(source, &span.attributes),
            count: 1,
            time_ms: millis(if exception.time_ns == 0 { span.end_ns } else { exception.time_ns }),
            message: text("exception.message"),
            stack: text("exception.stacktrace"),
            route: request
                .map(|request| if request.route.is_empty() { route::fold(&request.path) } else { request.route.clone() }),
            trace_id: (!span.trace_id.is_empty()).then(|| span.trace_id.clone()),
            ..ErrorSummary::default()
        };
        intake.error(service, "span", error);
    }
}

/// The request that a span tells; `None` when it is not the server's side of one.
fn request(source: &Source<'_>, span: &Span<'_>) -> Option<Request> {
    let attributes = &span.attributes;
    let method = attributes.first_text(&["http.request.method", "http.method"]).filter(|_| span.kind == SERVER)?;
    let scheme = attributes.first_text(&["url.scheme", "http.scheme"]).unwrap_or_default();
    // A WebSocket lasts as long as somebody looks; it is no slow request.
    if matches!(&*scheme, "ws" | "wss") {
        return None;
    }
    let path = attributes.first_text(&["url.path", "http.target"]).or_else(|| attributes.text("http.url").map(path_of));
    let path = path.unwrap_or_default();
    let status = ["http.response.status_code", "http.status_code"].iter().find_map(|name| attributes.whole(name));
    let status = match status.and_then(|status| u16::try_from(status).ok()) {
        Some(status) => status,
        // The framework answers for an exception that nobody caught.
        None if span.is_error => 500,
        None => 0,
    };
    Some(Request {
        time_ms: millis(span.end_ns),
        method: method.to_ascii_uppercase(),
        route: route_of(span, &path, status),
        path: cut(&path, TEXT_BYTES_MAX).to_owned(),
        status,
        duration_s: std::time::Duration::from_nanos(span.end_ns.saturating_sub(span.start_ns)).as_secs_f64(),
        tenant: tenant(source, attributes),
        user: ["user.id", "enduser.id"].iter().find_map(|name| attributes.told(name)).map(Cow::into_owned),
        trace_id: (!span.trace_id.is_empty()).then(|| span.trace_id.clone()),
        exception: exception_of(span, status),
    })
}

/// What ended the request: only where it failed.
fn exception_of(span: &Span<'_>, status: u16) -> Option<String> {
    if !(span.is_error || status >= 500) || (400..500).contains(&status) {
        return None;
    }
    let told = span.exceptions.last().and_then(|exception| exception.attributes.told("exception.type"));
    // The convention puts the status there when there was no exception.
    let kind = told.or_else(|| span.attributes.told("error.type").filter(|kind| kind.parse::<u16>().is_err()));
    let kind = kind.map(Cow::into_owned);
    // Below 500 only the span's status says that it failed, and something must tell it on.
    if status < 500 { kind.or_else(|| Some("error".to_owned())) } else { kind }
}

/// The route: what the framework says, else what the span's name tells, else nothing, and the intake folds the path.
fn route_of(span: &Span<'_>, path: &str, status: u16) -> String {
    if let Some(route) = span.attributes.first_text(&["http.route"]) {
        return with_slash(&route);
    }
    // A path that leads nowhere can be anything, and there are as many of them as scanners try.
    if status == 404 {
        return NO_ROUTE.to_owned();
    }
    let name = span.name.split_once(' ').map_or("", |(_, name)| name);
    let is_template = name.starts_with('/') && name.contains(['{', '<', ':', '*', '[']);
    if is_template {
        return name.to_owned();
    }
    if path.is_empty() && name.starts_with('/') { route::fold(name) } else { String::new() }
}

/// Some frameworks write routes without the first slash, and parameters in their own way. Patterns stay as they are.
pub(super) fn with_slash(route: &str) -> String {
    let route = route::template(cut(route, TEXT_BYTES_MAX));
    if route.is_empty() || route.starts_with(['/', '^', '*', '(']) { route } else { format!("/{route}") }
}

/// The path and query of an address.
fn path_of(url: Cow<'_, str>) -> Cow<'_, str> {
    let start = url.find("://").and_then(|at| url.get(at + 3..)?.find(['/', '?', '#']).map(|slash| at + 3 + slash));
    match (start, url) {
        (Some(start), Cow::Borrowed(url)) => Cow::Borrowed(url.get(start..).unwrap_or_default()),
        (Some(start), Cow::Owned(url)) => Cow::Owned(url.get(start..).unwrap_or_default().to_owned()),
        (None, url) if url.contains("://") => Cow::Borrowed("/"),
        (None, url) => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_an_address_is_found() {
        for (url, path) in [
            ("http://a:80/users/7?x=1", "/users/7?x=1"),
            ("https://a", "/"),
            ("https://a?x", "?x"),
            ("/just/a/path", "/just/a/path"),
            ("", ""),
        ] {
            assert_eq!(path_of(Cow::Borrowed(url)), path);
            assert_eq!(path_of(Cow::Owned(url.to_owned())), path);
        }
    }

    #[test]
    fn routes_begin_with_a_slash_and_patterns_stay() {
        for (route, told) in
            [("users/<int:id>", "/users/{id}"), ("/a/:b", "/a/{b}"), ("/a", "/a"), ("^a/(\\d+)$", "^a/(\\d+)$"), ("", "")]
        {
            assert_eq!(with_slash(route), told);
        }
    }
}
