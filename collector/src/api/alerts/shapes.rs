//! Alerts and incidents as the API answers them, made of their rows.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    access::View,
    alert::{
        Level,
        incident::{Acknowledged, Incident, Kept},
        notice,
    },
    notify::Cause,
    problem::Problem,
    state::{
        alerts::AlertRow,
        incidents::{DeliveryLine, IncidentRow, LineRow},
    },
};

/// Whether something goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// It fires.
    Firing,
    /// It is over.
    Resolved,
}

/// Whether an incident goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum IncidentState {
    /// It goes on.
    Open,
    /// It is over.
    Closed,
}

/// Who acknowledged something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AcknowledgedBy {
    /// Name of the account.
    pub by: String,
    /// When, in ms since the epoch.
    pub at: i64,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlertEntry {
    /// Its number.
    pub id: i64,
    /// Word of its rule.
    pub rule: String,
    /// Name of its rule, as it was when it fired.
    pub name: String,
    /// How grave it is; how grave it was, when it is over.
    pub level: Level,
    /// Whether it goes on.
    pub state: AlertState,
    /// Number of the resource.
    pub resource: u32,
    /// What people call it.
    pub resource_name: String,
    /// What sort of thing it is.
    pub kind: Option<&'static str>,
    /// Its service.
    pub service: Option<String>,
    /// Its environment.
    pub environment: Option<String>,
    /// Its tenant.
    pub tenant: Option<String>,
    /// Attributes of the series that it is about.
    pub attributes: BTreeMap<String, String>,
    /// The metric; of events `events`, of logs `logs`, of silence `silence`.
    pub metric: String,
    /// Unit of the values.
    pub unit: String,
    /// The value that was judged last.
    pub value: Option<f64>,
    /// The threshold that it passed.
    pub threshold: Option<f64>,
    /// Whether it is too much below the threshold.
    pub below: bool,
    /// For how long the condition had to hold, in seconds.
    pub for_s: u32,
    /// Since when the condition held, in ms since the epoch.
    pub onset: i64,
    /// Since when it fires, in ms since the epoch.
    pub fired: i64,
    /// When it was over, in ms since the epoch.
    pub resolved: Option<i64>,
    /// The value furthest beyond the threshold.
    pub peak: Option<f64>,
    /// Number of its incident.
    pub incident: i64,
    /// Whether a silence holds it.
    pub silenced: bool,
    /// Whether it follows from another alert of its incident and is not told by itself.
    pub held: bool,
    /// Who acknowledged its incident.
    pub acknowledged: Option<AcknowledgedBy>,
    /// What the rule says, filled in.
    pub message: Option<String>,
    /// Where it is written what to do.
    pub runbook: Option<String>,
}

/// What an incident is called after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IncidentTitle {
    /// Word of a rule.
    pub rule: String,
    /// Its name.
    pub name: String,
    /// Name of a resource.
    pub resource: String,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct IncidentEntry {
    /// Its number.
    pub id: i64,
    /// How grave it is; how grave it was at worst, when it is over.
    pub level: Level,
    /// Whether it goes on.
    pub state: IncidentState,
    /// When it began, in ms since the epoch.
    pub opened: i64,
    /// When it was over, in ms since the epoch.
    pub closed: Option<i64>,
    /// What it is called after.
    pub title: IncidentTitle,
    /// The tenant of all its alerts; `null` when they have none, or several.
    pub tenant: Option<String>,
    /// How many alerts came to it.
    pub alerts: u64,
    /// How many of them fire.
    pub firing: u64,
    /// How many of those follow from others and are not told by themselves.
    pub held: u64,
    /// What likely caused it.
    pub cause: Option<Cause>,
    /// Who acknowledged it.
    pub acknowledged: Option<AcknowledgedBy>,
    /// Whether all that fires is silenced.
    pub silenced: bool,
}

/// An incident with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct IncidentDetail {
    /// The incident.
    #[serde(flatten)]
    pub incident: IncidentEntry,
    /// Its alerts, newest first; at most 1,000.
    pub alerts: Vec<AlertEntry>,
    /// Its timeline, oldest first: `time` in ms since the epoch, `kind` (`pending`, `fired`, `worse`, `better`, `resolved`, `told`,
    /// `reminded`, `escalated`, `delivered`, `failed`, `acknowledged`, `unacknowledged`, `silenced`, `cause`, `closed`) and the
    /// particulars of that kind.
    #[schema(value_type = Vec<Object>)]
    pub lines: Vec<Value>,
    /// What channels were told, oldest first; at most 1,000.
    pub deliveries: Vec<IncidentDelivery>,
}

/// What a channel was told of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IncidentDelivery {
    /// Its number.
    pub id: i64,
    /// The channel.
    pub channel: String,
    /// What people call it.
    pub channel_name: String,
    /// The incident.
    pub incident: i64,
    /// Why it was told.
    pub reason: String,
    /// `waiting`, `sent`, `failed` or `dead`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it was made, in ms since the epoch.
    pub created: i64,
    /// When it is tried next, in ms since the epoch; `null` when it is done.
    pub next: Option<i64>,
    /// When it was done, in ms since the epoch.
    pub done: Option<i64>,
    /// What the channel said.
    pub detail: String,
}

/// An alert as its row holds it; what cannot be read is our fault.
pub(super) fn kept(row: &AlertRow) -> Result<Kept, Problem> {
    serde_json::from_str(&row.body).map_err(|error| {
        tracing::error!(target: "alert", alert = row.id, error = %error, "alert cannot be read");
        Problem::internal()
    })
}

/// An incident as its row holds it; what cannot be read is our fault.
pub(super) fn incident(row: &IncidentRow) -> Result<Incident, Problem> {
    let mut incident: Incident = serde_json::from_str(&row.body).map_err(|error| {
        tracing::error!(target: "alert", incident = row.id, error = %error, "incident cannot be read");
        Problem::internal()
    })?;
    let at_ms = row.acknowledged_ms.unwrap_or(row.opened_ms);
    incident.acknowledged = row.acknowledged_by.clone().map(|by| Acknowledged { by, at_ms });
    Ok(incident)
}

impl From<&Acknowledged> for AcknowledgedBy {
    fn from(acknowledged: &Acknowledged) -> Self {
        Self { by: acknowledged.by.clone(), at: acknowledged.at_ms }
    }
}

impl AlertEntry {
    /// An alert as it is answered.
    #[must_use]
    pub fn of(alert: Kept, acknowledged: Option<AcknowledgedBy>) -> Self {
        Self {
            message: notice::message(&alert, alert.value),
            state: if alert.is_firing() { AlertState::Firing } else { AlertState::Resolved },
            id: alert.id,
            level: alert.level,
            resource: alert.resource,
            kind: alert.kind.map(farol_shared::resource::ResourceKind::as_str),
            attributes: alert.attributes.into_iter().collect(),
            value: alert.value,
            threshold: alert.threshold,
            below: alert.is_below,
            for_s: alert.for_s,
            onset: alert.onset_ms,
            fired: alert.fired_ms,
            resolved: alert.resolved_ms,
            peak: alert.peak,
            incident: alert.incident,
            silenced: alert.silenced_by.is_some(),
            held: alert.held.is_some(),
            acknowledged,
            rule: alert.rule,
            name: alert.name,
            resource_name: alert.resource_name,
            service: alert.service,
            environment: alert.environment,
            tenant: alert.tenant,
            metric: alert.metric,
            unit: alert.unit,
            runbook: alert.runbook,
        }
    }
}

impl IncidentEntry {
    /// An incident as a view sees it. Of one that is not all its tenant's, a tenant sees what its own alerts make of it.
    #[must_use]
    pub fn of(incident: &Incident, view: &View, own: &[Kept]) -> Self {
        let whole = Self {
            id: incident.id,
            level: incident.level,
            state: if incident.closed_ms.is_none() { IncidentState::Open } else { IncidentState::Closed },
            opened: incident.opened_ms,
            closed: incident.closed_ms,
            title: IncidentTitle {
                rule: incident.title.rule.clone(),
                name: incident.title.name.clone(),
                resource: incident.title.resource.clone(),
            },
            tenant: incident.tenant.clone(),
            alerts: incident.alerts,
            firing: incident.firing,
            held: incident.held,
            cause: incident.cause.as_ref().filter(|found| view.sees(found.tenant.as_deref())).map(|found| found.cause.clone()),
            acknowledged: incident.acknowledged.as_ref().map(Into::into),
            silenced: incident.is_silenced,
        };
        if view.sees(incident.tenant.as_deref()) { whole } else { whole.narrowed_to(own) }
    }

    fn narrowed_to(self, own: &[Kept]) -> Self {
        let firing: Vec<&Kept> = own.iter().filter(|alert| alert.is_firing()).collect();
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let first = own.iter().min_by_key(|alert| (alert.onset_ms, alert.id));
        let named = |alert: &Kept| IncidentTitle {
            rule: alert.rule.clone(),
            name: alert.name.clone(),
            resource: alert.resource_name.clone(),
        };
        let worst = own.iter().map(|alert| alert.worst).max().unwrap_or_default();
        Self {
            level: firing.iter().map(|alert| alert.level).max().unwrap_or(worst),
            title: first.map_or(IncidentTitle { rule: String::new(), name: String::new(), resource: String::new() }, named),
            alerts: count(own.len()),
            firing: count(firing.len()),
            held: count(firing.iter().filter(|alert| alert.held.is_some()).count()),
            silenced: !firing.is_empty() && firing.iter().all(|alert| alert.silenced_by.is_some()),
            ..self
        }
    }
}

/// The lines of a timeline that a view sees: of a house's incident a tenant sees what is about its own alerts, and what people did.
pub(super) fn lines(rows: Vec<LineRow>, view: &View, is_own: bool, channels: &[String]) -> Vec<Value> {
    let line = |row: LineRow| {
        // Written by ourselves; a file that somebody edited must not hide the rest.
        let detail: Value = serde_json::from_str(&row.body).unwrap_or_default();
        let is_seen = *view == View::Whole
            || match row.kind.as_str() {
                "acknowledged" | "unacknowledged" | "closed" => true,
                "told" | "reminded" | "escalated" | "delivered" | "failed" => {
                    is_own && detail["channel"].as_str().is_some_and(|channel| channels.iter().any(|known| known == channel))
                }
                _ => view.sees(detail["tenant"].as_str()),
            };
        is_seen.then(|| {
            let mut line = json!({ "id": row.id, "time": row.time_ms, "kind": row.kind });
            if let (Some(line), Value::Object(detail)) = (line.as_object_mut(), detail) {
                for (name, value) in detail {
                    line.entry(name).or_insert(value);
                }
            }
            line
        })
    };
    rows.into_iter().filter_map(line).collect()
}

/// What a channel was told, as it is answered.
pub(super) fn delivery(incident: i64, row: DeliveryLine) -> IncidentDelivery {
    let notice: Value = serde_json::from_str(&row.notice).unwrap_or_default();
    IncidentDelivery {
        id: row.id,
        channel: row.channel,
        channel_name: row.channel_name,
        incident,
        reason: notice["reason"].as_str().unwrap_or_default().to_owned(),
        next: row.done_ms.is_none().then_some(row.next_ms),
        state: row.state,
        attempts: row.attempts,
        created: row.created_ms,
        done: row.done_ms,
        detail: row.detail,
    }
}
