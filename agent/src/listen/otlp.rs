//! OTLP: traces, metrics and logs of OpenTelemetry, in protobuf and in JSON.
//!
//! In: a body. Out: requests from server spans, errors from exceptions, series from metrics, log records. Each item is read
//! and taken by itself, so that memory does not grow with the body, however it is made; a broken item is refused alone and
//! told in the answer. What is known between bodies is bounded: [`streams`], [`recent`], and a service's last span.

use std::collections::HashMap;

use farol_shared::record::{Level, LogRecord};

use super::fields::Fields;
use crate::{
    intake::{Intake, OWN, ServiceId},
    recorder::cut,
};

mod buckets;
mod json;
mod metrics;
mod model;
mod protobuf;
mod recent;
mod spans;
mod streams;
mod wire;

use model::{Item, Log, Source};
use recent::{Recent, key};
use streams::Streams;

/// While a service's spans came within this time, the histograms of request durations of none of its processes are
/// counted, also not of a new one that told no span yet. Longer than the usual minute between two exports of metrics.
const SPANS_HOLD_MS: i64 = 5 * 60 * 1_000;

/// Most parts of one body: resources, scopes, metrics and items. They are all taken in one go, and a tick must not wait for long.
const PARTS_MAX: u32 = 50_000;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

/// What a body tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// Spans.
    Traces,
    /// Points of metrics.
    Metrics,
    /// Log records.
    Logs,
}

impl Signal {
    /// Names of the lists in JSON: resources, scopes, items.
    const fn lists(self) -> [&'static str; 3] {
        match self {
            Self::Traces => ["resourceSpans", "scopeSpans", "spans"],
            Self::Metrics => ["resourceMetrics", "scopeMetrics", "metrics"],
            Self::Logs => ["resourceLogs", "scopeLogs", "logRecords"],
        }
    }

    /// Whether a JSON text is OTLP of this signal.
    pub(super) fn is_in(self, text: &str) -> bool {
        Fields::read(text).is_some_and(|fields| fields.raw(self.lists()[0]).is_some())
    }

    const fn rejected_name(self) -> &'static str {
        match self {
            Self::Traces => "rejectedSpans",
            Self::Metrics => "rejectedDataPoints",
            Self::Logs => "rejectedLogRecords",
        }
    }

    /// The word by which dropped ones are counted.
    const fn kind(self) -> &'static str {
        match self {
            Self::Traces => "request",
            Self::Metrics => "metric",
            Self::Logs => "log",
        }
    }
}

/// Why a body cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    /// It is no protobuf, or not of this message.
    #[error("it is not protobuf of an OTLP request")]
    Protobuf,
    /// It is no JSON, or not of this message.
    #[error("it is not OTLP in JSON")]
    Json,
    /// It has too many parts.
    #[error("it has more than {PARTS_MAX} parts, and those beyond were not taken")]
    TooMany,
}

/// What became of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Taken {
    /// Items that were read.
    pub(super) taken: u64,
    /// Items that were broken.
    pub(super) rejected: u64,
}

/// Where the parts of a body go, up to [`PARTS_MAX`].
struct Sink<'t> {
    take: &'t mut dyn FnMut(&Source<'_>, Item<'_>),
    parts: u32,
}

impl Sink<'_> {
    /// Counts a resource, scope or metric.
    fn count(&mut self) -> Result<(), Malformed> {
        self.parts += 1;
        if self.parts > PARTS_MAX { Err(Malformed::TooMany) } else { Ok(()) }
    }

    /// Gives an item.
    fn give(&mut self, source: &Source<'_>, item: Item<'_>) -> Result<(), Malformed> {
        self.count()?;
        (self.take)(source, item);
        Ok(())
    }
}

/// What is known between bodies.
#[derive(Debug)]
pub(super) struct Otlp {
    streams: Streams,
    exceptions: Recent,
    /// Processes that told a server span, by the digest of their resource: their histograms never count.
    span_sources: Recent,
    /// When each service's last server span came.
    last_span_ms: HashMap<ServiceId, i64>,
}

impl Otlp {
    /// Knows nothing yet.
    pub(super) fn new(now_ms: i64) -> Self {
        Self {
            streams: Streams::new(now_ms),
            exceptions: Recent::default(),
            span_sources: Recent::default(),
            last_span_ms: HashMap::new(),
        }
    }

    /// Takes a body in.
    ///
    /// # Errors
    /// [`Malformed`] when the body as such cannot be read; items before the fault were taken.
    pub(super) fn take(
        &mut self,
        signal: Signal,
        encoding: Encoding,
        body: &[u8],
        intake: &mut Intake,
        now_ms: i64,
    ) -> Result<Taken, Malformed> {
        let mut taken = Taken::default();
        let mut take = |source: &Source<'_>, item: Item<'_>| {
            let is_good = self.take_item(source, item, intake, now_ms);
            *(if is_good { &mut taken.taken } else { &mut taken.rejected }) += 1;
        };
        let mut sink = Sink { take: &mut take, parts: 0 };
        let walked = match encoding {
            Encoding::Protobuf => protobuf::walk(signal, body, &mut sink),
            Encoding::Json => {
                std::str::from_utf8(body).map_err(|_| Malformed::Json).and_then(|text| json::walk(signal, text, &mut sink))
            }
        };
        intake.received("otlp", taken.taken);
        let lost = taken.rejected + u64::from(walked.is_err());
        if lost > 0 {
            intake.drop_records(signal.kind(), "malformed", lost);
        }
        walked.map(|()| taken)
    }

    /// False when the item is broken.
    fn take_item(&mut self, source: &Source<'_>, item: Item<'_>, intake: &mut Intake, now_ms: i64) -> bool {
        let service = service_of(source, intake);
        match item {
            Item::Span(span) => {
                let is_request = spans::take(service, source, &span, &mut self.exceptions, intake);
                if is_request {
                    self.span_sources.is_new(source.digest);
                    self.last_span_ms.insert(service, now_ms);
                }
                true
            }
            Item::Point(metric, point) => {
                let last = self.last_span_ms.get(&service);
                let is_recent = last.is_some_and(|last| now_ms.saturating_sub(*last) < SPANS_HOLD_MS);
                let has_spans = is_recent || self.span_sources.holds(source.digest);
                let place = metrics::Place { service, source, has_spans, now_ms };
                metrics::take(&place, &metric, &point, &mut self.streams, intake)
            }
            Item::Log(log) => {
                self.take_log(service, source, &log, intake, now_ms);
                true
            }
            Item::Malformed => false,
        }
    }

    fn take_log(&mut self, service: ServiceId, source: &Source<'_>, log: &Log<'_>, intake: &mut Intake, now_ms: i64) {
        let level = match log.severity {
            0 => Level::parse(&log.severity_text).unwrap_or_default(),
            number => Level::of_severity(number),
        };
        let exception = log.attributes.text("exception.type").filter(|kind| !kind.is_empty());
        // An exception that a span of the same trace told of is one error, not two.
        let mut is_known = |kind: &str| !self.exceptions.is_new(key(&log.trace_id, &log.span_id, kind));
        let exception = exception.filter(|kind| log.trace_id.is_empty() || !is_known(kind));
        let exception_message = log.attributes.text("exception.message").unwrap_or_default();
        let message = if log.body.is_empty() { exception_message } else { log.body.clone() };
        let record = LogRecord {
            time_ms: log.time_ns.map_or(now_ms, millis),
            level,
            message: message.into_owned(),
            source: source.scope.clone().into_owned(),
            exception: exception.map(|kind| kind.into_owned()),
            stack: log.attributes.text("exception.stacktrace").unwrap_or_default().into_owned(),
            tenant: tenant(source, &log.attributes),
            trace_id: (!log.trace_id.is_empty()).then(|| log.trace_id.clone()),
        };
        intake.log(service, record);
    }
}

impl Taken {
    /// The body of the answer: empty when all was taken.
    pub(super) fn answer(self, signal: Signal, encoding: Encoding) -> Vec<u8> {
        const MESSAGE: &str = "some items are broken and were not taken";
        match (encoding, self.rejected) {
            (Encoding::Protobuf, 0) => Vec::new(),
            (Encoding::Json, 0) => b"{}".to_vec(),
            (Encoding::Protobuf, rejected) => {
                let mut partial = Vec::new();
                wire::put_number(&mut partial, 1, rejected);
                wire::put_bytes(&mut partial, 2, MESSAGE.as_bytes());
                let mut answer = Vec::new();
                wire::put_bytes(&mut answer, 1, &partial);
                answer
            }
            (Encoding::Json, rejected) => {
                let name = signal.rejected_name();
                format!(r#"{{"partialSuccess":{{"{name}":"{rejected}","errorMessage":"{MESSAGE}"}}}}"#).into_bytes()
            }
        }
    }
}

/// A `google.rpc.Status`.
pub(super) fn status(encoding: Encoding, code: u32, message: &str) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => {
            let mut status = Vec::new();
            wire::put_number(&mut status, 1, u64::from(code));
            wire::put_bytes(&mut status, 2, message.as_bytes());
            status
        }
        Encoding::Json => serde_json::json!({ "code": code, "message": message }).to_string().into_bytes(),
    }
}

/// The service of a resource. SDKs that were told no name send `unknown_service`, which then is the agent's own.
fn service_of(source: &Source<'_>, intake: &mut Intake) -> ServiceId {
    let resource = &source.resource;
    let Some(name) = resource.text("service.name").filter(|name| !name.is_empty() && !name.starts_with("unknown_service")) else {
        return OWN;
    };
    let environment = resource.text("deployment.environment.name").or_else(|| resource.text("deployment.environment"));
    intake.service(Some(&name), environment.as_deref())
}

/// The tenant that an item names, else its resource.
fn tenant(source: &Source<'_>, attributes: &model::Attributes<'_>) -> Option<String> {
    let both = [attributes, &source.resource];
    let names = ["tenant", "tenant.id", "farol.tenant"];
    let tenant = both.iter().find_map(|attributes| names.iter().find_map(|name| attributes.told(name)))?;
    Some(cut(&tenant, farol_shared::limit::VALUE_BYTES_MAX).to_owned())
}

/// Nanoseconds since the epoch as milliseconds.
fn millis(nanoseconds: u64) -> i64 {
    i64::try_from(nanoseconds / 1_000_000).expect("64 bits divided by a million fit into 63")
}

#[cfg(test)]
mod tests;
