//! Logs, events and results of checks: kept whole, in the order of time.

use std::collections::{BTreeMap, HashSet};

use farol_shared::record::{CheckResult, Event, Level, LogRecord};
use rusqlite::{Connection, params, params_from_iter, types::Value};
use serde::de::DeserializeOwned;

use super::{
    counts::By,
    pending::Numbered,
    values::{put_value, value},
    view::View,
};
use crate::{
    error::QueryError,
    model::{Before, CheckSummary, EventQuery, LogQuery, ResourceId, Stored},
};

/// Matches that are looked at one by one; when a word is in more log records, they are walked from the newest on.
const MATCHES_MAX: i64 = 2_000;

/// Records of a page while many are walked.
const PAGE: usize = 1_000;

/// What a fold adds.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) logs: Vec<(ResourceId, i64, LogRecord)>,
    pub(super) events: Vec<(ResourceId, i64, Event)>,
    pub(super) checks: Vec<(ResourceId, i64, CheckResult)>,
}

/// Anything that has a time.
pub(super) trait Timed {
    fn time_ms(&self) -> i64;
}

impl Timed for LogRecord {
    fn time_ms(&self) -> i64 {
        self.time_ms
    }
}

impl Timed for Event {
    fn time_ms(&self) -> i64 {
        self.time_ms
    }
}

impl Timed for CheckResult {
    fn time_ms(&self) -> i64 {
        self.time_ms
    }
}

impl Lists {
    pub(super) fn add<T>(to: &mut Vec<(ResourceId, i64, T)>, resource: ResourceId, records: Numbered<T>) {
        to.extend(records.into_iter().map(|(id, record)| (resource, id, record)));
    }

    /// Writes them into the open transaction.
    pub(super) fn write(&self, conn: &Connection) -> rusqlite::Result<()> {
        let mut body = Vec::new();
        let mut insert =
            conn.prepare_cached("INSERT INTO log(id, resource, level, time_ms, tenant, body) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")?;
        let mut index = conn.prepare_cached("INSERT INTO log_text(rowid, message, exception, source) VALUES(?1, ?2, ?3, ?4)")?;
        for (resource, id, log) in &self.logs {
            body.clear();
            put_value(&mut body, log);
            insert.execute(params![id, resource, log.level as i64, log.time_ms, log.tenant, body])?;
            index.execute(params![id, log.message, log.exception, log.source])?;
        }
        let mut insert =
            conn.prepare_cached("INSERT INTO event(id, resource, kind, time_ms, tenant, body) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")?;
        for (resource, id, event) in &self.events {
            body.clear();
            put_value(&mut body, event);
            insert.execute(params![id, resource, event.kind, event.time_ms, event.tenant, body])?;
        }
        let mut insert =
            conn.prepare_cached("INSERT INTO check_result(id, resource, name, time_ms, body) VALUES(?1, ?2, ?3, ?4, ?5)")?;
        for (resource, id, result) in &self.checks {
            body.clear();
            put_value(&mut body, result);
            insert.execute(params![id, resource, result.name, result.time_ms, body])?;
        }
        for (name, added) in
            [("rows_log", self.logs.len()), ("rows_event", self.events.len()), ("rows_check_result", self.checks.len())]
        {
            if added > 0 {
                conn.prepare_cached("UPDATE meta SET value = value + ?2 WHERE key = ?1")?
                    .execute(params![name, i64::try_from(added).unwrap_or(i64::MAX)])?;
            }
        }
        Ok(())
    }
}

/// Where and when a listing begins and ends.
struct Listing<'a> {
    view: &'a View<'a>,
    before: Before,
    limit: usize,
}

impl<'a> Listing<'a> {
    fn new(view: &'a View<'a>, before: Option<Before>, limit: usize) -> Self {
        let end = (view.range.to_ms, i64::MIN);
        Self { view, before: before.map_or(end, |before| before.min(end)), limit }
    }

    fn holds(&self, time_ms: i64, id: i64) -> bool {
        time_ms >= self.view.range.from_ms && (time_ms, id) < self.before
    }

    /// Numbers and times of the newest rows of `table` where `place` (the columns of an index before time) is `values`.
    fn newest(
        &self,
        table: &str,
        place: &str,
        values: &[Value],
        found: &mut Vec<(i64, i64, ResourceId)>,
    ) -> Result<(), QueryError> {
        let tenant = if table == "check_result" { "?4 IS NULL" } else { "?4 IS NULL OR tenant = ?4" };
        let sql = format!(
            "SELECT time_ms, id, resource FROM {table} WHERE {place} AND time_ms >= ?1 AND (time_ms, id) < (?2, ?3) AND ({tenant})
                ORDER BY time_ms DESC, id DESC LIMIT ?5"
        );
        let mut select = self.view.conn.prepare_cached(&sql)?;
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let tenant = self.view.range.tenant.clone().map_or(Value::Null, Value::Text);
        let fixed = [self.view.range.from_ms.into(), self.before.0.into(), self.before.1.into(), tenant, limit.into()];
        let all = params_from_iter(fixed.into_iter().chain(values.iter().cloned()));
        let rows = select.query_map(all, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        for row in rows {
            found.push(row?);
        }
        Ok(())
    }

    /// The newest of what was found, read.
    fn read<T: DeserializeOwned>(
        &self,
        table: &str,
        mut found: Vec<(i64, i64, ResourceId)>,
    ) -> Result<Vec<Stored<T>>, QueryError> {
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.truncate(self.limit);
        let mut select = self.view.conn.prepare_cached(&format!("SELECT body FROM {table} WHERE id = ?1"))?;
        let mut all = Vec::with_capacity(found.len());
        for (_, id, resource) in found {
            let body: Vec<u8> = select.query_row([id], |row| row.get(0))?;
            all.push(Stored { id, resource, record: value(&body)? });
        }
        Ok(all)
    }

    /// Puts folded and pending ones in order.
    fn finish<T: Timed>(&self, mut all: Vec<Stored<T>>) -> Vec<Stored<T>> {
        all.sort_by_key(|one| std::cmp::Reverse((one.record.time_ms(), one.id)));
        all.truncate(self.limit);
        all
    }
}

pub(super) fn logs(view: &View<'_>, query: &LogQuery, limit: usize) -> Result<Vec<Stored<LogRecord>>, QueryError> {
    let listing = Listing::new(view, query.before, limit);
    let words = query.text.as_deref().map(search_words).unwrap_or_default();
    let mut pending = Vec::new();
    view.for_each_pending(|row| {
        let is_wanted = |id: i64, log: &LogRecord| {
            log.level >= query.least && listing.holds(log.time_ms, id) && view.is_tenant(log.tenant.as_deref())
        };
        let logs = row.logs()?.into_iter().filter(|(id, log)| is_wanted(*id, log));
        pending.extend(logs.map(|(id, record)| Stored { id, resource: row.resource, record }));
        Ok(())
    })?;
    let found = if words.is_empty() {
        newest_logs(&listing, query.least)?
    } else {
        retain_matches(&mut pending, &words)?;
        matching_logs(&listing, query.least, &words)?
    };
    pending.extend(listing.read("log", found)?);
    Ok(listing.finish(pending))
}

fn newest_logs(listing: &Listing<'_>, least: Level) -> Result<Vec<(i64, i64, ResourceId)>, QueryError> {
    let mut found = Vec::new();
    for resource in listing.view.resources_of("log")? {
        for level in Level::ALL.into_iter().filter(|level| *level >= least) {
            let place = [Value::from(resource), Value::from(level as i64)];
            listing.newest("log", "resource = ?6 AND level = ?7", &place, &mut found)?;
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.truncate(listing.limit);
    Ok(found)
}

/// Words as FTS5 wants them: each quoted, so that no sign in them is an operator; the last one may go on.
fn search_words(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric));
    let mut query = words.map(|word| format!("\"{}\"", word.replace('"', " "))).collect::<Vec<_>>().join(" ");
    if !query.is_empty() {
        query.push('*');
    }
    query
}

fn matching_logs(listing: &Listing<'_>, least: Level, words: &str) -> Result<Vec<(i64, i64, ResourceId)>, QueryError> {
    let view = listing.view;
    let sql = "SELECT rowid FROM log_text WHERE log_text MATCH ?1 LIMIT ?2";
    let mut select = view.conn.prepare_cached(sql)?;
    let ids = select.query_map(params![words, MATCHES_MAX + 1], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
    if i64::try_from(ids.len()).unwrap_or(i64::MAX) > MATCHES_MAX {
        return walk_matching(listing, least, words);
    }
    let mut select = view.conn.prepare_cached("SELECT time_ms, resource, level, tenant FROM log WHERE id = ?1")?;
    let mut found = Vec::new();
    for id in ids {
        let mut rows = select.query([id])?;
        let Some(row) = rows.next()? else { continue };
        let (time_ms, resource) = (row.get(0)?, row.get(1)?);
        let is_resource = view.range.resources.is_empty() || view.range.resources.contains(&resource);
        let is_tenant = view.is_tenant(row.get::<_, Option<String>>(3)?.as_deref());
        if is_resource && is_tenant && row.get::<_, i64>(2)? >= least as i64 && listing.holds(time_ms, id) {
            found.push((time_ms, id, resource));
        }
    }
    Ok(found)
}

/// A word that is in many records: pages of records from the newest on, of which those that match are taken.
fn walk_matching(listing: &Listing<'_>, least: Level, words: &str) -> Result<Vec<(i64, i64, ResourceId)>, QueryError> {
    let sql = "SELECT rowid FROM log_text WHERE log_text MATCH ?1 AND rowid BETWEEN ?2 AND ?3";
    let mut select = listing.view.conn.prepare_cached(sql)?;
    let mut found = Vec::new();
    let mut page = Listing { view: listing.view, before: listing.before, limit: PAGE };
    while found.len() < listing.limit {
        let candidates = newest_logs(&page, least)?;
        let Some((time_ms, last, _)) = candidates.last().copied() else { break };
        let ids = candidates.iter().map(|(_, id, _)| *id);
        let (first, end) = ids.fold((i64::MAX, i64::MIN), |(min, max), id| (min.min(id), max.max(id)));
        let matching = select.query_map(params![words, first, end], |row| row.get::<_, i64>(0))?;
        let matching = matching.collect::<Result<HashSet<_>, _>>()?;
        found.extend(candidates.into_iter().filter(|(_, id, _)| matching.contains(id)));
        page.before = (time_ms, last);
    }
    Ok(found)
}

/// Keeps those that match, by the very rules of the index: it is made for them in memory.
fn retain_matches(logs: &mut Vec<Stored<LogRecord>>, words: &str) -> Result<(), QueryError> {
    if logs.is_empty() {
        return Ok(());
    }
    let conn = Connection::open_in_memory()?;
    conn.execute_batch("CREATE VIRTUAL TABLE text USING fts5(message, exception, source, content=''); BEGIN")?;
    let mut insert = conn.prepare("INSERT INTO text(rowid, message, exception, source) VALUES(?1, ?2, ?3, ?4)")?;
    for Stored { id, record, .. } in logs.iter() {
        insert.execute(params![id, record.message, record.exception, record.source])?;
    }
    let mut select = conn.prepare("SELECT rowid FROM text WHERE text MATCH ?1")?;
    let matching = select.query_map([words], |row| row.get::<_, i64>(0))?.collect::<Result<HashSet<_>, _>>()?;
    logs.retain(|log| matching.contains(&log.id));
    Ok(())
}

pub(super) fn events(view: &View<'_>, query: &EventQuery, limit: usize) -> Result<Vec<Stored<Event>>, QueryError> {
    let listing = Listing::new(view, query.before, limit);
    let mut found = Vec::new();
    for resource in view.resources_of("event")? {
        if query.kinds.is_empty() {
            listing.newest("event", "resource = ?6", &[resource.into()], &mut found)?;
        }
        for kind in query.kinds.iter().collect::<HashSet<_>>() {
            listing.newest("event", "resource = ?6 AND kind = ?7", &[resource.into(), kind.clone().into()], &mut found)?;
        }
    }
    let mut all = listing.read("event", found)?;
    view.for_each_pending(|row| {
        let is_wanted = |id: i64, event: &Event| {
            (query.kinds.is_empty() || query.kinds.contains(&event.kind))
                && listing.holds(event.time_ms, id)
                && view.is_tenant(event.tenant.as_deref())
        };
        let events = row.events()?.into_iter().filter(|(id, event)| is_wanted(*id, event));
        all.extend(events.map(|(id, record)| Stored { id, resource: row.resource, record }));
        Ok(())
    })?;
    Ok(listing.finish(all))
}

pub(super) fn results(view: &View<'_>, name: Option<&str>, limit: usize) -> Result<Vec<Stored<CheckResult>>, QueryError> {
    let listing = Listing::new(view, None, limit);
    let mut found = Vec::new();
    for resource in view.resources_of("check_result")? {
        match name {
            None => listing.newest("check_result", "resource = ?6", &[resource.into()], &mut found)?,
            Some(name) => {
                let place = [Value::from(resource), Value::from(name.to_owned())];
                listing.newest("check_result", "resource = ?6 AND name = ?7", &place, &mut found)?;
            }
        }
    }
    let mut all = listing.read("check_result", found)?;
    view.for_each_pending(|row| {
        let is_wanted =
            |id: i64, result: &CheckResult| name.is_none_or(|name| name == result.name) && listing.holds(result.time_ms, id);
        let results = row.checks()?.into_iter().filter(|(id, result)| is_wanted(*id, result));
        all.extend(results.map(|(id, record)| Stored { id, resource: row.resource, record }));
        Ok(())
    })?;
    Ok(listing.finish(all))
}

/// Which of two results says more about a check at the end of a range: the newest before it, else the first behind it. A result is
/// counted by the minute of its frame, so the only one of a range may be a moment behind its end.
fn weight(result: &CheckResult, to_ms: i64) -> (bool, i64) {
    let is_before = result.time_ms < to_ms;
    (is_before, if is_before { result.time_ms } else { result.time_ms.saturating_neg() })
}

/// Every check of the range with its newest result before the end of it.
pub(super) fn checks(view: &View<'_>) -> Result<Vec<CheckSummary>, QueryError> {
    let to_ms = view.range.to_ms;
    let tallies = view.tallies(By { is_by_resource: true, ..By::ALL })?;
    let mut pending: BTreeMap<(ResourceId, String), CheckResult> = BTreeMap::new();
    view.for_each_pending(|row| {
        for (_, result) in row.checks()? {
            let key = (row.resource, result.name.clone());
            if pending.get(&key).is_none_or(|known| weight(known, to_ms) <= weight(&result, to_ms)) {
                pending.insert(key, result);
            }
        }
        Ok(())
    })?;
    let before =
        "SELECT body FROM check_result WHERE resource = ?1 AND name = ?2 AND time_ms < ?3 ORDER BY time_ms DESC, id DESC LIMIT 1";
    let behind = "SELECT body FROM check_result WHERE resource = ?1 AND name = ?2 AND time_ms >= ?3 ORDER BY time_ms, id LIMIT 1";
    let mut selects = [view.conn.prepare_cached(before)?, view.conn.prepare_cached(behind)?];
    let mut all = Vec::new();
    for ((resource, _), tally) in tallies {
        for (name, check) in tally.checks {
            let mut told: Vec<CheckResult> = Vec::with_capacity(2);
            for select in &mut selects {
                let mut rows = select.query(params![resource, name, to_ms])?;
                if let Some(row) = rows.next()? {
                    told.push(value(row.get_ref(0)?.as_blob().unwrap_or_default())?);
                    break;
                }
            }
            // What is not folded yet is younger, which decides between two of one time.
            told.extend(pending.remove(&(resource, name.clone())));
            let latest = told.into_iter().max_by_key(|one| weight(one, to_ms));
            let latest = latest.unwrap_or_else(|| CheckResult { name: name.clone(), ..CheckResult::default() });
            #[expect(clippy::cast_precision_loss, reason = "a count of checks is far below 2^53")]
            let mean_latency_s = (check.answered > 0).then(|| check.latency_s / check.answered as f64);
            let (kind, target) = (latest.kind.clone(), latest.target.clone());
            all.push(CheckSummary {
                resource,
                name,
                kind,
                target,
                total: check.total,
                online: check.online,
                mean_latency_s,
                latest,
            });
        }
    }
    Ok(all)
}
