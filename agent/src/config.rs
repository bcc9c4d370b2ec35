//! The agent's configuration: as written in the file and the environment, then checked into [`Settings`].
//!
//! Checking collects all faults, so that one start tells everything that is wrong. [`OPTIONS`] is the one list of what
//! can be set; `docs/CONFIG.md` is generated from it.

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use farol_shared::{
    config::{Alias, ConfigError, Span, Vars, credential, load, secret_path},
    limit,
    secret::Secret,
};

use crate::{
    exec::ExecSettings,
    listen::{self, logs::Log, proxy::Proxy, scrape::Scrape, statsd},
    probe::{Probe, setting},
    send::{Target, Token},
};

pub mod list;
mod shown;
mod written;

use written::Written;

/// The file that is read when no other is named. Only this one may be missing.
pub const FILE: &str = "/etc/farol/agent.toml";

/// One thing that can be set.
#[derive(Debug, Clone, Copy)]
pub struct Opt {
    /// Dotted key in the file.
    pub key: &'static str,
    /// Short name of the variable, if it has one. Every key also has the long one, `FAROL_<SECTION>__<KEY>`.
    pub var: Option<&'static str>,
    /// What holds when it is not set, for people.
    pub default: &'static str,
    /// What it does, in one or two sentences.
    pub meaning: &'static str,
}

const fn opt(key: &'static str, var: &'static str, default: &'static str, meaning: &'static str) -> Opt {
    let var = if var.is_empty() { None } else { Some(var) };
    Opt { key, var, default, meaning }
}

/// Everything that can be set, in the order of the documentation.
pub const OPTIONS: &[Opt] = &[
    opt(
        "send.url",
        "FAROL_COLLECTOR_URL",
        "none; required",
        "Address of the collector: http or https, host, port, and a path prefix if a proxy adds one.",
    ),
    opt(
        "send.token",
        "FAROL_TOKEN",
        "none; this or a token file is required",
        "Agent token, made by `farol-collector token create NAME`.",
    ),
    opt(
        "send.token_file",
        "FAROL_TOKEN_FILE",
        "`token` in CREDENTIALS_DIRECTORY, if systemd gives one",
        "File that holds the token; a relative path is the name of a credential. It is read again when the collector refuses the token, so it can be replaced at any time.",
    ),
    opt(
        "send.ca_file",
        "FAROL_CA_FILE",
        "the system's certificates",
        "PEM file with the only certificate authorities to trust for an https address.",
    ),
    opt("send.timeout", "", "10s", "Longest wait for a connection, and then for an answer."),
    opt(
        "name",
        "FAROL_NAME",
        "found out: the host's or the container's name",
        "Name of this agent and of what it runs in. Must be unique within one collector and stay the same over restarts.",
    ),
    opt("resource.service", "FAROL_SERVICE", "OTEL_SERVICE_NAME", "Name of the service that runs here (`service.name`)."),
    opt("resource.tenant", "FAROL_TENANT", "none", "Tenant that everything measured here belongs to."),
    opt(
        "resource.environment",
        "FAROL_ENVIRONMENT",
        "from OTEL_RESOURCE_ATTRIBUTES",
        "Deployment environment, such as production (`deployment.environment.name`).",
    ),
    opt(
        "resource.attributes",
        "OTEL_RESOURCE_ATTRIBUTES",
        "none",
        "Further attributes of the resource: a table in the file, `key=value,key=value` in the variable.",
    ),
    opt("interval", "FAROL_INTERVAL", "1s", "Time between two readings, 100ms to 5m."),
    opt(
        "live_interval",
        "FAROL_LIVE_INTERVAL",
        "100ms",
        "Time between two readings while somebody watches on the page. The value of `interval` or more forbids the boost.",
    ),
    opt(
        "spool.dir",
        "FAROL_SPOOL_DIR",
        "the first of STATE_DIRECTORY, else none",
        "Directory that keeps what could not be delivered yet. Without one it is kept in memory only and lost with the agent.",
    ),
    opt(
        "spool.max",
        "FAROL_SPOOL_MAX",
        "64MiB",
        "Most space of all that waits for delivery. When it is full, the oldest is dropped and counted.",
    ),
    opt(
        "spool.memory",
        "FAROL_SPOOL_MEMORY",
        "4MiB",
        "Most memory of what waits for delivery. Beyond it, it goes to `spool.dir`; without one, the oldest is dropped and counted.",
    ),
    opt(
        "listen.http",
        "FAROL_HTTP_LISTEN",
        "127.0.0.1:4318",
        "Address for OTLP/HTTP and for `/v1/requests`, `/v1/events`, `/v1/metrics`, `/v1/logs`; `off` for none. Anyone who reaches it may write, so keep it on loopback.",
    ),
    opt(
        "listen.socket",
        "FAROL_SOCKET",
        "`farol.sock` in RUNTIME_DIRECTORY, else none",
        "Path of the Unix datagram socket to which the middlewares send; `off` for none.",
    ),
    opt("listen.statsd", "FAROL_STATSD_LISTEN", "127.0.0.1:8125", "UDP address for StatsD and DogStatsD; `off` for none."),
    opt(
        "listen.statsd_socket",
        "FAROL_STATSD_SOCKET",
        "none",
        "Path of a Unix datagram socket for StatsD and DogStatsD; `off` for none.",
    ),
    opt(
        "statsd.signed_gauge",
        "FAROL_STATSD_SIGNED_GAUGE",
        "relative",
        "What a sign before the value of a gauge means: `relative` moves the gauge (StatsD), `absolute` belongs to the value (DogStatsD).",
    ),
    opt(
        "statsd.requests",
        "FAROL_STATSD_REQUESTS",
        "none",
        "Timers that are requests rather than series: names of metrics with commas between them, or `[[statsd.requests]]` tables with `metric`, `unit` (of histograms: `ms`, `s`), and the names of the tags that hold `route`, `method`, `status`, `tenant` and `exception`.",
    ),
    opt("requests.slow", "FAROL_SLOW", "500ms", "Requests that take longer travel whole."),
    opt(
        "events.private",
        "FAROL_EVENTS_PRIVATE",
        "mask",
        "What happens to personal fields of events (to, from, prompt, response, customer, user): `mask` keeps nothing of their values, `keep` sends them whole.",
    ),
    opt(
        "proxy",
        "FAROL_PROXY",
        "none",
        "Reverse proxies that time every request: `LISTEN=UPSTREAM`, with commas between several; the upstream is `host:port` or `unix:/path`. In the file `[[proxy]]` tables with `listen`, `upstream`, `service`, `connect_timeout` (5s), `answer_timeout` (60s), `idle_timeout` (10m), `drain` (10s), `connections_max` (400), `trust_forwarded` (false), `traceparent` (true), `tenant_header`, `user_header`.",
    ),
    opt(
        "logs",
        "FAROL_LOGS",
        "none",
        "Logs to follow, with commas between several: a path with `*`, `docker:` (or `docker:DIRECTORY`), `journald:` (or `journald:unit=app.service;unit=db.service`). In the file tables `[[logs]]` with `path`, `docker` or `journald` and `units`, and `service`, `multiline` (true), `start` (`end`, or `beginning` for what is seen for the first time). Positions are kept in `spool.dir`.",
    ),
    opt(
        "scrape",
        "FAROL_SCRAPE",
        "none",
        "Local Prometheus endpoints to read: addresses with commas between them, or `[[scrape]]` tables with `url`, `interval` (15s; 1s to 2m), `timeout` (10s, at most the interval), `allow` (names to take, `*` for any text; all), `series_max` (1000) and `labels` to add. Each series gets the label `instance`.",
    ),
    opt(
        "probes",
        "FAROL_PROBES",
        "none",
        "Health checks to do, with commas between several: `NAME=ADDRESS` or the address alone (http, https, tcp, tls, redis, rediss, postgres, mysql, amqp, amqps), `process:NAME` or `command:PATH ARGUMENTS`. A comma within an address is `%2C`. In the file, tables `[[probes]]` with `name`, `target`, `interval` (10s), `timeout` (3s), `failures` (3) before offline, `successes` (2) before online again, `slow`, `user`, `password_file` or `password_env`, `ca_file`, `warn_days` (14), `method`, `status` (200-399), `body_contains`, `headers` and `args`.",
    ),
    opt(
        "exec.grace",
        "FAROL_EXEC_GRACE",
        "none: whoever stops the container decides",
        "How long the command of `farol-agent exec` may take to end after SIGTERM, SIGINT or SIGQUIT before it is killed. A little less than the container's own limit leaves time to deliver the last data.",
    ),
    opt("root", "FAROL_ROOT", "/", "Where the machine's own root is mounted: /proc and /sys are read below it."),
    opt("log", "FAROL_LOG", "info", "How much is logged: error, warn, info, debug or trace."),
];

/// Everything that is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub struct Faults(pub Vec<ConfigError>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl From<ConfigError> for Faults {
    fn from(fault: ConfigError) -> Self {
        Self(vec![fault])
    }
}

/// How the agent's own resource is described, as far as it is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// Name of the agent and its resource, if it is not to be found out.
    pub name: Option<String>,
    /// Put behind the key of the own resource, so that an agent inside another program and a proper one on the same
    /// machine are two. Empty for a proper one.
    pub key_suffix: &'static str,
    /// Tenant, if any.
    pub tenant: Option<String>,
    /// Attributes, `service.name` and `deployment.environment.name` included.
    pub attributes: BTreeMap<String, String>,
}

/// Bounds of the spool and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolSettings {
    /// Directory, or memory only.
    pub dir: Option<PathBuf>,
    /// Most bytes on disk.
    pub disk_bytes_max: u64,
    /// Most bytes in memory.
    pub memory_bytes_max: u64,
}

/// How requests are taken in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RequestSettings {
    /// Requests that take longer travel whole, in seconds.
    pub slow_s: f64,
}

/// The checked configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to deliver; `None` only for an agent inside another program.
    pub target: Option<Target>,
    /// What is said about the own resource.
    pub described: Described,
    /// Time between two readings, in milliseconds.
    pub interval_ms: u64,
    /// Time between two readings while somebody watches, in milliseconds; at most `interval_ms`.
    pub live_interval_ms: u64,
    /// What waits for delivery.
    pub spool: SpoolSettings,
    /// What applications tell, and where.
    pub listen: listen::Settings,
    /// How it is taken in, but for the service's name, which may have to be found out.
    pub requests: RequestSettings,
    /// How the command of `exec` is ended.
    pub exec: ExecSettings,
    /// Prefix of /proc and /sys.
    pub root: PathBuf,
    /// Most detailed level that is logged.
    pub log: tracing::Level,
    /// Whether the agent lives inside another program, whose memory and CPU time are then not the agent's own.
    pub is_embedded: bool,
}

impl Settings {
    /// The settings of an agent that lives inside another program: the defaults, in memory, with no target.
    #[must_use]
    pub fn embedded() -> Self {
        check(Written::default(), &BTreeMap::new(), false).expect("the defaults are right, a test shows it")
    }

    /// Reads a file (name and text) and the environment.
    ///
    /// # Errors
    /// All [`Faults`], each with its key.
    pub fn load(file: Option<(&str, &str)>, vars: &dyn Vars) -> Result<Self, Faults> {
        let aliases: Vec<Alias> = OPTIONS.iter().filter_map(|option| Some(Alias { var: option.var?, key: option.key })).collect();
        let written: Written = load(file, vars, &aliases)?;
        check(written, vars, true)
    }
}

/// Collects faults, each under its key.
struct Checker(Vec<ConfigError>);

impl Checker {
    fn fault(&mut self, key: &str, message: impl fmt::Display) {
        self.0.push(ConfigError::Value { key: key.to_owned(), message: message.to_string() });
    }

    fn interval(&mut self, key: &str, span: Span) -> u64 {
        let (min, max) = (limit::INTERVAL_MS_MIN, limit::INTERVAL_MS_MAX);
        if !(min..=max).contains(&span.ms()) {
            let ms = |ms| Span(Duration::from_millis(ms));
            self.fault(key, format_args!("{span} is out of bounds: choose {} to {}", ms(min), ms(max)));
        }
        span.ms()
    }
}

fn check(written: Written, vars: &dyn Vars, needs_target: bool) -> Result<Settings, Faults> {
    let mut checker = Checker(Vec::new());
    let interval_ms = checker.interval("interval", written.interval);
    let live_interval_ms = checker.interval("live_interval", written.live_interval).min(interval_ms);
    let target = if needs_target || written.send.url.is_some() { check_target(&mut checker, &written.send, vars) } else { None };
    let log = match written.log.as_str() {
        "error" => tracing::Level::ERROR,
        "warn" => tracing::Level::WARN,
        "info" => tracing::Level::INFO,
        "debug" => tracing::Level::DEBUG,
        "trace" => tracing::Level::TRACE,
        other => {
            checker.fault("log", format_args!("'{other}' is not a level: choose error, warn, info, debug or trace"));
            tracing::Level::INFO
        }
    };
    if !written.root.is_absolute() {
        checker.fault("root", format_args!("'{}' is not an absolute path", written.root.display()));
    }
    let requests = RequestSettings { slow_s: written.requests.slow.0.as_secs_f64() };
    let spool = check_spool(&mut checker, &written.spool, vars);
    let keeps_private = check_private(&mut checker, &written.events.private);
    let listen = if needs_target {
        let lists = (written.proxy.0, written.logs.0, written.scrape.0, written.probes.0);
        let mut listen = check_listen(&mut checker, &written.listen, lists, spool.dir.clone(), vars);
        (listen.statsd.signed_gauge, listen.statsd.requests) = (written.statsd.signed_gauge, written.statsd.requests.0);
        listen::Settings { keeps_private, ..listen }
    } else {
        listen::Settings::default()
    };
    let settings = Settings {
        target,
        listen,
        requests,
        spool,
        described: check_described(&mut checker, written.name, written.resource, vars),
        interval_ms,
        live_interval_ms,
        exec: ExecSettings { grace: written.exec.grace.map(|grace| grace.0) },
        root: written.root,
        log,
        is_embedded: !needs_target,
    };
    if checker.0.is_empty() { Ok(settings) } else { Err(Faults(checker.0)) }
}

fn check_private(checker: &mut Checker, word: &str) -> bool {
    if !matches!(word, "mask" | "keep") {
        checker.fault("events.private", format_args!("'{word}' is not known: choose mask or keep"));
    }
    word == "keep"
}

fn check_target(checker: &mut Checker, send: &written::Send, vars: &dyn Vars) -> Option<Target> {
    let file = match &send.token_file {
        Some(file) => Some(secret_path(vars, file.clone())),
        None if send.token.is_none() => {
            credential(vars, "token").filter(|file| file.metadata().is_ok_and(|about| about.len() > 0))
        }
        None => None,
    };
    let token = match (&send.token, &file) {
        (Some(token), None) if !token.reveal().is_empty() => Some(Token::Given(Secret::new(token.reveal()))),
        (None, Some(file)) => Some(Token::File(file.clone())),
        (Some(_), Some(_)) => {
            checker.fault("send.token", "stands beside send.token_file: keep one of them");
            None
        }
        _ => {
            checker.fault(
                "send.token",
                "is not set: make one with `farol-collector token create NAME` and give it as FAROL_TOKEN or FAROL_TOKEN_FILE",
            );
            None
        }
    };
    if let Some(Token::Given(secret)) = &token
        && !secret.reveal().bytes().all(|byte| byte.is_ascii_graphic())
    {
        checker.fault("send.token", "has a character that no token has: check for spaces and line breaks");
    }
    if !(Duration::from_millis(100)..=Duration::from_secs(300)).contains(&send.timeout.0) {
        checker.fault("send.timeout", format_args!("{} is out of bounds: choose 100ms to 5m", send.timeout));
    }
    let Some(url) = &send.url else {
        checker
            .fault("send.url", "is not set: give the collector's address as FAROL_COLLECTOR_URL, such as http://collector:8650");
        return None;
    };
    match Target::new(url, token?, send.ca_file.clone(), send.timeout.0) {
        Ok(target) => Some(target),
        Err(error) => {
            checker.fault("send.url", error);
            None
        }
    }
}

fn check_spool(checker: &mut Checker, spool: &written::Spool, vars: &dyn Vars) -> SpoolSettings {
    let state = || vars.var("STATE_DIRECTORY")?.split(':').next().map(PathBuf::from);
    let dir = spool.dir.clone().or_else(state);
    if let Some(dir) = &dir
        && !dir.is_absolute()
    {
        checker.fault("spool.dir", format_args!("'{}' is not an absolute path", dir.display()));
    }
    // Less could not hold the largest batch, and every one of them would be dropped as it comes.
    let min = u64::try_from(limit::BATCH_BYTES_MAX).unwrap_or(u64::MAX);
    for (key, size) in [("spool.max", spool.max), ("spool.memory", spool.memory)] {
        if size.0 < min {
            checker.fault(key, format_args!("{size} is too small: choose 1MiB or more"));
        }
    }
    SpoolSettings { dir, disk_bytes_max: spool.max.0, memory_bytes_max: spool.memory.0.min(spool.max.0) }
}

fn check_listen(
    checker: &mut Checker,
    written: &written::Listen,
    (proxies, logs, scrapes, mut probes): (Vec<Proxy>, Vec<Log>, Vec<Scrape>, Vec<Probe>),
    state_dir: Option<PathBuf>,
    vars: &dyn Vars,
) -> listen::Settings {
    let mut address = |key: &str, text: &str| -> Option<SocketAddr> {
        if text == "off" {
            return None;
        }
        let parsed = text.parse();
        if parsed.is_err() {
            checker.fault(key, format_args!("'{text}' is not an address such as 127.0.0.1:4318, nor `off`"));
        }
        parsed.ok()
    };
    let http = address("listen.http", &written.http);
    let statsd = address("listen.statsd", &written.statsd);
    for fault in setting::check_all(&mut probes, vars) {
        checker.fault("probes", fault);
    }
    let path = |text: &Option<String>| text.as_deref().filter(|text| *text != "off").map(PathBuf::from);
    let runtime_dir = vars.var("RUNTIME_DIRECTORY").and_then(|dirs| dirs.split(':').next().map(PathBuf::from));
    let socket = if written.socket.is_some() { path(&written.socket) } else { runtime_dir.map(|dir| dir.join("farol.sock")) };
    let statsd = statsd::Settings { address: statsd, socket: path(&written.statsd_socket), ..statsd::Settings::default() };
    listen::Settings {
        http,
        socket,
        statsd,
        proxies,
        logs,
        streams: Vec::new(),
        scrapes,
        probes,
        state_dir,
        keeps_private: false,
    }
}

fn check_described(checker: &mut Checker, name: Option<String>, resource: written::Resource, vars: &dyn Vars) -> Described {
    let mut attributes = BTreeMap::new();
    match resource.attributes.pairs() {
        Ok(pairs) => attributes.extend(pairs),
        Err(message) => checker.fault("resource.attributes", message),
    }
    if let Some(old) = attributes.remove("deployment.environment") {
        attributes.entry("deployment.environment.name".to_owned()).or_insert(old);
    }
    let service = resource.service.or_else(|| vars.var("OTEL_SERVICE_NAME"));
    let known = [("service.name", service), ("deployment.environment.name", resource.environment)];
    attributes.extend(known.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    if attributes.len() > limit::ATTRIBUTES_MAX / 2 {
        checker.fault("resource.attributes", format_args!("are too many: at most {}", limit::ATTRIBUTES_MAX / 2));
    }
    for (key, value) in &attributes {
        if key.is_empty() || key.len() > limit::NAME_BYTES_MAX || value.len() > limit::VALUE_BYTES_MAX {
            checker.fault("resource.attributes", format_args!("'{key}' is empty or too long"));
        }
    }
    // Half of the limit leaves room for `container:` and the like before the name.
    if name.as_ref().is_some_and(|name| name.is_empty() || name.len() > limit::KEY_BYTES_MAX / 2) {
        checker.fault("name", format_args!("is empty or longer than {} bytes", limit::KEY_BYTES_MAX / 2));
    }
    if resource.tenant.as_ref().is_some_and(|tenant| tenant.len() > limit::NAME_BYTES_MAX) {
        checker.fault("resource.tenant", format_args!("is longer than {} bytes", limit::NAME_BYTES_MAX));
    }
    Described { name, key_suffix: "", tenant: resource.tenant, attributes }
}

#[cfg(test)]
mod tests;
