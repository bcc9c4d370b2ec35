//! The HTTP listener: Farol's own JSON and OTLP, from applications on this machine.
//!
//! In: connections on one address, loopback unless configured otherwise. Out: calls of the intake. Invariants: what was
//! answered with 202 or 200 is in the intake; no page in a browser can write (see [`guard`]); nothing is read without a
//! bound: [`CONNECTIONS_MAX`], [`HEAD_WAIT_MAX`], and those of [`body`].

use std::{cell::Cell, cell::RefCell, convert::Infallible, net::SocketAddr, pin::pin, rc::Rc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ALLOW, CONTENT_TYPE, EXPECT},
    http::request::Parts,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
    time::Instant,
};
use tracing::{debug, info};

use super::{
    Context, ListenError,
    items::{self, Kind, Reading, Refused},
    otlp::{Encoding, Otlp, Signal},
};

mod answer;
mod body;
mod guard;

use answer::{Failure, Style};
use body::BodyError;

/// Most connections at a time. Each may hold buffers of [`BUFFER_BYTES_MAX`]; a worker process keeps one or two open.
pub const CONNECTIONS_MAX: usize = 128;

/// A connection's read buffer, which bounds a request's head too.
const BUFFER_BYTES_MAX: usize = 16 << 10;

/// Longest wait for a request's head, and so for the next request on a kept connection. Longer than the minute between
/// two exports of metrics, so that those need not connect again each time.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(90);

/// How long connections may take to end what they have in hand when the agent stops.
const STOP_WAIT_MAX: Duration = Duration::from_secs(3);

/// Pause after a failed accept: it fails when descriptors have run out, and would fail again at once.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// One thing that can be posted.
struct Route {
    path: &'static str,
    /// What it is in Farol's own JSON; `None` where there is no such form.
    kind: Option<Kind>,
    /// What it is in OTLP; `None` where there is no such form.
    signal: Option<Signal>,
}

const ROUTES: &[Route] = &[
    Route { path: "/v1/requests", kind: Some(Kind::Request), signal: None },
    Route { path: "/v1/events", kind: Some(Kind::Event), signal: None },
    Route { path: "/v1/metrics", kind: Some(Kind::Metric), signal: Some(Signal::Metrics) },
    Route { path: "/v1/logs", kind: Some(Kind::Log), signal: Some(Signal::Logs) },
    Route { path: "/v1/traces", kind: None, signal: Some(Signal::Traces) },
];

/// What all connections share.
struct Server {
    context: Context,
    keeps_private: bool,
    is_loopback: bool,
    otlp: RefCell<Otlp>,
    /// Bytes of bodies that are being received, of all connections.
    receiving_bytes: Cell<usize>,
}

/// A connection as the listener sees it.
struct Connection {
    last_used: Cell<Instant>,
    is_busy: Cell<bool>,
    close: Notify,
}

/// Serves one address until told to stop.
///
/// # Errors
/// [`ListenError`] when the address cannot be listened to.
pub async fn serve(address: SocketAddr, keeps_private: bool, context: Context) -> Result<(), ListenError> {
    let bind = TcpListener::bind(address).await;
    let listener = bind.map_err(|source| ListenError::Bind { address: address.to_string(), source })?;
    accept(listener, keeps_private, context).await
}

async fn accept(listener: TcpListener, keeps_private: bool, mut context: Context) -> Result<(), ListenError> {
    let failed = |source| ListenError::Failed { what: "cannot tell the address that is listened to".to_owned(), source };
    let address = listener.local_addr().map_err(failed)?;
    info!(%address, "http listener started");
    let otlp = RefCell::new(Otlp::new(context.clock.now_ms()));
    let server = Rc::new(Server {
        context: context.clone(),
        keeps_private,
        is_loopback: address.ip().is_loopback(),
        otlp,
        receiving_bytes: Cell::new(0),
    });
    let mut tasks = JoinSet::new();
    let mut connections: Vec<Rc<Connection>> = Vec::new();
    loop {
        // Those that have ended are dropped by their tasks; the list here holds the last reference.
        connections.retain(|connection| Rc::strong_count(connection) > 1);
        if connections.len() >= CONNECTIONS_MAX {
            close_idlest(&connections);
        }
        tokio::select! {
            () = context.stop.stopped() => break,
            Some(_) = tasks.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    let connection = Rc::new(Connection::new());
                    connections.push(Rc::clone(&connection));
                    tasks.spawn_local(converse(stream, Rc::clone(&server), connection));
                }
                Err(error) => {
                    debug!(%error, "connection not accepted");
                    tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
                }
            },
        }
    }
    drop(listener);
    connections.iter().for_each(|connection| connection.close.notify_one());
    let ended = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_WAIT_MAX, ended).await.is_err() {
        debug!("connections were cut at the end");
    }
    Ok(())
}

/// Asks the connection that was idle for longest to close, so that a newcomer finds a place.
fn close_idlest(connections: &[Rc<Connection>]) {
    let idle = connections.iter().filter(|connection| !connection.is_busy.get());
    if let Some(connection) = idle.min_by_key(|connection| connection.last_used.get()) {
        connection.close.notify_one();
    }
}

impl Connection {
    fn new() -> Self {
        Self { last_used: Cell::new(Instant::now()), is_busy: Cell::new(false), close: Notify::new() }
    }
}

/// One connection, until the client or the listener has had enough of it.
async fn converse(stream: TcpStream, server: Rc<Server>, connection: Rc<Connection>) {
    // Answers are small: waiting to fill a packet would only delay them. Without it they come all the same.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "answers may be delayed");
    }
    let service = service_fn(|request| {
        let (server, connection) = (&server, &connection);
        async move {
            connection.is_busy.set(true);
            let response = server.answer(request).await;
            connection.is_busy.set(false);
            connection.last_used.set(Instant::now());
            Ok::<_, Infallible>(response)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT_MAX).max_buf_size(BUFFER_BYTES_MAX).half_close(true);
    let mut serving = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = connection.close.notified() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "connection ended early");
    }
}

impl Server {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, mut body) = request.into_parts();
        match self.handle(&head, &mut body).await {
            Ok(response) => response,
            Err(failure) => {
                // Asking for a body only to throw it away would be no favour to who waits for that.
                if !head.headers.contains_key(EXPECT) {
                    body::discard(body).await;
                }
                failure.response(Style::of(head.uri.path(), &head.headers))
            }
        }
    }

    async fn handle(&self, request: &Parts, body: &mut Incoming) -> Result<Response<Full<Bytes>>, Failure> {
        guard::check(request, self.is_loopback)?;
        if request.uri.path() == "/health" {
            only(&Method::GET, request)?;
            return Ok(answer::json(StatusCode::OK, r#"{"status":"ok"}"#.to_owned()));
        }
        let route = ROUTES.iter().find(|route| route.path == request.uri.path()).ok_or_else(|| {
            let known: Vec<&str> = ROUTES.iter().map(|route| route.path).collect();
            Failure::new(StatusCode::NOT_FOUND, format!("There is nothing here. Known are {} and /health.", known.join(", ")))
        })?;
        only(&Method::POST, request)?;
        let is_protobuf = is_protobuf(route, &request.headers)?;
        let body = match body::read(&request.headers, body, &self.receiving_bytes).await {
            Ok(body) => body,
            Err(error) => return Err(self.refused_body(route, error)),
        };
        if is_protobuf { self.take_protobuf(route, &body) } else { self.take_json(route, &body) }
    }

    fn take_protobuf(&self, route: &Route, body: &[u8]) -> Result<Response<Full<Bytes>>, Failure> {
        let signal = route.signal.expect("a route without OTLP takes no protobuf");
        self.take_otlp(signal, Encoding::Protobuf, body)
    }

    fn take_json(&self, route: &Route, body: &[u8]) -> Result<Response<Full<Bytes>>, Failure> {
        let text = std::str::from_utf8(body).map_err(|_| {
            self.drop_one(route, "malformed");
            Failure::new(StatusCode::BAD_REQUEST, "The body is not UTF-8.")
        })?;
        match (route.signal, route.kind) {
            (Some(signal), None) => self.take_otlp(signal, Encoding::Json, body),
            (Some(signal), Some(_)) if signal.is_in(text) => self.take_otlp(signal, Encoding::Json, body),
            (_, Some(kind)) => self.take_items(kind, text),
            (None, None) => Err(Failure::new(StatusCode::NOT_FOUND, "There is nothing here.")),
        }
    }

    fn take_otlp(&self, signal: Signal, encoding: Encoding, body: &[u8]) -> Result<Response<Full<Bytes>>, Failure> {
        let mut intake = self.context.inlet.open();
        let taken = self.otlp.borrow_mut().take(signal, encoding, body, &mut intake, self.context.clock.now_ms());
        match taken {
            Ok(taken) => Ok(answer::otlp(encoding, taken.answer(signal, encoding))),
            Err(error) => Err(Failure::new(StatusCode::BAD_REQUEST, format!("The body cannot be read: {error}."))),
        }
    }

    fn take_items(&self, kind: Kind, text: &str) -> Result<Response<Full<Bytes>>, Failure> {
        let reading = Reading { now_ms: self.context.clock.now_ms(), keeps_private: self.keeps_private };
        let mut intake = self.context.inlet.open();
        match items::read(kind, text, reading) {
            Ok(items) => {
                let count = items.len();
                items.into_iter().for_each(|item| item.take(&mut intake));
                intake.received("http", count as u64);
                Ok(answer::json(StatusCode::ACCEPTED, format!(r#"{{"accepted":{count}}}"#)))
            }
            Err(refused) => {
                let count = if let Refused::Item { count, .. } = &refused { *count as u64 } else { 1 };
                intake.drop_records(kind.as_str(), "malformed", count);
                Err(Failure::refused(refused))
            }
        }
    }

    fn refused_body(&self, route: &Route, error: BodyError) -> Failure {
        self.drop_one(route, error.cause());
        let failure = Failure::new(error.status(), format!("{error}."));
        if matches!(error, BodyError::Busy) { failure.retry_soon() } else { failure }
    }

    /// Counts a body of which nobody knows what was in it as one record.
    fn drop_one(&self, route: &Route, cause: &'static str) {
        let kind = route.kind.map_or("request", Kind::as_str);
        self.context.inlet.open().drop_records(kind, cause, 1);
    }
}

fn only(method: &Method, request: &Parts) -> Result<(), Failure> {
    let is_right = request.method == method || (method == Method::GET && request.method == Method::HEAD);
    let refuse = || {
        let detail = format!("{} takes {method} only.", request.uri.path());
        Failure::new(StatusCode::METHOD_NOT_ALLOWED, detail)
            .header(ALLOW, if method == Method::GET { "GET, HEAD" } else { "POST" })
    };
    if is_right { Ok(()) } else { Err(refuse()) }
}

/// Whether the body is protobuf; otherwise it is JSON.
fn is_protobuf(route: &Route, headers: &HeaderMap) -> Result<bool, Failure> {
    match media_type(headers).as_str() {
        "application/json" => Ok(false),
        "application/x-protobuf" | "application/protobuf" if route.signal.is_some() => Ok(true),
        _ => {
            let protobuf = if route.signal.is_some() { " or application/x-protobuf" } else { "" };
            let detail = format!("Content-Type must be application/json{protobuf}.");
            Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
        }
    }
}

/// The content type without its parameters, in small letters; empty when there is none.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
