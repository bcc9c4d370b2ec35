//! The sender: brings what waits in the outbox to its channels.
//!
//! In: rows of the outbox whose time has come. Out: messages, and what became of each, written in one transaction.
//!
//! The steps of one message, and what a process that ends between two of them leaves:
//! 1. The row waits, written together with what it tells of. Nothing was sent.
//! 2. It is read, put in words and sent. The row still waits: the next start sends it again under the same key, which a channel that knows
//!    keys tells once.
//! 3. What the channel answered is written: the row's state, the line of its incident and what is told to another channel instead are one
//!    transaction. Before it, as 2; after it, done.
//!
//! Bounded: a task a channel and only while something waits for it; one message of a channel at a time, at its kind's pace, so that a
//! channel that is down delays no other.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use farol_shared::{clock::Clock, report};
use tokio::{
    task::{Id, JoinHandle, JoinSet},
    time::{Instant, sleep, sleep_until},
};

use super::{channel::Channel, request::Verdict, store::Channels};
use crate::{
    notify::Notice,
    state::{
        State, StateError,
        outbox::{Attempt, Due, End},
    },
};

/// How often the outbox is looked at when nobody says that something was written.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often the outbox is kept within its bounds.
const PRUNE_EVERY: Duration = Duration::from_secs(600);

/// Pauses after the first failures, in seconds; later ones last [`PAUSE_LAST_S`].
const PAUSES_S: [i64; 7] = [1, 2, 4, 8, 16, 32, 64];

/// Pause after every further failure, in seconds.
const PAUSE_LAST_S: i64 = 300;

/// How long a message is tried, in ms: after a day it is no news any more.
const TRY_FOR_MS: i64 = 86_400_000;

/// After how long a channel that fails is given up for the moment, and the other one told, in ms.
pub const INSTEAD_AFTER_MS: i64 = 600_000;

/// Pause of a channel after the accounts' file could not be written.
const TROUBLE_PAUSE: Duration = Duration::from_secs(5);

/// Pause of a channel after sending to it ended in a panic: it would do so again.
const PANIC_PAUSE: Duration = Duration::from_secs(300);

/// How often writing what became of a message is tried.
const RECORD_TRIES: u32 = 50;

/// Pause between two of them.
const RECORD_PAUSE: Duration = Duration::from_millis(200);

/// Longest detail that is kept, in characters.
const DETAIL_CHARS_MAX: usize = 400;

/// Starts the sender. It ends when the handle is aborted: at any instant, by the steps above.
#[must_use]
pub fn start(channels: Channels, state: State, clock: Arc<dyn Clock>) -> JoinHandle<()> {
    tokio::spawn(Post { channels, state, clock, standing: Arc::default() }.run())
}

/// One step of the sender for one channel, by the caller's own clock: tells what is due first. `None` when nothing is. For tests of what
/// follows when a process ends between two steps.
///
/// # Errors
/// As [`State::change`].
pub async fn step(
    channels: &Channels,
    state: &State,
    clock: Arc<dyn Clock>,
    channel: &str,
) -> Result<Option<Verdict>, StateError> {
    let post = Post { channels: channels.clone(), state: state.clone(), clock, standing: Arc::default() };
    let Some(channel) = channels.find(channel) else { return Ok(None) };
    post.next(&channel).await
}

/// What is known of a channel beside the outbox.
#[derive(Debug, Clone, Copy)]
struct Standing {
    /// Nothing is sent before this instant.
    until: Instant,
    /// Failures without a success between them.
    failures: u32,
}

#[derive(Debug, Clone)]
struct Post {
    channels: Channels,
    state: State,
    clock: Arc<dyn Clock>,
    standing: Arc<Mutex<HashMap<String, Standing>>>,
}

impl Post {
    async fn run(self) {
        let mut tasks: JoinSet<()> = JoinSet::new();
        let mut busy: HashMap<Id, String> = HashMap::new();
        let mut list = self.channels.watch();
        let mut pruned: Option<Instant> = None;
        loop {
            while let Some(ended) = tasks.try_join_next_with_id() {
                let id = match &ended {
                    Ok((id, ())) => *id,
                    Err(error) => error.id(),
                };
                let channel = busy.remove(&id);
                if let (Some(channel), Err(error)) = (channel, ended) {
                    tracing::error!(target: "notify", channel, error = %error, "sending ended in a panic");
                    self.stand(&channel, PANIC_PAUSE, 0);
                }
            }
            if list.has_changed().unwrap_or(false) {
                // Somebody may have mended a channel: it is tried at once. The rows' own pauses hold.
                list.mark_unchanged();
                self.lock().clear();
            }
            if pruned.is_none_or(|at| at.elapsed() >= PRUNE_EVERY) {
                pruned = Some(Instant::now());
                self.prune().await;
            }
            for channel in self.due().await {
                if !busy.values().any(|known| *known == channel) && self.ready_at(&channel) <= Instant::now() {
                    let (post, id) = (self.clone(), channel.clone());
                    busy.insert(tasks.spawn(async move { post.serve(&id).await }).id(), channel);
                }
            }
            tokio::select! {
                () = self.channels.woken() => {}
                () = sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Channels that have something to be told now. What waits for one that is gone or turned off is given up.
    async fn due(&self) -> Vec<String> {
        let now_ms = self.clock.now_ms();
        let due = match self.state.read(move |db| db.due_channels(now_ms)).await {
            Ok(due) => due,
            Err(error) => {
                warn(&error);
                return Vec::new();
            }
        };
        let mut able = Vec::new();
        for id in due {
            let why = match self.channels.find(&id) {
                Some(channel) if channel.is_enabled => {
                    able.push(id);
                    continue;
                }
                Some(_) => "the channel is turned off",
                None => "there is no such channel any more",
            };
            let name = id.clone();
            match self.state.change(move |db| db.give_up_channel(&id, why, now_ms)).await {
                Ok(count) => tracing::warn!(target: "notify", channel = name, count, why, "messages given up"),
                Err(error) => warn(&error),
            }
        }
        able
    }

    /// Tells a channel what is due, one after the other, until nothing is or it fails.
    async fn serve(&self, id: &str) {
        loop {
            // A pause of its pace; longer ones end the task.
            sleep_until(self.ready_at(id)).await;
            let Some(channel) = self.channels.find(id).filter(|channel| channel.is_enabled) else { return };
            match self.next(&channel).await {
                Ok(None) => return,
                Ok(Some(Verdict::Told(_) | Verdict::Dead(_))) => self.stand(id, channel.kind.pace, 0),
                Ok(Some(Verdict::Again { after, .. })) => {
                    let failures = self.lock().get(id).map_or(0, |standing| standing.failures);
                    let pause = Duration::from_secs(u64::try_from(pause_s(failures)).unwrap_or_default());
                    self.stand(id, pause.max(after.unwrap_or_default()), failures.saturating_add(1));
                    return;
                }
                Err(error) => {
                    warn(&error);
                    self.stand(id, TROUBLE_PAUSE, 0);
                    return;
                }
            }
        }
    }

    /// Tells a channel what is due first.
    async fn next(&self, channel: &Channel) -> Result<Option<Verdict>, StateError> {
        let (id, now_ms) = (channel.id.clone(), self.clock.now_ms());
        let Some(due) = self.state.read(move |db| db.next_due(&id, now_ms)).await? else { return Ok(None) };
        let verdict = match serde_json::from_str::<Notice>(&due.notice) {
            Ok(notice) => self.channels.tell(channel, &notice, now_ms).await,
            Err(error) => Verdict::Dead(format!("the message cannot be read: {error}")),
        };
        let mut attempt = judge(channel, &due, &verdict, self.clock.now_ms());
        attempt.instead = attempt.instead.filter(|id| self.may_take(id, channel));
        log(channel, &due, &attempt);
        self.record(attempt).await?;
        Ok(Some(verdict))
    }

    /// Whether a channel can be told in the place of another: it is there, and a tenant's hears nothing of others.
    fn may_take(&self, id: &str, place_of: &Channel) -> bool {
        let found = self.channels.find(id).filter(|other| other.is_enabled);
        found.is_some_and(|other| other.tenant.is_none() || other.tenant == place_of.tenant)
    }

    /// Writes what became of an attempt; a channel that was told must not be told again because the file was busy for a moment.
    async fn record(&self, attempt: Attempt) -> Result<(), StateError> {
        for _ in 1..RECORD_TRIES {
            let again = attempt.clone();
            match self.state.change(move |db| db.record_attempt(&again)).await {
                Ok(_) => return Ok(()),
                Err(StateError::Closed) => return Err(StateError::Closed),
                Err(_) => sleep(RECORD_PAUSE).await,
            }
        }
        self.state.change(move |db| db.record_attempt(&attempt)).await.map(drop)
    }

    async fn prune(&self) {
        let now_ms = self.clock.now_ms();
        match self.state.change(move |db| db.prune_outbox(now_ms)).await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(target: "notify", count, "messages given up: too many were waiting"),
            Err(error) => warn(&error),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Standing>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stand(&self, channel: &str, pause: Duration, failures: u32) {
        self.lock().insert(channel.to_owned(), Standing { until: Instant::now() + pause, failures });
    }

    fn ready_at(&self, channel: &str) -> Instant {
        self.lock().get(channel).map_or_else(Instant::now, |standing| standing.until)
    }
}

/// Pause after so many failures and one more, in seconds.
fn pause_s(failures: u32) -> i64 {
    usize::try_from(failures).ok().and_then(|at| PAUSES_S.get(at)).copied().unwrap_or(PAUSE_LAST_S)
}

/// What follows from a verdict.
fn judge(channel: &Channel, due: &Due, verdict: &Verdict, at_ms: i64) -> Attempt {
    let tried_ms = due.tried_ms.unwrap_or(at_ms);
    let failing_ms = at_ms.saturating_sub(tried_ms);
    let (end, is_down) = match verdict {
        Verdict::Told(_) => (End::Sent, false),
        Verdict::Dead(_) => (End::Dead, true),
        Verdict::Again { .. } if failing_ms >= TRY_FOR_MS => (End::Failed, true),
        Verdict::Again { after, .. } => {
            let mut next_ms = at_ms.saturating_add(pause_s(due.attempts) * 1_000);
            if failing_ms < INSTEAD_AFTER_MS {
                // So that the other channel is told when it is time, and not at the end of a long pause.
                next_ms = next_ms.min(tried_ms.saturating_add(INSTEAD_AFTER_MS));
            }
            let asked_ms = after.map_or(0, |after| i64::try_from(after.as_millis()).unwrap_or(i64::MAX));
            (End::Again(next_ms.max(at_ms.saturating_add(asked_ms))), failing_ms >= INSTEAD_AFTER_MS)
        }
    };
    Attempt {
        id: due.id,
        at_ms,
        detail: super::text::clean(verdict.detail(), DETAIL_CHARS_MAX),
        end,
        channel_name: channel.name.clone(),
        instead: channel.fallback.clone().filter(|_| is_down),
    }
}

fn log(channel: &Channel, due: &Due, attempt: &Attempt) {
    let (channel, key, detail) = (channel.id.as_str(), due.key.as_str(), attempt.detail.as_str());
    match attempt.end {
        End::Sent => tracing::info!(target: "notify", channel, key, "message sent"),
        // Once, and at the end: what comes between is in the outbox.
        End::Again(_) if due.tried_ms.is_some() => {
            tracing::debug!(target: "notify", channel, key, detail, "message failed again")
        }
        End::Again(_) => tracing::warn!(target: "notify", channel, key, detail, "message failed, and is tried again"),
        End::Failed | End::Dead => tracing::error!(target: "notify", channel, key, detail, "message given up"),
    }
}

fn warn(error: &StateError) {
    tracing::warn!(target: "notify", error = %report::chain(error), "outbox could not be read or written");
}

#[cfg(test)]
mod tests;
