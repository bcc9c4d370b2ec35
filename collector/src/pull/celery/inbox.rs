//! Where the reader of events leaves them and a poll takes them.
//!
//! The reader must never wait: Redis hangs up on a subscriber that reads too slowly. So the inbox has a bound, at which the oldest
//! events are dropped and counted.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::event::{Event, Refused};
use crate::pull::PollError;

/// Most events between two polls. A thousand tasks a second make four thousand events; a poll comes each second. 20 MB at most.
const EVENTS_MAX: usize = 50_000;

/// Whether events are being heard.
#[derive(Debug, Clone, Default)]
pub(super) enum Hearing {
    /// The first connection is under way.
    #[default]
    Begun,
    /// Since then.
    Yes(Instant),
    /// Not now, and why.
    No(PollError),
}

#[derive(Debug, Default)]
struct Held {
    events: VecDeque<(Instant, Event)>,
    hearing: Hearing,
    deaf_since: Option<Instant>,
    news: News,
}

/// What happened to the stream since it was asked last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Events dropped because nobody took them.
    pub lost: u64,
    /// Messages whose content is not JSON.
    pub not_json: u64,
    /// Messages that are no events.
    pub malformed: u64,
    /// How long nothing could be heard, of interruptions that are over.
    pub deaf: Duration,
}

/// The inbox; its clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Inbox {
    held: Arc<Mutex<Held>>,
    /// Told when it is known whether events are heard.
    known: Arc<Notify>,
}

impl Inbox {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in what a message held.
    pub(super) fn put(&self, message: Result<Vec<Event>, Refused>) {
        let now = Instant::now();
        let mut held = self.held();
        match message {
            Ok(events) => {
                for event in events {
                    if held.events.len() >= EVENTS_MAX {
                        held.events.pop_front();
                        held.news.lost += 1;
                    }
                    held.events.push_back((now, event));
                }
            }
            Err(Refused::NotJson) => held.news.not_json += 1,
            Err(Refused::Malformed) => held.news.malformed += 1,
        }
    }

    /// Says that from now on events are heard.
    pub(super) fn hears(&self) {
        let now = Instant::now();
        let mut held = self.held();
        if let Some(since) = held.deaf_since.take() {
            held.news.deaf += now - since;
        }
        held.hearing = Hearing::Yes(now);
        drop(held);
        self.known.notify_waiters();
        self.known.notify_one();
    }

    /// Says that no events are heard. True when that is new, or for another reason than before.
    pub(super) fn is_deaf(&self, why: PollError) -> bool {
        let mut held = self.held();
        let is_new = !matches!(&held.hearing, Hearing::No(before) if before.message == why.message);
        if matches!(held.hearing, Hearing::Yes(_)) {
            held.deaf_since = Some(Instant::now());
        }
        held.hearing = Hearing::No(why);
        drop(held);
        self.known.notify_one();
        is_new
    }

    /// Takes all events, each with its age, and the news.
    pub(super) fn take(&self) -> (Vec<(Duration, Event)>, News) {
        let now = Instant::now();
        let mut held = self.held();
        let events = std::mem::take(&mut held.events);
        let news = std::mem::take(&mut held.news);
        drop(held);
        (events.into_iter().map(|(at, event)| (now.saturating_duration_since(at), event)).collect(), news)
    }

    /// Whether events are heard now.
    pub(super) fn hearing(&self) -> Hearing {
        self.held().hearing.clone()
    }

    /// Waits until it is known whether events are heard, but not for longer than this.
    pub(super) async fn known_within(&self, longest: Duration) {
        if matches!(self.hearing(), Hearing::Begun) {
            // What it came to is in `hearing`; that it took too long, too.
            drop(tokio::time::timeout(longest, self.known.notified()).await);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pull::celery::event::from_body;

    fn one() -> Result<Vec<Event>, Refused> {
        from_body(None, br#"{"type":"task-started","hostname":"w","timestamp":1.5,"uuid":"u"}"#)
    }

    #[test]
    fn beyond_the_bound_the_oldest_are_dropped_and_counted() {
        let inbox = Inbox::default();
        for _ in 0..EVENTS_MAX + 3 {
            inbox.put(one());
        }
        inbox.put(Err(Refused::NotJson));
        let (events, news) = inbox.take();
        assert_eq!((events.len(), news.lost, news.not_json, news.malformed), (EVENTS_MAX, 3, 1, 0));
        assert_eq!(inbox.take().1, News::default());
    }

    #[tokio::test(start_paused = true)]
    async fn an_interruption_is_as_long_as_it_was() {
        let inbox = Inbox::default();
        let why = || PollError::unreachable("gone");
        assert!(inbox.is_deaf(why()) && !inbox.is_deaf(why()), "the same reason is told once");
        inbox.hears();
        assert_eq!(inbox.take().1.deaf, Duration::ZERO, "before the first time nothing was interrupted");
        inbox.is_deaf(why());
        tokio::time::advance(Duration::from_secs(5)).await;
        inbox.is_deaf(PollError::auth("closed"));
        tokio::time::advance(Duration::from_secs(2)).await;
        inbox.hears();
        assert_eq!(inbox.take().1.deaf, Duration::from_secs(7));
        assert!(matches!(inbox.hearing(), Hearing::Yes(_)));
    }
}
