//! Rooms of records: events, results of health checks, warnings and worse, each as one message when it is on disk.

use farol_shared::record::{CheckResult, Event, Level, LogRecord};
use farol_store::ResourceId;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Push, RECORDS_WAITING_MAX, Room, feed::Shown, message};

/// Records older than this are history that an agent catches up with: they are asked for, not pushed. In milliseconds.
const SHOWN_FOR_MS: i64 = 5 * 60_000;

/// What a message tells, beside its envelope.
#[derive(Debug, Serialize)]
struct Payload<'a, R> {
    room: &'a str,
    #[serde(flatten)]
    record: R,
}

#[derive(Debug, Serialize)]
struct EventPayload<'a> {
    event: EventRecord<'a>,
    // As an older guide's client reads it.
    event_type: &'a str,
    timestamp: i64,
}

#[derive(Debug, Serialize)]
struct EventRecord<'a> {
    time: i64,
    service: ResourceId,
    #[serde(rename = "type")]
    kind: &'a str,
    tenant: Option<&'a str>,
    payload: Box<RawValue>,
}

#[derive(Debug, Serialize)]
struct CheckPayload<'a> {
    check: CheckRecord<'a>,
}

#[derive(Debug, Serialize)]
struct CheckRecord<'a> {
    time: i64,
    resource: ResourceId,
    name: &'a str,
    kind: &'a str,
    target: &'a str,
    state: &'static str,
    success: bool,
    latency_ms: Option<f64>,
    detail: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct LogPayload<'a> {
    log: LogLine<'a>,
}

#[derive(Debug, Serialize)]
struct LogLine<'a> {
    time: i64,
    service: ResourceId,
    level: &'static str,
    message: &'a str,
    source: Option<&'a str>,
    exception: Option<&'a str>,
    stack: Option<&'a str>,
    tenant: Option<&'a str>,
    trace_id: Option<&'a str>,
}

impl Push {
    /// Tells the rooms of records what a committed batch brought.
    pub(super) fn show_records(&self, shown: &Shown) {
        if self.0.followed.load(std::sync::atomic::Ordering::Relaxed) == 0 {
            return;
        }
        let now_ms = shown.arrival.now_ms;
        let is_shown = |time_ms: i64| now_ms.saturating_sub(shown.arrival.by_own_clock(time_ms)) <= SHOWN_FOR_MS;
        let (mut events, mut logs, mut checks) = (Vec::new(), Vec::new(), Vec::new());
        for (resource, _, records) in &shown.committed.records {
            events.extend(records.events.iter().filter(|one| is_shown(one.time_ms)).map(|one| (*resource, one)));
            checks.extend(records.checks.iter().filter(|one| is_shown(one.time_ms)).map(|one| (*resource, one)));
            let is_told = |one: &&LogRecord| one.level >= Level::Warn && is_shown(one.time_ms);
            logs.extend(records.logs.iter().filter(is_told).map(|one| (*resource, one)));
        }
        let mut kinds: Vec<&str> = events.iter().map(|(_, event)| event.kind.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            let of_kind = events.iter().filter(|(_, event)| event.kind == kind).copied().collect();
            self.tell(&Room::EventsOf(kind.into()), of_kind, now_ms, event);
        }
        self.tell(&Room::Events, events, now_ms, event);
        self.tell(&Room::Checks, checks, now_ms, check);
        self.tell(&Room::Logs, logs, now_ms, log);
    }

    /// Tells one room its newest records, oldest first; no listener could hold more.
    fn tell<'a, R>(
        &self,
        room: &Room,
        records: Vec<(ResourceId, &'a R)>,
        now_ms: i64,
        message: fn(&str, ResourceId, &R, i64) -> axum::extract::ws::Utf8Bytes,
    ) {
        if records.is_empty() || !self.has_listeners(room) {
            return;
        }
        let name = room.to_string();
        let first = records.len().saturating_sub(RECORDS_WAITING_MAX);
        for (resource, record) in records.into_iter().skip(first) {
            self.publish(room, &message(&name, resource, record, now_ms));
        }
    }
}

fn event(room: &str, service: ResourceId, event: &Event, now_ms: i64) -> axum::extract::ws::Utf8Bytes {
    let record = EventRecord {
        time: event.time_ms,
        service,
        kind: &event.kind,
        tenant: event.tenant.as_deref(),
        payload: payload(&event.payload),
    };
    let record = EventPayload { event: record, event_type: &event.kind, timestamp: event.time_ms };
    message::encode("Event", Payload { room, record }, now_ms)
}

fn check(room: &str, resource: ResourceId, check: &CheckResult, now_ms: i64) -> axum::extract::ws::Utf8Bytes {
    let record = CheckRecord {
        time: check.time_ms,
        resource,
        name: &check.name,
        kind: &check.kind,
        target: &check.target,
        state: check.state.as_str(),
        success: check.is_success,
        latency_ms: check.latency_s.map(|latency| crate::number::concise(latency * 1_000.0)),
        detail: filled(&check.detail),
    };
    message::encode("Check", Payload { room, record: CheckPayload { check: record } }, now_ms)
}

fn log(room: &str, service: ResourceId, log: &LogRecord, now_ms: i64) -> axum::extract::ws::Utf8Bytes {
    let record = LogLine {
        time: log.time_ms,
        service,
        level: log.level.as_str(),
        message: &log.message,
        source: filled(&log.source),
        exception: log.exception.as_deref(),
        stack: filled(&log.stack),
        tenant: log.tenant.as_deref(),
        trace_id: log.trace_id.as_deref(),
    };
    message::encode("Log", Payload { room, record: LogPayload { log: record } }, now_ms)
}

fn filled(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// A payload as JSON: as it was told when it is an object, else an empty one.
pub(crate) fn payload(text: &str) -> Box<RawValue> {
    let told: Option<Box<RawValue>> = serde_json::from_str(text).ok();
    let is_object = |raw: &RawValue| raw.get().starts_with('{');
    told.filter(|raw| is_object(raw)).unwrap_or_else(|| RawValue::from_string("{}".to_owned()).expect("an empty object is JSON"))
}
