//! What applications tell in Farol's own JSON: one object or a list of them, taken whole or not at all.
//!
//! In: the text of a body or datagram. Out: items ready for the intake, or the first fault with its place. Unknown fields
//! are ignored. Bounded by [`ITEMS_MAX`] and [`ITEM_BYTES_MAX`].

use std::{borrow::Cow, fmt};

use farol_shared::{
    event, limit,
    record::{ErrorSummary, Event, Level, LogRecord, Request},
};

use super::fields::{Fault, Fields, list, text};
use crate::{
    intake::{Intake, Label, OWN, ServiceId, route},
    recorder::cut,
};

/// Most items of one body: some seconds of a busy service.
pub(super) const ITEMS_MAX: usize = 10_000;

/// Largest item, in bytes: the longest texts that a record keeps, several times.
pub(super) const ITEM_BYTES_MAX: usize = 256 << 10;

/// Smallest time that can be milliseconds since the epoch (March 1973); what is smaller was meant as seconds.
const TIME_MS_MIN: i64 = 100_000_000_000;

/// What the items of a body are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Requests that the application answered.
    Request,
    /// Events in its own terms.
    Event,
    /// Values of its own metrics.
    Metric,
    /// Log records.
    Log,
}

impl Kind {
    /// The word by which dropped ones are counted.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Event => "event",
            Self::Metric => "metric",
            Self::Log => "log",
        }
    }
}

/// What must be known to read items.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// The time of items that tell none.
    pub(super) now_ms: i64,
    /// Whether personal fields of events travel whole.
    pub(super) keeps_private: bool,
}

/// Why nothing of a body is taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// The text is no JSON.
    #[error("the body is not JSON: {0}")]
    Syntax(String),
    /// The text is JSON, but neither an object nor a list, or a list that is too long.
    #[error("{0}")]
    Shape(Cow<'static, str>),
    /// An item is wrong.
    #[error("item {index}: {fault}")]
    Item {
        /// Its place, from 0; 0 too when there is one only.
        index: usize,
        /// How many items there are.
        count: usize,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// One item, checked.
#[derive(Debug)]
pub(super) struct Item {
    service: Option<(Option<String>, Option<String>)>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Request(Request),
    Event(Event),
    Log(LogRecord),
    Metric(Metric),
}

#[derive(Debug)]
struct Metric {
    name: String,
    unit: String,
    attributes: Vec<(String, String)>,
    value: f64,
    kind: MetricKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MetricKind {
    Gauge,
    Counter,
    Histogram,
}

/// Reads a body.
///
/// # Errors
/// [`Refused`] with what is wrong first; then nothing of it is to be taken.
pub(super) fn read(kind: Kind, body: &str, reading: Reading) -> Result<Vec<Item>, Refused> {
    let body = body.trim();
    if !body.starts_with('[') {
        return Ok(vec![
            item(kind, body, reading).map_err(|fault| shape_of(body).unwrap_or(Refused::Item { index: 0, count: 1, fault }))?,
        ]);
    }
    let Some(texts) = list(body, ITEMS_MAX) else {
        let too_long = Refused::Shape(format!("the list has more than {ITEMS_MAX} items: send several bodies").into());
        return Err(shape_of(body).unwrap_or(too_long));
    };
    let count = texts.len();
    let one = |(index, text)| item(kind, text, reading).map_err(|fault| Refused::Item { index, count, fault });
    texts.into_iter().enumerate().map(one).collect()
}

/// What is wrong with a text as such, if something is.
fn shape_of(body: &str) -> Option<Refused> {
    match serde_json::from_str::<serde::de::IgnoredAny>(body) {
        Err(error) => Some(Refused::Syntax(error.to_string())),
        Ok(_) => {
            (!body.starts_with(['{', '['])).then_some(Refused::Shape("the body must be an object or a list of objects".into()))
        }
    }
}

fn item(kind: Kind, text: &str, reading: Reading) -> Result<Item, Fault> {
    if text.len() > ITEM_BYTES_MAX {
        return Err(Fault::new("", format_args!("is larger than {} KiB", ITEM_BYTES_MAX >> 10)));
    }
    let fields = Fields::read(text).ok_or_else(|| Fault::new("", "is not an object"))?;
    let body = match kind {
        Kind::Request => Body::Request(request(&fields, reading)?),
        Kind::Event => Body::Event(event(&fields, reading)?),
        Kind::Log => Body::Log(log(&fields, reading)?),
        Kind::Metric => Body::Metric(metric(&fields)?),
    };
    let (service, environment) = (owned(&fields, "service")?, owned(&fields, "environment")?);
    let service = (service.is_some() || environment.is_some()).then_some((service, environment));
    Ok(Item { service, body })
}

fn request(fields: &Fields<'_>, reading: Reading) -> Result<Request, Fault> {
    let method = fields.text("method")?.filter(|method| !method.is_empty()).ok_or_else(|| missing("method", "a text"))?;
    let status = fields.whole("status")?.ok_or_else(|| missing("status", "a number from 100 to 599"))?;
    let status = u16::try_from(status).ok().filter(|status| *status == 0 || (100..=599).contains(status));
    let duration_ms = fields.number("duration_ms")?.ok_or_else(|| missing("duration_ms", "a number"))?;
    if duration_ms < 0.0 {
        return Err(Fault::new("duration_ms", "must not be negative"));
    }
    Ok(Request {
        time_ms: time(fields, reading)?,
        method: method.to_ascii_uppercase(),
        route: owned(fields, "route")?.unwrap_or_default(),
        path: owned(fields, "path")?.unwrap_or_default(),
        status: status.ok_or_else(|| Fault::new("status", "must be 100 to 599, or 0 when there was no answer"))?,
        duration_s: duration_ms / 1_000.0,
        tenant: identifier(fields, "tenant")?,
        user: identifier(fields, "user")?,
        trace_id: trace_id(fields)?,
        exception: exception(fields)?,
    })
}

fn event(fields: &Fields<'_>, reading: Reading) -> Result<Event, Fault> {
    let kind = fields.text("type")?.ok_or_else(|| missing("type", "a text"))?;
    let payload = fields.raw("payload").unwrap_or("{}");
    if payload.len() > limit::RECORD_TEXT_BYTES_MAX {
        return Err(Fault::new("payload", format_args!("is larger than {} KiB", limit::RECORD_TEXT_BYTES_MAX >> 10)));
    }
    let mut payload = serde_json::from_str(payload).map_err(|error| Fault::new("payload", error))?;
    event::check(&kind, &payload).map_err(|error| Fault::new(error.field, error.problem))?;
    if !reading.keeps_private {
        event::mask(&mut payload);
    }
    let payload = payload.to_string();
    Ok(Event { time_ms: time(fields, reading)?, kind: kind.into_owned(), tenant: identifier(fields, "tenant")?, payload })
}

fn log(fields: &Fields<'_>, reading: Reading) -> Result<LogRecord, Fault> {
    let severity = fields.text("severity")?;
    let level = severity.map(|word| {
        Level::parse(&word).ok_or_else(|| Fault::new("severity", "must be trace, debug, info, warn, error or fatal"))
    });
    Ok(LogRecord {
        time_ms: time(fields, reading)?,
        level: level.transpose()?.unwrap_or_default(),
        message: owned(fields, "message")?.ok_or_else(|| missing("message", "a text"))?,
        source: owned(fields, "source")?.unwrap_or_default(),
        exception: exception(fields)?,
        stack: owned(fields, "stack")?.unwrap_or_default(),
        tenant: identifier(fields, "tenant")?,
        trace_id: trace_id(fields)?,
    })
}

fn metric(fields: &Fields<'_>) -> Result<Metric, Fault> {
    let name = owned(fields, "name")?.ok_or_else(|| missing("name", "a text"))?;
    if name.is_empty() || name.len() > limit::NAME_BYTES_MAX || name.contains(char::is_control) {
        return Err(Fault::new("name", format_args!("must have 1 to {} bytes and no control characters", limit::NAME_BYTES_MAX)));
    }
    let value = fields.number("value")?.ok_or_else(|| missing("value", "a number"))?;
    let kind = match fields.text("kind")?.as_deref() {
        None | Some("gauge") => MetricKind::Gauge,
        Some("counter") if value < 0.0 => return Err(Fault::new("value", "must not be negative: it is added to the counter")),
        Some("counter") => MetricKind::Counter,
        Some("histogram") => MetricKind::Histogram,
        Some(_) => return Err(Fault::new("kind", "must be gauge, counter or histogram")),
    };
    let unit = owned(fields, "unit")?.unwrap_or_else(|| "1".to_owned());
    if unit.len() > limit::NAME_BYTES_MAX {
        return Err(Fault::new("unit", format_args!("is longer than {} bytes", limit::NAME_BYTES_MAX)));
    }
    Ok(Metric { name, unit, attributes: attributes(fields)?, value, kind })
}

/// Leaves room for the attributes that a distribution adds.
const ATTRIBUTES_MAX: usize = limit::ATTRIBUTES_MAX / 2;

fn attributes(fields: &Fields<'_>) -> Result<Vec<(String, String)>, Fault> {
    let Some(object) = fields.object("attributes")? else { return Ok(Vec::new()) };
    let mut attributes = Vec::new();
    for (name, json) in object.iter() {
        let field = || format!("attributes.{}", cut(name, limit::NAME_BYTES_MAX));
        if name.is_empty() || name.len() > limit::NAME_BYTES_MAX {
            return Err(Fault::new(field(), format_args!("must have a name of 1 to {} bytes", limit::NAME_BYTES_MAX)));
        }
        let value = match json.as_bytes().first() {
            Some(b'"') => text(json).unwrap_or_default(),
            Some(b'{' | b'[') => return Err(Fault::new(field(), "must be a text, a number or a truth value")),
            _ if json == "null" => continue,
            _ => Cow::Borrowed(json),
        };
        if attributes.len() == ATTRIBUTES_MAX {
            return Err(Fault::new("attributes", format_args!("are more than {ATTRIBUTES_MAX}")));
        }
        attributes.push((name.to_owned(), cut(&value, limit::VALUE_BYTES_MAX).to_owned()));
    }
    Ok(attributes)
}

fn time(fields: &Fields<'_>, reading: Reading) -> Result<i64, Fault> {
    let Some(time_ms) = fields.whole("at")? else { return Ok(reading.now_ms) };
    if time_ms < TIME_MS_MIN {
        return Err(Fault::new("at", "must be milliseconds since the epoch"));
    }
    if time_ms > reading.now_ms.saturating_add(limit::FUTURE_MS_MAX) {
        return Err(Fault::new("at", "lies in the future"));
    }
    Ok(time_ms)
}

fn trace_id(fields: &Fields<'_>) -> Result<Option<String>, Fault> {
    let Some(id) = fields.text("trace_id")?.filter(|id| !id.is_empty()) else { return Ok(None) };
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Fault::new("trace_id", "must be 32 hexadecimal digits"));
    }
    Ok(Some(id.to_ascii_lowercase()))
}

fn exception(fields: &Fields<'_>) -> Result<Option<String>, Fault> {
    Ok(owned(fields, "exception")?.filter(|exception| !exception.is_empty()))
}

fn owned(fields: &Fields<'_>, name: &'static str) -> Result<Option<String>, Fault> {
    Ok(fields.text(name)?.map(Cow::into_owned))
}

fn identifier(fields: &Fields<'_>, name: &'static str) -> Result<Option<String>, Fault> {
    Ok(fields.id(name)?.filter(|id| !id.is_empty()).map(Cow::into_owned))
}

fn missing(field: &'static str, what: impl fmt::Display) -> Fault {
    Fault::new(field, format_args!("is missing: it must be {what}"))
}

impl Item {
    /// Puts the item into the intake.
    pub(super) fn take(self, intake: &mut Intake) {
        let service = self.service.map_or(OWN, |(name, environment)| intake.service(name.as_deref(), environment.as_deref()));
        match self.body {
            Body::Request(request) => take_request(intake, service, request),
            Body::Event(event) => intake.event(service, event),
            Body::Log(record) => intake.log(service, record),
            Body::Metric(metric) => metric.take(intake),
        }
    }
}

/// An exception that ended a request is an error too.
fn take_request(intake: &mut Intake, service: ServiceId, request: Request) {
    if let Some(exception) = &request.exception {
        let route = match request.route.as_str() {
            "" if request.path.is_empty() => None,
            "" => Some(route::fold(&request.path)),
            route => Some(route.to_owned()),
        };
        let error = ErrorSummary {
            kind: exception.clone(),
            tenant: request.tenant.clone(),
            count: 1,
            time_ms: request.time_ms,
            route,
            trace_id: request.trace_id.clone(),
            ..ErrorSummary::default()
        };
        intake.error(service, "request", error);
    }
    intake.request(service, request, 1);
}

impl Metric {
    fn take(&self, intake: &mut Intake) {
        let attributes: Vec<(&str, &str)> = self.attributes.iter().map(|(name, value)| (&**name, &**value)).collect();
        let label = Label { name: &self.name, unit: &self.unit, attributes: &attributes };
        match self.kind {
            MetricKind::Gauge => intake.gauge(&label, self.value),
            MetricKind::Counter => intake.counter_by(&label, self.value),
            MetricKind::Histogram => intake.observe(&label, self.value, 1),
        }
    }
}

#[cfg(test)]
mod tests;
