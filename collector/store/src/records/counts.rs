//! Answers from what is counted: requests in all, by step, by status, by endpoint and by tenant; errors; events; checks.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use super::{
    bucket::{for_each_route, read_names},
    pending::PendingRow,
    span::{self, Span, floor},
    sum::{RawSum, Sum},
    tally::{CheckTally, Tally},
    top::{Top, Weight},
    view::View,
};
use crate::{
    POINTS_MAX,
    codec::Reader,
    error::QueryError,
    model::{Endpoint, ErrorBucket, ResourceId, TenantTotals, Totals},
};

/// How tallies are added up.
#[derive(Debug, Clone, Copy)]
pub(super) struct By {
    /// None: all of the range.
    pub(super) step_ms: Option<i64>,
    pub(super) is_by_resource: bool,
    pub(super) has_durations: bool,
}

impl By {
    /// All of the range together.
    pub(super) const ALL: Self = Self { step_ms: None, is_by_resource: false, has_durations: false };

    fn key(self, resource: ResourceId, start_ms: i64) -> (ResourceId, i64) {
        (if self.is_by_resource { resource } else { 0 }, self.step_ms.map_or(0, |step| floor(start_ms, step)))
    }
}

/// Checks a step and says which spans suit it.
fn longest(view: &View<'_>, step_ms: i64) -> Result<Span, QueryError> {
    let span = Span::of_step(step_ms).ok_or(QueryError::Invalid("a step is a positive number of whole minutes"))?;
    let points = (view.range.to_ms - view.range.from_ms).div_euclid(step_ms).unsigned_abs();
    let max = u64::from(POINTS_MAX);
    if points > max {
        let fit = span::ceil((view.range.to_ms - view.range.from_ms) / i64::from(POINTS_MAX), Span::Minute.ms());
        return Err(QueryError::TooManyPoints { points, max, step_ms: fit });
    }
    Ok(span)
}

impl View<'_> {
    fn minutes_kept_ms(&self) -> i64 {
        self.shared.options.count_minute_retention_ms.max(self.shared.options.raw_retention_ms)
    }

    /// Rows that answer the question, as ranges of keys.
    fn keys(&self, resource: ResourceId, longest: Span, kept_ms: i64) -> Result<Vec<Range<i64>>, QueryError> {
        let runs = self.runs(resource, longest, kept_ms)?;
        let key = |run: &span::Run, at| span::key(resource, run.span, at);
        Ok(runs.iter().map(|run| key(run, run.from_ms)..key(run, run.to_ms)).collect())
    }

    /// Adds up what is counted.
    pub(super) fn tallies(&self, by: By) -> Result<BTreeMap<(ResourceId, i64), Tally>, QueryError> {
        let longest = by.step_ms.map_or(Ok(Span::Hour), |step| longest(self, step))?;
        let mut all: BTreeMap<(ResourceId, i64), Tally> = BTreeMap::new();
        let sql = match self.range.tenant {
            None => "SELECT id, body FROM tally WHERE id >= ?1 AND id < ?2 AND ?3 IS NULL",
            Some(_) => {
                "SELECT tally.id, theirs.body FROM tally CROSS JOIN tally_tenant AS theirs
                    ON theirs.tally = tally.id AND theirs.tenant = ?3 WHERE tally.id >= ?1 AND tally.id < ?2"
            }
        };
        let mut select = self.conn.prepare_cached(sql)?;
        for resource in self.resources("tally")? {
            for keys in self.keys(resource, longest, self.minutes_kept_ms())? {
                let mut rows = select.query((keys.start, keys.end, &self.range.tenant))?;
                while let Some(row) = rows.next()? {
                    let (_, _, start_ms) = span::parts(row.get(0)?);
                    let tally = all.entry(by.key(resource, start_ms)).or_default();
                    tally.add_encoded(row.get_ref(1)?.as_blob().unwrap_or_default(), by.has_durations)?;
                }
            }
        }
        self.for_each_pending(|row| {
            let Some(minute) = self.minute(row) else { return Ok(()) };
            self.add_pending(row, all.entry(by.key(row.resource, minute)).or_default())
        })?;
        Ok(all)
    }

    fn add_pending(&self, row: &PendingRow<'_>, tally: &mut Tally) -> Result<(), QueryError> {
        row.requests(|request| {
            if self.is_tenant(Some(request.tenant)) {
                tally.add_request(request.status, &request.sum);
            }
        })?;
        row.errors()?.iter().filter(|error| self.is_tenant(error.tenant.as_deref())).for_each(|error| tally.add_error(error));
        let events = row.events()?;
        let events = events.iter().filter(|(_, event)| self.is_tenant(event.tenant.as_deref()));
        events.for_each(|(_, event)| tally.add_event(&event.kind, 1));
        if self.range.tenant.is_none() {
            tally.levels.merge(&row.levels()?);
            for (_, result) in row.checks()? {
                let mut check = CheckTally::default();
                check.add(&result);
                tally.add_check(&result.name, &check);
            }
        } else {
            let logs = row.logs()?;
            let logs = logs.iter().filter(|(_, log)| self.is_tenant(log.tenant.as_deref()));
            logs.for_each(|(_, log)| tally.levels.add(log.level));
        }
        Ok(())
    }

    /// Reads every endpoint of every row, as name and requests.
    fn for_each_endpoint(&self, mut each: impl FnMut(&str, &RawSum<'_>)) -> Result<(), QueryError> {
        let (sql, kept_ms) = match self.range.tenant {
            None => ("SELECT names, body FROM tally_route WHERE id >= ?1 AND id < ?2 AND ?3 IS NULL", self.minutes_kept_ms()),
            Some(_) => (
                "SELECT route.names, theirs.body FROM tally_route AS route CROSS JOIN tally_tenant_route AS theirs
                    ON theirs.tally = route.id AND theirs.tenant = ?3 WHERE route.id >= ?1 AND route.id < ?2",
                self.shared.options.raw_retention_ms,
            ),
        };
        let mut select = self.conn.prepare_cached(sql)?;
        for resource in self.resources("tally")? {
            for keys in self.keys(resource, Span::Hour, kept_ms)? {
                let mut rows = select.query((keys.start, keys.end, &self.range.tenant))?;
                while let Some(row) = rows.next()? {
                    let names = read_names(row.get_ref(0)?.as_blob().unwrap_or_default())?;
                    for_each_route(row.get_ref(1)?.as_blob().unwrap_or_default(), |place, sum| {
                        if let Some(name) = names.get(place) {
                            each(name, &sum);
                        }
                    })?;
                }
            }
        }
        self.for_each_pending(|row| {
            if self.minute(row).is_none() {
                return Ok(());
            }
            row.requests(|request| {
                if self.is_tenant(Some(request.tenant)) {
                    each(request.endpoint, &request.sum);
                }
            })
        })
    }

    /// Reads every tenant of every row, as name and requests; the empty name is that of none.
    fn for_each_tenant(&self, mut each: impl FnMut(&str, &RawSum<'_>)) -> Result<(), QueryError> {
        let mut read = |name: &str, body: &[u8]| -> Result<(), QueryError> {
            if self.is_tenant(Some(name)) {
                each(name, &RawSum::read(&mut Reader::new(body))?);
            }
            Ok(())
        };
        let mut nameless = self.conn.prepare_cached("SELECT body FROM tally WHERE id >= ?1 AND id < ?2 AND tenants = 0")?;
        let mut named = self.conn.prepare_cached("SELECT tenant, body FROM tally_tenant WHERE tally >= ?1 AND tally < ?2")?;
        for resource in self.resources("tally")? {
            for keys in self.keys(resource, Span::Hour, self.minutes_kept_ms())? {
                let mut rows = nameless.query([keys.start, keys.end])?;
                while let Some(row) = rows.next()? {
                    read("", row.get_ref(0)?.as_blob().unwrap_or_default())?;
                }
                let mut rows = named.query([keys.start, keys.end])?;
                while let Some(row) = rows.next()? {
                    let name = row.get_ref(0)?.as_str().unwrap_or_default();
                    read(name, row.get_ref(1)?.as_blob().unwrap_or_default())?;
                }
            }
        }
        self.for_each_pending(|row| {
            if self.minute(row).is_none() {
                return Ok(());
            }
            row.requests(|request| {
                if self.is_tenant(Some(request.tenant)) {
                    each(request.tenant, &request.sum);
                }
            })
        })
    }

    pub(super) fn totals(&self) -> Result<Totals, QueryError> {
        let all = self.tallies(By { has_durations: true, ..By::ALL })?;
        Ok(all.into_values().next().unwrap_or_default().requests.totals())
    }

    pub(super) fn steps(&self, step_ms: i64) -> Result<Vec<(i64, Totals)>, QueryError> {
        let all = self.tallies(By { step_ms: Some(step_ms), has_durations: true, ..By::ALL })?;
        let steps = all.into_iter().filter(|(_, tally)| tally.requests.count > 0);
        Ok(steps.map(|((_, start_ms), tally)| (start_ms, tally.requests.totals())).collect())
    }

    pub(super) fn error_steps(&self, step_ms: i64) -> Result<Vec<ErrorBucket>, QueryError> {
        use farol_shared::record::Level;
        let all = self.tallies(By { step_ms: Some(step_ms), ..By::ALL })?;
        let buckets = all.into_iter().map(|((_, time_ms), tally)| ErrorBucket {
            time_ms,
            requests_failed: tally.requests.failed,
            exceptions: tally.exceptions(),
            log_errors: tally.levels.of(Level::Error).saturating_add(tally.levels.of(Level::Fatal)),
        });
        Ok(buckets.filter(|bucket| bucket.requests_failed + bucket.exceptions + bucket.log_errors > 0).collect())
    }

    pub(super) fn endpoints(&self, limit: usize) -> Result<Vec<Endpoint>, QueryError> {
        // Twice over: durations are only added up for those that are told.
        let mut top = Top::default();
        self.for_each_endpoint(|name, sum| top.add(name, sum))?;
        let names = top.first(limit, |a, b| b.count.cmp(&a.count));
        let mut sums: HashMap<&str, Sum> = names.iter().map(|name| (name.as_str(), Sum::default())).collect();
        self.for_each_endpoint(|name, sum| {
            if let Some(known) = sums.get_mut(name) {
                known.add(sum);
            }
        })?;
        let endpoint = |name: &String| {
            let (method, route) = name.split_once(' ').unwrap_or(("", name));
            let totals = sums.get(name.as_str()).map(Sum::totals).unwrap_or_default();
            Endpoint { method: method.to_owned(), route: route.to_owned(), totals }
        };
        Ok(names.iter().map(endpoint).collect())
    }

    pub(super) fn tenants(&self, limit: usize) -> Result<Vec<TenantTotals>, QueryError> {
        let mut top = Top::default();
        self.for_each_tenant(|name, sum| top.add(name, sum))?;
        let order = |a: &Weight, b: &Weight| b.slow_s.total_cmp(&a.slow_s).then(b.count.cmp(&a.count));
        let names = top.first(limit, order);
        let mut sums: HashMap<&str, Sum> = names.iter().map(|name| (name.as_str(), Sum::default())).collect();
        self.for_each_tenant(|name, sum| {
            if let Some(known) = sums.get_mut(name) {
                known.add(sum);
            }
        })?;
        let tenant = |name: &String| TenantTotals {
            tenant: (!name.is_empty()).then(|| name.clone()),
            totals: sums.get(name.as_str()).map(Sum::totals).unwrap_or_default(),
        };
        Ok(names.iter().map(tenant).collect())
    }
}
