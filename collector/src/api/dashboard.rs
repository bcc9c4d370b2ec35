//! `GET /api/dashboard/...` and their like: what an integration's newest poll found, with how fresh it is.
//!
//! Each answer is flat: which instance, how it is doing, and the fields of its snapshot as its kind defines them. What is not
//! configured is an answer too: it says what to write.

use axum::{extract::Request, response::Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{App, json, parameters::Parameters};
use crate::{
    problem::Problem,
    pull::{self, Slot, State, Status},
};

mod uptime;

pub use uptime::{CheckedMonitor, CheckedUptime};

/// What every answer begins with. The fields of the kind's snapshot stand beside these.
#[derive(Debug, Serialize, ToSchema)]
pub struct Instanced {
    /// Whether there is such an integration in the configuration.
    pub configured: bool,
    /// Kind of the instance, or the first kind that could answer.
    pub kind: &'static str,
    /// Name of the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Every instance that could answer.
    pub instances: Vec<Choice>,
    /// How the instance is doing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// When what follows was read, in ms since the epoch; `null` when nothing was yet.
    pub as_of: Option<i64>,
    /// Whether it is too old to stand for now.
    pub stale: bool,
    /// What to do when it is not configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What to write into the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snippet: Option<&'static str>,
}

/// An instance to choose.
#[derive(Debug, Serialize, ToSchema)]
pub struct Choice {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// How it is doing.
    pub state: State,
}

/// Kinds that tell of a hosting provider.
const HOSTING: &[&str] = &["cloudwatch", "railway", "digitalocean", "vercel"];

/// Kinds that tell who is online.
const USERS: &[&str] = &["online_users", "plausible", "fathom", "umami"];

/// Answers Sentry's health.
pub(super) async fn sentry_health(app: App, request: Request) -> Result<Response, Problem> {
    answer(&app, &request, &["sentry"], "health")
}

/// Answers Sentry's transactions.
pub(super) async fn sentry_performance(app: App, request: Request) -> Result<Response, Problem> {
    answer(&app, &request, &["sentry"], "performance")
}

/// Answers a Redis.
pub(super) async fn redis_metrics(app: App, request: Request) -> Result<Response, Problem> {
    answer(&app, &request, &["redis"], "metrics")
}

/// Answers a hosting provider.
pub(super) async fn infra_metrics(app: App, request: Request) -> Result<Response, Problem> {
    answer(&app, &request, HOSTING, "infra")
}

/// Answers whether the addresses answer.
pub(super) async fn uptime_status(app: App, request: Request) -> Result<Response, Problem> {
    if app.parts().pull.of(&["uptimerobot"]).next().is_none() {
        return uptime::of_checks(app, request).await;
    }
    answer(&app, &request, &["uptimerobot"], "uptime")
}

/// Answers who is online.
pub(super) async fn users_online(app: App, request: Request) -> Result<Response, Problem> {
    answer(&app, &request, USERS, "users")
}

/// Answers a RabbitMQ.
pub(super) async fn queues(app: App, request: Request) -> Result<Response, Problem> {
    answer(&app, &request, &["rabbitmq"], "queues")
}

/// Answers a Celery.
pub(super) async fn celery(app: App, request: Request) -> Result<Response, Problem> {
    answer(&app, &request, &["celery"], "celery")
}

/// Answers a PostgreSQL.
pub(super) async fn postgres(app: App, request: Request) -> Result<Response, Problem> {
    answer(&app, &request, &["postgres"], "postgres")
}

fn answer(app: &App, request: &Request, kinds: &[&'static str], snapshot: &str) -> Result<Response, Problem> {
    let parameters = Parameters::of(request.uri(), &["instance"])?;
    let (now_ms, pull) = (app.now_ms(), &app.parts().pull);
    let slots: Vec<&Slot> = pull.of(kinds).collect();
    let Some(first) = slots.first().copied() else { return Ok(json(&not_configured(kinds))) };
    let slot = match parameters.text("instance") {
        None => first,
        Some(name) => {
            // Two kinds may each have one of this name: a colon stands in no name, so the key of the resource tells them apart.
            let is_it = |slot: &&Slot| slot.declared.given.name == name || slot.declared.key() == name;
            slots.iter().copied().find(is_it).ok_or_else(|| unknown(name, &slots))?
        }
    };
    let found = slot.snapshot(snapshot);
    let head = Instanced {
        configured: true,
        kind: slot.declared.kind.name,
        instance: Some(slot.declared.given.name.clone()),
        instances: slots.iter().map(|slot| choice(slot, now_ms)).collect(),
        status: Some(slot.status(now_ms)),
        as_of: found.as_ref().map(|(time_ms, _)| *time_ms),
        // Of an instance that answers in part, this part may have been missing for hours.
        stale: slot.is_stale(now_ms) || found.as_ref().is_some_and(|(time_ms, _)| slot.is_old(*time_ms, now_ms)),
        hint: None,
        snippet: None,
    };
    Ok(json(&flat(&head, found.as_ref().map(|(_, value)| &**value))))
}

/// The head with the fields of the snapshot beside it.
fn flat(head: &Instanced, snapshot: Option<&Value>) -> Map<String, Value> {
    let mut all = match serde_json::to_value(head) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    if let Some(Value::Object(fields)) = snapshot {
        for (name, value) in fields {
            // The head's own names stand: a kind's table cannot hide how old it is.
            all.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    all
}

fn choice(slot: &Slot, now_ms: i64) -> Choice {
    Choice { name: slot.declared.given.name.clone(), kind: slot.declared.kind.name, state: slot.status(now_ms).state }
}

fn unknown(name: &str, slots: &[&Slot]) -> Problem {
    let names: Vec<&str> = slots.iter().map(|slot| slot.declared.given.name.as_str()).collect();
    Problem::not_found(format!("there is no instance called {name}; there are: {}", names.join(", ")))
}

fn not_configured(kinds: &[&'static str]) -> Instanced {
    let kind = kinds.first().copied().unwrap_or_default();
    let row = pull::kind(kind);
    let tables: Vec<String> = kinds.iter().map(|kind| format!("[[{kind}]]")).collect();
    Instanced {
        configured: false,
        kind,
        instance: None,
        instances: Vec::new(),
        status: None,
        as_of: None,
        stale: false,
        hint: Some(format!("write {} into the collector's configuration and start it again", tables.join(" or "))),
        snippet: row.map(|row| row.snippet),
    }
}
