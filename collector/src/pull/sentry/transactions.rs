//! Transactions of Sentry over the last hour: the slowest, and all together.
//!
//! What was the dataset of transactions is now one of spans. Which of them an organisation has shows when it is asked: an
//! unknown one is refused with 400. The keys of an answer are looked up in what it says of its fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    ask::{Asker, Subject},
    issues::text,
};
use crate::pull::{PollError, parse};

const EVENTS: Subject = Subject { path: "events", scope: "org:read" };

/// Slowest transactions that are shown.
const TOP_MAX: usize = 5;

/// Fewest calls of a transaction that is ranked, unless all have fewer: a slow one-off is no slow endpoint.
const FLOOR: &str = "count():>10";

/// Names under which SDKs tell the status of an answer.
pub(super) const STATUS_NAMES: [&str; 3] = ["span.status_code", "http.response.status_code", "http.status_code"];

/// Statuses of failed requests. A list is understood whether the attribute is a number or a text.
const FAILED: &str = "[500,501,502,503,504,505,507,508,511,520,521,522,523,524,525,526,527]";

/// Where Sentry keeps transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dataset {
    Spans,
    Transactions,
}

impl Dataset {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::Transactions => "transactions",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Spans => Self::Transactions,
            Self::Transactions => Self::Spans,
        }
    }

    /// What is asked of each transaction; the second ranks.
    fn fields(self) -> [&'static str; 5] {
        match self {
            Self::Spans => ["count()", "p95(span.duration)", "avg(span.duration)", "p99(span.duration)", "failure_rate()"],
            Self::Transactions => ["count()", "p95()", "avg(transaction.duration)", "p99()", "failure_rate()"],
        }
    }

    /// The mean, as an axis of a series.
    pub(super) fn mean(self) -> &'static str {
        match self {
            Self::Spans => "avg(span.duration)",
            Self::Transactions => "avg(transaction.duration)",
        }
    }

    /// The search for requests that a server answered.
    pub(super) fn query(self) -> &'static str {
        match self {
            Self::Spans => "is_transaction:true span.op:http.server",
            Self::Transactions => "event.type:transaction transaction.op:http.server",
        }
    }
}

/// Figures of one transaction, or of all.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Figures {
    pub(super) transaction: Option<String>,
    pub(super) count: Option<u64>,
    pub(super) mean_ms: Option<f64>,
    pub(super) p95_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) failure_ratio: Option<f64>,
}

/// One of the slowest transactions.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SentryTransaction {
    /// Route, without its method.
    pub transaction: String,
    /// Method, when the name says it.
    pub method: Option<String>,
    /// Calls.
    pub count: Option<u64>,
    /// Mean duration in ms.
    pub mean_ms: Option<f64>,
    /// 95th percentile in ms.
    pub p95_ms: Option<f64>,
    /// 99th percentile in ms.
    pub p99_ms: Option<f64>,
    /// Share that failed, by Sentry's judgement of their status, 0 to 1.
    pub failure_ratio: Option<f64>,
}

impl From<Figures> for SentryTransaction {
    fn from(figures: Figures) -> Self {
        let name = figures.transaction.unwrap_or_else(|| "(no name)".to_owned());
        let is_method = |word: &str| !word.is_empty() && word.len() <= 7 && word.bytes().all(|byte| byte.is_ascii_uppercase());
        let (method, transaction) = match name.split_once(' ').filter(|(word, _)| is_method(word)) {
            Some((method, route)) => (Some(method.to_owned()), route.to_owned()),
            None => (None, name),
        };
        Self {
            transaction,
            method,
            count: figures.count,
            mean_ms: figures.mean_ms,
            p95_ms: figures.p95_ms,
            p99_ms: figures.p99_ms,
            failure_ratio: figures.failure_ratio,
        }
    }
}

/// The slowest and all together, from the dataset that was known to work, else from the other.
pub(super) async fn fetch(
    asker: &mut Asker,
    filter: &[(&str, &str)],
    dataset: &mut Dataset,
) -> Result<(Vec<SentryTransaction>, Figures), PollError> {
    let all = match rows(asker, filter, *dataset, "", false).await {
        Err(refused) if refused.status == Some(400) => {
            let all = rows(asker, filter, dataset.other(), "", false).await.map_err(|_| refused)?;
            *dataset = dataset.other();
            all
        }
        told => told?,
    };
    let all = all.into_iter().next().unwrap_or_default();
    let mut top = rows(asker, filter, *dataset, FLOOR, true).await?;
    if top.is_empty() && all.count.is_some_and(|count| count > 0) {
        top = rows(asker, filter, *dataset, "", true).await?;
    }
    Ok((top.into_iter().take(TOP_MAX).map(SentryTransaction::from).collect(), all))
}

/// Requests that failed with a status of 500 or more. `name` remembers the attribute that the SDKs here use; without one
/// nothing can be said.
pub(super) async fn failed(
    asker: &mut Asker,
    filter: &[(&str, &str)],
    dataset: Dataset,
    name: &mut Option<&'static str>,
) -> Result<Option<u64>, PollError> {
    if name.is_none() {
        for candidate in STATUS_NAMES {
            if count(asker, filter, dataset, &format!("has:{candidate}")).await?.is_some_and(|count| count > 0) {
                *name = Some(candidate);
                break;
            }
        }
    }
    let Some(name) = *name else { return Ok(None) };
    count(asker, filter, dataset, &format!("{name}:{FAILED}")).await
}

/// How many requests match; none when this Sentry does not know the attribute.
async fn count(asker: &mut Asker, filter: &[(&str, &str)], dataset: Dataset, query: &str) -> Result<Option<u64>, PollError> {
    let query = format!("{} {query}", dataset.query());
    let mut asked = filter.to_vec();
    asked.extend([("dataset", dataset.name()), ("statsPeriod", "1h"), ("per_page", "1"), ("field", "count()")]);
    asked.push(("query", &query));
    match asker.ask(EVENTS, &asked).await {
        Ok(answer) => Ok(parse(&answer.body)?.first().and_then(|figures| figures.count)),
        Err(error) if error.status == Some(400) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn rows(
    asker: &mut Asker,
    filter: &[(&str, &str)],
    dataset: Dataset,
    more: &str,
    is_ranked: bool,
) -> Result<Vec<Figures>, PollError> {
    let query = format!("{} {more}", dataset.query());
    let fields = dataset.fields();
    let sort = format!("-{}", fields[1]);
    let mut asked = filter.to_vec();
    asked.extend([("dataset", dataset.name()), ("statsPeriod", "1h"), ("per_page", "5"), ("query", query.trim())]);
    asked.extend(fields.map(|field| ("field", field)));
    if is_ranked {
        asked.extend([("field", "transaction"), ("sort", &sort)]);
    }
    parse(&asker.ask(EVENTS, &asked).await?.body)
}

#[derive(Deserialize)]
struct Body {
    data: Vec<Map<String, Value>>,
    #[serde(default)]
    meta: Option<Meta>,
}

#[derive(Deserialize, Default)]
struct Meta {
    #[serde(default)]
    fields: BTreeMap<String, Value>,
    #[serde(default)]
    units: BTreeMap<String, Value>,
}

/// The rows of a table, whatever its columns are called.
pub(super) fn parse(body: &[u8]) -> Result<Vec<Figures>, PollError> {
    let Body { data, meta } = parse::json(body, "events")?;
    let meta = meta.unwrap_or_default();
    let read = |row: &Map<String, Value>| {
        // Told are `p95(span.duration)`, `p95()` or `p95_span_duration`, depending on the version.
        let key = |name: &str| {
            let is = |key: &&String| key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['(', '_']));
            meta.fields.keys().find(is).or_else(|| row.keys().find(is)).cloned()
        };
        let value = |name: &str| Some((key(name)?, row.get(&key(name)?)?));
        let duration = |name: &str| {
            let (key, value) = value(name)?;
            let unit = meta.units.get(&key).and_then(Value::as_str);
            parse::number(value).filter(|ms| *ms >= 0.0).map(|number| number * ms_in(unit))
        };
        Figures {
            transaction: row.get("transaction").and_then(text),
            count: value("count").and_then(|(_, value)| parse::whole(value)),
            mean_ms: duration("avg"),
            p95_ms: duration("p95"),
            p99_ms: duration("p99"),
            failure_ratio: value("failure_rate").and_then(|(_, value)| parse::ratio(value)),
        }
    };
    Ok(data.iter().map(read).collect())
}

/// How many ms a unit has. Sentry's durations are in ms unless it says otherwise.
pub(super) fn ms_in(unit: Option<&str>) -> f64 {
    match unit {
        Some("nanosecond") => 1e-6,
        Some("microsecond") => 1e-3,
        Some("second") => 1e3,
        Some("minute") => 6e4,
        Some("hour") => 3.6e6,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPANS: &str = r#"{"data":[{"transaction":"/api/orders/{id}","project":"web","count()":1204,"avg(span.duration)":182.4,
        "p95(span.duration)":644.1,"p99(span.duration)":1210.7,"failure_rate()":0.0123}],
        "meta":{"fields":{"transaction":"string","count()":"integer","avg(span.duration)":"duration","p95(span.duration)":"duration",
        "p99(span.duration)":"duration","failure_rate()":"percentage"},"units":{"avg(span.duration)":"millisecond"},"dataset":"spans"}}"#;

    #[test]
    fn rows_are_read_whatever_the_columns_are_called() {
        let expected = Figures {
            transaction: Some("/api/orders/{id}".to_owned()),
            count: Some(1_204),
            mean_ms: Some(182.4),
            p95_ms: Some(644.1),
            p99_ms: Some(1_210.7),
            failure_ratio: Some(0.0123),
        };
        assert_eq!(parse(SPANS.as_bytes()).unwrap(), [expected.clone()]);
        let legacy = SPANS.replace("p95(span.duration)", "p95()").replace("p99(span.duration)", "p99");
        let legacy = legacy.replace("avg(span.duration)", "avg_transaction_duration");
        assert_eq!(parse(legacy.as_bytes()).unwrap(), [expected]);
    }

    #[test]
    fn units_are_heeded_and_nothing_is_made_up() {
        let seconds = SPANS.replace("\"millisecond\"", "\"second\"");
        assert_eq!(parse(seconds.as_bytes()).unwrap()[0].mean_ms, Some(182_400.0));
        let empty = parse(br#"{"data":[{"count()":0,"p95()":null,"failure_rate()":null}],"meta":{}}"#).unwrap();
        assert_eq!(empty, [Figures { count: Some(0), ..Figures::default() }]);
        assert_eq!(parse(br#"{"data":[]}"#).unwrap(), []);
    }

    #[test]
    fn a_method_is_told_apart_from_its_route() {
        let row = |name: &str| SentryTransaction::from(Figures { transaction: Some(name.to_owned()), ..Figures::default() });
        assert_eq!((row("GET /a").method.as_deref(), row("GET /a").transaction.as_str()), (Some("GET"), "/a"));
        assert_eq!((row("jobs.send mail").method, row("/a").method), (None, None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200), key in "[a-z0-9()_.\"]{0,20}", number in any::<f64>()) {
            let _refused = parse(&body);
            let told = serde_json::json!({"data": [{(key): number, "count()": number, "p95": number}]}).to_string();
            prop_assert!(parse(told.as_bytes()).is_ok());
        }
    }
}
