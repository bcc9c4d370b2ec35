//! Run: builds the stages, joins them with bounded queues, serves HTTP, and drains in the order of the flow.
//!
//! In: settings, a clock, a sign to stop. Out: nothing, when all went well.
//!
//! Invariants: nothing listens before everything behind it is ready; at the end the door closes first and history last;
//! when the writer or ingest fails the process stops at once, and its service manager starts it again from what is on disk.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, thread, time::Duration};

use farol_agent::manager::Manager;
use farol_shared::clock::Clock;
use farol_store::{Options, Store, StoreError};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    access::{Access, AccessError, FirstSteps},
    act::{Act, ActInstance},
    api::{self, App, Parts},
    config::Settings,
    export::Exports,
    ingest::Ingest,
    live::Live,
    notify::store::NotifyError,
    pull::{self, Declared, Pull},
    push::{Push, feed, figures::Sources},
    self_watch::{Own, SelfWatch, Work, report_own},
    service::{self, Services, feedback},
    state::{FILE_NAME, State, StateError, StateThread},
};

mod alerting;
mod listen;
pub mod tls;
mod watchdog;

use alerting::Alerting;

/// How long requests that are under way may take to end once stopping has begun.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// How long the accounts may take to close: they write a few rows.
const JOIN_WITHIN: Duration = Duration::from_secs(2);

/// Why a collector cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The data folder cannot be made.
    #[error("cannot make the data folder {}", path.display())]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {advice}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What to do about it.
        advice: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// TLS cannot be made ready.
    #[error("cannot speak TLS with the files of the settings tls.certificate and tls.key")]
    Tls(#[from] tls::TlsError),
    /// History cannot be opened or closed.
    #[error("cannot use the history")]
    Store(#[from] StoreError),
    /// Accounts cannot be opened or closed.
    #[error("cannot use the accounts")]
    State(#[from] StateError),
    /// Nobody could be told of alerts.
    #[error("cannot prepare the channels")]
    Notify(#[from] NotifyError),
    /// The rules of the configuration contradict each other.
    #[error("cannot use the rules: {0}")]
    Rules(String),
    /// Sign-in cannot be made ready.
    #[error("cannot prepare sign-in")]
    Access(#[from] AccessError),
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// The writer or ingest failed: what was acknowledged is on disk, and the next start reads it.
    #[error("a stage failed that history depends on; the log says which")]
    Broken,
}

/// Runs a collector until `stop` resolves. Calls `ready` when it serves, with its address and what to tell the person who
/// started it; the service manager is told as well.
///
/// # Errors
/// [`RunError`] when it cannot start or had to stop.
pub async fn serve(
    settings: Settings,
    clock: Arc<dyn Clock>,
    manager: &Manager,
    ready: impl FnOnce(SocketAddr, FirstSteps),
    stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    std::fs::create_dir_all(&settings.data_dir)
        .map_err(|source| RunError::DataDir { path: settings.data_dir.clone(), source })?;
    // First of all, so that a second collector by mistake ends before it touches anything.
    let listener = bind(settings.listen).await?;
    let address = listener.local_addr().map_err(|source| bind_error(settings.listen, source))?;
    let tls = settings.transport.tls.clone().map(tls::Tls::open).transpose()?;
    let (state, state_thread) = State::open(&settings.data_dir.join(FILE_NAME), Arc::clone(&clock))?;
    let act = Act::new(caches(&settings.pull), state.clone(), Arc::clone(&clock));
    let (access, steps) =
        Access::open(state, settings.access.clone(), settings.public_url.as_deref(), Arc::clone(&clock)).await?;
    let opened = async {
        let alerting = Alerting::open(&settings.alerts, settings.public_url.as_deref(), &access).await?;
        Ok((alerting, open_store(&settings, Arc::clone(&clock)).await?))
    };
    let (alerting, store) = match opened.await {
        Ok(opened) => opened,
        Err(error) => {
            // What cannot start leaves the accounts' file closed, not cut off.
            drop((act, access));
            close_accounts(state_thread).await?;
            return Err(error);
        }
    };
    let stages = Stages::start(&settings, access, (act, alerting), store, tls.clone(), clock)?;
    let (closing, closed) = watch::channel(false);
    let is_public_https = settings.public_url.as_ref().is_some_and(|url| url.starts_with("https://"));
    let front = listen::Front::new(tls, &settings.transport.trusted_proxies, is_public_https);
    let router = api::router(stages.app.clone());
    let listening = tokio::spawn(listen::accept(listener, front, router, settings.http.connections_max, closed));
    tracing::info!(target: "run", %address, "collector started");
    ready(address, steps);
    manager.ready();
    let ingest = stages.app.parts().ingest.clone();
    tokio::select! {
        () = stop => {}
        () = watchdog::watch(manager, &stages.store, &ingest) => {}
        () = ingest.broken() => return Err(RunError::Broken),
    }
    manager.stopping();
    drop(ingest);
    closing.send_replace(true);
    let result = stages.drain(listening).await;
    close_accounts(state_thread).await?;
    result?;
    tracing::info!(target: "run", "collector stopped");
    Ok(())
}

/// Waits until the accounts' file is closed. A request that was cut off may still hold it: what it wanted is lost with it, what was
/// done is on disk.
async fn close_accounts(thread: StateThread) -> Result<(), StateError> {
    match timeout(JOIN_WITHIN, tokio::task::spawn_blocking(move || thread.join())).await {
        Ok(joined) => joined.unwrap_or(Err(StateError::Closed))?,
        Err(_) => tracing::warn!(target: "run", "accounts were still in use"),
    }
    Ok(())
}

/// The instances of Redis that people may look into and, where the configuration allows it, act on.
fn caches(declared: &[Declared]) -> Vec<ActInstance> {
    let of_redis = declared.iter().filter(|declared| declared.kind.name == pull::redis::KIND.name);
    let instance = |declared: &Declared| {
        let read = pull::redis::Settings::read(&declared.given).ok()?;
        Some(ActInstance { name: declared.given.name.clone(), target: read.target, allow_actions: read.allow_actions })
    };
    of_redis.filter_map(instance).collect()
}

/// The stages at work.
#[derive(Debug)]
struct Stages {
    app: App,
    store: Store,
    push: Push,
    own: Option<SelfWatch>,
    /// Shows what was committed; ends when nobody commits any more.
    delivering: JoinHandle<()>,
    /// Judges rules; ends after it.
    alerts: thread::JoinHandle<()>,
    /// Tell the overview, report the own figures: for as long as there is anybody to tell.
    beating: Vec<JoinHandle<()>>,
}

impl Stages {
    fn start(
        settings: &Settings,
        access: Access,
        (act, alerting): (Act, Alerting),
        store: Store,
        tls: Option<tls::Tls>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RunError> {
        let live = Arc::new(Live::new(&store.resources()));
        let push = Push::new(Arc::clone(&live), store.clone(), access.clone(), Arc::clone(&clock), settings.http.listeners_max);
        let (shown, to_show) = mpsc::channel(feed::QUEUE_MAX);
        let ingest = Ingest::new(store.clone(), push.clone(), Arc::clone(&clock), shown);
        let own = Own::default();
        let services = Services::default();
        services.remember(&store, clock.now_ms());
        let judging = alerting.start(settings, &store, &push, &clock)?;
        let inlets = feed::Inlets { services: service::start(&services), alerts: Some(judging.inlet) };
        let delivering = tokio::spawn(feed::deliver(push.clone(), inlets, to_show));
        let work = Work { is_watching: settings.self_watch, checks: settings.checks.clone() };
        let self_watch = if work.is_any() {
            let started = SelfWatch::start(work, ingest.clone(), own.clone(), Arc::clone(&clock));
            Some(started.map_err(RunError::Thread)?)
        } else {
            None
        };
        let (for_beat, store_for_beat) = (own.clone(), store.clone());
        let pull = Pull::new(&settings.pull, &store, clock.now_ms());
        let sources = Sources { store: store.clone(), services: services.clone(), pull: pull.clone() };
        let beat = feed::beat(push.clone(), sources, move || for_beat.resource(&store_for_beat));
        let mut beating = vec![tokio::spawn(beat)];
        let told = feedback::report(services.clone(), store.clone(), ingest.clone(), Arc::clone(&clock));
        beating.push(tokio::spawn(told));
        beating.extend(judging.tasks);
        beating.extend(pull.start(&store, &ingest, &clock));
        let started_ms = clock.now_ms();
        let parts = Parts {
            store: store.clone(),
            live,
            services,
            pull,
            push: push.clone(),
            ingest,
            access,
            act,
            alert: alerting.shown,
            channels: alerting.channels,
            exports: Exports::default(),
            clock: Arc::clone(&clock),
            own,
            tls: tls.clone(),
            started_ms,
        };
        let app = App::new(parts);
        if settings.self_watch {
            beating.push(tokio::spawn(report_own(app.clone(), clock)));
        }
        beating.extend(tls.map(|tls| tokio::spawn(tls.follow())));
        Ok(Self { app, store, push, own: self_watch, delivering, alerts: judging.thread, beating })
    }

    /// Stops everything, from the door to the disk.
    async fn drain(self, listening: JoinHandle<()>) -> Result<(), RunError> {
        self.push.close();
        self.app.parts().act.close();
        self.app.parts().exports.close();
        for task in &self.beating {
            task.abort();
        }
        if let Some(own) = self.own {
            // Joining a thread blocks.
            drop(tokio::task::spawn_blocking(move || own.stop()).await);
        }
        if timeout(DRAIN_WITHIN, listening).await.is_err() {
            tracing::warn!(target: "run", "some requests were cut off");
        }
        for task in self.beating {
            drop(task.await);
        }
        drop(self.app);
        // Only what a cut-off request still holds can keep it waiting.
        let mut delivering = self.delivering;
        if timeout(Duration::from_secs(1), &mut delivering).await.is_err() {
            delivering.abort();
        }
        let (store, alerts) = (self.store, self.alerts);
        let closed = tokio::task::spawn_blocking(move || {
            // It has heard of everything that was committed, and ends by itself.
            drop(alerts.join());
            store.close()
        });
        let closed = closed.await;
        closed.unwrap_or(Err(StoreError::Thread("closing"))).map_err(RunError::Store)
    }
}

async fn open_store(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Store, RunError> {
    let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let options = Options {
        raw_retention_ms: ms(settings.retention.raw),
        minute_retention_ms: ms(settings.retention.minute),
        hour_retention_ms: ms(settings.retention.hour),
        ..Options::default()
    };
    let dir = settings.data_dir.clone();
    // Replaying a journal takes as long as it is long.
    let opened = tokio::task::spawn_blocking(move || Store::open(&dir, options, clock)).await;
    Ok(opened.unwrap_or(Err(StoreError::Thread("opening")))?)
}

async fn bind(address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|source| bind_error(address, source))
}

fn bind_error(address: SocketAddr, source: io::Error) -> RunError {
    let advice = match source.kind() {
        io::ErrorKind::AddrInUse => "another program listens there: stop it, or set FAROL_LISTEN to another port",
        io::ErrorKind::PermissionDenied => "not allowed: set FAROL_LISTEN to a port above 1023",
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address: set FAROL_LISTEN to one that it has, or to 0.0.0.0:PORT"
        }
        _ => "set FAROL_LISTEN to another address",
    };
    RunError::Bind { address, advice, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_in_use_is_told_with_what_to_do() {
        let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let error = bind(first.local_addr().unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("another program listens there"), "{error}");
    }
}
