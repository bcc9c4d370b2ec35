//! How the collector reaches a Redis: one server, what Sentinel calls the master, or all primaries of a Cluster.
//!
//! A [`Target`] is what the configuration says; connecting gives a [`Link`] of one [`Node`] (or, of a Cluster, one a primary),
//! each with one connection that many commands share. A link is never mended: when [`Link::is_broken`], it is dropped and the
//! target connected anew, so that Sentinel and the Cluster are asked again where things are now.
//!
//! Invariants: a password is never in an error, in `Debug` or in [`Target::describe`]; every wait has an end; failed
//! credentials are an error, never a connection as somebody else.
//!
//! Bounded: addresses ([`ADDRESSES_MAX`]), primaries ([`NODES_MAX`]), bytes of an answer ([`ANSWER_BYTES_MAX`]), the time of
//! connecting and of each answer (by the caller).

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use redis::{Cmd, FromRedisValue, RedisConnectionInfo};

use crate::pull::PollError;

pub mod address;
mod bounded;
pub mod cluster;
pub mod config;
pub mod error;
pub mod node;
mod sentinel;

pub use address::Address;
pub use config::Config;
pub use node::Node;

/// Most addresses of Sentinels, or of nodes to begin with. A set has three to five.
pub const ADDRESSES_MAX: usize = 16;

/// Most primaries of a Cluster that are asked, each over a connection of its own.
pub const NODES_MAX: usize = 64;

/// Most bytes that are read without anything having been asked meanwhile: no answer that we ask for is as large, and what is
/// larger would fill our memory.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A Redis as the configuration names it. Its `Debug` tells no password.
#[derive(Clone)]
pub struct Target {
    way: Way,
    user: RedisConnectionInfo,
    /// How to speak to Sentinels.
    sentinel_user: RedisConnectionInfo,
    tls: Option<node::Tls>,
    /// Nodes of the Cluster that were seen, asked when those of the configuration do not answer.
    known: Arc<Mutex<Vec<Address>>>,
}

/// How to get there.
#[derive(Clone, Debug)]
enum Way {
    One(Address),
    Sentinel { master: String, sentinels: Vec<Address> },
    Cluster(Vec<Address>),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.describe()).finish()
    }
}

impl Target {
    /// Reads the address and the keys beside it. `url` is `redis://[user:password@]host[:port][/db]`, `rediss://` for TLS, or
    /// `unix:///path`. Reads the `ca_file`, and does no other I/O.
    ///
    /// # Errors
    /// Says which key is wrong and what to write; never quotes the address, since a password may stand in it.
    pub fn read(url: Option<&str>, config: &Config) -> Result<Self, String> {
        config::target(url, config)
    }

    /// Where it is, for people: no secrets.
    #[must_use]
    pub fn describe(&self) -> String {
        let list = |addresses: &[Address]| addresses.iter().map(Address::to_string).collect::<Vec<_>>().join(", ");
        let tls = if self.tls.is_some() { " (TLS)" } else { "" };
        match &self.way {
            Way::One(address) if self.user.db() != 0 => format!("{address}/{}{tls}", self.user.db()),
            Way::One(address) => format!("{address}{tls}"),
            Way::Sentinel { master, sentinels } => format!("{master} through Sentinel {}{tls}", list(sentinels)),
            Way::Cluster(addresses) => format!("cluster {}{tls}", list(addresses)),
        }
    }

    /// Whether all primaries of a Cluster are meant.
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        matches!(self.way, Way::Cluster(_))
    }

    /// Name of the master, when Sentinel says where it is.
    #[must_use]
    pub fn master(&self) -> Option<&str> {
        match &self.way {
            Way::Sentinel { master, .. } => Some(master),
            Way::One(_) | Way::Cluster(_) => None,
        }
    }

    /// Number of the database.
    #[must_use]
    pub fn database(&self) -> i64 {
        self.user.db()
    }

    /// The same with another database. A Cluster has only database 0.
    #[must_use]
    pub fn with_database(&self, database: u32) -> Self {
        Self { user: self.user.clone().set_db(i64::from(database)), ..self.clone() }
    }

    /// Connects. `within` bounds the connecting of each server, and then each answer of the link.
    ///
    /// # Errors
    /// As [`error::told`]; a Cluster is an error when no primary can be reached, else see [`Link::unreached`].
    pub async fn connect(&self, within: Duration) -> Result<Link, PollError> {
        match &self.way {
            Way::One(address) => Ok(Link::of(Node::connect(address, &self.user, self.tls.as_ref(), within).await?)),
            Way::Sentinel { master, sentinels } => Ok(Link::of(self.find_master(master, sentinels, within).await?)),
            Way::Cluster(addresses) => self.find_primaries(addresses, within).await,
        }
    }

    /// Opens a connection that only listens to channels: to the server itself, to the master, or to one node of a Cluster.
    /// `within` bounds the connecting; what arrives waits in memory, so that the caller must keep reading.
    ///
    /// # Errors
    /// As [`error::told`].
    pub async fn subscriber(&self, within: Duration) -> Result<redis::aio::PubSub, PollError> {
        let address = match &self.way {
            Way::One(address) => address.clone(),
            // Asking a Sentinel and opening a connection to the master also checks that it is one.
            Way::Sentinel { master, sentinels } => self.find_master(master, sentinels, within).await?.address().clone(),
            Way::Cluster(_) => self.connect(within).await?.first().address().clone(),
        };
        node::subscriber(&address, &self.user, self.tls.as_ref(), within).await
    }
}

/// Connections to a Redis, at least one.
#[derive(Debug, Clone)]
pub struct Link {
    first: Node,
    others: Vec<Node>,
    /// Which node holds which keys; empty unless it is a Cluster.
    slots: Vec<cluster::Slots>,
    unreached: Vec<(String, PollError)>,
}

impl Link {
    fn of(node: Node) -> Self {
        Self { first: node, others: Vec::new(), slots: Vec::new(), unreached: Vec::new() }
    }

    /// The only node, or one of a Cluster.
    #[must_use]
    pub fn first(&self) -> &Node {
        &self.first
    }

    /// All nodes: one, or the primaries of a Cluster that were reached, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The node of a name (`host:port`).
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes().find(|node| node.name() == name)
    }

    /// Primaries of a Cluster that could not be reached, and why.
    #[must_use]
    pub fn unreached(&self) -> &[(String, PollError)] {
        &self.unreached
    }

    /// Whether it is a Cluster's.
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        !self.slots.is_empty()
    }

    /// Whether a connection ended, or the server said that it is no longer the one to ask: connect the target anew.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.nodes().any(Node::is_broken)
    }

    /// The node that holds a key.
    ///
    /// # Errors
    /// When that part of a Cluster cannot be reached, or nobody holds it.
    pub fn node_of(&self, key: &[u8]) -> Result<&Node, PollError> {
        if !self.is_cluster() {
            return Ok(&self.first);
        }
        let slot = cluster::slot(key);
        let Some(name) = self.slots.iter().find(|slots| slots.holds(slot)).map(|slots| slots.node.as_str()) else {
            return Err(PollError::unreachable(format!("no node of the cluster holds slot {slot}")));
        };
        self.node(name).ok_or_else(|| {
            let why = self.unreached.iter().find(|(other, _)| other == name).map(|(_, error)| error.message.as_str());
            PollError::unreachable(format!("{name}, which holds slot {slot}, cannot be reached: {}", why.unwrap_or("left out")))
        })
    }

    /// Runs a command on the only node, or on one of a Cluster.
    ///
    /// # Errors
    /// As [`error::told`].
    pub async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, PollError> {
        self.first.run(command).await
    }

    /// Runs a command on the node of a name.
    ///
    /// # Errors
    /// As [`error::told`]; and when there is no such node.
    pub async fn on<T: FromRedisValue>(&self, name: &str, command: &Cmd) -> Result<T, PollError> {
        let node = self.node(name).ok_or_else(|| PollError::unreachable(format!("{name} is no node that was reached")))?;
        node.run(command).await
    }

    /// Runs a command where a key is.
    ///
    /// # Errors
    /// As [`error::told`] and [`Link::node_of`].
    pub async fn by_key<T: FromRedisValue>(&self, key: &[u8], command: &Cmd) -> Result<T, PollError> {
        self.node_of(key)?.run(command).await
    }

    /// Runs a command on all nodes at once; the answers in the order of [`Link::nodes`].
    pub async fn on_all<T: FromRedisValue>(&self, command: &Cmd) -> Vec<(&Node, Result<T, PollError>)> {
        join_all(self.nodes().map(|node| async move { (node, node.run(command).await) })).await
    }

    /// The same connections with another bound for each answer.
    #[must_use]
    pub fn within(&self, answer: Duration) -> Self {
        Self {
            first: self.first.within(answer),
            others: self.others.iter().map(|node| node.within(answer)).collect(),
            slots: self.slots.clone(),
            unreached: self.unreached.clone(),
        }
    }
}
