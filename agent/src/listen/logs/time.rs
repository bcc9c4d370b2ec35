//! The time with which a line begins, or that a field tells.
//!
//! A time without a zone is local time. Which zone that is shows when a line is read just after it was written: the
//! difference to the clock, rounded to a quarter of an hour. Until then it is taken for UTC.

/// Zones lie on quarters of an hour.
const QUARTER_MS: i64 = 15 * 60 * 1_000;

/// How far a line just written may be from the clock, zone aside.
const LIVE_MS_MAX: i64 = 5_000;

/// Furthest zone from UTC.
const ZONE_MS_MAX: i64 = 14 * 60 * 60 * 1_000;

/// A time as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    /// Milliseconds since the epoch, as if it were UTC when the zone is not known.
    pub(super) ms: i64,
    /// Whether a zone was written with it.
    pub(super) has_zone: bool,
    /// Bytes of the line up to its end.
    pub(super) length: usize,
}

/// What is known of the zone of the times of one stream.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Zone(Option<i64>);

impl Zone {
    /// The moment that was meant. `is_live` says that the line was written just now. Never later than now.
    pub(super) fn moment(&mut self, written: Written, now_ms: i64, is_live: bool) -> i64 {
        if written.has_zone {
            return written.ms.min(now_ms);
        }
        if is_live {
            let ahead = written.ms - now_ms;
            let zone = (ahead + QUARTER_MS / 2).div_euclid(QUARTER_MS) * QUARTER_MS;
            if (ahead - zone).abs() <= LIVE_MS_MAX && zone.abs() <= ZONE_MS_MAX {
                self.0 = Some(zone);
            }
        }
        (written.ms - self.0.unwrap_or(0)).min(now_ms)
    }
}

/// Reads numbers and signs one after the other.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn digits(&mut self, count: usize) -> Option<i64> {
        let part = self.bytes.get(self.at..self.at + count)?;
        let number = part.iter().try_fold(0_i64, |number, byte| {
            let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
            Some(number * 10 + i64::from(digit))
        })?;
        self.at += count;
        Some(number)
    }

    fn sign(&mut self, of: &[u8]) -> Option<u8> {
        let byte = *self.bytes.get(self.at).filter(|byte| of.contains(byte))?;
        self.at += 1;
        Some(byte)
    }

    /// Milliseconds behind a point or comma; further digits are passed over.
    fn fraction_ms(&mut self) -> i64 {
        let start = self.at;
        if self.sign(b".,").is_none() {
            return 0;
        }
        let (mut ms, mut scale) = (0, 100);
        while let Some(digit) = self.digits(1) {
            ms += digit * scale;
            scale /= 10;
        }
        if self.at == start + 1 {
            self.at = start;
        }
        ms
    }

    /// `Z`, `UTC`, `+01:00`, `-0300` with or without a blank before; milliseconds east.
    fn zone_ms(&mut self) -> Option<i64> {
        let start = self.at;
        let rest = |cursor: &Self| cursor.bytes.get(cursor.at..).unwrap_or_default().to_vec();
        let has_blank = self.sign(b" ").is_some();
        if rest(self).starts_with(b"UTC") || rest(self).starts_with(b"GMT") {
            self.at += 3;
            return Some(0);
        }
        if !has_blank && self.sign(b"Zz").is_some() {
            return Some(0);
        }
        let zone = (|| {
            let sign = if self.sign(b"+-")? == b'+' { 1 } else { -1 };
            let hours = self.digits(2)?;
            let colon = self.sign(b":");
            let minutes = self.digits(2).or(if colon.is_none() && !has_blank { Some(0) } else { None })?;
            (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
        })();
        if zone.is_none() {
            self.at = start;
        }
        zone
    }
}

/// The time at the beginning of a line, behind a bracket if there is one: RFC 3339, `2026-11-21 10:00:00,123` of Python,
/// `2026/11/21 10:00:00` of Go and nginx.
pub(super) fn leading(line: &[u8]) -> Option<Written> {
    let start = usize::from(matches!(line.first(), Some(b'[' | b'"')));
    // Most lines without a time are left here.
    if !line.get(start..start + 4)?.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut cursor = Cursor { bytes: &line[..line.len().min(64)], at: start };
    let year = cursor.digits(4)?;
    let sign = cursor.sign(b"-/")?;
    let month = cursor.digits(2)?;
    cursor.sign(&[sign])?;
    let day = cursor.digits(2)?;
    cursor.sign(b"Tt _")?;
    let hour = cursor.digits(2)?;
    cursor.sign(b":")?;
    let minute = cursor.digits(2)?;
    cursor.sign(b":")?;
    let second = cursor.digits(2)?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 || year < 1970 {
        return None;
    }
    let ms = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60_000 + second * 1_000 + cursor.fraction_ms();
    let zone = cursor.zone_ms();
    Some(Written { ms: ms - zone.unwrap_or(0), has_zone: zone.is_some(), length: cursor.at })
}

/// Days from the epoch to a date of the Gregorian calendar: the years counted from March, so that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (month * 153 + 2) / 5 + day - 1 - 719_468
}

/// A number that stands for a time: seconds, milliseconds, microseconds or nanoseconds since the epoch, told by its size.
#[expect(clippy::cast_possible_truncation, reason = "bounded by the ranges")]
pub(super) fn of_number(number: f64) -> Option<Written> {
    let ms = match number {
        1e8..1e11 => number * 1e3,
        1e11..1e14 => number,
        1e14..1e17 => number / 1e3,
        1e17..1e20 => number / 1e6,
        _ => return None,
    };
    Some(Written { ms: ms as i64, has_zone: true, length: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_forms_are_read() {
        let cases: [(&str, i64, bool); 10] = [
            ("2026-11-21T05:17:37Z x", 1_795_238_257_000, true),
            ("2026-11-21T05:17:37.123456789+00:00", 1_795_238_257_123, true),
            ("2026-11-21T02:17:37.5-03:00 x", 1_795_238_257_500, true),
            ("2026-11-21 05:17:37,056 ERROR x", 1_795_238_257_056, false),
            ("[2026-11-21 05:17:37 +0000] [1]", 1_795_238_257_000, true),
            ("2026/11/21 05:17:37 [error] x", 1_795_238_257_000, false),
            ("2026-11-21 05:17:37.250 UTC [1] LOG", 1_795_238_257_250, true),
            ("2000-02-29 00:00:00 x", 951_782_400_000, false),
            ("1970-01-01T00:00:00Z", 0, true),
            ("2026-11-21 05:17:37. x", 1_795_238_257_000, false),
        ];
        for (line, ms, has_zone) in cases {
            let written = leading(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((written.ms, written.has_zone), (ms, has_zone), "{line}");
        }
        for line in ["", "2026", "2026-13-01 00:00:00", "2026-11-21", "abcd-11-21 05:17:37", "12:00:00 x"] {
            assert_eq!(leading(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn numbers_tell_their_unit_by_their_size() {
        for number in [1_795_238_257.0, 1_795_238_257_000.0, 1_795_238_257_000_000.0, 1_795_238_257_000_000_000.0] {
            assert_eq!(of_number(number).unwrap().ms, 1_795_238_257_000);
        }
        assert_eq!(of_number(5.0), None);
        assert_eq!(of_number(f64::NAN), None);
    }

    #[test]
    fn local_time_is_found_out_from_a_line_just_written() {
        let now = 1_795_238_257_400;
        let mut zone = Zone::default();
        let written = |ms| Written { ms, has_zone: false, length: 0 };
        assert_eq!(zone.moment(written(now - 3_600_000), now, false), now - 3_600_000, "unknown: taken for UTC");
        let three_hours = 3 * 3_600_000;
        assert_eq!(zone.moment(written(now - three_hours - 400), now, true), now - 400);
        assert_eq!(zone.moment(written(now - three_hours - 90_000), now, false), now - 90_000, "and kept");
        assert_eq!(zone.moment(Written { ms: now + 9_000_000, has_zone: true, length: 0 }, now, true), now, "never the future");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80), number in proptest::num::f64::ANY) {
            leading(&bytes);
            of_number(number);
        }

        #[test]
        fn dates_follow_one_another(day in 0_i64..20_000) {
            // Walks the calendar by months, independently of the formula.
            let (mut year, mut month, mut left) = (1970, 1, day);
            loop {
                let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
                let length = match month { 2 if is_leap => 29, 2 => 28, 4 | 6 | 9 | 11 => 30, _ => 31 };
                if left < length { break; }
                left -= length;
                (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            }
            proptest::prop_assert_eq!(days(year, month, left + 1), day);
        }
    }
}
