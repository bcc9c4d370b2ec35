//! Answers: picks series, tier and step, reads blocks and head, and folds samples into points.

use std::sync::{Arc, PoisonError};

use farol_shared::{batch::SeriesKey, limit::FUTURE_MS_MAX, metric::Kind};
use rusqlite::Connection;

use crate::{
    POINTS_DEFAULT, POINTS_MAX, QUERY_SERIES_MAX, blocks,
    cache::Cache,
    error::QueryError,
    fold::Grid,
    head::Segment,
    model::{Across, Aggregate, Answer, Query, QuerySeries, ResourceId, SeriesInfo, Tier},
    shared::Shared,
    tiers,
};

/// How far before its first step an answer looks for the predecessor of a counter's first value: the longest interval.
#[expect(clippy::cast_possible_wrap, reason = "a few minutes")]
const LOOKBACK_MS: i64 = farol_shared::limit::INTERVAL_MS_MAX as i64;

/// Steps that people can read off an axis, in milliseconds.
const NICE_STEPS: [i64; 20] = [
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 180_000, 300_000, 600_000, 900_000, 1_800_000,
    3_600_000, 7_200_000, 21_600_000, 86_400_000,
];

/// What was decided before reading.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    pub(crate) step_ms: i64,
    pub(crate) points: usize,
    pub(crate) tier: Tier,
}

/// The series of one resource that are asked for, and its samples in memory.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) resource: ResourceId,
    pub(crate) series: Vec<Arc<SeriesInfo>>,
    pub(crate) segments: Vec<Arc<Segment>>,
}

/// Answers a question.
pub(crate) fn query(shared: &Shared, query: &Query) -> Result<Answer, QueryError> {
    if query.metric.is_empty() {
        return Err(QueryError::Invalid("a query names a metric"));
    }
    if query.from_ms >= query.to_ms || query.from_ms < -LIMIT_MS || query.to_ms > LIMIT_MS {
        return Err(QueryError::Invalid("a query ends after it begins, within ten thousand years"));
    }
    if query.step_ms < 0 {
        return Err(QueryError::Invalid("a step is not negative"));
    }
    let mut wanted = wanted(shared, query)?;
    let plan = plan(shared, query)?;
    shared.readers.with(|conn| {
        let transaction = view(shared, conn, &mut wanted)?;
        let series = if query.aggregate == Aggregate::Raw {
            raw(&transaction, &wanted, query, plan)?
        } else {
            folded((&transaction, &shared.cache), &wanted, query, plan)?
        };
        let series = across(series, query.across);
        Ok(Answer { from_ms: plan.from_ms, to_ms: plan.to_ms, step_ms: plan.step_ms, tier: plan.tier, series })
    })
}

/// Times beyond this are mistakes; arithmetic on times within never overflows.
pub(crate) const LIMIT_MS: i64 = 253_402_300_800_000;

/// Takes one view of blocks and head: no sample is in both or in neither.
fn view<'a>(shared: &Shared, conn: &'a Connection, wanted: &mut [Wanted]) -> Result<rusqlite::Transaction<'a>, QueryError> {
    let _gate = shared.gate.read().unwrap_or_else(PoisonError::into_inner);
    let transaction = conn.unchecked_transaction()?;
    // The first read fixes what the transaction sees.
    transaction.prepare_cached("SELECT value FROM meta LIMIT 1")?.query_row([], |_| Ok(()))?;
    for wanted in wanted {
        wanted.segments = shared.head.segments(wanted.resource);
    }
    Ok(transaction)
}

/// The series that match, by resource.
fn wanted(shared: &Shared, query: &Query) -> Result<Vec<Wanted>, QueryError> {
    let catalog = shared.catalog.read().unwrap_or_else(PoisonError::into_inner);
    let has = |key: &SeriesKey| {
        key.metric == query.metric && query.attributes.iter().all(|wanted| key.attributes.binary_search(wanted).is_ok())
    };
    let keys = catalog.keys(has);
    let mut all = Vec::new();
    let mut total = 0;
    for resource in catalog.resources() {
        if !query.resources.is_empty() && !query.resources.contains(&resource.id) {
            continue;
        }
        let matching = resource.series.iter().filter(|series| keys[series.key as usize]);
        let mut series: Vec<_> = matching.map(|series| Arc::new(catalog.series_info(resource, *series))).collect();
        // What was silent in the whole stretch needs no reading. Agents' clocks may be ahead, and it is told to the second.
        series.retain(|series| series.last_seen_ms >= query.from_ms - LOOKBACK_MS - FUTURE_MS_MAX - 1_000);
        series.sort_by_key(|series| series.id);
        total += series.len();
        if !series.is_empty() {
            all.push(Wanted { resource: resource.id, series, segments: Vec::new() });
        }
    }
    if total > QUERY_SERIES_MAX {
        return Err(QueryError::TooManySeries { series: total, max: QUERY_SERIES_MAX });
    }
    Ok(all)
}

/// Picks step and tier.
fn plan(shared: &Shared, query: &Query) -> Result<Plan, QueryError> {
    let range = query.to_ms - query.from_ms;
    if query.aggregate == Aggregate::Raw {
        return Ok(Plan { from_ms: query.from_ms, to_ms: query.to_ms, step_ms: 0, points: 0, tier: Tier::Raw });
    }
    let max = if query.max_points > 0 { query.max_points.min(POINTS_MAX) } else { POINTS_DEFAULT };
    let least = (range - 1) / i64::from(max) + 1;
    let nice =
        || NICE_STEPS.into_iter().find(|step| *step >= least).unwrap_or((least - 1) / 86_400_000 * 86_400_000 + 86_400_000);
    let mut step_ms = if query.step_ms > 0 { query.step_ms } else { nice() };
    let options = &shared.options;
    let age = shared.clock.now_ms() - query.from_ms;
    // Coarser tiers live longer: a question about a time that only they remember is answered from them.
    // A step of two widths or more is rounded up to whole ones: that changes it little and saves reading every sample.
    let suits = |width: i64| step_ms % width == 0 || step_ms >= 2 * width;
    let tier = if age > options.minute_retention_ms || suits(3_600_000) {
        Tier::Hour
    } else if age > options.raw_retention_ms || suits(60_000) {
        Tier::Minute
    } else {
        Tier::Raw
    };
    let width = match tier {
        Tier::Raw => 1,
        Tier::Minute => 60_000,
        Tier::Hour => 3_600_000,
    };
    step_ms = (step_ms - 1) / width * width + width;
    let from_ms = query.from_ms.div_euclid(step_ms) * step_ms;
    let to_ms = ((query.to_ms - 1).div_euclid(step_ms) + 1) * step_ms;
    let points = u64::try_from((to_ms - from_ms) / step_ms).unwrap_or(0);
    // One more than asked for: a range that begins within a step touches one more step.
    let max = if query.max_points > 0 { max } else { POINTS_MAX };
    if points > u64::from(max) + 1 {
        return Err(QueryError::TooManyPoints { points, max: max.into(), step_ms: least.max(range / i64::from(max) + 1) });
    }
    Ok(Plan { from_ms, to_ms, step_ms, points: usize::try_from(points).unwrap_or(0), tier })
}

/// The samples of some series of one resource in a stretch, in time order.
pub(crate) fn samples(
    conn: &Connection,
    wanted: &Wanted,
    series: &[Arc<SeriesInfo>],
    (from_ms, to_ms): (i64, i64),
) -> Result<Vec<Vec<(i64, f64)>>, QueryError> {
    let mut all: Vec<Vec<(i64, f64)>> = vec![Vec::new(); series.len()];
    let keys: Vec<u64> = series.iter().map(|series| u64::from(series.id)).collect();
    for block in blocks::find(conn, wanted.resource, Tier::Raw, from_ms, to_ms)? {
        let (times, columns) = blocks::read(conn, block.id, &keys)?;
        for (key, column) in columns {
            let Ok(index) = keys.binary_search(&key) else { continue };
            let inside =
                times.iter().copied().zip(column).filter(|(time, value)| *time >= from_ms && *time < to_ms && !value.is_nan());
            all[index].extend(inside);
        }
    }
    for segment in &wanted.segments {
        for (index, series) in series.iter().enumerate() {
            let Some(column) = segment.series.iter().position(|id| *id == series.id) else { continue };
            let read = segment.read(column, from_ms, to_ms, &mut all[index]);
            read.map_err(|damaged| QueryError::Damaged { block: 0, detail: damaged.0 })?;
        }
    }
    for samples in &mut all {
        if !samples.is_sorted_by_key(|(time, _)| *time) {
            samples.sort_by_key(|(time, _)| *time);
        }
    }
    Ok(all)
}

/// Series read at once: bounds what one query holds decoded.
const SERIES_AT_ONCE: usize = 64;

fn raw(conn: &Connection, wanted: &[Wanted], query: &Query, plan: Plan) -> Result<Vec<QuerySeries>, QueryError> {
    let max = u64::from(if query.max_points > 0 { query.max_points.min(POINTS_MAX) } else { POINTS_MAX });
    let mut answer = Vec::new();
    for wanted in wanted {
        for series in wanted.series.chunks(SERIES_AT_ONCE) {
            for (series, points) in series.iter().zip(samples(conn, wanted, series, (plan.from_ms, plan.to_ms))?) {
                if points.len() as u64 > max {
                    let range = plan.to_ms - plan.from_ms;
                    let step_ms = range / i64::try_from(max).unwrap_or(1) + 1;
                    return Err(QueryError::TooManyPoints { points: points.len() as u64, max, step_ms });
                }
                if !points.is_empty() {
                    answer.push(QuerySeries { series: Arc::clone(series), points });
                }
            }
        }
    }
    Ok(answer)
}

fn folded(
    (conn, cache): (&Connection, &Cache),
    wanted: &[Wanted],
    query: &Query,
    plan: Plan,
) -> Result<Vec<QuerySeries>, QueryError> {
    let mut answer = Vec::new();
    for wanted in wanted {
        let stretches = tiers::stretches(conn, wanted, plan, LOOKBACK_MS)?;
        for series in wanted.series.chunks(SERIES_AT_ONCE) {
            let mut grids: Vec<Grid> =
                series.iter().map(|series| Grid::new(plan.from_ms, plan.step_ms, plan.points, series.kind())).collect();
            for stretch in &stretches {
                tiers::read((conn, cache), wanted, series, *stretch, (plan, query.aggregate), &mut grids)?;
            }
            for (series, grid) in series.iter().zip(grids) {
                let points = grid.points(query.aggregate);
                if !points.is_empty() {
                    answer.push(QuerySeries { series: Arc::clone(series), points });
                }
            }
        }
    }
    Ok(answer)
}

/// Makes one series of several, step by step.
fn across(all: Vec<QuerySeries>, across: Across) -> Vec<QuerySeries> {
    if across == Across::None || all.is_empty() {
        return all;
    }
    let mut steps: std::collections::BTreeMap<i64, (f64, u32)> = std::collections::BTreeMap::new();
    for (time, value) in all.iter().flat_map(|series| &series.points) {
        let (sum, count) = steps.entry(*time).or_insert((if across == Across::Max { f64::NEG_INFINITY } else { 0.0 }, 0));
        *sum = if across == Across::Max { sum.max(*value) } else { *sum + value };
        *count += 1;
    }
    let points =
        steps.into_iter().map(|(time, (sum, count))| (time, if across == Across::Mean { sum / f64::from(count) } else { sum }));
    vec![QuerySeries { series: Arc::new(in_common(&all)), points: points.collect() }]
}

/// The made-up series that stands for several.
fn in_common(all: &[QuerySeries]) -> SeriesInfo {
    let first = &all[0].series;
    let is_common = |pair: &&(String, String)| all.iter().all(|other| other.series.key.attributes.binary_search(pair).is_ok());
    let attributes = first.key.attributes.iter().filter(is_common).cloned().collect();
    let kind = if all.iter().all(|other| other.series.kind() == first.kind()) { first.kind() } else { Kind::Gauge };
    let key = SeriesKey { metric: first.key.metric.clone(), unit: first.key.unit.clone(), kind, attributes };
    SeriesInfo {
        id: 0,
        resource: 0,
        key: Arc::new(key),
        first_seen_ms: all.iter().map(|other| other.series.first_seen_ms).min().unwrap_or(0),
        last_seen_ms: all.iter().map(|other| other.series.last_seen_ms).max().unwrap_or(0),
    }
}
