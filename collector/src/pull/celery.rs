//! TEMPORARY: stands where the integration with Celery comes.

use std::time::Duration;

use super::{Group, Kind};

/// Celery.
pub const KIND: Kind = Kind {
    name: "celery",
    title: "Celery",
    group: Group::Queues,
    interval: Duration::from_secs(1),
    floor: Duration::from_secs(1),
    timeout: Duration::from_secs(10),
    secrets: &[],
    options: &[],
    snippet: "[[celery]]\n",
    open: |_| Err("is not there yet".to_owned()),
};
