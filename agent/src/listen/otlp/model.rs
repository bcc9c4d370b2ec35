//! What OTLP says, as far as Farol reads it: the same for both encodings. Texts borrow from the body where they can.

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::buckets::Buckets;

/// Most attributes that are read of one item: OpenTelemetry's own default limit.
pub(super) const ATTRIBUTES_MAX: usize = 128;

/// Most exceptions that are read of one span.
pub(super) const EXCEPTIONS_MAX: usize = 16;

/// Most quantiles that are read of one point of a summary.
pub(super) const QUANTILES_MAX: usize = 32;

/// Where items come from.
#[derive(Debug)]
pub(super) struct Source<'a> {
    /// Attributes of the process that tells.
    pub(super) resource: Attributes<'a>,
    /// [`Attributes::digest`] of them.
    pub(super) digest: u64,
    /// Name of the library or logger that tells.
    pub(super) scope: Cow<'a, str>,
}

/// One thing in a body.
#[derive(Debug)]
pub(super) enum Item<'a> {
    /// A span.
    Span(Span<'a>),
    /// A point of a metric.
    Point(Metric<'a>, Point<'a>),
    /// A log record.
    Log(Log<'a>),
    /// Something that could not be read.
    Malformed,
}

/// Values with names, in their order.
#[derive(Debug, Clone, Default, Hash)]
pub(super) struct Attributes<'a>(pub(super) Vec<(Cow<'a, str>, Value<'a>)>);

/// A value. Lists and maps are not kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// Yes or no.
    Truth(bool),
}

/// A span.
#[derive(Debug, Default)]
pub(super) struct Span<'a> {
    /// In hexadecimal digits; empty when there is none.
    pub(super) trace_id: String,
    pub(super) span_id: String,
    pub(super) parent_id: String,
    pub(super) name: Cow<'a, str>,
    /// As in the protocol; 2 is a server's.
    pub(super) kind: u64,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) attributes: Attributes<'a>,
    /// Its events named `exception`.
    pub(super) exceptions: Vec<Exception<'a>>,
    /// Whether its status says error.
    pub(super) is_error: bool,
}

/// An event of a span that tells an exception.
#[derive(Debug, Default)]
pub(super) struct Exception<'a> {
    pub(super) time_ns: u64,
    pub(super) attributes: Attributes<'a>,
}

/// A log record.
#[derive(Debug, Default)]
pub(super) struct Log<'a> {
    /// When it was written, or else seen.
    pub(super) time_ns: Option<u64>,
    /// 1 to 24; 0 when it is not told.
    pub(super) severity: u32,
    pub(super) severity_text: Cow<'a, str>,
    pub(super) body: Cow<'a, str>,
    pub(super) attributes: Attributes<'a>,
    pub(super) trace_id: String,
    pub(super) span_id: String,
}

/// What all points of one metric share.
#[derive(Debug, Clone, Default)]
pub(super) struct Metric<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) unit: Cow<'a, str>,
    pub(super) shape: Shape,
}

/// What sort of metric it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Shape {
    /// The latest value counts.
    #[default]
    Gauge,
    /// Values add up.
    Sum {
        /// What a point covers.
        temporality: Temporality,
        /// Whether it only grows.
        is_monotonic: bool,
    },
    /// Counts by range, with explicit or exponential bounds.
    Histogram(Temporality),
    /// Quantiles that the application computed.
    Summary,
}

/// What a point covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Temporality {
    /// Nobody says, which the protocol forbids.
    #[default]
    Unknown,
    /// The time since the point before.
    Delta,
    /// The time since the start.
    Cumulative,
}

impl Temporality {
    /// As in the protocol.
    pub(super) const fn of(number: u64) -> Self {
        match number {
            1 => Self::Delta,
            2 => Self::Cumulative,
            _ => Self::Unknown,
        }
    }
}

/// A point of a metric.
#[derive(Debug, Default)]
pub(super) struct Point<'a> {
    pub(super) attributes: Attributes<'a>,
    /// 0 when it is not told.
    pub(super) start_ns: u64,
    pub(super) time_ns: u64,
    /// Bit 0: there is no value, only the news that there is none.
    pub(super) flags: u64,
    pub(super) value: PointValue,
}

/// The value of a point.
#[derive(Debug, Default)]
pub(super) enum PointValue {
    /// None at all.
    #[default]
    Nothing,
    /// A number.
    Number(f64),
    /// Counts by range.
    Buckets(Buckets),
    /// Quantiles and their values.
    Quantiles(Vec<(f64, f64)>),
}

impl<'a> Source<'a> {
    /// A process, before its libraries tell.
    pub(super) fn new(resource: Attributes<'a>) -> Self {
        Self { digest: resource.digest(), resource, scope: Cow::Borrowed("") }
    }
}

impl<'a> Attributes<'a> {
    /// Adds one, as long as there is room.
    pub(super) fn push(&mut self, name: Cow<'a, str>, value: Value<'a>) {
        if self.0.len() < ATTRIBUTES_MAX {
            self.0.push((name, value));
        }
    }

    fn value(&self, name: &str) -> Option<&Value<'a>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        match self.value(name)? {
            Value::Text(text) => Some(text.clone()),
            Value::Whole(_) | Value::Number(_) | Value::Truth(_) => None,
        }
    }

    /// Any value as a text that is not empty.
    pub(super) fn told(&self, name: &str) -> Option<Cow<'a, str>> {
        self.value(name).map(Value::to_text).filter(|text| !text.is_empty())
    }

    /// A whole number, also when it is told as a text.
    pub(super) fn whole(&self, name: &str) -> Option<i64> {
        match self.value(name)? {
            Value::Whole(whole) => Some(*whole),
            Value::Text(text) => text.parse().ok(),
            Value::Number(_) | Value::Truth(_) => None,
        }
    }

    /// The first of several names that has a text.
    pub(super) fn first_text(&self, names: &[&str]) -> Option<Cow<'a, str>> {
        names.iter().find_map(|name| self.text(name)).filter(|text| !text.is_empty())
    }

    /// A number that tells one set of attributes from another.
    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

impl<'a> Value<'a> {
    /// The value as text.
    pub(super) fn to_text(&self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text.clone(),
            Self::Whole(whole) => Cow::Owned(whole.to_string()),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Truth(truth) => Cow::Borrowed(if *truth { "true" } else { "false" }),
        }
    }
}

impl Hash for Value<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Text(text) => text.hash(state),
            Self::Whole(whole) => whole.hash(state),
            Self::Number(number) => number.to_bits().hash(state),
            Self::Truth(truth) => truth.hash(state),
        }
    }
}

/// Bytes in hexadecimal digits; empty when they are all zero, which stands for none.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    /// A trace id has 16 bytes.
    const BYTES_MAX: usize = 16;
    let mut text = String::new();
    if bytes.len() <= BYTES_MAX && bytes.iter().any(|byte| *byte != 0) {
        text.reserve(bytes.len() * 2);
        bytes.iter().for_each(|byte| write!(text, "{byte:02x}").expect("a String takes any text"));
    }
    text
}
