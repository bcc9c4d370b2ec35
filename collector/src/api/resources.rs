//! `GET /api/v1/resources` and `/api/monitoring/current`: what there is, and how it is now.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use axum::{extract::Request, response::Response};
use farol_shared::resource::ResourceKind;
use farol_store::{ResourceId, ResourceInfo};
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, aside, json_bytes, named, parameters::Parameters};
use crate::{
    access::View,
    live::{
        Line,
        figures::Latest,
        status::{Reason, Status},
    },
    problem::Problem,
};

/// A resource that its agent left out this long ago is no longer listed unless asked for, in milliseconds. Long enough to
/// see that something ended, short enough that jobs which come and go do not fill the page.
pub const LISTED_AFTER_END_MS: i64 = 2 * 60_000;

/// All resources.
#[derive(Debug, Serialize, ToSchema)]
pub struct Resources {
    /// The collector's clock, in milliseconds since the epoch.
    pub now: i64,
    /// The resources, by number.
    pub resources: Vec<Entry>,
}

/// All resources, and the figures that other front ends ask for by name.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CurrentState)]
pub struct Current {
    /// The collector's clock, in milliseconds since the epoch.
    pub now: i64,
    /// The resources, by number.
    pub resources: Vec<Entry>,
    /// `requests_per_sec`, `error_rate` and `system_availability` (percent), `response_time_p95` (milliseconds), `cache_hits` and so
    /// on; `null` where nobody reports one.
    pub metrics: BTreeMap<&'static str, Option<f64>>,
}

/// One resource.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    /// Its number.
    pub id: ResourceId,
    /// Its stable identity.
    pub key: String,
    /// What people call it.
    pub name: String,
    /// `host`, `container`, `unit`, `service` or `external`.
    pub kind: &'static str,
    /// Number of the resource that it runs on.
    pub parent: Option<ResourceId>,
    /// Its owner in a multi-tenant system.
    pub tenant: Option<String>,
    /// OpenTelemetry resource attributes.
    pub attributes: BTreeMap<String, String>,
    /// The agent that reports it; of a service the collector's own, which adds up what all agents tell of it.
    pub agent: String,
    /// Time of its first sample, in milliseconds since the epoch.
    pub first_seen: i64,
    /// Time of its newest sample, in milliseconds since the epoch.
    pub last_seen: i64,
    /// Its agent's sampling interval, in milliseconds.
    pub interval_ms: u64,
    /// What its light shows.
    pub status: Status,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Its agent goes on without it: a container or unit that no longer runs.
    pub ended: bool,
    /// Its figures.
    pub latest: Latest,
}

/// Answers all resources.
pub(super) async fn resources(app: App, request: Request) -> Result<Response, Problem> {
    let all = Parameters::of(request.uri(), &["all"])?.flag("all")?;
    let view = View::of(&request)?;
    let bytes = aside(&request, move || {
        let now_ms = app.now_ms();
        let list = Resources { now: now_ms, resources: entries(&app, &view, now_ms, all) };
        serde_json::to_vec(&list).map_err(|_| Problem::internal())
    });
    Ok(json_bytes(bytes.await?))
}

/// Answers all resources and the named figures.
pub(super) async fn current(app: App, request: Request) -> Result<Response, Problem> {
    let all = Parameters::of(request.uri(), &["all"])?.flag("all")?;
    let view = View::of(&request)?;
    let bytes = aside(&request, move || {
        let now = app.now_ms();
        let current = Current { now, resources: entries(&app, &view, now, all), metrics: named::current(&app, &view, now)? };
        serde_json::to_vec(&current).map_err(|_| Problem::internal())
    });
    Ok(json_bytes(bytes.await?))
}

/// Every resource that is listed and seen, by number.
pub(super) fn entries(app: &App, view: &View, now_ms: i64, all: bool) -> Vec<Entry> {
    let mut known = app.parts().store.resources();
    known.retain(|info| view.sees(info.resource.tenant.as_deref()));
    let numbers: HashMap<&str, ResourceId> = known.iter().map(|info| (info.resource.key.as_str(), info.id)).collect();
    let mut lines: HashMap<ResourceId, Line> =
        app.parts().live.lines(now_ms, false).into_iter().map(|line| (line.id, line)).collect();
    let is_listed = |entry: &Entry| all || !entry.ended || now_ms.saturating_sub(entry.last_seen) < LISTED_AFTER_END_MS;
    known
        .iter()
        .map(|info| {
            let parent = info.resource.parent.as_deref().and_then(|key| numbers.get(key)).copied();
            entry(info, parent, lines.remove(&info.id))
        })
        .filter(is_listed)
        .collect()
}

fn entry(info: &ResourceInfo, parent: Option<ResourceId>, line: Option<Line>) -> Entry {
    let resource = &info.resource;
    // Between its first commit and the moment it is shown, a resource has no line yet.
    let (time, status, reasons, ended, latest, agent) = match line {
        Some(line) => (line.time, line.status, line.reasons, line.ended, line.latest, line.agent),
        None => (i64::MIN, Status::Ok, Vec::new(), false, Latest::default(), Arc::clone(&info.agent)),
    };
    Entry {
        id: info.id,
        key: resource.key.clone(),
        name: resource.name().to_owned(),
        kind: ResourceKind::as_str(resource.kind),
        parent,
        tenant: resource.tenant.clone(),
        attributes: resource.attributes.clone(),
        agent: agent.to_string(),
        first_seen: info.first_seen_ms,
        last_seen: time.max(info.last_seen_ms),
        interval_ms: info.interval_ms,
        status,
        reasons,
        ended,
        latest,
    }
}
