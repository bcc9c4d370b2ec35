//! The collector's own TLS: served, renewed under way, and spoken to in plain HTTP.

use std::{path::Path, sync::Arc};

use farol_collector::config::{Settings, TlsSettings, Transport};
use rcgen::generate_simple_self_signed;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::harness::{Collector, LONG, PASSWORD, settings};

/// Writes a new certificate for `localhost`; answers what trusts it.
fn renew(dir: &Path) -> ClientConfig {
    let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(dir.join("chain.pem"), made.cert.pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions();
    let mut config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

fn with_tls(dir: &Path) -> Settings {
    let tls = TlsSettings { certificate: dir.join("chain.pem"), key: dir.join("key.pem") };
    let mut settings = settings(dir);
    settings.transport = Transport { tls: Some(tls), ..Transport::default() };
    settings
}

async fn connect(collector: &Collector, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(collector.address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

async fn ask(collector: &Collector, config: ClientConfig, request: &str) -> String {
    let mut stream = connect(collector, config).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    drop(timeout(LONG, stream.read_to_end(&mut answer)).await.unwrap());
    String::from_utf8(answer).unwrap()
}

const HEALTH: &str = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_cookies_are_secure_and_browsers_are_told_to_stay() {
    let dir = TempDir::new().unwrap();
    let config = renew(dir.path());
    let collector = Collector::start(with_tls(dir.path())).await;
    let answer = ask(&collector, config.clone(), HEALTH).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=31536000\r\n"), "{answer}");
    assert!(answer.contains("the certificate is in force"), "{answer}");
    let body = serde_json::json!({ "username": "admin", "password": PASSWORD }).to_string();
    let head = "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length:";
    let answer = ask(&collector, config, &format!("{head} {}\r\n\r\n{body}", body.len())).await;
    let cookie = answer.lines().find(|line| line.starts_with("set-cookie:")).unwrap();
    assert_eq!(cookie.matches("Secure").count(), 1, "{cookie}");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_speaks_plain_http_is_told_in_words_and_noise_is_left_alone() {
    let dir = TempDir::new().unwrap();
    let config = renew(dir.path());
    let collector = Collector::start(with_tls(dir.path())).await;
    let said = |bytes: Vec<u8>| {
        let address = collector.address;
        async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            drop(stream.write_all(&bytes).await);
            let mut answer = Vec::new();
            drop(timeout(LONG, stream.read_to_end(&mut answer)).await.unwrap());
            String::from_utf8_lossy(&answer).into_owned()
        }
    };
    let told = said(HEALTH.as_bytes().to_vec()).await;
    assert!(told.starts_with("HTTP/1.1 400 ") && told.contains("This port speaks HTTPS"), "{told}");
    // A large request does not cut the answer off.
    let large = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n{}", "x".repeat(20_000));
    assert!(said(large.into_bytes()).await.contains("This port speaks HTTPS"));
    assert_eq!(said(vec![0; 100]).await, "");
    // What begins like a handshake and is none: TLS says so by itself, and the next one is served.
    assert!(!said([&[0x16, 3, 1, 0xff, 0xff][..], &[7; 2_000]].concat()).await.contains("HTTP"));
    assert!(ask(&collector, config, HEALTH).await.starts_with("HTTP/1.1 200 "));
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_served_after_a_hang_up_and_a_broken_one_is_told() {
    let dir = TempDir::new().unwrap();
    let first = renew(dir.path());
    let collector = Collector::start(with_tls(dir.path())).await;
    let mut long = connect(&collector, first.clone()).await.unwrap();
    let second = renew(dir.path());
    // The signal's handler stands as soon as the task that follows the files ran for the first time.
    let is_served = timeout(LONG, async {
        while connect(&collector, second.clone()).await.is_err() {
            hang_up();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    is_served.await.expect("the renewed certificate is served");
    assert!(connect(&collector, first).await.is_err(), "new connections get the new one only");
    long.write_all(HEALTH.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    drop(long.read_to_end(&mut answer).await);
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "a connection keeps what it began with");

    std::fs::write(dir.path().join("key.pem"), "half").unwrap();
    let told = timeout(LONG, async {
        loop {
            hang_up();
            let answer = ask(&collector, second.clone(), HEALTH).await;
            if answer.contains("the renewed certificate cannot be used") {
                return answer;
            }
        }
    });
    let told = told.await.expect("the trouble is told");
    assert!(told.starts_with("HTTP/1.1 200 "), "it works all the same");
    assert!(!told.contains("key.pem"), "names of files are not for everybody");
    collector.stop().await;
}

/// Tells this very process. Only to be used while a collector with TLS runs in it.
fn hang_up() {
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGHUP).unwrap();
}
