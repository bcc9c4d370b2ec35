//! Plausible, Fathom and Umami against fakes of their APIs.

use std::sync::atomic::Ordering;

use farol_collector::pull::{Code, PollError, Reading};
use farol_shared::catalog;
use farol_tests::fake::{
    Fake, Fault,
    analytics::{self, SECRET, Umami, WEBSITE},
};
use serde_json::json;

use crate::faults::{every, instance, poll};

fn plausible(url: &str) -> String {
    format!("url = \"{url}\"\nsite = \"example.com\"\napi_key = \"{SECRET}\"\n")
}

fn fathom(url: &str) -> String {
    format!("url = \"{url}\"\nsite = \"ABCDE\"\napi_key = \"{SECRET}\"\n")
}

fn umami(url: &str) -> String {
    format!("url = \"{url}\"\nwebsite = \"{WEBSITE}\"\nusername = \"farol\"\npassword = \"{SECRET}\"\n")
}

fn umami_cloud(url: &str) -> String {
    format!("url = \"{url}/v1\"\nwebsite = \"{WEBSITE}\"\napi_key = \"{SECRET}\"\n")
}

async fn once(kind: &str, toml: &str) -> Result<Reading, PollError> {
    poll(&mut instance(kind, toml)).await
}

#[tokio::test]
async fn every_trouble_of_plausible_is_told_and_left_behind() {
    every("plausible", &Fake::start(analytics::plausible(false)).await, plausible).await;
}

#[tokio::test]
async fn every_trouble_of_fathom_is_told_and_left_behind() {
    every("fathom", &Fake::start(analytics::fathom()).await, fathom).await;
}

#[tokio::test]
async fn every_trouble_of_umami_is_told_and_left_behind() {
    every("umami", &Fake::start(Umami::new().routes()).await, umami).await;
    every("umami", &Fake::start(Umami::new().routes()).await, umami_cloud).await;
}

#[tokio::test]
async fn plausible_tells_a_bare_number() {
    let fake = Fake::start(analytics::plausible(false)).await;
    let reading = once("plausible", &plausible(&fake.url())).await.unwrap();
    let expected = json!({"count": 7, "window_s": 300, "source": "Plausible example.com"});
    assert_eq!(reading.snapshots["users"], expected);
    assert_eq!(reading.value(&catalog::USERS_ONLINE, &[]), Some(7.0));
    once("plausible", &format!("{}path = \"/moved/visitors\"\n", plausible(&fake.url()))).await.unwrap();
    let error = once("plausible", &plausible(&fake.url()).replace("example.com", "other.com")).await.unwrap_err();
    assert!(error.message.contains("does not own the site other.com"), "{error}");
}

#[tokio::test]
async fn a_plan_of_plausible_without_the_api_is_named() {
    let fake = Fake::start(analytics::plausible(true)).await;
    let error = once("plausible", &plausible(&fake.url())).await.unwrap_err();
    assert_eq!((error.code, error.status), (Code::Auth, Some(402)));
    assert!(error.message.contains("plan does not include the Stats API"), "{error}");
}

#[tokio::test]
async fn fathom_tells_pages_too() {
    let fake = Fake::start(analytics::fathom()).await;
    let reading = once("fathom", &fathom(&fake.url())).await.unwrap();
    let pages = json!([{"path": "/prices", "count": 8}, {"path": "/", "count": 4}]);
    assert_eq!(reading.snapshots["users"], json!({"count": 12, "window_s": null, "source": "Fathom ABCDE", "pages": pages}));
    assert_eq!(reading.value(&catalog::USERS_ONLINE, &[]), Some(12.0));
}

#[tokio::test]
async fn umami_logs_in_once_and_again_when_its_token_ends() {
    let umami_there = Umami::new();
    let fake = Fake::start(umami_there.routes()).await;
    let mut one = instance("umami", &umami(&fake.url()));
    for told in [json!({"visitors": 5}), json!({"x": 5}), json!([{"x": 5}])] {
        *umami_there.told.lock().unwrap() = told;
        let reading = poll(&mut one).await.unwrap();
        assert_eq!(reading.snapshots["users"]["count"], json!(5));
    }
    assert_eq!(umami_there.logins.load(Ordering::SeqCst), 1);
    umami_there.end_tokens();
    poll(&mut one).await.unwrap();
    assert_eq!(umami_there.logins.load(Ordering::SeqCst), 3, "one end and one new login");
    fake.forget();
    fake.set(Fault::Status(401));
    assert_eq!(poll(&mut one).await.unwrap_err().code, Code::Auth);
    assert_eq!(fake.calls().len(), 2, "a refusal is not asked for again and again");
    fake.set(Fault::None);
    poll(&mut one).await.unwrap();

    let error = once("umami", &umami(&fake.url()).replace(SECRET, "s3cr3t-wrong")).await.unwrap_err();
    assert!(error.message.contains("password of farol is refused"), "{error}");
    assert!(!error.message.contains("s3cr3t"));
}

#[tokio::test]
async fn wrong_tables_are_refused_with_what_to_write() {
    let open = |kind: &str, text: &str| {
        let vars = std::collections::BTreeMap::new();
        farol_collector::pull::Instance::from_toml(kind, text, &vars).map(|_| ()).unwrap_err()
    };
    assert!(open("plausible", "site = \"a\"").contains("api_key_file"));
    assert!(open("plausible", "site = \"a\"\napi_key = \"k\"\npath = \"x\"").contains("path must begin"));
    assert!(open("fathom", "api_key = \"k\"").contains("site"));
    assert!(open("umami", &format!("website = \"{WEBSITE}\"")).contains("username and password_file"));
    assert!(open("umami", &format!("website = \"{WEBSITE}\"\nusername = \"a\"\npassword = \"k\"")).contains("url is missing"));
    assert!(open("umami", "website = \"a/b\"\napi_key = \"k\"").contains("website"));
}
