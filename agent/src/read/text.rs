//! Takes the kernel's text apart: lines, fields, numbers. Works on bytes and allocates nothing.

/// The lines of a file, without their ends.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// The fields of a line, parted by any number of blanks.
pub(super) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b' ' || *byte == b'\t').filter(|field| !field.is_empty())
}

/// A whole number in decimal digits, nothing else around it. `None` when it is none or does not fit.
pub(super) fn number(field: &[u8]) -> Option<u64> {
    if field.is_empty() {
        return None;
    }
    field.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A number with or without a fraction, such as `0.72`.
pub(super) fn decimal(field: &[u8]) -> Option<f64> {
    let is_plain = !field.is_empty() && field.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    std::str::from_utf8(field).ok().filter(|_| is_plain)?.parse().ok()
}

/// The only number of a file such as `memory.current`.
pub(super) fn single(text: &[u8]) -> Option<u64> {
    number(text.trim_ascii())
}

/// The `key number` lines of a file such as `memory.stat`; lines of another shape are passed over.
pub(super) fn keyed(text: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    lines(text).filter_map(|line| {
        let mut fields = fields(line);
        Some((fields.next()?, number(fields.next()?)?))
    })
}

/// A limit that may be absent: `max` and `-1` mean none, and so does what version 1 prints for none, 2^63 rounded down to
/// a page. The outer `Option` is `None` when the text is neither.
pub(super) fn limit(text: &[u8]) -> Option<Option<u64>> {
    /// Beyond any memory that a machine can have: no limit.
    const NONE_FROM: u64 = 1 << 60;
    match text.trim_ascii() {
        b"max" | b"-1" => Some(None),
        digits => number(digits).map(|limit| Some(limit).filter(|limit| *limit < NONE_FROM)),
    }
}

/// How many CPUs a list such as `0-3,6` names. `None` when it is no list; an empty one names none.
pub(super) fn cpu_list(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Some(0);
    }
    text.split(|byte| *byte == b',').try_fold(0_u64, |count, range| {
        let mut ends = range.splitn(2, |byte| *byte == b'-');
        let first = number(ends.next()?)?;
        let last = ends.next().map_or(Some(first), number)?;
        count.checked_add(last.checked_sub(first)?.checked_add(1)?)
    })
}

/// Text for an attribute: bytes that are not UTF-8 and control characters become `?`.
pub(super) fn printable(text: &[u8]) -> String {
    String::from_utf8_lossy(text)
        .chars()
        .map(|c| if c.is_control() || c == char::REPLACEMENT_CHARACTER { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_whole_or_not_at_all() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(number(b"0"), Some(0));
        for wrong in [&b""[..], b"18446744073709551616", b"-1", b"1.5", b"12a", b" 1"] {
            assert_eq!(number(wrong), None, "{}", String::from_utf8_lossy(wrong));
        }
    }

    #[test]
    fn decimals_take_no_signs_exponents_or_words() {
        assert_eq!(decimal(b"1342.88"), Some(1342.88));
        assert_eq!(decimal(b"7"), Some(7.0));
        for wrong in [&b""[..], b"nan", b"inf", b"-1.0", b"1e5", b"1.2.3"] {
            assert_eq!(decimal(wrong), None, "{}", String::from_utf8_lossy(wrong));
        }
    }

    #[test]
    fn keyed_lines_pass_over_what_they_do_not_know() {
        let text = b"usage_usec 12\nbroken\n\nword max\nlast 3";
        assert_eq!(keyed(text).collect::<Vec<_>>(), [(&b"usage_usec"[..], 12), (b"last", 3)]);
        assert_eq!(keyed(b"").count(), 0);
    }

    #[test]
    fn every_way_to_say_no_limit_is_understood() {
        for none in [&b"max\n"[..], b"-1\n", b"9223372036854771712\n", b"9223372036854710272"] {
            assert_eq!(limit(none), Some(None), "{}", String::from_utf8_lossy(none));
        }
        assert_eq!(limit(b"67108864\n"), Some(Some(67_108_864)));
        assert_eq!(limit(b""), None);
        assert_eq!(limit(b"lots"), None);
    }

    #[test]
    fn cpu_lists_are_counted() {
        assert_eq!(cpu_list(b"0-1\n"), Some(2));
        assert_eq!(cpu_list(b"0-3,6,8-9\n"), Some(7));
        assert_eq!(cpu_list(b"\n"), Some(0));
        assert_eq!(cpu_list(b"3-1"), None);
        assert_eq!(cpu_list(b"a-b"), None);
        assert_eq!(cpu_list(b"0-18446744073709551615"), None);
    }

    #[test]
    fn printable_text_has_no_control_characters() {
        assert_eq!(printable(b"a\x1b[2J\xff"), "a?[2J?");
        assert_eq!(printable("caf\u{e9}".as_bytes()), "caf\u{e9}");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            number(&bytes);
            decimal(&bytes);
            single(&bytes);
            limit(&bytes);
            cpu_list(&bytes);
            printable(&bytes);
            keyed(&bytes).count();
        }
    }
}
