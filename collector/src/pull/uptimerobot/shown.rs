//! What the page shows of monitors: each with its state, and one word for all.

use serde::Serialize;
use utoipa::ToSchema;

/// Longest name, address or reason, in bytes.
const TEXT_BYTES_MAX: usize = 200;

/// Most monitors that are listed, what does not work first. With the longest texts they still fit a snapshot.
const LISTED_MAX: usize = 150;

/// What a monitor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MonitorState {
    /// It does not answer.
    Offline,
    /// It seems not to answer, and is looked at again.
    Degraded,
    /// It answers.
    Online,
    /// Not looked at yet, or a state that is not known.
    Unknown,
    /// Not looked at, on purpose.
    Paused,
}

impl MonitorState {
    /// The value of its series: none when nothing is known.
    pub(super) fn value(self) -> Option<f64> {
        match self {
            Self::Online => Some(1.0),
            Self::Degraded => Some(0.5),
            Self::Offline => Some(0.0),
            Self::Unknown | Self::Paused => None,
        }
    }
}

/// The last time that a monitor failed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MonitorIncident {
    /// Why, as far as it is told.
    pub reason: Option<String>,
    /// When it began, in ms since the epoch.
    pub started: Option<i64>,
    /// How long it took, or takes so far, in s.
    pub duration_s: Option<f64>,
}

/// One monitor.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct UptimeMonitor {
    /// Its name.
    pub name: String,
    /// What it looks at.
    pub url: Option<String>,
    /// How: `http`, `keyword`, `ping`, `port`, `heartbeat`, `dns` and such.
    pub kind: String,
    /// What it says.
    pub state: MonitorState,
    /// How often it looks, in s: what it says is at most so old.
    pub checked_interval_s: Option<u64>,
    /// Share of the last day in which it was online, 0 to 1.
    pub uptime_1d: Option<f64>,
    /// The same of the last seven days.
    pub uptime_7d: Option<f64>,
    /// The same of the last thirty days.
    pub uptime_30d: Option<f64>,
    /// How long an answer took of late, in ms.
    pub response_ms: Option<f64>,
    /// Since when it has this state, in ms since the epoch.
    pub since: Option<i64>,
    /// When the certificate expires, in ms since the epoch.
    pub tls_expires: Option<i64>,
    /// The last time that it failed.
    pub last_incident: Option<MonitorIncident>,
}

/// All monitors and one word for them.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Uptime {
    /// Whether all is up; absent when nothing is known.
    pub up: Option<bool>,
    /// `ONLINE`, `DEGRADED`, `OFFLINE` or `UNKNOWN`.
    pub word: &'static str,
    /// What does not work first, then by name.
    pub monitors: Vec<UptimeMonitor>,
}

impl Uptime {
    /// One word for all: the worst that any of them says. Paused ones and those not looked at yet say nothing.
    #[must_use]
    pub fn of(mut monitors: Vec<UptimeMonitor>) -> Self {
        monitors.sort_by(|a, b| a.state.cmp(&b.state).then_with(|| a.name.cmp(&b.name)));
        let (up, word) = match monitors.first().map(|worst| worst.state) {
            Some(MonitorState::Offline) => (Some(false), "OFFLINE"),
            Some(MonitorState::Degraded) => (Some(true), "DEGRADED"),
            Some(MonitorState::Online) => (Some(true), "ONLINE"),
            Some(MonitorState::Unknown | MonitorState::Paused) | None => (None, "UNKNOWN"),
        };
        monitors.truncate(LISTED_MAX);
        Self { up, word, monitors }
    }
}

/// A text that is not empty, cut where it is too long.
pub(super) fn text(text: &str) -> Option<String> {
    let text = text.trim();
    let cut = text.get(..text.floor_char_boundary(TEXT_BYTES_MAX))?;
    (!cut.is_empty()).then(|| cut.replace(char::is_control, " "))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn monitor(name: &str, state: MonitorState) -> UptimeMonitor {
        UptimeMonitor {
            name: name.to_owned(),
            url: None,
            kind: "http".to_owned(),
            state,
            checked_interval_s: None,
            uptime_1d: None,
            uptime_7d: None,
            uptime_30d: None,
            response_ms: None,
            since: None,
            tls_expires: None,
            last_incident: None,
        }
    }

    #[test]
    fn the_longest_list_of_the_longest_texts_fits_a_snapshot() {
        let long = text(&"\"\u{1}".repeat(500)).unwrap();
        let one = UptimeMonitor {
            url: Some(long.clone()),
            last_incident: Some(MonitorIncident {
                reason: Some(long.clone()),
                started: Some(i64::MAX),
                duration_s: Some(f64::MAX),
            }),
            tls_expires: Some(i64::MAX),
            since: Some(i64::MAX),
            ..monitor(&long, MonitorState::Online)
        };
        let told = serde_json::to_string(&Uptime::of(vec![one; 1_000])).unwrap();
        assert!(told.len() < crate::pull::reading::SNAPSHOT_BYTES_MAX, "{}", told.len());
    }

    #[test]
    fn the_worst_gives_the_word_and_the_silent_ones_none() {
        use MonitorState::{Degraded, Offline, Online, Paused, Unknown};
        for (states, up, word) in [
            (vec![Online, Offline, Degraded], Some(false), "OFFLINE"),
            (vec![Online, Degraded, Paused], Some(true), "DEGRADED"),
            (vec![Paused, Online, Unknown], Some(true), "ONLINE"),
            (vec![Paused, Unknown], None, "UNKNOWN"),
            (vec![], None, "UNKNOWN"),
        ] {
            let told = Uptime::of(states.iter().map(|state| monitor("a", *state)).collect());
            assert_eq!((told.up, told.word), (up, word), "{states:?}");
        }
    }
}
