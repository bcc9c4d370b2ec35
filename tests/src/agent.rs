//! The real agent: started beside a collector or with a token and address of its own.

use std::{path::Path, process::Command};

use crate::{
    collector::{AGENT_TOKEN, Collector},
    process::{Process, agent_program},
};

/// How an agent is to be started.
#[derive(Debug)]
pub struct Options {
    vars: Vec<(String, String)>,
    through: Vec<String>,
}

impl Options {
    /// Sets or replaces a variable of its environment.
    #[must_use]
    pub fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.retain(|(key, _)| key != name);
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Keeps what waits for delivery in this folder.
    #[must_use]
    pub fn spool(self, folder: &Path) -> Self {
        self.var("FAROL_SPOOL_DIR", &folder.display().to_string())
    }

    /// Starts it through another command, such as a shell that first enters a cgroup; the agent's path is its last argument.
    #[must_use]
    pub fn through(mut self, command: &[&str]) -> Self {
        self.through = command.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Starts it.
    #[must_use]
    pub fn start(self) -> Process {
        Process::start("agent", self.command(&[]))
    }

    /// Runs it with arguments to its end; returns its exit code and what it printed.
    pub fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.command(arguments).output().unwrap();
        let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
        printed.push_str(&String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap_or(-1), printed)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let program = agent_program();
        let mut command = if let [first, rest @ ..] = self.through.as_slice() {
            let mut command = Process::command(first);
            command.args(rest).arg(program);
            command
        } else {
            Process::command(program)
        };
        command.args(arguments).envs(self.vars.iter().map(|(k, v)| (k, v)));
        command
    }
}

/// Options of an agent that delivers to this collector under this name.
#[must_use]
pub fn beside(collector: &Collector, service: &str) -> Options {
    Options { vars: Vec::new(), through: Vec::new() }
        .var("FAROL_COLLECTOR_URL", &collector.url())
        .var("FAROL_TOKEN", AGENT_TOKEN)
        .var("FAROL_NAME", service)
        .var("FAROL_INTERVAL", "100ms")
        // Many agents run side by side in the tests; only one of them could have the usual ports.
        .var("FAROL_HTTP_LISTEN", "off")
        .var("FAROL_STATSD_LISTEN", "off")
}
