//! What was found of each target: values, history, and for what is missing the reason.

use std::time::Duration;

use super::{
    query::{Place, Query, Trouble},
    target::Watched,
};
use crate::pull::{
    At, PollError, Reading,
    infra::{self, Points, Target, Writer},
};

/// What to do when CloudWatch forbids.
pub(super) const FORBIDDEN: &str = "allow cloudwatch:GetMetricData in the policy of the key or role";

/// Seconds of a month, for the estimate of cost.
const MONTH_S: f64 = 30.0 * 86_400.0;

/// US dollars for one metric asked (AWS, list price).
const METRIC_USD: f64 = 0.000_01;

/// Writes what is known of a target, and shows it.
pub(super) fn target(watched: &Watched, queries: &[&Query], reading: &mut Reading, at: &At, after_ms: i64) -> Target {
    let mut target = watched.blank();
    let (mut cpu, mut memory) = (Points::new(), Points::new());
    let (mut receive, mut transmit) = (Points::new(), Points::new());
    let fresh_ms = queries.iter().map(|query| query.fresh_ms()).max().unwrap_or_default();
    let points = |place: &Place| queries.iter().find(|query| query.place == *place).map(|query| query.points.as_slice());
    let latest = |place| points(&place).and_then(|points| infra::newest(points, at.now_ms, fresh_ms));
    (target.cpu_used, target.cpu_limit) = (latest(Place::CpuUsed), latest(Place::CpuLimit));
    (target.memory_used, target.memory_limit) = (latest(Place::MemoryUsed), latest(Place::MemoryLimit));
    if let (Some(size), Some(free)) = (watched.memory, points(&Place::FreeMemory)) {
        let used = |(time, free): &(i64, f64)| infra::share(size - free, size).map(|ratio| (*time, ratio));
        memory = free.iter().filter_map(used).collect();
        target.memory_limit = Some(size);
        target.memory_used = latest(Place::FreeMemory).map(|free| (size - free).max(0.0));
    }
    let mut writer = Writer { reading, now_ms: at.now_ms, after_ms, fresh_ms };
    for query in queries {
        match &query.place {
            Place::Cpu => cpu.clone_from(&query.points),
            Place::Memory => memory.clone_from(&query.points),
            Place::Receive => receive.clone_from(&query.points),
            Place::Transmit => transmit.clone_from(&query.points),
            Place::Disk => writer.disk(&mut target, &query.points),
            Place::Figure(name, unit) => writer.figure(&mut target, name, unit, &query.points),
            Place::Custom(name, unit) => writer.figure(&mut target, name, unit, &query.points),
            Place::FreeMemory if watched.memory.is_none() => writer.figure(&mut target, "free memory", "By", &query.points),
            Place::FreeMemory | Place::CpuUsed | Place::CpuLimit | Place::MemoryUsed | Place::MemoryLimit => {}
        }
    }
    writer.cpu(&mut target, &cpu);
    writer.memory(&mut target, &memory);
    writer.network(&mut target, &receive, &transmit);
    explain(&mut target, watched, queries, reading);
    target
}

/// Says why something is missing. What CloudWatch refuses or fails at is told as missing, too.
fn explain(target: &mut Target, watched: &Watched, queries: &[&Query], reading: &mut Reading) {
    let of = |trouble| {
        let metrics = queries.iter().filter(move |query| query.trouble == Some(trouble)).map(|query| query.metric.as_str());
        metrics.collect::<Vec<_>>().join(", ")
    };
    let name = &watched.name;
    let forbidden = of(Trouble::Forbidden);
    if !forbidden.is_empty() {
        target.lacks(&format!("forbidden: {forbidden}: {FORBIDDEN}"));
        reading.missing("targets", PollError::auth(format!("{name}: {forbidden} forbidden: {FORBIDDEN}")));
    }
    let internal = of(Trouble::Internal);
    if !internal.is_empty() {
        target.lacks(&format!("CloudWatch failed at {internal}"));
        reading.missing("targets", PollError::unreachable(format!("{name}: CloudWatch failed at {internal}")));
    }
    let partial = of(Trouble::Partial);
    if !partial.is_empty() {
        target.lacks(&format!("not all points came of {partial}"));
    }
    if target.is_blank() && forbidden.is_empty() && internal.is_empty() {
        target.lacks("no data: CloudWatch has no points of it in the last minutes. Check id and region; it may be stopped");
    } else if queries
        .iter()
        .any(|query| query.lookup.as_ref().is_some_and(|lookup| lookup.asked_ms.is_some() && !lookup.is_found))
    {
        target.lacks("memory and disk: EC2 does not publish them, and there is no CloudWatch agent that does");
    }
    if watched.kind == "rds" && watched.memory.is_none() && !target.is_blank() {
        target.lacks("memory: write memory_gib, as CloudWatch tells only what is free");
    }
}

/// Puts single metrics of one name into one target.
pub(super) fn join_metrics(targets: &mut Vec<Target>) {
    let mut joined: Vec<Target> = Vec::with_capacity(targets.len());
    for target in targets.drain(..) {
        match joined.iter_mut().find(|other| other.kind == "metric" && target.kind == "metric" && other.name == target.name) {
            Some(other) => {
                other.metrics.extend(target.metrics);
                other.at = other.at.max(target.at);
                if let Some(reason) = target.reason {
                    other.lacks(&reason);
                }
            }
            None => joined.push(target),
        }
    }
    *targets = joined;
}

/// Metrics that are asked in a month.
pub(super) fn monthly(queries: &[Query], interval: Duration) -> f64 {
    let each = |query: &Query| MONTH_S / f64::from(query.period).max(interval.as_secs_f64());
    queries.iter().map(each).sum()
}

/// The estimate of cost, in a sentence.
pub(super) fn cost(monthly: f64) -> String {
    let dollars = monthly * METRIC_USD;
    format!("about {monthly:.0} metrics a month are asked, which AWS bills at about US$ {dollars:.2} (US$ 0.01 per 1,000)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_metrics_a_minute_cost_four_dollars_a_month() {
        let queries: Vec<Query> = (0..10).map(|_| Query::new(0, "A", "m", "Average", 60, Place::Cpu)).collect();
        let monthly = monthly(&queries, Duration::from_secs(60));
        assert!(cost(monthly).contains("432000") && cost(monthly).contains("US$ 4.32"), "{}", cost(monthly));
    }

    #[test]
    fn single_metrics_of_one_name_are_one_target() {
        let figure = |name: &str| infra::Figure { name: name.to_owned(), value: Some(1.0), unit: "1".to_owned() };
        let metric = |name: &str| Target { metrics: vec![figure(name)], ..Target::new("app", "metric") };
        let mut targets = vec![metric("a"), Target::new("app", "ec2"), metric("b")];
        join_metrics(&mut targets);
        assert_eq!(targets.iter().map(|target| target.metrics.len()).collect::<Vec<_>>(), [2, 0]);
    }
}
