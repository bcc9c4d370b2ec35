//! What the queue promises, one promise a test.

use farol_shared::batch::LostCause;

use super::{drain, fill, open, record, samples, small, sum, sum_of};
use crate::{
    BODY_BYTES_MAX, Health, Key, Options, Part, REPEATS_MAX, RealDisk, Record, Spool,
    sim::{Faults, SimDisk},
};

const ROOMY: Options = Options { memory_max: 1 << 20, disk_max: 1 << 20, segment_max: 1 << 12 };

#[test]
fn what_is_acknowledged_in_time_never_touches_the_disk() {
    let disk = SimDisk::new(1);
    let mut spool = open(&disk, small());
    for seq in 1..100 {
        fill(&mut spool, [seq]);
        assert_eq!(spool.front().map(|front| front.seq), Some(seq));
        spool.pop();
    }
    assert_eq!(disk.writes_and_syncs(), (0, 0));
    assert_eq!(spool.health(), Health::Durable);
}

#[test]
fn without_a_disk_the_oldest_in_memory_makes_room() {
    let (mut spool, _) = Spool::<RealDisk>::open(small(), None).unwrap();
    let mut lost = (0, 0);
    for seq in 1..=100 {
        let dropped = spool.push(record(seq)).dropped;
        assert!(dropped.iter().all(|lost| lost.cause == LostCause::SpoolFull && lost.oldest.is_some()));
        let (batches, samples) = sum(&dropped);
        lost = (lost.0 + batches, lost.1 + samples);
    }
    let delivered = drain(&mut spool);
    assert_eq!(delivered.last(), Some(&100));
    assert_eq!(lost, sum_of(1..delivered[0]));
    assert_eq!(spool.health(), Health::MemoryOnly);
}

#[test]
fn a_batch_in_flight_is_spared_when_room_is_made() {
    for disk in [None, Some(SimDisk::new(1))] {
        let (mut spool, _) = Spool::open(small(), disk).unwrap();
        fill(&mut spool, [1]);
        assert_eq!(spool.front().map(|front| front.seq), Some(1));
        let mut lost = 0;
        for seq in 2..=200 {
            lost += sum(&spool.push(record(seq)).dropped).0;
        }
        assert!(lost > 0);
        assert_eq!(spool.front(), Some(&record(1)));
        let delivered = drain(&mut spool);
        assert_eq!(delivered[0], 1);
        assert_eq!(delivered.len() as u64 + lost, 200);
    }
}

#[test]
fn a_batch_without_room_even_alone_does_not_take_others_with_it() {
    let (mut spool, _) = Spool::<RealDisk>::open(small(), None).unwrap();
    fill(&mut spool, 1..=3);
    let large = Record { boot: 1, seq: 4, samples: 7, body: vec![0; 5_000] };
    let dropped = spool.push(large).dropped;
    assert_eq!((sum(&dropped), dropped[0].oldest), ((1, 7), Some(Key { boot: 1, seq: 4 })));
    let beyond = Record { boot: 1, seq: 5, samples: 8, body: vec![0; BODY_BYTES_MAX + 1] };
    assert_eq!(sum(&spool.push(beyond).dropped), (1, 8));
    assert_eq!(drain(&mut spool), [1, 2, 3]);
}

#[test]
fn what_exceeds_memory_goes_to_disk_and_keeps_its_order() {
    let mut spool = open(&SimDisk::new(1), Options { disk_max: 1 << 20, ..small() });
    fill(&mut spool, 1..=300);
    let stats = spool.stats();
    assert_eq!((stats.batches, stats.samples), sum_of(1..=300));
    assert!(stats.memory_batches < 20);
    assert_eq!(drain(&mut spool), (1..=300).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_share_drops_the_oldest_segment_and_counts_it() {
    let disk = SimDisk::new(1);
    let mut spool = open(&disk, small());
    let mut lost = (0, 0);
    for seq in 1..=300 {
        let (batches, samples) = sum(&spool.push(record(seq)).dropped);
        lost = (lost.0 + batches, lost.1 + samples);
        let segments = disk.parts().into_iter().filter(|part| *part != Part::Cursor);
        let bytes: usize = segments.filter_map(|part| disk.bytes(part)).map(|bytes| bytes.len()).sum();
        assert!(bytes as u64 <= small().disk_max);
    }
    let delivered = drain(&mut spool);
    assert_eq!(delivered, (delivered[0]..=300).collect::<Vec<_>>());
    assert_eq!(lost, sum_of(1..delivered[0]));
}

#[test]
fn an_earlier_run_is_delivered_first() {
    let disk = SimDisk::new(1);
    let mut spool = open(&disk, ROOMY);
    fill(&mut spool, 1..=5);
    assert_eq!(spool.flush().batches, 0);
    drop(spool);
    let (mut spool, opened) = Spool::open(ROOMY, Some(disk)).unwrap();
    assert_eq!((opened.batches, opened.samples), sum_of(1..=5));
    assert_eq!(opened.dropped, []);
    fill(&mut spool, 6..=9);
    assert_eq!(drain(&mut spool), (1..=9).collect::<Vec<_>>());
}

#[test]
fn a_batch_in_flight_is_kept_over_a_shutdown_and_forgotten_when_acknowledged() {
    let disk = SimDisk::new(1);
    let mut spool = open(&disk, ROOMY);
    fill(&mut spool, 1..=3);
    assert!(spool.front().is_some());
    spool.persist();
    drop(spool);
    let mut spool = open(&disk, ROOMY);
    assert_eq!(spool.front().map(|front| front.seq), Some(1));
    spool.persist();
    spool.pop();
    drop(spool);
    assert_eq!(drain(&mut open(&disk, ROOMY)), [2, 3]);
}

#[test]
fn a_kill_repeats_nothing_and_a_power_loss_few() {
    for (seed, is_power_lost) in [(1, false), (2, true), (3, true), (4, true)] {
        let disk = SimDisk::new(seed);
        let mut spool = open(&disk, Options { segment_max: 1 << 20, ..ROOMY });
        fill(&mut spool, 1..=500);
        spool.persist();
        (1..=400).for_each(|_| spool.pop());
        drop(spool);
        if is_power_lost {
            disk.lose_power();
        }
        let delivered = drain(&mut open(&disk, ROOMY));
        let oldest = if is_power_lost { 401 - u64::from(REPEATS_MAX) } else { 401 };
        assert!((oldest..=401).contains(&delivered[0]), "{}", delivered[0]);
        assert_eq!(delivered, (delivered[0]..=500).collect::<Vec<_>>());
    }
}

#[test]
fn an_acknowledgement_covers_what_is_older_and_of_its_boot_only() {
    let mut spool = open(&SimDisk::new(1), ROOMY);
    for (boot, seq) in [(7, 8), (7, 9), (8, 1), (8, 2), (8, 3)] {
        assert_eq!(spool.push(Record { boot, seq, samples: 1, body: vec![1] }).dropped, []);
    }
    assert_eq!(spool.acknowledge(8, 2), 0, "the oldest is of another boot");
    assert_eq!(spool.acknowledge(7, 9), 2);
    spool.persist();
    assert_eq!(spool.acknowledge(8, 2), 2);
    assert_eq!(spool.stats().batches, 1);
    assert_eq!(spool.acknowledge(8, 2), 0, "a repeated answer takes nothing");
}

#[test]
fn a_full_file_system_degrades_to_memory_and_heals() {
    let disk = SimDisk::new(1);
    let mut spool = open(&disk, ROOMY);
    disk.set_space(Some(3_000));
    fill(&mut spool, 1..=40);
    spool.persist();
    let Health::Degraded { reason } = spool.health() else { panic!("it is full") };
    assert!(reason.contains(".seg") && reason.contains("No space"), "{reason}");
    disk.set_space(None);
    spool.persist();
    assert!(matches!(spool.health(), Health::Degraded { .. }), "not tried again at once");
    fill(&mut spool, 41..=80);
    assert_eq!(spool.health(), Health::Durable);
    spool.persist();
    assert_eq!(spool.stats().memory_batches, 0);
    assert_eq!(drain(&mut spool), (1..=80).collect::<Vec<_>>());
}

#[test]
fn a_failing_disk_never_stops_the_queue_and_every_loss_is_counted() {
    let disk = SimDisk::new(1);
    let mut spool = open(&disk, small());
    disk.set_faults(Faults { writes: 255, syncs: 255, reads: 0 });
    let mut lost = (0, 0);
    for seq in 1..=200 {
        let (batches, samples) = sum(&spool.push(record(seq)).dropped);
        lost = (lost.0 + batches, lost.1 + samples);
    }
    assert!(matches!(spool.health(), Health::Degraded { .. }));
    let delivered = drain(&mut spool);
    assert_eq!(lost, sum_of(1..delivered[0]));
    assert_eq!(delivered.last(), Some(&200));
}

#[test]
fn a_disk_that_cannot_be_read_costs_what_it_held_and_holds_nothing_up() {
    let disk = SimDisk::new(1);
    let mut spool = open(&disk, ROOMY);
    fill(&mut spool, 1..=50);
    spool.persist();
    fill(&mut spool, 51..=60);
    disk.set_faults(Faults { reads: 255, ..Faults::default() });
    let delivered = drain(&mut spool);
    let dropped = spool.take_dropped();
    assert_eq!(dropped.len(), 1);
    assert_eq!(dropped[0].cause, LostCause::SpoolDamaged);
    let missing = (1..=60).filter(|seq| !delivered.contains(seq));
    assert_eq!(sum(&dropped), sum_of(missing));
    assert!(delivered.ends_with(&(51..=60).collect::<Vec<_>>()));
}

#[test]
fn a_lowered_bound_is_kept_at_the_next_start() {
    let disk = SimDisk::new(1);
    let mut spool = open(&disk, Options { segment_max: 500, ..ROOMY });
    fill(&mut spool, 1..=100);
    spool.flush();
    drop(spool);
    let (mut spool, opened) = Spool::open(small(), Some(disk)).unwrap();
    let delivered = drain(&mut spool);
    assert!(opened.bytes <= small().disk_max);
    assert_eq!(sum(&opened.dropped), sum_of(1..delivered[0]));
    assert!(opened.dropped.iter().all(|lost| lost.cause == LostCause::SpoolFull));
}

#[test]
fn flushing_says_what_could_not_be_saved() {
    let disk = SimDisk::new(1);
    let mut spool = open(&disk, ROOMY);
    fill(&mut spool, [1]);
    disk.set_space(Some(0));
    let left = spool.flush();
    assert_eq!((left.batches, left.samples), (1, samples(1)));
    disk.set_space(None);
    assert_eq!(spool.flush().batches, 0, "a shutdown tries even shortly after a failure");
}
