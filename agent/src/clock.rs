//! The machine's wall clock, the only place of the agent that asks it.

use std::time::UNIX_EPOCH;

use farol_shared::clock::Clock;

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is passed")]
    fn now_ms(&self) -> i64 {
        // A clock set before 1970 counts as 1970: the collector will call it skewed, and `check` says so.
        let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}
