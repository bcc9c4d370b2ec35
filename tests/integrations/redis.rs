//! The integration with Redis, against real servers in every state.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use farol_collector::pull::{Code, Instance, Reading};
use farol_shared::catalog;
use farol_tests::redis_server::{RedisCluster, RedisServer, SentinelSet};
use serde_json::Value;

use crate::faults::{instance, poll};

/// The least rights that the documentation gives an account.
const READER: &[&str] = &[
    "ACL",
    "SETUSER",
    "farol",
    "on",
    ">s3cr3t",
    "resetkeys",
    "%R~*",
    "resetchannels",
    "-@all",
    "+ping",
    "+info",
    "+select",
    "+hello",
    "+client|setname",
    "+client|id",
    "+dbsize",
    "+scan",
    "+type",
    "+ttl",
    "+pttl",
    "+exists",
    "+strlen",
    "+getrange",
    "+llen",
    "+lrange",
    "+hlen",
    "+hscan",
    "+scard",
    "+sscan",
    "+zcard",
    "+zcount",
    "+zrange",
    "+zscan",
    "+xlen",
    "+xrange",
    "+memory|usage",
    "+object|encoding",
    "+object|freq",
    "+object|idletime",
    "+latency|latest",
    "+latency|histogram",
    "+slowlog|get",
    "+slowlog|len",
    "+psubscribe",
    "+subscribe",
    "+config|get",
    "+cluster|info",
];

fn redis(keys: &str) -> Instance {
    instance("redis", keys)
}

fn shown(reading: &Reading) -> &Value {
    &reading.snapshots["metrics"]
}

fn parts(reading: &Reading) -> Vec<&str> {
    reading.missing.iter().map(|(part, _)| *part).collect()
}

#[tokio::test]
async fn what_redis_holds_and_did_is_told() {
    let server = RedisServer::with(&["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"]);
    let mut one = redis(&format!("url = '{}'", server.url()));
    let reading = poll(&mut one).await.unwrap();
    let seen = shown(&reading);
    assert_eq!((seen["keys"].as_f64(), seen["hit_ratio"].is_null()), (Some(0.0), true), "{seen}");
    assert_eq!((seen["hit_ratio_lifetime"].is_null(), reading.value(&catalog::REDIS_HIT_RATIO, &[])), (true, None));
    assert!(parts(&reading).is_empty(), "{reading:?}");

    server.feed("SET a 1\nSET b 2\nSETEX c 100 3\nSELECT 3\nSET d 4\nSELECT 0\nGET a\nGET a\nGET a\nGET none\n");
    let reading = poll(&mut one).await.unwrap();
    let seen = shown(&reading);
    assert_eq!(reading.value(&catalog::REDIS_HIT_RATIO, &[]), Some(0.75));
    assert_eq!((seen["hit_ratio"].as_f64(), seen["hit_ratio_lifetime"].as_f64()), (Some(0.75), Some(0.75)));
    assert_eq!((reading.value(&catalog::REDIS_KEYS, &[]), seen["keys"].as_f64()), (Some(4.0), Some(4.0)));
    assert_eq!(seen["databases"].to_string(), r#"[{"db":0,"expires":1,"keys":3},{"db":3,"expires":0,"keys":1}]"#);
    assert_eq!(reading.value(&catalog::REDIS_MEMORY_LIMIT, &[]), Some(f64::from(64 << 20)));
    assert_eq!(
        (seen["version"].as_str().is_some(), seen["mode"].as_str(), seen["role"].as_str()),
        (true, Some("standalone"), Some("master"))
    );
    assert_eq!((seen["maxmemory_policy"].as_str(), seen["allow_actions"].as_bool()), (Some("allkeys-lru"), Some(false)));
    for metric in [
        &catalog::REDIS_KEYSPACE_HITS,
        &catalog::REDIS_COMMANDS,
        &catalog::REDIS_CLIENTS_CONNECTED,
        &catalog::REDIS_PING_DURATION,
    ] {
        assert!(reading.value(metric, &[]).is_some_and(|value| value > 0.0), "{}", metric.name);
    }
    assert_eq!(reading.value(&catalog::REDIS_PERSISTENCE_OK, &[]), Some(1.0));

    // Nobody reads: the ratio of this interval is unknown, the shown one is of the last minute.
    let idle = poll(&mut one).await.unwrap();
    assert_eq!((idle.value(&catalog::REDIS_HIT_RATIO, &[]), shown(&idle)["hit_ratio"].as_f64()), (None, Some(0.75)));

    server.tell(&["CONFIG", "SET", "maxmemory", "0"]);
    let unlimited = poll(&mut one).await.unwrap();
    let limit = unlimited.value(&catalog::REDIS_MEMORY_LIMIT, &[]).unwrap();
    assert_eq!((shown(&unlimited)["maxmemory"].as_f64(), limit > f64::from(64 << 20)), (Some(0.0), true));
}

#[tokio::test]
async fn the_slow_log_names_commands_but_neither_keys_nor_values() {
    let server = RedisServer::with(&["--slowlog-log-slower-than", "0"]);
    server.tell(&["SET", "k3y-of-s3cr3t", "s3cr3t"]);
    let reading = poll(&mut redis(&format!("url = '{}'\nallow_actions = true", server.url()))).await.unwrap();
    let seen = shown(&reading);
    let slow = seen["slow_log"].as_array().unwrap();
    assert!(slow.iter().any(|entry| entry["command"] == "SET (2 arguments)"), "{seen}");
    assert!(slow.len() <= 16 && !seen.to_string().contains("s3cr3t"), "{seen}");
    assert_eq!(seen["allow_actions"].as_bool(), Some(true));
    let without = poll(&mut redis(&format!("url = '{}'\nslow_log = false", server.url()))).await.unwrap();
    assert!(shown(&without)["slow_log"].is_null() && parts(&without).is_empty());
}

#[tokio::test]
async fn an_answer_that_takes_over_half_a_second_is_no_failure() {
    // redis-rs by itself would give up after 500 ms.
    let server = RedisServer::start();
    let mut one = redis(&format!("url = '{}'", server.url()));
    poll(&mut one).await.unwrap();
    server.tell(&["CLIENT", "PAUSE", "1200", "ALL"]);
    let slow = poll(&mut one).await.unwrap();
    assert!(shown(&slow)["ping_ms"].as_f64().is_some_and(|ms| ms > 500.0), "{slow:?}");
    server.tell(&["CLIENT", "PAUSE", "1200", "ALL"]);
    poll(&mut redis(&format!("url = '{}'", server.url()))).await.expect("connecting may take as long");
}

#[tokio::test]
async fn a_user_that_was_never_made_is_refused_and_never_polled_as_default() {
    // The default user needs no password here, so that whoever ignores a failed login would see all.
    let server = RedisServer::start();
    let mut command = READER.to_vec();
    command.push("+no-such-command");
    assert!(server.ask(&command).contains("ERR"), "one unknown word and the user is not made");
    assert!(!server.ask(&["ACL", "LIST"]).contains("farol"));
    let keys = format!("url = '{}'\nusername = 'farol'\npassword = 's3cr3t'", server.url());
    let told = poll(&mut redis(&keys)).await.unwrap_err();
    assert_eq!((told.code, told.message.contains("s3cr3t")), (Code::Auth, false), "{told}");
}

#[tokio::test]
async fn the_least_rights_suffice_and_a_lacking_one_is_told_once() {
    let server = RedisServer::with(&["--requirepass", "s3cr3t-admin"]);
    server.tell(READER);
    let keys = format!("url = '{}'\nusername = 'farol'\npassword = 's3cr3t'", server.url());
    let mut one = redis(&keys);
    for _ in 0..2 {
        assert!(parts(&poll(&mut one).await.unwrap()).is_empty());
    }
    assert_eq!(server.ask(&["ACL", "LOG"]), "", "a refusal that nobody sees still fills the server's log");

    server.tell(&["ACL", "SETUSER", "farol", "-slowlog|get", "-ping"]);
    let told = poll(&mut one).await.unwrap();
    assert_eq!(parts(&told), ["ping", "slow_log"]);
    assert!(told.missing[1].1.message.contains("+slowlog|get") && told.missing[1].1.code == Code::Auth, "{told:?}");
    let again = poll(&mut one).await.unwrap();
    let seen = shown(&again);
    assert!(parts(&again).is_empty() && seen["slow_log"].is_null() && seen["ping_ms"].is_null(), "{seen}");
    assert_eq!(seen["hidden"].as_array().unwrap().len(), 2);

    server.tell(&["ACL", "SETUSER", "farol", "-info"]);
    let told = poll(&mut one).await.unwrap_err();
    assert_eq!((told.code, told.message.as_str()), (Code::Auth, "the user lacks the right to run INFO: add +info to its ACL"));
    for keys in ["password = 's3cr3t-not'", "username = 'nobody'\npassword = 's3cr3t'", ""] {
        let told = poll(&mut redis(&format!("url = '{}'\n{keys}", server.url()))).await.unwrap_err();
        assert_eq!((told.code, told.message.contains("s3cr3t")), (Code::Auth, false), "{told}");
    }
}

#[tokio::test]
async fn a_restart_a_stop_and_a_hang_are_survived() {
    let mut server = RedisServer::start();
    server.feed("SET a 1\nGET a\nGET none\n");
    let mut one = redis(&format!("url = '{}'\ntimeout = '6s'", server.url()));
    poll(&mut one).await.unwrap();
    server.feed("GET a\n");
    assert_eq!(poll(&mut one).await.unwrap().value(&catalog::REDIS_KEYSPACE_HITS, &[]), Some(2.0));

    server.restart();
    server.feed("GET a\nGET a\nGET a\nSET a 1\nGET a\n");
    let restarted = poll(&mut one).await.unwrap();
    assert_eq!(restarted.value(&catalog::REDIS_KEYSPACE_HITS, &[]), Some(1.0), "counters as they are");
    assert_eq!(restarted.value(&catalog::REDIS_HIT_RATIO, &[]), None, "no ratio across a restart");
    server.feed("GET a\n");
    assert_eq!(poll(&mut one).await.unwrap().value(&catalog::REDIS_HIT_RATIO, &[]), Some(1.0));

    server.stop();
    for _ in 0..2 {
        let told = poll(&mut one).await.unwrap_err();
        assert_eq!((told.code, told.message.contains("refused")), (Code::Unreachable, true), "{told}");
    }
    server.begin();
    poll(&mut one).await.unwrap();
    server.freeze();
    for _ in 0..2 {
        let told = poll(&mut one).await.unwrap_err();
        assert_eq!(
            (told.code, told.message.contains("in time") || told.message.contains("within")),
            (Code::Unreachable, true),
            "{told}"
        );
    }
    server.thaw();
    poll(&mut one).await.unwrap();

    server.tell(&["CONFIG", "SET", "maxclients", "1"]);
    let told = poll(&mut redis(&format!("url = '{}'", server.url()))).await.unwrap_err();
    assert_eq!((told.code, told.message.contains("maxclients")), (Code::Unreachable, true), "{told}");
    let told = poll(&mut redis("url = 'redis://:s3cr3t@nowhere.invalid'")).await.unwrap_err();
    assert_eq!((told.code, told.message.contains("s3cr3t")), (Code::Unreachable, false), "{told}");
}

/// A server that answers everything with the same bytes, as long as somebody reads.
fn answering(bytes: Vec<u8>, is_endless: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), bytes) = (stream, bytes.clone()) else { return };
            thread::spawn(move || {
                let mut question = [0; 1024];
                while stream.read(&mut question).is_ok_and(|read| read > 0) {
                    while stream.write_all(&bytes).is_ok() && is_endless {}
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn what_is_no_redis_is_a_bad_answer() {
    for (what, bytes) in [
        ("another protocol", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("a number", b":7\r\n".to_vec()),
        ("a list", b"*1\r\n$1\r\na\r\n".to_vec()),
        ("a text without fields", b"$5\r\nhello\r\n".to_vec()),
        ("nothing", b"$-1\r\n".to_vec()),
    ] {
        let told = poll(&mut redis(&format!("url = '{}'", answering(bytes, false)))).await.unwrap_err();
        assert_eq!(told.code, Code::BadAnswer, "{what}: {told}");
    }
    let mut enormous = b"$900000000\r\n".to_vec();
    enormous.extend(vec![b'x'; 1 << 20]);
    let told = poll(&mut redis(&format!("url = '{}'\ntimeout = '60s'", answering(enormous, true)))).await.unwrap_err();
    assert_eq!((told.code, told.message.contains("64 MiB")), (Code::BadAnswer, true), "{told}");
    let truncated = answering(b"$100\r\nredis_version:7\r\n".to_vec(), false);
    let told = poll(&mut redis(&format!("url = '{truncated}'\ntimeout = '1s'"))).await.unwrap_err();
    assert_eq!(told.code, Code::Unreachable, "the rest may still come: {told}");
}

#[tokio::test]
async fn tls_is_polled_like_any_other() {
    let server = RedisServer::tls(&["--requirepass", "s3cr3t"]);
    server.tell(&["SET", "a", "1"]);
    let keys = format!("url = '{}'\npassword = 's3cr3t'\nca_file = '{}'", server.url(), server.ca_file().display());
    let mut one = redis(&keys);
    assert_eq!(one.target(), format!("{} (TLS)", server.address()));
    assert_eq!(poll(&mut one).await.unwrap().value(&catalog::REDIS_KEYS, &[]), Some(1.0));
}

#[tokio::test]
async fn a_failover_is_followed_and_counters_go_on() {
    let set = SentinelSet::start();
    set.servers[0].feed("SET a 1\nGET a\nGET a\nGET a\n");
    let mut one = redis(&format!("sentinels = {}\nmaster = 'mymaster'", set.addresses()));
    let before = poll(&mut one).await.unwrap();
    assert_eq!(before.value(&catalog::REDIS_KEYSPACE_HITS, &[]), Some(3.0));
    assert_eq!(before.value(&catalog::REDIS_REPLICAS, &[]), Some(2.0));
    assert_eq!(shown(&before)["sentinel"]["address"].as_str(), Some(set.servers[0].address().as_str()));
    set.fail_over();
    let mut after = poll(&mut one).await;
    while !after.as_ref().is_ok_and(|reading| shown(reading)["sentinel"]["address"].as_str() == Some(&set.master())) {
        if let Err(told) = &after {
            assert_eq!(told.code, Code::Unreachable, "{told}");
        }
        after = poll(&mut one).await;
    }
    let after = after.unwrap();
    let sentinel = &shown(&after)["sentinel"];
    assert_eq!(sentinel["before"].as_str(), Some(set.servers[0].address().as_str()), "{sentinel}");
    assert!(sentinel["changed_at"].is_i64() && after.said.iter().any(|said| said.contains("it was")), "{after:?}");
    assert_eq!(after.value(&catalog::REDIS_KEYSPACE_HITS, &[]), Some(3.0), "the new master's own count is not added");
    assert_eq!((shown(&after)["role"].as_str(), after.described["redis.replication.role"].as_str()), (Some("master"), "master"));
}

#[tokio::test]
async fn a_cluster_is_added_up_and_a_lost_node_is_told() {
    let mut cluster = RedisCluster::start();
    let mut one = redis(&format!("url = '{}'\ncluster = true", cluster.url()));
    for n in 0..30 {
        assert_eq!(cluster.nodes[0].cli(&["-c"], &["SET", &format!("key{n}"), "1"]), "OK");
    }
    let reading = poll(&mut one).await.unwrap();
    let seen = shown(&reading);
    assert_eq!((reading.value(&catalog::REDIS_KEYS, &[]), seen["nodes"].as_array().unwrap().len()), (Some(30.0), 3), "{seen}");
    assert_eq!(
        (seen["cluster"]["state"].as_str(), seen["mode"].as_str(), parts(&reading).len()),
        (Some("ok"), Some("cluster"), 0)
    );
    assert!(seen["memory_limit"].is_null() && seen["used_memory"].as_f64().unwrap() > 1e6, "{seen}");

    // The node that the configuration names is the one that is lost.
    let lost = cluster.nodes[0].address();
    cluster.nodes[0].stop();
    let reading = poll(&mut one).await.unwrap();
    assert!(parts(&reading).contains(&"node"), "{reading:?}");
    assert_eq!((reading.value(&catalog::REDIS_KEYS, &[]), reading.value(&catalog::REDIS_MEMORY_USED, &[])), (None, None));
    let row = shown(&reading)["nodes"].as_array().unwrap().iter().find(|node| node["name"] == lost.as_str()).unwrap().clone();
    assert_eq!((row["state"].as_str(), row["reason"].as_str().is_some()), (Some("unreachable"), true), "{row}");

    cluster.nodes[0].begin();
    let mut reading = poll(&mut one).await.unwrap();
    while !parts(&reading).is_empty() {
        reading = poll(&mut one).await.unwrap();
    }
    assert_eq!(shown(&reading)["nodes"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_command_that_is_not_there_is_hidden_and_loading_is_waited_for() {
    let managed = RedisServer::with(&["--rename-command", "SLOWLOG", ""]);
    let mut one = redis(&format!("url = '{}'", managed.url()));
    let first = poll(&mut one).await.unwrap();
    assert_eq!((parts(&first), first.missing[0].1.message.as_str()), (vec!["slow_log"], "this Redis does not offer SLOWLOG GET"));
    assert!(parts(&poll(&mut one).await.unwrap()).is_empty());

    let mut server = RedisServer::start();
    server.feed(&(0..20_000).map(|n| format!("SET key{n} {n}\n")).collect::<String>());
    server.tell(&["SAVE"]);
    server.begin_loading();
    let told = poll(&mut redis(&format!("url = '{}'", server.url()))).await.unwrap_err();
    assert_eq!((told.code, told.message.contains("loading its dataset")), (Code::Pending, true), "{told}");
}

#[tokio::test]
async fn a_cluster_whose_slots_move_is_asked_anew() {
    let cluster = RedisCluster::with(&["--requirepass", "s3cr3t-admin"]);
    for node in &cluster.nodes {
        node.tell(READER);
        node.tell(&["ACL", "SETUSER", "farol", "+cluster|slots"]);
    }
    let mut one = redis(&format!("url = '{}'\ncluster = true\nusername = 'farol'\npassword = 's3cr3t'", cluster.url()));
    assert_eq!(shown(&poll(&mut one).await.unwrap())["nodes"].as_array().unwrap().len(), 3);
    // All slots of the first node go to the second.
    let id = |at: usize| cluster.nodes[at].ask(&["CLUSTER", "MYID"]);
    let (from, to) = (id(0), id(1));
    let said = cluster.nodes[0].cli(
        &[],
        &[
            "--cluster",
            "reshard",
            &cluster.nodes[0].address(),
            "--cluster-from",
            &from,
            "--cluster-to",
            &to,
            "--cluster-slots",
            "5461",
            "--cluster-yes",
        ],
    );
    let mut reading = poll(&mut one).await.unwrap();
    for _ in 0..500 {
        if shown(&reading)["nodes"].as_array().unwrap().len() == 2 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        reading = poll(&mut one).await.unwrap();
    }
    panic!("{}\n{said}", shown(&reading));
}
