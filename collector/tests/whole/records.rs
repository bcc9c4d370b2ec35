//! Builders of what agents of applications send: services with requests, errors, logs, events and checks.

use std::collections::BTreeMap;

use farol_shared::{
    batch::{Batch, Table, Tables},
    frame::Frame,
    record::{Event, Records, RequestSummary},
    resource::{Resource, ResourceKind},
    sketch::Sketch,
    wire,
};
use serde_bytes::ByteBuf;
use serde_json::Value;

use crate::harness::Collector;

/// A batch of one agent that knows one service by its records only.
pub(crate) fn batch(agent: &str, seq: u64, service: &str, frames: Vec<(i64, Records)>) -> Batch {
    let resource = Resource {
        key: format!("service:{service}"),
        kind: ResourceKind::Service,
        parent: None,
        tenant: None,
        attributes: BTreeMap::from([("service.name".to_owned(), service.to_owned())]),
    };
    let tables = Tables(vec![Table { resource, series: Vec::new() }]);
    Batch {
        agent: agent.to_owned(),
        boot: 1,
        seq,
        interval_ms: 1_000,
        taken: frames.iter().map(|(_, records)| records.count() as u64).sum(),
        lost: Vec::new(),
        tables: ByteBuf::from(wire::encode_tables(&tables)),
        frames: frames
            .into_iter()
            .map(|(time_ms, records)| Frame { time_ms, rows: Vec::new(), records: vec![records] })
            .collect(),
    }
}

/// So many requests of one duration.
pub(crate) fn summary(route: &str, status: u16, tenant: Option<&str>, count: u64, duration_s: f64) -> RequestSummary {
    let mut sketch = Sketch::new();
    sketch.record(duration_s, count);
    let mut bytes = Vec::new();
    sketch.encode(&mut bytes);
    let sum_s = duration_s * count as f64;
    RequestSummary {
        method: "GET".to_owned(),
        route: route.to_owned(),
        status,
        tenant: tenant.map(str::to_owned),
        count,
        failed: if status >= 500 { count } else { 0 },
        sum_s,
        min_s: duration_s,
        max_s: duration_s,
        slow_s: if duration_s > 0.5 { sum_s } else { 0.0 },
        sketch: ByteBuf::from(bytes),
    }
}

pub(crate) fn requests(summaries: Vec<RequestSummary>) -> Records {
    Records { requests: summaries, ..Records::default() }
}

pub(crate) fn event(time_ms: i64, kind: &str, payload: &str) -> Event {
    Event { time_ms, kind: kind.to_owned(), tenant: None, payload: payload.to_owned() }
}

/// Asks again until the answer is as it should be.
pub(crate) async fn until<T>(collector: &Collector, token: &str, path: &str, wanted: impl Fn(&Value) -> Option<T>) -> T {
    let mut last = Value::Null;
    let asking = async {
        loop {
            last = collector.json(token, path).await;
            if let Some(found) = wanted(&last) {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(crate::harness::LONG, asking).await {
        Ok(found) => found,
        Err(_) => panic!("{path} never answered as it should: {last}"),
    }
}
