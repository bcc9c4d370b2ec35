//! The wire format of protobuf, read in place: a message is an iterator of its fields, and nothing is copied.
//!
//! Written by hand because decoders make a structure of the whole body first, and a body of empty messages then takes
//! a hundred times its own size in memory.

use std::borrow::Cow;

use super::Malformed;

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wire<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2.
    Bytes(&'a [u8]),
    /// Wire type 5.
    Fixed32(u32),
}

/// The fields of a message, in the order of the bytes. Ends after the first fault.
#[derive(Debug, Clone)]
pub(super) struct Message<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Message<'a> {
    type Item = Result<(u32, Wire<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field().ok_or(Malformed::Protobuf);
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Message<'a> {
    fn field(&mut self) -> Option<(u32, Wire<'a>)> {
        let tag = varint(&mut self.0)?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0)?;
        let wire = match tag & 7 {
            0 => Wire::Varint(varint(&mut self.0)?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.chunk()?)),
            2 => {
                let length = usize::try_from(varint(&mut self.0)?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Wire::Bytes(bytes)
            }
            5 => Wire::Fixed32(u32::from_le_bytes(self.chunk()?)),
            // Groups, which OTLP never had.
            _ => return None,
        };
        Some((number, wire))
    }

    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*chunk)
    }
}

impl<'a> Wire<'a> {
    /// The bytes of a text, a message or a packed list.
    pub(super) const fn bytes(self) -> Result<&'a [u8], Malformed> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(Malformed::Protobuf) }
    }

    /// A text; what is no UTF-8 in it is replaced.
    pub(super) fn text(self) -> Result<Cow<'a, str>, Malformed> {
        self.bytes().map(String::from_utf8_lossy)
    }

    /// A whole number of any width.
    pub(super) fn whole(self) -> Result<u64, Malformed> {
        match self {
            Self::Varint(whole) | Self::Fixed64(whole) => Ok(whole),
            Self::Fixed32(whole) => Ok(u64::from(whole)),
            Self::Bytes(_) => Err(Malformed::Protobuf),
        }
    }

    /// A `sint32`: zigzag.
    pub(super) fn zigzag(self) -> Result<i32, Malformed> {
        let Self::Varint(whole) = self else { return Err(Malformed::Protobuf) };
        let whole = u32::try_from(whole).map_err(|_| Malformed::Protobuf)?;
        Ok((whole >> 1).cast_signed() ^ -(whole & 1).cast_signed())
    }

    /// A `double`.
    pub(super) const fn number(self) -> Result<f64, Malformed> {
        if let Self::Fixed64(bits) = self { Ok(f64::from_bits(bits)) } else { Err(Malformed::Protobuf) }
    }

    /// Appends the 64-bit values of a repeated `fixed64` or `double`, packed or single, as long as there are at most `max`.
    pub(super) fn fixed64s(self, list: &mut Vec<u64>, max: usize) -> Result<(), Malformed> {
        let bytes = match self {
            Self::Fixed64(one) => return push(list, one, max),
            Self::Bytes(bytes) => bytes,
            Self::Varint(_) | Self::Fixed32(_) => return Err(Malformed::Protobuf),
        };
        let (chunks, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(Malformed::Protobuf);
        }
        chunks.iter().try_for_each(|chunk| push(list, u64::from_le_bytes(*chunk), max))
    }

    /// Appends the values of a repeated `uint64`, packed or single, as long as there are at most `max`.
    pub(super) fn varints(self, list: &mut Vec<u64>, max: usize) -> Result<(), Malformed> {
        let mut bytes = match self {
            Self::Varint(one) => return push(list, one, max),
            Self::Bytes(bytes) => bytes,
            Self::Fixed64(_) | Self::Fixed32(_) => return Err(Malformed::Protobuf),
        };
        while !bytes.is_empty() {
            push(list, varint(&mut bytes).ok_or(Malformed::Protobuf)?, max)?;
        }
        Ok(())
    }
}

fn push(list: &mut Vec<u64>, one: u64, max: usize) -> Result<(), Malformed> {
    if list.len() >= max {
        return Err(Malformed::Protobuf);
    }
    list.push(one);
    Ok(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Appends a whole number as a field.
pub(super) fn put_number(bytes: &mut Vec<u8>, field: u32, number: u64) {
    put_varint(bytes, u64::from(field) << 3);
    put_varint(bytes, number);
}

/// Appends a text or message as a field.
pub(super) fn put_bytes(bytes: &mut Vec<u8>, field: u32, value: &[u8]) {
    put_varint(bytes, u64::from(field) << 3 | 2);
    put_varint(bytes, value.len() as u64);
    bytes.extend_from_slice(value);
}

fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_read_in_their_order() {
        let mut bytes = Vec::new();
        put_number(&mut bytes, 1, 300);
        put_bytes(&mut bytes, 2, b"caf\xe9");
        bytes.extend([0x19, 1, 0, 0, 0, 0, 0, 0, 0, 0x25, 7, 0, 0, 0]);
        let fields: Vec<_> = Message(&bytes).collect::<Result<_, _>>().unwrap();
        assert_eq!(fields, [(1, Wire::Varint(300)), (2, Wire::Bytes(b"caf\xe9")), (3, Wire::Fixed64(1)), (4, Wire::Fixed32(7))]);
        assert_eq!(fields[1].1.text().unwrap(), "caf\u{fffd}");
        assert_eq!(Wire::Varint(3).zigzag(), Ok(-2));
        assert_eq!(Wire::Varint(4).zigzag(), Ok(2));
    }

    #[test]
    fn lists_are_read_packed_and_single_up_to_their_bound() {
        let mut list = Vec::new();
        Wire::Bytes(&[1, 0x80, 1]).varints(&mut list, 3).unwrap();
        Wire::Varint(5).varints(&mut list, 3).unwrap();
        assert_eq!(list, [1, 128, 5]);
        assert_eq!(Wire::Varint(5).varints(&mut list, 3), Err(Malformed::Protobuf));
        assert_eq!(Wire::Bytes(&[0; 9]).fixed64s(&mut Vec::new(), 3), Err(Malformed::Protobuf));
    }

    #[test]
    fn bytes_that_end_early_are_a_fault_once() {
        for bytes in [&[0x0a][..], &[0x0a, 5, 1], &[0x08], &[0x80; 11], &[0x0b], &[0x00], &[0x0d, 1]] {
            assert_eq!(Message(bytes).collect::<Vec<_>>(), [Err(Malformed::Protobuf)], "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Message(&bytes).count() <= bytes.len());
        }
    }
}
