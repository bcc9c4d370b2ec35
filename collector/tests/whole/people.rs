//! People and tokens of tests, made through the API as an administrator makes them.

use serde_json::{Value, json};

use crate::harness::{Collector, Reply};

const JSON: (&str, &str) = ("content-type", "application/json");
pub(crate) const PASSWORD: &str = "a long enough secret";

/// Sends JSON with a bearer token.
pub(crate) async fn send(collector: &Collector, token: &str, method: &str, path: &str, body: &Value) -> Reply {
    let bearer = format!("Bearer {token}");
    collector.ask(method, path, &[("authorization", &bearer), JSON], body.to_string().as_bytes()).await
}

/// Makes an account and signs it in: its token.
pub(crate) async fn person(collector: &Collector, admin: &str, name: &str, role: &str, tenant: Option<&str>) -> String {
    let body = json!({ "username": name, "role": role, "tenant": tenant, "password": PASSWORD });
    let made = send(collector, admin, "POST", "/api/v1/users", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    sign_in(collector, name).await
}

/// Signs an account of [`person`] in: its token.
pub(crate) async fn sign_in(collector: &Collector, name: &str) -> String {
    let body = json!({ "username": name, "password": PASSWORD }).to_string();
    let reply = collector.ask("POST", "/api/auth/login", &[JSON], body.as_bytes()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["token"].as_str().unwrap().to_owned()
}

/// Makes an agent token.
pub(crate) async fn agent_token(collector: &Collector, admin: &str, name: &str, tenant: Option<&str>) -> String {
    let made = send(collector, admin, "POST", "/api/v1/tokens", &json!({ "name": name, "tenant": tenant })).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["token"].as_str().unwrap().to_owned()
}
