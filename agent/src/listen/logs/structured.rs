//! Log lines that are JSON objects: their fields win over what the text looks like.

use std::borrow::Cow;

use farol_shared::record::Level;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{exception, level, time};

/// Most further fields that are told beside the message.
const FIELDS_MAX: usize = 40;

/// Most bytes of them.
const FIELDS_BYTES_MAX: usize = 4 << 10;

const LEVEL: &[&str] = &[
    "level",
    "severity",
    "lvl",
    "levelname",
    "loglevel",
    "log.level",
    "@l",
    "severity_text",
    "SeverityText",
    "levelno",
    "priority",
];
const MESSAGE: &[&str] = &["message", "msg", "@m", "@mt", "short_message", "event", "body", "text", "log"];
const TIME: &[&str] = &["time", "timestamp", "ts", "@timestamp", "@t", "datetime", "asctime", "date", "t"];
const KIND: &[&str] = &[
    "exception.type",
    "exc_type",
    "error.type",
    "error.class",
    "error.kind",
    "err.type",
    "err.name",
    "error.name",
    "exception.class",
    "error_class",
    "exception_class",
    "exception_type",
    "error_type",
    "errorType",
    "exception.name",
];
const STACK: &[&str] = &[
    "exception.stacktrace",
    "exc_info",
    "exc_text",
    "stack_trace",
    "stackTrace",
    "stacktrace",
    "stack",
    "traceback",
    "error.stack",
    "error.stack_trace",
    "err.stack",
    "exception.stack",
    "exception",
    "@x",
    "error",
    "err",
];
const REASON: &[&str] =
    &["exception.message", "error.message", "err.message", "exc_message", "error_message", "errorMessage", "err.msg"];
const TRACE: &[&str] = &["trace_id", "traceId", "trace.id", "otelTraceID", "TraceId", "dd.trace_id", "traceid"];
const TENANT: &[&str] = &["tenant", "tenant_id", "tenantId", "tenant.id"];
/// Told elsewhere, or the same in every line.
const DULL: &[&str] =
    &["pid", "hostname", "v", "name", "logger", "logger_name", "thread", "thread_name", "@version", "span_id", "version", "host"];

/// What a structured line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) level: Option<Level>,
    pub(super) time: Option<time::Written>,
    pub(super) message: String,
    pub(super) exception: Option<exception::Exception>,
    pub(super) trace_id: Option<String>,
    pub(super) tenant: Option<String>,
}

/// What decides whether a line is worth taking apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Glance {
    pub(super) level: Option<Level>,
    pub(super) has_exception: bool,
}

/// Looks at the top level of an object only. `None` when it is no JSON object.
pub(super) fn glance(text: &str) -> Option<Glance> {
    serde_json::from_str(text).ok()
}

impl<'de> Deserialize<'de> for Glance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Glance;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Glance, A::Error> {
                let mut glance = Glance::default();
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    let key = key.0.as_ref();
                    if LEVEL.contains(&key) {
                        let value: Value = map.next_value()?;
                        glance.level = glance.level.or_else(|| of_level(key, &value));
                    } else if key == "log" {
                        // `{"log": {"level": "error"}}` of the Elastic Common Schema.
                        let value: Value = map.next_value()?;
                        glance.level = glance.level.or_else(|| value.get("level").and_then(|value| of_level("level", value)));
                    } else if is_of_exception(key) {
                        let value: Value = map.next_value()?;
                        glance.has_exception |= !is_empty(&value);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(glance)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A key, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

fn is_of_exception(key: &str) -> bool {
    ["exc", "err", "stack", "@x", "traceback", "Error"].iter().any(|beginning| key.starts_with(beginning))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// Takes a whole object apart. `None` when it is no JSON object.
pub(super) fn read(text: &str) -> Option<Line> {
    let Value::Object(map) = serde_json::from_str(text).ok()? else { return None };
    let first = |names: &[&str]| names.iter().find_map(|name| string(&map, name));
    let exception = exception(&map);
    let level = LEVEL.iter().find_map(|name| field(&map, name).and_then(|value| of_level(name, value)));
    let time = TIME.iter().find_map(|name| match map.get(*name)? {
        Value::String(text) => time::leading(text.as_bytes()).or_else(|| time::of_number(text.parse().ok()?)),
        Value::Number(number) => time::of_number(number.as_f64()?),
        _ => None,
    });
    let mut message = first(MESSAGE).or_else(|| first(REASON)).unwrap_or_default().trim_end().to_owned();
    add_fields(&map, &mut message);
    let owned = |text: &str| text.to_owned();
    Some(Line { level, time, message, exception, trace_id: first(TRACE).map(owned), tenant: first(TENANT).map(owned) })
}

/// A field by its name, or by its path when there is none of that name: `error.type` in `{"error": {"type": ..}}`.
fn field<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    map.get(name).or_else(|| {
        let (outer, inner) = name.split_once('.')?;
        map.get(outer)?.get(inner)
    })
}

fn string<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    field(map, name)?.as_str().filter(|text| !text.is_empty())
}

fn exception(map: &Map<String, Value>) -> Option<exception::Exception> {
    let stacks = || STACK.iter().filter_map(|name| string(map, name));
    let in_stack = stacks().find_map(exception::find);
    let kind = KIND.iter().find_map(|name| string(map, name)).filter(|kind| kind.len() < 200 && !kind.contains('\n'));
    let reason = REASON.iter().find_map(|name| string(map, name)).map(str::to_owned);
    if let Some(kind) = kind {
        let stack = stacks().find(|stack| stack.contains('\n')).unwrap_or_default().to_owned();
        let message = reason.or_else(|| in_stack.map(|found| found.message)).unwrap_or_default();
        return Some(exception::Exception { kind: kind.to_owned(), message, stack });
    }
    let named =
        || stacks().filter(|text| exception::is_first_line(text.lines().next().unwrap_or_default())).find_map(exception::named);
    in_stack.or_else(named)
}

/// A level by word or number: below 8 as syslog counts, else as Bunyan, Pino and Python do.
fn of_level(name: &str, value: &Value) -> Option<Level> {
    if let Some(word) = value.as_str() {
        return Level::parse(word)
            .or_else(|| word.parse().ok().map(level::of_priority))
            .or_else(|| level::find(&format!("{word}:")));
    }
    let number = u32::try_from(value.as_u64()?).ok()?;
    Some(match (name, number) {
        (_, 0..=7) => level::of_priority(number),
        // Python counts by tens too, one lower.
        ("levelno", _) => match number {
            0..=19 => Level::Debug,
            20..=29 => Level::Info,
            30..=39 => Level::Warn,
            40..=49 => Level::Error,
            _ => Level::Fatal,
        },
        (_, 0..=19) => Level::Trace,
        (_, 20..=29) => Level::Debug,
        (_, 30..=39) => Level::Info,
        (_, 40..=49) => Level::Warn,
        (_, 50..=59) => Level::Error,
        _ => Level::Fatal,
    })
}

/// Adds what else the line tells, as `name=value`.
fn add_fields(map: &Map<String, Value>, message: &mut String) {
    let known = [LEVEL, MESSAGE, TIME, KIND, STACK, REASON, TRACE, TENANT, DULL];
    let is_known = |name: &str| known.iter().any(|names| names.contains(&name));
    let others = map.iter().filter(|(name, value)| {
        // A short error text is a field like others; a trace is told as the stack.
        let is_text = matches!(name.as_str(), "error" | "err") && value.as_str().is_some_and(|text| !text.contains('\n'));
        (!is_known(name) || is_text) && !is_empty(value)
    });
    let start = message.len();
    for (name, value) in others.take(FIELDS_MAX) {
        let before = message.len();
        if !message.is_empty() {
            message.push(' ');
        }
        message.push_str(name);
        message.push('=');
        match value {
            Value::String(text) if !text.contains([' ', '"', '\n']) => message.push_str(text),
            other => message.push_str(&other.to_string()),
        }
        if message.len() - start > FIELDS_BYTES_MAX {
            message.truncate(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        read(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn levels_come_as_words_and_numbers() {
        let cases = [
            (r#"{"level":"error"}"#, Level::Error),
            (r#"{"severity":"WARNING"}"#, Level::Warn),
            (r#"{"level":30}"#, Level::Info),
            (r#"{"level":50}"#, Level::Error),
            (r#"{"level":3,"short_message":"gelf"}"#, Level::Error),
            (r#"{"levelno":40}"#, Level::Error),
            (r#"{"log":{"level":"fatal"}}"#, Level::Fatal),
            (r#"{"log.level":"debug"}"#, Level::Debug),
            (r#"{"@l":"Warning","@mt":"x"}"#, Level::Warn),
        ];
        for (text, level) in cases {
            assert_eq!(line(text).level, Some(level), "{text}");
            assert_eq!(glance(text).unwrap().level, Some(level), "{text}");
        }
    }

    #[test]
    fn fields_name_the_exception_before_any_text_does() {
        let cases = [
            (r#"{"exception.type":"KeyError","exception.message":"'k'"}"#, "KeyError", "'k'"),
            (r#"{"err":{"type":"TypeError","message":"x","stack":"TypeError: x\n    at f (/a.js:1:2)"}}"#, "TypeError", "x"),
            (r#"{"exc_info":"Traceback (most recent call last):\n  File \"a\"\nValueError: v"}"#, "ValueError", "v"),
            (r#"{"error":{"class":"A::B"},"error.message":"m"}"#, "A::B", "m"),
            (r#"{"@x":"System.Exception: bad\n   at P.Main()"}"#, "System.Exception", "bad"),
            (r#"{"stack_trace":"a.b.CException: m\n\tat a.b.D.e(D.java:1)"}"#, "a.b.CException", "m"),
        ];
        for (text, kind, message) in cases {
            let exception = line(text).exception.unwrap_or_else(|| panic!("{text}"));
            assert_eq!((exception.kind.as_str(), exception.message.as_str()), (kind, message), "{text}");
            assert!(glance(text).unwrap().has_exception, "{text}");
        }
        assert_eq!(line(r#"{"error":"connection refused","err":null}"#).exception, None);
    }

    #[test]
    fn what_else_is_told_stands_behind_the_message() {
        let line = line(
            r#"{"time":"2026-11-21T05:17:37Z","level":"error","msg":"payment failed","order":12,"error":"too late","pid":4,"trace_id":"ab"}"#,
        );
        assert_eq!(line.message, "payment failed error=\"too late\" order=12");
        assert_eq!(line.time.unwrap().ms, 1_795_238_257_000);
        assert_eq!(line.trace_id.as_deref(), Some("ab"));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["", "{", "[1]", "{\"a\":}", "null", "{\"a\":1} x"] {
            assert_eq!((glance(text), read(text)), (None, None), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String, key in proptest::sample::select([LEVEL, KIND, STACK, MESSAGE, TIME].concat()), value: String, number: f64) {
            read(&text);
            glance(&text);
            for value in [Value::from(value), Value::from(number)] {
                let text = Value::Object([(key.to_owned(), value)].into_iter().collect()).to_string();
                read(&text).unwrap();
                glance(&text).unwrap();
            }
        }
    }
}
