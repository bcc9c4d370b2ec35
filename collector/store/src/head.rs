//! The head: samples that are on disk in the journal only, kept in memory in the very bytes of the journal.
//!
//! A segment holds the rows of one layout (a resource and its series) of one generation of the journal, in the order in
//! which they were committed. Each full chain of rows is turned into columns at once, so that a query for one series
//! reads little else and slow columns shrink to nothing.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    codec::{
        Damaged, Reader,
        block::{Builder, Directory, decode_times},
        column::{self, Packing},
        put_signed,
        row::{CHAIN_ROWS, ColumnDecoder, RowDecoder},
    },
    model::{ResourceId, SeriesId},
};

/// Rows of one resource, decoded: times and, for each series, a column with gaps.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Columns {
    pub(crate) times: Vec<i64>,
    pub(crate) columns: Vec<(SeriesId, Vec<f64>)>,
}

/// The rows of one layout in one generation of the journal.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) generation: u64,
    pub(crate) resource: ResourceId,
    pub(crate) series: Arc<[SeriesId]>,
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    chunks: Vec<Chunk>,
    chunk_bytes: usize,
    /// The chain that still grows: for each row the distance of its time from the row before, and the row as encoded.
    open: Vec<u8>,
    open_rows: u32,
    last_ms: i64,
    open_range: Range,
    rows: u64,
}

/// A full chain, column by column.
#[derive(Debug)]
struct Chunk {
    range: Range,
    directory: Box<[u8]>,
    body: Box<[u8]>,
}

/// First and last time, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Default for Range {
    fn default() -> Self {
        Self { first: i64::MAX, last: i64::MIN }
    }
}

impl Range {
    pub(crate) fn add(&mut self, time_ms: i64) {
        self.first = self.first.min(time_ms);
        self.last = self.last.max(time_ms);
    }

    pub(crate) const fn touches(&self, from_ms: i64, to_ms: i64) -> bool {
        self.first < to_ms && self.last >= from_ms
    }
}

impl Segment {
    pub(crate) fn new(generation: u64, resource: ResourceId, series: Arc<[SeriesId]>) -> Self {
        Self { generation, resource, series, rows: Mutex::default() }
    }

    /// Appends an encoded row; says by how many bytes the segment grew (it may shrink).
    fn append(&self, time_ms: i64, row: &[u8]) -> Result<i64, Damaged> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let before = rows.bytes();
        let distance = time_ms.wrapping_sub(rows.last_ms);
        put_signed(&mut rows.open, distance);
        rows.open.extend_from_slice(row);
        rows.last_ms = time_ms;
        rows.open_rows += 1;
        rows.rows += 1;
        rows.open_range.add(time_ms);
        if rows.open_rows == CHAIN_ROWS {
            rows.freeze(self.series.len())?;
        }
        Ok(rows.bytes() - before)
    }

    /// Times of the first and last row; none without rows.
    pub(crate) fn range(&self) -> Range {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut range = rows.open_range;
        for chunk in &rows.chunks {
            range.add(chunk.range.first);
            range.add(chunk.range.last);
        }
        range
    }

    /// Times of the rows, without gaps of more than a chain, as far as they touch a stretch.
    pub(crate) fn ranges(&self, mut each: impl FnMut(Range)) {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.chunks.iter().for_each(|chunk| each(chunk.range));
        if rows.open_rows > 0 {
            each(rows.open_range);
        }
    }

    /// Appends the samples of one column that lie in `from_ms..to_ms`, in the order in which they came.
    pub(crate) fn read(&self, column: usize, from_ms: i64, to_ms: i64, out: &mut Vec<(i64, f64)>) -> Result<(), Damaged> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wanted = |time: i64, value: f64| time >= from_ms && time < to_ms && !value.is_nan();
        for chunk in rows.chunks.iter().filter(|chunk| chunk.range.touches(from_ms, to_ms)) {
            let mut found = None;
            let key = column as u64 + 1;
            let (count, times) = Directory::scan(&chunk.directory, |entry| {
                found = (entry.key == key).then_some(entry);
                entry.key < key
            })?;
            let times = decode_times(&chunk.body[..times], count)?;
            let Some(entry) = found else { continue };
            let values = column::decode(&chunk.body[entry.offset..entry.offset + entry.len], count)?;
            out.extend(times.into_iter().zip(values).filter(|(time, value)| is_wanted(*time, *value)));
        }
        if rows.open_range.touches(from_ms, to_ms) {
            let mut reader = Reader::new(&rows.open);
            let mut decoder = ColumnDecoder::default();
            let mut time = rows.open_start();
            for _ in 0..rows.open_rows {
                time = time.wrapping_add(reader.signed()?);
                let value = decoder.decode(&mut reader, self.series.len(), column)?;
                if is_wanted(time, value) {
                    out.push((time, value));
                }
            }
        }
        Ok(())
    }

    /// All rows, in the order in which they came.
    pub(crate) fn read_all(&self) -> Result<Columns, Damaged> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let count = usize::try_from(rows.rows).unwrap_or(0);
        let mut times = Vec::with_capacity(count);
        let mut columns: Vec<Vec<f64>> = self.series.iter().map(|_| Vec::with_capacity(count)).collect();
        for chunk in &rows.chunks {
            let directory = Directory::decode(&chunk.directory)?;
            times.extend(decode_times(&chunk.body[..directory.times], directory.rows)?);
            for (column, entry) in columns.iter_mut().zip(&directory.entries) {
                column.extend(column::decode(&chunk.body[entry.offset..entry.offset + entry.len], directory.rows)?);
            }
        }
        rows.read_open(self.series.len(), &mut times, &mut columns)?;
        Ok(Columns { times, columns: self.series.iter().copied().zip(columns).collect() })
    }
}

impl Rows {
    fn bytes(&self) -> i64 {
        i64::try_from(self.chunk_bytes + self.open.capacity()).unwrap_or(i64::MAX)
    }

    /// What the first distance of the open chain is counted from.
    fn open_start(&self) -> i64 {
        self.chunks.last().map_or(0, |chunk| chunk.last_row_ms())
    }

    fn read_open(&self, width: usize, times: &mut Vec<i64>, columns: &mut [Vec<f64>]) -> Result<(), Damaged> {
        let mut reader = Reader::new(&self.open);
        let mut decoder = RowDecoder::new(width);
        let mut time = self.open_start();
        for _ in 0..self.open_rows {
            time = time.wrapping_add(reader.signed()?);
            times.push(time);
            decoder.decode(&mut reader, |index, value| columns[index].push(value))?;
        }
        Ok(())
    }

    /// Turns the open chain into columns.
    fn freeze(&mut self, width: usize) -> Result<(), Damaged> {
        let mut times = Vec::with_capacity(CHAIN_ROWS as usize);
        let mut columns = vec![Vec::with_capacity(CHAIN_ROWS as usize); width];
        self.read_open(width, &mut times, &mut columns)?;
        let mut builder = Builder::new(&times, Packing::Fast);
        for (index, column) in columns.iter().enumerate() {
            builder.column(index as u64 + 1, column);
        }
        let (directory, body) = builder.finish();
        let chunk = Chunk { range: self.open_range, directory: directory.into(), body: body.into() };
        self.chunk_bytes += size_of::<Chunk>() + chunk.directory.len() + chunk.body.len();
        self.chunks.push(chunk);
        self.open = Vec::new();
        (self.open_rows, self.open_range) = (0, Range::default());
        self.last_ms = self.open_start();
        Ok(())
    }
}

impl Chunk {
    /// The chain after this one counts its times from here: any number that both sides know will do.
    const fn last_row_ms(&self) -> i64 {
        self.range.last
    }
}

/// All segments, by resource, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Head {
    resources: RwLock<HashMap<ResourceId, Vec<Arc<Segment>>>>,
    bytes: AtomicU64,
    samples: AtomicU64,
}

impl Head {
    /// Makes a segment visible to queries.
    pub(crate) fn add(&self, segment: Arc<Segment>) {
        let mut resources = self.resources.write().unwrap_or_else(PoisonError::into_inner);
        resources.entry(segment.resource).or_default().push(segment);
    }

    /// Appends an encoded row of `samples` samples to a segment.
    pub(crate) fn append(&self, segment: &Segment, time_ms: i64, row: &[u8], samples: u64) -> Result<(), Damaged> {
        let grown = segment.append(time_ms, row)?;
        // Wrapping addition of a negative number subtracts.
        self.bytes.fetch_add(grown.cast_unsigned(), Ordering::Relaxed);
        self.samples.fetch_add(samples, Ordering::Relaxed);
        Ok(())
    }

    /// The segments of one resource.
    pub(crate) fn segments(&self, resource: ResourceId) -> Vec<Arc<Segment>> {
        self.resources.read().unwrap_or_else(PoisonError::into_inner).get(&resource).cloned().unwrap_or_default()
    }

    /// The resources that have rows of a generation.
    pub(crate) fn resources_of(&self, generation: u64) -> Vec<ResourceId> {
        let resources = self.resources.read().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<ResourceId> = resources
            .iter()
            .filter(|(_, segments)| segments.iter().any(|segment| segment.generation == generation))
            .map(|(resource, _)| *resource)
            .collect();
        found.sort_unstable();
        found
    }

    /// Forgets the rows of one resource and generation: they are in blocks now.
    pub(crate) fn remove(&self, resource: ResourceId, generation: u64, samples: u64) {
        let mut resources = self.resources.write().unwrap_or_else(PoisonError::into_inner);
        let Some(segments) = resources.get_mut(&resource) else { return };
        let mut freed = 0;
        segments.retain(|segment| {
            let stays = segment.generation != generation;
            if !stays {
                freed += segment.rows.lock().unwrap_or_else(PoisonError::into_inner).bytes();
            }
            stays
        });
        if segments.is_empty() {
            resources.remove(&resource);
        }
        drop(resources);
        self.bytes.fetch_sub(freed.cast_unsigned(), Ordering::Relaxed);
        self.samples.fetch_sub(samples, Ordering::Relaxed);
    }

    /// Memory that the rows take, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Samples in memory.
    pub(crate) fn samples(&self) -> u64 {
        self.samples.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::row::{
        RowEncoder,
        tests::{is_same, value},
    };

    proptest! {
        #[test]
        fn every_row_is_read_back(rows in prop::collection::vec((0_i64..10_000, prop::collection::vec(value(), 3)), 0..200)) {
            let head = Head::default();
            let segment = Arc::new(Segment::new(1, 7, [10, 11, 12].into()));
            head.add(Arc::clone(&segment));
            let mut encoder = RowEncoder::new(3);
            for (time, row) in &rows {
                let mut bytes = Vec::new();
                encoder.encode(row, &mut bytes);
                head.append(&segment, *time, &bytes, 3).unwrap();
            }
            let all = segment.read_all().unwrap();
            prop_assert_eq!(&all.times, &rows.iter().map(|(time, _)| *time).collect::<Vec<_>>());
            for (index, (series, column)) in all.columns.iter().enumerate() {
                prop_assert_eq!(*series as usize, 10 + index);
                prop_assert!(column.iter().zip(&rows).all(|(value, row)| is_same(*value, row.1[index])));
                let mut part = Vec::new();
                segment.read(index, 2_000, 8_000, &mut part).unwrap();
                let expected = rows.iter().map(|(time, row)| (*time, row[index]));
                let expected: Vec<_> = expected.filter(|(t, v)| (2_000..8_000).contains(t) && !v.is_nan()).collect();
                prop_assert_eq!(part.len(), expected.len());
                prop_assert!(part.iter().zip(&expected).all(|(a, b)| a.0 == b.0 && is_same(a.1, b.1)));
            }
            head.remove(7, 1, head.samples());
            prop_assert_eq!((head.bytes(), head.samples()), (0, 0));
        }
    }
}
