//! Tells which block devices count: whole devices at the bottom. Partitions, loop devices and those stacked on others
//! (LVM, RAID, encryption) would count the same bytes twice.

use std::{fs, path::PathBuf};

use super::{Roots, text};

/// Most devices that are remembered; the rest is not counted.
const DEVICES_MAX: usize = 256;

/// Number of a block device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) major: u64,
    pub(super) minor: u64,
}

impl Device {
    /// Reads `major:minor`.
    pub(super) fn parse(field: &[u8]) -> Option<Self> {
        let mut parts = field.splitn(2, |byte| *byte == b':');
        Some(Self { major: text::number(parts.next()?)?, minor: text::number(parts.next()?)? })
    }
}

/// What is known about the devices of the machine; each is looked at once.
#[derive(Debug)]
pub(super) struct Blocks {
    by_number: PathBuf,
    known: Vec<(Device, bool)>,
}

impl Blocks {
    pub(super) fn new(roots: &Roots) -> Self {
        Self { by_number: roots.sys("dev/block"), known: Vec::new() }
    }

    /// Whether the device's bytes count.
    pub(super) fn is_counted(&mut self, device: Device) -> bool {
        if let Some((_, is_counted)) = self.known.iter().find(|(known, _)| *known == device) {
            return *is_counted;
        }
        let is_counted = self.known.len() < DEVICES_MAX && self.look(device);
        if self.known.len() < DEVICES_MAX {
            self.known.push((device, is_counted));
        }
        is_counted
    }

    fn look(&self, device: Device) -> bool {
        /// Majors that the kernel fixes: RAM disks, floppies, loop devices, CD drives.
        const SKIPPED: &[u64] = &[1, 2, 7, 11];
        let dir = self.by_number.join(format!("{}:{}", device.major, device.minor));
        let is_stacked = fs::read_dir(dir.join("slaves")).is_ok_and(|mut entries| entries.next().is_some());
        !SKIPPED.contains(&device.major) && !is_stacked && !dir.join("partition").exists()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_are_parsed() {
        assert_eq!(Device::parse(b"254:16"), Some(Device { major: 254, minor: 16 }));
        for wrong in [&b""[..], b"254", b"254:", b":1", b"a:b", b"1:2:3"] {
            assert_eq!(Device::parse(wrong), None);
        }
    }

    #[test]
    fn partitions_loops_and_stacked_devices_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let sys = dir.path().join("sys/dev/block");
        fs::create_dir_all(sys.join("8:0/slaves")).unwrap();
        fs::create_dir_all(sys.join("8:1")).unwrap();
        fs::write(sys.join("8:1/partition"), "1").unwrap();
        fs::create_dir_all(sys.join("253:0/slaves/sda")).unwrap();
        let mut blocks = Blocks::new(&Roots::new(dir.path()));
        let mut is_counted = |major, minor| blocks.is_counted(Device { major, minor });
        assert!(is_counted(8, 0));
        assert!(is_counted(8, 0), "also when asked again");
        assert!(!is_counted(8, 1));
        assert!(!is_counted(253, 0));
        assert!(!is_counted(7, 3));
        assert!(is_counted(259, 0), "a device that sysfs does not show is taken as it is");
    }
}
