//! A vendor that cannot be had here: answers with the shapes that its documentation tells, and can be told to misbehave.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, Response, StatusCode, header},
    middleware::{self, Next},
};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

// One line a vendor.
pub mod analytics;
pub mod aws;
pub mod channels;
pub mod digitalocean;
pub mod oidc;
pub mod rabbitmq;
pub mod railway;
pub mod sentry;
pub mod uptimerobot;
pub mod vercel;

/// Largest body that is remembered or changed, in bytes.
const BODY_MAX: usize = 1 << 20;

/// How it misbehaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Not at all.
    None,
    /// Answers everything with this status and a JSON error.
    Status(u16),
    /// Answers 429, with `Retry-After` in seconds or without.
    Limited(Option<u64>),
    /// Takes requests and never answers.
    Hang,
    /// Sends the first half of each body.
    Truncated,
    /// Turns every number into an object, every list into a text, and every text into a number.
    WrongTypes,
    /// Sends spaces without end.
    Enormous,
    /// Sends bytes that are no text.
    Garbage,
}

/// One request that came.
#[derive(Debug, Clone)]
pub struct Call {
    /// `GET /path?query`.
    pub line: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// A running fake. Ends when it is dropped.
#[derive(Debug)]
pub struct Fake {
    address: SocketAddr,
    switches: Switches,
    serving: JoinHandle<()>,
}

#[derive(Debug, Clone)]
struct Switches(Arc<Mutex<(Fault, Vec<Call>)>>);

impl Switches {
    fn with<T>(&self, act: impl FnOnce(&mut (Fault, Vec<Call>)) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Fake {
    /// Serves `routes` on a free port of the loopback interface.
    pub async fn start(routes: Router) -> Self {
        let switches = Switches(Arc::new(Mutex::new((Fault::None, Vec::new()))));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = routes.layer(middleware::from_fn_with_state(switches.clone(), misbehave));
        let serving = tokio::spawn(async move { axum::serve(listener, served).await.unwrap() });
        Self { address, switches, serving }
    }

    /// Its address, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes it misbehave from now on.
    pub fn set(&self, fault: Fault) {
        self.switches.with(|(current, _)| *current = fault);
    }

    /// What was asked so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.switches.with(|(_, calls)| calls.clone())
    }

    /// Forgets what was asked.
    pub fn forget(&self) {
        self.switches.with(|(_, calls)| calls.clear());
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn misbehave(State(switches): State<Switches>, request: Request, next: Next) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = read(body).await;
    // A careless system quotes what was sent to it.
    let sent = parts.headers.values().map(|value| value.as_bytes()).chain([&body[..]]).map(String::from_utf8_lossy);
    let quoted: String = sent.filter(|text| text.contains("s3cr3t")).collect();
    let call = Call { line: format!("{} {}", parts.method, parts.uri), headers: parts.headers.clone(), body: body.clone() };
    let fault = switches.with(|(fault, calls)| {
        calls.push(call);
        fault.clone()
    });
    let answer = |status: StatusCode| {
        let told = format!("told to fail by {quoted}");
        let error = serde_json::json!({ "detail": told, "message": told }).to_string();
        Response::builder().status(status).header(header::CONTENT_TYPE, "application/json").body(Body::from(error)).unwrap()
    };
    match fault {
        Fault::Hang => std::future::pending().await,
        Fault::Status(status) => answer(StatusCode::from_u16(status).unwrap()),
        Fault::Limited(wait) => {
            let mut limited = answer(StatusCode::TOO_MANY_REQUESTS);
            if let Some(wait) = wait {
                limited.headers_mut().insert(header::RETRY_AFTER, wait.into());
            }
            limited
        }
        Fault::Enormous => {
            let spaces = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 65_536])));
            Response::new(Body::from_stream(spaces))
        }
        Fault::Garbage => Response::new(Body::from(vec![0xff, 0x00, 0xfe, b'{', 0x80])),
        Fault::None => next.run(Request::from_parts(parts, Body::from(body))).await,
        Fault::Truncated | Fault::WrongTypes => {
            let (mut head, whole) = next.run(Request::from_parts(parts, Body::from(body))).await.into_parts();
            let whole = read(whole).await;
            head.headers.remove(header::CONTENT_LENGTH);
            let changed = if fault == Fault::Truncated { whole.slice(..whole.len() / 2) } else { wrong_types(&whole) };
            Response::from_parts(head, Body::from(changed))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the collector's capped reader is its own; the cap is given here")]
async fn read(body: Body) -> Bytes {
    axum::body::to_bytes(body, BODY_MAX).await.unwrap_or_default()
}

fn wrong_types(body: &[u8]) -> Bytes {
    fn twist(value: Value) -> Value {
        match value {
            Value::Number(_) => serde_json::json!({ "wrong": true }),
            Value::Array(_) => Value::from("wrong"),
            Value::String(_) => Value::from(7),
            Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, twist(value))).collect(),
            other @ (Value::Null | Value::Bool(_)) => other,
        }
    }
    let value = serde_json::from_slice(body).map_or(Value::from("wrong"), twist);
    Bytes::from(value.to_string())
}

/// Longest that a test waits for something a fake was asked.
pub const WAIT: Duration = Duration::from_secs(30);
