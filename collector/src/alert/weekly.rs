//! A window that comes back every week: quiet hours of a channel, a maintenance window of a silence.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Minutes of a day.
const DAY_MIN: i64 = 24 * 60;

/// Minutes of a week: the longest that a window can last.
const WEEK_MIN: i64 = 7 * DAY_MIN;

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

/// Furthest that a place on Earth is ahead of or behind UTC, in minutes: 14 h.
pub const OFFSET_MIN_MAX: i32 = 14 * 60;

/// The same hours on some days of every week, in the time of a place that is a fixed distance from UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WeeklyWindow)]
pub struct Weekly {
    /// Days on which it begins: 1 is Monday, 7 is Sunday. Every day when there is none.
    #[serde(default)]
    pub days: Vec<u8>,
    /// When it begins, `HH:MM`.
    pub start: String,
    /// When it ends, `HH:MM`: on the next day when that is not later than the start. The start itself: after a whole day.
    pub end: String,
    /// Minutes that the place's time is ahead of UTC; -180 for São Paulo.
    #[serde(default)]
    pub offset_min: i32,
}

impl Weekly {
    /// What is wrong with it: the field, and the rest of a sentence that begins with its name.
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if let Some(day) = self.days.iter().find(|day| !(1..=7).contains(*day)) {
            return Err(("days", format!("holds {day}: write numbers from 1 (Monday) to 7 (Sunday)")));
        }
        if self.days.len() > 7 {
            return Err(("days", "names a day twice".to_owned()));
        }
        for (field, text) in [("start", &self.start), ("end", &self.end)] {
            if minute_of(text).is_none() {
                let shown: String = text.chars().take(16).collect();
                return Err((field, format!("'{shown}' is not a time of day: write 22:30")));
            }
        }
        if self.offset_min.abs() > OFFSET_MIN_MAX {
            return Err(("offset_min", format!("is {}: minutes from UTC go from -840 to 840", self.offset_min)));
        }
        Ok(())
    }

    /// Whether an instant lies within it. Its first minute does, that of its end does not.
    #[must_use]
    pub fn holds(&self, at_ms: i64) -> bool {
        let (Some(start), Some(end)) = (minute_of(&self.start), minute_of(&self.end)) else { return false };
        let minute = at_ms.div_euclid(MINUTE_MS).saturating_add(i64::from(self.offset_min));
        let (day, minute) = (minute.div_euclid(DAY_MIN), minute.rem_euclid(DAY_MIN));
        if start < end {
            return self.is_on(day) && (start..end).contains(&minute);
        }
        (self.is_on(day) && minute >= start) || (self.is_on(day - 1) && minute < end)
    }

    /// When the window ends that holds an instant: the first minute that is outside, in ms since the epoch. A week later when it never ends.
    #[must_use]
    pub fn end_ms(&self, at_ms: i64) -> i64 {
        let minute = at_ms.div_euclid(MINUTE_MS);
        let ends = (0..WEEK_MIN).map(|more| (minute + more) * MINUTE_MS).find(|ms| !self.holds(*ms));
        ends.unwrap_or_else(|| at_ms.saturating_add(WEEK_MIN * MINUTE_MS)).max(at_ms)
    }

    /// Whether it begins on a day, counted from the epoch: the first was a Thursday.
    fn is_on(&self, day: i64) -> bool {
        let weekday = (day + 3).rem_euclid(7) + 1;
        self.days.is_empty() || self.days.iter().any(|day| i64::from(*day) == weekday)
    }
}

/// The minute of the day that a text like `22:30` stands for.
fn minute_of(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':') {
        return None;
    }
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 16 November 2026, 00:00 UTC.
    const MONDAY_MS: i64 = 1_794_787_200_000;
    const HOUR_MS: i64 = 60 * MINUTE_MS;

    fn weekly(days: &[u8], start: &str, end: &str, offset_min: i32) -> Weekly {
        Weekly { days: days.to_vec(), start: start.to_owned(), end: end.to_owned(), offset_min }
    }

    #[test]
    fn a_window_holds_from_its_start_to_before_its_end_on_its_days() {
        let window = weekly(&[1], "02:00", "03:30", 0);
        let at = |hours: i64, minutes: i64| window.holds(MONDAY_MS + hours * HOUR_MS + minutes * MINUTE_MS);
        assert!(!at(1, 59) && at(2, 0) && at(3, 29) && !at(3, 30));
        assert!(!at(24 + 2, 30), "not on Tuesday");
        assert!(at(7 * 24 + 2, 30), "a week later");
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let window = weekly(&[7], "22:00", "06:00", 0);
        let at = |hours: i64| window.holds(MONDAY_MS + hours * HOUR_MS);
        assert!(at(-2) && at(-1) && at(0) && at(5));
        assert!(!at(6) && !at(22) && !at(-3) && !at(24));
    }

    #[test]
    fn hours_are_those_of_the_place() {
        let window = weekly(&[1], "22:00", "23:00", -180);
        assert!(!window.holds(MONDAY_MS + 22 * HOUR_MS));
        assert!(window.holds(MONDAY_MS + 25 * HOUR_MS), "22:00 in São Paulo is 01:00 UTC of the next day");
        let east = weekly(&[1], "00:00", "01:00", 330);
        assert!(east.holds(MONDAY_MS - 330 * MINUTE_MS) && !east.holds(MONDAY_MS));
    }

    #[test]
    fn the_end_of_a_window_is_found() {
        let nights = weekly(&[], "22:00", "07:00", 0);
        assert_eq!(nights.end_ms(MONDAY_MS + 23 * HOUR_MS + 5), MONDAY_MS + 31 * HOUR_MS);
        assert_eq!(nights.end_ms(MONDAY_MS + 8 * HOUR_MS), MONDAY_MS + 8 * HOUR_MS);
        let always = weekly(&[], "00:00", "00:00", 0);
        assert_eq!(always.end_ms(MONDAY_MS), MONDAY_MS + WEEK_MIN * MINUTE_MS);
        let weekend = weekly(&[6, 7], "00:00", "00:00", 0);
        assert_eq!(weekend.end_ms(MONDAY_MS - 30 * HOUR_MS), MONDAY_MS);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field() {
        let field = |window: Weekly| window.check().map_err(|(field, _)| field);
        assert_eq!(field(weekly(&[1, 7], "00:00", "23:59", 0)), Ok(()));
        assert_eq!(field(weekly(&[0], "00:00", "23:59", 0)), Err("days"));
        assert_eq!(field(weekly(&[], "24:00", "23:59", 0)), Err("start"));
        assert_eq!(field(weekly(&[], "00:00", "+1:00", 0)), Err("end"));
        assert_eq!(field(weekly(&[], "00:00", "1:00", 0)), Err("end"));
        assert_eq!(field(weekly(&[], "00:00", "01:00", 900)), Err("offset_min"));
    }
}
