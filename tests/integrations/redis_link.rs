//! The link to Redis: every way to reach one, and what is told when there is none.

use std::time::Duration;

use farol_collector::{
    pull::Code,
    redis_link::{Config, Link, Target},
};
use farol_tests::redis_server::{RedisCluster, RedisServer, SentinelSet};
use futures_util::StreamExt as _;

/// Long enough for a busy machine.
const WITHIN: Duration = Duration::from_secs(20);

fn target(url: Option<&str>, keys: &str) -> Target {
    Target::read(url, &Config::take(&mut keys.parse().unwrap()).unwrap()).unwrap()
}

async fn get(link: &Link, key: &str) -> Option<String> {
    link.by_key(key.as_bytes(), redis::cmd("GET").arg(key)).await.unwrap()
}

#[tokio::test]
async fn a_link_reaches_a_plain_server_and_says_why_it_does_not() {
    let mut server = RedisServer::with(&["--requirepass", "s3cr3t"]);
    server.tell(&["SET", "a", "1"]);
    let url = server.url();
    let link = target(Some(&url), "password = 's3cr3t'").connect(WITHIN).await.unwrap();
    assert_eq!(get(&link, "a").await.as_deref(), Some("1"));
    assert!(server.ask(&["CLIENT", "LIST"]).contains("name=farol-collector"));

    let told = target(Some(&url), "").connect(WITHIN).await.unwrap().run::<String>(&redis::cmd("PING")).await.unwrap_err();
    assert_eq!((told.code, told.message.contains("wants a password")), (Code::Auth, true), "{told}");
    let told = target(Some(&url), "password = 's3cr3t-not'").connect(WITHIN).await.unwrap_err();
    assert_eq!((told.code, told.message.contains("s3cr3t")), (Code::Auth, false), "{told}");

    server.stop();
    link.run::<String>(&redis::cmd("PING")).await.unwrap_err();
    assert!(link.is_broken());
    let told = target(Some(&url), "password = 's3cr3t'").connect(WITHIN).await.unwrap_err();
    assert_eq!((told.code, told.message.contains("refused")), (Code::Unreachable, true), "{told}");
    let told = target(Some("redis://nowhere.invalid"), "").connect(WITHIN).await.unwrap_err();
    assert_eq!((told.code, told.message.contains("nowhere.invalid")), (Code::Unreachable, true), "{told}");
}

#[tokio::test]
async fn a_link_speaks_tls_with_an_authority_of_its_own() {
    let server = RedisServer::tls(&[]);
    let trusts = format!("ca_file = '{}'", server.ca_file().display());
    let link = target(Some(&server.url()), &trusts).connect(WITHIN).await.unwrap();
    assert_eq!(link.run::<String>(&redis::cmd("PING")).await.unwrap(), "PONG");

    let told = target(Some(&server.url()), "").connect(WITHIN).await.unwrap_err();
    assert_eq!((told.code, told.message.contains("ca_file")), (Code::Unreachable, true), "{told}");
    let told = target(Some(&format!("redis://{}", server.address())), "").connect(WITHIN).await.unwrap_err();
    assert_eq!((told.code, told.message.contains("rediss://")), (Code::Unreachable, true), "{told}");
    let plain = RedisServer::start();
    let told = target(Some(&format!("rediss://{}", plain.address())), "").connect(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!((told.code, told.message.contains("write redis://")), (Code::Unreachable, true), "{told}");
}

#[tokio::test]
async fn a_link_takes_a_socket_another_database_and_a_listener() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let server = RedisServer::with(&["--unixsocket", path.to_str().unwrap()]);
    let target = target(Some(&format!("unix://{}?db=2", path.display())), "");
    let link = target.connect(WITHIN).await.unwrap();
    link.run::<()>(redis::cmd("SET").arg("a").arg(1)).await.unwrap();
    assert_eq!(server.cli(&["-n", "2"], &["GET", "a"]), "1");
    let other = target.with_database(3).connect(WITHIN).await.unwrap();
    assert_eq!(get(&other, "a").await, None);

    let mut listener = target.subscriber(WITHIN).await.unwrap();
    listener.subscribe("news").await.unwrap();
    server.tell(&["PUBLISH", "news", "hello"]);
    let heard = listener.on_message().next().await.unwrap();
    assert_eq!(heard.get_payload::<String>().unwrap(), "hello");
}

#[tokio::test]
async fn a_link_of_a_cluster_finds_each_key() {
    let cluster = RedisCluster::start();
    let link = target(Some(&cluster.url()), "cluster = true").connect(WITHIN).await.unwrap();
    assert_eq!((link.nodes().count(), link.is_cluster()), (3, true));
    for n in 0..50 {
        let key = format!("key{n}");
        link.by_key::<()>(key.as_bytes(), redis::cmd("SET").arg(&key).arg(n)).await.unwrap();
    }
    let held: Vec<i64> = link.on_all(&redis::cmd("DBSIZE")).await.into_iter().map(|(_, answer)| answer.unwrap()).collect();
    assert_eq!((held.iter().sum::<i64>(), held.iter().filter(|held| **held > 0).count()), (50, 3), "{held:?}");

    // Who did not say that it is a cluster is told.
    let plain = target(Some(&cluster.url()), "").connect(WITHIN).await.unwrap();
    let mut told = Vec::new();
    for n in 0..50 {
        told.extend(plain.run::<Option<String>>(redis::cmd("GET").arg(format!("key{n}"))).await.err());
    }
    assert!(told.iter().all(|told| told.message.contains("cluster = true")) && !told.is_empty(), "{told:?}");
    let alone = RedisServer::start();
    let told = target(Some(&alone.url()), "cluster = true").connect(WITHIN).await.unwrap_err();
    assert!(told.message.contains("remove cluster = true"), "{told}");
}

#[tokio::test]
async fn a_link_through_sentinel_follows_the_master() {
    let set = SentinelSet::with(
        &["--requirepass", "s3cr3t", "--masterauth", "s3cr3t"],
        &["sentinel auth-pass mymaster s3cr3t", "requirepass s3nt1nel"],
    );
    let keys =
        format!("sentinels = {}\nmaster = 'mymaster'\npassword = 's3cr3t'\nsentinel_password = 's3nt1nel'", set.addresses());
    let target = target(None, &keys);
    let link = target.connect(WITHIN).await.unwrap();
    assert_eq!(link.first().name(), set.master());
    link.run::<()>(redis::cmd("SET").arg("a").arg("1")).await.unwrap();
    set.fail_over();
    let name = loop {
        // Between the Sentinels' word and the servers' deed there is a moment; a link never ends at a replica.
        if let Ok(link) = target.connect(WITHIN).await {
            break link.first().name().to_owned();
        }
    };
    assert_eq!(name, set.master());
    assert_ne!(name, set.servers[0].address());
    let told = self::target(None, &keys.replace("mymaster", "other")).connect(WITHIN).await.unwrap_err();
    assert!(told.message.contains("knows no master called other"), "{told}");
}
