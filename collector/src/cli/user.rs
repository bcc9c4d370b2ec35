//! `user add|passwd|list`.

use std::io::Write;

use super::{CliError, now_ms, prompt, table};
use crate::{
    access::{Role, password::Hasher},
    state::{StateDb, StateError, user_name},
};

pub(super) fn add(db: &mut StateDb, name: &str, role: Role, out: &mut dyn Write) -> Result<(), CliError> {
    let name = user_name(name)?;
    // Said before a password is asked for; making the account checks it again.
    if db.users()?.iter().any(|user| user.username == name) {
        return Err(StateError::UserExists(name).into());
    }
    let hash = Hasher::default().hash_now(&prompt::new_password(&name)?, &name)?;
    db.add_user(&name, &hash, role, now_ms())?;
    Ok(writeln!(out, "Added {name} with the role {role}.")?)
}

pub(super) fn passwd(db: &mut StateDb, name: &str, out: &mut dyn Write) -> Result<(), CliError> {
    let name = user_name(name)?;
    if !db.users()?.iter().any(|user| user.username == name) {
        return Err(StateError::NoUser(name).into());
    }
    let hash = Hasher::default().hash_now(&prompt::new_password(&name)?, &name)?;
    db.set_password(&name, &hash)?;
    Ok(writeln!(out, "Changed the password of {name} and ended its sign-ins.")?)
}

pub(super) fn list(db: &StateDb, out: &mut dyn Write) -> Result<(), CliError> {
    let rows: Vec<_> =
        db.users()?.into_iter().map(|user| [user.username, user.role.to_string(), table::time(user.created_ms)]).collect();
    Ok(table::write(out, ["USER", "ROLE", "CREATED"], &rows)?)
}
