//! Series that applications name: counters, gauges, distributions and sets, kept between ticks.
//!
//! A value of a known series costs one hash of its label and one comparison, no allocation. The hash is keyed, so that nobody
//! outside can make labels collide, and it does not depend on the order of the attributes.
//!
//! Bounded by [`limit::APP_SERIES_MAX`] series, [`LABEL_BYTES_MAX`] and [`MEMBERS_MAX`]; a series that was not touched for
//! [`IDLE_TICKS_MAX`] leaves. A counter that the agent keeps begins at zero, so that its first values show in rates as well.

use std::{
    collections::{HashMap, HashSet, hash_map::RandomState},
    hash::{BuildHasher as _, BuildHasherDefault, Hasher},
};

use farol_shared::{limit, metric::Kind};

use crate::recorder::{Named, Recorder, ResourceSlot, SeriesSlot, cut};

mod distribution;

use distribution::{Distribution, QUANTILES};

/// Ticks without a new value after which a series is forgotten: five minutes at one second.
pub const IDLE_TICKS_MAX: u32 = 300;

/// Most different values of one set in one interval.
pub(super) const MEMBERS_MAX: usize = 10_000;

/// Most different values of all sets in one interval: at 8 bytes each they stay below 2 MiB.
pub(super) const MEMBERS_OF_ALL_MAX: usize = 100_000;

/// Most bytes of all names and attributes. They are kept twice and travel with every batch: 300 bytes a series are ample.
const LABEL_BYTES_MAX: usize = 1 << 20;

/// Most attributes of one series: one place is left for [`STATISTIC`].
const ATTRIBUTES_MAX: usize = limit::ATTRIBUTES_MAX - 1;

/// The attribute that tells the series of one distribution apart.
pub const STATISTIC: &str = "farol.statistic";

/// What tells a series apart. Attributes need no order; of two with one name the first counts.
#[derive(Debug, Clone, Copy)]
pub struct Label<'a> {
    /// Name of the metric as the application gives it.
    pub name: &'a str,
    /// Unit in UCUM notation; `1` when there is none.
    pub unit: &'a str,
    /// Attributes.
    pub attributes: &'a [(&'a str, &'a str)],
}

/// Why a value is not kept: a cause of the catalogue.
pub(super) type Cause = &'static str;

/// There is no room for another series or member.
const FULL: Cause = "series_max";

/// It is no value of this series, or there can be no such series.
const MALFORMED: Cause = "malformed";

#[derive(Debug)]
enum State {
    Gauge(f64),
    /// A counter that the agent keeps.
    Counter(f64),
    /// A counter that something else keeps: told only when it was read, so that its rate is spread over the time between.
    Total(f64),
    Distribution(Box<Distribution>),
    /// Keyed hashes of the members.
    Members(HashSet<u64, AsIs>),
}

impl State {
    /// How many series it takes.
    fn places(&self) -> usize {
        match self {
            Self::Gauge(_) | Self::Counter(_) | Self::Total(_) | Self::Members(_) => 1,
            Self::Distribution(_) => distribution::PLACES,
        }
    }
}

#[derive(Debug)]
struct Entry {
    name: Box<str>,
    unit: Box<str>,
    attributes: Box<[(Box<str>, Box<str>)]>,
    state: State,
    slots: Vec<SeriesSlot>,
    /// Ticks since the last value; 0 right after one.
    idle: u32,
}

/// A number that is a keyed hash already and needs no other.
#[derive(Debug, Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn write(&mut self, bytes: &[u8]) {
        // Only whole numbers are hashed with it; anything else still gets a usable hash.
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type AsIs = BuildHasherDefault<Identity>;

/// All series that applications named.
#[derive(Debug, Default)]
pub(super) struct AppSeries {
    keys: RandomState,
    /// By the hash of the label.
    entries: HashMap<u64, Entry, AsIs>,
    places: usize,
    bytes: usize,
    /// Members of all sets in this interval.
    members: usize,
}

impl AppSeries {
    /// Sets a gauge.
    pub(super) fn gauge(&mut self, label: &Label<'_>, value: f64) -> Result<(), Cause> {
        self.change_gauge(label, value, |_| value)
    }

    /// Says that a gauge has no value any more, until it is set again. One that is not kept stays so.
    pub(super) fn unknown(&mut self, label: &Label<'_>) {
        let hash = self.hash(label);
        if let Some(Entry { state: State::Gauge(value), .. }) = self.entries.get_mut(&hash).filter(|entry| entry.is(label)) {
            *value = f64::NAN;
        }
    }

    /// Moves a gauge.
    pub(super) fn gauge_by(&mut self, label: &Label<'_>, delta: f64) -> Result<(), Cause> {
        self.change_gauge(label, delta, |old| old + delta)
    }

    fn change_gauge(&mut self, label: &Label<'_>, value: f64, next: impl Fn(f64) -> f64) -> Result<(), Cause> {
        let start = || State::Gauge(0.0);
        self.change(label, value, start, |state| match state {
            State::Gauge(old) => replace(old, next(*old)),
            State::Counter(_) | State::Total(_) | State::Distribution(_) | State::Members(_) => Err(MALFORMED),
        })
    }

    /// Adds to a counter.
    pub(super) fn counter_by(&mut self, label: &Label<'_>, delta: f64) -> Result<(), Cause> {
        if delta < 0.0 {
            return Err(MALFORMED);
        }
        let start = || State::Counter(0.0);
        self.change(label, delta, start, |state| match state {
            State::Counter(old) | State::Total(old) => replace(old, *old + delta),
            State::Gauge(_) | State::Distribution(_) | State::Members(_) => Err(MALFORMED),
        })
    }

    /// Sets a counter's total, as something else keeps it.
    pub(super) fn counter_at(&mut self, label: &Label<'_>, total: f64) -> Result<(), Cause> {
        let start = || State::Total(0.0);
        self.change(label, total, start, |state| match state {
            State::Counter(old) | State::Total(old) => replace(old, total),
            State::Gauge(_) | State::Distribution(_) | State::Members(_) => Err(MALFORMED),
        })
    }

    /// Records a value of a distribution, `weight` times.
    pub(super) fn observe(&mut self, label: &Label<'_>, value: f64, weight: u64) -> Result<(), Cause> {
        self.change_distribution(label, value, |distribution| distribution.take(value, weight))
    }

    /// Sets count and sum of a distribution, as something else keeps them.
    pub(super) fn totals_at(&mut self, label: &Label<'_>, count: f64, sum: f64) -> Result<(), Cause> {
        self.change_distribution(label, count + sum, |distribution| distribution.totals_at(count, sum))
    }

    fn change_distribution(
        &mut self,
        label: &Label<'_>,
        value: f64,
        change: impl FnOnce(&mut Distribution),
    ) -> Result<(), Cause> {
        let start = || State::Distribution(Box::new(Distribution::of_unit(label.unit)));
        self.change(label, value, start, |state| match state {
            State::Distribution(distribution) => {
                change(distribution);
                Ok(())
            }
            State::Gauge(_) | State::Counter(_) | State::Total(_) | State::Members(_) => Err(MALFORMED),
        })
    }

    /// Counts a member of a set, once an interval.
    pub(super) fn member(&mut self, label: &Label<'_>, member: &str) -> Result<(), Cause> {
        // The hash stands for the text: among ten thousand two are the same once in 10^11 intervals.
        let hash = self.keys.hash_one(member);
        let is_room = self.members < MEMBERS_OF_ALL_MAX;
        let mut is_new = false;
        let start = || State::Members(HashSet::default());
        let kept = self.change(label, 0.0, start, |state| match state {
            State::Members(members) if members.contains(&hash) => Ok(()),
            State::Members(members) if is_room && members.len() < MEMBERS_MAX => {
                is_new = members.insert(hash);
                Ok(())
            }
            State::Members(_) => Err(FULL),
            State::Gauge(_) | State::Counter(_) | State::Total(_) | State::Distribution(_) => Err(MALFORMED),
        });
        self.members += usize::from(is_new);
        kept
    }

    /// Changes the series of a label, which begins when there is none yet.
    fn change<F>(&mut self, label: &Label<'_>, value: f64, start: impl FnOnce() -> State, change: F) -> Result<(), Cause>
    where
        F: FnOnce(&mut State) -> Result<(), Cause>,
    {
        if !value.is_finite() {
            return Err(MALFORMED);
        }
        let hash = self.hash(label);
        if let Some(entry) = self.entries.get_mut(&hash) {
            return entry.change(label, change);
        }
        if is_plain(label) {
            return self.begin(hash, label, start, change);
        }
        let attributes = plain(label.attributes);
        let label = Label { attributes: &attributes, ..*label };
        let hash = self.hash(&label);
        match self.entries.get_mut(&hash) {
            Some(entry) => entry.change(&label, change),
            None => self.begin(hash, &label, start, change),
        }
    }

    #[cold]
    fn begin<F>(&mut self, hash: u64, label: &Label<'_>, start: impl FnOnce() -> State, change: F) -> Result<(), Cause>
    where
        F: FnOnce(&mut State) -> Result<(), Cause>,
    {
        let too_long = |name: &str| name.is_empty() || name.len() > limit::NAME_BYTES_MAX;
        let is_wrong = too_long(label.name)
            || label.unit.len() > limit::NAME_BYTES_MAX
            || label.attributes.len() > ATTRIBUTES_MAX
            || label.attributes.iter().any(|(name, _)| too_long(name));
        if is_wrong {
            return Err(MALFORMED);
        }
        // Asked before anything is made: in a flood of new names this is the usual way out.
        if self.places >= limit::APP_SERIES_MAX {
            return Err(FULL);
        }
        let mut state = start();
        let (places, bytes) = (self.places + state.places(), self.bytes + label_bytes(label));
        if places > limit::APP_SERIES_MAX || bytes > LABEL_BYTES_MAX {
            return Err(FULL);
        }
        change(&mut state)?;
        let attributes = label.attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let entry = Entry { name: label.name.into(), unit: label.unit.into(), attributes, state, slots: Vec::new(), idle: 0 };
        self.entries.insert(hash, entry);
        (self.places, self.bytes) = (places, bytes);
        Ok(())
    }

    /// The same for every order of the attributes, as sums have none.
    fn hash(&self, label: &Label<'_>) -> u64 {
        let attributes = label.attributes.iter().map(|attribute| self.keys.hash_one(attribute));
        attributes.fold(self.keys.hash_one(label.name), u64::wrapping_add)
    }

    /// Writes this tick's values and lets go of what is idle.
    pub(super) fn record(&mut self, recorder: &mut Recorder, own: ResourceSlot) {
        let (places, bytes) = (&mut self.places, &mut self.bytes);
        self.entries.retain(|_, entry| {
            entry.idle += 1;
            let is_kept = entry.idle <= IDLE_TICKS_MAX;
            if is_kept {
                entry.record(recorder, own);
            } else {
                entry.slots.iter().for_each(|slot| recorder.remove_series(*slot));
                *places -= entry.state.places();
                *bytes -= entry.bytes();
            }
            is_kept
        });
        self.members = 0;
    }
}

/// Puts a number in place of another one, unless it has grown beyond all numbers.
fn replace(old: &mut f64, new: f64) -> Result<(), Cause> {
    if !new.is_finite() {
        return Err(MALFORMED);
    }
    *old = new;
    Ok(())
}

/// Whether the label is as series keep it: no attribute twice, no value too long, none that a distribution adds.
fn is_plain(label: &Label<'_>) -> bool {
    label.attributes.iter().enumerate().all(|(index, (name, value))| {
        let is_first = !label.attributes.iter().take(index).any(|(before, _)| before == name);
        is_first && value.len() <= limit::VALUE_BYTES_MAX && *name != STATISTIC
    })
}

/// The attributes as series keep them.
fn plain<'a>(attributes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut kept: Vec<(&str, &str)> = Vec::new();
    for (name, value) in attributes {
        // One beyond the bound is kept, so that it is refused rather than taken for another series.
        let is_kept = *name != STATISTIC && kept.len() <= ATTRIBUTES_MAX && !kept.iter().any(|(before, _)| before == name);
        if is_kept {
            kept.push((name, cut(value, limit::VALUE_BYTES_MAX)));
        }
    }
    kept
}

fn label_bytes(label: &Label<'_>) -> usize {
    let attributes = label.attributes.iter().map(|(name, value)| name.len() + value.len());
    label.name.len() + label.unit.len() + attributes.sum::<usize>()
}

impl Entry {
    fn change(&mut self, label: &Label<'_>, change: impl FnOnce(&mut State) -> Result<(), Cause>) -> Result<(), Cause> {
        if !self.is(label) {
            // Another label with the same keyed hash: once in 10^12 sets of series.
            return Err(FULL);
        }
        change(&mut self.state)?;
        self.idle = 0;
        Ok(())
    }

    fn is(&self, label: &Label<'_>) -> bool {
        if *self.name != *label.name || self.attributes.len() != label.attributes.len() {
            return false;
        }
        let is_same = |mine: &(Box<str>, Box<str>), other: &(&str, &str)| *mine.0 == *other.0 && *mine.1 == *other.1;
        // A sender has one order, nearly always.
        let is_in_order = self.attributes.iter().zip(label.attributes).all(|(mine, other)| is_same(mine, other));
        // None of mine stands twice, so that with all of mine among theirs there is nothing else among theirs.
        is_in_order || self.attributes.iter().all(|mine| label.attributes.iter().any(|other| is_same(mine, other)))
    }

    fn bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, value)| name.len() + value.len());
        self.name.len() + self.unit.len() + attributes.sum::<usize>()
    }

    fn record(&mut self, recorder: &mut Recorder, own: ResourceSlot) {
        let is_first = self.slots.is_empty();
        if is_first {
            self.register(recorder, own);
        }
        let touched = self.idle == 1;
        let Some(&slot) = self.slots.first() else { return };
        match &mut self.state {
            State::Gauge(value) => recorder.set(slot, *value),
            State::Counter(value) => recorder.set(slot, if is_first { 0.0 } else { *value }),
            State::Total(total) => {
                if touched {
                    recorder.set(slot, *total);
                }
            }
            #[expect(clippy::cast_precision_loss, reason = "bounded by MEMBERS_MAX")]
            State::Members(members) => recorder.set(slot, std::mem::take(members).len() as f64),
            State::Distribution(distribution) => distribution.record(recorder, &self.slots, is_first, touched),
        }
    }

    fn register(&mut self, recorder: &mut Recorder, own: ResourceSlot) {
        let attributes: Vec<(&str, &str)> = self.attributes.iter().map(|(name, value)| (&**name, &**value)).collect();
        let mut add = |name: &str, unit: &str, kind: Kind, statistic: Option<&str>| {
            let mut all = attributes.clone();
            all.extend(statistic.map(|statistic| (STATISTIC, statistic)));
            self.slots.push(recorder.own_series(own, Named { name, unit, kind }, &all));
        };
        match &self.state {
            State::Gauge(_) => add(&self.name, &self.unit, Kind::Gauge, None),
            State::Counter(_) | State::Total(_) => add(&self.name, &self.unit, Kind::Counter, None),
            State::Members(_) => add(&self.name, "{member}", Kind::Gauge, None),
            State::Distribution(_) => {
                add(&format!("{}.count", self.name), "{value}", Kind::Counter, None);
                add(&format!("{}.sum", self.name), &self.unit, Kind::Counter, None);
                for statistic in ["min", "max"].into_iter().chain(QUANTILES.map(|(name, _)| name)) {
                    add(&self.name, &self.unit, Kind::Gauge, Some(statistic));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
