//! The outbox: what channels are to be told, and what became of it.
//!
//! In: rows that wait, written together with what they tell of. Out: the same rows, sent or given up, and a line on their incident.
//!
//! Invariants: a row leaves `waiting` once and in one transaction with its line and with what is told to another channel instead, so that
//! a process that ends at any instant leaves either a row that is sent again under its key, or one that is done. Of one incident a channel
//! is told in order. Bounded: [`WAITING_MAX`] rows that wait and [`DELIVERIES_MAX`] in all; the oldest give way.

use rusqlite::{Connection, OptionalExtension as _, Row, named_params};
use serde_json::{Value, json};

use super::{StateDb, StateError};
use crate::notify::{route_of, via};

/// Most rows that wait: some thousand incidents told to every channel while none can be reached. More than that nobody reads.
pub const WAITING_MAX: i64 = 20_000;

/// Most rows in all: about 100 MiB, which is years of a busy team.
pub const DELIVERIES_MAX: i64 = 100_000;

/// Waits to be told, or to be tried again.
pub const WAITING: &str = "waiting";

/// Told.
pub const SENT: &str = "sent";

/// Given up: tried for too long, or there is no such channel any more.
pub const FAILED: &str = "failed";

/// Refused for good.
pub const DEAD: &str = "dead";

/// A row whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Its number.
    pub id: i64,
    /// Its key.
    pub key: String,
    /// The incident; `None` for a trial.
    pub incident: Option<i64>,
    /// A [`crate::notify::Notice`] as JSON.
    pub notice: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it failed first, in ms since the epoch.
    pub tried_ms: Option<i64>,
}

/// A row to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Its key: a row with the same key is there already, or it is written.
    pub key: String,
    /// The channel.
    pub channel: String,
    /// The incident; `None` for a trial.
    pub incident: Option<i64>,
    /// A [`crate::notify::Notice`] as JSON.
    pub notice: String,
    /// Not before this instant, in ms since the epoch.
    pub next_ms: i64,
    /// Now, in ms since the epoch.
    pub created_ms: i64,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Number of the row.
    pub id: i64,
    /// When it ended, in ms since the epoch.
    pub at_ms: i64,
    /// What was said, without secrets.
    pub detail: String,
    /// What follows.
    pub end: End,
    /// Name of the channel, for the incident's line.
    pub channel_name: String,
    /// The channel that is told instead.
    pub instead: Option<String>,
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was told.
    Sent,
    /// It is tried again at this instant, in ms since the epoch.
    Again(i64),
    /// It was tried for too long.
    Failed,
    /// It was refused for good.
    Dead,
}

/// A row as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Its number.
    pub id: i64,
    /// The channel.
    pub channel: String,
    /// The incident.
    pub incident: Option<i64>,
    /// Word of the [`crate::notify::Reason`].
    pub reason: String,
    /// `waiting`, `sent`, `failed` or `dead`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was made, in ms since the epoch.
    pub created_ms: i64,
    /// When it is tried next, in ms since the epoch.
    pub next_ms: i64,
    /// When it was done, in ms since the epoch.
    pub done_ms: Option<i64>,
    /// What was said.
    pub detail: String,
    /// The tenant of its incident.
    pub tenant: Option<String>,
}

/// Which rows are wanted; all when nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Of this channel.
    pub channel: Option<String>,
    /// Of this incident.
    pub incident: Option<i64>,
    /// With a lower number than this.
    pub before: Option<i64>,
    /// Of incidents of this tenant, or of one of its channels.
    pub tenant: Option<(String, Vec<String>)>,
}

/// Where a channel stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelStanding {
    /// How many rows wait.
    pub waiting: i64,
    /// State, time and detail of the row that was tried last.
    pub last: Option<(String, i64, String)>,
}

impl StateDb {
    /// Writes a row; answers whether there was none with its key.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn enqueue(&mut self, new: &NewDelivery) -> Result<bool, StateError> {
        enqueue(&self.connection, new)
    }

    /// Channels that have something to be told now.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn due_channels(&self, now_ms: i64) -> Result<Vec<String>, StateError> {
        let sql = "SELECT DISTINCT channel FROM delivery WHERE state = 'waiting' AND next_ms <= ?1";
        let mut select = self.connection.prepare_cached(sql)?;
        let rows = select.query_map([now_ms], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What a channel is to be told next: of each incident nothing before what came before it.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn next_due(&self, channel: &str, now_ms: i64) -> Result<Option<Due>, StateError> {
        let mut select = self.connection.prepare_cached(
            "SELECT id, key, incident, notice, attempts, tried_ms FROM delivery AS due
             WHERE channel = ?1 AND state = 'waiting' AND next_ms <= ?2 AND NOT EXISTS (
                 SELECT 1 FROM delivery AS earlier WHERE earlier.channel = ?1 AND earlier.state = 'waiting'
                     AND earlier.incident = due.incident AND earlier.id < due.id)
             ORDER BY next_ms, id LIMIT 1",
        )?;
        let row = select.query_row((channel, now_ms), |row| {
            Ok(Due {
                id: row.get(0)?,
                key: row.get(1)?,
                incident: row.get(2)?,
                notice: row.get(3)?,
                attempts: row.get(4)?,
                tried_ms: row.get(5)?,
            })
        });
        Ok(row.optional()?)
    }

    /// Writes what became of an attempt, with its line on the incident and what is told instead. Answers whether the row was still waiting;
    /// when it was not, nothing is written.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn record_attempt(&mut self, attempt: &Attempt) -> Result<bool, StateError> {
        let writing = self.writing()?;
        let known: Option<(String, Option<i64>, String, Option<i64>)> = writing
            .query_row(
                "SELECT channel, incident, notice, tried_ms FROM delivery WHERE id = ?1 AND state = 'waiting'",
                [attempt.id],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .optional()?;
        let Some((channel, incident, notice, tried_ms)) = known else { return Ok(false) };
        let (state, next_ms, done_ms) = match attempt.end {
            End::Sent => (SENT, attempt.at_ms, Some(attempt.at_ms)),
            End::Again(next_ms) => (WAITING, next_ms, None),
            End::Failed => (FAILED, attempt.at_ms, Some(attempt.at_ms)),
            End::Dead => (DEAD, attempt.at_ms, Some(attempt.at_ms)),
        };
        let first_failure = attempt.end != End::Sent && tried_ms.is_none();
        writing.execute(
            "UPDATE delivery SET state = :state, attempts = attempts + 1, next_ms = :next, done_ms = :done, detail = :detail,
                 tried_ms = coalesce(tried_ms, :tried) WHERE id = :id",
            named_params! {
                ":state": state, ":next": next_ms, ":done": done_ms, ":detail": attempt.detail,
                ":tried": if first_failure { Some(attempt.at_ms) } else { None }, ":id": attempt.id,
            },
        )?;
        // A line for the first failure and for the end: one for each of three hundred attempts would hide everything else.
        if let Some(incident) = incident.filter(|_| first_failure || done_ms.is_some()) {
            let line = Line { incident, attempt, channel: &channel, notice: &notice, state };
            line.write(&writing)?;
        }
        if let Some(instead) = &attempt.instead {
            tell_instead(&writing, attempt, &channel, incident, instead)?;
        }
        writing.commit()?;
        Ok(true)
    }

    /// Gives up everything that waits for a channel; answers how much it was.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn give_up_channel(&mut self, channel: &str, why: &str, now_ms: i64) -> Result<usize, StateError> {
        give_up(&self.connection, channel, why, now_ms)
    }

    /// Has everything that failed before tried at once: somebody has changed the channel.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn retry_channel(&mut self, channel: &str, now_ms: i64) -> Result<usize, StateError> {
        let sql = "UPDATE delivery SET next_ms = min(next_ms, ?2) WHERE channel = ?1 AND state = 'waiting' AND attempts > 0";
        Ok(self.connection.execute(sql, (channel, now_ms))?)
    }

    /// Keeps the outbox within its bounds.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn prune_outbox(&mut self, now_ms: i64) -> Result<usize, StateError> {
        let writing = self.writing()?;
        let given_up = writing.execute(
            "UPDATE delivery SET state = 'failed', done_ms = ?1, detail = 'too many messages were waiting' WHERE state = 'waiting' AND id <= (
                 SELECT id FROM delivery WHERE state = 'waiting' ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            (now_ms, WAITING_MAX),
        )?;
        let oldest = "DELETE FROM delivery WHERE state <> 'waiting' AND id <= (SELECT max(id) FROM delivery) - ?1";
        writing.execute(oldest, [DELIVERIES_MAX])?;
        writing.commit()?;
        Ok(given_up)
    }

    /// Rows, newest first: `limit` of them that are wanted.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn deliveries(&self, limit: u32, wanted: &DeliveryFilter) -> Result<Vec<DeliveryRow>, StateError> {
        let DeliveryFilter { channel, incident, before, tenant } = wanted;
        let (tenant, own) = match tenant {
            Some((tenant, own)) => (Some(tenant), json!(own).to_string()),
            None => (None, "[]".to_owned()),
        };
        let mut select = self.connection.prepare_cached(
            "SELECT delivery.id, channel, incident, coalesce(json_extract(notice, '$.reason'), ''), state, attempts, created_ms, next_ms,
                 done_ms, detail, incident.tenant
             FROM delivery LEFT JOIN incident ON incident.id = delivery.incident
             WHERE (:channel IS NULL OR channel = :channel) AND (:incident IS NULL OR incident = :incident)
                 AND (:before IS NULL OR delivery.id < :before)
                 AND (:tenant IS NULL OR incident.tenant = :tenant OR channel IN (SELECT value FROM json_each(:own)))
             ORDER BY delivery.id DESC LIMIT :limit",
        )?;
        let rows = select.query_map(
            named_params! {
                ":channel": channel, ":incident": incident, ":before": before, ":tenant": tenant, ":own": own, ":limit": limit,
            },
            delivery,
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Where a channel stands.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn channel_standing(&self, channel: &str) -> Result<ChannelStanding, StateError> {
        let count = "SELECT count(*) FROM delivery WHERE channel = ?1 AND state = 'waiting'";
        let waiting = self.connection.prepare_cached(count)?.query_row([channel], |row| row.get(0))?;
        // The newest rows are enough: what was tried before them says nothing of now.
        let mut select = self.connection.prepare_cached(
            "SELECT state, coalesce(done_ms, next_ms), detail FROM delivery WHERE channel = ?1 AND attempts > 0
             ORDER BY id DESC LIMIT 1",
        )?;
        let last = select.query_row([channel], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        Ok(ChannelStanding { waiting, last })
    }
}

/// Writes a row unless there is one with its key.
pub(crate) fn enqueue(connection: &Connection, new: &NewDelivery) -> Result<bool, StateError> {
    let written = connection.execute(
        "INSERT INTO delivery (key, channel, incident, notice, state, attempts, next_ms, created_ms, detail)
         VALUES (:key, :channel, :incident, :notice, 'waiting', 0, :next, :created, '') ON CONFLICT (key) DO NOTHING",
        named_params! {
            ":key": new.key, ":channel": new.channel, ":incident": new.incident, ":notice": new.notice, ":next": new.next_ms,
            ":created": new.created_ms,
        },
    )?;
    Ok(written > 0)
}

/// Gives up everything that waits for a channel.
pub(super) fn give_up(connection: &Connection, channel: &str, why: &str, now_ms: i64) -> Result<usize, StateError> {
    let sql = "UPDATE delivery SET state = 'failed', done_ms = ?2, detail = ?3 WHERE channel = ?1 AND state = 'waiting'";
    Ok(connection.execute(sql, (channel, now_ms, why))?)
}

/// What an incident's history tells of a message.
struct Line<'a> {
    incident: i64,
    attempt: &'a Attempt,
    channel: &'a str,
    notice: &'a str,
    state: &'a str,
}

impl Line<'_> {
    fn write(&self, writing: &Connection) -> Result<(), StateError> {
        let notice: Value = serde_json::from_str(self.notice).unwrap_or_default();
        let body = json!({
            "channel": self.channel, "channel_name": self.attempt.channel_name, "delivery": self.attempt.id, "reason": notice["reason"],
            "state": self.state, "detail": self.attempt.detail,
        });
        let kind = if self.attempt.end == End::Sent { "delivered" } else { "failed" };
        writing.execute(
            "INSERT INTO incident_line (incident, time_ms, kind, body) VALUES (?1, ?2, ?3, ?4)",
            (self.incident, self.attempt.at_ms, kind, body.to_string()),
        )?;
        Ok(())
    }
}

/// Writes what cannot be told to a channel for another one; and, while it may still be told, what waits behind it of the same incident, so
/// that the other channel hears the end too. Each is written once, whatever is tried how often, and never for a channel that is told it anyway.
fn tell_instead(
    writing: &Connection,
    attempt: &Attempt,
    channel: &str,
    incident: Option<i64>,
    instead: &str,
) -> Result<(), StateError> {
    let last = if attempt.end == End::Dead { attempt.id } else { i64::MAX };
    let mut select = writing.prepare_cached(
        "SELECT key, notice FROM delivery WHERE channel = ?1 AND incident IS ?2 AND id BETWEEN ?3 AND ?4
             AND (id = ?3 OR state = 'waiting') ORDER BY id",
    )?;
    let rows = select.query_map((channel, incident, attempt.id, last), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(String, String)> = rows.collect::<Result<_, _>>()?;
    for (key, notice) in rows {
        let Some((direct, path)) = route_of(&key) else { continue };
        let is_known = "SELECT 1 FROM delivery WHERE key = ?1";
        let is_told = writing.query_row(is_known, [format!("{direct}{instead}")], |_| Ok(())).optional()?.is_some();
        if is_told || path.split('.').any(|passed| passed == instead) {
            continue;
        }
        let key = via(&key, instead);
        let mut notice: Value = serde_json::from_str(&notice).unwrap_or_default();
        notice["key"] = json!(key);
        let (notice, next_ms) = (notice.to_string(), attempt.at_ms);
        let new = NewDelivery { key, channel: instead.to_owned(), incident, notice, next_ms, created_ms: attempt.at_ms };
        enqueue(writing, &new)?;
    }
    Ok(())
}

fn delivery(row: &Row<'_>) -> Result<DeliveryRow, rusqlite::Error> {
    Ok(DeliveryRow {
        id: row.get(0)?,
        channel: row.get(1)?,
        incident: row.get(2)?,
        reason: row.get(3)?,
        state: row.get(4)?,
        attempts: row.get(5)?,
        created_ms: row.get(6)?,
        next_ms: row.get(7)?,
        done_ms: row.get(8)?,
        detail: row.get(9)?,
        tenant: row.get(10)?,
    })
}

#[cfg(test)]
mod tests;
