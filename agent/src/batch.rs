//! Batches: what was read at one instant, made into the bytes that travel.
//!
//! In: the recorder after a tick. Out: one encoded, usually compressed batch. Invariants: numbers of batches rise by one;
//! `taken` and `lost` only grow. The tables are encoded once per generation of the recorder and then reused.

use farol_shared::{
    batch::{Batch, Lost, LostCause},
    frame::Frame,
    record::Records,
    wire,
};
use serde_bytes::ByteBuf;
use zstd::{bulk::Compressor, zstd_safe::CParameter};

use crate::recorder::Recorder;

/// Batches below this size travel as they are: their names hardly repeat, and a frame of zstd costs 13 bytes.
const COMPRESS_BYTES_MIN: usize = 512;

/// Window of the compressor, as a power of two. Names repeat within a few lines of a table, so 8 KiB find nearly all; the
/// compressor's buffers grow with it.
const WINDOW_LOG: u32 = 13;

/// Hash table of the compressor, as a power of two: 2^12 entries of 4 bytes stay in the first-level cache. With the
/// library's own choice the context alone would take a tenth of the agent's memory.
const HASH_LOG: u32 = 12;

/// First bytes of every zstd frame. A batch in MessagePack is a map and never starts with them.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Whether a body is compressed and needs `Content-Encoding: zstd`.
#[must_use]
pub fn is_compressed(body: &[u8]) -> bool {
    body.starts_with(&ZSTD_MAGIC)
}

/// Samples lost in this run, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Losses {
    /// Dropped because the spool was full.
    pub spool_full: u64,
    /// Lost to a failing disk or a damaged record.
    pub spool_damaged: u64,
    /// Refused by the collector for good.
    pub refused: u64,
}

impl Losses {
    /// Each cause with its word and its count.
    #[must_use]
    pub fn by_cause(&self) -> [(LostCause, &'static str, u64); 3] {
        [
            (LostCause::SpoolFull, "spool_full", self.spool_full),
            (LostCause::SpoolDamaged, "spool_damaged", self.spool_damaged),
            (LostCause::Refused, "refused", self.refused),
        ]
    }

    fn wire(&self) -> Vec<Lost> {
        let lost = |(cause, _, samples)| (samples > 0).then_some(Lost { cause, samples });
        self.by_cause().into_iter().filter_map(lost).collect()
    }
}

/// One batch ready to travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Its number in this run, from 1.
    pub seq: u64,
    /// How many samples and records it carries.
    pub samples: u64,
    /// The exact body of the request; see [`is_compressed`].
    pub body: Vec<u8>,
}

/// Makes batches of what the recorder holds.
pub struct Batcher {
    batch: Batch,
    generation: Option<u64>,
    compressor: Option<Compressor<'static>>,
}

impl std::fmt::Debug for Batcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batcher").field("seq", &self.batch.seq).field("taken", &self.batch.taken).finish_non_exhaustive()
    }
}

impl Batcher {
    /// Starts a run of the agent named `agent`; `boot` is this run's random number.
    #[must_use]
    pub fn new(agent: &str, boot: u64) -> Self {
        let batch = Batch {
            agent: agent.to_owned(),
            boot,
            seq: 0,
            interval_ms: 0,
            taken: 0,
            lost: Vec::new(),
            tables: ByteBuf::new(),
            frames: vec![Frame::default()],
        };
        Self { batch, generation: None, compressor: compressor() }
    }

    /// Samples and records taken in this run so far.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.batch.taken
    }

    /// Takes this tick's values out of the recorder and makes the next batch of them and of the records.
    pub fn next(
        &mut self,
        recorder: &mut Recorder,
        records: Vec<Records>,
        time_ms: i64,
        interval_ms: u64,
        losses: &Losses,
    ) -> Encoded {
        if self.generation != Some(recorder.generation()) {
            self.batch.tables = ByteBuf::from(wire::encode_tables(&recorder.tables()));
            self.generation = Some(recorder.generation());
        }
        let rows = recorder.take_rows();
        let frame = Frame { time_ms, rows, records };
        let samples = u64::try_from(frame.samples()).unwrap_or(u64::MAX);
        self.batch.seq += 1;
        self.batch.taken += samples;
        self.batch.interval_ms = interval_ms;
        self.batch.lost = losses.wire();
        if let Some(place) = self.batch.frames.first_mut() {
            *place = frame;
        }
        let plain = wire::encode(&self.batch);
        Encoded { seq: self.batch.seq, samples, body: self.compress(plain) }
    }

    fn compress(&mut self, plain: Vec<u8>) -> Vec<u8> {
        if plain.len() < COMPRESS_BYTES_MIN {
            return plain;
        }
        // A failing compressor costs bytes on the wire, never data.
        match self.compressor.as_mut().map(|compressor| compressor.compress(&plain)) {
            Some(Ok(mut packed)) if packed.len() < plain.len() => {
                packed.shrink_to_fit();
                packed
            }
            _ => plain,
        }
    }
}

fn compressor() -> Option<Compressor<'static>> {
    let mut compressor = Compressor::new(1).ok()?;
    compressor.set_parameter(CParameter::WindowLog(WINDOW_LOG)).ok()?;
    compressor.set_parameter(CParameter::HashLog(HASH_LOG)).ok()?;
    compressor.set_parameter(CParameter::ContentSizeFlag(true)).ok()?;
    Some(compressor)
}

#[cfg(test)]
mod tests {
    use farol_shared::{
        catalog,
        frame::Row,
        resource::{Resource, ResourceKind},
    };

    use super::*;

    fn recorder() -> (Recorder, Vec<crate::recorder::SeriesSlot>) {
        let mut recorder = Recorder::new();
        let host = recorder.resource(Resource {
            key: "host:a".into(),
            kind: ResourceKind::Host,
            parent: None,
            tenant: None,
            attributes: [("host.name".to_owned(), "a".to_owned())].into(),
        });
        let names: Vec<String> = (0..50).map(|number| format!("disk{number}")).collect();
        let slots =
            names.iter().map(|name| recorder.series(host, &catalog::SYSTEM_DISK_IO_TIME, &[("system.device", name)])).collect();
        (recorder, slots)
    }

    fn decode(encoded: &Encoded) -> Batch {
        let plain = if is_compressed(&encoded.body) {
            zstd::bulk::decompress(&encoded.body, 1 << 20).unwrap()
        } else {
            encoded.body.clone()
        };
        let batch = wire::decode(&plain).unwrap();
        wire::check_shape(&batch, &wire::decode_tables(&batch.tables).unwrap()).unwrap();
        batch
    }

    #[test]
    fn a_batch_carries_what_was_read_and_what_was_lost() {
        let (mut recorder, slots) = recorder();
        let mut batcher = Batcher::new("host:a", 7);
        recorder.set(slots[0], 1.5);
        recorder.set(slots[2], 2.0);
        let losses = Losses { refused: 3, ..Losses::default() };
        let first = batcher.next(&mut recorder, Vec::new(), 1_000, 1_000, &losses);
        let batch = decode(&first);
        assert_eq!((batch.agent.as_str(), batch.boot, batch.seq, batch.interval_ms, batch.taken), ("host:a", 7, 1, 1_000, 2));
        assert_eq!(batch.lost, [Lost { cause: LostCause::Refused, samples: 3 }]);
        assert_eq!(batch.frames, [Frame { time_ms: 1_000, rows: vec![Row(vec![1.5, f64::NAN, 2.0])], records: Vec::new() }]);
        recorder.set(slots[1], 3.0);
        let second = batcher.next(&mut recorder, Vec::new(), 2_000, 100, &losses);
        let batch = decode(&second);
        assert_eq!((batch.seq, batch.taken, batch.interval_ms, second.samples), (2, 3, 100, 1));
    }

    #[test]
    fn names_that_repeat_are_compressed_away() {
        let (mut recorder, slots) = recorder();
        let mut batcher = Batcher::new("host:a", 7);
        slots.iter().for_each(|slot| recorder.set(*slot, 1.0));
        let encoded = batcher.next(&mut recorder, Vec::new(), 1_000, 1_000, &Losses::default());
        assert!(is_compressed(&encoded.body));
        assert!(encoded.body.len() < 700, "{}", encoded.body.len());
        assert_eq!(decode(&encoded).samples(), 50);
    }

    #[test]
    fn a_change_of_the_tables_reaches_the_next_batch() {
        let (mut recorder, slots) = recorder();
        let mut batcher = Batcher::new("host:a", 7);
        let before = decode(&batcher.next(&mut recorder, Vec::new(), 1_000, 1_000, &Losses::default()));
        recorder.remove_series(slots[0]);
        let after = decode(&batcher.next(&mut recorder, Vec::new(), 2_000, 1_000, &Losses::default()));
        assert_eq!(wire::decode_tables(&before.tables).unwrap().0[0].series.len(), 50);
        assert_eq!(wire::decode_tables(&after.tables).unwrap().0[0].series.len(), 49);
    }
}
