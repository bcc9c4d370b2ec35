//! `/api/v1/rules`: rules of alerts, changed with a line in the audit log, and tried on the past.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, FromRequest as _, Request},
    http::StatusCode,
    response::Response,
};
use farol_shared::report;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json as value;
use utoipa::ToSchema;

use super::{App, json, parameters::Parameters};
use crate::{
    access::{Person, View, audit},
    alert::{
        Rule, Standing,
        rules::{Listed, Origin, RuleSet},
    },
    problem::{Fault, JsonBody, Problem},
    state::{StateDb, StateError, rules::RuleChanged},
};

mod back_test;

pub use back_test::BackTestQuestion;
pub(super) use back_test::back_test;

/// Most numbers that are tried behind an id that is made of a name and taken.
const NUMBERS_MAX: u32 = 1_000;

/// Rules that somebody sees.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleList {
    /// By id.
    rules: Vec<RuleEntry>,
}

/// A rule in force.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleEntry {
    /// The rule.
    rule: Rule,
    /// Where it comes from.
    origin: Origin,
    /// How many subjects are firing, of those that the caller sees.
    firing: u32,
    /// How many are about to.
    pending: u32,
    /// Grows with each change; a change names the one that it began from. 0 for what nobody changed.
    revision: i64,
    /// Who changed it last.
    updated_by: Option<String>,
    /// When it was changed last, in milliseconds since the epoch.
    updated: Option<i64>,
}

/// What a rule is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleUpdate {
    rule: Rule,
    /// The revision that the change began from.
    revision: i64,
}

/// Lists rules.
pub(super) async fn list(app: App, request: Request) -> Result<Response, Problem> {
    Parameters::of(request.uri(), &[])?;
    let view = View::of(&request)?;
    let alert = &app.parts().alert;
    let (set, standing) = (alert.rules.now(), alert.standings.now());
    let seen = set.0.iter().filter(|listed| is_seen(&view, listed));
    Ok(json(&RuleList { rules: seen.map(|listed| entry(listed, &standing, &view)).collect() }))
}

/// Makes a rule.
pub(super) async fn create(app: App, request: Request) -> Result<Response, Problem> {
    let (caller, mut rule) = Caller::with::<Rule>(&app, request).await?;
    caller.own(&mut rule)?;
    let is_named = !rule.id.is_empty();
    rule.complete().map_err(|faults| refused(&faults))?;
    let known = app.parts().alert.rules.now();
    if known.find(&rule.id).is_some() {
        if is_named {
            return Err(exists(&rule.id));
        }
        rule.id = numbered(&rule.id, &known).ok_or_else(|| exists(&rule.id))?;
    }
    let id = rule.id.clone();
    let line = caller.line("rule.create", &rule);
    let (body, by, now_ms) = (text(&rule)?, caller.by.username.clone(), caller.now_ms);
    let made = caller
        .write(move |db| {
            let made = db.add_rule(&rule.id, &body, &by, now_ms)?;
            if made.is_some() {
                db.note_audit(&line)?;
            }
            Ok(made)
        })
        .await?;
    if made.is_none() {
        return Err(exists(&id));
    }
    let mut response = caller.answer(&id)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// Changes a rule.
pub(super) async fn update(app: App, request: Request) -> Result<Response, Problem> {
    let id = id_of(&request)?;
    let (caller, RuleUpdate { mut rule, revision }) = Caller::with::<RuleUpdate>(&app, request).await?;
    caller.changeable(&id)?;
    if rule.id.is_empty() {
        rule.id.clone_from(&id);
    }
    if rule.id != id {
        let detail = format!("is '{}'; a rule keeps its id, and this is '{id}'", rule.id.chars().take(64).collect::<String>());
        return Err(refused(&[Fault { field: "rule.id".to_owned(), detail }]));
    }
    caller.own(&mut rule)?;
    rule.complete().map_err(|faults| {
        let inside = |fault: Fault| Fault { field: format!("rule.{}", fault.field), ..fault };
        refused(&faults.into_iter().map(inside).collect::<Vec<_>>())
    })?;
    let line = caller.line("rule.change", &rule);
    let (body, by, now_ms) = (text(&rule)?, caller.by.username.clone(), caller.now_ms);
    let changed = caller
        .write(move |db| {
            let changed = db.change_rule(&rule.id, &body, revision, &by, now_ms)?;
            if matches!(changed, RuleChanged::Done(_)) {
                db.note_audit(&line)?;
            }
            Ok(changed)
        })
        .await?;
    match changed {
        RuleChanged::Done(_) => caller.answer(&id),
        RuleChanged::Meanwhile(now) => {
            let detail =
                format!("somebody else changed this rule meanwhile (revision {now}, yours began from {revision}): read it again");
            Err(Problem::new(StatusCode::CONFLICT, detail).code("changed"))
        }
    }
}

/// Removes a rule; a built-in one is as it came again.
pub(super) async fn delete(app: App, request: Request) -> Result<Response, Problem> {
    Parameters::of(request.uri(), &[])?;
    let id = id_of(&request)?;
    let caller = Caller::of(&app, &request)?;
    drop(request);
    let listed = caller.changeable(&id)?;
    if listed.origin == Origin::Builtin {
        let detail = "this rule is built in and as it came: disable it instead of removing it";
        return Err(Problem::new(StatusCode::CONFLICT, detail).code("builtin"));
    }
    let line = caller.line("rule.delete", &listed.rule);
    let is_gone = caller
        .write(move |db| {
            let is_gone = db.drop_rule(&id)?;
            if is_gone {
                db.note_audit(&line)?;
            }
            Ok(is_gone)
        })
        .await?;
    if !is_gone {
        return Err(no_such());
    }
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// Who calls.
struct Caller {
    app: App,
    view: View,
    by: audit::By,
    now_ms: i64,
}

impl Caller {
    fn of(app: &App, request: &Request) -> Result<Self, Problem> {
        let person = request.extensions().get::<Person>().ok_or_else(Problem::internal)?;
        let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let by = audit::By::person(person, address);
        Ok(Self { app: app.clone(), view: person.view.clone(), by, now_ms: app.now_ms() })
    }

    /// Who calls, and what is sent.
    async fn with<T: DeserializeOwned>(app: &App, request: Request) -> Result<(Self, T), Problem> {
        Parameters::of(request.uri(), &[])?;
        let caller = Self::of(app, &request)?;
        let JsonBody(body) = JsonBody::<T>::from_request(request, app).await?;
        Ok((caller, body))
    }

    /// A rule of somebody who is bound to a tenant is the tenant's.
    fn own(&self, rule: &mut Rule) -> Result<(), Problem> {
        let Some(tenant) = self.view.tenant() else { return Ok(()) };
        match &rule.tenant {
            Some(other) if other != tenant => {
                Err(Problem::forbidden(format!("this account is bound to the tenant {tenant}")).code("other_tenant"))
            }
            _ => {
                rule.tenant = Some(tenant.to_owned());
                Ok(())
            }
        }
    }

    /// A rule that the caller may change.
    fn changeable(&self, id: &str) -> Result<Listed, Problem> {
        let set = self.app.parts().alert.rules.now();
        let listed = set.find(id).filter(|listed| is_seen(&self.view, listed)).cloned().ok_or_else(no_such)?;
        if !self.view.sees(listed.rule.tenant.as_deref()) {
            return Err(Problem::forbidden("this rule is about the whole house; make one of your own").code("bound_to_tenant"));
        }
        if listed.origin == Origin::File {
            let detail = "this rule stands in the configuration file: change it there";
            return Err(Problem::new(StatusCode::CONFLICT, detail).code("file"));
        }
        Ok(listed)
    }

    /// A change with its line of the audit log: both are on disk, or neither is. Then the rules are read again.
    async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut StateDb) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, Problem> {
        let rules = self.app.parts().alert.rules.clone();
        let both = move |db: &mut StateDb| {
            let done = db.together(job)?;
            rules.reload(db)?;
            Ok(done)
        };
        self.app.parts().access.state().change(both).await.map_err(|error| state_problem(&error))
    }

    fn line(&self, action: &str, rule: &Rule) -> crate::state::AuditStart {
        let Rule { name, enabled, tenant, warning, critical, for_s, .. } = rule;
        let detail = value!({
            "name": name, "enabled": enabled, "tenant": tenant, "metric": rule.metric(),
            "warning": warning, "critical": critical, "for_s": for_s,
        });
        audit::line(self.by.clone(), self.now_ms, action, &rule.id, &detail)
    }

    /// The rule as it is now.
    fn answer(&self, id: &str) -> Result<Response, Problem> {
        let alert = &self.app.parts().alert;
        let set = alert.rules.now();
        // Somebody else may have removed it within this moment.
        let listed = set.find(id).ok_or_else(no_such)?;
        Ok(json(&entry(listed, &alert.standings.now(), &self.view)))
    }
}

/// A tenant sees its own rules and the built-in ones, which watch it too. What the house wrote for itself may name others.
fn is_seen(view: &View, listed: &Listed) -> bool {
    let is_built_in = matches!(listed.origin, Origin::Builtin | Origin::Changed) && listed.rule.tenant.is_none();
    is_built_in || view.sees(listed.rule.tenant.as_deref())
}

fn entry(listed: &Listed, standing: &Standing, view: &View) -> RuleEntry {
    let counts = standing.counts(&listed.rule.id, view);
    RuleEntry {
        rule: (*listed.rule).clone(),
        origin: listed.origin,
        firing: counts.firing,
        pending: counts.pending,
        revision: listed.revision,
        updated_by: listed.updated_by.clone().filter(|_| *view == View::Whole || listed.rule.tenant.is_some()),
        updated: listed.updated_ms,
    }
}

/// The first free id of those with a number behind.
fn numbered(id: &str, known: &RuleSet) -> Option<String> {
    // An id is ASCII, so that any cut is a whole sign; the number and its dash have five.
    let stem = id.get(..id.len().min(59)).unwrap_or(id).trim_end_matches('-');
    (2..NUMBERS_MAX).map(|number| format!("{stem}-{number}")).find(|id| known.find(id).is_none())
}

fn text(rule: &Rule) -> Result<String, Problem> {
    serde_json::to_string(rule).map_err(|error| {
        tracing::error!(target: "alert", rule = rule.id, error = %error, "rule cannot be written");
        Problem::internal()
    })
}

/// Most faults that one answer tells.
const FAULTS_MAX: usize = 20;

/// 422 that names every field.
fn refused(faults: &[Fault]) -> Problem {
    let first = faults.first().map(|fault| format!("{}: {}", fault.field, fault.detail)).unwrap_or_default();
    let more = faults.len().saturating_sub(1);
    let detail = if more > 0 { format!("{first} (and {more} more)") } else { first };
    let told = faults.iter().take(FAULTS_MAX);
    told.fold(Problem::unprocessable(detail), |problem, fault| problem.field(&fault.field, &fault.detail))
}

/// The rule that an address names: `/api/v1/rules/{id}`. An id has no sign that an address escapes.
fn id_of(request: &Request) -> Result<String, Problem> {
    request.uri().path().split('/').nth(4).filter(|id| !id.is_empty()).map(str::to_owned).ok_or_else(no_such)
}

fn no_such() -> Problem {
    Problem::not_found("there is no such rule")
}

fn exists(id: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, format!("there is a rule '{id}' already: change that one, or choose another id"))
        .code("exists")
}

fn state_problem(error: &StateError) -> Problem {
    match error {
        StateError::Busy => Problem::unavailable("the collector is busy", 1),
        StateError::TooMany(..) => Problem::new(StatusCode::CONFLICT, error.to_string()).code("too_many"),
        other => {
            tracing::error!(target: "alert", error = %report::chain(other), "rules could not be used");
            Problem::internal()
        }
    }
}
