//! Process groups of started programs: a server and its workers, which are ended together, also when the test itself is killed.

use std::{
    io,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

/// Waits for its input to end, which it does with the test, and kills a group. In its own group it outlives Ctrl-C.
const GUARD: &str = r#"read -r _; kill -s KILL -- "-$1""#;

/// A started program with all that it starts itself, but for what leaves its group on purpose.
#[derive(Debug)]
pub(crate) struct Group {
    id: Pid,
    guard: Child,
    is_over: bool,
}

impl Group {
    /// Starts a command as the first of a new group.
    pub(crate) fn start(command: &mut Command) -> io::Result<(Child, Self)> {
        let child = command.process_group(0).spawn()?;
        let id = Pid::from_raw(i32::try_from(child.id()).expect("a process id is small"));
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "sh", &id.to_string()]).process_group(0);
        guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let guard = guard.spawn().inspect_err(|_| killpg(id, Signal::SIGKILL).unwrap_or_default())?;
        Ok((child, Self { id, guard, is_over: false }))
    }

    /// Sends a signal to all of them; nothing when there is nobody left.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.is_over {
            return;
        }
        let sent = killpg(self.id, signal);
        assert!(matches!(sent, Ok(()) | Err(Errno::ESRCH)), "cannot signal the group {}: {sent:?}", self.id);
    }

    /// Ends what is left of it. To be called before the first process is waited for: until then nobody else can get the group's number.
    pub(crate) fn end(&mut self) {
        self.signal(Signal::SIGKILL);
        if !self.is_over {
            self.guard.kill().unwrap();
            self.guard.wait().unwrap();
        }
        self.is_over = true;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{process::Process, wait::until};

    /// A server with a worker that would outlive it.
    fn server() -> Command {
        let mut command = Process::command("sh");
        command.args(["-c", "sleep 600 & echo worker $!; wait"]);
        command
    }

    fn worker_of(process: &Process) -> u32 {
        until("the worker to start", || {
            let log = process.log();
            log.trim().strip_prefix("worker ").and_then(|number| number.parse().ok()).ok_or(log)
        })
    }

    /// Whether it runs; one that ended and that nobody waits for does not.
    fn is_running(id: u32) -> bool {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    }

    fn until_gone(id: u32) {
        until("the worker to end", || if is_running(id) { Err(format!("{id} runs")) } else { Ok(()) });
    }

    #[test]
    fn workers_end_with_the_handle() {
        let server = Process::start("server", server());
        let worker = worker_of(&server);
        assert!(is_running(worker));
        drop(server);
        until_gone(worker);
    }

    #[test]
    fn workers_of_a_server_that_was_killed_end_too() {
        let mut server = Process::start("server", server());
        let worker = worker_of(&server);
        server.kill();
        until_gone(worker);
    }

    #[test]
    fn a_test_that_is_killed_leaves_nobody() {
        let mut sleeper = Process::command("sleep");
        let (mut child, mut group) = Group::start(sleeper.arg("600")).unwrap();
        // What the kernel does to the pipe of a test that has ended.
        drop(group.guard.stdin.take());
        child.wait().unwrap();
        group.is_over = true;
        group.guard.wait().unwrap();
    }
}
