//! Tests of applications' tokens: who is let in, as whom, and when keys are asked for again.

use std::{collections::BTreeMap, path::PathBuf};

use farol_shared::secret::Secret;
use serde_json::{Value, json};

use super::{standing::ClaimMap, *};
use crate::{
    access::{
        Role, View,
        jwt::tests::forge::{EdKey, Sign as _, secret_sign, token},
    },
    config::KeySource,
};

const NOW: i64 = 1_760_000_000_000;
const SECRET: &str = "an application's secret of 32 bytes or more";

fn settings(keys: KeySource) -> IssuerSettings {
    IssuerSettings {
        name: "shop".to_owned(),
        issuer: "https://shop.example.org".to_owned(),
        audience: vec!["farol".to_owned()],
        keys,
        username_claim: "sub".to_owned(),
        claims: ClaimMap {
            role_claim: "role".to_owned(),
            roles: BTreeMap::new(),
            default_role: None,
            tenant_claim: Some("tenant_id".to_owned()),
            tenant_required: true,
        },
        ca_file: None,
    }
}

fn payload(changes: &Value) -> Value {
    let mut all = json!({
        "iss": "https://shop.example.org", "aud": "farol", "sub": "42", "role": "admin", "tenant_id": "acme",
        "exp": NOW / 1_000 + 300,
    });
    all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    all
}

fn secret_token(changes: &Value) -> String {
    token(&json!({"alg": "HS256", "typ": "JWT"}), &payload(changes), |signed| secret_sign(SECRET.as_bytes(), signed))
}

#[tokio::test]
async fn a_token_of_the_application_is_a_person_of_its_role_and_tenant() {
    let issuers = Issuers::start(&[settings(KeySource::Secret(Secret::new(SECRET)))]).unwrap();
    let person = issuers.person(&secret_token(&json!({})), NOW).unwrap();
    assert_eq!((&*person.username, person.role), ("shop:42", Role::Admin));
    assert_eq!(person.view, View::Tenant("acme".into()));
    assert_eq!(person.credential, Credential::Issued { issuer: "shop".into(), expires_ms: NOW + 300_000 });
    let boss = issuers.person(&secret_token(&json!({"role": "super_admin", "tenant_id": null})), NOW).unwrap();
    assert_eq!((boss.role, boss.view), (Role::SuperAdmin, View::Whole));
}

#[tokio::test]
async fn a_token_that_says_anything_else_opens_nothing() {
    let issuers = Issuers::start(&[settings(KeySource::Secret(Secret::new(SECRET)))]).unwrap();
    for wrong in [
        json!({"iss": "https://shop.example.org/"}),
        json!({"iss": ["https://shop.example.org"]}),
        json!({"aud": "another-service"}),
        json!({"aud": null}),
        json!({"exp": NOW / 1_000}),
        json!({"exp": null}),
        json!({"nbf": NOW / 1_000 + 120}),
        json!({"role": "root"}),
        json!({"role": null}),
        json!({"tenant_id": null}),
        json!({"sub": ""}),
        json!({"sub": 42}),
    ] {
        assert_eq!(issuers.person(&secret_token(&wrong), NOW), None, "{wrong}");
    }
    assert!(issuers.person(&secret_token(&json!({})), NOW + 300_000).is_none(), "it has expired");
}

fn write(path: &PathBuf, keys: &[Value]) {
    std::fs::write(path, json!({ "keys": keys }).to_string()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_asked_for_at_most_once_a_minute_and_a_broken_set_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.json");
    let (old, new) = (EdKey::new(1), EdKey::new(2));
    write(&path, &[old.published("old")]);
    let issuer = settings(KeySource::File(path.clone()));
    let keys = Keys::new(issuer.keys.clone(), Fetcher::new(None).unwrap());
    let issuers = Issuers { all: vec![Arc::new(Issuer { name: "shop".into(), settings: issuer, keys })], renewing: Vec::new() };
    let (by_old, by_new) = (old.token("old", &payload(&json!({}))), new.token("new", &payload(&json!({}))));

    assert!(issuers.person(&by_old, NOW).is_none(), "nothing was read yet");
    assert!(issuers.learn(&by_old).await);
    assert!(issuers.person(&by_old, NOW).is_some());
    assert!(!issuers.learn(&by_old).await, "a known key is not asked for");

    write(&path, &[old.published("old"), new.published("new")]);
    issuers.learn(&by_new).await;
    assert!(issuers.person(&by_new, NOW).is_none(), "it was read within the last minute");
    tokio::time::advance(Duration::from_secs(60)).await;
    issuers.learn(&by_new).await;
    assert!(issuers.person(&by_new, NOW).is_some());

    std::fs::write(&path, "half a").unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    issuers.learn(&EdKey::new(3).token("third", &payload(&json!({})))).await;
    assert!(issuers.person(&by_new, NOW).is_some(), "what is known stays in force");

    write(&path, &[new.published("new")]);
    tokio::time::advance(Duration::from_secs(60)).await;
    issuers.learn(&EdKey::new(3).token("third", &payload(&json!({})))).await;
    assert!(issuers.person(&by_old, NOW).is_none(), "a withdrawn key is refused");
    // A token of another issuer, or none at all, causes no reading.
    for strange in [by_new.replace('.', ""), EdKey::new(3).token("third", &payload(&json!({"iss": "other"}))), String::new()] {
        assert!(!issuers.learn(&strange).await);
    }
}
