//! Why the store refuses to open, to commit or to answer.

use std::path::PathBuf;

/// Why the store as a whole cannot be opened, copied or closed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or the file cannot be reached.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What we were doing.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// SQLite failed at something that is not about the file's content.
    #[error("cannot {action} the history {}", path.display())]
    Sqlite {
        /// What we were doing.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is a database, but not Farol's history. It is left untouched.
    #[error("{} is not a history of Farol (application id {found:#x}); it was left untouched", path.display())]
    Foreign {
        /// Where.
        path: PathBuf,
        /// The application id found.
        found: i64,
    },
    /// The file was written by a later version. It is left untouched.
    #[error("{} has schema version {found}, this program knows up to {known}; it was left untouched", path.display())]
    Newer {
        /// Where.
        path: PathBuf,
        /// The version found.
        found: i64,
        /// The latest version known.
        known: i64,
    },
    /// The file is not a sound database. It is left untouched.
    #[error("{} is damaged: {detail}; it was left untouched", path.display())]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// Another process has the history open for writing.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// Where.
        path: PathBuf,
    },
    /// A thread of the store could not be started or ended in a panic.
    #[error("the store's {0} thread failed")]
    Thread(&'static str),
}

/// Why a batch was not committed. Nothing of it is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The queue is full; try again in a moment.
    #[error("the store is busy")]
    Busy,
    /// The batch can never be stored as it is.
    #[error("{0}")]
    Refused(Refused),
    /// The disk is full or failing; try again later.
    #[error("the history cannot be written: {0}")]
    Disk(String),
    /// The store is closing.
    #[error("the store is closing")]
    Closed,
}

/// Why a batch can never be stored as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A frame lies too far in the future: the agent's clock is wrong.
    #[error("a frame is {ahead_ms} ms ahead of the collector's clock, the limit is {max_ms} ms")]
    Future {
        /// How far ahead of the collector's clock, in milliseconds.
        ahead_ms: i64,
        /// How far it may be.
        max_ms: i64,
    },
    /// The tables cannot be read, break a limit, or do not fit the frames.
    #[error("the tables are not acceptable: {0}")]
    Tables(String),
    /// The collector knows as many resources as it may.
    #[error("more than {max} resources")]
    Resources {
        /// The bound.
        max: usize,
    },
    /// The collector knows as many series as it may.
    #[error("more than {max} series")]
    Series {
        /// The bound.
        max: usize,
    },
    /// The collector knows as many agents as it may.
    #[error("more than {max} agents")]
    Agents {
        /// The bound.
        max: usize,
    },
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The range or the step makes no sense.
    #[error("{0}")]
    Invalid(&'static str),
    /// The answer would hold more points than allowed; ask for a longer step or a shorter range.
    #[error("{points} points for each series, the limit is {max}: use a step of at least {step_ms} ms or a shorter range")]
    TooManyPoints {
        /// Points that a series would have.
        points: u64,
        /// The bound.
        max: u64,
        /// The shortest step that fits.
        step_ms: i64,
    },
    /// The query matches more series than allowed; name resources or attributes.
    #[error("{series} series match, the limit is {max}: name resources or attributes")]
    TooManySeries {
        /// How many match.
        series: usize,
        /// The bound.
        max: usize,
    },
    /// The database could not be read.
    #[error("cannot read the history")]
    Sqlite(#[from] rusqlite::Error),
    /// A block cannot be decoded: the file is damaged.
    #[error("block {block} is damaged: {detail}")]
    Damaged {
        /// Row id of the block; 0 when it is in memory.
        block: i64,
        /// What is wrong.
        detail: &'static str,
    },
}
