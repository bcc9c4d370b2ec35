//! Notices: what a channel is told about an incident, made of its alerts.

use std::cmp::Reverse;

use super::{
    Level, Subject,
    incident::{Incident, Kept},
};
use crate::notify::{ALERTS_MAX, Cause, HISTORY_MAX, Notice, NoticedAlert, Reason};

/// Longest message of a rule once it is filled in, in characters.
pub const MESSAGE_CHARS_MAX: usize = 2_000;

/// What is known of the values that rules judge now; the engine knows.
pub trait Newest {
    /// The newest value that was judged of a rule about a subject.
    fn value(&self, rule: &str, subject: &Subject) -> Option<f64>;

    /// Values of the recent past at equal distances, oldest first; at most [`HISTORY_MAX`] are taken.
    fn history(&self, rule: &str, subject: &Subject) -> Vec<f64>;
}

/// Nothing is known beyond the changes themselves.
#[derive(Debug, Clone, Copy, Default)]
pub struct NothingNewer;

impl Newest for NothingNewer {
    fn value(&self, _: &str, _: &Subject) -> Option<f64> {
        None
    }

    fn history(&self, _: &str, _: &Subject) -> Vec<f64> {
        Vec::new()
    }
}

/// What a notice is made of.
#[derive(Debug)]
pub struct Draft<'a> {
    /// Its key.
    pub key: String,
    /// The incident.
    pub incident: &'a Incident,
    /// Why it is told.
    pub reason: Reason,
    /// How grave it is to this channel.
    pub level: Level,
    /// The alerts that this channel is told.
    pub alerts: &'a [&'a Kept],
    /// How many there are with those that are held back.
    pub all: usize,
    /// What likely caused it, as far as this channel may know.
    pub cause: Option<Cause>,
    /// When, in ms since the epoch.
    pub at_ms: i64,
}

/// Makes a notice: the likely cause first, then the gravest, then the earliest.
#[must_use]
pub fn build(draft: &Draft<'_>, newest: &dyn Newest) -> Notice {
    let first = draft.cause.as_ref().and_then(|cause| cause.alert);
    let mut alerts = draft.alerts.to_vec();
    alerts.sort_by_key(|alert| (Some(alert.id) != first, Reverse(alert.level), alert.onset_ms, alert.id));
    let told: Vec<NoticedAlert> = alerts.iter().take(ALERTS_MAX).map(|alert| noticed(alert, newest)).collect();
    let more = draft.all.saturating_sub(told.len());
    Notice {
        key: draft.key.clone(),
        incident: draft.incident.id,
        reason: draft.reason,
        level: draft.level,
        opened_ms: draft.incident.opened_ms,
        closed_ms: draft.incident.closed_ms,
        at_ms: draft.at_ms,
        more: u64::try_from(more).unwrap_or(u64::MAX),
        alerts: told,
        cause: draft.cause.clone(),
        acknowledged_by: draft.incident.acknowledged.as_ref().map(|acknowledged| acknowledged.by.clone()),
    }
}

fn noticed(alert: &Kept, newest: &dyn Newest) -> NoticedAlert {
    let subject = alert.subject();
    let value = newest.value(&alert.rule, &subject).filter(|value| alert.is_firing() && value.is_finite()).or(alert.value);
    let mut history = newest.history(&alert.rule, &subject);
    let excess = history.len().saturating_sub(HISTORY_MAX);
    history.drain(..excess);
    NoticedAlert {
        id: alert.id,
        rule: alert.rule.clone(),
        name: alert.name.clone(),
        level: alert.level,
        resource: alert.resource_name.clone(),
        service: alert.service.clone(),
        tenant: alert.tenant.clone(),
        environment: alert.environment.clone(),
        attributes: alert.attributes.clone(),
        metric: alert.metric.clone(),
        unit: alert.unit.clone(),
        value,
        threshold: alert.threshold,
        is_below: alert.is_below,
        onset_ms: alert.onset_ms,
        resolved_ms: alert.resolved_ms,
        message: message(alert, value),
        runbook: alert.runbook.clone(),
        history,
    }
}

/// What the rule says, filled in. A name in braces that stands for nothing is left as it is, so that a mistake is seen.
#[must_use]
pub fn message(alert: &Kept, value: Option<f64>) -> Option<String> {
    let mut rest = alert.template.as_deref()?;
    let mut text = String::new();
    while let Some((before, behind)) = rest.split_once("{{") {
        text.push_str(before);
        let Some((name, after)) = behind.split_once("}}") else {
            text.push_str("{{");
            rest = behind;
            break;
        };
        match filled(alert, name.trim(), value) {
            Some(words) => text.push_str(&words),
            None => text.extend(["{{", name, "}}"]),
        }
        rest = after;
    }
    text.push_str(rest);
    Some(text.chars().take(MESSAGE_CHARS_MAX).collect())
}

fn filled(alert: &Kept, name: &str, value: Option<f64>) -> Option<String> {
    let or_dash = |text: &Option<String>| Some(text.clone().unwrap_or_else(|| "-".to_owned()));
    match name {
        "value" => Some(value.map_or_else(|| "-".to_owned(), |value| number(value, &alert.unit))),
        "threshold" => Some(alert.threshold.map_or_else(|| "-".to_owned(), |threshold| number(threshold, &alert.unit))),
        "resource" => Some(alert.resource_name.clone()),
        "service" => or_dash(&alert.service),
        "tenant" => or_dash(&alert.tenant),
        "environment" => or_dash(&alert.environment),
        other => alert.attributes.iter().find(|(key, _)| key == other).map(|(_, value)| value.clone()),
    }
}

/// A number with its unit, the same in every language: `93 %`, `1.5 s`, `250 ms`, `12 MiB`, `40`.
#[must_use]
pub fn number(value: f64, unit: &str) -> String {
    const BYTES: &[&str] = &["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    if !value.is_finite() {
        return if value.is_nan() { "-" } else { "∞" }.to_owned();
    }
    match unit {
        "1" => format!("{} %", digits(value * 100.0)),
        "s" if value.abs() < 1.0 && value != 0.0 => format!("{} ms", digits(value * 1_000.0)),
        "By" | "By/s" => {
            let (mut scaled, mut at) = (value, 0);
            while scaled.abs() >= 1_024.0 && at + 1 < BYTES.len() {
                scaled /= 1_024.0;
                at += 1;
            }
            let per = if unit == "By/s" { "/s" } else { "" };
            format!("{} {}{per}", digits(scaled), BYTES.get(at).copied().unwrap_or_default())
        }
        // An annotation in braces names what is counted and is no unit: `{task}/s`.
        unit => match unit.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((_, per)) => format!("{}{per}", digits(value)),
            None => format!("{} {unit}", digits(value)).trim_end().to_owned(),
        },
    }
}

/// Three significant digits, whole numbers whole, no zeros at the end.
fn digits(value: f64) -> String {
    let places = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.places$}");
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::incident::tests::kept;

    #[test]
    fn a_message_is_filled_in() {
        let alert = Kept {
            template: Some(
                "{{ resource }} at {{value}} of {{ threshold }} ({{ route }}, {{ service }}, {{ what }}) {{".to_owned(),
            ),
            unit: "1".to_owned(),
            threshold: Some(0.8),
            resource_name: "web-1".to_owned(),
            attributes: vec![("route".to_owned(), "/buy".to_owned())],
            ..kept(1, "cpu")
        };
        assert_eq!(message(&alert, Some(0.934)).unwrap(), "web-1 at 93.4 % of 80 % (/buy, -, {{ what }}) {{");
        assert_eq!(message(&kept(1, "cpu"), None), None);
    }

    #[test]
    fn numbers_have_three_digits_and_their_unit() {
        for (value, unit, text) in [
            (0.934, "1", "93.4 %"),
            (1.5, "s", "1.5 s"),
            (0.25, "s", "250 ms"),
            (12.0 * 1_048_576.0, "By", "12 MiB"),
            (2_048.0, "By/s", "2 KiB/s"),
            (1_250.0, "{task}", "1250"),
            (3.0, "{task}/s", "3/s"),
            (3.0, "", "3"),
            (5.0, "Cel", "5 Cel"),
            (f64::INFINITY, "s", "∞"),
            (-0.001, "x", "0 x"),
        ] {
            assert_eq!(number(value, unit), text, "{value} {unit}");
        }
    }
}
