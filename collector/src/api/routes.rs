//! The table of routes: every address of the collector, who may use it at least, and what it takes and answers.
//!
//! To add a route, write its handler and a row here. Rows without a handler are served by the stage that they name; a test
//! asks every row's address for an answer.

use super::{
    READ, act, checks, compare, completeness, dashboard, document, errors, events, history, integrations, logs, query, requests,
    resources,
    route::{Answer, Least, Method, Parameter, Route, elsewhere, get, optional, post, required, shape},
    series,
};
use crate::{
    access::Role,
    act as deeds, exposition, health,
    pull::{celery, infra, online_users, postgres, rabbitmq, redis, sentry, uptimerobot, visitors},
};

macro_rules! serve {
    ($handler:path) => {
        Some(|app, request| Box::pin(async move { axum::response::IntoResponse::into_response($handler(app, request).await) }))
    };
}

const RESOURCE: Parameter = optional("resource", "Numbers of resources, separated by commas; all when absent.");
const FROM: Parameter = optional("from", "Start, RFC 3339 or milliseconds since the epoch; an hour before `to` when absent.");
const TO: Parameter = optional("to", "End, RFC 3339 or milliseconds since the epoch; now when absent.");
const SERVICE: Parameter = optional("service", "Number or name of a service; all when absent.");
const TENANT: Parameter = optional("tenant", "Name of a tenant; all when absent.");
const DAY_FROM: Parameter = optional("from", "Start, RFC 3339 or milliseconds since the epoch; a day before `to` when absent.");
const BEFORE: Parameter = optional("before", "The page after the one whose `next` this is; the newest when absent.");
const INSTANCE: Parameter =
    optional("instance", "Name of an instance, or `KIND:NAME` where kinds share an address; the first when absent.");
const ALL: Parameter = optional("all", "`true` lists also what its agent no longer reports.");

/// Every address of the collector but the page's files.
pub const ROUTES: &[Route] = &[
    get("/health", Least::Nobody, "State of each subsystem.", &[], Answer::Json(shape::<health::Health>), serve!(health::health)),
    get(
        "/metrics",
        Least::PersonOrAgent,
        "Current values of all resources and the collector's own counters, in Prometheus' text format. Needs a login or an agent token as bearer token.",
        &[],
        Answer::Media("text/plain; version=0.0.4"),
        serve!(exposition::metrics),
    ),
    get("/api/openapi.json", Least::Nobody, "This document.", &[], Answer::AnyJson, serve!(document::openapi)),
    get(
        "/api/v1/resources",
        READ,
        "All resources with status and figures.",
        &[ALL],
        Answer::Json(shape::<resources::Resources>),
        serve!(resources::resources),
    ),
    get(
        "/api/v1/series",
        READ,
        "Series by resource and metric.",
        &[
            RESOURCE,
            optional("metric", "Name of a metric; all when absent."),
            optional("from", "Only series that were seen since; all when neither `from` nor `to` is given."),
            optional("to", "Only series that were seen before; now when only `from` is given."),
        ],
        Answer::Json(shape::<series::SeriesList>),
        serve!(series::series),
    ),
    get(
        "/api/v1/query",
        READ,
        "History of metrics.",
        &[
            required("metric", "Names of up to 16 metrics, separated by commas."),
            RESOURCE,
            optional("attribute", "`key=value` that series must have; may be given several times."),
            FROM,
            TO,
            optional("step", "Distance of points: `10s`, `5m`, or milliseconds; chosen so that `points` suffice when absent."),
            optional(
                "aggregate",
                "How the samples of a step become a point: mean, min, max, sum, last, count, rate, increase, raw; rate for counters and mean for gauges when absent.",
            ),
            optional("across", "How series become one: none, sum, mean, max."),
            optional("points", "Most points a series, up to 5000; 500 when absent."),
        ],
        Answer::Json(shape::<query::Answer>),
        serve!(query::query),
    ),
    get(
        "/api/v1/completeness",
        READ,
        "The books of every agent: samples expected, stored, late, repeated and lost, with the cause.",
        &[FROM, TO],
        Answer::Json(shape::<completeness::Books>),
        serve!(completeness::completeness),
    ),
    get(
        "/api/v1/requests/recent",
        READ,
        "The latest requests, with their mean, shortest and longest duration.",
        &[DAY_FROM, TO, SERVICE, TENANT, optional("limit", "Most requests, up to 1000; 100 when absent.")],
        Answer::Json(shape::<requests::RecentRequests>),
        serve!(requests::recent),
    ),
    get(
        "/api/v1/requests/slow",
        READ,
        "The slowest requests.",
        &[DAY_FROM, TO, SERVICE, TENANT, optional("limit", "Most requests, up to 1000; 10 when absent.")],
        Answer::Json(shape::<requests::SlowRequests>),
        serve!(requests::slow),
    ),
    get(
        "/api/v1/requests/endpoints",
        READ,
        "The endpoints that are used most, with their durations.",
        &[DAY_FROM, TO, SERVICE, TENANT, optional("limit", "Most endpoints, up to 1000; 10 when absent.")],
        Answer::Json(shape::<requests::Endpoints>),
        serve!(requests::endpoints),
    ),
    get(
        "/api/v1/requests/latency",
        READ,
        "Number and durations of requests over time, by status, and in all.",
        &[DAY_FROM, TO, SERVICE, TENANT, optional("step", "Distance of points, whole minutes: `1m`, `1h`; chosen when absent.")],
        Answer::Json(shape::<requests::Latency>),
        serve!(requests::latency),
    ),
    get(
        "/api/v1/requests/tenants",
        READ,
        "Requests by tenant, with each one's share of the slow time.",
        &[DAY_FROM, TO, SERVICE, TENANT, optional("limit", "Most tenants, up to 1000; 10 when absent.")],
        Answer::Json(shape::<requests::Tenants>),
        serve!(requests::tenants),
    ),
    get(
        "/api/v1/errors/by-hour",
        READ,
        "Failed requests, exceptions and error logs over time.",
        &[DAY_FROM, TO, SERVICE, TENANT, optional("step", "Length of a step, whole minutes; `1h` when absent.")],
        Answer::Json(shape::<errors::ErrorHours>),
        serve!(errors::by_hour),
    ),
    get(
        "/api/v1/errors/types",
        READ,
        "The most frequent types of exceptions, each with its newest one.",
        &[DAY_FROM, TO, SERVICE, TENANT, optional("limit", "Most types, up to 1000; 5 when absent.")],
        Answer::Json(shape::<errors::ErrorTypes>),
        serve!(errors::types),
    ),
    get(
        "/api/v1/logs",
        READ,
        "Log records, newest first: warnings and worse.",
        &[
            DAY_FROM,
            TO,
            SERVICE,
            TENANT,
            optional("level", "The least level: trace, debug, info, warn, error or fatal; warn when absent."),
            optional("q", "Words that must all stand in message, exception or source; the last may be the beginning of one."),
            optional("limit", "Most records, up to 1000; 50 when absent."),
            BEFORE,
        ],
        Answer::Json(shape::<logs::Logs>),
        serve!(logs::logs),
    ),
    get(
        "/api/v1/events",
        READ,
        "Events, newest first, how many of each type, and what is derived of typed events.",
        &[
            DAY_FROM,
            TO,
            SERVICE,
            TENANT,
            optional("type", "Types, separated by commas; all when absent."),
            optional("limit", "Most events, up to 1000; 50 when absent."),
            BEFORE,
        ],
        Answer::Json(shape::<events::Events>),
        serve!(events::events),
    ),
    get(
        "/api/v1/checks",
        READ,
        "Health checks with availability and latest results.",
        &[DAY_FROM, TO, SERVICE, TENANT, optional("limit", "Most results a check, up to 1000; 50 when absent.")],
        Answer::Json(shape::<checks::Checks>),
        serve!(checks::checks),
    ),
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
    get(
        "/api/v1/compare",
        READ,
        "Today since local midnight against yesterday up to the same time of day.",
        &[
            optional("resource", "Numbers of up to 50 resources, separated by commas; all when absent, but then name metrics."),
            optional("metric", "Names of up to 64 metrics, separated by commas; all when absent."),
            optional("offset", "By how many minutes local time is ahead of UTC, -840 to 840; 0 when absent."),
        ],
        Answer::Json(shape::<compare::Comparison>),
        serve!(compare::compare),
    ),
    get(
        "/api/monitoring/current",
        READ,
        "All resources with status and figures, and figures by name.",
        &[ALL],
        Answer::Json(shape::<resources::Current>),
        serve!(resources::current),
    ),
    get(
        "/api/monitoring/history",
        READ,
        "CPU, memory and disk of each resource against its limits, and figures by name.",
        &[optional("minutes", "How far back, 1 to 1440; 120 when absent."), RESOURCE],
        Answer::Json(shape::<history::History>),
        serve!(history::history),
    ),
    get(
        "/api/monitoring/health",
        READ,
        "State of each subsystem.",
        &[],
        Answer::Json(shape::<health::Health>),
        serve!(health::health),
    ),
    post(
        "/api/dashboard/redis/inspect_key",
        Role::Operator,
        "Looks at one key of a Redis, secrets masked: `{instance, key, db, unmask: [path]}`. `unmask` needs the role admin.",
        Answer::Json(shape::<deeds::inspect::Inspection>),
        serve!(act::inspect),
    ),
    post(
        "/api/dashboard/redis/del_key",
        Role::Admin,
        "Deletes a key: `{instance, key, db, reason, include_queues}`. Or all of a pattern: first `{instance, pattern, db, preview: true}`, which counts, then `{instance, pattern, db, expected, confirm, reason, include_queues}`; 202 with its progress when there are many.",
        Answer::AnyJson,
        serve!(act::delete),
    ),
    post(
        "/api/dashboard/redis/flushall",
        Role::SuperAdmin,
        "Empties one database of a Redis, or all when `db` is absent: `{instance, db, confirm, reason}`. There is no way back.",
        Answer::Json(shape::<deeds::flush::Flushed>),
        serve!(act::flush),
    ),
    post(
        "/api/dashboard/redis/undo",
        Role::Admin,
        "Restores what a deletion left, within 10 minutes: `{instance, undo}`.",
        Answer::Json(shape::<deeds::undo::Restored>),
        serve!(act::undo),
    ),
    get(
        "/api/v1/actions/{id}",
        Least::Role(Role::Admin),
        "How far a deletion by pattern has come.",
        &[required("id", "What `job` said when it began.")],
        Answer::Json(shape::<deeds::Progress>),
        serve!(act::progress),
    ),
    Route {
        parameters: &[required("id", "What `job` said when it began.")],
        ..post(
            "/api/v1/actions/{id}/cancel",
            Role::Admin,
            "Asks a deletion by pattern to stop; what is deleted is deleted.",
            Answer::Json(shape::<deeds::Progress>),
            serve!(act::cancel),
        )
    },
    get(
        "/api/v1/audit",
        Least::Role(Role::Admin),
        "The audit log: who did what to another system, newest first.",
        &[
            optional("limit", "Most lines, up to 1000; 50 when absent."),
            BEFORE,
            optional("action", "Only lines of this action, such as `redis.delete_key`."),
        ],
        Answer::Json(shape::<act::Audit>),
        serve!(act::audit),
    ),
    elsewhere(
        Method::Get,
        "/api/monitoring/ws",
        READ,
        "Live values: a WebSocket. Sign in by cookie or by an `Auth` message, then send `Subscription`.",
        Answer::Socket,
    ),
    elsewhere(Method::Get, "/ws/dashboard", READ, "The same, listening to `overview` from the start.", Answer::Socket),
    Route {
        parameters: &[required("id", "Number of a resource.")],
        ..elsewhere(Method::Get, "/ws/resource/{id}", READ, "The same, listening to one resource from the start.", Answer::Socket)
    },
    elsewhere(
        Method::Get,
        "/ws/system",
        Least::Role(Role::Admin),
        "The same, telling once a second how the collector's own machine is (`system_stats`).",
        Answer::Socket,
    ),
    elsewhere(
        Method::Post,
        "/v1/batches",
        Least::Agent,
        "Takes a batch of samples from an agent; answers when it is on disk.",
        Answer::Media("application/vnd.farol.batch+msgpack; version=1"),
    ),
    elsewhere(
        Method::Get,
        "/api/auth/state",
        Least::Nobody,
        "Whether the first administrator must be made, and the version: `{setup_required, version}`.",
        Answer::AnyJson,
    ),
    elsewhere(
        Method::Post,
        "/api/auth/setup",
        Least::Nobody,
        "Makes the first administrator with the one-time token: `{token, username, password}`; answers as login.",
        Answer::AnyJson,
    ),
    elsewhere(
        Method::Post,
        "/api/auth/login",
        Least::Nobody,
        "Signs in: `{username, password}` to `{token, expires_in, user}` and a session cookie.",
        Answer::AnyJson,
    ),
    elsewhere(Method::Post, "/api/auth/logout", Least::Nobody, "Ends the session.", Answer::Nothing),
    elsewhere(Method::Get, "/api/auth/me", READ, "Who is signed in: `{username, role}`.", Answer::AnyJson),
];
