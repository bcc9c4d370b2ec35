//! `token create|revoke|list` and `api-token revoke|list`.

use std::io::Write;

use serde_json::json;

use super::{CliError, now_ms, table, user::WHO};
use crate::{
    access::{
        audit::{self, By},
        token::new_agent_token,
    },
    state::{Fingerprint, NewToken, StateDb},
};

/// The token stands alone on standard output, so that a script can take it.
pub(super) fn create(db: &mut StateDb, new: &NewToken<'_>, out: &mut dyn Write) -> Result<(), CliError> {
    let token = new_agent_token().map_err(CliError::Random)?;
    let detail = json!({ "tenant": new.tenant, "environment": new.environment });
    let line = audit::line(By::house(WHO), now_ms(), "token.create", new.name.trim(), &detail);
    db.together(|db| {
        db.make_token(new, &Fingerprint::of(&token), now_ms())?;
        db.note_audit(&line)
    })?;
    Ok(writeln!(out, "{token}")?)
}

pub(super) fn revoke(db: &mut StateDb, which: &str, out: &mut dyn Write) -> Result<(), CliError> {
    let (id, name) = db.together(|db| {
        let (id, name) = db.revoke_token(which, now_ms())?;
        db.note_audit(&audit::line(By::house(WHO), now_ms(), "token.revoke", &name, &json!({ "id": id })))?;
        Ok((id, name))
    })?;
    Ok(writeln!(out, "Revoked token {id} ({name}). A running collector refuses it within a second.")?)
}

pub(super) fn list(db: &StateDb, out: &mut dyn Write) -> Result<(), CliError> {
    let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let rows: Vec<_> = db
        .tokens()?
        .into_iter()
        .map(|row| {
            let (created, used, revoked) =
                (table::time(row.created_ms), time(row.last_used_ms, "never"), time(row.revoked_ms, "-"));
            [row.id.to_string(), row.name, dash(row.tenant), dash(row.environment), created, used, revoked]
        })
        .collect();
    Ok(table::write(out, ["ID", "NAME", "TENANT", "ENVIRONMENT", "CREATED", "LAST USED", "REVOKED"], &rows)?)
}

pub(super) fn revoke_api(db: &mut StateDb, id: i64, out: &mut dyn Write) -> Result<(), CliError> {
    let (name, owner) = db.together(|db| {
        let (name, owner) = db.revoke_api_token(id, None, now_ms())?;
        let detail = json!({ "id": id, "owner": owner });
        db.note_audit(&audit::line(By::house(WHO), now_ms(), "api_token.revoke", &name, &detail))?;
        Ok((name, owner))
    })?;
    Ok(writeln!(out, "Revoked token {id} ({name}) of {owner}. A running collector refuses it within a second.")?)
}

pub(super) fn list_api(db: &StateDb, out: &mut dyn Write) -> Result<(), CliError> {
    let rows: Vec<_> = db
        .api_tokens(None)?
        .into_iter()
        .map(|row| {
            let (expires, used, revoked) =
                (table::time(row.expires_ms), time(row.last_used_ms, "never"), time(row.revoked_ms, "-"));
            let tenant = row.tenant.unwrap_or_else(|| "-".to_owned());
            [row.id.to_string(), row.name, row.owner, row.role.to_string(), tenant, expires, used, revoked]
        })
        .collect();
    let heading = ["ID", "NAME", "OWNER", "ROLE", "TENANT", "EXPIRES", "LAST USED", "REVOKED"];
    Ok(table::write(out, heading, &rows)?)
}

fn time(ms: Option<i64>, without: &str) -> String {
    ms.map_or_else(|| without.to_owned(), table::time)
}
