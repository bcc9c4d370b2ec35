//! OTLP in JSON: walks a body and hands out one item at a time.
//!
//! Where it differs from protobuf's usual JSON: ids are hexadecimal, enums are numbers, 64-bit numbers are texts, though
//! plain numbers are read as well. Unknown fields are skipped.

use std::borrow::Cow;

use super::{
    super::fields::{Fault, Fields},
    Malformed, Signal, Sink,
    buckets::{Buckets, Counts, Dense, RANGES_MAX},
    model::{
        Attributes, EXCEPTIONS_MAX, Exception, Item, Log, Metric, Point, PointValue, QUANTILES_MAX, Shape, Source, Span,
        Temporality, Value,
    },
};

/// Most values of one list: more than fit into the exports of any SDK, and few enough to hold their places.
const LIST_MAX: usize = 20_000;

/// Most attributes of one list that are looked at.
const PAIRS_MAX: usize = 1_000;

/// Hands every item of a body to the sink.
///
/// # Errors
/// [`Malformed`] when the body or a list in it cannot be read. An item that cannot be read is [`Item::Malformed`].
pub(super) fn walk(signal: Signal, body: &str, sink: &mut Sink<'_>) -> Result<(), Malformed> {
    let [resources, scopes, items] = signal.lists();
    for resource in fields(body)?.list(resources, LIST_MAX)? {
        sink.count()?;
        let resource = fields(resource)?;
        let mut source = Source::new(nested(&resource, "resource")?);
        for scope in resource.list(scopes, LIST_MAX)? {
            sink.count()?;
            let scope = fields(scope)?;
            let name = scope.object("scope")?.map(|scope| scope.text("name")).transpose()?.flatten();
            source.scope = name.unwrap_or_default();
            for item in scope.list(items, LIST_MAX)? {
                match take_item(signal, item, &source, sink) {
                    Ok(()) => {}
                    Err(Malformed::TooMany) => return Err(Malformed::TooMany),
                    Err(Malformed::Protobuf | Malformed::Json) => sink.give(&source, Item::Malformed)?,
                }
            }
        }
    }
    Ok(())
}

fn take_item(signal: Signal, json: &str, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
    let item = fields(json)?;
    match signal {
        Signal::Traces => sink.give(source, Item::Span(span(&item)?)),
        Signal::Logs => sink.give(source, Item::Log(log(&item)?)),
        Signal::Metrics => walk_metric(&item, source, sink),
    }
}

fn span<'a>(fields: &Fields<'a>) -> Result<Span<'a>, Malformed> {
    let mut exceptions = Vec::new();
    for event in fields.list("events", LIST_MAX)? {
        let event = Fields::read(event).ok_or(Malformed::Json)?;
        if exceptions.len() < EXCEPTIONS_MAX && event.text("name")?.as_deref() == Some("exception") {
            exceptions.push(Exception { time_ns: whole(&event, "timeUnixNano")?, attributes: attributes(&event)? });
        }
    }
    let status = fields.object("status")?.map(|status| whole(&status, "code")).transpose()?;
    Ok(Span {
        trace_id: id(fields, "traceId", 32)?,
        span_id: id(fields, "spanId", 16)?,
        parent_id: id(fields, "parentSpanId", 16)?,
        name: fields.text("name")?.unwrap_or_default(),
        kind: whole(fields, "kind")?,
        start_ns: whole(fields, "startTimeUnixNano")?,
        end_ns: whole(fields, "endTimeUnixNano")?,
        attributes: attributes(fields)?,
        exceptions,
        is_error: status == Some(2),
    })
}

fn log<'a>(fields: &Fields<'a>) -> Result<Log<'a>, Malformed> {
    let times = [whole(fields, "timeUnixNano")?, whole(fields, "observedTimeUnixNano")?];
    let body = match fields.object("body")? {
        None => Cow::Borrowed(""),
        Some(body) => match scalar(&body)? {
            Some(value) => value.to_text(),
            // With parts: as it was written.
            None => Cow::Borrowed(fields.raw("body").unwrap_or_default()),
        },
    };
    Ok(Log {
        time_ns: times.into_iter().find(|time| *time > 0),
        severity: u32::try_from(whole(fields, "severityNumber")?).unwrap_or(0),
        severity_text: fields.text("severityText")?.unwrap_or_default(),
        body,
        attributes: attributes(fields)?,
        trace_id: id(fields, "traceId", 32)?,
        span_id: id(fields, "spanId", 16)?,
    })
}

fn walk_metric(fields: &Fields<'_>, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
    sink.count()?;
    let name = fields.text("name")?.unwrap_or_default();
    let unit = fields.text("unit")?.unwrap_or_default();
    let known = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"];
    let Some(kind) = known.into_iter().find(|kind| fields.raw(kind).is_some()) else { return Ok(()) };
    let data = fields.object(kind)?.ok_or(Malformed::Json)?;
    let temporality = Temporality::of(whole(&data, "aggregationTemporality")?);
    let shape = match kind {
        "gauge" => Shape::Gauge,
        "sum" => Shape::Sum { temporality, is_monotonic: data.raw("isMonotonic") == Some("true") },
        "summary" => Shape::Summary,
        _ => Shape::Histogram(temporality),
    };
    let metric = Metric { name, unit, shape };
    for json in data.list("dataPoints", LIST_MAX)? {
        let read = Fields::read(json).ok_or(Malformed::Json).and_then(|fields| point(kind, &fields));
        sink.give(source, read.map_or(Item::Malformed, |point| Item::Point(metric.clone(), point)))?;
    }
    Ok(())
}

fn point<'a>(kind: &str, fields: &Fields<'a>) -> Result<Point<'a>, Malformed> {
    let value = match kind {
        "histogram" => PointValue::Buckets(histogram(fields)?),
        "exponentialHistogram" => PointValue::Buckets(exponential(fields)?),
        "summary" => {
            let quantiles = fields.list("quantileValues", QUANTILES_MAX)?;
            let pair = |json| {
                let fields = Fields::read(json).ok_or(Malformed::Json)?;
                Ok((number(&fields, "quantile")?.unwrap_or(0.0), number(&fields, "value")?.unwrap_or(0.0)))
            };
            PointValue::Quantiles(quantiles.into_iter().map(pair).collect::<Result<_, Malformed>>()?)
        }
        _ => match (number(fields, "asDouble")?, number(fields, "asInt")?) {
            (Some(value), _) | (None, Some(value)) => PointValue::Number(value),
            (None, None) => PointValue::Nothing,
        },
    };
    Ok(Point {
        attributes: attributes(fields)?,
        start_ns: whole(fields, "startTimeUnixNano")?,
        time_ns: whole(fields, "timeUnixNano")?,
        flags: whole(fields, "flags")?,
        value,
    })
}

fn histogram(fields: &Fields<'_>) -> Result<Buckets, Malformed> {
    let mut counts = wholes(fields, "bucketCounts")?;
    if counts.is_empty() {
        counts.push(whole(fields, "count")?);
    }
    let bounds = fields.list("explicitBounds", RANGES_MAX)?;
    let bounds = bounds.into_iter().map(parse_number).collect::<Option<_>>().ok_or(Malformed::Json)?;
    Ok(Buckets {
        sum: number(fields, "sum")?,
        min: number(fields, "min")?,
        max: number(fields, "max")?,
        counts: Counts::Explicit { bounds, counts },
    })
}

fn exponential(fields: &Fields<'_>) -> Result<Buckets, Malformed> {
    let dense = |name| -> Result<Dense, Malformed> {
        let Some(fields) = fields.object(name)? else { return Ok(Dense::default()) };
        Ok(Dense { offset: i64::from(small(&fields, "offset")?), counts: wholes(&fields, "bucketCounts")? })
    };
    let counts = Counts::Exponential {
        scale: small(fields, "scale")?,
        zero: whole(fields, "zeroCount")?,
        positive: dense("positive")?,
        negative: dense("negative")?,
    };
    Ok(Buckets { sum: number(fields, "sum")?, min: number(fields, "min")?, max: number(fields, "max")?, counts })
}

fn fields(json: &str) -> Result<Fields<'_>, Malformed> {
    Fields::read(json).ok_or(Malformed::Json)
}

fn nested<'a>(fields: &Fields<'a>, name: &'static str) -> Result<Attributes<'a>, Malformed> {
    fields.object(name)?.map(|nested| attributes(&nested)).transpose().map(Option::unwrap_or_default)
}

fn attributes<'a>(fields: &Fields<'a>) -> Result<Attributes<'a>, Malformed> {
    let mut attributes = Attributes::default();
    for pair in fields.list("attributes", PAIRS_MAX)? {
        let pair = Fields::read(pair).ok_or(Malformed::Json)?;
        let value = pair.object("value")?.map(|value| scalar(&value)).transpose()?.flatten();
        if let (Some(name), Some(value)) = (pair.text("key")?, value) {
            attributes.push(name, value);
        }
    }
    Ok(attributes)
}

/// A value without parts; `None` when it has parts or is none.
fn scalar<'a>(value: &Fields<'a>) -> Result<Option<Value<'a>>, Malformed> {
    if let Some(text) = value.text("stringValue")? {
        return Ok(Some(Value::Text(text)));
    }
    if let Some(json) = value.raw("intValue") {
        return parse(json).map(|whole| Some(Value::Whole(whole)));
    }
    if let Some(number) = number(value, "doubleValue")? {
        return Ok(Some(Value::Number(number)));
    }
    let truth = value.raw("boolValue").map(|json| json.parse().map_err(|_| Malformed::Json)).transpose()?;
    Ok(truth.map(Value::Truth))
}

/// An id in small hexadecimal digits; empty when there is none.
fn id(fields: &Fields<'_>, name: &'static str, digits: usize) -> Result<String, Malformed> {
    let id = fields.text(name)?.unwrap_or_default();
    let is_id = id.len() == digits && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    match id.bytes().all(|byte| byte == b'0') {
        true => Ok(String::new()),
        false if is_id => Ok(id.to_ascii_lowercase()),
        false => Err(Malformed::Json),
    }
}

/// A 64-bit number, as text or as number; 0 when there is none.
fn whole(fields: &Fields<'_>, name: &'static str) -> Result<u64, Malformed> {
    fields.raw(name).map_or(Ok(0), parse)
}

fn small(fields: &Fields<'_>, name: &'static str) -> Result<i32, Malformed> {
    fields.raw(name).map_or(Ok(0), parse)
}

fn wholes(fields: &Fields<'_>, name: &'static str) -> Result<Vec<u64>, Malformed> {
    fields.list(name, RANGES_MAX)?.into_iter().map(parse).collect()
}

fn parse<T: std::str::FromStr>(json: &str) -> Result<T, Malformed> {
    unquoted(json).parse().map_err(|_| Malformed::Json)
}

/// A number, or the text of one that JSON has no number for.
fn number(fields: &Fields<'_>, name: &str) -> Result<Option<f64>, Malformed> {
    fields.raw(name).map(|json| parse_number(json).ok_or(Malformed::Json)).transpose()
}

fn parse_number(json: &str) -> Option<f64> {
    unquoted(json).parse().ok()
}

fn unquoted(json: &str) -> &str {
    json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(json)
}

impl From<Fault> for Malformed {
    fn from(_: Fault) -> Self {
        Self::Json
    }
}
