//! What must be in history after a simulation, by its agents' books.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    rc::Rc,
    sync::Arc,
};

use farol_shared::{batch::LostCause, clock::Clock};
use farol_store::{Aggregate, Query, Store};

use crate::{
    START_MS, Scenario, SimClock,
    agent::{self, METRIC, Value},
    collector,
};

/// Checks and returns how many samples were taken.
pub(crate) fn check(folder: &Path, clock: &Arc<SimClock>, agents: &[Rc<agent::Plan>], scenario: &Scenario, seed: u64) -> usize {
    let store = collector::open(&folder.join("collector"), clock);
    let ledger = agent::take_ledger();
    let stored = read(&store, clock);
    let mut total = 0;
    for name in agents.iter().map(|one| one.name()) {
        let taken: BTreeSet<Value> = ledger.taken.get(&name).into_iter().flatten().copied().collect();
        let acknowledged = ledger.acknowledged.get(&name).cloned().unwrap_or_default();
        let list = stored.get(&name).cloned().unwrap_or_default();
        let once: BTreeSet<Value> = list.iter().copied().collect();
        total += taken.len();
        assert_eq!(list.len(), once.len(), "seed {seed}: {name} has samples twice");
        let missing: Vec<_> = acknowledged.difference(&once).take(5).collect();
        assert!(missing.is_empty(), "seed {seed}: {name} had {missing:?} acknowledged, which are not in history");
        let foreign: Vec<_> = once.difference(&taken).take(5).collect();
        assert!(foreign.is_empty(), "seed {seed}: {name} never took {foreign:?}");
        assert!(acknowledged.len() > 10, "seed {seed}: {name} delivered next to nothing");
        let books = store.completeness(Some(&name_of_agent(&name)), START_MS, clock.now_ms() + 60_000).unwrap();
        let row = books.first().unwrap_or_else(|| panic!("seed {seed}: no books of {name}"));
        if scenario.agents_crash {
            continue;
        }
        let lost: u64 = row.lost.iter().map(|(_, samples)| samples).sum();
        assert!(row.lost.iter().all(|(cause, _)| *cause == LostCause::SpoolFull), "seed {seed}: {row:?}");
        assert_eq!(row.missing(), 0, "seed {seed}: {row:?}");
        assert_eq!(row.expected, row.stored + lost, "seed {seed}: {row:?}");
        eprintln!("seed {seed}: {name} took {}, {} stored, {lost} lost (own figures included)", taken.len(), once.len());
        if lost == 0 {
            assert_eq!(once, taken, "seed {seed}: {name} did not crash and lost nothing, yet not all is in history");
        }
    }
    store.close().unwrap();
    total
}

/// The agent's identity, by which the collector keeps its books.
fn name_of_agent(name: &str) -> String {
    format!("host:{name}")
}

/// Every stored value of [`METRIC`], by the resource's name.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "values are counted from one")]
fn read(store: &Store, clock: &Arc<SimClock>) -> BTreeMap<String, Vec<Value>> {
    let resources: BTreeMap<u32, String> =
        store.resources().iter().map(|info| (info.id, info.resource.name().to_owned())).collect();
    let mut stored: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut from_ms = START_MS - 60_000;
    while from_ms < clock.now_ms() + 60_000 {
        let to_ms = from_ms + 60_000;
        let query = Query {
            metric: METRIC.name.to_owned(),
            from_ms,
            to_ms,
            aggregate: Aggregate::Raw,
            max_points: 1_000,
            ..Query::default()
        };
        for one in store.query(&query).unwrap().series {
            let values = one.points.iter().map(|(_, value)| *value as u64);
            stored.entry(resources[&one.series.resource].clone()).or_default().extend(values);
        }
        from_ms = to_ms;
    }
    stored
}
