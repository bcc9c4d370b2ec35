//! TEMPORARY: stands where the integration with Railway comes.

use std::time::Duration;

use super::{Group, Kind};

/// Railway.
pub const KIND: Kind = Kind {
    name: "railway",
    title: "Railway",
    group: Group::Infrastructure,
    interval: Duration::from_secs(60),
    floor: Duration::from_secs(30),
    timeout: Duration::from_secs(10),
    secrets: &[],
    options: &[],
    snippet: "[[railway]]\n",
    open: |_| Err("is not there yet".to_owned()),
};
