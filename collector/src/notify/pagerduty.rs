//! PagerDuty: events of its API version 2. One incident there for one here: all messages about it carry one key.

use std::sync::Arc;

use farol_shared::secret::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    kind::{Fault, Medium, base, settings},
    request::{Answer, Outgoing, Request, Telling, Verdict, cut},
    text::{clean, instant},
};
use crate::{alert::Level, notify::Reason};

/// The service region of the United States; that of the EU is `https://events.eu.pagerduty.com`.
const URL: &str = "https://events.pagerduty.com";

/// Longest summary, in characters.
const SUMMARY_CHARS_MAX: usize = 1_024;

/// Bytes of a routing key.
const ROUTING_KEY_BYTES: usize = 32;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PagerDuty {
    routing_key: Secret,
    #[serde(default = "url")]
    url: String,
}

fn url() -> String {
    URL.to_owned()
}

/// Reads the settings.
///
/// # Errors
/// What is wrong with them.
pub(super) fn read(value: Value) -> Result<Arc<dyn Medium>, Vec<Fault>> {
    let mut pagerduty: PagerDuty = settings(value)?;
    let key = pagerduty.routing_key.reveal().trim();
    if key.len() != ROUTING_KEY_BYTES || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let detail =
            format!("is no integration key: write the {ROUTING_KEY_BYTES} letters and digits of an Events API v2 integration");
        return Err(vec![Fault::setting("routing_key", detail)]);
    }
    pagerduty.url = base("url", &pagerduty.url).map_err(|fault| vec![fault])?;
    Ok(Arc::new(pagerduty))
}

impl Medium for PagerDuty {
    fn render(&self, telling: &Telling<'_>) -> Outgoing {
        let (text, notice, house) = (telling.text, telling.notice, telling.house);
        let action = if notice.reason == Reason::Resolved { "resolve" } else { "trigger" };
        let mut event = json!({
            "routing_key": self.routing_key.reveal().trim(),
            "event_action": action,
            // The same key again changes nothing there, so that a message told twice is told once.
            "dedup_key": house.incident_key(notice),
        });
        if action == "trigger" {
            let first = notice.alerts.first();
            let severity = match (notice.reason, notice.level) {
                (Reason::Test, _) => "info",
                (_, Level::Critical) => "critical",
                _ => "warning",
            };
            let source = first.map_or_else(|| "farol".to_owned(), |alert| clean(&alert.resource, 255));
            event["payload"] = json!({
                "summary": cut(&format!("{}: {}", text.word, text.title), SUMMARY_CHARS_MAX),
                "source": if source.is_empty() { "farol" } else { &source },
                "severity": severity,
                "timestamp": instant(notice.opened_ms),
                "component": first.and_then(|alert| alert.service.as_deref()).map(|service| clean(service, 255)),
                "group": first.and_then(|alert| alert.tenant.as_deref()).map(|tenant| clean(tenant, 255)),
                "class": first.map(|alert| clean(&alert.metric, 255)),
                "custom_details": { "text": text.lines(), "more": notice.more },
            });
            event["client"] = json!("Farol");
            if let Some(link) = &text.link {
                event["client_url"] = json!(link);
            }
            let runbooks = text.alerts.iter().filter_map(|alert| alert.runbook.as_ref());
            let links: Vec<Value> = runbooks.map(|href| json!({ "href": href, "text": text.runbook })).collect();
            if !links.is_empty() {
                event["links"] = json!(links);
            }
        }
        Outgoing::Http(Request::json(&format!("{}/v2/enqueue", self.url), &event))
    }

    fn verdict(&self, answer: &Answer) -> Verdict {
        match Verdict::by_status(answer) {
            Verdict::Dead(_) => {
                let errors = answer.json()["errors"]
                    .as_array()
                    .map(|errors| errors.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "));
                let said = answer.said();
                Verdict::Dead(
                    errors
                        .filter(|errors| !errors.is_empty())
                        .map_or(said.clone(), |errors| cut(&format!("{said}: {errors}"), 300)),
                )
            }
            verdict => verdict,
        }
    }
}

#[cfg(test)]
mod tests;
