//! Makes of the state and of what the broker said the metrics and the snapshot.

use farol_shared::catalog;

use super::{
    queues::Waiting,
    snapshot::{Celery, CeleryFailure, CeleryPriority, CeleryQueue, CeleryTask, CeleryWorker},
    state::{State, TaskEvents},
    window::{Runs, float},
    worker::{Worker, WorkerState, ms},
};
use crate::pull::{Reading, reading::SNAPSHOT_BYTES_MAX};

/// How long heartbeats must have been listened to before their absence says something, in ms: one and a half of them.
const HEARD_AFTER_MS: i64 = 3_000;

/// When that nothing was heard is told, in ms.
const SILENT_AFTER_MS: i64 = 15_000;

/// Most workers in the table.
const WORKERS_SHOWN: usize = 200;

/// Most names of tasks in the table.
const TASKS_SHOWN: usize = 100;

/// Most names in a note.
const NAMED_IN_NOTE: usize = 3;

/// How long it is told that a worker found no room, in ms.
const CROWDED_MS: i64 = 60_000;

/// What a report is made of.
pub(super) struct Material<'a> {
    /// Where the broker is.
    pub broker: String,
    /// What events told.
    pub state: &'a State,
    /// What the broker told; nothing when it could not be asked.
    pub waiting: Option<&'a Waiting>,
    /// Since when events are heard, in ms since the epoch; `None` when they are not.
    pub listening_ms: Option<i64>,
    /// Since when they were first heard.
    pub first_ms: Option<i64>,
    /// How long a worker may be silent, in ms.
    pub offline_ms: i64,
    /// Whether messages of exceptions are shown.
    pub shows_messages: bool,
    /// What was missed within the last hour.
    pub missed: Missed,
    /// Notes from elsewhere.
    pub notes: Vec<String>,
    /// Now.
    pub now_ms: i64,
}

/// What was missed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Missed {
    /// Time of the last hour in which nothing was heard, in ms.
    pub deaf_ms: u64,
    /// Events dropped here within the last hour.
    pub lost: u64,
    /// Events dropped here since the start.
    pub lost_ever: u64,
    /// Messages of the last hour that are not JSON.
    pub not_json: u64,
    /// Messages of the last hour that are no events.
    pub malformed: u64,
}

/// Figures that both the metrics and the snapshot tell.
struct Figures {
    runs: Option<Runs>,
    processed: Option<u64>,
    active: Option<u64>,
    online: Option<u64>,
    queued: Option<u64>,
}

/// Fills the reading.
pub(super) fn fill(material: &Material<'_>, reading: &mut Reading) {
    let figures = figures(material);
    metrics(material, &figures, reading);
    reading.snapshot("celery", &fitted(snapshot(material, &figures)));
}

/// Leaves out rows until all of it finds room: names are an application's own, and may be very long.
fn fitted(mut shown: Celery) -> Celery {
    let is_too_large = |shown: &Celery| serde_json::to_vec(shown).map_or(0, |json| json.len()) > SNAPSHOT_BYTES_MAX;
    if !is_too_large(&shown) {
        return shown;
    }
    shown.notes.push("names are so long that not all queues, workers and tasks find room here".to_owned());
    // The longest stay. Workers that are there come first already, and so do the tasks with most runs.
    shown.queues.sort_by_key(|queue| std::cmp::Reverse(queue.length));
    while is_too_large(&shown) && shown.queues.len() + shown.workers.len() + shown.tasks.len() > 3 {
        shown.queues.truncate(shown.queues.len().div_ceil(2));
        shown.workers.truncate(shown.workers.len().div_ceil(2));
        shown.tasks.truncate(shown.tasks.len().div_ceil(2));
    }
    shown
}

fn figures(material: &Material<'_>) -> Figures {
    let Material { state, now_ms, .. } = *material;
    let listening_ms = material.listening_ms.unwrap_or(now_ms);
    let is_heard = material.listening_ms.is_some_and(|since| now_ms - since >= HEARD_AFTER_MS);
    let live: Vec<&Worker> = state.live(now_ms, listening_ms, material.offline_ms).collect();
    let has_worker = !state.workers.is_empty();
    let beats = live.iter().filter_map(|worker| worker.beat.active).reduce(|a, b| a + b);
    let counts = state.workers.values().any(|worker| worker.beat.processed.is_some());
    let processed = state.processed.hour(now_ms);
    // Without a worker, or without events while tasks run, that none ended is not known.
    let runs = (has_worker && state.task_events(now_ms) != TaskEvents::Off).then(|| state.hour(now_ms));
    Figures {
        processed: if counts { Some(processed) } else { runs.as_ref().map(|runs| runs.ended() + runs.retried) },
        active: (is_heard && has_worker).then(|| beats.unwrap_or(0)),
        online: is_heard.then(|| u64::try_from(live.len()).unwrap_or(u64::MAX)),
        queued: material.waiting.and_then(|waiting| {
            let lengths: Option<Vec<u64>> = waiting.queues.iter().map(super::queues::Queue::length).collect();
            lengths.filter(|lengths| !lengths.is_empty()).map(|lengths| lengths.iter().sum())
        }),
        runs,
    }
}

fn metrics(material: &Material<'_>, figures: &Figures, reading: &mut Reading) {
    let state = material.state;
    if let Some(waiting) = material.waiting {
        for queue in &waiting.queues {
            reading.set(&catalog::CELERY_QUEUE_LENGTH, &[("celery.queue", &queue.name)], queue.length().map(float));
            let oldest = oldest_s(state, queue.oldest.as_deref(), material.now_ms);
            reading.set(&catalog::CELERY_QUEUE_OLDEST, &[("celery.queue", &queue.name)], oldest);
        }
        reading.set(&catalog::CELERY_TASKS_RESERVED, &[], waiting.reserved.map(float));
        reading.set(&catalog::CELERY_TASKS_STUCK, &[], waiting.stuck.map(float));
    }
    reading.set(&catalog::CELERY_QUEUED, &[], figures.queued.map(float));
    if material.first_ms.is_none() {
        return;
    }
    reading.set(&catalog::CELERY_EVENTS_LOST, &[], float(material.missed.lost_ever));
    reading.set(&catalog::CELERY_WORKERS_ONLINE, &[], figures.online.map(float));
    reading.set(&catalog::CELERY_TASKS_ACTIVE, &[], figures.active.map(float));
    let totals = state.totals;
    if figures.processed.is_some() {
        reading.set(&catalog::CELERY_TASKS_PROCESSED, &[], float(totals.processed));
    }
    if figures.runs.is_none() {
        return;
    }
    for (how, count) in
        [("succeeded", totals.succeeded), ("failed", totals.failed), ("retried", totals.retried), ("revoked", totals.revoked)]
    {
        reading.set(&catalog::CELERY_TASKS_FINISHED, &[("celery.task.state", how)], float(count));
    }
    let lately = state.runs(5, material.now_ms);
    for (statistic, value) in
        [("mean", lately.mean_s()), ("p50", lately.times.quantile(0.5)), ("p95", lately.times.quantile(0.95))]
    {
        reading.set(&catalog::CELERY_TASK_DURATION, &[("farol.statistic", statistic)], value);
    }
}

/// How long a task waits, in seconds. Its sender's clock may be ahead.
fn oldest_s(state: &State, id: Option<&str>, now_ms: i64) -> Option<f64> {
    let since_ms = ms(state.waits_since_s(id?)?);
    Some(float(u64::try_from(now_ms - since_ms).unwrap_or(0)) / 1e3)
}

fn snapshot(material: &Material<'_>, figures: &Figures) -> Celery {
    let Material { state, now_ms, .. } = *material;
    let runs = figures.runs.as_ref();
    let has_events = state.task_events(now_ms) == TaskEvents::Arrive;
    let of_events = |count: fn(&Runs) -> u64| runs.map(count);
    Celery {
        broker: material.broker.clone(),
        events: has_events,
        queued: figures.queued,
        scheduled: material.waiting.and_then(|waiting| waiting.scheduled),
        active: figures.active,
        reserved: material.waiting.and_then(|waiting| waiting.reserved),
        processed_1h: figures.processed,
        succeeded_1h: of_events(|runs| runs.succeeded),
        failed_1h: of_events(|runs| runs.failed),
        retried_1h: of_events(|runs| runs.retried),
        failure_ratio: runs.and_then(Runs::failure_ratio),
        mean_s: runs.and_then(Runs::mean_s),
        p50_s: runs.and_then(|runs| runs.times.quantile(0.5)),
        p95_s: runs.and_then(|runs| runs.times.quantile(0.95)),
        workers_online: figures.online,
        workers_total: u64::try_from(state.workers.len()).unwrap_or(u64::MAX),
        queues: queues(material),
        workers: workers(material),
        tasks: tasks(state, now_ms),
        failures: failures(material),
        notes: notes(material),
    }
}

fn queues(material: &Material<'_>) -> Vec<CeleryQueue> {
    let told = material.waiting.map(|waiting| waiting.queues.as_slice()).unwrap_or_default();
    let shown = told.iter().map(|queue| CeleryQueue {
        name: queue.name.clone(),
        length: queue.length(),
        by_priority: queue
            .by_priority
            .iter()
            .filter_map(|(priority, length)| Some(CeleryPriority { priority: (*priority)?, length: *length }))
            .collect(),
        oldest_s: oldest_s(material.state, queue.oldest.as_deref(), material.now_ms),
    });
    shown.collect()
}

fn workers(material: &Material<'_>) -> Vec<CeleryWorker> {
    let now_ms = material.now_ms;
    let listening_ms = material.listening_ms.unwrap_or(now_ms);
    let mut shown: Vec<CeleryWorker> = Vec::new();
    for ((name, pid), worker) in &material.state.workers {
        let state = worker.state(now_ms, listening_ms, material.offline_ms);
        shown.push(CeleryWorker {
            name: name.clone(),
            pid: *pid,
            state,
            active: worker.beat.active.map(|active| if state == WorkerState::Offline { 0 } else { active }),
            processed_1h: worker.processed.hour(now_ms),
            failed_1h: worker.failed.hour(now_ms),
            load: worker.beat.load,
            version: worker.beat.version.clone(),
            last_seen: worker.heard_ms,
        });
    }
    // Those that are there first, when not all find room.
    shown.sort_by_key(|worker| worker.state == WorkerState::Offline);
    shown.truncate(WORKERS_SHOWN);
    shown
}

fn tasks(state: &State, now_ms: i64) -> Vec<CeleryTask> {
    let mut shown: Vec<CeleryTask> = Vec::new();
    for (name, named) in &state.names {
        let runs = named.runs.hour(now_ms);
        if runs.ended() + runs.retried == 0 {
            continue;
        }
        shown.push(CeleryTask {
            name: name.to_string(),
            count: runs.ended(),
            succeeded: runs.succeeded,
            failed: runs.failed,
            retried: runs.retried,
            mean_s: runs.mean_s(),
            p95_s: runs.times.quantile(0.95),
            last_error: named.last_error.clone(),
        });
    }
    shown.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    shown.truncate(TASKS_SHOWN);
    shown
}

fn failures(material: &Material<'_>) -> Vec<CeleryFailure> {
    let shown = material.state.failures.iter().rev().map(|failure| {
        let exception = &failure.exception;
        let has_message = material.shows_messages && !exception.message.is_empty();
        CeleryFailure {
            time: failure.time_ms,
            task: failure.task.to_string(),
            id: failure.id.clone(),
            worker: failure.worker.clone(),
            exception: if has_message { format!("{}: {}", exception.class, exception.message) } else { exception.class.clone() },
        }
    });
    shown.collect()
}

fn notes(material: &Material<'_>) -> Vec<String> {
    let Material { state, now_ms, missed, .. } = *material;
    let mut notes = material.notes.clone();
    let named = |is_it: &dyn Fn(&Worker) -> bool| {
        let mut names: Vec<&str> =
            state.workers.iter().filter(|(_, worker)| is_it(worker)).map(|((name, _), _)| name.as_str()).collect();
        names.dedup();
        let more = names.len().saturating_sub(NAMED_IN_NOTE);
        let list = names.iter().take(NAMED_IN_NOTE).copied().collect::<Vec<_>>().join(", ");
        (!names.is_empty()).then(|| if more > 0 { format!("{list} and {more} more") } else { list })
    };
    if state.workers.is_empty() && material.listening_ms.is_some_and(|since| now_ms - since >= SILENT_AFTER_MS) {
        notes.push(
            "broker reachable, no worker seen: is one running, and does it send heartbeats (no --without-heartbeat)?".to_owned(),
        );
    }
    if let Some(workers) = named(&|worker| worker.is_without_events(now_ms)) {
        notes.push(format!("task events are off: start workers with -E (they tell nothing of their tasks: {workers})"));
    }
    if let Some(workers) = named(&|worker| worker.has_twin(now_ms)) {
        notes.push(format!("two workers have the same name and process id: give them names of their own with -n ({workers})"));
    }
    if let Some(workers) = named(&Worker::has_wrong_clock) {
        notes.push(format!("clocks differ from this machine's by more than 5 s: {workers}"));
    }
    if state.crowded_ms.is_some_and(|at| now_ms - at < CROWDED_MS) {
        notes.push(format!("there are more workers than the {} that are counted", state.workers.len()));
    }
    if let Some(stuck) = material.waiting.and_then(|waiting| waiting.stuck).filter(|stuck| *stuck > 0) {
        notes.push(format!(
            "{stuck} tasks have been held by workers for over an hour; those of a dead worker wait for the visibility timeout"
        ));
    }
    if missed.deaf_ms > 0 {
        notes.push(format!(
            "events of {} s of the last hour were not heard: counts by task are short by what ran then",
            // One that lasted longer than an hour ended within it.
            missed.deaf_ms.div_ceil(1_000).min(3_600)
        ));
    }
    if missed.lost > 0 {
        notes.push(format!("{} events of the last hour came faster than they could be kept", missed.lost));
    }
    if missed.not_json + missed.malformed > 0 {
        let count = missed.not_json + missed.malformed;
        notes.push(format!("{count} event messages of the last hour could not be read: event_serializer must be json"));
    }
    if let Some(minutes) = material.first_ms.map(|first| (now_ms - first).div_euclid(60_000)).filter(|minutes| *minutes < 60) {
        notes.push(format!("the figures of the last hour began {minutes} min ago, when this collector started to listen"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_names_still_fit_into_a_snapshot() {
        let long = |n: usize| format!("{n:03}{}", "\"".repeat(500));
        let mut state = State::default();
        for n in 0..WORKERS_SHOWN {
            let beat = format!(
                r#"{{"type":"worker-heartbeat","hostname":{},"timestamp":1.5,"pid":7,"active":1,"processed":0}}"#,
                serde_json::to_string(&long(n)).unwrap()
            );
            let events = super::super::event::from_body(None, beat.as_bytes()).unwrap();
            state.take(events.into_iter().map(|event| (1_000, event)).collect());
        }
        let queue = |n| super::super::queues::Queue { name: long(n), by_priority: vec![(Some(0), n as u64)], oldest: None };
        let waiting = Waiting { queues: (0..200).map(queue).collect(), ..Waiting::default() };
        let material = Material {
            broker: "redis".to_owned(),
            state: &state,
            waiting: Some(&waiting),
            listening_ms: Some(0),
            first_ms: Some(0),
            offline_ms: 60_000,
            shows_messages: false,
            missed: Missed::default(),
            notes: Vec::new(),
            now_ms: 5_000,
        };
        let mut reading = Reading::default();
        fill(&material, &mut reading);
        assert_eq!((reading.missing.len(), reading.left_out), (0, 0));
        let told = &reading.snapshots["celery"];
        let (queues, workers) = (told["queues"].as_array().unwrap(), told["workers"].as_array().unwrap());
        assert!(queues.len() > 20 && workers.len() > 20, "{} {}", queues.len(), workers.len());
        assert_eq!((&queues[0]["length"], &told["workers_online"]), (&199.into(), &200.into()), "figures are of all of them");
        assert!(told["notes"].to_string().contains("not all queues"), "{}", told["notes"]);
    }
}
