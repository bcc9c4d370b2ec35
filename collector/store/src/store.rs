//! The store as others see it: opens, takes batches, answers, copies, closes.

use std::{
    cell::Cell,
    fs::File,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use farol_shared::clock::Clock;
use rusqlite::{Connection, backup::StepResult};

use crate::{
    Options,
    accept::Batches,
    books::Books,
    cache::Cache,
    catalog::{Catalog, Names},
    error::{CommitError, QueryError, StoreError},
    head::Head,
    journal::JournalError,
    keeper::{Ask, Keeper},
    merge::Merger,
    model::{Answer, Completeness, Done, Incoming, Query, ResourceId, ResourceInfo, SeriesInfo, Stats},
    records::{Folder, PENDING_BYTES_MAX, Pending},
    replay, schema,
    shared::{Counters, Readers, Shared},
    writer::{Command, Writer},
};

/// Most samples that wait for a commit: at 9 bytes each as they arrive, 40 MB.
const QUEUED_SAMPLES_MAX: u64 = 4 << 20;
/// The keeper is asked rarely; one question at a time.
const ASKS: usize = 4;
/// Memory at which batches are turned away: sealing does not keep up.
const HEAD_FACTOR: u64 = 4;

/// The history of one collector. Clones share it; it is closed with [`Store::close`] or with the last clone.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    commands: SyncSender<Command>,
    asks: SyncSender<Ask>,
    threads: Mutex<Option<Threads>>,
}

#[derive(Debug)]
struct Threads {
    writer: JoinHandle<Connection>,
    keeper: JoinHandle<()>,
    /// Kept until the end: its lock keeps other processes out.
    lock: File,
}

impl Store {
    /// Opens or creates `history.db` in `dir`, replays the journal and starts writer and keeper.
    ///
    /// # Errors
    /// [`StoreError`]; a damaged, foreign or newer file is left untouched.
    pub fn open(dir: &Path, options: Options, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let schema::Opened { writer: conn, path, lock } = schema::open(dir, options.file_bytes_max)?;
        let sqlite = |action| {
            let path = path.clone();
            move |source| StoreError::Sqlite { action, path, source }
        };
        let catalog = Catalog::load(&conn).map_err(sqlite("read the catalogue of"))?;
        let names = Names::new(&catalog, &conn, options.resources_max, options.series_max).map_err(sqlite("read"))?;
        let sql = "SELECT ifnull(max(id), 0) + 1 FROM block";
        let next_block = conn.query_row(sql, [], |row| row.get(0)).map_err(sqlite("read the blocks of"))?;
        let mut agents = replay::load_agents(&conn).map_err(sqlite("read the agents of"))?;
        let shared = Arc::new(Shared {
            path: path.clone(),
            clock,
            catalog: RwLock::new(catalog),
            agents: RwLock::new(agents.iter().map(|agent| (agent.id, Arc::clone(&agent.name))).collect()),
            head: Head::default(),
            books: Books::default(),
            gate: RwLock::default(),
            counters: Counters::default(),
            readers: Readers::new(path.clone()),
            cache: Cache::new(options.cache_bytes_max),
            next_block: AtomicI64::new(next_block),
            options,
        });
        let journal = replay::replay(&conn, &shared, &mut agents).map_err(|error| match error {
            JournalError::Sqlite(source) => sqlite("replay the journal of")(source),
            JournalError::Damaged(detail) => StoreError::Damaged { path: path.clone(), detail: detail.to_owned() },
        })?;
        tracing::info!(target: "store", samples = shared.head.samples(), generations = journal.generations().len(), "history opened");
        let pending = Pending::open(&conn, &shared).map_err(sqlite("read the records of"))?;
        let merger = Merger::load(&conn).map_err(sqlite("read the blocks of"))?;
        let (commands, writer_inbox) = sync_channel(shared.options.queue_max);
        let (asks, keeper_inbox) = sync_channel(ASKS);
        let keeper = Keeper {
            shared: Arc::clone(&shared),
            commands: commands.clone(),
            inbox: keeper_inbox,
            conn: schema::open_keeper(&path).map_err(sqlite("open"))?,
            generation_ms: shared.clock.now_ms(),
            sealing: journal.generations(),
            merger,
            folder: Folder::default(),
            retained_ms: shared.clock.now_ms(),
            checkpointed: Cell::new(Instant::now()),
            changes: Cell::new(0),
            is_relaxed: true,
            is_stopped: false,
        };
        let batches = Batches::new(agents, names, pending);
        let writer = Writer { shared: Arc::clone(&shared), conn, journal, batches, rate: 0.0, group_started: Instant::now() };
        let writer = thread::Builder::new().name("store-writer".to_owned()).spawn(move || writer.run(&writer_inbox));
        let writer = writer.map_err(|_| StoreError::Thread("writer"))?;
        let keeper = thread::Builder::new().name("store-keeper".to_owned()).spawn(move || keeper.run());
        let keeper = keeper.map_err(|_| StoreError::Thread("keeper"))?;
        let threads = Mutex::new(Some(Threads { writer, keeper, lock }));
        Ok(Self(Arc::new(Inner { shared, commands, asks, threads })))
    }

    /// Queues a batch; `done` hears its fate once, after it is on disk, or at once when the queue is full.
    pub fn submit(&self, batch: Incoming, done: Done) {
        let counters = &self.0.shared.counters;
        let samples = batch.samples() as u64;
        let head_max = self.0.shared.options.head_bytes_max as u64 * HEAD_FACTOR;
        let is_full = counters.queued_samples.load(Ordering::Relaxed) + samples > QUEUED_SAMPLES_MAX;
        let has_records = batch.frames.iter().any(|frame| !frame.records.is_empty());
        let is_behind = has_records && counters.pending_bytes.load(Ordering::Relaxed) > PENDING_BYTES_MAX;
        if is_full || is_behind || self.0.shared.head.bytes() > head_max {
            counters.busy.fetch_add(1, Ordering::Relaxed);
            return done(Err(CommitError::Busy));
        }
        counters.queued.fetch_add(1, Ordering::Relaxed);
        counters.queued_samples.fetch_add(samples, Ordering::Relaxed);
        let refused = match self.0.commands.try_send(Command::Batch(Box::new(batch), done)) {
            Ok(()) => return,
            Err(TrySendError::Full(command)) => (command, CommitError::Busy),
            Err(TrySendError::Disconnected(command)) => (command, CommitError::Closed),
        };
        counters.queued.fetch_sub(1, Ordering::Relaxed);
        counters.queued_samples.fetch_sub(samples, Ordering::Relaxed);
        counters.busy.fetch_add(1, Ordering::Relaxed);
        if let (Command::Batch(_, done), error) = refused {
            done(Err(error));
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// Every resource, by number.
    #[must_use]
    pub fn resources(&self) -> Vec<ResourceInfo> {
        self.0.catalog().resources().map(|entry| entry.info()).collect()
    }

    /// The series of one resource or of all, of one metric or of all, by resource and number.
    #[must_use]
    pub fn series(&self, resource: Option<ResourceId>, metric: Option<&str>) -> Vec<SeriesInfo> {
        let catalog = self.0.catalog();
        let keys = catalog.keys(|key| metric.is_none_or(|metric| key.metric == metric));
        let resources = catalog.resources().filter(|entry| resource.is_none_or(|resource| entry.id == resource));
        let mut all = Vec::new();
        for entry in resources {
            let matching = entry.series.iter().filter(|series| keys[series.key as usize]);
            all.extend(matching.map(|series| catalog.series_info(entry, *series)));
        }
        all
    }

    /// Answers a question about history.
    ///
    /// # Errors
    /// [`QueryError`] says how to narrow a question that is too large.
    pub fn query(&self, query: &Query) -> Result<Answer, QueryError> {
        crate::query::query(&self.0.shared, query)
    }

    /// The books of one agent or of all, over the minutes that touch `from_ms..to_ms`.
    ///
    /// # Errors
    /// [`QueryError`] when the history cannot be read.
    pub fn completeness(&self, agent: Option<&str>, from_ms: i64, to_ms: i64) -> Result<Vec<Completeness>, QueryError> {
        let shared = &self.0.shared;
        let mut agents = shared.agents.read().unwrap_or_else(PoisonError::into_inner).clone();
        agents.retain(|(_, name)| agent.is_none_or(|agent| **name == *agent));
        let _gate = shared.gate.read().unwrap_or_else(PoisonError::into_inner);
        shared.readers.with(|conn| shared.books.sum(conn, &agents, from_ms, to_ms))
    }

    /// Figures about the store itself.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let shared = &self.0.shared;
        let counters = &shared.counters;
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let size = |path: &Path| path.metadata().map_or(0, |file| file.len());
        let (resources, series) = {
            let catalog = self.0.catalog();
            (catalog.resources().count() as u64, catalog.series_total() as u64)
        };
        Stats {
            batches: read(&counters.batches),
            repeated: read(&counters.repeated),
            refused: read(&counters.refused),
            busy: read(&counters.busy),
            samples: read(&counters.samples),
            expired: read(&counters.expired),
            commits: read(&counters.commits),
            commit_seconds: Duration::from_nanos(read(&counters.commit_nanos)).as_secs_f64(),
            queue_depth: read(&counters.queued),
            head_samples: shared.head.samples(),
            head_bytes: shared.head.bytes(),
            disk_bytes: size(&shared.path) + size(&shared.path.with_extension("db-wal")),
            resources,
            series,
            sealed: read(&counters.sealed),
            merged: read(&counters.merged),
            disk_failures: read(&counters.disk_failures),
            pending_bytes: read(&counters.pending_bytes),
            folded: read(&counters.folded),
            capped: read(&counters.capped),
            is_writable: counters.is_writable(),
            at_work: counters.at_work(),
        }
    }

    /// Waits until the writer answers, behind all that waits for it; false when it has ended. One that hangs never answers.
    #[must_use]
    pub fn is_writer_alive(&self) -> bool {
        let (reply, answer) = sync_channel(1);
        self.0.commands.send(Command::Ask(reply)).is_ok() && answer.recv().is_ok()
    }

    /// Does at once what the keeper does by and by: merging, rollups and retention that are due by the clock; with `seal`,
    /// all samples in memory become blocks first.
    ///
    /// # Errors
    /// [`CommitError`] when the disk fails or the store is closing.
    pub fn tidy(&self, seal: bool) -> Result<(), CommitError> {
        loop {
            let (reply, answer) = sync_channel(1);
            self.0.asks.send(Ask::Tidy { seal, reply }).map_err(|_| CommitError::Closed)?;
            match answer.recv() {
                Ok(result) => return result.map_err(|error| CommitError::Disk(farol_shared::report::chain(&error).to_string())),
                // The keeper was amid its own round; it is told again.
                Err(_) => thread::yield_now(),
            }
        }
    }

    /// Writes a consistent copy to `to`, which must not exist, while the store works on.
    ///
    /// # Errors
    /// [`StoreError`] when the copy cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let file = |source| StoreError::File { action: "create", path: to.to_owned(), source };
        drop(File::create_new(to).map_err(file)?);
        let sqlite = |source| StoreError::Sqlite { action: "copy", path: to.to_owned(), source };
        let copied = self.0.shared.readers.with(|conn| {
            let mut target = Connection::open(to)?;
            let backup = rusqlite::backup::Backup::new(conn, &mut target)?;
            // All pages in one step: a reader's view of the log does not change, and the writer is not held up.
            while backup.step(-1)? != StepResult::Done {
                thread::yield_now();
            }
            Ok::<_, rusqlite::Error>(())
        });
        copied.map_err(sqlite)
    }

    /// Commits what waits, empties the write-ahead log and stops. Other clones answer [`CommitError::Closed`] afterwards.
    ///
    /// # Errors
    /// [`StoreError`] when the last writes fail.
    pub fn close(self) -> Result<(), StoreError> {
        self.0.close()
    }
}

impl Inner {
    fn catalog(&self) -> std::sync::RwLockReadGuard<'_, Catalog> {
        self.shared.catalog.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) -> Result<(), StoreError> {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Threads { writer, keeper, lock }) = threads else { return Ok(()) };
        let asked = self.asks.send(Ask::Stop);
        let kept = keeper.join();
        let told = self.commands.send(Command::Close);
        let conn = writer.join().map_err(|_| StoreError::Thread("writer"))?;
        if asked.is_err() || told.is_err() || kept.is_err() {
            return Err(StoreError::Thread("keeper"));
        }
        self.shared.readers.close();
        let sqlite = |source| StoreError::Sqlite { action: "close", path: self.shared.path.clone(), source };
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(sqlite)?;
        conn.close().map_err(|(_, source)| sqlite(source))?;
        drop(lock);
        tracing::info!(target: "store", "history closed");
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(target: "store", error = %farol_shared::report::chain(&error), "history not closed well");
        }
    }
}
