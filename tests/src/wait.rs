//! Waiting for a condition, never for a duration.

use std::{
    fmt::Debug,
    thread,
    time::{Duration, Instant},
};

/// How long a test waits for something that should come at once. Generous, because the machine may be busy compiling.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until the answer is `Some`, or fails with what was last seen.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    until_within(PATIENCE, what, &mut ask)
}

/// As [`until`], with a deadline of its own.
pub fn until_within<T>(patience: Duration, what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match ask() {
            Ok(value) => return value,
            Err(seen) if start.elapsed() > patience => panic!("waited {patience:?} for {what}; last seen: {seen}"),
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// `Ok` when the condition holds, else what was seen instead; for use inside [`until`].
///
/// # Errors
/// The value as text, when the condition does not hold.
pub fn when<T: Debug>(value: T, holds: impl FnOnce(&T) -> bool) -> Result<T, String> {
    if holds(&value) { Ok(value) } else { Err(format!("{value:?}")) }
}

/// Milliseconds since the Unix epoch, by this machine's clock.
#[must_use]
pub fn now_ms() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the one place where the tests ask for the time")]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).expect("the clock is past 1970");
    i64::try_from(since.as_millis()).expect("the clock is before the year 292 million")
}
