//! The table of routes: every address of the collector, who may use it at least, what people see there who are bound to a tenant, and
//! what it takes and answers.
//!
//! To add a route, write its handler and a row in the group that it belongs to. The router is made of these rows and of nothing else.

use super::route::Route;

/// A handler that takes the stages and the request.
macro_rules! serve {
    ($handler:path) => {
        |app, request| Box::pin(async move { axum::response::IntoResponse::into_response($handler(app, request).await) })
    };
}

/// A handler that takes what it extracts.
macro_rules! handle {
    ($handler:path) => {
        |app, request| Box::pin(axum::handler::Handler::call($handler, request, app))
    };
}

mod access;
mod act;
mod alerts;
mod applications;
mod boards;
mod channels;
mod dashboard;
mod history;
mod house;
mod live;
mod oidc;
mod outside;
mod rules;

/// The groups, each a list of rows.
const GROUPS: &[&[Route]] = &[
    house::ROWS,
    history::ROWS,
    applications::ROWS,
    outside::ROWS,
    act::ROWS,
    alerts::ROWS,
    dashboard::ROWS,
    boards::ROWS,
    channels::ROWS,
    rules::ROWS,
    live::ROWS,
    access::ROWS,
    oidc::ROWS,
];

/// Every address of the collector but the page's files.
pub fn all() -> impl Iterator<Item = &'static Route> {
    GROUPS.iter().copied().flatten()
}
