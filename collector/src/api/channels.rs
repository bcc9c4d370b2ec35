//! `/api/v1/channels` and `/api/v1/deliveries`: who is told of alerts, and what became of each message.
//!
//! Secrets come in and never go out: a channel shows `{"set": true}` in their place, and a change that leaves them out, or sends that back,
//! keeps them.

use std::sync::Arc;

use axum::{extract::Request, http::StatusCode, response::Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json as value};
use utoipa::ToSchema;

use super::{
    App,
    caller::{named, noted},
    created, json, no_content,
    parameters::Parameters,
};
use crate::{
    alert::Level,
    notify::{
        channel::{self, Channel, Origin, Quiet, Written},
        kind::Fault,
        request::Verdict,
        text::Language,
    },
    problem::Problem,
    state::{StateDb, outbox::ChannelStanding},
};

pub mod deliveries;
mod editor;

use editor::Editor;

/// What callers of this room come for.
const WHAT: &str = "channels";

/// Largest body that brings a channel, in bytes.
pub const BODY_BYTES_MAX: usize = 64 << 10;

const _: () = assert!(channel::SETTINGS_BYTES_MAX < BODY_BYTES_MAX, "what is kept must have come in");

/// Channels that somebody sees.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelList {
    /// By name.
    channels: Vec<ChannelEntry>,
}

/// A channel.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelEntry {
    /// Its word.
    id: String,
    /// What people call it.
    name: String,
    /// Its kind.
    kind: &'static str,
    /// Whether it is told anything.
    enabled: bool,
    /// Where it was written: one of the configuration cannot be changed here.
    origin: Origin,
    /// Hears only what belongs to this tenant.
    tenant: Option<String>,
    /// Language of its messages.
    language: Language,
    /// From which severity on it is told.
    min_level: Level,
    /// Hours in which warnings wait.
    quiet: Option<Quiet>,
    /// Minutes that its readers' clocks are ahead of UTC, when it says so itself.
    offset_min: Option<i16>,
    /// The channel that is told when this one cannot be.
    fallback: Option<String>,
    /// The channel that is told when nobody acknowledges.
    escalate_to: Option<String>,
    /// How long nobody may acknowledge, in seconds.
    escalate_after_s: u32,
    /// What its kind needs; secrets as `{"set": true}`.
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
    /// Why it cannot be used, when it cannot.
    broken: Option<String>,
    /// What became of the last message.
    last: Option<LastDelivery>,
    /// How many messages wait.
    waiting: i64,
}

/// What became of the last message of a channel.
#[derive(Debug, Serialize, ToSchema)]
pub struct LastDelivery {
    /// `waiting` (to be tried again), `sent`, `failed` or `dead`.
    state: String,
    /// When, in ms since the epoch; of one that waits, when it is tried next.
    at: i64,
    /// What the channel said.
    detail: String,
}

/// A channel to make, to change or to try.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelBody {
    /// Its word; made of the name when absent. Cannot be changed.
    #[serde(default)]
    id: String,
    /// What people call it.
    name: String,
    /// `email`, `slack`, `discord`, `telegram`, `whatsapp`, `teams`, `ntfy`, `pagerduty` or `webhook`. Cannot be changed.
    kind: String,
    /// Whether it is told anything.
    #[serde(default = "yes")]
    enabled: bool,
    /// Hears only what belongs to this tenant.
    tenant: Option<String>,
    /// Language of its messages.
    #[serde(default)]
    language: Language,
    /// `warning` or `critical`.
    #[serde(default = "warning")]
    min_level: Level,
    /// Hours in which warnings wait.
    quiet: Option<Quiet>,
    /// Minutes that its readers' clocks are ahead of UTC.
    offset_min: Option<i16>,
    /// The channel that is told when this one cannot be.
    fallback: Option<String>,
    /// The channel that is told when nobody acknowledges.
    escalate_to: Option<String>,
    /// How long nobody may acknowledge, in seconds.
    #[serde(default = "usual_escalation")]
    escalate_after_s: u32,
    /// What its kind needs. Secrets that are left out are kept.
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
    /// As it was read; not looked at.
    #[serde(default, rename = "origin")]
    #[schema(value_type = Object)]
    _origin: Value,
    /// As it was read; not looked at.
    #[serde(default, rename = "last")]
    #[schema(value_type = Object)]
    _last: Value,
    /// As it was read; not looked at.
    #[serde(default, rename = "waiting")]
    #[schema(value_type = Object)]
    _waiting: Value,
    /// As it was read; not looked at.
    #[serde(default, rename = "broken")]
    #[schema(value_type = Object)]
    _broken: Value,
}

const fn yes() -> bool {
    true
}

const fn warning() -> Level {
    Level::Warning
}

const fn usual_escalation() -> u32 {
    channel::ESCALATE_AFTER_S
}

impl ChannelBody {
    fn written(self) -> Written {
        Written {
            id: self.id,
            name: self.name,
            kind: self.kind,
            enabled: self.enabled,
            tenant: self.tenant.filter(|tenant| !tenant.is_empty()),
            language: self.language,
            min_level: self.min_level,
            quiet: self.quiet,
            offset_min: self.offset_min,
            fallback: self.fallback,
            escalate_to: self.escalate_to,
            escalate_after_s: self.escalate_after_s,
            // An empty field of a form is one that is not given.
            settings: self.settings.into_iter().filter(|(_, value)| !value.is_null() && value.as_str() != Some("")).collect(),
        }
    }
}

/// What a channel said to a trial.
#[derive(Debug, Serialize, ToSchema)]
pub struct Trial {
    /// Whether it has the message.
    delivered: bool,
    /// What it said.
    detail: String,
}

/// Lists channels.
pub(super) async fn list(app: App, request: Request) -> Result<Response, Problem> {
    Parameters::of(request.uri(), &[])?;
    let editor = Editor::of(&app, &request)?;
    let seen: Vec<Arc<Channel>> = editor.seen().collect();
    let ids: Vec<String> = seen.iter().map(|channel| channel.id.clone()).collect();
    let standings = editor.standings(ids).await?;
    let channels = seen.iter().zip(standings).map(|(channel, standing)| entry(channel, standing)).collect();
    Ok(json(&ChannelList { channels }))
}

/// Makes a channel.
pub(super) async fn create(app: App, request: Request) -> Result<Response, Problem> {
    let (editor, body) = Editor::with::<ChannelBody>(&app, request).await?;
    let channel = editor.checked(body.written(), None)?;
    let taken =
        || Problem::new(StatusCode::CONFLICT, "there is already a channel with this id: write another one").code("exists");
    if editor.channels.find(&channel.id).is_some() {
        return Err(taken());
    }
    let (row, line) = (editor.row(&channel)?, editor.line("channel.create", &channel));
    if !editor.caller.write(noted(line, move |db| db.add_channel(&row))).await? {
        return Err(taken());
    }
    editor.refresh().await?;
    Ok(created(&entry(&channel, ChannelStanding::default())))
}

/// Changes a channel.
pub(super) async fn update(app: App, request: Request) -> Result<Response, Problem> {
    let id = id_of(&request)?;
    let (editor, body) = Editor::with::<ChannelBody>(&app, request).await?;
    let known = editor.changeable(&id)?;
    let mut written = body.written();
    if !written.id.is_empty() && written.id != known.id {
        return Err(refused(&[Fault::new("id", "cannot be changed: make another channel")]));
    }
    if written.kind != known.kind.name {
        return Err(refused(&[Fault::new("kind", "cannot be changed: make another channel")]));
    }
    written.id.clone_from(&known.id);
    let channel = editor.checked(written, Some(&known))?;
    let (row, line, now_ms) = (editor.row(&channel)?, editor.line("channel.change", &channel), editor.caller.now_ms);
    let change = move |db: &mut StateDb| {
        let is_changed = db.change_channel(&row)?;
        if is_changed {
            db.retry_channel(&row.id, now_ms)?;
        }
        Ok(is_changed)
    };
    if !editor.caller.write(noted(line, change)).await? {
        return Err(no_such());
    }
    editor.refresh().await?;
    let standing = editor.standings(vec![channel.id.clone()]).await?.pop().unwrap_or_default();
    Ok(json(&entry(&channel, standing)))
}

/// Removes a channel.
pub(super) async fn delete(app: App, request: Request) -> Result<Response, Problem> {
    Parameters::of(request.uri(), &[])?;
    let (id, editor) = (id_of(&request)?, Editor::of(&app, &request)?);
    let channel = editor.changeable(&id)?;
    let users: Vec<String> = editor.users_of(&id);
    if !users.is_empty() {
        let detail = format!("{} would have no second channel any more: change {} first", users.join(", "), users.join(", "));
        return Err(Problem::new(StatusCode::CONFLICT, detail).code("in_use"));
    }
    let (line, now_ms) = (editor.line("channel.delete", &channel), editor.caller.now_ms);
    if !editor.caller.write(noted(line, move |db| db.drop_channel(&id, now_ms))).await? {
        return Err(no_such());
    }
    editor.refresh().await?;
    Ok(no_content())
}

/// Tries a channel.
pub(super) async fn test(app: App, request: Request) -> Result<Response, Problem> {
    Parameters::of(request.uri(), &[])?;
    let (id, editor) = (id_of(&request)?, Editor::of(&app, &request)?);
    drop(request);
    let channel = editor.find(&id)?;
    editor.try_out(&channel).await
}

/// Tries a channel that is not kept yet; with the word of one that is, its secrets are taken where they are left out.
pub(super) async fn test_unsaved(app: App, request: Request) -> Result<Response, Problem> {
    let (editor, body) = Editor::with::<ChannelBody>(&app, request).await?;
    let written = body.written();
    let known = (!written.id.is_empty()).then(|| editor.find(&written.id).ok()).flatten();
    let channel = editor.checked(written, known.as_deref())?;
    editor.try_out(&channel).await
}

impl Editor {
    async fn try_out(&self, channel: &Channel) -> Result<Response, Problem> {
        let busy = || Problem::unavailable("too many channels are being tried: try again in a moment", 5);
        let verdict = self.channels.try_out(channel, self.caller.now_ms).await.ok_or_else(busy)?;
        let delivered = matches!(verdict, Verdict::Told(_));
        let detail = verdict.detail().to_owned();
        let about = value!({ "kind": channel.kind.name, "delivered": delivered });
        let line = self.caller.line("channel.test", &channel.id, &about);
        self.caller.write(move |db| db.note_audit(&line)).await?;
        Ok(json(&Trial { delivered, detail }))
    }
}

fn entry(channel: &Channel, standing: ChannelStanding) -> ChannelEntry {
    ChannelEntry {
        id: channel.id.clone(),
        name: channel.name.clone(),
        kind: channel.kind.name,
        enabled: channel.is_enabled,
        origin: channel.origin,
        tenant: channel.tenant.clone(),
        language: channel.language,
        min_level: channel.min_level,
        quiet: channel.quiet.clone(),
        offset_min: channel.offset_min,
        fallback: channel.fallback.clone(),
        escalate_to: channel.escalate_to.clone(),
        escalate_after_s: channel.escalate_after_s,
        settings: channel.shown_settings(),
        broken: channel.medium.as_ref().err().cloned(),
        last: standing.last.map(|(state, at, detail)| LastDelivery { state, at, detail }),
        waiting: standing.waiting,
    }
}

/// 422 that names every field.
fn refused(faults: &[Fault]) -> Problem {
    let first = faults.first().map(ToString::to_string).unwrap_or_default();
    let more = faults.len().saturating_sub(1);
    let detail = if more > 0 { format!("{first} (and {more} more)") } else { first };
    faults.iter().fold(Problem::unprocessable(detail), |problem, fault| problem.field(&fault.field, &fault.detail))
}

/// The channel that an address names: `/api/v1/channels/{id}`, and what stands behind it.
fn id_of(request: &Request) -> Result<String, Problem> {
    named(request).filter(|id| channel::is_id(id)).map(str::to_owned).ok_or_else(no_such)
}

fn no_such() -> Problem {
    Problem::not_found("there is no such channel")
}
