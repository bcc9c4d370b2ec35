//! Answers of the HTTP listener: what was taken, and why something was not, in the form that the sender understands.
//!
//! Senders of OTLP get a `google.rpc.Status` in their own encoding; everybody else RFC 9457 problem details.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER},
};
use serde_json::{Map, Value};

use super::super::{
    items::Refused,
    otlp::{self, Encoding},
};

/// The form of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `application/problem+json`.
    Problem,
    /// `google.rpc.Status`.
    Status(Encoding),
}

impl Style {
    /// The form for whoever sends this.
    pub(super) fn of(path: &str, headers: &HeaderMap) -> Self {
        match super::media_type(headers).as_str() {
            "application/x-protobuf" | "application/protobuf" => Self::Status(Encoding::Protobuf),
            "application/json" if path == "/v1/traces" => Self::Status(Encoding::Json),
            _ => Self::Problem,
        }
    }
}

/// Why something was not taken.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    detail: String,
    header: Option<(HeaderName, &'static str)>,
    /// Place and field of the item that is wrong.
    place: Option<(usize, String)>,
}

impl Failure {
    /// A refusal with a sentence for people.
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), header: None, place: None }
    }

    /// Adds a header.
    pub(super) fn header(self, name: HeaderName, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// Says to try again in a second.
    pub(super) fn retry_soon(self) -> Self {
        self.header(RETRY_AFTER, "1")
    }

    /// Says what is wrong with a body of Farol's own JSON.
    pub(super) fn refused(refused: Refused) -> Self {
        let status = match &refused {
            Refused::Syntax(_) => StatusCode::BAD_REQUEST,
            Refused::Shape(_) | Refused::Item { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let detail = format!("Nothing was taken: {refused}.");
        let place = if let Refused::Item { index, fault, .. } = refused { Some((index, fault.field.into_owned())) } else { None };
        Self { place, ..Self::new(status, detail) }
    }

    /// The refusal as an answer.
    pub(super) fn response(self, style: Style) -> Response<Full<Bytes>> {
        let (content_type, body) = match style {
            Style::Problem => ("application/problem+json", self.problem().into()),
            Style::Status(encoding) => {
                let body = otlp::status(encoding, code_of(self.status), &self.detail);
                (content_type_of(encoding), body.into())
            }
        };
        let mut response = answer(self.status, content_type, body);
        response.headers_mut().extend(self.header.map(|(name, value)| (name, HeaderValue::from_static(value))));
        response
    }

    fn problem(&self) -> String {
        let mut problem = Map::new();
        problem.insert("type".to_owned(), "about:blank".into());
        problem.insert("title".to_owned(), self.status.canonical_reason().unwrap_or("Error").into());
        problem.insert("status".to_owned(), self.status.as_u16().into());
        problem.insert("detail".to_owned(), self.detail.as_str().into());
        if let Some((index, field)) = &self.place {
            problem.insert("index".to_owned(), (*index).into());
            if !field.is_empty() {
                problem.insert("field".to_owned(), field.as_str().into());
            }
        }
        Value::Object(problem).to_string()
    }
}

/// A JSON answer.
pub(super) fn json(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    answer(status, "application/json", body.into())
}

/// The answer to OTLP that was taken.
pub(super) fn otlp(encoding: Encoding, body: Vec<u8>) -> Response<Full<Bytes>> {
    answer(StatusCode::OK, content_type_of(encoding), body.into())
}

fn answer(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

const fn content_type_of(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    }
}

/// The code of `google.rpc.Code` that says the same.
fn code_of(status: StatusCode) -> u32 {
    match status {
        StatusCode::FORBIDDEN => 7,
        StatusCode::NOT_FOUND => 5,
        StatusCode::METHOD_NOT_ALLOWED => 12,
        StatusCode::SERVICE_UNAVAILABLE => 14,
        StatusCode::REQUEST_TIMEOUT => 4,
        StatusCode::PAYLOAD_TOO_LARGE => 8,
        _ => 3,
    }
}
