//! Documents that are generated from the code and must not lag behind it.

use farol_shared::catalog;

use crate::{none, text};

#[test]
fn every_metric_is_documented() {
    let document = text("docs/METRICS.md").expect("docs/METRICS.md is text");
    let missing = catalog::ALL.iter().filter(|metric| !document.contains(&format!("`{}`", metric.name)));
    none(&missing.map(|metric| format!("docs/METRICS.md does not name {}", metric.name)).collect::<Vec<_>>());
}
