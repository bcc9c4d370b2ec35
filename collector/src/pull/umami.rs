//! TEMPORARY: stands where the integration with Umami comes.

use std::time::Duration;

use super::{Group, Kind};

/// Umami.
pub const KIND: Kind = Kind {
    name: "umami",
    title: "Umami",
    group: Group::Users,
    interval: Duration::from_secs(30),
    floor: Duration::from_secs(10),
    timeout: Duration::from_secs(10),
    secrets: &[],
    options: &[],
    snippet: "[[umami]]\n",
    open: |_| Err("is not there yet".to_owned()),
};
