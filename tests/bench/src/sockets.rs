//! A thousand listeners while events flow: what is lost, how late the rest is, and what a listener costs.
//!
//! Each listener follows every event. The same load goes to a peer that takes events by `POST /publish`.

mod listener;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use farol_shared::{
    batch::{Batch, Table, Tables},
    frame::Frame,
    record::{Event, Records},
    resource::{Resource, ResourceKind},
    wire,
};
use serde_bytes::ByteBuf;

use crate::{
    http::{Connection, sign_in},
    now_ms, process,
};
use listener::{Counts, Greeting};

/// Connections by which events come in, each of a service of its own.
const SENDERS: u64 = 20;

/// Events before the measurement, so that buffers that are filled once are full.
const WARM_UP: u64 = 12_000;

/// How long stragglers are waited for.
const STRAGGLERS: Duration = Duration::from_secs(15);

/// What is sent to whom.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) name: String,
    pub(crate) target: String,
    pub(crate) pid: u32,
    pub(crate) listeners: u64,
    pub(crate) a_minute: u64,
    pub(crate) run: Duration,
    /// Token of agents and password of the administrator; a peer has neither.
    pub(crate) access: Option<(String, String)>,
    /// Whether the listeners ask for compression.
    pub(crate) is_compressed: bool,
}

/// Measures and prints.
///
/// # Errors
/// When the server cannot be reached or refuses.
#[expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "a benchmark prints its figures; counts stay below 2^53")]
pub(crate) async fn run(load: Load) -> Result<()> {
    let greeting = Arc::new(greeting(&load).await?);
    let counts = Arc::new(Counts::default());
    let first = listener::open(&load.target, Arc::clone(&greeting), Arc::clone(&counts), false).await?;
    // Ten times as fast: nobody is measured yet.
    send(&load, WARM_UP, Duration::from_secs_f64(60.0 * WARM_UP as f64 / load.a_minute as f64 / 10.0)).await?;
    settle(&counts, WARM_UP).await;
    first.abort();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = process::cost(load.pid)?;
    let counts = Arc::new(Counts::default());
    let mut listeners = Vec::new();
    for n in 0..load.listeners {
        // Unpacking costs the measuring side much: a few listeners tell how late messages are.
        let is_read = !load.is_compressed || n % 100 == 0;
        let opened = listener::open(&load.target, Arc::clone(&greeting), Arc::clone(&counts), is_read).await;
        listeners.push(opened.with_context(|| format!("listener {n}"))?);
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle = process::cost(load.pid)?;
    let resident = |cost: &process::Cost| (cost.resident - before.resident) / load.listeners as f64 / 1024.0;
    println!("sockets {}: {} listeners, idle {:.1} KiB each", load.name, load.listeners, resident(&idle));
    let peak = Arc::new(AtomicU64::new(0));
    let watching = tokio::spawn(watch(load.pid, Arc::clone(&peak)));
    let events = load.a_minute * load.run.as_secs() / 60;
    let began = Instant::now();
    let at_start = process::cost(load.pid)?;
    send(&load, events, load.run).await?;
    let sent_in = began.elapsed();
    let expected = events * load.listeners;
    settle(&counts, expected).await;
    let at_end = process::cost(load.pid)?;
    watching.abort();
    let told = counts.messages.load(Ordering::Relaxed);
    let cpu_s = at_end.cpu_s - at_start.cpu_s;
    println!(
        "sockets {}: {events} events in {:.1} s to {} listeners: {told} messages, {} lost, {} closed; event to socket p50 {:.1} p90 {:.1} p99 {:.1} max {:.1} ms",
        load.name,
        sent_in.as_secs_f64(),
        load.listeners,
        expected.saturating_sub(told),
        counts.closed.load(Ordering::Relaxed),
        counts.quantile_ms(0.5),
        counts.quantile_ms(0.9),
        counts.quantile_ms(0.99),
        counts.quantile_ms(1.0),
    );
    println!(
        "sockets {}: {:.2} us of CPU a message, {:.1} % of a core; {:.1} KiB a listener under load, {:.1} at most; {:.0} bytes a message",
        load.name,
        cpu_s * 1e6 / told.max(1) as f64,
        cpu_s / began.elapsed().as_secs_f64() * 100.0,
        resident(&at_end),
        (peak.load(Ordering::Relaxed) as f64 - before.resident) / load.listeners as f64 / 1024.0,
        counts.bytes.load(Ordering::Relaxed) as f64 / told.max(1) as f64,
    );
    listeners.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(())
}

async fn greeting(load: &Load) -> Result<Greeting> {
    let Some((_, password)) = &load.access else {
        return Ok(Greeting { path: "/".to_owned(), says: Vec::new(), is_compressed: load.is_compressed });
    };
    let token = sign_in(&load.target, password).await?;
    let says = [
        serde_json::json!({"message_type": "Auth", "payload": {"token": token}}),
        serde_json::json!({"message_type": "Subscription", "payload": {"rooms": ["events"]}}),
    ];
    let says = says.iter().map(ToString::to_string).collect();
    Ok(Greeting { path: "/api/monitoring/ws".to_owned(), says, is_compressed: false })
}

/// Waits until everything is there, or nothing more comes.
async fn settle(counts: &Counts, expected: u64) {
    let began = Instant::now();
    while counts.messages.load(Ordering::Relaxed) < expected && began.elapsed() < STRAGGLERS {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Notes the most memory that a process takes.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes of a process")]
async fn watch(pid: u32, peak: Arc<AtomicU64>) {
    while let Ok(cost) = process::cost(pid) {
        peak.fetch_max(cost.resident as u64, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Sends so many events, evenly over a time, each by itself.
async fn send(load: &Load, events: u64, over: Duration) -> Result<()> {
    let began = tokio::time::Instant::now();
    let mut senders = Vec::new();
    for n in 0..SENDERS {
        let mut sender = Sender::open(load, n).await?;
        senders.push(tokio::spawn(async move {
            let mut number = n;
            while number < events {
                #[expect(clippy::cast_precision_loss, reason = "a share of a number of events")]
                let due = over.mul_f64(number as f64 / events as f64);
                tokio::time::sleep_until(began + due).await;
                sender.send(number).await?;
                number += SENDERS;
            }
            Ok::<_, anyhow::Error>(())
        }));
    }
    for sender in senders {
        sender.await??;
    }
    Ok(())
}

/// One service that tells events.
struct Sender {
    connection: Connection,
    path: &'static str,
    headers: String,
    /// What its batches need; a peer takes the event as it is.
    batches: Option<(String, ByteBuf)>,
    boot: u64,
    seq: u64,
}

impl Sender {
    async fn open(load: &Load, n: u64) -> Result<Self> {
        let connection = Connection::open(&load.target).await?;
        let Some((token, _)) = &load.access else {
            let headers = "Content-Type: application/json\r\n".to_owned();
            return Ok(Self { connection, path: "/publish", headers, batches: None, boot: 0, seq: 0 });
        };
        let service = format!("bench-{n}");
        let resource = Resource {
            key: format!("service:{service}"),
            kind: ResourceKind::Service,
            parent: None,
            tenant: None,
            attributes: [("service.name".to_owned(), service.clone())].into(),
        };
        let tables = wire::encode_tables(&Tables(vec![Table { resource, series: Vec::new() }]));
        let headers = format!("Content-Type: {}\r\nAuthorization: Bearer {token}\r\n", wire::CONTENT_TYPE);
        let (batches, boot) = (Some((service, ByteBuf::from(tables))), now_ms().unsigned_abs());
        Ok(Self { connection, path: wire::PATH, headers, batches, boot, seq: 0 })
    }

    async fn send(&mut self, number: u64) -> Result<()> {
        let payload = serde_json::json!({
            "message_id": format!("message-{number:08}"),
            "to": "+55 11 90000-0000",
            "status": "sent",
            "sent_us": listener::now_us(),
        });
        let body = match &self.batches {
            None => serde_json::json!({ "type": "MessageSent", "payload": payload }).to_string().into_bytes(),
            Some((agent, tables)) => {
                self.seq += 1;
                let time_ms = now_ms();
                let event = Event { time_ms, kind: "MessageSent".to_owned(), tenant: None, payload: payload.to_string() };
                let records = vec![Records { events: vec![event], ..Records::default() }];
                wire::encode(&Batch {
                    agent: agent.clone(),
                    boot: self.boot,
                    seq: self.seq,
                    interval_ms: 1_000,
                    taken: self.seq,
                    lost: vec![],
                    tables: tables.clone(),
                    frames: vec![Frame { time_ms, rows: Vec::new(), records }],
                })
            }
        };
        let answer = self.connection.ask("POST", self.path, &self.headers, &body).await?;
        if answer.status != 200 {
            bail!("{} {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        Ok(())
    }
}
