//! TEMPORARY: stands where the integration with Sentry comes.

use std::time::Duration;

use super::{Group, Kind};

/// Sentry.
pub const KIND: Kind = Kind {
    name: "sentry",
    title: "Sentry",
    group: Group::Code,
    interval: Duration::from_secs(60),
    floor: Duration::from_secs(30),
    timeout: Duration::from_secs(10),
    secrets: &[],
    options: &[],
    snippet: "[[sentry]]\n",
    open: |_| Err("is not there yet".to_owned()),
};
