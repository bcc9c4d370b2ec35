//! Alive: whether the loop runs, told to the service manager and to whoever asks (`farol-agent health`).
//!
//! In: a beat of the loop with each tick. Out: signs of life to systemd; one line of words to each connection at a Unix
//! socket: `health.sock` in the runtime directory, else an abstract name made of the mount namespace. The latter needs nothing
//! that can be written to, is found by whatever runs in the same container, and keeps containers with one network apart.
//!
//! Invariants: it is about this program, never about the collector; it is told by the loop's own thread, so a thread that hangs
//! tells nothing; nothing that a caller sends is read.

use std::{
    cell::Cell,
    fs,
    io::{self, Read as _},
    os::{
        linux::net::SocketAddrExt as _,
        unix::fs::PermissionsExt as _,
        unix::net::{SocketAddr, UnixListener as StdListener, UnixStream},
    },
    path::PathBuf,
    pin::pin,
    time::Duration,
};

use farol_shared::config::Vars;
use nix::{
    sys::socket::{getsockopt, sockopt::PeerCredentials},
    unistd::geteuid,
};
use tokio::{
    io::AsyncWriteExt as _,
    net::UnixListener,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tracing::{info, warn};

use crate::manager::Manager;

/// The socket's name in the runtime directory.
const SOCKET: &str = "health.sock";

/// The runtime directory of the unit that Farol ships, for people who ask at a shell.
const UNIT_DIR: &str = "/run/farol-agent";

/// How long an answer may take. A loop that hangs gives none.
const PATIENCE: Duration = Duration::from_secs(3);

/// A tick may come this much later than twice its interval before the loop counts as stalled: a machine can be that busy.
const LATE_MAX: Duration = Duration::from_secs(10);

/// Longest line of an answer.
const ANSWER_BYTES_MAX: u64 = 1_024;

/// The pulse of one agent. By default nobody is told.
#[derive(Debug, Default)]
pub struct Alive {
    manager: Manager,
    listener: Option<UnixListener>,
    /// When the loop last did something, and after how long it should have done so again.
    beat: Cell<Option<(Instant, Duration)>>,
}

impl Alive {
    /// Opens the socket at which it can be asked. `manager` is told as well: the default one tells nobody.
    ///
    /// Must be called within a runtime.
    #[must_use]
    pub fn open(vars: &dyn Vars, manager: Manager) -> Self {
        let place = Place::own(vars);
        let listener = match place.listen() {
            Ok(listener) => Some(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                info!(%place, "another agent answers `farol-agent health` here");
                None
            }
            Err(error) => {
                warn!(%error, %place, "`farol-agent health` will not be answered");
                None
            }
        };
        Self { manager, listener, beat: Cell::new(None) }
    }

    /// The loop has begun, and will tick once within `interval`.
    pub fn begin(&self, interval: Duration) {
        self.beat(interval);
        self.ready();
    }

    /// It works, and goes on as before.
    pub fn ready(&self) {
        self.manager.ready();
    }

    /// The loop ticked, and will tick again within `interval`.
    pub fn beat(&self, interval: Duration) {
        self.beat.set(Some((Instant::now(), interval)));
    }

    /// The configuration is read again; [`Self::begin`] or [`Self::ready`] ends that.
    pub fn reloading(&self) {
        self.manager.reloading();
    }

    /// The agent ends.
    pub fn stopping(&self) {
        self.manager.stopping();
    }

    /// Whether the loop ticks, in words.
    fn words(&self) -> (bool, String) {
        let Some((at, interval)) = self.beat.get() else { return (false, "it does not read yet".to_owned()) };
        let (age, every) = (at.elapsed(), interval.as_secs_f64());
        let told = format!("it reads every {every} s, last {:.1} s ago", age.as_secs_f64());
        (age <= interval * 2 + LATE_MAX, told)
    }

    /// Answers and gives signs of life, for ever.
    pub async fn tell(&self) {
        let mut answering = pin!(self.answer());
        let mut signs = pin!(self.signs());
        tokio::select! {
            () = &mut answering => {}
            () = &mut signs => {}
        }
    }

    async fn signs(&self) {
        let Some(every) = self.manager.alive_every() else { return std::future::pending().await };
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.words().0 {
                self.manager.alive();
            }
        }
    }

    async fn answer(&self) {
        let Some(listener) = &self.listener else { return std::future::pending().await };
        loop {
            let Ok((mut stream, _)) = listener.accept().await else {
                // No descriptors, most likely: others will be closed.
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            };
            let (is_well, words) = self.words();
            let line = format!("{} {words}\n", if is_well { "ok" } else { "stalled" });
            // Whoever asks and goes away has no need of the answer; it fits into the socket's buffer, so nobody can hold us up.
            drop(timeout(PATIENCE, stream.write_all(line.as_bytes())).await);
        }
    }
}

/// Asks the agent that runs here; true when it is well, and a line of words for people.
#[must_use]
pub fn ask(vars: &dyn Vars) -> (bool, String) {
    let mut places = vec![Place::own(vars), Place::Abstract(abstract_name())];
    places.push(Place::Path(PathBuf::from(UNIT_DIR).join(SOCKET)));
    let found = places.iter().find_map(|place| match place.connect() {
        Ok(stream) => Some(Ok(stream)),
        Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => None,
        Err(error) => Some(Err(format!("cannot ask at {place}: {error}"))),
    });
    match found {
        None => (false, "no farol-agent runs here, or none that gets as far as its loop: its log says why".to_owned()),
        Some(Err(words)) => (false, words),
        Some(Ok(stream)) => judge(stream).unwrap_or_else(|error| {
            let seconds = PATIENCE.as_secs();
            (false, format!("stalled it has not answered within {seconds} s ({error})"))
        }),
    }
}

fn judge(stream: UnixStream) -> io::Result<(bool, String)> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut line)?;
    let line = line.trim_end();
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((line.starts_with("ok "), line.to_owned()))
}

/// Where an agent is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Path(PathBuf),
    Abstract(String),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Abstract(name) => write!(f, "@{name}"),
        }
    }
}

impl Place {
    fn own(vars: &dyn Vars) -> Self {
        let dir = vars.var("RUNTIME_DIRECTORY").and_then(|dirs| dirs.split(':').next().map(PathBuf::from));
        dir.map_or_else(|| Self::Abstract(abstract_name()), |dir| Self::Path(dir.join(SOCKET)))
    }

    fn listen(&self) -> io::Result<UnixListener> {
        let listener = match self {
            Self::Abstract(name) => StdListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?,
            Self::Path(path) => {
                // What a killed agent left refuses: it is nobody's.
                if UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
                    fs::remove_file(path)?;
                }
                let listener = StdListener::bind(path)?;
                // Everybody may ask: the answer is no secret.
                fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
                listener
            }
        };
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener)
    }

    fn connect(&self) -> io::Result<UnixStream> {
        match self {
            Self::Path(path) => UnixStream::connect(path),
            Self::Abstract(name) => {
                let stream = UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)?;
                // Whoever shares the network could have taken the name.
                let (own, peer) = (geteuid(), getsockopt(&stream, PeerCredentials)?.uid());
                if own.is_root() || own.as_raw() == peer {
                    Ok(stream)
                } else {
                    Err(io::Error::other(format!("a program of user {peer} answers there, not one of user {own}")))
                }
            }
        }
    }
}

fn abstract_name() -> String {
    let space = fs::read_link("/proc/self/ns/mnt").unwrap_or_default();
    let number: String = space.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    format!("farol-agent-health-{number}")
}

#[cfg(test)]
mod tests;
