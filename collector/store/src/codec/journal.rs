//! The journal's language: what one commit says, as a sequence of entries.
//!
//! A generation of the journal is complete in itself: it defines each stream (a run of an agent) and each layout (a
//! resource with its series) before using it, so that nothing but the journal is needed to read it back.

use super::{Damaged, Reader, put, put_signed, row};

/// Causes of loss that are kept apart, in the order of [`crate::books::CAUSES`].
pub(crate) const CAUSES: usize = 4;

const STREAM: u8 = 1;
const LAYOUT: u8 = 2;
const TABLES: u8 = 3;
const BATCH: u8 = 4;
const REPEATED: u8 = 5;

/// What a batch adds to the books of its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Samples taken since the batch before.
    pub(crate) expected: u64,
    /// Samples stored.
    pub(crate) stored: u64,
    /// Of these, samples whose stretch was already sealed.
    pub(crate) late: u64,
    /// Samples too old to be kept.
    pub(crate) expired: u64,
    /// Samples lost by the agent since the batch before, by cause.
    pub(crate) lost: [u64; CAUSES],
}

/// The head of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchHead {
    pub(crate) stream: u32,
    pub(crate) seq: u64,
    /// Samples taken in this run up to and including this batch.
    pub(crate) taken: u64,
    /// Samples lost in this run, by cause.
    pub(crate) lost: [u64; CAUSES],
    /// Time of the newest frame.
    pub(crate) time_ms: i64,
    pub(crate) interval_ms: u64,
    pub(crate) counts: Counts,
    pub(crate) frames: usize,
}

/// One entry as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry<'a> {
    /// From here on `stream` means this run of this agent.
    Stream { stream: u32, agent: u32, boot: u64 },
    /// From here on `layout` means these series of this resource.
    Layout { layout: u32, resource: u32, series: Vec<u32> },
    /// From here on the rows of this stream have these layouts.
    Tables { stream: u32, layouts: Vec<u32> },
    /// A batch; its frames follow.
    Batch(BatchHead),
    /// Samples came again and were dropped.
    Repeated { stream: u32, time_ms: i64, samples: u64 },
    /// The frame of a batch: time and, behind it, rows.
    Frame { time_ms: i64, rows: usize },
    /// The values of one row, encoded.
    Row { index: usize, bytes: &'a [u8], samples: u64 },
}

pub(crate) fn put_stream(out: &mut Vec<u8>, stream: u32, agent: u32, boot: u64) {
    out.push(STREAM);
    put(out, stream.into());
    put(out, agent.into());
    out.extend_from_slice(&boot.to_le_bytes());
}

pub(crate) fn put_layout(out: &mut Vec<u8>, layout: u32, resource: u32, series: &[u32]) {
    out.push(LAYOUT);
    put(out, layout.into());
    put(out, resource.into());
    put(out, series.len() as u64);
    let mut previous = 0;
    for id in series {
        put_signed(out, i64::from(*id) - previous);
        previous = i64::from(*id);
    }
}

pub(crate) fn put_tables(out: &mut Vec<u8>, stream: u32, layouts: impl ExactSizeIterator<Item = u32>) {
    out.push(TABLES);
    put(out, stream.into());
    put(out, layouts.len() as u64);
    for layout in layouts {
        put(out, layout.into());
    }
}

/// What the next batch of a stream is measured against; all zero when the stream has just been defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Previous {
    pub(crate) seq: u64,
    pub(crate) taken: u64,
    pub(crate) time_ms: i64,
    pub(crate) interval_ms: u64,
}

impl BatchHead {
    /// What the batch after this one is measured against.
    pub(crate) const fn as_previous(&self) -> Previous {
        Previous { seq: self.seq, taken: self.taken, time_ms: self.time_ms, interval_ms: self.interval_ms }
    }
}

pub(crate) fn put_batch(out: &mut Vec<u8>, head: &BatchHead, previous: Previous) {
    out.push(BATCH);
    put(out, head.stream.into());
    let counts = &head.counts;
    // Nearly always nothing is late, expired or lost: one bit says so.
    let is_plain = counts.late == 0 && counts.expired == 0 && head.lost == [0; CAUSES] && counts.lost == [0; CAUSES];
    put(out, (head.frames as u64) << 1 | u64::from(!is_plain));
    put(out, head.seq.wrapping_sub(previous.seq));
    put(out, counts.expected);
    put_signed(out, head.taken.wrapping_sub(previous.taken).wrapping_sub(counts.expected).cast_signed());
    put_signed(out, counts.stored.wrapping_sub(counts.expected).cast_signed());
    put_signed(out, head.time_ms.wrapping_sub(previous.time_ms));
    put_signed(out, head.interval_ms.wrapping_sub(previous.interval_ms).cast_signed());
    if !is_plain {
        for number in [counts.late, counts.expired].into_iter().chain(head.lost).chain(counts.lost) {
            put(out, number);
        }
    }
}

pub(crate) fn put_repeated(out: &mut Vec<u8>, stream: u32, time_ms: i64, samples: u64) {
    out.push(REPEATED);
    put(out, stream.into());
    put_signed(out, time_ms);
    put(out, samples);
}

/// Appends the head of a frame; `time_ms` is counted back from the batch's time.
pub(crate) fn put_frame(out: &mut Vec<u8>, time_ms: i64, batch_ms: i64, rows: usize) {
    put_signed(out, batch_ms.wrapping_sub(time_ms));
    put(out, rows as u64);
}

/// Who knows what the reader must: how wide the rows of a stream are, and its last number.
pub(crate) trait Known {
    /// How many series the row at `index` of the stream's frames has.
    fn columns(&self, stream: u32, index: usize) -> Option<usize>;
    /// The stream's batch before.
    fn previous(&self, stream: u32) -> Previous;
}

/// Most series, layouts, frames or rows that one entry may name; the limits on batches are far below.
const COUNT_MAX: usize = 1 << 20;

/// Reads one commit entry by entry.
#[derive(Debug)]
pub(crate) struct Entries<'a> {
    reader: Reader<'a>,
    batch: Option<(u32, i64)>,
    frames: usize,
    rows: usize,
    row: usize,
}

impl<'a> Entries<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { reader: Reader::new(bytes), batch: None, frames: 0, rows: 0, row: 0 }
    }

    /// The next entry, none at the end.
    pub(crate) fn next(&mut self, known: &impl Known) -> Result<Option<Entry<'a>>, Damaged> {
        if let Some((stream, batch_ms)) = self.batch {
            if self.row < self.rows {
                let columns = known.columns(stream, self.row).ok_or(Damaged("a row has no layout"))?;
                self.row += 1;
                let rest = self.reader.rest();
                let start = self.reader.position();
                let samples = row::skip(&mut self.reader, columns)?;
                return Ok(Some(Entry::Row { index: self.row - 1, bytes: &rest[..self.reader.position() - start], samples }));
            }
            if self.frames > 0 {
                self.frames -= 1;
                let time_ms = batch_ms.wrapping_sub(self.reader.signed()?);
                (self.rows, self.row) = (self.reader.count(COUNT_MAX)?, 0);
                return Ok(Some(Entry::Frame { time_ms, rows: self.rows }));
            }
            self.batch = None;
        }
        if self.reader.is_at_end() {
            return Ok(None);
        }
        self.entry(known).map(Some)
    }

    fn entry(&mut self, known: &impl Known) -> Result<Entry<'a>, Damaged> {
        let reader = &mut self.reader;
        match reader.byte()? {
            STREAM => {
                let (stream, agent) = (reader.id()?, reader.id()?);
                let boot = reader.take(8)?.try_into().map_err(|_| Damaged("ends too early"))?;
                Ok(Entry::Stream { stream, agent, boot: u64::from_le_bytes(boot) })
            }
            LAYOUT => {
                let (layout, resource) = (reader.id()?, reader.id()?);
                let count = reader.count(COUNT_MAX)?;
                let mut series = Vec::with_capacity(count.min(4_096));
                let mut previous = 0_i64;
                for _ in 0..count {
                    previous = previous.wrapping_add(reader.signed()?);
                    series.push(u32::try_from(previous).map_err(|_| Damaged("a series is out of range"))?);
                }
                Ok(Entry::Layout { layout, resource, series })
            }
            TABLES => {
                let stream = reader.id()?;
                let count = reader.count(COUNT_MAX)?;
                let layouts = (0..count).map(|_| reader.id()).collect::<Result<_, _>>()?;
                Ok(Entry::Tables { stream, layouts })
            }
            BATCH => {
                let head = batch_head(reader, known)?;
                (self.batch, self.frames) = (Some((head.stream, head.time_ms)), head.frames);
                (self.rows, self.row) = (0, 0);
                Ok(Entry::Batch(head))
            }
            REPEATED => Ok(Entry::Repeated { stream: reader.id()?, time_ms: reader.signed()?, samples: reader.number()? }),
            _ => Err(Damaged("an entry is of no known kind")),
        }
    }
}

fn batch_head(reader: &mut Reader<'_>, known: &impl Known) -> Result<BatchHead, Damaged> {
    let stream = reader.id()?;
    let previous = known.previous(stream);
    let word = reader.number()?;
    let seq = previous.seq.wrapping_add(reader.number()?);
    let expected = reader.number()?;
    let taken = previous.taken.wrapping_add(expected).wrapping_add(reader.signed()?.cast_unsigned());
    let stored = expected.wrapping_add(reader.signed()?.cast_unsigned());
    let time_ms = previous.time_ms.wrapping_add(reader.signed()?);
    let interval_ms = previous.interval_ms.wrapping_add(reader.signed()?.cast_unsigned());
    let mut rest = [0; 2 + 2 * CAUSES];
    if word & 1 == 1 {
        for number in &mut rest {
            *number = reader.number()?;
        }
    }
    let frames = usize::try_from(word >> 1).ok().filter(|frames| *frames <= COUNT_MAX).ok_or(Damaged("too many frames"))?;
    let [late, expired, lost @ ..] = rest;
    let (total, added) = lost.split_at(CAUSES);
    let (mut lost, mut counts_lost) = ([0; CAUSES], [0; CAUSES]);
    lost.copy_from_slice(total);
    counts_lost.copy_from_slice(added);
    let counts = Counts { expected, stored, late, expired, lost: counts_lost };
    Ok(BatchHead { stream, seq, taken, lost, time_ms, interval_ms, counts, frames })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PREVIOUS: Previous = Previous { seq: 40, taken: 7, time_ms: 1_000, interval_ms: 100 };
    struct Fixed;
    impl Known for Fixed {
        fn columns(&self, _stream: u32, index: usize) -> Option<usize> {
            (index < 3).then_some(2)
        }
        fn previous(&self, _stream: u32) -> Previous {
            PREVIOUS
        }
    }

    proptest! {
        #[test]
        fn every_entry_comes_back(
            seq in 41_u64..1_000, taken: u64, lost: [u64; CAUSES], time_ms in -1_000_i64..2_000_000_000_000, counts: [u64; 8], boot: u64,
        ) {
            let [expected, stored, late, expired, a, b, c, d] = counts;
            let counts = Counts { expected, stored, late, expired, lost: [a, b, c, d] };
            let head = BatchHead { stream: 3, seq, taken, lost, time_ms, interval_ms: 1_000, counts, frames: 1 };
            let mut out = Vec::new();
            put_stream(&mut out, 3, 9, boot);
            put_layout(&mut out, 5, 2, &[7, 3, u32::MAX]);
            put_tables(&mut out, 3, [5_u32].into_iter());
            put_batch(&mut out, &head, PREVIOUS);
            put_frame(&mut out, time_ms - 7, time_ms, 1);
            row::RowEncoder::new(2).encode(&[1.5, 1.0 / 3.0], &mut out);
            put_repeated(&mut out, 3, time_ms, 60);
            let mut entries = Entries::new(&out);
            let mut all = Vec::new();
            while let Some(entry) = entries.next(&Fixed).unwrap() {
                all.push(entry);
            }
            prop_assert_eq!(all.len(), 7);
            prop_assert_eq!(&all[0], &Entry::Stream { stream: 3, agent: 9, boot });
            prop_assert_eq!(&all[1], &Entry::Layout { layout: 5, resource: 2, series: vec![7, 3, u32::MAX] });
            prop_assert_eq!(&all[2], &Entry::Tables { stream: 3, layouts: vec![5] });
            prop_assert_eq!(&all[3], &Entry::Batch(head));
            prop_assert_eq!(&all[4], &Entry::Frame { time_ms: time_ms - 7, rows: 1 });
            prop_assert_eq!(&all[6], &Entry::Repeated { stream: 3, time_ms, samples: 60 });
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let mut entries = Entries::new(&bytes);
            while let Ok(Some(_)) = entries.next(&Fixed) {}
        }
    }
}
