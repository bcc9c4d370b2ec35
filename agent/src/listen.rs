//! Receivers: what takes in what applications push, pass through or write, each in its own task on the agent's thread.
//!
//! A receiver that cannot start or fails says so once and tries again every [`AGAIN_AFTER`]; it never stops its neighbours.
//! Each ends when it is told to stop, after what it has in hand.

use std::{future::Future, net::SocketAddr, path::PathBuf, pin::Pin, rc::Rc, sync::Arc, time::Duration};

use farol_shared::{clock::Clock, report};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::{intake::Inlet, probe, read::Roots};

mod fields;
pub mod http;
mod items;
pub mod logs;
pub mod otlp;
pub mod proxy;
pub mod scrape;
pub mod socket;
pub mod statsd;
#[cfg(test)]
mod trial;

/// After a failure a receiver is tried again after this long: a port may have become free.
pub const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// How long receivers may take to end when the agent stops.
pub const STOP_MAX: Duration = Duration::from_secs(10);

/// What is listened to.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// OTLP/HTTP and the JSON routes.
    pub http: Option<SocketAddr>,
    /// Datagrams of JSON requests from the middlewares: path of a Unix socket.
    pub socket: Option<PathBuf>,
    /// `StatsD` and `DogStatsD`.
    pub statsd: statsd::Settings,
    /// Reverse proxies.
    pub proxies: Vec<proxy::Proxy>,
    /// Log files, containers and the journal.
    pub logs: Vec<logs::Log>,
    /// Output of a child that `exec` started.
    pub streams: Vec<logs::stream::Stream>,
    /// Local Prometheus endpoints.
    pub scrapes: Vec<scrape::Scrape>,
    /// Health checks.
    pub probes: Vec<probe::Probe>,
    /// Whether personal fields of events travel whole; otherwise they are masked.
    pub keeps_private: bool,
    /// Where receivers keep what must survive a restart, such as positions in log files; `None` for nowhere.
    pub state_dir: Option<PathBuf>,
}

/// What every receiver gets. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where to put what is taken in.
    pub inlet: Inlet,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// Prefixes of /proc and /sys.
    pub roots: Rc<Roots>,
    /// Becomes true when the agent stops.
    pub stop: Stop,
}

/// Tells a receiver to end.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A signal that has not been given; the sender gives it.
    #[must_use]
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Resolves when it is time to end. May be asked again and again.
    pub async fn stopped(&mut self) {
        // The sender is dropped only when the agent ends.
        drop(self.0.wait_for(|is_stopped| *is_stopped).await);
    }

    /// Whether it is time to end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }
}

/// Why a receiver does not work.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address or path cannot be listened to.
    #[error("cannot listen on {address}")]
    Bind {
        /// Address or path.
        address: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Something else that may be better later.
    #[error("{what}")]
    Failed {
        /// What it tried to do.
        what: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

/// One receiver at work: runs until told to stop, or fails.
pub type Serving = Pin<Box<dyn Future<Output = Result<(), ListenError>>>>;

/// Starts everything that is configured, each as a task of the current `LocalSet`. The answer resolves when all have ended.
pub fn start(settings: &Settings, context: &Context) -> impl Future<Output = ()> + use<> {
    let mut tasks = Vec::new();
    let mut add = |name: &'static str, serve: Box<dyn Fn(Context) -> Serving>| {
        tasks.push(tokio::task::spawn_local(keep(name, context.clone(), serve)));
    };
    if let Some(address) = settings.http {
        let keeps_private = settings.keeps_private;
        add("http", Box::new(move |context| Box::pin(http::serve(address, keeps_private, context))));
    }
    if let Some(path) = settings.socket.clone() {
        add("socket", Box::new(move |context| Box::pin(socket::serve(path.clone(), context))));
    }
    for settings in settings.statsd.each() {
        add("statsd", Box::new(move |context| Box::pin(statsd::serve(settings.clone(), context))));
    }
    for proxy in settings.proxies.clone() {
        add("proxy", Box::new(move |context| Box::pin(proxy::serve(proxy.clone(), context))));
    }
    if !settings.logs.is_empty() || !settings.streams.is_empty() {
        let (logs, streams, state_dir) = (settings.logs.clone(), settings.streams.clone(), settings.state_dir.clone());
        add("logs", Box::new(move |context| Box::pin(logs::serve(logs.clone(), streams.clone(), state_dir.clone(), context))));
    }
    for scrape in settings.scrapes.clone() {
        add("scrape", Box::new(move |context| Box::pin(scrape::serve(scrape.clone(), context))));
    }
    for probe in settings.probes.clone() {
        add("probe", Box::new(move |context| Box::pin(probe::serve(probe.clone(), context))));
    }
    async move {
        for task in tasks {
            if let Err(error) = task.await
                && error.is_panic()
            {
                warn!(%error, "receiver failed");
            }
        }
    }
}

async fn keep(name: &'static str, mut context: Context, serve: Box<dyn Fn(Context) -> Serving>) {
    while !context.stop.is_stopped() {
        match serve(context.clone()).await {
            Ok(()) => break,
            Err(error) => {
                warn!(receiver = name, error = %report::chain(&error), again_s = AGAIN_AFTER.as_secs(), "receiver does not work");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN_AFTER) => info!(receiver = name, "receiver tried again"),
            () = context.stop.stopped() => {}
        }
    }
}
