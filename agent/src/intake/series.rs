//! Series that applications name: counters, gauges, distributions and sets, kept between ticks.
//!
//! Bounded by [`limit::APP_SERIES_MAX`] and [`MEMBERS_MAX`]; a series that was not touched for [`IDLE_TICKS_MAX`] leaves.

use std::collections::{HashMap, HashSet};

use farol_shared::{limit, metric::Kind, sketch::Sketch};

use crate::recorder::{Named, Recorder, ResourceSlot, SeriesSlot};

/// Ticks without a new value after which a series is forgotten: five minutes at one second.
pub const IDLE_TICKS_MAX: u32 = 300;

/// Most different values of one set in one interval.
pub(super) const MEMBERS_MAX: usize = 10_000;

/// The attribute that tells the series of one distribution apart.
pub const STATISTIC: &str = "farol.statistic";

const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)];

/// What tells a series apart. Attributes need no order.
#[derive(Debug, Clone, Copy)]
pub struct Label<'a> {
    /// Name of the metric as the application gives it.
    pub name: &'a str,
    /// Unit in UCUM notation; `1` when there is none.
    pub unit: &'a str,
    /// Attributes.
    pub attributes: &'a [(&'a str, &'a str)],
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key(Box<str>);

impl Key {
    fn of(label: &Label<'_>, role: char) -> Self {
        let mut attributes: Vec<_> = label.attributes.to_vec();
        attributes.sort_unstable();
        let mut key = String::with_capacity(64);
        key.push(role);
        key.push_str(label.name);
        for (name, value) in attributes {
            key.push('\u{1f}');
            key.push_str(name);
            key.push('\u{1e}');
            key.push_str(value);
        }
        Self(key.into())
    }
}

#[derive(Debug)]
enum State {
    Gauge(f64),
    Counter(f64),
    Distribution(Box<Distribution>),
    Members(HashSet<Box<str>>),
}

#[derive(Debug, Default)]
struct Distribution {
    sketch: Sketch,
    /// Since the series began.
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
}

#[derive(Debug)]
struct Entry {
    name: Box<str>,
    unit: Box<str>,
    attributes: Box<[(Box<str>, Box<str>)]>,
    state: State,
    slots: Vec<SeriesSlot>,
    idle: u32,
}

/// All series that applications named.
#[derive(Debug, Default)]
pub(super) struct AppSeries {
    entries: HashMap<Key, Entry>,
}

impl AppSeries {
    /// Sets a gauge. False when there is no room for another series.
    pub(super) fn gauge(&mut self, label: &Label<'_>, value: f64) -> bool {
        self.change(
            label,
            'g',
            || State::Gauge(0.0),
            |state| {
                if let State::Gauge(old) = state {
                    *old = value
                }
            },
        )
    }

    /// Moves a gauge.
    pub(super) fn gauge_by(&mut self, label: &Label<'_>, delta: f64) -> bool {
        self.change(
            label,
            'g',
            || State::Gauge(0.0),
            |state| {
                if let State::Gauge(old) = state {
                    *old += delta
                }
            },
        )
    }

    /// Adds to a counter.
    pub(super) fn counter_by(&mut self, label: &Label<'_>, delta: f64) -> bool {
        self.change(
            label,
            'c',
            || State::Counter(0.0),
            |state| {
                if let State::Counter(old) = state {
                    *old += delta
                }
            },
        )
    }

    /// Sets a counter's total, as something else keeps it.
    pub(super) fn counter_at(&mut self, label: &Label<'_>, total: f64) -> bool {
        self.change(
            label,
            'c',
            || State::Counter(0.0),
            |state| {
                if let State::Counter(old) = state {
                    *old = total
                }
            },
        )
    }

    /// Records a value of a distribution, `weight` times.
    pub(super) fn observe(&mut self, label: &Label<'_>, value: f64, weight: u64) -> bool {
        self.change(
            label,
            'd',
            || State::Distribution(Box::default()),
            |state| {
                if let State::Distribution(distribution) = state {
                    distribution.take(value, weight);
                }
            },
        )
    }

    /// Counts a member of a set, once an interval.
    pub(super) fn member(&mut self, label: &Label<'_>, member: &str) -> bool {
        let mut is_kept = true;
        self.change(
            label,
            's',
            || State::Members(HashSet::new()),
            |state| {
                if let State::Members(members) = state {
                    is_kept = members.len() < MEMBERS_MAX || members.contains(member);
                    if is_kept {
                        members.insert(member.into());
                    }
                }
            },
        ) && is_kept
    }

    fn change(&mut self, label: &Label<'_>, role: char, start: impl FnOnce() -> State, change: impl FnOnce(&mut State)) -> bool {
        let key = Key::of(label, role);
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.idle = 0;
            change(&mut entry.state);
            return true;
        }
        if self.entries.len() >= limit::APP_SERIES_MAX || label.name.is_empty() || label.name.len() > limit::NAME_BYTES_MAX {
            return false;
        }
        let attributes = label.attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let mut state = start();
        change(&mut state);
        let entry = Entry { name: label.name.into(), unit: label.unit.into(), attributes, state, slots: Vec::new(), idle: 0 };
        self.entries.insert(key, entry);
        true
    }

    /// Writes this tick's values and lets go of what is idle.
    pub(super) fn record(&mut self, recorder: &mut Recorder, own: ResourceSlot) {
        self.entries.retain(|_, entry| {
            entry.idle += 1;
            let is_kept = entry.idle <= IDLE_TICKS_MAX;
            if is_kept {
                entry.record(recorder, own);
            } else {
                entry.slots.iter().for_each(|slot| recorder.remove_series(*slot));
            }
            is_kept
        });
    }
}

impl Distribution {
    fn take(&mut self, value: f64, weight: u64) {
        #[expect(clippy::cast_precision_loss, reason = "a weight is a small number")]
        let times = weight as f64;
        (self.min, self.max) = if self.sketch.count() == 0 { (value, value) } else { (self.min.min(value), self.max.max(value)) };
        self.sketch.record(value, weight);
        self.count += times;
        self.sum += value * times;
    }
}

impl Entry {
    fn record(&mut self, recorder: &mut Recorder, own: ResourceSlot) {
        if self.slots.is_empty() {
            self.register(recorder, own);
        }
        match &mut self.state {
            State::Gauge(value) | State::Counter(value) => recorder.set(self.slots[0], *value),
            #[expect(clippy::cast_precision_loss, reason = "bounded by MEMBERS_MAX")]
            State::Members(members) => {
                recorder.set(self.slots[0], members.len() as f64);
                members.clear();
            }
            State::Distribution(distribution) => {
                recorder.set(self.slots[0], distribution.count);
                recorder.set(self.slots[1], distribution.sum);
                if distribution.sketch.count() > 0 {
                    recorder.set(self.slots[2], distribution.min);
                    recorder.set(self.slots[3], distribution.max);
                    for (slot, (_, q)) in self.slots[4..].iter().zip(QUANTILES) {
                        recorder.set(*slot, distribution.sketch.quantile(q).unwrap_or(f64::NAN));
                    }
                    distribution.sketch = Sketch::new();
                }
            }
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
            State::Counter(_) => add(&self.name, &self.unit, Kind::Counter, None),
            State::Members(_) => add(&self.name, "{member}", Kind::Gauge, None),
            State::Distribution(_) => {
                add(&format!("{}.count", self.name), "{value}", Kind::Counter, None);
                add(&format!("{}.sum", self.name), &self.unit, Kind::Counter, None);
                for statistic in ["min", "max", "p50", "p95", "p99"] {
                    add(&self.name, &self.unit, Kind::Gauge, Some(statistic));
                }
            }
        }
    }
}
