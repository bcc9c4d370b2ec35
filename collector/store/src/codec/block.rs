//! A block: many columns over one time column, with a directory by which one column is read alone.
//!
//! The directory is `rows`, the length of the time column, and for each column the distance of its key from the key
//! before and its length. The body is the time column and then the columns, in the same order.

use super::{
    Damaged, Reader,
    column::{self, Packing, Values},
    put,
};

/// Most rows of one block: four hours at ten a second.
pub(crate) const ROWS_MAX: usize = 150_000;

/// Most columns of one block: every series of a resource that a day of short-lived ones can bring, seven to a series.
pub(crate) const COLUMNS_MAX: usize = 1 << 20;

/// Where a column lies in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: u64,
    pub(crate) offset: usize,
    pub(crate) len: usize,
}

/// What a directory says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directory {
    pub(crate) rows: usize,
    /// Length of the time column, which starts the body.
    pub(crate) times: usize,
    /// By key, ascending.
    pub(crate) entries: Vec<Entry>,
}

/// Builds a block column by column.
#[derive(Debug)]
pub(crate) struct Builder {
    packing: Packing,
    directory: Vec<u8>,
    body: Vec<u8>,
    key: u64,
}

impl Builder {
    /// Starts a block with its time column.
    pub(crate) fn new(times: &[i64], packing: Packing) -> Self {
        let mut body = Vec::new();
        column::encode_values(&Values::Whole(0, times.to_vec()), packing, &mut body);
        let mut directory = Vec::new();
        put(&mut directory, times.len() as u64);
        put(&mut directory, body.len() as u64);
        Self { packing, directory, body, key: 0 }
    }

    /// Appends a column with gaps (NaN). Keys must ascend.
    pub(crate) fn column(&mut self, key: u64, values: &[f64]) {
        self.append(key, |packing, body| column::encode(values, packing, body));
    }

    /// Appends whatever `write` writes as the column `key`. Keys must ascend.
    pub(crate) fn append(&mut self, key: u64, write: impl FnOnce(Packing, &mut Vec<u8>)) {
        debug_assert!(key > self.key || self.key == 0, "keys ascend");
        let start = self.body.len();
        write(self.packing, &mut self.body);
        put(&mut self.directory, key - self.key);
        put(&mut self.directory, (self.body.len() - start) as u64);
        self.key = key;
    }

    /// Directory and body.
    pub(crate) fn finish(self) -> (Vec<u8>, Vec<u8>) {
        (self.directory, self.body)
    }
}

impl Directory {
    /// Reads a whole directory.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut entries = Vec::new();
        let (rows, times) = Self::scan(bytes, |entry| {
            entries.push(entry);
            true
        })?;
        if entries.len() > COLUMNS_MAX {
            return Err(Damaged("a block has too many columns"));
        }
        Ok(Self { rows, times, entries })
    }

    /// Reads rows and length of the time column, and hands entries to `each` until it says false.
    pub(crate) fn scan(bytes: &[u8], mut each: impl FnMut(Entry) -> bool) -> Result<(usize, usize), Damaged> {
        let mut reader = Reader::new(bytes);
        let rows = reader.count(ROWS_MAX)?;
        let times = reader.count(usize::MAX >> 1)?;
        let (mut key, mut offset) = (0_u64, times);
        while !reader.is_at_end() {
            key = key.checked_add(reader.number()?).ok_or(Damaged("a key is out of range"))?;
            let len = reader.count(usize::MAX >> 1)?;
            if !each(Entry { key, offset, len }) {
                break;
            }
            offset = offset.checked_add(len).ok_or(Damaged("a length is out of range"))?;
        }
        Ok((rows, times))
    }
}

/// Reads the time column.
pub(crate) fn decode_times(bytes: &[u8], rows: usize) -> Result<Vec<i64>, Damaged> {
    match column::decode_values(&mut Reader::new(bytes), rows)? {
        Values::Whole(0, times) => Ok(times),
        Values::Float(none) if none.is_empty() => Ok(Vec::new()),
        Values::Whole(..) | Values::Float(_) => Err(Damaged("the time column is none")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::row::tests::{is_same, value};

    proptest! {
        #[test]
        fn one_column_is_read_by_its_slice_alone(
            rows in prop::collection::vec((any::<i32>(), prop::collection::vec(value(), 4)), 0..120),
            keys in prop::collection::btree_set(1_u64..1_000_000, 4),
        ) {
            let times: Vec<i64> = rows.iter().map(|(time, _)| i64::from(*time)).collect();
            for packing in [Packing::Fast, Packing::Small] {
                let mut builder = Builder::new(&times, packing);
                for (index, key) in keys.iter().enumerate() {
                    let column: Vec<f64> = rows.iter().map(|(_, values)| values[index]).collect();
                    builder.column(*key, &column);
                }
                let (directory, body) = builder.finish();
                let directory = Directory::decode(&directory).unwrap();
                prop_assert_eq!(decode_times(&body[..directory.times], directory.rows).unwrap(), times.clone());
                for (index, (entry, key)) in directory.entries.iter().zip(&keys).enumerate() {
                    prop_assert_eq!(entry.key, *key);
                    let column = column::decode(&body[entry.offset..entry.offset + entry.len], directory.rows).unwrap();
                    for (row, value) in rows.iter().zip(column) {
                        prop_assert!(is_same(row.1[index], value));
                    }
                }
            }
        }

        #[test]
        fn any_bytes_are_decoded_without_panic(bytes: Vec<u8>) {
            let _directory = Directory::decode(&bytes);
        }
    }
}
