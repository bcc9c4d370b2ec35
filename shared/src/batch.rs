//! A batch: frames with their key, complete in itself; the unit of delivery.
//!
//! The tables (resources and their series) are one opaque byte string inside the batch. They change rarely, so the
//! agent encodes them once and the collector recognises them by comparing bytes, without decoding a single name.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::{frame::Frame, metric::Kind, resource::Resource};

/// The unit of delivery. (agent, boot, seq) makes a repeat visible.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Identity of the agent, stable over its restarts; at most [`crate::limit::KEY_BYTES_MAX`] bytes.
    pub agent: String,
    /// Random number of this run of the agent.
    pub boot: u64,
    /// Number of the batch in this run, from 1, without gaps as long as nothing is lost.
    pub seq: u64,
    /// The agent's sampling interval at this moment, in milliseconds.
    pub interval_ms: u64,
    /// Samples and records taken in this run up to and including this batch, delivered or not. Makes a loss visible.
    pub taken: u64,
    /// Samples lost in this run so far, by cause.
    #[serde(default)]
    pub lost: Vec<Lost>,
    /// [`Tables`], encoded by [`crate::wire::encode_tables`].
    pub tables: ByteBuf,
    /// What was read, oldest first.
    pub frames: Vec<Frame>,
}

impl Batch {
    /// How many samples and records the batch carries.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.frames.iter().map(Frame::samples).sum()
    }
}

/// How many samples were lost in one run of an agent, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// What the samples were lost to.
    pub cause: LostCause,
    /// How many, since the run began.
    pub samples: u64,
}

/// Why samples were lost between reading and storing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LostCause {
    /// The spool was full, the oldest batches made room.
    SpoolFull,
    /// The spool's disk failed or a record on it was damaged.
    SpoolDamaged,
    /// The collector refused the batch for good.
    Refused,
    /// A cause that this version does not know.
    #[serde(other)]
    Unknown,
}

/// The resources of a batch with their series, in the order in which frames carry their rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tables(pub Vec<Table>);

/// One resource and its series, in the order in which rows carry their values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// What the series belong to.
    pub resource: Resource,
    /// The series, in the order of the row's values.
    pub series: Vec<SeriesKey>,
}

/// What tells one series of a resource from the others. On the wire an array of four.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "SeriesTuple", into = "SeriesTuple")]
pub struct SeriesKey {
    /// Name of the metric.
    pub metric: String,
    /// Unit in UCUM notation.
    pub unit: String,
    /// Gauge or counter.
    pub kind: Kind,
    /// Attributes by key, sorted.
    pub attributes: Vec<(String, String)>,
}

type SeriesTuple = (String, String, u8, Vec<(String, String)>);

impl From<SeriesTuple> for SeriesKey {
    fn from((metric, unit, kind, mut attributes): SeriesTuple) -> Self {
        attributes.sort_unstable();
        // A kind from a later version is shown as it is: a gauge never turns a value into a rate.
        Self { metric, unit, kind: Kind::from_code(kind).unwrap_or(Kind::Gauge), attributes }
    }
}

impl From<SeriesKey> for SeriesTuple {
    fn from(key: SeriesKey) -> Self {
        (key.metric, key.unit, key.kind.code(), key.attributes)
    }
}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kind {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.code().cmp(&other.code())
    }
}
