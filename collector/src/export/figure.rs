//! Figures by name (`messages_sent`, `system_cpu_usage`, ...) over time: one table of what each is made of.
//!
//! Of the whole house a figure is made of series. Of one tenant what is derived from events is made of that tenant's events, because
//! series are kept by service ([`tenant`]); the rest of the series of its resources and of its requests.
//!
//! To add a figure, add a row; exports, the overview, dashboards and their charts take it from here.

use std::collections::BTreeMap;

use farol_shared::{
    catalog,
    metric::{Kind, Metric},
};
use farol_store::{Across, Aggregate, Query, QueryError, RecordRange, ResourceId, Store};

use super::Zone;
pub use super::days::Grid;
use crate::service::{derived, window};

mod tenant;

use tenant::TenantEvents;

/// Shortest step of a figure that is made of requests, in milliseconds: they are counted by the minute.
pub const REQUESTS_STEP_MS: i64 = 60_000;

/// Modes of a CPU in which it works.
const BUSY: &[&str] = &["user", "nice", "system", "irq", "softirq", "steal"];

/// A row: a figure by its name.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// Its unit in UCUM notation.
    pub unit: &'static str,
    made: Made,
}

/// What becomes of the values of several series.
#[derive(Debug, Clone, Copy)]
enum Merge {
    Sum,
    /// Several sources that count the same.
    Most,
}

/// What a figure is made of.
#[derive(Debug, Clone, Copy)]
enum Made {
    /// Increase of a counter.
    Total(&'static Metric),
    /// Newest value of a gauge in the step.
    Newest(&'static Metric),
    /// Mean of a gauge.
    Level(&'static Metric, Merge),
    /// Share of a metric in the sum of some, times a factor.
    Share(&'static Metric, &'static [&'static Metric], f64),
    /// One less such a share.
    Rest(&'static Metric, &'static [&'static Metric], f64),
    /// CPU in use, in percent.
    Cpu,
    /// Memory in use, in percent.
    Memory,
    /// Of all requests of a step and its length in seconds.
    Requests(fn(&window::Figures, f64) -> Option<f64>),
}

const fn figure(name: &'static str, unit: &'static str, made: Made) -> Figure {
    Figure { name, unit, made }
}

/// Every figure.
pub const ALL: &[Figure] = &[
    figure("messages_sent", "{message}", Made::Total(&catalog::MESSAGES_SENT)),
    figure("messages_received", "{message}", Made::Total(&catalog::MESSAGES_RECEIVED)),
    figure("messages_failed", "{message}", Made::Total(&catalog::MESSAGES_FAILED)),
    figure(
        "message_failure_rate",
        "%",
        Made::Share(&catalog::MESSAGES_FAILED, &[&catalog::MESSAGES_SENT, &catalog::MESSAGES_FAILED], 100.0),
    ),
    figure("active_conversations", "{conversation}", Made::Newest(&catalog::CONVERSATIONS_ACTIVE)),
    figure("tickets_created", "{ticket}", Made::Total(&catalog::TICKETS_CREATED)),
    figure("system_cpu_usage", "%", Made::Cpu),
    figure("system_memory_usage", "%", Made::Memory),
    figure("database_connections", "{connection}", Made::Level(&catalog::POSTGRES_CONNECTIONS, Merge::Sum)),
    figure("erp_calls", "{call}", Made::Total(&catalog::ERP_CALLS)),
    figure("erp_failed", "{call}", Made::Total(&catalog::ERP_FAILED)),
    figure("erp_success_ratio", "1", Made::Rest(&catalog::ERP_FAILED, &[&catalog::ERP_CALLS], 1.0)),
    figure("erp_latency_ms", "ms", Made::Share(&catalog::ERP_TIME, &[&catalog::ERP_CALLS], 1_000.0)),
    figure("ai_interactions", "{interaction}", Made::Total(&catalog::AI_INTERACTIONS)),
    figure("ai_tokens", "{token}", Made::Total(&catalog::AI_TOKENS)),
    figure("campaigns_sent", "{message}", Made::Newest(&catalog::CAMPAIGNS_SENT)),
    figure("campaigns_opened", "{message}", Made::Newest(&catalog::CAMPAIGNS_OPENED)),
    figure("campaigns_clicked", "{message}", Made::Newest(&catalog::CAMPAIGNS_CLICKED)),
    figure("campaigns_open_ratio", "1", Made::Share(&catalog::CAMPAIGNS_OPENED, &[&catalog::CAMPAIGNS_SENT], 1.0)),
    figure("campaigns_click_ratio", "1", Made::Share(&catalog::CAMPAIGNS_CLICKED, &[&catalog::CAMPAIGNS_SENT], 1.0)),
    figure("users_online", "{user}", Made::Level(&catalog::USERS_ONLINE, Merge::Most)),
    figure("websocket_connections", "{connection}", Made::Level(&catalog::COLLECTOR_LISTENERS, Merge::Sum)),
    figure("requests_per_sec", "{request}/s", Made::Requests(|figures, seconds| Some(count(figures.count) / seconds))),
    figure("error_rate", "%", Made::Requests(|figures, _| figures.error_ratio().map(|ratio| ratio * 100.0))),
    figure("response_time_p50", "ms", Made::Requests(|figures, _| figures.quantile_s(0.50).map(|seconds| seconds * 1_000.0))),
    figure("response_time_p95", "ms", Made::Requests(|figures, _| figures.quantile_s(0.95).map(|seconds| seconds * 1_000.0))),
    figure("response_time_p99", "ms", Made::Requests(|figures, _| figures.quantile_s(0.99).map(|seconds| seconds * 1_000.0))),
];

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn count(count: u64) -> f64 {
    count as f64
}

/// The figure of a name, if there is one.
#[must_use]
pub fn find(name: &str) -> Option<&'static Figure> {
    ALL.iter().find(|figure| figure.name == name)
}

impl Figure {
    /// Whether it adds up over time: a day's is the sum of its hours.
    #[must_use]
    pub const fn is_total(&self) -> bool {
        matches!(self.made, Made::Total(_))
    }

    /// Whether it is made of requests, which are counted by the minute.
    #[must_use]
    pub const fn is_of_requests(&self) -> bool {
        matches!(self.made, Made::Requests(_))
    }
}

/// Whose figures.
#[derive(Debug, Clone)]
pub struct Scope {
    /// History.
    pub store: Store,
    /// Numbers of the resources, as a question names them: none means all.
    pub resources: Vec<ResourceId>,
    /// The tenant, when it is one's.
    pub tenant: Option<String>,
}

/// Values by the start of their step, in milliseconds since the epoch.
pub type Points = BTreeMap<i64, f64>;

/// Tells figures step by step, forward in time.
#[derive(Debug)]
pub struct Teller {
    scope: Scope,
    grid: Grid,
    events: Option<TenantEvents>,
    /// What was told of the events of the newest stretch, so that several figures read them once.
    told: Option<((i64, i64), tenant::Steps)>,
    /// The same of requests.
    requested: Option<((i64, i64), BTreeMap<i64, window::Figures>)>,
}

impl Teller {
    /// Tells of a scope, in such steps.
    #[must_use]
    pub fn new(scope: Scope, step_ms: i64, zone: Zone) -> Self {
        Self::with(scope, Grid::new(step_ms, zone))
    }

    /// Tells of a scope in such steps.
    #[must_use]
    pub fn with(scope: Scope, grid: Grid) -> Self {
        let events = scope.tenant.as_deref().map(TenantEvents::new);
        Self { scope, grid, events, told: None, requested: None }
    }

    /// Where its steps begin.
    #[must_use]
    pub const fn grid(&self) -> Grid {
        self.grid
    }

    /// One figure from `from_ms` to `to_ms`, both starts of steps; stretches come one behind the other.
    ///
    /// # Errors
    /// [`QueryError`] when history cannot be read.
    pub fn points(&mut self, figure: &Figure, from_ms: i64, to_ms: i64) -> Result<Points, QueryError> {
        let range = (from_ms, to_ms);
        match figure.made {
            Made::Total(metric) | Made::Newest(metric) => self.derived(metric, range),
            Made::Level(metric, merge) => self.sum(metric, (Aggregate::Mean, &[]), merge, range),
            Made::Share(part, whole, factor) => {
                let share = |share: f64| share * factor;
                self.quotient(part, whole, share, range)
            }
            Made::Rest(part, whole, factor) => {
                let rest = |share: f64| (1.0 - share) * factor;
                self.quotient(part, whole, rest, range)
            }
            Made::Cpu => self.cpu(range),
            Made::Memory => self.memory(range),
            Made::Requests(of) => self.requests(of, range),
        }
    }

    /// What is derived from events: of a tenant from the events themselves.
    fn derived(&mut self, metric: &'static Metric, range: (i64, i64)) -> Result<Points, QueryError> {
        let aggregate = if metric.kind == Kind::Counter { Aggregate::Increase } else { Aggregate::Last };
        let is_derived = derived::ROWS.iter().any(|row| row.metric.name == metric.name);
        let Some(events) = self.events.as_mut().filter(|_| is_derived) else {
            return self.sum(metric, (aggregate, &[]), Merge::Sum, range);
        };
        if self.told.as_ref().is_none_or(|(told, _)| *told != range) {
            let steps = events.steps(&self.scope.store, self.grid, range)?;
            self.told = Some((range, steps));
        }
        Ok(self.told.as_ref().and_then(|(_, steps)| steps.get(metric.name)).cloned().unwrap_or_default())
    }

    fn quotient(
        &mut self,
        part: &'static Metric,
        whole: &'static [&'static Metric],
        value: impl Fn(f64) -> f64,
        range: (i64, i64),
    ) -> Result<Points, QueryError> {
        let parts = self.derived(part, range)?;
        let mut wholes = Points::new();
        for metric in whole {
            for (time_ms, value) in self.derived(metric, range)? {
                *wholes.entry(time_ms).or_default() += value;
            }
        }
        let share = |(time_ms, whole): (i64, f64)| {
            let part = parts.get(&time_ms).copied().unwrap_or(0.0);
            (whole > 0.0).then(|| (time_ms, value(part / whole)))
        };
        Ok(wholes.into_iter().filter_map(share).collect())
    }

    /// CPU in use of all machines; of the containers where no machine is seen.
    fn cpu(&self, range: (i64, i64)) -> Result<Points, QueryError> {
        let limit = |metric| self.sum(metric, (Aggregate::Mean, &[]), Merge::Sum, range);
        let mut busy = Points::new();
        for mode in BUSY {
            let mode = [("cpu.mode", *mode)];
            for (time_ms, value) in self.sum(&catalog::SYSTEM_CPU_TIME, (Aggregate::Rate, &mode), Merge::Sum, range)? {
                *busy.entry(time_ms).or_default() += value;
            }
        }
        if !busy.is_empty() {
            return Ok(percent(&busy, &limit(&catalog::SYSTEM_CPU_LIMIT)?));
        }
        let busy = self.sum(&catalog::CONTAINER_CPU_TIME, (Aggregate::Rate, &[]), Merge::Sum, range)?;
        Ok(percent(&busy, &limit(&catalog::CONTAINER_CPU_LIMIT)?))
    }

    /// Memory in use of all machines; of the containers where no machine is seen.
    fn memory(&self, range: (i64, i64)) -> Result<Points, QueryError> {
        let mean = |metric, attributes| self.sum(metric, (Aggregate::Mean, attributes), Merge::Sum, range);
        let used = mean(&catalog::SYSTEM_MEMORY_USAGE, &[("system.memory.state", "used")])?;
        if !used.is_empty() {
            return Ok(percent(&used, &mean(&catalog::SYSTEM_MEMORY_LIMIT, &[])?));
        }
        Ok(percent(&mean(&catalog::CONTAINER_MEMORY_WORKING_SET, &[])?, &mean(&catalog::CONTAINER_MEMORY_LIMIT, &[])?))
    }

    fn requests(&mut self, of: fn(&window::Figures, f64) -> Option<f64>, range: (i64, i64)) -> Result<Points, QueryError> {
        if self.grid.fine_ms() % REQUESTS_STEP_MS != 0 {
            return Ok(Points::new());
        }
        if self.requested.as_ref().is_none_or(|(told, _)| *told != range) {
            self.requested = Some((range, self.request_steps(range)?));
        }
        #[expect(clippy::cast_precision_loss, reason = "a step is far below 2^52 ms")]
        let seconds = self.grid.step_ms as f64 / 1_000.0;
        let steps = self.requested.iter().flat_map(|(_, steps)| steps);
        Ok(steps.filter_map(|(time_ms, figures)| Some((*time_ms, of(figures, seconds)?))).collect())
    }

    fn request_steps(&self, (from_ms, to_ms): (i64, i64)) -> Result<BTreeMap<i64, window::Figures>, QueryError> {
        // A tenant's requests are told by the requests themselves, whoever served them.
        let resources = if self.scope.tenant.is_some() { Vec::new() } else { self.scope.resources.clone() };
        let range = RecordRange { from_ms, to_ms, resources, tenant: self.scope.tenant.clone() };
        let mut steps: BTreeMap<i64, window::Figures> = BTreeMap::new();
        for (time_ms, totals) in self.scope.store.request_steps(&range, self.grid.fine_ms())? {
            let durations = [totals.sum_s, totals.min_s, totals.max_s];
            let figures = window::Figures::with(totals.count, totals.failed, durations, totals.sketch);
            steps.entry(self.grid.start(time_ms)).or_default().merge(&figures);
        }
        Ok(steps)
    }

    /// All series of a metric made one.
    fn sum(
        &self,
        metric: &Metric,
        (aggregate, attributes): (Aggregate, &[(&str, &str)]),
        merge: Merge,
        (from_ms, to_ms): (i64, i64),
    ) -> Result<Points, QueryError> {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let query = Query {
            metric: metric.name.to_owned(),
            resources: self.scope.resources.clone(),
            attributes: attributes.iter().map(own).collect(),
            from_ms,
            to_ms,
            aggregate,
            across: match merge {
                Merge::Sum => Across::Sum,
                Merge::Most => Across::Max,
            },
            ..Query::default()
        };
        match self.grid.ask(&self.scope.store, &query) {
            Ok(found) => Ok(found.into_iter().flat_map(|series| series.points).collect()),
            // So many at once are not added up: then the figure is not known, and the others are.
            Err(QueryError::TooManySeries { .. }) => Ok(Points::new()),
            Err(error) => Err(error),
        }
    }
}

fn percent(part: &Points, whole: &Points) -> Points {
    let share = |(time_ms, part): (&i64, &f64)| {
        let whole = whole.get(time_ms).filter(|whole| **whole > 0.0)?;
        Some((*time_ms, part / whole * 100.0))
    };
    part.iter().filter_map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        let mut names: Vec<&str> = ALL.iter().map(|figure| figure.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        assert!(find("messages_sent").unwrap().is_total() && !find("active_conversations").unwrap().is_total());
        assert!(find("farol.messages.sent").is_none());
    }

    #[test]
    fn a_share_stands_where_both_sides_are_known() {
        let part = Points::from([(0, 1.0), (5, 2.0), (10, 3.0)]);
        assert_eq!(percent(&part, &Points::from([(0, 4.0), (10, 0.0)])), Points::from([(0, 25.0)]));
    }
}
