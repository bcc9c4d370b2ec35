//! Incidents: alerts that belong together, told as one.
//!
//! In: changes of alerts, what happened beside them, and the time. Out: alerts and incidents as they are from now on, and a [`Step`]:
//! what is to be written with them. Pure: no clock, no disk, and nothing is remembered that is not part of an alert's or incident's row
//! (or of the few happenings), so that a start goes on where the last run was.
//!
//! An alert joins an incident when it is about the same resource, what that runs on, the same service or tenant, or about what one of them
//! depends on, and began within [`JOIN_MS`] ([`gather`]). What runs on something silent is held back. Most agents silent at once are one
//! incident of the collector's own network ([`network`]). What is told, and when, is decided in [`due`].
//!
//! Bounded: [`OPEN_MAX`] alerts that fire; of each open incident the newest [`OVER_MAX`] that are over.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::json;

use super::{
    Change, Level, Subject,
    cause::{self, Happening},
    silence::Silence,
    topology::Topology,
};

mod due;
mod gather;
pub mod kept;
mod network;
pub mod step;

pub use due::{GROUP_WAIT_MS, REMIND_S, UPDATE_EVERY_MS};
pub use gather::JOIN_MS;
pub use kept::{Acknowledged, AlertKey, Heard, Held, Incident, Kept, Network, Title};
pub use network::{AGENTS_MIN, VANISH_WITHIN_MS};
pub use step::{Due, Line, Step, Told};

/// Most alerts that fire at once. Beyond it people need no more lines but fewer rules; those left out are counted.
pub const OPEN_MAX: usize = 10_000;

/// Most alerts that are over and kept in memory of an open incident: more than its last notice tells.
pub const OVER_MAX: usize = 50;

/// An alert that changed more often than this within [`FLAP_WINDOW_MS`] flaps.
pub const FLAP_TRANSITIONS: usize = 4;

/// Within which time changes are counted, and for how long it must be quiet afterwards, in milliseconds: 10 min.
pub const FLAP_WINDOW_MS: i64 = 10 * 60_000;

/// Everything open.
#[derive(Debug, Clone, Default)]
pub struct Incidents {
    incidents: BTreeMap<i64, Arc<Incident>>,
    alerts: BTreeMap<i64, Arc<Kept>>,
    open: BTreeMap<AlertKey, i64>,
    /// When alerts of a rule about a subject last began and ended, as far as flapping needs it.
    lately: BTreeMap<AlertKey, Vec<i64>>,
    happenings: Arc<Vec<Happening>>,
    silences: Arc<[Silence]>,
    /// Silences that held at the last look; `None` when all alerts are to be looked at again.
    active: Option<Vec<i64>>,
    next_incident: i64,
    next_alert: i64,
}

/// What is kept on disk of everything open.
#[derive(Debug, Default)]
pub struct Opened {
    /// Open incidents.
    pub incidents: Vec<Incident>,
    /// Their alerts: all that fire, of each incident the newest [`OVER_MAX`] that are over.
    pub alerts: Vec<Kept>,
    /// When alerts lately began and ended.
    pub lately: Vec<(AlertKey, i64)>,
    /// What happened.
    pub happenings: Vec<Happening>,
    /// Highest number of an incident so far.
    pub last_incident: i64,
    /// Highest number of an alert so far.
    pub last_alert: i64,
}

impl Incidents {
    /// Goes on from what is kept.
    #[must_use]
    pub fn open(kept: Opened) -> Self {
        let mut all = Self {
            happenings: Arc::new(kept.happenings),
            next_incident: kept.last_incident + 1,
            next_alert: kept.last_alert + 1,
            ..Self::default()
        };
        let mut incidents: BTreeMap<i64, Incident> = kept.incidents.into_iter().map(|one| (one.id, one)).collect();
        for alert in kept.alerts {
            let Some(incident) = incidents.get_mut(&alert.incident) else { continue };
            incident.members.insert(alert.id);
            if alert.is_firing() {
                all.open.insert(alert.key(), alert.id);
            }
            all.alerts.insert(alert.id, Arc::new(alert));
        }
        all.incidents = incidents.into_iter().map(|(id, incident)| (id, Arc::new(incident))).collect();
        let mut lately = kept.lately;
        lately.sort_by_key(|(_, at_ms)| *at_ms);
        for (key, at_ms) in lately {
            all.note(key, at_ms);
        }
        all
    }

    /// Open incidents by number.
    #[must_use]
    pub const fn incidents(&self) -> &BTreeMap<i64, Arc<Incident>> {
        &self.incidents
    }

    /// Alerts of open incidents by number.
    #[must_use]
    pub const fn alerts(&self) -> &BTreeMap<i64, Arc<Kept>> {
        &self.alerts
    }

    /// What happened lately.
    #[must_use]
    pub fn happenings(&self) -> &[Happening] {
        &self.happenings
    }

    /// Alerts that fire.
    pub fn firing(&self) -> impl Iterator<Item = &Arc<Kept>> {
        self.open.values().filter_map(|id| self.alerts.get(id))
    }

    /// The alert of a rule about a subject, when it fires.
    #[must_use]
    pub fn firing_of(&self, rule: &str, subject: &Subject) -> Option<&Arc<Kept>> {
        self.open.get(&(rule.to_owned(), subject.clone())).and_then(|id| self.alerts.get(id))
    }

    /// Takes over the furthest values that were judged, into the alerts that change anyway.
    pub fn see_peaks(&mut self, peaks: &std::collections::HashMap<i64, f64>, changes: &[Change]) {
        for change in changes {
            let Some(id) = self.open.get(&(change.rule.id.clone(), change.subject.clone())) else { continue };
            if let (Some(peak), Some(alert)) = (peaks.get(id), self.alerts.get_mut(id)) {
                Arc::make_mut(alert).see(*peak);
            }
        }
    }

    /// Replaces the silences; all alerts are looked at again.
    pub fn set_silences(&mut self, silences: Vec<Silence>) {
        self.silences = silences.into();
        self.active = None;
    }

    /// Takes over who acknowledged what, as it is kept: incident, who. Those that are not named are not acknowledged.
    pub fn set_acknowledged(&mut self, acknowledged: &BTreeMap<i64, Acknowledged>) {
        for (id, incident) in &mut self.incidents {
            let now = acknowledged.get(id);
            if incident.acknowledged.as_ref() != now {
                Arc::make_mut(incident).acknowledged = now.cloned();
            }
        }
    }

    /// Takes changes of alerts and what happened beside them.
    pub fn take(&mut self, changes: &[Change], topology: &Topology, happenings: &[Happening], now_ms: i64) -> Step {
        let mut step =
            Step { is_happening: cause::remember(Arc::make_mut(&mut self.happenings), happenings, now_ms), ..Step::default() };
        let mut touched = BTreeSet::new();
        self.look_at_silences(now_ms, &mut step, &mut touched);
        if step.is_happening {
            touched.extend(self.incidents.keys());
        }
        let mut order: Vec<&Change> = changes.iter().collect();
        // What carries others goes first, so that they find its incident.
        order.sort_by_key(|change| (change.at_ms, topology.chain(change.subject.resource).len()));
        let mut taking = Taking { topology, now_ms, prints: None, touched, joined: BTreeSet::new(), is_silence: false };
        for change in order {
            self.turn(change, &mut taking, &mut step);
        }
        if taking.is_silence {
            self.look_at_network(&mut taking, &mut step);
        }
        let Taking { touched, joined, .. } = taking;
        for id in touched {
            self.settle(id, topology, step.is_happening || joined.contains(&id), now_ms, &mut step);
        }
        step
    }

    /// Ends alerts whose rule is known no more. Answers them as changes that happened.
    pub fn end_of_rules(&mut self, is_known: &dyn Fn(&str) -> bool, topology: &Topology, now_ms: i64) -> Step {
        let mut step = Step::default();
        let gone: Vec<AlertKey> = self.open.keys().filter(|(rule, _)| !is_known(rule)).cloned().collect();
        let mut touched = BTreeSet::new();
        for key in gone {
            if let Some(id) = self.open.get(&key).copied() {
                touched.extend(self.resolve(id, None, now_ms, &mut step));
            }
        }
        for id in touched {
            self.settle(id, topology, false, now_ms, &mut step);
        }
        step
    }

    /// One change. A change that says what is known already changes nothing, so that it may come again after a failure.
    fn turn(&mut self, change: &Change, taking: &mut Taking<'_>, step: &mut Step) {
        let key = (change.rule.id.clone(), change.subject.clone());
        taking.is_silence |= matches!(change.rule.condition, super::rule::Condition::Silent(_));
        match (self.open.get(&key).copied(), change.to) {
            (None, Level::Ok) => {}
            (None, _) => self.fire(change, taking, step),
            (Some(id), Level::Ok) => taking.touched.extend(self.resolve(id, change.value, change.at_ms, step)),
            (Some(id), to) => taking.touched.extend(self.turn_level(id, to, change, step)),
        }
    }

    fn fire(&mut self, change: &Change, taking: &mut Taking<'_>, step: &mut Step) {
        if self.open.len() >= OPEN_MAX {
            step.left_out += 1;
            return;
        }
        let mut alert = Kept::new(self.next_alert, change, taking.topology);
        self.next_alert += 1;
        alert.incident = self.place_of(&alert, taking, step);
        let (id, at_ms) = (alert.id, alert.fired_ms);
        self.note(alert.key(), at_ms);
        self.open.insert(alert.key(), id);
        taking.touched.insert(alert.incident);
        taking.joined.insert(alert.incident);
        if alert.onset_ms < at_ms {
            step.about(&alert, alert.onset_ms, "pending");
        }
        step.about(&alert, at_ms, "fired");
        self.silence_one(&mut alert, taking.now_ms, step);
        let incident = Arc::make_mut(self.incidents.get_mut(&alert.incident).expect("its place was found or made"));
        // Of the collector's own network enough is said with the first.
        let is_told = incident.network.is_none_or(|network| network.is_over) || !alert.is_silent;
        if is_told {
            incident.news += 1;
            alert.news = incident.news;
        }
        incident.join(&alert);
        self.alerts.insert(id, Arc::new(alert));
    }

    fn turn_level(&mut self, id: i64, to: Level, change: &Change, step: &mut Step) -> Option<i64> {
        let alert = Arc::make_mut(self.alerts.get_mut(&id)?);
        let was = alert.level;
        (alert.value, alert.threshold) = (finite(change.value).or(alert.value), change.threshold.or(alert.threshold));
        if let Some(value) = change.value {
            alert.see(value);
        }
        if to == was {
            return None;
        }
        alert.level = to;
        let is_worst = to > alert.worst;
        alert.worst = alert.worst.max(to);
        let incident = Arc::make_mut(self.incidents.get_mut(&alert.incident)?);
        if is_worst {
            incident.news += 1;
            alert.news = incident.news;
        }
        step.about(alert, change.at_ms, if to > was { "worse" } else { "better" });
        Some(alert.incident)
    }

    fn resolve(&mut self, id: i64, value: Option<f64>, at_ms: i64, step: &mut Step) -> Option<i64> {
        let alert = Arc::make_mut(self.alerts.get_mut(&id)?);
        alert.resolved_ms = Some(at_ms.max(alert.fired_ms));
        alert.value = finite(value).or(alert.value);
        step.about(alert, at_ms, "resolved");
        let (key, incident) = (alert.key(), alert.incident);
        self.open.remove(&key);
        self.note(key, at_ms);
        Some(incident)
    }

    /// Remembers that an alert began or ended.
    fn note(&mut self, key: AlertKey, at_ms: i64) {
        let times = self.lately.entry(key).or_default();
        times.push(at_ms);
        times.retain(|time| at_ms.saturating_sub(*time) < FLAP_WINDOW_MS);
        let excess = times.len().saturating_sub(FLAP_TRANSITIONS + 2);
        times.drain(..excess);
    }

    /// Until when an alert must be quiet before its incident may end; `None` when it does not flap.
    fn flaps_until(&self, key: &AlertKey) -> Option<i64> {
        let times = self.lately.get(key)?;
        (times.len() > FLAP_TRANSITIONS).then(|| times.last().map_or(0, |last| last.saturating_add(FLAP_WINDOW_MS)))
    }

    /// Looks at silences: when others hold than before, at every alert that fires.
    fn look_at_silences(&mut self, now_ms: i64, step: &mut Step, touched: &mut BTreeSet<i64>) {
        let active: Vec<i64> = self.silences.iter().filter(|one| one.is_active(now_ms)).map(|one| one.id).collect();
        if self.active.as_ref() == Some(&active) {
            return;
        }
        self.active = Some(active);
        let firing: Vec<i64> = self.open.values().copied().collect();
        for id in firing {
            let Some(mut alert) = self.alerts.get(&id).map(|alert| Kept::clone(alert)) else { continue };
            let before = alert.silenced_by;
            self.silence_one(&mut alert, now_ms, step);
            if alert.silenced_by == before {
                continue;
            }
            touched.insert(alert.incident);
            if let Some(incident) = self.incidents.get_mut(&alert.incident).filter(|_| alert.silenced_by.is_none()) {
                let incident = Arc::make_mut(incident);
                incident.news += 1;
                alert.news = incident.news;
            }
            self.alerts.insert(id, Arc::new(alert));
        }
    }

    /// Finds the silence that holds an alert now.
    fn silence_one(&self, alert: &mut Kept, now_ms: i64, step: &mut Step) {
        let holds = |silence: &&Silence| silence.is_active(now_ms) && silence.matches(alert);
        let found = self.silences.iter().filter(holds).min_by_key(|silence| silence.id);
        let before = std::mem::replace(&mut alert.silenced_by, found.map(|silence| silence.id));
        if let Some(silence) = found.filter(|silence| before != Some(silence.id)) {
            *step.silenced.entry(silence.id).or_default() += 1;
            let body = json!({
                "alert": alert.id, "name": alert.name, "resource": alert.resource_name, "tenant": alert.tenant,
                "silence": silence.id, "reason": silence.body.reason,
            });
            step.line(alert.incident, now_ms, "silenced", body);
        }
    }

    /// Brings what an incident says of itself up to date with its alerts.
    fn settle(&mut self, id: i64, topology: &Topology, looks_for_cause: bool, now_ms: i64, step: &mut Step) {
        self.hold_back(id, topology);
        let Some(incident) = self.incidents.get(&id) else { return };
        let members: Vec<&Kept> = incident.members.iter().filter_map(|id| self.alerts.get(id)).map(|alert| &**alert).collect();
        let firing = || members.iter().filter(|alert| alert.is_firing());
        let mut now = Incident::clone(incident);
        now.firing = firing().count() as u64;
        now.held = firing().filter(|alert| alert.held.is_some()).count() as u64;
        now.is_silenced = now.firing > 0 && firing().all(|alert| alert.silenced_by.is_some());
        now.worst = members.iter().map(|alert| alert.worst).max().unwrap_or_default().max(now.worst);
        now.level = firing().map(|alert| alert.level).max().unwrap_or(now.level);
        if looks_for_cause {
            let found = match now.network {
                Some(network) => Some(network.cause()),
                None => cause::find(&members, &self.happenings, topology),
            };
            if found.is_some() && found != now.cause {
                now.cause = found;
                let told = now.cause.as_ref().map(|found| (&found.cause, &found.tenant));
                step.line(
                    id,
                    now_ms,
                    "cause",
                    json!({ "cause": told.map(|told| told.0), "tenant": told.and_then(|told| told.1.clone()) }),
                );
            }
            now.title = title(&now, &members, topology);
        }
        if now != **incident {
            self.incidents.insert(id, Arc::new(now));
        }
    }

    /// Forgets what is over, after it was written: closed incidents with their alerts, and of open ones the oldest that are over.
    pub fn forget_what_is_over(&mut self) {
        let closed: Vec<i64> = self.incidents.values().filter(|one| one.closed_ms.is_some()).map(|one| one.id).collect();
        for id in closed {
            if let Some(incident) = self.incidents.remove(&id) {
                self.alerts.retain(|alert, _| !incident.members.contains(alert));
            }
        }
        let crowded: Vec<i64> = self.incidents.values().filter(|one| one.members.len() > OVER_MAX).map(|one| one.id).collect();
        for id in crowded {
            let Some(incident) = self.incidents.get_mut(&id) else { continue };
            let over = incident.members.iter().filter_map(|id| Some((self.alerts.get(id)?.resolved_ms?, *id)));
            let mut over: Vec<(i64, i64)> = over.collect();
            over.sort_unstable();
            let excess = over.len().saturating_sub(OVER_MAX);
            if excess > 0 {
                let incident = Arc::make_mut(incident);
                for (_, alert) in over.iter().take(excess) {
                    incident.members.remove(alert);
                    self.alerts.remove(alert);
                }
            }
        }
    }

    /// The numbers go on from what is kept: those that were taken and given up within one step come again.
    pub fn count_on_from(&mut self, before: &Self) {
        let kept = self.incidents.keys().next_back().map_or(0, |last| last + 1);
        self.next_incident = before.next_incident.max(kept);
    }
}

/// What is at hand while changes are taken.
struct Taking<'a> {
    topology: &'a Topology,
    now_ms: i64,
    /// What open incidents are about, once somebody asked.
    prints: Option<gather::Prints>,
    touched: BTreeSet<i64>,
    /// Incidents that an alert came to.
    joined: BTreeSet<i64>,
    /// Whether one of the changes is about silence.
    is_silence: bool,
}

impl Incident {
    fn new(id: i64, first: &Kept) -> Self {
        Self {
            id,
            level: first.level,
            worst: first.worst,
            opened_ms: first.fired_ms,
            closed_ms: None,
            onset_ms: first.onset_ms,
            fired_ms: first.fired_ms,
            tenant: first.tenant.clone(),
            is_mixed: false,
            title: Title::default(),
            alerts: 0,
            firing: 0,
            held: 0,
            is_silenced: false,
            cause: None,
            network: None,
            news: 0,
            urgent: 0,
            heard: BTreeMap::new(),
            acknowledged: None,
            members: BTreeSet::new(),
        }
    }

    fn join(&mut self, alert: &Kept) {
        self.members.insert(alert.id);
        self.alerts += 1;
        self.onset_ms = self.onset_ms.min(alert.onset_ms);
        self.fired_ms = self.fired_ms.max(alert.fired_ms);
        self.mix(alert.tenant.as_deref(), false);
    }

    fn mix(&mut self, tenant: Option<&str>, is_mixed: bool) {
        if is_mixed || self.is_mixed || self.tenant.as_deref() != tenant {
            (self.tenant, self.is_mixed) = (None, true);
        }
    }
}

/// A value that can be written as JSON: an infinite one says nothing that its threshold does not.
fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// What an incident is called after: the alert that is its root.
fn title(incident: &Incident, members: &[&Kept], topology: &Topology) -> Title {
    let of_cause = incident.cause.as_ref().and_then(|found| found.cause.alert);
    let named = members.iter().copied().find(|alert| Some(alert.id) == of_cause).or_else(|| cause::root(members, topology));
    named.map_or_else(
        || incident.title.clone(),
        |alert| Title { rule: alert.rule.clone(), name: alert.name.clone(), resource: alert.resource_name.clone() },
    )
}

#[cfg(test)]
pub(crate) mod tests;
