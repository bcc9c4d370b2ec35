//! Acting on real Redis servers through the routes: who may, what is shown, what goes, what comes back, and what the log says.

use std::time::Duration;

use farol_collector::{
    access::Role,
    act::{Bounds, JobState, Progress},
    redis_link::{Config, Target},
};
use farol_tests::{
    process::project,
    redis_server::{RedisCluster, RedisServer},
};
use serde_json::{Value, json};

mod house;
mod large;
mod look;

use house::{House, instance};

/// A server with an instance called `cache` in front of it.
async fn cache() -> (RedisServer, House) {
    let server = RedisServer::start();
    let house = House::of(vec![instance("cache", &server.url(), "", true)]).await;
    (server, house)
}

/// So many small keys.
fn keys(prefix: &str, count: usize) -> String {
    (0..count).map(|n| format!("SET {prefix}{n} value-{n}\n")).collect()
}

/// Waits until a job is as wanted.
async fn until(house: &House, job: &Value, wanted: impl Fn(&Progress) -> bool) -> Progress {
    let mut watched = house.act.watch(job.as_str().unwrap()).unwrap();
    watched.wait_for(|progress| wanted(progress)).await.unwrap().clone()
}

fn is_over(progress: &Progress) -> bool {
    progress.state != JobState::Running
}

#[tokio::test]
async fn each_route_lets_in_nobody_below_its_role() {
    let (server, house) = cache().await;
    server.tell(&["SET", "a", "1"]);
    let routes = [
        ("POST", "/api/dashboard/redis/inspect_key", Role::Operator, json!({"key": "a"})),
        ("POST", "/api/dashboard/redis/del_key", Role::Admin, json!({"key": "nothing"})),
        ("POST", "/api/dashboard/redis/flushall", Role::SuperAdmin, json!({"db": 7, "confirm": "cache"})),
        ("POST", "/api/dashboard/redis/undo", Role::Admin, json!({"undo": "x"})),
        ("GET", "/api/v1/actions/x", Role::Admin, Value::Null),
        ("POST", "/api/v1/actions/x/cancel", Role::Admin, Value::Null),
        ("GET", "/api/v1/audit", Role::Admin, Value::Null),
    ];
    for (method, path, least, body) in routes {
        let body = (!body.is_null()).then_some(body);
        assert_eq!(house.send(method, path, None, body.clone()).await.status, 401, "{path}");
        for role in Role::ALL {
            house.pass(Duration::from_secs(40));
            let answer = house.send(method, path, Some(role), body.clone()).await;
            if role < least {
                assert_eq!(answer.status, 403, "{path} as {role}");
            } else {
                assert!(matches!(answer.status, 200 | 404), "{path} as {role}: {} {}", answer.status, answer.json);
            }
        }
    }
    let unmask = json!({"key": "a", "unmask": ["value"]});
    assert_eq!(house.post(Role::Operator, "inspect_key", unmask.clone()).await.status, 403);
    assert_eq!(house.post(Role::Admin, "inspect_key", unmask).await.status, 200);
    // What was refused for want of a role left no line.
    assert!(house.audit().await.iter().all(|line| line["role"] != "viewer"));
}

#[tokio::test]
async fn an_instance_is_only_read_unless_the_configuration_says_otherwise() {
    let server = RedisServer::start();
    server.tell(&["SET", "a", "1"]);
    let house = House::of(vec![instance("cache", &server.url(), "", false)]).await;
    for (path, body) in [
        ("del_key", json!({"key": "a"})),
        ("del_key", json!({"pattern": "a*", "preview": true})),
        ("del_key", json!({"pattern": "a*", "expected": 1, "confirm": "cache"})),
        ("flushall", json!({"confirm": "cache"})),
        ("undo", json!({"undo": "x"})),
    ] {
        let answer = house.post(Role::SuperAdmin, path, body).await;
        assert_eq!((answer.status, answer.json["code"].as_str()), (403, Some("read_only")), "{path}");
        assert!(answer.json["detail"].as_str().unwrap().contains("allow_actions = true"), "{}", answer.json);
    }
    assert_eq!(house.inspect("a").await["value"], 1);
    assert_eq!(server.ask(&["DBSIZE"]), "1");
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_by_the_name_of_its_field() {
    let (one, two) = (RedisServer::start(), RedisServer::start());
    let house = House::of(vec![instance("one", &one.url(), "", true), instance("two", &two.url(), "", true)]).await;
    for (path, body, field) in [
        ("inspect_key", json!({"key": "a"}), "instance"),
        ("inspect_key", json!({"key": "a", "instance": "three"}), "instance"),
        ("inspect_key", json!({"key": "", "instance": "one"}), "key"),
        ("inspect_key", json!({"key": "a", "instance": "one", "db": 70_000}), "db"),
        ("del_key", json!({"instance": "one"}), "key"),
        ("del_key", json!({"instance": "one", "key": "a", "pattern": "b"}), "key"),
        ("del_key", json!({"instance": "one", "key": "celery"}), "key"),
        ("del_key", json!({"instance": "one", "pattern": "*", "preview": true}), "pattern"),
        ("del_key", json!({"instance": "one", "pattern": "", "preview": true}), "pattern"),
        ("del_key", json!({"instance": "one", "pattern": "c*", "preview": true}), "pattern"),
        ("del_key", json!({"instance": "one", "pattern": "user:*", "confirm": "one"}), "expected"),
        ("del_key", json!({"instance": "one", "pattern": "user:*", "expected": 0}), "confirm"),
        ("del_key", json!({"instance": "one", "pattern": "user:*", "expected": 0, "confirm": "two"}), "confirm"),
        ("flushall", json!({"instance": "one"}), "confirm"),
        ("flushall", json!({"instance": "one", "confirm": "One"}), "confirm"),
        ("flushall", json!({"instance": "one", "confirm": "one", "reason": "x".repeat(501)}), "reason"),
    ] {
        house.pass(Duration::from_secs(40));
        let answer = house.post(Role::SuperAdmin, path, body.clone()).await;
        assert_eq!((answer.status, answer.json["errors"][0]["field"].as_str()), (422, Some(field)), "{body}: {}", answer.json);
    }
    assert_eq!(house.post(Role::SuperAdmin, "del_key", json!({"keys": "a"})).await.status, 422, "an unknown field");
    assert_eq!(house.post(Role::SuperAdmin, "inspect_key", json!({"key": "x".repeat(40_000)})).await.status, 413);
    assert!(house.audit().await.is_empty(), "nothing was begun");
}

#[tokio::test]
async fn a_key_goes_and_comes_back_with_its_time_to_live() {
    let (server, house) = cache().await;
    server.tell(&["SET", "session:1", "abc", "PX", "300000"]);
    server.tell(&["RPUSH", "list", "a", "b"]);
    let gone = house.done(Role::Admin, "del_key", json!({"key": "session:1", "reason": "stale"})).await;
    assert_eq!((gone["deleted"].as_u64(), gone["instance"].as_str()), (Some(1), Some("cache")), "{gone}");
    assert_eq!(server.ask(&["EXISTS", "session:1"]), "0");
    house.pass(Duration::from_secs(100));
    let back = house.done(Role::Admin, "undo", json!({"undo": gone["undo"]})).await;
    assert_eq!((back["restored"].as_u64(), back["failed"].as_u64()), (Some(1), Some(0)), "{back}");
    assert_eq!(server.ask(&["GET", "session:1"]), "abc");
    let ttl: i64 = server.ask(&["PTTL", "session:1"]).parse().unwrap();
    assert!(ttl <= 200_000, "the time that passed counts: {ttl}");
    // Only once, and not in the place of what is new.
    assert_eq!(house.post(Role::Admin, "undo", json!({"undo": gone["undo"]})).await.status, 404);
    let gone = house.done(Role::Admin, "del_key", json!({"key": "list"})).await;
    server.tell(&["SET", "list", "new"]);
    let back = house.done(Role::Admin, "undo", json!({"undo": gone["undo"]})).await;
    assert_eq!((back["restored"].as_u64(), back["skipped_existing"].as_u64()), (Some(0), Some(1)), "{back}");
    assert_eq!(server.ask(&["GET", "list"]), "new");
    // What would have expired stays away, what is large is not kept, what is not there is no error.
    let gone = house.done(Role::Admin, "del_key", json!({"key": "session:1"})).await;
    house.pass(Duration::from_secs(400));
    let back = house.done(Role::Admin, "undo", json!({"undo": gone["undo"]})).await;
    assert_eq!((back["restored"].as_u64(), back["expired"].as_u64()), (Some(0), Some(1)), "{back}");
    server.tell(&["SETRANGE", "large", "100000", "x"]);
    let gone = house.done(Role::Admin, "del_key", json!({"key": "large"})).await;
    assert_eq!((gone["deleted"].as_u64(), &gone["undo"]), (Some(1), &Value::Null), "{gone}");
    let gone = house.done(Role::Admin, "del_key", json!({"key": "nothing"})).await;
    assert_eq!((gone["deleted"].as_u64(), &gone["undo"]), (Some(0), &Value::Null), "{gone}");

    let lines = house.audit().await;
    let first = lines.last().unwrap();
    let told = |field: &str| first[field].as_str().unwrap_or_default();
    assert_eq!((told("action"), told("username"), told("role")), ("redis.delete_key", "admin", "admin"), "{first}");
    assert_eq!((told("address"), told("target"), told("result")), ("192.0.2.7", "cache", "done"), "{first}");
    assert_eq!((told("reason"), &first["count"], &first["detail"]["key"]), ("stale", &json!(1), &json!("session:1")), "{first}");
    assert!(!format!("{lines:?}").contains("abc"), "a value is in the log");
}

#[tokio::test]
async fn a_pattern_is_counted_confirmed_deleted_and_undone() {
    let (server, house) = cache().await;
    server.feed(&keys("user:", 150));
    server.feed("SET user:ttl x PX 500000\nSET other 1\nSELECT 3\nSET user:0 elsewhere\n");
    let preview = house.done(Role::Admin, "del_key", json!({"pattern": "user:*", "preview": true})).await;
    assert_eq!((preview["count"].as_u64(), preview["is_cut"].as_bool()), (Some(151), Some(false)), "{preview}");
    assert_eq!(preview["examples"].as_array().unwrap().len(), 3);
    assert!(preview["bytes_estimate"].as_u64().unwrap() > 151 * 30, "{preview}");
    let ask = |expected: u64| json!({"pattern": "user:*", "expected": expected, "confirm": "cache", "reason": "test"});
    let answer = house.post(Role::Admin, "del_key", ask(120)).await;
    assert_eq!((answer.status, answer.json["code"].as_str()), (409, Some("changed")), "{}", answer.json);
    assert_eq!(server.ask(&["DBSIZE"]), "152");
    // Less than 10 % off is no news; so few are gone when the answer comes.
    let done = house.done(Role::Admin, "del_key", ask(145)).await;
    assert_eq!(
        (done["state"].as_str(), done["deleted"].as_u64(), done["kept"].as_u64()),
        (Some("done"), Some(151), Some(151)),
        "{done}"
    );
    assert_eq!((server.ask(&["DBSIZE"]), server.cli(&["-n", "3"], &["DBSIZE"])), ("1".to_owned(), "1".to_owned()));
    let told = house.send("GET", &format!("/api/v1/actions/{}", done["job"].as_str().unwrap()), Some(Role::Admin), None).await;
    assert_eq!(told.json, done);
    let back = house.done(Role::Admin, "undo", json!({"undo": done["undo"]})).await;
    assert_eq!(back["restored"].as_u64(), Some(151), "{back}");
    assert_eq!(server.ask(&["GET", "user:149"]), "value-149");
    assert!(server.ask(&["PTTL", "user:ttl"]).parse::<i64>().unwrap() > 0);
    assert_eq!(server.ask(&["PTTL", "user:1"]), "-1");
    let lines = house.audit().await;
    let line = lines.iter().find(|line| line["action"] == "redis.delete_pattern").unwrap();
    assert_eq!(
        (&line["count"], &line["result"], &line["detail"]["undo"]),
        (&json!(151), &json!("done"), &done["undo"]),
        "{line}"
    );
}

#[tokio::test]
async fn a_deletion_can_be_cancelled_in_the_middle() {
    let (server, house) = cache().await;
    server.feed(&keys("page:", 100_000));
    let begun = house.post(Role::Admin, "del_key", json!({"pattern": "page:*", "expected": 100_000, "confirm": "cache"})).await;
    assert_eq!(begun.status, 202, "{}", begun.json);
    let job = &begun.json["job"];
    until(&house, job, |progress| progress.deleted > 0).await;
    let path = format!("/api/v1/actions/{}/cancel", job.as_str().unwrap());
    assert_eq!(house.send("POST", &path, Some(Role::Admin), None).await.status, 200);
    let ended = until(&house, job, is_over).await;
    assert_eq!(ended.state, JobState::Cancelled);
    assert!(ended.deleted < 100_000 && ended.kept == ended.deleted, "{ended:?}");
    assert_eq!(server.ask(&["DBSIZE"]), (100_000 - ended.deleted).to_string());
    let line = &house.audit().await[0];
    assert_eq!((&line["result"], &line["count"]), (&json!("cancelled"), &json!(ended.deleted)), "{line}");
    assert_eq!(house.send("POST", "/api/v1/actions/none/cancel", Some(Role::Admin), None).await.status, 404);
}

#[tokio::test]
async fn a_deletion_ends_at_its_bound_and_says_so() {
    let server = RedisServer::start();
    let bounds = Bounds { keys_max: 1_000, ..Bounds::default() };
    let house = House::bounded(vec![instance("cache", &server.url(), "", true)], bounds).await;
    server.feed(&keys("page:", 5_000));
    let ask = json!({"pattern": "page:*", "expected": 5_000, "confirm": "cache"});
    let begun = house.post(Role::Admin, "del_key", ask).await;
    let ended = until(&house, &begun.json["job"], is_over).await;
    assert_eq!(ended.state, JobState::Partial);
    assert!((1_000..1_200).contains(&ended.deleted) && ended.message.unwrap().contains("again"), "{}", ended.deleted);
}

#[tokio::test]
async fn keys_of_task_queues_are_left_alone_unless_asked_for() {
    let (server, house) = cache().await;
    let link = Target::read(Some(&server.url()), &Config::default()).unwrap().connect(Duration::from_secs(20)).await.unwrap();
    for key in [&b"mail:1"[..], b"mail:2", b"mail\x06\x163"] {
        link.run::<()>(redis::cmd("LPUSH").arg(key).arg("x")).await.unwrap();
    }
    let done = house.done(Role::Admin, "del_key", json!({"pattern": "mail*", "expected": 2, "confirm": "cache"})).await;
    assert_eq!((done["deleted"].as_u64(), done["left_alone"].as_u64()), (Some(2), Some(1)), "{done}");
    assert_eq!(house.post(Role::Admin, "del_key", json!({"key": "mail\\x06\\x163"})).await.status, 422);
    let gone = house.done(Role::Admin, "del_key", json!({"key": "mail\\x06\\x163", "include_queues": true})).await;
    assert_eq!(gone["deleted"].as_u64(), Some(1));
    assert_eq!(server.ask(&["DBSIZE"]), "0");
}

#[tokio::test]
async fn a_flush_empties_one_database_or_all_and_not_twice_in_half_a_minute() {
    let (server, mut house) = cache().await;
    server.feed("SET a 1\nSET b 2\nSELECT 3\nSET c 3\n");
    let flushed = house.done(Role::SuperAdmin, "flushall", json!({"db": 0, "confirm": "cache", "reason": "deploy"})).await;
    assert_eq!(flushed, json!({"instance": "cache", "db": 0, "keys_before": 2, "keys_after": 0}));
    assert_eq!(server.cli(&["-n", "3"], &["DBSIZE"]), "1");
    let again = house.post(Role::SuperAdmin, "flushall", json!({"confirm": "cache"})).await;
    assert_eq!((again.status, again.headers["retry-after"].to_str().unwrap()), (429, "30"));
    house.pass(Duration::from_secs(30));
    server.tell(&["SET", "a", "1"]);
    let flushed = house.done(Role::SuperAdmin, "flushall", json!({"confirm": "cache"})).await;
    assert_eq!(flushed, json!({"instance": "cache", "db": null, "keys_before": 2, "keys_after": 0}));
    // Who signed in long ago does it once more.
    house.pass(Duration::from_secs(700));
    let late = house.post(Role::SuperAdmin, "flushall", json!({"confirm": "cache"})).await;
    assert_eq!((late.status, late.json["code"].as_str()), (403, Some("reauthenticate")), "{}", late.json);
    let late = json!({"pattern": "page:*", "expected": 1_001, "confirm": "cache"});
    assert_eq!(house.post(Role::Admin, "del_key", late).await.json["code"], "reauthenticate");
    house.sign_in(Role::SuperAdmin).await;
    house.done(Role::SuperAdmin, "flushall", json!({"confirm": "cache"})).await;
    let actions: Vec<Value> = house.audit().await.into_iter().map(|line| line["action"].clone()).collect();
    assert_eq!(actions, ["redis.flush_all", "redis.flush_all", "redis.flush_db"]);
}

#[tokio::test]
async fn nobody_deletes_or_looks_without_end() {
    let (server, house) = cache().await;
    server.tell(&["SET", "a", "1"]);
    for _ in 0..10 {
        house.done(Role::Admin, "del_key", json!({"key": "nothing"})).await;
    }
    let eleventh = house.post(Role::Admin, "del_key", json!({"key": "a"})).await;
    assert_eq!((eleventh.status, eleventh.headers["retry-after"].to_str().unwrap()), (429, "6"));
    assert_eq!(server.ask(&["EXISTS", "a"]), "1");
    for _ in 0..60 {
        house.done(Role::Operator, "inspect_key", json!({"key": "a"})).await;
    }
    assert_eq!(house.post(Role::Operator, "inspect_key", json!({"key": "a"})).await.status, 429);
    house.done(Role::Admin, "inspect_key", json!({"key": "a"})).await;
}

#[tokio::test]
async fn a_cluster_is_acted_on_as_a_whole() {
    let cluster = RedisCluster::start();
    let house = House::of(vec![instance("cache", &cluster.url(), "cluster = true", true)]).await;
    let link = Target::read(Some(&cluster.url()), &Config::take(&mut "cluster = true".parse().unwrap()).unwrap()).unwrap();
    let link = link.connect(Duration::from_secs(20)).await.unwrap();
    for n in 0..150 {
        let key = format!("user:{n}");
        link.by_key::<()>(key.as_bytes(), redis::cmd("SET").arg(&key).arg(n)).await.unwrap();
    }
    let sizes = || cluster.nodes.iter().map(|node| node.ask(&["DBSIZE"]).parse::<u64>().unwrap()).collect::<Vec<_>>();
    assert!(sizes().iter().all(|size| *size > 0), "{:?}", sizes());
    assert_eq!(house.inspect("user:77").await["value"], 77);
    let done = house.done(Role::Admin, "del_key", json!({"pattern": "user:*", "expected": 150, "confirm": "cache"})).await;
    assert_eq!((done["deleted"].as_u64(), sizes()), (Some(150), vec![0, 0, 0]), "{done}");
    let back = house.done(Role::Admin, "undo", json!({"undo": done["undo"]})).await;
    assert_eq!((back["restored"].as_u64(), sizes().iter().sum::<u64>()), (Some(150), 150), "{back}");
    let wrong = house.post(Role::SuperAdmin, "flushall", json!({"confirm": "cache", "db": 1})).await;
    assert_eq!(wrong.json["errors"][0]["field"], "db");
    let flushed = house.done(Role::SuperAdmin, "flushall", json!({"confirm": "cache"})).await;
    assert_eq!((flushed["keys_before"].as_u64(), sizes()), (Some(150), vec![0, 0, 0]), "{flushed}");
}

#[tokio::test]
async fn rights_that_redis_refuses_are_named_and_a_flush_heeds_no_key_pattern() {
    let server = RedisServer::start();
    server.tell(&[
        "ACL", "SETUSER", "cleaner", "on", ">s3cr3t", "~cache:*", "-@all", "+ping", "+hello", "+select", "+scan", "+del",
    ]);
    // The trap: a right to flush is a right over every key, whatever pattern stands beside it.
    server.tell(&["ACL", "SETUSER", "flusher", "on", ">s3cr3t", "~cache:*", "-@all", "+dbsize", "+flushdb", "+select"]);
    server.feed("SET cache:1 1\nSET cache:2 2\nSET other 3\n");
    let house = House::of(vec![
        instance("cleaner", &server.url(), "username = 'cleaner'\npassword = 's3cr3t'", true),
        instance("flusher", &server.url(), "username = 'flusher'\npassword = 's3cr3t'", true),
    ])
    .await;
    // Without UNLINK, DUMP and MEMORY: DEL does it, and nothing is kept.
    let ask = json!({"instance": "cleaner", "pattern": "cache:*", "expected": 2, "confirm": "cleaner"});
    let done = house.done(Role::Admin, "del_key", ask).await;
    assert_eq!((done["deleted"].as_u64(), &done["undo"]), (Some(2), &Value::Null), "{done}");
    for (path, body, words) in [
        ("flushall", json!({"instance": "cleaner", "confirm": "cleaner", "db": 0}), "+"),
        ("del_key", json!({"instance": "cleaner", "key": "other"}), "key"),
    ] {
        let answer = house.post(Role::SuperAdmin, path, body).await;
        assert_eq!(answer.status, 502, "{}", answer.json);
        let detail = answer.json["detail"].as_str().unwrap();
        assert!(detail.contains(words) && !detail.contains("s3cr3t"), "{detail}");
    }
    let lines = house.audit().await;
    assert!(lines[0]["result"] == "failed" && lines[0]["detail"]["error"].is_string(), "{}", lines[0]);
    assert_eq!(server.ask(&["EXISTS", "other"]), "1");
    house.done(Role::SuperAdmin, "flushall", json!({"instance": "flusher", "confirm": "flusher", "db": 0})).await;
    assert_eq!(server.ask(&["EXISTS", "other"]), "0");
}

#[tokio::test]
async fn the_least_rights_of_the_documentation_suffice() {
    let text = std::fs::read_to_string(project().join("docs/integrations/redis-actions.md")).unwrap();
    let rights = text.lines().find(|line| line.starts_with("ACL SETUSER farol_cache ")).unwrap().replace(">SECRET", ">s3cr3t");
    let server = RedisServer::start();
    server.tell(&rights.split(' ').collect::<Vec<_>>());
    server.feed("SET cache:text 1\nHSET cache:hash a 1\nRPUSH cache:list a\nSADD cache:set a\nZADD cache:zset 1 a\nXADD cache:stream * a 1\n");
    let keys = "username = 'farol_cache'\npassword = 's3cr3t'";
    let house = House::of(vec![instance("cache", &server.url(), keys, true)]).await;
    for (name, kind) in
        [("text", "string"), ("hash", "hash"), ("list", "list"), ("set", "set"), ("zset", "zset"), ("stream", "stream")]
    {
        let found = house.inspect(&format!("cache:{name}")).await;
        assert_eq!((found["type"].as_str(), found["is_cut"].as_bool()), (Some(kind), Some(false)), "{found}");
        let known = ["memory", "encoding", "size", "value"];
        assert!(known.iter().all(|field| !found[field].is_null()) && (kind != "stream" || found["groups"].is_array()), "{found}");
    }
    let done = house.done(Role::Admin, "del_key", json!({"pattern": "cache:*", "expected": 6, "confirm": "cache"})).await;
    assert_eq!((done["deleted"].as_u64(), done["kept"].as_u64()), (Some(6), Some(6)), "{done}");
    // Restoring is a right of its own.
    let back = house.done(Role::Admin, "undo", json!({"undo": done["undo"]})).await;
    assert_eq!((back["restored"].as_u64(), back["failed"].as_u64()), (Some(6), Some(0)), "{back}");
    assert_eq!(house.post(Role::SuperAdmin, "flushall", json!({"confirm": "cache"})).await.status, 502);
    assert_eq!(server.ask(&["DBSIZE"]), "6");
}

#[tokio::test]
async fn a_server_that_is_gone_or_hangs_is_told_and_logged() {
    let (mut server, house) = cache().await;
    server.stop();
    let answer = house.post(Role::Admin, "del_key", json!({"key": "a"})).await;
    assert_eq!(answer.status, 502, "{}", answer.json);
    server.begin();
    server.freeze();
    let answer = house.post(Role::Admin, "del_key", json!({"key": "a"})).await;
    server.thaw();
    assert!(answer.status == 502 && answer.json["detail"].as_str().unwrap().contains("in time"), "{}", answer.json);
    assert_eq!(house.done(Role::Admin, "del_key", json!({"key": "a"})).await["deleted"], 0);
    let results: Vec<Value> = house.audit().await.into_iter().map(|line| line["result"].clone()).collect();
    assert_eq!(results, ["done", "failed", "failed"]);
}
