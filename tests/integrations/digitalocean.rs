//! DigitalOcean against a fake of its monitoring.

use farol_collector::pull::{At, Instance, Reading};
use farol_shared::catalog::{HOSTING_CPU_UTILIZATION, HOSTING_DISK_UTILIZATION, HOSTING_MEMORY_UTILIZATION, HOSTING_NETWORK_IO};
use farol_tests::fake::{
    Fault,
    digitalocean::{DigitalOcean, TOKEN},
};
use serde_json::{Value, json};

use crate::faults::{self, NOW, instance, poll};

/// Now, in seconds.
const NOW_S: i64 = NOW.now_ms / 1_000;

fn toml(url: &str) -> String {
    format!(
        "url = '{url}'\ntoken = '{TOKEN}'\ndroplets = [{{ id = '123', name = 'web' }}]\napps = [{{ id = 'a-1', name = 'shop' }}]"
    )
}

fn open(ocean: &DigitalOcean) -> Instance {
    instance("digitalocean", &toml(&ocean.fake.url()))
}

/// One point a minute of the last hour, by minutes since its beginning.
fn hour(value: impl Fn(f64) -> f64) -> Vec<(i64, f64)> {
    (0..=60_i32).map(|minute| (NOW_S - 3_600 + 60 * i64::from(minute), value(f64::from(minute)))).collect()
}

async fn with_load() -> DigitalOcean {
    let ocean = DigitalOcean::start().await;
    // 60 s of CPU a minute, 45 of them idle; the machine was started anew after half an hour.
    let since_start = |minute: f64| if minute < 30.0 { minute + 1_000.0 } else { minute - 30.0 };
    ocean.put("droplet/cpu", json!({ "host_id": "123", "mode": "idle" }), &hour(|minute| 45.0 * since_start(minute)));
    ocean.put("droplet/cpu", json!({ "host_id": "123", "mode": "user" }), &hour(|minute| 15.0 * since_start(minute)));
    ocean.put("droplet/memory_total", json!({ "host_id": "123" }), &hour(|_| 2e9));
    ocean.put("droplet/memory_available", json!({ "host_id": "123" }), &hour(|_| 5e8));
    ocean.put("droplet/bandwidth/inbound", json!({ "interface": "public" }), &hour(|_| 8.0));
    ocean.put("droplet/bandwidth/outbound", json!({ "interface": "public" }), &hour(|_| 0.8));
    let disk = json!({ "device": "/dev/vda1", "mountpoint": "/" });
    ocean.put("droplet/filesystem_size", disk.clone(), &hour(|_| 1e10));
    ocean.put("droplet/filesystem_free", disk, &hour(|_| 4e9));
    ocean.put("apps/cpu_percentage", json!({ "app_component_instance": "shop-0" }), &hour(|_| 10.0));
    ocean.put("apps/cpu_percentage", json!({ "app_component_instance": "shop-1" }), &hour(|_| 30.0));
    ocean.put("apps/memory_percentage", json!({ "app_component_instance": "shop-0" }), &hour(|_| 55.0));
    ocean
}

fn target(reading: &Reading, number: usize) -> &Value {
    &reading.snapshots["infra"]["targets"][number]
}

#[tokio::test]
async fn digitalocean_survives_every_trouble() {
    faults::every("digitalocean", &with_load().await.fake, toml).await;
}

#[tokio::test]
async fn droplets_and_apps_have_their_load_and_an_hour_of_history() {
    let ocean = with_load().await;
    let mut one = open(&ocean);
    let reading = poll(&mut one).await.unwrap();
    assert!(reading.missing.is_empty(), "{reading:?}");
    let web = [("farol.target", "web")];
    assert_eq!(reading.value(&HOSTING_CPU_UTILIZATION, &web), Some(0.25));
    assert_eq!(reading.value(&HOSTING_MEMORY_UTILIZATION, &web), Some(0.75));
    assert_eq!(reading.value(&HOSTING_DISK_UTILIZATION, &web), Some(0.6));
    let network = |direction| reading.value(&HOSTING_NETWORK_IO, &[("farol.target", "web"), ("network.io.direction", direction)]);
    assert_eq!((network("receive"), network("transmit")), (Some(1e6), Some(1e5)));
    assert_eq!(target(&reading, 0)["memory_used"], 1.5e9);
    assert_eq!(reading.value(&HOSTING_CPU_UTILIZATION, &[("farol.target", "shop")]), Some(0.2));
    assert_eq!(reading.value(&HOSTING_MEMORY_UTILIZATION, &[("farol.target", "shop")]), Some(0.55));
    assert_eq!(reading.snapshots["infra"]["deployments"][0]["state"], "active");
    assert_eq!(reading.rate_limit.unwrap().remaining, Some(4_816));
    // The minute in which the machine was started anew has no CPU.
    let is_web = |attributes: &[(String, String)]| attributes.iter().any(|(_, value)| value == "web");
    let cpu = |values: &farol_collector::pull::reading::Values| {
        values.keys().any(|(metric, attributes)| metric == HOSTING_CPU_UTILIZATION.name && is_web(attributes))
    };
    let minutes: Vec<i64> = reading.earlier.iter().filter(|(_, values)| !cpu(values)).map(|(time, _)| *time).collect();
    assert_eq!((reading.earlier.len(), minutes), (59, vec![NOW.now_ms - 30 * 60_000]));
    let reading = one.poll(&At { now_ms: NOW.now_ms + 60_000, since_ms: None }).await.unwrap();
    assert!(reading.earlier.is_empty() && reading.value(&HOSTING_CPU_UTILIZATION, &web) == Some(0.25));
}

#[tokio::test]
async fn a_droplet_without_its_agent_says_so_and_an_unknown_one_has_no_zeroes() {
    let ocean = DigitalOcean::start().await;
    ocean.put("droplet/cpu", json!({ "mode": "idle" }), &hour(|minute| 60.0 * minute));
    let reading = poll(&mut open(&ocean)).await.unwrap();
    assert_eq!(reading.value(&HOSTING_CPU_UTILIZATION, &[("farol.target", "web")]), Some(0.0));
    assert!(target(&reading, 0)["reason"].as_str().unwrap().contains("do-agent"), "{reading:?}");
    assert!(target(&reading, 1)["reason"].as_str().unwrap().contains("no data"), "{reading:?}");
    assert!(target(&reading, 1)["cpu_ratio"].is_null());
}

#[tokio::test]
async fn who_is_told_to_wait_asks_nothing_more() {
    let ocean = with_load().await;
    let mut one = open(&ocean);
    for fault in [Fault::Limited(Some(40)), Fault::Status(401)] {
        ocean.fake.forget();
        ocean.fake.set(fault.clone());
        poll(&mut one).await.unwrap_err();
        // Twelve are to be asked; those that were under way beside the first one are not called back.
        assert!(ocean.fake.calls().len() <= 4, "{fault:?}: {} calls", ocean.fake.calls().len());
    }
    // The hour before is still filled in.
    ocean.fake.set(Fault::None);
    assert_eq!(poll(&mut one).await.unwrap().earlier.len(), 59);
}

#[tokio::test]
async fn many_targets_take_turns_within_the_calls_that_are_allowed() {
    let ocean = with_load().await;
    let droplets: String = (0..30).map(|number| format!("{{ id = '{number}' }},")).collect();
    let toml = format!("url = '{}'\ntoken = '{TOKEN}'\ndroplets = [{droplets}{{ id = '123', name = 'web' }}]", ocean.fake.url());
    let mut one = instance("digitalocean", &toml);
    let mut seen = Vec::new();
    for turn in 0..4 {
        ocean.fake.forget();
        let reading = one.poll(&At { now_ms: NOW.now_ms + turn * 60_000, since_ms: None }).await.unwrap();
        assert!(ocean.fake.calls().len() <= 75, "{}", ocean.fake.calls().len());
        seen.push(reading.value(&HOSTING_CPU_UTILIZATION, &[("farol.target", "web")]));
    }
    // The last of 31 is asked in the fourth turn.
    assert_eq!(seen, [None, None, None, Some(0.25)]);
}
