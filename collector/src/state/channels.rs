//! The table of channels that people made in the page. Their secrets are sealed before they come here.

use rusqlite::{OptionalExtension as _, Row};

use super::{StateDb, StateError};
use crate::notify::channel::CHANNELS_MAX;

/// A channel as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRow {
    /// Its word.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Hears only what belongs to this tenant.
    pub tenant: Option<String>,
    /// All but its secrets, as JSON.
    pub body: String,
    /// Its secrets, sealed for the field `channel:ID`.
    pub secrets: Vec<u8>,
    /// Who changed it last.
    pub updated_by: String,
    /// When, in ms since the epoch.
    pub updated_ms: i64,
}

impl StateDb {
    /// All channels, by name.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn channels(&self) -> Result<Vec<ChannelRow>, StateError> {
        let sql = "SELECT id, name, kind, tenant, body, secrets, updated_by, updated_ms FROM channel ORDER BY name, id";
        let mut select = self.connection.prepare_cached(sql)?;
        let rows = select.query_map([], row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keeps a new channel; answers whether its word was free.
    ///
    /// # Errors
    /// [`StateError::TooMany`], [`StateError::Sqlite`].
    pub fn add_channel(&mut self, new: &ChannelRow) -> Result<bool, StateError> {
        let writing = self.writing()?;
        let most = i64::try_from(CHANNELS_MAX).unwrap_or(i64::MAX);
        super::bounded(&writing, "SELECT count(*) FROM channel", most, "channels")?;
        let known = "SELECT 1 FROM channel WHERE id = ?1";
        if writing.query_row(known, [&new.id], |_| Ok(())).optional()?.is_some() {
            return Ok(false);
        }
        let ChannelRow { id, name, kind, tenant, body, secrets, updated_by, updated_ms } = new;
        writing.execute(
            "INSERT INTO channel (id, name, kind, tenant, body, secrets, updated_by, updated_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (id, name, kind, tenant, body, secrets, updated_by, updated_ms),
        )?;
        writing.commit()?;
        Ok(true)
    }

    /// Replaces a channel; answers whether there was one.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn change_channel(&mut self, now: &ChannelRow) -> Result<bool, StateError> {
        let ChannelRow { id, name, kind, tenant, body, secrets, updated_by, updated_ms } = now;
        let changed = self.connection.execute(
            "UPDATE channel SET name = ?2, kind = ?3, tenant = ?4, body = ?5, secrets = ?6, updated_by = ?7, updated_ms = ?8
             WHERE id = ?1",
            (id, name, kind, tenant, body, secrets, updated_by, updated_ms),
        )?;
        Ok(changed > 0)
    }

    /// Removes a channel, and gives up what it was still to be told; answers whether there was one.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn drop_channel(&mut self, id: &str, now_ms: i64) -> Result<bool, StateError> {
        let writing = self.writing()?;
        let is_gone = writing.execute("DELETE FROM channel WHERE id = ?1", [id])? > 0;
        if is_gone {
            super::outbox::give_up(&writing, id, "the channel was removed", now_ms)?;
        }
        writing.commit()?;
        Ok(is_gone)
    }
}

fn row(row: &Row<'_>) -> Result<ChannelRow, rusqlite::Error> {
    Ok(ChannelRow {
        id: row.get(0)?,
        name: row.get(1)?,
        kind: row.get(2)?,
        tenant: row.get(3)?,
        body: row.get(4)?,
        secrets: row.get(5)?,
        updated_by: row.get(6)?,
        updated_ms: row.get(7)?,
    })
}
