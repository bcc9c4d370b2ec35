//! `POST /api/v1/rules/back-test`: what a rule would have done, beside the runtime and with bounded patience.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    extract::{FromRequest as _, Request},
    response::Response,
};
use farol_shared::report;
use farol_store::{ResourceId, ResourceInfo};
use serde::Deserialize;
use utoipa::ToSchema;

use super::refused_inside;
use crate::{
    access::View,
    alert::{
        Rule,
        backtest::{Asked, BackTestError, backtest},
    },
    api::{App, json, parameters::Parameters, store_problem},
    problem::{Fault, JsonBody, Problem},
};

/// Longest stretch, in days.
const DAYS_MAX: u32 = 30;

/// Longest that one may take, in milliseconds: longer than anybody waits before a form.
const TAKES_MS_MAX: i64 = 30_000;

const DAY_MS: i64 = 86_400_000;

/// A rule to try.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackTestQuestion {
    rule: Rule,
    /// Over how many days that end now, 1 to 30; 1 when not given.
    days: Option<u32>,
    /// Number of the one resource that it is tried on; all that it is about when not given.
    resource: Option<ResourceId>,
}

/// Tries a rule on the past.
pub(in crate::api) async fn back_test(app: App, request: Request) -> Result<Response, Problem> {
    Parameters::of(request.uri(), &[])?;
    let view = View::of(&request)?;
    let JsonBody(BackTestQuestion { mut rule, days, resource }) =
        JsonBody::<BackTestQuestion>::from_request(request, &app).await?;
    rule.complete().map_err(refused_inside)?;
    let days = days.unwrap_or(1);
    if !(1..=DAYS_MAX).contains(&days) {
        let detail = format!("is {days}, must be 1 to {DAYS_MAX}");
        return Err(Problem::of_faults(&[Fault::new("days", detail)]));
    }
    let parts = app.parts();
    let turn = Arc::clone(&parts.alert.back_tests).try_acquire_owned();
    let turn = turn.map_err(|_| Problem::unavailable("other rules are being tried: try again in a moment", 5))?;
    let (store, clock) = (parts.store.clone(), Arc::clone(&parts.clock));
    let gone = Gone::default();
    let is_gone = Arc::clone(&gone.0);
    let work = move || {
        let _turn = turn;
        let to_ms = clock.now_ms();
        let counts = |info: &ResourceInfo| {
            view.sees(info.resource.tenant.as_deref()) && resource.is_none_or(|resource| resource == info.id)
        };
        let is_over = || is_gone.load(Ordering::Relaxed) || clock.now_ms() - to_ms > TAKES_MS_MAX;
        let from_ms = to_ms - i64::from(days) * DAY_MS;
        backtest(&store, Asked { rule: &rule, from_ms, to_ms, counts: &counts, is_over: &is_over })
    };
    let done = tokio::task::spawn_blocking(work).await.map_err(|_| Problem::internal())?;
    drop(gone);
    match done {
        Ok(told) => Ok(json(&told)),
        Err(BackTestError::Query(error)) => Err(store_problem(&error)),
        Err(error @ BackTestError::TooMuch) => Err(Problem::unprocessable(report::chain(&error).to_string()).code("too_much")),
    }
}

/// Says so when whoever asked has gone away.
#[derive(Debug, Default)]
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
