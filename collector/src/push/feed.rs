//! What fills the rooms: committed batches as they come, and a beat of one second.
//!
//! Records are told in turns: the first one after a pause at once, what follows together. With every listener that there is, a turn
//! becomes a little longer ([`TURN_A_LISTENER`]), so that a flood costs each of them one packet a turn instead of one a record.

use std::{collections::HashSet, sync::Arc, time::Duration};

use farol_shared::limit;
use farol_store::{Committed, ResourceId};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    Push,
    figures::{Moment, Sources},
    lock, message,
    owners::sees,
    panel::Panel,
    room::Topic,
};
use crate::{
    access::View,
    alert::stage,
    live::{Arrival, Line},
    service::Inlet,
};

/// Most committed batches that wait to be shown. When it is full the batch is not shown, only stored: the next sample of
/// the same resource makes it good. Room for one group commit of the largest fleet.
pub const QUEUE_MAX: usize = 8_192;

/// How often the overview is told what changed.
pub const BEAT_EVERY: Duration = Duration::from_secs(1);

/// By how much one listener of records makes a turn longer: a packet costs about as much.
pub const TURN_A_LISTENER: Duration = Duration::from_micros(25);

/// The longest turn.
pub const TURN_MAX: Duration = Duration::from_millis(50);

/// Frames older than this are history that an agent catches up with: only the newest of a batch is shown.
const SHOWN_FOR_MS: i64 = 30_000;

/// A committed batch on its way to the rooms.
#[derive(Debug)]
pub struct Shown {
    /// The batch.
    pub committed: Arc<Committed>,
    /// When and how it came.
    pub arrival: Arrival,
}

/// Where committed batches go beside the rooms.
#[derive(Debug)]
pub struct Inlets {
    /// What services add up to.
    pub services: Inlet,
    /// Rules; `None` where none are judged.
    pub alerts: Option<stage::Inlet>,
}

/// Takes committed batches to [`crate::live`], the rooms, [`crate::service`] and [`crate::alert`] until the queue's other end is closed.
pub async fn deliver(push: Push, inlets: Inlets, mut queue: mpsc::Receiver<Shown>) {
    // When the followers are to be told next; nothing new waits for them when unset.
    let (mut due, mut told): (Option<Instant>, Option<Instant>) = (None, None);
    loop {
        let received = tokio::select! {
            biased;
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => None,
            received = queue.recv() => match received {
                Some(shown) => Some(shown),
                None => break,
            },
        };
        let Some(shown) = received else {
            push.wake_followers();
            (due, told) = (None, Some(Instant::now()));
            continue;
        };
        if push.show(&shown) && due.is_none() {
            let (now, next) = (Instant::now(), told.map(|told| told + push.turn()));
            if next.is_none_or(|next| next <= now) {
                // At once: a timer is no finer than a millisecond.
                push.wake_followers();
                told = Some(now);
            } else {
                due = next;
            }
        }
        inlets.services.offer(&shown.committed, shown.arrival);
        if let Some(alerts) = &inlets.alerts {
            alerts.offer(&shown.committed, shown.arrival);
        }
    }
    push.wake_followers();
}

/// Tells once a second what changed. Runs until it is dropped.
pub async fn beat(push: Push, sources: Sources, own: impl Fn() -> Option<ResourceId> + Send) {
    let mut ticks = interval(BEAT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now_ms = push.0.clock.now_ms();
        let own = own();
        let (push, sources) = (push.clone(), sources.clone());
        // With thousands of resources this takes milliseconds, which the runtime has not.
        let told = tokio::task::spawn_blocking(move || {
            let changed = push.0.live.lines(now_ms, true);
            push.beat(&changed, &sources, own, now_ms);
        });
        if told.await.is_err() {
            tracing::error!(target: "push", "telling the overview failed");
        }
    }
}

impl Push {
    /// Shows one committed batch. Answers whether there were records in it for those who follow them.
    fn show(&self, shown: &Shown) -> bool {
        let now_ms = shown.arrival.now_ms;
        let newest_ms = shown.committed.frames.last().map_or(i64::MIN, |frame| frame.time_ms);
        let is_watched = |resource| self.is_watched(resource);
        self.0.live.apply(&shown.committed, shown.arrival, is_watched, |fresh| {
            let behind_ms = now_ms.saturating_sub(fresh.time_ms.saturating_add(shown.arrival.skew_ms));
            if behind_ms <= SHOWN_FOR_MS || fresh.time_ms == newest_ms {
                self.publish(&Topic::Resource(fresh.resource), &message::values(&fresh, now_ms));
            }
        });
        self.keep_records(shown)
    }

    /// How long a turn is with the listeners there are.
    fn turn(&self) -> Duration {
        let followers = self.0.followers.load(std::sync::atomic::Ordering::Relaxed);
        TURN_A_LISTENER.saturating_mul(u32::try_from(followers).unwrap_or(u32::MAX)).min(TURN_MAX)
    }

    /// Tells every state that somebody listens to.
    fn beat(&self, changed: &[Line], sources: &Sources, own: Option<ResourceId>, now_ms: i64) {
        let topics: HashSet<Topic> = lock(&self.0.places).topics.keys().cloned().collect();
        lock(&self.0.overviews).clear();
        let needs_lines = topics.iter().any(|topic| matches!(topic, Topic::Figures(..) | Topic::Service(..)));
        let lines = if needs_lines { self.0.live.lines(now_ms, false) } else { Vec::new() };
        let moment = Moment { sources, now_ms, lines, owners: self.0.owners.all(now_ms) };
        for topic in &topics {
            self.tell(topic, changed, own, &moment);
        }
        lock(&self.0.kept).retain(|topic, _| topics.contains(topic));
        self.0.counted.keep(|view| topics.iter().any(|topic| matches!(topic, Topic::Figures(_, _, of) if of == view)));
    }

    fn tell(&self, topic: &Topic, changed: &[Line], own: Option<ResourceId>, moment: &Moment<'_>) {
        let now_ms = moment.now_ms;
        let message = match topic {
            Topic::Resource(_) => return,
            Topic::Overview(view) => {
                let told: Vec<Line> = self.seen(changed, view, now_ms);
                if !told.is_empty() {
                    self.publish(topic, &message::overview(&told, now_ms));
                }
                return;
            }
            Topic::System => {
                let Some(line) = changed.iter().find(|line| Some(line.id) == own) else { return };
                let panel = Panel::now(&moment.sources.pull, &self.0.live, now_ms);
                message::system(Some(line), &panel).to_string().into()
            }
            Topic::Status(view) => {
                let told = moment.status(&self.0.live, view);
                // Only what changed; its time is no change.
                let mut statuses = lock(&self.0.statuses);
                let is_same = lock(&self.0.kept).contains_key(topic) && statuses.get(view) == Some(&told);
                if is_same {
                    return;
                }
                statuses.insert(view.clone(), told.clone());
                message::encode("Metrics", told, now_ms)
            }
            Topic::Figures(room, figures, view) => message::encode("Metrics", moment.told(self, room, *figures, view), now_ms),
            Topic::Service(name, view) => message::encode("Metrics", moment.of_service(name, view), now_ms),
        };
        self.publish(topic, &message);
        lock(&self.0.kept).insert(topic.clone(), message);
    }

    /// The lines that a view sees.
    pub(super) fn seen(&self, lines: &[Line], view: &View, now_ms: i64) -> Vec<Line> {
        if *view == View::Whole {
            return lines.to_vec();
        }
        let owners = self.0.owners.with(lines.iter().map(|line| line.id), now_ms);
        lines.iter().filter(|line| sees(view, &owners, line.id)).cloned().collect()
    }

    /// Whether somebody looks at one of these resources now.
    #[must_use]
    pub fn is_any_watched(&self, resources: impl Iterator<Item = ResourceId>) -> bool {
        if self.0.watched.load(std::sync::atomic::Ordering::Relaxed) == 0 {
            return false;
        }
        resources.take(limit::BATCH_RESOURCES_MAX).any(|resource| self.is_watched(resource))
    }
}
