//! Intake: what receivers and probes write into, and frames are filled from.
//!
//! In: requests, errors, events, log records, check results and values, one call each, from anywhere on the agent's thread.
//! Out, once a tick: values in the recorder, and one group of records a service. Requests are folded as they come, so that
//! memory depends on how different they are, not on how many.
//!
//! Invariants: whatever is not kept is counted with its kind and cause; secrets are masked before anything is kept; nothing
//! here blocks or waits. Bounded by the limits of records in [`limit`].

use std::{
    cell::{RefCell, RefMut},
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use farol_shared::{
    catalog, limit,
    record::{CheckResult, ErrorSummary, Event, Level, Levels, LogRecord, OTHER, Records, Request},
    resource::{Resource, ResourceKind},
};

use crate::{
    mask,
    recorder::{Recorder, ResourceSlot, SeriesSlot, cut},
};

mod requests;
pub mod route;
mod series;
mod tenants;

pub use series::{IDLE_TICKS_MAX, Label, STATISTIC};

use requests::Requests;
use series::{AppSeries, Cause};

/// How the agent takes in what applications tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Name of the service that is meant when none is named.
    pub service: String,
    /// Deployment environment that is meant when none is named.
    pub environment: Option<String>,
    /// Tenant of what names none.
    pub tenant: Option<String>,
    /// Requests that take longer travel whole, in seconds.
    pub slow_s: f64,
}

/// A service that the intake knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServiceId(usize);

/// The service that is meant when none is named.
pub const OWN: ServiceId = ServiceId(0);

/// Ticks without anything new after which a service leaves the tables: ten minutes at one second.
const SERVICE_IDLE_TICKS_MAX: u32 = 600;

/// Type, origin and tenant.
type ErrorKey = (Box<str>, &'static str, Option<Box<str>>);

#[derive(Debug)]
struct Service {
    name: String,
    environment: Option<String>,
    slot: Option<ResourceSlot>,
    idle: u32,
    requests: Requests,
    errors: HashMap<ErrorKey, ErrorSummary>,
    events: Vec<Event>,
    logs: Vec<LogRecord>,
    levels: Levels,
}

/// What applications told since the last tick. See the head of this file.
#[derive(Debug)]
pub struct Intake {
    settings: Settings,
    services: Vec<Service>,
    checks: Vec<CheckResult>,
    series: AppSeries,
    /// Bytes of the texts that wait, of all services.
    waiting_bytes: usize,
    received: BTreeMap<&'static str, (u64, Option<SeriesSlot>)>,
    dropped: BTreeMap<(&'static str, &'static str), (u64, Option<SeriesSlot>)>,
    ticks: u64,
}

/// The intake as receivers hold it: on one thread, borrowed for the length of one call only.
#[derive(Debug, Clone)]
pub struct Inlet(Rc<RefCell<Intake>>);

impl Inlet {
    /// A way into a new intake.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self(Rc::new(RefCell::new(Intake::new(settings))))
    }

    /// The intake, for a moment: it must be given back before anything is awaited.
    #[must_use]
    pub fn open(&self) -> RefMut<'_, Intake> {
        self.0.borrow_mut()
    }
}

impl Intake {
    /// An empty one.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let own = Service::new(settings.service.clone(), settings.environment.clone());
        Self {
            settings,
            services: vec![own],
            checks: Vec::new(),
            series: AppSeries::default(),
            waiting_bytes: 0,
            received: BTreeMap::new(),
            dropped: BTreeMap::new(),
            ticks: 0,
        }
    }

    /// How often everything was moved out. What was put in before the number grew is in the spool.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        self.ticks
    }

    /// The service of a name and environment; `None` stands for the agent's own. Beyond [`limit::SERVICES_MAX`] all are one.
    pub fn service(&mut self, name: Option<&str>, environment: Option<&str>) -> ServiceId {
        if name.is_none() && environment.is_none() {
            return OWN;
        }
        let name = cut(name.filter(|name| !name.is_empty()).unwrap_or(&self.settings.service), limit::NAME_BYTES_MAX);
        let environment = environment.or(self.settings.environment.as_deref()).map(|name| cut(name, limit::NAME_BYTES_MAX / 2));
        let is_it = |service: &Service| service.name == name && service.environment.as_deref() == environment;
        if let Some(index) = self.services.iter().position(is_it) {
            return ServiceId(index);
        }
        if self.services.len() > limit::SERVICES_MAX {
            return ServiceId(limit::SERVICES_MAX);
        }
        let is_last = self.services.len() == limit::SERVICES_MAX;
        let new = if is_last {
            Service::new(OTHER.to_owned(), None)
        } else {
            Service::new(name.to_owned(), environment.map(str::to_owned))
        };
        self.services.push(new);
        ServiceId(self.services.len() - 1)
    }

    /// Takes a request in that stands for `weight` requests (1 unless it was sampled).
    pub fn request(&mut self, service: ServiceId, mut request: Request, weight: u64) {
        for text in [&mut request.method, &mut request.route, &mut request.path] {
            shorten(text, limit::VALUE_BYTES_MAX);
        }
        for text in [&mut request.tenant, &mut request.user, &mut request.trace_id, &mut request.exception].into_iter().flatten()
        {
            shorten(text, limit::VALUE_BYTES_MAX);
        }
        request.path.truncate(request.path.find(['?', '#']).unwrap_or(request.path.len()));
        request.tenant = request.tenant.or_else(|| self.settings.tenant.clone());
        let slow_s = self.settings.slow_s;
        self.services[service.0].requests.take(request, weight.max(1), slow_s);
    }

    /// Takes errors of one type in; `origin` is `request`, `span` or `log`.
    pub fn error(&mut self, service: ServiceId, origin: &'static str, mut error: ErrorSummary) {
        shorten(&mut error.kind, limit::VALUE_BYTES_MAX);
        for text in [&mut error.tenant, &mut error.route, &mut error.trace_id].into_iter().flatten() {
            shorten(text, limit::VALUE_BYTES_MAX);
        }
        clean(&mut error.message);
        clean(&mut error.stack);
        error.tenant = error.tenant.or_else(|| self.settings.tenant.clone());
        let errors = &mut self.services[service.0].errors;
        let tenant = error.tenant.as_deref().map(Box::from);
        let mut key = (Box::from(error.kind.as_str()), origin, tenant);
        if errors.len() >= limit::ERROR_TYPES_MAX && !errors.contains_key(&key) {
            key = (OTHER.into(), origin, None);
            (error.kind, error.tenant) = (OTHER.to_owned(), None);
        }
        let before = errors.get(&key).map_or(0, |before| before.message.len() + before.stack.len());
        let count = errors.get(&key).map_or(0, |before| before.count);
        let waiting = self.waiting_bytes - before + error.message.len() + error.stack.len();
        if waiting > limit::RECORD_BYTES_WAITING_MAX {
            // The count is what matters; the sample may be an older one.
            let added = error.count;
            let entry = errors.entry(key).or_insert_with(|| {
                (error.message, error.stack) = (String::new(), String::new());
                error.count = 0;
                error
            });
            entry.count += added;
            return;
        }
        self.waiting_bytes = waiting;
        error.count += count;
        error.origin = origin.to_owned();
        errors.insert(key, error);
    }

    /// Takes an event in. Its payload is a JSON object whose private fields are masked already.
    pub fn event(&mut self, service: ServiceId, mut event: Event) {
        shorten(&mut event.kind, limit::VALUE_BYTES_MAX);
        if let Some(tenant) = &mut event.tenant {
            shorten(tenant, limit::VALUE_BYTES_MAX);
        }
        event.tenant = event.tenant.or_else(|| self.settings.tenant.clone());
        if event.payload.len() > limit::RECORD_TEXT_BYTES_MAX {
            self.drop_records("event", "oversize", 1);
        } else if self.has_room(event.payload.len() + event.kind.len()) {
            self.services[service.0].events.push(event);
        } else {
            self.drop_records("event", "full", 1);
        }
    }

    /// Takes a log record in: counts it, and keeps it whole when it is a warning or worse. An exception in it is an error too.
    pub fn log(&mut self, service: ServiceId, mut record: LogRecord) {
        self.services[service.0].levels.add(record.level);
        if record.level < Level::Warn && record.exception.is_none() {
            return;
        }
        clean(&mut record.message);
        clean(&mut record.stack);
        shorten(&mut record.source, limit::VALUE_BYTES_MAX);
        for text in [&mut record.exception, &mut record.tenant, &mut record.trace_id].into_iter().flatten() {
            shorten(text, limit::VALUE_BYTES_MAX);
        }
        record.tenant = record.tenant.or_else(|| self.settings.tenant.clone());
        if let Some(exception) = &record.exception {
            let error = ErrorSummary {
                kind: exception.clone(),
                tenant: record.tenant.clone(),
                count: 1,
                time_ms: record.time_ms,
                message: record.message.clone(),
                stack: record.stack.clone(),
                trace_id: record.trace_id.clone(),
                ..ErrorSummary::default()
            };
            self.error(service, "log", error);
        }
        if self.has_room(record.message.len() + record.stack.len() + record.source.len()) {
            self.services[service.0].logs.push(record);
        } else {
            self.drop_records("log", "full", 1);
        }
    }

    /// Counts log records of a level that are not worth taking apart.
    pub fn count_logs(&mut self, service: ServiceId, level: Level, count: u64) {
        let levels = &mut self.services[service.0].levels.0[level as usize];
        *levels = levels.saturating_add(count);
    }

    /// Takes the result of a health check in.
    pub fn check(&mut self, mut result: CheckResult) {
        clean(&mut result.detail);
        for text in [&mut result.name, &mut result.kind, &mut result.target] {
            shorten(text, limit::VALUE_BYTES_MAX);
        }
        if self.has_room(result.detail.len() + result.target.len()) {
            self.checks.push(result);
        } else {
            self.drop_records("check", "full", 1);
        }
    }

    /// Sets a gauge.
    pub fn gauge(&mut self, label: &Label<'_>, value: f64) {
        let kept = self.series.gauge(label, value);
        self.count_metric(kept);
    }

    /// Says that a gauge has no value any more, until it is set again.
    pub fn unknown(&mut self, label: &Label<'_>) {
        self.series.unknown(label);
    }

    /// Moves a gauge by `delta`.
    pub fn gauge_by(&mut self, label: &Label<'_>, delta: f64) {
        let kept = self.series.gauge_by(label, delta);
        self.count_metric(kept);
    }

    /// Adds `delta` (not negative) to a counter that the agent keeps.
    pub fn counter_by(&mut self, label: &Label<'_>, delta: f64) {
        let kept = self.series.counter_by(label, delta);
        self.count_metric(kept);
    }

    /// Sets the total of a counter that something else keeps.
    pub fn counter_at(&mut self, label: &Label<'_>, total: f64) {
        let kept = self.series.counter_at(label, total);
        self.count_metric(kept);
    }

    /// Records a value of a distribution, `weight` times.
    pub fn observe(&mut self, label: &Label<'_>, value: f64, weight: u64) {
        let kept = self.series.observe(label, value, weight.max(1));
        self.count_metric(kept);
    }

    /// Sets count and sum of a distribution that something else keeps; [`Self::observe`] then adds to neither.
    pub fn totals_at(&mut self, label: &Label<'_>, count: f64, sum: f64) {
        let kept = self.series.totals_at(label, count, sum);
        self.count_metric(kept);
    }

    /// Counts a member of a set, once an interval.
    pub fn member(&mut self, label: &Label<'_>, member: &str) {
        let kept = self.series.member(label, member);
        self.count_metric(kept);
    }

    /// Counts what a receiver took: `http`, `otlp`, `statsd`, `socket`, `proxy`, `scrape`, `logs` or `probe`.
    pub fn received(&mut self, receiver: &'static str, count: u64) {
        self.received.entry(receiver).or_default().0 += count;
    }

    /// Counts what was handed in and not kept; kinds and causes are those of the catalogue.
    pub fn drop_records(&mut self, kind: &'static str, cause: &'static str, count: u64) {
        self.dropped.entry((kind, cause)).or_default().0 += count;
    }

    /// Moves everything out: values into the recorder on a base tick, records into the answer.
    pub fn drain(&mut self, recorder: &mut Recorder, own: ResourceSlot, is_base: bool) -> Vec<Records> {
        if is_base {
            self.series.record(recorder, own);
            self.record_own(recorder, own);
        }
        let mut groups = Vec::new();
        for service in &mut self.services {
            groups.extend(service.drain(recorder, is_base));
        }
        if !self.checks.is_empty()
            && let Some(resource) = recorder.place(own)
        {
            groups.push(Records { resource, checks: std::mem::take(&mut self.checks), ..Records::default() });
        }
        self.waiting_bytes = 0;
        self.ticks += 1;
        groups
    }

    /// Whether there is anything that a tick would take: records only, as values wait for the next tick.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.checks.is_empty() || self.services.iter().any(Service::is_waiting)
    }

    fn has_room(&mut self, bytes: usize) -> bool {
        // The fixed part of a record, about.
        let bytes = self.waiting_bytes + bytes + 64;
        let has_room = bytes <= limit::RECORD_BYTES_WAITING_MAX;
        if has_room {
            self.waiting_bytes = bytes;
        }
        has_room
    }

    fn count_metric(&mut self, kept: Result<(), Cause>) {
        if let Err(cause) = kept {
            self.drop_records("metric", cause, 1);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
    fn record_own(&mut self, recorder: &mut Recorder, own: ResourceSlot) {
        for (receiver, (count, slot)) in &mut self.received {
            let register = || recorder.series(own, &catalog::AGENT_RECORDS_TAKEN, &[("farol.receiver", receiver)]);
            let slot = *slot.get_or_insert_with(register);
            recorder.set(slot, *count as f64);
        }
        for ((kind, cause), (count, slot)) in &mut self.dropped {
            let register =
                || recorder.series(own, &catalog::AGENT_RECORDS_DROPPED, &[("farol.kind", kind), ("farol.cause", cause)]);
            let slot = *slot.get_or_insert_with(register);
            recorder.set(slot, *count as f64);
        }
    }
}

impl Service {
    fn new(name: String, environment: Option<String>) -> Self {
        Self {
            name,
            environment,
            slot: None,
            idle: 0,
            requests: Requests::default(),
            errors: HashMap::new(),
            events: Vec::new(),
            logs: Vec::new(),
            levels: Levels::default(),
        }
    }

    fn is_waiting(&self) -> bool {
        !(self.requests.is_empty()
            && self.errors.is_empty()
            && self.events.is_empty()
            && self.logs.is_empty()
            && self.levels.is_empty())
    }

    fn drain(&mut self, recorder: &mut Recorder, is_base: bool) -> Option<Records> {
        let mut records = Records::default();
        self.requests.drain(&mut records);
        records.errors = self.errors.drain().map(|(_, error)| error).collect();
        records.events = std::mem::take(&mut self.events);
        records.logs = std::mem::take(&mut self.logs);
        records.levels = std::mem::take(&mut self.levels);
        if records.is_empty() {
            self.idle += u32::from(is_base);
            if self.idle > SERVICE_IDLE_TICKS_MAX
                && let Some(slot) = self.slot.take()
            {
                recorder.remove_resource(slot);
            }
            return None;
        }
        self.idle = 0;
        let slot = *self.slot.get_or_insert_with(|| recorder.resource(resource(&self.name, self.environment.as_deref())));
        records.resource = recorder.place(slot)?;
        Some(records)
    }
}

/// The resource of a service: the same from every agent, so that all its processes measure as one.
fn resource(name: &str, environment: Option<&str>) -> Resource {
    let mut attributes = BTreeMap::from([("service.name".to_owned(), name.to_owned())]);
    attributes.extend(environment.map(|environment| ("deployment.environment.name".to_owned(), environment.to_owned())));
    let key = environment.map_or_else(|| format!("service:{name}"), |environment| format!("service:{name}/{environment}"));
    Resource { key, kind: ResourceKind::Service, parent: None, tenant: None, attributes }
}

fn shorten(text: &mut String, max: usize) {
    text.truncate(cut(text, max).len());
}

/// Masks secrets and cuts to [`limit::RECORD_TEXT_BYTES_MAX`], saying so.
fn clean(text: &mut String) {
    const MARK: &str = " [cut]";
    if let std::borrow::Cow::Owned(masked) = mask::text(text) {
        *text = masked;
    }
    if text.len() > limit::RECORD_TEXT_BYTES_MAX {
        shorten(text, limit::RECORD_TEXT_BYTES_MAX - MARK.len());
        text.push_str(MARK);
    }
}

#[cfg(test)]
mod tests;
