//! Intake: committed batches, frame by frame, when their second is judged.

use std::sync::Arc;

use farol_store::{Committed, ResourceId, TableIds};

use super::{
    Engine, SUBJECTS_ALL_MAX, SUBJECTS_MAX, WAITING_MAX,
    watch::{Judged, Watch},
};
use crate::{
    alert::{Subject, select::ResourceFacts},
    live::{Arrival, SKEW_MS_MIN},
    service,
};

/// How long after a start services are told again at the latest, in milliseconds: their agents come back, and a minute is added up.
const SETTLES_MS: i64 = 120_000;

/// Which columns of a table feed which windows.
#[derive(Debug)]
pub(super) struct Plan {
    /// Kept, so that its address is not another's.
    _table: Arc<TableIds>,
    columns: Vec<(u32, u32)>,
    pub(super) used_ms: i64,
}

/// What waits for its second.
#[derive(Debug)]
pub(super) enum Waiting {
    Frame { committed: Arc<Committed>, index: usize },
    Records { committed: Arc<Committed>, index: usize, shift_ms: i64 },
}

impl Engine {
    /// Takes a committed batch in. It counts when its second is judged, by the collector's clock when the agent's is off.
    pub fn take(&mut self, committed: &Arc<Committed>, arrival: Arrival) {
        let shift_ms = if arrival.skew_ms.abs() < SKEW_MS_MIN { 0 } else { arrival.skew_ms };
        let own = |time_ms: i64| if shift_ms == 0 { time_ms } else { time_ms.saturating_add(shift_ms).min(arrival.now_ms) };
        for table in &committed.resources {
            if !self.resources.contains_key(&table.resource) {
                self.strangers.insert(table.resource);
            }
        }
        for (index, frame) in committed.frames.iter().enumerate() {
            self.wait(own(frame.time_ms), Waiting::Frame { committed: Arc::clone(committed), index });
        }
        for (index, (resource, time_ms, _)) in committed.records.iter().enumerate() {
            if !self.resources.contains_key(resource) {
                self.strangers.insert(*resource);
            }
            self.wait(own(*time_ms), Waiting::Records { committed: Arc::clone(committed), index, shift_ms });
        }
    }

    fn wait(&mut self, time_ms: i64, what: Waiting) {
        if self.waiting_count >= WAITING_MAX {
            self.left_out += 1;
            return;
        }
        self.waiting_count += 1;
        self.waiting.entry(time_ms).or_default().push(what);
    }

    /// Takes in what has waited for a moment.
    pub(super) fn settle(&mut self, at_ms: i64) {
        while let Some(entry) = self.waiting.first_entry().filter(|entry| *entry.key() <= at_ms) {
            let (time_ms, all) = entry.remove_entry();
            self.waiting_count -= all.len();
            for what in all {
                match what {
                    Waiting::Frame { committed, index } => self.frame(&committed, index, time_ms),
                    Waiting::Records { committed, index, shift_ms } => self.group(&committed, index, (time_ms, shift_ms)),
                }
            }
        }
    }

    fn frame(&mut self, committed: &Committed, index: usize, time_ms: i64) {
        let Some(frame) = committed.frames.get(index) else { return };
        for (table, row) in committed.resources.iter().zip(&frame.rows) {
            if row.0.iter().all(|value| value.is_nan()) {
                continue;
            }
            self.hear(table.resource, Some(&committed.agent), time_ms);
            let address = Arc::as_ptr(table) as usize;
            if !self.plans.contains_key(&address) {
                let plan = self.plan(table);
                self.plans.insert(address, plan);
            }
            let Some(plan) = self.plans.get_mut(&address) else { continue };
            plan.used_ms = time_ms;
            for (column, slot) in &plan.columns {
                if let Some(value) = row.0.get(*column as usize).filter(|value| !value.is_nan()) {
                    self.windows.add(*slot, time_ms, *value);
                }
            }
        }
    }

    fn plan(&mut self, table: &Arc<TableIds>) -> Plan {
        let mut columns = Vec::new();
        for (column, (series, key)) in (0_u32..).zip(table.series.iter().zip(table.keys.iter())) {
            if self.link(*series, table.resource, key)
                && let Some(linked) = self.series.get(series)
            {
                columns.extend(linked.slots.iter().map(|slot| (column, *slot)));
            }
        }
        Plan { _table: Arc::clone(table), columns, used_ms: i64::MIN }
    }

    /// A resource was heard of, and so was its agent.
    pub(super) fn hear(&mut self, resource: ResourceId, agent: Option<&Arc<str>>, time_ms: i64) {
        let Some(known) = self.resources.get_mut(&resource) else { return };
        known.heard_ms = known.heard_ms.max(time_ms);
        if let Some(agent) = agent.filter(|agent| **agent != known.facts.agent) {
            known.facts.agent = Arc::clone(agent);
        }
        match self.agents.get_mut(&known.facts.agent) {
            Some(heard_ms) => *heard_ms = (*heard_ms).max(time_ms),
            None => {
                self.agents.insert(Arc::clone(&known.facts.agent), time_ms);
            }
        }
    }

    fn group(&mut self, committed: &Committed, index: usize, (time_ms, shift_ms): (i64, i64)) {
        let Some((resource, _, records)) = committed.records.get(index) else { return };
        for event in &records.events {
            let at_ms = event.time_ms.saturating_add(shift_ms).min(time_ms);
            self.event(*resource, event, at_ms);
        }
        for record in &records.logs {
            let at_ms = record.time_ms.saturating_add(shift_ms).min(time_ms);
            self.log(*resource, record, at_ms);
        }
    }

    /// Takes an event in that happened at `at_ms`.
    pub fn event(&mut self, resource: ResourceId, event: &farol_shared::record::Event, at_ms: i64) {
        self.record(
            resource,
            event.tenant.as_deref(),
            at_ms,
            |judged| matches!(judged, Judged::Events(words) if words.takes(event)),
        );
    }

    /// Takes a log record in that was written at `at_ms`.
    pub fn log(&mut self, resource: ResourceId, record: &farol_shared::record::LogRecord, at_ms: i64) {
        self.record(
            resource,
            record.tenant.as_deref(),
            at_ms,
            |judged| matches!(judged, Judged::Logs(words) if words.takes(record)),
        );
    }

    fn record(&mut self, resource: ResourceId, tenant: Option<&str>, at_ms: i64, is_meant: impl Fn(&Judged) -> bool) {
        let Some(known) = self.resources.get(&resource) else {
            self.strangers.insert(resource);
            return;
        };
        let facts: &ResourceFacts = &known.facts;
        for watch in &mut self.watches {
            if self.filling.as_ref().is_some_and(|ids| !ids.contains(&watch.rule.id)) {
                continue;
            }
            if !is_meant(&watch.judged) || !watch.is_about_record(facts, tenant) {
                continue;
            }
            let is_full = watch.cases.len() >= SUBJECTS_MAX || self.subjects >= SUBJECTS_ALL_MAX;
            match count(watch, resource, at_ms, is_full) {
                Some(is_new) => self.subjects += usize::from(is_new),
                None => self.left_out += 1,
            }
        }
    }

    /// Whether a resource has ended: its agent goes on without it.
    pub(super) fn has_ended(&self, resource: ResourceId, at_ms: i64) -> bool {
        let Some(known) = self.resources.get(&resource) else { return true };
        let is_recorded = self.presence == super::Presence::Recorded;
        let heard_ms = if is_recorded { known.facts.last_seen_ms.max(known.heard_ms).min(at_ms) } else { known.heard_ms };
        // What services add up to is told by the collector itself, which was there when anybody was heard, and after a start needs a
        // while to have something to tell.
        let (heard_ms, agent_ms) = match (&*known.facts.agent == service::AGENT, is_recorded) {
            (true, true) => (heard_ms, self.agents.values().max().copied().unwrap_or(i64::MIN).min(at_ms)),
            (true, false) => (heard_ms.max(self.listening_ms.saturating_add(SETTLES_MS)), at_ms),
            (false, _) => (heard_ms, self.agents.get(&known.facts.agent).copied().unwrap_or(i64::MIN).min(at_ms)),
        };
        agent_ms.saturating_sub(heard_ms) > known.facts.silent_after_ms()
    }
}

/// Counts a record; answers whether its resource was new to the rule, `None` when there are too many.
fn count(watch: &mut Watch, resource: ResourceId, at_ms: i64, is_full: bool) -> Option<bool> {
    let subject = Subject { resource, attributes: Arc::default() };
    if is_full && watch.find(&subject).is_none() {
        return None;
    }
    let unit = watch.unit_unseen();
    let (place, is_new) = watch.case(&subject, || unit);
    if let Some(count) = &mut watch.cases[place].count {
        count.add(at_ms);
    }
    Some(is_new)
}
