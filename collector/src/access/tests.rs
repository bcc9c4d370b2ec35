//! Tests of sign-in as a browser, a program and an agent meet it, on a clock that the test moves.

use std::sync::atomic::{AtomicI64, Ordering};

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, FromRef},
    http::{HeaderMap, Request, Response, StatusCode},
    routing::{delete, get, patch, post},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::*;
use crate::{
    api::route::BODY_BYTES_MAX,
    state::{FILE_NAME, StateDb},
};

mod people;
mod second_factor;

const START: i64 = 1_760_000_000_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const PASSWORD: &str = "correct horse";

#[derive(Debug)]
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct House {
    dir: TempDir,
    clock: Arc<TestClock>,
    access: Access,
    steps: FirstSteps,
}

#[derive(Clone)]
struct App(Access);

impl FromRef<App> for Access {
    fn from_ref(app: &App) -> Self {
        app.0.clone()
    }
}

fn settings(admin_password: Option<&str>) -> AccessSettings {
    use std::time::Duration;
    AccessSettings {
        admin_password: admin_password.map(farol_shared::secret::Secret::new),
        agent_token: None,
        session_idle: Duration::from_secs(12 * 3_600),
        session_max: Duration::from_secs(7 * 86_400),
        token_lifetime: Duration::from_secs(3_600),
        secure_cookie: false,
        ..AccessSettings::default()
    }
}

async fn house(settings: AccessSettings) -> House {
    house_in(tempfile::tempdir().unwrap(), settings).await
}

async fn house_in(dir: TempDir, settings: AccessSettings) -> House {
    let clock = Arc::new(TestClock(AtomicI64::new(START)));
    let (state, _thread) = State::open(&dir.path().join(FILE_NAME), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let clock_too = Arc::clone(&clock) as Arc<dyn Clock>;
    let (access, steps) = Access::open_with(state, settings, None, clock_too, Hasher::cheap()).await.unwrap();
    House { dir, clock, access, steps }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    json: Value,
}

impl Answer {
    fn cookie(&self) -> String {
        let set = self.headers["set-cookie"].to_str().unwrap();
        set.split(';').next().unwrap().to_owned()
    }

    fn token(&self) -> String {
        format!("Bearer {}", self.json["token"].as_str().unwrap())
    }
}

impl House {
    fn pass(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let app = Router::new()
            .route("/api/auth/state", get(routes::state))
            .route("/api/auth/setup", post(routes::setup))
            .route("/api/auth/login", post(routes::login))
            .route("/api/auth/logout", post(routes::logout))
            .route("/api/auth/me", get(routes::me))
            .route("/api/auth/password", post(routes::own::change_password))
            .route("/api/auth/sessions", get(routes::own::sessions))
            .route("/api/auth/sessions/{id}", delete(routes::own::end_session))
            .route("/api/auth/sessions/end-others", post(routes::own::end_others))
            .route("/api/auth/second-factor/begin", post(routes::second_factor::begin))
            .route("/api/auth/second-factor/confirm", post(routes::second_factor::confirm))
            .route("/api/auth/second-factor/recovery", post(routes::second_factor::recovery))
            .route("/api/auth/second-factor/disable", post(routes::second_factor::disable))
            .route("/api/v1/users", get(routes::users::list).post(routes::users::create))
            .route("/api/v1/users/{username}", patch(routes::users::change).delete(routes::users::delete))
            .route("/api/v1/users/{username}/sessions", delete(routes::users::end_sessions))
            .route("/api/v1/api-tokens", get(routes::tokens::api_tokens).post(routes::tokens::create_api_token))
            .route("/api/v1/api-tokens/{id}", delete(routes::tokens::revoke_api_token))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .route("/change", post(|person: Person| async move { person.username.to_string() }))
            .route("/agent", post(|agent: AgentAuth| async move { agent.name.to_string() }))
            .route("/socket", get(|SocketPerson(person): SocketPerson| async move { format!("{}", person.is_some()) }))
            .with_state(App(self.access.clone()));
        let mut request = Request::builder().method(method).uri(path).header("host", "farol.lan");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        };
        let response: Response<Body> = app.oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let json = serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes)));
        Answer { status: parts.status, headers: parts.headers, json }
    }

    async fn login(&self, username: &str, password: &str) -> Answer {
        self.send("POST", "/api/auth/login", &[], json!({"username": username, "password": password})).await
    }

    async fn me(&self, name: &str, value: &str) -> StatusCode {
        self.send("GET", "/api/auth/me", &[(name, value)], Value::Null).await.status
    }

    fn file(&self) -> StateDb {
        StateDb::open(&self.dir.path().join(FILE_NAME)).unwrap()
    }
}

/// What a super administrator with a password is told.
fn me(username: &str) -> Value {
    json!({"username": username, "role": "super_admin", "tenant": null, "second_factor": false, "credential": "session",
        "origin": "local", "monitoring": true})
}

#[tokio::test]
async fn the_configured_admin_signs_in_and_is_known_by_cookie_and_token() {
    let house = house(settings(Some(PASSWORD))).await;
    assert_eq!(house.steps, FirstSteps::AdminMade);
    let answer = house.login(" Admin ", PASSWORD).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json["user"], me("admin"));
    assert_eq!(answer.json["expires_in"], 3_600);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "farol_session="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "plain HTTP cannot carry it");
    assert_eq!(house.me("cookie", &format!("theme=dark; {}", answer.cookie())).await, 200);
    assert_eq!(house.me("authorization", &answer.token()).await, 200);
    assert_eq!(house.me("x", "y").await, 401);
    assert_eq!(house.me("cookie", "farol_session=guess").await, 401);
    assert_eq!(house.me("authorization", "Bearer guess").await, 401);
}

#[tokio::test]
async fn behind_https_the_cookie_is_secure() {
    let house = house(AccessSettings { secure_cookie: true, ..settings(Some(PASSWORD)) }).await;
    let answer = house.login("admin", PASSWORD).await;
    assert!(answer.headers["set-cookie"].to_str().unwrap().ends_with("; Secure"));
}

#[tokio::test]
async fn wrong_names_and_wrong_passwords_look_alike_and_are_slowed() {
    let house = house(settings(Some(PASSWORD))).await;
    let (wrong, unknown) = (house.login("admin", "wrong password").await, house.login("nobody", PASSWORD).await);
    assert_eq!(wrong.status, 401);
    assert_eq!(wrong.json, unknown.json);
    for _ in 0..4 {
        assert_eq!(house.login("admin", "wrong password").await.status, 401);
    }
    let refused = house.login("admin", PASSWORD).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers["retry-after"], "12");
    house.pass(12_000);
    assert_eq!(house.login("admin", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_sign_in_ends_when_idle_or_old_and_use_keeps_it() {
    let house = house(settings(Some(PASSWORD))).await;
    let cookie = house.login("admin", PASSWORD).await.cookie();
    let mut passed = 0;
    while passed + 11 * HOUR < 7 * 24 * HOUR {
        house.pass(11 * HOUR);
        passed += 11 * HOUR;
        assert_eq!(house.me("cookie", &cookie).await, 200, "after {passed} ms");
    }
    house.pass(7 * 24 * HOUR - passed);
    assert_eq!(house.me("cookie", &cookie).await, 401, "seven days are the most");
    let cookie = house.login("admin", PASSWORD).await.cookie();
    house.pass(12 * HOUR);
    assert_eq!(house.me("cookie", &cookie).await, 401, "twelve idle hours are the most");
}

#[tokio::test]
async fn a_token_expires_and_ends_with_its_sign_in() {
    let house = house(settings(Some(PASSWORD))).await;
    let answer = house.login("admin", PASSWORD).await;
    house.pass(HOUR - 1);
    assert_eq!(house.me("authorization", &answer.token()).await, 200);
    house.pass(1);
    assert_eq!(house.me("authorization", &answer.token()).await, 401);

    let answer = house.login("admin", PASSWORD).await;
    let person = house.access.person_by_token(answer.json["token"].as_str().unwrap()).unwrap();
    let out = house.send("POST", "/api/auth/logout", &[("authorization", &answer.token())], Value::Null).await;
    assert_eq!(out.status, 204);
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(house.me("authorization", &answer.token()).await, 401);
    assert_eq!(house.me("cookie", &answer.cookie()).await, 401);
    assert!(!house.access.is_still_valid(&person), "an open WebSocket notices");
}

#[tokio::test]
async fn a_changed_password_ends_every_sign_in() {
    let house = house(settings(Some(PASSWORD))).await;
    let answer = house.login("admin", PASSWORD).await;
    let hash = Hasher::cheap().hash_now("another password", "admin").unwrap();
    house.access.state().change(move |db| db.set_password("admin", &hash)).await.unwrap();
    assert_eq!(house.me("cookie", &answer.cookie()).await, 401);
    assert_eq!(house.me("authorization", &answer.token()).await, 401);
    assert_eq!(house.login("admin", "another password").await.status, 200);
}

#[tokio::test]
async fn a_new_login_replaces_the_browsers_earlier_one() {
    let house = house(settings(Some(PASSWORD))).await;
    let first = house.login("admin", PASSWORD).await.cookie();
    let body = json!({"username": "admin", "password": PASSWORD});
    let second = house.send("POST", "/api/auth/login", &[("cookie", &first)], body).await.cookie();
    assert_ne!(first, second);
    assert_eq!(house.me("cookie", &first).await, 401);
    assert_eq!(house.me("cookie", &second).await, 200);
}

#[tokio::test]
async fn the_set_up_link_works_once() {
    let house = house(settings(None)).await;
    let FirstSteps::SetUp(link) = house.steps.clone() else { panic!("{:?}", house.steps) };
    let state = house.send("GET", "/api/auth/state", &[], Value::Null).await;
    assert_eq!(state.json["setup_required"], true);
    let body = |token: &str, name: &str, password: &str| json!({"token": token, "username": name, "password": password});
    let set_up = |body| house.send("POST", "/api/auth/setup", &[], body);

    assert_eq!(set_up(body("guess", "ana", PASSWORD)).await.status, 403);
    let short = set_up(body(&link, "ana", "short")).await;
    assert_eq!((short.status, &short.json["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("password")));
    let name = set_up(body(&link, "a b", PASSWORD)).await;
    assert_eq!((name.status, &name.json["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("username")));

    let made = set_up(body(&link, "Ana", PASSWORD)).await;
    assert_eq!(made.status, 200);
    assert_eq!(made.json["user"], me("ana"));
    assert_eq!(house.me("cookie", &made.cookie()).await, 200);
    house.pass(MINUTE);
    assert_eq!(set_up(body(&link, "eve", PASSWORD)).await.status, 403);
    assert_eq!(house.send("GET", "/api/auth/state", &[], Value::Null).await.json["setup_required"], false);
}

#[tokio::test]
async fn two_at_once_with_the_same_link_make_one_administrator() {
    let house = house(settings(None)).await;
    let FirstSteps::SetUp(link) = house.steps.clone() else { panic!("{:?}", house.steps) };
    let body = |name: &str| json!({"token": link, "username": name, "password": PASSWORD});
    let (ana, bob) = tokio::join!(
        house.send("POST", "/api/auth/setup", &[], body("ana")),
        house.send("POST", "/api/auth/setup", &[], body("bob"))
    );
    let mut statuses = [ana.status.as_u16(), bob.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
    assert_eq!(house.file().users().unwrap().len(), 1);
}

#[tokio::test]
async fn a_restart_replaces_the_link_and_an_administrator_ends_it() {
    let first = house(settings(None)).await;
    let FirstSteps::SetUp(old) = first.steps.clone() else { panic!("{:?}", first.steps) };
    let second = house_in(first.dir, settings(None)).await;
    let FirstSteps::SetUp(new) = second.steps.clone() else { panic!("{:?}", second.steps) };
    assert_ne!(old, new);
    let body = json!({"token": old, "username": "ana", "password": PASSWORD});
    assert_eq!(second.send("POST", "/api/auth/setup", &[], body).await.status, 403);
    let hash = Hasher::cheap().hash_now(PASSWORD, "somebody").unwrap();
    second.file().add_user("boss", &hash, Role::Admin, START).unwrap();
    let body = json!({"token": new, "username": "ana", "password": PASSWORD});
    assert_eq!(second.send("POST", "/api/auth/setup", &[], body).await.status, 403);
    let third = house_in(second.dir, settings(None)).await;
    assert_eq!(third.steps, FirstSteps::SignIn);
}

#[tokio::test]
async fn with_a_cookie_only_our_own_page_may_change_something() {
    let house = house(settings(Some(PASSWORD))).await;
    let answer = house.login("admin", PASSWORD).await;
    let cookie = answer.cookie();
    for (headers, expect) in [
        (vec![("origin", "http://farol.lan")], 200),
        (vec![("sec-fetch-site", "same-origin")], 200),
        (vec![("origin", "http://evil.example")], 403),
        (vec![("sec-fetch-site", "cross-site"), ("origin", "http://farol.lan")], 403),
        (vec![("sec-fetch-site", "same-site")], 403),
        (vec![], 403),
    ] {
        let mut all = headers.clone();
        all.push(("cookie", cookie.as_str()));
        assert_eq!(house.send("POST", "/change", &all, Value::Null).await.status, expect, "{headers:?}");
    }
    let evil = [("cookie", cookie.as_str()), ("origin", "http://evil.example")];
    assert_eq!(house.send("POST", "/api/auth/logout", &evil, Value::Null).await.status, 403);
    assert_eq!(house.send("GET", "/api/auth/me", &evil, Value::Null).await.status, 200, "reading changes nothing");
    let program = [("authorization", &*answer.token())];
    assert_eq!(house.send("POST", "/change", &program, Value::Null).await.status, 200, "a token is not sent by browsers");
    let login = json!({"username": "admin", "password": PASSWORD});
    let elsewhere = house.send("POST", "/api/auth/login", &[("origin", "http://evil.example")], login).await;
    assert_eq!(elsewhere.status, 403, "nobody is signed in from another site's page");
}

#[tokio::test]
async fn a_socket_from_another_site_is_refused_and_one_without_cookie_must_say_who_it_is() {
    let house = house(settings(Some(PASSWORD))).await;
    let answer = house.login("admin", PASSWORD).await;
    let cookie = answer.cookie();
    let open = |headers: Vec<(&'static str, String)>| {
        let house = &house;
        async move {
            let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
            let answer = house.send("GET", "/socket", &headers, Value::Null).await;
            (answer.status.as_u16(), answer.json.clone())
        }
    };
    assert_eq!(open(vec![("cookie", cookie.clone()), ("origin", "http://farol.lan".into())]).await, (200, json!(true)));
    assert_eq!(open(vec![("cookie", cookie.clone()), ("origin", "http://evil.example".into())]).await.0, 403);
    assert_eq!(open(vec![("cookie", cookie)]).await.0, 403);
    assert_eq!(open(vec![]).await, (200, json!(false)));
    assert_eq!(open(vec![("authorization", answer.token())]).await, (200, json!(true)));
}

#[tokio::test]
async fn an_agent_token_is_accepted_until_it_is_revoked_elsewhere() {
    let configured = farol_shared::secret::Secret::new("configured-token");
    let house = house(AccessSettings { agent_token: Some(configured), ..settings(None) }).await;
    let agent = |token: &str| {
        let value = format!("Bearer {token}");
        let house = &house;
        async move { house.send("POST", "/agent", &[("authorization", &value)], Value::Null).await }
    };
    assert_eq!(agent("configured-token").await.json, "configuration");
    assert_eq!(agent("configured-tokeN").await.status, 401);

    // Another connection, as the command line has one.
    let mut file = house.file();
    let secret = token::new_agent_token().unwrap();
    file.add_token("web-1", &Fingerprint::of(&secret), START).unwrap();
    assert_eq!(agent(&secret).await.json, "web-1", "a token made a moment ago is accepted at once");
    assert_eq!(house.me("authorization", &format!("Bearer {secret}")).await, 401, "an agent is not a person");
    file.revoke_token("web-1", START).unwrap();
    wait_until(|| house.access.agent_by_token(&secret).is_none()).await;
    assert_eq!(agent(&secret).await.status, 401);
}

/// Waits for a condition; a broken one is ended by the test runner, not by a guess at how long things take.
async fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_person_below_a_role_is_told_which_one_is_needed() {
    let house = house(settings(None)).await;
    let hash = Hasher::cheap().hash_now(PASSWORD, "somebody").unwrap();
    house.access.state().change(move |db| db.add_user("vera", &hash, Role::Viewer, START)).await.unwrap();
    let answer = house.login("vera", PASSWORD).await;
    let person = house.access.person_by_token(answer.json["token"].as_str().unwrap()).unwrap();
    assert!(person.require(Role::Viewer).is_ok());
    assert!(person.require(Role::Admin).unwrap_err().detail().contains("admin"));
}

#[tokio::test]
async fn odd_bodies_are_refused_with_a_problem() {
    let house = house(settings(Some(PASSWORD))).await;
    for (body, expect) in [
        (json!({"username": "admin"}), 422),
        (json!([1, 2]), 422),
        (json!({"username": "admin", "password": "x".repeat(BODY_BYTES_MAX)}), 413),
        (json!({"username": "admin", "password": "x".repeat(2_000)}), 401),
        (Value::Null, 415),
    ] {
        let answer = house.send("POST", "/api/auth/login", &[], body).await;
        assert_eq!(answer.status, expect);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
}
