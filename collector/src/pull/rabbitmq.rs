//! RabbitMQ, by the HTTP API of its management plugin.
//!
//! In: `/api/overview`, `/api/queues` by pages, `/api/nodes` and, more rarely, the health checks. Out: totals, the busiest
//! queues as series, and the snapshot `queues`.
//!
//! Invariants: nothing is asked that changes the broker (the aliveness test declares a queue, so it is not used); statistics of
//! single queues are asked only while they are cheap for the broker; one part that is refused leaves the others.
//!
//! Bounded: queues read ([`ask::QUEUES_MAX`]), told ([`view::QUEUES_TOLD_MAX`]) and kept as series ([`busiest::SERIES_QUEUES_MAX`]).

use std::{path::PathBuf, time::Duration};

use farol_shared::{catalog, secret::Secret};
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::{At, Code, Given, Group, Integration, Kind, KindOption, PollError, Polling, Reading, http::Http};

mod answer;
mod ask;
mod busiest;
mod filter;
mod health;
#[cfg(test)]
mod tests;
mod view;

use answer::{Node, Overview};
use ask::{Form, Listing};
pub use view::{RabbitmqAlarm, RabbitmqHealth, RabbitmqNode, RabbitmqQueue, RabbitmqQueues, RabbitmqTotals};

/// RabbitMQ.
pub const KIND: Kind = Kind {
    name: "rabbitmq",
    title: "RabbitMQ",
    group: Group::Queues,
    interval: Duration::from_secs(5),
    floor: Duration::from_secs(5),
    timeout: Duration::from_secs(10),
    secrets: &["password"],
    options: &[
        KindOption { key: "username", default: "guest", meaning: "User of the management API; it needs the tag monitoring." },
        KindOption {
            key: "password",
            default: "guest for guest",
            meaning: "Its password; best as password_file or password_env. RabbitMQ lets guest in from its own machine only.",
        },
        KindOption { key: "vhost", default: "all", meaning: "Only the queues of this virtual host; totals are then theirs too." },
        KindOption {
            key: "queues",
            default: "all",
            meaning: "Only these queues: a list of names, where a star at the end stands for anything. Totals stay the broker's.",
        },
        KindOption {
            key: "detail",
            default: "auto",
            meaning: "full: rates, consumers and memory of each queue; cheap: only its messages, which costs the broker far less; \
                      auto: full up to 1,000 queues and while the broker answers within a second.",
        },
        KindOption { key: "ca_file", default: "none", meaning: "PEM file with certificates to trust beside the machine's." },
        KindOption {
            key: "amqp_port",
            default: "5672",
            meaning: "Where the broker itself listens: tried when the management API is away, to say which of the two is down.",
        },
    ],
    snippet: "[[rabbitmq]]\nname = \"broker\"\nurl = \"http://rabbitmq:15672\"\nusername = \"farol\"\npassword_env = \"RABBITMQ_PASSWORD\"\n",
    open,
};

/// Share of the time of a poll that one call may take: then the others still have theirs.
const CALL_SHARE: f64 = 0.4;

/// Share of the time of a poll that all pages of queues together may take.
const LIST_SHARE: f64 = 0.5;

/// A list that takes longer is asked more rarely and in the cheap form.
const SLOW_LIST: Duration = Duration::from_secs(1);

/// How long a slow list stands.
const SLOW_LIST_EVERY: Duration = Duration::from_secs(15);

/// After this long, the full form is tried again on a broker that was slow.
const FULL_AGAIN_AFTER: Duration = Duration::from_secs(300);

/// Above this, `auto` takes the cheap form.
const FULL_QUEUES_MAX: f64 = 1_000.0;

/// How long the broker's own port may take to answer when the management API does not.
const AMQP_WITHIN: Duration = Duration::from_millis(500);

/// How much is asked of each queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Detail {
    Full,
    Cheap,
    Auto,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    username: String,
    password: Option<Secret>,
    vhost: Option<String>,
    queues: Vec<String>,
    detail: Detail,
    ca_file: Option<PathBuf>,
    amqp_port: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            username: "guest".to_owned(),
            password: None,
            vhost: None,
            queues: Vec::new(),
            detail: Detail::Auto,
            ca_file: None,
            amqp_port: 5_672,
        }
    }
}

struct Rabbitmq {
    api: ask::Api,
    detail: Detail,
    vhost: Option<String>,
    is_filtered: bool,
    amqp_port: u16,
    timeout: Duration,
    /// The newest list, and when it came and how long it took.
    listed: Option<(Instant, Duration, Listing)>,
    /// When the full form took too long.
    slow_at: Option<Instant>,
    /// When the list last took long and did not come, and why.
    failed: Option<(Instant, PollError)>,
    health: health::Health,
    chosen: busiest::Chosen,
}

#[expect(clippy::needless_pass_by_value, reason = "the form of a row of `KINDS`, which others consume")]
fn open(given: Given) -> Result<Box<dyn Integration>, String> {
    let config: Config = given.read()?;
    let url = given.needed_url("http://rabbitmq:15672")?;
    let password = match config.password {
        Some(password) => password,
        None if config.username == "guest" => Secret::new("guest"),
        None => return Err("password is missing: write password_file = \"/path\" or password_env = \"NAME\"".to_owned()),
    };
    let filter = filter::Filter::new(&config.queues)?;
    let http = Http::new(url, given.timeout.mul_f64(CALL_SHARE), config.ca_file.as_deref())?.body_max(ask::BODY_BYTES_MAX);
    Ok(Box::new(Rabbitmq {
        is_filtered: !config.queues.is_empty(),
        api: ask::Api { http, username: config.username, password, vhost: config.vhost.clone(), filter },
        detail: config.detail,
        vhost: config.vhost,
        amqp_port: config.amqp_port,
        timeout: given.timeout,
        listed: None,
        slow_at: None,
        failed: None,
        health: health::Health::default(),
        chosen: busiest::Chosen::default(),
    }))
}

impl Integration for Rabbitmq {
    fn poll<'a>(&'a mut self, _at: &'a At) -> Polling<'a> {
        Box::pin(self.ask())
    }

    fn target(&self) -> String {
        match &self.vhost {
            Some(vhost) => format!("{}, vhost {vhost}", self.api.http.host()),
            None => self.api.http.host(),
        }
    }
}

impl Rabbitmq {
    async fn ask(&mut self) -> Result<Reading, PollError> {
        let overview = match self.api.overview().await {
            Ok(overview) => overview,
            Err(error) => return Err(self.explain(error).await),
        };
        let mut reading = Reading::default();
        let form = self.form(&overview);
        let now = Instant::now();
        let is_kept = self.listed.as_ref().is_some_and(|(at, took, _)| *took > self.slow() && now - *at < SLOW_LIST_EVERY);
        let rests = self.failed.as_ref().filter(|(at, _)| now - *at < SLOW_LIST_EVERY).map(|(_, error)| error.clone());
        let is_asked = !is_kept && rests.is_none();
        let within = self.timeout.mul_f64(LIST_SHARE);
        let list = async {
            if !is_asked {
                return None;
            }
            let late = || PollError::unreachable("the list of queues took too long: give a longer timeout, or choose queues");
            let listed = timeout(within, self.api.list(form)).await.unwrap_or_else(|_| Err(late()));
            Some((listed, now.elapsed()))
        };
        // On one connection each: the broker answers them side by side.
        let (listed, nodes, ()) = tokio::join!(list, self.api.nodes(), self.health.follow(&self.api, now, within));
        match listed {
            Some((Ok(listing), took)) => self.keep(now, took, form, listing),
            Some((Err(error), took)) => {
                let error = self.barred(error);
                self.lose(took, form, &error);
                reading.missing("queues", error);
            }
            None => {
                if let Some(error) = rests {
                    reading.missing("queues", error);
                }
            }
        }
        let nodes = match nodes {
            Ok(nodes) => Some(nodes),
            Err(error) => {
                reading.missing("nodes", nodes_refused(error, &self.api.username));
                None
            }
        };
        if let Some(error) = &self.health.missing {
            reading.missing("health checks", error.clone());
        }
        self.tell(&mut reading, &overview, nodes.as_deref());
        Ok(reading)
    }

    /// How to ask for the queues this time.
    fn form(&self, overview: &Overview) -> Form {
        let is_slow = self.slow_at.is_some_and(|at| at.elapsed() < FULL_AGAIN_AFTER);
        let is_many = overview.object_totals.queues.is_some_and(|queues| queues > FULL_QUEUES_MAX) && !self.is_filtered;
        match self.detail {
            // A broker without statistics has none of single queues either.
            _ if overview.disable_stats => Form::Cheap,
            Detail::Full => Form::Full,
            Detail::Cheap => Form::Cheap,
            Detail::Auto if is_many || is_slow => Form::Cheap,
            Detail::Auto => Form::Full,
        }
    }

    /// Tells more about a virtual host whose queues are refused.
    fn barred(&self, error: PollError) -> PollError {
        let (Some(vhost), username) = (&self.vhost, &self.api.username) else { return error };
        let message = match error.status {
            Some(401) => format!(
                "the user {username} may not read the virtual host {vhost}: rabbitmqctl set_permissions -p {vhost} {username} '^$' \
                 '^$' '.*'"
            ),
            Some(404) => format!("there is no virtual host {vhost}"),
            _ => return error,
        };
        PollError { message, ..error }
    }

    /// From when on a list counts as slow.
    fn slow(&self) -> Duration {
        SLOW_LIST.min(self.timeout / 4)
    }

    fn keep(&mut self, began: Instant, took: Duration, form: Form, listing: Listing) {
        self.note_slow(took, form);
        self.failed = None;
        self.listed = Some((began, took, listing));
    }

    /// The list did not come. The cheap form is tried at once; a broker that is too slow for that, too, is left alone for a while.
    fn lose(&mut self, took: Duration, form: Form, error: &PollError) {
        self.listed = None;
        let may_be_cheaper = self.note_slow(took, form);
        self.failed = (took > self.slow() && !may_be_cheaper).then(|| (Instant::now(), error.clone()));
    }

    /// Notes that the full form is too much for this broker. Says whether it is.
    fn note_slow(&mut self, took: Duration, form: Form) -> bool {
        let is_too_much = took > self.slow() && form == Form::Full && self.detail == Detail::Auto;
        if is_too_much {
            if self.slow_at.is_none_or(|at| at.elapsed() >= FULL_AGAIN_AFTER) {
                let (host, took_ms) = (self.api.http.host(), took.as_millis());
                tracing::info!(target: "pull", host, took_ms, "list of queues is slow, asking for messages only");
            }
            self.slow_at = Some(Instant::now());
        }
        is_too_much
    }

    /// Puts what was learned into the reading.
    fn tell(&mut self, reading: &mut Reading, overview: &Overview, nodes: Option<&[Node]>) {
        let listing = self.listed.as_ref().map(|(.., listing)| listing);
        if let Some(listing) = listing
            && listing.total == 0
            && self.vhost.is_none()
            && overview.object_totals.queues.is_some_and(|queues| queues > 0.0)
        {
            reading.missing("queues", blind(&self.api.username));
        }
        let view = view::view(overview, listing, nodes, &self.health, self.vhost.is_some());
        view::measure(reading, &view);
        if let Some(listing) = listing {
            self.chosen.choose(&listing.queues);
            for queue in listing.queues.iter().filter(|queue| self.chosen.holds(queue)) {
                let place = [("rabbitmq.vhost.name", queue.vhost.as_str()), ("rabbitmq.queue.name", queue.name.as_str())];
                for (state, value) in [("ready", queue.ready), ("unacknowledged", queue.unacked)] {
                    let attributes = [place[0], place[1], ("rabbitmq.message.state", state)];
                    reading.set(&catalog::RABBITMQ_MESSAGE_CURRENT, &attributes, value);
                }
                reading.set(&catalog::RABBITMQ_CONSUMER_COUNT, &place, queue.consumers);
            }
        }
        reading.describe("messaging.system", "rabbitmq");
        reading.describe("service.version", &view.version);
        reading.describe("server.address", &self.api.http.host());
        reading.say(view::sentence(&view));
        reading.snapshot("queues", &view);
    }

    /// Tells more about an answer that did not come.
    async fn explain(&self, error: PollError) -> PollError {
        if error.status == Some(401) {
            return login_refused(&error, &self.api.username);
        }
        let host = self.api.http.base().host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if error.code != Code::Unreachable || error.status.is_some() || Some(self.amqp_port) == self.api.http.base().port() {
            return error;
        }
        let connection = tokio::net::TcpStream::connect((host.as_str(), self.amqp_port));
        match timeout(AMQP_WITHIN, connection).await {
            Ok(Ok(_)) => PollError::unreachable(format!(
                "the broker is up ({host}:{} is open), but its management API is not ({}): enable it with rabbitmq-plugins \
                 enable rabbitmq_management, or write its address as url",
                self.amqp_port, error.message
            )),
            _ => error,
        }
    }
}

/// 401 at the first question. RabbitMQ writes both `not_authorised` and `not_authorized`; the reason tells the cases apart.
fn login_refused(error: &PollError, username: &str) -> PollError {
    let advice = if error.message.contains("Not management user") {
        format!("the user {username} has no tag: rabbitmqctl set_user_tags {username} monitoring")
    } else if error.message.contains("localhost") {
        format!("the user {username} may log in from the broker's own machine only: make one for Farol")
    } else {
        format!("the password of {username} is wrong, there is no such user, or it lacks the tag monitoring")
    };
    PollError::auth(format!("{advice} ({})", error.message)).with_status(401)
}

fn nodes_refused(error: PollError, username: &str) -> PollError {
    if error.code != Code::Auth {
        return error;
    }
    let message = format!("the user {username} may not see nodes: rabbitmqctl set_user_tags {username} monitoring");
    PollError { message, ..error }
}

fn blind(username: &str) -> PollError {
    PollError::auth(format!(
        "there are queues, but this user may not read any vhost: rabbitmqctl set_permissions -p / {username} '^$' '^$' '.*'"
    ))
}
