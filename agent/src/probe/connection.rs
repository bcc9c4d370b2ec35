//! Connections of probes: TCP, with TLS on top where asked for, and bounded reading from them.

use std::{
    fmt, io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, lookup_host},
};

use super::{Attempt, Finding, tls};

/// Why there was no usable answer, in words for a result.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// No connection.
    #[error("cannot connect to {authority}: {source}")]
    Connect {
        /// Host and port.
        authority: String,
        /// What the system says.
        source: io::Error,
    },
    /// The connection broke while something was awaited.
    #[error("the connection broke while {stage}: {source}")]
    Broken {
        /// What was being done.
        stage: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The server sent what its protocol does not have.
    #[error("the answer is not {expected}")]
    Garbage {
        /// What was expected.
        expected: &'static str,
    },
    /// Something else, in words.
    #[error("{0}")]
    Other(String),
}

/// An end of a connection, whatever lies below it.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Wire for T {}

/// A connection to the checked server.
pub(super) struct Connection<'a> {
    attempt: &'a Attempt<'a>,
    wire: Box<dyn Wire>,
}

impl fmt::Debug for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("target", &self.attempt.probe.target).finish_non_exhaustive()
    }
}

impl<'a> Connection<'a> {
    /// Connects over TCP to the first address of the name that answers.
    pub(super) async fn open(attempt: &'a Attempt<'a>) -> Result<Self, Trouble> {
        let address = &attempt.probe.address;
        attempt.stage("connecting");
        let stream = dial(&address.host, address.port.unwrap_or(0), attempt.probe.is_metadata_barred).await;
        let stream = stream.map_err(|source| Trouble::Connect { authority: address.authority(), source })?;
        Ok(Self { attempt, wire: Box::new(stream) })
    }

    /// Connects, with TLS where the probe asks for it.
    pub(super) async fn open_any(attempt: &'a Attempt<'a>, kept: &mut tls::Kept) -> Result<Self, Trouble> {
        let connection = Self::open(attempt).await?;
        if attempt.probe.is_encrypted { connection.encrypt(kept).await } else { Ok(connection) }
    }

    /// Puts TLS on top.
    pub(super) async fn encrypt(self, kept: &mut tls::Kept) -> Result<Self, Trouble> {
        let wire = tls::handshake(self.attempt, kept, self.wire).await?;
        Ok(Self { attempt: self.attempt, wire: Box::new(wire) })
    }

    /// Gives the connection away.
    pub(super) fn into_wire(self) -> Box<dyn Wire> {
        self.wire
    }

    /// Sends all of it.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let sent = async {
            self.wire.write_all(bytes).await?;
            self.wire.flush().await
        };
        sent.await.map_err(|source| Trouble::Broken { stage: "sending", source })
    }

    /// Reads exactly `length` bytes, at most `max`, while waiting for `stage`.
    pub(super) async fn read(&mut self, length: usize, max: usize, stage: &'static str) -> Result<Vec<u8>, Trouble> {
        if length > max {
            return Err(Trouble::Other(format!("the answer is longer than {max} bytes")));
        }
        let mut bytes = vec![0; length];
        let read = self.wire.read_exact(&mut bytes);
        self.attempt.stage(stage);
        read.await.map_err(|source| Trouble::Broken { stage, source })?;
        Ok(bytes)
    }

    /// Reads up to and including a line feed, at most `max` bytes; gives the line without its end.
    pub(super) async fn read_line(&mut self, max: usize, stage: &'static str) -> Result<String, Trouble> {
        let mut line = Vec::new();
        loop {
            let byte = self.read(1, 1, stage).await?;
            match byte.as_slice() {
                [b'\n'] => break,
                _ if line.len() >= max => return Err(Trouble::Other(format!("the answer is longer than {max} bytes"))),
                bytes => line.extend_from_slice(bytes),
            }
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    /// Sends a farewell, if the server still listens: it saves it a line in its log, and us nothing.
    pub(super) async fn part(&mut self, farewell: &[u8]) {
        let sent: Result<(), Trouble> = self.send(farewell).await;
        drop(sent);
        drop(self.wire.shutdown().await);
    }
}

/// Most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 16;

async fn dial(host: &str, port: u16, is_metadata_barred: bool) -> io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = lookup_host((host, port)).await?.take(ADDRESSES_MAX).collect();
    if is_metadata_barred && let Some(barred) = addresses.iter().find(|address| is_metadata(address.ip())) {
        let words = format!("{} is an address of the cloud's own services, which is never checked", barred.ip());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, words));
    }
    let stream = TcpStream::connect(addresses.as_slice()).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Where clouds tell a machine its credentials: all link-local addresses of IPv4, and the one of IPv6 that AWS uses.
#[must_use]
pub(crate) fn is_metadata(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    }
}

/// Whether something takes connections.
pub(super) async fn check(attempt: &Attempt<'_>) -> Result<Finding, Trouble> {
    Connection::open(attempt).await?;
    attempt.answered();
    Ok(Finding::online())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_hand_out_credentials_are_known() {
        for (address, is_barred) in [
            ("169.254.169.254", true),
            ("169.254.0.1", true),
            ("::ffff:169.254.169.254", true),
            ("fd00:ec2::254", true),
            ("fd00:ec2::253", false),
            ("10.0.0.1", false),
            ("127.0.0.1", false),
            ("::1", false),
        ] {
            assert_eq!(is_metadata(address.parse().unwrap()), is_barred, "{address}");
        }
    }
}
