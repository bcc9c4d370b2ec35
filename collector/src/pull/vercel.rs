//! TEMPORARY: stands where the integration with Vercel comes.

use std::time::Duration;

use super::{Group, Kind};

/// Vercel.
pub const KIND: Kind = Kind {
    name: "vercel",
    title: "Vercel",
    group: Group::Infrastructure,
    interval: Duration::from_secs(300),
    floor: Duration::from_secs(60),
    timeout: Duration::from_secs(10),
    secrets: &[],
    options: &[],
    snippet: "[[vercel]]\n",
    open: |_| Err("is not there yet".to_owned()),
};
