//! Batches that are oversized, malformed or meant to harm: each gets a clear answer, and the collector stays well.

use farol_shared::{
    batch::{Batch, Tables},
    frame::Row,
    limit, wire,
};
use farol_tests::{batches::Maker, collector::Collector, http::Answer, load::Stored, random::Random, wait::now_ms};

fn maker() -> Maker {
    Maker::new(1, now_ms() - 60_000, 1_000, 4)
}

fn post(collector: &Collector, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut client = collector.agent_client();
    let has_type = headers.iter().any(|(name, _)| *name == "Content-Type");
    let mut all = headers.to_vec();
    if !has_type {
        all.push(("Content-Type", wire::CONTENT_TYPE));
    }
    client.send("POST", wire::PATH, &all, body).unwrap_or_else(|error| panic!("no answer: {error}"))
}

/// A batch that was changed after it was made.
fn changed(change: impl FnOnce(&mut Batch)) -> Vec<u8> {
    let mut batch = maker().batch(1);
    change(&mut batch);
    wire::encode(&batch)
}

/// The tables of a batch, changed.
fn with_tables(change: impl FnOnce(&mut Tables)) -> Vec<u8> {
    changed(|batch| {
        let mut tables = wire::decode_tables(&batch.tables).unwrap();
        change(&mut tables);
        batch.tables = wire::encode_tables(&tables).into();
    })
}

/// After whatever was sent: still the same process, healthy, and only what was acknowledged is known.
fn check_well(collector: &mut Collector) {
    assert!(collector.process().ended().is_none(), "the collector ended");
    let known = collector.api().json("/api/v1/resources");
    assert_eq!(known["resources"].as_array().map(Vec::len), Some(0), "a refused batch left something: {known}");
    let maker = maker();
    let answer = post(collector, &[], &maker.body(1));
    assert_eq!(answer.status, 200, "{}", answer.text());
    Stored::one(maker, 1).check(collector);
    collector.wait_health("store", "ok");
}

fn check_refused(answer: &Answer, what: &str, expected: &[u16]) {
    assert!(expected.contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("application/problem+json"), "{what}: {kind}");
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status, "{what}: {problem}");
    assert!(problem["title"].is_string(), "{what}: {problem}");
}

#[test]
fn malformed_batches_are_refused_with_the_reason() {
    let mut collector = Collector::start();
    let good = maker().body(1);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("text", b"hello".to_vec()),
        ("noise", Random::seeded(1).bytes(5_000)),
        ("half a batch", good[..good.len() / 2].to_vec()),
        ("all but the last byte", good[..good.len() - 1].to_vec()),
        ("deep nesting", vec![0x91; 200_000]),
        ("deep maps", [0x81, 0xa1, b'a'].repeat(100_000)),
        ("an array of four billion", vec![0xdd, 0xff, 0xff, 0xff, 0xff]),
        ("a map of four billion", vec![0xdf, 0xff, 0xff, 0xff, 0xff]),
        ("a text of four billion", vec![0x81, 0xa5, b'a', b'g', b'e', b'n', b't', 0xdb, 0xff, 0xff, 0xff, 0xff]),
        ("an agent that is a number", vec![0x81, 0xa5, b'a', b'g', b'e', b'n', b't', 0x07]),
        ("no agent", changed(|batch| batch.agent.clear())),
        ("a long agent", changed(|batch| batch.agent = "x".repeat(limit::KEY_BYTES_MAX + 1))),
        ("seq 0", changed(|batch| batch.seq = 0)),
        ("an infinite value", changed(|batch| batch.frames[0].rows[0].0[0] = f64::INFINITY)),
        ("more rows than resources", changed(|batch| batch.frames[0].rows.push(Row(vec![1.0])))),
        ("more values than series", changed(|batch| batch.frames[0].rows[0].0.push(1.0))),
        ("too many frames", changed(|batch| batch.frames = vec![batch.frames[0].clone(); limit::BATCH_FRAMES_MAX + 1])),
        ("tables that are noise", changed(|batch| batch.tables = Random::seeded(2).bytes(100).into())),
        ("a resource without a key", with_tables(|tables| tables.0[0].resource.key.clear())),
        ("a long resource key", with_tables(|tables| tables.0[0].resource.key = "k".repeat(limit::KEY_BYTES_MAX + 1))),
        ("a long metric name", with_tables(|tables| tables.0[0].series[0].metric = "m".repeat(limit::NAME_BYTES_MAX + 1))),
        (
            "a long value of an attribute",
            with_tables(|tables| {
                tables.0[0].series[0].attributes[0].1 = "v".repeat(limit::VALUE_BYTES_MAX + 1);
            }),
        ),
        (
            "too many attributes",
            with_tables(|tables| {
                tables.0[0].resource.attributes = (0..=limit::ATTRIBUTES_MAX).map(|n| (format!("a{n}"), "v".into())).collect();
            }),
        ),
        (
            "too many series",
            with_tables(|tables| {
                let one = tables.0[0].series[0].clone();
                tables.0[0].series = (0..=limit::RESOURCE_SERIES_MAX)
                    .map(|n| farol_shared::batch::SeriesKey { attributes: vec![("n".into(), n.to_string())], ..one.clone() })
                    .collect();
            }),
        ),
    ];
    for (what, body) in cases {
        check_refused(&post(&collector, &[], &body), what, &[400, 413, 422]);
    }
    check_well(&mut collector);
}

#[test]
fn oversized_and_exploding_batches_are_refused_before_they_fill_memory() {
    let mut collector = Collector::start();
    let before = collector.process().peak_memory();
    let zeros = vec![0_u8; 512 << 20];
    let bomb = zstd::bulk::compress(&zeros, 3).unwrap();
    assert!(bomb.len() < limit::BATCH_BYTES_MAX, "the bomb must fit the door");
    // The same without a stated size, and with one that is a lie.
    let silent = zstd::encode_all(zeros.as_slice(), 3).unwrap();
    let mut liar = bomb.clone();
    let has_window = liar[4] & 0x20 == 0;
    let size_at = if has_window { 6 } else { 5 };
    assert_eq!(liar[size_at..size_at + 4], (512_u32 << 20).to_le_bytes(), "the frame states its size there");
    liar[size_at..size_at + 4].copy_from_slice(&1_000_u32.to_le_bytes());
    drop(zeros);
    let nested = zstd::bulk::compress(&vec![0x91_u8; 7 << 20], 3).unwrap();
    for _ in 0..8 {
        check_refused(&post(&collector, &[("Content-Encoding", "zstd")], &bomb), "a bomb", &[413]);
        check_refused(&post(&collector, &[("Content-Encoding", "zstd")], &silent), "a bomb of unknown size", &[400, 413]);
        check_refused(&post(&collector, &[("Content-Encoding", "zstd")], &liar), "a bomb that lies", &[400, 413]);
        check_refused(&post(&collector, &[("Content-Encoding", "zstd")], &nested), "a nested bomb", &[400, 422]);
        check_refused(&post(&collector, &[], &vec![0; limit::BATCH_BYTES_MAX + 1]), "too large a body", &[413]);
    }
    let grown = collector.process().peak_memory() - before;
    assert!(grown < 96 << 20, "refusing bombs took {grown} bytes");
    check_well(&mut collector);
}

#[test]
fn a_wrong_type_or_encoding_is_named() {
    let mut collector = Collector::start();
    let good = maker().body(1);
    let answer = post(&collector, &[("Content-Type", "application/json")], b"{}");
    check_refused(&answer, "JSON", &[415]);
    check_refused(&post(&collector, &[("Content-Encoding", "gzip")], &good), "gzip", &[415]);
    check_refused(&post(&collector, &[("Content-Encoding", "zstd")], &good), "zstd that is none", &[400, 422]);
    let mut torn = zstd::bulk::compress(&good, 3).unwrap();
    torn.truncate(torn.len() - 3);
    check_refused(&post(&collector, &[("Content-Encoding", "zstd")], &torn), "torn zstd", &[400, 422]);
    check_well(&mut collector);
}

#[test]
fn no_change_of_a_good_batch_makes_the_collector_fail() {
    let seed = Random::seed_of_run();
    eprintln!("FAROL_SEED={seed}");
    let mut random = Random::seeded(seed);
    let mut collector = Collector::start();
    let mut client = collector.agent_client().with("Content-Type", wire::CONTENT_TYPE);
    let good = maker().body(1);
    for round in 0..2_000 {
        let mut body = good.clone();
        for _ in 0..random.between(1, 6) {
            let at = usize::try_from(random.number()).unwrap() % body.len();
            match random.number() % 4 {
                0 => body[at] = random.bytes(1)[0],
                1 => {
                    body[at] = [0xc0, 0xc1, 0xca, 0xcb, 0xcf, 0xd3, 0xdb, 0xdd, 0xdf, 0xff]
                        [usize::try_from(random.number() % 10).unwrap()]
                }
                2 => body.truncate(at.max(1)),
                _ => body.insert(at, random.bytes(1)[0]),
            }
        }
        let answer = client.send("POST", wire::PATH, &[], &body).unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert!(matches!(answer.status, 200 | 400 | 413 | 422), "round {round}: {} {}", answer.status, answer.text());
    }
    assert!(collector.process().ended().is_none(), "the collector ended");
    collector.wait_health("store", "ok");
    collector.stop();
    collector.restart();
    collector.wait_health("store", "ok");
}

#[test]
fn half_requests_and_idle_connections_hold_nobody_up() {
    use std::{io::Write, net::TcpStream};
    let mut collector = Collector::start();
    let half = format!("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nAuthorization: Bearer ", wire::PATH);
    let mut open = Vec::new();
    for number in 0..300 {
        let mut stream = TcpStream::connect(collector.address()).unwrap();
        if number % 2 == 0 {
            stream.write_all(half.as_bytes()).unwrap();
        }
        open.push(stream);
    }
    check_well(&mut collector);
    drop(open);
}

#[test]
fn wrong_questions_get_an_answer_that_names_the_fault() {
    let mut collector = Collector::start();
    let mut api = collector.api();
    for path in [
        "/api/v1/query",
        "/api/v1/query?metric=",
        "/api/v1/query?metric=x&from=yesterday",
        "/api/v1/query?metric=x&from=2000&to=1000",
        "/api/v1/query?metric=x&resource=abc",
        "/api/v1/query?metric=x&aggregate=median",
        "/api/v1/query?metric=x&across=everything",
        "/api/v1/query?metric=x&step=-5",
        "/api/v1/query?metric=x&from=0&to=9223372036854775807&step=1",
        "/api/v1/query?metric=x&from=-9223372036854775808&to=9223372036854775807",
        "/api/v1/query?metric=x&points=99999999999999999999",
        "/api/v1/series?resource=abc",
        "/api/v1/completeness?from=x",
        "/api/monitoring/history?minutes=-1",
    ] {
        let answer = api.get(path);
        assert!((400..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
        assert!(answer.json()["detail"].is_string() || answer.json()["title"].is_string(), "{path}: {}", answer.text());
    }
    for path in ["/api/v1/nothing", "/api/v1/query/deeper"] {
        assert_eq!(api.get(path).status, 404, "{path}");
    }
    collector.wait_health("store", "ok");
}
