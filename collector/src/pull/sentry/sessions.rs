//! Release health of Sentry: how many users and sessions met no crash.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::ask::{Asker, Subject};
use crate::pull::{PollError, parse};

const SESSIONS: Subject = Subject { path: "sessions", scope: "org:read" };

/// One window of release health.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Window {
    /// Share of users without a crash.
    pub(super) users_ratio: Option<f64>,
    /// Share of sessions without a crash.
    pub(super) sessions_ratio: Option<f64>,
    /// Sessions.
    pub(super) sessions: Option<u64>,
    /// Users.
    pub(super) users: Option<u64>,
}

/// The last hour and the last day. A window is absent when the projects sent no sessions.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sessions {
    pub(super) hour: Option<Window>,
    pub(super) day: Option<Window>,
}

impl Sessions {
    /// Why there are no shares, when there are none.
    pub(super) fn note(&self) -> Option<&'static str> {
        match self.day {
            None => Some("sends no release-health sessions: SDKs send them when a release and session tracking are set"),
            Some(day) if day.sessions == Some(0) => Some("no sessions in the last 24 hours"),
            Some(_) => None,
        }
    }
}

/// Asks for both windows: Sentry counts in whole hours, so the last hour is the running one and the one before.
pub(super) async fn fetch(asker: &mut Asker, filter: &[(&str, &str)]) -> Result<Sessions, PollError> {
    Ok(Sessions { day: window(asker, filter, "24h").await?, hour: window(asker, filter, "1h").await? })
}

async fn window(asker: &mut Asker, filter: &[(&str, &str)], stretch: &str) -> Result<Option<Window>, PollError> {
    let mut asked = filter.to_vec();
    asked.extend([("statsPeriod", stretch), ("interval", "1h"), ("includeSeries", "0")]);
    let fields = ["crash_free_rate(user)", "crash_free_rate(session)", "sum(session)", "count_unique(user)"];
    asked.extend(fields.map(|field| ("field", field)));
    parse(&asker.ask(SESSIONS, &asked).await?.body)
}

#[derive(Deserialize)]
struct Body {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    totals: BTreeMap<String, Value>,
}

/// The totals of the one group that is asked for; none when there were never sessions.
fn parse(body: &[u8]) -> Result<Option<Window>, PollError> {
    let body: Body = parse::json(body, "sessions")?;
    let Some(group) = body.groups.first() else { return Ok(None) };
    let field = |name: &str| group.totals.get(name);
    Ok(Some(Window {
        users_ratio: field("crash_free_rate(user)").and_then(parse::ratio),
        sessions_ratio: field("crash_free_rate(session)").and_then(parse::ratio),
        sessions: field("sum(session)").and_then(parse::whole),
        users: field("count_unique(user)").and_then(parse::whole),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DOCUMENTED: &str = r#"{"start":"2026-11-20T05:00:00Z","end":"2026-11-21T05:00:00Z","query":"","intervals":[],
        "groups":[{"by":{},"totals":{"crash_free_rate(user)":0.9971,"crash_free_rate(session)":0.9985,"sum(session)":18420,"count_unique(user)":3102}}]}"#;

    #[test]
    fn shares_are_fractions_and_counts_are_whole() {
        let expected =
            Window { users_ratio: Some(0.9971), sessions_ratio: Some(0.9985), sessions: Some(18_420), users: Some(3_102) };
        assert_eq!(parse(DOCUMENTED.as_bytes()).unwrap(), Some(expected));
    }

    #[test]
    fn no_sessions_are_neither_all_well_nor_all_broken() {
        let quiet =
            r#"{"groups":[{"by":{},"totals":{"crash_free_rate(user)":null,"crash_free_rate(session)":null,"sum(session)":0}}]}"#;
        let window = parse(quiet.as_bytes()).unwrap().unwrap();
        assert_eq!((window.users_ratio, window.sessions_ratio, window.sessions), (None, None, Some(0)));
        assert!(Sessions { hour: None, day: Some(window) }.note().is_some_and(|note| note.starts_with("no sessions")));
        assert_eq!(parse(br#"{"groups":[]}"#).unwrap(), None);
        assert!(Sessions::default().note().is_some_and(|note| note.starts_with("sends no release-health sessions")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200), number in any::<f64>()) {
            let _refused = parse(&body);
            let told = format!(r#"{{"groups":[{{"totals":{{"crash_free_rate(user)":{number:?},"sum(session)":{number:?}}}}}]}}"#);
            if let Ok(Some(window)) = parse(told.as_bytes()) {
                prop_assert!(window.users_ratio.is_none_or(|ratio| (0.0..=1.0).contains(&ratio)));
            }
        }
    }
}
