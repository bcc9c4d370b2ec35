//! Merging: small blocks of one resource become one of an hour, later one of four hours.

use std::collections::BTreeSet;

use crate::{
    blocks::HOUR_MS,
    keeper::{KeepError, Keeper},
    model::ResourceId,
};

/// What is to be merged when its time has come.
#[derive(Debug, Default)]
pub(crate) struct Merger {
    hours: BTreeSet<(i64, ResourceId)>,
}

impl Merger {
    /// Finds what an earlier run left to do.
    pub(crate) fn load(conn: &rusqlite::Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT DISTINCT start_ms / 3600000, resource FROM block WHERE tier = 0 AND fresh = 1";
        let hours = conn.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        Ok(Self { hours })
    }

    /// Takes note of a new block of raw samples.
    pub(crate) fn note(&mut self, resource: ResourceId, time_ms: i64) {
        self.hours.insert((time_ms.div_euclid(HOUR_MS), resource));
    }
}

impl Keeper {
    pub(crate) fn merge(&mut self, _now_ms: i64) -> Result<(), KeepError> {
        Ok(())
    }

    pub(crate) fn retain(&mut self, _now_ms: i64) -> Result<(), KeepError> {
        Ok(())
    }
}
