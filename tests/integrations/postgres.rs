//! PostgreSQL: real servers, with and without the rights, with TLS, under load, down and up again.

use std::{
    net::{Ipv4Addr, TcpListener},
    time::Instant,
};

use farol_collector::pull::{Code, Instance, PollError, Reading};
use farol_shared::catalog;
use farol_tests::{
    postgres_server::{CONNECTIONS_MAX, PostgresServer},
    wait::PATIENCE,
};
use serde_json::Value;
use tokio_postgres::{Client, NoTls};

use crate::faults::{instance, poll};

const PASSWORD: &str = "s3cr3t, with a 'quote'";

/// Polls until the answer is as it should be: the server counts with a delay.
async fn until(instance: &mut Instance, what: &str, holds: impl Fn(&Reading, &Value) -> bool) -> Reading {
    let began = Instant::now();
    loop {
        let told = poll(instance).await;
        if let Ok(reading) = &told
            && reading.snapshots.get("postgres").is_some_and(|view| holds(reading, view))
        {
            return told.unwrap();
        }
        assert!(began.elapsed() < PATIENCE, "waited for {what}: {told:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

fn toml(server: &PostgresServer, user: &str, more: &str) -> String {
    format!("url = \"{}\"\npassword = \"{PASSWORD}\"\n{more}", server.url("localhost", user, "app"))
}

async fn refused(toml: &str) -> PollError {
    let error = poll(&mut instance("postgres", toml)).await.unwrap_err();
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
    error
}

async fn client(server: &PostgresServer) -> Client {
    let mut settings = tokio_postgres::Config::new();
    settings.host("127.0.0.1").port(server.port).user("app").dbname("app").password(PASSWORD);
    let (client, connection) = settings.connect(NoTls).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    client
}

fn prepare(server: &PostgresServer) {
    let quoted = PASSWORD.replace('\'', "''");
    for role in ["app", "farol", "plain", "secure"] {
        server.sql("postgres", &format!("create role {role} login password '{quoted}'"));
    }
    server.sql("postgres", "create database app owner app");
    server.sql("postgres", "create database private");
    server.sql("postgres", "revoke connect on database private from public");
    server.sql("postgres", "grant pg_monitor to farol, secure");
    server.sql("app", "create table stock (id int primary key, count int); insert into stock values (1, 1), (2, 2)");
    server.sql("app", "grant all on stock to app");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_server_is_told_as_it_is() {
    let mut server = tokio::task::spawn_blocking(PostgresServer::start).await.unwrap();
    prepare(&server);
    a_monitor_sees_everything(&server).await;
    a_role_without_the_right_is_told_which_it_lacks(&server).await;
    a_long_query_and_a_lock_are_seen_without_their_text(&server).await;
    a_deadlock_is_counted(&server).await;
    the_limit_of_connections_is_seen_before_and_when_it_is_reached(&server).await;
    wrong_credentials_are_told(&server).await;
    encryption_is_as_it_is_asked_for(&server).await;
    a_replica_is_followed_from_both_ends(&server).await;
    a_restart_is_survived(&mut server).await;
}

async fn a_monitor_sees_everything(server: &PostgresServer) {
    let mut one = instance("postgres", &toml(server, "farol", "dead_tuples = true"));
    let reading = poll(&mut one).await.unwrap();
    assert!(reading.missing.is_empty(), "{:?}", reading.missing);
    let view = &reading.snapshots["postgres"];
    assert!(view["version"].as_str().unwrap().starts_with(char::is_numeric), "{view}");
    assert_eq!((&view["is_replica"], &view["deadlocks"]), (&Value::from(false), &Value::from(0.0)));
    assert!(view["connections"].as_f64().unwrap() >= 1.0);
    assert_eq!(reading.value(&catalog::DB_CONNECTIONS_MAX, &[]), Some(20.0));
    let databases = view["databases"].as_array().unwrap();
    assert!(databases.iter().all(|database| database["size"].as_f64().unwrap() > 1e6), "{view}");
    assert!(view["size"].as_f64().unwrap() > 3e6 && databases.iter().any(|database| database["name"] == "private"));
    assert!(reading.value(&catalog::POSTGRES_COMMITS, &[("db.namespace", "app")]).is_some());
    assert_eq!(view["worst_table"]["name"], "public.stock");
    assert_eq!(view["longest_query_s"], 0.0, "its own query is none");
    let session = "select application_name from pg_stat_activity where usename = 'farol'";
    assert_eq!(server.sql("postgres", session), "farol-collector", "one session, which is kept");
    poll(&mut one).await.unwrap();
    assert_eq!(server.sql("postgres", session), "farol-collector");
    until(&mut one, "a ratio of the cache between two polls", |reading, view| {
        reading.value(&catalog::POSTGRES_CACHE_HIT_RATIO, &[]).is_some_and(|ratio| (0.0..=1.0).contains(&ratio))
            && view["cache_hit_ratio_lifetime"].is_number()
    })
    .await;
    assert!(one.target().ends_with("/app"), "{}", one.target());
}

async fn a_role_without_the_right_is_told_which_it_lacks(server: &PostgresServer) {
    let reading = poll(&mut instance("postgres", &toml(server, "plain", ""))).await.unwrap();
    let (part, error) = &reading.missing[0];
    assert_eq!((*part, error.code, reading.missing.len()), ("sessions", Code::Auth, 1));
    assert!(error.message.contains("GRANT pg_monitor TO plain"), "{error}");
    let view = &reading.snapshots["postgres"];
    assert_eq!((&view["states"], &view["longest_query_s"], &view["size"]), (&Value::Null, &Value::Null, &Value::Null));
    assert!(view["connections"].as_f64().unwrap() >= 1.0, "it is known how many there are");
    let of = |name: &str| view["databases"].as_array().unwrap().iter().find(|database| database["name"] == name).unwrap().clone();
    assert!(of("app")["size"].is_number() && of("private")["size"].is_null(), "only what it may connect to is measured");
}

async fn a_long_query_and_a_lock_are_seen_without_their_text(server: &PostgresServer) {
    let (holder, waiter) = (client(server).await, client(server).await);
    holder.batch_execute("begin; lock table stock").await.unwrap();
    let waiting = tokio::spawn(async move { waiter.batch_execute("select count from stock /* a_secret_remark */").await });
    let mut one = instance("postgres", &toml(server, "farol", ""));
    let reading = until(&mut one, "a query that waits for a lock", |_, view| {
        view["locks_waiting"] == 1.0
            && view["longest_query_s"].as_f64().is_some_and(|age| age > 0.0)
            && view["longest_idle_in_transaction_s"].as_f64().is_some_and(|age| age > 0.0)
    })
    .await;
    let view = &reading.snapshots["postgres"];
    assert_eq!(view["longest_query_state"], "active, waits for a lock");
    assert!(reading.value(&catalog::POSTGRES_LONGEST_QUERY, &[]).is_some_and(|age| age > 0.0));
    let idle = [("postgresql.connection.state", "idle_in_transaction")];
    assert_eq!(reading.value(&catalog::POSTGRES_CONNECTIONS, &idle), Some(1.0));
    assert!(!format!("{reading:?}").contains("a_secret_remark"));
    holder.batch_execute("commit").await.unwrap();
    waiting.await.unwrap().unwrap();
    until(&mut one, "the end of the wait", |_, view| view["locks_waiting"] == 0.0 && view["longest_query_s"] == 0.0).await;
}

async fn a_deadlock_is_counted(server: &PostgresServer) {
    let (one, two) = (client(server).await, client(server).await);
    for (client, row) in [(&one, 1), (&two, 2)] {
        client.batch_execute(&format!("begin; update stock set count = 0 where id = {row}")).await.unwrap();
    }
    let (first, second) = tokio::join!(
        one.batch_execute("update stock set count = 0 where id = 2"),
        two.batch_execute("update stock set count = 0 where id = 1")
    );
    assert!(first.is_err() != second.is_err(), "one of them had to give way: {first:?} {second:?}");
    drop((one, two));
    let mut watch = instance("postgres", &toml(server, "farol", ""));
    let reading = until(&mut watch, "the deadlock", |_, view| view["deadlocks"] == 1.0).await;
    assert_eq!(reading.value(&catalog::POSTGRES_DEADLOCKS, &[("db.namespace", "app")]), Some(1.0));
    assert_eq!(reading.value(&catalog::POSTGRES_DEADLOCKS, &[("db.namespace", "private")]), Some(0.0));
}

async fn the_limit_of_connections_is_seen_before_and_when_it_is_reached(server: &PostgresServer) {
    let mut one = instance("postgres", &toml(server, "farol", ""));
    until(&mut one, "the others to be gone", |_, view| view["connections"] == 1.0).await;
    let mut holders = Vec::new();
    while holders.len() < CONNECTIONS_MAX - 4 {
        holders.push(client(server).await);
    }
    let reading = until(&mut one, "17 of 20 connections", |_, view| view["connections"] == 17.0).await;
    assert_eq!(reading.snapshots["postgres"]["connections_max"], 20.0);
    assert_eq!(reading.value(&catalog::DB_CONNECTIONS, &[("db.namespace", "app")]), Some(17.0));
    // What is left is kept for superusers.
    let full = refused(&toml(server, "farol", "")).await;
    assert!(full.code == Code::Unreachable && full.message.contains("no connection is left"), "{full}");
    drop(holders);
    until(&mut one, "room again", |_, view| view["connections"] == 1.0).await;
}

async fn wrong_credentials_are_told(server: &PostgresServer) {
    let url = server.url("localhost", "farol", "app");
    let wrong = refused(&format!("url = \"{url}\"\npassword = \"s3cr3t-wrong\"")).await;
    assert!(wrong.code == Code::Auth && wrong.message.contains("password authentication failed"), "{wrong}");
    let none = refused(&format!("url = \"{url}\"")).await;
    assert!(none.code == Code::Auth && none.message.contains("password_env"), "{none}");
    let stranger = refused(&toml(server, "stranger", "")).await;
    assert_eq!(stranger.code, Code::Auth);
    let nowhere = format!("url = \"{}\"\npassword = \"{PASSWORD}\"", server.url("localhost", "farol", "none"));
    let missing = refused(&nowhere).await;
    assert!(missing.code == Code::BadAnswer && missing.message.contains("\"none\" does not exist"), "{missing}");
    let barred = format!("url = \"{}\"\npassword = \"{PASSWORD}\"", server.url("localhost", "plain", "private"));
    let barred = refused(&barred).await;
    assert!(barred.code == Code::Auth && barred.message.contains("GRANT CONNECT"), "{barred}");
}

async fn encryption_is_as_it_is_asked_for(server: &PostgresServer) {
    let session = "select ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'farol-collector'";
    let trusted = format!("sslmode = \"verify-full\"\nca_file = \"{}\"", server.certificate().display());
    for (more, is_encrypted) in
        [("sslmode = \"disable\"", "f"), ("", "t"), ("sslmode = \"require\"", "t"), (trusted.as_str(), "t")]
    {
        let mut one = instance("postgres", &toml(server, "farol", more));
        poll(&mut one).await.unwrap_or_else(|error| panic!("{more}: {error}"));
        let began = Instant::now();
        // The session of the one before may still be ending.
        while server.sql("postgres", session) != is_encrypted {
            assert!(began.elapsed() < PATIENCE, "{more}: {}", server.sql("postgres", session));
        }
    }
    let unknown = refused(&toml(server, "farol", "sslmode = \"verify-full\"")).await;
    assert!(unknown.code == Code::Unreachable && unknown.message.contains("certificate"), "{unknown}");
    let by_number = format!("url = \"{}\"\npassword = \"{PASSWORD}\"\n{trusted}", server.url("127.0.0.1", "farol", "app"));
    assert!(refused(&by_number).await.message.contains("not valid for name"), "the certificate is for localhost");
    poll(&mut instance("postgres", &toml(server, "secure", "sslmode = \"require\""))).await.unwrap();
    assert_eq!(refused(&toml(server, "secure", "sslmode = \"disable\"")).await.code, Code::Auth);
    let plain = tokio::task::spawn_blocking(PostgresServer::start_plain).await.unwrap();
    prepare(&plain);
    let offered = refused(&toml(&plain, "farol", "sslmode = \"require\"")).await;
    assert!(offered.code == Code::Unreachable && offered.message.contains("TLS"), "{offered}");
    poll(&mut instance("postgres", &toml(&plain, "farol", ""))).await.unwrap();
}

async fn a_replica_is_followed_from_both_ends(server: &PostgresServer) {
    let replica = tokio::task::block_in_place(|| server.replica());
    let mut primary = instance("postgres", &toml(server, "farol", ""));
    let reading = until(&mut primary, "the replica to have everything", |_, view| {
        let first = &view["replication"][0];
        first["state"] == "streaming" && first["lag_bytes"] == 0.0
    })
    .await;
    let client = [("postgresql.replication.client", "walreceiver")];
    assert_eq!(reading.value(&catalog::POSTGRES_REPLICATION_DELAY, &client), Some(0.0));
    assert!(reading.snapshots["postgres"]["replication"][0]["lag_s"].is_number());
    let mut follower = instance("postgres", &toml(&replica, "farol", ""));
    let reading = until(&mut follower, "no lag", |_, view| view["is_replica"] == true && view["replica_lag_s"] == 0.0).await;
    assert!(reading.missing.is_empty(), "{:?}", reading.missing);
    assert_eq!(reading.value(&catalog::POSTGRES_REPLICA_LAG, &[]), Some(0.0));

    // A replica tells its lag from the newest transaction that it has replayed, so there must be one.
    server.sql("app", "insert into stock values (3, 3)");
    until(&mut primary, "it to be replayed", |_, view| view["replication"][0]["lag_bytes"] == 0.0).await;
    replica.sql("postgres", "select pg_wal_replay_pause()");
    server.sql("app", "insert into stock select n, n from generate_series(10, 5000) n");
    until(&mut primary, "a replica that stands still", |_, view| {
        view["replication"][0]["lag_bytes"].as_f64().is_some_and(|lag| lag > 0.0)
    })
    .await;
    until(&mut follower, "its own lag", |_, view| view["replica_lag_s"].as_f64().is_some_and(|lag| lag > 0.0)).await;

    // It has replayed all that it received, but receives nothing any more: that is no replica that is up to date.
    replica.sql("postgres", "select pg_wal_replay_resume()");
    until(&mut follower, "no lag again", |_, view| view["replica_lag_s"] == 0.0).await;
    replica.sql("postgres", "alter system set primary_conninfo = 'host=127.0.0.1 port=1'");
    replica.sql("postgres", "select pg_reload_conf()");
    until(&mut follower, "the lag of a cut replica", |_, view| view["replica_lag_s"].as_f64().is_some_and(|lag| lag > 0.0)).await;
    drop(replica);
    until(&mut primary, "no replica", |_, view| view["replication"] == serde_json::json!([])).await;
}

async fn a_restart_is_survived(server: &mut PostgresServer) {
    let mut one = instance("postgres", &toml(server, "farol", "timeout = \"5s\""));
    poll(&mut one).await.unwrap();
    let dir = tokio::task::block_in_place(|| server.stop());
    let down = poll(&mut one).await.unwrap_err();
    assert_eq!(down.code, Code::Unreachable, "{down}");
    tokio::task::block_in_place(|| server.start_again(dir));
    let reading = poll(&mut one).await.unwrap();
    assert!(reading.missing.is_empty(), "{:?}", reading.missing);
    // A restart between two polls is noticed when the kept session is asked, and costs no poll.
    tokio::task::block_in_place(|| {
        let dir = server.stop();
        server.start_again(dir);
    });
    poll(&mut one).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told() {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let refusing = refused(&format!("url = \"postgres://farol@127.0.0.1:{closed}/app\"")).await;
    assert!(refusing.code == Code::Unreachable && refusing.message.contains("refused"), "{refusing}");
    let nowhere = refused("url = \"postgres://farol@nowhere.invalid/app\"").await;
    assert_eq!(nowhere.code, Code::Unreachable, "{nowhere}");
}

#[tokio::test]
async fn a_server_that_hangs_or_talks_nonsense_ends_in_time() {
    let silent = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = silent.local_addr().unwrap();
    let late = refused(&format!("timeout = \"300ms\"\nurl = \"postgres://farol@{address}/app\"")).await;
    assert_eq!(late.code, Code::Unreachable);
    let speaking = tokio::spawn(async move {
        loop {
            let (mut stream, _) = silent.accept().await.unwrap();
            drop(tokio::io::AsyncWriteExt::write_all(&mut stream, b"N\xff\xff\xff\xff\xff nonsense").await);
        }
    });
    let nonsense = refused(&format!("timeout = \"2s\"\nurl = \"postgres://farol@{address}/app\"")).await;
    assert!([Code::Unreachable, Code::BadAnswer].contains(&nonsense.code), "{nonsense}");
    speaking.abort();
}
