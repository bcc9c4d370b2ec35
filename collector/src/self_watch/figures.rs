//! The collector's own figures: as values for `/metrics`, and as batches of the service `farol-collector`.

use std::{collections::BTreeMap, fs, sync::Arc, time::Duration};

use farol_shared::{
    batch::{Batch, SeriesKey, Table, Tables},
    catalog,
    clock::Clock,
    frame::{Frame, Row},
    resource::{Resource, ResourceKind},
    wire,
};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeVal,
};
use serde_bytes::ByteBuf;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::{
    api::App,
    exposition::OwnValue,
    ingest::{Encoding, Refusal},
};

/// How often the collector's own figures are put into history.
const EVERY: Duration = Duration::from_secs(5);

/// The collector's own figures at this moment.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts and sizes stay below 2^53")]
pub fn own_values(app: &App) -> Vec<OwnValue> {
    let parts = app.parts();
    let (ingest, store, push) = (parts.ingest.stats(), parts.store.stats(), parts.push.stats());
    let value = |metric, value| OwnValue { metric, attributes: Vec::new(), value };
    let batches = |outcome, count: u64| OwnValue {
        metric: &catalog::COLLECTOR_BATCHES,
        attributes: vec![("farol.outcome", outcome)],
        value: count as f64,
    };
    let mut values = vec![
        batches("stored", ingest.stored),
        batches("repeated", ingest.repeated),
        batches("refused", ingest.refused),
        batches("busy", ingest.busy),
        value(&catalog::COLLECTOR_SAMPLES, ingest.samples as f64),
        value(&catalog::COLLECTOR_COMMITS, store.commits as f64),
        value(&catalog::COLLECTOR_COMMIT_TIME, store.commit_seconds),
        value(&catalog::COLLECTOR_HEAD_SAMPLES, store.head_samples as f64),
        value(&catalog::COLLECTOR_HISTORY_BYTES, store.disk_bytes as f64),
        value(&catalog::COLLECTOR_LISTENERS, push.listeners as f64),
        value(&catalog::COLLECTOR_SKIPPED, push.skipped as f64),
        value(&catalog::COLLECTOR_SERVICES_LEFT_OUT, parts.services.left_out() as f64),
    ];
    if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
        let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        values.push(value(&catalog::COLLECTOR_CPU_TIME, seconds(usage.user_time()) + seconds(usage.system_time())));
    }
    if let Some(bytes) = resident_bytes() {
        values.push(value(&catalog::COLLECTOR_MEMORY_USAGE, bytes));
    }
    values
}

/// Resident memory of this process. `None` where there is no `/proc`.
fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024.0)
}

/// Puts the collector's own figures into history, through the door. Runs until it is dropped.
pub async fn report_own(app: App, clock: Arc<dyn Clock>) {
    let Ok(boot) = getrandom::u64() else { return };
    let mut reporter = Reporter { boot, seq: 0, taken: 0, pending: None };
    // After the first tick of the own agent, so that the machine comes before the service that runs on it.
    let mut ticks = interval_at(Instant::now() + EVERY, EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        // Reading the stages' figures may touch the disk.
        let (for_values, now_ms) = (app.clone(), clock.now_ms());
        let Ok(values) = tokio::task::spawn_blocking(move || own_values(&for_values)).await else { continue };
        let name = app.parts().own.key().map_or("", |key| key.split_once(':').map_or(key, |(_, name)| name)).to_owned();
        let parent = app.parts().own.key().map(str::to_owned);
        let batch = reporter.next(&name, parent, &values, now_ms);
        let body = bytes::Bytes::from(wire::encode(&batch));
        match app.parts().ingest.accept(body, Encoding::Identity, Some(now_ms)).await {
            // What was turned away comes again with the next figures, as part of the same batch.
            Err(Refusal::Later { .. }) => reporter.pending = Some(batch),
            Ok(_) | Err(Refusal::Never { .. }) => reporter.pending = None,
        }
    }
}

struct Reporter {
    boot: u64,
    seq: u64,
    taken: u64,
    /// A batch that was not accepted yet.
    pending: Option<Batch>,
}

impl Reporter {
    fn next(&mut self, name: &str, parent: Option<String>, values: &[OwnValue], now_ms: i64) -> Batch {
        if let Some(batch) = self.pending.take() {
            // Sent again as it was, so that it can be recognised if it was stored after all.
            return batch;
        }
        self.seq += 1;
        self.taken += values.len() as u64;
        let mut attributes = BTreeMap::from([
            ("service.name".to_owned(), "farol-collector".to_owned()),
            ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ]);
        if !name.is_empty() {
            attributes.insert("host.name".to_owned(), name.to_owned());
        }
        let key = if name.is_empty() { "service:farol-collector".to_owned() } else { format!("service:farol-collector@{name}") };
        let series = values.iter().map(|value| SeriesKey {
            metric: value.metric.name.to_owned(),
            unit: value.metric.unit.to_owned(),
            kind: value.metric.kind,
            attributes: value.attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        });
        let resource = Resource { key: key.clone(), kind: ResourceKind::Service, parent, tenant: None, attributes };
        let tables = Tables(vec![Table { resource, series: series.collect() }]);
        let rows = vec![Row(values.iter().map(|value| value.value).collect())];
        Batch {
            agent: key,
            boot: self.boot,
            seq: self.seq,
            interval_ms: u64::try_from(EVERY.as_millis()).unwrap_or(u64::MAX),
            taken: self.taken,
            lost: Vec::new(),
            tables: ByteBuf::from(wire::encode_tables(&tables)),
            frames: vec![Frame { time_ms: now_ms, rows, records: Vec::new() }],
        }
    }
}
