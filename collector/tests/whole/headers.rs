//! What every answer carries, and what no request can make it carry or read.

use farol_collector::{access::proxy::Network, config::Transport};
use tempfile::TempDir;

use crate::harness::{Collector, PASSWORD, settings};

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let (collector, _dir) = Collector::fresh().await;
    for (path, status) in [
        ("/", 200),
        ("/health", 200),
        ("/api/auth/state", 200),
        ("/api/v1/resources", 401),
        ("/nowhere.js", 404),
        ("/api/x", 404),
    ] {
        let reply = collector.ask("GET", path, &[], b"").await;
        // A collector that was built without its page has none to show.
        assert!(reply.status == status || (path == "/" && reply.status == 404), "{path}: {}", reply.status);
        let has = |name: &str| reply.headers.get(name).unwrap_or_else(|| panic!("{path}: no {name}")).clone();
        assert_eq!(has("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(has("referrer-policy"), "same-origin", "{path}");
        assert_eq!(has("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(has("cross-origin-resource-policy"), "same-origin", "{path}");
        assert!(has("permissions-policy").contains("camera=()"), "{path}");
        let policy = has("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{path}: {policy}");
        assert!(!reply.headers.contains_key("strict-transport-security"), "{path}: plain HTTP promises nothing");
        if path.starts_with("/api") || path == "/health" {
            assert_eq!(has("cache-control"), "no-store", "{path}");
        }
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out_of_the_page() {
    let (collector, _dir) = Collector::fresh().await;
    let home = collector.ask("GET", "/", &[], b"").await.body;
    for path in [
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/%252e%252e%252fetc%252fpasswd",
        "/..\\..\\etc\\passwd",
        "/..%5c..%5cetc%5cpasswd",
        "/assets/../../../state.db",
        "/assets/..%2f..%2fstate.db",
        "/assets/%c0%ae%c0%ae/state.db",
        "/state.db",
        "/history.db",
        "//etc/passwd",
        "/etc/passwd%00.html",
        "/api/../state.db",
        "/api/v1/..%2f..%2fstate.db",
        "/ws/../../etc/passwd",
    ] {
        let reply = collector.ask("GET", path, &[], b"").await;
        // A place within the page: the browser keeps what is behind `#` to itself.
        if reply.status == 302 {
            let to = &reply.headers["location"];
            let (up, place) = to.split_once('#').unwrap_or_default();
            assert!(!up.is_empty() && up.chars().all(|c| matches!(c, '.' | '/')) && place.starts_with('/'), "{path}: {to}");
            continue;
        }
        assert!(matches!(reply.status, 200 | 400 | 404), "{path}: {}", reply.status);
        assert!(reply.status != 200 || reply.body == home, "{path} shows something: {}", reply.text());
        assert!(!reply.text().contains("root:") && !reply.text().contains("SQLite format"), "{path}");
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_sent_becomes_a_header() {
    let (collector, _dir) = Collector::fresh().await;
    for path in [
        "/%0d%0aX-Evil:%201",
        "/api/auth/oidc/x%0d%0aX-Evil:%201",
        "/api/auth/oidc/house/callback?state=x%0d%0aX-Evil:%201&code=y",
        "/api/v1/audit?action=%0d%0aX-Evil:%201",
        "/api/v1/actions/x%0d%0aX-Evil:%201",
    ] {
        let reply = collector.ask("GET", path, &[], b"").await;
        assert!(!reply.headers.contains_key("x-evil"), "{path}");
        assert!(!reply.headers.contains_key("set-cookie"), "{path}");
    }
    // A cookie of somebody's own making comes back in no header.
    let cookie = ("cookie", "farol_session=a; farol_oidc=b");
    let reply = collector.ask("POST", "/api/auth/logout", &[cookie], b"").await;
    let set = &reply.headers["set-cookie"];
    assert!(set.starts_with("farol_session=; "), "{set}");
    collector.stop().await;
}

/// Fails to sign in, as somebody whom the proxy names.
async fn fail(collector: &Collector, headers: &[(&str, &str)]) -> u16 {
    let body = serde_json::json!({ "username": "admin", "password": "wrong password" }).to_string();
    let mut all = vec![("content-type", "application/json")];
    all.extend_from_slice(headers);
    collector.ask("POST", "/api/auth/login", &all, body.as_bytes()).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_says_about_its_address_does_not_get_around_the_limit() {
    let (collector, _dir) = Collector::fresh().await;
    for attempt in 0..5 {
        assert_eq!(fail(&collector, &[("x-forwarded-for", &format!("192.0.2.{attempt}"))]).await, 401);
    }
    assert_eq!(fail(&collector, &[("x-forwarded-for", "192.0.2.99")]).await, 429);
    assert_eq!(fail(&collector, &[("forwarded", "for=192.0.2.99")]).await, 429);
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_each_client_counts_by_itself() {
    let dir = TempDir::new().unwrap();
    let mut behind = settings(dir.path());
    behind.transport = Transport { tls: None, trusted_proxies: vec![Network::parse("127.0.0.0/8").unwrap()] };
    let collector = Collector::start(behind).await;
    for _ in 0..5 {
        assert_eq!(fail(&collector, &[("x-forwarded-for", "6.6.6.6, 192.0.2.1")]).await, 401);
    }
    assert_eq!(
        fail(&collector, &[("x-forwarded-for", "7.7.7.7, 192.0.2.1")]).await,
        429,
        "what stands left is the client's own word"
    );
    assert_eq!(fail(&collector, &[("x-forwarded-for", "192.0.2.2")]).await, 401);

    let body = serde_json::json!({ "username": "admin", "password": PASSWORD }).to_string();
    let host = collector.address.to_string();
    let came = |origin: &'static str, proto: &'static str| {
        let (collector, body) = (&collector, &body);
        async move {
            let headers = [
                ("content-type", "application/json"),
                ("x-forwarded-for", "192.0.2.7"),
                ("x-forwarded-proto", proto),
                ("x-forwarded-host", "farol.example.org"),
                ("origin", origin),
            ];
            collector.ask("POST", "/api/auth/login", &headers, body.as_bytes()).await
        }
    };
    let reply = came("https://farol.example.org", "https").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.headers["set-cookie"].ends_with("; Secure"), "{}", reply.headers["set-cookie"]);
    assert!(reply.headers.contains_key("strict-transport-security"));
    assert!(!came("http://farol.example.org", "http").await.headers["set-cookie"].contains("Secure"));
    assert_eq!(came("https://evil.example.org", "https").await.status, 403);
    // The address behind the proxy is not what people use.
    let inner: &'static str = Box::leak(format!("http://{host}").into_boxed_str());
    assert_eq!(came(inner, "https").await.status, 403);
    collector.stop().await;
}
