//! Signs of life to the service manager, given only while the parts answer on which everything depends.
//!
//! In: store and ingest. Out: a datagram to systemd each third of the time after which it starts the collector anew.
//! Invariant: no sign without an answer of the store's writer and of the door for batches since the sign before. That a disk is
//! full or a door busy is an answer.

use bytes::Bytes;
use farol_agent::manager::Manager;
use farol_shared::{
    batch::{Batch, Tables},
    limit, wire,
};
use farol_store::Store;
use serde_bytes::ByteBuf;
use tokio::time::{MissedTickBehavior, interval};

use crate::ingest::{Encoding, Ingest};

/// Gives signs of life for as long as the parts answer; for ever when nobody waits for them.
pub(super) async fn watch(manager: &Manager, store: &Store, ingest: &Ingest) {
    let Some(every) = manager.alive_every() else { return std::future::pending().await };
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let question = question();
    loop {
        ticks.tick().await;
        // Busy or refused: whatever it says, it says something.
        drop(ingest.accept(question.clone(), Encoding::Identity, None).await);
        let store = store.clone();
        let answers = tokio::task::spawn_blocking(move || store.is_writer_alive()).await;
        if answers.unwrap_or(false) {
            manager.alive();
        }
    }
}

/// What `farol-agent check` asks: a batch of nothing, which is looked at and not stored.
fn question() -> Bytes {
    let tables = ByteBuf::from(wire::encode_tables(&Tables::default()));
    let interval_ms = limit::INTERVAL_MS_MAX;
    let agent = "watchdog".to_owned();
    let batch = Batch { agent, boot: 0, seq: 1, interval_ms, taken: 0, lost: Vec::new(), tables, frames: Vec::new() };
    Bytes::from(wire::encode(&batch))
}
