//! The WebSocket, and what its rooms tell, for those who poll.

use super::super::{
    READ, alerts, monitoring,
    route::{Answer, Least, Method, Route, does, get, required, shape},
};
use crate::push;

pub(super) const ROWS: &[Route] = &[
    get(
        "/api/v1/dashboard/alerts",
        READ,
        "What went wrong within the last 24 hours: alerts of rules that began, changed or ended, and what applications raised by `SystemAlert` events.",
        &[],
        Answer::Json(shape::<alerts::Alerts>),
        serve!(alerts::alerts),
    )
    .filtered(),
    get("/api/monitoring/alerts", READ, "The same.", &[], Answer::Json(shape::<alerts::Alerts>), serve!(alerts::alerts))
        .filtered(),
    get(
        "/api/monitoring/system",
        Least::Monitoring,
        "How the collector's own machine is, with queues and services of the house: `{event: \"system_stats\", data, at}`, as the room `system` tells it.",
        &[],
        Answer::AnyJson,
        serve!(monitoring::system),
    ),
    does(
        Method::Get,
        "/api/monitoring/ws",
        READ,
        "Live values: a WebSocket. Sign in by cookie or by an `Auth` message, then send `Subscription`.",
        Answer::Socket,
        handle!(push::routes::plain),
    )
    .filtered(),
    does(
        Method::Get,
        "/ws/dashboard",
        READ,
        "The same, listening to `dashboard` from the start: every figure once a second, and every event.",
        Answer::Socket,
        handle!(push::routes::room),
    )
    .filtered(),
    does(
        Method::Get,
        "/ws/conversations",
        READ,
        "The same, listening to `conversations` from the start: figures and events of messages, conversations and tickets.",
        Answer::Socket,
        handle!(push::routes::room),
    )
    .filtered(),
    does(
        Method::Get,
        "/ws/campaigns",
        READ,
        "The same, listening to `campaigns` from the start: figures and events of campaigns.",
        Answer::Socket,
        handle!(push::routes::room),
    )
    .filtered(),
    does(
        Method::Get,
        "/ws/erp",
        READ,
        "The same, listening to `erp` from the start: figures and events of calls of ERP systems.",
        Answer::Socket,
        handle!(push::routes::room),
    )
    .filtered(),
    does(
        Method::Get,
        "/ws/ai",
        READ,
        "The same, listening to `ai` from the start: figures and events of uses of AI models.",
        Answer::Socket,
        handle!(push::routes::room),
    )
    .filtered(),
    does(
        Method::Get,
        "/ws/alerts",
        READ,
        "The same, listening to `alerts` from the start: alerts of rules as they begin, change and end, and what applications raise.",
        Answer::Socket,
        handle!(push::routes::room),
    )
    .filtered(),
    does(
        Method::Get,
        "/ws/resource/{id}",
        READ,
        "The same, listening to one resource from the start.",
        Answer::Socket,
        handle!(push::routes::resource),
    )
    .parameters(&[required("id", "Number of a resource.")])
    .filtered(),
    does(
        Method::Get,
        "/ws/service/{name}",
        READ,
        "The same, listening to one service from the start.",
        Answer::Socket,
        handle!(push::routes::service),
    )
    .parameters(&[required("name", "Name of a service.")])
    .filtered(),
    does(
        Method::Get,
        "/ws/tenant/{id}",
        READ,
        "The same, listening to one tenant, and seeing nothing else from the start.",
        Answer::Socket,
        handle!(push::routes::tenant),
    )
    .parameters(&[required("id", "Name of a tenant.")])
    .filtered(),
    does(
        Method::Get,
        "/ws/system",
        Least::Monitoring,
        "The same, telling once a second how the collector's own machine is (`system_stats`).",
        Answer::Socket,
        handle!(push::routes::room),
    ),
];
