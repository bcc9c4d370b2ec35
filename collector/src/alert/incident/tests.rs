//! A small house of machines, services and brokers, and what becomes of their alerts.

use super::*;
use crate::{
    alert::{
        Rule, Subject,
        cause::HappeningKind,
        notice::NothingNewer,
        rule::{Aggregate, Comparison, Condition, Scope, SeriesCondition, SilentCondition},
        topology::tests::info,
    },
    notify::{CauseKind, Notice, Reason, route::Recipient},
};

mod flapping;
mod gathering;
mod silenced;
mod told;

pub(crate) const SECOND_MS: i64 = 1_000;
pub(crate) const MINUTE_MS: i64 = 60 * SECOND_MS;

/// Some instant: Monday, 16 November 2026, 12:00 UTC.
pub(crate) const NOON_MS: i64 = 1_794_830_400_000;

pub(crate) fn rule(id: &str) -> Rule {
    Rule {
        id: id.to_owned(),
        name: id.to_owned(),
        enabled: true,
        tenant: None,
        condition: Condition::Series(SeriesCondition {
            metric: format!("test.{id}"),
            attributes: Vec::new(),
            resources: Scope::default(),
            by: None,
            divided_by: None,
            aggregate: Aggregate::Mean,
            quantile: None,
            window_s: 60,
            comparison: Comparison::Above,
            against: crate::alert::rule::Against::Nothing,
        }),
        warning: Some(0.8),
        critical: Some(0.95),
        for_s: 0,
        recovery: 0.0,
        resolve_after_s: 0,
        no_data_s: None,
        channels: Vec::new(),
        remind_s: None,
        message: None,
        runbook: None,
    }
}

/// The rule about silence.
pub(crate) fn silent() -> Rule {
    Rule { condition: Condition::Silent(SilentCondition::default()), ..rule("silent") }
}

/// An alert of a rule about a resource that nobody knows.
pub(crate) fn kept(id: i64, rule_id: &str) -> Kept {
    let change = change(&rule(rule_id), 1, Level::Ok, Level::Warning, 0);
    Kept::new(id, &change, &Topology::default())
}

pub(crate) fn change(rule: &Rule, resource: u32, from: Level, to: Level, at_ms: i64) -> Change {
    Change {
        rule: Arc::new(rule.clone()),
        subject: Subject { resource, attributes: Arc::default() },
        from,
        to,
        onset_ms: at_ms - i64::from(rule.for_s) * SECOND_MS,
        at_ms,
        value: Some(0.9),
        threshold: Some(0.8),
        unit: "1".into(),
    }
}

/// Hosts 1 to 4 with an agent each; on the first the containers 11 and 12; services, a Redis, a RabbitMQ and two Celery applications.
pub(crate) fn house() -> Topology {
    let integration = |id, name: &str, kind: &str, target: &str| {
        info(
            id,
            &format!("external:{name}"),
            None,
            &format!("farol-collector#{kind}/{name}"),
            &[("farol.integration.kind", kind), ("farol.integration.target", target)],
        )
    };
    let mut all = vec![
        info(11, "container:shop", Some("host:web-1"), "web-1", &[("service.name", "shop")]),
        info(12, "container:mail", Some("host:web-1"), "web-1", &[]),
        info(20, "service:shop", None, "web-1", &[]),
        info(21, "service:acme-one", None, "web-2", &[("tenant", "acme")]),
        info(22, "service:acme-two", None, "web-3", &[("tenant", "acme")]),
        info(23, "service:other", None, "web-3", &[("tenant", "other")]),
        integration(30, "cache", "redis", "10.0.0.1:6379"),
        integration(31, "mq", "rabbitmq", "mq.local:15672"),
        integration(32, "tasks", "celery", "rabbitmq mq.local:5672"),
        integration(33, "jobs", "celery", "rabbitmq mq.local:5672"),
    ];
    for id in 1..=4 {
        all.push(info(id, &format!("host:web-{id}"), None, &format!("web-{id}"), &[]));
    }
    Topology::of(&all, 0)
}

/// The incidents of the house, and what was told of them.
pub(crate) struct World {
    pub(crate) incidents: Incidents,
    pub(crate) topology: Topology,
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) now_ms: i64,
    /// Lines of all timelines.
    pub(crate) lines: Vec<Line>,
}

impl World {
    pub(crate) fn new(recipients: Vec<Recipient>) -> Self {
        let incidents = Incidents::open(Opened::default());
        Self { incidents, topology: house(), recipients, now_ms: NOON_MS, lines: Vec::new() }
    }

    /// A step of the keeper, without the disk.
    pub(crate) fn step(&mut self, changes: &[Change], happenings: &[Happening]) -> Vec<Due> {
        let mut next = self.incidents.clone();
        let mut step = next.take(changes, &self.topology, happenings, self.now_ms);
        next.due(&self.recipients, &NothingNewer, self.now_ms, &mut step);
        next.count_on_from(&self.incidents);
        next.forget_what_is_over();
        self.incidents = next;
        self.lines.extend(step.lines);
        step.notices
    }

    /// Lets seconds pass; answers what is told in them, in words.
    pub(crate) fn pass(&mut self, seconds: i64) -> Vec<String> {
        let mut told = Vec::new();
        for _ in 0..seconds {
            self.now_ms += SECOND_MS;
            told.extend(self.step(&[], &[]));
        }
        words(&told)
    }

    pub(crate) fn turn(&mut self, rule: &Rule, resource: u32, from: Level, to: Level) -> Vec<String> {
        let change = change(rule, resource, from, to, self.now_ms);
        words(&self.step(&[change], &[]))
    }

    pub(crate) fn fire(&mut self, rule_id: &str, resource: u32, level: Level) -> Vec<String> {
        self.turn(&rule(rule_id), resource, Level::Ok, level)
    }

    pub(crate) fn resolve(&mut self, rule_id: &str, resource: u32) -> Vec<String> {
        self.turn(&rule(rule_id), resource, Level::Warning, Level::Ok)
    }

    pub(crate) fn happen(&mut self, kind: HappeningKind, resource: u32, seconds_ago: i64) {
        let at_ms = self.now_ms - seconds_ago * SECOND_MS;
        self.step(&[], &[Happening { at_ms, resource, kind, what: "v2".to_owned() }]);
    }

    /// The open incidents: how many alerts each has.
    pub(crate) fn sizes(&self) -> Vec<u64> {
        self.incidents.incidents().values().map(|incident| incident.alerts).collect()
    }

    pub(crate) fn only(&self) -> &Incident {
        let [incident] = &self.incidents.incidents().values().collect::<Vec<_>>()[..] else {
            panic!("one incident: {:?}", self.incidents.incidents())
        };
        incident
    }

    pub(crate) fn cause(&self) -> Option<(CauseKind, String)> {
        self.only().cause.as_ref().map(|found| (found.cause.kind, found.cause.resource.clone()))
    }

    pub(crate) fn acknowledge(&mut self, incident: i64) {
        let who = Acknowledged { by: "ana".to_owned(), at_ms: self.now_ms };
        self.incidents.set_acknowledged(&BTreeMap::from([(incident, who)]));
    }
}

/// Notices in words: channel, reason, incident.
pub(crate) fn words(told: &[Due]) -> Vec<String> {
    let word = |reason: Reason| format!("{reason:?}").to_lowercase();
    told.iter().map(|due| format!("{} {} {}", due.channel, word(due.notice.reason), due.notice.incident)).collect()
}

pub(crate) fn alert_ids(notice: &Notice) -> Vec<i64> {
    notice.alerts.iter().map(|alert| alert.id).collect()
}
