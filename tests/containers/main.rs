//! Images and compose files, run by a real Docker engine: each test is a file of Python beside this one, with an engine of its
//! own; `pages` runs the commands of docs/DOCKER.md, which this hands to it.
//!
//! No registry can be reached, so two things are not tried here: the stages of the Dockerfiles that compile (the static programs of
//! `tests/run build` take their place), and the official images of the compose files (images of Debian's packages do).
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code: a failure is the message")]

use std::{fs, process::Command};

use farol_tests::{
    docs,
    process::{agent_program, collector_program, project, setting, target},
};

/// Runs the tests of one file in an engine's network.
fn python(file: &str, variables: &[(&str, &str)]) {
    python_program("engine.py", &[file], variables);
}

/// Runs `engine.py` or `guest` with the files of tests.
fn python_program(program: &str, files: &[&str], variables: &[(&str, &str)]) {
    let status = Command::new("/usr/bin/python3")
        .arg(project().join("tests/containers").join(program))
        .args(files)
        .env("CARGO_TARGET_DIR", target())
        .env("FAROL_AGENT_BIN", agent_program())
        .env("FAROL_COLLECTOR_BIN", collector_program())
        .envs(variables.iter().copied())
        .status()
        .unwrap();
    assert!(status.success(), "{files:?}: {status}; `tests/containers/{program} {}` runs it alone", files.join(" "));
}

#[test]
fn images_are_small_need_no_rights_and_tell_their_health() {
    python("images", &[]);
}

#[test]
fn a_sidecar_tells_the_kernels_figures_of_its_application() {
    python("sidecar", &[]);
}

#[test]
fn exec_measures_the_container_that_it_is_in() {
    python("exec", &[]);
}

#[test]
fn one_agent_sees_every_container_of_its_machine() {
    python("host", &[]);
}

#[test]
fn the_commands_of_the_page_about_docker_work() {
    let folder = tempfile::tempdir().unwrap();
    for (at, block) in docs::blocks("docs/DOCKER.md", "docker").iter().enumerate() {
        let name = format!("{at:03}-line-{}", block.line);
        fs::write(folder.path().join(name), &block.text).unwrap();
    }
    let blocks = folder.path().display().to_string();
    python("pages", &[("FAROL_BLOCKS", blocks.as_str())]);
}

/// Whether tests that take minutes were asked for; says what is not run without.
fn is_slow_wanted(what: &str) -> bool {
    let is_wanted = setting("FAROL_SLOW").is_some();
    if !is_wanted {
        eprintln!("NOT RUN: {what} runs with FAROL_SLOW=1");
    }
    is_wanted
}

/// Minutes: five servers, three images made of Debian's packages. `FAROL_SLOW=1` runs it.
#[test]
fn the_full_example_works_from_end_to_end() {
    if is_slow_wanted("the full example") {
        python("full", &[]);
    }
}

/// Minutes: the guest has no acceleration. `FAROL_SLOW=1` runs it.
#[test]
fn sidecar_and_host_tell_the_kernels_figures_on_cgroup_v2_under_systemd() {
    if is_slow_wanted("Docker in the guest") {
        python_program("guest", &["sidecar", "host"], &[]);
    }
}
