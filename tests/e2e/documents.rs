//! The documents that the collector prints about itself are the ones in `docs/`.

use farol_tests::{
    kept,
    process::{Process, collector_program},
};

fn printed(word: &str) -> String {
    let output = Process::command(collector_program()).arg(word).output().unwrap();
    assert!(output.status.success(), "{word}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("documents are UTF-8")
}

#[test]
fn the_list_of_metrics_is_up_to_date() {
    kept::check("docs/METRICS.md", &printed("metrics"));
}

#[test]
fn the_list_of_options_is_up_to_date() {
    kept::check("docs/CONFIG.md", &printed("options"));
}

#[test]
fn the_list_of_routes_is_up_to_date() {
    kept::check("docs/API.md", &printed("api"));
}
