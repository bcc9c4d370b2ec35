//! Live: what was stored last, kept in memory for the page, the overview and `/metrics`.
//!
//! In: committed batches, in the order of their commits. Out: newest values and rates by series, figures and status by
//! resource.
//!
//! Invariants: nothing is shown here that was not committed; only the newest sample of a series counts, so that an agent
//! that catches up never turns the picture back; a resource that falls silent says so by the collector's own clock.
//!
//! Bounded: one entry a resource that the store knows (`COLLECTOR_RESOURCES_MAX`), at most [`PARTS_MAX`] tables each, 24 bytes a
//! series of a table in use. A table that its agent stopped sending leaves after [`PART_IDLE_MS`].

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use farol_shared::{batch::SeriesKey, frame::Row, limit, metric::Kind};
use farol_store::{Committed, ResourceId, ResourceInfo, SeriesId, TableIds};
use serde::Serialize;
use utoipa::ToSchema;

use crate::service;

pub mod figures;
pub mod status;

use figures::{Column, Latest, Plan, per_second};
use status::{Judge, Reason, Silence, Status};

/// Most tables of one resource at once. A container is seen by its own agent and by its host's; a few more come with
/// restarts under another name.
pub const PARTS_MAX: usize = 4;

/// A table that was not heard of for this long is forgotten, in milliseconds, when the resource has another one.
pub const PART_IDLE_MS: i64 = 60_000;

/// Locks, so that readers and the writer of other resources do not wait for each other.
const SHARDS: usize = 16;

/// A clock difference below this is taken for the network's delay, in milliseconds.
pub(crate) const SKEW_MS_MIN: i64 = 1_000;

/// Newest values of every resource. Shared by reference.
#[derive(Debug)]
pub struct Live {
    shards: [Mutex<HashMap<ResourceId, Seen>>; SHARDS],
}

/// What is known of a batch beside what the store answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// When the batch arrived, by the collector's clock.
    pub now_ms: i64,
    /// By how much the collector's clock is ahead of the agent's, in milliseconds; 0 when not known.
    pub skew_ms: i64,
}

impl Arrival {
    /// A moment of the agent's clock by the collector's. A small difference is delay, not skew; nothing is heard in the future.
    #[must_use]
    pub fn by_own_clock(self, time_ms: i64) -> i64 {
        let skew_ms = if self.skew_ms.abs() < SKEW_MS_MIN { 0 } else { self.skew_ms };
        time_ms.saturating_add(skew_ms).min(self.now_ms)
    }
}

/// Values of one frame of one resource, for those who watch it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fresh {
    /// Number of the resource.
    pub resource: u32,
    /// When the values were read.
    pub time_ms: i64,
    /// Changes when the resource has other series than before.
    pub generation: u64,
    /// Series and value; counters as rate per second.
    pub values: Vec<(SeriesId, f64)>,
}

/// One line of the overview.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Line {
    /// Number of the resource.
    pub id: u32,
    /// When its newest sample was read, in milliseconds since the epoch.
    pub time: i64,
    /// What its light shows.
    pub status: Status,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Its agent goes on without it: a container or unit that no longer runs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
    /// Its figures.
    pub latest: Latest,
    /// The agent that measures it.
    #[serde(skip)]
    pub agent: Arc<str>,
}

/// One newest value with all that describes it, for the exposition.
#[derive(Debug, Clone)]
pub struct Current {
    /// What it belongs to.
    pub resource: ResourceId,
    /// How it is called.
    pub key: Arc<SeriesKey>,
    /// A gauge's value or a counter's total.
    pub value: f64,
}

#[derive(Debug)]
struct Seen {
    agent: Arc<str>,
    interval_ms: u64,
    /// Newest sample's time by the agent's clock.
    time_ms: i64,
    /// The same moment by the collector's clock, as well as it is known.
    heard_ms: i64,
    generation: u64,
    parts: Vec<Part>,
    judge: Judge,
    shown: (Status, bool),
    is_changed: bool,
}

#[derive(Debug)]
struct Part {
    /// The agent and its run: two programs that call themselves the same are two.
    agent: Arc<str>,
    boot: u64,
    table: Arc<TableIds>,
    cells: Box<[Cell]>,
    plan: Plan,
    time_ms: i64,
    heard_ms: i64,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    /// Newest value as it was sent; NaN until there is one.
    raw: f64,
    /// What is shown: the value, or a counter's rate per second; NaN when not known.
    shown: f64,
    time_ms: i64,
}

const EMPTY: Cell = Cell { raw: f64::NAN, shown: f64::NAN, time_ms: i64::MIN };

impl Live {
    /// Starts with what the store knows, so that a resource that fell silent before the start is shown as silent.
    #[must_use]
    pub fn new(known: &[ResourceInfo]) -> Self {
        let live = Self { shards: std::array::from_fn(|_| Mutex::default()) };
        for info in known {
            live.shard(info.id).insert(info.id, Seen::new(Arc::clone(&info.agent), info.last_seen_ms, info.interval_ms));
        }
        live
    }

    /// Takes a committed batch in. Calls `emit` with each frame of each resource that `is_watched`.
    pub fn apply(&self, committed: &Committed, arrival: Arrival, is_watched: impl Fn(u32) -> bool, mut emit: impl FnMut(Fresh)) {
        for (index, table) in committed.resources.iter().enumerate() {
            if table.series.is_empty() {
                // A service that this agent only has records of: `crate::service` tells what it measures.
                continue;
            }
            let id = table.resource;
            let is_watched = is_watched(id);
            let mut shard = self.shard(id);
            let seen =
                shard.entry(id).or_insert_with(|| Seen::new(Arc::clone(&committed.agent), i64::MIN, committed.interval_ms));
            seen.interval_ms = committed.interval_ms.clamp(limit::INTERVAL_MS_MIN, limit::INTERVAL_MS_MAX);
            let part = seen.part(&committed.agent, committed.boot, table, arrival.now_ms);
            for frame in &committed.frames {
                let Some(row) = frame.rows.get(index).filter(|row| row.0.iter().any(|value| !value.is_nan())) else { continue };
                let heard_ms = arrival.by_own_clock(frame.time_ms);
                let values = seen.take(part, frame.time_ms, heard_ms, row, is_watched);
                if let Some(values) = values.filter(|values| !values.is_empty()) {
                    emit(Fresh { resource: id, time_ms: frame.time_ms, generation: seen.generation, values });
                }
            }
        }
    }

    /// The newest known value of every series of one resource, if it was heard of since the start.
    #[must_use]
    pub fn newest(&self, resource: u32) -> Option<Fresh> {
        let shard = self.shard(resource);
        let seen = shard.get(&resource)?;
        // A series that two parts have is told twice; the newest comes last and holds.
        let mut parts: Vec<&Part> = seen.parts.iter().collect();
        parts.sort_by_key(|part| part.heard_ms);
        let values = parts.into_iter().flat_map(Part::known).collect();
        Some(Fresh { resource, time_ms: seen.time_ms, generation: seen.generation, values })
    }

    /// The overview's lines at this moment: all, or those that changed since the last call that asked for changes.
    #[must_use]
    pub fn lines(&self, now_ms: i64, only_changed: bool) -> Vec<Line> {
        let alive = self.agents(now_ms);
        let mut lines = Vec::new();
        for shard in &self.shards {
            for (id, seen) in lock(shard).iter_mut() {
                lines.extend(seen.line(*id, now_ms, &alive, only_changed));
            }
        }
        lines.sort_unstable_by_key(|line| line.id);
        lines
    }

    /// The newest value of every series that is fresh at this moment.
    #[must_use]
    pub fn current(&self, now_ms: i64) -> Vec<Current> {
        let mut all = Vec::new();
        self.each(now_ms, &mut |resource, key, value| all.push(Current { resource, key: Arc::clone(key), value }));
        all
    }

    /// Calls `take` with the newest value of every series that is fresh at this moment.
    pub fn each_current(&self, now_ms: i64, take: &mut dyn FnMut(&SeriesKey, f64)) {
        self.each(now_ms, &mut |_, key, value| take(key, value));
    }

    /// Calls `take` with resource, series and newest value of everything that is fresh at this moment.
    pub fn each(&self, now_ms: i64, take: &mut dyn FnMut(ResourceId, &Arc<SeriesKey>, f64)) {
        for shard in &self.shards {
            for seen in lock(shard).values() {
                for part in seen.parts.iter().filter(|part| Silence::of(now_ms - part.heard_ms, seen.interval_ms).is_none()) {
                    let cells = part.table.keys.iter().zip(&part.cells).filter(|(_, cell)| !cell.raw.is_nan());
                    cells.for_each(|(key, cell)| take(part.table.resource, key, cell.raw));
                }
            }
        }
    }

    /// Age of the newest sample of any resource by the collector's clock, in milliseconds.
    #[must_use]
    pub fn newest_age_ms(&self, now_ms: i64) -> Option<i64> {
        let newest = self.shards.iter().filter_map(|shard| lock(shard).values().map(|seen| seen.heard_ms).max()).max()?;
        (newest > i64::MIN).then(|| now_ms.saturating_sub(newest).max(0))
    }

    /// How many resources are known, and how many of them are silent now though their agent has not left them out.
    #[must_use]
    pub fn count(&self, now_ms: i64) -> (usize, usize) {
        let alive = self.agents(now_ms);
        let (mut all, mut silent) = (0, 0);
        for shard in &self.shards {
            for seen in lock(shard).values() {
                all += 1;
                silent += usize::from(seen.silence(now_ms).is_some() && !seen.has_ended(&alive));
            }
        }
        (all, silent)
    }

    /// When each agent was heard last.
    fn agents(&self, now_ms: i64) -> HashMap<Arc<str>, i64> {
        // The collector's own one is always there: a service that it no longer tells of has ended.
        let mut agents: HashMap<Arc<str>, i64> = HashMap::from([(service::AGENT.into(), now_ms)]);
        for shard in &self.shards {
            for seen in lock(shard).values() {
                let newest = agents.entry(Arc::clone(&seen.agent)).or_insert(i64::MIN);
                *newest = (*newest).max(seen.heard_ms);
            }
        }
        agents
    }

    fn shard(&self, resource: u32) -> MutexGuard<'_, HashMap<ResourceId, Seen>> {
        lock(&self.shards[resource as usize % SHARDS])
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Values here are replaced one by one: none is half written after a panic elsewhere.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Seen {
    fn new(agent: Arc<str>, last_ms: i64, interval_ms: u64) -> Self {
        Self {
            agent,
            interval_ms: interval_ms.clamp(limit::INTERVAL_MS_MIN, limit::INTERVAL_MS_MAX),
            time_ms: last_ms,
            heard_ms: last_ms,
            generation: 0,
            parts: Vec::new(),
            judge: Judge::default(),
            shown: (Status::Silent, false),
            is_changed: true,
        }
    }

    /// The part of this run of an agent with this table, made or brought up to date.
    fn part(&mut self, agent: &Arc<str>, boot: u64, table: &Arc<TableIds>, now_ms: i64) -> usize {
        if self.agent != *agent {
            self.agent = Arc::clone(agent);
        }
        if self.parts.len() > 1 {
            let is_own = |part: &Part| part.boot == boot && part.agent == *agent;
            self.parts.retain(|part| is_own(part) || now_ms.saturating_sub(part.heard_ms) < PART_IDLE_MS);
        }
        if let Some(index) = self.parts.iter().position(|part| part.boot == boot && part.agent == *agent) {
            let part = &mut self.parts[index];
            if !Arc::ptr_eq(&part.table, table) && part.replace(Arc::clone(table)) {
                self.generation += 1;
            }
            return index;
        }
        if self.parts.len() >= PARTS_MAX {
            let oldest = (0..self.parts.len()).min_by_key(|&index| self.parts[index].heard_ms).unwrap_or(0);
            self.parts.swap_remove(oldest);
        }
        self.generation += 1;
        self.parts.push(Part::new(Arc::clone(agent), boot, Arc::clone(table)));
        self.parts.len() - 1
    }

    /// Takes one row in and answers what is new in it, when somebody watches.
    fn take(&mut self, part: usize, time_ms: i64, heard_ms: i64, row: &Row, is_watched: bool) -> Option<Vec<(SeriesId, f64)>> {
        let values = self.parts[part].take(time_ms, heard_ms, row, is_watched);
        self.time_ms = self.time_ms.max(time_ms);
        self.heard_ms = self.heard_ms.max(heard_ms);
        self.is_changed = true;
        values
    }

    fn silence(&self, now_ms: i64) -> Option<Silence> {
        Silence::of(now_ms.saturating_sub(self.heard_ms), self.interval_ms)
    }

    /// Whether its agent was heard well after it: it runs no more, which is no failure to report.
    fn has_ended(&self, alive: &HashMap<Arc<str>, i64>) -> bool {
        let agent_ms = alive.get(&self.agent).copied().unwrap_or(i64::MIN);
        Silence::of(agent_ms.saturating_sub(self.heard_ms), self.interval_ms).is_some()
    }

    fn line(&mut self, id: ResourceId, now_ms: i64, alive: &HashMap<Arc<str>, i64>, only_changed: bool) -> Option<Line> {
        let silence = self.silence(now_ms);
        let ended = silence.is_some() && self.has_ended(alive);
        // Nothing came, and what was shown is still so: judging again would change nothing.
        let as_shown = !self.is_changed && silence.is_some() == (self.shown.0 == Status::Silent) && ended == self.shown.1;
        if only_changed && as_shown {
            return None;
        }
        let latest = self.figures();
        let (status, reasons) = self.judge.judge(&latest, now_ms, silence);
        if only_changed {
            (self.is_changed, self.shown) = (false, (status, ended));
        }
        Some(Line { id, time: self.time_ms, status, reasons, ended, latest, agent: Arc::clone(&self.agent) })
    }

    fn figures(&self) -> Latest {
        // Of those that are heard of, the one that knows most; else the picture would change with whoever spoke last.
        let newest_ms = self.parts.iter().map(|part| part.heard_ms).max().unwrap_or(i64::MIN);
        let heard =
            self.parts.iter().filter(|part| Silence::of(newest_ms.saturating_sub(part.heard_ms), self.interval_ms).is_none());
        let best = heard.max_by_key(|part| (part.plan.len(), part.heard_ms));
        best.map(|part| part.plan.figures()).unwrap_or_default()
    }
}

impl Part {
    fn new(agent: Arc<str>, boot: u64, table: Arc<TableIds>) -> Self {
        let cells = vec![EMPTY; table.series.len()].into_boxed_slice();
        let plan = plan(&table);
        Self { agent, boot, table, cells, plan, time_ms: i64::MIN, heard_ms: i64::MIN }
    }

    /// Takes another table, keeping what is known of the series in both. Answers whether the series differ.
    fn replace(&mut self, table: Arc<TableIds>) -> bool {
        let before = std::mem::replace(&mut self.table, table);
        let (old, new) = (&before.series, &self.table.series);
        if old == new {
            return false;
        }
        let places: HashMap<SeriesId, usize> = old.iter().enumerate().map(|(index, id)| (*id, index)).collect();
        let known = |id: &SeriesId| places.get(id).map_or(EMPTY, |&index| self.cells[index]);
        self.cells = new.iter().map(known).collect();
        let mut plan = plan(&self.table);
        plan.inherit(&self.plan, |then, now| old.get(then as usize) == new.get(now as usize));
        self.plan = plan;
        true
    }

    fn take(&mut self, time_ms: i64, heard_ms: i64, row: &Row, is_watched: bool) -> Option<Vec<(SeriesId, f64)>> {
        if time_ms <= self.time_ms {
            // A repeat, or a clock set back: by more than a minute it is the new truth, else it is late.
            if self.time_ms.saturating_sub(time_ms) < PART_IDLE_MS {
                return None;
            }
            self.cells.fill(EMPTY);
        }
        (self.time_ms, self.heard_ms) = (time_ms, heard_ms.max(self.heard_ms));
        self.plan.take(time_ms, &row.0);
        let is_whole = *self.agent == *service::AGENT;
        let mut fresh = is_watched.then(|| Vec::with_capacity(row.0.len()));
        let columns = self.table.series.iter().zip(self.table.keys.iter());
        for ((cell, (id, key)), &value) in self.cells.iter_mut().zip(columns).zip(&row.0) {
            if value.is_nan() {
                // Agents leave out what they did not read; what services add up to is told whole, so that what is missing is not.
                if is_whole {
                    *cell = EMPTY;
                }
                continue;
            }
            cell.shown = match key.kind {
                Kind::Gauge => value,
                Kind::Counter if value >= cell.raw && time_ms > cell.time_ms => {
                    per_second(value - cell.raw, time_ms.saturating_sub(cell.time_ms))
                }
                // The first value, or a counter that started again: no rate is known.
                Kind::Counter => f64::NAN,
            };
            (cell.raw, cell.time_ms) = (value, time_ms);
            if let Some(fresh) = &mut fresh
                && !cell.shown.is_nan()
            {
                fresh.push((*id, cell.shown));
            }
        }
        fresh
    }

    fn known(&self) -> impl Iterator<Item = (SeriesId, f64)> + '_ {
        let cells = self.table.series.iter().zip(&self.cells);
        cells.filter(|(_, cell)| !cell.shown.is_nan()).map(|(id, cell)| (*id, cell.shown))
    }
}

fn plan(table: &TableIds) -> Plan {
    Plan::new(table.keys.iter().map(|key| Column { metric: &key.metric, kind: key.kind, attributes: &key.attributes }))
}

#[cfg(test)]
mod tests;
