//! The shapes of Meta's Cloud API, Evolution API and WAHA.

use serde_json::{Value, json};

use crate::notify::{Reason, fixture::*, request::Verdict, text::Language};

fn meta() -> Value {
    json!({ "provider": "meta", "token": "s3cr3ts3cr3t", "phone_id": "10987", "to": "+55 11 91234-5678", "template": "farol_alerta" })
}

#[test]
fn meta_takes_a_template_with_the_message_in_one_line() {
    let request = request("whatsapp", meta(), &notice(Reason::Opened), Language::PtBr);
    assert_eq!(request.url.reveal(), "https://graph.facebook.com/v23.0/10987/messages");
    assert_eq!(header(&request, "authorization"), Some("Bearer s3cr3ts3cr3t"));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        (&body["messaging_product"], &body["to"], &body["type"]),
        (&json!("whatsapp"), &json!("5511912345678"), &json!("template"))
    );
    assert_eq!((&body["template"]["name"], &body["template"]["language"]["code"]), (&json!("farol_alerta"), &json!("pt_BR")));
    let parameter = body["template"]["components"][0]["parameters"][0]["text"].as_str().unwrap();
    assert!(parameter.starts_with("🔴 Crítico: CPU em 93,4%") && parameter.ends_with("#/alerts?incident=7"), "{parameter}");
    assert!(!parameter.contains('\n') && !parameter.contains("    "));
    let mut free = meta();
    free.as_object_mut().unwrap().remove("template");
    let free = crate::notify::fixture::body("whatsapp", free, &notice(Reason::Opened), Language::PtBr);
    assert_eq!((&free["type"], &free["text"]["preview_url"]), (&json!("text"), &json!(false)));
    assert!(free["text"]["body"].as_str().unwrap().starts_with("*🔴 Crítico: CPU"));
}

#[test]
fn evolution_and_waha_take_text_by_their_own_addresses() {
    let evolution = json!({ "provider": "evolution", "url": "http://wa.example:8080/", "token": "s3cr3t", "instance": "farol", "to": "5511912345678" });
    let request = request("whatsapp", evolution, &notice(Reason::Opened), Language::En);
    assert_eq!(
        (request.url.reveal(), header(&request, "apikey")),
        ("http://wa.example:8080/message/sendText/farol", Some("s3cr3t"))
    );
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["number"], "5511912345678");
    assert!(body["text"].as_str().unwrap().contains("Likely cause:"));
    let waha = |to: &str| json!({ "provider": "waha", "url": "http://wa.example:3000", "token": "s3cr3t", "to": to });
    let request = crate::notify::fixture::request("whatsapp", waha("(55) 11 91234-5678"), &notice(Reason::Opened), Language::En);
    assert_eq!((request.url.reveal(), header(&request, "x-api-key")), ("http://wa.example:3000/api/sendText", Some("s3cr3t")));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((&body["session"], &body["chatId"]), (&json!("default"), &json!("5511912345678@c.us")));
    let group = crate::notify::fixture::body("whatsapp", waha("120363@g.us"), &notice(Reason::Opened), Language::En);
    assert_eq!(group["chatId"], "120363@g.us");
}

#[test]
fn messages_are_bounded_and_meta_tells_trouble_that_passes_by_its_numbers() {
    let body = body("whatsapp", meta(), &ugly(), Language::En);
    assert!(body["template"]["components"][0]["parameters"][0]["text"].as_str().unwrap().chars().count() <= 1_024);
    let said =
        |status, code| verdict("whatsapp", meta(), status, &format!(r#"{{"error":{{"message":"(#{code}) x","code":{code}}}}}"#));
    assert!(matches!(said(400, 131_056), Verdict::Again { .. }), "too many to one number");
    assert_eq!(said(401, 190), Verdict::Dead("401: (#190) x".to_owned()));
    let told = verdict("whatsapp", meta(), 200, r#"{"messaging_product":"whatsapp","messages":[{"id":"wamid.1"}]}"#);
    assert_eq!(told, Verdict::Told("200: message wamid.1".to_owned()));
}

#[test]
fn settings_are_those_of_the_provider() {
    assert!(faults("whatsapp", json!({ "provider": "smoke", "to": "1" })).contains("settings.provider is none"));
    assert!(
        faults(
            "whatsapp",
            json!({ "provider": "evolution", "url": "http://a", "token": "s3cr3t", "instance": "../x", "to": "5511912345678" })
        )
        .contains("settings.instance")
    );
    assert!(
        faults("whatsapp", json!({ "provider": "meta", "token": "s3cr3t", "phone_id": "1", "to": "ana" }))
            .contains("settings.to is no telephone number")
    );
    assert!(faults("whatsapp", json!({ "provider": "waha", "to": "5511912345678" })).contains("settings.url is missing"));
}
