//! OTLP in protobuf: walks a body and hands out one item at a time.
//!
//! Field numbers are those of the protocol's descriptors; what is not named here is skipped. A message may have its fields
//! in any order, so what others need (a metric's name, a resource) is looked for first.

use std::{borrow::Cow, fmt::Write};

use super::{
    Malformed, Signal, Sink,
    buckets::{Buckets, Counts, Dense, RANGES_MAX},
    model::{
        Attributes, EXCEPTIONS_MAX, Exception, Item, Log, Metric, Point, PointValue, QUANTILES_MAX, Shape, Source, Span,
        Temporality, Value, hex,
    },
    wire::{Message, Wire},
};

/// Longest text that is made of a value with parts.
const RENDERED_BYTES_MAX: usize = farol_shared::limit::RECORD_TEXT_BYTES_MAX;

/// Deepest value with parts that is told.
const DEPTH_MAX: u32 = 8;

/// Hands every item of a body to the sink.
///
/// # Errors
/// [`Malformed`] when the body or a list in it cannot be read. An item that cannot be read is [`Item::Malformed`].
pub(super) fn walk(signal: Signal, body: &[u8], sink: &mut Sink<'_>) -> Result<(), Malformed> {
    for field in Message(body) {
        if let (1, part) = field? {
            walk_resource(signal, part.bytes()?, sink)?;
        }
    }
    Ok(())
}

fn walk_resource(signal: Signal, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), Malformed> {
    sink.count()?;
    let mut resource = Attributes::default();
    for field in Message(bytes) {
        if let (1, part) = field? {
            resource = attributes(part.bytes()?, 1)?;
        }
    }
    let mut source = Source::new(resource);
    for field in Message(bytes) {
        if let (2, scope) = field? {
            walk_scope(signal, scope.bytes()?, &mut source, sink)?;
        }
    }
    Ok(())
}

fn walk_scope<'a>(signal: Signal, bytes: &'a [u8], source: &mut Source<'a>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
    sink.count()?;
    source.scope = Cow::Borrowed("");
    for field in Message(bytes) {
        if let (1, scope) = field? {
            source.scope = text_of(scope.bytes()?, 1)?;
        }
    }
    for field in Message(bytes) {
        let (2, item) = field? else { continue };
        let item = item.bytes()?;
        let read = match signal {
            Signal::Traces => span(item).and_then(|span| sink.give(source, Item::Span(span))),
            Signal::Logs => log(item).and_then(|log| sink.give(source, Item::Log(log))),
            Signal::Metrics => walk_metric(item, source, sink),
        };
        match read {
            Ok(()) => {}
            Err(Malformed::TooMany) => return read,
            Err(Malformed::Protobuf | Malformed::Json) => sink.give(source, Item::Malformed)?,
        }
    }
    Ok(())
}

fn span(bytes: &[u8]) -> Result<Span<'_>, Malformed> {
    let mut span = Span::default();
    for field in Message(bytes) {
        match field? {
            (1, id) => span.trace_id = hex(id.bytes()?),
            (2, id) => span.span_id = hex(id.bytes()?),
            (4, id) => span.parent_id = hex(id.bytes()?),
            (5, name) => span.name = name.text()?,
            (6, kind) => span.kind = kind.whole()?,
            (7, time) => span.start_ns = time.whole()?,
            (8, time) => span.end_ns = time.whole()?,
            (9, pair) => push_pair(&mut span.attributes, pair)?,
            (11, event) => {
                let event = event.bytes()?;
                if span.exceptions.len() < EXCEPTIONS_MAX && text_of(event, 2)? == "exception" {
                    let time = last(event, 1)?.map_or(Ok(0), Wire::whole)?;
                    span.exceptions.push(Exception { time_ns: time, attributes: attributes(event, 3)? });
                }
            }
            (15, status) => span.is_error = last(status.bytes()?, 3)?.map_or(Ok(0), Wire::whole)? == 2,
            _ => {}
        }
    }
    Ok(span)
}

fn log(bytes: &[u8]) -> Result<Log<'_>, Malformed> {
    let mut log = Log::default();
    let (mut written, mut observed) = (0, 0);
    for field in Message(bytes) {
        match field? {
            (1, time) => written = time.whole()?,
            (2, number) => log.severity = u32::try_from(number.whole()?).unwrap_or(0),
            (3, text) => log.severity_text = text.text()?,
            (5, body) => log.body = body_text(body.bytes()?)?,
            (6, pair) => push_pair(&mut log.attributes, pair)?,
            (9, id) => log.trace_id = hex(id.bytes()?),
            (10, id) => log.span_id = hex(id.bytes()?),
            (11, time) => observed = time.whole()?,
            _ => {}
        }
    }
    log.time_ns = [written, observed].into_iter().find(|time| *time > 0);
    Ok(log)
}

fn walk_metric<'a>(bytes: &'a [u8], source: &Source<'a>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
    sink.count()?;
    let mut metric = Metric::default();
    let mut data = None;
    for field in Message(bytes) {
        match field? {
            (1, name) => metric.name = name.text()?,
            (3, unit) => metric.unit = unit.text()?,
            (number @ (5 | 7 | 9 | 10 | 11), points) => data = Some((number, points.bytes()?)),
            _ => {}
        }
    }
    let Some((number, points)) = data else { return Ok(()) };
    let temporality = || last(points, 2)?.map_or(Ok(0), Wire::whole).map(Temporality::of);
    metric.shape = match number {
        5 => Shape::Gauge,
        7 => Shape::Sum { temporality: temporality()?, is_monotonic: last(points, 3)?.map_or(Ok(0), Wire::whole)? == 1 },
        9 | 10 => Shape::Histogram(temporality()?),
        _ => Shape::Summary,
    };
    let read = match number {
        9 => histogram_point,
        10 => exponential_point,
        11 => summary_point,
        _ => number_point,
    };
    for field in Message(points) {
        let (1, point) = field? else { continue };
        let item = point.bytes().and_then(read).map_or(Item::Malformed, |point| Item::Point(metric.clone(), point));
        sink.give(source, item)?;
    }
    Ok(())
}

fn number_point(bytes: &[u8]) -> Result<Point<'_>, Malformed> {
    let mut point = Point::default();
    for field in Message(bytes) {
        match field? {
            (2, time) => point.start_ns = time.whole()?,
            (3, time) => point.time_ns = time.whole()?,
            (4, value) => point.value = PointValue::Number(value.number()?),
            #[expect(clippy::cast_precision_loss, reason = "a series holds 64-bit floats")]
            (6, value) => point.value = PointValue::Number(value.whole()?.cast_signed() as f64),
            (7, pair) => push_pair(&mut point.attributes, pair)?,
            (8, flags) => point.flags = flags.whole()?,
            _ => {}
        }
    }
    Ok(point)
}

fn histogram_point(bytes: &[u8]) -> Result<Point<'_>, Malformed> {
    let mut point = Point::default();
    let (mut buckets, mut count, mut counts, mut bounds) = (Buckets::default(), 0, Vec::new(), Vec::new());
    for field in Message(bytes) {
        match field? {
            (2, time) => point.start_ns = time.whole()?,
            (3, time) => point.time_ns = time.whole()?,
            (4, number) => count = number.whole()?,
            (5, number) => buckets.sum = Some(number.number()?),
            (6, list) => list.fixed64s(&mut counts, RANGES_MAX)?,
            (7, list) => list.fixed64s(&mut bounds, RANGES_MAX)?,
            (9, pair) => push_pair(&mut point.attributes, pair)?,
            (10, flags) => point.flags = flags.whole()?,
            (11, number) => buckets.min = Some(number.number()?),
            (12, number) => buckets.max = Some(number.number()?),
            _ => {}
        }
    }
    if counts.is_empty() {
        counts.push(count);
    }
    buckets.counts = Counts::Explicit { bounds: bounds.into_iter().map(f64::from_bits).collect(), counts };
    point.value = PointValue::Buckets(buckets);
    Ok(point)
}

fn exponential_point(bytes: &[u8]) -> Result<Point<'_>, Malformed> {
    let mut point = Point::default();
    let mut buckets = Buckets::default();
    let (mut scale, mut zero, mut positive, mut negative) = (0, 0, Dense::default(), Dense::default());
    for field in Message(bytes) {
        match field? {
            (1, pair) => push_pair(&mut point.attributes, pair)?,
            (2, time) => point.start_ns = time.whole()?,
            (3, time) => point.time_ns = time.whole()?,
            (5, number) => buckets.sum = Some(number.number()?),
            (6, number) => scale = number.zigzag()?,
            (7, number) => zero = number.whole()?,
            (8, list) => positive = dense(list.bytes()?)?,
            (9, list) => negative = dense(list.bytes()?)?,
            (10, flags) => point.flags = flags.whole()?,
            (12, number) => buckets.min = Some(number.number()?),
            (13, number) => buckets.max = Some(number.number()?),
            _ => {}
        }
    }
    buckets.counts = Counts::Exponential { scale, zero, positive, negative };
    point.value = PointValue::Buckets(buckets);
    Ok(point)
}

fn dense(bytes: &[u8]) -> Result<Dense, Malformed> {
    let mut dense = Dense::default();
    for field in Message(bytes) {
        match field? {
            (1, offset) => dense.offset = i64::from(offset.zigzag()?),
            (2, list) => list.varints(&mut dense.counts, RANGES_MAX)?,
            _ => {}
        }
    }
    Ok(dense)
}

fn summary_point(bytes: &[u8]) -> Result<Point<'_>, Malformed> {
    let mut point = Point::default();
    let mut quantiles = Vec::new();
    for field in Message(bytes) {
        match field? {
            (2, time) => point.start_ns = time.whole()?,
            (3, time) => point.time_ns = time.whole()?,
            (6, pair) if quantiles.len() < QUANTILES_MAX => {
                let number = |field| last(pair.bytes()?, field)?.map_or(Ok(0.0), Wire::number);
                quantiles.push((number(1)?, number(2)?));
            }
            (7, pair) => push_pair(&mut point.attributes, pair)?,
            (8, flags) => point.flags = flags.whole()?,
            _ => {}
        }
    }
    point.value = PointValue::Quantiles(quantiles);
    Ok(point)
}

/// All attributes in one field of a message.
fn attributes(bytes: &[u8], wanted: u32) -> Result<Attributes<'_>, Malformed> {
    let mut attributes = Attributes::default();
    for field in Message(bytes) {
        let (number, pair) = field?;
        if number == wanted {
            push_pair(&mut attributes, pair)?;
        }
    }
    Ok(attributes)
}

fn push_pair<'a>(attributes: &mut Attributes<'a>, pair: Wire<'a>) -> Result<(), Malformed> {
    let (mut name, mut value) = (Cow::Borrowed(""), None);
    for field in Message(pair.bytes()?) {
        match field? {
            (1, text) => name = text.text()?,
            (2, any) => value = scalar(any.bytes()?)?,
            _ => {}
        }
    }
    if let Some(value) = value {
        attributes.push(name, value);
    }
    Ok(())
}

/// A value without parts; `None` when it has parts or is none.
fn scalar(bytes: &[u8]) -> Result<Option<Value<'_>>, Malformed> {
    let mut value = None;
    for field in Message(bytes) {
        value = match field? {
            (1, text) => Some(Value::Text(text.text()?)),
            (2, truth) => Some(Value::Truth(truth.whole()? != 0)),
            (3, whole) => Some(Value::Whole(whole.whole()?.cast_signed())),
            (4, number) => Some(Value::Number(number.number()?)),
            _ => value,
        };
    }
    Ok(value)
}

/// A log's body as text.
fn body_text(bytes: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    if let Some(value) = scalar(bytes)? {
        return Ok(value.to_text());
    }
    let mut text = String::new();
    render(bytes, &mut text, DEPTH_MAX)?;
    Ok(Cow::Owned(text))
}

/// Writes a value with its parts, much as JSON.
fn render(bytes: &[u8], text: &mut String, depth: u32) -> Result<(), Malformed> {
    if depth == 0 || text.len() > RENDERED_BYTES_MAX {
        text.push_str("...");
        return Ok(());
    }
    for field in Message(bytes) {
        match field? {
            (number @ (5 | 6), parts) => {
                text.push(if number == 5 { '[' } else { '{' });
                for (index, part) in Message(parts.bytes()?).enumerate() {
                    let (_, part) = part?;
                    text.push_str(if index == 0 { "" } else { ", " });
                    let part = part.bytes()?;
                    if number == 5 {
                        render(part, text, depth - 1)?;
                    } else {
                        write!(text, "{}: ", text_of(part, 1)?).expect("a String takes any text");
                        render(last(part, 2)?.map_or(Ok(&[][..]), Wire::bytes)?, text, depth - 1)?;
                    }
                    if text.len() > RENDERED_BYTES_MAX {
                        break;
                    }
                }
                text.push(if number == 5 { ']' } else { '}' });
            }
            (7, bytes) => write!(text, "({} bytes)", bytes.bytes()?.len()).expect("a String takes any text"),
            _ => text.push_str(&scalar(bytes)?.map(|value| value.to_text().into_owned()).unwrap_or_default()),
        }
    }
    Ok(())
}

/// The text in one field of a message; empty when there is none.
fn text_of(bytes: &[u8], wanted: u32) -> Result<Cow<'_, str>, Malformed> {
    last(bytes, wanted)?.map_or(Ok(Cow::Borrowed("")), Wire::text)
}

/// The last value of a field, which is the one that holds.
fn last(bytes: &[u8], wanted: u32) -> Result<Option<Wire<'_>>, Malformed> {
    let mut found = None;
    for field in Message(bytes) {
        let (number, value) = field?;
        if number == wanted {
            found = Some(value);
        }
    }
    Ok(found)
}
