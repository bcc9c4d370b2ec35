//! `kill -9` of the collector under load, again and again: what was acknowledged is there, exactly once.

use std::{thread, time::Duration};

use farol_tests::{
    collector::Collector,
    load::Load,
    process::setting,
    random::Random,
    wait::{now_ms, until, when},
};

/// How often the collector is killed; `FAROL_KILLS=1000` for a long run.
const KILLS: u64 = 25;

#[test]
fn every_acknowledged_sample_survives_kill_9_exactly_once() {
    let kills = setting("FAROL_KILLS").map_or(KILLS, |text| text.parse().expect("FAROL_KILLS is a number"));
    let seed = Random::seed_of_run();
    eprintln!("FAROL_SEED={seed}");
    let mut random = Random::seeded(seed);
    let mut collector = Collector::start();
    // Two hours ago, so that 25 kills' worth of batches at 50 ms each stay in the past.
    let load = Load::start(collector.address(), 8, 12, now_ms() - 2 * 3_600_000);
    for round in 0..kills {
        let wanted = load.acknowledged() + random.between(1, 400);
        until("the load to go on", || when(load.acknowledged(), |count| *count >= wanted));
        if random.one_in(2) {
            // Anywhere within a commit, not just after an acknowledgement.
            thread::sleep(Duration::from_micros(random.between(0, 8_000)));
        }
        collector.kill();
        collector.spawn();
        if random.one_in(4) {
            // In the middle of the next start, too.
            thread::sleep(Duration::from_millis(random.between(0, 40)));
            collector.kill();
            collector.spawn();
        }
        collector.wait_ready();
        eprintln!("kill {}: {} batches acknowledged", round + 1, load.acknowledged());
    }
    let stored = load.finish();
    assert!(stored.batches() > kills, "the load was no load");
    stored.check(&mut collector);
    // And once more from disk alone.
    collector.kill();
    collector.restart();
    stored.check(&mut collector);
}

#[test]
fn a_collector_that_is_stopped_in_order_loses_nothing_and_starts_again() {
    let mut collector = Collector::start();
    let load = Load::start(collector.address(), 4, 12, now_ms() - 3_600_000);
    for _ in 0..3 {
        let wanted = load.acknowledged() + 200;
        until("the load to go on", || when(load.acknowledged(), |count| *count >= wanted));
        let status = collector.stop();
        assert!(status.success(), "{status}: {}", collector.log());
        collector.restart();
    }
    load.finish().check(&mut collector);
}
