//! Tests of probes as a whole, against servers that are good, silent, hostile, or show the wrong certificate.

use std::{collections::BTreeMap, path::PathBuf, rc::Rc, sync::Arc};

use farol_shared::resource::{Resource, ResourceKind};
use proptest::{collection::vec, prelude::*};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::LocalSet,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::{
    clock::SystemClock,
    config::list::Item,
    intake::{self, Inlet},
    listen::Stop,
    recorder::Recorder,
};

fn probe(word: &str) -> Probe {
    Probe::from_word(word).unwrap()
}

async fn check(probe: &Probe) -> CheckResult {
    once(probe, &Roots::new("/"), &SystemClock).await
}

/// A server that answers each connection with the same bytes after it has read something, or at once; then it stays silent.
async fn server(answer: Vec<u8>, speaks_first: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                if !speaks_first && !matches!(stream.read(&mut buffer).await, Ok(1..)) {
                    return;
                }
                drop(stream.write_all(&answer).await);
                while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
            });
        }
    });
    port
}

async fn http(answer: &str) -> String {
    format!("http://127.0.0.1:{}/health", server(answer.as_bytes().to_vec(), false).await)
}

#[tokio::test]
async fn a_port_is_open_or_not() {
    let port = server(Vec::new(), true).await;
    let result = check(&probe(&format!("tcp://127.0.0.1:{port}"))).await;
    assert!(result.is_success && result.latency_s.is_some() && result.state == CheckState::Online);
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let result = check(&probe(&format!("tcp://{closed}"))).await;
    assert!(!result.is_success && result.latency_s.is_none() && result.state == CheckState::Offline);
    assert!(result.detail.contains("cannot connect") && result.detail.contains("refused"), "{}", result.detail);
    let result = check(&probe("tcp://no.such.host.invalid:1")).await;
    assert!(result.detail.contains("cannot connect to no.such.host.invalid:1"), "{}", result.detail);
}

#[tokio::test]
async fn an_http_answer_is_judged_by_status_and_text() {
    let good = http("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nall is well").await;
    assert_eq!(check(&probe(&good)).await.state, CheckState::Online);
    let with = |text: &str| {
        let mut probe = probe(&good);
        probe.http.body_contains = Some(text.to_owned());
        probe
    };
    assert_eq!(check(&with("is well")).await.state, CheckState::Online);
    let result = check(&with("is bad")).await;
    assert!(!result.is_success && result.detail.contains("does not hold"), "{}", result.detail);
    let result = check(&probe(&http("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n").await)).await;
    assert_eq!((result.is_success, result.detail.as_str()), (false, "status 503 Service Unavailable"));
    let mut away = probe(&http("HTTP/1.1 302 Away\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await);
    assert!(check(&away).await.is_success, "a redirect is an answer and is not followed");
    away.http.statuses = vec![200..=299];
    assert!(!check(&away).await.is_success);
    away.http.statuses = vec![200..=299, 302..=302];
    assert!(check(&away).await.is_success);
}

#[tokio::test]
async fn an_endless_or_broken_answer_over_http_ends() {
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(3 << 20));
    let mut one = probe(&http(&endless).await);
    one.http.body_contains = Some("yes".into());
    let result = check(&one).await;
    assert!(!result.is_success && result.detail.contains("beginning"), "{}", result.detail);
    let long_head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    assert!(!check(&probe(&http(&long_head).await)).await.is_success);
    assert!(!check(&probe(&http("SSH-2.0-OpenSSH_9.2\r\n").await)).await.is_success);
}

#[tokio::test]
async fn user_and_headers_are_sent_over_http() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut one = probe(&format!("http://me:se%2Ccret@{}/a?b=c", listener.local_addr().unwrap()));
    one.http.headers = BTreeMap::from([("X-Key".to_owned(), farol_shared::secret::Secret::new("hunter2"))]);
    one.http.method = "HEAD".into();
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"HTTP/1.1 204 Fine\r\n\r\n").await.unwrap();
        String::from_utf8(head).unwrap()
    };
    let (result, head) = tokio::join!(check(&one), serving);
    assert!(result.is_success, "{}", result.detail);
    assert!(!format!("{result:?}").contains("se,cret") && !format!("{one:?}").contains("se,cret"));
    assert!(head.starts_with("HEAD /a?b=c HTTP/1.1\r\n"), "{head}");
    for line in ["x-key: hunter2", "authorization: Basic bWU6c2UsY3JldA==", "connection: close"] {
        assert!(head.contains(line), "{line} is missing in {head}");
    }
}

#[tokio::test]
async fn a_silent_server_is_offline_after_the_timeout() {
    let port = server(Vec::new(), true).await;
    for scheme in ["http", "https", "tls", "redis", "rediss", "postgres", "mysql", "amqp", "amqps"] {
        let mut silent = probe(&format!("{scheme}://me:pw@127.0.0.1:{port}"));
        silent.timeout = Duration::from_millis(100);
        let result = check(&silent).await;
        assert_eq!((result.state, result.latency_s), (CheckState::Offline, None), "{scheme}");
        assert!(result.detail.starts_with("nothing after 100 ms, while "), "{scheme}: {}", result.detail);
    }
}

#[tokio::test]
async fn a_hung_up_connection_is_said_to_be_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    for scheme in ["http", "tls", "redis", "postgres", "mysql", "amqp"] {
        let result = check(&probe(&format!("{scheme}://127.0.0.1:{port}"))).await;
        assert!(result.state == CheckState::Offline && !result.detail.is_empty(), "{scheme}: {result:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn a_hostile_server_is_never_taken_for_a_good_one(bytes in vec(any::<u8>(), 1..300), speaks_first in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let port = server(bytes, speaks_first).await;
            for scheme in ["http", "tls", "redis", "postgres", "mysql", "amqp"] {
                let mut one = probe(&format!("{scheme}://me:pw@127.0.0.1:{port}"));
                one.timeout = Duration::from_millis(50);
                let result = check(&one).await;
                prop_assert!(result.state == CheckState::Offline || scheme == "mysql", "{scheme}: {result:?}");
                prop_assert!(result.detail.len() <= DETAIL_BYTES_MAX);
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_slow_answer_is_degraded() {
    let mut one = probe(&http("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await);
    one.slow = Some(Duration::ZERO);
    let result = check(&one).await;
    assert!(result.is_success && result.state == CheckState::Degraded && result.detail.contains("over 0 ms"), "{result:?}");
}

/// A TLS server for `name` until `year`, and the file of its authority.
async fn tls_server(name: &str, year: i32, dir: &tempfile::TempDir) -> (u16, PathBuf) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, format!("authority of {name} until {year}"));
    let key = KeyPair::generate().unwrap();
    let file = dir.path().join(format!("{name}-{year}.pem"));
    std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_after = date_time_ymd(year, 1, 1);
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that distrusts the certificate hangs up.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    let answer: &[u8] = if buffer[..length].starts_with(b"GET") {
                        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
                    } else {
                        b"+PONG\r\n"
                    };
                    drop(stream.write_all(answer).await);
                    drop(stream.flush().await);
                }
            });
        }
    });
    (port, file)
}

#[tokio::test]
async fn each_fault_of_a_certificate_has_its_words_and_the_expiry_is_always_known() {
    let dir = tempfile::tempdir().unwrap();
    let (good, good_file) = tls_server("localhost", 2090, &dir).await;
    let (expired, expired_file) = tls_server("localhost", 2020, &dir).await;
    let (wrong, wrong_file) = tls_server("elsewhere", 2090, &dir).await;
    for (port, file, state, words) in [
        (good, &good_file, CheckState::Online, ""),
        (expired, &expired_file, CheckState::Offline, "the certificate expired"),
        (wrong, &wrong_file, CheckState::Offline, "the certificate is not for localhost"),
        (good, &wrong_file, CheckState::Offline, "the certificate's issuer is unknown"),
    ] {
        for scheme in ["tls", "https", "rediss"] {
            let mut one = probe(&format!("{scheme}://localhost:{port}"));
            one.ca_file = Some(file.clone());
            let attempted = attempt(&one, &mut Kept::default(), &Roots::new("/"), SystemClock.now_ms()).await;
            assert_eq!(attempted.finding.state, state, "{scheme}: {:?}", attempted.finding);
            assert!(attempted.finding.detail.starts_with(words), "{scheme}: {:?}", attempted.finding);
            let days = attempted.expiry_days.unwrap();
            assert_eq!(days < 0.0, port == expired, "{days}");
        }
    }
    let mut one = probe(&format!("https://localhost:{good}"));
    (one.ca_file, one.warn_days) = (Some(good_file), 100_000);
    let result = check(&one).await;
    assert!(result.is_success && result.state == CheckState::Degraded && result.detail.contains("expires in"), "{result:?}");
    one.ca_file = Some(dir.path().join("none.pem"));
    let result = check(&one).await;
    assert!(result.detail.contains("none.pem"), "{result:?}");
}

fn command(script: &str) -> Probe {
    let mut one = probe("command:/bin/sh -c");
    one.words.push(script.to_owned());
    one
}

#[tokio::test]
async fn a_command_is_judged_by_its_status_and_quoted() {
    for (script, state, detail) in [
        ("echo fine", CheckState::Online, "fine"),
        ("exit 0", CheckState::Online, ""),
        ("echo low on paper; exit 1", CheckState::Degraded, "low on paper"),
        ("echo broken >&2; exit 2", CheckState::Offline, "exit status 2: broken"),
        ("kill -9 $$", CheckState::Offline, "ended by signal 9"),
        ("test -z \"$FAROL_TOKEN\"", CheckState::Online, ""),
    ] {
        let result = check(&command(script)).await;
        assert_eq!((result.state, result.detail.as_str()), (state, detail), "{script}");
    }
    let result = check(&command("head -c 1000000 /dev/zero | tr '\\0' x")).await;
    assert_eq!((result.state, result.detail.len()), (CheckState::Online, 512));
    let result = check(&probe("command:/no/such/program")).await;
    assert!(result.state == CheckState::Offline && result.detail.contains("/no/such/program"), "{result:?}");
    assert_eq!(result.target, "command:/no/such/program");
}

#[tokio::test]
async fn a_command_that_hangs_is_ended_with_all_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let mut hung = command(&format!("sleep 1000 & echo $! > {0}.new; mv {0}.new {0}; wait", file.display()));
    hung.timeout = Duration::from_millis(500);
    let result = check(&hung).await;
    assert!(result.detail.contains("while waiting for the command"), "{result:?}");
    let child = std::fs::read_to_string(&file).unwrap();
    let stat = PathBuf::from("/proc").join(child.trim()).join("stat");
    // A killed process is gone, or a zombie until its new parent asks after it.
    let is_gone = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z"));
    while !is_gone() {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_process_runs_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let roots = Roots::new(dir.path());
    let app = probe("worker=process:gunicorn");
    let result = once(&app, &roots, &SystemClock).await;
    assert!(result.detail.contains("cannot read"), "{result:?}");
    for (pid, stat, line) in [("1", "1 (init) S 0", "init"), ("7", "7 (python3) S 1", "python3\0/usr/bin/gunicorn\0app")] {
        let process = dir.path().join("proc").join(pid);
        std::fs::create_dir_all(&process).unwrap();
        std::fs::write(process.join("stat"), stat).unwrap();
        std::fs::write(process.join("cmdline"), line).unwrap();
    }
    let result = once(&app, &roots, &SystemClock).await;
    assert_eq!((result.state, result.detail.as_str(), result.name.as_str()), (CheckState::Online, "1 process", "worker"));
    let result = once(&probe("process:celery"), &roots, &SystemClock).await;
    assert_eq!((result.state, result.detail.as_str()), (CheckState::Offline, "no process is called celery"));
}

fn context() -> (tokio::sync::watch::Sender<bool>, Context) {
    let (sender, stop) = Stop::new();
    let settings = intake::Settings { service: "s".into(), environment: None, tenant: None, slow_s: 0.5 };
    let clock = Arc::new(SystemClock);
    (sender, Context { inlet: Inlet::new(settings), clock, roots: Rc::new(Roots::new("/")), stop })
}

fn resource() -> Resource {
    Resource { key: "host:a".into(), kind: ResourceKind::Host, parent: None, tenant: None, attributes: BTreeMap::new() }
}

#[tokio::test(start_paused = true)]
async fn results_reach_the_intake_until_the_agent_stops() {
    LocalSet::new()
        .run_until(async {
            let (stop, context) = context();
            let mut one = probe("process:no-such-process");
            one.failures = 2;
            let (mut recorder, mut results) = (Recorder::new(), Vec::new());
            let own = recorder.resource(resource());
            let serving = tokio::task::spawn_local(serve(one, context.clone()));
            while results.len() < 3 {
                sleep(Duration::from_millis(100)).await;
                let records = context.inlet.open().drain(&mut recorder, own, true);
                let values = recorder.take_rows().remove(0).0;
                let new: Vec<CheckResult> = records.into_iter().flat_map(|records| records.checks).collect();
                if let Some(last) = new.last() {
                    let series = &recorder.tables().0[0].series;
                    let state = series.iter().position(|series| series.metric == "farol.check.state").unwrap();
                    assert_eq!(values[state], if last.state == CheckState::Offline { 0.0 } else { 0.5 });
                }
                results.extend(new);
            }
            let states: Vec<_> = results.iter().take(3).map(|result| result.state).collect();
            assert_eq!(states, [CheckState::Degraded, CheckState::Offline, CheckState::Offline]);
            stop.send_replace(true);
            serving.await.unwrap().unwrap();
        })
        .await;
}

#[test]
fn gauges_of_databases_that_cannot_be_asked_end() {
    let one = probe("postgres://u:p@db");
    let database = |name: &str| postgres::Database { name: name.into(), connections: 1.0, bytes: Some(2.0) };
    let attempted = |finding, databases: Option<Vec<&str>>| Attempted {
        finding,
        latency: None,
        expiry_days: None,
        statistics: databases
            .map(|names| postgres::Statistics { connections_max: 100.0, databases: names.into_iter().map(database).collect() }),
    };
    let mut kept = Databases::default();
    let mut step = |attempted: Attempted| {
        let mut gauges = Gauge::all(&one, &attempted, CheckState::Online);
        kept.follow(&attempted, &mut gauges);
        gauges.retain(Gauge::is_of_database);
        (gauges.len(), gauges.iter().filter(|gauge| gauge.value.is_nan()).count())
    };
    assert_eq!(step(attempted(Finding::online(), Some(vec!["a", "b"]))), (5, 0));
    assert_eq!(step(attempted(Finding::online(), None)), (0, 0), "the last ones hold");
    assert_eq!(step(attempted(Finding::online(), Some(vec!["a"]))), (5, 2), "b is gone");
    assert_eq!(step(attempted(Finding::offline("away"), None)), (3, 3));
    assert_eq!(step(attempted(Finding::offline("away"), None)), (0, 0));
}
