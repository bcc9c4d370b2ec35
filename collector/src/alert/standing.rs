//! Standing: what is pending and firing, as the engine saw it last; what the API and the page read without asking the engine.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use super::{Level, Rule, Subject};
use crate::access::View;

/// Most pending alerts that are told one by one; more are counted.
pub const PENDING_MAX: usize = 1_000;

/// Most firing alerts that are told one by one; more are counted.
pub const FIRING_MAX: usize = 10_000;

/// How many subjects of a rule are pending and firing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Subjects that are firing.
    pub firing: u32,
    /// Subjects that are about to.
    pub pending: u32,
}

/// What is about to fire.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// The rule.
    pub rule: Arc<Rule>,
    /// What it is about.
    pub subject: Subject,
    /// The rule's tenant, else the resource's.
    pub tenant: Option<Arc<str>>,
    /// How grave it will be.
    pub level: Level,
    /// Since when the condition holds, in ms since the epoch.
    pub onset_ms: i64,
    /// When it fires unless it is over before, in ms since the epoch.
    pub due_ms: i64,
    /// The newest value.
    pub value: Option<f64>,
    /// The threshold.
    pub threshold: Option<f64>,
    /// Unit of both in UCUM notation.
    pub unit: Arc<str>,
}

/// What is firing.
#[derive(Debug, Clone, PartialEq)]
pub struct Firing {
    /// The rule.
    pub rule: Arc<Rule>,
    /// What it is about.
    pub subject: Subject,
    /// The rule's tenant, else the resource's.
    pub tenant: Option<Arc<str>>,
    /// How grave it is.
    pub level: Level,
    /// Since when the condition holds, in ms since the epoch.
    pub onset_ms: i64,
    /// The newest value.
    pub value: Option<f64>,
    /// The threshold that it passed.
    pub threshold: Option<f64>,
    /// Unit of both in UCUM notation.
    pub unit: Arc<str>,
}

/// What is pending and firing at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    /// The second that was judged, in ms since the epoch; 0 before the first.
    pub at_ms: i64,
    /// By id of the rule and by tenant; rules of which nothing is pending or firing are left out.
    pub rules: HashMap<Arc<str>, BTreeMap<Option<Arc<str>>, Counts>>,
    /// At most [`PENDING_MAX`].
    pub pending: Vec<Pending>,
    /// At most [`FIRING_MAX`].
    pub firing: Vec<Firing>,
    /// Subjects and frames that were left out since the start because there were too many.
    pub left_out: u64,
}

impl Standing {
    /// How many subjects of a rule are pending and firing, of those that a view sees.
    #[must_use]
    pub fn counts(&self, rule: &str, view: &View) -> Counts {
        let all = self.rules.get(rule).into_iter().flatten();
        let seen = all.filter(|(tenant, _)| view.sees(tenant.as_deref()));
        seen.fold(Counts::default(), |sum, (_, own)| Counts {
            firing: sum.firing + own.firing,
            pending: sum.pending + own.pending,
        })
    }
}

/// Where the engine's thread leaves what stands, and everybody reads it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Standings(Arc<RwLock<Arc<Standing>>>);

impl Standings {
    /// What stands now.
    #[must_use]
    pub fn now(&self) -> Arc<Standing> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces it.
    pub fn set(&self, standing: Standing) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(standing);
    }
}
