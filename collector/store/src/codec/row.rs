//! Rows as they come: each value as the difference from the one before it in its column.
//!
//! The same bytes stand in the journal and in the head, so that each row is encoded once. A chain of rows starts from
//! nothing every [`CHAIN_ROWS`] rows; what a row means depends on the rows of its chain before it and on nothing else.

use super::{Damaged, Reader, decimal, put, unzigzag, zigzag};

/// Rows of one chain. Long enough that the first, full row weighs little; short enough that reading back to its start is cheap.
pub(crate) const CHAIN_ROWS: u32 = 64;

/// Not read.
const MISSING: u64 = 0;
/// A digit count and a whole number follow: the column changes its scale.
const RESCALED: u64 = 1;
/// Eight bytes follow: not a decimal.
const RAW: u64 = 2;
/// From here on: the difference of whole numbers at the column's scale.
const DIFFERENCE: u64 = 3;

/// Longest pause in values between two attempts to see a decimal in a column that is none.
const PAUSE_MAX: u8 = 64;

/// What a column's next value is measured against.
#[derive(Debug, Clone, Copy, Default)]
struct Column {
    previous: i64,
    scale: u8,
    /// Values to encode before the next search for a scale; the encoder's own business.
    pause: u8,
    /// Length of the last such pause.
    paused: u8,
}

/// Encodes the rows of one chain after the other.
#[derive(Debug)]
pub(crate) struct RowEncoder {
    columns: Box<[Column]>,
    rows: u32,
}

impl RowEncoder {
    pub(crate) fn new(columns: usize) -> Self {
        Self { columns: vec![Column::default(); columns].into(), rows: 0 }
    }

    /// Appends one row; a row shorter than the columns is filled up with "not read".
    pub(crate) fn encode(&mut self, values: &[f64], out: &mut Vec<u8>) {
        if self.rows == CHAIN_ROWS {
            self.rows = 0;
            for column in &mut self.columns {
                (column.previous, column.scale) = (0, 0);
            }
        }
        self.rows += 1;
        let missing = std::iter::repeat(&f64::NAN);
        for (column, value) in self.columns.iter_mut().zip(values.iter().chain(missing)) {
            column.encode(*value, out);
        }
    }
}

impl Column {
    #[inline]
    fn encode(&mut self, value: f64, out: &mut Vec<u8>) {
        if value.is_nan() {
            put(out, MISSING);
        } else if self.pause > 0 {
            self.pause -= 1;
            put_raw(value, out);
        } else if let Some(whole) = decimal::to_whole(value, self.scale) {
            put(out, zigzag(whole - self.previous) + DIFFERENCE);
            self.previous = whole;
        } else if let Some((scale, whole)) = decimal::scale_of(value, 0) {
            put(out, RESCALED);
            out.push(scale);
            put(out, zigzag(whole));
            (self.scale, self.previous, self.paused) = (scale, whole, 0);
        } else {
            self.paused = (self.paused * 2 + 1).min(PAUSE_MAX);
            self.pause = self.paused;
            put_raw(value, out);
        }
    }
}

fn put_raw(value: f64, out: &mut Vec<u8>) {
    put(out, RAW);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Decodes the rows of one chain after the other.
#[derive(Debug)]
pub(crate) struct RowDecoder {
    columns: Box<[Column]>,
    rows: u32,
}

impl RowDecoder {
    pub(crate) fn new(columns: usize) -> Self {
        Self { columns: vec![Column::default(); columns].into(), rows: 0 }
    }

    /// Reads one row, handing each column's value to `each`.
    pub(crate) fn decode(&mut self, reader: &mut Reader<'_>, mut each: impl FnMut(usize, f64)) -> Result<(), Damaged> {
        if self.rows == CHAIN_ROWS {
            self.rows = 0;
            self.columns.fill(Column::default());
        }
        self.rows += 1;
        for (index, column) in self.columns.iter_mut().enumerate() {
            each(index, column.decode(reader)?);
        }
        Ok(())
    }
}

impl Column {
    #[inline]
    fn decode(&mut self, reader: &mut Reader<'_>) -> Result<f64, Damaged> {
        match reader.number()? {
            MISSING => Ok(f64::NAN),
            RESCALED => {
                self.scale = reader.byte()?;
                if self.scale > decimal::SCALE_MAX {
                    return Err(Damaged("a scale is out of range"));
                }
                self.previous = reader.signed()?;
                Ok(decimal::from_whole(self.previous, self.scale))
            }
            RAW => reader.float(),
            difference => {
                self.previous = self.previous.wrapping_add(unzigzag(difference - DIFFERENCE));
                Ok(decimal::from_whole(self.previous, self.scale))
            }
        }
    }
}

/// Decodes one column of a chain after the other and passes over the rest.
#[derive(Debug, Default)]
pub(crate) struct ColumnDecoder {
    column: Column,
    rows: u32,
}

impl ColumnDecoder {
    /// Reads one row of `columns` values and gives that of the column `index`.
    pub(crate) fn decode(&mut self, reader: &mut Reader<'_>, columns: usize, index: usize) -> Result<f64, Damaged> {
        if self.rows == CHAIN_ROWS {
            self.rows = 0;
            self.column = Column::default();
        }
        self.rows += 1;
        let _before = skip(reader, index)?;
        let value = self.column.decode(reader)?;
        let _behind = skip(reader, columns.saturating_sub(index + 1))?;
        Ok(value)
    }
}

/// Passes over one row of `columns` values; says how many of them were read by the agent.
pub(crate) fn skip(reader: &mut Reader<'_>, columns: usize) -> Result<u64, Damaged> {
    let mut samples = columns as u64;
    for _ in 0..columns {
        match reader.number()? {
            MISSING => samples -= 1,
            RESCALED => {
                let _scale = reader.byte()?;
                let _whole = reader.number()?;
            }
            RAW => {
                let _bytes = reader.take(8)?;
            }
            _ => {}
        }
    }
    Ok(samples)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Values of every sort: any bits at all, whole numbers, decimals, gaps.
    pub(crate) fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            (-1_000_000_i64..1_000_000).prop_map(|whole| decimal::from_whole(whole, 0)),
            (-1_000_000_i64..1_000_000, 0_u8..=9).prop_map(|(whole, scale)| decimal::from_whole(whole, scale)),
            Just(f64::NAN),
            Just(0.0),
            Just(-0.0),
            Just(f64::MAX),
            Just(9_007_199_254_740_992.0),
            Just(-9_007_199_254_740_991.0),
        ]
    }

    pub(crate) fn is_same(a: f64, b: f64) -> bool {
        a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
    }

    proptest! {
        #[test]
        fn every_row_comes_back(rows in prop::collection::vec(prop::collection::vec(value(), 5), 0..200)) {
            let mut out = Vec::new();
            let mut encoder = RowEncoder::new(5);
            for row in &rows {
                encoder.encode(row, &mut out);
            }
            let mut reader = Reader::new(&out);
            let mut skipper = Reader::new(&out);
            let mut decoder = RowDecoder::new(5);
            let mut third = ColumnDecoder::default();
            let mut third_reader = Reader::new(&out);
            for row in &rows {
                prop_assert!(is_same(third.decode(&mut third_reader, 5, 2).unwrap(), row[2]));
                decoder.decode(&mut reader, |index, value| assert!(is_same(row[index], value), "{} {value}", row[index])).unwrap();
                skip(&mut skipper, 5).unwrap();
                prop_assert_eq!(reader.position(), skipper.position());
            }
            prop_assert!(reader.is_at_end());
        }

        #[test]
        fn any_bytes_are_decoded_without_panic(bytes: Vec<u8>) {
            let mut decoder = RowDecoder::new(3);
            let mut reader = Reader::new(&bytes);
            while !reader.is_at_end() && decoder.decode(&mut reader, |_, _| ()).is_ok() {}
        }
    }

    #[test]
    fn a_short_row_is_filled_up_with_gaps() {
        let mut out = Vec::new();
        RowEncoder::new(3).encode(&[1.0], &mut out);
        let mut values = Vec::new();
        RowDecoder::new(3).decode(&mut Reader::new(&out), |_, value| values.push(value)).unwrap();
        assert!(is_same(values[0], 1.0) && values[1].is_nan() && values[2].is_nan());
    }
}
