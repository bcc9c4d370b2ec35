//! Tests of the whole queue: against a model, with a list of damages, and on a real directory.

mod damage;
mod directory;
mod model;
mod queue;

use crate::{Disk, Dropped, Options, Record, Spool, sim::SimDisk};

/// Small bounds, so that few records reach each of them.
fn small() -> Options {
    Options { memory_max: 1_000, disk_max: 4_000, segment_max: 600 }
}

/// The record of this number: each has samples and a body of its own.
fn record(seq: u64) -> Record {
    let body = format!("body of {seq} ").repeat(1 + usize::try_from(seq % 5).unwrap()).into_bytes();
    Record { boot: 1, seq, samples: samples(seq), body }
}

/// Samples such that a sum tells which records are in it, to all practical purposes.
fn samples(seq: u64) -> u64 {
    (seq + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 30
}

fn open(disk: &SimDisk, options: Options) -> Spool<SimDisk> {
    Spool::open(options, Some(disk.clone())).unwrap().0
}

/// Pushes these records; nothing may be lost.
fn fill<D: Disk>(spool: &mut Spool<D>, seqs: impl IntoIterator<Item = u64>) {
    for seq in seqs {
        assert_eq!(spool.push(record(seq)).dropped, []);
    }
}

/// Delivers everything, and checks each body.
fn drain<D: Disk>(spool: &mut Spool<D>) -> Vec<u64> {
    let mut seqs = Vec::new();
    while let Some(front) = spool.front() {
        let seq = front.seq;
        assert_eq!(*front, record(seq), "what is delivered is what was pushed");
        seqs.push(seq);
        spool.pop();
    }
    assert_eq!(spool.stats().batches, 0);
    seqs
}

/// Batches and samples lost, over all causes.
fn sum(dropped: &[Dropped]) -> (u64, u64) {
    dropped.iter().fold((0, 0), |(batches, samples), lost| (batches + lost.batches, samples.wrapping_add(lost.samples)))
}

/// Batches and samples of these records.
fn sum_of(seqs: impl IntoIterator<Item = u64>) -> (u64, u64) {
    seqs.into_iter().fold((0, 0), |(batches, total), seq| (batches + 1, total + samples(seq)))
}
