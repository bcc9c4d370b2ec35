//! A disk in memory that tears, forgets, fills, refuses and flips, all from one seed. For tests.
//!
//! What is written is visible at once and durable after a sync, as on a real file system. On a power loss every write
//! since the last sync is kept, torn or forgotten, each by itself, and so is every name made or removed since
//! [`Disk::sync_names`]. After a failed sync the unsynced writes stay visible and will never become durable, as on Linux.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::{Disk, Part};

/// The system's numbers for a full disk and for a broken one.
const ENOSPC: i32 = 28;
const EIO: i32 = 5;

/// How often operations fail, in 256ths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Creating, writing, cutting, removing; a failed write leaves a part behind.
    pub writes: u8,
    /// Syncing files and names.
    pub syncs: u8,
    /// Reading.
    pub reads: u8,
}

/// A handle to the disk; clones share it, so that it outlives the spool that crashes on it.
#[derive(Debug, Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug, Clone, Default)]
struct File {
    /// What a reader sees.
    live: Vec<u8>,
    /// What surely survives a power loss.
    durable: Vec<u8>,
    /// What may.
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Cut { len: usize },
}

#[derive(Debug, Clone)]
struct State {
    random: u64,
    files: Vec<File>,
    names: BTreeMap<Part, usize>,
    durable_names: BTreeMap<Part, usize>,
    space: Option<usize>,
    faults: Faults,
    /// Changes and syncs that still succeed; then none does.
    left: Option<u32>,
    writes: u64,
    syncs: u64,
}

impl SimDisk {
    /// An empty, endless, faultless disk.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: seed,
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            space: None,
            faults: Faults::default(),
            left: None,
            writes: 0,
            syncs: 0,
        })))
    }

    /// Cuts the power: the disk is as it would be found at the next start. The spool on it must not be used any more.
    pub fn lose_power(&self) {
        self.state().lose_power();
    }

    /// Limits the bytes of all files together; writes beyond fail half done, with ENOSPC.
    pub fn set_space(&self, bytes: Option<usize>) {
        self.state().space = bytes;
    }

    /// Sets how often operations fail with EIO.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// Lets so many changes and syncs succeed and every later one fail without effect: what a crash at that point leaves.
    pub fn break_after(&self, operations: Option<u32>) {
        self.state().left = operations;
    }

    /// The files that are there.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        self.state().names.keys().copied().collect()
    }

    /// What a file holds; `None` when there is none.
    #[must_use]
    pub fn bytes(&self, part: Part) -> Option<Vec<u8>> {
        let state = self.state();
        state.names.get(&part).map(|index| state.files[*index].live.clone())
    }

    /// Replaces a file behind the spool's back, durably; `None` removes it.
    pub fn set_bytes(&self, part: Part, bytes: Option<Vec<u8>>) {
        let mut state = self.state();
        if let Some(bytes) = bytes {
            let index = state.files.len();
            state.files.push(File { live: bytes.clone(), durable: bytes, unsynced: Vec::new() });
            state.names.insert(part, index);
            state.durable_names.insert(part, index);
        } else {
            state.names.remove(&part);
            state.durable_names.remove(&part);
        }
    }

    /// Flips one bit of a file; outside of it, nothing happens.
    pub fn flip(&self, part: Part, byte: usize, bit: u8) {
        let mut state = self.state();
        let Some(index) = state.names.get(&part).copied() else { return };
        let File { live, durable, .. } = &mut state.files[index];
        for copy in [live, durable] {
            if let Some(byte) = copy.get_mut(byte) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    /// How many writes and syncs there were so far.
    #[must_use]
    pub fn writes_and_syncs(&self) -> (u64, u64) {
        let state = self.state();
        (state.writes, state.syncs)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds the disk")
    }
}

impl State {
    /// The next number of a `SplitMix64` sequence.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.random() % bound).unwrap_or(0)
    }

    fn may_fail(&mut self, chance: u8) -> io::Result<()> {
        if self.random() % 256 < u64::from(chance) { Err(io::Error::from_raw_os_error(EIO)) } else { Ok(()) }
    }

    /// Counts one change or sync down; fails when none is left.
    fn spend(&mut self) -> io::Result<()> {
        match &mut self.left {
            Some(0) => Err(io::Error::from_raw_os_error(EIO)),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn index(&self, part: Part) -> io::Result<usize> {
        self.names.get(&part).copied().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn change(&mut self, index: usize, change: Change) {
        apply(&mut self.files[index].live, &change);
        self.files[index].unsynced.push(change);
    }

    fn lose_power(&mut self) {
        for index in 0..self.files.len() {
            let mut file = std::mem::take(&mut self.files[index]);
            for change in std::mem::take(&mut file.unsynced) {
                match (self.below(3), change) {
                    (0, _) => {}
                    (1, Change::Write { offset, mut bytes }) => {
                        bytes.truncate(self.below(bytes.len() + 1));
                        apply(&mut file.durable, &Change::Write { offset, bytes });
                    }
                    (_, change) => apply(&mut file.durable, &change),
                }
            }
            file.live.clone_from(&file.durable);
            self.files[index] = file;
        }
        let parts: Vec<Part> = self.names.keys().chain(self.durable_names.keys()).copied().collect();
        for part in parts {
            if self.names.get(&part) != self.durable_names.get(&part) && self.below(2) == 0 {
                match self.names.get(&part).copied() {
                    Some(index) => self.durable_names.insert(part, index),
                    None => self.durable_names.remove(&part),
                };
            }
        }
        self.names = self.durable_names.clone();
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { offset, bytes: new } => {
            if bytes.len() < offset + new.len() {
                bytes.resize(offset + new.len(), 0);
            }
            bytes[*offset..offset + new.len()].copy_from_slice(new);
        }
        Change::Cut { len } => bytes.resize(*len, 0),
    }
}

fn size(value: u64) -> usize {
    usize::try_from(value).expect("a simulated file fits into memory")
}

impl Disk for SimDisk {
    fn segments(&mut self) -> io::Result<Vec<(u64, u64)>> {
        let state = self.state();
        let segments = state.names.iter().filter_map(|(part, index)| match part {
            Part::Segment(number) => Some((*number, state.files[*index].live.len() as u64)),
            Part::Cursor => None,
        });
        Ok(segments.collect())
    }

    fn create(&mut self, number: u64) -> io::Result<()> {
        let mut state = self.state();
        state.spend()?;
        let chance = state.faults.writes;
        state.may_fail(chance)?;
        let index = state.files.len();
        state.files.push(File::default());
        state.names.insert(Part::Segment(number), index);
        Ok(())
    }

    fn read(&mut self, part: Part, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let mut state = self.state();
        let chance = state.faults.reads;
        state.may_fail(chance)?;
        let index = state.index(part)?;
        let found = state.files[index].live.get(size(offset)..size(offset) + into.len());
        into.copy_from_slice(found.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn write(&mut self, part: Part, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.spend()?;
        state.writes += 1;
        if part == Part::Cursor && !state.names.contains_key(&part) {
            let index = state.files.len();
            state.files.push(File::default());
            state.names.insert(part, index);
        }
        let index = state.index(part)?;
        let chance = state.faults.writes;
        let mut fits = bytes.len();
        let mut result = state.may_fail(chance);
        if result.is_err() {
            fits = state.below(bytes.len() + 1);
        } else if let Some(space) = state.space {
            let used: usize = state.names.values().map(|index| state.files[*index].live.len()).sum();
            let len = state.files[index].live.len();
            let room = (len.max(size(offset)) + space.saturating_sub(used)).saturating_sub(size(offset));
            if room < bytes.len() {
                (fits, result) = (room, Err(io::Error::from_raw_os_error(ENOSPC)));
            }
        }
        state.change(index, Change::Write { offset: size(offset), bytes: bytes[..fits].to_vec() });
        result
    }

    fn cut(&mut self, number: u64, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.spend()?;
        let chance = state.faults.writes;
        state.may_fail(chance)?;
        let index = state.index(Part::Segment(number))?;
        state.change(index, Change::Cut { len: size(len) });
        Ok(())
    }

    fn sync(&mut self, part: Part) -> io::Result<()> {
        let mut state = self.state();
        state.spend()?;
        state.syncs += 1;
        let index = state.index(part)?;
        let chance = state.faults.syncs;
        let result = state.may_fail(chance);
        let file = &mut state.files[index];
        let unsynced = std::mem::take(&mut file.unsynced);
        if result.is_ok() {
            unsynced.iter().for_each(|change| apply(&mut file.durable, change));
        }
        result
    }

    fn remove(&mut self, number: u64) -> io::Result<()> {
        let mut state = self.state();
        state.spend()?;
        let chance = state.faults.writes;
        state.may_fail(chance)?;
        state.names.remove(&Part::Segment(number));
        Ok(())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        let mut state = self.state();
        state.spend()?;
        state.syncs += 1;
        let chance = state.faults.syncs;
        state.may_fail(chance)?;
        state.durable_names = state.names.clone();
        Ok(())
    }

    fn describe(&self, part: Part) -> String {
        part.to_string()
    }
}
