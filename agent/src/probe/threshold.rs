//! Thresholds: how single results become a state that does not flap.

use farol_shared::record::CheckState;

/// Counts consecutive results. Pure: it knows neither time nor network.
#[derive(Debug, Clone)]
pub(super) struct Thresholds {
    failures_needed: u32,
    successes_needed: u32,
    failures: u32,
    successes: u32,
    has_failed: bool,
    state: CheckState,
}

impl Thresholds {
    /// Offline after `failures_needed` results in a row that say so; after a failure online again only after
    /// `successes_needed` good ones in a row. Both count as at least one.
    pub(super) fn new(failures_needed: u32, successes_needed: u32) -> Self {
        Self {
            failures_needed: failures_needed.max(1),
            successes_needed: successes_needed.max(1),
            failures: 0,
            successes: 0,
            has_failed: false,
            state: CheckState::Online,
        }
    }

    /// Takes what one attempt says and gives the state after it.
    pub(super) fn next(&mut self, found: CheckState, is_success: bool) -> CheckState {
        if found == CheckState::Offline {
            self.failures = self.failures.saturating_add(1);
        } else {
            self.failures = 0;
        }
        if is_success {
            self.successes = self.successes.saturating_add(1);
        } else {
            (self.successes, self.has_failed) = (0, true);
        }
        self.has_failed &= self.successes < self.successes_needed;
        self.state = match found {
            CheckState::Offline if self.failures >= self.failures_needed || self.state == CheckState::Offline => {
                CheckState::Offline
            }
            CheckState::Online if !self.has_failed => CheckState::Online,
            // Not yet often enough to be offline, not yet long enough well to be online, or well with a flaw.
            _ => CheckState::Degraded,
        };
        self.state
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    const ONLINE: (CheckState, bool) = (CheckState::Online, true);
    const FLAWED: (CheckState, bool) = (CheckState::Degraded, true);
    const REFUSED: (CheckState, bool) = (CheckState::Degraded, false);
    const OFFLINE: (CheckState, bool) = (CheckState::Offline, false);

    #[test]
    fn states_change_only_at_their_thresholds() {
        let mut thresholds = Thresholds::new(3, 2);
        let mut next = |(state, is_success): (CheckState, bool)| thresholds.next(state, is_success);
        assert_eq!(next(ONLINE), CheckState::Online);
        assert_eq!([next(OFFLINE), next(OFFLINE)], [CheckState::Degraded; 2]);
        assert_eq!([next(OFFLINE), next(OFFLINE)], [CheckState::Offline; 2]);
        assert_eq!(next(ONLINE), CheckState::Degraded, "one good result is not enough");
        assert_eq!(next(OFFLINE), CheckState::Degraded, "nor is one bad one");
        assert_eq!([next(ONLINE), next(ONLINE)], [CheckState::Degraded, CheckState::Online]);
        assert_eq!([next(FLAWED), next(ONLINE)], [CheckState::Degraded, CheckState::Online], "a flaw is no failure");
        assert_eq!([next(REFUSED), next(ONLINE), next(ONLINE)], [CheckState::Degraded, CheckState::Degraded, CheckState::Online]);
    }

    #[test]
    fn the_first_result_counts_at_once_when_it_is_good_or_the_threshold_is_one() {
        assert_eq!(Thresholds::new(3, 5).next(CheckState::Online, true), CheckState::Online);
        assert_eq!(Thresholds::new(1, 1).next(CheckState::Offline, false), CheckState::Offline);
        assert_eq!(Thresholds::new(0, 0).next(CheckState::Offline, false), CheckState::Offline);
        assert_eq!(Thresholds::new(2, 1).next(CheckState::Offline, false), CheckState::Degraded);
    }

    proptest! {
        #[test]
        fn offline_and_online_are_always_earned(
            failures in 1_u32..5,
            successes in 1_u32..5,
            found in vec(select(vec![ONLINE, FLAWED, REFUSED, OFFLINE]), 1..60),
        ) {
            let mut thresholds = Thresholds::new(failures, successes);
            let (mut bad, mut good, mut ever_failed) = (0, 0, false);
            let mut before = CheckState::Online;
            for (state, is_success) in found {
                bad = if state == CheckState::Offline { bad + 1 } else { 0 };
                good = if is_success { good + 1 } else { 0 };
                ever_failed |= !is_success;
                let now = thresholds.next(state, is_success);
                if now == CheckState::Offline && before != CheckState::Offline {
                    prop_assert!(bad >= failures);
                }
                if now == CheckState::Online {
                    prop_assert!(state == CheckState::Online && (good >= successes || !ever_failed));
                }
                prop_assert!(bad < failures || now == CheckState::Offline, "enough failures are always offline");
                before = now;
            }
        }
    }
}
