//! Tiers: which stretches of time are answered from rollups and which from samples as they were taken.
//!
//! A stretch is answered from rollups unless some of its samples are not rolled up yet: fresh blocks or the head. Then the
//! whole hour is folded from its samples, so that an answer never misses or doubles one.

use std::sync::Arc;

use rusqlite::Connection;

use crate::{
    blocks::{self, HOUR_MS},
    codec::{Damaged, block},
    error::QueryError,
    fold::{Fold, Grid},
    model::{Aggregate, SeriesInfo, Tier},
    query::{Plan, Wanted, samples},
    rollup::{self, Buckets, FIRST_KEY, LAST_KEY, Needed, ROWS_KEY},
};

/// A stretch of time that is read from one tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    tier: Tier,
    from_ms: i64,
    to_ms: i64,
}

/// The stretches of an answer, in time order and without gaps, from a little before its start.
pub(crate) fn stretches(conn: &Connection, wanted: &Wanted, plan: Plan, lookback_ms: i64) -> Result<Vec<Stretch>, QueryError> {
    let start_ms = plan.from_ms - lookback_ms;
    if plan.tier == Tier::Raw {
        return Ok(vec![Stretch { tier: Tier::Raw, from_ms: start_ms, to_ms: plan.to_ms }]);
    }
    let start_hour = start_ms.div_euclid(HOUR_MS);
    let mut fresh = std::collections::BTreeSet::new();
    let mut add = |first_ms: i64, last_ms: i64| {
        let first = first_ms.max(start_ms).div_euclid(HOUR_MS);
        let last = last_ms.min(plan.to_ms - 1).div_euclid(HOUR_MS);
        fresh.extend(first..=last);
    };
    for block in blocks::find_fresh(conn, wanted.resource, start_ms, plan.to_ms)? {
        add(block.start_ms, block.end_ms);
    }
    for segment in &wanted.segments {
        segment.ranges(|range| {
            if range.touches(start_ms, plan.to_ms) {
                add(range.first, range.last);
            }
        });
    }
    let mut stretches = Vec::new();
    let mut next = start_hour;
    let mut push = |tier, from: i64, to: i64| {
        let (from_ms, to_ms) = ((from * HOUR_MS).max(start_ms), (to * HOUR_MS).min(plan.to_ms));
        if from_ms < to_ms {
            stretches.push(Stretch { tier, from_ms, to_ms });
        }
    };
    let mut fresh = fresh.into_iter().peekable();
    while let Some(first) = fresh.next() {
        let mut end = first + 1;
        while fresh.next_if_eq(&end).is_some() {
            end += 1;
        }
        push(plan.tier, next, first);
        push(Tier::Raw, first, end);
        next = end;
    }
    push(plan.tier, next, (plan.to_ms - 1).div_euclid(HOUR_MS) + 1);
    Ok(stretches)
}

/// Reads one stretch of some series into their grids.
pub(crate) fn read(
    conn: &Connection,
    wanted: &Wanted,
    series: &[Arc<SeriesInfo>],
    stretch: Stretch,
    (plan, aggregate): (Plan, Aggregate),
    grids: &mut [Grid],
) -> Result<(), QueryError> {
    if stretch.tier == Tier::Raw {
        for (grid, samples) in grids.iter_mut().zip(samples(conn, wanted, series, (stretch.from_ms, stretch.to_ms))?) {
            for (time, value) in samples {
                grid.add(time, &Fold::of(time, value));
            }
        }
        return Ok(());
    }
    let needed = Needed {
        total: matches!(aggregate, Aggregate::Mean | Aggregate::Sum | Aggregate::Rate | Aggregate::Increase),
        bounds: matches!(aggregate, Aggregate::Min | Aggregate::Max),
    };
    let mut keys = vec![ROWS_KEY, FIRST_KEY, LAST_KEY];
    keys.extend(series.iter().map(|series| rollup::series_key(series.id)));
    // The bucket that holds the start begins before it.
    let from_ms = stretch.from_ms - HOUR_MS;
    let is_wanted = |start: i64, last: i64| {
        last >= stretch.from_ms && start < stretch.to_ms && (start >= plan.from_ms || last < plan.from_ms)
    };
    for block in blocks::find(conn, wanted.resource, stretch.tier, from_ms, stretch.to_ms)? {
        let damaged = |damaged: Damaged| QueryError::Damaged { block: block.id, detail: damaged.0 };
        let slices = blocks::slices(conn, block.id, &keys)?;
        let starts = block::decode_times(&slices.times, slices.rows).map_err(damaged)?;
        let [(ROWS_KEY, rows), (FIRST_KEY, first), (LAST_KEY, last), columns @ ..] = slices.columns.as_slice() else {
            return Err(QueryError::Damaged { block: block.id, detail: "a bucket's column is missing" });
        };
        let buckets = Buckets::decode(starts, [rows, first, last]).map_err(damaged)?;
        for (key, bytes) in columns {
            let Ok(index) = keys[3..].binary_search(key) else { continue };
            let (_, folds) = rollup::decode(bytes, &buckets, needed).map_err(damaged)?;
            for (row, fold) in folds.iter().enumerate().filter(|(_, fold)| fold.count > 0) {
                if is_wanted(buckets.starts[row], buckets.last_ms[row]) {
                    grids[index].add(buckets.starts[row], fold);
                }
            }
        }
    }
    Ok(())
}
