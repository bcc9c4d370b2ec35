//! One worker, as its heartbeats tell.
//!
//! A worker is a host name and a process id: two containers may both be called `celery@app`. What a heartbeat tells needs no
//! `-E`: how many tasks run, and how many runs there have been since the worker started.

use super::{event::Beat, window::Window};

/// How long after a run was accepted its task event may come, in ms. They leave the worker in the same turn.
const EVENTS_LATE_MS: i64 = 10_000;

/// Furthest that a worker's clock may be off before it is told, in ms.
const SKEW_MS_MAX: i64 = 5_000;

/// How long two processes of one name and id are remembered to be two, in ms.
const TWIN_MS: i64 = 60_000;

/// How a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// Heard of within its rhythm.
    Online,
    /// Silent for longer than three of its heartbeats; a busy solo pool is, too.
    Late,
    /// Said goodbye, or silent for long.
    Offline,
}

/// A worker.
#[derive(Debug, Default)]
pub(super) struct Worker {
    /// What it told last.
    pub beat: Beat,
    /// When it was heard of last, in ms since the epoch by the collector's clock.
    pub heard_ms: i64,
    /// Whether it said goodbye.
    is_gone: bool,
    /// When another process came up under its name, if it was not heard of since.
    is_rivalled: bool,
    /// Runs accepted, by minute.
    pub processed: Window<u64>,
    /// Failures, by minute.
    pub failed: Window<u64>,
    /// When its last task event came.
    pub task_event_ms: Option<i64>,
    /// Since when runs are accepted of which no event tells.
    unheard_ms: Option<i64>,
    /// When two processes last spoke under its name and id.
    twin_ms: Option<i64>,
    /// How far its clock is ahead, in ms.
    pub skew_ms: i64,
    is_skew_told: bool,
}

impl Worker {
    /// Takes a heartbeat; returns how many runs it has accepted since the last one.
    pub(super) fn beats(&mut self, beat: &Beat, now_ms: i64) -> u64 {
        let before = self.beat.processed;
        let silent_ms = now_ms - self.heard_ms;
        let is_restart = beat.is_first || silent_ms > ms(beat.every_s * 1.5);
        let accepted = match (before, beat.processed) {
            (Some(before), Some(told)) if told >= before => told - before,
            (Some(_), Some(told)) if is_restart => told,
            (Some(_), Some(_)) => {
                self.twin_ms = Some(now_ms);
                0
            }
            // What a worker did before it was heard of the first time belongs to no known time.
            _ => 0,
        };
        let accepted = if self.has_twin(now_ms) { 0 } else { accepted };
        if accepted > 0 {
            *self.processed.at(now_ms) += accepted;
            // After a gap their events may have come while nobody listened.
            let is_gapless = silent_ms <= ms(beat.every_s * 3.0);
            if is_gapless && self.task_event_ms.is_none_or(|at| now_ms - at > EVENTS_LATE_MS) {
                self.unheard_ms.get_or_insert(now_ms);
            }
        }
        self.beat = beat.clone();
        self.is_heard(now_ms);
        accepted
    }

    /// Takes a goodbye.
    pub(super) fn goes(&mut self) {
        self.is_gone = true;
        self.beat.active = Some(0);
    }

    /// Takes a task event.
    pub(super) fn tells(&mut self, now_ms: i64) {
        self.task_event_ms = Some(now_ms);
        self.unheard_ms = None;
        self.is_heard(now_ms);
    }

    fn is_heard(&mut self, now_ms: i64) {
        self.heard_ms = now_ms;
        self.is_gone = false;
        self.is_rivalled = false;
    }

    /// Another process came up under its name: most often its successor.
    pub(super) fn is_followed(&mut self) {
        self.is_rivalled = true;
    }

    /// Notes how far its clock is off; true when that is to be told now.
    pub(super) fn is_skewed(&mut self, event_ms: i64, now_ms: i64) -> bool {
        self.skew_ms = event_ms - now_ms;
        let is_new = self.skew_ms.abs() > SKEW_MS_MAX && !self.is_skew_told;
        self.is_skew_told |= is_new;
        is_new
    }

    /// Whether its clock is off.
    pub(super) fn has_wrong_clock(&self) -> bool {
        self.skew_ms.abs() > SKEW_MS_MAX
    }

    /// How it is. `listening_ms` is since when it could have been heard; `offline_ms` how long silence may last.
    pub(super) fn state(&self, now_ms: i64, listening_ms: i64, offline_ms: i64) -> WorkerState {
        let silent_ms = now_ms - self.heard_ms.max(listening_ms);
        let every_ms = ms(if self.beat.every_s > 0.0 { self.beat.every_s } else { 2.0 });
        if self.is_gone || silent_ms > offline_ms.max(every_ms * 4) || (self.is_rivalled && silent_ms > every_ms * 2 + 1_000) {
            WorkerState::Offline
        } else if silent_ms > every_ms * 3 + 2_000 {
            WorkerState::Late
        } else {
            WorkerState::Online
        }
    }

    /// Whether it runs tasks and sends no events of them.
    pub(super) fn is_without_events(&self, now_ms: i64) -> bool {
        self.unheard_ms.is_some_and(|since| now_ms - since > EVENTS_LATE_MS)
    }

    /// Whether two processes speak under its name and id.
    pub(super) fn has_twin(&self, now_ms: i64) -> bool {
        self.twin_ms.is_some_and(|at| now_ms - at < TWIN_MS)
    }
}

/// Seconds in whole ms.
#[expect(clippy::cast_possible_truncation, reason = "event times and intervals are bounded where they are read")]
pub(super) fn ms(seconds: f64) -> i64 {
    (seconds * 1e3) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(processed: u64) -> Beat {
        Beat { every_s: 2.0, processed: Some(processed), active: Some(1), ..Beat::default() }
    }

    /// Beats every two seconds, these numbers.
    fn after(told: &[u64]) -> (Worker, u64) {
        let mut worker = Worker::default();
        let mut sum = 0;
        for (n, processed) in (0..).zip(told) {
            sum += worker.beats(&beat(*processed), n * 2_000);
        }
        (worker, sum)
    }

    #[test]
    fn runs_are_counted_from_the_first_heartbeat_on() {
        assert_eq!(after(&[100, 100, 103, 110]).1, 10);
        assert_eq!(after(&[]).1, 0);
    }

    #[test]
    fn a_restart_counts_what_came_after_it() {
        let mut worker = after(&[100, 105]).0;
        assert_eq!(worker.beats(&Beat { is_first: true, ..beat(0) }, 4_000), 0);
        assert_eq!(worker.beats(&beat(3), 6_000), 3);
        assert_eq!(worker.beats(&beat(2), 60_000), 2, "after silence");
    }

    #[test]
    fn two_processes_of_one_name_are_not_taken_for_restarts() {
        let mut worker = Worker::default();
        worker.beats(&beat(500), 0);
        let mut sum = 0;
        for n in 1..20 {
            sum += worker.beats(&beat(if n % 2 == 0 { 500 } else { 20 }), n * 1_000);
        }
        assert_eq!((sum, worker.has_twin(19_000), worker.has_twin(90_000)), (0, true, false));
    }

    #[test]
    fn silence_is_late_and_then_offline_and_a_goodbye_at_once() {
        let mut worker = after(&[1]).0;
        for (now, expected) in [
            (8_000, WorkerState::Online),
            (8_001, WorkerState::Late),
            (60_000, WorkerState::Late),
            (60_001, WorkerState::Offline),
        ] {
            assert_eq!(worker.state(now, 0, 60_000), expected, "{now}");
        }
        assert_eq!(worker.state(100_000, 95_000, 60_000), WorkerState::Online, "nobody could be heard before");
        worker.goes();
        assert_eq!(worker.state(1, 0, 60_000), WorkerState::Offline);
        worker.beats(&beat(1), 2_000);
        assert_eq!(worker.state(2_000, 0, 60_000), WorkerState::Online);
    }

    #[test]
    fn a_successor_of_the_same_name_makes_silence_shorter() {
        let mut worker = after(&[1]).0;
        worker.is_followed();
        assert_eq!(worker.state(5_000, 0, 60_000), WorkerState::Online);
        assert_eq!(worker.state(5_001, 0, 60_000), WorkerState::Offline);
    }

    #[test]
    fn runs_without_events_show_that_events_are_off() {
        let mut worker = after(&[5, 6]).0;
        assert!(!worker.is_without_events(12_000) && worker.is_without_events(12_001));
        worker.tells(13_000);
        assert!(!worker.is_without_events(14_000));
        worker.beats(&beat(7), 14_000);
        assert!(!worker.is_without_events(60_000), "its event came before the heartbeat");
        worker.beats(&beat(9), 100_000);
        assert!(!worker.is_without_events(160_000), "what it told of them was not heard");
    }

    #[test]
    fn a_wrong_clock_is_told_once() {
        let mut worker = Worker::default();
        assert!(!worker.is_skewed(4_000, 0) && worker.is_skewed(6_000, 0) && !worker.is_skewed(-6_000, 0));
    }
}
