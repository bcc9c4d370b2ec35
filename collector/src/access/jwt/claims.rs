//! What a signed payload says, and whether it says it about us and about now.

use std::time::Duration;

use serde_json::{Map, Value};

use super::TokenError;

/// How far the issuer's clock may be ahead of ours, in seconds.
pub const LEEWAY_S: i64 = 60;

/// Most texts of one claim that are looked at, such as the groups of a person.
const TEXTS_MAX: usize = 500;

/// The members of a payload.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Reads a payload whose signature fits.
    ///
    /// # Errors
    /// [`TokenError::Form`] when it is no JSON object.
    pub fn read(payload: &[u8]) -> Result<Self, TokenError> {
        serde_json::from_slice(payload).map(Self).map_err(|_| TokenError::Form)
    }

    /// A claim by its name. A name with dots is tried as it is first, and then as a path into objects.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Value> {
        self.0.get(name).or_else(|| {
            let (first, rest) = name.split_once('.')?;
            rest.split('.').try_fold(self.0.get(first)?, |value, part| value.get(part))
        })
    }

    /// A claim that is text and not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.find(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// A claim that is a text or a list of texts.
    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<&str> {
        match self.find(name) {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(all)) => all.iter().take(TEXTS_MAX).filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Adds what another trusted answer says; what is signed wins.
    pub fn complete(&mut self, other: Map<String, Value>) {
        for (name, value) in other {
            self.0.entry(name).or_insert(value);
        }
    }

    /// Refuses what somebody else has issued.
    ///
    /// # Errors
    /// [`TokenError::Issuer`].
    pub fn check_issuer(&self, issuer: &str) -> Result<(), TokenError> {
        if self.0.get("iss").and_then(Value::as_str) == Some(issuer) { Ok(()) } else { Err(TokenError::Issuer) }
    }

    /// Refuses what is meant for none of these.
    ///
    /// # Errors
    /// [`TokenError::Audience`].
    pub fn check_audience(&self, ours: &[String]) -> Result<(), TokenError> {
        let is_ours = |said: &Value| said.as_str().is_some_and(|said| ours.iter().any(|one| one == said));
        let fits = match self.0.get("aud") {
            // A list with something else than texts in it is of a wrong type as a whole.
            Some(Value::Array(all)) => all.iter().all(Value::is_string) && all.iter().any(is_ours),
            Some(one) => is_ours(one),
            None => false,
        };
        if fits { Ok(()) } else { Err(TokenError::Audience) }
    }

    /// Refuses what has expired or is not valid yet. Answers when it expires, in ms since the epoch.
    ///
    /// # Errors
    /// [`TokenError::Expired`], [`TokenError::Early`], [`TokenError::Claim`].
    pub fn check_times(&self, now_ms: i64) -> Result<i64, TokenError> {
        let expires = self.time("exp")?.ok_or(TokenError::Claim("exp"))?;
        let now = now_ms.div_euclid(1_000);
        if now >= expires {
            return Err(TokenError::Expired);
        }
        for name in ["nbf", "iat"] {
            if self.time(name)?.is_some_and(|from| from > now.saturating_add(LEEWAY_S)) {
                return Err(TokenError::Early);
            }
        }
        Ok(expires.saturating_mul(1_000))
    }

    /// A time in seconds since the epoch. Some issuers write fractions.
    fn time(&self, name: &'static str) -> Result<Option<i64>, TokenError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let whole = value.as_i64().filter(|seconds| *seconds >= 0);
        let seconds = whole.or_else(|| {
            let span = value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())?;
            i64::try_from(span.as_secs()).ok()
        });
        seconds.map(Some).ok_or(TokenError::Claim(name))
    }
}
