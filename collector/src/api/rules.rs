//! `/api/v1/rules`: rules of alerts, changed with a line in the audit log, and tried on the past.

use axum::{extract::Request, http::StatusCode, response::Response};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json as value;
use utoipa::ToSchema;

use super::{
    App,
    caller::{Caller, named, noted},
    created, json, no_content,
    parameters::Parameters,
};
use crate::{
    access::View,
    alert::{
        Rule, Standing,
        rules::{Listed, Origin, RuleSet},
    },
    problem::{Fault, Problem},
    state::{AuditStart, StateDb, StateError, rules::RuleChanged},
};

mod back_test;

pub use back_test::BackTestQuestion;
pub(super) use back_test::back_test;

/// What callers of this room come for.
const WHAT: &str = "rules";

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
    /// How many subjects are firing, of those that the editor sees.
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
    let (editor, mut rule) = Editor::with::<Rule>(&app, request).await?;
    editor.own(&mut rule)?;
    let is_named = !rule.id.is_empty();
    rule.complete().map_err(|faults| Problem::of_faults(&faults))?;
    let known = app.parts().alert.rules.now();
    if known.find(&rule.id).is_some() {
        if is_named {
            return Err(exists(&rule.id));
        }
        rule.id = numbered(&rule.id, &known).ok_or_else(|| exists(&rule.id))?;
    }
    let id = rule.id.clone();
    let line = editor.line("rule.create", &rule);
    let (body, by, now_ms) = (text(&rule)?, editor.0.by.username.clone(), editor.0.now_ms);
    let add = move |db: &mut StateDb| Ok(db.add_rule(&rule.id, &body, &by, now_ms)?.is_some());
    if !editor.write(noted(line, add)).await? {
        return Err(exists(&id));
    }
    Ok(created(&editor.answer(&id)?))
}

/// Changes a rule.
pub(super) async fn update(app: App, request: Request) -> Result<Response, Problem> {
    let id = id_of(&request)?;
    let (editor, RuleUpdate { mut rule, revision }) = Editor::with::<RuleUpdate>(&app, request).await?;
    editor.changeable(&id)?;
    if rule.id.is_empty() {
        rule.id.clone_from(&id);
    }
    if rule.id != id {
        let detail = format!("is '{}'; a rule keeps its id, and this is '{id}'", rule.id.chars().take(64).collect::<String>());
        return Err(Problem::of_faults(&[Fault::new("rule.id", detail)]));
    }
    editor.own(&mut rule)?;
    rule.complete().map_err(refused_inside)?;
    let line = editor.line("rule.change", &rule);
    let (body, by, now_ms) = (text(&rule)?, editor.0.by.username.clone(), editor.0.now_ms);
    let changed = editor
        .write(move |db| {
            let changed = db.change_rule(&rule.id, &body, revision, &by, now_ms)?;
            if matches!(changed, RuleChanged::Done(_)) {
                db.note_audit(&line)?;
            }
            Ok(changed)
        })
        .await?;
    match changed {
        RuleChanged::Done(_) => Ok(json(&editor.answer(&id)?)),
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
    let editor = Editor::of(&app, &request)?;
    drop(request);
    let listed = editor.changeable(&id)?;
    if listed.origin == Origin::Builtin {
        let detail = "this rule is built in and as it came: disable it instead of removing it";
        return Err(Problem::new(StatusCode::CONFLICT, detail).code("builtin"));
    }
    let line = editor.line("rule.delete", &listed.rule);
    if !editor.write(noted(line, move |db| db.drop_rule(&id))).await? {
        return Err(no_such());
    }
    Ok(no_content())
}

/// Who calls, and what they may do with rules.
struct Editor(Caller);

impl Editor {
    fn of(app: &App, request: &Request) -> Result<Self, Problem> {
        Ok(Self(Caller::of(app, request, WHAT)?))
    }

    /// Who calls, and what is sent.
    async fn with<T: DeserializeOwned>(app: &App, request: Request) -> Result<(Self, T), Problem> {
        let (caller, body) = Caller::with::<T>(app, request, WHAT).await?;
        Ok((Self(caller), body))
    }

    /// A rule of somebody who is bound to a tenant is the tenant's.
    fn own(&self, rule: &mut Rule) -> Result<(), Problem> {
        let Some(tenant) = self.0.view().tenant() else { return Ok(()) };
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
        let set = self.0.parts().alert.rules.now();
        let listed = set.find(id).filter(|listed| is_seen(self.0.view(), listed)).cloned().ok_or_else(no_such)?;
        if !self.0.view().sees(listed.rule.tenant.as_deref()) {
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
        let rules = self.0.parts().alert.rules.clone();
        self.0.write_then(job, move |db| rules.reload(db)).await
    }

    fn line(&self, action: &str, rule: &Rule) -> AuditStart {
        let Rule { name, enabled, tenant, warning, critical, for_s, .. } = rule;
        let detail = value!({
            "name": name, "enabled": enabled, "tenant": tenant, "metric": rule.metric(),
            "warning": warning, "critical": critical, "for_s": for_s,
        });
        self.0.line(action, &rule.id, &detail)
    }

    /// The rule as it is now.
    fn answer(&self, id: &str) -> Result<RuleEntry, Problem> {
        let alert = &self.0.parts().alert;
        let set = alert.rules.now();
        // Somebody else may have removed it within this moment.
        let listed = set.find(id).ok_or_else(no_such)?;
        Ok(entry(listed, &alert.standings.now(), self.0.view()))
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

/// 422 that names every field of a rule inside of what was sent.
fn refused_inside(faults: Vec<Fault>) -> Problem {
    let inside = |fault: Fault| Fault { field: format!("rule.{}", fault.field), ..fault };
    Problem::of_faults(&faults.into_iter().map(inside).collect::<Vec<_>>())
}

/// The rule that an address names: `/api/v1/rules/{id}`. An id has no sign that an address escapes.
fn id_of(request: &Request) -> Result<String, Problem> {
    named(request).filter(|id| !id.is_empty()).map(str::to_owned).ok_or_else(no_such)
}

fn no_such() -> Problem {
    Problem::not_found("there is no such rule")
}

fn exists(id: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, format!("there is a rule '{id}' already: change that one, or choose another id"))
        .code("exists")
}
