//! CloudWatch: against moto's server for values, and against a fake that checks signatures for all that moto does not do.

mod credentials;
mod moto;

use farol_collector::pull::{At, Code, Instance, Reading};
use farol_shared::catalog::{
    HOSTING_CPU_UTILIZATION, HOSTING_DISK_UTILIZATION, HOSTING_MEMORY_UTILIZATION, HOSTING_NETWORK_IO, HOSTING_VALUE,
};
use farol_tests::fake::aws::{Aws, KEY, REGION, SECRET};
use serde_json::Value;

use crate::faults::{self, NOW, instance, poll};

/// Now, in seconds.
const NOW_S: i64 = NOW.now_ms / 1_000;

fn toml(url: &str, targets: &str) -> String {
    format!("url = '{url}'\nregion = '{REGION}'\naccess_key_id = '{KEY}'\nsecret_access_key = '{SECRET}'\ntargets = [{targets}]")
}

fn open(aws: &Aws, targets: &str) -> Instance {
    instance("cloudwatch", &toml(&aws.fake.url(), targets))
}

/// One point a minute, `value` of minutes ago.
fn minutes(count: i64, value: impl Fn(i64) -> f64) -> Vec<(i64, f64)> {
    (1..=count).rev().map(|ago| (NOW_S - 60 * ago, value(ago))).collect()
}

fn target(reading: &Reading, number: usize) -> &Value {
    &reading.snapshots["infra"]["targets"][number]
}

fn close(value: &Value, expect: f64) {
    let value = value.as_f64().unwrap_or_else(|| panic!("no number: {value}"));
    assert!((value - expect).abs() < 1e-9, "{value} is not {expect}");
}

#[tokio::test]
async fn cloudwatch_survives_every_trouble() {
    let aws = Aws::start().await;
    aws.put("AWS/EC2", "CPUUtilization", "Average", "InstanceId=i-1", &minutes(10, |_| 25.0));
    faults::every("cloudwatch", &aws.fake, |url| toml(url, "{ kind = 'ec2', id = 'i-1', period = 60 }")).await;
}

#[tokio::test]
async fn an_instance_has_its_load_memory_by_its_agent_and_an_hour_of_history() {
    let aws = Aws::start().await;
    let id = "InstanceId=i-1";
    aws.put("AWS/EC2", "CPUUtilization", "Average", id, &minutes(90, |ago| f64::from(u8::try_from(ago).unwrap())));
    aws.put("AWS/EC2", "NetworkIn", "Sum", id, &minutes(10, |_| 6_000.0));
    aws.put("AWS/EC2", "NetworkOut", "Sum", id, &minutes(10, |_| 600.0));
    // The agent publishes with more dimensions than the instance's id: asking by that alone would find nothing.
    aws.put(
        "CWAgent",
        "mem_used_percent",
        "Average",
        "ImageId=ami-1,InstanceId=i-1,InstanceType=t3.micro",
        &minutes(5, |_| 40.0),
    );
    let disk = |path: &str| format!("InstanceId=i-1,device=nvme0n1p1,fstype=ext4,path={path}");
    aws.put("CWAgent", "disk_used_percent", "Average", &disk("/"), &minutes(5, |_| 70.0));
    aws.put("CWAgent", "disk_used_percent", "Average", &disk("/boot"), &minutes(5, |_| 10.0));
    let mut one = open(&aws, "{ kind = 'ec2', id = 'i-1', name = 'web', period = 60 }");
    let reading = poll(&mut one).await.unwrap();
    assert!(reading.missing.is_empty(), "{reading:?}");
    let web = [("farol.target", "web")];
    assert_eq!(reading.value(&HOSTING_CPU_UTILIZATION, &web), Some(0.01));
    assert_eq!(reading.value(&HOSTING_MEMORY_UTILIZATION, &web), Some(0.4));
    assert_eq!(reading.value(&HOSTING_DISK_UTILIZATION, &web), Some(0.7));
    let network = |direction| reading.value(&HOSTING_NETWORK_IO, &[("farol.target", "web"), ("network.io.direction", direction)]);
    assert_eq!((network("receive"), network("transmit")), (Some(100.0), Some(10.0)));
    let shown = target(&reading, 0);
    close(&shown["network_in"], 100.0);
    assert_eq!((shown["at"].as_i64(), shown["reason"].as_str()), (Some(NOW.now_ms - 60_000), None));
    // The last hour, minute by minute, and nothing older.
    assert_eq!((reading.earlier.len(), reading.earlier.keys().next()), (59, Some(&(NOW.now_ms - 59 * 60_000))));
    assert!(reading.said.iter().any(|sentence| sentence.contains("US$ 2.16")), "{:?}", reading.said);

    // A minute later there is nothing to fill in, and what was found of the agent is not looked up again.
    aws.fake.forget();
    let later = At { now_ms: NOW.now_ms + 60_000, since_ms: Some(NOW.now_ms) };
    aws.put("AWS/EC2", "CPUUtilization", "Average", id, &[(NOW_S, 50.0)]);
    let reading = one.poll(&later).await.unwrap();
    assert_eq!(reading.value(&HOSTING_CPU_UTILIZATION, &web), Some(0.5));
    assert_eq!((reading.earlier.len(), aws.count("ListMetrics"), aws.count("GetMetricData")), (0, 0, 1));
    // A poll that comes too early asks nothing: each metric costs.
    one.poll(&At { now_ms: later.now_ms + 10_000, ..later }).await.unwrap();
    assert_eq!(aws.count("GetMetricData"), 1);
}

#[tokio::test]
async fn history_is_filled_in_only_after_what_is_kept() {
    let aws = Aws::start().await;
    aws.put("AWS/ECS", "CPUUtilization", "Average", "ClusterName=c,ServiceName=s", &minutes(60, |_| 10.0));
    let mut one = open(&aws, "{ kind = 'ecs', cluster = 'c', service = 's' }");
    let reading = one.poll(&At { since_ms: Some(NOW.now_ms - 10 * 60_000), ..NOW }).await.unwrap();
    assert_eq!(reading.earlier.len(), 9, "{:?}", reading.earlier.keys());
}

#[tokio::test]
async fn each_kind_shows_what_it_has() {
    let aws = Aws::start().await;
    let put = |namespace: &str, metric: &str, stat: &str, dimensions: &str, value: f64| {
        aws.put(namespace, metric, stat, dimensions, &minutes(5, |_| value));
    };
    put("AWS/RDS", "FreeableMemory", "Average", "DBInstanceIdentifier=db", 2.0 * 1_073_741_824.0);
    put("AWS/RDS", "NetworkReceiveThroughput", "Average", "DBInstanceIdentifier=db", 77.0);
    put("AWS/Lambda", "Duration", "p95", "FunctionName=f", 1_500.0);
    put("AWS/ApplicationELB", "TargetResponseTime", "p99", "LoadBalancer=app/x/1", 0.25);
    put("AWS/ApplicationELB", "HealthyHostCount", "Minimum", "LoadBalancer=app/x/1,TargetGroup=targetgroup/y/2", 3.0);
    put("ECS/ContainerInsights", "CpuUtilized", "Sum", "ClusterName=c,ServiceName=s", 512.0);
    put("Shop", "Baskets", "Maximum", "Stage=prod", 12.0);
    let mut one = open(
        &aws,
        "{ kind = 'rds', id = 'db', memory_gib = 8 }, { kind = 'lambda', id = 'f' }, \
         { kind = 'alb', id = 'app/x/1', target_group = 'targetgroup/y/2' }, { kind = 'ecs', cluster = 'c', service = 's', insights = true }, \
         { kind = 'metric', namespace = 'Shop', metric = 'Baskets', dimensions = { Stage = 'prod' }, stat = 'Maximum', unit = '{basket}', name = 'shop' }",
    );
    let reading = poll(&mut one).await.unwrap();
    close(&target(&reading, 0)["memory_ratio"], 0.75);
    close(&target(&reading, 0)["memory_used"], 6.0 * 1_073_741_824.0);
    close(&target(&reading, 0)["network_in"], 77.0);
    let figure = |number: usize, name: &str| {
        let all = target(&reading, number)["metrics"].as_array().unwrap();
        all.iter().find(|figure| figure["name"] == name).unwrap_or_else(|| panic!("{name} in {all:?}"))["value"].clone()
    };
    close(&figure(1, "duration p95"), 1.5);
    close(&figure(2, "response time p99"), 0.25);
    close(&figure(2, "healthy targets"), 3.0);
    assert_eq!(figure(2, "requests"), Value::Null);
    close(&target(&reading, 3)["cpu_used"], 0.5);
    close(&figure(4, "Baskets"), 12.0);
    let baskets = [("farol.target", "shop"), ("farol.name", "Baskets"), ("farol.unit", "{basket}")];
    assert_eq!(reading.value(&HOSTING_VALUE, &baskets), Some(12.0));
}

#[tokio::test]
async fn an_empty_answer_is_no_data_and_never_zero() {
    let aws = Aws::start().await;
    let reading = poll(&mut open(&aws, "{ kind = 'ec2', id = 'i-gone' }")).await.unwrap();
    assert!(reading.now.is_empty() && reading.earlier.is_empty(), "{reading:?}");
    let shown = target(&reading, 0);
    assert!(shown["cpu_ratio"].is_null() && shown["reason"].as_str().unwrap().contains("no data"), "{shown}");
}

#[tokio::test]
async fn a_metric_that_is_forbidden_or_failed_inside_a_200_is_told_for_its_target() {
    let aws = Aws::start().await;
    for (metric, status) in [("CPUUtilization", "Forbidden"), ("MemoryUtilization", "InternalError")] {
        aws.put_as("AWS/ECS", metric, "Average", "ClusterName=c,ServiceName=s", &[], status);
    }
    aws.put_as("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Average", "QueueName=q", &minutes(5, |_| 4.0), "PartialData");
    let mut one = open(&aws, "{ kind = 'ecs', cluster = 'c', service = 's' }, { kind = 'sqs', id = 'q' }");
    let reading = poll(&mut one).await.unwrap();
    assert_eq!(reading.missing.iter().map(|(_, error)| error.code).collect::<Vec<_>>(), [Code::Auth, Code::Unreachable]);
    let reason = target(&reading, 0)["reason"].as_str().unwrap();
    assert!(reason.contains("forbidden: CPUUtilization") && reason.contains("failed at MemoryUtilization"), "{reason}");
    assert!(target(&reading, 1)["reason"].as_str().unwrap().contains("not all points came"), "{reading:?}");
    close(&target(&reading, 1)["metrics"][0]["value"], 4.0);

    let only = Aws::start().await;
    for metric in ["CPUUtilization", "MemoryUtilization"] {
        only.put_as("AWS/ECS", metric, "Average", "ClusterName=c,ServiceName=s", &[], "Forbidden");
    }
    let told = poll(&mut open(&only, "{ kind = 'ecs', cluster = 'c', service = 's' }")).await.unwrap_err();
    assert_eq!(told.code, Code::Auth, "{told}");
}

#[tokio::test]
async fn more_metrics_than_one_question_holds_and_more_than_one_page_come_whole() {
    let aws = Aws::start().await;
    aws.held().page = 150;
    let mut targets = String::new();
    for number in 0..100 {
        targets += &format!("{{ kind = 'rds', id = 'db{number}' }},");
        aws.put("AWS/RDS", "CPUUtilization", "Average", &format!("DBInstanceIdentifier=db{number}"), &minutes(5, |_| 50.0));
    }
    let reading = poll(&mut open(&aws, &targets)).await.unwrap();
    let shown = reading.snapshots["infra"]["targets"].as_array().unwrap();
    assert_eq!(shown.iter().filter(|target| target["cpu_ratio"] == 0.5).count(), 100);
    // 800 metrics: 500 on four pages, 300 on two.
    assert_eq!(aws.count("GetMetricData"), 6);
}

#[tokio::test]
async fn refusals_say_what_to_do_and_leak_nothing() {
    let aws = Aws::start().await;
    let mut one = open(&aws, "{ kind = 'sqs', id = 'q' }");
    for (status, kind, message, code, words) in [
        (400, "ThrottlingException", "Rate exceeded", Code::Limited, "too often"),
        (400, "RequestTimeTooSkewed", "s3cr3t", Code::Auth, "collector's clock is wrong"),
        (403, "InvalidSignatureException", "Signature expired: s3cr3t is now earlier", Code::Auth, "collector's clock is wrong"),
        (403, "ExpiredToken", "s3cr3t", Code::Auth, "token has expired"),
        (403, "InvalidClientTokenId", "s3cr3t", Code::Auth, "does not know the access key"),
        (400, "AccessDeniedException", "User x is not authorized", Code::Auth, "cloudwatch:GetMetricData"),
        (400, "ValidationError", "The parameter is wrong", Code::BadAnswer, "The parameter is wrong"),
        (500, "InternalFailure", "", Code::Unreachable, "CloudWatch failed"),
    ] {
        aws.held().error = Some((status, kind, message.to_owned()));
        let told = poll(&mut one).await.unwrap_err();
        assert_eq!((told.code, told.status), (code, Some(status)), "{kind}: {told}");
        assert!(told.message.contains(words) && !told.message.contains("s3cr3t"), "{kind}: {told}");
    }
    aws.held().error = None;
    // AWS answers a wrong signature with the whole request in its text.
    aws.held().keys.insert(KEY.to_owned(), ("another".to_owned(), None));
    let told = poll(&mut one).await.unwrap_err();
    assert!(told.code == Code::Auth && told.message.contains("does not belong") && !told.message.contains("POST"), "{told}");
    let known = poll(&mut open(&aws, "{ kind = 'sqs', id = 'q' }")).await;
    assert_eq!(known.unwrap_err().code, Code::Auth);
}
