//! `exec`: a container's first process. Starts the command, passes signals, output and status on, reaps what is orphaned,
//! and measures meanwhile.
//!
//! *Invariants:* the command comes first: whatever fails in the agent, it runs, its output passes byte for byte, and its
//! status is ours. Output waits for whoever reads it, never for the collector.

use std::{ffi::OsString, io, pin::pin, rc::Rc, sync::Arc, time::Duration};

use farol_shared::{clock::Clock, report::chain};
use nix::{
    sys::{prctl, signal::Signal},
    unistd::getpid,
};
use tokio::{sync::oneshot, time::timeout};
use tracing::{error, info, warn};

use crate::{
    alive::Alive,
    clock::SystemClock,
    config::Settings,
    environment::Environment,
    listen::logs::stream::Stream,
    manager::Manager,
    run,
    send::{Http, tcp::Tcp},
};

mod child;
mod pass;
mod signals;
mod terminal;

use child::Child;
use pass::Passing;
use signals::Signals;

/// How long the last output may take to be passed on after the command's end: its reader may have gone.
const PASS_MAX: Duration = Duration::from_secs(5);

/// How the command is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExecSettings {
    /// How long the command may take to end after SIGTERM before it is killed; `None` leaves that to whoever sent it.
    pub grace: Option<Duration>,
}

/// Why a command was not started.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// No signals can be received.
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
    /// There is no such program, it may not be run, or there are too many processes.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl ExecError {
    /// The status with which shells answer: 127 when there is no such program, 126 when it cannot be run.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::Start { source, .. } if source.kind() == io::ErrorKind::NotFound => 127,
            Self::Start { .. } => 126,
            Self::Signals(_) => 1,
        }
    }
}

/// Runs a command to its end and measures meanwhile; without settings it is only run. Answers its status, 128 and the
/// signal's number when a signal ended it.
///
/// # Errors
/// [`ExecError`] when the command was not started. Nothing of the agent's own is an error here.
pub async fn exec(command: &[OsString], settings: Option<&Settings>) -> Result<u8, ExecError> {
    // Before the command, so that no signal is missed.
    let mut signals = Signals::listen().map_err(ExecError::Signals)?;
    if getpid().as_raw() != 1
        && let Err(error) = prctl::set_child_subreaper(true)
    {
        warn!(%error, "orphans of the command are not adopted");
    }
    let grace = settings.and_then(|settings| settings.exec.grace);
    let start = |source| ExecError::Start {
        program: command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        source,
    };
    let (mut child, passing) = Child::start(command, settings.is_some(), grace).map_err(start)?;
    let streams = passing.iter().map(|passing| passing.stream.clone()).collect();
    let (end, ended) = oneshot::channel();
    let mut measuring = pin!(measure(settings, streams, ended));
    let status = {
        let mut ending = pin!(async {
            let status = child.until_end(&mut signals).await;
            finish(passing).await;
            status
        });
        tokio::select! {
            status = &mut ending => status,
            // The agent failed and has said so: the command runs on.
            () = &mut measuring => return Ok(ending.await),
        }
    };
    info!(status, "command ended");
    // The other end is gone when the agent failed just now.
    let is_measuring = end.send(()).is_ok();
    if is_measuring {
        tokio::select! {
            () = &mut measuring => {}
            () = child.reap_until_told_again(&mut signals) => warn!("told to stop again, last data not delivered"),
        }
    }
    Ok(status)
}

/// The agent, until the command has ended and the last data is delivered or put on disk.
async fn measure(settings: Option<&Settings>, streams: Vec<Stream>, ended: oneshot::Receiver<()>) {
    let Some((settings, target)) = settings.and_then(|settings| Some((settings, settings.target.clone()?))) else {
        // Nothing to measure with: only the end counts. An error says that the sender is gone, which is an end as well.
        return drop(ended.await);
    };
    let mut settings = settings.clone();
    settings.listen.streams = streams;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    // Whether the service is ready and lives is the command's to tell.
    let alive = Rc::new(Alive::open(&Environment, Manager::default()));
    let sink = Http::new(target, Tcp::new(&Environment), Arc::clone(&clock));
    let shutdown = async {
        // An error says that the sender is gone, which is an end as well.
        drop(ended.await);
    };
    if let Err(cause) = run::run(&settings, sink, clock, &alive, shutdown).await {
        error!(error = %chain(&cause), "agent not started, the command runs without it");
    }
}

/// Waits until the last output is passed on.
async fn finish(passing: Vec<Passing>) {
    let all = async {
        for passing in passing {
            passing.finish().await;
        }
    };
    if timeout(PASS_MAX, all).await.is_err() {
        warn!("last output not passed on: nobody reads it");
    }
}

/// Whether a signal asks for the end.
fn asks_to_end(signal: Signal) -> bool {
    matches!(signal, Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT)
}
