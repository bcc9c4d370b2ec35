//! The tables of accounts, sign-ins and tokens: what is written, and in which transaction.

use rusqlite::{OptionalExtension as _, Transaction, TransactionBehavior};

use super::{
    Fingerprint, SESSIONS_MAX, SESSIONS_PER_USER_MAX, SessionKey, StateDb, StateError, TOKENS_MAX, USERS_MAX, accounts::Uses,
};
use crate::access::Role;

/// Setting under which the fingerprint of the set-up link stands.
const SETUP: &str = "setup_link";

/// One account, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Name, in lower case.
    pub username: String,
    /// What the account may do.
    pub role: Role,
    /// When it was made, in ms since the epoch.
    pub created_ms: i64,
}

/// One agent token, for lists. The token itself is not known to anybody but its agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Number of the token.
    pub id: i64,
    /// Name given at its making.
    pub name: String,
    /// When it was made, in ms since the epoch.
    pub created_ms: i64,
    /// When it was last used, in ms since the epoch; up to a minute late.
    pub last_used_ms: Option<i64>,
    /// When it was revoked, in ms since the epoch.
    pub revoked_ms: Option<i64>,
}

/// The form of a user name that is stored and looked up: without surrounding space, in lower case.
///
/// # Errors
/// [`StateError::BadUserName`].
pub fn user_name(text: &str) -> Result<String, StateError> {
    let name = text.trim();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
    if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
        return Err(StateError::BadUserName(shown));
    }
    Ok(name.to_ascii_lowercase())
}

impl StateDb {
    pub(super) fn writing(&mut self) -> Result<Transaction<'_>, StateError> {
        Ok(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    /// Makes an account. `password` is its hash, never the password.
    ///
    /// # Errors
    /// [`StateError::UserExists`], [`StateError::BadUserName`], [`StateError::TooMany`], [`StateError::Sqlite`].
    pub fn add_user(&mut self, name: &str, password: &str, role: Role, now_ms: i64) -> Result<(), StateError> {
        let name = user_name(name)?;
        let writing = self.writing()?;
        insert_user(&writing, &name, password, role, now_ms)?;
        Ok(writing.commit()?)
    }

    /// Makes the first administrator, if nobody administers yet and the set-up link is the one in force. The link is spent.
    ///
    /// # Errors
    /// [`StateError::SetUpRefused`], else as [`StateDb::add_user`]; then the link stays valid.
    pub fn set_up(&mut self, link: &Fingerprint, name: &str, password: &str, now_ms: i64) -> Result<(), StateError> {
        let name = user_name(name)?;
        let writing = self.writing()?;
        let expected: Option<Vec<u8>> =
            writing.query_row("SELECT value FROM setting WHERE key = ?1", [SETUP], |row| row.get(0)).optional()?;
        let fits = expected.is_some_and(|expected| bool::from(subtle::ConstantTimeEq::ct_eq(&expected[..], &link.0[..])));
        if !fits || has_administrator(&writing)? {
            return Err(StateError::SetUpRefused);
        }
        insert_user(&writing, &name, password, Role::SuperAdmin, now_ms)?;
        writing.execute("DELETE FROM setting WHERE key = ?1", [SETUP])?;
        Ok(writing.commit()?)
    }

    /// Puts a new set-up link in force instead of an older one, unless somebody administers. Says whether it did.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn offer_set_up(&mut self, link: &Fingerprint) -> Result<bool, StateError> {
        let writing = self.writing()?;
        let wanted = !has_administrator(&writing)?;
        if wanted {
            writing.execute("INSERT OR REPLACE INTO setting (key, value) VALUES (?1, ?2)", (SETUP, &link.0[..]))?;
        } else {
            writing.execute("DELETE FROM setting WHERE key = ?1", [SETUP])?;
        }
        writing.commit()?;
        Ok(wanted)
    }

    /// Changes a password's hash and ends every sign-in of the account.
    ///
    /// # Errors
    /// [`StateError::NoUser`], [`StateError::Sqlite`].
    pub fn set_password(&mut self, name: &str, password: &str) -> Result<(), StateError> {
        let name = user_name(name)?;
        let writing = self.writing()?;
        if writing.execute("UPDATE user SET password = ?2 WHERE username = ?1", (&name, password))? == 0 {
            return Err(StateError::NoUser(name));
        }
        writing.execute("DELETE FROM session WHERE user = (SELECT id FROM user WHERE username = ?1)", [&name])?;
        Ok(writing.commit()?)
    }

    /// Every account, by name.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn users(&self) -> Result<Vec<UserRow>, StateError> {
        let mut select = self.connection.prepare("SELECT username, role, created_ms FROM user ORDER BY username")?;
        let rows = select.query_map([], |row| {
            Ok(UserRow { username: row.get(0)?, role: role_of(&row.get::<_, String>(1)?), created_ms: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes a sign-in. Ends expired ones, and the ones not seen for longest when there would be too many.
    ///
    /// # Errors
    /// [`StateError::NoUser`] when the account has gone, [`StateError::Sqlite`].
    pub fn open_session(
        &mut self,
        user: &str,
        cookie: &Fingerprint,
        now_ms: i64,
        expires_ms: i64,
    ) -> Result<SessionKey, StateError> {
        let writing = self.writing()?;
        let owner: Option<i64> =
            writing.query_row("SELECT id FROM user WHERE username = ?1", [user], |row| row.get(0)).optional()?;
        let owner = owner.ok_or_else(|| StateError::NoUser(user.to_owned()))?;
        writing.execute("DELETE FROM session WHERE expires_ms <= ?1", [now_ms])?;
        writing.execute(
            "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE user = ?1 ORDER BY last_seen_ms DESC, id DESC LIMIT -1 OFFSET ?2)",
            (owner, SESSIONS_PER_USER_MAX - 1),
        )?;
        writing.execute(
            "DELETE FROM session WHERE id IN (SELECT id FROM session ORDER BY last_seen_ms DESC, id DESC LIMIT -1 OFFSET ?1)",
            [SESSIONS_MAX - 1],
        )?;
        writing.execute(
            "INSERT INTO session (fingerprint, user, created_ms, last_seen_ms, expires_ms) VALUES (?1, ?2, ?3, ?3, ?4)",
            (&cookie.0[..], owner, now_ms, expires_ms),
        )?;
        let key = SessionKey(writing.last_insert_rowid());
        writing.commit()?;
        Ok(key)
    }

    /// Ends a sign-in. One that has ended already is no error.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn end_session(&mut self, key: SessionKey) -> Result<(), StateError> {
        self.connection.execute("DELETE FROM session WHERE id = ?1", [key.0])?;
        Ok(())
    }

    /// Notes an agent token by its fingerprint and answers its number.
    ///
    /// # Errors
    /// [`StateError::TokenExists`], [`StateError::BadTokenName`], [`StateError::TooMany`], [`StateError::Sqlite`].
    pub fn add_token(&mut self, name: &str, token: &Fingerprint, now_ms: i64) -> Result<i64, StateError> {
        let name = name.trim();
        if name.is_empty() || name.len() > 128 || name.chars().any(char::is_control) {
            return Err(StateError::BadTokenName(name.chars().filter(|c| !c.is_control()).take(150).collect()));
        }
        let writing = self.writing()?;
        let taken: i64 =
            writing
                .query_row("SELECT count(*) FROM agent_token WHERE name = ?1 AND revoked_ms IS NULL", [name], |row| row.get(0))?;
        if taken > 0 {
            return Err(StateError::TokenExists(name.to_owned()));
        }
        bounded(&writing, "SELECT count(*) FROM agent_token", TOKENS_MAX, "tokens")?;
        writing.execute(
            "INSERT INTO agent_token (name, fingerprint, created_ms) VALUES (?1, ?2, ?3)",
            (name, &token.0[..], now_ms),
        )?;
        let id = writing.last_insert_rowid();
        writing.commit()?;
        Ok(id)
    }

    /// Revokes the token in force with this name, else with this number. Answers its number and name.
    ///
    /// # Errors
    /// [`StateError::NoToken`], [`StateError::Sqlite`].
    pub fn revoke_token(&mut self, which: &str, now_ms: i64) -> Result<(i64, String), StateError> {
        let writing = self.writing()?;
        let both = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let mut found: Option<(i64, String)> = writing
            .query_row("SELECT id, name FROM agent_token WHERE name = ?1 AND revoked_ms IS NULL", [which], both)
            .optional()?;
        if let (None, Ok(id)) = (&found, which.parse::<i64>()) {
            found = writing
                .query_row("SELECT id, name FROM agent_token WHERE id = ?1 AND revoked_ms IS NULL", [id], both)
                .optional()?;
        }
        let (id, name) = found.ok_or_else(|| StateError::NoToken(which.chars().take(150).collect()))?;
        writing.execute("UPDATE agent_token SET revoked_ms = ?2 WHERE id = ?1", (id, now_ms))?;
        writing.commit()?;
        Ok((id, name))
    }

    /// Every agent token, revoked ones included, by number.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn tokens(&self) -> Result<Vec<TokenRow>, StateError> {
        let mut select =
            self.connection.prepare("SELECT id, name, created_ms, last_used_ms, revoked_ms FROM agent_token ORDER BY id")?;
        let rows = select.query_map([], |row| {
            Ok(TokenRow {
                id: row.get(0)?,
                name: row.get(1)?,
                created_ms: row.get(2)?,
                last_used_ms: row.get(3)?,
                revoked_ms: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Writes when sign-ins were last seen and tokens last used, and forgets expired sign-ins.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub(super) fn note_uses(&mut self, uses: &Uses, now_ms: i64) -> Result<(), StateError> {
        let writing = self.writing()?;
        for row in &uses.sessions {
            writing.execute("UPDATE session SET last_seen_ms = max(last_seen_ms, ?2) WHERE id = ?1", *row)?;
        }
        for row in &uses.tokens {
            writing.execute("UPDATE agent_token SET last_used_ms = max(coalesce(last_used_ms, 0), ?2) WHERE id = ?1", *row)?;
        }
        writing.execute("DELETE FROM session WHERE expires_ms <= ?1", [now_ms])?;
        Ok(writing.commit()?)
    }
}

/// An unknown word (an edited file) gives the least role rather than a wrong one.
pub(super) fn role_of(word: &str) -> Role {
    Role::parse(word).unwrap_or(Role::Viewer)
}

fn has_administrator(writing: &Transaction<'_>) -> Result<bool, StateError> {
    let count: i64 =
        writing.query_row("SELECT count(*) FROM user WHERE role IN ('admin', 'super_admin')", [], |row| row.get(0))?;
    Ok(count > 0)
}

fn bounded(writing: &Transaction<'_>, count: &str, most: i64, what: &'static str) -> Result<(), StateError> {
    let count: i64 = writing.query_row(count, [], |row| row.get(0))?;
    if count < most { Ok(()) } else { Err(StateError::TooMany(count, what)) }
}

fn insert_user(writing: &Transaction<'_>, name: &str, password: &str, role: Role, now_ms: i64) -> Result<(), StateError> {
    bounded(writing, "SELECT count(*) FROM user", USERS_MAX, "users")?;
    let added = writing.execute(
        "INSERT OR IGNORE INTO user (username, password, role, created_ms) VALUES (?1, ?2, ?3, ?4)",
        (name, password, role.as_str(), now_ms),
    )?;
    if added == 0 { Err(StateError::UserExists(name.to_owned())) } else { Ok(()) }
}
