//! Records on disk: requests, errors, logs, events and checks.
//!
//! In come the records of a batch, in the transaction of that batch: one row a resource and frame in `pending`. The keeper
//! folds what is pending into the tables where it stays, and rolls minutes up; questions read both in one view, so that what
//! was acknowledged is told at once and once.
//!
//! *Invariants*: a record is pending or folded, never both, as it moves in one transaction; only the keeper changes what is
//! folded; five minutes and hours are a function of their minutes, and what is not made yet stands in `due`.
//!
//! Bounded: every list by a constant below, time by [`crate::Options`], what waits by [`PENDING_BYTES_MAX`].

mod ask;
mod bucket;
mod counts;
mod errors;
mod fold;
mod kept;
mod list;
mod pending;
mod retain;
mod roll;
mod snapshot;
mod span;
mod sum;
mod tally;
mod text;
mod top;
mod values;
mod view;

pub(crate) use fold::Folder;
pub(crate) use pending::Pending;

/// Bytes that wait for folding at which batches are turned away: folding does not keep up. The keeper works through it in
/// a few seconds.
pub(crate) const PENDING_BYTES_MAX: u64 = 64 << 20;

/// Endpoints of one service and minute (or hour) that are kept apart: twice the routes of an agent, for several agents and
/// methods. The rest is `(other)`.
const ROUTES_MAX: usize = 1_000;

/// Tenants of one service and minute (or hour) that are kept apart; the least busy and least slow make room and are
/// `(other)`. With any skew worth a list, the ten on a page are far above the thousandth.
const TENANTS_MAX: usize = 1_000;

/// Pairs of tenant and endpoint of one service and minute (or hour) that are kept apart; the rest is the tenant's `(other)`.
const TENANT_ROUTES_MAX: usize = 10_000;

/// Different statuses of one service and minute; further ones count as their hundred.
const STATUSES_MAX: usize = 100;

/// Types of events, or of errors by origin, or checks, of one service and minute; the rest is `(other)`.
const KINDS_MAX: usize = 500;

/// Latest requests that are kept whole of one service and minute: what a page shows.
const RECENT_MAX: usize = 100;

/// Slow requests that are kept whole of one service and hour: the slowest.
const SLOW_MAX: usize = 100;

/// Samples of errors (type, origin and tenant) that are kept of one service and hour; the rest shares `(other)`.
const ERROR_SAMPLES_MAX: usize = 500;
