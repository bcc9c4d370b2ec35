//! `docs/START.md` in its order: a collector, a token, and each kind of application until its request is on the API.

use std::{fs, os::unix::fs::symlink};

use farol_tests::{
    docs::{Block, blocks},
    process::project,
    wait::until,
};
use serde_json::Value;

use crate::machine::Machine;

const PAGE: &str = "docs/START.md";
const PORTUGUESE: &str = "docs/pt-BR/INICIO.md";

/// The pages that are run here.
pub(crate) const PAGES: &[&str] = &[PAGE, PORTUGUESE];

fn section(block: &Block) -> &str {
    block.note.split_whitespace().next().unwrap_or_default()
}

/// What the reader has before the page begins: applications of their own.
fn applications(machine: &Machine) {
    let home = machine.home();
    let made = machine.say("mkdir shop && cd shop && django-admin startproject shop . && python manage.py migrate --verbosity 0");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::create_dir(home.join("api")).unwrap();
    let api = "from fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.get(\"/\")\ndef home():\n    return \"hello\"\n";
    fs::write(home.join("api/main.py"), api).unwrap();
    fs::create_dir(home.join("web")).unwrap();
    // The two lines stand in the page, apart from the reader's own.
    let page = fs::read_to_string(project().join(PAGE)).unwrap();
    let lines: Vec<&str> = page.lines().filter(|line| line.starts_with("app.use(require(")).collect();
    let [first, last] = lines.as_slice() else { panic!("{PAGE} has not two lines for Express: {lines:?}") };
    let web = format!(
        "const app = require('express')();\n{first}\napp.get('/', (request, response) => response.send('hello'));\n{last}\napp.listen(8000, '127.0.0.1');\n"
    );
    fs::write(home.join("web/app.js"), web).unwrap();
    symlink(env!("CARGO_BIN_EXE_axum_app"), home.join("bin/billing")).unwrap();
}

/// What the collector answers to somebody who is signed in.
fn ask(machine: &Machine, path: &str) -> Result<Value, String> {
    let text = format!(
        "test -s token || curl --fail --silent -H 'Content-Type: application/json' -d '{{\"username\":\"reader\",\"password\":\"a-lighthouse-for-tests\"}}' \
         http://127.0.0.1:8650/api/auth/login | sed 's/.*\"token\":\"\\([^\"]*\\)\".*/\\1/' >token\n\
         curl --silent -H \"Authorization: Bearer $(cat token)\" 'http://127.0.0.1:8650{path}'"
    );
    let output = machine.say(&text);
    serde_json::from_slice(&output.stdout).map_err(|_| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn wait_for_requests(machine: &Machine, service: &str) {
    until(&format!("a request of {service}"), || {
        let answer = ask(machine, &format!("/api/v1/requests/latency?service={service}"))?;
        if answer["total"]["count"].as_u64() >= Some(1) { Ok(()) } else { Err(answer.to_string()) }
    });
}

#[test]
fn the_start_page_leads_to_a_first_chart_for_each_kind_of_application() {
    let mut machine = Machine::start();
    applications(&machine);
    let all = blocks(PAGE, "machine");
    let run = |machine: &mut Machine, name: &str| {
        for block in all.iter().filter(|block| section(block) == name) {
            machine.run(PAGE, block);
        }
    };
    run(&mut machine, "collector");
    let account = "FAROL_DATA_DIR=~/farol-data farol-collector user add reader --password-stdin <<<a-lighthouse-for-tests";
    assert!(machine.say(account).status.success());
    for (name, service) in [("django", "shop"), ("fastapi", "api"), ("express", "web")] {
        run(&mut machine, name);
        wait_for_requests(&machine, service);
        machine.end(name);
    }
    let application =
        Block { line: 0, place: "machine".into(), note: "proxy background".into(), text: "billing 127.0.0.1:8001".into() };
    machine.run(PAGE, &application);
    run(&mut machine, "proxy");
    wait_for_requests(&machine, "billing");
    machine.end("proxy");
    run(&mut machine, "vm");
    until("the plain machine", || {
        let answer = ask(&machine, "/api/v1/resources")?;
        let seen = answer["resources"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one["name"] == "vm-1" && one["kind"] == "host"));
        if seen { Ok(()) } else { Err(answer.to_string()) }
    });
    let sections = ["collector", "django", "fastapi", "express", "proxy", "vm"];
    let unknown: Vec<&Block> = all.iter().filter(|block| !sections.contains(&section(block))).collect();
    assert!(unknown.is_empty(), "this test does not run {unknown:?}");
}

#[test]
fn the_portuguese_page_has_the_same_commands() {
    let without_line = |page: &str| blocks(page, "machine").into_iter().map(|block| (block.note, block.text)).collect::<Vec<_>>();
    assert_eq!(without_line(PAGE), without_line(PORTUGUESE));
}
