//! `GET /api/v1/alerts/pending`: conditions that hold, but not yet for long enough.

use std::collections::{BTreeMap, HashMap};

use axum::{extract::Request, response::Response};
use farol_shared::resource::Resource;
use farol_store::ResourceId;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

use super::super::{App, json, parameters::Parameters};
use crate::{access::View, alert::Level, problem::Problem};

/// What is about to fire.
#[derive(Debug, Serialize, ToSchema)]
pub struct PendingAlerts {
    /// The next first; at most 1,000.
    pending: Vec<PendingAlert>,
}

/// A condition that holds, but not yet for long enough.
#[derive(Debug, Serialize, ToSchema)]
pub struct PendingAlert {
    /// Word of its rule.
    rule: String,
    /// Name of its rule.
    name: String,
    /// How grave it will be.
    level: Level,
    /// Number of the resource.
    resource: ResourceId,
    /// What people call it.
    resource_name: String,
    /// Its tenant.
    tenant: Option<String>,
    /// Attributes of the series that it is about.
    attributes: BTreeMap<String, String>,
    /// Unit of value and threshold.
    unit: String,
    /// The newest value.
    value: Option<f64>,
    /// The threshold that it passed.
    threshold: Option<f64>,
    /// Since when the condition holds, in ms since the epoch.
    onset: i64,
    /// When it fires unless it is over before, in ms since the epoch.
    due: i64,
}

/// Answers what is pending.
pub(in super::super) async fn pending(app: App, request: Request) -> Result<Response, Problem> {
    Parameters::of(request.uri(), &[])?;
    let view = View::of(&request)?;
    let standing = app.parts().alert.standings.now();
    let mut seen: Vec<_> = standing.pending.iter().filter(|pending| view.sees(pending.tenant.as_deref())).collect();
    seen.sort_by_key(|pending| (pending.due_ms, pending.onset_ms));
    let known: HashMap<ResourceId, Arc<Resource>> = if seen.is_empty() {
        HashMap::new()
    } else {
        app.parts().store.resources().into_iter().map(|info| (info.id, info.resource)).collect()
    };
    let entry = |pending: &crate::alert::standing::Pending| PendingAlert {
        rule: pending.rule.id.clone(),
        name: pending.rule.name.clone(),
        level: pending.level,
        resource: pending.subject.resource,
        resource_name: known
            .get(&pending.subject.resource)
            .map_or_else(|| pending.subject.resource.to_string(), |resource| resource.name().to_owned()),
        tenant: pending.tenant.as_deref().map(str::to_owned),
        attributes: pending.subject.attributes.iter().cloned().collect(),
        unit: pending.unit.to_string(),
        value: pending.value.filter(|value| value.is_finite()),
        threshold: pending.threshold,
        onset: pending.onset_ms,
        due: pending.due_ms,
    };
    Ok(json(&PendingAlerts { pending: seen.into_iter().map(entry).collect() }))
}
