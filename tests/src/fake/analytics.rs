//! Fakes of Plausible, Fathom and Umami: their live counts as their documentation writes them.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

/// The key, token or password that is accepted everywhere.
pub const SECRET: &str = "s3cr3t-analytics";

/// Identifier of the website in Umami.
pub const WEBSITE: &str = "4fb7fa4c-5b46-438d-94b3-3a8fb9bc2e8b";

type Asked = Query<Vec<(String, String)>>;

fn has(headers: &HeaderMap, name: &str, value: &str) -> bool {
    headers.get(name).is_some_and(|sent| sent == value)
}

fn asks(asked: &[(String, String)], key: &str, value: &str) -> bool {
    asked.iter().any(|(name, asked)| name == key && asked == value)
}

/// Plausible with the site `example.com` and seven visitors; `lacks_plan` makes it answer as to a plan without the Stats API.
pub fn plausible(lacks_plan: bool) -> Router {
    let answer = move |Query(asked): Asked, headers: HeaderMap| async move {
        if lacks_plan {
            let error = json!({"error": "The account that owns this API key does not have access to Stats API."});
            return (StatusCode::PAYMENT_REQUIRED, Json(error)).into_response();
        }
        if !has(&headers, "authorization", &format!("Bearer {SECRET}")) || !asks(&asked, "site_id", "example.com") {
            let error = json!({"error": "Invalid API key or site ID. Please make sure you're using a valid API key."});
            return (StatusCode::UNAUTHORIZED, Json(error)).into_response();
        }
        // One digit: half of a longer bare number would be another number.
        Json(7).into_response()
    };
    Router::new().route("/api/v1/stats/realtime/visitors", get(answer)).route("/moved/visitors", get(answer))
}

/// Fathom with the site `ABCDE`.
pub fn fathom() -> Router {
    let answer = |Query(asked): Asked, headers: HeaderMap| async move {
        if !has(&headers, "authorization", &format!("Bearer {SECRET}")) {
            return (StatusCode::UNAUTHORIZED, Json(json!({"error": "Unauthenticated."}))).into_response();
        }
        if !asks(&asked, "site_id", "ABCDE") || !asks(&asked, "detailed", "true") {
            return (StatusCode::NOT_FOUND, Json(json!({"error": "not found"}))).into_response();
        }
        Json(json!({"total": 12,
            "content": [{"hostname": "https://x.com", "pathname": "/", "total": "4"},
                        {"hostname": "https://x.com", "pathname": "/prices", "total": "8"}],
            "referrers": [{"referrer_hostname": "https://y.com", "referrer_pathname": "/", "total": "2"}]}))
        .into_response()
    };
    Router::new().route("/v1/current_visitors", get(answer))
}

/// How Umami is.
#[derive(Debug)]
pub struct Umami {
    /// What it answers, as its version does.
    pub told: Mutex<Value>,
    /// Logins so far; the newest token is the only one that is taken.
    pub logins: AtomicUsize,
}

impl Umami {
    /// One of these days, with five visitors.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { told: Mutex::new(json!({"visitors": 5})), logins: AtomicUsize::new(0) })
    }

    /// Makes every token invalid.
    pub fn end_tokens(&self) {
        self.logins.fetch_add(1, Ordering::SeqCst);
    }

    /// Its routes, those of one's own and those of the cloud.
    pub fn routes(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/api/auth/login", post(log_in))
            .route("/api/websites/{website}/active", get(active))
            .route("/v1/websites/{website}/active", get(active))
            .with_state(Arc::clone(self))
    }
}

async fn log_in(State(umami): State<Arc<Umami>>, Json(login): Json<Value>) -> Response {
    if login != json!({"username": "farol", "password": SECRET}) {
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": {"message": "Incorrect username and/or password."}})))
            .into_response();
    }
    let token = umami.logins.fetch_add(1, Ordering::SeqCst) + 1;
    Json(json!({"token": format!("s3cr3t-token-{token}"), "user": {"username": "farol", "role": "view-only"}})).into_response()
}

async fn active(State(umami): State<Arc<Umami>>, Path(website): Path<String>, headers: HeaderMap) -> Response {
    let token = format!("Bearer s3cr3t-token-{}", umami.logins.load(Ordering::SeqCst));
    if !has(&headers, "authorization", &token) && !has(&headers, "x-umami-api-key", SECRET) {
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": {"message": "Unauthorized"}}))).into_response();
    }
    if website != WEBSITE {
        return (StatusCode::NOT_FOUND, Json(json!({"error": {"message": "Not found"}}))).into_response();
    }
    Json(umami.told.lock().unwrap().clone()).into_response()
}
