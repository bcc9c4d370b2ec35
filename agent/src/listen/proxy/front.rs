//! The client's side: one connection, HTTP/1.1 or HTTP/2 by what it begins with, watched for silence.

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::{
    rt::Executor,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tracing::trace;

use super::{Client, Shared, exchange};

/// What an HTTP/2 connection begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long a connection may be open with no request. Longer than the minute after which load balancers close theirs, so
/// that they do so first and never send into a closing connection.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long the head of a request may take from its first byte.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// After an idle connection was told that it ends, it may take this long to do so.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// Largest head of a request, and most of its body that is in hand, in bytes. Node.js allows as much. hyper allows 100
/// headers besides.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Most requests at a time over one HTTP/2 connection. RFC 9113 would have a hundred, but each takes 9 KiB even when it
/// is refused; a balancer opens further connections.
const STREAMS_MAX: u32 = 32;

/// Places among the connections that one of HTTP/2 takes: it holds as much memory. By default 25 of them may be open, which
/// together may ask for twice what is passed on at a time.
const HTTP2_PLACES: usize = 16;

/// Most bytes of one HTTP/2 connection that the client may send ahead: the least that HTTP/2 knows.
const WINDOW_BYTES: u32 = 65_535;

/// Most bytes of one HTTP/2 answer that wait for the client.
const SEND_BYTES_MAX: usize = 16 << 10;

/// What is seen of a connection's bytes. Times are milliseconds since it began; [`NEVER`] stands for none.
#[derive(Debug)]
pub(super) struct Seen {
    began: Instant,
    last_ms: AtomicU64,
    head_began_ms: AtomicU64,
    requests: AtomicU64,
    /// Whether it was closed because nothing moved.
    pub(super) is_cut: AtomicBool,
}

const NEVER: u64 = u64::MAX;

impl Seen {
    /// Nothing yet.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            last_ms: AtomicU64::new(0),
            head_began_ms: AtomicU64::new(NEVER),
            requests: AtomicU64::new(0),
            is_cut: AtomicBool::new(false),
        })
    }

    /// A request's head is complete.
    pub(super) fn begin_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.head_began_ms.store(NEVER, Ordering::Relaxed);
    }

    /// A request has ended.
    pub(super) fn end_request(&self) {
        self.requests.fetch_sub(1, Ordering::Relaxed);
        self.last_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// Resolves when no byte has moved for this long.
    pub(super) async fn silent_for(&self, idle: Duration) {
        loop {
            let until = self.began + Duration::from_millis(self.last_ms.load(Ordering::Relaxed)) + idle;
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }

    fn read(&self) {
        let now_ms = self.now_ms();
        self.last_ms.store(now_ms, Ordering::Relaxed);
        if self.requests.load(Ordering::Relaxed) == 0 && self.head_began_ms.load(Ordering::Relaxed) == NEVER {
            self.head_began_ms.store(now_ms, Ordering::Relaxed);
        }
    }

    fn written(&self) {
        self.last_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// When it has been silent for too long, if nothing happens until then.
    fn silence(&self, idle: Duration, is_http2: bool) -> (Instant, Silence) {
        let at = |ms: u64, wait: Duration| self.began + Duration::from_millis(ms) + wait;
        let last_ms = self.last_ms.load(Ordering::Relaxed);
        if self.requests.load(Ordering::Relaxed) > 0 {
            return (at(last_ms, idle), Silence::Request);
        }
        match self.head_began_ms.load(Ordering::Relaxed) {
            began_ms if began_ms != NEVER && !is_http2 => (at(began_ms, HEAD_WITHIN), Silence::Head),
            _ => (at(last_ms, KEEP_ALIVE), Silence::Between),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silence {
    /// Within a request or its answer.
    Request,
    /// Within the head of a request.
    Head,
    /// Between requests.
    Between,
}

/// A client's socket that tells what is seen on it, and gives back what was read to find the protocol.
#[derive(Debug)]
pub(super) struct Front {
    stream: TcpStream,
    first: [u8; PREFACE.len()],
    left: std::ops::Range<usize>,
    seen: Arc<Seen>,
}

impl AsyncRead for Front {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.left.is_empty() {
            let left = this.first.get(this.left.clone()).unwrap_or_default();
            let count = left.len().min(buffer.remaining());
            buffer.put_slice(left.get(..count).unwrap_or_default());
            this.left.start += count;
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            this.seen.read();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Front {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.seen.written();
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        self.seen.written();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Serves one client until it leaves, is silent for too long, or the proxy ends.
pub(super) async fn serve(shared: Rc<Shared>, client: Rc<Client>, mut stream: TcpStream) {
    let mut stop = shared.context.stop.clone();
    // Nothing is allocated for a connection before it says something.
    let opened = tokio::select! {
        biased;
        () = stop.stopped() => return,
        opened = timeout(KEEP_ALIVE, open(&mut stream, &client.seen)) => opened,
    };
    let Ok(Ok((first, count))) = opened else { return };
    if let Err(error) = stream.set_nodelay(true) {
        trace!(%error, "client connection cannot be set up");
        return;
    }
    let is_http2 = first == *PREFACE;
    // Where there are few places, one such connection must not need all of them.
    let more = if is_http2 { HTTP2_PLACES.min(shared.settings.connections_max / HTTP2_PLACES).saturating_sub(1) } else { 0 };
    let Some(_more) = shared.more_places(more) else {
        // There is no way to say so before the connection has begun.
        return;
    };
    let io = TokioIo::new(Front { stream, first, left: 0..count, seen: Arc::clone(&client.seen) });
    let service = {
        let (shared, client) = (Rc::clone(&shared), Rc::clone(&client));
        service_fn(move |request| exchange::pass(Rc::clone(&shared), Rc::clone(&client), request))
    };
    let watch = Watch { shared: &shared, seen: &client.seen, is_http2 };
    if is_http2 {
        let connection = http2::Builder::new(Local)
            .max_concurrent_streams(STREAMS_MAX)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_send_buf_size(SEND_BYTES_MAX)
            .max_header_list_size(HEAD_BYTES_MAX.try_into().unwrap_or(u32::MAX))
            .serve_connection(io, service);
        watch.run(connection, http2::Connection::graceful_shutdown).await;
    } else {
        let connection = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .header_read_timeout(None)
            .serve_connection(io, service)
            .with_upgrades();
        watch.run(connection, http1::UpgradeableConnection::graceful_shutdown).await;
    }
}

/// Reads as much as tells HTTP/2 from HTTP/1.
async fn open(stream: &mut TcpStream, seen: &Seen) -> io::Result<([u8; PREFACE.len()], usize)> {
    let (mut first, mut count) = ([0; PREFACE.len()], 0);
    loop {
        let read = stream.read(first.get_mut(count..).unwrap_or_default()).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        seen.read();
        count += read;
        if count == PREFACE.len() || first.get(..count) != PREFACE.get(..count) {
            return Ok((first, count));
        }
    }
}

/// Runs what hyper spawns for HTTP/2 on this thread.
#[derive(Debug, Clone, Copy)]
struct Local;

impl<F: Future + 'static> Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            drop(future.await);
        });
    }
}

struct Watch<'a> {
    shared: &'a Shared,
    seen: &'a Seen,
    is_http2: bool,
}

impl Watch<'_> {
    /// Runs a connection to its end; `leave` lets it end after what it has in hand.
    async fn run<C: Future<Output = hyper::Result<()>>>(&self, connection: C, leave: fn(Pin<&mut C>)) {
        let mut connection = pin!(connection);
        let mut stop = self.shared.context.stop.clone();
        let mut stopped = pin!(stop.stopped());
        let mut leaves_by = None;
        let idle = self.idle();
        // A head may begin at any time, so this is the longest that it is not looked.
        let look_after = HEAD_WITHIN.min(idle);
        let mut look = pin!(sleep_until(Instant::now() + look_after));
        let mut is_stopping = false;
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        trace!(%error, "client connection ended");
                    }
                    return;
                }
                () = stopped.as_mut(), if !is_stopping => {
                    is_stopping = true;
                    leave(connection.as_mut());
                }
                () = look.as_mut() => {
                    let now = Instant::now();
                    let (until, silence) = self.seen.silence(idle, self.is_http2);
                    if leaves_by.is_some_and(|by| by <= now) {
                        return;
                    }
                    if until <= now && silence != Silence::Between {
                        self.seen.is_cut.store(true, Ordering::Relaxed);
                        return;
                    }
                    if until <= now && leaves_by.is_none() {
                        leave(connection.as_mut());
                        leaves_by = Some(now + LEAVE_WITHIN);
                    }
                    look.as_mut().reset(leaves_by.unwrap_or(until.min(now + look_after)));
                }
            }
        }
    }

    /// The application's time for an answer runs out first.
    fn idle(&self) -> Duration {
        let settings = &self.shared.settings;
        settings.idle_timeout.max(settings.answer_timeout + settings.connect_timeout + Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests;
