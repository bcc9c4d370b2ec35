//! Mail as it travels: headers that cannot be injected, one thread an incident, both languages, settings.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::notify::{Reason, fixture::*, text::Language};

fn settings() -> Value {
    json!({ "host": "smtp.example.com", "username": "farol", "password": "s3cr3t", "from": "Farol <farol@example.com>",
            "to": ["ana@example.com", "Zé <ze@exemplo.com.br>"] })
}

/// Headers of the mail itself, unfolded, and the rest.
fn parts(text: &str) -> (Vec<(String, String)>, String) {
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let headers = unfolded
        .split("\r\n")
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    (headers.collect(), body.to_owned())
}

fn header_of<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    let found: Vec<&str> = headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found[0]
}

#[test]
fn a_mail_is_one_of_its_incidents_thread_and_the_same_at_every_attempt() {
    let made = |reason| mail(settings(), &notice(reason), Language::En).formatted().to_owned();
    let (headers, body) = parts(&made(Reason::Opened));
    assert_eq!(header_of(&headers, "message-id"), "<farol-abc123-7-2-ops@example.com>");
    assert_eq!(header_of(&headers, "references"), "<farol-abc123-7@example.com>");
    assert_eq!(header_of(&headers, "in-reply-to"), "<farol-abc123-7@example.com>");
    assert_eq!(header_of(&headers, "date"), "Sun, 22 Nov 2026 00:16:10 +0000");
    assert_eq!((header_of(&headers, "auto-submitted"), header_of(&headers, "importance")), ("auto-generated", "high"));
    assert!(header_of(&headers, "content-type").starts_with("multipart/alternative"));
    assert!(body.contains("Content-Type: text/plain; charset=utf-8") && body.contains("Content-Type: text/html; charset=utf-8"));
    assert_eq!(made(Reason::Opened), made(Reason::Opened), "byte for byte");
    let subject: Vec<u8> = header_of(&headers, "subject")
        .split(' ')
        .flat_map(|word| STANDARD.decode(word.strip_prefix("=?UTF-8?B?").unwrap().strip_suffix("?=").unwrap()).unwrap())
        .collect();
    assert!(String::from_utf8(subject).unwrap().starts_with("[Farol] 🔴 Critical: CPU at 93.4% on web-1"));
    let (resolved, _) = parts(&made(Reason::Resolved));
    assert_eq!(header_of(&resolved, "references"), "<farol-abc123-7@example.com>");
    assert_eq!(header_of(&resolved, "date"), "Sun, 22 Nov 2026 00:23:10 +0000");
}

#[test]
fn a_name_with_a_line_break_makes_no_header() {
    for language in [Language::En, Language::PtBr] {
        let (headers, _) = parts(mail(settings(), &ugly(), language).formatted());
        assert!(headers.iter().all(|(name, _)| name != "bcc"), "{headers:?}");
        let known = [
            "from",
            "to",
            "subject",
            "message-id",
            "in-reply-to",
            "references",
            "date",
            "auto-submitted",
            "x-auto-response-suppress",
            "importance",
            "mime-version",
            "content-type",
        ];
        assert!(headers.iter().all(|(name, _)| known.contains(&name.as_str())), "{headers:?}");
    }
}

#[test]
fn html_holds_names_as_text() {
    let (house, reason) = (house(), ugly());
    let reading = crate::notify::text::Reading { language: Language::PtBr, zone_min: -180 };
    let text = crate::notify::text::Text::of(&reason, reading, house.link(7));
    let telling = crate::notify::request::Telling { notice: &reason, text: &text, house: &house, channel: "ops", now_ms: AT };
    let html = super::html(&telling);
    assert!(!html.contains("<b>1</b>") && !html.contains("<script>") && !html.contains("<!channel>"));
    assert!(html.contains("&lt;b&gt;1&lt;/b&gt;&amp;") && html.contains("lang=\"pt-BR\"") && html.contains("Abrir no Farol"));
    assert!(html.contains("href=\"https://farol.example/#/alerts?incident=7\""));
}

#[test]
fn settings_say_what_is_wrong_with_them() {
    let with = |name: &str, value: Value| {
        let mut settings = settings();
        settings[name] = value;
        faults("email", settings)
    };
    for (name, value, said) in [
        ("host", json!("smtp.example.com/x"), "settings.host is no host"),
        ("from", json!("nobody"), "settings.from is no address"),
        ("from", json!("a@b.c\r\nBcc: x@y.z"), "settings.from is no address"),
        ("to", json!([]), "settings.to holds 0 addresses"),
        ("to", json!(["a@b.c", "d"]), "settings.to[1] is no address"),
        ("security", json!("none"), "would travel in clear"),
        ("security", json!("ssl"), "cannot be read"),
        ("username", Value::Null, "settings.username is missing"),
        ("password", json!(5), "settings.password is no text"),
        ("ca", json!("s3cr3t"), "settings.ca holds no certificate"),
        ("colour", json!("red"), "settings.colour is unknown"),
    ] {
        let told = with(name, value);
        assert!(told.contains(said) && !told.contains("s3cr3t"), "{name}: {told}");
    }
    assert!(
        channel("email", json!({ "host": "localhost", "security": "none", "from": "a@b.c", "to": ["d@e.f"], "username": "" }))
            .is_ok()
    );
}

#[test]
fn a_mail_and_its_channel_never_show_the_password() {
    let mail = mail(settings(), &notice(Reason::Opened), Language::En);
    assert!(!format!("{mail:?} {:?}", channel("email", settings()).unwrap().medium).contains("s3cr3t"));
}
