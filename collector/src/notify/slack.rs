//! Slack: an incoming webhook. Blocks of plain text, so that nothing in a name can format a message or mention anybody.

use std::sync::Arc;

use farol_shared::secret::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    kind::{Fault, Medium, address, settings},
    request::{Answer, Outgoing, Request, Telling, Verdict, cut},
};
use crate::{alert::Level, notify::Reason};

/// Longest header, in characters.
const HEADER_CHARS_MAX: usize = 150;

/// Longest text of one block, in characters.
const SECTION_CHARS_MAX: usize = 2_900;

/// Settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Slack {
    url: Secret,
}

/// Reads the settings.
///
/// # Errors
/// What is wrong with them.
pub(super) fn read(value: Value) -> Result<Arc<dyn Medium>, Vec<Fault>> {
    let slack: Slack = settings(value)?;
    address("url", slack.url.reveal()).map_err(|fault| vec![fault])?;
    Ok(Arc::new(slack))
}

/// Slack reads `&`, `<` and `>` in every text; nothing else.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn plain(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text, "emoji": false })
}

fn button(text: &str, url: &str) -> Value {
    json!({ "type": "button", "text": plain(&escape(text)), "url": url })
}

impl Medium for Slack {
    fn render(&self, telling: &Telling<'_>) -> Outgoing {
        let (text, notice) = (telling.text, telling.notice);
        let headline = text.headline();
        let mut blocks = vec![
            json!({ "type": "header", "text": plain(&escape(&cut(&headline, HEADER_CHARS_MAX))) }),
            json!({ "type": "section", "text": plain(&escape(&cut(&text.lines().join("\n"), SECTION_CHARS_MAX))) }),
        ];
        let mut buttons: Vec<Value> = text.link.iter().map(|link| button(text.open, link)).collect();
        let runbook = text.alerts.iter().find_map(|alert| alert.runbook.as_deref());
        buttons.extend(runbook.map(|runbook| button(text.runbook, runbook)));
        if !buttons.is_empty() {
            blocks.push(json!({ "type": "actions", "elements": buttons }));
        }
        let color = match (notice.reason, notice.level) {
            (Reason::Resolved, _) => "#2e9e5b",
            (Reason::Test, _) => "#5b7c99",
            (_, Level::Critical) => "#d1383d",
            _ => "#d99a1c",
        };
        // The text is what a phone shows before the message is opened.
        let body = json!({ "text": escape(&headline), "attachments": [{ "color": color, "blocks": blocks }] });
        Outgoing::Http(Request::json(self.url.reveal().trim(), &body))
    }

    fn verdict(&self, answer: &Answer) -> Verdict {
        match Verdict::by_status(answer) {
            // Slack says what is wrong by a word; with 200 it is `ok`. Something in between that answers 200 is not Slack.
            Verdict::Told(said) if answer.body.trim() != "ok" => {
                Verdict::Dead(format!("{said}: this is not how Slack answers; is the address a webhook's?"))
            }
            verdict => verdict,
        }
    }
}

#[cfg(test)]
mod tests;
