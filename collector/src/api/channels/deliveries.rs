//! `GET /api/v1/deliveries`: what channels were told, newest first.

use axum::{extract::Request, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::Editor;
use crate::{
    access::View,
    api::{
        App, json,
        parameters::{Parameters, wrong},
    },
    notify::Channels,
    problem::Problem,
    state::outbox::{DeliveryFilter, DeliveryRow},
};

/// Most rows of one page.
const LIMIT_MAX: u32 = 500;

/// Rows of a page when nothing is said.
const LIMIT: u32 = 100;

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryList {
    /// Newest first. The next page begins before the number of the last one.
    deliveries: Vec<DeliveryEntry>,
}

/// What a channel was to be told, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryEntry {
    /// Its number.
    id: i64,
    /// Word of the channel.
    channel: String,
    /// What people call it; its word when it is gone.
    channel_name: String,
    /// The incident.
    incident: Option<i64>,
    /// `opened`, `updated`, `reminder`, `escalated` or `resolved`.
    reason: String,
    /// `waiting`, `sent`, `failed` or `dead`.
    state: String,
    /// How often it was tried.
    attempts: u32,
    /// When it was made, in ms since the epoch.
    created: i64,
    /// When it is tried next, in ms since the epoch; `null` when it is done.
    next: Option<i64>,
    /// When it was done, in ms since the epoch.
    done: Option<i64>,
    /// What the channel said. Of the house's channels nothing is told to people who are bound to a tenant.
    detail: String,
}

impl DeliveryEntry {
    /// A row as somebody sees it.
    #[must_use]
    pub fn of(row: DeliveryRow, channels: &Channels, view: &View) -> Self {
        let channel = channels.find(&row.channel);
        let is_seen = view.sees(channel.as_ref().and_then(|channel| channel.tenant.as_deref()));
        Self {
            id: row.id,
            channel_name: channel.map_or_else(|| row.channel.clone(), |channel| channel.name.clone()),
            channel: row.channel,
            incident: row.incident,
            reason: row.reason,
            next: row.done_ms.is_none().then_some(row.next_ms),
            state: row.state,
            attempts: row.attempts,
            created: row.created_ms,
            done: row.done_ms,
            detail: if is_seen { row.detail } else { String::new() },
        }
    }
}

/// Lists deliveries.
pub(crate) async fn list(app: App, request: Request) -> Result<Response, Problem> {
    let parameters = Parameters::of(request.uri(), &["channel", "incident", "limit", "before"])?;
    let editor = Editor::of(&app, &request)?;
    drop(request);
    let number = |name: &str| {
        let text = parameters.text(name);
        text.map(|text| text.parse::<i64>().map_err(|_| wrong(name, "is no number"))).transpose()
    };
    let limit = parameters.number("limit", LIMIT, 1, LIMIT_MAX)?;
    let own = || editor.seen().map(|channel| channel.id.clone()).collect();
    let wanted = DeliveryFilter {
        channel: parameters.text("channel").map(str::to_owned),
        incident: number("incident")?,
        before: number("before")?,
        tenant: editor.caller.view().tenant().map(|tenant| (tenant.to_owned(), own())),
    };
    let rows = editor.caller.read(move |db| db.deliveries(limit, &wanted)).await?;
    let deliveries = rows.into_iter().map(|row| DeliveryEntry::of(row, &editor.channels, editor.caller.view())).collect();
    Ok(json(&DeliveryList { deliveries }))
}
