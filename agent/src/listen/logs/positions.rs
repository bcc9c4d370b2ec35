//! Positions in log files and the journal, kept over restarts in one small file.
//!
//! *Invariants:* the file is replaced as a whole, never written in place; a position is written only once a tick has taken
//! everything before it.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::tail::{FileId, read_full};

/// Name of the file in the state directory.
const FILE: &str = "logs.json";

/// Bytes at the beginning of a file by which it is known again.
pub(super) const HEAD_BYTES: usize = 256;

/// Fewest bytes that make a file known by its content alone.
const HEAD_BYTES_TELLING: usize = 32;

/// Most directory entries that are looked at to find a renamed file.
const ENTRIES_MAX: usize = 5_000;

/// Largest file of positions that is read.
const BYTES_MAX: u64 = 4 << 20;

/// Where a file was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The pattern that found it.
    pub(super) pattern: String,
    pub(super) path: PathBuf,
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) offset: u64,
    /// How many of the first bytes the fingerprint covers.
    pub(super) head_bytes: usize,
    pub(super) head: u64,
}

/// Where the journal was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The units that are followed.
    pub(super) pattern: String,
    pub(super) cursor: String,
}

/// Everything that is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Positions {
    /// The patterns that were followed: a new file of one of these is read from its beginning.
    pub(super) patterns: Vec<String>,
    pub(super) files: Vec<Position>,
    pub(super) cursors: Vec<Cursor>,
}

/// The file that keeps them.
#[derive(Debug)]
pub(super) struct Keeper {
    directory: Option<PathBuf>,
    written: Positions,
    is_failing: bool,
}

impl Keeper {
    /// Reads what was kept. A file that cannot be read is told of and replaced.
    pub(super) fn open(directory: Option<PathBuf>) -> (Self, Positions) {
        let found = directory.as_deref().map(read).unwrap_or_default();
        (Self { directory, written: Positions::default(), is_failing: false }, found)
    }

    /// Writes what changed. A failure is told of once and tried again the next time.
    pub(super) fn write(&mut self, positions: Positions, is_last: bool) {
        let Some(directory) = self.directory.as_deref().filter(|_| positions != self.written) else { return };
        match replace(directory, &positions, is_last) {
            Ok(()) => (self.written, self.is_failing) = (positions, false),
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    warn!(%error, directory = %directory.display(), "positions of logs not kept");
                }
            }
        }
    }
}

fn read(directory: &Path) -> Positions {
    let path = directory.join(FILE);
    let text = match File::open(&path).and_then(|file| io::read_to_string(io::Read::take(file, BYTES_MAX))) {
        Ok(text) => text,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                warn!(%error, path = %path.display(), "positions of logs not read");
            }
            return Positions::default();
        }
    };
    serde_json::from_str(&text).unwrap_or_else(|error| {
        warn!(%error, path = %path.display(), "positions of logs damaged, following from the configured start");
        Positions::default()
    })
}

fn replace(directory: &Path, positions: &Positions, is_last: bool) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let next = directory.join("logs.json.new");
    let mut file = File::create(&next)?;
    file.write_all(&serde_json::to_vec(positions)?)?;
    // Once a second a sync would cost more than the second of logs that a power cut may bring twice.
    if is_last {
        file.sync_all()?;
    }
    fs::rename(next, directory.join(FILE))
}

/// FNV-1a, 64 bits: enough to tell files apart, and the same in every version.
pub(super) fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Position {
    pub(super) fn id(&self) -> FileId {
        FileId { device: self.device, inode: self.inode }
    }

    /// Whether a file begins as this one did and is at least as long as it was read.
    pub(super) fn fits(&self, path: &Path) -> bool {
        let fits = || {
            let file = File::open(path)?;
            let mut head = vec![0; self.head_bytes.min(HEAD_BYTES)];
            let length = read_full(&file, &mut head)?;
            Ok::<_, io::Error>(length == head.len() && fingerprint(&head) == self.head && file.metadata()?.size() >= self.offset)
        };
        fits().unwrap_or(false)
    }

    /// Looks beside the path for where the file went: the same inode under another name, or else a copy of it. `known` are
    /// files that are followed already.
    pub(super) fn find_moved(&self, known: &dyn Fn(FileId) -> bool) -> Option<PathBuf> {
        let entries = fs::read_dir(self.path.parent()?).ok()?.flatten().take(ENTRIES_MAX);
        let mut copy = None;
        for entry in entries {
            let path = entry.path();
            let Some(metadata) = entry.metadata().ok().filter(fs::Metadata::is_file) else { continue };
            let id = FileId::of(&metadata);
            if known(id) || metadata.size() <= self.offset || is_compressed(&path) || !self.fits(&path) {
                continue;
            }
            if id == self.id() {
                return Some(path);
            }
            if self.head_bytes >= HEAD_BYTES_TELLING && path != self.path {
                copy = Some(path);
            }
        }
        copy
    }
}

/// Whether a file's name says that it is packed.
pub(super) fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|end| ["gz", "bz2", "xz", "zst", "lz4", "zip", "Z"].iter().any(|known| end == *known))
}
