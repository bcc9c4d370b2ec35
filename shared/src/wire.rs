//! How a batch travels: MessagePack over `POST /v1/batches`, checked against every limit before it is believed.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    batch::{Batch, Tables},
    limit, record,
};

/// Where batches are posted.
pub const PATH: &str = "/v1/batches";

/// Media type of a batch and of the answer to it.
pub const CONTENT_TYPE: &str = "application/vnd.farol.batch+msgpack; version=1";

/// The collector's answer to a batch that is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Everything up to this number of the same boot is on disk and may leave the spool.
    pub seq: u64,
    /// Somebody looks at a resource of this agent now.
    #[serde(default)]
    pub watched: bool,
    /// The collector's clock when it answered, in milliseconds since the epoch; shows a wrong clock.
    #[serde(default)]
    pub now_ms: i64,
}

/// Why bytes are not an acceptable batch.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Not MessagePack of the right shape.
    #[error("cannot read {part} as MessagePack")]
    Malformed {
        /// `batch`, `tables` or `answer`.
        part: &'static str,
        /// What the decoder says.
        #[source]
        source: rmp_serde::decode::Error,
    },
    /// Something holds more than its limit.
    #[error("{what} is {is}, the limit is {max}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        is: usize,
        /// How large it may be.
        max: usize,
    },
    /// A part is missing or contradicts another.
    #[error("{0}")]
    Inconsistent(&'static str),
}

/// Encodes a batch as a map of named fields.
///
/// # Panics
/// Never: a batch holds only types that MessagePack can carry, written to memory.
#[must_use]
pub fn encode(batch: &Batch) -> Vec<u8> {
    rmp_serde::to_vec_named(batch).expect("a batch is always encodable")
}

/// Encodes the tables for [`Batch::tables`].
///
/// # Panics
/// Never: see [`encode`].
#[must_use]
pub fn encode_tables(tables: &Tables) -> Vec<u8> {
    rmp_serde::to_vec_named(tables).expect("tables are always encodable")
}

/// Encodes the answer to a batch.
///
/// # Panics
/// Never: see [`encode`].
#[must_use]
pub fn encode_ack(ack: &Ack) -> Vec<u8> {
    rmp_serde::to_vec_named(ack).expect("an answer is always encodable")
}

/// Decodes the collector's answer.
///
/// # Errors
/// [`WireError::Malformed`] when it is no answer.
pub fn decode_ack(bytes: &[u8]) -> Result<Ack, WireError> {
    read("answer", bytes)
}

/// Reads MessagePack, no deeper nested than any of ours is.
fn read<T: DeserializeOwned>(part: &'static str, bytes: &[u8]) -> Result<T, WireError> {
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
    reader.set_max_depth(limit::BATCH_DEPTH_MAX);
    T::deserialize(&mut reader).map_err(|source| WireError::Malformed { part, source })
}

/// Decodes a batch and checks its own bounds; the tables inside stay encoded.
///
/// # Errors
/// [`WireError`] tells which part is wrong.
pub fn decode(bytes: &[u8]) -> Result<Batch, WireError> {
    at_most("batch", bytes.len(), limit::BATCH_DECODED_BYTES_MAX)?;
    let batch: Batch = read("batch", bytes)?;
    at_most("agent", batch.agent.len(), limit::KEY_BYTES_MAX)?;
    at_most("frames", batch.frames.len(), limit::BATCH_FRAMES_MAX)?;
    if batch.agent.is_empty() {
        return Err(WireError::Inconsistent("agent is empty"));
    }
    if batch.seq == 0 {
        return Err(WireError::Inconsistent("seq starts at 1"));
    }
    if batch.frames.iter().flat_map(|frame| &frame.rows).flat_map(|row| &row.0).any(|value| value.is_infinite()) {
        return Err(WireError::Inconsistent("a value is infinite"));
    }
    for records in batch.frames.iter().flat_map(|frame| &frame.records) {
        if let Some((what, is, max)) = record::over_bound(records) {
            return Err(WireError::TooLarge { what, is, max });
        }
        if let Some(what) = record::contradiction(records) {
            return Err(WireError::Inconsistent(what));
        }
    }
    Ok(batch)
}

/// Decodes the tables of a batch and checks their bounds.
///
/// # Errors
/// [`WireError`] tells which part is wrong.
pub fn decode_tables(bytes: &[u8]) -> Result<Tables, WireError> {
    let tables: Tables = read("tables", bytes)?;
    at_most("resources", tables.0.len(), limit::BATCH_RESOURCES_MAX)?;
    let mut series_total = 0;
    for table in &tables.0 {
        let resource = &table.resource;
        if resource.key.is_empty() {
            return Err(WireError::Inconsistent("a resource has an empty key"));
        }
        at_most("resource key", resource.key.len(), limit::KEY_BYTES_MAX)?;
        at_most("parent key", resource.parent.as_ref().map_or(0, String::len), limit::KEY_BYTES_MAX)?;
        at_most("tenant", resource.tenant.as_ref().map_or(0, String::len), limit::NAME_BYTES_MAX)?;
        check_attributes(resource.attributes.iter().map(|(k, v)| (k.as_str(), v.as_str())))?;
        at_most("series of a resource", table.series.len(), limit::RESOURCE_SERIES_MAX)?;
        series_total += table.series.len();
        for series in &table.series {
            if series.metric.is_empty() {
                return Err(WireError::Inconsistent("a metric has an empty name"));
            }
            at_most("metric name", series.metric.len(), limit::NAME_BYTES_MAX)?;
            at_most("unit", series.unit.len(), limit::NAME_BYTES_MAX)?;
            check_attributes(series.attributes.iter().map(|(k, v)| (k.as_str(), v.as_str())))?;
        }
    }
    at_most("series of a batch", series_total, limit::BATCH_SERIES_MAX)?;
    Ok(tables)
}

/// Checks that every frame fits the tables: no more rows than resources, no more values than series, no records of others.
///
/// # Errors
/// [`WireError::Inconsistent`] names what does not fit.
pub fn check_shape(batch: &Batch, tables: &Tables) -> Result<(), WireError> {
    for frame in &batch.frames {
        if frame.rows.len() > tables.0.len() {
            return Err(WireError::Inconsistent("a frame has more rows than there are resources"));
        }
        if frame.records.iter().any(|records| usize::try_from(records.resource).is_ok_and(|place| place >= tables.0.len())) {
            return Err(WireError::Inconsistent("records belong to a resource that is not in the tables"));
        }
        if frame.rows.iter().zip(&tables.0).any(|(row, table)| row.0.len() > table.series.len()) {
            return Err(WireError::Inconsistent("a row has more values than its resource has series"));
        }
    }
    Ok(())
}

fn check_attributes<'a>(attributes: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), WireError> {
    let mut count = 0;
    for (key, value) in attributes {
        count += 1;
        at_most("attribute key", key.len(), limit::NAME_BYTES_MAX)?;
        at_most("attribute value", value.len(), limit::VALUE_BYTES_MAX)?;
    }
    at_most("attributes", count, limit::ATTRIBUTES_MAX)
}

fn at_most(what: &'static str, is: usize, max: usize) -> Result<(), WireError> {
    if is > max { Err(WireError::TooLarge { what, is, max }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
