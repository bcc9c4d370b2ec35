//! The style of the project as tests: what a reader may rely on without looking.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code: a failure is the message")]

mod dependencies;
mod documents;
mod files;
mod metrics;

use std::{fs, path::PathBuf, process::Command};

/// Crates of the workspace by folder.
const CRATES: &[&str] = &["shared", "shared/spool", "agent", "collector", "collector/store", "tests", "tests/bench"];

fn root() -> PathBuf {
    farol_tests::process::project()
}

/// Every file that is committed or would be: paths from the project's root.
fn files() -> Vec<String> {
    let listed = Command::new("git")
        .args(["-C", &root().display().to_string(), "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .expect("git is needed to tell the project's files from what a build left");
    assert!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).expect("file names are UTF-8");
    let mut names: Vec<String> = names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    // A file that was deleted but is still in the index.
    names.retain(|name| root().join(name).is_file());
    names.sort();
    names.dedup();
    names
}

/// A file's text, `None` when it is not text.
fn text(name: &str) -> Option<String> {
    String::from_utf8(fs::read(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))).ok()
}

/// Fails with the whole list when there is any fault.
fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
