//! Reading other systems' JSON tolerantly: numbers that come as text, fields that come or not.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use super::PollError;
use crate::api::parameters::instant;

/// Largest count that a float holds exactly.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A body read as JSON; `what` it answers is named in the error.
///
/// # Errors
/// [`PollError::bad_answer`], saying where it broke, without quoting it.
pub fn json<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, PollError> {
    serde_json::from_slice(body).map_err(|error| {
        // The library's text quotes no values but those of a wrong type, which may be anything.
        let place = format!("line {}, column {}", error.line(), error.column());
        let wrong = match error.classify() {
            serde_json::error::Category::Eof => "ends too early",
            serde_json::error::Category::Data => "has another shape than expected",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "is no JSON",
        };
        PollError::bad_answer(format!("the answer to {what} {wrong} ({place})"))
    })
}

/// A count, also when it is written as text or as a float; anything else is unknown.
#[must_use]
pub fn whole(value: &Value) -> Option<u64> {
    let float = || number(value).filter(|number| (0.0..=WHOLE_MAX).contains(number));
    value.as_u64().or_else(|| format!("{:.0}", float()?).parse().ok())
}

/// A share from 0 to 1; anything else is unknown.
#[must_use]
pub fn ratio(value: &Value) -> Option<f64> {
    number(value).filter(|number| (0.0..=1.0).contains(number))
}

/// An instant in ms since the epoch, written in RFC 3339; UTC when no zone is written.
#[must_use]
pub fn moment(value: &Value) -> Option<i64> {
    let text = value.as_str()?;
    instant::parse(text).or_else(|| instant::parse(&format!("{text}Z")))
}

/// A finite number, also when it is written as text; anything else is unknown.
#[must_use]
pub fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

/// For `#[serde(default, deserialize_with = "parse::maybe")]`: a number or numeric text; anything else is unknown.
///
/// # Errors
/// Only when the input is no JSON.
pub fn maybe<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(number(&Value::deserialize(deserializer)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_shares_and_moments_are_read_or_unknown() {
        assert_eq!([json!(7), json!("7"), json!(7.0)].map(|value| whole(&value)), [Some(7); 3]);
        assert_eq!([json!(-1), json!(1e300), json!(null)].map(|value| whole(&value)), [None; 3]);
        assert_eq!([json!(0.5), json!("1"), json!(1.5)].map(|value| ratio(&value)), [Some(0.5), Some(1.0), None]);
        let second = [json!("1970-01-01T00:00:01Z"), json!("1970-01-01T00:00:01"), json!("soon")];
        assert_eq!(second.map(|value| moment(&value)), [Some(1_000), Some(1_000), None]);
    }

    #[test]
    fn numbers_come_as_numbers_or_as_text_and_nothing_else_is_one() {
        assert_eq!(number(&json!(7)), Some(7.0));
        assert_eq!(number(&json!(" 7.5 ")), Some(7.5));
        for other in [json!(null), json!("NaN"), json!("seven"), json!([7]), json!(true)] {
            assert_eq!(number(&other), None, "{other}");
        }
    }
}
