//! Tests of delivery against a server in memory, for every answer of the wire, with paused time; then over real sockets.

use std::{collections::VecDeque, sync::Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::mpsc,
};

use super::*;
use crate::clock::SystemClock;

/// What the server does with one request.
#[derive(Debug, Clone)]
enum Reply {
    /// Answers with a status, further headers and a body.
    Send(u16, &'static str, Vec<u8>),
    /// Says nothing.
    Hang,
    /// Closes the connection instead of answering.
    Close,
    /// Answers, then closes the connection while it is idle, without saying so.
    SendAndClose(u16, Vec<u8>),
}

/// Heads of the requests that arrived, each with the length of its body and the number of its connection.
type Requests = Arc<Mutex<Vec<(usize, String, usize)>>>;

/// A network with one server that follows a script.
#[derive(Debug, Clone)]
struct Server {
    script: Arc<Mutex<VecDeque<Reply>>>,
    requests: Requests,
    connections: Arc<Mutex<usize>>,
}

impl Server {
    fn new(script: Vec<Reply>) -> Self {
        Self { script: Arc::new(Mutex::new(script.into())), requests: Requests::default(), connections: Arc::default() }
    }

    fn sink(&self) -> Http<Self> {
        let token = Token::Given(Secret::new("secret-token"));
        let target = Target::new("http://collector:8650/farol/", token, None, Duration::from_secs(10)).unwrap();
        Http::new(target, self.clone(), Arc::new(SystemClock))
    }
}

impl Connector for Server {
    type Stream = DuplexStream;

    async fn connect(&self, _: &Target) -> io::Result<DuplexStream> {
        let (near, far) = tokio::io::duplex(64 << 10);
        let number = {
            let mut connections = self.connections.lock().unwrap();
            *connections += 1;
            *connections
        };
        let (script, requests) = (Arc::clone(&self.script), Arc::clone(&self.requests));
        tokio::spawn(async move { serve(far, &script, &requests, number).await });
        Ok(near)
    }
}

async fn serve<T>(mut stream: T, script: &Mutex<VecDeque<Reply>>, requests: &Mutex<Vec<(usize, String, usize)>>, number: usize)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        requests.lock().unwrap().push((number, head, length));
        let reply = script.lock().unwrap().pop_front().unwrap_or(Reply::Hang);
        let (status, headers, body, closes) = match reply {
            Reply::Send(status, headers, body) => (status, headers, body, false),
            Reply::SendAndClose(status, body) => (status, "", body, true),
            Reply::Hang => std::future::pending().await,
            Reply::Close => return,
        };
        let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        if stream.write_all(answer.as_bytes()).await.is_err() || stream.write_all(&body).await.is_err() || closes {
            return;
        }
    }
}

fn parcel(seq: u64) -> Parcel {
    Parcel { boot: 7, seq, body: Bytes::from_static(b"\x88 a batch") }
}

fn ack(seq: u64) -> Vec<u8> {
    wire::encode_ack(&Ack { seq, watched: true, now_ms: 5 })
}

async fn answer_to(reply: Reply) -> Answer {
    Server::new(vec![reply]).sink().deliver(&parcel(1)).await
}

#[tokio::test(start_paused = true)]
async fn a_stored_batch_is_acknowledged_over_a_kept_connection() {
    let server = Server::new(vec![Reply::Send(200, "", ack(1)), Reply::Send(200, "", ack(2))]);
    let mut sink = server.sink();
    for seq in [1, 2] {
        let answer = sink.deliver(&parcel(seq)).await;
        assert!(matches!(answer, Answer::Stored(Ack { seq: stored, watched: true, now_ms: 5 }) if stored == seq), "{answer:?}");
    }
    let requests = server.requests.lock().unwrap();
    assert_eq!(requests.iter().map(|(connection, _, _)| *connection).collect::<Vec<_>>(), [1, 1]);
    let head = &requests[0].1;
    for line in [
        "POST /farol/v1/batches HTTP/1.1",
        "host: collector:8650",
        "authorization: Bearer secret-token",
        "content-type: application/vnd.farol.batch+msgpack; version=1",
    ] {
        assert!(head.lines().any(|found| found == line), "{line} is missing in {head}");
    }
    assert!(head.contains("farol-sent-ms: ") && !head.contains("content-encoding"), "{head}");
}

#[tokio::test(start_paused = true)]
async fn a_compressed_body_says_so() {
    let server = Server::new(vec![Reply::Send(200, "", ack(1))]);
    let body = Bytes::from(zstd::bulk::compress(b"a batch", 1).unwrap());
    server.sink().deliver(&Parcel { boot: 7, seq: 1, body }).await;
    assert!(server.requests.lock().unwrap()[0].1.contains("content-encoding: zstd\r\n"));
}

#[tokio::test(start_paused = true)]
async fn what_is_never_acceptable_is_refused_with_the_reason() {
    for status in [400, 413, 415, 422] {
        let answer = answer_to(Reply::Send(status, "", b"{\"detail\":\n \"no\"}".to_vec())).await;
        assert!(
            matches!(&answer, Answer::Refused { status: found, detail } if *found == status && detail == "{\"detail\": \"no\"}"),
            "{answer:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_told_apart() {
    for status in [401, 403] {
        let answer = answer_to(Reply::Send(status, "", vec![])).await;
        assert!(matches!(answer, Answer::Unauthorised { status: found, .. } if found == status), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_collector_says_for_how_long_within_bounds() {
    for (status, header, expected) in [
        (503, "retry-after: 7\r\n", Some(7)),
        (429, "retry-after: 999999\r\n", Some(limit::RETRY_AFTER_S_MAX)),
        (503, "retry-after: Fri, 31 Dec 1999 23:59:59 GMT\r\n", None),
        (429, "", None),
    ] {
        let answer = answer_to(Reply::Send(status, header, vec![])).await;
        let expected = expected.map(Duration::from_secs);
        assert!(
            matches!(answer, Answer::Busy { status: s, retry_after } if s == status && retry_after == expected),
            "{answer:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn every_other_answer_is_a_failure_and_keeps_the_batch() {
    for status in [204, 301, 404, 500, 502, 504] {
        let answer = answer_to(Reply::Send(status, "", vec![])).await;
        assert!(matches!(answer, Answer::Failed(SendError::Status { status: found, .. }) if found == status), "{answer:?}");
    }
    let answer = answer_to(Reply::Send(200, "", b"<html>hello</html>".to_vec())).await;
    assert!(matches!(answer, Answer::Failed(SendError::Answer(_))), "a login page is no acknowledgement: {answer:?}");
    let answer = answer_to(Reply::Send(200, "", vec![0; limit::ANSWER_BYTES_MAX + 1])).await;
    assert!(matches!(answer, Answer::Failed(SendError::Body(_))), "{answer:?}");
    let answer = answer_to(Reply::Close).await;
    assert!(matches!(answer, Answer::Failed(SendError::Exchange { .. })), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_failure_after_the_timeout_and_the_next_attempt_connects_anew() {
    let server = Server::new(vec![Reply::Hang, Reply::Send(200, "", ack(1))]);
    let mut sink = server.sink();
    let answer = sink.deliver(&parcel(1)).await;
    assert!(matches!(answer, Answer::Failed(SendError::Timeout { what: "answer", .. })), "{answer:?}");
    assert!(matches!(sink.deliver(&parcel(1)).await, Answer::Stored(_)));
    assert_eq!(*server.connections.lock().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_closed_while_idle_is_replaced_at_once() {
    let server = Server::new(vec![Reply::SendAndClose(200, ack(1)), Reply::Send(200, "", ack(2))]);
    let mut sink = server.sink();
    assert!(matches!(sink.deliver(&parcel(1)).await, Answer::Stored(_)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(matches!(sink.deliver(&parcel(2)).await, Answer::Stored(_)));
    assert_eq!(*server.connections.lock().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_replaced_token_file_is_read_again_after_a_refusal() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    let server = Server::new(vec![Reply::Send(401, "", vec![]), Reply::Send(200, "", ack(1))]);
    let target = Target::new("http://c", Token::File(file.clone()), None, Duration::from_secs(1)).unwrap();
    let mut sink = Http::new(target, server.clone(), Arc::new(SystemClock));
    assert!(matches!(sink.deliver(&parcel(1)).await, Answer::Failed(SendError::TokenFile { .. })));
    std::fs::write(&file, "old\n").unwrap();
    assert!(matches!(sink.deliver(&parcel(1)).await, Answer::Unauthorised { .. }));
    std::fs::write(&file, "new\n").unwrap();
    assert!(matches!(sink.deliver(&parcel(1)).await, Answer::Stored(_)));
    let requests = server.requests.lock().unwrap();
    assert!(requests[0].1.contains("Bearer old\r\n") && requests[1].1.contains("Bearer new\r\n"));
}

#[tokio::test]
async fn a_batch_travels_over_a_real_socket() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, mut heads) = mpsc::channel(1);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (script, requests) = (Mutex::new(VecDeque::from([Reply::Send(200, "", ack(1))])), Mutex::default());
        // Ends when the agent hangs up.
        serve(stream, &script, &requests, 1).await;
        sender.send(requests.into_inner().unwrap()).await.unwrap();
    });
    let token = Token::Given(Secret::new("t"));
    let target = Target::new(&format!("http://{address}"), token, None, Duration::from_secs(10)).unwrap();
    let mut sink = Http::new(target, tcp::Tcp::default(), Arc::new(SystemClock));
    assert!(matches!(sink.deliver(&parcel(1)).await, Answer::Stored(_)));
    drop(sink);
    assert_eq!(heads.recv().await.unwrap().len(), 1);
}

#[tokio::test]
async fn nobody_listening_is_a_failure_that_names_the_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let token = Token::Given(Secret::new("t"));
    let target = Target::new(&format!("http://{address}"), token, None, Duration::from_secs(10)).unwrap();
    let Answer::Failed(error) = Http::new(target, tcp::Tcp::default(), Arc::new(SystemClock)).deliver(&parcel(1)).await else {
        panic!("nobody could answer");
    };
    assert_eq!(error.to_string(), format!("cannot connect to {address}"));
}
