//! Issues of Sentry: how many there are of each sort, and the most frequent ones.
//!
//! Sentry tells counts in a header of a list of one, and counts no further than another header says.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::ask::{Asker, Subject, next_cursor};
use crate::pull::{PollError, http::Answer, parse};

const ISSUES: Subject = Subject { path: "issues", scope: "event:read" };

/// Most frequent issues that are shown.
const TOP_MAX: usize = 5;

/// Longest text of an issue, in bytes.
const TEXT_BYTES_MAX: usize = 300;

/// What is counted: name of the state, search, stretch in which an issue must have been seen.
pub(super) const COUNTED: [(&str, &str, &str); 6] = [
    ("new_1h", "is:unresolved firstSeen:-1h", "24h"),
    ("new_24h", "is:unresolved firstSeen:-24h", "24h"),
    ("regressed", "is:regressed", "14d"),
    // `is:new` ages out by Sentry's own rules; what is older than a day and was seen today recurs.
    ("recurring", "is:unresolved firstSeen:+24h lastSeen:-24h", "24h"),
    ("unresolved", "is:unresolved", "14d"),
    ("escalating", "is:escalating", "14d"),
];

/// A number of issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct SentryCount {
    /// How many, as far as Sentry counts.
    pub count: u64,
    /// Whether there may be more: Sentry stopped counting.
    pub is_capped: bool,
}

/// One of the most frequent issues of the last day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SentryIssue {
    /// Title.
    pub title: String,
    /// Class of the exception, when it is one.
    pub r#type: Option<String>,
    /// Events of the last day.
    pub count: Option<u64>,
    /// Users that met it.
    pub users: Option<u64>,
    /// Level, such as `error`.
    pub level: Option<String>,
    /// When it was seen last, in ms since the epoch.
    pub last_seen: Option<i64>,
    /// Its page in Sentry.
    pub link: Option<String>,
}

/// All that is asked about issues.
#[derive(Debug, Clone, Default)]
pub(super) struct Issues {
    /// In the order of [`COUNTED`].
    pub(super) counts: [Option<SentryCount>; COUNTED.len()],
    pub(super) top: Vec<SentryIssue>,
}

/// Asks for the counts one after the other and for the most frequent issues.
pub(super) async fn fetch(asker: &mut Asker, filter: &[(&str, &str)]) -> Result<Issues, PollError> {
    let mut issues = Issues::default();
    let mut refused = None;
    for ((_, query, stretch), place) in COUNTED.iter().zip(&mut issues.counts) {
        let mut asked = filter.to_vec();
        asked.extend([("query", *query), ("statsPeriod", *stretch), ("limit", "1")]);
        asked.extend(["stats", "lifetime", "filtered", "unhandled"].map(|part| ("collapse", part)));
        match asker.ask(ISSUES, &asked).await {
            Ok(answer) => *place = count(&answer)?,
            // An older Sentry does not know every search.
            Err(error) if error.status == Some(400) => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    if let Some(error) = refused.filter(|_| issues.counts.iter().all(Option::is_none)) {
        return Err(error);
    }
    let mut asked = filter.to_vec();
    // The counts would be left out with the statistics, so these are not collapsed.
    asked.extend([("query", "is:unresolved"), ("sort", "freq"), ("limit", "5"), ("statsPeriod", "24h")]);
    asked.extend([("collapse", "lifetime"), ("collapse", "filtered")]);
    issues.top = parse_top(&asker.ask(ISSUES, &asked).await?.body)?;
    Ok(issues)
}

fn count(answer: &Answer) -> Result<Option<SentryCount>, PollError> {
    let whole = |name| answer.header(name)?.trim().parse().ok();
    let has_more = answer.header("link").map(|link| next_cursor(link).is_some());
    parse_count(&answer.body, whole("x-hits"), whole("x-max-hits"), has_more)
}

/// The count that an answer tells. Without the header it is known only when the list is whole.
fn parse_count(
    body: &[u8],
    hits: Option<u64>,
    hits_max: Option<u64>,
    has_more: Option<bool>,
) -> Result<Option<SentryCount>, PollError> {
    let listed: Vec<Value> = parse::json(body, "issues")?;
    let is_capped = |count| hits_max.is_some_and(|max| count >= max);
    let whole = u64::try_from(listed.len()).ok().filter(|_| listed.is_empty() || has_more == Some(false));
    let counted = hits.map(|count| SentryCount { count, is_capped: is_capped(count) });
    Ok(counted.or(whole.map(|count| SentryCount { count, is_capped: false })))
}

#[derive(Deserialize)]
struct Issue {
    #[serde(default)]
    title: Value,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    count: Value,
    #[serde(default, rename = "userCount")]
    users: Value,
    #[serde(default)]
    level: Value,
    #[serde(default, rename = "lastSeen")]
    last_seen: Value,
    #[serde(default)]
    permalink: Value,
}

/// The most frequent issues of a list.
fn parse_top(body: &[u8]) -> Result<Vec<SentryIssue>, PollError> {
    let listed: Vec<Issue> = parse::json(body, "issues")?;
    let told = |issue: Issue| SentryIssue {
        title: text(&issue.title).unwrap_or_else(|| "(no title)".to_owned()),
        r#type: issue.metadata.get("type").and_then(text),
        count: parse::whole(&issue.count),
        users: parse::whole(&issue.users),
        level: text(&issue.level),
        last_seen: parse::moment(&issue.last_seen),
        // It becomes a link on the page: nothing else may stand there.
        link: text(&issue.permalink).filter(|link| link.starts_with("https://") || link.starts_with("http://")),
    };
    Ok(listed.into_iter().take(TOP_MAX).map(told).collect())
}

/// A text that is not empty, cut where it is too long.
pub(super) fn text(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    let cut = text.get(..text.floor_char_boundary(TEXT_BYTES_MAX))?;
    (!cut.is_empty()).then(|| cut.replace(char::is_control, " "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_come_from_the_header_and_say_when_sentry_stopped_counting() {
        let told = |hits, max| parse_count(b"[{}]", hits, max, Some(true)).unwrap();
        assert_eq!(told(Some(7), Some(1_000)), Some(SentryCount { count: 7, is_capped: false }));
        assert_eq!(told(Some(1_000), Some(1_000)), Some(SentryCount { count: 1_000, is_capped: true }));
        assert_eq!(told(None, None), None, "a list of one of many tells no count");
        assert_eq!(parse_count(b"[]", None, None, None).unwrap(), Some(SentryCount { count: 0, is_capped: false }));
        assert!(parse_count(b"{\"detail\":\"x\"}", Some(7), None, None).is_err(), "a header alone is no answer");
    }

    #[test]
    fn the_most_frequent_issues_keep_what_is_known() {
        let body = br#"[{"id":"1","title":"KeyError: 'plan'","metadata":{"type":"KeyError","value":"'plan'"},"count":"1204","userCount":31,
            "level":"error","lastSeen":"2026-11-21T03:10:00.123Z","permalink":"https://acme.sentry.io/issues/1/"},
            {"title":null,"count":null,"permalink":"javascript:alert(1)","metadata":[]}]"#;
        let top = parse_top(body).unwrap();
        assert_eq!(top[0].r#type.as_deref(), Some("KeyError"));
        assert_eq!((top[0].count, top[0].users, top[0].last_seen), (Some(1_204), Some(31), Some(1_795_230_600_123)));
        assert_eq!(top[1].title, "(no title)");
        assert_eq!((top[1].count, &top[1].link), (None, &None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200), json in "[\\[\\]{}\",:a-z0-9 ]{0,80}") {
            let _outcomes = (parse_top(&body), parse_top(json.as_bytes()), parse_count(json.as_bytes(), None, None, None));
        }
    }
}
