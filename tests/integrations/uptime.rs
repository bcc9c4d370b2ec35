//! UptimeRobot against a fake of both versions of its API.

use std::time::Duration;

use farol_collector::pull::{At, Code, Instance, Reading};
use farol_shared::catalog;
use farol_tests::fake::{
    Fake,
    uptimerobot::{KEY, Options, Shared, routes},
};
use serde_json::{Value, json};

use crate::faults::{NOW, every, instance, poll};

async fn fake(change: impl FnOnce(&mut Options)) -> (Fake, Shared) {
    let mut options = Options { now_ms: NOW.now_ms, ..Options::default() };
    change(&mut options);
    let shared = Shared::new(options.into());
    (Fake::start(routes(&shared)).await, shared)
}

fn toml(url: &str) -> String {
    format!("url = \"{url}\"\napi_key = \"{KEY}\"\n")
}

fn robot(fake: &Fake, more: &str) -> Instance {
    instance("uptimerobot", &format!("{}{more}", toml(&fake.url())))
}

fn later(seconds: i64) -> At {
    At { now_ms: NOW.now_ms + seconds * 1_000, ..NOW }
}

fn lines(fake: &Fake, part: &str) -> usize {
    fake.calls().iter().filter(|call| call.line.contains(part)).count()
}

fn state(reading: &Reading, name: &str) -> Option<f64> {
    reading.value(&catalog::CHECK_STATE, &[("farol.check.name", name), ("farol.check.kind", "uptimerobot")])
}

fn monitor<'a>(reading: &'a Reading, name: &str) -> &'a Value {
    let monitors = reading.snapshots["uptime"]["monitors"].as_array().unwrap();
    monitors.iter().find(|monitor| monitor["name"] == name).unwrap()
}

#[tokio::test]
async fn every_trouble_of_http_is_told_and_left_behind() {
    for api in ["auto", "v3", "v2"] {
        let (fake, _) = fake(|_| {}).await;
        every("uptimerobot", &fake, |url| format!("{}api = \"{api}\"\n", toml(url))).await;
    }
}

#[tokio::test]
async fn version_3_tells_states_at_once_and_statistics_one_monitor_a_poll() {
    let (fake, _) = fake(|_| {}).await;
    let mut robot = robot(&fake, "");
    let reading = poll(&mut robot).await.unwrap();
    assert!(reading.missing.is_empty(), "{:?}", reading.missing);
    assert_eq!((&reading.snapshots["uptime"]["up"], &reading.snapshots["uptime"]["word"]), (&json!(true), &json!("ONLINE")));
    assert_eq!((state(&reading, "Site"), state(&reading, "Old")), (Some(1.0), None), "a paused monitor says nothing");
    assert_eq!((lines(&fake, "/v3/monitors?"), lines(&fake, "/stats/")), (1, 3));
    assert_eq!(fake.calls().iter().filter(|call| call.line.contains("stats") && call.line.contains("777749800")).count(), 3);
    let site = monitor(&reading, "Site");
    assert_eq!((&site["uptime_1d"], &site["uptime_7d"], &site["response_ms"]), (&json!(0.995), &json!(0.9998), &json!(405.0)));
    assert_eq!((&site["since"], &site["checked_interval_s"]), (&json!(NOW.now_ms - 3_600_000), &json!(300)));
    assert_eq!(site["last_incident"]["reason"], json!("Connection timeout"));
    let named = [("farol.check.name", "Site"), ("farol.check.kind", "uptimerobot")];
    assert_eq!(reading.value(&catalog::CHECK_DURATION, &named), Some(0.405));
    assert_eq!(reading.value(&catalog::CHECK_TLS_EXPIRY, &named[..1]), Some(30.0));
    assert_eq!(reading.value(&catalog::CHECK_UPTIME_RATIO, &[named[0], named[1], ("farol.window", "30d")]), Some(0.9998));
    assert_eq!(reading.rate_limit.and_then(|limit| limit.remaining), Some(9));

    let reading = robot.poll(&later(60)).await.unwrap();
    let calls: Vec<String> = fake.calls().into_iter().map(|call| call.line).collect();
    assert_eq!(calls.iter().filter(|line| line.contains("777749801/stats")).count(), 3, "{calls:?}");
    assert_eq!(calls.iter().filter(|line| line.contains("777749802/stats")).count(), 0, "a paused monitor is not asked for");
    assert_eq!(reading.value(&catalog::CHECK_DURATION, &named), None, "not measured again");
    assert_eq!(monitor(&reading, "Site")["response_ms"], json!(405.0), "but shown");
    robot.poll(&later(120)).await.unwrap();
    assert_eq!(lines(&fake, "777749800/stats"), 6, "the oldest is asked for again");
}

#[tokio::test]
async fn the_worst_monitor_gives_the_word() {
    for (second, word, up, value) in [
        ("DOWN", "OFFLINE", json!(false), Some(0.0)),
        ("LOOKS_DOWN", "DEGRADED", json!(true), Some(0.5)),
        ("STARTED", "ONLINE", json!(true), None),
    ] {
        let (fake, options) = fake(|options| options.monitors = vec![("Site", "UP"), ("API", second)]).await;
        for api in ["v3", "v2"] {
            let reading = poll(&mut robot(&fake, &format!("api = \"{api}\"\n"))).await.unwrap();
            let told = &reading.snapshots["uptime"];
            assert_eq!((&told["word"], &told["up"]), (&json!(word), &up), "{second} {api}");
            assert_eq!(state(&reading, "API"), value, "{second} {api}");
        }
        options.lock().unwrap().monitors = vec![("Site", "PAUSED"), ("API", "PAUSED")];
        let reading = poll(&mut robot(&fake, "")).await.unwrap();
        assert_eq!((&reading.snapshots["uptime"]["word"], &reading.snapshots["uptime"]["up"]), (&json!("UNKNOWN"), &Value::Null));
    }
}

#[tokio::test]
async fn an_account_without_version_3_is_asked_by_version_2_from_then_on() {
    let (fake, options) = fake(|options| options.has_v3 = false).await;
    let mut robot = robot(&fake, "");
    let reading = poll(&mut robot).await.unwrap();
    assert!(reading.missing.is_empty());
    let site = monitor(&reading, "Site");
    assert_eq!((&site["kind"], &site["response_ms"], &site["uptime_1d"]), (&json!("http"), &json!(405.0), &json!(1.0)));
    assert_eq!(site["last_incident"]["reason"], json!("Connection Timeout"));
    let named = [("farol.check.name", "Site"), ("farol.check.kind", "uptimerobot")];
    assert_eq!(reading.value(&catalog::CHECK_TLS_EXPIRY, &named[..1]), Some(30.0));
    assert_eq!(reading.value(&catalog::CHECK_DURATION, &named), Some(0.405));
    fake.forget();
    robot.poll(&later(60)).await.unwrap();
    assert_eq!((lines(&fake, "/v3/"), lines(&fake, "/v2/")), (0, 1));

    (options.lock().unwrap().has_v3, options.lock().unwrap().has_v2) = (true, false);
    robot.poll(&later(120)).await.unwrap();
    assert_eq!(lines(&fake, "/v3/monitors?"), 1, "version 2 is gone: version 3 is tried");

    options.lock().unwrap().has_v3 = false;
    let error = robot.poll(&later(180)).await.unwrap_err();
    assert_eq!(error.code, Code::BadAnswer, "{error}");
}

#[tokio::test]
async fn a_refusal_of_version_2_comes_with_status_200_and_never_tells_the_key() {
    let (fake, _) = fake(|_| {}).await;
    for api in ["v2", "v3", "auto"] {
        let wrong = toml(&fake.url()).replace(KEY, "s3cr3t-wrong");
        let error = poll(&mut instance("uptimerobot", &format!("{wrong}api = \"{api}\"\n"))).await.unwrap_err();
        assert_eq!(error.code, Code::Auth, "{api}");
        assert!(error.message.contains("API key is refused") && !error.to_string().contains("s3cr3t"), "{api}: {error}");
    }
}

#[tokio::test]
async fn every_page_is_read_but_none_at_another_host() {
    let (fake, options) = fake(|options| options.page = 2).await;
    for host in [String::new(), fake.url()] {
        options.lock().unwrap().next_host = host;
        let reading = poll(&mut robot(&fake, "")).await.unwrap();
        assert_eq!(reading.snapshots["uptime"]["monitors"].as_array().unwrap().len(), 3);
        assert!(reading.missing.is_empty());
    }
    options.lock().unwrap().next_host = "http://127.0.0.2:9".to_owned();
    let reading = poll(&mut robot(&fake, "")).await.unwrap();
    assert_eq!(reading.snapshots["uptime"]["monitors"].as_array().unwrap().len(), 2);
    assert!(reading.missing[0].1.message.contains("another host"), "{:?}", reading.missing);
}

#[tokio::test]
async fn pages_end_some_day_in_both_versions() {
    let (fake, options) = fake(|options| {
        options.page = 1;
        options.monitors = vec![("Site", "UP"); 30];
    })
    .await;
    let reading = poll(&mut robot(&fake, "api = \"v3\"\n")).await.unwrap();
    assert_eq!((reading.missing[0].0, lines(&fake, "/v3/monitors?")), ("monitors", 10));
    assert_eq!(reading.snapshots["uptime"]["monitors"].as_array().unwrap().len(), 10);
    assert!(state(&reading, "Site (777749800)").is_some(), "monitors of one name are told apart");
    options.lock().unwrap().page = 50;
    options.lock().unwrap().monitors = vec![("Site", "UP"); 600];
    let reading = poll(&mut robot(&fake, "api = \"v2\"\n")).await.unwrap();
    assert_eq!((reading.missing[0].0, lines(&fake, "/v2/")), ("monitors", 10));
    assert_eq!((reading.left_out, reading.snapshots["uptime"]["monitors"].as_array().unwrap().len()), (0, 150));
}

#[tokio::test]
async fn version_2_is_read_to_its_end_though_it_tells_no_total() {
    let (fake, _) = fake(|options| {
        options.has_total = false;
        options.monitors = vec![("Site", "UP"); 120];
    })
    .await;
    let reading = poll(&mut robot(&fake, "api = \"v2\"\n")).await.unwrap();
    assert_eq!((reading.missing.len(), lines(&fake, "/v2/")), (0, 3));
    assert_eq!(reading.snapshots["uptime"]["monitors"].as_array().unwrap().len(), 120);
}

#[tokio::test]
async fn only_the_monitors_that_are_wanted_are_shown() {
    let (fake, options) = fake(|options| options.monitors = vec![("Site", "UP"), ("API", "DOWN"), ("Old", "UP")]).await;
    let reading = poll(&mut robot(&fake, "monitors = [\"Site\", 777749802]\n")).await.unwrap();
    assert_eq!(reading.snapshots["uptime"]["word"], json!("ONLINE"));
    assert_eq!((state(&reading, "Old"), state(&reading, "API")), (Some(1.0), None));
    let reading = poll(&mut robot(&fake, "monitors = [\"Site\", \"Gone\"]\n")).await.unwrap();
    assert!(reading.missing[0].1.message.contains("no monitor called Gone"));
    let error = poll(&mut robot(&fake, "monitors = [\"Gone\"]\n")).await.unwrap_err();
    assert!(error.message.contains("no monitor called Gone"), "{error}");

    options.lock().unwrap().has_broken_statistics = true;
    let reading = poll(&mut robot(&fake, "")).await.unwrap();
    assert_eq!((reading.missing[0].0, reading.missing[0].1.code), ("statistics", Code::Unreachable));
    assert_eq!(state(&reading, "API"), Some(0.0), "states are told without statistics");
    options.lock().unwrap().has_hanging_statistics = true;
    let reading = poll(&mut robot(&fake, "timeout = \"2s\"\n")).await.unwrap();
    assert_eq!((reading.missing[0].0, state(&reading, "API")), ("statistics", Some(0.0)));
}

#[tokio::test]
async fn a_limit_tells_when_it_ends() {
    let (fake, _) = fake(|options| options.limited_until = Some(NOW.now_ms / 1_000 + 42)).await;
    let error = poll(&mut robot(&fake, "")).await.unwrap_err();
    assert_eq!((error.code, error.retry_after), (Code::Limited, Some(Duration::from_secs(42))));
    assert_eq!(lines(&fake, "/v2/"), 0, "the other version shares the limit");
}
