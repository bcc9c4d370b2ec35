//! A browser signs in below `/farol/` and walks through every page; the walk itself stands in `tests/web/walk.mjs`.

use farol_tests::{
    agent,
    process::{Process, project},
    server_process::run,
};

use crate::{
    front::{BELOW, Kind, ROOT},
    whole::House,
};

fn walk(kind: Kind, name: &str) {
    let mut house = House::new(kind, name);
    let _agent = agent::beside(&house.collector, "walked").start();
    house.collector.wait_resource("walked");
    let mut command = Process::command("node");
    command.current_dir(project().join("tests/web")).arg("walk.mjs").arg(format!("{}/", house.front.url(name)));
    let said = run(&mut command);
    assert!(said.contains("pages walked"), "{said}");
}

#[test]
fn a_browser_walks_every_page_below_a_path_of_nginx() {
    walk(Kind::Nginx, BELOW);
}

#[test]
fn a_browser_walks_every_page_below_a_path_of_caddy() {
    walk(Kind::Caddy, BELOW);
}

#[test]
fn a_browser_walks_every_page_at_the_root_of_a_name() {
    walk(Kind::Nginx, ROOT);
}
