//! What is known of an application's tasks and workers, from their events.
//!
//! In: events with the time when they were heard, in any order that a broker may give them. Out: the figures of the last hour and
//! counters since the collector started.
//!
//! Invariants: the end of a run counts once, and in no order of the events is it lost; nothing of a task's arguments, result or
//! traceback is here. Bounded: workers, task names and tasks under way, each by a constant below.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use super::{
    event::{Beat, Event, Step, What},
    exception::Exception,
    known::Known,
    window::{Runs, Window},
    worker::{Worker, WorkerState, ms},
};

/// Most workers. A fleet that restarts all day has as many names and process ids.
const WORKERS_MAX: usize = 1_000;

/// Most names of tasks that are told apart; the rest are counted together as [`OTHERS`].
const NAMES_MAX: usize = 500;

/// Failures that are shown.
const FAILURES_MAX: usize = 20;

/// Most names of queues that are learned from events.
const QUEUES_MAX: usize = 100;

/// How long an offline worker is still listed, in ms.
const FORGET_WORKER_MS: i64 = 3_600_000;

/// A worker that was silent for this long gives its place to a new one, in ms.
const SILENT_WORKER_MS: i64 = 60_000;

/// Name of tasks whose first events were not heard.
pub(super) const UNNAMED: &str = "?";

/// Name of all tasks beyond [`NAMES_MAX`].
const OTHERS: &str = "(others)";

/// A failed run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    /// When, by the worker's clock, in ms since the epoch.
    pub time_ms: i64,
    /// Name of the task.
    pub task: Arc<str>,
    /// Its id.
    pub id: String,
    /// Name of the worker.
    pub worker: String,
    /// What went wrong.
    pub exception: Exception,
}

/// What is known of a task's name.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// Its runs.
    pub runs: Window<Runs>,
    /// Class of its last exception.
    pub last_error: Option<String>,
}

/// Counts since the collector started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Runs that ended well.
    pub succeeded: u64,
    /// Runs that failed for good.
    pub failed: u64,
    /// Runs that will be tried again.
    pub retried: u64,
    /// Tasks that were called back.
    pub revoked: u64,
    /// Runs that workers accepted.
    pub processed: u64,
}

/// Whether events of tasks arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskEvents {
    /// Nothing has run yet that could tell.
    Unknown,
    /// They arrive.
    Arrive,
    /// Tasks run, and no worker tells of it.
    Off,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct State {
    known: Known,
    /// By name and process id.
    pub workers: BTreeMap<(String, u32), Worker>,
    /// All runs.
    all: Window<Runs>,
    /// By name of the task.
    pub names: BTreeMap<Arc<str>, Named>,
    /// Newest last.
    pub failures: VecDeque<Failure>,
    /// Since the start.
    pub totals: Totals,
    /// Runs that workers accepted, by minute; also those of workers that gave their place to others.
    pub processed: Window<u64>,
    /// Queues that tasks were sent to.
    pub queues: BTreeSet<String>,
    /// Whether senders tell what they send.
    pub is_told_of_sending: bool,
    /// Names that found no room, each time they were told.
    pub left_out: u64,
    /// When a worker last found no room, in ms since the epoch.
    pub crowded_ms: Option<i64>,
}

impl State {
    /// Takes what was heard, each with the time when it was, in ms since the epoch. Within one call they are put in order.
    pub(super) fn take(&mut self, mut heard: Vec<(i64, Event)>) {
        heard.sort_by(|(_, a), (_, b)| a.time_s.total_cmp(&b.time_s).then(a.clock.cmp(&b.clock)));
        for (heard_ms, event) in heard {
            self.take_one(heard_ms, event);
        }
    }

    fn take_one(&mut self, heard_ms: i64, event: Event) {
        let Event { hostname, pid, clock, time_s, what } = event;
        match what {
            What::Beat(beat) => self.beat(&hostname, pid, time_s, heard_ms, &beat),
            What::Offline(beat) => {
                self.beat(&hostname, pid, time_s, heard_ms, &beat);
                if let Some(worker) = self.worker(&hostname, pid, heard_ms) {
                    worker.goes();
                }
            }
            What::Task { id, step: Step::Sent { name, queue } } => self.sent(&id, &name, queue, time_s),
            What::Task { id, step } => {
                let is_failure = matches!(step, Step::Failed(_));
                if let Some(worker) = self.worker(&hostname, pid, heard_ms) {
                    worker.tells(heard_ms);
                    if is_failure {
                        *worker.failed.at(heard_ms) += 1;
                    }
                }
                self.step(&id, step, (time_s, clock), heard_ms, hostname);
            }
        }
    }

    fn worker(&mut self, name: &str, pid: u32, heard_ms: i64) -> Option<&mut Worker> {
        let key = (name.to_owned(), pid);
        if !self.workers.contains_key(&key) {
            if self.workers.len() >= WORKERS_MAX {
                let oldest = self.workers.iter().min_by_key(|(_, worker)| worker.heard_ms);
                let oldest = oldest.filter(|(_, worker)| heard_ms - worker.heard_ms > SILENT_WORKER_MS);
                let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                    self.crowded_ms = Some(heard_ms);
                    return None;
                };
                self.workers.remove(&oldest);
            }
            for ((_, _), rival) in self.workers.iter_mut().filter(|((other, _), _)| other == name) {
                rival.is_followed();
            }
        }
        Some(self.workers.entry(key).or_default())
    }

    fn beat(&mut self, name: &str, pid: u32, time_s: f64, heard_ms: i64, beat: &Beat) {
        let Some(worker) = self.worker(name, pid, heard_ms) else { return };
        let accepted = worker.beats(beat, heard_ms);
        if worker.is_skewed(ms(time_s), heard_ms) {
            let seconds = worker.skew_ms / 1_000;
            tracing::warn!(target: "pull", worker = name, seconds, "a worker's clock differs from this machine's");
        }
        if accepted > 0 {
            self.totals.processed += accepted;
            *self.processed.at(heard_ms) += accepted;
        }
    }

    fn sent(&mut self, id: &str, name: &str, queue: Option<String>, time_s: f64) {
        self.is_told_of_sending = true;
        if let Some(queue) = queue
            && self.queues.len() < QUEUES_MAX
        {
            self.queues.insert(queue);
        }
        let name = self.name(name);
        let task = self.known.touch(id);
        task.name = Some(name);
        if task.counted.is_none() {
            task.waits_since_s = Some(time_s);
        }
    }

    /// The name as it is counted under.
    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some((name, _)) = self.names.get_key_value(name) {
            return Arc::clone(name);
        }
        let name: Arc<str> = if self.names.len() < NAMES_MAX || [OTHERS, UNNAMED].contains(&name) {
            name.into()
        } else {
            self.left_out += 1;
            OTHERS.into()
        };
        self.names.entry(Arc::clone(&name)).or_default();
        name
    }

    fn step(&mut self, id: &str, step: Step, stamp: (f64, u64), heard_ms: i64, worker: String) {
        if let Step::Received { name } = &step {
            let name = self.name(name);
            let task = self.known.touch(id);
            task.name = Some(name);
            task.waits_since_s = None;
            return;
        }
        let task = self.known.touch(id);
        task.waits_since_s = None;
        if matches!(step, Step::Started | Step::Received { .. }) {
            return;
        }
        if task.counted == Some(stamp) {
            return;
        }
        task.counted = Some(stamp);
        let name = task.name.clone();
        let name = name.unwrap_or_else(|| self.name(UNNAMED));
        self.ended(&name, id, step, stamp.0, heard_ms, worker);
    }

    fn ended(&mut self, name: &Arc<str>, id: &str, step: Step, time_s: f64, heard_ms: i64, worker: String) {
        // The name may have been forgotten since it was told.
        let name = &self.name(name);
        let named = self.names.entry(Arc::clone(name)).or_default();
        if let Step::Failed(exception) | Step::Retried(exception) = &step {
            named.last_error = Some(exception.class.clone());
        }
        for runs in [named.runs.at(heard_ms), self.all.at(heard_ms)] {
            runs.count(&step);
        }
        match step {
            Step::Succeeded(_) => self.totals.succeeded += 1,
            Step::Failed(exception) => {
                self.totals.failed += 1;
                let failure = Failure { time_ms: ms(time_s), task: Arc::clone(name), id: id.to_owned(), worker, exception };
                if self.failures.len() >= FAILURES_MAX {
                    self.failures.pop_front();
                }
                self.failures.push_back(failure);
            }
            Step::Retried(_) => self.totals.retried += 1,
            Step::Revoked => self.totals.revoked += 1,
            // A worker that refuses a task gives it back or drops it unrun.
            Step::Rejected | Step::Sent { .. } | Step::Received { .. } | Step::Started => {}
        }
    }

    /// Forgets workers that have been offline for long, and names of which nothing was heard for an hour.
    pub(super) fn tidy(&mut self, now_ms: i64) {
        // After a clock was set back: a dead worker would count as heard of until that time comes again.
        self.workers.values_mut().for_each(|worker| worker.heard_ms = worker.heard_ms.min(now_ms));
        self.workers.retain(|_, worker| now_ms - worker.heard_ms < FORGET_WORKER_MS);
        self.names.retain(|_, named| !named.runs.is_over(now_ms));
        self.all.settle(now_ms);
        self.names.values_mut().for_each(|named| named.runs.settle(now_ms));
    }

    /// All runs of the last `minutes` minutes.
    pub(super) fn runs(&self, minutes: i64, now_ms: i64) -> Runs {
        self.all.last(minutes, now_ms)
    }

    /// All runs of the last hour.
    pub(super) fn hour(&self, now_ms: i64) -> Runs {
        self.all.hour(now_ms)
    }

    /// Whether events of tasks arrive.
    pub(super) fn task_events(&self, now_ms: i64) -> TaskEvents {
        let is_off = |worker: &&Worker| worker.is_without_events(now_ms);
        if self.workers.values().any(|worker| worker.task_event_ms.is_some() && !is_off(&worker)) {
            TaskEvents::Arrive
        } else if self.workers.values().any(|worker| is_off(&worker)) {
            TaskEvents::Off
        } else {
            TaskEvents::Unknown
        }
    }

    /// Workers that are not offline.
    pub(super) fn live(&self, now_ms: i64, listening_ms: i64, offline_ms: i64) -> impl Iterator<Item = &Worker> {
        let is_live = move |worker: &&Worker| worker.state(now_ms, listening_ms, offline_ms) != WorkerState::Offline;
        self.workers.values().filter(is_live)
    }

    /// Since when a task waits, by its sender's clock in seconds, if its sending was heard.
    pub(super) fn waits_since_s(&self, id: &str) -> Option<f64> {
        self.known.of(id)?.waits_since_s
    }
}

#[cfg(test)]
mod tests;
