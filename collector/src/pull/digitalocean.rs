//! TEMPORARY: stands where the integration with DigitalOcean comes.

use std::time::Duration;

use super::{Group, Kind};

/// DigitalOcean.
pub const KIND: Kind = Kind {
    name: "digitalocean",
    title: "DigitalOcean",
    group: Group::Infrastructure,
    interval: Duration::from_secs(60),
    floor: Duration::from_secs(30),
    timeout: Duration::from_secs(10),
    secrets: &[],
    options: &[],
    snippet: "[[digitalocean]]\n",
    open: |_| Err("is not there yet".to_owned()),
};
