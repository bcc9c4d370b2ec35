//! The bytes of a value as something to read: JSON, MessagePack, what is packed with zlib, gzip or zstd, text, else hexadecimal.
//!
//! Invariants: a pickle is named and never unpickled, since that runs what stands in it; what is packed is unpacked up to
//! [`UNPACKED_BYTES_MAX`]; secrets are masked in whatever could be read, and what could not be read but may hold them as text
//! is not shown unless asked for by name.

use std::io::Read;

use serde_json::Value;

use super::{
    cut_json, key, msgpack,
    secret::{self, Masking, WHOLE},
};

/// Most bytes that a packed value is unpacked to.
pub(super) const UNPACKED_BYTES_MAX: usize = 256 << 10;

/// Most bytes of a text or of hexadecimal digits that are shown of one value.
const SHOWN_BYTES_MAX: usize = 16 << 10;

/// Path by which the bytes of a pickle can be asked for.
pub(super) const RAW: &str = "raw";

/// One value, readable.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shown {
    /// `json`, `msgpack`, `text`, `pickle`, `hex`, `empty`; with `zlib+`, `gzip+` or `zstd+` before it.
    pub(super) format: String,
    /// What it says, masked.
    pub(super) value: Value,
    /// The same as one text.
    pub(super) raw: String,
    /// Whether something is missing at its end.
    pub(super) is_cut: bool,
}

/// Makes bytes readable. `is_cut` says that they are only the beginning; `is_secret` that their name says they are secret.
pub(super) fn show(bytes: &[u8], is_cut: bool, path: &str, is_secret: bool, masking: &mut Masking<'_>) -> Shown {
    let before = masking.masked.len();
    let Reading { format, mut value, is_cut, raw } = read(bytes, is_cut);
    match raw {
        Raw::Readable => masking.value(path, &mut value, is_secret),
        Raw::Loose => mask_loose(path, &mut value, is_secret, masking),
        Raw::Blind => {
            let raw_path = if path == WHOLE { RAW.to_owned() } else { format!("{path}.{RAW}") };
            if masking.is_hidden(&raw_path) {
                return Shown { format, raw: as_text(&value), value, is_cut };
            }
            return Shown { format, value, raw: cut(&key::escape(bytes)).0, is_cut };
        }
    }
    let is_as_it_was = masking.masked.len() == before && !matches!(format.as_str(), "hex") && !format.contains('+');
    let (raw, raw_is_cut) = if is_as_it_was { cut(&lossless(bytes)) } else { cut(&as_text(&value)) };
    Shown { format, value, raw, is_cut: is_cut || raw_is_cut }
}

/// The text of bytes that are text, else escaped.
fn lossless(bytes: &[u8]) -> String {
    str::from_utf8(bytes).map_or_else(|_| key::escape(bytes), str::to_owned)
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn cut(text: &str) -> (String, bool) {
    let end = text.floor_char_boundary(SHOWN_BYTES_MAX);
    (text.get(..end).unwrap_or_default().to_owned(), end < text.len())
}

/// A text of no known shape: where one secret was found by its look, another may stand that has none.
fn mask_loose(path: &str, value: &mut Value, is_secret: bool, masking: &mut Masking<'_>) {
    let names_one = value.as_str().is_some_and(secret::names_secret);
    masking.value(path, value, is_secret || names_one);
}

/// How far the bytes were understood.
enum Raw {
    /// Wholly.
    Readable,
    /// They are text, but of no known shape.
    Loose,
    /// Only their kind.
    Blind,
}

struct Reading {
    format: String,
    value: Value,
    is_cut: bool,
    raw: Raw,
}

fn read(bytes: &[u8], is_cut: bool) -> Reading {
    let plain = |format: &str, value: Value, raw: Raw| Reading { format: format.to_owned(), value, is_cut, raw };
    if bytes.is_empty() {
        return plain("empty", Value::from(""), Raw::Readable);
    }
    if let Some(value) = json(bytes, is_cut) {
        return plain("json", value, Raw::Readable);
    }
    if let Some(value) = msgpack::read(bytes, is_cut) {
        return plain("msgpack", value, Raw::Readable);
    }
    if is_pickle(bytes, is_cut) {
        return plain("pickle", pickle(bytes, is_cut), Raw::Blind);
    }
    if let Some((packing, unpacked, is_short)) = unpack(bytes, is_cut) {
        // Packed twice is shown as bytes: nobody does that, and it bounds the work.
        let inner = read_unpacked(&unpacked, is_short);
        return Reading { format: format!("{packing}+{}", inner.format), ..inner };
    }
    text_or_hex(bytes, is_cut)
}

fn read_unpacked(bytes: &[u8], is_cut: bool) -> Reading {
    let plain = |format: &str, value: Value, raw: Raw| Reading { format: format.to_owned(), value, is_cut, raw };
    if let Some(value) = json(bytes, is_cut) {
        return plain("json", value, Raw::Readable);
    }
    if let Some(value) = msgpack::read(bytes, is_cut) {
        return plain("msgpack", value, Raw::Readable);
    }
    if is_pickle(bytes, is_cut) {
        return plain("pickle", pickle(bytes, is_cut), Raw::Blind);
    }
    text_or_hex(bytes, is_cut)
}

fn json(bytes: &[u8], is_cut: bool) -> Option<Value> {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        // A cut may go through a character.
        Err(error) if is_cut && error.error_len().is_none() => str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    if is_cut { cut_json::read(text) } else { serde_json::from_str(text).ok() }
}

fn text_or_hex(bytes: &[u8], is_cut: bool) -> Reading {
    let valid = match str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if is_cut && error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).and_then(|bytes| str::from_utf8(bytes).ok())
        }
        Err(_) => None,
    };
    let is_plain = |text: &str| text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\u{1b}'));
    if let Some(text) = valid.filter(|text| is_plain(text)) {
        let (text, is_short) = cut(text);
        return Reading { format: "text".to_owned(), value: text.into(), is_cut: is_cut || is_short, raw: Raw::Loose };
    }
    let shown = bytes.get(..bytes.len().min(SHOWN_BYTES_MAX / 2)).unwrap_or_default();
    let digits: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    // Hexadecimal hides nothing from who wants to read it: secrets by their name only as far as they stand there as text.
    let raw = if secret::names_secret(&String::from_utf8_lossy(bytes)) { Raw::Blind } else { Raw::Readable };
    let value = if matches!(raw, Raw::Blind) { Value::from(format!("binary, {} bytes", bytes.len())) } else { digits.into() };
    Reading { format: "hex".to_owned(), value, is_cut: is_cut || shown.len() < bytes.len(), raw }
}

fn is_pickle(bytes: &[u8], is_cut: bool) -> bool {
    matches!(bytes, [0x80, 2..=5, ..]) && (is_cut || bytes.last() == Some(&b'.'))
}

fn pickle(bytes: &[u8], is_cut: bool) -> Value {
    let at_least = if is_cut { "at least " } else { "" };
    format!("pickle, {at_least}{} bytes", bytes.len()).into()
}

/// Unpacks what its first bytes say is packed: how it was packed, what was in it, and whether the end is missing.
fn unpack(bytes: &[u8], is_cut: bool) -> Option<(&'static str, Vec<u8>, bool)> {
    let (packing, unpacked) = match bytes {
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => ("zlib", bounded(flate2::read::ZlibDecoder::new(bytes))),
        [0x1f, 0x8b, 8, ..] => ("gzip", bounded(flate2::read::GzDecoder::new(bytes))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("zstd", bounded(zstd_decoder(bytes)?)),
        _ => return None,
    };
    let (unpacked, is_whole) = unpacked;
    // What breaks off although it was not cut is damaged, or no packed value at all.
    ((is_whole || is_cut) && !unpacked.is_empty()).then(|| {
        let is_short = !is_whole || unpacked.len() >= UNPACKED_BYTES_MAX;
        (packing, unpacked, is_short)
    })
}

fn zstd_decoder(bytes: &[u8]) -> Option<impl Read + '_> {
    let mut decoder = zstd::stream::read::Decoder::new(bytes).ok()?;
    // The window is memory: 2^20 bytes suffice for what is shown.
    decoder.window_log_max(20).ok()?;
    Some(decoder)
}

/// At most [`UNPACKED_BYTES_MAX`] bytes, and whether the reader ended well or went on.
fn bounded(reader: impl Read) -> (Vec<u8>, bool) {
    let mut unpacked = Vec::new();
    let most = u64::try_from(UNPACKED_BYTES_MAX).unwrap_or(u64::MAX);
    let is_whole = reader.take(most).read_to_end(&mut unpacked).is_ok();
    (unpacked, is_whole)
}

#[cfg(test)]
mod tests;
