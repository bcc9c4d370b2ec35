//! Alerts in the rooms: what rules found, and what applications raise by `SystemAlert` events.
//!
//! In: alerts that changed, after they were kept (see [`crate::alert`]). Out: a message for each to those who listen, and the alerts of
//! the last day to those who come.
//!
//! Bounded: the newest [`KEPT_MAX`] of a day are kept in memory, and one line for each that is not over.

use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
};

use farol_shared::record::Event;
use farol_store::{EventQuery, RECORDS_MAX, RecordRange, ResourceId, Store};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    Push, lock,
    owners::{All, Owned},
    records::Told,
};
use crate::{access::View, problem::Problem};

/// The type of the events by which applications raise alerts.
pub(super) const SYSTEM_ALERT: &str = "SystemAlert";

/// For how long alerts are kept, in milliseconds: a day.
pub const KEPT_FOR_MS: i64 = 86_400_000;

/// Most alerts that are kept. At 400 bytes each, 2 MB.
pub const KEPT_MAX: usize = 5_000;

/// How grave an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It is over.
    Resolved,
    /// Look at it today.
    Warning,
    /// Look at it now.
    Critical,
}

/// Who raised an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AlertSource)]
pub enum Source {
    /// A rule.
    Rule,
    /// An application told a `SystemAlert` event.
    Application,
}

/// Something that went wrong, got worse or better, or is over.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Alert {
    /// Number of the alert; none when an application raised it.
    pub id: Option<i64>,
    /// Number of its incident; none when an application raised it.
    pub incident: Option<i64>,
    /// Word of the rule, or as the application names it.
    pub rule_id: String,
    /// What is judged: the rule's metric, or as the application says.
    pub condition: String,
    /// The threshold that was passed: a ratio, seconds, or a number; as the application says.
    pub threshold: Option<f64>,
    /// The value that passed it, in the same unit.
    pub current_value: Option<f64>,
    /// How grave.
    pub severity: Severity,
    /// Who raised it.
    pub source: Source,
    /// Number of the resource that it is about.
    pub resource: ResourceId,
    /// Its name.
    pub resource_name: Option<String>,
    /// Its tenant.
    pub tenant: Option<String>,
    /// What of the resource, such as a mount point.
    pub detail: Option<String>,
    /// Since when it holds, or held, in ms since the epoch.
    pub since: i64,
    /// When this changed, in ms since the epoch.
    pub timestamp: i64,
    /// The same for clients of the older guide.
    pub data: AlertData,
}

/// What an older client shows.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlertData {
    /// The rule and the resource.
    pub rule_name: String,
    /// As beside it.
    pub current_value: Option<f64>,
    /// As beside it.
    pub threshold: Option<f64>,
    /// As beside it.
    pub severity: Severity,
}

/// What is not over, and what happened within a day.
#[derive(Debug, Default)]
pub(super) struct Alerts(Mutex<Watched>);

#[derive(Debug, Default)]
struct Watched {
    /// Number of the alert to its tenant.
    in_force: HashMap<i64, Option<String>>,
    kept: VecDeque<Alert>,
}

impl Alerts {
    /// Takes in what changed.
    fn take(&self, news: &[Alert], now_ms: i64) {
        let mut watched = lock(&self.0);
        for alert in news {
            match (alert.id, alert.severity) {
                (Some(id), Severity::Resolved) => drop(watched.in_force.remove(&id)),
                (Some(id), _) => drop(watched.in_force.insert(id, alert.tenant.clone())),
                (None, _) => {}
            }
        }
        watched.kept.extend(news.iter().cloned());
        while watched.kept.len() > KEPT_MAX
            || watched.kept.front().is_some_and(|oldest| now_ms.saturating_sub(oldest.timestamp) > KEPT_FOR_MS)
        {
            watched.kept.pop_front();
        }
    }

    /// How many alerts are not over that a view sees.
    pub(super) fn in_force(&self, view: &View) -> usize {
        lock(&self.0).in_force.values().filter(|tenant| view.sees(tenant.as_deref())).count()
    }

    /// What happened since a time, oldest first.
    fn since(&self, from_ms: i64, view: &View) -> Vec<Alert> {
        let watched = lock(&self.0);
        let is_told = |alert: &&Alert| alert.timestamp >= from_ms && view.sees(alert.tenant.as_deref());
        watched.kept.iter().filter(is_told).cloned().collect()
    }
}

impl Alert {
    /// The alert that an application raised by an event.
    pub(super) fn of_event(resource: ResourceId, owned: Option<&Owned>, event: &Event) -> Self {
        let told: Value = serde_json::from_str(&event.payload).unwrap_or_default();
        let text = |field: &str| told[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let severity = match told["severity"].as_str() {
            Some("critical") => Severity::Critical,
            Some("resolved") => Severity::Resolved,
            _ => Severity::Warning,
        };
        let rule_id = text("rule_id").unwrap_or_else(|| SYSTEM_ALERT.to_owned());
        let (threshold, current_value) = (told["threshold"].as_f64(), told["current_value"].as_f64());
        let tenant = event.tenant.clone().or_else(|| owned?.tenant.as_deref().map(str::to_owned));
        Self {
            id: None,
            incident: None,
            condition: text("condition").unwrap_or_default(),
            threshold,
            current_value,
            severity,
            source: Source::Application,
            resource,
            resource_name: owned.map(|owned| owned.name.to_string()),
            tenant,
            detail: text("detail"),
            since: event.time_ms,
            timestamp: event.time_ms,
            data: AlertData {
                rule_name: text("rule_name").unwrap_or_else(|| rule_id.clone()),
                current_value,
                threshold,
                severity,
            },
            rule_id,
        }
    }
}

impl Push {
    /// Takes in the alerts of the last day at a start, oldest first: nobody is told.
    pub fn remember_alerts(&self, known: &[Alert], now_ms: i64) {
        self.0.alerts.take(known, now_ms);
    }

    /// Tells alerts that changed, after they were kept.
    pub fn tell_alerts(&self, news: &[Alert], now_ms: i64) {
        if news.is_empty() {
            return;
        }
        let owners = self.0.owners.with(news.iter().map(|alert| alert.resource), now_ms);
        self.0.alerts.take(news, now_ms);
        let record = |alert: &Alert| Told { resource: alert.resource, owned: owners.get(&alert.resource) }.alert(alert);
        self.0.append(news.iter().map(record).collect(), now_ms);
        self.wake_followers();
    }

    /// The alerts of a stretch of time that a view sees, newest first; at most `max`. Reads history.
    ///
    /// # Errors
    /// 500 when history cannot be read.
    pub fn alerts(&self, from_ms: i64, to_ms: i64, view: &View, max: usize) -> Result<Vec<Alert>, Problem> {
        let mut all = self.0.alerts.since(from_ms, view);
        let owners = self.0.owners.all(to_ms);
        let raised = events(&self.0.store, &[SYSTEM_ALERT.to_owned()], (from_ms, to_ms), view, &owners, max.min(RECORDS_MAX));
        let raised = raised.map_err(|error| crate::api::store_problem(&error))?;
        all.extend(raised.iter().map(|(resource, event)| Alert::of_event(*resource, owners.get(resource), event)));
        all.sort_by_key(|alert| std::cmp::Reverse(alert.timestamp));
        all.truncate(max);
        Ok(all)
    }
}

/// The newest events of some types that a view sees, newest first.
pub(super) fn events(
    store: &Store,
    kinds: &[String],
    (from_ms, to_ms): (i64, i64),
    view: &View,
    owners: &All,
    max: usize,
) -> Result<Vec<(ResourceId, Event)>, farol_store::QueryError> {
    let mut found = Vec::new();
    for range in ranges(view, owners, from_ms, to_ms) {
        let is_of_view = range.tenant.is_some() || *view == View::Whole;
        let question = EventQuery { range, kinds: kinds.to_vec(), before: None, limit: max };
        let some = store.events(&question)?.into_iter();
        // What names its tenant was found by that.
        let some = some.filter(|event| is_of_view || event.record.tenant.is_none());
        found.extend(some.map(|event| (event.resource, event.record)));
    }
    found.sort_by_key(|(_, event)| std::cmp::Reverse(event.time_ms));
    found.truncate(max);
    Ok(found)
}

/// Where records are that a view sees: of a tenant those that name it, and those of its resources.
pub(super) fn ranges(view: &View, owners: &All, from_ms: i64, to_ms: i64) -> Vec<RecordRange> {
    let range = RecordRange { from_ms, to_ms, ..RecordRange::default() };
    let View::Tenant(tenant) = view else { return vec![range] };
    let own: Vec<ResourceId> = owners.iter().filter(|(_, owned)| view.sees(owned.tenant.as_deref())).map(|(id, _)| *id).collect();
    let mut ranges = vec![RecordRange { tenant: Some(tenant.to_string()), ..range.clone() }];
    if !own.is_empty() {
        ranges.push(RecordRange { resources: own, ..range });
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(id: i64, severity: Severity, timestamp: i64) -> Alert {
        let data = AlertData { rule_name: "Queue".to_owned(), current_value: Some(2.0), threshold: Some(1.0), severity };
        Alert {
            id: Some(id),
            incident: Some(1),
            rule_id: "queue".to_owned(),
            condition: "celery.queue.length".to_owned(),
            threshold: Some(1.0),
            current_value: Some(2.0),
            severity,
            source: Source::Rule,
            resource: 3,
            resource_name: None,
            tenant: Some("acme".to_owned()),
            detail: None,
            since: timestamp,
            timestamp,
            data,
        }
    }

    #[test]
    fn an_alert_is_in_force_until_it_is_resolved() {
        let (alerts, acme) = (Alerts::default(), View::Tenant("acme".into()));
        alerts.take(&[alert(1, Severity::Warning, 1), alert(2, Severity::Critical, 2)], 2);
        assert_eq!((alerts.in_force(&View::Whole), alerts.in_force(&acme)), (2, 2));
        assert_eq!(alerts.in_force(&View::Tenant("other".into())), 0);
        alerts.take(&[alert(1, Severity::Critical, 3), alert(2, Severity::Resolved, 4)], 4);
        assert_eq!(alerts.in_force(&View::Whole), 1);
        assert_eq!(alerts.since(3, &acme).len(), 2);
    }

    #[test]
    fn what_is_kept_is_bounded_by_number_and_age() {
        let alerts = Alerts::default();
        for n in 0..=i64::try_from(KEPT_MAX).unwrap() {
            alerts.take(&[alert(n, Severity::Resolved, n)], n);
        }
        assert_eq!(alerts.since(0, &View::Whole).len(), KEPT_MAX);
        alerts.take(&[alert(1, Severity::Warning, 2 * KEPT_FOR_MS)], 2 * KEPT_FOR_MS);
        assert_eq!(alerts.since(0, &View::Whole).len(), 1);
    }

    #[test]
    fn what_applications_raise_is_told_as_far_as_they_say() {
        let event =
            |payload: &str| Event { time_ms: 7, kind: SYSTEM_ALERT.to_owned(), tenant: None, payload: payload.to_owned() };
        let whole = r#"{"rule_id":"queue","condition":"depth","threshold":10,"current_value":12.5,"severity":"critical"}"#;
        let alert = Alert::of_event(3, None, &event(whole));
        assert_eq!((alert.rule_id.as_str(), alert.threshold, alert.current_value), ("queue", Some(10.0), Some(12.5)));
        assert_eq!((alert.severity, alert.data.rule_name.as_str(), alert.timestamp), (Severity::Critical, "queue", 7));
        let bare = Alert::of_event(3, None, &event(r#"["x"]"#));
        assert_eq!((bare.rule_id.as_str(), bare.severity, bare.threshold), (SYSTEM_ALERT, Severity::Warning, None));
    }
}
