//! The OpenAPI document, made from the table of routes.

use axum::{extract::Request, response::Response};
use serde_json::{Map, Value, json};

use super::{
    App,
    dashboard::Instanced,
    route::{Answer, Bound, Least, Route, Schemas, Shape, Takes, shape},
    routes,
};

/// Answers the document.
pub(super) async fn openapi(_app: App, _request: Request) -> Response {
    super::json(&document())
}

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes::all() {
        let operation = operation(route, &mut schemas);
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        item[route.method.as_str()] = operation;
    }
    let mut schemas: Map<String, Value> = schemas
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).expect("a schema is always writable")))
        .collect();
    let_tags_in(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Farol", "version": env!("CARGO_PKG_VERSION"), "license": { "name": "MIT", "identifier": "MIT" } },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": { "Problem": {
                "description": "What was wrong (RFC 9457).",
                "content": { "application/problem+json": { "schema": {
                    "type": "object",
                    "properties": {
                        "type": { "type": "string" }, "title": { "type": "string" }, "status": { "type": "integer" },
                        "detail": { "type": "string" },
                        "errors": { "type": "array", "items": { "type": "object", "properties": {
                            "field": { "type": "string" }, "detail": { "type": "string" } } } },
                    },
                } } },
            } },
            "securitySchemes": {
                "login": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The token of POST /api/auth/login." },
                "session": { "type": "apiKey", "in": "cookie", "name": "farol_session" },
                "agent": { "type": "http", "scheme": "bearer", "description": "A token of `farol-collector token create`." },
            },
        },
    })
}

/// A choice that is told by a tag is written as the shape and beside it the tag: the shape must not forbid what it does not know.
fn let_tags_in(schemas: &mut Map<String, Value>) {
    const PREFIX: &str = "#/components/schemas/";
    let choices = schemas.values().filter_map(|schema| schema["oneOf"].as_array()).flatten();
    let parts = choices.filter_map(|choice| choice["allOf"].as_array()).flatten();
    let tagged: Vec<String> = parts.filter_map(|part| Some(part["$ref"].as_str()?.strip_prefix(PREFIX)?.to_owned())).collect();
    for name in tagged {
        if let Some(Value::Object(schema)) = schemas.get_mut(&name) {
            schema.remove("additionalProperties");
        }
    }
}

fn reference(shape: Shape, schemas: &mut Schemas) -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", shape(schemas)) })
}

/// The common part with the fields of one of the shapes beside it, or alone.
fn instanced(shapes: &[Shape], schemas: &mut Schemas) -> Value {
    let common = reference(shape::<Instanced>, schemas);
    let mut either: Vec<Value> =
        shapes.iter().map(|shape| json!({ "allOf": [common.clone(), reference(*shape, schemas)] })).collect();
    either.push(common);
    json!({ "anyOf": either })
}

fn operation(route: &Route, schemas: &mut Schemas) -> Value {
    let parameters: Vec<Value> = route
        .parameters
        .iter()
        .map(|parameter| {
            let is_in_path = route.path.contains(&format!("{{{}}}", parameter.name));
            json!({
                "name": parameter.name, "in": if is_in_path { "path" } else { "query" }, "required": parameter.required,
                "description": parameter.meaning, "schema": { "type": "string" },
            })
        })
        .collect();
    let security = match route.least {
        Least::Nobody => json!([]),
        Least::Agent => json!([{ "agent": [] }]),
        Least::Role(_) | Least::Monitoring => json!([{ "login": [] }, { "session": [] }]),
        Least::PersonOrAgent => json!([{ "login": [] }, { "session": [] }, { "agent": [] }]),
    };
    let (status, answer) = match route.answer {
        Answer::Json(shape) => {
            let schema = reference(shape, schemas);
            ("200", json!({ "description": "Found.", "content": { "application/json": { "schema": schema } } }))
        }
        Answer::Made(shape) => {
            let schema = reference(shape, schemas);
            ("201", json!({ "description": "Made.", "content": { "application/json": { "schema": schema } } }))
        }
        Answer::Instanced(shapes) => {
            let description = "How the instance is doing, and beside it what its newest answer told. The common part alone: not \
                               configured, or no answer yet.";
            let schema = instanced(shapes, schemas);
            ("200", json!({ "description": description, "content": { "application/json": { "schema": schema } } }))
        }
        Answer::AnyJson => ("200", json!({ "description": "Done.", "content": { "application/json": {} } })),
        Answer::Media(media) => ("200", json!({ "description": "Done.", "content": { media: {} } })),
        Answer::File(formats) => {
            let content: Map<String, Value> = formats.iter().map(|media| ((*media).to_owned(), json!({}))).collect();
            ("200", json!({ "description": "The file.", "content": content }))
        }
        Answer::Nothing => ("204", json!({ "description": "Done." })),
        Answer::Redirect => ("302", json!({ "description": "The browser goes on to the address in `Location`." })),
        Answer::Socket => ("101", json!({ "description": "The connection is a WebSocket now." })),
    };
    let mut responses: Map<String, Value> = statuses(route)
        .into_iter()
        .map(|status| (status.to_string(), json!({ "$ref": "#/components/responses/Problem" })))
        .collect();
    responses.insert(status.to_owned(), answer);
    let mut operation =
        json!({ "summary": route.summary, "parameters": parameters, "security": security, "responses": responses });
    match route.least {
        Least::Role(role) => operation["x-least-role"] = json!(role.as_str()),
        Least::Monitoring => operation["x-least-role"] = json!("access.monitoring_role"),
        Least::Nobody | Least::Agent | Least::PersonOrAgent => {}
    }
    operation["x-tenant-bound"] = json!(if route.bound == Bound::Filtered { "filtered" } else { "refused" });
    let body = match route.takes {
        Takes::Nothing => None,
        Takes::Json(shape) => Some(json!({ "application/json": { "schema": reference(shape, schemas) } })),
        Takes::Media(media) => Some(json!({ media: {} })),
    };
    if let Some(content) = body {
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation
}

/// The refusals that follow from what a route is, and those that its row names.
fn statuses(route: &Route) -> Vec<u16> {
    let mut all: Vec<u16> = vec![400, 503];
    if route.least != Least::Nobody {
        all.extend([401, 403]);
    }
    if route.path.contains('{') {
        all.push(404);
    }
    if !matches!(route.takes, Takes::Nothing) {
        all.extend([403, 413, 415, 422]);
    }
    if matches!(route.answer, Answer::Socket) {
        all.push(426);
    }
    all.extend(route.also);
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_stands_in_the_document_and_every_reference_leads_somewhere() {
        let document = document();
        for route in routes::all() {
            assert!(document["paths"][route.path].is_object(), "{}", route.path);
        }
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
        }
    }

    #[test]
    fn a_shape_that_is_chosen_by_a_tag_lets_the_tag_in() {
        let document = document();
        let schema = |name: &str| document["components"]["schemas"][name].clone();
        assert_eq!(schema("AlertCondition")["oneOf"].as_array().unwrap().len(), 4);
        assert_eq!(schema("AlertSilentCondition")["additionalProperties"], Value::Null);
        assert_eq!(schema("AlertRule")["additionalProperties"], false);
    }

    #[test]
    fn no_two_shapes_have_one_name() {
        let mut schemas = Schemas::new();
        for route in routes::all() {
            operation(route, &mut schemas);
        }
        let mut known = std::collections::BTreeMap::new();
        let mut twice = std::collections::BTreeSet::new();
        for (name, schema) in schemas {
            let schema = serde_json::to_value(schema).unwrap();
            if *known.entry(name.clone()).or_insert_with(|| schema.clone()) != schema {
                twice.insert(name);
            }
        }
        assert!(twice.is_empty(), "two shapes are called {twice:?}: the document tells one of them");
    }

    /// Every path that the requirements name has the fields of its table in the document.
    #[test]
    fn the_answers_of_integrations_are_told_with_their_fields() {
        let document = document();
        for (path, fields) in [
            ("/api/dashboard/sentry/health", &["crash_free_users_24h", "regressed", "link"][..]),
            ("/api/dashboard/sentry/performance", &["transactions", "p95_ms", "latency"]),
            ("/api/dashboard/redis/metrics", &["hit_ratio", "used_memory", "databases"]),
            ("/api/dashboard/infra/metrics", &["provider", "targets", "deployments"]),
            ("/api/dashboard/uptime/status", &["up", "word", "monitors"]),
            ("/api/dashboard/users/online", &["count", "window_s", "source"]),
            ("/api/v1/queues", &["totals", "queues", "alarms", "nodes"]),
            ("/api/v1/celery", &["queued", "workers", "failures", "p95_s"]),
            ("/api/v1/postgres", &["databases", "cache_hit_ratio", "deadlocks"]),
        ] {
            let schema = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
            let either = schema["anyOf"].as_array().unwrap_or_else(|| panic!("{path}: {schema}"));
            let fields_of = |reference: &Value| {
                let pointer = reference["$ref"].as_str().unwrap().trim_start_matches('#');
                document.pointer(pointer).unwrap()["properties"].clone()
            };
            assert!(fields_of(either.last().unwrap())["configured"].is_object(), "{path}");
            for whole in either.iter().take(either.len() - 1) {
                assert!(fields_of(&whole["allOf"][0])["status"].is_object(), "{path}");
                let told = fields_of(&whole["allOf"][1]);
                assert!(fields.iter().all(|field| told[*field].is_object()), "{path}: {told}");
            }
        }
    }
}
