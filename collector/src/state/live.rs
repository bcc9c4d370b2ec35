//! The running collector's handle on its accounts: one thread owns the file, everybody else reads memory.
//!
//! In: jobs that change accounts, and other processes' changes of the file. Out: [`Accounts`], replaced as a whole.
//! Bounded: [`JOBS_MAX`] waiting jobs; one more is refused as busy.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use tokio::sync::oneshot;

use super::{Accounts, Clock, Duration, Path, StateDb, StateError, report};
use crate::access::seal::{ADVICE, Seal};

/// Most jobs that wait. Each is one small transaction; more would mean seconds of waiting.
const JOBS_MAX: usize = 64;

/// How often the file is asked whether another process changed it: a revoked token is refused this much later.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often uses are written: more would wear the disk for a column that people look at once a month.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// The name under which the key that signs tokens stands.
const SIGNING_KEY: &str = "signing_key";

type Job = Box<dyn FnOnce(&mut Owner) + Send>;

/// Accounts of a running collector. Cheap to clone.
#[derive(Debug, Clone)]
pub struct State {
    jobs: SyncSender<Job>,
    accounts: Arc<RwLock<Arc<Accounts>>>,
    folder: Arc<Path>,
    alerts_revision: Arc<AtomicU64>,
}

/// The accounts' thread. Ends when every [`State`] is dropped.
#[derive(Debug)]
pub struct StateThread(JoinHandle<()>);

impl StateThread {
    /// Waits until the last uses are written. Drop every [`State`] first.
    ///
    /// # Errors
    /// [`StateError::Closed`] when the thread had panicked.
    pub fn join(self) -> Result<(), StateError> {
        self.0.join().map_err(|_| StateError::Closed)
    }
}

impl State {
    /// Opens the file and starts its thread.
    ///
    /// # Errors
    /// As [`StateDb::open`], or [`StateError::File`] when the thread cannot be started.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<(Self, StateThread), StateError> {
        let db = StateDb::open(path)?;
        let accounts = Arc::new(RwLock::new(Arc::new(Accounts::read(&db, &Accounts::default())?)));
        let (jobs, waiting) = sync_channel(JOBS_MAX);
        let seen = db.data_version()?;
        let alerts_revision = Arc::clone(&db.alerts_revision);
        let owner = Owner { db, accounts: Arc::clone(&accounts), clock, seen };
        let thread = thread::Builder::new().name("state".to_owned()).spawn(move || owner.run(&waiting));
        let failed = |cause| StateError::File { doing: "starting a thread for", path: path.display().to_string(), cause };
        let folder = path.parent().unwrap_or(Path::new("")).into();
        Ok((Self { jobs, accounts, folder, alerts_revision }, StateThread(thread.map_err(failed)?)))
    }

    /// The folder of the file.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The accounts as they are now.
    #[must_use]
    pub fn now(&self) -> Arc<Accounts> {
        Arc::clone(&self.accounts.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does one job on the file. When it returns, [`State::now`] shows the result.
    ///
    /// # Errors
    /// The job's own, [`StateError::Busy`] when too many wait, [`StateError::Closed`].
    pub async fn change<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut StateDb) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        self.ask(move |owner| {
            let result = job(&mut owner.db);
            owner.refresh();
            result
        })
        .await
    }

    /// Reads what is not in memory.
    ///
    /// # Errors
    /// As [`State::change`].
    pub async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&StateDb) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        self.ask(move |owner| job(&owner.db)).await
    }

    /// Does one job on what is not accounts, and waits for it: for a thread of its own, never for the runtime.
    ///
    /// # Errors
    /// As [`State::change`].
    ///
    /// # Panics
    /// When it is called by a task of the runtime, which it would hold up.
    pub fn change_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut StateDb) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        self.hand_over(move |owner| job(&mut owner.db))?.blocking_recv().map_err(|_| StateError::Closed)?
    }

    /// A number that grows when people change silences or acknowledge an incident.
    #[must_use]
    pub fn alerts_revision(&self) -> u64 {
        self.alerts_revision.load(Ordering::Acquire)
    }

    async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Owner) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        self.hand_over(job)?.await.map_err(|_| StateError::Closed)?
    }

    /// Queues a job; its result comes by what is answered.
    fn hand_over<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Owner) -> Result<T, StateError> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, StateError>>, StateError> {
        let (done, answer) = oneshot::channel();
        // Whoever asked may have gone away (a closed connection); the job is done all the same.
        let job: Job = Box::new(move |owner| drop(done.send(job(owner))));
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StateError::Busy,
            TrySendError::Disconnected(_) => StateError::Closed,
        })?;
        Ok(answer)
    }

    /// The key that signs login tokens; made at the first start and stored sealed. One that an older version stored in clear is
    /// sealed. One that was sealed under another key is replaced: the tokens that it signed end.
    ///
    /// # Errors
    /// As [`State::change`]; the system's lack of random numbers counts as [`StateError::File`].
    pub async fn signing_key(&self, seal: &Seal) -> Result<[u8; 32], StateError> {
        let seal = seal.clone();
        self.change(move |db| {
            let stored = db.setting(SIGNING_KEY)?;
            if let Some(key) = stored.as_ref().and_then(|stored| seal.open(SIGNING_KEY, stored)?.try_into().ok()) {
                return Ok(key);
            }
            let no_random = |error| StateError::File {
                doing: "getting random numbers from",
                path: "the system".to_owned(),
                cause: std::io::Error::other(error),
            };
            let key = match stored.map(<[u8; 32]>::try_from) {
                Some(Ok(in_clear)) => in_clear,
                found => {
                    if found.is_some() {
                        let path = seal.path().display();
                        tracing::error!(target: "access", key = %path, advice = ADVICE, "secrets at rest are sealed under another key");
                    }
                    let mut key = [0_u8; 32];
                    getrandom::fill(&mut key).map_err(no_random)?;
                    key
                }
            };
            db.set_setting(SIGNING_KEY, &seal.seal(SIGNING_KEY, &key).map_err(no_random)?)?;
            Ok(key)
        })
        .await
    }
}

/// What the thread owns.
struct Owner {
    db: StateDb,
    accounts: Arc<RwLock<Arc<Accounts>>>,
    clock: Arc<dyn Clock>,
    /// The file's data version at the last reading.
    seen: i64,
}

impl Owner {
    fn run(mut self, waiting: &Receiver<Job>) {
        let (mut looked, mut noted) = (Instant::now(), Instant::now());
        loop {
            match waiting.recv_timeout(LOOK_EVERY.saturating_sub(looked.elapsed())) {
                Ok(job) => job(&mut self),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if looked.elapsed() >= LOOK_EVERY {
                looked = Instant::now();
                self.look();
            }
            if noted.elapsed() >= NOTE_EVERY {
                noted = Instant::now();
                self.note();
            }
        }
        self.note();
    }

    /// Reads the accounts again when another process changed them.
    fn look(&mut self) {
        match self.db.data_version() {
            Ok(version) if version == self.seen => {}
            Ok(version) => {
                self.seen = version;
                self.refresh();
            }
            Err(error) => warn(&error),
        }
    }

    fn refresh(&mut self) {
        let before = Arc::clone(&self.accounts.read().unwrap_or_else(PoisonError::into_inner));
        match Accounts::read(&self.db, &before) {
            Ok(new) => *self.accounts.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new),
            Err(error) => {
                // Try again at the next look: the copy in memory must not stay behind.
                self.seen = -1;
                warn(&error);
            }
        }
    }

    fn note(&mut self) {
        let before = Arc::clone(&self.accounts.read().unwrap_or_else(PoisonError::into_inner));
        match self.db.note_uses(&before.fresh_uses(), self.clock.now_ms()) {
            Ok(()) => self.refresh(),
            Err(error) => warn(&error),
        }
    }
}

fn warn(error: &StateError) {
    tracing::warn!(target: "state", error = %report::chain(error), "accounts could not be read or written");
}
