//! Webhook: any system that takes a `POST`. Our own JSON, a template of the user's, or the body of an Alertmanager.
//!
//! Each message carries `Idempotency-Key`, the same for every attempt, and with a secret a signature: HMAC-SHA256 over
//! `TIMESTAMP.BODY`, where the timestamp is the header `X-Farol-Timestamp` in seconds.

use std::sync::Arc;

use farol_shared::secret::Secret;
use reqwest::header::{HeaderName, HeaderValue};
use ring::hmac;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    kind::{Fault, Medium, address, settings},
    request::{Outgoing, Request, Telling},
    text::instant,
};

mod alertmanager;
mod template;

use template::Template;

/// Most headers.
const HEADERS_MAX: usize = 20;

/// Longest value of a header, in bytes.
const HEADER_BYTES_MAX: usize = 4_096;

/// Version of our own body.
const VERSION: u32 = 1;

/// Headers that are ours or the connection's.
const TAKEN: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "idempotency-key",
    "x-farol-event",
    "x-farol-timestamp",
    "x-farol-signature",
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: Secret,
    secret: Option<Secret>,
    #[serde(default)]
    format: Format,
    template: Option<String>,
    /// An object, or lines `Name: value`.
    #[serde(default)]
    headers: Value,
}

/// What is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// Our own JSON.
    #[default]
    Farol,
    /// What the user wrote.
    Template,
    /// The body of an Alertmanager.
    Alertmanager,
}

#[derive(Debug)]
enum Body {
    Farol,
    Template(Template),
    Alertmanager,
}

#[derive(Debug)]
struct Webhook {
    url: Secret,
    secret: Option<Secret>,
    headers: Vec<(String, Secret)>,
    body: Body,
}

/// Reads the settings.
///
/// # Errors
/// What is wrong with them.
pub(super) fn read(value: Value) -> Result<Arc<dyn Medium>, Vec<Fault>> {
    let settings: Settings = settings(value)?;
    checked(settings).map(|webhook| Arc::new(webhook) as Arc<dyn Medium>).map_err(|fault| vec![fault])
}

fn checked(settings: Settings) -> Result<Webhook, Fault> {
    let Settings { url, secret, format, template, headers } = settings;
    address("url", url.reveal())?;
    let template = template.filter(|template| !template.trim().is_empty());
    let body = match (format, template) {
        (Format::Template, None) => return Err(Fault::setting("template", "is missing: write what is to be sent")),
        (Format::Template, Some(template)) => {
            Body::Template(Template::read(&template).map_err(|detail| Fault::setting("template", detail))?)
        }
        (_, Some(_)) => return Err(Fault::setting("template", "is given, but format is not \"template\"")),
        (Format::Farol, None) => Body::Farol,
        (Format::Alertmanager, None) => Body::Alertmanager,
    };
    Ok(Webhook { url, secret, headers: read_headers(headers)?, body })
}

fn read_headers(value: Value) -> Result<Vec<(String, Secret)>, Fault> {
    let wrong = |detail: String| Fault::setting("headers", detail);
    let given: Map<String, Value> = match value {
        Value::Null => Map::new(),
        Value::Object(fields) => fields,
        Value::String(lines) => lines
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| line.split_once(':').map(|(name, value)| (name.trim().to_owned(), json!(value.trim()))))
            .collect::<Option<_>>()
            .ok_or_else(|| wrong("hold a line that is no header: write \"Name: value\"".to_owned()))?,
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            return Err(wrong("are no headers: write { Name = \"value\" }".to_owned()));
        }
    };
    if given.len() > HEADERS_MAX {
        return Err(wrong(format!("are {}, the limit is {HEADERS_MAX}", given.len())));
    }
    let read = |(name, value): (String, Value)| {
        let name = name.to_ascii_lowercase();
        let text = value.as_str().unwrap_or_default();
        let is_fine = HeaderName::from_bytes(name.as_bytes()).is_ok() && HeaderValue::from_str(text).is_ok();
        if !is_fine || text.len() > HEADER_BYTES_MAX {
            let shown: String = name.chars().filter(|sign| sign.is_ascii_graphic()).take(40).collect();
            return Err(wrong(format!("hold one that HTTP cannot carry: {shown}")));
        }
        if TAKEN.contains(&name.as_str()) {
            return Err(wrong(format!("hold {name}, which is not yours to set")));
        }
        Ok((name, Secret::new(text)))
    };
    given.into_iter().map(read).collect()
}

impl Medium for Webhook {
    fn render(&self, telling: &Telling<'_>) -> Outgoing {
        let (content_type, body) = match &self.body {
            Body::Farol => ("application/json", ours(telling).to_string()),
            Body::Alertmanager => ("application/json", alertmanager::body(telling).to_string()),
            Body::Template(template) => (template.content_type(), template.fill(telling)),
        };
        let timestamp = telling.now_ms.div_euclid(1_000).to_string();
        let mut headers = vec![("content-type".to_owned(), Secret::new(content_type))];
        // A header of the user's own takes the place of ours.
        headers.retain(|(name, _)| self.headers.iter().all(|(own, _)| own != name));
        headers.extend(self.headers.iter().cloned());
        headers.push(("idempotency-key".to_owned(), Secret::new(&telling.house.message_key(telling.notice))));
        headers.push(("x-farol-event".to_owned(), Secret::new(word(telling))));
        headers.push(("x-farol-timestamp".to_owned(), Secret::new(&timestamp)));
        if let Some(secret) = &self.secret {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().trim().as_bytes());
            let signed = hmac::sign(&key, format!("{timestamp}.{body}").as_bytes());
            let hex: String = signed.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            headers.push(("x-farol-signature".to_owned(), Secret::new(&format!("sha256={hex}"))));
        }
        Outgoing::Http(Request { url: Secret::new(self.url.reveal()), headers, body: body.into() })
    }
}

/// The reason's word, as it is serialised.
fn word(telling: &Telling<'_>) -> &'static str {
    use super::Reason;
    match telling.notice.reason {
        Reason::Opened => "opened",
        Reason::Updated => "updated",
        Reason::Reminder => "reminder",
        Reason::Escalated => "escalated",
        Reason::Resolved => "resolved",
        Reason::Test => "test",
    }
}

/// Our own body. Fields are added to it, never changed.
fn ours(telling: &Telling<'_>) -> Value {
    let Telling { notice, text, house, channel, .. } = telling;
    let alerts: Vec<Value> = notice
        .alerts
        .iter()
        .map(|alert| {
            json!({
                "id": alert.id, "rule": alert.rule, "name": alert.name, "level": alert.level, "resource": alert.resource,
                "service": alert.service, "tenant": alert.tenant, "environment": alert.environment,
                "attributes": alert.attributes.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
                "metric": alert.metric, "unit": alert.unit, "value": alert.value, "threshold": alert.threshold,
                "below": alert.is_below, "onset": instant(alert.onset_ms), "resolved": alert.resolved_ms.map(instant),
                "message": alert.message, "runbook": alert.runbook, "history": alert.history,
            })
        })
        .collect();
    json!({
        "version": VERSION,
        "key": house.message_key(notice),
        "event": word(telling),
        "channel": channel,
        "level": notice.level,
        "title": text.title,
        "text": text.plain(),
        "link": text.link,
        "incident": {
            "id": notice.incident, "key": house.incident_key(notice), "opened": instant(notice.opened_ms),
            "closed": notice.closed_ms.map(instant), "acknowledged_by": notice.acknowledged_by,
        },
        "cause": notice.cause.as_ref().map(|cause| json!({
            "kind": cause.kind, "at": instant(cause.at_ms), "resource": cause.resource, "what": cause.what, "alert": cause.alert,
        })),
        "alerts": alerts,
        "more": notice.more,
    })
}

#[cfg(test)]
mod tests;
