//! The table of silences: who asked not to be told of what, and until when.

use rusqlite::{Row, named_params};

use super::{StateDb, StateError, bounded};
use crate::alert::silence::SILENCES_MAX;

/// A silence as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilenceRow {
    /// Its number.
    pub id: i64,
    /// Holds alerts of this tenant only.
    pub tenant: Option<String>,
    /// From when on, in ms since the epoch.
    pub from_ms: i64,
    /// Until when, in ms since the epoch.
    pub until_ms: i64,
    /// What it says, as JSON.
    pub body: String,
    /// Who made it.
    pub created_by: String,
    /// When, in ms since the epoch.
    pub created_ms: i64,
    /// When somebody ended it, in ms since the epoch.
    pub ended_ms: Option<i64>,
    /// How many alerts it held.
    pub held: i64,
}

const COLUMNS: &str = "id, tenant, from_ms, until_ms, body, created_by, created_ms, ended_ms, held";

impl StateDb {
    /// Keeps a new silence; its number and counts are made here.
    ///
    /// # Errors
    /// [`StateError::TooMany`], [`StateError::Sqlite`].
    pub fn add_silence(&mut self, new: &SilenceRow) -> Result<SilenceRow, StateError> {
        let writing = self.writing()?;
        let count = format!("SELECT count(*) FROM silence WHERE ended_ms IS NULL AND until_ms > {}", new.created_ms);
        bounded(&writing, &count, SILENCES_MAX, "silences")?;
        writing.execute(
            "INSERT INTO silence (tenant, from_ms, until_ms, body, created_by, created_ms)
             VALUES (:tenant, :from_ms, :until_ms, :body, :created_by, :created_ms)",
            named_params! {
                ":tenant": new.tenant, ":from_ms": new.from_ms, ":until_ms": new.until_ms, ":body": new.body,
                ":created_by": new.created_by, ":created_ms": new.created_ms,
            },
        )?;
        let made = SilenceRow { id: writing.last_insert_rowid(), ended_ms: None, held: 0, ..new.clone() };
        writing.commit()?;
        self.alerts_changed();
        Ok(made)
    }

    /// Ends a silence, if it has not ended and belongs to the tenant that is named. Answers whether there was one.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn end_silence(&mut self, id: i64, tenant: Option<&str>, now_ms: i64) -> Result<bool, StateError> {
        let changed = self.connection.execute(
            "UPDATE silence SET ended_ms = ?3 WHERE id = ?1 AND ended_ms IS NULL AND until_ms > ?3 AND (?2 IS NULL OR tenant = ?2)",
            (id, tenant, now_ms),
        )?;
        self.alerts_changed();
        Ok(changed > 0)
    }

    /// Silences, newest first, those that are not over before the others; of a tenant when one is named; at most `limit`.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn silences(&self, tenant: Option<&str>, now_ms: i64, limit: u32) -> Result<Vec<SilenceRow>, StateError> {
        let mut select = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM silence WHERE ?1 IS NULL OR tenant = ?1
             ORDER BY ended_ms IS NULL AND until_ms > ?2 DESC, id DESC LIMIT ?3"
        ))?;
        let rows = select.query_map((tenant, now_ms, limit), silence)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Silences that are not over, those of later times among them.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn silences_in_force(&self, now_ms: i64) -> Result<Vec<SilenceRow>, StateError> {
        let sql = format!("SELECT {COLUMNS} FROM silence WHERE ended_ms IS NULL AND until_ms > ?1 ORDER BY id");
        let mut select = self.connection.prepare_cached(&sql)?;
        let rows = select.query_map([now_ms], silence)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Counts alerts that a silence held.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn count_silenced(&mut self, id: i64, more: i64) -> Result<(), StateError> {
        self.connection.execute("UPDATE silence SET held = held + ?2 WHERE id = ?1", [id, more])?;
        Ok(())
    }
}

fn silence(row: &Row<'_>) -> Result<SilenceRow, rusqlite::Error> {
    Ok(SilenceRow {
        id: row.get(0)?,
        tenant: row.get(1)?,
        from_ms: row.get(2)?,
        until_ms: row.get(3)?,
        body: row.get(4)?,
        created_by: row.get(5)?,
        created_ms: row.get(6)?,
        ended_ms: row.get(7)?,
        held: row.get(8)?,
    })
}
