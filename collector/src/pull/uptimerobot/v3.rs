//! Version 3 of UptimeRobot's API: a list of monitors, and statistics monitor by monitor.

use farol_shared::secret::Secret;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Found, PAGES_MAX, refusal,
    shown::{MonitorIncident, MonitorState, UptimeMonitor, text},
};
use crate::pull::{
    PollError,
    http::{Answer, Http},
    parse,
};

/// Monitors of a page, the most that are given.
const PAGE: &str = "200";

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What only the statistics of a monitor tell.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Statistics {
    pub(super) uptime_7d: Option<f64>,
    pub(super) uptime_30d: Option<f64>,
    pub(super) response_ms: Option<f64>,
}

/// Lists all monitors, as far as pages are read. The second tells why the list is cut, if it is.
pub(super) async fn list(
    http: &Http,
    key: &Secret,
    now_ms: i64,
    answers: &mut Vec<Answer>,
) -> Result<(Vec<Found>, Option<PollError>), PollError> {
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let mut asked = vec![("limit", PAGE)];
        asked.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let answer = get(http, key, "/v3/monitors", &asked, now_ms).await?;
        let page = parse_list(&answer.body, now_ms)?;
        answers.push(answer);
        found.extend(page.monitors);
        cursor = match page.next.map(|next| next_cursor(http, &next)) {
            None => return Ok((found, None)),
            Some(Err(error)) => return Ok((found, Some(error))),
            Some(Ok(cursor)) => Some(cursor),
        };
    }
    Ok((found, Some(PollError::bad_answer(format!("only the first {PAGES_MAX} pages of monitors are read")))))
}

/// Asks for the statistics of one monitor.
pub(super) async fn statistics(http: &Http, key: &Secret, id: u64, now_ms: i64) -> Result<Statistics, PollError> {
    let to = iso(now_ms);
    let uptime = async |back_ms: i64| {
        let (path, from) = (format!("/v3/monitors/{id}/stats/uptime"), iso(now_ms - back_ms));
        parse_uptime(&get(http, key, &path, &[("from", &from), ("to", &to)], now_ms).await?.body)
    };
    let (uptime_7d, uptime_30d) = (uptime(7 * DAY_MS).await?, uptime(30 * DAY_MS).await?);
    let (path, from) = (format!("/v3/monitors/{id}/stats/response-time"), iso(now_ms - HOUR_MS));
    let response = get(http, key, &path, &[("from", &from), ("to", &to)], now_ms).await?;
    Ok(Statistics { uptime_7d, uptime_30d, response_ms: parse_response(&response.body)? })
}

async fn get(http: &Http, key: &Secret, path: &str, asked: &[(&str, &str)], now_ms: i64) -> Result<Answer, PollError> {
    let answer = http.get(path).bearer(key).query(asked).send_any().await?;
    if (200..300).contains(&answer.status) { Ok(answer) } else { Err(refusal(&answer, now_ms)) }
}

/// The cursor in the address of the next page. That address is not followed: the key must not go to another host.
fn next_cursor(http: &Http, next: &str) -> Result<String, PollError> {
    let url = http.base().join(next).map_err(|_| PollError::bad_answer("the address of the next page of monitors is none"))?;
    if url.origin() != http.base().origin() {
        return Err(PollError::bad_answer("the next page of monitors is at another host, which is not asked"));
    }
    let cursor = url.query_pairs().find(|(key, _)| key == "cursor").map(|(_, value)| value.into_owned());
    cursor.ok_or_else(|| PollError::bad_answer("the address of the next page of monitors holds no cursor"))
}

struct Page {
    monitors: Vec<Found>,
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    data: Vec<Monitor>,
    #[serde(default)]
    next_link: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Monitor {
    id: Value,
    friendly_name: Value,
    url: Value,
    r#type: Value,
    status: Value,
    interval: Value,
    current_state_duration: Value,
    last_incident: Value,
    last_day_uptimes: Value,
    ssl_expiry_date_time: Value,
}

impl Default for Monitor {
    fn default() -> Self {
        let none = || Value::Null;
        Self {
            id: none(),
            friendly_name: none(),
            url: none(),
            r#type: none(),
            status: none(),
            interval: none(),
            current_state_duration: none(),
            last_incident: none(),
            last_day_uptimes: none(),
            ssl_expiry_date_time: none(),
        }
    }
}

/// One page of the list.
fn parse_list(body: &[u8], now_ms: i64) -> Result<Page, PollError> {
    let body: Body = parse::json(body, "monitors")?;
    let read = |monitor: Monitor| Some(Found { id: parse::whole(&monitor.id)?, monitor: read(&monitor, now_ms) });
    Ok(Page { monitors: body.data.into_iter().filter_map(read).collect(), next: body.next_link.filter(|next| !next.is_empty()) })
}

fn read(monitor: &Monitor, now_ms: i64) -> UptimeMonitor {
    let words = |value: &Value| value.as_str().and_then(text);
    let url = words(&monitor.url);
    UptimeMonitor {
        name: words(&monitor.friendly_name).or_else(|| url.clone()).unwrap_or_else(|| "(no name)".to_owned()),
        url,
        kind: kind(&monitor.r#type),
        state: match monitor.status.as_str() {
            Some("UP") => MonitorState::Online,
            Some("DOWN") => MonitorState::Offline,
            Some("LOOKS_DOWN") => MonitorState::Degraded,
            Some("PAUSED") => MonitorState::Paused,
            _ => MonitorState::Unknown,
        },
        checked_interval_s: parse::whole(&monitor.interval),
        uptime_1d: day(&monitor.last_day_uptimes),
        uptime_7d: None,
        uptime_30d: None,
        response_ms: None,
        since: parse::whole(&monitor.current_state_duration).and_then(|seconds| before(now_ms, seconds)),
        tls_expires: parse::moment(&monitor.ssl_expiry_date_time),
        last_incident: monitor.last_incident.as_object().map(|incident| {
            let field = |name: &str| incident.get(name).unwrap_or(&Value::Null);
            MonitorIncident {
                reason: words(field("reason")).or_else(|| words(field("cause"))),
                started: parse::moment(field("startedAt")),
                duration_s: parse::number(field("duration")),
            }
        }),
    }
}

fn before(now_ms: i64, seconds: u64) -> Option<i64> {
    now_ms.checked_sub(i64::try_from(seconds).ok()?.checked_mul(1_000)?).filter(|ms| *ms >= 0)
}

/// What kind of monitor it is; some answers give the number of version 2.
pub(super) fn kind(value: &Value) -> String {
    let number = parse::whole(value);
    let name = match (value.as_str().filter(|_| number.is_none()), number) {
        (Some(name), _) => return text(&name.to_ascii_lowercase()).unwrap_or_else(|| "unknown".to_owned()),
        (None, Some(1)) => "http",
        (None, Some(2)) => "keyword",
        (None, Some(3)) => "ping",
        (None, Some(4)) => "port",
        (None, Some(5)) => "heartbeat",
        (None, Some(_) | None) => "unknown",
    };
    name.to_owned()
}

/// The share of the last day, from the shares of its stretches in percent. Stretches without one are not counted.
fn day(value: &Value) -> Option<f64> {
    let stretches = value.get("histogram")?.as_array()?.iter();
    let shares: Vec<f64> = stretches.filter_map(|stretch| percent(stretch.get("uptime")?)).collect();
    let count = u32::try_from(shares.len()).ok().filter(|count| *count > 0)?;
    Some(shares.iter().sum::<f64>() / f64::from(count))
}

/// A share that is written in percent.
pub(super) fn percent(value: &Value) -> Option<f64> {
    parse::number(value).map(|percent| percent / 100.0).filter(|share| (0.0..=1.0).contains(share))
}

/// Share of a stretch in which a monitor was up. A list or the like in its place is an error, an absent value is unknown.
fn parse_uptime(body: &[u8]) -> Result<Option<f64>, PollError> {
    let told: serde_json::Map<String, Value> = parse::json(body, "stats/uptime")?;
    Ok(told.get("uptime").and_then(percent))
}

/// Newest time of an answer in ms, else the mean of the stretch.
fn parse_response(body: &[u8]) -> Result<Option<f64>, PollError> {
    let told: serde_json::Map<String, Value> = parse::json(body, "stats/response-time")?;
    let series = told.get("time_series").and_then(Value::as_array);
    let timed =
        series.into_iter().flatten().filter_map(|point| Some((parse::moment(point.get("datetime")?)?, point.get("value")?)));
    let newest = timed.max_by_key(|(time_ms, _)| *time_ms).and_then(|(_, value)| parse::number(value));
    let mean = || told.get("summary").and_then(|summary| parse::number(summary.get("avg")?));
    Ok(newest.or_else(mean).filter(|ms| *ms >= 0.0))
}

/// An instant as UptimeRobot reads it, in UTC, to the second.
fn iso(ms: i64) -> String {
    let (days, second) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS) / 1_000);
    // Years from March on, so that the leap day is a year's last (eras of 400 years).
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW_MS: i64 = 1_795_237_680_000;

    const LIST: &str = r#"{"data":[{"id":777749809,"friendlyName":"Site","url":"https://example.com","type":"HTTP","status":"UP",
        "interval":300,"timeout":30,"currentStateDuration":3600,"lastIncidentId":"9","lastIncident":{"id":"9","status":"RESOLVED",
        "cause":1,"reason":"Connection timeout","startedAt":"2026-11-20T01:00:00.000Z","duration":173},
        "lastDayUptimes":{"bucketSize":3600,"histogram":[{"timestamp":1,"uptime":100},{"timestamp":2,"uptime":98},{"timestamp":3,"uptime":null}]},
        "sslExpiryDateTime":"2027-01-20T12:00:00.000Z","domainExpireDate":null,"tags":[]},
        {"id":"2","friendlyName":null,"url":"10.0.0.1","type":3,"status":"RESTING"},{"friendlyName":"no id"}],
        "nextLink":"https://api.uptimerobot.com/v3/monitors/?limit=200&cursor=803767164"}"#;

    #[test]
    fn a_monitor_keeps_what_is_known_of_it() {
        let page = parse_list(LIST.as_bytes(), NOW_MS).unwrap();
        let site = &page.monitors[0].monitor;
        assert_eq!((page.monitors.len(), page.monitors[0].id, site.state), (2, 777_749_809, MonitorState::Online));
        assert_eq!((site.uptime_1d, site.since), (Some(0.99), Some(NOW_MS - 3_600_000)));
        assert_eq!(site.tls_expires, Some(1_800_446_400_000));
        let incident = site.last_incident.as_ref().unwrap();
        assert_eq!((incident.reason.as_deref(), incident.duration_s), (Some("Connection timeout"), Some(173.0)));
        let ping = &page.monitors[1].monitor;
        assert_eq!((ping.name.as_str(), ping.kind.as_str(), ping.state), ("10.0.0.1", "ping", MonitorState::Unknown));
        assert_eq!((ping.uptime_1d, &ping.last_incident), (None, &None));
    }

    #[test]
    fn the_next_page_is_only_asked_of_the_configured_host() {
        let http = Http::new("https://api.uptimerobot.com", std::time::Duration::from_secs(1), None).unwrap();
        let cursor = |next: &str| next_cursor(&http, next);
        assert_eq!(cursor("https://api.uptimerobot.com/v3/monitors/?limit=200&cursor=8").unwrap(), "8");
        assert_eq!(cursor("/v3/monitors?cursor=a%2Fb").unwrap(), "a/b");
        for elsewhere in ["https://evil.example/v3/monitors?cursor=8", "http://api.uptimerobot.com/?cursor=8", "//x/?cursor=8"] {
            assert!(cursor(elsewhere).unwrap_err().message.contains("another host"), "{elsewhere}");
        }
        assert!(cursor("/v3/monitors").is_err());
    }

    #[test]
    fn statistics_are_read_or_unknown() {
        let uptime = br#"{"uptime":99.98,"total_downtime_seconds":173,"incident_count":1,"mtbf":null}"#;
        assert!((parse_uptime(uptime).unwrap().unwrap() - 0.9998).abs() < 1e-12);
        assert_eq!(parse_uptime(br#"{"uptime":null}"#).unwrap(), None);
        let series = br#"{"summary":{"avg":400,"min":1,"max":2},"data_points":2,
            "time_series":[{"datetime":"2026-11-21T05:00:00Z","value":405},{"datetime":"2026-11-21T04:00:00Z","value":1}]}"#;
        assert_eq!(parse_response(series).unwrap(), Some(405.0));
        assert_eq!(parse_response(br#"{"summary":{"avg":"412.5"},"data_points":1}"#).unwrap(), Some(412.5));
        assert_eq!(parse_response(br#"{"summary":{"avg":null},"data_points":0}"#).unwrap(), None);
    }

    #[test]
    fn instants_are_written_in_utc() {
        assert_eq!(iso(0), "1970-01-01T00:00:00Z");
        assert_eq!(iso(1_709_164_800_123), "2024-02-29T00:00:00Z");
        assert_eq!(iso(NOW_MS), "2026-11-21T05:08:00Z");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200), json in "[\\[\\]{}\",:a-z0-9 ]{0,80}", number in any::<i64>()) {
            let _outcomes = (parse_list(&body, number).is_ok(), parse_uptime(&body), parse_response(json.as_bytes()));
            let told = format!(r#"{{"data":[{{"id":1,"currentStateDuration":{number},"interval":{number},"lastDayUptimes":{{"histogram":[{{"uptime":{number}}}]}}}}]}}"#);
            prop_assert!(parse_list(told.as_bytes(), NOW_MS).is_ok());
        }

        #[test]
        fn no_address_of_a_next_page_leads_elsewhere(next in "(https?:)?[/\\\\@:.a-z0-9]{0,40}(\\?cursor=[a-z0-9]{0,5})?") {
            let http = Http::new("https://api.uptimerobot.com", std::time::Duration::from_secs(1), None).unwrap();
            if next_cursor(&http, &next).is_ok() {
                let url = http.base().join(&next).unwrap();
                prop_assert_eq!(url.host_str(), Some("api.uptimerobot.com"));
            }
        }

        #[test]
        fn instants_are_read_as_they_were_written(second in 0_i64..4_000_000_000) {
            prop_assert_eq!(parse::moment(&Value::from(iso(second * 1_000))), Some(second * 1_000));
        }
    }
}
