//! View: what is pending and firing now, for people.

use std::{collections::BTreeMap, sync::Arc};

use super::{Engine, watch::Case};
use crate::alert::{
    Level, Rule, Subject,
    standing::{Counts, FIRING_MAX, Firing, PENDING_MAX, Pending, Standing},
};

/// One judged value, for who records them.
#[derive(Debug, Clone, Copy)]
pub struct Judgement<'a> {
    /// What it is about.
    pub subject: &'a Subject,
    /// What was judged.
    pub value: Option<f64>,
    /// What is told of it.
    pub level: Level,
    /// Unit of the value in UCUM notation.
    pub unit: &'a Arc<str>,
}

impl Engine {
    /// What is pending and firing now. A few hundred are told one by one, all are counted.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let mut standing = Standing { at_ms: self.at_ms.unwrap_or(0), left_out: self.left_out, ..Standing::default() };
        for watch in &self.watches {
            let mut counts: BTreeMap<Option<Arc<str>>, Counts> = BTreeMap::new();
            for case in &watch.cases {
                let pending = case.pending(&watch.bounds);
                if case.told == Level::Ok && pending.is_none() {
                    continue;
                }
                let known = self.resources.get(&case.subject.resource);
                let tenant = watch.rule.tenant.as_deref().map(Arc::from).or_else(|| known?.facts.tenant.clone());
                let own = counts.entry(tenant.clone()).or_default();
                own.firing += u32::from(case.told > Level::Ok);
                own.pending += u32::from(pending.is_some());
                if case.told > Level::Ok && standing.firing.len() < FIRING_MAX {
                    standing.firing.push(firing(&watch.rule, case, tenant.clone()));
                }
                if let Some(pending) = pending.filter(|_| standing.pending.len() < PENDING_MAX) {
                    standing.pending.push(Pending {
                        rule: Arc::clone(&watch.rule),
                        subject: case.subject.clone(),
                        tenant,
                        level: pending.level,
                        onset_ms: pending.onset_ms,
                        due_ms: pending.due_ms,
                        value: case.value(),
                        threshold: pending.threshold,
                        unit: Arc::clone(&case.unit),
                    });
                }
            }
            if !counts.is_empty() {
                standing.rules.insert(watch.rule.id.as_str().into(), counts);
            }
        }
        standing
    }

    /// Everything that was judged in the last second, with its rule.
    pub fn judged(&self) -> impl Iterator<Item = (&Rule, Judgement<'_>)> {
        self.watches.iter().flat_map(|watch| watch.cases.iter().map(move |case| (&*watch.rule, judgement(case))))
    }

    /// Everything that was judged of a rule in the last second.
    pub fn judgements(&self, rule: &str) -> impl Iterator<Item = Judgement<'_>> {
        let watches = self.watches.iter().filter(move |watch| watch.rule.id == rule);
        watches.flat_map(|watch| watch.cases.iter().map(judgement))
    }
}

fn judgement(case: &Case) -> Judgement<'_> {
    Judgement { subject: &case.subject, value: case.value(), level: case.told, unit: &case.unit }
}

fn firing(rule: &Arc<Rule>, case: &Case, tenant: Option<Arc<str>>) -> Firing {
    Firing {
        rule: Arc::clone(rule),
        subject: case.subject.clone(),
        tenant,
        level: case.told,
        onset_ms: case.onset_ms,
        value: case.value(),
        threshold: case.threshold,
        unit: Arc::clone(&case.unit),
    }
}
