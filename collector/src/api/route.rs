//! A row of the table of routes: what a route is, and short ways to write the usual ones.

use std::{future::Future, pin::Pin};

use axum::{extract::Request, response::Response};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use super::App;
use crate::access::Role;

/// HTTP methods in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Changes.
    Post,
}

/// Who may use a route at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Least {
    /// Everybody.
    Nobody,
    /// An agent with its token.
    Agent,
    /// A person with at least this role.
    Role(Role),
    /// A person of any role, or an agent: a scraper of `/metrics`.
    PersonOrAgent,
}

/// One parameter of a route.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Name, in the path when the path has it in braces, else in the query.
    pub name: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// One sentence.
    pub meaning: &'static str,
}

pub(super) const fn optional(name: &'static str, meaning: &'static str) -> Parameter {
    Parameter { name, required: false, meaning }
}

pub(super) const fn required(name: &'static str, meaning: &'static str) -> Parameter {
    Parameter { name, required: true, meaning }
}

/// What a route answers.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// JSON of this shape: its name, and a function that lists it and all that it holds.
    Json(Shape),
    /// JSON of an integration's instance: the common part, with the fields of one of these shapes beside it once there are any.
    Instanced(&'static [Shape]),
    /// JSON of a shape that is told by the summary.
    AnyJson,
    /// Something else.
    Media(&'static str),
    /// 204.
    Nothing,
    /// 101: a WebSocket.
    Socket,
}

/// Named schemas of the document.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// Lists a shape and all that it holds, and tells its name.
pub type Shape = fn(&mut Schemas) -> String;

/// What a handler gives back: its answer, later.
pub type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Method.
    pub method: Method,
    /// Path with parameters in braces.
    pub path: &'static str,
    /// Who may use it at least.
    pub least: Least,
    /// One sentence.
    pub summary: &'static str,
    /// What it takes.
    pub parameters: &'static [Parameter],
    /// What it answers.
    pub answer: Answer,
    /// Its handler; `None` when another module's router serves it.
    pub serve: Option<fn(App, Request) -> Answering>,
}

pub(super) fn shape<T: ToSchema>(schemas: &mut Schemas) -> String {
    let name = T::name().into_owned();
    T::schemas(schemas);
    schemas.push((name.clone(), T::schema()));
    name
}

pub(super) const fn get(
    path: &'static str,
    least: Least,
    summary: &'static str,
    parameters: &'static [Parameter],
    answer: Answer,
    serve: Option<fn(App, Request) -> Answering>,
) -> Route {
    Route { method: Method::Get, path, least, summary, parameters, answer, serve }
}

/// What changes something: it takes a JSON object, which the summary tells.
pub(super) const fn post(
    path: &'static str,
    least: Role,
    summary: &'static str,
    answer: Answer,
    serve: Option<fn(App, Request) -> Answering>,
) -> Route {
    Route { method: Method::Post, path, least: Least::Role(least), summary, parameters: &[], answer, serve }
}

pub(super) const fn elsewhere(method: Method, path: &'static str, least: Least, summary: &'static str, answer: Answer) -> Route {
    Route { method, path, least, summary, parameters: &[], answer, serve: None }
}
