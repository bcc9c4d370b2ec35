//! TEMPORARY: stands where the integration with PostgreSQL comes.

use std::time::Duration;

use super::{Group, Kind};

/// PostgreSQL.
pub const KIND: Kind = Kind {
    name: "postgres",
    title: "PostgreSQL",
    group: Group::Database,
    interval: Duration::from_secs(10),
    floor: Duration::from_secs(2),
    timeout: Duration::from_secs(10),
    secrets: &[],
    options: &[],
    snippet: "[[postgres]]\n",
    open: |_| Err("is not there yet".to_owned()),
};
