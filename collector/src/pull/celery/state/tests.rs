//! Tests of the figures, on recorded runs and on events in any order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::pull::celery::{event::from_redis, window::float};

const NOW: i64 = 1_795_237_680_000;

fn task(worker: &str, id: &str, time_s: f64, clock: u64, step: Step) -> Event {
    Event { hostname: worker.into(), pid: 1, clock, time_s, what: What::Task { id: id.into(), step } }
}

fn beat(worker: &str, pid: u32, processed: u64, active: u64) -> Event {
    let beat = Beat { every_s: 2.0, processed: Some(processed), active: Some(active), ..Beat::default() };
    Event { hostname: worker.into(), pid, clock: 1, time_s: float(1_795_237_680), what: What::Beat(beat) }
}

fn exception() -> Exception {
    Exception::of("ValueError('boom')")
}

fn of(events: impl IntoIterator<Item = Event>) -> State {
    let mut state = State::default();
    state.take(events.into_iter().map(|event| (NOW, event)).collect());
    state
}

#[test]
fn a_recorded_run_gives_its_counts() {
    let mut state = State::default();
    for line in include_str!("../fixtures/redis.jsonl").lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let events = from_redis(line["message"].as_str().unwrap().as_bytes()).unwrap();
        state.take(events.into_iter().map(|event| (ms(event.time_s), event)).collect());
    }
    let totals = Totals { succeeded: 4, failed: 2, retried: 1, revoked: 2, processed: 10 };
    assert_eq!(state.totals, totals);
    let last = state.failures.back().unwrap();
    assert_eq!((last.worker.as_str(), last.exception.class.as_str()), ("w1@vm", "KeyError"));
    assert!(state.queues.contains("celery") && state.is_told_of_sending);
    assert_eq!(state.task_events(NOW), TaskEvents::Arrive);
    assert!(state.live(ms(1_795_237_108.8), 0, 60_000).next().is_none(), "it said goodbye");
}

#[test]
fn the_name_comes_from_the_first_events_and_is_a_question_mark_without_them() {
    let state = of([
        task("w", "a", 1.0, 1, Step::Received { name: "shop.bill".into() }),
        task("w", "a", 2.0, 2, Step::Started),
        task("w", "a", 3.0, 3, Step::Failed(exception())),
        task("w", "b", 3.0, 4, Step::Succeeded(Some(0.5))),
    ]);
    let hour = |name: &str| state.names[name].runs.hour(NOW);
    assert_eq!((hour("shop.bill").failed, hour(UNNAMED).succeeded), (1, 1));
    assert_eq!(state.names["shop.bill"].last_error.as_deref(), Some("ValueError"));
    assert_eq!(state.failures[0].task.as_ref(), "shop.bill");
}

#[test]
fn a_retry_is_counted_and_the_name_outlives_it() {
    let state = of([
        task("w", "a", 1.0, 1, Step::Received { name: "flaky".into() }),
        task("w", "a", 2.0, 2, Step::Retried(exception())),
        task("w", "a", 3.0, 3, Step::Retried(exception())),
        task("w", "a", 4.0, 4, Step::Succeeded(None)),
    ]);
    let runs = state.names["flaky"].runs.hour(NOW);
    assert_eq!((runs.retried, runs.succeeded, runs.failed, runs.times.count()), (2, 1, 0, 0));
}

#[test]
fn the_same_end_heard_twice_counts_once_and_a_second_run_counts() {
    let end = task("w", "a", 2.0, 2, Step::Succeeded(Some(1.0)));
    let again = task("w", "a", 9.0, 8, Step::Succeeded(Some(1.0)));
    assert_eq!(of([end.clone(), end.clone()]).totals.succeeded, 1);
    assert_eq!(of([end, again]).totals.succeeded, 2);
}

#[test]
fn names_beyond_the_bound_are_counted_together() {
    let many = (0..NAMES_MAX + 7).flat_map(|n| {
        let id = n.to_string();
        let at = float(n as u64);
        [
            task("w", &id, at, 1, Step::Received { name: format!("task{n}") }),
            task("w", &id, at + 0.5, 2, Step::Succeeded(Some(1.0))),
        ]
    });
    let state = of(many);
    assert_eq!((state.names.len(), state.left_out), (NAMES_MAX + 1, 7));
    assert_eq!(state.names[OTHERS].runs.hour(NOW).succeeded, 7);
    assert_eq!(state.runs(60, NOW).succeeded, NAMES_MAX as u64 + 7);
}

#[test]
fn workers_are_told_apart_by_name_and_process_and_bounded() {
    let mut state = of([beat("celery@app", 1, 5, 1), beat("celery@app", 2, 5, 2)]);
    assert_eq!(state.live(NOW, 0, 60_000).filter_map(|worker| worker.beat.active).sum::<u64>(), 3);
    state.take(vec![(NOW + 2_000, beat("celery@app", 1, 9, 0))]);
    assert_eq!(state.totals.processed, 4);
    for pid in 0..u32::try_from(WORKERS_MAX).unwrap() + 5 {
        state.take(vec![(NOW, beat("x", pid, 0, 0))]);
    }
    assert_eq!((state.workers.len(), state.crowded_ms), (WORKERS_MAX, Some(NOW)));
    assert_eq!(state.processed.hour(NOW), 4);
    state.take(vec![(NOW + SILENT_WORKER_MS + 1, beat("new", 1, 0, 0))]);
    assert!(state.workers.contains_key(&("new".to_owned(), 1)), "one that was silent for long gives its place");
    assert_eq!((state.workers.len(), state.processed.hour(NOW)), (WORKERS_MAX, 4), "and its runs stay counted");
    state.tidy(NOW + FORGET_WORKER_MS + 2 * SILENT_WORKER_MS);
    assert!(state.workers.is_empty());
}

#[test]
fn a_dead_worker_stays_dead_when_the_clock_is_set_back() {
    let mut state = of([beat("w", 1, 0, 1)]);
    let back = NOW - 3_600_000;
    state.tidy(back);
    assert_eq!(state.live(back + 59_000, 0, 60_000).count(), 1, "it may have spoken just now");
    assert_eq!(state.live(back + 61_000, 0, 60_000).count(), 0);
}

#[test]
fn a_sent_task_waits_until_a_worker_has_it() {
    let sent = || Step::Sent { name: "a".into(), queue: Some("mail".into()) };
    let mut state = of([task("gen1@web", "x", 7.0, 1, sent())]);
    assert_eq!((state.waits_since_s("x"), state.waits_since_s("y")), (Some(7.0), None));
    assert!(state.workers.is_empty(), "a sender is no worker");
    state.take(vec![(NOW, task("w", "x", 8.0, 2, Step::Received { name: "a".into() }))]);
    assert_eq!(state.waits_since_s("x"), None);
}

#[test]
fn runs_without_events_are_seen_as_such() {
    let mut state = of([beat("w", 1, 0, 0)]);
    assert_eq!(state.task_events(NOW), TaskEvents::Unknown);
    state.take(vec![(NOW + 2_000, beat("w", 1, 3, 0))]);
    assert_eq!(state.task_events(NOW + 12_001), TaskEvents::Off);
    state.take(vec![(NOW + 14_000, task("v", "a", 1.0, 1, Step::Started))]);
    assert_eq!(state.task_events(NOW + 14_000), TaskEvents::Arrive);
}

/// The events of one run of a task, in the order in which they happen.
fn run_of(id: usize, retries: usize, is_failure: bool) -> Vec<Event> {
    let mut steps = vec![Step::Received { name: format!("task{}", id % 3) }, Step::Started];
    for _ in 0..retries {
        steps.extend([Step::Retried(exception()), Step::Received { name: format!("task{}", id % 3) }, Step::Started]);
    }
    steps.push(if is_failure { Step::Failed(exception()) } else { Step::Succeeded(Some(0.25)) });
    let stamp = |n: usize| (float((id * 100 + n) as u64), (id * 100 + n) as u64);
    let at = |(n, step)| task("w", &format!("id{id}"), stamp(n).0, stamp(n).1, step);
    steps.into_iter().enumerate().map(at).collect()
}

proptest! {
    #[test]
    fn counts_are_what_was_sent_whatever_the_order_and_the_parts(
        plan in prop::collection::vec((0_usize..3, any::<bool>()), 0..12), seed in any::<u64>(), part in 1_usize..9,
    ) {
        let mut events: Vec<Event> =
            plan.iter().enumerate().flat_map(|(id, (retries, is_failure))| run_of(id, *retries, *is_failure)).collect();
        let mut random = seed | 1;
        for n in (1..events.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            events.swap(n, usize::try_from(random >> 33).unwrap() % (n + 1));
        }
        let mut state = State::default();
        for some in events.chunks(part) {
            state.take(some.iter().map(|event| (NOW, event.clone())).collect());
        }
        let failed = plan.iter().filter(|(_, is_failure)| *is_failure).count() as u64;
        let retried = plan.iter().map(|(retries, _)| *retries).sum::<usize>() as u64;
        let all = state.runs(60, NOW);
        prop_assert_eq!((all.succeeded, all.failed, all.retried), (plan.len() as u64 - failed, failed, retried));
        prop_assert_eq!((state.totals.succeeded, state.totals.failed, state.totals.retried), (all.succeeded, all.failed, retried));
        prop_assert_eq!(all.times.count(), all.succeeded);
    }

    #[test]
    fn in_one_part_every_name_has_its_own_counts(plan in prop::collection::vec((0_usize..3, any::<bool>()), 0..12)) {
        let mut events: Vec<Event> =
            plan.iter().enumerate().flat_map(|(id, (retries, is_failure))| run_of(id, *retries, *is_failure)).collect();
        events.reverse();
        let state = of(events);
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        for (id, (_, is_failure)) in plan.iter().enumerate() {
            *expected.entry(format!("task{}", id % 3)).or_default() += u64::from(*is_failure);
        }
        for (name, failed) in expected {
            prop_assert_eq!(state.names[name.as_str()].runs.hour(NOW).failed, failed);
        }
    }
}
