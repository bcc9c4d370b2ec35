//! The recorder: what sources write into and batches are made from. Resources hold series, series hold this tick's value.
//!
//! In: descriptions of resources and series, once, and a value a tick. Out: the tables (rarely) and one row a resource.
//! Invariants: rows come in the order of the tables of the same generation; a handle of something that has been removed
//! is ignored. Bounded by [`limit::BATCH_RESOURCES_MAX`], [`limit::RESOURCE_SERIES_MAX`] and [`limit::BATCH_SERIES_MAX`]:
//! what is beyond gets a dead handle and is counted by [`Recorder::refused`].

use farol_shared::{
    batch::{SeriesKey, Table, Tables},
    frame::Row,
    limit,
    metric::{Kind, Metric},
    resource::Resource,
};

/// Handle of a resource. The default one is dead: whatever is done with it is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResourceSlot {
    index: usize,
    epoch: u64,
}

/// Handle of a series. The default one is dead: whatever is set through it is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeriesSlot {
    resource: usize,
    index: usize,
    epoch: u64,
}

/// No registration has this number, so a handle with it never matches.
const DEAD: u64 = 0;

impl Default for ResourceSlot {
    fn default() -> Self {
        Self { index: 0, epoch: DEAD }
    }
}

impl Default for SeriesSlot {
    fn default() -> Self {
        Self { resource: 0, index: 0, epoch: DEAD }
    }
}

#[derive(Debug)]
struct ResourceEntry {
    epoch: u64,
    resource: Resource,
    /// Holes are left by removed series and filled by new ones.
    series: Vec<Option<SeriesEntry>>,
    /// This tick's values, beside `series`.
    values: Vec<f64>,
}

#[derive(Debug)]
struct SeriesEntry {
    epoch: u64,
    name: Name,
    attributes: Box<[(Box<str>, Box<str>)]>,
}

/// A metric of the catalogue, or one that an application named.
#[derive(Debug)]
enum Name {
    Catalogued(&'static Metric),
    Own(Box<(String, String, Kind)>),
}

/// Name, unit and kind of a metric, as a series needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    /// Name; at most [`limit::NAME_BYTES_MAX`] bytes, not empty.
    pub name: &'a str,
    /// Unit in UCUM notation, `1` when there is none; at most [`limit::NAME_BYTES_MAX`] bytes.
    pub unit: &'a str,
    /// Gauge or counter.
    pub kind: Kind,
}

impl Name {
    fn named(&self) -> Named<'_> {
        match self {
            Self::Catalogued(metric) => Named { name: metric.name, unit: metric.unit, kind: metric.kind },
            Self::Own(own) => Named { name: &own.0, unit: &own.1, kind: own.2 },
        }
    }
}

/// Everything that is measured now. See the head of this file.
#[derive(Debug, Default)]
pub struct Recorder {
    resources: Vec<Option<ResourceEntry>>,
    series_count: usize,
    epoch: u64,
    generation: u64,
    refused: u64,
}

impl Recorder {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a resource, or finds the one with the same key; then the attributes given are merged into it.
    ///
    /// Too long keys are refused, too long attribute values are cut. A refused resource gets a dead handle.
    pub fn resource(&mut self, resource: Resource) -> ResourceSlot {
        let found = self.resources.iter().enumerate().find_map(|(index, entry)| match entry {
            Some(entry) if entry.resource.key == resource.key => Some(ResourceSlot { index, epoch: entry.epoch }),
            _ => None,
        });
        if let Some(slot) = found {
            for (key, value) in &resource.attributes {
                self.describe(slot, key, value);
            }
            return slot;
        }
        let Some(resource) = bounded(resource) else {
            self.refused += 1;
            return ResourceSlot::default();
        };
        let index = self.resources.iter().position(Option::is_none).unwrap_or(self.resources.len());
        if index == limit::BATCH_RESOURCES_MAX {
            self.refused += 1;
            return ResourceSlot::default();
        }
        let epoch = self.next_epoch();
        let entry = Some(ResourceEntry { epoch, resource, series: Vec::new(), values: Vec::new() });
        match self.resources.get_mut(index) {
            Some(hole) => *hole = entry,
            None => self.resources.push(entry),
        }
        self.generation += 1;
        ResourceSlot { index, epoch }
    }

    /// Sets an attribute of a resource; at most [`limit::ATTRIBUTES_MAX`] of them, values cut to
    /// [`limit::VALUE_BYTES_MAX`].
    pub fn describe(&mut self, slot: ResourceSlot, key: &str, value: &str) {
        let Some(entry) = self.entry(slot) else { return };
        let attributes = &mut entry.resource.attributes;
        let value = cut(value, limit::VALUE_BYTES_MAX);
        if attributes.get(key).is_some_and(|old| old == value) {
            return;
        }
        if key.len() > limit::NAME_BYTES_MAX || (!attributes.contains_key(key) && attributes.len() == limit::ATTRIBUTES_MAX) {
            self.refused += 1;
            return;
        }
        attributes.insert(key.to_owned(), value.to_owned());
        self.generation += 1;
    }

    /// Forgets a resource with all its series.
    pub fn remove_resource(&mut self, slot: ResourceSlot) {
        let Some(entry) = self.entry(slot) else { return };
        let series = entry.series.iter().flatten().count();
        self.series_count -= series;
        self.resources[slot.index] = None;
        self.generation += 1;
    }

    /// The description of a resource, while it is registered.
    #[must_use]
    pub fn described(&self, slot: ResourceSlot) -> Option<&Resource> {
        let entry = self.resources.get(slot.index)?.as_ref()?;
        (entry.epoch == slot.epoch).then_some(&entry.resource)
    }

    /// Registers a series, or finds the one with the same metric and attributes. The order of attributes does not matter.
    pub fn series(&mut self, slot: ResourceSlot, metric: &'static Metric, attributes: &[(&str, &str)]) -> SeriesSlot {
        self.register(slot, || Name::Catalogued(metric), metric.name, attributes)
    }

    /// Registers a series of a metric that an application named, or finds the one with the same name and attributes.
    pub fn own_series(&mut self, slot: ResourceSlot, named: Named<'_>, attributes: &[(&str, &str)]) -> SeriesSlot {
        if named.name.is_empty() || named.name.len() > limit::NAME_BYTES_MAX || named.unit.len() > limit::NAME_BYTES_MAX {
            self.refused += 1;
            return SeriesSlot::default();
        }
        let own = || Name::Own(Box::new((named.name.to_owned(), named.unit.to_owned(), named.kind)));
        self.register(slot, own, named.name, attributes)
    }

    fn register(
        &mut self,
        slot: ResourceSlot,
        make: impl FnOnce() -> Name,
        name: &str,
        attributes: &[(&str, &str)],
    ) -> SeriesSlot {
        let mut wanted: Vec<(&str, &str)> =
            attributes.iter().map(|(key, value)| (*key, cut(value, limit::VALUE_BYTES_MAX))).collect();
        wanted.sort_unstable();
        wanted.dedup_by_key(|(key, _)| *key);
        let series_count = self.series_count;
        let Some(entry) = self.entry(slot) else { return SeriesSlot::default() };
        if let Some((index, series)) = entry.find(name, &wanted) {
            return SeriesSlot { resource: slot.index, index, epoch: series.epoch };
        }
        let index = entry.series.iter().position(Option::is_none).unwrap_or(entry.series.len());
        let is_allowed = index < limit::RESOURCE_SERIES_MAX
            && series_count < limit::BATCH_SERIES_MAX
            && wanted.len() <= limit::ATTRIBUTES_MAX
            && wanted.iter().all(|(key, _)| key.len() <= limit::NAME_BYTES_MAX);
        if !is_allowed {
            self.refused += 1;
            return SeriesSlot::default();
        }
        let epoch = self.next_epoch();
        let attributes = wanted.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        let series = Some(SeriesEntry { epoch, name: make(), attributes });
        let entry = self.entry(slot).expect("the resource was found above");
        if index == entry.series.len() {
            entry.series.push(series);
            entry.values.push(f64::NAN);
        } else {
            entry.series[index] = series;
            entry.values[index] = f64::NAN;
        }
        self.series_count += 1;
        self.generation += 1;
        SeriesSlot { resource: slot.index, index, epoch }
    }

    /// Forgets a series.
    pub fn remove_series(&mut self, slot: SeriesSlot) {
        let Some(entry) = self.owner(slot) else { return };
        entry.series[slot.index] = None;
        self.series_count -= 1;
        self.generation += 1;
    }

    /// Sets this tick's value. What is not set, or not finite, counts as not read.
    pub fn set(&mut self, slot: SeriesSlot, value: f64) {
        if let Some(entry) = self.owner(slot) {
            entry.values[slot.index] = if value.is_finite() { value } else { f64::NAN };
        }
    }

    /// The place of a resource in [`Self::tables`], while it is registered.
    #[must_use]
    pub fn place(&self, slot: ResourceSlot) -> Option<u32> {
        self.described(slot)?;
        u32::try_from(self.resources.get(..slot.index)?.iter().flatten().count()).ok()
    }

    /// Changes whenever [`Self::tables`] would.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// How many registrations a limit has turned away so far.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// How many series are registered.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.series_count
    }

    /// Descriptions of everything registered, in the order of [`Self::take_rows`].
    #[must_use]
    pub fn tables(&self) -> Tables {
        Tables(self.resources.iter().flatten().map(ResourceEntry::table).collect())
    }

    /// This tick's values, one row a resource, each without the unread values at its end. All values become unread.
    pub fn take_rows(&mut self) -> Vec<Row> {
        self.resources.iter_mut().flatten().map(ResourceEntry::take_row).collect()
    }

    fn next_epoch(&mut self) -> u64 {
        self.epoch += 1;
        self.epoch
    }

    fn entry(&mut self, slot: ResourceSlot) -> Option<&mut ResourceEntry> {
        self.resources.get_mut(slot.index)?.as_mut().filter(|entry| entry.epoch == slot.epoch)
    }

    fn owner(&mut self, slot: SeriesSlot) -> Option<&mut ResourceEntry> {
        let entry = self.resources.get_mut(slot.resource)?.as_mut()?;
        let series = entry.series.get(slot.index)?.as_ref()?;
        (series.epoch == slot.epoch).then_some(entry)
    }
}

impl ResourceEntry {
    fn find(&self, name: &str, attributes: &[(&str, &str)]) -> Option<(usize, &SeriesEntry)> {
        self.series.iter().enumerate().filter_map(|(index, series)| Some((index, series.as_ref()?))).find(|(_, series)| {
            series.name.named().name == name
                && series.attributes.len() == attributes.len()
                && series.attributes.iter().zip(attributes).all(|(a, b)| *a.0 == *b.0 && *a.1 == *b.1)
        })
    }

    fn table(&self) -> Table {
        let key = |series: &SeriesEntry| {
            let Named { name, unit, kind } = series.name.named();
            let attributes = series.attributes.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
            SeriesKey { metric: name.to_owned(), unit: unit.to_owned(), kind, attributes }
        };
        Table { resource: self.resource.clone(), series: self.series.iter().flatten().map(key).collect() }
    }

    fn take_row(&mut self) -> Row {
        let end = self.values.iter().rposition(|value| !value.is_nan()).map_or(0, |last| last + 1);
        let mut row = Vec::with_capacity(end);
        row.extend(
            self.series.iter().zip(&self.values).take(end).filter(|(series, _)| series.is_some()).map(|(_, value)| *value),
        );
        self.values.fill(f64::NAN);
        Row(row)
    }
}

/// The resource within the wire's limits; `None` when its identity itself is too long to keep or empty.
fn bounded(mut resource: Resource) -> Option<Resource> {
    let is_too_long = |text: &Option<String>, max: usize| text.as_ref().is_some_and(|text| text.len() > max);
    if resource.key.is_empty()
        || resource.key.len() > limit::KEY_BYTES_MAX
        || is_too_long(&resource.parent, limit::KEY_BYTES_MAX)
        || is_too_long(&resource.tenant, limit::NAME_BYTES_MAX)
    {
        return None;
    }
    let mut room = limit::ATTRIBUTES_MAX;
    resource.attributes.retain(|key, value| {
        value.truncate(cut(value, limit::VALUE_BYTES_MAX).len());
        let is_kept = key.len() <= limit::NAME_BYTES_MAX && room > 0;
        room -= usize::from(is_kept);
        is_kept
    });
    Some(resource)
}

/// The longest start of `text` that has at most `max` bytes and ends between two characters.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

#[cfg(test)]
mod tests;
