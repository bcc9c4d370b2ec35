//! What the store takes and gives: batches, commits, resources, series, queries, completeness, figures about itself.

use std::{sync::Arc, time::Duration};

use farol_shared::{
    batch::{Batch, LostCause, SeriesKey},
    frame::Frame,
    metric::Kind,
    record::Records,
    resource::Resource,
};

mod records;

pub use records::{
    Before, CheckSummary, Endpoint, ErrorBucket, ErrorType, EventQuery, Kept, LogQuery, RecordRange, Stored, TenantTotals, Totals,
};

/// Number of a resource within one history; never used again for another.
pub type ResourceId = u32;

/// Number of a series within one history; never used again for another.
pub type SeriesId = u32;

/// What is handed to [`crate::Store::submit`]: a batch that passed [`farol_shared::wire::decode`].
pub type Incoming = Batch;

/// Called once with the fate of a batch, on the store's writer thread: it must be quick and must not block.
pub type Done = Box<dyn FnOnce(Result<Outcome, crate::CommitError>) + Send>;

/// What became of a batch that was accepted.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It is on disk.
    Stored(Arc<Committed>),
    /// It was on disk before; everything up to `seq` of this boot is.
    Repeated {
        /// Latest number on disk.
        seq: u64,
    },
}

/// A batch on disk, with names resolved to numbers: what live push needs.
#[derive(Debug)]
pub struct Committed {
    /// The agent.
    pub agent: Arc<str>,
    /// Its run.
    pub boot: u64,
    /// The batch's number; everything up to it is on disk.
    pub seq: u64,
    /// The agent's sampling interval in milliseconds.
    pub interval_ms: u64,
    /// One entry a resource, in the order of each frame's rows.
    pub resources: Vec<Arc<TableIds>>,
    /// The values, oldest first; rows in the order of `resources`. Their records are in `records`.
    pub frames: Vec<Frame>,
    /// What the frames told besides values: resource, time of the frame in milliseconds, records.
    pub records: Vec<(ResourceId, i64, Records)>,
}

/// The numbers of a resource and its series, in the order of a row's values. The same allocation is handed out
/// until the agent's tables change, so that a pointer comparison tells whether anything did.
#[derive(Debug, PartialEq, Eq)]
pub struct TableIds {
    /// The resource.
    pub resource: ResourceId,
    /// One number a column.
    pub series: Arc<[SeriesId]>,
    /// What each column is; shared between all resources with the same columns.
    pub keys: Arc<[Arc<SeriesKey>]>,
}

/// A resource that the store knows.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceInfo {
    /// Its number.
    pub id: ResourceId,
    /// As its agent described it last.
    pub resource: Arc<Resource>,
    /// The agent that reported it last.
    pub agent: Arc<str>,
    /// Time of its first sample, in milliseconds.
    pub first_seen_ms: i64,
    /// Time of its newest sample, in milliseconds.
    pub last_seen_ms: i64,
    /// Its agent's sampling interval, in milliseconds.
    pub interval_ms: u64,
}

/// A series that the store knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesInfo {
    /// Its number; 0 for the sum, mean or maximum over several series.
    pub id: SeriesId,
    /// Its resource; 0 for the sum, mean or maximum over several series.
    pub resource: ResourceId,
    /// Metric, unit, kind and attributes.
    pub key: Arc<SeriesKey>,
    /// When it was first reported, in milliseconds (to the second).
    pub first_seen_ms: i64,
    /// When it was last reported, in milliseconds (to the second).
    pub last_seen_ms: i64,
}

impl SeriesInfo {
    /// Name of the metric.
    #[must_use]
    pub fn metric(&self) -> &str {
        &self.key.metric
    }

    /// Unit in UCUM notation.
    #[must_use]
    pub fn unit(&self) -> &str {
        &self.key.unit
    }

    /// Gauge or counter.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.key.kind
    }

    /// Attributes by key, sorted.
    #[must_use]
    pub fn attributes(&self) -> &[(String, String)] {
        &self.key.attributes
    }
}

/// How the samples of one step become one point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aggregate {
    /// Mean of the samples; of a counter, half-way between its first and last value.
    #[default]
    Mean,
    /// Smallest sample.
    Min,
    /// Largest sample.
    Max,
    /// Sum of the samples; of a counter, its increase.
    Sum,
    /// Newest sample.
    Last,
    /// How many samples.
    Count,
    /// Increase by second, over the time that the samples cover. Of a gauge, its change by second.
    Rate,
    /// Increase, resets handled: a value below its predecessor counts from zero. Of a gauge, its change.
    Increase,
    /// The samples as they were taken, with their own times; `step_ms` is ignored.
    Raw,
}

/// How several series become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Across {
    /// They stay apart.
    #[default]
    None,
    /// Sum of those that have a point in the step.
    Sum,
    /// Mean of those that have a point in the step.
    Mean,
    /// Largest of those that have a point in the step.
    Max,
}

/// A question about history.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Name of the metric.
    pub metric: String,
    /// Of which resources; empty means all.
    pub resources: Vec<ResourceId>,
    /// Attributes that the series must have, with these values.
    pub attributes: Vec<(String, String)>,
    /// Start, inclusive, in milliseconds since the epoch.
    pub from_ms: i64,
    /// End, exclusive, in milliseconds since the epoch.
    pub to_ms: i64,
    /// Distance of points in milliseconds; 0 lets the store choose one so that `max_points` suffice.
    pub step_ms: i64,
    /// How the samples of a step become a point.
    pub aggregate: Aggregate,
    /// How several series become one.
    pub across: Across,
    /// Most points a series; 0 means [`crate::POINTS_DEFAULT`], at most [`crate::POINTS_MAX`].
    pub max_points: u32,
}

/// From what kind of columns an answer was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Samples as they were taken.
    Raw,
    /// One-minute rollups.
    Minute,
    /// One-hour rollups.
    Hour,
}

impl Tier {
    /// The word for the tier in the API: `raw`, `1m`, `1h`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Minute => "1m",
            Self::Hour => "1h",
        }
    }
}

/// The answer to a [`Query`].
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Start of the first step, in milliseconds.
    pub from_ms: i64,
    /// End of the last step, in milliseconds.
    pub to_ms: i64,
    /// The step used, in milliseconds; 0 for [`Aggregate::Raw`].
    pub step_ms: i64,
    /// The coarsest columns that it was made from.
    pub tier: Tier,
    /// One entry a series, in the order of resource and series number; series without a point are absent.
    pub series: Vec<QuerySeries>,
}

/// One series of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct QuerySeries {
    /// Which series; with [`Across`] a made-up one with number 0 and the attributes that all have in common.
    pub series: Arc<SeriesInfo>,
    /// (start of the step in milliseconds, value), in time order; steps without a sample are absent.
    pub points: Vec<(i64, f64)>,
}

/// The books of one agent over a stretch of time: what should be there and what is. A record counts as a sample.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Completeness {
    /// The agent.
    pub agent: Arc<str>,
    /// How many of its runs delivered something in the stretch.
    pub boots: u32,
    /// Samples that it took, by its own count.
    pub expected: u64,
    /// Samples that are in history.
    pub stored: u64,
    /// Of those, how many came when their stretch was already sealed.
    pub late: u64,
    /// Samples that came again and were dropped.
    pub repeated: u64,
    /// Samples that came when raw samples of their age are no longer kept, and were dropped.
    pub expired: u64,
    /// Samples that the agent says it lost, by cause, without those of zero.
    pub lost: Vec<(LostCause, u64)>,
    /// Time of its newest sample within the stretch, in milliseconds.
    pub newest_ms: i64,
}

impl Completeness {
    /// Samples taken that are neither stored, expired nor accounted for by the agent: 0 when nothing is missing.
    /// Samples on their way (in the agent's spool) are not expected yet.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let lost: u64 = self.lost.iter().map(|(_, samples)| samples).sum();
        self.expected.saturating_sub(self.stored + self.expired + lost)
    }
}

/// Figures about the store itself, since it was opened unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stats {
    /// Batches on disk.
    pub batches: u64,
    /// Batches that came again.
    pub repeated: u64,
    /// Batches refused for good.
    pub refused: u64,
    /// Batches turned away because the queue was full or the disk failed.
    pub busy: u64,
    /// Samples and records stored.
    pub samples: u64,
    /// Samples and records dropped because raw samples of their age are no longer kept.
    pub expired: u64,
    /// Transactions that put batches on disk.
    pub commits: u64,
    /// Time spent in those transactions, in seconds.
    pub commit_seconds: f64,
    /// Batches waiting now.
    pub queue_depth: u64,
    /// Samples in memory now, not yet sealed.
    pub head_samples: u64,
    /// Memory that they take now, in bytes.
    pub head_bytes: u64,
    /// Size of the database and its write-ahead log now, in bytes.
    pub disk_bytes: u64,
    /// Resources known now.
    pub resources: u64,
    /// Series known now.
    pub series: u64,
    /// Blocks written by sealing.
    pub sealed: u64,
    /// Blocks written by merging.
    pub merged: u64,
    /// Commit failures because of the disk.
    pub disk_failures: u64,
    /// Records that wait for folding now, in bytes.
    pub pending_bytes: u64,
    /// Groups of records folded: one a resource and frame, more when there are many events or logs.
    pub folded: u64,
    /// Log records, events and results of checks deleted before their time because there were too many.
    pub capped: u64,
    /// Whether the last attempt to write succeeded.
    pub is_writable: bool,
    /// How long the writer has been at what it does now; zero while it waits for work. A disk that does not answer lets it grow.
    pub at_work: Duration,
}
