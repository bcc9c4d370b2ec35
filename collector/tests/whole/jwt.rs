//! Tokens of an application at the running collector: over HTTP and through the WebSocket.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use farol_collector::{
    access::{ClaimMap, Role},
    config::{IssuerSettings, KeySource, Settings},
};
use farol_shared::secret::Secret;
use futures_util::{SinkExt as _, StreamExt as _};
use ring::hmac;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::harness::{Collector, LONG, PASSWORD, now_ms, settings};

const SECRET: &str = "an application's secret of 32 bytes or more";

fn with_issuer(dir: &TempDir) -> Settings {
    let mut settings = settings(dir.path());
    settings.access.issuers.push(IssuerSettings {
        name: "shop".to_owned(),
        issuer: "https://shop.example.org".to_owned(),
        audience: vec!["farol".to_owned()],
        keys: KeySource::Secret(Secret::new(SECRET)),
        username_claim: "sub".to_owned(),
        claims: ClaimMap {
            role_claim: "role".to_owned(),
            roles: [("owner".to_owned(), Role::SuperAdmin), ("clerk".to_owned(), Role::Viewer)].into(),
            default_role: None,
            tenant_claim: Some("tenant_id".to_owned()),
            tenant_required: true,
        },
        ca_file: None,
    });
    settings
}

fn token(header: &Value, changes: &Value) -> String {
    let mut payload = json!({
        "iss": "https://shop.example.org", "aud": "farol", "sub": "7", "role": "owner", "exp": now_ms() / 1_000 + 600,
    });
    payload.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(&payload));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

fn good(changes: &Value) -> String {
    token(&json!({"alg": "HS256", "typ": "JWT"}), changes)
}

async fn status(collector: &Collector, path: &str, token: &str) -> u16 {
    collector.ask("GET", path, &[("authorization", &format!("Bearer {token}"))], b"").await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn the_products_own_super_admin_opens_the_house_and_its_clerk_only_a_part() {
    let dir = TempDir::new().unwrap();
    let collector = Collector::start(with_issuer(&dir)).await;
    let owner = good(&json!({}));
    let me = collector.json(&owner, "/api/auth/me").await;
    assert_eq!(
        (me["username"].as_str(), me["role"].as_str(), me["monitoring"].as_bool()),
        (Some("shop:7"), Some("super_admin"), Some(true))
    );
    let clerk = good(&json!({"role": "clerk", "tenant_id": "acme"}));
    let me = collector.json(&clerk, "/api/auth/me").await;
    assert_eq!(
        (me["role"].as_str(), me["tenant"].as_str(), me["monitoring"].as_bool()),
        (Some("viewer"), Some("acme"), Some(false))
    );
    assert_eq!(status(&collector, "/api/v1/audit", &clerk).await, 403);
    for (what, wrong) in [
        ("no tenant", good(&json!({"role": "clerk"}))),
        ("our own word", good(&json!({"role": "super_admin"}))),
        ("expired", good(&json!({"exp": now_ms() / 1_000 - 1}))),
        ("another audience", good(&json!({"aud": "shop"}))),
        ("none", token(&json!({"alg": "none"}), &json!({}))),
        ("another algorithm", token(&json!({"alg": "HS384"}), &json!({}))),
        ("critical", token(&json!({"alg": "HS256", "crit": ["x"], "x": 1}), &json!({}))),
        ("huge", good(&json!({"filling": "x".repeat(9_000)}))),
        ("cut", owner.strip_suffix(|_: char| true).unwrap().to_owned()),
    ] {
        assert_eq!(status(&collector, "/api/auth/me", &wrong).await, 401, "{what}");
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_application_opens_the_web_socket_and_a_forged_one_closes_it() {
    let dir = TempDir::new().unwrap();
    let collector = Collector::start(with_issuer(&dir)).await;
    for (token, expect) in [(good(&json!({})), None), (token(&json!({"alg": "none"}), &json!({})), Some(4401))] {
        let (mut socket, _) = connect_async(format!("ws://{}/api/monitoring/ws", collector.address)).await.unwrap();
        let auth = json!({"message_type": "Auth", "payload": {"token": token}, "timestamp": now_ms()});
        socket.send(Message::text(auth.to_string())).await.unwrap();
        let subscription = json!({"message_type": "Subscription", "payload": {"rooms": ["overview"]}, "timestamp": now_ms()});
        drop(socket.send(Message::text(subscription.to_string())).await);
        let code = timeout(LONG, async {
            loop {
                match socket.next().await {
                    Some(Ok(Message::Text(_))) => return None,
                    Some(Ok(Message::Close(frame))) => return Some(frame.map_or(0, |frame| u16::from(frame.code))),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Some(1),
                }
            }
        });
        assert_eq!(code.await.unwrap(), expect);
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_key_checks_the_token_of_a_login() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let set = collector.ask("GET", "/api/auth/jwks.json", &[], b"").await.json();
    let part = |at: usize| URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&part(0)).unwrap();
    assert_eq!((&header["alg"], &header["kid"]), (&json!("EdDSA"), &set["keys"][0]["kid"]));
    let x = URL_SAFE_NO_PAD.decode(set["keys"][0]["x"].as_str().unwrap()).unwrap();
    let (signed, _) = token.rsplit_once('.').unwrap();
    ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, x).verify(signed.as_bytes(), &part(2)).unwrap();
    assert!(set["keys"][0].get("d").is_none() && !set.to_string().contains(PASSWORD));
    collector.stop().await;
}
