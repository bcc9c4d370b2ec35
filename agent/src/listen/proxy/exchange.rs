//! One request and its answer.

use std::{convert::Infallible, rc::Rc, sync::Arc};

use bytes::Bytes;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderName, HeaderValue},
    upgrade::OnUpgrade,
};
use hyper_util::rt::TokioIo;
use tokio::sync::Notify;

use super::{
    Client, Shared,
    body::{Answer, Outgoing},
    head::{self, Refused},
    record::Record,
    tunnel,
    upstream::UpstreamError,
};

/// With this header an application may name the route of a request; the client does not see it.
const ROUTE: HeaderName = HeaderName::from_static("farol-route");

/// Passes one request to the application and its answer back. Never fails: what goes wrong is an answer too.
pub(super) async fn pass(
    shared: Rc<Shared>,
    client: Rc<Client>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let (mut parts, body) = request.into_parts();
    let mut record = Record::begin(&shared, &client, &parts);
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    let meaning = match head::request(&mut parts, client.address, &shared.settings, &shared.traces) {
        Ok(meaning) => meaning,
        Err(Refused(status, detail)) => return Ok(problem(status, detail, record)),
    };
    record.set_trace(meaning.trace_id);
    let Some(slot) = shared.slot().await else {
        return Ok(problem(StatusCode::SERVICE_UNAVAILABLE, "The proxy serves as many requests as it may.", record));
    };
    record.slot = Some(slot);
    let mut outgoing = Outgoing::new(body);
    let progress = outgoing.progress();
    let body_is_unknown = !progress.is_sent() && !parts.headers.contains_key(header::CONTENT_LENGTH);
    if body_is_unknown {
        // Said here, because hyper takes it for granted that a GET has no body.
        parts.headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    let bell = (meaning.expects_continue && !progress.is_sent()).then(|| Arc::new(Notify::new()));
    if let Some(bell) = &bell {
        outgoing.hold_until(Arc::clone(bell));
    }
    let mut request = Request::from_parts(parts, outgoing);
    if let Some(bell) = bell {
        hyper::ext::on_informational(&mut request, move |said| {
            if said.status() == StatusCode::CONTINUE {
                bell.notify_one();
            }
        });
    }
    let (response, lease) = match shared.upstream.send(request).await {
        Ok(answered) => answered,
        Err(error) => return Ok(failed(&error, progress.is_broken(), record)),
    };
    record.set_status(response.status().as_u16());
    let (mut parts, body) = response.into_parts();
    if let Some(route) = parts.headers.remove(ROUTE) {
        record.set_route(&route);
    }
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        let back = parts.extensions.remove::<OnUpgrade>();
        let (Some(front), Some(back), Some(protocol)) = (upgrade, back, meaning.upgrade) else {
            record.set_status(StatusCode::BAD_GATEWAY.as_u16());
            record.set_exception("UpstreamBroke");
            return Ok(problem(StatusCode::BAD_GATEWAY, "The application changed to a protocol that nobody asked for.", record));
        };
        let protocol = parts.headers.get(header::UPGRADE).cloned().unwrap_or(protocol);
        head::response(&mut parts.headers);
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        parts.headers.insert(header::UPGRADE, protocol);
        start_tunnel(&shared, client, front, back);
        return Ok(Response::from_parts(parts, Answer::Own(None, Box::new(record))));
    }
    head::response(&mut parts.headers);
    parts.extensions.remove::<OnUpgrade>();
    Ok(Response::from_parts(parts, Answer::passed(body, record, lease, progress)))
}

/// The client counts as connected for as long as its tunnel is open.
fn start_tunnel(shared: &Rc<Shared>, client: Rc<Client>, front: OnUpgrade, back: OnUpgrade) {
    let idle = shared.settings.idle_timeout;
    let mut tunnels = shared.tunnels.borrow_mut();
    while tunnels.try_join_next().is_some() {}
    tunnels.spawn_local(async move {
        let (Ok(front), Ok(back)) = (front.await, back.await) else { return };
        let (front, back) = (TokioIo::new(front), TokioIo::new(back));
        // However it ends, both ends see it.
        tokio::select! {
            ended = tunnel::run(front, back) => drop(ended),
            () = client.seen.silent_for(idle) => {}
        }
    });
}

fn failed(error: &UpstreamError, is_clients_fault: bool, mut record: Record) -> Response<Answer> {
    if is_clients_fault {
        // Its body broke off, so it is hardly there to read this.
        return problem(StatusCode::BAD_REQUEST, "The body of the request broke off.", record);
    }
    let (status, exception, detail) = match error {
        UpstreamError::Connect(_) => {
            (StatusCode::BAD_GATEWAY, "UpstreamAway", "The application behind this proxy accepts no connections.")
        }
        UpstreamError::Broke(_) => (
            StatusCode::BAD_GATEWAY,
            "UpstreamBroke",
            "The application behind this proxy broke the connection off before it answered.",
        ),
        UpstreamError::ConnectTimeout(_) => (
            StatusCode::GATEWAY_TIMEOUT,
            "UpstreamTimeout",
            "The application behind this proxy did not accept a connection in time.",
        ),
        UpstreamError::AnswerTimeout(_) => {
            (StatusCode::GATEWAY_TIMEOUT, "UpstreamTimeout", "The application behind this proxy did not answer in time.")
        }
    };
    record.set_exception(exception);
    problem(status, detail, record)
}

/// An answer of the proxy itself, as RFC 9457 has it. The texts are this program's own and need no escapes.
fn problem(status: StatusCode, detail: &str, mut record: Record) -> Response<Answer> {
    record.set_status(status.as_u16());
    let title = status.canonical_reason().unwrap_or_default();
    let body =
        format!("{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{},\"detail\":\"{detail}\"}}\n", status.as_u16());
    let mut response = Response::new(Answer::Own(Some(Bytes::from(body)), Box::new(record)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
