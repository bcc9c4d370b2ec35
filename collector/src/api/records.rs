//! What all questions about records have in common: range, service and tenant, limits, cursors, durations in milliseconds.

use axum::extract::Request;
use farol_store::{Before, QueryError, RECORDS_MAX, RecordRange, ResourceId};

use super::{
    App,
    parameters::{Parameters, Range, wrong},
    store_problem,
    visible::{self, Visible},
};
use crate::{access::View, number, problem::Problem, service::window::Figures};

/// Range of a question about records when it names no start, in milliseconds: a day.
const RANGE_MS_DEFAULT: i64 = 86_400_000;

/// Which records a question is about.
#[derive(Debug)]
pub(super) struct Scope {
    /// All its parameters.
    pub(super) parameters: Parameters,
    /// From when to when.
    pub(super) range: Range,
    service: Option<String>,
    tenant: Option<String>,
    view: View,
}

impl Scope {
    /// Reads the parameters `from`, `to`, `service`, `tenant` and those named.
    ///
    /// # Errors
    /// 400 when one is wrong, 403 when another's tenant is asked for.
    pub(super) fn of(app: &App, request: &Request, more: &[&str]) -> Result<Self, Problem> {
        let known: Vec<&str> = more.iter().copied().chain(["from", "to", "service", "tenant"]).collect();
        let view = View::of(request)?;
        let parameters = Parameters::of(request.uri(), &known)?;
        let range = parameters.range_of(app.now_ms(), RANGE_MS_DEFAULT)?;
        let service = parameters.text("service").map(str::to_owned);
        let tenant = visible::tenant(&view, parameters.text("tenant"))?;
        Ok(Self { parameters, range, service, tenant, view })
    }

    /// The records, for the store. Lists resources: not for the runtime.
    ///
    /// # Errors
    /// 400 when there is no such service.
    pub(super) fn records(&self, app: &App) -> Result<RecordRange, Problem> {
        let resources = self.service.as_deref().map(|service| resources(app, service)).transpose()?.unwrap_or_default();
        Ok(RecordRange { from_ms: self.range.from_ms, to_ms: self.range.to_ms, resources, tenant: self.tenant.clone() })
    }

    /// The same of what has no tenant of its own but belongs to a resource: that of the resources that are seen.
    ///
    /// # Errors
    /// 400 when there is no such service.
    pub(super) fn of_resources(&self, app: &App) -> Result<RecordRange, Problem> {
        let mut range = self.records(app)?;
        range.resources = Visible::of(app, &self.view).narrow(range.resources);
        Ok(range)
    }

    /// How many are wanted.
    pub(super) fn limit(&self, default: u32) -> Result<usize, Problem> {
        let max = u32::try_from(RECORDS_MAX).unwrap_or(u32::MAX);
        self.parameters.number("limit", default, 1, max).map(|limit| usize::try_from(limit).unwrap_or(RECORDS_MAX))
    }

    /// The record before which the page begins.
    pub(super) fn before(&self) -> Result<Option<Before>, Problem> {
        let Some(text) = self.parameters.text("before") else { return Ok(None) };
        let fault = || wrong("before", "is not what `next` said in an answer of this address");
        read_cursor(text).ok_or_else(fault).map(Some)
    }

    /// The distance of points in milliseconds, whole minutes; one that gives at most `points` when none is named.
    ///
    /// # Errors
    /// 400 when it would give too many points.
    pub(super) fn step_ms(&self, default_ms: i64, points_max: i64) -> Result<i64, Problem> {
        const MINUTE_MS: i64 = 60_000;
        let span_ms = self.range.to_ms.saturating_sub(self.range.from_ms);
        let asked_ms = self.parameters.span_ms("step")?;
        if asked_ms > 0 && asked_ms % MINUTE_MS != 0 {
            return Err(wrong("step", "must be whole minutes: write 1m, 5m or 1h"));
        }
        let least_ms = span_ms.div_euclid(points_max).saturating_add(1);
        let step_ms = if asked_ms > 0 { asked_ms } else { default_ms.max(least_ms) };
        let step_ms = step_ms.saturating_add(MINUTE_MS - 1).div_euclid(MINUTE_MS) * MINUTE_MS;
        if span_ms / step_ms > points_max {
            return Err(wrong("step", format!("is too short for this range: at most {points_max} points are answered")));
        }
        Ok(step_ms)
    }
}

/// Numbers of the resources that a number or a name stands for: one name may stand for a service in several environments.
fn resources(app: &App, service: &str) -> Result<Vec<ResourceId>, Problem> {
    let number: Option<ResourceId> = service.parse().ok();
    let known = app.parts().store.resources();
    let is_it = |info: &&farol_store::ResourceInfo| match number {
        Some(number) => info.id == number,
        None => info.resource.name() == service || info.resource.key == service,
    };
    let found: Vec<ResourceId> = known.iter().filter(is_it).map(|info| info.id).collect();
    if found.is_empty() {
        let shown: String = service.chars().take(64).collect();
        return Err(wrong("service", format!("there is no '{shown}': write the number or the name of a service")));
    }
    Ok(found)
}

/// The parameter `before` of the page behind a full one.
pub(super) fn next(last: Option<(i64, i64)>, is_full: bool) -> Option<String> {
    last.filter(|_| is_full).map(|(time_ms, id)| format!("{time_ms}_{id}"))
}

fn read_cursor(text: &str) -> Option<Before> {
    let (time_ms, id) = text.split_once('_')?;
    Some((time_ms.parse().ok()?, id.parse().ok()?))
}

/// What a store function answers, or the problem with it.
pub(super) fn told<T>(answer: Result<T, QueryError>) -> Result<T, Problem> {
    answer.map_err(|error| store_problem(&error))
}

/// A duration in milliseconds, without noise.
pub(super) fn ms(seconds: f64) -> f64 {
    number::concise(seconds * 1_000.0)
}

/// A text, if there is any.
pub(super) fn filled(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// A share of a whole; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { number::concise(part as f64 / whole as f64) }
}

/// The figures of what the store added up.
pub(super) fn figures(totals: farol_store::Totals) -> Figures {
    let durations = [totals.sum_s, totals.min_s, totals.max_s];
    Figures::with(totals.count, totals.failed, durations, totals.sketch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_where_it_came_from() {
        let cursor = next(Some((1_760_000_000_000, 42)), true).unwrap();
        assert_eq!(read_cursor(&cursor), Some((1_760_000_000_000, 42)));
        assert_eq!(next(Some((1, 2)), false), None, "a page that is not full is the last one");
        for text in ["", "_", "1", "1_", "x_1", "1_2_3", "9223372036854775808_1"] {
            assert_eq!(read_cursor(text), None, "{text}");
        }
    }
}
