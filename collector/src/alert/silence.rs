//! Silences: which alerts are not told, and when. Silenced alerts are kept and shown like all others.

use serde::{Deserialize, Serialize};

use super::{incident::Kept, weekly::Weekly};

/// Most silences that are not over.
pub const SILENCES_MAX: i64 = 1_000;

/// Most matchers of a silence.
pub const MATCHERS_MAX: usize = 16;

/// Longest matcher, in characters.
pub const MATCHER_CHARS_MAX: usize = 256;

/// Longest reason, in characters.
pub const REASON_CHARS_MAX: usize = 500;

/// Longest that a silence may last, in milliseconds: ten years, for windows that come back.
pub const LASTS_MS_MAX: i64 = 10 * 366 * 86_400_000;

/// A silence as it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Its number.
    pub id: i64,
    /// Holds alerts of this tenant only.
    pub tenant: Option<String>,
    /// From when on, in ms since the epoch.
    pub from_ms: i64,
    /// Until when, in ms since the epoch.
    pub until_ms: i64,
    /// What it says.
    pub body: SilenceBody,
}

/// What a silence says, as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceBody {
    /// What alerts must be: `key=pattern`. Those of one key are alternatives, those of several keys must all fit.
    pub matchers: Vec<String>,
    /// Why, in the person's own words.
    pub reason: String,
    /// Holds only within this window.
    #[serde(default)]
    pub weekly: Option<Weekly>,
}

/// What a matcher looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Rule,
    Resource,
    Service,
    Tenant,
    Environment,
    Host,
    Level,
}

const KEYS: &[(&str, Key)] = &[
    ("rule", Key::Rule),
    ("resource", Key::Resource),
    ("service", Key::Service),
    ("tenant", Key::Tenant),
    ("environment", Key::Environment),
    ("host", Key::Host),
    ("level", Key::Level),
];

impl Silence {
    /// Whether it holds alerts at an instant.
    #[must_use]
    pub fn is_active(&self, now_ms: i64) -> bool {
        let is_within = (self.from_ms..self.until_ms).contains(&now_ms);
        is_within && self.body.weekly.as_ref().is_none_or(|weekly| weekly.holds(now_ms))
    }

    /// Whether it is about an alert, whatever the time.
    #[must_use]
    pub fn matches(&self, alert: &Kept) -> bool {
        if self.tenant.is_some() && self.tenant != alert.tenant {
            return false;
        }
        let read: Vec<(Key, &str)> = self.body.matchers.iter().filter_map(|text| read(text)).collect();
        // What cannot be read, as what a newer version wrote, holds nothing back.
        !read.is_empty()
            && read.len() == self.body.matchers.len()
            && read.iter().all(|(key, _)| read.iter().any(|(other, pattern)| other == key && fits_key(*key, pattern, alert)))
    }
}

fn fits_key(key: Key, pattern: &str, alert: &Kept) -> bool {
    let fits_some = |value: &Option<String>| value.as_deref().is_some_and(|value| fits(pattern, value));
    match key {
        Key::Rule => fits(pattern, &alert.rule),
        Key::Resource => {
            fits(pattern, &alert.resource_name)
                || fits(pattern, &alert.resource_key)
                || fits(pattern, &alert.resource.to_string())
        }
        Key::Service => fits_some(&alert.service),
        Key::Tenant => fits_some(&alert.tenant),
        Key::Environment => fits_some(&alert.environment),
        Key::Host => fits_some(&alert.host),
        Key::Level => fits(pattern, alert.level.as_str()),
    }
}

fn read(matcher: &str) -> Option<(Key, &str)> {
    let (key, pattern) = matcher.split_once('=')?;
    let key = KEYS.iter().find(|(word, _)| *word == key.trim())?.1;
    let pattern = pattern.trim();
    (!pattern.is_empty()).then_some((key, pattern))
}

/// What is wrong with a matcher, as the rest of a sentence that begins with `matchers`.
///
/// # Errors
/// The fault.
pub fn check_matcher(matcher: &str) -> Result<(), String> {
    let shown: String = matcher.chars().take(40).collect();
    if matcher.chars().count() > MATCHER_CHARS_MAX {
        return Err(format!("'{shown}...' is longer than {MATCHER_CHARS_MAX} characters"));
    }
    if matcher.chars().any(char::is_control) || read(matcher).is_none() {
        let keys: Vec<&str> = KEYS.iter().map(|(word, _)| *word).collect();
        return Err(format!("'{shown}' is none: write key=pattern such as host=web-*, the key one of {}", keys.join(", ")));
    }
    Ok(())
}

/// Whether a text fits a pattern in which `*` stands for anything, whatever its case. Takes time in proportion to both lengths.
#[must_use]
pub fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(head) else { return false };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    // The earliest place of each part leaves most for those behind it.
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        let Some((_, behind)) = left.split_once(part) else { return false };
        left = behind;
    }
    left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Level, incident::tests::kept};

    fn silence(matchers: &[&str]) -> Silence {
        let matchers = matchers.iter().map(|text| (*text).to_owned()).collect();
        Silence { id: 1, tenant: None, from_ms: 10, until_ms: 20, body: SilenceBody { matchers, ..SilenceBody::default() } }
    }

    #[test]
    fn patterns_stand_for_anything_between_their_parts() {
        for (pattern, text, is_fit) in [
            ("web-1", "WEB-1", true),
            ("web-1", "web-10", false),
            ("web-*", "web-10", true),
            ("*", "", true),
            ("*-1", "web-1", true),
            ("*-1", "web-10", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a**c", "abc", true),
            ("aa*aa", "aaa", false),
            ("*a*", "bab", true),
            ("*a*b", "ab", true),
            ("*ab*b", "ab", false),
        ] {
            assert_eq!(fits(pattern, text), is_fit, "{pattern} {text}");
        }
    }

    #[test]
    fn one_of_each_key_must_fit() {
        let alert = Kept { host: Some("web-1".to_owned()), level: Level::Critical, ..kept(1, "cpu") };
        assert!(silence(&["host=web-*"]).matches(&alert));
        assert!(silence(&["host=db-*", "host=web-1", "level=critical"]).matches(&alert));
        assert!(!silence(&["host=web-*", "level=warning"]).matches(&alert));
        assert!(!silence(&["service=*"]).matches(&alert), "what has no service fits no service");
        assert!(!silence(&[]).matches(&alert));
        assert!(!silence(&["host=web-*", "colour=red"]).matches(&alert), "what is not understood holds nothing back");
        assert!(silence(&["rule=cpu"]).matches(&alert));
    }

    #[test]
    fn the_silence_of_a_tenant_holds_only_its_own() {
        let of_acme = Silence { tenant: Some("acme".to_owned()), ..silence(&["rule=*"]) };
        assert!(!of_acme.matches(&kept(1, "cpu")));
        assert!(of_acme.matches(&Kept { tenant: Some("acme".to_owned()), ..kept(1, "cpu") }));
    }

    #[test]
    fn a_silence_holds_within_its_time_and_its_window() {
        let plain = silence(&["rule=*"]);
        assert!(!plain.is_active(9) && plain.is_active(10) && plain.is_active(19) && !plain.is_active(20));
        let night = Weekly { days: Vec::new(), start: "22:00".to_owned(), end: "02:00".to_owned(), offset_min: 0 };
        let body = SilenceBody { weekly: Some(night), ..plain.body };
        let nightly = Silence { from_ms: 0, until_ms: i64::MAX, body, ..plain };
        let hour_ms = 3_600_000;
        assert!(nightly.is_active(hour_ms) && !nightly.is_active(3 * hour_ms) && nightly.is_active(22 * hour_ms));
    }

    #[test]
    fn matchers_are_checked() {
        assert_eq!(check_matcher("host=web-*"), Ok(()));
        for wrong in ["", "host", "host=", "colour=red", "host=a\nb"] {
            assert!(check_matcher(wrong).is_err(), "{wrong}");
        }
        assert!(check_matcher(&format!("host={}", "a".repeat(300))).is_err());
    }
}
