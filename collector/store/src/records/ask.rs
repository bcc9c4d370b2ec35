//! The store's answers about records.

use farol_shared::record::{CheckResult, Event, LogRecord, Request};

use super::{
    counts::By,
    errors,
    kept::{self, Sort},
    list, snapshot, view,
};
use crate::{
    RECORDS_MAX,
    error::QueryError,
    model::{
        CheckSummary, Endpoint, ErrorBucket, ErrorType, EventQuery, Kept, LogQuery, RecordRange, ResourceId, Stored,
        TenantTotals, Totals,
    },
    store::Store,
};

/// Every answer counts records that are not folded yet, so that what was acknowledged is told at once.
impl Store {
    /// The latest requests, newest first; at most [`crate::RECORDS_MAX`].
    ///
    /// # Errors
    /// [`QueryError`] when the history cannot be read.
    pub fn recent_requests(&self, range: &RecordRange, limit: usize) -> Result<Vec<Stored<Request>>, QueryError> {
        view::with(self.shared(), range, |view| kept::read(view, Sort::Recent, limit.min(RECORDS_MAX)))
    }

    /// The slowest requests, slowest first; at most [`crate::RECORDS_MAX`].
    ///
    /// # Errors
    /// [`QueryError`] when the history cannot be read.
    pub fn slow_requests(&self, range: &RecordRange, limit: usize) -> Result<Vec<Stored<Request>>, QueryError> {
        view::with(self.shared(), range, |view| kept::read(view, Sort::Slow, limit.min(RECORDS_MAX)))
    }

    /// All requests added up.
    ///
    /// # Errors
    /// [`QueryError`] when the history cannot be read.
    pub fn request_totals(&self, range: &RecordRange) -> Result<Totals, QueryError> {
        view::with(self.shared(), range, |view| view.totals())
    }

    /// Requests added up by step, aligned to it; steps without any are absent.
    ///
    /// # Errors
    /// [`QueryError`] when the step is no positive multiple of a minute or makes too many points.
    pub fn request_steps(&self, range: &RecordRange, step_ms: i64) -> Result<Vec<(i64, Totals)>, QueryError> {
        view::with(self.shared(), range, |view| view.steps(step_ms))
    }

    /// How many requests were answered with each status, by status.
    ///
    /// # Errors
    /// [`QueryError`] when the history cannot be read.
    pub fn request_statuses(&self, range: &RecordRange) -> Result<Vec<(u16, u64)>, QueryError> {
        let tallies = view::with(self.shared(), range, |view| view.tallies(By::ALL))?;
        Ok(tallies.into_values().next().map(|tally| tally.statuses.into_iter().collect()).unwrap_or_default())
    }

    /// Requests by method and route, most used first; at most [`crate::RECORDS_MAX`].
    ///
    /// # Errors
    /// [`QueryError`] when the history cannot be read.
    pub fn endpoints(&self, range: &RecordRange, limit: usize) -> Result<Vec<Endpoint>, QueryError> {
        view::with(self.shared(), range, |view| view.endpoints(limit.min(RECORDS_MAX)))
    }

    /// Requests by tenant: most slow time, then most requests first; at most [`crate::RECORDS_MAX`].
    ///
    /// # Errors
    /// [`QueryError`] when the history cannot be read.
    pub fn tenants(&self, range: &RecordRange, limit: usize) -> Result<Vec<TenantTotals>, QueryError> {
        view::with(self.shared(), range, |view| view.tenants(limit.min(RECORDS_MAX)))
    }

    /// What went wrong by step, aligned to it; steps in which nothing happened are absent.
    ///
    /// # Errors
    /// [`QueryError`] when the step is no positive multiple of a minute or makes too many points.
    pub fn error_buckets(&self, range: &RecordRange, step_ms: i64) -> Result<Vec<ErrorBucket>, QueryError> {
        view::with(self.shared(), range, |view| view.error_steps(step_ms))
    }

    /// Errors by type, origin and resource, most frequent first; at most [`crate::RECORDS_MAX`].
    ///
    /// # Errors
    /// [`QueryError`] when the history cannot be read.
    pub fn error_types(&self, range: &RecordRange, limit: usize) -> Result<Vec<ErrorType>, QueryError> {
        view::with(self.shared(), range, |view| errors::types(view, limit.min(RECORDS_MAX)))
    }

    /// Log records, newest first.
    ///
    /// # Errors
    /// [`QueryError`] when the history cannot be read.
    pub fn logs(&self, query: &LogQuery) -> Result<Vec<Stored<LogRecord>>, QueryError> {
        view::with(self.shared(), &query.range, |view| list::logs(view, query, query.limit.min(RECORDS_MAX)))
    }

    /// Events, newest first.
    ///
    /// # Errors
    /// [`QueryError`] when the history cannot be read.
    pub fn events(&self, query: &EventQuery) -> Result<Vec<Stored<Event>>, QueryError> {
        view::with(self.shared(), &query.range, |view| list::events(view, query, query.limit.min(RECORDS_MAX)))
    }

    /// How many events of each type happened, most frequent first. They count at the minute in which they arrived.
    ///
    /// # Errors
    /// [`QueryError`] when the history cannot be read.
    pub fn event_counts(&self, range: &RecordRange) -> Result<Vec<(String, u64)>, QueryError> {
        let tallies = view::with(self.shared(), range, |view| view.tallies(By::ALL))?;
        let mut counts: Vec<_> = tallies.into_values().flat_map(|tally| tally.events).collect();
        counts.sort_by(|(a_kind, a), (b_kind, b)| b.cmp(a).then_with(|| a_kind.cmp(b_kind)));
        Ok(counts)
    }

    /// What each health check found, by resource and name.
    ///
    /// # Errors
    /// [`QueryError`] when the history cannot be read.
    pub fn checks(&self, range: &RecordRange) -> Result<Vec<CheckSummary>, QueryError> {
        let range = RecordRange { tenant: None, ..range.clone() };
        view::with(self.shared(), &range, list::checks)
    }

    /// Results of health checks, of one or of all, newest first; at most [`crate::RECORDS_MAX`].
    ///
    /// # Errors
    /// [`QueryError`] when the history cannot be read.
    pub fn check_results(
        &self,
        range: &RecordRange,
        name: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Stored<CheckResult>>, QueryError> {
        let range = RecordRange { tenant: None, ..range.clone() };
        view::with(self.shared(), &range, |view| list::results(view, name, limit.min(RECORDS_MAX)))
    }

    /// The newest snapshots of a resource, by name.
    ///
    /// # Errors
    /// [`QueryError`] when the history cannot be read.
    pub fn snapshots(&self, resource: ResourceId) -> Result<Vec<Kept>, QueryError> {
        self.shared().readers.with(|conn| snapshot::of(conn, resource))
    }
}
