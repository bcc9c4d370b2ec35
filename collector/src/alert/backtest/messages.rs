//! Messages: how many notices firings of one rule would have made, as incidents gather them.
//!
//! Alerts of one resource, one service or one tenant that begin within [`TOGETHER_MS`] of each other are one incident: told when it
//! opens, when more join (at most every [`UPDATED_EVERY_MS`]), as a reminder while it is open and nobody acknowledges, and at its end.

use std::collections::HashMap;

use farol_store::{ResourceId, ResourceInfo};

use super::Fired;

/// Alerts that begin within this time are related, in milliseconds.
const TOGETHER_MS: i64 = 300_000;

/// What gathers before the first message, in milliseconds.
const GATHERED_MS: i64 = 10_000;

/// How often an incident's message is brought up to date at most, in milliseconds.
const UPDATED_EVERY_MS: i64 = 300_000;

/// How often is reminded when a rule does not say, in seconds: 4 h.
pub const REMINDED_EVERY_S: u32 = 4 * 3_600;

struct Incident<'a> {
    opened_ms: i64,
    /// When an alert joined last.
    joined_ms: i64,
    told_ms: i64,
    until_ms: i64,
    is_over: bool,
    members: Vec<&'a Fired>,
    messages: u64,
}

/// How many messages a channel would have got. Reminders come every `remind_s` seconds, never when that is 0.
#[must_use]
pub fn messages(fired: &[Fired], known: &HashMap<ResourceId, ResourceInfo>, remind_s: u32, end_ms: i64) -> u64 {
    let mut order: Vec<&Fired> = fired.iter().collect();
    order.sort_by(|one, other| (one.from_ms, &one.subject).cmp(&(other.from_ms, &other.subject)));
    let mut incidents: Vec<Incident<'_>> = Vec::new();
    for alert in order {
        let until_ms = alert.to_ms.unwrap_or(end_ms);
        // Only the newest ones can be within reach: they are in the order of their beginning.
        let near = incidents.iter_mut().rev().take(100);
        let mut near = near.filter(|incident| {
            let is_open = alert.from_ms <= incident.until_ms;
            is_open && alert.from_ms - incident.joined_ms <= TOGETHER_MS
        });
        match near.find(|incident| incident.members.iter().any(|member| is_related(member, alert, known))) {
            Some(incident) => {
                incident.joined_ms = alert.from_ms;
                incident.until_ms = incident.until_ms.max(until_ms);
                incident.is_over &= alert.to_ms.is_some();
                if alert.from_ms - incident.opened_ms > GATHERED_MS && alert.from_ms - incident.told_ms >= UPDATED_EVERY_MS {
                    incident.told_ms = alert.from_ms;
                    incident.messages += 1;
                }
                if incident.members.len() < 100 {
                    incident.members.push(alert);
                }
            }
            None => incidents.push(Incident {
                opened_ms: alert.from_ms,
                joined_ms: alert.from_ms,
                told_ms: alert.from_ms,
                until_ms,
                is_over: alert.to_ms.is_some(),
                members: vec![alert],
                messages: 1,
            }),
        }
    }
    let reminders = |incident: &Incident<'_>| match i64::from(remind_s) * 1_000 {
        0 => 0,
        every_ms => u64::try_from((incident.until_ms - incident.opened_ms) / every_ms).unwrap_or(0),
    };
    incidents.iter().map(|incident| incident.messages + u64::from(incident.is_over) + reminders(incident)).sum()
}

fn is_related(one: &Fired, other: &Fired, known: &HashMap<ResourceId, ResourceInfo>) -> bool {
    if one.subject.resource == other.subject.resource {
        return true;
    }
    let (Some(one), Some(other)) = (known.get(&one.subject.resource), known.get(&other.subject.resource)) else { return false };
    let service = |info: &ResourceInfo| info.resource.attributes.get("service.name").cloned();
    let is_same = |one: Option<String>, other: Option<String>| one.is_some() && one == other;
    is_same(service(one), service(other)) || is_same(one.resource.tenant.clone(), other.resource.tenant.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Level, Subject};

    fn fired(resource: ResourceId, from_s: i64, to_s: Option<i64>) -> Fired {
        let subject = Subject { resource, attributes: std::sync::Arc::default() };
        Fired { subject, level: Level::Warning, from_ms: from_s * 1_000, to_ms: to_s.map(|s| s * 1_000), peak: None }
    }

    fn count(fired: &[Fired]) -> u64 {
        messages(fired, &HashMap::new(), REMINDED_EVERY_S, 100_000_000)
    }

    #[test]
    fn three_firings_far_apart_are_six_messages() {
        assert_eq!(count(&[fired(1, 0, Some(720)), fired(1, 10_000, Some(10_240)), fired(1, 20_000, Some(23_060))]), 6);
    }

    #[test]
    fn what_begins_together_on_one_resource_is_one_incident() {
        assert_eq!(count(&[fired(1, 0, Some(100)), fired(1, 5, Some(90))]), 2);
        assert_eq!(count(&[fired(1, 0, Some(100)), fired(2, 5, Some(90))]), 4, "nothing relates them");
    }

    #[test]
    fn what_goes_on_is_reminded_of_and_has_no_end() {
        let hours = |h: i64| h * 3_600;
        assert_eq!(count(&[fired(1, 0, Some(hours(9)))]), 4);
        assert_eq!(messages(&[fired(1, 0, None)], &HashMap::new(), 3_600, hours(3) * 1_000), 4);
        assert_eq!(messages(&[fired(1, 0, None)], &HashMap::new(), 0, hours(3) * 1_000), 1);
    }
}
