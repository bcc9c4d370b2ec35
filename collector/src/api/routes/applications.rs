//! What applications tell: requests, errors, logs, events, health checks.

use super::super::{
    READ, checks, errors, events, logs, requests,
    route::{Answer, Parameter, Route, get, optional, shape},
};

const TO: Parameter = optional("to", "End, RFC 3339 or milliseconds since the epoch; now when absent.");
const SERVICE: Parameter = optional("service", "Number or name of a service; all when absent.");
const TENANT: Parameter = optional("tenant", "Name of a tenant; all when absent.");
const DAY_FROM: Parameter = optional("from", "Start, RFC 3339 or milliseconds since the epoch; a day before `to` when absent.");
const BEFORE: Parameter = optional("before", "The page after the one whose `next` this is; the newest when absent.");

pub(super) const ROWS: &[Route] = &[
    get(
        "/api/v1/requests/recent",
        READ,
        "The latest requests, with their mean, shortest and longest duration.",
        &[DAY_FROM, TO, SERVICE, TENANT, optional("limit", "Most requests, up to 1000; 100 when absent.")],
        Answer::Json(shape::<requests::RecentRequests>),
        serve!(requests::recent),
    )
    .filtered(),
    get(
        "/api/v1/requests/slow",
        READ,
        "The slowest requests.",
        &[DAY_FROM, TO, SERVICE, TENANT, optional("limit", "Most requests, up to 1000; 10 when absent.")],
        Answer::Json(shape::<requests::SlowRequests>),
        serve!(requests::slow),
    )
    .filtered(),
    get(
        "/api/v1/requests/endpoints",
        READ,
        "The endpoints that are used most, with their durations.",
        &[DAY_FROM, TO, SERVICE, TENANT, optional("limit", "Most endpoints, up to 1000; 10 when absent.")],
        Answer::Json(shape::<requests::Endpoints>),
        serve!(requests::endpoints),
    )
    .filtered(),
    get(
        "/api/v1/requests/latency",
        READ,
        "Number and durations of requests over time, by status, and in all.",
        &[DAY_FROM, TO, SERVICE, TENANT, optional("step", "Distance of points, whole minutes: `1m`, `1h`; chosen when absent.")],
        Answer::Json(shape::<requests::Latency>),
        serve!(requests::latency),
    )
    .filtered(),
    get(
        "/api/v1/requests/tenants",
        READ,
        "Requests by tenant, with each one's share of the slow time.",
        &[DAY_FROM, TO, SERVICE, TENANT, optional("limit", "Most tenants, up to 1000; 10 when absent.")],
        Answer::Json(shape::<requests::Tenants>),
        serve!(requests::tenants),
    )
    .filtered(),
    get(
        "/api/v1/errors/by-hour",
        READ,
        "Failed requests, exceptions and error logs over time.",
        &[DAY_FROM, TO, SERVICE, TENANT, optional("step", "Length of a step, whole minutes; `1h` when absent.")],
        Answer::Json(shape::<errors::ErrorHours>),
        serve!(errors::by_hour),
    )
    .filtered(),
    get(
        "/api/v1/errors/types",
        READ,
        "The most frequent types of exceptions, each with its newest one.",
        &[DAY_FROM, TO, SERVICE, TENANT, optional("limit", "Most types, up to 1000; 5 when absent.")],
        Answer::Json(shape::<errors::ErrorTypes>),
        serve!(errors::types),
    )
    .filtered(),
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
    )
    .filtered(),
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
    )
    .filtered(),
    get(
        "/api/v1/checks",
        READ,
        "Health checks with availability and latest results.",
        &[DAY_FROM, TO, SERVICE, TENANT, optional("limit", "Most results a check, up to 1000; 50 when absent.")],
        Answer::Json(shape::<checks::Checks>),
        serve!(checks::checks),
    )
    .filtered(),
];
