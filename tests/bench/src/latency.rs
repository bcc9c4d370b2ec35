//! From a sample taken to the message on a browser's socket, durable commit included.

use std::time::Duration;

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
    data::{self, Host},
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
    let id = resource_id(target, &bearer).await?;
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

async fn resource_id(target: &str, bearer: &str) -> Result<u64> {
    let headers = format!("Authorization: Bearer {bearer}\r\n");
    let answer = Connection::open(target).await?.ask("GET", "/api/v1/resources", &headers, b"").await?;
    let answer: serde_json::Value = serde_json::from_slice(&answer.body)?;
    let resources = answer.get("resources").and_then(|r| r.as_array()).context("the answer has no resources")?;
    resources
        .iter()
        .find(|r| r.get("key").and_then(|k| k.as_str()) == Some("host:bench-0"))
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
            frames: vec![Frame { time_ms, rows: vec![Row(row)] }],
        };
        let answer = self.connection.ask("POST", wire::PATH, &self.headers, &wire::encode(&batch)).await?;
        if answer.status != 200 {
            bail!("{} {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        Ok((time_ms, taken_at))
    }
}
