//! A body that the user writes, with fields in double braces: `{"text": "{{ title }}"}`.
//!
//! In a template that begins with `{` or `[` each field is written as the inside of a JSON text, and what comes out is JSON whatever the
//! names hold: that is checked when the template is read, with the ugliest text there is.

use crate::{
    alert::Level,
    notify::{NoticedAlert, Reason, request::Telling, text::instant},
};

/// Longest template, in bytes.
const TEMPLATE_BYTES_MAX: usize = 16 << 10;

/// Most fields in one template.
const FIELDS_MAX: usize = 200;

/// What a field is filled with.
type Fill = fn(&Telling<'_>) -> String;

/// Every field there is.
const FIELDS: &[(&str, Fill)] = &[
    ("key", |told| told.house.message_key(told.notice)),
    ("incident", |told| told.notice.incident.to_string()),
    ("incident_key", |told| told.house.incident_key(told.notice)),
    ("event", |told| super::word(told).to_owned()),
    ("status", |told| if told.notice.reason == Reason::Resolved { "resolved" } else { "firing" }.to_owned()),
    ("level", |told| if told.notice.level == Level::Critical { "critical" } else { "warning" }.to_owned()),
    ("title", |told| told.text.title.clone()),
    ("headline", |told| told.text.headline()),
    ("text", |told| told.text.plain()),
    ("cause", |told| told.text.cause.clone().unwrap_or_default()),
    ("history", |told| told.text.alerts.first().and_then(|alert| alert.history.clone()).unwrap_or_default()),
    ("link", |told| told.text.link.clone().unwrap_or_default()),
    ("channel", |told| told.channel.to_owned()),
    ("opened", |told| instant(told.notice.opened_ms)),
    ("closed", |told| told.notice.closed_ms.map(instant).unwrap_or_default()),
    ("count", |told| u64::try_from(told.notice.alerts.len()).unwrap_or(u64::MAX).saturating_add(told.notice.more).to_string()),
    ("rule", |told| first(told, |alert| Some(alert.rule.clone()))),
    ("name", |told| first(told, |alert| Some(alert.name.clone()))),
    ("resource", |told| first(told, |alert| Some(alert.resource.clone()))),
    ("service", |told| first(told, |alert| alert.service.clone())),
    ("tenant", |told| first(told, |alert| alert.tenant.clone())),
    ("environment", |told| first(told, |alert| alert.environment.clone())),
    ("metric", |told| first(told, |alert| Some(alert.metric.clone()))),
    ("unit", |told| first(told, |alert| Some(alert.unit.clone()))),
    ("value", |told| first(told, |alert| alert.value.map(|value| value.to_string()))),
    ("threshold", |told| first(told, |alert| alert.threshold.map(|value| value.to_string()))),
    ("runbook", |told| first(told, |alert| alert.runbook.clone())),
];

fn first(told: &Telling<'_>, read: impl Fn(&NoticedAlert) -> Option<String>) -> String {
    told.notice.alerts.first().and_then(read).unwrap_or_default()
}

/// A template, read.
#[derive(Debug, Clone)]
pub(super) struct Template {
    parts: Vec<Part>,
    is_json: bool,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    /// Its place in [`FIELDS`].
    Field(usize),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text.len() > TEMPLATE_BYTES_MAX {
            return Err(format!("is larger than {TEMPLATE_BYTES_MAX} bytes"));
        }
        let (mut parts, mut rest, mut fields) = (Vec::new(), text, 0);
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, behind)) = after.split_once("}}") else {
                return Err("has a field that does not end: write }} behind its name".to_owned());
            };
            let name = name.trim();
            let Some(field) = FIELDS.iter().position(|(known, _)| *known == name) else {
                let known: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
                let shown: String = name.chars().filter(|sign| !sign.is_control()).take(40).collect();
                return Err(format!("has the field {shown}, which is unknown: there are {}", known.join(", ")));
            };
            fields += 1;
            if fields > FIELDS_MAX {
                return Err(format!("has more than {FIELDS_MAX} fields"));
            }
            parts.extend([Part::Text(before.to_owned()), Part::Field(field)]);
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        // A field at the very beginning is no object.
        let begin = text.trim_start();
        let is_json = begin.starts_with(['{', '[']) && !begin.starts_with("{{");
        let template = Self { parts, is_json };
        if template.is_json {
            let ugly = template.write(|_| "a\"b\\c\nd\u{1}é🚨".to_owned());
            serde_json::from_str::<serde::de::IgnoredAny>(&ugly)
                .map_err(|error| format!("is no JSON once it is filled ({error}): write fields within quotes"))?;
        }
        Ok(template)
    }

    /// Content type of what comes out.
    pub(super) const fn content_type(&self) -> &'static str {
        if self.is_json { "application/json" } else { "text/plain; charset=utf-8" }
    }

    /// Fills it.
    pub(super) fn fill(&self, telling: &Telling<'_>) -> String {
        self.write(|field| FIELDS.get(field).map(|(_, read)| read(telling)).unwrap_or_default())
    }

    fn write(&self, value: impl Fn(usize) -> String) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Field(field) if self.is_json => {
                    let quoted = serde_json::Value::String(value(*field)).to_string();
                    // Without the quotes, which the template has.
                    text.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
                }
                Part::Field(field) => text.push_str(&value(*field)),
            }
        }
        text
    }
}
