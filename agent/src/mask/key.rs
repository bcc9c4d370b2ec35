//! Values behind a name that says they are secret: `password=`, `"token": "..."`, `Authorization: ...`, `--secret ...`.

use super::{MASK, Secret, before, end_of};

/// Longest name that is looked at.
const NAME_BYTES_MAX: usize = 64;

/// Names that are secret with anything around them, such as `db_password_old`. Without signs between, in small letters.
const ANYWHERE: &[&str] =
    &["password", "passwd", "passphrase", "apikey", "secretkey", "accesskey", "privatekey", "authorization", "credential"];

/// Names that are secret at the end of a longer one, such as `refresh_token`.
const AT_END: &[&str] = &["secret", "token", "cookie", "cardnumber", "sessionid", "connectionstring"];

/// Short names, secret only as a word of their own: `userCpf`, not `resenha`.
const WORDS: &[&str] = &["senha", "pwd", "pass", "cpf", "cnpj", "cvv", "cvc", "sid"];

/// Names whose value takes the rest of the line when it is not in quotes.
const WHOLE_LINE: &[&str] = &["authorization", "cookie"];

/// Words before a token that are no secret.
const SCHEMES: &[&[u8]] = &[b"bearer", b"basic", b"digest", b"token", b"apikey", b"negotiate", b"aws4-hmac-sha256"];

/// What a value may be without being a secret.
const NOTHING: &[&[u8]] = &[b"null", b"none", b"nil", b"true", b"false", b"undefined"];

struct Name {
    is_secret: bool,
    takes_line: bool,
}

const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// The value behind `name:` or `name=`, seen at the sign between them.
pub(super) fn value(bytes: &[u8], at: usize) -> Option<Secret> {
    // A path such as `token::Kind`.
    if bytes[at] == b':' && (bytes.get(at + 1) == Some(&b':') || before(bytes, at) == Some(b':')) {
        return None;
    }
    let name = name(name_before(bytes, at)?);
    if !name.is_secret {
        return None;
    }
    let after = end_of(bytes, at + 1, |byte| matches!(byte, b'=' | b'>'));
    let from = end_of(bytes, after, |byte| matches!(byte, b' ' | b'\t'));
    of_value(bytes, from, name.takes_line)
}

/// The value behind `--name `, seen at the first hyphen.
pub(super) fn argument(bytes: &[u8], at: usize) -> Option<Secret> {
    let is_first = before(bytes, at).is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\''));
    if !is_first || !bytes[at..].starts_with(b"--") {
        return None;
    }
    let end = end_of(bytes, at + 2, is_of_name);
    let from = end_of(bytes, end, |byte| byte == b' ');
    let is_value = from > end && bytes.get(from).is_some_and(|byte| *byte != b'-');
    let is_short = end - at <= NAME_BYTES_MAX;
    if !is_value || !is_short || !name(&bytes[at + 2..end]).is_secret {
        return None;
    }
    of_value(bytes, from, false)
}

/// The name that ends before a sign, quotes and brackets around it left out.
fn name_before(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let head = &bytes[at.saturating_sub(NAME_BYTES_MAX + 8)..at];
    let is_around = |byte: &u8| matches!(byte, b' ' | b'"' | b'\'' | b'\\' | b']' | b'`');
    let end = head.iter().rposition(|byte| !is_around(byte))? + 1;
    if head.len() - end > 6 {
        return None;
    }
    let start = head[..end].iter().rposition(|byte| !is_of_name(*byte)).map_or(0, |before| before + 1);
    Some(&head[start..end]).filter(|name| !name.is_empty())
}

fn name(raw: &[u8]) -> Name {
    let mut small = [0_u8; NAME_BYTES_MAX + 8];
    let mut length = 0;
    for byte in raw.iter().filter(|byte| byte.is_ascii_alphanumeric()).take(small.len()) {
        small[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let small = &small[..length];
    let has = |word: &&str| small.windows(word.len()).any(|window| window == word.as_bytes());
    let ends = |word: &&str| small.ends_with(word.as_bytes());
    let is_word = |word: &&str| ends(word) && begins_word(raw, word.len());
    Name {
        is_secret: ANYWHERE.iter().any(has) || AT_END.iter().any(ends) || WORDS.iter().any(is_word),
        takes_line: WHOLE_LINE.iter().any(ends),
    }
}

/// Whether the last `length` bytes of a name are a word of their own in it.
fn begins_word(raw: &[u8], length: usize) -> bool {
    let Some(at) = raw.len().checked_sub(length) else { return false };
    let before = before(raw, at);
    let is_camel = raw[at].is_ascii_uppercase() && before.is_some_and(|byte| byte.is_ascii_lowercase());
    before.is_none_or(|byte| !byte.is_ascii_alphanumeric()) || is_camel
}

/// What of a value that begins at `from` is to be masked.
fn of_value(bytes: &[u8], from: usize, takes_line: bool) -> Option<Secret> {
    // `b'...'` and `u"..."` of Python.
    let is_quote = |at: usize| matches!(bytes.get(at), Some(b'"' | b'\'' | b'`'));
    let from = if matches!(bytes.get(from), Some(b'b' | b'u' | b'r')) && is_quote(from + 1) { from + 1 } else { from };
    let quote = end_of(bytes, from, |byte| byte == b'\\');
    let (start, end) = match bytes.get(quote)? {
        sign @ (b'"' | b'\'' | b'`') => (quote + 1, end_of_quoted(bytes, quote + 1, *sign, quote - from)),
        b'{' | b'\r' | b'\n' => return None,
        b'[' => (from + 1, end_of(bytes, from + 1, |byte| !matches!(byte, b']' | b'\r' | b'\n'))),
        _ if takes_line => (from, end_of(bytes, from, |byte| !matches!(byte, b'\r' | b'\n' | b'"' | b'\''))),
        _ => (from, end_of_plain(bytes, behind_scheme(bytes, from, bytes.len()))),
    };
    let start = behind_scheme(bytes, start, end);
    let value = bytes.get(start..end)?;
    let is_nothing = value.is_empty() || NOTHING.iter().any(|nothing| value.eq_ignore_ascii_case(nothing));
    let is_masked = value.trim_ascii_end() == MASK.as_bytes();
    (!is_nothing && !is_masked).then_some(Secret { from: start, to: end })
}

/// Behind the first word, when that is the name of a scheme and something follows it.
fn behind_scheme(bytes: &[u8], start: usize, end: usize) -> usize {
    let word = end_of(bytes, start, is_of_name).min(end);
    let next = end_of(bytes, word, |byte| byte == b' ').min(end);
    let is_scheme = SCHEMES.iter().any(|scheme| bytes[start..word].eq_ignore_ascii_case(scheme));
    if is_scheme && next > word && next < end { next } else { start }
}

/// The closing quote has no more backslashes before it than the opening one. Without one, the value ends with the text.
fn end_of_quoted(bytes: &[u8], start: usize, sign: u8, depth: usize) -> usize {
    let (mut slashes, mut at) = (0, start);
    while let Some(byte) = bytes.get(at) {
        if *byte == sign && slashes <= depth {
            return at - slashes;
        }
        slashes = if *byte == b'\\' { slashes + 1 } else { 0 };
        at += 1;
    }
    at
}

/// A value without quotes ends with a blank or a quote; with another sign only when what follows shows that it closes.
fn end_of_plain(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        let next = bytes.get(at + 1);
        let closes = match byte {
            b'"' | b'\'' | b'`' | b'<' => at > start,
            b',' | b';' | b')' | b']' | b'}' => next
                .is_none_or(|next| next.is_ascii_whitespace() || matches!(next, b'"' | b'\'' | b',' | b';' | b')' | b']' | b'}')),
            b'&' => {
                let name = end_of(bytes, at + 1, |byte| is_of_name(byte) || matches!(byte, b'%' | b'[' | b']'));
                bytes.get(name) == Some(&b'=')
            }
            _ => byte.is_ascii_whitespace(),
        };
        if closes {
            break;
        }
        at += 1;
    }
    at
}
