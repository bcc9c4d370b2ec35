//! Push: tells browsers what is new, over WebSockets, in rooms.
//!
//! In: committed batches (after [`crate::live`] took them in) and the beat of one second. Out: one message a room, serialised
//! once and shared by all who listen.
//!
//! Invariants: a slow listener never holds anybody up: what it did not fetch in time is dropped, counted, and made good by the
//! newest state of the room, or by its newest records; a listener whose sign-in ended is closed within a minute.
//!
//! Bounded: connections (`http.listeners_max`, then 503), rooms a connection ([`ROOMS_MAX`]), messages that wait for one
//! listener in one room ([`WAITING_MAX`], [`RECORDS_WAITING_MAX`]), size and rate of what a listener sends, time to sign in, time without a sign of life.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use axum::extract::ws::Utf8Bytes;
use farol_shared::{clock::Clock, limit};
use farol_store::ResourceId;
use tokio::sync::{Notify, watch};

use self::panel::Panel;
use crate::{
    access::Access,
    live::{Line, Live},
    pull::Pull,
};

mod connection;
pub mod feed;
mod message;
mod panel;
mod records;
pub mod routes;

pub(crate) use records::payload;

/// Most rooms that one connection listens to: a page shows a few dozen cards at most.
pub const ROOMS_MAX: usize = 64;

/// Most messages that wait for one listener in one room before it skips to the newest state. Four frames of a
/// watched resource are 400 ms: more of the past nobody wants to see late.
pub const WAITING_MAX: usize = 4;

/// Most records (events, logs, checks) that wait for one listener in one room: as many as a feed shows. When there are more, the
/// oldest go.
pub const RECORDS_WAITING_MAX: usize = 50;

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Room {
    /// All resources with status and figures, once a second.
    Overview,
    /// Every frame of one resource.
    Resource(ResourceId),
    /// The collector's own machine in few words, once a second, for administrators.
    System,
    /// Every event of every service.
    Events,
    /// Events of one type.
    EventsOf(Arc<str>),
    /// Results of health checks.
    Checks,
    /// Log records: warnings and worse.
    Logs,
}

impl Room {
    /// The room of a name, if there is such a room.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            // The older guide calls it `dashboard`.
            "overview" | "dashboard" => Some(Self::Overview),
            "system" => Some(Self::System),
            "events" => Some(Self::Events),
            "checks" => Some(Self::Checks),
            "logs" => Some(Self::Logs),
            _ => match name.split_once(':')? {
                ("resource", id) => id.parse().ok().map(Self::Resource),
                ("event", kind) if !kind.is_empty() && kind.len() <= limit::VALUE_BYTES_MAX => Some(Self::EventsOf(kind.into())),
                _ => None,
            },
        }
    }

    /// Whether it tells what happened, one record a message, and not how things stand.
    #[must_use]
    pub fn is_of_records(&self) -> bool {
        matches!(self, Self::Events | Self::EventsOf(_) | Self::Checks | Self::Logs)
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overview => f.write_str("overview"),
            Self::Resource(id) => write!(f, "resource:{id}"),
            Self::System => f.write_str("system"),
            Self::Events => f.write_str("events"),
            Self::EventsOf(kind) => write!(f, "event:{kind}"),
            Self::Checks => f.write_str("checks"),
            Self::Logs => f.write_str("logs"),
        }
    }
}

/// The stage: rooms, and what is needed to fill them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Push(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    live: Arc<Live>,
    access: Access,
    clock: Arc<dyn Clock>,
    listeners_max: usize,
    rooms: Mutex<HashMap<Room, HashMap<u64, Arc<Mailbox>>>>,
    /// How many resource rooms have listeners: spares ingest a lock while nobody watches.
    watched: AtomicUsize,
    /// How many rooms of records have listeners: spares the same.
    followed: AtomicUsize,
    /// The whole overview as of the latest beat, made when the first newcomer asks.
    overview: Mutex<Option<Utf8Bytes>>,
    /// What the system room shows, as of the latest beat.
    system: Mutex<Option<Utf8Bytes>>,
    next_id: AtomicU64,
    listeners: AtomicUsize,
    sent: AtomicU64,
    skipped: AtomicU64,
    closing: watch::Sender<bool>,
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

/// What waits for one listener.
#[derive(Debug, Default)]
struct Mailbox {
    slots: Mutex<Vec<Slot>>,
    wake: Notify,
}

#[derive(Debug)]
struct Slot {
    room: Room,
    /// The listener needs the room's whole state: it is new, or it missed something.
    is_stale: bool,
    waiting: VecDeque<Utf8Bytes>,
}

/// What a listener has to send next.
#[derive(Debug)]
enum Due {
    Message(Utf8Bytes),
    WholeOf(Room),
}

impl Mailbox {
    /// Puts a message in. Answers how many were skipped for it.
    fn put(&self, room: &Room, message: &Utf8Bytes) -> u64 {
        let mut slots = lock(&self.slots);
        let Some(slot) = slots.iter_mut().find(|slot| slot.room == *room) else { return 0 };
        if slot.is_stale {
            // The whole state will be sent, with this in it.
            return 0;
        }
        let mut skipped = 0;
        if room.is_of_records() {
            if slot.waiting.len() >= RECORDS_WAITING_MAX {
                slot.waiting.pop_front();
                skipped = 1;
            }
            slot.waiting.push_back(message.clone());
        } else if slot.waiting.len() >= WAITING_MAX {
            skipped = slot.waiting.len() as u64 + 1;
            slot.waiting = VecDeque::new();
            slot.is_stale = true;
        } else {
            slot.waiting.push_back(message.clone());
        }
        drop(slots);
        self.wake.notify_one();
        skipped
    }

    fn take(&self) -> Option<Due> {
        let mut slots = lock(&self.slots);
        for slot in slots.iter_mut() {
            if std::mem::take(&mut slot.is_stale) {
                slot.waiting.clear();
                return Some(Due::WholeOf(slot.room.clone()));
            }
            if let Some(message) = slot.waiting.pop_front() {
                return Some(Due::Message(message));
            }
        }
        None
    }
}

/// One listener's place; leaving all its rooms when dropped.
#[derive(Debug)]
struct Seat {
    push: Push,
    id: u64,
    mailbox: Arc<Mailbox>,
}

impl Seat {
    /// Makes these the rooms of the listener; each begins with its whole state.
    fn listen(&self, wanted: &[Room]) {
        let mut rooms = lock(&self.push.0.rooms);
        let before: Vec<Room> = lock(&self.mailbox.slots).drain(..).map(|slot| slot.room).collect();
        for room in before.iter().filter(|room| !wanted.contains(room)) {
            leave(&mut rooms, room, self.id);
        }
        for room in wanted {
            rooms.entry(room.clone()).or_default().insert(self.id, Arc::clone(&self.mailbox));
        }
        // What happened before is asked for, not pushed.
        let slot = |room: &Room| Slot { room: room.clone(), is_stale: !room.is_of_records(), waiting: VecDeque::new() };
        *lock(&self.mailbox.slots) = wanted.iter().map(slot).collect();
        self.push.count_watched(&rooms);
        drop(rooms);
        self.mailbox.wake.notify_one();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut rooms = lock(&self.push.0.rooms);
        for slot in lock(&self.mailbox.slots).drain(..) {
            leave(&mut rooms, &slot.room, self.id);
        }
        self.push.count_watched(&rooms);
        self.push.0.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

fn leave(rooms: &mut HashMap<Room, HashMap<u64, Arc<Mailbox>>>, room: &Room, id: u64) {
    if let Some(listeners) = rooms.get_mut(room) {
        listeners.remove(&id);
        if listeners.is_empty() {
            rooms.remove(room);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Lists of listeners are changed entry by entry: none is half written after a panic elsewhere.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Push {
    /// Rooms without listeners.
    #[must_use]
    pub fn new(live: Arc<Live>, access: Access, clock: Arc<dyn Clock>, listeners_max: usize) -> Self {
        Self(Arc::new(Inner {
            live,
            access,
            clock,
            listeners_max,
            rooms: Mutex::default(),
            watched: AtomicUsize::new(0),
            followed: AtomicUsize::new(0),
            overview: Mutex::default(),
            system: Mutex::default(),
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
        self.0.watched.load(Ordering::Relaxed) > 0 && lock(&self.0.rooms).contains_key(&Room::Resource(resource))
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

    fn has_listeners(&self, room: &Room) -> bool {
        lock(&self.0.rooms).contains_key(room)
    }

    fn publish(&self, room: &Room, message: &Utf8Bytes) {
        let mut skipped = 0;
        if let Some(listeners) = lock(&self.0.rooms).get(room) {
            for mailbox in listeners.values() {
                skipped += mailbox.put(room, message);
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
        Some(Seat { push: self.clone(), id, mailbox: Arc::default() })
    }

    /// The whole state of a room at this moment, if there is anything to show.
    fn whole(&self, room: &Room) -> Option<Utf8Bytes> {
        match room {
            Room::Overview => {
                let mut kept = lock(&self.0.overview);
                if kept.is_none() {
                    let now_ms = self.0.clock.now_ms();
                    *kept = Some(message::overview(&self.0.live.lines(now_ms, false), now_ms));
                }
                kept.clone()
            }
            Room::Resource(id) => {
                let newest = self.0.live.newest(*id).filter(|fresh| !fresh.values.is_empty())?;
                Some(message::values(&newest, self.0.clock.now_ms()))
            }
            Room::System => lock(&self.0.system).clone(),
            Room::Events | Room::EventsOf(_) | Room::Checks | Room::Logs => None,
        }
    }

    /// Tells the overview what changed. Called once a second.
    fn beat(&self, changed: &[Line], now_ms: i64) {
        *lock(&self.0.overview) = None;
        if !changed.is_empty() && self.has_listeners(&Room::Overview) {
            self.publish(&Room::Overview, &message::overview(changed, now_ms));
        }
    }

    /// Tells the system room how the collector's own machine is and what else is known of the house. Called once a second.
    fn system(&self, line: Option<&Line>, pull: &Pull, now_ms: i64) {
        let is_heard = self.has_listeners(&Room::System);
        let told = line.filter(|_| is_heard).map(|line| message::system(line, &Panel::now(pull, &self.0.live, now_ms)));
        if let Some(message) = &told {
            self.publish(&Room::System, message);
        }
        // Whoever comes when nobody listened waits for the next second rather than see an old one.
        if told.is_some() || !is_heard {
            *lock(&self.0.system) = told;
        }
    }

    fn count_watched(&self, rooms: &HashMap<Room, HashMap<u64, Arc<Mailbox>>>) {
        let watched = rooms.keys().filter(|room| matches!(room, Room::Resource(_))).count();
        self.0.watched.store(watched, Ordering::Relaxed);
        let followed = rooms.keys().filter(|room| room.is_of_records()).count();
        self.0.followed.store(followed, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
