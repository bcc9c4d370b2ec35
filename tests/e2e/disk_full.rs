//! A collector whose disk fills up: it says so, keeps what it has acknowledged, and goes on when there is room.

use farol_tests::{
    collector::Collector,
    load::Load,
    wait::{now_ms, until, when},
};

use crate::disk::Disk;

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged_and_is_healed_by_room() {
    let disk = Disk::small(6);
    let mut collector = Collector::options().data(&disk.path().join("data")).start();
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
    let disk = Disk::small(6);
    let mut collector = Collector::options().data(&disk.path().join("data")).start();
    let load = Load::start(collector.address(), 6, 100, now_ms() - 3 * 3_600_000);
    collector.wait_health("store", "degraded");
    collector.kill();
    disk.grow(256);
    collector.restart();
    let before = load.acknowledged();
    until("batches to be taken again", || when(load.acknowledged(), |count| *count > before + 50));
    load.finish().check(&mut collector);
}
