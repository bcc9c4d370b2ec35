//! Who may send, see and sign in.

use farol_shared::wire;
use farol_tests::{
    agent,
    batches::Maker,
    collector::{Collector, PASSWORD},
    http::Client,
    wait::{now_ms, until, when},
};
use serde_json::json;

fn post(client: &mut Client, maker: &Maker, seq: u64) -> u16 {
    client.send("POST", wire::PATH, &[("Content-Type", wire::CONTENT_TYPE)], &maker.body(seq)).unwrap().status
}

/// The token in what `token create` prints: its longest word.
fn token_in(printed: &str) -> String {
    printed.split_whitespace().max_by_key(|word| word.len()).expect("token create prints a token").to_owned()
}

#[test]
fn batches_need_a_token_and_a_revoked_one_is_refused_at_once() {
    let collector = Collector::start();
    let maker = Maker::new(1, now_ms() - 60_000, 100, 2);
    assert_eq!(post(&mut collector.client(), &maker, 1), 401);
    assert!(matches!(post(&mut collector.client().bearer("wrong"), &maker, 1), 401 | 403));
    let token = token_in(&collector.run(&["token", "create", "spare"]));
    let mut client = collector.client().bearer(&token);
    until("the new token to be known", || when(post(&mut client, &maker, 1), |status| *status == 200));
    assert!(collector.run(&["token", "list"]).contains("spare"));
    assert!(!collector.run(&["token", "list"]).contains(&token), "a token is shown once only");
    collector.run(&["token", "revoke", "spare"]);
    until("the token to be refused", || when(post(&mut client, &maker, 2), |status| matches!(status, 401 | 403)));
    let folder = std::fs::read_dir(collector.data()).unwrap();
    for file in folder.flatten() {
        let bytes = std::fs::read(file.path()).unwrap();
        let found = bytes.windows(token.len()).any(|window| window == token.as_bytes());
        assert!(!found, "{} holds the token itself", file.path().display());
    }
}

#[test]
fn an_agent_with_a_refused_token_keeps_its_samples_and_says_so() {
    let start = now_ms();
    let mut collector = Collector::start();
    let token = token_in(&collector.run(&["token", "create", "first"]));
    let agent = agent::beside(&collector, "doubted").var("FAROL_TOKEN", &token).start();
    let id = collector.resource_id("doubted");
    collector.run(&["token", "revoke", "first"]);
    let revoked = now_ms();
    until("the agent to say that its token is refused", || when(agent.log(), |log| log.contains("token")).map(|_| ()));
    assert!(!agent.log().contains(&token), "the token is in the log");
    let path =
        format!("/api/v1/query?metric=farol.agent.memory.usage&resource={id}&from={start}&to={}&aggregate=raw", revoked + 60_000);
    assert!(collector.api().json(&path)["series"].as_array().is_some_and(|series| !series.is_empty()));
}

#[test]
fn the_api_needs_a_login_and_what_it_gives_away_without_is_health_alone() {
    let mut collector = Collector::start();
    let mut nobody = collector.client();
    for path in [
        "/api/v1/resources",
        "/api/v1/series?resource=1&metric=x",
        "/api/v1/query?metric=x",
        "/api/v1/completeness",
        "/api/monitoring/current",
        "/api/monitoring/history?minutes=5",
        "/api/monitoring/health",
        "/api/auth/me",
        "/metrics",
    ] {
        assert_eq!(nobody.get(path).status, 401, "{path}");
    }
    assert_eq!(nobody.get("/health").status, 200);
    assert_eq!(nobody.json("/api/auth/state")["setup_required"], false);
    let mut admin = collector.api();
    for path in
        ["/api/v1/resources", "/api/v1/completeness", "/api/monitoring/current", "/api/monitoring/history?minutes=5", "/metrics"]
    {
        assert_eq!(admin.get(path).status, 200, "{path}");
    }
    assert_eq!(admin.json("/api/auth/me")["username"], "admin");
    assert_eq!(admin.json("/api/auth/me")["role"], "super_admin");
}

#[test]
fn a_wrong_password_is_refused_and_many_are_slowed_down() {
    let collector = Collector::start();
    let mut client = collector.client();
    let mut slowed = false;
    for _ in 0..40 {
        let answer = client.post("/api/auth/login", &json!({"username": "admin", "password": "guess"}));
        assert!(matches!(answer.status, 401 | 429), "{}: {}", answer.status, answer.text());
        slowed |= answer.status == 429;
    }
    assert!(slowed, "forty wrong passwords in a row were all tried");
    let unknown = collector.client().post("/api/auth/login", &json!({"username": "nobody", "password": PASSWORD}));
    assert!(matches!(unknown.status, 401 | 429), "{}", unknown.status);
}

#[test]
fn a_session_cookie_signs_in_and_ends_with_logout() {
    let collector = Collector::start();
    let answer = collector.client().post("/api/auth/login", &json!({"username": "admin", "password": PASSWORD}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cookie = answer.header("set-cookie").expect("a session cookie is set");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let mut client = collector.client().with("Cookie", pair).with("Origin", &collector.url());
    assert_eq!(client.get("/api/auth/me").status, 200);
    assert_eq!(client.post("/api/auth/logout", &json!({})).status, 204);
    assert_eq!(client.get("/api/auth/me").status, 401);
}

#[test]
fn the_first_administrator_is_made_once_by_the_printed_link() {
    let collector = Collector::options().without("FAROL_ADMIN_PASSWORD").start();
    let mut client = collector.client();
    assert_eq!(client.json("/api/auth/state")["setup_required"], true);
    let token = until("the set-up link", || {
        let log = collector.log();
        log.split("/#/setup?token=").nth(1).and_then(|rest| rest.split_whitespace().next().map(str::to_owned)).ok_or(log)
    });
    let account = |token: &str| json!({"token": token, "username": "ana", "password": PASSWORD});
    assert!((400..500).contains(&client.post("/api/auth/setup", &account("wrong")).status));
    let made = client.post("/api/auth/setup", &account(&token));
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(made.json()["user"]["role"], "super_admin");
    assert!((400..500).contains(&client.post("/api/auth/setup", &account(&token)).status), "the link works twice");
    assert_eq!(client.json("/api/auth/state")["setup_required"], false);
}
