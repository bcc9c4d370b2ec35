//! Rules: the ones in force, wherever they come from: built in, changed by people, of the configuration, or people's own.
//!
//! A built-in rule that people change is kept as a row of `state.db` with the same id; without the row it is as it came. A rule of the
//! configuration goes before both.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

use super::{Rule, builtin, rule::RULES_MAX};
use crate::{
    problem::Fault,
    state::{StateDb, StateError, rules::RuleRow},
};

/// Where a rule comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AlertRuleOrigin)]
pub enum Origin {
    /// Built in, as it came.
    Builtin,
    /// Built in, and changed by people.
    Changed,
    /// Of the configuration file: changed there.
    File,
    /// People made it.
    Own,
}

/// A rule in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The rule.
    pub rule: Arc<Rule>,
    /// Where it comes from.
    pub origin: Origin,
    /// Grows with each change by people; 0 for what nobody changed.
    pub revision: i64,
    /// Who changed it last.
    pub updated_by: Option<String>,
    /// When it was changed last, in ms since the epoch.
    pub updated_ms: Option<i64>,
}

/// All rules in force at one moment, by id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleSet(pub Arc<[Listed]>);

impl RuleSet {
    /// A rule by its id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Listed> {
        self.0.iter().find(|listed| listed.rule.id == id)
    }

    /// The rules alone, for [`super::Engine::set_rules`].
    #[must_use]
    pub fn rules(&self) -> Vec<Arc<Rule>> {
        self.0.iter().map(|listed| Arc::clone(&listed.rule)).collect()
    }
}

/// Two rules of the configuration have the same id.
#[derive(Debug, thiserror::Error)]
#[error("two rules of the configuration are called '{0}': give one of them another id")]
pub struct Twice(pub String);

/// The rules in force. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Rules(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Vec<Arc<Rule>>,
    current: watch::Sender<RuleSet>,
    /// Held while rules are read again, so that an older reading never replaces a newer one.
    reading: Mutex<()>,
}

impl Rules {
    /// The rules in force: these of the configuration (each made by [`Rule::from_table`]), what is kept, and the built-in ones.
    ///
    /// # Errors
    /// [`Twice`] when two of the configuration have one id.
    pub fn new(file: Vec<Rule>, kept: &[RuleRow]) -> Result<Self, Twice> {
        let mut ids = std::collections::HashSet::new();
        if let Some(rule) = file.iter().find(|rule| !ids.insert(rule.id.clone())) {
            return Err(Twice(rule.id.clone()));
        }
        let file: Vec<Arc<Rule>> = file.into_iter().map(Arc::new).collect();
        let (current, _) = watch::channel(set(&file, kept));
        Ok(Self(Arc::new(Inner { file, current, reading: Mutex::new(()) })))
    }

    /// The rules now.
    #[must_use]
    pub fn now(&self) -> RuleSet {
        self.0.current.borrow().clone()
    }

    /// Hears of every change. The newest set is there at once.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<RuleSet> {
        self.0.current.subscribe()
    }

    /// Reads what is kept again: to be called with the file in the job that changed it, so that nobody reads between.
    ///
    /// # Errors
    /// [`StateError::Sqlite`]; then the rules stay as they were.
    pub fn reload(&self, db: &StateDb) -> Result<(), StateError> {
        let _one = self.0.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = db.rules()?;
        let new = set(&self.0.file, &kept);
        self.0.current.send_if_modified(|current| {
            let is_new = *current != new;
            *current = new;
            is_new
        });
        Ok(())
    }
}

fn set(file: &[Arc<Rule>], kept: &[RuleRow]) -> RuleSet {
    let mut all: BTreeMap<String, Listed> = BTreeMap::new();
    let as_it_came = |rule: Arc<Rule>, origin| Listed { rule, origin, revision: 0, updated_by: None, updated_ms: None };
    for rule in builtin::all() {
        all.insert(rule.id.clone(), as_it_came(Arc::new(rule), Origin::Builtin));
    }
    for row in kept {
        let Some(rule) = read(row) else { continue };
        let origin = if all.contains_key(&row.id) { Origin::Changed } else { Origin::Own };
        let listed = Listed {
            rule: Arc::new(rule),
            origin,
            revision: row.revision,
            updated_by: Some(row.updated_by.clone()),
            updated_ms: Some(row.updated_ms),
        };
        all.insert(row.id.clone(), listed);
    }
    for rule in file {
        all.insert(rule.id.clone(), as_it_came(Arc::clone(rule), Origin::File));
    }
    RuleSet(all.into_values().take(RULES_MAX).collect())
}

/// A kept rule. One that cannot be read (of a newer version, or by hand) is left out and said: the built-in one stands in for it.
fn read(row: &RuleRow) -> Option<Rule> {
    let rule: Rule = match serde_json::from_str(&row.body) {
        Ok(rule) => rule,
        Err(error) => {
            tracing::error!(target: "alert", rule = row.id, error = %error, "rule cannot be read");
            return None;
        }
    };
    let mut rule = Rule { id: row.id.clone(), ..rule };
    match rule.complete() {
        Ok(()) => Some(rule),
        Err(faults) => {
            let first = faults.first().map(|Fault { field, detail }| format!("{field}: {detail}")).unwrap_or_default();
            tracing::error!(target: "alert", rule = row.id, error = first, "rule cannot be judged");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, change: impl FnOnce(&mut Rule)) -> RuleRow {
        let mut rule = builtin::all().next().unwrap();
        id.clone_into(&mut rule.id);
        change(&mut rule);
        let body = serde_json::to_string(&rule).unwrap();
        RuleRow { id: id.to_owned(), body, revision: 3, updated_by: "ana".to_owned(), updated_ms: 7 }
    }

    #[test]
    fn a_row_changes_a_built_in_rule_and_the_configuration_goes_before_it() {
        let first = builtin::all().next().unwrap();
        let rules = Rules::new(Vec::new(), &[row(&first.id, |rule| rule.enabled = false), row("mine", |_| {})]).unwrap();
        let now = rules.now();
        let changed = now.find(&first.id).unwrap();
        assert_eq!((changed.origin, changed.rule.enabled, changed.revision), (Origin::Changed, false, 3));
        assert_eq!(now.find("mine").unwrap().origin, Origin::Own);
        assert_eq!(now.0.len(), builtin::all().count() + 1);
        let file = Rule { name: "Mine".to_owned(), ..first.clone() };
        let rules = Rules::new(vec![file.clone()], &[row(&first.id, |rule| rule.enabled = false)]).unwrap();
        let now = rules.now();
        let found = now.find(&first.id).unwrap();
        assert_eq!((found.origin, found.rule.name.as_str()), (Origin::File, "Mine"));
        assert!(Rules::new(vec![file.clone(), file], &[]).is_err());
    }

    #[test]
    fn what_cannot_be_read_leaves_the_built_in_rule_in_force() {
        let first = builtin::all().next().unwrap();
        let broken = RuleRow { body: "{".to_owned(), ..row(&first.id, |_| {}) };
        let rules = Rules::new(Vec::new(), &[broken]).unwrap();
        assert_eq!(rules.now().find(&first.id).unwrap().origin, Origin::Builtin);
        let senseless = row(&first.id, |rule| rule.recovery = -1.0);
        assert_eq!(Rules::new(Vec::new(), &[senseless]).unwrap().now().find(&first.id).unwrap().origin, Origin::Builtin);
    }

    #[test]
    fn who_listens_hears_of_a_change_and_of_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = StateDb::open(&dir.path().join(crate::state::FILE_NAME)).unwrap();
        let rules = Rules::new(Vec::new(), &[]).unwrap();
        let mut heard = rules.subscribe();
        rules.reload(&db).unwrap();
        assert!(!heard.has_changed().unwrap());
        let new = row("mine", |_| {});
        db.add_rule("mine", &new.body, "ana", 5).unwrap();
        rules.reload(&db).unwrap();
        assert!(heard.has_changed().unwrap());
        assert!(heard.borrow_and_update().find("mine").is_some());
    }
}
