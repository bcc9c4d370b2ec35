//! Telegram's documented shapes: HTML, topics, lengths, answers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::notify::{Reason, fixture::*, request::Verdict, text::Language};

fn settings() -> Value {
    json!({ "token": "123456:s3cr3ts3cr3t", "chat": -100_123, "thread": 7 })
}

#[test]
fn a_message_is_html_to_a_topic_of_a_chat() {
    let request = request("telegram", settings(), &notice(Reason::Opened), Language::PtBr);
    assert_eq!(request.url.reveal(), "https://api.telegram.org/bot123456:s3cr3ts3cr3t/sendMessage");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        (&body["chat_id"], &body["message_thread_id"], &body["parse_mode"]),
        (&json!("-100123"), &json!(7), &json!("HTML"))
    );
    let text = body["text"].as_str().unwrap();
    assert!(
        text.starts_with("<b>🔴 Crítico: CPU em 93,4% em web-1 [cpu.mode=user] há 5\u{202f}min, acima de 90%</b>\n"),
        "{text}"
    );
    assert!(
        text.contains("desde 21:11:10 (UTC-3)")
            && text.contains("Causa provável: memory at its limit em redis-1, 21:11:03 (UTC-3)"),
        "{text}"
    );
    assert!(text.ends_with("<a href=\"https://farol.example/#/alerts?incident=7\">Abrir no Farol</a>"), "{text}");
    assert_eq!(body["disable_notification"], false);
}

#[test]
fn names_are_escaped_and_keep_to_telegrams_length() {
    let body = body("telegram", settings(), &ugly(), Language::En);
    let text = body["text"].as_str().unwrap();
    let without_ours = text
        .replace("<b>🔴", "")
        .replacen("</b>\n", "", 1)
        .replace("<a href=", "")
        .replace("</a>", "")
        .replacen("\">Open", "", 1);
    assert!(!without_ours.contains('<') && !without_ours.contains('>'), "{without_ours}");
    let shown = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    assert!(shown.chars().count() <= 4_096, "{}", shown.chars().count());
}

#[test]
fn telegrams_answers_say_when_and_whether_to_try_again() {
    let said = |status, body| verdict("telegram", settings(), status, body);
    let limited = said(
        429,
        r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 5","parameters":{"retry_after":5}}"#,
    );
    let Verdict::Again { after, .. } = &limited else { panic!("{limited:?}") };
    assert_eq!(*after, Some(Duration::from_secs(5)));
    assert_eq!(said(200, r#"{"ok":true,"result":{"message_id":42}}"#), Verdict::Told("200: message 42".to_owned()));
    let moved = said(400, r#"{"ok":false,"description":"group chat was upgraded","parameters":{"migrate_to_chat_id":-1009}}"#);
    assert_eq!(moved, Verdict::Dead("the group has become a supergroup: write -1009 as its chat".to_owned()));
    let blocked = said(403, r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#);
    assert_eq!(blocked, Verdict::Dead("403: Forbidden: bot was blocked by the user".to_owned()));
}

#[test]
fn settings_say_what_a_chat_and_a_token_are() {
    assert!(faults("telegram", json!({ "token": "12/../x", "chat": "1" })).contains("settings.token is no bot's token"));
    assert!(faults("telegram", json!({ "token": "1:a", "chat": "ops" })).contains("settings.chat is no chat"));
    assert!(
        faults("telegram", json!({ "token": "1:a", "chat": "1", "url": "https://a/?x" })).contains("settings.url holds a query")
    );
    assert!(channel("telegram", json!({ "token": "1:a", "chat": "@ops", "url": "http://127.0.0.1:9" })).is_ok());
}
