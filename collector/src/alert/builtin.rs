//! The built-in rules: few, on from the start, each with a time that it must hold and a way back, so that none cries wolf.
//!
//! A row is a condition, thresholds and times; people change it by a row of their own under the same id. Names are in English; channels
//! that speak Portuguese find theirs in [`names`].

pub mod names;

use farol_shared::{catalog, metric::Metric, resource::ResourceKind};

use super::rule::{Against, Aggregate, Comparison, Condition, Divisor, Rule, Scope, SeriesCondition, SilentCondition};

/// How far back the newest value of what is polled is looked for, in seconds: three polls at the longest interval.
const POLLED_S: u32 = 900;

/// A built-in rule that is being written.
struct Draft(Rule);

/// The value of a metric.
fn series(id: &str, name: &str, metric: &Metric, tests: &[&str], (aggregate, window_s): (Aggregate, u32)) -> Draft {
    let condition = SeriesCondition {
        metric: metric.name.to_owned(),
        attributes: texts(tests),
        resources: Scope::default(),
        by: None,
        divided_by: None,
        aggregate,
        quantile: None,
        window_s,
        comparison: Comparison::Above,
        against: Against::Nothing,
    };
    draft(id, name, Condition::Series(condition))
}

fn draft(id: &str, name: &str, condition: Condition) -> Draft {
    Draft(Rule {
        id: id.to_owned(),
        name: name.to_owned(),
        enabled: true,
        tenant: None,
        condition,
        warning: None,
        critical: None,
        for_s: 0,
        recovery: 0.0,
        resolve_after_s: 0,
        no_data_s: None,
        channels: Vec::new(),
        remind_s: None,
        message: None,
        runbook: None,
    })
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl Draft {
    fn series(mut self, change: impl FnOnce(&mut SeriesCondition)) -> Self {
        if let Condition::Series(series) = &mut self.0.condition {
            change(series);
        }
        self
    }

    /// Adds up what differs in other attributes only.
    fn by(self, keys: &[&str]) -> Self {
        self.series(|series| series.by = Some(texts(keys)))
    }

    fn over(self, metric: &Metric, tests: &[&str]) -> Self {
        let divisor = Divisor { metric: metric.name.to_owned(), attributes: texts(tests) };
        self.series(|series| series.divided_by = Some(divisor))
    }

    fn below(self) -> Self {
        self.series(|series| series.comparison = Comparison::Below)
    }

    fn warning(mut self, threshold: f64) -> Self {
        self.0.warning = Some(threshold);
        self
    }

    fn critical(mut self, threshold: f64) -> Self {
        self.0.critical = Some(threshold);
        self
    }

    /// For how long it must hold, how far it must come back and for how long.
    fn steady(mut self, for_s: u32, recovery: f64, resolve_after_s: u32) -> Rule {
        (self.0.for_s, self.0.recovery, self.0.resolve_after_s) = (for_s, recovery, resolve_after_s);
        self.0
    }
}

/// Every built-in rule.
pub fn all() -> impl Iterator<Item = Rule> {
    [services(), machines(), disks(), mishaps(), checks(), outside(), brokers(), sentry_and_hosting()].into_iter().flatten()
}

fn services() -> Vec<Rule> {
    let statistic = catalog::HTTP_SERVER_REQUEST_DURATION;
    vec![
        series("service-errors", "Requests fail", &catalog::HTTP_SERVER_REQUEST_ERROR_RATIO, &[], (Aggregate::Last, 60))
            .warning(0.05)
            .critical(0.10)
            .steady(60, 0.01, 120),
        series("service-latency", "Requests are slow (P95)", &statistic, &["farol.statistic=p95"], (Aggregate::Last, 60))
            .warning(0.5)
            .critical(1.0)
            .steady(120, 0.05, 120),
        series("message-failures", "Messages are not sent", &catalog::MESSAGES_FAILED, &[], (Aggregate::Rate, 300))
            .over(&catalog::EVENTS, &["farol.event.type=MessageSent"])
            .warning(0.05)
            .critical(0.20)
            .steady(60, 0.01, 120),
    ]
}

fn machines() -> Vec<Rule> {
    const BUSY: &str = "cpu.mode!=idle|iowait";
    vec![
        series("host-cpu", "CPU of a host near its limit", &catalog::SYSTEM_CPU_TIME, &[BUSY], (Aggregate::Rate, 60))
            .by(&[])
            .over(&catalog::SYSTEM_CPU_LIMIT, &[])
            .warning(0.80)
            .critical(0.95)
            .steady(300, 0.05, 120),
        series("container-cpu", "CPU of a container near its limit", &catalog::CONTAINER_CPU_TIME, &[], (Aggregate::Rate, 60))
            .by(&[])
            .over(&catalog::CONTAINER_CPU_LIMIT, &[])
            .warning(0.80)
            .critical(0.95)
            .steady(300, 0.05, 120),
        series(
            "host-memory",
            "Memory of a host near its limit",
            &catalog::SYSTEM_MEMORY_USAGE,
            &["system.memory.state=used"],
            (Aggregate::Mean, 60),
        )
        .by(&[])
        .over(&catalog::SYSTEM_MEMORY_LIMIT, &[])
        .warning(0.80)
        .critical(0.95)
        .steady(120, 0.03, 120),
        series(
            "container-memory",
            "Memory of a container near its limit",
            &catalog::CONTAINER_MEMORY_WORKING_SET,
            &[],
            (Aggregate::Mean, 60),
        )
        .over(&catalog::CONTAINER_MEMORY_LIMIT, &[])
        .warning(0.80)
        .critical(0.95)
        .steady(120, 0.03, 120),
    ]
}

fn disks() -> Vec<Rule> {
    // Images that are mounted read only are full by nature.
    const REAL: &str = "system.filesystem.type!=squashfs|erofs|iso9660|udf|cramfs";
    const MOUNT: &str = "system.filesystem.mountpoint";
    let used = ["system.filesystem.state=used", REAL];
    let whole = ["system.filesystem.state=used|free"];
    vec![
        series("disk-space", "Disk nearly full", &catalog::SYSTEM_FILESYSTEM_USAGE, &used, (Aggregate::Last, 300))
            .by(&[MOUNT, "system.device"])
            .over(&catalog::SYSTEM_FILESYSTEM_USAGE, &whole)
            .warning(0.80)
            .critical(0.95)
            .steady(120, 0.02, 120),
        series("disk-filling", "Disk full within a day", &catalog::SYSTEM_FILESYSTEM_USAGE, &used, (Aggregate::Until, 6 * 3_600))
            .by(&[MOUNT, "system.device"])
            .over(&catalog::SYSTEM_FILESYSTEM_USAGE, &whole)
            .below()
            .warning(86_400.0)
            .critical(14_400.0)
            .steady(1_800, 7_200.0, 600),
    ]
}

fn mishaps() -> Vec<Rule> {
    let silent = SilentCondition { resources: Scope { kind: Some(ResourceKind::Host), ..Scope::default() } };
    vec![
        series(
            "host-oom",
            "Kernel killed a process of a host for want of memory",
            &catalog::SYSTEM_OOM_KILLS,
            &[],
            (Aggregate::Increase, 300),
        )
        .warning(0.0)
        .steady(0, 0.0, 60),
        series(
            "container-oom",
            "Kernel killed a process of a container for want of memory",
            &catalog::CONTAINER_MEMORY_OOM_KILLS,
            &[],
            (Aggregate::Increase, 300),
        )
        .warning(0.0)
        .steady(0, 0.0, 60),
        series(
            "container-throttled",
            "Container held back by its CPU quota",
            &catalog::CONTAINER_CPU_THROTTLED_PERIODS,
            &[],
            (Aggregate::Rate, 120),
        )
        .over(&catalog::CONTAINER_CPU_PERIODS, &[])
        .warning(0.25)
        .steady(300, 0.05, 120),
        draft("agent-silent", "Agent silent", Condition::Silent(silent)).critical(60.0).steady(0, 0.0, 5),
        series("samples-lost", "Agent lost samples", &catalog::AGENT_SAMPLES_LOST, &[], (Aggregate::Increase, 600))
            .by(&[])
            .warning(0.0)
            .steady(0, 0.0, 60),
    ]
}

fn checks() -> Vec<Rule> {
    vec![
        series("check-offline", "Check offline", &catalog::CHECK_STATE, &[], (Aggregate::Last, POLLED_S))
            .by(&["farol.check.name"])
            .below()
            .warning(0.75)
            .critical(0.25)
            .steady(30, 0.2, 30),
        series("certificate", "Certificate expires soon", &catalog::CHECK_TLS_EXPIRY, &[], (Aggregate::Last, 3_600))
            .below()
            .warning(14.0)
            .critical(3.0)
            .steady(300, 0.5, 60),
        series("integration-failing", "Integration does not answer", &catalog::INTEGRATION_UP, &[], (Aggregate::Last, POLLED_S))
            .below()
            .warning(0.5)
            .steady(300, 0.2, 30),
    ]
}

fn outside() -> Vec<Rule> {
    vec![
        series("cache-hit-ratio", "Cache seldom hits", &catalog::REDIS_HIT_RATIO, &[], (Aggregate::Mean, 600))
            .below()
            .warning(0.80)
            .steady(600, 0.03, 300),
        series("redis-memory", "Redis near its memory limit", &catalog::REDIS_MEMORY_USED, &[], (Aggregate::Last, POLLED_S))
            .over(&catalog::REDIS_MEMORY_LIMIT, &[])
            .warning(0.80)
            .critical(0.95)
            .steady(120, 0.03, 120),
        series(
            "redis-evictions",
            "Redis evicts keys for want of memory",
            &catalog::REDIS_KEYS_EVICTED,
            &[],
            (Aggregate::Rate, 300),
        )
        .warning(10.0)
        .steady(600, 5.0, 300),
        series(
            "redis-rejected",
            "Redis turns connections away",
            &catalog::REDIS_CONNECTIONS_REJECTED,
            &[],
            (Aggregate::Increase, 300),
        )
        .warning(0.0)
        .steady(0, 0.0, 60),
        series(
            "redis-persistence",
            "Redis cannot write to disk",
            &catalog::REDIS_PERSISTENCE_OK,
            &[],
            (Aggregate::Last, POLLED_S),
        )
        .below()
        .warning(0.5)
        .steady(120, 0.2, 30),
        series(
            "postgres-replica",
            "PostgreSQL replica far behind",
            &catalog::POSTGRES_REPLICATION_LAG,
            &[],
            (Aggregate::Last, POLLED_S),
        )
        .warning(60.0)
        .critical(600.0)
        .steady(120, 20.0, 60),
    ]
}

fn brokers() -> Vec<Rule> {
    let node = ["rabbitmq.node.name"];
    let waiting = ["rabbitmq.message.state=ready"];
    vec![
        series(
            "rabbitmq-alarm",
            "RabbitMQ takes no messages (memory or disk alarm)",
            &catalog::RABBITMQ_ALARMS,
            &[],
            (Aggregate::Last, POLLED_S),
        )
        .critical(0.0)
        .steady(10, 0.0, 60),
        series(
            "rabbitmq-memory",
            "RabbitMQ near its memory limit",
            &catalog::RABBITMQ_NODE_MEMORY_USED,
            &[],
            (Aggregate::Last, POLLED_S),
        )
        .by(&node)
        .over(&catalog::RABBITMQ_NODE_MEMORY_LIMIT, &[])
        .warning(0.80)
        .critical(0.95)
        .steady(120, 0.03, 120),
        series(
            "rabbitmq-queue",
            "Queue of RabbitMQ grows",
            &catalog::RABBITMQ_MESSAGE_CURRENT,
            &waiting,
            (Aggregate::Increase, 900),
        )
        .warning(100.0)
        .critical(1_000.0)
        .steady(300, 50.0, 120),
        series("celery-queue", "Queue of Celery grows", &catalog::CELERY_QUEUE_LENGTH, &[], (Aggregate::Increase, 900))
            .warning(100.0)
            .critical(1_000.0)
            .steady(300, 50.0, 120),
        series(
            "celery-worker",
            "Worker of Celery went offline",
            &catalog::CELERY_WORKERS_ONLINE,
            &[],
            (Aggregate::Increase, 600),
        )
        .below()
        .warning(-0.5)
        .steady(120, 0.0, 30),
        series(
            "celery-no-worker",
            "No worker of Celery is online",
            &catalog::CELERY_WORKERS_ONLINE,
            &[],
            (Aggregate::Last, POLLED_S),
        )
        .below()
        .critical(0.5)
        .steady(60, 0.2, 30),
        series("celery-stuck", "Tasks of Celery are stuck", &catalog::CELERY_TASKS_STUCK, &[], (Aggregate::Last, POLLED_S))
            .warning(0.0)
            .steady(300, 0.0, 60),
    ]
}

fn sentry_and_hosting() -> Vec<Rule> {
    let near_limit = |id: &str, name: &str, metric: &Metric| {
        series(id, name, metric, &[], (Aggregate::Last, POLLED_S)).warning(0.80).critical(0.95).steady(300, 0.03, 120)
    };
    vec![
        series(
            "sentry-crash-free",
            "Users meet crashes (Sentry)",
            &catalog::SENTRY_CRASH_FREE,
            &["farol.window=1h", "farol.subject=users"],
            (Aggregate::Last, POLLED_S),
        )
        .below()
        .warning(0.99)
        .critical(0.95)
        .steady(900, 0.002, 300),
        series(
            "sentry-new-issues",
            "Many new issues (Sentry)",
            &catalog::SENTRY_ISSUES,
            &["farol.issue.state=new_1h"],
            (Aggregate::Last, POLLED_S),
        )
        .warning(10.0)
        .critical(50.0)
        .steady(300, 3.0, 300),
        series(
            "sentry-failures",
            "Transactions fail (Sentry)",
            &catalog::SENTRY_TRANSACTION_FAILURES,
            &[],
            (Aggregate::Last, POLLED_S),
        )
        .warning(0.05)
        .critical(0.10)
        .steady(600, 0.01, 300),
        series("deploy-failed", "Deployment failed", &catalog::HOSTING_DEPLOYMENT_READY, &[], (Aggregate::Last, POLLED_S))
            .below()
            .warning(0.5)
            .steady(60, 0.2, 30),
        near_limit("hosting-cpu", "CPU near its limit (hosting)", &catalog::HOSTING_CPU_UTILIZATION),
        near_limit("hosting-memory", "Memory near its limit (hosting)", &catalog::HOSTING_MEMORY_UTILIZATION),
        near_limit("hosting-disk", "Disk nearly full (hosting)", &catalog::HOSTING_DISK_UTILIZATION),
    ]
}

#[cfg(test)]
mod tests;
