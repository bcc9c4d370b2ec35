//! Opening, checking, migrating and copying the file of accounts.

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Read as _},
    os::unix::fs::OpenOptionsExt as _,
};

use rusqlite::{OpenFlags, backup::Backup};

use super::{Connection, Duration, Path, StateError};

/// Marks the file as ours: "FarS" in ASCII.
pub(super) const APPLICATION_ID: i64 = 0x4661_7253;

/// Each step brings the layout from its index to the next version. Never changed once released, only added to.
pub(super) const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE user (
        id INTEGER PRIMARY KEY AUTOINCREMENT, username TEXT NOT NULL UNIQUE, password TEXT NOT NULL,
        role TEXT NOT NULL, created_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE session (
        id INTEGER PRIMARY KEY AUTOINCREMENT, fingerprint BLOB NOT NULL UNIQUE,
        user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
        created_ms INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX session_of_user ON session (user, last_seen_ms);
    CREATE TABLE agent_token (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, fingerprint BLOB NOT NULL UNIQUE,
        created_ms INTEGER NOT NULL, last_used_ms INTEGER, revoked_ms INTEGER
    ) STRICT;
    CREATE UNIQUE INDEX agent_token_in_force ON agent_token (name) WHERE revoked_ms IS NULL;
    CREATE TABLE setting (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
",
    "
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, username TEXT NOT NULL, role TEXT NOT NULL,
        address TEXT, action TEXT NOT NULL, target TEXT NOT NULL, detail TEXT NOT NULL, count INTEGER,
        result TEXT NOT NULL, reason TEXT
    ) STRICT;
    CREATE INDEX audit_of_action ON audit (action, id);
",
    "
    -- Who somebody is: the tenant that bounds what is seen, where the account comes from, its second factor.
    ALTER TABLE user ADD COLUMN tenant TEXT;
    ALTER TABLE user ADD COLUMN origin TEXT NOT NULL DEFAULT 'local';
    ALTER TABLE user ADD COLUMN disabled_ms INTEGER;
    ALTER TABLE user ADD COLUMN last_login_ms INTEGER;
    ALTER TABLE user ADD COLUMN totp BLOB;
    ALTER TABLE user ADD COLUMN totp_pending BLOB;
    ALTER TABLE user ADD COLUMN totp_step INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE recovery_code (
        user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE, fingerprint BLOB NOT NULL, PRIMARY KEY (user, fingerprint)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE identity (
        issuer TEXT NOT NULL, subject TEXT NOT NULL, user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
        PRIMARY KEY (issuer, subject)
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE session ADD COLUMN address TEXT;
    ALTER TABLE session ADD COLUMN agent TEXT;
    ALTER TABLE agent_token ADD COLUMN tenant TEXT;
    ALTER TABLE agent_token ADD COLUMN environment TEXT;
    ALTER TABLE agent_token ADD COLUMN created_by TEXT;
    CREATE TABLE api_token (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, fingerprint BLOB NOT NULL UNIQUE,
        user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE, role TEXT NOT NULL, tenant TEXT,
        created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, last_used_ms INTEGER, revoked_ms INTEGER
    ) STRICT;
    CREATE INDEX api_token_of_user ON api_token (user);
    CREATE TABLE board (
        id INTEGER PRIMARY KEY AUTOINCREMENT, slug TEXT NOT NULL UNIQUE, title TEXT NOT NULL, owner TEXT NOT NULL, tenant TEXT,
        is_shared INTEGER NOT NULL, widgets TEXT NOT NULL, revision INTEGER NOT NULL,
        created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX board_of_owner ON board (owner);
    CREATE INDEX audit_of_person ON audit (username, id);
    -- The audit log is only added to: a line may be completed once, and only the oldest of too many go.
    CREATE TRIGGER audit_is_kept BEFORE UPDATE ON audit
        WHEN old.result <> 'started' OR new.id <> old.id OR new.time_ms <> old.time_ms OR new.username <> old.username
            OR new.role <> old.role OR new.address IS NOT old.address OR new.action <> old.action OR new.target <> old.target
            OR new.reason IS NOT old.reason
        BEGIN SELECT raise(ABORT, 'the audit log is only added to'); END;
    CREATE TRIGGER audit_is_whole BEFORE DELETE ON audit
        WHEN old.id > (SELECT max(id) FROM audit) - 100000
        BEGIN SELECT raise(ABORT, 'the audit log is only added to'); END;
",
    "
    -- Alerts: rules that people made or changed, what is firing and what did, incidents, silences, channels and what they were told.
    CREATE TABLE rule (
        id TEXT PRIMARY KEY, body TEXT NOT NULL, revision INTEGER NOT NULL, updated_by TEXT NOT NULL, updated_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE incident (
        id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT, level TEXT NOT NULL, opened_ms INTEGER NOT NULL, closed_ms INTEGER,
        acknowledged_by TEXT, acknowledged_ms INTEGER, body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX incident_open ON incident (id) WHERE closed_ms IS NULL;
    CREATE INDEX incident_by_time ON incident (opened_ms);
    CREATE TABLE alert (
        id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, resource INTEGER NOT NULL, attributes TEXT NOT NULL, tenant TEXT,
        service TEXT, level TEXT NOT NULL, onset_ms INTEGER NOT NULL, fired_ms INTEGER NOT NULL, resolved_ms INTEGER,
        incident INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE, body TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX alert_open ON alert (rule, resource, attributes) WHERE resolved_ms IS NULL;
    CREATE INDEX alert_by_time ON alert (fired_ms);
    CREATE INDEX alert_of_incident ON alert (incident);
    CREATE TABLE incident_line (
        id INTEGER PRIMARY KEY AUTOINCREMENT, incident INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
        time_ms INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX line_of_incident ON incident_line (incident, id);
    CREATE TABLE silence (
        id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT, from_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, body TEXT NOT NULL,
        created_by TEXT NOT NULL, created_ms INTEGER NOT NULL, ended_ms INTEGER, held INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE channel (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, tenant TEXT, body TEXT NOT NULL, secrets BLOB NOT NULL,
        updated_by TEXT NOT NULL, updated_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    -- The outbox: what a channel is to be told, and what became of it.
    CREATE TABLE delivery (
        id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, channel TEXT NOT NULL,
        incident INTEGER REFERENCES incident (id) ON DELETE CASCADE, notice TEXT NOT NULL, state TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, next_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL, done_ms INTEGER,
        tried_ms INTEGER, detail TEXT NOT NULL DEFAULT ''
    ) STRICT;
    CREATE INDEX delivery_waiting ON delivery (channel, next_ms) WHERE state = 'waiting';
    CREATE INDEX delivery_of_incident ON delivery (incident, id);
",
];

/// How long one process waits for another's write. Writes take milliseconds.
const BUSY: Duration = Duration::from_secs(5);

/// Places of the numbers in the header of an SQLite file.
const USER_VERSION_AT: usize = 60;
const APPLICATION_ID_AT: usize = 68;

pub(super) fn open(path: &Path) -> Result<Connection, StateError> {
    let known = i64::try_from(MIGRATIONS.len()).expect("a handful of migrations");
    look(path, known)?;
    create(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    check(&connection, path)?;
    // Accounts change seldom, and losing a revocation would be worse than a slow write.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Else a line of the audit log could be replaced without its guard being asked.
    connection.pragma_update(None, "recursive_triggers", true)?;
    // What is replaced or removed must not stay readable in the file.
    connection.pragma_update(None, "secure_delete", true)?;
    migrate(&mut connection, path, known)?;
    Ok(connection)
}

/// Reads the header without SQLite, which might already write (recovery of its log).
fn look(path: &Path, known: i64) -> Result<(), StateError> {
    let wrong = |what: &str| StateError::Damaged { path: path.display().to_string(), what: what.to_owned() };
    let failed = |cause| StateError::File { doing: "reading", path: path.display().to_string(), cause };
    let mut header = [0_u8; 100];
    match std::fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(failed(cause)),
        Ok(mut file) => {
            // An empty file is what a start interrupted in its first instant leaves behind.
            if file.metadata().map_err(failed)?.len() == 0 {
                return Ok(());
            }
            file.read_exact(&mut header).map_err(|_| wrong("it is too short"))?;
        }
    }
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(wrong("it does not begin like a database"));
    }
    let number = |at: usize| header.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, i32::from_be_bytes);
    let (id, found) = (i64::from(number(APPLICATION_ID_AT)), i64::from(number(USER_VERSION_AT)));
    // Both are zero while the first start's writes are still in the log beside the file.
    if id != APPLICATION_ID && (id, found) != (0, 0) {
        return Err(wrong("it belongs to another program"));
    }
    refuse_newer(path, found, known)
}

fn refuse_newer(path: &Path, found: i64, known: i64) -> Result<(), StateError> {
    if found > known { Err(StateError::Newer { path: path.display().to_string(), found, known }) } else { Ok(()) }
}

/// Makes the folder and the file, readable by its owner alone; SQLite gives its side files the same mode.
fn create(path: &Path) -> Result<(), StateError> {
    let failed = |doing, cause| StateError::File { doing, path: path.display().to_string(), cause };
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        std::fs::create_dir_all(dir).map_err(|cause| failed("making the folder of", cause))?;
    }
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    file.map(drop).map_err(|cause| failed("opening", cause))
}

/// The file is small, so that all of it is checked at each start.
fn check(connection: &Connection, path: &Path) -> Result<(), StateError> {
    let damaged = |what: String| StateError::Damaged { path: path.display().to_string(), what };
    let verdict: Result<String, rusqlite::Error> = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
    match verdict {
        Ok(word) if word == "ok" => Ok(()),
        Ok(word) => Err(damaged(word)),
        Err(error @ rusqlite::Error::SqliteFailure(cause, _)) => match cause.code {
            rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase => Err(damaged(error.to_string())),
            _ => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

fn migrate(connection: &mut Connection, path: &Path, known: i64) -> Result<(), StateError> {
    // Two processes may start at once: the version is read inside the transaction that changes it.
    let step = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found: i64 = step.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    refuse_newer(path, found, known)?;
    let done = usize::try_from(found).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(done) {
        step.execute_batch(migration)?;
    }
    if found < known {
        step.pragma_update(None, "application_id", APPLICATION_ID)?;
        step.pragma_update(None, "user_version", known)?;
    }
    step.commit()?;
    Ok(())
}

/// Copies page by page under SQLite's own locks, so that the copy is one moment of the file.
pub(super) fn copy(from: &Connection, to: &Path) -> Result<(), StateError> {
    create(to)?;
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    Backup::new(from, &mut target)?.run_to_completion(1_000, Duration::ZERO, None)?;
    Ok(())
}
