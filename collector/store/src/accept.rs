//! Turns a group of batches into the body of one commit, and, once that is on disk, into what everyone sees.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::{Arc, PoisonError, atomic::Ordering},
};

use farol_shared::{batch::Tables, frame::Frame, limit::FUTURE_MS_MAX};
use rusqlite::{Connection, params};

use crate::{
    agents::{Agent, Fingerprints, Layout, Stream},
    books,
    catalog::{About, Catalog, Live, Names, Staged},
    codec::{
        journal::{BatchHead, Counts, Previous, put_batch, put_frame, put_layout, put_repeated, put_stream, put_tables},
        row::RowEncoder,
    },
    error::{CommitError, Refused},
    head::Segment,
    model::{Committed, Incoming, Outcome},
    records::Pending,
    shared::Shared,
};

mod fit;

use fit::{check_rows, check_tables, take_records};

/// Accounts of repeats that wait for the next commit; when there are more, the rest is not counted.
const REPEATS_MAX: usize = 4_096;

/// What became of a batch, as long as the transaction is open.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// Nothing to write.
    Fate(Result<Outcome, CommitError>),
    /// Written into the transaction.
    Stored(Box<Stored>),
}

#[derive(Debug)]
pub(crate) struct Stored {
    agent: usize,
    head: BatchHead,
    committed: Committed,
    rows: Vec<EncodedRow>,
}

#[derive(Debug)]
struct EncodedRow {
    live: Arc<Live>,
    segment: Arc<Segment>,
    time_ms: i64,
    bytes: Range<usize>,
    samples: u64,
}

/// Everything the writer knows about agents and names.
#[derive(Debug)]
pub(crate) struct Batches {
    pub(crate) agents: Vec<Agent>,
    pub(crate) by_name: HashMap<Arc<str>, usize>,
    names: Names,
    staged: Staged,
    fingerprints: Fingerprints,
    /// Layouts and streams are defined anew in each chain: after a rotation, and after a commit that failed.
    chain: u64,
    next_number: u32,
    body: Vec<u8>,
    new_segments: Vec<Arc<Segment>>,
    undo: Vec<(usize, u64, Option<Stream>)>,
    agents_before: usize,
    /// (agent, minute, boot) to time and samples.
    repeats: BTreeMap<(usize, i64, u64), (i64, u64)>,
    repeats_written: bool,
    pending: Pending,
    /// Bytes of records in the open transaction.
    pending_bytes: u64,
}

/// What one group has in common.
struct Group<'a> {
    shared: &'a Shared,
    catalog: &'a Catalog,
    conn: &'a Connection,
    generation: u64,
    now_ms: i64,
}

/// Why a batch is not written.
enum Stop {
    Refused(Refused),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Batches {
    pub(crate) fn new(agents: Vec<Agent>, names: Names, pending: Pending) -> Self {
        let by_name = agents.iter().enumerate().map(|(index, agent)| (Arc::clone(&agent.name), index)).collect();
        Self {
            agents,
            by_name,
            names,
            staged: Staged::default(),
            fingerprints: Fingerprints::new(),
            chain: 1,
            next_number: 1,
            body: Vec::new(),
            new_segments: Vec::new(),
            undo: Vec::new(),
            agents_before: 0,
            repeats: BTreeMap::new(),
            repeats_written: false,
            pending,
            pending_bytes: 0,
        }
    }

    /// What is to be written; empty when nothing is.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Starts a new chain, which knows nothing of the one before.
    pub(crate) fn rotate(&mut self) {
        self.chain += 1;
    }

    /// Encodes a group into [`Self::body`], writing new names into the open transaction.
    pub(crate) fn accept(
        &mut self,
        shared: &Shared,
        conn: &Connection,
        generation: u64,
        group: Vec<Incoming>,
    ) -> rusqlite::Result<Vec<Accepted>> {
        self.body.clear();
        self.undo.clear();
        self.new_segments.clear();
        self.agents_before = self.agents.len();
        self.repeats_written = false;
        self.pending_bytes = 0;
        let now_ms = shared.clock.now_ms();
        let catalog = shared.catalog.read().unwrap_or_else(PoisonError::into_inner);
        let context = Group { shared, catalog: &catalog, conn, generation, now_ms };
        let mut accepted = Vec::with_capacity(group.len());
        for batch in group {
            accepted.push(match self.one(&context, batch) {
                Ok(accepted) => accepted,
                Err(Stop::Refused(refused)) => Accepted::Fate(Err(CommitError::Refused(refused))),
                Err(Stop::Sqlite(error)) => return Err(error),
            });
        }
        if !self.body.is_empty() && !self.repeats.is_empty() {
            self.put_repeats();
        }
        Ok(accepted)
    }

    fn one(&mut self, group: &Group<'_>, batch: Incoming) -> Result<Accepted, Stop> {
        let known = self.by_name.get(batch.agent.as_str()).copied();
        let stream = known.and_then(|index| self.agents[index].streams.get(&batch.boot));
        if let (Some(agent), Some(stream)) = (known, stream)
            && batch.seq <= stream.last_seq
        {
            let seq = stream.last_seq;
            self.note_repeat(agent, &batch, group.now_ms);
            return Ok(Accepted::Fate(Ok(Outcome::Repeated { seq })));
        }
        let newest = batch.frames.iter().map(|frame| frame.time_ms).max();
        let ahead_ms = newest.map_or(0, |newest| newest.saturating_sub(group.now_ms));
        if ahead_ms > FUTURE_MS_MAX {
            return Err(Stop::Refused(Refused::Future { ahead_ms, max_ms: FUTURE_MS_MAX }));
        }
        let fingerprint = self.fingerprints.of(&batch.tables);
        let is_same = known.is_some_and(|index| self.agents[index].fingerprint == Some(fingerprint));
        let agent = match known {
            Some(agent) if is_same => {
                check_rows(&batch.frames, &self.agents[agent])?;
                agent
            }
            _ => {
                let tables = check_tables(&batch)?;
                self.names.room(group.catalog, &tables.0).map_err(Stop::Refused)?;
                let agent = match known {
                    Some(agent) => agent,
                    None => self.add_agent(group, &batch.agent)?,
                };
                self.resolve(group, agent, &tables, &batch)?;
                self.agents[agent].fingerprint = Some(fingerprint);
                agent
            }
        };
        Ok(self.encode(group, agent, batch)?)
    }

    fn add_agent(&mut self, group: &Group<'_>, name: &str) -> Result<usize, Stop> {
        let max = group.shared.options.resources_max;
        if self.agents.len() >= max {
            return Err(Stop::Refused(Refused::Agents { max }));
        }
        group.conn.prepare_cached("INSERT INTO agent(name) VALUES(?1)")?.execute([name])?;
        let id = u32::try_from(group.conn.last_insert_rowid()).unwrap_or(u32::MAX);
        let name: Arc<str> = name.into();
        let index = self.agents.len();
        self.agents.push(Agent::new(id, Arc::clone(&name)));
        self.by_name.insert(name, index);
        Ok(index)
    }

    /// Gives names their numbers. Tables that did not change keep their allocation and their layout.
    fn resolve(&mut self, group: &Group<'_>, agent: usize, tables: &Tables, batch: &Incoming) -> Result<(), Stop> {
        let agent = &mut self.agents[agent];
        let time_ms = batch.frames.first().map_or(group.now_ms, |frame| frame.time_ms);
        let mut old: HashMap<u32, _> = agent.tables.drain(..).map(|(table, live)| (table.resource, (table, live))).collect();
        for table in &tables.0 {
            let before = self.names.resource(&table.resource.key).and_then(|id| old.get(&id)).map(|(table, _)| Arc::clone(table));
            let about = About {
                table,
                before: before.as_deref(),
                agent: &agent.name,
                interval_ms: batch.interval_ms,
                time_ms,
                now_ms: group.now_ms,
            };
            let ids = self.names.resolve(group.conn, group.catalog, &mut self.staged, about)?;
            let same = old.remove(&ids.resource).filter(|(old, _)| **old == ids);
            let live = self.staged.live(ids.resource);
            agent.tables.push(same.unwrap_or_else(|| (Arc::new(ids), live)));
        }
        Ok(())
    }

    /// Defines in this chain what is not defined in it yet.
    fn define(&mut self, generation: u64, agent: usize, boot: u64) {
        let agent = &mut self.agents[agent];
        let is_defined = agent.chain == self.chain;
        let mut old = if is_defined { std::mem::take(&mut agent.layouts) } else { Vec::new() };
        let mut is_changed = !is_defined || old.len() != agent.tables.len();
        agent.layouts.clear();
        for (table, _) in &agent.tables {
            let place = old.iter().position(|layout| Arc::ptr_eq(&layout.segment.series, &table.series));
            if let Some(place) = place {
                is_changed |= place != 0;
                // Nearly always the first one left, as nothing changed; order does not matter to those behind.
                agent.layouts.push(old.remove(place));
                continue;
            }
            is_changed = true;
            let id = self.next_number;
            self.next_number += 1;
            put_layout(&mut self.body, id, table.resource, &table.series);
            let segment = Arc::new(Segment::new(generation, table.resource, Arc::clone(&table.series)));
            self.new_segments.push(Arc::clone(&segment));
            agent.layouts.push(Layout { id, encoder: RowEncoder::new(table.series.len()), segment });
        }
        agent.chain = self.chain;
        agent.version += u64::from(is_changed);
        let version = agent.version;
        let stream = agent.streams.entry(boot).or_default();
        if stream.chain != self.chain {
            stream.number = self.next_number;
            self.next_number += 1;
            stream.previous = Previous::default();
            put_stream(&mut self.body, stream.number, agent.id, boot);
        }
        if stream.chain != self.chain || stream.version != version {
            put_tables(&mut self.body, stream.number, agent.layouts.iter().map(|layout| layout.id));
        }
        (stream.chain, stream.version) = (self.chain, version);
    }

    fn encode(&mut self, group: &Group<'_>, agent_index: usize, mut batch: Incoming) -> rusqlite::Result<Accepted> {
        let agent = &mut self.agents[agent_index];
        if !agent.streams.contains_key(&batch.boot) {
            agent.forget_boots();
        }
        self.undo.push((agent_index, batch.boot, agent.streams.get(&batch.boot).copied()));
        self.define(group.generation, agent_index, batch.boot);
        let agent = &mut self.agents[agent_index];
        let oldest = group.now_ms.saturating_sub(group.shared.options.raw_retention_ms);
        let mut counts = Counts::default();
        batch.frames.retain(|frame| {
            let is_kept = frame.time_ms >= oldest;
            if !is_kept {
                counts.expired += frame.samples() as u64;
            }
            is_kept
        });
        let time_ms = batch.frames.iter().map(|frame| frame.time_ms).max().unwrap_or(group.now_ms);
        let stream = agent.streams.get_mut(&batch.boot).expect("it was just defined");
        let lost = books::causes(&batch.lost);
        counts.expected = batch.taken.saturating_sub(stream.taken);
        for ((count, lost), before) in counts.lost.iter_mut().zip(lost).zip(stream.lost) {
            *count = lost.saturating_sub(before);
        }
        let samples: Vec<u64> = batch.frames.iter().flat_map(|frame| &frame.rows).map(|row| row.samples() as u64).collect();
        let records = batch.frames.iter().flat_map(|frame| &frame.records).map(|records| records.count() as u64).sum::<u64>();
        counts.stored = samples.iter().sum::<u64>() + records;
        let mut each = samples.iter();
        for frame in &batch.frames {
            for ((_, live), samples) in agent.tables.iter().zip(each.by_ref().take(frame.rows.len())) {
                counts.late += if frame.time_ms <= live.sealed_ms.load(Ordering::Relaxed) { *samples } else { 0 };
            }
        }
        let head = BatchHead {
            stream: stream.number,
            seq: batch.seq,
            taken: batch.taken,
            lost,
            time_ms,
            interval_ms: batch.interval_ms,
            counts,
            frames: batch.frames.len(),
        };
        put_batch(&mut self.body, &head, stream.previous);
        (stream.last_seq, stream.taken, stream.lost) = (batch.seq, batch.taken, lost);
        (stream.seen_ms, stream.is_dirty, stream.previous) = (group.now_ms, true, head.as_previous());
        let rows = encode_rows(&mut self.body, agent, &batch.frames, time_ms, &samples);
        let records = take_records(&mut batch.frames, agent);
        for (resource, time_ms, records) in &records {
            self.pending_bytes += self.pending.write(group.conn, *resource, *time_ms, records)?;
        }
        let committed = Committed {
            agent: Arc::clone(&agent.name),
            boot: batch.boot,
            seq: batch.seq,
            interval_ms: batch.interval_ms,
            resources: agent.tables.iter().map(|(table, _)| Arc::clone(table)).collect(),
            frames: batch.frames,
            records,
        };
        Ok(Accepted::Stored(Box::new(Stored { agent: agent_index, head, committed, rows })))
    }

    fn note_repeat(&mut self, agent: usize, batch: &Incoming, now_ms: i64) {
        let time_ms = batch.frames.iter().map(|frame| frame.time_ms).max().unwrap_or(now_ms).min(now_ms);
        let key = (agent, time_ms.div_euclid(60_000), batch.boot);
        if self.repeats.len() < REPEATS_MAX || self.repeats.contains_key(&key) {
            let repeat = self.repeats.entry(key).or_insert((time_ms, 0));
            repeat.1 += batch.samples() as u64;
        }
    }

    fn put_repeats(&mut self) {
        let keys: Vec<_> = self.repeats.iter().map(|(key, repeat)| (*key, *repeat)).collect();
        for ((agent, _, boot), (time_ms, samples)) in keys {
            // A run is only forgotten long after its last repeat; then the repeat goes uncounted.
            let Some(stream) = self.agents[agent].streams.get_mut(&boot) else { continue };
            if stream.chain != self.chain {
                stream.number = self.next_number;
                self.next_number += 1;
                (stream.previous, stream.chain, stream.version) = (Previous::default(), self.chain, 0);
                put_stream(&mut self.body, stream.number, self.agents[agent].id, boot);
            }
            let number = self.agents[agent].streams[&boot].number;
            put_repeated(&mut self.body, number, time_ms, samples);
        }
        self.repeats_written = true;
    }

    /// Shows what is on disk now, and tells the fate of each batch.
    pub(crate) fn publish(
        &mut self,
        shared: &Shared,
        generation: u64,
        accepted: Vec<Accepted>,
    ) -> Vec<Result<Outcome, CommitError>> {
        if !self.staged.is_empty() {
            shared.catalog.write().unwrap_or_else(PoisonError::into_inner).publish(&mut self.staged);
        }
        if self.agents.len() > self.agents_before {
            let mut agents = shared.agents.write().unwrap_or_else(PoisonError::into_inner);
            agents.extend(self.agents[self.agents_before..].iter().map(|agent| (agent.id, Arc::clone(&agent.name))));
        }
        for segment in self.new_segments.drain(..) {
            shared.head.add(segment);
        }
        shared.counters.pending_bytes.fetch_add(self.pending_bytes, Ordering::Relaxed);
        if self.repeats_written {
            for ((agent, _, boot), (time_ms, samples)) in std::mem::take(&mut self.repeats) {
                shared.books.enter_repeated(generation, self.agents[agent].id, boot, time_ms, samples);
            }
        }
        accepted
            .into_iter()
            .map(|accepted| match accepted {
                Accepted::Fate(fate) => fate,
                Accepted::Stored(stored) => Ok(Outcome::Stored(Arc::new(self.show(shared, generation, *stored)))),
            })
            .collect()
    }

    fn show(&self, shared: &Shared, generation: u64, stored: Stored) -> Committed {
        let agent = &self.agents[stored.agent];
        let Stored { head, committed, rows, .. } = stored;
        for row in &rows {
            let bytes = &self.body[row.bytes.clone()];
            let appended = shared.head.append(&row.segment, row.time_ms, bytes, row.samples);
            debug_assert!(appended.is_ok(), "what was just encoded can be decoded");
            if row.samples > 0 {
                let live = &row.live;
                live.last_seen_ms.fetch_max(row.time_ms, Ordering::Relaxed);
                live.first_seen_ms.fetch_min(row.time_ms, Ordering::Relaxed);
                live.interval_ms.store(head.interval_ms, Ordering::Relaxed);
            }
        }
        if !committed.records.is_empty() {
            let catalog = shared.catalog.read().unwrap_or_else(PoisonError::into_inner);
            for (resource, time_ms, _) in &committed.records {
                if let Some(entry) = catalog.resource(*resource) {
                    entry.live.last_seen_ms.fetch_max(*time_ms, Ordering::Relaxed);
                }
            }
        }
        shared.books.enter(generation, agent.id, committed.boot, head.time_ms, head.counts);
        shared.counters.samples.fetch_add(head.counts.stored, Ordering::Relaxed);
        shared.counters.expired.fetch_add(head.counts.expired, Ordering::Relaxed);
        committed
    }

    /// Puts memory back to what is on disk after a transaction failed.
    pub(crate) fn undo(&mut self, shared: &Shared) {
        while let Some((agent, boot, stream)) = self.undo.pop() {
            let agent = &mut self.agents[agent];
            agent.fingerprint = None;
            match stream {
                Some(stream) => agent.streams.insert(boot, stream),
                None => agent.streams.remove(&boot),
            };
        }
        for agent in self.agents.drain(self.agents_before..) {
            self.by_name.remove(&agent.name);
        }
        for agent in &mut self.agents {
            // Which of them resolved names in this group is not known; resolving once more is cheap.
            agent.fingerprint = None;
        }
        self.new_segments.clear();
        self.staged = Staged::default();
        self.chain += 1;
        let catalog = shared.catalog.read().unwrap_or_else(PoisonError::into_inner);
        self.names.reset(&catalog);
    }

    /// Writes the runs that changed into their table, in the open transaction.
    pub(crate) fn flush(&self, conn: &Connection) -> rusqlite::Result<()> {
        let mut insert = conn.prepare_cached("INSERT OR REPLACE INTO stream VALUES(?1, ?2, ?3, ?4, ?5, ?6)")?;
        for agent in &self.agents {
            for (boot, stream) in agent.streams.iter().filter(|(_, stream)| stream.is_dirty) {
                let lost: Vec<u8> = stream.lost.iter().flat_map(|lost| lost.to_le_bytes()).collect();
                let (seq, taken) = (stream.last_seq.cast_signed(), stream.taken.cast_signed());
                insert.execute(params![agent.id, boot.cast_signed(), seq, taken, lost, stream.seen_ms])?;
            }
        }
        Ok(())
    }

    /// Takes note that the runs are on disk as they are.
    pub(crate) fn flushed(&mut self) {
        self.agents.iter_mut().flat_map(|agent| agent.streams.values_mut()).for_each(|stream| stream.is_dirty = false);
    }
}

fn encode_rows(body: &mut Vec<u8>, agent: &mut Agent, frames: &[Frame], batch_ms: i64, samples: &[u64]) -> Vec<EncodedRow> {
    let mut rows = Vec::with_capacity(samples.len());
    let mut samples = samples.iter();
    for frame in frames {
        put_frame(body, frame.time_ms, batch_ms, frame.rows.len());
        let columns = agent.layouts.iter_mut().zip(&agent.tables);
        for ((row, (layout, (_, live))), samples) in frame.rows.iter().zip(columns).zip(samples.by_ref()) {
            let start = body.len();
            layout.encoder.encode(&row.0, body);
            let segment = Arc::clone(&layout.segment);
            rows.push(EncodedRow {
                live: Arc::clone(live),
                segment,
                time_ms: frame.time_ms,
                bytes: start..body.len(),
                samples: *samples,
            });
        }
    }
    rows
}
