//! The data set of the storage figures: 200 hosts of 60 series at 5 s, written into a history of Farol and, if asked, a peer.
//!
//! One host for 7 days, one series of every host for 24 hours, everything for 4 hours; clocks jitter by up to 3 ms.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
        mpsc,
    },
    time::Instant,
};

use anyhow::{Context, Result, bail};
use farol_shared::{
    batch::Batch,
    clock::Clock,
    frame::{Frame, Row},
    wire,
};
use farol_store::{Options, Store};
use serde_bytes::ByteBuf;

use crate::{
    data::{self, Host, Random},
    http::Connection,
    now_ms, process, remote_write,
};

const HOSTS: u64 = 200;
const STEP_MS: i64 = 5_000;
/// Frames that one request carries: a minute.
const FRAMES: usize = 12;
const HOUR_MS: i64 = 3_600_000;

/// The clock of the data: as late as the newest sample.
#[derive(Debug, Default)]
struct DataClock(AtomicI64);

impl Clock for DataClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Where the data goes.
enum Target {
    Farol {
        store: Store,
        clock: Arc<DataClock>,
        done: mpsc::Sender<Result<(), String>>,
        told: mpsc::Receiver<Result<(), String>>,
        waiting: usize,
    },
    Peer(Connection),
}

struct Sender {
    host: Host,
    random: Random,
    tables: ByteBuf,
    labels: Vec<Vec<u8>>,
    seq: u64,
    taken: u64,
    frames: Vec<Frame>,
}

/// Writes the data set into `dir` (and its end into `dir/end_ms`), or to the peer at `peer`.
///
/// # Errors
/// When a batch is refused or the target cannot be written.
#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) async fn run(dir: &Path, peer: Option<&str>, pid: u32) -> Result<()> {
    let end_ms = match std::fs::read_to_string(dir.join("end_ms")) {
        Ok(text) => text.trim().parse()?,
        Err(_) => now_ms() / STEP_MS * STEP_MS,
    };
    std::fs::create_dir_all(dir)?;
    std::fs::write(dir.join("end_ms"), end_ms.to_string())?;
    let mut target = match peer {
        Some(address) => Target::Peer(Connection::open(address).await?),
        None => open(dir, end_ms)?,
    };
    let mut senders: Vec<Sender> = (0..HOSTS).map(Sender::new).collect();
    let before = process::cost(pid)?;
    let began = Instant::now();
    let mut samples = 0_u64;
    let mut time_ms = end_ms - 168 * HOUR_MS;
    while time_ms < end_ms {
        let everything = time_ms >= end_ms - 4 * HOUR_MS;
        let day = time_ms >= end_ms - 24 * HOUR_MS;
        for (index, sender) in senders.iter_mut().enumerate() {
            if index > 0 && !day {
                break;
            }
            samples += sender.take(time_ms, everything || index == 0);
            if sender.frames.len() == FRAMES || time_ms + STEP_MS >= end_ms {
                sender.send(index, time_ms, &mut target).await?;
            }
        }
        time_ms += STEP_MS;
    }
    let name = if let Target::Farol { store, waiting, told, .. } = target {
        for _ in 0..waiting {
            told.recv()?.map_err(anyhow::Error::msg)?;
        }
        store.close()?;
        "farol"
    } else {
        "peer"
    };
    let after = process::cost(pid)?;
    println!(
        "storage {name}: {samples} samples in {:.1} s, {:.3} CPU s per million (generating included for farol), resident {:.1} MiB, {:.2} bytes written a sample",
        began.elapsed().as_secs_f64(),
        (after.cpu_s - before.cpu_s) / samples as f64 * 1e6,
        after.resident / 1_048_576.0,
        (after.written - before.written) / samples as f64,
    );
    if name == "farol" {
        let bytes = size(dir)?;
        println!("storage {name}: {:.3} bytes a sample, whole files after closing", bytes as f64 / samples as f64);
    }
    Ok(())
}

fn open(dir: &Path, end_ms: i64) -> Result<Target> {
    let clock = Arc::new(DataClock::default());
    clock.0.store(end_ms - 168 * HOUR_MS, Ordering::Relaxed);
    let options = Options { raw_retention_ms: 8 * 24 * HOUR_MS, ..Options::default() };
    let shared: Arc<dyn Clock> = Arc::<DataClock>::clone(&clock);
    let store = Store::open(dir, options, shared).context("cannot open the history")?;
    let (done, told) = mpsc::channel();
    Ok(Target::Farol { store, clock, done, told, waiting: 0 })
}

fn size(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let path: PathBuf = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("history.db")) {
            bytes += std::fs::metadata(path)?.len();
        }
    }
    Ok(bytes)
}

impl Sender {
    fn new(index: u64) -> Self {
        let tables = data::tables(index);
        Self {
            host: Host::new(index),
            random: Random::new(index ^ 0x0c10),
            labels: remote_write::labels(&tables),
            tables: ByteBuf::from(wire::encode_tables(&tables)),
            seq: 0,
            taken: 0,
            frames: Vec::with_capacity(FRAMES),
        }
    }

    fn take(&mut self, time_ms: i64, everything: bool) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "ms since the epoch fit a float exactly")]
        let mut row = self.host.step(time_ms as f64 / 1e3, 5.0).to_vec();
        if !everything {
            row.truncate(1);
        }
        let samples = row.len() as u64;
        let jitter = i64::try_from(self.random.bits() % 7).unwrap_or(0) - 3;
        self.frames.push(Frame { time_ms: time_ms + jitter, rows: vec![Row(row)], records: Vec::new() });
        self.taken += samples;
        samples
    }

    async fn send(&mut self, index: usize, time_ms: i64, target: &mut Target) -> Result<()> {
        let frames = std::mem::take(&mut self.frames);
        self.seq += 1;
        match target {
            Target::Farol { store, clock, done, told, waiting } => {
                clock.0.store(time_ms, Ordering::Relaxed);
                let batch = Batch {
                    agent: format!("bench-{index}"),
                    boot: 1,
                    seq: self.seq,
                    interval_ms: STEP_MS.unsigned_abs(),
                    taken: self.taken,
                    lost: vec![],
                    tables: self.tables.clone(),
                    frames,
                };
                let done = done.clone();
                store.submit(batch, Box::new(move |fate| drop(done.send(fate.map(drop).map_err(|error| error.to_string())))));
                *waiting += 1;
                // As many as the agents of a small fleet have in flight at once.
                while *waiting > 500 {
                    told.recv()?.map_err(anyhow::Error::msg)?;
                    *waiting -= 1;
                }
            }
            Target::Peer(connection) => {
                let body = remote_write::encode_frames(&self.labels, &frames);
                let answer = connection.ask("POST", "/api/v1/write", remote_write::HEADERS, &body).await?;
                if !matches!(answer.status, 200 | 204) {
                    bail!("{} {}", answer.status, String::from_utf8_lossy(&answer.body));
                }
            }
        }
        Ok(())
    }
}
