//! The broker's own health checks, asked more rarely than the rest: some of them look at every queue.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{
    super::{PollError, http::Answer},
    ask::Api,
    view::{RabbitmqAlarm, RabbitmqHealth},
};

/// How often they are asked.
const EVERY: Duration = Duration::from_secs(30);

/// What is asked. The last ones came with RabbitMQ 4; a broker that does not know one answers 404.
const CHECKS: &[&str] = &[
    "alarms",
    "local-alarms",
    "virtual-hosts",
    "node-is-quorum-critical",
    "ready-to-serve-clients",
    "below-node-connection-limit",
    "is-in-service",
];

/// Longest reason that is told, in bytes.
const REASON_BYTES_MAX: usize = 300;

/// Most alarms that are told.
const ALARMS_MAX: usize = 100;

/// What the health checks said last.
#[derive(Debug, Default)]
pub(super) struct Health {
    asked_at: Option<Instant>,
    /// Whether they did not all answer in time.
    is_slow: bool,
    /// Those that this broker does not offer.
    not_offered: BTreeSet<&'static str>,
    /// What they said.
    pub(super) told: Vec<RabbitmqHealth>,
    /// Alarms that the check of alarms named.
    pub(super) alarms: Vec<RabbitmqAlarm>,
    /// Why they are not known.
    pub(super) missing: Option<PollError>,
}

impl Health {
    /// Asks again when it is time. `within` bounds all of them together: they must not cost the poll the rest of its answers.
    pub(super) async fn follow(&mut self, api: &Api, now: Instant, within: Duration) {
        // After an error at the next poll, as it may be over; but a broker that is slow is left alone.
        if (self.missing.is_none() || self.is_slow) && self.asked_at.is_some_and(|at| now - at < EVERY) {
            return;
        }
        let (mut told, mut alarms) = (Vec::new(), Vec::new());
        (self.missing, self.is_slow) = (None, false);
        for check in CHECKS {
            if self.not_offered.contains(check) {
                continue;
            }
            let Ok(answer) = timeout_at(now + within, api.health(check)).await else {
                self.missing = Some(PollError::unreachable("the health checks took too long: the rest is not known"));
                self.is_slow = true;
                break;
            };
            match answer.and_then(|answer| read(check, &answer)) {
                Ok(Some(health)) => {
                    told.push(health.0);
                    if *check == "alarms" {
                        alarms = health.1;
                    }
                }
                Ok(None) => {
                    self.not_offered.insert(check);
                }
                Err(error) => {
                    self.missing = Some(error);
                    break;
                }
            }
        }
        (self.told, self.alarms, self.asked_at) = (told, alarms, Some(now));
    }
}

/// What one check says; `None` when the broker does not offer it.
fn read(check: &str, answer: &Answer) -> Result<Option<(RabbitmqHealth, Vec<RabbitmqAlarm>)>, PollError> {
    match answer.status {
        200 => Ok(Some((RabbitmqHealth { check: check.to_owned(), ok: true, reason: None }, Vec::new()))),
        404 => Ok(None),
        // The way a failed check is told; a broker that is down tells it without JSON.
        503 => {
            let body: Value = answer.json()?;
            let reason = body.get("reason").map(|reason| reason.as_str().map_or_else(|| reason.to_string(), str::to_owned));
            let reason = reason.map(|mut text| {
                text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
                text
            });
            Ok(Some((RabbitmqHealth { check: check.to_owned(), ok: false, reason }, alarms(&body))))
        }
        _ => Err(answer.refusal()),
    }
}

fn alarms(body: &Value) -> Vec<RabbitmqAlarm> {
    let one = |alarm: &Value| {
        let text = |name: &str| alarm.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(RabbitmqAlarm { node: text("node")?, kind: text("resource")? })
    };
    let list = body.get("alarms").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(one).take(ALARMS_MAX).collect()
}
