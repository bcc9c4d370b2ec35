//! The real collector: started, asked, killed and started again.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{self, Command, ExitStatus},
    sync::atomic::{AtomicU8, Ordering},
};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    http::Client,
    process::{Process, collector_program},
    wait::until,
};

/// Password of the administrator in every test.
pub const PASSWORD: &str = "a-lighthouse-for-tests";
/// Token that agents use in every test.
pub const AGENT_TOKEN: &str = "farol-test-agent-token-0123456789abcdef";

/// How a collector is to be started.
#[derive(Debug)]
pub struct Options {
    data: Option<PathBuf>,
    vars: Vec<(String, String)>,
}

impl Options {
    /// Keeps its data in this folder instead of one of its own.
    #[must_use]
    pub fn data(mut self, folder: &Path) -> Self {
        self.data = Some(folder.to_path_buf());
        self
    }

    /// Sets or replaces a variable of its environment.
    #[must_use]
    pub fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.retain(|(key, _)| key != name);
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a variable out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.vars.retain(|(key, _)| key != name);
        self
    }

    /// Starts it and waits until it answers.
    #[must_use]
    pub fn start(self) -> Collector {
        let mut collector = self.launch();
        collector.wait_ready();
        collector
    }

    /// Starts it without waiting for anything.
    #[must_use]
    pub fn launch(self) -> Collector {
        let own = TempDir::new().unwrap();
        let data = self.data.unwrap_or_else(|| own.path().join("data"));
        let address = own_address();
        let mut collector = Collector { process: None, address, data, vars: self.vars, token: None, _own: own };
        collector.spawn();
        collector
    }
}

/// A running (or killed) collector.
#[derive(Debug)]
pub struct Collector {
    process: Option<Process>,
    address: SocketAddr,
    data: PathBuf,
    vars: Vec<(String, String)>,
    token: Option<String>,
    /// Keeps the data's folder until the handle is dropped.
    _own: TempDir,
}

impl Collector {
    /// Options with an administrator, an agent token and without watching its own machine.
    #[must_use]
    pub fn options() -> Options {
        Options { data: None, vars: Vec::new() }
            .var("FAROL_ADMIN_PASSWORD", PASSWORD)
            .var("FAROL_AGENT_TOKEN", AGENT_TOKEN)
            .var("FAROL_SELF", "false")
    }

    /// Starts one with the usual options.
    #[must_use]
    pub fn start() -> Self {
        Self::options().start()
    }

    /// Sets or replaces a variable of its environment for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.vars.retain(|(key, _)| key != name);
        self.vars.push((name.to_owned(), value.to_owned()));
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address for agents and browsers.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The folder of its databases.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The running program.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("the collector was started")
    }

    /// What it has logged since it was last started.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    /// A client without any login.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// A client that posts batches as an agent does.
    #[must_use]
    pub fn agent_client(&self) -> Client {
        self.client().bearer(AGENT_TOKEN)
    }

    /// A client that is signed in as the administrator. Signs in once; the token outlives restarts.
    pub fn api(&mut self) -> Client {
        let token = match &self.token {
            Some(token) => token.clone(),
            None => self.sign_in(),
        };
        self.client().bearer(&token)
    }

    /// Signs in as the administrator and returns the token.
    pub fn sign_in(&mut self) -> String {
        let answer = self.client().post("/api/auth/login", &json!({"username": "admin", "password": PASSWORD}));
        assert_eq!(answer.status, 200, "sign-in: {}", answer.text());
        let token = answer.json()["token"].as_str().expect("the answer carries a token").to_owned();
        self.token = Some(token.clone());
        token
    }

    /// Kills it at once (`kill -9`).
    pub fn kill(&mut self) {
        self.process().kill();
    }

    /// Asks it to stop and waits.
    pub fn stop(&mut self) -> ExitStatus {
        self.process().stop()
    }

    /// Starts it again on the same address and data, and waits until it answers.
    pub fn restart(&mut self) {
        self.spawn();
        self.wait_ready();
    }

    /// Starts it again without waiting.
    pub fn spawn(&mut self) {
        let command = self.command(&["serve"]);
        self.process = Some(Process::start("collector", command));
    }

    /// A command of the collector's program with the same settings, such as `token create NAME`.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Process::command(collector_program());
        command.args(arguments).envs(self.vars.iter().map(|(k, v)| (k, v)));
        command.env("FAROL_LISTEN", self.address.to_string()).env("FAROL_DATA_DIR", &self.data);
        command
    }

    /// Runs such a command to its end and returns what it printed; fails when the command does.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {printed}{}", String::from_utf8_lossy(&output.stderr));
        printed
    }

    /// Waits until `/health` answers; fails at once when the program ends instead.
    pub fn wait_ready(&mut self) {
        let address = self.address;
        let process = self.process();
        until("the collector to answer", || {
            let ended = process.ended();
            assert!(ended.is_none(), "the collector ended ({}) instead of answering:\n{}", ended.unwrap(), process.log());
            Client::new(address).send("GET", "/health", &[], &[]).map_err(|error| error.to_string())
        });
    }

    /// Sends a signal.
    pub fn signal(&mut self, signal: Signal) {
        self.process().signal(signal);
    }

    /// Waits until a resource of this name is known and returns it as `/api/v1/resources` shows it.
    pub fn wait_resource(&mut self, name: &str) -> Value {
        let mut api = self.api();
        until(&format!("resource {name}"), || {
            let all = api.json("/api/v1/resources");
            let found = all["resources"].as_array().and_then(|list| list.iter().find(|one| one["name"] == name).cloned());
            found.ok_or_else(|| all.to_string())
        })
    }

    /// Id of a resource that is known already or soon.
    pub fn resource_id(&mut self, name: &str) -> u64 {
        self.wait_resource(name)["id"].as_u64().expect("a resource has an id")
    }

    /// Waits until one part of the collector's health is as wanted, and returns the whole answer.
    pub fn wait_health(&self, part: &str, wanted: &str) -> Value {
        let mut client = self.client();
        until(&format!("health of {part}: {wanted}"), || {
            let answer = client.send("GET", "/health", &[], &[]).map_err(|error| error.to_string())?.json();
            let found = if part == "all" { &answer["status"] } else { &answer["subsystems"][part]["status"] };
            if found == wanted { Ok(answer) } else { Err(answer.to_string()) }
        })
    }

    /// The row of one agent in `/api/v1/completeness` over these times.
    pub fn completeness(&mut self, agent: &str, from_ms: i64, to_ms: i64) -> Value {
        let all = self.api().json(&format!("/api/v1/completeness?from={from_ms}&to={to_ms}"));
        let found = all["agents"].as_array().and_then(|list| list.iter().find(|one| one["agent"] == agent).cloned());
        found.unwrap_or_else(|| panic!("agent {agent} is not in {all}"))
    }
}

/// A loopback address that nobody else has: 127.x.y.z names this process and the collector in it. A port picked from the
/// kernel's own range could be taken by an outgoing connection while the collector is down.
fn own_address() -> SocketAddr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    assert!(count < 255, "one test program starts at most 254 collectors");
    let [_, high, middle, low] = process::id().to_be_bytes();
    // Process ids have at most 22 bits: two bytes tell nearly all apart, the rest is folded into the first.
    SocketAddr::from((Ipv4Addr::new(127, middle.wrapping_add(high).max(1), low, count), 8650))
}
