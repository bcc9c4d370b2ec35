//! What the spool needs of a disk, so that tests can give it a bad one.

mod real;

use std::{fmt, io};

pub use real::RealDisk;

/// A file of the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The segment of this number.
    Segment(u64),
    /// The small file that says how far the collector has acknowledged.
    Cursor,
}

/// The name of the file within its directory.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment(number) => write!(f, "{number:016x}.seg"),
            Self::Cursor => f.write_str("cursor"),
        }
    }
}

impl Part {
    /// The number of the segment that a file name stands for, if it is one.
    pub(crate) fn segment_number(name: &str) -> Option<u64> {
        let digits = name.strip_suffix(".seg").filter(|digits| digits.len() == 16)?;
        // Only the spelling that `Display` writes: two names for one number would be two files for one segment.
        u64::from_str_radix(digits, 16).ok().filter(|number| Self::Segment(*number).to_string() == name)
    }
}

/// The few operations that the spool needs. Any may fail at any time; a failed write may have written a part.
pub trait Disk {
    /// Number and length in bytes of every segment, in any order.
    ///
    /// # Errors
    /// When the segments cannot be listed.
    fn segments(&mut self) -> io::Result<Vec<(u64, u64)>>;

    /// Makes an empty segment.
    ///
    /// # Errors
    /// When it cannot be made.
    fn create(&mut self, number: u64) -> io::Result<()>;

    /// Fills `into` from `offset` on.
    ///
    /// # Errors
    /// When not all of it can be read.
    fn read(&mut self, part: Part, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`, makes the file longer where needed, and makes the cursor if it is missing.
    ///
    /// # Errors
    /// When not all of it could be written.
    fn write(&mut self, part: Part, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a segment to `len` bytes.
    ///
    /// # Errors
    /// When it cannot be cut.
    fn cut(&mut self, number: u64, len: u64) -> io::Result<()>;

    /// Returns when all that was written to the file survives a power loss.
    ///
    /// # Errors
    /// When that cannot be promised.
    fn sync(&mut self, part: Part) -> io::Result<()>;

    /// Removes a segment; a missing one is no error.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn remove(&mut self, number: u64) -> io::Result<()>;

    /// Returns when all files made and removed so far survive a power loss.
    ///
    /// # Errors
    /// When that cannot be promised.
    fn sync_names(&mut self) -> io::Result<()>;

    /// What to call the file in a message: its path where it has one.
    fn describe(&self, part: Part) -> String;
}
