//! Health: the state of each subsystem in a few words, for people and for load balancers.

use std::time::Duration;

use axum::{
    extract::Request,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::{App, json};

/// Without any sample for this long the door is said to be quiet, in milliseconds.
const QUIET_AFTER_MS: i64 = 60_000;

/// A writer that has been at one thing for this long is said to hang. The longest transactions take a second or two.
const HANGS_AFTER: Duration = Duration::from_secs(10);

/// How a subsystem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It works.
    Ok,
    /// It works less well than it should, or not at all.
    Degraded,
}

/// State of the whole and of its parts.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// The worst of the parts.
    pub status: State,
    /// Version of the collector.
    pub version: &'static str,
    /// The parts.
    pub subsystems: Subsystems,
}

/// The parts.
#[derive(Debug, Serialize, ToSchema)]
pub struct Subsystems {
    /// History on disk.
    pub store: Subsystem,
    /// The door for batches.
    pub ingest: Subsystem,
    /// Live values.
    pub push: Subsystem,
    /// The collector's own agent.
    pub self_watch: Subsystem,
    /// The collector's own TLS; absent where it speaks plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Subsystem>,
}

/// One part.
#[derive(Debug, Serialize, ToSchema)]
pub struct Subsystem {
    /// How it is.
    pub status: State,
    /// In words.
    pub detail: String,
    /// Age of the newest sample, in milliseconds; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest_sample_age_ms: Option<i64>,
}

fn part(is_ok: bool, detail: impl Into<String>) -> Subsystem {
    let status = if is_ok { State::Ok } else { State::Degraded };
    Subsystem { status, detail: detail.into(), newest_sample_age_ms: None }
}

/// Answers the state: 200 when all is well, 503 when history cannot be written.
pub(crate) async fn health(app: App, _request: Request) -> Response {
    let health = of(&app);
    let status = match health.subsystems.store.status {
        State::Ok => StatusCode::OK,
        State::Degraded => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, json(&health)).into_response()
}

/// The state at this moment. Names nothing that somebody who is not signed in should not know.
#[must_use]
pub fn of(app: &App) -> Health {
    let parts = app.parts();
    let now_ms = app.now_ms();
    let stats = parts.store.stats();
    let newest = parts.live.newest_age_ms(now_ms);
    let store = if !stats.is_writable {
        part(false, "history cannot be written: is the disk full?")
    } else if stats.at_work >= HANGS_AFTER {
        part(false, format!("history has not been written for {} s: the disk does not answer", stats.at_work.as_secs()))
    } else {
        part(true, "history is written")
    };
    let mut ingest = match newest {
        None => part(true, "no sample yet"),
        Some(age_ms) if age_ms > QUIET_AFTER_MS => part(false, "no sample for more than a minute"),
        Some(_) => part(true, "samples arrive"),
    };
    ingest.newest_sample_age_ms = newest;
    let push = parts.push.stats();
    let push = part(true, format!("{} live connections", push.listeners));
    let self_watch = parts.own.health();
    // Names of files are for those who may read the log.
    let tls = parts.tls.as_ref().map(|tls| match tls.trouble() {
        None => part(true, "the certificate is in force"),
        Some(_) => part(false, "the renewed certificate cannot be used, the earlier one stays in force: the log says why"),
    });
    let subsystems = Subsystems { store, ingest, push, self_watch: part(self_watch.0, self_watch.1), tls };
    let all = [&subsystems.store, &subsystems.ingest, &subsystems.push, &subsystems.self_watch];
    let status = all.into_iter().chain(&subsystems.tls).map(|part| part.status).max().unwrap_or(State::Ok);
    Health { status, version: env!("CARGO_PKG_VERSION"), subsystems }
}
