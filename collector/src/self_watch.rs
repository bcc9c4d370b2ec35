//! Self-watch: the agent's library in the collector's own process, and the collector's own figures as a resource.
//!
//! In: this machine, the stages' counters, and what is to be checked from here (`[[check]]`). Out: batches through the same door as everybody's, with the same checks,
//! deduplication and commit; so that the collector's own machine is the first one on the page.
//!
//! Invariants: the agent has one thread of its own and shares nothing with the runtime but the door; when it fails, that
//! is a visible fact and nothing else stops.

use std::{
    rc::Rc,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    thread,
};

use farol_agent::{
    batch::is_compressed,
    config::Settings,
    probe::Probe,
    read::{Roots, SOURCES, Surroundings, identity},
    run::Agent,
    send::{Answer, Parcel, Sink},
};
use farol_shared::{clock::Clock, limit, report};
use farol_store::{ResourceId, Store};
use tokio::sync::watch;

use crate::ingest::{Encoding, Ingest, Refusal};

pub mod checks;
mod figures;

pub use figures::{own_values, report_own};

/// What the keys of this machine end in here. A proper agent started on the same machine is then a resource of its own
/// instead of a second voice in this one's series.
const KEY_SUFFIX: &str = "#collector";

/// What is known of the collector's own agent. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Own(Arc<OwnInner>);

#[derive(Debug, Default)]
struct OwnInner {
    /// Key of the machine's or container's resource; unset when nothing is watched.
    key: OnceLock<String>,
    /// Its number, once it is known; 0 before.
    resource: AtomicU32,
    /// How many checks are done; unset when there are none.
    checks: OnceLock<usize>,
    failure: Mutex<Option<String>>,
    delivered: AtomicU64,
}

/// What the collector's own agent does.
#[derive(Debug, Clone, Default)]
pub struct Work {
    /// Whether it watches this machine.
    pub is_watching: bool,
    /// What it checks.
    pub checks: Vec<Probe>,
}

impl Work {
    /// Whether there is anything to do.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.is_watching || !self.checks.is_empty()
    }
}

/// The agent's thread.
#[derive(Debug)]
pub struct SelfWatch {
    stop: watch::Sender<bool>,
    thread: thread::JoinHandle<()>,
}

impl Own {
    /// Key of the resource that the collector's own agent reports.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.0.key.get().map(String::as_str)
    }

    /// Number of that resource, once a batch of it is on disk.
    #[must_use]
    pub fn resource(&self, store: &Store) -> Option<ResourceId> {
        let known = self.0.resource.load(Ordering::Relaxed);
        if known != 0 {
            return Some(known);
        }
        let key = self.key()?;
        let found = store.resources().into_iter().find(|info| info.resource.key == key)?.id;
        self.0.resource.store(found, Ordering::Relaxed);
        Some(found)
    }

    /// Whether all is well with it, in words.
    #[must_use]
    pub fn health(&self) -> (bool, String) {
        if let Some(failure) = &*self.0.failure.lock().unwrap_or_else(PoisonError::into_inner) {
            return (false, format!("stopped: {failure}"));
        }
        let words = match (self.key(), self.0.checks.get(), self.0.delivered.load(Ordering::Relaxed)) {
            (None, None, _) => "switched off".to_owned(),
            (_, _, 0) => "starting".to_owned(),
            (Some(_), None, _) => "watching this machine".to_owned(),
            (Some(_), Some(checks), _) => format!("watching this machine, {checks} checks"),
            (None, Some(checks), _) => format!("{checks} checks; not watching this machine"),
        };
        (true, words)
    }

    fn fail(&self, failure: String) {
        tracing::error!(target: "self_watch", error = failure, "self-watching stopped");
        *self.0.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }
}

impl SelfWatch {
    /// Starts the agent on its own thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(work: Work, ingest: Ingest, own: Own, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let thread = thread::Builder::new().name("self-watch".to_owned()).spawn(move || {
            let watching = std::panic::AssertUnwindSafe(|| watch(work, ingest, &own, clock, stopped));
            match std::panic::catch_unwind(watching) {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => own.fail(failure),
                Err(_) => own.fail("it panicked".to_owned()),
            }
        })?;
        Ok(Self { stop, thread })
    }

    /// Lets the agent deliver what it has and ends its thread. Blocks for at most the agent's drain time.
    pub fn stop(self) {
        self.stop.send_replace(true);
        // A panic of the thread was told when it happened.
        drop(self.thread.join());
    }
}

fn watch(work: Work, ingest: Ingest, own: &Own, clock: Arc<dyn Clock>, mut stopped: watch::Receiver<bool>) -> Result<(), String> {
    let mut settings = Settings::embedded();
    settings.described.key_suffix = KEY_SUFFIX;
    let roots = Roots::new(&settings.root);
    let resource = identity::own(&roots, &Surroundings::find(&roots), &settings.described);
    // Set once, here: the thread is started once. A machine that is not watched is not shown as the collector's own.
    if work.is_watching {
        drop(own.0.key.set(resource.key));
    }
    if !work.checks.is_empty() {
        own.0.checks.get_or_init(|| work.checks.len());
    }
    settings.listen.probes = work.checks;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let sink = Door { ingest, own: own.clone(), clock: Arc::clone(&clock) };
    let shutdown = async move {
        // The other end is gone only when the process ends.
        drop(stopped.wait_for(|stopped| *stopped).await);
    };
    let boot = getrandom::u64().map_err(|error| error.to_string())?;
    let sources = if work.is_watching { SOURCES } else { &[] };
    let agent = Agent { settings: &settings, clock, boot, sources, alive: Rc::default() };
    let finished = runtime.block_on(agent.run(sink, shutdown));
    finished.map(drop).map_err(|error| report::chain(&error).to_string())
}

/// The door from inside: no HTTP, and all that comes after it.
struct Door {
    ingest: Ingest,
    own: Own,
    clock: Arc<dyn Clock>,
}

impl Sink for Door {
    async fn deliver(&mut self, parcel: &Parcel) -> Answer {
        let encoding = if is_compressed(&parcel.body) { Encoding::Zstd } else { Encoding::Identity };
        match self.ingest.accept(parcel.body.clone(), encoding, Some(self.clock.now_ms())).await {
            Ok(ack) => {
                self.own.0.delivered.fetch_add(1, Ordering::Relaxed);
                Answer::Stored(ack)
            }
            Err(Refusal::Never { status, detail }) => Answer::Refused { status: status.as_u16(), detail },
            Err(Refusal::Later { after_s, .. }) => {
                let after_s = after_s.min(limit::RETRY_AFTER_S_MAX);
                Answer::Busy { status: 503, retry_after: Some(std::time::Duration::from_secs(after_s)) }
            }
        }
    }
}
