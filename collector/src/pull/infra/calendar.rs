//! Instants as providers write and want them.

use std::fmt;

/// An instant, in milliseconds since the epoch. Shows itself as `2026-11-21T05:07:06Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub i64);

impl Moment {
    /// `20261121T050706Z`, and `20261121` of it.
    #[must_use]
    pub fn basic(self) -> (String, String) {
        let [year, month, day, hour, minute, second] = self.parts();
        let date = format!("{year:04}{month:02}{day:02}");
        (format!("{date}T{hour:02}{minute:02}{second:02}Z"), date)
    }

    /// Year, month, day, hour, minute, second, in UTC. Days are counted in years that begin in March, so that the leap day is
    /// the last of its year.
    fn parts(self) -> [i64; 6] {
        let seconds = self.0.div_euclid(1_000);
        let days = seconds.div_euclid(86_400) + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        let second_of_day = seconds.rem_euclid(86_400);
        [year, month, day, second_of_day / 3_600, second_of_day / 60 % 60, second_of_day % 60]
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [year, month, day, hour, minute, second] = self.parts();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Milliseconds as seconds; `None` beyond what a poll has to do with.
pub(super) fn seconds(ms: i64) -> Option<f64> {
    Some(f64::from(i32::try_from(ms).ok()?) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::parameters::instant;

    #[test]
    fn moments_are_written_as_they_are_read() {
        assert_eq!(Moment(1_795_237_626_000).to_string(), "2026-11-21T05:07:06Z");
        assert_eq!(Moment(1_795_237_626_000).basic(), ("20261121T050706Z".to_owned(), "20261121".to_owned()));
        for ms in [0, 951_782_400_000, 951_868_800_000, 1_709_164_800_000, 4_102_444_799_000] {
            assert_eq!(instant::parse(&Moment(ms).to_string()), Some(ms));
        }
    }
}
