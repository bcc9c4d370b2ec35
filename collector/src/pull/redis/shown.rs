//! What the page shows of a Redis: the snapshot `metrics`, made of what its nodes said.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    counters::{Growth, ratio},
    info::{CommandUse, Database, Info},
    slow_log::SlowCommand,
};

/// Commands that are listed: the page has room for some.
const COMMANDS_SHOWN: usize = 10;

/// What one node said.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its name, `host:port`.
    pub name: String,
    /// Its answer to `INFO`.
    pub info: Info,
    /// Time from sending `PING` to its answer, in milliseconds.
    pub ping_ms: Option<f64>,
    /// Its slow commands, newest first.
    pub slow: Vec<SlowCommand>,
}

/// State of a Redis; of a Cluster, of all primaries together.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Metrics {
    /// `redis` or `valkey`.
    pub server: String,
    /// Version of the server.
    pub version: Option<String>,
    /// `standalone`, `cluster` or `sentinel`.
    pub mode: Option<String>,
    /// `master` or `replica`.
    pub role: Option<String>,
    /// Seconds since it started; of a Cluster, of the youngest node.
    pub uptime_s: Option<f64>,
    /// Look-ups that found their key, since start.
    pub keyspace_hits: Option<f64>,
    /// Look-ups that did not find their key, since start.
    pub keyspace_misses: Option<f64>,
    /// Share of the look-ups since the poll before that found their key; when there were none, of the last minute.
    pub hit_ratio: Option<f64>,
    /// The same since start.
    pub hit_ratio_lifetime: Option<f64>,
    /// Memory that it allocated, in bytes.
    pub used_memory: Option<f64>,
    /// Memory that it may use, in bytes; 0 is no limit.
    pub maxmemory: Option<f64>,
    /// `maxmemory`, else all memory of its machine, in bytes.
    pub memory_limit: Option<f64>,
    /// Most memory that it ever allocated, in bytes.
    pub peak_memory: Option<f64>,
    /// Memory that the system gave it, in bytes.
    pub rss_memory: Option<f64>,
    /// The system's view of its memory against its own. Says little below 100 MB.
    pub fragmentation_ratio: Option<f64>,
    /// Which keys go when memory is full.
    pub maxmemory_policy: Option<String>,
    /// Connected clients.
    pub connected_clients: Option<f64>,
    /// Clients that wait in a blocking command; idle workers do.
    pub blocked_clients: Option<f64>,
    /// Most clients that it takes.
    pub maxclients: Option<f64>,
    /// Clients turned away because there were too many, since start.
    pub rejected_connections: Option<f64>,
    /// Keys of all databases.
    pub keys: Option<f64>,
    /// Databases that hold keys.
    pub databases: Vec<Database>,
    /// Keys removed for want of memory, since start.
    pub evicted_keys: Option<f64>,
    /// Keys removed because their time was over, since start.
    pub expired_keys: Option<f64>,
    /// Commands a second since the poll before; at the first poll as the server counts.
    pub ops_per_sec: Option<f64>,
    /// Answers that were errors, since start.
    pub errors: Option<f64>,
    /// Time from sending `PING` to its answer, in milliseconds; of a Cluster, of the slowest node.
    pub ping_ms: Option<f64>,
    /// What is kept on disk, and whether that works.
    pub persistence: Persistence,
    /// Copies on other servers.
    pub replication: Replication,
    /// Slow commands, newest first; none when the server does not tell them, see `hidden`.
    pub slow_log: Option<Vec<SlowCommand>>,
    /// The commands that ran most.
    pub commands: Vec<CommandUse>,
    /// Primaries of a Cluster.
    pub nodes: Vec<NodeState>,
    /// State of the Cluster.
    pub cluster: Option<ClusterState>,
    /// The master, when Sentinel says where it is.
    pub sentinel: Option<SentinelState>,
    /// What this server does not tell, and why.
    pub hidden: Vec<Hidden>,
    /// Whether the page may offer to delete keys.
    pub allow_actions: bool,
}

/// What is kept on disk, and whether that works.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Persistence {
    /// Whether the dataset is still being read into memory.
    pub loading: Option<bool>,
    /// How the last snapshot went: `ok` or `err`.
    pub rdb_status: Option<String>,
    /// When the last snapshot was written, in ms since the epoch.
    pub rdb_saved_at: Option<f64>,
    /// Whether each write is appended to a file.
    pub aof_enabled: Option<bool>,
    /// How the last append went: `ok` or `err`.
    pub aof_status: Option<String>,
    /// Changes since the last snapshot.
    pub changes_since_save: Option<f64>,
}

/// Copies on other servers.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Replication {
    /// `master` or `replica`.
    pub role: Option<String>,
    /// A replica's link to its master: `up` or `down`.
    pub link: Option<String>,
    /// Connected replicas.
    pub replicas: Option<f64>,
    /// Seconds by which the slowest replica is behind; of a replica, since it heard of its master.
    pub lag_s: Option<f64>,
    /// Position in the stream of changes, in bytes.
    pub offset: Option<f64>,
}

/// A primary of a Cluster.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct NodeState {
    /// `host:port`.
    pub name: String,
    /// `ok` or `unreachable`.
    pub state: String,
    /// Why it is not `ok`.
    pub reason: Option<String>,
    /// Version of the server.
    pub version: Option<String>,
    /// Memory that it allocated, in bytes.
    pub used_memory: Option<f64>,
    /// Memory that it may use, in bytes; 0 is no limit.
    pub maxmemory: Option<f64>,
    /// Keys that it holds.
    pub keys: Option<f64>,
    /// Connected clients.
    pub connected_clients: Option<f64>,
    /// Commands a second, as the server counts.
    pub ops_per_sec: Option<f64>,
    /// Share of the look-ups since start that found their key.
    pub hit_ratio_lifetime: Option<f64>,
    /// Time from sending `PING` to its answer, in milliseconds.
    pub ping_ms: Option<f64>,
    /// Connected replicas.
    pub replicas: Option<f64>,
}

/// State of a Cluster, as its nodes agree.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct ClusterState {
    /// `ok` or `fail`.
    pub state: Option<String>,
    /// Slots that work.
    pub slots_ok: Option<f64>,
    /// Slots whose node failed.
    pub slots_fail: Option<f64>,
    /// Nodes, replicas too.
    pub known_nodes: Option<f64>,
    /// Primaries that hold slots.
    pub size: Option<f64>,
    /// Grows with each failover and each move of slots.
    pub epoch: Option<f64>,
}

/// The master that Sentinel names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SentinelState {
    /// What Sentinel calls it.
    pub master: String,
    /// Where it is, `host:port`.
    pub address: String,
    /// Where it was before the last change that was seen.
    pub before: Option<String>,
    /// When that change was seen, in ms since the epoch.
    pub changed_at: Option<i64>,
}

/// Something that the server does not tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Hidden {
    /// What for.
    pub part: String,
    /// Why.
    pub reason: String,
}

/// Reads the answer to `CLUSTER INFO`.
#[must_use]
pub fn cluster_state(answer: &str) -> ClusterState {
    let fields: BTreeMap<&str, &str> = answer.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
    let number = |key: &str| fields.get(key).and_then(|text| text.parse().ok());
    ClusterState {
        state: fields.get("cluster_state").map(|state| (*state).to_owned()),
        slots_ok: number("cluster_slots_ok"),
        slots_fail: number("cluster_slots_fail"),
        known_nodes: number("cluster_known_nodes"),
        size: number("cluster_size"),
        epoch: number("cluster_current_epoch"),
    }
}

/// The nodes that answered, together. What one of them does not tell, or one that is missing would add, is unknown.
#[derive(Debug)]
pub struct Together<'a> {
    /// What each said; at least one.
    pub found: &'a [Found],
    /// Whether all nodes answered.
    pub is_whole: bool,
}

impl Together<'_> {
    /// All values of a field, when every node tells it.
    fn all(&self, of: impl Fn(&Found) -> Option<f64>) -> Option<Vec<f64>> {
        self.found.iter().map(of).collect()
    }

    /// Sum of a field.
    #[must_use]
    pub fn sum(&self, key: &str) -> Option<f64> {
        self.sum_of(|found| found.info.number(key))
    }

    fn sum_of(&self, of: impl Fn(&Found) -> Option<f64>) -> Option<f64> {
        self.all(of).filter(|_| self.is_whole).map(|values| values.iter().sum())
    }

    fn most(&self, of: impl Fn(&Found) -> Option<f64>) -> Option<f64> {
        self.found.iter().filter_map(of).reduce(f64::max)
    }

    /// A text, the worst of all: any that is not `good`, else that of the first node that has one.
    fn worst(&self, key: &str, good: &str) -> Option<String> {
        let mut texts = self.found.iter().filter_map(|found| found.info.text(key));
        let first = texts.next()?;
        Some(std::iter::once(first).chain(texts).find(|text| *text != good).unwrap_or(first).to_owned())
    }

    /// Keys of all databases of all nodes.
    #[must_use]
    pub fn keys(&self) -> Option<f64> {
        self.sum_of(|found| found.info.keys())
    }

    /// `maxmemory`, else all memory of the machine; of a Cluster without limits unknown, since nodes may share a machine.
    #[must_use]
    pub fn memory_limit(&self) -> Option<f64> {
        let limits = self.all(|found| found.info.number("maxmemory"))?;
        if limits.iter().all(|limit| *limit > 0.0) {
            return self.sum("maxmemory");
        }
        if self.found.len() == 1 && self.is_whole { self.sum("total_system_memory") } else { None }
    }

    /// The system's view of the memory against the server's own.
    #[must_use]
    pub fn fragmentation(&self) -> Option<f64> {
        match self.found {
            [one] => one.info.number("mem_fragmentation_ratio"),
            _ => {
                self.sum("used_memory_rss").zip(self.sum("used_memory").filter(|used| *used > 0.0)).map(|(rss, used)| rss / used)
            }
        }
    }

    /// The slowest answer to `PING`, in milliseconds.
    #[must_use]
    pub fn ping_ms(&self) -> Option<f64> {
        self.most(|found| found.ping_ms)
    }

    /// Seconds since start of the youngest.
    #[must_use]
    pub fn uptime_s(&self) -> Option<f64> {
        self.found.iter().filter_map(|found| found.info.number("uptime_in_seconds")).reduce(f64::min)
    }

    /// Whether what is to be kept on disk is kept: snapshots and appends went well everywhere.
    #[must_use]
    pub fn is_kept(&self) -> Option<bool> {
        let states = [self.worst("rdb_last_bgsave_status", "ok"), self.worst("aof_last_write_status", "ok")];
        states.iter().any(Option::is_some).then(|| states.iter().flatten().all(|state| state == "ok"))
    }

    /// How the copies on other servers are doing.
    #[must_use]
    pub fn replication(&self) -> Replication {
        let is_replica = self.found.iter().any(|found| found.info.role() == Some("replica"));
        let lag = |found: &Found| {
            if found.info.role() == Some("replica") {
                found.info.number("master_last_io_seconds_ago").filter(|lag| *lag >= 0.0)
            } else {
                found.info.lag_s()
            }
        };
        let offset = if is_replica { "slave_repl_offset" } else { "master_repl_offset" };
        Replication {
            role: self.found.first().and_then(|found| found.info.role()).map(ToOwned::to_owned),
            link: self.worst("master_link_status", "up"),
            replicas: self.sum("connected_slaves"),
            lag_s: self.most(lag),
            offset: if self.found.len() == 1 { self.sum(offset) } else { None },
        }
    }

    fn databases(&self) -> Vec<Database> {
        let mut databases: BTreeMap<u32, Database> = BTreeMap::new();
        for database in self.found.iter().flat_map(|found| found.info.databases()) {
            let sum = databases.entry(database.db).or_insert(Database { db: database.db, keys: 0, expires: 0 });
            sum.keys = sum.keys.saturating_add(database.keys);
            sum.expires = sum.expires.saturating_add(database.expires);
        }
        databases.into_values().collect()
    }

    fn persistence(&self) -> Persistence {
        let worst_of = |key: &str| self.found.iter().filter_map(|found| found.info.is_set(key)).reduce(|a, b| a || b);
        Persistence {
            loading: worst_of("loading"),
            rdb_status: self.worst("rdb_last_bgsave_status", "ok"),
            rdb_saved_at: self.most(|found| found.info.number("rdb_last_save_time")).map(|seconds| seconds * 1e3),
            aof_enabled: worst_of("aof_enabled"),
            aof_status: self.worst("aof_last_write_status", "ok"),
            changes_since_save: self.sum("rdb_changes_since_last_save"),
        }
    }

    /// The snapshot, as far as the nodes tell it; the rest is for the caller to fill in.
    #[must_use]
    pub fn metrics(&self, growth: &Growth) -> Metrics {
        let first = self.found.first().map(|found| found.info.clone()).unwrap_or_default();
        let text = |key: &str| first.text(key).map(ToOwned::to_owned);
        let lookups = self.sum("keyspace_hits").zip(self.sum("keyspace_misses"));
        Metrics {
            server: first.server().to_owned(),
            version: first.version().map(ToOwned::to_owned),
            mode: text("redis_mode"),
            role: first.role().map(ToOwned::to_owned),
            uptime_s: self.uptime_s(),
            keyspace_hits: self.sum("keyspace_hits"),
            keyspace_misses: self.sum("keyspace_misses"),
            hit_ratio: growth.hit_ratio_minute,
            hit_ratio_lifetime: lookups.and_then(|(hits, misses)| ratio(hits, misses)),
            used_memory: self.sum("used_memory"),
            maxmemory: self.sum("maxmemory"),
            memory_limit: self.memory_limit(),
            peak_memory: self.sum("used_memory_peak"),
            rss_memory: self.sum("used_memory_rss"),
            fragmentation_ratio: self.fragmentation(),
            maxmemory_policy: text("maxmemory_policy"),
            connected_clients: self.sum("connected_clients"),
            blocked_clients: self.sum("blocked_clients"),
            maxclients: self.sum("maxclients"),
            rejected_connections: self.sum("rejected_connections"),
            keys: self.keys(),
            databases: self.databases(),
            evicted_keys: self.sum("evicted_keys"),
            expired_keys: self.sum("expired_keys"),
            ops_per_sec: growth.commands_per_s.or_else(|| self.sum("instantaneous_ops_per_sec")),
            errors: self.sum("total_error_replies"),
            ping_ms: self.ping_ms(),
            persistence: self.persistence(),
            replication: self.replication(),
            slow_log: None,
            commands: if self.found.len() == 1 { first.commands(COMMANDS_SHOWN) } else { Vec::new() },
            nodes: Vec::new(),
            cluster: None,
            sentinel: None,
            hidden: Vec::new(),
            allow_actions: false,
        }
    }
}

impl Found {
    /// The row of a node of a Cluster.
    #[must_use]
    pub fn state(&self) -> NodeState {
        let number = |key: &str| self.info.number(key);
        NodeState {
            name: self.name.clone(),
            state: "ok".to_owned(),
            reason: None,
            version: self.info.version().map(ToOwned::to_owned),
            used_memory: number("used_memory"),
            maxmemory: number("maxmemory"),
            keys: self.info.keys(),
            connected_clients: number("connected_clients"),
            ops_per_sec: number("instantaneous_ops_per_sec"),
            hit_ratio_lifetime: number("keyspace_hits")
                .zip(number("keyspace_misses"))
                .and_then(|(hits, misses)| ratio(hits, misses)),
            ping_ms: self.ping_ms,
            replicas: number("connected_slaves"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, info: &str) -> Found {
        let info = Info::parse(info.as_bytes()).unwrap();
        Found { name: name.to_owned(), info, ping_ms: Some(1.0), slow: Vec::new() }
    }

    #[test]
    fn nodes_are_added_up_only_when_all_tell() {
        let two = [
            found(
                "a",
                "role:master\nused_memory:10\nmaxmemory:100\ntotal_system_memory:900\nrdb_last_bgsave_status:ok\n# Keyspace\ndb0:keys=2,expires=1\n",
            ),
            found(
                "b",
                "role:master\nused_memory:5\nmaxmemory:0\ntotal_system_memory:900\nrdb_last_bgsave_status:err\n# Keyspace\n",
            ),
        ];
        let all = Together { found: &two, is_whole: true };
        assert_eq!(
            (all.sum("used_memory"), all.keys(), all.memory_limit(), all.sum("none")),
            (Some(15.0), Some(2.0), None, None)
        );
        assert_eq!((all.is_kept(), all.persistence().rdb_status.as_deref()), (Some(false), Some("err")));
        let rest = Together { found: &two, is_whole: false };
        assert_eq!((rest.sum("used_memory"), rest.keys()), (None, None), "a part is not the whole");
        let one = Together { found: &two[..1], is_whole: true };
        assert_eq!((one.memory_limit(), one.is_kept(), one.replication().link), (Some(100.0), Some(true), None));
    }

    #[test]
    fn a_replica_tells_its_link_and_a_master_its_slowest_replica() {
        let replica = [found(
            "a",
            "role:slave\nmaster_link_status:down\nmaster_last_io_seconds_ago:-1\nslave_repl_offset:7\nmaster_repl_offset:9\n",
        )];
        let told = Together { found: &replica, is_whole: true }.replication();
        assert_eq!(
            (told.role.as_deref(), told.link.as_deref(), told.lag_s, told.offset),
            (Some("replica"), Some("down"), None, Some(7.0))
        );
        let master = [found("a", "role:master\nconnected_slaves:1\nslave0:ip=b,lag=3\nmaster_repl_offset:9\n")];
        let told = Together { found: &master, is_whole: true }.replication();
        assert_eq!((told.replicas, told.lag_s, told.offset), (Some(1.0), Some(3.0), Some(9.0)));
    }

    #[test]
    fn the_state_of_a_cluster_is_read() {
        let state =
            cluster_state("cluster_state:fail\r\ncluster_slots_ok:10923\r\ncluster_slots_fail:5461\r\ncluster_size:3\r\n");
        assert_eq!(
            (state.state.as_deref(), state.slots_fail, state.size, state.known_nodes),
            (Some("fail"), Some(5_461.0), Some(3.0), None)
        );
        assert_eq!(cluster_state("nothing"), ClusterState::default());
    }
}
