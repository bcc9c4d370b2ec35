//! Rules by which timers are requests: which metric, and which of its tags say what.

use std::fmt;

use farol_shared::record::Request;
use serde::Deserialize;

use super::line::Tags;
use crate::config::list::Item;

/// What the numbers of a histogram or distribution mean; those of a timer are milliseconds always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Unit {
    /// Milliseconds.
    #[default]
    #[serde(rename = "ms")]
    Milliseconds,
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
}

impl Unit {
    /// How many seconds one is.
    #[must_use]
    pub const fn seconds(self) -> f64 {
        match self {
            Self::Milliseconds => 1e-3,
            Self::Seconds => 1.0,
        }
    }
}

/// One metric whose values are requests rather than a series.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestRule {
    /// Name of the metric, such as `request.duration`.
    pub metric: String,
    /// What its numbers mean when it is no timer: `ms` or `s`.
    #[serde(default)]
    pub unit: Unit,
    /// Tag with the route.
    #[serde(default = "route")]
    pub route: String,
    /// Tag with the method; without it the method is empty.
    #[serde(default = "method")]
    pub method: String,
    /// Tag with the status: a number or a class such as `5xx`; without it 200 is assumed.
    #[serde(default = "status")]
    pub status: String,
    /// Tag with the tenant.
    #[serde(default = "tenant")]
    pub tenant: String,
    /// Tag with the type of the exception.
    #[serde(default = "exception")]
    pub exception: String,
}

impl fmt::Display for RequestRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metric, route, method, status, tenant, exception, .. } = self;
        write!(f, "{metric}, with the tags {route}, {method}, {status}, {tenant} and {exception}")
    }
}

fn route() -> String {
    "route".to_owned()
}

fn method() -> String {
    "method".to_owned()
}

fn status() -> String {
    "status".to_owned()
}

fn tenant() -> String {
    "tenant".to_owned()
}

fn exception() -> String {
    "exception".to_owned()
}

impl Item for RequestRule {
    fn from_word(word: &str) -> Result<Self, String> {
        if word.is_empty() || word.contains([':', '|', ' ', '=']) {
            return Err(format!("'{word}' is not the name of a metric: tags with other names need a [[statsd.requests]] table"));
        }
        Ok(Self {
            metric: word.to_owned(),
            unit: Unit::default(),
            route: route(),
            method: method(),
            status: status(),
            tenant: tenant(),
            exception: exception(),
        })
    }
}

impl RequestRule {
    /// The request that the tags describe, without time and duration.
    pub(super) fn request(&self, tags: Tags<'_>) -> Request {
        let of = |key: &str| tags.of(key).map(str::to_owned);
        let route = of(&self.route).unwrap_or_default();
        // A route that begins as a path does may be one with numbers in it: then the intake folds it.
        let (route, path) = if route.starts_with('/') && !route.contains(['{', '<', ':', '*']) {
            (String::new(), route)
        } else {
            (route, String::new())
        };
        Request {
            method: of(&self.method).map(|method| method.to_ascii_uppercase()).unwrap_or_default(),
            route,
            path,
            status: tags.of(&self.status).map_or(200, read_status),
            tenant: of(&self.tenant),
            exception: of(&self.exception),
            ..Request::default()
        }
    }
}

/// A status, or the first one of a class; what is neither says nothing, so that it counts as an answer like any other.
fn read_status(text: &str) -> u16 {
    let class = || {
        let hundreds = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX"))?;
        hundreds.parse::<u16>().ok().filter(|class| (1..=5).contains(class)).map(|class| class * 100)
    };
    text.parse().ok().filter(|status| (100..600).contains(status)).or_else(class).unwrap_or(200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_number_or_a_class() {
        for (text, status) in [("404", 404), ("5xx", 500), ("2XX", 200), ("ok", 200), ("9xx", 200), ("7", 200), ("99999", 200)] {
            assert_eq!(read_status(text), status, "{text}");
        }
    }

    #[test]
    fn a_word_is_a_metric_with_the_usual_tags() {
        let rule = RequestRule::from_word("django.request_time").unwrap();
        assert_eq!(
            (rule.metric.as_str(), rule.status.as_str(), rule.unit),
            ("django.request_time", "status", Unit::Milliseconds)
        );
        assert!(RequestRule::from_word("a=b").is_err());
    }
}
