//! A collector whose disk fills up: it says so, keeps what it has acknowledged, and goes on when there is room.

use std::{path::Path, process::Command};

use farol_tests::{
    collector::Collector,
    load::Load,
    wait::{now_ms, until, when},
};
use tempfile::TempDir;

/// A small file system of its own, unmounted when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new(mebibytes: u32) -> Self {
        let folder = TempDir::new().unwrap();
        mount(&["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "farol-test", &path(folder.path())]);
        Self(folder)
    }

    fn grow(&self, mebibytes: u32) {
        mount(&["-o", &format!("remount,size={mebibytes}m"), &path(self.0.path())]);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let ended = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
        assert!(ended.is_ok_and(|status| status.success()), "cannot unmount {}", self.0.path().display());
    }
}

fn path(folder: &Path) -> String {
    folder.display().to_string()
}

fn mount(arguments: &[&str]) {
    let output = Command::new("mount").args(arguments).output().unwrap();
    assert!(output.status.success(), "mount {arguments:?} (this test needs root): {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged_and_is_healed_by_room() {
    let disk = SmallDisk::new(6);
    let mut collector = Collector::options().data(&disk.0.path().join("data")).start();
    let load = Load::start(collector.address(), 6, 100, now_ms() - 3 * 3_600_000);
    collector.wait_health("store", "degraded");
    assert!(collector.process().ended().is_none(), "the collector ended");
    let full = load.acknowledged();
    disk.grow(256);
    until("batches to be taken again", || when(load.acknowledged(), |count| *count > full + 100));
    collector.wait_health("store", "ok");
    let stored = load.finish();
    stored.check(&mut collector);
    collector.kill();
    collector.restart();
    stored.check(&mut collector);
}

#[test]
fn a_collector_killed_on_a_full_disk_starts_again_when_there_is_room() {
    let disk = SmallDisk::new(6);
    let mut collector = Collector::options().data(&disk.0.path().join("data")).start();
    let load = Load::start(collector.address(), 6, 100, now_ms() - 3 * 3_600_000);
    collector.wait_health("store", "degraded");
    collector.kill();
    disk.grow(256);
    collector.restart();
    let before = load.acknowledged();
    until("batches to be taken again", || when(load.acknowledged(), |count| *count > before + 50));
    load.finish().check(&mut collector);
}
