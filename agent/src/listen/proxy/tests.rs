//! Tests of the proxy over real sockets: an application and a client that say exactly what they are told to.

use std::{cell::RefCell, future::Future, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use farol_shared::{clock::Clock, record};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, LocalSet},
    time::timeout,
};

use super::*;
use crate::{
    intake::{self, Inlet},
    listen::Stop,
    read::Roots,
    recorder::{Recorder, ResourceSlot},
};

mod bodies;
mod failures;
mod protocols;

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now_ms(&self) -> i64 {
        1_760_000_000_000
    }
}

/// A proxy at work, and the socket of the application behind it.
struct House {
    address: SocketAddr,
    application: TcpListener,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    inlet: Inlet,
    recorder: RefCell<Recorder>,
}

/// Runs a test on one thread; nothing may take longer than the deadline.
fn test(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async { timeout(Duration::from_secs(30), work).await.expect("took too long") });
}

impl House {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(set: impl FnOnce(&mut Proxy)) -> Self {
        let application = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let upstream = Upstream::parse(&application.local_addr().unwrap().to_string()).unwrap();
        let mut settings = Proxy::new(address, upstream);
        set(&mut settings);
        let inlet = Inlet::new(intake::Settings { service: "shop".to_owned(), environment: None, tenant: None, slow_s: 0.5 });
        let (stop, stopped) = Stop::new();
        let context =
            Context { inlet: inlet.clone(), clock: Arc::new(Noon), roots: Rc::new(Roots::new("/nowhere")), stop: stopped };
        let serving = tokio::task::spawn_local(serve_on(listener, settings, context));
        Self { address, application, stop, serving, inlet, recorder: RefCell::new(Recorder::new()) }
    }

    async fn client(&self) -> Raw {
        Raw(TcpStream::connect(self.address).await.unwrap())
    }

    /// The next connection of the proxy to the application.
    async fn accept(&self) -> Raw {
        Raw(self.application.accept().await.unwrap().0)
    }

    /// The records of the next `count` requests, when they have ended.
    async fn requests(&self, count: usize) -> Vec<record::Request> {
        let mut all = Vec::new();
        while all.len() < count {
            let groups = self.inlet.open().drain(&mut self.recorder.borrow_mut(), ResourceSlot::default(), true);
            all.extend(groups.into_iter().flat_map(|group| group.recent));
            sleep(Duration::from_millis(1)).await;
        }
        all
    }

    /// Tells the proxy to stop and waits until it has.
    async fn end(self) {
        self.stop.send_replace(true);
        self.serving.await.unwrap();
    }
}

/// One end of a connection, read and written as text.
struct Raw(TcpStream);

impl Raw {
    async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads to the end of a head.
    async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// Reads up to and with `end`.
    async fn until(&mut self, end: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(end.as_bytes()) {
            let byte = self.0.read_u8().await;
            text.push(byte.unwrap_or_else(|error| panic!("{error} after: {}", String::from_utf8_lossy(&text))));
        }
        String::from_utf8(text).unwrap()
    }

    /// Reads until the other side has closed.
    async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // A reset is an end as well.
        drop(self.0.read_to_end(&mut rest).await);
        String::from_utf8_lossy(&rest).into_owned()
    }

    async fn get(&mut self, path: &str) {
        self.say(&format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\n\r\n")).await;
    }

    /// Answers a request that has no body.
    async fn answer(&mut self, body: &str) -> String {
        let head = self.head().await;
        self.say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
        head
    }
}

/// The values of a header in a head, in order.
fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect()
}

#[test]
fn a_request_passes_and_is_recorded_once() {
    test(async {
        let house = House::with(|settings| {
            settings.tenant_header = Some("x-tenant".parse().unwrap());
            settings.user_header = Some("x-user".parse().unwrap());
        })
        .await;
        let mut client = house.client().await;
        client.say("GET /users/7?full=1 HTTP/1.1\r\nHost: shop.example\r\nX-Tenant: acme\r\nX-User: 42\r\n\r\n").await;
        let mut application = house.accept().await;
        let asked = application.answer("hello").await;
        assert!(asked.starts_with("GET /users/7?full=1 HTTP/1.1\r\n"), "{asked}");
        assert_eq!(values(&asked, "host"), ["shop.example"]);
        assert_eq!(values(&asked, "x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(values(&asked, "x-forwarded-host"), ["shop.example"]);
        let answer = client.until("hello").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let requests = house.requests(1).await;
        let one = &requests[0];
        assert_eq!((one.method.as_str(), one.route.as_str(), one.path.as_str()), ("GET", "/users/{id}", "/users/7"));
        assert_eq!((one.status, one.tenant.as_deref(), one.user.as_deref()), (200, Some("acme"), Some("42")));
        assert!(one.trace_id.as_ref().is_some_and(|id| asked.contains(id.as_str())), "{asked}");
        assert_eq!((requests.len(), one.is_failed(), one.time_ms), (1, false, Noon.now_ms()));
        house.end().await;
    });
}

#[test]
fn a_connection_to_the_application_is_used_again_and_replaced_when_it_closed() {
    test(async {
        let house = House::new().await;
        let mut client = house.client().await;
        let mut application = {
            client.get("/1").await;
            let mut application = house.accept().await;
            application.answer("one").await;
            client.until("one").await;
            application
        };
        client.get("/2").await;
        application.answer("two").await;
        client.until("two").await;
        drop(application);
        client.say("POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").await;
        let mut application = house.accept().await;
        assert!(application.until("hi").await.starts_with("POST /3 "));
        application.say("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 201 "));
        let statuses: Vec<u16> = house.requests(3).await.iter().map(|one| one.status).collect();
        assert_eq!(statuses, [200, 200, 201]);
    });
}

#[test]
fn the_application_may_name_the_route() {
    test(async {
        let house = House::new().await;
        let mut client = house.client().await;
        client.get("/a/b/c").await;
        let mut application = house.accept().await;
        application.head().await;
        application.say("HTTP/1.1 200 OK\r\nFarol-Route: /a/{slug}/c\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(values(&client.head().await, "farol-route"), [""; 0]);
        assert_eq!(house.requests(1).await[0].route, "/a/{slug}/c");
    });
}

#[test]
fn beyond_the_bound_clients_wait_until_others_have_left() {
    test(async {
        let house = House::with(|settings| settings.connections_max = 1).await;
        let mut first = house.client().await;
        first.get("/1").await;
        let mut application = house.accept().await;
        application.answer("one").await;
        first.until("one").await;
        let mut second = house.client().await;
        second.get("/2").await;
        let mut byte = [0];
        let early = timeout(Duration::from_millis(50), second.0.read(&mut byte)).await;
        assert!(early.is_err(), "the second client must wait");
        drop(first);
        application.answer("two").await;
        second.until("two").await;
    });
}

#[test]
fn an_application_on_a_unix_socket_is_reached() {
    test(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.sock");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let house = House::with(|settings| settings.upstream = Upstream::Unix(path)).await;
        let mut client = house.client().await;
        client.say("GET / HTTP/1.0\r\n\r\n").await;
        let (mut application, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 1000];
        let count = application.read(&mut asked).await.unwrap();
        assert!(asked[..count].starts_with(b"GET / HTTP/1.1\r\nhost: "), "{}", String::from_utf8_lossy(&asked));
        application.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        assert!(client.rest().await.ends_with("ok"), "a client of HTTP/1.0 sees the end");
    });
}
