//! The table of accounts: making, changing and removing them, and that somebody always stays who may do that.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{Fingerprint, StateDb, StateError, USERS_MAX, boards, bounded};
use crate::access::Role;

/// Setting under which the fingerprint of the set-up link stands.
const SETUP: &str = "setup_link";

/// Where an account comes from that signs in here.
pub const LOCAL: &str = "local";

/// Longest name of a tenant, in bytes.
pub const TENANT_BYTES_MAX: usize = farol_shared::limit::NAME_BYTES_MAX;

/// Who may look after accounts: an enabled super administrator of the whole house.
const KEEPERS: &str = "SELECT count(*) FROM user WHERE role = 'super_admin' AND disabled_ms IS NULL AND tenant IS NULL";

/// One account, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Name, in lower case.
    pub username: String,
    /// What the account may do.
    pub role: Role,
    /// The tenant that bounds what it sees.
    pub tenant: Option<String>,
    /// Where it comes from: `local`, or `oidc:` and the name of a provider.
    pub origin: String,
    /// When it was made, in ms since the epoch.
    pub created_ms: i64,
    /// When somebody signed in last, in ms since the epoch.
    pub last_login_ms: Option<i64>,
    /// Whether signing in needs a second factor.
    pub has_second_factor: bool,
    /// Whether nobody can sign in.
    pub is_disabled: bool,
}

/// An account to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewUser<'a> {
    /// Its name.
    pub name: &'a str,
    /// The hash of its password, never the password.
    pub password: &'a str,
    /// What it may do.
    pub role: Role,
    /// The tenant that bounds what it sees.
    pub tenant: Option<&'a str>,
    /// Where it comes from, as [`UserRow::origin`].
    pub origin: &'a str,
}

/// What is to be changed of an account. What is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// What it may do.
    pub role: Option<Role>,
    /// The tenant that bounds it, or none.
    pub tenant: Option<Option<String>>,
    /// Whether nobody can sign in.
    pub is_disabled: Option<bool>,
    /// The hash of its password.
    pub password: Option<String>,
    /// Whether its second factor is forgotten.
    pub reset_second_factor: bool,
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

/// The form of a tenant's name that is stored: as telemetry names it, without surrounding space.
///
/// # Errors
/// [`StateError::BadTenant`].
pub fn tenant_name(text: &str) -> Result<String, StateError> {
    let name = text.trim();
    if name.is_empty() || name.len() > TENANT_BYTES_MAX || name.chars().any(char::is_control) {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
        return Err(StateError::BadTenant(shown));
    }
    Ok(name.to_owned())
}

impl StateDb {
    /// Makes a local account that sees everything. `password` is its hash, never the password.
    ///
    /// # Errors
    /// As [`StateDb::make_user`].
    pub fn add_user(&mut self, name: &str, password: &str, role: Role, now_ms: i64) -> Result<(), StateError> {
        self.make_user(&NewUser { name, password, role, tenant: None, origin: LOCAL }, now_ms)
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`StateError::UserExists`], [`StateError::BadUserName`], [`StateError::BadTenant`], [`StateError::TooMany`],
    /// [`StateError::Sqlite`].
    pub fn make_user(&mut self, user: &NewUser<'_>, now_ms: i64) -> Result<(), StateError> {
        let name = user_name(user.name)?;
        let tenant = user.tenant.map(tenant_name).transpose()?;
        let writing = self.writing()?;
        bounded(&writing, "SELECT count(*) FROM user", USERS_MAX, "users")?;
        let added = writing.execute(
            "INSERT OR IGNORE INTO user (username, password, role, tenant, origin, created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (&name, user.password, user.role.as_str(), tenant, user.origin, now_ms),
        )?;
        if added == 0 {
            return Err(StateError::UserExists(name));
        }
        writing.commit()
    }

    /// Makes the first administrator, if nobody administers yet and the set-up link is the one in force. The link is spent.
    ///
    /// # Errors
    /// [`StateError::SetUpRefused`], else as [`StateDb::add_user`]; then the link stays valid.
    pub fn set_up(&mut self, link: &Fingerprint, name: &str, password: &str, now_ms: i64) -> Result<(), StateError> {
        let writing = self.writing()?;
        let expected: Option<Vec<u8>> =
            writing.query_row("SELECT value FROM setting WHERE key = ?1", [SETUP], |row| row.get(0)).optional()?;
        let fits = expected.is_some_and(|expected| bool::from(subtle::ConstantTimeEq::ct_eq(&expected[..], &link.0[..])));
        if !fits || has_administrator(&writing)? {
            return Err(StateError::SetUpRefused);
        }
        let name = user_name(name)?;
        bounded(&writing, "SELECT count(*) FROM user", USERS_MAX, "users")?;
        let added = writing.execute(
            "INSERT OR IGNORE INTO user (username, password, role, created_ms) VALUES (?1, ?2, 'super_admin', ?3)",
            (&name, password, now_ms),
        )?;
        if added == 0 {
            return Err(StateError::UserExists(name));
        }
        writing.execute("DELETE FROM setting WHERE key = ?1", [SETUP])?;
        writing.commit()
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
        let change = UserChange { password: Some(password.to_owned()), ..UserChange::default() };
        self.change_user(name, &change, 0).map(drop)
    }

    /// Changes an account and ends its sign-ins when anything changed. Answers the words of what did.
    ///
    /// # Errors
    /// [`StateError::NoUser`], [`StateError::LastSuperAdmin`], [`StateError::BadTenant`], [`StateError::Sqlite`].
    pub fn change_user(&mut self, name: &str, change: &UserChange, now_ms: i64) -> Result<Vec<&'static str>, StateError> {
        let name = user_name(name)?;
        let writing = self.writing()?;
        let before = row_of(&writing, &name)?.ok_or_else(|| StateError::NoUser(name.clone()))?;
        let keepers = keepers(&writing)?;
        let mut changed = Vec::new();
        if let Some(role) = change.role.filter(|role| *role != before.role) {
            writing.execute("UPDATE user SET role = ?2 WHERE username = ?1", (&name, role.as_str()))?;
            changed.push("role");
        }
        if let Some(tenant) = &change.tenant {
            let tenant = tenant.as_deref().map(tenant_name).transpose()?;
            if tenant != before.tenant {
                writing.execute("UPDATE user SET tenant = ?2 WHERE username = ?1", (&name, tenant))?;
                changed.push("tenant");
            }
        }
        if let Some(is_disabled) = change.is_disabled.filter(|is_disabled| *is_disabled != before.is_disabled) {
            let since = is_disabled.then_some(now_ms);
            writing.execute("UPDATE user SET disabled_ms = ?2 WHERE username = ?1", (&name, since))?;
            changed.push(if is_disabled { "disabled" } else { "enabled" });
        }
        if let Some(password) = &change.password {
            writing.execute("UPDATE user SET password = ?2 WHERE username = ?1", (&name, password))?;
            changed.push("password");
        }
        if change.reset_second_factor {
            super::second_factor::clear(&writing, &name)?;
            changed.push("second_factor");
        }
        if !changed.is_empty() {
            writing.execute("DELETE FROM session WHERE user = (SELECT id FROM user WHERE username = ?1)", [&name])?;
        }
        still_kept(&writing, keepers)?;
        writing.commit()?;
        Ok(changed)
    }

    /// Removes an account with its sign-ins, tokens for programs and second factor.
    ///
    /// # Errors
    /// [`StateError::NoUser`], [`StateError::LastSuperAdmin`], [`StateError::Sqlite`].
    pub fn delete_user(&mut self, name: &str) -> Result<(), StateError> {
        let name = user_name(name)?;
        let writing = self.writing()?;
        let keepers = keepers(&writing)?;
        if writing.execute("DELETE FROM user WHERE username = ?1", [&name])? == 0 {
            return Err(StateError::NoUser(name));
        }
        still_kept(&writing, keepers)?;
        boards::leave(&writing, &name)?;
        writing.commit()
    }

    /// Every account, by name.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn users(&self) -> Result<Vec<UserRow>, StateError> {
        let mut select = self.connection.prepare(&format!("SELECT {COLUMNS} FROM user ORDER BY username"))?;
        let rows = select.query_map([], user_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// One account.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn user(&self, name: &str) -> Result<Option<UserRow>, StateError> {
        row_of(&self.connection, name)
    }
}

const COLUMNS: &str =
    "username, role, tenant, origin, created_ms, last_login_ms, totp IS NOT NULL AS factor, disabled_ms IS NOT NULL AS off";

fn row_of(connection: &Connection, name: &str) -> Result<Option<UserRow>, StateError> {
    Ok(connection.query_row(&format!("SELECT {COLUMNS} FROM user WHERE username = ?1"), [name], user_row).optional()?)
}

fn user_row(row: &Row<'_>) -> Result<UserRow, rusqlite::Error> {
    Ok(UserRow {
        username: row.get(0)?,
        role: role_of(&row.get::<_, String>(1)?),
        tenant: row.get(2)?,
        origin: row.get(3)?,
        created_ms: row.get(4)?,
        last_login_ms: row.get(5)?,
        has_second_factor: row.get(6)?,
        is_disabled: row.get(7)?,
    })
}

/// An unknown word (an edited file) gives the least role rather than a wrong one.
pub(super) fn role_of(word: &str) -> Role {
    Role::parse(word).unwrap_or(Role::Viewer)
}

fn has_administrator(connection: &Connection) -> Result<bool, StateError> {
    let count: i64 = connection.query_row(
        "SELECT count(*) FROM user WHERE role IN ('admin', 'super_admin') AND disabled_ms IS NULL AND tenant IS NULL",
        [],
        |row| row.get(0),
    )?;
    Ok(count > 0)
}

fn keepers(connection: &Connection) -> Result<i64, StateError> {
    Ok(connection.query_row(KEEPERS, [], |row| row.get(0))?)
}

/// Refuses a change after which nobody could look after accounts, when somebody could before it.
fn still_kept(connection: &Connection, before: i64) -> Result<(), StateError> {
    if before > 0 && keepers(connection)? == 0 { Err(StateError::LastSuperAdmin) } else { Ok(()) }
}
