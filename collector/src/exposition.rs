//! Exposition: `/metrics` in Prometheus' text format, current values only.
//!
//! Names follow OpenTelemetry's rules for Prometheus: dots become underscores, the unit is added in words, counters end in
//! `_total`; where those rules and `promtool check metrics` disagree, promtool is right. A family stands together, with HELP
//! and TYPE once.
//!
//! Who may read it: a person of any role or an agent's token as bearer token, from wherever. A peer on loopback is
//! not trusted, because behind a proxy everybody is one.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use axum::{
    extract::Request,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use farol_shared::{batch::SeriesKey, catalog, metric::Kind};
use farol_store::{ResourceId, ResourceInfo};

use crate::{
    api::{App, aside},
    live::Current,
    problem::Problem,
    self_watch::own_values,
};

mod name;

use name::{family, label_name};

/// Metrics of the collector itself come from where they are counted, not from history.
const OWN_PREFIX: &str = "farol.collector.";

/// Labels that say which resource a value belongs to.
const RESERVED: &[&str] = &["resource", "kind", "tenant", "name", "job", "instance", "le", "quantile", METRIC];

/// Label that tells metrics apart whose names become one.
const METRIC: &str = "metric";

/// Answers the exposition.
pub(crate) async fn metrics(app: App, request: Request) -> Result<Response, Problem> {
    let text = aside(&request, move || {
        let parts = app.parts();
        let own = own_values(&app);
        Ok(text(&parts.store.resources(), &parts.live.current(app.now_ms()), &own))
    });
    let mut response = text.await?.into_response();
    let media = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    Ok(response)
}

/// One of the collector's own values.
#[derive(Debug, Clone)]
pub struct OwnValue {
    /// What is measured.
    pub metric: &'static farol_shared::metric::Metric,
    /// What tells it from the other series of the metric.
    pub attributes: Vec<(&'static str, &'static str)>,
    /// The value, a counter's total.
    pub value: f64,
}

/// One line of a family.
struct Line {
    metric: String,
    labels: String,
    value: f64,
}

/// Lines that stand under one name.
struct Family {
    kind: Kind,
    lines: Vec<Line>,
}

/// The text of an exposition.
#[must_use]
pub fn text(resources: &[ResourceInfo], current: &[Current], own: &[OwnValue]) -> String {
    let labels: HashMap<ResourceId, String> = resources.iter().map(|info| (info.id, resource_labels(info))).collect();
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for value in own {
        let metric = value.metric;
        let mut labels = String::new();
        attribute_labels(&mut labels, value.attributes.iter().copied());
        add(&mut families, metric.name, metric.unit, metric.kind, labels, value.value);
    }
    for value in current {
        let key: &SeriesKey = &value.key;
        let Some(labels) = labels.get(&value.resource) else { continue };
        if key.metric.starts_with(OWN_PREFIX) || !value.value.is_finite() {
            continue;
        }
        let mut labels = labels.clone();
        attribute_labels(&mut labels, key.attributes.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        add(&mut families, &key.metric, &key.unit, key.kind, labels, value.value);
    }
    write(families)
}

fn add(families: &mut BTreeMap<String, Family>, metric: &str, ucum: &str, kind: Kind, labels: String, value: f64) {
    let name = family(metric, ucum, kind);
    // Counters end in `_total` and gauges never do, so that no name stands for both.
    let family = families.entry(name.name).or_insert_with(|| Family { kind, lines: Vec::new() });
    family.lines.push(Line { metric: metric.to_owned(), labels, value: value * name.scale });
}

fn write(families: BTreeMap<String, Family>) -> String {
    let mut text = String::new();
    for (name, mut family) in families {
        let help = tell_apart(&mut family.lines);
        family.lines.sort_by(|a, b| a.labels.cmp(&b.labels));
        // The same labels twice would be refused: a resource that changed hands is shown once.
        family.lines.dedup_by(|a, b| a.labels == b.labels);
        let kind = match family.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        // Writing to a string cannot fail.
        let _ok = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for line in family.lines {
            let _ok = if line.labels.is_empty() {
                writeln!(text, "{name} {}", line.value)
            } else {
                writeln!(text, "{name}{{{}}} {}", line.labels, line.value)
            };
        }
    }
    text
}

/// Gives all but one of several metrics that share a family a label with their own name. Answers what is said of the family.
fn tell_apart(lines: &mut [Line]) -> String {
    // A catalogued one keeps its labels, whatever applications invent beside it.
    let owner = lines.iter().map(|line| (catalog::find(&line.metric).is_none(), line.metric.as_str())).min();
    let owner = owner.map_or(String::new(), |(_, metric)| metric.to_owned());
    for line in lines.iter_mut().filter(|line| line.metric != owner) {
        push_label(&mut line.labels, METRIC, &line.metric);
    }
    help(&owner)
}

fn help(metric: &str) -> String {
    let row = catalog::ALL.iter().find(|row| row.name == metric);
    let text = row.map_or_else(|| format!("{metric} as its source sends it."), |row| row.description.to_owned());
    text.replace('\\', "\\\\").replace('\n', " ")
}

fn resource_labels(info: &ResourceInfo) -> String {
    let resource = &info.resource;
    let mut labels = String::new();
    push_label(&mut labels, "kind", resource.kind.as_str());
    push_label(&mut labels, "name", resource.name());
    push_label(&mut labels, "resource", &resource.key);
    if let Some(tenant) = &resource.tenant {
        push_label(&mut labels, "tenant", tenant);
    }
    labels
}

fn attribute_labels<'a>(labels: &mut String, attributes: impl Iterator<Item = (&'a str, &'a str)>) {
    let mut named: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in attributes {
        let name = label_name(key, RESERVED);
        // Two keys that become one name share it, as OpenTelemetry says.
        named.entry(name).and_modify(|both| *both = format!("{both};{value}")).or_insert_with(|| value.to_owned());
    }
    for (name, value) in named {
        push_label(labels, &name, &value);
    }
}

fn push_label(labels: &mut String, name: &str, value: &str) {
    if !labels.is_empty() {
        labels.push(',');
    }
    labels.push_str(name);
    labels.push_str("=\"");
    for character in value.chars() {
        match character {
            '\\' => labels.push_str("\\\\"),
            '"' => labels.push_str("\\\""),
            '\n' => labels.push_str("\\n"),
            other => labels.push(other),
        }
    }
    labels.push('"');
}

#[cfg(test)]
mod tests;
