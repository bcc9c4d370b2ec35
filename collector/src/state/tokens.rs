//! The tables of agents' tokens and of tokens for programs: of each only a fingerprint is stored.

use rusqlite::{OptionalExtension as _, Row};

use super::{Fingerprint, StateDb, StateError, TOKENS_MAX, accounts::Uses, bounded, users::role_of, users::tenant_name};
use crate::access::Role;

/// Most tokens for programs in force of one account.
pub const API_TOKENS_PER_USER_MAX: i64 = 100;

/// Longest name of a token or an environment, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// One agent token, for lists. The token itself is not known to anybody but its agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Number of the token.
    pub id: i64,
    /// Name given at its making.
    pub name: String,
    /// The tenant that all of its agents' data belong to.
    pub tenant: Option<String>,
    /// The environment that all of its agents' data belong to.
    pub environment: Option<String>,
    /// When it was made, in ms since the epoch.
    pub created_ms: i64,
    /// Who made it; `None` for one that the command line made.
    pub created_by: Option<String>,
    /// When it was last used, in ms since the epoch; up to a minute late.
    pub last_used_ms: Option<i64>,
    /// When it was revoked, in ms since the epoch.
    pub revoked_ms: Option<i64>,
}

/// An agent token to be noted.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewToken<'a> {
    /// Its name.
    pub name: &'a str,
    /// The tenant that all of its agents' data belong to.
    pub tenant: Option<&'a str>,
    /// The environment that all of its agents' data belong to.
    pub environment: Option<&'a str>,
    /// Who makes it.
    pub created_by: Option<&'a str>,
}

/// One token for programs, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiTokenRow {
    /// Number of the token.
    pub id: i64,
    /// Name given at its making.
    pub name: String,
    /// The account that it acts for.
    pub owner: String,
    /// What it may do at most.
    pub role: Role,
    /// The tenant that bounds it, beside its owner's.
    pub tenant: Option<String>,
    /// When it was made, in ms since the epoch.
    pub created_ms: i64,
    /// When it ends, in ms since the epoch.
    pub expires_ms: i64,
    /// When it was last used, in ms since the epoch; up to a minute late.
    pub last_used_ms: Option<i64>,
    /// When it was revoked, in ms since the epoch.
    pub revoked_ms: Option<i64>,
}

/// A token for programs to be noted.
#[derive(Debug, Clone, Copy)]
pub struct NewApiToken<'a> {
    /// Its name.
    pub name: &'a str,
    /// The account that it acts for.
    pub owner: &'a str,
    /// What it may do at most.
    pub role: Role,
    /// The tenant that bounds it.
    pub tenant: Option<&'a str>,
    /// When it ends, in ms since the epoch.
    pub expires_ms: i64,
}

impl StateDb {
    /// Notes an agent token of the whole house by its fingerprint and answers its number.
    ///
    /// # Errors
    /// As [`StateDb::make_token`].
    pub fn add_token(&mut self, name: &str, token: &Fingerprint, now_ms: i64) -> Result<i64, StateError> {
        self.make_token(&NewToken { name, ..NewToken::default() }, token, now_ms)
    }

    /// Notes an agent token by its fingerprint and answers its number.
    ///
    /// # Errors
    /// [`StateError::TokenExists`], [`StateError::BadTokenName`], [`StateError::BadTenant`], [`StateError::BadEnvironment`],
    /// [`StateError::TooMany`], [`StateError::Sqlite`].
    pub fn make_token(&mut self, new: &NewToken<'_>, token: &Fingerprint, now_ms: i64) -> Result<i64, StateError> {
        let name = token_name(new.name)?;
        let tenant = new.tenant.map(tenant_name).transpose()?;
        let environment = new.environment.map(|text| word(text).ok_or_else(|| StateError::BadEnvironment(shown(text))));
        let environment = environment.transpose()?;
        let writing = self.writing()?;
        let taken: i64 =
            writing
                .query_row("SELECT count(*) FROM agent_token WHERE name = ?1 AND revoked_ms IS NULL", [name], |row| row.get(0))?;
        if taken > 0 {
            return Err(StateError::TokenExists(name.to_owned()));
        }
        bounded(&writing, "SELECT count(*) FROM agent_token", TOKENS_MAX, "tokens")?;
        writing.execute(
            "INSERT INTO agent_token (name, fingerprint, created_ms, tenant, environment, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (name, &token.0[..], now_ms, tenant, environment, new.created_by),
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
        let named = "SELECT id FROM agent_token WHERE name = ?1 AND revoked_ms IS NULL";
        let found: Option<i64> = writing.query_row(named, [which], |row| row.get(0)).optional()?;
        let id = found.or_else(|| which.parse().ok()).ok_or_else(|| StateError::NoToken(shown(which)))?;
        let revoked = "UPDATE agent_token SET revoked_ms = ?2 WHERE id = ?1 AND revoked_ms IS NULL RETURNING id, name";
        let revoked = writing.query_row(revoked, (id, now_ms), |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let revoked = revoked.ok_or_else(|| StateError::NoToken(shown(which)))?;
        writing.commit()?;
        Ok(revoked)
    }

    /// Revokes the token in force with this number, and answers its name.
    ///
    /// # Errors
    /// [`StateError::NoToken`], [`StateError::Sqlite`].
    pub fn revoke_token_number(&mut self, id: i64, now_ms: i64) -> Result<String, StateError> {
        let revoked = "UPDATE agent_token SET revoked_ms = ?2 WHERE id = ?1 AND revoked_ms IS NULL RETURNING name";
        let name = self.connection.query_row(revoked, (id, now_ms), |row| row.get(0)).optional()?;
        name.ok_or_else(|| StateError::NoToken(id.to_string()))
    }

    /// Every agent token, revoked ones included, by number.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn tokens(&self) -> Result<Vec<TokenRow>, StateError> {
        let mut select = self.connection.prepare(&format!("SELECT {COLUMNS} FROM agent_token ORDER BY id"))?;
        let rows = select.query_map([], token_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The agent token of a number.
    ///
    /// # Errors
    /// [`StateError::NoToken`], [`StateError::Sqlite`].
    pub fn token_row(&self, id: i64) -> Result<TokenRow, StateError> {
        let select = format!("SELECT {COLUMNS} FROM agent_token WHERE id = ?1");
        let row = self.connection.query_row(&select, [id], token_row).optional()?;
        row.ok_or_else(|| StateError::NoToken(id.to_string()))
    }

    /// The name of the revoked agent token of a fingerprint.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn revoked_token(&self, token: &Fingerprint) -> Result<Option<String>, StateError> {
        let select = "SELECT name FROM agent_token WHERE fingerprint = ?1 AND revoked_ms IS NOT NULL";
        Ok(self.connection.query_row(select, [&token.0[..]], |row| row.get(0)).optional()?)
    }

    /// Notes a token for programs by its fingerprint and answers its number.
    ///
    /// # Errors
    /// [`StateError::NoUser`], [`StateError::BadTokenName`], [`StateError::BadTenant`], [`StateError::TooMany`],
    /// [`StateError::Sqlite`].
    pub fn make_api_token(&mut self, new: &NewApiToken<'_>, token: &Fingerprint, now_ms: i64) -> Result<i64, StateError> {
        let name = token_name(new.name)?;
        let tenant = new.tenant.map(tenant_name).transpose()?;
        let writing = self.writing()?;
        let owner = writing.query_row("SELECT id FROM user WHERE username = ?1", [new.owner], |row| row.get(0)).optional()?;
        let owner: i64 = owner.ok_or_else(|| StateError::NoUser(new.owner.to_owned()))?;
        bounded(&writing, "SELECT count(*) FROM api_token", TOKENS_MAX, "tokens")?;
        let in_force: i64 = writing.query_row(
            "SELECT count(*) FROM api_token WHERE user = ?1 AND revoked_ms IS NULL AND expires_ms > ?2",
            (owner, now_ms),
            |row| row.get(0),
        )?;
        if in_force >= API_TOKENS_PER_USER_MAX {
            return Err(StateError::TooMany(in_force, "API tokens of this account"));
        }
        writing.execute(
            "INSERT INTO api_token (name, fingerprint, user, role, tenant, created_ms, expires_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (name, &token.0[..], owner, new.role.as_str(), tenant, now_ms, new.expires_ms),
        )?;
        let id = writing.last_insert_rowid();
        writing.commit()?;
        Ok(id)
    }

    /// Revokes a token for programs, of one account or of any. Answers its name and its owner.
    ///
    /// # Errors
    /// [`StateError::NoToken`], [`StateError::Sqlite`].
    pub fn revoke_api_token(&mut self, id: i64, owner: Option<&str>, now_ms: i64) -> Result<(String, String), StateError> {
        let revoked = "UPDATE api_token SET revoked_ms = ?3
            WHERE id = ?1 AND revoked_ms IS NULL AND (?2 IS NULL OR user = (SELECT id FROM user WHERE username = ?2))
            RETURNING name, (SELECT username FROM user WHERE id = api_token.user)";
        let both = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let found = self.connection.query_row(revoked, (id, owner, now_ms), both).optional()?;
        found.ok_or_else(|| StateError::NoToken(id.to_string()))
    }

    /// Tokens for programs, of one account or of all, ended ones included, by number.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn api_tokens(&self, owner: Option<&str>) -> Result<Vec<ApiTokenRow>, StateError> {
        let mut select = self.connection.prepare(
            "SELECT t.id, t.name, u.username, t.role, t.tenant, t.created_ms, t.expires_ms, t.last_used_ms, t.revoked_ms
             FROM api_token t JOIN user u ON u.id = t.user WHERE ?1 IS NULL OR u.username = ?1 ORDER BY t.id",
        )?;
        let rows = select.query_map([owner], api_token_row)?;
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
        for row in &uses.api_tokens {
            writing.execute("UPDATE api_token SET last_used_ms = max(coalesce(last_used_ms, 0), ?2) WHERE id = ?1", *row)?;
        }
        writing.execute("DELETE FROM session WHERE expires_ms <= ?1", [now_ms])?;
        writing.commit()
    }
}

const COLUMNS: &str = "id, name, tenant, environment, created_ms, created_by, last_used_ms, revoked_ms";

/// A short text without control characters, without surrounding space.
fn word(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control)).then_some(text)
}

fn token_name(name: &str) -> Result<&str, StateError> {
    word(name).ok_or_else(|| StateError::BadTokenName(shown(name)))
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(150).collect()
}

fn token_row(row: &Row<'_>) -> Result<TokenRow, rusqlite::Error> {
    Ok(TokenRow {
        id: row.get(0)?,
        name: row.get(1)?,
        tenant: row.get(2)?,
        environment: row.get(3)?,
        created_ms: row.get(4)?,
        created_by: row.get(5)?,
        last_used_ms: row.get(6)?,
        revoked_ms: row.get(7)?,
    })
}

fn api_token_row(row: &Row<'_>) -> Result<ApiTokenRow, rusqlite::Error> {
    Ok(ApiTokenRow {
        id: row.get(0)?,
        name: row.get(1)?,
        owner: row.get(2)?,
        role: role_of(&row.get::<_, String>(3)?),
        tenant: row.get(4)?,
        created_ms: row.get(5)?,
        expires_ms: row.get(6)?,
        last_used_ms: row.get(7)?,
        revoked_ms: row.get(8)?,
    })
}
