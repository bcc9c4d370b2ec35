//! Push: tells browsers what is new, over WebSockets, in rooms.
//!
//! In: committed batches (after [`crate::live`] took them in) and the beat of one second. Out: one message a room and view,
//! serialised once and shared by all who listen.
//!
//! Invariants: a slow listener never holds anybody up: of states it skips to the newest; records it reads from the rings at its own
//! pace, and when these have turned over it gets the newest ones from history; a listener whose sign-in ended is closed within a
//! minute; whoever is bound to a tenant hears of nothing else.
//!
//! Bounded: connections (`http.listeners_max`, then 503), rooms a connection ([`ROOMS_MAX`]), states that wait for one listener
//! ([`WAITING_MAX`] each), records that are held for all ([`ring`]), size and rate of what a listener sends, time to sign in, time
//! without a sign of life.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
};

use axum::extract::ws::Utf8Bytes;
use farol_shared::clock::Clock;
use farol_store::{ResourceId, Store};
use serde_json::{Map, Value};
use tokio::sync::watch;

use self::{
    alerts::Alerts,
    figures::Counted,
    mailbox::{Listeners, Mailbox, Seat},
    owners::Owners,
    panel::Panel,
    ring::{Record, Rings},
    room::Topic,
    snapshot::Snapshots,
};
use crate::{
    access::{Access, View},
    live::{Line, Live},
    pull::Pull,
};

pub mod alerts;
mod connection;
pub mod feed;
pub mod figures;
mod mailbox;
mod message;
mod owners;
mod panel;
mod rate;
mod records;
pub mod ring;
pub mod room;
pub mod routes;
mod snapshot;

pub(crate) use records::payload;
pub use room::Room;

/// Most rooms that one connection listens to: a page shows a few dozen cards at most.
pub const ROOMS_MAX: usize = 64;

/// Most messages of a state that wait for one listener before it skips to the newest. Four frames of a watched resource are
/// 400 ms: more of the past nobody wants to see late.
pub const WAITING_MAX: usize = 4;

/// Records of a snapshot: as many as a feed shows.
pub const RECORDS_SHOWN: usize = 50;

/// The stage: rooms, and what is needed to fill them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Push(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    live: Arc<Live>,
    store: Store,
    access: Access,
    clock: Arc<dyn Clock>,
    listeners_max: usize,
    places: Mutex<Places>,
    rings: RwLock<Rings>,
    owners: Owners,
    alerts: Alerts,
    snapshots: Snapshots,
    counted: Counted,
    /// How many resources have listeners: spares ingest a lock while nobody watches.
    watched: AtomicUsize,
    /// How many listeners follow records.
    followers: AtomicUsize,
    /// When there last was one.
    followed_ms: AtomicI64,
    /// Number of the newest record that followers were told of.
    woken: AtomicU64,
    /// The whole overview of a view as of the latest beat, made when the first newcomer asks.
    overviews: Mutex<HashMap<View, Utf8Bytes>>,
    /// What the latest beat told, for newcomers.
    kept: Mutex<HashMap<Topic, Utf8Bytes>>,
    /// What the room `status` told last.
    statuses: Mutex<HashMap<View, Map<String, Value>>>,
    next_id: AtomicU64,
    listeners: AtomicUsize,
    sent: AtomicU64,
    skipped: AtomicU64,
    closing: watch::Sender<bool>,
}

/// Who listens to what.
#[derive(Debug, Default)]
struct Places {
    topics: HashMap<Topic, Listeners>,
    followers: Listeners,
}

/// Figures of the stage, since the start unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushStats {
    /// Connections now.
    pub listeners: usize,
    /// Messages handed to connections.
    pub sent: u64,
    /// Messages that slow listeners skipped.
    pub skipped: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Lists of listeners are changed entry by entry: none is half written after a panic elsewhere.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    /// Takes records into the rings.
    fn append(&self, records: Vec<Record>, now_ms: i64) {
        self.rings.write().unwrap_or_else(PoisonError::into_inner).append(records, now_ms);
    }

    fn rings(&self) -> std::sync::RwLockReadGuard<'_, Rings> {
        self.rings.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn newest_record(&self) -> u64 {
        self.rings().newest()
    }

    /// Which start of the collector this is, and the number of the newest record.
    fn position(&self) -> (String, u64) {
        let rings = self.rings();
        (rings.stream().to_owned(), rings.newest())
    }
}

impl Push {
    /// Rooms without listeners.
    #[must_use]
    pub fn new(live: Arc<Live>, store: Store, access: Access, clock: Arc<dyn Clock>, listeners_max: usize) -> Self {
        let now_ms = clock.now_ms();
        // Two starts within a millisecond are told apart as well, unless the system has no random numbers.
        let stream = format!("{:08x}", getrandom::u32().unwrap_or(0));
        let rings = Rings::new(now_ms, stream.into());
        Self(Arc::new(Inner {
            live,
            owners: Owners::new(store.clone()),
            store,
            access,
            clock,
            listeners_max,
            places: Mutex::default(),
            woken: AtomicU64::new(rings.newest()),
            rings: RwLock::new(rings),
            alerts: Alerts::default(),
            snapshots: Snapshots::default(),
            counted: Counted::default(),
            watched: AtomicUsize::new(0),
            followers: AtomicUsize::new(0),
            followed_ms: AtomicI64::new(i64::MIN),
            overviews: Mutex::default(),
            kept: Mutex::default(),
            statuses: Mutex::default(),
            next_id: AtomicU64::new(0),
            listeners: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            closing: watch::Sender::new(false),
        }))
    }

    /// Whether somebody looks at this resource now.
    #[must_use]
    pub fn is_watched(&self, resource: ResourceId) -> bool {
        self.0.watched.load(Ordering::Relaxed) > 0 && lock(&self.0.places).topics.contains_key(&Topic::Resource(resource))
    }

    /// Figures of the stage.
    #[must_use]
    pub fn stats(&self) -> PushStats {
        PushStats {
            listeners: self.0.listeners.load(Ordering::Relaxed),
            sent: self.0.sent.load(Ordering::Relaxed),
            skipped: self.0.skipped.load(Ordering::Relaxed),
        }
    }

    /// Asks every connection to close.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// The collector's own machine and what else is known of the house, as the room `system` tells it.
    #[must_use]
    pub fn system_stats(&self, own: Option<ResourceId>, pull: &Pull, now_ms: i64) -> Value {
        let line = own.and_then(|own| self.0.live.lines(now_ms, false).into_iter().find(|line| line.id == own));
        message::system(line.as_ref(), &Panel::now(pull, &self.0.live, now_ms))
    }

    fn publish(&self, topic: &Topic, message: &Utf8Bytes) {
        let mut skipped = 0;
        if let Some(listeners) = lock(&self.0.places).topics.get(topic) {
            for mailbox in listeners.values() {
                skipped += mailbox.put(topic, message);
            }
        }
        self.0.skipped.fetch_add(skipped, Ordering::Relaxed);
    }

    /// A place for one more listener, unless the house is full.
    fn seat(&self) -> Option<Seat> {
        let taken = self.0.listeners.fetch_add(1, Ordering::Relaxed);
        if taken >= self.0.listeners_max {
            self.0.listeners.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        Some(Seat::new(self.clone(), id))
    }

    /// The whole of a state at this moment, if there is anything to show.
    fn whole(&self, topic: &Topic) -> Option<Utf8Bytes> {
        let now_ms = self.0.clock.now_ms();
        match topic {
            Topic::Overview(view) => {
                let mut kept = lock(&self.0.overviews);
                let make = || {
                    let lines: Vec<Line> = self.seen(&self.0.live.lines(now_ms, false), view, now_ms);
                    message::overview(&lines, now_ms)
                };
                Some(kept.entry(view.clone()).or_insert_with(make).clone())
            }
            Topic::Resource(id) => {
                let newest = self.0.live.newest(*id).filter(|fresh| !fresh.values.is_empty())?;
                Some(message::values(&newest, now_ms))
            }
            // Whoever comes when nobody listened waits for the next second rather than see an old one.
            Topic::System | Topic::Status(_) | Topic::Figures(..) | Topic::Service(..) => lock(&self.0.kept).get(topic).cloned(),
        }
    }

    fn count(&self, places: &Places) {
        let watched = places.topics.keys().filter(|topic| matches!(topic, Topic::Resource(_))).count();
        self.0.watched.store(watched, Ordering::Relaxed);
        let (followers, before) = (places.followers.len(), self.0.followers.load(Ordering::Relaxed));
        if followers.max(before) > 0 {
            self.0.followed_ms.store(self.0.clock.now_ms(), Ordering::Relaxed);
        }
        self.0.followers.store(followers, Ordering::Relaxed);
    }
}

impl Push {
    /// The mailbox's next records: their messages with their marks, or nothing when some are no longer held.
    fn records(&self, mailbox: &Mailbox) -> Option<Vec<(u64, Utf8Bytes)>> {
        let mut waiting = lock(&mailbox.waiting);
        if waiting.interest.is_empty() {
            return Some(Vec::new());
        }
        let rings = self.0.rings();
        match rings.due(waiting.heard, &waiting.interest, RECORDS_SHOWN) {
            ring::Due::Missed => {
                waiting.heard = rings.newest();
                None
            }
            ring::Due::Records(entries, upto) => {
                let stream = rings.stream();
                let told = |entry: &Arc<ring::Entry>| {
                    let messages = waiting.interest.heard_in(entry).map(|room| (entry.mark, entry.message(room, stream)));
                    messages.collect::<Vec<_>>()
                };
                let messages = entries.iter().flat_map(told).collect();
                waiting.heard = upto;
                Some(messages)
            }
        }
    }
}
