//! Version 2 of UptimeRobot's API, for accounts that version 3 does not serve: everything in one list.
//!
//! It refuses with status 200 and says so in the body.

use farol_shared::secret::Secret;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Found, PAGES_MAX, refusal,
    shown::{MonitorIncident, MonitorState, UptimeMonitor, text},
    v3::{kind, percent},
};
use crate::pull::{
    PollError,
    http::{Answer, Http},
    parse,
};

/// Monitors of a page, the most that are given.
const PAGE: usize = 50;

/// Lists all monitors, as far as pages are read. The second tells why the list is cut, if it is.
pub(super) async fn list(
    http: &Http,
    key: &Secret,
    now_ms: i64,
    answers: &mut Vec<Answer>,
) -> Result<(Vec<Found>, Option<PollError>), PollError> {
    let mut found = Vec::new();
    for page in 0..PAGES_MAX {
        let (limit, offset) = (PAGE.to_string(), (page * PAGE).to_string());
        let form = [
            ("api_key", key.reveal()),
            ("format", "json"),
            ("limit", &limit),
            ("offset", &offset),
            ("response_times", "1"),
            ("response_times_limit", "24"),
            ("logs", "1"),
            ("logs_limit", "5"),
            ("custom_uptime_ratios", "1-7-30"),
            ("ssl", "1"),
        ];
        let answer = http.post("/v2/getMonitors").form(&form).hiding(key).send_any().await?;
        if !(200..300).contains(&answer.status) {
            return Err(refusal(&answer, now_ms));
        }
        let (monitors, total) = parse(&answer.body)?;
        answers.push(answer);
        // An empty page ends the list whatever total is told.
        // Where no total is told, a page that is not full is the last.
        let is_last = monitors.is_empty() || total.map_or(monitors.len() < PAGE, |total| (page + 1) * PAGE >= total);
        found.extend(monitors);
        if is_last {
            return Ok((found, None));
        }
    }
    Ok((found, Some(PollError::bad_answer(format!("only the first {PAGES_MAX} pages of monitors are read")))))
}

#[derive(Deserialize)]
struct Body {
    stat: String,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    pagination: Value,
    #[serde(default)]
    monitors: Option<Vec<Value>>,
}

/// The monitors of a page, and how many there are in all, if that is told.
fn parse(body: &[u8]) -> Result<(Vec<Found>, Option<usize>), PollError> {
    let body: Body = parse::json(body, "getMonitors")?;
    if body.stat != "ok" {
        return Err(refused(&body.error));
    }
    let monitors = body.monitors.ok_or_else(|| PollError::bad_answer("the answer to getMonitors lists no monitors"))?;
    let total = body.pagination.get("total").and_then(parse::whole).and_then(|total| usize::try_from(total).ok());
    let found =
        monitors.iter().filter_map(|monitor| Some(Found { id: parse::whole(monitor.get("id")?)?, monitor: read(monitor) }));
    Ok((found.collect(), total))
}

/// What a refusal means. The value that it quotes is the key, so it is not told.
fn refused(error: &Value) -> PollError {
    let field = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    if field("parameter_name") == "api_key" || field("type") == "not_authorized" {
        return PollError::auth("the API key is refused").with_status(200);
    }
    if field("type").contains("limit") {
        return PollError::limited("asked too often", None).with_status(200);
    }
    let what = text(field("parameter_name")).unwrap_or_else(|| "something".to_owned());
    PollError::bad_answer(format!("UptimeRobot refuses {what}: {}", field("type"))).with_status(200)
}

fn read(monitor: &Value) -> UptimeMonitor {
    let field = |name: &str| monitor.get(name).unwrap_or(&Value::Null);
    let words = |value: &Value| value.as_str().and_then(text);
    let list = |name: &str| monitor.get(name).and_then(Value::as_array).into_iter().flatten();
    let time = |entry: &Value| parse::number(entry.get("datetime")?);
    let newest = |one: &&Value, other: &&Value| time(one).unwrap_or(0.0).total_cmp(&time(other).unwrap_or(0.0));
    let url = words(field("url"));
    let ratio = |place: usize| percent(&Value::from(field("custom_uptime_ratio").as_str()?.split('-').nth(place)?));
    let is_down = |log: &&Value| log.get("type").and_then(parse::whole) == Some(1);
    let response = list("response_times").max_by(newest).and_then(|point| parse::number(point.get("value")?));
    UptimeMonitor {
        name: words(field("friendly_name")).or_else(|| url.clone()).unwrap_or_else(|| "(no name)".to_owned()),
        url,
        kind: kind(field("type")),
        state: match parse::whole(field("status")) {
            Some(0) => MonitorState::Paused,
            Some(2) => MonitorState::Online,
            Some(8) => MonitorState::Degraded,
            Some(9) => MonitorState::Offline,
            _ => MonitorState::Unknown,
        },
        checked_interval_s: parse::whole(field("interval")),
        uptime_1d: ratio(0),
        uptime_7d: ratio(1),
        uptime_30d: ratio(2),
        response_ms: response.or_else(|| parse::number(field("average_response_time"))).filter(|ms| *ms > 0.0),
        since: list("logs").max_by(newest).and_then(|log| seconds(log.get("datetime")?)),
        tls_expires: field("ssl").get("expires").and_then(seconds).filter(|ms| *ms > 0),
        last_incident: list("logs").filter(is_down).max_by(newest).map(|log| MonitorIncident {
            reason: log.get("reason").and_then(|reason| words(reason.get("detail")?)),
            started: log.get("datetime").and_then(seconds),
            duration_s: log.get("duration").and_then(parse::number),
        }),
    }
}

/// Seconds since the epoch, as ms.
fn seconds(value: &Value) -> Option<i64> {
    i64::try_from(parse::whole(value)?).ok()?.checked_mul(1_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pull::Code;

    const LIST: &str = r#"{"stat":"ok","pagination":{"offset":0,"limit":50,"total":1},
        "monitors":[{"id":777749809,"friendly_name":"Site","url":"https://example.com","type":1,"sub_type":"","interval":300,"status":9,
        "create_datetime":1462565497,"custom_uptime_ratio":"100.000-99.981-99.970","average_response_time":"412.3",
        "response_times":[{"datetime":1795237200,"value":1},{"datetime":1795237800,"value":405}],
        "logs":[{"type":2,"datetime":1794000000,"duration":1},{"type":1,"datetime":1795000000,"duration":237800,"reason":{"code":"333333","detail":"Connection Timeout"}}],
        "ssl":{"brand":"R11","product":null,"expires":1800000000,"ignore_errors":0}}]}"#;

    #[test]
    fn ratios_come_as_texts_in_the_order_asked() {
        let (found, total) = parse(LIST.as_bytes()).unwrap();
        let site = &found[0].monitor;
        assert_eq!((total, site.state, site.kind.as_str()), (Some(1), MonitorState::Offline, "http"));
        let ratios = [site.uptime_1d, site.uptime_7d, site.uptime_30d].map(Option::unwrap);
        assert!(ratios.iter().zip([1.0, 0.99981, 0.9997]).all(|(told, expected)| (told - expected).abs() < 1e-12), "{ratios:?}");
        assert_eq!((site.response_ms, site.tls_expires), (Some(405.0), Some(1_800_000_000_000)));
        assert_eq!(site.since, Some(1_795_000_000_000));
        assert_eq!(site.last_incident.as_ref().and_then(|incident| incident.reason.as_deref()), Some("Connection Timeout"));
    }

    #[test]
    fn a_refusal_comes_with_status_200_and_its_key_is_not_told() {
        let refused = r#"{"stat":"fail","error":{"type":"invalid_parameter","parameter_name":"api_key","passed_value":"s3cr3t","message":"api_key s3cr3t is invalid."}}"#;
        let error = parse(refused.as_bytes()).unwrap_err();
        assert_eq!(error.code, Code::Auth);
        assert!(!error.to_string().contains("s3cr3t"), "{error}");
        let other = parse(refused.replace("api_key\"", "limit\"").as_bytes()).unwrap_err();
        assert_eq!((other.code, other.to_string().contains("s3cr3t")), (Code::BadAnswer, false));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200), ratio in "[0-9.eE\\-]{0,20}", number in any::<f64>()) {
            let _outcome = parse(&body).is_ok();
            let told = serde_json::json!({"stat": "ok", "monitors": [{"id": 1, "custom_uptime_ratio": ratio, "interval": number,
                "logs": [{"type": 1, "datetime": number}], "ssl": {"expires": number}, "response_times": [{"datetime": number, "value": number}]}]});
            prop_assert!(parse(told.to_string().as_bytes()).is_ok());
        }
    }
}
