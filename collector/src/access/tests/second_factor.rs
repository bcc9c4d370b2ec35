//! Tests of the second factor as people meet it: setting it up, signing in with it, losing it, and guessing at it.

use super::*;
use crate::{
    access::{
        seal::KEY_FILE,
        totp::{STEP_MS, code_of},
    },
    state::AuditFilter,
};

/// The bytes of a secret in base32.
fn unbase32(text: &str) -> Vec<u8> {
    let (mut bits, mut have, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.bytes() {
        let five = if letter.is_ascii_uppercase() { letter - b'A' } else { letter - b'2' + 26 };
        bits = bits << 5 | u32::from(five);
        have += 5;
        if have >= 8 {
            have -= 8;
            bytes.push(u8::try_from(bits >> have & 0xff).unwrap());
        }
    }
    bytes
}

/// An account with a second factor.
struct Factor {
    secret: Vec<u8>,
    recovery: Vec<String>,
    cookie: String,
}

impl House {
    /// The code that the app shows now.
    fn code(&self, secret: &[u8]) -> String {
        let now_ms = self.clock.now_ms();
        format!("{:06}", code_of(secret, now_ms / STEP_MS))
    }

    async fn by_cookie(&self, cookie: &str, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[("cookie", cookie), ("origin", "http://farol.lan")], body).await
    }

    async fn login_with(&self, code: &str) -> Answer {
        let body = json!({"username": "admin", "password": PASSWORD, "code": code});
        self.send("POST", "/api/auth/login", &[], body).await
    }

    async fn with_factor(&self) -> Factor {
        let cookie = self.login("admin", PASSWORD).await.cookie();
        let offer = self.by_cookie(&cookie, "/api/auth/second-factor/begin", json!({"password": PASSWORD})).await;
        assert_eq!(offer.status, 200, "{}", offer.json);
        let secret = unbase32(offer.json["secret"].as_str().unwrap());
        let confirmed = self.by_cookie(&cookie, "/api/auth/second-factor/confirm", json!({"code": self.code(&secret)})).await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.json);
        let codes = confirmed.json["recovery_codes"].as_array().unwrap();
        let recovery = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
        Factor { secret, recovery, cookie: confirmed.cookie() }
    }

    fn actions(&self) -> Vec<String> {
        self.file().audit(100, &AuditFilter::default()).unwrap().into_iter().rev().map(|row| row.start.action).collect()
    }
}

#[tokio::test]
async fn an_offered_secret_counts_only_after_its_first_code() {
    let house = house(settings(Some(PASSWORD))).await;
    let cookie = house.login("admin", PASSWORD).await.cookie();
    let confirm = |code: String| house.by_cookie(&cookie, "/api/auth/second-factor/confirm", json!({"code": code}));
    assert_eq!(confirm("123456".to_owned()).await.json["code"], "second_factor_not_begun");
    let begin = |password: &str| house.by_cookie(&cookie, "/api/auth/second-factor/begin", json!({"password": password}));
    assert_eq!(
        (begin("wrong password").await.status, begin("wrong password").await.json["code"].clone()),
        (StatusCode::FORBIDDEN, json!("wrong_password"))
    );
    let offer = begin(PASSWORD).await;
    let secret = unbase32(offer.json["secret"].as_str().unwrap());
    assert!(offer.json["uri"].as_str().unwrap().starts_with("otpauth://totp/Farol:admin?secret="));
    assert!(offer.json["qr"]["size"].as_u64().unwrap() > 20 && offer.json["qr"]["path"].as_str().unwrap().starts_with('M'));
    assert_eq!(house.login("admin", PASSWORD).await.status, 200, "not yet");
    let wrong = format!("{:06}", (code_of(&secret, START / STEP_MS) + 1) % 1_000_000);
    let refused = confirm(wrong).await;
    assert_eq!((refused.status, &refused.json["code"]), (StatusCode::FORBIDDEN, &json!("second_factor_wrong")));
    let confirmed = confirm(house.code(&secret)).await;
    assert_eq!(confirmed.json["recovery_codes"].as_array().unwrap().len(), 10);
    assert_eq!(begin(PASSWORD).await.status, 401, "the cookie of before has ended");
    assert_eq!(
        house.by_cookie(&confirmed.cookie(), "/api/auth/second-factor/begin", json!({"password": PASSWORD})).await.json["code"],
        "second_factor_on"
    );
    let me = house.send("GET", "/api/auth/me", &[("cookie", &confirmed.cookie())], Value::Null).await;
    assert_eq!(me.json["second_factor"], true);
}

#[tokio::test]
async fn signing_in_needs_the_code_of_the_moment_and_each_works_once() {
    let house = house(settings(Some(PASSWORD))).await;
    let factor = house.with_factor().await;
    let without = house.login("admin", PASSWORD).await;
    assert_eq!((without.status, &without.json["code"]), (StatusCode::UNAUTHORIZED, &json!("second_factor_required")));
    assert!(without.headers.get("set-cookie").is_none() && without.json["token"].is_null());
    let replayed = house.login_with(&house.code(&factor.secret)).await;
    assert_eq!(
        (replayed.status, &replayed.json["code"]),
        (StatusCode::UNAUTHORIZED, &json!("second_factor_wrong")),
        "the code that set it up"
    );
    house.pass(STEP_MS);
    let code = house.code(&factor.secret);
    let wrong_password = json!({"username": "admin", "password": "wrong password", "code": code});
    assert!(house.send("POST", "/api/auth/login", &[], wrong_password).await.json["code"].is_null(), "it says nothing of codes");
    assert_eq!(house.login_with(&code).await.status, 200);
    assert_eq!(house.login_with(&code).await.status, 401, "a code works once");
    house.pass(STEP_MS);
    assert_eq!(house.login_with(&code).await.status, 401, "also a step later");
    assert_eq!(house.login_with(&house.code(&factor.secret)).await.status, 200);
}

#[tokio::test]
async fn of_two_at_once_with_one_code_one_gets_in() {
    let house = house(settings(Some(PASSWORD))).await;
    let factor = house.with_factor().await;
    house.pass(STEP_MS);
    let code = house.code(&factor.secret);
    let (one, other) = tokio::join!(house.login_with(&code), house.login_with(&code));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}

#[tokio::test]
async fn a_recovery_code_works_once_and_new_ones_replace_all() {
    let house = house(settings(Some(PASSWORD))).await;
    let factor = house.with_factor().await;
    let signed_in = house.login_with(&factor.recovery[0].to_lowercase()).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.json);
    assert_eq!(house.login_with(&factor.recovery[0]).await.status, 401);
    house.pass(STEP_MS);
    let body = |code: &str| json!({"password": PASSWORD, "code": code});
    let cookie = signed_in.cookie();
    let spent = house.by_cookie(&cookie, "/api/auth/second-factor/recovery", body(&factor.recovery[0])).await;
    assert_eq!((spent.status, &spent.json["code"]), (StatusCode::FORBIDDEN, &json!("second_factor_wrong")));
    let renewed = house.by_cookie(&cookie, "/api/auth/second-factor/recovery", body(&house.code(&factor.secret))).await;
    assert_eq!(renewed.status, 200, "{}", renewed.json);
    assert_eq!(house.login_with(&factor.recovery[1]).await.status, 401, "the old ones have gone");
    assert_eq!(house.login_with(renewed.json["recovery_codes"][9].as_str().unwrap()).await.status, 200);
    assert_eq!(house.me("cookie", &cookie).await, 401, "every other sign-in has ended");
}

#[tokio::test]
async fn giving_it_up_needs_password_and_code() {
    let house = house(settings(Some(PASSWORD))).await;
    let factor = house.with_factor().await;
    house.pass(STEP_MS);
    let disable = |password: &str, code: String| {
        house.by_cookie(&factor.cookie, "/api/auth/second-factor/disable", json!({"password": password, "code": code}))
    };
    assert_eq!(disable("wrong password", house.code(&factor.secret)).await.json["code"], "wrong_password");
    assert_eq!(disable(PASSWORD, "AAAA-AAAA-AAAA-AAAA".to_owned()).await.json["code"], "second_factor_wrong");
    let disabled = disable(PASSWORD, house.code(&factor.secret)).await;
    assert_eq!(disabled.status, 204, "{}", disabled.json);
    assert_eq!(house.me("cookie", &factor.cookie).await, 401);
    assert_eq!(house.me("cookie", &disabled.cookie()).await, 200);
    assert_eq!(house.login("admin", PASSWORD).await.status, 200);
    assert_eq!(house.login_with(&factor.recovery[0]).await.status, 200, "a code is not asked for any more");
    assert_eq!(house.file().recovery_codes_left("admin").unwrap(), 0);
    let expect = ["user.create", "login", "second_factor.enable", "login.failed", "second_factor.disable", "login", "login"];
    let told: Vec<String> = house.actions().into_iter().filter(|action| action != "login.failed").collect();
    assert_eq!(told, expect.into_iter().filter(|action| *action != "login.failed").collect::<Vec<_>>());
}

#[tokio::test]
async fn guessing_codes_is_slowed_and_told_and_the_owner_still_gets_in() {
    let house = house(settings(Some(PASSWORD))).await;
    let factor = house.with_factor().await;
    let mut slowed = 0;
    for _ in 0..40 {
        let answer = house.login_with("000000").await;
        slowed += usize::from(answer.status == 429);
        assert_ne!(answer.status, 200);
    }
    assert!(slowed > 30, "{slowed}");
    assert!(house.actions().contains(&"login.failed".to_owned()));
    house.pass(MINUTE);
    assert_eq!(house.login_with(&house.code(&factor.secret)).await.status, 200);
}

#[tokio::test]
async fn nothing_of_a_second_factor_can_be_read_in_the_file() {
    let house = house(settings(Some(PASSWORD))).await;
    let factor = house.with_factor().await;
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(house.dir.path()).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let holds = |secret: &[u8]| bytes.windows(secret.len()).any(|part| part == secret);
    assert!(!holds(&factor.secret) && !holds(totp::base32(&factor.secret).as_bytes()));
    for code in &factor.recovery {
        assert!(!holds(code.as_bytes()) && !holds(code.replace('-', "").as_bytes()));
    }
    let seal = Seal::load(None, house.dir.path()).unwrap();
    let key = house.access.state().signing_key(&seal).await.unwrap();
    assert!(!holds(&key), "nor the key that signs tokens");
}

#[tokio::test]
async fn without_its_key_a_second_factor_is_not_forgotten_and_recovery_codes_still_work() {
    let first = house(settings(Some(PASSWORD))).await;
    let factor = first.with_factor().await;
    let key = std::fs::read(first.dir.path().join(KEY_FILE)).unwrap();
    std::fs::remove_file(first.dir.path().join(KEY_FILE)).unwrap();
    let second = house_in(first.dir, settings(Some(PASSWORD))).await;
    second.pass(STEP_MS);
    assert_eq!(second.login("admin", PASSWORD).await.json["code"], "second_factor_required");
    let unreadable = second.login_with(&second.code(&factor.secret)).await;
    assert_eq!((unreadable.status, &unreadable.json["code"]), (StatusCode::UNAUTHORIZED, &json!("second_factor_unreadable")));
    assert!(unreadable.json["detail"].as_str().unwrap().contains("recovery code"));
    assert_eq!(second.login_with(&factor.recovery[0]).await.status, 200);
    std::fs::write(second.dir.path().join(KEY_FILE), key).unwrap();
    let third = house_in(second.dir, settings(Some(PASSWORD))).await;
    third.pass(2 * STEP_MS);
    assert_eq!(third.login_with(&third.code(&factor.secret)).await.status, 200, "the old key opens it again");
}

#[tokio::test]
async fn a_signing_key_in_clear_of_an_older_version_is_sealed_and_goes_on_signing() {
    let dir = tempfile::tempdir().unwrap();
    StateDb::open(&dir.path().join(FILE_NAME)).unwrap().set_setting("signing_key", &[7; 32]).unwrap();
    let first = house_in(dir, settings(Some(PASSWORD))).await;
    let token = first.login("admin", PASSWORD).await.token();
    let stored = first.file().setting("signing_key").unwrap().unwrap();
    assert!(stored.len() > 32 && !stored.windows(8).any(|eight| eight == [7; 8]));
    let second = house_in(first.dir, settings(Some(PASSWORD))).await;
    assert_eq!(second.me("authorization", &token).await, 200);
}
