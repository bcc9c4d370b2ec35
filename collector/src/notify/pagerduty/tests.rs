//! PagerDuty's documented shape: one key from the trigger to the resolve.

use serde_json::{Value, json};

use crate::notify::{Reason, fixture::*, request::Verdict, text::Language};

fn settings() -> Value {
    json!({ "routing_key": "0123456789abcdef0123456789abcdef" })
}

#[test]
fn an_incident_is_triggered_and_resolved_under_one_key() {
    let request = request("pagerduty", settings(), &notice(Reason::Opened), Language::En);
    assert_eq!(request.url.reveal(), "https://events.pagerduty.com/v2/enqueue");
    let opened: Value = serde_json::from_slice(&request.body).unwrap();
    let resolved = body("pagerduty", settings(), &notice(Reason::Resolved), Language::En);
    assert_eq!((&opened["event_action"], &resolved["event_action"]), (&json!("trigger"), &json!("resolve")));
    assert_eq!((&opened["dedup_key"], &resolved["dedup_key"]), (&json!("farol-abc123-7"), &json!("farol-abc123-7")));
    let payload = &opened["payload"];
    assert_eq!(
        (&payload["severity"], &payload["source"], &payload["component"]),
        (&json!("critical"), &json!("web-1"), &json!("checkout"))
    );
    assert_eq!((&payload["timestamp"], &payload["group"]), (&json!("2026-11-22T00:11:10.000Z"), &json!("acme")));
    assert_eq!(opened["links"][0], json!({ "href": "https://wiki.example/cpu", "text": "What to do" }));
    assert!(resolved.get("payload").is_none());
}

#[test]
fn the_ugliest_message_keeps_to_pagerdutys_lengths() {
    let body = body("pagerduty", settings(), &ugly(), Language::PtBr);
    assert!(body["payload"]["summary"].as_str().unwrap().chars().count() <= 1_024);
    assert!(body.to_string().len() < 512 << 10);
    assert!(body["dedup_key"].as_str().unwrap().len() <= 255);
}

#[test]
fn an_invalid_event_says_what_is_wrong_with_it() {
    let said = verdict(
        "pagerduty",
        settings(),
        400,
        r#"{"status":"invalid event","message":"Event object is invalid","errors":["'routing_key' is wrong"]}"#,
    );
    assert_eq!(said, Verdict::Dead("400: Event object is invalid: 'routing_key' is wrong".to_owned()));
    assert!(matches!(
        verdict("pagerduty", settings(), 202, r#"{"status":"success","message":"Event processed"}"#),
        Verdict::Told(_)
    ));
    assert!(matches!(verdict("pagerduty", settings(), 429, ""), Verdict::Again { .. }));
    assert!(faults("pagerduty", json!({ "routing_key": "s3cr3t" })).contains("is no integration key"));
}
