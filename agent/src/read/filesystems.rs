//! Source `filesystems`: space and inodes of local file systems, each once, by its shortest mount point.
//!
//! Only file systems on local devices are asked: `statvfs` of a network file system whose server is away hangs for ever,
//! and with it would the agent.

use std::{collections::BTreeMap, path::PathBuf};

use farol_shared::{catalog, metric::Metric};
use nix::sys::statvfs::statvfs;

use super::{
    Context, Opened, Place, ReadError, Roots, Source, Surroundings,
    kept::{Buffer, KeptFile},
    mounts::{self, Mount},
};
use crate::recorder::{Recorder, ResourceSlot, SeriesSlot};

/// Most file systems that are reported.
const FILESYSTEMS_MAX: usize = 64;

/// Types that live on a local device.
const LOCAL: &[&str] = &[
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "bcachefs", "f2fs", "jfs", "reiserfs", "nilfs2", "vfat", "exfat", "ntfs",
    "ntfs3", "fuseblk", "hfsplus", "ufs",
];

const STATES: [(&Metric, Option<&str>); 6] = [
    (&catalog::SYSTEM_FILESYSTEM_USAGE, Some("used")),
    (&catalog::SYSTEM_FILESYSTEM_USAGE, Some("free")),
    (&catalog::SYSTEM_FILESYSTEM_USAGE, Some("reserved")),
    (&catalog::SYSTEM_FILESYSTEM_LIMIT, None),
    (&catalog::SYSTEM_FILESYSTEM_INODES, Some("used")),
    (&catalog::SYSTEM_FILESYSTEM_INODES, Some("free")),
];

/// Space of a file system in the order of [`STATES`]: bytes, then inodes.
type Space = [f64; STATES.len()];

#[derive(Debug)]
struct Filesystems {
    roots: Roots,
    around: Surroundings,
    own: ResourceSlot,
    mountinfo: KeptFile,
    /// The text that `known` was made from: as long as nothing is mounted, it is not parsed again.
    mountinfo_text: Vec<u8>,
    buffer: Buffer,
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    mount: Mount,
    path: PathBuf,
    slots: Vec<SeriesSlot>,
}

pub(super) fn open(context: &Context<'_>, recorder: &mut Recorder) -> Opened {
    let mut filesystems = Filesystems {
        roots: context.roots.clone(),
        around: context.around.clone(),
        own: context.own,
        mountinfo: KeptFile::lines(context.around.mounts_file.clone()),
        mountinfo_text: Vec::new(),
        buffer: Buffer::default(),
        known: Vec::new(),
    };
    filesystems.rescan(recorder)?;
    Ok(Some(Box::new(filesystems)))
}

/// The mounts to report: of each device the one with the shortest path that is the file system itself or the root.
fn choose(mounts: impl Iterator<Item = Mount>, place: Place) -> Vec<Mount> {
    let mut chosen: BTreeMap<String, Mount> = BTreeMap::new();
    for mount in mounts.filter(|mount| is_reported(mount, place)) {
        let better = |other: &Mount| (mount.point.len(), &mount.point) < (other.point.len(), &other.point);
        // A volume of a pool (ZFS, btrfs) has its own device number and space shared with the others: each is shown.
        if chosen.get(&mount.device).is_none_or(better) {
            chosen.insert(mount.device.clone(), mount);
        }
    }
    let mut mounts: Vec<Mount> = chosen.into_values().collect();
    mounts.sort_by(|a, b| a.point.cmp(&b.point));
    mounts.truncate(FILESYSTEMS_MAX);
    mounts
}

fn is_reported(mount: &Mount, place: Place) -> bool {
    let is_local = LOCAL.contains(&mount.kind.as_str());
    match place {
        // A container's image is an overlay on the host's file system, and a runtime mounts single files into /etc.
        Place::Container => {
            let is_runtimes =
                matches!(mount.point.as_str(), "/etc/hosts" | "/etc/hostname" | "/etc/resolv.conf" | "/dev/termination-log");
            (is_local || (mount.point == "/" && matches!(mount.kind.as_str(), "overlay" | "fuse.fuse-overlayfs" | "tmpfs")))
                && !is_runtimes
        }
        Place::Host => is_local && !mount.source.starts_with("/dev/loop"),
    }
}

fn space(path: &std::path::Path) -> Result<Space, nix::Error> {
    let stat = statvfs(path)?;
    let block = stat.fragment_size() as f64;
    let (all, free, for_everyone) = (stat.blocks() as f64, stat.blocks_free() as f64, stat.blocks_available() as f64);
    let (inodes, inodes_free) = (stat.files() as f64, stat.files_free() as f64);
    // btrfs and vfat have no fixed number of inodes and say 0.
    let inode = |number: f64| if inodes > 0.0 { number } else { f64::NAN };
    Ok([
        (all - free) * block,
        for_everyone * block,
        (free - for_everyone).max(0.0) * block,
        all * block,
        inode(inodes - inodes_free),
        inode(inodes_free),
    ])
}

impl Filesystems {
    fn rescan(&mut self, recorder: &mut Recorder) -> Result<(), ReadError> {
        let text = self.mountinfo.read(&mut self.buffer)?;
        if text == self.mountinfo_text {
            return Ok(());
        }
        self.mountinfo_text = text.to_vec();
        let around = &self.around;
        let mut chosen = choose(
            mounts::parse(&String::from_utf8_lossy(&self.mountinfo_text))
                .filter(|mount| around.reach(&self.roots, &mount.point).is_some_and(|path| path.is_dir())),
            around.place,
        );
        self.known.retain(|known| {
            let at = chosen.iter().position(|mount| *mount == known.mount);
            if let Some(at) = at {
                chosen.remove(at);
            } else {
                known.slots.iter().for_each(|slot| recorder.remove_series(*slot));
            }
            at.is_some()
        });
        for mount in chosen {
            let Some(path) = around.reach(&self.roots, &mount.point) else { continue };
            let slots = self.register(&mount, recorder);
            self.known.push(Known { mount, path, slots });
        }
        Ok(())
    }

    fn register(&self, mount: &Mount, recorder: &mut Recorder) -> Vec<SeriesSlot> {
        let prefix = if self.around.place == Place::Host { self.around.mounts_prefix.to_string_lossy() } else { "/".into() };
        let below = mount.point.strip_prefix(prefix.trim_end_matches('/')).unwrap_or(&mount.point);
        let point = if below.is_empty() { "/" } else { below };
        let series = |(metric, state): &(&'static Metric, Option<&str>)| {
            let mut attributes = vec![
                ("system.device", mount.source.as_str()),
                ("system.filesystem.mountpoint", point),
                ("system.filesystem.type", mount.kind.as_str()),
            ];
            attributes.extend(state.map(|state| ("system.filesystem.state", state)));
            recorder.series(self.own, metric, &attributes)
        };
        STATES.iter().map(series).collect()
    }
}

impl Source for Filesystems {
    fn read(&mut self, recorder: &mut Recorder) -> Result<(), ReadError> {
        self.rescan(recorder)?;
        let mut outcome = Ok(());
        for known in &self.known {
            match space(&known.path) {
                Ok(space) => known.slots.iter().zip(space).for_each(|(slot, value)| recorder.set(*slot, value)),
                Err(errno) => {
                    outcome = outcome.and(Err(ReadError::Read { path: known.path.clone(), source: errno.into() }));
                }
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(text: &str, place: Place) -> Vec<String> {
        choose(mounts::parse(text), place).into_iter().map(|mount| mount.point).collect()
    }

    #[test]
    fn each_local_device_of_a_host_is_reported_once() {
        let text = "27 1 254:0 / / rw - ext4 /dev/vda rw\n\
            28 27 254:0 /var/x /srv/deeper/bind rw - ext4 /dev/vda rw\n\
            29 27 8:1 / /data rw - xfs /dev/sda1 rw\n\
            30 27 0:50 / /mnt/nfs rw - nfs4 server:/x rw\n\
            31 27 0:21 / /proc rw - proc proc rw\n\
            32 27 0:25 / /run rw - tmpfs tmpfs rw\n\
            33 27 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro\n\
            34 27 0:60 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw\n";
        assert_eq!(points(text, Place::Host), ["/", "/data"]);
    }

    #[test]
    fn a_container_reports_its_root_and_its_volumes() {
        let text = "27 1 0:60 / / rw - overlay overlay rw\n\
            28 27 254:0 /docker/volumes/v/_data /data rw - ext4 /dev/vda rw\n\
            29 27 254:0 /docker/containers/x/hosts /etc/hosts rw - ext4 /dev/vda rw\n\
            30 27 0:61 / /dev rw - tmpfs tmpfs rw\n";
        assert_eq!(points(text, Place::Container), ["/", "/data"]);
    }

    #[test]
    fn the_numbers_of_a_file_system_add_up() {
        let [used, free, reserved, all, ..] = space(std::path::Path::new("/")).unwrap();
        assert!((used + free + reserved - all).abs() < 1.0);
        assert!(all > 0.0);
        assert_eq!(space(std::path::Path::new("/nowhere/at/all")), Err(nix::Error::ENOENT));
    }
}
