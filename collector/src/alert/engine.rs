//! Engine: judges rules. Values in, changes out; no clock and no disk of its own, so that a back-test is the very same.
//!
//! In: committed batches ([`Engine::take`]) or samples of history ([`Engine::sample`]), what resources are ([`Engine::know`]), and ticks.
//! Out: a [`Change`] whenever the level of a rule's subject differs from what was told.
//!
//! Time is the samples' own. Judged is the grid of whole seconds, each [`EVALUATION_DELAY_MS`] after it, with the samples up to it: a
//! batch takes that long at most, as a rule, so that what is judged live is what history holds. What comes later is judged when it
//! comes. A frame waits until its second is judged, so that frames count in the order of their times whatever way they took.
//!
//! Bounded: subjects of a rule and of all ([`SUBJECTS_MAX`], [`SUBJECTS_ALL_MAX`]), frames that wait ([`WAITING_MAX`]), windows by series
//! (see [`super::window`]); what was not heard of for an hour beyond its window is forgotten.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use farol_shared::batch::SeriesKey;
use farol_store::{ResourceId, SeriesId};

use super::{Change, Level, Rule, Subject, past::Past, select::ResourceFacts};

mod intake;
mod judge;
mod link;
mod view;
mod watch;

use intake::{Plan, Waiting};
use link::{Linked, Windows};
pub use view::Judgement;
use watch::Watch;

/// How long after a second it is judged, in milliseconds: an agent's second plus its way here.
pub const EVALUATION_DELAY_MS: i64 = 2_000;

/// Distance of the seconds that are judged, in milliseconds.
pub const STEP_MS: i64 = 1_000;

/// How many seconds are made up for when ticks came late; beyond it what is pending begins anew. In milliseconds.
pub const CATCH_UP_MS: i64 = 60_000;

/// Most subjects of one rule.
pub const SUBJECTS_MAX: usize = 10_000;

/// Most subjects of all rules: a few hundred bytes each.
pub const SUBJECTS_ALL_MAX: usize = 200_000;

/// Most frames and groups of records that wait for their second: 5,000 agents for half a minute.
pub const WAITING_MAX: usize = 150_000;

/// A resource that was silent for longer than this before we began to listen is gone rather than silent, in milliseconds.
pub const GONE_MS: i64 = 86_400_000;

/// A resource that is silent for longer than this is gone, in milliseconds: a week.
pub const FORGOTTEN_MS: i64 = 7 * 86_400_000;

/// What is known of a resource.
#[derive(Debug)]
struct Known {
    facts: ResourceFacts,
    /// When it was heard of last, in ms since the epoch.
    heard_ms: i64,
}

/// How it is known whether a resource goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// By what comes in.
    Heard,
    /// By when history heard of it last: what comes in is only a part of what it tells.
    Recorded,
}

/// Judges rules.
#[derive(Debug)]
pub struct Engine {
    watches: Vec<Watch>,
    /// Which rules a metric is for: places in `watches`, and as what.
    by_metric: HashMap<String, Vec<(u32, super::measure::Part)>>,
    resources: HashMap<ResourceId, Known>,
    agents: HashMap<Arc<str>, i64>,
    windows: Windows,
    series: HashMap<SeriesId, Linked>,
    plans: HashMap<usize, Plan>,
    waiting: BTreeMap<i64, Vec<Waiting>>,
    waiting_count: usize,
    strangers: BTreeSet<ResourceId>,
    presence: Presence,
    is_muted: bool,
    /// The second that was judged last.
    at_ms: Option<i64>,
    swept_ms: i64,
    /// Since when what comes is heard: nobody is missed before.
    listening_ms: i64,
    /// Alerts whose rule is no more.
    ending: Vec<Change>,
    /// Rules that alone take records in, while their windows are filled: the others have counted them.
    filling: Option<HashSet<String>>,
    subjects: usize,
    left_out: u64,
    samples: Vec<f64>,
}

impl Engine {
    /// Judges these rules; those that are not enabled are left out.
    #[must_use]
    pub fn new(rules: &[Arc<Rule>]) -> Self {
        let mut engine = Self {
            watches: Vec::new(),
            by_metric: HashMap::new(),
            resources: HashMap::new(),
            agents: HashMap::new(),
            windows: Windows::default(),
            series: HashMap::new(),
            plans: HashMap::new(),
            waiting: BTreeMap::new(),
            waiting_count: 0,
            strangers: BTreeSet::new(),
            presence: Presence::Heard,
            is_muted: false,
            at_ms: None,
            swept_ms: i64::MIN,
            listening_ms: i64::MIN,
            ending: Vec::new(),
            filling: None,
            subjects: 0,
            left_out: 0,
            samples: Vec::new(),
        };
        engine.set_rules(rules);
        engine
    }

    /// Replaces the rules. A rule of the same id, tenant and condition goes on with its state, whatever else of it changed; the alerts of
    /// what is gone, disabled or watches something else end with the next tick. Answers the ids of the rules that begin: their windows
    /// are empty until [`super::history::fill`] has read the past again.
    pub fn set_rules(&mut self, rules: &[Arc<Rule>]) -> Vec<String> {
        let mut before: HashMap<String, Watch> = self.watches.drain(..).map(|watch| (watch.rule.id.clone(), watch)).collect();
        let mut new = Vec::new();
        for rule in rules.iter().filter(|rule| rule.enabled) {
            let known = before.remove(&rule.id);
            match known {
                Some(mut watch) if watch.rule.condition == rule.condition && watch.rule.tenant == rule.tenant => {
                    watch.change(Arc::clone(rule));
                    self.watches.push(watch);
                }
                other => {
                    if let Some(watch) = other {
                        before.insert(rule.id.clone(), watch);
                    }
                    new.push(rule.id.clone());
                    self.watches.push(Watch::new(Arc::clone(rule)));
                }
            }
        }
        let at_ms = self.at_ms.unwrap_or(0);
        let mut gone: Vec<Watch> = before.into_values().collect();
        gone.sort_by(|one, other| one.rule.id.cmp(&other.rule.id));
        for watch in gone {
            self.ending.extend(watch.cases.iter().filter_map(|case| case.ending(&watch.rule, at_ms)));
        }
        self.index();
        self.relink();
        new
    }

    /// Tells what a resource is: before its first batch is judged (see [`Engine::strangers`]), and whenever it changes.
    pub fn know(&mut self, facts: ResourceFacts) {
        let id = facts.id;
        self.strangers.remove(&id);
        let agent_ms = self.agents.entry(Arc::clone(&facts.agent)).or_insert(facts.last_seen_ms);
        *agent_ms = (*agent_ms).max(facts.last_seen_ms);
        let known = self.resources.get_mut(&id);
        let is_same = match known {
            Some(known) => {
                let is_same = known.facts.selects_as(&facts);
                known.heard_ms = known.heard_ms.max(facts.last_seen_ms);
                known.facts = facts;
                is_same
            }
            None => {
                let heard_ms = facts.last_seen_ms;
                self.resources.insert(id, Known { facts, heard_ms });
                self.watch_silence(id);
                true
            }
        };
        if !is_same {
            self.relink();
        }
    }

    /// A resource is no more: its alerts end with the next tick.
    pub fn forget(&mut self, resource: ResourceId) {
        if self.resources.remove(&resource).is_some() {
            self.series.retain(|_, linked| linked.resource != resource);
            self.relink();
        }
    }

    /// Resources that batches tell of and nobody told about: to be looked up and told by [`Engine::know`] before the next tick.
    #[must_use]
    pub fn strangers(&self) -> Vec<ResourceId> {
        self.strangers.iter().copied().collect()
    }

    /// Takes one sample of history in. Samples of one series come in the order of their times, and none is later than the next tick.
    pub fn sample(&mut self, series: SeriesId, resource: ResourceId, key: &Arc<SeriesKey>, time_ms: i64, value: f64) {
        self.hear(resource, None, time_ms);
        if self.link(series, resource, key) {
            let linked = self.series.get(&series).map(|linked| &linked.slots[..]).unwrap_or_default();
            for slot in linked {
                self.windows.add(*slot, time_ms, value);
            }
        }
    }

    /// An alert that is open by what was kept: it goes on instead of beginning anew. `false` when no enabled rule has this id: the caller
    /// ends it.
    pub fn hold(&mut self, rule: &str, subject: &Subject, level: Level, onset_ms: i64) -> bool {
        let Some(index) = self.watches.iter().position(|watch| watch.rule.id == rule) else { return false };
        let watch = &mut self.watches[index];
        let unit = watch.unit_unseen();
        let (place, is_new) = watch.case(subject, || unit);
        self.subjects += usize::from(is_new);
        watch.cases[place].hold(level, onset_ms, &watch.bounds);
        true
    }

    /// From now on nothing is told, until [`Engine::unmute`]: the past is played again.
    pub fn mute(&mut self) {
        self.is_muted = true;
        self.presence = Presence::Recorded;
    }

    /// The past is over: from `at_ms` on what comes is heard, and with the next tick what differs from what was told is told.
    pub fn unmute(&mut self, at_ms: i64) {
        self.is_muted = false;
        self.presence = Presence::Heard;
        self.listening_ms = at_ms;
        for case in self.watches.iter_mut().flat_map(|watch| &mut watch.cases) {
            case.state.listen(at_ms, case.told > Level::Ok);
        }
    }

    /// Only these rules take records in; all again with `None`.
    pub(super) fn fill_only(&mut self, rules: Option<HashSet<String>>) {
        self.filling = rules;
    }

    /// Rules are not judged before a moment of their own.
    pub(super) fn wake(&mut self, from_ms: impl Fn(&Rule) -> i64) {
        for watch in &mut self.watches {
            watch.wakes_ms = from_ms(&watch.rule);
        }
    }

    /// How it is known whether a resource goes on.
    pub fn set_presence(&mut self, presence: Presence) {
        self.presence = presence;
    }

    /// The second that was judged last, in ms since the epoch.
    #[must_use]
    pub const fn judged_ms(&self) -> Option<i64> {
        self.at_ms
    }

    /// Judges every second that is due at `now_ms`, at most [`CATCH_UP_MS`] of them. To be called once a second.
    pub fn tick(&mut self, now_ms: i64, past: &mut dyn Past) -> Vec<Change> {
        let due_ms = (now_ms - EVALUATION_DELAY_MS).div_euclid(STEP_MS) * STEP_MS;
        let mut changes = Vec::new();
        let mut next_ms = match self.at_ms {
            Some(at_ms) if due_ms - at_ms > CATCH_UP_MS => {
                self.pause();
                due_ms
            }
            Some(at_ms) if at_ms - due_ms > CATCH_UP_MS => {
                // The clock was set back: windows are full of a time that has not come yet.
                self.pause();
                self.windows.clear();
                due_ms
            }
            Some(at_ms) => at_ms + STEP_MS,
            None => due_ms,
        };
        while next_ms <= due_ms {
            changes.append(&mut self.judge(next_ms, past));
            next_ms += STEP_MS;
        }
        changes
    }

    /// Ticks were left out: what is pending begins anew.
    fn pause(&mut self) {
        self.watches.iter_mut().flat_map(|watch| &mut watch.cases).for_each(|case| case.state.pause());
    }

    /// How much was left out because there was too much of it: subjects and frames.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many subjects are judged.
    #[must_use]
    pub const fn subjects(&self) -> usize {
        self.subjects
    }
}

#[cfg(test)]
mod tests;
