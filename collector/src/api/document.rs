//! The OpenAPI document, made from the table of routes.

use axum::{extract::Request, response::Response};
use serde_json::{Map, Value, json};

use super::{
    App,
    route::{Answer, Least, Method, Route, Schemas},
    routes::ROUTES,
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
    for route in ROUTES {
        let method = match route.method {
            Method::Get => "get",
            Method::Post => "post",
        };
        let operation = operation(route, &mut schemas);
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        item[method] = operation;
    }
    let schemas: Map<String, Value> = schemas
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).expect("a schema is always writable")))
        .collect();
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
        Least::Role(_) => json!([{ "login": [] }, { "session": [] }]),
        Least::PersonOrAgent => json!([{ "login": [] }, { "session": [] }, { "agent": [] }]),
    };
    let (status, answer) = match route.answer {
        Answer::Json(shape) => {
            let reference = format!("#/components/schemas/{}", shape(schemas));
            ("200", json!({ "description": "Found.", "content": { "application/json": { "schema": { "$ref": reference } } } }))
        }
        Answer::AnyJson => ("200", json!({ "description": "Done.", "content": { "application/json": {} } })),
        Answer::Media(media) => ("200", json!({ "description": "Done.", "content": { media: {} } })),
        Answer::Nothing => ("204", json!({ "description": "Done." })),
        Answer::Socket => ("101", json!({ "description": "The connection is a WebSocket now." })),
    };
    let mut responses = json!({ "default": { "$ref": "#/components/responses/Problem" } });
    responses[status] = answer;
    let mut operation =
        json!({ "summary": route.summary, "parameters": parameters, "security": security, "responses": responses });
    if let Least::Role(role) = route.least {
        operation["x-least-role"] = json!(role.as_str());
    }
    operation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_stands_in_the_document_and_every_reference_leads_somewhere() {
        let document = document();
        for route in ROUTES {
            assert!(document["paths"][route.path].is_object(), "{}", route.path);
        }
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
        }
    }
}
