//! RabbitMQ's management API, with the answers that RabbitMQ 3.10 gave.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Query, Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// What sort of broker it is.
#[derive(Debug, Clone)]
pub struct Broker {
    /// Knows no paging: answers a bare list, whatever is asked.
    pub is_bare: bool,
    /// The user has the tag `management` only.
    pub is_nodes_refused: bool,
    /// The user may read no virtual host.
    pub is_blind: bool,
    /// How many queues there are; `None` for those that were recorded.
    pub queues: Option<usize>,
    /// Health checks that fail; all others are well, but those of RabbitMQ 4, which are not offered.
    pub failing: Vec<&'static str>,
    /// It never finishes a list with statistics.
    pub is_full_endless: bool,
    /// How long each health check takes.
    pub health_takes: Duration,
    /// `Authorization` that is let in.
    pub authorization: String,
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            is_bare: false,
            is_nodes_refused: false,
            is_blind: false,
            queues: None,
            failing: Vec::new(),
            is_full_endless: false,
            health_takes: Duration::ZERO,
            // guest:s3cr3t
            authorization: "Basic Z3Vlc3Q6czNjcjN0".to_owned(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Paging {
    page: usize,
    page_size: usize,
    disable_stats: bool,
}

impl Default for Paging {
    fn default() -> Self {
        Self { page: 1, page_size: 100, disable_stats: false }
    }
}

/// Its routes.
pub fn routes(broker: Broker) -> Router {
    Router::new()
        .route("/api/overview", get(overview))
        .route("/api/queues", get(queues))
        .route("/api/queues/{vhost}", get(queues))
        .route("/api/nodes", get(nodes))
        .route("/api/health/checks/{check}", get(health))
        .layer(middleware::from_fn_with_state(broker.clone(), login))
        .with_state(broker)
}

async fn login(State(broker): State<Broker>, request: Request, next: Next) -> Response {
    let given = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if given == Some(&broker.authorization) {
        return next.run(request).await;
    }
    refused("not_authorized", "Login failed")
}

fn refused(error: &str, reason: &str) -> Response {
    (StatusCode::UNAUTHORIZED, Json(json!({ "error": error, "reason": reason }))).into_response()
}

fn recorded(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

async fn overview(State(broker): State<Broker>) -> Json<Value> {
    let mut overview = recorded(include_str!("../../../collector/src/pull/rabbitmq/fixtures/overview.json"));
    if let Some(queues) = broker.queues {
        overview["object_totals"]["queues"] = queues.into();
    }
    Json(overview)
}

async fn nodes(State(broker): State<Broker>) -> Response {
    if broker.is_nodes_refused {
        return refused("not_authorised", "Not monitor user");
    }
    Json(recorded(include_str!("../../../collector/src/pull/rabbitmq/fixtures/nodes.json"))).into_response()
}

async fn health(State(broker): State<Broker>, axum::extract::Path(check): axum::extract::Path<String>) -> Response {
    tokio::time::sleep(broker.health_takes).await;
    match check.as_str() {
        name if broker.failing.contains(&name) => {
            let alarms = json!([{ "node": "rabbit@one", "resource": "memory" }]);
            let told = json!({ "status": "failed", "reason": "There are alarms in effect in the cluster", "alarms": alarms });
            (StatusCode::SERVICE_UNAVAILABLE, Json(told)).into_response()
        }
        "alarms" | "local-alarms" | "virtual-hosts" | "node-is-quorum-critical" => {
            Json(json!({ "status": "ok" })).into_response()
        }
        _ => (StatusCode::NOT_FOUND, Json(json!({ "error": "Object Not Found", "reason": "Not Found" }))).into_response(),
    }
}

async fn queues(State(broker): State<Broker>, Query(paging): Query<Paging>) -> Json<Value> {
    if broker.is_full_endless && !paging.disable_stats {
        std::future::pending::<()>().await;
    }
    let text = if paging.disable_stats {
        include_str!("../../../collector/src/pull/rabbitmq/fixtures/queues-cheap.json")
    } else {
        include_str!("../../../collector/src/pull/rabbitmq/fixtures/queues.json")
    };
    let mut page = recorded(text);
    let all = match broker.queues {
        _ if broker.is_blind => Vec::new(),
        None => page["items"].as_array().unwrap().clone(),
        Some(count) => {
            // As if sorted by messages: the fullest first.
            let queue = |n: usize| json!({ "name": format!("q{n:05}"), "vhost": "/", "type": "classic", "messages": count - n });
            (0..count).map(queue).collect()
        }
    };
    if broker.is_bare {
        return Json(Value::from(all));
    }
    let count = all.len();
    let items: Vec<Value> = all.into_iter().skip((paging.page - 1) * paging.page_size).take(paging.page_size).collect();
    page["page"] = paging.page.into();
    page["page_size"] = paging.page_size.into();
    page["page_count"] = count.div_ceil(paging.page_size).max(1).into();
    page["item_count"] = items.len().into();
    page["total_count"] = count.into();
    page["filtered_count"] = count.into();
    page["items"] = Value::from(items);
    Json(page)
}
