//! What `system_stats` says of the rest of the house: how much waits in queues, and whether database, worker and broker answer.

use std::collections::BTreeMap;

use farol_shared::{batch::SeriesKey, catalog};
use serde_json::Value;

use crate::{
    live::Live,
    pull::{Pull, Slot, State, celery, postgres, rabbitmq, redis},
};

/// Kinds of health checks, and the word under which a panel knows what they check.
const CHECKED: &[(&str, &str)] = &[("postgres", "database"), ("mysql", "database"), ("amqp", "rabbitmq"), ("redis", "redis")];

/// Queues and services at one moment.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Panel {
    /// Messages in all queues of RabbitMQ; without RabbitMQ, tasks in those of Celery. `None` when neither is known now.
    pub(super) queue_size: Option<f64>,
    /// Whether it answers, by the name of a service. Where several stand behind one name, all of them do. A service that was never asked,
    /// or of which nothing is known now, is absent.
    pub(super) services: BTreeMap<&'static str, bool>,
}

impl Panel {
    /// What integrations and health checks know now. Looks at every fresh series: only for listeners.
    pub(super) fn now(pull: &Pull, live: &Live, now_ms: i64) -> Self {
        let mut panel = Self::default();
        for (kind, service) in [(&postgres::KIND, "database"), (&rabbitmq::KIND, "rabbitmq"), (&redis::KIND, "redis")] {
            for slot in pull.of(&[kind.name]) {
                panel.say(service, answers(slot, now_ms));
            }
        }
        for slot in pull.of(&[celery::KIND.name]) {
            panel.say("worker", figure(slot, "celery", "/workers_online", now_ms).map(|online| online > 0.0));
        }
        live.each_current(now_ms, &mut |key, value| {
            if let Some(service) = checked(key) {
                panel.say(service, Some(value > 0.0));
            }
        });
        panel.queue_size = waiting(pull, rabbitmq::KIND.name, "queues", "/totals/total", now_ms)
            .or_else(|| waiting(pull, celery::KIND.name, "celery", "/queued", now_ms));
        panel
    }

    fn say(&mut self, service: &'static str, is_online: Option<bool>) {
        if let Some(is_online) = is_online {
            let all = self.services.entry(service).or_insert(true);
            *all &= is_online;
        }
    }
}

/// Whether what an instance asks answers; unknown before the first answer, in a pause that was asked for, and when nothing was heard
/// for too long.
fn answers(slot: &Slot, now_ms: i64) -> Option<bool> {
    match slot.status(now_ms).state {
        State::Ok | State::Partial => Some(true),
        State::Unreachable | State::BadAnswer => Some(false),
        _ => None,
    }
}

/// A figure of all instances of a kind together.
fn waiting(pull: &Pull, kind: &str, name: &str, path: &str, now_ms: i64) -> Option<f64> {
    pull.of(&[kind]).filter_map(|slot| figure(slot, name, path, now_ms)).reduce(|sum, more| sum + more)
}

/// A number of a snapshot that can stand for now.
fn figure(slot: &Slot, name: &str, path: &str, now_ms: i64) -> Option<f64> {
    let (time_ms, snapshot) = slot.snapshot(name)?;
    if slot.is_old(time_ms, now_ms) {
        return None;
    }
    snapshot.pointer(path).and_then(Value::as_f64)
}

/// The service that a series of a health check speaks of.
fn checked(key: &SeriesKey) -> Option<&'static str> {
    if key.metric != catalog::CHECK_STATE.name {
        return None;
    }
    let (_, kind) = key.attributes.iter().find(|(name, _)| name == "farol.check.kind")?;
    CHECKED.iter().find(|(known, _)| known == kind).map(|(_, service)| *service)
}
