//! The catalogue's promises: a metric that was once published keeps its name, unit and kind.

use std::fs;

use farol_shared::catalog;
use farol_tests::kept;

use crate::{none, root};

const GOLDEN: &str = "tests/golden/metrics.txt";

fn row(metric: &farol_shared::metric::Metric) -> String {
    format!("{} {} {:?} [{}]", metric.name, metric.unit, metric.kind, metric.attributes.join(" "))
}

#[test]
fn published_metrics_never_change_and_new_ones_are_added_by_hand() {
    let published = fs::read_to_string(root().join(GOLDEN)).unwrap_or_default();
    let now: Vec<String> = catalog::ALL.iter().map(row).collect();
    let gone = published.lines().filter(|line| !now.iter().any(|row| row == line));
    // Not even UPDATE=1 takes a line away: that is an edit of the list, to be argued for.
    none(&gone.map(|line| format!("{GOLDEN} promises {line:?}, the catalogue has no such row")).collect::<Vec<_>>());
    let mut all: Vec<&str> = published.lines().collect();
    all.extend(now.iter().map(String::as_str).filter(|row| !published.lines().any(|line| line == *row)));
    kept::check(GOLDEN, &(all.join("\n") + "\n"));
}
