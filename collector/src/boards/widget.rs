//! One widget: what it shows, and what of it is allowed.

use std::collections::{BTreeMap, HashSet};

use farol_shared::{
    config::Span,
    limit::{KEY_BYTES_MAX, NAME_BYTES_MAX, VALUE_BYTES_MAX},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{is_hidden, title};
use crate::problem::Fault;

/// Columns of the grid.
pub const COLUMNS: u32 = 12;

/// Most rows that a widget is high.
pub const HEIGHT_MAX: u32 = 12;

/// Rows of the grid.
pub const ROWS: u32 = 200;

/// Most metrics of one widget: as many as one question of history.
const METRICS_MAX: usize = 16;

/// Most resources of one widget.
const RESOURCES_MAX: usize = 50;

/// Most attributes that its series are narrowed by.
const ATTRIBUTES_MAX: usize = 16;

/// Longest text, in characters: half a page.
const TEXT_CHARS_MAX: usize = 4_000;

/// Longest unit, in characters.
const UNIT_CHARS_MAX: usize = 32;

/// Longest identifier, in bytes.
const ID_BYTES_MAX: usize = 40;

/// Shortest and longest period, in milliseconds: a minute, two years.
const PERIOD_MS: std::ops::RangeInclusive<u64> = 60_000..=730 * 86_400_000;

/// How it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WidgetType {
    /// A chart, of which `config.chart_type` says how.
    Chart,
    /// Lines over time.
    Line,
    /// Bars over time.
    Bar,
    /// A value between its least and its most.
    Gauge,
    /// A large number.
    Stat,
    /// A table of series with their values.
    Table,
    /// Lights of resources.
    Status,
    /// Text.
    Text,
}

/// How a chart shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChartType {
    /// Lines over time.
    Line,
    /// Bars over time.
    Bar,
    /// A value between its least and its most.
    Gauge,
    /// A large number.
    Stat,
    /// A table of series with their values.
    Table,
}

/// How the samples of a step become a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they are the words of /api/v1/query")]
pub enum WidgetAggregate {
    Mean,
    Min,
    Max,
    Sum,
    Last,
    Count,
    Rate,
    Increase,
    Raw,
}

/// How series become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they are the words of /api/v1/query")]
pub enum WidgetAcross {
    None,
    Sum,
    Mean,
    Max,
}

/// One widget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Widget {
    /// What tells it from the others of its dashboard; given when absent.
    #[serde(default)]
    pub id: String,
    /// How it shows.
    pub widget_type: WidgetType,
    /// What stands above it.
    pub title: String,
    /// What it shows.
    pub config: Config,
    /// Where it stands.
    pub position: Position,
}

/// What a widget shows. Which of these a widget may have, and must have, its type says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WidgetConfig)]
pub struct Config {
    /// How a chart shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart_type: Option<ChartType>,
    /// Names of metrics or figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Vec<String>>,
    /// Keys of resources; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Vec<String>>,
    /// Attributes that series must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<BTreeMap<String, String>>,
    /// How the samples of a step become a point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<WidgetAggregate>,
    /// How series become one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub across: Option<WidgetAcross>,
    /// How far back it shows, such as `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// Where its scale begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Where its scale ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// From where on it is yellow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<f64>,
    /// From where on it is red.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<f64>,
    /// Unit that is shown instead of the metric's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Where a widget stands in the grid of [`COLUMNS`] columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WidgetPosition)]
pub struct Position {
    /// Column, from 0.
    pub x: u32,
    /// Row, from 0.
    pub y: u32,
    /// Columns that it takes; with `x` at most 12.
    pub width: u32,
    /// Rows that it takes, 1 to 12.
    pub height: u32,
}

/// Fields of a widget that shows series.
const OF_SERIES: &[&str] =
    &["metrics", "resources", "attributes", "aggregate", "across", "period", "min", "max", "warning", "critical", "unit"];

impl WidgetType {
    /// Whether it may have a field.
    fn takes(self, field: &str) -> bool {
        match self {
            Self::Chart => field == "chart_type" || OF_SERIES.contains(&field),
            Self::Line | Self::Bar | Self::Gauge | Self::Stat | Self::Table => OF_SERIES.contains(&field),
            Self::Status => field == "resources",
            Self::Text => field == "text",
        }
    }

    /// What it must have.
    const fn needs(self) -> Option<&'static str> {
        match self {
            Self::Chart | Self::Line | Self::Bar | Self::Gauge | Self::Stat | Self::Table => Some("metrics"),
            Self::Text => Some("text"),
            Self::Status => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Chart => "chart",
            Self::Line => "line",
            Self::Bar => "bar",
            Self::Gauge => "gauge",
            Self::Stat => "stat",
            Self::Table => "table",
            Self::Status => "status",
            Self::Text => "text",
        }
    }
}

impl Widget {
    /// Adds everything that is wrong with it. `place` stands before the names of its fields, such as `widgets[3].`.
    pub(crate) fn check(&mut self, place: &str, faults: &mut Vec<Fault>) {
        match title(&format!("{place}title"), &self.title) {
            Ok(title) => self.title = title,
            Err(fault) => faults.push(fault),
        }
        self.position.check(&format!("{place}position"), faults);
        self.config.check(self.widget_type, &format!("{place}config"), faults);
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if self.id.len() > ID_BYTES_MAX || !self.id.bytes().all(is_word) {
            let detail = format!("must be at most {ID_BYTES_MAX} letters, digits, dashes and underscores");
            faults.push(Fault::new(format!("{place}id"), detail));
        }
    }
}

/// Gives each widget that has none an identifier; two must not have the same.
pub(super) fn number(widgets: &mut [Widget], faults: &mut Vec<Fault>) {
    let mut taken: HashSet<String> = HashSet::new();
    for (index, widget) in widgets.iter().enumerate().filter(|(_, widget)| !widget.id.is_empty()) {
        if !taken.insert(widget.id.clone()) {
            faults.push(Fault::new(format!("widgets[{index}].id"), "is that of another widget"));
        }
    }
    let mut next = 0_u32;
    for widget in widgets.iter_mut().filter(|widget| widget.id.is_empty()) {
        while widget.id.is_empty() || !taken.insert(widget.id.clone()) {
            next += 1;
            widget.id = format!("w{next}");
        }
    }
}

impl Position {
    fn check(self, place: &str, faults: &mut Vec<Fault>) {
        let mut wrong = |field: &str, detail: String| faults.push(Fault::new(format!("{place}.{field}"), detail));
        if self.x >= COLUMNS {
            wrong("x", format!("must be below {COLUMNS}"));
        } else if self.width == 0 || self.width > COLUMNS - self.x {
            wrong("width", format!("must be at least 1, and x + width at most {COLUMNS}"));
        }
        if self.y >= ROWS {
            wrong("y", format!("must be below {ROWS}"));
        }
        if self.height == 0 || self.height > HEIGHT_MAX {
            wrong("height", format!("must be from 1 to {HEIGHT_MAX}"));
        }
    }
}

impl Config {
    fn check(&self, of: WidgetType, place: &str, faults: &mut Vec<Fault>) {
        for (field, is_given) in self.given() {
            if is_given && !of.takes(field) {
                faults.push(Fault::new(format!("{place}.{field}"), format!("is not for a widget of type {}", of.as_str())));
            }
            if !is_given && of.needs() == Some(field) {
                faults.push(Fault::new(
                    format!("{place}.{field}"),
                    format!("is missing: a widget of type {} needs it", of.as_str()),
                ));
            }
        }
        let mut wrong = |field: &str, detail: String| faults.push(Fault::new(format!("{place}.{field}"), detail));
        if let Some(metrics) = &self.metrics {
            list("metrics", metrics, (1, METRICS_MAX), NAME_BYTES_MAX, &mut wrong);
        }
        if let Some(resources) = &self.resources {
            list("resources", resources, (0, RESOURCES_MAX), KEY_BYTES_MAX, &mut wrong);
        }
        if let Some(attributes) = &self.attributes {
            let (keys, values): (Vec<String>, Vec<String>) = attributes.clone().into_iter().unzip();
            list("attributes", &keys, (0, ATTRIBUTES_MAX), NAME_BYTES_MAX, &mut wrong);
            list("attributes", &values, (0, ATTRIBUTES_MAX), VALUE_BYTES_MAX, &mut wrong);
        }
        if let Some(period) = &self.period
            && !Span::parse(period).is_ok_and(|span| PERIOD_MS.contains(&span.ms()))
        {
            wrong("period", "must be from a minute to two years: write 1h, 24h, 7d or 30d".to_owned());
        }
        for (field, value) in [("min", self.min), ("max", self.max), ("warning", self.warning), ("critical", self.critical)] {
            if value.is_some_and(|value| !value.is_finite()) {
                wrong(field, "is not a number".to_owned());
            }
        }
        if self.min.zip(self.max).is_some_and(|(min, max)| min >= max) {
            wrong("max", "must be above min".to_owned());
        }
        if self.unit.as_ref().is_some_and(|unit| unit.chars().count() > UNIT_CHARS_MAX || unit.chars().any(is_hidden)) {
            wrong("unit", format!("must be at most {UNIT_CHARS_MAX} visible characters"));
        }
        let is_bad = |sign: char| is_hidden(sign) && !matches!(sign, '\n' | '\t');
        if self.text.as_ref().is_some_and(|text| text.chars().count() > TEXT_CHARS_MAX || text.chars().any(is_bad)) {
            wrong("text", format!("must be at most {TEXT_CHARS_MAX} visible characters"));
        }
    }

    /// Every field, and whether it is given.
    const fn given(&self) -> [(&'static str, bool); 13] {
        [
            ("chart_type", self.chart_type.is_some()),
            ("metrics", self.metrics.is_some()),
            ("resources", self.resources.is_some()),
            ("attributes", self.attributes.is_some()),
            ("aggregate", self.aggregate.is_some()),
            ("across", self.across.is_some()),
            ("period", self.period.is_some()),
            ("min", self.min.is_some()),
            ("max", self.max.is_some()),
            ("warning", self.warning.is_some()),
            ("critical", self.critical.is_some()),
            ("unit", self.unit.is_some()),
            ("text", self.text.is_some()),
        ]
    }
}

/// Checks a list of names.
fn list(field: &str, all: &[String], (least, most): (usize, usize), bytes_max: usize, wrong: &mut dyn FnMut(&str, String)) {
    if all.len() < least || all.len() > most {
        wrong(field, format!("must have {least} to {most} entries, not {}", all.len()));
    }
    if all.iter().any(|one| one.is_empty() || one.len() > bytes_max || one.chars().any(is_hidden)) {
        wrong(field, format!("must hold visible text of at most {bytes_max} bytes"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn faults(json: Value) -> Vec<String> {
        let mut widget: Widget = serde_json::from_value(json).unwrap();
        let mut faults = Vec::new();
        widget.check("w.", &mut faults);
        faults.into_iter().map(|fault| fault.field).collect()
    }

    fn widget(kind: &str, config: &Value) -> Value {
        json!({ "widget_type": kind, "title": "T", "config": config, "position": { "x": 0, "y": 0, "width": 6, "height": 4 } })
    }

    #[test]
    fn the_widget_of_the_guide_is_accepted_as_printed() {
        let printed = json!({
            "widget_type": "chart", "title": "Messages per Hour",
            "config": { "chart_type": "line", "metrics": ["messages_sent", "messages_received"] },
            "position": { "x": 0, "y": 0, "width": 6, "height": 4 },
        });
        assert_eq!(faults(printed), [""; 0]);
    }

    #[test]
    fn each_type_has_its_fields_and_no_others() {
        for kind in ["chart", "line", "bar", "gauge", "stat", "table"] {
            assert_eq!(faults(widget(kind, &json!({ "metrics": ["a"], "min": 0, "max": 9, "period": "7d" }))), [""; 0], "{kind}");
            assert_eq!(faults(widget(kind, &json!({ "metrics": ["a"], "text": "x" }))), ["w.config.text"], "{kind}");
            assert_eq!(faults(widget(kind, &json!({}))), ["w.config.metrics"], "{kind}");
        }
        assert_eq!(faults(widget("line", &json!({ "metrics": ["a"], "chart_type": "bar" }))), ["w.config.chart_type"]);
        assert_eq!(faults(widget("status", &json!({}))), [""; 0]);
        assert_eq!(faults(widget("status", &json!({ "metrics": ["a"] }))), ["w.config.metrics"]);
        assert_eq!(faults(widget("text", &json!({ "text": "a\nb" }))), [""; 0]);
    }

    #[test]
    fn values_have_their_bounds() {
        for (config, field) in [
            (json!({ "metrics": [] }), "metrics"),
            (json!({ "metrics": vec!["a"; 17] }), "metrics"),
            (json!({ "metrics": ["a\u{0}"] }), "metrics"),
            (json!({ "metrics": ["x".repeat(129)] }), "metrics"),
            (json!({ "metrics": ["a"], "resources": vec!["a"; 51] }), "resources"),
            (json!({ "metrics": ["a"], "attributes": { "": "x" } }), "attributes"),
            (json!({ "metrics": ["a"], "period": "5s" }), "period"),
            (json!({ "metrics": ["a"], "period": "soon" }), "period"),
            (json!({ "metrics": ["a"], "min": 5, "max": 5 }), "max"),
            (json!({ "metrics": ["a"], "unit": "\u{202e}" }), "unit"),
        ] {
            assert_eq!(faults(widget("line", &config)), [format!("w.config.{field}")], "{config}");
        }
        assert_eq!(faults(widget("text", &json!({ "text": "x".repeat(4_001) }))), ["w.config.text"]);
        let mut placed = widget("text", &json!({ "text": "x" }));
        for (position, field) in [
            (json!({ "x": 12, "y": 0, "width": 1, "height": 1 }), "x"),
            (json!({ "x": 11, "y": 0, "width": 2, "height": 1 }), "width"),
            (json!({ "x": 0, "y": 200, "width": 1, "height": 1 }), "y"),
            (json!({ "x": 0, "y": 0, "width": 0, "height": 1 }), "width"),
            (json!({ "x": 0, "y": 0, "width": 4_294_967_295_u32, "height": 1 }), "width"),
            (json!({ "x": 0, "y": 0, "width": 1, "height": 13 }), "height"),
        ] {
            placed["position"] = position;
            assert_eq!(faults(placed.clone()), [format!("w.position.{field}")]);
        }
        let mut named = widget("text", &json!({ "text": "x" }));
        named["id"] = json!("a b");
        assert_eq!(faults(named), ["w.id"]);
    }

    #[test]
    fn what_is_unknown_is_refused() {
        for json in [
            widget("pie", &json!({})),
            widget("line", &json!({ "metrics": ["a"], "colour": "red" })),
            json!({ "widget_type": "text", "title": "T", "config": { "text": "x" }, "position": { "x": 0, "y": 0, "width": 1, "height": 1 }, "z": 1 }),
            json!({ "widget_type": "text", "title": "T", "config": { "text": "x" }, "position": { "x": -1, "y": 0, "width": 1, "height": 1 } }),
        ] {
            assert!(serde_json::from_value::<Widget>(json.clone()).is_err(), "{json}");
        }
    }

    #[test]
    fn widgets_without_a_number_get_a_free_one() {
        let mut all: Vec<Widget> = (0..3).map(|_| serde_json::from_value(widget("status", &json!({}))).unwrap()).collect();
        all[1].id = "w1".to_owned();
        let mut faults = Vec::new();
        number(&mut all, &mut faults);
        assert_eq!(all.iter().map(|widget| widget.id.as_str()).collect::<Vec<_>>(), ["w2", "w1", "w3"]);
        all[0].id = "w1".to_owned();
        number(&mut all, &mut faults);
        assert_eq!(faults.len(), 1);
    }
}
