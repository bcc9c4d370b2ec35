//! The system's clock behind the `Clock` trait: the one place of the collector that asks the system for the time.

use std::time::{SystemTime, UNIX_EPOCH};

use farol_shared::clock::Clock;

/// The wall clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is told to use")]
    fn now_ms(&self) -> i64 {
        // A clock before 1970 reads as 1970: it is wrong either way, and the agent's clock check says so.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}
