//! Telegram: a bot that writes to a chat, a group or a topic of one. HTML, in which only `&`, `<` and `>` must be escaped.

use std::sync::Arc;

use farol_shared::secret::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    kind::{Fault, Medium, base, settings, word},
    request::{Answer, Outgoing, Request, Telling, Verdict, cut, seconds},
};
use crate::notify::Reason;

/// Where bots are served.
const URL: &str = "https://api.telegram.org";

/// Longest message, in characters without markup: 4,096, less what the headline and the link take.
const BODY_CHARS_MAX: usize = 3_300;

/// Longest headline, in characters.
const HEADLINE_CHARS_MAX: usize = 500;

/// Longest token, in bytes; they have 46.
const TOKEN_BYTES_MAX: usize = 128;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Telegram {
    token: Secret,
    /// Number of a chat, or `@name` of a public channel.
    #[serde(deserialize_with = "number_or_text")]
    chat: String,
    /// Number of a topic within a group.
    thread: Option<i64>,
    /// Another server of the same API.
    url: Option<String>,
}

/// A chat's number is written as a number or as a text.
fn number_or_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text.trim().to_owned()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(serde::de::Error::custom("chat is neither a number nor a text")),
    }
}

/// Reads the settings.
///
/// # Errors
/// What is wrong with them.
pub(super) fn read(value: Value) -> Result<Arc<dyn Medium>, Vec<Fault>> {
    let mut telegram: Telegram = settings(value)?;
    let token = word("token", telegram.token.reveal().trim(), TOKEN_BYTES_MAX);
    token.map_err(|_| {
        vec![Fault::setting("token", "is no bot's token: write it as @BotFather gave it, such as \"123456:ABC-DEF\"")]
    })?;
    let is_name = telegram.chat.starts_with('@') && telegram.chat.len() > 1;
    if !is_name && telegram.chat.parse::<i64>().is_err() {
        return Err(vec![Fault::setting(
            "chat",
            "is no chat: write its number, such as -1001234567890, or @name of a public channel",
        )]);
    }
    if let Some(url) = &telegram.url {
        telegram.url = Some(base("url", url).map_err(|fault| vec![fault])?);
    }
    Ok(Arc::new(telegram))
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Medium for Telegram {
    fn render(&self, telling: &Telling<'_>) -> Outgoing {
        let (text, notice) = (telling.text, telling.notice);
        let headline = escape(&cut(&text.headline(), HEADLINE_CHARS_MAX));
        // The limit counts what is left after the markup is read.
        let mut html = format!("<b>{headline}</b>\n{}", escape(&cut(&text.lines().join("\n"), BODY_CHARS_MAX)));
        if let Some(link) = &text.link {
            html.push_str(&format!("\n<a href=\"{}\">{}</a>", escape(link), text.open));
        }
        let mut body = json!({
            "chat_id": self.chat,
            "text": html,
            "parse_mode": "HTML",
            "link_preview_options": { "is_disabled": true },
            "disable_notification": notice.reason == Reason::Resolved,
        });
        if let Some(thread) = self.thread {
            body["message_thread_id"] = json!(thread);
        }
        let url = self.url.as_deref().unwrap_or(URL);
        Outgoing::Http(Request::json(&format!("{url}/bot{}/sendMessage", self.token.reveal().trim()), &body))
    }

    fn verdict(&self, answer: &Answer) -> Verdict {
        let json = answer.json();
        if let Some(moved) = json["parameters"]["migrate_to_chat_id"].as_i64() {
            return Verdict::Dead(format!("the group has become a supergroup: write {moved} as its chat"));
        }
        match Verdict::by_status(answer) {
            Verdict::Told(said) if json["ok"] != true => Verdict::Dead(format!("{said}: this is not how Telegram answers")),
            Verdict::Told(_) => Verdict::Told(format!("200: message {}", json["result"]["message_id"])),
            Verdict::Again { why, after } => Verdict::Again { why, after: seconds(&json["parameters"]["retry_after"]).or(after) },
            dead @ Verdict::Dead(_) => dead,
        }
    }
}

#[cfg(test)]
mod tests;
