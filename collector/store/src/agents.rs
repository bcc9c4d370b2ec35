//! What the writer remembers of each agent: its tables, its runs, and how its next row is encoded.

use std::{collections::HashMap, hash::BuildHasher, sync::Arc};

use crate::{
    catalog::Live,
    codec::{
        journal::{CAUSES, Previous},
        row::RowEncoder,
    },
    head::Segment,
    model::TableIds,
};

/// Runs of one agent that are remembered. Its spool delivers oldest first: when so many newer runs have delivered, an
/// older one has nothing left to repeat.
pub(crate) const BOOTS_MAX: usize = 256;

/// One agent.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) id: u32,
    pub(crate) name: Arc<str>,
    /// Of the tables' bytes; none when they must be resolved anew.
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) tables: Vec<(Arc<TableIds>, Arc<Live>)>,
    pub(crate) layouts: Vec<Layout>,
    /// The chain in which the layouts are defined.
    pub(crate) chain: u64,
    /// Changes with the list of layouts.
    pub(crate) version: u64,
    pub(crate) streams: HashMap<u64, Stream>,
}

impl Agent {
    pub(crate) fn new(id: u32, name: Arc<str>) -> Self {
        Self {
            id,
            name,
            fingerprint: None,
            tables: Vec::new(),
            layouts: Vec::new(),
            chain: 0,
            version: 0,
            streams: HashMap::new(),
        }
    }

    /// Makes room for one more run by forgetting the one that was silent for longest.
    pub(crate) fn forget_boots(&mut self) {
        while self.streams.len() >= BOOTS_MAX {
            let oldest = self.streams.iter().min_by_key(|(_, stream)| stream.seen_ms).map(|(boot, _)| *boot);
            match oldest {
                Some(boot) => self.streams.remove(&boot),
                None => break,
            };
        }
    }
}

/// How the rows of one resource are encoded in the living chain.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) id: u32,
    pub(crate) encoder: RowEncoder,
    pub(crate) segment: Arc<Segment>,
}

/// One run of an agent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stream {
    pub(crate) last_seq: u64,
    pub(crate) taken: u64,
    pub(crate) lost: [u64; CAUSES],
    /// By the collector's clock.
    pub(crate) seen_ms: i64,
    /// Changed since it was last written to its table.
    pub(crate) is_dirty: bool,
    /// The chain in which the journal knows it, under which number, with which version of the tables.
    pub(crate) chain: u64,
    pub(crate) number: u32,
    pub(crate) version: u64,
    pub(crate) previous: Previous,
}

/// Tells whether bytes are the same as before without keeping them: for 5,000 agents they would take 30 MiB. An agent
/// that made two tables with one fingerprint would only confuse its own series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint(usize, u64, u64);

/// Makes fingerprints that differ from process to process.
#[derive(Debug)]
pub(crate) struct Fingerprints([u64; 4]);

impl Fingerprints {
    pub(crate) fn new() -> Self {
        let random = std::hash::RandomState::new();
        Self([1, 2, 3, 4].map(|number: u64| random.hash_one(number)))
    }

    pub(crate) fn of(&self, bytes: &[u8]) -> Fingerprint {
        let [a, b, c, d] = self.0;
        let (mut one, mut two) = (a ^ bytes.len() as u64, b);
        let (words, rest) = bytes.as_chunks::<16>();
        let mut last = [0; 16];
        last[..rest.len()].copy_from_slice(rest);
        for word in words.iter().chain([&last]) {
            let word = u128::from_le_bytes(*word);
            #[expect(clippy::cast_possible_truncation, reason = "the halves are meant")]
            let (low, high) = (word as u64, (word >> 64) as u64);
            one = fold(low ^ c ^ one, high ^ a);
            two = fold(low ^ d, high ^ b ^ two);
        }
        Fingerprint(bytes.len(), one, two)
    }
}

/// Both halves of the product, one over the other.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "the halves are meant")]
    let folded = product as u64 ^ (product >> 64) as u64;
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_changes_the_fingerprint() {
        let fingerprints = Fingerprints::new();
        let bytes: Vec<u8> = (0..=255).cycle().take(1_001).collect();
        let before = fingerprints.of(&bytes);
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert_ne!(before, fingerprints.of(&changed), "byte {index}");
        }
        assert_eq!(before, fingerprints.of(&bytes));
        assert_ne!(fingerprints.of(&[0; 15]), fingerprints.of(&[0; 16]));
    }
}
