//! The shape that a Teams workflow takes: an adaptive card without Markdown, within 28 KB.

use serde_json::{Value, json};

use crate::notify::{Reason, fixture::*, request::Verdict, text::Language};

fn settings() -> Value {
    json!({ "url": "https://prod.logic.azure.example/workflows/s3cr3t?sig=s3cr3ts3cr3t" })
}

#[test]
fn a_message_is_an_adaptive_card_of_text_runs() {
    let body = body("teams", settings(), &notice(Reason::Reminder), Language::PtBr);
    let attachment = &body["attachments"][0];
    assert_eq!(
        (&body["type"], &attachment["contentType"]),
        (&json!("message"), &json!("application/vnd.microsoft.card.adaptive"))
    );
    let card = &attachment["content"];
    assert_eq!((&card["type"], &card["version"]), (&json!("AdaptiveCard"), &json!("1.4")));
    let first = &card["body"][0];
    assert_eq!((&first["type"], &first["inlines"][0]["type"]), (&json!("RichTextBlock"), &json!("TextRun")));
    assert!(first["inlines"][0]["text"].as_str().unwrap().starts_with("🔴 Ainda crítico: CPU em 93,4%"));
    assert_eq!((&card["actions"][0]["type"], &card["actions"][0]["title"]), (&json!("Action.OpenUrl"), &json!("Abrir no Farol")));
}

#[test]
fn the_ugliest_message_keeps_to_the_size_of_a_card() {
    let request = request("teams", settings(), &ugly(), Language::En);
    assert!(request.body.len() <= 28 << 10, "{}", request.body.len());
    assert!(!String::from_utf8_lossy(&request.body).contains("TextBlock\",\"text"), "nothing reads Markdown");
}

#[test]
fn a_failure_that_is_told_with_200_is_one() {
    assert!(matches!(verdict("teams", settings(), 202, ""), Verdict::Told(_)));
    let retired = verdict(
        "teams",
        settings(),
        200,
        "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429",
    );
    assert!(matches!(retired, Verdict::Again { .. }));
    assert!(matches!(verdict("teams", settings(), 401, ""), Verdict::Dead(_)));
}
