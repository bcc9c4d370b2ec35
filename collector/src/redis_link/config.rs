//! The keys by which the configuration names a Redis, and the target that they make.

use std::{path::PathBuf, sync::Arc};

use farol_shared::secret::Secret;
use redis::{ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo};
use serde::Deserialize;
use toml::{Table, Value};

use super::{ADDRESSES_MAX, Address, Target, Way, node::Tls};
use crate::pull::{KindOption, http};

/// Where Redis listens unless told otherwise.
const PORT: u16 = 6379;

/// Where Sentinel listens unless told otherwise.
const SENTINEL_PORT: u16 = 26379;

/// Keys that hold secrets, for the row of a kind.
pub const SECRETS: &[&str] = &["password", "sentinel_password"];

/// How an address is written, for errors and examples.
pub const EXAMPLE: &str = "redis://127.0.0.1:6379/0";

const KEYS: &[&str] =
    &["addresses", "username", "password", "database", "ca_file", "sentinels", "master", "sentinel_password", "cluster"];

/// The keys beside `url`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `host[:port]` of nodes of a Cluster to begin with; of a single server, in place of `url`.
    pub addresses: Vec<String>,
    /// User of the access control list. None is the default user.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Number of the database.
    pub database: Option<u32>,
    /// Certificates to trust beside the machine's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// `host[:port]` of Sentinels; `rediss://host[:port]` when they and Redis speak TLS.
    pub sentinels: Vec<String>,
    /// What Sentinel calls the master.
    pub master: Option<String>,
    /// Password of the Sentinels themselves, if they have one.
    pub sentinel_password: Option<Secret>,
    /// Whether the address is a node of a Cluster.
    pub cluster: bool,
}

impl Config {
    /// Takes the keys of a link out of a kind's table, so that the kind reads only its own.
    ///
    /// # Errors
    /// Says which key is wrong, and how.
    pub fn take(table: &mut Table) -> Result<Self, String> {
        let taken: Table = KEYS.iter().filter_map(|key| table.remove_entry(*key)).collect();
        Value::Table(taken).try_into().map_err(|error: toml::de::Error| error.message().to_owned())
    }
}

/// The keys as rows of a kind's options.
pub const OPTIONS: [KindOption; 9] = [
    KindOption { key: "username", default: "none", meaning: "User of Redis' access control list." },
    KindOption { key: "password", default: "none", meaning: "Its password; better as password_file or password_env." },
    KindOption { key: "database", default: "0", meaning: "Number of the database, when the url has none." },
    KindOption { key: "ca_file", default: "none", meaning: "Certificates to trust beside the machine's, as PEM, for rediss://." },
    KindOption {
        key: "sentinels",
        default: "none",
        meaning: "In place of url: host:port of each Sentinel, or rediss://host:port when all speak TLS. Needs master.",
    },
    KindOption { key: "master", default: "none", meaning: "What Sentinel calls the master, such as mymaster." },
    KindOption { key: "sentinel_password", default: "none", meaning: "Password of the Sentinels, if they have one." },
    KindOption { key: "cluster", default: "false", meaning: "Whether the address is a node of a Redis Cluster." },
    KindOption {
        key: "addresses",
        default: "none",
        meaning: "host:port of more nodes of the Cluster, asked when the url's does not answer.",
    },
];

/// Makes the target of what was written.
pub(super) fn target(url: Option<&str>, config: &Config) -> Result<Target, String> {
    let written = url.map(read_url).transpose()?;
    let mut has_tls = written.as_ref().is_some_and(|written| written.has_tls);
    let user = user(written.as_ref(), config)?;
    let sentinels = addresses("sentinels", &config.sentinels, SENTINEL_PORT, &mut has_tls)?;
    let mut more = addresses("addresses", &config.addresses, PORT, &mut has_tls)?;
    if let Some(written) = &written {
        more.insert(0, written.address.clone());
    }
    let way = match (&config.master, sentinels.is_empty(), config.cluster) {
        (Some(_), false, true) => return Err("sentinels and cluster exclude each other: keep one".to_owned()),
        (Some(_), false, false) if !more.is_empty() => {
            return Err(
                "sentinels say where Redis is: remove url and addresses, and write database and username as keys".to_owned()
            );
        }
        (Some(master), false, false) => Way::Sentinel { master: master.clone(), sentinels },
        (Some(_), true, _) => return Err("master needs sentinels = [\"host:port\"]".to_owned()),
        (None, false, _) => return Err("sentinels need master = \"mymaster\", the name that they give it".to_owned()),
        (None, true, true) if user.db() != 0 => return Err("a cluster has only database 0: remove the other".to_owned()),
        (None, true, true) if !more.is_empty() => Way::Cluster(more),
        (None, true, false) if more.len() > 1 => {
            return Err("more than one address: write cluster = true, or sentinels and master, or keep one".to_owned());
        }
        (None, true, _) => match more.pop() {
            Some(address) => Way::One(address),
            None => return Err(format!("url is missing: write one such as \"{EXAMPLE}\"")),
        },
    };
    if config.ca_file.is_some() && !has_tls {
        return Err("ca_file is of use only with TLS: write the address as rediss://".to_owned());
    }
    let mut sentinel_user = plain();
    if let Some(password) = &config.sentinel_password {
        sentinel_user = sentinel_user.set_password(password.reveal());
    }
    let tls = if has_tls { Some(Tls::of(http::tls(config.ca_file.as_deref())?)) } else { None };
    Ok(Target { way, user, sentinel_user, tls, known: Arc::default() })
}

/// A user without credentials, as every connection of ours begins: RESP2, which every version speaks, and no library's name,
/// which costs an entry in the log of refusals where the user may not tell it.
fn plain() -> RedisConnectionInfo {
    RedisConnectionInfo::default().set_skip_set_lib_name()
}

fn user(written: Option<&Written>, config: &Config) -> Result<RedisConnectionInfo, String> {
    let mut user = plain();
    let (mut username, mut password, mut database) =
        (config.username.as_deref(), config.password.as_ref().map(Secret::reveal), config.database.map(i64::from));
    if let Some(Written { user: in_url, has_database, .. }) = written {
        let twice = |key: &str| Err(format!("{key} stands in the url and beside it: keep one"));
        match (in_url.username(), username) {
            (Some(_), Some(_)) => return twice("username"),
            (found, None) => username = found,
            (None, _) => {}
        }
        match (in_url.password(), password) {
            (Some(_), Some(_)) => return twice("password"),
            (found, None) => password = found,
            (None, _) => {}
        }
        match (*has_database, database) {
            (true, Some(_)) => return twice("database"),
            (true, None) => database = Some(in_url.db()),
            (false, _) => {}
        }
    }
    if username.is_some() && password.is_none() {
        return Err("username needs a password: write password_file or password_env".to_owned());
    }
    if let Some(name) = username {
        user = user.set_username(name);
    }
    if let Some(password) = password {
        user = user.set_password(password);
    }
    Ok(user.set_db(database.unwrap_or(0)))
}

/// What a `url` says.
struct Written {
    address: Address,
    has_tls: bool,
    has_database: bool,
    user: RedisConnectionInfo,
}

fn read_url(url: &str) -> Result<Written, String> {
    // Not quoted anywhere: it may hold a password.
    let wrong =
        || format!("url cannot be read: write one such as \"{EXAMPLE}\", with the password percent-encoded or as password_file");
    let parsed = redis::parse_redis_url(url).ok_or_else(wrong)?;
    let has_database = parsed.path().len() > 1 && !matches!(parsed.scheme(), "unix" | "redis+unix" | "valkey+unix")
        || parsed.query_pairs().any(|(key, _)| key == "db");
    let info = parsed.into_connection_info().map_err(|_| wrong())?;
    let (address, has_tls) = match info.addr() {
        ConnectionAddr::Tcp(host, port) => (tcp(host, *port).ok_or_else(wrong)?, false),
        ConnectionAddr::TcpTls { insecure: true, .. } => {
            return Err(
                "url ends in #insecure, which would trust anybody: remove it and name the server's certificate as ca_file"
                    .to_owned(),
            );
        }
        ConnectionAddr::TcpTls { host, port, .. } => (tcp(host, *port).ok_or_else(wrong)?, true),
        ConnectionAddr::Unix(path) => (Address::Unix(path.clone()), false),
        _ => return Err(wrong()),
    };
    Ok(Written { address, has_tls, has_database, user: info.redis_settings().clone() })
}

fn tcp(host: &str, port: u16) -> Option<Address> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty() && port > 0).then(|| Address::Tcp { host: host.to_owned(), port })
}

fn addresses(key: &str, written: &[String], usual_port: u16, has_tls: &mut bool) -> Result<Vec<Address>, String> {
    if written.len() > ADDRESSES_MAX {
        return Err(format!("{key} are more than {ADDRESSES_MAX}: keep some of them"));
    }
    let mut read = Vec::new();
    for text in written {
        let bare = text.strip_prefix("rediss://").inspect(|_| *has_tls = true);
        let bare = bare.or_else(|| text.strip_prefix("redis://")).unwrap_or(text).trim_end_matches('/');
        let address = Address::parse(bare, usual_port);
        read.push(address.ok_or_else(|| format!("{key} holds something that is no address: write \"host:{usual_port}\""))?);
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: Option<&str>, keys: &str) -> Result<Target, String> {
        let mut table: Table = keys.parse().unwrap();
        let config = Config::take(&mut table)?;
        assert!(table.is_empty(), "{table:?}");
        Target::read(url, &config)
    }

    #[test]
    fn every_way_to_redis_is_described_without_its_secrets() {
        for (url, keys, shown) in [
            (Some("redis://cache"), "", "cache:6379"),
            (Some("redis://ada:s3cr3t%40x@10.0.0.1:7000/3"), "", "10.0.0.1:7000/3"),
            (Some("rediss://[::1]:7000"), "password = 's3cr3t'\ndatabase = 2", "[::1]:7000/2 (TLS)"),
            (Some("unix:///run/redis.sock?db=1"), "", "/run/redis.sock/1"),
            (None, "sentinels = ['a', 'b:1']\nmaster = 'm'\nsentinel_password = 's3cr3t'", "m through Sentinel a:26379, b:1"),
            (None, "sentinels = ['rediss://a']\nmaster = 'm'\ndatabase = 2", "m through Sentinel a:26379 (TLS)"),
            (Some("redis://a"), "cluster = true\naddresses = ['b:7001']", "cluster a:6379, b:7001"),
            (None, "addresses = ['b:7001']", "b:7001"),
        ] {
            let target = read(url, keys).unwrap();
            assert_eq!(target.describe(), shown);
            assert!(!format!("{target:?}").contains("s3cr3t"));
        }
        let target = read(Some("redis://ada:s3cr3t%40x@10.0.0.1:7000/3"), "").unwrap();
        assert_eq!((target.user.username(), target.user.password(), target.database()), (Some("ada"), Some("s3cr3t@x"), 3));
    }

    #[test]
    fn what_does_not_fit_together_is_told_without_the_password() {
        for (url, keys, told) in [
            (None, "", "url is missing"),
            (Some("http://:s3cr3t@a"), "", "cannot be read"),
            (Some("redis://:s3cr3t@a:b"), "", "cannot be read"),
            (Some("rediss://:s3cr3t@a/#insecure"), "", "trust anybody"),
            (Some("redis://:s3cr3t@a"), "password = 'x'", "password stands in the url"),
            (Some("redis://a/1"), "database = 0", "database stands in the url"),
            (Some("redis://a/1"), "cluster = true", "only database 0"),
            (Some("redis://a"), "username = 'x'", "needs a password"),
            (Some("redis://a"), "ca_file = '/none'", "only with TLS"),
            (Some("rediss://a"), "ca_file = '/none'", "/none cannot be read"),
            (Some("redis://a"), "addresses = ['b']", "cluster = true"),
            (None, "sentinels = ['a']", "need master"),
            (None, "master = 'a'", "needs sentinels"),
            (None, "sentinels = [':s3cr3t@a']\nmaster = 'm'", "no address"),
            (Some("redis://a"), "sentinels = ['a']\nmaster = 'm'", "remove url"),
            (Some("redis://a"), "database = -1", "invalid value"),
        ] {
            let error = read(url, keys).unwrap_err();
            assert!(error.contains(told), "{keys}: {error}");
            assert!(!error.contains("s3cr3t"), "{error}");
        }
    }
}
