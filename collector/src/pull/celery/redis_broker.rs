//! Redis as the broker: lengths of its lists, and the channel of events.

use std::{collections::BTreeSet, time::Duration};

use futures_util::StreamExt as _;
use redis::{Pipeline, aio::PubSub};
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::{
    channels::{Channel, Names, escaped},
    event,
    inbox::Inbox,
    queues::{QUEUES_MAX, Queue, Waiting, crowded, is_internal},
};
use crate::{
    pull::PollError,
    redis_link::{Link, Node, Target, error::told},
};

/// How often queues are looked for again.
const SEARCH_EVERY: Duration = Duration::from_secs(300);

/// How many pages of keys are looked through in one poll: a page is 1,000 keys and costs the server a third of a millisecond.
const PAGES_PER_POLL: usize = 10;

/// Most queues that are remembered: more than are asked for, so that it can be told how many are not.
const FOUND_MAX: usize = 2_000;

/// Bindings of one exchange that are read.
const BINDINGS_MAX: usize = 1_000;

/// How long the channel may be silent until the server is asked whether it is still there.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// How long the server may take to answer that.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How long a message may have been held by a worker until it counts as stuck, in seconds: Celery's `visibility_timeout`.
const HELD_S_MAX: i64 = 3_600;

/// Longest message in a list that is read to see which task it is, by its bytes.
const HEAD_BYTES_MAX: usize = 1 << 20;

/// The broker as it is asked at each poll.
#[derive(Debug)]
pub(super) struct RedisBroker {
    target: Target,
    names: Names,
    link: Option<Link>,
    within: Duration,
    /// Found by the last whole search.
    found: BTreeSet<String>,
    /// Found so far by the search under way. One whose binding is gone is not looked for for ever.
    finding: BTreeSet<String>,
    /// Where the search for bindings stands; `None` when it is over.
    cursor: Option<u64>,
    searched: Option<Instant>,
}

impl RedisBroker {
    pub(super) fn new(target: Target, names: Names, within: Duration) -> Self {
        Self { target, names, link: None, within, found: BTreeSet::new(), finding: BTreeSet::new(), cursor: None, searched: None }
    }

    /// The connection, made anew when it broke.
    pub(super) async fn node(&mut self) -> Result<Node, PollError> {
        if self.link.as_ref().is_none_or(Link::is_broken) {
            self.link = None;
            self.link = Some(self.target.connect(self.within).await?);
        }
        let link = self.link.as_ref().expect("it was just made when there was none");
        Ok(link.first().clone())
    }

    /// Asks how many tasks wait. `named` are the queues to ask for; with none, those that are found.
    pub(super) async fn ask(
        &mut self,
        named: &[String],
        told_of: &BTreeSet<String>,
        now_ms: i64,
        reads_heads: bool,
    ) -> Result<Waiting, PollError> {
        let node = self.node().await?;
        let mut waiting = Waiting::default();
        let queues: Vec<String> = if named.is_empty() {
            if let Err(error) = self.search(&node).await {
                waiting.notes.push(format!("queues cannot be looked for ({}): name them as queues = [...]", error.message));
            }
            let mut names = self.names_of_queues(told_of);
            waiting.notes.extend(crowded(names.len().saturating_sub(QUEUES_MAX)));
            names.truncate(QUEUES_MAX);
            names
        } else {
            named.to_vec()
        };
        let mut asked = Pipeline::new();
        for queue in &queues {
            for (_, list) in self.names.lists(queue) {
                asked.cmd("LLEN").arg(list);
            }
        }
        asked.cmd("HLEN").arg(self.names.key("unacked"));
        let long_ago = now_ms / 1_000 - HELD_S_MAX;
        asked.cmd("ZCOUNT").arg(self.names.key("unacked_index")).arg("-inf").arg(long_ago);
        let lengths: Vec<u64> = node.ask_all(&asked).await.map_err(|error| told(&error, "LLEN"))?;
        let (of_lists, of_held) = lengths.split_at(lengths.len().saturating_sub(2));
        for (queue, lengths) in queues.into_iter().zip(of_lists.chunks(self.names.steps.len().max(1))) {
            let by_priority = self.names.steps.iter().map(|step| Some(*step)).zip(lengths.iter().copied()).collect();
            waiting.queues.push(Queue { name: queue, by_priority, oldest: None });
        }
        waiting.reserved = of_held.first().copied();
        waiting.stuck = of_held.get(1).copied();
        if reads_heads {
            self.read_heads(&node, &mut waiting).await;
        }
        Ok(waiting)
    }

    fn names_of_queues(&self, told_of: &BTreeSet<String>) -> Vec<String> {
        let known = self.found.iter().chain(&self.finding).chain(told_of);
        let mut all: BTreeSet<&String> = known.filter(|name| !is_internal(name)).collect();
        let usual = "celery".to_owned();
        if all.is_empty() {
            all.insert(&usual);
        }
        all.into_iter().cloned().collect()
    }

    /// Looks for queues where kombu writes them down, a few pages of keys at a time.
    async fn search(&mut self, node: &Node) -> Result<(), PollError> {
        if self.cursor.is_none() && self.searched.is_none_or(|at| at.elapsed() >= SEARCH_EVERY) {
            self.searched = Some(Instant::now());
            self.cursor = Some(0);
            // The usual one without a search through all keys.
            self.read_bindings(node, &self.names.key("_kombu.binding.celery")).await?;
        }
        let pattern = format!("{}_kombu.binding*", escaped(&self.names.prefix));
        for _ in 0..PAGES_PER_POLL {
            let Some(cursor) = self.cursor else { break };
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(1_000);
            let (next, keys): (u64, Vec<Vec<u8>>) = node.run(&scan).await?;
            for key in keys.iter().filter_map(|key| std::str::from_utf8(key).ok()) {
                let is_internal = key.ends_with("pidbox") || key.contains("celeryev") || key.ends_with("_deadlines");
                if !is_internal {
                    self.read_bindings(node, key).await?;
                }
            }
            self.cursor = (next != 0).then_some(next);
            if self.cursor.is_none() {
                self.found = std::mem::take(&mut self.finding);
            }
        }
        Ok(())
    }

    async fn read_bindings(&mut self, node: &Node, key: &str) -> Result<(), PollError> {
        let mut cursor = 0_u64;
        for _ in 0..BINDINGS_MAX / 100 {
            let mut scan = redis::cmd("SSCAN");
            scan.arg(key).arg(cursor).arg("COUNT").arg(100);
            let (next, members): (u64, Vec<Vec<u8>>) = node.run(&scan).await?;
            for member in members.iter().filter_map(|member| std::str::from_utf8(member).ok()) {
                if let Some(queue) = self.names.bound(member)
                    && self.finding.len() < FOUND_MAX
                    && queue.len() <= 255
                    && !is_internal(queue)
                {
                    self.finding.insert(queue.to_owned());
                }
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Reads the id of the oldest task of each queue. What else the message holds is dropped unread.
    async fn read_heads(&self, node: &Node, waiting: &mut Waiting) {
        #[derive(Deserialize)]
        struct Message {
            headers: Headers,
        }
        #[derive(Deserialize)]
        struct Headers {
            id: String,
        }
        for queue in &mut waiting.queues {
            let lists = self.names.lists(&queue.name);
            let mut filled = lists.iter().zip(&queue.by_priority).filter(|(_, (_, length))| *length > 0);
            // Of the least urgent list: what waits there waits longest.
            let Some(((_, list), _)) = filled.next_back() else { continue };
            let mut range = redis::cmd("LRANGE");
            range.arg(list).arg(-1).arg(-1);
            let Ok(head) = node.run::<Vec<Vec<u8>>>(&range).await else { return };
            let head = head.first().filter(|head| head.len() <= HEAD_BYTES_MAX);
            queue.oldest = head.and_then(|head| serde_json::from_slice::<Message>(head).ok()).map(|message| message.headers.id);
        }
    }
}

/// Listens to the channels until the connection ends; returns why.
pub(super) async fn listen(target: &Target, names: &Names, within: Duration, inbox: &Inbox) -> PollError {
    match subscribe(target, names, within).await {
        Ok(subscribed) => {
            inbox.hears();
            hear(subscribed, inbox).await
        }
        Err(error) => error,
    }
}

async fn subscribe(target: &Target, names: &Names, within: Duration) -> Result<PubSub, PollError> {
    let mut connection = target.subscriber(within).await?;
    let mut refused = None;
    let mut is_any = false;
    for channel in names.channels() {
        let subscribing = async {
            match &channel {
                Channel::Exact(name) => connection.subscribe(name).await,
                Channel::Below(_) => connection.psubscribe(channel.pattern()).await,
            }
        };
        match timeout(within, subscribing).await {
            Ok(Ok(())) => is_any = true,
            Ok(Err(error)) if error.code() == Some("NOPERM") => {
                // Of the variants a careful administrator allows the one in use.
                refused.get_or_insert_with(|| {
                    PollError::auth(format!(
                        "the user may not listen to {}: add &{} to its ACL",
                        channel.pattern(),
                        channel.pattern()
                    ))
                });
            }
            Ok(Err(error)) => return Err(told(&error, "PSUBSCRIBE")),
            Err(_) => return Err(PollError::unreachable("no answer to PSUBSCRIBE in time")),
        }
    }
    match refused {
        Some(refused) if !is_any => Err(refused),
        _ => Ok(connection),
    }
}

async fn hear(connection: PubSub, inbox: &Inbox) -> PollError {
    let (mut sink, mut messages) = connection.split();
    loop {
        match timeout(SILENCE_MAX, messages.next()).await {
            Ok(Some(message)) => inbox.put(event::from_redis(message.get_payload_bytes())),
            Ok(None) => return PollError::unreachable("the connection that hears events ended"),
            // Without workers it is silent; so it is when the other side is gone without a word.
            Err(_) => {
                let asked: Result<redis::RedisResult<redis::Value>, _> = timeout(ANSWER_WITHIN, sink.ping()).await;
                match asked {
                    Ok(Err(error)) if error.is_io_error() || error.is_unrecoverable_error() => return told(&error, "PING"),
                    Err(_) => return PollError::unreachable("the connection that hears events is dead"),
                    Ok(_) => {}
                }
            }
        }
    }
}
