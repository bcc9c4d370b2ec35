//! What is kept of alerts and incidents: each the body of its row, whole, so that a start goes on exactly where the last run was.

use std::collections::{BTreeMap, BTreeSet};

use farol_shared::resource::ResourceKind;
use farol_store::ResourceId;
use serde::{Deserialize, Serialize};

use crate::{
    alert::{
        Change, Level, Subject,
        cause::Found,
        rule::{Aggregate, Comparison, Condition, Rule},
        topology::Topology,
    },
    notify::route::Recipient,
};

/// An alert: one firing of a rule about a subject. What was known of rule and resource when it fired is kept with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its number.
    pub id: i64,
    /// Word of its rule.
    pub rule: String,
    /// Name of its rule.
    pub name: String,
    /// Channels that the rule names.
    pub channels: Vec<String>,
    /// After how many seconds it is told again; the house's habit when `None`, never when 0.
    pub remind_s: Option<u32>,
    /// What the rule says, not filled in.
    pub template: Option<String>,
    /// Where it is written what to do.
    pub runbook: Option<String>,
    /// The metric; of events `events`, of logs `logs`, of silence `silence`.
    pub metric: String,
    /// Unit of value and threshold.
    pub unit: String,
    /// Whether it is too much below the threshold.
    pub is_below: bool,
    /// For how long the condition had to hold, in seconds.
    pub for_s: u32,
    /// Whether it says that a resource fell silent.
    pub is_silent: bool,
    /// Whether it says that something is missing, which follows from a silence.
    pub is_absence: bool,
    /// The resource.
    pub resource: ResourceId,
    /// Its key.
    pub resource_key: String,
    /// What people call it.
    pub resource_name: String,
    /// What sort of thing it is, when that is known.
    pub kind: Option<ResourceKind>,
    /// Its service.
    pub service: Option<String>,
    /// Its environment.
    pub environment: Option<String>,
    /// Its tenant.
    pub tenant: Option<String>,
    /// The machine that it runs on.
    pub host: Option<String>,
    /// The agent that told of it.
    pub agent: Option<String>,
    /// Attributes of the series that it is about.
    pub attributes: Vec<(String, String)>,
    /// How grave it is; how grave it was last, when it is over.
    pub level: Level,
    /// How grave it was at worst.
    pub worst: Level,
    /// Since when the condition held, in ms since the epoch.
    pub onset_ms: i64,
    /// Since when it fires, in ms since the epoch.
    pub fired_ms: i64,
    /// When it was over, in ms since the epoch.
    pub resolved_ms: Option<i64>,
    /// The value that was judged last.
    pub value: Option<f64>,
    /// The threshold that it passed.
    pub threshold: Option<f64>,
    /// The value furthest beyond the threshold.
    pub peak: Option<f64>,
    /// Its incident.
    pub incident: i64,
    /// What it follows from, so that it is not told by itself.
    pub held: Option<Held>,
    /// The silence that holds it.
    pub silenced_by: Option<i64>,
    /// The incident's news at which it last became worth telling.
    pub news: u64,
}

/// What an alert follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// The alert with this number: what it runs on fell silent.
    By(i64),
    /// Most agents fell silent at once.
    Network,
}

/// A rule and what it is about: at most one alert of each fires.
pub type AlertKey = (String, Subject);

/// Alerts that belong together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its number.
    pub id: i64,
    /// How grave it is; how grave it was at worst, when it is over.
    pub level: Level,
    /// How grave it was at worst.
    pub worst: Level,
    /// When it began, in ms since the epoch.
    pub opened_ms: i64,
    /// When it was over, in ms since the epoch.
    pub closed_ms: Option<i64>,
    /// Onset of its first alert, in ms since the epoch.
    pub onset_ms: i64,
    /// When its newest alert fired, in ms since the epoch.
    pub fired_ms: i64,
    /// The tenant of all its alerts; `None` when they have none, or several.
    pub tenant: Option<String>,
    /// Whether its alerts have several tenants, or some have none.
    pub is_mixed: bool,
    /// What it is called after: its cause, else its first alert.
    pub title: Title,
    /// How many alerts came to it.
    pub alerts: u64,
    /// How many of them fire.
    pub firing: u64,
    /// How many of those follow from others and are not told.
    pub held: u64,
    /// Whether all that fires is silenced.
    pub is_silenced: bool,
    /// What likely caused it.
    pub cause: Option<Found>,
    /// Set when most agents fell silent at once.
    pub network: Option<Network>,
    /// Grows with each thing that is worth telling.
    pub news: u64,
    /// The news that did not wait for the next update.
    pub urgent: u64,
    /// What each channel has heard.
    pub heard: BTreeMap<String, Heard>,
    /// Who acknowledged it. Kept in columns of its own, which the API writes.
    #[serde(skip)]
    pub acknowledged: Option<Acknowledged>,
    /// The numbers of its alerts in memory.
    #[serde(skip)]
    pub members: BTreeSet<i64>,
}

/// What an incident is called after.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Title {
    /// Word of a rule.
    pub rule: String,
    /// Its name.
    pub name: String,
    /// Name of a resource.
    pub resource: String,
}

/// Most agents fell silent at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// When the first did, in ms since the epoch.
    pub at_ms: i64,
    /// How many did at most.
    pub silent: usize,
    /// Of how many.
    pub of: usize,
    /// Whether most are back.
    pub is_over: bool,
}

/// Who acknowledged an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Name of the account.
    pub by: String,
    /// When, in ms since the epoch.
    pub at_ms: i64,
}

/// What a channel has heard of an incident.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// How many notices.
    pub notices: u64,
    /// When the newest was made, in ms since the epoch.
    pub last_ms: i64,
    /// The incident's news that it held.
    pub news: u64,
    /// How grave it was told to be at worst.
    pub level: Level,
    /// Since when it is critical and was told to be, in ms since the epoch.
    pub critical_ms: Option<i64>,
    /// Whether its second channel was told because nobody acknowledged.
    pub is_escalated: bool,
    /// The channel on whose behalf it hears, when it is the second one of that.
    pub via: Option<String>,
}

impl Kept {
    /// An alert that begins.
    #[must_use]
    pub fn new(id: i64, change: &Change, topology: &Topology) -> Self {
        let (rule, node) = (&change.rule, topology.node(change.subject.resource));
        let text = |text: Option<&std::sync::Arc<str>>| text.map(|text| text.to_string());
        let tenant = text(node.and_then(|node| node.tenant.as_ref())).or_else(|| rule.tenant.clone());
        Self {
            id,
            rule: rule.id.clone(),
            name: rule.name.clone(),
            channels: rule.channels.clone(),
            remind_s: rule.remind_s,
            template: rule.message.clone(),
            runbook: rule.runbook.clone(),
            metric: metric(rule),
            unit: change.unit.to_string(),
            is_below: is_below(rule),
            for_s: rule.for_s,
            is_silent: matches!(rule.condition, Condition::Silent(_)),
            is_absence: is_absence(change),
            resource: change.subject.resource,
            resource_key: text(node.map(|node| &node.key)).unwrap_or_default(),
            resource_name: text(node.map(|node| &node.name)).unwrap_or_else(|| change.subject.resource.to_string()),
            kind: node.map(|node| node.kind),
            service: text(node.and_then(|node| node.service.as_ref())),
            environment: text(node.and_then(|node| node.environment.as_ref())),
            tenant,
            host: host(change.subject.resource, topology),
            agent: text(node.map(|node| &node.agent)),
            attributes: change.subject.attributes.to_vec(),
            level: change.to,
            worst: change.to,
            onset_ms: change.onset_ms,
            fired_ms: change.at_ms,
            resolved_ms: None,
            value: change.value.filter(|value| value.is_finite()),
            threshold: change.threshold,
            peak: change.value.filter(|value| value.is_finite()),
            incident: 0,
            held: None,
            silenced_by: None,
            news: 0,
        }
    }

    /// Its rule and what it is about.
    #[must_use]
    pub fn key(&self) -> AlertKey {
        (self.rule.clone(), self.subject())
    }

    /// What it is about.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject { resource: self.resource, attributes: self.attributes.clone().into() }
    }

    /// Whether it fires.
    #[must_use]
    pub const fn is_firing(&self) -> bool {
        self.resolved_ms.is_none()
    }

    /// Whether a channel hears of it. Channels that the rule names and that are no more must not make it heard by nobody: when none of them
    /// is left, its level decides.
    #[must_use]
    pub fn is_heard_by(&self, recipient: &Recipient, all: &[Recipient]) -> bool {
        let is_left = self.channels.iter().any(|named| all.iter().any(|one| one.id == *named && one.is_enabled));
        let named: &[String] = if is_left { &self.channels } else { &[] };
        recipient.hears(named, self.worst, self.tenant.as_deref())
    }

    /// Takes a value that was judged: keeps the one furthest beyond the threshold.
    pub fn see(&mut self, value: f64) {
        let is_further = |peak: f64| if self.is_below { value < peak } else { value > peak };
        if value.is_finite() && self.peak.is_none_or(is_further) {
            self.peak = Some(value);
        }
    }
}

/// The machine that a resource runs on, as far as that is known: its own attribute, else a host among its parents.
fn host(resource: ResourceId, topology: &Topology) -> Option<String> {
    let named = topology.node(resource).and_then(|node| node.host.as_ref());
    let above = || {
        let nodes = topology.chain(resource).iter().filter_map(|id| topology.node(*id));
        nodes.filter(|node| node.kind == ResourceKind::Host).map(|node| &node.name).next()
    };
    named.or_else(above).map(|name| name.to_string())
}

fn metric(rule: &Rule) -> String {
    match &rule.condition {
        Condition::Series(series) => series.metric.clone(),
        Condition::Events(_) => "events".to_owned(),
        Condition::Logs(_) => "logs".to_owned(),
        Condition::Silent(_) => "silence".to_owned(),
    }
}

fn is_below(rule: &Rule) -> bool {
    matches!(&rule.condition, Condition::Series(series) if series.comparison == Comparison::Below)
}

fn is_absence(change: &Change) -> bool {
    match &change.rule.condition {
        // A rule that also judges values is about their absence when it had none.
        Condition::Series(series) => series.aggregate == Aggregate::Absent || change.value.is_none(),
        Condition::Events(_) | Condition::Logs(_) => false,
        Condition::Silent(_) => true,
    }
}
