//! Pull: what the collector asks other systems, and how each of them is doing.
//!
//! In: instances of integrations, as the configuration declares them. Out: batches through the one door, one stream an
//! instance, and for the API the newest tables and texts ([`Snapshots`]) and the state of each instance.
//!
//! A kind only polls ([`Integration`]); its row in [`KINDS`] says how it is configured. Everything else is the same for all:
//! interval, timeout, backoff, `Retry-After`, status, history.
//!
//! Invariants: one instance that hangs, fails or answers nonsense never delays another; what is not known is no value, never
//! zero; what is shown is committed.
//!
//! Bounded: instances ([`INSTANCES_MAX`]), series and bytes of one answer (see [`reading`]), time of one poll.

use std::{fmt, future::Future, pin::Pin, time::Duration};

mod batches;
pub mod declared;
pub mod error;
pub mod http;
pub mod infra;
pub mod instance;
pub mod parse;
pub mod reading;
mod stage;
pub mod status;
pub mod visitors;

pub mod celery;
pub mod cloudwatch;
pub mod digitalocean;
pub mod fathom;
pub mod online_users;
pub mod plausible;
pub mod postgres;
pub mod rabbitmq;
pub mod railway;
pub mod redis;
pub mod sentry;
pub mod umami;
pub mod uptimerobot;
pub mod vercel;

pub use declared::{Declared, Given};
pub use error::{Code, PollError};
pub use instance::Instance;
pub use reading::Reading;
pub use stage::{Pull, Slot};
pub use status::{State, Status};

/// Most instances of all kinds together. Each is a task and a resource; a team has a dozen.
pub const INSTANCES_MAX: usize = 200;

/// Shortest interval of any instance.
pub const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// What one poll is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// Now, in milliseconds since the epoch.
    pub now_ms: i64,
    /// Time of the newest sample of this instance in history: only what is newer may be filled in.
    pub since_ms: Option<i64>,
}

/// One poll under way.
pub type Polling<'a> = Pin<Box<dyn Future<Output = Result<Reading, PollError>> + Send + 'a>>;

/// One configured instance of a kind: it knows how to ask its system once.
pub trait Integration: Send {
    /// Asks once. Dropping the future is how a poll that takes too long ends: it must leave the instance usable.
    ///
    /// # Errors
    /// [`PollError`] when nothing could be had. When a part is missing, it is told in the [`Reading`].
    fn poll<'a>(&'a mut self, at: &'a At) -> Polling<'a>;

    /// What it asks, for people: host, project, and the like; no secrets.
    fn target(&self) -> String;
}

/// What an integration is about; the page shows it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Errors and transactions of applications.
    Code,
    /// Caches.
    Cache,
    /// Machines and platforms of a hosting provider.
    Infrastructure,
    /// Whether addresses answer.
    Uptime,
    /// People on the site.
    Users,
    /// Queues and workers.
    Queues,
    /// Databases.
    Database,
}

/// One key of a kind's table in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindOption {
    /// Key.
    pub key: &'static str,
    /// Value when it is not written, as people would write it; `needed` when there is none.
    pub default: &'static str,
    /// One or two sentences.
    pub meaning: &'static str,
}

/// A row of [`KINDS`].
#[derive(Clone, Copy)]
pub struct Kind {
    /// Name of its table in the configuration, and the beginning of its resources' keys.
    pub name: &'static str,
    /// What people call the system.
    pub title: &'static str,
    /// Where the page shows it.
    pub group: Group,
    /// How often it is asked unless the configuration says otherwise.
    pub interval: Duration,
    /// The shortest interval that its system bears; below it the log warns.
    pub floor: Duration,
    /// How long one poll may take in all unless the configuration says otherwise.
    pub timeout: Duration,
    /// Keys that hold secrets: each may be written as itself, as `KEY_file` or as `KEY_env`.
    pub secrets: &'static [&'static str],
    /// Its keys beside `name`, `url`, `interval` and `timeout`.
    pub options: &'static [KindOption],
    /// What to write into the configuration, least first; secrets by file or variable.
    pub snippet: &'static str,
    /// Makes an instance. Does no I/O but reading named files.
    pub open: fn(Given) -> Result<Box<dyn Integration>, String>,
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kind").field(&self.name).finish()
    }
}

/// Every kind of integration, in the order of the documentation.
pub const KINDS: &[Kind] = &[
    sentry::KIND,
    redis::KIND,
    rabbitmq::KIND,
    celery::KIND,
    postgres::KIND,
    cloudwatch::KIND,
    railway::KIND,
    vercel::KIND,
    digitalocean::KIND,
    uptimerobot::KIND,
    online_users::KIND,
    plausible::KIND,
    fathom::KIND,
    umami::KIND,
];

/// The kind of a name.
#[must_use]
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
