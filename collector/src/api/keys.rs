//! `GET /api/auth/jwks.json`: the public key of our own tokens.

use axum::{extract::Request, response::Response};

use super::{App, json};

/// Answers the key as a set.
pub(super) async fn published(app: App, _request: Request) -> Response {
    json(&app.parts().access.published_keys())
}
