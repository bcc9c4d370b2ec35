//! A frame: everything that was read at one instant.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor},
    ser::SerializeSeq,
};

use crate::{limit, record::Records};

/// All that was read at one instant. On the wire a map, so that later versions can add to it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Frame {
    /// When it was read: milliseconds since the Unix epoch, by the agent's clock.
    #[serde(rename = "t")]
    pub time_ms: i64,
    /// One row a resource, in the order of the batch's tables.
    #[serde(rename = "v")]
    pub rows: Vec<Row>,
    /// What the services did, for those that did anything. Missing on the wire when empty.
    #[serde(rename = "x", default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Records>,
}

impl Frame {
    /// How many samples and records it carries: what the books count.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.rows.iter().map(Row::samples).sum::<usize>() + self.records.iter().map(Records::count).sum::<usize>()
    }
}

/// The values of one resource at one instant, in the order of its series table. NaN means "not read".
///
/// On the wire an array: whole numbers travel as integers (1 to 9 bytes), the rest as 64-bit floats, NaN as nil.
/// A row may be shorter than its table: what is missing at its end was not read.
#[derive(Debug, Clone, Default)]
pub struct Row(pub Vec<f64>);

impl Row {
    /// How many values were read.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.0.iter().filter(|value| !value.is_nan()).count()
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
    }
}

/// Whole numbers of at most this size are exact in a 64-bit float (2^53).
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

struct Sample(f64);

impl Serialize for Sample {
    #[expect(clippy::cast_possible_truncation, reason = "the value is whole and below 2^53")]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_nan() {
            serializer.serialize_none()
        } else if self.0.trunc() == self.0 && self.0.abs() <= WHOLE_MAX && !(self.0 == 0.0 && self.0.is_sign_negative()) {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Sample;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or nil")
            }
            #[expect(clippy::cast_precision_loss, reason = "agents send integers only below 2^53")]
            fn visit_i64<E>(self, v: i64) -> Result<Sample, E> {
                Ok(Sample(v as f64))
            }
            #[expect(clippy::cast_precision_loss, reason = "agents send integers only below 2^53")]
            fn visit_u64<E>(self, v: u64) -> Result<Sample, E> {
                Ok(Sample(v as f64))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Sample, E> {
                Ok(Sample(v))
            }
            fn visit_unit<E>(self) -> Result<Sample, E> {
                Ok(Sample(f64::NAN))
            }
            fn visit_none<E>(self) -> Result<Sample, E> {
                Ok(Sample(f64::NAN))
            }
        }
        deserializer.deserialize_any(Number)
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for value in &self.0 {
            seq.serialize_element(&Sample(*value))?;
        }
        seq.end()
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;
        impl<'de> Visitor<'de> for Values {
            type Value = Row;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of numbers")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Row, A::Error> {
                // A hostile length must not reserve memory that the body cannot fill.
                let mut values = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(limit::RESOURCE_SERIES_MAX));
                while let Some(Sample(value)) = seq.next_element()? {
                    if values.len() == limit::RESOURCE_SERIES_MAX {
                        return Err(serde::de::Error::invalid_length(values.len() + 1, &"at most RESOURCE_SERIES_MAX values"));
                    }
                    values.push(value);
                }
                Ok(Row(values))
            }
        }
        deserializer.deserialize_seq(Values)
    }
}
