//! `GET /api/v1/alerts`: what fires, and what did.

use std::collections::BTreeMap;

use axum::{extract::Request, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::{
        App,
        caller::Caller,
        json,
        parameters::{Parameters, wrong},
    },
    WHAT,
    shapes::{AcknowledgedBy, AlertEntry, AlertState, kept},
};
use crate::{
    alert::{Level, incident::Acknowledged, standing::Firing},
    problem::Problem,
    state::{StateDb, StateError, alerts::AlertFilter},
};

/// Most alerts of one answer.
pub const ALERTS_MAX: u32 = 500;

/// A page of alerts.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertPage {
    /// Newest first.
    alerts: Vec<AlertEntry>,
    /// How many fire, whatever was asked for.
    open: OpenAlerts,
}

/// How many alerts fire.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenAlerts {
    /// Critical ones.
    critical: u64,
    /// Warnings.
    warning: u64,
}

const PARAMETERS: &[&str] = &["state", "from", "to", "level", "service", "resource", "limit", "before"];

/// Answers alerts.
pub(in super::super) async fn list(app: App, request: Request) -> Result<Response, Problem> {
    let parameters = Parameters::of(request.uri(), PARAMETERS)?;
    let caller = Caller::of(&app, &request, WHAT)?;
    let limit = parameters.number("limit", 100, 1, ALERTS_MAX)?;
    let wanted = filter(&parameters, caller.view().tenant())?;
    let tenant = wanted.tenant.clone();
    let read = move |db: &StateDb| {
        let rows = db.alerts(limit, &wanted)?;
        let acknowledged = acknowledged(db, rows.iter().map(|row| row.incident))?;
        Ok((rows, acknowledged, db.firing_counts(tenant.as_deref())?))
    };
    let (rows, acknowledged, (warning, critical)) = caller.read(read).await?;
    let entry = |row: &_| kept(row).map(|alert| (alert.incident, alert));
    let entry =
        |row| entry(row).map(|(incident, alert)| AlertEntry::of(alert, acknowledged.get(&incident).map(AcknowledgedBy::from)));
    let mut alerts = rows.iter().map(entry).collect::<Result<Vec<AlertEntry>, _>>()?;
    show_newest(&app, &mut alerts);
    Ok(json(&AlertPage { alerts, open: OpenAlerts { critical, warning } }))
}

/// Puts the value that was judged last in the place of the one that was kept with the alert's last change.
fn show_newest(app: &App, alerts: &mut [AlertEntry]) {
    let standing = app.parts().alert.standings.now();
    for alert in alerts.iter_mut().filter(|alert| alert.state == AlertState::Firing) {
        let is_it = |firing: &&Firing| {
            let attributes = &firing.subject.attributes;
            firing.rule.id == alert.rule
                && firing.subject.resource == alert.resource
                && attributes.len() == alert.attributes.len()
                && attributes.iter().all(|(key, value)| alert.attributes.get(key) == Some(value))
        };
        let newest = standing.firing.iter().find(is_it).and_then(|firing| firing.value);
        alert.value = newest.filter(|value| value.is_finite()).or(alert.value);
    }
}

fn filter(parameters: &Parameters, tenant: Option<&str>) -> Result<AlertFilter, Problem> {
    let is_firing = parameters.word("state", &[("open", Some(true)), ("resolved", Some(false)), ("all", None)])?.flatten();
    let level = parameters.word("level", &[("warning", Level::Warning), ("critical", Level::Critical)])?;
    let (from_ms, to_ms) = (parameters.instant("from")?, parameters.instant("to")?);
    if let (Some(from_ms), Some(to_ms)) = (from_ms, to_ms)
        && from_ms >= to_ms
    {
        return Err(wrong("from", "must be before to"));
    }
    let resource =
        parameters.text("resource").map(|text| text.parse().map_err(|_| wrong("resource", "is not the number of one")));
    Ok(AlertFilter {
        is_firing,
        from_ms,
        to_ms,
        level: level.map(|level| level.as_str().to_owned()),
        service: parameters.text("service").map(str::to_owned),
        resource: resource.transpose()?,
        incident: None,
        tenant: tenant.map(str::to_owned),
        before: before(parameters)?,
    })
}

/// The number below which a page begins.
pub(super) fn before(parameters: &Parameters) -> Result<Option<i64>, Problem> {
    let number = |text: &str| text.parse().map_err(|_| wrong("before", "is not the number of the last one of a page"));
    parameters.text("before").map(number).transpose()
}

/// Who acknowledged these incidents.
pub(super) fn acknowledged(
    db: &StateDb,
    incidents: impl Iterator<Item = i64>,
) -> Result<BTreeMap<i64, Acknowledged>, StateError> {
    let mut found = BTreeMap::new();
    let mut asked = std::collections::BTreeSet::new();
    for id in incidents {
        if asked.insert(id)
            && let Some((by, at_ms)) = db.incident_acknowledged(id)?
        {
            found.insert(id, Acknowledged { by, at_ms });
        }
    }
    Ok(found)
}
