//! Retention: blocks of a tier are deleted when all of them is older than the tier is kept, a few at a time; what the
//! file no longer needs is given back to the system.

use std::time::Instant;

use rusqlite::{Connection, params};

use crate::{
    blocks::{self, HOUR_MS, tier_code},
    keeper::{KeepError, Keeper},
    model::Tier,
};

/// Raw blocks live this much longer than samples are accepted: what comes at the last moment still meets the other
/// samples of its hour when rollups are made.
const RAW_SLACK_MS: i64 = 2 * HOUR_MS;
/// Time between two rounds.
const ROUND_MS: i64 = 600_000;
/// Blocks deleted in one transaction.
const STEP: usize = 64;
/// Free pages that are left alone: new blocks fill them. 2 MiB.
const FREE_PAGES_MIN: i64 = 512;
/// Free pages beyond this part of the file are given back.
const FREE_PART: i64 = 5;
/// Pages given back in one transaction.
const VACUUM_PAGES: i64 = 512;
/// Runs of agents that said nothing for this long are forgotten: no spool holds a batch so long.
const STREAM_MS: i64 = 30 * 24 * HOUR_MS;

impl Keeper {
    /// Deletes what is too old, at most every ten minutes unless somebody asked.
    pub(crate) fn retain(&mut self, now_ms: i64) -> Result<(), KeepError> {
        if self.is_relaxed && (now_ms - self.retained_ms).abs() < ROUND_MS {
            return Ok(());
        }
        self.retained_ms = now_ms;
        let options = &self.shared.options;
        let cutoffs = [
            (Tier::Raw, now_ms - options.raw_retention_ms - RAW_SLACK_MS),
            (Tier::Minute, now_ms - options.minute_retention_ms),
            (Tier::Hour, now_ms - options.hour_retention_ms),
        ];
        let (minute, streams) = ((now_ms - options.minute_retention_ms).div_euclid(60_000), now_ms - STREAM_MS);
        let resources: Vec<u32> = {
            let catalog = self.shared.catalog.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            catalog.resources().map(|entry| entry.id).collect()
        };
        let mut old = Vec::new();
        for resource in resources {
            let started = Instant::now();
            for (tier, cutoff_ms) in cutoffs {
                let sql =
                    "SELECT id FROM block WHERE resource = ?1 AND tier = ?2 AND start_ms < ?3 AND end_ms < ?3 AND fresh = 0";
                let mut statement = self.conn.prepare_cached(sql)?;
                let found = statement.query_map(params![resource, tier_code(tier), cutoff_ms], |row| row.get::<_, i64>(0))?;
                for id in found {
                    old.push(id?);
                }
            }
            while old.len() >= STEP {
                self.delete(old.split_off(old.len() - STEP))?;
            }
            self.rest(started)?;
        }
        self.delete(old)?;
        let work = move |conn: &Connection| {
            conn.execute("DELETE FROM account WHERE minute < ?1", [minute])?;
            conn.execute("DELETE FROM stream WHERE seen_ms < ?1", [streams])?;
            Ok(())
        };
        self.change(false, work, |_| ())?;
        self.retain_records(now_ms)?;
        self.shrink()
    }

    fn delete(&self, ids: Vec<i64>) -> Result<(), KeepError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.change(false, move |conn| ids.iter().try_for_each(|id| blocks::delete(conn, *id)), |_| ())
    }

    /// Gives free pages back, step by step.
    fn shrink(&mut self) -> Result<(), KeepError> {
        loop {
            let started = Instant::now();
            let number = |pragma: &str| self.conn.query_row(pragma, [], |row| row.get::<_, i64>(0));
            let (free, pages) = (number("PRAGMA freelist_count")?, number("PRAGMA page_count")?);
            if free <= FREE_PAGES_MIN.max(pages / FREE_PART) {
                return Ok(());
            }
            let sql = format!("PRAGMA incremental_vacuum({VACUUM_PAGES})");
            self.change(false, move |conn| conn.execute_batch(&sql), |_| ())?;
            self.rest(started)?;
        }
    }
}
