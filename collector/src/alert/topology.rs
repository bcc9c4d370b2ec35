//! Topology: what runs on what, what belongs to one service, what depends on what. Made of the resources that the store knows.
//!
//! Invariants: chains have an end, however parents are told; a dependency is either told (named, or the same address) or the only one
//! that it can be, and these are told apart.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use farol_shared::resource::{Resource, ResourceKind};
use farol_store::{ResourceId, ResourceInfo};

/// Longest chain of parents that is followed: host, container, process and some to spare.
const CHAIN_MAX: usize = 8;

/// For how long after its last sample an agent counts among all agents, in milliseconds: an hour. One that left yesterday is no part of
/// "most of them".
const AGENT_COUNTS_FOR_MS: i64 = 3_600_000;

/// What an agent of an integration begins with: the collector asks those itself, over the same network.
const ASKED_PREFIX: &str = "farol-collector#";

/// What the key of the collector's own machine ends in.
const OWN_SUFFIX: &str = "#collector";

/// The attribute by which a resource names what it depends on: names, services or addresses, separated by commas.
pub const DEPENDS_ON: &str = "farol.depends_on";

/// Systems that others depend on.
const STORES: &[&str] = &["redis", "valkey", "rabbitmq", "postgresql", "postgres"];

/// What is known of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its key.
    pub key: Arc<str>,
    /// What sort of thing it is.
    pub kind: ResourceKind,
    /// What people call it.
    pub name: Arc<str>,
    /// Its service.
    pub service: Option<Arc<str>>,
    /// Its tenant.
    pub tenant: Option<Arc<str>>,
    /// Its environment.
    pub environment: Option<Arc<str>>,
    /// The agent that told of it last.
    pub agent: Arc<str>,
    /// Name of the machine that it runs on.
    pub host: Option<Arc<str>>,
    /// The system that it is, when others may depend on it: `redis`, `rabbitmq`.
    store: Option<Arc<str>>,
    /// Addresses at which it is, or which it asks.
    places: Vec<String>,
    /// What it names as its dependencies; `None` when it names nothing.
    depends_on: Option<Vec<String>>,
    parent: Option<Arc<str>>,
    is_queue: bool,
}

/// How certain it is that something depends on something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bond {
    /// Somebody says so: a name, or the same address.
    Told,
    /// It is the only system of its sort that there is for it.
    Only,
}

/// What runs on what and depends on what.
#[derive(Debug, Clone, Default)]
pub struct Topology {
    nodes: HashMap<ResourceId, Node>,
    chains: HashMap<ResourceId, Arc<[ResourceId]>>,
    upstream: HashMap<ResourceId, Arc<[(ResourceId, Bond)]>>,
    roots: HashMap<Arc<str>, ResourceId>,
    agents: usize,
}

impl Topology {
    /// Reads what the store knows.
    #[must_use]
    pub fn of(resources: &[ResourceInfo], now_ms: i64) -> Self {
        let nodes: HashMap<ResourceId, Node> = resources.iter().map(|info| (info.id, Node::of(info))).collect();
        let by_key: HashMap<&str, ResourceId> = nodes.iter().map(|(id, node)| (&*node.key, *id)).collect();
        let chains = nodes.keys().map(|id| (*id, chain(*id, &nodes, &by_key))).collect();
        let roots = roots(&nodes);
        let is_counted = |info: &&ResourceInfo| {
            let is_asked = info.agent.starts_with(ASKED_PREFIX) || info.resource.key.ends_with(OWN_SUFFIX);
            !is_asked && now_ms.saturating_sub(info.last_seen_ms) <= AGENT_COUNTS_FOR_MS
        };
        let agents = resources.iter().filter(is_counted).map(|info| &info.agent).collect::<BTreeSet<_>>().len();
        let upstream = upstream(&nodes);
        Self { nodes, chains, upstream, roots, agents }
    }

    /// What is known of a resource.
    #[must_use]
    pub fn node(&self, id: ResourceId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// What a resource runs on, nearest first.
    #[must_use]
    pub fn chain(&self, id: ResourceId) -> &[ResourceId] {
        self.chains.get(&id).map_or(&[], |chain| chain)
    }

    /// What a resource depends on, those that are told first.
    #[must_use]
    pub fn upstream(&self, id: ResourceId) -> &[(ResourceId, Bond)] {
        self.upstream.get(&id).map_or(&[], |found| found)
    }

    /// The machine or container that an agent speaks for.
    #[must_use]
    pub fn root(&self, agent: &str) -> Option<ResourceId> {
        self.roots.get(agent).copied()
    }

    /// How many agents there are, those left out that were not heard of for an hour.
    #[must_use]
    pub const fn agents(&self) -> usize {
        self.agents
    }

    /// Whether the agent of a resource is one that counts: not an integration, nor the collector's own.
    #[must_use]
    pub fn has_agent(&self, id: ResourceId) -> bool {
        self.nodes.get(&id).is_some_and(|node| !node.agent.starts_with(ASKED_PREFIX) && !node.key.ends_with(OWN_SUFFIX))
    }

    /// Whether others depend on it: a broker, a cache, a database.
    #[must_use]
    pub fn is_store(&self, id: ResourceId) -> bool {
        self.nodes.get(&id).is_some_and(|node| node.store.is_some())
    }

    /// Whether `upper` carries `lower` or is what that depends on.
    #[must_use]
    pub fn is_above(&self, upper: ResourceId, lower: ResourceId) -> bool {
        self.chain(lower).contains(&upper) || self.upstream(lower).iter().any(|(id, _)| *id == upper)
    }
}

impl Node {
    fn of(info: &ResourceInfo) -> Self {
        let resource: &Resource = &info.resource;
        let attribute = |name: &str| resource.attributes.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let text = |name: &str| attribute(name).map(Arc::<str>::from);
        let integration = attribute("farol.integration.kind");
        let system = integration.or_else(|| attribute("db.system.name")).or_else(|| attribute("messaging.system"));
        let target = attribute("farol.integration.target").unwrap_or_default();
        let mut found: Vec<String> = places(target);
        found.extend(attribute("server.address").map(str::to_lowercase));
        Self {
            key: resource.key.as_str().into(),
            kind: resource.kind,
            name: resource.name().into(),
            service: text("service.name"),
            tenant: resource.tenant.as_deref().map(Into::into),
            environment: text("deployment.environment.name"),
            agent: Arc::clone(&info.agent),
            host: text("host.name"),
            store: system.filter(|system| STORES.contains(system)).map(Into::into),
            places: found,
            depends_on: attribute(DEPENDS_ON)
                .map(|text| text.split(',').map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty()).collect()),
            parent: resource.parent.as_deref().map(Into::into),
            is_queue: integration == Some("celery") || integration == Some("online_users"),
        }
    }

    /// Whether both belong to one owner, as far as they say.
    fn is_beside(&self, other: &Self) -> bool {
        let fits = |one: &Option<Arc<str>>, two: &Option<Arc<str>>| one.is_none() || two.is_none() || one == two;
        self.tenant == other.tenant && fits(&self.environment, &other.environment)
    }

    fn is_named(&self, name: &str) -> bool {
        let place_of = |place: &String| place == name || place.split(':').next() == Some(name);
        self.name.to_lowercase() == name || *self.key == *name || self.places.iter().any(place_of)
    }
}

/// The hosts with their ports, in small letters, of what an integration says about its target: `redis 10.0.0.1:6379/0 (TLS)`.
fn places(target: &str) -> Vec<String> {
    let words = target.split([' ', ',']).filter(|word| word.contains(':') || word.contains('.'));
    words.filter_map(|word| word.split('/').next()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

fn chain(id: ResourceId, nodes: &HashMap<ResourceId, Node>, by_key: &HashMap<&str, ResourceId>) -> Arc<[ResourceId]> {
    let mut chain: Vec<ResourceId> = Vec::new();
    let mut at = id;
    while chain.len() < CHAIN_MAX {
        let parent = nodes.get(&at).and_then(|node| node.parent.as_deref()).and_then(|key| by_key.get(key));
        match parent {
            Some(parent) if *parent != id && !chain.contains(parent) => {
                chain.push(*parent);
                at = *parent;
            }
            _ => break,
        }
    }
    chain.into()
}

/// Of each agent its machine, else the first container that runs on nothing known.
fn roots(nodes: &HashMap<ResourceId, Node>) -> HashMap<Arc<str>, ResourceId> {
    let mut found: BTreeMap<Arc<str>, (bool, ResourceId)> = BTreeMap::new();
    for (id, node) in nodes {
        let is_host = node.kind == ResourceKind::Host;
        if is_host || (node.kind == ResourceKind::Container && node.parent.is_none()) {
            let rank = (!is_host, *id);
            let best = found.entry(Arc::clone(&node.agent)).or_insert(rank);
            *best = rank.min(*best);
        }
    }
    found.into_iter().map(|(agent, (_, id))| (agent, id)).collect()
}

fn upstream(nodes: &HashMap<ResourceId, Node>) -> HashMap<ResourceId, Arc<[(ResourceId, Bond)]>> {
    let mut stores: Vec<(ResourceId, &Node)> = Vec::new();
    stores.extend(nodes.iter().filter(|(_, node)| node.store.is_some()).map(|(id, node)| (*id, node)));
    stores.sort_by_key(|(id, _)| *id);
    let named: HashMap<ResourceId, &[String]> =
        nodes.iter().filter_map(|(id, node)| Some((*id, node.depends_on.as_deref()?))).collect();
    let mut found = HashMap::new();
    for (id, node) in nodes {
        let mut bonds: Vec<(ResourceId, Bond)> = match named.get(id) {
            Some(names) => told(*id, node, names, nodes),
            None if node.is_queue => asked(*id, node, &stores),
            None if matches!(node.kind, ResourceKind::Service | ResourceKind::Container) => only(*id, node, &stores),
            None => Vec::new(),
        };
        bonds.sort_by_key(|(id, bond)| (*bond, *id));
        if !bonds.is_empty() {
            found.insert(*id, bonds.into());
        }
    }
    found
}

/// What it names itself: a service's name stands for all of its resources.
fn told(id: ResourceId, node: &Node, names: &[String], nodes: &HashMap<ResourceId, Node>) -> Vec<(ResourceId, Bond)> {
    let is_meant = |(other, found): &(&ResourceId, &Node)| {
        **other != id && node.is_beside(found) && names.iter().any(|name| found.is_named(name))
    };
    nodes.iter().filter(is_meant).map(|(other, _)| (*other, Bond::Told)).collect()
}

/// The broker that a Celery asks: the system at the same address.
fn asked(id: ResourceId, node: &Node, stores: &[(ResourceId, &Node)]) -> Vec<(ResourceId, Bond)> {
    let host = |place: &str| place.split(':').next().unwrap_or_default().to_owned();
    let is_at = |store: &Node| {
        let is_rabbit = store.store.as_deref() == Some("rabbitmq");
        // RabbitMQ is asked at another port than its queues are.
        store.places.iter().any(|one| node.places.iter().any(|two| one == two || (is_rabbit && host(one) == host(two))))
    };
    let found: Vec<_> = stores.iter().filter(|(other, store)| *other != id && is_at(store)).collect();
    found.into_iter().map(|(other, _)| (*other, Bond::Told)).collect()
}

/// Systems of which there is one only beside a service: it can be no other.
fn only(id: ResourceId, node: &Node, stores: &[(ResourceId, &Node)]) -> Vec<(ResourceId, Bond)> {
    let mut by_system: BTreeMap<&str, Vec<ResourceId>> = BTreeMap::new();
    for (other, store) in stores {
        if *other != id && node.is_beside(store) {
            by_system.entry(store.store.as_deref().unwrap_or_default()).or_default().push(*other);
        }
    }
    by_system.into_values().filter(|found| found.len() == 1).flatten().map(|other| (other, Bond::Only)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A resource for tests: its name is what stands behind the colon of its key.
    pub(crate) fn info(
        id: ResourceId,
        key: &str,
        parent: Option<&str>,
        agent: &str,
        attributes: &[(&str, &str)],
    ) -> ResourceInfo {
        let (word, name) = key.split_once(':').unwrap();
        let kind = ResourceKind::parse(word).unwrap();
        let mut all: BTreeMap<String, String> =
            attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let tenant = all.remove("tenant");
        let own = match kind {
            ResourceKind::Host => "host.name",
            ResourceKind::Container => "container.name",
            ResourceKind::Unit => "systemd.unit",
            ResourceKind::Service | ResourceKind::External => "service.name",
        };
        all.entry(own.to_owned()).or_insert_with(|| name.to_owned());
        let resource = Resource { key: key.to_owned(), kind, parent: parent.map(str::to_owned), tenant, attributes: all };
        ResourceInfo {
            id,
            resource: Arc::new(resource),
            agent: agent.into(),
            first_seen_ms: 0,
            last_seen_ms: 0,
            interval_ms: 1_000,
        }
    }

    #[test]
    fn chains_follow_parents_and_end_even_in_a_circle() {
        let topology = Topology::of(
            &[
                info(1, "host:a", None, "a", &[]),
                info(2, "container:b", Some("host:a"), "a", &[]),
                info(3, "unit:c", Some("container:b"), "a", &[]),
                info(4, "host:x", Some("host:y"), "x", &[]),
                info(5, "host:y", Some("host:x"), "x", &[]),
            ],
            0,
        );
        assert_eq!(topology.chain(3), [2, 1]);
        assert_eq!((topology.chain(1), topology.chain(4)), (&[][..], &[5][..]));
        assert!(topology.is_above(1, 3) && !topology.is_above(3, 1));
        assert_eq!((topology.root("a"), topology.root("x")), (Some(1), Some(4)));
    }

    #[test]
    fn celery_depends_on_the_broker_at_its_address() {
        let redis = |id, name: &str, at: &str| {
            info(
                id,
                &format!("external:{name}"),
                None,
                "farol-collector#r",
                &[("farol.integration.kind", "redis"), ("farol.integration.target", at)],
            )
        };
        let celery = |id, name: &str, at: &str| {
            info(
                id,
                &format!("external:{name}"),
                None,
                "farol-collector#c",
                &[("farol.integration.kind", "celery"), ("farol.integration.target", at)],
            )
        };
        let rabbit = info(
            4,
            "external:mq",
            None,
            "farol-collector#m",
            &[("farol.integration.kind", "rabbitmq"), ("farol.integration.target", "mq.local:15672, vhost /")],
        );
        let topology = Topology::of(
            &[
                redis(1, "one", "10.0.0.1:6379"),
                redis(2, "two", "10.0.0.2:6379/1 (TLS)"),
                celery(3, "tasks", "redis 10.0.0.2:6379/0"),
                rabbit,
                celery(5, "jobs", "rabbitmq mq.local:5672"),
            ],
            0,
        );
        assert_eq!(topology.upstream(3), [(2, Bond::Told)]);
        assert_eq!(topology.upstream(5), [(4, Bond::Told)]);
        assert_eq!(topology.agents(), 0, "integrations are no agents");
    }

    #[test]
    fn a_service_depends_on_the_only_one_of_its_sort_or_on_what_it_names() {
        let redis = |id, name: &str| info(id, &format!("external:{name}"), None, "r", &[("farol.integration.kind", "redis")]);
        let shop = |more: &[(&str, &str)]| info(9, "service:shop", None, "a", more);
        let one = Topology::of(&[redis(1, "cache"), shop(&[])], 0);
        assert_eq!(one.upstream(9), [(1, Bond::Only)]);
        let two = Topology::of(&[redis(1, "cache"), redis(2, "sessions"), shop(&[])], 0);
        assert_eq!(two.upstream(9), []);
        let named = Topology::of(&[redis(1, "cache"), redis(2, "sessions"), shop(&[(DEPENDS_ON, "Sessions, mail")])], 0);
        assert_eq!(named.upstream(9), [(2, Bond::Told)]);
        let others = Topology::of(&[redis(1, "cache"), shop(&[("tenant", "acme")])], 0);
        assert_eq!(others.upstream(9), [], "another tenant's is none");
    }
}
