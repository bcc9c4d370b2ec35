//! Retention of records: what is too old goes, and where there is too much, the oldest; a few rows a transaction.

use std::{sync::atomic::Ordering, time::Instant};

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    kept::Sort,
    span::{HOUR_MS, Span, floor, key, key_of},
    view::keyed_resources,
};
use crate::keeper::{KeepError, Keeper};

/// Rows deleted in one transaction, about.
const STEP: usize = 256;
/// What may still come late must find its minutes, so that its hour can be made again.
const SLACK_MS: i64 = 2 * HOUR_MS;

/// A list whose oldest go first, in the order of arrival.
struct Listed {
    table: &'static str,
    rows: &'static str,
    kept_ms: i64,
    max: u64,
}

impl Keeper {
    fn lists(&self) -> [Listed; 3] {
        let options = &self.shared.options;
        [
            Listed { table: "log", rows: "rows_log", kept_ms: options.log_retention_ms, max: options.log_rows_max },
            Listed { table: "event", rows: "rows_event", kept_ms: options.event_retention_ms, max: options.event_rows_max },
            Listed {
                table: "check_result",
                rows: "rows_check_result",
                kept_ms: options.check_retention_ms,
                max: options.check_rows_max,
            },
        ]
    }

    /// Deletes the oldest where there are too many.
    pub(super) fn bound_rows(&mut self) -> Result<(), KeepError> {
        for list in self.lists() {
            self.shorten(&list, i64::MIN)?;
        }
        Ok(())
    }

    /// Deletes what is too old.
    pub(crate) fn retain_records(&mut self, now_ms: i64) -> Result<(), KeepError> {
        for list in self.lists() {
            self.shorten(&list, now_ms - list.kept_ms)?;
        }
        let options = self.shared.options.clone();
        let late_ms = options.raw_retention_ms + SLACK_MS;
        let minutes_ms = options.count_minute_retention_ms.max(late_ms);
        let hours_ms = options.count_hour_retention_ms.max(minutes_ms);
        let details_ms = options.detail_hour_retention_ms.max(late_ms);
        for (table, column, short_ms, hour_ms) in [
            ("tally_tenant_route", "tally", late_ms, details_ms),
            ("tally_tenant", "tally", minutes_ms, hours_ms),
            ("tally_route", "id", minutes_ms, hours_ms),
            ("tally", "id", minutes_ms, hours_ms),
        ] {
            for resource in keyed_resources(&self.conn, table, column)? {
                for span in Span::ALL {
                    let kept_ms = if span == Span::Hour { hour_ms } else { short_ms };
                    // Whole hours, so that an hour is told either by its minutes or by itself.
                    let end = key(resource, span, floor(now_ms - kept_ms, HOUR_MS));
                    self.delete_keys(table, column, key(resource, span, 0), end)?;
                }
            }
        }
        for resource in keyed_resources(&self.conn, "kept_request", "id")? {
            for (sort, kept_ms) in [(Sort::Recent, options.recent_retention_ms), (Sort::Slow, options.slow_retention_ms)] {
                let end = sort.key(resource, now_ms - kept_ms);
                self.delete_keys("kept_request", "id", sort.key(resource, 0), end)?;
            }
        }
        for resource in keyed_resources(&self.conn, "error_sample", "hour")? {
            let end = key_of(resource, 0, now_ms - options.error_retention_ms);
            self.delete_keys("error_sample", "hour", key_of(resource, 0, 0), end)?;
        }
        Ok(())
    }

    /// Deletes rows of a range of keys, some a transaction.
    fn delete_keys(&mut self, table: &'static str, column: &'static str, from: i64, to: i64) -> Result<(), KeepError> {
        let sql = format!("SELECT {column} FROM {table} WHERE {column} >= ?1 AND {column} < ?2 ORDER BY {column} LIMIT {STEP}");
        loop {
            let started = Instant::now();
            let last = {
                let mut select = self.conn.prepare_cached(&sql)?;
                let found = select.query_map([from, to], |row| row.get::<_, i64>(0))?.last();
                found.transpose()?
            };
            let Some(last) = last else { return Ok(()) };
            let delete = format!("DELETE FROM {table} WHERE {column} >= ?1 AND {column} <= ?2");
            self.change(false, move |conn| conn.prepare_cached(&delete)?.execute([from, last]).map(|_| ()), |_| ())?;
            self.rest(started)?;
        }
    }

    /// Deletes the first rows of a list as long as they are too old or too many.
    fn shorten(&mut self, list: &Listed, cutoff_ms: i64) -> Result<(), KeepError> {
        loop {
            let started = Instant::now();
            let (gone, early) = first_rows(&self.conn, list, cutoff_ms)?;
            if gone.is_empty() {
                return Ok(());
            }
            let (table, rows) = (list.table, list.rows);
            let work = move |conn: &Connection| {
                let mut delete = conn.prepare_cached(&format!("DELETE FROM {table} WHERE id = ?1"))?;
                let mut text =
                    (table == "log").then(|| conn.prepare_cached("DELETE FROM log_text WHERE rowid = ?1")).transpose()?;
                for id in &gone {
                    delete.execute([id])?;
                    text.as_mut().map_or(Ok(0), |text| text.execute([id]))?;
                }
                conn.prepare_cached("UPDATE meta SET value = value - ?2 WHERE key = ?1")?
                    .execute(params![rows, i64::try_from(gone.len()).unwrap_or(0)])?;
                Ok(())
            };
            self.change(false, work, move |shared| {
                shared.counters.capped.fetch_add(early, Ordering::Relaxed);
            })?;
            self.rest(started)?;
        }
    }
}

/// The first rows that are to go, and how many of them are not too old.
fn first_rows(conn: &Connection, list: &Listed, cutoff_ms: i64) -> rusqlite::Result<(Vec<i64>, u64)> {
    let mut count = conn.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    let count: i64 = count.query_row([list.rows], |row| row.get(0)).optional()?.unwrap_or(0);
    let mut surplus = u64::try_from(count).unwrap_or(0).saturating_sub(list.max);
    let mut select = conn.prepare_cached(&format!("SELECT id, time_ms FROM {} ORDER BY id LIMIT {STEP}", list.table))?;
    let mut rows = select.query([])?;
    let (mut gone, mut early) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let is_old = row.get::<_, i64>(1)? < cutoff_ms;
        if !is_old && surplus == 0 {
            break;
        }
        early += u64::from(!is_old);
        surplus = surplus.saturating_sub(1);
        gone.push(row.get(0)?);
    }
    Ok((gone, early))
}
