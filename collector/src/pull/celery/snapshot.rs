//! The table and texts of the page.

use serde::Serialize;
use utoipa::ToSchema;

pub use super::worker::WorkerState;

/// What the page shows of an application's tasks. Times in ms since the epoch, durations in seconds; null is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Celery {
    /// Where the broker is.
    pub broker: String,
    /// Whether events of tasks arrive; heartbeats come without them.
    pub events: bool,
    /// Tasks that wait in all queues.
    pub queued: Option<u64>,
    /// Tasks that wait for their time.
    pub scheduled: Option<u64>,
    /// Tasks that run now.
    pub active: Option<u64>,
    /// Tasks that workers hold: taken from a queue and not finished, or waiting for their time.
    pub reserved: Option<u64>,
    /// Runs that workers began within the last hour.
    pub processed_1h: Option<u64>,
    /// Runs that ended well within the last hour.
    pub succeeded_1h: Option<u64>,
    /// Runs that failed for good within the last hour.
    pub failed_1h: Option<u64>,
    /// Runs of the last hour that were to be tried again.
    pub retried_1h: Option<u64>,
    /// Failed runs against all that ended, 0 to 1.
    pub failure_ratio: Option<f64>,
    /// Mean run time of the last hour.
    pub mean_s: Option<f64>,
    /// Run time that half of the runs did not exceed.
    pub p50_s: Option<f64>,
    /// Run time that 95 % of the runs did not exceed.
    pub p95_s: Option<f64>,
    /// Workers that are not offline.
    pub workers_online: Option<u64>,
    /// Workers that were heard of within the last hour.
    pub workers_total: u64,
    /// Queues, by name.
    pub queues: Vec<CeleryQueue>,
    /// Workers, by name.
    pub workers: Vec<CeleryWorker>,
    /// Tasks of the last hour by name, most runs first.
    pub tasks: Vec<CeleryTask>,
    /// The last failures, newest first.
    pub failures: Vec<CeleryFailure>,
    /// What people should know.
    pub notes: Vec<String>,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CeleryQueue {
    /// Its name.
    pub name: String,
    /// Tasks that wait.
    pub length: Option<u64>,
    /// The same by priority; empty when the broker does not tell them apart.
    pub by_priority: Vec<CeleryPriority>,
    /// How long its oldest task waits, in seconds, when senders tell what they send.
    pub oldest_s: Option<f64>,
}

/// Tasks of one priority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CeleryPriority {
    /// The priority; on Redis 0 is the highest.
    pub priority: u8,
    /// Tasks that wait.
    pub length: u64,
}

/// A worker.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CeleryWorker {
    /// Its name, such as `celery@web-1`.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// How it is.
    pub state: WorkerState,
    /// Tasks that it runs now.
    pub active: Option<u64>,
    /// Runs that it began within the last hour.
    pub processed_1h: u64,
    /// Runs that failed on it within the last hour.
    pub failed_1h: u64,
    /// Load of its machine over one minute.
    pub load: Option<f64>,
    /// Version of Celery.
    pub version: Option<String>,
    /// When it was heard of last.
    pub last_seen: i64,
}

/// A name of tasks.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CeleryTask {
    /// Its name; `?` for tasks whose beginning was not heard.
    pub name: String,
    /// Runs that ended for good.
    pub count: u64,
    /// Runs that ended well.
    pub succeeded: u64,
    /// Runs that failed for good.
    pub failed: u64,
    /// Runs that were to be tried again.
    pub retried: u64,
    /// Mean run time.
    pub mean_s: Option<f64>,
    /// Run time that 95 % of the runs did not exceed.
    pub p95_s: Option<f64>,
    /// Class of its last exception.
    pub last_error: Option<String>,
}

/// A failed run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CeleryFailure {
    /// When.
    pub time: i64,
    /// Name of the task.
    pub task: String,
    /// Its id.
    pub id: String,
    /// Name of the worker.
    pub worker: String,
    /// Class of the exception; with `failure_messages` also the first line of its message.
    pub exception: String,
}
