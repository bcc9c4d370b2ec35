//! The table of kinds, what a kind can do, and how its settings are read.

use std::{fmt, sync::Arc, time::Duration};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    discord, email, ntfy, pagerduty,
    request::{Answer, Outgoing, Telling, Verdict},
    slack, teams, telegram, webhook, whatsapp,
};

/// Makes a channel's way to tell of its settings, or says everything that is wrong with them.
pub type Read = fn(Value) -> Result<Arc<dyn Medium>, Vec<Fault>>;

/// A sort of channel.
#[derive(Debug)]
pub struct Kind {
    /// Its word.
    pub name: &'static str,
    /// Settings that are never shown. A text each, but `headers`, which may be an object of texts.
    pub secrets: &'static [&'static str],
    /// Shortest time between two messages: what the other side takes without refusing.
    pub pace: Duration,
    /// Makes one of its settings.
    pub read: Read,
}

/// Every kind: one line and one file each.
pub static KINDS: &[Kind] = &[
    Kind { name: "email", secrets: &["password"], pace: Duration::from_secs(1), read: email::read },
    Kind { name: "slack", secrets: &["url"], pace: Duration::from_secs(1), read: slack::read },
    // 30 a minute to one webhook.
    Kind { name: "discord", secrets: &["url"], pace: Duration::from_secs(2), read: discord::read },
    // 20 a minute to one group.
    Kind { name: "telegram", secrets: &["token"], pace: Duration::from_secs(3), read: telegram::read },
    Kind { name: "whatsapp", secrets: &["token"], pace: Duration::from_secs(1), read: whatsapp::read },
    Kind { name: "teams", secrets: &["url"], pace: Duration::from_secs(1), read: teams::read },
    Kind { name: "ntfy", secrets: &["token"], pace: Duration::from_secs(1), read: ntfy::read },
    Kind { name: "pagerduty", secrets: &["routing_key"], pace: Duration::from_millis(500), read: pagerduty::read },
    Kind { name: "webhook", secrets: &["url", "secret", "headers"], pace: Duration::from_millis(100), read: webhook::read },
];

/// The kind with this word.
///
/// # Errors
/// Names those that there are.
pub fn kind(name: &str) -> Result<&'static Kind, Fault> {
    KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| {
        let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        Fault::new("kind", format!("is none: write one of {}", known.join(", ")))
    })
}

/// A way to tell somebody something: the settings of one channel.
pub trait Medium: fmt::Debug + Send + Sync {
    /// The message; no network, no clock.
    fn render(&self, telling: &Telling<'_>) -> Outgoing;

    /// What an answer means.
    fn verdict(&self, answer: &Answer) -> Verdict {
        Verdict::by_status(answer)
    }
}

/// What is wrong with a channel: where, and what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field, such as `settings.url`.
    pub field: String,
    /// What is wrong with it.
    pub detail: String,
}

impl Fault {
    /// A fault of a field.
    #[must_use]
    pub fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }

    /// A fault of a setting.
    #[must_use]
    pub fn setting(field: &str, detail: impl Into<String>) -> Self {
        Self::new(format!("settings.{field}"), detail)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.detail)
    }
}

/// Reads a kind's settings; what the reader says is turned into a fault of the field that it is about.
pub(super) fn settings<T: DeserializeOwned>(value: Value) -> Result<T, Vec<Fault>> {
    serde_json::from_value(value).map_err(|error| {
        let text = error.to_string();
        let field = text.split('`').nth(1).unwrap_or_default();
        vec![match () {
            () if text.starts_with("missing field") => Fault::setting(field, "is missing"),
            () if text.starts_with("unknown field") => {
                let known: Vec<&str> = text.split('`').skip(3).step_by(2).collect();
                Fault::setting(field, format!("is unknown: there are {}", known.join(", ")))
            }
            () => Fault::new("settings", format!("cannot be read: {text}")),
        }]
    })
}

/// Checks an address to send to.
pub(super) fn address(field: &str, text: &str) -> Result<reqwest::Url, Fault> {
    let url: reqwest::Url =
        text.trim().parse().map_err(|_| Fault::setting(field, "is no address: write one such as \"https://host/path\""))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(Fault::setting(field, "must begin with https:// or http:// and name a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Fault::setting(field, "holds a name or a password: write them as keys of their own"));
    }
    Ok(url)
}

/// Checks an address that paths are put behind: it has no query, and ends without a slash.
pub(super) fn base(field: &str, text: &str) -> Result<String, Fault> {
    let url = address(field, text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Fault::setting(field, "holds a query: write the address up to it"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Checks a word that stands in a path or a header: visible ASCII without what would end it.
pub(super) fn word(field: &str, text: &str, bytes_max: usize) -> Result<(), Fault> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b':' | b'@' | b'+');
    if (1..=bytes_max).contains(&text.len()) && text.bytes().all(is_plain) {
        return Ok(());
    }
    Err(Fault::setting(field, format!("cannot be used: write 1 to {bytes_max} letters, digits or . _ - ~ : @ +")))
}
