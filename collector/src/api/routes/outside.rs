//! Other systems: integrations and what they told.

use super::super::{
    READ, dashboard, integrations,
    route::{Answer, Parameter, Route, get, optional, shape},
};
use crate::pull::{celery, infra, online_users, postgres, rabbitmq, redis, sentry, uptimerobot, visitors};

const INSTANCE: Parameter =
    optional("instance", "Name of an instance, or `KIND:NAME` where kinds share an address; the first when absent.");

pub(super) const ROWS: &[Route] = &[
    get(
        "/api/v1/integrations",
        READ,
        "Every kind of integration with its instances and their state.",
        &[],
        Answer::Json(shape::<integrations::Integrations>),
        serve!(integrations::integrations),
    ),
    get(
        "/api/dashboard/sentry/health",
        READ,
        "Sentry: crash-free users and sessions, new, regressed and recurring issues, with a link.",
        &[INSTANCE],
        Answer::Instanced(&[shape::<sentry::SentryHealth>]),
        serve!(dashboard::sentry_health),
    ),
    get(
        "/api/dashboard/sentry/performance",
        READ,
        "Sentry: the slowest transactions, latency over the last hour, failures.",
        &[INSTANCE],
        Answer::Instanced(&[shape::<sentry::SentryPerformance>]),
        serve!(dashboard::sentry_performance),
    ),
    get(
        "/api/dashboard/redis/metrics",
        READ,
        "Redis: hit ratio, memory, clients, keys, persistence, replication, slow log.",
        &[INSTANCE],
        Answer::Instanced(&[shape::<redis::shown::Metrics>]),
        serve!(dashboard::redis_metrics),
    ),
    get(
        "/api/dashboard/infra/metrics",
        READ,
        "Hosting provider: CPU, memory and network of its machines and services.",
        &[INSTANCE],
        Answer::Instanced(&[shape::<infra::Infra>]),
        serve!(dashboard::infra_metrics),
    ),
    get(
        "/api/dashboard/uptime/status",
        READ,
        "Whether the addresses answer: UptimeRobot, else our own checks.",
        &[INSTANCE],
        Answer::Instanced(&[shape::<uptimerobot::Uptime>, shape::<dashboard::CheckedUptime>]),
        serve!(dashboard::uptime_status),
    ),
    get(
        "/api/dashboard/users/online",
        READ,
        "People on the site now: Redis, Plausible, Fathom or Umami.",
        &[INSTANCE],
        Answer::Instanced(&[shape::<online_users::Users>, shape::<visitors::Visitors>]),
        serve!(dashboard::users_online),
    ),
    get(
        "/api/v1/queues",
        READ,
        "RabbitMQ: queues, totals, nodes, alarms.",
        &[INSTANCE],
        Answer::Instanced(&[shape::<rabbitmq::RabbitmqQueues>]),
        serve!(dashboard::queues),
    ),
    get(
        "/api/v1/celery",
        READ,
        "Celery: queues, workers, tasks of the last hour, failures.",
        &[INSTANCE],
        Answer::Instanced(&[shape::<celery::snapshot::Celery>]),
        serve!(dashboard::celery),
    ),
    get(
        "/api/v1/postgres",
        READ,
        "PostgreSQL: connections, size, cache, replication.",
        &[INSTANCE],
        Answer::Instanced(&[shape::<postgres::PostgresServer>]),
        serve!(dashboard::postgres),
    ),
];
