//! TEMPORARY: stands where the integration with AWS CloudWatch comes.

use std::time::Duration;

use super::{Group, Kind};

/// AWS CloudWatch.
pub const KIND: Kind = Kind {
    name: "cloudwatch",
    title: "AWS CloudWatch",
    group: Group::Infrastructure,
    interval: Duration::from_secs(60),
    floor: Duration::from_secs(60),
    timeout: Duration::from_secs(10),
    secrets: &[],
    options: &[],
    snippet: "[[cloudwatch]]\n",
    open: |_| Err("is not there yet".to_owned()),
};
