//! Vercel: the list of deployments.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::Query,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use super::Fake;

/// The token.
pub const TOKEN: &str = "s3cr3t-vercel";

/// Starts it with one project, `prj_shop`, that has a deployment being built, one ready and one that failed; an empty one,
/// `prj_new`; and one whose limit is used up until 1795237710, `prj_busy`.
pub async fn start() -> Fake {
    Fake::start(Router::new().route("/v6/deployments", get(deployments))).await
}

async fn deployments(headers: HeaderMap, Query(asked): Query<BTreeMap<String, String>>) -> Response {
    let refused = |status: StatusCode, code: &str, message: &str| {
        (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
    };
    if headers.get("authorization").is_none_or(|token| token != format!("Bearer {TOKEN}").as_str()) {
        return refused(StatusCode::FORBIDDEN, "forbidden", "Not authorized");
    }
    if asked.get("teamId").is_some_and(|team| team != "team_acme") {
        return refused(StatusCode::FORBIDDEN, "forbidden", "Not authorized: team");
    }
    let one = |uid: &str, state: &str, created: i64| {
        json!({ "uid": uid, "name": "shop", "url": format!("shop-{uid}.vercel.app"), "state": state, "readyState": state,
                "created": created, "createdAt": created, "target": asked.get("target"), "meta": { "githubCommitRef": "main" } })
    };
    let found = match asked.get("projectId").map(String::as_str) {
        Some("prj_shop") => vec![
            one("c", "BUILDING", 1_795_237_600_000),
            one("b", "READY", 1_795_237_000_000),
            one("a", "ERROR", 1_795_236_000_000),
        ],
        Some("prj_new") => Vec::new(),
        Some("prj_busy") => {
            let limited = refused(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests");
            return ([("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795237710")], limited).into_response();
        }
        _ => return refused(StatusCode::NOT_FOUND, "not_found", "Project not found"),
    };
    let limits = [("x-ratelimit-limit", "500"), ("x-ratelimit-remaining", "499"), ("x-ratelimit-reset", "1795237700")];
    (limits, Json(json!({ "deployments": found, "pagination": { "count": found.len(), "next": null, "prev": null } })))
        .into_response()
}
