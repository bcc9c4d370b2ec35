//! Requests that are kept whole: the latest of each minute, the slowest of each hour.

use std::collections::HashMap;

use farol_shared::record::Request;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    RECENT_MAX, SLOW_MAX,
    pending::{Numbered, PendingRow},
    span::{HOUR_MS, MINUTE_MS, ceil, floor, key_of},
    values::{put_value, values},
    view::View,
};
use crate::{
    error::QueryError,
    model::{ResourceId, Stored},
};

/// What they are kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Sort {
    Recent,
    Slow,
}

impl Sort {
    const fn code(self) -> i64 {
        match self {
            Self::Recent => 0,
            Self::Slow => 1,
        }
    }

    const fn length_ms(self) -> i64 {
        match self {
            Self::Recent => MINUTE_MS,
            Self::Slow => HOUR_MS,
        }
    }

    const fn max(self) -> usize {
        match self {
            Self::Recent => RECENT_MAX,
            Self::Slow => SLOW_MAX,
        }
    }

    pub(super) fn key(self, resource: ResourceId, time_ms: i64) -> i64 {
        key_of(resource, self.code(), floor(time_ms, self.length_ms()))
    }

    /// Newest or slowest first; equal ones by number.
    fn order<T>(self, all: &mut [T], of: impl Fn(&T) -> (i64, &Request)) {
        all.sort_by(|a, b| {
            let ((a_id, a), (b_id, b)) = (of(a), of(b));
            let by = match self {
                Self::Recent => b.time_ms.cmp(&a.time_ms),
                Self::Slow => b.duration_s.total_cmp(&a.duration_s),
            };
            by.then(b_id.cmp(&a_id))
        });
    }
}

/// What a fold adds.
#[derive(Debug, Default)]
pub(super) struct Kept(HashMap<i64, (Sort, Numbered<Request>)>);

impl Kept {
    pub(super) fn add(&mut self, sort: Sort, resource: ResourceId, requests: Numbered<Request>) {
        for (id, request) in requests {
            let key = sort.key(resource, request.time_ms);
            self.0.entry(key).or_insert_with(|| (sort, Vec::new())).1.push((id, request));
        }
    }

    /// The rows to be written, with what they hold already.
    pub(super) fn rows(self, conn: &Connection) -> Result<Vec<(i64, Vec<u8>)>, QueryError> {
        let mut select = conn.prepare_cached("SELECT body FROM kept_request WHERE id = ?1")?;
        let mut rows = Vec::with_capacity(self.0.len());
        for (key, (sort, mut requests)) in self.0 {
            if let Some(body) = select.query_row([key], |row| row.get::<_, Vec<u8>>(0)).optional()? {
                for request in values(&body) {
                    requests.push(request?);
                }
            }
            sort.order(&mut requests, |(id, request)| (*id, request));
            requests.truncate(sort.max());
            let mut body = Vec::new();
            requests.iter().for_each(|request| put_value(&mut body, request));
            rows.push((key, body));
        }
        Ok(rows)
    }
}

pub(super) fn write(conn: &Connection, rows: &[(i64, Vec<u8>)]) -> rusqlite::Result<()> {
    let mut insert = conn.prepare_cached("INSERT OR REPLACE INTO kept_request(id, body) VALUES(?1, ?2)")?;
    rows.iter().try_for_each(|(key, body)| insert.execute(params![key, body]).map(|_| ()))
}

/// The latest or the slowest requests of a range.
pub(super) fn read(view: &View<'_>, sort: Sort, limit: usize) -> Result<Vec<Stored<Request>>, QueryError> {
    let mut best: Vec<Stored<Request>> = Vec::new();
    let is_wanted = |request: &Request| view.holds(request.time_ms) && view.is_tenant(request.tenant.as_deref());
    let select = match sort {
        // Newest minute first, so that reading may stop early.
        Sort::Recent => "SELECT body FROM kept_request WHERE id >= ?1 AND id < ?2 ORDER BY id DESC",
        Sort::Slow => "SELECT body FROM kept_request WHERE id >= ?1 AND id < ?2",
    };
    let mut select = view.conn.prepare_cached(select)?;
    for resource in view.resources("kept_request")? {
        let from = sort.key(resource, view.range.from_ms);
        let to = sort.key(resource, ceil(view.range.to_ms, sort.length_ms()));
        let mut rows = select.query([from, to])?;
        let mut found = 0;
        while let Some(row) = rows.next()? {
            let bar = best.last().filter(|_| sort == Sort::Slow && best.len() >= limit).map(|last| last.record.duration_s);
            for value in values(row.get_ref(0)?.as_blob().unwrap_or_default()) {
                let (id, record): (i64, Request) = value?;
                // Rows are sorted: behind the first that is too quick are only quicker ones.
                if bar.is_some_and(|bar| record.duration_s < bar) {
                    break;
                }
                if is_wanted(&record) {
                    found += 1;
                    best.push(Stored { id, resource, record });
                }
            }
            if sort == Sort::Recent && found >= limit {
                break;
            }
            if sort == Sort::Slow {
                keep_best(&mut best, sort, limit);
            }
        }
    }
    view.for_each_pending(|row: &PendingRow<'_>| {
        let requests = if sort == Sort::Recent { row.recent()? } else { row.slow()? };
        let wanted = requests.into_iter().filter(|(_, request)| is_wanted(request));
        best.extend(wanted.map(|(id, record)| Stored { id, resource: row.resource, record }));
        Ok(())
    })?;
    keep_best(&mut best, sort, limit);
    Ok(best)
}

fn keep_best(best: &mut Vec<Stored<Request>>, sort: Sort, limit: usize) {
    sort.order(best, |one| (one.id, &one.record));
    best.truncate(limit);
}
