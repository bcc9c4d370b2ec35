//! The dashboard's figures, and history as files.

use super::super::{
    READ, export, figures, overview,
    route::{Answer, Method, Parameter, Route, does, get, optional, required, shape},
};
use crate::export::size;

const FORMAT: Parameter = optional("format", "`csv` (when absent), `json` or `ndjson`.");
const METRIC: Parameter =
    required("metric", "Names of up to 64 metrics or figures such as `messages_sent`, separated by commas.");
const RESOURCE: Parameter = optional("resource", "Numbers or keys of resources, separated by commas; all when absent.");
const ATTRIBUTE: Parameter = optional("attribute", "`key=value` that series must have; may be given several times.");
const FROM: Parameter = optional("from", "Start, RFC 3339 or milliseconds since the epoch.");
const TO: Parameter = optional("to", "End, RFC 3339 or milliseconds since the epoch; now when absent.");
const PERIOD: Parameter =
    optional("period", "How far back from `to`: `1h`, `24h`, `7d`, `30d`; `24h` when neither this nor `from` is given.");
const STEP: Parameter = optional("step", "Length of a step: `15m`, `1d`, or milliseconds; chosen by the period when absent.");
const AGGREGATE: Parameter = optional(
    "aggregate",
    "How the samples of a step become a point: mean, min, max, sum, last, count, rate, increase; `raw` for samples as they were taken; rate for counters and mean for gauges when absent.",
);
const ACROSS: Parameter = optional("across", "How series become one: none, sum, mean, max.");
const LAYOUT: Parameter = optional("layout", "`long`: a row a point (when absent); `wide`: a row an instant, a column a series.");
const DECIMAL: Parameter =
    optional("decimal", "Decimal sign in CSV: `.` (when absent), or `,`, with which cells are separated by `;`.");
const ZONE: Parameter = optional("zone", "Offset from UTC in which times are told and days begin: `-03:00`; UTC when absent.");
const OFFSET: Parameter = optional("offset", "By how many minutes local time is ahead of UTC, -840 to 840; 0 when absent.");
const TENANT: Parameter = optional("tenant_id", "Only what belongs to this tenant.");
const COMPARE: Parameter =
    optional("compare", "`previous` adds to each point the one a step before, and by what share it changed.");
const BOM: Parameter = optional("bom", "`true` begins CSV with the mark by which Excel knows UTF-8.");

const OF_SERIES: &[Parameter] = &[
    FORMAT, METRIC, RESOURCE, ATTRIBUTE, FROM, TO, PERIOD, STEP, AGGREGATE, ACROSS, LAYOUT, DECIMAL, ZONE, OFFSET, TENANT,
    COMPARE, BOM,
];

const OF_RECORDS: &[Parameter] = &[
    required("kind", "`events`, `logs`, `requests` or `checks`."),
    FORMAT,
    RESOURCE,
    FROM,
    TO,
    PERIOD,
    DECIMAL,
    ZONE,
    OFFSET,
    TENANT,
    BOM,
    optional("type", "Of events: types, separated by commas; all when absent."),
    optional("level", "Of logs: the least level; warn when absent."),
    optional("q", "Of logs: words that must all stand in them."),
    optional("which", "Of requests: `recent` (when absent) or `slow`."),
];

/// What files are.
const FILE: Answer = Answer::File(&["text/csv", "application/json", "application/x-ndjson"]);

pub(super) const ROWS: &[Route] = &[
    get(
        "/api/v1/dashboard/overview",
        READ,
        "How everything is: figures against yesterday, lights, services, integrations, the collector's own parts.",
        &[TENANT, OFFSET],
        Answer::Json(shape::<overview::Overview>),
        serve!(overview::overview),
    )
    .filtered(),
    get(
        "/api/v1/dashboard/metrics",
        READ,
        "Figures by name over a period, of all or of one tenant.",
        &[optional("period", "`1h`, `24h` (when absent), `7d` or `30d`."), TENANT],
        Answer::Json(shape::<figures::FigureHistory>),
        serve!(figures::metrics),
    )
    .filtered(),
    does(
        Method::Post,
        "/api/v1/dashboard/export",
        READ,
        "Writes history of metrics and figures as a file, of any length.",
        FILE,
        serve!(export::post),
    )
    .takes(shape::<export::ExportBody>)
    .also(&[429])
    .filtered(),
    get("/api/v1/export", READ, "The same by parameters.", OF_SERIES, FILE, serve!(export::get)).also(&[429]).filtered(),
    get(
        "/api/v1/export/size",
        READ,
        "About how large such a file would be.",
        OF_SERIES,
        Answer::Json(shape::<size::Size>),
        serve!(export::size),
    )
    .filtered(),
    get(
        "/api/v1/export/{kind}",
        READ,
        "Writes records as a file, newest first, of any length.",
        OF_RECORDS,
        FILE,
        serve!(export::of_records),
    )
    .also(&[429])
    .filtered(),
];
