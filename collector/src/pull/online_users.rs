//! People on the site now, as the application notes them in Redis: a sorted set of users by when they were last seen, or a
//! HyperLogLog a minute.
//!
//! Read-only: old members are for the application to remove. What counts as now is the server's clock when it and ours differ.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use farol_shared::{catalog, config::Span};
use futures_util::future::try_join_all;
use redis::RedisError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{At, Given, Group, Integration, Kind, KindOption, PollError, Polling, Reading};
use crate::redis_link::{self, Link, Target, config, error};

/// Online users in Redis.
pub const KIND: Kind = Kind {
    name: "online_users",
    title: "Online users in Redis",
    group: Group::Users,
    interval: Duration::from_secs(2),
    floor: Duration::from_secs(1),
    timeout: Duration::from_secs(10),
    secrets: config::SECRETS,
    options: &[
        KindOption {
            key: "key",
            default: "online:users",
            meaning: "Key of the sorted set: member is the user, score the Unix time when last seen, in seconds or milliseconds. {tenant} in it \
                      stands for any tenant; with mode hyperloglog, {minute} for the Unix time in minutes.",
        },
        KindOption {
            key: "tenants",
            default: "all",
            meaning: "Tenants to count when key holds {tenant}; else those that are found.",
        },
        KindOption { key: "window", default: "5m", meaning: "Who was seen within it counts as online; 10s to 1h." },
        KindOption { key: "mode", default: "zset", meaning: "zset, or hyperloglog for one HyperLogLog a minute." },
        config::OPTIONS[0],
        config::OPTIONS[1],
        config::OPTIONS[2],
        config::OPTIONS[3],
        config::OPTIONS[4],
        config::OPTIONS[5],
        config::OPTIONS[6],
        config::OPTIONS[7],
        config::OPTIONS[8],
    ],
    snippet: "[[online_users]]\nname = \"site\"\nurl = \"redis://127.0.0.1:6379/0\"\nkey = \"online:users\"\n",
    open: |given| Ok(Box::new(OnlineUsers::of(&given)?)),
};

/// Key when none is written.
const KEY: &str = "online:users";

/// Key of a minute when none is written and the mode is HyperLogLog.
const MINUTE_KEY: &str = "online:{minute}";

/// Where the tenant stands in a key.
const TENANT: &str = "{tenant}";

/// Where the minute stands in a key.
const MINUTE: &str = "{minute}";

/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 512;

/// Most tenants that are counted. Each is two commands a poll.
const TENANTS_MAX: usize = 200;

/// Keys that one poll looks through for tenants. A step takes Redis less than a millisecond; the next poll goes on.
const SCANNED: usize = 1_000;

/// Shortest and longest window.
const WINDOWS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(3_600));

/// By how much the clocks may differ before the server's is believed: it is the one of the applications beside it.
const CLOCKS_APART_MS: i64 = 2_000;

/// Scores above it are milliseconds: as seconds they would be the year 5138.
const SECONDS_MAX: f64 = 1e11;

/// Longest time for one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Zset,
    Hyperloglog,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Own {
    key: Option<String>,
    tenants: Option<BTreeSet<String>>,
    window: Option<Span>,
    mode: Mode,
}

/// People on the site now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Users {
    /// People seen within the window; of several tenants the sum, so that who is with two counts twice.
    pub count: Option<f64>,
    /// Length of the window, in seconds.
    pub window_s: f64,
    /// Who counts, such as `Redis online:users`.
    pub source: String,
    /// By tenant, most people first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenants: Option<Vec<TenantUsers>>,
}

/// People of one tenant.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TenantUsers {
    /// Name of the tenant.
    pub name: String,
    /// People seen within the window.
    pub count: f64,
}

/// The keys of an instance, and what it learned.
struct OnlineUsers {
    target: Target,
    key: String,
    window: Duration,
    mode: Mode,
    /// Tenants that are counted; found when `is_found`.
    tenants: BTreeSet<String>,
    is_found: bool,
    /// Where each node's search for tenants goes on, which nodes this round is through with, and what it found.
    cursors: BTreeMap<String, u64>,
    searched: BTreeSet<String>,
    seen: BTreeSet<String>,
    answer_within: Duration,
    link: Option<Link>,
}

impl Integration for OnlineUsers {
    fn poll<'a>(&'a mut self, at: &'a At) -> Polling<'a> {
        Box::pin(self.ask(at))
    }

    fn target(&self) -> String {
        format!("{} in {}", self.key, self.target.describe())
    }
}

impl OnlineUsers {
    fn of(given: &Given) -> Result<Self, String> {
        let mut given = given.clone();
        let link = redis_link::Config::take(&mut given.table)?;
        let own: Own = given.read()?;
        let is_zset = own.mode == Mode::Zset;
        let key = own.key.unwrap_or_else(|| if is_zset { KEY } else { MINUTE_KEY }.to_owned());
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(format!("key must have 1 to {KEY_BYTES_MAX} bytes"));
        }
        let has_tenants = key.matches(TENANT).count();
        if !is_zset && (!key.contains(MINUTE) || has_tenants > 0) {
            return Err(format!("key of mode hyperloglog holds {MINUTE} and no {TENANT}: write one such as \"{MINUTE_KEY}\""));
        }
        if has_tenants > 1 {
            return Err(format!("key holds {TENANT} more than once: keep one"));
        }
        if own.tenants.is_some() && has_tenants == 0 {
            return Err(format!("tenants needs {TENANT} in key: write one such as \"{KEY}:{TENANT}\""));
        }
        if own.tenants.as_ref().is_some_and(|tenants| tenants.len() > TENANTS_MAX) {
            return Err(format!("tenants are more than {TENANTS_MAX}: keep some of them"));
        }
        let window = own.window.map_or(Duration::from_secs(300), |span| span.0);
        if window < WINDOWS.0 || window > WINDOWS.1 {
            return Err(format!(
                "window: {} is out of bounds: write something from {} to {}",
                Span(window),
                Span(WINDOWS.0),
                Span(WINDOWS.1)
            ));
        }
        Ok(Self {
            target: Target::read(given.url.as_deref(), &link)?,
            key,
            window,
            mode: own.mode,
            is_found: has_tenants == 1 && own.tenants.is_none(),
            tenants: own.tenants.unwrap_or_default(),
            cursors: BTreeMap::new(),
            searched: BTreeSet::new(),
            seen: BTreeSet::new(),
            answer_within: (given.timeout / 3).min(ANSWER_WITHIN),
            link: None,
        })
    }

    async fn ask(&mut self, at: &At) -> Result<Reading, PollError> {
        // A connection that ended since the last poll is no failure yet.
        if let Some(link) = self.link.take() {
            let counted = self.count(&link, at).await;
            if !link.is_broken() {
                self.link = Some(link);
                return counted.map(|users| self.reading(&users));
            }
        }
        let link = self.target.connect(self.answer_within).await?;
        let users = self.count(&link, at).await?;
        self.link = Some(link);
        Ok(self.reading(&users))
    }

    fn reading(&self, users: &Users) -> Reading {
        let mut reading = Reading::default();
        reading.set(&catalog::USERS_ONLINE, &[], users.count);
        reading.describe("db.system.name", "redis");
        let count = users.count.map_or_else(|| "an unknown number of".to_owned(), |count| format!("{count:.0}"));
        reading.say(format!("{count} people seen within {} by {}", Span(self.window), users.source));
        reading.snapshot("users", users);
        reading
    }

    async fn count(&mut self, link: &Link, at: &At) -> Result<Users, PollError> {
        let now_ms = now(link, at.now_ms).await?;
        let mut users =
            Users { count: None, window_s: self.window.as_secs_f64(), source: format!("Redis {}", self.key), tenants: None };
        if self.mode == Mode::Hyperloglog {
            users.count = Some(self.minutes(link, now_ms).await?);
            return Ok(users);
        }
        if !self.key.contains(TENANT) {
            users.count = Some(self.sorted_set(link, &self.key, now_ms).await?);
            return Ok(users);
        }
        if self.is_found {
            self.find(link).await?;
        }
        // All at once over the one connection: one after the other, hundreds would take a distant Redis longer than a poll may.
        let this = &*self;
        let count = |name: &String| {
            let name = name.clone();
            async move {
                let count = this.sorted_set(link, &this.key.replace(TENANT, &name), now_ms).await?;
                Ok::<_, PollError>(TenantUsers { name, count })
            }
        };
        let mut counted = try_join_all(self.tenants.iter().map(count)).await?;
        counted.sort_by(|a, b| b.count.total_cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        users.count = Some(counted.iter().map(|tenant| tenant.count).sum());
        users.tenants = Some(counted);
        Ok(users)
    }

    /// Members of a sorted set whose score lies within the window.
    async fn sorted_set(&self, link: &Link, key: &str, now_ms: i64) -> Result<f64, PollError> {
        let node = link.node_of(key.as_bytes())?;
        let newest: Vec<(Vec<u8>, f64)> = node
            .ask(redis::cmd("ZRANGE").arg(key).arg(-1).arg(-1).arg("WITHSCORES"))
            .await
            .map_err(|error| wrong(&error, "ZRANGE", key, "sorted set"))?;
        let Some((_, newest)) = newest.first() else { return Ok(0.0) };
        let since_ms = now_ms.saturating_sub(i64::try_from(self.window.as_millis()).unwrap_or(i64::MAX));
        let since = if *newest > SECONDS_MAX { since_ms.to_string() } else { (since_ms / 1_000).to_string() };
        node.ask(redis::cmd("ZCOUNT").arg(key).arg(since).arg("+inf"))
            .await
            .map_err(|error| wrong(&error, "ZCOUNT", key, "sorted set"))
    }

    /// People of the last minutes, each of which has a HyperLogLog.
    async fn minutes(&self, link: &Link, now_ms: i64) -> Result<f64, PollError> {
        let minute = now_ms.div_euclid(60_000);
        let count = i64::try_from(self.window.as_secs().div_ceil(60)).unwrap_or(1);
        let keys: Vec<String> =
            (0..count).map(|back| self.key.replace(MINUTE, &minute.saturating_sub(back).to_string())).collect();
        let node = link.node_of(keys.first().map_or(&[][..], |key| key.as_bytes()))?;
        let answer = node.ask(redis::cmd("PFCOUNT").arg(&keys)).await;
        answer.map_err(|error: RedisError| match error.code() {
            Some("CROSSSLOT") => PollError::bad_answer(
                "the minutes lie on different nodes of the cluster: write the key with a hash tag, such as \"{online}:{minute}\"",
            ),
            _ => wrong(&error, "PFCOUNT", &self.key, "HyperLogLog"),
        })
    }

    /// Goes one step on in the search for tenants; after a whole round, who was not seen is forgotten.
    async fn find(&mut self, link: &Link) -> Result<(), PollError> {
        let (before, after) = self.key.split_once(TENANT).unwrap_or((&self.key, ""));
        let pattern = format!("{}*{}", literal(before), literal(after));
        for node in link.nodes() {
            if self.searched.contains(node.name()) {
                continue;
            }
            let cursor = self.cursors.get(node.name()).copied().unwrap_or(0);
            let asked = redis::cmd("SCAN").arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(SCANNED).clone();
            let (next, keys): (u64, Vec<Vec<u8>>) = node.run(&asked).await?;
            let names = keys.iter().filter_map(|key| {
                let name = std::str::from_utf8(key).ok()?.strip_prefix(before)?.strip_suffix(after)?;
                (!name.is_empty()).then(|| name.to_owned())
            });
            for name in names {
                if self.tenants.len() < TENANTS_MAX {
                    self.tenants.insert(name.clone());
                }
                if self.seen.len() < TENANTS_MAX {
                    self.seen.insert(name);
                }
            }
            if next == 0 {
                self.cursors.remove(node.name());
                self.searched.insert(node.name().to_owned());
            } else {
                self.cursors.insert(node.name().to_owned(), next);
            }
        }
        if link.nodes().all(|node| self.searched.contains(node.name())) {
            self.tenants = std::mem::take(&mut self.seen);
            self.searched.clear();
            self.cursors.clear();
        }
        Ok(())
    }
}

/// Now by our clock, or by the server's when they differ. Who may not run `TIME` may run `INFO`, which also tells it.
async fn now(link: &Link, ours_ms: i64) -> Result<i64, PollError> {
    let node = link.first();
    let theirs_ms = match node.ask::<(i64, i64)>(&redis::cmd("TIME")).await {
        Ok((seconds, micros)) => Some(seconds.saturating_mul(1_000).saturating_add(micros / 1_000)),
        Err(error) if error::is_not_offered(&error) => {
            let info: String = node.ask(redis::cmd("INFO").arg("server")).await.unwrap_or_default();
            let micros = info.lines().find_map(|line| line.strip_prefix("server_time_usec:"));
            micros.and_then(|micros| micros.trim().parse::<i64>().ok()).map(|micros| micros / 1_000)
        }
        Err(error) => return Err(error::told(&error, "TIME")),
    };
    Ok(theirs_ms.filter(|theirs| theirs.abs_diff(ours_ms) > CLOCKS_APART_MS.unsigned_abs()).unwrap_or(ours_ms))
}

fn wrong(error: &RedisError, command: &str, key: &str, expected: &str) -> PollError {
    match error.code() {
        Some("WRONGTYPE") => PollError::bad_answer(format!("{key} is no {expected}: name the right key, or the right mode")),
        _ => error::told(error, command),
    }
}

/// A text as a pattern that matches only itself.
fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pull::Instance;

    #[test]
    fn what_does_not_fit_together_is_told() {
        let open = |keys: &str| {
            Instance::from_toml("online_users", &format!("url = 'redis://a'\n{keys}"), &BTreeMap::new())
                .map(|instance| instance.target())
        };
        assert_eq!(open("").unwrap(), "online:users in a:6379");
        assert_eq!(open("mode = 'hyperloglog'").unwrap(), "online:{minute} in a:6379");
        for (keys, told) in [
            ("key = ''", "1 to 512"),
            ("key = 'x'\nmode = 'hyperloglog'", "holds {minute}"),
            ("tenants = ['a']", "needs {tenant} in key"),
            ("key = '{tenant}{tenant}'", "more than once"),
            ("window = '1s'", "from 10s to 1h"),
            ("mode = 'x'", "unknown variant"),
            ("kye = 'x'", "unknown field"),
        ] {
            let error = open(keys).unwrap_err();
            assert!(error.contains(told), "{keys}: {error}");
        }
    }

    #[test]
    fn a_key_as_a_pattern_matches_only_itself() {
        assert_eq!(literal("a*b?[c]\\"), "a\\*b\\?\\[c\\]\\\\");
    }
}
