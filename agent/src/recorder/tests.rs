//! Tests of the recorder: the order of rows, stale handles, generations and limits.

use farol_shared::{catalog, resource::ResourceKind};
use proptest::prelude::*;

use super::*;

fn resource(key: &str) -> Resource {
    Resource { key: key.into(), kind: ResourceKind::Host, parent: None, tenant: None, attributes: [].into() }
}

#[test]
fn rows_come_in_the_order_of_the_tables() {
    let mut recorder = Recorder::new();
    let host = recorder.resource(resource("host:a"));
    let other = recorder.resource(resource("host:b"));
    let read = recorder.series(host, &catalog::SYSTEM_DISK_IO, &[("system.device", "sda"), ("disk.io.direction", "read")]);
    let uptime = recorder.series(host, &catalog::SYSTEM_UPTIME, &[]);
    let load = recorder.series(other, &catalog::SYSTEM_LOAD_1M, &[]);
    recorder.set(uptime, 7.0);
    recorder.set(load, 0.5);
    recorder.set(read, 1.0);
    let tables = recorder.tables();
    assert_eq!(tables.0[0].series[0].attributes[0].0, "disk.io.direction", "attributes are sorted");
    assert_eq!(tables.0[0].series[1].metric, "system.uptime");
    assert_eq!(recorder.take_rows(), vec![Row(vec![1.0, 7.0]), Row(vec![0.5])]);
    assert_eq!(recorder.take_rows(), vec![Row(vec![]), Row(vec![])], "every tick starts unread");
    recorder.set(uptime, 8.0);
    assert_eq!(recorder.take_rows()[0], Row(vec![f64::NAN, 8.0]));
    recorder.set(uptime, f64::INFINITY);
    assert_eq!(recorder.take_rows()[0], Row(vec![]), "an infinite value is not a reading");
}

#[test]
fn registering_twice_finds_the_first() {
    let mut recorder = Recorder::new();
    let host = recorder.resource(resource("host:a"));
    let one = recorder.series(host, &catalog::SYSTEM_DISK_IO, &[("system.device", "sda"), ("disk.io.direction", "read")]);
    let generation = recorder.generation();
    let two = recorder.series(host, &catalog::SYSTEM_DISK_IO, &[("disk.io.direction", "read"), ("system.device", "sda")]);
    assert_eq!(one, two);
    assert_eq!(host, recorder.resource(resource("host:a")));
    assert_eq!(recorder.generation(), generation, "nothing changed");
    recorder.describe(host, "os.type", "linux");
    assert_ne!(recorder.generation(), generation);
    let generation = recorder.generation();
    recorder.describe(host, "os.type", "linux");
    assert_eq!(recorder.generation(), generation);
}

#[test]
fn a_stale_handle_is_ignored() {
    let mut recorder = Recorder::new();
    let host = recorder.resource(resource("host:a"));
    let old = recorder.series(host, &catalog::SYSTEM_UPTIME, &[]);
    recorder.remove_series(old);
    let new = recorder.series(host, &catalog::SYSTEM_LOAD_1M, &[]);
    recorder.set(old, 1.0);
    recorder.remove_series(old);
    assert_eq!(recorder.take_rows(), vec![Row(vec![])]);
    recorder.remove_resource(host);
    let next = recorder.resource(resource("host:b"));
    recorder.set(new, 1.0);
    recorder.describe(host, "a", "b");
    recorder.remove_resource(host);
    assert_eq!(recorder.series(host, &catalog::SYSTEM_UPTIME, &[]), SeriesSlot::default());
    recorder.set(SeriesSlot::default(), 1.0);
    assert!(recorder.described(next).is_some_and(|resource| resource.attributes.is_empty()));
    assert_eq!(recorder.series_count(), 0);
}

#[test]
fn what_is_beyond_a_limit_is_refused_and_counted() {
    let mut recorder = Recorder::new();
    assert_eq!(recorder.resource(resource("")), ResourceSlot::default());
    assert_eq!(recorder.resource(resource(&"k".repeat(limit::KEY_BYTES_MAX + 1))), ResourceSlot::default());
    assert_eq!(recorder.refused(), 2);
    let host = recorder.resource(resource("host:a"));
    recorder.describe(host, "note", &"é".repeat(limit::VALUE_BYTES_MAX));
    let note = &recorder.described(host).unwrap().attributes["note"];
    assert_eq!(note.len(), limit::VALUE_BYTES_MAX);
    for number in 0..limit::RESOURCE_SERIES_MAX {
        recorder.series(host, &catalog::SYSTEM_DISK_IO_TIME, &[("system.device", &number.to_string())]);
    }
    assert_eq!(recorder.series(host, &catalog::SYSTEM_UPTIME, &[]), SeriesSlot::default());
    assert_eq!(recorder.refused(), 3);
    assert_eq!(recorder.series_count(), limit::RESOURCE_SERIES_MAX);
}

#[derive(Debug, Clone)]
enum Step {
    Add(u8, u8),
    Remove(u8, u8),
    RemoveResource(u8),
    Set(u8, u8, f64),
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    let (r, s) = (0..4_u8, 0..6_u8);
    prop_oneof![
        (r.clone(), s.clone()).prop_map(|(r, s)| Step::Add(r, s)),
        (r.clone(), s.clone()).prop_map(|(r, s)| Step::Remove(r, s)),
        r.clone().prop_map(Step::RemoveResource),
        (r, s, -1e6..1e6_f64).prop_map(|(r, s, v)| Step::Set(r, s, v)),
        Just(Step::Tick),
    ]
}

proptest! {
    /// A map from names to values is the model; every value must come out beside its own name.
    #[test]
    fn every_value_comes_out_beside_its_own_name(steps in prop::collection::vec(step(), 1..200)) {
        use std::collections::BTreeMap;
        let mut recorder = Recorder::new();
        let mut slots = BTreeMap::new();
        let mut model: BTreeMap<(u8, u8), f64> = BTreeMap::new();
        for step in steps.into_iter().chain([Step::Tick]) {
            match step {
                Step::Add(r, s) => {
                    let owner = recorder.resource(resource(&r.to_string()));
                    let slot = recorder.series(owner, &catalog::SYSTEM_DISK_IO_TIME, &[("system.device", &s.to_string())]);
                    slots.insert((r, s), slot);
                    model.entry((r, s)).or_insert(f64::NAN);
                }
                Step::Remove(r, s) => {
                    recorder.remove_series(slots.get(&(r, s)).copied().unwrap_or_default());
                    model.remove(&(r, s));
                }
                Step::RemoveResource(r) => {
                    let owner = recorder.resource(resource(&r.to_string()));
                    recorder.remove_resource(owner);
                    model.retain(|key, _| key.0 != r);
                }
                Step::Set(r, s, value) => {
                    recorder.set(slots.get(&(r, s)).copied().unwrap_or_default(), value);
                    if let Some(old) = model.get_mut(&(r, s)) {
                        *old = value;
                    }
                }
                Step::Tick => {
                    let tables = recorder.tables();
                    let rows = recorder.take_rows();
                    prop_assert_eq!(rows.len(), tables.0.len());
                    let mut seen = BTreeMap::new();
                    for (table, row) in tables.0.iter().zip(&rows) {
                        prop_assert!(row.0.len() <= table.series.len());
                        for (index, series) in table.series.iter().enumerate() {
                            let value = row.0.get(index).copied().unwrap_or(f64::NAN);
                            let key = (table.resource.key.parse().unwrap(), series.attributes[0].1.parse().unwrap());
                            seen.insert(key, value.to_bits());
                        }
                    }
                    let expected: BTreeMap<(u8, u8), u64> = model.iter().map(|(key, value)| (*key, value.to_bits())).collect();
                    prop_assert_eq!(seen, expected);
                    model.values_mut().for_each(|value| *value = f64::NAN);
                }
            }
        }
    }
}
