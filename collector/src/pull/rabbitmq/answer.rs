//! The shapes of the management API's answers, read tolerantly: a field that is absent or odd is unknown.

use serde::Deserialize;
use serde_json::Value;

use super::super::{
    PollError,
    parse::{self, number},
};

/// `/api/overview`.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Overview {
    /// Every broker tells it: an answer without it comes from something else.
    pub(super) rabbitmq_version: String,
    #[serde(default)]
    pub(super) cluster_name: Option<String>,
    #[serde(default)]
    pub(super) node: Option<String>,
    /// Whether the broker was told to keep no statistics.
    #[serde(default)]
    pub(super) disable_stats: bool,
    /// `{}` on a broker that has just started.
    #[serde(default)]
    pub(super) queue_totals: QueueTotals,
    #[serde(default)]
    pub(super) object_totals: ObjectTotals,
    /// `{}` on a broker that never carried a message.
    #[serde(default)]
    pub(super) message_stats: MessageStats,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct QueueTotals {
    #[serde(deserialize_with = "parse::maybe")]
    pub(super) messages: Option<f64>,
    #[serde(deserialize_with = "parse::maybe")]
    pub(super) messages_ready: Option<f64>,
    #[serde(deserialize_with = "parse::maybe")]
    pub(super) messages_unacknowledged: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct ObjectTotals {
    #[serde(deserialize_with = "parse::maybe")]
    pub(super) connections: Option<f64>,
    #[serde(deserialize_with = "parse::maybe")]
    pub(super) channels: Option<f64>,
    #[serde(deserialize_with = "parse::maybe")]
    pub(super) consumers: Option<f64>,
    #[serde(deserialize_with = "parse::maybe")]
    pub(super) queues: Option<f64>,
}

/// Rates that the broker computed over its own samples.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct MessageStats {
    publish_details: Rate,
    deliver_get_details: Rate,
    ack_details: Rate,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Rate {
    #[serde(deserialize_with = "parse::maybe")]
    rate: Option<f64>,
}

impl Rate {
    /// The rate. The broker tells a negative one for a moment when queues with their counts are deleted.
    fn of(self) -> Option<f64> {
        self.rate.filter(|rate| *rate >= 0.0)
    }
}

impl MessageStats {
    /// Messages published a second.
    pub(super) fn publish(&self) -> Option<f64> {
        self.publish_details.of()
    }

    /// Messages handed to consumers a second.
    pub(super) fn deliver(&self) -> Option<f64> {
        self.deliver_get_details.of()
    }

    /// Messages acknowledged a second.
    pub(super) fn ack(&self) -> Option<f64> {
        self.ack_details.of()
    }
}

/// One node of `/api/nodes`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Node {
    pub(super) name: String,
    #[serde(default)]
    pub(super) running: Option<bool>,
    #[serde(default, deserialize_with = "parse::maybe")]
    pub(super) mem_used: Option<f64>,
    #[serde(default, deserialize_with = "parse::maybe")]
    pub(super) mem_limit: Option<f64>,
    #[serde(default)]
    pub(super) mem_alarm: Option<bool>,
    #[serde(default, deserialize_with = "parse::maybe")]
    pub(super) disk_free: Option<f64>,
    #[serde(default, deserialize_with = "parse::maybe")]
    pub(super) disk_free_limit: Option<f64>,
    #[serde(default)]
    pub(super) disk_free_alarm: Option<bool>,
    #[serde(default, deserialize_with = "parse::maybe")]
    pub(super) fd_used: Option<f64>,
    #[serde(default, deserialize_with = "parse::maybe")]
    pub(super) fd_total: Option<f64>,
    /// In milliseconds.
    #[serde(default, deserialize_with = "parse::maybe")]
    pub(super) uptime: Option<f64>,
    /// Nodes that this one has lost: the cluster is split.
    #[serde(default)]
    pub(super) partitions: Vec<String>,
}

/// One queue.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) vhost: String,
    pub(super) kind: Option<String>,
    pub(super) state: Option<String>,
    pub(super) ready: Option<f64>,
    pub(super) unacked: Option<f64>,
    pub(super) total: Option<f64>,
    pub(super) consumers: Option<f64>,
    pub(super) memory: Option<f64>,
    pub(super) publish_rate: Option<f64>,
    pub(super) deliver_rate: Option<f64>,
    pub(super) ack_rate: Option<f64>,
}

/// One page of `/api/queues`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Page {
    pub(super) queues: Vec<Queue>,
    /// How many queues the user may see, before the filter.
    pub(super) total: usize,
    /// How many of them the filter lets through.
    pub(super) matching: usize,
    /// How many pages there are.
    pub(super) pages: usize,
}

impl Page {
    /// Reads a page, or the bare list of a broker that knows no paging.
    ///
    /// # Errors
    /// When it is neither.
    pub(super) fn read(value: Value) -> Result<Self, PollError> {
        let wrong = || PollError::bad_answer("/api/queues is no list of queues: is url the management API?");
        let (items, fields) = match value {
            Value::Array(items) => (items, None),
            Value::Object(mut fields) => match fields.remove("items") {
                Some(Value::Array(items)) => (items, Some(fields)),
                _ => return Err(wrong()),
            },
            _ => return Err(wrong()),
        };
        let count = |name: &str, otherwise: usize| {
            let told = fields.as_ref().and_then(|fields| fields.get(name)).and_then(Value::as_u64);
            told.and_then(|count| usize::try_from(count).ok()).unwrap_or(otherwise)
        };
        let all = items.len();
        let (total, matching, pages) = (count("total_count", all), count("filtered_count", all), count("page_count", 1));
        let queues: Vec<Queue> = items.iter().filter_map(Queue::read).collect();
        // Some of a foreign shape are left out; all of them are no list of queues.
        if queues.is_empty() && all > 0 { Err(wrong()) } else { Ok(Self { queues, total, matching, pages }) }
    }
}

impl Queue {
    fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let count = |name: &str| value.get(name).and_then(number).filter(|count| *count >= 0.0);
        let rate = |name: &str| number(value.get("message_stats")?.get(name)?.get("rate")?).filter(|rate| *rate >= 0.0);
        Some(Self {
            name: text("name")?,
            vhost: text("vhost")?,
            kind: text("type"),
            state: text("state"),
            ready: count("messages_ready"),
            unacked: count("messages_unacknowledged"),
            total: count("messages"),
            consumers: count("consumers"),
            memory: count("memory"),
            publish_rate: rate("publish_details"),
            deliver_rate: rate("deliver_get_details"),
            ack_rate: rate("ack_details"),
        })
    }

    /// How long until it is empty, in seconds, at the rates of this moment. Unknown while it does not shrink.
    pub(super) fn drain_s(&self) -> Option<f64> {
        let shrinking = self.ack_rate? - self.publish_rate.unwrap_or(0.0);
        (shrinking > 0.0).then(|| self.ready.map(|ready| ready / shrinking)).flatten()
    }
}
