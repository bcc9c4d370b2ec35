//! Folding: moves what is pending into the tables where it stays.
//!
//! The keeper gathers a piece of what is pending on its own connection, adds it to what is there, and lets the writer put
//! the result in place of the piece in one transaction. Nobody else changes what is folded, so that what was read still
//! holds when it is written.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, btree_map::Entry},
    sync::atomic::Ordering,
    time::Instant,
};

use rusqlite::{Connection, params};

use super::{
    bucket::{Bucket, BucketRows},
    errors::{self, SampleRow, Samples},
    kept::{self, Kept, Sort},
    list::Lists,
    pending::{COLUMNS, PendingRow},
    span::{self, MINUTE_MS, Span, floor},
    tally::CheckTally,
};
use crate::{
    error::QueryError,
    keeper::{KeepError, Keeper},
    model::ResourceId,
};

/// Time between two folds: a row of the living minute is written six times, and questions read few pending rows.
const FOLD_MS: i64 = 10_000;
/// Bytes that wait from which folding does not wait for its time: what questions may have to read beside.
const FOLD_BYTES: u64 = 4 << 20;
/// Bytes folded in one transaction: short enough that the writer is soon back at its batches.
const PIECE_BYTES: u64 = 1 << 20;
/// Events, logs and results of checks folded in one transaction, for the same reason.
const PIECE_RECORDS: usize = 512;

/// When records were folded last.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    folded_ms: i64,
}

/// A piece of what is pending, added to what is there.
#[derive(Default)]
struct Piece {
    buckets: BTreeMap<i64, Bucket>,
    kept: Kept,
    samples: Samples,
    lists: Lists,
    seen: HashMap<ResourceId, i64>,
    folded: Vec<i64>,
    bytes: u64,
    next_record: i64,
}

/// A piece as it is written.
struct Written {
    buckets: Vec<BucketRows>,
    due: BTreeSet<i64>,
    kept: Vec<(i64, Vec<u8>)>,
    samples: Vec<SampleRow>,
    lists: Lists,
    seen: HashMap<ResourceId, i64>,
    folded: Vec<i64>,
    next_record: i64,
}

impl Keeper {
    /// Folds, rolls up and bounds, when it is time, when much waits, or when somebody asked.
    pub(crate) fn tidy_records(&mut self, now_ms: i64) -> Result<(), KeepError> {
        let waiting = self.shared.counters.pending_bytes.load(Ordering::Relaxed);
        let is_due = (now_ms - self.folder.folded_ms).abs() >= FOLD_MS || waiting >= FOLD_BYTES;
        if self.is_relaxed && !is_due {
            return Ok(());
        }
        self.folder.folded_ms = now_ms;
        // A service at a time, so that its living minute is written once; what comes meanwhile is left for the next time.
        let end: Option<i64> = self.conn.query_row("SELECT max(id) FROM pending", [], |row| row.get(0))?;
        let resources = {
            let mut select = self.conn.prepare_cached("SELECT DISTINCT resource FROM pending")?;
            select.query_map([], |row| row.get(0))?.collect::<Result<Vec<ResourceId>, _>>()?
        };
        for resource in resources {
            loop {
                let started = Instant::now();
                let Some(piece) = gather(&self.conn, resource, end.unwrap_or(0))? else { break };
                self.write_piece(piece)?;
                self.rest(started)?;
            }
        }
        self.roll_records(now_ms)?;
        self.bound_rows()
    }

    fn write_piece(&self, piece: Piece) -> Result<(), KeepError> {
        let (bytes, groups) = (piece.bytes, piece.folded.len() as u64);
        let written = piece.finish(&self.conn)?;
        self.change(
            false,
            move |conn| written.write(conn),
            move |shared| {
                shared.counters.pending_bytes.fetch_sub(bytes, Ordering::Relaxed);
                shared.counters.folded.fetch_add(groups, Ordering::Relaxed);
            },
        )
    }
}

/// Reads the oldest of what is pending of one resource, up to a row, if there is any.
fn gather(conn: &Connection, resource: ResourceId, end: i64) -> Result<Option<Piece>, QueryError> {
    let mut piece = Piece::default();
    let sql = format!("SELECT {COLUMNS} FROM pending WHERE resource = ?1 AND id <= ?2 ORDER BY id");
    let mut select = conn.prepare_cached(&sql)?;
    let mut rows = select.query(params![resource, end])?;
    while let Some(row) = rows.next()? {
        piece.add(conn, &PendingRow::read(row)?)?;
        if piece.is_full() {
            break;
        }
    }
    Ok((!piece.folded.is_empty()).then_some(piece))
}

impl Piece {
    fn add(&mut self, conn: &Connection, row: &PendingRow<'_>) -> Result<(), QueryError> {
        let (resource, time_ms) = (row.resource, row.time_ms);
        self.folded.push(row.id);
        self.bytes += row.bytes()?;
        self.next_record = self.next_record.max(row.next_id);
        let seen = self.seen.entry(resource).or_insert(time_ms);
        *seen = (*seen).max(time_ms);
        let key = span::key(resource, Span::Minute, floor(time_ms, MINUTE_MS));
        let bucket = match self.buckets.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Bucket::load(conn, key)?),
        };
        row.requests(|request| bucket.add_request(request))?;
        for error in row.errors()? {
            bucket.tally.add_error(&error);
            bucket.tenant(error.tenant.as_deref().unwrap_or_default()).tally.add_error(&error);
            self.samples.add(resource, time_ms, error);
        }
        bucket.tally.levels.merge(&row.levels()?);
        let (events, logs, checks) = (row.events()?, row.logs()?, row.checks()?);
        for (_, event) in &events {
            bucket.tally.add_event(&event.kind, 1);
            bucket.tenant(event.tenant.as_deref().unwrap_or_default()).tally.add_event(&event.kind, 1);
        }
        for (_, log) in &logs {
            // Levels are counted by the agent, all of them; of a tenant, only those that travel whole are known.
            if let Some(tenant) = log.tenant.as_deref().filter(|tenant| !tenant.is_empty()) {
                bucket.tenant(tenant).tally.levels.add(log.level);
            }
        }
        for (_, result) in &checks {
            let mut check = CheckTally::default();
            check.add(result);
            bucket.tally.add_check(&result.name, &check);
        }
        Lists::add(&mut self.lists.events, resource, events);
        Lists::add(&mut self.lists.logs, resource, logs);
        Lists::add(&mut self.lists.checks, resource, checks);
        self.kept.add(Sort::Recent, resource, row.recent()?);
        self.kept.add(Sort::Slow, resource, row.slow()?);
        Ok(())
    }

    fn is_full(&self) -> bool {
        let Lists { logs, events, checks } = &self.lists;
        self.bytes >= PIECE_BYTES || logs.len() + events.len() + checks.len() >= PIECE_RECORDS
    }

    fn finish(self, conn: &Connection) -> Result<Written, QueryError> {
        let Self { buckets, kept, samples, lists, seen, folded, next_record, .. } = self;
        let longer = |key: &i64| {
            let (resource, _, start_ms) = span::parts(*key);
            [Span::Five, Span::Hour].map(|span| span::key(resource, span, floor(start_ms, span.ms())))
        };
        let due = buckets.keys().flat_map(longer).collect();
        let rows = |(key, mut bucket): (i64, Bucket)| {
            bucket.bound();
            bucket.rows(key)
        };
        let buckets = buckets.into_iter().map(rows).collect();
        Ok(Written { buckets, due, kept: kept.rows(conn)?, samples: samples.rows(conn)?, lists, seen, folded, next_record })
    }
}

impl Written {
    fn write(&self, conn: &Connection) -> rusqlite::Result<()> {
        self.buckets.iter().try_for_each(|bucket| bucket.write(conn))?;
        for key in &self.due {
            conn.prepare_cached("INSERT OR IGNORE INTO due(id) VALUES(?1)")?.execute([key])?;
        }
        kept::write(conn, &self.kept)?;
        errors::write(conn, &self.samples)?;
        self.lists.write(conn)?;
        for (resource, seen_ms) in &self.seen {
            let sql = "UPDATE resource SET last_seen_ms = max(last_seen_ms, ?2) WHERE id = ?1";
            conn.prepare_cached(sql)?.execute(params![resource, seen_ms])?;
        }
        let mut delete = conn.prepare_cached("DELETE FROM pending WHERE id = ?1")?;
        self.folded.iter().try_for_each(|id| delete.execute([id]).map(|_| ()))?;
        conn.prepare_cached("UPDATE meta SET value = max(value, ?1) WHERE key = 'next_record'")?.execute([self.next_record])?;
        Ok(())
    }
}
