//! Snapshots: the newest records of a room from history, for those who cannot be told what they missed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::extract::ws::Utf8Bytes;
use farol_shared::record::Level;
use farol_store::{LogQuery, QueryError};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use super::{
    Push, RECORDS_SHOWN,
    alerts::{KEPT_FOR_MS, events, ranges},
    lock, message,
    owners::{All, sees},
    records::Told,
    ring::{Kind, Record, mark},
    room::Room,
};
use crate::access::View;

/// Most snapshots that are made at a time: after a restart everybody comes back at once.
const MADE_AT_ONCE_MAX: usize = 2;

/// For how long one serves all who ask for the same, in milliseconds.
const SERVES_FOR_MS: i64 = 1_000;

/// Most snapshots that are kept to serve others.
const KEPT_MAX: usize = 256;

/// A room's newest records.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) message: Utf8Bytes,
    /// What is in it, by mark: what of this is told by the rings as well, is not told twice.
    pub(super) marks: Arc<[u64]>,
    /// Everything up to this record is in it, as far as it is new enough.
    pub(super) upto: u64,
    made_ms: i64,
}

/// What a snapshot is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Of {
    pub(super) room: Room,
    pub(super) view: View,
    pub(super) event_types: Vec<Box<str>>,
}

/// Snapshots that were made a moment ago, and turns to make them.
#[derive(Debug)]
pub(super) struct Snapshots {
    turns: Semaphore,
    made: Mutex<HashMap<Of, Snapshot>>,
}

impl Default for Snapshots {
    fn default() -> Self {
        Self { turns: Semaphore::new(MADE_AT_ONCE_MAX), made: Mutex::default() }
    }
}

#[derive(Serialize)]
struct Payload<'a> {
    room: String,
    stream: &'a str,
    /// Newest first, each as its own message would tell it.
    records: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    message_type: &'static str,
    payload: Box<RawValue>,
}

impl Push {
    /// The snapshot of a room; `None` when history cannot be read.
    pub(super) async fn snapshot(&self, of: Of) -> Option<Snapshot> {
        let _turn = self.0.snapshots.turns.acquire().await.ok()?;
        let now_ms = self.0.clock.now_ms();
        if let Some(known) =
            lock(&self.0.snapshots.made).get(&of).filter(|known| now_ms.abs_diff(known.made_ms) <= SERVES_FOR_MS.unsigned_abs())
        {
            return Some(known.clone());
        }
        let (push, wanted) = (self.clone(), of.clone());
        let made = tokio::task::spawn_blocking(move || push.make(&wanted, now_ms)).await.ok()?;
        let made = made
            .map_err(|error| {
                tracing::warn!(target: "push", error = %farol_shared::report::chain(&error), "no snapshot of a room");
            })
            .ok()?;
        let mut kept = lock(&self.0.snapshots.made);
        kept.retain(|_, known| now_ms.abs_diff(known.made_ms) <= SERVES_FOR_MS.unsigned_abs());
        if kept.len() < KEPT_MAX {
            kept.insert(of, made.clone());
        }
        Some(made)
    }

    fn make(&self, of: &Of, now_ms: i64) -> Result<Snapshot, QueryError> {
        let (stream, upto) = self.0.position();
        let owners = self.0.owners.fresh(now_ms);
        let view = if let Room::Tenant(name) = &of.room { View::Tenant(Arc::clone(name)) } else { of.view.clone() };
        let mut newest: Vec<(i64, Record)> = Vec::new();
        for kind in Kind::ALL.into_iter().filter(|kind| of.room.tells(*kind)) {
            newest.extend(self.newest(kind, of, &view, &owners, now_ms)?);
        }
        if let Room::Service(name) = &of.room {
            newest.retain(|(_, record)| record.service.as_deref() == Some(&**name));
        }
        newest.sort_by_key(|(time_ms, _)| std::cmp::Reverse(*time_ms));
        newest.truncate(RECORDS_SHOWN);
        let marks = newest.iter().map(|(_, record)| mark(record.resource, &record.body)).collect();
        let shown = |(_, record): (i64, Record)| {
            let payload = RawValue::from_string(record.body).ok()?;
            Some(Shown { message_type: record.kind.message_type(), payload })
        };
        let records = newest.into_iter().filter_map(shown).collect();
        let payload = Payload { room: of.room.to_string(), stream: &stream, records };
        Ok(Snapshot { message: message::numbered("Snapshot", upto, payload, now_ms), marks, upto, made_ms: now_ms })
    }

    fn newest(&self, kind: Kind, of: &Of, view: &View, owners: &All, now_ms: i64) -> Result<Vec<(i64, Record)>, QueryError> {
        let (from_ms, to_ms) = (now_ms - KEPT_FOR_MS, now_ms + 1);
        let told = |resource| Told { resource, owned: owners.get(&resource) };
        let store = &self.0.store;
        let mut newest = Vec::new();
        match kind {
            Kind::Event => {
                let Some(kinds) = types(of) else { return Ok(newest) };
                for (resource, event) in events(store, &kinds, (from_ms, to_ms), view, owners, self.max_of(&of.room))? {
                    newest.push((event.time_ms, told(resource).event(&event)));
                }
            }
            Kind::Log => {
                for range in ranges(view, owners, from_ms, to_ms) {
                    let is_named = range.tenant.is_some() || *view == View::Whole;
                    let question = LogQuery { range, least: Level::Warn, limit: self.max_of(&of.room), ..LogQuery::default() };
                    for log in store.logs(&question)? {
                        if is_named || log.record.tenant.is_none() {
                            newest.push((log.record.time_ms, told(log.resource).log(&log.record)));
                        }
                    }
                }
            }
            Kind::Check => {
                // Checks name no tenant.
                let range = farol_store::RecordRange { from_ms, to_ms, ..farol_store::RecordRange::default() };
                let found = store.check_results(&range, None, farol_store::RECORDS_MAX)?;
                for check in found.into_iter().filter(|check| sees(view, owners, check.resource)).take(RECORDS_SHOWN) {
                    newest.push((check.record.time_ms, told(check.resource).check(&check.record)));
                }
            }
            Kind::Alert => {
                // Reads the same history; that it cannot be read was told above.
                let alerts = self.alerts(from_ms, to_ms, view, RECORDS_SHOWN).unwrap_or_default();
                newest.extend(alerts.iter().map(|alert| (alert.timestamp, told(alert.resource).alert(alert))));
            }
        }
        Ok(newest)
    }

    /// How many records are read to find those of a room: of a service's room, others are among them.
    #[expect(clippy::unused_self, reason = "reads as a question to the stage")]
    fn max_of(&self, room: &Room) -> usize {
        if matches!(room, Room::Service(_)) { farol_store::RECORDS_MAX } else { RECORDS_SHOWN }
    }
}

/// Types of the events that are wanted, all when empty; `None` when none is.
fn types(of: &Of) -> Option<Vec<String>> {
    let of_room = of.room.event_types()?;
    if of.event_types.is_empty() {
        return Some(of_room);
    }
    let is_of_room = |kind: &str| of_room.is_empty() || of_room.iter().any(|known| known == kind);
    let both: Vec<String> = of.event_types.iter().filter(|kind| is_of_room(kind)).map(|kind| kind.to_string()).collect();
    (!both.is_empty()).then_some(both)
}
