//! Redis' patterns, as far as they must be understood before Redis is asked: `*`, `?`, `[a-z]`, `[^a]`, `\` before a sign.

/// Whether a pattern matches all of a text. Takes at most pattern times text steps.
#[must_use]
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last star was, and how far the text was when it began to match: the only place to go back to.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p + 1, t));
            p += 1;
            continue;
        }
        match (pattern.get(p..).filter(|rest| !rest.is_empty()), text.get(t)) {
            (None, None) => return true,
            (Some(rest), Some(byte)) => {
                let (length, is_match) = one(rest, *byte);
                if is_match {
                    p += length;
                    t += 1;
                    continue;
                }
            }
            (Some(_), None) => return false,
            (None, Some(_)) => {}
        }
        let Some((after, from)) = star else { return false };
        star = Some((after, from + 1));
        (p, t) = (after, from + 1);
        if t > text.len() {
            return false;
        }
    }
}

/// How long the first element of a pattern is, and whether it matches a byte.
fn one(pattern: &[u8], byte: u8) -> (usize, bool) {
    match pattern {
        [b'?', ..] => (1, true),
        [b'\\', sign, ..] => (2, *sign == byte),
        [b'[', set @ ..] => {
            let (length, is_match) = set_matches(set, byte);
            (length + 1, is_match)
        }
        [sign, ..] => (1, *sign == byte),
        [] => (0, false),
    }
}

/// A set without its opening bracket; one that is never closed ends with the pattern, as in Redis.
fn set_matches(set: &[u8], byte: u8) -> (usize, bool) {
    let is_negated = set.first() == Some(&b'^');
    let (mut at, mut is_in) = (usize::from(is_negated), false);
    loop {
        match set.get(at..).unwrap_or_default() {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', sign, ..] => {
                is_in |= *sign == byte;
                at += 2;
            }
            [from, b'-', to, ..] if *to != b']' => {
                let (low, high) = if from <= to { (from, to) } else { (to, from) };
                is_in |= (low..=high).contains(&&byte);
                at += 3;
            }
            [sign, ..] => {
                is_in |= *sign == byte;
                at += 1;
            }
        }
    }
    (at, is_in != is_negated)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_as_in_redis() {
        for (pattern, text, expect) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("*a*b*", "xxaxxbxx", true),
            ("h?llo", "hello", true),
            ("h[ae]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("h[c-a]llo", "hbllo", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("[abc", "b", true),
            ("user:*", "user:7:name", true),
            ("**", "anything", true),
            ("a", "ab", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expect, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_of_stars_takes_no_eternity() {
        let pattern = "a*".repeat(500);
        assert!(!matches(format!("{pattern}b").as_bytes(), "a".repeat(2_000).as_bytes()));
    }

    proptest! {
        #[test]
        fn any_pattern_ends(pattern in "[ab*?\\[\\]^\\\\-]{0,24}", text in "[ab]{0,24}") {
            prop_assert!(matches(b"*", text.as_bytes()) || matches(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
