//! The journal on disk: commits one behind the other in slots of a fixed size that are written again and again.
//!
//! A slot is one row whose blob is overwritten in place, so that a commit touches only the pages that its bytes lie on.
//! A row a commit would touch five (leaf, parent, pointer map, free list, header), which is most of what is written.
//! Which commits are alive is told by the generation that each carries: a generation whose samples are all in blocks is
//! dead as soon as `oldest_generation` has passed it, and its slots are free to be written over.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

/// Size of a slot: a few hundred commits of a busy collector; small enough that finding a place in it is quick.
const SLOT_BYTES: usize = 128 << 10;
/// Generation, ordinal and a checksum of both.
const SLOT_HEADER: usize = 16;
/// Stamp, length and checksum.
const COMMIT_HEADER: usize = 16;
/// Largest commit: a batch at every limit, with room. SQLite's own limit on a blob is far above.
const COMMIT_BYTES_MAX: usize = 256 << 20;
/// Free slots that are kept at least.
const FREE_MIN: usize = 4;

/// Why the journal cannot be read.
#[derive(Debug)]
pub(crate) enum JournalError {
    Sqlite(rusqlite::Error),
    Damaged(&'static str),
}

impl From<rusqlite::Error> for JournalError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Where the next commit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    slot: i64,
    len: usize,
    offset: usize,
    ordinal: u32,
}

/// A commit that was written into a transaction which is not on disk yet.
#[derive(Debug)]
#[must_use]
pub(crate) struct Written {
    next: Place,
    is_new_slot: bool,
    is_recycled: bool,
}

/// The writer's view of the journal.
#[derive(Debug)]
pub(crate) struct Journal {
    generation: u64,
    place: Option<Place>,
    free: Vec<i64>,
    used: BTreeMap<u64, Vec<i64>>,
}

impl Journal {
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Starts the next generation; what is written from now on belongs to it.
    pub(crate) fn rotate(&mut self) {
        self.generation += 1;
        self.place = None;
    }

    /// Whether the generation has commits.
    pub(crate) fn has_commits(&self, generation: u64) -> bool {
        self.used.contains_key(&generation)
    }

    /// Writes a commit into the open transaction.
    pub(crate) fn write(&self, conn: &Connection, body: &[u8]) -> rusqlite::Result<Written> {
        let total = COMMIT_HEADER + body.len();
        let (mut place, mut is_new_slot, mut is_recycled) = (self.place, false, false);
        if place.is_none_or(|place| place.offset + total > place.len) {
            is_new_slot = true;
            let ordinal = place.map_or(0, |place| place.ordinal + 1);
            let fits = SLOT_HEADER + total <= SLOT_BYTES;
            let len = if fits { SLOT_BYTES } else { SLOT_HEADER + total };
            is_recycled = fits && !self.free.is_empty();
            let slot = match self.free.last() {
                Some(slot) if fits => *slot,
                _ => {
                    let len = i64::try_from(len).unwrap_or(i64::MAX);
                    conn.prepare_cached("INSERT INTO journal(body) VALUES(zeroblob(?1))")?.execute([len])?;
                    conn.last_insert_rowid()
                }
            };
            place = Some(Place { slot, len, offset: SLOT_HEADER, ordinal });
        }
        let place = place.expect("a place was just made");
        let mut blob = conn.blob_open("main", "journal", "body", place.slot, false)?;
        if is_new_slot {
            blob.write_all_at(&slot_header(self.generation, place.ordinal), 0)?;
        }
        let mut commit = Vec::with_capacity(total);
        commit.extend_from_slice(&stamp(self.generation, place.ordinal, place.offset).to_le_bytes());
        commit.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
        commit.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
        commit.extend_from_slice(body);
        blob.write_all_at(&commit, place.offset)?;
        blob.close()?;
        Ok(Written { next: Place { offset: place.offset + total, ..place }, is_new_slot, is_recycled })
    }

    /// Takes note that the transaction of a commit is on disk.
    pub(crate) fn accept(&mut self, written: &Written) {
        if written.is_new_slot {
            self.used.entry(self.generation).or_default().push(written.next.slot);
        }
        if written.is_recycled {
            self.free.pop();
        }
        self.place = Some(written.next);
    }

    /// Slots that a generation leaves behind and that are too many or too large to be kept: to be deleted.
    pub(crate) fn surplus(&self, conn: &Connection, generation: u64) -> rusqlite::Result<Vec<i64>> {
        let mut surplus = Vec::new();
        let slots = self.used.get(&generation).map(Vec::as_slice).unwrap_or_default();
        let keep = FREE_MIN.max(slots.len() + slots.len() / 2);
        let mut kept = self.free.len();
        for slot in slots {
            let len: i64 =
                conn.prepare_cached("SELECT length(body) FROM journal WHERE id = ?1")?.query_row([slot], |row| row.get(0))?;
            if usize::try_from(len) != Ok(SLOT_BYTES) || kept >= keep {
                surplus.push(*slot);
            } else {
                kept += 1;
            }
        }
        Ok(surplus)
    }

    /// Deletes surplus slots and marks the generation as dead, in the open transaction.
    pub(crate) fn bury(conn: &Connection, generation: u64, surplus: &[i64]) -> rusqlite::Result<()> {
        for slot in surplus {
            conn.prepare_cached("DELETE FROM journal WHERE id = ?1")?.execute([slot])?;
        }
        let oldest = i64::try_from(generation + 1).unwrap_or(i64::MAX);
        conn.execute("UPDATE meta SET value = ?1 WHERE key = 'oldest_generation'", params![oldest])?;
        conn.execute("DELETE FROM sealed WHERE generation <= ?1", params![i64::try_from(generation).unwrap_or(i64::MAX)])?;
        Ok(())
    }

    /// Takes note that a generation is dead on disk.
    pub(crate) fn forget(&mut self, generation: u64, surplus: &[i64]) {
        let slots = self.used.remove(&generation).unwrap_or_default();
        self.free.extend(slots.into_iter().filter(|slot| !surplus.contains(slot)));
    }

    /// Reads every living commit, oldest first, and leaves the journal ready for a new generation.
    pub(crate) fn replay(
        conn: &Connection,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), JournalError>,
    ) -> Result<Self, JournalError> {
        let oldest: i64 = conn.query_row("SELECT value FROM meta WHERE key = 'oldest_generation'", [], |row| row.get(0))?;
        let oldest = u64::try_from(oldest).map_err(|_| JournalError::Damaged("the oldest generation is negative"))?;
        let mut journal = Self { generation: oldest, place: None, free: Vec::new(), used: BTreeMap::new() };
        let mut living = BTreeMap::new();
        let slots: Vec<i64> =
            conn.prepare("SELECT id FROM journal ORDER BY id")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for slot in slots {
            let blob = conn.blob_open("main", "journal", "body", slot, true)?;
            let mut header = [0; SLOT_HEADER];
            if blob.len() < SLOT_HEADER {
                return Err(JournalError::Damaged("a slot of the journal is too short"));
            }
            blob.read_at_exact(&mut header, 0)?;
            match generation_of(&header)? {
                Some((generation, ordinal)) if generation >= oldest => {
                    let other = living.insert((generation, ordinal), slot);
                    other.map_or(Ok(()), |_| Err(JournalError::Damaged("two slots of the journal claim the same place")))?;
                }
                _ if blob.len() == SLOT_BYTES => journal.free.push(slot),
                _ => {}
            }
        }
        for ((generation, ordinal), slot) in living {
            let expected = journal.used.get(&generation).map_or(0, Vec::len);
            if usize::try_from(ordinal) != Ok(expected) {
                return Err(JournalError::Damaged("a slot of the journal is missing"));
            }
            journal.used.entry(generation).or_default().push(slot);
            journal.generation = generation;
            let body: Vec<u8> = conn.query_row("SELECT body FROM journal WHERE id = ?1", [slot], |row| row.get(0))?;
            read_slot(&body, generation, ordinal, &mut each)?;
        }
        if journal.has_commits(journal.generation) {
            journal.rotate();
        }
        Ok(journal)
    }

    /// Generations that have commits, oldest first, the current one included.
    pub(crate) fn generations(&self) -> Vec<u64> {
        self.used.keys().copied().collect()
    }
}

fn read_slot(
    body: &[u8],
    generation: u64,
    ordinal: u32,
    each: &mut impl FnMut(u64, &[u8]) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let mut offset = SLOT_HEADER;
    while let Some(header) = body.get(offset..offset + COMMIT_HEADER) {
        let (stamp_read, rest) = header.split_at(8);
        let (len, crc) = rest.split_at(4);
        // Bytes of an earlier generation, or none at all: here the slot ends.
        if stamp_read != stamp(generation, ordinal, offset).to_le_bytes() {
            break;
        }
        let len = u32::from_le_bytes(len.try_into().expect("four bytes")) as usize;
        let start = offset + COMMIT_HEADER;
        let commit = body.get(start..start + len.min(COMMIT_BYTES_MAX)).ok_or(JournalError::Damaged("a commit is cut off"))?;
        if crc32fast::hash(commit).to_le_bytes() != crc {
            return Err(JournalError::Damaged("a commit's checksum is wrong"));
        }
        each(generation, commit)?;
        offset = start + len;
    }
    Ok(())
}

/// What stands before a commit at this place and nowhere else.
fn stamp(generation: u64, ordinal: u32, offset: usize) -> u64 {
    let place = u64::from(ordinal) << 32 | offset as u64;
    // Any odd multipliers with well-spread bits do: a stale stamp must not match by accident.
    (generation.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ place).wrapping_mul(0xd6e8_feb8_6659_fd93) | 1
}

fn slot_header(generation: u64, ordinal: u32) -> [u8; SLOT_HEADER] {
    let mut header = [0; SLOT_HEADER];
    header[..8].copy_from_slice(&generation.to_le_bytes());
    header[8..12].copy_from_slice(&ordinal.to_le_bytes());
    let crc = crc32fast::hash(&header[..12]);
    header[12..].copy_from_slice(&crc.to_le_bytes());
    header
}

fn generation_of(header: &[u8; SLOT_HEADER]) -> Result<Option<(u64, u32)>, JournalError> {
    if *header == [0; SLOT_HEADER] {
        return Ok(None);
    }
    let generation = u64::from_le_bytes(header[..8].try_into().expect("eight bytes"));
    let ordinal = u32::from_le_bytes(header[8..12].try_into().expect("four bytes"));
    if slot_header(generation, ordinal) != *header {
        return Err(JournalError::Damaged("the head of a slot is wrong"));
    }
    Ok(Some((generation, ordinal)))
}
