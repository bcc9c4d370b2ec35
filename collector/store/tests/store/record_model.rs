//! What every answer about records should say, computed the slow way from a list of all of them.

use std::collections::BTreeMap;

use farol_shared::{
    record::{ErrorSummary, Event, Level, LogRecord, Records, Request, RequestSummary},
    sketch::Sketch,
};
use farol_store::{ErrorBucket, EventQuery, LogQuery, RecordRange, Store, Totals};

use crate::{harness::HOUR_MS, records::MINUTE_MS};

pub(crate) struct Model<'a> {
    pub(crate) range: &'a RecordRange,
    pub(crate) told: &'a [(u32, i64, &'a Records)],
}

fn add(sums: &mut Vec<RequestSummary>, one: &RequestSummary) {
    sums.push(one.clone());
}

fn assert_totals(found: &Totals, parts: &[RequestSummary]) {
    let count: u64 = parts.iter().map(|one| one.count).sum();
    assert_eq!((found.count, found.failed), (count, parts.iter().map(|one| one.failed).sum()));
    let mut sketch = Sketch::new();
    parts.iter().for_each(|one| sketch.merge(&one.durations()));
    assert_eq!(found.sketch, sketch, "merged sketches are the sketch of all");
    let min = parts.iter().map(|one| one.min_s).fold(f64::INFINITY, f64::min);
    assert_eq!(found.min_s, if count == 0 { 0.0 } else { min });
    assert_eq!(found.max_s, parts.iter().map(|one| one.max_s).fold(0.0, f64::max));
    for (found, expected) in [
        (found.sum_s, parts.iter().map(|one| one.sum_s).sum::<f64>()),
        (found.slow_s, parts.iter().map(|one| one.slow_s).sum::<f64>()),
    ] {
        assert!((found - expected).abs() < 1e-9 * expected.max(1.0), "{found}, not {expected}");
    }
}

impl Model<'_> {
    fn is_tenant(&self, tenant: Option<&String>) -> bool {
        self.range.tenant.is_none() || self.range.tenant.as_ref() == tenant
    }

    fn holds(&self, time_ms: i64) -> bool {
        (self.range.from_ms..self.range.to_ms).contains(&time_ms)
    }

    /// What is counted in the range: by the start of the minute of its frame.
    fn counted(&self) -> impl Iterator<Item = (u32, i64, &Records)> {
        let told = self.told.iter().map(|(id, time_ms, records)| (*id, time_ms.div_euclid(MINUTE_MS) * MINUTE_MS, *records));
        told.filter(|(_, minute, _)| self.holds(*minute))
    }

    pub(crate) fn check_requests(&self, store: &Store) {
        let (mut total, mut statuses) = (Vec::new(), BTreeMap::new());
        let (mut steps, mut endpoints, mut tenants) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (_, minute, records) in self.counted() {
            for one in records.requests.iter().filter(|one| self.is_tenant(one.tenant.as_ref())) {
                add(&mut total, one);
                *statuses.entry(one.status).or_insert(0) += one.count;
                for step_ms in [MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS] {
                    add(steps.entry((step_ms, minute.div_euclid(step_ms) * step_ms)).or_default(), one);
                }
                add(endpoints.entry((one.method.clone(), one.route.clone())).or_default(), one);
                add(tenants.entry(one.tenant.clone()).or_default(), one);
            }
        }
        assert_totals(&store.request_totals(self.range).unwrap(), &total);
        assert_eq!(store.request_statuses(self.range).unwrap(), statuses.into_iter().collect::<Vec<_>>());
        for step_ms in [MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS] {
            let found = store.request_steps(self.range, step_ms).unwrap();
            let expected: Vec<_> = steps.iter().filter(|((step, _), _)| *step == step_ms).collect();
            assert_eq!(
                found.iter().map(|(at, _)| at).collect::<Vec<_>>(),
                expected.iter().map(|((_, at), _)| at).collect::<Vec<_>>()
            );
            found.iter().zip(expected).for_each(|((_, found), (_, parts))| assert_totals(found, parts));
        }
        let found = store.endpoints(self.range, 1_000).unwrap();
        assert!(found.is_sorted_by_key(|one| std::cmp::Reverse(one.totals.count)));
        assert_eq!(found.len(), endpoints.len());
        for one in found {
            assert_totals(&one.totals, &endpoints[&(one.method, one.route)]);
        }
        let found = store.tenants(self.range, 1_000).unwrap();
        assert_eq!(found.len(), tenants.len());
        assert!(found.is_sorted_by(|a, b| a.totals.slow_s + 1e-9 >= b.totals.slow_s));
        for one in found {
            assert_totals(&one.totals, &tenants[&one.tenant]);
        }
    }

    pub(crate) fn check_kept(&self, store: &Store) {
        let kept = |of: fn(&Records) -> &Vec<Request>| {
            let requests = self.told.iter().flat_map(move |(_, _, records)| of(records));
            let requests = requests.filter(|one| self.holds(one.time_ms) && self.is_tenant(one.tenant.as_ref()));
            requests.cloned().collect::<Vec<_>>()
        };
        let (mut recent, mut slow) = (kept(|records| &records.recent), kept(|records| &records.slow));
        recent.sort_by_key(|one| std::cmp::Reverse(one.time_ms));
        slow.sort_by(|a, b| b.duration_s.total_cmp(&a.duration_s));
        for limit in [5, 1_000] {
            let found = store.recent_requests(self.range, limit).unwrap();
            assert_eq!(times(&found), recent.iter().take(limit).map(|one| one.time_ms).collect::<Vec<_>>());
            let found = store.slow_requests(self.range, limit).unwrap();
            let durations = found.iter().map(|one| one.record.duration_s);
            assert!(durations.eq(slow.iter().take(limit).map(|one| one.duration_s)), "the slowest");
            assert!(found.iter().all(|one| slow.contains(&one.record)), "as it was told");
        }
    }

    pub(crate) fn check_lists(&self, store: &Store) {
        for (least, text) in
            [(Level::Trace, None), (Level::Error, None), (Level::Warn, Some("ete")), (Level::Warn, Some("\"app.log\" took lon"))]
        {
            let words: Vec<&str> = match text {
                Some("ete") => vec!["Été"],
                Some(_) => vec!["long"],
                None => Vec::new(),
            };
            let logs = self.told.iter().flat_map(|(_, _, records)| &records.logs);
            let mut expected: Vec<&LogRecord> = logs
                .filter(|one| one.level >= least && self.holds(one.time_ms) && self.is_tenant(one.tenant.as_ref()))
                .filter(|one| words.iter().all(|word| one.message.contains(word)))
                .collect();
            expected.sort_by_key(|one| std::cmp::Reverse(one.time_ms));
            let mut query = LogQuery { range: self.range.clone(), least, text: text.map(str::to_owned), before: None, limit: 7 };
            let mut found = Vec::new();
            loop {
                let page = store.logs(&query).unwrap();
                let Some(last) = page.last() else { break };
                query.before = Some((last.record.time_ms, last.id));
                found.extend(page);
            }
            assert_eq!(
                found.iter().map(|one| one.record.time_ms).collect::<Vec<_>>(),
                expected.iter().map(|one| one.time_ms).collect::<Vec<_>>()
            );
            let ids: std::collections::HashSet<i64> = found.iter().map(|one| one.id).collect();
            assert_eq!(ids.len(), found.len(), "each has its own number");
            assert!(found.iter().all(|one| expected.contains(&&one.record)), "as it was told");
        }
        for kinds in [vec![], vec!["Event1".to_owned(), "Event2".to_owned()]] {
            let events = self.told.iter().flat_map(|(_, _, records)| &records.events);
            let is_kind = |one: &Event| kinds.is_empty() || kinds.contains(&one.kind);
            let mut expected: Vec<&Event> =
                events.filter(|one| is_kind(one) && self.holds(one.time_ms) && self.is_tenant(one.tenant.as_ref())).collect();
            expected.sort_by_key(|one| std::cmp::Reverse(one.time_ms));
            let query = EventQuery { range: self.range.clone(), kinds, before: None, limit: 1_000 };
            let found = store.events(&query).unwrap();
            assert_eq!(
                found.iter().map(|one| one.record.time_ms).collect::<Vec<_>>(),
                expected.iter().map(|one| one.time_ms).collect::<Vec<_>>()
            );
        }
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for (_, _, records) in self.counted() {
            for one in records.events.iter().filter(|one| self.is_tenant(one.tenant.as_ref())) {
                *counts.entry(one.kind.clone()).or_default() += 1;
            }
        }
        assert_eq!(store.event_counts(self.range).unwrap().into_iter().collect::<BTreeMap<_, _>>(), counts);
    }

    pub(crate) fn check_errors(&self, store: &Store) {
        let (mut steps, mut types) = (BTreeMap::new(), BTreeMap::new());
        for (id, minute, records) in self.counted() {
            let hour = minute.div_euclid(HOUR_MS) * HOUR_MS;
            let step = steps.entry(hour).or_insert(ErrorBucket { time_ms: hour, ..ErrorBucket::default() });
            let requests = records.requests.iter().filter(|one| self.is_tenant(one.tenant.as_ref()));
            step.requests_failed += requests.map(|one| one.failed).sum::<u64>();
            step.log_errors += match self.range.tenant {
                None => records.levels.of(Level::Error) + records.levels.of(Level::Fatal),
                Some(_) => {
                    records.logs.iter().filter(|one| one.level >= Level::Error && self.is_tenant(one.tenant.as_ref())).count()
                        as u64
                }
            };
            for one in records.errors.iter().filter(|one| self.is_tenant(one.tenant.as_ref())) {
                step.exceptions += one.count;
                *types.entry((id, one.kind.clone(), one.origin.clone())).or_insert(0) += one.count;
            }
        }
        steps.retain(|_, step| step.requests_failed + step.exceptions + step.log_errors > 0);
        assert_eq!(store.error_buckets(self.range, HOUR_MS).unwrap(), steps.into_values().collect::<Vec<_>>());
        let found = store.error_types(self.range, 1_000).unwrap();
        assert_eq!(found.len(), types.len());
        assert!(found.is_sorted_by_key(|one| std::cmp::Reverse(one.count)));
        for one in found {
            let name = (one.resource, one.last.kind.clone(), one.last.origin.clone());
            assert_eq!(one.count, types[&name]);
            assert_eq!(one.last.count, one.count);
            // The newest of the hours that the range touches, by the time of their frames.
            let touches = |time_ms: i64| {
                let hour = time_ms.div_euclid(HOUR_MS) * HOUR_MS;
                hour + HOUR_MS > self.range.from_ms && hour < self.range.to_ms
            };
            let mut samples: Vec<&ErrorSummary> = (self.told.iter())
                .filter(|(id, time_ms, _)| *id == one.resource && touches(*time_ms))
                .flat_map(|(_, _, records)| &records.errors)
                .filter(|error| error.kind == name.1 && error.origin == name.2 && self.is_tenant(error.tenant.as_ref()))
                .collect();
            samples.sort_by_key(|error| error.time_ms);
            assert!(samples.iter().any(|error| error.message == one.last.message), "its newest is one of them");
        }
    }

    pub(crate) fn check_checks(&self, store: &Store) {
        let mut expected: BTreeMap<(u32, String), (u64, u64)> = BTreeMap::new();
        for (id, _, records) in self.counted() {
            for one in &records.checks {
                let sums = expected.entry((id, one.name.clone())).or_default();
                (sums.0, sums.1) = (sums.0 + 1, sums.1 + u64::from(one.is_success));
            }
        }
        let found = store.checks(self.range).unwrap();
        let sums = found.iter().map(|one| ((one.resource, one.name.clone()), (one.total, one.online)));
        assert_eq!(sums.collect::<BTreeMap<_, _>>(), expected);
        for one in found {
            let all = self.told.iter().filter(|(id, ..)| *id == one.resource).flat_map(|(_, _, records)| &records.checks);
            // A result that is counted by its frame's minute may itself be behind the end: it speaks when there is no other.
            let (before, behind): (Vec<i64>, Vec<i64>) = all
                .filter(|check| check.name == one.name)
                .map(|check| check.time_ms)
                .partition(|time_ms| *time_ms < self.range.to_ms);
            assert_eq!(Some(one.latest.time_ms), before.into_iter().max().or(behind.into_iter().min()));
            assert!(one.mean_latency_s.is_none_or(|mean| (mean - 0.25).abs() < 1e-12));
            let results = store.check_results(self.range, Some(&one.name), 1_000).unwrap();
            let results = results.iter().filter(|result| result.resource == one.resource).count();
            let told = self.told.iter().filter(|(id, ..)| *id == one.resource).flat_map(|(_, _, records)| &records.checks);
            assert_eq!(results, told.filter(|check| check.name == one.name && self.holds(check.time_ms)).count());
        }
    }
}

fn times(found: &[farol_store::Stored<Request>]) -> Vec<i64> {
    found.iter().map(|one| one.record.time_ms).collect()
}
