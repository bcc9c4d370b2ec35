//! The keys of a `[[celery]]` table, checked.

use farol_shared::{config::Span, secret::Secret};
use reqwest::Url;
use serde::Deserialize;

use super::{
    amqp::{self, AmqpTarget},
    channels::Names,
    queues::QUEUES_MAX,
};
use crate::{
    pull::{Given, KindOption, http::Http},
    redis_link::{self, Target},
};

/// Longest name that AMQP carries, in bytes; no other name here is longer.
const NAME_BYTES_MAX: usize = 255;

/// Most priority steps. Celery has ten priorities.
const STEPS_MAX: usize = 10;

/// The keys, for the row of the kind.
pub(super) const OPTIONS: &[KindOption] = &[
    KindOption { key: "username", default: "the url's", meaning: "User of the broker; on RabbitMQ also of management_url." },
    KindOption { key: "password", default: "the url's", meaning: "Its password; better as password_file or password_env." },
    KindOption { key: "database", default: "0", meaning: "Redis: number of the database, when the url has none." },
    KindOption {
        key: "sentinels",
        default: "none",
        meaning: "Redis: in place of url, host:port of each Sentinel, or rediss://host:port when all speak TLS. Needs master.",
    },
    KindOption { key: "master", default: "none", meaning: "Redis: what Sentinel calls the master, such as mymaster." },
    KindOption { key: "sentinel_password", default: "none", meaning: "Redis: password of the Sentinels, if they have one." },
    KindOption { key: "ca_file", default: "none", meaning: "Certificates to trust beside the machine's, as PEM, for TLS." },
    KindOption {
        key: "queues",
        default: "found by itself",
        meaning: "Names of the queues. RabbitMQ without management_url cannot list them: then it is [\"celery\"].",
    },
    KindOption {
        key: "management_url",
        default: "none",
        meaning: "RabbitMQ: address of its management API, such as http://mq:15672, for all queues and what workers hold.",
    },
    KindOption { key: "key_prefix", default: "none", meaning: "Redis: global_keyprefix of the application's transport options." },
    KindOption { key: "priority_steps", default: "[0, 3, 6, 9]", meaning: "Redis: as in the application's transport options." },
    KindOption { key: "separator", default: "\\u0006\\u0016", meaning: "Redis: sep of the application's transport options." },
    KindOption {
        key: "fanout_prefix",
        default: "whichever is used",
        meaning: "Redis: fanout_prefix of the application's transport options: true, false or a text.",
    },
    KindOption { key: "event_exchange", default: "celeryev", meaning: "As in the application's settings." },
    KindOption {
        key: "ask_workers",
        default: "false",
        meaning: "Redis: ask the workers each 30 seconds what they hold, and switch their events on. Writes to the broker.",
    },
    KindOption {
        key: "failure_messages",
        default: "false",
        meaning: "Show the first line of an exception's message, masked, beside its class. It may hold personal data.",
    },
    KindOption { key: "offline_after", default: "60s", meaning: "How long a worker may be silent until it counts as offline." },
];

/// As it is written.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    queues: Vec<String>,
    management_url: Option<String>,
    key_prefix: String,
    priority_steps: Vec<u8>,
    separator: String,
    fanout_prefix: Option<Fanout>,
    event_exchange: String,
    ask_workers: bool,
    failure_messages: bool,
    offline_after: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Fanout {
    Is(bool),
    Text(String),
}

impl Default for Written {
    fn default() -> Self {
        Self {
            queues: Vec::new(),
            management_url: None,
            key_prefix: String::new(),
            priority_steps: vec![0, 3, 6, 9],
            separator: "\u{6}\u{16}".to_owned(),
            fanout_prefix: None,
            event_exchange: "celeryev".to_owned(),
            ask_workers: false,
            failure_messages: false,
            offline_after: None,
        }
    }
}

/// Checked.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    /// Where the broker is.
    pub broker: Place,
    /// Names of queues; empty to find them.
    pub queues: Vec<String>,
    /// Whether workers are asked.
    pub asks_workers: bool,
    /// Whether messages of exceptions are shown.
    pub shows_messages: bool,
    /// How long silence may last, in ms.
    pub offline_ms: i64,
}

/// Where a broker is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// A Redis, and how names are made in it.
    Redis(Box<Target>, Names),
    /// A RabbitMQ, the exchange of events, and the management API if it may be asked.
    Amqp(Box<AmqpTarget>, String, Option<Management>),
}

/// Access to RabbitMQ's management API.
#[derive(Debug, Clone)]
pub(super) struct Management {
    /// Its client.
    pub http: Http,
    /// User.
    pub username: String,
    /// Password.
    pub password: Secret,
}

/// Reads and checks all keys.
pub(super) fn read(mut given: Given) -> Result<Checked, String> {
    let link = redis_link::Config::take(&mut given.table)?;
    let written: Written = given.read()?;
    check(&written)?;
    let offline_ms = match &written.offline_after {
        None => 60_000,
        Some(text) => {
            let Span(span) = Span::parse(text).map_err(|wrong| format!("offline_after: {wrong}"))?;
            i64::try_from(span.as_millis())
                .ok()
                .filter(|ms| (5_000..=3_600_000).contains(ms))
                .ok_or("offline_after is out of bounds: write something from 5s to 1h")?
        }
    };
    let url = given.url.as_deref();
    let scheme = url.and_then(|url| url.split_once("://")).map(|(scheme, _)| scheme.to_ascii_lowercase());
    let broker = match scheme.as_deref() {
        Some("amqp" | "amqps") => amqp_place(&given, &link, &written)?,
        Some("redis" | "rediss" | "unix") => redis_place(url, &link, &written)?,
        None if url.is_none() && !link.sentinels.is_empty() => redis_place(None, &link, &written)?,
        _ => {
            return Err("url is missing or of another kind: write the broker's, such as \"redis://127.0.0.1:6379/0\" or \
                        \"amqp://farol@127.0.0.1:5672//\""
                .to_owned());
        }
    };
    if written.ask_workers && matches!(broker, Place::Amqp(..)) {
        return Err("ask_workers works with Redis as the broker only: remove it".to_owned());
    }
    Ok(Checked {
        broker,
        queues: written.queues,
        asks_workers: written.ask_workers,
        shows_messages: written.failure_messages,
        offline_ms,
    })
}

fn check(written: &Written) -> Result<(), String> {
    let is_name = |name: &String| !name.is_empty() && name.len() <= NAME_BYTES_MAX;
    if written.queues.len() > QUEUES_MAX || !written.queues.iter().all(is_name) {
        return Err(format!("queues: write at most {QUEUES_MAX} names of 1 to {NAME_BYTES_MAX} bytes"));
    }
    if !is_name(&written.event_exchange) || !is_name(&written.separator) || written.key_prefix.len() > NAME_BYTES_MAX {
        return Err(format!(
            "event_exchange, separator and key_prefix have at most {NAME_BYTES_MAX} bytes; the first two at least 1"
        ));
    }
    if written.priority_steps.is_empty() || written.priority_steps.len() > STEPS_MAX {
        return Err(format!("priority_steps: write 1 to {STEPS_MAX} numbers, such as [0, 3, 6, 9]"));
    }
    Ok(())
}

fn redis_place(url: Option<&str>, link: &redis_link::Config, written: &Written) -> Result<Place, String> {
    if written.management_url.is_some() {
        return Err("management_url belongs to RabbitMQ: remove it, or write an amqp:// url".to_owned());
    }
    let target = Target::read(url, link)?;
    if target.is_cluster() {
        return Err("Celery does not work on a Redis Cluster: remove cluster and addresses".to_owned());
    }
    let mut steps = written.priority_steps.clone();
    steps.sort_unstable();
    steps.dedup();
    let names = Names {
        prefix: written.key_prefix.clone(),
        steps,
        separator: written.separator.clone(),
        fanout: written.fanout_prefix.as_ref().map(|fanout| match fanout {
            Fanout::Is(true) => "/{db}.".to_owned(),
            Fanout::Is(false) => String::new(),
            Fanout::Text(text) => text.clone(),
        }),
        exchange: written.event_exchange.clone(),
        database: target.database(),
    };
    Ok(Place::Redis(Box::new(target), names))
}

fn amqp_place(given: &Given, link: &redis_link::Config, written: &Written) -> Result<Place, String> {
    if !link.sentinels.is_empty()
        || link.master.is_some()
        || link.cluster
        || !link.addresses.is_empty()
        || link.database.is_some()
    {
        return Err("sentinels, master, cluster, addresses and database belong to Redis: remove them".to_owned());
    }
    let url: Url = given
        .needed_url(amqp::EXAMPLE)?
        .parse()
        .map_err(|_| format!("url is no address: write one such as \"{}\"", amqp::EXAMPLE))?;
    let target = AmqpTarget::read(&url, link.username.as_deref(), link.password.as_ref(), link.ca_file.as_deref())?;
    let management = match &written.management_url {
        None => None,
        Some(base) => Some(Management {
            // One of several questions of a poll.
            http: Http::new(base, given.timeout / 3, link.ca_file.as_deref())
                .map_err(|wrong| wrong.replace("url", "management_url"))?,
            username: link.username.clone().unwrap_or_else(|| target.username.clone()),
            password: link.password.clone().unwrap_or_else(|| target.password.clone()),
        }),
    };
    Ok(Place::Amqp(Box::new(target), written.event_exchange.clone(), management))
}
