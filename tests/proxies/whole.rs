//! The real collector and agent behind each proxy: page, sign-in, cookie, API, WebSocket, export, delivery, and whose address
//! is written down.

use std::io::{BufReader, Write as _};

use farol_shared::{limit::BATCH_BYTES_MAX, wire};
use farol_tests::{
    agent,
    collector::{AGENT_TOKEN, Collector, PASSWORD},
    http::{Answer, Client, read_answer},
    wait::{until, when},
};
use serde_json::{Value, json};
use tungstenite::{Message, client::IntoClientRequest as _};

use crate::front::{BELOW, CLIENT, Front, Kind, ROOT, from_client};

/// A collector and the proxy before it.
pub(crate) struct House {
    pub(crate) collector: Collector,
    pub(crate) front: Front,
}

impl House {
    /// Shown by one of the two names, which is its public address.
    pub(crate) fn new(kind: Kind, name: &str) -> Self {
        // The proxy's port is in the public address, and the collector's in the proxy's configuration: the collector starts
        // twice on one address.
        let mut collector = Collector::options().start();
        let front = Front::start(kind, collector.address());
        collector.stop();
        collector.set("FAROL_PUBLIC_URL", &front.url(name));
        collector.set("FAROL_TRUSTED_PROXIES", "127.0.0.1");
        collector.restart();
        Self { collector, front }
    }
}

fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {answer:?}")).to_owned()
}

fn the_page(front: &Front, name: &str) {
    let page = front.ask(name, "GET", "/", &[], b"");
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'")));
    let text = page.text();
    let assets: Vec<&str> = text.split(['"', '\'']).filter(|part| part.starts_with("./")).collect();
    assert!(assets.len() >= 3, "the page names its files relative to itself: {text}");
    for asset in assets {
        let path = asset.trim_start_matches('.');
        let answer = front.ask(name, "GET", path, &[("Accept-Encoding", "br")], b"");
        assert_eq!(answer.status, 200, "{path}");
        assert!(path.ends_with(".svg") || answer.header("content-encoding") == Some("br"), "{path}: {:?}", answer.headers);
    }
    let place = front.ask(name, "GET", "/monitoring", &[], b"");
    assert_eq!((place.status, place.header("location")), (302, Some("./#/monitoring")));
    if name == BELOW {
        let bare = front.ask_whole(name, "GET", "/farol", &[], b"");
        assert_eq!((bare.status, bare.header("location")), (308, Some("/farol/")));
        assert_eq!(front.ask_whole(name, "GET", "/", &[], b"").status, 404, "what is not below the path is not Farol's");
    }
}

/// Signs in as a browser does; answers the cookie's name and value.
fn signed_in(front: &Front, name: &str) -> String {
    let (origin, json) = (format!("https://{name}:{}", front.port), ("Content-Type", "application/json"));
    let body = json!({ "username": "admin", "password": PASSWORD }).to_string();
    let post = |headers: &[(&str, &str)], path: &str, body: &str| front.ask(name, "POST", path, headers, body.as_bytes());
    let evil = post(&[json, ("Origin", "https://evil.example")], "/api/auth/login", &body);
    assert_eq!(evil.status, 403, "a page of another site");
    // What a client writes about itself says nothing.
    let lies =
        [("X-Forwarded-For", "6.6.6.6"), ("Forwarded", "for=6.6.6.6;host=evil.example"), ("X-Forwarded-Host", "evil.example")];
    let answer = post(&[&[json, ("Origin", origin.as_str())][..], &lies[..]].concat(), "/api/auth/login", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let set = cookie(&answer);
    let path = if name == BELOW { "Path=/farol/;" } else { "Path=/;" };
    assert!(set.contains(path) && set.contains("; Secure") && set.contains("SameSite=Strict"), "{set}");
    assert!(answer.header("strict-transport-security").is_some());
    let session = set.split(';').next().unwrap().to_owned();
    assert_eq!(front.ask(name, "GET", "/api/auth/me", &[("Cookie", &session)], b"").status, 200);
    // What changes something needs the page's own origin.
    let change = |from: &str| post(&[("Cookie", &session), ("Origin", from)], "/api/auth/sessions/end-others", "").status;
    assert_eq!((change("https://evil.example"), change(&origin)), (403, 204));
    session
}

fn events(front: &Front, name: &str, session: &str) {
    let path = if name == BELOW { "/farol/api/monitoring/ws" } else { "/api/monitoring/ws" };
    let connect = |origin: &str| {
        let mut request = format!("wss://{name}:{}{path}", front.port).into_client_request().unwrap();
        request.headers_mut().insert("cookie", session.parse().unwrap());
        request.headers_mut().insert("origin", origin.parse().unwrap());
        // What went wrong is a whole answer; that it did is enough here.
        tungstenite::client(request, front.connect(name)).ok()
    };
    assert!(connect("https://evil.example").is_none(), "a page of another site opens no socket");
    let (mut socket, _) = connect(&format!("https://{name}:{}", front.port)).unwrap();
    let ask = json!({ "message_type": "Subscription", "payload": { "rooms": ["overview"] }, "timestamp": 0 });
    socket.send(Message::text(ask.to_string())).unwrap();
    until("figures of the agent", || match socket.read() {
        Ok(Message::Text(text)) => when(text.to_string(), |text| text.contains("cpu_ratio")).map(drop),
        Ok(other) => Err(format!("{other:?}")),
        Err(error) => panic!("the socket ended: {error}"),
    });
}

fn exported(front: &Front, name: &str, session: &str, direct: &mut Client) {
    let path = "/api/v1/export?metric=farol.agent.memory.usage&aggregate=raw&format=ndjson&period=1h";
    let through = until("an export with rows", || {
        let answer = front.ask(name, "GET", path, &[("Cookie", session)], b"");
        when(answer, |answer| answer.status == 200 && answer.body.len() > 100)
    });
    assert!(through.header("content-disposition").is_some_and(|text| text.contains("attachment")), "{:?}", through.headers);
    let (text, whole) = (through.text(), direct.get(path).text());
    assert!(whole.starts_with(text.trim_end()), "the file is another one: {text} instead of {whole}");
}

fn delivered(house: &mut House, name: &str) -> farol_tests::process::Process {
    let agent = agent::beside(&house.collector, "behind")
        .var("FAROL_COLLECTOR_URL", &house.front.url(name))
        .var("FAROL_CA_FILE", &house.front.ca_file())
        .start();
    house.collector.wait_resource("behind");
    // The largest batch that agents send gets as far as the collector; what is refused there is not the proxy's answer.
    let token = format!("Bearer {AGENT_TOKEN}");
    let headers = [("Authorization", token.as_str()), ("Content-Type", wire::CONTENT_TYPE)];
    let large = house.front.ask(name, "POST", wire::PATH, &headers, &vec![0xc1; BATCH_BYTES_MAX]);
    assert_eq!((large.status, large.header("content-type")), (400, Some("application/problem+json")), "{}", large.text());
    agent
}

fn written_down(house: &mut House, address: &str) {
    let lines = house.collector.api().json("/api/v1/audit?action=login&limit=10");
    let addresses: Vec<&Value> = lines["entries"].as_array().unwrap().iter().map(|line| &line["address"]).collect();
    assert!(addresses.contains(&&json!(address)), "{addresses:?}");
    assert!(!lines.to_string().contains("6.6.6.6"), "what the client wrote is believed: {lines}");
}

fn everything_works(kind: Kind, name: &str) {
    let mut house = House::new(kind, name);
    let _agent = delivered(&mut house, name);
    the_page(&house.front, name);
    let session = signed_in(&house.front, name);
    events(&house.front, name, &session);
    // The sign-in of the harness was another one, and ended with the others.
    house.collector.sign_in();
    let mut direct = house.collector.api();
    exported(&house.front, name, &session, &mut direct);
    written_down(&mut house, CLIENT);
    // A slash within a name stays one: this is a question about the account `a/b`, and not about something of `a`.
    let named = house.front.ask(name, "DELETE", "/api/v1/users/a%2Fb", &[("Authorization", &bearer(&mut house.collector))], b"");
    assert_eq!(named.status, 404, "{}", named.text());
    assert!(named.text().contains("no such user"), "{}", named.text());
}

fn bearer(collector: &mut Collector) -> String {
    format!("Bearer {}", collector.sign_in())
}

#[test]
fn who_comes_past_the_proxy_has_a_cookie_for_where_they_are() {
    let house = House::new(Kind::Nginx, BELOW);
    let answer = house.collector.client().post("/api/auth/login", &json!({ "username": "admin", "password": PASSWORD }));
    assert_eq!(answer.status, 200);
    let set = cookie(&answer);
    assert!(set.contains("Path=/;"), "{set}");
}

#[test]
fn nginx_at_the_root_of_a_name() {
    everything_works(Kind::Nginx, ROOT);
}

#[test]
fn nginx_below_a_path() {
    everything_works(Kind::Nginx, BELOW);
}

#[test]
fn nginx_sends_plain_http_to_https() {
    let collector = Collector::start();
    let front = Front::start(Kind::Nginx, collector.address());
    let mut connection = from_client(front.plain_port);
    write!(connection, "GET /farol/x?y=1 HTTP/1.1\r\nHost: {BELOW}\r\n\r\n").unwrap();
    let answer = read_answer(&mut BufReader::new(connection)).unwrap();
    assert_eq!((answer.status, answer.header("location")), (308, Some("https://127.0.0.1/farol/x?y=1")));
}

#[test]
fn caddy_at_the_root_of_a_name() {
    everything_works(Kind::Caddy, ROOT);
}

#[test]
fn caddy_below_a_path() {
    everything_works(Kind::Caddy, BELOW);
}
