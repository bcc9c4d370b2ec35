//! Sentry against a fake of its API: what is asked and told, and every trap that its documentation hides.

use std::time::Duration;

use farol_collector::pull::{At, Code, Instance, Reading};
use farol_shared::catalog;
use farol_tests::fake::{
    Fake, Fault,
    sentry::{Health, Options, Shared, TOKEN, routes},
};
use serde_json::{Value, json};

use crate::faults::{NOW, every, instance};

async fn fake(change: impl FnOnce(&mut Options)) -> (Fake, Shared) {
    let mut options = Options { now_ms: NOW.now_ms, ..Options::default() };
    change(&mut options);
    let shared = Shared::new(options.into());
    (Fake::start(routes(&shared)).await, shared)
}

fn toml(url: &str) -> String {
    format!(
        "url = \"{url}\"\norganization = \"acme\"\nprojects = [\"web\", 4502]\nenvironment = \"production\"\ntoken = \"{TOKEN}\"\n"
    )
}

fn sentry(fake: &Fake) -> Instance {
    instance("sentry", &toml(&fake.url()))
}

fn later(seconds: i64) -> At {
    At { now_ms: NOW.now_ms + seconds * 1_000, ..NOW }
}

fn field<'a>(reading: &'a Reading, snapshot: &str, name: &str) -> &'a Value {
    reading.snapshots.get(snapshot).and_then(|snapshot| snapshot.get(name)).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn every_trouble_of_http_is_told_and_left_behind() {
    let (fake, _) = fake(|_| {}).await;
    every("sentry", &fake, toml).await;
}

#[tokio::test]
async fn health_and_performance_are_told_with_their_series() {
    let (fake, _) = fake(|_| {}).await;
    let reading = sentry(&fake).poll(&NOW).await.unwrap();
    assert!(reading.missing.is_empty(), "{:?}", reading.missing);
    for (name, expected) in [
        ("crash_free_users_24h", json!(0.9971)),
        ("crash_free_users_1h", json!(0.98)),
        ("crash_free_sessions_1h", Value::Null),
        ("sessions_24h", json!(18_420)),
        ("new_issues_1h", json!({"count": 1, "is_capped": false})),
        ("recurring", json!({"count": 7, "is_capped": false})),
        ("escalating", json!({"count": 0, "is_capped": false})),
    ] {
        assert_eq!(field(&reading, "health", name), &expected, "{name}");
    }
    let top = field(&reading, "health", "top_issues").as_array().unwrap();
    assert_eq!((top.len(), &top[0]["count"], &top[0]["type"]), (5, &json!(1_204), &json!("KeyError")));
    let slowest = field(&reading, "performance", "transactions").as_array().unwrap();
    assert_eq!(slowest.len(), 5);
    assert_eq!((&slowest[0]["method"], &slowest[0]["transaction"]), (&json!("GET"), &json!("/api/orders/0")));
    assert_eq!((&slowest[0]["p95_ms"], &slowest[0]["failure_ratio"]), (&json!(644.1), &json!(0.0123)));
    assert_eq!(field(&reading, "performance", "errors_5xx"), &json!(9));
    assert_eq!(field(&reading, "performance", "sampled"), &json!(true));

    let crash_free =
        |subject, window| reading.value(&catalog::SENTRY_CRASH_FREE, &[("farol.subject", subject), ("farol.window", window)]);
    assert_eq!((crash_free("users", "24h"), crash_free("sessions", "1h")), (Some(0.9971), None), "null is no value");
    assert_eq!(reading.value(&catalog::SENTRY_ISSUES, &[("farol.issue.state", "new_24h")]), Some(3.0));
    assert_eq!(reading.value(&catalog::SENTRY_TRANSACTION_DURATION, &[("farol.statistic", "p95")]), Some(0.6441));
    assert_eq!(reading.value(&catalog::SENTRY_TRANSACTION_FAILURES, &[]), Some(0.0123));
    assert_eq!(reading.rate_limit.and_then(|limit| limit.remaining), Some(39));
    assert!(fake.calls().iter().all(|call| !call.line.contains(TOKEN)));
}

#[tokio::test]
async fn names_of_projects_are_resolved_once_and_link_to_the_issues() {
    let (fake, _) = fake(|_| {}).await;
    let mut sentry = sentry(&fake);
    let reading = sentry.poll(&NOW).await.unwrap();
    let link = field(&reading, "health", "link").as_str().unwrap();
    let expected =
        "/organizations/acme/issues/?project=4501&project=4502&environment=production&query=is%3Aunresolved&statsPeriod=24h";
    assert_eq!(link, format!("{}{expected}", fake.url()));
    sentry.poll(&later(60)).await.unwrap();
    let resolved = fake.calls().iter().filter(|call| call.line.contains("/projects/")).count();
    assert_eq!(resolved, 2, "two pages, once");

    let wrong = toml(&fake.url()).replace("\"web\"", "\"wbe\"");
    let error = instance("sentry", &wrong).poll(&NOW).await.unwrap_err();
    assert!(error.message.contains("no project wbe") && error.message.contains("jobs, web"), "{error}");
    let all = toml(&fake.url()).replace("projects = [\"web\", 4502]\n", "");
    fake.forget();
    instance("sentry", &all).poll(&NOW).await.unwrap();
    assert!(fake.calls().iter().all(|call| call.line.contains("project=-1")));
}

#[tokio::test]
async fn sessions_and_performance_are_asked_every_second_poll_and_shown_between() {
    let (fake, _) = fake(|_| {}).await;
    let mut sentry = sentry(&fake);
    sentry.poll(&NOW).await.unwrap();
    fake.forget();
    let between = sentry.poll(&later(55)).await.unwrap();
    assert!(fake.calls().iter().all(|call| call.line.contains("/issues/")), "{:?}", fake.calls());
    assert_eq!(field(&between, "health", "crash_free_users_24h"), &json!(0.9971));
    assert_eq!(field(&between, "performance", "count"), &json!(5_000));
    assert_eq!(between.value(&catalog::SENTRY_TRANSACTION_FAILURES, &[]), None, "nothing was measured");
    sentry.poll(&later(110)).await.unwrap();
    assert!(fake.calls().iter().any(|call| call.line.contains("/sessions/")));
}

#[tokio::test]
async fn what_a_failing_part_told_is_shown_until_it_is_too_old() {
    let (fake, options) = fake(|_| {}).await;
    let mut sentry = sentry(&fake);
    sentry.poll(&NOW).await.unwrap();
    options.lock().unwrap().broken = vec!["sessions"];
    let soon = sentry.poll(&later(120)).await.unwrap();
    assert_eq!((soon.missing[0].0, soon.missing[0].1.code), ("sessions", Code::Unreachable));
    assert_eq!(field(&soon, "health", "crash_free_users_24h"), &json!(0.9971));
    let late = sentry.poll(&later(600)).await.unwrap();
    assert_eq!(field(&late, "health", "crash_free_users_24h"), &Value::Null);
    assert_eq!(field(&late, "health", "unresolved"), &json!({"count": 12, "is_capped": false}));
    options.lock().unwrap().broken.clear();
    let well = sentry.poll(&later(660)).await.unwrap();
    assert!(well.missing.is_empty());
    assert_eq!(field(&well, "health", "crash_free_users_24h"), &json!(0.9971));
}

#[tokio::test]
async fn projects_without_sessions_say_so_instead_of_a_share() {
    for (health, said) in
        [(Health::None, "sends no release-health sessions"), (Health::Quiet, "no sessions in the last 24 hours")]
    {
        let (fake, _) = fake(|options| options.health = health).await;
        let reading = sentry(&fake).poll(&NOW).await.unwrap();
        assert_eq!(field(&reading, "health", "crash_free_users_24h"), &Value::Null);
        assert!(field(&reading, "health", "note").as_str().unwrap().starts_with(said));
        let attributes = [("farol.subject", "users"), ("farol.window", "24h")];
        assert_eq!(reading.value(&catalog::SENTRY_CRASH_FREE, &attributes), None);
    }
}

#[tokio::test]
async fn a_count_at_the_cap_says_that_there_may_be_more() {
    let (fake, _) = fake(|options| options.unresolved = 4_321).await;
    let reading = sentry(&fake).poll(&NOW).await.unwrap();
    assert_eq!(field(&reading, "health", "unresolved"), &json!({"count": 1_000, "is_capped": true}));
}

#[tokio::test]
async fn an_organisation_without_spans_is_asked_for_transactions_from_then_on() {
    let (fake, _) = fake(|options| {
        options.has_spans = false;
        options.has_timeseries = false;
        options.status_name = Some("http.status_code");
    })
    .await;
    let mut sentry = sentry(&fake);
    let reading = sentry.poll(&NOW).await.unwrap();
    assert!(reading.missing.is_empty(), "{:?}", reading.missing);
    assert_eq!(field(&reading, "performance", "p95_ms"), &json!(644.1));
    assert_eq!(field(&reading, "performance", "errors_5xx"), &json!(9));
    let newest = field(&reading, "performance", "latency").as_array().unwrap().last().unwrap()[0].as_i64().unwrap();
    assert!(newest + 150_000 <= NOW.now_ms, "a minute that is not yet whole: {newest}");
    fake.forget();
    sentry.poll(&later(120)).await.unwrap();
    let lines: Vec<String> = fake.calls().into_iter().map(|call| call.line).collect();
    assert!(!lines.iter().any(|line| line.contains("dataset=spans") || line.contains("events-timeseries")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("has%3A")), "the name of the status is remembered: {lines:?}");
}

#[tokio::test]
async fn without_a_status_nothing_is_said_of_5xx() {
    let (fake, _) = fake(|options| options.status_name = None).await;
    let reading = sentry(&fake).poll(&NOW).await.unwrap();
    assert_eq!(field(&reading, "performance", "errors_5xx"), &Value::Null);
    assert!(reading.missing.is_empty());
}

#[tokio::test]
async fn a_plan_without_performance_data_is_no_failure() {
    let (fake, _) = fake(|options| options.has_performance = false).await;
    let mut sentry = sentry(&fake);
    for at in [NOW, later(120)] {
        let reading = sentry.poll(&at).await.unwrap();
        assert_eq!((reading.missing.len(), reading.missing[0].0), (1, "performance"));
        assert!(reading.missing[0].1.message.contains("not available for this organisation"), "{:?}", reading.missing);
        assert!(!reading.snapshots.contains_key("performance"));
        assert_eq!(field(&reading, "health", "new_issues_24h"), &json!({"count": 3, "is_capped": false}));
    }
    assert_eq!(fake.calls().iter().filter(|call| call.line.contains("/events")).count(), 1, "asked once, then left alone");
    let elsewhere = toml(&fake.url()).replace("acme", "other").replace("\"web\", ", "");
    let error = instance("sentry", &elsewhere).poll(&NOW).await.unwrap_err();
    assert_eq!((error.code, error.status), (Code::BadAnswer, Some(404)));
    assert!(error.message.contains("check organization"), "{error}");
}

#[tokio::test]
async fn a_missing_scope_is_named_for_what_it_is_needed() {
    for (path, scope, part) in
        [("issues", "event:read", "issues"), ("sessions", "org:read", "sessions"), ("events", "org:read", "performance")]
    {
        let (fake, _) = fake(|options| options.forbidden = vec![path]).await;
        let reading = sentry(&fake).poll(&NOW).await.unwrap();
        let (missing, error) = &reading.missing[0];
        assert_eq!((*missing, error.code, error.status), (part, Code::Auth, Some(403)));
        assert!(error.message.contains(&format!("lacks {scope}")), "{error}");
    }
    let (fake, _) = fake(|options| options.forbidden = vec!["projects"]).await;
    let error = sentry(&fake).poll(&NOW).await.unwrap_err();
    assert!(error.message.contains("lacks project:read"), "{error}");
}

#[tokio::test]
async fn a_near_end_of_the_window_is_waited_for_and_a_far_one_told() {
    let now_s = NOW.now_ms / 1_000;
    let (fake, options) = fake(|options| options.limited = (2, now_s + 1)).await;
    let mut sentry = sentry(&fake);
    let reading = sentry.poll(&NOW).await.unwrap();
    assert!(reading.missing.is_empty(), "{:?}", reading.missing);
    options.lock().unwrap().limited = (100, now_s + 90);
    let error = sentry.poll(&NOW).await.unwrap_err();
    assert_eq!(error.code, Code::Limited);
    let wait = error.retry_after.unwrap();
    assert!(wait > Duration::from_secs(80) && wait <= Duration::from_secs(91), "{wait:?}");
    assert_eq!(options.lock().unwrap().limited.0, 99, "asked once and then let be");
}

#[tokio::test]
async fn an_end_of_the_window_that_is_long_past_is_not_asked_for_again_and_again() {
    // Sentry's clock is an hour behind ours: to us each window has ended already.
    let (fake, options) = fake(|options| options.limited = (100, NOW.now_ms / 1_000 - 3_600)).await;
    let error = sentry(&fake).poll(&NOW).await.unwrap_err();
    assert_eq!((error.code, error.retry_after), (Code::Limited, None), "the usual backoff is better than no pause");
    assert_eq!(options.lock().unwrap().limited.0, 97, "tried three times");
}

#[tokio::test]
async fn calls_of_one_organisation_never_overlap() {
    let (fake, options) = fake(|_| {}).await;
    let (mut one, mut two) = (sentry(&fake), sentry(&fake));
    let (first, second) = tokio::join!(one.poll(&NOW), two.poll(&NOW));
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(options.lock().unwrap().at_once.1, 1);
}

#[tokio::test]
async fn a_part_that_hangs_leaves_time_for_the_others() {
    let (fake, _) = fake(|options| options.hanging = vec!["issues"]).await;
    let mut sentry = instance("sentry", &format!("timeout = \"4s\"\n{}", toml(&fake.url())));
    let reading = sentry.poll(&NOW).await.unwrap();
    assert_eq!((reading.missing[0].0, reading.missing[0].1.code), ("issues", Code::Unreachable));
    assert_eq!(field(&reading, "health", "new_issues_1h"), &Value::Null);
    assert_eq!(field(&reading, "health", "sessions_24h"), &json!(18_420));
}

#[tokio::test]
async fn the_mean_is_filled_in_minute_by_minute_once_each() {
    let (fake, options) = fake(|_| {}).await;
    let known_ms = NOW.now_ms - 30 * 60_000;
    let mut sentry = sentry(&fake);
    let filled = |reading: &Reading| -> Vec<i64> {
        assert!(reading.earlier.values().flat_map(|values| values.values()).all(|(_, value)| *value == 0.1812));
        reading.earlier.keys().copied().collect()
    };
    let first = filled(&sentry.poll(&At { since_ms: Some(known_ms), ..NOW }).await.unwrap());
    assert!(first.len() > 20 && first.iter().all(|time_ms| *time_ms > known_ms), "{first:?}");
    let newest = *first.last().unwrap();
    assert!(newest + 150_000 <= NOW.now_ms && newest + 210_000 > NOW.now_ms, "only whole minutes: {newest}");
    assert!(!first.contains(&(NOW.now_ms.div_euclid(60_000) * 60_000 - 600_000)), "a minute without transactions has no mean");
    let at = At { since_ms: Some(NOW.now_ms), ..later(120) };
    options.lock().unwrap().now_ms = at.now_ms;
    let second = filled(&sentry.poll(&at).await.unwrap());
    assert_eq!(second, [newest + 60_000, newest + 120_000], "minutes that became whole since");
}

#[test]
fn a_wrong_table_is_refused_with_what_to_write() {
    let open = |text: &str| {
        let vars = std::collections::BTreeMap::new();
        Instance::from_toml("sentry", text, &vars).map(|_| ()).unwrap_err()
    };
    assert!(open("token = \"s3cr3t\"").contains("organization"));
    assert!(open("organization = \"acme\"").contains("token_file"));
    assert!(open("organization = \"https://acme\"\ntoken = \"s3cr3t\"").contains("short name"));
    assert!(open("organization = \"acme\"\ntoken = \"s3cr3t\"\nprojects = [\"a b\"]").contains("projects"));
}

#[tokio::test]
async fn nonsense_after_a_good_start_is_told_for_every_part_and_left_behind() {
    let (fake, _) = fake(|_| {}).await;
    let mut sentry = sentry(&fake);
    sentry.poll(&NOW).await.unwrap();
    for (turn, (fault, code)) in
        [(Fault::Truncated, Code::BadAnswer), (Fault::WrongTypes, Code::BadAnswer), (Fault::Status(503), Code::Unreachable)]
            .into_iter()
            .enumerate()
    {
        fake.set(fault);
        let at = later(120 * (i64::try_from(turn).unwrap() + 1));
        assert_eq!(sentry.poll(&at).await.unwrap_err().code, code);
    }
    fake.set(Fault::None);
    assert!(sentry.poll(&later(600)).await.unwrap().missing.is_empty());
}
