//! Reading segments back, record by record, past whatever is damaged.

use std::io;

#[cfg(test)]
use super::FIRST;
use super::{Log, Position};
use crate::{
    Disk, Part, Record,
    format::{self, RECORD_HEADER, RECORD_MAGIC, RecordHeader},
    loss::Losses,
};

/// How much is looked through at once for the next record after a damage; small, because it lives on the agent's stack.
const WINDOW: usize = 1_024;

/// A record that can be trusted.
pub(super) struct Found {
    pub(super) header: RecordHeader,
    pub(super) body: Vec<u8>,
    pub(super) offset: u64,
    /// Where the next record begins.
    pub(super) next: u64,
}

impl<D: Disk> Log<D> {
    /// Lends the oldest record; `None` when there is none. What had to be skipped is counted as damaged. Nothing may be lent.
    pub(crate) fn next(&mut self, losses: &mut Losses) -> Option<Record> {
        while let Some(segment) = self.segments.front().copied() {
            let found = match find(&mut self.disk, segment.number, self.reading.offset, segment.len) {
                Ok(found) => found,
                Err(source) => {
                    // Waiting for a sector to heal would hold up everything behind it.
                    self.trouble = Some(self.failed("read", Part::Segment(segment.number), source));
                    None
                }
            };
            let Some(found) = found else {
                losses.damaged(self.end_of_oldest().since(self.reading.totals));
                self.leave_oldest();
                continue;
            };
            let header = found.header;
            if header.before.batches < self.reading.totals.batches {
                // Behind what was read already: no spool writes that, and order matters more.
                self.reading.offset = found.next;
                self.oldest = self.reading;
                continue;
            }
            losses.damaged(header.before.since(self.reading.totals));
            self.oldest = Position { number: segment.number, offset: found.offset, totals: header.before };
            self.reading = Position { number: segment.number, offset: found.next, totals: header.before.plus(header.samples) };
            return Some(Record { boot: header.boot, seq: header.seq, samples: header.samples, body: found.body });
        }
        None
    }

    /// Forgets the lent record.
    pub(crate) fn acknowledge(&mut self, losses: &mut Losses) {
        self.oldest = self.reading;
        match self.segments.front() {
            Some(segment) if self.oldest.offset >= segment.len => {
                losses.damaged(self.end_of_oldest().since(self.reading.totals));
                self.leave_oldest();
            }
            _ => self.note_cursor(false),
        }
    }

    /// Treats the record that was just committed, the only one on disk, as the lent one.
    pub(crate) fn lend_only(&mut self) {
        // Segments before it, if any, were begun and never filled.
        while self.segments.len() > 1 {
            self.leave_oldest();
        }
        if let Some(segment) = self.segments.front() {
            self.reading = Position { number: segment.number, offset: segment.len, totals: self.end };
        }
    }

    /// What a reader would get from here on, damage skipped; changes nothing.
    #[cfg(test)]
    pub(crate) fn walk(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        let mut from = self.oldest.offset;
        for segment in self.segments.clone() {
            while let Ok(Some(found)) = find(&mut self.disk, segment.number, from, segment.len) {
                from = found.next;
                let RecordHeader { boot, seq, samples, .. } = found.header;
                records.push(Record { boot, seq, samples, body: found.body });
            }
            from = FIRST;
        }
        records
    }
}

/// Finds the first record at or after `from` that can be trusted and ends before `len`.
pub(super) fn find<D: Disk>(disk: &mut D, number: u64, from: u64, len: u64) -> io::Result<Option<Found>> {
    let part = Part::Segment(number);
    let mut offset = from;
    while offset + RECORD_HEADER as u64 <= len {
        let mut bytes = [0; RECORD_HEADER];
        disk.read(part, offset, &mut bytes)?;
        let Some(header) = format::decode_record_header(&bytes, number, offset) else {
            offset = find_magic(disk, number, offset + 1, len)?;
            continue;
        };
        let body_at = offset + RECORD_HEADER as u64;
        let next = body_at + header.body_bytes as u64;
        if next <= len {
            let mut body = vec![0; header.body_bytes];
            disk.read(part, body_at, &mut body)?;
            if format::checksum(&body) == header.body_checksum {
                return Ok(Some(Found { header, body, offset, next }));
            }
        }
        // The header is sound, so its length is: the next record begins there.
        offset = next;
    }
    Ok(None)
}

/// Where the magic of a record stands next, at or after `from`; `len` if nowhere.
fn find_magic<D: Disk>(disk: &mut D, number: u64, from: u64, len: u64) -> io::Result<u64> {
    let mut window = [0; WINDOW];
    let mut at = from;
    while at + (RECORD_MAGIC.len() as u64) <= len {
        let size = usize::try_from(len - at).unwrap_or(WINDOW).min(WINDOW);
        let window = &mut window[..size];
        disk.read(Part::Segment(number), at, window)?;
        if let Some(hit) = window.windows(RECORD_MAGIC.len()).position(|bytes| bytes == RECORD_MAGIC) {
            return Ok(at + hit as u64);
        }
        // A magic may lie across two windows.
        at += (size - (RECORD_MAGIC.len() - 1)) as u64;
    }
    Ok(len)
}
