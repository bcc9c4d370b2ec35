//! TEMPORARY: stands where the integration with UptimeRobot comes.

use std::time::Duration;

use super::{Group, Kind};

/// UptimeRobot.
pub const KIND: Kind = Kind {
    name: "uptimerobot",
    title: "UptimeRobot",
    group: Group::Uptime,
    interval: Duration::from_secs(60),
    floor: Duration::from_secs(30),
    timeout: Duration::from_secs(10),
    secrets: &[],
    options: &[],
    snippet: "[[uptimerobot]]\n",
    open: |_| Err("is not there yet".to_owned()),
};
