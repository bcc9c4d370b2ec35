//! Real Redis servers of a test: plain, with TLS, a Cluster of three, a master with replicas and Sentinels.
//!
//! Each has a free loopback port and a folder of its own, keeps nothing on disk, and ends with its handle. `redis-server` and
//! `redis-cli` must be installed (Debian: `redis-server`).

use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{process::Process, wait::until};

/// How often another port is tried when somebody else was faster.
const PORT_ATTEMPTS: usize = 5;

/// One server.
#[derive(Debug)]
pub struct RedisServer {
    process: Option<Process>,
    folder: TempDir,
    /// Where it listens on loopback.
    pub port: u16,
    has_tls: bool,
    arguments: Vec<String>,
    /// How `redis-cli` logs in.
    login: Vec<String>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl RedisServer {
    /// A server that lets everybody in.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// A server with more arguments, such as `["--requirepass", "s3cr3t"]`.
    #[must_use]
    pub fn with(arguments: &[&str]) -> Self {
        Self::launch(arguments, false)
    }

    /// A server that speaks only TLS, with a certificate for 127.0.0.1 and localhost that [`RedisServer::ca_file`] trusts.
    #[must_use]
    pub fn tls(arguments: &[&str]) -> Self {
        Self::launch(arguments, true)
    }

    fn launch(arguments: &[&str], has_tls: bool) -> Self {
        let mut login = Vec::new();
        if let Some(at) = arguments.iter().position(|argument| *argument == "--requirepass") {
            login = vec!["-a".to_owned(), arguments[at + 1].to_owned(), "--no-auth-warning".to_owned()];
        }
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { process: None, folder: TempDir::new().unwrap(), port: 0, has_tls, arguments, login };
        if has_tls {
            let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
            let made = rcgen::generate_simple_self_signed(names).unwrap();
            fs::write(server.ca_file(), made.cert.pem()).unwrap();
            fs::write(server.folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        }
        for _ in 0..PORT_ATTEMPTS {
            server.port = free_port();
            if server.run() {
                return server;
            }
        }
        panic!("redis-server finds no free port");
    }

    /// Starts the process on the port that was chosen; false when the port is taken.
    fn run(&mut self) -> bool {
        self.run_until("Ready to accept connections")
    }

    fn run_until(&mut self, word: &str) -> bool {
        let mut command = Process::command("redis-server");
        let port = self.port.to_string();
        // Given by file, so that `CONFIG REWRITE` works, which Sentinel needs.
        let config = self.folder.path().join("redis.conf");
        if !config.exists() {
            fs::write(&config, "").unwrap();
        }
        command.arg(&config).args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"]).arg(self.folder.path());
        if self.has_tls {
            command.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no", "--tls-cert-file"]);
            command.arg(self.ca_file()).arg("--tls-key-file").arg(self.folder.path().join("key.pem"));
            command.arg("--tls-ca-cert-file").arg(self.ca_file());
        } else {
            command.args(["--port", &port]);
        }
        command.args(&self.arguments);
        let mut process = Process::start(&format!("redis-server {port}"), command);
        let is_up = until("redis-server to listen", || {
            let log = process.log();
            match process.ended() {
                _ if log.contains(word) || log.contains("Sentinel ID is") => Ok(true),
                Some(_) if log.contains("Address already in use") => Ok(false),
                Some(status) => panic!("redis-server ended: {status}\n{log}"),
                None => Err(log),
            }
        });
        self.process = Some(process);
        is_up
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `redis://host:port`, or `rediss://` with TLS.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.has_tls { "rediss" } else { "redis" }, self.address())
    }

    /// The certificate of a server with TLS.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// Runs a command by `redis-cli` and returns what it prints, without the last newline. Each argument is one of Redis'.
    #[must_use]
    pub fn ask(&self, command: &[&str]) -> String {
        self.cli(&[], command)
    }

    /// As [`RedisServer::ask`], for commands whose answer does not matter but that it is no error.
    pub fn tell(&self, command: &[&str]) {
        let said = self.ask(command);
        let is_error = ["ERR ", "NOPERM ", "WRONGTYPE ", "NOAUTH ", "(error)"].iter().any(|word| said.starts_with(word));
        assert!(!is_error, "{command:?}: {said}");
    }

    /// Runs a command with options of `redis-cli` before it, such as `["-n", "1"]`.
    #[must_use]
    pub fn cli(&self, options: &[&str], command: &[&str]) -> String {
        let mut cli = Process::command("redis-cli");
        cli.args(["-p", &self.port.to_string()]).args(&self.login).args(options);
        if self.has_tls {
            cli.arg("--tls").arg("--cacert").arg(self.ca_file());
        }
        printed(cli.args(command))
    }

    /// Many commands in one go, as the lines of a file: `SET a 1`.
    pub fn feed(&self, lines: &str) {
        let file = self.folder.path().join("feed");
        fs::write(&file, lines.replace('\n', "\r\n")).unwrap();
        let mut cli = Process::command("redis-cli");
        cli.args(["-p", &self.port.to_string()]).args(&self.login).arg("--pipe").stdin(fs::File::open(file).unwrap());
        let said = printed(&mut cli);
        assert!(said.contains("errors: 0"), "{said}");
    }

    /// Ends it and starts it again on the same port, with nothing in it and its counters at zero.
    pub fn restart(&mut self) {
        self.stop();
        assert!(self.run(), "the port was taken meanwhile");
    }

    /// Ends it at once; its port refuses connections.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Starts it again after [`RedisServer::stop`].
    pub fn begin(&mut self) {
        assert!(self.run(), "the port was taken meanwhile");
    }

    /// Ends it and starts it again with what `SAVE` wrote, so slowly that it is still loading when this returns.
    pub fn begin_loading(&mut self) {
        self.stop();
        let arguments = self.arguments.clone();
        self.arguments
            .extend(["--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"].map(ToOwned::to_owned));
        assert!(self.run_until("Loading RDB"), "the port was taken meanwhile");
        self.arguments = arguments;
    }

    /// Makes it hang: connections are taken, nothing is answered.
    pub fn freeze(&mut self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Ends the hanging.
    pub fn thaw(&mut self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&mut self, signal: Signal) {
        self.process.as_mut().expect("it runs").signal(signal);
    }
}

fn printed(command: &mut Command) -> String {
    let output = command.stderr(Stdio::piped()).output().expect("redis-cli can be started");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text.trim_end_matches('\n').to_owned()
}

/// Three primaries that share the slots, without replicas.
#[derive(Debug)]
pub struct RedisCluster {
    /// Its nodes.
    pub nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts the nodes and joins them.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// As [`RedisCluster::start`], each node with more arguments.
    #[must_use]
    pub fn with(arguments: &[&str]) -> Self {
        let nodes: Vec<RedisServer> = (0..3)
            .map(|_| {
                let bus = free_port().to_string();
                let mut all = vec!["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "2000"];
                all.extend_from_slice(arguments);
                RedisServer::with(&all)
            })
            .collect();
        let mut command = vec!["--cluster".to_owned(), "create".to_owned()];
        command.extend(nodes.iter().map(RedisServer::address));
        command.extend(["--cluster-replicas", "0", "--cluster-yes"].map(ToOwned::to_owned));
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let said = nodes[0].cli(&[], &command);
        assert!(said.contains("All 16384 slots covered"), "{said}");
        for node in &nodes {
            until("the cluster to agree", || {
                let said = node.ask(&["CLUSTER", "INFO"]);
                if said.contains("cluster_state:ok") && said.contains("cluster_slots_ok:16384") { Ok(()) } else { Err(said) }
            });
        }
        Self { nodes }
    }

    /// `redis://` of its first node.
    #[must_use]
    pub fn url(&self) -> String {
        self.nodes[0].url()
    }
}

/// A master with two replicas and three Sentinels that call it `mymaster`.
#[derive(Debug)]
pub struct SentinelSet {
    /// The servers; the first is the master at the beginning.
    pub servers: Vec<RedisServer>,
    /// The Sentinels.
    pub sentinels: Vec<RedisServer>,
}

impl SentinelSet {
    /// Starts all and waits until the Sentinels know each other and the replicas.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[], &[])
    }

    /// As [`SentinelSet::start`], with more arguments for each server (for a password both `--requirepass` and
    /// `--masterauth`), and more lines for each Sentinel's file.
    #[must_use]
    pub fn with(arguments: &[&str], lines: &[&str]) -> Self {
        let mut servers = vec![RedisServer::with(arguments)];
        let port = servers[0].port.to_string();
        for _ in 0..2 {
            let mut all = vec!["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"];
            all.extend_from_slice(arguments);
            servers.push(RedisServer::with(&all));
        }
        until("the replicas to follow", || {
            let said = servers[0].ask(&["INFO", "replication"]);
            if said.matches("state=online").count() == 2 { Ok(()) } else { Err(said) }
        });
        let sentinels: Vec<RedisServer> = (0..3).map(|_| sentinel(&port, lines)).collect();
        for sentinel in &sentinels {
            until("the Sentinels to know each other", || {
                let said = sentinel.ask(&["SENTINEL", "MASTER", "mymaster"]);
                let value = |name: &str| said.lines().skip_while(|line| *line != name).nth(1).unwrap_or_default().to_owned();
                let is_ready = value("num-other-sentinels") == "2" && value("num-slaves") == "2" && value("flags") == "master";
                if is_ready { Ok(()) } else { Err(said) }
            });
        }
        Self { servers, sentinels }
    }

    /// `["host:port", ...]` of the Sentinels, as TOML.
    #[must_use]
    pub fn addresses(&self) -> String {
        let all: Vec<String> = self.sentinels.iter().map(|sentinel| format!("\"{}\"", sentinel.address())).collect();
        format!("[{}]", all.join(", "))
    }

    /// `host:port` of the master, as the Sentinels say.
    #[must_use]
    pub fn master(&self) -> String {
        self.sentinels[0].ask(&["SENTINEL", "get-master-addr-by-name", "mymaster"]).replace('\n', ":")
    }

    /// Makes a replica the master, and waits until the Sentinels say so.
    pub fn fail_over(&self) {
        let before = self.master();
        until("the Sentinels to begin a failover", || {
            let said = self.sentinels[0].ask(&["SENTINEL", "FAILOVER", "mymaster"]);
            if said == "OK" { Ok(()) } else { Err(said) }
        });
        until("a new master", || {
            let now = self.master();
            if now == before { Err(now) } else { Ok(()) }
        });
    }
}

fn sentinel(port: &str, lines: &[&str]) -> RedisServer {
    let mut server = RedisServer {
        process: None,
        folder: TempDir::new().unwrap(),
        port: 0,
        has_tls: false,
        arguments: vec!["--sentinel".to_owned()],
        login: Vec::new(),
    };
    let mut file = format!(
        "sentinel monitor mymaster 127.0.0.1 {port} 2\nsentinel down-after-milliseconds mymaster 1000\n\
         sentinel failover-timeout mymaster 5000\n"
    );
    for line in lines {
        file.push_str(line);
        file.push('\n');
        if let Some(password) = line.strip_prefix("requirepass ") {
            server.login = vec!["-a".to_owned(), password.to_owned(), "--no-auth-warning".to_owned()];
        }
    }
    fs::write(server.folder.path().join("redis.conf"), file).unwrap();
    for _ in 0..PORT_ATTEMPTS {
        server.port = free_port();
        if server.run() {
            return server;
        }
    }
    panic!("a Sentinel finds no free port");
}
