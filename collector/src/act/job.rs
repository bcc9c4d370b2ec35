//! Jobs: deletions that take longer than a request should. Each can be watched and cancelled.
//!
//! Bounded: [`RUNNING_MAX`] at work at once, one an instance; [`KEPT_MAX`] are remembered, the oldest ended ones go.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

use super::{Act, ActError};

/// Most jobs at work at once: each takes a part of a core, here and in Redis.
pub const RUNNING_MAX: usize = 8;

/// Most jobs that are remembered.
pub const KEPT_MAX: usize = 200;

/// How a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// At work.
    Running,
    /// All that matched is deleted.
    Done,
    /// Somebody cancelled it; what was deleted is deleted.
    Cancelled,
    /// Redis refused or went away; what was deleted is deleted.
    Failed,
    /// It came to its bound of keys or time: start it again to continue.
    Partial,
}

impl JobState {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Partial => "partial",
        }
    }
}

/// How far a deletion by pattern has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Progress {
    /// Its number, for `/api/v1/actions/{id}`; `null` when it was answered at once.
    pub job: Option<String>,
    /// Name of the instance.
    pub instance: String,
    /// Number of the database.
    pub db: i64,
    /// The pattern.
    pub pattern: String,
    /// Who started it.
    pub username: String,
    /// How it is doing.
    pub state: JobState,
    /// Keys found so far that match.
    pub scanned: u64,
    /// Keys deleted so far.
    pub deleted: u64,
    /// Keys of task queues that were left alone.
    pub left_alone: u64,
    /// Keys that matched when it began, counted up to a bound.
    pub total: u64,
    /// By what the deletion can be undone; `null` when nothing was kept.
    pub undo: Option<String>,
    /// How many of the deleted keys are kept for undoing.
    pub kept: u64,
    /// Until when they are kept, in milliseconds since the epoch.
    pub undo_until: Option<i64>,
    /// When it began, in milliseconds since the epoch.
    pub started: i64,
    /// When it ended.
    pub ended: Option<i64>,
    /// Why it failed, or what to do next.
    pub message: Option<String>,
}

/// All jobs.
#[derive(Debug, Default)]
pub(super) struct Jobs(Mutex<Vec<Job>>);

/// One job, as others see it.
#[derive(Debug)]
struct Job {
    id: String,
    progress: watch::Receiver<Progress>,
    is_cancelled: Arc<AtomicBool>,
}

/// One job, as its own task sees it.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) progress: watch::Sender<Progress>,
    is_cancelled: Arc<AtomicBool>,
}

impl Handle {
    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }
}

impl Drop for Handle {
    /// A task that broke off must not look as if it were still at work.
    fn drop(&mut self) {
        self.progress.send_if_modified(|progress| {
            let is_running = progress.state == JobState::Running;
            if is_running {
                progress.state = JobState::Failed;
                progress.message = Some("it broke off".to_owned());
            }
            is_running
        });
    }
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, Vec<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses when a job is at work on an instance, or as many as may be are at work.
    pub(super) fn need_room(&self, instance: &str) -> Result<(), ActError> {
        need_room(&self.lock(), instance)
    }

    /// Notes a job that begins, unless another is at work on its instance.
    pub(super) fn begin(&self, progress: Progress) -> Result<Handle, ActError> {
        let mut jobs = self.lock();
        need_room(&jobs, &progress.instance)?;
        if jobs.len() >= KEPT_MAX
            && let Some(oldest) = jobs.iter().position(|job| job.progress.borrow().state != JobState::Running)
        {
            jobs.remove(oldest);
        }
        let (is_cancelled, id) = (Arc::new(AtomicBool::new(false)), progress.job.clone().unwrap_or_default());
        let (sender, receiver) = watch::channel(progress);
        jobs.push(Job { id, progress: receiver, is_cancelled: Arc::clone(&is_cancelled) });
        Ok(Handle { progress: sender, is_cancelled })
    }

    pub(super) fn cancel_all(&self) {
        self.lock().iter().for_each(|job| job.is_cancelled.store(true, Ordering::Relaxed));
    }
}

impl Act {
    /// How far a job has come, and each change from here on; `None` when there is no such job, or no longer.
    #[must_use]
    pub fn watch(&self, id: &str) -> Option<watch::Receiver<Progress>> {
        let jobs = self.0.jobs.lock();
        jobs.iter().find(|job| job.id == id).map(|job| job.progress.clone())
    }

    /// Asks a job to stop; it does so between two groups of keys. One that has ended stays as it is.
    ///
    /// # Errors
    /// [`ActError::Gone`] when there is no such job.
    pub fn cancel(&self, id: &str) -> Result<Progress, ActError> {
        let jobs = self.0.jobs.lock();
        let job = jobs.iter().find(|job| job.id == id).ok_or(ActError::Gone("there is no such action, or no longer"))?;
        job.is_cancelled.store(true, Ordering::Relaxed);
        Ok(job.progress.borrow().clone())
    }
}

fn need_room(jobs: &[Job], instance: &str) -> Result<(), ActError> {
    let running = || jobs.iter().filter(|job| job.progress.borrow().state == JobState::Running);
    if running().any(|job| job.progress.borrow().instance == instance) {
        return Err(ActError::UnderWay("keys of this instance are being deleted already: wait, or cancel that".to_owned()));
    }
    if running().count() >= RUNNING_MAX {
        return Err(ActError::UnderWay(format!("{RUNNING_MAX} deletions are under way already: wait for one to end")));
    }
    Ok(())
}

/// A number that nobody guesses.
pub(super) fn id() -> Result<String, ActError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| ActError::Broken)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
