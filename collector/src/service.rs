//! Services: what the requests, errors, logs and events of all agents of one service add up to right now.
//!
//! In: the records of committed batches, in the order of their commits. Out, once a second and through the same door as
//! everybody's: series of the service's resource; and for the API the figures of the last minute.
//!
//! Invariants: only what is committed counts, and counts once; a service that nobody spoke of for [`HEARD_FOR_MS`] is told no more;
//! a counter is told as zero before it is told as anything else, so that its first events are an increase too.
//!
//! Bounded: services ([`SERVICES_MAX`]), types of events a service ([`EVENT_TYPES_MAX`]), a window and derived figures a service (see
//! [`window`] and [`derived`]), batches that wait to be taken in ([`QUEUE_MAX`]).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use farol_shared::{
    catalog, limit,
    record::{Event, Level, OTHER, Records},
    resource::{Resource, ResourceKind},
};
use farol_store::{Committed, EventQuery, RecordRange, ResourceId, Store};
use tokio::sync::mpsc;

use crate::live::Arrival;

pub mod derived;
pub mod feedback;
mod series;
pub mod window;

use derived::Derived;
use series::Counter;
use window::{Figures, Window};

/// Name of the agent that tells what services add up to.
pub const AGENT: &str = "farol-collector#services";

/// For how long a service is told after it was heard of last, in milliseconds.
pub const HEARD_FOR_MS: i64 = 10 * 60_000;

/// Most services that are added up at a time. A window takes 60 KiB as a rule, 1 MiB at the very most.
pub const SERVICES_MAX: usize = 500;

/// Most types of events of one service that are counted apart; the rest is counted together.
pub const EVENT_TYPES_MAX: usize = 50;

/// Most committed batches that wait to be added up; beyond it they are stored, but not in the figures of this minute.
pub const QUEUE_MAX: usize = 8_192;

/// Most events of one type that are read again at a start.
const REMEMBERED_MAX: usize = farol_store::RECORDS_MAX;

const _: () = assert!(SERVICES_MAX * (EVENT_TYPES_MAX + 28) <= limit::BATCH_SERIES_MAX, "all services must fit into one batch");

/// The stage. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Services(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    services: Mutex<HashMap<ResourceId, Arc<Mutex<Service>>>>,
    /// Groups of records that were not added up, because there were too many services.
    unplaced: AtomicU64,
    /// Batches that were not added up, because this stage fell behind.
    missed: AtomicU64,
}

/// One service.
#[derive(Debug, Default)]
struct Service {
    /// What it is; unset until the store was asked, and for what is no service.
    resource: Option<Arc<Resource>>,
    heard_ms: i64,
    window: Window,
    errors: Counter,
    /// In the order of [`Level::ALL`]; not told before there was a log record.
    levels: [Counter; 6],
    has_logs: bool,
    /// By type, in the order of their first events.
    events: Vec<(Box<str>, Counter)>,
    derived: Derived,
    /// Whether each derived figure was told.
    is_derived_told: Vec<bool>,
}

/// A committed batch on its way here.
#[derive(Debug)]
pub struct Told {
    committed: Arc<Committed>,
    arrival: Arrival,
}

/// The way of committed batches to the stage.
#[derive(Debug, Clone)]
pub struct Inlet {
    services: Services,
    queue: mpsc::Sender<Told>,
}

impl Inlet {
    /// Hands a committed batch over. Never waits.
    pub fn offer(&self, committed: &Arc<Committed>, arrival: Arrival) {
        if committed.records.is_empty() {
            return;
        }
        if self.queue.try_send(Told { committed: Arc::clone(committed), arrival }).is_err() {
            self.services.0.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Starts adding up beside the runtime, until the last [`Inlet`] is dropped.
#[must_use]
pub fn start(services: &Services) -> Inlet {
    let (queue, mut waiting) = mpsc::channel::<Told>(QUEUE_MAX);
    let stage = services.clone();
    // Taking sketches and payloads apart may take milliseconds, which the runtime has not. A thread of its own, as a task of
    // the runtime that never ends would hold up simulated time.
    let taking = std::thread::Builder::new().name("services".to_owned()).spawn(move || {
        while let Some(told) = waiting.blocking_recv() {
            stage.take(&told.committed, told.arrival);
        }
    });
    if let Err(error) = taking {
        tracing::error!(target: "service", %error, "no thread for the figures of services");
    }
    Inlet { services: services.clone(), queue }
}

impl Services {
    /// Takes the records of a committed batch in.
    pub fn take(&self, committed: &Committed, arrival: Arrival) {
        let interval_ms = i64::try_from(committed.interval_ms.min(limit::INTERVAL_MS_MAX)).unwrap_or(0);
        for (resource, time_ms, records) in &committed.records {
            if is_of_service(records)
                && let Some(service) = self.service(*resource)
            {
                lock(&service).take(arrival.by_own_clock(*time_ms), interval_ms, arrival.now_ms, records);
            }
        }
    }

    /// The requests of the last minute of some services together; of all when none is named.
    #[must_use]
    pub fn figures(&self, resources: &[ResourceId], now_ms: i64) -> Figures {
        let mut all = Figures::default();
        for service in self.some(resources) {
            all.merge(&lock(&service).window.figures(now_ms));
        }
        all
    }

    /// Requests a second of some services together; of all when none is named. `None` when no service ever told of one.
    #[must_use]
    pub fn rate(&self, resources: &[ResourceId], now_ms: i64) -> Option<f64> {
        let rates = self.some(resources).into_iter().filter_map(|service| lock(&service).window.rate(now_ms));
        rates.fold(None, |sum, rate| Some(sum.unwrap_or(0.0) + rate))
    }

    /// Remembers the services that were told of a moment ago, and the events of the past that gauges depend on. Called once, before
    /// the first batch.
    pub fn remember(&self, store: &Store, now_ms: i64) {
        let is_served = |id, metric: &str| !store.series(Some(id), Some(metric)).is_empty();
        for info in store.resources() {
            let is_recent = now_ms.saturating_sub(info.last_seen_ms) < HEARD_FOR_MS;
            if is_recent && info.resource.kind == ResourceKind::Service && is_served(info.id, catalog::SERVICE_ERRORS.name) {
                let Some(service) = self.service(info.id) else { continue };
                let mut service = lock(&service);
                service.heard_ms = info.last_seen_ms;
                if is_served(info.id, catalog::HTTP_SERVER_REQUEST_RATE.name) {
                    service.window.begin(now_ms);
                }
            }
        }
        for (kind, for_ms) in derived::remembered() {
            let range =
                RecordRange { from_ms: now_ms.saturating_sub(for_ms), to_ms: now_ms.saturating_add(1), ..RecordRange::default() };
            let question = EventQuery { range, kinds: vec![kind.clone()], before: None, limit: REMEMBERED_MAX };
            match store.events(&question) {
                Ok(found) => {
                    for event in found {
                        let Some(service) = self.service(event.resource) else { continue };
                        let mut service = lock(&service);
                        service.heard_ms = service.heard_ms.max(event.record.time_ms);
                        service.derived.remember(&event.record);
                    }
                }
                Err(error) => {
                    tracing::warn!(target: "service", kind, error = %farol_shared::report::chain(&error), "events not remembered");
                }
            }
        }
    }

    /// How many groups of records and batches were not added up since the start.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.0.unplaced.load(Ordering::Relaxed) + self.0.missed.load(Ordering::Relaxed)
    }

    fn service(&self, resource: ResourceId) -> Option<Arc<Mutex<Service>>> {
        let mut services = lock(&self.0.services);
        if services.len() >= SERVICES_MAX && !services.contains_key(&resource) {
            if self.0.unplaced.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::warn!(target: "service", max = SERVICES_MAX, "more services than are added up");
            }
            return None;
        }
        Some(Arc::clone(services.entry(resource).or_default()))
    }

    fn some(&self, resources: &[ResourceId]) -> Vec<Arc<Mutex<Service>>> {
        let services = lock(&self.0.services);
        let wanted = services.iter().filter(|(id, _)| resources.is_empty() || resources.contains(id));
        wanted.map(|(_, service)| Arc::clone(service)).collect()
    }

    /// The services that are told at this moment, by number. Forgets those that nobody speaks of any more.
    fn told(&self, store: &Store, now_ms: i64) -> Vec<(ResourceId, Arc<Mutex<Service>>)> {
        let mut services = lock(&self.0.services);
        services.retain(|_, service| lock(service).is_told(now_ms));
        let mut all: Vec<_> = services.iter().map(|(id, service)| (*id, Arc::clone(service))).collect();
        drop(services);
        all.sort_unstable_by_key(|(id, _)| *id);
        if all.iter().any(|(_, service)| lock(service).resource.is_none()) {
            let known: HashMap<ResourceId, Arc<Resource>> =
                store.resources().into_iter().map(|info| (info.id, info.resource)).collect();
            for (id, service) in &all {
                let mut service = lock(service);
                service.resource = service.resource.take().or_else(|| known.get(id).cloned());
            }
        }
        let is_service = |service: &Arc<Mutex<Service>>| {
            lock(service).resource.as_ref().is_some_and(|resource| resource.kind == ResourceKind::Service)
        };
        all.retain(|(_, service)| is_service(service));
        all
    }
}

impl Service {
    /// Whether it was heard of lately, or has conversations that go on in silence.
    fn is_told(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.heard_ms) < HEARD_FOR_MS || self.derived.has_open(now_ms)
    }

    fn take(&mut self, time_ms: i64, interval_ms: i64, now_ms: i64, records: &Records) {
        self.heard_ms = self.heard_ms.max(now_ms);
        if !records.requests.is_empty() {
            self.window.take(time_ms, interval_ms, now_ms, &records.requests);
        }
        for error in &records.errors {
            self.errors.add(error.count);
        }
        if !records.levels.is_empty() {
            self.has_logs = true;
            self.levels.iter_mut().zip(Level::ALL).for_each(|(count, level)| count.add(records.levels.of(level)));
        }
        for event in &records.events {
            self.event(event);
        }
    }

    fn event(&mut self, event: &Event) {
        let known = |events: &[(Box<str>, Counter)], kind: &str| events.iter().position(|(known, _)| **known == *kind);
        let index = known(&self.events, &event.kind).unwrap_or_else(|| {
            let is_full = self.events.len() >= EVENT_TYPES_MAX - 1;
            let kind = if is_full { OTHER } else { &event.kind };
            known(&self.events, kind).unwrap_or_else(|| {
                self.events.push((kind.into(), Counter::default()));
                self.events.len() - 1
            })
        });
        self.events[index].1.add(1);
        self.derived.take(event);
    }
}

/// Whether there is anything in it that services are known by; results of checks are not.
fn is_of_service(records: &Records) -> bool {
    !(records.requests.is_empty()
        && records.recent.is_empty()
        && records.slow.is_empty()
        && records.errors.is_empty()
        && records.events.is_empty()
        && records.logs.is_empty()
        && records.levels.is_empty())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Figures are added up one by one: none is half written after a panic elsewhere.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
