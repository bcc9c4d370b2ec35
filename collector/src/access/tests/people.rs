//! Tests of accounts as super administrators look after them, of people's own sign-ins, and of tokens that act for people.

use super::*;
use crate::state::AuditFilter;

const DAY: i64 = 24 * HOUR;

impl House {
    async fn by_token(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        self.send(method, path, &[("authorization", token)], body).await
    }

    /// The administrator of the configuration, signed in.
    async fn admin(&self) -> String {
        self.login("admin", PASSWORD).await.token()
    }

    async fn make(&self, admin: &str, name: &str, role: &str, tenant: Option<&str>) -> Answer {
        let body = json!({"username": name, "role": role, "tenant": tenant, "password": PASSWORD});
        self.by_token(admin, "POST", "/api/v1/users", body).await
    }

    async fn program(&self, owner: &str, body: Value) -> Answer {
        self.by_token(owner, "POST", "/api/v1/api-tokens", body).await
    }

    fn lines(&self, action: &str) -> Vec<crate::state::AuditRow> {
        self.file().audit(100, &AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() }).unwrap()
    }
}

#[tokio::test]
async fn an_account_is_made_once_with_a_password_that_is_shown_once() {
    let house = house(settings(Some(PASSWORD))).await;
    let admin = house.admin().await;
    let made = house.by_token(&admin, "POST", "/api/v1/users", json!({"username": "Ana", "role": "viewer"})).await;
    assert_eq!(made.status, 201);
    let password = made.json["password"].as_str().unwrap().to_owned();
    assert_eq!((&made.json["user"]["username"], &made.json["user"]["last_login"]), (&json!("ana"), &Value::Null));
    assert_eq!(house.login("ana", &password).await.status, 200);
    let again = house.make(&admin, "ANA", "viewer", None).await;
    assert_eq!((again.status, &again.json["code"]), (StatusCode::CONFLICT, &json!("exists")));
    assert_eq!(house.make(&admin, "bob", "viewer", Some("acme")).await.json["password"], Value::Null, "it was given");
    for (body, field) in [
        (json!({"username": "a b", "role": "viewer"}), "username"),
        (json!({"username": "eva", "role": "viewer", "password": "qwertyuiop"}), "password"),
        (json!({"username": "eva.maria.x", "role": "viewer", "password": "Eva.Maria.X"}), "password"),
        (json!({"username": "eva", "role": "viewer", "tenant": " "}), "tenant"),
    ] {
        let refused = house.by_token(&admin, "POST", "/api/v1/users", body).await;
        assert_eq!((refused.status, &refused.json["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)));
    }
    let list = house.by_token(&admin, "GET", "/api/v1/users", Value::Null).await;
    let told: Vec<_> =
        list.json["users"].as_array().unwrap().iter().map(|user| (user["username"].clone(), user["sessions"].clone())).collect();
    assert_eq!(told, [(json!("admin"), json!(1)), (json!("ana"), json!(1)), (json!("bob"), json!(0))]);
    assert_eq!(list.json["users"][1]["last_login"], START);
    let line = &house.lines("user.create")[0].start;
    assert_eq!(
        (line.username.as_str(), line.target.as_str(), line.detail.as_str()),
        ("admin", "bob", r#"{"role":"viewer","tenant":"acme"}"#)
    );
    let text = list.json.to_string();
    assert!(!text.contains("argon2") && !text.contains(&password));
}

#[tokio::test]
async fn a_change_of_what_somebody_may_do_ends_their_sign_ins_and_open_connections() {
    let house = house(settings(Some(PASSWORD))).await;
    let admin = house.admin().await;
    house.make(&admin, "ana", "viewer", None).await;
    for (change, expect) in [
        (json!({"role": "operator"}), "role"),
        (json!({"tenant": "acme"}), "tenant"),
        (json!({"tenant": null}), "tenant"),
        (json!({"reset_second_factor": true}), "second_factor"),
        (json!({"disabled": true}), "disabled"),
    ] {
        let answer = house.login("ana", PASSWORD).await;
        let person = house.access.person_by_token(answer.json["token"].as_str().unwrap()).unwrap();
        assert!(house.access.is_still_valid(&person));
        let changed = house.by_token(&admin, "PATCH", "/api/v1/users/ana", change.clone()).await;
        assert_eq!(changed.status, 200, "{}", changed.json);
        assert_eq!(house.me("cookie", &answer.cookie()).await, 401, "{change}");
        assert_eq!(house.me("authorization", &answer.token()).await, 401, "{change}");
        assert!(!house.access.is_still_valid(&person), "{change}");
        assert!(house.lines("user.change")[0].start.detail.contains(expect), "{change}");
    }
    let disabled = house.login("ana", PASSWORD).await;
    assert_eq!((disabled.status, &disabled.json["code"]), (StatusCode::FORBIDDEN, &json!("disabled")));
    assert_eq!(house.login("ana", "wrong password").await.status, 401, "only who knows the password is told");
    house.by_token(&admin, "PATCH", "/api/v1/users/ana", json!({"disabled": false, "password": "another secret"})).await;
    assert_eq!(house.login("ana", "another secret").await.status, 200);
    let typo = house.by_token(&admin, "PATCH", "/api/v1/users/ana", json!({"disable": true})).await;
    assert_eq!(typo.status, 422, "a misspelt change is not silently none");
    assert_eq!(house.by_token(&admin, "PATCH", "/api/v1/users/bob", json!({"disabled": true})).await.status, 404);
    let lines = house.lines("user.change").len();
    let answer = house.login("ana", "another secret").await;
    house.by_token(&admin, "PATCH", "/api/v1/users/ana", json!({"role": "operator", "tenant": null})).await;
    assert_eq!(house.me("cookie", &answer.cookie()).await, 200, "nothing changed");
    assert_eq!(house.lines("user.change").len(), lines);
}

#[tokio::test]
async fn the_last_super_administrator_of_the_house_stays() {
    let house = house(settings(Some(PASSWORD))).await;
    let admin = house.admin().await;
    house.make(&admin, "boss", "super_admin", Some("acme")).await;
    let attempts = [
        ("PATCH", json!({"role": "admin"})),
        ("PATCH", json!({"disabled": true})),
        ("PATCH", json!({"tenant": "acme"})),
        ("DELETE", Value::Null),
    ];
    for (method, body) in &attempts {
        let refused = house.by_token(&admin, method, "/api/v1/users/admin", body.clone()).await;
        assert_eq!((refused.status, &refused.json["code"]), (StatusCode::CONFLICT, &json!("last_super_admin")), "{body}");
        assert_eq!(house.me("authorization", &admin).await, 200, "and nothing ended");
    }
    assert!(house.lines("user.change").is_empty() && house.lines("user.delete").is_empty());
    house.by_token(&admin, "PATCH", "/api/v1/users/boss", json!({"tenant": null})).await;
    // Two at once must not remove each other.
    let boss = house.login("boss", PASSWORD).await.token();
    let (one, other) = tokio::join!(
        house.by_token(&admin, "DELETE", "/api/v1/users/boss", Value::Null),
        house.by_token(&boss, "DELETE", "/api/v1/users/admin", Value::Null)
    );
    assert!((one.status == 204) != (other.status == 204), "{} {}", one.status, other.status);
}

#[tokio::test]
async fn only_an_enabled_account_of_the_house_counts_as_administrator() {
    let house = house(settings(Some(PASSWORD))).await;
    assert!(!house.access.setup_required());
    house.file().add_user("boss", "hash", Role::SuperAdmin, START).unwrap();
    let state = house.access.state().clone();
    for name in ["admin", "boss"] {
        let done = state.change(move |db| {
            let change = crate::state::UserChange { is_disabled: Some(true), ..Default::default() };
            db.change_user(name, &change, START)
        });
        assert_eq!(done.await.is_ok(), name == "admin");
    }
    assert!(!house.access.setup_required());
}

#[tokio::test]
async fn a_new_password_ends_every_other_sign_in_and_gives_a_new_cookie() {
    let house = house(settings(Some(PASSWORD))).await;
    let (here, there) = (house.login("admin", PASSWORD).await, house.login("admin", PASSWORD).await);
    let cookie = here.cookie();
    let change = |current: &str, new: &str| {
        let body = json!({"current": current, "new": new});
        let house = &house;
        let cookie = cookie.clone();
        async move { house.send("POST", "/api/auth/password", &[("cookie", &cookie), ("origin", "http://farol.lan")], body).await }
    };
    let wrong = change("wrong password", "another secret").await;
    assert_eq!((wrong.status, &wrong.json["code"]), (StatusCode::FORBIDDEN, &json!("wrong_password")));
    for weak in ["short", "1234567890", "aaaaaaaaaaaa", PASSWORD] {
        assert_eq!(change(PASSWORD, weak).await.status, 422, "{weak}");
    }
    let changed = change(PASSWORD, "another secret").await;
    assert_eq!(changed.status, 204, "{}", changed.json);
    assert_ne!(changed.cookie(), cookie);
    assert_eq!(house.me("cookie", &changed.cookie()).await, 200);
    for ended in [&here, &there] {
        assert_eq!(house.me("cookie", &ended.cookie()).await, 401);
        assert_eq!(house.me("authorization", &ended.token()).await, 401);
    }
    assert_eq!(house.lines("password.change").len(), 1);
    let elsewhere = [("cookie", &*changed.cookie()), ("origin", "http://evil.example")];
    let body = json!({"current": "another secret", "new": "third secret"});
    assert_eq!(house.send("POST", "/api/auth/password", &elsewhere, body).await.status, 403, "not from another site's page");
}

#[tokio::test]
async fn a_cookie_brought_before_signing_in_never_becomes_a_sign_in() {
    let house = house(settings(Some(PASSWORD))).await;
    let planted = format!("{}=planted-by-somebody-else", session::COOKIE);
    let body = json!({"username": "admin", "password": PASSWORD});
    let answer = house.send("POST", "/api/auth/login", &[("cookie", &planted)], body).await;
    assert_ne!(answer.cookie(), planted);
    assert_eq!(house.me("cookie", &planted).await, 401);
    assert_eq!(house.me("cookie", &answer.cookie()).await, 200);
}

#[tokio::test]
async fn people_see_and_end_their_own_sign_ins_and_nobody_elses() {
    let house = house(settings(Some(PASSWORD))).await;
    let admin = house.admin().await;
    house.make(&admin, "ana", "viewer", None).await;
    let agent = "Mozilla/5.0\u{7f} =cmd|'/c calc'!A0 ".repeat(20);
    let body = json!({"username": "ana", "password": PASSWORD});
    let here = house.send("POST", "/api/auth/login", &[("user-agent", &agent.replace('\u{7f}', "\t"))], body).await;
    let there = house.login("ana", PASSWORD).await;
    let list = house.by_token(&here.token(), "GET", "/api/auth/sessions", Value::Null).await;
    let sessions = list.json["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let current = sessions.iter().find(|one| one["current"] == true).unwrap();
    let told = current["agent"].as_str().unwrap();
    assert!(told.starts_with("Mozilla/5.0") && told.chars().count() == 200 && !told.contains('\t'), "{told:?}");
    let other = sessions.iter().find(|one| one["current"] == false).unwrap()["id"].as_i64().unwrap();
    let path = format!("/api/auth/sessions/{other}");
    assert_eq!(
        house.by_token(&admin, "DELETE", &path, Value::Null).await.status,
        404,
        "not even an administrator's own list has it"
    );
    assert_eq!(house.by_token(&here.token(), "DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(house.me("authorization", &there.token()).await, 401);
    assert_eq!(house.by_token(&here.token(), "DELETE", &path, Value::Null).await.status, 404);
    assert_eq!(house.by_token(&here.token(), "DELETE", "/api/auth/sessions/x", Value::Null).await.status, 404);
    let third = house.login("ana", PASSWORD).await;
    assert_eq!(house.by_token(&here.token(), "POST", "/api/auth/sessions/end-others", Value::Null).await.status, 204);
    assert_eq!(
        (house.me("authorization", &third.token()).await, house.me("authorization", &here.token()).await),
        (StatusCode::UNAUTHORIZED, StatusCode::OK)
    );
    assert_eq!(house.by_token(&admin, "DELETE", "/api/v1/users/ana/sessions", Value::Null).await.status, 204);
    assert_eq!(house.me("authorization", &here.token()).await, 401);
    assert_eq!(house.lines("session.end").len(), 3);
}

#[tokio::test]
async fn a_token_for_programs_does_what_its_owner_may_and_no_more() {
    let house = house(settings(Some(PASSWORD))).await;
    let admin = house.admin().await;
    house.make(&admin, "ana", "operator", None).await;
    let ana = house.login("ana", PASSWORD).await.token();
    let high = house.program(&ana, json!({"name": "ci", "role": "admin"})).await;
    assert_eq!((high.status, &high.json["code"]), (StatusCode::FORBIDDEN, &json!("role_too_high")));
    assert_eq!(house.program(&ana, json!({"name": "ci", "expires_in_days": 366})).await.status, 422);
    assert_eq!(house.program(&ana, json!({"name": "a\nb"})).await.status, 422);
    let made = house.program(&ana, json!({"name": "ci"})).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let secret = made.json["token"].as_str().unwrap();
    assert!(secret.starts_with("farol_api_"));
    assert_eq!(made.json["token_row"]["expires"], START + 90 * DAY);
    let token = format!("Bearer {secret}");
    let me = house.by_token(&token, "GET", "/api/auth/me", Value::Null).await.json;
    assert_eq!((&me["username"], &me["role"], &me["credential"]), (&json!("ana"), &json!("operator"), &json!("api_token")));
    assert_eq!(house.send("POST", "/change", &[("authorization", &token)], Value::Null).await.json, "ana");
    let socket = house.send("GET", "/socket", &[("authorization", &token)], Value::Null).await;
    assert_eq!(socket.json, true, "and opens a WebSocket");
    let person = house.access.person_by_token(secret).unwrap();
    assert!(house.access.is_still_valid(&person));
    let own = made.json["token_row"]["id"].as_i64().unwrap();
    for (method, path, body) in [
        ("POST", "/api/auth/password", json!({"current": PASSWORD, "new": "another secret"})),
        ("POST", "/api/auth/second-factor/begin", json!({"password": PASSWORD})),
        ("POST", "/api/auth/second-factor/confirm", json!({"code": "123456"})),
        ("POST", "/api/auth/second-factor/disable", json!({"password": PASSWORD, "code": "123456"})),
        ("POST", "/api/auth/sessions/end-others", Value::Null),
        ("DELETE", "/api/auth/sessions/1", Value::Null),
        ("POST", "/api/v1/api-tokens", json!({"name": "child"})),
        ("DELETE", "/api/v1/api-tokens/99", Value::Null),
        ("POST", "/api/v1/users", json!({"username": "eve", "role": "viewer"})),
        ("PATCH", "/api/v1/users/ana", json!({"role": "viewer"})),
        ("DELETE", "/api/v1/users/ana", Value::Null),
        ("DELETE", "/api/v1/users/ana/sessions", Value::Null),
    ] {
        let refused = house.by_token(&token, method, path, body).await;
        assert_eq!((refused.status, &refused.json["code"]), (StatusCode::FORBIDDEN, &json!("session_needed")), "{path}");
    }
    house.by_token(&admin, "PATCH", "/api/v1/users/ana", json!({"role": "viewer"})).await;
    assert_eq!(house.by_token(&token, "GET", "/api/auth/me", Value::Null).await.json["role"], "viewer", "the lesser of both");
    assert!(!house.access.is_still_valid(&person), "what was opened as operator ends");
    assert_eq!(
        house.by_token(&token, "DELETE", &format!("/api/v1/api-tokens/{own}"), Value::Null).await.status,
        204,
        "it may end itself"
    );
    assert_eq!(house.me("authorization", &token).await, 401);
}

#[tokio::test]
async fn a_token_for_programs_ends_by_time_by_hand_and_with_its_owner() {
    let house = house(settings(Some(PASSWORD))).await;
    let admin = house.admin().await;
    house.make(&admin, "ana", "viewer", None).await;
    let ana = house.login("ana", PASSWORD).await.token();
    let secret = |made: &Answer| format!("Bearer {}", made.json["token"].as_str().unwrap());
    let short = house.program(&ana, json!({"name": "short", "expires_in_days": 1})).await;
    let long = house.program(&ana, json!({"name": "long", "role": "viewer", "expires_in_days": 365})).await;
    let admins = house.program(&admin, json!({"name": "of the admin", "role": "viewer"})).await;
    house.pass(DAY - 1);
    assert_eq!(house.me("authorization", &secret(&short)).await, 200);
    house.pass(1);
    assert_eq!(house.me("authorization", &secret(&short)).await, 401);
    let (admin, ana) = (house.admin().await, house.login("ana", PASSWORD).await.token());
    let names =
        |answer: Answer| answer.json["tokens"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(house.by_token(&ana, "GET", "/api/v1/api-tokens", Value::Null).await), ["short", "long"]);
    assert_eq!(house.by_token(&ana, "GET", "/api/v1/api-tokens?all=true", Value::Null).await.status, 403);
    assert_eq!(
        names(house.by_token(&admin, "GET", "/api/v1/api-tokens?all=true", Value::Null).await),
        ["short", "long", "of the admin"]
    );
    let path = |made: &Answer| format!("/api/v1/api-tokens/{}", made.json["token_row"]["id"]);
    assert_eq!(house.by_token(&ana, "DELETE", &path(&admins), Value::Null).await.status, 404, "another's");
    house.by_token(&admin, "PATCH", "/api/v1/users/ana", json!({"disabled": true})).await;
    assert_eq!(house.me("authorization", &secret(&long)).await, 401, "its owner is disabled");
    house.by_token(&admin, "PATCH", "/api/v1/users/ana", json!({"disabled": false})).await;
    assert_eq!(house.me("authorization", &secret(&long)).await, 200);
    let person = house.access.person_by_token(long.json["token"].as_str().unwrap()).unwrap();
    assert_eq!(house.by_token(&admin, "DELETE", &path(&long), Value::Null).await.status, 204);
    assert_eq!(house.me("authorization", &secret(&long)).await, 401);
    assert!(!house.access.is_still_valid(&person));
    assert_eq!(house.me("authorization", &secret(&admins)).await, 200);
    assert_eq!((house.lines("api_token.create").len(), house.lines("api_token.revoke").len()), (3, 1));
}

#[tokio::test]
async fn a_token_for_programs_sees_no_other_tenant_than_its_owner() {
    let house = house(settings(Some(PASSWORD))).await;
    let admin = house.admin().await;
    house.make(&admin, "ana", "admin", Some("acme")).await;
    let ana = house.login("ana", PASSWORD).await.token();
    let other = house.program(&ana, json!({"name": "x", "tenant": "globex"})).await;
    assert_eq!((other.status, &other.json["code"]), (StatusCode::FORBIDDEN, &json!("other_tenant")));
    assert_eq!(house.by_token(&ana, "GET", "/api/v1/api-tokens?all=true", Value::Null).await.json["code"], "bound_to_tenant");
    let tenant = |made: &Answer| {
        let person = house.access.person_by_token(made.json["token"].as_str().unwrap());
        person.map(|person| person.view.tenant().map(str::to_owned))
    };
    let anas = house.program(&ana, json!({"name": "hers"})).await;
    assert_eq!(tenant(&anas), Some(Some("acme".to_owned())), "as bound as its owner");
    let narrow = house.program(&admin, json!({"name": "narrow", "tenant": "globex"})).await;
    assert_eq!(tenant(&narrow), Some(Some("globex".to_owned())));
    let wide = house.program(&admin, json!({"name": "wide"})).await;
    assert_eq!(tenant(&wide), Some(None));
    house.make(&admin, "boss", "super_admin", None).await;
    let boss = house.login("boss", PASSWORD).await.token();
    house.by_token(&boss, "PATCH", "/api/v1/users/admin", json!({"tenant": "acme"})).await;
    assert_eq!(tenant(&wide), Some(Some("acme".to_owned())), "bound with its owner");
    assert_eq!(tenant(&narrow), None, "of a tenant that its owner does not see any more");
}

#[tokio::test]
async fn failures_in_a_row_are_told_of_accounts_that_exist_and_name_nobody_else() {
    let house = house(settings(Some(PASSWORD))).await;
    for _ in 0..5 {
        house.login("admin", "wrong password").await;
        house.login("my password in the wrong field", "x").await;
        house.pass(MINUTE);
    }
    let lines = house.lines("login.failed");
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].start.target.as_str(), lines[0].start.detail.as_str()), ("admin", r#"{"in_a_row":3}"#));
}

#[tokio::test]
async fn one_name_written_in_many_ways_is_not_tried_as_many_times() {
    let house = house(settings(Some(PASSWORD))).await;
    let mut tried = 0;
    for spaces in 0..20 {
        tried += usize::from(house.login(&format!("{}Admin", " ".repeat(spaces)), "wrong password").await.status == 401);
    }
    assert_eq!(tried, 5);
}
