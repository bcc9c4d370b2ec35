//! Export: history of any length as a file, in constant memory.
//!
//! In: what is wanted, checked ([`Wanted`], [`Records`]). Out: a body that is written while it is read ([`stream`]).
//!
//! Invariants: one slice of time of a few series is in memory at a time, however long the file; each slice waits for its turn among the
//! questions of the page; a file that could not be written to its end is cut off so that its reader sees it, never ended as if it
//! were whole; every export has its line in the audit log before its first byte.
//!
//! Bounded: exports at once ([`EXPORTS_MAX`]), bytes that wait for a slow reader ([`CHUNKS_WAITING_MAX`] of [`CHUNK_BYTES`]), how long a
//! reader may read nothing ([`STALLED_AFTER`]), points of a slice ([`SLICE_POINTS_MAX`]), columns of a wide table ([`COLUMNS_MAX`]).

use std::{sync::Arc, time::Duration};

use farol_store::QueryError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub mod csv;
mod days;
pub mod figure;
mod format;
mod number;
pub mod records;
pub mod series;
pub mod size;
pub mod stream;
mod zone;

pub use csv::Style;
pub use format::Format;
pub use records::{Kind, Records};
pub use series::{Layout, Wanted};
pub use zone::Zone;

/// Most exports at once: half of the turns for questions stay free for the page.
pub const EXPORTS_MAX: usize = 4;

/// Bytes of a file that are written at a time; a row more at most.
pub const CHUNK_BYTES: usize = 128 << 10;

/// Most such pieces that wait for their reader: one that travels, one that is ready.
pub const CHUNKS_WAITING_MAX: usize = 2;

/// How long a reader may read nothing. A spool to a slow disk pauses for seconds, not for a minute.
pub const STALLED_AFTER: Duration = Duration::from_secs(60);

/// Most points that are read at once: 1 MiB of them.
pub const SLICE_POINTS_MAX: usize = 65_536;

/// Most columns of a wide table. Spreadsheets take 16,384; nobody reads a thousand.
pub const COLUMNS_MAX: usize = 1_000;

/// Most metrics of one export.
pub const METRICS_MAX: usize = 64;

/// Most series of one export: as many as one question may read.
pub const SERIES_MAX: usize = farol_store::QUERY_SERIES_MAX;

const _: () = assert!(SERIES_MAX <= SLICE_POINTS_MAX, "a slice must have room for one point of each series");

/// Why a file was not written to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// History could not be read.
    #[error("reading history for an export")]
    Store(#[from] QueryError),
    /// More happened in an instant than can be told apart.
    #[error("more than {0} records in one millisecond cannot be exported")]
    TooDense(usize),
}

/// Writes a file piece by piece.
pub trait Source: Send + 'static {
    /// Writes about [`CHUNK_BYTES`] more; less when it is slow to find any. Answers whether there is more.
    ///
    /// # Errors
    /// [`ExportError`]: then the file is cut off.
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, ExportError>;

    /// Rows written so far.
    fn rows(&self) -> u64;
}

/// The exports under way. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Exports(Arc<Semaphore>);

impl Default for Exports {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(EXPORTS_MAX)))
    }
}

impl Exports {
    /// A place for one export; none when there are [`EXPORTS_MAX`] already, or when the collector stops.
    #[must_use]
    pub fn begin(&self) -> Option<Place> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok()?;
        Some(Place { _permit: permit, exports: self.clone() })
    }

    /// Ends those under way at their next slice and lets no other begin.
    pub fn close(&self) {
        self.0.close();
    }
}

/// The place of one export; free again when it is dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
    exports: Exports,
}

impl Place {
    /// Whether the collector stops.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.exports.0.is_closed()
    }
}
