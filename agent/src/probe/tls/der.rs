//! The one date that is needed of a certificate: when it expires. Walks the DER without taking anything else apart.

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`, constructed: the version, which the oldest certificates leave out.
const VERSION: u8 = 0xa0;

/// When an X.509 certificate expires, in seconds since the epoch; `None` when the bytes are no certificate.
pub(super) fn not_after_s(certificate: &[u8]) -> Option<i64> {
    let (body, _) = expect(certificate, SEQUENCE)?;
    let (mut signed, _) = expect(body, SEQUENCE)?;
    if signed.first() == Some(&VERSION) {
        signed = element(signed)?.2;
    }
    // Serial number, algorithm of the signature, issuer.
    for _ in 0..3 {
        signed = element(signed)?.2;
    }
    let (validity, _) = expect(signed, SEQUENCE)?;
    let (_, _, after) = element(validity)?;
    let (tag, text, _) = element(after)?;
    time_s(tag, std::str::from_utf8(text).ok()?)
}

/// Tag, content, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, first, rest @ ..] = bytes else { return None };
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(*short), rest),
        long => {
            // At most 4 bytes of length; 0x80, a length that is not told, does not exist in DER.
            let count = usize::from(long & 0x7f);
            let (digits, rest) = rest.split_at_checked(count).filter(|_| (1..=4).contains(&count))?;
            (digits.iter().try_fold(0_usize, |sum, digit| sum.checked_mul(256)?.checked_add(usize::from(*digit)))?, rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

fn expect(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`, as RFC 5280 prescribes both.
fn time_s(tag: u8, text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year: i64 = digits.get(..2)?.parse().ok()?;
            (if year < 50 { 2_000 + year } else { 1_900 + year }, digits.get(2..)?)
        }
        (GENERALIZED_TIME, 14) => (digits.get(..4)?.parse().ok()?, digits.get(4..)?),
        _ => return None,
    };
    let part = |at: usize, bounds: std::ops::RangeInclusive<i64>| {
        rest.get(at..at + 2)?.parse::<i64>().ok().filter(|value| bounds.contains(value))
    };
    let (month, day) = (part(0, 1..=12)?, part(2, 1..=31)?);
    let (hour, minute, second) = (part(4, 0..=23)?, part(6, 0..=59)?, part(8, 0..=60)?);
    Some(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days since 1970-01-01 in the Gregorian calendar. The year begins in March here, which puts the leap day at its end.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_month = (153 * month + 2) / 5;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(year: i32, month: u8, day: u8) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["a".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, month, day);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    thread_local! {
        static WHOLE: Vec<u8> = certificate(2030, 1, 1);
    }

    #[test]
    fn the_date_of_real_certificates_is_read() {
        assert_eq!(not_after_s(&certificate(2024, 2, 29)), Some(1_709_164_800));
        assert_eq!(not_after_s(&certificate(2049, 12, 31)), Some(2_524_521_600), "the last year in two digits");
        assert_eq!(not_after_s(&certificate(2051, 1, 1)), Some(2_556_144_000), "four digits");
        assert_eq!(time_s(UTC_TIME, "700101000001Z"), Some(1));
        assert_eq!(time_s(UTC_TIME, "701301000001Z"), None);
    }

    #[test]
    fn a_cut_certificate_has_no_date_and_does_no_harm() {
        let whole = certificate(2030, 1, 1);
        assert!((0..whole.len()).all(|length| not_after_s(&whole[..length]).is_none()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in vec(any::<u8>(), 0..64), at in 0_usize..200, value in any::<u8>(), time in "[0-9Zé]{0,16}",
        ) {
            let mut damaged = WHOLE.with(Vec::clone);
            damaged[at] = value;
            let read = [not_after_s(&bytes), not_after_s(&damaged), time_s(UTC_TIME, &time), time_s(GENERALIZED_TIME, &time)];
            prop_assert!(read[0].is_none());
        }
    }
}
