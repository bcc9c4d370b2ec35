//! Select: which resources and series a rule is about: patterns, tests of attributes, scopes.

use std::sync::Arc;

use farol_shared::resource::{Resource, ResourceKind};
use farol_store::{ResourceId, ResourceInfo};

use super::rule::Scope;
use crate::live::status::{SILENT_AFTER_MS, SILENT_INTERVALS};

/// How the collector's own streams begin: of integrations and services, which are told by the collector itself and never fall silent.
const OWN_STREAM: &str = "farol-collector#";

/// What rules need to know of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceFacts {
    /// Its number.
    pub id: ResourceId,
    /// Its stable key.
    pub key: Arc<str>,
    /// Key of the resource that it runs on.
    pub parent: Option<Arc<str>>,
    /// What sort of thing it is.
    pub kind: ResourceKind,
    /// What people call it.
    pub name: Arc<str>,
    /// Its service (`service.name`).
    pub service: Option<Arc<str>>,
    /// Its tenant.
    pub tenant: Option<Arc<str>>,
    /// Its environment (`deployment.environment.name`).
    pub environment: Option<Arc<str>>,
    /// The agent that tells of it.
    pub agent: Arc<str>,
    /// Its agent's interval, in milliseconds.
    pub interval_ms: i64,
    /// When its newest sample was read as far as history knows, in ms since the epoch.
    pub last_seen_ms: i64,
}

impl ResourceFacts {
    /// Whether the collector itself tells of it: an integration or a service.
    #[must_use]
    pub fn is_told_by_us(&self) -> bool {
        self.agent.starts_with(OWN_STREAM)
    }

    /// For how long it may say nothing before it is silent, in milliseconds.
    #[must_use]
    pub fn silent_after_ms(&self) -> i64 {
        self.interval_ms.saturating_mul(SILENT_INTERVALS).max(SILENT_AFTER_MS)
    }

    /// Whether two descriptions select the same rules: all but what changes with every batch.
    #[must_use]
    pub fn selects_as(&self, other: &Self) -> bool {
        let part = |facts: &Self| {
            let Self { kind, name, service, tenant, environment, .. } = facts.clone();
            (kind, name, service, tenant, environment, facts.is_told_by_us())
        };
        part(self) == part(other)
    }
}

impl From<&ResourceInfo> for ResourceFacts {
    fn from(info: &ResourceInfo) -> Self {
        let resource: &Resource = &info.resource;
        let text = |text: &String| Arc::<str>::from(text.as_str());
        let attribute = |key: &str| resource.attributes.get(key).map(text);
        Self {
            id: info.id,
            key: text(&resource.key),
            parent: resource.parent.as_ref().map(text),
            kind: resource.kind,
            name: resource.name().into(),
            service: attribute("service.name"),
            tenant: resource.tenant.as_ref().map(text),
            environment: attribute("deployment.environment.name"),
            agent: Arc::clone(&info.agent),
            interval_ms: i64::try_from(info.interval_ms).unwrap_or(i64::MAX),
            last_seen_ms: info.last_seen_ms,
        }
    }
}

/// Whether a pattern matches all of a text; `*` stands for anything, nothing included. Takes at most pattern times text steps.
#[must_use]
pub fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last star was, and how far the text was then: the only place to go back to.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(byte) if *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after, from)) = star else { return false };
                star = Some((after, from + 1));
                (p, t) = (after, from + 1);
            }
        }
    }
    pattern.get(p..).is_none_or(|rest| rest.iter().all(|byte| *byte == b'*'))
}

/// A test of a series' attributes: `key=value`, `key=one|other`, `key!=value`. Values are patterns; an attribute that is not there is
/// like an empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeTest {
    key: String,
    values: Vec<String>,
    is_not: bool,
}

impl AttributeTest {
    /// Reads a test; `None` when it has no `=` or no key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (left, right) = text.split_once('=')?;
        let (key, is_not) = left.strip_suffix('!').map_or((left, false), |key| (key, true));
        let key = key.trim();
        (!key.is_empty()).then(|| Self {
            key: key.to_owned(),
            values: right.split('|').map(|value| value.trim().to_owned()).collect(),
            is_not,
        })
    }

    /// Whether sorted attributes pass it.
    #[must_use]
    pub fn holds(&self, attributes: &[(String, String)]) -> bool {
        let value = value_of(attributes, &self.key).unwrap_or("");
        self.values.iter().any(|pattern| fits(pattern, value)) != self.is_not
    }
}

/// The value of a key of sorted attributes.
#[must_use]
pub fn value_of<'a>(attributes: &'a [(String, String)], key: &str) -> Option<&'a str> {
    let index = attributes.binary_search_by(|(own, _)| own.as_str().cmp(key)).ok()?;
    Some(&attributes[index].1)
}

/// The attributes of a series that keep its subject apart: those named by `by`, all when that is not given.
#[must_use]
pub fn apart(attributes: &[(String, String)], by: Option<&[String]>) -> Vec<(String, String)> {
    let is_kept = |(key, _): &&(String, String)| by.is_none_or(|by| by.iter().any(|wanted| wanted == key));
    attributes.iter().filter(is_kept).cloned().collect()
}

/// Whether a divisor's series belongs to a subject: nothing that both have is different.
#[must_use]
pub fn belongs(subject: &[(String, String)], divisor: &[(String, String)]) -> bool {
    subject.iter().all(|(key, value)| value_of(divisor, key).is_none_or(|other| other == value))
}

/// Whether a resource is in a scope and, when the rule is a tenant's, the tenant's.
#[must_use]
pub fn is_in_scope(facts: &ResourceFacts, scope: &Scope) -> bool {
    let like = |pattern: Option<&String>, text: Option<&str>| pattern.is_none_or(|pattern| fits(pattern, text.unwrap_or("")));
    scope.kind.is_none_or(|kind| kind == facts.kind)
        && like(scope.name.as_ref(), Some(&facts.name))
        && like(scope.service.as_ref(), facts.service.as_deref())
        && like(scope.environment.as_ref(), facts.environment.as_deref())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, is_match) in [
            ("web-*", "web-1", true),
            ("web-*", "db-1", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "a--c", false),
            ("*aab", "aaaaab", true),
            ("a", "ab", false),
        ] {
            assert_eq!(fits(pattern, text), is_match, "{pattern} {text}");
        }
    }

    #[test]
    fn tests_of_attributes_take_one_of_several_and_none_of_them() {
        let used = pairs(&[("state", "used"), ("type", "ext4")]);
        let holds = |test: &str| AttributeTest::parse(test).unwrap().holds(&used);
        assert!(holds("state=used") && holds("state=free|used") && !holds("state=free"));
        assert!(!holds("type!=squashfs|ext4") && holds("type!=squashfs|erofs") && holds("type=ext*"));
        assert!(holds("missing!=x") && !holds("missing=x") && holds("missing="));
        assert!(AttributeTest::parse("state").is_none() && AttributeTest::parse("=used").is_none());
    }

    #[test]
    fn subjects_keep_apart_what_is_asked_for_and_find_their_divisor() {
        let used = pairs(&[("device", "sda"), ("mount", "/"), ("state", "used")]);
        assert_eq!(apart(&used, Some(&["mount".to_owned()])), pairs(&[("mount", "/")]));
        assert_eq!(apart(&used, None), used);
        assert!(belongs(&used, &pairs(&[("device", "sda"), ("mount", "/"), ("type", "ext4")])));
        assert!(!belongs(&used, &pairs(&[("device", "sdb"), ("mount", "/")])));
    }

    proptest! {
        #[test]
        fn a_pattern_matches_as_the_simple_recursion_says(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            fn simple(pattern: &[u8], text: &[u8]) -> bool {
                match pattern {
                    [] => text.is_empty(),
                    [b'*', rest @ ..] => (0..=text.len()).any(|from| simple(rest, &text[from..])),
                    [byte, rest @ ..] => text.first() == Some(byte) && simple(rest, &text[1..]),
                }
            }
            prop_assert_eq!(fits(&pattern, &text), simple(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
