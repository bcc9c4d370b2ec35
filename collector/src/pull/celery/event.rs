//! What arrives on Celery's event exchange: an envelope (on Redis) or a bare body (on AMQP), and the events in it.
//!
//! Arguments, results and tracebacks of tasks hold whatever an application handles: they are skipped while decoding and never
//! become a value here. A body that is not JSON (YAML, MessagePack, pickle) is refused unread: pickle runs code.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use farol_shared::limit;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::exception::Exception;

/// Largest message that is decoded, in bytes. A buffer of 24 events whose arguments Celery cuts at 1 KiB each fits many times.
pub(super) const MESSAGE_BYTES_MAX: usize = 2 << 20;

/// Most events of one message. Workers send 24 at once; an own buffer size may be larger.
const EVENTS_MAX: usize = 10_000;

/// Longest id of a task that is kept, in bytes. Celery makes UUIDs; applications may make their own.
const ID_BYTES_MAX: usize = 128;

/// Why a message is not counted as events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Its content type is not JSON.
    NotJson,
    /// It is no event, or too large.
    Malformed,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    /// Name of the worker, or of the process that sent a task.
    pub hostname: String,
    /// Process id of it.
    pub pid: u32,
    /// Lamport clock of the worker: orders events of one time.
    pub clock: u64,
    /// When it happened by the clock of its machine, in seconds since the epoch.
    pub time_s: f64,
    /// What happened.
    pub what: What,
}

/// What an event tells.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// A worker is there.
    Beat(Beat),
    /// A worker says that it goes.
    Offline(Beat),
    /// A task went a step.
    Task {
        /// Its id.
        id: String,
        /// The step.
        step: Step,
    },
}

/// What a worker tells of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Beat {
    /// Whether it has just come up.
    pub is_first: bool,
    /// How often it tells, in seconds.
    pub every_s: f64,
    /// Tasks that it runs now.
    pub active: Option<u64>,
    /// Runs that it has accepted since it started.
    pub processed: Option<u64>,
    /// Its machine's load over one minute.
    pub load: Option<f64>,
    /// Version of Celery.
    pub version: Option<String>,
}

/// A step of a task.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Sent by an application to a queue.
    Sent {
        /// Name of the task.
        name: String,
        /// Queue that it was sent to.
        queue: Option<String>,
    },
    /// A worker holds it.
    Received {
        /// Name of the task.
        name: String,
    },
    /// Runs.
    Started,
    /// Ended well, after so many seconds.
    Succeeded(Option<f64>),
    /// Ended badly.
    Failed(Exception),
    /// Ended badly and will be tried again.
    Retried(Exception),
    /// Was refused by the worker.
    Rejected,
    /// Was called back, perhaps while it ran.
    Revoked,
}

#[derive(Deserialize)]
struct Envelope {
    body: String,
    #[serde(rename = "content-type")]
    content_type: Option<String>,
    #[serde(default)]
    properties: Properties,
}

#[derive(Deserialize, Default)]
struct Properties {
    body_encoding: Option<String>,
}

/// Fields of all events; what is not named here is skipped while reading.
#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "type")]
    kind: String,
    hostname: String,
    #[serde(default)]
    timestamp: f64,
    #[serde(default)]
    pid: Option<u32>,
    #[serde(default)]
    clock: Option<u64>,
    uuid: Option<String>,
    name: Option<String>,
    queue: Option<String>,
    runtime: Option<f64>,
    exception: Option<String>,
    freq: Option<f64>,
    active: Option<u64>,
    processed: Option<u64>,
    loadavg: Option<Vec<f64>>,
    sw_ver: Option<String>,
}

/// Reads a message of a Redis channel.
pub(super) fn from_redis(message: &[u8]) -> Result<Vec<Event>, Refused> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(Refused::Malformed);
    }
    let envelope: Envelope = serde_json::from_slice(message).map_err(|_| Refused::Malformed)?;
    let content_type = envelope.content_type.as_deref();
    match envelope.properties.body_encoding.as_deref() {
        Some("base64") => {
            let body = STANDARD.decode(envelope.body.as_bytes()).map_err(|_| Refused::Malformed)?;
            from_body(content_type, &body)
        }
        _ => from_body(content_type, envelope.body.as_bytes()),
    }
}

/// Reads the body of a message. Without a content type it is taken for JSON.
pub(super) fn from_body(content_type: Option<&str>, body: &[u8]) -> Result<Vec<Event>, Refused> {
    if content_type.is_some_and(|word| word != "application/json") {
        return Err(Refused::NotJson);
    }
    if body.len() > MESSAGE_BYTES_MAX {
        return Err(Refused::Malformed);
    }
    // Task events come as a list (routing key `task.multi`), those of workers and of senders alone.
    let is_list = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let raws: Vec<&RawValue> = if is_list {
        serde_json::from_slice(body).map_err(|_| Refused::Malformed)?
    } else {
        vec![serde_json::from_slice(body).map_err(|_| Refused::Malformed)?]
    };
    if raws.len() > EVENTS_MAX {
        return Err(Refused::Malformed);
    }
    let events: Vec<Event> = raws.iter().filter_map(|raw| event(raw.get())).collect();
    let is_nothing = events.is_empty() && !raws.is_empty() && raws.iter().all(|raw| is_malformed(raw.get()));
    if is_nothing { Err(Refused::Malformed) } else { Ok(events) }
}

/// An event of an unknown type is no fault: applications send their own.
fn is_malformed(raw: &str) -> bool {
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "type")]
        _kind: String,
        #[serde(rename = "hostname")]
        _hostname: IgnoredAny,
    }
    serde_json::from_str::<Named>(raw).is_err()
}

fn event(raw: &str) -> Option<Event> {
    let wire: Wire = serde_json::from_str(raw).ok()?;
    let what = what(&wire)?;
    Some(Event {
        hostname: name(wire.hostname)?,
        pid: wire.pid.unwrap_or(0),
        clock: wire.clock.unwrap_or(0),
        time_s: Some(wire.timestamp).filter(|time| (0.0..1e11).contains(time))?,
        what,
    })
}

fn what(wire: &Wire) -> Option<What> {
    let beat = |is_first| Beat {
        is_first,
        every_s: wire.freq.filter(|every| (0.1..=3_600.0).contains(every)).unwrap_or(2.0),
        active: wire.active,
        processed: wire.processed,
        load: wire.loadavg.as_ref().and_then(|loads| loads.first().copied()).filter(|load| load.is_finite()),
        version: wire.sw_ver.as_deref().map(|version| cut(version, 32).to_owned()),
    };
    let exception = || Exception::of(wire.exception.as_deref().unwrap_or_default());
    let name = || wire.name.clone().and_then(name);
    let step = match wire.kind.as_str() {
        "worker-online" => return Some(What::Beat(beat(true))),
        "worker-heartbeat" => return Some(What::Beat(beat(false))),
        "worker-offline" => return Some(What::Offline(beat(false))),
        "task-sent" => Step::Sent { name: name()?, queue: wire.queue.clone().and_then(self::name) },
        "task-received" => Step::Received { name: name()? },
        "task-started" => Step::Started,
        "task-succeeded" => Step::Succeeded(wire.runtime.filter(|runtime| runtime.is_finite() && *runtime >= 0.0)),
        "task-failed" => Step::Failed(exception()),
        "task-retried" => Step::Retried(exception()),
        "task-rejected" => Step::Rejected,
        "task-revoked" => Step::Revoked,
        _ => return None,
    };
    let id = wire.uuid.as_deref().filter(|id| !id.is_empty())?;
    Some(What::Task { id: cut(id, ID_BYTES_MAX).to_owned(), step })
}

/// A name as it is shown and kept: bounded, one line, not empty.
pub(super) fn name(text: String) -> Option<String> {
    let text = if text.len() > limit::VALUE_BYTES_MAX { cut(&text, limit::VALUE_BYTES_MAX).to_owned() } else { text };
    let is_plain = !text.chars().any(char::is_control);
    let text = if is_plain { text } else { text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect() };
    (!text.is_empty()).then_some(text)
}

fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

#[cfg(test)]
mod tests;
