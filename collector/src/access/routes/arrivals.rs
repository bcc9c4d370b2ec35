//! `/api/v1/tokens/{id}/arrivals`: whether the agent has come for which a token was just made, and what keeps it away.

use axum::{Json, extract::State as Shared, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Access, Problem, Word, not_cached, refusal};
use crate::{
    ingest::{
        Ingest,
        arrivals::{RefusedBatch, Shown, Told, TurnedAway},
    },
    state::{State, StateError},
};

/// How far back refusals are told, in milliseconds: an agent that is refused tries again within half a minute.
const TURNED_AWAY_MS: i64 = 90_000;

/// Who came to the agents' door.
#[derive(Debug, Serialize, ToSchema)]
pub struct Arrivals {
    /// The collector's clock, in milliseconds since the epoch.
    now: i64,
    /// When the token was revoked, in milliseconds since the epoch; `null` while it is in force.
    revoked: Option<i64>,
    /// When an agent with the token asked whether it would be let in (`farol-agent check`), in milliseconds since the epoch.
    checked: Option<i64>,
    /// Agents that delivered with the token, by name.
    agents: Vec<ArrivedAgent>,
    /// The newest batch with the token that was not taken.
    refused: Option<RefusedDelivery>,
    /// Who was turned away within the last 90 s for want of an accepted token, the newest first.
    turned_away: Vec<TurnedAwayAgent>,
}

/// An agent that delivered.
#[derive(Debug, Serialize, ToSchema)]
pub struct ArrivedAgent {
    /// Its name.
    agent: String,
    /// When its first batch came since the token was asked about, in milliseconds since the epoch.
    first: i64,
    /// When its newest came.
    last: i64,
    /// How many came.
    batches: u64,
    /// Numbers of the resources that it tells of.
    resources: Vec<u32>,
}

/// A batch that was not taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedDelivery {
    /// When, in milliseconds since the epoch.
    at: i64,
    /// HTTP status that its agent got.
    status: u16,
    /// What was wrong with it.
    detail: String,
}

/// Somebody who was turned away.
#[derive(Debug, Serialize, ToSchema)]
pub struct TurnedAwayAgent {
    /// When last, in milliseconds since the epoch.
    at: i64,
    /// From which address.
    address: Option<String>,
    /// What is known of the token that came: `missing`, `api_token` (one for programs), `cut` (longer or shorter than a whole one),
    /// `revoked`, `unknown` (never made here), `foreign` (no token of Farol, such as a placeholder).
    token: &'static str,
    /// Name of the revoked token.
    name: Option<String>,
}

/// Tells who came with a token, and who was turned away.
pub(crate) async fn arrivals(
    Shared(access): Shared<Access>,
    Shared(ingest): Shared<Ingest>,
    word: Word,
) -> Result<Response, Problem> {
    let (id, now) = (word.number()?, access.now_ms());
    let row = access.state().read(move |db| db.token_row(id)).await.map_err(|error| refusal::of_state(&error))?;
    let Told { checked_ms, agents, refused } = ingest.arrivals().ask(id, now);
    let mut turned_away = Vec::new();
    for one in ingest.arrivals().turned_away(now.saturating_sub(TURNED_AWAY_MS)) {
        turned_away.push(told(access.state(), one).await.map_err(|error| refusal::of_state(&error))?);
    }
    let agents = agents.into_iter().map(|(agent, one)| ArrivedAgent {
        agent,
        first: one.first_ms,
        last: one.last_ms,
        batches: one.batches,
        resources: one.resources,
    });
    let refused = refused.map(|RefusedBatch { at_ms, status, detail }| RefusedDelivery { at: at_ms, status, detail });
    let told = Arrivals { now, revoked: row.revoked_ms, checked: checked_ms, agents: agents.collect(), refused, turned_away };
    Ok(not_cached(Json(told)))
}

async fn told(state: &State, one: TurnedAway) -> Result<TurnedAwayAgent, StateError> {
    let (token, name) = match one.token {
        Shown::Missing => ("missing", None),
        Shown::ForPrograms => ("api_token", None),
        Shown::Cut => ("cut", None),
        Shown::Foreign => ("foreign", None),
        Shown::Unknown(fingerprint) => {
            let name = state.read(move |db| db.revoked_token(&fingerprint)).await?;
            (if name.is_some() { "revoked" } else { "unknown" }, name)
        }
    };
    Ok(TurnedAwayAgent { at: one.at_ms, address: one.address.map(|address| address.to_string()), token, name })
}
