//! TEMPORARY: stands where the integration with Plausible comes.

use std::time::Duration;

use super::{Group, Kind};

/// Plausible.
pub const KIND: Kind = Kind {
    name: "plausible",
    title: "Plausible",
    group: Group::Users,
    interval: Duration::from_secs(30),
    floor: Duration::from_secs(10),
    timeout: Duration::from_secs(10),
    secrets: &[],
    options: &[],
    snippet: "[[plausible]]\n",
    open: |_| Err("is not there yet".to_owned()),
};
