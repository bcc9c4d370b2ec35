//! Instants as people write them: RFC 3339, or milliseconds since the epoch.

const DAY_MS: i64 = 86_400_000;

/// The first and last years that are accepted: RFC 3339 has four digits.
const YEARS: std::ops::RangeInclusive<i64> = 1970..=9999;

/// Writes an instant in UTC to the millisecond, as [`parse`] reads it.
#[must_use]
pub fn text(ms: i64) -> String {
    let (days, of_day) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
    // Years from March on, so that the leap day is a year's last (eras of 400 years).
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (second, milli) = (of_day / 1_000, of_day % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{milli:03}Z", second / 3_600, second / 60 % 60, second % 60)
}

/// Reads an instant; `None` when it is none.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    text.parse().ok().filter(|ms: &i64| *ms >= 0).or_else(|| rfc3339(text))
}

fn rfc3339(text: &str) -> Option<i64> {
    // In a query, `+` means a space: people forget to write %2B.
    let text = text.trim();
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.split('-');
    let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let zone_at = rest.find(['Z', 'z', '+', '-', ' '])?;
    let (time, zone) = rest.split_at(zone_at);
    let mut parts = time.split(':');
    let (hour, minute, second) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?, parts.next()?);
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    let second = digits(second, 2)?;
    let is_valid = YEARS.contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60
        && !fraction.is_empty()
        && fraction.bytes().all(|b| b.is_ascii_digit());
    if !is_valid || parts.next().is_some() {
        return None;
    }
    let ms: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let local_ms = days_since_epoch(year, month, day) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1_000 + ms;
    Some(local_ms - offset_minutes(zone)? * 60_000)
}

fn offset_minutes(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = if let Some(rest) = zone.strip_prefix('-') { (-1, rest) } else { (1, zone.get(1..)?) };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let leap_days = |year: i64| (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let before_year = (year - 1970) * 365 + leap_days(year) - leap_days(1970);
    let before_month: i64 = (1..month).map(|month| days_in(year, month)).sum();
    before_year + before_month + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_with_zone_and_fraction() {
        for (text, expect) in [
            ("0", 0),
            ("1760000000000", 1_760_000_000_000),
            ("1970-01-01T00:00:00Z", 0),
            ("2025-10-09T08:53:20Z", 1_760_000_000_000),
            ("2025-10-09T10:53:20+02:00", 1_760_000_000_000),
            ("2025-10-09T10:53:20 02:00", 1_760_000_000_000),
            ("2025-10-09 05:23:20.5-03:30", 1_760_000_000_500),
            ("2024-02-29T00:00:00.123456Z", 1_709_164_800_123),
            ("2000-03-01t00:00:00z", 951_868_800_000),
        ] {
            assert_eq!(parse(text), Some(expect), "{text}");
        }
    }

    #[test]
    fn instants_are_written_as_they_are_read() {
        for ms in [0, 1_760_000_000_123, 951_782_399_999, 951_782_400_000, 4_107_542_400_000, 253_402_300_799_999] {
            assert_eq!(parse(&text(ms)), Some(ms), "{}", text(ms));
        }
        assert_eq!(text(1_760_000_000_007), "2025-10-09T08:53:20.007Z");
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "now",
            "-5",
            "2025-10-09",
            "2025-02-29T00:00:00Z",
            "2025-13-01T00:00:00Z",
            "2025-10-09T24:00:00Z",
            "2025-10-09T08:53:20",
            "2025-10-09T08:53Z",
            "2025-10-09T08:53:20.Z",
            "2025-10-09T08:53:20+2:00",
            "99999-01-01T00:00:00Z",
            "2025-10-09T08:53:20é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
