//! The answer to `INFO`, read without I/O: fields by name, and the few that are lists.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::pull::PollError;

/// Most fields that are kept. Redis 7 has 300, each command in use adds two.
const FIELDS_MAX: usize = 4_096;

/// Most databases, replicas and commands that are listed.
const LIST_MAX: usize = 64;

/// The fields of an answer to `INFO`.
#[derive(Debug, Clone, Default)]
pub struct Info {
    fields: HashMap<String, String>,
    has_keyspace: bool,
}

/// What one database holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Database {
    /// Number of the database.
    pub db: u32,
    /// Keys.
    pub keys: u64,
    /// Keys that expire.
    pub expires: u64,
}

/// How often a command ran, and how long it took.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CommandUse {
    /// Name, in lower case; `config|get` for a subcommand.
    pub name: String,
    /// Runs since start.
    pub calls: f64,
    /// Mean time, in microseconds.
    pub mean_us: Option<f64>,
    /// 99 of 100 runs were at most as long, in microseconds; since Redis 7.
    pub p99_us: Option<f64>,
    /// Runs that ended in an error.
    pub failed: Option<f64>,
}

impl Info {
    /// Reads an answer.
    ///
    /// # Errors
    /// When it is not one of a Redis: it tells neither version, role nor uptime.
    pub fn parse(answer: &[u8]) -> Result<Self, PollError> {
        let text = String::from_utf8_lossy(answer);
        let mut info = Self::default();
        for line in text.lines() {
            match line.trim_end().split_once(':') {
                Some((key, value)) if info.fields.len() < FIELDS_MAX => {
                    info.fields.insert(key.to_owned(), value.to_owned());
                }
                Some(_) => break,
                None => info.has_keyspace |= line.starts_with("# Keyspace"),
            }
        }
        if ["redis_version", "role", "uptime_in_seconds"].iter().all(|key| info.text(key).is_none()) {
            return Err(PollError::bad_answer("the answer to INFO tells neither version, role nor uptime: is it a Redis?"));
        }
        Ok(info)
    }

    /// A field as text; an empty one is unknown.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A field as a finite number.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<f64> {
        self.text(key).and_then(finite)
    }

    /// A field that is 0 or 1.
    #[must_use]
    pub fn is_set(&self, key: &str) -> Option<bool> {
        self.number(key).map(|number| number != 0.0)
    }

    /// What the server calls itself.
    #[must_use]
    pub fn server(&self) -> &str {
        let is_valkey = self.text("server_name") == Some("valkey") || self.text("valkey_version").is_some();
        if is_valkey { "valkey" } else { "redis" }
    }

    /// Its version; of a Valkey its own, not the one of the Redis that it resembles.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.text("valkey_version").or_else(|| self.text("redis_version"))
    }

    /// `master` or `replica`.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        self.text("role").map(|role| if role == "slave" { "replica" } else { role })
    }

    /// Every database that has a line.
    fn each_database(&self) -> impl Iterator<Item = Database> {
        self.fields.iter().filter_map(|(key, value)| {
            let db = key.strip_prefix("db")?.parse().ok()?;
            let of = |name: &str| pair(value, name).and_then(|text| text.parse().ok());
            Some(Database { db, keys: of("keys")?, expires: of("expires").unwrap_or(0) })
        })
    }

    /// What it holds, by database, the first ones. One without keys has no line.
    #[must_use]
    pub fn databases(&self) -> Vec<Database> {
        let mut databases: Vec<Database> = self.each_database().collect();
        databases.sort_by_key(|database| database.db);
        databases.truncate(LIST_MAX);
        databases
    }

    /// Keys of all databases: none when there is a keyspace without lines, unknown when there is no keyspace.
    #[must_use]
    pub fn keys(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "no Redis holds 2^53 keys")]
        let sum = self.each_database().map(|database| database.keys as f64).sum();
        (self.has_keyspace || sum > 0.0).then_some(sum)
    }

    /// Seconds by which the slowest replica is behind, as this master sees them.
    #[must_use]
    pub fn lag_s(&self) -> Option<f64> {
        let lags = self.fields.iter().filter(|(key, _)| {
            key.strip_prefix("slave").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
        });
        lags.take(LIST_MAX).filter_map(|(_, value)| pair(value, "lag").and_then(finite)).reduce(f64::max)
    }

    /// The commands that ran most, most first, at most `max`.
    #[must_use]
    pub fn commands(&self, max: usize) -> Vec<CommandUse> {
        let mut commands: Vec<CommandUse> = self
            .fields
            .iter()
            .filter_map(|(key, value)| {
                let name = key.strip_prefix("cmdstat_")?.to_owned();
                let calls = pair(value, "calls").and_then(finite).filter(|calls| *calls > 0.0)?;
                let percentiles = self.text(&format!("latency_percentiles_usec_{name}"));
                Some(CommandUse {
                    calls,
                    mean_us: pair(value, "usec_per_call").and_then(finite),
                    p99_us: percentiles.and_then(|text| pair(text, "p99")).and_then(finite),
                    failed: pair(value, "failed_calls").and_then(finite),
                    name,
                })
            })
            .collect();
        commands.sort_by(|a, b| b.calls.total_cmp(&a.calls).then_with(|| a.name.cmp(&b.name)));
        commands.truncate(max);
        commands
    }
}

fn finite(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// The value of a name in `a=1,b=2`.
fn pair<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    list.split(',').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Recorded from Redis 7.0.15, cut to one or two lines of what repeats.
    const RECORDED: &[u8] = include_bytes!("fixtures/info-7.0.15.txt");

    #[test]
    fn a_recorded_answer_is_read() {
        let info = Info::parse(RECORDED).unwrap();
        assert_eq!((info.server(), info.version(), info.role()), ("redis", Some("7.0.15"), Some("master")));
        assert_eq!((info.number("keyspace_hits"), info.number("keyspace_misses")), (Some(52.0), Some(142.0)));
        assert_eq!(info.databases(), [Database { db: 0, keys: 3_008, expires: 3 }]);
        assert_eq!((info.keys(), info.text("maxmemory_policy")), (Some(3_008.0), Some("allkeys-lru")));
        assert_eq!(
            (info.is_set("loading"), info.number("mem_fragmentation_ratio"), info.lag_s()),
            (Some(false), Some(4.94), None)
        );
        let commands = info.commands(2);
        assert_eq!(commands.iter().map(|command| command.name.as_str()).collect::<Vec<_>>(), ["set", "publish"]);
        assert_eq!((commands[0].calls, commands[0].mean_us, commands[0].p99_us), (3_006.0, Some(1.29), Some(9.023)));
    }

    #[test]
    fn no_line_of_a_database_means_no_keys_and_no_keyspace_means_unknown() {
        assert_eq!(Info::parse(b"role:master\r\n\r\n# Keyspace\r\n").unwrap().keys(), Some(0.0));
        assert_eq!(Info::parse(b"role:master\r\n").unwrap().keys(), None);
        let two =
            Info::parse(b"role:master\r\n# Keyspace\r\ndb3:keys=2,expires=1,avg_ttl=0,subexpiry=0\r\ndb0:keys=1\r\n").unwrap();
        assert_eq!((two.keys(), two.databases()[0].db, two.databases()[1].expires), (Some(3.0), 0, 1));
    }

    #[test]
    fn keys_of_more_databases_than_are_listed_are_counted_too() {
        let lines: String = (0..100).map(|db| format!("db{db}:keys=2,expires=0,avg_ttl=0\r\n")).collect();
        let info = Info::parse(format!("role:master\r\n# Keyspace\r\n{lines}").as_bytes()).unwrap();
        assert_eq!((info.databases().len(), info.keys()), (LIST_MAX, Some(200.0)));
    }

    #[test]
    fn replicas_valkeys_and_lags_are_told_apart() {
        let info = Info::parse(b"redis_version:7.2.4\nvalkey_version:8.0.1\nserver_name:valkey\nrole:slave\n").unwrap();
        assert_eq!((info.server(), info.version(), info.role()), ("valkey", Some("8.0.1"), Some("replica")));
        let lagging = b"role:master\nslave0:ip=a,port=1,state=online,offset=5,lag=1\nslave1:ip=b,lag=7\nslave_priority:100\n";
        assert_eq!(Info::parse(lagging).unwrap().lag_s(), Some(7.0));
        assert!(Info::parse(b"<html>a:b</html>").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut with_role = b"role:x\r\n# Keyspace\r\n".to_vec();
            with_role.extend_from_slice(&bytes);
            for answer in [bytes, with_role] {
                if let Ok(info) = Info::parse(&answer) {
                    assert!(info.databases().len() <= LIST_MAX && info.commands(5).len() <= 5);
                    assert!(info.lag_s().is_none_or(f64::is_finite) && info.keys().is_none_or(f64::is_finite));
                }
            }
        }
    }
}
