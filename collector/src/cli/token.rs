//! `token create|revoke|list`.

use std::io::Write;

use super::{CliError, now_ms, table};
use crate::{
    access::token::new_agent_token,
    state::{Fingerprint, StateDb},
};

/// The token stands alone on standard output, so that a script can take it.
pub(super) fn create(db: &mut StateDb, name: &str, out: &mut dyn Write) -> Result<(), CliError> {
    let token = new_agent_token().map_err(CliError::Random)?;
    db.add_token(name, &Fingerprint::of(&token), now_ms())?;
    Ok(writeln!(out, "{token}")?)
}

pub(super) fn revoke(db: &mut StateDb, which: &str, out: &mut dyn Write) -> Result<(), CliError> {
    let (id, name) = db.revoke_token(which, now_ms())?;
    Ok(writeln!(out, "Revoked token {id} ({name}). A running collector refuses it within a second.")?)
}

pub(super) fn list(db: &StateDb, out: &mut dyn Write) -> Result<(), CliError> {
    let time = |ms: Option<i64>, without: &str| ms.map_or_else(|| without.to_owned(), table::time);
    let rows: Vec<_> = db
        .tokens()?
        .into_iter()
        .map(|row| {
            let (created, used, revoked) =
                (table::time(row.created_ms), time(row.last_used_ms, "never"), time(row.revoked_ms, "-"));
            [row.id.to_string(), row.name, created, used, revoked]
        })
        .collect();
    Ok(table::write(out, ["ID", "NAME", "CREATED", "LAST USED", "REVOKED"], &rows)?)
}
