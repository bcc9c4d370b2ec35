//! Dashboards that people put together.

use super::super::{
    READ, boards,
    route::{Answer, Method, Parameter, Route, does, get, required, shape},
};
use crate::boards::BODY_BYTES_MAX;

const SLUG: &[Parameter] = &[required("slug", "Slug of a dashboard.")];

pub(super) const ROWS: &[Route] = &[
    get(
        "/api/v1/boards",
        READ,
        "One's own dashboards and those that are shared.",
        &[],
        Answer::Json(shape::<boards::BoardList>),
        serve!(boards::list),
    )
    .filtered(),
    does(
        Method::Post,
        "/api/v1/boards",
        READ,
        "Makes a dashboard; a shared one needs the role admin.",
        Answer::Made(shape::<boards::Board>),
        serve!(boards::create),
    )
    .takes(shape::<boards::NewBoard>)
    .body_max(BODY_BYTES_MAX)
    .also(&[409])
    .filtered(),
    does(
        Method::Post,
        "/api/v1/boards/import",
        READ,
        "Makes a dashboard of an exported one.",
        Answer::Made(shape::<boards::Board>),
        serve!(boards::import),
    )
    .takes(shape::<boards::BoardFile>)
    .body_max(BODY_BYTES_MAX)
    .also(&[409])
    .filtered(),
    get(
        "/api/v1/boards/{slug}",
        READ,
        "A dashboard with its widgets.",
        SLUG,
        Answer::Json(shape::<boards::Board>),
        serve!(boards::one),
    )
    .filtered(),
    does(
        Method::Put,
        "/api/v1/boards/{slug}",
        READ,
        "Changes a dashboard; 409 with the code `changed` when somebody else did meanwhile.",
        Answer::Json(shape::<boards::Board>),
        serve!(boards::update),
    )
    .parameters(SLUG)
    .takes(shape::<boards::BoardUpdate>)
    .body_max(BODY_BYTES_MAX)
    .also(&[409])
    .filtered(),
    does(Method::Delete, "/api/v1/boards/{slug}", READ, "Removes a dashboard.", Answer::Nothing, serve!(boards::delete))
        .parameters(SLUG)
        .filtered(),
    get(
        "/api/v1/boards/{slug}/export",
        READ,
        "A dashboard as a file.",
        SLUG,
        Answer::Json(shape::<boards::BoardFile>),
        serve!(boards::export),
    )
    .filtered(),
    does(
        Method::Post,
        "/api/v1/dashboard/widgets",
        READ,
        "Adds a widget to a dashboard; to one's own first one when none is named.",
        Answer::Made(shape::<boards::AddedWidget>),
        serve!(boards::add_widget),
    )
    .takes(shape::<boards::NewWidget>)
    .also(&[404, 409])
    .filtered(),
];
