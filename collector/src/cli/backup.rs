//! `backup DIR`: one consistent copy of both databases, also while the collector runs.
//!
//! Each database is copied in one read transaction of SQLite's own backup, so that it is one moment of the file; the collector
//! goes on writing meanwhile. The folder appears under its name only when both copies are whole and checked.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use super::{Settings, absolute};
use crate::{access::seal, state};

/// Name of the telemetry's database, as the store knows it.
const HISTORY: &str = "history.db";

/// How long to wait for a database that is locked as a whole (another backup, a migration).
const BUSY: Duration = Duration::from_secs(30);

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub(super) enum BackupError {
    #[error("there is no {file} in {dir}: name the collector's data folder by FAROL_DATA_DIR or --config")]
    NoData { file: &'static str, dir: String },
    #[error("{0} exists already: name a folder that does not")]
    Exists(String),
    #[error("{doing} {path}")]
    File {
        doing: &'static str,
        path: String,
        #[source]
        cause: io::Error,
    },
    #[error("copying {file}")]
    Copy {
        file: &'static str,
        #[source]
        cause: rusqlite::Error,
    },
    #[error("{file} is locked by another program")]
    Locked { file: &'static str },
    #[error("the copy of {file} is damaged ({what}), most likely as the original is")]
    Damaged { file: &'static str, what: String },
    #[error("writing to standard output")]
    Output(#[from] io::Error),
}

pub(super) fn make(settings: &Settings, to: &Path, out: &mut dyn Write) -> Result<(), BackupError> {
    let from = absolute(&settings.data_dir);
    for file in [HISTORY, state::FILE_NAME] {
        if !from.join(file).is_file() {
            return Err(BackupError::NoData { file, dir: from.display().to_string() });
        }
    }
    let to = absolute(to);
    if to.exists() {
        return Err(BackupError::Exists(to.display().to_string()));
    }
    let mut name = to.clone().into_os_string();
    name.push(".partial");
    let partial = PathBuf::from(name);
    let failed = |doing, path: &Path, cause| BackupError::File { doing, path: path.display().to_string(), cause };
    fs::create_dir_all(&partial).map_err(|cause| failed("making", &partial, cause))?;
    private(&partial).map_err(|cause| failed("protecting", &partial, cause))?;
    let copied = [HISTORY, state::FILE_NAME].into_iter().try_for_each(|file| copy(&from.join(file), &partial.join(file), file));
    if let Err(error) = copied {
        // The reason of the failure is worth more than that of a failed clearing up.
        drop(fs::remove_dir_all(&partial));
        return Err(error);
    }
    fs::rename(&partial, &to).map_err(|cause| failed("naming", &to, cause))?;
    let parent = to.parent().unwrap_or(&to);
    fs::File::open(parent).and_then(|dir| dir.sync_all()).map_err(|cause| failed("writing", parent, cause))?;
    for file in [HISTORY, state::FILE_NAME] {
        let bytes = fs::metadata(to.join(file)).map_or(0, |about| about.len());
        writeln!(out, "{}  {bytes} bytes", to.join(file).display())?;
    }
    writeln!(out, "To restore, start the collector with FAROL_DATA_DIR={}", to.display())?;
    let key = settings.access.key_file.clone().unwrap_or_else(|| from.join(seal::KEY_FILE));
    writeln!(
        out,
        "Not in the copy: {}, the key of secrets at rest. Keep a copy of it apart; without it, restored accounts \
         with a second factor sign in by a recovery code.",
        key.display()
    )?;
    Ok(())
}

/// The copy holds accounts: nobody else reads it.
fn private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
}

fn copy(from: &Path, to: &Path, file: &'static str) -> Result<(), BackupError> {
    let sqlite = |cause| BackupError::Copy { file, cause };
    // Left over from a copy that was interrupted.
    if to.exists() {
        fs::remove_file(to).map_err(|cause| BackupError::File { doing: "removing", path: to.display().to_string(), cause })?;
    }
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let source = source.map_err(sqlite)?;
    source.busy_timeout(BUSY).map_err(sqlite)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = Connection::open_with_flags(to, flags).map_err(sqlite)?;
    // All pages in one step: in several, each commit of a running collector would start the copy anew.
    match Backup::new(&source, &mut target).and_then(|backup| backup.step(-1)).map_err(sqlite)? {
        StepResult::Done => {}
        _ => return Err(BackupError::Locked { file }),
    }
    let verdict: String = target.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(sqlite)?;
    if verdict != "ok" {
        return Err(BackupError::Damaged { file, what: verdict });
    }
    target.close().map_err(|(_, cause)| sqlite(cause))
}
