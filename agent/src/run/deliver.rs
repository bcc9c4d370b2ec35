//! The delivering half: the oldest batch to the sink, then what the answer asks for, for ever.

use std::time::Duration;

use farol_shared::{limit, report::chain, wire::Ack};
use tokio::time::{Instant, sleep};
use tracing::{debug, error, info, warn};

use super::Shared;
use crate::send::{Answer, Sink};

/// First pause after a failure; it doubles up to [`limit::BACKOFF_MS_MAX`].
const BACKOFF_MS_MIN: u64 = 500;

/// Pause after the token was refused: somebody must act first, and a flood of refusals helps nobody.
const UNAUTHORISED_PAUSE: Duration = Duration::from_secs(30);

/// A lasting failure is logged again after this long.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Delivers until the agent closes and nothing is left, or until closing and the sink fails.
pub(super) async fn deliver<S: Sink>(shared: &Shared, mut sink: S, seed: u64) {
    let mut trouble = Trouble::default();
    let mut backoff = Backoff::new(seed);
    loop {
        let parcel = shared.queue.borrow_mut().send_oldest();
        let Some(parcel) = parcel else {
            if shared.is_closing.get() {
                return;
            }
            shared.pushed.notified().await;
            continue;
        };
        let started = Instant::now();
        let answer = sink.deliver(&parcel).await;
        let pause = match answer {
            Answer::Stored(ack) => {
                stored(shared, ack, started.elapsed());
                trouble.over();
                backoff.reset();
                continue;
            }
            Answer::Refused { status, detail } => {
                let samples = shared.queue.borrow_mut().refused();
                refused(&mut trouble, parcel.seq, samples, status, &detail);
                backoff.reset();
                continue;
            }
            Answer::Unauthorised { status, detail } => {
                let advice = "make a token with `farol-collector token create NAME` and set FAROL_TOKEN or FAROL_TOKEN_FILE";
                if let Some(attempts) = trouble.tell(Kind::Unauthorised) {
                    error!(status, detail, attempts, advice, "token refused");
                }
                UNAUTHORISED_PAUSE
            }
            Answer::Busy { status, retry_after } => {
                let pause = match retry_after {
                    Some(asked) => backoff.spread(asked),
                    None => backoff.next(),
                };
                if let Some(attempts) = trouble.tell(Kind::Busy) {
                    warn!(status, attempts, pause_ms = as_ms(pause), "collector busy");
                }
                pause
            }
            Answer::Failed(cause) => {
                let pause = backoff.next();
                if let Some(attempts) = trouble.tell(Kind::Failed) {
                    warn!(error = %chain(&cause), attempts, pause_ms = as_ms(pause), "delivery failed");
                }
                pause
            }
        };
        shared.queue.borrow_mut().kept();
        if shared.is_closing.get() {
            return;
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = shared.closing.notified() => {}
        }
    }
}

fn stored(shared: &Shared, ack: Ack, took: Duration) {
    debug!(seq = ack.seq, took_ms = as_ms(took), "batch acknowledged");
    shared.queue.borrow_mut().stored(ack.seq);
    shared.last_ack.set(Instant::now());
    shared.send_duration.set(Some(took));
    if ack.watched {
        let was_watched = shared.is_watched();
        shared.watched_until.set(Some(Instant::now() + Duration::from_millis(limit::WATCHED_FOR_MS)));
        if !was_watched {
            shared.watched.notify_one();
        }
    }
}

fn refused(trouble: &mut Trouble, seq: u64, samples: u64, status: u16, detail: &str) {
    if let Some(attempts) = trouble.tell(Kind::Refused) {
        error!(status, detail, seq, samples, attempts, "batch refused");
    }
}

fn as_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Pauses that double, spread so that many agents do not come back in step.
#[derive(Debug)]
struct Backoff {
    next_ms: u64,
    random: u64,
}

impl Backoff {
    fn new(seed: u64) -> Self {
        // Xorshift stands still at zero.
        Self { next_ms: BACKOFF_MS_MIN, random: seed | 1 }
    }

    fn reset(&mut self) {
        self.next_ms = BACKOFF_MS_MIN;
    }

    /// Between half of the pause and all of it.
    fn next(&mut self) -> Duration {
        let half = self.next_ms / 2;
        self.next_ms = (self.next_ms * 2).min(limit::BACKOFF_MS_MAX);
        Duration::from_millis(half + self.random() % (half + 1))
    }

    /// The time the collector asks for and up to a tenth more; never less, never beyond the limit.
    fn spread(&mut self, asked: Duration) -> Duration {
        let asked = as_ms(asked).min(limit::RETRY_AFTER_S_MAX * 1_000);
        Duration::from_millis(asked + self.random() % (asked / 10 + 1))
    }

    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Refused,
    Unauthorised,
    Busy,
    Failed,
}

/// What is wrong with delivery, for logging on change and then once a minute.
#[derive(Debug, Default)]
struct Trouble {
    /// The kind, since when, when it was last told, and how many attempts failed so far.
    now: Option<(Kind, Instant, Instant, u64)>,
}

impl Trouble {
    /// Counts a failure; gives the count when it should be told.
    fn tell(&mut self, kind: Kind) -> Option<u64> {
        let now = Instant::now();
        match &mut self.now {
            Some((old, _, told, attempts)) if *old == kind => {
                *attempts += 1;
                let is_due = now.duration_since(*told) >= TELL_AGAIN_AFTER;
                if is_due {
                    *told = now;
                }
                is_due.then_some(*attempts)
            }
            _ => {
                self.now = Some((kind, now, now, 1));
                Some(1)
            }
        }
    }

    fn over(&mut self) {
        if let Some((kind, since, _, attempts)) = self.now.take()
            && kind != Kind::Refused
        {
            info!(attempts, after_s = since.elapsed().as_secs(), "delivery resumed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_the_limit_and_are_spread() {
        let mut backoff = Backoff::new(7);
        let mut largest = 0;
        for step in 0..20 {
            let full = (BACKOFF_MS_MIN << step.min(10)).min(limit::BACKOFF_MS_MAX);
            let pause = as_ms(backoff.next());
            assert!((full / 2..=full).contains(&pause), "step {step}: {pause} of {full}");
            largest = largest.max(pause);
        }
        assert!(largest > limit::BACKOFF_MS_MAX / 2);
        backoff.reset();
        assert!(as_ms(backoff.next()) <= BACKOFF_MS_MIN);
        let asked = as_ms(backoff.spread(Duration::from_secs(5)));
        assert!((5_000..=5_500).contains(&asked));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lasting_failure_is_told_on_change_and_then_once_a_minute() {
        let mut trouble = Trouble::default();
        assert_eq!(trouble.tell(Kind::Failed), Some(1));
        assert_eq!(trouble.tell(Kind::Failed), None);
        assert_eq!(trouble.tell(Kind::Busy), Some(1), "another kind of trouble is news");
        assert_eq!(trouble.tell(Kind::Busy), None);
        tokio::time::advance(TELL_AGAIN_AFTER).await;
        assert_eq!(trouble.tell(Kind::Busy), Some(3));
        trouble.over();
        assert_eq!(trouble.tell(Kind::Busy), Some(1));
    }
}
