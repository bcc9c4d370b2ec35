//! `GET /api/v1/dashboard/alerts`: what went wrong within the last day, newest first.

use axum::{extract::Request, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, aside, caller, json, parameters::Parameters};
use crate::{
    access::View,
    problem::Problem,
    push::alerts::{Alert, KEPT_FOR_MS},
};

pub mod incidents;
pub mod list;
pub mod pending;
pub mod shapes;
pub mod silences;

/// Most alerts of one answer.
const ALERTS_MAX: usize = 500;

/// The alerts of a day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertList)]
pub struct Alerts {
    /// Start of the day, in ms since the epoch.
    pub from: i64,
    /// Its end: now.
    pub to: i64,
    /// Newest first, at most 500.
    pub alerts: Vec<Alert>,
}

/// What callers of this room come for.
const WHAT: &str = "alerts";

/// The number that an address names: `/api/v1/incidents/{id}`, and what stands behind it.
fn number_of(request: &Request, what: &'static str) -> Result<i64, Problem> {
    let number = caller::named(request).and_then(|text| text.parse().ok());
    number.ok_or_else(|| Problem::not_found(format!("there is no such {what}")))
}

/// Answers alerts.
pub(super) async fn alerts(app: App, request: Request) -> Result<Response, Problem> {
    Parameters::of(request.uri(), &[])?;
    let view = View::of(&request)?;
    let to = app.now_ms();
    let from = to - KEPT_FOR_MS;
    let answer = aside(&request, move || app.parts().push.alerts(from, to, &view, ALERTS_MAX));
    Ok(json(&Alerts { from, to, alerts: answer.await? }))
}
