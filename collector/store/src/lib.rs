//! History on disk, without HTTP or async: takes batches, keeps them exactly once, answers questions about them.
//!
//! One writer thread owns the connection that writes; the keeper thread tidies up behind it; queries run on the caller's
//! thread with a connection of their own. `docs/STORE.md` explains the file.
//!
//! Bounded: the queue of batches ([`Options::queue_max`]), samples in memory ([`Options::head_bytes_max`]), decoded columns
//! ([`Options::cache_bytes_max`]), resources, series, and the points of an answer.

mod accept;
mod agents;
mod blocks;
mod books;
mod cache;
mod catalog;
mod codec;
mod error;
mod fold;
mod gather;
mod head;
mod journal;
mod keeper;
mod merge;
mod model;
mod query;
mod records;
mod replay;
mod retain;
mod rollup;
mod schema;
mod seal;
mod shared;
mod store;
mod tiers;
mod writer;

pub use error::{CommitError, QueryError, Refused, StoreError};
pub use model::{
    Across, Aggregate, Answer, Before, CheckSummary, Committed, Completeness, Done, Endpoint, ErrorBucket, ErrorType, EventQuery,
    Incoming, Kept, LogQuery, Outcome, Query, QuerySeries, RecordRange, ResourceId, ResourceInfo, SeriesId, SeriesInfo, Stats,
    Stored, TableIds, TenantTotals, Tier, Totals,
};
pub use store::Store;

/// Points a series when a query does not say.
pub const POINTS_DEFAULT: u32 = 500;
/// Most points a series of one answer: more than any screen is wide.
pub const POINTS_MAX: u32 = 5_000;
/// Most series that one query may read.
pub const QUERY_SERIES_MAX: usize = 10_000;
/// Most records, endpoints, tenants or types of one answer: more than anybody reads on one page.
pub const RECORDS_MAX: usize = 1_000;

/// How the store is to work; the defaults suit a collector of any size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long samples are kept as taken, in milliseconds.
    pub raw_retention_ms: i64,
    /// How long one-minute rollups are kept, in milliseconds.
    pub minute_retention_ms: i64,
    /// How long one-hour rollups are kept, in milliseconds.
    pub hour_retention_ms: i64,
    /// How long requests, errors, events and checks are counted by the minute, in milliseconds; at least as long as raw
    /// samples are kept.
    pub count_minute_retention_ms: i64,
    /// How long they are counted by the hour, in milliseconds.
    pub count_hour_retention_ms: i64,
    /// How long the endpoints of each tenant are counted by the hour, in milliseconds; by the minute they are kept as long
    /// as raw samples.
    pub detail_hour_retention_ms: i64,
    /// How long the latest requests of each minute are kept, in milliseconds.
    pub recent_retention_ms: i64,
    /// How long the slowest requests of each hour are kept, in milliseconds.
    pub slow_retention_ms: i64,
    /// How long the newest error of each type and hour is kept, in milliseconds.
    pub error_retention_ms: i64,
    /// How long log records are kept, in milliseconds.
    pub log_retention_ms: i64,
    /// How long events are kept, in milliseconds.
    pub event_retention_ms: i64,
    /// How long results of checks are kept, in milliseconds.
    pub check_retention_ms: i64,
    /// Most log records; beyond it the oldest go.
    pub log_rows_max: u64,
    /// Most events; beyond it the oldest go.
    pub event_rows_max: u64,
    /// Most results of checks; beyond it the oldest go.
    pub check_rows_max: u64,
    /// Memory at which samples are sealed before their time, in bytes.
    pub head_bytes_max: usize,
    /// How long samples stay in memory before they are sealed, in milliseconds.
    pub seal_after_ms: i64,
    /// Most batches that wait for a commit; beyond it [`CommitError::Busy`].
    pub queue_max: usize,
    /// Most memory for folds that queries may use again, in bytes.
    pub cache_bytes_max: usize,
    /// Largest file, in bytes; beyond it commits fail as on a full disk until retention makes room. 0 for no limit.
    pub file_bytes_max: u64,
    /// Most resources.
    pub resources_max: usize,
    /// Most series over all resources, those of the past included.
    pub series_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            raw_retention_ms: 48 * 3_600_000,
            minute_retention_ms: 30 * 86_400_000,
            hour_retention_ms: 730 * 86_400_000,
            count_minute_retention_ms: 7 * 86_400_000,
            count_hour_retention_ms: 365 * 86_400_000,
            detail_hour_retention_ms: 30 * 86_400_000,
            recent_retention_ms: 2 * 86_400_000,
            slow_retention_ms: 7 * 86_400_000,
            error_retention_ms: 30 * 86_400_000,
            log_retention_ms: 14 * 86_400_000,
            event_retention_ms: 30 * 86_400_000,
            check_retention_ms: 30 * 86_400_000,
            log_rows_max: 1_000_000,
            event_rows_max: 1_000_000,
            check_rows_max: 2_000_000,
            head_bytes_max: 64 << 20,
            seal_after_ms: 600_000,
            queue_max: 8_192,
            cache_bytes_max: 12 << 20,
            file_bytes_max: 0,
            resources_max: farol_shared::limit::COLLECTOR_RESOURCES_MAX,
            series_max: 4_000_000,
        }
    }
}
