//! From a sample taken to the message on a browser's socket, durable commit included.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use farol_shared::{
    batch::Batch,
    frame::{Frame, Row},
    wire,
};
use futures_util::{SinkExt, StreamExt};
use serde_bytes::ByteBuf;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    data::{self, Host, Random},
    http::{Connection, sign_in},
    now_ms,
    process::quantile,
};

/// Sends `count` batches of one agent, `pause` apart, and times each until the resource's room tells of it.
///
/// # Errors
/// When the collector cannot be reached, refuses, or tells nothing for 10 s.
#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
pub(crate) async fn run(target: &str, token: &str, password: &str, count: u64, pause: Duration) -> Result<()> {
    let bearer = sign_in(target, password).await?;
    let mut sender = Sender::new(target, token).await?;
    sender.send().await?;
    let id = resource_id(target, &bearer, "host:bench-0").await?;
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{target}/api/monitoring/ws")).await?;
    for message in [
        serde_json::json!({"message_type": "Auth", "payload": {"token": bearer}, "timestamp": now_ms()}),
        serde_json::json!({"message_type": "Subscription", "payload": {"rooms": [format!("resource:{id}")]}, "timestamp": now_ms()}),
    ] {
        socket.send(Message::text(message.to_string())).await?;
    }
    let mut took = Vec::new();
    for _ in 0..count {
        tokio::time::sleep(pause).await;
        let wanted = sender.send().await?;
        let told = tokio::time::timeout(Duration::from_secs(10), async {
            loop {
                let Some(message) = socket.next().await else { bail!("the socket closed") };
                let Message::Text(text) = message? else { continue };
                let message: serde_json::Value = serde_json::from_str(&text)?;
                if message.pointer("/payload/time").and_then(serde_json::Value::as_i64) == Some(wanted.0) {
                    return Ok(wanted.1.elapsed());
                }
            }
        });
        took.push(told.await.context("no message within 10 s")??.as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    println!(
        "latency sample to socket: {count} samples, p50 {:.2} p90 {:.2} p99 {:.2} max {:.2} ms",
        quantile(&took, 0.5),
        quantile(&took, 0.9),
        quantile(&took, 0.99),
        quantile(&took, 1.0)
    );
    Ok(())
}

/// Changes the load average in `proc_root/loadavg` at random moments and times each until the room tells the new value.
/// An agent must read that file (`FAROL_ROOT`); watching makes it sample ten times a second.
///
/// # Errors
/// When the collector cannot be reached or tells nothing for 10 s.
#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
pub(crate) async fn event(target: &str, password: &str, loadavg: &Path, key: &str, count: u32) -> Result<()> {
    let bearer = sign_in(target, password).await?;
    let id = resource_id(target, &bearer, key).await?;
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{target}/api/monitoring/ws")).await?;
    for message in [
        serde_json::json!({"message_type": "Auth", "payload": {"token": bearer}, "timestamp": now_ms()}),
        serde_json::json!({"message_type": "Subscription", "payload": {"rooms": [format!("resource:{id}")]}, "timestamp": now_ms()}),
    ] {
        socket.send(Message::text(message.to_string())).await?;
    }
    let mut random = Random::new(7);
    let mut took = Vec::new();
    let warm_up = 20;
    for round in 0..count + warm_up {
        // Between the events the messages are read on, or they would wait in the socket.
        let pause = tokio::time::sleep(Duration::from_millis(300 + random.bits() % 400));
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                message = socket.next() => { message.context("the socket closed")??; }
            }
        }
        let value = f64::from(round) + 100.25;
        let changed = std::time::Instant::now();
        std::fs::write(loadavg, format!("{value:.2} 0.50 0.50 1/100 1000\n"))?;
        let told = tokio::time::timeout(Duration::from_secs(10), async {
            loop {
                let Some(message) = socket.next().await else { bail!("the socket closed") };
                let Message::Text(text) = message? else { continue };
                let message: serde_json::Value = serde_json::from_str(&text)?;
                let values = message.pointer("/payload/values").and_then(serde_json::Value::as_array);
                if values.is_some_and(|values| {
                    values.iter().any(|pair| pair.get(1).and_then(serde_json::Value::as_f64) == Some(value))
                }) {
                    return Ok(changed.elapsed());
                }
            }
        });
        let ms = told.await.context("no message within 10 s")??.as_secs_f64() * 1e3;
        // The agent hears that somebody watches with its next answer: the first rounds are still at its usual interval.
        if round >= warm_up {
            took.push(ms);
        }
    }
    took.sort_by(f64::total_cmp);
    println!(
        "latency event to socket, watched: {count} events, p50 {:.1} p90 {:.1} p99 {:.1} max {:.1} ms",
        quantile(&took, 0.5),
        quantile(&took, 0.9),
        quantile(&took, 0.99),
        quantile(&took, 1.0)
    );
    Ok(())
}

async fn resource_id(target: &str, bearer: &str, key: &str) -> Result<u64> {
    let headers = format!("Authorization: Bearer {bearer}\r\n");
    let answer = Connection::open(target).await?.ask("GET", "/api/v1/resources", &headers, b"").await?;
    let answer: serde_json::Value = serde_json::from_slice(&answer.body)?;
    let resources = answer.get("resources").and_then(|r| r.as_array()).context("the answer has no resources")?;
    resources
        .iter()
        .find(|r| r.get("key").and_then(|k| k.as_str()) == Some(key))
        .and_then(|r| r.get("id")?.as_u64())
        .context("the collector does not know the resource")
}

struct Sender {
    connection: Connection,
    headers: String,
    tables: ByteBuf,
    host: Host,
    boot: u64,
    seq: u64,
}

impl Sender {
    async fn new(target: &str, token: &str) -> Result<Self> {
        Ok(Self {
            connection: Connection::open(target).await?,
            headers: format!("Content-Type: {}\r\nAuthorization: Bearer {token}\r\n", wire::CONTENT_TYPE),
            tables: ByteBuf::from(wire::encode_tables(&data::tables(0))),
            host: Host::new(0),
            boot: now_ms().unsigned_abs(),
            seq: 0,
        })
    }

    /// Takes a sample and sends it; gives its time and the instant at which it was taken.
    async fn send(&mut self) -> Result<(i64, std::time::Instant)> {
        let taken_at = std::time::Instant::now();
        let time_ms = now_ms();
        self.seq += 1;
        #[expect(clippy::cast_precision_loss, reason = "ms since the epoch fit a float exactly")]
        let row = self.host.step(time_ms as f64 / 1e3, 1.0).to_vec();
        let batch = Batch {
            agent: "bench-0".to_owned(),
            boot: self.boot,
            seq: self.seq,
            interval_ms: 1_000,
            taken: self.seq * data::SERIES as u64,
            lost: vec![],
            tables: self.tables.clone(),
            frames: vec![Frame { time_ms, rows: vec![Row(row)], records: Vec::new() }],
        };
        let answer = self.connection.ask("POST", wire::PATH, &self.headers, &wire::encode(&batch)).await?;
        if answer.status != 200 {
            bail!("{} {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        Ok((time_ms, taken_at))
    }
}
