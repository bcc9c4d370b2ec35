//! Microsoft Teams: the webhook of a workflow, which posts an adaptive card. Its texts are runs without markup.

use std::sync::Arc;

use farol_shared::secret::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    kind::{Fault, Medium, address, settings},
    request::{Answer, Outgoing, Request, Telling, Verdict, cut},
};
use crate::{alert::Level, notify::Reason};

/// Longest line, in characters: a card of 28 KB holds thirty of them.
const LINE_CHARS_MAX: usize = 600;

/// Most lines: the rest is in the page.
const LINES_MAX: usize = 30;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Teams {
    url: Secret,
}

/// Reads the settings.
///
/// # Errors
/// What is wrong with them.
pub(super) fn read(value: Value) -> Result<Arc<dyn Medium>, Vec<Fault>> {
    let teams: Teams = settings(value)?;
    address("url", teams.url.reveal()).map_err(|fault| vec![fault])?;
    Ok(Arc::new(teams))
}

/// A line. A `TextBlock` would read Markdown in it; a run does not.
fn line(text: &str, bold: Option<&str>) -> Value {
    let mut run = json!({ "type": "TextRun", "text": cut(text, LINE_CHARS_MAX) });
    if let Some(color) = bold {
        run["weight"] = json!("Bolder");
        run["size"] = json!("Medium");
        run["color"] = json!(color);
    }
    json!({ "type": "RichTextBlock", "inlines": [run] })
}

impl Medium for Teams {
    fn render(&self, telling: &Telling<'_>) -> Outgoing {
        let (text, notice) = (telling.text, telling.notice);
        let color = match (notice.reason, notice.level) {
            (Reason::Resolved, _) => "Good",
            (Reason::Test, _) => "Default",
            (_, Level::Critical) => "Attention",
            _ => "Warning",
        };
        let mut body = vec![line(&text.headline(), Some(color))];
        body.extend(text.lines().iter().take(LINES_MAX).map(|text| line(text, None)));
        let open = |title: &str, url: &str| json!({ "type": "Action.OpenUrl", "title": title, "url": url });
        let mut actions: Vec<Value> = text.link.iter().map(|link| open(text.open, link)).collect();
        let runbook = text.alerts.iter().find_map(|alert| alert.runbook.as_deref());
        actions.extend(runbook.map(|runbook| open(text.runbook, runbook)));
        let card = json!({
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "msteams": { "width": "Full" },
            "body": body,
            "actions": actions,
        });
        let attachment = json!({ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card });
        let message = json!({ "type": "message", "attachments": [attachment] });
        Outgoing::Http(Request::json(self.url.reveal().trim(), &message))
    }

    fn verdict(&self, answer: &Answer) -> Verdict {
        match Verdict::by_status(answer) {
            // The retired connectors answered 200 and told the failure in the text.
            Verdict::Told(said) if answer.body.contains("delivery failed") => Verdict::again(said),
            verdict => verdict,
        }
    }
}

#[cfg(test)]
mod tests;
