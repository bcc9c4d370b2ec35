//! Second factors of accounts: the sealed secret, the last code that was used, and fingerprints of recovery codes.

use rusqlite::Connection;

use super::{Fingerprint, StateDb, StateError};

/// A code that was checked already, to be spent: no code works twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A code of the moment: the number of its step of time.
    Step(i64),
    /// A recovery code.
    Recovery(Fingerprint),
}

impl StateDb {
    /// Keeps a sealed secret until its first code comes. It counts for nothing before.
    ///
    /// # Errors
    /// [`StateError::NoUser`], [`StateError::Sqlite`].
    pub fn offer_second_factor(&mut self, name: &str, sealed: &[u8]) -> Result<(), StateError> {
        let kept = self.connection.execute("UPDATE user SET totp_pending = ?2 WHERE username = ?1", (name, sealed))?;
        if kept == 0 { Err(StateError::NoUser(name.to_owned())) } else { Ok(()) }
    }

    /// Puts the sealed secret in force whose first code was right, with new recovery codes. Says whether it was still the one
    /// that was offered.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn enable_second_factor(
        &mut self,
        name: &str,
        sealed: &[u8],
        step: i64,
        codes: &[Fingerprint],
    ) -> Result<bool, StateError> {
        let writing = self.writing()?;
        let enabled = writing.execute(
            "UPDATE user SET totp = totp_pending, totp_pending = NULL, totp_step = ?3
             WHERE username = ?1 AND totp_pending = ?2 AND totp IS NULL",
            (name, sealed, step),
        )?;
        if enabled > 0 {
            replace_codes(&writing, name, codes)?;
        }
        writing.commit()?;
        Ok(enabled > 0)
    }

    /// Spends a code. Says whether it could be: not when it was used before.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn spend(&mut self, name: &str, proof: &Proof) -> Result<bool, StateError> {
        let spent = match proof {
            Proof::Step(step) => self.connection.execute(
                "UPDATE user SET totp_step = ?2 WHERE username = ?1 AND totp_step < ?2 AND totp IS NOT NULL",
                (name, step),
            )?,
            Proof::Recovery(code) => self.connection.execute(
                "DELETE FROM recovery_code WHERE fingerprint = ?2
                 AND user = (SELECT id FROM user WHERE username = ?1 AND totp IS NOT NULL)",
                (name, &code.0[..]),
            )?,
        };
        Ok(spent > 0)
    }

    /// Replaces the recovery codes.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn replace_recovery_codes(&mut self, name: &str, codes: &[Fingerprint]) -> Result<(), StateError> {
        let writing = self.writing()?;
        replace_codes(&writing, name, codes)?;
        writing.commit()
    }

    /// How many recovery codes are left.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn recovery_codes_left(&self, name: &str) -> Result<i64, StateError> {
        let count = "SELECT count(*) FROM recovery_code WHERE user = (SELECT id FROM user WHERE username = ?1)";
        Ok(self.connection.query_row(count, [name], |row| row.get(0))?)
    }

    /// Forgets the second factor with its recovery codes.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn clear_second_factor(&mut self, name: &str) -> Result<(), StateError> {
        let writing = self.writing()?;
        clear(&writing, name)?;
        writing.commit()
    }
}

fn replace_codes(connection: &Connection, name: &str, codes: &[Fingerprint]) -> Result<(), StateError> {
    connection.execute("DELETE FROM recovery_code WHERE user = (SELECT id FROM user WHERE username = ?1)", [name])?;
    for code in codes {
        connection.execute(
            "INSERT INTO recovery_code (user, fingerprint) SELECT id, ?2 FROM user WHERE username = ?1",
            (name, &code.0[..]),
        )?;
    }
    Ok(())
}

pub(super) fn clear(connection: &Connection, name: &str) -> Result<(), StateError> {
    replace_codes(connection, name, &[])?;
    connection.execute("UPDATE user SET totp = NULL, totp_pending = NULL, totp_step = 0 WHERE username = ?1", [name])?;
    Ok(())
}
