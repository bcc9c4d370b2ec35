//! Start-up: reads the journal back, so that head, books and runs are as they were when the last commit came on disk.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
};

use rusqlite::Connection;

use crate::{
    agents::{Agent, Stream},
    codec::{
        Damaged,
        journal::{BatchHead, CAUSES, Entries, Entry, Known, Previous},
    },
    head::Segment,
    journal::{Journal, JournalError},
    shared::Shared,
};

impl From<Damaged> for JournalError {
    fn from(damaged: Damaged) -> Self {
        Self::Damaged(damaged.0)
    }
}

/// Agents and their runs as their tables have them; the journal adds what came later.
pub(crate) fn load_agents(conn: &Connection) -> rusqlite::Result<Vec<Agent>> {
    let mut statement = conn.prepare("SELECT id, name FROM agent ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut agents = Vec::new();
    let mut by_id = HashMap::new();
    while let Some(row) = rows.next()? {
        let (id, name): (u32, String) = (row.get(0)?, row.get(1)?);
        by_id.insert(id, agents.len());
        agents.push(Agent::new(id, name.into()));
    }
    let mut statement = conn.prepare("SELECT agent, boot, last_seq, taken, lost, seen_ms FROM stream")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Some(index) = by_id.get(&row.get::<_, u32>(0)?) else { continue };
        let mut lost = [0; CAUSES];
        for (lost, bytes) in lost.iter_mut().zip(row.get::<_, Vec<u8>>(4)?.as_chunks().0) {
            *lost = u64::from_le_bytes(*bytes);
        }
        let (last_seq, taken) = (row.get::<_, i64>(2)?.cast_unsigned(), row.get::<_, i64>(3)?.cast_unsigned());
        let stream = Stream { last_seq, taken, lost, seen_ms: row.get(5)?, ..Stream::default() };
        agents[*index].streams.insert(row.get::<_, i64>(1)?.cast_unsigned(), stream);
    }
    Ok(agents)
}

/// Reads the journal into head, books and runs.
pub(crate) fn replay(conn: &Connection, shared: &Shared, agents: &mut [Agent]) -> Result<Journal, JournalError> {
    let mut sealed = HashSet::new();
    let mut statement = conn.prepare("SELECT generation, resource FROM sealed")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        sealed.insert((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, u32>(1)?));
    }
    let by_id = agents.iter().enumerate().map(|(index, agent)| (agent.id, index)).collect();
    let mut replay = Replay { shared, agents, by_id, sealed, chain: Chain::default(), generation: 0 };
    Journal::replay(conn, |generation, commit| {
        if generation != replay.generation {
            (replay.generation, replay.chain) = (generation, Chain::default());
        }
        replay.commit(commit)
    })
}

/// What the generation has defined so far.
#[derive(Default)]
struct Chain {
    streams: HashMap<u32, ReplayStream>,
    layouts: HashMap<u32, Arc<Segment>>,
}

#[derive(Default)]
struct ReplayStream {
    agent: usize,
    boot: u64,
    layouts: Vec<Arc<Segment>>,
    previous: Previous,
}

impl Known for Chain {
    fn columns(&self, stream: u32, index: usize) -> Option<usize> {
        self.streams.get(&stream)?.layouts.get(index).map(|segment| segment.series.len())
    }

    fn previous(&self, stream: u32) -> Previous {
        self.streams.get(&stream).map(|stream| stream.previous).unwrap_or_default()
    }
}

struct Replay<'a> {
    shared: &'a Shared,
    agents: &'a mut [Agent],
    by_id: HashMap<u32, usize>,
    sealed: HashSet<(u64, u32)>,
    chain: Chain,
    generation: u64,
}

impl Replay<'_> {
    fn commit(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        let unknown = || JournalError::Damaged("the journal names something that it does not define");
        let mut entries = Entries::new(bytes);
        let (mut stream, mut interval_ms, mut time) = (0, 0, 0);
        while let Some(entry) = entries.next(&self.chain)? {
            match entry {
                Entry::Stream { stream, agent, boot } => {
                    let agent = *self.by_id.get(&agent).ok_or_else(unknown)?;
                    self.chain.streams.insert(stream, ReplayStream { agent, boot, ..ReplayStream::default() });
                }
                Entry::Layout { layout, resource, series } => {
                    let segment = Arc::new(Segment::new(self.generation, resource, series.into()));
                    if !self.sealed.contains(&(self.generation, resource)) {
                        self.shared.head.add(Arc::clone(&segment));
                    }
                    self.chain.layouts.insert(layout, segment);
                }
                Entry::Tables { stream, layouts } => {
                    let layouts = layouts.iter().map(|layout| self.chain.layouts.get(layout).cloned());
                    let layouts = layouts.collect::<Option<_>>().ok_or_else(unknown)?;
                    self.chain.streams.get_mut(&stream).ok_or_else(unknown)?.layouts = layouts;
                }
                Entry::Batch(head) => {
                    (stream, interval_ms) = (head.stream, head.interval_ms);
                    self.batch(&head).ok_or_else(unknown)?;
                }
                Entry::Repeated { stream, time_ms, samples } => {
                    let stream = self.chain.streams.get(&stream).ok_or_else(unknown)?;
                    let agent = self.agents[stream.agent].id;
                    self.shared.books.enter_repeated(self.generation, agent, stream.boot, time_ms, samples);
                }
                Entry::Frame { time_ms, .. } => time = time_ms,
                Entry::Row { index, bytes, samples } => {
                    let segment = Arc::clone(&self.chain.streams.get(&stream).ok_or_else(unknown)?.layouts[index]);
                    self.row(&segment, time, bytes, samples, interval_ms)?;
                }
            }
        }
        Ok(())
    }

    fn batch(&mut self, head: &BatchHead) -> Option<()> {
        let known = self.chain.streams.get_mut(&head.stream)?;
        known.previous = head.as_previous();
        let agent = &mut self.agents[known.agent];
        let stream = agent.streams.entry(known.boot).or_default();
        stream.last_seq = stream.last_seq.max(head.seq);
        (stream.taken, stream.lost) = (head.taken, head.lost);
        (stream.seen_ms, stream.is_dirty) = (self.shared.clock.now_ms(), true);
        self.shared.books.enter(self.generation, agent.id, known.boot, head.time_ms, head.counts);
        Some(())
    }

    fn row(&self, segment: &Segment, time_ms: i64, bytes: &[u8], samples: u64, interval_ms: u64) -> Result<(), Damaged> {
        if !self.sealed.contains(&(self.generation, segment.resource)) {
            self.shared.head.append(segment, time_ms, bytes, samples)?;
        }
        let catalog = self.shared.catalog.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let entry = catalog.resource(segment.resource).ok_or(Damaged("the journal names an unknown resource"))?;
        if samples > 0 {
            entry.live.last_seen_ms.fetch_max(time_ms, Ordering::Relaxed);
            entry.live.first_seen_ms.fetch_min(time_ms, Ordering::Relaxed);
            entry.live.interval_ms.store(interval_ms, Ordering::Relaxed);
        }
        Ok(())
    }
}
