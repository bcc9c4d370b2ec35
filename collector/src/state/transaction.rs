//! Transactions of the file: each change is one, and several together are one.

use std::ops::Deref;

use rusqlite::{Connection, Savepoint, Transaction, TransactionBehavior};

use super::{StateDb, StateError};

/// A change that is being written: a transaction, or a part of the one that [`StateDb::together`] began. Undone when dropped
/// without [`Writing::commit`].
pub(super) enum Writing<'a> {
    Whole(Transaction<'a>),
    Part(Savepoint<'a>),
}

impl Deref for Writing<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match self {
            Self::Whole(whole) => whole,
            Self::Part(part) => part,
        }
    }
}

impl Writing<'_> {
    pub(super) fn commit(self) -> Result<(), StateError> {
        match self {
            Self::Whole(whole) => whole.commit()?,
            Self::Part(part) => part.commit()?,
        }
        Ok(())
    }
}

impl StateDb {
    pub(super) fn writing(&mut self) -> Result<Writing<'_>, StateError> {
        // Immediate: a transaction that first reads and then writes could otherwise be refused when another process wrote.
        Ok(if self.connection.is_autocommit() {
            Writing::Whole(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
        } else {
            Writing::Part(self.connection.savepoint()?)
        })
    }

    /// Makes several changes one: all are on disk, or none is. The line of the audit log belongs into it.
    ///
    /// # Errors
    /// The job's own, [`StateError::Sqlite`]; then nothing was changed.
    pub fn together<T>(&mut self, job: impl FnOnce(&mut Self) -> Result<T, StateError>) -> Result<T, StateError> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let done = job(self).and_then(|done| Ok(self.connection.execute_batch("COMMIT").map(|()| done)?));
        if done.is_err() && !self.connection.is_autocommit() {
            // The reason of the failure is worth more than that of a failed undoing, which SQLite does again at closing.
            drop(self.connection.execute_batch("ROLLBACK"));
        }
        done
    }
}
