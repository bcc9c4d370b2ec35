//! The stage: one task an instance, and what is shown of each.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use farol_shared::{clock::Clock, report};
use farol_store::{ResourceId, Store};
use futures_util::FutureExt as _;
use serde_json::Value;
use tokio::{task::JoinHandle, time::Instant};

use super::{
    At, Declared, Instance, PollError, Reading,
    batches::Stream,
    status::{Status, Track},
};
use crate::ingest::{Encoding, Ingest, Refusal};

/// How long an instance that broke inside is left alone.
const BROKEN_PAUSE: Duration = Duration::from_secs(60);

/// How often a batch that the store has no room for is told again.
const TELL_AGAIN_EVERY: Duration = Duration::from_secs(1);

/// Integrations' metrics begin like this; they say nothing about how far the system's own history reaches.
const OWN_METRICS: &str = "farol.integration.";

/// The stage. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Pull(Arc<Vec<Slot>>);

/// One instance and what is shown of it.
#[derive(Debug)]
pub struct Slot {
    /// As it was declared.
    pub declared: Declared,
    /// What it asks, for people.
    pub target: String,
    /// Number of its resource; 0 until a batch of it is on disk.
    resource: AtomicU32,
    shown: Mutex<Shown>,
}

#[derive(Debug)]
struct Shown {
    track: Track,
    /// When each was taken, in ms since the epoch.
    snapshots: BTreeMap<String, (i64, Arc<Value>)>,
    /// The newest values that are numbers of their own, for figures by name.
    reading: Option<Arc<Reading>>,
}

impl Pull {
    /// The instances, as they were left at the end of the process before.
    #[must_use]
    pub fn new(declared: &[Declared], store: &Store, now_ms: i64) -> Self {
        let resources = store.resources();
        let slot = |declared: &Declared| {
            let target = declared.open().map(|integration| integration.target()).unwrap_or_default();
            let mut track = Track::new(now_ms, declared.given.interval);
            let key = declared.key();
            let resource = resources.iter().find(|info| info.resource.key == key).map_or(0, |info| info.id);
            let snapshots = remembered(store, resource);
            if let Some(newest_ms) = snapshots.values().map(|(time_ms, _)| *time_ms).max() {
                track.remember(newest_ms);
            }
            let shown = Mutex::new(Shown { track, snapshots, reading: None });
            Slot { declared: declared.clone(), target, resource: AtomicU32::new(resource), shown }
        };
        Self(Arc::new(declared.iter().map(slot).collect()))
    }

    /// Every instance, in the order of the configuration by kinds.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.0
    }

    /// The instances of some kinds, in the order of the kinds.
    pub fn of<'a>(&'a self, kinds: &'a [&str]) -> impl Iterator<Item = &'a Slot> {
        kinds.iter().flat_map(|kind| self.0.iter().filter(move |slot| slot.declared.kind.name == *kind))
    }

    /// Starts polling: one task an instance, until the tasks are aborted.
    #[must_use]
    pub fn start(&self, store: &Store, ingest: &Ingest, clock: &Arc<dyn Clock>) -> Vec<JoinHandle<()>> {
        (0..self.0.len())
            .map(|index| {
                let own = Following {
                    pull: self.clone(),
                    index,
                    store: store.clone(),
                    ingest: ingest.clone(),
                    clock: Arc::clone(clock),
                };
                tokio::spawn(own.run())
            })
            .collect()
    }
}

/// What stands on disk of an instance.
fn remembered(store: &Store, resource: ResourceId) -> BTreeMap<String, (i64, Arc<Value>)> {
    if resource == 0 {
        return BTreeMap::new();
    }
    match store.snapshots(resource) {
        Ok(kept) => {
            let read = kept
                .into_iter()
                .filter_map(|kept| Some((kept.name, (kept.time_ms, Arc::new(serde_json::from_str(&kept.body).ok()?)))));
            read.collect()
        }
        Err(error) => {
            tracing::warn!(target: "pull", error = %report::chain(&error), "snapshots not remembered");
            BTreeMap::new()
        }
    }
}

impl Slot {
    /// How it is doing.
    #[must_use]
    pub fn status(&self, now_ms: i64) -> Status {
        self.lock().track.view(now_ms)
    }

    /// The newest snapshot of a name, and when it was taken, in ms since the epoch.
    #[must_use]
    pub fn snapshot(&self, name: &str) -> Option<(i64, Arc<Value>)> {
        self.lock().snapshots.get(name).cloned()
    }

    /// Whether what is shown is too old to stand for now.
    #[must_use]
    pub fn is_stale(&self, now_ms: i64) -> bool {
        self.lock().track.is_stale(now_ms)
    }

    /// Whether what was taken at a time is too old to stand for now.
    #[must_use]
    pub fn is_old(&self, time_ms: i64, now_ms: i64) -> bool {
        self.lock().track.is_old(time_ms, now_ms)
    }

    /// When a poll last brought something, in ms since the epoch.
    #[must_use]
    pub fn last_ok_ms(&self) -> Option<i64> {
        self.lock().track.last_ok_ms()
    }

    /// Whether the newest poll brought something.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.lock().track.is_well()
    }

    /// What the newest poll found, while it can stand for now.
    #[must_use]
    pub fn reading(&self, now_ms: i64) -> Option<Arc<Reading>> {
        let shown = self.lock();
        if shown.track.is_stale(now_ms) { None } else { shown.reading.clone() }
    }

    /// Number of its resource, once it is known.
    #[must_use]
    pub fn resource(&self) -> Option<ResourceId> {
        Some(self.resource.load(Ordering::Relaxed)).filter(|id| *id != 0)
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        // Each change is one assignment: nothing is half done after a panic elsewhere.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One instance being followed.
struct Following {
    pull: Pull,
    index: usize,
    store: Store,
    ingest: Ingest,
    clock: Arc<dyn Clock>,
}

impl Following {
    fn slot(&self) -> &Slot {
        &self.pull.0[self.index]
    }

    async fn run(self) {
        let declared = &self.slot().declared;
        if declared.given.interval < declared.kind.floor {
            tracing::warn!(target: "pull", instance = declared.key(), "asked more often than its system bears; it may refuse");
        }
        let Ok(boot) = getrandom::u64() else { return };
        let mut stream = Stream::new(declared, &self.slot().target, boot);
        loop {
            // A bug of one kind must not end its instance for good, nor touch another.
            let ended = AssertUnwindSafe(self.follow(&mut stream)).catch_unwind().await;
            let why = match ended {
                Ok(wrong) => PollError::bad_answer(format!("it cannot be opened: {wrong}")),
                Err(_) => PollError::bad_answer("the integration broke inside: this is a bug of Farol"),
            };
            let is_new = self.slot().lock().track.fail(self.clock.now_ms(), Duration::ZERO, &why, 1.0);
            if is_new {
                tracing::error!(target: "pull", instance = self.slot().declared.key(), error = %why, "integration stopped; opened again in a minute");
            }
            let body = stream.next(self.clock.now_ms(), false, None, None);
            self.tell(body).await;
            tokio::time::sleep(BROKEN_PAUSE).await;
        }
    }

    /// Follows it for as long as it can be opened; says why it cannot. A file that it names may be gone since the start.
    async fn follow(&self, stream: &mut Stream) -> String {
        let mut instance = match Instance::open(self.slot().declared.clone()) {
            Ok(instance) => instance,
            Err(wrong) => return wrong,
        };
        let interval = self.slot().declared.given.interval;
        loop {
            let is_due = self.slot().lock().track.is_due(self.clock.now_ms());
            if is_due {
                self.poll(&mut instance, stream).await;
            } else {
                // Between polls of a pause its figures are unknown, but that it is away is known.
                let is_up = self.slot().is_well();
                let body = stream.next(self.clock.now_ms(), is_up, None, None);
                self.tell(body).await;
            }
            let left_ms = self.slot().lock().track.next_ms().saturating_sub(self.clock.now_ms());
            let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
            // A tenth over the interval: while all is well, no beat comes between two polls.
            tokio::time::sleep(left.min(interval.mul_f64(1.15)).max(Duration::from_millis(50))).await;
        }
    }

    async fn poll(&self, instance: &mut Instance, stream: &mut Stream) {
        let slot = self.slot();
        let at = At { now_ms: self.clock.now_ms(), since_ms: self.since() };
        let began = Instant::now();
        let told = instance.poll(&at).await;
        let (took, now_ms, jitter) = (began.elapsed(), self.clock.now_ms(), random_ratio());
        match told {
            Ok(reading) => {
                let body = stream.next(now_ms, true, Some(took.as_secs_f64()), Some(&reading));
                if !self.tell(body).await {
                    return;
                }
                let is_changed = {
                    let mut shown = slot.lock();
                    for (name, value) in &reading.snapshots {
                        shown.snapshots.insert((*name).to_owned(), (now_ms, Arc::new(value.clone())));
                    }
                    let is_changed = shown.track.succeed(now_ms, took, &reading, jitter);
                    shown.reading = Some(Arc::new(reading));
                    is_changed
                };
                if is_changed {
                    let status = slot.status(now_ms);
                    tracing::info!(target: "pull", instance = slot.declared.key(), status = status.text, "integration answers");
                }
            }
            Err(error) => {
                let is_changed = slot.lock().track.fail(now_ms, took, &error, jitter);
                let body = stream.next(now_ms, false, Some(took.as_secs_f64()), None);
                self.tell(body).await;
                if is_changed {
                    tracing::warn!(target: "pull", instance = slot.declared.key(), %error, "integration does not answer");
                }
            }
        }
    }

    /// Tells history. While the store has no room it tells again; whether it was taken.
    async fn tell(&self, body: Bytes) -> bool {
        loop {
            match self.ingest.accept(body.clone(), Encoding::Identity, Some(self.clock.now_ms())).await {
                Ok(_) => {
                    self.learn();
                    return true;
                }
                Err(Refusal::Later { .. }) => tokio::time::sleep(TELL_AGAIN_EVERY).await,
                Err(refusal) => {
                    // Ingest has logged it.
                    let broken = PollError::bad_answer(format!("history refuses what was read: {refusal}"));
                    self.slot().lock().track.fail(self.clock.now_ms(), Duration::ZERO, &broken, 1.0);
                    return false;
                }
            }
        }
    }

    /// Learns the number of the resource, once.
    fn learn(&self) {
        let slot = self.slot();
        if slot.resource().is_none() {
            let key = slot.declared.key();
            if let Some(found) = self.store.resources().into_iter().find(|info| info.resource.key == key) {
                slot.resource.store(found.id, Ordering::Relaxed);
            }
        }
    }

    /// The newest sample of the system itself in history, in ms since the epoch.
    fn since(&self) -> Option<i64> {
        let series = self.store.series(Some(self.slot().resource()?), None);
        series.iter().filter(|info| !info.key.metric.starts_with(OWN_METRICS)).map(|info| info.last_seen_ms).max()
    }
}

/// From 0 to 1.
fn random_ratio() -> f64 {
    f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX)
}
