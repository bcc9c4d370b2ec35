//! The file `history.db`: its tables, its version, and the checks it must pass before anything writes to it.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::StoreError;

/// Name of the file in the data folder.
pub(crate) const FILE: &str = "history.db";
/// Name of the file whose lock says that a process has the history open.
const LOCK_FILE: &str = "history.lock";

/// "FARO" in SQLite's header: tells our file from any other database.
pub(crate) const APPLICATION_ID: i64 = 0x4641_524f;

/// Each step brings a file from the version that is its index to the next; a new file takes all of them.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE journal(id INTEGER PRIMARY KEY, body BLOB NOT NULL);
    CREATE TABLE sealed(generation INTEGER, resource INTEGER, PRIMARY KEY(generation, resource)) WITHOUT ROWID;
    CREATE TABLE agent(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE stream(agent INTEGER, boot INTEGER, last_seq INTEGER NOT NULL, taken INTEGER NOT NULL, lost BLOB NOT NULL,
        seen_ms INTEGER NOT NULL, PRIMARY KEY(agent, boot)) WITHOUT ROWID;
    CREATE TABLE account(agent INTEGER, boot INTEGER, minute INTEGER, body BLOB NOT NULL, PRIMARY KEY(agent, minute, boot)) WITHOUT ROWID;
    CREATE TABLE resource(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, agent TEXT NOT NULL, body BLOB NOT NULL,
        first_seen_ms INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL, interval_ms INTEGER NOT NULL);
    CREATE TABLE series_key(id INTEGER PRIMARY KEY, metric TEXT NOT NULL, unit TEXT NOT NULL, kind INTEGER NOT NULL, attributes BLOB NOT NULL);
    CREATE TABLE series(id INTEGER PRIMARY KEY, resource INTEGER NOT NULL, key INTEGER NOT NULL, first_s INTEGER NOT NULL, last_s INTEGER);
    CREATE TABLE block(id INTEGER PRIMARY KEY, resource INTEGER NOT NULL, tier INTEGER NOT NULL, start_ms INTEGER NOT NULL,
        end_ms INTEGER NOT NULL, fresh INTEGER NOT NULL, directory BLOB NOT NULL, body BLOB NOT NULL);
    CREATE INDEX block_range ON block(resource, tier, start_ms, end_ms, fresh);
    INSERT INTO meta VALUES('oldest_generation', 1);
", "
    CREATE TABLE pending(id INTEGER PRIMARY KEY, resource INTEGER NOT NULL, time_ms INTEGER NOT NULL, next_id INTEGER NOT NULL,
        requests BLOB, recent BLOB, slow BLOB, errors BLOB, levels BLOB, events BLOB, logs BLOB, checks BLOB);
    CREATE TABLE tally(id INTEGER PRIMARY KEY, tenants INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE TABLE tally_route(id INTEGER PRIMARY KEY, names BLOB NOT NULL, body BLOB NOT NULL);
    CREATE TABLE tally_tenant(tally INTEGER, tenant TEXT, body BLOB NOT NULL, PRIMARY KEY(tally, tenant)) WITHOUT ROWID;
    CREATE TABLE tally_tenant_route(tally INTEGER, tenant TEXT, body BLOB NOT NULL, PRIMARY KEY(tally, tenant)) WITHOUT ROWID;
    CREATE TABLE due(id INTEGER PRIMARY KEY);
    CREATE TABLE kept_request(id INTEGER PRIMARY KEY, body BLOB NOT NULL);
    CREATE TABLE error_sample(hour INTEGER, kind TEXT, origin TEXT, tenant TEXT, last_ms INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY(hour, kind, origin, tenant)) WITHOUT ROWID;
    CREATE TABLE log(id INTEGER PRIMARY KEY, resource INTEGER NOT NULL, level INTEGER NOT NULL, time_ms INTEGER NOT NULL,
        tenant TEXT, body BLOB NOT NULL);
    CREATE INDEX log_order ON log(resource, level, time_ms, id, tenant);
    CREATE VIRTUAL TABLE log_text USING fts5(message, exception, source, content='', contentless_delete=1);
    CREATE TABLE event(id INTEGER PRIMARY KEY, resource INTEGER NOT NULL, kind TEXT NOT NULL, time_ms INTEGER NOT NULL,
        tenant TEXT, body BLOB NOT NULL);
    CREATE INDEX event_order ON event(resource, time_ms, id, tenant);
    CREATE INDEX event_kind ON event(resource, kind, time_ms, id, tenant);
    CREATE TABLE check_result(id INTEGER PRIMARY KEY, resource INTEGER NOT NULL, name TEXT NOT NULL, time_ms INTEGER NOT NULL,
        body BLOB NOT NULL);
    CREATE INDEX check_order ON check_result(resource, time_ms, id);
    CREATE INDEX check_name ON check_result(resource, name, time_ms, id);
    INSERT INTO meta VALUES('next_record', 1), ('rows_log', 0), ('rows_event', 0), ('rows_check_result', 0);
", "
    CREATE TABLE snapshot(
        resource INTEGER NOT NULL, name TEXT NOT NULL, time_ms INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY(resource, name)
    ) STRICT;
"];

/// The version that this program writes.
pub(crate) fn version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Files up to this size are read through once when they are opened (about half a second); of larger ones, only
/// the tables without blocks.
const CHECK_ALL_BYTES_MAX: u64 = 256 << 20;

/// Tables that must be sound for the store to work at all.
const SMALL_TABLES: &[&str] = &["meta", "journal", "sealed", "agent", "stream", "resource", "series_key", "series"];

/// Size of a page: what a small commit writes at least. Larger pages would read blocks no faster.
const PAGE_BYTES: u64 = 4_096;
/// Pages that the writer keeps in memory, in KiB (negative for SQLite).
const WRITER_CACHE_KIB: i64 = -4_096;
/// Pages that each reader keeps in memory: directories and inner pages; the system caches the rest.
const READER_CACHE_KIB: i64 = -1_024;
/// The write-ahead log is cut back to this after it was copied into the file.
const WAL_BYTES_KEPT: i64 = 16 << 20;

/// A history that is open for writing, and the lock that keeps other processes out.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) writer: Connection,
    pub(crate) path: PathBuf,
    pub(crate) lock: File,
}

/// Checks an existing file without writing a byte to it, or creates a new one, and opens it for writing.
pub(crate) fn open(dir: &Path, file_bytes_max: u64) -> Result<Opened, StoreError> {
    let file = |action, path: &Path, source| StoreError::File { action, path: path.to_owned(), source };
    std::fs::create_dir_all(dir).map_err(|source| file("create the folder", dir, source))?;
    let lock_path = dir.join(LOCK_FILE);
    let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
    let lock = lock.map_err(|source| file("open", &lock_path, source))?;
    let path = dir.join(FILE);
    lock.try_lock().map_err(|error| match error {
        std::fs::TryLockError::WouldBlock => StoreError::InUse { path: path.clone() },
        std::fs::TryLockError::Error(source) => file("lock", &lock_path, source),
    })?;
    let found = inspect(&path)?;
    let sqlite = |action| {
        let path = path.clone();
        move |source| StoreError::Sqlite { action, path, source }
    };
    let mut writer = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
        .map_err(sqlite("open"))?;
    if found == 0 {
        let layout = format!("PRAGMA page_size = {PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL;");
        writer.execute_batch(&layout).map_err(sqlite("create"))?;
    }
    migrate(&mut writer, found).map_err(sqlite("migrate"))?;
    configure_writer(&writer, file_bytes_max).map_err(sqlite("configure"))?;
    Ok(Opened { writer, path, lock })
}

/// A connection that only reads.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let reader = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    reader.pragma_update(None, "cache_size", READER_CACHE_KIB)?;
    reader.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(reader)
}

/// A connection for the keeper: it reads blocks and copies the write-ahead log into the file, which needs writing.
pub(crate) fn open_keeper(path: &Path) -> rusqlite::Result<Connection> {
    let keeper = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    keeper.pragma_update(None, "cache_size", READER_CACHE_KIB)?;
    keeper.pragma_update(None, "synchronous", "FULL")?;
    keeper.query_row("PRAGMA wal_autocheckpoint = 0", [], |_| Ok(()))?;
    keeper.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(keeper)
}

fn configure_writer(writer: &Connection, file_bytes_max: u64) -> rusqlite::Result<()> {
    if file_bytes_max > 0 {
        let pages = file_bytes_max.div_ceil(PAGE_BYTES);
        writer.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    }
    writer.busy_timeout(std::time::Duration::from_secs(5))?;
    writer.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    // FULL: the log is synced at every commit. What was acknowledged survives a loss of power.
    writer.pragma_update(None, "synchronous", "FULL")?;
    // The keeper copies the log into the file, so that no commit waits for it.
    writer.query_row("PRAGMA wal_autocheckpoint = 0", [], |_| Ok(()))?;
    writer.query_row(&format!("PRAGMA journal_size_limit = {WAL_BYTES_KEPT}"), [], |_| Ok(()))?;
    writer.pragma_update(None, "cache_size", WRITER_CACHE_KIB)?;
    writer.pragma_update(None, "temp_store", "MEMORY")?;
    writer.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn migrate(writer: &mut Connection, from: i64) -> rusqlite::Result<()> {
    let steps = usize::try_from(from).map_or(MIGRATIONS, |from| MIGRATIONS.get(from..).unwrap_or_default());
    if steps.is_empty() {
        return Ok(());
    }
    let transaction = writer.transaction()?;
    for step in steps {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", version())?;
    transaction.commit()
}

/// Says which version the file has, 0 when there is none yet. Opens it for reading only.
fn inspect(path: &Path) -> Result<i64, StoreError> {
    let damaged = |detail: String| StoreError::Damaged { path: path.to_owned(), detail };
    let read_error = |source| StoreError::File { action: "read", path: path.to_owned(), source };
    let mut header = Vec::new();
    let size = match File::open(path) {
        Ok(file) => {
            let size = file.metadata().map_err(read_error)?.len();
            let _read = file.take(16).read_to_end(&mut header).map_err(read_error)?;
            size
        }
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(read_error(error)),
    };
    if size == 0 {
        let wal = path.with_extension("db-wal");
        // A log without its file: the file was lost, and a new one would make the log unreadable.
        if wal.metadata().is_ok_and(|wal| wal.len() > 0) {
            return Err(damaged("the file is missing or empty, but its write-ahead log is there".to_owned()));
        }
        return Ok(0);
    }
    if header != b"SQLite format 3\0" {
        return Err(damaged("it is not a database".to_owned()));
    }
    inspect_database(path, size).map_err(|error| match error {
        Inspection::Refused(refused) => refused,
        Inspection::Sqlite(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged(error.to_string()),
            _ => StoreError::Sqlite { action: "check", path: path.to_owned(), source: error },
        },
    })
}

enum Inspection {
    Refused(StoreError),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Inspection {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn inspect_database(path: &Path, size: u64) -> Result<i64, Inspection> {
    let reader = open_reader(path)?;
    let number = |pragma: &str| reader.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let found = number("PRAGMA application_id")?;
    let user_version = number("PRAGMA user_version")?;
    let path = path.to_owned();
    if found != APPLICATION_ID {
        return Err(Inspection::Refused(StoreError::Foreign { path, found }));
    }
    if user_version > version() {
        return Err(Inspection::Refused(StoreError::Newer { path, found: user_version, known: version() }));
    }
    let whole = ["PRAGMA quick_check(1)".to_owned()];
    let parts: Vec<String> = SMALL_TABLES.iter().map(|table| format!("PRAGMA quick_check({table})")).collect();
    let checks: &[String] = if size <= CHECK_ALL_BYTES_MAX { &whole } else { &parts };
    for check in checks {
        let detail: String = reader.query_row(check, [], |row| row.get(0))?;
        if detail != "ok" {
            return Err(Inspection::Refused(StoreError::Damaged { path, detail }));
        }
    }
    Ok(user_version)
}
