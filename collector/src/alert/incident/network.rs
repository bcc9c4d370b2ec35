//! Most agents silent at once: not so many machines have died, the collector has lost its network.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Incidents, Kept, Network, Step, Taking};
use crate::{
    alert::{cause::Found, topology::Topology},
    notify::{Cause, CauseKind},
};

/// Fewest agents of which most are enough: of two, one is no sign.
pub const AGENTS_MIN: usize = 3;

/// Within which time they must fall silent, in milliseconds: a minute.
pub const VANISH_WITHIN_MS: i64 = 60_000;

impl Network {
    /// What is told as the cause.
    pub(super) fn cause(&self) -> Found {
        let cause = Cause {
            kind: CauseKind::Network,
            at_ms: self.at_ms,
            resource: "farol-collector".to_owned(),
            what: format!("{}/{}", self.silent, self.of),
            alert: None,
        };
        Found { cause, tenant: None }
    }
}

impl Incidents {
    /// Finds out whether most agents fell silent at once, and makes their alerts one incident; and whether most are back.
    pub(super) fn look_at_network(&mut self, taking: &mut Taking<'_>, step: &mut Step) {
        let of = taking.topology.agents();
        let silent = self.silent_agents(taking.topology);
        let ongoing =
            self.incidents.values().find(|one| one.network.is_some_and(|network| !network.is_over) && one.closed_ms.is_none());
        if let Some(id) = ongoing.map(|incident| incident.id) {
            self.follow(id, silent.len(), of, taking);
            return;
        }
        let Some(newest) = silent.values().map(|alert| alert.onset_ms).max() else { return };
        let at_once: Vec<&Arc<Kept>> =
            silent.values().filter(|alert| newest.saturating_sub(alert.onset_ms) <= VANISH_WITHIN_MS).collect();
        if of < AGENTS_MIN || at_once.len() * 2 <= of {
            return;
        }
        let network = Network {
            at_ms: at_once.iter().map(|alert| alert.onset_ms).min().unwrap_or(newest),
            silent: at_once.len(),
            of: of.max(at_once.len()),
            is_over: false,
        };
        let places: BTreeSet<i64> = at_once.iter().map(|alert| alert.incident).collect();
        let is_untold = |id: i64| self.incidents.get(&id).is_some_and(|one| one.heard.is_empty() && one.acknowledged.is_none());
        // Who was told of one already is told in that one.
        let Some(into) = places.iter().copied().min_by_key(|id| (is_untold(*id), *id)) else { return };
        let from: Vec<i64> = places.into_iter().filter(|id| *id != into && is_untold(*id)).collect();
        for id in from {
            self.merge(id, into, step);
            taking.touched.remove(&id);
        }
        taking.prints = None;
        taking.touched.insert(into);
        taking.joined.insert(into);
        if let Some(incident) = self.incidents.get_mut(&into).map(Arc::make_mut) {
            incident.network = Some(network);
            incident.news += 1;
            incident.urgent = incident.news;
        }
    }

    /// Goes on with it: it is over when most are back.
    fn follow(&mut self, id: i64, silent: usize, of: usize, taking: &mut Taking<'_>) {
        let Some(incident) = self.incidents.get_mut(&id).map(Arc::make_mut) else { return };
        let Some(network) = &mut incident.network else { return };
        if silent > network.silent {
            network.silent = silent;
            network.of = of.max(silent);
            taking.joined.insert(id);
        }
        network.is_over = silent * 2 <= of;
        taking.touched.insert(id);
    }

    /// Agents that are silent, each by the alert that said so first.
    fn silent_agents(&self, topology: &Topology) -> BTreeMap<String, Arc<Kept>> {
        let mut found: BTreeMap<String, Arc<Kept>> = BTreeMap::new();
        for alert in self.firing().filter(|alert| alert.is_silent && topology.has_agent(alert.resource)) {
            let Some(agent) = &alert.agent else { continue };
            let first = found.entry(agent.clone()).or_insert_with(|| Arc::clone(alert));
            if (alert.onset_ms, alert.id) < (first.onset_ms, first.id) {
                *first = Arc::clone(alert);
            }
        }
        found
    }
}
