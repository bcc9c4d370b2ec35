//! Which crate may lean on which, and on what from outside.

use std::fmt::Write as _;

use farol_tests::kept;
use toml::Table;

use crate::{CRATES, none, text};

/// Arrows between the project's own crates, as the architecture draws them. The tests' crates may use all.
const MAY_USE: &[(&str, &[&str])] = &[
    ("shared", &[]),
    ("shared/spool", &["farol-shared"]),
    ("agent", &["farol-shared", "farol-spool"]),
    ("collector/store", &["farol-shared"]),
    ("collector", &["farol-shared", "farol-spool", "farol-store", "farol-agent"]),
];

fn manifest(folder: &str) -> Table {
    text(&format!("{folder}/Cargo.toml")).expect("a manifest is text").parse().expect("a manifest is TOML")
}

fn names(manifest: &Table, section: &str) -> Vec<String> {
    let table = manifest.get(section).and_then(|value| value.as_table());
    table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn crates_lean_only_on_those_left_of_them() {
    let mut faults = Vec::new();
    for (folder, allowed) in MAY_USE {
        let manifest = manifest(folder);
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let own = names(&manifest, section).into_iter().filter(|name| name.starts_with("farol-"));
            faults
                .extend(own.filter(|name| !allowed.contains(&name.as_str())).map(|name| format!("{folder} must not use {name}")));
        }
    }
    none(&faults);
}

#[test]
fn every_crate_is_known_here_and_inherits_the_lints() {
    let members: Vec<String> = text("Cargo.toml").unwrap().parse::<Table>().unwrap()["workspace"]["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(members, CRATES, "the workspace has other members than tests/tidy knows");
    let inherits = |folder: &&&str| {
        let lints = manifest(folder).get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        lints == Some(true)
    };
    none(
        &CRATES
            .iter()
            .filter(|folder| !inherits(folder))
            .map(|folder| format!("{folder} does not inherit the lints"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn a_new_dependency_is_a_visible_decision() {
    let mut list = String::from("# What each crate builds on. A new line wants a decision record in docs/decisions/.\n");
    for folder in CRATES {
        let manifest = manifest(folder);
        for (section, note) in [("dependencies", ""), ("dev-dependencies", " (tests)"), ("build-dependencies", " (build)")] {
            for name in names(&manifest, section) {
                writeln!(list, "{folder}{note}: {name}").unwrap();
            }
        }
    }
    kept::check("tests/golden/dependencies.txt", &list);
}
