//! Connections of probes: TCP, with TLS on top where asked for, and bounded reading from them.

use std::{fmt, future::Future, io};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
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
        let stream = dial(&address.host, address.port.unwrap_or(0)).await;
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

fn dial(host: &str, port: u16) -> impl Future<Output = io::Result<TcpStream>> {
    let host = host.to_owned();
    async move {
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Whether something takes connections.
pub(super) async fn check(attempt: &Attempt<'_>) -> Result<Finding, Trouble> {
    Connection::open(attempt).await?;
    attempt.answered();
    Ok(Finding::online())
}
