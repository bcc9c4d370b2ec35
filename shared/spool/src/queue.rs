//! The queue itself: what the agent sees. Memory in front of [`crate::log`], and what happens when either is full or fails.

use std::collections::VecDeque;

use farol_shared::report::chain;

use crate::{
    BODY_BYTES_MAX, Disk, Dropped, Health, Key, Opened, Options, Pushed, Record, SpoolError, Stats,
    format::Totals,
    log::{Log, Room},
    loss::Losses,
};

/// After a failure, the disk is left alone for so many pushes. A dying disk may hold each call for seconds, and the agent has
/// one thread; at one push a second this is half a minute.
const RETRY_AFTER_PUSHES: u32 = 30;

/// The oldest record, kept in memory from [`Spool::front`] to [`Spool::pop`].
#[derive(Debug)]
struct Front {
    record: Record,
    /// Whether the disk holds it too.
    is_on_disk: bool,
}

#[derive(Debug)]
struct Failure {
    error: SpoolError,
    pushes_left: u32,
}

/// The durable bounded queue. See the crate's first lines for what it promises.
#[derive(Debug)]
pub struct Spool<D: Disk> {
    memory_max: usize,
    /// Newer than everything on disk, oldest first.
    memory: VecDeque<Record>,
    /// Cost of `memory` and of a front that only memory holds.
    memory_cost: usize,
    front: Option<Front>,
    log: Option<Log<D>>,
    losses: Losses,
    failure: Option<Failure>,
}

impl<D: Disk> Spool<D> {
    /// Opens the queue with what an earlier run left on `disk`; without a disk it lives in memory only.
    ///
    /// # Errors
    /// [`SpoolError::Newer`] when a later version wrote the files, which are left untouched; [`SpoolError::Disk`] when the
    /// segments cannot be listed. Anything else that is wrong on disk is counted in [`Opened::dropped`] or shown by
    /// [`Spool::health`].
    pub fn open(options: Options, disk: Option<D>) -> Result<(Self, Opened), SpoolError> {
        let mut losses = Losses::default();
        let log = disk.map(|disk| Log::open(disk, &options, &mut losses)).transpose()?;
        let mut spool = Self {
            memory_max: options.memory_max,
            memory: VecDeque::new(),
            memory_cost: 0,
            front: None,
            log,
            losses,
            failure: None,
        };
        spool.note_trouble();
        let Stats { batches, bytes, samples, .. } = spool.stats();
        let opened = Opened { batches, samples, bytes, dropped: spool.take_dropped() };
        Ok((spool, opened))
    }

    /// Puts a batch at the end. Never fails: what has no room pushes out the oldest, which is returned and must be counted.
    pub fn push(&mut self, record: Record) -> Pushed {
        if record.body.len() > BODY_BYTES_MAX {
            self.losses.full(Totals { batches: 1, samples: record.samples }, Some(key(&record)));
            return Pushed { dropped: self.take_dropped() };
        }
        self.memory_cost += cost(&record);
        self.memory.push_back(record);
        let is_due = self.failure.as_mut().is_some_and(|failure| {
            failure.pushes_left = failure.pushes_left.saturating_sub(1);
            failure.pushes_left == 0
        });
        if is_due || self.memory_cost > self.memory_max {
            self.persist();
        }
        self.shed();
        Pushed { dropped: self.take_dropped() }
    }

    /// The oldest batch; reads it back from disk where it is there. It stays the oldest until [`Spool::pop`], whatever else
    /// has to make room meanwhile.
    pub fn front(&mut self) -> Option<&Record> {
        if self.front.is_none() {
            self.front = self.lend();
        }
        self.front.as_ref().map(|front| &front.record)
    }

    /// Forgets the oldest batch: it was acknowledged, or will never be accepted.
    pub fn pop(&mut self) {
        let Some(front) = self.front.take().or_else(|| self.lend()) else { return };
        match &mut self.log {
            Some(log) if front.is_on_disk => log.acknowledge(&mut self.losses),
            _ => self.memory_cost = self.memory_cost.saturating_sub(cost(&front.record)),
        }
        self.note_trouble();
    }

    /// Forgets every batch at the front that is of this boot and not newer than `seq`, and says how many.
    pub fn acknowledge(&mut self, boot: u64, seq: u64) -> u64 {
        let mut count = 0;
        while self.front().is_some_and(|record| record.boot == boot && record.seq <= seq) {
            self.pop();
            count += 1;
        }
        count
    }

    /// Moves everything in memory to the disk, with an fsync. For when the collector has not answered for a while. Does
    /// nothing without a disk, or shortly after the disk failed.
    pub fn persist(&mut self) {
        if self.failure.as_ref().is_none_or(|failure| failure.pushes_left == 0) {
            self.save();
        }
    }

    /// As [`Spool::persist`], even shortly after a failure, and makes the acknowledged position durable. For the shutdown.
    /// Returns what only memory holds still and will be gone with it: nothing, unless the disk fails or there is none.
    pub fn flush(&mut self) -> Stats {
        self.save();
        if let Some(log) = &mut self.log {
            log.sync_cursor();
        }
        self.note_trouble();
        let mut left = Stats::default();
        for record in self.front.iter().filter(|front| !front.is_on_disk).map(|front| &front.record).chain(&self.memory) {
            left.batches += 1;
            left.bytes += record.body.len() as u64;
            left.samples += record.samples;
        }
        left.memory_batches = left.batches;
        left
    }

    /// Everything in the queue, oldest first.
    #[cfg(test)]
    pub(crate) fn walk(&mut self) -> Vec<Record> {
        let lent = self.front.iter().filter(|front| !front.is_on_disk).map(|front| front.record.clone());
        let mut all: Vec<Record> = lent.collect();
        all.extend(self.walk_disk());
        all.extend(self.memory.iter().cloned());
        all
    }

    /// What of it is on disk.
    #[cfg(test)]
    pub(crate) fn walk_disk(&mut self) -> Vec<Record> {
        self.log.as_mut().map(Log::walk).unwrap_or_default()
    }

    /// What was lost since the last push or the last call of this, at most one entry a cause; each loss is reported once.
    #[must_use = "what was lost must be counted"]
    pub fn take_dropped(&mut self) -> Vec<Dropped> {
        self.losses.take()
    }

    /// How much waits for delivery, the front included.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let on_disk = self.log.as_ref().map(|log| (log.queued(), log.queued_bytes())).unwrap_or_default();
        let mut stats = Stats { batches: on_disk.0.batches, bytes: on_disk.1, samples: on_disk.0.samples, memory_batches: 0 };
        for record in self.front.iter().filter(|front| !front.is_on_disk).map(|front| &front.record).chain(&self.memory) {
            stats.batches += 1;
            stats.memory_batches += 1;
            stats.bytes += record.body.len() as u64;
            stats.samples = stats.samples.saturating_add(record.samples);
        }
        stats
    }

    /// Whether batches would survive a restart.
    #[must_use]
    pub fn health(&self) -> Health {
        match (&self.failure, &self.log) {
            (Some(failure), _) => Health::Degraded { reason: chain(&failure.error).to_string() },
            (None, Some(_)) => Health::Durable,
            (None, None) => Health::MemoryOnly,
        }
    }

    fn lend(&mut self) -> Option<Front> {
        let from_disk = self.log.as_mut().and_then(|log| log.next(&mut self.losses));
        self.note_trouble();
        match from_disk {
            Some(record) => Some(Front { record, is_on_disk: true }),
            None => self.memory.pop_front().map(|record| Front { record, is_on_disk: false }),
        }
    }

    fn save(&mut self) {
        let Some(log) = &mut self.log else { return };
        let had_something = !self.memory.is_empty() || self.front.as_ref().is_some_and(|front| !front.is_on_disk);
        let mut moving = Moving {
            log,
            memory: &mut self.memory,
            memory_cost: &mut self.memory_cost,
            front: &mut self.front,
            losses: &mut self.losses,
        };
        match moving.all() {
            Ok(()) if had_something => self.failure = None,
            Ok(()) => {}
            Err(error) => self.failure = Some(Failure { error, pushes_left: RETRY_AFTER_PUSHES }),
        }
        self.note_trouble();
    }

    /// Drops the oldest batches in memory until the bound is kept. The front is spared: it may be on its way.
    fn shed(&mut self) {
        if self.memory_cost <= self.memory_max {
            return;
        }
        let fixed = self.front.as_ref().filter(|front| !front.is_on_disk).map_or(0, |front| cost(&front.record));
        // A batch that has no room even alone does not take the others with it.
        if self.memory.back().is_some_and(|newest| fixed + cost(newest) > self.memory_max) {
            let newest = self.memory.pop_back();
            self.drop_from_memory(newest);
        }
        while self.memory_cost > self.memory_max && !self.memory.is_empty() {
            let oldest = self.memory.pop_front();
            self.drop_from_memory(oldest);
        }
    }

    fn drop_from_memory(&mut self, record: Option<Record>) {
        if let Some(record) = record {
            self.memory_cost = self.memory_cost.saturating_sub(cost(&record));
            self.losses.full(Totals { batches: 1, samples: record.samples }, Some(key(&record)));
        }
    }

    fn note_trouble(&mut self) {
        if let Some(error) = self.log.as_mut().and_then(Log::take_trouble) {
            self.failure.get_or_insert(Failure { error, pushes_left: RETRY_AFTER_PUSHES });
        }
    }
}

/// Everything on its way from memory to the disk.
struct Moving<'a, D: Disk> {
    log: &'a mut Log<D>,
    memory: &'a mut VecDeque<Record>,
    memory_cost: &'a mut usize,
    front: &'a mut Option<Front>,
    losses: &'a mut Losses,
}

impl<D: Disk> Moving<'_, D> {
    fn all(&mut self) -> Result<(), SpoolError> {
        self.front()?;
        // Records stay in memory until the commit that covers them; `written` counts those that wait for it.
        let mut written = 0;
        while let Some(bytes) = self.memory.get(written).map(|record| record.body.len()) {
            match self.log.room(bytes) {
                Room::Never => {
                    let record = self.memory.remove(written);
                    self.lose(record);
                    continue;
                }
                Room::Here => {}
                Room::Roll => {
                    self.commit(&mut written)?;
                    self.roll(bytes)?;
                }
            }
            let Some(record) = self.memory.get(written) else { break };
            self.log.append(record)?;
            written += 1;
        }
        self.commit(&mut written)
    }

    /// A lent record that only memory holds is older than all the rest, and so can only go to an empty disk.
    fn front(&mut self) -> Result<(), SpoolError> {
        let Some(front) = self.front.as_mut().filter(|front| !front.is_on_disk && self.log.is_empty()) else { return Ok(()) };
        let bytes = front.record.body.len();
        match self.log.room(bytes) {
            Room::Never => return Ok(()),
            Room::Here => {}
            Room::Roll => self.log.roll(bytes, self.losses)?,
        }
        self.log.append(&front.record)?;
        self.log.commit()?;
        self.log.lend_only();
        front.is_on_disk = true;
        *self.memory_cost = self.memory_cost.saturating_sub(cost(&front.record));
        Ok(())
    }

    fn commit(&mut self, written: &mut usize) -> Result<(), SpoolError> {
        self.log.commit()?;
        for record in self.memory.drain(..*written) {
            *self.memory_cost = self.memory_cost.saturating_sub(cost(&record));
        }
        *written = 0;
        Ok(())
    }

    fn roll(&mut self, bytes: usize) -> Result<(), SpoolError> {
        let rolled = self.log.roll(bytes, self.losses);
        // Making room may have taken the lent record's segment; the record itself is spared, in memory.
        if let Some(front) = self.front.as_mut().filter(|front| front.is_on_disk && !self.log.is_lent()) {
            front.is_on_disk = false;
            *self.memory_cost += cost(&front.record);
        }
        rolled
    }

    fn lose(&mut self, record: Option<Record>) {
        if let Some(record) = record {
            *self.memory_cost = self.memory_cost.saturating_sub(cost(&record));
            self.losses.full(Totals { batches: 1, samples: record.samples }, Some(key(&record)));
        }
    }
}

/// What a record takes in memory, in bytes.
fn cost(record: &Record) -> usize {
    record.body.capacity() + size_of::<Record>()
}

fn key(record: &Record) -> Key {
    Key { boot: record.boot, seq: record.seq }
}
