//! Probes against the real servers: Redis, PostgreSQL, MariaDB and RabbitMQ of Debian, started here on free ports.
//!
//! Needs root and the packages redis-server, postgresql, mariadb-server and rabbitmq-server:
//! `cargo test -p farol-agent --test probe`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code: a failure is the message")]

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use farol_agent::{
    clock::SystemClock,
    config::list::Item,
    intake::{self, Inlet},
    listen::{Context, Stop},
    probe::{Probe, once, setting::check_all},
    read::Roots,
    recorder::Recorder,
};
use farol_shared::{
    batch::SeriesKey,
    record::{CheckResult, CheckState},
    resource::{Resource, ResourceKind},
};

/// How long a server may take to start; RabbitMQ on a busy machine is the slowest.
const START_MAX: Duration = Duration::from_secs(90);

/// A server in a process group of its own, with its files in a directory of its own; both end with it.
struct Server {
    child: Child,
    dir: tempfile::TempDir,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).unwrap();
        nix::sys::signal::killpg(nix::unistd::Pid::from_raw(group), nix::sys::signal::Signal::SIGKILL).unwrap();
        self.child.wait().unwrap();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A directory that belongs to `user`, as the server will not run as root.
fn dir_of(user: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    run(Command::new("chown").arg(user).arg(dir.path()));
    dir
}

fn as_user(user: &str, program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("runuser");
    command.args(["-u", user, "--"]).arg(program.as_ref()).current_dir("/");
    command
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

fn start(command: &mut Command, dir: tempfile::TempDir, port: u16) -> Server {
    let log = fs::File::create(dir.path().join("log")).unwrap();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
    Server { child: command.spawn().unwrap(), dir, port }
}

impl Server {
    /// Checks until `is_it` holds; the last result tells when it never does.
    fn until(&self, word: &str, is_it: impl Fn(&CheckResult) -> bool) -> CheckResult {
        let began = std::time::Instant::now();
        loop {
            let result = self.check(word);
            if is_it(&result) {
                return result;
            }
            let log = || fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            assert!(began.elapsed() < START_MAX, "{result:?}\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn check(&self, word: &str) -> CheckResult {
        let probe = Probe::from_word(&word.replace("PORT", &self.port.to_string())).unwrap();
        check(&probe)
    }
}

fn check(probe: &Probe) -> CheckResult {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(once(probe, &Roots::new("/"), &SystemClock))
}

fn is_online(result: &CheckResult) -> bool {
    result.state == CheckState::Online
}

fn assert_online(result: &CheckResult, detail: &str) {
    assert!(is_online(result) && result.is_success && result.latency_s.is_some(), "{result:?}");
    assert_eq!(result.detail, detail);
}

fn assert_offline(result: &CheckResult, words: &str) {
    assert!(result.state == CheckState::Offline && !result.is_success, "{result:?}");
    assert!(result.detail.contains(words), "{result:?}");
}

fn redis(arguments: &[&str]) -> Server {
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--save", "", "--dir"]).arg(dir.path()).args(arguments);
    start(&mut command, dir, port)
}

#[test]
fn redis_answers_ping_with_and_without_a_password() {
    let open = redis(&[]);
    assert_online(&open.until("redis://127.0.0.1:PORT", is_online), "");
    assert_offline(&open.check("redis://:wrong@127.0.0.1:PORT"), "without any password configured");
    let closed = redis(&["--requirepass", "se cret"]);
    closed.until("redis://:se%20cret@127.0.0.1:PORT", is_online);
    assert_online(&closed.check("redis://127.0.0.1:PORT"), "asks for a password; none is configured");
    assert_online(&closed.check("redis://default:se%20cret@127.0.0.1:PORT"), "");
    assert_offline(&closed.check("redis://:wrong@127.0.0.1:PORT"), "WRONGPASS");
    let file = closed.dir.path().join("password");
    fs::write(&file, "se cret\n").unwrap();
    let mut probes = [Probe::from_word(&format!("redis://127.0.0.1:{}", closed.port)).unwrap()];
    probes[0].password = farol_agent::probe::setting::Password::Variable("REDIS".to_owned());
    assert!(check_all(&mut probes, &BTreeMap::from([("REDIS".to_owned(), "se cret".to_owned())])).is_empty());
    assert_online(&check(&probes[0]), "");
    probes[0].password = farol_agent::probe::setting::Password::File(file);
    assert_online(&check(&probes[0]), "");
}

fn postgres_program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("install postgresql");
    versions.map(|entry| entry.unwrap().path().join("bin").join(name)).find(|path| path.exists()).unwrap()
}

fn postgres(method: &str, encryption: &str) -> Server {
    let (dir, port) = (dir_of("postgres"), free_port());
    let data = dir.path().join("data");
    run(as_user("postgres", postgres_program("initdb")).args(["-A", "trust", "-N", "-D"]).arg(&data));
    let rules = format!("local all all trust\nhost all trusted all trust\nhost all all all {method}\n");
    fs::write(data.join("pg_hba.conf"), rules).unwrap();
    let mut command = as_user("postgres", postgres_program("postgres"));
    command.arg("-D").arg(&data).args(["-p", &port.to_string(), "-k"]).arg(dir.path());
    command.args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=20", "-c", "superuser_reserved_connections=1"]);
    let server = start(command.args(["-c", &format!("password_encryption={encryption}")]), dir, port);
    server.until("postgres://127.0.0.1:PORT", is_online);
    for sql in [
        "create user me password 'p@ss, word'",
        "create user trusted",
        "create database app owner me",
        "revoke connect on database postgres from public",
    ] {
        let port = port.to_string();
        run(as_user("postgres", "/usr/bin/psql").args(["-qX", "-h"]).arg(server.dir.path()).args(["-p", &port, "-c", sql]));
    }
    server
}

#[test]
fn postgres_lets_the_probe_in_by_every_method() {
    for (method, encryption) in
        [("scram-sha-256", "scram-sha-256"), ("md5", "md5"), ("md5", "scram-sha-256"), ("password", "md5")]
    {
        let server = postgres(method, encryption);
        assert_online(&server.check("postgres://me:p%40ss%2C%20word@127.0.0.1:PORT/app"), "");
        assert_offline(&server.check("postgres://me:wrong@127.0.0.1:PORT/app"), "password authentication failed");
        assert_offline(&server.check("postgres://me:p%40ss%2C%20word@127.0.0.1:PORT/none"), "\"none\" does not exist");
        assert_online(&server.check("postgres://127.0.0.1:PORT"), "");
        assert_online(&server.check("postgres://me@127.0.0.1:PORT/app"), "asks for a password; none is configured");
        assert_online(&server.check("postgres://trusted@127.0.0.1:PORT/app"), "");
        assert_offline(&server.check("postgres://me:x@127.0.0.1:PORT/app?sslmode=require"), "offers no TLS");
    }
}

#[test]
fn postgres_tells_the_statistics_of_its_databases() {
    let server = postgres("scram-sha-256", "scram-sha-256");
    let mut probe = Probe::from_word(&format!("database=postgres://me:p%40ss%2C%20word@127.0.0.1:{}/app", server.port)).unwrap();
    probe.interval = Duration::from_secs(1);
    let (stop, stopped) = Stop::new();
    let settings = intake::Settings { service: "s".into(), environment: None, tenant: None, slow_s: 0.5 };
    let inlet = Inlet::new(settings);
    let context = Context { inlet: inlet.clone(), clock: Arc::new(SystemClock), roots: Rc::new(Roots::new("/")), stop: stopped };
    let mut recorder = Recorder::new();
    let resource =
        Resource { key: "host:a".into(), kind: ResourceKind::Host, parent: None, tenant: None, attributes: BTreeMap::new() };
    let own = recorder.resource(resource);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let serving = tokio::task::spawn_local(farol_agent::probe::serve(probe, context));
        loop {
            inlet.open().drain(&mut recorder, own, true);
            let row = recorder.take_rows().remove(0).0;
            let series = &recorder.tables().0[0].series;
            let of = |metric: &str, database: Option<&str>| {
                let is_it = |(key, value): &(String, String)| key == "db.namespace" && Some(value.as_str()) == database;
                let is_right = |one: &SeriesKey| one.metric == metric && (database.is_none() || one.attributes.iter().any(is_it));
                series.iter().position(is_right).map(|index| row[index])
            };
            if let Some(size) = of("postgresql.db_size", Some("app")) {
                assert!(size > 1e6, "{size}");
                assert_eq!(of("postgresql.backends", Some("app")), Some(1.0), "the probe's own");
                assert!(of("postgresql.db_size", Some("postgres")).is_none_or(f64::is_nan), "it may not connect there");
                assert_eq!(of("postgresql.connection.max", None), Some(20.0));
                assert_eq!(of("farol.check.state", None), Some(1.0));
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stop.send_replace(true);
        serving.await.unwrap().unwrap();
    });
}

#[test]
fn postgres_without_room_is_degraded() {
    let server = postgres("trust", "scram-sha-256");
    // One after the other, each answered or refused before the next: those that race for the last place can all be refused it.
    let hold = || {
        let mut command = as_user("postgres", "/usr/bin/psql");
        command.args(["-qXAt", "-h", "127.0.0.1", "-p", &server.port.to_string(), "-U", "trusted", "app"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        // One that is refused may be gone before it reads this.
        drop(std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"select 1;\n"));
        let mut answer = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.as_mut().unwrap()), &mut answer).unwrap();
        (child, answer == "1\n")
    };
    let mut holders: Vec<Child> = Vec::new();
    loop {
        assert!(holders.len() <= 20, "it has room for 20");
        let (holder, is_in) = hold();
        holders.push(holder);
        if !is_in {
            break;
        }
    }
    let full = server.until("postgres://trusted@127.0.0.1:PORT/app", |result| !is_online(result));
    assert!(full.state == CheckState::Degraded && !full.is_success, "{full:?}");
    assert!(full.detail.contains("connection"), "{full:?}");
    for holder in &mut holders {
        drop(holder.stdin.take());
        holder.wait().unwrap();
    }
    server.until("postgres://trusted@127.0.0.1:PORT/app", is_online);
}

#[test]
fn mariadb_greets_and_lets_in_or_not() {
    let (dir, port) = (dir_of("mysql"), free_port());
    let data = dir.path().join("data");
    run(Command::new("mariadb-install-db").args(["--user=mysql", "--skip-test-db"]).arg(format!("--datadir={}", data.display())));
    let socket = dir.path().join("s");
    let mut command = Command::new("mariadbd");
    command.args(["--no-defaults", "--user=mysql", "--bind-address=127.0.0.1", "--max-connect-errors=3"]);
    command.arg(format!("--datadir={}", data.display())).arg(format!("--socket={}", socket.display()));
    let server = start(command.arg(format!("--port={port}")), dir, port);
    server.until("mysql://127.0.0.1:PORT", is_online);
    let sql = "create user me@'127.0.0.1' identified by 'p@ss'; create database app; grant all on app.* to me@'127.0.0.1'";
    run(Command::new("mariadb").arg(format!("--socket={}", socket.display())).args(["-e", sql]));
    // Far more than the connection errors that this server forgives.
    for _ in 0..10 {
        assert_online(&server.check("mysql://127.0.0.1:PORT"), "");
    }
    assert_online(&server.check("mysql://me:p%40ss@127.0.0.1:PORT/app"), "");
    assert_offline(&server.check("mysql://me:wrong@127.0.0.1:PORT/app"), "Access denied for user 'me'");
    assert_offline(&server.check("mysql://me:p%40ss@127.0.0.1:PORT/none"), "none");
}

#[test]
fn rabbitmq_starts_and_lets_in_or_not() {
    let (dir, port) = (dir_of("rabbitmq"), free_port());
    // RabbitMQ would start one that outlives it.
    let mapper_port = free_port();
    let mut mapper = as_user("rabbitmq", "/usr/bin/epmd");
    mapper.args(["-address", "127.0.0.1", "-port", &mapper_port.to_string()]);
    let _mapper = start(&mut mapper, dir_of("rabbitmq"), mapper_port);
    let path = |name: &str| dir.path().join(name);
    fs::write(path("conf"), "loopback_users = none\n").unwrap();
    let mut command = as_user("rabbitmq", "/usr/lib/rabbitmq/bin/rabbitmq-server");
    command
        .env("HOME", dir.path())
        .env("RABBITMQ_NODENAME", format!("farol{port}@localhost"))
        .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODE_PORT", port.to_string())
        .env("RABBITMQ_DIST_PORT", free_port().to_string())
        .env("ERL_EPMD_PORT", mapper_port.to_string())
        .env("RABBITMQ_MNESIA_BASE", path("data"))
        .env("RABBITMQ_LOG_BASE", path("logs"))
        .env("RABBITMQ_CONFIG_FILE", path("conf"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", path("plugins"));
    let server = start(&mut command, dir, port);
    server.until("amqp://guest:guest@127.0.0.1:PORT", is_online);
    assert_online(&server.check("amqp://127.0.0.1:PORT"), "");
    assert_online(&server.check("amqp://guest:guest@127.0.0.1:PORT/%2F"), "");
    assert_offline(&server.check("amqp://guest:wrong@127.0.0.1:PORT"), "403 ACCESS_REFUSED");
    assert_offline(&server.check("amqp://guest:guest@127.0.0.1:PORT/none"), "");
    let worker = Probe::from_word("process:beam.smp").unwrap();
    assert!(is_online(&check(&worker)));
}
