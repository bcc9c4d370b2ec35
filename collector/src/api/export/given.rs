//! What an export is asked for, as a body or as parameters, and what of it is wrong.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use axum::http::Uri;
use farol_shared::{catalog, config::Span, limit::FUTURE_MS_MAX, metric::Kind};
use farol_store::{Across, Aggregate, ResourceId, ResourceInfo, SeriesInfo, Store};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::{
    App,
    parameters::{Parameters, instant, wrong},
    query::{ACROSS, AGGREGATES},
    visible::{self, Visible},
};
use crate::{
    access::View,
    export::{
        COLUMNS_MAX, Format, Layout, METRICS_MAX, SERIES_MAX, Style, Wanted, Zone,
        figure::{self, REQUESTS_STEP_MS, Scope},
        series::{Named, Part},
    },
    problem::Problem,
};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Shortest step, in milliseconds: the shortest distance of samples.
const STEP_MS_MIN: i64 = 100;

/// Steps when none is named, each for periods up to so long.
const STEPS: &[(i64, i64)] =
    &[(HOUR_MS, MINUTE_MS), (DAY_MS, 15 * MINUTE_MS), (7 * DAY_MS, 2 * HOUR_MS), (31 * DAY_MS, 6 * HOUR_MS)];

/// Most attributes that series are narrowed by.
const ATTRIBUTES_MAX: usize = 16;

/// Most resources that are named.
const RESOURCES_MAX: usize = 1_000;

/// Parameters of an address.
const KNOWN: &[&str] = &[
    "format",
    "metric",
    "resource",
    "attribute",
    "from",
    "to",
    "period",
    "step",
    "aggregate",
    "across",
    "layout",
    "decimal",
    "zone",
    "tenant_id",
    "offset",
    "compare",
    "bom",
];

/// A number or a text.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum NumberOrText {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

impl NumberOrText {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// What is to be exported.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportBody {
    /// `csv` (when absent), `json` or `ndjson`.
    pub(super) format: Option<String>,
    /// How far back from `to`, such as `1h`, `24h`, `7d` or `30d`; `24h` when neither this nor `from` is given.
    pub(super) period: Option<String>,
    /// Start, RFC 3339 or milliseconds since the epoch.
    pub(super) from: Option<NumberOrText>,
    /// End, RFC 3339 or milliseconds since the epoch; now when absent.
    pub(super) to: Option<NumberOrText>,
    /// Names of metrics, or of figures such as `messages_sent`.
    metrics: Vec<String>,
    /// Numbers or keys of resources; all when absent.
    #[serde(default)]
    pub(super) resources: Vec<NumberOrText>,
    /// Attributes that series must have.
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    /// Only what belongs to this tenant.
    pub(super) tenant_id: Option<String>,
    /// Length of a step, such as `15m` or `1d`, or milliseconds; chosen by the period when absent.
    step: Option<NumberOrText>,
    /// How the samples of a step become a point: mean, min, max, sum, last, count, rate, increase; `raw` for samples as they were taken.
    aggregate: Option<String>,
    /// How series become one: none, sum, mean, max.
    across: Option<String>,
    /// `long`: a row a point (when absent); `wide`: a row an instant, a column a series.
    layout: Option<String>,
    /// Decimal sign in CSV: `.` (when absent) or `,`, with which cells are separated by `;`.
    pub(super) decimal: Option<String>,
    /// Offset from UTC in which times are told and days begin: `-03:00`; UTC when absent.
    pub(super) zone: Option<String>,
    /// The same in minutes east of UTC.
    pub(super) offset: Option<NumberOrText>,
    /// `previous` adds to each point the one a step before, and by what share it changed.
    compare: Option<String>,
    /// Whether CSV begins with the mark by which Excel knows UTF-8.
    #[serde(default)]
    pub(super) bom: bool,
}

/// Reads the parameters of an address.
pub(super) fn of_query(uri: &Uri) -> Result<ExportBody, Problem> {
    let parameters = Parameters::of(uri, KNOWN)?;
    let mut body = common(&parameters)?;
    body.metrics = parameters.list("metric")?.into_iter().map(str::to_owned).collect();
    for text in parameters.all("attribute") {
        let (key, value) = text.split_once('=').ok_or_else(|| wrong("attribute", format!("'{text}' is not key=value")))?;
        body.attributes.insert(key.to_owned(), value.to_owned());
    }
    let text = |name: &str| parameters.text(name).map(str::to_owned);
    body.step = text("step").map(NumberOrText::Text);
    (body.aggregate, body.across) = (text("aggregate"), text("across"));
    (body.layout, body.compare) = (text("layout"), text("compare"));
    Ok(body)
}

/// What all exports by parameters have in common.
pub(super) fn common(parameters: &Parameters) -> Result<ExportBody, Problem> {
    let text = |name: &str| parameters.text(name).map(str::to_owned);
    let number_or_text = |name: &str| text(name).map(NumberOrText::Text);
    Ok(ExportBody {
        format: text("format"),
        period: text("period"),
        from: number_or_text("from"),
        to: number_or_text("to"),
        resources: parameters.list("resource")?.into_iter().map(|one| NumberOrText::Text(one.to_owned())).collect(),
        tenant_id: text("tenant_id"),
        decimal: text("decimal"),
        zone: text("zone"),
        offset: number_or_text("offset"),
        bom: parameters.flag("bom")?,
        ..ExportBody::default()
    })
}

impl ExportBody {
    /// What is wanted, checked against what there is and what the view shows. Lists resources and series: not for the runtime.
    ///
    /// # Errors
    /// 400 that names the parameter or field; 403 when it is another tenant's.
    pub(super) fn wanted(&self, app: &App, view: &View) -> Result<Wanted, Problem> {
        let store = &app.parts().store;
        let zone = self.zone()?;
        let (from_ms, to_ms) = self.range(app.now_ms())?;
        let aggregate = word("aggregate", self.aggregate.as_deref(), AGGREGATES)?;
        let across = word("across", self.across.as_deref(), ACROSS)?.unwrap_or_default();
        let layout =
            word("layout", self.layout.as_deref(), &[("long", Layout::Long), ("wide", Layout::Wide)])?.unwrap_or_default();
        let is_compared = word("compare", self.compare.as_deref(), &[("previous", true), ("none", false)])?.unwrap_or(false);
        let is_raw = aggregate == Some(Aggregate::Raw);
        let step_ms = if is_raw { 0 } else { self.step(to_ms - from_ms)? };
        if is_compared && (is_raw || layout == Layout::Wide) {
            return Err(wrong("compare", "is for steps in the layout long"));
        }
        let tenant = visible::tenant(view, self.tenant_id.as_deref())?;
        let seen = self.seen(app, view, tenant.as_deref())?;
        let parts = self.parts(store, &seen, (aggregate, across), step_ms)?;
        let wanted = Wanted {
            scope: Scope { store: store.clone(), resources: seen.asked, tenant },
            names: names(&seen.infos, &parts),
            parts,
            from_ms,
            to_ms,
            step_ms,
            zone,
            layout,
            format: self.format()?,
            style: self.style()?,
            is_compared,
        };
        let columns = wanted.columns();
        if layout == Layout::Wide && columns > COLUMNS_MAX {
            let detail = format!("wide would have {columns} columns, the limit is {COLUMNS_MAX}: name resources, or write long");
            return Err(wrong("layout", detail));
        }
        if columns > SERIES_MAX {
            return Err(wrong(
                "resource",
                format!("matches {columns} series, the limit is {SERIES_MAX}: name fewer metrics or resources"),
            ));
        }
        Ok(wanted)
    }

    /// By whose clocks times are told.
    pub(super) fn zone(&self) -> Result<Zone, Problem> {
        let fault = |text: &str| wrong("zone", format!("'{text}' is not an offset from UTC: write Z or -03:00"));
        let zone = self.zone.as_deref().map(|text| Zone::parse(text).ok_or_else(|| fault(text))).transpose()?;
        let Some(offset) = self.offset.as_ref().map(NumberOrText::text) else { return Ok(zone.unwrap_or_default()) };
        let fault = || wrong("offset", format!("'{offset}' is not a number of minutes east of UTC, -840 to 840"));
        let by_offset = offset.trim().parse().ok().and_then(Zone::east).ok_or_else(fault)?;
        match zone {
            Some(zone) if zone != by_offset => Err(wrong("offset", "is not what zone says: give one of them")),
            _ => Ok(by_offset),
        }
    }

    /// What the file is.
    pub(super) fn format(&self) -> Result<Format, Problem> {
        word("format", self.format.as_deref(), Format::WORDS).map(Option::unwrap_or_default)
    }

    /// How CSV is written.
    pub(super) fn style(&self) -> Result<Style, Problem> {
        let is_decimal_comma = word("decimal", self.decimal.as_deref(), &[(".", false), (",", true)])?.unwrap_or(false);
        Ok(Style { is_decimal_comma, has_mark: self.bom })
    }

    /// From when to when.
    pub(super) fn range(&self, now_ms: i64) -> Result<(i64, i64), Problem> {
        let instant = |name: &str, given: Option<&NumberOrText>| {
            let Some(text) = given.map(NumberOrText::text) else { return Ok(None) };
            let fault =
                || wrong(name, format!("'{text}' is not a time: write 2026-11-21T07:00:00Z or milliseconds since the epoch"));
            instant::parse(&text).map(Some).ok_or_else(fault)
        };
        let (from, to) = (instant("from", self.from.as_ref())?, instant("to", self.to.as_ref())?);
        if from.is_some() && self.period.is_some() {
            return Err(wrong("period", "stands beside from: give one of them"));
        }
        // Nothing is known of the time after; a range into it would be steps without end.
        let to_ms = to.unwrap_or(now_ms).min(now_ms.saturating_add(FUTURE_MS_MAX));
        let period_ms = self.period.as_deref().map(|text| span_ms("period", text)).transpose()?.unwrap_or(DAY_MS);
        let from_ms = from.unwrap_or_else(|| to_ms.saturating_sub(period_ms).max(0));
        if from_ms >= to_ms {
            return Err(wrong("from", "must be before to, and before now"));
        }
        Ok((from_ms, to_ms))
    }

    fn step(&self, range_ms: i64) -> Result<i64, Problem> {
        let Some(step) = &self.step else {
            return Ok(STEPS.iter().find(|(up_to_ms, _)| range_ms <= *up_to_ms).map_or(DAY_MS, |(_, step_ms)| *step_ms));
        };
        let text = step.text();
        let step_ms = span_ms("step", &text)?;
        if !(STEP_MS_MIN..=366 * DAY_MS).contains(&step_ms) {
            return Err(wrong("step", format!("'{text}' is not between {STEP_MS_MIN} ms and a year")));
        }
        Ok(step_ms)
    }

    /// The resources that are asked for and seen.
    pub(super) fn seen(&self, app: &App, view: &View, tenant: Option<&str>) -> Result<Seen, Problem> {
        if self.resources.len() > RESOURCES_MAX {
            return Err(wrong("resource", format!("names {}, the limit is {RESOURCES_MAX}", self.resources.len())));
        }
        let mut infos = app.parts().store.resources();
        // Whoever sees all may ask for one tenant, and then sees what that tenant sees.
        let view = tenant.map_or_else(|| view.clone(), |tenant| View::Tenant(tenant.into()));
        infos.retain(|info| view.sees(info.resource.tenant.as_deref()));
        let mut asked: Vec<ResourceId> = Vec::new();
        for text in self.resources.iter().map(NumberOrText::text) {
            match text.parse::<ResourceId>() {
                Ok(id) => asked.push(id),
                Err(_) => {
                    let found = infos.iter().find(|info| info.resource.key == text);
                    let shown: String = text.chars().take(64).collect();
                    let fault = || wrong("resource", format!("there is no '{shown}': write the number or the key of a resource"));
                    asked.push(found.map(|info| info.id).ok_or_else(fault)?);
                }
            }
        }
        if !asked.is_empty() {
            infos.retain(|info| asked.contains(&info.id));
        }
        let asked = Visible::of(app, &view).narrow(asked);
        Ok(Seen { infos, asked })
    }

    fn parts(
        &self,
        store: &Store,
        seen: &Seen,
        (aggregate, across): (Option<Aggregate>, Across),
        step_ms: i64,
    ) -> Result<Vec<Part>, Problem> {
        let name = "metric";
        if self.metrics.is_empty() {
            return Err(wrong(name, "is missing: name at least one metric"));
        }
        if self.metrics.len() > METRICS_MAX {
            return Err(wrong(name, format!("names {} metrics, the limit is {METRICS_MAX}", self.metrics.len())));
        }
        if self.attributes.len() > ATTRIBUTES_MAX {
            return Err(wrong("attribute", format!("names {}, the limit is {ATTRIBUTES_MAX}", self.attributes.len())));
        }
        let ids: HashSet<ResourceId> = seen.infos.iter().map(|info| info.id).collect();
        let attributes: Vec<(String, String)> = self.attributes.clone().into_iter().collect();
        let mut named = HashSet::new();
        let mut parts = Vec::new();
        for metric in self.metrics.iter().filter(|metric| named.insert(metric.as_str())) {
            if let Some(figure) = figure::find(metric) {
                let shown = figure.name;
                if step_ms == 0 {
                    return Err(wrong("aggregate", format!("raw is for metrics: {shown} is made of several series")));
                }
                if figure.is_of_requests() && step_ms % REQUESTS_STEP_MS != 0 {
                    return Err(wrong("step", format!("must be whole minutes for {shown}: requests are counted by the minute")));
                }
                parts.push(Part::Figure(figure));
                continue;
            }
            let mut series = store.series(None, Some(metric));
            series.retain(|series| ids.contains(&series.resource));
            if series.is_empty() && catalog::find(metric).is_none() {
                let shown: String = metric.chars().take(64).collect();
                return Err(wrong(name, format!("there is no '{shown}' here")));
            }
            series.retain(|series| attributes.iter().all(|pair| series.attributes().contains(pair)));
            let aggregate = aggregate.unwrap_or_else(|| usual(&series));
            parts.push(Part::Series { series, aggregate, across });
        }
        Ok(parts)
    }
}

/// Resources that are asked for and seen.
pub(super) struct Seen {
    pub(super) infos: Vec<ResourceInfo>,
    /// As a question names them.
    pub(super) asked: Vec<ResourceId>,
}

/// Rate for counters, mean for gauges.
fn usual(series: &[SeriesInfo]) -> Aggregate {
    let is_counter = series.first().is_some_and(|series| series.kind() == Kind::Counter);
    if is_counter { Aggregate::Rate } else { Aggregate::Mean }
}

/// What the resources of the parts are called.
fn names(infos: &[ResourceInfo], parts: &[Part]) -> HashMap<ResourceId, Arc<Named>> {
    let of_part = |part: &Part| match part {
        Part::Series { series, .. } => series.iter().map(|series| series.resource).collect::<Vec<_>>(),
        Part::Figure(_) => Vec::new(),
    };
    let needed: HashSet<ResourceId> = parts.iter().flat_map(of_part).collect();
    named(infos.iter().filter(|info| needed.contains(&info.id)))
}

/// What resources are called, by number.
pub(super) fn named<'a>(infos: impl Iterator<Item = &'a ResourceInfo>) -> HashMap<ResourceId, Arc<Named>> {
    infos.map(|info| (info.id, Arc::new(Named::of(info)))).collect()
}

fn word<T: Copy>(name: &str, given: Option<&str>, words: &[(&str, T)]) -> Result<Option<T>, Problem> {
    let Some(text) = given else { return Ok(None) };
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.map(Some).ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let shown: String = text.chars().take(64).collect();
        wrong(name, format!("'{shown}' is none of {}", known.join(", ")))
    })
}

/// A span with its unit, or milliseconds.
fn span_ms(name: &str, text: &str) -> Result<i64, Problem> {
    let ms = match text.trim().parse::<i64>() {
        Ok(ms) => ms,
        Err(_) => {
            Span::parse(text).map_err(|fault| wrong(name, fault)).map(|span| i64::try_from(span.ms()).unwrap_or(i64::MAX))?
        }
    };
    if (1..=i64::MAX / 4).contains(&ms) { Ok(ms) } else { Err(wrong(name, "must be longer than nothing")) }
}
