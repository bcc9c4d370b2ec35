//! `GET /api/v1/integrations`: every kind of integration, how it is configured, and how each instance is doing.

use axum::{extract::Request, response::Response};
use farol_store::ResourceId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, json, parameters::Parameters};
use crate::{
    problem::Problem,
    pull::{Group, KINDS, Status},
};

/// Every kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct Integrations {
    /// Now, in ms since the epoch.
    pub now: i64,
    /// In the order of the documentation.
    pub kinds: Vec<KindEntry>,
}

/// One kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct KindEntry {
    /// Name of its table in the configuration.
    pub kind: &'static str,
    /// What people call the system.
    pub title: &'static str,
    /// What it is about.
    pub group: Group,
    /// What to write into the configuration.
    pub snippet: &'static str,
    /// Its keys.
    pub options: Vec<OptionEntry>,
    /// In the order of the configuration.
    pub instances: Vec<InstanceEntry>,
}

/// One key of a kind's table.
#[derive(Debug, Serialize, ToSchema)]
pub struct OptionEntry {
    /// Key.
    pub key: &'static str,
    /// Value when it is not written.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// One instance.
#[derive(Debug, Serialize, ToSchema)]
pub struct InstanceEntry {
    /// Its name.
    pub name: String,
    /// What it asks; no secrets.
    pub target: String,
    /// Number of its resource, for `/api/v1/query`; `null` until it was heard of.
    pub resource: Option<ResourceId>,
    /// How it is doing.
    pub status: Status,
}

/// Answers every kind.
pub(super) async fn integrations(app: App, request: Request) -> Result<Response, Problem> {
    Parameters::of(request.uri(), &[])?;
    let (now, pull) = (app.now_ms(), &app.parts().pull);
    let instances = |kind: &str| {
        let of_kind = pull.slots().iter().filter(|slot| slot.declared.kind.name == kind);
        let entry = of_kind.map(|slot| InstanceEntry {
            name: slot.declared.given.name.clone(),
            target: slot.target.clone(),
            resource: slot.resource(),
            status: slot.status(now),
        });
        entry.collect()
    };
    let kinds = KINDS.iter().map(|kind| KindEntry {
        kind: kind.name,
        title: kind.title,
        group: kind.group,
        snippet: kind.snippet,
        options: kind
            .options
            .iter()
            .map(|option| OptionEntry { key: option.key, default: option.default, meaning: option.meaning })
            .collect(),
        instances: instances(kind.name),
    });
    Ok(json(&Integrations { now, kinds: kinds.collect() }))
}
