//! Text in bytes: its length, then itself.

use crate::codec::{Damaged, Reader, put};

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Damaged> {
    let len = reader.count(usize::MAX)?;
    std::str::from_utf8(reader.take(len)?).map_err(|_| Damaged("a text is not UTF-8"))
}
