//! Query parameters: read one by one, so that whatever is wrong is told with the parameter's name.

use axum::{extract::Query, http::Uri};
use farol_shared::config::Span;
use farol_store::ResourceId;

use crate::problem::Problem;

pub mod instant;

/// Longest list in one parameter.
const LIST_MAX: usize = 1_000;

/// Range of a question when it names no start, in milliseconds.
const RANGE_MS_DEFAULT: i64 = 3_600_000;

/// The parameters of one request.
#[derive(Debug)]
pub struct Parameters(Vec<(String, String)>);

/// A stretch of time, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Start, inclusive.
    pub from_ms: i64,
    /// End, exclusive.
    pub to_ms: i64,
}

impl Parameters {
    /// Reads the query of an address, in which only these names may stand.
    ///
    /// # Errors
    /// 400 when it is malformed or has another name.
    pub fn of(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Problem::bad_request(format!("the query cannot be read: {error}")))?;
        for (name, _) in &pairs {
            if !known.contains(&name.as_str()) {
                let shown: String = name.chars().take(64).collect();
                return Err(wrong(&shown, format!("is not a parameter here; there are: {}", known.join(", "))));
            }
        }
        Ok(Self(pairs))
    }

    /// One value, if it is given and not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a parameter that may be given several times.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The parts of a value that are separated by commas.
    ///
    /// # Errors
    /// 400 when there are too many.
    pub fn list(&self, name: &str) -> Result<Vec<&str>, Problem> {
        let parts: Vec<&str> =
            self.all(name).flat_map(|value| value.split(',')).map(str::trim).filter(|part| !part.is_empty()).collect();
        if parts.len() > LIST_MAX {
            return Err(wrong(name, format!("has {} parts, the limit is {LIST_MAX}", parts.len())));
        }
        Ok(parts)
    }

    /// Numbers of resources; none means all.
    ///
    /// # Errors
    /// 400 when one is not a number.
    pub fn resources(&self) -> Result<Vec<ResourceId>, Problem> {
        let number =
            |part: &str| part.parse().map_err(|_| wrong("resource", format!("'{part}' is not the number of a resource")));
        self.list("resource")?.into_iter().map(number).collect()
    }

    /// A whole number within bounds.
    ///
    /// # Errors
    /// 400 when it is not.
    pub fn number(&self, name: &str, default: u32, min: u32, max: u32) -> Result<u32, Problem> {
        let Some(text) = self.text(name) else { return Ok(default) };
        let number = text.parse::<u32>().ok().filter(|number| (min..=max).contains(number));
        number.ok_or_else(|| wrong(name, format!("'{text}' is not a number from {min} to {max}")))
    }

    /// `true` or `false`; `false` when absent.
    ///
    /// # Errors
    /// 400 when it is neither.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(text) => Err(wrong(name, format!("'{text}' is neither true nor false"))),
        }
    }

    /// One of several words.
    ///
    /// # Errors
    /// 400 when it is another.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.map(Some).ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            wrong(name, format!("'{text}' is none of {}", known.join(", ")))
        })
    }

    /// A span of time in milliseconds, written with its unit or as a number of milliseconds; 0 when absent.
    ///
    /// # Errors
    /// 400 when it is neither, or is nothing.
    pub fn span_ms(&self, name: &str) -> Result<i64, Problem> {
        let Some(text) = self.text(name) else { return Ok(0) };
        let ms = match text.parse::<i64>() {
            Ok(ms) => ms,
            Err(_) => {
                Span::parse(text).map_err(|fault| wrong(name, fault)).map(|span| i64::try_from(span.ms()).unwrap_or(i64::MAX))?
            }
        };
        if ms > 0 { Ok(ms) } else { Err(wrong(name, "must be longer than nothing")) }
    }

    /// `from` and `to`; the last hour when absent.
    ///
    /// # Errors
    /// 400 when one is not a time, or the end is not after the start.
    pub fn range(&self, now_ms: i64) -> Result<Range, Problem> {
        self.range_of(now_ms, RANGE_MS_DEFAULT)
    }

    /// `from` and `to`; so many milliseconds up to now when absent.
    ///
    /// # Errors
    /// 400 when one is not a time, or the end is not after the start.
    pub fn range_of(&self, now_ms: i64, default_ms: i64) -> Result<Range, Problem> {
        let to_ms = self.instant("to")?.unwrap_or(now_ms);
        let from_ms = self.instant("from")?.unwrap_or(to_ms.saturating_sub(default_ms));
        if from_ms >= to_ms {
            return Err(wrong("from", "must be before to"));
        }
        Ok(Range { from_ms, to_ms })
    }

    /// A time, if it is given.
    ///
    /// # Errors
    /// 400 when it is none.
    pub fn instant(&self, name: &str) -> Result<Option<i64>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let fault = || wrong(name, format!("'{text}' is not a time: write 2026-11-21T07:00:00Z or milliseconds since the epoch"));
        instant::parse(text).ok_or_else(fault).map(Some)
    }
}

/// A problem with one parameter.
pub(crate) fn wrong(name: &str, detail: impl Into<String>) -> Problem {
    let detail = detail.into();
    Problem::bad_request(format!("parameter {name}: {detail}")).field(name, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Parameters {
        Parameters::of(&format!("/x?{query}").parse().unwrap(), &["a", "from", "to", "resource"]).unwrap()
    }

    #[test]
    fn what_is_wrong_is_told_with_its_name() {
        let detail = |problem: Problem| problem.detail().to_owned();
        let unknown = Parameters::of(&Uri::from_static("/x?metrics=a"), &["metric"]).unwrap_err();
        assert!(detail(unknown).contains("metrics"));
        assert!(detail(of("from=yesterday").range(0).unwrap_err()).starts_with("parameter from: 'yesterday'"));
        assert!(detail(of("from=5&to=5").range(0).unwrap_err()).starts_with("parameter from:"));
        assert!(detail(of("resource=1,x").resources().unwrap_err()).contains("'x'"));
        assert!(detail(of("a=0").number("a", 1, 1, 9).unwrap_err()).contains("from 1 to 9"));
        assert!(detail(of("a=-1s").span_ms("a").unwrap_err()).starts_with("parameter a:"));
    }

    #[test]
    fn values_are_decoded_and_lists_are_split() {
        assert_eq!(of("a=x%2Cy,+z").list("a").unwrap(), ["x", "y", "z"]);
        assert_eq!(of("resource=3,4").resources().unwrap(), [3, 4]);
        assert_eq!(of("a=10s").span_ms("a").unwrap(), 10_000);
        assert_eq!(of("a=250").span_ms("a").unwrap(), 250);
        assert_eq!(of("").range(7_200_000).unwrap(), Range { from_ms: 3_600_000, to_ms: 7_200_000 });
    }
}
