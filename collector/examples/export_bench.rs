//! Measures exports of a long, made-up history: rows, bytes, time, and how far memory grows while they are written to nowhere.
//!
//! `cargo run --release -p farol-collector --example export_bench -- [hosts] [hours] [folder]`
//! Hosts have 60 series each, a sample a second. Prints figures; judges nothing.

#![expect(clippy::print_stdout, reason = "it is there to print")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use std::{
    collections::HashMap,
    error::Error,
    fs,
    path::PathBuf,
    sync::{Arc, mpsc},
    time::Instant,
};

use farol_collector::{
    api::Turns,
    export::{
        Exports, Format, Layout, Style, Wanted, Zone,
        figure::Scope,
        series::{Named, Part, Series},
        stream::{self, End},
    },
};
use farol_shared::{
    batch::{Batch, SeriesKey, Table, Tables},
    clock::Clock,
    frame::{Frame, Row},
    metric::Kind,
    resource::{Resource, ResourceKind},
    wire,
};
use farol_store::{Across, Aggregate, Options, Store};
use http_body_util::BodyExt as _;

type Outcome<T> = Result<T, Box<dyn Error>>;

const START_MS: i64 = 1_760_000_400_000;
const HOUR_MS: i64 = 3_600_000;
const SERIES: i64 = 60;

/// Frames of one batch.
const FRAMES: i64 = 600;

#[derive(Debug)]
struct BenchClock(i64);

impl Clock for BenchClock {
    fn now_ms(&self) -> i64 {
        self.0
    }
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: i64| arguments.get(index).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (hosts, hours) = (number(0, 4), number(1, 12));
    let folder = arguments.get(2).map_or_else(|| std::env::temp_dir().join("farol-export-bench"), PathBuf::from);
    let _gone = fs::remove_dir_all(&folder);
    let end_ms = START_MS + hours * HOUR_MS;
    let store = Store::open(&folder, Options::default(), Arc::new(BenchClock(end_ms)))?;
    let began = Instant::now();
    for host in 0..hosts {
        fill(&store, host, hours)?;
        store.tidy(true)?;
    }
    println!(
        "{hosts} hosts x {SERIES} series, {hours} h at 1 s: {} samples in {:.0} s",
        store.stats().samples,
        began.elapsed().as_secs_f64()
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for (name, format, layout, aggregate, step_ms) in [
        ("raw samples, CSV", Format::Csv, Layout::Long, Aggregate::Raw, 0),
        ("raw samples, JSON", Format::Json, Layout::Long, Aggregate::Raw, 0),
        ("raw samples, CSV, wide", Format::Csv, Layout::Wide, Aggregate::Raw, 0),
        ("means of 10 s, CSV", Format::Csv, Layout::Long, Aggregate::Mean, 10_000),
    ] {
        let wanted = wanted(&store, (START_MS, end_ms), (format, layout), (aggregate, step_ms));
        runtime.block_on(measure(name, wanted))?;
    }
    drop(runtime);
    store.close()?;
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// A day of one host, in batches as an agent that was away sends them.
fn fill(store: &Store, host: i64, hours: i64) -> Outcome<()> {
    let resource = Resource {
        key: format!("host:bench-{host:04}"),
        kind: ResourceKind::Host,
        parent: None,
        tenant: None,
        attributes: [("host.name".to_owned(), format!("bench-{host:04}"))].into(),
    };
    let key = |column: i64| SeriesKey {
        metric: format!("bench.metric{column:02}"),
        unit: "1".to_owned(),
        kind: if column % 2 == 0 { Kind::Gauge } else { Kind::Counter },
        attributes: Vec::new(),
    };
    let tables = wire::encode_tables(&Tables(vec![Table { resource, series: (0..SERIES).map(key).collect() }]));
    let (done, answered) = mpsc::channel();
    for (seq, first) in (1_u64..).zip((0..hours * 3_600).step_by(usize::try_from(FRAMES)?)) {
        let frame = |second: i64| Frame {
            time_ms: START_MS + second * 1_000,
            rows: vec![Row((0..SERIES).map(|column| value(second, column, host)).collect())],
            records: Vec::new(),
        };
        let batch = Batch {
            agent: format!("bench-{host:04}"),
            boot: 1,
            seq,
            interval_ms: 1_000,
            taken: seq * u64::try_from(FRAMES * SERIES)?,
            lost: Vec::new(),
            tables: tables.clone().into(),
            frames: (first..first + FRAMES).map(frame).collect(),
        };
        let done = done.clone();
        store.submit(batch, Box::new(move |outcome| done.send(outcome.is_ok()).expect("the bench waits for it")));
        if !answered.recv()? {
            return Err("a batch was refused".into());
        }
    }
    Ok(())
}

/// Gauges wander, counters grow.
fn value(second: i64, column: i64, host: i64) -> f64 {
    let mixed = (second * 2_654_435_761 + column * 97 + host * 31) % 1_000;
    if column % 2 == 0 { mixed as f64 / 8.0 } else { (second * 50 + mixed % 50) as f64 }
}

fn wanted(
    store: &Store,
    (from_ms, to_ms): (i64, i64),
    (format, layout): (Format, Layout),
    (aggregate, step_ms): (Aggregate, i64),
) -> Wanted {
    let names: HashMap<u32, Arc<Named>> = store.resources().iter().map(|info| (info.id, Arc::new(Named::of(info)))).collect();
    let part = |column: i64| Part::Series {
        series: store.series(None, Some(&format!("bench.metric{column:02}"))),
        aggregate,
        across: Across::None,
    };
    Wanted {
        scope: Scope { store: store.clone(), resources: Vec::new(), tenant: None },
        parts: (0..SERIES).map(part).collect(),
        names,
        from_ms,
        to_ms,
        step_ms,
        zone: Zone::default(),
        layout,
        format,
        style: Style::default(),
        is_compared: false,
    }
}

/// Writes a file to nowhere and prints what it took.
async fn measure(name: &str, wanted: Wanted) -> Outcome<()> {
    // From here on the kernel counts the peak anew.
    fs::write("/proc/self/clear_refs", "5")?;
    let (before, began) = (memory("VmRSS:")?, Instant::now());
    let place = Exports::default().begin().ok_or("there is no place")?;
    let (tell, told) = tokio::sync::oneshot::channel();
    let mut body = stream::body(Series::new(&wanted), Turns::default(), place, move |end, rows| {
        tell.send((end, rows)).expect("the bench waits for it")
    });
    let mut bytes = 0_u64;
    while let Some(frame) = body.frame().await {
        bytes += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    let (end, rows): (End, u64) = told.await?;
    let seconds = began.elapsed().as_secs_f64();
    let (mib, grown) = (bytes as f64 / 1_048_576.0, memory("VmHWM:")? - before);
    println!(
        "{name}: {end:?}, {rows} rows, {mib:.0} MiB in {seconds:.1} s ({:.0} rows/s); resident before {before:.1} MiB, at most {grown:.1} more",
        rows as f64 / seconds
    );
    Ok(())
}

/// A figure of the process in MiB.
fn memory(name: &str) -> Outcome<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(name)).ok_or("the kernel does not tell")?;
    let kib: f64 = line.split_whitespace().nth(1).ok_or("the kernel does not tell")?.parse()?;
    Ok(kib / 1_024.0)
}
