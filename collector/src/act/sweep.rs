//! Finding keys by a pattern, and deleting them, so that Redis answers everybody else meanwhile.
//!
//! `SCAN` in pages and one command a key in groups: no command takes Redis longer than a page of keys does. A group's keys are
//! kept for undoing in the same breath in which they are deleted.
//!
//! Bounded: keys and time of a count and of a deletion, keys and bytes of a group.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use redis::{Pipeline, RedisResult, Value as Answer, cmd};
use tokio::{task::yield_now, time::Instant};

use super::{
    ActError, JobState,
    job::Handle,
    key, queue,
    undo::{Entry, KEY_BYTES_MAX, Keeping},
};
use crate::redis_link::{Link, Node, error};

/// Keys that Redis looks at in one step of `SCAN`: a fraction of a millisecond.
const PAGE: usize = 500;

/// Most keys in one group of commands.
const GROUP_KEYS_MAX: usize = 100;

/// Most bytes of kept keys in one group: they travel to the collector.
const GROUP_BYTES_MAX: usize = 1 << 20;

/// Most keys that a count counts.
pub(super) const COUNTED_MAX: u64 = 100_000;

/// How long a count may take.
const COUNT_WITHIN: Duration = Duration::from_secs(5);

/// Examples that a count shows.
const EXAMPLES: usize = 3;

/// Keys whose size is asked for to estimate that of all: so many of a page, and in all.
const SAMPLED: (usize, usize) = (4, 200);

/// How far a deletion by pattern may go in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most keys.
    pub keys_max: u64,
    /// Longest time.
    pub within: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { keys_max: 1_000_000, within: Duration::from_secs(60) }
    }
}

/// What to look for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) pattern: Vec<u8>,
    /// Whether keys of task queues count too.
    pub(super) include_queues: bool,
}

/// What a count found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) count: u64,
    pub(super) is_cut: bool,
    pub(super) examples: Vec<String>,
    /// Keys of task queues that match but would be left alone.
    pub(super) left_alone: u64,
    pub(super) bytes_estimate: Option<u64>,
    pub(super) took_ms: u64,
}

impl Wanted {
    /// Whether a key that matches is to be left alone.
    fn spares(&self, key: &[u8]) -> bool {
        !self.include_queues && queue::is_queue(key)
    }
}

/// One page of `SCAN`. It may be empty, and may repeat keys; only cursor 0 is the end.
async fn page(node: &Node, cursor: u64, wanted: &Wanted) -> Result<(u64, Vec<Vec<u8>>), ActError> {
    let command = cmd("SCAN").arg(cursor).arg("MATCH").arg(&wanted.pattern).arg("COUNT").arg(PAGE).to_owned();
    Ok(node.run(&command).await?)
}

/// Runs a group of commands; each has its own answer.
async fn group(node: &Node, pipeline: &Pipeline, what: &str) -> Result<Vec<RedisResult<Answer>>, ActError> {
    Ok(node.ask_all(pipeline).await.map_err(|error| error::told(&error, what))?)
}

fn pipeline() -> Pipeline {
    let mut pipeline = Pipeline::new();
    pipeline.ignore_errors();
    pipeline
}

/// Counts keys that match.
pub(super) async fn count(link: &Link, wanted: &Wanted) -> Result<Counted, ActError> {
    let (start, mut told) = (Instant::now(), Counted::default());
    let (mut sampled, mut bytes) = (0_u64, 0_u64);
    // Of each key only a number: Redis may name a key twice.
    let (hasher, mut seen) = (RandomState::new(), HashSet::new());
    let mut nodes = link.nodes().peekable();
    'nodes: while let Some(node) = nodes.next() {
        let mut cursor = 0;
        loop {
            let (next, mut keys) = page(node, cursor, wanted).await?;
            keys.retain(|key| seen.insert(hasher.hash_one(key)));
            let found = keys.len();
            keys.retain(|key| !wanted.spares(key));
            told.left_alone += u64::try_from(found - keys.len()).unwrap_or(0);
            told.count += u64::try_from(keys.len()).unwrap_or(0);
            let wanted_examples = EXAMPLES.saturating_sub(told.examples.len());
            told.examples.extend(keys.iter().take(wanted_examples).map(|key| key::escape(key)));
            if usize::try_from(sampled).is_ok_and(|sampled| sampled < SAMPLED.1) {
                keys.truncate(SAMPLED.0);
                for memory in sizes(node, &keys).await?.into_iter().flatten() {
                    sampled += 1;
                    bytes = bytes.saturating_add(memory);
                }
            }
            cursor = next;
            if told.count >= COUNTED_MAX || start.elapsed() >= COUNT_WITHIN {
                // Of a Cluster, the end of one node is not the end.
                told.is_cut = cursor != 0 || nodes.peek().is_some();
                break 'nodes;
            }
            if cursor == 0 {
                break;
            }
            yield_now().await;
        }
    }
    told.bytes_estimate = bytes.checked_div(sampled).map(|mean| mean.saturating_mul(told.count));
    told.took_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(told)
}

/// How many bytes each key takes; `None` when it is gone or Redis does not say.
async fn sizes(node: &Node, keys: &[Vec<u8>]) -> Result<Vec<Option<u64>>, ActError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut asked = pipeline();
    for key in keys {
        asked.add_command(cmd("MEMORY").arg("USAGE").arg(key).arg("SAMPLES").arg(5).to_owned());
    }
    let answers = group(node, &asked, "MEMORY USAGE").await?;
    let size = |answer: RedisResult<Answer>| match answer {
        Ok(Answer::Int(bytes)) => u64::try_from(bytes).ok(),
        _ => None,
    };
    Ok(answers.into_iter().map(size).collect())
}

/// Deletes keys and keeps what it may for undoing.
#[derive(Debug)]
pub(super) struct Deleting {
    /// `UNLINK`, or `DEL` where there is none.
    command: &'static str,
    pub(super) keeping: Keeping,
}

impl Deleting {
    pub(super) fn new(keeping: Keeping) -> Self {
        Self { command: "UNLINK", keeping }
    }

    /// Deletes keys of one node; at most [`GROUP_KEYS_MAX`] are worth giving. Answers how many there were.
    pub(super) async fn delete(&mut self, node: &Node, keys: &[Vec<u8>], now_ms: i64) -> Result<u64, ActError> {
        let sizes = if self.keeping.room() > 0 { sizes(node, keys).await? } else { vec![None; keys.len()] };
        let (mut deleted, mut from, mut bytes) = (0, 0, 0);
        let mut plan: Vec<bool> = Vec::with_capacity(keys.len());
        for (at, (key, size)) in keys.iter().zip(sizes).enumerate() {
            let size = size.filter(|size| *size <= KEY_BYTES_MAX).and_then(|size| usize::try_from(size).ok());
            let cost = size.map(|size| Keeping::cost(key.len(), size));
            if bytes + cost.unwrap_or(0) > GROUP_BYTES_MAX {
                deleted += self.delete_group(node, keys.get(from..at).unwrap_or_default(), &plan, now_ms).await?;
                (from, bytes) = (at, 0);
                plan.clear();
            }
            let is_kept = cost.is_some_and(|cost| bytes + cost <= self.keeping.room());
            bytes += if is_kept { cost.unwrap_or(0) } else { 0 };
            plan.push(is_kept);
        }
        Ok(deleted + self.delete_group(node, keys.get(from..).unwrap_or_default(), &plan, now_ms).await?)
    }

    async fn delete_group(&mut self, node: &Node, keys: &[Vec<u8>], plan: &[bool], now_ms: i64) -> Result<u64, ActError> {
        if keys.is_empty() {
            return Ok(0);
        }
        let mut asked = pipeline();
        for (key, is_kept) in keys.iter().zip(plan) {
            if *is_kept {
                asked.add_command(cmd("DUMP").arg(key).to_owned());
                asked.add_command(cmd("PTTL").arg(key).to_owned());
            }
            asked.add_command(cmd(self.command).arg(key).to_owned());
        }
        let mut answers = group(node, &asked, self.command).await?.into_iter();
        let mut deleted = 0;
        let mut refused: Option<redis::RedisError> = None;
        for (key, is_kept) in keys.iter().zip(plan) {
            let kept = if *is_kept { self.entry(key, answers.next(), answers.next(), now_ms) } else { None };
            match answers.next() {
                Some(Ok(Answer::Int(1..))) => {
                    deleted += 1;
                    if let Some(entry) = kept {
                        self.keeping.push(entry);
                    }
                }
                Some(Err(error)) => refused = Some(error),
                _ => {}
            }
        }
        match refused {
            None => Ok(deleted),
            // Before Redis 4, and where only DEL is allowed.
            Some(error) if self.command == "UNLINK" && error::is_not_offered(&error) => {
                self.command = "DEL";
                Ok(deleted + Box::pin(self.delete_group(node, keys, plan, now_ms)).await?)
            }
            Some(error) => Err(error::told(&error, self.command).into()),
        }
    }

    /// What is kept of a key.
    fn entry(
        &mut self,
        key: &[u8],
        dump: Option<RedisResult<Answer>>,
        ttl: Option<RedisResult<Answer>>,
        now_ms: i64,
    ) -> Option<Entry> {
        let dump = match dump? {
            Ok(Answer::BulkString(dump)) => dump,
            Ok(_) => return None,
            Err(_) => {
                self.keeping.close();
                return None;
            }
        };
        let expires_ms = match ttl? {
            Ok(Answer::Int(-1)) => None,
            Ok(Answer::Int(ttl @ 0..)) => Some(now_ms.saturating_add(ttl)),
            // A key whose end is not known must not come back for ever.
            Ok(_) | Err(_) => return None,
        };
        Some(Entry { key: key.to_vec(), dump, expires_ms })
    }
}

/// Deletes all keys that match, telling how far it is, until it is told to stop or comes to its bounds.
pub(super) async fn delete(
    link: &Link,
    wanted: &Wanted,
    bounds: Bounds,
    deleting: &mut Deleting,
    job: &Handle,
    now_ms: impl Fn() -> i64,
) -> Result<JobState, ActError> {
    let (start, mut deleted) = (Instant::now(), 0_u64);
    for node in link.nodes() {
        let mut cursor = 0;
        loop {
            let (next, mut keys) = page(node, cursor, wanted).await?;
            let found = keys.len();
            keys.retain(|key| !wanted.spares(key));
            let spared = u64::try_from(found - keys.len()).unwrap_or(0);
            job.progress.send_modify(|progress| progress.left_alone += spared);
            for keys in keys.chunks(GROUP_KEYS_MAX) {
                if job.is_cancelled() {
                    return Ok(JobState::Cancelled);
                }
                if deleted >= bounds.keys_max || start.elapsed() >= bounds.within {
                    return Ok(JobState::Partial);
                }
                let gone = deleting.delete(node, keys, now_ms()).await?;
                deleted += gone;
                job.progress.send_modify(|progress| {
                    progress.scanned += u64::try_from(keys.len()).unwrap_or(0);
                    progress.deleted = deleted;
                    progress.kept = deleting.keeping.kept();
                });
                yield_now().await;
            }
            if job.is_cancelled() {
                return Ok(JobState::Cancelled);
            }
            if start.elapsed() >= bounds.within {
                return Ok(JobState::Partial);
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
            yield_now().await;
        }
    }
    Ok(JobState::Done)
}
