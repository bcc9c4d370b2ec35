//! One listener: just enough WebSocket to count a hundred thousand messages a second without being the bottleneck.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use anyhow::{Context, Result, bail};
use flate2::{Decompress, FlushDecompress};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};

/// A bucket of the histogram, in microseconds.
const BUCKET_US: u64 = 100;

/// Buckets: up to 20 s.
const BUCKETS: usize = 200_000;

/// How a listener introduces itself.
#[derive(Debug)]
pub(crate) struct Greeting {
    pub(crate) path: String,
    pub(crate) says: Vec<String>,
    pub(crate) is_compressed: bool,
}

/// What all listeners heard.
#[derive(Debug)]
pub(crate) struct Counts {
    /// Events.
    pub(crate) messages: AtomicU64,
    /// Their bytes on the wire.
    pub(crate) bytes: AtomicU64,
    /// Connections that the server ended.
    pub(crate) closed: AtomicU64,
    late: Mutex<Vec<u64>>,
}

impl Default for Counts {
    fn default() -> Self {
        let none = || AtomicU64::new(0);
        Self { messages: none(), bytes: none(), closed: none(), late: Mutex::new(vec![0; BUCKETS]) }
    }
}

impl Counts {
    /// How late a share of the messages was at most, in milliseconds.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts stay below 2^53"
    )]
    pub(crate) fn quantile_ms(&self, share: f64) -> f64 {
        let late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u64 = late.iter().sum();
        let wanted = ((all as f64 * share).ceil() as u64).max(1);
        let mut below = 0;
        for (bucket, count) in late.iter().enumerate() {
            below += count;
            if below >= wanted {
                return (bucket as f64 + 1.0) * BUCKET_US as f64 / 1e3;
            }
        }
        f64::NAN
    }

    fn note(&self, late_us: &[u64]) {
        let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        for us in late_us {
            let bucket = usize::try_from(us / BUCKET_US).unwrap_or(BUCKETS).min(BUCKETS - 1);
            late[bucket] += 1;
        }
    }
}

/// Microseconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn now_us() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Connects, introduces itself, and counts until it is aborted. `is_read`: it also looks how late each message is.
///
/// # Errors
/// When the server cannot be reached or does not speak WebSocket.
pub(crate) async fn open(target: &str, greeting: Arc<Greeting>, counts: Arc<Counts>, is_read: bool) -> Result<JoinHandle<()>> {
    let mut stream = TcpStream::connect(target).await.with_context(|| format!("cannot connect to {target}"))?;
    stream.set_nodelay(true)?;
    let extension = if greeting.is_compressed { "Sec-WebSocket-Extensions: permessage-deflate\r\n" } else { "" };
    let head = format!(
        "GET {} HTTP/1.1\r\nHost: {target}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{extension}\r\n",
        greeting.path
    );
    stream.write_all(head.as_bytes()).await?;
    let mut buffer = Vec::with_capacity(8 << 10);
    while !buffer.windows(4).any(|four| four == b"\r\n\r\n") {
        if stream.read_buf(&mut buffer).await? == 0 {
            bail!("the server hung up");
        }
    }
    let end = buffer.windows(4).position(|four| four == b"\r\n\r\n").context("no head")? + 4;
    if !buffer.starts_with(b"HTTP/1.1 101") {
        bail!("not upgraded: {}", String::from_utf8_lossy(&buffer));
    }
    buffer.drain(..end);
    for said in &greeting.says {
        stream.write_all(&frame(0x1, said.as_bytes())).await?;
    }
    let unpack = (greeting.is_compressed && is_read).then(|| Decompress::new(false));
    let listener = Listener { stream, buffer, counts, is_read, unpack, text: Vec::new(), late: Vec::new() };
    Ok(tokio::spawn(listener.listen()))
}

/// A frame of a client: masked, by zeros.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match u8::try_from(payload.len()) {
        Ok(short) if short < 126 => frame.push(0x80 | short),
        _ => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

struct Listener {
    stream: TcpStream,
    buffer: Vec<u8>,
    counts: Arc<Counts>,
    is_read: bool,
    unpack: Option<Decompress>,
    text: Vec<u8>,
    late: Vec<u64>,
}

impl Listener {
    async fn listen(mut self) {
        while self.step().await.is_ok() {}
        self.counts.closed.fetch_add(1, Ordering::Relaxed);
    }

    async fn step(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("closed");
        }
        let (mut at, now) = (0, now_us());
        let (mut messages, mut bytes) = (0, 0);
        let buffer = std::mem::take(&mut self.buffer);
        while let Some((first, payload, next)) = next_frame(&buffer, at) {
            match first & 0xf {
                0x1 => {
                    if let Some(sent_us) = self.sent_us(first & 0x40 != 0, payload) {
                        messages += 1;
                        bytes += (next - at) as u64;
                        if let Some(sent_us) = sent_us {
                            self.late.push(now.saturating_sub(sent_us));
                        }
                    }
                }
                0x8 => bail!("closed"),
                0x9 => self.stream.write_all(&frame(0xa, payload)).await?,
                _ => {}
            }
            at = next;
        }
        self.buffer = buffer;
        self.buffer.drain(..at);
        self.counts.messages.fetch_add(messages, Ordering::Relaxed);
        self.counts.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.counts.note(&self.late);
        self.late.clear();
        Ok(())
    }

    /// When an event was sent, if that is looked at; nothing when it is no event.
    fn sent_us(&mut self, is_packed: bool, payload: &[u8]) -> Option<Option<u64>> {
        if is_packed {
            let Some(unpack) = &mut self.unpack else { return Some(None) };
            self.text.clear();
            self.text.reserve(4 << 10);
            let whole = [payload, &[0, 0, 0xff, 0xff]].concat();
            unpack.decompress_vec(&whole, &mut self.text, FlushDecompress::Sync).ok()?;
            return find(&self.text).map(Some);
        }
        // Only events have the mark.
        let found = find(payload)?;
        Some(self.is_read.then_some(found))
    }
}

/// First byte, payload and end of the frame that begins at `at`, if it is whole.
fn next_frame(buffer: &[u8], at: usize) -> Option<(u8, &[u8], usize)> {
    let head = buffer.get(at..)?;
    let (first, short) = (*head.first()?, *head.get(1)? & 0x7f);
    let (length, start) = match short {
        126 => (usize::from(u16::from_be_bytes([*head.get(2)?, *head.get(3)?])), 4),
        127 => (usize::try_from(u64::from_be_bytes(head.get(2..10)?.try_into().ok()?)).ok()?, 10),
        short => (usize::from(short), 2),
    };
    Some((first, head.get(start..start + length)?, at + start + length))
}

/// The number after `"sent_us":`.
fn find(text: &[u8]) -> Option<u64> {
    const MARK: &[u8] = b"\"sent_us\":";
    let at = text.windows(MARK.len()).rposition(|some| some == MARK)? + MARK.len();
    let digits = text.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}
