//! The proxy: times every request on its way to the application, with no change to the application.
//!
//! In: HTTP/1.1 and HTTP/2 without TLS (prior knowledge) from clients. Out: HTTP/1.1 to the application, over connections
//! that are kept, and one record in the intake for each request. Bodies pass a frame at a time in both directions; after an
//! upgrade bytes pass as they come.
//!
//! Invariants: a request takes from its head to the last byte of its answer that was handed over; one that is given up by its
//! client counts with the status it had, or [`record::CLIENT_CLOSED`]. Nothing is sent twice that might do harm. What has
//! two readings is refused. Bounded: connections (`connections_max`), heads, windows, kept connections, every wait.

use std::{
    cell::{Cell, RefCell},
    io,
    net::IpAddr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tracing::{info, warn};

mod body;
mod exchange;
mod front;
mod head;
mod record;
mod settings;
mod trace;
mod tunnel;
mod upstream;

use crate::listen::{Context, ListenError, STOP_MAX};

pub use settings::{Proxy, Upstream};

/// After a failure to accept, such as too many open files, the next try waits this long.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What is left of [`STOP_MAX`] for ending what did not end by itself.
const CUT_WITHIN: Duration = Duration::from_millis(500);

/// Descriptors beside those of clients and the application: sources, other receivers, the spool.
const OTHER_FILES: u64 = 256;

/// Requests that may wait for others to end; further ones are refused at once. Only HTTP/2 can bring more requests than
/// there may be connections, and each holds its head while it waits.
const WAITING_MAX: usize = 100;

/// How often the log says that something is still wrong.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Lets one line in [`SAY_EVERY`] through, so that what happens with every connection is not said with every one.
#[derive(Debug, Default)]
struct Seldom(Cell<Option<Instant>>);

impl Seldom {
    fn is_due(&self) -> bool {
        let is_due = self.0.get().is_none_or(|last| last.elapsed() >= SAY_EVERY);
        if is_due {
            self.0.set(Some(Instant::now()));
        }
        is_due
    }
}

/// What all connections of one proxy share.
#[derive(Debug)]
struct Shared {
    settings: Proxy,
    context: Context,
    upstream: Rc<upstream::Pool>,
    /// Places for connections, and whether it was said that there are none.
    places: Arc<Semaphore>,
    full: Seldom,
    /// Requests at a time. Over HTTP/1.1 there is never more than one a connection; HTTP/2 has to wait here.
    requests: Arc<Semaphore>,
    waiting: Cell<usize>,
    traces: trace::Traces,
    tunnels: RefCell<JoinSet<()>>,
}

/// One client that is connected.
#[derive(Debug)]
struct Client {
    address: IpAddr,
    seen: Arc<front::Seen>,
    /// Its place among the connections, until its last part has gone.
    _slot: OwnedSemaphorePermit,
}

impl Shared {
    /// A place for one more request; `None` when there is none for as long as a connection may take.
    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(slot) = Arc::clone(&self.requests).try_acquire_owned() {
            return Some(slot);
        }
        if self.waiting.get() == WAITING_MAX {
            return None;
        }
        let _waiting = Waiting::new(&self.waiting);
        timeout(self.settings.connect_timeout, Arc::clone(&self.requests).acquire_owned()).await.ok()?.ok()
    }
}

impl Shared {
    /// Further places for a connection that takes more than one; `None` when there are not as many.
    fn more_places(&self, count: usize) -> Option<OwnedSemaphorePermit> {
        let places = Arc::clone(&self.places).try_acquire_many_owned(u32::try_from(count).unwrap_or(u32::MAX)).ok();
        if places.is_none() {
            self.say_full();
        }
        places
    }

    fn say_full(&self) {
        if self.full.is_due() {
            let Proxy { listen, connections_max, .. } = &self.settings;
            warn!(%listen, connections_max, "proxy has all its connections in use");
        }
    }
}

/// Counts one that waits, for as long as it does.
struct Waiting<'a>(&'a Cell<usize>);

impl<'a> Waiting<'a> {
    fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Serves one proxy until told to stop, then lets requests end.
///
/// # Errors
/// [`ListenError::Bind`] when the address cannot be listened to.
pub async fn serve(proxy: Proxy, context: Context) -> Result<(), ListenError> {
    let bind = |source| ListenError::Bind { address: proxy.listen.to_string(), source };
    let listener = TcpListener::bind(proxy.listen).await.map_err(bind)?;
    serve_on(listener, proxy, context).await;
    Ok(())
}

/// The same on a socket that listens already.
async fn serve_on(listener: TcpListener, proxy: Proxy, context: Context) {
    info!(listen = %proxy.listen, upstream = %proxy.upstream, "proxy started");
    allow_files(proxy.connections_max);
    let drain = proxy.drain.min(STOP_MAX.saturating_sub(CUT_WITHIN));
    let shared = Rc::new(Shared {
        upstream: upstream::Pool::new(&proxy),
        places: Arc::new(Semaphore::new(proxy.connections_max)),
        full: Seldom::default(),
        requests: Arc::new(Semaphore::new(proxy.connections_max)),
        waiting: Cell::new(0),
        traces: trace::Traces::default(),
        tunnels: RefCell::default(),
        settings: proxy,
        context,
    });
    let mut clients = JoinSet::new();
    accept(listener, &shared, &mut clients).await;
    let ended = timeout(drain, async { while clients.join_next().await.is_some() {} }).await;
    info!(listen = %shared.settings.listen, is_drained = ended.is_ok(), cut = clients.len(), "proxy stopped");
    clients.shutdown().await;
    // A tunnel has no end that could be waited for.
    let mut tunnels = shared.tunnels.take();
    tunnels.shutdown().await;
}

/// Takes clients in until it is time to stop; then the listener is closed.
async fn accept(listener: TcpListener, shared: &Rc<Shared>, clients: &mut JoinSet<()>) {
    let mut stop = shared.context.stop.clone();
    let listen = shared.settings.listen;
    let failing = Seldom::default();
    let mut slot = None;
    loop {
        if slot.is_none() {
            slot = Arc::clone(&shared.places).try_acquire_owned().ok();
            if slot.is_none() {
                shared.say_full();
            }
        }
        tokio::select! {
            biased;
            () = stop.stopped() => return,
            Some(ended) = clients.join_next(), if !clients.is_empty() => {
                if let Err(error) = ended {
                    warn!(%listen, %error, "proxy connection failed");
                }
            }
            permit = Arc::clone(&shared.places).acquire_owned(), if slot.is_none() => slot = permit.ok(),
            accepted = listener.accept(), if slot.is_some() => match accepted {
                Ok((stream, from)) => {
                    if let Some(slot) = slot.take() {
                        clients.spawn_local(begin(shared, stream, from.ip().to_canonical(), slot));
                    }
                }
                Err(error) if is_clients(&error) => {}
                Err(error) => {
                    if failing.is_due() {
                        warn!(%listen, %error, "proxy cannot take a connection");
                    }
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }
}

fn begin(
    shared: &Rc<Shared>,
    stream: TcpStream,
    address: IpAddr,
    slot: OwnedSemaphorePermit,
) -> impl Future<Output = ()> + use<> {
    let client = Rc::new(Client { address, seen: front::Seen::new(), _slot: slot });
    front::serve(Rc::clone(shared), client, stream)
}

/// Whether the client went before it was taken in.
fn is_clients(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted)
}

/// Raises the number of files that may be open, as far as the system lets it: every client may need two.
fn allow_files(connections_max: usize) {
    let wanted = u64::try_from(connections_max).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(OTHER_FILES);
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    if soft < wanted && soft < hard && setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard).is_err() {
        warn!(soft, wanted, "the limit of open files cannot be raised");
    }
    if hard < wanted {
        warn!(hard, wanted, "too few files may be open for all connections of the proxy");
    }
}

#[cfg(test)]
mod tests;
