//! The way back: what was deleted is kept for ten minutes in memory, as far as it is small, and can be restored.
//!
//! Invariants: a restored key has the time to live that it would have by now, and never takes the place of one that exists;
//! what was promised is kept, so that a full memory refuses new keys rather than forget old ones.
//!
//! Bounded: bytes of a key ([`KEY_BYTES_MAX`]), of an instance ([`INSTANCE_BYTES_MAX`]), of all ([`ALL_BYTES_MAX`]), and time
//! ([`KEPT_FOR`]).

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{Pipeline, RedisResult, Value as Answer, cmd};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{Act, ActError, Actor, Place, job, pace, to_its_end};
use crate::redis_link::{Link, Node, error};

/// How long deleted keys are kept.
pub const KEPT_FOR: Duration = Duration::from_secs(600);

/// Largest key that is kept, in bytes, by Redis' own estimate. Larger ones take Redis too long to hand over.
pub const KEY_BYTES_MAX: u64 = 64 << 10;

/// Most bytes that are kept of one instance.
pub const INSTANCE_BYTES_MAX: usize = 16 << 20;

/// Most bytes that are kept of all instances: the collector's memory is worth more than a fifth undo.
pub const ALL_BYTES_MAX: usize = 64 << 20;

/// What keeping one key costs beside its bytes.
const ENTRY_BYTES: usize = 64;

/// Keys and bytes that are restored in one go.
const GROUP: (usize, usize) = (100, 1 << 20);

/// A deleted key.
pub(super) struct Entry {
    pub(super) key: Vec<u8>,
    pub(super) dump: Vec<u8>,
    /// When it would have expired, in milliseconds since the epoch.
    pub(super) expires_ms: Option<i64>,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.key.len() + self.dump.len() + ENTRY_BYTES
    }
}

/// Deleted keys that can be restored.
#[derive(Default)]
pub(super) struct Undos {
    rooms: Mutex<HashMap<String, usize>>,
    kept: Mutex<Vec<Kept>>,
}

/// What one deletion left.
struct Kept {
    id: String,
    db: i64,
    until_ms: i64,
    keeping: Keeping,
}

/// Keys of one deletion under way. Gives its room back when it is dropped.
pub(super) struct Keeping {
    undos: Arc<Undos>,
    instance: String,
    entries: Vec<Entry>,
    bytes: usize,
    /// Whether Redis hands keys over at all.
    is_open: bool,
}

impl fmt::Debug for Keeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeping").field("keys", &self.entries.len()).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// What a kept deletion is called, and until when it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WayBack {
    pub(super) id: String,
    pub(super) until_ms: i64,
    pub(super) kept: u64,
}

/// What was restored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Restored {
    /// Name of the instance.
    pub instance: String,
    /// What was undone.
    pub undo: String,
    /// Keys that are there again.
    pub restored: u64,
    /// Keys that exist anew and were left as they are.
    pub skipped_existing: u64,
    /// Keys that would have expired by now.
    pub expired: u64,
    /// Keys that Redis refused.
    pub failed: u64,
    /// Why, of the first that it refused.
    pub message: Option<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Keeping {
    pub(super) fn begin(undos: &Arc<Undos>, instance: &str) -> Self {
        Self { undos: Arc::clone(undos), instance: instance.to_owned(), entries: Vec::new(), bytes: 0, is_open: true }
    }

    /// How many more bytes can be kept.
    pub(super) fn room(&self) -> usize {
        if !self.is_open {
            return 0;
        }
        let rooms = lock(&self.undos.rooms);
        let own = INSTANCE_BYTES_MAX.saturating_sub(rooms.get(&self.instance).copied().unwrap_or(0));
        own.min(ALL_BYTES_MAX.saturating_sub(rooms.values().sum()))
    }

    /// Redis does not hand keys over: no use to ask for more.
    pub(super) fn close(&mut self) {
        self.is_open = false;
    }

    /// What a key of so many bytes may cost at most.
    pub(super) const fn cost(key: usize, memory: usize) -> usize {
        key + memory + ENTRY_BYTES
    }

    pub(super) fn push(&mut self, entry: Entry) {
        let bytes = entry.bytes();
        if bytes > self.room() {
            return;
        }
        *lock(&self.undos.rooms).entry(self.instance.clone()).or_default() += bytes;
        self.bytes += bytes;
        self.entries.push(entry);
    }

    /// How many keys are kept.
    pub(super) fn kept(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    /// Keeps what there is for ten minutes; `None` when there is nothing.
    pub(super) fn keep(self, db: i64, now_ms: i64) -> Result<Option<WayBack>, ActError> {
        if self.entries.is_empty() {
            return Ok(None);
        }
        let id = job::id()?;
        Ok(Some(self.keep_as(id, db, now_ms + i64::try_from(KEPT_FOR.as_millis()).unwrap_or(0))))
    }

    fn keep_as(self, id: String, db: i64, until_ms: i64) -> WayBack {
        let (kept, undos) = (self.kept(), Arc::clone(&self.undos));
        let way_back = WayBack { id: id.clone(), until_ms, kept };
        lock(&undos.kept).push(Kept { id: id.clone(), db, until_ms, keeping: self });
        // What nobody asks for must go all the same.
        let undos = Arc::downgrade(&undos);
        tokio::spawn(async move {
            tokio::time::sleep(KEPT_FOR).await;
            if let Some(undos) = undos.upgrade() {
                lock(&undos.kept).retain(|kept| kept.id != id);
            }
        });
        way_back
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        let mut rooms = lock(&self.undos.rooms);
        if let Some(used) = rooms.get_mut(&self.instance) {
            *used = used.saturating_sub(self.bytes);
            if *used == 0 {
                rooms.remove(&self.instance);
            }
        }
    }
}

impl Undos {
    /// Takes what a deletion left.
    fn take(&self, id: &str, instance: &str, now_ms: i64) -> Option<Kept> {
        let mut kept = lock(&self.kept);
        let at = kept.iter().position(|kept| kept.id == id && kept.keeping.instance == instance)?;
        let found = kept.swap_remove(at);
        (found.until_ms > now_ms).then_some(found)
    }
}

impl Act {
    /// Restores what a deletion left.
    ///
    /// # Errors
    /// [`ActError`]; when Redis goes away meanwhile, what is left can be undone again.
    pub async fn undo(&self, actor: Actor, place: Place, id: &str) -> Result<Restored, ActError> {
        let mut found = self.find(&place)?;
        found.need_actions()?;
        self.0.paces.take(pace::INSPECT, &actor.username, self.now_ms())?;
        let gone = ActError::Gone("there is nothing to undo under this number: deleted keys are kept for 10 minutes, once");
        let mut kept = self.0.undos.take(id, &found.name, self.now_ms()).ok_or(gone)?;
        if let Ok(db) = u32::try_from(kept.db)
            && !found.target.is_cluster()
        {
            found.target = found.target.with_database(db);
        }
        let act = self.clone();
        to_its_end(async move {
            let detail = json!({"undo": kept.id, "db": kept.db, "keys": kept.keeping.kept()});
            let line = match act.begin(&actor, "redis.undo", &found, detail, None).await {
                Ok(line) => line,
                Err(error) => {
                    kept.put_back();
                    return Err(error);
                }
            };
            let mut told = Restored { instance: found.name.clone(), undo: kept.id.clone(), ..Restored::default() };
            let restoring = async {
                let link = found.connect().await?;
                restore(&link, &mut kept.keeping.entries, act.now_ms(), &mut told).await
            };
            let result = restoring.await;
            if result.is_err() {
                kept.put_back();
            }
            line.end_by(result.map(|()| told), |told| Some(told.restored)).await
        })
        .await
    }
}

impl Kept {
    fn put_back(self) {
        let Self { id, db, until_ms, keeping } = self;
        keeping.keep_as(id, db, until_ms);
    }
}

/// Restores keys in small groups. What is left in `entries` after an error was not restored, or perhaps just now.
async fn restore(link: &Link, entries: &mut Vec<Entry>, now_ms: i64, told: &mut Restored) -> Result<(), ActError> {
    while !entries.is_empty() {
        let (mut end, mut bytes) = (0, 0);
        while end < GROUP.0 && entries.len() > end && (end == 0 || bytes < GROUP.1) {
            bytes += entries.get(entries.len() - 1 - end).map_or(0, Entry::bytes);
            end += 1;
        }
        let group = entries.get(entries.len() - end..).unwrap_or_default();
        for node in link.nodes() {
            restore_on(link, node, group, now_ms, told).await?;
        }
        entries.truncate(entries.len() - end);
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Restores those of a group that belong on a node.
async fn restore_on(link: &Link, node: &Node, group: &[Entry], now_ms: i64, told: &mut Restored) -> Result<(), ActError> {
    let mut pipeline = Pipeline::new();
    pipeline.ignore_errors();
    for entry in group {
        if link.is_cluster() && link.node_of(&entry.key)?.name() != node.name() {
            continue;
        }
        // 0 means for ever, so that what has expired is left out.
        match entry.expires_ms.map_or(0, |expires_ms| expires_ms - now_ms) {
            left if entry.expires_ms.is_some() && left <= 0 => told.expired += 1,
            left => drop(pipeline.add_command(cmd("RESTORE").arg(&entry.key).arg(left).arg(&entry.dump).to_owned())),
        }
    }
    if pipeline.is_empty() {
        return Ok(());
    }
    let answers: Vec<RedisResult<Answer>> = node.ask_all(&pipeline).await.map_err(|error| error::told(&error, "RESTORE"))?;
    for answer in answers {
        match answer {
            Ok(_) => told.restored += 1,
            Err(error) if error.code() == Some("BUSYKEY") => told.skipped_existing += 1,
            Err(error) => {
                told.failed += 1;
                told.message.get_or_insert_with(|| error::told(&error, "RESTORE").to_string());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: usize) -> Entry {
        Entry { key: b"k".to_vec(), dump: vec![0; bytes], expires_ms: None }
    }

    #[tokio::test]
    async fn room_is_bounded_and_comes_back() {
        let undos = Arc::new(Undos::default());
        let mut first = Keeping::begin(&undos, "cache");
        first.push(entry(INSTANCE_BYTES_MAX - 1_000));
        first.push(entry(2_000));
        assert_eq!(first.kept(), 1);
        assert!(Keeping::begin(&undos, "cache").room() < 1_000);
        assert_eq!(Keeping::begin(&undos, "other").room(), INSTANCE_BYTES_MAX);
        let way_back = first.keep(0, 0).unwrap().unwrap();
        assert!(undos.take(&way_back.id, "other", 0).is_none(), "of another instance");
        drop(undos.take(&way_back.id, "cache", 1).unwrap());
        assert_eq!(Keeping::begin(&undos, "cache").room(), INSTANCE_BYTES_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_undoes_is_forgotten_after_ten_minutes() {
        let undos = Arc::new(Undos::default());
        let mut keeping = Keeping::begin(&undos, "cache");
        keeping.push(entry(10));
        let way_back = keeping.keep(0, 0).unwrap().unwrap();
        tokio::time::sleep(KEPT_FOR + Duration::from_secs(1)).await;
        assert!(undos.take(&way_back.id, "cache", 0).is_none());
        assert_eq!(Keeping::begin(&undos, "cache").room(), INSTANCE_BYTES_MAX);
    }

    #[tokio::test]
    async fn nothing_is_kept_when_redis_hands_nothing_over() {
        let undos = Arc::new(Undos::default());
        let mut keeping = Keeping::begin(&undos, "cache");
        keeping.close();
        keeping.push(entry(10));
        assert_eq!(keeping.keep(0, 0).unwrap(), None);
    }
}
