//! Starts a collector on a free port with a folder of its own, and speaks HTTP and WebSocket to it.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use farol_collector::{
    clock::SystemClock,
    config::{AccessSettings, AlertSettings, HttpSettings, Retention, Settings, Transport},
    run,
};
use farol_shared::{
    batch::{Batch, SeriesKey, Table, Tables},
    clock::Clock as _,
    frame::{Frame, Row},
    metric::Kind,
    resource::{Resource, ResourceKind},
    secret::Secret,
    wire,
};
use serde_bytes::ByteBuf;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const AGENT_TOKEN: &str = "an-agents-token-for-tests";

/// A wait that fails the test instead of hanging it; far longer than anything takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), run::RunError>>,
}

pub(crate) fn settings(dir: &Path) -> Settings {
    Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        data_dir: dir.to_owned(),
        public_url: None,
        self_watch: false,
        log: "warn".to_owned(),
        transport: Transport::default(),
        access: AccessSettings {
            admin_password: Some(Secret::new(PASSWORD)),
            agent_token: Some(Secret::new(AGENT_TOKEN)),
            session_idle: Duration::from_secs(3_600),
            session_max: Duration::from_secs(3_600),
            token_lifetime: Duration::from_secs(3_600),
            secure_cookie: false,
            ..AccessSettings::default()
        },
        retention: Retention {
            raw: Duration::from_secs(2 * 86_400),
            minute: Duration::from_secs(30 * 86_400),
            hour: Duration::from_secs(730 * 86_400),
        },
        http: HttpSettings { connections_max: 100, listeners_max: 10 },
        pull: Vec::new(),
        checks: Vec::new(),
        alerts: AlertSettings::default(),
    }
}

impl Collector {
    pub(crate) async fn start(settings: Settings) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = oneshot::channel();
        let task = tokio::spawn(async move {
            let (clock, nobody) = (Arc::new(SystemClock), farol_agent::manager::Manager::default());
            let stop = async { drop(stopped.await) };
            run::serve(settings, clock, &nobody, move |address, _| ready.send(address).unwrap(), stop).await
        });
        let Ok(address) = timeout(LONG, started).await.unwrap() else { panic!("{:?}", task.await) };
        Self { address, stop, task }
    }

    pub(crate) async fn fresh() -> (Self, TempDir) {
        let dir = TempDir::new().unwrap();
        (Self::start(settings(dir.path())).await, dir)
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(LONG, self.task).await.unwrap().unwrap().unwrap();
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        timeout(LONG, ask(self.address, method, path, headers, body)).await.unwrap()
    }

    /// Posts a body as an agent.
    pub(crate) async fn post(&self, body: &[u8], headers: &[(&str, &str)]) -> Reply {
        let bearer = format!("Bearer {AGENT_TOKEN}");
        let mut all = vec![("authorization", bearer.as_str()), ("content-type", wire::CONTENT_TYPE)];
        all.retain(|(name, _)| headers.iter().all(|(given, _)| given != name));
        all.extend_from_slice(headers);
        self.ask("POST", wire::PATH, &all, body).await
    }

    /// Posts a batch and expects it to be stored.
    pub(crate) async fn store(&self, batch: &Batch) -> wire::Ack {
        let reply = self.post(&wire::encode(batch), &[]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        wire::decode_ack(&reply.body).unwrap()
    }

    /// Signs in as the administrator.
    pub(crate) async fn sign_in(&self) -> String {
        let body = serde_json::json!({ "username": "admin", "password": PASSWORD }).to_string();
        let reply = self.ask("POST", "/api/auth/login", &[("content-type", "application/json")], body.as_bytes()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    /// Asks with a login's token and expects JSON.
    pub(crate) async fn json(&self, token: &str, path: &str) -> Value {
        let reply = self.ask("GET", path, &[("authorization", &format!("Bearer {token}"))], b"").await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        reply.json()
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

async fn ask(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // A refusal may come before the whole body is taken.
    drop(stream.write_all(body).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| panic!("no answer to {method} {path}"));
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Reply { status, headers, body: answer[end + 4..].to_vec() }
}

pub(crate) fn now_ms() -> i64 {
    SystemClock.now_ms()
}

pub(crate) fn resource(key: &str) -> Resource {
    let name = key.split_once(':').map_or(key, |(_, name)| name).to_owned();
    Resource {
        key: key.to_owned(),
        kind: ResourceKind::Host,
        parent: None,
        tenant: None,
        attributes: BTreeMap::from([("host.name".to_owned(), name)]),
    }
}

pub(crate) fn key(metric: &str, unit: &str, kind: Kind) -> SeriesKey {
    SeriesKey { metric: metric.to_owned(), unit: unit.to_owned(), kind, attributes: Vec::new() }
}

/// A batch of one host with a gauge (available memory) and a counter (context switches).
pub(crate) fn batch(agent: &str, boot: u64, seq: u64, frames: &[(i64, f64, f64)]) -> Batch {
    let series = vec![
        key("system.linux.memory.available", "By", Kind::Gauge),
        key("system.linux.context_switches", "{switch}", Kind::Counter),
    ];
    let tables = Tables(vec![Table { resource: resource(agent), series }]);
    Batch {
        agent: agent.to_owned(),
        boot,
        seq,
        interval_ms: 1_000,
        taken: seq * 2 * frames.len() as u64,
        lost: Vec::new(),
        tables: ByteBuf::from(wire::encode_tables(&tables)),
        frames: frames
            .iter()
            .map(|(time_ms, gauge, counter)| Frame {
                time_ms: *time_ms,
                rows: vec![Row(vec![*gauge, *counter])],
                records: Vec::new(),
            })
            .collect(),
    }
}
