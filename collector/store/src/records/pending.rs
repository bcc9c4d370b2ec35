//! What waits for folding: the writer's side of records, and how everyone reads it.
//!
//! One row for the records of one resource in one frame, so that a commit with records writes next to the rows of the
//! commit before. A frame with many logs or events becomes several rows: the keeper folds rows whole, and its transactions
//! are to stay short.

use std::{collections::HashMap, sync::atomic::Ordering};

use farol_shared::record::{CheckResult, ErrorSummary, Event, Levels, LogRecord, Records, Request};
use rusqlite::{Connection, OptionalExtension, Row, params, types::ValueRef};
use serde::Serialize;

use super::{
    snapshot,
    sum::RawSum,
    text::{put_text, text},
    values::{put_value, put_values, values},
};
use crate::{
    codec::{Damaged, Reader, put},
    error::QueryError,
    model::ResourceId,
    shared::Shared,
};

/// Most events, logs or results of checks in one row: what the keeper can fold within some ten milliseconds.
const ROW_RECORDS_MAX: usize = 256;

/// The writer's side: gives records their numbers and writes them into the open transaction.
#[derive(Debug)]
pub(crate) struct Pending {
    next_id: i64,
}

/// Bytes of one row beside its columns, about: what an empty one takes of the bound.
const ROW_BYTES: u64 = 64;

impl Pending {
    /// Takes up where the last process stopped.
    pub(crate) fn open(conn: &Connection, shared: &Shared) -> rusqlite::Result<Self> {
        let sql = "SELECT value FROM meta WHERE key = 'next_record'";
        let folded: Option<i64> = conn.query_row(sql, [], |row| row.get(0)).optional()?;
        let waiting: Option<i64> = conn.query_row("SELECT max(next_id) FROM pending", [], |row| row.get(0))?;
        let (mut bytes, sql) = (0, format!("SELECT resource, time_ms, {BYTES} FROM pending"));
        let mut select = conn.prepare(&sql)?;
        let mut rows = select.query([])?;
        let catalog = shared.catalog.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        while let Some(row) = rows.next()? {
            bytes += row.get::<_, i64>(2)?.unsigned_abs() + ROW_BYTES;
            // The journal knows when values came last; of a resource that only has records, this does.
            if let Some(entry) = catalog.resource(row.get(0)?) {
                entry.live.last_seen_ms.fetch_max(row.get(1)?, Ordering::Relaxed);
            }
        }
        shared.counters.pending_bytes.store(bytes, Ordering::Relaxed);
        Ok(Self { next_id: folded.unwrap_or(1).max(waiting.unwrap_or(1)) })
    }

    /// Writes the records of one resource in one frame; says how many bytes wait for the keeper now because of it.
    pub(crate) fn write(
        &mut self,
        conn: &Connection,
        resource: ResourceId,
        time_ms: i64,
        records: &Records,
    ) -> rusqlite::Result<u64> {
        let Records { events, logs, checks, snapshots, .. } = records;
        snapshot::write(conn, resource, time_ms, snapshots)?;
        if records.count() == snapshots.len() && records.levels.is_empty() {
            return Ok(0);
        }
        let mut lists = (events.chunks(ROW_RECORDS_MAX), logs.chunks(ROW_RECORDS_MAX), checks.chunks(ROW_RECORDS_MAX));
        let mut first = Some(records);
        let mut bytes = 0;
        loop {
            let (events, logs, checks) = (lists.0.next(), lists.1.next(), lists.2.next());
            if first.is_none() && events.is_none() && logs.is_none() && checks.is_none() {
                return Ok(bytes);
            }
            let (events, logs, checks) = (events.unwrap_or_default(), logs.unwrap_or_default(), checks.unwrap_or_default());
            let once = first.take();
            let next_id = &mut self.next_id;
            let columns = [
                once.and_then(put_requests),
                once.and_then(|records| put_numbered(next_id, &records.recent)),
                once.and_then(|records| put_numbered(next_id, &records.slow)),
                once.and_then(|records| put_values(&records.errors)),
                once.filter(|records| !records.levels.is_empty()).map(|records| put_levels(&records.levels)),
                put_numbered(next_id, events),
                put_numbered(next_id, logs),
                put_numbered(next_id, checks),
            ];
            bytes += columns.iter().flatten().map(|column| column.len() as u64).sum::<u64>() + ROW_BYTES;
            let sql =
                "INSERT INTO pending(resource, time_ms, next_id, requests, recent, slow, errors, levels, events, logs, checks)
                VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
            let [requests, recent, slow, errors, levels, events, logs, checks] = columns;
            conn.prepare_cached(sql)?.execute(params![
                resource,
                time_ms,
                self.next_id,
                requests,
                recent,
                slow,
                errors,
                levels,
                events,
                logs,
                checks
            ])?;
        }
    }
}

/// How large a row is.
pub(super) const BYTES: &str = "ifnull(length(requests), 0) + ifnull(length(recent), 0) + ifnull(length(slow), 0)
    + ifnull(length(errors), 0) + ifnull(length(levels), 0) + ifnull(length(events), 0) + ifnull(length(logs), 0)
    + ifnull(length(checks), 0)";

/// Requests of one method, route, status and tenant; the empty tenant is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestEntry<'a> {
    /// Method, a space, route: methods hold no space.
    pub(super) endpoint: &'a str,
    pub(super) tenant: &'a str,
    pub(super) status: u16,
    pub(super) sum: RawSum<'a>,
}

/// Gives records their numbers.
fn put_numbered<T: Serialize>(next_id: &mut i64, records: &[T]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for record in records {
        put_value(&mut out, &(*next_id, record));
        *next_id += 1;
    }
    (!records.is_empty()).then_some(out)
}

/// Each text stands once; entries refer to it by place.
fn put_requests(records: &Records) -> Option<Vec<u8>> {
    if records.requests.is_empty() {
        return None;
    }
    // An endpoint by method and route, a tenant without a method.
    let mut texts: HashMap<(Option<&str>, &str), usize> = HashMap::new();
    let mut order = Vec::new();
    let mut entries = Vec::with_capacity(records.requests.len() * 24);
    for request in &records.requests {
        let tenant = request.tenant.as_deref().unwrap_or_default();
        for key in [(Some(request.method.as_str()), request.route.as_str()), (None, tenant)] {
            let next = texts.len();
            let place = *texts.entry(key).or_insert(next);
            if place == next {
                order.push(key);
            }
            put(&mut entries, place as u64);
        }
        put(&mut entries, request.status.into());
        RawSum::of(request).encode(&mut entries);
    }
    let mut out = Vec::with_capacity(entries.len() + order.len() * 24);
    put(&mut out, order.len() as u64);
    for (method, name) in order {
        match method {
            None => put_text(&mut out, name),
            Some(method) => put_text(&mut out, &format!("{} {name}", method.replace(' ', "_"))),
        }
    }
    out.extend_from_slice(&entries);
    Some(out)
}

/// Reads requests one by one.
pub(super) fn for_each_request<'a>(bytes: &'a [u8], mut each: impl FnMut(&RequestEntry<'a>)) -> Result<(), Damaged> {
    let mut reader = Reader::new(bytes);
    let count = reader.count(bytes.len())?;
    let mut texts = Vec::with_capacity(count);
    for _ in 0..count {
        texts.push(text(&mut reader)?);
    }
    let unknown = Damaged("a request names a text that is not there");
    while !reader.is_at_end() {
        let mut name = || reader.count(usize::MAX).and_then(|place| texts.get(place).copied().ok_or(unknown));
        let (endpoint, tenant) = (name()?, name()?);
        let status = u16::try_from(reader.number()?).map_err(|_| Damaged("a status is out of range"))?;
        each(&RequestEntry { endpoint, tenant, status, sum: RawSum::read(&mut reader)? });
    }
    Ok(())
}

fn put_levels(levels: &Levels) -> Vec<u8> {
    let mut out = Vec::new();
    put_value(&mut out, levels);
    out
}

/// Columns of a row, in the order of [`PendingRow`].
pub(super) const COLUMNS: &str = "id, resource, time_ms, next_id, requests, recent, slow, errors, levels, events, logs, checks";

/// Place of each column that may be empty.
const REQUESTS: usize = 4;
const RECENT: usize = 5;
const SLOW: usize = 6;
const ERRORS: usize = 7;
const LEVELS: usize = 8;
const EVENTS: usize = 9;
const LOGS: usize = 10;
const CHECKS: usize = 11;

/// A row as it is read; its records are decoded only when asked for.
pub(super) struct PendingRow<'a> {
    row: &'a Row<'a>,
    pub(super) id: i64,
    pub(super) resource: ResourceId,
    pub(super) time_ms: i64,
    pub(super) next_id: i64,
}

/// Records that are kept whole, with their numbers.
pub(super) type Numbered<T> = Vec<(i64, T)>;

impl<'a> PendingRow<'a> {
    pub(super) fn read(row: &'a Row<'a>) -> rusqlite::Result<Self> {
        Ok(Self { row, id: row.get(0)?, resource: row.get(1)?, time_ms: row.get(2)?, next_id: row.get(3)? })
    }

    fn column(&self, index: usize) -> Result<&'a [u8], QueryError> {
        match self.row.get_ref(index)? {
            ValueRef::Blob(bytes) => Ok(bytes),
            _ => Ok(&[]),
        }
    }

    /// What the row takes of the bound.
    pub(super) fn bytes(&self) -> Result<u64, QueryError> {
        let mut bytes = ROW_BYTES;
        for index in REQUESTS..=CHECKS {
            bytes += self.column(index)?.len() as u64;
        }
        Ok(bytes)
    }

    pub(super) fn requests(&self, each: impl FnMut(&RequestEntry<'a>)) -> Result<(), QueryError> {
        let bytes = self.column(REQUESTS)?;
        if bytes.is_empty() { Ok(()) } else { Ok(for_each_request(bytes, each)?) }
    }

    pub(super) fn errors(&self) -> Result<Vec<ErrorSummary>, QueryError> {
        values(self.column(ERRORS)?).collect()
    }

    pub(super) fn levels(&self) -> Result<Levels, QueryError> {
        Ok(values(self.column(LEVELS)?).next().transpose()?.unwrap_or_default())
    }

    pub(super) fn recent(&self) -> Result<Numbered<Request>, QueryError> {
        values(self.column(RECENT)?).collect()
    }

    pub(super) fn slow(&self) -> Result<Numbered<Request>, QueryError> {
        values(self.column(SLOW)?).collect()
    }

    pub(super) fn events(&self) -> Result<Numbered<Event>, QueryError> {
        values(self.column(EVENTS)?).collect()
    }

    pub(super) fn logs(&self) -> Result<Numbered<LogRecord>, QueryError> {
        values(self.column(LOGS)?).collect()
    }

    pub(super) fn checks(&self) -> Result<Numbered<CheckResult>, QueryError> {
        values(self.column(CHECKS)?).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn requests_are_read_as_they_were_written() {
        let one = |method: &str, route: &str, tenant: Option<&str>, status| farol_shared::record::RequestSummary {
            method: method.to_owned(),
            route: route.to_owned(),
            tenant: tenant.map(str::to_owned),
            status,
            count: 1,
            ..farol_shared::record::RequestSummary::default()
        };
        let requests =
            vec![one("GET", "/a b", Some("t"), 200), one("", "(no route)", None, 0), one("GET", "/a b", Some("GET"), 500)];
        let bytes = put_requests(&Records { requests, ..Records::default() }).unwrap();
        let mut read = Vec::new();
        for_each_request(&bytes, |one| read.push((one.endpoint, one.tenant, one.status, one.sum.count))).unwrap();
        assert_eq!(read, [("GET /a b", "t", 200, 1), (" (no route)", "", 0, 1), ("GET /a b", "GET", 500, 1)]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _read = for_each_request(&bytes, |_| ());
        }
    }
}
