//! The table of sign-ins: how many there may be, and how they end.

use rusqlite::OptionalExtension as _;

use super::{Fingerprint, SESSIONS_MAX, SESSIONS_PER_USER_MAX, SessionKey, StateDb, StateError};

/// A sign-in to be noted.
#[derive(Debug, Clone, Copy)]
pub struct NewSession<'a> {
    /// Whose it is.
    pub user: &'a str,
    /// Fingerprint of its cookie.
    pub cookie: &'a Fingerprint,
    /// When it begins, in ms since the epoch.
    pub now_ms: i64,
    /// When it ends in any case, in ms since the epoch.
    pub expires_ms: i64,
    /// Where it came from.
    pub address: Option<&'a str>,
    /// What the browser or program calls itself.
    pub agent: Option<&'a str>,
}

impl StateDb {
    /// Notes a sign-in of which nothing else is known.
    ///
    /// # Errors
    /// As [`StateDb::begin_session`].
    pub fn open_session(
        &mut self,
        user: &str,
        cookie: &Fingerprint,
        now_ms: i64,
        expires_ms: i64,
    ) -> Result<SessionKey, StateError> {
        self.begin_session(&NewSession { user, cookie, now_ms, expires_ms, address: None, agent: None })
    }

    /// Notes a sign-in. Ends expired ones, and the ones not seen for longest when there would be too many.
    ///
    /// # Errors
    /// [`StateError::NoUser`] when the account has gone, [`StateError::Disabled`], [`StateError::Sqlite`].
    pub fn begin_session(&mut self, new: &NewSession<'_>) -> Result<SessionKey, StateError> {
        let writing = self.writing()?;
        let owner: Option<(i64, bool)> = writing
            .query_row("SELECT id, disabled_ms IS NOT NULL FROM user WHERE username = ?1", [new.user], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let (owner, is_disabled) = owner.ok_or_else(|| StateError::NoUser(new.user.to_owned()))?;
        if is_disabled {
            return Err(StateError::Disabled(new.user.to_owned()));
        }
        writing.execute("DELETE FROM session WHERE expires_ms <= ?1", [new.now_ms])?;
        writing.execute(
            "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE user = ?1 ORDER BY last_seen_ms DESC, id DESC LIMIT -1 OFFSET ?2)",
            (owner, SESSIONS_PER_USER_MAX - 1),
        )?;
        writing.execute(
            "DELETE FROM session WHERE id IN (SELECT id FROM session ORDER BY last_seen_ms DESC, id DESC LIMIT -1 OFFSET ?1)",
            [SESSIONS_MAX - 1],
        )?;
        writing.execute(
            "INSERT INTO session (fingerprint, user, created_ms, last_seen_ms, expires_ms, address, agent)
             VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6)",
            (&new.cookie.0[..], owner, new.now_ms, new.expires_ms, new.address, new.agent),
        )?;
        let key = SessionKey(writing.last_insert_rowid());
        writing.commit()?;
        Ok(key)
    }

    /// Notes that somebody signed in.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn note_login(&mut self, user: &str, now_ms: i64) -> Result<(), StateError> {
        self.connection.execute("UPDATE user SET last_login_ms = ?2 WHERE username = ?1", (user, now_ms))?;
        Ok(())
    }

    /// Ends a sign-in. One that has ended already is no error.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn end_session(&mut self, key: SessionKey) -> Result<(), StateError> {
        self.connection.execute("DELETE FROM session WHERE id = ?1", [key.0])?;
        Ok(())
    }

    /// Ends one sign-in of an account. Says whether there was one.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn end_session_of(&mut self, user: &str, key: SessionKey) -> Result<bool, StateError> {
        let ended = self
            .connection
            .execute("DELETE FROM session WHERE id = ?2 AND user = (SELECT id FROM user WHERE username = ?1)", (user, key.0))?;
        Ok(ended > 0)
    }

    /// Ends every sign-in of an account but one. Answers how many.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn end_sessions(&mut self, user: &str, but: Option<SessionKey>) -> Result<usize, StateError> {
        let kept = but.map_or(0, |key| key.0);
        Ok(self
            .connection
            .execute("DELETE FROM session WHERE id <> ?2 AND user = (SELECT id FROM user WHERE username = ?1)", (user, kept))?)
    }
}
