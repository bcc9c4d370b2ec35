//! `user add|password|role|tenant|disable|enable|reset-second-factor|delete|list`.

use std::io::Write;

use serde_json::{Value, json};

use super::{CliError, args::UserAction, now_ms, prompt, table};
use crate::{
    access::{
        Role,
        audit::{self, By},
        password::Hasher,
    },
    state::{LOCAL, NewUser, StateDb, StateError, UserChange, UserRow, user_name},
};

/// As whom the audit log knows this.
pub(super) const WHO: &str = "(command line)";

pub(super) fn change(db: &mut StateDb, action: &UserAction, out: &mut dyn Write) -> Result<(), CliError> {
    let said = match action {
        UserAction::Add { name, role, tenant } => return add(db, name, *role, tenant.as_deref(), out),
        UserAction::List => return list(db, out),
        UserAction::Password { name } => {
            let user = known(db, name)?;
            if user.origin != LOCAL {
                return Err(CliError::NotLocal { name: user.username, origin: user.origin });
            }
            let hash = Hasher::default().hash_now(&prompt::new_password(&user.username)?, &user.username)?;
            apply(db, &user, &UserChange { password: Some(hash), ..UserChange::default() })?;
            format!("Changed the password of {}", user.username)
        }
        UserAction::Role { name, role } => {
            let user = known(db, name)?;
            apply(db, &user, &UserChange { role: Some(*role), ..UserChange::default() })?;
            format!("{} has the role {role}", user.username)
        }
        UserAction::Tenant { name, tenant } => {
            let user = known(db, name)?;
            apply(db, &user, &UserChange { tenant: Some(tenant.clone()), ..UserChange::default() })?;
            let what = tenant.as_ref().map_or("everything".to_owned(), |tenant| format!("what belongs to {tenant}"));
            format!("{} sees {what}", user.username)
        }
        UserAction::Disable { name } => {
            let user = known(db, name)?;
            apply(db, &user, &UserChange { is_disabled: Some(true), ..UserChange::default() })?;
            format!("Disabled {}", user.username)
        }
        UserAction::Enable { name } => {
            let user = known(db, name)?;
            apply(db, &user, &UserChange { is_disabled: Some(false), ..UserChange::default() })?;
            return Ok(writeln!(out, "Enabled {}.", user.username)?);
        }
        UserAction::ResetSecondFactor { name } => {
            let user = known(db, name)?;
            apply(db, &user, &UserChange { reset_second_factor: true, ..UserChange::default() })?;
            format!("Forgot the second factor of {}", user.username)
        }
        UserAction::Delete { name } => {
            let user = known(db, name)?;
            let line = audit::line(By::house(WHO), now_ms(), "user.delete", &user.username, &json!({}));
            db.together(|db| {
                db.delete_user(&user.username)?;
                db.note_audit(&line)
            })?;
            format!("Removed {}", user.username)
        }
    };
    Ok(writeln!(out, "{said} and ended its sign-ins. A running collector knows within a second.")?)
}

fn known(db: &StateDb, name: &str) -> Result<UserRow, CliError> {
    let name = user_name(name)?;
    Ok(db.user(&name)?.ok_or(StateError::NoUser(name))?)
}

fn apply(db: &mut StateDb, user: &UserRow, change: &UserChange) -> Result<(), StateError> {
    let now_ms = now_ms();
    db.together(|db| {
        let changed = db.change_user(&user.username, change, now_ms)?;
        let row = db.user(&user.username)?.ok_or_else(|| StateError::NoUser(user.username.clone()))?;
        let detail = json!({ "changed": changed, "role": row.role, "tenant": row.tenant });
        db.note_audit(&audit::line(By::house(WHO), now_ms, "user.change", &user.username, &detail))
    })
}

fn add(db: &mut StateDb, name: &str, role: Role, tenant: Option<&str>, out: &mut dyn Write) -> Result<(), CliError> {
    let name = user_name(name)?;
    // Said before a password is asked for; making the account checks it again.
    if db.user(&name)?.is_some() {
        return Err(StateError::UserExists(name).into());
    }
    let hash = Hasher::default().hash_now(&prompt::new_password(&name)?, &name)?;
    let detail: Value = json!({ "role": role, "tenant": tenant });
    let line = audit::line(By::house(WHO), now_ms(), "user.create", &name, &detail);
    db.together(|db| {
        db.make_user(&NewUser { name: &name, password: &hash, role, tenant, origin: LOCAL }, now_ms())?;
        db.note_audit(&line)
    })?;
    let bound = tenant.map(|tenant| format!(" and sees what belongs to {tenant}")).unwrap_or_default();
    Ok(writeln!(out, "Added {name} with the role {role}{bound}.")?)
}

fn list(db: &StateDb, out: &mut dyn Write) -> Result<(), CliError> {
    let rows: Vec<_> = db
        .users()?
        .into_iter()
        .map(|user| {
            let state = if user.is_disabled { "disabled" } else { "enabled" };
            let factor = if user.has_second_factor { "yes" } else { "no" };
            let login = user.last_login_ms.map_or_else(|| "never".to_owned(), table::time);
            let tenant = user.tenant.unwrap_or_else(|| "-".to_owned());
            [
                user.username,
                user.role.to_string(),
                tenant,
                state.to_owned(),
                factor.to_owned(),
                user.origin,
                table::time(user.created_ms),
                login,
            ]
        })
        .collect();
    let heading = ["USER", "ROLE", "TENANT", "STATE", "SECOND FACTOR", "ORIGIN", "CREATED", "LAST LOGIN"];
    Ok(table::write(out, heading, &rows)?)
}
