//! A collector's part that tells channels: its file, its channels, its sender, and a clock of its own.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use farol_collector::{
    access::seal::Seal,
    alert::Level,
    notify::{
        Channels, Notice, Reason,
        channel::{Channel, Origin, Written},
        request::Verdict,
        sender, trial,
    },
    state::{
        FILE_NAME, State, StateThread,
        outbox::{DeliveryFilter, DeliveryRow, NewDelivery},
    },
};
use farol_shared::clock::Clock;
use serde_json::{Value, json};

/// 2026-11-22T00:16:10Z.
pub(crate) const START: i64 = 1_795_306_570_000;

/// A clock that stands until it is moved.
#[derive(Debug, Clone)]
pub(crate) struct Hand(Arc<AtomicI64>);

impl Hand {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(START)))
    }

    pub(crate) fn forward(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The stages over one folder.
pub(crate) struct House {
    pub(crate) state: State,
    pub(crate) channels: Channels,
    pub(crate) clock: Arc<dyn Clock>,
    thread: StateThread,
}

/// A channel of the configuration.
pub(crate) fn channel(id: &str, kind: &str, settings: &Value, fallback: Option<&str>) -> Channel {
    let whole = json!({ "id": id, "name": id, "kind": kind, "settings": settings, "fallback": fallback });
    let written: Written = serde_json::from_value(whole).unwrap();
    Channel::check(written, Origin::File).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// A webhook.
pub(crate) fn hook(id: &str, url: &str, fallback: Option<&str>) -> Channel {
    channel(id, "webhook", &json!({ "url": url }), fallback)
}

impl House {
    pub(crate) async fn open(folder: &Path, channels: Vec<Channel>, clock: Arc<dyn Clock>) -> Self {
        let (state, thread) = State::open(&folder.join(FILE_NAME), Arc::clone(&clock)).unwrap();
        let seal = Seal::load(None, folder).unwrap();
        let channels = Channels::open(state.clone(), seal, channels, Some("https://farol.example")).await.unwrap();
        Self { state, channels, clock, thread }
    }

    /// Closes the file. The sender must have ended.
    pub(crate) async fn close(self) {
        let Self { state, channels, thread, .. } = self;
        drop((state, channels));
        tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
    }

    /// Makes incidents, which rows of the outbox are of.
    pub(crate) fn incidents(folder: &Path, count: i64) {
        drop(farol_collector::state::StateDb::open(&folder.join(FILE_NAME)).unwrap());
        let connection = rusqlite::Connection::open(folder.join(FILE_NAME)).unwrap();
        for id in 1..=count {
            let sql = "INSERT OR IGNORE INTO incident (id, level, opened_ms, body) VALUES (?1, 'critical', 1, '{}')";
            connection.execute(sql, [id]).unwrap();
        }
    }

    /// Writes a notice into the outbox, as the transaction of its incident does.
    pub(crate) async fn enqueue(&self, incident: i64, number: i64, channel: &str, reason: Reason) {
        let new = row(incident, number, channel, reason, self.clock.now_ms());
        self.state.change(move |db| db.enqueue(&new)).await.unwrap();
        self.channels.wake();
    }

    /// One step of the sender.
    pub(crate) async fn step(&self, channel: &str) -> Option<Verdict> {
        sender::step(&self.channels, &self.state, Arc::clone(&self.clock), channel).await.unwrap()
    }

    /// What the outbox shows, oldest first.
    pub(crate) async fn rows(&self) -> Vec<DeliveryRow> {
        let mut rows = self.state.read(|db| db.deliveries(10_000, &DeliveryFilter::default())).await.unwrap();
        rows.reverse();
        rows
    }
}

/// A row of the outbox.
pub(crate) fn row(incident: i64, number: i64, channel: &str, reason: Reason, now_ms: i64) -> NewDelivery {
    let key = format!("{incident}-{number}-{channel}");
    let notice = Notice { key: key.clone(), incident, reason, level: Level::Critical, ..trial::notice(channel, now_ms) };
    let notice = serde_json::to_string(&notice).unwrap();
    NewDelivery { key, channel: channel.to_owned(), incident: Some(incident), notice, next_ms: now_ms, created_ms: now_ms }
}
