//! Tier: since when samples are kept as they were taken.

use farol_store::{Query, QueryError, Store, Tier};

/// Samples near the end of their time go by blocks: so much is left between, in milliseconds.
const MARGIN_MS: i64 = 3_600_000;

/// How exactly the boundary is found, in milliseconds.
const EXACT_MS: i64 = 60_000;

/// From which moment of a stretch on samples are kept as they were taken, a whole minute.
///
/// # Errors
/// [`QueryError`] when history cannot be read.
pub fn raw_from(store: &Store, from_ms: i64, to_ms: i64) -> Result<i64, QueryError> {
    // History itself tells what a question is answered from; a metric that nobody has costs it no reading.
    let is_raw = |at_ms: i64| {
        let query =
            Query { metric: "(none)".to_owned(), from_ms: at_ms, to_ms: at_ms + 1_000, step_ms: 1_000, ..Query::default() };
        store.query(&query).map(|answer| answer.tier == Tier::Raw)
    };
    if is_raw(from_ms)? {
        return Ok(from_ms);
    }
    let (mut rolled, mut raw) = (from_ms, to_ms);
    while raw - rolled > EXACT_MS {
        let middle = rolled + (raw - rolled) / 2;
        if is_raw(middle)? {
            raw = middle;
        } else {
            rolled = middle;
        }
    }
    Ok(((raw + MARGIN_MS).div_euclid(EXACT_MS) * EXACT_MS).min(to_ms.div_euclid(EXACT_MS) * EXACT_MS))
}
