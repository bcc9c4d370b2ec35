//! Merging and rolling up: an hour of small blocks becomes one block with its rollups; later four hours become one.
//!
//! Two kinds of work, each remembered until it is done and found again at the next start:
//! * an *hour* of a resource with fresh blocks (raw samples that no rollup covers): once the hour is over and all of it
//!   is sealed, its blocks are merged and its rollups made. Late samples make an hour fresh again, and its rollups are
//!   made anew from all its samples;
//! * a *window* (four hours of raw samples, a day of minutes, a month of hours): once it is over, its blocks are merged.

use std::{collections::BTreeSet, sync::atomic::Ordering, time::Instant};

use farol_shared::metric::Kind;
use rusqlite::Connection;

use crate::{
    blocks::{self, BLOCK_MS_MAX, Encoded, HOUR_MS, tier_code},
    codec::{block::ROWS_MAX, column::Packing},
    gather::Gathered,
    keeper::{KeepError, Keeper},
    model::{ResourceId, Tier},
    rollup::{self, Buckets},
};

/// How long after its end an hour is left alone, so that the last samples need not be merged on their own.
const GRACE_MS: i64 = 60_000;

/// What is merged into one block in the end, and on the way there.
const WINDOWS: [(Tier, i64); 5] = [
    (Tier::Raw, 4 * HOUR_MS),
    (Tier::Minute, 4 * HOUR_MS),
    (Tier::Minute, 24 * HOUR_MS),
    (Tier::Hour, 24 * HOUR_MS),
    (Tier::Hour, BLOCK_MS_MAX),
];

/// Blocks that one change deletes and writes: bounds its transaction.
const DELETED_MAX: usize = 256;

/// What is to be merged when its time has come.
#[derive(Debug, Default)]
pub(crate) struct Merger {
    /// (hour, resource) with fresh blocks.
    hours: BTreeSet<(i64, ResourceId)>,
    /// (end, place in [`WINDOWS`], resource) with more than one block, or soon so.
    windows: BTreeSet<(i64, usize, ResourceId)>,
}

impl Merger {
    /// Finds what an earlier run left to do.
    pub(crate) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT DISTINCT start_ms / 3600000, resource FROM block WHERE tier = 0 AND fresh = 1";
        let hours = conn.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let mut windows = BTreeSet::new();
        for (place, (tier, window_ms)) in WINDOWS.into_iter().enumerate() {
            let sql = "SELECT start_ms / ?2, resource FROM block WHERE tier = ?1 GROUP BY 2, 1 HAVING count(*) > 1";
            let mut statement = conn.prepare(sql)?;
            let mut rows = statement.query([tier_code(tier), window_ms])?;
            while let Some(row) = rows.next()? {
                windows.insert(((row.get::<_, i64>(0)? + 1) * window_ms, place, row.get(1)?));
            }
        }
        Ok(Self { hours, windows })
    }

    /// Takes note of a new block of raw samples.
    pub(crate) fn note(&mut self, resource: ResourceId, time_ms: i64) {
        self.hours.insert((time_ms.div_euclid(HOUR_MS), resource));
    }

    fn note_windows(&mut self, resource: ResourceId, time_ms: i64) {
        for (place, (_, window_ms)) in WINDOWS.into_iter().enumerate() {
            self.windows.insert(((time_ms.div_euclid(window_ms) + 1) * window_ms, place, resource));
        }
    }

    fn has_fresh(&self, resource: ResourceId, from_ms: i64, to_ms: i64) -> bool {
        let hours = from_ms.div_euclid(HOUR_MS)..to_ms.div_euclid(HOUR_MS);
        hours.into_iter().any(|hour| self.hours.contains(&(hour, resource)))
    }
}

impl Keeper {
    /// Does all merging that is due.
    pub(crate) fn merge(&mut self, now_ms: i64) -> Result<(), KeepError> {
        let due: Vec<_> =
            self.merger.hours.iter().copied().take_while(|(hour, _)| (hour + 1) * HOUR_MS + GRACE_MS <= now_ms).collect();
        for (hour, resource) in due {
            let (from_ms, to_ms) = (hour * HOUR_MS, (hour + 1) * HOUR_MS);
            let is_open = self.shared.head.segments(resource).iter().any(|segment| segment.range().touches(from_ms, to_ms));
            if is_open {
                continue;
            }
            let started = Instant::now();
            self.roll(resource, from_ms, to_ms)?;
            self.merger.hours.remove(&(hour, resource));
            self.merger.note_windows(resource, from_ms);
            self.rest(started)?;
        }
        // The last hour of a window is sealed, at the latest, one sealing after its end.
        let settled_ms = now_ms - 2 * self.shared.options.seal_after_ms - GRACE_MS;
        let due: Vec<_> = self.merger.windows.iter().copied().take_while(|(end_ms, ..)| *end_ms <= settled_ms).collect();
        for (end_ms, place, resource) in due {
            let (tier, window_ms) = WINDOWS[place];
            if self.merger.has_fresh(resource, end_ms - window_ms, end_ms) {
                continue;
            }
            let started = Instant::now();
            self.merge_window(resource, tier, end_ms - window_ms, end_ms)?;
            self.merger.windows.remove(&(end_ms, place, resource));
            self.rest(started)?;
        }
        Ok(())
    }

    /// Merges the raw blocks of one hour and makes its rollups anew.
    fn roll(&self, resource: ResourceId, from_ms: i64, to_ms: i64) -> Result<(), KeepError> {
        let stored = blocks::find(&self.conn, resource, Tier::Raw, from_ms, to_ms)?;
        let gathered = Gathered::load(&self.conn, stored.iter().map(|block| block.id), |time| time >= from_ms && time < to_ms)?;
        if gathered.times.is_empty() {
            return Ok(());
        }
        let is_inside = stored.iter().all(|block| block.start_ms >= from_ms && block.end_ms < to_ms);
        let mut new = Vec::new();
        let mut deleted: Vec<i64> = Vec::new();
        let mut settled: Vec<i64> = Vec::new();
        if is_inside && gathered.times.len() <= ROWS_MAX {
            new.push(self.merged(resource, &gathered)?);
            deleted.extend(stored.iter().map(|block| block.id));
        } else {
            settled.extend(stored.iter().filter(|block| block.is_fresh).map(|block| block.id));
        }
        for (tier, width_ms) in [(Tier::Minute, 60_000), (Tier::Hour, HOUR_MS)] {
            new.push(self.rolled(resource, tier, width_ms, &gathered)?);
            // What an earlier rolling of this hour made is cut out of the blocks that hold it.
            let old = blocks::find(&self.conn, resource, tier, from_ms, to_ms)?;
            if !old.is_empty() {
                let rest = Gathered::load(&self.conn, old.iter().map(|block| block.id), |time| time < from_ms || time >= to_ms)?;
                if !rest.times.is_empty() {
                    new.push(rest.rollups(resource, tier)?);
                }
                deleted.extend(old.iter().map(|block| block.id));
            }
        }
        self.replace(new, deleted, settled)
    }

    fn merged(&self, resource: ResourceId, gathered: &Gathered) -> Result<Encoded, KeepError> {
        let mut builder = crate::codec::block::Builder::new(&gathered.times, Packing::Small);
        for key in gathered.keys() {
            let column = gathered.column(key)?;
            if column.iter().any(|value| !value.is_nan()) {
                builder.column(key, &column);
            }
        }
        let (directory, body) = builder.finish();
        let (start_ms, end_ms) = gathered.range();
        Ok(Encoded { id: 0, resource, tier: Tier::Raw, start_ms, end_ms, is_fresh: false, directory, body })
    }

    fn rolled(&self, resource: ResourceId, tier: Tier, width_ms: i64, gathered: &Gathered) -> Result<Encoded, KeepError> {
        let kinds = self.kinds(resource);
        let (buckets, begins) = Buckets::of(&gathered.times, width_ms);
        let mut builder = buckets.builder(Packing::Small);
        for key in gathered.keys() {
            let column = gathered.column(key)?;
            let series = u32::try_from(key).unwrap_or(0);
            let kind = kinds.get(&series).copied().unwrap_or(Kind::Gauge);
            let folds = rollup::fold(&column, &gathered.times, &begins, kind);
            if folds.iter().any(|fold| fold.count > 0) {
                builder
                    .append(rollup::series_key(series), |packing, out| rollup::encode(&folds, &buckets.rows, kind, packing, out));
            }
        }
        let (directory, body) = builder.finish();
        let (start_ms, end_ms) = (buckets.starts[0], buckets.starts[buckets.starts.len() - 1]);
        Ok(Encoded { id: 0, resource, tier, start_ms, end_ms, is_fresh: false, directory, body })
    }

    fn kinds(&self, resource: ResourceId) -> std::collections::HashMap<u32, Kind> {
        let catalog = self.shared.catalog.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(entry) = catalog.resource(resource) else { return std::collections::HashMap::new() };
        entry.series.iter().map(|series| (series.id, catalog.key(series.key).kind)).collect()
    }

    fn merge_window(&self, resource: ResourceId, tier: Tier, from_ms: i64, to_ms: i64) -> Result<(), KeepError> {
        let mut stored = blocks::find(&self.conn, resource, tier, from_ms, to_ms)?;
        stored.retain(|block| block.start_ms >= from_ms && block.end_ms < to_ms && !block.is_fresh);
        stored.truncate(DELETED_MAX);
        if stored.len() < 2 {
            return Ok(());
        }
        let gathered = Gathered::load(&self.conn, stored.iter().map(|block| block.id), |_| true)?;
        if gathered.times.len() > ROWS_MAX {
            return Ok(());
        }
        let new = if tier == Tier::Raw { self.merged(resource, &gathered)? } else { gathered.rollups(resource, tier)? };
        self.replace(vec![new], stored.iter().map(|block| block.id).collect(), Vec::new())
    }

    /// Writes new blocks and deletes those that they stand for, in one transaction.
    fn replace(&self, mut new: Vec<Encoded>, deleted: Vec<i64>, settled: Vec<i64>) -> Result<(), KeepError> {
        let count = new.len() as u64;
        new.iter_mut().for_each(|block| block.id = self.shared.block_id());
        let work = move |conn: &Connection| {
            for id in &deleted {
                blocks::delete(conn, *id)?;
            }
            for id in &settled {
                conn.prepare_cached("UPDATE block SET fresh = 0 WHERE id = ?1")?.execute([id])?;
            }
            new.iter().try_for_each(|block| blocks::insert(conn, block))
        };
        self.change(false, work, move |shared| {
            shared.counters.merged.fetch_add(count, Ordering::Relaxed);
        })
    }
}
