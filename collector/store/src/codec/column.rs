//! One column of a block: values side by side, whole numbers where they are decimals, gaps as runs.

use pco::{
    ChunkConfig,
    data_types::Number,
    wrapped::{FileCompressor, FileDecompressor},
};

use super::{Damaged, Reader, decimal, put, put_signed, zigzag};

/// How much work a column is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// Differences, seven bits a byte: for memory and for blocks that are merged soon.
    Fast,
    /// pco: for blocks that stay.
    Small,
}

/// pco's level for blocks that stay: level 8 saves 1 % more and takes half as long again.
const PCO_LEVEL: usize = 4;

/// Below so many values pco's own header outweighs what it saves.
const PCO_VALUES_MIN: usize = 32;

const CONSTANT_WHOLE: u8 = 0;
const DIFFERENCES: u8 = 1;
const PCO_WHOLE: u8 = 2;
const PCO_FLOAT: u8 = 3;
const FLOATS: u8 = 4;
const CONSTANT_FLOAT: u8 = 5;
const NOTHING: u8 = 6;

/// The values of a column, gaps taken out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    /// Whole numbers, to be divided by ten to the power of the scale.
    Whole(u8, Vec<i64>),
    /// Any floats.
    Float(Vec<f64>),
}

impl Values {
    /// Takes decimals as whole numbers where all of them are.
    pub(crate) fn of(values: Vec<f64>) -> Self {
        match decimal::common(&values) {
            Some((scale, wholes)) => Self::Whole(scale, wholes),
            None => Self::Float(values),
        }
    }

    /// The values as floats.
    pub(crate) fn into_floats(self) -> Vec<f64> {
        match self {
            Self::Whole(scale, wholes) => wholes.into_iter().map(|whole| decimal::from_whole(whole, scale)).collect(),
            Self::Float(values) => values,
        }
    }
}

/// Appends a column in which NaN stands for "no value".
pub(crate) fn encode(column: &[f64], packing: Packing, out: &mut Vec<u8>) {
    let mut runs = Vec::new();
    let mut is_present = true;
    let mut length = 0_u64;
    for value in column {
        if value.is_nan() == is_present {
            runs.push(length);
            (is_present, length) = (!is_present, 0);
        }
        length += 1;
    }
    // The last run needs no mention: it goes to the end.
    put(out, runs.len() as u64);
    for run in &runs {
        put(out, *run);
    }
    let present = column.iter().copied().filter(|value| !value.is_nan()).collect();
    encode_values(&Values::of(present), packing, out);
}

/// Reads a column of `rows` values, NaN where there is none.
pub(crate) fn decode(bytes: &[u8], rows: usize) -> Result<Vec<f64>, Damaged> {
    let mut reader = Reader::new(bytes);
    let runs = reader.count(rows)?;
    if runs == 0 {
        return Ok(decode_values(&mut reader, rows)?.into_floats());
    }
    let mut lengths = Vec::with_capacity(runs);
    let (mut covered, mut present) = (0, 0);
    for run in 0..runs {
        let length = reader.count(rows - covered)?;
        covered += length;
        present += if run % 2 == 0 { length } else { 0 };
        lengths.push(length);
    }
    present += if runs % 2 == 0 { rows - covered } else { 0 };
    lengths.push(rows - covered);
    let values = decode_values(&mut reader, present)?.into_floats();
    let mut values = values.into_iter();
    let mut column = Vec::with_capacity(rows);
    for (run, length) in lengths.into_iter().enumerate() {
        if run % 2 == 0 {
            column.extend(values.by_ref().take(length));
        } else {
            column.resize(column.len() + length, f64::NAN);
        }
    }
    Ok(column)
}

/// Appends values without gaps. How many there are is for the reader to know.
pub(crate) fn encode_values(values: &Values, packing: Packing, out: &mut Vec<u8>) {
    match values {
        Values::Whole(scale, wholes) => encode_wholes(*scale, wholes, packing, out),
        Values::Float(floats) => encode_floats(floats, packing, out),
    }
}

fn encode_wholes(scale: u8, wholes: &[i64], packing: Packing, out: &mut Vec<u8>) {
    let Some(first) = wholes.first() else {
        out.push(NOTHING);
        return;
    };
    if wholes.iter().all(|whole| whole == first) {
        out.extend_from_slice(&[CONSTANT_WHOLE, scale]);
        put_signed(out, *first);
        return;
    }
    if packing == Packing::Small && wholes.len() >= PCO_VALUES_MIN {
        let start = out.len();
        out.extend_from_slice(&[PCO_WHOLE, scale]);
        if pack(wholes, out).is_some() {
            return;
        }
        out.truncate(start);
    }
    out.extend_from_slice(&[DIFFERENCES, scale]);
    encode_differences(wholes, out);
}

fn encode_floats(floats: &[f64], packing: Packing, out: &mut Vec<u8>) {
    let Some(first) = floats.first() else {
        out.push(NOTHING);
        return;
    };
    if floats.iter().all(|value| value.to_bits() == first.to_bits()) {
        out.push(CONSTANT_FLOAT);
        out.extend_from_slice(&first.to_le_bytes());
        return;
    }
    if packing == Packing::Small && floats.len() >= PCO_VALUES_MIN {
        let start = out.len();
        out.push(PCO_FLOAT);
        if pack(floats, out).is_some() {
            return;
        }
        out.truncate(start);
    }
    out.push(FLOATS);
    for value in floats {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Whole numbers as differences; zero is followed by how many more differences are zero.
fn encode_differences(wholes: &[i64], out: &mut Vec<u8>) {
    let mut previous = 0_i64;
    let mut zeros = 0_u64;
    for whole in wholes {
        let difference = whole.wrapping_sub(previous);
        previous = *whole;
        if difference == 0 {
            zeros += 1;
            continue;
        }
        put_zeros(&mut zeros, out);
        put(out, zigzag(difference));
    }
    put_zeros(&mut zeros, out);
}

fn put_zeros(zeros: &mut u64, out: &mut Vec<u8>) {
    if *zeros > 0 {
        out.push(0);
        put(out, *zeros - 1);
        *zeros = 0;
    }
}

/// Reads `count` values without gaps.
pub(crate) fn decode_values(reader: &mut Reader<'_>, count: usize) -> Result<Values, Damaged> {
    let kind = reader.byte()?;
    let scale = if kind <= PCO_WHOLE { reader.byte()? } else { 0 };
    if scale > decimal::SCALE_MAX {
        return Err(Damaged("a scale is out of range"));
    }
    match kind {
        CONSTANT_WHOLE => Ok(Values::Whole(scale, vec![reader.signed()?; count])),
        DIFFERENCES => decode_differences(reader, count).map(|wholes| Values::Whole(scale, wholes)),
        PCO_WHOLE => unpack(reader, count).map(|wholes| Values::Whole(scale, wholes)),
        PCO_FLOAT => unpack(reader, count).map(Values::Float),
        FLOATS => {
            let bytes = reader.take(count.checked_mul(8).ok_or(Damaged("a count is out of range"))?)?;
            Ok(Values::Float(bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()))
        }
        CONSTANT_FLOAT => Ok(Values::Float(vec![reader.float()?; count])),
        NOTHING if count == 0 => Ok(Values::Float(Vec::new())),
        _ => Err(Damaged("a column is of no known kind")),
    }
}

fn decode_differences(reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, Damaged> {
    let mut wholes = Vec::with_capacity(count);
    let mut previous = 0_i64;
    while wholes.len() < count {
        let token = reader.number()?;
        if token == 0 {
            let zeros = reader.count(count - wholes.len() - 1)? + 1;
            wholes.resize(wholes.len() + zeros, previous);
        } else {
            previous = previous.wrapping_add(super::unzigzag(token));
            wholes.push(previous);
        }
    }
    Ok(wholes)
}

/// Appends `values` as one pco chunk of one page; `None` when pco declines.
fn pack<T: Number>(values: &[T], out: &mut Vec<u8>) -> Option<()> {
    let file = FileCompressor::default();
    let config = ChunkConfig::default().with_compression_level(PCO_LEVEL);
    let mut chunk = file.chunk_compressor(values, &config).ok()?;
    // One page takes up to 2^18 values; a block of more than that does not exist (see ROWS_MAX of blocks).
    if chunk.n_per_page().len() != 1 {
        return None;
    }
    file.write_header(&mut *out).ok()?;
    chunk.write_meta(&mut *out).ok()?;
    chunk.write_page(0, &mut *out).ok()?;
    Some(())
}

fn unpack<T: Number + Default>(reader: &mut Reader<'_>, count: usize) -> Result<Vec<T>, Damaged> {
    const BAD: Damaged = Damaged("a column cannot be unpacked");
    let bytes = reader.rest();
    let (file, bytes) = FileDecompressor::new(bytes).map_err(|_| BAD)?;
    let (mut chunk, bytes) = file.chunk_decompressor::<T, _>(bytes).map_err(|_| BAD)?;
    let mut page = chunk.page_decompressor(bytes, count).map_err(|_| BAD)?;
    let mut values = vec![T::default(); count];
    let progress = page.read(&mut values).map_err(|_| BAD)?;
    if progress.n_processed != count {
        return Err(BAD);
    }
    reader.leave(page.into_src());
    Ok(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::row::tests::{is_same, value};

    fn check(column: &[f64], packing: Packing) {
        let mut out = Vec::new();
        encode(column, packing, &mut out);
        let back = decode(&out, column.len()).unwrap();
        assert_eq!(back.len(), column.len());
        for (a, b) in column.iter().zip(&back) {
            assert!(is_same(*a, *b), "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn every_column_comes_back(column in prop::collection::vec(value(), 0..400)) {
            check(&column, Packing::Fast);
            check(&column, Packing::Small);
        }

        #[test]
        fn whole_columns_come_back(column in prop::collection::vec((-5_i64..500).prop_map(|v| decimal::from_whole(v, 2)), 0..600)) {
            check(&column, Packing::Fast);
            check(&column, Packing::Small);
        }

        #[test]
        fn any_whole_numbers_come_back(wholes: Vec<i64>) {
            let values = Values::Whole(0, wholes.clone());
            for packing in [Packing::Fast, Packing::Small] {
                let mut out = Vec::new();
                encode_values(&values, packing, &mut out);
                out.push(7);
                let mut reader = Reader::new(&out);
                let back = decode_values(&mut reader, wholes.len()).unwrap();
                if !wholes.is_empty() {
                    prop_assert_eq!(&back, &values);
                }
                prop_assert_eq!(reader.byte().unwrap(), 7, "the reader stands behind the values");
            }
        }

        #[test]
        fn any_bytes_are_decoded_without_panic(bytes: Vec<u8>, rows in 0_usize..2_000) {
            let _decoded = decode(&bytes, rows);
        }
    }

    #[test]
    fn gaps_of_every_shape_come_back() {
        let gap = f64::NAN;
        for column in [vec![], vec![gap], vec![gap, 1.0], vec![1.0, gap], vec![gap, gap, 1.0, gap, 2.0, 3.0, gap]] {
            check(&column, Packing::Small);
        }
    }
}
