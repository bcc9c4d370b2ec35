//! Many agents at once over HTTP, each with its own connection: acknowledgement latency and what it costs the server.
//!
//! Agents start at seeded phases within the interval. The same load can be sent to a peer by Prometheus remote write.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use farol_shared::{
    batch::Batch,
    frame::{Frame, Row},
    wire,
};
use serde_bytes::ByteBuf;
use tokio::sync::mpsc;

use crate::{
    data::{self, Host, Random},
    http::Connection,
    now_ms,
    process::{self, Cost, quantile},
    remote_write,
};

/// What to send where.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// `host:port` of the server.
    pub(crate) target: String,
    /// Agent token; unused for a peer.
    pub(crate) token: String,
    /// Number of agents.
    pub(crate) agents: u64,
    /// Time between two batches of one agent.
    pub(crate) interval: Duration,
    /// How long to measure, after a warm-up of 5 intervals.
    pub(crate) run: Duration,
    /// Process to account.
    pub(crate) pid: u32,
    /// Send Prometheus remote write instead of Farol's wire.
    pub(crate) remote_write: bool,
}

/// What it took.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Samples acknowledged while measuring.
    pub(crate) samples: f64,
    /// Seconds measured.
    pub(crate) seconds: f64,
    /// Latencies of acknowledgements in ms, sorted.
    pub(crate) ack_ms: Vec<f64>,
    /// The server before and after.
    pub(crate) cost: [Cost; 2],
    /// Largest resident memory seen, bytes.
    pub(crate) resident_max: f64,
}

/// Runs the load and prints one row of figures.
///
/// # Errors
/// When the server cannot be reached or refuses a batch.
pub(crate) async fn run(load: Load) -> Result<Outcome> {
    let (report, mut reports) = mpsc::channel::<(Instant, f64)>(65_536);
    let started = Instant::now();
    let warm = started + load.interval * 5;
    let end = warm + load.run;
    let mut tasks = Vec::new();
    for index in 0..load.agents {
        tasks.push(tokio::spawn(agent(load.clone(), index, started, end, report.clone())));
    }
    drop(report);
    let mut outcome = Outcome::default();
    tokio::time::sleep_until(warm.into()).await;
    outcome.cost[0] = process::cost(load.pid)?;
    let mut watch = tokio::time::interval(Duration::from_millis(500));
    loop {
        tokio::select! {
            got = reports.recv() => match got {
                Some((at, ms)) if at >= warm && at < end => outcome.ack_ms.push(ms),
                Some(_) => {}
                None => break,
            },
            _ = watch.tick() => {
                let now = process::cost(load.pid)?;
                outcome.resident_max = outcome.resident_max.max(now.resident);
                if Instant::now() < end {
                    outcome.cost[1] = now;
                    outcome.seconds = warm.elapsed().as_secs_f64();
                    #[expect(clippy::cast_precision_loss, reason = "a count of samples")]
                    let samples = (outcome.ack_ms.len() * data::SERIES) as f64;
                    outcome.samples = samples;
                }
            }
        }
    }
    for task in tasks {
        task.await??;
    }
    outcome.ack_ms.sort_by(f64::total_cmp);
    print(&load, &outcome);
    Ok(outcome)
}

async fn agent(load: Load, index: u64, started: Instant, end: Instant, report: mpsc::Sender<(Instant, f64)>) -> Result<()> {
    let mut host = Host::new(index);
    let tables = data::tables(index);
    let labels = remote_write::labels(&tables);
    let tables = ByteBuf::from(wire::encode_tables(&tables));
    let headers = if load.remote_write {
        remote_write::HEADERS.to_owned()
    } else {
        format!("Content-Type: {}\r\nAuthorization: Bearer {}\r\n", wire::CONTENT_TYPE, load.token)
    };
    let path = if load.remote_write { "/api/v1/write" } else { wire::PATH };
    let mut connection = Connection::open(&load.target).await?;
    let mut next = started + load.interval.mul_f64(Random::new(index ^ 0xfa01).unit());
    let mut seq = 0;
    while next < end {
        tokio::time::sleep_until(next.into()).await;
        next += load.interval;
        seq += 1;
        let time_ms = now_ms();
        #[expect(clippy::cast_precision_loss, reason = "ms since the epoch fit a float exactly")]
        let row = host.step(time_ms as f64 / 1e3, load.interval.as_secs_f64()).to_vec();
        let body = if load.remote_write {
            remote_write::encode(&labels, &row, time_ms)
        } else {
            let frames = vec![Frame { time_ms, rows: vec![Row(row)], records: Vec::new() }];
            let interval_ms = u64::try_from(load.interval.as_millis())?;
            let taken = seq * data::SERIES as u64;
            wire::encode(&Batch {
                agent: format!("bench-{index}"),
                boot: 1,
                seq,
                interval_ms,
                taken,
                lost: vec![],
                tables: tables.clone(),
                frames,
            })
        };
        let sent = Instant::now();
        let answer = connection.ask("POST", path, &headers, &body).await?;
        if !matches!(answer.status, 200 | 204) {
            bail!("agent {index}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        report.send((sent, sent.elapsed().as_secs_f64() * 1e3)).await?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn print(load: &Load, outcome: &Outcome) {
    let cpu = outcome.cost[1].cpu_s - outcome.cost[0].cpu_s;
    println!(
        "ingest {} agents x {} values at {:?}: {:.0} samples/s, {:.3} CPU s per million, {:.1} % of a core, ack p50 {:.2} p99 {:.2} max {:.1} ms, resident {:.1} MiB (max {:.1}), {:.2} bytes written a sample",
        load.agents,
        data::SERIES,
        load.interval,
        outcome.samples / outcome.seconds,
        cpu / outcome.samples * 1e6,
        cpu / outcome.seconds * 100.0,
        quantile(&outcome.ack_ms, 0.5),
        quantile(&outcome.ack_ms, 0.99),
        quantile(&outcome.ack_ms, 1.0),
        outcome.cost[1].resident / 1_048_576.0,
        outcome.resident_max / 1_048_576.0,
        (outcome.cost[1].written - outcome.cost[0].written) / outcome.samples,
    );
}
