//! The spool's disk as a directory of the file system.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{Disk, Part};
use crate::SpoolError;

/// Files kept open: the cursor, the segment that is read and the one that is written.
const OPEN_MAX: usize = 3;

/// A directory, locked for as long as this value lives.
#[derive(Debug)]
pub struct RealDisk {
    directory: PathBuf,
    /// Latest used last.
    open: Vec<(Part, File)>,
    /// Holds the lock; the kernel releases it when the process ends, however it ends.
    _lock: File,
}

impl RealDisk {
    /// Makes the directory (mode 0700) if it is missing, and locks it.
    ///
    /// # Errors
    /// [`SpoolError::Locked`] when another process uses it, [`SpoolError::Disk`] when it cannot be made or locked.
    pub fn open(directory: &Path) -> Result<Self, SpoolError> {
        let failed = |doing| move |source| SpoolError::Disk { doing, what: directory.display().to_string(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed("make the spool's directory"))?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(directory.join("lock"))
            .map_err(failed("open the lock file in"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { directory: directory.to_owned(), open: Vec::with_capacity(OPEN_MAX), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(SpoolError::Locked { path: directory.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed("lock")(source)),
        }
    }

    fn path(&self, part: Part) -> PathBuf {
        self.directory.join(part.to_string())
    }

    fn file(&mut self, part: Part) -> io::Result<&File> {
        let entry = match self.open.iter().position(|(open, _)| *open == part) {
            Some(at) => self.open.remove(at),
            None => {
                let mut options = OpenOptions::new();
                options.read(true).write(true).mode(0o600).create(part == Part::Cursor).truncate(false);
                (part, options.open(self.path(part))?)
            }
        };
        Ok(self.keep(entry))
    }

    fn keep(&mut self, entry: (Part, File)) -> &File {
        if self.open.len() == OPEN_MAX {
            self.open.remove(0);
        }
        self.open.push(entry);
        &self.open.last().expect("an entry was pushed just now").1
    }

    fn forget(&mut self, part: Part) {
        self.open.retain(|(open, _)| *open != part);
    }
}

impl Disk for RealDisk {
    fn segments(&mut self) -> io::Result<Vec<(u64, u64)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if let Some(number) = entry.file_name().to_str().and_then(Part::segment_number) {
                found.push((number, entry.metadata()?.len()));
            }
        }
        Ok(found)
    }

    fn create(&mut self, number: u64) -> io::Result<()> {
        let part = Part::Segment(number);
        self.forget(part);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(self.path(part))?;
        self.keep((part, file));
        Ok(())
    }

    fn read(&mut self, part: Part, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file(part)?.read_exact_at(into, offset)
    }

    fn write(&mut self, part: Part, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file(part)?.write_all_at(bytes, offset)
    }

    fn cut(&mut self, number: u64, len: u64) -> io::Result<()> {
        self.file(Part::Segment(number))?.set_len(len)
    }

    fn sync(&mut self, part: Part) -> io::Result<()> {
        self.file(part)?.sync_data()
    }

    fn remove(&mut self, number: u64) -> io::Result<()> {
        let part = Part::Segment(number);
        self.forget(part);
        match fs::remove_file(self.path(part)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    fn sync_names(&mut self) -> io::Result<()> {
        match File::open(&self.directory)?.sync_all() {
            // Some network and FUSE file systems cannot sync a directory; there is nothing better to do on them.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
            result => result,
        }
    }

    fn describe(&self, part: Part) -> String {
        self.path(part).display().to_string()
    }
}
