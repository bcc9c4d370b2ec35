//! Records that are kept whole, as bytes: MessagePack maps, one behind the other, so that reading may stop early.

use std::marker::PhantomData;

use serde::{Serialize, de::DeserializeOwned};

use crate::error::QueryError;

/// Appends one value.
pub(super) fn put_value<T: Serialize>(out: &mut Vec<u8>, value: &T) {
    let mut serializer = rmp_serde::Serializer::new(out).with_struct_map();
    value.serialize(&mut serializer).expect("records hold only types that MessagePack can carry, written to memory");
}

/// All values behind one another.
pub(super) fn put_values<T: Serialize>(values: &[T]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    values.iter().for_each(|value| put_value(&mut out, value));
    (!values.is_empty()).then_some(out)
}

/// Reads values one by one.
pub(super) struct Values<'a, T> {
    bytes: &'a [u8],
    kind: PhantomData<T>,
}

pub(super) const fn values<T>(bytes: &[u8]) -> Values<'_, T> {
    Values { bytes, kind: PhantomData }
}

impl<T: DeserializeOwned> Iterator for Values<'_, T> {
    type Item = Result<T, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let value = T::deserialize(&mut rmp_serde::Deserializer::new(&mut self.bytes));
        if value.is_err() {
            self.bytes = &[];
        }
        Some(value.map_err(|_| QueryError::Damaged { block: 0, detail: "a record cannot be read" }))
    }
}

/// One value.
pub(super) fn value<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, QueryError> {
    values(bytes).next().unwrap_or(Err(QueryError::Damaged { block: 0, detail: "a record is empty" }))
}
