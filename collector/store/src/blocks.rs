//! Blocks in the database: written whole, read column by column.

use rusqlite::{Connection, params};

use crate::{
    codec::{
        Damaged,
        block::{self, Builder, Directory, Entry},
        column::{self, Packing},
    },
    error::QueryError,
    head::Columns,
    model::{ResourceId, SeriesId, Tier},
};

/// One hour, in milliseconds: no block of raw samples crosses the border of an hour before it is merged.
pub(crate) const HOUR_MS: i64 = 3_600_000;

/// The number of a tier in the database.
pub(crate) const fn tier_code(tier: Tier) -> i64 {
    match tier {
        Tier::Raw => 0,
        Tier::Minute => 1,
        Tier::Hour => 2,
    }
}

/// A block ready to be written.
#[derive(Debug)]
pub(crate) struct Encoded {
    /// Its number, from [`crate::shared::Shared::block_id`].
    pub(crate) id: i64,
    pub(crate) resource: ResourceId,
    pub(crate) tier: Tier,
    /// Time of the first and of the last row.
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    /// Raw samples that no rollup covers yet.
    pub(crate) is_fresh: bool,
    pub(crate) directory: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

/// A block in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) id: i64,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) is_fresh: bool,
}

/// Writes a block into the open transaction.
pub(crate) fn insert(conn: &Connection, block: &Encoded) -> rusqlite::Result<()> {
    let sql =
        "INSERT INTO block(resource, tier, start_ms, end_ms, fresh, directory, body, id) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let tier = tier_code(block.tier);
    let row = params![block.resource, tier, block.start_ms, block.end_ms, block.is_fresh, block.directory, block.body, block.id];
    conn.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

/// Deletes a block in the open transaction.
pub(crate) fn delete(conn: &Connection, id: i64) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM block WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// The blocks of a resource and tier that touch `from_ms..to_ms`, oldest first.
pub(crate) fn find(
    conn: &Connection,
    resource: ResourceId,
    tier: Tier,
    from_ms: i64,
    to_ms: i64,
) -> rusqlite::Result<Vec<Stored>> {
    // No block is longer than a month (see merge); the second bound lets the index skip all older ones.
    let sql = "SELECT id, start_ms, end_ms, fresh FROM block
        WHERE resource = ?1 AND tier = ?2 AND start_ms < ?4 AND start_ms >= ?5 AND end_ms >= ?3 ORDER BY start_ms, id";
    let earliest = from_ms.saturating_sub(BLOCK_MS_MAX);
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![resource, tier_code(tier), from_ms, to_ms, earliest], |row| {
        Ok(Stored { id: row.get(0)?, start_ms: row.get(1)?, end_ms: row.get(2)?, is_fresh: row.get(3)? })
    })?;
    rows.collect()
}

/// The fresh raw blocks of a resource that touch `from_ms..to_ms`.
pub(crate) fn find_fresh(conn: &Connection, resource: ResourceId, from_ms: i64, to_ms: i64) -> rusqlite::Result<Vec<Stored>> {
    let mut found = find(conn, resource, Tier::Raw, from_ms, to_ms)?;
    found.retain(|block| block.is_fresh);
    Ok(found)
}

/// Longest stretch of one block: thirty days of one-hour rollups.
pub(crate) const BLOCK_MS_MAX: i64 = 30 * 24 * HOUR_MS;

/// The slices of some columns as they are.
#[derive(Debug)]
pub(crate) struct Slices {
    pub(crate) rows: usize,
    pub(crate) times: Vec<u8>,
    /// By key, ascending; columns that the block lacks are absent.
    pub(crate) columns: Vec<(u64, Vec<u8>)>,
}

/// Reads the time column and the columns `keys` (ascending), and nothing else of the block.
pub(crate) fn slices(conn: &Connection, id: i64, keys: &[u64]) -> Result<Slices, QueryError> {
    let damaged = |damaged: Damaged| QueryError::Damaged { block: id, detail: damaged.0 };
    let mut statement = conn.prepare_cached("SELECT directory FROM block WHERE id = ?1")?;
    let directory: Vec<u8> = statement.query_row([id], |row| row.get(0))?;
    let mut entries: Vec<Entry> = Vec::with_capacity(keys.len());
    let mut wanted = keys.iter().peekable();
    let (rows, times) = Directory::scan(&directory, |entry| {
        while wanted.next_if(|key| **key < entry.key).is_some() {}
        if wanted.next_if_eq(&&entry.key).is_some() {
            entries.push(entry);
        }
        wanted.peek().is_some()
    })
    .map_err(damaged)?;
    let blob = conn.blob_open("main", "block", "body", id, true)?;
    let slice = |offset: usize, len: usize| -> Result<Vec<u8>, QueryError> {
        if offset.checked_add(len).is_none_or(|end| end > blob.len()) {
            return Err(QueryError::Damaged { block: id, detail: "a column lies outside" });
        }
        let mut bytes = vec![0; len];
        blob.read_at_exact(&mut bytes, offset)?;
        Ok(bytes)
    };
    let times = slice(0, times)?;
    let columns = entries.into_iter().map(|entry| Ok((entry.key, slice(entry.offset, entry.len)?)));
    Ok(Slices { rows, times, columns: columns.collect::<Result<_, QueryError>>()? })
}

/// The time column and some columns by key.
type Read = (Vec<i64>, Vec<(u64, Vec<f64>)>);

/// Reads some columns of raw samples, the time column first; columns that the block lacks are absent.
pub(crate) fn read(conn: &Connection, id: i64, keys: &[u64]) -> Result<Read, QueryError> {
    let damaged = |damaged: Damaged| QueryError::Damaged { block: id, detail: damaged.0 };
    let slices = slices(conn, id, keys)?;
    let times = block::decode_times(&slices.times, slices.rows).map_err(damaged)?;
    let mut columns = Vec::with_capacity(slices.columns.len());
    for (key, bytes) in slices.columns {
        columns.push((key, column::decode(&bytes, slices.rows).map_err(damaged)?));
    }
    Ok((times, columns))
}

/// Directory and body as they are.
pub(crate) fn whole(conn: &Connection, id: i64) -> rusqlite::Result<(Vec<u8>, Vec<u8>)> {
    conn.prepare_cached("SELECT directory, body FROM block WHERE id = ?1")?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Puts rows of several layouts together: one time column in time order (rows of one time in the order given), and for
/// each series a column with gaps, by number.
pub(crate) fn union(parts: Vec<Columns>) -> Columns {
    let rows: usize = parts.iter().map(|part| part.times.len()).sum();
    let times: Vec<i64> = parts.iter().flat_map(|part| part.times.iter().copied()).collect();
    let is_sorted = times.is_sorted();
    let mut order: Vec<usize> = Vec::new();
    if !is_sorted {
        order = (0..rows).collect();
        order.sort_by_key(|row| times[*row]);
    }
    let mut columns: std::collections::BTreeMap<SeriesId, Vec<f64>> = std::collections::BTreeMap::new();
    let mut start = 0;
    for part in parts {
        for (series, values) in part.columns {
            let column = columns.entry(series).or_default();
            column.resize(start, f64::NAN);
            column.extend(values);
        }
        start += part.times.len();
    }
    let columns = columns.into_iter().map(|(series, mut column)| {
        column.resize(rows, f64::NAN);
        let column = if is_sorted { column } else { order.iter().map(|row| column[*row]).collect() };
        (series, column)
    });
    let columns = columns.collect();
    let times = if is_sorted { times } else { order.iter().map(|row| times[*row]).collect() };
    Columns { times, columns }
}

/// Encodes rows in time order as blocks of raw samples, none of which crosses a multiple of `window_ms` or holds more
/// rows than a block may.
pub(crate) fn encode_raw(resource: ResourceId, rows: &Columns, window_ms: i64, is_fresh: bool, packing: Packing) -> Vec<Encoded> {
    let mut blocks = Vec::new();
    let mut start = 0;
    while let Some(first) = rows.times.get(start) {
        let window_end = (first.div_euclid(window_ms) + 1) * window_ms;
        let end = start + rows.times[start..].partition_point(|time| *time < window_end).min(block::ROWS_MAX);
        let times = &rows.times[start..end];
        let mut builder = Builder::new(times, packing);
        let mut is_empty = true;
        for (series, column) in &rows.columns {
            let column = &column[start..end];
            if column.iter().any(|value| !value.is_nan()) {
                builder.column(u64::from(*series), column);
                is_empty = false;
            }
        }
        if !is_empty {
            let (directory, body) = builder.finish();
            let (start_ms, end_ms) = (times[0], times[times.len() - 1]);
            blocks.push(Encoded { id: 0, resource, tier: Tier::Raw, start_ms, end_ms, is_fresh, directory, body });
        }
        start = end;
    }
    blocks
}
