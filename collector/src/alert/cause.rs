//! The likely cause of an incident: what began first of all that is related, and what happened shortly before. No guessing beyond that:
//! the same alerts and happenings give the same cause, in whatever order they came.

use farol_store::ResourceId;
use serde::{Deserialize, Serialize};

use super::{incident::Kept, topology::Topology};
use crate::notify::{Cause, CauseKind};

/// For how long something that happened may cause an alert, in milliseconds: 15 min.
pub const BEFORE_MS: i64 = 15 * 60_000;

/// How much later what carries or serves others may be seen than they are and still be the cause, in milliseconds: 30 s. Rules of both
/// wait for different times.
pub const UPPER_LATE_MS: i64 = 30_000;

/// How much later than an onset something may be told and still be before it, in milliseconds: clocks of two machines differ.
const SLACK_MS: i64 = 5_000;

/// For how long happenings are remembered, in milliseconds: [`BEFORE_MS`], and the longest usual `for`.
pub const REMEMBERED_MS: i64 = BEFORE_MS + 30 * 60_000;

/// Most happenings that are remembered; the oldest go.
pub const HAPPENINGS_MAX: usize = 256;

/// Something that happened to a resource and is no alert, but may cause some.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Happening {
    /// When, in ms since the epoch.
    pub at_ms: i64,
    /// To which resource.
    pub resource: ResourceId,
    /// What sort of thing.
    pub kind: HappeningKind,
    /// The version that was deployed, or the process that was killed; may be empty.
    pub what: String,
}

/// What sort of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HappeningKind {
    /// Another version runs.
    Deploy,
    /// A process was killed for want of memory.
    Oom,
    /// It was started again.
    Restart,
}

/// A cause, and whom it may be told to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The cause.
    pub cause: Cause,
    /// Whose resource it is about.
    pub tenant: Option<String>,
}

/// Takes happenings into those that are remembered: sorted, each once, neither old nor too many. Tells whether there is a new one.
pub fn remember(known: &mut Vec<Happening>, new: &[Happening], now_ms: i64) -> bool {
    let before = known.len();
    for happening in new {
        if now_ms.saturating_sub(happening.at_ms) <= REMEMBERED_MS && !known.contains(happening) {
            known.push(happening.clone());
        }
    }
    if known.len() == before {
        return false;
    }
    known.retain(|happening| now_ms.saturating_sub(happening.at_ms) <= REMEMBERED_MS);
    known.sort();
    let excess = known.len().saturating_sub(HAPPENINGS_MAX);
    known.drain(..excess);
    true
}

/// The likely cause of alerts that belong together; `None` when one alert stands alone and nothing happened before it.
#[must_use]
pub fn find(alerts: &[&Kept], happenings: &[Happening], topology: &Topology) -> Option<Found> {
    let root = root(alerts, topology)?;
    if let Some(happening) = before(root, happenings, topology) {
        return Some(of_happening(happening, root, topology));
    }
    if alerts.len() < 2 {
        return None;
    }
    let is_below = |alert: &&Kept| alert.id != root.id && topology.is_above(root.resource, alert.resource);
    let kind = if topology.is_store(root.resource) && alerts.iter().copied().any(|alert| is_below(&alert)) {
        CauseKind::Dependency
    } else if root.is_silent {
        CauseKind::Host
    } else {
        CauseKind::Alert
    };
    let cause =
        Cause { kind, at_ms: root.onset_ms, resource: root.resource_name.clone(), what: root.name.clone(), alert: Some(root.id) };
    Some(Found { cause, tenant: root.tenant.clone() })
}

/// The alert that began first; of those that began at most [`UPPER_LATE_MS`] later, what carries or serves it goes before.
#[must_use]
pub fn root<'a>(alerts: &[&'a Kept], topology: &Topology) -> Option<&'a Kept> {
    let first = |found: &mut dyn Iterator<Item = &'a Kept>| found.min_by_key(|alert| (alert.onset_ms, alert.id));
    let mut root = first(&mut alerts.iter().copied())?;
    let mut seen = vec![root.id];
    loop {
        let is_upper = |alert: &&Kept| {
            !seen.contains(&alert.id)
                && alert.onset_ms <= root.onset_ms.saturating_add(UPPER_LATE_MS)
                && topology.is_above(alert.resource, root.resource)
        };
        let Some(upper) = first(&mut alerts.iter().copied().filter(is_upper)) else { return Some(root) };
        seen.push(upper.id);
        root = upper;
    }
}

/// What happened to the root, to what carries it, or to what it depends on, shortly before: a deployment or a kill goes before the restart
/// that follows from it, else the earliest.
fn before<'a>(root: &Kept, happenings: &'a [Happening], topology: &Topology) -> Option<&'a Happening> {
    let is_before = |happening: &&Happening| {
        let span = root.onset_ms.saturating_sub(BEFORE_MS)..=root.onset_ms.saturating_add(SLACK_MS);
        span.contains(&happening.at_ms) && is_near(root, happening.resource, topology)
    };
    happenings.iter().filter(is_before).min_by_key(|happening| (happening.kind == HappeningKind::Restart, *happening))
}

fn is_near(root: &Kept, resource: ResourceId, topology: &Topology) -> bool {
    if resource == root.resource
        || topology.is_above(resource, root.resource)
        || topology.chain(resource).contains(&root.resource)
    {
        return true;
    }
    let Some(node) = topology.node(resource) else { return false };
    root.service.is_some()
        && node.service.as_deref() == root.service.as_deref()
        && node.tenant.as_deref() == root.tenant.as_deref()
        && (node.environment.is_none()
            || root.environment.is_none()
            || node.environment.as_deref() == root.environment.as_deref())
}

fn of_happening(happening: &Happening, root: &Kept, topology: &Topology) -> Found {
    let node = topology.node(happening.resource);
    let kind = match happening.kind {
        HappeningKind::Deploy => CauseKind::Deploy,
        HappeningKind::Oom => CauseKind::Oom,
        HappeningKind::Restart => CauseKind::Restart,
    };
    let resource = node.map_or_else(|| root.resource_name.clone(), |node| node.name.to_string());
    let tenant = node.map_or_else(|| root.tenant.clone(), |node| node.tenant.as_deref().map(str::to_owned));
    let cause = Cause { kind, at_ms: happening.at_ms, resource, what: happening.what.clone(), alert: None };
    Found { cause, tenant }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{incident::tests::kept, topology::tests::info};

    fn alert(id: i64, resource: ResourceId, onset_ms: i64) -> Kept {
        Kept { resource, onset_ms, resource_name: format!("r{resource}"), ..kept(id, "rule") }
    }

    fn topology() -> Topology {
        Topology::of(
            &[
                info(1, "host:web-1", None, "a", &[]),
                info(2, "container:shop", Some("host:web-1"), "a", &[("service.name", "shop")]),
                info(3, "service:shop", None, "a", &[]),
                info(4, "external:cache", None, "farol-collector#r", &[("farol.integration.kind", "redis")]),
            ],
            0,
        )
    }

    fn cause(alerts: &[Kept], happenings: &[Happening]) -> Option<(CauseKind, Option<i64>)> {
        let alerts: Vec<&Kept> = alerts.iter().collect();
        find(&alerts, happenings, &topology()).map(|found| (found.cause.kind, found.cause.alert))
    }

    #[test]
    fn what_began_first_is_the_cause_unless_what_it_depends_on_followed_within_half_a_minute() {
        let (p95, redis) = (alert(1, 3, 100_000), alert(2, 4, 107_000));
        assert_eq!(cause(&[p95.clone(), redis.clone()], &[]), Some((CauseKind::Dependency, Some(2))));
        assert_eq!(cause(&[redis.clone(), p95.clone()], &[]), Some((CauseKind::Dependency, Some(2))), "whatever the order");
        let late = Kept { onset_ms: 140_000, ..redis };
        assert_eq!(cause(&[p95, late], &[]), Some((CauseKind::Alert, Some(1))));
    }

    #[test]
    fn a_silent_host_goes_before_what_runs_on_it() {
        let host = Kept { is_silent: true, ..alert(9, 1, 20_000) };
        assert_eq!(cause(&[alert(1, 2, 5_000), host], &[]), Some((CauseKind::Host, Some(9))));
    }

    #[test]
    fn one_alert_alone_has_no_cause_but_what_happened_before_it() {
        let p95 = Kept { service: Some("shop".to_owned()), ..alert(1, 3, 1_000_000) };
        assert_eq!(cause(std::slice::from_ref(&p95), &[]), None);
        let deploy = |minutes: i64, resource| Happening {
            at_ms: 1_000_000 - minutes * 60_000,
            resource,
            kind: HappeningKind::Deploy,
            what: "v2".to_owned(),
        };
        assert_eq!(cause(std::slice::from_ref(&p95), &[deploy(8, 2)]), Some((CauseKind::Deploy, None)));
        assert_eq!(cause(std::slice::from_ref(&p95), &[deploy(16, 2)]), None, "too long ago");
        assert_eq!(cause(std::slice::from_ref(&p95), &[deploy(-1, 2)]), None, "after it");
        assert_eq!(
            cause(std::slice::from_ref(&p95), &[deploy(8, 1)]),
            None,
            "to a machine of which nobody says that it carries it"
        );
        assert_eq!(cause(&[p95], &[deploy(8, 4)]), Some((CauseKind::Deploy, None)), "to what it depends on");
    }

    #[test]
    fn a_deployment_goes_before_the_restart_that_it_caused() {
        let happened = |kind, at_ms| Happening { at_ms, resource: 2, kind, what: String::new() };
        let happenings = [happened(HappeningKind::Restart, 1_000), happened(HappeningKind::Oom, 2_000)];
        assert_eq!(cause(&[alert(1, 2, 3_000)], &happenings), Some((CauseKind::Oom, None)));
    }

    #[test]
    fn what_happened_is_remembered_once_sorted_and_not_for_ever() {
        let happened = |at_ms| Happening { at_ms, resource: 1, kind: HappeningKind::Restart, what: String::new() };
        let mut known = Vec::new();
        assert!(remember(&mut known, &[happened(50), happened(20)], 60));
        assert!(!remember(&mut known, &[happened(20)], 60));
        assert_eq!(known, [happened(20), happened(50)]);
        assert!(remember(&mut known, &[happened(REMEMBERED_MS + 100)], REMEMBERED_MS + 100));
        assert_eq!(known.len(), 1);
        let many: Vec<Happening> = (0..1_000).map(|n| happened(REMEMBERED_MS + n)).collect();
        remember(&mut known, &many, REMEMBERED_MS + 1_000);
        assert_eq!((known.len(), known.last().unwrap().at_ms), (HAPPENINGS_MAX, REMEMBERED_MS + 999));
    }
}
