//! The body that an Alertmanager posts to its webhooks (version 4 of it), for systems that take just that.

use std::collections::BTreeMap;

use ring::digest;
use serde_json::{Value, json};

use crate::notify::{NoticedAlert, Reason, request::Telling, text::instant};

/// How Alertmanager writes an end that has not come.
const NO_END: &str = "0001-01-01T00:00:00Z";

/// The body.
pub(super) fn body(telling: &Telling<'_>) -> Value {
    let (notice, text) = (telling.notice, telling.text);
    let is_over = notice.reason == Reason::Resolved;
    let labelled: Vec<(BTreeMap<String, String>, &NoticedAlert)> =
        notice.alerts.iter().map(|alert| (labels(alert), alert)).collect();
    let alerts: Vec<Value> = labelled
        .iter()
        .zip(&text.alerts)
        .map(|((labels, alert), told)| {
            let end = alert.resolved_ms.or(if is_over { Some(notice.closed_ms.unwrap_or(notice.at_ms)) } else { None });
            let mut annotations = BTreeMap::from([("summary", told.sentence.clone()), ("description", told.since.clone())]);
            annotations.extend(told.runbook.clone().map(|runbook| ("runbook_url", runbook)));
            json!({
                "status": status(end.is_some()),
                "labels": labels,
                "annotations": annotations,
                "startsAt": instant(alert.onset_ms),
                "endsAt": end.map_or_else(|| NO_END.to_owned(), instant),
                "generatorURL": text.link.as_deref().unwrap_or_default(),
                "fingerprint": fingerprint(labels),
            })
        })
        .collect();
    let common = common(&labelled);
    let group = telling.house.incident_key(notice);
    json!({
        "version": "4",
        "groupKey": format!("{{}}:{{incident=\"{group}\"}}"),
        "truncatedAlerts": notice.more,
        "status": status(is_over),
        "receiver": telling.channel,
        "groupLabels": { "incident": group },
        "commonLabels": common,
        "commonAnnotations": {},
        "externalURL": telling.house.public_url.as_deref().unwrap_or_default(),
        "alerts": alerts,
    })
}

const fn status(is_over: bool) -> &'static str {
    if is_over { "resolved" } else { "firing" }
}

fn labels(alert: &NoticedAlert) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> = alert.attributes.iter().map(|(key, value)| (label(key), value.clone())).collect();
    let severity = serde_json::to_value(alert.level).ok().and_then(|level| level.as_str().map(str::to_owned)).unwrap_or_default();
    let ours = [
        ("alertname", Some(alert.name.clone())),
        ("rule", Some(alert.rule.clone())),
        ("severity", Some(severity)),
        ("instance", Some(alert.resource.clone())),
        ("service", alert.service.clone()),
        ("tenant", alert.tenant.clone()),
        ("environment", alert.environment.clone()),
    ];
    labels.extend(ours.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    labels
}

/// A name as Prometheus allows it: letters, digits and `_`, no digit first.
fn label(key: &str) -> String {
    let name: String = key.chars().map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '_' }).collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) || name.is_empty() { format!("_{name}") } else { name }
}

/// What all alerts have in common.
fn common(labelled: &[(BTreeMap<String, String>, &NoticedAlert)]) -> BTreeMap<String, String> {
    let Some(((first, _), others)) = labelled.split_first() else { return BTreeMap::new() };
    let is_shared = |(name, value): &(&String, &String)| others.iter().all(|(labels, _)| labels.get(*name) == Some(value));
    first.iter().filter(is_shared).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The same labels, the same sixteen hexadecimal digits.
fn fingerprint(labels: &BTreeMap<String, String>) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for (name, value) in labels {
        // Lengths stand before the texts, so that no two sets of labels read the same.
        for text in [name, value] {
            context.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(text.as_bytes());
        }
    }
    context.finish().as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
