//! Discord's documented shapes: embeds, lengths, no mentions, answers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::notify::{Reason, fixture::*, request::Verdict, text::Language};

fn settings() -> Value {
    json!({ "url": "https://discord.com/api/webhooks/1/s3cr3ts3cr3t" })
}

#[test]
fn a_message_is_one_embed_with_a_link_a_colour_and_a_time() {
    let request = request("discord", settings(), &notice(Reason::Resolved), Language::PtBr);
    assert!(request.url.reveal().ends_with("?wait=true"));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let embed = &body["embeds"][0];
    assert_eq!(embed["title"], "✅ Resolvido: CPU em web-1 \\[cpu.mode=user\\], após 12\u{202f}min");
    assert_eq!((&embed["url"], &embed["color"]), (&json!("https://farol.example/#/alerts?incident=7"), &json!(0x2e_9e5b)));
    assert_eq!(embed["timestamp"], "2026-11-22T00:23:10.000Z");
    let description = embed["description"].as_str().unwrap();
    assert!(
        description.contains("`0% ▁▂▃▄▅▆▇█ 100%`") && description.contains("O que fazer: <https://wiki.example/cpu>"),
        "{description}"
    );
    assert_eq!(body["allowed_mentions"], json!({ "parse": [] }));
}

#[test]
fn names_format_nothing_and_keep_to_discords_lengths() {
    let body = body("discord", settings(), &ugly(), Language::En);
    let embed = &body["embeds"][0];
    let chars = |field: &str| embed[field].as_str().unwrap().chars().count();
    assert!(chars("title") <= 256 && chars("description") <= 4_096 && chars("title") + chars("description") <= 6_000);
    let title = embed["title"].as_str().unwrap();
    assert!(title.contains("\\*\\_\\~\\`\\|\\@everyone") && !title.ends_with('\\'), "{title}");
}

#[test]
fn discord_says_how_long_to_wait_in_its_body() {
    let said =
        verdict("discord", settings(), 429, r#"{"message":"You are being rate limited.","retry_after":0.65,"global":false}"#);
    let Verdict::Again { why, after } = said else { panic!("{said:?}") };
    assert_eq!((why.as_str(), after), ("429: You are being rate limited.", Some(Duration::from_millis(650))));
    assert!(matches!(verdict("discord", settings(), 204, ""), Verdict::Told(_)));
    assert!(matches!(verdict("discord", settings(), 404, r#"{"message":"Unknown Webhook","code":10015}"#), Verdict::Dead(_)));
}
