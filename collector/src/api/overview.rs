//! `GET /api/v1/dashboard/overview`: how everything is, on one page.

use std::collections::BTreeMap;

use axum::{extract::Request, response::Response};
use farol_store::ResourceId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App, aside, compare, figures, json_bytes, parameters::Parameters, records::told, requests::write, resources, visible,
};
use crate::{
    access::View,
    export::figure::{ALL, Figure, Grid, Scope, Teller},
    health::{self, Health},
    live::status::Status,
    number::concise,
    problem::Problem,
    pull::State,
};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// Over how long a level is told as it is now, in milliseconds.
const NOW_OVER_MS: i64 = 5 * MINUTE_MS;

/// Most services that are listed, the worst first.
const SERVICES_MAX: usize = 100;

/// Everything in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct Overview {
    /// The collector's clock, in milliseconds since the epoch.
    now: i64,
    /// Version of the collector.
    version: &'static str,
    /// Whose overview; `null` for all.
    tenant_id: Option<String>,
    /// Seconds since the collector started.
    uptime_s: i64,
    /// Figures by name, each against yesterday.
    kpis: BTreeMap<&'static str, Kpi>,
    /// How many resources have which light.
    lights: Lights,
    /// How many resources there are of each kind.
    resources: BTreeMap<&'static str, usize>,
    /// Services, the worst first, up to a hundred.
    services: Vec<ServiceEntry>,
    /// Integrations; none for people bound to a tenant: they belong to the house.
    integrations: Vec<IntegrationEntry>,
    /// The collector's own parts.
    health: Health,
    /// Open WebSockets; `null` for people bound to a tenant.
    connections: Option<usize>,
    /// People online, where something tells; `null` for people bound to a tenant.
    users_online: Option<f64>,
}

/// A figure against yesterday.
#[derive(Debug, Serialize, ToSchema)]
pub struct Kpi {
    /// Unit in UCUM notation.
    unit: &'static str,
    /// `total` since midnight, or `level` of the last minutes.
    kind: &'static str,
    /// The value; `null` where nobody knows.
    value: Option<f64>,
    /// The total up to the same time yesterday, or the level at this time yesterday.
    yesterday: Option<f64>,
    /// By what share it changed, 0.5 for half as much again; `null` when yesterday is 0 or not known.
    change: Option<f64>,
    /// `up`, `down` or `same`; `null` when one of the days is not known.
    direction: Option<&'static str>,
}

/// How many resources have which light. What its agent no longer reports is not counted.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Lights {
    /// Nothing wrong.
    ok: usize,
    /// Yellow.
    warning: usize,
    /// Red.
    critical: usize,
    /// Not heard of.
    silent: usize,
}

/// One service.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceEntry {
    /// Number of its resource.
    id: ResourceId,
    /// What people call it.
    name: String,
    /// What its light shows.
    status: Status,
    /// Requests a second.
    request_rate: Option<f64>,
    /// Share of failed requests, 0 to 1.
    error_ratio: Option<f64>,
    /// 95 % of its requests took no longer, in milliseconds.
    p95_ms: Option<f64>,
}

/// One integration.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntegrationEntry {
    /// Its kind.
    kind: &'static str,
    /// Its name.
    name: String,
    /// How it is doing.
    state: State,
    /// When it last told something, in milliseconds since the epoch.
    last_ok: Option<i64>,
}

/// Answers everything in short.
pub(super) async fn overview(app: App, request: Request) -> Result<Response, Problem> {
    let parameters = Parameters::of(request.uri(), &["tenant_id", "offset"])?;
    let view = View::of(&request)?;
    let offset_ms = compare::offset(&parameters)? * MINUTE_MS;
    let tenant = visible::tenant(&view, parameters.text("tenant_id"))?;
    let answer = aside(&request, move || write(&of(&app, &view, tenant, offset_ms)?));
    Ok(json_bytes(answer.await?))
}

fn of(app: &App, view: &View, tenant: Option<String>, offset_ms: i64) -> Result<Overview, Problem> {
    let (parts, now) = (app.parts(), app.now_ms());
    let shown = tenant.as_deref().map_or(View::Whole, |tenant| View::Tenant(tenant.into()));
    let listed = resources::entries(app, &shown, now, false);
    let (mut lights, mut kinds) = (Lights::default(), BTreeMap::new());
    for entry in &listed {
        *kinds.entry(entry.kind).or_default() += 1;
        if !entry.ended {
            lights.count(entry.status);
        }
    }
    let is_whole = *view == View::Whole;
    let instances = if is_whole { parts.pull.slots() } else { &[] };
    let kpis = kpis(&figures::scope(app, tenant.as_deref()), now, offset_ms)?;
    Ok(Overview {
        now,
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: now.saturating_sub(parts.started_ms) / 1_000,
        lights,
        resources: kinds,
        services: services(listed),
        integrations: instances
            .iter()
            .map(|slot| IntegrationEntry {
                kind: slot.declared.kind.name,
                name: slot.declared.given.name.clone(),
                state: slot.status(now).state,
                last_ok: slot.last_ok_ms(),
            })
            .collect(),
        health: health::of(app),
        connections: is_whole.then(|| parts.push.stats().listeners),
        users_online: kpis.get("users_online").and_then(|kpi| kpi.value).filter(|_| is_whole),
        tenant_id: tenant,
        kpis,
    })
}

impl Lights {
    fn count(&mut self, status: Status) {
        match status {
            Status::Ok => self.ok += 1,
            Status::Warning => self.warning += 1,
            Status::Critical => self.critical += 1,
            Status::Silent => self.silent += 1,
        }
    }
}

fn services(listed: Vec<resources::Entry>) -> Vec<ServiceEntry> {
    let mut services: Vec<ServiceEntry> = listed
        .into_iter()
        .filter(|entry| entry.kind == "service" && !entry.ended)
        .map(|entry| ServiceEntry {
            id: entry.id,
            name: entry.name,
            status: entry.status,
            request_rate: entry.latest.request_rate.map(concise),
            error_ratio: entry.latest.error_ratio.map(concise),
            p95_ms: entry.latest.p95.map(|seconds| concise(seconds * 1_000.0)),
        })
        .collect();
    services.sort_by(|a, b| b.status.cmp(&a.status).then_with(|| a.name.cmp(&b.name)));
    services.truncate(SERVICES_MAX);
    services
}

/// Every figure today and yesterday.
fn kpis(scope: &Scope, now_ms: i64, offset_ms: i64) -> Result<BTreeMap<&'static str, Kpi>, Problem> {
    // The minute that is under way counts on both days.
    let end_ms = now_ms.div_euclid(MINUTE_MS) * MINUTE_MS + MINUTE_MS;
    let midnight_ms = (now_ms + offset_ms).div_euclid(DAY_MS) * DAY_MS - offset_ms;
    let stretch = |from_ms: i64, back_ms: i64| Stretch::new(scope, from_ms - back_ms, end_ms - back_ms);
    let mut totals = [stretch(midnight_ms, 0), stretch(midnight_ms, DAY_MS)];
    let mut levels = [stretch(end_ms - NOW_OVER_MS, 0), stretch(end_ms - NOW_OVER_MS, DAY_MS)];
    let mut all = BTreeMap::new();
    for figure in ALL {
        let days = if figure.is_total() { &mut totals } else { &mut levels };
        let [today, yesterday] = days;
        all.insert(figure.name, kpi(figure, today.value(figure)?, yesterday.value(figure)?));
    }
    Ok(all)
}

/// One stretch of time as a single step.
struct Stretch {
    teller: Teller,
    from_ms: i64,
    to_ms: i64,
}

impl Stretch {
    fn new(scope: &Scope, from_ms: i64, to_ms: i64) -> Self {
        let teller = Teller::with(scope.clone(), Grid::whole(from_ms, to_ms, MINUTE_MS));
        Self { teller, from_ms, to_ms }
    }

    fn value(&mut self, figure: &Figure) -> Result<Option<f64>, Problem> {
        let points = told(self.teller.points(figure, self.from_ms, self.to_ms))?;
        Ok(points.values().next_back().copied().map(concise))
    }
}

fn kpi(figure: &Figure, value: Option<f64>, yesterday: Option<f64>) -> Kpi {
    let difference = value.zip(yesterday).map(|(value, yesterday)| value - yesterday);
    let change = difference.zip(yesterday).filter(|(_, yesterday)| *yesterday != 0.0);
    Kpi {
        unit: figure.unit,
        kind: if figure.is_total() { "total" } else { "level" },
        value,
        yesterday,
        change: change.map(|(difference, yesterday)| concise(difference / yesterday.abs())),
        direction: difference.map(|difference| match difference {
            grown if grown > 0.0 => "up",
            fallen if fallen < 0.0 => "down",
            _ => "same",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::figure;

    #[test]
    fn a_change_is_told_where_both_days_are_known() {
        let sent = figure::find("messages_sent").unwrap();
        let more = kpi(sent, Some(15.0), Some(10.0));
        assert_eq!((more.kind, more.change, more.direction), ("total", Some(0.5), Some("up")));
        let from_nothing = kpi(sent, Some(15.0), Some(0.0));
        assert_eq!((from_nothing.change, from_nothing.direction), (None, Some("up")));
        let unknown = kpi(sent, Some(15.0), None);
        assert_eq!((unknown.change, unknown.direction), (None, None));
    }
}
