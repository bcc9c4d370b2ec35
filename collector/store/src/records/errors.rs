//! The newest error of each type, origin and tenant, hour by hour; how many there were is in the tallies.

use std::collections::{BTreeMap, HashMap, HashSet};

use farol_shared::record::{ErrorSummary, OTHER};
use rusqlite::{Connection, params};

use super::{
    ERROR_SAMPLES_MAX,
    counts::By,
    span::{HOUR_MS, ceil, floor, key_of},
    tally::TYPE_END,
    values::{put_value, value},
    view::View,
};
use crate::{
    error::QueryError,
    model::{ErrorType, ResourceId},
};

/// Type, origin and tenant.
type Name = (String, String, String);

/// Samples that a fold adds, the newest of each name, by hour.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<i64, HashMap<Name, ErrorSummary>>);

/// A sample as it is written.
#[derive(Debug)]
pub(super) struct SampleRow {
    hour: i64,
    name: Name,
    last_ms: i64,
    body: Vec<u8>,
}

impl Samples {
    pub(super) fn add(&mut self, resource: ResourceId, frame_ms: i64, error: ErrorSummary) {
        let hour = key_of(resource, 0, floor(frame_ms, HOUR_MS));
        let name = (error.kind.clone(), error.origin.clone(), error.tenant.clone().unwrap_or_default());
        keep_newest(self.0.entry(hour).or_default(), name, error);
    }

    /// The rows to be written: new names only as long as there is room.
    pub(super) fn rows(self, conn: &Connection) -> Result<Vec<SampleRow>, QueryError> {
        let mut select = conn.prepare_cached("SELECT kind, origin, tenant FROM error_sample WHERE hour = ?1")?;
        let mut rows = Vec::new();
        for (hour, samples) in self.0 {
            let known = select.query_map([hour], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            let mut known = known.collect::<Result<HashSet<Name>, _>>()?;
            let mut written: HashMap<Name, ErrorSummary> = HashMap::new();
            for (name, error) in samples {
                let is_room = known.len() < ERROR_SAMPLES_MAX || known.contains(&name);
                let name = if is_room { name } else { (OTHER.to_owned(), name.1, String::new()) };
                known.insert(name.clone());
                keep_newest(&mut written, name, error);
            }
            for (name, error) in written {
                let mut body = Vec::new();
                put_value(&mut body, &error);
                rows.push(SampleRow { hour, name, last_ms: error.time_ms, body });
            }
        }
        Ok(rows)
    }
}

fn keep_newest(samples: &mut HashMap<Name, ErrorSummary>, name: Name, error: ErrorSummary) {
    let is_newest = samples.get(&name).is_none_or(|known| known.time_ms <= error.time_ms);
    if is_newest {
        samples.insert(name, error);
    }
}

pub(super) fn write(conn: &Connection, rows: &[SampleRow]) -> rusqlite::Result<()> {
    let sql = "INSERT INTO error_sample(hour, kind, origin, tenant, last_ms, body) VALUES(?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT DO UPDATE SET last_ms = excluded.last_ms, body = excluded.body WHERE excluded.last_ms >= last_ms";
    let mut insert = conn.prepare_cached(sql)?;
    for SampleRow { hour, name: (kind, origin, tenant), last_ms, body } in rows {
        insert.execute(params![hour, kind, origin, tenant, last_ms, body])?;
    }
    Ok(())
}

/// Errors by type, origin and resource, most frequent first, each with its newest.
pub(super) fn types(view: &View<'_>, limit: usize) -> Result<Vec<ErrorType>, QueryError> {
    let tallies = view.tallies(By { is_by_resource: true, ..By::ALL })?;
    let mut counts: Vec<(ResourceId, String, u64)> = Vec::new();
    for ((resource, _), tally) in tallies {
        counts.extend(tally.errors.into_iter().map(|(name, count)| (resource, name, count)));
    }
    counts.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| (&a.0, &a.1).cmp(&(&b.0, &b.1))));
    counts.truncate(limit);
    let mut pending: HashMap<(ResourceId, String), ErrorSummary> = HashMap::new();
    view.for_each_pending(|row| {
        if view.minute(row).is_none() {
            return Ok(());
        }
        for error in row.errors()?.into_iter().filter(|error| view.is_tenant(error.tenant.as_deref())) {
            let key = (row.resource, format!("{}{TYPE_END}{}", error.kind, error.origin));
            if pending.get(&key).is_none_or(|known| known.time_ms <= error.time_ms) {
                pending.insert(key, error);
            }
        }
        Ok(())
    })?;
    let mut types = Vec::with_capacity(counts.len());
    for (resource, name, count) in counts {
        let (kind, origin) = name.split_once(TYPE_END).unwrap_or((&name, ""));
        let folded = newest(view, resource, kind, origin)?;
        let last = folded.into_iter().chain(pending.remove(&(resource, name.clone()))).max_by_key(|error| error.time_ms);
        // Without a sample (too many types, or it is no longer kept) the name alone is told.
        let mut last = last.unwrap_or_default();
        (last.kind, last.origin, last.count) = (kind.to_owned(), origin.to_owned(), count);
        types.push(ErrorType { count, resource, last });
    }
    Ok(types)
}

/// The newest sample within the hours that the range touches.
fn newest(view: &View<'_>, resource: ResourceId, kind: &str, origin: &str) -> Result<Option<ErrorSummary>, QueryError> {
    let from = key_of(resource, 0, floor(view.range.from_ms, HOUR_MS));
    let to = key_of(resource, 0, ceil(view.range.to_ms, HOUR_MS));
    // Hours from the newest on: nearly always the first one has it.
    let sql = "SELECT body FROM error_sample WHERE hour >= ?1 AND hour < ?2 AND kind = ?3 AND origin = ?4
        AND (?5 IS NULL OR tenant = ?5) ORDER BY hour DESC, last_ms DESC LIMIT 1";
    let mut select = view.conn.prepare_cached(sql)?;
    let mut rows = select.query(params![from, to, kind, origin, view.range.tenant])?;
    rows.next()?.map(|row| value(row.get_ref(0)?.as_blob().unwrap_or_default())).transpose()
}
