//! What fills the rooms: committed batches as they come, and a beat of one second.

use std::{sync::Arc, time::Duration};

use farol_shared::limit;
use farol_store::{Committed, ResourceId};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use super::{Push, Room, message};
use crate::{live::Arrival, pull::Pull, service::Inlet};

/// Most committed batches that wait to be shown. When it is full the batch is not shown, only stored: the next sample of
/// the same resource makes it good. Room for one group commit of the largest fleet.
pub const QUEUE_MAX: usize = 8_192;

/// How often the overview is told what changed.
pub const BEAT_EVERY: Duration = Duration::from_secs(1);

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

/// Takes committed batches to [`crate::live`], the rooms and [`crate::service`] until the queue's other end is closed.
pub async fn deliver(push: Push, services: Inlet, mut queue: mpsc::Receiver<Shown>) {
    while let Some(shown) = queue.recv().await {
        push.show(&shown);
        services.offer(&shown.committed, shown.arrival);
    }
}

/// Tells the overview once a second what changed. Runs until it is dropped.
pub async fn beat(push: Push, pull: Pull, own: impl Fn() -> Option<ResourceId> + Send) {
    let mut ticks = interval(BEAT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now_ms = push.0.clock.now_ms();
        let own = own();
        let (push, pull) = (push.clone(), pull.clone());
        // With thousands of resources this takes milliseconds, which the runtime has not.
        let told = tokio::task::spawn_blocking(move || {
            let changed = push.0.live.lines(now_ms, true);
            push.beat(&changed, now_ms);
            push.system(changed.iter().find(|line| Some(line.id) == own), &pull, now_ms);
        });
        if told.await.is_err() {
            tracing::error!(target: "push", "telling the overview failed");
        }
    }
}

impl Push {
    /// Shows one committed batch.
    fn show(&self, shown: &Shown) {
        let now_ms = shown.arrival.now_ms;
        let newest_ms = shown.committed.frames.last().map_or(i64::MIN, |frame| frame.time_ms);
        let is_watched = |resource| self.is_watched(resource);
        self.0.live.apply(&shown.committed, shown.arrival, is_watched, |fresh| {
            let behind_ms = now_ms.saturating_sub(fresh.time_ms.saturating_add(shown.arrival.skew_ms));
            if behind_ms <= SHOWN_FOR_MS || fresh.time_ms == newest_ms {
                self.publish(&Room::Resource(fresh.resource), &message::values(&fresh, now_ms));
            }
        });
        self.show_records(shown);
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
