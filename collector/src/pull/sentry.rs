//! Sentry: release health, issues and transactions of one organisation, from Sentry's cloud or one's own.
//!
//! Three parts are asked for, issues at each poll, the others every second one: their answers change by the hour, and wide
//! questions are dear. A part that fails leaves the others alone; what it told before is shown until it is too old.

mod ask;
mod issues;
mod latency;
mod projects;
mod sessions;
mod shown;
mod transactions;

use std::{path::PathBuf, time::Duration};

use farol_shared::{catalog, secret::Secret};
use serde::Deserialize;
use tokio::time::timeout;

pub use issues::{SentryCount, SentryIssue};
pub use shown::{SentryHealth, SentryPerformance};
pub use transactions::SentryTransaction;

use super::{At, Given, Group, Integration, Kind, KindOption, PollError, Polling, Reading, http::Http};
use ask::Asker;
use issues::{COUNTED, Issues};
use latency::Latency;
use sessions::Sessions;
use transactions::{Dataset, Figures};

/// Sentry.
pub const KIND: Kind = Kind {
    name: "sentry",
    title: "Sentry",
    group: Group::Code,
    interval: Duration::from_secs(60),
    floor: Duration::from_secs(30),
    // Wide questions take Sentry many seconds, and there are up to twenty a poll.
    timeout: Duration::from_secs(50),
    secrets: &["token"],
    options: &[
        KindOption { key: "organization", default: "needed", meaning: "Short name (slug) of the organisation." },
        KindOption { key: "projects", default: "all", meaning: "Short names or numbers of the projects to count." },
        KindOption {
            key: "environment",
            default: "all",
            meaning: "Count only what is of this environment, such as \"production\".",
        },
        KindOption {
            key: "token",
            default: "needed",
            meaning: "Token of an internal integration with org:read, project:read and event:read.",
        },
        KindOption { key: "ca_file", default: "none", meaning: "PEM file with certificates to trust beside the machine's." },
    ],
    snippet: "[[sentry]]\nname = \"backend\"\norganization = \"acme\"\nprojects = [\"backend\"]\nenvironment = \"production\"\n\
              token_file = \"/run/secrets/sentry\"\n# Organisations in the EU: url = \"https://de.sentry.io\"; your own: its address.\n",
    open: |given| open(&given),
};

/// Longest that one call may take.
const CALL_MAX: Duration = Duration::from_secs(30);

/// Most projects of one instance. They travel in the address of each call.
const PROJECTS_MAX: usize = 50;

/// How long an answer about sessions or transactions serves: two polls of a minute, less their jitter.
const SERVES_MS: i64 = 100_000;

/// How old what a part told may be and still be shown: three of its turns.
const SHOWN_MS_MAX: i64 = 360_000;

/// How long a part is left alone that this organisation does not have.
const ABSENT_MS: i64 = 900_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    organization: String,
    #[serde(default)]
    projects: Vec<ProjectName>,
    environment: Option<String>,
    token: Option<Secret>,
    ca_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ProjectName {
    Number(u64),
    Name(String),
}

/// What a part told, and when.
struct Told<T> {
    newest: Option<(i64, T)>,
    /// Not to be asked again before, and why.
    absent: Option<(i64, PollError)>,
}

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self { newest: None, absent: None }
    }
}

impl<T> Told<T> {
    /// Whether to ask again.
    fn is_due(&self, now_ms: i64) -> bool {
        self.absent.as_ref().is_none_or(|(until_ms, _)| now_ms >= *until_ms)
            && self.newest.as_ref().is_none_or(|(asked_ms, _)| now_ms - asked_ms >= SERVES_MS || now_ms < *asked_ms)
    }

    fn shown(&self, now_ms: i64) -> Option<&T> {
        self.newest.as_ref().filter(|(asked_ms, _)| now_ms - asked_ms <= SHOWN_MS_MAX).map(|(_, told)| told)
    }
}

/// All that was asked about transactions.
struct Performance {
    slowest: Vec<SentryTransaction>,
    all: Figures,
    errors_5xx: Option<u64>,
    latency: Latency,
    troubles: Vec<(&'static str, PollError)>,
}

struct Sentry {
    asker: Asker,
    within: Duration,
    wanted: Vec<String>,
    environment: Option<String>,
    /// Numbers of the projects, once they are known.
    projects: Option<Vec<String>>,
    dataset: Dataset,
    is_series_legacy: bool,
    status_name: Option<&'static str>,
    /// When the names of the status are tried again.
    status_name_due_ms: i64,
    issues: Told<Issues>,
    sessions: Told<Sessions>,
    performance: Told<Performance>,
    /// The newest minute whose mean was given to history.
    given_ms: Option<i64>,
}

fn open(given: &Given) -> Result<Box<dyn Integration>, String> {
    let config: Config = given.read()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_name = |text: &str| !text.is_empty() && text.len() <= 100 && text.chars().all(is_plain);
    if !is_name(&config.organization) {
        return Err("organization is no short name: write what stands in Sentry's address, such as \"acme\"".to_owned());
    }
    let wanted: Vec<String> = config
        .projects
        .into_iter()
        .map(|project| match project {
            ProjectName::Number(number) => number.to_string(),
            ProjectName::Name(name) => name,
        })
        .collect();
    if wanted.len() > PROJECTS_MAX || !wanted.iter().all(|name| is_name(name)) {
        return Err(format!("projects must be up to {PROJECTS_MAX} short names or numbers, such as [\"backend\"]"));
    }
    let token = config.token.ok_or("token is missing: write token_file = \"/path\" or token_env = \"NAME\"")?;
    let base = given.url.as_deref().unwrap_or("https://sentry.io");
    let http = Http::new(base, given.timeout.min(CALL_MAX), config.ca_file.as_deref())?.body_max(8 << 20);
    Ok(Box::new(Sentry {
        asker: Asker::new(http, config.organization, token),
        within: given.timeout,
        wanted,
        environment: config.environment,
        projects: None,
        dataset: Dataset::Spans,
        is_series_legacy: false,
        status_name: None,
        status_name_due_ms: i64::MIN,
        issues: Told::default(),
        sessions: Told::default(),
        performance: Told::default(),
        given_ms: None,
    }))
}

impl Integration for Sentry {
    fn poll<'a>(&'a mut self, at: &'a At) -> Polling<'a> {
        Box::pin(self.ask(at))
    }

    fn target(&self) -> String {
        let projects = if self.wanted.is_empty() { "all projects".to_owned() } else { self.wanted.join(", ") };
        format!("{} {} ({projects})", self.asker.http.host(), self.asker.organization)
    }
}

impl Sentry {
    async fn ask(&mut self, at: &At) -> Result<Reading, PollError> {
        let now_ms = at.now_ms;
        self.asker.begin(now_ms);
        let mut troubles = Vec::new();
        // The first part alone is asked at each poll, so it also says whether there is anything to be had here.
        self.ask_projects().await?;
        let issues = self.ask_issues().await;
        let has_issues = keep(&mut self.issues, now_ms, "issues", issues, &mut troubles);
        let has_sessions = self.sessions.is_due(now_ms) && {
            let sessions = match stopped(&troubles) {
                Some(error) => Err(error),
                None => self.ask_sessions().await,
            };
            keep(&mut self.sessions, now_ms, "sessions", sessions, &mut troubles)
        };
        let has_performance = self.performance.is_due(now_ms) && {
            let performance = match stopped(&troubles) {
                Some(error) => Err(error),
                None => self.ask_performance(now_ms).await,
            };
            self.keep_performance(now_ms, has_issues, performance, &mut troubles)
        };
        if !(has_issues || has_sessions || has_performance) {
            return Err(troubles.swap_remove(0).1);
        }
        let mut reading = Reading { rate_limit: self.asker.rate_limit(), ..Reading::default() };
        if has_issues {
            self.set_issues(&mut reading);
        }
        if has_sessions {
            self.set_sessions(&mut reading);
        }
        if has_performance {
            self.set_performance(&mut reading, at);
        }
        if let Some((_, absent)) = self.performance.absent.as_ref().filter(|(until_ms, _)| now_ms < *until_ms) {
            reading.missing("performance", absent.clone());
        }
        for (part, error) in troubles {
            reading.missing(part, error);
        }
        self.show(&mut reading, now_ms);
        Ok(reading)
    }

    async fn ask_projects(&mut self) -> Result<(), PollError> {
        if self.projects.is_none() {
            let found = if self.wanted.is_empty() {
                vec!["-1".to_owned()]
            } else {
                projects::fetch(&mut self.asker, &self.wanted).await?
            };
            self.projects = Some(found);
        }
        Ok(())
    }

    async fn ask_issues(&mut self) -> Result<Issues, PollError> {
        let filter = filter(self.projects.as_deref(), self.environment.as_deref());
        within(self.within, 30, issues::fetch(&mut self.asker, &filter)).await
    }

    async fn ask_sessions(&mut self) -> Result<Sessions, PollError> {
        let filter = filter(self.projects.as_deref(), self.environment.as_deref());
        within(self.within, 20, sessions::fetch(&mut self.asker, &filter)).await
    }

    async fn ask_performance(&mut self, now_ms: i64) -> Result<Performance, PollError> {
        let filter = filter(self.projects.as_deref(), self.environment.as_deref());
        let asker = &mut self.asker;
        let (slowest, all) = within(self.within, 20, transactions::fetch(asker, &filter, &mut self.dataset)).await?;
        let mut troubles = Vec::new();
        let latency = latency::fetch(asker, &filter, self.dataset, &mut self.is_series_legacy, now_ms);
        let latency = within(self.within, 10, latency).await.unwrap_or_else(|error| {
            troubles.push(("latency", error));
            Latency::default()
        });
        let mut errors_5xx = None;
        if self.status_name.is_some() || now_ms >= self.status_name_due_ms {
            let failed = transactions::failed(asker, &filter, self.dataset, &mut self.status_name);
            match within(self.within, 15, failed).await {
                Ok(count) => {
                    errors_5xx = count;
                    self.status_name_due_ms = now_ms + ABSENT_MS;
                }
                Err(error) => troubles.push(("errors_5xx", error)),
            }
        }
        Ok(Performance { slowest, all, errors_5xx, latency, troubles })
    }

    /// Keeps what was told of transactions. An organisation that has none is no failure, and is not asked each time.
    fn keep_performance(
        &mut self,
        now_ms: i64,
        has_issues: bool,
        told: Result<Performance, PollError>,
        troubles: &mut Vec<(&'static str, PollError)>,
    ) -> bool {
        match told {
            Err(error) if error.status == Some(404) && has_issues => {
                let message = "performance data is not available for this organisation: its plan may lack it";
                self.performance.absent = Some((now_ms + ABSENT_MS, PollError::bad_answer(message).with_status(404)));
                false
            }
            told => keep(&mut self.performance, now_ms, "performance", told, troubles),
        }
    }

    fn set_issues(&self, reading: &mut Reading) {
        let Some((_, issues)) = &self.issues.newest else { return };
        for ((state, ..), count) in COUNTED.iter().zip(issues.counts) {
            reading.set(&catalog::SENTRY_ISSUES, &[("farol.issue.state", state)], count.map(|count| float(count.count)));
        }
        let count = |place: usize| issues.counts.get(place).copied().flatten();
        let words = |count: Option<SentryCount>| match count {
            None => "an unknown number of".to_owned(),
            Some(count) => format!("{}{}", count.count, if count.is_capped { " or more" } else { "" }),
        };
        reading.say(format!("{} unresolved issues, {} new in 24 h", words(count(4)), words(count(1))));
    }

    fn set_sessions(&self, reading: &mut Reading) {
        let Some((_, sessions)) = &self.sessions.newest else { return };
        for (name, window) in [("1h", sessions.hour), ("24h", sessions.day)] {
            let window = window.unwrap_or_default();
            for (subject, ratio) in [("users", window.users_ratio), ("sessions", window.sessions_ratio)] {
                let attributes = [("farol.subject", subject), ("farol.window", name)];
                reading.set(&catalog::SENTRY_CRASH_FREE, &attributes, ratio);
            }
        }
        let users = sessions.day.and_then(|day| day.users_ratio);
        reading.say(match (sessions.note(), users) {
            (Some(note), _) => note.to_owned(),
            (None, Some(ratio)) => format!("{:.2} % of users without a crash in 24 h", ratio * 100.0),
            (None, None) => "release health without users: set a user in the SDK to count them".to_owned(),
        });
    }

    fn set_performance(&mut self, reading: &mut Reading, at: &At) {
        let Some((_, told)) = &mut self.performance.newest else { return };
        for (statistic, ms) in [("p95", told.all.p95_ms), ("p99", told.all.p99_ms)] {
            let attributes = [("farol.statistic", statistic)];
            reading.set(&catalog::SENTRY_TRANSACTION_DURATION, &attributes, ms.map(|ms| ms / 1e3));
        }
        reading.set(&catalog::SENTRY_TRANSACTION_FAILURES, &[], told.all.failure_ratio);
        // Minutes become whole long after polls gave other values to history, so what was given is remembered here.
        let known_ms = self.given_ms.or(at.since_ms).unwrap_or(i64::MIN);
        for (time_ms, mean_ms) in told.latency.means.iter().filter(|(time_ms, _)| *time_ms > known_ms && *time_ms <= at.now_ms) {
            let attributes = [("farol.statistic", "mean")];
            reading.set_at(*time_ms, &catalog::SENTRY_TRANSACTION_DURATION, &attributes, mean_ms / 1e3);
            self.given_ms = Some(*time_ms);
        }
        reading.say(format!("{} transactions in the last hour", told.all.count.unwrap_or(0)));
        for (part, error) in told.troubles.drain(..) {
            reading.missing(part, error);
        }
    }

    /// Makes the tables of what is known and not too old.
    fn show(&self, reading: &mut Reading, now_ms: i64) {
        let (issues, sessions) = (self.issues.shown(now_ms), self.sessions.shown(now_ms));
        let [new_issues_1h, new_issues_24h, regressed, recurring, unresolved, escalating] =
            issues.map(|issues| issues.counts).unwrap_or_default();
        let window = |window: Option<sessions::Window>| window.unwrap_or_default();
        let (hour, day) = sessions.map(|sessions| (window(sessions.hour), window(sessions.day))).unwrap_or_default();
        let health = SentryHealth {
            crash_free_users_1h: hour.users_ratio,
            crash_free_users_24h: day.users_ratio,
            crash_free_sessions_1h: hour.sessions_ratio,
            crash_free_sessions_24h: day.sessions_ratio,
            sessions_24h: day.sessions,
            users_24h: day.users,
            note: sessions.and_then(Sessions::note).map(str::to_owned),
            new_issues_1h,
            new_issues_24h,
            regressed,
            recurring,
            unresolved,
            escalating,
            top_issues: issues.map(|issues| issues.top.clone()).unwrap_or_default(),
            link: self.link(),
        };
        reading.snapshot("health", &health);
        let Some(told) = self.performance.shown(now_ms) else { return };
        let performance = SentryPerformance {
            transactions: told.slowest.clone(),
            mean_ms: told.all.mean_ms,
            p95_ms: told.all.p95_ms,
            p99_ms: told.all.p99_ms,
            count: told.all.count,
            failure_ratio: told.all.failure_ratio,
            errors_5xx: told.errors_5xx,
            window_s: 3_600,
            sampled: told.latency.is_sampled,
            latency: told.latency.means.clone(),
        };
        reading.snapshot("performance", &performance);
    }

    /// The issues in Sentry's own pages.
    fn link(&self) -> String {
        let organization = &self.asker.organization;
        let mut url = self.asker.http.base().clone();
        let host = url.host_str().unwrap_or_default();
        let is_cloud = host == "sentry.io" || host.ends_with(".sentry.io");
        if is_cloud && url.set_host(Some(&format!("{organization}.sentry.io"))).is_ok() {
            url.set_path("/issues/");
        } else {
            let prefix = url.path().trim_end_matches('/').to_owned();
            url.set_path(&format!("{prefix}/organizations/{organization}/issues/"));
        }
        let filter = filter(self.projects.as_deref(), self.environment.as_deref());
        url.query_pairs_mut().extend_pairs(filter).extend_pairs([("query", "is:unresolved"), ("statsPeriod", "24h")]);
        url.to_string()
    }
}

/// The parameters that choose projects and environment.
fn filter<'a>(projects: Option<&'a [String]>, environment: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    let projects = projects.unwrap_or_default().iter().map(|project| ("project", project.as_str()));
    projects.chain(environment.map(|environment| ("environment", environment))).collect()
}

/// Gives a part its share of the poll's time, in hundredths, so that one that hangs leaves time for the others.
async fn within<T>(whole: Duration, hundredths: u32, part: impl Future<Output = Result<T, PollError>>) -> Result<T, PollError> {
    let share = whole * hundredths / 100;
    timeout(share, part)
        .await
        .unwrap_or_else(|_| Err(PollError::unreachable(format!("no answer within {} s", share.as_secs_f32()))))
}

/// Why nothing more should be asked in this poll, if so.
fn stopped(troubles: &[(&'static str, PollError)]) -> Option<PollError> {
    troubles.iter().map(|(_, error)| error).find(|error| error.is_for_all()).cloned()
}

/// Keeps what a part told, or why it told nothing.
fn keep<T>(
    told: &mut Told<T>,
    now_ms: i64,
    part: &'static str,
    answer: Result<T, PollError>,
    troubles: &mut Vec<(&'static str, PollError)>,
) -> bool {
    match answer {
        Ok(answer) => {
            *told = Told { newest: Some((now_ms, answer)), absent: None };
            true
        }
        Err(error) => {
            troubles.push((part, error));
            false
        }
    }
}

/// A count as the float that series hold; exact below 2^53.
fn float(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}
