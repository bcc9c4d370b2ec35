//! Sealing: moves the samples of a dead generation of the journal from memory into blocks.
//!
//! A resource at a time: its blocks and a mark (generation, resource) are written in one transaction, so that a start
//! in between takes it from the blocks and not from the journal. When all are done, one transaction marks the
//! generation as dead, adds its accounts to the books and writes down the runs.

use std::{sync::atomic::Ordering, time::Instant};

use rusqlite::params;

use crate::{
    blocks::{self, HOUR_MS},
    codec::column::Packing,
    keeper::{KeepError, Keeper},
    model::ResourceId,
};

/// Resources whose blocks are written in one transaction: few enough that the writer is soon back at its batches.
const GROUP_MAX: usize = 16;
/// Bytes of blocks after which a transaction is not made larger, for the same reason.
const GROUP_BYTES: usize = 256 << 10;

/// Rows from which a block is worth pco: smaller ones are merged before long.
const PCO_ROWS_MIN: usize = 200;

/// What one resource becomes.
struct Sealed {
    resource: ResourceId,
    blocks: Vec<blocks::Encoded>,
    samples: u64,
    last_ms: i64,
    seen: (i64, i64, i64),
}

impl Keeper {
    /// Seals what is left of a generation.
    pub(crate) fn seal(&mut self, generation: u64) -> Result<(), KeepError> {
        let resources = self.shared.head.resources_of(generation);
        let mut group = Vec::new();
        let mut bytes = 0;
        for resource in resources {
            let started = Instant::now();
            let sealed = self.encode(generation, resource)?;
            bytes += sealed.blocks.iter().map(|block| block.body.len()).sum::<usize>();
            group.push(sealed);
            if group.len() == GROUP_MAX || bytes >= GROUP_BYTES {
                self.write(generation, std::mem::take(&mut group))?;
                bytes = 0;
            }
            self.rest(started)?;
        }
        if !group.is_empty() {
            self.write(generation, group)?;
        }
        self.bury(generation)
    }

    fn encode(&self, generation: u64, resource: ResourceId) -> Result<Sealed, KeepError> {
        let segments = self.shared.head.segments(resource);
        let mut parts = Vec::new();
        for segment in segments.iter().filter(|segment| segment.generation == generation) {
            parts.push(segment.read_all()?);
        }
        let rows = blocks::union(parts);
        let samples = rows.columns.iter().flat_map(|(_, column)| column).filter(|value| !value.is_nan()).count() as u64;
        let packing = if rows.times.len() >= PCO_ROWS_MIN { Packing::Small } else { Packing::Fast };
        let mut blocks = blocks::encode_raw(resource, &rows, HOUR_MS, true, packing);
        blocks.iter_mut().for_each(|block| block.id = self.shared.block_id());
        let last_ms = rows.times.last().copied().unwrap_or(i64::MIN);
        let seen = self.seen(resource);
        Ok(Sealed { resource, blocks, samples, last_ms, seen })
    }

    /// First and last time of a resource, and its interval.
    fn seen(&self, resource: ResourceId) -> (i64, i64, i64) {
        let catalog = self.shared.catalog.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(entry) = catalog.resource(resource) else { return (0, 0, 0) };
        let info = entry.info();
        (info.first_seen_ms, info.last_seen_ms, info.interval_ms.cast_signed())
    }

    fn write(&mut self, generation: u64, group: Vec<Sealed>) -> Result<(), KeepError> {
        let done: Vec<(ResourceId, u64, i64)> =
            group.iter().map(|sealed| (sealed.resource, sealed.samples, sealed.last_ms)).collect();
        let count = group.iter().map(|sealed| sealed.blocks.len() as u64).sum();
        for block in group.iter().flat_map(|sealed| &sealed.blocks) {
            self.merger.note(block.resource, block.start_ms);
        }
        let work = move |conn: &rusqlite::Connection| {
            for sealed in &group {
                for block in &sealed.blocks {
                    blocks::insert(conn, block)?;
                }
                let sql = "INSERT INTO sealed VALUES(?1, ?2)";
                conn.prepare_cached(sql)?.execute(params![generation.cast_signed(), sealed.resource])?;
                let sql = "UPDATE resource SET first_seen_ms = ?2, last_seen_ms = ?3, interval_ms = ?4 WHERE id = ?1";
                let (first, last, interval) = sealed.seen;
                conn.prepare_cached(sql)?.execute(params![sealed.resource, first, last, interval])?;
            }
            Ok(())
        };
        self.change(true, work, move |shared| {
            let catalog = shared.catalog.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            for (resource, samples, last_ms) in done {
                shared.head.remove(resource, generation, samples);
                if let Some(entry) = catalog.resource(resource) {
                    entry.live.sealed_ms.fetch_max(last_ms, Ordering::Relaxed);
                }
            }
            shared.counters.sealed.fetch_add(count, Ordering::Relaxed);
        })
    }
}
