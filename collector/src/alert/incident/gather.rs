//! Gathering: which incident an alert belongs to, and which alerts follow from others.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use farol_store::ResourceId;

use super::{
    super::{
        Level,
        topology::{Bond, Topology},
    },
    AlertKey, Held, Incident, Incidents, Kept, Step, Taking,
};

/// For how long after its newest alert something related joins an incident, in milliseconds: 5 min. What is related by tenant only, or by
/// being the only one of its sort, counts from the incident's begin, so that nothing hangs together for ever.
pub const JOIN_MS: i64 = 5 * 60_000;

/// How closely an alert belongs to an incident; the closest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    /// It is the same thing again, or follows from something that is going on there.
    Follows,
    /// The same resource, what carries it, the same service, or a dependency that is told.
    Near,
    /// The same tenant, or the only system of its sort.
    Far,
}

/// A service: tenant, environment, name.
type Service = (Option<String>, Option<String>, String);

/// What an open incident is about.
#[derive(Debug, Default)]
struct Print {
    keys: HashSet<AlertKey>,
    resources: HashSet<ResourceId>,
    /// Resources that fell silent.
    silent: HashSet<ResourceId>,
    /// Resources of which something is critical.
    critical: HashSet<ResourceId>,
    /// What its resources run on.
    below: HashSet<ResourceId>,
    /// What its resources depend on.
    upstream: HashMap<ResourceId, Bond>,
    services: HashSet<Service>,
    tenants: HashSet<String>,
}

/// What open incidents are about, and where to look for an alert among them: many unrelated alerts at once must not each be compared with
/// all others.
#[derive(Debug, Default)]
pub(super) struct Prints {
    by_incident: BTreeMap<i64, Print>,
    places: HashMap<Token, BTreeSet<i64>>,
}

/// Something that an alert and an incident may have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Token {
    Resource(ResourceId),
    Service(Service),
    Tenant(String),
}

impl Prints {
    fn add(&mut self, incident: i64, alert: &Kept, topology: &Topology) {
        for token in tokens(alert, topology) {
            self.places.entry(token).or_default().insert(incident);
        }
        self.by_incident.entry(incident).or_default().add(alert, topology);
    }

    /// Moves what one incident is about to another.
    fn absorb(&mut self, from: i64, into: i64) {
        for incidents in self.places.values_mut() {
            if incidents.remove(&from) {
                incidents.insert(into);
            }
        }
        if let (Some(print), Some(into)) = (self.by_incident.remove(&from), self.by_incident.get_mut(&into)) {
            into.absorb(print);
        }
    }

    /// Incidents that have something in common with an alert.
    fn near(&self, alert: &Kept, topology: &Topology) -> BTreeSet<i64> {
        tokens(alert, topology).iter().filter_map(|token| self.places.get(token)).flatten().copied().collect()
    }
}

/// The resource, what it runs on and depends on, its service and its tenant. Two alerts that are bound have one of them in common, or one's
/// resource is among the other's.
fn tokens(alert: &Kept, topology: &Topology) -> Vec<Token> {
    let upstream = topology.upstream(alert.resource).iter().map(|(id, _)| *id);
    let resources = [alert.resource].into_iter().chain(topology.chain(alert.resource).iter().copied()).chain(upstream);
    let mut found: Vec<Token> = resources.chain(carriers(alert, topology)).map(Token::Resource).collect();
    found.extend(service(alert).map(Token::Service));
    found.extend(alert.tenant.clone().map(Token::Tenant));
    found
}

impl Print {
    fn add(&mut self, alert: &Kept, topology: &Topology) {
        self.keys.insert(alert.key());
        self.resources.insert(alert.resource);
        self.below.extend(topology.chain(alert.resource));
        for (id, bond) in topology.upstream(alert.resource) {
            let known = self.upstream.entry(*id).or_insert(*bond);
            *known = (*known).min(*bond);
        }
        self.services.extend(service(alert));
        self.tenants.extend(alert.tenant.clone());
        if alert.is_firing() && alert.is_silent {
            self.silent.insert(alert.resource);
        }
        if alert.is_firing() && alert.level == Level::Critical {
            self.critical.insert(alert.resource);
        }
    }

    fn absorb(&mut self, other: Self) {
        self.keys.extend(other.keys);
        self.resources.extend(other.resources);
        self.silent.extend(other.silent);
        self.critical.extend(other.critical);
        self.below.extend(other.below);
        self.services.extend(other.services);
        self.tenants.extend(other.tenants);
        for (id, bond) in other.upstream {
            let known = self.upstream.entry(id).or_insert(bond);
            *known = (*known).min(bond);
        }
    }

    /// How an alert belongs to the incident, if it does.
    fn bound(&self, alert: &Kept, incident: &Incident, topology: &Topology) -> Option<Bound> {
        let mut upstream = topology.upstream(alert.resource).iter();
        let follows = self.keys.contains(&alert.key())
            || (alert.is_silent && incident.network.is_some_and(|network| !network.is_over))
            || carriers(alert, topology).any(|id| self.silent.contains(&id))
            || upstream.clone().any(|(id, bond)| *bond == Bond::Told && self.critical.contains(id));
        if follows {
            return Some(Bound::Follows);
        }
        let is_since = |since_ms: i64| alert.onset_ms.saturating_sub(since_ms) <= JOIN_MS;
        let is_near = self.resources.contains(&alert.resource)
            || self.below.contains(&alert.resource)
            || topology.chain(alert.resource).iter().any(|id| self.resources.contains(id))
            || service(alert).is_some_and(|service| self.services.contains(&service))
            || self.upstream.get(&alert.resource) == Some(&Bond::Told)
            || upstream.clone().any(|(id, bond)| *bond == Bond::Told && self.resources.contains(id));
        if is_near && is_since(incident.fired_ms) {
            return Some(Bound::Near);
        }
        let is_far = alert.tenant.as_ref().is_some_and(|tenant| self.tenants.contains(tenant))
            || self.upstream.contains_key(&alert.resource)
            || upstream.any(|(id, _)| self.resources.contains(id));
        (is_far && is_since(incident.opened_ms)).then_some(Bound::Far)
    }
}

fn service(alert: &Kept) -> Option<Service> {
    Some((alert.tenant.clone(), alert.environment.clone(), alert.service.clone()?))
}

/// What an alert's resource runs on, as far as a silence of that explains the alert: for something that is missing, also what its agent
/// speaks for.
fn carriers<'a>(alert: &'a Kept, topology: &'a Topology) -> impl Iterator<Item = ResourceId> + 'a {
    let root = alert.agent.as_deref().filter(|_| alert.is_absence).and_then(|agent| topology.root(agent));
    topology.chain(alert.resource).iter().copied().chain(root.filter(|root| *root != alert.resource))
}

impl Incidents {
    /// The incident that a new alert belongs to; a new one when there is none. Incidents that turn out to be one become one, as long as
    /// nobody was told of both.
    pub(super) fn place_of(&mut self, alert: &Kept, taking: &mut Taking<'_>, step: &mut Step) -> i64 {
        let topology = taking.topology;
        let mut prints = taking.prints.take().unwrap_or_else(|| self.prints(topology));
        let mut near = prints.near(alert, topology);
        if alert.is_silent {
            near.extend(self.incidents.values().filter(|one| one.network.is_some()).map(|one| one.id));
        }
        let mut found: Vec<(Bound, bool, i64)> = Vec::new();
        for id in near {
            let Some(incident) = self.incidents.get(&id).filter(|incident| incident.closed_ms.is_none()) else { continue };
            let bound = prints.by_incident.get(&id).and_then(|print| print.bound(alert, incident, topology));
            found.extend(bound.map(|bound| (bound, incident.heard.is_empty(), id)));
        }
        found.sort_unstable();
        let place = found.first().map_or_else(
            || {
                let id = self.next_incident;
                self.next_incident += 1;
                self.incidents.insert(id, Arc::new(Incident::new(id, alert)));
                id
            },
            |(_, _, id)| *id,
        );
        for (bound, is_untold, id) in found.into_iter().skip(1) {
            let is_free = self.incidents.get(&id).is_some_and(|incident| incident.acknowledged.is_none());
            if bound < Bound::Far && is_untold && is_free {
                self.merge(id, place, step);
                taking.touched.remove(&id);
                taking.joined.insert(place);
                prints.absorb(id, place);
            }
        }
        prints.add(place, alert, topology);
        taking.prints = Some(prints);
        place
    }

    fn prints(&self, topology: &Topology) -> Prints {
        let mut prints = Prints::default();
        for (id, incident) in &self.incidents {
            prints.by_incident.entry(*id).or_default();
            incident.members.iter().filter_map(|id| self.alerts.get(id)).for_each(|alert| prints.add(*id, alert, topology));
        }
        prints
    }

    /// Moves everything of an incident into another. Nobody was told of the first.
    pub(super) fn merge(&mut self, from: i64, into: i64, step: &mut Step) {
        let (Some(gone), true) = (self.incidents.get(&from).cloned(), from != into) else { return };
        let Some(stays) = self.incidents.get_mut(&into).map(Arc::make_mut) else { return };
        for id in &gone.members {
            if let Some(alert) = self.alerts.get_mut(id).map(Arc::make_mut) {
                alert.incident = into;
                alert.news += stays.news;
            }
        }
        stays.news += gone.news;
        stays.members.extend(&gone.members);
        stays.alerts += gone.alerts;
        stays.opened_ms = stays.opened_ms.min(gone.opened_ms);
        stays.onset_ms = stays.onset_ms.min(gone.onset_ms);
        stays.fired_ms = stays.fired_ms.max(gone.fired_ms);
        stays.worst = stays.worst.max(gone.worst);
        stays.mix(gone.tenant.as_deref(), gone.is_mixed);
        self.incidents.remove(&from);
        step.lines.iter_mut().filter(|line| line.incident == from).for_each(|line| line.incident = into);
        step.merged.iter_mut().filter(|(_, to)| *to == from).for_each(|(_, to)| *to = into);
        step.merged.push((from, into));
    }

    /// Finds what the alerts of an incident follow from: what they run on fell silent. What follows no more is news.
    pub(super) fn hold_back(&mut self, id: i64, topology: &Topology) {
        let Some(incident) = self.incidents.get(&id) else { return };
        let firing = || incident.members.iter().filter_map(|id| self.alerts.get(id)).filter(|alert| alert.is_firing());
        let is_network = incident.network.is_some_and(|network| !network.is_over);
        let silent: BTreeMap<ResourceId, i64> =
            firing().filter(|alert| alert.is_silent).map(|alert| (alert.resource, alert.id)).collect();
        let holder = |alert: &Kept| {
            let own = silent.get(&alert.resource).copied().filter(|_| alert.is_absence && !alert.is_silent);
            let held = carriers(alert, topology).filter_map(|id| silent.get(&id).copied()).min().or(own);
            match held {
                _ if is_network && (alert.is_silent || held.is_some()) => Some(Held::Network),
                Some(by) if by != alert.id => Some(Held::By(by)),
                _ => None,
            }
        };
        let turned: Vec<(i64, Option<Held>)> = firing()
            .map(|alert| (alert.id, holder(alert)))
            .filter(|(id, now)| self.alerts.get(id).map(|alert| alert.held) != Some(*now))
            .collect();
        let mut freed: BTreeSet<i64> = BTreeSet::new();
        for (id, now) in turned {
            if let Some(alert) = self.alerts.get_mut(&id).map(Arc::make_mut) {
                alert.held = now;
                freed.extend(now.is_none().then_some(id));
            }
        }
        for alert in freed {
            let (Some(incident), Some(alert)) = (self.incidents.get_mut(&id), self.alerts.get_mut(&alert)) else { continue };
            let incident = Arc::make_mut(incident);
            incident.news += 1;
            Arc::make_mut(alert).news = incident.news;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{change, house, rule, silent},
        *,
    };

    #[test]
    fn whatever_is_bound_is_found_without_comparing_everything() {
        let topology = house();
        let resources = [1, 2, 3, 4, 11, 12, 20, 21, 22, 23, 30, 31, 32, 33];
        let rules = [rule("cpu"), silent()];
        let alert = |rule, resource| Kept::new(1, &change(rule, resource, Level::Ok, Level::Critical, 0), &topology);
        let all: Vec<Kept> = rules.iter().flat_map(|rule| resources.map(|resource| alert(rule, resource))).collect();
        let mut bound = 0;
        for first in &all {
            let mut incident = Incident::new(7, first);
            incident.join(first);
            let mut prints = Prints::default();
            prints.add(7, first, &topology);
            for second in &all {
                if prints.by_incident[&7].bound(second, &incident, &topology).is_some() {
                    bound += 1;
                    assert!(prints.near(second, &topology).contains(&7), "{} and {}", first.resource_name, second.resource_name);
                }
            }
        }
        assert!(bound > all.len(), "{bound}");
    }
}
