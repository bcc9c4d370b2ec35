//! Measures records in the store: what they cost the writer and the keeper, their bytes on disk, and how long answers take.
//!
//! `cargo run --release -p farol-store --example records_bench -- [minutes] [services] [folder]`
//! Each service answers 100 requests a second of 50 routes, 5 statuses and 20 tenants, evenly drawn, which is the hardest for
//! what is folded; besides, it logs 2 warnings and tells 2 events a second. Prints figures; judges nothing.

#![expect(clippy::print_stdout, reason = "it is there to print")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]
#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made-up values are small")]

use std::{
    collections::HashMap,
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
    batch::{Batch, Table, Tables},
    clock::Clock,
    frame::{Frame, Row},
    record::{ErrorSummary, Event, Level, Levels, LogRecord, Records, Request, RequestSummary},
    resource::{Resource, ResourceKind},
    sketch::Sketch,
    wire,
};
use farol_store::{EventQuery, LogQuery, Options, QueryError, RecordRange, Store};

type Outcome<T> = Result<T, Box<dyn Error>>;

const START_MS: i64 = 1_760_000_400_000;
const HOUR_MS: i64 = 3_600_000;
const RATE: usize = 100;
const POOL: usize = 300;
/// Minutes in which each second is a batch, as agents send them; later thirty seconds are one, to fill a day in minutes.
const LIVE_MINUTES: i64 = 10;
const STATUSES: [u16; 5] = [200, 201, 302, 404, 500];

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
    fn next(&mut self, of: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % of
    }

    /// Seconds in whole milliseconds: mostly quick, a few slow ones.
    fn duration(&mut self) -> f64 {
        let base = self.next(80) + 5;
        let ms = if self.next(100) == 0 { base * 25 } else { base };
        ms as f64 / 1_000.0
    }
}

struct Service {
    name: String,
    tables: Vec<u8>,
    numbers: Numbers,
    /// Seconds that are told again and again: making them anew would take longer than storing them.
    pool: Vec<Records>,
    told: usize,
    seq: u64,
    taken: u64,
}

impl Service {
    fn new(index: usize) -> Self {
        let name = format!("service-{index}");
        let resource = Resource {
            key: format!("service:{name}"),
            kind: ResourceKind::Service,
            parent: None,
            tenant: None,
            attributes: [("service.name".to_owned(), name.clone())].into(),
        };
        let tables = wire::encode_tables(&Tables(vec![Table { resource, series: Vec::new() }]));
        let mut service = Self { name, tables, numbers: Numbers(index as u64 + 77), pool: Vec::new(), told: 0, seq: 0, taken: 0 };
        service.pool = (0..POOL).map(|_| service.made()).collect();
        service
    }

    /// What an agent tells of the second before `time_ms`.
    fn records(&mut self, time_ms: i64) -> Records {
        self.told += 1;
        let mut records = self.pool[self.told % POOL].clone();
        records.recent.iter_mut().chain(&mut records.slow).for_each(|one| one.time_ms += time_ms);
        records.logs.iter_mut().for_each(|one| one.time_ms += time_ms);
        records.events.iter_mut().for_each(|one| one.time_ms += time_ms);
        records.errors.iter_mut().for_each(|one| one.time_ms += time_ms);
        records
    }

    /// One second, told from its end.
    fn made(&mut self) -> Records {
        let numbers = &mut self.numbers;
        let mut sums: HashMap<(usize, usize, usize), (RequestSummary, Sketch)> = HashMap::new();
        let mut records = Records::default();
        for index in 0..RATE {
            let (route, status, tenant) = (numbers.next(50), numbers.next(5), numbers.next(20));
            let duration_s = numbers.duration();
            let (sum, sketch) = sums.entry((route, status, tenant)).or_default();
            (sum.method, sum.route) = ("GET".to_owned(), format!("/api/v1/things-{route}/{{id}}"));
            (sum.status, sum.tenant) = (STATUSES[status], Some(format!("tenant-{tenant}")));
            sum.min_s = if sum.count == 0 { duration_s } else { sum.min_s.min(duration_s) };
            sum.max_s = sum.max_s.max(duration_s);
            sum.count += 1;
            sum.failed += u64::from(STATUSES[status] == 500);
            sum.sum_s += duration_s;
            sum.slow_s += if duration_s > 1.0 { duration_s } else { 0.0 };
            sketch.record(duration_s, 1);
            let request = Request {
                time_ms: index as i64 * 10 - 1_000,
                method: "GET".to_owned(),
                route: sum.route.clone(),
                path: format!("/api/v1/things-{route}/{}", numbers.next(100_000)),
                status: STATUSES[status],
                duration_s,
                tenant: sum.tenant.clone(),
                trace_id: Some(format!("{:032x}", numbers.0)),
                ..Request::default()
            };
            if duration_s > 1.0 {
                records.slow.push(request.clone());
            }
            records.recent.push(request);
        }
        records.requests = sums
            .into_values()
            .map(|(mut sum, sketch)| {
                let mut bytes = Vec::new();
                sketch.encode(&mut bytes);
                sum.sketch = bytes.into();
                sum
            })
            .collect();
        self.add_others(&mut records);
        records
    }

    fn add_others(&mut self, records: &mut Records) {
        let numbers = &mut self.numbers;
        let mut levels = Levels::default();
        for _ in 0..2 {
            let tenant = Some(format!("tenant-{}", numbers.next(20)));
            let level = if numbers.next(4) == 0 { Level::Error } else { Level::Warn };
            levels.add(level);
            records.logs.push(LogRecord {
                level,
                message: format!("upstream {} answered late, attempt {} of 3", numbers.next(1_000), numbers.next(3)),
                source: "app.log".to_owned(),
                tenant: tenant.clone(),
                ..LogRecord::default()
            });
            let kind = ["MessageSent", "OrderPlaced", "UserSignedIn"][numbers.next(3)].to_owned();
            records.events.push(Event { time_ms: 0, kind, tenant, payload: format!("{{\"id\":{}}}", numbers.next(1_000_000)) });
        }
        records.levels = levels;
        if numbers.next(3) == 0 {
            records.errors.push(ErrorSummary {
                kind: format!("Error{}", numbers.next(12)),
                origin: "request".to_owned(),
                count: 1,
                message: "it went wrong".to_owned(),
                stack: "  File \"app.py\", line 7, in work\n".repeat(20),
                ..ErrorSummary::default()
            });
        }
    }

    /// A batch of some seconds up to `time_ms`.
    fn batch(&mut self, time_ms: i64, frames: i64, has_records: bool) -> Batch {
        let frame = |back: i64| {
            let time_ms = time_ms - back * 1_000;
            let records = if has_records { vec![self.records(time_ms)] } else { Vec::new() };
            Frame { time_ms, rows: vec![Row::default()], records }
        };
        let frames: Vec<Frame> = (0..frames).rev().map(frame).collect();
        self.seq += 1;
        self.taken += frames.iter().map(|frame| frame.samples() as u64).sum::<u64>();
        Batch {
            agent: self.name.clone(),
            boot: 1,
            seq: self.seq,
            interval_ms: 1_000,
            taken: self.taken,
            lost: Vec::new(),
            tables: self.tables.clone().into(),
            frames,
        }
    }
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: i64| arguments.get(index).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (minutes, services) = (number(0, 24 * 60), number(1, 10) as usize);
    let folder = arguments.get(2).map_or_else(|| std::env::temp_dir().join("farol-records-bench"), PathBuf::from);
    let _gone = fs::remove_dir_all(&folder);
    println!("{minutes} min, {services} services x {RATE} requests/s, 50 routes x 5 statuses x 20 tenants");
    let clock = Arc::new(BenchClock(AtomicI64::new(START_MS)));
    let shared_clock: Arc<dyn Clock> = Arc::<BenchClock>::clone(&clock);
    let store = Store::open(&folder, Options::default(), Arc::clone(&shared_clock))?;
    let mut services: Vec<Service> = (0..services).map(Service::new).collect();
    ingest(&store, &clock, &mut services, minutes)?;
    report_tables(&folder.join("history.db"), minutes * services.len() as i64)?;
    latencies(&store, clock.now_ms())?;
    store.close()?;
    let opened = Instant::now();
    let store = Store::open(&folder, Options::default(), shared_clock)?;
    println!("opened again in {:.1} ms", opened.elapsed().as_secs_f64() * 1e3);
    store.close()?;
    Ok(())
}

fn ingest(store: &Store, clock: &BenchClock, services: &mut [Service], minutes: i64) -> Outcome<()> {
    let empty = commits(store, clock, services, (60, 1), false)?;
    println!("writer: {:.1} us of CPU a batch without records", empty * 1e6);
    let (written, wall) = (written(), Instant::now());
    let (mut writer, mut keeper) = (thread_cpu("store-writer"), thread_cpu("store-keeper"));
    for minute in 0..minutes {
        let is_live = minute < LIVE_MINUTES;
        let spent = commits(store, clock, services, if is_live { (60, 1) } else { (2, 30) }, true)?;
        if minute == LIVE_MINUTES / 2 {
            println!("writer: {:.1} us of CPU a batch with the records of a second", spent * 1e6);
        }
        // By the minute, as the keeper's own second is a real one; the last ten seconds wait, as they do in life.
        if clock.now_ms().rem_euclid(HOUR_MS) == 0 {
            store.tidy(true)?;
        } else {
            store.tidy(false)?;
        }
    }
    commits(store, clock, services, (9, 1), true)?;
    (writer, keeper) = (thread_cpu("store-writer") - writer, thread_cpu("store-keeper") - keeper);
    let requests = (minutes * 60) as f64 * (services.len() * RATE) as f64;
    println!("filled in {:.0} s", wall.elapsed().as_secs_f64());
    let batches = (minutes * 60) as f64 * services.len() as f64;
    println!(
        "  writer {:.1} us, keeper {:.1} us of CPU a second of a service, folding and rolling up included",
        writer / batches * 1e6,
        keeper / batches * 1e6
    );
    println!(
        "  {:.1} bytes written a request; {} KiB pending",
        (self::written() - written) as f64 / requests,
        store.stats().pending_bytes >> 10
    );
    Ok(())
}

/// Some batches of some seconds of every service; gives the writer's CPU seconds a batch.
fn commits(
    store: &Store,
    clock: &BenchClock,
    services: &mut [Service],
    (batches, seconds): (i64, i64),
    has_records: bool,
) -> Outcome<f64> {
    let before = thread_cpu("store-writer");
    for _ in 0..batches {
        let time_ms = clock.0.fetch_add(seconds * 1_000, Ordering::Relaxed) + seconds * 1_000;
        let waiting = Arc::new((Mutex::new(services.len()), Condvar::new()));
        for service in services.iter_mut() {
            let waiting = Arc::clone(&waiting);
            let done = move |fate: Result<farol_store::Outcome, farol_store::CommitError>| {
                assert!(fate.is_ok(), "{fate:?}");
                *waiting.0.lock().expect("nobody panics with the lock") -= 1;
                waiting.1.notify_one();
            };
            store.submit(service.batch(time_ms, seconds, has_records), Box::new(done));
        }
        let mut left = waiting.0.lock().map_err(|_| "poisoned")?;
        while *left > 0 {
            left = waiting.1.wait(left).map_err(|_| "poisoned")?;
        }
    }
    Ok((thread_cpu("store-writer") - before) / (batches as f64 * services.len() as f64))
}

fn report_tables(path: &Path, service_minutes: i64) -> Outcome<()> {
    let conn = rusqlite::Connection::open(path)?;
    let number = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|number| number as f64);
    let mut total = 0.0;
    for (table, length) in [
        ("tally", "length(body) + 12"),
        ("tally_route", "length(names) + length(body) + 14"),
        ("tally_tenant", "length(tenant) + length(body) + 14"),
        ("tally_tenant_route", "length(tenant) + length(body) + 14"),
    ] {
        let key = if table.starts_with("tally_tenant") { "tally" } else { "id" };
        for (span, name) in ["minute", "5 minutes", "hour"].iter().enumerate() {
            let sql = format!("SELECT ifnull(sum({length}), 0) FROM {table} WHERE ({key} >> 28) & 3 = {span}");
            let bytes = number(&sql)? / service_minutes as f64;
            total += bytes;
            println!("  {table}, {name}: {bytes:.0} bytes a minute of a service");
        }
    }
    println!("bytes a minute of a service, counts: {total:.0} ({:.1} a request)", total / 6_000.0);
    for (table, length) in
        [("kept_request", "length(body)"), ("error_sample", "length(body)"), ("log", "length(body)"), ("event", "length(body)")]
    {
        let bytes = number(&format!("SELECT ifnull(sum({length}), 0) FROM {table}"))?;
        println!(
            "  {table}: {:.0} bytes a minute of a service, {} rows",
            bytes / service_minutes as f64,
            number(&format!("SELECT count(*) FROM {table}"))?
        );
    }
    println!(
        "  log_text: {:.0} bytes a minute of a service",
        number("SELECT sum(length(block)) FROM log_text_data")? / service_minutes as f64
    );
    println!("file: {:.1} MiB", fs::metadata(path)?.len() as f64 / 1_048_576.0);
    Ok(())
}

fn latencies(store: &Store, end: i64) -> Outcome<()> {
    let day = |back_ms: i64| RecordRange { from_ms: end - back_ms, to_ms: end, ..RecordRange::default() };
    let (all, hour) = (day(24 * HOUR_MS), day(HOUR_MS));
    let tenant = RecordRange { tenant: Some("tenant-7".to_owned()), ..all.clone() };
    let one = RecordRange { resources: vec![store.resources().first().ok_or("no resource")?.id], ..all.clone() };
    let logs = |text: Option<&str>| LogQuery {
        range: all.clone(),
        least: Level::Warn,
        text: text.map(str::to_owned),
        before: None,
        limit: 50,
    };
    let (plain, common, rare) = (logs(None), logs(Some("late")), logs(Some("upstream 777 answered")));
    let events = EventQuery { range: all.clone(), kinds: vec!["OrderPlaced".to_owned()], before: None, limit: 50 };
    type Ask<'a> = Box<dyn Fn() -> Result<usize, QueryError> + 'a>;
    let asks: Vec<(&str, Ask<'_>)> = vec![
        ("totals, 24 h", Box::new(|| store.request_totals(&all).map(|one| one.count as usize))),
        ("totals, 24 h, one service", Box::new(|| store.request_totals(&one).map(|one| one.count as usize))),
        ("totals, 24 h, one tenant", Box::new(|| store.request_totals(&tenant).map(|one| one.count as usize))),
        ("steps of 1 h, 24 h", Box::new(|| store.request_steps(&all, HOUR_MS).map(|all| all.len()))),
        ("steps of 5 min, 24 h", Box::new(|| store.request_steps(&all, 300_000).map(|all| all.len()))),
        ("steps of 5 min, 24 h, one tenant", Box::new(|| store.request_steps(&tenant, 300_000).map(|all| all.len()))),
        ("steps of 1 min, 1 h", Box::new(|| store.request_steps(&hour, 60_000).map(|all| all.len()))),
        ("statuses, 24 h", Box::new(|| store.request_statuses(&all).map(|all| all.len()))),
        ("endpoints, 24 h", Box::new(|| store.endpoints(&all, 10).map(|all| all.len()))),
        ("endpoints, 24 h, one tenant", Box::new(|| store.endpoints(&tenant, 10).map(|all| all.len()))),
        ("endpoints, 1 h", Box::new(|| store.endpoints(&hour, 10).map(|all| all.len()))),
        ("tenants, 24 h", Box::new(|| store.tenants(&all, 10).map(|all| all.len()))),
        ("recent, 24 h", Box::new(|| store.recent_requests(&all, 100).map(|all| all.len()))),
        ("slow, 24 h", Box::new(|| store.slow_requests(&all, 10).map(|all| all.len()))),
        ("slow, 24 h, one tenant", Box::new(|| store.slow_requests(&tenant, 10).map(|all| all.len()))),
        ("errors by hour, 24 h", Box::new(|| store.error_buckets(&all, HOUR_MS).map(|all| all.len()))),
        ("error types, 24 h", Box::new(|| store.error_types(&all, 5).map(|all| all.len()))),
        ("logs, 24 h", Box::new(|| store.logs(&plain).map(|all| all.len()))),
        ("logs with a common word", Box::new(|| store.logs(&common).map(|all| all.len()))),
        ("logs with a rare word", Box::new(|| store.logs(&rare).map(|all| all.len()))),
        ("events, 24 h", Box::new(|| store.events(&events).map(|all| all.len()))),
        ("event counts, 24 h", Box::new(|| store.event_counts(&all).map(|all| all.len()))),
    ];
    for (name, ask) in asks {
        let mut spent = Vec::new();
        let mut found = 0;
        for _ in 0..100 {
            let started = Instant::now();
            found = ask()?;
            spent.push(started.elapsed());
        }
        spent.sort_unstable();
        println!("{name}: p50 {:.2} ms, p99 {:.2} ms ({found})", spent[50].as_secs_f64() * 1e3, spent[98].as_secs_f64() * 1e3);
    }
    Ok(())
}

/// Nanoseconds on a CPU of the thread of this name, as seconds.
fn thread_cpu(name: &str) -> f64 {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return 0.0 };
    let thread =
        threads.flatten().find(|thread| fs::read_to_string(thread.path().join("comm")).is_ok_and(|comm| comm.trim() == name));
    let text = thread.and_then(|thread| fs::read_to_string(thread.path().join("schedstat")).ok()).unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

fn written() -> u64 {
    let io = fs::read_to_string("/proc/self/io").unwrap_or_default();
    io.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok()).unwrap_or(0)
}
