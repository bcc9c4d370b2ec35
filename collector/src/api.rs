//! The HTTP API: one table of routes, from which the router, the roles and the OpenAPI document are made.
//!
//! In: requests. Out: JSON, or a problem that names what was wrong.
//!
//! Invariants: a route lets in nobody below its least role, by the table and not by its own care; whatever reads history
//! or lists thousands of things runs beside the runtime.
//!
//! Bounded: questions answered at once ([`QUESTIONS_MAX`]) and waiting ([`QUESTIONS_WAITING_MAX`], then 503).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef, FromRequestParts as _, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::MethodRouter,
};
use farol_shared::clock::Clock;
use farol_store::Store;
use serde::Serialize;
use tokio::sync::Semaphore;
use tower_http::{
    CompressionLevel,
    compression::{CompressionLayer, predicate::SizeAbove},
};

use crate::{
    access::{Access, AgentAuth, Person, Role, View},
    act::Act,
    alert,
    export::Exports,
    ingest::Ingest,
    live::Live,
    notify::Channels,
    page,
    problem::Problem,
    pull::Pull,
    push::Push,
    run::tls::Tls,
    self_watch::Own,
    service::Services,
};

pub mod act;
pub mod alerts;
pub mod audit;
pub mod boards;
mod caller;
pub mod channels;
pub mod checks;
pub mod compare;
pub mod completeness;
pub mod dashboard;
pub mod document;
pub mod errors;
pub mod events;
pub mod export;
pub mod figures;
pub mod history;
pub mod integrations;
pub mod keys;
pub mod logs;
pub mod monitoring;
pub mod named;
pub mod overview;
pub mod parameters;
pub mod query;
pub mod records;
pub mod requests;
pub mod resources;
pub mod route;
pub mod routes;
pub mod rules;
pub mod series;
pub mod visible;

use route::{Answer, Bound, Least, Method, Route};

/// Most questions answered at once. Each is bound by the processor; more at once only take more memory.
pub const QUESTIONS_MAX: usize = 8;

/// Most questions that wait for their turn.
pub const QUESTIONS_WAITING_MAX: usize = 256;

/// Shortest answer that is compressed, in bytes: below it a packet or two are saved, and the time is lost.
const COMPRESSED_BYTES_MIN: u16 = 8 << 10;

/// What the routes need. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App(Arc<Parts>);

/// The stages, and what is known of the process.
#[derive(Debug)]
pub struct Parts {
    /// History.
    pub store: Store,
    /// Newest values.
    pub live: Arc<Live>,
    /// What services add up to.
    pub services: Services,
    /// What is asked of other systems.
    pub pull: Pull,
    /// Rooms.
    pub push: Push,
    /// The door.
    pub ingest: Ingest,
    /// Accounts and tokens.
    pub access: Access,
    /// What changes other systems.
    pub act: Act,
    /// Rules of alerts, and what stands.
    pub alert: alert::Shown,
    /// Who is told of alerts.
    pub channels: Channels,
    /// Files under way.
    pub exports: Exports,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// The collector's own agent.
    pub own: Own,
    /// The collector's own TLS.
    pub tls: Option<Tls>,
    /// When the process started, in milliseconds since the epoch.
    pub started_ms: i64,
}

/// Turns for questions that read history. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Turns(Arc<(Semaphore, AtomicUsize)>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new((Semaphore::new(QUESTIONS_MAX), AtomicUsize::new(0))))
    }
}

impl Turns {
    /// The turns that the router handed to a request.
    pub(crate) fn of(request: &Request) -> Result<Self, Problem> {
        request.extensions().get::<Self>().cloned().ok_or_else(Problem::internal)
    }

    /// Answers a question beside the runtime, when its turn comes.
    ///
    /// # Errors
    /// 503 when too many wait already, and what `answer` says.
    pub(crate) async fn aside<T, F>(&self, answer: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Problem> + Send + 'static,
    {
        let _place = Place::take(&self.0.1)?;
        self.patiently(answer).await?
    }

    /// The same for who is not one of many: waits however many wait.
    ///
    /// # Errors
    /// 500 when `work` ended in a panic.
    pub(crate) async fn patiently<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let _turn = self.0.0.acquire().await.map_err(|_| Problem::internal())?;
        tokio::task::spawn_blocking(work).await.map_err(|_| Problem::internal())
    }
}

impl App {
    /// The state of the routes.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The stages.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.0
    }

    /// Now, in milliseconds since the epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.0.clock.now_ms()
    }
}

impl FromRef<App> for Access {
    fn from_ref(app: &App) -> Self {
        app.0.access.clone()
    }
}

impl FromRef<App> for Push {
    fn from_ref(app: &App) -> Self {
        app.0.push.clone()
    }
}

impl FromRef<App> for Ingest {
    fn from_ref(app: &App) -> Self {
        app.0.ingest.clone()
    }
}

/// The whole HTTP surface of the collector.
pub fn router(app: App) -> Router {
    let turns = Turns::default();
    let mut router = Router::new();
    for route in routes::all() {
        let serve = route.serve;
        let answer = move |State(app): State<App>, request: Request| serve(app, request);
        let methods: MethodRouter<App> = match route.method {
            Method::Get => axum::routing::get(answer),
            Method::Post => axum::routing::post(answer),
            Method::Put => axum::routing::put(answer),
            Method::Patch => axum::routing::patch(answer),
            Method::Delete => axum::routing::delete(answer),
        };
        let methods = match (route.least, route.answer) {
            // Agents are told apart by the handler. A listener may say who it is in its first message.
            (Least::Nobody | Least::Agent, _) | (_, Answer::Socket) => methods,
            _ => methods.route_layer(middleware::from_fn_with_state((app.clone(), route), guard)),
        };
        let methods = methods.layer(DefaultBodyLimit::max(route.body_max));
        // Long answers of questions and files. What changes something answers briefly, and may answer a secret, which must not be
        // compressed beside what a stranger chose.
        let methods = match (route.method, route.answer) {
            (Method::Get, answer) if !matches!(answer, Answer::Socket) => methods.layer(compression()),
            _ => methods,
        };
        router = router.route(route.path, methods);
    }
    router
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(page::fallback)
        .layer(middleware::map_response(page::harden))
        .layer(axum::Extension(turns))
        .with_state(app)
}

/// Answers longer than [`COMPRESSED_BYTES_MIN`], for those who take gzip.
fn compression() -> CompressionLayer<SizeAbove> {
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(SizeAbove::new(COMPRESSED_BYTES_MIN))
}

/// Lets in nobody below a route's least role, nor where a tenant has no part. Notes for the handler who comes and what they see.
async fn guard(State((app, route)): State<(App, &'static Route)>, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let view = match Person::from_request_parts(&mut parts, &app).await {
        Ok(person) => {
            match route.least {
                Least::Role(least) => person.require(least)?,
                Least::Monitoring => person.require(app.0.access.monitoring_role())?,
                Least::Nobody | Least::Agent | Least::PersonOrAgent => {}
            }
            let view = person.view.clone();
            parts.extensions.insert(person);
            view
        }
        // A scraper comes with an agent token.
        Err(problem) if route.least == Least::PersonOrAgent => {
            let agent = AgentAuth::from_request_parts(&mut parts, &app).await.map_err(|_| problem)?;
            View::of_tenant(agent.tenant.as_ref())
        }
        Err(problem) => return Err(problem),
    };
    if let (Bound::Refused, View::Tenant(tenant)) = (route.bound, &view) {
        let detail = format!("this is about the whole house; this account is bound to the tenant {tenant}");
        return Err(Problem::forbidden(detail).code("bound_to_tenant"));
    }
    parts.extensions.insert(view);
    Ok(next.run(Request::from_parts(parts, body)).await)
}

async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this address does not take this method; the header Allow names those it takes")
}

/// Answers a question beside the runtime, when its turn comes.
///
/// # Errors
/// 503 when too many wait already, and what `answer` says.
pub(crate) fn aside<T, F>(request: &Request, answer: F) -> impl Future<Output = Result<T, Problem>> + Send + use<T, F>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Problem> + Send + 'static,
{
    let turns = Turns::of(request);
    async move { turns?.aside(answer).await }
}

/// A place in the queue of questions.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, Problem> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= QUESTIONS_WAITING_MAX {
            return Err(Problem::unavailable("too many questions are waiting", 1));
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// JSON that no cache keeps: it is about now.
pub(crate) fn json<T: Serialize>(value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => json_bytes(bytes),
        Err(error) => {
            tracing::error!(target: "api", error = %error, "answer could not be written");
            Problem::internal().into_response()
        }
    }
}

/// The same, already written.
pub(crate) fn json_bytes(bytes: Vec<u8>) -> Response {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// 201 with what was made.
pub(crate) fn created<T: Serialize>(what: &T) -> Response {
    let mut response = json(what);
    if response.status().is_success() {
        *response.status_mut() = StatusCode::CREATED;
    }
    response
}

/// 204: it is done, and there is nothing to tell.
pub(crate) fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// A problem of the store, told to the caller as far as the caller can do something about it.
pub(crate) fn store_problem(error: &farol_store::QueryError) -> Problem {
    use farol_store::QueryError;
    match error {
        QueryError::Invalid(_) => Problem::bad_request(error.to_string()),
        QueryError::TooManyPoints { .. } => Problem::bad_request(error.to_string()).field("step", "too short for this range"),
        QueryError::TooManySeries { .. } => Problem::bad_request(error.to_string()).field("resource", "matches too many series"),
        QueryError::Sqlite(_) | QueryError::Damaged { .. } => {
            tracing::error!(target: "api", error = %farol_shared::report::chain(error), "history could not be read");
            Problem::internal()
        }
    }
}

/// Least role of reading.
pub(crate) const READ: Least = Least::Role(Role::Viewer);
