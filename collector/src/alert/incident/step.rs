//! What one step of the incidents leads to: lines of their timelines, notices, and what silences held.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{Incident, Kept};
use crate::{alert::Level, notify::Notice};

/// What is to be written together with the incidents themselves, and told afterwards.
#[derive(Debug, Default)]
pub struct Step {
    /// Lines of timelines.
    pub lines: Vec<Line>,
    /// Notices for the outbox.
    pub notices: Vec<Due>,
    /// How many alerts each silence held more.
    pub silenced: BTreeMap<i64, i64>,
    /// Incidents that went into others: from, to.
    pub merged: Vec<(i64, i64)>,
    /// Whether what happened is to be remembered anew.
    pub is_happening: bool,
    /// Changes that were left out because too many alerts fire.
    pub left_out: u64,
}

/// A line of an incident's timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The incident.
    pub incident: i64,
    /// When, in ms since the epoch.
    pub time_ms: i64,
    /// What: `pending`, `fired`, `worse`, `better`, `resolved`, `told`, `reminded`, `escalated`, `silenced`, `cause`, `closed`.
    pub kind: &'static str,
    /// Its particulars: a JSON object.
    pub body: Value,
}

/// A notice for a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    /// The channel.
    pub channel: String,
    /// What it is told.
    pub notice: Notice,
    /// Not before this instant, in ms since the epoch.
    pub not_before_ms: i64,
}

/// What is told to the rooms once it is kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// An alert began, became graver or milder, or is over.
    Alert {
        /// How it is now.
        alert: Arc<Kept>,
        /// How grave it was.
        was: Level,
    },
    /// An incident began, changed, or is over.
    Incident(Arc<Incident>),
    /// An incident went into another.
    Merged {
        /// The one that is no more.
        from: i64,
        /// The one that has its alerts now.
        into: i64,
    },
}

impl Step {
    /// Adds a line about an alert.
    pub(super) fn about(&mut self, alert: &Kept, time_ms: i64, kind: &'static str) {
        let body = json!({
            "alert": alert.id, "rule": alert.rule, "name": alert.name, "resource": alert.resource_name, "level": alert.level,
            "value": alert.value, "threshold": alert.threshold, "unit": alert.unit, "tenant": alert.tenant,
        });
        self.lines.push(Line { incident: alert.incident, time_ms, kind, body });
    }

    /// Adds another line.
    pub(super) fn line(&mut self, incident: i64, time_ms: i64, kind: &'static str, body: Value) {
        self.lines.push(Line { incident, time_ms, kind, body });
    }
}
