//! Numbers, durations and times of day as people of a language write them.

use super::{Language, Reading};

/// Between a number and its unit: neither a line break nor a full space.
const NARROW: char = '\u{202f}';

/// A value with its unit in UCUM notation: three significant digits, bytes in powers of 1,024, times in the unit that fits.
#[must_use]
pub fn value(value: f64, unit: &str, language: Language) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let with = |number: f64, unit: &str| {
        let number = digits(number, language);
        if unit.is_empty() { number } else { format!("{number}{NARROW}{unit}") }
    };
    match unit {
        "1" => format!("{}%", digits(value * 100.0, language)),
        "%" => format!("{}%", digits(value, language)),
        "By" => bytes(value, "", language),
        "By/s" => bytes(value, "/s", language),
        "ns" => seconds(value / 1e9, language),
        "us" => seconds(value / 1e6, language),
        "ms" => seconds(value / 1e3, language),
        "s" => seconds(value, language),
        "min" => seconds(value * 60.0, language),
        "h" => seconds(value * 3_600.0, language),
        "d" => seconds(value * 86_400.0, language),
        "Cel" => with(value, "°C"),
        // What stands in braces says what is counted: `{request}/s` is so many a second.
        counted if counted.starts_with('{') => {
            let rest = counted.split_once('}').map_or("", |(_, rest)| rest);
            if rest.is_empty() { digits(value, language) } else { format!("{}{rest}", digits(value, language)) }
        }
        "1/s" => format!("{}/s", digits(value, language)),
        other if other.chars().all(|sign| sign.is_ascii_graphic()) && other.len() <= 16 => with(value, other),
        _ => digits(value, language),
    }
}

/// A whole number with its thousands apart.
#[must_use]
pub(super) fn whole(value: u64, language: Language) -> String {
    grouped(&value.to_string(), language)
}

/// Three significant digits and whole numbers whole, with the signs of the language.
fn digits(value: f64, language: Language) -> String {
    let size = value.abs();
    // Beyond these a row of digits says less than its order.
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        return format!("{value:.2e}").replace('.', language.pick(".", ","));
    }
    let places = if size >= 100.0 || value.fract() == 0.0 {
        0
    } else if size >= 10.0 {
        1
    } else if size >= 1.0 {
        2
    } else {
        // As many as bring three digits after the zeros.
        let zeros = [0.1, 0.01, 0.001].iter().filter(|bound| size < **bound).count();
        3 + zeros
    };
    let text = format!("{value:.places$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    let (integer, fraction) = text.split_once('.').map_or((text, None), |(integer, fraction)| (integer, Some(fraction)));
    let integer = grouped(integer, language);
    match fraction {
        Some(fraction) => format!("{integer}{}{fraction}", language.pick(".", ",")),
        None if integer == "-0" => "0".to_owned(),
        None => integer,
    }
}

fn grouped(integer: &str, language: Language) -> String {
    let (sign, digits) = integer.strip_prefix('-').map_or(("", integer), |digits| ("-", digits));
    let mut text = String::from(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push_str(language.pick(",", "."));
        }
        text.push(digit);
    }
    text
}

fn bytes(value: f64, rate: &str, language: Language) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut scaled, mut unit) = (value, "B");
    for next in units.iter().skip(1) {
        if scaled.abs() < 1_024.0 {
            break;
        }
        scaled /= 1_024.0;
        unit = next;
    }
    format!("{}{NARROW}{unit}{rate}", digits(scaled, language))
}

/// Milliseconds below 10 s, then seconds, minutes, hours, days.
fn seconds(value: f64, language: Language) -> String {
    let (scaled, unit) = match value.abs() {
        size if size < 10.0 => (value * 1e3, "ms"),
        size if size < 120.0 => (value, "s"),
        size if size < 7_200.0 => (value / 60.0, "min"),
        size if size < 172_800.0 => (value / 3_600.0, "h"),
        _ => (value / 86_400.0, "d"),
    };
    format!("{}{NARROW}{unit}", digits(scaled, language))
}

/// How long something lasted, in its two largest units: `45 s`, `5 min`, `2 h 10 min`, `3 d 4 h`.
#[must_use]
pub fn duration(ms: i64) -> String {
    let s = ms.max(0) / 1_000;
    let two = |large: i64, large_unit: &str, small: i64, small_unit: &str| {
        let large = format!("{large}{NARROW}{large_unit}");
        if small == 0 { large } else { format!("{large} {small}{NARROW}{small_unit}") }
    };
    match s {
        0..90 => format!("{s}{NARROW}s"),
        90..3_600 => format!("{}{NARROW}min", (s + 30) / 60),
        3_600..86_400 => two(s / 3_600, "h", s % 3_600 / 60, "min"),
        _ => two(s / 86_400, "d", s % 86_400 / 3_600, "h"),
    }
}

/// A time of day with its zone, and the date when it is not that of `near_ms`: `14:02:10 (UTC-3)`.
#[must_use]
pub fn clock(at_ms: i64, near_ms: i64, reading: Reading) -> String {
    let offset_s = i64::from(reading.zone_min) * 60;
    let local = |ms: i64| ms.div_euclid(1_000).saturating_add(offset_s);
    let (at, near) = (local(at_ms), local(near_ms));
    let (day, of_day) = (at.div_euclid(86_400), at.rem_euclid(86_400));
    let time = format!("{:02}:{:02}:{:02}", of_day / 3_600, of_day % 3_600 / 60, of_day % 60);
    let date = if day == near.div_euclid(86_400) { String::new() } else { format!("{} ", date(day, reading.language)) };
    let (sign, minutes) = (if reading.zone_min < 0 { '-' } else { '+' }, reading.zone_min.unsigned_abs());
    let zone = match (minutes, minutes % 60) {
        (0, _) => "UTC".to_owned(),
        (_, 0) => format!("UTC{sign}{}", minutes / 60),
        (_, rest) => format!("UTC{sign}{}:{rest:02}", minutes / 60),
    };
    format!("{date}{time} ({zone})")
}

fn date(day: i64, language: Language) -> String {
    let (year, month, day) = civil(day);
    match language {
        Language::En => format!("{year:04}-{month:02}-{day:02}"),
        Language::PtBr => format!("{day:02}/{month:02}/{year:04}"),
    }
}

/// Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar: eras of 400 years that begin in March, so that the
/// day that leaps is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// An instant as mails tell it (RFC 5322): `Sun, 22 Nov 2026 00:16:10 +0000`.
#[must_use]
pub fn mail_date(ms: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (day, s) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000) / 1_000);
    let (year, month, date) = civil(day);
    // The epoch began on a Thursday.
    let name =
        |names: &[&'static str], at: i64| usize::try_from(at).ok().and_then(|at| names.get(at)).copied().unwrap_or_default();
    let (weekday, month) = (name(&DAYS, day.rem_euclid(7)), name(&MONTHS, month - 1));
    format!("{weekday}, {date} {month} {year:04} {:02}:{:02}:{:02} +0000", s / 3_600, s % 3_600 / 60, s % 60)
}

/// An instant as machines read it: `2026-11-22T00:16:10.000Z`.
#[must_use]
pub fn instant(ms: i64) -> String {
    let (day, of_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (year, month, date) = civil(day);
    let s = of_day / 1_000;
    format!("{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}.{:03}Z", s / 3_600, s % 3_600 / 60, s % 60, of_day % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(number: f64, unit: &str, en: &str, pt: &str) {
        let told = |language| value(number, unit, language).replace(NARROW, " ");
        assert_eq!((told(Language::En).as_str(), told(Language::PtBr).as_str()), (en, pt), "{number} {unit}");
    }

    #[test]
    fn a_value_is_told_in_the_unit_that_fits() {
        check(0.934, "1", "93.4%", "93,4%");
        check(0.93, "1", "93%", "93%");
        check(1.0, "1", "100%", "100%");
        check(1_250.0, "{task}", "1,250", "1.250");
        check(12.345, "{request}/s", "12.3/s", "12,3/s");
        check(1_234_567.8, "{row}", "1,234,568", "1.234.568");
        check(1_572_864.0, "By", "1.5 MiB", "1,5 MiB");
        check(-2_048.0, "By/s", "-2 KiB/s", "-2 KiB/s");
        check(0.812, "s", "812 ms", "812 ms");
        check(12.5, "s", "12.5 s", "12,5 s");
        check(1_250.0, "ms", "1,250 ms", "1.250 ms");
        check(600.0, "s", "10 min", "10 min");
        check(71.5, "Cel", "71.5 °C", "71,5 °C");
        check(0.0, "", "0", "0");
        check(-0.0, "", "0", "0");
        check(0.001_234, "", "0.00123", "0,00123");
        check(1.5e18, "", "1.50e18", "1,50e18");
        check(f64::NAN, "1", "–", "–");
        check(3.0, "evil\nunit", "3", "3");
    }

    #[test]
    fn a_duration_is_told_in_two_units_at_most() {
        let told = |s: i64| duration(s * 1_000).replace(NARROW, " ");
        assert_eq!(
            (told(-5), told(45), told(300), told(7_800)),
            ("0 s".into(), "45 s".into(), "5 min".into(), "2 h 10 min".into())
        );
        assert_eq!((told(86_400), told(4 * 86_400 + 7_200)), ("1 d".into(), "4 d 2 h".into()));
    }

    #[test]
    fn a_time_is_told_by_the_readers_clock() {
        let reading = |language, zone_min| Reading { language, zone_min };
        // 2026-11-22T00:16:10Z is still Saturday in Brasília.
        let at = 1_795_306_570_000;
        assert_eq!(instant(at), "2026-11-22T00:16:10.000Z");
        assert_eq!(clock(at, at, reading(Language::En, 0)), "00:16:10 (UTC)");
        assert_eq!(clock(at, at, reading(Language::PtBr, -180)), "21:16:10 (UTC-3)");
        assert_eq!(clock(at, at + 86_400_000, reading(Language::PtBr, -180)), "21/11/2026 21:16:10 (UTC-3)");
        assert_eq!(clock(at, at - 86_400_000, reading(Language::En, 330)), "2026-11-22 05:46:10 (UTC+5:30)");
        assert_eq!(instant(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(instant(-1), "1969-12-31T23:59:59.999Z");
    }
}
