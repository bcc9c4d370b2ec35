//! CloudWatch's questions and answers: AWS JSON 1.0, read by what they hold and not by their content type.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::query::{Query, Trouble};
use crate::{
    api::parameters::instant,
    pull::{PollError, http::Answer, infra, parse::number},
};

/// Most metrics of one question.
pub(super) const QUERIES_MAX: usize = 500;

/// Most points of an answer: an hour of minutes for each of [`QUERIES_MAX`] metrics is far below.
const POINTS_MAX: usize = 100_800;

/// Most pages that are read of one answer.
pub(super) const PAGES_MAX: usize = 20;

/// What the policy must allow.
const POLICY: &str = "allow cloudwatch:GetMetricData and cloudwatch:ListMetrics in its policy";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Question<'a> {
    metric_data_queries: Vec<Asked<'a>>,
    start_time: i64,
    end_time: i64,
    scan_by: &'static str,
    max_datapoints: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Asked<'a> {
    id: String,
    metric_stat: Stat<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Stat<'a> {
    metric: Named<'a>,
    period: u32,
    stat: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Named<'a> {
    namespace: &'a str,
    metric_name: &'a str,
    dimensions: Vec<Dimension>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Dimension {
    name: String,
    value: String,
}

/// The body of `GetMetricData` for queries by their numbers; times in seconds since the epoch.
pub(super) fn question(asked: &[(usize, &Query)], start_s: i64, end_s: i64, next: Option<&str>) -> Vec<u8> {
    let queries = asked.iter().map(|(number, query)| Asked {
        id: format!("q{number}"),
        metric_stat: Stat {
            metric: Named { namespace: &query.namespace, metric_name: &query.metric, dimensions: dimensions(&query.dimensions) },
            period: query.period,
            stat: &query.stat,
        },
    });
    let question = Question {
        metric_data_queries: queries.collect(),
        start_time: start_s,
        end_time: end_s,
        scan_by: "TimestampAscending",
        max_datapoints: POINTS_MAX,
        next_token: next,
    };
    serde_json::to_vec(&question).expect("a question of text and numbers is JSON")
}

fn dimensions(pairs: &[(String, String)]) -> Vec<Dimension> {
    pairs.iter().map(|(name, value)| Dimension { name: name.clone(), value: value.clone() }).collect()
}

/// One page of an answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    metric_data_results: Vec<Row>,
    next_token: Option<String>,
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    id: String,
    #[serde(default)]
    timestamps: Vec<Value>,
    #[serde(default)]
    values: Vec<Value>,
    status_code: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    code: Option<String>,
}

/// What came of one query.
#[derive(Debug, PartialEq)]
pub(super) struct Came {
    /// Number of the query.
    pub number: usize,
    /// Times in milliseconds, values as CloudWatch tells them.
    pub points: Vec<(i64, f64)>,
    pub trouble: Option<Trouble>,
}

/// A page, read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Read {
    pub came: Vec<Came>,
    pub next: Option<String>,
    /// Codes of what CloudWatch has to say about the whole.
    pub messages: Vec<String>,
}

/// Reads one page of `GetMetricData`.
///
/// # Errors
/// [`PollError::bad_answer`] for another shape.
pub(super) fn parse(body: &[u8]) -> Result<Read, PollError> {
    let page: Page = infra::json(body, "GetMetricData")?;
    let came = page.metric_data_results.into_iter().filter_map(|row| {
        let position = row.id.strip_prefix('q')?.parse().ok()?;
        let pairs = row.timestamps.iter().zip(&row.values);
        let points = pairs.take(POINTS_MAX).filter_map(|(time, value)| Some((time_ms(time)?, number(value)?))).collect();
        let trouble = match row.status_code.as_deref() {
            Some("Forbidden") => Some(Trouble::Forbidden),
            Some("InternalError") => Some(Trouble::Internal),
            Some("PartialData") => Some(Trouble::Partial),
            _ => None,
        };
        Some(Came { number: position, points, trouble })
    });
    let messages = page.messages.into_iter().filter_map(|message| Some(infra::shown(&message.code?))).take(5).collect();
    Ok(Read { came: came.collect(), next: page.next_token.filter(|token| !token.is_empty()), messages })
}

/// Seconds since the epoch, or text as the older protocol writes it.
fn time_ms(value: &Value) -> Option<i64> {
    let seconds = value.as_i64().or_else(|| format!("{:.0}", number(value)?).parse().ok());
    match seconds {
        Some(seconds) => seconds.checked_mul(1_000),
        None => instant::parse(value.as_str()?),
    }
}

/// The body of `ListMetrics` for one metric of the CloudWatch agent on an instance.
pub(super) fn list_question(query: &Query, next: Option<&str>) -> Vec<u8> {
    let filter = dimensions(&query.dimensions.iter().filter(|(name, _)| name == "InstanceId").cloned().collect::<Vec<_>>());
    let mut question = serde_json::json!({ "Namespace": query.namespace, "MetricName": query.metric, "Dimensions": filter });
    if let Some(next) = next {
        question["NextToken"] = next.into();
    }
    question.to_string().into_bytes()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    metrics: Vec<ListedMetric>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedMetric {
    #[serde(default)]
    dimensions: Vec<Dimension>,
}

/// The dimensions of one metric, as they were published.
pub(super) type Dimensions = Vec<(String, String)>;

/// Reads one page of `ListMetrics`: the sets of dimensions, and the token of the next page.
///
/// # Errors
/// [`PollError::bad_answer`] for another shape.
pub(super) fn parse_list(body: &[u8]) -> Result<(Vec<Dimensions>, Option<String>), PollError> {
    let listed: Listed = infra::json(body, "ListMetrics")?;
    let set = |metric: ListedMetric| metric.dimensions.into_iter().map(|dimension| (dimension.name, dimension.value)).collect();
    Ok((listed.metrics.into_iter().map(set).collect(), listed.next_token.filter(|token| !token.is_empty())))
}

/// The set to ask: of a disk that of the root, then the one with the fewest dimensions, which is the sum of the finer ones.
pub(super) fn best(sets: Vec<Dimensions>) -> Option<Dimensions> {
    let is_root = |set: &Dimensions| set.iter().any(|(name, value)| name == "path" && value == "/");
    sets.into_iter().min_by_key(|set| (!is_root(set), set.len(), set.clone()))
}

/// What an answer that is no success means, and what to do.
pub(super) fn refusal(answer: &Answer) -> PollError {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let kind = body.get("__type").and_then(Value::as_str).or_else(|| answer.header("x-amzn-errortype")).unwrap_or_default();
    // Written as `com.amazonaws.service#Name`, `Name:http://...` or `Name`.
    let kind = kind.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
    let message = ["message", "Message"].iter().find_map(|field| body.get(field)?.as_str()).unwrap_or_default();
    let error = match kind.trim_end_matches("Exception") {
        "" => return answer.refusal(),
        "Throttling" | "Throttled" | "RequestLimitExceeded" | "TooManyRequests" | "LimitExceeded" | "RequestThrottled" => {
            PollError::limited("CloudWatch is asked too often by this account", answer.retry_after())
        }
        // The text of these holds the whole request with its token: it is never shown.
        "RequestTimeTooSkewed" | "RequestExpired" => PollError::auth(CLOCK),
        "SignatureDoesNotMatch" | "InvalidSignature" if is_about_time(message) => PollError::auth(CLOCK),
        "SignatureDoesNotMatch" | "InvalidSignature" | "IncompleteSignature" => {
            PollError::auth("secret_access_key does not belong to access_key_id: copy both anew")
        }
        "ExpiredToken" => PollError::auth("the session token has expired: give new credentials, or use a role that renews them"),
        "InvalidClientTokenId" | "UnrecognizedClient" | "MissingAuthenticationToken" | "InvalidAccessKeyId" => {
            PollError::auth("AWS does not know the access key: check access_key_id, and session_token if it is a temporary one")
        }
        "AccessDenied" | "UnauthorizedOperation" | "OptInRequired" => {
            PollError::auth(format!("the credentials lack a right: {POLICY}. AWS says: {}", infra::shown(message)))
        }
        "InternalFailure" | "InternalServerError" | "InternalServiceFault" | "InternalServiceError" | "ServiceUnavailable" => {
            PollError::unreachable(format!("CloudWatch failed ({})", infra::shown(&kind)))
        }
        _ => {
            PollError::bad_answer(format!("CloudWatch refuses the question ({}): {}", infra::shown(&kind), infra::shown(message)))
        }
    };
    error.with_status(answer.status)
}

const CLOCK: &str = "the collector's clock is wrong by more than five minutes: set it by NTP";

fn is_about_time(message: &str) -> bool {
    ["expired", "not yet current", "too skewed"].iter().any(|word| message.to_ascii_lowercase().contains(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pull::cloudwatch::query::Place;

    #[test]
    fn a_recorded_answer_is_read() {
        let recorded = include_str!("fixtures/metric-data.json").replace("\"cpu\"", "\"q0\"");
        let read = parse(recorded.as_bytes()).unwrap();
        let [came] = &read.came[..] else { panic!("{read:?}") };
        assert_eq!((came.number, came.points.len(), came.trouble), (0, 10, None));
        assert_eq!((came.points[0], came.points[9]), ((1_795_237_613_000, 10.0), (1_795_237_073_000, 19.0)));
    }

    #[test]
    fn trouble_of_one_metric_stands_inside_an_answer_that_succeeds() {
        let read = parse(
            br#"{"MetricDataResults":[{"Id":"q0","Timestamps":[],"Values":[],"StatusCode":"Forbidden"},
                {"Id":"q1","Timestamps":["1795237613",1795237553.0],"Values":["1.5",null],"StatusCode":"PartialData"},
                {"Id":"other"}],"NextToken":"n","Messages":[{"Code":"MaxMetricsExceeded","Value":"x"}]}"#,
        );
        let read = read.unwrap();
        assert_eq!(read.came.len(), 2);
        assert_eq!((read.came[0].trouble, read.came[1].trouble), (Some(Trouble::Forbidden), Some(Trouble::Partial)));
        assert_eq!(read.came[1].points, [(1_795_237_613_000, 1.5)]);
        assert_eq!((read.next.as_deref(), read.messages), (Some("n"), vec!["MaxMetricsExceeded".to_owned()]));
        assert!(parse(b"{}").is_err() && parse(b"<html>").is_err());
    }

    #[test]
    fn of_several_sets_of_dimensions_the_root_and_then_the_shortest_is_asked() {
        let set = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Dimensions>();
        let long = set(&[("InstanceId", "i"), ("path", "/"), ("device", "a")]);
        let other = set(&[("InstanceId", "i"), ("path", "/boot")]);
        assert_eq!(best(vec![other.clone(), long.clone()]), Some(long));
        assert_eq!(
            best(vec![set(&[("InstanceId", "i"), ("ImageId", "a")]), set(&[("InstanceId", "i")])]),
            Some(set(&[("InstanceId", "i")]))
        );
        assert_eq!(best(Vec::new()), None);
        let query = Query { dimensions: other, ..Query::new(0, "CWAgent", "m", "Average", 60, Place::Disk) };
        assert!(!String::from_utf8(list_question(&query, Some("t"))).unwrap().contains("boot"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            assert!(parse(&bytes).is_err() && parse_list(&bytes).is_err());
        }
    }
}
