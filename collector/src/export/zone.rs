//! Times as text: ISO 8601 with milliseconds and the offset of a zone, and days that begin at its midnight.

use std::{fmt, io::Write as _};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// Farthest offset from UTC that is in use anywhere, in minutes.
const OFFSET_MINUTES_MAX: i64 = 14 * 60;

/// A fixed offset from UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Zone {
    minutes: i64,
}

impl Zone {
    /// So many minutes east of UTC; `None` when nobody lives there.
    #[must_use]
    pub fn east(minutes: i64) -> Option<Self> {
        (-OFFSET_MINUTES_MAX..=OFFSET_MINUTES_MAX).contains(&minutes).then_some(Self { minutes })
    }

    /// Reads `Z`, `UTC` or `-03:00`. A space counts as a plus: that is what a plus becomes in a query.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("z") || text.eq_ignore_ascii_case("utc") {
            return Some(Self::default());
        }
        let (sign, rest) = match text.as_bytes().first()? {
            b'-' => (-1, text.get(1..)?),
            b'+' | b' ' => (1, text.get(1..)?),
            _ => (1, text),
        };
        let (hours, minutes) = rest.split_once(':')?;
        let number = |text: &str| -> Option<i64> {
            (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
        };
        let (hours, minutes) = (number(hours)?, number(minutes).filter(|minutes| *minutes < 60)?);
        Self::east(sign * (hours * 60 + minutes))
    }

    /// By how much its clocks are ahead of UTC, in milliseconds.
    #[must_use]
    pub const fn offset_ms(self) -> i64 {
        self.minutes * MINUTE_MS
    }

    /// Writes an instant, such as `2026-11-21T07:00:00.000-03:00`.
    pub(super) fn put(self, out: &mut Vec<u8>, time_ms: i64) {
        let local_ms = time_ms.saturating_add(self.offset_ms());
        let (days, ms) = (local_ms.div_euclid(DAY_MS), local_ms.rem_euclid(DAY_MS));
        let (year, month, day) = civil(days);
        let (seconds, ms) = (ms / 1_000, ms % 1_000);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}{self}")
            .expect("memory takes what is written into it");
    }

    /// A day and time for the name of a file, such as `20261121T070000`.
    #[must_use]
    pub fn compact(self, time_ms: i64) -> String {
        let local_ms = time_ms.saturating_add(self.offset_ms());
        let (year, month, day) = civil(local_ms.div_euclid(DAY_MS));
        let seconds = local_ms.rem_euclid(DAY_MS) / 1_000;
        format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.minutes == 0 {
            return f.write_str("Z");
        }
        let sign = if self.minutes < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", self.minutes.abs() / 60, self.minutes.abs() % 60)
    }
}

/// Year, month and day of a number of days since the epoch, in the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Counted from 1 March of year 0, so that a leap day is the last day of its year.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::api::parameters::instant;

    fn text(zone: &str, time_ms: i64) -> String {
        let mut out = Vec::new();
        Zone::parse(zone).unwrap().put(&mut out, time_ms);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn instants_are_told_with_their_offset() {
        assert_eq!(text("Z", 0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text("-03:00", 1_760_000_000_500), "2025-10-09T05:53:20.500-03:00");
        assert_eq!(text(" 05:30", 951_782_400_000), "2000-02-29T05:30:00.000+05:30");
        assert_eq!(Zone::parse("-03:00").unwrap().compact(1_760_000_000_500), "20251009T055320");
    }

    #[test]
    fn what_is_no_offset_is_refused() {
        for text in ["", "-", "3", "-3:00", "03:60", "+15:00", "America/Sao_Paulo", "--03:00", "03:00:00", "é3:00"] {
            assert_eq!(Zone::parse(text), None, "{text}");
        }
        assert_eq!((Zone::east(-841), Zone::east(841)), (None, None));
    }

    proptest! {
        #[test]
        fn an_instant_reads_back_as_itself(time_ms in 0_i64..253_402_000_000_000, minutes in -840_i64..=840) {
            let mut out = Vec::new();
            Zone::east(minutes).unwrap().put(&mut out, time_ms);
            prop_assert_eq!(instant::parse(&String::from_utf8(out).unwrap()), Some(time_ms));
        }
    }
}
