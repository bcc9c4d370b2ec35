//! Looking at keys of every type: what is shown of them, within which bounds, and what is masked.

use std::time::Duration;

use farol_collector::{
    access::Role,
    redis_link::{Config, Target},
};
use farol_tests::redis_server::RedisServer;
use redis::cmd;
use serde_json::{Value, json};

use super::cache;

async fn set(server: &RedisServer, key: &[u8], value: &[u8]) {
    let link = Target::read(Some(&server.url()), &Config::default()).unwrap().connect(Duration::from_secs(20)).await.unwrap();
    link.run::<()>(cmd("SET").arg(key).arg(value)).await.unwrap();
}

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().unwrap_or_else(|| panic!("{name} is no list in {value}"))
}

#[tokio::test]
async fn every_type_is_shown_with_its_size_and_beginning() {
    let (server, house) = cache().await;
    let many: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let mut push = vec!["RPUSH", "list"];
    push.extend(many.iter().map(String::as_str));
    server.tell(&push);
    server.tell(&["HSET", "hash", "name", "Ana", "password", "hunter2", "profile", r#"{"email":"a@b.org","age":3}"#]);
    server.tell(&["SADD", "set", "a", "b"]);
    server.tell(&["ZADD", "zset", "1.5", "a", "inf", "b"]);
    server.tell(&["XADD", "stream", "1-1", "type", "login", "token", "abc"]);
    server.tell(&["XGROUP", "CREATE", "stream", "workers", "0"]);
    server.tell(&["SET", "text", "olá", "PX", "500000"]);

    let nothing = house.inspect("nothing").await;
    assert_eq!(
        (nothing["type"].as_str(), nothing["exists"].as_bool(), &nothing["ttl_ms"]),
        (Some("none"), Some(false), &Value::Null)
    );

    let text = house.inspect("text").await;
    assert_eq!(
        (text["type"].as_str(), text["format"].as_str(), text["value"].as_str()),
        (Some("string"), Some("text"), Some("olá"))
    );
    assert!((1..=500_000).contains(&text["ttl_ms"].as_i64().unwrap()), "{text}");
    assert!(text["memory"].as_i64().unwrap() > 0 && text["encoding"] == "embstr" && text["size"] == 4, "{text}");

    let found = house.inspect("list").await;
    assert_eq!(
        (found["size"].as_i64(), list(&found, "value").len(), found["is_cut"].as_bool()),
        (Some(100), 50, Some(true)),
        "{found}"
    );
    assert_eq!(
        (list(&found, "value")[49].as_i64(), list(&found, "tail")[0].as_i64(), list(&found, "tail").len()),
        (Some(49), Some(90), 10)
    );

    let hash = house.inspect("hash").await;
    assert_eq!(hash["value"]["name"], "Ana", "{hash}");
    assert_eq!(
        (&hash["value"]["password"], &hash["value"]["profile"]),
        (&json!("***"), &json!({"email": "***", "age": 3})),
        "{hash}"
    );
    assert!(!hash.to_string().contains("hunter2") && !hash.to_string().contains("b.org"));
    assert_eq!(hash["is_cut"], false);

    assert_eq!(list(&house.inspect("set").await, "value").len(), 2);
    let zset = house.inspect("zset").await;
    assert_eq!(zset["value"], json!([{"member": "a", "score": 1.5}, {"member": "b", "score": "inf"}]));
    let stream = house.inspect("stream").await;
    assert_eq!(stream["value"], json!([{"id": "1-1", "fields": {"type": "login", "token": "***"}}]), "{stream}");
    assert_eq!(stream["groups"], json!([{"name": "workers", "consumers": 0, "pending": 0, "last_id": "0-0"}]));
    assert_eq!(stream["masked"], json!(["1-1.token"]));
}

#[tokio::test]
async fn keys_and_values_of_any_bytes_are_shown_and_typed() {
    let (server, house) = cache().await;
    set(&server, b"bin\x00\xff\\key", b"\x00\x01\xfe").await;
    let found = house.inspect("bin\\x00\\xff\\\\key").await;
    assert_eq!((found["exists"].as_bool(), found["key"].as_str()), (Some(true), Some("bin\\x00\\xff\\\\key")), "{found}");
    assert_eq!((found["format"].as_str(), found["value"].as_str()), (Some("hex"), Some("0001fe")));
    set(&server, b"pickle", b"\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94\x8c\x05email\x94\x8c\x07a@b.org\x94s.").await;
    let found = house.inspect("pickle").await;
    assert_eq!((found["format"].as_str(), &found["masked"]), (Some("pickle"), &json!(["raw"])), "{found}");
    assert!(!found.to_string().contains("b.org"), "{found}");
    set(&server, b"msgpack", b"\x82\xa2id\x07\xa6secret\xa1x").await;
    assert_eq!(house.inspect("msgpack").await["value"], json!({"id": 7, "secret": "***"}));
}

#[tokio::test]
async fn what_is_masked_is_shown_one_by_one_to_an_administrator_and_logged() {
    let (server, house) = cache().await;
    set(&server, b"user:7", br#"{"email":"ana@example.org","cpf":"52998224725","theme":"dark"}"#).await;
    let found = house.inspect("user:7").await;
    assert_eq!(found["masked"], json!(["cpf", "email"]), "{found}");
    assert!(!found.to_string().contains("example.org") && !found.to_string().contains("52998224725"), "{found}");
    let shown = house.done(Role::Admin, "inspect_key", json!({"key": "user:7", "unmask": ["email"]})).await;
    assert_eq!((&shown["value"]["email"], &shown["masked"]), (&json!("ana@example.org"), &json!(["cpf"])), "{shown}");
    assert!(!shown.to_string().contains("52998224725"), "{shown}");
    let lines = house.audit().await;
    assert_eq!((&lines[0]["action"], &lines[0]["detail"]["unmask"]), (&json!("redis.unmask"), &json!(["email"])), "{}", lines[0]);
    assert_eq!((&lines[1]["action"], &lines[1]["detail"]["key"]), (&json!("redis.inspect"), &json!("user:7")), "{}", lines[1]);
    assert!(!format!("{lines:?}").contains("example.org"), "a value is in the log");
}

#[tokio::test]
async fn large_keys_are_looked_at_within_bounds() {
    let (server, house) = cache().await;
    set(&server, b"text", "x".repeat(1 << 20).as_bytes()).await;
    let found = house.inspect("text").await;
    assert_eq!((found["size"].as_i64(), found["value"].as_str().unwrap().len()), (Some(1 << 20), 16 << 10));
    assert_eq!(found["is_cut"], true);
    let element = "y".repeat(100_000);
    let mut push = vec!["RPUSH", "list"];
    push.extend(std::iter::repeat_n(element.as_str(), 15));
    server.tell(&push);
    let found = house.inspect("list").await;
    assert!(found["is_cut"] == true && found.to_string().len() < 300 << 10, "{}", found.to_string().len());
    assert!(list(&found, "value").iter().all(|item| item.as_str().unwrap().len() <= 4 << 10));
    // Elements so large that one alone is too much are not fetched.
    server.tell(&["SETRANGE", "part", "20000000", "x"]);
    server.tell(&["EVAL", "redis.call('LPUSH', 'giants', redis.call('GET', 'part'))", "0"]);
    let found = house.inspect("giants").await;
    assert_eq!(
        (found["size"].as_i64(), &found["value"], found["is_cut"].as_bool()),
        (Some(1), &Value::Null, Some(true)),
        "{found}"
    );
    // A JSON that was cut is masked by its names all the same.
    let long = format!(r#"{{"email":"ana@example.org","n":1,"text":"{}"}}"#, "z".repeat(30_000));
    set(&server, b"json", long.as_bytes()).await;
    let found = house.inspect("json").await;
    assert_eq!(
        (&found["value"], found["is_cut"].as_bool()),
        (&json!({"email": "***", "n": 1}), Some(true)),
        "{}",
        found["masked"]
    );
    assert!(!found.to_string().contains("example.org"));
}
