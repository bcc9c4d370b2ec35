//! Tiers: which stretches of time are answered from rollups and which from samples as they were taken.
//!
//! A stretch is answered from rollups unless some of its samples are not rolled up yet: fresh blocks or the head. Then the
//! whole hour is folded from its samples, so that an answer never misses or doubles one.

use std::sync::Arc;

use farol_shared::metric::Kind;

use rusqlite::Connection;

use crate::{
    blocks::{self, HOUR_MS},
    cache::{self, Cache, Key},
    codec::{Damaged, block},
    error::QueryError,
    fold::{Fold, Grid},
    model::{Aggregate, SeriesId, SeriesInfo, Tier},
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
    (conn, cache): (&Connection, &Cache),
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
    // The bucket that holds the start begins before it.
    for block in blocks::find(conn, wanted.resource, stretch.tier, stretch.from_ms - HOUR_MS, stretch.to_ms)? {
        // A block that lies within the stretch as a whole gives the same folds each time it is asked for.
        let is_whole = block.start_ms >= stretch.from_ms && block.end_ms < stretch.to_ms && block.start_ms >= plan.from_ms;
        let key = |series: &SeriesInfo| Key { block: block.id, series: series.id, step_ms: plan.step_ms, needed };
        let mut missing = Vec::new();
        for (index, series) in series.iter().enumerate() {
            match cache.find(&key(series)).filter(|_| is_whole) {
                Some(steps) => steps.iter().for_each(|(time, fold)| grids[index].add(*time, fold)),
                None => missing.push(index),
            }
        }
        if missing.is_empty() {
            continue;
        }
        let (buckets, found) = read_block(conn, block.id, missing.iter().map(|index| series[*index].id), needed)?;
        for (index, folds) in missing.into_iter().zip(found) {
            let present = || buckets.starts.iter().zip(&buckets.last_ms).zip(&folds).filter(|(_, fold)| fold.count > 0);
            if is_whole {
                let mut steps = Steps::new(plan.step_ms, series[index].kind());
                present().for_each(|((start, _), fold)| steps.add(*start, fold));
                let steps = steps.finish();
                steps.iter().for_each(|(time, fold)| grids[index].add(*time, fold));
                cache.put(key(&series[index]), steps);
                continue;
            }
            for ((start, last), fold) in present() {
                let is_before = *start < plan.from_ms && *last >= plan.from_ms;
                if *last >= stretch.from_ms && *start < stretch.to_ms && !is_before {
                    grids[index].add(*start, fold);
                }
            }
        }
    }
    Ok(())
}

/// The folds of some series (ascending) in one block; none for series that it lacks.
fn read_block(
    conn: &Connection,
    id: i64,
    series: impl ExactSizeIterator<Item = SeriesId>,
    needed: Needed,
) -> Result<(Buckets, Vec<Vec<Fold>>), QueryError> {
    let damaged = |damaged: Damaged| QueryError::Damaged { block: id, detail: damaged.0 };
    let mut keys = vec![ROWS_KEY, FIRST_KEY, LAST_KEY];
    keys.extend(series.map(rollup::series_key));
    let slices = blocks::slices(conn, id, &keys)?;
    let starts = block::decode_times(&slices.times, slices.rows).map_err(damaged)?;
    let [(ROWS_KEY, rows), (FIRST_KEY, first), (LAST_KEY, last), columns @ ..] = slices.columns.as_slice() else {
        return Err(QueryError::Damaged { block: id, detail: "a bucket's column is missing" });
    };
    let buckets = Buckets::decode(starts, [rows, first, last]).map_err(damaged)?;
    let mut all = vec![Vec::new(); keys.len() - 3];
    for (key, bytes) in columns {
        let Ok(index) = keys[3..].binary_search(key) else { continue };
        all[index] = rollup::decode(bytes, &buckets, needed).map_err(damaged)?.1;
    }
    Ok((buckets, all))
}

/// Joins buckets that lie in one step.
struct Steps {
    step_ms: i64,
    kind: Kind,
    steps: Vec<(i64, Fold)>,
}

impl Steps {
    fn new(step_ms: i64, kind: Kind) -> Self {
        Self { step_ms, kind, steps: Vec::new() }
    }

    fn add(&mut self, start_ms: i64, fold: &Fold) {
        let time = start_ms.div_euclid(self.step_ms) * self.step_ms;
        match self.steps.last_mut() {
            Some((last, into)) if *last == time => into.join(fold, self.kind),
            _ => self.steps.push((time, *fold)),
        }
    }

    fn finish(self) -> cache::Steps {
        self.steps.into()
    }
}
