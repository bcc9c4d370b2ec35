//! The queue's part on disk: segments, oldest first, and the position up to which they are acknowledged.
//!
//! Writing: [`Log::room`], then [`Log::roll`] where it asks for it, then [`Log::append`] any number of times, then
//! [`Log::commit`]. What is not committed is cut off again at the first error, so the caller still has it.
//! Reading: [`Log::next`] lends the oldest record, [`Log::acknowledge`] forgets it.

mod open;
mod read;

use std::collections::VecDeque;

use crate::{
    BODY_BYTES_MAX, Disk, Options, Part, Record, SpoolError,
    cursor::Cursor,
    format::{self, RECORD_HEADER, RecordHeader, SEGMENT_HEADER, Slot, Totals},
    loss::Losses,
};

/// Longest segment that is ever written or read, in bytes. Whatever lies behind it in a file was not written by a spool.
const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// Where the first record of a segment begins.
const FIRST: u64 = SEGMENT_HEADER as u64;

/// One segment that still holds something to deliver.
#[derive(Debug, Clone, Copy)]
struct Segment {
    number: u64,
    /// Bytes that are committed.
    len: u64,
    /// Running totals before its first record.
    start: Totals,
}

/// A place between two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Position {
    number: u64,
    offset: u64,
    totals: Totals,
}

/// Where a record can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// Into the segment that is written now.
    Here,
    /// Into the next segment, after [`Log::roll`].
    Roll,
    /// Nowhere: the record alone is larger than the whole disk share.
    Never,
}

/// The segments on one disk.
#[derive(Debug)]
pub(crate) struct Log<D> {
    disk: D,
    disk_max: u64,
    segment_max: u64,
    segments: VecDeque<Segment>,
    /// Running totals after the last committed record.
    end: Totals,
    /// Length of the last segment and totals with what is appended and not committed.
    ahead: (u64, Totals),
    /// Whether the last segment may be appended to: its header is sound.
    is_open: bool,
    /// Whether the last segment may have bytes behind its committed length. Nothing is written until they are cut off.
    is_ragged: bool,
    /// The oldest record that is not acknowledged.
    oldest: Position,
    /// Where reading goes on: behind the lent record, else the same as `oldest`.
    reading: Position,
    cursor: Cursor,
    next_number: u64,
    /// A failure that stopped nothing, such as a cursor that could not be written.
    trouble: Option<SpoolError>,
}

impl<D: Disk> Log<D> {
    /// Batches and samples that wait here, the lent one included.
    pub(crate) fn queued(&self) -> Totals {
        self.end.since(self.oldest.totals)
    }

    /// Bytes on disk that wait here.
    pub(crate) fn queued_bytes(&self) -> u64 {
        let done = if self.segments.is_empty() { 0 } else { self.oldest.offset };
        self.bytes().saturating_sub(done)
    }

    /// Whether no record waits here; a segment that was begun and not filled may.
    pub(crate) fn is_empty(&self) -> bool {
        self.queued().batches == 0
    }

    /// Whether the lent record is still on disk, and not dropped since to make room.
    pub(crate) fn is_lent(&self) -> bool {
        self.reading != self.oldest
    }

    /// Takes the last failure that stopped nothing.
    pub(crate) fn take_trouble(&mut self) -> Option<SpoolError> {
        self.trouble.take()
    }

    /// Says where a record of this body can go.
    pub(crate) fn room(&self, body_bytes: usize) -> Room {
        let size = record_size(body_bytes);
        if FIRST + size > self.disk_max.min(SEGMENT_BYTES_MAX) {
            return Room::Never;
        }
        if self.is_open && !self.segments.is_empty() && self.ahead.0 + size <= self.segment_max {
            return Room::Here;
        }
        Room::Roll
    }

    /// Begins a new segment with room for a record of this body, and drops the oldest ones where the bound demands it.
    /// Everything appended must be committed.
    pub(crate) fn roll(&mut self, body_bytes: usize, losses: &mut Losses) -> Result<(), SpoolError> {
        self.smooth()?;
        // A whole segment is set aside at once, so that appending needs no further look at the bound.
        let reserved = self.segment_max.max(FIRST + record_size(body_bytes));
        while !self.segments.is_empty() && self.bytes() + reserved > self.disk_max {
            self.drop_oldest(losses);
        }
        let number = self.next_number;
        if self.segments.is_empty() {
            self.oldest = Position { number, offset: FIRST, totals: self.end };
            self.reading = self.oldest;
        }
        // The cursor comes first: a segment must never meet a cursor that speaks of a number beyond it.
        self.write_cursor(true)?;
        self.next_number += 1;
        let header = format::encode_segment_header(number, self.end);
        let part = Part::Segment(number);
        let made = self.disk.create(number).and_then(|()| self.disk.write(part, 0, &header)).and_then(|()| self.disk.sync(part));
        if let Err(source) = made.and_then(|()| self.disk.sync_names()) {
            // An unfinished segment is removed at the next start if it cannot be removed now: it holds no record.
            self.discard(number);
            return Err(self.failed("make", part, source));
        }
        self.segments.push_back(Segment { number, len: FIRST, start: self.end });
        self.ahead = (FIRST, self.end);
        self.is_open = true;
        Ok(())
    }

    /// Writes a record behind the others; it is not there before [`Log::commit`]. [`Log::room`] must have said "here".
    pub(crate) fn append(&mut self, record: &Record) -> Result<(), SpoolError> {
        self.smooth()?;
        let number = self.segments.back().expect("room() found an open segment").number;
        let part = Part::Segment(number);
        let (offset, totals) = self.ahead;
        let header = RecordHeader {
            boot: record.boot,
            seq: record.seq,
            samples: record.samples,
            before: totals,
            body_bytes: record.body.len(),
            body_checksum: format::checksum(&record.body),
        };
        let header = format::encode_record_header(&header, number, offset);
        let written = self.disk.write(part, offset, &header);
        if let Err(source) = written.and_then(|()| self.disk.write(part, offset + RECORD_HEADER as u64, &record.body)) {
            self.roll_back();
            return Err(self.failed("write", part, source));
        }
        self.ahead = (offset + record_size(record.body.len()), totals.plus(record.samples));
        Ok(())
    }

    /// Makes everything appended durable. After an error none of it is there.
    pub(crate) fn commit(&mut self) -> Result<(), SpoolError> {
        let Some(last) = self.segments.back_mut() else { return Ok(()) };
        if last.len == self.ahead.0 {
            return Ok(());
        }
        let part = Part::Segment(last.number);
        if let Err(source) = self.disk.sync(part) {
            // What the kernel still holds after a failed fsync is unknown: it is cut off and written again later.
            self.roll_back();
            return Err(self.failed("sync", part, source));
        }
        (last.len, self.end) = self.ahead;
        self.note_cursor(false);
        Ok(())
    }

    /// Makes the acknowledged position durable.
    pub(crate) fn sync_cursor(&mut self) {
        if !self.segments.is_empty() {
            self.note_cursor(true);
        }
    }

    fn roll_back(&mut self) {
        if let Some(last) = self.segments.back() {
            self.ahead = (last.len, self.end);
            self.is_ragged = true;
            if let Err(error) = self.smooth() {
                self.trouble = Some(error);
            }
        }
    }

    /// Cuts off what lies behind the last committed record.
    fn smooth(&mut self) -> Result<(), SpoolError> {
        if let (true, Some(last)) = (self.is_ragged, self.segments.back()) {
            let (number, len) = (last.number, last.len);
            let part = Part::Segment(number);
            let cut = self.disk.cut(number, len).and_then(|()| self.disk.sync(part));
            cut.map_err(|source| self.failed("cut", part, source))?;
        }
        self.is_ragged = false;
        Ok(())
    }

    /// Removes the oldest segment, and counts what of it was neither delivered nor lent.
    fn drop_oldest(&mut self, losses: &mut Losses) {
        losses.full(self.end_of_oldest().since(self.reading.totals), None);
        self.leave_oldest();
    }

    /// Moves on to the next segment and removes the oldest one.
    fn leave_oldest(&mut self) {
        let Some(gone) = self.segments.pop_front() else { return };
        self.oldest = match self.segments.front() {
            Some(next) => Position { number: next.number, offset: FIRST, totals: next.start },
            None => Position { number: self.next_number, offset: FIRST, totals: self.end },
        };
        self.reading = self.oldest;
        // Durable before the segment goes: its absence must not be taken for a loss.
        self.note_cursor(true);
        self.discard(gone.number);
    }

    /// Running totals after the last record of the oldest segment.
    fn end_of_oldest(&self) -> Totals {
        self.segments.get(1).map_or(self.end, |next| next.start)
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.len).sum()
    }

    fn discard(&mut self, number: u64) {
        let removed = self.disk.remove(number).and_then(|()| self.disk.sync_names());
        if let Err(source) = removed {
            self.trouble = Some(self.failed("remove", Part::Segment(number), source));
        }
    }

    fn note_cursor(&mut self, is_synced: bool) {
        if let Err(error) = self.write_cursor(is_synced) {
            self.trouble = Some(error);
        }
    }

    fn write_cursor(&mut self, is_synced: bool) -> Result<(), SpoolError> {
        let Position { number, offset, totals } = self.oldest;
        let slot = Slot { generation: 0, number, offset, before: totals, end: self.end };
        let written = self.cursor.write(&mut self.disk, slot, is_synced);
        written.map_err(|source| self.failed("write", Part::Cursor, source))
    }

    fn failed(&self, doing: &'static str, part: Part, source: std::io::Error) -> SpoolError {
        SpoolError::Disk { doing, what: self.disk.describe(part), source }
    }
}

/// Bytes that a record takes.
fn record_size(body_bytes: usize) -> u64 {
    debug_assert!(body_bytes <= BODY_BYTES_MAX, "push() refuses larger bodies");
    (RECORD_HEADER + body_bytes) as u64
}

/// The bounds of segments that follow from the options.
fn bounds(options: &Options) -> (u64, u64) {
    (options.disk_max, options.segment_max.min(options.disk_max / 2).min(SEGMENT_BYTES_MAX))
}
