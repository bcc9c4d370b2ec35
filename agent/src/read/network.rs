//! Source `network`: bytes, packets, errors and drops by interface; in a container the bytes.

use farol_shared::{catalog, metric::Metric};

use super::{
    Context, Opened, Place, ReadError, Source,
    kept::{Buffer, KeptFile},
    text,
};
use crate::recorder::{Recorder, ResourceSlot, SeriesSlot};

/// Most interfaces that are reported; a host has a few, besides the containers' which are left out.
const INTERFACES_MAX: usize = 32;

/// Interfaces of a host that carry traffic counted elsewhere already, or none: bridges and ends of containers and
/// virtual machines, tunnels that the kernel makes unasked.
const SKIPPED: &[&str] = &[
    "veth",
    "docker",
    "br-",
    "cni",
    "cali",
    "flannel",
    "virbr",
    "vnet",
    "podman",
    "lxcbr",
    "lxdbr",
    "ifb",
    "dummy",
    "tunl",
    "sit",
    "ip6tnl",
    "ip6_vti",
    "ip_vti",
    "gre",
    "erspan",
    "kube-",
    "nodelocaldns",
    "lxc",
    "vxlan.calico",
    "cilium",
];

/// Values of one interface, in the order of [`TARGETS`].
type Values = [Option<u64>; TARGETS.len()];

/// Field of a line, metric on a host, direction.
const TARGETS: [(usize, &Metric, &str); 8] = [
    (0, &catalog::SYSTEM_NETWORK_IO, "receive"),
    (8, &catalog::SYSTEM_NETWORK_IO, "transmit"),
    (1, &catalog::SYSTEM_NETWORK_PACKETS, "receive"),
    (9, &catalog::SYSTEM_NETWORK_PACKETS, "transmit"),
    (2, &catalog::SYSTEM_NETWORK_ERRORS, "receive"),
    (10, &catalog::SYSTEM_NETWORK_ERRORS, "transmit"),
    (3, &catalog::SYSTEM_NETWORK_DROPPED, "receive"),
    (11, &catalog::SYSTEM_NETWORK_DROPPED, "transmit"),
];

/// How many of [`TARGETS`] a container has: bytes.
const CONTAINER_TARGETS: usize = 2;

/// The interfaces of a `net/dev` file with their values.
fn parse(text: &[u8]) -> impl Iterator<Item = (&[u8], Values)> {
    text::lines(text).filter_map(|line| {
        let end = line.iter().position(|byte| *byte == b':')?;
        let name = line.get(..end)?.trim_ascii();
        let mut values = Values::default();
        for (index, field) in text::fields(line.get(end + 1..)?).enumerate() {
            if let Some(at) = TARGETS.iter().position(|(wanted, ..)| *wanted == index)
                && let Some(value) = values.get_mut(at)
            {
                *value = text::number(field);
            }
        }
        values[0].map(|_| (name, values))
    })
}

/// The names in a `net/dev` file, to compare two network namespaces.
pub(super) fn names(text: &[u8]) -> Vec<Vec<u8>> {
    parse(text).map(|(name, _)| name.to_vec()).collect()
}

/// Reports the interfaces of one network namespace. Shared by the machine, the own container and units.
#[derive(Debug)]
pub(super) struct Interfaces {
    file: KeptFile,
    resource: ResourceSlot,
    is_host: bool,
    known: Vec<Interface>,
}

#[derive(Debug)]
struct Interface {
    name: Vec<u8>,
    /// Empty for one that is left out.
    slots: Vec<SeriesSlot>,
    is_seen: bool,
}

impl Interfaces {
    pub(super) fn new(file: KeptFile, resource: ResourceSlot, is_host: bool) -> Self {
        Self { file, resource, is_host, known: Vec::new() }
    }

    /// Reads the file; new interfaces appear, those that are gone are forgotten.
    pub(super) fn read(&mut self, recorder: &mut Recorder, buffer: &mut Buffer) -> Result<(), ReadError> {
        let text = self.file.read(buffer)?;
        for (index, (name, values)) in parse(text).enumerate() {
            // Lines keep their order, so the interface is nearly always the one that stood here last time.
            let is_here = self.known.get(index).is_some_and(|known| known.name == name);
            let found = if is_here { Some(index) } else { self.known.iter().position(|known| known.name == name) };
            let at = match found {
                Some(at) => at,
                None if self.known.len() < INTERFACES_MAX * 8 => {
                    let interface = self.interface(name, recorder);
                    self.known.push(interface);
                    self.known.len() - 1
                }
                None => continue,
            };
            if let Some(interface) = self.known.get_mut(at) {
                interface.is_seen = true;
                for (slot, value) in interface.slots.iter().zip(values) {
                    recorder.set(*slot, value.map_or(f64::NAN, |value| value as f64));
                }
            }
        }
        self.known.retain_mut(|interface| {
            if !interface.is_seen {
                interface.slots.iter().for_each(|slot| recorder.remove_series(*slot));
            }
            std::mem::take(&mut interface.is_seen)
        });
        Ok(())
    }

    fn interface(&self, name: &[u8], recorder: &mut Recorder) -> Interface {
        let reported = self.known.iter().filter(|known| !known.slots.is_empty()).count();
        let is_skipped = name == b"lo"
            || reported >= INTERFACES_MAX
            || (self.is_host && SKIPPED.iter().any(|prefix| name.starts_with(prefix.as_bytes())));
        let mut slots = Vec::new();
        if !is_skipped {
            let count = if self.is_host { TARGETS.len() } else { CONTAINER_TARGETS };
            let shown = text::printable(name);
            slots.extend(TARGETS.iter().take(count).map(|(_, metric, direction)| {
                let metric = if self.is_host { *metric } else { &catalog::CONTAINER_NETWORK_IO };
                recorder.series(self.resource, metric, &[("network.interface.name", &shown), ("network.io.direction", direction)])
            }));
        }
        Interface { name: name.to_vec(), slots, is_seen: false }
    }
}

#[derive(Debug)]
struct Network {
    interfaces: Interfaces,
    buffer: Buffer,
}

pub(super) fn open(context: &Context<'_>, recorder: &mut Recorder) -> Opened {
    let is_host = context.around.place == Place::Host;
    // `/proc/net` is that of the agent's own namespace, which is not the host's when the host is mounted elsewhere.
    let process = if is_host && context.roots.is_own() { "self" } else { context.around.process() };
    let mut buffer = Buffer::default();
    let Some(file) = KeptFile::lines(context.roots.proc(process).join("net/dev")).probe(&mut buffer)? else {
        return Ok(None);
    };
    let mut interfaces = Interfaces::new(file, context.own, is_host);
    interfaces.read(recorder, &mut buffer)?;
    Ok(Some(Box::new(Network { interfaces, buffer })))
}

impl Source for Network {
    fn read(&mut self, recorder: &mut Recorder) -> Result<(), ReadError> {
        self.interfaces.read(recorder, &mut self.buffer)
    }
}

#[cfg(test)]
mod tests {
    use farol_shared::resource::{Resource, ResourceKind};

    use super::*;

    const TEXT: &str = "Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    \
        lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0\n  \
        eth0: 234089519    7150    1    2    0     0          0         0   495890    3998    3    4    0     0       0          0\n\
        veth12:1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0\n";

    #[test]
    fn interfaces_are_parsed_with_and_without_a_blank_after_the_colon() {
        let all: Vec<_> = parse(TEXT.as_bytes()).collect();
        let names: Vec<&[u8]> = all.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, [&b"lo"[..], b"eth0", b"veth12"]);
        assert_eq!(all[1].1.map(Option::unwrap), [234_089_519, 495_890, 7150, 3998, 1, 3, 2, 4]);
        assert_eq!(all[2].1[0], Some(1));
    }

    #[test]
    fn what_is_no_interface_is_passed_over() {
        assert_eq!(parse(b"").count(), 0);
        assert_eq!(parse(b"eth0:\neth1: x y\n:\nno colon\n").count(), 0);
        assert_eq!(parse(b"eth0: 5\n").next().unwrap().1[1], None);
    }

    #[test]
    fn an_interface_that_goes_away_takes_its_series_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dev");
        std::fs::write(&path, TEXT).unwrap();
        let mut recorder = Recorder::new();
        let resource = recorder.resource(Resource {
            key: "host:a".to_owned(),
            kind: ResourceKind::Host,
            parent: None,
            tenant: None,
            attributes: std::collections::BTreeMap::new(),
        });
        let mut interfaces = Interfaces::new(KeptFile::lines(path.clone()), resource, true);
        let mut buffer = Buffer::default();
        interfaces.read(&mut recorder, &mut buffer).unwrap();
        assert_eq!(recorder.series_count(), 8, "eth0 alone");
        std::fs::write(&path, "eth1: 1 2 3 4 5 6 7 8 9 10 11 12\neth0: 1 2 3 4 5 6 7 8 9 10 11 12\n").unwrap();
        interfaces.read(&mut recorder, &mut buffer).unwrap();
        assert_eq!(recorder.series_count(), 16);
        std::fs::write(&path, "eth1: 1 2 3 4 5 6 7 8 9 10 11 12\n").unwrap();
        interfaces.read(&mut recorder, &mut buffer).unwrap();
        assert_eq!(recorder.series_count(), 8);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            parse(&bytes).count();
        }
    }
}
