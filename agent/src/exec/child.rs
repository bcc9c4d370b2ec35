//! The command as a child: started in a process group of its own, signalled, waited for; and every orphan reaped.

use std::{
    ffi::OsString,
    io::{self, IsTerminal},
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill, killpg},
        wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid},
    },
    unistd::{Pid, getpgid, getpgrp, getpid},
};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

use super::{asks_to_end, pass::Passing, signals::Signals, terminal::Terminal};

/// The agent's own children, such as those of probes, are waited for by others; they are looked at again after this long.
const NEIGHBOUR_PAUSE: Duration = Duration::from_millis(50);

/// After so many looks a dead child of our own group is taken for an orphan that nobody waits for.
const NEIGHBOUR_LOOKS_MAX: u32 = 100;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Child {
    pid: Pid,
    terminal: Option<Terminal>,
    grace: Option<Duration>,
    kill_at: Option<Instant>,
    /// Looks at a dead child that others should wait for.
    looks: u32,
    status: Option<u8>,
}

impl Child {
    /// Starts the command. Its output is passed through us if we are to see it and it is no terminal.
    pub(super) fn start(command: &[OsString], sees_output: bool, grace: Option<Duration>) -> io::Result<(Self, Vec<Passing>)> {
        let [program, arguments @ ..] = command else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no command was given"));
        };
        let terminal = Terminal::find();
        let mut command = Command::new(program);
        // A group of its own, so that what the terminal sends to the foreground reaches the command and not us.
        command.args(arguments).process_group(0);
        let passes_output = sees_output && !io::stdout().is_terminal();
        let passes_errors = sees_output && !io::stderr().is_terminal();
        if passes_output {
            command.stdout(Stdio::piped());
        }
        if passes_errors {
            command.stderr(Stdio::piped());
        }
        let mut started = command.spawn()?;
        let pid = Pid::from_raw(i32::try_from(started.id()).map_err(io::Error::other)?);
        if let Some(terminal) = &terminal {
            terminal.give_to(pid);
            // It may have asked for the terminal a moment too early, and been stopped for it.
            signal_group(pid, Signal::SIGCONT);
        }
        let passing = Passing::start(started.stdout.take(), started.stderr.take())?;
        info!(pid = pid.as_raw(), "command started");
        Ok((Self { pid, terminal, grace, kill_at: None, looks: 0, status: None }, passing))
    }

    /// Passes signals on and reaps until the command has ended; its status as a shell tells it.
    pub(super) async fn until_end(&mut self, signals: &mut Signals) -> u8 {
        loop {
            self.reap();
            if let Some(status) = self.status {
                return status;
            }
            let kill_at = self.kill_at;
            tokio::select! {
                signal = signals.next() => self.pass_on(signal),
                () = sleep(NEIGHBOUR_PAUSE), if self.looks > 0 => {}
                () = sleep_until(kill_at.unwrap_or_else(Instant::now)), if kill_at.is_some() => {
                    warn!("command did not end in time, killed");
                    self.kill_at = None;
                    signal_group(self.pid, Signal::SIGKILL);
                }
            }
        }
    }

    /// Goes on reaping after the command's end, until a signal asks for our own.
    pub(super) async fn reap_until_told_again(&mut self, signals: &mut Signals) {
        loop {
            self.reap();
            tokio::select! {
                signal = signals.next() => if asks_to_end(signal) { return },
                () = sleep(NEIGHBOUR_PAUSE), if self.looks > 0 => {}
            }
        }
    }

    fn pass_on(&mut self, signal: Signal) {
        match signal {
            Signal::SIGCHLD => {}
            Signal::SIGCONT => self.go_on(),
            signal => {
                if asks_to_end(signal) && self.kill_at.is_none() {
                    self.kill_at = self.grace.map(|grace| Instant::now() + grace);
                }
                // To the command alone, as it would get it as the container's first process.
                if let Err(error) = kill(self.pid, signal) {
                    debug!(%error, signal = signal.as_str(), "signal not passed on");
                }
            }
        }
    }

    /// We were stopped and go on: so does the command, in the foreground if that is ours again.
    fn go_on(&self) {
        if let Some(terminal) = self.terminal.as_ref().filter(|terminal| terminal.is_ours()) {
            terminal.give_to(self.pid);
        }
        signal_group(self.pid, Signal::SIGCONT);
    }

    /// Takes the status of everything that has ended.
    fn reap(&mut self) {
        if self.status.is_none() {
            self.look_at_command();
        }
        let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        loop {
            let pid = match waitid(Id::All, peek) {
                Ok(status) => status.pid(),
                Err(Errno::EINTR) => continue,
                Err(_) => None,
            };
            let Some(pid) = pid else {
                self.looks = 0;
                return;
            };
            if pid == self.pid && self.status.is_none() {
                self.look_at_command();
                continue;
            }
            // What the agent itself started is in our own group, and whoever started it wants its status.
            let is_neighbour = getpgid(Some(pid)) == Ok(getpgrp());
            if is_neighbour && self.looks < NEIGHBOUR_LOOKS_MAX {
                self.looks += 1;
                return;
            }
            self.looks = 0;
            match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
                Ok(_) | Err(Errno::ECHILD) => debug!(pid = pid.as_raw(), "orphan reaped"),
                Err(error) => {
                    debug!(pid = pid.as_raw(), %error, "orphan not reaped");
                    return;
                }
            }
        }
    }

    fn look_at_command(&mut self) {
        let status = match waitpid(self.pid, Some(WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED)) {
            Ok(WaitStatus::Exited(_, code)) => u8::try_from(code & 0xff).unwrap_or(1),
            Ok(WaitStatus::Signaled(_, signal, _)) => 128_u8.saturating_add(u8::try_from(signal as i32).unwrap_or(0)),
            Ok(WaitStatus::Stopped(..)) => return self.stop_too(),
            Ok(_) | Err(Errno::EINTR) => return,
            // Somebody else took it, which cannot be; a status must be told all the same.
            Err(_) => 1,
        };
        self.status = Some(status);
        if let Some(terminal) = &self.terminal {
            terminal.take();
        }
    }

    /// The command was stopped at the terminal: so are we, so that the shell that started us gets its terminal back.
    fn stop_too(&self) {
        let Some(terminal) = self.terminal.as_ref().filter(|_| getpid().as_raw() != 1) else { return };
        terminal.take();
        if let Err(error) = kill(getpid(), Signal::SIGSTOP) {
            debug!(%error, "not stopped");
        }
        // Somebody woke us; the signal that did so is passed on when it is received.
    }
}

fn signal_group(group: Pid, signal: Signal) {
    if let Err(error) = killpg(group, signal) {
        debug!(%error, signal = signal.as_str(), "signal not sent to the command's group");
    }
}
