//! People on the site now, counted in a real Redis.

use std::time::Duration;

use farol_collector::pull::{At, Code, Instance, Reading};
use farol_shared::catalog;
use farol_tests::{redis_server::RedisServer, wait::now_ms};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
};

use crate::faults::instance;

fn users(server: &RedisServer, keys: &str) -> Instance {
    instance("online_users", &format!("url = '{}'\n{keys}", server.url()))
}

async fn poll(one: &mut Instance) -> Reading {
    one.poll(&At { now_ms: now_ms(), since_ms: None }).await.unwrap()
}

fn count(reading: &Reading) -> Option<f64> {
    reading.value(&catalog::USERS_ONLINE, &[])
}

#[tokio::test]
async fn who_was_seen_within_the_window_is_online() {
    let mut server = RedisServer::start();
    let now = now_ms() / 1_000;
    let mut one = users(&server, "");
    assert_eq!(count(&poll(&mut one).await), Some(0.0), "no set is nobody");
    server.feed(&format!(
        "ZADD online:users {} ada\nZADD online:users {} bob\nZADD online:users {} carl\n",
        now,
        now - 250,
        now - 400
    ));
    let reading = poll(&mut one).await;
    assert_eq!(count(&reading), Some(2.0));
    let seen = &reading.snapshots["users"];
    assert_eq!(
        (seen["count"].as_f64(), seen["window_s"].as_f64(), seen["source"].as_str()),
        (Some(2.0), Some(300.0), Some("Redis online:users"))
    );
    assert_eq!(count(&poll(&mut users(&server, "window = '10m'")).await), Some(3.0));

    // A clock of ours that is a day ahead changes nothing: the server's counts.
    let tomorrow = At { now_ms: now_ms() + 86_400_000, since_ms: None };
    assert_eq!(count(&one.poll(&tomorrow).await.unwrap()), Some(2.0));

    // Some write milliseconds.
    server.feed(&format!("ZADD ms {} ada\nZADD ms {} bob\n", now * 1_000, (now - 400) * 1_000));
    assert_eq!(count(&poll(&mut users(&server, "key = 'ms'")).await), Some(1.0));

    server.tell(&["SET", "text", "x"]);
    let told = users(&server, "key = 'text'").poll(&At { now_ms: now_ms(), since_ms: None }).await.unwrap_err();
    assert_eq!((told.code, told.message.contains("text is no sorted set")), (Code::BadAnswer, true), "{told}");

    server.stop();
    let told = one.poll(&At { now_ms: now_ms(), since_ms: None }).await.unwrap_err();
    assert_eq!(told.code, Code::Unreachable, "{told}");
    server.begin();
    assert_eq!(count(&poll(&mut one).await), Some(0.0));
}

#[tokio::test]
async fn tenants_are_named_or_found() {
    let server = RedisServer::start();
    let now = now_ms() / 1_000;
    server.feed(&format!("ZADD on:acme:u {now} a\nZADD on:acme:u {now} b\nZADD on:globex:u {now} c\nSET on:x 1\n"));
    let named = poll(&mut users(&server, "key = 'on:{tenant}:u'\ntenants = ['acme', 'none']")).await;
    assert_eq!(
        (count(&named), named.snapshots["users"]["tenants"].to_string().as_str()),
        (Some(2.0), r#"[{"count":2.0,"name":"acme"},{"count":0.0,"name":"none"}]"#)
    );
    let mut found = users(&server, "key = 'on:{tenant}:u'");
    let reading = poll(&mut found).await;
    assert_eq!((count(&reading), reading.snapshots["users"]["tenants"][1]["name"].as_str()), (Some(3.0), Some("globex")));
    server.tell(&["DEL", "on:globex:u"]);
    let reading = poll(&mut found).await;
    assert_eq!((count(&reading), reading.snapshots["users"]["tenants"].as_array().unwrap().len()), (Some(2.0), 1));
}

#[tokio::test]
async fn a_count_a_minute_is_read_as_well() {
    let server = RedisServer::start();
    let minute = now_ms() / 60_000;
    server.feed(&format!("PFADD online:{minute} a b\nPFADD online:{} b c\nPFADD online:{} d\n", minute - 1, minute - 20));
    assert_eq!(count(&poll(&mut users(&server, "mode = 'hyperloglog'")).await), Some(3.0));
}

#[tokio::test]
async fn a_reader_of_one_key_is_enough() {
    let server = RedisServer::start();
    server.tell(&["ACL", "SETUSER", "farol", "on", ">s3cr3t", "%R~online:users", "-@all", "+zcount", "+zrange", "+info"]);
    server.tell(&["ZADD", "online:users", &(now_ms() / 1_000).to_string(), "ada"]);
    let mut one = users(&server, "username = 'farol'\npassword = 's3cr3t'");
    assert_eq!(count(&poll(&mut one).await), Some(1.0));
    let tomorrow = At { now_ms: now_ms() + 86_400_000, since_ms: None };
    assert_eq!(count(&one.poll(&tomorrow).await.unwrap()), Some(1.0), "INFO tells the time to who may not ask for it");
    let mut other = users(&server, "key = 'other'\nusername = 'farol'\npassword = 's3cr3t'");
    let told = other.poll(&tomorrow).await.unwrap_err();
    assert_eq!((told.code, told.message.contains("lacks the right to the key")), (Code::Auth, true), "{told}");
}

/// A way to a Redis on which each packet of questions takes 40 ms.
async fn distant(server: &RedisServer) -> String {
    let (near, far) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), server.address());
    let address = near.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = near.accept().await {
            let (mut questions, mut answers) = client.into_split();
            let (mut back, mut forth) = TcpStream::connect(&far).await.unwrap().into_split();
            tokio::spawn(async move { copy(&mut back, &mut answers).await });
            tokio::spawn(async move {
                let mut packet = vec![0; 65_536];
                while let Ok(length @ 1..) = questions.read(&mut packet).await {
                    tokio::time::sleep(Duration::from_millis(40)).await;
                    if forth.write_all(&packet[..length]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    format!("redis://{address}")
}

#[tokio::test]
async fn many_tenants_of_a_distant_redis_are_counted_in_time() {
    let server = RedisServer::start();
    let now = now_ms() / 1_000;
    server.feed(&(0..150).map(|n| format!("ZADD online:users:t{n} {now} ada\n")).collect::<String>());
    let names: Vec<String> = (0..150).map(|n| format!("'t{n}'")).collect();
    let keys = format!("key = 'online:users:{{tenant}}'\ntenants = [{}]\ntimeout = '5s'", names.join(", "));
    // One after the other, 150 tenants would take 12 s.
    let mut one = instance("online_users", &format!("url = '{}'\n{keys}", distant(&server).await));
    assert_eq!(count(&poll(&mut one).await), Some(150.0));
}
