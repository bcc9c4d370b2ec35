//! Alert: rules over what was committed, their state from pending to resolved, and the incidents that gather them.
//!
//! In: committed batches, in the order of their commits, and a tick a second. Out: changes of alerts, kept in `state.db` together with
//! their incident and the notices that are due (see [`crate::notify`]), and told to the rooms.
//!
//! One way: [`engine`] judges (values in, [`Change`] out, no clock and no disk of its own, so that a back-test is the very same), the
//! keeper makes a change, its incident and its notices one transaction, and only then it is shown.
//!
//! Invariants: what is told was kept before; a start goes on from what is kept and tells nothing twice; alerts never wait for history.

use std::sync::Arc;

use farol_store::ResourceId;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

pub mod backtest;
pub mod builtin;
pub mod cause;
pub mod engine;
pub mod happened;
pub mod history;
pub mod incident;
pub mod keeper;
pub mod latch;
mod measure;
pub mod notice;
pub mod past;
pub mod recent;
pub mod rule;
pub mod rules;
pub mod select;
pub mod silence;
pub mod stage;
pub mod standing;
pub mod suggest;
#[cfg(test)]
mod tests;
pub mod topology;
pub mod weekly;
pub mod window;

pub use cause::{Happening, HappeningKind};
pub use engine::Engine;
pub use incident::Told;
pub use keeper::{Keeper, OpenAlert};
pub use rule::Rule;
pub use rules::Rules;
pub use select::ResourceFacts;
pub use standing::{Standing, Standings};
pub use topology::Topology;

/// Most back-tests at once: each takes a core and some tens of megabytes.
pub const BACK_TESTS_MAX: usize = 2;

/// What the API shows and changes of alerts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The rules in force.
    pub rules: Rules,
    /// What is pending and firing, as the engine saw it last.
    pub standings: Standings,
    /// Turns of back-tests.
    pub back_tests: Arc<Semaphore>,
}

impl Shown {
    /// These rules, nothing standing yet.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, standings: Standings::default(), back_tests: Arc::new(Semaphore::new(BACK_TESTS_MAX)) }
    }
}

/// How grave an alert is. Ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AlertLevel)]
pub enum Level {
    /// Nothing wrong.
    #[default]
    Ok,
    /// Look at it today.
    Warning,
    /// Look at it now.
    Critical,
}

impl Level {
    /// Its word in the API and on disk.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What a rule is judged for, one at a time: a resource, and of it the series with these attributes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// The resource.
    pub resource: ResourceId,
    /// Attributes by key, sorted; empty when the rule is about the resource as a whole.
    pub attributes: Arc<[(String, String)]>,
}

/// A rule's alert about a subject began, became graver or milder, or is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The rule, as it was when it was judged.
    pub rule: Arc<Rule>,
    /// What it is about.
    pub subject: Subject,
    /// How grave it was.
    pub from: Level,
    /// How grave it is.
    pub to: Level,
    /// Since when the condition held that made it leave [`Level::Ok`], in ms since the epoch: when it fired, less the rule's `for`. It
    /// stays while the alert becomes graver or milder.
    pub onset_ms: i64,
    /// When it changed, in ms since the epoch.
    pub at_ms: i64,
    /// The value that was judged; `None` when there was none, as for an alert that ends because its rule does.
    pub value: Option<f64>,
    /// The threshold that it passed, or passed back.
    pub threshold: Option<f64>,
    /// Unit of both in UCUM notation; `1` for a ratio.
    pub unit: Arc<str>,
}
