//! Lines of the audit log for what is done and over at once: people, tokens, dashboards, exports.

use std::net::IpAddr;

use serde_json::Value;

use super::Person;
use crate::state::{AuditStart, State, StateDb, StateError};

/// Who did something, and from where.
#[derive(Debug, Clone)]
pub struct By {
    /// Name of the account.
    pub username: String,
    /// In which role; empty when nobody is signed in.
    pub role: String,
    /// Where the request came from, when that is known.
    pub address: Option<IpAddr>,
}

impl By {
    /// A signed-in person.
    #[must_use]
    pub fn person(person: &Person, address: Option<IpAddr>) -> Self {
        Self { username: person.username.to_string(), role: person.role.to_string(), address }
    }

    /// An account whose owner may not have been there: a failed sign-in, or one that is just being made.
    #[must_use]
    pub fn account(username: &str, address: Option<IpAddr>) -> Self {
        Self { username: username.to_owned(), role: String::new(), address }
    }

    /// Somebody at the machine itself, such as `(command line)`: no account has a name like that.
    #[must_use]
    pub fn house(what: &str) -> Self {
        Self::account(what, None)
    }
}

/// Writes one finished line. `detail` is a JSON object without secrets.
///
/// # Errors
/// As [`State::change`].
pub async fn note(state: &State, by: By, now_ms: i64, action: &str, target: &str, detail: Value) -> Result<(), StateError> {
    let start = line(by, now_ms, action, target, &detail);
    state.change(move |db| db.note_audit(&start)).await
}

/// Makes a change and writes its line: both are on disk, or neither is.
///
/// # Errors
/// As [`State::change`].
pub async fn with<T: Send + 'static>(
    state: &State,
    line: AuditStart,
    change: impl FnOnce(&mut StateDb) -> Result<T, StateError> + Send + 'static,
) -> Result<T, StateError> {
    let both = move |db: &mut StateDb| {
        let done = change(db)?;
        db.note_audit(&line)?;
        Ok(done)
    };
    state.change(move |db| db.together(both)).await
}

/// A line, for whoever writes it in the transaction of the change itself.
#[must_use]
pub fn line(by: By, now_ms: i64, action: &str, target: &str, detail: &Value) -> AuditStart {
    AuditStart {
        time_ms: now_ms,
        username: by.username,
        role: by.role,
        address: by.address.map(|address| address.to_canonical().to_string()),
        action: action.to_owned(),
        target: target.to_owned(),
        detail: detail.to_string(),
        reason: None,
    }
}
