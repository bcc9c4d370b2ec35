//! `GET /api/v1/completeness`: what should be in history, and what is.

use axum::{extract::Request, response::Response};
use farol_store::Completeness;
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, aside, json_bytes, parameters::Parameters, store_problem};
use crate::problem::Problem;

/// The books of all agents.
#[derive(Debug, Serialize, ToSchema)]
pub struct Books {
    /// Start, in milliseconds since the epoch.
    pub from: i64,
    /// End, in milliseconds since the epoch.
    pub to: i64,
    /// One entry an agent that delivered something in the range.
    pub agents: Vec<Book>,
}

/// The books of one agent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Book {
    /// The agent.
    pub agent: String,
    /// Samples that it took, by its own count.
    pub expected: u64,
    /// Samples that are in history.
    pub stored: u64,
    /// Of those, how many came late.
    pub late: u64,
    /// Samples that came again and were dropped.
    pub repeated: u64,
    /// Samples that came when raw samples of their age are no longer kept.
    pub expired: u64,
    /// Samples that nobody can account for. 0 when nothing is missing.
    pub missing: u64,
    /// Samples that the agent lost, by cause.
    pub lost: Vec<Loss>,
    /// Time of its newest sample, in milliseconds since the epoch.
    pub newest: i64,
    /// How many of its runs delivered something.
    pub boots: u32,
}

/// Samples lost to one cause.
#[derive(Debug, Serialize, ToSchema)]
pub struct Loss {
    /// The cause: `spool_full`, `spool_damaged`, `refused` or `unknown`.
    #[schema(value_type = String)]
    pub cause: farol_shared::batch::LostCause,
    /// How many.
    pub samples: u64,
}

/// Answers the books.
pub(super) async fn completeness(app: App, request: Request) -> Result<Response, Problem> {
    let range = Parameters::of(request.uri(), &["from", "to"])?.range(app.now_ms())?;
    let bytes = aside(&request, move || {
        let found = app.parts().store.completeness(None, range.from_ms, range.to_ms);
        let agents = found.map_err(|error| store_problem(&error))?.into_iter().map(book).collect();
        serde_json::to_vec(&Books { from: range.from_ms, to: range.to_ms, agents }).map_err(|_| Problem::internal())
    });
    Ok(json_bytes(bytes.await?))
}

fn book(found: Completeness) -> Book {
    Book {
        missing: found.missing(),
        agent: found.agent.to_string(),
        expected: found.expected,
        stored: found.stored,
        late: found.late,
        repeated: found.repeated,
        expired: found.expired,
        lost: found.lost.into_iter().map(|(cause, samples)| Loss { cause, samples }).collect(),
        newest: found.newest_ms,
        boots: found.boots,
    }
}
