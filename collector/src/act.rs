//! Act: the only part of Farol that changes another system. Today: keys of Redis.
//!
//! In: what a signed-in person asks for, with the name of the instance typed where much is at stake. Out: what was done, a
//! line in the audit log, and for ten minutes a way back ([`undo`]).
//!
//! Invariants: first role, right and confirmation, then the line in the audit log, then the deed; a deed that began goes on
//! when its browser goes away; an instance without `allow_actions` is only looked at; no value reaches the audit log or the
//! program's own log; no command takes Redis long: keys are found by `SCAN` and deleted one by one in small groups.
//!
//! Bounded: how often ([`pace`]), how many keys and how long a deletion by pattern ([`Bounds`]), jobs ([`job`]), bytes kept for
//! undoing ([`undo`]), bytes of a value that are looked at ([`inspect`]).

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use farol_shared::{clock::Clock, report};
use serde_json::Value;

use crate::{
    access::Role,
    redis_link::{Link, Target},
    state::{AuditStart, State, StateError},
};

mod audit;
mod cut_json;
pub mod delete;
pub mod error;
pub mod flush;
mod glob;
pub mod inspect;
pub mod job;
pub mod key;
mod msgpack;
mod pace;
mod queue;
mod secret;
mod sweep;
pub mod undo;
mod value;

pub use error::ActError;
pub use job::{JobState, Progress};
pub use sweep::Bounds;

use job::Jobs;
use pace::Paces;
use undo::Undos;

/// How long connecting, and each answer of Redis, may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How long ago somebody may have signed in who empties an instance or deletes many keys.
pub const FRESH_MINUTES: i64 = 10;

/// Most keys that a pattern deletes without a fresh sign-in.
pub const KEYS_WITHOUT_FRESH_MAX: u64 = 1_000;

/// Longest reason, in characters.
const REASON_CHARS_MAX: usize = 500;

/// Highest number of a database. Redis has 16 unless configured otherwise.
const DATABASE_MAX: u32 = 65_535;

/// An instance that can be acted on.
#[derive(Debug, Clone)]
pub struct ActInstance {
    /// Name, as the configuration gives it.
    pub name: String,
    /// How to reach it.
    pub target: Target,
    /// Whether anything but looking is allowed.
    pub allow_actions: bool,
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Name of the account.
    pub username: String,
    /// What the account may do.
    pub role: Role,
    /// Address that the request came from, when it is known.
    pub address: Option<IpAddr>,
    /// When the person signed in, in milliseconds since the epoch.
    pub signed_in_ms: Option<i64>,
}

/// Which instance, and which of its databases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Name of the instance; the only one when absent.
    pub instance: Option<String>,
    /// Number of the database; the configured one when absent.
    pub db: Option<u32>,
}

/// Acts on the declared instances. Cheap to clone.
#[derive(Clone)]
pub struct Act(Arc<Inner>);

struct Inner {
    instances: Vec<ActInstance>,
    state: State,
    clock: Arc<dyn Clock>,
    bounds: Bounds,
    paces: Paces,
    jobs: Jobs,
    undos: Arc<Undos>,
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Act").field("instances", &self.0.instances).finish_non_exhaustive()
    }
}

/// A place, found.
#[derive(Debug, Clone)]
struct Found {
    name: String,
    target: Target,
    db: i64,
    allow_actions: bool,
}

impl Act {
    /// Acts on these instances; writes the audit log through `state`.
    #[must_use]
    pub fn new(instances: Vec<ActInstance>, state: State, clock: Arc<dyn Clock>) -> Self {
        Self::with_bounds(instances, state, clock, Bounds::default())
    }

    /// The same with other bounds of a deletion by pattern.
    #[must_use]
    pub fn with_bounds(instances: Vec<ActInstance>, state: State, clock: Arc<dyn Clock>, bounds: Bounds) -> Self {
        let (paces, jobs, undos) = (Paces::default(), Jobs::default(), Arc::default());
        Self(Arc::new(Inner { instances, state, clock, bounds, paces, jobs, undos }))
    }

    /// Names of the instances, and whether each may be changed.
    pub fn instances(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0.instances.iter().map(|instance| (instance.name.as_str(), instance.allow_actions))
    }

    /// Cancels every job: the collector stops.
    pub fn close(&self) {
        self.0.jobs.cancel_all();
    }

    fn now_ms(&self) -> i64 {
        self.0.clock.now_ms()
    }

    /// Finds the instance that is meant.
    fn find(&self, place: &Place) -> Result<Found, ActError> {
        let instance = match &place.instance {
            Some(name) => self.0.instances.iter().find(|instance| instance.name == *name),
            None if self.0.instances.len() > 1 => {
                return Err(ActError::wrong("instance", format!("say which one: {}", self.names())));
            }
            None => self.0.instances.first(),
        };
        let Some(instance) = instance else {
            let there_are = if self.0.instances.is_empty() {
                "there is none configured".to_owned()
            } else {
                format!("there are: {}", self.names())
            };
            return Err(ActError::wrong("instance", format!("there is no Redis of this name; {there_are}")));
        };
        let target = match place.db {
            Some(db) if db > DATABASE_MAX => return Err(ActError::wrong("db", format!("must be 0 to {DATABASE_MAX}"))),
            Some(db) if instance.target.is_cluster() && db != 0 => {
                return Err(ActError::wrong("db", "a Cluster has only database 0"));
            }
            Some(db) => instance.target.with_database(db),
            None => instance.target.clone(),
        };
        let db = target.database();
        Ok(Found { name: instance.name.clone(), target, db, allow_actions: instance.allow_actions })
    }

    fn names(&self) -> String {
        self.0.instances.iter().map(|instance| instance.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Refuses somebody who signed in long ago.
    fn need_fresh(&self, actor: &Actor) -> Result<(), ActError> {
        let is_fresh = actor.signed_in_ms.is_some_and(|signed_in_ms| {
            // A clock that was set back makes nobody fresh for ever.
            (self.now_ms() - signed_in_ms).abs() <= FRESH_MINUTES * 60_000
        });
        if is_fresh { Ok(()) } else { Err(ActError::Reauthenticate(FRESH_MINUTES)) }
    }

    /// Writes the line that must stand before the deed.
    async fn begin(
        &self,
        actor: &Actor,
        action: &str,
        place: &Found,
        detail: Value,
        reason: Option<&str>,
    ) -> Result<audit::Line, ActError> {
        let start = AuditStart {
            time_ms: self.now_ms(),
            username: actor.username.clone(),
            role: actor.role.as_str().to_owned(),
            address: actor.address.map(|address| address.to_canonical().to_string()),
            action: action.to_owned(),
            target: place.name.clone(),
            detail: detail.to_string(),
            reason: reason.map(str::to_owned),
        };
        let line = audit::Line::begin(&self.0.state, start, detail).await;
        if let Err(error) = &line {
            tracing::error!(target: "act", error = %report::chain(error), "audit log could not be written");
        }
        Ok(line?)
    }
}

impl Found {
    /// Refuses an instance that may only be read.
    fn need_actions(&self) -> Result<(), ActError> {
        if self.allow_actions { Ok(()) } else { Err(ActError::ReadOnly(self.name.clone())) }
    }

    /// Refuses a confirmation that does not name the instance.
    fn need_confirmed(&self, confirm: Option<&str>) -> Result<(), ActError> {
        if confirm == Some(self.name.as_str()) {
            return Ok(());
        }
        Err(ActError::wrong("confirm", format!("type the name of the instance, {}, to confirm", self.name)))
    }

    /// Connects; a Cluster wholly, since an action that leaves a part out in silence would be worse than none.
    async fn connect(&self) -> Result<Link, ActError> {
        let link = self.target.connect(ANSWER_WITHIN).await?;
        match link.unreached().first() {
            None => Ok(link),
            Some((_, error)) => Err(ActError::Redis(error.clone())),
        }
    }
}

/// A reason without what would spoil a line of the log.
fn reason(given: Option<&str>) -> Result<Option<String>, ActError> {
    let Some(text) = given.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > REASON_CHARS_MAX {
        return Err(ActError::wrong("reason", format!("is longer than {REASON_CHARS_MAX} characters")));
    }
    Ok(Some(text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()))
}

/// The bytes of a key as it was written.
fn read_key(text: &str) -> Result<Vec<u8>, ActError> {
    if text.is_empty() {
        return Err(ActError::wrong("key", "is empty"));
    }
    if text.len() > key::KEY_TEXT_BYTES_MAX {
        return Err(ActError::wrong("key", format!("is longer than {} bytes", key::KEY_TEXT_BYTES_MAX)));
    }
    Ok(key::parse(text))
}

/// Runs a deed to its end even when nobody waits for it any more.
async fn to_its_end<T: Send + 'static>(deed: impl Future<Output = Result<T, ActError>> + Send + 'static) -> Result<T, ActError> {
    tokio::spawn(deed).await.unwrap_or_else(|error| {
        tracing::error!(target: "act", error = %error, "action broke off");
        Err(ActError::Broken)
    })
}
