//! `GET /api/v1/series`: which series there are.

use axum::{extract::Request, response::Response};
use farol_shared::{limit::BATCH_SERIES_MAX, metric::Kind};
use farol_store::{ResourceId, SeriesId, SeriesInfo};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::{
    App, aside, json_bytes,
    parameters::{Parameters, Range},
    visible::Visible,
};
use crate::{access::View, problem::Problem};

/// Most series of one answer: as many as one batch may bring.
pub const SERIES_MAX: usize = BATCH_SERIES_MAX;

/// Series.
#[derive(Debug, Serialize, ToSchema)]
pub struct SeriesList {
    /// The series, by resource and number.
    pub series: Vec<Entry>,
    /// Whether there are more than one answer holds; name a resource or a metric.
    pub truncated: bool,
}

/// One series.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SeriesEntry)]
pub struct Entry {
    /// Its number.
    pub id: SeriesId,
    /// Number of its resource.
    pub resource: ResourceId,
    /// Name of the metric.
    pub metric: String,
    /// Unit in UCUM notation.
    pub unit: String,
    /// `gauge` or `counter`.
    pub kind: &'static str,
    /// What tells it from the other series of the metric.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub attributes: Attributes,
    /// When it was reported last, in milliseconds since the epoch, to the second.
    pub last_seen: i64,
}

/// Attributes, as an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes(pub Vec<(String, String)>);

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// Answers series.
pub(super) async fn series(app: App, request: Request) -> Result<Response, Problem> {
    let parameters = Parameters::of(request.uri(), &["resource", "metric", "from", "to"])?;
    let (view, resources) = (View::of(&request)?, parameters.resources()?);
    let seen = seen_within(&parameters, app.now_ms())?;
    let metric = parameters.text("metric").map(str::to_owned);
    let bytes = aside(&request, move || {
        let store = &app.parts().store;
        let resources = Visible::of(&app, &view).narrow(resources);
        let mut found = match resources.as_slice() {
            [] => store.series(None, metric.as_deref()),
            some => some.iter().flat_map(|id| store.series(Some(*id), metric.as_deref())).collect(),
        };
        if let Some(range) = seen {
            found.retain(|info| info.first_seen_ms < range.to_ms && info.last_seen_ms >= range.from_ms);
        }
        let truncated = found.len() > SERIES_MAX;
        found.truncate(SERIES_MAX);
        let list = SeriesList { series: found.iter().map(entry).collect(), truncated };
        serde_json::to_vec(&list).map_err(|_| Problem::internal())
    });
    Ok(json_bytes(bytes.await?))
}

/// The stretch in which series must have been seen; `None` when no time is named.
fn seen_within(parameters: &Parameters, now_ms: i64) -> Result<Option<Range>, Problem> {
    if parameters.text("from").is_none() && parameters.text("to").is_none() {
        return Ok(None);
    }
    let mut range = parameters.range(now_ms)?;
    // What is known of a series is known to the second.
    range.from_ms = range.from_ms.div_euclid(1_000) * 1_000;
    Ok(Some(range))
}

fn entry(info: &SeriesInfo) -> Entry {
    Entry {
        id: info.id,
        resource: info.resource,
        metric: info.metric().to_owned(),
        unit: info.unit().to_owned(),
        kind: kind_word(info.kind()),
        attributes: Attributes(info.attributes().to_vec()),
        last_seen: info.last_seen_ms,
    }
}

/// The word for a kind in the API.
#[must_use]
pub const fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Gauge => "gauge",
        Kind::Counter => "counter",
    }
}
