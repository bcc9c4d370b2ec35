//! Probes: active health checks, each in its own task on the agent's thread.
//!
//! In: [`Probe`]s from the configuration. Out, once per interval and probe: a [`CheckResult`] and gauges in the intake.
//!
//! Invariants: a probe never overlaps with itself and never delays another; everything a server sends is read up to a
//! constant of its kind; the whole attempt ends after the probe's timeout; no credential reaches a result or a log.
//! Bounded by [`PROBES_MAX`].

use std::{cell::Cell, time::Duration};

use farol_shared::{
    catalog,
    clock::Clock,
    metric::Metric,
    record::{CheckResult, CheckState},
};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use crate::{
    intake::Label,
    listen::{Context, ListenError},
    read::Roots,
};

pub mod address;
mod amqp;
mod command;
mod connection;
mod http;
mod mysql;
mod postgres;
mod process;
mod redis;
pub mod setting;
mod threshold;
mod tls;

pub use setting::{Kind, Probe};
use threshold::Thresholds;

/// Most probes of one agent: with a second between two checks each, a hundred of them still cost less than one core's hundredth.
pub const PROBES_MAX: usize = 100;

/// Gauges are told again after this long, so that those of a rare check do not count as idle between two of them.
const REPEAT_AFTER: Duration = Duration::from_secs(20);

/// Longest detail of a result, in bytes: a line or two for a person, not a page.
const DETAIL_BYTES_MAX: usize = 512;

/// What one attempt found out, before the thresholds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What this attempt alone says.
    state: CheckState,
    /// Whether the thing did what it is there for.
    is_success: bool,
    /// Why it is not online, or what else there is to say.
    detail: String,
}

impl Finding {
    /// As it should be.
    fn online() -> Self {
        Self { state: CheckState::Online, is_success: true, detail: String::new() }
    }

    /// As it should be, with something to say about it.
    fn remark(detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..Self::online() }
    }

    /// Works, with a flaw.
    fn degraded(detail: impl Into<String>) -> Self {
        Self { state: CheckState::Degraded, is_success: true, detail: detail.into() }
    }

    /// Answers, but only to say that it cannot serve now.
    fn refused(detail: impl Into<String>) -> Self {
        Self { state: CheckState::Degraded, is_success: false, detail: detail.into() }
    }

    /// Does not work.
    fn offline(detail: impl Into<String>) -> Self {
        Self { state: CheckState::Offline, is_success: false, detail: detail.into() }
    }
}

/// One attempt under way: what it learns before its finding is known.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    probe: &'a Probe,
    roots: &'a Roots,
    /// Wall clock at the start, for certificates.
    now_ms: i64,
    started: Instant,
    /// What is being waited for, for the words of a timeout.
    stage: Cell<&'static str>,
    latency: Cell<Option<Duration>>,
    expiry_days: Cell<Option<f64>>,
}

impl Attempt<'_> {
    /// Says what is waited for from now on.
    fn stage(&self, stage: &'static str) {
        self.stage.set(stage);
    }

    /// Marks the moment of the answer; what comes after it is not the checked thing's time.
    fn answered(&self) {
        if self.latency.get().is_none() {
            self.latency.set(Some(self.started.elapsed()));
        }
    }
}

/// What one attempt brings home.
#[derive(Debug)]
struct Attempted {
    finding: Finding,
    latency: Option<Duration>,
    expiry_days: Option<f64>,
    statistics: Option<postgres::Statistics>,
}

/// What is kept between two attempts of one probe.
#[derive(Debug, Default)]
struct Kept {
    tls: tls::Kept,
    statistics_at: Option<Instant>,
}

/// Does one check on its own, without thresholds. For `farol-agent check`.
pub async fn once(probe: &Probe, roots: &Roots, clock: &dyn Clock) -> CheckResult {
    let attempted = attempt(probe, &mut Kept::default(), roots, clock.now_ms()).await;
    let state = attempted.finding.state;
    result(probe, attempted, state, clock.now_ms())
}

/// Checks one thing until the agent stops.
///
/// # Errors
/// None: what goes wrong is what a probe is there to tell.
pub async fn serve(probe: Probe, mut context: Context) -> Result<(), ListenError> {
    let mut thresholds = Thresholds::new(probe.failures, probe.successes);
    let mut kept = Kept::default();
    let mut next = Instant::now() + jitter(probe.interval);
    let mut before: Option<CheckState> = None;
    let mut gauges = Vec::new();
    let mut databases = Databases::default();
    loop {
        if !wait_until(next, &gauges, &mut context).await {
            return Ok(());
        }
        let attempted = tokio::select! {
            attempted = attempt(&probe, &mut kept, &context.roots, context.clock.now_ms()) => attempted,
            () = context.stop.stopped() => return Ok(()),
        };
        let state = thresholds.next(attempted.finding.state, attempted.finding.is_success);
        gauges = Gauge::all(&probe, &attempted, state);
        databases.follow(&attempted, &mut gauges);
        gauges.iter().for_each(|gauge| gauge.tell(&context));
        let result = result(&probe, attempted, state, context.clock.now_ms());
        if before.replace(state) != Some(state) {
            say(&result);
        }
        {
            let mut intake = context.inlet.open();
            intake.received("probe", 1);
            intake.check(result);
        }
        // A check that took longer than its interval is followed by a whole interval, not by one at once.
        next = (next + probe.interval).max(Instant::now());
    }
}

fn say(result: &CheckResult) {
    let (check, state) = (result.name.as_str(), result.state.as_str());
    if result.state == CheckState::Online {
        info!(check, state, "health check changed");
    } else {
        warn!(check, state, detail = %crate::mask::text(&result.detail), "health check changed");
    }
}

/// Waits, and tells the last values again where that takes long; false when the agent stops.
async fn wait_until(next: Instant, gauges: &[Gauge], context: &mut Context) -> bool {
    loop {
        let wait = next.saturating_duration_since(Instant::now());
        tokio::select! {
            () = sleep(wait.min(REPEAT_AFTER)) => {}
            () = context.stop.stopped() => return false,
        }
        if Instant::now() >= next {
            return true;
        }
        gauges.iter().for_each(|gauge| gauge.tell(context));
    }
}

/// A start somewhere within the first interval, so that the probes of a machine, and those of many machines, spread out.
fn jitter(interval: Duration) -> Duration {
    // Without random numbers all start at once, which costs only evenness.
    let share = f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX);
    interval.min(Duration::from_secs(10)).mul_f64(share)
}

async fn attempt(probe: &Probe, kept: &mut Kept, roots: &Roots, now_ms: i64) -> Attempted {
    let attempt = Attempt {
        probe,
        roots,
        now_ms,
        started: Instant::now(),
        stage: Cell::new("starting"),
        latency: Cell::new(None),
        expiry_days: Cell::new(None),
    };
    let mut statistics = None;
    let finding = match timeout(probe.timeout, find(&attempt, kept, &mut statistics)).await {
        Ok(finding) => finding,
        // Time ran out after the answer, in what comes on top of it.
        Err(_) if attempt.latency.get().is_some() => Finding::online(),
        Err(_) => Finding::offline(format!("nothing after {} ms, while {}", probe.timeout.as_millis(), attempt.stage.get())),
    };
    let latency = attempt.latency.get().filter(|_| finding.state != CheckState::Offline);
    let finding = judge_latency(finding, latency, probe.slow);
    Attempted { finding, latency, expiry_days: attempt.expiry_days.get(), statistics }
}

async fn find(attempt: &Attempt<'_>, kept: &mut Kept, statistics: &mut Option<postgres::Statistics>) -> Finding {
    let found = match attempt.probe.kind {
        Kind::Http => http::check(attempt, &mut kept.tls).await,
        Kind::Tcp => connection::check(attempt).await,
        Kind::Tls => tls::check(attempt, &mut kept.tls).await,
        Kind::Redis => redis::check(attempt, &mut kept.tls).await,
        Kind::Postgres => {
            let is_due = kept.statistics_at.is_none_or(|at| at.elapsed() >= postgres::STATISTICS_EVERY);
            let found = postgres::check(attempt, &mut kept.tls, is_due.then_some(&mut *statistics)).await;
            if statistics.is_some() {
                kept.statistics_at = Some(Instant::now());
            }
            found
        }
        Kind::Mysql => mysql::check(attempt).await,
        Kind::Amqp => amqp::check(attempt, &mut kept.tls).await,
        Kind::Process => process::check(attempt).await,
        Kind::Command => command::check(attempt).await,
    };
    found.unwrap_or_else(|trouble| Finding::offline(trouble.to_string()))
}

fn judge_latency(finding: Finding, latency: Option<Duration>, slow: Option<Duration>) -> Finding {
    match (latency, slow) {
        (Some(latency), Some(slow)) if latency > slow && finding.state == CheckState::Online => {
            let words = format!("took {} ms, over {} ms", latency.as_millis(), slow.as_millis());
            let detail = if finding.detail.is_empty() { words } else { format!("{words}; {}", finding.detail) };
            Finding::degraded(detail)
        }
        _ => finding,
    }
}

fn result(probe: &Probe, attempted: Attempted, state: CheckState, time_ms: i64) -> CheckResult {
    let Finding { is_success, mut detail, .. } = attempted.finding;
    detail.truncate(crate::recorder::cut(&detail, DETAIL_BYTES_MAX).len());
    CheckResult {
        time_ms,
        name: probe.name.clone(),
        kind: probe.kind.as_str().to_owned(),
        target: probe.target.clone(),
        state,
        is_success,
        latency_s: attempted.latency.map(|latency| latency.as_secs_f64()),
        detail,
    }
}

/// The gauges of databases that were told last: those of a database that is gone, or cannot be asked, must not live on.
#[derive(Debug, Default)]
struct Databases(Vec<Gauge>);

impl Databases {
    /// Adds what is no longer known to the gauges of an attempt.
    fn follow(&mut self, attempted: &Attempted, gauges: &mut Vec<Gauge>) {
        if attempted.finding.is_success && attempted.statistics.is_none() {
            // Between two readings of the statistics the last ones hold.
            return;
        }
        let before = std::mem::take(&mut self.0);
        self.0 = gauges.iter().filter(|gauge| gauge.is_of_database()).cloned().collect();
        let is_gone =
            |gauge: &Gauge| !self.0.iter().any(|now| now.metric.name == gauge.metric.name && now.attributes == gauge.attributes);
        gauges.extend(before.into_iter().filter(is_gone).map(|gauge| Gauge { value: f64::NAN, ..gauge }));
    }
}

/// One value of a probe.
#[derive(Debug, Clone, PartialEq)]
struct Gauge {
    metric: &'static Metric,
    attributes: Vec<(&'static str, String)>,
    value: f64,
}

impl Gauge {
    fn all(probe: &Probe, attempted: &Attempted, state: CheckState) -> Vec<Self> {
        let name = || ("farol.check.name", probe.name.clone());
        let kind = || ("farol.check.kind", probe.kind.as_str().to_owned());
        let mut all = Vec::new();
        let mut add = |metric, attributes, value| all.push(Self { metric, attributes, value });
        let number = match state {
            CheckState::Online => 1.0,
            CheckState::Degraded => 0.5,
            CheckState::Offline => 0.0,
        };
        add(&catalog::CHECK_STATE, vec![name(), kind()], number);
        // What was not measured is no number, which the recorder takes for "not read".
        let latency = attempted.latency.map_or(f64::NAN, |latency| latency.as_secs_f64());
        add(&catalog::CHECK_DURATION, vec![name(), kind()], latency);
        if probe.is_encrypted {
            add(&catalog::CHECK_TLS_EXPIRY, vec![name()], attempted.expiry_days.unwrap_or(f64::NAN));
        }
        if let Some(statistics) = &attempted.statistics {
            add(&catalog::DB_CONNECTIONS_MAX, vec![name()], statistics.connections_max);
            for database in &statistics.databases {
                let of = || vec![name(), ("db.namespace", database.name.clone())];
                add(&catalog::DB_CONNECTIONS, of(), database.connections);
                add(&catalog::DB_SIZE, of(), database.bytes.unwrap_or(f64::NAN));
            }
        }
        all
    }

    fn is_of_database(&self) -> bool {
        [&catalog::DB_CONNECTIONS, &catalog::DB_CONNECTIONS_MAX, &catalog::DB_SIZE].iter().any(|one| one.name == self.metric.name)
    }

    fn tell(&self, context: &Context) {
        let attributes: Vec<(&str, &str)> = self.attributes.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let label = Label { name: self.metric.name, unit: self.metric.unit, attributes: &attributes };
        let mut intake = context.inlet.open();
        // What could not be measured is no value: the last one must not stand for it.
        if self.value.is_nan() { intake.unknown(&label) } else { intake.gauge(&label, self.value) }
    }
}

#[cfg(test)]
mod tests;
