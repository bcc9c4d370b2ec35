//! Everything that is told of alerts by HTTP: records what comes, answers as each system documents, and fails in turn.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::Fake;

/// How one request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// As it should be.
    Fine,
    /// With this status and text.
    Status(u16, String),
    /// 429, with `Retry-After` in seconds.
    Limited(u64),
    /// Never.
    Hang,
    /// 200, and the connection is cut in the middle of the answer: the message was taken.
    Cut,
}

/// What came, and how it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Path and query.
    pub path: String,
    /// `Idempotency-Key`, or the field of the body that is as good.
    pub key: Option<String>,
    /// The body, as JSON.
    pub body: Value,
    /// How it was answered.
    pub turn: Turn,
}

/// The fake, and what to make of it.
#[derive(Debug)]
pub struct Channels {
    /// Its address, and the requests as they came.
    pub fake: Fake,
    inner: Inner,
}

#[derive(Debug, Clone)]
struct Inner(Arc<Mutex<(VecDeque<Turn>, Vec<Told>)>>);

impl Inner {
    fn with<T>(&self, act: impl FnOnce(&mut (VecDeque<Turn>, Vec<Told>)) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Channels {
    /// Starts it; every path answers as the system whose path it is.
    pub async fn start() -> Self {
        let inner = Inner(Arc::default());
        let fake = Fake::start(Router::new().fallback(answer).with_state(inner.clone())).await;
        Self { fake, inner }
    }

    /// Address of one of its paths.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.fake.url())
    }

    /// Answers the next requests so, one after the other; fine after them.
    pub fn next(&self, turns: impl IntoIterator<Item = Turn>) {
        self.inner.with(|(waiting, _)| waiting.extend(turns));
    }

    /// What came so far.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        self.inner.with(|(_, told)| told.clone())
    }

    /// Keys of what was taken, each once, in the order of their first coming: what a system that knows keys shows.
    #[must_use]
    pub fn taken(&self) -> Vec<String> {
        let mut keys = Vec::new();
        for told in self.told().iter().filter(|told| matches!(told.turn, Turn::Fine | Turn::Cut)) {
            let key = told.key.clone().unwrap_or_default();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }
}

async fn answer(State(inner): State<Inner>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = super::read(body).await;
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    let key = parts.headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let key = key.or_else(|| json["dedup_key"].as_str().map(str::to_owned));
    let path = parts.uri.to_string();
    let turn = inner.with(|(waiting, told)| {
        let turn = waiting.pop_front().unwrap_or(Turn::Fine);
        told.push(Told { path: path.clone(), key, body: json, turn: turn.clone() });
        turn
    });
    match turn {
        Turn::Fine => fine(&path),
        Turn::Status(status, text) => (StatusCode::from_u16(status).unwrap(), text).into_response(),
        Turn::Limited(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds.to_string())], "rate_limited").into_response()
        }
        Turn::Hang => std::future::pending().await,
        Turn::Cut => {
            let broken = futures_util::stream::iter([Ok(Bytes::from_static(b"o")), Err(std::io::Error::other("cut"))]);
            Response::builder().header(header::CONTENT_LENGTH, 100).body(Body::from_stream(broken)).unwrap()
        }
    }
}

/// What each system answers when all is well.
fn fine(path: &str) -> Response {
    let json = |status: u16, body: Value| (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response();
    match path {
        path if path.starts_with("/services/") => "ok".into_response(),
        path if path.starts_with("/api/webhooks/") => json(200, json!({ "id": "1", "type": 0 })),
        path if path.starts_with("/bot") => json(200, json!({ "ok": true, "result": { "message_id": 42 } })),
        "/v2/enqueue" => json(202, json!({ "status": "success", "message": "Event processed" })),
        path if path.ends_with("/messages") => json(200, json!({ "messages": [{ "id": "wamid.1" }] })),
        path if path.starts_with("/message/sendText/") || path == "/api/sendText" => json(201, json!({ "status": "PENDING" })),
        path if path.starts_with("/workflows/") => StatusCode::ACCEPTED.into_response(),
        "/" => json(200, json!({ "id": "x", "event": "message" })),
        _ => StatusCode::OK.into_response(),
    }
}
