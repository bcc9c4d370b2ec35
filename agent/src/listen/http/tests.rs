//! Tests over loopback, with requests written byte by byte where a client would not send them so.

use std::{future::Future, io::Write};

use flate2::{Compression, write::GzEncoder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::LocalSet,
};

use super::*;
use crate::listen::trial::Trial;

const REQUEST: &str = r#"{"method":"GET","path":"/a","status":200,"duration_ms":1}"#;

/// Runs a listener on a free port beside `work`.
fn beside<F: Future<Output = ()>>(work: impl FnOnce(SocketAddr, Rc<RefCell<Trial>>) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let trial = Rc::new(RefCell::new(Trial::new()));
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::task::spawn_local(accept(listener, false, trial.borrow().context.clone()));
        work(address, Rc::clone(&trial)).await;
        trial.borrow().stop.send_replace(true);
        serving.await.unwrap().unwrap();
    });
}

/// Sends bytes and reads until the other side closes.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn post_json(path: &str, body: &str) -> Vec<u8> {
    post(path, "Content-Type: application/json\r\n", body.as_bytes())
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or_default()
}

#[test]
fn one_or_many_are_accepted_and_counted() {
    beside(|address, trial| async move {
        let answer = exchange(address, &post_json("/v1/requests", &format!("[{REQUEST},{REQUEST}]"))).await;
        assert!(answer.starts_with("HTTP/1.1 202 Accepted\r\n") && answer.ends_with(r#"{"accepted":2}"#), "{answer}");
        for (path, body) in [
            ("/v1/requests", REQUEST),
            ("/v1/events", r#"{"type":"order.paid","payload":{"user":"ana"}}"#),
            ("/v1/metrics", r#"{"name":"queue","value":7}"#),
            ("/v1/logs", r#"{"severity":"error","message":"no"}"#),
        ] {
            let answer = exchange(address, &post_json(path, body)).await;
            assert!(answer.ends_with(r#"{"accepted":1}"#), "{path}: {answer}");
        }
        let (mut records, values) = trial.borrow_mut().drain();
        let own = records.remove("service:own").unwrap();
        assert_eq!((own.requests[0].count, own.logs.len()), (3, 1));
        assert_eq!(own.events[0].payload, r#"{"user":"***"}"#);
        assert_eq!(values.get("queue"), Some(&7.0));
        assert_eq!(values.get("farol.agent.records.received{farol.receiver=http}"), Some(&6.0));
    });
}

#[test]
fn a_wrong_item_refuses_the_whole_body_and_is_named() {
    beside(|address, trial| async move {
        let body = format!(r#"[{REQUEST},{{"method":"GET","status":"ok","duration_ms":1}}]"#);
        let answer = exchange(address, &post_json("/v1/requests", &body)).await;
        assert_eq!(status(&answer), "422");
        assert!(answer.contains("content-type: application/problem+json\r\n"), "{answer}");
        let (_, problem) = answer.split_once("\r\n\r\n").unwrap();
        let problem: serde_json::Value = serde_json::from_str(problem).unwrap();
        assert_eq!((&problem["index"], &problem["field"], &problem["status"]), (&1.into(), &"status".into(), &422.into()));
        assert_eq!(problem["detail"], "Nothing was taken: item 1: status must be a whole number.");
        let (records, values) = trial.borrow_mut().drain();
        assert!(records.is_empty());
        assert_eq!(values.get("farol.agent.records.dropped{farol.cause=malformed,farol.kind=request}"), Some(&2.0));
    });
}

#[test]
fn what_is_not_understood_is_refused_with_the_right_status() {
    beside(|address, _trial| async move {
        let json = "Content-Type: application/json\r\n";
        for (expected, bytes) in [
            ("404", post_json("/v1/nothing", "{}")),
            ("405", b"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".to_vec()),
            ("405", b"OPTIONS /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".to_vec()),
            ("415", post("/v1/events", "Content-Type: text/plain\r\n", b"{}")),
            ("415", post("/v1/events", "", b"{}")),
            ("415", post("/v1/events", "Content-Type: application/x-protobuf\r\n", b"")),
            ("415", post("/v1/events", &format!("{json}Content-Encoding: br\r\n"), b"{}")),
            ("400", post("/v1/events", &format!("{json}Content-Encoding: gzip\r\n"), b"{}")),
            ("400", post_json("/v1/events", "{")),
            ("400", post("/v1/events", json, b"\xff")),
            ("403", post("/v1/events", &format!("{json}Origin: https://evil.example\r\n"), b"{}")),
            ("403", b"GET /health HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n".to_vec()),
            ("400", b"nonsense\r\n\r\n".to_vec()),
            ("200", b"GET /health HTTP/1.1\r\nHost: localhost:4318\r\nConnection: close\r\n\r\n".to_vec()),
            ("202", post("/v1/events", &format!("{json}Content-Encoding: gzip\r\n"), &gzip(br#"{"type":"a"}"#))),
        ] {
            let answer = exchange(address, &bytes).await;
            assert_eq!(status(&answer), expected, "{answer} for {}", String::from_utf8_lossy(&bytes));
        }
    });
}

#[test]
fn bodies_that_are_too_large_are_refused_as_they_come() {
    beside(|address, trial| async move {
        let large = vec![b' '; body::BODY_BYTES_MAX + 1];
        let answer = exchange(address, &post("/v1/logs", "Content-Type: application/json\r\n", &large)).await;
        assert_eq!(status(&answer), "413", "{answer}");
        let head = "POST /v1/logs HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n";
        let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, " ".repeat(1 << 20)).repeat(5);
        let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n");
        let answer = exchange(address, chunked.as_bytes()).await;
        assert_eq!(status(&answer), "413", "{answer}");
        let waits = format!("{head}Expect: 100-continue\r\nContent-Length: 104857600\r\n\r\n");
        let answer = exchange(address, waits.as_bytes()).await;
        assert_eq!(status(&answer), "413", "nobody is asked to send it: {answer}");
        let bomb = gzip(&vec![b' '; body::UNPACKED_BYTES_MAX + 1]);
        let headers = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
        let answer = exchange(address, &post("/v1/logs", headers, &bomb)).await;
        assert_eq!(status(&answer), "413", "{answer}");
        let values = trial.borrow_mut().drain().1;
        assert_eq!(values.get("farol.agent.records.dropped{farol.cause=oversize,farol.kind=log}"), Some(&4.0));
    });
}

#[test]
fn a_connection_carries_one_request_after_the_other_and_several_at_once() {
    beside(|address, trial| async move {
        let kept = |body: &str| {
            let length = body.len();
            let head = "POST /v1/requests HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n";
            format!("{head}Content-Length: {length}\r\n\r\n{body}")
        };
        let bytes = format!("{}{}{}", kept(REQUEST), kept("{}"), String::from_utf8(post_json("/v1/requests", REQUEST)).unwrap());
        let answer = exchange(address, bytes.as_bytes()).await;
        let found: Vec<&str> = answer.match_indices("HTTP/1.1 ").map(|(at, _)| answer.get(at + 9..at + 12).unwrap()).collect();
        assert_eq!(found, ["202", "422", "202"], "{answer}");
        assert_eq!(trial.borrow_mut().records("own").requests[0].count, 2);
    });
}

#[test]
fn when_all_places_are_taken_the_connection_idle_for_longest_makes_room() {
    beside(|address, _trial| async move {
        let mut idle = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            idle.push(TcpStream::connect(address).await.unwrap());
        }
        let answer = exchange(address, &post_json("/v1/requests", REQUEST)).await;
        assert_eq!(status(&answer), "202", "{answer}");
        let mut byte = [0];
        assert_eq!(idle[0].read(&mut byte).await.unwrap(), 0, "the first was closed");
    });
}

#[test]
fn otlp_shares_its_paths_and_answers_in_its_own_form() {
    beside(|address, trial| async move {
        let json = "Content-Type: application/json\r\n";
        let protobuf = "Content-Type: application/x-protobuf\r\n";
        let traces = include_bytes!("../../../tests/fixtures/otlp/stable-traces.json");
        let metrics = include_bytes!("../../../tests/fixtures/otlp/stable-metrics.json");
        for (path, body) in [("/v1/traces", &traces[..]), ("/v1/metrics", metrics), ("/v1/logs", br#"{"resourceLogs":[]}"#)] {
            let answer = exchange(address, &post(path, json, body)).await;
            assert!(status(&answer) == "200" && answer.ends_with("\r\n\r\n{}"), "{path}: {answer}");
        }
        let answer = exchange(address, &post("/v1/traces", protobuf, b"")).await;
        assert!(
            status(&answer) == "200" && answer.contains("content-type: application/x-protobuf") && answer.ends_with("\r\n\r\n")
        );
        let answer = exchange(address, &post("/v1/traces", protobuf, b"\xff")).await;
        assert!(status(&answer) == "400" && answer.contains("\r\n\r\n\u{8}\u{3}\u{12}"), "{answer:?}");
        let answer = exchange(address, &post("/v1/traces", json, b"[]")).await;
        assert!(status(&answer) == "400" && answer.contains(r#"{"code":3,"#), "{answer}");
        let partial = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"x"},{}]}]}]}"#;
        let answer = exchange(address, &post("/v1/logs", json, partial)).await;
        assert!(status(&answer) == "200" && answer.contains(r#""rejectedLogRecords":"1""#), "{answer}");
        let mut records = trial.borrow_mut().drain().0;
        assert_eq!(records.remove("service:shop").unwrap().requests.iter().map(|summary| summary.count).sum::<u64>(), 4);
    });
}
