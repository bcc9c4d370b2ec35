//! The documentation as a reader uses it: every command that a page gives for a place is run there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code: a failure is the message")]

mod machine;
mod pages;
mod start;

use std::{fs, path::Path};

use farol_tests::{
    docs::{PLACES, read},
    process::project,
};

/// Every Markdown file below a folder, tests' modules and builds left out.
fn markdown(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).flatten() {
        let path = entry.path();
        if path.is_dir() {
            markdown(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// Pages whose commands for a place are run by a test of another name.
const ELSEWHERE: &[(&str, &str)] = &[("docs/SYSTEMD.md", "systemd"), ("docs/DOCKER.md", "docker")];

#[test]
fn each_block_of_commands_says_where_it_runs_and_is_run_there() {
    let mut found = vec![project().join("README.md")];
    markdown(&project().join("docs"), &mut found);
    let mut faults = Vec::new();
    for page in found {
        let text = fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        let path = page.strip_prefix(project()).unwrap().display().to_string();
        for block in read(&text) {
            let place = block.place.as_str();
            let is_run = match place {
                "machine" => pages::PAGES.contains(&path.as_str()) || start::PAGES.contains(&path.as_str()),
                _ => ELSEWHERE.contains(&(path.as_str(), place)),
            };
            if !PLACES.contains(&place) {
                faults.push(format!("{path}:{}: a block of commands is tagged {place:?}, not one of {PLACES:?}", block.line));
            } else if !is_run {
                faults.push(format!("{path}:{}: no test runs commands of this page for {place:?}", block.line));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
