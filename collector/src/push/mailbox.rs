//! What waits for one listener, and its place in the house.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, atomic::Ordering},
};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::Notify;

use super::{
    Push, WAITING_MAX, lock,
    ring::Entry,
    room::{Interest, Topic},
};

/// What waits for one listener.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    pub(super) waiting: Mutex<Waiting>,
    pub(super) wake: Notify,
}

/// States, and where it stands in the rings of records.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    slots: Vec<Slot>,
    pub(super) interest: Interest,
    /// Number of the newest record that it heard, or that was none of its own.
    pub(super) heard: u64,
}

#[derive(Debug)]
struct Slot {
    topic: Topic,
    /// The listener needs the whole state: it is new, or it missed something.
    is_stale: bool,
    waiting: VecDeque<Utf8Bytes>,
}

/// What a listener has to send next of its states.
#[derive(Debug)]
pub(super) enum State {
    Message(Utf8Bytes),
    WholeOf(Topic),
}

impl Mailbox {
    /// Puts a state's message in. Answers how many were skipped for it.
    pub(super) fn put(&self, topic: &Topic, message: &Utf8Bytes) -> u64 {
        let mut waiting = lock(&self.waiting);
        let Some(slot) = waiting.slots.iter_mut().find(|slot| slot.topic == *topic) else { return 0 };
        if slot.is_stale {
            // The whole state will be sent, with this in it.
            return 0;
        }
        let mut skipped = 0;
        if slot.waiting.len() >= WAITING_MAX {
            skipped = slot.waiting.len() as u64 + 1;
            slot.waiting = VecDeque::new();
            slot.is_stale = true;
        } else {
            slot.waiting.push_back(message.clone());
        }
        drop(waiting);
        self.wake.notify_one();
        skipped
    }

    /// The next state to send.
    pub(super) fn take(&self) -> Option<State> {
        let mut waiting = lock(&self.waiting);
        for slot in &mut waiting.slots {
            if std::mem::take(&mut slot.is_stale) {
                slot.waiting.clear();
                return Some(State::WholeOf(slot.topic.clone()));
            }
            if let Some(message) = slot.waiting.pop_front() {
                if slot.waiting.is_empty() {
                    // Thousands of listeners are idle most of the time.
                    slot.waiting = VecDeque::new();
                }
                return Some(State::Message(message));
            }
        }
        None
    }

    /// Wakes the listener when one of these records, the newest there are, is for it.
    pub(super) fn offer(&self, records: &[Arc<Entry>], before: u64, newest: u64) {
        let mut waiting = lock(&self.waiting);
        if records.iter().any(|entry| waiting.interest.wants(entry)) {
            drop(waiting);
            self.wake.notify_one();
        } else if waiting.heard >= before {
            // So that a ring full of what others hear does not pass for something missed.
            waiting.heard = waiting.heard.max(newest);
        }
    }
}

/// One listener's place; leaving all its rooms when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) push: Push,
    id: u64,
    pub(super) mailbox: Arc<Mailbox>,
}

impl Seat {
    pub(super) fn new(push: Push, id: u64) -> Self {
        Self { push, id, mailbox: Arc::default() }
    }

    /// Makes these what the listener is told; each state begins whole. Records go on where they were.
    pub(super) fn listen(&self, topics: &[Topic], interest: Interest) {
        let inner = &self.push.0;
        let mut places = lock(&inner.places);
        let mut waiting = lock(&self.mailbox.waiting);
        for slot in waiting.slots.drain(..).filter(|slot| !topics.contains(&slot.topic)) {
            leave(&mut places.topics, &slot.topic, self.id);
        }
        for topic in topics {
            places.topics.entry(topic.clone()).or_default().insert(self.id, Arc::clone(&self.mailbox));
        }
        let slot = |topic: &Topic| Slot { topic: topic.clone(), is_stale: true, waiting: VecDeque::new() };
        waiting.slots = topics.iter().map(slot).collect();
        if interest.is_empty() {
            places.followers.remove(&self.id);
        } else {
            places.followers.insert(self.id, Arc::clone(&self.mailbox));
        }
        let is_new = waiting.interest.is_empty();
        waiting.interest = interest;
        if is_new {
            // What happened before is asked for, not pushed.
            waiting.heard = inner.newest_record();
        }
        drop(waiting);
        self.push.count(&places);
        drop(places);
        self.mailbox.wake.notify_one();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut places = lock(&self.push.0.places);
        for slot in lock(&self.mailbox.waiting).slots.drain(..) {
            leave(&mut places.topics, &slot.topic, self.id);
        }
        places.followers.remove(&self.id);
        self.push.count(&places);
        self.push.0.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Mailboxes by the number of their listener.
pub(super) type Listeners = HashMap<u64, Arc<Mailbox>>;

fn leave(topics: &mut HashMap<Topic, Listeners>, topic: &Topic, id: u64) {
    if let Some(listeners) = topics.get_mut(topic) {
        listeners.remove(&id);
        if listeners.is_empty() {
            topics.remove(topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::View,
        push::{
            ring::{Kind, tests::entry},
            room::Room,
        },
    };

    const OVERVIEW: Topic = Topic::Overview(View::Whole);

    fn mailbox(topics: &[Topic]) -> Mailbox {
        let slot = |topic: &Topic| Slot { topic: topic.clone(), is_stale: false, waiting: VecDeque::new() };
        let waiting = Waiting { slots: topics.iter().map(slot).collect(), ..Waiting::default() };
        Mailbox { waiting: Mutex::new(waiting), wake: Notify::new() }
    }

    fn texts(mailbox: &Mailbox) -> Vec<String> {
        std::iter::from_fn(|| mailbox.take())
            .map(|due| match due {
                State::Message(text) => text.to_string(),
                State::WholeOf(topic) => format!("all of {topic:?}"),
            })
            .collect()
    }

    #[test]
    fn a_listener_that_keeps_up_gets_every_message() {
        let mailbox = mailbox(&[OVERVIEW]);
        for text in ["1", "2"] {
            assert_eq!(mailbox.put(&OVERVIEW, &Utf8Bytes::from_static(text)), 0);
        }
        assert_eq!(texts(&mailbox), ["1", "2"]);
    }

    #[test]
    fn a_slow_listener_skips_to_the_newest_state_and_the_skipped_are_counted() {
        let mailbox = mailbox(&[OVERVIEW, Topic::Resource(1)]);
        let message = Utf8Bytes::from_static("old");
        let skipped: u64 = (0..WAITING_MAX + 10).map(|_| mailbox.put(&OVERVIEW, &message)).sum();
        assert_eq!(skipped, WAITING_MAX as u64 + 1, "those that waited, and the one that found no room");
        mailbox.put(&Topic::Resource(1), &Utf8Bytes::from_static("frame"));
        assert_eq!(texts(&mailbox), ["all of Overview(Whole)", "frame"]);
        mailbox.put(&OVERVIEW, &Utf8Bytes::from_static("new"));
        assert_eq!(texts(&mailbox), ["new"]);
    }

    #[test]
    fn a_message_of_another_topic_or_another_view_is_not_put_in() {
        let mailbox = mailbox(&[Topic::Resource(1), OVERVIEW]);
        mailbox.put(&Topic::Resource(2), &Utf8Bytes::from_static("x"));
        mailbox.put(&Topic::Overview(View::Tenant("acme".into())), &Utf8Bytes::from_static("x"));
        assert_eq!(texts(&mailbox), Vec::<String>::new());
    }

    #[test]
    fn what_others_hear_does_not_pass_for_something_missed() {
        let mailbox = mailbox(&[]);
        lock(&mailbox.waiting).interest = Interest { rooms: vec![(Room::Logs, View::Whole)], event_types: Vec::new() };
        lock(&mailbox.waiting).heard = 5;
        mailbox.offer(&[Arc::new(entry(Kind::Event, "A", None))], 5, 6);
        assert_eq!(lock(&mailbox.waiting).heard, 6);
        mailbox.offer(&[Arc::new(entry(Kind::Log, "", None))], 6, 7);
        assert_eq!(lock(&mailbox.waiting).heard, 6, "it has yet to be told");
        mailbox.offer(&[Arc::new(entry(Kind::Event, "A", None))], 7, 8);
        assert_eq!(lock(&mailbox.waiting).heard, 6);
    }
}
