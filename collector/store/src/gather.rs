//! Several blocks of one resource taken together, column by column: what merging and rolling up read from.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::{
    blocks::{self, Encoded},
    codec::{
        Damaged,
        block::{self, Directory, Entry},
        column::{self, Packing},
    },
    error::QueryError,
    fold::Fold,
    model::{ResourceId, Tier},
    rollup::{self, ALL, Buckets, FIRST_KEY, LAST_KEY, ROWS_KEY},
};

/// The rows of some blocks in time order. Only one column is decoded at a time: memory stays small for wide resources.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) times: Vec<i64>,
    sources: Vec<Source>,
    /// Which of all rows, one source behind the other, stands at each place; none when they already stand so.
    order: Option<Vec<usize>>,
    rows: usize,
}

#[derive(Debug)]
struct Source {
    id: i64,
    directory: Directory,
    body: Vec<u8>,
    /// Of the time column alone.
    times: Vec<i64>,
}

impl Source {
    fn slice(&self, entry: &Entry) -> Result<&[u8], QueryError> {
        let slice = self.body.get(entry.offset..entry.offset.saturating_add(entry.len));
        slice.ok_or(QueryError::Damaged { block: self.id, detail: "a column lies outside" })
    }

    fn find(&self, key: u64) -> Option<&Entry> {
        let index = self.directory.entries.binary_search_by_key(&key, |entry| entry.key).ok()?;
        self.directory.entries.get(index)
    }

    fn damaged(&self) -> impl Fn(Damaged) -> QueryError {
        let block = self.id;
        move |damaged| QueryError::Damaged { block, detail: damaged.0 }
    }

    fn buckets(&self) -> Result<Buckets, QueryError> {
        let mut slices: [&[u8]; 3] = [&[]; 3];
        for (slice, key) in slices.iter_mut().zip([ROWS_KEY, FIRST_KEY, LAST_KEY]) {
            let entry = self.find(key).ok_or(QueryError::Damaged { block: self.id, detail: "a bucket's column is missing" })?;
            *slice = self.slice(entry)?;
        }
        Buckets::decode(self.times.clone(), slices).map_err(self.damaged())
    }
}

impl Gathered {
    /// Loads blocks and keeps the rows whose time is wanted.
    pub(crate) fn load(
        conn: &Connection,
        ids: impl Iterator<Item = i64>,
        is_wanted: impl Fn(i64) -> bool,
    ) -> Result<Self, QueryError> {
        let mut sources = Vec::new();
        let mut all = Vec::new();
        for id in ids {
            let damaged = |damaged: Damaged| QueryError::Damaged { block: id, detail: damaged.0 };
            let (directory, body) = blocks::whole(conn, id)?;
            let directory = Directory::decode(&directory).map_err(damaged)?;
            let times =
                body.get(..directory.times).ok_or(QueryError::Damaged { block: id, detail: "the time column lies outside" })?;
            let times = block::decode_times(times, directory.rows).map_err(damaged)?;
            all.extend_from_slice(&times);
            sources.push(Source { id, directory, body, times });
        }
        let rows = all.len();
        let mut order: Vec<usize> = (0..rows).filter(|row| is_wanted(all[*row])).collect();
        let is_plain = order.len() == rows && all.is_sorted();
        if is_plain {
            return Ok(Self { times: all, sources, order: None, rows });
        }
        order.sort_by_key(|row| all[*row]);
        Ok(Self { times: order.iter().map(|row| all[*row]).collect(), sources, order: Some(order), rows })
    }

    /// First and last time; there must be one.
    pub(crate) fn range(&self) -> (i64, i64) {
        (self.times.first().copied().unwrap_or(0), self.times.last().copied().unwrap_or(0))
    }

    /// The keys of all columns, ascending.
    pub(crate) fn keys(&self) -> BTreeSet<u64> {
        self.sources.iter().flat_map(|source| &source.directory.entries).map(|entry| entry.key).collect()
    }

    fn ordered<T: Copy>(&self, column: Vec<T>) -> Vec<T> {
        match &self.order {
            Some(order) => order.iter().map(|row| column[*row]).collect(),
            None => column,
        }
    }

    /// One column of raw samples over all rows, NaN where there is none.
    pub(crate) fn column(&self, key: u64) -> Result<Vec<f64>, QueryError> {
        let mut column = Vec::with_capacity(self.rows);
        for source in &self.sources {
            match source.find(key) {
                Some(entry) => {
                    column.extend(column::decode(source.slice(entry)?, source.directory.rows).map_err(source.damaged())?)
                }
                None => column.resize(column.len() + source.directory.rows, f64::NAN),
            }
        }
        Ok(self.ordered(column))
    }

    /// The rows as one block of rollups.
    pub(crate) fn rollups(&self, resource: ResourceId, tier: Tier) -> Result<Encoded, QueryError> {
        let buckets: Vec<Buckets> = self.sources.iter().map(Source::buckets).collect::<Result<_, _>>()?;
        let joined =
            |each: fn(&Buckets) -> &Vec<i64>| self.ordered(buckets.iter().flat_map(|one| each(one).iter().copied()).collect());
        let together = Buckets {
            starts: joined(|one| &one.starts),
            rows: joined(|one| &one.rows),
            first_ms: joined(|one| &one.first_ms),
            last_ms: joined(|one| &one.last_ms),
        };
        let mut builder = together.builder(Packing::Small);
        for key in self.keys().range(LAST_KEY + 1..) {
            let mut folds = Vec::with_capacity(self.rows);
            let mut kind = None;
            for (source, buckets) in self.sources.iter().zip(&buckets) {
                match source.find(*key) {
                    Some(entry) => {
                        let (of, decoded) = rollup::decode(source.slice(entry)?, buckets, ALL).map_err(source.damaged())?;
                        kind = Some(of);
                        folds.extend(decoded);
                    }
                    None => folds.resize(folds.len() + source.directory.rows, Fold::EMPTY),
                }
            }
            let folds = self.ordered(folds);
            if let Some(kind) = kind.filter(|_| folds.iter().any(|fold| fold.count > 0)) {
                builder.append(*key, |packing, out| rollup::encode(&folds, &together.rows, kind, packing, out));
            }
        }
        let (directory, body) = builder.finish();
        let (start_ms, end_ms) = self.range();
        Ok(Encoded { id: 0, resource, tier, start_ms, end_ms, is_fresh: false, directory, body })
    }
}
