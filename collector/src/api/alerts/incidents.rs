//! `/api/v1/incidents`: alerts that belong together, their timelines, and who looks at them.

use axum::{extract::Request, http::StatusCode, response::Response};
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
    list::before,
    number_of,
    shapes::{AcknowledgedBy, AlertEntry, IncidentDetail, IncidentEntry, delivery, incident, kept, lines},
};
use crate::{
    access::View,
    alert::incident::Kept,
    problem::Problem,
    state::{
        StateDb, StateError,
        alerts::{AlertFilter, AlertRow},
        incidents::{IncidentFilter, IncidentRow},
    },
};

/// Most incidents of one answer.
const INCIDENTS_MAX: u32 = 200;

/// Most alerts, and most deliveries, of one incident in an answer.
const PARTS_MAX: u32 = 1_000;

/// A page of incidents.
#[derive(Debug, Serialize, ToSchema)]
pub struct IncidentPage {
    /// Newest first.
    incidents: Vec<IncidentEntry>,
}

const PARAMETERS: &[&str] = &["state", "from", "to", "limit", "before"];

/// Answers incidents.
pub(in super::super) async fn list(app: App, request: Request) -> Result<Response, Problem> {
    let parameters = Parameters::of(request.uri(), PARAMETERS)?;
    let caller = Caller::of(&app, &request, WHAT)?;
    let limit = parameters.number("limit", 50, 1, INCIDENTS_MAX)?;
    let (from_ms, to_ms) = (parameters.instant("from")?, parameters.instant("to")?);
    if from_ms.zip(to_ms).is_some_and(|(from_ms, to_ms)| from_ms >= to_ms) {
        return Err(wrong("from", "must be before to"));
    }
    let is_open = parameters.word("state", &[("open", Some(true)), ("closed", Some(false)), ("all", None)])?.flatten();
    let tenant = caller.view().tenant().map(str::to_owned);
    let wanted = IncidentFilter { id: None, is_open, from_ms, to_ms, tenant: tenant.clone(), before: before(&parameters)? };
    let read = move |db: &StateDb| {
        let rows = db.incidents(limit, &wanted)?;
        rows.into_iter().map(|row| own_alerts(db, &row, tenant.as_deref()).map(|own| (row, own))).collect::<Result<Vec<_>, _>>()
    };
    let entry = |(row, own): (IncidentRow, Vec<AlertRow>)| entry(&row, &own, caller.view());
    let incidents = caller.read(read).await?.into_iter().map(entry).collect::<Result<_, _>>()?;
    Ok(json(&IncidentPage { incidents }))
}

/// Answers one incident with all that is known of it.
pub(in super::super) async fn one(app: App, request: Request) -> Result<Response, Problem> {
    Parameters::of(request.uri(), &[])?;
    let id = number_of(&request, "incident")?;
    let caller = Caller::of(&app, &request, WHAT)?;
    drop(request);
    let row = found(&caller, id).await?;
    let tenant = caller.view().tenant().map(str::to_owned);
    let read = move |db: &StateDb| {
        let wanted = AlertFilter { incident: Some(id), tenant, ..AlertFilter::default() };
        Ok((db.alerts(PARTS_MAX, &wanted)?, db.incident_lines(id)?, db.incident_deliveries(id, PARTS_MAX)?))
    };
    let (rows, told, deliveries) = caller.read(read).await?;
    let view = caller.view();
    let alerts: Vec<Kept> = rows.iter().map(kept).collect::<Result<_, _>>()?;
    let incident = incident(&row)?;
    let is_own = view.sees(incident.tenant.as_deref());
    // A channel of the house is none of a tenant's business, nor is what it was told.
    let deliveries: Vec<_> = deliveries
        .into_iter()
        .filter(|line| *view == View::Whole || (is_own && view.sees(line.channel_tenant.as_deref())))
        .collect();
    let channels: Vec<String> = deliveries.iter().map(|line| line.channel.clone()).collect();
    let acknowledged = incident.acknowledged.as_ref().map(AcknowledgedBy::from);
    let detail = IncidentDetail {
        incident: IncidentEntry::of(&incident, view, &alerts),
        alerts: alerts.into_iter().map(|alert| AlertEntry::of(alert, acknowledged.clone())).collect(),
        lines: lines(told, view, is_own, &channels),
        deliveries: deliveries.into_iter().map(|line| delivery(id, line)).collect(),
    };
    Ok(json(&detail))
}

/// Says that somebody looks at an incident.
pub(in super::super) async fn acknowledge(app: App, request: Request) -> Result<Response, Problem> {
    turn(app, request, true).await
}

/// Takes that back.
pub(in super::super) async fn unacknowledge(app: App, request: Request) -> Result<Response, Problem> {
    turn(app, request, false).await
}

async fn turn(app: App, request: Request, is_acknowledged: bool) -> Result<Response, Problem> {
    Parameters::of(request.uri(), &[])?;
    let id = number_of(&request, "incident")?;
    let caller = Caller::of(&app, &request, WHAT)?;
    drop(request);
    let row = found(&caller, id).await?;
    if !caller.view().sees(row.tenant.as_deref()) {
        let detail = "this incident is not about this tenant alone: somebody of the whole house may acknowledge it";
        return Err(Problem::forbidden(detail).code("of_the_house"));
    }
    let person = caller.person.username.to_string();
    let action = if is_acknowledged { "incident.acknowledge" } else { "incident.unacknowledge" };
    let detail = serde_json::json!({ "level": row.level, "opened": row.opened_ms });
    let line = caller.line(action, &id.to_string(), &detail);
    let now_ms = caller.now_ms;
    let write = move |db: &mut StateDb| {
        if db.incident_is_open(id)? != Some(true) {
            return Ok(None);
        }
        let by = is_acknowledged.then_some(person.as_str());
        // Twice is once: two people may press the button at the same time.
        if db.acknowledge(id, by, &person, now_ms)? {
            db.note_audit(&line)?;
        }
        let wanted = IncidentFilter { id: Some(id), ..IncidentFilter::default() };
        Ok(db.incidents(1, &wanted)?.pop())
    };
    let over = || Problem::new(StatusCode::CONFLICT, "this incident is over").code("closed");
    let row = caller.write(write).await?.ok_or_else(over)?;
    Ok(json(&entry(&row, &[], caller.view())?))
}

/// An incident that the caller sees.
async fn found(caller: &Caller, id: i64) -> Result<IncidentRow, Problem> {
    let tenant = caller.view().tenant().map(str::to_owned);
    let wanted = IncidentFilter { id: Some(id), tenant, ..IncidentFilter::default() };
    let rows = caller.read(move |db| db.incidents(1, &wanted)).await?;
    rows.into_iter().next().ok_or_else(|| Problem::not_found("there is no such incident"))
}

/// The alerts that a tenant sees of an incident that is not its alone; none when they are not needed.
fn own_alerts(db: &StateDb, row: &IncidentRow, tenant: Option<&str>) -> Result<Vec<AlertRow>, StateError> {
    match tenant {
        Some(tenant) if row.tenant.as_deref() != Some(tenant) => {
            let wanted = AlertFilter { incident: Some(row.id), tenant: Some(tenant.to_owned()), ..AlertFilter::default() };
            db.alerts(PARTS_MAX, &wanted)
        }
        _ => Ok(Vec::new()),
    }
}

fn entry(row: &IncidentRow, own: &[AlertRow], view: &View) -> Result<IncidentEntry, Problem> {
    let own: Vec<Kept> = own.iter().map(kept).collect::<Result<_, _>>()?;
    Ok(IncidentEntry::of(&incident(row)?, view, &own))
}
