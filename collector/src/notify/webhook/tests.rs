//! Our own body, templates, Alertmanager's body, the signature, headers.

use proptest::prelude::*;
use ring::hmac;
use serde_json::{Value, json};

use crate::notify::{Reason, fixture::*, text::Language};

fn settings(more: Value) -> Value {
    let mut settings = json!({ "url": "https://hook.example/s3cr3ts3cr3t?x=1" });
    let Value::Object(more) = more else { panic!("settings are an object") };
    settings.as_object_mut().unwrap().extend(more);
    settings
}

#[test]
fn our_own_body_is_signed_and_carries_its_key() {
    let request = request("webhook", settings(json!({ "secret": "s3cr3t" })), &notice(Reason::Opened), Language::En);
    assert_eq!(request.url.reveal(), "https://hook.example/s3cr3ts3cr3t?x=1");
    assert_eq!(header(&request, "idempotency-key"), Some("farol-abc123-7-2-ops"));
    assert_eq!((header(&request, "x-farol-event"), header(&request, "x-farol-timestamp")), (Some("opened"), Some("1795306570")));
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"s3cr3t");
    let signed = hmac::sign(&key, &[b"1795306570.", &request.body[..]].concat());
    let hex: String = signed.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(header(&request, "x-farol-signature"), Some(format!("sha256={hex}").as_str()));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((&body["version"], &body["event"], &body["level"]), (&json!(1), &json!("opened"), &json!("critical")));
    assert_eq!((&body["incident"]["id"], &body["incident"]["opened"]), (&json!(7), &json!("2026-11-22T00:11:10.000Z")));
    assert_eq!((&body["alerts"][0]["value"], &body["alerts"][0]["attributes"]["cpu.mode"]), (&json!(0.934), &json!("user")));
    assert_eq!((&body["cause"]["kind"], &body["cause"]["resource"]), (&json!("dependency"), &json!("redis-1")));
    assert_eq!(body["link"], "https://farol.example/#/alerts?incident=7");
}

#[test]
fn an_alertmanagers_body_has_the_shape_of_version_4() {
    let of = |reason| body("webhook", settings(json!({ "format": "alertmanager" })), &notice(reason), Language::En);
    let (firing, resolved) = (of(Reason::Opened), of(Reason::Resolved));
    assert_eq!((&firing["version"], &firing["status"], &firing["receiver"]), (&json!("4"), &json!("firing"), &json!("ops")));
    let alert = &firing["alerts"][0];
    assert_eq!(
        (&alert["labels"]["alertname"], &alert["labels"]["severity"], &alert["labels"]["instance"]),
        (&json!("CPU"), &json!("critical"), &json!("web-1"))
    );
    assert_eq!(alert["labels"]["cpu_mode"], "user", "a label's name as Prometheus allows it");
    assert_eq!((&alert["startsAt"], &alert["endsAt"]), (&json!("2026-11-22T00:11:10.000Z"), &json!("0001-01-01T00:00:00Z")));
    assert_eq!(alert["annotations"]["runbook_url"], "https://wiki.example/cpu");
    assert_eq!((&resolved["status"], &resolved["alerts"][0]["status"]), (&json!("resolved"), &json!("resolved")));
    assert_eq!(resolved["alerts"][0]["endsAt"], "2026-11-22T00:23:10.000Z");
    assert_eq!(
        (&firing["groupKey"], &firing["alerts"][0]["fingerprint"]),
        (&resolved["groupKey"], &resolved["alerts"][0]["fingerprint"])
    );
    assert_eq!(firing["commonLabels"], alert["labels"]);
    for field in ["truncatedAlerts", "groupLabels", "commonAnnotations", "externalURL"] {
        assert!(firing.get(field).is_some(), "{field}");
    }
}

#[test]
fn a_template_is_filled_and_stays_json_whatever_names_hold() {
    let template = r#"{"to":"ops","text":"{{ headline }}","n":"{{count}}","where":"{{resource}}"}"#;
    let settings = settings(json!({ "format": "template", "template": template, "headers": { "X-Api-Key": "s3cr3t" } }));
    let request = request("webhook", settings.clone(), &notice(Reason::Opened), Language::En);
    assert_eq!((header(&request, "x-api-key"), header(&request, "content-type")), (Some("s3cr3t"), Some("application/json")));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((&body["to"], &body["n"], &body["where"]), (&json!("ops"), &json!("1"), &json!("web-1")));
    let ugly = crate::notify::fixture::body("webhook", settings, &ugly(), Language::En);
    assert_eq!(ugly["where"], UGLY.repeat(200), "what is in quotes arrives as it is");
    let plain = json!({ "url": "https://hook.example/", "format": "template", "template": "{{level}} {{status}}: {{title}}" });
    let request = crate::notify::fixture::request("webhook", plain, &notice(Reason::Resolved), Language::En);
    assert!(request.body.starts_with(b"critical resolved: CPU on web-1"), "{:?}", request.body);
    assert_eq!(header(&request, "content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn templates_and_headers_that_cannot_work_are_refused() {
    for (more, said) in [
        (json!({ "format": "template" }), "settings.template is missing"),
        (json!({ "template": "x" }), "format is not \"template\""),
        (json!({ "format": "template", "template": "{{ colour }}" }), "the field colour, which is unknown"),
        (json!({ "format": "template", "template": "{{ title" }), "does not end"),
        (json!({ "format": "template", "template": "{\"a\": {{ title }}}" }), "write fields within quotes"),
        (json!({ "format": "xml" }), "cannot be read"),
        (json!({ "headers": { "Host": "a" } }), "hold host, which is not yours to set"),
        (json!({ "headers": { "X-A": "s3cr3t\r\nX-B: c" } }), "HTTP cannot carry: x-a"),
        (json!({ "headers": "s3cr3t" }), "a line that is no header"),
        (json!({ "headers": 5 }), "settings.headers is no text"),
    ] {
        let told = faults("webhook", settings(more.clone()));
        assert!(told.contains(said) && !told.contains("s3cr3t"), "{more}: {told}");
    }
    let lines = settings(json!({ "headers": "X-A: 1\nAuthorization: Bearer s3cr3t\n" }));
    assert_eq!(header(&request("webhook", lines, &notice(Reason::Opened), Language::En), "authorization"), Some("Bearer s3cr3t"));
}

proptest! {
    #[test]
    fn any_template_is_read_or_refused_and_what_is_json_stays_json(template in "[{\\[]?.{0,40}(\\{\\{ ?(title|name|key|x) ?\\}\\})?.{0,20}[}\\]]?") {
        let settings = json!({ "url": "https://hook.example/", "format": "template", "template": template });
        if channel("webhook", settings.clone()).is_ok() {
            let request = request("webhook", settings, &ugly(), Language::PtBr);
            if header(&request, "content-type") == Some("application/json") {
                prop_assert!(serde_json::from_slice::<Value>(&request.body).is_ok());
            }
        }
    }
}
