//! Reading other systems' JSON tolerantly: numbers that come as text, fields that come or not.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

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
    fn numbers_come_as_numbers_or_as_text_and_nothing_else_is_one() {
        assert_eq!(number(&json!(7)), Some(7.0));
        assert_eq!(number(&json!(" 7.5 ")), Some(7.5));
        for other in [json!(null), json!("NaN"), json!("seven"), json!([7]), json!(true)] {
            assert_eq!(number(&other), None, "{other}");
        }
    }
}
