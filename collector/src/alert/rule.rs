//! A rule: what is watched, from when on it is too much, and who is told. As people write it in TOML and in the page.

use farol_shared::resource::ResourceKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

mod check;

pub use check::id_of;

use crate::problem::Fault;

/// Most rules of a collector, the built-in ones included.
pub const RULES_MAX: usize = 2_000;

/// Longest stretch that a condition looks back, in seconds: 6 h.
pub const WINDOW_S_MAX: u32 = 6 * 3_600;

/// Longest time that a condition must hold, or be over, in seconds: a day.
pub const FOR_S_MAX: u32 = 86_400;

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AlertRule)]
pub struct Rule {
    /// Its word in addresses: 1 to 64 of a-z, 0-9, `_` and `-`. Made of the name when it is empty.
    #[serde(default)]
    pub id: String,
    /// What people call it, 1 to 128 characters.
    pub name: String,
    /// Whether it is judged.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Judges only what belongs to this tenant, and is shown to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What is watched.
    pub condition: Condition,
    /// Beyond this it is a warning, in the unit of the condition's value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<f64>,
    /// Beyond this it is critical.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<f64>,
    /// For how long it must hold without a break, in seconds.
    #[serde(default)]
    pub for_s: u32,
    /// How far back behind a threshold a value must come to be over it, in the unit of the value; 0 or more.
    #[serde(default)]
    pub recovery: f64,
    /// For how long it must be over to be resolved, in seconds.
    #[serde(default)]
    pub resolve_after_s: u32,
    /// Is also a warning (critical when only that threshold is given) when there is no value for so long, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_data_s: Option<u32>,
    /// Channels that are told; those whose severities fit when there is none.
    #[serde(default)]
    pub channels: Vec<String>,
    /// Tells again after so many seconds while it is not over and nobody has acknowledged it; the house's habit when not given, never when 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_s: Option<u32>,
    /// What is said, with `{{ value }}`, `{{ threshold }}`, `{{ resource }}`, `{{ service }}`, `{{ tenant }}`, `{{ environment }}` and the
    /// attributes' names in braces; made of the condition when not given. At most 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where it is written what to do: an address of http or https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
}

const fn yes() -> bool {
    true
}

/// Why a table of the configuration is no rule.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// A key is missing, unknown or of the wrong sort.
    #[error("rule '{name}': {cause}")]
    Written {
        /// Its id or name, as far as there is one.
        name: String,
        /// What was found, with the key.
        cause: String,
    },
    /// It can be read, but says what cannot be.
    #[error("rule '{name}': {faults}")]
    Checked {
        /// Its id or name.
        name: String,
        /// Every fault with its key.
        faults: String,
    },
}

impl Rule {
    /// Reads a `[[rule]]` table of the configuration, and checks it.
    ///
    /// # Errors
    /// [`RuleError`] names the rule and every key that is wrong.
    pub fn from_table(table: &toml::Table) -> Result<Self, RuleError> {
        let named = ["id", "name"].into_iter().find_map(|key| table.get(key)?.as_str());
        let name = named.unwrap_or("without a name").to_owned();
        let mut rule: Self = match table.clone().try_into() {
            Ok(rule) => rule,
            Err(error) => return Err(RuleError::Written { name, cause: toml::de::Error::message(&error).to_owned() }),
        };
        match rule.complete() {
            Ok(()) => Ok(rule),
            Err(faults) => {
                let told: Vec<String> = faults.iter().map(|fault| format!("{}: {}", fault.field, fault.detail)).collect();
                Err(RuleError::Checked { name, faults: told.join("; ") })
            }
        }
    }

    /// Gives it an id made of its name when it has none, and checks it.
    ///
    /// # Errors
    /// Every fault.
    pub fn complete(&mut self) -> Result<(), Vec<Fault>> {
        if self.id.is_empty() {
            self.id = id_of(&self.name);
        }
        let faults = check::check(self);
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// On which side of its thresholds it is too much.
    #[must_use]
    pub const fn comparison(&self) -> Comparison {
        match &self.condition {
            Condition::Series(series) => series.comparison,
            Condition::Events(_) | Condition::Logs(_) | Condition::Silent(_) => Comparison::Above,
        }
    }

    /// What it is judged by in one word: the metric; `events`, `logs` or `silence`.
    #[must_use]
    pub fn metric(&self) -> &str {
        match &self.condition {
            Condition::Series(series) => &series.metric,
            Condition::Events(_) => "events",
            Condition::Logs(_) => "logs",
            Condition::Silent(_) => "silence",
        }
    }

    /// How far its condition looks back, in milliseconds.
    #[must_use]
    pub fn window_ms(&self) -> i64 {
        1_000
            * i64::from(match &self.condition {
                Condition::Series(series) => series.window_s,
                Condition::Events(events) => events.window_s,
                Condition::Logs(logs) => logs.window_s,
                Condition::Silent(_) => 0,
            })
    }
}

impl Condition {
    /// Of which resources.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        match self {
            Self::Series(series) => &series.resources,
            Self::Events(events) => &events.resources,
            Self::Logs(logs) => &logs.resources,
            Self::Silent(silent) => &silent.resources,
        }
    }
}

/// What a rule watches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = AlertCondition)]
pub enum Condition {
    /// A value made of series.
    Series(SeriesCondition),
    /// How many events came within the window.
    Events(EventCondition),
    /// How many log records came within the window.
    Logs(LogCondition),
    /// For how many seconds nothing was heard of a resource whose agent has not left it out.
    Silent(SilentCondition),
}

/// A value made of series: an aggregate over a window, of the series of one resource that have the same attributes named by `by`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AlertSeriesCondition)]
pub struct SeriesCondition {
    /// Name of the metric.
    pub metric: String,
    /// What the series' attributes must be: `key=value`, `key=one|other`, `key!=value`. At most 8.
    #[serde(default)]
    pub attributes: Vec<String>,
    /// Of which resources.
    #[serde(default)]
    pub resources: Scope,
    /// Attributes that keep series apart; those that differ in others only are added up. All of them when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Vec<String>>,
    /// Divides by the sum of other series of the same resource and the same `by`: a limit, or a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divided_by: Option<Divisor>,
    /// How the samples of the window become a value.
    pub aggregate: Aggregate,
    /// Which quantile, 0 to 1, when that is the aggregate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantile: Option<f64>,
    /// How far it looks back, in seconds; 1 to [`WINDOW_S_MAX`].
    pub window_s: u32,
    /// On which side of the threshold it is too much.
    #[serde(default)]
    pub comparison: Comparison,
    /// What the value is compared with.
    #[serde(default)]
    pub against: Against,
}

/// Series to divide by: of a counter its rate over the window, of a gauge its newest value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AlertDivisor)]
pub struct Divisor {
    /// Name of the metric.
    pub metric: String,
    /// As beside the metric that is divided.
    #[serde(default)]
    pub attributes: Vec<String>,
}

/// Of which resources; all when nothing is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = AlertScope)]
pub struct Scope {
    /// Of this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub kind: Option<ResourceKind>,
    /// Whose name fits this pattern; `*` stands for anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of this service (`service.name`); a pattern too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Of this environment (`deployment.environment.name`); a pattern too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

/// How the samples of a window become a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AlertAggregate)]
pub enum Aggregate {
    /// Mean of the samples.
    Mean,
    /// Largest.
    Max,
    /// Smallest.
    Min,
    /// Sum of the samples.
    Sum,
    /// How many samples.
    Count,
    /// Newest sample.
    Last,
    /// Increase of a counter by second, resets handled; of a gauge, its change by second.
    Rate,
    /// Increase of a counter over the window, resets handled; of a gauge, its change.
    Increase,
    /// A quantile of the samples.
    Quantile,
    /// In how many seconds the value, going on as it went over the window (least squares), reaches 1 or, without a divisor, 0; infinite
    /// when it never does.
    Until,
    /// Seconds since the newest sample.
    Absent,
}

/// On which side of a threshold it is too much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AlertComparison)]
pub enum Comparison {
    /// Above it.
    #[default]
    Above,
    /// Below it.
    Below,
}

/// What a value is compared with before it is compared with a threshold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AlertAgainst)]
pub enum Against {
    /// Nothing: the value itself is judged.
    #[default]
    Nothing,
    /// The same hour of yesterday: judged is by what part of that it differs (0.5: half as much again, or half as much less).
    Yesterday,
    /// The same hour a week ago, likewise.
    LastWeek,
    /// Its usual spread: judged is how many standard deviations of the last 24 h it is away from their mean.
    Usual,
}

/// How many events came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AlertEventCondition)]
pub struct EventCondition {
    /// Types of events; all when there is none. At most 16.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// Words that the payload must contain, whatever their case; one of several lines is enough. At most 8.
    #[serde(default)]
    pub words: Vec<String>,
    /// Of which resources.
    #[serde(default)]
    pub resources: Scope,
    /// How far it looks back, in seconds.
    pub window_s: u32,
}

/// How many log records came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AlertLogCondition)]
pub struct LogCondition {
    /// Words that the message must contain, whatever their case; one of several is enough. At most 8.
    #[serde(default)]
    pub words: Vec<String>,
    /// At least this grave: `trace`, `debug`, `info`, `warning`, `error`, `critical`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Of which resources.
    #[serde(default)]
    pub resources: Scope,
    /// How far it looks back, in seconds.
    pub window_s: u32,
}

/// For how long nothing was heard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AlertSilentCondition)]
pub struct SilentCondition {
    /// Of which resources.
    #[serde(default)]
    pub resources: Scope,
}
