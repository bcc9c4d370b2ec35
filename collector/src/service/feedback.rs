//! Feedback: tells what services add up to, once a second, through the same door as every agent.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use farol_shared::{
    batch::{Batch, Table, Tables},
    clock::Clock,
    frame::{Frame, Row},
    wire,
};
use farol_store::Store;
use serde_bytes::ByteBuf;
use tokio::time::{MissedTickBehavior, interval};

use super::{AGENT, Services, lock, series};
use crate::ingest::{Encoding, Ingest, Refusal};

/// How often services are told.
const EVERY: Duration = Duration::from_secs(1);

/// Tells what services add up to. Runs until it is dropped.
pub async fn report(services: Services, store: Store, ingest: Ingest, clock: Arc<dyn Clock>) {
    let Ok(boot) = getrandom::u64() else { return };
    let mut reporter = Some(Reporter::new(boot));
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while let Some(mut own) = reporter.take() {
        ticks.tick().await;
        let (services, store, now_ms) = (services.clone(), store.clone(), clock.now_ms());
        // Merging the windows of many services takes milliseconds, which the runtime has not.
        let made = tokio::task::spawn_blocking(move || {
            let body = own.next(&services, &store, now_ms);
            (own, body)
        });
        let Ok((mut own, body)) = made.await else {
            tracing::error!(target: "service", "adding up services failed");
            return;
        };
        if let Some(body) = body {
            let answer = ingest.accept(body.clone(), Encoding::Identity, Some(now_ms)).await;
            // What was turned away comes again as it was, so that it can be recognised if it was stored after all.
            if matches!(answer, Err(Refusal::Later { .. })) {
                own.keep(body);
            }
        }
        reporter = Some(own);
    }
}

/// The in-process agent: its run and what it told.
#[derive(Debug)]
pub(super) struct Reporter {
    boot: u64,
    seq: u64,
    taken: u64,
    pending: Option<Bytes>,
}

impl Reporter {
    pub(super) fn new(boot: u64) -> Self {
        Self { boot, seq: 0, taken: 0, pending: None }
    }

    /// Keeps a batch that was not taken, to be told again instead of the next one.
    pub(super) fn keep(&mut self, body: Bytes) {
        self.pending = Some(body);
    }

    /// The next batch as it travels; `None` when there is no service to tell of.
    pub(super) fn next(&mut self, services: &Services, store: &Store, now_ms: i64) -> Option<Bytes> {
        if let Some(pending) = self.pending.take() {
            return Some(pending);
        }
        let told = services.told(store, now_ms);
        if told.is_empty() {
            return None;
        }
        let (mut tables, mut rows) = (Vec::with_capacity(told.len()), Vec::with_capacity(told.len()));
        for (_, service) in told {
            let mut service = lock(&service);
            let Some(resource) = service.resource.clone() else { continue };
            let series::Told { keys, values } = series::tell(&mut service, now_ms);
            tables.push(Table { resource: (*resource).clone(), series: keys });
            rows.push(Row(values));
        }
        let frame = Frame { time_ms: now_ms, rows, records: Vec::new() };
        self.seq += 1;
        self.taken += frame.samples() as u64;
        let batch = Batch {
            agent: AGENT.to_owned(),
            boot: self.boot,
            seq: self.seq,
            interval_ms: u64::try_from(EVERY.as_millis()).unwrap_or(u64::MAX),
            taken: self.taken,
            lost: Vec::new(),
            // The same bytes as before when nothing is new: the store recognises them.
            tables: ByteBuf::from(wire::encode_tables(&Tables(tables))),
            frames: vec![frame],
        };
        Some(Bytes::from(wire::encode(&batch)))
    }
}
