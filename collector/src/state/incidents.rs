//! The tables of incidents, of the lines of their timelines, and what is written of the outbox with them.

use rusqlite::{OptionalExtension as _, Row, ToSql, named_params, types::Value};

use super::{StateDb, StateError};

/// Most lines of one incident's timeline; the oldest go. Enough for a day of something that flaps once a minute.
pub const LINES_MAX: i64 = 3_000;

/// An incident as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentRow {
    /// Its number.
    pub id: i64,
    /// Its tenant.
    pub tenant: Option<String>,
    /// How grave it is, or was.
    pub level: String,
    /// When it began, in ms since the epoch.
    pub opened_ms: i64,
    /// When it was over, in ms since the epoch.
    pub closed_ms: Option<i64>,
    /// Who acknowledged it. Not written by [`StateDb::put_incident`].
    pub acknowledged_by: Option<String>,
    /// When, in ms since the epoch. Not written by [`StateDb::put_incident`].
    pub acknowledged_ms: Option<i64>,
    /// All of it, as JSON.
    pub body: String,
}

/// A line of a timeline as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRow {
    /// Its number.
    pub id: i64,
    /// When, in ms since the epoch.
    pub time_ms: i64,
    /// What.
    pub kind: String,
    /// Its particulars: a JSON object.
    pub body: String,
}

/// Which incidents are wanted; all when nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    /// This one.
    pub id: Option<i64>,
    /// Those that are open, or those that are over.
    pub is_open: Option<bool>,
    /// That went on at this instant or later, in ms since the epoch.
    pub from_ms: Option<i64>,
    /// That began before this instant, in ms since the epoch.
    pub to_ms: Option<i64>,
    /// With an alert of this tenant.
    pub tenant: Option<String>,
    /// With a lower number than this.
    pub before: Option<i64>,
}

/// A delivery of an incident, as far as its timeline tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryLine {
    /// Its number.
    pub id: i64,
    /// The channel.
    pub channel: String,
    /// Name of the channel; its word when it is none of the table's.
    pub channel_name: String,
    /// Tenant of the channel.
    pub channel_tenant: Option<String>,
    /// The notice, as JSON.
    pub notice: String,
    /// `waiting`, `sent`, `failed` or `dead`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it was made, in ms since the epoch.
    pub created_ms: i64,
    /// When it is tried next, in ms since the epoch.
    pub next_ms: i64,
    /// When it was done, in ms since the epoch.
    pub done_ms: Option<i64>,
    /// What the channel said.
    pub detail: String,
}

const COLUMNS: &str = "id, tenant, level, opened_ms, closed_ms, acknowledged_by, acknowledged_ms, body";

impl StateDb {
    /// Writes an incident as it is now; who acknowledged it stays.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn put_incident(&mut self, row: &IncidentRow) -> Result<(), StateError> {
        let mut put = self.connection.prepare_cached(
            "INSERT INTO incident (id, tenant, level, opened_ms, closed_ms, body)
             VALUES (:id, :tenant, :level, :opened_ms, :closed_ms, :body)
             ON CONFLICT (id) DO UPDATE SET tenant = excluded.tenant, level = excluded.level, opened_ms = excluded.opened_ms,
                 closed_ms = excluded.closed_ms, body = excluded.body",
        )?;
        put.execute(named_params! {
            ":id": row.id, ":tenant": row.tenant, ":level": row.level, ":opened_ms": row.opened_ms, ":closed_ms": row.closed_ms,
            ":body": row.body,
        })?;
        Ok(())
    }

    /// Moves the lines of an incident to another and removes it. Its alerts must have been moved.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn merge_incident(&mut self, from: i64, into: i64) -> Result<(), StateError> {
        self.connection.execute("UPDATE incident_line SET incident = ?2 WHERE incident = ?1", [from, into])?;
        self.connection.execute("DELETE FROM incident WHERE id = ?1", [from])?;
        Ok(())
    }

    /// Adds a line to a timeline; the oldest go when there are too many.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn add_incident_line(&mut self, incident: i64, time_ms: i64, kind: &str, body: &str) -> Result<(), StateError> {
        let mut add = self
            .connection
            .prepare_cached("INSERT INTO incident_line (incident, time_ms, kind, body) VALUES (?1, ?2, ?3, ?4)")?;
        add.execute((incident, time_ms, kind, body))?;
        Ok(())
    }

    /// Removes the oldest lines of a timeline that has too many.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn bound_incident_lines(&mut self, incident: i64) -> Result<(), StateError> {
        let mut bound = self.connection.prepare_cached(
            "DELETE FROM incident_line WHERE incident = ?1
                 AND id <= (SELECT id FROM incident_line WHERE incident = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        )?;
        bound.execute((incident, LINES_MAX))?;
        Ok(())
    }

    /// Incidents, newest first: `limit` of them that are wanted.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn incidents(&self, limit: u32, wanted: &IncidentFilter) -> Result<Vec<IncidentRow>, StateError> {
        let mut sql = format!("SELECT {COLUMNS} FROM incident WHERE 1");
        let mut values: Vec<Value> = Vec::new();
        let mut add = |condition: &str, value: Value| {
            sql.push_str(" AND ");
            sql.push_str(condition);
            values.push(value);
        };
        let IncidentFilter { id, is_open, from_ms, to_ms, tenant, before } = wanted.clone();
        match is_open {
            Some(true) => add("closed_ms IS NULL AND 1 = ?", 1.into()),
            Some(false) => add("closed_ms IS NOT NULL AND 1 = ?", 1.into()),
            None => {}
        }
        id.into_iter().for_each(|id| add("id = ?", id.into()));
        from_ms.into_iter().for_each(|from| add("(closed_ms IS NULL OR closed_ms >= ?)", from.into()));
        to_ms.into_iter().for_each(|to| add("opened_ms < ?", to.into()));
        tenant.into_iter().for_each(|tenant| {
            add("EXISTS (SELECT 1 FROM alert WHERE incident = incident.id AND alert.tenant = ?)", tenant.into())
        });
        before.into_iter().for_each(|before| add("id < ?", before.into()));
        add("1 ORDER BY id DESC LIMIT ?", i64::from(limit).into());
        let mut select = self.connection.prepare_cached(&sql)?;
        let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
        let rows = select.query_map(values.as_slice(), incident)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The timeline of an incident, oldest first.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn incident_lines(&self, incident: i64) -> Result<Vec<LineRow>, StateError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT id, time_ms, kind, body FROM incident_line WHERE incident = ?1 ORDER BY time_ms, id")?;
        let rows = select.query_map([incident], |row| {
            Ok(LineRow { id: row.get(0)?, time_ms: row.get(1)?, kind: row.get(2)?, body: row.get(3)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What channels were told of an incident, oldest first; at most `limit`.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn incident_deliveries(&self, incident: i64, limit: u32) -> Result<Vec<DeliveryLine>, StateError> {
        let mut select = self.connection.prepare_cached(
            "SELECT d.id, d.channel, ifnull(c.name, d.channel), c.tenant, d.notice, d.state, d.attempts, d.created_ms, d.next_ms,
                 d.done_ms, d.detail
             FROM delivery d LEFT JOIN channel c ON c.id = d.channel WHERE d.incident = ?1 ORDER BY d.id DESC LIMIT ?2",
        )?;
        let rows = select.query_map((incident, limit), |row| {
            Ok(DeliveryLine {
                id: row.get(0)?,
                channel: row.get(1)?,
                channel_name: row.get(2)?,
                channel_tenant: row.get(3)?,
                notice: row.get(4)?,
                state: row.get(5)?,
                attempts: row.get(6)?,
                created_ms: row.get(7)?,
                next_ms: row.get(8)?,
                done_ms: row.get(9)?,
                detail: row.get(10)?,
            })
        })?;
        let mut rows: Vec<DeliveryLine> = rows.collect::<Result<_, _>>()?;
        rows.reverse();
        Ok(rows)
    }

    /// Acknowledges an open incident, or takes that back when nobody is named; adds the line of its timeline. Answers whether there is such
    /// an incident, open and not in that state already.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn acknowledge(&mut self, incident: i64, by: Option<&str>, person: &str, now_ms: i64) -> Result<bool, StateError> {
        let writing = self.writing()?;
        let at_ms = by.map(|_| now_ms);
        let changed = writing.execute(
            "UPDATE incident SET acknowledged_by = ?2, acknowledged_ms = ?3
             WHERE id = ?1 AND closed_ms IS NULL AND (acknowledged_by IS NULL) = (?2 IS NOT NULL)",
            (incident, by, at_ms),
        )?;
        if changed > 0 {
            let kind = if by.is_some() { "acknowledged" } else { "unacknowledged" };
            let body = serde_json::json!({ "by": person }).to_string();
            writing.execute(
                "INSERT INTO incident_line (incident, time_ms, kind, body) VALUES (?1, ?2, ?3, ?4)",
                (incident, now_ms, kind, body),
            )?;
        }
        writing.commit()?;
        self.alerts_changed();
        Ok(changed > 0)
    }

    /// Who acknowledged open incidents: incident, name, when in ms since the epoch.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn acknowledged(&self) -> Result<Vec<(i64, String, i64)>, StateError> {
        let mut select = self.connection.prepare_cached(
            "SELECT id, acknowledged_by, ifnull(acknowledged_ms, opened_ms) FROM incident
             WHERE closed_ms IS NULL AND acknowledged_by IS NOT NULL",
        )?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Who acknowledged an incident, and when in ms since the epoch.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn incident_acknowledged(&self, incident: i64) -> Result<Option<(String, i64)>, StateError> {
        let mut select = self.connection.prepare_cached(
            "SELECT acknowledged_by, ifnull(acknowledged_ms, opened_ms) FROM incident
             WHERE id = ?1 AND acknowledged_by IS NOT NULL",
        )?;
        Ok(select.query_row([incident], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    /// Whether an incident is there, and whether it is open.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn incident_is_open(&self, incident: i64) -> Result<Option<bool>, StateError> {
        let open =
            self.connection.query_row("SELECT closed_ms IS NULL FROM incident WHERE id = ?1", [incident], |row| row.get(0));
        Ok(open.optional()?)
    }
}

fn incident(row: &Row<'_>) -> Result<IncidentRow, rusqlite::Error> {
    Ok(IncidentRow {
        id: row.get(0)?,
        tenant: row.get(1)?,
        level: row.get(2)?,
        opened_ms: row.get(3)?,
        closed_ms: row.get(4)?,
        acknowledged_by: row.get(5)?,
        acknowledged_ms: row.get(6)?,
        body: row.get(7)?,
    })
}
