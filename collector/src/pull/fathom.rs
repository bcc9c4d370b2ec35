//! TEMPORARY: stands where the integration with Fathom comes.

use std::time::Duration;

use super::{Group, Kind};

/// Fathom.
pub const KIND: Kind = Kind {
    name: "fathom",
    title: "Fathom",
    group: Group::Users,
    interval: Duration::from_secs(30),
    floor: Duration::from_secs(10),
    timeout: Duration::from_secs(10),
    secrets: &[],
    options: &[],
    snippet: "[[fathom]]\n",
    open: |_| Err("is not there yet".to_owned()),
};
