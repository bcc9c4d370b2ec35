//! Latency of queries over HTTP on one kept-open connection, warm.

use std::time::Instant;

use anyhow::{Result, bail};

use crate::{http::Connection, process::quantile};

/// Asks `path` `count` times and prints the median and the 99th percentile.
///
/// # Errors
/// When the server cannot be reached or does not answer 200.
#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
pub(crate) async fn run(target: &str, bearer: Option<&str>, name: &str, path: &str, count: u32) -> Result<()> {
    let headers = bearer.map(|b| format!("Authorization: Bearer {b}\r\n")).unwrap_or_default();
    let mut connection = Connection::open(target).await?;
    let mut took = Vec::new();
    let mut bytes = 0;
    for _ in 0..count {
        let asked = Instant::now();
        let answer = connection.ask("GET", path, &headers, b"").await?;
        took.push(asked.elapsed().as_secs_f64() * 1e3);
        if answer.status != 200 {
            bail!("{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        bytes = answer.body.len();
    }
    took.sort_by(f64::total_cmp);
    println!("query {name}: p50 {:.2} p99 {:.2} ms, {bytes} bytes", quantile(&took, 0.5), quantile(&took, 0.99));
    Ok(())
}
