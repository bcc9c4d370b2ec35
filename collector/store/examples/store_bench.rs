//! Measures the store on a realistic, made-up data set with a fixed seed: bytes on disk, CPU, bytes written, memory, latency.
//!
//! `cargo run --release -p farol-store --example store_bench -- [hosts] [hours] [interval_ms] [folder]`
//! Hosts have 60 series each: gauges, counters, ratios, percentages with two decimals, latencies with three, near-constants;
//! clocks wander by a few milliseconds. Prints figures; judges nothing.

#![expect(clippy::print_stdout, reason = "it is there to print")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]
#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made-up values are small")]

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Instant,
};

use farol_shared::{
    batch::{Batch, SeriesKey, Table, Tables},
    clock::Clock,
    frame::{Frame, Row},
    metric::Kind,
    resource::{Resource, ResourceKind},
    wire,
};
use farol_store::{Across, Aggregate, Options, Query, Store};

type Outcome<T> = Result<T, Box<dyn Error>>;

const START_MS: i64 = 1_760_000_400_000;
const HOUR_MS: i64 = 3_600_000;

#[derive(Debug)]
struct BenchClock(AtomicI64);

impl Clock for BenchClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A small generator of numbers with a fixed seed.
struct Numbers(u64);

impl Numbers {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal, mean 0, deviation 1.
    fn noise(&mut self) -> f64 {
        (0..4).map(|_| self.unit()).sum::<f64>().mul_add(1.732, -3.464)
    }
}

struct Host {
    tables: Vec<u8>,
    counters: [f64; 24],
    walks: [f64; 20],
    numbers: Numbers,
    drift_ms: i64,
}

const SERIES: usize = 60;

fn round(value: f64, digits: i32) -> f64 {
    let power = 10_f64.powi(digits);
    (value * power).round() / power
}

impl Host {
    fn new(index: usize) -> Self {
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15 ^ (index as u64 + 1).wrapping_mul(0x1234_5678_9abc_def1));
        let resource = Resource {
            key: format!("host:bench-{index:04}"),
            kind: ResourceKind::Host,
            parent: None,
            tenant: None,
            attributes: [("host.name".to_owned(), format!("bench-{index:04}"))].into(),
        };
        let series = (0..SERIES).map(|column| SeriesKey {
            metric: format!("bench.metric{column:02}"),
            unit: "1".to_owned(),
            kind: if column < 24 { Kind::Counter } else { Kind::Gauge },
            attributes: vec![("bench.kind".to_owned(), "made-up".to_owned())],
        });
        let tables = wire::encode_tables(&Tables(vec![Table { resource, series: series.collect() }]));
        let counters = std::array::from_fn(|_| (numbers.unit() * 1e9).floor());
        let walks = std::array::from_fn(|_| numbers.unit() * 100.0);
        let drift_ms = (numbers.unit() * 1_000.0) as i64;
        Self { tables, counters, walks, numbers, drift_ms }
    }

    /// The values of one instant; `day` is the time of day from 0 to 1, `seconds` the interval.
    fn row(&mut self, day: f64, seconds: f64) -> Vec<f64> {
        let load = 0.5 - 0.4 * (day * std::f64::consts::TAU).cos();
        let burst = if self.numbers.unit() < 0.01 { 4.0 } else { 1.0 };
        let mut row = Vec::with_capacity(SERIES);
        for (index, counter) in self.counters.iter_mut().enumerate() {
            let noise = self.numbers.noise().mul_add(0.2, 1.0).max(0.0);
            let grown = match index {
                // Network and disk bytes.
                0..6 => (load * burst * noise * 50_000.0 * seconds).floor(),
                // Packets and operations.
                6..12 => (load * burst * noise * 60.0 * seconds).floor(),
                // Microseconds of CPU time as seconds with six decimals.
                12..15 => round(load * noise * 0.2 * seconds, 6),
                // Seconds in ticks of a hundredth.
                15..18 => round(load * noise * 0.3 * seconds, 2),
                // Errors, kills, throttling: nearly never.
                _ => f64::from(self.numbers.unit() < 0.002),
            };
            *counter = if !(12..18).contains(&index) { *counter + grown } else { round(*counter + grown, 6) };
            row.push(*counter);
        }
        for (index, walk) in self.walks.iter_mut().enumerate() {
            *walk = (*walk + self.numbers.noise() * 0.3).clamp(0.0, 100.0);
            row.push(match index {
                // Memory in pages of 4 KiB.
                0..6 => (*walk * 40_000.0).floor() * 4_096.0,
                // Percentages with two decimals.
                6..12 => round(*walk, 2),
                // Latencies in milliseconds with three decimals.
                12..15 => round(*walk * 0.7 + self.numbers.unit() * 5.0, 3),
                // Processes, connections.
                15..18 => (*walk * 3.0).floor(),
                // Ratios with every bit in use.
                18 => *walk / 97.3,
                // Load with two decimals.
                _ => round(load * 4.0 + self.numbers.noise() * 0.05, 2),
            });
        }
        for index in 0..16 {
            // Limits, counts of CPUs, sizes of disks: as good as constant.
            let changed = index % 4 == 0 && self.numbers.unit() < 0.001;
            row.push(f64::from(index * 1_024 + i32::from(changed)));
        }
        row
    }
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: i64| arguments.get(index).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (hosts, hours, interval_ms) = (number(0, 50) as usize, number(1, 5), number(2, 1_000));
    let folder = arguments.get(3).map_or_else(|| std::env::temp_dir().join("farol-store-bench"), PathBuf::from);
    let _gone = fs::remove_dir_all(&folder);
    println!("{hosts} hosts x {SERIES} series, {hours} h at {interval_ms} ms");

    let clock = Arc::new(BenchClock(AtomicI64::new(START_MS)));
    let shared_clock: Arc<dyn Clock> = Arc::<BenchClock>::clone(&clock);
    let store = Store::open(&folder, Options::default(), Arc::clone(&shared_clock))?;
    let mut hosts: Vec<Host> = (0..hosts).map(Host::new).collect();
    let mut load = Load { store: &store, clock: &clock, interval_ms, seq: 0, made_cpu: 0.0 };
    let (before, wall) = (Account::now(), Instant::now());
    let mut peak = 0;
    for hour in 0..hours {
        peak = peak.max(load.hour(&mut hosts)?);
        if hour == 0 {
            store.tidy(true)?;
            report_size(&store, "after the first hour, sealed");
        }
    }
    let stats = store.stats();
    let cpu = Account::now().cpu - before.cpu - load.made_cpu;
    println!("ingest: {} samples in {:.1} s", stats.samples, wall.elapsed().as_secs_f64());
    println!("  store CPU, sealing and merging included: {:.3} s a million samples", cpu / (stats.samples as f64 / 1e6));
    println!("  written to disk: {:.2} bytes a sample", (Account::now().written - before.written) as f64 / stats.samples as f64);
    println!("  {} commits, {:.3} ms each", stats.commits, stats.commit_seconds * 1e3 / stats.commits as f64);
    println!("  head at most {:.1} MiB; resident now {:.1} MiB", peak as f64 / 1048576.0, resident() / 1048576.0);
    clock.0.fetch_add(24 * HOUR_MS, Ordering::Relaxed);
    store.tidy(true)?;
    clock.0.fetch_sub(24 * HOUR_MS, Ordering::Relaxed);
    report_size(&store, "after merging");
    latencies(&store, hours)?;
    store.close()?;
    report_file(&folder.join("history.db"), stats.samples as f64)?;
    let opened = Instant::now();
    let store = Store::open(&folder, Options::default(), shared_clock)?;
    println!("opened again in {:.1} ms", opened.elapsed().as_secs_f64() * 1e3);
    store.close()?;
    Ok(())
}

struct Load<'a> {
    store: &'a Store,
    clock: &'a BenchClock,
    interval_ms: i64,
    seq: u64,
    made_cpu: f64,
}

impl Load<'_> {
    /// One hour of every host, tick by tick; gives the largest head in bytes.
    fn hour(&mut self, hosts: &mut [Host]) -> Outcome<u64> {
        let ticks = HOUR_MS / self.interval_ms;
        let mut peak = 0;
        for tick in 0..ticks {
            let start = self.clock.0.fetch_add(self.interval_ms, Ordering::Relaxed);
            self.seq += 1;
            // What it costs to make the values is measured apart and taken off.
            let before = Account::thread_cpu();
            let day = (start - START_MS) as f64 / 86_400_000.0;
            let batches: Vec<Batch> = hosts
                .iter_mut()
                .enumerate()
                .map(|(index, host)| {
                    let jitter = (host.numbers.unit() * 7.0) as i64 - 3;
                    let values = host.row(day, self.interval_ms as f64 / 1_000.0);
                    let frame = Frame {
                        time_ms: start + host.drift_ms % self.interval_ms + jitter,
                        rows: vec![Row(values)],
                        records: Vec::new(),
                    };
                    Batch {
                        agent: format!("bench-{index:04}"),
                        boot: 1,
                        seq: self.seq,
                        interval_ms: self.interval_ms as u64,
                        taken: self.seq * SERIES as u64,
                        lost: Vec::new(),
                        tables: host.tables.clone().into(),
                        frames: vec![frame],
                    }
                })
                .collect();
            self.made_cpu += Account::thread_cpu() - before;
            self.submit(batches)?;
            peak = peak.max(self.store.stats().head_bytes);
            // The keeper's own second is a real one; here an hour takes seconds, so it is told when time has come.
            if (tick + 1) % (600_000 / self.interval_ms) == 0 {
                self.store.tidy(true)?;
            }
        }
        Ok(peak)
    }

    fn submit(&self, batches: Vec<Batch>) -> Outcome<()> {
        let waiting = Arc::new((Mutex::new(batches.len()), Condvar::new()));
        for batch in batches {
            let waiting = Arc::clone(&waiting);
            self.store.submit(
                batch,
                Box::new(move |fate| {
                    assert!(fate.is_ok(), "{fate:?}");
                    *waiting.0.lock().expect("nobody panics with the lock") -= 1;
                    waiting.1.notify_one();
                }),
            );
        }
        let mut left = waiting.0.lock().map_err(|_| "poisoned")?;
        while *left > 0 {
            left = waiting.1.wait(left).map_err(|_| "poisoned")?;
        }
        Ok(())
    }
}

/// The file as it is, and what it is made of: free pages and the journal's slots do not grow with history.
fn report_file(path: &Path, samples: f64) -> Outcome<()> {
    let conn = rusqlite::Connection::open(path)?;
    let number = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|number| number as f64);
    println!("file after closing: {:.3} bytes a sample", fs::metadata(path)?.len() as f64 / samples);
    println!(
        "  free pages {:.3}, journal {:.3}",
        number("PRAGMA freelist_count")? * 4_096.0 / samples,
        number("SELECT ifnull(sum(length(body)), 0) FROM journal")? / samples
    );
    for (tier, name) in ["raw", "minutes", "hours"].into_iter().enumerate() {
        let sql = format!("SELECT ifnull(sum(length(body) + length(directory)), 0) FROM block WHERE tier = {tier}");
        let count = number(&format!("SELECT count(*) FROM block WHERE tier = {tier}"))?;
        println!("  {name} {:.3} in {count} blocks", number(&sql)? / samples);
    }
    println!("  books {:.3}", number("SELECT ifnull(sum(length(body) + 16), 0) FROM account")? / samples);
    Ok(())
}

fn report_size(store: &Store, when: &str) {
    let stats = store.stats();
    println!(
        "{when}: {:.3} bytes a sample in {:.1} MiB",
        stats.disk_bytes as f64 / stats.samples as f64,
        stats.disk_bytes as f64 / 1048576.0
    );
}

fn latencies(store: &Store, hours: i64) -> Outcome<()> {
    let end = START_MS + hours * HOUR_MS;
    let resource = store.resources().first().ok_or("no resource")?.id;
    let one = |from_ms: i64| Query {
        metric: "bench.metric30".to_owned(),
        resources: vec![resource],
        from_ms,
        to_ms: end,
        ..Query::default()
    };
    let rate = Query { metric: "bench.metric00".to_owned(), aggregate: Aggregate::Rate, ..one(end - HOUR_MS) };
    let all = Query { resources: Vec::new(), across: Across::Sum, ..one(end - hours.min(24) * HOUR_MS) };
    for (name, query, times) in [
        ("1 series, 1 h, mean", one(end - HOUR_MS), 301),
        ("1 series, 1 h, rate", rate, 301),
        ("1 series, 24 h", one(end - 24 * HOUR_MS), 301),
        ("1 series, 7 d", one(end - 168 * HOUR_MS), 101),
        ("sum of all, 24 h", all, 31),
    ] {
        let mut spent = Vec::new();
        let mut points = 0;
        for _ in 0..times {
            let started = Instant::now();
            points = store.query(&query)?.series.first().map_or(0, |series| series.points.len());
            spent.push(started.elapsed());
        }
        spent.sort_unstable();
        println!("query {name}: p50 {:.3} ms ({points} points)", spent[spent.len() / 2].as_secs_f64() * 1e3);
    }
    Ok(())
}

/// What the process has used so far.
struct Account {
    cpu: f64,
    written: u64,
}

impl Account {
    fn now() -> Self {
        let io = fs::read_to_string("/proc/self/io").unwrap_or_default();
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok()).unwrap_or(0);
        Self { cpu: Self::cpu(Path::new("/proc/self/schedstat"), Path::new("/proc/self/task")), written }
    }

    /// Nanoseconds on a CPU, as seconds: of every thread, those that ended left out.
    fn cpu(_whole: &Path, threads: &Path) -> f64 {
        let Ok(entries) = fs::read_dir(threads) else { return 0.0 };
        entries.flatten().map(|entry| schedstat(&entry.path().join("schedstat"))).sum()
    }

    fn thread_cpu() -> f64 {
        schedstat(Path::new("/proc/thread-self/schedstat"))
    }
}

fn schedstat(path: &Path) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

fn resident() -> f64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or(0.0) * 4_096.0
}
