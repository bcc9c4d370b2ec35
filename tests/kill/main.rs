//! The store alone, sealing and merging all the time, killed at random moments: what it acknowledged is there once.
//!
//! The end-to-end test kills the whole collector, which seals every ten minutes; here a process of its own never stops
//! sealing, so that kills hit sealing, merging and retention as well as commits. `FAROL_KILLS=n` for a long run.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "test code: a failure is the message"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use farol_shared::clock::Clock;
use farol_store::{Aggregate, Options, Query, Store};
use farol_tests::{
    batches::{METRIC, Maker, name},
    process::setting,
    random::Random,
    wait::now_ms,
};

const KILLS: u64 = 30;
const AGENTS: u64 = 3;
const SERIES: u64 = 8;

#[derive(Debug)]
struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        now_ms()
    }
}

fn open(folder: &Path) -> Store {
    Store::open(folder, Options::default(), Arc::new(SystemClock)).unwrap()
}

fn maker(number: u64, start_ms: i64) -> Maker {
    Maker::new(number, start_ms, 1_000, SERIES)
}

/// The process that is killed: stores batch after batch and prints each acknowledgement. Not a test by itself.
#[test]
#[ignore = "started by the test below"]
fn store_until_killed() {
    let words = setting("FAROL_KILL_CHILD").expect("started by the test below");
    let mut words = words.split(',');
    let folder = words.next().unwrap().to_owned();
    let start_ms: i64 = words.next().unwrap().parse().unwrap();
    let next: Vec<u64> = words.map(|word| word.parse().unwrap()).collect();
    let store = open(Path::new(&folder));
    thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                store.tidy(true).unwrap();
            }
        });
        for (number, first) in (0..).zip(next) {
            let store = &store;
            scope.spawn(move || {
                let maker = maker(number, start_ms);
                for seq in first.. {
                    let (done, heard) = mpsc::channel();
                    store.submit(maker.batch(seq), Box::new(move |fate| done.send(fate).unwrap()));
                    match heard.recv().unwrap() {
                        Ok(_) => {
                            let mut out = std::io::stdout().lock();
                            writeln!(out, "ack {number} {seq}").and_then(|()| out.flush()).unwrap();
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
}

fn start(folder: &Path, start_ms: i64, last: &[u64]) -> Child {
    let next: Vec<String> = last.iter().map(|seq| (seq + 1).to_string()).collect();
    Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "store_until_killed", "--nocapture"])
        .env("FAROL_KILL_CHILD", format!("{},{start_ms},{}", folder.display(), next.join(",")))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_store_killed_while_it_seals_and_merges_keeps_every_sample_once() {
    let kills = setting("FAROL_KILLS").map_or(KILLS, |text| text.parse().expect("FAROL_KILLS is a number"));
    let seed = Random::seed_of_run();
    eprintln!("FAROL_SEED={seed}");
    let mut random = Random::seeded(seed);
    let folder = tempfile::tempdir().unwrap();
    let start_ms = now_ms() - 40 * 3_600_000;
    let mut last = vec![0; usize::try_from(AGENTS).unwrap()];
    for _ in 0..kills {
        let mut child = start(folder.path(), start_ms, &last);
        let mut wanted = random.between(1, 600);
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some((number, seq)) = line.strip_prefix("ack ").and_then(|rest| rest.split_once(' ')) else { continue };
            last[number.parse::<usize>().unwrap()] = seq.parse().unwrap();
            wanted = wanted.saturating_sub(1);
            if wanted == 0 {
                thread::sleep(Duration::from_micros(random.between(0, 3_000)));
                child.kill().unwrap();
                // What it printed before it died was acknowledged, too: the loop reads on to the end.
                wanted = u64::MAX;
            }
        }
        let status = child.wait().unwrap();
        assert!(status.code().is_none(), "the store ended by itself: {status}");
    }
    let store = open(folder.path());
    let stats = store.stats();
    for (number, acknowledged) in (0..AGENTS).zip(&last) {
        let maker = maker(number, start_ms);
        let found = read(&store, &maker, *acknowledged);
        let once: BTreeSet<_> = found.iter().copied().collect();
        assert_eq!(found.len(), once.len(), "agent {number} has samples twice");
        let sure = maker.expected(1..=*acknowledged);
        let missing: Vec<_> = sure.difference(&once).take(5).collect();
        assert!(missing.is_empty(), "agent {number}: {missing:?} of {acknowledged} acknowledged batches are not there");
        // One more may be on disk whose acknowledgement the kill swallowed.
        let possible = maker.expected(1..=acknowledged + 1);
        let foreign: Vec<_> = once.difference(&possible).take(5).collect();
        assert!(foreign.is_empty(), "agent {number}: {foreign:?} were never sent");
    }
    eprintln!("{kills} kills, {last:?} batches, {} bytes on disk, {} samples not sealed", stats.disk_bytes, stats.head_samples);
    let total = last.iter().sum::<u64>() * SERIES;
    assert!(stats.head_samples < total / 2, "hardly anything was sealed, so that no kill hit sealing");
    store.close().unwrap();
}

/// Everything in history of one agent: (series, time, value as bits).
fn read(store: &Store, maker: &Maker, last: u64) -> Vec<(u64, i64, u64)> {
    let ids: BTreeMap<u32, String> = store.resources().iter().map(|info| (info.id, info.resource.name().to_owned())).collect();
    let page = 1_000 * maker.interval_ms;
    let mut from_ms = maker.start_ms - page;
    let mut found = Vec::new();
    while from_ms < maker.time(last) + page {
        let to_ms = from_ms + page;
        let query =
            Query { metric: METRIC.to_owned(), from_ms, to_ms, aggregate: Aggregate::Raw, max_points: 2_000, ..Query::default() };
        for one in store.query(&query).unwrap().series.iter().filter(|one| ids[&one.series.resource] == name(maker.number)) {
            let index = one.series.attributes()[0].1.parse().unwrap();
            found.extend(one.points.iter().map(|(time, value)| (index, *time, value.to_bits())));
        }
        from_ms = to_ms;
    }
    found
}
