//! Where keys come from: profile, environment, container and instance, and that those that expire are renewed in time.

use std::{collections::BTreeMap, sync::Arc};

use farol_collector::pull::{At, Code, Declared, Integration, PollError, cloudwatch, kind};
use farol_tests::fake::{
    Call,
    aws::{Aws, KEY, REGION, SECRET},
};
use tempfile::TempDir;

use super::NOW;

/// An instance without keys of its own, in surroundings of the test's.
fn open(aws: &Aws, keys: &str, vars: &[(&str, &str)]) -> Box<dyn Integration> {
    let url = aws.fake.url();
    let toml = format!("url = '{url}'\nregion = '{REGION}'\n{keys}\ntargets = [{{ kind = 'sqs', id = 'q' }}]");
    let declared = Declared::read(kind("cloudwatch").unwrap(), toml.parse().unwrap(), &BTreeMap::new()).unwrap();
    let vars: BTreeMap<String, String> = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let around = cloudwatch::Around { vars: Arc::new(vars), container_url: url.clone(), instance_url: url };
    cloudwatch::open(&declared.given, around).unwrap()
}

async fn poll_at(one: &mut Box<dyn Integration>, now_ms: i64) -> Result<(), PollError> {
    one.poll(&At { now_ms, since_ms: None }).await.map(|_| ())
}

/// Keys that CloudWatch was asked with.
fn used(aws: &Aws) -> Vec<String> {
    let key = |call: Call| {
        let sent = call.headers.get("authorization")?.to_str().ok()?.to_owned();
        Some(sent.split_once("Credential=")?.1.split('/').next()?.to_owned())
    };
    aws.fake.calls().into_iter().filter(|call| call.line == "POST /").filter_map(key).collect()
}

#[tokio::test]
async fn keys_of_the_environment_are_read_at_each_poll() {
    let aws = Aws::start().await;
    let mut one = open(&aws, "", &[("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)]);
    poll_at(&mut one, NOW.now_ms).await.unwrap();
    assert_eq!(used(&aws), [KEY]);
}

#[tokio::test]
async fn a_session_token_is_sent_and_signed() {
    let aws = Aws::start().await;
    aws.held().keys.insert("ASIATEMP".to_owned(), ("x".to_owned(), Some("s3cr3t-token".to_owned())));
    let vars = [("AWS_ACCESS_KEY_ID", "ASIATEMP"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_SESSION_TOKEN", "s3cr3t-token")];
    poll_at(&mut open(&aws, "", &vars), NOW.now_ms).await.unwrap();
    let without = poll_at(&mut open(&aws, "", &vars[..2]), NOW.now_ms).await.unwrap_err();
    assert_eq!(without.code, Code::Auth);
}

#[tokio::test]
async fn a_profile_of_the_files_of_the_command_line_is_read_and_read_again() {
    let (aws, home) = (Aws::start().await, TempDir::new().unwrap());
    let dir = home.path().join(".aws");
    std::fs::create_dir(&dir).unwrap();
    let vars = [("HOME", home.path().to_str().unwrap())];
    let mut one = open(&aws, "profile = 'prod'", &vars);
    let told = poll_at(&mut one, NOW.now_ms).await.unwrap_err();
    assert!(told.code == Code::Auth && told.message.contains("profile prod is not in"), "{told}");
    std::fs::write(dir.join("credentials"), format!("[prod]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"))
        .unwrap();
    poll_at(&mut one, NOW.now_ms).await.unwrap();
    // The default profile serves who names none.
    std::fs::write(dir.join("config"), format!("[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"))
        .unwrap();
    poll_at(&mut open(&aws, "", &vars), NOW.now_ms).await.unwrap();
    assert_eq!(used(&aws), [KEY, KEY]);
}

/// Polls over two hours with keys that hold for one; they are renewed five minutes before they expire, and not before.
async fn renewed(mut one: Box<dyn Integration>, aws: &Aws) {
    aws.held().expires = "2026-11-21T06:08:00Z".to_owned();
    let minute = 60_000;
    poll_at(&mut one, NOW.now_ms).await.unwrap();
    poll_at(&mut one, NOW.now_ms + 54 * minute).await.unwrap();
    assert_eq!(aws.held().given, 1);
    // The endpoint fails for a moment while the old keys still hold.
    aws.held().is_broken = true;
    poll_at(&mut one, NOW.now_ms + 56 * minute).await.unwrap();
    let told = poll_at(&mut one, NOW.now_ms + 61 * minute).await.unwrap_err();
    assert!(told.code == Code::Unreachable && !told.message.contains("s3cr3t"), "{told}");
    aws.held().is_broken = false;
    aws.held().expires = "2026-11-21T07:08:00Z".to_owned();
    poll_at(&mut one, NOW.now_ms + 62 * minute).await.unwrap();
    assert_eq!((aws.held().given, used(aws)), (2, ["ASIA1", "ASIA1", "ASIA1", "ASIA2"].map(str::to_owned).to_vec()));
    // Keys that AWS refuses are not kept.
    aws.held().keys.remove("ASIA2");
    assert_eq!(poll_at(&mut one, NOW.now_ms + 64 * minute).await.unwrap_err().code, Code::Auth);
    poll_at(&mut one, NOW.now_ms + 66 * minute).await.unwrap();
    assert_eq!(aws.held().given, 3);
}

#[tokio::test]
async fn a_container_s_role_gives_keys_that_are_renewed_in_time() {
    let aws = Aws::start().await;
    renewed(open(&aws, "", &[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/guid-s3cr3t")]), &aws).await;
}

#[tokio::test]
async fn a_container_s_full_address_is_asked_with_its_token_and_only_when_it_is_near() {
    let (aws, dir) = (Aws::start().await, TempDir::new().unwrap());
    let (url, file) = (format!("{}/v2/credentials/guid-s3cr3t", aws.fake.url()), dir.path().join("token"));
    std::fs::write(&file, "container-t0ken\n").unwrap();
    let full = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str());
    let token = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap());
    poll_at(&mut open(&aws, "", &[full, token]), NOW.now_ms).await.unwrap();
    poll_at(&mut open(&aws, "", &[full, ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-t0ken")]), NOW.now_ms).await.unwrap();
    let wrong =
        poll_at(&mut open(&aws, "", &[full, ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "other")]), NOW.now_ms).await.unwrap_err();
    assert!(wrong.message.contains("status 400") && !wrong.message.contains("s3cr3t"), "{wrong}");
    let far = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://keys.example/s3cr3t")];
    let told = poll_at(&mut open(&aws, "", &far), NOW.now_ms).await.unwrap_err();
    assert!(told.code == Code::Auth && !told.message.contains("s3cr3t"), "{told}");
}

#[tokio::test]
async fn an_instance_s_role_gives_keys_by_the_second_version_of_the_metadata() {
    let aws = Aws::start().await;
    renewed(open(&aws, "", &[]), &aws).await;
    let first: Vec<String> = aws.fake.calls().into_iter().map(|call| call.line).take(3).collect();
    let roles = "/latest/meta-data/iam/security-credentials/";
    assert_eq!(first, ["PUT /latest/api/token".to_owned(), format!("GET {roles}"), format!("GET {roles}farol-role")]);
    aws.held().has_role = false;
    let told = poll_at(&mut open(&aws, "", &[]), NOW.now_ms).await.unwrap_err();
    assert!(told.code == Code::Auth && told.message.contains("the instance has no role"), "{told}");
}
