//! MessagePack as a JSON value, for showing: bounded in depth, never more than the bytes can hold, and tolerant of a cut end.

use serde_json::{Map, Number, Value};

use super::key;

/// Deepest nesting that is shown.
const DEPTH_MAX: u32 = 32;

/// Reads a map or an array that takes all of the bytes. When `is_cut`, the end may be missing.
///
/// A lone number or string is not taken for MessagePack: nearly every short text would be one.
#[must_use]
pub(super) fn read(bytes: &[u8], is_cut: bool) -> Option<Value> {
    let is_container = matches!(bytes.first()?, 0x80..=0x9f | 0xdc..=0xdf);
    if !is_container || bytes.len() < 2 {
        return None;
    }
    let mut reader = Reader { rest: bytes, ended: false };
    let value = reader.value(DEPTH_MAX).ok()?;
    if reader.ended {
        return is_cut.then_some(value);
    }
    reader.rest.is_empty().then_some(value)
}

/// No MessagePack, or too deep.
struct Wrong;

struct Reader<'a> {
    rest: &'a [u8],
    /// Whether the bytes ended inside a value.
    ended: bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        if let Some((taken, rest)) = self.rest.split_at_checked(length) {
            self.rest = rest;
            return Some(taken);
        }
        self.rest = &[];
        self.ended = true;
        None
    }

    /// A big-endian number of so many bytes.
    fn number(&mut self, width: usize) -> Option<u64> {
        self.take(width).map(|bytes| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn length(&mut self, width: usize) -> Option<usize> {
        self.number(width).map(|length| usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// A value; null where the bytes end.
    fn value(&mut self, depth: u32) -> Result<Value, Wrong> {
        let Some([first]) = self.take(1) else { return Ok(Value::Null) };
        Ok(match *first {
            small @ 0x00..=0x7f => small.into(),
            map @ 0x80..=0x8f => self.map(usize::from(map & 15), depth)?,
            array @ 0x90..=0x9f => self.array(usize::from(array & 15), depth)?,
            text @ 0xa0..=0xbf => self.text(usize::from(text & 31)),
            0xc0 => Value::Null,
            0xc1 => return Err(Wrong),
            0xc2 => false.into(),
            0xc3 => true.into(),
            width @ 0xc4..=0xc6 => self.length(1 << (width - 0xc4)).map_or(Value::Null, |length| self.text(length)),
            width @ 0xc7..=0xc9 => self.length(1 << (width - 0xc7)).map_or(Value::Null, |length| self.extension(length)),
            0xca => self.number(4).map_or(Value::Null, |bits| float(f32::from_bits(u32::try_from(bits).unwrap_or(0)).into())),
            0xcb => self.number(8).map_or(Value::Null, |bits| float(f64::from_bits(bits))),
            width @ 0xcc..=0xcf => self.number(1 << (width - 0xcc)).map_or(Value::Null, Value::from),
            width @ 0xd0..=0xd3 => self.signed(1 << (width - 0xd0)),
            width @ 0xd4..=0xd8 => self.extension(1 << (width - 0xd4)),
            width @ 0xd9..=0xdb => self.length(1 << (width - 0xd9)).map_or(Value::Null, |length| self.text(length)),
            width @ 0xdc..=0xdd => {
                self.length(2 << (width - 0xdc)).map_or(Ok(Value::Null), |length| self.array(length, depth))?
            }
            width @ 0xde..=0xdf => self.length(2 << (width - 0xde)).map_or(Ok(Value::Null), |length| self.map(length, depth))?,
            negative @ 0xe0..=0xff => i8::from_be_bytes([negative]).into(),
        })
    }

    fn signed(&mut self, width: usize) -> Value {
        let Some(bits) = self.number(width) else { return Value::Null };
        let unused = 64 - 8 * u32::try_from(width).unwrap_or(8);
        // The sign stands in the highest bit of the width.
        (bits.cast_signed() << unused >> unused).into()
    }

    fn text(&mut self, length: usize) -> Value {
        let rest = self.rest;
        let bytes = self.take(length).unwrap_or(rest);
        match str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => key::escape(bytes).into(),
        }
    }

    fn extension(&mut self, length: usize) -> Value {
        let kind = self.number(1).unwrap_or(0);
        let bytes = self.take(length).unwrap_or_default();
        format!("extension {kind}: {}", key::escape(bytes)).into()
    }

    fn array(&mut self, length: usize, depth: u32) -> Result<Value, Wrong> {
        let depth = depth.checked_sub(1).ok_or(Wrong)?;
        let mut items = Vec::new();
        // Each item takes a byte at least, so that a length that lies costs nothing.
        for _ in 0..length {
            if self.rest.is_empty() {
                self.ended = true;
                break;
            }
            items.push(self.value(depth)?);
        }
        Ok(items.into())
    }

    fn map(&mut self, length: usize, depth: u32) -> Result<Value, Wrong> {
        let depth = depth.checked_sub(1).ok_or(Wrong)?;
        let mut fields = Map::new();
        for _ in 0..length {
            if self.rest.is_empty() {
                self.ended = true;
                break;
            }
            let name = match self.value(depth)? {
                Value::String(text) => text,
                other => other.to_string(),
            };
            if self.ended {
                break;
            }
            fields.insert(name, self.value(depth)?);
        }
        Ok(fields.into())
    }
}

fn float(number: f64) -> Value {
    Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_every_kind_are_read() {
        let bytes = b"\x87\xa1a\xff\xa1b\xcd\x01\x00\xa1c\xcb\x3f\xf8\0\0\0\0\0\0\xa1d\x93\xc0\xc2\xc3\xa1e\xd1\xff\x00\xa1f\xc4\x02\xff\x00\xa1g\xd4\x01\x05";
        let expect = json!({"a": -1, "b": 256, "c": 1.5, "d": [null, false, true], "e": -256, "f": "\\xff\\x00",
            "g": "extension 1: \\x05"});
        assert_eq!(read(bytes, false), Some(expect));
    }

    #[test]
    fn plain_texts_and_numbers_are_not_taken_for_it() {
        for text in ["A", "7", "hello", "", "é", "{\"a\":1}"] {
            assert_eq!(read(text.as_bytes(), false), None, "{text}");
        }
        assert_eq!(read(b"\x80\x04\x95", false), None, "a pickle");
    }

    #[test]
    fn a_cut_value_shows_what_there_is() {
        assert_eq!(read(b"\x82\xa1a\x01\xa5hel", false), None);
        assert_eq!(read(b"\x82\xa1a\x01\xa5hel", true), Some(json!({"a": 1})));
        assert_eq!(read(b"\xdd\xff\xff\xff\xff\x01\x02", true), Some(json!([1, 2])));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), is_cut in any::<bool>()) {
            drop(read(&bytes, is_cut));
        }
    }

    #[test]
    fn endless_nesting_is_refused() {
        assert_eq!(read(&[0x91; 100_000], true), None);
    }
}
