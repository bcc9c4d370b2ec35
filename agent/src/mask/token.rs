//! Tokens that show by themselves what they are, private keys, and passwords in addresses.

use super::{Secret, before, end_of};

/// First bytes of what [`find`] recognises.
pub(super) const FIRST: &[u8] = b"esrpwgAxSYyhnfdBbv";

/// Beginnings of well-known tokens, and how many signs follow at least. The beginning stays: it tells which key to replace.
const PREFIXES: &[(&str, usize)] = &[
    ("sk_live_", 8),
    ("sk_test_", 8),
    ("rk_live_", 8),
    ("rk_test_", 8),
    ("pk_live_", 8),
    ("whsec_", 8),
    ("sk-ant-", 8),
    ("sk-proj-", 8),
    ("sk-", 20),
    ("ghp_", 8),
    ("gho_", 8),
    ("ghu_", 8),
    ("ghs_", 8),
    ("ghr_", 8),
    ("github_pat_", 8),
    ("glpat-", 8),
    ("xoxb-", 8),
    ("xoxp-", 8),
    ("xoxa-", 8),
    ("xoxr-", 8),
    ("xoxs-", 8),
    ("xapp-", 8),
    ("AKIA", 12),
    ("ASIA", 12),
    ("AIza", 20),
    ("SG.", 20),
    ("ya29.", 10),
    ("shpat_", 8),
    ("shpss_", 8),
    ("npm_", 20),
    ("hf_", 16),
    ("dop_v1_", 16),
    ("vercel_", 16),
    ("rw_Fe26.", 16),
    ("farol_", 8),
];

/// Shortest token behind `Bearer` or `Basic`.
const BEARER_BYTES_MIN: usize = 8;

const fn is_sign(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The signs of a token in a header (RFC 9110, token68).
const fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

/// A token that begins at a letter.
pub(super) fn find(bytes: &[u8], at: usize) -> Option<Secret> {
    if before(bytes, at).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    let rest = &bytes[at..];
    if rest.starts_with(b"eyJ") {
        return json_web_token(bytes, at);
    }
    if matches!(rest[0], b'B' | b'b') {
        return behind_scheme(bytes, at);
    }
    let is_it = |(prefix, _): &&(&str, usize)| rest.starts_with(prefix.as_bytes());
    let (prefix, least) = PREFIXES.iter().find(is_it)?;
    let from = at + prefix.len();
    let to = end_of(bytes, from, |byte| is_sign(byte) || byte == b'.');
    (to - from >= *least).then_some(Secret { from, to })
}

/// `eyJ...`, a header in base64, with at least one more part behind a point.
fn json_web_token(bytes: &[u8], at: usize) -> Option<Secret> {
    let head = end_of(bytes, at, is_sign);
    let to = end_of(bytes, head, |byte| is_sign(byte) || byte == b'.');
    (head - at >= 10 && to - head >= 4).then_some(Secret { from: at, to })
}

/// `Bearer TOKEN` and `Basic TOKEN` outside a header.
fn behind_scheme(bytes: &[u8], at: usize) -> Option<Secret> {
    let word = end_of(bytes, at, |byte| byte.is_ascii_alphabetic());
    let is_bearer = bytes[at..word].eq_ignore_ascii_case(b"bearer");
    if !is_bearer && !bytes[at..word].eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let from = end_of(bytes, word, |byte| byte == b' ');
    let to = end_of(bytes, from, is_token68);
    let token = &bytes[from..to];
    // Not the words of "Bearer authentication failed".
    let is_random =
        token.iter().any(u8::is_ascii_digit) || token.iter().skip(1).any(u8::is_ascii_uppercase) || token.ends_with(b"=");
    (from > word && token.len() >= BEARER_BYTES_MIN && is_random).then_some(Secret { from, to })
}

/// The password in `scheme://user:password@host`, seen at its `://`; also a long user without one, which is a token.
pub(super) fn in_url(bytes: &[u8], at: usize) -> Option<Secret> {
    let start = at + 3;
    let is_part = |byte: u8| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`');
    let end = end_of(bytes, start, is_part);
    let authority_end = end_of(bytes, start, |byte| is_part(byte) && !matches!(byte, b'/' | b'?' | b'#'));
    let authority = &bytes[start..authority_end];
    let colon = authority.iter().position(|byte| *byte == b':').map(|colon| start + colon + 1);
    if let Some(sign) = authority.iter().rposition(|byte| *byte == b'@').map(|sign| start + sign) {
        return match colon.filter(|colon| *colon <= sign) {
            Some(from) => (from < sign).then_some(Secret { from, to: sign }),
            None => (sign - start >= 16).then_some(Secret { from: start, to: sign }),
        };
    }
    // A password with an unescaped stroke in it: what stands behind the colon is then no port.
    let from =
        colon.filter(|from| !authority.starts_with(b"[") && !bytes[*from..authority_end].iter().all(u8::is_ascii_digit))?;
    let sign = from + bytes[from..end].iter().rposition(|byte| *byte == b'@')?;
    Some(Secret { from, to: sign })
}

/// A private key in PEM, from the end of its first line to the beginning of its last.
pub(super) fn private_key(bytes: &[u8], at: usize) -> Option<Secret> {
    const NAME_BYTES_MAX: usize = 48;
    if !bytes[at..].starts_with(b"-----BEGIN ") {
        return None;
    }
    let head = bytes.get(at + 11..bytes.len().min(at + 11 + NAME_BYTES_MAX))?;
    let length = head.windows(5).position(|window| window == b"-----")?;
    if !head[..length].windows(11).any(|window| window == b"PRIVATE KEY") {
        return None;
    }
    let from = at + 11 + length + 5;
    let to = bytes[from..].windows(8).position(|window| window == b"-----END").map_or(bytes.len(), |length| from + length);
    (to > from).then_some(Secret { from, to })
}
