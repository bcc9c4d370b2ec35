//! The API against its own document: Schemathesis asks every route as every role and looks for what the document does not tell.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "test code: a failure is the message")]

use std::process::Command;

use farol_tests::{
    collector::{AGENT_TOKEN, Collector},
    http::Client,
    process::{python_program, setting},
};
use serde_json::json;

const PASSWORD: &str = "a long enough secret";

/// What would end the very sign-in that asks, and what is no HTTP answer.
const NOT_ASKED: &str = "^/(ws/|api/monitoring/ws|api/auth/logout)";

/// What an answer is held against. A refusal of a request that fits the document is none: the document cannot tell all there is to know.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method,ignored_auth";

/// Requests made up for each route; `FAROL_EXAMPLES` asks for more.
const EXAMPLES: &str = "12";

/// Every way to write a request that the document allows and forbids, one by one.
const COVERAGE: &str = "examples,coverage";

/// That, and requests made up at random. They find what lies behind the guard, so who may do everything makes them; others would
/// only be refused in the same words again.
const FUZZING: &str = "examples,coverage,fuzzing";

/// Asks every route with a token, or without.
fn ask(collector: &Collector, who: &str, token: Option<&str>, phases: &str) {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(python_program("schemathesis"));
    command
        .current_dir(home.path())
        .args(["run", &format!("{}/api/openapi.json", collector.url())])
        .args(["--phases", phases, "--workers", "2", "--continue-on-failure", "--no-color"])
        .args(["--max-examples", &setting("FAROL_EXAMPLES").unwrap_or_else(|| EXAMPLES.to_owned())])
        .args(["--exclude-path-regex", NOT_ASKED, "--checks", CHECKS]);
    if let Some(token) = token {
        command.args(["--header", &format!("Authorization: Bearer {token}")]);
    }
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{who}: {said}\n{}", String::from_utf8_lossy(&done.stderr));
    let count = |line: &str| line.trim().split_once(" generated,")?.0.parse().ok();
    let tried: u32 = said.lines().find_map(count).unwrap_or_else(|| panic!("{who}: {said}"));
    assert!(tried > 500, "{who}: only {tried} requests were made:\n{said}");
    println!("{who}: {tried} requests");
    assert!(!collector.log().contains("panicked"), "{who}: {}", collector.log());
}

fn sign_in(collector: &Collector, name: &str) -> String {
    let answer = collector.client().post("/api/auth/login", &json!({ "username": name, "password": PASSWORD }));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["token"].as_str().unwrap().to_owned()
}

#[test]
fn no_role_gets_an_answer_that_the_document_does_not_tell() {
    let mut collector = Collector::start();
    let mut admin: Client = collector.api();
    // Bound to a tenant it is the guard that answers otherwise, in the same way for every role.
    let people = [
        ("viewer", None),
        ("operator", None),
        ("admin", None),
        ("super_admin", None),
        ("viewer", Some("acme")),
        ("super_admin", Some("acme")),
    ];
    // All sign in before anybody asks: what is made up of user names and passwords uses the limit of sign-ins up.
    let signed_in = people.map(|(role, tenant)| {
        let name = format!("{role}-{}", tenant.unwrap_or("all"));
        let made =
            admin.post("/api/v1/users", &json!({ "username": name, "role": role, "tenant": tenant, "password": PASSWORD }));
        assert_eq!(made.status, 201, "{}", made.text());
        let token = sign_in(&collector, &name);
        (name, token)
    });
    for (name, token) in &signed_in {
        ask(&collector, name, Some(token), if name.starts_with("super") { FUZZING } else { COVERAGE });
    }
    ask(&collector, "an agent", Some(AGENT_TOKEN), COVERAGE);
    ask(&collector, "a stranger", None, COVERAGE);
}
