//! What is asked of the collector by other programs: health, figures, its own description, the agents' door.

use super::super::{
    document,
    route::{Answer, Least, Method, Route, does, get, shape},
};
use crate::{exposition, health, ingest};

pub(super) const ROWS: &[Route] = &[
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
    does(
        Method::Post,
        "/v1/batches",
        Least::Agent,
        "Takes a batch of samples from an agent; answers when it is on disk.",
        Answer::Media("application/vnd.farol.batch+msgpack; version=1"),
        handle!(ingest::routes::batches),
    )
    .body_max(farol_shared::limit::BATCH_BYTES_MAX)
    .also(&[413, 415, 422]),
];
