//! Tests of decoding, on messages recorded from real workers.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const REDIS: &str = include_str!("../fixtures/redis.jsonl");
const AMQP: &str = include_str!("../fixtures/amqp.jsonl");

fn recorded_on_redis() -> Vec<Event> {
    let messages = REDIS.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["message"].as_str().unwrap().to_owned()
    });
    messages.flat_map(|message| from_redis(message.as_bytes()).unwrap()).collect()
}

fn steps(events: &[Event]) -> Vec<&Step> {
    events.iter().filter_map(|event| if let What::Task { step, .. } = &event.what { Some(step) } else { None }).collect()
}

#[test]
fn messages_of_redis_are_read_alone_and_in_lists() {
    let events = recorded_on_redis();
    assert_eq!(events.len(), 23, "20 messages, three of them with two events");
    let steps = steps(&events);
    let count = |is_it: fn(&Step) -> bool| steps.iter().filter(|step| is_it(step)).count();
    assert_eq!(count(|step| matches!(step, Step::Sent { .. })), 2);
    assert_eq!(count(|step| matches!(step, Step::Received { .. })), 2);
    assert_eq!(count(|step| matches!(step, Step::Started)), 6);
    assert_eq!(count(|step| matches!(step, Step::Succeeded(Some(runtime)) if *runtime > 0.0)), 4);
    assert_eq!(count(|step| matches!(step, Step::Failed(exception) if exception.class == "ValueError")), 1);
    assert_eq!(count(|step| matches!(step, Step::Failed(exception) if exception.class == "KeyError")), 1, "its last retry");
    assert_eq!(count(|step| matches!(step, Step::Retried(exception) if exception.class == "KeyError")), 1);
    assert_eq!(count(|step| matches!(step, Step::Revoked)), 2);
    let first = &events[0];
    assert_eq!((first.hostname.as_str(), first.pid, first.clock), ("w1@vm", 13_852, 1));
    let What::Beat(beat) = &first.what else { panic!("{first:?}") };
    assert!(beat.is_first && beat.every_s == 2.0 && beat.processed == Some(0) && beat.load == Some(1.8), "{beat:?}");
    assert!(matches!(events.last().unwrap().what, What::Offline(_)), "{:?}", events.last());
}

#[test]
fn bodies_of_amqp_are_read_as_they_are() {
    for line in AMQP.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let body = line["body"].as_str().unwrap();
        let events = from_body(line["properties"]["content_type"].as_str(), body.as_bytes()).unwrap();
        assert!(!events.is_empty(), "{body}");
    }
}

#[test]
fn arguments_results_and_tracebacks_are_nowhere() {
    let told = format!("{:?}", recorded_on_redis());
    for secret in ["Traceback", "(0, 1)", "args", "kwargs", "result"] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

#[test]
fn other_content_types_are_refused_unread() {
    let message =
        r#"{"body":"gAR9lC4=","content-type":"application/x-python-serialize","properties":{"body_encoding":"base64"}}"#;
    assert_eq!(from_redis(message.as_bytes()), Err(Refused::NotJson));
    assert_eq!(from_body(Some("application/x-yaml"), b"type: task-sent"), Err(Refused::NotJson));
}

#[test]
fn what_is_no_event_is_refused_and_what_is_unknown_ignored() {
    for message in ["", "7", "[]7", "{}", r#"{"body":"%%%","properties":{"body_encoding":"base64"}}"#, r#"{"body":7}"#] {
        assert_eq!(from_redis(message.as_bytes()), Err(Refused::Malformed), "{message}");
    }
    let own = br#"{"type":"shop-sold","hostname":"web@vm","timestamp":1.5,"clock":"7"}"#;
    assert_eq!(from_body(None, own), Ok(Vec::new()));
    assert_eq!(from_body(None, br#"[{"a":1}]"#), Err(Refused::Malformed));
    let mixed = br#"[{"a":1},{"type":"task-started","hostname":"w","timestamp":1.5,"uuid":"u"}]"#;
    assert_eq!(from_body(None, mixed).unwrap().len(), 1);
    assert_eq!(from_body(None, &vec![b' '; MESSAGE_BYTES_MAX + 1]), Err(Refused::Malformed));
}

#[test]
fn names_are_one_bounded_line() {
    assert_eq!(name("a\nb".to_owned()).as_deref(), Some("a b"));
    assert_eq!(name(String::new()), None);
    assert!(name("é".repeat(1_000)).unwrap().len() <= limit::VALUE_BYTES_MAX);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(from_redis(&bytes));
        drop(from_body(None, &bytes));
    }

    #[test]
    fn any_field_of_any_type_is_read_or_refused(field in "type|hostname|timestamp|pid|clock|uuid|name|freq|loadavg|active|exception",
        value in prop_oneof![Just("null"), Just("-1"), Just("1e999"), Just("\"x\""), Just("[[]]"), Just("{}"), Just("true")],
        kind in "task-(sent|received|started|succeeded|failed|retried|rejected|revoked)|worker-(online|heartbeat|offline)") {
        let mut event = format!(r#"{{"{field}":{value}"#);
        for (key, other) in [("type", format!("\"{kind}\"")), ("hostname", "\"w\"".into()), ("timestamp", "1.5".into()), ("uuid", "\"u\"".into())] {
            if key != field {
                event.push_str(&format!(r#","{key}":{other}"#));
            }
        }
        event.push('}');
        drop(from_body(None, event.as_bytes()));
        drop(from_body(None, format!("[{event},{event}]").as_bytes()));
    }
}
