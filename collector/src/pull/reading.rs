//! What one poll found: values now and earlier, tables and texts, and what was missing.

use std::collections::BTreeMap;

use farol_shared::{batch::SeriesKey, limit, metric::Metric};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::PollError;

/// Most series of one instance. Thousands of queues fit; more would make the page's charts useless first.
pub const SERIES_MAX: usize = limit::RESOURCE_SERIES_MAX;

/// Most instants of one poll: an hour in minutes and a few more.
pub const INSTANTS_MAX: usize = 200;

/// Largest snapshot, in bytes of JSON.
pub const SNAPSHOT_BYTES_MAX: usize = 256 << 10;

/// Most parts that are told to be missing.
const MISSING_MAX: usize = 20;

/// What is left of the calls that a system allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RateLimit {
    /// Calls a window.
    pub limit: Option<u64>,
    /// Calls left in this window.
    pub remaining: Option<u64>,
    /// When the next window begins, in ms since the epoch.
    pub reset_at: Option<i64>,
}

/// The values of one instant, by series.
pub type Values = BTreeMap<Identity, (SeriesKey, f64)>;

/// What tells the series of one instance apart: metric, and attributes in order.
pub type Identity = (String, Vec<(String, String)>);

/// What one poll found.
#[derive(Debug, Default)]
pub struct Reading {
    /// Values at the time of the poll.
    pub now: Values,
    /// Values of earlier instants, in ms since the epoch.
    pub earlier: BTreeMap<i64, Values>,
    /// Tables and texts, by name, as JSON.
    pub snapshots: BTreeMap<&'static str, Value>,
    /// Parts that could not be had, and why.
    pub missing: Vec<(&'static str, PollError)>,
    /// What describes the system: attributes of its resource.
    pub described: BTreeMap<String, String>,
    /// What was found, in a sentence, for `check-config`.
    pub said: Vec<String>,
    /// What is left of the calls that the system allows.
    pub rate_limit: Option<RateLimit>,
    /// Values, instants and snapshots beyond the bounds.
    pub left_out: usize,
}

impl Reading {
    /// A value now. No value, or one that is no number, is unknown and leaves a gap.
    pub fn set(&mut self, metric: &'static Metric, attributes: &[(&str, &str)], value: impl Into<Option<f64>>) {
        let is_kept = put(&mut self.now, metric, attributes, value.into());
        self.left_out += usize::from(!is_kept);
    }

    /// A value at an earlier instant, in ms since the epoch.
    pub fn set_at(&mut self, time_ms: i64, metric: &'static Metric, attributes: &[(&str, &str)], value: impl Into<Option<f64>>) {
        if self.earlier.len() >= INSTANTS_MAX && !self.earlier.contains_key(&time_ms) {
            self.left_out += 1;
            return;
        }
        let is_kept = put(self.earlier.entry(time_ms).or_default(), metric, attributes, value.into());
        self.left_out += usize::from(!is_kept);
    }

    /// A table or text for the page, which replaces the one of this name. One that is too large is told as missing: else the page
    /// would show the one before for ever.
    pub fn snapshot<T: Serialize>(&mut self, name: &'static str, value: &T) {
        match serde_json::to_value(value) {
            Ok(value) if value.to_string().len() <= SNAPSHOT_BYTES_MAX => {
                self.snapshots.insert(name, value);
            }
            _ => {
                self.left_out += 1;
                let what = format!("the table is larger than {} KiB and cannot be shown", SNAPSHOT_BYTES_MAX >> 10);
                self.missing(name, PollError::bad_answer(what));
            }
        }
    }

    /// Tells that a part could not be had.
    pub fn missing(&mut self, part: &'static str, error: PollError) {
        if self.missing.len() < MISSING_MAX {
            self.missing.push((part, error));
        }
    }

    /// Describes the system by an OpenTelemetry attribute.
    pub fn describe(&mut self, key: &str, value: &str) {
        if self.described.len() < limit::ATTRIBUTES_MAX / 2 {
            self.described.insert(key.to_owned(), cut(value, limit::VALUE_BYTES_MAX));
        }
    }

    /// Says in a sentence what was found.
    pub fn say(&mut self, sentence: impl Into<String>) {
        self.said.push(sentence.into());
    }

    /// The newest value of a series, for tests and for derived figures.
    #[must_use]
    pub fn value(&self, metric: &Metric, attributes: &[(&str, &str)]) -> Option<f64> {
        self.now.get(&identity(metric, attributes)).map(|(_, value)| *value)
    }
}

fn identity(metric: &Metric, attributes: &[(&str, &str)]) -> Identity {
    let mut attributes: Vec<(String, String)> =
        attributes.iter().map(|(key, value)| ((*key).to_owned(), cut(value, limit::VALUE_BYTES_MAX))).collect();
    attributes.sort();
    (metric.name.to_owned(), attributes)
}

/// Whether the value found a place.
fn put(values: &mut Values, metric: &Metric, attributes: &[(&str, &str)], value: Option<f64>) -> bool {
    let Some(value) = value.filter(|value| value.is_finite()) else { return true };
    let identity = identity(metric, attributes);
    if values.len() >= SERIES_MAX - 10 && !values.contains_key(&identity) {
        return false;
    }
    let key = SeriesKey {
        metric: metric.name.to_owned(),
        unit: metric.unit.to_owned(),
        kind: metric.kind,
        attributes: identity.1.clone(),
    };
    values.insert(identity, (key, value));
    true
}

fn cut(text: &str, max: usize) -> String {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use farol_shared::catalog;

    use super::*;

    #[test]
    fn what_is_unknown_has_no_value_and_the_last_word_counts() {
        let mut reading = Reading::default();
        reading.set(&catalog::INTEGRATION_UP, &[], None);
        reading.set(&catalog::INTEGRATION_UP, &[("a", "1")], f64::NAN);
        assert!(reading.now.is_empty());
        reading.set(&catalog::INTEGRATION_UP, &[("b", "2"), ("a", "1")], 0.0);
        reading.set(&catalog::INTEGRATION_UP, &[("a", "1"), ("b", "2")], 1.0);
        assert_eq!(reading.value(&catalog::INTEGRATION_UP, &[("b", "2"), ("a", "1")]), Some(1.0));
        assert_eq!((reading.now.len(), reading.left_out), (1, 0));
    }

    #[test]
    fn more_than_fits_is_counted_and_left_out() {
        let mut reading = Reading::default();
        for n in 0..SERIES_MAX + 5 {
            reading.set(&catalog::INTEGRATION_UP, &[("n", &n.to_string())], 1.0);
        }
        assert_eq!(reading.now.len() + reading.left_out, SERIES_MAX + 5);
        assert!(reading.now.len() < SERIES_MAX);
        reading.snapshot("large", &"x".repeat(SNAPSHOT_BYTES_MAX));
        assert!(reading.snapshots.is_empty());
        assert_eq!(reading.missing.first().map(|(part, _)| *part), Some("large"), "not silently");
    }
}
