//! Keys as people read and write them: Redis' keys are bytes, so what is no plain text is written as `\xNN`.

/// Longest key or pattern in a request, in bytes as written. Longer keys exist, but no person types them.
pub const KEY_TEXT_BYTES_MAX: usize = 4 << 10;

/// Bytes as text that [`parse`] reads back: control characters and what is no UTF-8 as `\xNN`, a backslash as two.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                c if c.is_control() => {
                    let mut buffer = [0; 4];
                    c.encode_utf8(&mut buffer).bytes().for_each(|byte| push(&mut out, byte));
                }
                c => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| push(&mut out, *byte));
    }
    out
}

fn push(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push_str("\\x");
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// The bytes of a key as it was written: `\xNN` is a byte, `\\` a backslash, any other backslash stands for itself.
#[must_use]
pub fn parse(text: &str) -> Vec<u8> {
    read(text, true)
}

/// The bytes of a pattern: `\xNN` is a byte; every other backslash stays, as Redis' patterns have their own use for it.
#[must_use]
pub fn parse_pattern(text: &str) -> Vec<u8> {
    read(text, false)
}

fn read(text: &str, is_key: bool) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let rest = bytes.get(at + 1..).unwrap_or_default();
        match (byte, rest) {
            (b'\\', [b'x', high, low, ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(digit(*high) << 4 | digit(*low));
                at += 4;
            }
            (b'\\', [b'\\', ..]) => {
                out.push(b'\\');
                if !is_key {
                    out.push(b'\\');
                }
                at += 2;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}

const fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => byte - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_of_task_queues_can_be_read_and_typed() {
        assert_eq!(escape(b"celery\x06\x163"), "celery\\x06\\x163");
        assert_eq!(parse("celery\\x06\\x163"), b"celery\x06\x163");
        assert_eq!(parse("celery\\X06"), b"celery\\X06");
    }

    #[test]
    fn a_lone_backslash_stands_for_itself() {
        assert_eq!(parse("App\\Models\\User:7"), b"App\\Models\\User:7");
        assert_eq!(escape(b"App\\Models"), "App\\\\Models");
        assert_eq!(parse("a\\"), b"a\\");
        assert_eq!(parse("a\\x1"), b"a\\x1");
    }

    #[test]
    fn a_pattern_keeps_the_backslashes_that_redis_reads() {
        assert_eq!(parse_pattern("a\\*b\\\\c\\xff"), b"a\\*b\\\\c\xff");
    }

    #[test]
    fn text_of_any_language_stays_readable() {
        assert_eq!(escape("usuário:ação".as_bytes()), "usuário:ação");
    }

    proptest! {
        #[test]
        fn every_key_comes_back_as_it_was(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(parse(&escape(&bytes)), bytes);
        }

        #[test]
        fn any_text_is_read(text in ".{0,64}") {
            drop(parse(&text));
            drop(parse_pattern(&text));
        }
    }
}
