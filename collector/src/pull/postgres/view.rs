//! What is told of a server: the snapshot `postgres`, and its figures.

use farol_shared::catalog;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::Reading,
    statement::{Database, Rare, Statistics, Totals},
};

/// A PostgreSQL server.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct PostgresServer {
    /// Its version.
    pub version: String,
    /// Seconds since it started.
    pub uptime_s: Option<f64>,
    /// Connections of clients.
    pub connections: Option<f64>,
    /// Connections that it allows.
    pub connections_max: Option<f64>,
    /// Connections by state; absent for a user without `pg_monitor`.
    pub states: Option<Vec<PostgresState>>,
    /// Bytes of all databases; unknown when one of them may not be measured.
    pub size: Option<f64>,
    /// Databases, most connections first, at most 100.
    pub databases: Vec<PostgresDatabase>,
    /// Share of blocks found in the cache, 0 to 1: of the last interval in which any were read, else since the beginning.
    pub cache_hit_ratio: Option<f64>,
    /// The same since the server's statistics began.
    pub cache_hit_ratio_lifetime: Option<f64>,
    /// Age of the oldest query that runs, in seconds; 0 when none does.
    pub longest_query_s: Option<f64>,
    /// What it does: `active`, `active, waits for a lock`.
    pub longest_query_state: Option<String>,
    /// Longest time that a session is idle inside a transaction, in seconds; 0 when none is.
    pub longest_idle_in_transaction_s: Option<f64>,
    /// Locks that sessions wait for.
    pub locks_waiting: Option<f64>,
    /// Deadlocks since the server's statistics began.
    pub deadlocks: Option<f64>,
    /// Its replicas.
    pub replication: Vec<PostgresReplication>,
    /// Whether it is a replica itself.
    pub is_replica: bool,
    /// How far it is behind its primary, in seconds.
    pub replica_lag_s: Option<f64>,
    /// Table with the most dead rows, where that is asked for.
    pub worst_table: Option<PostgresTable>,
}

/// Connections of one state.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PostgresState {
    /// `active`, `idle`, `idle_in_transaction` or `other`.
    pub state: String,
    /// How many.
    pub count: f64,
}

/// A database. Counts are since its statistics began.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PostgresDatabase {
    /// Its name.
    pub name: String,
    /// Connections to it.
    pub connections: Option<f64>,
    /// Bytes on disk.
    pub size: Option<f64>,
    /// Share of its blocks found in the cache, 0 to 1.
    pub cache_hit_ratio: Option<f64>,
    /// Deadlocks.
    pub deadlocks: Option<f64>,
    /// Transactions committed.
    pub commits: Option<f64>,
    /// Transactions rolled back.
    pub rollbacks: Option<f64>,
}

/// A replica, as its primary sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PostgresReplication {
    /// Its name or address.
    pub client: String,
    /// `streaming`, `catchup` and the like.
    pub state: Option<String>,
    /// How far it is behind, in seconds.
    pub lag_s: Option<f64>,
    /// How far it is behind, in bytes of write-ahead log.
    pub lag_bytes: Option<f64>,
}

/// A table with dead rows.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PostgresTable {
    /// Schema and name.
    pub name: String,
    /// Rows that wait for vacuum.
    pub dead: f64,
    /// Rows that live.
    pub live: f64,
}

/// The cache's ratio over the last interval in which blocks were read.
#[derive(Debug, Default)]
pub(super) struct Cache {
    before: Option<(f64, f64)>,
    recent: Option<f64>,
    lifetime: Option<f64>,
}

impl Cache {
    /// Takes in new totals. Gives the ratio since the last ones, if any blocks were read.
    pub(super) fn follow(&mut self, totals: &Totals) -> Option<f64> {
        let now = totals.hit.zip(totals.read);
        self.lifetime = now.and_then(|(hit, read)| ratio(hit, read));
        let before = std::mem::replace(&mut self.before, now);
        let ((hit, read), (hit_before, read_before)) = now.zip(before)?;
        // Counters that were reset say nothing of the time between.
        let is_reset = hit < hit_before || read < read_before;
        let fresh = if is_reset { None } else { ratio(hit - hit_before, read - read_before) };
        if is_reset {
            self.recent = None;
        }
        self.recent = fresh.or(self.recent);
        fresh
    }

    /// The last known ratio, and the one since the beginning.
    pub(super) fn ratio(&self) -> (Option<f64>, Option<f64>) {
        (self.recent.or(self.lifetime), self.lifetime)
    }
}

fn ratio(hit: f64, read: f64) -> Option<f64> {
    (hit + read > 0.0).then(|| hit / (hit + read))
}

/// The states that are told; the server knows a few more that are rare.
fn state(name: &str) -> &'static str {
    match name {
        "active" => "active",
        "idle" => "idle",
        "idle in transaction" | "idle in transaction (aborted)" => "idle_in_transaction",
        _ => "other",
    }
}

/// Makes the snapshot.
pub(super) fn view(found: &Statistics, rare: &Rare, (recent, lifetime): (Option<f64>, Option<f64>)) -> PostgresServer {
    let activity = found.activity.as_ref();
    let states = activity.map(|activity| {
        let of = |wanted: &str| activity.states.iter().filter(|(name, _)| state(name) == wanted).fold(0.0, |sum, (_, n)| sum + n);
        let all = ["active", "idle", "idle_in_transaction", "other"];
        all.map(|state| PostgresState { state: state.to_owned(), count: of(state) }).to_vec()
    });
    let seen = states.as_ref().map(|states| states.iter().fold(0.0, |sum, state| sum + state.count));
    PostgresServer {
        version: found.base.version.clone(),
        uptime_s: found.base.uptime_s,
        connections: seen.or(found.totals.connections),
        connections_max: found.base.connections_max,
        states,
        size: rare.size,
        databases: found.databases.iter().map(|database| database_row(database, rare)).collect(),
        cache_hit_ratio: recent,
        cache_hit_ratio_lifetime: lifetime,
        longest_query_s: activity.map(|activity| activity.longest.as_ref().map_or(0.0, |(age, _)| *age)),
        longest_query_state: activity.and_then(|activity| activity.longest.as_ref().map(|(_, doing)| doing.clone())),
        longest_idle_in_transaction_s: activity.map(|activity| activity.longest_idle_s.unwrap_or(0.0)),
        locks_waiting: found.locks_waiting,
        deadlocks: found.totals.deadlocks,
        replication: found.replicas.iter().map(replication_row).collect(),
        is_replica: found.base.is_replica,
        replica_lag_s: found.replica_lag_s,
        worst_table: rare.worst.clone().map(|(name, dead, live)| PostgresTable { name, dead, live }),
    }
}

fn database_row(database: &Database, rare: &Rare) -> PostgresDatabase {
    PostgresDatabase {
        name: database.name.clone(),
        connections: database.connections,
        size: rare.sizes.get(&database.name).copied(),
        cache_hit_ratio: database.hit.zip(database.read).and_then(|(hit, read)| ratio(hit, read)),
        deadlocks: database.deadlocks,
        commits: database.commits,
        rollbacks: database.rollbacks,
    }
}

fn replication_row(replica: &super::statement::Replica) -> PostgresReplication {
    PostgresReplication {
        client: replica.client.clone(),
        state: replica.state.clone(),
        lag_s: replica.lag_s,
        lag_bytes: replica.lag_bytes,
    }
}

/// The figures. `recent` is the cache's ratio since the last poll.
pub(super) fn measure(reading: &mut Reading, found: &Statistics, view: &PostgresServer, recent: Option<f64>) {
    for state in view.states.iter().flatten() {
        reading.set(&catalog::POSTGRES_CONNECTIONS, &[("postgresql.connection.state", &state.state)], state.count);
    }
    for (metric, value) in [
        (&catalog::DB_CONNECTIONS_MAX, view.connections_max),
        (&catalog::POSTGRES_CACHE_HIT_RATIO, recent),
        (&catalog::POSTGRES_LONGEST_QUERY, view.longest_query_s),
        (&catalog::POSTGRES_LONGEST_IDLE, view.longest_idle_in_transaction_s),
        (&catalog::POSTGRES_LOCKS_WAITING, view.locks_waiting),
        (&catalog::POSTGRES_REPLICA_LAG, view.replica_lag_s),
    ] {
        reading.set(metric, &[], value);
    }
    for (database, row) in found.databases.iter().zip(&view.databases) {
        let name = [("db.namespace", database.name.as_str())];
        for (metric, value) in [
            (&catalog::DB_CONNECTIONS, database.connections),
            (&catalog::DB_SIZE, row.size),
            (&catalog::POSTGRES_BLOCKS_HIT, database.hit),
            (&catalog::POSTGRES_BLOCKS_READ, database.read),
            (&catalog::POSTGRES_COMMITS, database.commits),
            (&catalog::POSTGRES_ROLLBACKS, database.rollbacks),
            (&catalog::POSTGRES_DEADLOCKS, database.deadlocks),
            (&catalog::POSTGRES_TEMP_IO, database.temp_bytes),
        ] {
            reading.set(metric, &name, value);
        }
    }
    for replica in &view.replication {
        let client = [("postgresql.replication.client", replica.client.as_str())];
        reading.set(&catalog::POSTGRES_REPLICATION_LAG, &client, replica.lag_s);
        reading.set(&catalog::POSTGRES_REPLICATION_DELAY, &client, replica.lag_bytes);
    }
}

/// What was found, in a sentence.
pub(super) fn sentence(view: &PostgresServer) -> String {
    let number = |value: Option<f64>| value.map_or("?".to_owned(), |value| value.to_string());
    let role = if view.is_replica { "replica" } else { "primary" };
    let (connections, most) = (number(view.connections), number(view.connections_max));
    let (databases, replicas) = (view.databases.len(), view.replication.len());
    format!(
        "PostgreSQL {}, {role}: {connections} of {most} connections, {databases} databases, {replicas} replicas",
        view.version
    )
}
