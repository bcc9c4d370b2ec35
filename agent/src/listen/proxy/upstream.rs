//! The way to the application: connections that are kept open, a new one when none is idle, and one more try when an idle
//! one turns out to be closed.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    io,
    pin::pin,
    rc::Rc,
    time::Duration,
};

use farol_shared::report;
use hyper::{
    Request, Response, Uri,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    rt::{Read, Write},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpStream, UnixStream},
    time::{Instant, sleep_until, timeout},
};
use tracing::{info, warn};

use super::{
    Seldom,
    body::{Outgoing, Progress},
    settings::{Proxy, Upstream},
};

/// Most connections that are kept while nobody uses them. Each takes about 20 KiB here and a descriptor in the application.
const IDLE_MAX: usize = 32;

/// After this long an idle connection is not used again: many applications close theirs after five seconds or more.
const IDLE_AGE_MAX: Duration = Duration::from_secs(30);

/// The same for a request that must not be sent twice: the shortest patience in use is gunicorn's, two seconds.
const IDLE_AGE_ONCE_MAX: Duration = Duration::from_millis(1_500);

/// Largest head of an answer, and most of its body that is in hand, in bytes.
const BUFFER_BYTES_MAX: usize = 32 << 10;

/// Why there is no answer from the application.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpstreamError {
    /// Nobody listens there.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// The connection is not accepted in time.
    #[error("no connection within {} ms", .0.as_millis())]
    ConnectTimeout(Duration),
    /// The connection broke before an answer, or what came was none.
    #[error("the connection broke before the answer")]
    Broke(#[source] hyper::Error),
    /// No answer in time.
    #[error("no answer within {} ms", .0.as_millis())]
    AnswerTimeout(Duration),
}

/// All connections to one application.
#[derive(Debug)]
pub(super) struct Pool {
    to: Upstream,
    connect_timeout: Duration,
    answer_timeout: Duration,
    idle: RefCell<Vec<Idle>>,
    is_away: Cell<bool>,
    away: Seldom,
    broke: Seldom,
}

#[derive(Debug)]
struct Idle {
    sender: SendRequest<Outgoing>,
    since: Instant,
}

/// A connection that is in use. Dropped it is closed; given back it serves again.
#[derive(Debug)]
pub(super) struct Lease {
    pool: Rc<Pool>,
    sender: SendRequest<Outgoing>,
}

impl Lease {
    /// Keeps the connection for the next request.
    pub(super) fn give_back(self) {
        let mut idle = self.pool.idle.borrow_mut();
        if idle.len() < IDLE_MAX && !self.sender.is_closed() {
            idle.push(Idle { sender: self.sender, since: Instant::now() });
        }
    }
}

/// A request that did not get through, and whether it may be tried again.
struct Failure {
    error: UpstreamError,
    again: Option<Request<Outgoing>>,
}

impl Pool {
    /// No connection yet.
    pub(super) fn new(settings: &Proxy) -> Rc<Self> {
        Rc::new(Self {
            to: settings.upstream.clone(),
            connect_timeout: settings.connect_timeout,
            answer_timeout: settings.answer_timeout,
            idle: RefCell::default(),
            is_away: Cell::new(false),
            away: Seldom::default(),
            broke: Seldom::default(),
        })
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(self: &Rc<Self>, request: Request<Outgoing>) -> Result<(Response<Incoming>, Lease), UpstreamError> {
        let sent = self.send_again(request).await;
        match &sent {
            Ok(_) if self.is_away.replace(false) => info!(upstream = %self.to, "application takes connections again"),
            Err(error @ (UpstreamError::Connect(_) | UpstreamError::ConnectTimeout(_))) if self.away.is_due() => {
                self.is_away.set(true);
                warn!(upstream = %self.to, error = %report::chain(error), "application takes no connections");
            }
            Err(error @ UpstreamError::Broke(_)) if self.broke.is_due() => {
                warn!(upstream = %self.to, error = %report::chain(error), "application broke a connection off");
            }
            _ => {}
        }
        sent
    }

    async fn send_again(self: &Rc<Self>, mut request: Request<Outgoing>) -> Result<(Response<Incoming>, Lease), UpstreamError> {
        let is_safe = request.method().is_safe() && request.body().progress().is_sent();
        if let Some(sender) = self.take_idle(if is_safe { IDLE_AGE_MAX } else { IDLE_AGE_ONCE_MAX }) {
            let copy = is_safe.then(|| copy(&request));
            match self.exchange(sender, request).await {
                Ok(answered) => return Ok(answered),
                // What was not sent at all is tried again; what may have been seen, only when it is harmless.
                Err(failure) => match failure.again.or(copy.filter(|_| is_stale(&failure.error))) {
                    Some(again) => request = again,
                    None => return Err(failure.error),
                },
            }
        }
        let sender = self.connect().await?;
        self.exchange(sender, request).await.map_err(|failure| failure.error)
    }

    /// The connection that was used last, so that those that are not needed grow old.
    fn take_idle(&self, age_max: Duration) -> Option<SendRequest<Outgoing>> {
        let now = Instant::now();
        let mut idle = self.idle.borrow_mut();
        idle.retain(|one| !one.sender.is_closed() && now.duration_since(one.since) < IDLE_AGE_MAX);
        let at = idle.iter().rposition(|one| one.sender.is_ready() && now.duration_since(one.since) < age_max)?;
        Some(idle.remove(at).sender)
    }

    async fn exchange(
        self: &Rc<Self>,
        mut sender: SendRequest<Outgoing>,
        request: Request<Outgoing>,
    ) -> Result<(Response<Incoming>, Lease), Failure> {
        let progress = request.body().progress();
        let answered = {
            let sending = pin!(sender.try_send_request(request));
            within(self.answer_timeout, &progress, sending).await
        };
        match answered {
            Some(Ok(response)) => Ok((response, Lease { pool: Rc::clone(self), sender })),
            Some(Err(mut error)) => {
                let again = error.take_message();
                Err(Failure { error: UpstreamError::Broke(error.into_error()), again })
            }
            None => Err(Failure { error: UpstreamError::AnswerTimeout(self.answer_timeout), again: None }),
        }
    }

    async fn connect(&self) -> Result<SendRequest<Outgoing>, UpstreamError> {
        let connecting = async {
            match &self.to {
                Upstream::Tcp { host, port } => {
                    let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(UpstreamError::Connect)?;
                    stream.set_nodelay(true).map_err(UpstreamError::Connect)?;
                    open(TokioIo::new(stream)).await
                }
                Upstream::Unix(path) => {
                    let stream = UnixStream::connect(path).await.map_err(UpstreamError::Connect)?;
                    open(TokioIo::new(stream)).await
                }
            }
        };
        timeout(self.connect_timeout, connecting).await.map_err(|_| UpstreamError::ConnectTimeout(self.connect_timeout))?
    }
}

async fn open(io: impl Read + Write + Unpin + Send + 'static) -> Result<SendRequest<Outgoing>, UpstreamError> {
    let handshake = http1::Builder::new().max_buf_size(BUFFER_BYTES_MAX).handshake(io).await;
    let (sender, connection) = handshake.map_err(UpstreamError::Broke)?;
    tokio::task::spawn_local(async move {
        // Whoever waits for an answer on it is told.
        drop(connection.with_upgrades().await);
    });
    Ok(sender)
}

/// Waits for an answer, not counting the time in which the application takes the request in or waits for the client.
async fn within<T>(limit: Duration, progress: &Progress, mut sending: impl Future<Output = T> + Unpin) -> Option<T> {
    let mut until = progress.last.get() + limit;
    loop {
        tokio::select! {
            biased;
            answered = &mut sending => return Some(answered),
            () = sleep_until(until) => {}
        }
        let is_starved = progress.is_starved();
        let next = if is_starved { Instant::now() } else { progress.last.get() } + limit;
        if next <= Instant::now() {
            return None;
        }
        until = next;
    }
}

/// A safe request without a body.
fn copy(request: &Request<Outgoing>) -> Request<Outgoing> {
    let mut copy = Request::new(Outgoing::empty());
    copy.method_mut().clone_from(request.method());
    *copy.uri_mut() = Uri::clone(request.uri());
    copy.headers_mut().clone_from(request.headers());
    copy
}

/// Whether a kept connection had been closed by the application, as far as can be told: no answer began.
fn is_stale(error: &UpstreamError) -> bool {
    match error {
        UpstreamError::Broke(error) => error.is_canceled() || error.is_closed() || error.is_incomplete_message() || is_io(error),
        _ => false,
    }
}

fn is_io(error: &hyper::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<io::Error>())
}
