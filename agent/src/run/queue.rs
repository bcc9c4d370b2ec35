//! The spool as the loop sees it: one batch may be on its way, and every loss is counted once.

use std::time::Duration;

use bytes::Bytes;
use farol_shared::batch::LostCause;
use farol_spool::{Dropped, Health, Options, RealDisk, Record, Spool, SpoolError, Stats};
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::{
    batch::{Encoded, Losses},
    config::SpoolSettings,
    send::Parcel,
};

/// Size of a segment. It is what is dropped at once when the disk's share is full, so small against the whole.
const SEGMENT_BYTES_MAX: u64 = 1 << 20;

/// Losses that go on are told again after this long.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What waits for delivery, and what was lost.
pub(super) struct Queue {
    spool: Spool<RealDisk>,
    losses: Losses,
    on_its_way: Option<OnItsWay>,
    /// Whether the disk worked when it was last looked at, so that only changes are logged.
    is_durable: bool,
    /// When a loss was last told.
    told: Option<Instant>,
}

/// The batch that the sink has now. The spool keeps it as its oldest until it is popped, whatever else makes room.
#[derive(Debug, Clone, Copy)]
struct OnItsWay {
    boot: u64,
    seq: u64,
    samples: u64,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("losses", &self.losses).field("on_its_way", &self.on_its_way).finish_non_exhaustive()
    }
}

impl Queue {
    /// Opens the spool and says what an earlier run left in it.
    pub(super) fn open(settings: &SpoolSettings) -> Result<Self, SpoolError> {
        let options = Options {
            memory_max: usize::try_from(settings.memory_bytes_max).unwrap_or(usize::MAX),
            disk_max: settings.disk_bytes_max,
            segment_max: SEGMENT_BYTES_MAX,
        };
        let disk = settings.dir.as_deref().map(RealDisk::open).transpose()?;
        let (spool, opened) = Spool::open(options, disk)?;
        let is_durable = settings.dir.is_some();
        if is_durable {
            info!(batches = opened.batches, bytes = opened.bytes, "spool opened");
        }
        let mut queue = Self { spool, losses: Losses::default(), on_its_way: None, is_durable, told: None };
        queue.count(&opened.dropped);
        Ok(queue)
    }

    /// Appends a batch of this run; the oldest may make room for it.
    pub(super) fn push(&mut self, boot: u64, encoded: Encoded) {
        let Encoded { seq, samples, body } = encoded;
        let pushed = self.spool.push(Record { boot, seq, samples, body });
        self.count(&pushed.dropped);
        self.watch_health();
    }

    /// The oldest batch, from now on on its way. Ends with [`Self::stored`], [`Self::refused`] or [`Self::kept`].
    pub(super) fn send_oldest(&mut self) -> Option<Parcel> {
        let parcel = self.spool.front().map(|record| {
            self.on_its_way = Some(OnItsWay { boot: record.boot, seq: record.seq, samples: record.samples });
            Parcel { boot: record.boot, seq: record.seq, body: Bytes::copy_from_slice(&record.body) }
        });
        let dropped = self.spool.take_dropped();
        self.count(&dropped);
        parcel
    }

    /// The collector has everything up to `seq` of the run whose batch is on its way.
    pub(super) fn stored(&mut self, seq: u64) {
        let Some(sent) = self.on_its_way.take() else { return };
        // An answer can only speak of what was sent: a wrong one must not delete what the collector has not got.
        self.spool.acknowledge(sent.boot, seq.min(sent.seq));
    }

    /// The collector will never take the batch that is on its way: it is lost. Gives its samples.
    pub(super) fn refused(&mut self) -> u64 {
        let Some(sent) = self.on_its_way.take() else { return 0 };
        self.losses.refused += sent.samples;
        self.spool.pop();
        sent.samples
    }

    /// The batch on its way did not get through, and stays the oldest.
    pub(super) fn kept(&mut self) {
        self.on_its_way = None;
    }

    /// Puts on disk what only memory holds, so that a killed agent loses little.
    pub(super) fn persist(&mut self) {
        self.spool.persist();
        self.watch_health();
    }

    /// Puts everything on disk, for good.
    pub(super) fn flush(&mut self) {
        let left = self.spool.flush();
        self.watch_health();
        if left.batches > 0 {
            warn!(batches = left.batches, samples = left.samples, "undelivered batches end with the agent");
        }
    }

    /// What waits.
    pub(super) fn stats(&self) -> Stats {
        self.spool.stats()
    }

    /// What was lost in this run.
    pub(super) fn losses(&self) -> Losses {
        self.losses
    }

    fn count(&mut self, dropped: &[Dropped]) {
        for loss in dropped {
            match loss.cause {
                LostCause::SpoolFull => self.losses.spool_full += loss.samples,
                LostCause::SpoolDamaged | LostCause::Refused | LostCause::Unknown => self.losses.spool_damaged += loss.samples,
            }
        }
        if !dropped.is_empty() && self.told.is_none_or(|told| told.elapsed() >= TELL_AGAIN_AFTER) {
            self.told = Some(Instant::now());
            let Losses { spool_full, spool_damaged, .. } = self.losses;
            warn!(spool_full, spool_damaged, "samples lost from the spool");
        }
    }

    fn watch_health(&mut self) {
        let is_durable = match self.spool.health() {
            Health::Durable => true,
            Health::MemoryOnly => self.is_durable,
            Health::Degraded { reason } => {
                if self.is_durable {
                    error!(reason, "spool works in memory only");
                }
                false
            }
        };
        if is_durable && !self.is_durable {
            warn!("spool works on disk again");
        }
        self.is_durable = is_durable;
    }
}
