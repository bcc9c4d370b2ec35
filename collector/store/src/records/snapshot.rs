//! Snapshots: tables and texts of a resource of which only the newest is kept. Not folded: each replaces the one before.

use farol_shared::record::Snapshot;
use rusqlite::{Connection, params};

use crate::{
    error::QueryError,
    model::{Kept, ResourceId},
};

/// Writes the snapshots of one frame into the open transaction. One that is older than what stands there is not kept.
pub(super) fn write(conn: &Connection, resource: ResourceId, time_ms: i64, snapshots: &[Snapshot]) -> rusqlite::Result<()> {
    for snapshot in snapshots {
        let sql = "INSERT INTO snapshot(resource, name, time_ms, body) VALUES(?1, ?2, ?3, ?4)
            ON CONFLICT(resource, name) DO UPDATE SET time_ms = excluded.time_ms, body = excluded.body
            WHERE excluded.time_ms >= time_ms";
        conn.prepare_cached(sql)?.execute(params![resource, snapshot.name, time_ms, snapshot.body])?;
    }
    Ok(())
}

/// The snapshots of a resource, by name.
pub(super) fn of(conn: &Connection, resource: ResourceId) -> Result<Vec<Kept>, QueryError> {
    let mut select = conn.prepare_cached("SELECT name, time_ms, body FROM snapshot WHERE resource = ?1 ORDER BY name")?;
    let rows = select.query_map([resource], |row| Ok(Kept { name: row.get(0)?, time_ms: row.get(1)?, body: row.get(2)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
