//! Moto's server, a simulation of AWS by others: what boto3 puts there is what a poll finds.
//!
//! It checks no signatures and fails at percentiles, so those are tested against our own fake.

use std::{net::TcpListener, process::Stdio};

use farol_collector::pull::{At, Instance};
use farol_shared::catalog::{HOSTING_CPU_UTILIZATION, HOSTING_MEMORY_UTILIZATION, HOSTING_NETWORK_IO};
use farol_tests::{
    process::{Process, project, setting},
    wait::{now_ms, until},
};
use serde_json::json;

use super::{REGION, instance};

/// Puts what stands in its third argument: `[[namespace, metric, {dimension: value}, [[seconds, value], ...]], ...]`.
const PUT: &str = r#"
import boto3, datetime, json, sys
client = boto3.client("cloudwatch", endpoint_url=sys.argv[1], region_name=sys.argv[2],
                      aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="s3cr3t")
for namespace, metric, dimensions, points in json.loads(sys.argv[3]):
    client.put_metric_data(Namespace=namespace, MetricData=[
        {"MetricName": metric, "Value": value, "Dimensions": [{"Name": n, "Value": v} for n, v in dimensions.items()],
         "Timestamp": datetime.datetime.fromtimestamp(time, datetime.timezone.utc)} for time, value in points])
"#;

/// A program of the Python environment that `tests/run` makes.
fn python(name: &str) -> std::process::Command {
    let target = setting("CARGO_TARGET_DIR").map_or_else(|| project().join("target"), Into::into);
    let program = target.join("apps/bin").join(name);
    assert!(program.is_file(), "{} is not there: tests/run apps makes it", program.display());
    Process::command(program)
}

fn start() -> (Process, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = python("moto_server");
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    let server = Process::start("moto", command);
    until("moto to listen", || std::net::TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(|error| error.to_string()));
    (server, format!("http://127.0.0.1:{port}"))
}

fn put(url: &str, metrics: &serde_json::Value) {
    let output = python("python").args(["-c", PUT, url, REGION, &metrics.to_string()]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn what_is_put_into_moto_is_what_a_poll_finds() {
    let (_server, url) = start();
    let now_ms = now_ms();
    let minute = now_ms / 60_000 * 60;
    let points = |value: fn(i64) -> f64| (2..=50).rev().map(|ago| json!([minute - 60 * ago, value(ago)])).collect::<Vec<_>>();
    put(
        &url,
        &json!([
            ["AWS/EC2", "CPUUtilization", { "InstanceId": "i-1" }, points(|ago| 10.0 + f64::from(i32::try_from(ago).unwrap()))],
            ["AWS/EC2", "NetworkIn", { "InstanceId": "i-1" }, points(|_| 12_000.0)],
            ["CWAgent", "mem_used_percent", { "InstanceId": "i-1", "ImageId": "ami-1" }, points(|_| 64.0)],
        ]),
    );
    let toml = format!(
        "url = '{url}'\nregion = '{REGION}'\naccess_key_id = 'AKIDEXAMPLE'\nsecret_access_key = 's3cr3t'\ntimeout = '60s'\n\
         targets = [{{ kind = 'ec2', id = 'i-1', name = 'web', period = 60 }}]"
    );
    let mut one: Instance = instance("cloudwatch", &toml);
    let reading = one.poll(&At { now_ms, since_ms: None }).await.unwrap();
    let web = [("farol.target", "web")];
    assert_eq!(reading.value(&HOSTING_CPU_UTILIZATION, &web), Some(0.12), "{reading:?}");
    assert_eq!(reading.value(&HOSTING_MEMORY_UTILIZATION, &web), Some(0.64));
    assert_eq!(reading.value(&HOSTING_NETWORK_IO, &[("farol.target", "web"), ("network.io.direction", "receive")]), Some(200.0));
    let cpu: Vec<f64> = reading
        .earlier
        .values()
        .flat_map(|values| values.iter().filter(|((metric, _), _)| metric == HOSTING_CPU_UTILIZATION.name))
        .map(|(_, (_, value))| (value * 100.0).round() - 10.0)
        .collect();
    let expect: Vec<f64> = (2..=50).rev().map(f64::from).collect();
    assert_eq!(cpu, expect);
}
