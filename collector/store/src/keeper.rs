//! The keeper: the thread that tidies up behind the writer. It folds, seals, rolls up, merges, retains and copies the
//! write-ahead log into the file; it prepares changes on a reader and lets the writer carry them out.
//!
//! *Invariants*: it never holds a lock while it encodes; each change is one transaction of bounded size; when it
//! fails, everything stays as it was and is tried again later.

use std::{
    cell::Cell,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use rusqlite::Connection;

use crate::{
    error::{CommitError, QueryError},
    shared::Shared,
    writer::{Change, Command},
};

/// How often the keeper looks whether there is something to do.
const TICK: Duration = Duration::from_secs(1);
/// Size of the write-ahead log from which it is copied into the file.
const WAL_BYTES: u64 = 4 << 20;
/// Time between two copies; the log keeps its size, so that its size does not tell how much of it is new.
const CHECKPOINT_PAUSE: Duration = Duration::from_secs(10);
/// Changes of the keeper's after which it is copied earlier.
const CHECKPOINT_CHANGES: u32 = 64;
/// The keeper rests this many times as long as it worked, so that it takes at most a third of a core from the others.
const REST: u32 = 2;
/// Longest rest at once.
const REST_MAX: Duration = Duration::from_millis(50);

/// What the keeper is asked to do.
pub(crate) enum Ask {
    /// Do everything that is due now, without rest; with `seal`, seal all samples in memory first.
    Tidy { seal: bool, reply: SyncSender<Result<(), KeepError>> },
    /// Stop.
    Stop,
}

/// Why the keeper could not do its work. Nothing is lost by it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    #[error("the writer refused")]
    Commit(#[from] CommitError),
    #[error("blocks cannot be read")]
    Read(#[from] QueryError),
    #[error("the database cannot be read")]
    Sqlite(#[from] rusqlite::Error),
    #[error("rows in memory cannot be read: {0}")]
    Head(#[from] crate::codec::Damaged),
    #[error("the store is closing")]
    Stopped,
}

/// The keeper's own state.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) shared: Arc<Shared>,
    pub(crate) commands: SyncSender<Command>,
    pub(crate) inbox: Receiver<Ask>,
    pub(crate) conn: Connection,
    /// When the living generation began, by the collector's clock.
    pub(crate) generation_ms: i64,
    /// Generations before the living one that are not all in blocks yet.
    pub(crate) sealing: Vec<u64>,
    pub(crate) merger: crate::merge::Merger,
    pub(crate) folder: crate::records::Folder,
    /// When old blocks were last looked for, by the collector's clock.
    pub(crate) retained_ms: i64,
    /// When the log was copied last, and how many changes ago.
    pub(crate) checkpointed: Cell<Instant>,
    pub(crate) changes: Cell<u32>,
    /// Nobody waits for it: rest between steps.
    pub(crate) is_relaxed: bool,
    pub(crate) is_stopped: bool,
}

impl Keeper {
    /// Works until asked to stop.
    pub(crate) fn run(mut self) {
        let mut failed = false;
        while !self.is_stopped {
            match self.inbox.recv_timeout(TICK) {
                Ok(Ask::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(Ask::Tidy { seal, reply }) => {
                    self.is_relaxed = false;
                    reply.try_send(self.tidy(seal)).unwrap_or_default();
                    self.is_relaxed = true;
                }
                Err(RecvTimeoutError::Timeout) => {
                    let result = self.tidy(false);
                    let is_failure = result.as_ref().is_err_and(|error| !matches!(error, KeepError::Stopped));
                    if let (Err(error), true, false) = (&result, is_failure, failed) {
                        tracing::error!(target: "store", error = %farol_shared::report::chain(error), "history cannot be tidied");
                    }
                    failed = is_failure;
                }
            }
        }
    }

    fn tidy(&mut self, seal: bool) -> Result<(), KeepError> {
        let now_ms = self.shared.clock.now_ms();
        self.tidy_records(now_ms)?;
        let age_ms = now_ms - self.generation_ms;
        let is_full = self.shared.head.bytes() > self.shared.options.head_bytes_max as u64 / 2;
        let is_due = age_ms >= self.shared.options.seal_after_ms || age_ms < 0 || is_full;
        if seal || (is_due && self.sealing.is_empty()) {
            self.rotate(now_ms)?;
        }
        while let Some(generation) = self.sealing.first().copied() {
            self.seal(generation)?;
            self.sealing.remove(0);
        }
        self.checkpoint()?;
        self.merge(now_ms)?;
        self.retain(now_ms)?;
        self.checkpoint()
    }

    fn rotate(&mut self, now_ms: i64) -> Result<(), KeepError> {
        let (reply, answer) = sync_channel(1);
        self.commands.send(Command::Rotate(reply)).map_err(|_| KeepError::Stopped)?;
        self.sealing = answer.recv().map_err(|_| KeepError::Stopped)?;
        self.generation_ms = now_ms;
        Ok(())
    }

    /// Has the writer carry out a change and waits until it is on disk.
    pub(crate) fn change(
        &self,
        is_exclusive: bool,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
        after: impl FnOnce(&Shared) + Send + 'static,
    ) -> Result<(), KeepError> {
        let (reply, answer) = sync_channel(1);
        let change = Change { work: Box::new(work), after: Box::new(after), is_exclusive, reply };
        self.commands.send(Command::Change(change)).map_err(|_| KeepError::Stopped)?;
        answer.recv().map_err(|_| KeepError::Stopped)??;
        self.changes.set(self.changes.get() + 1);
        self.checkpoint()
    }

    /// Has the writer forget a generation whose samples are all in blocks.
    pub(crate) fn bury(&self, generation: u64) -> Result<(), KeepError> {
        let (reply, answer) = sync_channel(1);
        self.commands.send(Command::Bury(generation, reply)).map_err(|_| KeepError::Stopped)?;
        Ok(answer.recv().map_err(|_| KeepError::Stopped)??)
    }

    /// Leaves the core to others for a while, as long as nobody waits; says no when it is time to stop.
    pub(crate) fn rest(&mut self, started: Instant) -> Result<(), KeepError> {
        if !self.is_relaxed {
            return Ok(());
        }
        let rest = (started.elapsed() * REST).min(REST_MAX);
        match self.inbox.recv_timeout(rest) {
            Ok(Ask::Stop) | Err(RecvTimeoutError::Disconnected) => {
                self.is_stopped = true;
                Err(KeepError::Stopped)
            }
            Ok(Ask::Tidy { seal, reply }) => {
                // Rare: what is asked for is done at the next tick, in full; the one who asks is told to try again.
                drop((seal, reply));
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => Ok(()),
        }
    }

    /// Copies the write-ahead log into the file when it has grown: most of it beside the writer, the rest, which came
    /// meanwhile, between two commits. Only a log that is copied as a whole begins anew instead of growing.
    fn checkpoint(&self) -> Result<(), KeepError> {
        let wal = self.shared.path.with_extension("db-wal");
        let is_due = self.changes.get() >= CHECKPOINT_CHANGES || self.checkpointed.get().elapsed() >= CHECKPOINT_PAUSE;
        if !is_due || wal.metadata().map_or(0, |wal| wal.len()) < WAL_BYTES {
            return Ok(());
        }
        self.changes.set(0);
        self.checkpointed.set(Instant::now());
        self.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        let (reply, answer) = sync_channel(1);
        self.commands.send(Command::Checkpoint(reply)).map_err(|_| KeepError::Stopped)?;
        Ok(answer.recv().map_err(|_| KeepError::Stopped)??)
    }
}
