//! The proxy: times every request on its way to the application, with no change to the application.
//!
//! In: HTTP/1.1 and HTTP/2 without TLS (prior knowledge) from clients. Out: HTTP/1.1 to the application, over connections
//! that are kept, and one record in the intake for each request. Bodies pass a frame at a time in both directions; after an
//! upgrade bytes pass as they come.
//!
//! Invariants: a request takes from its head to the last byte of its answer that was handed over; one that is given up by its
//! client counts with the status it had, or [`record::CLIENT_CLOSED`]. Nothing is sent twice that might do harm. What has
//! two readings is refused. Bounded: connections (`connections_max`), heads, windows, kept connections, every wait.

use std::{cell::RefCell, io, net::IpAddr, rc::Rc, sync::Arc, time::Duration};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{sleep, timeout},
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

/// What all connections of one proxy share.
#[derive(Debug)]
struct Shared {
    settings: Proxy,
    context: Context,
    upstream: Rc<upstream::Pool>,
    /// Requests at a time. Over HTTP/1.1 there is never more than one a connection; HTTP/2 has to wait here.
    requests: Arc<Semaphore>,
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
        let wait = self.settings.connect_timeout;
        timeout(wait, Arc::clone(&self.requests).acquire_owned()).await.ok()?.ok()
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
        requests: Arc::new(Semaphore::new(proxy.connections_max)),
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
    let slots = Arc::new(Semaphore::new(shared.settings.connections_max));
    let mut stop = shared.context.stop.clone();
    let mut slot = None;
    let (mut is_full, mut is_failing) = (false, false);
    loop {
        if slot.is_none() {
            slot = Arc::clone(&slots).try_acquire_owned().ok();
            if slot.is_none() != is_full {
                is_full = slot.is_none();
                warn!(listen = %shared.settings.listen, is_full, connections_max = shared.settings.connections_max, "proxy connections");
            }
        }
        tokio::select! {
            biased;
            () = stop.stopped() => return,
            Some(ended) = clients.join_next(), if !clients.is_empty() => {
                if let Err(error) = ended {
                    warn!(%error, "proxy connection failed");
                }
            }
            permit = Arc::clone(&slots).acquire_owned(), if slot.is_none() => slot = permit.ok(),
            accepted = listener.accept(), if slot.is_some() => {
                let failed = accepted.as_ref().err().filter(|error| !is_clients(error));
                if failed.is_some() != is_failing {
                    is_failing = failed.is_some();
                    warn!(listen = %shared.settings.listen, is_failing, error = failed.map(ToString::to_string), "proxy takes connections");
                }
                if is_failing {
                    sleep(ACCEPT_AGAIN).await;
                }
                if let (Ok((stream, from)), Some(slot)) = (accepted, slot.take()) {
                    clients.spawn_local(begin(shared, stream, from.ip().to_canonical(), slot));
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
