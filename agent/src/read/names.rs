//! Recognises containers and systemd units by the names of their cgroups. Knows nothing of files.

use farol_shared::resource::ResourceKind;

/// How many digits of a container's id people use as its name.
const SHORT_ID: usize = 12;

/// What a cgroup is, judged by its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// Container or unit.
    pub(super) kind: ResourceKind,
    /// Full container id, container name (LXC, nspawn), or unit name.
    pub(super) id: String,
    /// What runs the container, where the name tells.
    pub(super) runtime: Option<&'static str>,
    /// The Kubernetes pod that the container belongs to.
    pub(super) pod: Option<String>,
}

impl Named {
    /// The name to show: the short id of a container, else the name itself.
    pub(super) fn short(&self) -> &str {
        if is_id(&self.id) { self.id.get(..SHORT_ID).unwrap_or(&self.id) } else { &self.id }
    }
}

/// Names that container runtimes put before an id. Their helpers (`libpod-conmon-`) do not match: no id follows.
const PREFIXES: &[(&str, &str)] = &[
    ("docker-", "docker"),
    ("libpod-", "podman"),
    ("crio-", "cri-o"),
    ("cri-containerd-", "containerd"),
    ("nerdctl-", "containerd"),
    ("buildkit-", "buildkit"),
];

/// What the last part of a cgroup's path says that it is; `None` for a slice, a session, or anything unknown.
pub(super) fn recognise(path: &str) -> Option<Named> {
    let (above, name) = path.trim_end_matches('/').rsplit_once('/')?;
    let parent = above.rsplit('/').next().unwrap_or_default();
    let container = |id: &str, runtime| Named { kind: ResourceKind::Container, id: unescape(id), runtime, pod: pod_of(above) };
    let bare = name.strip_suffix(".scope").unwrap_or(name);

    if let Some((id, runtime)) = PREFIXES.iter().find_map(|(prefix, runtime)| Some((bare.strip_prefix(prefix)?, *runtime)))
        && is_id(id)
    {
        return Some(container(id, Some(runtime)));
    }
    // containerd without the systemd driver under systemd: `slice:cri-containerd:id`.
    if let Some((_, id)) = bare.rsplit_once(":cri-containerd:")
        && is_id(id)
    {
        return Some(container(id, Some("containerd")));
    }
    if is_id(bare) {
        return Some(container(bare, runtime_above(above)));
    }
    if parent == "lxc" || parent == "lxc.payload" {
        return Some(container(bare, Some("lxc")));
    }
    if let Some(name) = bare.strip_prefix("lxc.payload.") {
        return Some(container(name, Some("lxc")));
    }
    let nspawn = name.strip_prefix("systemd-nspawn@").and_then(|rest| rest.strip_suffix(".service"));
    let machine = name.strip_suffix(".scope").and_then(|rest| rest.strip_prefix("machine-"));
    if let Some(name) = nspawn.or(machine.filter(|name| !name.starts_with("qemu"))) {
        return Some(container(name, Some("systemd-nspawn")));
    }
    name.ends_with(".service").then(|| Named { kind: ResourceKind::Unit, id: unescape(name), runtime: None, pod: None })
}

/// The innermost container that a path lies in, the path's own last part included.
pub(super) fn container_of(path: &str) -> Option<Named> {
    let mut rest = path.trim_end_matches('/');
    while !rest.is_empty() {
        if let Some(named) = recognise(rest)
            && named.kind == ResourceKind::Container
        {
            return Some(named);
        }
        rest = rest.rsplit_once('/')?.0;
    }
    None
}

/// A container id somewhere in a path of files, such as `/var/lib/docker/containers/ID/hostname`, with what runs it.
pub(super) fn id_in_file_path(path: &str) -> Option<(&str, Option<&'static str>)> {
    let id = path.split('/').rev().find(|part| is_id(part))?;
    let runtime = match path {
        _ if path.contains("/docker/") => Some("docker"),
        _ if path.contains("/overlay-containers/") || path.contains("/vfs-containers/") => Some("podman"),
        _ if path.contains("containerd") => Some("containerd"),
        _ => None,
    };
    Some((id, runtime))
}

/// The short form of a container id.
pub(super) fn short(id: &str) -> &str {
    if is_id(id) { id.get(..SHORT_ID).unwrap_or(id) } else { id }
}

/// Whether it has the shape of the ids that container runtimes give: 64 hexadecimal digits.
fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn runtime_above(above: &str) -> Option<&'static str> {
    above.split('/').rev().find_map(|part| match part {
        "docker" => Some("docker"),
        "libpod_parent" => Some("podman"),
        "k8s.io" | "default" | "moby" => Some("containerd"),
        _ => None,
    })
}

/// The pod's uid in `kubepods/burstable/podUID` or `kubepods-burstable-podU_I_D.slice`.
fn pod_of(above: &str) -> Option<String> {
    let part = above.split('/').rev().find(|part| part.starts_with("pod") || part.starts_with("kubepods-"))?;
    let part = part.strip_suffix(".slice").unwrap_or(part);
    let uid = part.rsplit_once("-pod").map(|(_, uid)| uid).or_else(|| part.strip_prefix("pod"))?;
    (!uid.is_empty() && uid != "s").then(|| uid.replace('_', "-"))
}

/// Undoes systemd's escaping (`\x2d` for a hyphen).
fn unescape(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once("\\x") {
        plain.push_str(before);
        let code = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(u8::is_ascii_graphic);
        match (code, after.get(2..)) {
            (Some(code), Some(tail)) => {
                plain.push(char::from(code));
                rest = tail;
            }
            _ => {
                plain.push_str("\\x");
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1c2b3a4f1c2b3a4f1c2b3a4f1c2b3a4f1c2b3a4f1c2b3a4f1c2b3a4f1c2b3a";

    fn check(path: &str, kind: ResourceKind, id: &str, runtime: Option<&str>) {
        let path = path.replace("ID", ID);
        let named = recognise(&path).unwrap_or_else(|| panic!("{path} is not recognised"));
        assert_eq!((named.kind, named.id.as_str(), named.runtime), (kind, id, runtime), "{path}");
    }

    #[test]
    fn containers_of_every_runtime_are_recognised() {
        let check = |path, id, runtime| check(path, ResourceKind::Container, id, runtime);
        check("/docker/ID", ID, Some("docker"));
        check("/system.slice/docker-ID.scope", ID, Some("docker"));
        check("/machine.slice/libpod-ID.scope", ID, Some("podman"));
        check("/libpod_parent/libpod-ID", ID, Some("podman"));
        check("/libpod_parent/ID", ID, Some("podman"));
        check("/kubepods/burstable/pod1-2/ID", ID, None);
        check(
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1_2.slice/cri-containerd-ID.scope",
            ID,
            Some("containerd"),
        );
        check("/system.slice/containerd.service/kubepods-pod1_2.slice:cri-containerd:ID", ID, Some("containerd"));
        check("/kubepods.slice/kubepods-pod1_2.slice/crio-ID.scope", ID, Some("cri-o"));
        check("/k8s.io/ID", ID, Some("containerd"));
        check("/lxc/web", "web", Some("lxc"));
        check("/lxc.payload.101", "101", Some("lxc"));
        check("/lxc.payload/web", "web", Some("lxc"));
        check("/machine.slice/machine-deb\\x2d12.scope", "deb-12", Some("systemd-nspawn"));
        check("/machine.slice/systemd-nspawn@web.service", "web", Some("systemd-nspawn"));
    }

    #[test]
    fn services_are_units_and_the_rest_is_nothing() {
        check("/system.slice/nginx.service", ResourceKind::Unit, "nginx.service", None);
        check("/system.slice/dev-disk\\x2dby.service", ResourceKind::Unit, "dev-disk-by.service", None);
        for path in [
            "/",
            "",
            "/system.slice",
            "/init.scope",
            "/user.slice/user-1000.slice/session-3.scope",
            "/lxc",
            "/lxc.monitor.web",
            "/docker",
            "/docker/ABC",
            "/machine.slice/libpod-conmon-ID.scope",
            "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
            "/process_api/b3580ad7bfd24be30d30d5500adb3935",
        ] {
            assert_eq!(recognise(&path.replace("ID", ID)), None, "{path}");
        }
    }

    #[test]
    fn the_pod_of_a_container_is_named() {
        let pod = |path: &str| recognise(&path.replace("ID", ID)).unwrap().pod;
        assert_eq!(pod("/kubepods/burstable/pod1-2/ID").as_deref(), Some("1-2"));
        assert_eq!(pod("/kubepods.slice/kubepods-burstable-pod1_2.slice/crio-ID.scope").as_deref(), Some("1-2"));
        assert_eq!(pod("/docker/ID"), None);
    }

    #[test]
    fn a_group_inside_a_container_belongs_to_it() {
        let path = format!("/docker/{ID}/system.slice/cron.service");
        assert_eq!(container_of(&path).unwrap().id, ID);
        assert_eq!(container_of(&format!("/../docker-{ID}.scope")).unwrap().runtime, Some("docker"));
        assert_eq!(container_of("/system.slice/cron.service"), None);
        assert_eq!(container_of("/"), None);
    }

    #[test]
    fn ids_are_found_in_paths_of_files() {
        let path = format!("/var/lib/docker/containers/{ID}/hostname");
        assert_eq!(id_in_file_path(&path), Some((ID, Some("docker"))));
        let path = format!("/var/lib/containers/storage/overlay-containers/{ID}/userdata/hostname");
        assert_eq!(id_in_file_path(&path), Some((ID, Some("podman"))));
        assert_eq!(id_in_file_path("/etc/hostname"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_path_makes_it_panic(path in "[/a-f0-9x\\\\.:@-]{0,120}") {
            recognise(&path);
            container_of(&path);
            id_in_file_path(&path);
        }
    }
}
