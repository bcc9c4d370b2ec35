//! Rooms of records: events, results of health checks, warnings and worse, each as one message when it is on disk.

use std::sync::{Arc, atomic::Ordering};

use farol_shared::record::{CheckResult, Event, Level, LogRecord};
use farol_store::ResourceId;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Push,
    alerts::{Alert, SYSTEM_ALERT},
    feed::Shown,
    lock,
    owners::Owned,
    ring::{Kind, Record},
};

/// Records older than this are history that an agent catches up with: they are asked for, not pushed. In milliseconds.
const SHOWN_FOR_MS: i64 = 5 * 60_000;

/// For how long after its last listener left the rings are filled, in milliseconds: so long may somebody be away and miss nothing.
const AWAY_FOR_MS: i64 = 10 * 60_000;

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
    /// Takes what a committed batch brought into the rings. Answers whether there was anything.
    pub(super) fn keep_records(&self, shown: &Shown) -> bool {
        if shown.committed.records.is_empty() {
            return false;
        }
        let now_ms = shown.arrival.now_ms;
        if !self.is_followed(now_ms) {
            self.0.rings.write().unwrap_or_else(std::sync::PoisonError::into_inner).skip();
            return false;
        }
        let is_shown = |time_ms: i64| now_ms.saturating_sub(shown.arrival.by_own_clock(time_ms)) <= SHOWN_FOR_MS;
        let owners = self.0.owners.with(shown.committed.records.iter().map(|(resource, ..)| *resource), now_ms);
        let mut all = Vec::new();
        for (resource, _, records) in &shown.committed.records {
            let told = Told { resource: *resource, owned: owners.get(resource) };
            for event in records.events.iter().filter(|event| is_shown(event.time_ms)) {
                all.push(told.event(event));
                if event.kind == SYSTEM_ALERT {
                    all.push(told.alert(&Alert::of_event(*resource, told.owned, event)));
                }
            }
            all.extend(records.checks.iter().filter(|check| is_shown(check.time_ms)).map(|check| told.check(check)));
            let is_told = |log: &&LogRecord| log.level >= Level::Warn && is_shown(log.time_ms);
            all.extend(records.logs.iter().filter(is_told).map(|log| told.log(log)));
        }
        if all.is_empty() {
            return false;
        }
        self.0.append(all, now_ms);
        true
    }

    /// Whether somebody listens to records, or may come back for them.
    fn is_followed(&self, now_ms: i64) -> bool {
        if self.0.followers.load(Ordering::Relaxed) > 0 {
            self.0.followed_ms.store(now_ms, Ordering::Relaxed);
            return true;
        }
        now_ms.saturating_sub(self.0.followed_ms.load(Ordering::Relaxed)) < AWAY_FOR_MS
    }

    /// Tells those whom the newest records are for that they are there.
    pub(super) fn wake_followers(&self) {
        let (records, before, newest) = {
            let rings = self.0.rings.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            let before = self.0.woken.swap(rings.newest(), Ordering::Relaxed);
            (rings.since(before), before, rings.newest())
        };
        if records.is_empty() {
            return;
        }
        let followers: Vec<_> = lock(&self.0.places).followers.values().map(Arc::clone).collect();
        for mailbox in followers {
            mailbox.offer(&records, before, newest);
        }
    }
}

/// Records of one resource on their way into a ring.
pub(super) struct Told<'a> {
    pub(super) resource: ResourceId,
    pub(super) owned: Option<&'a Owned>,
}

impl Told<'_> {
    pub(super) fn event(&self, event: &Event) -> Record {
        let body = EventPayload {
            event: EventRecord {
                time: event.time_ms,
                service: self.resource,
                kind: &event.kind,
                tenant: event.tenant.as_deref(),
                payload: payload(&event.payload),
            },
            event_type: &event.kind,
            timestamp: event.time_ms,
        };
        Record { event_type: event.kind.as_str().into(), ..self.record(Kind::Event, event.tenant.as_deref(), &body) }
    }

    pub(super) fn check(&self, check: &CheckResult) -> Record {
        let body = CheckPayload {
            check: CheckRecord {
                time: check.time_ms,
                resource: self.resource,
                name: &check.name,
                kind: &check.kind,
                target: &check.target,
                state: check.state.as_str(),
                success: check.is_success,
                latency_ms: check.latency_s.map(|latency| crate::number::concise(latency * 1_000.0)),
                detail: filled(&check.detail),
            },
        };
        self.record(Kind::Check, None, &body)
    }

    pub(super) fn log(&self, log: &LogRecord) -> Record {
        let body = LogPayload {
            log: LogLine {
                time: log.time_ms,
                service: self.resource,
                level: log.level.as_str(),
                message: &log.message,
                source: filled(&log.source),
                exception: log.exception.as_deref(),
                stack: filled(&log.stack),
                tenant: log.tenant.as_deref(),
                trace_id: log.trace_id.as_deref(),
            },
        };
        self.record(Kind::Log, log.tenant.as_deref(), &body)
    }

    pub(super) fn alert(&self, alert: &Alert) -> Record {
        self.record(Kind::Alert, alert.tenant.as_deref(), alert)
    }

    fn record(&self, kind: Kind, tenant: Option<&str>, body: &impl Serialize) -> Record {
        // What says nothing of a tenant belongs to that of its resource.
        let of_resource = || self.owned.and_then(|owned| owned.tenant.clone());
        Record {
            kind,
            tenant: tenant.map(Arc::from).or_else(of_resource),
            service: self.owned.and_then(|owned| owned.service.clone()),
            event_type: Box::default(),
            resource: self.resource,
            body: serde_json::to_string(body).expect("a record holds only text and numbers"),
        }
    }
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
