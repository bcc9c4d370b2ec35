//! Reading: the agent's sources, each a file here, a row in [`SOURCES`], its rows in the catalogue and a fixture.
//!
//! In: files below [`Roots`]. Out: values in a [`Recorder`]. *Invariants:* a source reads only below the root that it is
//! given, never waits for anything but the kernel's own files, and keeps its failures to itself. `Ok(None)` at opening
//! means "not here", an error means "broken". Bounded: files by `kept::FILE_BYTES_MAX`, devices, interfaces, file systems,
//! processes and units each by a constant of its source.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::recorder::{Recorder, ResourceSlot};

mod blocks;
mod cgroup;
mod disk;
mod filesystems;
mod host;
pub mod identity;
mod kept;
mod memory;
mod mounts;
mod names;
mod network;
mod pressure;
mod process_stat;
mod processes;
mod surroundings;
mod text;
mod units;

pub use surroundings::{Measured, Surroundings};

/// Where `/proc`, `/sys` and `/etc` are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// Prefix of every absolute path; `/` on the machine itself, another one for a host mounted into a container or a fixture.
    pub root: PathBuf,
}

impl Roots {
    /// Everything below `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// An absolute path below the root.
    #[must_use]
    pub fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.root.join(absolute.strip_prefix("/").unwrap_or(absolute))
    }

    /// A file of `/proc`.
    #[must_use]
    pub fn proc(&self, name: &str) -> PathBuf {
        self.path("/proc").join(name)
    }

    /// A file of `/sys`.
    #[must_use]
    pub fn sys(&self, name: &str) -> PathBuf {
        self.path("/sys").join(name)
    }

    /// Whether this is the machine's own root: then system calls speak of the same system as the files.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.root == Path::new("/")
    }
}

/// What the agent's own resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A machine, seen whole: every container and unit in its cgroup tree.
    Host,
    /// One container, seen from inside or from a sidecar.
    Container,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::Container => "container",
        })
    }
}

/// What a source knows when it is opened.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Where files are.
    pub roots: &'a Roots,
    /// What was found out about the place.
    pub around: &'a Surroundings,
    /// The agent's own resource, registered from [`identity::own`].
    pub own: ResourceSlot,
    /// Key of that resource: the parent of units and containers found here.
    pub own_key: &'a str,
}

/// Why something could not be read. The text names the path; the cause is the source.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file or directory could not be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// Which one.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// An open file or directory could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file is longer than any that the kernel should show.
    #[error("{} is longer than {max} bytes", path.display())]
    TooLarge {
        /// Which one.
        path: PathBuf,
        /// The bound.
        max: usize,
    },
    /// A file does not hold what it should.
    #[error("{} has no {what}", path.display())]
    Malformed {
        /// Which one.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// The group to measure is in no cgroup file system that can be seen.
    #[error(
        "cannot see the cgroup {group} of process {pid}: run the agent as the user and group of that process, or as root with the \
         capability SYS_PTRACE, or mount the machine's /sys/fs/cgroup into it, read-only"
    )]
    NoGroup {
        /// The group's path, as `/proc/PID/cgroup` has it.
        group: String,
        /// The process.
        pid: u32,
    },
}

impl ReadError {
    /// Whether the thing is simply not there (no such file, an ended process, a removed group, a feature that is off),
    /// rather than broken.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        /// Pressure files of a kernel started with `psi=0` are there but cannot be read.
        const EOPNOTSUPP: i32 = 95;
        match self {
            Self::Open { source, .. } | Self::Read { source, .. } => {
                kept::is_gone(source) || source.raw_os_error() == Some(EOPNOTSUPP)
            }
            Self::TooLarge { .. } | Self::Malformed { .. } | Self::NoGroup { .. } => false,
        }
    }

    /// Whether the kernel refused for want of permission.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Open { source, .. } | Self::Read { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }
}

/// Agent code that reads something on every tick.
pub trait Source {
    /// Reads once and sets the values of this tick.
    ///
    /// # Errors
    /// [`ReadError`] names the file. Values set before the failure stay.
    fn read(&mut self, recorder: &mut Recorder) -> Result<(), ReadError>;
}

/// What opening a source gives: `None` when there is nothing of the kind here.
pub type Opened = Result<Option<Box<dyn Source>>, ReadError>;

/// One row of the table of sources.
#[derive(Debug, Clone, Copy)]
pub struct SourceRow {
    /// Name in logs, in `farol.source` and in `check`.
    pub name: &'static str,
    /// Shortest time between two readings in milliseconds; 0 reads on each tick.
    pub every_ms: u64,
    /// Opens it.
    pub open: fn(&Context<'_>, &mut Recorder) -> Opened,
}

/// Every source. The order is that of reading: what moves fastest and costs least comes first.
pub const SOURCES: &[SourceRow] = &[
    SourceRow { name: "cgroup", every_ms: 0, open: cgroup::own::open },
    SourceRow { name: "host", every_ms: 0, open: host::open },
    SourceRow { name: "memory", every_ms: 0, open: memory::open },
    SourceRow { name: "pressure", every_ms: 0, open: pressure::open },
    SourceRow { name: "network", every_ms: 0, open: network::open },
    SourceRow { name: "disk", every_ms: 0, open: disk::open },
    // Reading a unit takes a handful of files, so even a watched host reads them once a second.
    SourceRow { name: "units", every_ms: 1_000, open: units::open },
    SourceRow { name: "processes", every_ms: 5_000, open: processes::open },
    SourceRow { name: "filesystems", every_ms: 10_000, open: filesystems::open },
];

#[cfg(test)]
mod tests;
