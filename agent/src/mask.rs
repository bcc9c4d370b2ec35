//! Masks: secrets and personal numbers in text, blacked out before the text leaves the machine.
//!
//! One pass over the bytes; a byte that may begin or betray a secret is looked at more closely. Nothing is allocated when
//! nothing is found; when something is, another pass looks at what its mask brought together. *Invariants:* what is masked stays as it is when it is masked again; the text never grows by more than
//! the mask for each secret. In doubt it masks: a word too many costs less than a password.

use std::borrow::Cow;

mod key;
mod number;
mod token;

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// A secret in a text: where it begins and ends, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Secret {
    from: usize,
    to: usize,
}

/// Most passes over one text. A mask has none of the signs that divide a text, so its neighbours may come to read as one: a
/// number with a stroke in an address becomes part of the user's name. Two passes are the rule, more are not known.
const PASSES_MAX: usize = 6;

/// The text without what nobody else should read.
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    let mut masked = Cow::Borrowed(text);
    for _ in 0..PASSES_MAX {
        let Some(next) = pass(&masked) else { break };
        masked = Cow::Owned(next);
    }
    masked
}

/// The text with every secret masked that one look from left to right finds; `None` when there is none.
fn pass(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let (mut out, mut kept, mut at) = (String::new(), 0, 0);
    while let Some(skipped) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| WORTH_A_LOOK[usize::from(*byte)])) {
        at += skipped;
        let Some(secret) = find(bytes, at).filter(|secret| secret.from >= kept && secret.to > at) else {
            at += 1;
            continue;
        };
        at = secret.to;
        let is_masked = bytes.get(secret.from..secret.to) == Some(MASK.as_bytes());
        if !is_masked {
            out.push_str(text.get(kept..secret.from).unwrap_or_default());
            out.push_str(MASK);
            kept = secret.to;
        }
    }
    if kept == 0 {
        return None;
    }
    out.push_str(text.get(kept..).unwrap_or_default());
    Some(out)
}

/// Looks closer at one byte. A secret begins and ends beside ASCII, so that no character is cut.
fn find(bytes: &[u8], at: usize) -> Option<Secret> {
    match bytes[at] {
        b':' if bytes[at..].starts_with(b"://") => token::in_url(bytes, at),
        b':' | b'=' => key::value(bytes, at),
        b'0'..=b'9' => number::find(bytes, at),
        b'/' => number::company(bytes, at),
        b'-' => token::private_key(bytes, at).or_else(|| key::argument(bytes, at)),
        _ => token::find(bytes, at),
    }
}

/// The bytes that [`find`] knows something about.
const WORTH_A_LOOK: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b":=/-0123456789";
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    let mut at = 0;
    while at < token::FIRST.len() {
        table[token::FIRST[at] as usize] = true;
        at += 1;
    }
    table
};

/// The byte before a place, if there is one.
fn before(bytes: &[u8], at: usize) -> Option<u8> {
    at.checked_sub(1).and_then(|at| bytes.get(at)).copied()
}

/// Where a stretch of bytes of one kind ends.
fn end_of(bytes: &[u8], from: usize, is_inside: impl Fn(u8) -> bool) -> usize {
    bytes.get(from..).and_then(|rest| rest.iter().position(|byte| !is_inside(*byte))).map_or(bytes.len(), |length| from + length)
}

#[cfg(test)]
mod tests;
