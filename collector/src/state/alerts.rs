//! The table of alerts: what fires, and what did.

use rusqlite::{OptionalExtension as _, Row, ToSql, named_params, types::Value};

use super::{StateDb, StateError};

/// Most alerts that are kept; the oldest that are over go. About 100 MiB.
pub const ALERTS_MAX: i64 = 100_000;

/// An alert as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRow {
    /// Its number.
    pub id: i64,
    /// Word of its rule.
    pub rule: String,
    /// Its resource.
    pub resource: u32,
    /// Attributes of what it is about, as JSON.
    pub attributes: String,
    /// Its tenant.
    pub tenant: Option<String>,
    /// Its service.
    pub service: Option<String>,
    /// How grave it is, or was.
    pub level: String,
    /// Since when the condition held, in ms since the epoch.
    pub onset_ms: i64,
    /// Since when it fires, in ms since the epoch.
    pub fired_ms: i64,
    /// When it was over, in ms since the epoch.
    pub resolved_ms: Option<i64>,
    /// Its incident.
    pub incident: i64,
    /// All of it, as JSON.
    pub body: String,
}

/// When an alert of a rule about a resource and attributes (JSON) fired and was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatelyRow {
    /// Word of the rule.
    pub rule: String,
    /// The resource.
    pub resource: u32,
    /// Attributes as JSON.
    pub attributes: String,
    /// When it fired, in ms since the epoch.
    pub fired_ms: i64,
    /// When it was over, in ms since the epoch.
    pub resolved_ms: Option<i64>,
}

/// Which alerts are wanted; all when nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Those that fire, or those that are over.
    pub is_firing: Option<bool>,
    /// That went on at this instant or later, in ms since the epoch.
    pub from_ms: Option<i64>,
    /// That began before this instant, in ms since the epoch.
    pub to_ms: Option<i64>,
    /// So grave.
    pub level: Option<String>,
    /// Of this service.
    pub service: Option<String>,
    /// Of this resource.
    pub resource: Option<u32>,
    /// Of this incident.
    pub incident: Option<i64>,
    /// Of this tenant.
    pub tenant: Option<String>,
    /// With a lower number than this.
    pub before: Option<i64>,
}

const COLUMNS: &str = "id, rule, resource, attributes, tenant, service, level, onset_ms, fired_ms, resolved_ms, incident, body";

impl StateDb {
    /// Writes an alert as it is now.
    ///
    /// # Errors
    /// [`StateError::Sqlite`], also when another alert of the same rule and subject fires.
    pub fn put_alert(&mut self, row: &AlertRow) -> Result<(), StateError> {
        let mut put = self.connection.prepare_cached(
            "INSERT INTO alert (id, rule, resource, attributes, tenant, service, level, onset_ms, fired_ms, resolved_ms, incident, body)
             VALUES (:id, :rule, :resource, :attributes, :tenant, :service, :level, :onset_ms, :fired_ms, :resolved_ms, :incident, :body)
             ON CONFLICT (id) DO UPDATE SET level = excluded.level, resolved_ms = excluded.resolved_ms, incident = excluded.incident,
                 body = excluded.body",
        )?;
        put.execute(named_params! {
            ":id": row.id, ":rule": row.rule, ":resource": row.resource, ":attributes": row.attributes, ":tenant": row.tenant,
            ":service": row.service, ":level": row.level, ":onset_ms": row.onset_ms, ":fired_ms": row.fired_ms,
            ":resolved_ms": row.resolved_ms, ":incident": row.incident, ":body": row.body,
        })?;
        Ok(())
    }

    /// Alerts, newest first: `limit` of them that are wanted.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn alerts(&self, limit: u32, wanted: &AlertFilter) -> Result<Vec<AlertRow>, StateError> {
        // Only what is asked for stands in the question, so that SQLite can choose the index that fits it.
        let mut sql = format!("SELECT {COLUMNS} FROM alert WHERE 1");
        let mut values: Vec<Value> = Vec::new();
        let mut add = |condition: &str, value: Value| {
            sql.push_str(" AND ");
            sql.push_str(condition);
            values.push(value);
        };
        let AlertFilter { is_firing, from_ms, to_ms, level, service, resource, incident, tenant, before } = wanted.clone();
        match is_firing {
            Some(true) => add("resolved_ms IS NULL AND 1 = ?", 1.into()),
            Some(false) => add("resolved_ms IS NOT NULL AND 1 = ?", 1.into()),
            None => {}
        }
        from_ms.into_iter().for_each(|from| add("(resolved_ms IS NULL OR resolved_ms >= ?)", from.into()));
        to_ms.into_iter().for_each(|to| add("onset_ms < ?", to.into()));
        level.into_iter().for_each(|level| add("level = ?", level.into()));
        service.into_iter().for_each(|service| add("service = ?", service.into()));
        resource.into_iter().for_each(|resource| add("resource = ?", i64::from(resource).into()));
        incident.into_iter().for_each(|incident| add("incident = ?", incident.into()));
        tenant.into_iter().for_each(|tenant| add("tenant = ?", tenant.into()));
        before.into_iter().for_each(|before| add("id < ?", before.into()));
        add("1 ORDER BY id DESC LIMIT ?", i64::from(limit).into());
        let mut select = self.connection.prepare_cached(&sql)?;
        let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
        let rows = select.query_map(values.as_slice(), alert)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many alerts fire: warnings and critical ones, of a tenant when one is named.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn firing_counts(&self, tenant: Option<&str>) -> Result<(u64, u64), StateError> {
        let count = |level: &str| {
            let sql = "SELECT count(*) FROM alert WHERE resolved_ms IS NULL AND level = ?1 AND (?2 IS NULL OR tenant = ?2)";
            let count: i64 = self.connection.prepare_cached(sql)?.query_row((level, tenant), |row| row.get(0))?;
            Ok::<u64, StateError>(u64::try_from(count).unwrap_or_default())
        };
        Ok((count("warning")?, count("critical")?))
    }

    /// Everything that the keeper needs of open incidents: what fires, and of each the newest `over_max` that are over.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn alerts_of_open_incidents(&self, over_max: u32) -> Result<Vec<AlertRow>, StateError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM (
                 SELECT *, row_number() OVER (PARTITION BY incident, resolved_ms IS NULL ORDER BY resolved_ms DESC, id DESC) AS place
                 FROM alert WHERE incident IN (SELECT id FROM incident WHERE closed_ms IS NULL)
             ) WHERE resolved_ms IS NULL OR place <= ?1 ORDER BY id"
        );
        let mut select = self.connection.prepare(&sql)?;
        let rows = select.query_map([over_max], alert)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Ends an alert that cannot be read, so that its rule may fire again.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn give_up_alert(&mut self, id: i64) -> Result<(), StateError> {
        self.connection.execute("UPDATE alert SET resolved_ms = fired_ms WHERE id = ?1 AND resolved_ms IS NULL", [id])?;
        Ok(())
    }

    /// When alerts lately began and ended: within `within_ms` before the newest of all.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn alerts_lately(&self, within_ms: i64) -> Result<Vec<LatelyRow>, StateError> {
        let newest: Option<i64> = self
            .connection
            .query_row("SELECT max(max(fired_ms), ifnull(max(resolved_ms), 0)) FROM alert", [], |row| row.get(0))
            .optional()?
            .flatten();
        let since = newest.unwrap_or_default().saturating_sub(within_ms);
        let mut select = self.connection.prepare(
            "SELECT rule, resource, attributes, fired_ms, resolved_ms FROM alert WHERE fired_ms > ?1 OR resolved_ms > ?1 ORDER BY id",
        )?;
        let rows = select.query_map([since], |row| {
            Ok(LatelyRow {
                rule: row.get(0)?,
                resource: row.get(1)?,
                attributes: row.get(2)?,
                fired_ms: row.get(3)?,
                resolved_ms: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Highest number that an alert and an incident ever had.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn last_alert_numbers(&self) -> Result<(i64, i64), StateError> {
        let last = |table: &str| {
            let row = self.connection.query_row("SELECT seq FROM sqlite_sequence WHERE name = ?1", [table], |row| row.get(0));
            Ok::<i64, StateError>(row.optional()?.unwrap_or_default())
        };
        Ok((last("alert")?, last("incident")?))
    }

    /// Removes what is kept for too long or beyond the most: incidents that were over before an instant, then the oldest alerts that are
    /// over, and silences that were. Answers how many alerts went.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn prune_alerts(&mut self, before_ms: i64, alerts_max: i64) -> Result<u64, StateError> {
        let writing = self.writing()?;
        let count = "SELECT count(*) FROM alert";
        let before: i64 = writing.query_row(count, [], |row| row.get(0))?;
        writing.execute("DELETE FROM incident WHERE closed_ms < ?1", [before_ms])?;
        writing.execute("DELETE FROM silence WHERE ifnull(ended_ms, until_ms) < ?1", [before_ms])?;
        let left: i64 = writing.query_row(count, [], |row| row.get(0))?;
        if left > alerts_max {
            writing.execute(
                "DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE resolved_ms IS NOT NULL ORDER BY id LIMIT ?1)",
                [left - alerts_max],
            )?;
            writing.execute(
                "DELETE FROM incident WHERE closed_ms IS NOT NULL AND NOT EXISTS (SELECT 1 FROM alert WHERE incident = incident.id)",
                [],
            )?;
        }
        let after: i64 = writing.query_row(count, [], |row| row.get(0))?;
        writing.commit()?;
        Ok(u64::try_from(before - after).unwrap_or_default())
    }
}

fn alert(row: &Row<'_>) -> Result<AlertRow, rusqlite::Error> {
    Ok(AlertRow {
        id: row.get(0)?,
        rule: row.get(1)?,
        resource: row.get(2)?,
        attributes: row.get(3)?,
        tenant: row.get(4)?,
        service: row.get(5)?,
        level: row.get(6)?,
        onset_ms: row.get(7)?,
        fired_ms: row.get(8)?,
        resolved_ms: row.get(9)?,
        incident: row.get(10)?,
        body: row.get(11)?,
    })
}
