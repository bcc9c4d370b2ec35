//! The agent's durable bounded queue of encoded batches: memory first, checked segment files behind.
//!
//! In: batches, as the bytes that will be sent. Out: the same bytes, oldest first, until each is acknowledged. As long as
//! the collector answers, a batch never touches the disk.
//!
//! Invariants:
//! - Order is the order of arrival, over restarts too: everything on disk is older than everything in memory.
//! - What is delivered is what was pushed, byte for byte; what cannot be trusted is skipped and counted.
//! - Pushed and found = acknowledged + counted as lost + still queued, at every moment, in batches and in samples.
//! - A batch leaves memory for the disk only when an fsync says that it is there.
//! - No failure of the disk reaches the caller: the spool works on in memory, and says so by [`Spool::health`].
//!
//! Bounded: memory by [`Options::memory_max`], then the oldest batch makes room; disk by [`Options::disk_max`], then the oldest
//! segment makes room; a body by [`BODY_BYTES_MAX`]. The spool knows no time: it tries a failing disk again after some pushes.
//!
//! After a kill, what was acknowledged is not delivered again; after a power loss, at most the last few dozen
//! ([`REPEATS_MAX`]) are. The collector drops repeats by (agent, boot, seq). The file format is told in `format.rs`.

mod cursor;
mod disk;
mod format;
mod log;
mod loss;
mod queue;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
#[cfg(test)]
mod tests;

use std::{io, path::PathBuf};

pub use cursor::REPEATS_MAX;
pub use disk::{Disk, Part, RealDisk};
pub use format::BODY_BYTES_MAX;
pub use loss::{Dropped, Key};
pub use queue::Spool;

/// One encoded batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Random number of the run that made it.
    pub boot: u64,
    /// Number of the batch in that run.
    pub seq: u64,
    /// How many samples it carries: what is counted if it is lost.
    pub samples: u64,
    /// The bytes to send, kept as they are; at most [`BODY_BYTES_MAX`].
    pub body: Vec<u8>,
}

/// The bounds of a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Most bytes of batches in memory, their small overhead included.
    pub memory_max: usize,
    /// Most bytes of segments on disk. The cursor and the lock take 2 KiB more.
    pub disk_max: u64,
    /// Bytes at which a segment is closed and the next one begun; at most half of `disk_max` is used. One segment is what
    /// is dropped at once when the disk's share is full.
    pub segment_max: u64,
}

impl Default for Options {
    /// 256 KiB of memory (a minute and more at one batch a second), 64 MiB of disk in segments of 1 MiB.
    fn default() -> Self {
        Self { memory_max: 256 << 10, disk_max: 64 << 20, segment_max: 1 << 20 }
    }
}

/// What was found when a spool was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opened {
    /// Batches that an earlier run left for delivery.
    pub batches: u64,
    /// Their samples.
    pub samples: u64,
    /// Their bytes on disk.
    pub bytes: u64,
    /// What an earlier run left and cannot be delivered: damaged, or more than the bound. Not reported again by
    /// [`Spool::push`]; damage inside a segment is found, and reported, when reading comes to it.
    pub dropped: Vec<Dropped>,
}

/// The outcome of a push: the batch is in the queue; these made room for it or were found to be damaged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use = "what was lost must be counted"]
pub struct Pushed {
    /// What was lost since the last push (or [`Spool::take_dropped`]), at most one entry a cause; each loss is reported once.
    pub dropped: Vec<Dropped>,
}

/// How much waits for delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Batches.
    pub batches: u64,
    /// Bytes, in memory and on disk.
    pub bytes: u64,
    /// Samples.
    pub samples: u64,
    /// Of the batches, those that only memory holds.
    pub memory_batches: u64,
}

/// Whether batches would survive a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// The disk works.
    Durable,
    /// There is no disk, by choice.
    MemoryOnly,
    /// The disk fails; batches are kept in memory within its bound, and the disk is tried again now and then.
    Degraded {
        /// What failed, with the path and what the system said.
        reason: String,
    },
}

/// Why a spool cannot be opened, or (only inside [`Health::Degraded`]) what fails on its disk.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another process holds the lock.
    #[error("the spool {} is in use by another agent; give each agent a directory of its own (FAROL_SPOOL_DIR)", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// A file was written by a later version. Nothing was changed.
    #[error("{file} has format version {version}, this program reads up to {known}; use the newer agent or another directory")]
    Newer {
        /// The file.
        file: String,
        /// Its version.
        version: u32,
        /// The newest version that this program reads.
        known: u32,
    },
    /// The disk refused.
    #[error("cannot {doing} {what}")]
    Disk {
        /// What was tried.
        doing: &'static str,
        /// The file or directory.
        what: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
