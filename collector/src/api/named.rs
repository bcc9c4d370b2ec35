//! Figures by the names that other front ends ask for (`requests_per_sec`, `cache_hit_ratio`, ...): one table of where each comes
//! from. A figure that nobody reports is `null`.

use std::collections::{BTreeMap, HashMap, HashSet};

use farol_shared::{catalog, metric::Metric};
use farol_store::{Across, Aggregate, Query, RecordRange, ResourceId, Store, Totals};
use serde::Serialize;

use super::{
    App,
    parameters::Range,
    records::{figures, ms, share, told},
    visible::Visible,
};
use crate::{access::View, number, problem::Problem, service::window::Figures};

/// Over how long checks are counted for the availability, in milliseconds: a day.
const AVAILABLE_OVER_MS: i64 = 86_400_000;

/// Over how long a tenant's requests are counted to tell how they are now, in milliseconds.
const TENANT_OVER_MS: i64 = 5 * 60_000;

/// Shortest step in which the store adds requests up, in milliseconds.
const REQUESTS_STEP_MS: i64 = 60_000;

/// Where a figure comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// Requests a second of all services.
    RequestRate,
    /// Failed requests of all services, in percent.
    ErrorPercent,
    /// A quantile of the durations of all services, in milliseconds.
    LatencyMs(f64),
    /// The newest value of the metric of this very name that an application reports.
    Application(Merge),
    /// The same, else what the Redis instances of the configuration tell.
    Cache(Merge, Cache),
    /// Seconds since the collector started.
    Uptime,
    /// Successful checks, in percent.
    Availability,
}

/// What of a Redis stands for a figure.
#[derive(Debug, Clone, Copy)]
struct Cache {
    metric: &'static Metric,
    aggregate: Aggregate,
    merge: Merge,
    /// In the figure's unit: ratios are told in percent.
    factor: f64,
}

const fn cache(own: Merge, metric: &'static Metric, aggregate: Aggregate, merge: Merge, factor: f64) -> Source {
    Source::Cache(own, Cache { metric, aggregate, merge, factor })
}

/// What becomes of the values of several series.
#[derive(Debug, Clone, Copy)]
enum Merge {
    Sum,
    Mean,
    Least,
}

const SUM: Source = Source::Application(Merge::Sum);
const MEAN: Source = Source::Application(Merge::Mean);

/// Every figure.
const FIGURES: &[(&str, Source)] = &[
    ("requests_per_sec", Source::RequestRate),
    ("error_rate", Source::ErrorPercent),
    ("response_time_p50", Source::LatencyMs(0.50)),
    ("response_time_p95", Source::LatencyMs(0.95)),
    ("cache_hit_ratio", cache(Merge::Mean, &catalog::REDIS_HIT_RATIO, Aggregate::Mean, Merge::Mean, 100.0)),
    ("cache_hits", cache(Merge::Sum, &catalog::REDIS_KEYSPACE_HITS, Aggregate::Last, Merge::Sum, 1.0)),
    ("cache_misses", cache(Merge::Sum, &catalog::REDIS_KEYSPACE_MISSES, Aggregate::Last, Merge::Sum, 1.0)),
    ("cache_size", cache(Merge::Sum, &catalog::REDIS_KEYS, Aggregate::Last, Merge::Sum, 1.0)),
    ("cache_evictions", cache(Merge::Sum, &catalog::REDIS_KEYS_EVICTED, Aggregate::Last, Merge::Sum, 1.0)),
    ("agents_active", SUM),
    ("agents_created", SUM),
    ("agents_failed", SUM),
    // Connected is who is connected everywhere.
    ("tws_connected", Source::Application(Merge::Least)),
    ("tws_latency_ms", MEAN),
    ("tws_requests_success", SUM),
    ("tws_requests_failed", SUM),
    ("system_uptime", Source::Uptime),
    ("system_availability", Source::Availability),
    ("async_operations_active", SUM),
];

/// A figure's points by time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Points(BTreeMap<i64, f64>);

impl Serialize for Points {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(time_ms, value)| (*time_ms, number::concise(*value))))
    }
}

/// Every figure as it is now, of what is seen.
pub(super) fn current(app: &App, view: &View, now_ms: i64) -> Result<BTreeMap<&'static str, Option<f64>>, Problem> {
    let parts = app.parts();
    let visible = Visible::of(app, view);
    let requests = Requests::now(app, view, now_ms)?;
    let mut names: HashSet<&str> = FIGURES.iter().map(|(name, _)| *name).collect();
    names.extend(FIGURES.iter().filter_map(|(_, source)| match source {
        Source::Cache(_, cache) => Some(cache.metric.name),
        _ => None,
    }));
    let mut reported: HashMap<String, Vec<f64>> = HashMap::new();
    parts.live.each(now_ms, &mut |resource, key, value| {
        if names.contains(key.metric.as_str()) && visible.has(resource) {
            reported.entry(key.metric.clone()).or_default().push(value);
        }
    });
    let mut all = BTreeMap::new();
    for (name, source) in FIGURES {
        let value = match source {
            Source::RequestRate => requests.rate,
            Source::ErrorPercent => requests.figures.error_ratio().map(|ratio| ratio * 100.0),
            Source::LatencyMs(q) => requests.figures.quantile_s(*q).map(ms),
            Source::Application(merge) => reported.get(*name).and_then(|values| merge.of(values)),
            Source::Cache(own, cache) => {
                reported.get(*name).and_then(|values| own.of(values)).or_else(|| cache.of(reported.get(cache.metric.name)?))
            }
            // The collector belongs to the house.
            Source::Uptime => (*view == View::Whole).then(|| seconds(now_ms.saturating_sub(parts.started_ms))),
            Source::Availability => availability(&parts.store, &visible, now_ms)?,
        };
        all.insert(*name, value.map(number::concise));
    }
    Ok(all)
}

/// Requests of late: of the sliding windows, or for a tenant of what was counted, as windows are not kept by tenant.
struct Requests {
    /// Requests a second.
    rate: Option<f64>,
    figures: Figures,
}

impl Requests {
    fn now(app: &App, view: &View, now_ms: i64) -> Result<Self, Problem> {
        let parts = app.parts();
        let Some(tenant) = view.tenant() else {
            return Ok(Self { rate: parts.services.rate(&[], now_ms), figures: parts.services.figures(&[], now_ms) });
        };
        let range = RecordRange {
            from_ms: now_ms.saturating_sub(TENANT_OVER_MS),
            to_ms: now_ms.saturating_add(1),
            tenant: Some(tenant.to_owned()),
            ..RecordRange::default()
        };
        let figures = figures(told(parts.store.request_totals(&range))?);
        #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
        let rate = (figures.count > 0).then(|| figures.count as f64 / seconds(TENANT_OVER_MS));
        Ok(Self { rate, figures })
    }
}

/// Every figure of what is seen over a stretch of time, in points of about `step_ms`; of requests in whole minutes.
pub(super) fn history(app: &App, view: &View, range: Range, step_ms: i64) -> Result<BTreeMap<&'static str, Points>, Problem> {
    let parts = app.parts();
    let resources = Visible::of(app, view).narrow(Vec::new());
    let question = Question { store: &parts.store, range, step_ms, resources };
    let tenant = view.tenant().map(str::to_owned);
    let of_requests = RecordRange { from_ms: range.from_ms, to_ms: range.to_ms, tenant, ..RecordRange::default() };
    let requests_step_ms = (step_ms - 1).div_euclid(REQUESTS_STEP_MS) * REQUESTS_STEP_MS + REQUESTS_STEP_MS;
    let requests = told(parts.store.request_steps(&of_requests, requests_step_ms))?;
    let of_steps = |value: &dyn Fn(&Totals) -> Option<f64>| {
        Points(requests.iter().filter_map(|(time_ms, totals)| Some((*time_ms, value(totals)?))).collect())
    };
    let mut all = BTreeMap::new();
    for (name, source) in FIGURES {
        let points = match source {
            #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
            Source::RequestRate if *view != View::Whole => {
                of_steps(&|totals| Some(totals.count as f64 / seconds(requests_step_ms)))
            }
            Source::RequestRate => {
                question.ask(catalog::HTTP_SERVER_REQUEST_RATE.name, Aggregate::Mean, |all| Merge::Sum.of(all))?
            }
            Source::ErrorPercent => of_steps(&|totals| figures(totals.clone()).error_ratio().map(|ratio| ratio * 100.0)),
            Source::LatencyMs(q) => of_steps(&|totals| figures(totals.clone()).quantile_s(*q).map(ms)),
            Source::Application(merge) => question.ask(name, Aggregate::Last, |all| merge.of(all))?,
            Source::Cache(own, cache) => {
                let told = question.ask(name, Aggregate::Last, |all| own.of(all))?;
                if told.0.is_empty() { question.ask(cache.metric.name, cache.aggregate, |all| cache.of(all))? } else { told }
            }
            Source::Uptime if *view != View::Whole => Points::default(),
            Source::Uptime => question.uptime(parts.started_ms),
            // How many of the checks are online in the step.
            Source::Availability => question.ask(catalog::CHECK_STATE.name, Aggregate::Last, |states| {
                let online = states.iter().filter(|state| **state >= 1.0).count() as u64;
                (!states.is_empty()).then(|| share(online, states.len() as u64) * 100.0)
            })?,
        };
        all.insert(*name, points);
    }
    Ok(all)
}

struct Question<'a> {
    store: &'a Store,
    range: Range,
    step_ms: i64,
    resources: Vec<ResourceId>,
}

impl Question<'_> {
    /// All series of a metric, made one.
    fn ask(&self, metric: &str, aggregate: Aggregate, merge: impl Fn(&[f64]) -> Option<f64>) -> Result<Points, Problem> {
        let answer = told(self.store.query(&Query {
            metric: metric.to_owned(),
            resources: self.resources.clone(),
            from_ms: self.range.from_ms,
            to_ms: self.range.to_ms,
            step_ms: self.step_ms,
            aggregate,
            across: Across::None,
            max_points: farol_store::POINTS_MAX,
            ..Query::default()
        }))?;
        let mut steps: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for (time_ms, value) in answer.series.into_iter().flat_map(|series| series.points) {
            steps.entry(time_ms).or_default().push(value);
        }
        Ok(Points(steps.into_iter().filter_map(|(time_ms, values)| Some((time_ms, merge(&values)?))).collect()))
    }

    fn uptime(&self, started_ms: i64) -> Points {
        let first = self.range.from_ms.max(started_ms).div_euclid(self.step_ms) + 1;
        let last = (self.range.to_ms - 1).div_euclid(self.step_ms);
        Points((first..=last).map(|step| (step * self.step_ms, seconds(step * self.step_ms - started_ms))).collect())
    }
}

impl Cache {
    fn of(&self, values: &[f64]) -> Option<f64> {
        self.merge.of(values).map(|value| value * self.factor)
    }
}

impl Merge {
    #[expect(clippy::cast_precision_loss, reason = "at most a few thousand series")]
    fn of(self, values: &[f64]) -> Option<f64> {
        let all = values.iter().copied();
        match self {
            Self::Sum => all.reduce(|sum, value| sum + value),
            Self::Mean => all.reduce(|sum, value| sum + value).map(|sum| sum / values.len() as f64),
            Self::Least => all.reduce(f64::min),
        }
    }
}

/// Successful checks of the last day, in percent; `None` when nothing was checked.
fn availability(store: &Store, visible: &Visible, now_ms: i64) -> Result<Option<f64>, Problem> {
    let range = RecordRange {
        from_ms: now_ms.saturating_sub(AVAILABLE_OVER_MS),
        to_ms: now_ms.saturating_add(1),
        resources: visible.narrow(Vec::new()),
        ..RecordRange::default()
    };
    let checks = told(store.checks(&range))?;
    let total: u64 = checks.iter().map(|check| check.total).sum();
    let online: u64 = checks.iter().map(|check| check.online).sum();
    Ok((total > 0).then(|| share(online, total) * 100.0))
}

#[expect(clippy::cast_precision_loss, reason = "a stretch of time is far below 2^52 ms")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_several_series_become_one_and_of_none_none() {
        assert_eq!(Merge::Sum.of(&[1.0, 2.0]), Some(3.0));
        assert_eq!(Merge::Mean.of(&[1.0, 2.0]), Some(1.5));
        assert_eq!(Merge::Least.of(&[1.0, 0.0]), Some(0.0));
        assert_eq!(Merge::Sum.of(&[]), None);
    }
}
