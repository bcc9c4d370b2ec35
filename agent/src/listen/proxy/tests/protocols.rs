//! HTTP/2, upgrades, pipelines, and how each ends when the proxy stops.

use http_body_util::{BodyExt, Empty, Full, combinators::BoxBody};
use hyper::{
    Request, Response,
    body::{Bytes, Frame, Incoming},
    client::conn::http2,
};
use hyper_util::rt::TokioIo;

use super::*;

#[derive(Clone, Copy)]
struct Local;

impl<F: Future + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move { drop(future.await) });
    }
}

type Sender = http2::SendRequest<BoxBody<Bytes, std::convert::Infallible>>;

async fn http2(house: &House) -> (Sender, JoinHandle<()>) {
    let stream = TcpStream::connect(house.address).await.unwrap();
    let (sender, connection) = http2::handshake(Local, TokioIo::new(stream)).await.unwrap();
    (sender, tokio::task::spawn_local(async move { drop(connection.await) }))
}

fn get(path: &str) -> Request<BoxBody<Bytes, std::convert::Infallible>> {
    let request = Request::get(format!("http://shop.example{path}")).header("cookie", "a=1").header("cookie", "b=2");
    request.body(Empty::new().boxed()).unwrap()
}

#[test]
fn http2_requests_reach_the_application_as_http1_side_by_side() {
    test(async {
        let house = House::new().await;
        let (mut sender, _connection) = http2(&house).await;
        let (one, two) = (sender.send_request(get("/1")), sender.send_request(get("/2")));
        let answers = async {
            let (mut first, mut second) = (house.accept().await, house.accept().await);
            let asked = first.head().await;
            assert_eq!(values(&asked, "host"), ["shop.example"]);
            assert_eq!(values(&asked, "cookie"), ["a=1; b=2"]);
            second.answer("second").await;
            first.say("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\nX-Took: 5\r\n\r\n").await;
            asked
        };
        let (one, two, asked) = tokio::join!(one, two, answers);
        let text = async |answer: Response<Incoming>| answer.into_body().collect().await.unwrap();
        let (one, two) = (text(one.unwrap()).await, text(two.unwrap()).await);
        let first = if asked.starts_with("GET /1 ") { &one } else { &two };
        assert_eq!(first.trailers().unwrap()["x-took"], "5");
        let mut both = [one.to_bytes(), two.to_bytes()];
        both.sort();
        assert_eq!(both, ["first", "second"]);
        let mut routes: Vec<String> = house.requests(2).await.into_iter().map(|one| one.path).collect();
        routes.sort();
        assert_eq!(routes, ["/1", "/2"]);
    });
}

#[test]
fn more_http2_requests_than_there_may_be_wait_or_are_refused() {
    test(async {
        let house = House::with(|settings| {
            settings.connections_max = 1;
            settings.connect_timeout = Duration::from_millis(100);
        })
        .await;
        let (mut sender, _connection) = http2(&house).await;
        let first = tokio::task::spawn_local(sender.send_request(get("/1")));
        let mut application = house.accept().await;
        application.head().await;
        let refused = sender.send_request(get("/2")).await.unwrap();
        assert_eq!(refused.status(), 503);
        let waiting = tokio::task::spawn_local(sender.send_request(get("/3")));
        application.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(first.await.unwrap().unwrap().status(), 200);
        application.answer("now").await;
        assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
    });
}

#[test]
fn an_http2_body_streams_with_trailers() {
    test(async {
        let house = House::new().await;
        let (mut sender, _connection) = http2(&house).await;
        let trailers = [("x-sum".parse().unwrap(), "7".parse().unwrap())].into_iter().collect();
        let frames = futures(vec![Frame::data(Bytes::from("body")), Frame::trailers(trailers)]);
        let request = Request::post("http://a/").header("trailer", "x-sum").body(BodyExt::boxed(frames)).unwrap();
        let answer = sender.send_request(request);
        let application = async {
            let mut application = house.accept().await;
            application.until("4\r\nbody\r\n0\r\nx-sum: 7\r\n\r\n").await;
            application.say("HTTP/1.1 204 No Content\r\n\r\n").await;
        };
        let (answer, ()) = tokio::join!(answer, application);
        assert_eq!(answer.unwrap().status(), 204);
    });
}

fn futures(
    frames: Vec<Frame<Bytes>>,
) -> impl hyper::body::Body<Data = Bytes, Error = std::convert::Infallible> + Send + Sync + 'static {
    struct Frames(std::vec::IntoIter<Frame<Bytes>>);
    impl hyper::body::Body for Frames {
        type Data = Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Ready(self.0.next().map(Ok))
        }
    }
    Frames(frames.into_iter())
}

#[test]
fn an_upgraded_connection_carries_bytes_both_ways_and_counts_as_one_request() {
    test(async {
        let house = House::new().await;
        let mut client = house.client().await;
        client.say("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\nearly").await;
        let mut application = house.accept().await;
        let asked = application.head().await;
        assert_eq!((values(&asked, "upgrade"), values(&asked, "connection")), (vec!["websocket"], vec!["upgrade"]));
        application.say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: z\r\n\r\nwelcome").await;
        let answer = client.until("welcome").await;
        assert!(answer.starts_with("HTTP/1.1 101 ") && values(&answer, "upgrade") == ["websocket"], "{answer}");
        application.until("early").await;
        assert_eq!(house.requests(1).await[0].status, 101, "counted when the handshake is answered");
        client.say("ping").await;
        application.until("ping").await;
        application.say("pong").await;
        client.until("pong").await;
        client.0.shutdown().await.unwrap();
        assert_eq!(application.rest().await, "");
        application.say("bye").await;
        drop(application);
        assert_eq!(client.rest().await, "bye", "each direction ends by itself");
    });
}

#[test]
fn a_refused_upgrade_is_an_ordinary_answer_and_h2c_is_not_asked_for() {
    test(async {
        let house = House::new().await;
        let mut client = house.client().await;
        client.say("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").await;
        let mut application = house.accept().await;
        application.answer("no sockets").await;
        client.until("no sockets").await;
        client
            .say("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n")
            .await;
        let asked = application.answer("still here").await;
        assert!(!asked.to_lowercase().contains("h2c") && !asked.contains("AA"), "{asked}");
        client.until("still here").await;
    });
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    test(async {
        let house = House::new().await;
        let mut client = house.client().await;
        let asked: String = (0..5).map(|number| format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
        client.say(&asked).await;
        let mut application = house.accept().await;
        for number in 0..5 {
            let head = application.answer(&format!("answer {number}")).await;
            assert!(head.starts_with(&format!("GET /{number} ")));
        }
        for number in 0..5 {
            client.until(&format!("answer {number}")).await;
        }
        assert_eq!(house.requests(5).await.len(), 5);
    });
}

#[test]
fn stopping_lets_requests_end_and_takes_no_new_ones() {
    test(async {
        let house = House::new().await;
        let mut idle = house.client().await;
        idle.get("/idle").await;
        let mut application = house.accept().await;
        application.answer("idle").await;
        idle.until("idle").await;
        let mut client = house.client().await;
        client.get("/last").await;
        application.head().await;
        house.stop.send_replace(true);
        assert_eq!(idle.rest().await, "", "idle connections are closed");
        application.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast").await;
        let answer = client.rest().await;
        assert!(answer.ends_with("last") && values(&answer, "connection") == ["close"], "{answer}");
        assert!(TcpStream::connect(house.address).await.is_err(), "nobody listens any more");
        assert_eq!(house.requests(2).await.len(), 2);
        house.end().await;
    });
}

#[test]
fn stopping_says_goodbye_to_http2_and_lets_its_requests_end() {
    test(async {
        let house = House::new().await;
        let (mut sender, connection) = http2(&house).await;
        let answer = sender.send_request(get("/last"));
        let answer = tokio::task::spawn_local(answer);
        let mut application = house.accept().await;
        application.head().await;
        house.stop.send_replace(true);
        application.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast").await;
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "last");
        connection.await.unwrap();
        assert!(sender.send_request(get("/more")).await.is_err());
        house.end().await;
    });
}

#[test]
fn what_does_not_end_in_time_is_cut_and_recorded() {
    test(async {
        let house = House::with(|settings| settings.drain = Duration::from_millis(50)).await;
        let mut client = house.client().await;
        client.get("/forever").await;
        let mut application = house.accept().await;
        application.head().await;
        house.stop.send_replace(true);
        assert_eq!(client.rest().await, "");
        assert_eq!(application.rest().await, "");
        assert_eq!(house.requests(1).await[0].path, "/forever");
        house.end().await;
    });
}

#[test]
fn a_tunnel_does_not_hold_the_stop_up() {
    test(async {
        let house = House::new().await;
        let mut client = house.client().await;
        client.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n").await;
        let mut application = house.accept().await;
        application.head().await;
        application.say("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n").await;
        client.head().await;
        house.end().await;
        assert_eq!((client.rest().await, application.rest().await), (String::new(), String::new()));
    });
}

#[test]
fn the_rest_of_an_http2_body_is_not_waited_for_when_the_client_resets() {
    test(async {
        let house = House::new().await;
        let (mut sender, _connection) = http2(&house).await;
        let request = Request::post("http://a/").body(Full::new(Bytes::from("x")).boxed()).unwrap();
        let answer = tokio::task::spawn_local(sender.send_request(request));
        let mut application = house.accept().await;
        application.head().await;
        answer.abort();
        application.rest().await;
        assert_eq!(house.requests(1).await[0].status, super::super::record::CLIENT_CLOSED);
    });
}
