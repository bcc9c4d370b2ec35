//! A file of the kernel's that is read again and again: kept open and read from its start into a reused buffer.
//!
//! Opening `/proc/stat` costs as much as reading it. A file whose object has gone (a removed cgroup, an ended process)
//! answers with an error; then it is opened once more, and only if that fails too is it reported.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use super::ReadError;

/// First size of a buffer: one page, in which most files fit.
const BUFFER_BYTES: usize = 4 << 10;

/// Largest file that is read, in bytes. `/proc/stat` of a machine with thousands of interrupts stays well below it.
pub(super) const FILE_BYTES_MAX: usize = 1 << 20;

/// Memory that files are read into; a source has one for all its files.
#[derive(Debug)]
pub(super) struct Buffer(Vec<u8>);

impl Default for Buffer {
    fn default() -> Self {
        Self(vec![0; BUFFER_BYTES])
    }
}

/// How the kernel hands a file out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// As one piece: a short read is the whole file.
    Piece,
    /// Line by line: only an empty read is the end.
    Lines,
}

/// A file kept open between readings. See the head of this file.
#[derive(Debug)]
pub(super) struct KeptFile {
    path: PathBuf,
    shape: Shape,
    is_kept: bool,
    file: Option<File>,
}

impl KeptFile {
    /// A file that the kernel hands out as one piece (`stat`, `meminfo`, all files of a cgroup).
    pub(super) fn piece(path: PathBuf) -> Self {
        Self { path, shape: Shape::Piece, is_kept: true, file: None }
    }

    /// A file that the kernel hands out line by line (`diskstats`, `net/dev`, `vmstat`, `mountinfo`).
    pub(super) fn lines(path: PathBuf) -> Self {
        Self { shape: Shape::Lines, ..Self::piece(path) }
    }

    /// The same file, opened anew for each reading when `is_kept` is false, to spare file descriptors.
    pub(super) fn kept(mut self, is_kept: bool) -> Self {
        self.is_kept = is_kept;
        self
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file when it can be read now, with what stands in it; `None` when there is no such file here.
    pub(super) fn probe(mut self, buffer: &mut Buffer) -> Result<Option<Self>, ReadError> {
        match self.read(buffer) {
            Ok(_) => Ok(Some(self)),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads the file from its start.
    pub(super) fn read<'b>(&mut self, buffer: &'b mut Buffer) -> Result<&'b [u8], ReadError> {
        let bytes = buffer;
        let mut outcome = match self.file.take() {
            Some(file) => fill(&file, self.shape, bytes).map(|length| (file, length)),
            None => self.open_and_fill(bytes),
        };
        if matches!(&outcome, Err(Fault::Gone(_))) {
            outcome = self.open_and_fill(bytes);
        }
        match outcome {
            Ok((file, length)) => {
                self.file = self.is_kept.then_some(file);
                Ok(bytes.0.get(..length).unwrap_or_default())
            }
            Err(Fault::Open(source)) => Err(ReadError::Open { path: self.path.clone(), source }),
            Err(Fault::Gone(source) | Fault::Read(source)) => Err(ReadError::Read { path: self.path.clone(), source }),
            Err(Fault::TooLarge) => Err(ReadError::TooLarge { path: self.path.clone(), max: FILE_BYTES_MAX }),
        }
    }

    fn open_and_fill(&self, buffer: &mut Buffer) -> Result<(File, usize), Fault> {
        let file = File::open(&self.path).map_err(Fault::Open)?;
        let length = fill(&file, self.shape, buffer)?;
        Ok((file, length))
    }
}

enum Fault {
    Open(io::Error),
    /// What the open file stood for is no more.
    Gone(io::Error),
    Read(io::Error),
    TooLarge,
}

fn fill(file: &File, shape: Shape, buffer: &mut Buffer) -> Result<usize, Fault> {
    let mut length = 0;
    loop {
        if length == buffer.0.len() {
            if length >= FILE_BYTES_MAX {
                return Err(Fault::TooLarge);
            }
            buffer.0.resize(length * 2, 0);
        }
        let room = buffer.0.get_mut(length..).unwrap_or_default();
        let asked = room.len();
        match file.read_at(room, length as u64) {
            Ok(0) => return Ok(length),
            Ok(count) => {
                length += count;
                if shape == Shape::Piece && count < asked {
                    return Ok(length);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if is_gone(&error) => return Err(Fault::Gone(error)),
            Err(error) => return Err(Fault::Read(error)),
        }
    }
}

/// ENODEV: the cgroup was removed. ESRCH: the process has ended. ENOENT: either, in some files.
pub(super) fn is_gone(error: &io::Error) -> bool {
    const ESRCH: i32 = 3;
    const ENODEV: i32 = 19;
    error.kind() == ErrorKind::NotFound || matches!(error.raw_os_error(), Some(ESRCH | ENODEV))
}

/// Reads a small file once, for discovery and facts that do not change; `None` when there is none or it may not be read.
pub(super) fn once(path: &Path) -> Option<String> {
    let mut buffer = Buffer::default();
    let mut file = KeptFile::lines(path.to_owned()).kept(false);
    file.read(&mut buffer).ok().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_kept_file_shows_what_was_written_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, "one").unwrap();
        let mut buffer = Buffer::default();
        let mut file = KeptFile::piece(path.clone());
        assert_eq!(file.read(&mut buffer).unwrap(), b"one");
        fs::write(&path, "three").unwrap();
        assert_eq!(file.read(&mut buffer).unwrap(), b"three");
        fs::write(&path, "").unwrap();
        assert_eq!(file.read(&mut buffer).unwrap(), b"");
    }

    #[test]
    fn a_long_file_is_read_whole_up_to_the_bound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let long = vec![b'x'; 3 * BUFFER_BYTES + 1];
        fs::write(&path, &long).unwrap();
        let mut buffer = Buffer::default();
        assert_eq!(KeptFile::lines(path.clone()).read(&mut buffer).unwrap(), long);
        fs::write(&path, vec![b'x'; FILE_BYTES_MAX + 1]).unwrap();
        let error = KeptFile::piece(path).read(&mut buffer).unwrap_err();
        assert!(matches!(error, ReadError::TooLarge { max: FILE_BYTES_MAX, .. }), "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = KeptFile::piece("/nowhere/at/all".into()).read(&mut Buffer::default()).unwrap_err();
        assert_eq!(error.to_string(), "cannot open /nowhere/at/all");
        assert!(error.is_absence());
        assert!(KeptFile::piece("/nowhere/at/all".into()).probe(&mut Buffer::default()).unwrap().is_none());
    }

    #[test]
    fn a_file_of_an_ended_process_counts_as_gone() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let mut file = KeptFile::piece(format!("/proc/{}/stat", child.id()).into());
        let mut buffer = Buffer::default();
        assert!(file.read(&mut buffer).is_ok());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(file.read(&mut buffer).unwrap_err().is_absence());
    }
}
