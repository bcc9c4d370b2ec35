//! `StatsD` and `DogStatsD`: datagrams of lines, over UDP or a Unix socket, into series, requests, events and checks.
//!
//! Invariants: a round of reading is bounded, so that other tasks run; after an emptied UDP socket there is a short rest
//! instead of a wake-up a datagram, as long as the kernel's buffer can bear. What the kernel dropped is counted as
//! line/socket, what is no line as line/malformed.

use std::{fmt, io, net::SocketAddr, os::unix::fs::PermissionsExt as _, path::PathBuf, time::Duration};

use nix::sys::{
    socket::{getsockopt, setsockopt, sockopt},
    stat::fstat,
};
use serde::Deserialize;
use tokio::{
    net::{UdpSocket, UnixDatagram},
    time::{Instant, sleep},
};
use tracing::{debug, info};

use super::{Context, ListenError};

mod drops;
mod line;
mod rule;
mod sort;

pub use rule::{RequestRule, Unit};

pub use sort::{Counts, Sorter};

use drops::Drops;
use sort::DATAGRAM_BYTES_MAX;

/// Receive buffer that is asked of the kernel: a tenth of a second at 100,000 small datagrams a second.
const BUFFER_BYTES: usize = 4 << 20;

/// Most datagrams that are read before other tasks run.
const ROUND_DATAGRAMS_MAX: usize = 256;

/// Most lines that are read before other tasks run, but for those of the last datagram: about half a millisecond.
const ROUND_LINES_MAX: u64 = 1_000;

/// The shortest rest that a timer can give.
const REST_MIN: Duration = Duration::from_millis(1);

/// The longest rest: it is not noticed in figures that are told once a second.
const REST_MAX: Duration = Duration::from_millis(10);

/// How often the kernel's drops are looked up, while datagrams come.
const DROPS_EVERY: Duration = Duration::from_secs(2);

/// Most rounds of reading after the signal to stop: more than a full buffer takes. Who keeps sending is not waited for.
const LAST_ROUNDS_MAX: usize = 100;

/// What a sign before the value of a gauge means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignedGauge {
    /// It moves the gauge, as in `StatsD`.
    #[default]
    Relative,
    /// It belongs to the value, as in `DogStatsD`.
    Absolute,
}

impl fmt::Display for SignedGauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Relative => "relative",
            Self::Absolute => "absolute",
        })
    }
}

/// Where it listens and what lines mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// UDP.
    pub address: Option<SocketAddr>,
    /// Unix datagram socket.
    pub socket: Option<PathBuf>,
    /// What a sign before the value of a gauge means.
    pub signed_gauge: SignedGauge,
    /// Metrics that are requests.
    pub requests: Vec<RequestRule>,
}

impl Settings {
    /// One for each socket, so that neither waits for the other.
    #[must_use]
    pub fn each(&self) -> Vec<Self> {
        let udp = self.address.map(|_| Self { socket: None, ..self.clone() });
        let unix = self.socket.is_some().then(|| Self { address: None, ..self.clone() });
        udp.into_iter().chain(unix).collect()
    }
}

/// Takes datagrams in until told to stop.
///
/// # Errors
/// [`ListenError`] when a socket cannot be bound or fails.
pub async fn serve(settings: Settings, context: Context) -> Result<(), ListenError> {
    let sorter = Sorter::new(settings.signed_gauge, settings.requests);
    if let Some(address) = settings.address {
        let bind = |source| ListenError::Bind { address: address.to_string(), source };
        let socket = UdpSocket::bind(address).await.map_err(bind)?;
        let rest = rest_of(widen(&socket));
        let drops = fstat(&socket).ok().map(|stat| Drops::new(&context.roots, address.is_ipv6(), stat.st_ino));
        info!(%address, rest_ms = rest.as_millis(), "statsd listening");
        return receive(&socket, Pace { rest, drops }, sorter, context).await;
    }
    if let Some(path) = settings.socket {
        let bind = |source| ListenError::Bind { address: path.display().to_string(), source };
        let socket = Bound::new(path.clone()).map_err(bind)?;
        info!(socket = %path.display(), "statsd listening");
        // The kernel lets senders wait, or tells them that it is full: nothing is dropped here, and there is no rest.
        return receive(&socket.socket, Pace { rest: Duration::ZERO, drops: None }, sorter, context).await;
    }
    Ok(())
}

/// A Unix socket with its path, which is removed with it.
struct Bound {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Bound {
    /// Binds a path; one that a process left behind is taken over.
    fn new(path: PathBuf) -> io::Result<Self> {
        let socket = match UnixDatagram::bind(&path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_behind(&path) => {
                std::fs::remove_file(&path)?;
                UnixDatagram::bind(&path)?
            }
            bound => bound?,
        };
        let bound = Self { socket, path };
        // As with the UDP port, whoever is on this machine may write; who may reach it is said by the directory.
        std::fs::set_permissions(&bound.path, std::fs::Permissions::from_mode(0o666))?;
        Ok(bound)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            debug!(%error, socket = %self.path.display(), "socket not removed");
        }
    }
}

/// Whether nobody listens on a Unix socket any more.
fn is_left_behind(path: &std::path::Path) -> bool {
    let asked = std::os::unix::net::UnixDatagram::unbound().and_then(|socket| socket.connect(path));
    asked.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Asks for a wide receive buffer; the answer is what the kernel gave, in its own count.
fn widen(socket: &UdpSocket) -> usize {
    // Beyond the system's limit only with a privilege; without it the limit is what is given.
    if setsockopt(socket, sockopt::RcvBufForce, &BUFFER_BYTES).is_err()
        && let Err(error) = setsockopt(socket, sockopt::RcvBuf, &BUFFER_BYTES)
    {
        debug!(%error, "receive buffer not widened");
    }
    getsockopt(socket, sockopt::RcvBuf).unwrap_or(0)
}

/// How long a socket with such a buffer may be left alone: until it is a third full at 100,000 datagrams a second, each of
/// which takes about 800 bytes there.
fn rest_of(buffer_bytes: usize) -> Duration {
    let datagrams = u64::try_from(buffer_bytes / 800 / 3).unwrap_or(0);
    Duration::from_micros(datagrams * 10).clamp(REST_MIN, REST_MAX)
}

/// A socket that gives datagrams.
trait Datagrams {
    async fn readable(&self) -> io::Result<()>;
    fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize>;
}

impl Datagrams for UdpSocket {
    async fn readable(&self) -> io::Result<()> {
        Self::readable(self).await
    }
    fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Self::try_recv(self, buffer)
    }
}

impl Datagrams for UnixDatagram {
    async fn readable(&self) -> io::Result<()> {
        Self::readable(self).await
    }
    fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Self::try_recv(self, buffer)
    }
}

/// How a socket is read.
struct Pace {
    /// Pause after it was emptied.
    rest: Duration,
    drops: Option<Drops>,
}

async fn receive<S: Datagrams>(socket: &S, mut pace: Pace, mut sorter: Sorter, mut context: Context) -> Result<(), ListenError> {
    let failed = |source| ListenError::Failed { what: "cannot receive datagrams".to_owned(), source };
    // One byte more than the longest tells a cut one apart.
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX + 1];
    let mut looked = Instant::now();
    loop {
        tokio::select! {
            ready = socket.readable() => ready.map_err(failed)?,
            () = context.stop.stopped() => break,
        }
        let is_emptied = round(socket, &mut buffer, &mut sorter, &context).map_err(failed)?;
        if looked.elapsed() >= DROPS_EVERY {
            looked = Instant::now();
            count_drops(pace.drops.as_mut(), &context);
        }
        if is_emptied && !pace.rest.is_zero() {
            sleep(pace.rest).await;
        } else {
            tokio::task::yield_now().await;
        }
    }
    // What is in the socket already is the last that is taken. The runtime may not have looked at it yet.
    tokio::select! {
        ready = socket.readable() => ready.map_err(failed)?,
        () = sleep(REST_MAX) => {}
    }
    for _ in 0..LAST_ROUNDS_MAX {
        if round(socket, &mut buffer, &mut sorter, &context).map_err(failed)? {
            break;
        }
        tokio::task::yield_now().await;
    }
    count_drops(pace.drops.as_mut(), &context);
    Ok(())
}

/// Reads a bounded number of datagrams; true when there are no more.
fn round<S: Datagrams>(socket: &S, buffer: &mut [u8], sorter: &mut Sorter, context: &Context) -> io::Result<bool> {
    let now_ms = context.clock.now_ms();
    let mut intake = context.inlet.open();
    let mut counts = Counts::default();
    let mut is_emptied = false;
    for _ in 0..ROUND_DATAGRAMS_MAX {
        match socket.try_recv(buffer) {
            Ok(length) => {
                let one = sorter.take(buffer.get(..length).unwrap_or_default(), now_ms, &mut intake);
                counts.lines += one.lines;
                counts.malformed += one.malformed;
                counts.oversize += one.oversize;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                is_emptied = true;
                break;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if counts.lines >= ROUND_LINES_MAX {
            break;
        }
    }
    intake.received("statsd", counts.lines - counts.malformed);
    for (cause, count) in [("malformed", counts.malformed), ("oversize", counts.oversize)] {
        if count > 0 {
            intake.drop_records("line", cause, count);
        }
    }
    Ok(is_emptied)
}

fn count_drops(drops: Option<&mut Drops>, context: &Context) {
    let dropped = drops.map_or(0, Drops::since_last);
    if dropped > 0 {
        context.inlet.open().drop_records("line", "socket", dropped);
    }
}

#[cfg(test)]
mod tests;
