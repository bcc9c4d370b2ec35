//! Files that are kept in the project and must agree with the code; `UPDATE=1` rewrites them.

use std::fs;

use crate::process::{project, setting};

/// Compares a kept file (a path from the project's root) with what it should hold; with `UPDATE=1` writes it instead.
pub fn check(name: &str, expected: &str) {
    let path = project().join(name);
    if setting("UPDATE").is_some() {
        fs::write(path, expected).unwrap();
        return;
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    let lines = found.lines().chain([""]).zip(expected.lines().chain([""]));
    if let Some((at, (is, should))) = lines.enumerate().find(|(_, (is, should))| is != should) {
        panic!("{name}, line {}: is {is:?}, should be {should:?}; the same test with UPDATE=1 rewrites the file", at + 1);
    }
    assert_eq!(found, expected, "{name} ends differently; the same test with UPDATE=1 rewrites the file");
}
