//! What is due: notices of open incidents, and the end of those that are over.
//!
//! To each channel on its own: that an incident began, after [`GROUP_WAIT_MS`]; news at most every [`UPDATE_EVERY_MS`], at once when it
//! became critical; a reminder while nobody acknowledged; a second channel when that takes too long; and the end, if it was told anything.

use std::sync::Arc;

use serde_json::json;

use super::{Due, Heard, Held, Incident, Incidents, Kept, Step};
use crate::{
    alert::{
        Level,
        cause::Found,
        notice::{self, Newest},
    },
    notify::{Reason, route::Recipient},
};

/// For how long alerts gather before the first notice, in milliseconds: 10 s. What falls together is told together.
pub const GROUP_WAIT_MS: i64 = 10_000;

/// How often an incident is told again because of news, in milliseconds: 5 min.
pub const UPDATE_EVERY_MS: i64 = 5 * 60_000;

/// After how many seconds an incident is told again when its rules say nothing: 4 h.
pub const REMIND_S: u32 = 4 * 3_600;

/// What one channel may hear of an incident now.
struct Hearing<'a> {
    recipient: &'a Recipient,
    /// On whose behalf it hears.
    listener: &'a Recipient,
    /// What fires and is to be told.
    told: Vec<&'a Kept>,
    /// How many it hears of, those held back included.
    all: usize,
    level: Level,
}

impl Incidents {
    /// Ends what is over, and makes the notices that are due.
    pub fn due(&mut self, recipients: &[Recipient], newest: &dyn Newest, now_ms: i64, step: &mut Step) {
        let is_recent = |times: &Vec<i64>| times.last().is_some_and(|last| now_ms.saturating_sub(*last) < super::FLAP_WINDOW_MS);
        self.lately.retain(|_, times| is_recent(times));
        let ids: Vec<i64> = self.incidents.keys().copied().collect();
        for id in ids {
            let Some(incident) = self.incidents.get(&id).cloned() else { continue };
            let mut now = Incident::clone(&incident);
            if self.is_over(&incident, now_ms) {
                self.close(&mut now, recipients, newest, now_ms, step);
            } else {
                for recipient in recipients {
                    self.tell(&mut now, recipient, recipients, newest, now_ms, step);
                }
            }
            if now != *incident {
                self.incidents.insert(id, Arc::new(now));
            }
        }
    }

    /// Whether nothing fires any more, and what flapped has been quiet for long enough.
    fn is_over(&self, incident: &Incident, now_ms: i64) -> bool {
        let mut members = incident.members.iter().filter_map(|id| self.alerts.get(id));
        incident.closed_ms.is_none()
            && members.all(|alert| !alert.is_firing() && self.flaps_until(&alert.key()).is_none_or(|until| now_ms >= until))
    }

    fn close(&self, now: &mut Incident, recipients: &[Recipient], newest: &dyn Newest, now_ms: i64, step: &mut Step) {
        now.closed_ms = Some(now_ms);
        (now.level, now.firing, now.held, now.is_silenced) = (now.worst, 0, 0, false);
        step.line(now.id, now_ms, "closed", json!({}));
        let told: Vec<(String, Heard)> = now.heard.clone().into_iter().collect();
        for (channel, heard) in told {
            let Some(recipient) = recipients.iter().find(|one| one.id == channel && one.is_enabled) else { continue };
            let listener = listener(recipient, Some(&heard), recipients);
            let members = now.members.iter().filter_map(|id| self.alerts.get(id)).map(|alert| &**alert);
            let told: Vec<&Kept> = members.filter(|alert| alert.is_heard_by(listener, recipients)).collect();
            let hearing = Hearing { recipient, listener, all: told.len(), told, level: heard.level };
            // The end of what was critical is worth waking up for.
            let not_before_ms = recipient.quiet_until_ms(heard.level, now_ms).unwrap_or(now_ms);
            make(now, &hearing, Reason::Resolved, newest, (now_ms, not_before_ms), step);
        }
    }

    /// Tells a channel what is due to it, one thing at a time.
    fn tell(
        &self,
        now: &mut Incident,
        recipient: &Recipient,
        recipients: &[Recipient],
        newest: &dyn Newest,
        now_ms: i64,
        step: &mut Step,
    ) {
        let heard = now.heard.get(&recipient.id).cloned();
        let listener = listener(recipient, heard.as_ref(), recipients);
        let hearing = self.hearing(now, recipient, listener, recipients);
        if let Some(heard) = now.heard.get_mut(&recipient.id) {
            // Told to be critical once, it waits for somebody only as long as it is.
            heard.critical_ms = match hearing.level {
                Level::Critical if heard.level == Level::Critical => heard.critical_ms.or(Some(now_ms)),
                _ => None,
            };
        }
        if hearing.told.is_empty() || !recipient.is_enabled {
            return;
        }
        let is_quiet = recipient.quiet_until_ms(hearing.level, now_ms).is_some();
        let reason = match &heard {
            None => (now_ms >= now.opened_ms.saturating_add(GROUP_WAIT_MS)).then_some(Reason::Opened),
            Some(heard) => again(now, &hearing, heard, now_ms),
        };
        if let Some(reason) = reason.filter(|_| !is_quiet) {
            make(now, &hearing, reason, newest, (now_ms, now_ms), step);
        }
        let heard = now.heard.get(&recipient.id).cloned();
        let Some(heard) = heard.filter(|heard| is_waiting_for_somebody(now, &hearing, heard, now_ms)) else { return };
        let second = recipients.iter().find(|one| Some(&one.id) == recipient.escalate_to.as_ref() && one.id != recipient.id);
        let Some(second) = second.filter(|one| one.is_enabled && hearing.told.iter().all(|a| one.may_know(a.tenant.as_deref())))
        else {
            return;
        };
        if second.quiet_until_ms(hearing.level, now_ms).is_some() {
            return;
        }
        now.heard.insert(recipient.id.clone(), Heard { is_escalated: true, ..heard });
        let hearing = Hearing { recipient: second, ..hearing };
        let is_new = !now.heard.contains_key(&second.id);
        make(now, &hearing, Reason::Escalated, newest, (now_ms, now_ms), step);
        if let Some(heard) = now.heard.get_mut(&second.id).filter(|_| is_new) {
            heard.via = Some(recipient.id.clone());
        }
    }

    /// What a channel may hear: what it is meant to hear, fires and is not silenced, and does not follow from something else that it hears.
    fn hearing<'a>(
        &'a self,
        incident: &Incident,
        recipient: &'a Recipient,
        listener: &'a Recipient,
        recipients: &[Recipient],
    ) -> Hearing<'a> {
        let members = incident.members.iter().filter_map(|id| self.alerts.get(id)).map(|alert| &**alert);
        let heard: Vec<&Kept> = members.filter(|alert| alert.is_firing() && alert.is_heard_by(listener, recipients)).collect();
        let is_explained = |alert: &Kept| match alert.held {
            Some(Held::By(by)) => heard.iter().any(|other| other.id == by),
            Some(Held::Network) | None => false,
        };
        let told: Vec<&Kept> =
            heard.iter().copied().filter(|alert| alert.silenced_by.is_none() && !is_explained(alert)).collect();
        let level = told.iter().map(|alert| alert.level).max().unwrap_or_default();
        Hearing { recipient, listener, all: heard.iter().filter(|alert| alert.silenced_by.is_none()).count(), told, level }
    }
}

/// The channel whose routing counts: of a second channel that of the first.
fn listener<'a>(recipient: &'a Recipient, heard: Option<&Heard>, recipients: &'a [Recipient]) -> &'a Recipient {
    let via = heard.and_then(|heard| heard.via.as_ref());
    via.and_then(|via| recipients.iter().find(|one| one.id == *via)).unwrap_or(recipient)
}

/// Why a channel that has heard of an incident hears of it again, if it does.
fn again(now: &Incident, hearing: &Hearing<'_>, heard: &Heard, now_ms: i64) -> Option<Reason> {
    let since_ms = now_ms.saturating_sub(heard.last_ms);
    let newest = hearing.told.iter().map(|alert| alert.news).max().unwrap_or_default();
    let is_graver = hearing.level == Level::Critical && heard.level < Level::Critical;
    let is_news = newest > heard.news || now.urgent > heard.news || is_graver;
    if is_news && (is_graver || now.urgent > heard.news || since_ms >= UPDATE_EVERY_MS) {
        return Some(Reason::Updated);
    }
    let every = hearing.told.iter().map(|alert| alert.remind_s.unwrap_or(REMIND_S)).filter(|seconds| *seconds > 0).min();
    let is_due = every.is_some_and(|seconds| since_ms >= i64::from(seconds) * 1_000);
    (is_due && now.acknowledged.is_none()).then_some(Reason::Reminder)
}

/// Whether a channel has told of something critical for too long without anybody saying that they look at it.
fn is_waiting_for_somebody(now: &Incident, hearing: &Hearing<'_>, heard: &Heard, now_ms: i64) -> bool {
    let waits = |since_ms: i64| now_ms.saturating_sub(since_ms) >= hearing.recipient.escalate_after_ms;
    hearing.recipient.escalate_to.is_some()
        && !heard.is_escalated
        && now.acknowledged.is_none()
        && hearing.level == Level::Critical
        && heard.critical_ms.is_some_and(waits)
}

/// Makes a notice, and remembers what the channel has heard with it.
fn make(
    now: &mut Incident,
    hearing: &Hearing<'_>,
    reason: Reason,
    newest: &dyn Newest,
    (now_ms, not_before_ms): (i64, i64),
    step: &mut Step,
) {
    let channel = &hearing.recipient.id;
    let mut heard = now.heard.get(channel).cloned().unwrap_or_default();
    heard.notices += 1;
    let cause = now.cause.as_ref().filter(|found| may_know_cause(hearing, found)).map(|found| found.cause.clone());
    let draft = notice::Draft {
        key: format!("{}-{}-{channel}", now.id, heard.notices),
        incident: now,
        reason,
        level: hearing.level,
        alerts: &hearing.told,
        all: hearing.all,
        cause,
        at_ms: now_ms,
    };
    let notice = notice::build(&draft, newest);
    let kind = match reason {
        Reason::Reminder => "reminded",
        Reason::Escalated => "escalated",
        Reason::Opened | Reason::Updated | Reason::Resolved | Reason::Test => "told",
    };
    let body = json!({ "channel": channel, "reason": reason, "number": heard.notices, "level": hearing.level });
    step.line(now.id, now_ms, kind, body);
    step.notices.push(Due { channel: channel.clone(), notice, not_before_ms });
    heard.last_ms = now_ms;
    heard.news = now.news;
    heard.level = heard.level.max(hearing.level);
    if hearing.level == Level::Critical {
        heard.critical_ms.get_or_insert(now_ms);
    }
    now.heard.insert(channel.clone(), heard);
}

/// Whether a channel may be told a cause: that of a resource of its own tenant, or anything when it is the house's.
fn may_know_cause(hearing: &Hearing<'_>, found: &Found) -> bool {
    hearing.recipient.may_know(found.tenant.as_deref()) && hearing.listener.may_know(found.tenant.as_deref())
}
