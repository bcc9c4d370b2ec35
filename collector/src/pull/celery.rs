//! Celery: queues, workers and tasks, through its broker (Redis or RabbitMQ), without Python.
//!
//! In: lengths of queues, asked at each poll, and the stream of events that workers send, read by a task of its own. Out: metrics
//! and the snapshot `celery`.
//!
//! Invariants: nothing is written to the broker unless `ask_workers` is set; arguments, results and tracebacks of tasks are
//! dropped while decoding; an event is counted once. Bounded: events between two polls, workers, names, tasks under way.

use std::time::Duration;

use tokio::time::Instant;

mod amqp;
mod channels;
mod config;
mod control;
mod event;
mod exception;
mod feed;
mod inbox;
mod known;
mod queues;
mod redis_broker;
mod report;
pub mod snapshot;
mod state;
mod window;
mod worker;

use self::{
    amqp::broker::AmqpBroker,
    config::{Checked, Place},
    control::Control,
    feed::Feed,
    inbox::{Hearing, Inbox},
    queues::Waiting,
    redis_broker::RedisBroker,
    report::{Material, Missed},
    state::State,
    window::Window,
};
use super::{At, Given, Group, Integration, Kind, PollError, Polling, Reading};
use crate::redis_link;

/// How long the first poll waits to hear that events are heard.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// How often the oldest task of each queue is looked at.
const HEADS_EVERY: Duration = Duration::from_secs(10);

/// Celery.
pub const KIND: Kind = Kind {
    name: "celery",
    title: "Celery",
    group: Group::Queues,
    interval: Duration::from_secs(1),
    floor: Duration::from_secs(1),
    timeout: Duration::from_secs(10),
    secrets: redis_link::config::SECRETS,
    options: config::OPTIONS,
    snippet: "[[celery]]\nurl = \"redis://127.0.0.1:6379/0\"   # the broker's; or amqp://farol@127.0.0.1:5672//\n\
              # password_file = \"/etc/farol/broker-password\"\n",
    open: |given| Ok(Box::new(Celery::new(given)?)),
};

/// One application's broker.
#[derive(Debug)]
struct Celery {
    config: Checked,
    broker: Broker,
    within: Duration,
    inbox: Inbox,
    /// Runs from the first poll on.
    feed: Option<Feed>,
    /// Asks the workers, where that is wanted.
    control: Option<Control>,
    state: State,
    heads_read: Option<Instant>,
    first_ms: Option<i64>,
    deaf: Window<u64>,
    lost: Window<u64>,
    unread: Window<u64>,
    foreign: Window<u64>,
    lost_ever: u64,
}

/// What is asked for lengths.
#[derive(Debug)]
enum Broker {
    Redis(Box<RedisBroker>),
    Amqp(Box<AmqpBroker>),
}

impl Celery {
    fn new(given: Given) -> Result<Self, String> {
        // A poll asks one thing after the other: each may take a part of the whole.
        let within = given.timeout / 3;
        let config = config::read(given)?;
        let broker = match &config.broker {
            Place::Redis(target, names) => Broker::Redis(Box::new(RedisBroker::new((**target).clone(), names.clone(), within))),
            Place::Amqp(target, _, management) => {
                Broker::Amqp(Box::new(AmqpBroker::new((**target).clone(), management.clone(), within)))
            }
        };
        Ok(Self {
            config,
            broker,
            within,
            inbox: Inbox::default(),
            feed: None,
            control: None,
            state: State::default(),
            heads_read: None,
            first_ms: None,
            deaf: Window::default(),
            lost: Window::default(),
            unread: Window::default(),
            foreign: Window::default(),
            lost_ever: 0,
        })
    }

    async fn ask(&mut self, now_ms: i64) -> Result<Waiting, PollError> {
        let named = &self.config.queues;
        match &mut self.broker {
            Broker::Redis(broker) => {
                let is_due = self.heads_read.is_none_or(|at| at.elapsed() >= HEADS_EVERY);
                let reads_heads = is_due && self.state.is_told_of_sending;
                if reads_heads {
                    self.heads_read = Some(Instant::now());
                }
                broker.ask(named, &self.state.queues, now_ms, reads_heads).await
            }
            Broker::Amqp(broker) => broker.ask(named).await,
        }
    }

    /// Takes what was heard since the last poll. Returns since when events are heard, in ms since the epoch, or why not.
    fn hear(&mut self, now_ms: i64) -> Result<i64, Option<PollError>> {
        let (events, news) = self.inbox.take();
        let ago = |age: Duration| now_ms - i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        self.state.take(events.into_iter().map(|(age, event)| (ago(age), event)).collect());
        self.state.tidy(now_ms);
        *self.deaf.at(now_ms) += u64::try_from(news.deaf.as_millis()).unwrap_or(u64::MAX);
        *self.lost.at(now_ms) += news.lost;
        *self.unread.at(now_ms) += news.malformed;
        *self.foreign.at(now_ms) += news.not_json;
        self.lost_ever += news.lost;
        match self.inbox.hearing() {
            Hearing::Yes(since) => {
                let since_ms = ago(since.elapsed());
                self.first_ms.get_or_insert(since_ms);
                Ok(since_ms)
            }
            Hearing::No(why) => Err(Some(why)),
            Hearing::Begun => Err(None),
        }
    }

    async fn poll_once(&mut self, at: At) -> Result<Reading, PollError> {
        let is_first = self.feed.is_none();
        let (config, inbox, within) = (&self.config, &self.inbox, self.within);
        self.feed.get_or_insert_with(|| Feed::start(config.broker.clone(), inbox.clone(), within));
        if is_first
            && config.asks_workers
            && let Place::Redis(target, names) = &config.broker
        {
            self.control = Some(Control::start((**target).clone(), names.clone(), within));
        }
        let asked = self.ask(at.now_ms).await;
        // Lengths from the management API say nothing of the broker itself.
        let is_beside = matches!(&self.config.broker, Place::Amqp(_, _, Some(_)));
        if is_first && (asked.is_ok() || is_beside) {
            self.inbox.known_within(FIRST_WAIT).await;
        }
        let heard = self.hear(at.now_ms);
        let mut reading = Reading::default();
        let mut notes = Vec::new();
        let mut waiting = match (asked, &heard) {
            (Ok(waiting), _) => Some(waiting),
            // Where events arrive, the broker is there.
            (Err(error), Ok(_)) if is_beside || error.code != super::Code::Unreachable => {
                reading.missing("queues", error);
                None
            }
            (Err(error), _) => return Err(error),
        };
        let listening_ms = match heard {
            Ok(since_ms) => Some(since_ms),
            Err(why) => {
                let why = why.unwrap_or_else(|| PollError::pending("the stream of events is being opened"));
                if why.code == super::Code::Pending {
                    notes.push(why.message);
                } else {
                    reading.missing("events", why);
                }
                None
            }
        };
        if let Some(waiting) = &mut waiting {
            notes.append(&mut waiting.notes);
        }
        if let (Some(control), Some(waiting)) = (&self.control, &mut waiting) {
            let said = control.said();
            waiting.reserved = said.reserved.or(waiting.reserved);
            waiting.scheduled = said.scheduled;
            if let Some(trouble) = said.trouble {
                reading.missing("workers", trouble);
            }
        }
        self.report(&mut reading, waiting.as_ref(), listening_ms, notes, at.now_ms);
        Ok(reading)
    }

    fn report(
        &self,
        reading: &mut Reading,
        waiting: Option<&Waiting>,
        listening_ms: Option<i64>,
        notes: Vec<String>,
        now_ms: i64,
    ) {
        let material = Material {
            broker: self.target(),
            state: &self.state,
            waiting,
            listening_ms,
            first_ms: self.first_ms,
            offline_ms: self.config.offline_ms,
            shows_messages: self.config.shows_messages,
            missed: Missed {
                deaf_ms: self.deaf.hour(now_ms),
                lost: self.lost.hour(now_ms),
                lost_ever: self.lost_ever,
                not_json: self.foreign.hour(now_ms),
                malformed: self.unread.hour(now_ms),
            },
            notes,
            now_ms,
        };
        report::fill(&material, reading);
        if let Some(waiting) = waiting {
            let of =
                |queue: &queues::Queue| format!("{} ({})", queue.name, queue.length().map_or("?".to_owned(), |n| n.to_string()));
            let queues: Vec<String> = waiting.queues.iter().take(10).map(of).collect();
            reading.say(format!("{}: tasks waiting in {}", material.broker, queues.join(", ")));
        }
        if listening_ms.is_some() {
            reading.say(format!("listening to events; {} workers heard so far", self.state.workers.len()));
        }
    }
}

impl Integration for Celery {
    fn poll<'a>(&'a mut self, at: &'a At) -> Polling<'a> {
        Box::pin(self.poll_once(*at))
    }

    fn target(&self) -> String {
        match &self.config.broker {
            Place::Redis(target, _) => format!("redis {}", target.describe()),
            Place::Amqp(target, ..) => format!("rabbitmq {}", target.describe()),
        }
    }
}
