//! ntfy's documented shape: JSON to the root address.

use serde_json::{Value, json};

use crate::notify::{Reason, fixture::*, text::Language};

fn settings() -> Value {
    json!({ "url": "https://ntfy.example/", "topic": "farol-ops", "token": "tk_s3cr3t" })
}

#[test]
fn a_message_is_json_with_priority_tags_and_a_click() {
    let request = request("ntfy", settings(), &notice(Reason::Opened), Language::PtBr);
    assert_eq!((request.url.reveal(), header(&request, "authorization")), ("https://ntfy.example/", Some("Bearer tk_s3cr3t")));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((&body["topic"], &body["priority"], &body["tags"]), (&json!("farol-ops"), &json!(5), &json!(["rotating_light"])));
    assert!(body["title"].as_str().unwrap().starts_with("Crítico: CPU em 93,4%"));
    assert_eq!(body["click"], "https://farol.example/#/alerts?incident=7");
    assert_eq!((&body["actions"][0]["action"], &body["actions"][1]["url"]), (&json!("view"), &json!("https://wiki.example/cpu")));
}

#[test]
fn a_long_message_stays_a_message() {
    let body = body("ntfy", json!({ "topic": "t" }), &ugly(), Language::En);
    assert!(body["message"].as_str().unwrap().len() <= 4_096, "a longer one becomes a file");
}

#[test]
fn a_name_with_a_password_is_sent_as_such() {
    let request = request("ntfy", json!({ "topic": "t", "token": "ana:s3cr3t" }), &notice(Reason::Resolved), Language::En);
    assert_eq!(header(&request, "authorization"), Some("Basic YW5hOnMzY3IzdA=="));
    assert!(faults("ntfy", json!({ "topic": "a/b" })).contains("settings.topic cannot be used"));
    assert!(faults("ntfy", json!({ "topic": "t", "url": "https://a:b@c" })).contains("a name or a password"));
}
