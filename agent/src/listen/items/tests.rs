//! Tests of Farol's own JSON.

use proptest::prelude::*;

use super::*;
use crate::listen::trial::{NOW_MS, Trial};

const READING: Reading = Reading { now_ms: NOW_MS, keeps_private: false };

fn refusal(kind: Kind, body: &str) -> String {
    read(kind, body, READING).map(|items| format!("{} taken", items.len())).unwrap_or_else(|refused| refused.to_string())
}

fn take(kind: Kind, body: &str) -> Trial {
    let trial = Trial::new();
    let items = read(kind, body, READING).unwrap();
    items.into_iter().for_each(|item| item.take(&mut trial.context.inlet.open()));
    trial
}

#[test]
fn a_request_is_taken_with_all_that_it_tells() {
    let body = r#"{"method":"get","route":"/users/{id}","path":"/users/7","status":200,"duration_ms":12.5,"tenant":"acme","user":42,
        "trace_id":"4BF92F3577B34DA6A3CE929D0E0E4736","exception":null,"at":1795238159000,"unknown":[{}]}"#;
    let records = take(Kind::Request, body).records("own");
    let expected = Request {
        time_ms: 1_795_238_159_000,
        method: "GET".to_owned(),
        route: "/users/{id}".to_owned(),
        path: "/users/7".to_owned(),
        status: 200,
        duration_s: 0.0125,
        tenant: Some("acme".to_owned()),
        user: Some("42".to_owned()),
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
        exception: None,
    };
    assert_eq!(records.recent, [expected]);
    assert_eq!((records.requests[0].count, records.requests[0].failed), (1, 0));
}

#[test]
fn a_request_that_an_exception_ended_is_an_error_too() {
    let body = r#"[{"method":"GET","path":"/a/1","status":500,"duration_ms":1,"exception":"KeyError"},
        {"method":"GET","path":"/a/2","status":500,"duration_ms":1,"exception":"KeyError"},
        {"method":"GET","path":"/a/3","status":200,"duration_ms":1,"service":"other","environment":"test"}]"#;
    let mut trial = take(Kind::Request, body);
    let mut records = trial.drain().0;
    let own = records.remove("service:own").unwrap();
    assert_eq!((own.requests.len(), own.requests[0].count, own.requests[0].failed), (1, 2, 2));
    let error = &own.errors[0];
    assert_eq!((&*error.kind, &*error.origin, error.count, error.route.as_deref()), ("KeyError", "request", 2, Some("/a/{id}")));
    assert_eq!(records.remove("service:other/test").unwrap().requests[0].count, 1);
}

#[test]
fn the_first_wrong_field_is_named_with_its_place() {
    let good = r#"{"method":"GET","status":200,"duration_ms":1}"#;
    for (body, expected) in [
        (r#"{"status":200,"duration_ms":1}"#, "item 0: method is missing: it must be a text"),
        (r#"{"method":"GET","status":"200","duration_ms":1}"#, "item 0: status must be a whole number"),
        (r#"{"method":"GET","status":99,"duration_ms":1}"#, "item 0: status must be 100 to 599, or 0 when there was no answer"),
        (r#"{"method":"GET","status":200,"duration_ms":-1}"#, "item 0: duration_ms must not be negative"),
        (r#"{"method":"GET","status":200,"duration_ms":1e999}"#, "item 0: duration_ms must be a number"),
        (r#"{"method":"GET","status":200,"duration_ms":1,"at":1760000000}"#, "item 0: at must be milliseconds since the epoch"),
        (r#"{"method":"GET","status":200,"duration_ms":1,"at":1895238159000}"#, "item 0: at lies in the future"),
        (r#"{"method":"GET","status":200,"duration_ms":1,"trace_id":"xyz"}"#, "item 0: trace_id must be 32 hexadecimal digits"),
        (&format!("[{good},7]"), "item 1: it is not an object"),
        (&format!("[{good},{{}}]"), "item 1: method is missing: it must be a text"),
        (&format!("[{good},{good}]"), "2 taken"),
        ("[]", "0 taken"),
        ("7", "the body must be an object or a list of objects"),
        (r#"{"method""#, "the body is not JSON: EOF while parsing an object at line 1 column 9"),
        ("[1,", "the body is not JSON: EOF while parsing a value at line 1 column 3"),
        ("", "the body is not JSON: EOF while parsing a value at line 1 column 0"),
    ] {
        assert_eq!(refusal(Kind::Request, body), expected, "{body}");
    }
    let many = format!("[{}1]", "1,".repeat(ITEMS_MAX));
    assert_eq!(refusal(Kind::Request, &many), "the list has more than 10000 items: send several bodies");
    let large = format!(r#"{{"method":"{}"}}"#, "G".repeat(ITEM_BYTES_MAX));
    assert_eq!(refusal(Kind::Request, &large), "item 0: it is larger than 256 KiB");
}

#[test]
fn events_are_checked_and_masked() {
    let body = r#"{"type":"MessageSent","tenant":"acme","payload":{"message_id":"m1","to":"+5511999990000","status":"sent"}}"#;
    let records = take(Kind::Event, body).records("own");
    assert_eq!(records.events[0].payload, r#"{"message_id":"m1","status":"sent","to":"***"}"#);
    assert_eq!((records.events[0].tenant.as_deref(), records.events[0].time_ms), (Some("acme"), NOW_MS));
    let whole = read(Kind::Event, body, Reading { keeps_private: true, ..READING }).unwrap();
    assert!(matches!(&whole[0].body, Body::Event(event) if event.payload.contains("+5511999990000")));
    let wrong = r#"{"type":"MessageSent","payload":{"message_id":"m1"}}"#;
    assert_eq!(refusal(Kind::Event, wrong), "item 0: payload.status is missing: MessageSent needs a text");
    assert_eq!(refusal(Kind::Event, r#"{"type":"order.paid"}"#), "1 taken");
    assert_eq!(refusal(Kind::Event, r#"{"payload":{}}"#), "item 0: type is missing: it must be a text");
    assert_eq!(refusal(Kind::Event, r#"{"type":"a b","payload":{}}"#).get(..32), Some("item 0: type must begin with a l"));
    let large = format!(r#"{{"type":"a","payload":{{"x":"{}"}}}}"#, "x".repeat(limit::RECORD_TEXT_BYTES_MAX));
    assert_eq!(refusal(Kind::Event, &large), "item 0: payload is larger than 16 KiB");
}

#[test]
fn metrics_become_series() {
    let body = r#"[{"name":"agents_active","value":42,"kind":"gauge","unit":"{agent}","attributes":{"pool":"a","n":1,"z":null}},
        {"name":"sold","value":2,"kind":"counter"},{"name":"sold","value":3,"kind":"counter"},
        {"name":"wait","value":0.5,"kind":"histogram","unit":"s"},{"name":"plain","value":-1.5}]"#;
    let values = take(Kind::Metric, body).drain().1;
    assert_eq!(values.get("agents_active{n=1,pool=a}"), Some(&42.0));
    assert_eq!(values.get("sold"), Some(&5.0));
    assert_eq!(values.get("wait.count"), Some(&1.0));
    assert_eq!(values.get("plain"), Some(&-1.5));
    for (body, expected) in [
        (r#"{"value":1}"#, "item 0: name is missing: it must be a text"),
        (r#"{"name":"a"}"#, "item 0: value is missing: it must be a number"),
        (r#"{"name":"a","value":"1"}"#, "item 0: value must be a number"),
        (r#"{"name":"a","value":1,"kind":"sum"}"#, "item 0: kind must be gauge, counter or histogram"),
        (r#"{"name":"a","value":-1,"kind":"counter"}"#, "item 0: value must not be negative: it is added to the counter"),
        (r#"{"name":"a","value":1,"attributes":{"x":[]}}"#, "item 0: attributes.x must be a text, a number or a truth value"),
        (r#"{"name":"a","value":1,"attributes":[]}"#, "item 0: attributes must be an object"),
    ] {
        assert_eq!(refusal(Kind::Metric, body), expected, "{body}");
    }
}

#[test]
fn log_records_are_kept_from_warnings_on_and_counted_below() {
    let body = r#"[{"severity":"ERROR","message":"cannot pay","exception":"ValueError","stack":"at x","source":"shop","at":1795238159000},
        {"severity":"debug","message":"hi"},{"message":"plain"}]"#;
    let records = take(Kind::Log, body).records("own");
    assert_eq!((records.logs.len(), &*records.logs[0].message, &*records.logs[0].source), (1, "cannot pay", "shop"));
    assert_eq!((&*records.errors[0].kind, &*records.errors[0].origin, &*records.errors[0].stack), ("ValueError", "log", "at x"));
    assert_eq!(records.levels.0, [0, 1, 1, 0, 1, 0]);
    let wrong = r#"{"severity":"loud","message":"x"}"#;
    assert_eq!(refusal(Kind::Log, wrong), "item 0: severity must be trace, debug, info, warn, error or fatal");
}

proptest! {
    #[test]
    fn any_text_is_taken_or_refused(text in r#"[\[\]{}",:a-z0-9\\ -]{0,60}"#, value in r#"([0-9.e+-]{1,8}|"[a-z\\u0]{0,8}"|null|\{\}|\[\])"#, field in 0_usize..12) {
        let names = ["method", "status", "duration_ms", "at", "type", "payload", "name", "value", "attributes", "severity", "message", "trace_id"];
        let fields = r#""method":"GET","status":200,"duration_ms":1,"type":"a","name":"a","value":1,"message":"m""#;
        let near = format!(r#"{{"{}":{value},{fields}}}"#, names[field]);
        for kind in [Kind::Request, Kind::Event, Kind::Metric, Kind::Log] {
            drop(read(kind, &text, READING));
            drop(read(kind, &near, READING));
        }
    }
}
