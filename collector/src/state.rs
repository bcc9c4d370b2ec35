//! `state.db`: accounts, sign-ins, agent tokens, secrets and the audit log of one collector. Small, precious, and read from memory.
//!
//! [`StateDb`] is the file itself, for one thread and for the command line. [`State`] is the running collector's handle:
//! one thread owns the file, everybody reads a copy in memory ([`Accounts`]) that follows the file within a second, so that
//! a batch costs no query and a token revoked by the command line is refused soon after.
//!
//! Invariants: a file of a newer version or a damaged one is refused and left as it is; no secret is stored in clear: what is
//! only compared as a hash, what must be read again sealed; what a method returned `Ok` for is on disk.

use std::{
    fmt,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use farol_shared::{clock::Clock, report};
use ring::digest;
use rusqlite::{Connection, OptionalExtension as _};

pub mod accounts;
pub mod alerts;
pub mod audit;
pub mod boards;
pub mod channels;
mod file;
pub mod identity;
pub mod incidents;
pub mod live;
pub mod outbox;
pub mod rules;
pub mod second_factor;
pub mod sessions;
pub mod silences;
pub mod tokens;
mod transaction;
pub mod users;

pub use accounts::{Accounts, ApiToken, Session, Token, User};
pub use audit::{AUDIT_MAX, AuditFilter, AuditRow, AuditStart};
pub use live::{State, StateThread};
pub use second_factor::Proof;
pub use sessions::NewSession;
pub use tokens::{ApiTokenRow, NewApiToken, NewToken, TokenRow};
pub use users::{LOCAL, NewUser, UserChange, UserRow, tenant_name, user_name};

/// Name of the file in the data folder.
pub const FILE_NAME: &str = "state.db";

/// Most accounts.
pub const USERS_MAX: i64 = 10_000;

/// Most agent tokens, revoked ones included: one an agent and some years of changing them.
pub const TOKENS_MAX: i64 = 100_000;

/// Most sign-ins at once; the one not seen for longest ends when there would be more.
pub const SESSIONS_MAX: i64 = 10_000;

/// Most sign-ins of one person at once; the one not seen for longest ends when there would be more.
pub const SESSIONS_PER_USER_MAX: i64 = 50;

/// SHA-256 of a secret with enough randomness of its own: what is stored and looked up instead of the secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of a secret.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        let digest = digest::digest(&digest::SHA256, secret.as_bytes());
        Self(digest.as_ref().try_into().expect("SHA-256 gives 32 bytes"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({:02x}{:02x}..)", self.0[0], self.0[1])
    }
}

/// Number of one sign-in; never used again after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey(pub i64);

/// What went wrong with accounts or their file.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file was written by a newer version of Farol.
    #[error(
        "{path} was written by a newer version of Farol (its layout is {found}, this version knows up to {known}); \
         it was left as it is: start the newer version, or another data folder"
    )]
    Newer {
        /// The file.
        path: String,
        /// Version of its layout.
        found: i64,
        /// Newest layout that this program knows.
        known: i64,
    },
    /// The file is not what it should be.
    #[error("{path} is damaged or not a file of Farol's accounts ({what}); it was left as it is: put a backup in its place")]
    Damaged {
        /// The file.
        path: String,
        /// What was found.
        what: String,
    },
    /// A file cannot be made, read or written.
    #[error("{doing} {path}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// The file or folder.
        path: String,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// The database refused.
    #[error("using the accounts' database")]
    Sqlite(#[from] rusqlite::Error),
    /// There is such an account already.
    #[error("there is already a user called {0}")]
    UserExists(String),
    /// There is no such account.
    #[error("there is no user called {0}")]
    NoUser(String),
    /// A user's name cannot be used.
    #[error("'{0}' cannot be a user name: write 1 to 64 letters, digits or . _ - @ +")]
    BadUserName(String),
    /// A tenant's name cannot be used.
    #[error("'{0}' cannot be a tenant: write 1 to 128 characters without control characters")]
    BadTenant(String),
    /// An environment's name cannot be used.
    #[error("'{0}' cannot be an environment: write 1 to 128 characters without control characters")]
    BadEnvironment(String),
    /// Nobody could look after accounts any more.
    #[error("this is the last super administrator of the whole house: make another one first")]
    LastSuperAdmin,
    /// The account was disabled.
    #[error("the account {0} is disabled")]
    Disabled(String),
    /// The second factor was changed or its code used meanwhile.
    #[error("this code was used already, or the second factor has changed")]
    CodeUsed,
    /// There is such a token already.
    #[error("there is already a token called {0}; revoke it first or choose another name")]
    TokenExists(String),
    /// There is no such token in force.
    #[error("there is no token in force with the name or number {0}")]
    NoToken(String),
    /// A token's name cannot be used.
    #[error("'{0}' cannot be a token's name: write 1 to 128 characters without control characters")]
    BadTokenName(String),
    /// The set-up link was used, replaced, or never valid.
    #[error("this set-up link is not valid any more")]
    SetUpRefused,
    /// Too many of something.
    #[error("there are {0} {1} already, which is the most")]
    TooMany(i64, &'static str),
    /// More is asked at once than can be done.
    #[error("accounts are busy")]
    Busy,
    /// The accounts' thread has ended.
    #[error("accounts are closed")]
    Closed,
}

/// The opened file. Every method is one transaction.
#[derive(Debug)]
pub struct StateDb {
    connection: Connection,
    /// Grows when people change what the keeper of alerts must know: silences, and who acknowledged what.
    alerts_revision: std::sync::Arc<AtomicU64>,
}

impl StateDb {
    /// Opens the file, makes it when it is missing, and brings an older one up to date. Other processes may have it open.
    ///
    /// # Errors
    /// [`StateError::Newer`] and [`StateError::Damaged`] leave the file untouched.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        file::open(path).map(|connection| Self { connection, alerts_revision: std::sync::Arc::default() })
    }

    /// Notes that people changed what the keeper of alerts must know.
    fn alerts_changed(&self) {
        self.alerts_revision.fetch_add(1, Ordering::Release);
    }

    /// A number that changes when another connection has changed the file.
    fn data_version(&self) -> Result<i64, StateError> {
        Ok(self.connection.query_row("PRAGMA data_version", [], |row| row.get(0))?)
    }

    /// One named secret or setting.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.connection.query_row("SELECT value FROM setting WHERE key = ?1", [key], |row| row.get(0)).optional()?)
    }

    /// Stores one named secret or setting.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn set_setting(&mut self, key: &str, value: &[u8]) -> Result<(), StateError> {
        self.connection.execute("INSERT OR REPLACE INTO setting (key, value) VALUES (?1, ?2)", (key, value))?;
        Ok(())
    }

    /// Writes a consistent copy to a new file. The collector may be running.
    ///
    /// # Errors
    /// [`StateError::Sqlite`], also when the copy cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), StateError> {
        file::copy(&self.connection, to)
    }
}

/// Refuses one more when there are as many as there may be.
fn bounded(connection: &Connection, count: &str, most: i64, what: &'static str) -> Result<(), StateError> {
    let count: i64 = connection.query_row(count, [], |row| row.get(0))?;
    if count < most { Ok(()) } else { Err(StateError::TooMany(count, what)) }
}

#[cfg(test)]
mod tests;
