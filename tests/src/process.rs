//! One started program: its log is kept in a file and shown when the test fails; it and its workers are ended when its handle is dropped.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{Id, WaitPidFlag, WaitStatus, waitid},
    },
    unistd::Pid,
};
use tempfile::TempDir;

use crate::{group::Group, wait::until};

/// How much of a log's end a failed test shows.
const LOG_SHOWN_BYTES: usize = 6_000;

/// A setting of the tests themselves, from the environment.
#[must_use]
pub fn setting(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the one place where the tests read the environment")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The folder of the whole project.
#[must_use]
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the project").to_path_buf()
}

/// The built collector: `FAROL_COLLECTOR_BIN`, else the static build that ships.
#[must_use]
pub fn collector_program() -> PathBuf {
    program("FAROL_COLLECTOR_BIN", "x86_64-unknown-linux-gnu/release/farol-collector")
}

/// The built agent: `FAROL_AGENT_BIN`, else the static build that ships.
#[must_use]
pub fn agent_program() -> PathBuf {
    program("FAROL_AGENT_BIN", "x86_64-unknown-linux-gnu/agent/farol-agent")
}

/// A program of the Python environment that `tests/run` makes.
#[must_use]
pub fn python_program(name: &str) -> PathBuf {
    let path = target().join("apps/bin").join(name);
    assert!(path.exists(), "{} is not there: tests/run apps makes it", path.display());
    path
}

/// Where builds and what tests keep between runs lie.
#[must_use]
pub fn target() -> PathBuf {
    setting("CARGO_TARGET_DIR").map_or_else(|| project().join("target"), PathBuf::from)
}

fn program(variable: &str, built: &str) -> PathBuf {
    let path = setting(variable).map_or_else(|| target().join(built), PathBuf::from);
    assert!(path.is_file(), "{} is not there: build it first (tests/run build) or name it in {variable}", path.display());
    path
}

/// A running program with its log.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    group: Group,
    log: PathBuf,
    /// Keeps the log's folder until the handle is dropped.
    _folder: TempDir,
}

impl Process {
    /// Starts a command; what it prints goes to the log. Its environment holds only `PATH` and what the caller sets.
    pub fn start(name: &str, mut command: Command) -> Self {
        let folder = TempDir::new().unwrap();
        let log = folder.path().join("log");
        let file = File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let (child, group) = Group::start(&mut command).unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Self { name: name.to_owned(), child, group, log, _folder: folder }
    }

    /// A command with an empty environment but for `PATH`, so that the machine's own `FAROL_*` cannot leak in.
    pub fn command(program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The most memory that it has had resident, in bytes.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1024
    }

    /// How it ended, if it has. Workers that it left behind are ended then.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.is_running() {
            return None;
        }
        self.group.end();
        Some(self.child.wait().unwrap())
    }

    /// Whether it runs, without taking notice of its end.
    fn is_running(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        waitid(Id::Pid(self.id()), flags).is_ok_and(|status| status == WaitStatus::StillAlive)
    }

    fn id(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id is small"))
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> ExitStatus {
        let name = self.name.clone();
        until(&format!("{name} to end"), || self.ended().ok_or_else(|| "still running".to_owned()))
    }

    /// Ends it as the kernel does for want of memory: at once and without a word.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.wait();
    }

    /// Asks it to end and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait()
    }

    /// Sends a signal.
    pub fn signal(&mut self, signal: Signal) {
        if self.ended().is_none() {
            kill(self.id(), signal).unwrap();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.kill();
        }
        if thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(LOG_SHOWN_BYTES);
            let from = (from..=log.len()).find(|at| log.is_char_boundary(*at)).unwrap_or(0);
            eprintln!("--- log of {} ---\n{}\n---", self.name, log.get(from..).unwrap_or_default());
        }
    }
}
