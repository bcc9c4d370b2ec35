//! Sign-in at a provider as far as it goes without one; with one it is tested in `tests/integrations/oidc.rs`.

use farol_collector::{
    access::{ClaimMap, Role},
    config::OidcSettings,
};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::harness::{Collector, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_answer_sends_the_browser_back_to_the_page() {
    // A port that was free a moment ago and that nobody listens on.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let dir = TempDir::new().unwrap();
    let mut with_provider = settings(dir.path());
    with_provider.public_url = Some("https://farol.example.org/monitor".to_owned());
    with_provider.access.oidc.push(OidcSettings {
        name: "house".to_owned(),
        title: "<b>House</b>".to_owned(),
        issuer: format!("http://{gone}").parse().unwrap(),
        issuer_text: format!("http://{gone}"),
        client_id: "farol".to_owned(),
        client_secret: None,
        scopes: vec!["openid".to_owned()],
        username_claim: "email".to_owned(),
        claims: ClaimMap {
            role_claim: "role".to_owned(),
            roles: std::collections::BTreeMap::new(),
            default_role: Some(Role::Viewer),
            tenant_claim: None,
            tenant_required: true,
        },
        allowed_domains: Vec::new(),
        ca_file: None,
    });
    let collector = Collector::start(with_provider).await;
    let offered = collector.ask("GET", "/api/auth/state", &[], b"").await.json()["oidc"].clone();
    assert_eq!(offered, serde_json::json!([{ "name": "house", "title": "<b>House</b>" }]));
    for (path, fault) in [
        ("/api/auth/oidc/house", "oidc_unreachable"),
        ("/api/auth/oidc/house/callback", "oidc_expired"),
        ("/api/auth/oidc/house/callback?state=guess&code=guess", "oidc_expired"),
        ("/api/auth/oidc/house/callback?error=access_denied", "oidc_expired"),
    ] {
        let reply = collector.ask("GET", path, &[], b"").await;
        assert_eq!(reply.status, 302, "{path}");
        assert_eq!(reply.headers["location"], format!("/monitor/#/sign-in?fault={fault}"), "{path}");
        assert_eq!(reply.headers["cache-control"], "no-store", "{path}");
    }
    for path in [
        "/api/auth/oidc/other",
        "/api/auth/oidc/other/callback",
        "/api/auth/oidc/HOUSE",
        "/api/auth/oidc/%ff",
        "/api/auth/oidc/%ff/callback",
    ] {
        assert_eq!(collector.ask("GET", path, &[], b"").await.status, 404, "{path}");
    }
    collector.stop().await;
}
