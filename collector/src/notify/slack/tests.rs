//! Slack's documented shapes: blocks, lengths, escaping, answers.

use serde_json::{Value, json};

use crate::notify::{Reason, fixture::*, request::Verdict, text::Language};

fn settings() -> Value {
    json!({ "url": "https://hooks.slack.com/services/T0000/B0000/s3cr3ts3cr3t" })
}

#[test]
fn a_message_is_blocks_of_plain_text_with_buttons() {
    let request = request("slack", settings(), &notice(Reason::Opened), Language::En);
    assert_eq!(request.url.reveal(), "https://hooks.slack.com/services/T0000/B0000/s3cr3ts3cr3t");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["text"], "🔴 Critical: CPU at 93.4% on web-1 [cpu.mode=user] for 5\u{202f}min, over 90%");
    let blocks = &body["attachments"][0]["blocks"];
    assert_eq!((&blocks[0]["type"], &blocks[0]["text"]["type"]), (&json!("header"), &json!("plain_text")));
    let lines = blocks[1]["text"]["text"].as_str().unwrap();
    assert!(lines.contains("(checkout · acme · production), since 00:11:10 (UTC)"), "{lines}");
    assert!(lines.contains("0% ▁▂▃▄▅▆▇█ 100%"), "{lines}");
    assert!(lines.contains("Likely cause: memory at its limit on redis-1, 00:11:03 (UTC)"), "{lines}");
    let buttons = &blocks[2]["elements"];
    assert_eq!(
        (&buttons[0]["url"], &buttons[0]["text"]["text"]),
        (&json!("https://farol.example/#/alerts?incident=7"), &json!("Open in Farol"))
    );
    assert_eq!(buttons[1]["url"], "https://wiki.example/cpu");
    assert_eq!(body["attachments"][0]["color"], "#d1383d");
}

#[test]
fn names_mention_nobody_and_keep_to_slacks_lengths() {
    let body = body("slack", settings(), &ugly(), Language::PtBr);
    let text = body.to_string();
    assert!(!text.contains("<!channel>") && !text.contains("<b>") && text.contains("&lt;!channel&gt;"));
    let blocks = &body["attachments"][0]["blocks"];
    // Slack counts what it shows.
    let shown =
        |text: &Value| text.as_str().unwrap().replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").chars().count();
    assert!(shown(&blocks[0]["text"]["text"]) <= 150 && shown(&blocks[1]["text"]["text"]) <= 3_000);
}

#[test]
fn slacks_words_say_what_became_of_it() {
    let said = |status, body| verdict("slack", settings(), status, body);
    assert_eq!(said(200, "ok"), Verdict::Told("200: ok".to_owned()));
    assert_eq!(said(404, "no_service"), Verdict::Dead("404: no_service".to_owned()));
    assert_eq!(said(410, "channel_is_archived"), Verdict::Dead("410: channel_is_archived".to_owned()));
    assert!(matches!(said(429, "rate_limited"), Verdict::Again { .. }));
    assert!(matches!(said(200, "<html>log in</html>"), Verdict::Dead(_)), "a gate that answers 200 is not Slack");
    assert!(faults("slack", json!({ "url": "not s3cr3t" })).contains("settings.url is no address"));
    assert!(faults("slack", json!({})).contains("settings.url is missing"));
}
