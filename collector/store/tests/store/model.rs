//! A state machine against a model that keeps every sample in a map: commits, repeats, late frames, sealing, merging,
//! restarts and crashes in any order must leave exactly the samples that were acknowledged.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use farol_shared::batch::Batch;
use farol_store::{Aggregate, Outcome, Query, Store};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::harness::{HOUR_MS, START_MS, TestClock, ask, batch, open, submit, table};

#[derive(Debug, Clone, Copy)]
enum Step {
    /// A batch of some frames; the seed gives the values, `gauges` the width of the table.
    Commit { agent: usize, frames: usize, gauges: usize, seed: u64 },
    /// Frames from a while ago.
    Late { agent: usize, back_ms: i64, seed: u64 },
    /// The last batch once more.
    Repeat { agent: usize },
    /// Time passes.
    Wait { ms: i64 },
    /// The keeper's work.
    Tidy { seal: bool },
    /// Closed well and opened again.
    Reopen,
    /// The files as they are at this moment, opened elsewhere.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..2_usize, 1..90_usize, 1..4_usize, any::<u64>())
            .prop_map(|(agent, frames, gauges, seed)| Step::Commit { agent, frames, gauges, seed }),
        3 => (0..2_usize, 1_i64..3 * HOUR_MS, any::<u64>()).prop_map(|(agent, back_ms, seed)| Step::Late { agent, back_ms, seed }),
        2 => (0..2_usize).prop_map(|agent| Step::Repeat { agent }),
        4 => prop_oneof![1_i64..60_000, 60_000_i64..HOUR_MS, HOUR_MS..5 * HOUR_MS].prop_map(|ms| Step::Wait { ms }),
        5 => any::<bool>().prop_map(|seal| Step::Tidy { seal }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}

/// (agent, series) to samples in the order in which they were acknowledged.
type Samples = BTreeMap<(usize, String), Vec<(i64, f64)>>;

struct Machine {
    clock: Arc<TestClock>,
    dir: TempDir,
    store: Option<Store>,
    samples: Samples,
    last: [Option<Batch>; 2],
    seq: [u64; 2],
    taken: [u64; 2],
    stored: [u64; 2],
    counter: [f64; 2],
}

/// A small generator of numbers: the same seed, the same values.
pub(crate) fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

impl Machine {
    fn new() -> Self {
        let (clock, dir) = (TestClock::new(), TempDir::new().unwrap());
        let store = Some(open(dir.path(), &clock));
        Self {
            clock,
            dir,
            store,
            samples: BTreeMap::new(),
            last: [None, None],
            seq: [0; 2],
            taken: [0; 2],
            stored: [0; 2],
            counter: [0.0; 2],
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn now(&self) -> i64 {
        farol_shared::clock::Clock::now_ms(&*self.clock)
    }

    fn commit(&mut self, agent: usize, times: &[i64], gauges: usize, mut seed: u64) {
        let mut frames = Vec::new();
        for time in times {
            // Mostly the counter grows; now and then it begins again.
            let grown = next(&mut seed);
            self.counter[agent] = if grown.is_multiple_of(97) { 1.0 } else { self.counter[agent] + (grown % 1_000) as f64 };
            let mut row = vec![self.counter[agent]];
            for _ in 0..gauges {
                let number = next(&mut seed);
                row.push(match number % 5 {
                    0 => f64::NAN,
                    1 => (number % 10_000) as f64 / 100.0,
                    2 => 42.0,
                    _ => number as f64,
                });
            }
            frames.push((*time, row));
        }
        self.seq[agent] += 1;
        let samples: usize = frames.iter().flat_map(|(_, row)| row).filter(|value| !value.is_nan()).count();
        self.taken[agent] += samples as u64;
        self.stored[agent] += samples as u64;
        for (time, row) in &frames {
            for (index, value) in row.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
                let name = if index == 0 { "c x".to_owned() } else { format!("g {}", index - 1) };
                self.samples.entry((agent, name)).or_default().push((*time, *value));
            }
        }
        let tables = vec![table(&format!("host:{agent}"), gauges)];
        let made = batch(&format!("agent-{agent}"), self.seq[agent], self.taken[agent], tables, frames);
        self.last[agent] = Some(made.clone());
        let Outcome::Stored(committed) = submit(self.store(), made).unwrap() else { panic!("a new batch is stored") };
        assert_eq!(committed.resources[0].series.len(), gauges + 1);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Commit { agent, frames, gauges, seed } => {
                let start = self.now();
                // Clocks are not exact: a few milliseconds off the second.
                let times: Vec<i64> = (0..frames as i64).map(|index| start + index * 1_000 + (seed as i64 + index) % 7).collect();
                self.clock.set(*times.last().unwrap() + 1);
                self.commit(agent, &times, gauges, seed);
            }
            Step::Late { agent, back_ms, seed } => {
                let times: Vec<i64> = (0..5).map(|index| self.now() - back_ms + index * 700).collect();
                self.commit(agent, &times, 2, seed);
            }
            Step::Repeat { agent } => {
                if let Some(batch) = self.last[agent].clone() {
                    let outcome = submit(self.store(), batch).unwrap();
                    assert!(matches!(outcome, Outcome::Repeated { seq } if seq == self.seq[agent]));
                }
            }
            Step::Wait { ms } => self.clock.advance(ms),
            Step::Tidy { seal } => self.store().tidy(seal).unwrap(),
            Step::Reopen => {
                self.store.take().unwrap().close().unwrap();
                self.store = Some(open(self.dir.path(), &self.clock));
            }
            Step::Crash => {
                let copy = TempDir::new().unwrap();
                copy_files(self.dir.path(), copy.path());
                drop(self.store.take());
                self.dir = copy;
                self.store = Some(open(self.dir.path(), &self.clock));
            }
        }
    }

    fn check(&self) {
        let store = self.store();
        let end = self.now() + HOUR_MS;
        let resources: BTreeMap<String, u32> =
            store.resources().into_iter().map(|info| (info.resource.key.clone(), info.id)).collect();
        for ((agent, name), samples) in &self.samples {
            let (metric, at) = name.split_once(' ').unwrap();
            let mut query = ask(metric, START_MS - 4 * HOUR_MS, end);
            query.resources = vec![resources[&format!("host:{agent}")]];
            query.attributes = vec![("at".to_owned(), at.to_owned())];
            let mut expected = samples.clone();
            expected.sort_by_key(|(time, _)| *time);
            check_raw(store, &query, &expected);
            for (step, aggregates) in [(7_000, RAW), (60_000, ROLLED), (300_000, ROLLED), (HOUR_MS, ROLLED)] {
                query.step_ms = step;
                for aggregate in aggregates {
                    query.aggregate = *aggregate;
                    check_folded(store, &query, &expected, metric == "c");
                }
            }
        }
        for agent in 0..2 {
            let books = store.completeness(Some(&format!("agent-{agent}")), 0, end).unwrap();
            let stored = books.first().map_or(0, |books| books.stored);
            assert_eq!(stored, self.stored[agent], "the books say what is stored");
            assert!(books.iter().all(|books| books.expected == self.taken[agent] && books.missing() == 0));
        }
    }
}

const RAW: &[Aggregate] = &[Aggregate::Mean, Aggregate::Increase];
const ROLLED: &[Aggregate] =
    &[Aggregate::Mean, Aggregate::Min, Aggregate::Max, Aggregate::Sum, Aggregate::Last, Aggregate::Count, Aggregate::Increase];

/// Raw answers hold at most 5,000 points: asked piece by piece.
fn check_raw(store: &Store, query: &Query, expected: &[(i64, f64)]) {
    let mut points = Vec::new();
    let mut query = query.clone();
    query.aggregate = Aggregate::Raw;
    for chunk in expected.chunks(2_000) {
        // Up to the last time of the chunk, from behind the last one: several samples may share a time.
        query.to_ms = chunk.last().unwrap().0 + 1;
        if query.to_ms > query.from_ms {
            let answer = store.query(&query).unwrap();
            points.extend(answer.series.into_iter().flat_map(|series| series.points));
        }
        query.from_ms = query.to_ms;
    }
    assert_eq!(points.len(), expected.len(), "every sample exactly once");
    // Samples of one time may stand in any order.
    let sorted = |points: &[(i64, f64)]| {
        let mut points: Vec<(i64, u64)> = points.iter().map(|(time, value)| (*time, value.to_bits())).collect();
        points.sort_unstable();
        points
    };
    assert_eq!(sorted(&points), sorted(expected));
}

fn check_folded(store: &Store, query: &Query, expected: &[(i64, f64)], is_counter: bool) {
    // Where several samples share a time, "last" and "increase" depend on their order, which nobody promises.
    let is_ambiguous = expected.windows(2).any(|pair| pair[0].0 == pair[1].0 && pair[0].1.to_bits() != pair[1].1.to_bits());
    let by_order = matches!(query.aggregate, Aggregate::Last | Aggregate::Increase);
    // Of a gauge, rollups keep no first value: its change is exact from its second bucket on only.
    let is_rolled_change = !is_counter && query.step_ms % 60_000 == 0 && query.aggregate == Aggregate::Increase;
    if is_rolled_change || (is_ambiguous && (by_order || is_counter)) {
        return;
    }
    let mut query = query.clone();
    query.max_points = 5_000;
    let range = query.to_ms - query.from_ms;
    if range / query.step_ms > 4_000 {
        query.from_ms = query.to_ms - query.step_ms * 4_000;
    }
    let answer = store.query(&query).unwrap();
    let points = answer.series.first().map(|series| series.points.clone()).unwrap_or_default();
    let model = model_points(expected, answer.from_ms, answer.to_ms, query.step_ms, query.aggregate, is_counter);
    assert_eq!(
        points.iter().map(|(time, _)| *time).collect::<Vec<_>>(),
        model.iter().map(|(time, _)| *time).collect::<Vec<_>>(),
        "{:?} at {} ms",
        query.aggregate,
        query.step_ms,
    );
    for ((time, value), (_, expected)) in points.iter().zip(&model) {
        let tolerance = 1e-9 * expected.abs().max(1.0);
        assert!((value - expected).abs() <= tolerance, "{:?} at {time}: {value}, not {expected}", query.aggregate);
    }
}

/// What an answer should say, computed the slow way.
fn model_points(
    samples: &[(i64, f64)],
    from: i64,
    to: i64,
    step: i64,
    aggregate: Aggregate,
    is_counter: bool,
) -> Vec<(i64, f64)> {
    let mut steps: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (index, (time, _)) in samples.iter().enumerate() {
        if *time >= from && *time < to {
            steps.entry(time.div_euclid(step) * step).or_default().push(index);
        }
    }
    let mut points = Vec::new();
    for (start, indices) in steps {
        let values: Vec<f64> = indices.iter().map(|index| samples[*index].1).collect();
        let sum: f64 = values.iter().sum();
        let mut increase = 0.0;
        let mut covered = 0;
        for index in &indices {
            // A predecessor before the range counts when it is near enough to be looked for.
            let Some(before) = index.checked_sub(1).filter(|before| samples[*before].0 >= from - 300_000) else { continue };
            let (a, b) = (samples[before].1, samples[*index].1);
            increase += if is_counter && b < a { b } else { b - a };
            covered += samples[*index].0 - samples[before].0;
        }
        let value = match aggregate {
            Aggregate::Mean if is_counter => f64::midpoint(values[0], values[values.len() - 1]),
            Aggregate::Mean => sum / values.len() as f64,
            Aggregate::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            Aggregate::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Aggregate::Sum if !is_counter => sum,
            Aggregate::Last => values[values.len() - 1],
            Aggregate::Count => values.len() as f64,
            _ if covered > 0 => increase,
            _ => continue,
        };
        points.push((start, value));
    }
    points
}

pub(crate) fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        // The index of the log is memory, not disk: it is gone after a loss of power.
        if path.extension().is_none_or(|extension| extension != "db-shm") {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_every_acknowledged_sample_is_there_once(steps in prop::collection::vec(step(), 1..40)) {
        let mut machine = Machine::new();
        for step in steps {
            machine.step(step);
        }
        machine.check();
        machine.step(Step::Crash);
        machine.check();
        machine.step(Step::Tidy { seal: true });
        machine.check();
        machine.step(Step::Wait { ms: 30 * HOUR_MS });
        machine.step(Step::Tidy { seal: true });
        machine.check();
        machine.step(Step::Reopen);
        machine.check();
    }
}
