//! A list of damages, each done to the files of a spool of three segments, and what is left to deliver after it.

use farol_shared::batch::LostCause;

use super::{drain, fill, open, record, sum, sum_of};
use crate::{
    Dropped, Options, Part, Spool, SpoolError,
    format::{self, RECORD_HEADER, SEGMENT_HEADER},
    sim::SimDisk,
};

const OPTIONS: Options = Options { memory_max: 1 << 20, disk_max: 1 << 20, segment_max: 900 };
const COUNT: u64 = 24;

/// Numbers of the records in each segment, with the place where each begins.
type Layout = Vec<(Part, Vec<(u64, usize)>)>;

/// A spool of a few segments, and where everything is.
fn spooled() -> (SimDisk, Layout) {
    let disk = SimDisk::new(1);
    let mut spool = open(&disk, OPTIONS);
    fill(&mut spool, 1..=COUNT);
    assert_eq!(spool.flush().batches, 0);
    let mut layout = Layout::new();
    let mut seq = 1;
    for part in disk.parts().into_iter().filter(|part| *part != Part::Cursor) {
        let (mut at, len) = (SEGMENT_HEADER, disk.bytes(part).unwrap().len());
        let mut records = Vec::new();
        while at < len {
            records.push((seq, at));
            at += RECORD_HEADER + record(seq).body.len();
            seq += 1;
        }
        assert_eq!(at, len);
        layout.push((part, records));
    }
    assert!(layout.len() >= 3 && layout.iter().all(|(_, records)| records.len() >= 3), "{layout:?}");
    (disk, layout)
}

/// Opens and drains; all that does not come out must be counted as damaged, and is returned.
fn missing(disk: &SimDisk) -> Vec<u64> {
    let (delivered, dropped) = reopened(disk);
    let missing: Vec<u64> = (1..=COUNT).filter(|seq| !delivered.contains(seq)).collect();
    assert_eq!(sum(&dropped), sum_of(missing.iter().copied()));
    assert!(dropped.iter().all(|lost| lost.cause == LostCause::SpoolDamaged));
    missing
}

fn reopened(disk: &SimDisk) -> (Vec<u64>, Vec<Dropped>) {
    let (mut spool, opened) = Spool::open(OPTIONS, Some(disk.clone())).unwrap();
    let mut dropped = opened.dropped;
    fill(&mut spool, [COUNT + 1]);
    let mut delivered = drain(&mut spool);
    assert_eq!(delivered.pop(), Some(COUNT + 1), "the queue goes on");
    assert!(delivered.is_sorted_by(|a, b| a < b));
    dropped.extend(spool.take_dropped());
    assert_eq!(reopen_empty(disk), 0, "nothing is found a second time");
    (delivered, dropped)
}

fn reopen_empty(disk: &SimDisk) -> u64 {
    let (_, opened) = Spool::open(OPTIONS, Some(disk.clone())).unwrap();
    opened.batches + sum(&opened.dropped).0
}

fn edit(disk: &SimDisk, part: Part, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = disk.bytes(part).unwrap();
    change(&mut bytes);
    disk.set_bytes(part, Some(bytes));
}

#[test]
fn nothing_damaged_loses_nothing() {
    assert_eq!(missing(&spooled().0), [0; 0]);
}

#[test]
fn a_torn_last_record_is_cut_off_wherever_it_was_torn() {
    let (_, layout) = spooled();
    let (part, records) = layout.last().unwrap();
    let (seq, at) = *records.last().unwrap();
    for len in at..at + RECORD_HEADER + record(seq).body.len() {
        let (disk, _) = spooled();
        edit(&disk, *part, |bytes| bytes.truncate(len));
        assert_eq!(missing(&disk), [seq], "cut to {len}");
    }
}

#[test]
fn a_torn_record_is_counted_by_its_header_when_the_cursor_is_gone() {
    let (disk, layout) = spooled();
    let (part, _) = layout.last().unwrap();
    edit(&disk, *part, |bytes| bytes.truncate(bytes.len() - 1));
    disk.set_bytes(Part::Cursor, None);
    assert_eq!(missing(&disk), [COUNT]);
}

#[test]
fn zeros_behind_the_last_record_are_cut_off() {
    let (disk, layout) = spooled();
    edit(&disk, layout.last().unwrap().0, |bytes| bytes.extend([0; 300]));
    let (delivered, dropped) = reopened(&disk);
    assert_eq!(delivered, (1..=COUNT).collect::<Vec<_>>());
    assert_eq!(sum(&dropped), (1, 0), "something was there; nobody knows what");
}

#[test]
fn a_flipped_bit_anywhere_in_a_record_costs_that_record() {
    let (_, layout) = spooled();
    for (part, records) in &layout {
        for (seq, at) in [records[0], records[1], records[records.len() - 1]] {
            for byte in [0, 4, 7, 8, 20, 30, 40, 50, 54, RECORD_HEADER, RECORD_HEADER + 9] {
                let (disk, _) = spooled();
                disk.flip(*part, at + byte, 3);
                assert_eq!(missing(&disk), [seq], "{part} record {seq} byte {byte}");
            }
        }
    }
}

#[test]
fn a_damaged_segment_header_costs_nothing() {
    for (part, _) in spooled().1 {
        for byte in [0, 9, 13, 17, 25, 33, 41] {
            let (disk, _) = spooled();
            disk.flip(part, byte, 6);
            assert_eq!(missing(&disk), [0; 0], "{part} byte {byte}");
        }
    }
}

#[test]
fn a_missing_emptied_or_overwritten_segment_costs_what_it_held() {
    for (part, records) in spooled().1 {
        let held: Vec<u64> = records.iter().map(|(seq, _)| *seq).collect();
        for bytes in [None, Some(vec![]), Some(vec![0; 40]), Some(vec![0; 2_000]), Some(b"\xFBrec".repeat(500))] {
            let (disk, _) = spooled();
            disk.set_bytes(part, bytes);
            assert_eq!(missing(&disk), held, "{part}");
        }
    }
}

#[test]
fn segments_that_changed_places_are_not_believed() {
    let (disk, layout) = spooled();
    let (first, second) = (layout[0].0, layout[1].0);
    let (a, b) = (disk.bytes(first), disk.bytes(second));
    disk.set_bytes(first, b);
    disk.set_bytes(second, a);
    let held: Vec<u64> = layout[..2].iter().flat_map(|(_, records)| records).map(|(seq, _)| *seq).collect();
    assert_eq!(missing(&disk), held);
}

#[test]
fn a_record_inside_a_body_is_never_taken_for_one() {
    let size = |seq| RECORD_HEADER + record(seq).body.len();
    for (part, records) in spooled().1 {
        for (copied, from) in &records {
            for (target, at) in records.iter().filter(|(target, _)| size(*copied) < size(*target)) {
                let (disk, _) = spooled();
                // A record's bytes, whole and sound, where another one's body was; that one's header is gone.
                edit(&disk, part, |bytes| {
                    bytes.copy_within(*from..from + size(*copied), at + 1);
                    bytes[*at] ^= 1;
                });
                assert_eq!(missing(&disk), [*target], "{copied} in {target}");
            }
        }
    }
}

#[test]
fn a_lost_or_damaged_cursor_delivers_again_and_loses_nothing() {
    for damage in 0..4 {
        let (disk, layout) = spooled();
        let mut spool = open(&disk, OPTIONS);
        let acknowledged = layout[0].1.len() as u64 + 2;
        (0..acknowledged).for_each(|_| spool.pop());
        drop(spool);
        match damage {
            0 => disk.set_bytes(Part::Cursor, None),
            1 => disk.set_bytes(Part::Cursor, Some(vec![])),
            2 => disk.set_bytes(Part::Cursor, Some(vec![0xAA; 5_000])),
            _ => [30, 542, 1_054].into_iter().for_each(|byte| disk.flip(Part::Cursor, byte, 1)),
        }
        let (delivered, dropped) = reopened(&disk);
        assert_eq!(delivered, (layout[1].1[0].0..=COUNT).collect::<Vec<_>>(), "from the oldest segment on");
        assert_eq!(dropped, []);
    }
}

#[test]
fn one_damaged_slot_of_the_cursor_leaves_the_others() {
    for slot in 0..3 {
        let (disk, layout) = spooled();
        let mut spool = open(&disk, OPTIONS);
        let acknowledged = layout[0].1.len() as u64 + 2;
        (0..acknowledged).for_each(|_| spool.pop());
        drop(spool);
        disk.flip(Part::Cursor, slot * 512 + 30, 1);
        let (delivered, dropped) = reopened(&disk);
        assert!(delivered[0] == acknowledged + 1 || delivered[0] == layout[1].1[0].0);
        assert_eq!((*delivered.last().unwrap(), dropped), (COUNT, vec![]));
    }
}

#[test]
fn a_newer_version_is_refused_and_left_untouched() {
    let (disk, layout) = spooled();
    for part in [layout[1].0, Part::Cursor] {
        let (disk, _) = (spooled().0, disk.clone());
        // As a later program would write it: the preamble of these sixteen bytes, and then anything.
        let mut newer = disk.bytes(part).unwrap()[..8].to_vec();
        newer.extend(2u32.to_le_bytes());
        newer.extend(format::checksum(&newer).to_le_bytes());
        newer.extend([0xEE; 700]);
        disk.set_bytes(part, Some(newer));
        // And a tail that would be cut off if this were opened.
        edit(&disk, layout[2].0, |bytes| bytes.extend([7; 99]));
        let before: Vec<_> = disk.parts().into_iter().map(|part| disk.bytes(part)).collect();
        let error = Spool::open(OPTIONS, Some(disk.clone())).unwrap_err();
        assert!(matches!(error, SpoolError::Newer { version: 2, known: 1, .. }));
        assert!(error.to_string().contains(&part.to_string()), "{error}");
        let after: Vec<_> = disk.parts().into_iter().map(|part| disk.bytes(part)).collect();
        assert_eq!(before, after);
    }
}

#[test]
fn damage_under_a_running_spool_is_skipped_and_counted() {
    let disk = SimDisk::new(1);
    let mut spool = open(&disk, OPTIONS);
    fill(&mut spool, 1..=COUNT);
    spool.persist();
    assert_eq!(spool.front().map(|front| front.seq), Some(1));
    for part in disk.parts() {
        let len = disk.bytes(part).unwrap().len();
        edit(&disk, part, |bytes| bytes.truncate(len / 2));
    }
    let delivered = drain(&mut spool);
    assert_eq!(delivered[0], 1, "what is in flight is in memory too");
    assert_eq!(sum(&spool.take_dropped()), sum_of((1..=COUNT).filter(|seq| !delivered.contains(seq))));
}
