//! The writer: the one thread that changes the database. Batches come in, and in groups they go on disk.
//!
//! *Invariants*: a batch's fate is told after its transaction is on disk, and only then does anything in memory show it.
//! When a transaction fails, memory is put back to what is on disk. Bounded: the queue by number and by samples, a
//! group by both as well.

use std::{
    sync::{
        Arc, PoisonError,
        atomic::Ordering,
        mpsc::{Receiver, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;

use crate::{
    accept::{Accepted, Batches},
    error::CommitError,
    journal::Journal,
    model::{Done, Incoming, Outcome},
    shared::Shared,
};

/// How long the first batch of a group waits for others under load: within it a hundred more arrive, and one sync
/// serves them all.
const WINDOW: Duration = Duration::from_millis(5);
/// Batches a second from which the window is used. Below, waiting would cost more than it saves.
const WINDOW_RATE: f64 = 500.0;
/// Most batches of one group: bounds the time that one transaction takes.
const GROUP_MAX: usize = 1_024;
/// Most samples of one group, for the same reason.
const GROUP_SAMPLES_MAX: u64 = 1 << 20;

/// What is done within a transaction.
pub(crate) type Work = Box<dyn FnOnce(&Connection) -> rusqlite::Result<()> + Send>;

/// A change of the keeper's that the writer carries out in a transaction of its own.
pub(crate) struct Change {
    /// What to do within the transaction.
    pub(crate) work: Work,
    /// What to do in memory as soon as it is on disk.
    pub(crate) after: Box<dyn FnOnce(&Shared) + Send>,
    /// Whether queries must see disk and memory change at once.
    pub(crate) is_exclusive: bool,
    /// Hears how it went.
    pub(crate) reply: SyncSender<Result<(), CommitError>>,
}

/// What the writer is asked to do.
pub(crate) enum Command {
    Batch(Box<Incoming>, Done),
    Change(Change),
    /// Start a new generation of the journal; answers with the living ones before it.
    Rotate(SyncSender<Vec<u64>>),
    /// All samples of a generation are in blocks: forget it.
    Bury(u64, SyncSender<Result<(), CommitError>>),
    /// Copy the rest of the write-ahead log into the file.
    Checkpoint(SyncSender<Result<(), CommitError>>),
    /// Answer, as a sign of life.
    Ask(SyncSender<()>),
    /// Stop after what came before.
    Close,
}

/// The writer's own state.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) conn: Connection,
    pub(crate) journal: Journal,
    pub(crate) batches: Batches,
    /// Batches a second, smoothed.
    pub(crate) rate: f64,
    pub(crate) group_started: Instant,
}

impl Writer {
    /// Works until closed or until every sender is gone; gives the connection back.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) -> Connection {
        let mut next = None;
        while let Some(command) = next.take().or_else(|| commands.recv().ok()) {
            self.shared.counters.set_at_work(Some(Instant::now()));
            match command {
                Command::Batch(batch, done) => next = self.group(batch, done, commands),
                Command::Change(change) => self.change(change),
                Command::Rotate(reply) => {
                    let generations = self.rotate();
                    reply.try_send(generations).unwrap_or_default();
                }
                Command::Bury(generation, reply) => {
                    let buried = self.bury(generation);
                    reply.try_send(buried).unwrap_or_default();
                }
                Command::Checkpoint(reply) => {
                    let copied = self.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
                    reply.try_send(copied.map_err(|error| CommitError::Disk(error.to_string()))).unwrap_or_default();
                }
                Command::Ask(reply) => reply.try_send(()).unwrap_or_default(),
                Command::Close => break,
            }
            self.shared.counters.set_at_work(None);
        }
        self.shared.counters.set_at_work(None);
        // Whoever came after the end hears so.
        while let Ok(command) = commands.try_recv() {
            if let Command::Batch(_, done) = command {
                done(Err(CommitError::Closed));
            }
        }
        self.conn
    }

    /// Gathers what waits, commits it, and gives back the first command that is no batch.
    fn group(&mut self, batch: Box<Incoming>, done: Done, commands: &Receiver<Command>) -> Option<Command> {
        if self.rate >= WINDOW_RATE {
            thread::sleep(WINDOW);
        }
        let mut samples = batch.samples() as u64;
        let mut group = vec![(batch, done)];
        let mut next = None;
        while group.len() < GROUP_MAX && samples < GROUP_SAMPLES_MAX {
            match commands.try_recv() {
                Ok(Command::Batch(batch, done)) => {
                    samples += batch.samples() as u64;
                    group.push((batch, done));
                }
                Ok(other) => {
                    next = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        self.shared.counters.queued.fetch_sub(group.len() as u64, Ordering::Relaxed);
        self.shared.counters.queued_samples.fetch_sub(samples, Ordering::Relaxed);
        let now = Instant::now();
        let elapsed = (now - self.group_started).as_secs_f64().max(1e-6);
        self.group_started = now;
        #[expect(clippy::cast_precision_loss, reason = "a group is small")]
        let rate = group.len() as f64 / elapsed;
        // Smoothed over about a fifth of a second of arrivals, whatever the size of the groups.
        let weight = (elapsed / 0.2).min(1.0);
        self.rate += (rate - self.rate) * weight;
        self.commit(group);
        next
    }

    /// Puts a group on disk in one transaction and tells everyone.
    fn commit(&mut self, group: Vec<(Box<Incoming>, Done)>) {
        let started = Instant::now();
        let mut dones = Vec::with_capacity(group.len());
        let mut incoming = Vec::with_capacity(group.len());
        for (batch, done) in group {
            incoming.push(*batch);
            dones.push(done);
        }
        let outcome = self.try_commit(incoming);
        let seconds = started.elapsed();
        let counters = &self.shared.counters;
        match outcome {
            Ok(fates) => {
                counters.commits.fetch_add(1, Ordering::Relaxed);
                counters.commit_nanos.fetch_add(u64::try_from(seconds.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
                counters.set_writable(true);
                for (fate, done) in fates.into_iter().zip(dones) {
                    match &fate {
                        Ok(Outcome::Stored(_)) => counters.batches.fetch_add(1, Ordering::Relaxed),
                        Ok(Outcome::Repeated { .. }) => counters.repeated.fetch_add(1, Ordering::Relaxed),
                        Err(_) => counters.refused.fetch_add(1, Ordering::Relaxed),
                    };
                    done(fate);
                }
            }
            Err(error) => {
                counters.disk_failures.fetch_add(1, Ordering::Relaxed);
                counters.busy.fetch_add(dones.len() as u64, Ordering::Relaxed);
                if counters.set_writable(false) {
                    tracing::error!(target: "store", error = %error, "history cannot be written");
                }
                for done in dones {
                    done(Err(CommitError::Disk(error.to_string())));
                }
            }
        }
    }

    fn try_commit(&mut self, group: Vec<Incoming>) -> rusqlite::Result<Vec<Result<Outcome, CommitError>>> {
        let outcome = self.write_group(group);
        match outcome {
            Ok((accepted, written)) => {
                if let Some(written) = written {
                    self.journal.accept(&written);
                }
                let generation = self.journal.generation();
                Ok(self.batches.publish(&self.shared, generation, accepted))
            }
            Err(error) => {
                self.batches.undo(&self.shared);
                Err(error)
            }
        }
    }

    fn write_group(&mut self, group: Vec<Incoming>) -> rusqlite::Result<(Vec<Accepted>, Option<crate::journal::Written>)> {
        let transaction = self.conn.unchecked_transaction()?;
        let generation = self.journal.generation();
        let accepted = self.batches.accept(&self.shared, &transaction, generation, group)?;
        let body = self.batches.body();
        if body.is_empty() {
            // Only repeats and refusals: nothing to write.
            transaction.rollback()?;
            return Ok((accepted, None));
        }
        let written = self.journal.write(&transaction, body)?;
        transaction.commit()?;
        Ok((accepted, Some(written)))
    }

    fn change(&self, change: Change) {
        let result = self.try_change(change.work, change.after, change.is_exclusive);
        change.reply.try_send(result).unwrap_or_default();
    }

    fn try_change(&self, work: Work, after: Box<dyn FnOnce(&Shared) + Send>, is_exclusive: bool) -> Result<(), CommitError> {
        let disk = |error: rusqlite::Error| CommitError::Disk(error.to_string());
        let transaction = self.conn.unchecked_transaction().map_err(disk)?;
        work(&transaction).map_err(disk)?;
        let gate = is_exclusive.then(|| self.shared.gate.write().unwrap_or_else(PoisonError::into_inner));
        transaction.commit().map_err(disk)?;
        after(&self.shared);
        drop(gate);
        Ok(())
    }

    fn rotate(&mut self) -> Vec<u64> {
        let generation = self.journal.generation();
        if self.journal.has_commits(generation) {
            self.journal.rotate();
            self.batches.rotate();
        }
        self.journal.generations().into_iter().filter(|living| *living < self.journal.generation()).collect()
    }

    fn bury(&mut self, generation: u64) -> Result<(), CommitError> {
        let disk = |error: rusqlite::Error| CommitError::Disk(error.to_string());
        let surplus = self.journal.surplus(&self.conn, generation).map_err(disk)?;
        let transaction = self.conn.unchecked_transaction().map_err(disk)?;
        self.batches.flush(&transaction).map_err(disk)?;
        self.shared.books.flush(&transaction, generation).map_err(disk)?;
        Journal::bury(&transaction, generation, &surplus).map_err(disk)?;
        let gate = self.shared.gate.write().unwrap_or_else(PoisonError::into_inner);
        transaction.commit().map_err(disk)?;
        self.shared.books.forget(generation);
        drop(gate);
        self.batches.flushed();
        self.journal.forget(generation, &surplus);
        Ok(())
    }
}
