//! What one step of the keeper writes: the rows that differ, and what the step leads to.

use std::sync::Arc;

use super::{HAPPENINGS_KEY, row_of};
use crate::{
    alert::incident::{Incident, Incidents, Step},
    state::{StateDb, StateError, alerts::AlertRow, incidents::IncidentRow, outbox::NewDelivery},
};

/// Everything that is to be on disk before the step holds.
#[derive(Debug)]
pub(super) struct Write {
    incidents: Vec<IncidentRow>,
    alerts: Vec<AlertRow>,
    /// Where the lines of incidents that are no more go.
    merged: Vec<(i64, i64)>,
    lines: Vec<(i64, i64, &'static str, String)>,
    notices: Vec<NewDelivery>,
    silenced: Vec<(i64, i64)>,
    happenings: Option<Vec<u8>>,
}

impl Write {
    /// Finds what differs between two states.
    pub(super) fn of(before: &Incidents, next: &Incidents, step: Step, now_ms: i64) -> Self {
        let changed =
            next.incidents().iter().filter(|(id, one)| before.incidents().get(id).is_none_or(|known| !Arc::ptr_eq(known, one)));
        let incidents = changed.map(|(_, incident)| row(incident)).collect();
        let changed =
            next.alerts().iter().filter(|(id, one)| before.alerts().get(id).is_none_or(|known| !Arc::ptr_eq(known, one)));
        // By number: that of an older firing of the same alert is over before the next begins.
        let alerts = changed.map(|(_, alert)| row_of(alert)).collect();
        let notices = step.notices.iter().map(|due| NewDelivery {
            key: due.notice.key.clone(),
            channel: due.channel.clone(),
            incident: Some(due.notice.incident),
            notice: serde_json::to_string(&due.notice).expect("strings and numbers serialise"),
            next_ms: due.not_before_ms,
            created_ms: now_ms,
        });
        let lines = step.lines.iter().map(|line| (line.incident, line.time_ms, line.kind, line.body.to_string()));
        let happenings = step.is_happening.then(|| serde_json::to_vec(next.happenings()).expect("strings and numbers serialise"));
        Self {
            incidents,
            alerts,
            lines: lines.collect(),
            notices: notices.collect(),
            silenced: step.silenced.into_iter().collect(),
            merged: step.merged,
            happenings,
        }
    }

    /// Whether nothing is to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.incidents.is_empty()
            && self.alerts.is_empty()
            && self.merged.is_empty()
            && self.lines.is_empty()
            && self.notices.is_empty()
            && self.silenced.is_empty()
            && self.happenings.is_none()
    }

    /// Writes it: all of it, or nothing.
    pub(super) fn write(&self, db: &mut StateDb) -> Result<(), StateError> {
        db.together(|db| {
            for incident in &self.incidents {
                db.put_incident(incident)?;
            }
            for alert in &self.alerts {
                db.put_alert(alert)?;
            }
            for (from, into) in &self.merged {
                db.merge_incident(*from, *into)?;
            }
            for (incident, time_ms, kind, body) in &self.lines {
                db.add_incident_line(*incident, *time_ms, kind, body)?;
            }
            let mut lined: Vec<i64> = self.lines.iter().map(|(incident, ..)| *incident).collect();
            lined.sort_unstable();
            lined.dedup();
            for incident in lined {
                db.bound_incident_lines(incident)?;
            }
            for notice in &self.notices {
                db.enqueue(notice)?;
            }
            for (silence, more) in &self.silenced {
                db.count_silenced(*silence, *more)?;
            }
            if let Some(happenings) = &self.happenings {
                db.set_setting(HAPPENINGS_KEY, happenings)?;
            }
            Ok(())
        })
    }
}

fn row(incident: &Incident) -> IncidentRow {
    IncidentRow {
        id: incident.id,
        tenant: incident.tenant.clone(),
        level: incident.level.as_str().to_owned(),
        opened_ms: incident.opened_ms,
        closed_ms: incident.closed_ms,
        acknowledged_by: None,
        acknowledged_ms: None,
        body: serde_json::to_string(incident).expect("strings and numbers serialise"),
    }
}
