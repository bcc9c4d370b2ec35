//! A real RabbitMQ with its management plugin, of the package rabbitmq-server: one of its own for each handle, with its own
//! port mapper, ports and files, beside whatever the machine runs.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    http::{Answer, Client},
    server_process::{ServerProcess, as_user, dir_of, free_port, run},
    wait::until_within,
};

/// The user that the server runs as.
const USER: &str = "rabbitmq";

/// Where the package keeps its programs.
const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";

/// How long it may take to start on a busy machine; alone it takes 12 s.
const START_MAX: Duration = Duration::from_secs(180);

/// `Authorization` of `guest` with password `guest`, who may do everything.
const GUEST: &str = "Basic Z3Vlc3Q6Z3Vlc3Q=";

/// A running RabbitMQ. The user `guest`, password `guest`, is its administrator.
#[derive(Debug)]
pub struct RabbitMq {
    server: ServerProcess,
    /// Port of AMQP on 127.0.0.1.
    pub port: u16,
    /// Port of the management API on 127.0.0.1, by plain HTTP.
    pub management_port: u16,
    mapper_port: u16,
    _mapper: ServerProcess,
}

impl RabbitMq {
    /// Starts one and waits until AMQP and the management API answer. Blocks.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// As [`RabbitMq::start`], with more lines for its configuration file.
    #[must_use]
    pub fn start_with(lines: &str) -> Self {
        let mapper_port = free_port();
        // RabbitMQ would start one that outlives it.
        let mut mapper = as_user(USER, "/usr/bin/epmd");
        mapper.args(["-address", "127.0.0.1", "-port", &mapper_port.to_string()]);
        let mapper = ServerProcess::start("epmd", &mut mapper, dir_of(USER));
        let (dir, port, management_port) = (dir_of(USER), free_port(), free_port());
        let settings = format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management_port}\n\
             loopback_users = none\ncollect_statistics_interval = 1000\n{lines}\n"
        );
        fs::write(dir.path().join("conf"), settings).unwrap();
        fs::write(dir.path().join("plugins"), "[rabbitmq_management].\n").unwrap();
        let mut command = as_user(USER, format!("{PROGRAMS}/rabbitmq-server"));
        let environment = |name: &str| dir.path().join(name);
        command
            .env("HOME", dir.path())
            .env("RABBITMQ_NODENAME", node(port))
            .env("RABBITMQ_DIST_PORT", free_port().to_string())
            .env("ERL_EPMD_PORT", mapper_port.to_string())
            .env("RABBITMQ_MNESIA_BASE", environment("data"))
            .env("RABBITMQ_LOG_BASE", environment("logs"))
            .env("RABBITMQ_CONFIG_FILE", environment("conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", environment("plugins"))
            // An idle Erlang would spin for a while in the hope of work.
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+sbwt none +sbwtdcpu none +sbwtdio none");
        let server = ServerProcess::start("rabbitmq", &mut command, dir);
        let started = Self { server, port, management_port, mapper_port, _mapper: mapper };
        started.wait_ready();
        started
    }

    fn wait_ready(&self) {
        until_within(START_MAX, "RabbitMQ to start", || {
            let of = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let answer = self.client().send("GET", "/api/overview", &[], &[]).map_err(|error| error.to_string())?;
            if answer.status != 200 {
                return Err(answer.text());
            }
            TcpStream::connect(of(self.port)).map(drop).map_err(|error| error.to_string())
        });
    }

    /// `amqp://guest:guest@127.0.0.1:PORT//`.
    #[must_use]
    pub fn amqp_url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}//", self.port)
    }

    /// `http://127.0.0.1:PORT`, where the management API is.
    #[must_use]
    pub fn management_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.management_port)
    }

    /// A client of the management API as `guest`.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new((Ipv4Addr::LOCALHOST, self.management_port).into())
            .with("Authorization", GUEST)
            .with("Content-Type", "application/json")
    }

    /// Asks the management API as `guest` and expects success.
    pub fn manage(&self, method: &str, path: &str, body: &Value) -> Answer {
        manage(&mut self.client(), method, path, body)
    }

    /// Declares a durable queue in the virtual host `/`.
    pub fn declare(&self, queue: &str) {
        declare(&mut self.client(), queue);
    }

    /// Declares many durable queues in the virtual host `/` by one connection.
    pub fn declare_all<'a>(&self, queues: impl IntoIterator<Item = &'a str>) {
        let mut client = self.client();
        for queue in queues {
            declare(&mut client, queue);
        }
    }

    /// Publishes messages to a queue of the virtual host `/`, which must exist.
    pub fn publish(&self, queue: &str, count: usize) {
        let mut client = self.client();
        let message = json!({
            "properties": {}, "routing_key": queue, "payload": "a message", "payload_encoding": "string",
        });
        for _ in 0..count {
            let answer = manage(&mut client, "POST", "/api/exchanges/%2F/amq.default/publish", &message).json();
            assert_eq!(answer["routed"], true, "nobody takes messages for {queue}");
        }
    }

    /// Adds a user with a password and a tag such as `monitoring`, who may do nothing in any virtual host yet.
    pub fn add_user(&self, name: &str, password: &str, tags: &str) {
        self.manage("PUT", &format!("/api/users/{name}"), &json!({ "password": password, "tags": tags }));
    }

    /// Lets a user read everything in the virtual host `/`, and change nothing.
    pub fn let_read(&self, name: &str) {
        let rights = json!({ "configure": "^$", "write": "^$", "read": ".*" });
        self.manage("PUT", &format!("/api/permissions/%2F/{name}"), &rights);
    }

    /// Runs `rabbitmqctl` with these words and returns what it printed.
    pub fn ctl(&self, words: &[&str]) -> String {
        self.tool("rabbitmqctl", words)
    }

    /// Runs `rabbitmq-plugins` with these words and returns what it printed.
    pub fn plugins(&self, words: &[&str]) -> String {
        self.tool("rabbitmq-plugins", words)
    }

    fn tool(&self, program: &str, words: &[&str]) -> String {
        let mut command: Command = as_user(USER, format!("{PROGRAMS}/{program}"));
        command
            .env("HOME", self.server.dir.path())
            .env("ERL_EPMD_PORT", self.mapper_port.to_string())
            .env("RABBITMQ_NODENAME", node(self.port))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", self.server.dir.path().join("plugins"));
        run(command.args(words))
    }
}

fn node(port: u16) -> String {
    format!("farol{port}@localhost")
}

fn manage(client: &mut Client, method: &str, path: &str, body: &Value) -> Answer {
    let answer =
        client.send(method, path, &[], body.to_string().as_bytes()).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    assert!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text());
    answer
}

fn declare(client: &mut Client, queue: &str) {
    manage(client, "PUT", &format!("/api/queues/%2F/{queue}"), &json!({ "durable": true }));
}
