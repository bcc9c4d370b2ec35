//! `GET /api/monitoring/system`: what the room `system` tells, for those who poll.

use axum::{extract::Request, response::Response};
use serde_json::json;

use super::{App, aside, json, parameters::Parameters};
use crate::problem::Problem;

/// Answers the collector's own machine with queues and services of the house.
pub(super) async fn system(app: App, request: Request) -> Result<Response, Problem> {
    Parameters::of(request.uri(), &[])?;
    let answer = aside(&request, move || {
        let (parts, now_ms) = (app.parts(), app.now_ms());
        let mut stats = parts.push.system_stats(parts.own.resource(&parts.store), &parts.pull, now_ms);
        stats["at"] = json!(now_ms);
        Ok(stats)
    });
    Ok(json(&answer.await?))
}
