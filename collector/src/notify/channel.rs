//! A channel: who is told, in which language, from which severity on, and when not.
//!
//! In: what people write in the page (JSON) or in `[[channel]]` (TOML). Out: a [`Channel`] in which everything is checked.
//! Invariants: secrets are in no `Debug`, no error and no answer; a channel that is made can be sent to.

use std::{collections::BTreeSet, fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use farol_shared::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    kind::{Fault, Kind, Medium, kind},
    text::Language,
};
use crate::alert::Level;

/// Most channels, those of the configuration included: a task each while something waits.
pub const CHANNELS_MAX: usize = 200;

/// Longest name, in characters.
pub const NAME_CHARS_MAX: usize = 64;

/// Longest word of a channel, in bytes.
pub const ID_BYTES_MAX: usize = 64;

/// Longest wait for an acknowledgement before the second channel is told, in seconds: a day.
pub const ESCALATE_AFTER_S_MAX: u32 = 86_400;

/// Most bytes of a channel's settings with its secrets, as JSON: a template is the largest of them.
pub const SETTINGS_BYTES_MAX: usize = 32 << 10;

/// Usual wait for an acknowledgement, in seconds.
pub const ESCALATE_AFTER_S: u32 = 900;

/// Shortest secret that is blanked out of what others say: a shorter one stands in any sentence.
const HIDDEN_BYTES_MIN: usize = 4;

/// Shortest part of an address that counts as a secret of its own: `services` and `webhooks` are shorter.
const PART_BYTES_MIN: usize = 9;

/// Where a channel was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ChannelOrigin)]
pub enum Origin {
    /// In the page.
    Own,
    /// In the configuration, which the page does not change.
    File,
}

/// Hours in which warnings wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QuietHours)]
pub struct Quiet {
    /// Begin, such as `22:00`.
    #[schema(value_type = String)]
    pub start: TimeOfDay,
    /// End, such as `07:00`; on the next day when it is not after the begin.
    #[schema(value_type = String)]
    pub end: TimeOfDay,
    /// Minutes that the clock on the wall is ahead of UTC; -180 in Brasília.
    #[serde(default)]
    pub offset_min: i16,
    /// Days on which they begin, 1 (Monday) to 7; every day when there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<u8>,
    /// Whether critical ones go through.
    #[serde(default = "yes")]
    pub critical: bool,
}

const fn yes() -> bool {
    true
}

/// Minutes since midnight, written `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay(pub u16);

impl Serialize for TimeOfDay {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:02}:{:02}", self.0 / 60, self.0 % 60))
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let part = |part: &str, max: u16| part.parse::<u16>().ok().filter(|part| *part <= max);
        let parts = text.split_once(':').and_then(|(hour, minute)| Some((part(hour, 23)?, part(minute, 59)?)));
        let wrong = || serde::de::Error::custom("a time is no time: write one such as \"22:00\"");
        parts.map(|(hour, minute)| Self(hour * 60 + minute)).ok_or_else(wrong)
    }
}

/// A channel as people write it, and as it is kept without its secrets.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Its word; made of the name when it is empty.
    #[serde(default)]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Whether it is told anything.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Hears only what belongs to this tenant.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Language of its messages.
    #[serde(default)]
    pub language: Language,
    /// From which severity on it is told.
    #[serde(default = "warning")]
    pub min_level: Level,
    /// Hours in which warnings wait.
    #[serde(default)]
    pub quiet: Option<Quiet>,
    /// Minutes that its readers' clocks are ahead of UTC; those of the quiet hours when it is not given, else the language's habit.
    #[serde(default)]
    pub offset_min: Option<i16>,
    /// The channel that is told when this one cannot be.
    #[serde(default)]
    pub fallback: Option<String>,
    /// The channel that is told when nobody acknowledges.
    #[serde(default)]
    pub escalate_to: Option<String>,
    /// How long nobody may acknowledge, in seconds.
    #[serde(default = "usual_escalation")]
    pub escalate_after_s: u32,
    /// What its kind needs.
    pub settings: Map<String, Value>,
}

const fn warning() -> Level {
    Level::Warning
}

const fn usual_escalation() -> u32 {
    ESCALATE_AFTER_S
}

/// A channel, checked.
#[derive(Clone)]
pub struct Channel {
    /// Its word in addresses: 1 to 64 of a-z, 0-9, `_` and `-`.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its kind.
    pub kind: &'static Kind,
    /// Where it was written.
    pub origin: Origin,
    /// Whether it is told anything.
    pub is_enabled: bool,
    /// Hears only what belongs to this tenant; everything without one.
    pub tenant: Option<String>,
    /// Language of its messages.
    pub language: Language,
    /// Minutes that its readers' clocks are ahead of UTC, as it was written.
    pub offset_min: Option<i16>,
    /// From which severity on it is told: warning or critical.
    pub min_level: Level,
    /// Hours in which warnings wait.
    pub quiet: Option<Quiet>,
    /// The channel that is told when this one cannot be.
    pub fallback: Option<String>,
    /// The channel that is told when nobody acknowledges a critical incident.
    pub escalate_to: Option<String>,
    /// How long nobody may acknowledge, in seconds.
    pub escalate_after_s: u32,
    /// Settings that may be shown.
    pub shown: Map<String, Value>,
    /// Settings that may not, as an object.
    secrets: Secret,
    /// Texts that are blanked out of what others say.
    hidden: Arc<[Secret]>,
    /// What its kind makes of them; the reason when a kept one cannot be read any more.
    pub medium: Result<Arc<dyn Medium>, String>,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("id", &self.id).field("kind", &self.kind.name).finish_non_exhaustive()
    }
}

impl Channel {
    /// Checks a channel; secrets stand in its settings. The names of other channels are not checked here ([`links`]).
    ///
    /// # Errors
    /// Everything that is wrong with it. Secrets are not told.
    pub fn check(written: Written, origin: Origin) -> Result<Self, Vec<Fault>> {
        let mut faults = common_faults(&written);
        let kind = match kind(&written.kind) {
            Ok(kind) => kind,
            Err(fault) => {
                faults.push(fault);
                return Err(faults);
            }
        };
        let (shown, secrets) = match split(kind, written.settings.clone()) {
            Ok(parts) => parts,
            Err(fault) => {
                faults.push(fault);
                return Err(faults);
            }
        };
        match (kind.read)(Value::Object(written.settings.clone())) {
            Ok(medium) if faults.is_empty() => Ok(Self::assemble(written, kind, origin, shown, &secrets, Ok(medium))),
            Ok(_) => Err(faults),
            Err(more) => {
                faults.extend(more);
                Err(faults)
            }
        }
    }

    /// A kept channel that cannot be used any more, and why: its secrets do not open, or a newer version wrote it.
    #[must_use]
    pub fn broken(written: Written, kind: &'static Kind, why: String) -> Self {
        let shown = written.settings.clone();
        Self::assemble(written, kind, Origin::Own, shown, &Map::new(), Err(why))
    }

    fn assemble(
        written: Written,
        kind: &'static Kind,
        origin: Origin,
        shown: Map<String, Value>,
        secrets: &Map<String, Value>,
        medium: Result<Arc<dyn Medium>, String>,
    ) -> Self {
        let id = if written.id.is_empty() { crate::boards::slug::of(&written.name) } else { written.id };
        Self {
            id,
            name: written.name.trim().to_owned(),
            kind,
            origin,
            is_enabled: written.enabled,
            tenant: written.tenant,
            language: written.language,
            offset_min: written.offset_min,
            min_level: written.min_level,
            quiet: written.quiet,
            fallback: written.fallback.filter(|id| !id.is_empty()),
            escalate_to: written.escalate_to.filter(|id| !id.is_empty()),
            escalate_after_s: written.escalate_after_s,
            shown,
            hidden: hidden(secrets),
            secrets: Secret::new(&Value::Object(secrets.clone()).to_string()),
            medium,
        }
    }

    /// As it is kept: all but its secrets.
    #[must_use]
    pub fn written(&self) -> Written {
        Written {
            id: self.id.clone(),
            name: self.name.clone(),
            kind: self.kind.name.to_owned(),
            enabled: self.is_enabled,
            tenant: self.tenant.clone(),
            language: self.language,
            min_level: self.min_level,
            quiet: self.quiet.clone(),
            offset_min: self.offset_min,
            fallback: self.fallback.clone(),
            escalate_to: self.escalate_to.clone(),
            escalate_after_s: self.escalate_after_s,
            settings: self.shown.clone(),
        }
    }

    /// Its secrets as a JSON object, for sealing.
    #[must_use]
    pub fn secrets(&self) -> &Secret {
        &self.secrets
    }

    /// Its settings as the API shows them: secrets only as `{"set": true}`.
    #[must_use]
    pub fn shown_settings(&self) -> Map<String, Value> {
        let mut shown = self.shown.clone();
        let secrets: Map<String, Value> = serde_json::from_str(self.secrets.reveal()).unwrap_or_default();
        shown.extend(secrets.keys().map(|name| (name.clone(), serde_json::json!({ "set": true }))));
        shown
    }

    /// Puts the secrets that this channel has in the place of those that are left out, or `{"set": true}`; answers their names.
    pub fn lend_secrets(&self, settings: &mut Map<String, Value>) -> Vec<String> {
        let known: Map<String, Value> = serde_json::from_str(self.secrets.reveal()).unwrap_or_default();
        let lent: Map<String, Value> = known.into_iter().filter(|(name, _)| settings.get(name).is_none_or(is_set_mark)).collect();
        let names = lent.keys().cloned().collect();
        settings.extend(lent);
        names
    }

    /// Blanks this channel's secrets out of a text.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        self.hidden.iter().fold(text.to_owned(), |text, secret| text.replace(secret.reveal(), "***"))
    }

    /// Whether it must not reach addresses of the inside: one that was made in the page for a tenant.
    #[must_use]
    pub fn is_kept_outside(&self) -> bool {
        self.tenant.is_some() && self.origin == Origin::Own
    }

    /// Minutes that its readers' clocks are ahead of UTC.
    #[must_use]
    pub fn zone_min(&self) -> i16 {
        self.offset_min.or_else(|| Some(self.quiet.as_ref()?.offset_min)).unwrap_or(self.language.usual_offset_min())
    }
}

/// Whether a value is what the API shows in the place of a secret.
fn is_set_mark(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.len() == 1 && object.get("set").is_some_and(Value::is_boolean))
}

/// Checks that the channels that a channel names exist and are others.
///
/// # Errors
/// The fields that name none.
pub fn links(channel: &Channel, exists: impl Fn(&str) -> bool) -> Result<(), Vec<Fault>> {
    let named = [("fallback", &channel.fallback), ("escalate_to", &channel.escalate_to)];
    let wrong = |(field, id): (&str, &Option<String>)| {
        let id = id.as_deref()?;
        let detail = match () {
            () if id == channel.id => "names the channel itself: name another one",
            () if !exists(id) => "names no channel: write the word of one",
            () => return None,
        };
        Some(Fault::new(field, detail))
    };
    let faults: Vec<Fault> = named.into_iter().filter_map(wrong).collect();
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Whether a text can be the word of a channel.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed) && text != "test"
}

fn common_faults(written: &Written) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut wrong = |field: &str, detail: String| faults.push(Fault::new(field, detail));
    let chars = written.name.trim().chars().count();
    if !(1..=NAME_CHARS_MAX).contains(&chars) || written.name.chars().any(char::is_control) {
        wrong("name", format!("cannot be used: write 1 to {NAME_CHARS_MAX} characters in one line"));
    }
    if !written.id.is_empty() && !is_id(&written.id) {
        wrong("id", format!("cannot be used: write 1 to {ID_BYTES_MAX} of a-z, 0-9, _ and -, and not \"test\""));
    }
    if let Some(tenant) = &written.tenant
        && crate::state::tenant_name(tenant).is_err()
    {
        wrong("tenant", "cannot be used: write 1 to 128 characters without control characters".to_owned());
    }
    if written.min_level == Level::Ok {
        wrong("min_level", "is none: write \"warning\" or \"critical\"".to_owned());
    }
    if !(60..=ESCALATE_AFTER_S_MAX).contains(&written.escalate_after_s) {
        wrong("escalate_after_s", format!("is out of bounds: write 60 to {ESCALATE_AFTER_S_MAX}"));
    }
    let offsets =
        [("offset_min", written.offset_min), ("quiet.offset_min", written.quiet.as_ref().map(|quiet| quiet.offset_min))];
    for (field, offset) in offsets {
        if offset.is_some_and(|offset| !(-720..=840).contains(&offset)) {
            wrong(field, "is out of bounds: write -720 to 840 minutes".to_owned());
        }
    }
    if let Some(quiet) = &written.quiet {
        if quiet.days.iter().any(|day| !(1..=7).contains(day)) || quiet.days.len() > 7 {
            wrong("quiet.days", "holds what is no day: write 1 (Monday) to 7".to_owned());
        }
        if quiet.start == quiet.end {
            wrong("quiet.end", "is the same as the begin: leave quiet out, or write another time".to_owned());
        }
    }
    faults
}

/// Settings that may be shown, and secrets. A secret that is no text is refused here, before anything could quote it.
#[expect(clippy::type_complexity, reason = "two maps and a fault, once")]
fn split(kind: &Kind, mut settings: Map<String, Value>) -> Result<(Map<String, Value>, Map<String, Value>), Fault> {
    if Value::Object(settings.clone()).to_string().len() > SETTINGS_BYTES_MAX {
        return Err(Fault::new("settings", format!("are larger than {SETTINGS_BYTES_MAX} bytes")));
    }
    let mut secrets = Map::new();
    for name in kind.secrets {
        let Some(value) = settings.remove(*name) else { continue };
        let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
        let is_texts = *name == "headers" && value.as_object().is_some_and(|all| all.values().all(is_text));
        if !is_text(&value) && !is_texts {
            return Err(Fault::setting(name, "is no text, or is empty"));
        }
        secrets.insert((*name).to_owned(), value);
    }
    Ok((settings, secrets))
}

/// The texts of secrets, and of those that are addresses the parts that open them.
fn hidden(secrets: &Map<String, Value>) -> Arc<[Secret]> {
    let mut texts = BTreeSet::new();
    let all = secrets.values().flat_map(|value| match value {
        Value::String(text) => vec![text.clone()],
        Value::Object(fields) => fields.values().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    });
    for text in all {
        let text = text.trim().to_owned();
        if text.contains("://") {
            let parts = text.split(['/', '?', '&', '=']).skip(3).filter(|part| part.len() >= PART_BYTES_MIN);
            texts.extend(parts.map(str::to_owned));
        }
        if text.len() >= HIDDEN_BYTES_MIN {
            texts.insert(STANDARD.encode(&text));
            texts.insert(text);
        }
    }
    let mut texts: Vec<Secret> = texts.into_iter().map(|text| Secret::new(&text)).collect();
    // The longest first: a part blanked out early would hide the whole from being found.
    texts.sort_by_key(|text| std::cmp::Reverse(text.reveal().len()));
    texts.into()
}

#[cfg(test)]
mod tests;
