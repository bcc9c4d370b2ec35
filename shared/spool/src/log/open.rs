//! Opening what an earlier run left: finds the oldest record to deliver and the end to append to.
//!
//! Only headers and the last segment are read; what is damaged inside the others is found when reading comes there.
//! Nothing is changed before every file is known to be of a version that this program reads.

use std::collections::VecDeque;

use super::{FIRST, Log, Position, SEGMENT_BYTES_MAX, Segment, bounds, read::find};
use crate::{
    Disk, Options, Part, SpoolError,
    cursor::Cursor,
    format::{self, PREAMBLE, Preamble, SEGMENT_HEADER, Slot, Totals},
    loss::Losses,
};

impl<D: Disk> Log<D> {
    /// Opens the segments of a disk.
    pub(crate) fn open(mut disk: D, options: &Options, losses: &mut Losses) -> Result<Self, SpoolError> {
        let mut files = disk.segments().map_err(|source| SpoolError::Disk {
            doing: "list the segments beside",
            what: disk.describe(Part::Cursor),
            source,
        })?;
        files.sort_unstable();
        for (number, _) in &files {
            refuse_newer(&mut disk, *number)?;
        }
        let (cursor, slot) = Cursor::load(&mut disk)?;
        let last_number = files.last().map(|(number, _)| *number).max(slot.map(|slot| slot.number)).unwrap_or(0);
        let (disk_max, segment_max) = bounds(options);
        let start = slot.map(|slot| slot.before).unwrap_or_default();
        let mut log = Self {
            disk,
            disk_max,
            segment_max,
            segments: VecDeque::new(),
            end: start,
            ahead: (0, start),
            is_open: false,
            is_ragged: false,
            oldest: Position { number: last_number.saturating_add(1), offset: FIRST, totals: start },
            reading: Position::default(),
            cursor,
            next_number: last_number.saturating_add(1),
            trouble: None,
        };
        log.take_in(&files, slot, losses);
        log.reading = log.oldest;
        log.ahead = (log.segments.back().map_or(0, |last| last.len), log.end);
        while log.bytes() > log.disk_max {
            log.drop_oldest(losses);
        }
        if !files.is_empty() || slot.is_some() {
            log.note_cursor(true);
        }
        Ok(log)
    }

    fn take_in(&mut self, files: &[(u64, u64)], slot: Option<Slot>, losses: &mut Losses) {
        // What is known to be lost at the end even if no later record tells.
        let mut guess = Totals::default();
        for &(number, len) in files {
            if slot.is_some_and(|slot| number < slot.number) {
                self.discard(number); // acknowledged; its removal did not become durable
                continue;
            }
            match self.start_of(number, len.min(SEGMENT_BYTES_MAX)) {
                Some((start, is_sound)) => {
                    self.segments.push_back(Segment { number, len: len.min(SEGMENT_BYTES_MAX), start });
                    self.is_open = is_sound;
                    self.is_ragged = len > SEGMENT_BYTES_MAX;
                    guess = Totals::default();
                }
                None => {
                    // Nothing in it can be trusted. Up to a header's length it cannot have held a record.
                    guess.batches += u64::from(len > FIRST);
                    self.is_open = false;
                    self.discard(number);
                }
            }
        }
        self.find_oldest(slot, losses);
        self.find_end(&mut guess);
        if let Some(slot) = slot {
            let known = slot.end.since(self.end);
            if known.batches >= guess.batches {
                guess = known;
            }
        }
        losses.damaged(guess);
        if let Err(error) = self.smooth().and_then(|()| self.settle()) {
            self.trouble = Some(error);
        }
    }

    /// Makes durable what is there: a killed run may have left it to the kernel.
    fn settle(&mut self) -> Result<(), SpoolError> {
        let Some(last) = self.segments.back() else { return Ok(()) };
        let part = Part::Segment(last.number);
        let synced = self.disk.sync(part).and_then(|()| self.disk.sync_names());
        synced.map_err(|source| self.failed("sync", part, source))
    }

    /// Running totals before the first record of a segment that can be trusted, and whether its header is sound. `None` when
    /// it holds nothing to trust.
    fn start_of(&mut self, number: u64, len: u64) -> Option<(Totals, bool)> {
        let mut header = [0; SEGMENT_HEADER];
        if len < FIRST {
            return None;
        }
        let read = self.disk.read(Part::Segment(number), 0, &mut header);
        if let Some(start) = read.ok().and_then(|()| format::decode_segment_header(&header, number)) {
            return Some((start, true));
        }
        match find(&mut self.disk, number, FIRST, len) {
            Ok(found) => found.map(|found| (found.header.before, false)),
            Err(source) => {
                self.trouble = Some(self.failed("read", Part::Segment(number), source));
                None
            }
        }
    }

    fn find_oldest(&mut self, slot: Option<Slot>, losses: &mut Losses) {
        let Some(first) = self.segments.front().copied() else { return };
        self.oldest = Position { number: first.number, offset: FIRST, totals: first.start };
        if let Some(slot) = slot {
            if slot.number == first.number {
                self.oldest = Position { number: first.number, offset: slot.offset.clamp(FIRST, first.len), totals: slot.before };
            } else {
                losses.damaged(first.start.since(slot.before));
            }
        }
    }

    /// Reads the last segment to its end, so that a torn record is cut off and the next one follows a sound one.
    fn find_end(&mut self, guess: &mut Totals) {
        let Some(last) = self.segments.back().copied() else { return };
        let from = if self.oldest.number == last.number {
            self.oldest
        } else {
            Position { offset: FIRST, totals: last.start, ..self.oldest }
        };
        let (mut trusted, mut end) = (from.offset, from.totals);
        let mut is_readable = true;
        loop {
            match find(&mut self.disk, last.number, trusted, last.len) {
                Ok(Some(found)) => {
                    trusted = found.next;
                    end = found.header.before.plus(found.header.samples);
                }
                Ok(None) => break,
                Err(source) => {
                    // Unreadable is not torn: keep the bytes, but append elsewhere.
                    self.trouble = Some(self.failed("read", Part::Segment(last.number), source));
                    self.is_open = false;
                    is_readable = false;
                    break;
                }
            }
        }
        self.end = end;
        if trusted < last.len {
            guess.batches += 1;
            guess.samples += self.torn_samples(last.number, trusted, last.len);
            self.is_ragged = is_readable;
        }
        if let Some(last) = self.segments.back_mut() {
            last.len = trusted;
        }
        if self.segments.len() == 1 && self.oldest.offset >= trusted {
            self.leave_oldest();
            self.is_ragged = false;
        }
    }

    /// Samples of a record whose header survived and whose body did not.
    fn torn_samples(&mut self, number: u64, offset: u64, len: u64) -> u64 {
        let mut bytes = [0; format::RECORD_HEADER];
        if offset + bytes.len() as u64 > len || self.disk.read(Part::Segment(number), offset, &mut bytes).is_err() {
            return 0;
        }
        format::decode_record_header(&bytes, number, offset).map_or(0, |header| header.samples)
    }
}

fn refuse_newer<D: Disk>(disk: &mut D, number: u64) -> Result<(), SpoolError> {
    let part = Part::Segment(number);
    let mut bytes = [0; PREAMBLE];
    // A file that is too short or cannot be read is damaged, not newer.
    if disk.read(part, 0, &mut bytes).is_ok()
        && let Preamble::Newer(version) = format::segment_preamble(&bytes)
    {
        return Err(SpoolError::Newer { file: disk.describe(part), version, known: format::VERSION });
    }
    Ok(())
}
