//! Stage: the thread that drives alerts: committed batches into the engine, a tick a second, changes into the keeper, news to the rooms.
//!
//! In: committed batches by an [`Inlet`], rules as people change them, the clock. Out: what the keeper wrote, to the rooms; what stands,
//! for the API; a sign of life ([`Pulse`]).
//!
//! Invariants: nothing is told that is not kept; alerts never hold ingest up; when the accounts' file cannot be written, judging goes on and
//! the changes wait (see [`Keeper`]).
//!
//! Bounded: batches that wait ([`QUEUE_MAX`]), subjects whose recent values are remembered ([`REMEMBERED_MAX`]).

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use farol_shared::{clock::Clock, report};
use farol_store::{Committed, Store};
use tokio::sync::watch;

use super::{
    Change, Engine, Level, Rule,
    happened::Happened,
    history,
    incident::{Kept, Told},
    keeper::{Keeper, OpenAlert},
    past::StorePast,
    recent::Recent,
    rules::{RuleSet, Rules},
    select::ResourceFacts,
    standing::Standings,
    topology::Topology,
};
use crate::{
    live::Arrival,
    notify::{Channels, route::Recipients},
    push::{
        Push,
        alerts::{Alert, AlertData, KEPT_FOR_MS, KEPT_MAX, Severity, Source},
    },
    state::{State, StateError, alerts::AlertFilter},
};

/// Most committed batches that wait to be judged; beyond it they are stored, but no rule sees them.
pub const QUEUE_MAX: usize = 8_192;

/// Most subjects whose recent values are remembered for notices: 300 bytes each.
pub const REMEMBERED_MAX: usize = 10_000;

/// How often resources are looked at again, in milliseconds: names, tenants, versions.
const LOOK_EVERY_MS: i64 = 5_000;

/// How long the thread waits at most before it looks at the clock.
const STEP: Duration = Duration::from_millis(250);

/// The engine counts as alive when it judged within so long, in milliseconds.
const ALIVE_MS: i64 = 30_000;

/// What the stage works on.
#[derive(Debug, Clone)]
pub struct Parts {
    /// History.
    pub store: Store,
    /// `state.db`.
    pub state: State,
    /// Rules in force.
    pub rules: Rules,
    /// Channels, to be woken when a notice is due.
    pub channels: Channels,
    /// Channels as routing knows them.
    pub recipients: Recipients,
    /// What stands, for the API.
    pub standings: Standings,
    /// Rooms.
    pub push: Push,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// For how long closed incidents are kept, in milliseconds.
    pub kept_for_ms: i64,
}

/// A committed batch on its way here.
#[derive(Debug)]
struct Committing {
    committed: Arc<Committed>,
    arrival: Arrival,
}

/// The way of committed batches to the stage. The thread ends when the last one is dropped.
#[derive(Debug, Clone)]
pub struct Inlet {
    queue: SyncSender<Committing>,
    missed: Arc<AtomicU64>,
}

impl Inlet {
    /// Hands a committed batch over. Never waits.
    pub fn offer(&self, committed: &Arc<Committed>, arrival: Arrival) {
        let committing = Committing { committed: Arc::clone(committed), arrival };
        if self.queue.try_send(committing).is_err() && self.missed.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(target: "alert", max = QUEUE_MAX, "more batches than rules can be judged on; some are not seen by rules");
        }
    }
}

/// Whether rules are being judged. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Pulse {
    at_ms: Arc<AtomicI64>,
    clock: Arc<dyn Clock>,
}

impl Pulse {
    /// Whether rules were judged within the last 30 s.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.clock.now_ms().saturating_sub(self.at_ms.load(Ordering::Relaxed)) <= ALIVE_MS
    }
}

/// Starts the thread.
///
/// # Errors
/// [`StateError`] when what is open cannot be read; [`StateError::File`] when there is no thread.
pub fn start(parts: Parts) -> Result<(Inlet, Pulse, thread::JoinHandle<()>), StateError> {
    let (queue, waiting) = sync_channel(QUEUE_MAX);
    let pulse = Pulse { at_ms: Arc::new(AtomicI64::new(i64::MIN)), clock: Arc::clone(&parts.clock) };
    let beating = Arc::clone(&pulse.at_ms);
    let run = move || match Stage::open(parts, beating) {
        Ok(stage) => stage.run(&waiting),
        Err(error) => {
            tracing::error!(target: "alert", error = %report::chain(&error), "alerts could not be read; no rule is judged")
        }
    };
    let failed = |cause| StateError::File { doing: "starting a thread for", path: "alerts".to_owned(), cause };
    let thread = thread::Builder::new().name("alerts".to_owned()).spawn(run).map_err(failed)?;
    Ok((Inlet { queue, missed: Arc::default() }, pulse, thread))
}

struct Stage {
    parts: Parts,
    engine: Engine,
    keeper: Keeper,
    happened: Happened,
    recent: Recent,
    topology: Topology,
    rules: watch::Receiver<RuleSet>,
    past: StorePast,
    pulse: Arc<AtomicI64>,
    looked_ms: i64,
    ticked_ms: i64,
    /// Alerts whose rule had gone while we were away are still to be ended.
    has_orphans: bool,
}

impl Stage {
    fn open(parts: Parts, pulse: Arc<AtomicI64>) -> Result<Self, StateError> {
        let recent = Recent::new(parts.standings.clone());
        let (keeper, open) = Keeper::open(parts.state.clone(), parts.recipients.clone())?;
        let keeper = keeper.keeping_for(parts.kept_for_ms).asking(Box::new(recent.clone()));
        let mut rules = parts.rules.subscribe();
        let in_force = rules.borrow_and_update().rules();
        let past = StorePast::new(parts.store.clone());
        let now_ms = parts.clock.now_ms();
        let mut stage = Self {
            engine: Engine::new(&in_force),
            keeper,
            happened: Happened::default(),
            recent,
            topology: Topology::default(),
            rules,
            past,
            pulse,
            looked_ms: i64::MIN,
            ticked_ms: now_ms,
            has_orphans: true,
            parts,
        };
        stage.remember(now_ms)?;
        stage.look(now_ms);
        stage.go_on(&in_force, &open, now_ms);
        Ok(stage)
    }

    /// Goes on from what is kept and from what history holds.
    fn go_on(&mut self, rules: &[Arc<Rule>], open: &[OpenAlert], now_ms: i64) {
        let held = open.iter().filter(|alert| self.engine.hold(&alert.rule, &alert.subject, alert.level, alert.onset_ms)).count();
        match history::replay(&mut self.engine, &self.parts.store, rules, now_ms) {
            Ok(read) => tracing::info!(target: "alert", rules = rules.len(), open = held, read, "rules are judged"),
            Err(error) => {
                tracing::warn!(target: "alert", error = %report::chain(&error), "the past could not be read; windows begin empty");
            }
        }
    }

    fn run(mut self, waiting: &Receiver<Committing>) {
        loop {
            match waiting.recv_timeout(STEP) {
                Ok(committing) => {
                    self.happened.take(&committing.committed, committing.arrival);
                    self.engine.take(&committing.committed, committing.arrival);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let now_ms = self.parts.clock.now_ms();
            // Set back, it is another second too.
            if now_ms.div_euclid(1_000) != self.ticked_ms.div_euclid(1_000) {
                self.ticked_ms = now_ms;
                self.tick(now_ms);
            }
        }
    }

    fn tick(&mut self, now_ms: i64) {
        if self.rules.has_changed().unwrap_or(false) {
            self.take_rules();
        }
        if now_ms.abs_diff(self.looked_ms) >= LOOK_EVERY_MS.unsigned_abs() || !self.engine.strangers().is_empty() {
            self.look(now_ms);
        }
        let changes = self.engine.tick(now_ms, &mut self.past);
        self.recent.see(self.engine.judged(), now_ms);
        self.parts.standings.set(self.engine.standing());
        self.keep(changes, now_ms);
        self.pulse.store(now_ms, Ordering::Relaxed);
    }

    fn take_rules(&mut self) {
        let in_force = self.rules.borrow_and_update().rules();
        let new = self.engine.set_rules(&in_force);
        let begun: Vec<Arc<Rule>> = in_force.into_iter().filter(|rule| new.contains(&rule.id)).collect();
        if let Err(error) = history::fill(&mut self.engine, &self.parts.store, &begun) {
            tracing::warn!(target: "alert", error = %report::chain(&error), "the past could not be read; windows begin empty");
        }
    }

    /// Looks at resources again: what they are called, whose they are, what runs on what.
    fn look(&mut self, now_ms: i64) {
        self.looked_ms = now_ms;
        let resources = self.parts.store.resources();
        self.happened.know(&resources, now_ms);
        self.topology = Topology::of(&resources, now_ms);
        for info in &resources {
            self.engine.know(ResourceFacts::from(info));
        }
    }

    fn keep(&mut self, changes: Vec<Change>, now_ms: i64) {
        for (rule, judged) in self.engine.judged().filter(|(_, judged)| judged.level > Level::Ok) {
            if let Some(value) = judged.value {
                self.keeper.see(&rule.id, judged.subject, value);
            }
        }
        let happenings = self.happened.drain();
        // What cannot be written is logged by the keeper, and tried again with the next tick.
        let Ok(mut told) = self.keeper.take(changes, &self.topology, &happenings, now_ms) else { return };
        if self.has_orphans {
            let rules = self.rules.borrow().clone();
            let is_known = |id: &str| rules.find(id).is_some_and(|listed| listed.rule.enabled);
            if let Ok(ended) = self.keeper.end_of_rules(&is_known, &self.topology, now_ms) {
                told.extend(ended);
                self.has_orphans = false;
            }
        }
        if told.is_empty() {
            return;
        }
        let news: Vec<Alert> = told.iter().filter_map(|told| shown(told, now_ms)).collect();
        self.parts.push.tell_alerts(&news, now_ms);
        self.parts.channels.wake();
    }

    /// Lets the rooms know of the last day.
    fn remember(&self, now_ms: i64) -> Result<(), StateError> {
        let since_ms = now_ms.saturating_sub(KEPT_FOR_MS);
        let wanted = AlertFilter { from_ms: Some(since_ms), ..AlertFilter::default() };
        let limit = u32::try_from(KEPT_MAX).unwrap_or(u32::MAX);
        let rows = self.parts.state.change_blocking(move |db| db.alerts(limit, &wanted))?;
        let mut known: Vec<Alert> = Vec::new();
        // One that cannot be read was told of by the keeper.
        for alert in &rows.iter().filter_map(|row| serde_json::from_str(&row.body).ok()).collect::<Vec<Kept>>() {
            known.push(of_kept(alert, severity(alert.level), alert.fired_ms));
            if let Some(resolved_ms) = alert.resolved_ms {
                known.push(of_kept(alert, Severity::Resolved, resolved_ms));
            }
        }
        known.sort_by_key(|alert| alert.timestamp);
        self.parts.push.remember_alerts(&known, now_ms);
        Ok(())
    }
}

fn severity(level: Level) -> Severity {
    match level {
        Level::Ok => Severity::Resolved,
        Level::Warning => Severity::Warning,
        Level::Critical => Severity::Critical,
    }
}

fn shown(told: &Told, now_ms: i64) -> Option<Alert> {
    let Told::Alert { alert, .. } = told else { return None };
    let severity = if alert.is_firing() { severity(alert.level) } else { Severity::Resolved };
    Some(of_kept(alert, severity, alert.resolved_ms.unwrap_or(now_ms)))
}

fn of_kept(alert: &Kept, severity: Severity, timestamp: i64) -> Alert {
    let detail: Vec<&str> = alert.attributes.iter().map(|(_, value)| value.as_str()).collect();
    Alert {
        id: Some(alert.id),
        incident: Some(alert.incident),
        rule_id: alert.rule.clone(),
        condition: alert.metric.clone(),
        threshold: alert.threshold,
        current_value: alert.value,
        severity,
        source: Source::Rule,
        resource: alert.resource,
        resource_name: Some(alert.resource_name.clone()),
        tenant: alert.tenant.clone(),
        detail: (!detail.is_empty()).then(|| detail.join(", ")),
        since: alert.onset_ms,
        timestamp,
        data: AlertData {
            rule_name: format!("{}: {}", alert.name, alert.resource_name),
            current_value: alert.value,
            threshold: alert.threshold,
            severity,
        },
    }
}
