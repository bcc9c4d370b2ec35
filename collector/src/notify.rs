//! Notify: what channels are told about incidents, kept in the outbox of `state.db` until they have it.
//!
//! In: notices, written into the outbox by the transaction that changed their incident. Out: messages to the channels, and what became
//! of each on the incident.
//!
//! Invariants: at least once, under a key that never changes ([`Notice::key`]), so that a channel that knows keys tells it once; one
//! channel that is down never delays another; secrets of channels are sealed at rest and leave this process only to their channel.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::alert::Level;

pub mod channel;
pub mod declared;
mod discord;
mod email;
#[cfg(test)]
mod fixture;
pub mod heartbeat;
pub mod http;
pub mod kind;
mod ntfy;
pub mod outside;
mod pagerduty;
pub mod request;
pub mod route;
pub mod sender;
mod slack;
pub mod store;
mod teams;
mod telegram;
pub mod text;
pub mod trial;
mod webhook;
mod whatsapp;

pub use store::Channels;

/// Most alerts that a notice tells one by one; more are counted.
pub const ALERTS_MAX: usize = 10;

/// Most values of the recent past that a notice holds of one alert: they are drawn in one line of a message.
pub const HISTORY_MAX: usize = 30;

/// What a channel is told about an incident. Data only: the words are made when it is sent, in the channel's language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The same for every attempt to tell it: incident, number of the notice, channel.
    pub key: String,
    /// The incident; 0 for a trial.
    pub incident: i64,
    /// Why it is told now.
    pub reason: Reason,
    /// How grave the incident is; how grave it was, when it is over.
    pub level: Level,
    /// When the incident began, in ms since the epoch.
    pub opened_ms: i64,
    /// When it was over, in ms since the epoch.
    pub closed_ms: Option<i64>,
    /// When this notice was made, in ms since the epoch.
    pub at_ms: i64,
    /// The alerts, the likely cause first; at most [`ALERTS_MAX`].
    pub alerts: Vec<NoticedAlert>,
    /// How many more belong to the incident.
    pub more: u64,
    /// What likely caused it.
    pub cause: Option<Cause>,
    /// Who acknowledged it, when somebody did.
    pub acknowledged_by: Option<String>,
}

impl Notice {
    /// The channel that could not be reached, when this one is told in its place.
    #[must_use]
    pub fn instead_of(&self) -> Option<&str> {
        let (_, path) = route_of(&self.key)?;
        path.split_once('.').map(|(first, _)| first)
    }
}

/// The two parts of a notice's key: `INCIDENT-NUMBER-`, and the channels that it came by, `first.second`.
pub(crate) fn route_of(key: &str) -> Option<(&str, &str)> {
    let (incident, rest) = key.split_once('-')?;
    let (number, path) = rest.split_once('-')?;
    let (direct, _) = key.split_at_checked(incident.len() + number.len() + 2)?;
    Some((direct, path))
}

/// The key of a notice that another channel is told in the place of the last one.
pub(crate) fn via(key: &str, instead: &str) -> String {
    format!("{key}.{instead}")
}

/// Why a notice is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = NoticeReason)]
pub enum Reason {
    /// An incident began.
    Opened,
    /// More alerts came to it, or it became graver.
    Updated,
    /// It goes on, and nobody has acknowledged it.
    Reminder,
    /// Nobody has acknowledged it for too long: told to the second channel.
    Escalated,
    /// It is over.
    Resolved,
    /// Somebody tries the channel.
    Test,
}

/// One alert of a notice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticedAlert {
    /// Number of the alert.
    pub id: i64,
    /// Word of its rule.
    pub rule: String,
    /// Name of its rule.
    pub name: String,
    /// How grave it is; how grave it was, when it is over.
    pub level: Level,
    /// Name of the resource.
    pub resource: String,
    /// Its service.
    pub service: Option<String>,
    /// Its tenant.
    pub tenant: Option<String>,
    /// Its environment.
    pub environment: Option<String>,
    /// Attributes of the series that it is about.
    pub attributes: Vec<(String, String)>,
    /// The metric; of events `events`, of logs `logs`, of silence `silence`.
    pub metric: String,
    /// Unit of value and threshold.
    pub unit: String,
    /// The newest value that was judged.
    pub value: Option<f64>,
    /// The threshold that it passed.
    pub threshold: Option<f64>,
    /// Whether it is too much below the threshold.
    pub is_below: bool,
    /// Since when the condition held, in ms since the epoch.
    pub onset_ms: i64,
    /// When it was over, in ms since the epoch.
    pub resolved_ms: Option<i64>,
    /// What the rule says, filled in; the words are made of the rest when it says nothing.
    pub message: Option<String>,
    /// Where it is written what to do.
    pub runbook: Option<String>,
    /// Values of the recent past at equal distances, oldest first; at most [`HISTORY_MAX`].
    pub history: Vec<f64>,
}

/// What likely caused an incident: what began first of all that is related to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = IncidentCause)]
pub struct Cause {
    /// What sort of thing it is.
    pub kind: CauseKind,
    /// When it began, in ms since the epoch.
    pub at_ms: i64,
    /// Name of the resource or service that it happened to.
    pub resource: String,
    /// The rule's name, the event's type, or the version that was deployed.
    pub what: String,
    /// The alert, when it is one.
    pub alert: Option<i64>,
}

/// What sort of thing caused an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// Another alert that began before.
    Alert,
    /// A deployment.
    Deploy,
    /// A restart.
    Restart,
    /// A kill for want of memory.
    Oom,
    /// The machine that it runs on fell silent.
    Host,
    /// A system that it depends on: a broker, a cache, a database.
    Dependency,
    /// Most agents fell silent at once: the collector's own network.
    Network,
}
