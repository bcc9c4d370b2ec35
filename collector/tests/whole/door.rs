//! What comes in at the agents' door: once, whole, and only from those who may.

use farol_shared::{limit, wire};

use crate::harness::{AGENT_TOKEN, Collector, batch, now_ms, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_sent_twice_is_stored_once_and_survives_a_restart() {
    let (collector, dir) = Collector::fresh().await;
    let start = now_ms() - 5_000;
    let first = batch("host:a", 7, 1, &[(start, 10.0, 100.0), (start + 1_000, 20.0, 150.0)]);
    for _ in 0..2 {
        assert_eq!(collector.store(&first).await.seq, 1);
    }
    let question = format!("/api/v1/query?metric=system.linux.memory.available&aggregate=raw&from={start}&to={}", start + 2_000);
    let expected = serde_json::json!([[start, 10.0], [start + 1_000, 20.0]]);
    let token = collector.sign_in().await;
    assert_eq!(collector.json(&token, &question).await["series"][0]["points"], expected);
    let books = collector.json(&token, &format!("/api/v1/completeness?from={}", start - 60_000)).await;
    let book = &books["agents"][0];
    assert_eq!((book["agent"].as_str(), book["stored"].as_u64(), book["missing"].as_u64()), (Some("host:a"), Some(4), Some(0)));
    let metrics = collector.ask("GET", "/metrics", &[("authorization", &format!("Bearer {AGENT_TOKEN}"))], b"").await.text();
    assert!(metrics.contains("farol_collector_ingest_batches_total{farol_outcome=\"repeated\"} 1"), "{metrics}");
    collector.stop().await;

    let collector = Collector::start(settings(dir.path())).await;
    assert_eq!(collector.store(&first).await.seq, 1, "the repeat is known after a restart too");
    let token = collector.sign_in().await;
    assert_eq!(collector.json(&token, &question).await["series"][0]["points"], expected);
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_batch_is_as_good_as_a_plain_one() {
    let (collector, _dir) = Collector::fresh().await;
    let body = zstd::bulk::compress(&wire::encode(&batch("host:a", 1, 1, &[(now_ms(), 1.0, 2.0)])), 1).unwrap();
    let reply = collector.post(&body, &[("content-encoding", "zstd"), ("farol-sent-ms", "5")]).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_is_answered_and_leaves_nothing() {
    let (collector, _dir) = Collector::fresh().await;
    let mut probe = batch("host:probe", 0, 1, &[]);
    probe.tables.clear();
    assert_eq!(collector.store(&probe).await.seq, 1);
    let token = collector.sign_in().await;
    assert_eq!(collector.json(&token, "/api/v1/resources").await["resources"], serde_json::json!([]));
    collector.stop().await;
}

/// What it is, the body, headers that differ, and the status of the answer.
type Case<'a> = (&'a str, Vec<u8>, Vec<(&'a str, &'a str)>, u16);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_batch_is_refused_with_a_reason_and_the_next_one_is_taken() {
    let (collector, _dir) = Collector::fresh().await;
    let good = wire::encode(&batch("host:a", 1, 1, &[(now_ms(), 1.0, 2.0)]));
    let with = |change: &dyn Fn(&mut farol_shared::batch::Batch)| {
        let mut batch = batch("host:a", 1, 1, &[(now_ms(), 1.0, 2.0)]);
        change(&mut batch);
        wire::encode(&batch)
    };
    let bomb = zstd::bulk::compress(&vec![0; limit::BATCH_DECODED_BYTES_MAX + 1], 1).unwrap();
    let zstd = ("content-encoding", "zstd");
    let cases: Vec<Case<'_>> = vec![
        ("empty", vec![], vec![], 400),
        ("noise", vec![0xc1; 1_000], vec![], 400),
        ("deeply nested", vec![0x91; 100_000], vec![], 400),
        ("a map that claims four billion entries", vec![0xdf, 0xff, 0xff, 0xff, 0xff], vec![], 400),
        ("cut in the middle", good[..good.len() / 2].to_vec(), vec![], 400),
        ("too long", vec![0; limit::BATCH_BYTES_MAX + 1], vec![], 413),
        ("a bomb", bomb, vec![zstd], 413),
        ("no zstd", good.clone(), vec![zstd], 400),
        ("gzip", good.clone(), vec![("content-encoding", "gzip")], 415),
        ("another type", good.clone(), vec![("content-type", "application/json")], 415),
        ("a later version", good.clone(), vec![("content-type", "application/vnd.farol.batch+msgpack; version=2")], 415),
        ("no agent", with(&|batch| batch.agent.clear()), vec![], 422),
        ("no seq", with(&|batch| batch.seq = 0), vec![], 422),
        ("an infinite value", with(&|batch| batch.frames[0].rows[0].0[0] = f64::INFINITY), vec![], 422),
        ("next year", with(&|batch| batch.frames[0].time_ms += 365 * 86_400_000), vec![], 422),
        ("broken tables", with(&|batch| batch.tables.truncate(5)), vec![], 422),
        ("more values than series", with(&|batch| batch.frames[0].rows[0].0.push(1.0)), vec![], 422),
    ];
    for (what, body, headers, status) in &cases {
        let reply = collector.post(body, headers).await;
        assert_eq!(reply.status, *status, "{what}: {}", reply.text());
        assert_eq!(reply.headers["content-type"], "application/problem+json", "{what}");
        assert!(!reply.json()["detail"].as_str().unwrap().is_empty(), "{what}");
    }
    assert_eq!(collector.post(&good, &[]).await.status, 200);
    let metrics = collector.ask("GET", "/metrics", &[("authorization", &format!("Bearer {AGENT_TOKEN}"))], b"").await.text();
    assert!(metrics.contains("farol_collector_ingest_batches_total{farol_outcome=\"stored\"} 1"), "{metrics}");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_opens_to_agents_only_and_the_api_to_people_only() {
    let (collector, _dir) = Collector::fresh().await;
    let body = wire::encode(&batch("host:a", 1, 1, &[(now_ms(), 1.0, 2.0)]));
    let person = format!("Bearer {}", collector.sign_in().await);
    for token in ["", "Bearer", "Bearer wrong-token-of-somebody", person.as_str()] {
        let reply = collector.post(&body, &[("authorization", token)]).await;
        assert_eq!(reply.status, 401, "{token}");
    }
    let agent = format!("Bearer {AGENT_TOKEN}");
    for path in ["/api/v1/resources", "/api/v1/series", "/api/v1/query?metric=a", "/api/monitoring/current", "/api/auth/me"] {
        assert_eq!(collector.ask("GET", path, &[], b"").await.status, 401, "{path}");
        assert_eq!(collector.ask("GET", path, &[("authorization", &agent)], b"").await.status, 401, "{path}");
    }
    assert_eq!(collector.ask("GET", "/metrics", &[], b"").await.status, 401);
    assert_eq!(collector.ask("GET", "/metrics", &[("authorization", &person)], b"").await.status, 200);
    collector.stop().await;
}
