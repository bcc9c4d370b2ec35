//! `GET /api/dashboard/uptime/status` when there is no UptimeRobot: our own checks tell.

use axum::{extract::Request, response::Response};
use farol_shared::record::CheckState;
use farol_store::{CheckSummary, RecordRange};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Instanced, flat, not_configured};
use crate::{
    api::{
        App, aside, json,
        parameters::Parameters,
        records::{ms, share, told},
    },
    problem::Problem,
};

/// Over how long availability is told, in ms: a day.
const DAY_MS: i64 = 86_400_000;

/// A check that was not done for so long says nothing about now, in ms.
const OLD_MS: i64 = 10 * 60_000;

/// Most checks that are listed.
const MONITORS_MAX: usize = 200;

/// What our own checks say.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckedUptime {
    /// Whether none of them is offline; unknown when none was done lately.
    pub up: Option<bool>,
    /// `ONLINE`, `DEGRADED`, `OFFLINE` or `UNKNOWN`: the worst of them.
    pub word: &'static str,
    /// Each of them.
    pub monitors: Vec<CheckedMonitor>,
}

/// One check.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckedMonitor {
    /// Its name.
    pub name: String,
    /// What it asks.
    pub url: String,
    /// How: `http`, `tcp` and the like.
    pub kind: String,
    /// `online`, `degraded`, `offline`, or `unknown` when it was not done lately.
    pub state: &'static str,
    /// Share of the last day's checks that were online, 0 to 1.
    pub uptime_1d: Option<f64>,
    /// How long the newest one took, in milliseconds.
    pub response_ms: Option<f64>,
    /// When it was done last, in ms since the epoch.
    pub at: i64,
    /// What was wrong.
    pub detail: Option<String>,
}

pub(super) async fn of_checks(app: App, request: Request) -> Result<Response, Problem> {
    let parameters = Parameters::of(request.uri(), &["instance"])?;
    let named = parameters.text("instance").map(str::to_owned);
    let now_ms = app.now_ms();
    let range = RecordRange { from_ms: now_ms - DAY_MS, to_ms: now_ms + 1, ..RecordRange::default() };
    let checks = aside(&request, move || told(app.parts().store.checks(&range))).await?;
    let Some(newest_ms) = checks.iter().map(|check| check.latest.time_ms).max() else {
        return Ok(json(&not_configured(&["uptimerobot", "check"])));
    };
    if let Some(name) = named {
        let what = format!("there is no instance called {name}: our own checks tell, and they are one answer together");
        return Err(Problem::not_found(what));
    }
    let uptime = uptime(checks, now_ms);
    let head = Instanced {
        configured: true,
        kind: "check",
        instance: None,
        instances: Vec::new(),
        status: None,
        as_of: Some(newest_ms),
        stale: now_ms - newest_ms > OLD_MS,
        hint: None,
        snippet: None,
    };
    let body = serde_json::to_value(&uptime).unwrap_or(Value::Null);
    Ok(json(&flat(&head, Some(&body))))
}

fn uptime(checks: Vec<CheckSummary>, now_ms: i64) -> CheckedUptime {
    let is_now = |check: &CheckSummary| now_ms - check.latest.time_ms <= OLD_MS;
    let worst = checks.iter().filter(|check| is_now(check)).map(|check| check.latest.state).max();
    let word = match worst {
        None => "UNKNOWN",
        Some(CheckState::Online) => "ONLINE",
        Some(CheckState::Degraded) => "DEGRADED",
        Some(CheckState::Offline) => "OFFLINE",
    };
    let monitor = |check: CheckSummary| CheckedMonitor {
        state: if is_now(&check) { check.latest.state.as_str() } else { "unknown" },
        name: check.name,
        url: check.target,
        kind: check.kind,
        uptime_1d: (check.total > 0).then(|| share(check.online, check.total)),
        response_ms: check.latest.latency_s.or(check.mean_latency_s).map(ms),
        at: check.latest.time_ms,
        detail: Some(check.latest.detail).filter(|detail| !detail.is_empty()),
    };
    CheckedUptime {
        up: worst.map(|state| state != CheckState::Offline),
        word,
        monitors: checks.into_iter().take(MONITORS_MAX).map(monitor).collect(),
    }
}

#[cfg(test)]
mod tests {
    use farol_shared::record::CheckResult;

    use super::*;

    fn check(name: &str, state: CheckState, time_ms: i64) -> CheckSummary {
        let latest = CheckResult { time_ms, state, latency_s: Some(0.25), ..CheckResult::default() };
        CheckSummary { name: name.to_owned(), total: 4, online: 3, latest, ..CheckSummary::default() }
    }

    #[test]
    fn one_that_is_away_is_offline_and_an_old_result_says_nothing() {
        let now = 100 * DAY_MS;
        let both = uptime(vec![check("a", CheckState::Online, now), check("b", CheckState::Offline, now - 1)], now);
        assert_eq!((both.up, both.word), (Some(false), "OFFLINE"));
        assert_eq!((both.monitors[0].uptime_1d, both.monitors[0].response_ms), (Some(0.75), Some(250.0)));
        let old = uptime(vec![check("a", CheckState::Offline, now - OLD_MS - 1)], now);
        assert_eq!((old.up, old.word, old.monitors[0].state), (None, "UNKNOWN", "unknown"));
        let slow = uptime(vec![check("a", CheckState::Degraded, now)], now);
        assert_eq!((slow.up, slow.word), (Some(true), "DEGRADED"));
    }
}
