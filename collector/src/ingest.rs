//! Ingest: the one door through which batches come in, over HTTP and from the collector's own agent.
//!
//! In: a body as it travels. Out: an [`Ack`] when the batch is on disk, or a [`Refusal`] that says what to do.
//!
//! Invariants: nothing is acknowledged that is not on disk; nothing is decompressed or decoded beyond its limit; what was
//! committed is handed to [`crate::push`] after the commit, never before.
//!
//! Bounded: bytes of bodies in flight ([`IN_FLIGHT_BYTES_MAX`], then 503), large decodes at once
//! ([`LARGE_DECODES_MAX`]), time for a body to arrive, batches that wait for a commit (the store's queue, then 503).

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::http::StatusCode;
use bytes::Bytes;
use farol_shared::{
    batch::Batch,
    clock::Clock,
    report,
    wire::{self, Ack, WireError},
};
use farol_store::{CommitError, Outcome, Store};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use arrivals::Arrivals;

use crate::{
    access::AgentAuth,
    live::Arrival,
    problem::Problem,
    push::{Push, feed::Shown},
};

pub mod arrivals;
mod binding;
mod body;
mod decompress;
pub mod routes;

/// Most bytes of request bodies in memory at once. A thousand agents that catch up after an outage send less.
pub const IN_FLIGHT_BYTES_MAX: usize = 64 << 20;

/// A batch that is larger than this when decoded is decoded beside the runtime, in bytes. Smaller ones take well under
/// 500 µs.
const LARGE_BYTES: usize = 128 << 10;

/// Most large batches decoded at once: each may take 64 MiB of memory.
const LARGE_DECODES_MAX: usize = 2;

/// What an agent is asked to wait when the collector is busy, in seconds.
const RETRY_AFTER_BUSY_S: u64 = 1;

/// What it is asked to wait when the disk fails: nobody makes room within a second.
const RETRY_AFTER_DISK_S: u64 = 5;

/// A failure that lasts is told again after this long, in milliseconds.
const TELL_AGAIN_AFTER_MS: u64 = 60_000;

/// How long a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(30);

/// The stage. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ingest(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    push: Push,
    clock: Arc<dyn Clock>,
    shown: mpsc::Sender<Shown>,
    in_flight: Arc<Semaphore>,
    large: Semaphore,
    counts: Counts,
    arrivals: Arrivals,
    refusals: Repeated,
    disk_failures: Repeated,
    /// Set when a part failed without which nothing may go on.
    broken: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Counts {
    stored: AtomicU64,
    repeated: AtomicU64,
    refused: AtomicU64,
    busy: AtomicU64,
    samples: AtomicU64,
    unshown: AtomicU64,
}

/// Outcomes since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IngestStats {
    /// Batches put on disk.
    pub stored: u64,
    /// Batches that had been put on disk before.
    pub repeated: u64,
    /// Batches that will never be accepted.
    pub refused: u64,
    /// Batches that were asked to come again.
    pub busy: u64,
    /// Samples put on disk.
    pub samples: u64,
    /// Batches that are on disk but were not shown live, because showing fell behind.
    pub unshown: u64,
}

/// Something that may go wrong thousands of times and is told once a minute, with a count.
#[derive(Debug, Default)]
struct Repeated {
    told_ms: AtomicI64,
    times: AtomicU64,
}

impl Repeated {
    /// How often it happened since it was told last, when it is time to tell.
    fn tell(&self, now_ms: i64) -> Option<u64> {
        let times = self.times.fetch_add(1, Ordering::Relaxed) + 1;
        let told_ms = self.told_ms.load(Ordering::Relaxed);
        if now_ms.abs_diff(told_ms) < TELL_AGAIN_AFTER_MS {
            return None;
        }
        self.told_ms.store(now_ms, Ordering::Relaxed);
        self.times.fetch_sub(times, Ordering::Relaxed);
        Some(times)
    }
}

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// Compressed by zstd.
    Zstd,
}

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Never acceptable: the bytes are wrong, or what they say.
    #[error("{detail}")]
    Never {
        /// 400, 413, 415 or 422.
        status: StatusCode,
        /// What is wrong.
        detail: String,
    },
    /// Not now.
    #[error("{detail}")]
    Later {
        /// Why not.
        detail: String,
        /// When to come again, in seconds.
        after_s: u64,
    },
}

impl Refusal {
    fn never(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::Never { status, detail: detail.into() }
    }

    fn busy(detail: impl Into<String>) -> Self {
        Self::Later { detail: detail.into(), after_s: RETRY_AFTER_BUSY_S }
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        let status = match &error {
            WireError::Malformed { .. } => StatusCode::BAD_REQUEST,
            WireError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            WireError::Inconsistent(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::never(status, report::chain(&error).to_string())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Never { status, detail } => Self::new(status, detail),
            Refusal::Later { detail, after_s } => Self::unavailable(detail, after_s),
        }
    }
}

impl Ingest {
    /// The door before a store. Committed batches also go to `shown`.
    #[must_use]
    pub fn new(store: Store, push: Push, clock: Arc<dyn Clock>, shown: mpsc::Sender<Shown>) -> Self {
        Self(Arc::new(Inner {
            store,
            push,
            clock,
            shown,
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT_BYTES_MAX)),
            large: Semaphore::new(LARGE_DECODES_MAX),
            counts: Counts::default(),
            arrivals: Arrivals::default(),
            refusals: Repeated::default(),
            disk_failures: Repeated::default(),
            broken: watch::Sender::new(false),
        }))
    }

    /// Takes one batch of the collector's own, as it travels. Answers when it is on disk.
    ///
    /// # Errors
    /// [`Refusal`] says whether the batch may come again.
    pub async fn accept(&self, body: Bytes, encoding: Encoding, sent_ms: Option<i64>) -> Result<Ack, Refusal> {
        self.accept_from(None, body, encoding, sent_ms).await
    }

    /// Takes one batch as it travels, and puts it under what its agent's token is bound to. Answers when it is on disk.
    ///
    /// # Errors
    /// [`Refusal`] says whether the batch may come again.
    pub async fn accept_from(
        &self,
        agent: Option<&AgentAuth>,
        body: Bytes,
        encoding: Encoding,
        sent_ms: Option<i64>,
    ) -> Result<Ack, Refusal> {
        let _guard = StopOnPanic(self);
        let result = self.take(agent, body, encoding, sent_ms).await;
        match &result {
            Ok(_) => {}
            Err(Refusal::Never { status, detail }) => {
                self.0.counts.refused.fetch_add(1, Ordering::Relaxed);
                if let Some(agent) = agent {
                    self.0.arrivals.refused(agent.token_id, status.as_u16(), detail, self.0.clock.now_ms());
                }
                // An agent that sends what is never accepted may do so every second.
                if let Some(times) = self.0.refusals.tell(self.0.clock.now_ms()) {
                    tracing::warn!(target: "ingest", status = status.as_u16(), detail, times, "batch refused");
                }
            }
            Err(Refusal::Later { detail, .. }) => {
                self.0.counts.busy.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(target: "ingest", detail, "batch turned away");
            }
        }
        result
    }

    /// Outcomes since the start.
    #[must_use]
    pub fn stats(&self) -> IngestStats {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counts = &self.0.counts;
        IngestStats {
            stored: read(&counts.stored),
            repeated: read(&counts.repeated),
            refused: read(&counts.refused),
            busy: read(&counts.busy),
            samples: read(&counts.samples),
            unshown: read(&counts.unshown),
        }
    }

    /// Who came to the door lately.
    #[must_use]
    pub fn arrivals(&self) -> &Arrivals {
        &self.0.arrivals
    }

    /// Resolves when a part failed without which nothing may go on: the writer, or this stage itself.
    pub async fn broken(&self) {
        let mut broken = self.0.broken.subscribe();
        // The sender lives as long as this stage, so that waiting cannot fail.
        drop(broken.wait_for(|broken| *broken).await);
    }

    async fn take(
        &self,
        agent: Option<&AgentAuth>,
        body: Bytes,
        encoding: Encoding,
        sent_ms: Option<i64>,
    ) -> Result<Ack, Refusal> {
        let mut batch = self.decode(body, encoding).await?;
        let now_ms = self.0.clock.now_ms();
        if batch.boot == 0 && batch.frames.is_empty() {
            // `farol-agent check` asks whether it would be let in.
            if let Some(agent) = agent {
                self.0.arrivals.checked(agent.token_id, now_ms);
            }
            return Ok(Ack { seq: batch.seq, watched: false, now_ms });
        }
        if let Some(agent) = agent {
            binding::bind(&mut batch, agent)?;
        }
        let skew_ms = sent_ms.map_or(0, |sent_ms| now_ms.saturating_sub(sent_ms));
        let samples = batch.samples() as u64;
        match self.commit(batch, Arrival { now_ms, skew_ms }).await? {
            Outcome::Stored(committed) => {
                self.0.counts.stored.fetch_add(1, Ordering::Relaxed);
                self.0.counts.samples.fetch_add(samples, Ordering::Relaxed);
                if let Some(agent) = agent {
                    let resources = committed.resources.iter().map(|table| table.resource);
                    self.0.arrivals.delivered(agent.token_id, &committed.agent, resources, now_ms);
                }
                let watched = self.0.push.is_any_watched(committed.resources.iter().map(|table| table.resource));
                Ok(Ack { seq: committed.seq, watched, now_ms: self.0.clock.now_ms() })
            }
            Outcome::Repeated { seq } => {
                self.0.counts.repeated.fetch_add(1, Ordering::Relaxed);
                Ok(Ack { seq, watched: false, now_ms: self.0.clock.now_ms() })
            }
        }
    }

    async fn decode(&self, body: Bytes, encoding: Encoding) -> Result<Batch, Refusal> {
        if decompress::size(&body, encoding) <= LARGE_BYTES {
            return decode(&body, encoding);
        }
        let _permit = self.0.large.acquire().await.map_err(|_| Refusal::busy("the collector is stopping"))?;
        let decoded = tokio::task::spawn_blocking(move || decode(&body, encoding)).await;
        decoded.unwrap_or_else(|_| {
            self.0.broken.send_replace(true);
            Err(Refusal::busy("the collector failed"))
        })
    }

    async fn commit(&self, batch: Batch, arrival: Arrival) -> Result<Outcome, Refusal> {
        let (answer, answered) = oneshot::channel();
        let stage = Arc::downgrade(&self.0);
        let shown = self.0.shown.clone();
        let done = Box::new(move |result: Result<Outcome, CommitError>| {
            // On the writer's thread, so that what was committed is shown even if its agent hung up meanwhile.
            if let Ok(Outcome::Stored(committed)) = &result
                && shown.try_send(Shown { committed: Arc::clone(committed), arrival }).is_err()
                && let Some(stage) = stage.upgrade()
            {
                stage.counts.unshown.fetch_add(1, Ordering::Relaxed);
            }
            // Its agent may have hung up: it will send the batch again, and be told that it is there.
            drop(answer.send(result));
        });
        self.0.store.submit(batch, done);
        match answered.await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(CommitError::Busy)) => Err(Refusal::busy("the collector is busy")),
            Ok(Err(CommitError::Closed)) => Err(Refusal::busy("the collector is stopping")),
            Ok(Err(CommitError::Refused(why))) => {
                Err(Refusal::never(StatusCode::UNPROCESSABLE_ENTITY, report::chain(&why).to_string()))
            }
            Ok(Err(CommitError::Disk(why))) => {
                if let Some(times) = self.0.disk_failures.tell(self.0.clock.now_ms()) {
                    tracing::error!(target: "ingest", error = why, times, "history cannot be written");
                }
                Err(Refusal::Later { detail: "the history cannot be written".to_owned(), after_s: RETRY_AFTER_DISK_S })
            }
            Err(_) => {
                // The writer dropped the batch without a word: it is no more.
                self.0.broken.send_replace(true);
                Err(Refusal::busy("the collector failed"))
            }
        }
    }
}

fn decode(body: &Bytes, encoding: Encoding) -> Result<Batch, Refusal> {
    match encoding {
        Encoding::Identity => Ok(wire::decode(body)?),
        Encoding::Zstd => decompress::with(body, |plain| wire::decode(plain).map_err(Refusal::from)),
    }
}

/// A panic while a batch is taken leaves the books in doubt: the process must stop, its service manager starts it again.
struct StopOnPanic<'a>(&'a Ingest);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.0.broken.send_replace(true);
        }
    }
}
