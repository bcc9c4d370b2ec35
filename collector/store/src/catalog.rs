//! The catalogue in memory: which resources and series there are. Readers share it; only the writer changes it,
//! after the change is on disk.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Weak,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use farol_shared::{
    batch::{SeriesKey, Table},
    metric::Kind,
    resource::Resource,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    error::Refused,
    model::{ResourceId, ResourceInfo, SeriesId, SeriesInfo, TableIds},
};

/// Number of a series key (metric, unit, kind, attributes), shared by all resources that have such a series.
pub(crate) type KeyId = u32;

/// Still reported: as new as its resource.
const CURRENT: u32 = u32::MAX;

/// A series of a resource, small: there are hundreds of thousands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeriesEntry {
    pub(crate) id: SeriesId,
    pub(crate) key: KeyId,
    first_s: u32,
    last_s: u32,
}

/// What changes with every batch.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) first_seen_ms: AtomicI64,
    pub(crate) last_seen_ms: AtomicI64,
    pub(crate) interval_ms: AtomicU64,
    /// Newest time in blocks: what comes with an older one is late.
    pub(crate) sealed_ms: AtomicI64,
}

/// A resource with its series.
#[derive(Debug, Clone)]
pub(crate) struct ResourceEntry {
    pub(crate) id: ResourceId,
    pub(crate) resource: Arc<Resource>,
    pub(crate) agent: Arc<str>,
    pub(crate) live: Arc<Live>,
    pub(crate) series: Vec<SeriesEntry>,
}

/// Every resource and series that is on disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    resources: Vec<Option<Arc<ResourceEntry>>>,
    keys: Vec<Arc<SeriesKey>>,
    series_total: usize,
}

impl ResourceEntry {
    pub(crate) fn info(&self) -> ResourceInfo {
        ResourceInfo {
            id: self.id,
            resource: Arc::clone(&self.resource),
            agent: Arc::clone(&self.agent),
            first_seen_ms: self.live.first_seen_ms.load(Ordering::Relaxed),
            last_seen_ms: self.live.last_seen_ms.load(Ordering::Relaxed),
            interval_ms: self.live.interval_ms.load(Ordering::Relaxed),
        }
    }
}

impl Catalog {
    pub(crate) fn resource(&self, id: ResourceId) -> Option<&Arc<ResourceEntry>> {
        self.resources.get(id as usize)?.as_ref()
    }

    pub(crate) fn resources(&self) -> impl Iterator<Item = &Arc<ResourceEntry>> {
        self.resources.iter().flatten()
    }

    pub(crate) fn series_total(&self) -> usize {
        self.series_total
    }

    /// For the number of each key, whether it `is_wanted`.
    pub(crate) fn keys(&self, is_wanted: impl Fn(&SeriesKey) -> bool) -> Vec<bool> {
        self.keys.iter().map(|key| is_wanted(key)).collect()
    }

    pub(crate) fn key(&self, id: KeyId) -> &Arc<SeriesKey> {
        &self.keys[id as usize]
    }

    pub(crate) fn series_info(&self, resource: &ResourceEntry, series: SeriesEntry) -> SeriesInfo {
        let last_seen_ms = match series.last_s {
            CURRENT => resource.live.last_seen_ms.load(Ordering::Relaxed),
            seconds => i64::from(seconds) * 1_000,
        };
        let first_seen_ms = i64::from(series.first_s) * 1_000;
        SeriesInfo { id: series.id, resource: resource.id, key: Arc::clone(self.key(series.key)), first_seen_ms, last_seen_ms }
    }

    fn place(&mut self, entry: Arc<ResourceEntry>) {
        let index = entry.id as usize;
        if self.resources.len() <= index {
            self.resources.resize(index + 1, None);
        }
        let before = self.resources[index].as_ref().map_or(0, |entry| entry.series.len());
        self.series_total = self.series_total - before + entry.series.len();
        self.resources[index] = Some(entry);
    }

    /// Makes staged changes visible.
    pub(crate) fn publish(&mut self, staged: &mut Staged) {
        self.keys.append(&mut staged.keys);
        for (_, entry) in staged.entries.drain() {
            self.place(Arc::new(entry));
        }
    }

    /// Reads everything from disk.
    pub(crate) fn load(reader: &Connection) -> rusqlite::Result<Self> {
        let mut catalog = Self::default();
        let mut keys = reader.prepare("SELECT id, metric, unit, kind, attributes FROM series_key ORDER BY id")?;
        let mut rows = keys.query([])?;
        while let Some(row) = rows.next()? {
            let attributes = rmp_serde::from_slice(&row.get::<_, Vec<u8>>(4)?).map_err(conversion)?;
            let kind = Kind::from_code(row.get(3)?).unwrap_or(Kind::Gauge);
            let key = SeriesKey { metric: row.get(1)?, unit: row.get(2)?, kind, attributes };
            catalog.keys.push(Arc::new(key));
        }
        let mut series: HashMap<ResourceId, Vec<SeriesEntry>> = HashMap::new();
        let mut statement = reader.prepare("SELECT id, resource, key, first_s, last_s FROM series ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let last_s = row.get::<_, Option<u32>>(4)?.unwrap_or(CURRENT);
            let entry = SeriesEntry { id: row.get(0)?, key: row.get(2)?, first_s: row.get(3)?, last_s };
            if entry.key as usize >= catalog.keys.len() {
                return Err(rusqlite::Error::IntegralValueOutOfRange(2, entry.key.into()));
            }
            series.entry(row.get(1)?).or_default().push(entry);
        }
        let sql = "SELECT id, agent, body, first_seen_ms, last_seen_ms, interval_ms,
            (SELECT max(end_ms) FROM block WHERE block.resource = resource.id AND tier = 0) FROM resource ORDER BY id";
        let mut statement = reader.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id: ResourceId = row.get(0)?;
            let resource = rmp_serde::from_slice(&row.get::<_, Vec<u8>>(2)?).map_err(conversion)?;
            let live = Live {
                first_seen_ms: AtomicI64::new(row.get(3)?),
                last_seen_ms: AtomicI64::new(row.get(4)?),
                interval_ms: AtomicU64::new(row.get::<_, i64>(5)?.cast_unsigned()),
                sealed_ms: AtomicI64::new(row.get::<_, Option<i64>>(6)?.unwrap_or(i64::MIN)),
            };
            let agent: String = row.get(1)?;
            let series = series.remove(&id).unwrap_or_default();
            let entry = ResourceEntry { id, resource: Arc::new(resource), agent: agent.into(), live: Arc::new(live), series };
            catalog.place(Arc::new(entry));
        }
        Ok(catalog)
    }
}

fn conversion(error: rmp_serde::decode::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, Box::new(error))
}

/// Changes to the catalogue that are in the transaction but not yet on disk.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    entries: HashMap<ResourceId, ResourceEntry>,
    keys: Vec<Arc<SeriesKey>>,
}

impl Staged {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.keys.is_empty()
    }

    /// What changes with every batch, of a resource that was just resolved.
    pub(crate) fn live(&self, resource: ResourceId) -> Arc<Live> {
        Arc::clone(&self.entries.get(&resource).expect("it was just resolved").live)
    }
}

/// What is known of a table besides its content.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) table: &'a Table,
    /// The table that the agent told of the same resource before, if it is known.
    pub(crate) before: Option<&'a TableIds>,
    pub(crate) agent: &'a Arc<str>,
    pub(crate) interval_ms: u64,
    /// Time of the first frame.
    pub(crate) time_ms: i64,
    pub(crate) now_ms: i64,
}

/// The writer's way from names to numbers, staged changes included.
#[derive(Debug)]
pub(crate) struct Names {
    resources: HashMap<String, ResourceId>,
    keys: HashMap<Arc<SeriesKey>, KeyId>,
    next_resource: ResourceId,
    next_series: SeriesId,
    shapes: HashMap<Vec<KeyId>, Weak<[Arc<SeriesKey>]>>,
    resources_max: usize,
    series_max: usize,
}

/// Lists of columns remembered for sharing; beyond it those that nobody uses are forgotten.
const SHAPES_MAX: usize = 4_096;

impl Names {
    /// Numbers used in the past are found in the tables too, so that none is given twice.
    pub(crate) fn new(catalog: &Catalog, conn: &Connection, resources_max: usize, series_max: usize) -> rusqlite::Result<Self> {
        let resources = catalog.resources().map(|entry| (entry.resource.key.clone(), entry.id)).collect();
        let keys = catalog.keys.iter().cloned().zip(0..).collect();
        let meta = |key| conn.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get::<_, u32>(0)).optional();
        let next =
            |table: &str| conn.query_row(&format!("SELECT ifnull(max(id), 0) + 1 FROM {table}"), [], |row| row.get::<_, u32>(0));
        let next_resource = next("resource")?.max(meta("next_resource")?.unwrap_or(1));
        let next_series = next("series")?.max(meta("next_series")?.unwrap_or(1));
        Ok(Self { resources, keys, next_resource, next_series, shapes: HashMap::new(), resources_max, series_max })
    }

    /// Forgets what was staged by a transaction that failed. Numbers are not given again: gaps cost nothing.
    pub(crate) fn reset(&mut self, catalog: &Catalog) {
        self.resources = catalog.resources().map(|entry| (entry.resource.key.clone(), entry.id)).collect();
        self.keys = catalog.keys.iter().cloned().zip(0..).collect();
        self.shapes.clear();
    }

    /// Finds or makes the numbers of one table, writing what is new into the open transaction.
    pub(crate) fn resolve(
        &mut self,
        conn: &Connection,
        catalog: &Catalog,
        staged: &mut Staged,
        about: About<'_>,
    ) -> rusqlite::Result<TableIds> {
        let (mut entry, is_own) = self.entry(conn, catalog, staged, about)?;
        let About { table, before, time_ms, now_ms, .. } = about;
        let known: HashMap<KeyId, usize> = entry.series.iter().enumerate().map(|(index, series)| (series.key, index)).collect();
        let time_s = seconds(time_ms);
        let mut keys = Vec::with_capacity(table.series.len());
        let mut ids = Vec::with_capacity(table.series.len());
        for key in &table.series {
            let key = self.key(conn, staged, key)?;
            let id = if let Some(index) = known.get(&key) {
                let series = &mut entry.series[*index];
                if series.last_s != CURRENT {
                    conn.prepare_cached("UPDATE series SET last_s = NULL WHERE id = ?1")?.execute([series.id])?;
                    series.last_s = CURRENT;
                }
                series.id
            } else {
                let id = self.next_series;
                self.next_series += 1;
                let sql = "INSERT INTO series(id, resource, key, first_s) VALUES(?1, ?2, ?3, ?4)";
                conn.prepare_cached(sql)?.execute(params![id, entry.id, key, time_s])?;
                entry.series.push(SeriesEntry { id, key, first_s: time_s, last_s: CURRENT });
                id
            };
            keys.push(key);
            ids.push(id);
        }
        let reported: HashSet<SeriesId> = ids.iter().copied().collect();
        // Several agents may tell of one resource: what another one reports is not gone because this one never had it.
        let before: Option<HashSet<SeriesId>> = before.map(|before| before.series.iter().copied().collect());
        let was_its = |id: SeriesId| before.as_ref().map_or(is_own, |before| before.contains(&id));
        let is_gone =
            |series: &&mut SeriesEntry| series.last_s == CURRENT && !reported.contains(&series.id) && was_its(series.id);
        let gone = entry.series.iter_mut().filter(is_gone);
        // The batch may be a late one: what its table lacks was seen until now, at most.
        let gone_s = seconds(now_ms.max(time_ms).max(entry.live.last_seen_ms.load(Ordering::Relaxed)));
        for series in gone {
            conn.prepare_cached("UPDATE series SET last_s = ?2 WHERE id = ?1")?.execute([series.id, gone_s])?;
            series.last_s = gone_s;
        }
        let shape = self.shape(catalog, staged, keys);
        let table = TableIds { resource: entry.id, series: ids.into(), keys: shape };
        staged.entries.insert(entry.id, entry);
        Ok(table)
    }

    /// Whether there is room for what a table would add.
    pub(crate) fn room(&self, catalog: &Catalog, tables: &[Table]) -> Result<(), Refused> {
        let new = tables.iter().filter(|table| !self.resources.contains_key(&table.resource.key)).count();
        if new > 0 && self.resources.len() + new > self.resources_max {
            return Err(Refused::Resources { max: self.resources_max });
        }
        // All of them counted as new: near the bound it is better to refuse too early than to search first.
        let series: usize = tables.iter().map(|table| table.series.len()).sum();
        if catalog.series_total() + series > self.series_max {
            return Err(Refused::Series { max: self.series_max });
        }
        Ok(())
    }

    /// The number of a resource's key.
    pub(crate) fn resource(&self, key: &str) -> Option<ResourceId> {
        self.resources.get(key).copied()
    }

    /// The entry of a table's resource, and whether this agent told of it last.
    fn entry(
        &mut self,
        conn: &Connection,
        catalog: &Catalog,
        staged: &mut Staged,
        About { table, agent, interval_ms, time_ms, .. }: About<'_>,
    ) -> rusqlite::Result<(ResourceEntry, bool)> {
        let resource = &table.resource;
        if let Some(id) = self.resources.get(&resource.key) {
            let staged = staged.entries.remove(id);
            let mut entry = staged
                .or_else(|| catalog.resource(*id).map(|entry| ResourceEntry::clone(entry)))
                .expect("a name leads to an entry");
            let is_own = entry.agent == *agent;
            if *entry.resource != *resource || !is_own {
                entry.resource = Arc::new(resource.clone());
                entry.agent = Arc::clone(agent);
                let sql = "UPDATE resource SET agent = ?2, body = ?3, interval_ms = ?4 WHERE id = ?1";
                conn.prepare_cached(sql)?.execute(params![id, agent.as_ref(), encode(resource), interval_ms.cast_signed()])?;
            }
            return Ok((entry, is_own));
        }
        let id = self.next_resource;
        let sql = "INSERT INTO resource VALUES(?1, ?2, ?3, ?4, ?5, ?5, ?6)";
        conn.prepare_cached(sql)?.execute(params![
            id,
            resource.key,
            agent.as_ref(),
            encode(resource),
            time_ms,
            interval_ms.cast_signed()
        ])?;
        self.next_resource += 1;
        self.resources.insert(resource.key.clone(), id);
        let live = Live {
            first_seen_ms: AtomicI64::new(time_ms),
            last_seen_ms: AtomicI64::new(time_ms),
            interval_ms: AtomicU64::new(interval_ms),
            sealed_ms: AtomicI64::new(i64::MIN),
        };
        let resource = Arc::new(resource.clone());
        Ok((ResourceEntry { id, resource, agent: Arc::clone(agent), live: Arc::new(live), series: Vec::new() }, true))
    }

    fn key(&mut self, conn: &Connection, staged: &mut Staged, key: &SeriesKey) -> rusqlite::Result<KeyId> {
        if let Some(id) = self.keys.get(key) {
            return Ok(*id);
        }
        let id = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        let attributes = rmp_serde::to_vec(&key.attributes).expect("text is always encodable");
        let sql = "INSERT INTO series_key VALUES(?1, ?2, ?3, ?4, ?5)";
        conn.prepare_cached(sql)?.execute(params![id, key.metric, key.unit, key.kind.code(), attributes])?;
        let key = Arc::new(key.clone());
        staged.keys.push(Arc::clone(&key));
        self.keys.insert(key, id);
        Ok(id)
    }

    fn shape(&mut self, catalog: &Catalog, staged: &Staged, keys: Vec<KeyId>) -> Arc<[Arc<SeriesKey>]> {
        if let Some(shape) = self.shapes.get(&keys).and_then(Weak::upgrade) {
            return shape;
        }
        let key = |id: &KeyId| {
            let index = *id as usize;
            let staged = || staged.keys.get(index - catalog.keys.len());
            Arc::clone(catalog.keys.get(index).or_else(staged).expect("a number leads to a key"))
        };
        let shape: Arc<[_]> = keys.iter().map(key).collect();
        if self.shapes.len() >= SHAPES_MAX {
            self.shapes.retain(|_, shape| shape.strong_count() > 0);
        }
        self.shapes.insert(keys, Arc::downgrade(&shape));
        shape
    }
}

fn encode(resource: &Resource) -> Vec<u8> {
    rmp_serde::to_vec_named(resource).expect("text is always encodable")
}

fn seconds(time_ms: i64) -> u32 {
    u32::try_from(time_ms.div_euclid(1_000).clamp(0, i64::from(CURRENT) - 1)).unwrap_or(0)
}
