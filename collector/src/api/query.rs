//! `GET /api/v1/query`: history of metrics.

use axum::{extract::Request, response::Response};
use farol_shared::{catalog, metric::Kind};
use farol_store::{Across, Aggregate, POINTS_DEFAULT, POINTS_MAX, Query, QuerySeries, ResourceId, Store};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App, aside, json_bytes,
    parameters::{Parameters, wrong},
    series::Attributes,
    store_problem,
    visible::Visible,
};
use crate::{access::View, number, problem::Problem};

/// Most metrics of one question: one page of charts asks for fewer.
pub const METRICS_MAX: usize = 16;

const KNOWN: &[&str] = &["metric", "resource", "attribute", "from", "to", "step", "aggregate", "across", "points"];

pub(super) const AGGREGATES: &[(&str, Aggregate)] = &[
    ("mean", Aggregate::Mean),
    ("min", Aggregate::Min),
    ("max", Aggregate::Max),
    ("sum", Aggregate::Sum),
    ("last", Aggregate::Last),
    ("count", Aggregate::Count),
    ("rate", Aggregate::Rate),
    ("increase", Aggregate::Increase),
    ("raw", Aggregate::Raw),
];

pub(super) const ACROSS: &[(&str, Across)] =
    &[("none", Across::None), ("sum", Across::Sum), ("mean", Across::Mean), ("max", Across::Max)];

/// History.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueryAnswer)]
pub struct Answer {
    /// Start of the first step, in milliseconds since the epoch.
    pub from: i64,
    /// End of the last step, in milliseconds since the epoch.
    pub to: i64,
    /// Distance of points, in milliseconds; 0 for raw samples.
    pub step: i64,
    /// The coarsest columns that it was made from: `raw`, `1m` or `1h`.
    pub tier: &'static str,
    /// One entry a series; series without a point are absent.
    pub series: Vec<Entry>,
}

/// One series of an answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QuerySeries)]
pub struct Entry {
    /// Number of its resource; 0 when several were made one.
    pub resource: ResourceId,
    /// Number of the series; 0 when several were made one.
    pub id: u32,
    /// Name of the metric.
    pub metric: String,
    /// Unit of the points: a rate's is per second.
    pub unit: String,
    /// What tells it from the other series of the metric.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub attributes: Attributes,
    /// `[milliseconds since the epoch, value]` in time order; steps without a sample are absent.
    #[serde(serialize_with = "points")]
    #[schema(value_type = Vec<Vec<f64>>)]
    pub points: Vec<(i64, f64)>,
}

#[expect(clippy::ptr_arg, reason = "serde hands a reference to the field's own type")]
fn points<S: serde::Serializer>(points: &Vec<(i64, f64)>, serializer: S) -> Result<S::Ok, S::Error> {
    number::pairs(points, serializer)
}

/// Answers history.
pub(super) async fn query(app: App, request: Request) -> Result<Response, Problem> {
    let parameters = Parameters::of(request.uri(), KNOWN)?;
    let metrics: Vec<String> = parameters.list("metric")?.into_iter().map(str::to_owned).collect();
    if metrics.is_empty() {
        return Err(wrong("metric", "is missing: name at least one metric"));
    }
    if metrics.len() > METRICS_MAX {
        return Err(wrong("metric", format!("names {} metrics, the limit is {METRICS_MAX}", metrics.len())));
    }
    let view = View::of(&request)?;
    let range = parameters.range(app.now_ms())?;
    let aggregate = parameters.word("aggregate", AGGREGATES)?;
    let mut question = Query {
        metric: String::new(),
        resources: parameters.resources()?,
        attributes: attributes(&parameters)?,
        from_ms: range.from_ms,
        to_ms: range.to_ms,
        step_ms: parameters.span_ms("step")?,
        aggregate: Aggregate::default(),
        across: parameters.word("across", ACROSS)?.unwrap_or_default(),
        max_points: parameters.number("points", POINTS_DEFAULT, 1, POINTS_MAX)?,
    };
    let bytes = aside(&request, move || {
        question.resources = Visible::of(&app, &view).narrow(question.resources);
        let answer = answer(&app.parts().store, &metrics, question, aggregate)?;
        serde_json::to_vec(&answer).map_err(|_| Problem::internal())
    });
    Ok(json_bytes(bytes.await?))
}

fn attributes(parameters: &Parameters) -> Result<Vec<(String, String)>, Problem> {
    let pair = |text: &str| {
        let (key, value) = text.split_once('=').ok_or_else(|| wrong("attribute", format!("'{text}' is not key=value")))?;
        Ok((key.to_owned(), value.to_owned()))
    };
    parameters.all("attribute").map(pair).collect()
}

fn answer(store: &Store, metrics: &[String], mut question: Query, aggregate: Option<Aggregate>) -> Result<Answer, Problem> {
    let mut whole: Option<Answer> = None;
    let mut tier = None;
    for metric in metrics {
        question.metric.clone_from(metric);
        question.aggregate = aggregate.unwrap_or_else(|| usual(store, &question));
        let part = store.query(&question).map_err(|error| store_problem(&error))?;
        // All metrics of an answer share one grid: what the store chose for the first holds for the rest.
        if question.aggregate != Aggregate::Raw {
            question.step_ms = part.step_ms;
        }
        let entries = part.series.into_iter().map(|series| entry(series, question.aggregate));
        tier = tier.max(Some(part.tier));
        match &mut whole {
            Some(whole) => whole.series.extend(entries),
            None => {
                let series = entries.collect();
                whole = Some(Answer { from: part.from_ms, to: part.to_ms, step: part.step_ms, tier: part.tier.as_str(), series });
            }
        }
    }
    let mut whole = whole.ok_or_else(Problem::internal)?;
    if let Some(tier) = tier {
        whole.tier = tier.as_str();
    }
    Ok(whole)
}

/// Rate for counters, mean for gauges.
fn usual(store: &Store, question: &Query) -> Aggregate {
    let catalogued = catalog::ALL.iter().find(|row| row.name == question.metric).map(|row| row.kind);
    let kind = catalogued.or_else(|| {
        store.series(question.resources.first().copied(), Some(&question.metric)).first().map(farol_store::SeriesInfo::kind)
    });
    if kind == Some(Kind::Counter) { Aggregate::Rate } else { Aggregate::Mean }
}

fn entry(found: QuerySeries, aggregate: Aggregate) -> Entry {
    let series = &found.series;
    let unit = match aggregate {
        Aggregate::Rate => format!("{}/s", series.unit()),
        Aggregate::Count => "{sample}".to_owned(),
        Aggregate::Mean
        | Aggregate::Min
        | Aggregate::Max
        | Aggregate::Sum
        | Aggregate::Last
        | Aggregate::Increase
        | Aggregate::Raw => series.unit().to_owned(),
    };
    Entry {
        resource: series.resource,
        id: series.id,
        metric: series.metric().to_owned(),
        unit,
        attributes: Attributes(series.attributes().to_vec()),
        points: found.points,
    }
}
