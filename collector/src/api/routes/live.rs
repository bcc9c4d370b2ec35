//! The WebSocket.

use super::super::{
    READ,
    route::{Answer, Least, Method, Route, does, required},
};
use crate::push;

pub(super) const ROWS: &[Route] = &[
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
        "The same, listening to `overview` from the start.",
        Answer::Socket,
        handle!(push::routes::dashboard),
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
        "/ws/system",
        Least::Monitoring,
        "The same, telling once a second how the collector's own machine is (`system_stats`).",
        Answer::Socket,
        handle!(push::routes::system),
    ),
];
