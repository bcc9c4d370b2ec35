//! What is told of a broker: the snapshot `queues`, and the figures of its totals.

use farol_shared::catalog;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::Reading,
    answer::{Node, Overview, Queue},
    ask::Listing,
    health::Health,
};

/// Most queues that the snapshot tells.
pub(super) const QUEUES_TOLD_MAX: usize = 500;

/// Most bytes that they may take: names are up to 255 bytes long, and a snapshot is bounded.
const QUEUES_TOLD_BYTES_MAX: usize = 200 << 10;

/// Most nodes that the snapshot tells.
const NODES_MAX: usize = 60;

/// A broker and its queues.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct RabbitmqQueues {
    /// Version of RabbitMQ.
    pub version: String,
    /// Name of the cluster.
    pub cluster: Option<String>,
    /// The node that answered.
    pub node: Option<String>,
    /// What holds publishers back, by node.
    pub alarms: Vec<RabbitmqAlarm>,
    /// What the broker's own health checks said, at most 30 seconds ago.
    pub health: Vec<RabbitmqHealth>,
    /// All queues together.
    pub totals: RabbitmqTotals,
    /// Queues, most messages first.
    pub queues: Vec<RabbitmqQueue>,
    /// How many queues there are that the filter lets through; unknown when they cannot be listed.
    pub total_count: Option<usize>,
    /// Whether there are more queues than are told.
    pub is_cut: bool,
    /// The nodes of the cluster.
    pub nodes: Vec<RabbitmqNode>,
}

/// An alarm: the node takes no messages until it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RabbitmqAlarm {
    /// Name of the node.
    pub node: String,
    /// `memory` or `disk`.
    pub kind: String,
}

/// One of the broker's own health checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RabbitmqHealth {
    /// Its name.
    pub check: String,
    /// Whether all is well.
    pub ok: bool,
    /// Why not.
    pub reason: Option<String>,
}

/// All queues together. Rates are a second, as the broker computed them.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct RabbitmqTotals {
    /// Messages that wait.
    pub ready: Option<f64>,
    /// Messages that a consumer has and did not acknowledge yet.
    pub unacked: Option<f64>,
    /// Both.
    pub total: Option<f64>,
    /// Messages published.
    pub publish_rate: Option<f64>,
    /// Messages handed to consumers.
    pub deliver_rate: Option<f64>,
    /// Messages acknowledged.
    pub ack_rate: Option<f64>,
    /// Connections.
    pub connections: Option<f64>,
    /// Channels.
    pub channels: Option<f64>,
    /// Consumers.
    pub consumers: Option<f64>,
    /// Queues.
    pub queues: Option<f64>,
}

/// A queue. Consumers, memory and rates are unknown while the broker is asked for messages only.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RabbitmqQueue {
    /// Its name.
    pub name: String,
    /// Its virtual host.
    pub vhost: String,
    /// `classic`, `quorum` or `stream`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `running`, `idle`, `flow`, `down` and the like.
    pub state: Option<String>,
    /// Messages that wait.
    pub ready: Option<f64>,
    /// Messages that a consumer has and did not acknowledge yet.
    pub unacked: Option<f64>,
    /// Both.
    pub total: Option<f64>,
    /// Consumers.
    pub consumers: Option<f64>,
    /// Memory in bytes.
    pub memory: Option<f64>,
    /// Messages published a second.
    pub publish_rate: Option<f64>,
    /// Messages handed to consumers a second.
    pub deliver_rate: Option<f64>,
    /// Messages acknowledged a second.
    pub ack_rate: Option<f64>,
    /// Seconds until it is empty, at the rates of this moment.
    pub drain_s: Option<f64>,
}

/// A node of the cluster. Sizes are in bytes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RabbitmqNode {
    /// Its name.
    pub name: String,
    /// Whether it runs.
    pub running: Option<bool>,
    /// Memory in use.
    pub mem_used: Option<f64>,
    /// Memory above which it takes no messages.
    pub mem_limit: Option<f64>,
    /// Whether that is so now.
    pub mem_alarm: Option<bool>,
    /// Free space on its disk.
    pub disk_free: Option<f64>,
    /// Free space below which it takes no messages.
    pub disk_free_limit: Option<f64>,
    /// Whether that is so now.
    pub disk_free_alarm: Option<bool>,
    /// File descriptors in use.
    pub fd_used: Option<f64>,
    /// File descriptors that it may use.
    pub fd_total: Option<f64>,
    /// Seconds since it started.
    pub uptime_s: Option<f64>,
    /// Nodes that it has lost: the cluster is split.
    pub partitions: Vec<String>,
}

/// Makes the snapshot. `is_one_vhost`: only the queues of one virtual host were listed, and the totals are to be theirs.
pub(super) fn view(
    overview: &Overview,
    listing: Option<&Listing>,
    nodes: Option<&[Node]>,
    health: &Health,
    is_one_vhost: bool,
) -> RabbitmqQueues {
    let mut told_bytes = 0;
    let fits = |queue: &RabbitmqQueue| {
        told_bytes += serde_json::to_vec(queue).map_or(0, |json| json.len() + 1);
        told_bytes <= QUEUES_TOLD_BYTES_MAX
    };
    let rows = listing.into_iter().flat_map(|listing| &listing.queues).map(queue_row);
    let queues: Vec<RabbitmqQueue> = rows.take(QUEUES_TOLD_MAX).take_while(fits).collect();
    let total_count = listing.map(|listing| listing.matching);
    RabbitmqQueues {
        version: overview.rabbitmq_version.clone(),
        cluster: overview.cluster_name.clone(),
        node: overview.node.clone(),
        alarms: nodes.map_or_else(|| health.alarms.clone(), alarms),
        health: health.told.clone(),
        totals: if is_one_vhost { vhost_totals(listing) } else { totals(overview, listing) },
        is_cut: total_count.is_some_and(|count| count > queues.len()),
        queues,
        total_count,
        nodes: nodes.unwrap_or_default().iter().take(NODES_MAX).map(node_row).collect(),
    }
}

/// The broker's totals. Where it tells none, a whole list does.
fn totals(overview: &Overview, listing: Option<&Listing>) -> RabbitmqTotals {
    let (queue, object, rates) = (&overview.queue_totals, &overview.object_totals, &overview.message_stats);
    let whole = listing.filter(|listing| object.queues.is_some_and(|queues| sum_of(listing.queues.len()) >= queues));
    let or_listed = |told: Option<f64>, of: fn(&Queue) -> Option<f64>| told.or_else(|| sum(whole?, of));
    RabbitmqTotals {
        ready: or_listed(queue.messages_ready, |queue| queue.ready),
        unacked: or_listed(queue.messages_unacknowledged, |queue| queue.unacked),
        total: or_listed(queue.messages, |queue| queue.total),
        publish_rate: rates.publish(),
        deliver_rate: rates.deliver(),
        ack_rate: rates.ack(),
        connections: object.connections,
        channels: object.channels,
        consumers: object.consumers,
        queues: object.queues,
    }
}

/// The totals of the listed queues; nothing is known of connections, which the broker counts together.
fn vhost_totals(listing: Option<&Listing>) -> RabbitmqTotals {
    let Some(listing) = listing else { return RabbitmqTotals::default() };
    let whole = Some(listing).filter(|listing| listing.queues.len() >= listing.total);
    let of = |of: fn(&Queue) -> Option<f64>| sum(whole?, of);
    // A queue that never carried a message has no rates, and adds nothing to them.
    let rate = |of: fn(&Queue) -> Option<f64>| whole?.queues.iter().filter_map(of).reduce(|a, b| a + b);
    RabbitmqTotals {
        ready: of(|queue| queue.ready),
        unacked: of(|queue| queue.unacked),
        total: of(|queue| queue.total),
        publish_rate: rate(|queue| queue.publish_rate),
        deliver_rate: rate(|queue| queue.deliver_rate),
        ack_rate: rate(|queue| queue.ack_rate),
        consumers: of(|queue| queue.consumers),
        queues: Some(sum_of(listing.total)),
        ..RabbitmqTotals::default()
    }
}

/// The sum over all queues; unknown when it is for one of them.
fn sum(listing: &Listing, of: fn(&Queue) -> Option<f64>) -> Option<f64> {
    listing.queues.iter().try_fold(0.0, |sum, queue| Some(sum + of(queue)?))
}

#[expect(clippy::cast_precision_loss, reason = "a count of queues stays below 2^53")]
const fn sum_of(count: usize) -> f64 {
    count as f64
}

fn queue_row(queue: &Queue) -> RabbitmqQueue {
    RabbitmqQueue {
        name: queue.name.clone(),
        vhost: queue.vhost.clone(),
        kind: queue.kind.clone(),
        state: queue.state.clone(),
        ready: queue.ready,
        unacked: queue.unacked,
        total: queue.total,
        consumers: queue.consumers,
        memory: queue.memory,
        publish_rate: queue.publish_rate,
        deliver_rate: queue.deliver_rate,
        ack_rate: queue.ack_rate,
        drain_s: queue.drain_s(),
    }
}

fn node_row(node: &Node) -> RabbitmqNode {
    RabbitmqNode {
        name: node.name.clone(),
        running: node.running,
        mem_used: node.mem_used,
        mem_limit: node.mem_limit,
        mem_alarm: node.mem_alarm,
        disk_free: node.disk_free,
        disk_free_limit: node.disk_free_limit,
        disk_free_alarm: node.disk_free_alarm,
        fd_used: node.fd_used,
        fd_total: node.fd_total,
        uptime_s: node.uptime.map(|ms| ms / 1e3),
        partitions: node.partitions.iter().take(NODES_MAX).cloned().collect(),
    }
}

fn alarms(nodes: &[Node]) -> Vec<RabbitmqAlarm> {
    let of = |node: &Node, kind: &str, rings: Option<bool>| {
        (rings == Some(true)).then(|| RabbitmqAlarm { node: node.name.clone(), kind: kind.to_owned() })
    };
    let both = |node| [of(node, "memory", node.mem_alarm), of(node, "disk", node.disk_free_alarm)];
    nodes.iter().take(NODES_MAX).flat_map(both).flatten().collect()
}

/// The figures of the totals.
pub(super) fn measure(reading: &mut Reading, view: &RabbitmqQueues) {
    let totals = &view.totals;
    for (state, value) in [("ready", totals.ready), ("unacknowledged", totals.unacked)] {
        reading.set(&catalog::RABBITMQ_MESSAGES, &[("rabbitmq.message.state", state)], value);
    }
    reading.set(&catalog::RABBITMQ_PUBLISH_RATE, &[], totals.publish_rate);
    reading.set(&catalog::RABBITMQ_DELIVER_RATE, &[], totals.deliver_rate);
    reading.set(&catalog::RABBITMQ_ACK_RATE, &[], totals.ack_rate);
    reading.set(&catalog::RABBITMQ_QUEUES, &[], totals.queues);
    reading.set(&catalog::RABBITMQ_CONNECTIONS, &[], totals.connections);
    if !view.nodes.is_empty() || !view.health.is_empty() {
        reading.set(&catalog::RABBITMQ_ALARMS, &[], sum_of(view.alarms.len()));
    }
    for node in &view.nodes {
        let name = [("rabbitmq.node.name", node.name.as_str())];
        reading.set(&catalog::RABBITMQ_NODE_MEMORY_USED, &name, node.mem_used);
        reading.set(&catalog::RABBITMQ_NODE_MEMORY_LIMIT, &name, node.mem_limit);
        reading.set(&catalog::RABBITMQ_NODE_DISK_FREE, &name, node.disk_free);
    }
}

/// What was found, in a sentence.
pub(super) fn sentence(view: &RabbitmqQueues) -> String {
    let number = |value: Option<f64>| value.map_or("?".to_owned(), |value| value.to_string());
    let totals = &view.totals;
    let mut text = format!("RabbitMQ {}", view.version);
    if let Some(cluster) = &view.cluster {
        text = format!("{text}, cluster {cluster}");
    }
    let listed = view.queues.len();
    let (ready, unacked, queues) = (number(totals.ready), number(totals.unacked), number(totals.queues));
    text = format!("{text}: {queues} queues ({listed} told), {ready} messages ready, {unacked} unacknowledged");
    match view.alarms.len() {
        0 => text,
        alarms => format!("{text}; {alarms} alarms"),
    }
}
