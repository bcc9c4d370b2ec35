//! Railway against a fake of its GraphQL API.

use farol_collector::pull::{At, Code, Instance, Reading};
use farol_shared::catalog::{HOSTING_CPU_UTILIZATION, HOSTING_MEMORY_UTILIZATION, HOSTING_NETWORK_IO};
use farol_tests::fake::railway::{PROJECT_TOKEN, Railway, TOKEN};
use serde_json::Value;

use crate::faults::{self, NOW, instance, poll};

/// Now, in seconds.
const NOW_S: i64 = NOW.now_ms / 1_000;

fn toml(url: &str) -> String {
    format!("url = '{url}'\nproject_token = '{PROJECT_TOKEN}'")
}

fn open(railway: &Railway) -> Instance {
    instance("railway", &toml(&railway.fake.url()))
}

/// One point a minute of the last hour, by minutes ago.
fn hour(value: impl Fn(f64) -> f64) -> Vec<(i64, f64)> {
    (0..60_i32).rev().map(|ago| (NOW_S - 60 * i64::from(ago), value(f64::from(ago)))).collect()
}

fn target<'a>(reading: &'a Reading, name: &str) -> &'a Value {
    let all = reading.snapshots["infra"]["targets"].as_array().unwrap();
    all.iter().find(|target| target["name"] == name).unwrap_or_else(|| panic!("{name} in {all:?}"))
}

async fn with_load() -> Railway {
    let railway = Railway::start().await;
    railway.held().rows = vec![
        ("CPU_USAGE", "s1", hour(|_| 0.5)),
        ("CPU_LIMIT", "s1", hour(|_| 8.0)),
        ("MEMORY_USAGE_GB", "s1", hour(|_| 1.0)),
        ("MEMORY_LIMIT_GB", "s1", hour(|_| 4.0)),
        // 0.6 MB a minute; it began anew 30 minutes ago.
        ("NETWORK_RX_GB", "s1", hour(|ago| if ago > 30.0 { 1.0 + (60.0 - ago) * 0.0006 } else { (30.0 - ago) * 0.0006 })),
    ];
    railway
}

#[tokio::test]
async fn railway_survives_every_trouble() {
    faults::every("railway", &with_load().await.fake, toml).await;
}

#[tokio::test]
async fn services_have_their_load_against_their_limits_and_an_hour_of_history() {
    let railway = with_load().await;
    let mut one = open(&railway);
    let reading = poll(&mut one).await.unwrap();
    let web = [("farol.target", "web")];
    assert_eq!(reading.value(&HOSTING_CPU_UTILIZATION, &web), Some(0.062_5));
    assert_eq!(reading.value(&HOSTING_MEMORY_UTILIZATION, &web), Some(0.25));
    let shown = target(&reading, "web");
    assert_eq!((shown["memory_used"].as_f64(), shown["memory_limit"].as_f64()), (Some(1e9), Some(4e9)));
    assert_eq!((shown["cpu_used"].as_f64(), shown["cpu_limit"].as_f64()), (Some(0.5), Some(8.0)));
    assert!((shown["network_in"].as_f64().unwrap() - 10_000.0).abs() < 1e-3, "{shown}");
    assert!(shown["network_out"].is_null());
    // Every minute of the hour has a rate but the one in which the counter began anew.
    let network = |(metric, _): &(String, _)| metric == HOSTING_NETWORK_IO.name;
    let rates: Vec<f64> = reading
        .earlier
        .values()
        .flat_map(|values| values.iter().filter(|(key, _)| network(key)).map(|(_, (_, value))| *value))
        .collect();
    assert!(rates.len() == 57 && rates.iter().all(|rate| (rate - 10_000.0).abs() < 1e-3), "{} {rates:?}", rates.len());
    // A service without data is shown with the reason.
    assert!(target(&reading, "idle")["reason"].as_str().unwrap().contains("no data"));
    let deployment = &reading.snapshots["infra"]["deployments"][0];
    assert_eq!((deployment["name"].as_str(), deployment["state"].as_str()), (Some("web"), Some("success")));
    assert_eq!(reading.rate_limit.unwrap().remaining, Some(993));
    let asked: Vec<Value> = railway.fake.calls().iter().map(|call| serde_json::from_slice(&call.body).unwrap()).collect();
    let metrics = asked.iter().find(|body| body["query"].as_str().unwrap().contains("{ metrics(")).unwrap();
    assert_eq!(metrics["variables"]["startDate"], "2026-11-21T04:08:00Z");

    // Names and ids hold for an hour.
    railway.fake.forget();
    let reading = one.poll(&At { now_ms: NOW.now_ms + 60_000, since_ms: None }).await.unwrap();
    assert_eq!((railway.fake.calls().len(), reading.earlier.len()), (2, 0));
}

#[tokio::test]
async fn an_account_s_token_is_sent_as_a_bearer_with_the_ids() {
    let railway = with_load().await;
    let url = railway.fake.url();
    let account =
        format!("url = '{url}'\ntoken = '{TOKEN}'\nproject = 'project-1'\nenvironment = 'environment-1'\nservices = ['web']");
    let reading = poll(&mut instance("railway", &account)).await.unwrap();
    assert_eq!(reading.snapshots["infra"]["targets"].as_array().unwrap().len(), 1);
    let elsewhere = account.replace("project-1", "project-2");
    let told = poll(&mut instance("railway", &elsewhere)).await.unwrap_err();
    assert!(told.code == Code::BadAnswer && told.message.contains("check both ids"), "{told}");
}

#[tokio::test]
async fn errors_inside_a_200_come_before_data() {
    let railway = with_load().await;
    let wrong = format!("url = '{}'\nproject_token = 's3cr3t-other'", railway.fake.url());
    let told = poll(&mut instance("railway", &wrong)).await.unwrap_err();
    assert!(told.code == Code::Auth && told.status == Some(200) && !told.message.contains("s3cr3t"), "{told}");
    let mut one = open(&railway);
    for (message, code) in [("Rate limit exceeded", Code::Limited), ("Cannot query field \"metrics\"", Code::BadAnswer)] {
        railway.held().error = Some(message.to_owned());
        assert_eq!(poll(&mut one).await.unwrap_err().code, code, "{message}");
    }
}
