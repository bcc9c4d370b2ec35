//! A server of the machine's packages, run as its own user in a process group of its own: when the handle is dropped, the
//! group and its files are gone.

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{group::Group, process::Process};

/// How much of a log's end a failed test shows.
const LOG_SHOWN_BYTES: usize = 6_000;

/// A running server.
#[derive(Debug)]
pub struct ServerProcess {
    name: String,
    child: Child,
    group: Group,
    /// Folder with all of its files, which belongs to its user.
    pub dir: TempDir,
}

impl ServerProcess {
    /// Starts a command; what it prints goes to `log` in `dir`, which goes with it.
    pub fn start(name: &str, command: &mut Command, dir: TempDir) -> Self {
        let log = File::options().create(true).append(true).open(dir.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let (child, group) = Group::start(command).unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Self { name: name.to_owned(), child, group, dir }
    }

    /// What it has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(self.dir.path().join("log")).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Sends a signal to all of its processes.
    pub fn signal(&self, signal: Signal) {
        self.group.signal(signal);
    }

    /// Ends it at once and keeps its files.
    #[must_use]
    pub fn kill(mut self) -> TempDir {
        self.end();
        std::mem::replace(&mut self.dir, TempDir::new().unwrap())
    }

    fn end(&mut self) {
        self.group.end();
        self.child.wait().unwrap();
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(LOG_SHOWN_BYTES);
            let from = (from..=log.len()).find(|at| log.is_char_boundary(*at)).unwrap_or(0);
            eprintln!("--- log of {} ---\n{}\n---", self.name, log.get(from..).unwrap_or_default());
        }
    }
}

/// A port of the loopback interface that nobody uses at this moment.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A folder that belongs to `user`, as these servers will not run as root.
#[must_use]
pub fn dir_of(user: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    if is_root() {
        run(Process::command("chown").arg(user).arg(dir.path()));
    }
    dir
}

/// Whether the tests run as root, who can become any user.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|about| about.uid() == 0)
}

/// A command that runs as `user` when the tests run as root, and as whoever runs the tests otherwise.
#[must_use]
pub fn as_user(user: &str, program: impl AsRef<Path>) -> Command {
    let mut command = if is_root() {
        let mut command = Process::command("runuser");
        command.args(["-u", user, "--"]).arg(program.as_ref());
        command
    } else {
        Process::command(program.as_ref())
    };
    command.current_dir("/");
    command
}

/// Runs a command to its end, which must be a success, and returns what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
    text
}
