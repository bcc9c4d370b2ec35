//! One view of everything: what is folded and what is pending, as it was at one moment.

use rusqlite::Connection;

use super::{
    pending::{COLUMNS, PendingRow},
    span::{self, Extent, HOUR_MS, MINUTE_MS, Run, Span, floor},
};
use crate::{
    error::QueryError,
    model::{RecordRange, ResourceId},
    query::LIMIT_MS,
    shared::Shared,
};

/// A question's view of the database.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) conn: &'a Connection,
    pub(super) range: &'a RecordRange,
    pub(super) shared: &'a Shared,
}

/// Runs `work` on one view.
pub(super) fn with<T>(
    shared: &Shared,
    range: &RecordRange,
    work: impl FnOnce(&View<'_>) -> Result<T, QueryError>,
) -> Result<T, QueryError> {
    if range.from_ms >= range.to_ms || range.from_ms < -LIMIT_MS || range.to_ms > LIMIT_MS {
        return Err(QueryError::Invalid("a range ends after it begins, within ten thousand years"));
    }
    shared.readers.with(|conn| {
        // Every read in one transaction sees the same moment: no record is pending and folded, or neither.
        let transaction = conn.unchecked_transaction()?;
        work(&View { conn: &transaction, range, shared })
    })
}

impl View<'_> {
    pub(super) fn holds(&self, time_ms: i64) -> bool {
        time_ms >= self.range.from_ms && time_ms < self.range.to_ms
    }

    pub(super) fn is_tenant(&self, tenant: Option<&str>) -> bool {
        self.range.tenant.is_none() || self.range.tenant.as_deref() == tenant
    }

    /// The resources asked for; when all are, those that have rows in a table that is keyed by [`span::key_of`].
    pub(super) fn resources(&self, table: &str) -> Result<Vec<ResourceId>, QueryError> {
        if !self.range.resources.is_empty() {
            return Ok(self.named());
        }
        Ok(keyed_resources(self.conn, table, "id")?)
    }

    /// The same for a table with an index that begins with the resource.
    pub(super) fn resources_of(&self, table: &str) -> Result<Vec<ResourceId>, QueryError> {
        if !self.range.resources.is_empty() {
            return Ok(self.named());
        }
        let mut next = self.conn.prepare_cached(&format!("SELECT min(resource) FROM {table} WHERE resource > ?1"))?;
        let mut all = Vec::new();
        let mut at = -1_i64;
        while let Some(found) = next.query_row([at], |row| row.get::<_, Option<ResourceId>>(0))? {
            all.push(found);
            at = found.into();
        }
        Ok(all)
    }

    fn named(&self) -> Vec<ResourceId> {
        let mut named = self.range.resources.clone();
        named.sort_unstable();
        named.dedup();
        named
    }

    /// Which rows of one resource answer the question; `kept_ms` is how long minutes are kept.
    pub(super) fn runs(&self, resource: ResourceId, longest: Span, kept_ms: i64) -> Result<Vec<Run>, QueryError> {
        let mut extent = Extent { range_ms: (i64::MAX, i64::MIN), ..Extent::default() };
        let mut bounds = self.conn.prepare_cached("SELECT min(id) FROM tally WHERE id >= ?1 AND id < ?2")?;
        let mut last = self.conn.prepare_cached("SELECT max(id) FROM tally WHERE id >= ?1 AND id < ?2")?;
        for span in Span::ALL {
            let (from, to) = (span::key(resource, span, 0), span::key(resource, span, i64::MAX));
            let first: Option<i64> = bounds.query_row([from, to], |row| row.get(0))?;
            let last: Option<i64> = last.query_row([from, to], |row| row.get(0))?;
            if let (Some(first), Some(last)) = (first, last) {
                extent.range_ms.0 = extent.range_ms.0.min(span::parts(first).2);
                extent.range_ms.1 = extent.range_ms.1.max(span::parts(last).2 + span.ms());
            }
        }
        if extent.range_ms.0 >= extent.range_ms.1 {
            return Ok(Vec::new());
        }
        extent.horizon_ms = floor(self.shared.clock.now_ms() - kept_ms, HOUR_MS);
        let mut due = self.conn.prepare_cached("SELECT id FROM due WHERE id >= ?1 AND id < ?2")?;
        let mut rows = due.query([span::key(resource, Span::Minute, 0), span::key(resource, Span::Hour, i64::MAX)])?;
        while let Some(row) = rows.next()? {
            if let Some((_, span, start_ms)) = span::span_of(row.get(0)?) {
                extent.due.insert((span, start_ms));
            }
        }
        Ok(span::runs(self.range.from_ms, self.range.to_ms, longest, &extent))
    }

    /// What waits for folding, of the resources asked for, oldest first.
    pub(super) fn for_each_pending(
        &self,
        mut each: impl FnMut(&PendingRow<'_>) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let mut select = self.conn.prepare_cached(&format!("SELECT {COLUMNS} FROM pending ORDER BY id"))?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let row = PendingRow::read(row)?;
            if self.range.resources.is_empty() || self.range.resources.contains(&row.resource) {
                each(&row)?;
            }
        }
        Ok(())
    }

    /// The minute of a pending row, when the question is about it.
    pub(super) fn minute(&self, row: &PendingRow<'_>) -> Option<i64> {
        Some(floor(row.time_ms, MINUTE_MS)).filter(|start_ms| self.holds(*start_ms))
    }
}

/// Resources that have rows in a table whose `column` is a key of [`span::key_of`]: one search each.
pub(super) fn keyed_resources(conn: &Connection, table: &str, column: &str) -> rusqlite::Result<Vec<ResourceId>> {
    let mut next = conn.prepare_cached(&format!("SELECT min({column}) FROM {table} WHERE {column} >= ?1"))?;
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(found) = next.query_row([at], |row| row.get::<_, Option<i64>>(0))? {
        let (resource, ..) = span::parts(found);
        all.push(resource);
        let Some(after) = resource.checked_add(1) else { break };
        at = span::key_of(after, 0, 0);
    }
    Ok(all)
}
