//! UptimeRobot: what its monitors say, by version 3 of its API or by version 2 where that does not serve.
//!
//! Version 3 tells states in one list, but shares and times of answers monitor by monitor: one monitor is asked for a poll, so
//! that the ten questions a minute of a free account are enough.

mod shown;
mod v2;
mod v3;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use farol_shared::{catalog, secret::Secret};
use serde::Deserialize;
use tokio::time::timeout;

pub use shown::{MonitorIncident, MonitorState, Uptime, UptimeMonitor};

use super::{
    At, Code, Given, Group, Integration, Kind, KindOption, PollError, Polling, Reading,
    http::{Answer, Http},
    reading::RateLimit,
};
use v3::Statistics;

/// UptimeRobot.
pub const KIND: Kind = Kind {
    name: "uptimerobot",
    title: "UptimeRobot",
    group: Group::Uptime,
    interval: Duration::from_secs(60),
    floor: Duration::from_secs(30),
    timeout: Duration::from_secs(20),
    secrets: &["api_key"],
    options: &[
        KindOption { key: "api_key", default: "needed", meaning: "API key; the read-only one is enough." },
        KindOption {
            key: "api",
            default: "auto",
            meaning: "Version of the API: \"v3\", \"v2\", or \"auto\", which tries v3 first and then v2.",
        },
        KindOption { key: "monitors", default: "all", meaning: "Names or numbers of the monitors to show." },
    ],
    snippet: "[[uptimerobot]]\nname = \"site\"\napi_key_file = \"/run/secrets/uptimerobot\"\n",
    open: |given| open(&given),
};

/// Most pages of monitors that are read at a poll.
const PAGES_MAX: usize = 10;

/// Most monitors of one instance: each has up to six series.
const MONITORS_MAX: usize = 500;

/// Longest pause that is asked of the runner.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// How old the time of an answer may be and still be shown.
const RESPONSE_MS_MAX: i64 = 3_600_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Api {
    #[default]
    Auto,
    V3,
    V2,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    api_key: Option<Secret>,
    #[serde(default)]
    api: Api,
    #[serde(default)]
    monitors: Vec<MonitorName>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum MonitorName {
    Number(u64),
    Name(String),
}

/// A monitor as a version tells it.
#[derive(Debug)]
struct Found {
    id: u64,
    monitor: UptimeMonitor,
}

struct UptimeRobot {
    http: Http,
    /// How long statistics may take, so that a list is not lost when they hang.
    statistics_within: Duration,
    api_key: Secret,
    api: Api,
    /// The version that answered last.
    works: Option<Api>,
    /// Names or numbers to show; all when empty.
    wanted: Vec<String>,
    /// What version 3 told of each monitor, and when.
    statistics: BTreeMap<u64, (i64, Statistics)>,
}

fn open(given: &Given) -> Result<Box<dyn Integration>, String> {
    let config: Config = given.read()?;
    let api_key = config.api_key.ok_or("api_key is missing: write api_key_file = \"/path\" or api_key_env = \"NAME\"")?;
    let wanted: Vec<String> = config
        .monitors
        .into_iter()
        .map(|monitor| match monitor {
            MonitorName::Number(number) => number.to_string(),
            MonitorName::Name(name) => name,
        })
        .collect();
    if wanted.len() > MONITORS_MAX {
        return Err(format!("monitors names more than {MONITORS_MAX}"));
    }
    let http = Http::new(given.url.as_deref().unwrap_or("https://api.uptimerobot.com"), given.timeout, None)?;
    let statistics_within = given.timeout * 2 / 5;
    let (api, works, statistics) = (config.api, None, BTreeMap::new());
    Ok(Box::new(UptimeRobot { http, statistics_within, api_key, api, works, wanted, statistics }))
}

impl Integration for UptimeRobot {
    fn poll<'a>(&'a mut self, at: &'a At) -> Polling<'a> {
        Box::pin(self.ask(at.now_ms))
    }

    fn target(&self) -> String {
        let wanted = if self.wanted.is_empty() { "all monitors".to_owned() } else { self.wanted.join(", ") };
        format!("{} ({wanted})", self.http.host())
    }
}

impl UptimeRobot {
    async fn ask(&mut self, now_ms: i64) -> Result<Reading, PollError> {
        let mut reading = Reading::default();
        let mut answers = Vec::new();
        let (found, cut) = self.list(now_ms, &mut answers).await?;
        if let Some(error) = cut {
            reading.missing("monitors", error);
        }
        let mut found = self.choose(found, &mut reading)?;
        tell_apart(&mut found);
        let asked = if self.works == Some(Api::V3) { self.ask_statistics(&found, now_ms, &mut reading).await } else { None };
        for Found { id, monitor } in &mut found {
            if let Some((asked_ms, told)) = self.statistics.get(id) {
                (monitor.uptime_7d, monitor.uptime_30d) = (told.uptime_7d, told.uptime_30d);
                monitor.response_ms = told.response_ms.filter(|_| now_ms - asked_ms <= RESPONSE_MS_MAX);
            }
            set(&mut reading, monitor, now_ms, self.works == Some(Api::V2) || asked == Some(*id));
        }
        reading.rate_limit = answers.last().and_then(rate_limit);
        let uptime = Uptime::of(found.into_iter().map(|found| found.monitor).collect());
        reading.say(format!("{} monitors, together {}", uptime.monitors.len(), uptime.word));
        reading.snapshot("uptime", &uptime);
        Ok(reading)
    }

    /// Lists the monitors by the version that is configured, or that answered before, or that answers now.
    async fn list(&mut self, now_ms: i64, answers: &mut Vec<Answer>) -> Result<(Vec<Found>, Option<PollError>), PollError> {
        let first = match (self.api, self.works) {
            (Api::Auto, Some(works)) => works,
            (Api::Auto | Api::V3, _) => Api::V3,
            (Api::V2, _) => Api::V2,
        };
        let told = self.list_by(first, now_ms, answers).await;
        let Err(error) = told else {
            self.works = Some(first);
            return told;
        };
        if self.api != Api::Auto || !may_be_version(&error) {
            return Err(error);
        }
        let other = if first == Api::V3 { Api::V2 } else { Api::V3 };
        let told = self.list_by(other, now_ms, answers).await;
        self.works = told.is_ok().then_some(other);
        // When neither takes the key, what the current version says is told.
        told.map_err(|second| if may_be_version(&second) { error } else { second })
    }

    async fn list_by(
        &self,
        version: Api,
        now_ms: i64,
        answers: &mut Vec<Answer>,
    ) -> Result<(Vec<Found>, Option<PollError>), PollError> {
        match version {
            Api::V2 => v2::list(&self.http, &self.api_key, now_ms, answers).await,
            Api::V3 | Api::Auto => v3::list(&self.http, &self.api_key, now_ms, answers).await,
        }
    }

    /// Keeps what is wanted, each once, not more than is borne.
    fn choose(&self, mut found: Vec<Found>, reading: &mut Reading) -> Result<Vec<Found>, PollError> {
        let mut seen = BTreeSet::new();
        found.retain(|one| seen.insert(one.id));
        if !self.wanted.is_empty() {
            let is = |one: &Found, wanted: &String| one.monitor.name == *wanted || one.id.to_string() == *wanted;
            let unknown: Vec<&str> =
                self.wanted.iter().filter(|wanted| !found.iter().any(|one| is(one, wanted))).map(String::as_str).collect();
            if !unknown.is_empty() {
                let error = PollError::bad_answer(format!("UptimeRobot has no monitor called {}", unknown.join(", ")));
                if unknown.len() == self.wanted.len() {
                    return Err(error);
                }
                reading.missing("monitors", error);
            }
            found.retain(|one| self.wanted.iter().any(|wanted| is(one, wanted)));
        }
        if found.len() > MONITORS_MAX {
            reading
                .missing("monitors", PollError::bad_answer(format!("only {MONITORS_MAX} of {} monitors are kept", found.len())));
            found.truncate(MONITORS_MAX);
        }
        Ok(found)
    }

    /// Asks for the statistics of the monitor whose are the oldest; tells which it was.
    async fn ask_statistics(&mut self, found: &[Found], now_ms: i64, reading: &mut Reading) -> Option<u64> {
        self.statistics.retain(|id, _| found.iter().any(|one| one.id == *id));
        let is_checked = |one: &&Found| one.monitor.state.value().is_some();
        let asked_ms = |one: &&Found| self.statistics.get(&one.id).map_or(i64::MIN, |(asked_ms, _)| *asked_ms);
        let id = found.iter().filter(is_checked).min_by_key(asked_ms)?.id;
        let asked = v3::statistics(&self.http, &self.api_key, id, now_ms);
        let told = timeout(self.statistics_within, asked).await;
        match told.unwrap_or_else(|_| Err(PollError::unreachable("the statistics of a monitor did not come in time"))) {
            Ok(told) => {
                self.statistics.insert(id, (now_ms, told));
                Some(id)
            }
            Err(error) => {
                reading.missing("statistics", error);
                None
            }
        }
    }
}

/// Whether another version might be served: this one is gone, or does not take the key.
fn may_be_version(error: &PollError) -> bool {
    error.code == Code::Auth || matches!(error.status, Some(400 | 404 | 405 | 410))
}

/// What a refusal means; UptimeRobot tells when the next minute of calls begins.
fn refusal(answer: &Answer, now_ms: i64) -> PollError {
    let error = match answer.status {
        401 => PollError::auth("the API key is refused: the read-only key of the account is enough").with_status(401),
        _ => answer.refusal(),
    };
    if error.code != Code::Limited || error.retry_after.is_some() {
        return error;
    }
    let reset_ms = rate_limit(answer).and_then(|limit| limit.reset_at);
    let wait_ms = reset_ms.and_then(|reset_ms| u64::try_from(reset_ms.saturating_sub(now_ms)).ok());
    PollError { retry_after: wait_ms.map(|ms| Duration::from_millis(ms).min(PAUSE_MAX)), ..error }
}

fn rate_limit(answer: &Answer) -> Option<RateLimit> {
    let whole = |name| answer.header(name)?.trim().parse::<u64>().ok();
    let reset_s = whole("x-ratelimit-reset").and_then(|second| i64::try_from(second).ok());
    let told = RateLimit {
        limit: whole("x-ratelimit-limit"),
        remaining: whole("x-ratelimit-remaining"),
        reset_at: reset_s.and_then(|second| second.checked_mul(1_000)),
    };
    (told != RateLimit::default()).then_some(told)
}

/// Names are attributes of series, so no two monitors may share one.
fn tell_apart(found: &mut [Found]) {
    let mut seen = BTreeMap::<String, usize>::new();
    for one in found.iter() {
        *seen.entry(one.monitor.name.clone()).or_default() += 1;
    }
    for one in found {
        if seen.get(&one.monitor.name).is_some_and(|count| *count > 1) {
            one.monitor.name = format!("{} ({})", one.monitor.name, one.id);
        }
    }
}

/// Sets the series of a monitor. What only statistics tell is set when they were asked for now.
fn set(reading: &mut Reading, monitor: &UptimeMonitor, now_ms: i64, has_statistics: bool) {
    let named = [("farol.check.name", monitor.name.as_str()), ("farol.check.kind", "uptimerobot")];
    let window = |window: &'static str| [named[0], named[1], ("farol.window", window)];
    reading.set(&catalog::CHECK_STATE, &named, monitor.state.value());
    reading.set(&catalog::CHECK_UPTIME_RATIO, &window("1d"), monitor.uptime_1d);
    if let Some(expires_ms) = monitor.tls_expires.and_then(|expires_ms| expires_ms.checked_sub(now_ms)) {
        let hours = i32::try_from(expires_ms / 3_600_000).ok().map(f64::from);
        reading.set(&catalog::CHECK_TLS_EXPIRY, &named[..1], hours.map(|hours| hours / 24.0));
    }
    if has_statistics {
        reading.set(&catalog::CHECK_DURATION, &named, monitor.response_ms.map(|ms| ms / 1e3));
        reading.set(&catalog::CHECK_UPTIME_RATIO, &window("7d"), monitor.uptime_7d);
        reading.set(&catalog::CHECK_UPTIME_RATIO, &window("30d"), monitor.uptime_30d);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monitors_of_one_name_are_told_apart() {
        let found = |id, name| Found { id, monitor: shown::tests::monitor(name, MonitorState::Online) };
        let mut all = [found(1, "Site"), found(2, "Site"), found(3, "API")];
        tell_apart(&mut all);
        assert_eq!(all.map(|one| one.monitor.name), ["Site (1)", "Site (2)", "API"]);
    }
}
