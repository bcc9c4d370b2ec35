//! DigitalOcean: droplets by what their agent tells, and apps of the App Platform.
//!
//! Each quantity is a call of its own, and 5,000 an hour are allowed. When the targets need more than that, a poll asks some of
//! them and the next one the others; what is known of the others stays as long as it is fresh.
//!
//! Bounded: targets ([`TARGETS_MAX`]), calls at once ([`CALLS_AT_ONCE`]), calls a poll.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use farol_shared::secret::Secret;
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;

use self::{
    answer::Matrix,
    known::{Known, What},
};
use super::{
    At, Given, Group, Integration, Kind, KindOption, PollError, Polling, Reading,
    http::{Answer, Http},
    infra::{self, Deployment, Infra, Target, Writer},
    reading::RateLimit,
};

mod answer;
mod known;

/// Most droplets and apps of one instance: beyond it, each would be asked less than every ten minutes.
const TARGETS_MAX: usize = 50;

/// Calls under way at a time.
const CALLS_AT_ONCE: usize = 4;

/// Calls a second that are used: nine tenths of 5,000 an hour.
const CALLS_PER_S: f64 = 1.25;

/// Most calls of one poll: 250 a minute are allowed, and the time of a poll is short.
const CALLS_MAX: usize = 150;

/// Largest answer of one call, in bytes. An hour of a hundred series is a fifth of it.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How far back is asked once history is there, in milliseconds.
const WINDOW_MS: i64 = 900_000;

/// Age up to which a point is the value now, in milliseconds, beside the time between two questions.
const FRESH_MS: i64 = 600_000;

/// DigitalOcean.
pub const KIND: Kind = Kind {
    name: "digitalocean",
    title: "DigitalOcean",
    group: Group::Infrastructure,
    interval: Duration::from_secs(60),
    floor: Duration::from_secs(30),
    timeout: Duration::from_secs(20),
    secrets: &["token"],
    options: &[
        KindOption {
            key: "token",
            default: "needed",
            meaning: "Access token with the scopes monitoring:read, and app:read for apps.",
        },
        KindOption { key: "droplets", default: "none", meaning: "Droplets: { id = \"123\", name = \"web\" }." },
        KindOption {
            key: "apps",
            default: "none",
            meaning: "Apps of the App Platform: { id = \"uuid\", name = \"shop\" }. With droplets up to 50.",
        },
    ],
    snippet: "[[digitalocean]]\nname = \"digitalocean\"\ntoken_env = \"DIGITALOCEAN_TOKEN\"\ndroplets = [{ id = \"123456\", name = \"web\" }]\n",
    open: |given| open(&given),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    token: Option<Secret>,
    #[serde(default)]
    droplets: Vec<Written>,
    #[serde(default)]
    apps: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    name: Option<String>,
}

struct DigitalOcean {
    http: Http,
    token: Secret,
    targets: Vec<Known>,
    /// The target that is asked first at the next poll.
    next: usize,
    interval: Duration,
}

fn open(given: &Given) -> Result<Box<dyn Integration>, String> {
    let config: Config = given.read()?;
    let token = config.token.ok_or("token is missing: write token_file or token_env")?;
    let droplets = config.droplets.into_iter().map(|written| (What::Droplet, written));
    let apps = config.apps.into_iter().map(|written| (What::App, written));
    let mut targets: Vec<Known> = Vec::new();
    for (what, written) in droplets.chain(apps) {
        let is_id =
            !written.id.is_empty() && written.id.len() <= 64 && written.id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !is_id {
            return Err("an id is none: a droplet's is a number, an app's a UUID; both stand in their addresses".to_owned());
        }
        let name = written.name.unwrap_or_else(|| written.id.clone());
        if targets.iter().any(|other| other.name == name) {
            return Err(format!("two targets are called {name}: give them names of their own"));
        }
        targets.push(Known::new(what, written.id, name));
    }
    if targets.is_empty() || targets.len() > TARGETS_MAX {
        return Err(format!("droplets and apps: write 1 to {TARGETS_MAX} such as {{ id = \"123456\", name = \"web\" }}"));
    }
    let http = Http::new(given.url.as_deref().unwrap_or("https://api.digitalocean.com"), given.timeout, None)?
        .body_max(ANSWER_BYTES_MAX);
    Ok(Box::new(DigitalOcean { http, token, targets, next: 0, interval: given.interval }))
}

impl Integration for DigitalOcean {
    fn poll<'a>(&'a mut self, at: &'a At) -> Polling<'a> {
        Box::pin(self.read(at))
    }

    fn target(&self) -> String {
        format!("{} ({} targets)", self.http.host(), self.targets.len())
    }
}

/// One call: of which target, and what.
struct Question {
    target: usize,
    part: &'static str,
    path: String,
    query: Vec<(&'static str, String)>,
}

impl DigitalOcean {
    /// The targets whose turn it is: as many as the allowed calls are enough for, one at least.
    fn turn(&mut self) -> Vec<usize> {
        let allowed = (self.interval.as_secs_f64() * CALLS_PER_S).clamp(1.0, 1_000.0);
        let (mut calls, mut turn) = (0, Vec::new());
        for step in 0..self.targets.len() {
            let number = (self.next + step) % self.targets.len();
            calls += self.targets[number].what.parts().len();
            let fits = calls <= CALLS_MAX && u32::try_from(calls).is_ok_and(|calls| f64::from(calls) <= allowed);
            if !fits && !turn.is_empty() {
                break;
            }
            turn.push(number);
        }
        self.next = turn.last().map_or(0, |last| (last + 1) % self.targets.len());
        turn
    }

    fn questions(&self, turn: &[usize], at: &At) -> Vec<Question> {
        let of = |number: usize| {
            let target = &self.targets[number];
            let start_s = target.gap.after(at).min(at.now_ms - WINDOW_MS).div_euclid(1_000);
            let end_s = at.now_ms.div_euclid(1_000);
            target.what.parts().iter().map(move |part| {
                let (path, query) = target.what.question(part, &target.id, start_s, end_s);
                Question { target: number, part, path, query }
            })
        };
        turn.iter().flat_map(|number| of(*number)).collect()
    }

    async fn ask(&self, question: Question, at: &At) -> (usize, &'static str, Result<Answer, PollError>) {
        let answer = self.http.get(&question.path).bearer(&self.token).query(&question.query).send_any().await;
        let is_well = |answer: Answer| {
            if answer.status == 200 { Ok(answer) } else { Err(infra::refusal(&answer, "ratelimit", at.now_ms)) }
        };
        (question.target, question.part, answer.and_then(is_well))
    }

    async fn read(&mut self, at: &At) -> Result<Reading, PollError> {
        let turn = self.turn();
        let questions = self.questions(&turn, at);
        let asked = self.ask_all(questions, at).await;
        let (mut reading, mut failed, mut told) = (Reading::default(), None, BTreeSet::new());
        for number in &turn {
            self.targets[*number].begin();
        }
        for (number, part, answer) in asked {
            let target = &mut self.targets[number];
            let limit = answer.as_ref().ok().and_then(|answer| infra::rate_limit(answer, "ratelimit"));
            reading.rate_limit = tighter(reading.rate_limit, limit);
            match answer.and_then(|answer| target.take(part, &answer.body)) {
                Ok(()) => _ = told.insert(number),
                Err(error) => {
                    target.failed(part, &error);
                    reading.missing(
                        "targets",
                        PollError { message: format!("{}: {}", target.name, error.message), ..error.clone() },
                    );
                    failed.get_or_insert(error);
                }
            }
        }
        if let Some(error) = failed.filter(|_| told.is_empty()) {
            return Err(error);
        }
        self.show(&mut reading, turn.len(), at);
        // Of who told nothing, the time is still missing in history.
        for number in told {
            self.targets[number].gap.close(at);
        }
        Ok(reading)
    }

    /// Asks a few at a time, and nothing more once it is told to wait or that it is not known.
    async fn ask_all(&self, questions: Vec<Question>, at: &At) -> Vec<(usize, &'static str, Result<Answer, PollError>)> {
        let is_over = AtomicBool::new(false);
        let ask = |question| async {
            if is_over.load(Ordering::Relaxed) {
                return None;
            }
            let told = self.ask(question, at).await;
            is_over.fetch_or(told.2.as_ref().is_err_and(PollError::is_for_all), Ordering::Relaxed);
            Some(told)
        };
        stream::iter(questions).map(ask).buffer_unordered(CALLS_AT_ONCE).filter_map(std::future::ready).collect().await
    }

    /// Writes and shows all targets, of which `asked` had their turn.
    fn show(&self, reading: &mut Reading, asked: usize, at: &At) {
        let mut infra = Infra { provider: "DigitalOcean".to_owned(), ..Infra::default() };
        let rounds = self.targets.len().div_ceil(asked.max(1));
        let round_ms =
            i64::try_from(self.interval.as_millis()).unwrap_or_default().saturating_mul(i64::try_from(rounds).unwrap_or(1));
        for target in &self.targets {
            let after_ms = target.gap.after(at);
            let mut writer = Writer { reading, now_ms: at.now_ms, after_ms, fresh_ms: FRESH_MS + round_ms };
            infra.targets.push(target.show(&mut writer));
            infra.deployments.extend(target.deployments.iter().cloned());
        }
        infra.deployments.sort_by_key(|deployment: &Deployment| std::cmp::Reverse(deployment.at));
        infra.deployments.truncate(infra::DEPLOYMENTS_MAX);
        let known = infra.targets.iter().filter(|target: &&Target| !target.is_blank()).count();
        reading.say(format!("{known} of {} targets have data", infra.targets.len()));
        if asked < self.targets.len() {
            reading
                .say(format!("5,000 calls an hour are not enough to ask all at once: each target is asked every {rounds} polls"));
        }
        reading.describe("cloud.provider", "digitalocean");
        reading.snapshot("infra", &infra);
    }
}

/// Of calls under way at once the one with the fewest left tells what is left.
fn tighter(a: Option<RateLimit>, b: Option<RateLimit>) -> Option<RateLimit> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.remaining < a.remaining { b } else { a }),
        (a, b) => a.or(b),
    }
}
