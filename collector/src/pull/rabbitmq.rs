//! TEMPORARY: stands where the integration with RabbitMQ comes.

use std::time::Duration;

use super::{Group, Kind};

/// RabbitMQ.
pub const KIND: Kind = Kind {
    name: "rabbitmq",
    title: "RabbitMQ",
    group: Group::Queues,
    interval: Duration::from_secs(5),
    floor: Duration::from_secs(5),
    timeout: Duration::from_secs(10),
    secrets: &[],
    options: &[],
    snippet: "[[rabbitmq]]\n",
    open: |_| Err("is not there yet".to_owned()),
};
