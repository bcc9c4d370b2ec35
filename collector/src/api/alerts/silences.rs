//! `/api/v1/silences`: what is not told, and until when.

use axum::{extract::Request, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    super::{
        App,
        caller::{Caller, noted},
        created, json, no_content,
        parameters::Parameters,
    },
    WHAT, number_of,
    shapes::kept,
};
use crate::{
    access::audit,
    alert::{
        incident::{Kept, OPEN_MAX},
        keeper::silence_of,
        silence::{LASTS_MS_MAX, MATCHERS_MAX, REASON_CHARS_MAX, SilenceBody, check_matcher},
        weekly::Weekly,
    },
    problem::Problem,
    state::{StateDb, alerts::AlertFilter, silences::SilenceRow},
};

/// Most silences of one answer: all that are not over, and some that are.
const SILENCES_MAX: u32 = 1_500;

/// Silences.
#[derive(Debug, Serialize, ToSchema)]
pub struct SilencePage {
    /// Those that are not over first, then the newest.
    silences: Vec<SilenceEntry>,
}

/// A silence.
#[derive(Debug, Serialize, ToSchema)]
pub struct SilenceEntry {
    /// Its number.
    id: i64,
    /// What alerts must be: `key=pattern`. Those of one key are alternatives, those of several keys must all fit.
    matchers: Vec<String>,
    /// Why.
    reason: String,
    /// From when on, in ms since the epoch.
    from: i64,
    /// Until when, in ms since the epoch.
    until: i64,
    /// Holds only within this window.
    weekly: Option<Weekly>,
    /// Whether it holds now, later or no more. One with a window is active while it may come back.
    state: SilenceState,
    /// Holds alerts of this tenant only.
    tenant: Option<String>,
    /// Who made it.
    by: String,
    /// When, in ms since the epoch.
    created: i64,
    /// How many alerts it held.
    held: i64,
    /// How many alerts that fire now it is about.
    matching: u64,
}

/// Where a silence is in its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SilenceState {
    /// It holds.
    Active,
    /// It will.
    Planned,
    /// It did.
    Over,
}

/// A silence to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSilence {
    /// `key=pattern` such as `host=web-*`; keys are `rule`, `resource`, `service`, `tenant`, `environment`, `host` and `level`.
    matchers: Vec<String>,
    /// Why, at most 500 characters.
    reason: String,
    /// From when on, in ms since the epoch; now when absent.
    from: Option<i64>,
    /// Until when, in ms since the epoch.
    until: i64,
    /// Holds only within this window.
    weekly: Option<Weekly>,
}

/// Answers silences.
pub(in super::super) async fn list(app: App, request: Request) -> Result<Response, Problem> {
    Parameters::of(request.uri(), &[])?;
    let caller = Caller::of(&app, &request, WHAT)?;
    let (tenant, now_ms) = (caller.view().tenant().map(str::to_owned), caller.now_ms);
    let read = move |db: &StateDb| Ok((db.silences(tenant.as_deref(), now_ms, SILENCES_MAX)?, firing(db, tenant)?));
    let (rows, firing) = caller.read(read).await?;
    let firing: Vec<Kept> = firing.iter().map(kept).collect::<Result<_, _>>()?;
    let silences = rows.into_iter().filter_map(|row| entry(row, &firing, now_ms)).collect();
    Ok(json(&SilencePage { silences }))
}

/// Makes a silence.
pub(in super::super) async fn create(app: App, request: Request) -> Result<Response, Problem> {
    let (caller, new) = Caller::with::<NewSilence>(&app, request, WHAT).await?;
    let now_ms = caller.now_ms;
    let (from_ms, until_ms, body) = checked(new, now_ms)?;
    let tenant = caller.view().tenant().map(str::to_owned);
    let row = SilenceRow {
        id: 0,
        tenant: tenant.clone(),
        from_ms,
        until_ms,
        body: serde_json::to_string(&body).expect("strings and numbers serialise"),
        created_by: caller.person.username.to_string(),
        created_ms: now_ms,
        ended_ms: None,
        held: 0,
    };
    let by = caller.by.clone();
    let write = move |db: &mut StateDb| {
        let made = db.add_silence(&row)?;
        let detail = serde_json::json!({
            "matchers": body.matchers, "reason": body.reason, "from": from_ms, "until": until_ms, "weekly": body.weekly,
        });
        db.note_audit(&audit::line(by, now_ms, "silence.create", &made.id.to_string(), &detail))?;
        Ok((made, firing(db, tenant)?))
    };
    let (made, firing) = caller.write(write).await?;
    let firing: Vec<Kept> = firing.iter().map(kept).collect::<Result<_, _>>()?;
    Ok(created(&entry(made, &firing, now_ms).ok_or_else(Problem::internal)?))
}

/// Ends a silence.
pub(in super::super) async fn end(app: App, request: Request) -> Result<Response, Problem> {
    Parameters::of(request.uri(), &[])?;
    let id = number_of(&request, "silence")?;
    let caller = Caller::of(&app, &request, WHAT)?;
    drop(request);
    let (tenant, now_ms) = (caller.view().tenant().map(str::to_owned), caller.now_ms);
    let line = caller.line("silence.end", &id.to_string(), &serde_json::json!({}));
    if !caller.write(noted(line, move |db| db.end_silence(id, tenant.as_deref(), now_ms))).await? {
        return Err(Problem::not_found("there is no such silence, or it is over"));
    }
    Ok(no_content())
}

/// What fires, as far as a tenant sees it.
fn firing(db: &StateDb, tenant: Option<String>) -> Result<Vec<crate::state::alerts::AlertRow>, crate::state::StateError> {
    let most = u32::try_from(OPEN_MAX).unwrap_or(u32::MAX);
    db.alerts(most, &AlertFilter { is_firing: Some(true), tenant, ..AlertFilter::default() })
}

/// A new silence, checked: from, until, and what it says.
fn checked(new: NewSilence, now_ms: i64) -> Result<(i64, i64, SilenceBody), Problem> {
    let mut faults: Vec<(&'static str, String)> = Vec::new();
    if new.matchers.is_empty() || new.matchers.len() > MATCHERS_MAX {
        faults.push(("matchers", format!("are {}: write 1 to {MATCHERS_MAX}; rule=* silences everything", new.matchers.len())));
    }
    faults.extend(
        new.matchers.iter().take(MATCHERS_MAX).filter_map(|text| check_matcher(text).err()).map(|fault| ("matchers", fault)),
    );
    let reason = new.reason.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        faults.push(("reason", format!("must have 1 to {REASON_CHARS_MAX} characters: others want to know why")));
    }
    let from_ms = new.from.unwrap_or(now_ms);
    if new.until <= now_ms || new.until <= from_ms {
        faults.push(("until", "must be later than now and than from".to_owned()));
    } else if new.until.saturating_sub(from_ms.min(now_ms)) > LASTS_MS_MAX {
        faults.push(("until", "is more than ten years away".to_owned()));
    }
    if let Some(Err((field, fault))) = new.weekly.as_ref().map(Weekly::check) {
        faults.push(("weekly", format!("{field} {fault}")));
    }
    let Some((field, fault)) = faults.first() else {
        return Ok((from_ms, new.until, SilenceBody { matchers: new.matchers, reason, weekly: new.weekly }));
    };
    let problem = Problem::unprocessable(format!("{field}: {fault}"));
    Err(faults.iter().fold(problem, |problem, (field, fault)| problem.field(*field, fault)))
}

fn entry(row: SilenceRow, firing: &[Kept], now_ms: i64) -> Option<SilenceEntry> {
    let state = if row.ended_ms.is_some() || row.until_ms <= now_ms {
        SilenceState::Over
    } else if row.from_ms > now_ms {
        SilenceState::Planned
    } else {
        SilenceState::Active
    };
    let (held, by, created, until) = (row.held, row.created_by.clone(), row.created_ms, row.ended_ms.unwrap_or(row.until_ms));
    let silence = silence_of(row)?;
    let matching = if state == SilenceState::Over { 0 } else { firing.iter().filter(|alert| silence.matches(alert)).count() };
    Some(SilenceEntry {
        id: silence.id,
        matchers: silence.body.matchers,
        reason: silence.body.reason,
        from: silence.from_ms,
        until,
        weekly: silence.body.weekly,
        state,
        tenant: silence.tenant,
        by,
        created,
        held,
        matching: u64::try_from(matching).unwrap_or(u64::MAX),
    })
}
