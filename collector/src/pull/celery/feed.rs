//! The task that keeps listening to events: connects, reads until the connection ends, and connects again.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep},
};

use super::{amqp, config::Place, inbox::Inbox, redis_broker};
use crate::pull::{Code, PollError};

/// First wait after a connection ended. Events that are missed in it are gone.
const WAIT_MIN: Duration = Duration::from_millis(500);

/// Longest wait between two tries. A broker that is back is to be heard soon.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Wait where people must change something first.
const WAIT_FOR_PEOPLE: Duration = Duration::from_secs(30);

/// A connection that lasted this long was a good one.
const GOOD_AFTER: Duration = Duration::from_secs(10);

/// The running task; ends when it is dropped.
#[derive(Debug)]
pub(super) struct Feed(AbortHandle);

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Feed {
    /// Starts to listen. `within` bounds the connecting.
    pub(super) fn start(place: Place, inbox: Inbox, within: Duration) -> Self {
        Self(tokio::spawn(listen_on(place, inbox, within)).abort_handle())
    }
}

async fn listen_on(place: Place, inbox: Inbox, within: Duration) {
    let mut wait = WAIT_MIN;
    loop {
        let began = Instant::now();
        let why = match &place {
            Place::Redis(target, names) => guarded(redis_broker::listen(target, names, within, &inbox)).await,
            Place::Amqp(target, exchange, _) => guarded(amqp::stream::listen(target, exchange, within, &inbox)).await,
        };
        if began.elapsed() > GOOD_AFTER {
            wait = WAIT_MIN;
        }
        let pause = pause(&why, wait);
        if inbox.is_deaf(why.clone()) {
            tracing::info!(target: "pull", kind = "celery", reason = %why, "no events are heard");
        }
        sleep(pause).await;
        wait = (wait * 2).min(WAIT_MAX);
    }
}

/// Why listening ended. A library that breaks on what a broker sends must not end it for good, unseen.
async fn guarded(listening: impl Future<Output = PollError>) -> PollError {
    let broken = |_| PollError::bad_answer("the reader of events broke inside: this is a bug of Farol");
    AssertUnwindSafe(listening).catch_unwind().await.unwrap_or_else(broken)
}

/// How long to wait. What people must change first does not change within a second.
fn pause(why: &PollError, wait: Duration) -> Duration {
    match why.code {
        Code::Auth | Code::BadAnswer => WAIT_FOR_PEOPLE,
        Code::Unreachable | Code::Limited | Code::Pending => wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_that_breaks_is_told_and_not_the_end() {
        let why = guarded(async { panic!("of a library") }).await;
        assert_eq!(why.code, Code::BadAnswer, "{why}");
    }

    #[test]
    fn what_needs_a_person_is_not_tried_each_second() {
        assert_eq!(pause(&PollError::auth("x"), WAIT_MIN), WAIT_FOR_PEOPLE);
        assert_eq!(pause(&PollError::unreachable("x"), WAIT_MIN), WAIT_MIN);
    }
}
