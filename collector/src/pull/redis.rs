//! Redis, and what speaks its protocol: Valkey, KeyDB, managed services. One server, a Sentinel's master, or a Cluster.
//!
//! A poll is `PING`, `INFO everything` and `SLOWLOG GET 16`, of a Cluster on every primary. Read-only. What a server does not
//! offer to this user is told once, then hidden and tried again now and then.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use farol_shared::{catalog, metric::Metric};
use futures_util::future::join_all;
use serde::Deserialize;

use super::{At, Given, Group, Integration, Kind, KindOption, PollError, Polling, Reading};
use crate::redis_link::{self, Link, Node, Target, config, error};

pub mod counters;
pub mod info;
pub mod shown;
pub mod slow_log;

use counters::{Counters, Growth, Seen};
use info::Info;
use shown::{Found, Hidden, Metrics, NodeState, SentinelState, Together};

/// Redis.
pub const KIND: Kind = Kind {
    name: "redis",
    title: "Redis",
    group: Group::Cache,
    interval: Duration::from_secs(2),
    floor: Duration::from_secs(1),
    timeout: Duration::from_secs(10),
    secrets: config::SECRETS,
    options: &[
        config::OPTIONS[0],
        config::OPTIONS[1],
        config::OPTIONS[2],
        config::OPTIONS[3],
        config::OPTIONS[4],
        config::OPTIONS[5],
        config::OPTIONS[6],
        config::OPTIONS[7],
        config::OPTIONS[8],
        KindOption {
            key: "allow_actions",
            default: "false",
            meaning: "Whether keys may be inspected, deleted and flushed from the page, by who has the role for it.",
        },
        KindOption {
            key: "slow_log",
            default: "true",
            meaning: "Whether the slow log is read: names of commands, never keys or values.",
        },
    ],
    snippet: "[[redis]]\nname = \"cache\"\nurl = \"redis://127.0.0.1:6379/0\"\n# username = \"farol\"\n# password_file = \"/run/secrets/redis\"\n",
    open: |given| Ok(Box::new(Redis::of(Settings::read(&given)?))),
};

/// Longest time for one answer; a third of the poll's, so that connecting, `PING` and `INFO` fit in.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// How long what a server does not offer is left alone. Rights change rarely, and each attempt is an entry in its log.
const HIDDEN_FOR_MS: i64 = 600_000;

/// A counter's name in `INFO`, its metric and the attributes of its series.
type Counter = (&'static str, &'static Metric, &'static [(&'static str, &'static str)]);

/// What is counted.
const COUNTERS: &[Counter] = &[
    ("keyspace_hits", &catalog::REDIS_KEYSPACE_HITS, &[]),
    ("keyspace_misses", &catalog::REDIS_KEYSPACE_MISSES, &[]),
    ("total_commands_processed", &catalog::REDIS_COMMANDS, &[]),
    ("evicted_keys", &catalog::REDIS_KEYS_EVICTED, &[]),
    ("expired_keys", &catalog::REDIS_KEYS_EXPIRED, &[]),
    ("total_connections_received", &catalog::REDIS_CONNECTIONS_RECEIVED, &[]),
    ("rejected_connections", &catalog::REDIS_CONNECTIONS_REJECTED, &[]),
    ("total_net_input_bytes", &catalog::REDIS_NET_INPUT, &[]),
    ("total_net_output_bytes", &catalog::REDIS_NET_OUTPUT, &[]),
    ("total_error_replies", &catalog::REDIS_ERRORS, &[]),
    ("used_cpu_user", &catalog::REDIS_CPU_TIME, &[("redis.cpu.mode", "user")]),
    ("used_cpu_sys", &catalog::REDIS_CPU_TIME, &[("redis.cpu.mode", "system")]),
];

/// Gauges that are sums over all nodes.
const GAUGES: &[(&str, &Metric)] = &[
    ("used_memory", &catalog::REDIS_MEMORY_USED),
    ("used_memory_rss", &catalog::REDIS_MEMORY_RSS),
    ("connected_clients", &catalog::REDIS_CLIENTS_CONNECTED),
    ("blocked_clients", &catalog::REDIS_CLIENTS_BLOCKED),
    ("connected_slaves", &catalog::REDIS_REPLICAS),
    ("rdb_changes_since_last_save", &catalog::REDIS_UNSAVED),
];

/// What the configuration says of one Redis.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How it is reached.
    pub target: Target,
    /// Whether its keys may be inspected, deleted and flushed from here.
    pub allow_actions: bool,
    slow_log: bool,
    answer_within: Duration,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Own {
    allow_actions: bool,
    slow_log: bool,
}

impl Default for Own {
    fn default() -> Self {
        Self { allow_actions: false, slow_log: true }
    }
}

impl Settings {
    /// Reads the keys of an instance.
    ///
    /// # Errors
    /// Says which key is wrong, and how.
    pub fn read(given: &Given) -> Result<Self, String> {
        let mut given = given.clone();
        let link = redis_link::Config::take(&mut given.table)?;
        let own: Own = given.read()?;
        Ok(Self {
            target: Target::read(given.url.as_deref(), &link)?,
            allow_actions: own.allow_actions,
            slow_log: own.slow_log,
            answer_within: (given.timeout / 3).min(ANSWER_WITHIN),
        })
    }
}

/// One Redis being watched.
struct Redis {
    settings: Settings,
    link: Option<Link>,
    counters: Counters,
    sentinel: Option<SentinelState>,
    /// Epoch and size of the Cluster: when they change, slots moved.
    shape: Option<(Option<f64>, Option<f64>)>,
    /// What the server does not offer: why, and until when it is not tried again.
    hidden: BTreeMap<&'static str, (String, i64)>,
}

/// What one poll brought, before it is a reading.
struct Asked {
    found: Vec<Found>,
    /// Nodes that did not answer, and why.
    silent: Vec<(String, PollError)>,
    refused: Vec<(&'static str, PollError)>,
    cluster: Option<shown::ClusterState>,
    wanted: Wanted,
}

/// Which of the optional questions are asked.
#[derive(Clone, Copy)]
struct Wanted {
    ping: bool,
    slow_log: bool,
    cluster_info: bool,
}

impl Integration for Redis {
    fn poll<'a>(&'a mut self, at: &'a At) -> Polling<'a> {
        Box::pin(self.ask(at))
    }

    fn target(&self) -> String {
        self.settings.target.describe()
    }
}

impl Redis {
    fn of(settings: Settings) -> Self {
        Self { settings, link: None, counters: Counters::default(), sentinel: None, shape: None, hidden: BTreeMap::new() }
    }

    async fn ask(&mut self, at: &At) -> Result<Reading, PollError> {
        let within = self.settings.answer_within;
        let is_tried = |part: &str| self.hidden.get(part).is_none_or(|(_, until)| *until <= at.now_ms);
        let wanted = Wanted {
            ping: is_tried("ping"),
            slow_log: self.settings.slow_log && is_tried("slow_log"),
            cluster_info: is_tried("cluster_info"),
        };
        // A connection that ended since the last poll is no failure yet.
        if let Some(link) = self.link.take() {
            let asked = self.ask_nodes(&link, wanted).await;
            if !link.is_broken() {
                return self.finish(link, asked?, at);
            }
        }
        let link = self.settings.target.connect(within).await?;
        let asked = self.ask_nodes(&link, wanted).await?;
        self.finish(link, asked, at)
    }

    async fn ask_nodes(&self, link: &Link, wanted: Wanted) -> Result<Asked, PollError> {
        let answers = join_all(link.nodes().map(|node| async move { (node, ask_node(node, wanted).await) })).await;
        let mut asked =
            Asked { found: Vec::new(), silent: link.unreached().to_vec(), refused: Vec::new(), cluster: None, wanted };
        // Where somebody says who is master, a replica means that this changed.
        let is_led = self.settings.target.master().is_some() || link.is_cluster();
        for (node, answer) in answers {
            match answer {
                Ok((found, refused)) => {
                    if is_led && found.info.role() == Some("replica") {
                        node.give_up();
                        return Err(PollError::unreachable(format!("{} is no longer the master", node.name())));
                    }
                    asked.found.push(found);
                    asked.refused.extend(refused);
                }
                Err(error) => asked.silent.push((node.name().to_owned(), error)),
            }
        }
        if asked.found.is_empty() {
            return Err(asked.silent.pop().map_or_else(|| PollError::unreachable("no node answers"), |(_, error)| error));
        }
        if link.is_cluster() && wanted.cluster_info {
            match link.first().ask::<String>(redis::cmd("CLUSTER").arg("INFO")).await {
                Ok(answer) => asked.cluster = Some(shown::cluster_state(&answer)),
                Err(error) => asked.refused.push(("cluster_info", error::told(&error, "CLUSTER INFO"))),
            }
        }
        Ok(asked)
    }

    /// Turns what was asked into a reading, and keeps the link when it is of further use.
    fn finish(&mut self, link: Link, asked: Asked, at: &At) -> Result<Reading, PollError> {
        if let Some(loading) = asked.found.iter().find_map(|found| loading(&found.info)) {
            return Err(loading);
        }
        let mut reading = Reading::default();
        let is_whole = asked.silent.is_empty();
        let growth = self.counters.take(Instant::now(), asked.found.iter().map(seen).collect());
        let together = Together { found: &asked.found, is_whole };
        measure(&mut reading, &together, &growth);
        self.count(&mut reading, &together);
        self.hide(&mut reading, asked.wanted, asked.refused, at);
        self.note_master(&link, at);
        let mut metrics = together.metrics(&growth);
        self.complete(&mut metrics, &link, &asked.found, &asked.silent);
        metrics.cluster = asked.cluster;
        let mut is_current = true;
        if let Some(cluster) = &metrics.cluster {
            let shape = (cluster.epoch, cluster.size);
            is_current = self.shape.replace(shape).is_none_or(|before| before == shape);
            reading.set(&catalog::REDIS_CLUSTER_SLOTS_FAILED, &[], cluster.slots_fail);
            if cluster.state.as_deref() == Some("fail") {
                reading.missing(
                    "cluster",
                    PollError::unreachable("the cluster says that it fails: a part of the keys cannot be reached"),
                );
            }
        }
        for (name, error) in asked.silent {
            let message = format!("{name}: {}", error.message);
            reading.missing("node", PollError { message, ..error });
        }
        describe(&mut reading, &metrics, &self.settings.target);
        reading.snapshot("metrics", &metrics);
        // A Cluster that lacks a node, or moved slots, is asked anew where they are.
        self.link = (is_whole && is_current && !link.is_broken()).then_some(link);
        Ok(reading)
    }

    /// Counters: of one server as they are, so that a restart is seen; of several, or of whoever is master, added up.
    fn count(&self, reading: &mut Reading, together: &Together<'_>) {
        let is_one = !self.settings.target.is_cluster() && self.settings.target.master().is_none();
        for (name, metric, attributes) in COUNTERS {
            let value = if is_one { together.sum(name) } else { self.counters.total(name) };
            reading.set(metric, attributes, value);
        }
    }

    /// Tells once what the server does not offer, and remembers it until it does.
    fn hide(&mut self, reading: &mut Reading, wanted: Wanted, refused: Vec<(&'static str, PollError)>, at: &At) {
        let tried = [("ping", wanted.ping), ("slow_log", wanted.slow_log), ("cluster_info", wanted.cluster_info)];
        for (part, _) in tried.iter().filter(|(part, is_tried)| *is_tried && !refused.iter().any(|(other, _)| other == part)) {
            self.hidden.remove(part);
        }
        for (part, error) in refused {
            if !self.hidden.contains_key(part) {
                reading.missing(part, error.clone());
            }
            self.hidden.insert(part, (error.message, at.now_ms.saturating_add(HIDDEN_FOR_MS)));
        }
    }

    /// Sees whether Sentinel named another master.
    fn note_master(&mut self, link: &Link, at: &At) {
        let Some(master) = self.settings.target.master() else { return };
        let address = link.first().name();
        let state = self.sentinel.get_or_insert_with(|| SentinelState {
            master: master.to_owned(),
            address: address.to_owned(),
            before: None,
            changed_at: None,
        });
        if state.address != address {
            tracing::info!(target: "pull", master, from = state.address, to = address, "redis has another master");
            state.before = Some(std::mem::replace(&mut state.address, address.to_owned()));
            state.changed_at = Some(at.now_ms);
        }
    }

    fn complete(&self, metrics: &mut Metrics, link: &Link, found: &[Found], silent: &[(String, PollError)]) {
        metrics.allow_actions = self.settings.allow_actions;
        metrics.sentinel.clone_from(&self.sentinel);
        metrics.hidden =
            self.hidden.iter().map(|(part, (reason, _))| Hidden { part: (*part).to_owned(), reason: reason.clone() }).collect();
        if self.settings.slow_log && !self.hidden.contains_key("slow_log") {
            let mut slow: Vec<_> = found
                .iter()
                .flat_map(|node| node.slow.iter().map(|slow| (link.is_cluster().then(|| node.name.clone()), slow)))
                .map(|(node, slow)| slow_log::SlowCommand { node, ..slow.clone() })
                .collect();
            slow.sort_by_key(|slow| std::cmp::Reverse(slow.time));
            slow.truncate(slow_log::ENTRIES_MAX);
            metrics.slow_log = Some(slow);
        }
        if link.is_cluster() {
            metrics.nodes = found.iter().map(Found::state).collect();
            metrics.nodes.extend(silent.iter().map(|(name, error)| NodeState {
                name: name.clone(),
                state: "unreachable".to_owned(),
                reason: Some(error.message.clone()),
                ..NodeState::default()
            }));
        }
    }
}

/// What a poll knows of one node: `INFO` it must tell, the rest it may refuse.
async fn ask_node(node: &Node, wanted: Wanted) -> Result<(Found, Vec<(&'static str, PollError)>), PollError> {
    let mut refused = Vec::new();
    let mut ping_ms = None;
    if wanted.ping {
        let sent = Instant::now();
        match node.ask::<String>(&redis::cmd("PING")).await {
            Ok(_) => ping_ms = Some(sent.elapsed().as_secs_f64() * 1e3),
            Err(error) if error::is_not_offered(&error) => refused.push(("ping", error::told(&error, "PING"))),
            // While it loads its dataset, INFO still answers and says how long.
            Err(error) if error.code() == Some("LOADING") => {}
            Err(error) => return Err(error::told(&error, "PING")),
        }
    }
    let answer: Vec<u8> = node.run(redis::cmd("INFO").arg("everything")).await?;
    let info = match Info::parse(&answer) {
        Ok(info) => info,
        // Before Redis 7 there is no such section, and the answer is empty.
        Err(_) if answer.is_empty() => Info::parse(&node.run::<Vec<u8>>(redis::cmd("INFO").arg("all")).await?)?,
        Err(error) => return Err(error),
    };
    let mut slow = Vec::new();
    if wanted.slow_log {
        match node.ask(redis::cmd("SLOWLOG").arg("GET").arg(slow_log::ENTRIES_MAX)).await {
            Ok(answer) => slow = slow_log::parse(&answer),
            Err(error) if node.is_broken() => return Err(error::told(&error, "SLOWLOG GET")),
            Err(error) => refused.push(("slow_log", error::told(&error, "SLOWLOG GET"))),
        }
    }
    Ok((Found { name: node.name().to_owned(), info, ping_ms, slow }, refused))
}

/// That the dataset is being loaded, and how long that will take.
fn loading(info: &Info) -> Option<PollError> {
    info.is_set("loading").filter(|is_loading| *is_loading)?;
    let done = info.number("loading_loaded_perc").map(|percent| format!(", {percent:.0} % done")).unwrap_or_default();
    let left = info.number("loading_eta_seconds").map(|seconds| format!(", {seconds:.0} s to go")).unwrap_or_default();
    Some(PollError::pending(format!("Redis is loading its dataset into memory{done}{left}")))
}

fn seen(found: &Found) -> Seen {
    Seen {
        // A proxy that hides its servers has no run; its name must do.
        run: found.info.text("run_id").unwrap_or(&found.name).to_owned(),
        counters: COUNTERS.iter().filter_map(|(name, ..)| Some((*name, found.info.number(name)?))).collect(),
    }
}

fn measure(reading: &mut Reading, together: &Together<'_>, growth: &Growth) {
    for (name, metric) in GAUGES {
        reading.set(metric, &[], together.sum(name));
    }
    reading.set(&catalog::REDIS_HIT_RATIO, &[], growth.hit_ratio);
    reading.set(&catalog::REDIS_MEMORY_LIMIT, &[], together.memory_limit());
    reading.set(&catalog::REDIS_MEMORY_FRAGMENTATION, &[], together.fragmentation());
    reading.set(&catalog::REDIS_KEYS, &[], together.keys());
    reading.set(&catalog::REDIS_PING_DURATION, &[], together.ping_ms().map(|ms| ms / 1e3));
    reading.set(&catalog::REDIS_UPTIME, &[], together.uptime_s());
    reading.set(&catalog::REDIS_REPLICATION_LAG, &[], together.replication().lag_s);
    reading.set(&catalog::REDIS_PERSISTENCE_OK, &[], together.is_kept().map(|is_kept| f64::from(u8::from(is_kept))));
}

/// The resource's attributes, and sentences for who checks the configuration.
fn describe(reading: &mut Reading, metrics: &Metrics, target: &Target) {
    reading.describe("db.system.name", &metrics.server);
    let told = [
        ("service.version", &metrics.version),
        ("redis.mode", &metrics.mode),
        ("redis.replication.role", &metrics.role),
        ("redis.maxmemory.policy", &metrics.maxmemory_policy),
    ];
    for (key, value) in told {
        if let Some(value) = value {
            reading.describe(key, value);
        }
    }
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
    let number = |value: Option<f64>| value.map_or_else(|| "an unknown number of".to_owned(), |value| format!("{value:.0}"));
    reading.say(format!(
        "{} {}, {} {}, {} keys, {} clients, PING {} ms",
        metrics.server,
        known(&metrics.version),
        known(&metrics.mode),
        known(&metrics.role),
        number(metrics.keys),
        number(metrics.connected_clients),
        metrics.ping_ms.map_or_else(|| "?".to_owned(), |ms| format!("{ms:.1}")),
    ));
    if let Some(sentinel) = &metrics.sentinel {
        reading.describe("redis.sentinel.master", &sentinel.master);
        reading.describe("server.address", &sentinel.address);
        reading.say(match &sentinel.before {
            Some(before) => format!("the master {} is {}; it was {before}", sentinel.master, sentinel.address),
            None => format!("the master {} is {}", sentinel.master, sentinel.address),
        });
    }
    if metrics.mode.as_deref() == Some("cluster") && !target.is_cluster() {
        reading.say("this is one node of a cluster: write cluster = true to see all of it");
    }
    for node in &metrics.nodes {
        reading.say(format!("node {}: {}", node.name, node.reason.as_deref().unwrap_or("ok")));
    }
}
