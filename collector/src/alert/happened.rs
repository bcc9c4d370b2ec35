//! Happened: what is no alert but may cause some: another version runs, something started again, a process was killed for want of memory.
//!
//! In: committed batches and what is known of resources. Out: [`Happening`]s, each once.
//!
//! Bounded: one value a counter or uptime of a resource, one version a resource; both are forgotten with their resource.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use farol_shared::{catalog, limit, record::Event};
use farol_store::{Committed, ResourceId, ResourceInfo, SeriesId, TableIds};

use super::cause::{Happening, HappeningKind};
use crate::live::Arrival;

/// Series that only grow while something runs.
const UPTIMES: [&str; 3] = [catalog::CONTAINER_UPTIME.name, catalog::SYSTEM_UPTIME.name, catalog::REDIS_UPTIME.name];

/// Series that grow when a process is killed for want of memory.
const KILLS: [&str; 2] = [catalog::CONTAINER_MEMORY_OOM_KILLS.name, catalog::SYSTEM_OOM_KILLS.name];

/// Attributes of a resource that say which version runs, the most telling first.
const VERSIONS: [&str; 3] = ["service.version", "container.image.tags", "container.image.name"];

/// Types of events by which applications tell a deployment, in lower case.
const DEPLOYS: [&str; 4] = ["deploy", "deployment", "deployed", "release"];

/// By how much an uptime must fall to be another run, in seconds: it is measured with some jitter.
const FALL_S: f64 = 2.0;

/// Most happenings that wait to be taken.
const WAITING_MAX: usize = 1_000;

/// Columns of a table that matter, and what they tell.
type Columns = Arc<[(usize, HappeningKind)]>;

/// Remembers what was, to see what happened.
#[derive(Debug, Default)]
pub struct Happened {
    /// The columns that matter of each table, known by its address; the table is held so that the address stays its own.
    plans: HashMap<usize, (Arc<TableIds>, Columns)>,
    values: HashMap<SeriesId, f64>,
    versions: HashMap<ResourceId, String>,
    waiting: Vec<Happening>,
}

impl Happened {
    /// Takes a committed batch in.
    pub fn take(&mut self, committed: &Committed, arrival: Arrival) {
        for (index, table) in committed.resources.iter().enumerate() {
            let plan = self.plan(table);
            for (column, kind) in plan.iter() {
                for frame in &committed.frames {
                    let Some(value) = frame.rows.get(index).and_then(|row| row.0.get(*column)) else { continue };
                    self.see(table, *column, *kind, *value, arrival.by_own_clock(frame.time_ms));
                }
            }
        }
        for (resource, _, records) in &committed.records {
            for event in records.events.iter().filter(|event| is_deploy(event)) {
                let at_ms = arrival.by_own_clock(event.time_ms);
                self.tell(Happening { at_ms, resource: *resource, kind: HappeningKind::Deploy, what: version_told(event) });
            }
        }
    }

    /// Takes in what is known of all resources now: one that has another version than before was deployed.
    pub fn know(&mut self, resources: &[ResourceInfo], now_ms: i64) {
        for info in resources {
            let attributes = &info.resource.attributes;
            let Some(version) = VERSIONS.iter().find_map(|key| attributes.get(*key)) else { continue };
            let before = self.versions.insert(info.id, version.clone());
            if before.is_some_and(|before| before != *version) {
                self.tell(Happening { at_ms: now_ms, resource: info.id, kind: HappeningKind::Deploy, what: version.clone() });
            }
        }
        let known: HashSet<ResourceId> = resources.iter().map(|info| info.id).collect();
        self.versions.retain(|id, _| known.contains(id));
        self.plans.retain(|_, (table, _)| known.contains(&table.resource) && Arc::strong_count(table) > 1);
        let series: HashSet<SeriesId> = self.plans.values().flat_map(|(table, _)| table.series.iter().copied()).collect();
        self.values.retain(|id, _| series.contains(id));
    }

    /// What happened since the last call.
    pub fn drain(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.waiting)
    }

    fn plan(&mut self, table: &Arc<TableIds>) -> Columns {
        let address = Arc::as_ptr(table) as usize;
        let made = self.plans.entry(address).or_insert_with(|| {
            let kind = |metric: &str| {
                let is_uptime = UPTIMES.contains(&metric).then_some(HappeningKind::Restart);
                is_uptime.or_else(|| KILLS.contains(&metric).then_some(HappeningKind::Oom))
            };
            let columns = table.keys.iter().enumerate();
            let plan = columns.filter_map(|(column, key)| Some((column, kind(&key.metric)?))).collect();
            (Arc::clone(table), plan)
        });
        Arc::clone(&made.1)
    }

    fn see(&mut self, table: &TableIds, column: usize, kind: HappeningKind, value: f64, at_ms: i64) {
        let Some(series) = table.series.get(column).filter(|_| value.is_finite()) else { return };
        let Some(before) = self.values.insert(*series, value) else { return };
        let is_so = match kind {
            HappeningKind::Restart => value < before - FALL_S,
            // A counter that begins anew has killed nobody yet.
            HappeningKind::Oom => value > before,
            HappeningKind::Deploy => false,
        };
        if is_so {
            self.tell(Happening { at_ms, resource: table.resource, kind, what: String::new() });
        }
    }

    fn tell(&mut self, happening: Happening) {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push(happening);
        }
    }
}

fn is_deploy(event: &Event) -> bool {
    DEPLOYS.iter().any(|kind| event.kind.eq_ignore_ascii_case(kind))
}

/// The version that an event of a deployment names; nothing when it names none.
fn version_told(event: &Event) -> String {
    let told: serde_json::Value = serde_json::from_str(&event.payload).unwrap_or_default();
    let named = ["version", "release", "tag", "commit"].iter().find_map(|key| told[key].as_str());
    named.unwrap_or_default().chars().take(limit::VALUE_BYTES_MAX / 4).collect()
}

#[cfg(test)]
mod tests {
    use farol_shared::{
        batch::SeriesKey,
        frame::{Frame, Row},
        metric::Kind,
        record::Records,
    };

    use super::*;

    fn table() -> Arc<TableIds> {
        let key = |metric: &str, kind| {
            Arc::new(SeriesKey { metric: metric.to_owned(), unit: "s".to_owned(), kind, attributes: Vec::new() })
        };
        let keys =
            [key("container.uptime", Kind::Gauge), key("container.memory.oom_kills", Kind::Counter), key("x", Kind::Gauge)];
        Arc::new(TableIds { resource: 7, series: Arc::new([1, 2, 3]), keys: Arc::new(keys) })
    }

    fn committed(table: &Arc<TableIds>, rows: &[[f64; 3]], events: Vec<Event>) -> Committed {
        let frame = |(n, row): (usize, &[f64; 3])| Frame {
            time_ms: 1_000 * i64::try_from(n).unwrap(),
            rows: vec![Row(row.to_vec())],
            records: Vec::new(),
        };
        Committed {
            agent: "a".into(),
            boot: 1,
            seq: 1,
            interval_ms: 1_000,
            resources: vec![Arc::clone(table)],
            frames: rows.iter().enumerate().map(frame).collect(),
            records: vec![(7, 0, Records { events, ..Records::default() })],
        }
    }

    #[test]
    fn a_fallen_uptime_is_a_restart_and_a_grown_counter_a_kill() {
        let (mut happened, table) = (Happened::default(), table());
        let arrival = Arrival { now_ms: 100_000, skew_ms: 0 };
        let rows = [[50.0, 3.0, 1.0], [51.0, 3.0, 0.0], [50.5, 3.0, 0.0], [0.5, 0.0, 0.0], [f64::NAN, 1.0, 0.0]];
        happened.take(&committed(&table, &rows, Vec::new()), arrival);
        let told: Vec<(HappeningKind, i64)> = happened.drain().into_iter().map(|one| (one.kind, one.at_ms)).collect();
        assert_eq!(told, [(HappeningKind::Restart, 3_000), (HappeningKind::Oom, 4_000)]);
        assert_eq!(happened.drain(), []);
    }

    #[test]
    fn an_event_of_a_deployment_tells_its_version() {
        let mut happened = Happened::default();
        let event =
            |kind: &str, payload: &str| Event { time_ms: 5, kind: kind.to_owned(), tenant: None, payload: payload.to_owned() };
        let events = vec![event("Deploy", r#"{"version":"v2.41.0"}"#), event("deployment", "[]"), event("Deployer", "{}")];
        happened.take(&committed(&table(), &[], events), Arrival { now_ms: 10, skew_ms: 0 });
        let told: Vec<String> = happened.drain().into_iter().map(|one| one.what).collect();
        assert_eq!(told, ["v2.41.0", ""]);
    }
}
