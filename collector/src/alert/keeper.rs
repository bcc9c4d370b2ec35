//! The keeper: makes changes of alerts, their incidents and the notices that are due one transaction of `state.db`.
//!
//! In: changes from the engine and what happened beside them. Out: what is told to the rooms, once it is on disk; notices in the outbox.
//!
//! Invariants: what is told was kept before; a step is on disk as a whole or not at all, and is done again with the same changes until it
//! is; whatever the next step needs is part of a row, so that a start goes on where the last run was.
//!
//! Bounded: [`CHANGES_WAITING_MAX`] changes that wait for a disk; then only the newest of each alert.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use farol_shared::report;

use super::{
    Change, Happening, Level, Subject, Topology,
    incident::{Acknowledged, AlertKey, FLAP_WINDOW_MS, Incident, Incidents, Kept, OVER_MAX, Opened, Step, Told},
    notice::{Newest, NothingNewer},
    silence::Silence,
};
use crate::{
    notify::route::Recipients,
    state::{
        State, StateDb, StateError,
        alerts::{ALERTS_MAX, AlertRow},
    },
};

mod write;

/// Most changes that wait while they cannot be written. More than an hour of a busy house.
pub const CHANGES_WAITING_MAX: usize = 20_000;

/// For how long closed incidents are kept unless something else is said, in milliseconds: as long as hourly values by habit, two years.
pub const KEPT_FOR_MS: i64 = 730 * 86_400_000;

/// How often what is kept for too long is removed, in milliseconds: an hour.
const PRUNE_EVERY_MS: i64 = 3_600_000;

/// How often a failure that goes on is logged, in milliseconds: a minute.
const LOG_EVERY_MS: i64 = 60_000;

/// The setting under which happenings are kept.
const HAPPENINGS_KEY: &str = "alert.happenings";

/// An alert that fires, for [`super`]'s engine to go on with.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenAlert {
    /// Word of its rule.
    pub rule: String,
    /// What it is about.
    pub subject: Subject,
    /// How grave it is.
    pub level: Level,
    /// Since when the condition held, in ms since the epoch.
    pub onset_ms: i64,
}

/// The keeper of alerts. For one thread of its own: it waits for the disk.
pub struct Keeper {
    state: State,
    recipients: Recipients,
    incidents: Incidents,
    newest: Box<dyn Newest + Send>,
    /// Changes that are not kept yet.
    waiting: Vec<Change>,
    /// What happened and is not kept yet.
    happened: Vec<Happening>,
    /// What people had changed when it was read last.
    revision: Option<u64>,
    /// Furthest values that were judged since their alerts were written.
    peaks: HashMap<i64, f64>,
    kept_for_ms: i64,
    pruned_ms: Option<i64>,
    logged_ms: Option<i64>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper")
            .field("incidents", &self.incidents.incidents().len())
            .field("waiting", &self.waiting.len())
            .finish()
    }
}

impl Keeper {
    /// Reads everything that is open. Blocks: never to be called by a task of the runtime. The keeper holds the accounts' thread until it is
    /// dropped.
    ///
    /// # Errors
    /// [`StateError`] when it cannot be read.
    pub fn open(state: State, recipients: Recipients) -> Result<(Self, Vec<OpenAlert>), StateError> {
        let incidents = Incidents::open(state.change_blocking(read)?);
        let open = |alert: &Arc<Kept>| OpenAlert {
            rule: alert.rule.clone(),
            subject: alert.subject(),
            level: alert.level,
            onset_ms: alert.onset_ms,
        };
        let firing = incidents.firing().map(open).collect();
        let keeper = Self {
            state,
            recipients,
            incidents,
            newest: Box::new(NothingNewer),
            waiting: Vec::new(),
            happened: Vec::new(),
            revision: None,
            peaks: HashMap::new(),
            kept_for_ms: KEPT_FOR_MS,
            pruned_ms: None,
            logged_ms: None,
        };
        Ok((keeper, firing))
    }

    /// Keeps closed incidents for so long, in milliseconds.
    #[must_use]
    pub fn keeping_for(mut self, ms: i64) -> Self {
        self.kept_for_ms = ms;
        self
    }

    /// Asks this for the newest values whenever a notice is made.
    #[must_use]
    pub fn asking(mut self, newest: Box<dyn Newest + Send>) -> Self {
        self.newest = newest;
        self
    }

    /// Everything open, as it is kept.
    #[must_use]
    pub const fn incidents(&self) -> &Incidents {
        &self.incidents
    }

    /// Takes a value that a rule judged of a subject whose alert fires, for its peak. Kept with the alert's next change.
    pub fn see(&mut self, rule: &str, subject: &Subject, value: f64) {
        let Some(alert) = self.incidents.firing_of(rule, subject) else { return };
        let mut seen = Kept { peak: self.peaks.get(&alert.id).copied().or(alert.peak), ..Kept::clone(alert) };
        seen.see(value);
        if let Some(peak) = seen.peak.filter(|peak| alert.peak != Some(*peak)) {
            self.peaks.insert(alert.id, peak);
        }
    }

    /// Takes changes and what happened beside them, and does what is due: one transaction. What it answers is kept and may be told.
    /// `happenings` are those since the last call; one that comes again is known.
    ///
    /// # Errors
    /// [`StateError`] when it cannot be written: then nothing was, and the next call does it again with these changes.
    pub fn take(
        &mut self,
        changes: Vec<Change>,
        topology: &Topology,
        happenings: &[Happening],
        now_ms: i64,
    ) -> Result<Vec<Told>, StateError> {
        self.waiting.extend(changes);
        self.happened.extend_from_slice(happenings);
        self.bound();
        let done = self.step(topology, now_ms);
        if let Err(error) = &done
            && self.logged_ms.is_none_or(|at_ms| now_ms.saturating_sub(at_ms) >= LOG_EVERY_MS)
        {
            self.logged_ms = Some(now_ms);
            tracing::error!(target: "alert", error = %report::chain(error), waiting = self.waiting.len(), "alerts could not be kept");
        }
        if done.is_ok() && self.logged_ms.take().is_some() {
            tracing::info!(target: "alert", "alerts are kept again");
        }
        self.prune(now_ms);
        done
    }

    /// Does what is due by time alone: notices, silences that begin and end, incidents that are over; and what waits for a disk.
    ///
    /// # Errors
    /// As [`Keeper::take`].
    pub fn tick(&mut self, topology: &Topology, now_ms: i64) -> Result<Vec<Told>, StateError> {
        self.take(Vec::new(), topology, &[], now_ms)
    }

    /// Ends alerts whose rules are known no more; to be asked once after a start, when rules have been read.
    ///
    /// # Errors
    /// As [`Keeper::take`]; ask again then.
    pub fn end_of_rules(
        &mut self,
        is_known: &dyn Fn(&str) -> bool,
        topology: &Topology,
        now_ms: i64,
    ) -> Result<Vec<Told>, StateError> {
        let mut next = self.incidents.clone();
        let mut step = next.end_of_rules(is_known, topology, now_ms);
        next.due(&self.recipients.now(), &*self.newest, now_ms, &mut step);
        self.commit(next, step, now_ms)
    }

    fn step(&mut self, topology: &Topology, now_ms: i64) -> Result<Vec<Told>, StateError> {
        self.read_again(now_ms)?;
        let mut next = self.incidents.clone();
        next.see_peaks(&self.peaks, &self.waiting);
        let mut step = next.take(&self.waiting, topology, &self.happened, now_ms);
        next.due(&self.recipients.now(), &*self.newest, now_ms, &mut step);
        let left_out = step.left_out;
        let told = self.commit(next, step, now_ms)?;
        self.waiting.clear();
        self.happened.clear();
        if left_out > 0 {
            tracing::warn!(target: "alert", left_out, "too many alerts fire; some were left out");
        }
        Ok(told)
    }

    /// Writes what differs, and goes on from there.
    fn commit(&mut self, mut next: Incidents, step: Step, now_ms: i64) -> Result<Vec<Told>, StateError> {
        next.count_on_from(&self.incidents);
        let told = told(&self.incidents, &next, &step);
        let write = write::Write::of(&self.incidents, &next, step, now_ms);
        if !write.is_empty() {
            self.state.change_blocking(move |db| write.write(db))?;
        }
        next.forget_what_is_over();
        self.peaks.retain(|id, _| next.alerts().get(id).is_some_and(|alert| alert.is_firing()));
        self.incidents = next;
        Ok(told)
    }

    /// Reads silences and acknowledgements again when somebody changed one.
    fn read_again(&mut self, now_ms: i64) -> Result<(), StateError> {
        let revision = self.state.alerts_revision();
        if self.revision == Some(revision) {
            return Ok(());
        }
        let (silences, acknowledged) =
            self.state.change_blocking(move |db| Ok((db.silences_in_force(now_ms)?, db.acknowledged()?)))?;
        self.incidents.set_silences(silences.into_iter().filter_map(silence_of).collect());
        let by_incident = acknowledged.into_iter().map(|(id, by, at_ms)| (id, Acknowledged { by, at_ms }));
        self.incidents.set_acknowledged(&by_incident.collect());
        self.revision = Some(revision);
        Ok(())
    }

    /// Of too many changes that wait, only the newest of each alert is left: it says how it is now.
    fn bound(&mut self) {
        if self.waiting.len() > CHANGES_WAITING_MAX {
            let mut newest: BTreeMap<AlertKey, usize> = BTreeMap::new();
            for (at, change) in self.waiting.iter().enumerate() {
                newest.insert((change.rule.id.clone(), change.subject.clone()), at);
            }
            let before = self.waiting.len();
            let kept: std::collections::BTreeSet<usize> = newest.into_values().collect();
            let mut at = 0;
            self.waiting.retain(|_| {
                at += 1;
                kept.contains(&(at - 1))
            });
            let excess = self.waiting.len().saturating_sub(CHANGES_WAITING_MAX);
            self.waiting.drain(..excess);
            let dropped = before - self.waiting.len();
            tracing::warn!(target: "alert", dropped, "too many changes wait to be kept; only the newest of each alert are");
        }
        let excess = self.happened.len().saturating_sub(super::cause::HAPPENINGS_MAX);
        self.happened.drain(..excess);
    }

    /// Removes what is kept for too long, now and then. That it fails is no reason to hold anything up.
    fn prune(&mut self, now_ms: i64) {
        if self.pruned_ms.is_some_and(|at_ms| now_ms.saturating_sub(at_ms) < PRUNE_EVERY_MS) {
            return;
        }
        self.pruned_ms = Some(now_ms);
        let before_ms = now_ms.saturating_sub(self.kept_for_ms);
        match self.state.change_blocking(move |db| db.prune_alerts(before_ms, ALERTS_MAX)) {
            Ok(0) => {}
            Ok(alerts) => tracing::info!(target: "alert", alerts, "old alerts removed"),
            Err(error) => tracing::warn!(target: "alert", error = %report::chain(&error), "old alerts could not be removed"),
        }
    }
}

/// What changed from one state to the next, for the rooms.
fn told(before: &Incidents, now: &Incidents, step: &Step) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    for (id, alert) in now.alerts() {
        let known = before.alerts().get(id);
        if known.is_some_and(|known| known.level == alert.level && known.resolved_ms == alert.resolved_ms) {
            continue;
        }
        told.push(Told::Alert { alert: Arc::clone(alert), was: known.map_or(Level::Ok, |known| known.level) });
    }
    told.extend(step.merged.iter().map(|(from, into)| Told::Merged { from: *from, into: *into }));
    let changed =
        now.incidents().iter().filter(|(id, one)| before.incidents().get(id).is_none_or(|known| !Arc::ptr_eq(known, one)));
    told.extend(changed.map(|(_, incident)| Told::Incident(Arc::clone(incident))));
    told
}

/// A silence as it is judged; `None`, and a line in the log, when its row cannot be read.
#[must_use]
pub fn silence_of(row: crate::state::silences::SilenceRow) -> Option<Silence> {
    match serde_json::from_str(&row.body) {
        Ok(body) => Some(Silence { id: row.id, tenant: row.tenant, from_ms: row.from_ms, until_ms: row.until_ms, body }),
        Err(error) => {
            tracing::error!(target: "alert", silence = row.id, error = %error, "silence cannot be read");
            None
        }
    }
}

/// Reads everything open.
fn read(db: &mut StateDb) -> Result<Opened, StateError> {
    let wanted = crate::state::incidents::IncidentFilter { is_open: Some(true), ..Default::default() };
    let incidents = db.incidents(u32::MAX, &wanted)?;
    let over_max = u32::try_from(OVER_MAX).unwrap_or(u32::MAX);
    let rows = db.alerts_of_open_incidents(over_max)?;
    let mut alerts = Vec::with_capacity(rows.len());
    for row in rows {
        match serde_json::from_str::<Kept>(&row.body) {
            Ok(alert) => alerts.push(alert),
            Err(error) => {
                tracing::error!(target: "alert", alert = row.id, error = %error, "alert cannot be read; it is given up");
                db.give_up_alert(row.id)?;
            }
        }
    }
    let mut lately = Vec::new();
    for row in db.alerts_lately(2 * FLAP_WINDOW_MS)? {
        let attributes: Vec<(String, String)> = serde_json::from_str(&row.attributes).unwrap_or_default();
        let key = (row.rule, Subject { resource: row.resource, attributes: attributes.into() });
        lately.extend([Some(row.fired_ms), row.resolved_ms].into_iter().flatten().map(|at_ms| (key.clone(), at_ms)));
    }
    let happenings = db.setting(HAPPENINGS_KEY)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let (last_alert, last_incident) = db.last_alert_numbers()?;
    let incidents = incidents.into_iter().filter_map(|row| {
        let mut incident: Incident = serde_json::from_str(&row.body)
            .inspect_err(|error| tracing::error!(target: "alert", incident = row.id, error = %error, "incident cannot be read"))
            .ok()?;
        let at_ms = row.acknowledged_ms.unwrap_or(row.opened_ms);
        incident.acknowledged = row.acknowledged_by.map(|by| Acknowledged { by, at_ms });
        Some(incident)
    });
    Ok(Opened { incidents: incidents.collect(), alerts, lately, happenings, last_incident, last_alert })
}

/// Rows of alerts: shared with those who read them.
#[must_use]
pub fn row_of(alert: &Kept) -> AlertRow {
    AlertRow {
        id: alert.id,
        rule: alert.rule.clone(),
        resource: alert.resource,
        attributes: serde_json::to_string(&alert.attributes).expect("pairs of strings serialise"),
        tenant: alert.tenant.clone(),
        service: alert.service.clone(),
        level: alert.level.as_str().to_owned(),
        onset_ms: alert.onset_ms,
        fired_ms: alert.fired_ms,
        resolved_ms: alert.resolved_ms,
        incident: alert.incident,
        body: serde_json::to_string(alert).expect("strings and numbers serialise"),
    }
}

#[cfg(test)]
mod tests;
