//! Rolling up: five minutes are made from their minutes, hours from their fives, when they are over and again whenever
//! something came late. What is to be made stands in `due`; it leaves in the transaction that writes what was made.

use std::{collections::HashSet, time::Instant};

use super::{
    bucket::Bucket,
    span::{self, HOUR_MS, Span, floor},
};
use crate::{
    error::QueryError,
    keeper::{KeepError, Keeper},
};

/// How long after its end a span is made: the batches of its last seconds are on their way.
const GRACE_MS: i64 = 15_000;

impl Keeper {
    /// Makes what is due and over.
    pub(super) fn roll_records(&mut self, now_ms: i64) -> Result<(), KeepError> {
        let mut due: Vec<_> = {
            let mut select = self.conn.prepare_cached("SELECT id FROM due")?;
            let keys = select.query_map([], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
            keys.into_iter().filter_map(span::span_of).collect()
        };
        // Short ones first: hours are made from them.
        due.sort_by_key(|(resource, span, start_ms)| (*span, *start_ms, *resource));
        let mut open = HashSet::new();
        for (resource, span, start_ms) in due {
            let is_over = start_ms + span.ms() + GRACE_MS <= now_ms;
            if !is_over || open.contains(&(resource, start_ms)) {
                open.insert((resource, floor(start_ms, HOUR_MS)));
                continue;
            }
            let started = Instant::now();
            let rows = self.made(resource, span, start_ms)?;
            let key = span::key(resource, span, start_ms);
            self.change(
                false,
                move |conn| {
                    rows.write(conn)?;
                    conn.prepare_cached("DELETE FROM due WHERE id = ?1")?.execute([key])?;
                    Ok(())
                },
                |_| (),
            )?;
            self.rest(started)?;
        }
        Ok(())
    }

    fn made(&self, resource: u32, span: Span, start_ms: i64) -> Result<super::bucket::BucketRows, QueryError> {
        let key = span::key(resource, span, start_ms);
        let mut made = Bucket::instead_of(&self.conn, key)?;
        let mut at = start_ms;
        while at < start_ms + span.ms() {
            made.merge(&Bucket::load(&self.conn, span::key(resource, span.below(), at))?);
            at += span.below().ms();
        }
        Ok(made.rows(key))
    }
}
