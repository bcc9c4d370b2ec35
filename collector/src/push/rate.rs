//! How much a listener may say in a minute.

use std::time::Duration;

use tokio::time::Instant;

/// Most messages that a listener may send in a minute.
pub(super) const A_MINUTE_MAX: u32 = 100;

/// The message of a minute from which on a listener is warned.
pub(super) const WARNED_FROM: u32 = 80;

/// What a further message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All is well.
    Fine,
    /// Nearly too much: said once a minute.
    Warn,
    /// Too much.
    Close,
}

/// The running minute of one listener.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    start: Instant,
    messages: u32,
}

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self { start: now, messages: 0 }
    }

    /// Counts a message.
    pub(super) fn count(&mut self, now: Instant) -> Verdict {
        if now.saturating_duration_since(self.start) >= Duration::from_secs(60) {
            *self = Self::new(now);
        }
        self.messages += 1;
        match self.messages {
            WARNED_FROM => Verdict::Warn,
            count if count > A_MINUTE_MAX => Verdict::Close,
            _ => Verdict::Fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_warned_once_and_then_sent_away_and_every_minute_begins_anew() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        let mut verdicts: Vec<Verdict> = (0..101).map(|_| rate.count(start)).collect();
        assert_eq!(verdicts.pop(), Some(Verdict::Close));
        let warned: Vec<usize> = (1..).zip(&verdicts).filter(|(_, one)| **one == Verdict::Warn).map(|(n, _)| n).collect();
        assert_eq!(warned, [80]);
        assert!(!verdicts.contains(&Verdict::Close));
        assert_eq!(rate.count(start + Duration::from_secs(60)), Verdict::Fine);
    }
}
