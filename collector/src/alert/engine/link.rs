//! Link: which series feed which windows, and which windows which subjects.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use farol_shared::{batch::SeriesKey, metric::Kind};
use farol_store::{ResourceId, SeriesId};

use super::{
    Engine, SUBJECTS_ALL_MAX, SUBJECTS_MAX,
    watch::{Divisor, Judged, Watch},
};
use crate::alert::{
    Level, Subject,
    latch::NO_DATA_RESOLVES_MS,
    measure::Part,
    rule::{Aggregate, Condition},
    select::{ResourceFacts, apart, belongs},
    window::{DIVISOR_HOLDS_MS, Spec, Window},
};

/// A window of absence is kept so long after its last sample, in milliseconds: for so long it tells that something is missing.
const ABSENCE_KEPT_MS: i64 = 86_400_000;

/// How long the plan of a table is kept that no batch had, in milliseconds: agents change their tables as containers come and go.
const PLAN_KEPT_MS: i64 = 600_000;

/// How often what is gone is looked for, in milliseconds of the samples' time.
const SWEEP_EVERY_MS: i64 = 60_000;

/// A series that some rule is about.
#[derive(Debug)]
pub(super) struct Linked {
    pub(super) resource: ResourceId,
    key: Arc<SeriesKey>,
    pub(super) slots: Vec<u32>,
}

/// Windows, shared by all rules that look at a series in the same way.
#[derive(Debug, Default)]
pub(super) struct Windows {
    pub(super) slots: Vec<Option<Window>>,
    /// What each comes to at the second that is judged; NaN when to nothing.
    pub(super) values: Vec<f64>,
    free: Vec<u32>,
    by_key: HashMap<(SeriesId, Spec), u32>,
}

impl Windows {
    fn slot(&mut self, series: SeriesId, spec: Spec, kind: Kind) -> u32 {
        *self.by_key.entry((series, spec)).or_insert_with(|| {
            let window = Some(Window::new(spec, kind));
            match self.free.pop() {
                Some(slot) => {
                    self.slots[slot as usize] = window;
                    slot
                }
                None => {
                    self.slots.push(window);
                    self.values.push(f64::NAN);
                    u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
                }
            }
        })
    }

    #[inline]
    pub(super) fn add(&mut self, slot: u32, time_ms: i64, value: f64) {
        if let Some(Some(window)) = self.slots.get_mut(slot as usize) {
            window.add(time_ms, value);
        }
    }

    /// What each comes to at a moment.
    pub(super) fn fold(&mut self, at_ms: i64) {
        for (window, value) in self.slots.iter().zip(&mut self.values) {
            *value = window.as_ref().and_then(|window| window.value(at_ms)).unwrap_or(f64::NAN);
        }
    }

    /// Empties all of them.
    pub(super) fn clear(&mut self) {
        for ((_, spec), slot) in &self.by_key {
            if let Some(Some(window)) = self.slots.get_mut(*slot as usize) {
                *window = Window::new(*spec, window.kind());
            }
        }
    }

    fn keep(&mut self, used: &HashSet<u32>) {
        let Self { slots, free, by_key, .. } = self;
        by_key.retain(|_, slot| {
            let is_used = used.contains(slot);
            if !is_used {
                slots[*slot as usize] = None;
                free.push(*slot);
            }
            is_used
        });
    }
}

impl Engine {
    /// Finds anew which metrics the rules are about.
    pub(super) fn index(&mut self) {
        self.by_metric.clear();
        for (index, watch) in self.watches.iter().enumerate() {
            let Judged::Series(measure) = &watch.judged else { continue };
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            self.by_metric.entry(measure.condition.metric.clone()).or_default().push((index, Part::Measured));
            if let Some(divisor) = &measure.condition.divided_by {
                self.by_metric.entry(divisor.metric.clone()).or_default().push((index, Part::Divisor));
            }
        }
    }

    /// Links a series that was not seen yet; answers whether some rule is about it.
    pub(super) fn link(&mut self, series: SeriesId, resource: ResourceId, key: &Arc<SeriesKey>) -> bool {
        if self.series.contains_key(&series) {
            return true;
        }
        let Some(parts) = self.by_metric.get(key.metric.as_str()) else { return false };
        let Some(known) = self.resources.get(&resource) else {
            self.strangers.insert(resource);
            return false;
        };
        let mut slots = Vec::new();
        let (mut made, mut refused) = (0, 0);
        for (index, part) in parts {
            let watch = &mut self.watches[*index as usize];
            let is_full = watch.cases.len() >= SUBJECTS_MAX || self.subjects + made >= SUBJECTS_ALL_MAX;
            match join(watch, &mut self.windows, (&known.facts, *part), (series, key), is_full) {
                Join::Joined { slot, is_new } => {
                    slots.push(slot);
                    made += usize::from(is_new);
                }
                Join::Full => refused += 1,
                Join::Elsewhere => {}
            }
        }
        slots.sort_unstable();
        slots.dedup();
        self.subjects += made;
        self.left_out += refused;
        let is_linked = !slots.is_empty();
        if is_linked {
            self.series.insert(series, Linked { resource, key: Arc::clone(key), slots });
        }
        is_linked
    }

    /// Links everything anew: rules or resources are not what they were. Windows and states stay.
    pub(super) fn relink(&mut self) {
        self.plans.clear();
        for watch in &mut self.watches {
            watch.divisors.clear();
            for case in &mut watch.cases {
                case.members.clear();
                case.divisors.clear();
            }
        }
        let mut before: Vec<(SeriesId, Linked)> = self.series.drain().collect();
        before.sort_unstable_by_key(|(series, _)| *series);
        for (series, linked) in before {
            self.link(series, linked.resource, &linked.key);
        }
        let used: HashSet<u32> = self.series.values().flat_map(|linked| linked.slots.iter().copied()).collect();
        self.windows.keep(&used);
        let resources: Vec<ResourceId> = self.resources.keys().copied().collect();
        resources.into_iter().for_each(|resource| self.watch_silence(resource));
        self.subjects = self.watches.iter().map(|watch| watch.cases.len()).sum();
    }

    /// Makes the cases of a resource that may fall silent.
    pub(super) fn watch_silence(&mut self, resource: ResourceId) {
        let Some(known) = self.resources.get(&resource) else { return };
        if known.facts.is_told_by_us() {
            return;
        }
        for watch in &mut self.watches {
            if matches!(watch.judged, Judged::Silent) && watch.is_about(&known.facts) && watch.cases.len() < SUBJECTS_MAX {
                let (_, is_new) = watch.case(&Subject { resource, attributes: Arc::default() }, || "s".into());
                self.subjects += usize::from(is_new);
            }
        }
    }

    /// Forgets what was not heard of for long, once a minute.
    pub(super) fn sweep(&mut self, at_ms: i64) {
        if at_ms.saturating_sub(self.swept_ms) < SWEEP_EVERY_MS {
            return;
        }
        self.swept_ms = at_ms;
        self.plans.retain(|_, plan| at_ms.saturating_sub(plan.used_ms) < PLAN_KEPT_MS);
        let kept_ms = |watch: &Watch| match &watch.rule.condition {
            Condition::Series(series) if series.aggregate == Aggregate::Absent || watch.rule.no_data_s.is_some() => {
                ABSENCE_KEPT_MS
            }
            _ => NO_DATA_RESOLVES_MS + DIVISOR_HOLDS_MS + watch.rule.window_ms(),
        };
        // Windows are shared: the longest memory of all that look at one decides.
        let mut kept: HashMap<u32, i64> = HashMap::new();
        for watch in &self.watches {
            let for_ms = kept_ms(watch);
            let divisors = watch.divisors.values().flatten().map(|divisor| divisor.slot);
            let members = watch.cases.iter().flat_map(|case| case.members.iter().map(|(_, slot)| *slot));
            for slot in members.chain(divisors) {
                let most = kept.entry(slot).or_default();
                *most = (*most).max(for_ms);
            }
        }
        let is_old = |slot: &u32| {
            let newest_ms = self.windows.slots[*slot as usize].as_ref().map_or(i64::MIN, Window::newest_ms);
            at_ms.saturating_sub(newest_ms) > kept.get(slot).copied().unwrap_or(0)
        };
        let before = self.series.len();
        let gone: HashSet<SeriesId> =
            self.series.iter().filter(|(_, linked)| linked.slots.iter().all(is_old)).map(|(id, _)| *id).collect();
        self.series.retain(|id, _| !gone.contains(id));
        if self.series.len() < before {
            self.relink();
        }
        let mut forgotten = 0;
        for watch in &mut self.watches {
            let is_series = matches!(watch.judged, Judged::Series(_));
            let is_silent = matches!(watch.judged, Judged::Silent);
            forgotten += watch.retain(|case| {
                let is_idle = case.told == Level::Ok && case.state.is_idle();
                let is_empty = if is_series {
                    case.members.is_empty()
                } else {
                    case.count.as_ref().is_some_and(|count| count.value(at_ms) == 0.0)
                };
                is_silent || !(is_idle && is_empty)
            });
        }
        self.subjects -= forgotten;
    }
}

enum Join {
    Joined { slot: u32, is_new: bool },
    Full,
    Elsewhere,
}

/// Makes a series part of a rule's subject, if the rule is about it.
fn join(
    watch: &mut Watch,
    windows: &mut Windows,
    (facts, part): (&ResourceFacts, Part),
    (series, key): (SeriesId, &Arc<SeriesKey>),
    is_full: bool,
) -> Join {
    let Judged::Series(measure) = &watch.judged else { return Join::Elsewhere };
    if !measure.takes(part, key) || !watch.is_about(facts) {
        return Join::Elsewhere;
    }
    let slot = |windows: &mut Windows| windows.slot(series, measure.spec(part, key.kind), key.kind);
    if part == Part::Divisor {
        let slot = slot(windows);
        watch.divisors.entry(facts.id).or_default().push(Divisor { series, key: Arc::clone(key), slot });
        for place in watch.of(facts.id) {
            divide(watch, place);
        }
        return Join::Joined { slot, is_new: false };
    }
    let attributes = apart(&key.attributes, measure.condition.by.as_deref());
    let subject = Subject { resource: facts.id, attributes: attributes.into() };
    if is_full && watch.find(&subject).is_none() {
        return Join::Full;
    }
    let (slot, unit) = (slot(windows), measure.unit(key));
    let (place, is_new) = watch.case(&subject, || Arc::clone(&unit));
    let case = &mut watch.cases[place];
    // One that was held before its series was seen did not know it.
    case.unit = unit;
    case.members.push((series, slot));
    // Added up in one order always: the sum is the same to the last bit.
    case.members.sort_unstable();
    case.past = None;
    divide(watch, place);
    Join::Joined { slot, is_new }
}

/// Finds the divisors of a case.
fn divide(watch: &mut Watch, place: usize) {
    let case = &mut watch.cases[place];
    let Some(divisors) = watch.divisors.get_mut(&case.subject.resource) else { return };
    divisors.sort_by_key(|divisor| divisor.series);
    let own = divisors.iter().filter(|divisor| belongs(&case.subject.attributes, &divisor.key.attributes));
    case.divisors = own.map(|divisor| divisor.slot).collect();
}
