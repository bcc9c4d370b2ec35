//! What the store's threads share: the catalogue, the head, the books, readers and counters.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use farol_shared::clock::Clock;
use rusqlite::Connection;

use crate::{Options, books::Books, cache::Cache, catalog::Catalog, head::Head, schema};

/// Reader connections that are kept open between queries. More are opened when more queries run at once.
const READERS_KEPT: usize = 4;

/// State that more than one thread sees.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) path: PathBuf,
    pub(crate) options: Options,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) catalog: RwLock<Catalog>,
    pub(crate) agents: RwLock<Vec<(u32, Arc<str>)>>,
    pub(crate) head: Head,
    pub(crate) books: Books,
    /// Held for reading while a query takes its view of head and blocks, for writing while samples move between them.
    pub(crate) gate: RwLock<()>,
    pub(crate) counters: Counters,
    pub(crate) readers: Readers,
    pub(crate) cache: Cache,
    /// Number of the next block. Never given twice while the process lives: the cache goes by it.
    pub(crate) next_block: AtomicI64,
}

impl Shared {
    /// A number for a new block.
    pub(crate) fn block_id(&self) -> i64 {
        self.next_block.fetch_add(1, Ordering::Relaxed)
    }
}

/// Counters about the store itself.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) batches: AtomicU64,
    pub(crate) repeated: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) busy: AtomicU64,
    pub(crate) samples: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) commit_nanos: AtomicU64,
    pub(crate) queued: AtomicU64,
    pub(crate) queued_samples: AtomicU64,
    pub(crate) sealed: AtomicU64,
    pub(crate) merged: AtomicU64,
    pub(crate) disk_failures: AtomicU64,
    pub(crate) pending_bytes: AtomicU64,
    pub(crate) folded: AtomicU64,
    pub(crate) capped: AtomicU64,
    is_not_writable: AtomicBool,
    /// Since when the writer has been at what it does now; `None` while it waits for work.
    at_work: Mutex<Option<Instant>>,
}

impl Counters {
    /// Remembers whether the last write succeeded; says whether that is a change.
    pub(crate) fn set_writable(&self, is_writable: bool) -> bool {
        self.is_not_writable.swap(!is_writable, Ordering::Relaxed) == is_writable
    }

    pub(crate) fn is_writable(&self) -> bool {
        !self.is_not_writable.load(Ordering::Relaxed)
    }

    /// Notes that the writer begins something, or waits for work again.
    pub(crate) fn set_at_work(&self, since: Option<Instant>) {
        *self.at_work.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    /// How long the writer has been at what it does now.
    pub(crate) fn at_work(&self) -> Duration {
        let since = *self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// A small pool of connections that only read.
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::default() }
    }

    /// Lends a connection for the time of `work`.
    pub(crate) fn with<T, E: From<rusqlite::Error>>(&self, work: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let reader = match idle {
            Some(reader) => reader,
            None => schema::open_reader(&self.path)?,
        };
        let result = work(&reader);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS_KEPT {
            idle.push(reader);
        }
        result
    }

    /// Closes the idle connections.
    pub(crate) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
