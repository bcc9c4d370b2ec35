//! For tests of receivers: a context with a fixed clock, and what the intake holds after they wrote.

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use farol_shared::{
    clock::Clock,
    record::Records,
    resource::{Resource, ResourceKind},
};
use tokio::sync::watch;

use super::{Context, Stop};
use crate::{
    intake::{Inlet, Settings},
    read::Roots,
    recorder::{Recorder, ResourceSlot},
};

/// The time of all that happens: 2026-11-21 05:16:00 UTC, a few seconds before the samples of OTLP were taken.
pub(super) const NOW_MS: i64 = 1_795_238_160_000;

#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now_ms(&self) -> i64 {
        NOW_MS
    }
}

/// A context, what stops it, and a recorder behind its intake.
pub(super) struct Trial {
    pub(super) context: Context,
    pub(super) stop: watch::Sender<bool>,
    recorder: Recorder,
    own: ResourceSlot,
}

impl Trial {
    /// An agent of the service `own`.
    pub(super) fn new() -> Self {
        let (stop, stopped) = Stop::new();
        let inlet = Inlet::new(Settings { service: "own".to_owned(), environment: None, tenant: None, slow_s: 0.5 });
        let context = Context { inlet, clock: Arc::new(Still), roots: Rc::new(Roots::new("/")), stop: stopped };
        let mut recorder = Recorder::new();
        let own = recorder.resource(Resource {
            key: "host:a".to_owned(),
            kind: ResourceKind::Host,
            parent: None,
            tenant: None,
            attributes: BTreeMap::new(),
        });
        Self { context, stop, recorder, own }
    }

    /// What the intake holds: records by service, and values by `name` or `name{key=value,...}`. Two ticks are made, as a
    /// counter that begins is told with zero first.
    pub(super) fn drain(&mut self) -> (BTreeMap<String, Records>, BTreeMap<String, f64>) {
        let (records, mut values) = self.tick();
        values.extend(self.tick().1);
        (records, values)
    }

    fn tick(&mut self) -> (BTreeMap<String, Records>, BTreeMap<String, f64>) {
        let groups = self.context.inlet.open().drain(&mut self.recorder, self.own, true);
        let tables = self.recorder.tables().0;
        let records = groups.into_iter().map(|records| {
            let resource = &tables[usize::try_from(records.resource).expect("a place in a table")].resource;
            (resource.key.clone(), records)
        });
        let records = records.collect();
        let rows = self.recorder.take_rows();
        let mut values = BTreeMap::new();
        for (table, row) in tables.iter().zip(rows) {
            for (series, value) in table.series.iter().zip(row.0).filter(|(_, value)| !value.is_nan()) {
                let attributes: Vec<String> = series.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
                let attributes = if attributes.is_empty() { String::new() } else { format!("{{{}}}", attributes.join(",")) };
                values.insert(format!("{}{attributes}", series.metric), value);
            }
        }
        (records, values)
    }

    /// The records of one service.
    pub(super) fn records(&mut self, service: &str) -> Records {
        self.drain().0.remove(&format!("service:{service}")).unwrap_or_default()
    }
}
