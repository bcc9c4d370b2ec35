//! Secrets of a channel, its links, its words.

use serde_json::json;

use super::*;
use crate::notify::fixture;

fn webhook() -> Channel {
    let settings =
        json!({ "url": "https://hook.example/abc/s3cr3t-path?token=s3cr3t-query", "headers": { "X-Key": "s3cr3t-header" } });
    fixture::channel("webhook", settings).unwrap()
}

#[test]
fn secrets_are_in_no_debug_no_answer_and_no_kept_text() {
    let channel = webhook();
    let kept = serde_json::to_string(&channel.written()).unwrap();
    let shown = Value::Object(channel.shown_settings());
    assert_eq!(shown, json!({ "url": { "set": true }, "headers": { "set": true } }));
    assert!(!format!("{channel:?} {:?} {kept} {shown}", channel.medium).contains("s3cr3t"));
    assert!(channel.secrets().reveal().contains("s3cr3t-header"));
}

#[test]
fn what_others_say_is_told_without_the_channels_secrets() {
    let channel = webhook();
    let said = "404: no route /abc/s3cr3t-path with s3cr3t-query for s3cr3t-header (czNjcjN0LWhlYWRlcg==)";
    assert_eq!(channel.scrub(said), "404: no route /abc/*** with *** for *** (***)");
}

#[test]
fn secrets_that_are_left_out_or_marked_are_lent_and_others_are_not() {
    let channel = webhook();
    let mut settings = json!({ "url": { "set": true } }).as_object().cloned().unwrap();
    assert_eq!(channel.lend_secrets(&mut settings), ["headers", "url"]);
    assert_eq!(settings["headers"]["X-Key"], "s3cr3t-header");
    let mut settings = json!({ "url": "https://new.example/" }).as_object().cloned().unwrap();
    assert_eq!(channel.lend_secrets(&mut settings), ["headers"]);
    assert_eq!(settings["url"], "https://new.example/");
}

#[test]
fn a_channel_is_checked_to_its_last_field() {
    let check = |more: Value| {
        let mut whole = json!({ "name": "ops", "kind": "ntfy", "settings": { "topic": "t" } });
        whole.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        let written: Written = serde_json::from_value(whole).unwrap();
        Channel::check(written, Origin::Own)
            .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    };
    assert_eq!(check(json!({ "name": "Plantão à noite" })).unwrap().id, "plantao-a-noite");
    for (more, said) in [
        (json!({ "name": " " }), "name cannot be used"),
        (json!({ "name": "a\nb" }), "name cannot be used"),
        (json!({ "id": "A b" }), "id cannot be used"),
        (json!({ "id": "test" }), "id cannot be used"),
        (json!({ "kind": "pigeon" }), "kind is none"),
        (json!({ "tenant": "a\u{0}b" }), "tenant cannot be used"),
        (json!({ "min_level": "ok" }), "min_level is none"),
        (json!({ "escalate_after_s": 5 }), "escalate_after_s is out of bounds"),
        (json!({ "offset_min": 900 }), "offset_min is out of bounds"),
        (json!({ "quiet": { "start": "07:00", "end": "07:00" } }), "quiet.end is the same"),
        (json!({ "quiet": { "start": "22:00", "end": "07:00", "days": [8] } }), "quiet.days holds what is no day"),
        (json!({ "settings": { "topic": "t", "token": "x".repeat(40_000) } }), "settings are larger"),
    ] {
        let told = check(more.clone()).unwrap_err();
        assert!(told.contains(said), "{more}: {told}");
    }
}

#[test]
fn channels_name_others_that_exist() {
    let mut channel = webhook();
    channel.fallback = Some("mail".to_owned());
    channel.escalate_to = Some("ops".to_owned());
    let faults = links(&channel, |id| id == "ops").unwrap_err();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["fallback names no channel: write the word of one", "escalate_to names the channel itself: name another one"]
    );
}
