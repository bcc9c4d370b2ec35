//! `GET /api/v1/events`: what happened in applications, newest first, with what is derived of it.

use std::collections::BTreeMap;

use axum::{extract::Request, response::Response};
use farol_shared::{
    catalog,
    metric::{Kind, Metric},
    record::Event,
};
use farol_store::{Across, Aggregate, EventQuery, Query, RECORDS_MAX, RecordRange, ResourceId, Store, Stored};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    App, aside, json_bytes,
    records::{Scope, next, told},
    requests::write,
};
use crate::{
    number::concise,
    problem::Problem,
    push::payload,
    service::derived::{self, Derived},
};

/// Most pages of events that are read to derive the figures of one tenant: series are not kept apart by tenant.
const PAGES_MAX: usize = 10;

/// Most points that are added up for an increase.
const POINTS: u32 = 1_500;

/// For how long the newest word about what is going on holds, in milliseconds.
const NOW_MS: i64 = 2 * 60_000;

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub struct Events {
    /// Newest first.
    pub events: Vec<EventEntry>,
    /// Parameter `before` of the next page; `null` on the last one.
    pub next: Option<String>,
    /// How many events of each type there are in the range, most frequent first.
    pub counts: Vec<EventCount>,
    /// What is derived of typed events, over the range: `null` where none told of it.
    pub derived: BTreeMap<&'static str, Option<f64>>,
}

/// One event.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventEntry {
    /// Its number.
    pub id: i64,
    /// When it happened, in milliseconds since the epoch.
    pub time: i64,
    /// Number of the service's resource.
    pub service: ResourceId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Tenant.
    pub tenant: Option<String>,
    /// What is told about it, private fields masked.
    #[schema(value_type = Object)]
    pub payload: Box<RawValue>,
}

/// How many events of a type there are.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventCount {
    /// The type.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many.
    pub count: u64,
}

/// How a figure is made of metrics.
#[derive(Debug, Clone, Copy)]
enum Made {
    /// Increase of a counter.
    Total(&'static Metric),
    /// Newest value of a gauge in the range.
    Newest(&'static Metric),
    /// Value of a gauge at the end of the range.
    Now(&'static Metric),
    /// One less the share of a metric in another.
    ShareWithout(&'static Metric, &'static Metric),
    /// Share of a metric in another.
    Share(&'static Metric, &'static Metric),
    /// Quotient of seconds and a count, in milliseconds.
    MeanMs(&'static Metric, &'static Metric),
}

/// Every figure by its name in the API.
const FIGURES: &[(&str, Made)] = &[
    ("messages_sent", Made::Total(&catalog::MESSAGES_SENT)),
    ("messages_failed", Made::Total(&catalog::MESSAGES_FAILED)),
    ("messages_received", Made::Total(&catalog::MESSAGES_RECEIVED)),
    ("active_conversations", Made::Now(&catalog::CONVERSATIONS_ACTIVE)),
    ("tickets_created", Made::Total(&catalog::TICKETS_CREATED)),
    ("ai_interactions", Made::Total(&catalog::AI_INTERACTIONS)),
    ("ai_tokens", Made::Total(&catalog::AI_TOKENS)),
    ("erp_calls", Made::Total(&catalog::ERP_CALLS)),
    ("erp_success_ratio", Made::ShareWithout(&catalog::ERP_FAILED, &catalog::ERP_CALLS)),
    ("erp_latency_ms", Made::MeanMs(&catalog::ERP_TIME, &catalog::ERP_CALLS)),
    ("campaigns_sent", Made::Newest(&catalog::CAMPAIGNS_SENT)),
    ("campaigns_opened", Made::Newest(&catalog::CAMPAIGNS_OPENED)),
    ("campaigns_clicked", Made::Newest(&catalog::CAMPAIGNS_CLICKED)),
    ("campaigns_open_ratio", Made::Share(&catalog::CAMPAIGNS_OPENED, &catalog::CAMPAIGNS_SENT)),
    ("campaigns_click_ratio", Made::Share(&catalog::CAMPAIGNS_CLICKED, &catalog::CAMPAIGNS_SENT)),
];

/// Answers events.
pub(super) async fn events(app: App, request: Request) -> Result<Response, Problem> {
    let scope = Scope::of(&app, &request, &["type", "limit", "before"])?;
    let kinds: Vec<String> = scope.parameters.list("type")?.into_iter().map(str::to_owned).collect();
    let (limit, before) = (scope.limit(50)?, scope.before()?);
    let answer = aside(&request, move || {
        let (store, range) = (&app.parts().store, scope.records(&app)?);
        let question = EventQuery { range: range.clone(), kinds, before, limit };
        let found = told(store.events(&question))?;
        let next = next(found.last().map(|last| (last.record.time_ms, last.id)), found.len() >= limit);
        let counts = told(store.event_counts(&range))?;
        let derived = derived_of(store, &range, &counts, app.now_ms())?;
        write(&Events {
            events: found.into_iter().map(entry).collect(),
            next,
            counts: counts.into_iter().map(|(kind, count)| EventCount { kind, count }).collect(),
            derived,
        })
    });
    Ok(json_bytes(answer.await?))
}

fn entry(found: Stored<Event>) -> EventEntry {
    let one = found.record;
    EventEntry {
        id: found.id,
        time: one.time_ms,
        service: found.resource,
        kind: one.kind,
        tenant: one.tenant,
        payload: payload(&one.payload),
    }
}

/// Every figure over the range: of the services' series, or of the events themselves where a tenant is named.
fn derived_of(
    store: &Store,
    range: &RecordRange,
    counts: &[(String, u64)],
    now_ms: i64,
) -> Result<BTreeMap<&'static str, Option<f64>>, Problem> {
    let is_any = counts.iter().any(|(kind, _)| derived::types().any(|known| known == kind));
    let mut values: BTreeMap<&str, Option<f64>> = BTreeMap::new();
    if range.tenant.is_some() {
        if let Some(derived) = is_any.then(|| fold(store, range)).transpose()?.flatten() {
            values = derived.values(range.to_ms.min(now_ms)).map(|(row, value)| (row.metric.name, value)).collect();
        }
    } else {
        for row in derived::ROWS {
            values.insert(row.metric.name, of_series(store, range, row.metric)?);
        }
    }
    let value = |metric: &Metric| values.get(metric.name).copied().flatten();
    Ok(FIGURES.iter().map(|(name, made)| (*name, made.value(value).map(concise))).collect())
}

impl Made {
    fn value(self, value: impl Fn(&Metric) -> Option<f64>) -> Option<f64> {
        let quotient = |part: &Metric, whole: &Metric| {
            let whole = value(whole).filter(|whole| *whole > 0.0)?;
            Some(value(part).unwrap_or(0.0) / whole)
        };
        match self {
            Self::Total(metric) | Self::Newest(metric) | Self::Now(metric) => value(metric),
            Self::Share(part, whole) => quotient(part, whole),
            Self::ShareWithout(part, whole) => quotient(part, whole).map(|share| 1.0 - share),
            Self::MeanMs(sum, count) => quotient(sum, count).map(|mean| mean * 1_000.0),
        }
    }
}

/// Types of events that figures are derived from.
pub(crate) const FOLDED: &[&str] = &[
    "AIInteraction",
    "CampaignUpdate",
    "ConversationEnded",
    "ConversationStarted",
    "ERPCall",
    "MessageReceived",
    "MessageSent",
    "TicketCreated",
];

/// Every figure over the range, of the series of all services.
///
/// # Errors
/// 500 when history cannot be read.
pub(crate) fn derived_of_all(
    store: &Store,
    range: &RecordRange,
    now_ms: i64,
) -> Result<BTreeMap<&'static str, Option<f64>>, Problem> {
    derived_of(store, range, &[], now_ms)
}

/// Every figure of events that were added up.
pub(crate) fn derived_of_events(derived: &Derived, now_ms: i64) -> BTreeMap<&'static str, Option<f64>> {
    let values: BTreeMap<&str, Option<f64>> = derived.values(now_ms).map(|(row, value)| (row.metric.name, value)).collect();
    let value = |metric: &Metric| values.get(metric.name).copied().flatten();
    FIGURES.iter().map(|(name, made)| (*name, made.value(value).map(concise))).collect()
}

/// A metric over the range, of all services together.
fn of_series(store: &Store, range: &RecordRange, metric: &Metric) -> Result<Option<f64>, Problem> {
    let is_now = FIGURES.iter().any(|(_, made)| matches!(made, Made::Now(now) if now.name == metric.name));
    let is_counter = metric.kind == Kind::Counter;
    let from_ms = if is_now { range.from_ms.max(range.to_ms.saturating_sub(NOW_MS)) } else { range.from_ms };
    let answer = told(store.query(&Query {
        metric: metric.name.to_owned(),
        resources: range.resources.clone(),
        from_ms,
        to_ms: range.to_ms,
        aggregate: if is_counter { Aggregate::Increase } else { Aggregate::Last },
        across: Across::None,
        max_points: POINTS,
        ..Query::default()
    }))?;
    let of_one = |points: &[(i64, f64)]| {
        if is_counter { Some(points.iter().map(|(_, value)| value).sum::<f64>()) } else { points.last().map(|(_, value)| *value) }
    };
    Ok(answer.series.iter().filter_map(|series| of_one(&series.points)).reduce(|sum, value| sum + value))
}

/// What the events of one tenant add up to; `None` when there are too many to read.
fn fold(store: &Store, range: &RecordRange) -> Result<Option<Derived>, Problem> {
    let mut kinds: Vec<String> = derived::types().map(str::to_owned).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut question = EventQuery { range: range.clone(), kinds, before: None, limit: RECORDS_MAX };
    let mut derived = Derived::default();
    for _ in 0..PAGES_MAX {
        let page = told(store.events(&question))?;
        page.iter().for_each(|event| derived.take(&event.record));
        if page.len() < RECORDS_MAX {
            return Ok(Some(derived));
        }
        question.before = page.last().map(|last| (last.record.time_ms, last.id));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_anything_is_derived_from_is_read() {
        let mut types: Vec<&str> = derived::types().collect();
        types.sort_unstable();
        types.dedup();
        assert_eq!(types, FOLDED);
    }

    #[test]
    fn figures_are_made_as_the_table_says_and_of_nothing_comes_nothing() {
        let known = [
            (&catalog::ERP_CALLS, 4.0),
            (&catalog::ERP_FAILED, 1.0),
            (&catalog::ERP_TIME, 2.0),
            (&catalog::CAMPAIGNS_SENT, 0.0),
            (&catalog::MESSAGES_SENT, 7.0),
        ];
        let value = |metric: &Metric| known.iter().find(|(known, _)| known.name == metric.name).map(|(_, value)| *value);
        let figure = |name| FIGURES.iter().find(|(known, _)| *known == name).unwrap().1.value(value);
        assert_eq!(figure("messages_sent"), Some(7.0));
        assert_eq!(figure("erp_success_ratio"), Some(0.75));
        assert_eq!(figure("erp_latency_ms"), Some(500.0));
        assert_eq!((figure("campaigns_open_ratio"), figure("ai_tokens")), (None, None));
    }
}
