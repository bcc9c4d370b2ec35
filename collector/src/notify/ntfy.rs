//! ntfy: a topic of ntfy.sh or of a server of one's own. JSON to the root address, as headers cannot carry accents.

use std::sync::Arc;

use farol_shared::secret::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    kind::{Fault, Medium, base, settings},
    request::{Outgoing, Request, Telling, cut},
};
use crate::{alert::Level, notify::Reason};

/// The public server.
const URL: &str = "https://ntfy.sh";

/// Longest message, in bytes: ntfy turns a longer one into a file.
const MESSAGE_BYTES_MAX: usize = 3_900;

/// Longest title, in characters.
const TITLE_CHARS_MAX: usize = 200;

/// Longest topic, in bytes.
const TOPIC_BYTES_MAX: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ntfy {
    #[serde(default = "url")]
    url: String,
    topic: String,
    /// An access token, or `name:password`.
    token: Option<Secret>,
}

fn url() -> String {
    URL.to_owned()
}

/// Reads the settings.
///
/// # Errors
/// What is wrong with them.
pub(super) fn read(value: Value) -> Result<Arc<dyn Medium>, Vec<Fault>> {
    let mut ntfy: Ntfy = settings(value)?;
    ntfy.url = base("url", &ntfy.url).map_err(|fault| vec![fault])?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !(1..=TOPIC_BYTES_MAX).contains(&ntfy.topic.len()) || !ntfy.topic.bytes().all(is_plain) {
        return Err(vec![Fault::setting(
            "topic",
            format!("cannot be used: write 1 to {TOPIC_BYTES_MAX} letters, digits, _ or -"),
        )]);
    }
    Ok(Arc::new(ntfy))
}

impl Medium for Ntfy {
    fn render(&self, telling: &Telling<'_>) -> Outgoing {
        let (text, notice) = (telling.text, telling.notice);
        let (priority, tag) = match (notice.reason, notice.level) {
            (Reason::Resolved, _) => (3, "white_check_mark"),
            (Reason::Test, _) => (3, "bell"),
            (_, Level::Critical) => (5, "rotating_light"),
            _ => (4, "warning"),
        };
        let mut message = text.lines().join("\n");
        if message.len() > MESSAGE_BYTES_MAX {
            message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
            message.push('…');
        }
        let mut body = json!({
            "topic": self.topic,
            // The tag draws the mark.
            "title": cut(&format!("{}: {}", text.word, text.title), TITLE_CHARS_MAX),
            "message": message,
            "priority": priority,
            "tags": [tag],
        });
        let mut actions: Vec<Value> = Vec::new();
        let mut view = |label: &str, url: &str| actions.push(json!({ "action": "view", "label": label, "url": url }));
        if let Some(link) = &text.link {
            body["click"] = json!(link);
            view(text.open, link);
        }
        if let Some(runbook) = text.alerts.iter().find_map(|alert| alert.runbook.as_deref()) {
            view(text.runbook, runbook);
        }
        if !actions.is_empty() {
            body["actions"] = json!(actions);
        }
        let request = Request::json(&format!("{}/", self.url), &body);
        Outgoing::Http(match &self.token {
            Some(token) if token.reveal().contains(':') => request.basic(token),
            Some(token) => request.bearer(token),
            None => request,
        })
    }
}

#[cfg(test)]
mod tests;
