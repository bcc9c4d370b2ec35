//! Accounts of people whom a provider of sign-in vouches for: found by (issuer, subject), never by name.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};

use super::{StateDb, StateError, USERS_MAX, user_name};
use crate::access::Role;

/// Most accounts that want the same name before a new one is refused.
const SAME_NAME_MAX: u32 = 20;

/// A password's hash that no password fits: who comes from elsewhere has none here.
const NO_PASSWORD: &str = "!";

/// Somebody whom a provider vouches for.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The provider, as its tokens name it.
    pub issuer: String,
    /// The person's lasting number there.
    pub subject: String,
    /// Where the account comes from, such as `oidc:google`.
    pub origin: String,
    /// Name that a new account is given when it is free.
    pub username: String,
    /// What the account may do from now on.
    pub role: Role,
    /// The tenant that bounds what it sees from now on.
    pub tenant: Option<Arc<str>>,
}

/// The account of an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Name of the account.
    pub username: String,
    /// Whether it was made just now.
    pub is_new: bool,
    /// Whether its role or tenant was another one before.
    pub has_changed: bool,
}

impl StateDb {
    /// Finds or makes the account of an identity and brings its role and tenant up to date. `None` when the account is
    /// disabled. An account of the same name that is somebody else's stays untouched: the new one gets another name.
    ///
    /// # Errors
    /// [`StateError::BadUserName`], [`StateError::UserExists`] when many of the same name exist, [`StateError::TooMany`],
    /// [`StateError::Sqlite`].
    pub fn identify(&mut self, who: &Identity, now_ms: i64) -> Result<Option<Known>, StateError> {
        let writing = self.writing()?;
        let columns = "SELECT u.id, u.username, u.role, u.tenant, u.disabled_ms FROM identity i JOIN user u ON u.id = i.user \
                       WHERE i.issuer = ?1 AND i.subject = ?2";
        let found = writing.query_row(columns, (&who.issuer, &who.subject), |row| {
            let disabled: Option<i64> = row.get(4)?;
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, Option<String>>(3)?,
                disabled,
            ))
        });
        let known = match found.optional()? {
            Some((_, _, _, _, Some(_))) => return Ok(None),
            Some((id, username, role, tenant, None)) => {
                let has_changed = role != who.role.as_str() || tenant.as_deref() != who.tenant.as_deref();
                let update = "UPDATE user SET role = ?2, tenant = ?3, last_login_ms = ?4 WHERE id = ?1";
                writing.execute(update, (id, who.role.as_str(), who.tenant.as_deref(), now_ms))?;
                Known { username, is_new: false, has_changed }
            }
            None => Known { username: insert(&writing, who, now_ms)?, is_new: true, has_changed: false },
        };
        writing.commit()?;
        Ok(Some(known))
    }
}

fn insert(writing: &Connection, who: &Identity, now_ms: i64) -> Result<String, StateError> {
    let count: i64 = writing.query_row("SELECT count(*) FROM user", [], |row| row.get(0))?;
    if count >= USERS_MAX {
        return Err(StateError::TooMany(count, "users"));
    }
    let wanted = user_name(&who.username)?;
    let add = "INSERT OR IGNORE INTO user (username, password, role, created_ms, tenant, origin, last_login_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?4)";
    for attempt in 1..=SAME_NAME_MAX {
        let name = numbered(&wanted, attempt);
        let row = (&name, NO_PASSWORD, who.role.as_str(), now_ms, who.tenant.as_deref(), &who.origin);
        if writing.execute(add, row)? == 1 {
            let id = writing.last_insert_rowid();
            writing
                .execute("INSERT INTO identity (issuer, subject, user) VALUES (?1, ?2, ?3)", (&who.issuer, &who.subject, id))?;
            return Ok(name);
        }
    }
    Err(StateError::UserExists(wanted))
}

/// The name itself first, then with a number behind it, still short enough to be a name.
fn numbered(wanted: &str, attempt: u32) -> String {
    if attempt == 1 {
        return wanted.to_owned();
    }
    let end = format!("-{attempt}");
    let begin = wanted.get(..wanted.len().min(64 - end.len())).unwrap_or(wanted);
    format!("{begin}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(subject: &str, role: Role) -> Identity {
        Identity {
            issuer: "https://id.example.org".to_owned(),
            subject: subject.to_owned(),
            origin: "oidc:house".to_owned(),
            username: "ana".to_owned(),
            role,
            tenant: None,
        }
    }

    fn open() -> (StateDb, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        (StateDb::open(&dir.path().join("state.db")).unwrap(), dir)
    }

    fn role(db: &StateDb, name: &str) -> Role {
        db.users().unwrap().into_iter().find(|user| user.username == name).unwrap().role
    }

    #[test]
    fn an_account_of_the_same_name_is_never_taken_over() {
        let (mut db, _dir) = open();
        db.add_user("ana", "hash", Role::SuperAdmin, 1).unwrap();
        let made = db.identify(&who("7", Role::Viewer), 2).unwrap().unwrap();
        assert_eq!(made, Known { username: "ana-2".to_owned(), is_new: true, has_changed: false });
        assert_eq!((role(&db, "ana"), role(&db, "ana-2")), (Role::SuperAdmin, Role::Viewer));
        // Nor that of another person of the same provider.
        assert_eq!(db.identify(&who("8", Role::Viewer), 2).unwrap().unwrap().username, "ana-3");
        let elsewhere = Identity { issuer: "https://other.example.org".to_owned(), ..who("7", Role::Viewer) };
        assert_eq!(db.identify(&elsewhere, 2).unwrap().unwrap().username, "ana-4");
    }

    #[test]
    fn the_same_person_has_one_account_whose_role_and_tenant_follow_the_provider() {
        let (mut db, _dir) = open();
        db.identify(&who("7", Role::Admin), 1).unwrap();
        let again = Identity { username: "renamed".to_owned(), tenant: Some("acme".into()), ..who("7", Role::Viewer) };
        let known = db.identify(&again, 2).unwrap().unwrap();
        assert_eq!(known, Known { username: "ana".to_owned(), is_new: false, has_changed: true });
        assert_eq!(role(&db, "ana"), Role::Viewer);
        assert!(!db.identify(&again, 3).unwrap().unwrap().has_changed);
    }

    #[test]
    fn a_disabled_account_stays_out() {
        let (mut db, _dir) = open();
        db.identify(&who("7", Role::Admin), 1).unwrap();
        db.connection.execute("UPDATE user SET disabled_ms = 5", []).unwrap();
        assert_eq!(db.identify(&who("7", Role::Admin), 9).unwrap(), None);
    }

    #[test]
    fn numbered_names_stay_names() {
        assert_eq!(numbered(&"x".repeat(64), 12).len(), 64);
        assert!(user_name(&numbered(&"x".repeat(64), 12)).is_ok());
    }
}
