//! TEMPORARY: stands where the integration with Redis comes.

use std::time::Duration;

use super::{Group, Kind};

/// Redis.
pub const KIND: Kind = Kind {
    name: "redis",
    title: "Redis",
    group: Group::Cache,
    interval: Duration::from_secs(2),
    floor: Duration::from_secs(1),
    timeout: Duration::from_secs(10),
    secrets: &[],
    options: &[],
    snippet: "[[redis]]\n",
    open: |_| Err("is not there yet".to_owned()),
};
