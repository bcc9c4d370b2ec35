//! Codes of the moment (RFC 6238: SHA-1, six digits, thirty seconds), recovery codes, and the picture that an app scans.
//!
//! One step of time either side is accepted, for clocks that differ. Which steps were used is known to the file of accounts.

use qrcode::{Color, EcLevel, QrCode};
use ring::hmac;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use crate::state::Fingerprint;

/// Bytes of a secret: as RFC 4226 advises for SHA-1.
pub const SECRET_BYTES: usize = 20;

/// How many recovery codes there are.
pub const RECOVERY_CODES: usize = 10;

/// Bytes of a recovery code: 80 random bits, so that its fingerprint needs no salt and no cost.
const RECOVERY_BYTES: usize = 10;

/// Length of a step, in milliseconds.
pub const STEP_MS: i64 = 30_000;

/// Longest code that is looked at, in bytes: a recovery code with a separator after each letter.
const CODE_BYTES_MAX: usize = 40;

/// White modules around the picture: scanners need four.
const MARGIN: usize = 4;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What somebody typed as a code.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
#[cfg_attr(not(test), expect(missing_debug_implementations, reason = "it holds a secret"))]
pub enum Code {
    /// Six digits of an app.
    Moment(u32),
    /// A recovery code, as its fingerprint.
    Recovery(Fingerprint),
}

/// The picture of an address, as unit squares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Width and height, white margin included.
    pub size: usize,
    /// The dark squares as the path of an SVG.
    pub path: String,
}

/// Reads a code as people type it: with spaces or dashes, in either case.
#[must_use]
pub fn parse(text: &str) -> Option<Code> {
    if text.len() > CODE_BYTES_MAX {
        return None;
    }
    let plain: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    if plain.len() == 6 && plain.bytes().all(|b| b.is_ascii_digit()) {
        return plain.parse().ok().map(Code::Moment);
    }
    let plain = plain.to_ascii_uppercase();
    let fits = plain.len() == RECOVERY_BYTES * 8 / 5 && plain.bytes().all(|b| BASE32.contains(&b));
    fits.then(|| Code::Recovery(Fingerprint::of(&plain)))
}

/// The step of time whose code this is. As long whichever it is, or none.
#[must_use]
pub fn step_of(secret: &[u8], code: u32, now_ms: i64) -> Option<i64> {
    let now = now_ms.div_euclid(STEP_MS);
    let (mut found, mut step) = (Choice::from(0), 0_i64);
    for tried in [now - 1, now, now + 1] {
        let fits = code_of(secret, tried).ct_eq(&code);
        step.conditional_assign(&tried, fits);
        found |= fits;
    }
    bool::from(found).then_some(step)
}

/// The code of a step (RFC 4226).
#[must_use]
pub fn code_of(secret: &[u8], step: i64) -> u32 {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag.last().copied().unwrap_or_default() & 0xf);
    let four = tag.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_be_bytes);
    (four & 0x7fff_ffff) % 1_000_000
}

/// A new secret.
///
/// # Errors
/// When the system gives no random numbers.
pub fn new_secret() -> Result<[u8; SECRET_BYTES], getrandom::Error> {
    let mut secret = [0_u8; SECRET_BYTES];
    getrandom::fill(&mut secret)?;
    Ok(secret)
}

/// New recovery codes, as they are shown once.
///
/// # Errors
/// When the system gives no random numbers.
pub fn new_recovery_codes() -> Result<Vec<String>, getrandom::Error> {
    (0..RECOVERY_CODES).map(|_| random_text::<RECOVERY_BYTES>(4)).collect()
}

/// Fingerprints of recovery codes as they were shown.
#[must_use]
pub fn fingerprints(codes: &[String]) -> Vec<Fingerprint> {
    codes.iter().map(|code| Fingerprint::of(&code.replace('-', ""))).collect()
}

/// `BYTES` random bytes as letters and digits, in groups.
///
/// # Errors
/// When the system gives no random numbers.
pub fn random_text<const BYTES: usize>(group: usize) -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; BYTES];
    getrandom::fill(&mut bytes)?;
    let text = base32(&bytes);
    let groups: Vec<&str> = text.as_bytes().chunks(group).filter_map(|chunk| str::from_utf8(chunk).ok()).collect();
    Ok(groups.join("-"))
}

/// Base32 without padding (RFC 4648), as apps read secrets.
#[must_use]
pub fn base32(bytes: &[u8]) -> String {
    let (mut text, mut bits, mut have) = (String::with_capacity(bytes.len() * 8 / 5 + 1), 0_u32, 0_u32);
    let mut push = |five: u32| text.push(char::from(BASE32[usize::try_from(five & 31).unwrap_or(0)]));
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        have += 8;
        while have >= 5 {
            have -= 5;
            push(bits >> have);
        }
    }
    if have > 0 {
        push(bits << (5 - have));
    }
    text
}

/// The address that an app reads: `otpauth://totp/Farol:NAME?...`. `house` tells one collector from another.
#[must_use]
pub fn address(house: &str, username: &str, secret: &[u8]) -> String {
    let (house, name) = (percent(house), percent(username));
    format!("otpauth://totp/{house}:{name}?secret={}&issuer={house}", base32(secret))
}

fn percent(text: &str) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|b| if plain(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// The picture of a text; `None` when it is too long for one.
#[must_use]
pub fn picture(text: &str) -> Option<Picture> {
    use std::fmt::Write as _;
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let (width, colors) = (code.width(), code.to_colors());
    let mut path = String::new();
    for (y, row) in colors.chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|one, other| one == other) {
            if run.first() == Some(&Color::Dark) {
                let (left, top, long) = (x + MARGIN, y + MARGIN, run.len());
                write!(path, "M{left} {top}h{long}v1h-{long}z").expect("a string takes all that is written");
            }
            x += run.len();
        }
    }
    Some(Picture { size: width + 2 * MARGIN, path })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The secret of the examples in RFC 6238.
    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_standard() {
        for (second, expect) in [
            (59, 287_082),
            (1_111_111_109, 81_804),
            (1_111_111_111, 50_471),
            (1_234_567_890, 5_924),
            (2_000_000_000, 279_037),
            (20_000_000_000, 353_130),
        ] {
            assert_eq!(code_of(SECRET, second / 30), expect, "{second}");
        }
    }

    #[test]
    fn one_step_either_side_is_accepted_and_no_more() {
        let now_ms = 1_234_567_890_000;
        let step = now_ms / STEP_MS;
        for (away, expect) in [(-2, None), (-1, Some(step - 1)), (0, Some(step)), (1, Some(step + 1)), (2, None)] {
            assert_eq!(step_of(SECRET, code_of(SECRET, step + away), now_ms), expect, "{away}");
        }
    }

    #[test]
    fn base32_is_that_of_the_standard() {
        for (bytes, expect) in
            [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foobar", "MZXW6YTBOI"), ("fooba", "MZXW6YTB")]
        {
            assert_eq!(base32(bytes.as_bytes()), expect);
        }
    }

    #[test]
    fn recovery_codes_are_distinct_and_read_as_people_type_them() {
        let codes = new_recovery_codes().unwrap();
        let prints = fingerprints(&codes);
        assert_eq!(prints.iter().collect::<std::collections::HashSet<_>>().len(), RECOVERY_CODES);
        for (code, print) in codes.iter().zip(prints) {
            assert_eq!(code.len(), 19, "{code}");
            for typed in [code.clone(), code.to_lowercase(), code.replace('-', ""), format!(" {} ", code.replace('-', " "))] {
                assert!(parse(&typed) == Some(Code::Recovery(print)), "{typed}");
            }
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for text in
            ["", "12345", "1234567", "12345a", "１２３４５６", "ABCD-EFGH-IJKL-MNO1", "ABCD-EFGH-IJKL-MNO", &"1".repeat(100)]
        {
            assert!(parse(text).is_none(), "{text}");
        }
        assert!(parse("123 456") == Some(Code::Moment(123_456)));
        assert!(parse("000-000") == Some(Code::Moment(0)));
    }

    #[test]
    fn the_address_is_one_that_apps_read() {
        let text = address("Farol (house)", "ana@example.org", SECRET);
        assert_eq!(
            text,
            "otpauth://totp/Farol%20%28house%29:ana%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Farol%20%28house%29"
        );
    }

    #[test]
    fn the_picture_has_its_three_corners_and_a_margin() {
        let picture = picture("otpauth://totp/Farol:ana?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Farol").unwrap();
        assert!(picture.path.starts_with("M4 4h7v1h-7z"), "{}", picture.path);
        let right = picture.size - MARGIN - 7;
        assert!(
            picture.path.contains(&format!("M{right} 4h7v1h-7z")) && picture.path.contains(&format!("M4 {}h7v1h-7z", right + 6))
        );
        assert!(super::picture(&"x".repeat(5_000)).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}") {
            match parse(&text) {
                Some(Code::Moment(code)) => prop_assert!(code < 1_000_000),
                Some(Code::Recovery(_)) | None => {}
            }
        }

        #[test]
        fn six_digits_are_the_number_they_spell(code in 0..1_000_000_u32, spaced in any::<bool>()) {
            let text = if spaced { format!("{:03} {:03}", code / 1_000, code % 1_000) } else { format!("{code:06}") };
            prop_assert!(parse(&text) == Some(Code::Moment(code)));
        }

        #[test]
        fn the_code_of_a_step_is_found_in_it_and_beside_it(secret in prop::collection::vec(any::<u8>(), 20), step in 1..100_000_000_i64, away in -1..=1_i64, within in 0..STEP_MS) {
            let code = code_of(&secret, step + away);
            prop_assert!(code < 1_000_000);
            let found = step_of(&secret, code, step * STEP_MS + within);
            // Two steps in a row may have one code by chance.
            prop_assert!(found.is_some_and(|found| code_of(&secret, found) == code && (found - step).abs() <= 1));
        }
    }
}
