//! What every file has in common: a first line that says what it is, a readable length, nothing of this machine.

use crate::{files, none, text};

/// Longest file, in lines. Recorded and generated ones are not read from top to bottom.
const LINES_MAX: usize = 500;

/// How a file of each kind begins when its first line says what it is.
const OPENINGS: &[(&str, &[&str])] = &[
    (".rs", &["//!"]),
    (".ts", &["//", "/*"]),
    (".tsx", &["//", "/*"]),
    (".js", &["//", "/*"]),
    (".mjs", &["//", "/*"]),
    (".css", &["/*"]),
    (".html", &["<!--", "<!doctype", "<!DOCTYPE"]),
    (".toml", &["# "]),
    (".sh", &["#!"]),
    (".sql", &["--"]),
    (".yml", &["# "]),
    (".md", &["# "]),
];

/// Files without comments, or whose form is given by a tool.
fn is_given(name: &str) -> bool {
    name.starts_with("tests/fixtures/")
        || name.starts_with("tests/golden/")
        || name == "Cargo.lock"
        || name.ends_with("package-lock.json")
        || matches!(name, "rustfmt.toml" | "clippy.toml")
        || name.ends_with("/Cargo.toml")
}

#[test]
fn the_first_line_says_what_a_file_is() {
    let mut faults = Vec::new();
    for name in files().into_iter().filter(|name| !is_given(name)) {
        let Some((_, openings)) = OPENINGS.iter().find(|(end, _)| name.ends_with(end)) else { continue };
        let Some(text) = text(&name) else { continue };
        let first = text.lines().next().unwrap_or_default();
        if !openings.iter().any(|opening| first.starts_with(opening)) {
            faults.push(format!("{name} starts with {first:?}, not with {}", openings.join(" or ")));
        }
        // A script's first line names its interpreter, so the second one speaks.
        if first.starts_with("#!") && !text.lines().nth(1).is_some_and(|line| line.starts_with("# ")) {
            faults.push(format!("{name}: the line after #! does not say what it is"));
        }
    }
    none(&faults);
}

#[test]
fn no_file_is_longer_than_a_reader_bears() {
    let mut faults = Vec::new();
    for name in files().into_iter().filter(|name| !is_given(name) && !name.starts_with("docs/")) {
        let lines = text(&name).map_or(0, |text| text.lines().count());
        if lines > LINES_MAX {
            faults.push(format!("{name} has {lines} lines, the limit is {LINES_MAX}"));
        }
    }
    none(&faults);
}

#[test]
fn names_say_what_is_inside() {
    let vague = ["utils", "util", "helpers", "helper", "common", "misc"];
    let stem = |name: &str| name.rsplit('/').next().and_then(|last| last.split('.').next()).unwrap_or_default().to_owned();
    let faults: Vec<String> = files()
        .into_iter()
        .filter(|name| vague.contains(&stem(name).as_str()) || name.ends_with("/mod.rs"))
        .map(|name| format!("{name} has a name that says nothing"))
        .collect();
    none(&faults);
}

#[test]
fn nothing_of_this_machine_is_committed() {
    // Put together here, so that this file does not hold what it forbids.
    let forbidden: Vec<String> = [
        ("/work", "/main"),
        ("/work", "/shared"),
        ("/work", "/.library"),
        ("registry.", "npmjs.org"),
        ("static.", "crates.io"),
        ("index.", "crates.io"),
        ("pypi", ".org"),
        ("files.python", "hosted.org"),
        ("deb.", "debian.org"),
        ("target/", "debug/build"),
    ]
    .iter()
    .map(|(a, b)| format!("{a}{b}"))
    .collect();
    let mut faults = Vec::new();
    for name in files() {
        let Some(text) = text(&name) else { continue };
        for (at, line) in text.lines().enumerate() {
            if let Some(word) = forbidden.iter().find(|word| line.contains(*word)) {
                faults.push(format!("{name}, line {}: {word}", at + 1));
            }
        }
    }
    none(&faults);
}

#[test]
fn nothing_is_unwrapped_outside_tests() {
    let is_test = |name: &str| name.starts_with("tests/") || name.contains("/tests") || name.contains("/testing");
    let mut faults = Vec::new();
    for name in files().into_iter().filter(|name| name.ends_with(".rs") && !is_test(name)) {
        let text = text(&name).unwrap_or_default();
        // By habit the tests of a file are its last part.
        let program =
            text.lines().take_while(|line| !line.trim_start().starts_with("#[cfg(test)]") && !line.contains("cfg(any(test"));
        for (at, line) in program.enumerate() {
            if line.contains(".unwrap()") && !line.trim_start().starts_with("//") {
                faults.push(format!("{name}, line {}: say with expect why it cannot fail, or handle it", at + 1));
            }
        }
    }
    none(&faults);
}
