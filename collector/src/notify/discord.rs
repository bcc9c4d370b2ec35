//! Discord: a webhook. One embed; Markdown in names is shown as it is, and nobody is mentioned.

use std::sync::Arc;

use farol_shared::secret::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    kind::{Fault, Medium, address, settings},
    request::{Answer, Outgoing, Request, Telling, Verdict, cut, seconds},
    text::instant,
};
use crate::{alert::Level, notify::Reason};

/// Longest title of an embed, in characters.
const TITLE_CHARS_MAX: usize = 256;

/// Longest description of an embed, in characters: 4,096, and room for what escaping adds is cut before it.
const DESCRIPTION_CHARS_MAX: usize = 4_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Discord {
    url: Secret,
}

/// Reads the settings.
///
/// # Errors
/// What is wrong with them.
pub(super) fn read(value: Value) -> Result<Arc<dyn Medium>, Vec<Fault>> {
    let discord: Discord = settings(value)?;
    address("url", discord.url.reveal()).map_err(|fault| vec![fault])?;
    Ok(Arc::new(discord))
}

/// A text in which every sign of Discord's Markdown stands for itself. Cut by escaped signs, so that none is torn from its backslash.
fn escape(text: &str, chars_max: usize) -> String {
    let mut escaped = String::new();
    let mut chars = 0;
    for sign in text.chars() {
        let is_special = matches!(sign, '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '<' | '#' | '[' | ']' | '(' | ')' | '@');
        let width = if is_special { 2 } else { 1 };
        if chars + width >= chars_max {
            escaped.push('…');
            break;
        }
        if is_special {
            escaped.push('\\');
        }
        escaped.push(sign);
        chars += width;
    }
    escaped
}

impl Medium for Discord {
    fn render(&self, telling: &Telling<'_>) -> Outgoing {
        let (text, notice) = (telling.text, telling.notice);
        let mut lines: Vec<String> = Vec::new();
        for alert in &text.alerts {
            let place = if alert.place.is_empty() { String::new() } else { format!(" ({})", alert.place) };
            lines.push(escape(&format!("{}{place}, {}", alert.sentence, alert.since), DESCRIPTION_CHARS_MAX));
            // In a code span, whose only end is a backtick; a history holds none.
            lines.extend(alert.history.as_ref().map(|history| format!("`{history}`")));
            lines.extend(alert.runbook.as_ref().map(|runbook| format!("{}: <{}>", text.runbook, runbook.replace('>', "%3E"))));
        }
        let rest = text.more.iter().chain(&text.cause).chain(&text.notes);
        lines.extend(rest.map(|line| escape(line, DESCRIPTION_CHARS_MAX)));
        let color = match (notice.reason, notice.level) {
            (Reason::Resolved, _) => 0x2e_9e5b,
            (Reason::Test, _) => 0x5b_7c99,
            (_, Level::Critical) => 0xd1_383d,
            _ => 0xd9_9a1c,
        };
        let mut embed = json!({
            "title": escape(&text.headline(), TITLE_CHARS_MAX),
            "description": cut(&lines.join("\n"), DESCRIPTION_CHARS_MAX),
            "color": color,
            "timestamp": instant(notice.at_ms),
        });
        if let Some(link) = &text.link {
            embed["url"] = json!(link);
        }
        let body = json!({ "username": "Farol", "embeds": [embed], "allowed_mentions": { "parse": [] } });
        // With `wait` the answer says whether the message was kept.
        let url = self.url.reveal().trim();
        let mark = if url.contains('?') { '&' } else { '?' };
        Outgoing::Http(Request::json(&format!("{url}{mark}wait=true"), &body))
    }

    fn verdict(&self, answer: &Answer) -> Verdict {
        match Verdict::by_status(answer) {
            Verdict::Again { why, after } => {
                Verdict::Again { why, after: after.or_else(|| seconds(&answer.json()["retry_after"])) }
            }
            verdict => verdict,
        }
    }
}

#[cfg(test)]
mod tests;
