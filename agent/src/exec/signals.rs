//! The signals that are passed on to the command, and the one that says that a child changed.

use std::{future::poll_fn, io, task::Poll};

use nix::sys::signal::Signal;
use tokio::signal::unix::{self, SignalKind};

/// What is received. All but the last are passed on.
const RECEIVED: [Signal; 11] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGCONT,
    Signal::SIGTSTP,
    Signal::SIGALRM,
    Signal::SIGCHLD,
];

/// All of them as one stream.
#[derive(Debug)]
pub(super) struct Signals(Vec<(Signal, unix::Signal)>);

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        let listen = |signal: Signal| Ok((signal, unix::signal(SignalKind::from_raw(signal as i32))?));
        RECEIVED.into_iter().map(listen).collect::<io::Result<_>>().map(Self)
    }

    /// The next one. Those that came at the same time follow in the order of the list.
    pub(super) async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            let ready = self.0.iter_mut().find_map(|(signal, stream)| stream.poll_recv(context).is_ready().then_some(*signal));
            ready.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}
