//! Errors of the HTTP API as RFC 9457 problem details: one shape for every refusal.

use axum::{
    Json,
    extract::{FromRequest, Request, rejection::JsonRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};

/// A refusal that tells the caller what was wrong. Becomes an `application/problem+json` answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    retry_after_s: Option<u64>,
    code: Option<&'static str>,
    faults: Vec<Fault>,
}

/// One wrong field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Name of the field or parameter.
    pub field: String,
    /// What is wrong with it.
    pub detail: String,
}

/// Most faults that one answer tells.
const FAULTS_MAX: usize = 20;

impl Fault {
    pub(crate) fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    errors: &'a [Fault],
}

impl Problem {
    /// A refusal with a status and a sentence for people. The sentence must hold no secret.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after_s: None, code: None, faults: Vec::new() }
    }

    /// 400: the request cannot be understood.
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401: nobody is signed in, or the token is not accepted.
    #[must_use]
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// 403: known, but not allowed.
    #[must_use]
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404: there is nothing here.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 422: understood, but a field has a value that cannot be accepted.
    #[must_use]
    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// 422 that names every wrong field; its sentence is about the first.
    #[must_use]
    pub fn of_faults(faults: &[Fault]) -> Self {
        let first = faults.first().map(|fault| format!("{}: {}", fault.field, fault.detail)).unwrap_or_default();
        let more = faults.len().saturating_sub(1);
        let detail = if more > 0 { format!("{first} (and {more} more)") } else { first };
        let told = faults.iter().take(FAULTS_MAX);
        told.fold(Self::unprocessable(detail), |problem, fault| problem.field(&fault.field, &fault.detail))
    }

    /// 429: too often; try again after so many seconds.
    #[must_use]
    pub fn too_many(detail: impl Into<String>, retry_after_s: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(retry_after_s)
    }

    /// 503: busy or stopping; try again after so many seconds.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>, retry_after_s: u64) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(retry_after_s)
    }

    /// 500: our fault. The cause belongs into the log, not into the answer.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the collector failed to answer; its log says why")
    }

    /// Adds a `Retry-After` header, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Adds the member `code`: a word for programs that can do something about this refusal.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Adds one wrong field to the member `errors`.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, detail: impl Into<String>) -> Self {
        self.faults.push(Fault { field: field.into(), detail: detail.into() });
        self
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            errors: &self.faults,
        };
        let json = serde_json::to_vec(&body).expect("a struct of strings and numbers serialises");
        let mut response = (self.status, json).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A JSON body, refused with a [`Problem`] when it is not what the handler takes.
#[derive(Debug, Clone, Copy)]
pub struct JsonBody<T>(pub T);

impl<T, S> FromRequest<S> for JsonBody<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let refuse = |rejection: JsonRejection| Problem::new(rejection.status(), rejection.body_text());
        Json::from_request(request, state).await.map(|Json(value)| Self(value)).map_err(refuse)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_problem_is_problem_json_with_its_status_and_headers() {
        let response = Problem::too_many("slow down", 7).field("username", "tried too often").into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["retry-after"], "7");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(json["title"], "Too Many Requests");
        assert_eq!(json["status"], 429);
        assert_eq!(json["detail"], "slow down");
        assert_eq!(json["errors"][0]["field"], "username");
    }

    #[test]
    fn a_401_names_the_scheme() {
        assert_eq!(Problem::unauthorized("sign in").into_response().headers()["www-authenticate"], "Bearer");
    }
}
