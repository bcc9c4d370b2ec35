//! A resource: what produces telemetry, described by OpenTelemetry resource attributes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What sort of thing a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceKind {
    /// A machine, physical or virtual.
    Host,
    /// A container, seen from inside, from its sidecar, or from its host.
    Container,
    /// A systemd unit.
    Unit,
    /// A service made of one or more processes.
    Service,
    /// A system outside, merged by an integration.
    External,
}

impl ResourceKind {
    /// The word for the kind on the wire, on disk and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Container => "container",
            Self::Unit => "unit",
            Self::Service => "service",
            Self::External => "external",
        }
    }

    /// The kind that a word stands for, if any.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Host, Self::Container, Self::Unit, Self::Service, Self::External].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A resource as its agent describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Stable identity within one collector, at most [`crate::limit::KEY_BYTES_MAX`] bytes, such as
    /// `host:web-1` or `container:4f1c…@web-1`. What describes may change; this does not.
    pub key: String,
    /// What sort of thing it is.
    pub kind: ResourceKind,
    /// Key of the resource that this one runs on, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Owner in a multi-tenant system, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// OpenTelemetry attributes (`host.name`, `service.name`, `container.id`, ...) that describe it.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

impl Resource {
    /// The name that people know it by: service, container or unit name, else the host's, else the key.
    #[must_use]
    pub fn name(&self) -> &str {
        let keys: &[&str] = match self.kind {
            ResourceKind::Host => &["host.name"],
            ResourceKind::Container => &["container.name", "service.name", "container.id", "host.name"],
            ResourceKind::Unit => &["systemd.unit"],
            ResourceKind::Service | ResourceKind::External => &["service.name"],
        };
        keys.iter().find_map(|key| self.attributes.get(*key)).map_or(&self.key, String::as_str)
    }
}
