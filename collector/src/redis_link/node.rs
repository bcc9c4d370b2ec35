//! One server of a link: its connection, shared by all commands, and the task behind it.

use std::{
    fmt, io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Cmd, FromRedisValue, Pipeline, RedisConnectionInfo, RedisError, RedisResult,
    aio::{MultiplexedConnection, PubSub},
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    task::AbortHandle,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{
    Address,
    bounded::{Bounded, Heard},
    error,
};
use crate::pull::{Code, PollError};

/// What the server's list of clients calls us.
const CLIENT_NAME: &str = "farol-collector";

/// How TLS connections are made.
#[derive(Clone)]
pub(super) struct Tls(TlsConnector);

impl Tls {
    pub(super) fn of(config: ClientConfig) -> Self {
        Self(TlsConnector::from(Arc::new(config)))
    }
}

/// Ends the task of a connection with the last node that uses it: the task itself would wait for the answers of a server that
/// hangs, for ever.
struct Running(AbortHandle);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A connected server. Clones share its connection.
#[derive(Clone)]
pub struct Node {
    address: Address,
    name: Arc<str>,
    connection: MultiplexedConnection,
    is_broken: Arc<AtomicBool>,
    _running: Arc<Running>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Node").field(&self.name).finish()
    }
}

impl Node {
    /// Connects as a user. `within` bounds the connecting, and then each answer.
    pub(super) async fn connect(
        address: &Address,
        user: &RedisConnectionInfo,
        tls: Option<&Tls>,
        within: Duration,
    ) -> Result<Self, PollError> {
        let connecting = async {
            let (stream, heard) = Bounded::of(open(address, tls).await?);
            let refused = |error: &RedisError| during_handshake(error, address, tls.is_some(), &heard);
            // redis-rs would give up after half a second, which a slow command or network takes.
            let config = AsyncConnectionConfig::new().set_response_timeout(Some(within));
            let (connection, driver) =
                MultiplexedConnection::new_with_config(user, stream, config).await.map_err(|error| refused(&error))?;
            let running = Arc::new(Running(tokio::spawn(driver).abort_handle()));
            let name = address.to_string().into();
            let node = Self { address: address.clone(), name, connection, is_broken: Arc::default(), _running: running };
            // For whoever reads the list of clients. Not every user may say it, and nothing depends on it.
            let named: RedisResult<()> = node.ask(redis::cmd("CLIENT").arg("SETNAME").arg(CLIENT_NAME)).await;
            match named {
                Err(error) if node.is_broken() || error::is_turned_away(&error) => Err(refused(&error)),
                _ => Ok(node),
            }
        };
        timeout(within, connecting).await.unwrap_or_else(|_| Err(silent(address, tls.is_some())))
    }

    /// `host:port`, or the path of its socket.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether its connection is of no more use.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    /// Marks the link as of no more use: the caller saw that this server is no longer the one to ask.
    pub fn give_up(&self) {
        self.is_broken.store(true, Ordering::Relaxed);
    }

    /// The same connection with another bound for each answer.
    #[must_use]
    pub fn within(&self, answer: Duration) -> Self {
        let mut node = self.clone();
        node.connection.set_response_timeout(answer);
        node
    }

    /// Runs a command.
    ///
    /// # Errors
    /// As [`error::told`].
    pub async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, PollError> {
        self.ask(command).await.map_err(|error| error::told(&error, &name_of(command)))
    }

    /// Runs a command, for callers that tell errors apart.
    ///
    /// # Errors
    /// As Redis says it; [`error::told`] makes a sentence of it.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        let answer = command.query_async(&mut self.connection.clone()).await;
        self.noting(answer)
    }

    /// Runs several commands in one go. To tell their errors apart, make the pipeline with `ignore_errors`.
    ///
    /// # Errors
    /// As [`Node::ask`].
    pub async fn ask_all<T: FromRedisValue>(&self, commands: &Pipeline) -> RedisResult<T> {
        let answer = commands.query_async(&mut self.connection.clone()).await;
        self.noting(answer)
    }

    fn noting<T>(&self, answer: RedisResult<T>) -> RedisResult<T> {
        if answer.as_ref().is_err_and(error::is_end) {
            self.give_up();
        }
        answer
    }
}

/// A command's name as people write it: `INFO`, `SLOWLOG GET`; never its arguments, which may be keys or values.
#[must_use]
pub fn name_of(command: &Cmd) -> String {
    const CONTAINERS: &[&str] =
        &["ACL", "CLIENT", "CLUSTER", "CONFIG", "LATENCY", "MEMORY", "OBJECT", "SENTINEL", "SLOWLOG", "XINFO"];
    let mut words = command.args_iter().filter_map(|word| match word {
        redis::Arg::Simple(word) => Some(String::from_utf8_lossy(word).to_ascii_uppercase()),
        _ => None,
    });
    let first = words.next().unwrap_or_default();
    match words.next() {
        Some(second) if CONTAINERS.contains(&first.as_str()) => format!("{first} {second}"),
        _ => first,
    }
}

/// A connection that listens to channels.
pub(super) async fn subscriber(
    address: &Address,
    user: &RedisConnectionInfo,
    tls: Option<&Tls>,
    within: Duration,
) -> Result<PubSub, PollError> {
    let connecting = async {
        let stream = open(address, tls).await?;
        // What it hears has no end, so that it is not bounded here.
        PubSub::new(user, stream).await.map_err(|error| during_handshake(&error, address, tls.is_some(), &Heard::default()))
    };
    timeout(within, connecting).await.unwrap_or_else(|_| Err(silent(address, tls.is_some())))
}

/// Either kind of stream below Redis' protocol.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

async fn open(address: &Address, tls: Option<&Tls>) -> Result<Pin<Box<dyn Duplex>>, PollError> {
    let (host, port) = match address {
        Address::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(|error| no_connection(address, &error))?;
            return Ok(Box::pin(stream));
        }
        Address::Tcp { host, port } => (host.as_str(), *port),
    };
    let stream = TcpStream::connect((host, port)).await.map_err(|error| no_connection(address, &error))?;
    // Without it a pipeline's last packet waits for an acknowledgement.
    stream.set_nodelay(true).map_err(|error| no_connection(address, &error))?;
    let Some(Tls(connector)) = tls else { return Ok(Box::pin(stream)) };
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| PollError::unreachable(format!("{address}: no certificate can be for such a name")))?;
    let stream = connector.connect(name, stream).await.map_err(|error| no_tls(address, &error))?;
    Ok(Box::pin(stream))
}

fn silent(address: &Address, has_tls: bool) -> PollError {
    let hint = if has_tls { "; if it speaks no TLS, write redis://" } else { "" };
    PollError::unreachable(format!("{address} does not answer in time{hint}"))
}

fn no_connection(address: &Address, error: &io::Error) -> PollError {
    PollError::unreachable(format!("no connection to {address}: {error}"))
}

fn no_tls(address: &Address, error: &io::Error) -> PollError {
    let text = error.to_string();
    let hint = if text.contains("UnknownIssuer") {
        "; name the certificate of who signed it as ca_file"
    } else if text.contains("InvalidContentType") || error.kind() == io::ErrorKind::UnexpectedEof {
        "; does it speak TLS? If not, write redis://"
    } else {
        ""
    };
    PollError::unreachable(format!("no TLS with {address}: {text}{hint}"))
}

/// An error before the first command: a server that has no room says so and hangs up, one that wants TLS hangs up on plain
/// text or answers in its own way.
fn during_handshake(error: &RedisError, address: &Address, has_tls: bool, heard: &Heard) -> PollError {
    let told = error::told(error, "the greeting");
    if !error.is_io_error() || told.code != Code::Unreachable {
        return told;
    }
    let heard = heard.lock().map(|heard| heard.clone()).unwrap_or_default();
    let said = heard.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    if let Ok(Err(error)) = redis::parse_redis_value(said).map(redis::Value::extract_error) {
        return error::told(&error, "the greeting");
    }
    if !has_tls && !error.is_timeout() {
        return PollError::unreachable(format!("{address} hung up; does it want TLS? Then write rediss://"));
    }
    told
}
