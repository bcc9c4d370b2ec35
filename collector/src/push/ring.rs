//! Rings: the newest records of each kind, for those who listen now and for those who come back.
//!
//! A listener has no queue of records but a number: the newest that it heard. What is due to it is what the rings hold after that
//! number; so a thousand listeners cost no more memory than the rings, and one who comes back just names its number.
//!
//! Invariants: numbers grow, also from one start of the collector to the next (the first one is the start in microseconds); what a
//! ring no longer holds is never taken for "nothing happened".
//!
//! Bounded: each ring by [`RECORDS_MAX`] and [`BYTES_MAX`].

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::extract::ws::Utf8Bytes;
use farol_store::ResourceId;

use super::{
    lock,
    room::{Interest, Room},
};

/// Most records of a kind that are held: a minute of the busiest house that was promised (10,000 events a minute).
pub const RECORDS_MAX: usize = 10_000;

/// Most bytes of records of a kind that are held, as they are told: 800 bytes for each of [`RECORDS_MAX`].
pub const BYTES_MAX: usize = 8 << 20;

/// What a record takes beside its text, in bytes.
const ENTRY_BYTES: usize = 256;

/// Kinds of records, each with a ring of its own: a flood of one does not push the others out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Event,
    Log,
    Check,
    Alert,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Event, Self::Log, Self::Check, Self::Alert];

    /// The type of its messages.
    pub(super) const fn message_type(self) -> &'static str {
        match self {
            Self::Event => "Event",
            Self::Log => "Log",
            Self::Check => "Check",
            Self::Alert => "Alert",
        }
    }
}

/// A record before it has a number.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) kind: Kind,
    /// Whose it is; nobody's belongs to the house.
    pub(super) tenant: Option<Arc<str>>,
    pub(super) service: Option<Arc<str>>,
    /// Of an event; empty for other kinds.
    pub(super) event_type: Box<str>,
    pub(super) resource: ResourceId,
    /// What is told beside the room: a JSON object.
    pub(super) body: String,
}

/// A record in its ring.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) kind: Kind,
    pub(super) tenant: Option<Arc<str>>,
    pub(super) service: Option<Arc<str>>,
    pub(super) event_type: Box<str>,
    /// Tells apart whether a record was told by another way already.
    pub(super) mark: u64,
    time_ms: i64,
    body: String,
    told: Mutex<Told>,
    /// Bytes of its whole ring.
    ring_bytes: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Told {
    /// The message as each room tells it, made when the first listener needs it.
    messages: Vec<(Room, Utf8Bytes)>,
    /// Bytes of the record and its messages.
    bytes: usize,
    /// Whether it is still in its ring, and counted there.
    is_held: bool,
}

/// A mark of what a record says.
pub(super) fn mark(resource: ResourceId, body: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    (resource, body).hash(&mut hasher);
    hasher.finish()
}

#[derive(Debug)]
struct Ring {
    entries: VecDeque<Arc<Entry>>,
    bytes: Arc<AtomicUsize>,
    /// Everything from this number on is held.
    floor: u64,
}

/// The rings of all kinds.
#[derive(Debug)]
pub(super) struct Rings {
    rings: [Ring; 4],
    /// Number of the next record.
    next: u64,
    /// Names this start of the collector.
    stream: Box<str>,
}

/// What is due to a listener.
#[derive(Debug)]
pub(super) enum Due {
    /// The next records, and the number up to which these are all.
    Records(Vec<Arc<Entry>>, u64),
    /// Some are no longer held.
    Missed,
}

impl Rings {
    /// Empty rings of a start at this moment.
    pub(super) fn new(started_ms: i64, stream: Box<str>) -> Self {
        let next = u64::try_from(started_ms).unwrap_or(0).saturating_mul(1_000).max(1);
        let rings = Kind::ALL.map(|_| Ring::new(next));
        Self { rings, next, stream }
    }

    /// Names this start of the collector.
    pub(super) fn stream(&self) -> &str {
        &self.stream
    }

    /// Number of the newest record.
    pub(super) fn newest(&self) -> u64 {
        self.next - 1
    }

    /// Takes records in, oldest first.
    pub(super) fn append(&mut self, records: Vec<Record>, time_ms: i64) {
        for record in records {
            let id = self.next;
            self.next += 1;
            self.rings[record.kind as usize].append(id, record, time_ms);
        }
    }

    /// Notes that something happened which nobody is going to ask for.
    pub(super) fn skip(&mut self) {
        self.next += 1;
        for ring in &mut self.rings {
            *ring = Ring::new(self.next);
        }
    }

    /// Whether all that this listener wants after a number is held.
    pub(super) fn holds(&self, after: u64, interest: &Interest) -> bool {
        after <= self.newest() && self.wanted(interest).all(|ring| after.saturating_add(1) >= ring.floor)
    }

    /// The next records after a number that this listener wants, at most so many.
    pub(super) fn due(&self, after: u64, interest: &Interest, max: usize) -> Due {
        if !self.holds(after, interest) {
            return Due::Missed;
        }
        let mut due: Vec<Arc<Entry>> = Vec::new();
        for ring in self.wanted(interest) {
            let wanted = ring.after(after).filter(|entry| interest.wants(entry));
            due.extend(wanted.take(max).map(Arc::clone));
        }
        due.sort_unstable_by_key(|entry| entry.id);
        due.truncate(max);
        // A full turn ends where it ends; else there is nothing more.
        let upto = due.last().filter(|_| due.len() >= max).map_or(self.newest(), |last| last.id);
        Due::Records(due, upto)
    }

    /// All records after a number.
    pub(super) fn since(&self, after: u64) -> Vec<Arc<Entry>> {
        self.rings.iter().flat_map(|ring| ring.after(after)).map(Arc::clone).collect()
    }

    fn wanted<'a>(&'a self, interest: &'a Interest) -> impl Iterator<Item = &'a Ring> {
        Kind::ALL.iter().filter(|kind| interest.is_of(**kind)).map(|kind| &self.rings[*kind as usize])
    }
}

impl Ring {
    fn new(floor: u64) -> Self {
        Self { entries: VecDeque::new(), bytes: Arc::default(), floor }
    }

    fn append(&mut self, id: u64, record: Record, time_ms: i64) {
        let bytes = record.body.len() + ENTRY_BYTES;
        let entry = Entry {
            id,
            kind: record.kind,
            mark: mark(record.resource, &record.body),
            tenant: record.tenant,
            service: record.service,
            event_type: record.event_type,
            time_ms,
            body: record.body,
            told: Mutex::new(Told { messages: Vec::new(), bytes, is_held: true }),
            ring_bytes: Arc::clone(&self.bytes),
        };
        self.entries.push_back(Arc::new(entry));
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        while self.entries.len() > RECORDS_MAX || self.bytes.load(Ordering::Relaxed) > BYTES_MAX {
            let Some(oldest) = self.entries.pop_front() else { break };
            let mut told = lock(&oldest.told);
            told.is_held = false;
            self.bytes.fetch_sub(told.bytes, Ordering::Relaxed);
            self.floor = oldest.id + 1;
        }
    }

    fn after(&self, after: u64) -> impl Iterator<Item = &Arc<Entry>> {
        let first = self.entries.partition_point(|entry| entry.id <= after);
        self.entries.range(first..)
    }
}

impl Entry {
    /// The message by which a room tells it.
    pub(super) fn message(&self, room: &Room, stream: &str) -> Utf8Bytes {
        let mut told = lock(&self.told);
        if let Some((_, message)) = told.messages.iter().find(|(known, _)| known == room) {
            return message.clone();
        }
        let message: Utf8Bytes = envelope(self, room, stream).into();
        if told.is_held {
            told.bytes += message.as_str().len();
            self.ring_bytes.fetch_add(message.as_str().len(), Ordering::Relaxed);
        }
        told.messages.push((room.clone(), message.clone()));
        message
    }
}

fn envelope(entry: &Entry, room: &Room, stream: &str) -> String {
    let room = serde_json::Value::String(room.to_string());
    let body =
        entry.body.strip_prefix('{').filter(|rest| rest.len() > 1).map_or_else(|| "}".to_owned(), |rest| format!(",{rest}"));
    let (kind, id, time_ms) = (entry.kind.message_type(), entry.id, entry.time_ms);
    format!(r#"{{"message_type":"{kind}","id":{id},"stream":"{stream}","payload":{{"room":{room}{body},"timestamp":{time_ms}}}"#)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::access::View;

    pub(crate) fn record(kind: Kind, event_type: &str, tenant: Option<&str>) -> Record {
        let body = format!(r#"{{"event_type":"{event_type}"}}"#);
        Record { kind, tenant: tenant.map(Arc::from), service: None, event_type: event_type.into(), resource: 1, body }
    }

    pub(crate) fn entry(kind: Kind, event_type: &str, tenant: Option<&str>) -> Entry {
        let mut rings = Rings::new(0, "s".into());
        rings.append(vec![record(kind, event_type, tenant)], 0);
        Arc::into_inner(rings.rings[kind as usize].entries.pop_front().unwrap()).unwrap()
    }

    fn events() -> Interest {
        Interest { rooms: vec![(Room::Events, View::Whole)], event_types: Vec::new() }
    }

    fn ids(due: Due) -> Vec<u64> {
        let Due::Records(entries, _) = due else { panic!("missed") };
        entries.iter().map(|entry| entry.id).collect()
    }

    #[test]
    fn numbers_grow_from_one_start_to_the_next_and_fit_a_browsers_number() {
        let first = Rings::new(1_800_000_000_000, "a".into());
        let second = Rings::new(1_800_000_001_000, "b".into());
        assert!(second.newest() > first.newest() + 100_000, "100,000 records a second and more");
        assert!(second.newest() < 1 << 53);
        assert!(!second.holds(first.newest(), &events()), "an id from before a restart is recognised");
    }

    #[test]
    fn what_is_due_is_what_came_after_and_a_ring_that_turned_over_says_so() {
        let mut rings = Rings::new(0, "s".into());
        let start = rings.newest();
        for _ in 0..3 {
            rings.append(vec![record(Kind::Event, "A", None), record(Kind::Log, "", None)], 0);
        }
        assert_eq!(ids(rings.due(start, &events(), 10)), [start + 1, start + 3, start + 5]);
        let Due::Records(first, upto) = rings.due(start, &events(), 2) else { panic!("missed") };
        assert_eq!((first.len(), upto), (2, start + 3));
        assert_eq!(ids(rings.due(upto, &events(), 10)), [start + 5]);
        assert!(matches!(rings.due(rings.newest() + 1, &events(), 10), Due::Missed), "nobody said that yet");
        // A flood of logs turns its own ring over, not that of the events.
        rings.append((0..=RECORDS_MAX).map(|_| record(Kind::Log, "", None)).collect(), 0);
        assert_eq!(ids(rings.due(start, &events(), 10)).len(), 3);
        let logs = Interest { rooms: vec![(Room::Logs, View::Whole)], event_types: Vec::new() };
        assert!(matches!(rings.due(start, &logs, 10), Due::Missed));
        assert_eq!(rings.since(start).len(), RECORDS_MAX + 3);
        rings.skip();
        assert!(matches!(rings.due(rings.newest() - 1, &events(), 10), Due::Missed));
    }

    #[test]
    fn a_ring_is_bound_by_its_bytes_with_the_messages_made_of_it() {
        let mut rings = Rings::new(0, "s".into());
        let big = |n: usize| Record { body: format!(r#"{{"x":"{}"}}"#, "y".repeat(n)), ..record(Kind::Event, "A", None) };
        for _ in 0..20 {
            rings.append(vec![big(1 << 20)], 0);
            let newest = rings.rings[0].entries.back().cloned().unwrap();
            newest.message(&Room::Events, "s");
        }
        let held: usize = rings.rings[0].entries.iter().map(|entry| entry.body.len()).sum();
        assert!(held <= BYTES_MAX, "{held}");
        assert!(rings.rings[0].entries.len() <= 5, "{}", rings.rings[0].entries.len());
    }

    #[test]
    fn a_message_is_made_once_a_room_and_is_json_whatever_the_rooms_name() {
        let entry = entry(Kind::Event, "A", None);
        let room = Room::EventsOf(r#"a"b\"#.into());
        let (first, second) = (entry.message(&room, "s"), entry.message(&room, "s"));
        assert_eq!(first.as_str().as_ptr(), second.as_str().as_ptr());
        let message: serde_json::Value = serde_json::from_str(&first).unwrap();
        assert_eq!(message["payload"]["room"], r#"event:a"b\"#);
        assert_eq!((&message["id"], &message["payload"]["event_type"]), (&serde_json::json!(entry.id), &serde_json::json!("A")));
    }
}
