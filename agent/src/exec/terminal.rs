//! The terminal: whose keys and signals it is, the command's or ours.

use std::{
    io::{self, IsTerminal},
    os::fd::{AsFd, OwnedFd},
};

use nix::{
    sys::signal::{SigSet, Signal},
    unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp},
};
use tracing::debug;

/// The terminal of this process, if it has one and stands in its foreground.
#[derive(Debug)]
pub(super) struct Terminal(OwnedFd);

impl Terminal {
    /// The first of the three standard streams that is our terminal.
    pub(super) fn find() -> Option<Self> {
        let (input, output, errors) = (io::stdin(), io::stdout(), io::stderr());
        let streams = [
            (input.is_terminal(), input.as_fd()),
            (output.is_terminal(), output.as_fd()),
            (errors.is_terminal(), errors.as_fd()),
        ];
        let (_, stream) = streams.into_iter().find(|(is_terminal, _)| *is_terminal)?;
        let terminal = Self(stream.try_clone_to_owned().ok()?);
        terminal.is_ours().then_some(terminal)
    }

    /// Whether our process group is in the foreground.
    pub(super) fn is_ours(&self) -> bool {
        tcgetpgrp(&self.0) == Ok(getpgrp())
    }

    /// Puts a process group into the foreground.
    pub(super) fn give_to(&self, group: Pid) {
        // Whoever is in the background is stopped for asking, unless it holds this signal off.
        let mut held = SigSet::empty();
        held.add(Signal::SIGTTOU);
        let result = held.thread_block().and_then(|()| tcsetpgrp(&self.0, group)).and_then(|()| held.thread_unblock());
        if let Err(error) = result {
            debug!(%error, group = group.as_raw(), "terminal not given");
        }
    }

    /// Takes the foreground back.
    pub(super) fn take(&self) {
        self.give_to(getpgrp());
    }
}
