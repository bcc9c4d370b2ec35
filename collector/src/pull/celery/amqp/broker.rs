//! Lengths of queues on RabbitMQ: by its management API, which lists them all, or one by one for those that are named.

use std::{collections::BTreeMap, time::Duration};

use amqprs::{
    channel::{Channel, QueueDeclareArguments},
    connection::Connection,
};
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::{AmqpTarget, Closed, open_channel};
use crate::pull::{
    Code, PollError,
    celery::{
        config::Management,
        queues::{QUEUES_MAX, Queue, Waiting, crowded, is_internal},
    },
    parse,
};

/// How long a queue that does not exist is left alone: asking for it costs a channel.
const MISSING_FOR: Duration = Duration::from_secs(30);

/// How often the management API is asked: its figures are five seconds old anyway.
const MANAGEMENT_EVERY: Duration = Duration::from_secs(5);

/// How long a refusal stands: what people must change first does not change within a second, and each try is a line in the log of
/// the broker.
const REFUSED_FOR: Duration = Duration::from_secs(30);

/// Queues of one page of the management API, which allows no more.
const PAGE: usize = 500;

/// Most pages that are asked for.
const PAGES_MAX: usize = 10;

/// The queue that Celery uses unless told otherwise.
const USUAL: &str = "celery";

/// The broker as it is asked at each poll.
pub(in crate::pull::celery) struct AmqpBroker {
    target: AmqpTarget,
    management: Option<Management>,
    within: Duration,
    open: Option<(Connection, Channel, Closed)>,
    missing: BTreeMap<String, Instant>,
    /// What the management API said last, and when.
    listed: Option<(Instant, Result<Waiting, PollError>)>,
    /// When the broker last refused to tell a length, and why.
    refused: Option<(Instant, PollError)>,
}

impl std::fmt::Debug for AmqpBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AmqpBroker").field(&self.target).finish()
    }
}

/// What the management API says of a queue.
#[derive(Deserialize)]
struct Listed {
    name: String,
    #[serde(default, deserialize_with = "parse::maybe")]
    messages_ready: Option<f64>,
    #[serde(default, deserialize_with = "parse::maybe")]
    messages_unacknowledged: Option<f64>,
}

/// A page of them.
#[derive(Deserialize)]
struct Page {
    items: Vec<Listed>,
    #[serde(default)]
    filtered_count: usize,
    #[serde(default)]
    page_count: usize,
}

impl AmqpBroker {
    pub(in crate::pull::celery) fn new(target: AmqpTarget, management: Option<Management>, within: Duration) -> Self {
        Self { target, management, within, open: None, missing: BTreeMap::new(), listed: None, refused: None }
    }

    /// Asks how many tasks wait. With no queues named, all that the management API lists, else the usual one.
    pub(in crate::pull::celery) async fn ask(&mut self, named: &[String]) -> Result<Waiting, PollError> {
        if let Some(management) = &self.management {
            if let Some((at, said)) = &self.listed
                && at.elapsed() < stands_for(said)
            {
                return said.clone();
            }
            let asking = timeout(self.within, listed(management, &self.target.vhost, named));
            let said = asking.await.unwrap_or_else(|_| Err(PollError::unreachable("the management API does not answer in time")));
            self.listed = Some((Instant::now(), said.clone()));
            return said;
        }
        if let Some((at, error)) = &self.refused
            && at.elapsed() < REFUSED_FOR
        {
            return Err(error.clone());
        }
        let lengths = self.lengths(named).await;
        let refusal = lengths.as_ref().err().filter(|error| matches!(error.code, Code::Auth | Code::BadAnswer));
        self.refused = refusal.map(|error| (Instant::now(), error.clone()));
        lengths
    }

    /// The queues one by one.
    async fn lengths(&mut self, named: &[String]) -> Result<Waiting, PollError> {
        let usual = [USUAL.to_owned()];
        let named = if named.is_empty() { &usual } else { named };
        let mut waiting = Waiting::default();
        for queue in named {
            if self.missing.get(queue).is_some_and(|at| at.elapsed() < MISSING_FOR) {
                waiting.notes.push(missing(queue));
                continue;
            }
            match self.length(queue).await? {
                Some(length) => {
                    waiting.queues.push(Queue { name: queue.clone(), by_priority: vec![(None, length)], oldest: None })
                }
                None => {
                    self.missing.insert(queue.clone(), Instant::now());
                    waiting.notes.push(missing(queue));
                }
            }
        }
        Ok(waiting)
    }

    /// Tasks that wait in a queue; `None` when there is no such queue.
    async fn length(&mut self, queue: &str) -> Result<Option<u64>, PollError> {
        if self.open.as_ref().is_some_and(|(connection, ..)| !connection.is_open()) {
            self.open = None;
        }
        let (connection, channel, closed) = match self.open.take() {
            None => {
                let connection = self.target.connect(self.within).await?;
                let opening = timeout(self.within, open_channel(&connection)).await;
                let (channel, closed) = opening.map_err(|_| silent())??;
                (connection, channel, closed)
            }
            Some((connection, channel, _)) if !channel.is_open() => {
                let opening = timeout(self.within, open_channel(&connection)).await;
                let (channel, closed) = opening.map_err(|_| silent())??;
                (connection, channel, closed)
            }
            Some(open) => open,
        };
        let asking = channel.queue_declare(QueueDeclareArguments::new(queue).passive(true).finish());
        let answer = timeout(self.within, asking).await.map_err(|_| silent())?;
        let told = match answer {
            Ok(Some((_, ready, _))) => Ok(Some(u64::from(ready))),
            Ok(None) => Err(PollError::bad_answer("RabbitMQ does not tell the length of a queue")),
            Err(_) if closed.why().is_some_and(|(code, _)| code == 404) => Ok(None),
            Err(_) => Err(closed.error(&format!("the queue {queue}"))),
        };
        let is_lost = told.is_err() && closed.why().is_none();
        if !is_lost {
            self.open = Some((connection, channel, closed));
        }
        told
    }
}

fn silent() -> PollError {
    PollError::unreachable("RabbitMQ does not answer in time")
}

fn missing(queue: &str) -> String {
    format!("there is no queue called {queue} in this virtual host yet")
}

/// How long an answer of the management API stands.
fn stands_for(said: &Result<Waiting, PollError>) -> Duration {
    match said {
        Err(error) if matches!(error.code, Code::Auth | Code::BadAnswer) => REFUSED_FOR,
        _ => MANAGEMENT_EVERY,
    }
}

/// All queues, in the form that costs the broker least: without statistics.
async fn listed(management: &Management, vhost: &str, named: &[String]) -> Result<Waiting, PollError> {
    let path = format!("/api/queues/{}", encoded(vhost));
    let mut all = Page { items: Vec::new(), filtered_count: 0, page_count: 0 };
    for number in 1..=PAGES_MAX {
        let (number_text, size) = (number.to_string(), PAGE.to_string());
        let query = [
            ("page", number_text.as_str()),
            ("page_size", &size),
            ("pagination", "true"),
            ("disable_stats", "true"),
            ("enable_queue_totals", "true"),
        ];
        let call = management.http.get(&path).basic(&management.username, &management.password);
        let page: Page = call.query(&query).send().await?.json()?;
        let is_last = number >= page.page_count || page.items.is_empty();
        (all.filtered_count, all.page_count) = (page.filtered_count, page.page_count);
        all.items.extend(page.items);
        if is_last {
            break;
        }
    }
    Ok(waiting(all, named))
}

/// What the queues of tasks hold. Celery 5.5 keeps tasks with a delay in `celery_delayed_0` to `celery_delayed_27`.
fn waiting(page: Page, named: &[String]) -> Waiting {
    let mut waiting = Waiting::default();
    if page.page_count > PAGES_MAX {
        let (all, read) = (page.filtered_count, PAGE * PAGES_MAX);
        waiting.notes.push(format!("of {all} queues in this virtual host the first {read} are counted"));
    }
    let mut too_many = 0;
    for queue in page.items {
        let ready = queue.messages_ready.map(whole);
        if queue.name.starts_with("celery_delayed_") {
            waiting.scheduled = waiting.scheduled.into_iter().chain(ready).reduce(|a, b| a + b);
        } else if is_internal(&queue.name) || !(named.is_empty() || named.contains(&queue.name)) {
            // None of tasks, or none that was asked for.
        } else if waiting.queues.len() >= QUEUES_MAX {
            too_many += 1;
        } else {
            let held = queue.messages_unacknowledged.map(whole);
            waiting.reserved = waiting.reserved.into_iter().chain(held).reduce(|a, b| a + b);
            let by_priority = ready.map(|ready| (None, ready)).into_iter().collect();
            waiting.queues.push(Queue { name: queue.name, by_priority, oldest: None });
        }
    }
    waiting.notes.extend(crowded(too_many));
    let is_there = |name: &String| waiting.queues.iter().any(|queue| queue.name == *name);
    let absent: Vec<String> = named.iter().filter(|name| !is_there(name)).map(|name| missing(name)).collect();
    waiting.notes.extend(absent);
    waiting
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count; what is no count becomes the nearest one")]
fn whole(number: f64) -> u64 {
    number as u64
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delayed_tasks_are_scheduled_and_own_queues_left_out() {
        let page = r#"{"filtered_count":9000,"page_count":18,"items":[{"name":"celery","messages_ready":7,"messages_unacknowledged":2},
            {"name":"mail","messages_ready":"3","messages_unacknowledged":1},{"name":"celery_delayed_27","messages_ready":4},
            {"name":"w1@vm.celery.pidbox","messages_ready":9},{"name":"celeryev.7","messages_ready":9},{"name":"new"}]}"#;
        let told = waiting(serde_json::from_str(page).unwrap(), &[]);
        let lengths: Vec<(&str, Option<u64>)> = told.queues.iter().map(|queue| (queue.name.as_str(), queue.length())).collect();
        assert_eq!(lengths, [("celery", Some(7)), ("mail", Some(3)), ("new", None)]);
        assert_eq!((told.reserved, told.scheduled, told.notes.len()), (Some(3), Some(4), 1));
        let one = waiting(serde_json::from_str(page).unwrap(), &["mail".to_owned()]);
        assert_eq!((one.queues.len(), one.reserved), (1, Some(1)));
        let absent = waiting(serde_json::from_str(page).unwrap(), &["mial".to_owned()]);
        assert!(absent.notes.iter().any(|note| note.contains("no queue called mial")), "{:?}", absent.notes);
    }

    #[test]
    fn queues_beyond_the_bound_are_told() {
        let items = (0..QUEUES_MAX + 3).map(|n| Listed {
            name: format!("q{n}"),
            messages_ready: Some(1.0),
            messages_unacknowledged: None,
        });
        let told = waiting(Page { items: items.collect(), filtered_count: 0, page_count: 1 }, &[]);
        assert_eq!(told.queues.len(), QUEUES_MAX);
        assert!(told.notes[0].starts_with("3 more queues"), "{:?}", told.notes);
    }

    #[test]
    fn a_virtual_host_is_one_segment_of_the_path() {
        assert_eq!(encoded("/"), "%2F");
        assert_eq!(encoded("shop é"), "shop%20%C3%A9");
    }
}
