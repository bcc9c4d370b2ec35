//! The small file that says how far the collector has acknowledged; its format is told in `format.rs`.
//!
//! A write costs one system call and no fsync; every [`REPEATS_MAX`]th one is synced, and so is each one before a segment is
//! made or removed. A kill therefore repeats nothing, a power loss at most that many batches.

use std::io;

use crate::{
    Disk, Part, SpoolError,
    format::{self, Preamble, SLOT, SLOT_STRIDE, Slot},
};

/// Most acknowledged batches that are delivered again after a power loss. Fewer would cost more fsyncs while a long backlog
/// drains; the collector recognises repeats anyway.
pub const REPEATS_MAX: u32 = 64;

/// Where unsynced writes go.
const UNSYNCED_SLOT: u64 = 2;

/// Knows which slot to write next.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    generation: u64,
    /// 0 or 1: the one that does not hold the last synced write.
    synced_slot: u64,
    unsynced_writes: u32,
}

impl Cursor {
    /// Reads the newest valid slot. A cursor that cannot be read is as good as none: more is delivered again.
    pub(crate) fn load<D: Disk>(disk: &mut D) -> Result<(Self, Option<Slot>), SpoolError> {
        let mut newest: Option<Slot> = None;
        let mut synced = [0; 2];
        for index in 0..=UNSYNCED_SLOT {
            let mut bytes = [0; SLOT];
            if disk.read(Part::Cursor, index * SLOT_STRIDE, &mut bytes).is_err() {
                continue;
            }
            if let Preamble::Newer(version) = format::cursor_preamble(&bytes) {
                return Err(SpoolError::Newer { file: disk.describe(Part::Cursor), version, known: format::VERSION });
            }
            let Some(slot) = format::decode_slot(&bytes) else { continue };
            match index {
                0 => synced[0] = slot.generation,
                1 => synced[1] = slot.generation,
                _ => {}
            }
            if newest.is_none_or(|newest| newest.generation < slot.generation) {
                newest = Some(slot);
            }
        }
        // Unsynced writes beyond the newest may have left pieces. With a generation that none of them had, no such piece can
        // ever fit to a later torn write.
        let generation = newest.map_or(0, |slot| slot.generation).saturating_add(u64::from(REPEATS_MAX));
        Ok((Self { generation, synced_slot: u64::from(synced[0] > synced[1]), unsynced_writes: 0 }, newest))
    }

    /// Writes `slot` with the next generation; synced when asked for, or when it is time.
    pub(crate) fn write<D: Disk>(&mut self, disk: &mut D, mut slot: Slot, is_synced: bool) -> io::Result<()> {
        self.generation = self.generation.saturating_add(1);
        slot.generation = self.generation;
        let bytes = format::encode_slot(&slot);
        if is_synced || self.unsynced_writes + 1 >= REPEATS_MAX {
            disk.write(Part::Cursor, self.synced_slot * SLOT_STRIDE, &bytes)?;
            disk.sync(Part::Cursor)?;
            self.synced_slot = 1 - self.synced_slot;
            self.unsynced_writes = 0;
        } else {
            self.unsynced_writes += 1;
            disk.write(Part::Cursor, UNSYNCED_SLOT * SLOT_STRIDE, &bytes)?;
        }
        Ok(())
    }
}
