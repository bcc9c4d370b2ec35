//! The record of one request: begun with its head, written when the last byte of the answer was handed over, or when it
//! broke off. Whoever lets go of it has ended the request.

use std::{rc::Rc, sync::atomic::Ordering};

use farol_shared::record;
use hyper::{
    HeaderMap, Method,
    header::{HeaderName, HeaderValue},
    http::request,
};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{Client, Shared};

/// Status of a request that its client gave up before it was answered: nginx's number for it, and no fault of the server.
pub(super) const CLIENT_CLOSED: u16 = 499;

/// What stands for methods beyond the known ones, as OpenTelemetry has it; anyone can invent methods.
const OTHER_METHOD: &str = "_OTHER";

/// One request that is being passed through.
#[derive(Debug)]
pub(super) struct Record {
    shared: Rc<Shared>,
    client: Rc<Client>,
    started: Instant,
    request: record::Request,
    /// Held until the request has ended.
    pub(super) slot: Option<OwnedSemaphorePermit>,
}

impl Record {
    /// Begins with a request as the client sent it.
    pub(super) fn begin(shared: &Rc<Shared>, client: &Rc<Client>, parts: &request::Parts) -> Self {
        client.seen.begin_request();
        let settings = &shared.settings;
        let request = record::Request {
            method: method(&parts.method).to_owned(),
            path: parts.uri.path().to_owned(),
            tenant: text(&parts.headers, settings.tenant_header.as_ref()),
            user: text(&parts.headers, settings.user_header.as_ref()),
            ..record::Request::default()
        };
        Self { shared: Rc::clone(shared), client: Rc::clone(client), started: Instant::now(), request, slot: None }
    }

    /// Says which trace it belongs to.
    pub(super) fn set_trace(&mut self, id: Option<String>) {
        self.request.trace_id = id;
    }

    /// Says how it was answered.
    pub(super) fn set_status(&mut self, status: u16) {
        self.request.status = status;
    }

    /// Says which route the application names.
    pub(super) fn set_route(&mut self, route: &HeaderValue) {
        self.request.route = String::from_utf8_lossy(route.as_bytes()).into_owned();
    }

    /// Says that the answer broke off, and why.
    pub(super) fn set_exception(&mut self, what: &'static str) {
        self.request.exception = Some(what.to_owned());
    }

    /// Whether it was cut because nothing moved.
    pub(super) fn is_cut(&self) -> bool {
        self.client.seen.is_cut.load(Ordering::Relaxed)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.client.seen.end_request();
        let mut request = std::mem::take(&mut self.request);
        if request.status == 0 {
            request.status = CLIENT_CLOSED;
        }
        request.duration_s = self.started.elapsed().as_secs_f64();
        request.time_ms = self.shared.context.clock.now_ms();
        let mut intake = self.shared.context.inlet.open();
        let service = intake.service(self.shared.settings.service.as_deref(), None);
        intake.request(service, request, 1);
        intake.received("proxy", 1);
    }
}

fn method(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "TRACE" | "CONNECT") => known,
        _ => OTHER_METHOD,
    }
}

fn text(headers: &HeaderMap, name: Option<&HeaderName>) -> Option<String> {
    let value = headers.get(name?)?.as_bytes();
    let text = String::from_utf8_lossy(value);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
