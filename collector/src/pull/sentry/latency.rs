//! The mean duration of Sentry's transactions minute by minute, from the current answer or the one of older versions.

use serde::Deserialize;
use serde_json::Value;

use super::{
    ask::{Asker, Subject},
    transactions::{Dataset, ms_in},
};
use crate::pull::{PollError, parse};

const TIMESERIES: Subject = Subject { path: "events-timeseries", scope: "org:read" };
const STATS: Subject = Subject { path: "events-stats", scope: "org:read" };

/// Length of a bucket.
const BUCKET_MS: i64 = 60_000;

/// How long Sentry takes until a bucket is whole; older versions do not tell which are.
const DELAY_MS: i64 = 90_000;

/// Most buckets that are kept: an hour and a few more.
const BUCKETS_MAX: usize = 90;

/// What was learned of the mean.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Latency {
    /// Beginning of a whole bucket in ms since the epoch, and the mean in ms. Buckets without transactions are absent.
    pub(super) means: Vec<(i64, f64)>,
    /// Whether only a part of the transactions is sent to Sentry.
    pub(super) is_sampled: bool,
}

/// Asks for the last hour. `is_legacy` remembers which question this Sentry understands.
pub(super) async fn fetch(
    asker: &mut Asker,
    filter: &[(&str, &str)],
    dataset: Dataset,
    is_legacy: &mut bool,
    now_ms: i64,
) -> Result<Latency, PollError> {
    let mut asked = filter.to_vec();
    asked.extend([("dataset", dataset.name()), ("yAxis", dataset.mean()), ("statsPeriod", "1h"), ("interval", "1m")]);
    asked.push(("query", dataset.query()));
    if !*is_legacy {
        match asker.ask(TIMESERIES, &asked).await {
            Ok(answer) => return parse_timeseries(&answer.body),
            Err(error) if !matches!(error.status, Some(400 | 404)) => return Err(error),
            Err(_) => {}
        }
    }
    let latency = parse_stats(&asker.ask(STATS, &asked).await?.body, now_ms)?;
    *is_legacy = true;
    Ok(latency)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Timeseries {
    time_series: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    values: Vec<Bucket>,
    #[serde(default)]
    meta: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bucket {
    timestamp: i64,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    incomplete: bool,
    #[serde(default)]
    sample_rate: Value,
}

/// The one series of an answer of `events-timeseries`.
fn parse_timeseries(body: &[u8]) -> Result<Latency, PollError> {
    let body: Timeseries = parse::json(body, "events-timeseries")?;
    let Some(series) = body.time_series.into_iter().next() else { return Ok(Latency::default()) };
    let scale = ms_in(series.meta.get("valueUnit").and_then(Value::as_str));
    let is_sampled = series.values.iter().any(|bucket| parse::number(&bucket.sample_rate).is_some_and(|rate| rate < 1.0));
    let whole = series.values.iter().filter(|bucket| !bucket.incomplete);
    let means = whole.filter_map(|bucket| Some((bucket.timestamp, mean(&bucket.value)? * scale)));
    Ok(Latency { means: newest(means), is_sampled })
}

#[derive(Deserialize)]
struct Stats {
    data: Vec<(i64, Vec<Value>)>,
}

/// The series of an answer of `events-stats`: seconds, and a value that is called a count whatever it is.
fn parse_stats(body: &[u8], now_ms: i64) -> Result<Latency, PollError> {
    let body: Stats = parse::json(body, "events-stats")?;
    let means = body.data.iter().filter_map(|(second, values)| {
        let start_ms = second.checked_mul(1_000)?;
        let is_whole = start_ms.checked_add(BUCKET_MS + DELAY_MS)? <= now_ms;
        Some((start_ms, mean(values.first()?.get("count")?)?)).filter(|_| is_whole)
    });
    Ok(Latency { means: newest(means), is_sampled: false })
}

/// A mean. Sentry writes 0 where there were no transactions, and no transaction takes no time at all.
fn mean(value: &Value) -> Option<f64> {
    parse::number(value).filter(|mean| *mean > 0.0)
}

/// In order of time, not more than are kept.
fn newest(means: impl Iterator<Item = (i64, f64)>) -> Vec<(i64, f64)> {
    let mut means: Vec<(i64, f64)> = means.filter(|(time_ms, _)| *time_ms >= 0).collect();
    means.sort_by_key(|(time_ms, _)| *time_ms);
    means.split_off(means.len().saturating_sub(BUCKETS_MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOLD: &str = r#"{"timeSeries":[{"yAxis":"avg(span.duration)",
        "values":[{"timestamp":1741368240000,"value":181.2,"incomplete":false,"sampleCount":120,"sampleRate":0.2,"confidence":"high"},
                  {"timestamp":1741368180000,"value":0,"incomplete":false,"sampleCount":0,"sampleRate":null},
                  {"timestamp":1741368300000,"value":175.0,"incomplete":true,"incompleteReason":"INCOMPLETE_BUCKET"}],
        "meta":{"valueType":"duration","valueUnit":"millisecond","interval":60000}}],
        "meta":{"dataset":"spans","start":1741364640000,"end":1741368240000}}"#;

    #[test]
    fn incomplete_and_empty_buckets_are_left_out() {
        let expected = Latency { means: vec![(1_741_368_240_000, 181.2)], is_sampled: true };
        assert_eq!(parse_timeseries(TOLD.as_bytes()).unwrap(), expected);
        assert_eq!(parse_timeseries(br#"{"timeSeries":[]}"#).unwrap(), Latency::default());
    }

    #[test]
    fn older_answers_tell_seconds_and_not_which_buckets_are_whole() {
        let told =
            r#"{"data":[[1741368240,[{"count":181.2}]],[1741368300,[{"count":175.0}]],[1741368180,[{"count":null}]]],"meta":{}}"#;
        let now_ms = 1_741_368_240_000 + BUCKET_MS + DELAY_MS;
        assert_eq!(parse_stats(told.as_bytes(), now_ms).unwrap().means, [(1_741_368_240_000, 181.2)]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200), time in any::<i64>(), value in any::<f64>()) {
            let _refused = (parse_timeseries(&body), parse_stats(&body, time));
            let told = serde_json::json!({"data": [[time, [{"count": value}]]],
                "timeSeries": [{"values": [{"timestamp": time, "value": value}]}]}).to_string();
            prop_assert!(parse_timeseries(told.as_bytes()).is_ok());
            prop_assert!(parse_stats(told.as_bytes(), time).is_ok());
        }
    }
}
