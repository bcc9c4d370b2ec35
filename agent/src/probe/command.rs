//! Command probes: a program's exit status (0 online, 1 degraded, others offline) and the beginning of what it says.
//!
//! The program runs in a process group of its own, without the agent's own variables, and the whole group ends with the
//! attempt.

use std::{io, os::unix::process::ExitStatusExt, process::Stdio, time::Duration};

use farol_shared::config::Vars;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
    time::timeout,
};

use super::{Attempt, Finding, connection::Trouble};
use crate::environment::Environment;

/// How much of the output is kept, in bytes; the rest is read and forgotten, so that the program does not wait for us.
const OUTPUT_BYTES_MAX: usize = 512;

/// How long the end of the output is waited for once the program has ended.
const LAST_WORDS_MAX: Duration = Duration::from_millis(50);

/// Ends a process group when dropped, unless it has ended by itself.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // The leader is not waited for yet, so the number is still its own. No such group is what is wanted.
            killpg(group, Signal::SIGKILL).unwrap_or_default();
        }
    }
}

/// Runs it once.
pub(super) async fn check(attempt: &Attempt<'_>) -> Result<Finding, Trouble> {
    let (program, arguments) = attempt.probe.words.split_first().ok_or_else(|| Trouble::Other("no program".to_owned()))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    // The agent's token is none of its business.
    for name in Environment.names("FAROL_") {
        command.env_remove(name);
    }
    attempt.stage("starting the command");
    let failed = |error: io::Error| Trouble::Other(format!("cannot run {program}: {error}"));
    let mut child = command.spawn().map_err(failed)?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
    let mut group = Group(pid);
    attempt.stage("waiting for the command");
    let (mut out, mut err) = (Output::default(), Output::default());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let status = {
        let mut reading = std::pin::pin!(async { tokio::join!(out.read(stdout), err.read(stderr)) });
        let mut is_read = false;
        let status = loop {
            tokio::select! {
                _ = &mut reading, if !is_read => is_read = true,
                status = child.wait() => break status,
            }
        };
        attempt.answered();
        group.0 = None;
        if !is_read {
            // What it left running may hold the stream open; what it said itself is there already.
            drop(timeout(LAST_WORDS_MAX, reading).await);
        }
        status.map_err(failed)?
    };
    let text = if out.0.is_empty() { err.text() } else { out.text() };
    let with = |reason: String| if text.is_empty() { reason } else { format!("{reason}: {text}") };
    Ok(match (status.code(), status.signal()) {
        (Some(0), _) => Finding::remark(text),
        (Some(1), _) => Finding::degraded(if text.is_empty() { "exit status 1".to_owned() } else { text }),
        (Some(code), _) => Finding::offline(with(format!("exit status {code}"))),
        (None, signal) => Finding::offline(with(format!("ended by signal {}", signal.unwrap_or(0)))),
    })
}

/// The beginning of a stream.
#[derive(Default)]
struct Output(Vec<u8>);

impl Output {
    async fn read(&mut self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(mut stream) = stream else { return };
        let mut buffer = [0; 1 << 10];
        // A stream that cannot be read has ended.
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            let room = OUTPUT_BYTES_MAX.saturating_sub(self.0.len());
            self.0.extend(buffer.iter().take(length.min(room)));
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).trim().to_owned()
    }
}
