//! `health`: asks the running collector's `/health`, over TLS where it speaks TLS, and tells it in words. For scripts and containers.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};
use serde_json::Value;

use super::Settings;
use crate::pull::postgres::to_anyone;

/// Longest wait for each step. A container's health check usually gives up after some more.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most bytes of an answer that are read; it has about one thousand.
const ANSWER_BYTES_MAX: u64 = 256 << 10;

/// Why the collector's state is not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum HealthError {
    #[error("no collector answers at {address}")]
    Unreachable {
        address: SocketAddr,
        #[source]
        cause: io::Error,
    },
    #[error("what answers at {0} is not a collector of Farol")]
    Stranger(SocketAddr),
    #[error("writing to standard output")]
    Output(#[from] io::Error),
}

pub(super) fn ask(settings: &Settings, out: &mut dyn Write) -> Result<ExitCode, HealthError> {
    let address = reachable(settings.listen);
    let answer = fetch(address, settings.transport.tls.is_some()).map_err(|cause| HealthError::Unreachable { address, cause })?;
    let health = body(&answer).ok_or(HealthError::Stranger(address))?;
    let status = health.get("status").and_then(Value::as_str).ok_or(HealthError::Stranger(address))?;
    let version = health.get("version").and_then(Value::as_str).unwrap_or("?");
    writeln!(out, "{status}  farol-collector {version} at {address}")?;
    for (name, subsystem) in health.get("subsystems").and_then(Value::as_object).into_iter().flatten() {
        let word = |key| subsystem.get(key).and_then(Value::as_str).unwrap_or_default();
        writeln!(out, "  {name:<12} {:<10} {}", word("status"), word("detail"))?;
    }
    Ok(if status == "ok" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// An address listened on as one that can be called: every address means this machine's own.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn fetch(address: SocketAddr, is_tls: bool) -> io::Result<Vec<u8>> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    if is_tls {
        // By its address, for which no certificate is made; nothing secret is asked, and nobody is believed anything.
        let config = to_anyone().map_err(io::Error::other)?;
        let client = ClientConnection::new(config, ServerName::from(address.ip())).map_err(io::Error::other)?;
        ask_through(StreamOwned::new(client, stream), address)
    } else {
        ask_through(stream, address)
    }
}

fn ask_through(mut stream: impl Read + Write, address: SocketAddr) -> io::Result<Vec<u8>> {
    // HTTP/1.0 spares us chunks: the answer ends with the connection.
    write!(stream, "GET /health HTTP/1.0\r\nHost: {address}\r\nAccept: application/json\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(answer)
}

/// The JSON after the headers, whatever the status: a degraded collector may answer 503.
fn body(answer: &[u8]) -> Option<Value> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    answer.starts_with(b"HTTP/1.").then(|| serde_json::from_slice(answer.get(end + 4..)?).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_found_after_the_headers() {
        assert_eq!(body(b"HTTP/1.0 200 OK\r\na: b\r\n\r\n{\"status\":\"ok\"}").unwrap()["status"], "ok");
        for strange in [&b"SSH-2.0-x\r\n\r\n{}"[..], b"", b"HTTP/1.0 200 OK\r\n\r\n<p>", b"HTTP/1.0 200 OK\r\n"] {
            assert!(body(strange).is_none());
        }
    }

    #[test]
    fn every_address_means_this_machine() {
        let check = |listen: &str, expect: &str| assert_eq!(reachable(listen.parse().unwrap()).to_string(), expect);
        check("0.0.0.0:8650", "127.0.0.1:8650");
        check("[::]:8650", "[::1]:8650");
        check("192.0.2.1:80", "192.0.2.1:80");
    }
}
