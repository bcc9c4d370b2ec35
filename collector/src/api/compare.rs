//! `GET /api/v1/compare`: today since midnight against yesterday up to the same time of day.
//!
//! Counters are compared by their increase, gauges by their mean, the requests of a service by what its summaries add up to: exact
//! counts and ratios, quantiles of merged sketches.

use std::collections::{BTreeMap, HashSet};

use axum::{extract::Request, response::Response};
use farol_shared::{catalog, metric::Kind};
use farol_store::{Aggregate, Query, RecordRange, ResourceId, Store};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App, aside, json_bytes,
    parameters::{Parameters, wrong},
    records::{figures, told},
    requests::write,
    series::Attributes,
    visible::Visible,
};
use crate::{access::View, number::concise, problem::Problem, service::window::Figures};

mod good;

pub use good::Good;

/// Most resources of one question: as many as a page of cards shows.
const RESOURCES_MAX: usize = 50;

/// Most metrics of one question.
const METRICS_MAX: usize = 64;

/// Most series of one answer.
const SERIES_MAX: usize = 2_000;

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// A process of today is not the one of yesterday, whatever its number is.
const NOT_COMPARED: &[&str] = &["process.cpu.time", "process.memory.usage"];

/// How many requests a service answered, which no series tells.
const REQUEST_COUNT: &str = "http.server.request.count";

/// Today against yesterday.
#[derive(Debug, Serialize, ToSchema)]
pub struct Comparison {
    /// Midnight, in milliseconds since the epoch.
    pub from: i64,
    /// Now, to the minute.
    pub to: i64,
    /// Midnight a day before.
    pub before_from: i64,
    /// The same time a day before.
    pub before_to: i64,
    /// One entry a series that has a value on either day, by resource and metric.
    pub metrics: Vec<Change>,
}

/// One series today and yesterday.
#[derive(Debug, Serialize, ToSchema)]
pub struct Change {
    /// Number of its resource.
    pub resource: ResourceId,
    /// Name of the metric.
    pub metric: String,
    /// What tells it from the other series of the metric.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub attributes: Attributes,
    /// Unit of the values.
    pub unit: String,
    /// Increase or mean of today.
    pub today: Option<f64>,
    /// Increase or mean of yesterday, up to the same time.
    pub yesterday: Option<f64>,
    /// Today less yesterday.
    pub difference: Option<f64>,
    /// The difference against yesterday, in percent; `null` when yesterday is 0 or not known.
    pub percent: Option<f64>,
    /// `up`, `down` or `same`; `null` when one of the days is not known.
    pub direction: Option<&'static str>,
    /// Which way is good: `up`, `down` or `neither`.
    pub good: Good,
    /// Whether today is better than yesterday; `null` when neither way is good or nothing changed.
    pub is_better: Option<bool>,
}

/// The two stretches that are compared, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Days {
    from_ms: i64,
    to_ms: i64,
}

/// Values of one series on both days: today, yesterday.
type Pair = [Option<f64>; 2];

/// Resource, metric, attributes, unit.
type Key = (ResourceId, String, Vec<(String, String)>, String);

/// Answers the comparison.
pub(super) async fn compare(app: App, request: Request) -> Result<Response, Problem> {
    let parameters = Parameters::of(request.uri(), &["resource", "metric", "offset"])?;
    let (view, resources) = (View::of(&request)?, parameters.resources()?);
    let metrics: HashSet<String> = parameters.list("metric")?.into_iter().map(str::to_owned).collect();
    if resources.is_empty() && metrics.is_empty() {
        return Err(wrong("resource", "is missing: name resources, metrics or both"));
    }
    for (name, len, max) in [("resource", resources.len(), RESOURCES_MAX), ("metric", metrics.len(), METRICS_MAX)] {
        if len > max {
            return Err(wrong(name, format!("names {len}, the limit is {max}")));
        }
    }
    let days = Days::of(app.now_ms(), offset(&parameters)?);
    let answer = aside(&request, move || {
        let resources = Visible::of(&app, &view).narrow(resources);
        let found = compared(&app.parts().store, days, &resources, &metrics)?;
        write(&Comparison {
            from: days.from_ms,
            to: days.to_ms,
            before_from: days.from_ms - DAY_MS,
            before_to: days.to_ms - DAY_MS,
            metrics: found.into_iter().map(change).collect(),
        })
    });
    Ok(json_bytes(answer.await?))
}

/// Minutes that local time is ahead of UTC.
pub(super) fn offset(parameters: &Parameters) -> Result<i64, Problem> {
    let Some(text) = parameters.text("offset") else { return Ok(0) };
    let minutes = text.trim().parse::<i64>().ok().filter(|minutes| (-14 * 60..=14 * 60).contains(minutes));
    minutes.ok_or_else(|| wrong("offset", format!("'{text}' is not a number of minutes east of UTC, -840 to 840")))
}

impl Days {
    fn of(now_ms: i64, offset_minutes: i64) -> Self {
        let offset_ms = offset_minutes * MINUTE_MS;
        let from_ms = (now_ms + offset_ms).div_euclid(DAY_MS) * DAY_MS - offset_ms;
        Self { from_ms, to_ms: now_ms.div_euclid(MINUTE_MS) * MINUTE_MS }
    }

    /// Today and yesterday; nothing in the first minute of a day.
    fn both(self) -> [Option<(i64, i64)>; 2] {
        let is_any = self.to_ms > self.from_ms;
        [0, DAY_MS].map(|back_ms| is_any.then_some((self.from_ms - back_ms, self.to_ms - back_ms)))
    }
}

/// Every series that has a value on either day.
fn compared(
    store: &Store,
    days: Days,
    resources: &[ResourceId],
    metrics: &HashSet<String>,
) -> Result<BTreeMap<Key, Pair>, Problem> {
    let mut pairs: BTreeMap<Key, Pair> = BTreeMap::new();
    let is_wanted = |metric: &str| metrics.is_empty() || metrics.contains(metric);
    let mut names: BTreeMap<String, Kind> = BTreeMap::new();
    let mut of_requests: HashSet<ResourceId> = HashSet::new();
    let mut series = 0;
    for info in wanted_series(store, resources, metrics) {
        let is_seen = info.last_seen_ms >= days.from_ms - DAY_MS;
        if info.metric() == catalog::HTTP_SERVER_REQUEST_RATE.name && is_seen {
            of_requests.insert(info.resource);
        }
        if is_seen && is_wanted(info.metric()) && !NOT_COMPARED.contains(&info.metric()) {
            series += 1;
            names.insert(info.metric().to_owned(), info.kind());
        }
    }
    if series > SERIES_MAX {
        return Err(wrong("resource", format!("matches {series} series, the limit is {SERIES_MAX}: name metrics")));
    }
    for (metric, kind) in names {
        for (day, range) in days.both().into_iter().enumerate() {
            let Some((from_ms, to_ms)) = range else { continue };
            let question = Query {
                metric: metric.clone(),
                resources: resources.to_vec(),
                from_ms,
                to_ms,
                // Whole minutes, so that both days end where they should; from rollups where there are any.
                step_ms: MINUTE_MS,
                aggregate: if kind == Kind::Counter { Aggregate::Increase } else { Aggregate::Mean },
                max_points: farol_store::POINTS_MAX,
                ..Query::default()
            };
            for found in told(store.query(&question))?.series {
                let key = &found.series.key;
                let place = (found.series.resource, metric.clone(), key.attributes.clone(), key.unit.clone());
                pairs.entry(place).or_default()[day] = value(kind, &found.points);
            }
        }
    }
    requests(store, days, &of_requests, &is_wanted, &mut pairs)?;
    Ok(pairs)
}

fn wanted_series(store: &Store, resources: &[ResourceId], metrics: &HashSet<String>) -> Vec<farol_store::SeriesInfo> {
    if !resources.is_empty() {
        return resources.iter().flat_map(|id| store.series(Some(*id), None)).collect();
    }
    // Whether a service has requests is told by its rate.
    let rate = catalog::HTTP_SERVER_REQUEST_RATE.name;
    let names = metrics.iter().map(String::as_str).chain((!metrics.contains(rate)).then_some(rate));
    names.flat_map(|metric| store.series(None, Some(metric))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "at most the minutes of a day")]
fn value(kind: Kind, points: &[(i64, f64)]) -> Option<f64> {
    let sum: f64 = points.iter().map(|(_, value)| value).sum();
    match kind {
        _ if points.is_empty() => None,
        Kind::Counter => Some(sum),
        Kind::Gauge => Some(sum / points.len() as f64),
    }
}

/// Replaces the means of a minute's figures by what all requests of the day add up to.
fn requests(
    store: &Store,
    days: Days,
    services: &HashSet<ResourceId>,
    is_wanted: &impl Fn(&str) -> bool,
    pairs: &mut BTreeMap<Key, Pair>,
) -> Result<(), Problem> {
    let (ratio, apdex) = (&catalog::HTTP_SERVER_REQUEST_ERROR_RATIO, &catalog::HTTP_SERVER_REQUEST_APDEX);
    let duration = &catalog::HTTP_SERVER_REQUEST_DURATION;
    let names = [REQUEST_COUNT, ratio.name, apdex.name, duration.name];
    if !names.into_iter().any(is_wanted) {
        return Ok(());
    }
    for &resource in services {
        let mut of_both: [Option<Figures>; 2] = [None, None];
        for (day, range) in days.both().into_iter().enumerate() {
            let Some((from_ms, to_ms)) = range else { continue };
            let range = RecordRange { from_ms, to_ms, resources: vec![resource], tenant: None };
            of_both[day] = Some(figures(told(store.request_totals(&range))?));
        }
        pairs.retain(|(of, metric, ..), _| *of != resource || !names.contains(&metric.as_str()));
        let mut put = |metric: &str, unit: &str, statistic: Option<&str>, value: &dyn Fn(&Figures) -> Option<f64>| {
            let pair: Pair = [0, 1].map(|day: usize| of_both[day].as_ref().and_then(value));
            if is_wanted(metric) && pair.iter().any(Option::is_some) {
                let attributes = statistic.map(|word| ("farol.statistic".to_owned(), word.to_owned()));
                pairs.insert((resource, metric.to_owned(), attributes.into_iter().collect(), unit.to_owned()), pair);
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
        put(REQUEST_COUNT, "{request}", None, &|figures| (figures.count > 0).then_some(figures.count as f64));
        put(ratio.name, ratio.unit, None, &Figures::error_ratio);
        put(apdex.name, apdex.unit, None, &Figures::apdex);
        put(duration.name, duration.unit, Some("mean"), &Figures::mean_s);
        put(duration.name, duration.unit, Some("min"), &|figures| figures.extremes_s().map(|(min, _)| min));
        put(duration.name, duration.unit, Some("max"), &|figures| figures.extremes_s().map(|(_, max)| max));
        for (word, q) in [("p50", 0.50), ("p95", 0.95), ("p99", 0.99)] {
            put(duration.name, duration.unit, Some(word), &|figures| figures.quantile_s(q));
        }
    }
    Ok(())
}

fn change(((resource, metric, attributes, unit), [today, yesterday]): (Key, Pair)) -> Change {
    let (today, yesterday) = (today.map(concise), yesterday.map(concise));
    let difference = today.zip(yesterday).map(|(today, yesterday)| concise(today - yesterday));
    let percent = difference.zip(yesterday).filter(|(_, yesterday)| *yesterday != 0.0);
    let good = good::of(&metric, &attributes);
    let direction = difference.map(|difference| match difference {
        grown if grown > 0.0 => "up",
        fallen if fallen < 0.0 => "down",
        _ => "same",
    });
    let is_better = match (good, direction) {
        (Good::Neither, _) | (_, None | Some("same")) => None,
        (good, Some(direction)) => Some((good == Good::Up) == (direction == "up")),
    };
    Change {
        resource,
        metric,
        attributes: Attributes(attributes),
        unit,
        today,
        yesterday,
        difference,
        percent: percent.map(|(difference, yesterday)| concise(difference / yesterday.abs() * 100.0)),
        direction,
        good,
        is_better,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(metric: &str, pair: Pair) -> Change {
        change(((1, metric.to_owned(), Vec::new(), "1".to_owned()), pair))
    }

    #[test]
    fn a_day_begins_at_local_midnight() {
        const HOUR_MS: i64 = 3_600_000;
        let now_ms = 10 * DAY_MS + HOUR_MS + 90_000;
        let days = |offset| Days::of(now_ms, offset);
        assert_eq!(days(0), Days { from_ms: 10 * DAY_MS, to_ms: 10 * DAY_MS + HOUR_MS + MINUTE_MS });
        assert_eq!(days(-180).from_ms, 9 * DAY_MS + 3 * HOUR_MS, "in Sao Paulo it is still yesterday");
        assert_eq!(days(330).from_ms, 10 * DAY_MS - 5 * HOUR_MS - HOUR_MS / 2);
        assert_eq!(Days::of(10 * DAY_MS + 5_000, 0).both(), [None, None], "nothing is known of the first minute yet");
    }

    #[test]
    fn changes_are_told_with_direction_and_whether_they_are_good() {
        let more = of("http.server.request.rate", [Some(15.0), Some(10.0)]);
        assert_eq!(
            (more.difference, more.percent, more.direction, more.is_better),
            (Some(5.0), Some(50.0), Some("up"), Some(true))
        );
        let errors = of("http.server.request.error_ratio", [Some(0.2), Some(0.1)]);
        assert_eq!((errors.direction, errors.good, errors.is_better), (Some("up"), Good::Down, Some(false)));
        let same = of("system.cpu.time", [Some(1.0), Some(1.0)]);
        assert_eq!((same.direction, same.percent, same.is_better), (Some("same"), Some(0.0), None));
        let unknown = of("orders", [Some(1.0), Some(2.0)]);
        assert_eq!((unknown.direction, unknown.good, unknown.is_better), (Some("down"), Good::Neither, None));
    }

    #[test]
    fn a_resource_of_two_hundred_series_is_compared_whole() {
        use std::{collections::BTreeMap, sync::Arc};

        use farol_shared::{batch, clock::Clock as _, frame, resource, wire};

        let (dir, clock) = (tempfile::TempDir::new().unwrap(), crate::clock::SystemClock);
        let store = Store::open(dir.path(), farol_store::Options::default(), Arc::new(clock)).unwrap();
        let now_ms = clock.now_ms();
        let key = |number: usize| batch::SeriesKey {
            metric: format!("app.metric{}", number / 4),
            unit: "1".to_owned(),
            kind: if (number / 4).is_multiple_of(2) { Kind::Gauge } else { Kind::Counter },
            attributes: vec![("part".to_owned(), (number % 4).to_string())],
        };
        let resource = resource::Resource {
            key: "host:a".to_owned(),
            kind: resource::ResourceKind::Host,
            parent: None,
            tenant: None,
            attributes: BTreeMap::new(),
        };
        let tables = batch::Tables(vec![batch::Table { resource, series: (0..200).map(key).collect() }]);
        let minutes: Vec<i64> = (0..2_000).map(|minute| now_ms - (2_000 - minute) * MINUTE_MS).collect();
        for (seq, minutes) in (1..).zip(minutes.chunks(100)) {
            let frame = |time_ms: &i64| frame::Frame {
                time_ms: *time_ms,
                rows: vec![frame::Row((0_i32..200).map(|number| f64::from(number) + (*time_ms / MINUTE_MS) as f64).collect())],
                records: Vec::new(),
            };
            let batch = batch::Batch {
                agent: "a".to_owned(),
                boot: 1,
                seq,
                interval_ms: 60_000,
                taken: 0,
                lost: Vec::new(),
                tables: wire::encode_tables(&tables).into(),
                frames: minutes.iter().map(frame).collect(),
            };
            let (answer, answered) = std::sync::mpsc::channel();
            store.submit(batch, Box::new(move |outcome| answer.send(outcome.is_ok()).unwrap()));
            assert!(answered.recv().unwrap());
        }
        store.tidy(true).unwrap();
        // Nine hours of the day are over.
        let days = Days { from_ms: (now_ms / MINUTE_MS - 540) * MINUTE_MS, to_ms: now_ms / MINUTE_MS * MINUTE_MS };
        let pairs = compared(&store, days, &[], &(0..50).map(|number| format!("app.metric{number}")).collect()).unwrap();
        assert_eq!(pairs.len(), 200);
        for ((_, metric, ..), [today, yesterday]) in pairs {
            let grown = today.unwrap() - yesterday.unwrap();
            let number: usize = metric.trim_start_matches("app.metric").parse().unwrap();
            let is_gauge = number.is_multiple_of(2);
            assert_eq!(grown, if is_gauge { 1_440.0 } else { 0.0 }, "{metric}");
        }
    }

    #[test]
    fn nothing_is_made_up_where_yesterday_is_nothing_or_unknown() {
        let from_nothing = of("farol.service.errors", [Some(3.0), Some(0.0)]);
        assert_eq!((from_nothing.difference, from_nothing.percent, from_nothing.direction), (Some(3.0), None, Some("up")));
        let unknown = of("farol.service.errors", [Some(3.0), None]);
        assert_eq!((unknown.difference, unknown.percent, unknown.direction, unknown.is_better), (None, None, None, None));
        let negative = of("temperature", [Some(-5.0), Some(-10.0)]);
        assert_eq!((negative.percent, negative.direction), (Some(50.0), Some("up")));
    }
}
