//! The queue against a model: random pushes, deliveries, kills, power losses, full and failing disks, flipped bits.
//!
//! The model is the list of what the queue holds. Each step may take from it only what was delivered or counted, by batches
//! and by samples, and samples are such that their sum tells which batches they are.

use proptest::prelude::*;

use super::{record, samples, small, sum};
use crate::{
    Disk, Dropped, Opened, Options, Part, REPEATS_MAX, Spool,
    sim::{Faults, SimDisk},
};

#[derive(Debug, Clone)]
enum Step {
    Push(u8),
    Front,
    Pop,
    Acknowledge,
    Persist,
    Flush,
    Kill,
    LosePower,
    /// Dies after so many operations of the disk, in the middle of whatever it does.
    Crash {
        after: u32,
        is_power_lost: bool,
    },
    Space(Option<usize>),
    Fail(Faults),
    Flip {
        part: usize,
        byte: usize,
        bit: u8,
    },
}

fn step(is_faulty: bool, is_flipping: bool) -> impl Strategy<Value = Step> {
    let fault = prop_oneof![3 => Just(0u8), 1 => any::<u8>()];
    let faults = (fault.clone(), fault).prop_map(|(writes, syncs)| Step::Fail(Faults { writes, syncs, reads: 0 }));
    let space = prop::option::of(0usize..6_000).prop_map(Step::Space);
    let flip = (any::<usize>(), any::<usize>(), 0u8..8).prop_map(|(part, byte, bit)| Step::Flip { part, byte, bit });
    let mut steps = vec![
        (20, (1u8..12).prop_map(Step::Push).boxed()),
        (4, Just(Step::Front).boxed()),
        (12, Just(Step::Pop).boxed()),
        (2, Just(Step::Acknowledge).boxed()),
        (6, Just(Step::Persist).boxed()),
        (2, Just(Step::Flush).boxed()),
        (3, Just(Step::Kill).boxed()),
        (3, Just(Step::LosePower).boxed()),
        (4, (0u32..24, any::<bool>()).prop_map(|(after, is_power_lost)| Step::Crash { after, is_power_lost }).boxed()),
    ];
    if is_faulty {
        steps.extend([(2, space.boxed()), (3, faults.boxed())]);
    }
    if is_flipping {
        steps.push((4, flip.boxed()));
    }
    prop::strategy::Union::new_weighted(steps)
}

struct Model {
    disk: SimDisk,
    options: Options,
    spool: Option<Spool<SimDisk>>,
    /// What the queue holds, oldest first, by number.
    queue: Vec<u64>,
    next: u64,
    /// Newest number that was delivered in this run.
    delivered: Option<u64>,
    /// Whether operations may have failed, in this run.
    is_faulty: bool,
    /// Whether syncs may have failed since the power was lost last.
    is_unsynced: bool,
    /// Whether something on disk is damaged that is only found, and counted, when reading comes to it.
    is_damaged: bool,
}

impl Model {
    fn new(seed: u64, options: Options) -> Self {
        let disk = SimDisk::new(seed);
        let spool = Spool::open(options, Some(disk.clone())).unwrap().0;
        Self {
            disk,
            options,
            spool: Some(spool),
            queue: Vec::new(),
            next: 1,
            delivered: None,
            is_faulty: false,
            is_unsynced: false,
            is_damaged: false,
        }
    }

    fn spool(&mut self) -> &mut Spool<SimDisk> {
        self.spool.as_mut().expect("a model has a spool between steps")
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Push(count) => {
                for _ in 0..*count {
                    let seq = self.next;
                    self.next += 1;
                    self.queue.push(seq);
                    let dropped = self.spool().push(record(seq)).dropped;
                    self.check(&dropped);
                }
            }
            Step::Front => self.front(),
            Step::Pop => {
                self.front();
                let had_front = self.spool().front().map(|front| front.seq);
                self.spool().pop();
                if let Some(seq) = had_front {
                    self.queue.retain(|queued| *queued != seq);
                }
            }
            Step::Acknowledge => {
                // Up to three at once; what is skipped on the way must be counted, as ever.
                let Some(upto) = self.spool().walk().iter().map(|record| record.seq).take(3).max() else { return };
                self.spool().acknowledge(1, upto);
                let left: Vec<u64> = self.spool().walk().iter().map(|record| record.seq).collect();
                assert!(left.iter().all(|seq| *seq > upto));
                if !self.is_damaged {
                    self.queue.retain(|queued| *queued > upto);
                }
                self.delivered = self.delivered.max(Some(upto));
            }
            Step::Persist => self.spool().persist(),
            Step::Flush => {
                let left = self.spool().flush();
                assert!(left.batches == 0 || self.is_faulty || left.batches == 1, "{left:?}");
            }
            Step::Kill => self.reopen(false),
            Step::LosePower => self.reopen(true),
            Step::Crash { after, is_power_lost } => {
                self.is_faulty = true;
                self.disk.break_after(Some(*after));
                for step in [Step::Pop, Step::Push(6), Step::Persist, Step::Pop, Step::Pop, Step::Flush] {
                    self.step(&step);
                }
                self.reopen(*is_power_lost);
            }
            Step::Space(bytes) => {
                self.is_faulty = true;
                self.disk.set_space(*bytes);
            }
            Step::Fail(faults) => {
                self.is_faulty = true;
                self.is_unsynced |= faults.syncs > 0;
                self.disk.set_faults(*faults);
            }
            Step::Flip { part, byte, bit } => self.flip(*part, *byte, *bit),
        }
        let dropped = self.spool().take_dropped();
        self.check(&dropped);
    }

    /// The oldest is what it should be, and is delivered in order.
    fn front(&mut self) {
        let Some(front) = self.spool().front().cloned() else {
            assert_eq!(self.spool().stats().batches, 0, "nothing to deliver means nothing queued");
            return;
        };
        assert_eq!(front, record(front.seq), "what is delivered is what was pushed");
        assert!(self.delivered <= Some(front.seq), "{} after {:?}", front.seq, self.delivered);
        self.delivered = Some(front.seq);
    }

    /// What is missing from the queue is what was counted, and the figures agree with what is there.
    fn check(&mut self, dropped: &[Dropped]) {
        let is_damaged = self.is_damaged;
        let found: Vec<u64> = self.spool().walk().iter().map(|record| record.seq).collect();
        let stats = self.spool().stats();
        assert!(found.is_sorted_by(|a, b| a < b), "order of arrival: {found:?}");
        if is_damaged {
            // Damage is counted when reading comes to it; the books are closed when all is drained.
            return;
        }
        let (missing, kept): (Vec<u64>, Vec<u64>) = self.queue.iter().partition(|seq| found.binary_search(seq).is_err());
        assert_eq!(kept, found, "nothing appears from nowhere");
        assert_eq!(sum(dropped), super::sum_of(missing.iter().copied()), "each loss is counted: {missing:?}");
        assert_eq!((stats.batches, stats.samples), super::sum_of(found.iter().copied()));
        self.queue = kept;
    }

    fn reopen(&mut self, is_power_lost: bool) {
        let durable: Vec<u64> = self.spool().walk_disk().iter().map(|record| record.seq).collect();
        let before = self.queue.clone();
        let acknowledged = self.next;
        self.spool = None;
        if is_power_lost {
            self.disk.lose_power();
            self.is_unsynced = false;
        }
        // After a failed sync and a kill, the kernel shows what it will never write, and says that it is synced.
        self.is_damaged |= self.is_unsynced;
        let was_faulty = std::mem::take(&mut self.is_faulty);
        self.disk.set_space(None);
        self.disk.break_after(None);
        self.disk.set_faults(Faults::default());
        let (spool, opened) = Spool::open(self.options, Some(self.disk.clone())).unwrap();
        self.spool = Some(spool);
        self.delivered = None;
        let found: Vec<u64> = self.spool().walk().iter().map(|record| record.seq).collect();
        assert!(found.is_sorted_by(|a, b| a < b), "order of arrival over restarts: {found:?}");
        assert!(found.iter().all(|seq| *seq < acknowledged));
        if !self.is_damaged {
            self.check_found(&durable, &before, &found, &opened, is_power_lost, was_faulty);
        }
        self.queue = found;
    }

    fn check_found(
        &mut self,
        durable: &[u64],
        before: &[u64],
        found: &[u64],
        opened: &Opened,
        is_power_lost: bool,
        was_faulty: bool,
    ) {
        let missing: Vec<u64> = durable.iter().copied().filter(|seq| !found.contains(seq)).collect();
        assert_eq!(missing, [0; 0], "what was synced is there after the crash: {found:?}");
        let repeated = found.iter().filter(|seq| !before.contains(seq)).count();
        if !was_faulty {
            let repeats_max = if is_power_lost { usize::try_from(REPEATS_MAX).unwrap() } else { 0 };
            assert!(repeated <= repeats_max, "{repeated} delivered again");
        }
        if (opened.batches, opened.samples) != super::sum_of(found.iter().copied()) {
            // A batch that was never synced came through the power loss, and an older one did not.
            assert!(is_power_lost && was_faulty && opened.batches > found.len() as u64);
            self.is_damaged = true;
        }
        if !was_faulty {
            assert_eq!(opened.dropped, [], "neither a kill nor a power loss damages what was synced");
            assert!(is_power_lost || found == durable);
        }
    }

    fn flip(&mut self, part: usize, byte: usize, bit: u8) {
        let parts = self.disk.parts();
        if parts.is_empty() {
            return;
        }
        let part = parts[part % parts.len()];
        let len = self.disk.bytes(part).map_or(0, |bytes| bytes.len());
        if len > 0 {
            self.disk.flip(part, byte % len, bit);
            self.is_damaged = true;
        }
    }
}

/// Closes the books: everything still queued comes out in order or is counted.
fn drain(model: &mut Model) {
    model.disk.set_space(None);
    model.disk.set_faults(Faults::default());
    loop {
        let had = model.spool().stats();
        let delivered = model.spool().front().cloned();
        let Some(delivered) = delivered else {
            let dropped = model.spool().take_dropped();
            assert_eq!(sum(&dropped), (had.batches, had.samples), "what does not come out is counted");
            return;
        };
        model.front();
        model.spool().pop();
        let left = model.spool().stats();
        let dropped = sum(&model.spool().take_dropped());
        assert_eq!(
            (had.batches, had.samples),
            (left.batches + 1 + dropped.0, left.samples + samples(delivered.seq) + dropped.1),
            "queued before = delivered + counted + still queued"
        );
    }
}

fn run(seed: u64, options: Options, steps: &[Step]) {
    let mut model = Model::new(seed, options);
    for step in steps {
        model.step(step);
    }
    drain(&mut model);
}

fn options() -> impl Strategy<Value = Options> {
    let bounded = (0usize..2_000, 0u64..6_000, 0u64..1_500);
    bounded.prop_map(|(memory_max, disk_max, segment_max)| Options { memory_max, disk_max, segment_max })
}

proptest! {
    #[test]
    fn kills_and_power_losses_cost_only_what_memory_held(seed: u64, steps in prop::collection::vec(step(false, false), 1..80)) {
        run(seed, small(), &steps);
    }

    #[test]
    fn any_bounds_are_kept_and_counted(seed: u64, options in options(), steps in prop::collection::vec(step(false, false), 1..60)) {
        run(seed, options, &steps);
    }

    #[test]
    fn a_full_or_failing_disk_costs_nothing_uncounted(seed: u64, steps in prop::collection::vec(step(true, false), 1..80)) {
        run(seed, small(), &steps);
    }

    #[test]
    fn flipped_bits_never_come_out_and_never_break_the_order(seed: u64, steps in prop::collection::vec(step(false, true), 1..80)) {
        run(seed, small(), &steps);
    }

    #[test]
    fn flips_at_rest_are_counted_to_the_sample(
        seed: u64,
        count in 1u64..60,
        flips in prop::collection::vec((any::<usize>(), any::<usize>(), 0u8..8), 1..12),
    ) {
        let options = Options { memory_max: 100_000, disk_max: 100_000, segment_max: 700 };
        let disk = SimDisk::new(seed);
        let (mut spool, _) = Spool::open(options, Some(disk.clone())).unwrap();
        super::fill(&mut spool, 1..=count);
        spool.flush();
        drop(spool);
        let segments: Vec<Part> = disk.parts().into_iter().filter(|part| *part != Part::Cursor).collect();
        for (part, byte, bit) in flips {
            let part = segments[part % segments.len()];
            let len = disk.bytes(part).map_or(1, |bytes| bytes.len());
            disk.flip(part, byte % len, bit);
        }
        let (mut spool, opened) = Spool::open(options, Some(disk.clone())).unwrap();
        let delivered = super::drain(&mut spool);
        prop_assert!(delivered.is_sorted_by(|a, b| a < b));
        let (mut lost, late) = (sum(&opened.dropped), sum(&spool.take_dropped()));
        lost = (lost.0 + late.0, lost.1 + late.1);
        prop_assert_eq!(lost, super::sum_of((1..=count).filter(|seq| !delivered.contains(seq))));
    }

    #[test]
    fn any_bytes_in_the_directory_are_survived(
        seed: u64,
        segments in prop::collection::vec((0u64..6, prop::collection::vec(any::<u8>(), 0..300)), 0..4),
        cursor in prop::option::of(prop::collection::vec(any::<u8>(), 0..1_200)),
    ) {
        let mut disk = SimDisk::new(seed);
        for (number, bytes) in segments {
            disk.set_bytes(Part::Segment(number), Some(bytes));
        }
        disk.set_bytes(Part::Cursor, cursor);
        let (mut spool, opened) = Spool::open(small(), Some(disk.clone())).unwrap();
        prop_assert_eq!(opened.batches, 0);
        super::fill(&mut spool, 1..=9);
        spool.flush();
        prop_assert_eq!(super::drain(&mut spool), (1..=9).collect::<Vec<_>>());
        prop_assert_eq!(disk.segments().unwrap(), []);
    }
}
