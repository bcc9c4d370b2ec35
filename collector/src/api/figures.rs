//! `GET /api/v1/dashboard/metrics`: figures by name over an hour, a day, a week or a month.

use std::collections::BTreeMap;

use axum::{extract::Request, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, aside, json_bytes, parameters::Parameters, records::told, requests::write, visible};
use crate::{
    access::View,
    export::{
        Zone,
        figure::{ALL, Figure, Points, Scope, Teller},
    },
    number::{self, concise},
    problem::Problem,
};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// A period and its step, in milliseconds: 60 to 120 points each.
const PERIODS: &[(&str, (&str, i64, i64))] = &[
    ("1h", ("1h", HOUR_MS, MINUTE_MS)),
    ("24h", ("24h", 24 * HOUR_MS, 15 * MINUTE_MS)),
    ("7d", ("7d", 7 * 24 * HOUR_MS, 2 * HOUR_MS)),
    ("30d", ("30d", 30 * 24 * HOUR_MS, 6 * HOUR_MS)),
];

/// Figures over a period.
#[derive(Debug, Serialize, ToSchema)]
pub struct FigureHistory {
    /// As it was asked for.
    period: &'static str,
    /// Start of the first step, in milliseconds since the epoch.
    from: i64,
    /// End of the last step, in milliseconds since the epoch.
    to: i64,
    /// Distance of points, in milliseconds.
    step: i64,
    /// Whose figures; `null` for all.
    tenant_id: Option<String>,
    /// By name.
    metrics: BTreeMap<&'static str, FigureSeries>,
}

/// One figure over a period.
#[derive(Debug, Serialize, ToSchema)]
pub struct FigureSeries {
    /// Unit in UCUM notation.
    unit: &'static str,
    /// What it adds up to over the period; absent where adding up says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<f64>,
    /// Its newest value; absent where the total says more, and where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<f64>,
    /// `[milliseconds since the epoch, value]` in time order; steps without a value are absent.
    #[serde(serialize_with = "number::pairs")]
    #[schema(value_type = Vec<Vec<f64>>)]
    points: Vec<(i64, f64)>,
}

/// Answers figures over a period.
pub(super) async fn metrics(app: App, request: Request) -> Result<Response, Problem> {
    let parameters = Parameters::of(request.uri(), &["period", "tenant_id"])?;
    let view = View::of(&request)?;
    let (period, span_ms, step) = parameters.word("period", PERIODS)?.unwrap_or(("24h", 24 * HOUR_MS, 15 * MINUTE_MS));
    let tenant_id = visible::tenant(&view, parameters.text("tenant_id"))?;
    let answer = aside(&request, move || {
        let now_ms = app.now_ms();
        let mut teller = Teller::new(scope(&app, tenant_id.as_deref()), step, Zone::default());
        let (from, to) = (teller.grid().end(now_ms - span_ms), teller.grid().end(now_ms));
        let mut metrics = BTreeMap::new();
        for figure in ALL {
            metrics.insert(figure.name, series(figure, &told(teller.points(figure, from, to))?));
        }
        write(&FigureHistory { period, from, to, step, tenant_id, metrics })
    });
    Ok(json_bytes(answer.await?))
}

/// Whose history figures are made of: a tenant's, or all. Lists resources: not for the runtime.
pub(super) fn scope(app: &App, tenant: Option<&str>) -> Scope {
    let view = tenant.map_or(View::Whole, |tenant| View::Tenant(tenant.into()));
    Scope {
        store: app.parts().store.clone(),
        resources: visible::Visible::of(app, &view).narrow(Vec::new()),
        tenant: tenant.map(str::to_owned),
    }
}

fn series(figure: &Figure, points: &Points) -> FigureSeries {
    let is_total = figure.is_total();
    FigureSeries {
        unit: figure.unit,
        total: (is_total && !points.is_empty()).then(|| concise(points.values().sum())),
        current: points.values().next_back().filter(|_| !is_total).copied().map(concise),
        points: points.iter().map(|(time_ms, value)| (*time_ms, *value)).collect(),
    }
}
