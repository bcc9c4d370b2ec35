//! What is watched: targets as they are written, and the metrics that CloudWatch has of each kind.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::query::{Place, Query, Scale};
use crate::pull::infra::Target;

/// Bytes of a GiB, which is how AWS counts memory.
const GIB: f64 = 1_073_741_824.0;

/// A target as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    kind: String,
    name: Option<String>,
    id: Option<String>,
    cluster: Option<String>,
    service: Option<String>,
    target_group: Option<String>,
    memory_gib: Option<f64>,
    #[serde(default)]
    insights: bool,
    namespace: Option<String>,
    metric: Option<String>,
    #[serde(default)]
    dimensions: BTreeMap<String, String>,
    stat: Option<String>,
    unit: Option<String>,
    period: Option<u32>,
}

/// One metric of a kind: name, statistic, where it goes, and how it becomes our unit.
type Row = (&'static str, &'static str, Place, Scale);

use Place::{Cpu, CpuLimit, CpuUsed, Disk, Figure, FreeMemory, Memory, MemoryLimit, MemoryUsed, Receive, Transmit};
use Scale::{Over, PerSecond};

/// Percent to a ratio.
const PERCENT: Scale = Over(100.0);
/// As it is.
const AS_IS: Scale = Over(1.0);
/// Milliseconds to seconds.
const MS: Scale = Over(1_000.0);
/// CPU units of ECS to cores.
const UNITS: Scale = Over(1_024.0);
/// Megabytes of ECS, which are MiB, to bytes.
const MIB: Scale = Over(1.0 / 1_048_576.0);

const EC2: &[Row] = &[
    ("CPUUtilization", "Average", Cpu, PERCENT),
    ("NetworkIn", "Sum", Receive, PerSecond),
    ("NetworkOut", "Sum", Transmit, PerSecond),
];
/// What the CloudWatch agent publishes of an instance: EC2 itself does not see memory and disks.
const AGENT: &[Row] = &[("mem_used_percent", "Average", Memory, PERCENT), ("disk_used_percent", "Average", Disk, PERCENT)];
const ECS: &[Row] = &[("CPUUtilization", "Average", Cpu, PERCENT), ("MemoryUtilization", "Average", Memory, PERCENT)];
const INSIGHTS: &[Row] = &[
    ("CpuUtilized", "Sum", CpuUsed, UNITS),
    ("CpuReserved", "Sum", CpuLimit, UNITS),
    ("MemoryUtilized", "Sum", MemoryUsed, MIB),
    ("MemoryReserved", "Sum", MemoryLimit, MIB),
    ("NetworkRxBytes", "Sum", Receive, AS_IS),
    ("NetworkTxBytes", "Sum", Transmit, AS_IS),
    ("RunningTaskCount", "Average", Figure("running tasks", "{task}"), AS_IS),
];
const RDS: &[Row] = &[
    ("CPUUtilization", "Average", Cpu, PERCENT),
    ("FreeableMemory", "Average", FreeMemory, AS_IS),
    ("NetworkReceiveThroughput", "Average", Receive, AS_IS),
    ("NetworkTransmitThroughput", "Average", Transmit, AS_IS),
    ("DatabaseConnections", "Average", Figure("connections", "{connection}"), AS_IS),
    ("FreeStorageSpace", "Average", Figure("free storage", "By"), AS_IS),
    ("ReadLatency", "Average", Figure("read latency", "s"), AS_IS),
    ("WriteLatency", "Average", Figure("write latency", "s"), AS_IS),
];
const ELASTICACHE: &[Row] = &[
    ("CPUUtilization", "Average", Cpu, PERCENT),
    ("DatabaseMemoryUsagePercentage", "Average", Memory, PERCENT),
    ("NetworkBytesIn", "Sum", Receive, PerSecond),
    ("NetworkBytesOut", "Sum", Transmit, PerSecond),
    ("EngineCPUUtilization", "Average", Figure("engine CPU", "1"), PERCENT),
    ("CurrConnections", "Average", Figure("connections", "{connection}"), AS_IS),
    ("CacheHits", "Sum", Figure("hits", "{hit}/s"), PerSecond),
    ("CacheMisses", "Sum", Figure("misses", "{miss}/s"), PerSecond),
    ("Evictions", "Sum", Figure("evictions", "{key}/s"), PerSecond),
];
const ALB: &[Row] = &[
    ("RequestCount", "Sum", Figure("requests", "{request}/s"), PerSecond),
    ("TargetResponseTime", "Average", Figure("response time", "s"), AS_IS),
    ("TargetResponseTime", "p95", Figure("response time p95", "s"), AS_IS),
    ("TargetResponseTime", "p99", Figure("response time p99", "s"), AS_IS),
    ("HTTPCode_Target_5XX_Count", "Sum", Figure("answers 5xx", "{request}/s"), PerSecond),
];
/// Counted by target group only.
const ALB_GROUP: &[Row] = &[("HealthyHostCount", "Minimum", Figure("healthy targets", "{host}"), AS_IS)];
const ELB: &[Row] = &[
    ("RequestCount", "Sum", Figure("requests", "{request}/s"), PerSecond),
    ("Latency", "Average", Figure("response time", "s"), AS_IS),
    ("Latency", "p95", Figure("response time p95", "s"), AS_IS),
    ("HTTPCode_Backend_5XX", "Sum", Figure("answers 5xx", "{request}/s"), PerSecond),
    ("HealthyHostCount", "Minimum", Figure("healthy targets", "{host}"), AS_IS),
];
const SQS: &[Row] = &[
    ("ApproximateNumberOfMessagesVisible", "Average", Figure("messages", "{message}"), AS_IS),
    ("ApproximateAgeOfOldestMessage", "Maximum", Figure("oldest message", "s"), AS_IS),
];
const LAMBDA: &[Row] = &[
    ("Invocations", "Sum", Figure("invocations", "{invocation}/s"), PerSecond),
    ("Errors", "Sum", Figure("errors", "{error}/s"), PerSecond),
    ("Duration", "p95", Figure("duration p95", "s"), MS),
    ("Throttles", "Sum", Figure("throttles", "{invocation}/s"), PerSecond),
    ("ConcurrentExecutions", "Maximum", Figure("concurrent executions", "{execution}"), AS_IS),
];

/// A target, checked.
#[derive(Debug)]
pub(super) struct Watched {
    pub name: String,
    pub kind: String,
    /// Memory of the machine, in bytes, where CloudWatch does not tell it.
    pub memory: Option<f64>,
}

impl Watched {
    pub(super) fn blank(&self) -> Target {
        Target::new(&self.name, &self.kind)
    }
}

/// Checks a target and makes its queries, whose target is number `number`.
///
/// # Errors
/// Says what is missing or too much.
pub(super) fn check(number: usize, written: &Written) -> Result<(Watched, Vec<Query>), String> {
    let kind = written.kind.as_str();
    // Basic monitoring of EC2 has a point every five minutes; asking more often only costs.
    let period = written.period.unwrap_or(if kind == "ec2" { 300 } else { 60 });
    if !matches!(period, 60 | 300) {
        return Err(format!("period is {period}: write 60 or 300 (seconds)"));
    }
    if written.memory_gib.is_some_and(|gib| !gib.is_finite() || gib <= 0.0) {
        return Err("memory_gib must be more than 0".to_owned());
    }
    let maker = Maker { number, period };
    let needed = |key: &str, value: &Option<String>| {
        let value = value.as_deref().filter(|text| !text.is_empty() && text.len() <= 255);
        value.map(str::to_owned).ok_or_else(|| format!("a target of kind {kind} needs {key}"))
    };
    let id = || needed("id", &written.id);
    let (name, queries) = match kind {
        "ec2" => {
            let mut queries = maker.all("AWS/EC2", &[("InstanceId", &id()?)], EC2);
            queries.extend(maker.all("CWAgent", &[("InstanceId", &id()?)], AGENT).into_iter().map(Query::looked_up));
            (id()?, queries)
        }
        "ecs" => {
            let (cluster, service) = (needed("cluster", &written.cluster)?, needed("service", &written.service)?);
            let dimensions = [("ClusterName", cluster.as_str()), ("ServiceName", service.as_str())];
            let mut queries = maker.all("AWS/ECS", &dimensions, ECS);
            if written.insights {
                queries.extend(maker.all("ECS/ContainerInsights", &dimensions, INSIGHTS));
            }
            (service, queries)
        }
        "rds" => (id()?, maker.all("AWS/RDS", &[("DBInstanceIdentifier", &id()?)], RDS)),
        "elasticache" => (id()?, maker.all("AWS/ElastiCache", &[("CacheClusterId", &id()?)], ELASTICACHE)),
        "elb" | "alb" if kind == "alb" || id()?.starts_with("app/") => {
            let id = id()?;
            let mut queries = maker.all("AWS/ApplicationELB", &[("LoadBalancer", &id)], ALB);
            if let Some(group) = &written.target_group {
                let dimensions = [("LoadBalancer", id.as_str()), ("TargetGroup", group.as_str())];
                queries.extend(maker.all("AWS/ApplicationELB", &dimensions, ALB_GROUP));
            }
            (id, queries)
        }
        "elb" => (id()?, maker.all("AWS/ELB", &[("LoadBalancerName", &id()?)], ELB)),
        "sqs" => (id()?, maker.all("AWS/SQS", &[("QueueName", &id()?)], SQS)),
        "lambda" => (id()?, maker.all("AWS/Lambda", &[("FunctionName", &id()?)], LAMBDA)),
        "metric" => {
            let metric = needed("metric", &written.metric)?;
            (metric.clone(), vec![maker.custom(&needed("namespace", &written.namespace)?, &metric, written)?])
        }
        other => {
            let known = "ec2, ecs, rds, elasticache, alb, elb, sqs, lambda, metric";
            return Err(format!("there is no kind of target called {other}: write one of {known}"));
        }
    };
    let name = written.name.clone().unwrap_or(name);
    Ok((Watched { name, kind: kind.to_owned(), memory: written.memory_gib.map(|gib| gib * GIB) }, queries))
}

/// Makes the queries of one target.
struct Maker {
    number: usize,
    period: u32,
}

impl Maker {
    fn all(&self, namespace: &str, dimensions: &[(&str, &str)], rows: &[Row]) -> Vec<Query> {
        let dimensions: Vec<(String, String)> =
            dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let query = |(metric, stat, place, scale): &Row| Query {
            dimensions: dimensions.clone(),
            scale: *scale,
            ..Query::new(self.number, namespace, metric, stat, self.period, place.clone())
        };
        rows.iter().map(query).collect()
    }

    fn custom(&self, namespace: &str, metric: &str, written: &Written) -> Result<Query, String> {
        let stat = written.stat.as_deref().unwrap_or("Average");
        let is_plain = matches!(stat, "Average" | "Sum" | "Minimum" | "Maximum" | "SampleCount");
        let is_percentile =
            stat.strip_prefix('p').and_then(|n| n.parse::<f64>().ok()).is_some_and(|n| (0.0..=100.0).contains(&n));
        if !is_plain && !is_percentile {
            return Err(
                "stat is unknown: write Average, Sum, Minimum, Maximum, SampleCount, or a percentile such as p95".to_owned()
            );
        }
        if written.dimensions.len() > 30 || namespace.len() > 255 {
            return Err("a metric has at most 30 dimensions and 255 bytes of a namespace".to_owned());
        }
        let place = Place::Custom(metric.to_owned(), written.unit.clone().unwrap_or_else(|| "1".to_owned()));
        Ok(Query {
            dimensions: written.dimensions.clone().into_iter().collect(),
            ..Query::new(self.number, namespace, metric, stat, self.period, place)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Watched, Vec<Query>), String> {
        let written: Written = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        check(0, &written)
    }

    #[test]
    fn every_kind_asks_its_own_namespace_with_its_own_dimensions() {
        for (text, name, namespace, count) in [
            ("kind = 'ec2'\nid = 'i-1'\nname = 'web'", "web", "AWS/EC2", 5),
            ("kind = 'ecs'\ncluster = 'c'\nservice = 's'", "s", "AWS/ECS", 2),
            ("kind = 'ecs'\ncluster = 'c'\nservice = 's'\ninsights = true", "s", "AWS/ECS", 9),
            ("kind = 'rds'\nid = 'db'\nmemory_gib = 8", "db", "AWS/RDS", 8),
            ("kind = 'elasticache'\nid = 'c'", "c", "AWS/ElastiCache", 9),
            ("kind = 'alb'\nid = 'app/x/1'\ntarget_group = 'targetgroup/y/2'", "app/x/1", "AWS/ApplicationELB", 6),
            ("kind = 'elb'\nid = 'app/x/1'", "app/x/1", "AWS/ApplicationELB", 5),
            ("kind = 'elb'\nid = 'classic'", "classic", "AWS/ELB", 5),
            ("kind = 'sqs'\nid = 'q'", "q", "AWS/SQS", 2),
            ("kind = 'lambda'\nid = 'f'", "f", "AWS/Lambda", 5),
            ("kind = 'metric'\nnamespace = 'A'\nmetric = 'm'\ndimensions = {d = 'v'}\nstat = 'p99.9'", "m", "A", 1),
        ] {
            let (watched, queries) = read(text).unwrap();
            assert_eq!((watched.name.as_str(), queries[0].namespace.as_str(), queries.len()), (name, namespace, count), "{text}");
        }
        assert_eq!(read("kind = 'ec2'\nid = 'i-1'").unwrap().1[0].period, 300);
        assert_eq!(read("kind = 'rds'\nid = 'x'\nmemory_gib = 8").unwrap().0.memory, Some(8_589_934_592.0));
    }

    #[test]
    fn a_target_that_is_not_complete_says_what_it_needs() {
        for (text, word) in [
            ("kind = 'ec2'", "needs id"),
            ("kind = 'ecs'\ncluster = 'c'", "needs service"),
            ("kind = 'vm'\nid = 'x'", "write one of ec2"),
            ("kind = 'ec2'\nid = 'x'\nperiod = 30", "60 or 300"),
            ("kind = 'rds'\nid = 'x'\nmemory_gib = 0", "more than 0"),
            ("kind = 'metric'\nnamespace = 'A'\nmetric = 'm'\nstat = 'median'", "stat is unknown"),
            ("kind = 'ec2'\nidd = 'x'", "unknown field"),
        ] {
            let wrong = read(text).unwrap_err();
            assert!(wrong.contains(word), "{text}: {wrong}");
        }
    }
}
