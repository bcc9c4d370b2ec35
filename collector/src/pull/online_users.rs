//! TEMPORARY: stands where the integration with Online users in Redis comes.

use std::time::Duration;

use super::{Group, Kind};

/// Online users in Redis.
pub const KIND: Kind = Kind {
    name: "online_users",
    title: "Online users in Redis",
    group: Group::Users,
    interval: Duration::from_secs(2),
    floor: Duration::from_secs(1),
    timeout: Duration::from_secs(10),
    secrets: &[],
    options: &[],
    snippet: "[[online_users]]\n",
    open: |_| Err("is not there yet".to_owned()),
};
