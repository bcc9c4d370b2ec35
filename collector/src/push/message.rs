//! The envelope of live messages, both ways: `{"message_type", "payload", "timestamp"}`.

use std::collections::BTreeMap;

use axum::extract::ws::Utf8Bytes;
use farol_store::SeriesId;
use serde::{Deserialize, Serialize};

use super::panel::Panel;
use crate::{
    access::View,
    live::{Fresh, Line},
    number,
};

/// What a listener may send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inbound {
    /// Who it is.
    Auth { token: String },
    /// What it wants to hear; these rooms and no others.
    Subscription(Wanted),
    /// That it lives.
    Heartbeat,
}

/// What a `Subscription` asks for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Names of rooms.
    pub(super) rooms: Vec<String>,
    /// Of `Event` messages only those of these types; all when empty.
    pub(super) event_types: Vec<String>,
    /// The tenant that all is narrowed to.
    pub(super) tenant_id: Option<String>,
    /// Number of the last record that the listener saw on an earlier connection.
    pub(super) after: Option<u64>,
    /// The start of the collector that this number is of, if the listener says so.
    pub(super) stream: Option<String>,
}

/// Most types of events that a subscription may name.
const EVENT_TYPES_MAX: usize = 100;

/// Why a message of a listener is not understood.
#[derive(Debug, thiserror::Error)]
pub(super) enum InboundError {
    /// Not JSON, or not the envelope.
    #[error(
        "a message must be a JSON object with message_type and payload; rooms and event_types are lists of texts, after is a number"
    )]
    Malformed(#[source] serde_json::Error),
    /// A kind of message that nobody knows.
    #[error("message_type must be Auth, Subscription or Heartbeat")]
    UnknownType,
    /// The payload lacks what the kind needs.
    #[error("{0}")]
    Payload(&'static str),
}

#[derive(Deserialize)]
struct Envelope {
    message_type: String,
    // The time that a browser writes is text in one client and a number in another: nobody needs it.
    payload: Option<Payload>,
}

#[derive(Deserialize, Default)]
struct Payload {
    token: Option<String>,
    rooms: Option<Vec<String>>,
    event_types: Option<Vec<String>>,
    tenant_id: Option<String>,
    after: Option<u64>,
    stream: Option<String>,
}

/// Reads a message of a listener.
pub(super) fn parse(text: &str) -> Result<Inbound, InboundError> {
    let envelope: Envelope = serde_json::from_str(text).map_err(InboundError::Malformed)?;
    let payload = envelope.payload.unwrap_or_default();
    match envelope.message_type.as_str() {
        "Auth" => {
            let token = payload.token.ok_or(InboundError::Payload("payload.token is missing"))?;
            Ok(Inbound::Auth { token })
        }
        "Subscription" => {
            let rooms = payload.rooms.ok_or(InboundError::Payload("payload.rooms is missing"))?;
            let event_types = payload.event_types.unwrap_or_default();
            if event_types.len() > EVENT_TYPES_MAX {
                return Err(InboundError::Payload("payload.event_types names more than 100 types"));
            }
            // Clients with a form send what is not filled in as an empty text.
            let tenant_id = payload.tenant_id.filter(|tenant| !tenant.is_empty());
            Ok(Inbound::Subscription(Wanted { rooms, event_types, tenant_id, after: payload.after, stream: payload.stream }))
        }
        "Heartbeat" => Ok(Inbound::Heartbeat),
        _ => Err(InboundError::UnknownType),
    }
}

#[derive(Serialize)]
struct Outbound<'a, P> {
    message_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    payload: P,
    timestamp: i64,
}

pub(super) fn encode<P: Serialize>(message_type: &str, payload: P, timestamp: i64) -> Utf8Bytes {
    write(&Outbound { message_type, id: None, payload, timestamp })
}

/// The same with the number of the newest record that it knows of.
pub(super) fn numbered<P: Serialize>(message_type: &str, id: u64, payload: P, timestamp: i64) -> Utf8Bytes {
    write(&Outbound { message_type, id: Some(id), payload, timestamp })
}

fn write<P: Serialize>(envelope: &Outbound<'_, P>) -> Utf8Bytes {
    serde_json::to_string(envelope).expect("a message holds only text and numbers").into()
}

/// Lines of the overview.
pub(super) fn overview(lines: &[Line], now_ms: i64) -> Utf8Bytes {
    #[derive(Serialize)]
    struct Overview<'a> {
        room: &'a str,
        resources: &'a [Line],
    }
    encode("Metrics", Overview { room: "overview", resources: lines }, now_ms)
}

/// Values of one frame of a resource.
pub(super) fn values(fresh: &Fresh, now_ms: i64) -> Utf8Bytes {
    #[derive(Serialize)]
    struct Values<'a> {
        room: String,
        time: i64,
        generation: u64,
        #[serde(serialize_with = "number::pairs")]
        values: &'a [(SeriesId, f64)],
    }
    let room = super::Room::Resource(fresh.resource).to_string();
    encode("Metrics", Values { room, time: fresh.time_ms, generation: fresh.generation, values: &fresh.values }, now_ms)
}

/// The collector's own machine as `system_stats`: a shape of its own, that small panels expect.
pub(super) fn system(line: Option<&Line>, panel: &Panel) -> serde_json::Value {
    const MIB: f64 = 1024.0 * 1024.0;
    let percent = |ratio: Option<f64>| ratio.map(|ratio| (ratio * 1_000.0).round() / 10.0);
    let latest = line.map(|line| &line.latest);
    let ram = latest.and_then(|latest| latest.memory_used).map(|bytes| (bytes / MIB).round());
    let word = |is_online: &bool| if *is_online { "online" } else { "offline" };
    let services: BTreeMap<&str, &str> = panel.services.iter().map(|(service, is_online)| (*service, word(is_online))).collect();
    serde_json::json!({
        "event": "system_stats",
        "data": {
            "cpu": percent(latest.and_then(|latest| latest.cpu_ratio)),
            "ram": ram,
            "ram_percent": percent(latest.and_then(|latest| latest.memory_ratio)),
            "queue_size": panel.queue_size.map(number::concise),
            "services": services,
        },
    })
}

/// Says what a listener is told from now on, and the number of the newest record there is.
pub(super) fn subscribed(
    rooms: &[super::Room],
    view: &View,
    event_types: &[String],
    (stream, id): (&str, u64),
    now_ms: i64,
) -> Utf8Bytes {
    let rooms: Vec<String> = rooms.iter().map(super::Room::to_string).collect();
    let payload = serde_json::json!({ "rooms": rooms, "event_types": event_types, "tenant_id": view.tenant(), "stream": stream });
    numbered("Subscribed", id, payload, now_ms)
}

/// Says that a listener talks nearly too much.
pub(super) fn warning(detail: &str, now_ms: i64) -> Utf8Bytes {
    encode("Warning", serde_json::json!({ "detail": detail }), now_ms)
}

/// A sign of life.
pub(super) fn heartbeat(now_ms: i64) -> Utf8Bytes {
    encode("Heartbeat", serde_json::json!({}), now_ms)
}

/// What was wrong with a message of the listener.
pub(super) fn error(detail: &str, now_ms: i64) -> Utf8Bytes {
    encode("Error", serde_json::json!({ "detail": detail }), now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_older_clients_are_understood() {
        let auth = r#"{"message_type":"Auth","payload":{"token":"t"},"timestamp":"2026-01-01T00:00:00Z"}"#;
        assert_eq!(parse(auth).unwrap(), Inbound::Auth { token: "t".to_owned() });
        let rooms = r#"{"message_type":"Subscription","payload":{"rooms":["overview"],"event_types":[],"tenant_id":null}}"#;
        let wanted = Wanted { rooms: vec!["overview".to_owned()], ..Wanted::default() };
        assert_eq!(parse(rooms).unwrap(), Inbound::Subscription(wanted.clone()));
        let all = r#"{"message_type":"Subscription","payload":{"rooms":["overview"],"event_types":["A"],"tenant_id":"t","after":7,"stream":"s"}}"#;
        let wanted = Wanted {
            event_types: vec!["A".to_owned()],
            tenant_id: Some("t".to_owned()),
            after: Some(7),
            stream: Some("s".to_owned()),
            ..wanted
        };
        assert_eq!(parse(all).unwrap(), Inbound::Subscription(wanted));
        assert_eq!(parse(r#"{"message_type":"Heartbeat","payload":{},"timestamp":1}"#).unwrap(), Inbound::Heartbeat);
        assert_eq!(parse(r#"{"message_type":"Heartbeat"}"#).unwrap(), Inbound::Heartbeat);
    }

    #[test]
    fn what_is_no_message_is_told_so() {
        for text in ["", "[]", "{}", r#"{"message_type":"Auth"}"#, r#"{"message_type":"Shout","payload":{}}"#, "\u{0}"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_travel_as_pairs_with_nine_digits() {
        let fresh = Fresh { resource: 12, time_ms: 5, generation: 3, values: vec![(1, 2.0 / 3.0), (2, 1e15), (3, -0.1)] };
        assert_eq!(
            values(&fresh, 9).as_str(),
            r#"{"message_type":"Metrics","payload":{"room":"resource:12","time":5,"generation":3,"values":[[1,0.666666667],[2,1000000000000000.0],[3,-0.1]]},"timestamp":9}"#
        );
    }
}
