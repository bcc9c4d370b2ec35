//! The bytes on disk: segments of records, and the cursor.
//!
//! A spool is a directory:
//!
//! ```text
//! lock                     held while an agent uses the spool
//! cursor                   how far the collector has acknowledged
//! 0000000000000001.seg     segments, numbered in hexadecimal; a number is never used twice
//! 0000000000000002.seg
//! ```
//!
//! All numbers are little-endian. A checksum is CRC-32 (IEEE). Every file starts with the same sixteen bytes, in this and
//! in every later version, so that any version can tell a newer file from a damaged one:
//!
//! ```text
//! preamble    0  magic, "FAROLSEG" or "FAROLCUR"
//!             8  u32 version, now 1
//!            12  u32 checksum of bytes 0..12
//! ```
//!
//! A segment is a header and then records without gaps. Segments are only appended to, cut back to a trusted end, and
//! removed.
//!
//! ```text
//! segment     0  preamble
//!            16  u64 number of the segment, the same as in its name
//!            24  u64 batches, u64 samples: running totals before the first record
//!            40  u32 checksum of bytes 16..40
//!
//! record      0  magic FB 'r' 'e' 'c'
//!             4  u32 bytes of the body
//!             8  u64 boot, u64 seq, u64 samples of the batch
//!            32  u64 batches, u64 samples: running totals before this record
//!            48  u32 checksum of the body
//!            52  u32 checksum of bytes 0..52, then the segment's number and the record's offset (u64 each)
//!            56  body
//! ```
//!
//! The running totals count all that was ever written to this spool. Where a record cannot be read, the next one that can
//! be tells exactly how many batches and samples are missing between; no index and no second pass is needed for that, nor to
//! know what a whole segment holds. The place in the header's checksum makes a copy of a record elsewhere (a stale
//! block, a body that contains a record) worthless, so that looking for the next magic after a damage is safe.
//!
//! The cursor has three slots, 512 bytes apart. Synced writes alternate between slots 0 and 1, unsynced ones go to slot 2, so
//! that a torn write never takes the last synced one with it. The valid slot with the highest generation counts.
//!
//! ```text
//! slot        0  preamble
//!            16  u64 generation
//!            24  u64 segment, u64 offset of the oldest record that is not acknowledged
//!            40  u64 batches, u64 samples: running totals before that record
//!            56  u64 batches, u64 samples: running totals after the newest record on disk
//!            72  u32 checksum of bytes 16..72
//! ```

use farol_shared::limit;

/// The version that is written, and the newest that is read.
pub(crate) const VERSION: u32 = 1;
/// Bytes before the first record of a segment.
pub(crate) const SEGMENT_HEADER: usize = 44;
/// Bytes before the body of a record.
pub(crate) const RECORD_HEADER: usize = 56;
/// Bytes of a preamble.
pub(crate) const PREAMBLE: usize = 16;
/// Bytes of a slot of the cursor.
pub(crate) const SLOT: usize = 76;
/// Distance of the slots, one disk sector: a torn sector harms one slot only.
pub(crate) const SLOT_STRIDE: u64 = 512;
/// How a record begins.
pub(crate) const RECORD_MAGIC: [u8; 4] = [0xFB, b'r', b'e', b'c'];
/// Largest body, in bytes: the largest request and some room for what the agent notes beside it. A length beyond it is damage,
/// and is never allocated.
pub const BODY_BYTES_MAX: usize = limit::BATCH_BYTES_MAX + 64;

const SEGMENT_MAGIC: [u8; 8] = *b"FAROLSEG";
const CURSOR_MAGIC: [u8; 8] = *b"FAROLCUR";

/// Running totals of a spool since its directory was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    pub(crate) batches: u64,
    pub(crate) samples: u64,
}

impl Totals {
    /// The totals after one more batch.
    pub(crate) fn plus(self, samples: u64) -> Self {
        Self { batches: self.batches.saturating_add(1), samples: self.samples.saturating_add(samples) }
    }

    /// What was added since `earlier`; nothing if that lies ahead.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { batches: self.batches.saturating_sub(earlier.batches), samples: self.samples.saturating_sub(earlier.samples) }
    }
}

/// What the first sixteen bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preamble {
    /// A version that this program reads.
    Known,
    /// Written by a later program.
    Newer(u32),
    /// Not what was written there.
    Damaged,
}

/// What the header of a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) boot: u64,
    pub(crate) seq: u64,
    pub(crate) samples: u64,
    pub(crate) before: Totals,
    pub(crate) body_bytes: usize,
    pub(crate) body_checksum: u32,
}

/// One slot of the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) generation: u64,
    pub(crate) number: u64,
    pub(crate) offset: u64,
    pub(crate) before: Totals,
    pub(crate) end: Totals,
}

/// Reads a segment's preamble.
pub(crate) fn segment_preamble(bytes: &[u8]) -> Preamble {
    preamble(bytes, SEGMENT_MAGIC)
}

/// Reads the cursor's preamble.
pub(crate) fn cursor_preamble(bytes: &[u8]) -> Preamble {
    preamble(bytes, CURSOR_MAGIC)
}

/// Writes the header of segment `number`, whose first record comes after `start`.
pub(crate) fn encode_segment_header(number: u64, start: Totals) -> [u8; SEGMENT_HEADER] {
    let mut out = Writer::<SEGMENT_HEADER>::new();
    out.preamble(SEGMENT_MAGIC);
    out.u64(number);
    out.totals(start);
    out.checksum_from(PREAMBLE);
    out.bytes
}

/// Reads the header of segment `number`: the totals before its first record. `None` when damaged.
pub(crate) fn decode_segment_header(bytes: &[u8; SEGMENT_HEADER], number: u64) -> Option<Totals> {
    let mut input = Reader(bytes);
    let is_known = segment_preamble(input.take::<PREAMBLE>()?.as_slice()) == Preamble::Known;
    let (found, start) = (input.u64()?, input.totals()?);
    let is_sound = input.u32()? == checksum(bytes.get(PREAMBLE..SEGMENT_HEADER - 4)?);
    (is_known && is_sound && found == number).then_some(start)
}

/// Writes the header of a record that stands at `offset` of segment `number`.
pub(crate) fn encode_record_header(header: &RecordHeader, number: u64, offset: u64) -> [u8; RECORD_HEADER] {
    let mut out = Writer::<RECORD_HEADER>::new();
    out.put(&RECORD_MAGIC);
    out.u32(u32::try_from(header.body_bytes).expect("bodies are bounded by BODY_BYTES_MAX"));
    out.u64(header.boot);
    out.u64(header.seq);
    out.u64(header.samples);
    out.totals(header.before);
    out.u32(header.body_checksum);
    let sum = placed_checksum(&out.bytes[..RECORD_HEADER - 4], number, offset);
    out.u32(sum);
    out.bytes
}

/// Reads the header of a record at `offset` of segment `number`; `None` when it is damaged or belongs elsewhere.
pub(crate) fn decode_record_header(bytes: &[u8; RECORD_HEADER], number: u64, offset: u64) -> Option<RecordHeader> {
    let mut input = Reader(bytes);
    let is_record = input.take::<4>()? == RECORD_MAGIC;
    let body_bytes = usize::try_from(input.u32()?).ok()?;
    let (boot, seq, samples, before) = (input.u64()?, input.u64()?, input.u64()?, input.totals()?);
    let body_checksum = input.u32()?;
    let is_sound = input.u32()? == placed_checksum(bytes.get(..RECORD_HEADER - 4)?, number, offset);
    let is_bounded = body_bytes <= BODY_BYTES_MAX;
    (is_record && is_sound && is_bounded).then_some(RecordHeader { boot, seq, samples, before, body_bytes, body_checksum })
}

/// Writes a slot of the cursor.
pub(crate) fn encode_slot(slot: &Slot) -> [u8; SLOT] {
    let mut out = Writer::<SLOT>::new();
    out.preamble(CURSOR_MAGIC);
    out.u64(slot.generation);
    out.u64(slot.number);
    out.u64(slot.offset);
    out.totals(slot.before);
    out.totals(slot.end);
    out.checksum_from(PREAMBLE);
    out.bytes
}

/// Reads a slot of the cursor; `None` when it is damaged or was never written.
pub(crate) fn decode_slot(bytes: &[u8; SLOT]) -> Option<Slot> {
    let mut input = Reader(bytes);
    let is_known = cursor_preamble(input.take::<PREAMBLE>()?.as_slice()) == Preamble::Known;
    let (generation, number, offset) = (input.u64()?, input.u64()?, input.u64()?);
    let (before, end) = (input.totals()?, input.totals()?);
    let is_sound = input.u32()? == checksum(bytes.get(PREAMBLE..SLOT - 4)?);
    (is_known && is_sound).then_some(Slot { generation, number, offset, before, end })
}

/// CRC-32 of some bytes.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

fn placed_checksum(bytes: &[u8], number: u64, offset: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(bytes);
    hasher.update(&number.to_le_bytes());
    hasher.update(&offset.to_le_bytes());
    hasher.finalize()
}

fn preamble(bytes: &[u8], magic: [u8; 8]) -> Preamble {
    let mut input = Reader(bytes);
    let (Some(found), Some(version), Some(sum)) = (input.take::<8>(), input.u32(), input.u32()) else {
        return Preamble::Damaged;
    };
    if found != magic || bytes.get(..12).map(checksum) != Some(sum) {
        return Preamble::Damaged;
    }
    match version {
        VERSION => Preamble::Known,
        later if later > VERSION => Preamble::Newer(later),
        _ => Preamble::Damaged,
    }
}

/// Takes numbers off the front of some bytes.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn totals(&mut self) -> Option<Totals> {
        Some(Totals { batches: self.u64()?, samples: self.u64()? })
    }
}

/// Fills an array from its front.
struct Writer<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

impl<const N: usize> Writer<N> {
    fn new() -> Self {
        Self { bytes: [0; N], at: 0 }
    }

    fn put(&mut self, part: &[u8]) {
        self.bytes[self.at..self.at + part.len()].copy_from_slice(part);
        self.at += part.len();
    }

    fn u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }

    fn totals(&mut self, totals: Totals) {
        self.u64(totals.batches);
        self.u64(totals.samples);
    }

    fn preamble(&mut self, magic: [u8; 8]) {
        self.put(&magic);
        self.u32(VERSION);
        self.checksum_from(0);
    }

    fn checksum_from(&mut self, start: usize) {
        let sum = checksum(&self.bytes[start..self.at]);
        self.u32(sum);
    }
}
