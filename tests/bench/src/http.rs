//! Just enough HTTP/1.1 to drive a server over one kept-open connection without being the bottleneck.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One kept-open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    host: String,
    buffer: Vec<u8>,
}

/// A server's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: u16,
    /// Body.
    pub(crate) body: Vec<u8>,
}

impl Connection {
    /// Connects to `host:port`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub(crate) async fn open(host: &str) -> Result<Self> {
        let stream = TcpStream::connect(host).await.with_context(|| format!("cannot connect to {host}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host: host.to_owned(), buffer: Vec::with_capacity(4096) })
    }

    /// Sends one request and reads its whole answer.
    ///
    /// # Errors
    /// When the connection breaks, the answer is not HTTP, or nothing comes for 30 s.
    pub(crate) async fn ask(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<Answer> {
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\r\n", self.host, body.len())
                .into_bytes();
        request.extend_from_slice(body);
        self.stream.write_all(&request).await?;
        tokio::time::timeout(Duration::from_secs(30), self.answer()).await.context("no answer within 30 s")?
    }

    async fn answer(&mut self) -> Result<Answer> {
        self.buffer.clear();
        let head_end = loop {
            if let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break end + 4;
            }
            self.fill().await?;
        };
        let head = String::from_utf8_lossy(self.buffer.get(..head_end).unwrap_or_default()).into_owned();
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).context("no status line")?;
        let header = |name: &str| {
            head.lines()
                .find_map(|l| l.split_once(':').filter(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim().to_owned()))
        };
        if header("transfer-encoding").is_some() {
            return Ok(Answer { status, body: self.chunks(head_end).await? });
        }
        let length: usize = header("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
        while self.buffer.len() < head_end + length {
            self.fill().await?;
        }
        Ok(Answer { status, body: self.buffer.get(head_end..head_end + length).unwrap_or_default().to_vec() })
    }

    async fn chunks(&mut self, mut at: usize) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line_end = loop {
                if let Some(n) = self.buffer.get(at..).unwrap_or_default().windows(2).position(|w| w == b"\r\n") {
                    break at + n;
                }
                self.fill().await?;
            };
            let size = std::str::from_utf8(self.buffer.get(at..line_end).unwrap_or_default())?;
            let size = usize::from_str_radix(size.trim(), 16).context("a chunk has no size")?;
            let start = line_end + 2;
            while self.buffer.len() < start + size + 2 {
                self.fill().await?;
            }
            body.extend_from_slice(self.buffer.get(start..start + size).unwrap_or_default());
            at = start + size + 2;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn fill(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("{} closed the connection", self.host);
        }
        Ok(())
    }
}

/// Signs in and returns a bearer token.
///
/// # Errors
/// When the collector refuses.
pub(crate) async fn sign_in(host: &str, password: &str) -> Result<String> {
    let body = serde_json::json!({"username": "admin", "password": password}).to_string();
    let answer = Connection::open(host)
        .await?
        .ask("POST", "/api/auth/login", "Content-Type: application/json\r\n", body.as_bytes())
        .await?;
    if answer.status != 200 {
        bail!("sign-in failed: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    let answer: serde_json::Value = serde_json::from_slice(&answer.body)?;
    answer.get("token").and_then(|t| t.as_str()).map(str::to_owned).context("the answer has no token")
}
