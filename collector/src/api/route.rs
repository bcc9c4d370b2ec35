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
    /// Makes something, or does something.
    Post,
    /// Replaces something.
    Put,
    /// Changes a part of something.
    Patch,
    /// Removes something.
    Delete,
}

impl Method {
    /// Its word in the document of the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
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
    /// A person with at least the role of the setting `access.monitoring_role`.
    Monitoring,
    /// A person of any role, or an agent: a scraper of `/metrics`.
    PersonOrAgent,
}

/// What somebody gets who is bound to a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// 403: the route is about the whole house.
    Refused,
    /// What belongs to the tenant, or what belongs to the person: the handler asks [`crate::access::View::of`], or who is calling.
    Filtered,
}

/// What a route takes as its body.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// None.
    Nothing,
    /// JSON of this shape.
    Json(Shape),
    /// Something else.
    Media(&'static str),
}

/// Largest body of a route that says nothing else, in bytes: names, a password, a reason.
pub const BODY_BYTES_MAX: usize = 32 << 10;

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
    /// 201, and JSON of this shape: what was made.
    Made(Shape),
    /// JSON of an integration's instance: the common part, with the fields of one of these shapes beside it once there are any.
    Instanced(&'static [Shape]),
    /// JSON of a shape that is told by the summary.
    AnyJson,
    /// Something else.
    Media(&'static str),
    /// A file in the one of these formats that was asked for.
    File(&'static [&'static str]),
    /// 204.
    Nothing,
    /// 302: the browser goes on elsewhere.
    Redirect,
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
    /// What somebody gets who is bound to a tenant.
    pub bound: Bound,
    /// One sentence.
    pub summary: &'static str,
    /// What it takes.
    pub parameters: &'static [Parameter],
    /// What it takes as its body.
    pub takes: Takes,
    /// Largest body, in bytes.
    pub body_max: usize,
    /// What it answers.
    pub answer: Answer,
    /// Further statuses that it answers, beside those that follow from the rest of the row.
    pub also: &'static [u16],
    /// Its handler.
    pub serve: Serve,
}

/// A handler as the table holds it.
pub type Serve = fn(App, Request) -> Answering;

impl Route {
    /// Shows people who are bound to a tenant what belongs to it, or to them.
    pub(super) const fn filtered(mut self) -> Self {
        self.bound = Bound::Filtered;
        self
    }

    /// Takes JSON of this shape.
    pub(super) const fn takes(mut self, shape: Shape) -> Self {
        self.takes = Takes::Json(shape);
        self
    }

    /// Answers these statuses as well.
    pub(super) const fn also(mut self, also: &'static [u16]) -> Self {
        self.also = also;
        self
    }

    /// Takes these parameters.
    pub(super) const fn parameters(mut self, parameters: &'static [Parameter]) -> Self {
        self.parameters = parameters;
        self
    }

    /// Takes a body of at most so many bytes.
    pub(super) const fn body_max(mut self, bytes: usize) -> Self {
        self.body_max = bytes;
        self
    }
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
    serve: Serve,
) -> Route {
    Route { parameters, ..does(Method::Get, path, least, summary, answer, serve) }
}

/// What changes something for people of a role.
pub(super) const fn post(path: &'static str, least: Role, summary: &'static str, answer: Answer, serve: Serve) -> Route {
    does(Method::Post, path, Least::Role(least), summary, answer, serve)
}

pub(super) const fn does(
    method: Method,
    path: &'static str,
    least: Least,
    summary: &'static str,
    answer: Answer,
    serve: Serve,
) -> Route {
    let (bound, takes) = (Bound::Refused, Takes::Nothing);
    Route { method, path, least, bound, summary, parameters: &[], takes, body_max: BODY_BYTES_MAX, answer, also: &[], serve }
}
