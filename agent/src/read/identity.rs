//! Builds the agent's own resource: what it is called and what describes it.

use std::collections::BTreeMap;

use farol_shared::{
    limit,
    resource::{Resource, ResourceKind},
};
use nix::unistd::gethostname;

use super::{Place, Roots, Surroundings, kept, names};
use crate::{config::Described, recorder};

/// The agent's own resource. Its key stays the same over restarts of the agent and of the machine; a container made anew
/// with another host name is another resource, because two replicas of one service must not be taken for one.
#[must_use]
pub fn own(roots: &Roots, around: &Surroundings, described: &Described) -> Resource {
    let mut attributes = facts(roots);
    let host = attributes.get("host.name").cloned().unwrap_or_else(|| "unknown".to_owned());
    if let Some(container) = &around.container {
        let known = [
            ("container.id", container.id.as_str()),
            ("container.runtime", container.runtime.unwrap_or_default()),
            ("k8s.pod.uid", container.pod.as_deref().unwrap_or_default()),
        ];
        let told = known.into_iter().filter(|(_, value)| !value.is_empty());
        attributes.extend(told.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
    // What the operator says wins over what is found out.
    attributes.extend(described.attributes.clone());

    let (kind, key) = match around.place {
        Place::Host => {
            let name = described.name.clone().unwrap_or(host);
            attributes.insert("host.name".to_owned(), name.clone());
            (ResourceKind::Host, format!("host:{name}"))
        }
        Place::Container => (ResourceKind::Container, container_key(&mut attributes, host, described.name.as_deref())),
    };
    let suffix = described.key_suffix;
    let key = format!("{}{suffix}", recorder::cut(&key, limit::KEY_BYTES_MAX - suffix.len()));
    Resource { key, kind, parent: None, tenant: described.tenant.clone(), attributes }
}

fn container_key(attributes: &mut BTreeMap<String, String>, host: String, name: Option<&str>) -> String {
    if let Some(name) = name {
        attributes.insert("container.name".to_owned(), name.to_owned());
        return format!("container:{name}");
    }
    let service = attributes.get("service.name").cloned();
    if service.is_none() {
        // The host's name, which a runtime makes from the container's id, is what people see.
        attributes.entry("container.name".to_owned()).or_insert_with(|| host.clone());
    }
    let id = attributes.get("container.id").map(|id| names::short(id).to_owned());
    let name = service.or(id).unwrap_or_else(|| host.clone());
    let instance = attributes.get("service.instance.id").cloned().unwrap_or(host);
    format!("container:{name}@{instance}")
}

/// What is known of the machine or container, from plain files.
fn facts(roots: &Roots) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut add = |key: &str, value: Option<String>| {
        if let Some(value) = value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()) {
            facts.insert(key.to_owned(), value);
        }
    };
    let file = |path: &str| kept::once(&roots.path(path));
    add("host.name", host_name(roots));
    add("host.id", file("/etc/machine-id"));
    add("host.arch", Some(arch().to_owned()));
    add("os.type", Some("linux".to_owned()));
    add("os.kernel.release", file("/proc/sys/kernel/osrelease"));
    let release = file("/etc/os-release").or_else(|| file("/usr/lib/os-release"));
    add("os.description", release.as_deref().and_then(|text| release_value(text, "PRETTY_NAME")));
    add("os.version", release.as_deref().and_then(|text| release_value(text, "VERSION_ID")));
    add("os.name", release.as_deref().and_then(|text| release_value(text, "NAME")));
    facts
}

fn host_name(roots: &Roots) -> Option<String> {
    let asked = || gethostname().ok().and_then(|name| name.into_string().ok());
    // Below another root, the kernel's answer would be about the agent's own namespace.
    let file = |path: &str| kept::once(&roots.path(path));
    if roots.is_own() { asked() } else { file("/etc/hostname").or_else(|| file("/proc/sys/kernel/hostname")) }
}

/// The architecture's name after the OpenTelemetry conventions.
fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        other => other,
    }
}

/// A value of `os-release`, without its quotes.
fn release_value(text: &str, key: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?.trim();
    let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    Some(bare.replace("\\\"", "\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_inside_another_program_has_a_key_of_its_own_and_the_same_name() {
        let roots = Roots::new("/");
        let around = Surroundings::find(&roots);
        let proper = own(&roots, &around, &Described::default());
        let inside = own(&roots, &around, &Described { key_suffix: "#collector", ..Described::default() });
        assert_eq!(inside.key, format!("{}#collector", proper.key));
        assert_eq!(inside.name(), proper.name());
    }

    #[test]
    fn values_of_os_release_lose_their_quotes() {
        let text = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=Alpine\nID='x'\n";
        assert_eq!(release_value(text, "PRETTY_NAME").as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(release_value(text, "NAME").as_deref(), Some("Alpine"));
        assert_eq!(release_value(text, "VERSION"), None);
    }
}
