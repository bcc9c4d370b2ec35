//! The statements, and what their rows say. Each bounds its rows; none asks for the text of a query.

use std::collections::BTreeMap;

use super::{super::PollError, session::Session};

/// Most databases of one server: those with most connections and transactions.
pub(super) const DATABASES_MAX: usize = 100;

/// Most replicas of one server.
pub(super) const REPLICAS_MAX: usize = 50;

/// Values of a row as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row(pub(super) Vec<Option<String>>);

impl Row {
    fn text(&self, column: usize) -> Option<&str> {
        self.0.get(column)?.as_deref()
    }

    fn number(&self, column: usize) -> Option<f64> {
        self.text(column)?.parse().ok().filter(|number: &f64| number.is_finite())
    }

    fn is_true(&self, column: usize) -> bool {
        self.text(column) == Some("t")
    }
}

/// What is known of the server itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Base {
    pub(super) version: String,
    pub(super) connections_max: Option<f64>,
    pub(super) is_replica: bool,
    pub(super) uptime_s: Option<f64>,
    /// Whether the user sees what other sessions do.
    pub(super) sees_all: bool,
}

/// What sessions do.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Activity {
    /// Connections of clients by state.
    pub(super) states: Vec<(String, f64)>,
    /// Age of the oldest query, and what it does.
    pub(super) longest: Option<(f64, String)>,
    /// Longest time that a session is idle in a transaction.
    pub(super) longest_idle_s: Option<f64>,
}

/// Counters of one database since its statistics began.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Database {
    pub(super) name: String,
    pub(super) connections: Option<f64>,
    pub(super) commits: Option<f64>,
    pub(super) rollbacks: Option<f64>,
    pub(super) hit: Option<f64>,
    pub(super) read: Option<f64>,
    pub(super) deadlocks: Option<f64>,
    pub(super) temp_bytes: Option<f64>,
}

/// All databases together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Totals {
    pub(super) connections: Option<f64>,
    pub(super) hit: Option<f64>,
    pub(super) read: Option<f64>,
    pub(super) deadlocks: Option<f64>,
}

/// A replica, as its primary sees it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Replica {
    pub(super) client: String,
    pub(super) state: Option<String>,
    pub(super) lag_s: Option<f64>,
    pub(super) lag_bytes: Option<f64>,
}

/// What is asked for more rarely.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Rare {
    /// Bytes by database; without those that the user may not measure.
    pub(super) sizes: BTreeMap<String, f64>,
    /// Bytes of all databases, when all could be measured.
    pub(super) size: Option<f64>,
    /// Table with the most dead rows: its name, dead and live rows.
    pub(super) worst: Option<(String, f64, f64)>,
}

/// Everything that was found in one poll.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Statistics {
    pub(super) base: Base,
    pub(super) activity: Option<Activity>,
    pub(super) databases: Vec<Database>,
    pub(super) totals: Totals,
    pub(super) replicas: Vec<Replica>,
    pub(super) locks_waiting: Option<f64>,
    pub(super) replica_lag_s: Option<f64>,
}

impl Statistics {
    pub(super) fn new(base: Base) -> Self {
        Self { base, ..Self::default() }
    }
}

const BASE: &str = "select current_setting('server_version'), current_setting('max_connections'), pg_is_in_recovery(), \
    extract(epoch from clock_timestamp() - pg_postmaster_start_time()), pg_has_role('pg_read_all_stats', 'usage')";

/// Grouped by what the server calls the state; the longest are of the states they are about.
const ACTIVITY: &str = "select coalesce(state, 'other'), count(*), \
    max(extract(epoch from clock_timestamp() - state_change)) filter (where state like 'idle in transaction%') \
    from pg_stat_activity where backend_type = 'client backend' group by 1 limit 20";

/// The statistics' own session is no work.
const LONGEST: &str = "select extract(epoch from clock_timestamp() - query_start), wait_event_type from pg_stat_activity \
    where backend_type = 'client backend' and state = 'active' and pid <> pg_backend_pid() order by query_start limit 1";

const DATABASES: &str = "select d.datname, s.numbackends, s.xact_commit, s.xact_rollback, s.blks_hit, s.blks_read, s.deadlocks, \
    s.temp_bytes from pg_database d join pg_stat_database s on s.datid = d.oid where d.datallowconn and not d.datistemplate \
    order by s.numbackends desc, s.xact_commit desc limit 100";

const TOTALS: &str = "select sum(numbackends), sum(blks_hit), sum(blks_read), sum(deadlocks) from pg_stat_database";

/// A replica that has everything tells no time, and is not behind.
const REPLICAS: &str = "select coalesce(nullif(application_name, ''), host(client_addr), 'local'), state, \
    extract(epoch from replay_lag), pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_receive_lsn() \
    else pg_current_wal_lsn() end, replay_lsn) from pg_stat_replication order by 1, pid limit 50";

const LOCKS: &str = "select count(*) from pg_locks where not granted";

/// A replica whose primary is idle is not behind: it has replayed what it received. One that receives nothing has done so too,
/// and is further behind with each second.
const REPLICA_LAG: &str = "select case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() \
    and exists (select from pg_stat_wal_receiver where coalesce(status, 'streaming') = 'streaming') then 0 \
    else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) end";

/// Measuring a database takes the right to connect to it, or to read all statistics.
const SIZES: &str = "select datname, case when has_database_privilege(oid, 'connect') or pg_has_role('pg_read_all_stats', 'usage') \
    then pg_database_size(oid) end from pg_database where datallowconn and not datistemplate order by 2 desc nulls last limit 100";

const WORST: &str = "select schemaname || '.' || relname, n_dead_tup, n_live_tup from pg_stat_user_tables \
    order by n_dead_tup desc limit 1";

impl Session {
    /// The server itself.
    pub(super) async fn base(&self) -> Result<Base, PollError> {
        base(&self.rows(BASE).await?)
    }

    /// What sessions do.
    pub(super) async fn activity(&self) -> Result<Activity, PollError> {
        Ok(activity(&self.rows(ACTIVITY).await?, &self.rows(LONGEST).await?))
    }

    /// Counters by database.
    pub(super) async fn databases(&self) -> Result<Vec<Database>, PollError> {
        Ok(databases(&self.rows(DATABASES).await?))
    }

    /// All databases together.
    pub(super) async fn totals(&self) -> Result<Totals, PollError> {
        Ok(totals(&self.rows(TOTALS).await?))
    }

    /// Replicas of this server.
    pub(super) async fn replicas(&self) -> Result<Vec<Replica>, PollError> {
        Ok(replicas(&self.rows(REPLICAS).await?))
    }

    /// Locks that sessions wait for.
    pub(super) async fn locks_waiting(&self) -> Result<Option<f64>, PollError> {
        Ok(self.rows(LOCKS).await?.first().and_then(|row| row.number(0)))
    }

    /// How far this replica is behind.
    pub(super) async fn replica_lag(&self) -> Result<Option<f64>, PollError> {
        Ok(self.rows(REPLICA_LAG).await?.first().and_then(|row| row.number(0)).map(|lag| lag.max(0.0)))
    }

    /// Sizes, and the worst table where it is wanted.
    pub(super) async fn rare(&self, with_worst: bool) -> Result<Rare, PollError> {
        let mut rare = sizes(&self.rows(SIZES).await?);
        if with_worst {
            rare.worst = worst(&self.rows(WORST).await?);
        }
        Ok(rare)
    }
}

/// Reads the server itself; without a version it is another one.
pub(super) fn base(rows: &[Row]) -> Result<Base, PollError> {
    let wrong = || PollError::bad_answer("the server tells no version: is it PostgreSQL 10 or later?");
    let row = rows.first().ok_or_else(wrong)?;
    Ok(Base {
        version: row.text(0).ok_or_else(wrong)?.to_owned(),
        connections_max: row.number(1),
        is_replica: row.is_true(2),
        uptime_s: row.number(3),
        sees_all: row.is_true(4),
    })
}

/// Reads what sessions do.
pub(super) fn activity(by_state: &[Row], longest: &[Row]) -> Activity {
    let states = by_state.iter().filter_map(|row| Some((row.text(0)?.to_owned(), row.number(1)?))).collect();
    let longest = longest.first().and_then(|row| {
        let doing = match row.text(1) {
            Some("Lock") => "active, waits for a lock".to_owned(),
            Some("IO") => "active, waits for the disk".to_owned(),
            Some("Client") => "active, waits for its client".to_owned(),
            _ => "active".to_owned(),
        };
        Some((row.number(0)?.max(0.0), doing))
    });
    let idle = by_state.iter().filter_map(|row| row.number(2)).reduce(f64::max);
    Activity { states, longest, longest_idle_s: idle.map(|idle| idle.max(0.0)) }
}

/// Reads counters by database.
pub(super) fn databases(rows: &[Row]) -> Vec<Database> {
    let one = |row: &Row| {
        Some(Database {
            name: row.text(0)?.to_owned(),
            connections: row.number(1),
            commits: row.number(2),
            rollbacks: row.number(3),
            hit: row.number(4),
            read: row.number(5),
            deadlocks: row.number(6),
            temp_bytes: row.number(7),
        })
    };
    rows.iter().filter_map(one).take(DATABASES_MAX).collect()
}

/// Reads all databases together.
pub(super) fn totals(rows: &[Row]) -> Totals {
    rows.first().map_or_else(Totals::default, |row| Totals {
        connections: row.number(0),
        hit: row.number(1),
        read: row.number(2),
        deadlocks: row.number(3),
    })
}

/// Reads replicas. Two of one name get numbers.
pub(super) fn replicas(rows: &[Row]) -> Vec<Replica> {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut one = |row: &Row| {
        let name = row.text(0)?;
        let count = names.entry(name.to_owned()).or_default();
        *count += 1;
        let client = if *count == 1 { name.to_owned() } else { format!("{name} {count}") };
        let lag_bytes = row.number(3).map(|bytes| bytes.max(0.0));
        let lag_s = row.number(2).or_else(|| (lag_bytes == Some(0.0)).then_some(0.0));
        Some(Replica { client, state: row.text(1).map(str::to_owned), lag_s, lag_bytes })
    };
    rows.iter().take(REPLICAS_MAX).filter_map(&mut one).collect()
}

/// Reads sizes.
pub(super) fn sizes(rows: &[Row]) -> Rare {
    let sizes: BTreeMap<_, _> = rows.iter().filter_map(|row| Some((row.text(0)?.to_owned(), row.number(1)?))).collect();
    let size = (!rows.is_empty() && sizes.len() == rows.len()).then(|| sizes.values().sum());
    Rare { sizes, size, worst: None }
}

/// Reads the table with the most dead rows.
pub(super) fn worst(rows: &[Row]) -> Option<(String, f64, f64)> {
    let row = rows.first()?;
    Some((row.text(0)?.to_owned(), row.number(1)?, row.number(2)?))
}
