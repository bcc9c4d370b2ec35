//! History, resources, and the figures that other front ends ask for by name.

use super::super::{
    READ, compare, completeness, history, query, resources,
    route::{Answer, Parameter, Route, get, optional, required, shape},
    series,
};
use crate::health;

const RESOURCE: Parameter = optional("resource", "Numbers of resources, separated by commas; all when absent.");
const FROM: Parameter = optional("from", "Start, RFC 3339 or milliseconds since the epoch; an hour before `to` when absent.");
const TO: Parameter = optional("to", "End, RFC 3339 or milliseconds since the epoch; now when absent.");
const ALL: Parameter = optional("all", "`true` lists also what its agent no longer reports.");

pub(super) const ROWS: &[Route] = &[
    get(
        "/api/v1/resources",
        READ,
        "All resources with status and figures.",
        &[ALL],
        Answer::Json(shape::<resources::Resources>),
        serve!(resources::resources),
    ).filtered(),
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
    ).filtered(),
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
    ).filtered(),
    get(
        "/api/v1/completeness",
        READ,
        "The books of every agent: samples expected, stored, late, repeated and lost, with the cause.",
        &[FROM, TO],
        Answer::Json(shape::<completeness::Books>),
        serve!(completeness::completeness),
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
    ).filtered(),
    get(
        "/api/monitoring/current",
        READ,
        "All resources with status and figures, and figures by name.",
        &[ALL],
        Answer::Json(shape::<resources::Current>),
        serve!(resources::current),
    ).filtered(),
    get(
        "/api/monitoring/history",
        READ,
        "CPU, memory and disk of each resource against its limits, and figures by name.",
        &[optional("minutes", "How far back, 1 to 1440; 120 when absent."), RESOURCE],
        Answer::Json(shape::<history::History>),
        serve!(history::history),
    ).filtered(),
    get(
        "/api/monitoring/health",
        READ,
        "State of each subsystem.",
        &[],
        Answer::Json(shape::<health::Health>),
        serve!(health::health),
    ).filtered(),
];
