//! Alerts: lights that change, and what applications raise by `SystemAlert` events.
//!
//! In: the overview's lines that changed, once a second. Out: an alert for each reason that comes, becomes graver or milder, or goes.
//!
//! Bounded: the newest [`KEPT_MAX`] of a day are kept in memory; reasons in force are at most nine a resource.

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
    owners::{All, Owned, sees},
    records::Told,
};
use crate::{
    access::View,
    live::{
        Line,
        status::{self, Code, Reason, Status},
    },
    problem::Problem,
};

/// The type of the events by which applications raise alerts.
pub(super) const SYSTEM_ALERT: &str = "SystemAlert";

/// For how long alerts are kept, in milliseconds: a day.
pub const KEPT_FOR_MS: i64 = 86_400_000;

/// Most alerts of lights that are kept. At 400 bytes each, 2 MB.
pub const KEPT_MAX: usize = 5_000;

/// After a start every resource is silent until its agent is heard; for so long that is no alert, in milliseconds.
const START_MS: i64 = 30_000;

/// How grave an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It is over.
    Resolved,
    /// A yellow light.
    Warning,
    /// A red light, or silence.
    Critical,
}

/// Who raised an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AlertSource)]
pub enum Source {
    /// A light of the overview changed.
    Light,
    /// An application told a `SystemAlert` event.
    Application,
}

/// Something that went wrong, got worse or better, or is over.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Alert {
    /// What rule: `cpu_high`, `memory_high`, `disk_high`, `silent`, `throttled`, `oom`, `errors_high`, `latency_high`, `no_answer`, or
    /// as the application names it.
    pub rule_id: String,
    /// What is wrong, in words.
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

/// The reasons in force, and what happened within a day.
#[derive(Debug, Default)]
pub(super) struct Alerts(Mutex<Watched>);

#[derive(Debug, Default)]
struct Watched {
    started_ms: Option<i64>,
    is_settled: bool,
    in_force: HashMap<ResourceId, Vec<InForce>>,
    kept: VecDeque<Alert>,
}

#[derive(Debug, Clone)]
struct InForce {
    reason: Reason,
    severity: Severity,
    since_ms: i64,
}

impl Alerts {
    /// Takes lines in, and answers what changed.
    fn take(&self, lines: &[Line], owners: &All, now_ms: i64) -> Vec<Alert> {
        let mut watched = lock(&self.0);
        let mut news = Vec::new();
        for line in lines {
            if line.status == Status::Silent && !line.ended && !watched.is_settled {
                continue;
            }
            let owned = owners.get(&line.id);
            let before = watched.in_force.remove(&line.id).unwrap_or_default();
            let after =
                changes(line, before, now_ms, &mut |severity, one| news.push(of_light(line.id, owned, severity, one, now_ms)));
            if !after.is_empty() {
                watched.in_force.insert(line.id, after);
            }
        }
        watched.kept.extend(news.iter().cloned());
        while watched.kept.len() > KEPT_MAX
            || watched.kept.front().is_some_and(|oldest| now_ms.saturating_sub(oldest.timestamp) > KEPT_FOR_MS)
        {
            watched.kept.pop_front();
        }
        news
    }

    /// Whether the lines must be looked at as a whole: once, when those who are alive have been heard of since the start.
    fn is_to_settle(&self, now_ms: i64) -> bool {
        let mut watched = lock(&self.0);
        let started_ms = *watched.started_ms.get_or_insert(now_ms);
        let is_due = !watched.is_settled && now_ms.saturating_sub(started_ms) >= START_MS;
        watched.is_settled |= is_due;
        is_due
    }

    /// How many reasons are in force that a view sees.
    pub(super) fn in_force(&self, view: &View, owners: &All) -> usize {
        let watched = lock(&self.0);
        watched.in_force.iter().filter(|(id, _)| sees(view, owners, **id)).map(|(_, reasons)| reasons.len()).sum()
    }

    /// What happened since a time, oldest first.
    fn since(&self, from_ms: i64, view: &View) -> Vec<Alert> {
        let watched = lock(&self.0);
        let is_told = |alert: &&Alert| alert.timestamp >= from_ms && view.sees(alert.tenant.as_deref());
        watched.kept.iter().filter(is_told).cloned().collect()
    }
}

/// Compares the reasons of a line with those before, tells the difference, and answers what is in force now.
fn changes(line: &Line, before: Vec<InForce>, now_ms: i64, tell: &mut dyn FnMut(Severity, &InForce)) -> Vec<InForce> {
    let mut after: Vec<InForce> = Vec::new();
    // Whoever ended is no failure.
    let reasons = if line.ended { &[] } else { line.reasons.as_slice() };
    for reason in reasons {
        let known = before.iter().find(|one| one.reason.code == reason.code);
        let severity = severity(reason);
        let one = InForce { reason: reason.clone(), severity, since_ms: known.map_or(now_ms, |known| known.since_ms) };
        if known.is_none_or(|known| known.severity != severity) {
            tell(severity, &one);
        }
        after.push(one);
    }
    for gone in before {
        if after.iter().any(|one| one.reason.code == gone.reason.code) {
            continue;
        }
        if line.status == Status::Silent && !line.ended {
            // Nobody knows: it is over when somebody says so.
            after.push(gone);
        } else {
            tell(Severity::Resolved, &gone);
        }
    }
    after
}

fn severity(reason: &Reason) -> Severity {
    let is_critical = match reason.code {
        Code::CpuHigh | Code::MemoryHigh | Code::DiskHigh => reason.threshold >= status::CRITICAL_ABOVE,
        Code::ErrorsHigh => reason.threshold >= status::ERRORS_CRITICAL_ABOVE,
        Code::LatencyHigh => reason.threshold >= status::LATENCY_CRITICAL_ABOVE_S,
        Code::Silent => true,
        Code::Throttled | Code::Oom | Code::NoAnswer => false,
    };
    if is_critical { Severity::Critical } else { Severity::Warning }
}

/// The rule's name for programs, and for people.
const fn rule(code: Code) -> (&'static str, &'static str, &'static str) {
    match code {
        Code::CpuHigh => ("cpu_high", "CPU high", "CPU in use against its limit"),
        Code::MemoryHigh => ("memory_high", "Memory high", "memory in use against its limit"),
        Code::DiskHigh => ("disk_high", "Disk nearly full", "space in use of a file system"),
        Code::Silent => ("silent", "Silent", "seconds since the newest sample"),
        Code::Throttled => ("throttled", "CPU throttled", "share of scheduler periods that were throttled"),
        Code::Oom => ("oom", "Killed for want of memory", "processes killed for want of memory"),
        Code::ErrorsHigh => ("errors_high", "Too many errors", "share of requests that failed"),
        Code::LatencyHigh => ("latency_high", "Requests too slow", "95th percentile of durations, in seconds"),
        Code::NoAnswer => ("no_answer", "No answer", "whether an outside system answers"),
    }
}

fn of_light(resource: ResourceId, owned: Option<&Owned>, severity: Severity, one: &InForce, now_ms: i64) -> Alert {
    let (rule_id, title, condition) = rule(one.reason.code);
    let name = owned.map_or_else(|| resource.to_string(), |owned| owned.name.to_string());
    let (threshold, current_value) = (Some(one.reason.threshold), Some(one.reason.value));
    Alert {
        rule_id: rule_id.to_owned(),
        condition: condition.to_owned(),
        threshold,
        current_value,
        severity,
        source: Source::Light,
        resource,
        tenant: owned.and_then(|owned| owned.tenant.as_deref().map(str::to_owned)),
        detail: one.reason.detail.clone(),
        since: one.since_ms,
        timestamp: now_ms,
        data: AlertData { rule_name: format!("{title}: {name}"), current_value, threshold, severity },
        resource_name: Some(name),
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
    /// Tells the lights that changed. Called once a second.
    pub(super) fn watch_lights(&self, changed: &[Line], now_ms: i64) {
        let all = self.0.alerts.is_to_settle(now_ms).then(|| self.0.live.lines(now_ms, false));
        let lines = all.as_deref().unwrap_or(changed);
        let is_told = |line: &Line| line.status != Status::Ok;
        let owners = self.0.owners.with(lines.iter().filter(|line| is_told(line)).map(|line| line.id), now_ms);
        let news = self.0.alerts.take(lines, &owners, now_ms);
        if news.is_empty() {
            return;
        }
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
    use crate::live::figures::Latest;

    fn line(status: Status, reasons: &[(Code, f64)]) -> Line {
        let reason = |(code, threshold): &(Code, f64)| Reason { code: *code, value: 0.9, threshold: *threshold, detail: None };
        Line {
            id: 1,
            time: 0,
            status,
            reasons: reasons.iter().map(reason).collect(),
            ended: false,
            latest: Latest::default(),
            agent: "a".into(),
        }
    }

    fn told(alerts: &Alerts, line: &Line, now_ms: i64) -> Vec<(String, Severity, i64)> {
        let news = alerts.take(std::slice::from_ref(line), &All::default(), now_ms);
        news.into_iter().map(|alert| (alert.rule_id, alert.severity, alert.since)).collect()
    }

    fn settled() -> Alerts {
        let alerts = Alerts::default();
        assert!(!alerts.is_to_settle(0));
        assert!(alerts.is_to_settle(START_MS) && !alerts.is_to_settle(START_MS + 1));
        alerts
    }

    #[test]
    fn a_light_tells_when_it_comes_worsens_and_goes_and_not_in_between() {
        let alerts = settled();
        let cpu = |threshold| line(Status::Warning, &[(Code::CpuHigh, threshold)]);
        assert_eq!(told(&alerts, &line(Status::Ok, &[]), 1), []);
        assert_eq!(told(&alerts, &cpu(0.80), 2), [("cpu_high".to_owned(), Severity::Warning, 2)]);
        assert_eq!(told(&alerts, &cpu(0.80), 3), []);
        assert_eq!(told(&alerts, &cpu(0.95), 4), [("cpu_high".to_owned(), Severity::Critical, 2)]);
        let both = line(Status::Critical, &[(Code::CpuHigh, 0.95), (Code::Oom, 0.0)]);
        assert_eq!(told(&alerts, &both, 5), [("oom".to_owned(), Severity::Warning, 5)]);
        assert_eq!(told(&alerts, &line(Status::Ok, &[]), 6).len(), 2);
        assert_eq!(alerts.in_force(&View::Whole, &All::default()), 0);
        assert_eq!(alerts.since(4, &View::Whole).len(), 4);
        assert_eq!(alerts.since(0, &View::Tenant("acme".into())), []);
    }

    #[test]
    fn silence_is_an_alert_and_leaves_open_what_was_wrong_before() {
        let alerts = settled();
        told(&alerts, &line(Status::Warning, &[(Code::DiskHigh, 0.80)]), 1);
        let silent = line(Status::Silent, &[(Code::Silent, 5.0)]);
        assert_eq!(told(&alerts, &silent, 2), [("silent".to_owned(), Severity::Critical, 2)]);
        let back = line(Status::Warning, &[(Code::DiskHigh, 0.80)]);
        assert_eq!(told(&alerts, &back, 3), [("silent".to_owned(), Severity::Resolved, 2)]);
        told(&alerts, &silent, 4);
        let ended = Line { ended: true, ..silent };
        assert_eq!(told(&alerts, &ended, 5).len(), 2, "whoever ended is no failure");
    }

    #[test]
    fn after_a_start_nobody_is_missed_before_there_was_time_to_come() {
        let alerts = Alerts::default();
        alerts.is_to_settle(0);
        assert_eq!(told(&alerts, &line(Status::Silent, &[(Code::Silent, 5.0)]), 1), []);
        alerts.is_to_settle(START_MS);
        assert_eq!(told(&alerts, &line(Status::Silent, &[(Code::Silent, 5.0)]), START_MS).len(), 1);
    }

    #[test]
    fn what_is_kept_is_bounded_by_number_and_age() {
        let alerts = settled();
        for n in 0..i64::try_from(KEPT_MAX).unwrap() {
            told(&alerts, &line(Status::Warning, &[(Code::Oom, 0.0)]), n);
            told(&alerts, &line(Status::Ok, &[]), n);
        }
        assert_eq!(alerts.since(0, &View::Whole).len(), KEPT_MAX);
        told(&alerts, &line(Status::Warning, &[(Code::Oom, 0.0)]), 2 * KEPT_FOR_MS);
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
