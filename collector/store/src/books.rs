//! The books: for each run of an agent and each minute, what should be in history and what is.
//!
//! What the living generations of the journal say is kept here; when a generation dies, its accounts are added to the
//! table `account` in the same transaction. Table and memory together are therefore always the whole truth.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use farol_shared::batch::{Lost, LostCause};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    codec::{
        Damaged, Reader,
        journal::{CAUSES, Counts},
        put, put_signed,
    },
    model::Completeness,
};

/// The causes, in the order in which they are kept.
pub(crate) const ALL_CAUSES: [LostCause; CAUSES] =
    [LostCause::SpoolFull, LostCause::SpoolDamaged, LostCause::Refused, LostCause::Unknown];

/// One minute, in milliseconds.
const MINUTE_MS: i64 = 60_000;

/// What an agent says it lost in a run, cause by cause.
pub(crate) fn causes(lost: &[Lost]) -> [u64; CAUSES] {
    let mut all = [0_u64; CAUSES];
    for lost in lost {
        let index = ALL_CAUSES.iter().position(|cause| *cause == lost.cause).unwrap_or(CAUSES - 1);
        all[index] = all[index].saturating_add(lost.samples);
    }
    all
}

/// One minute of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Account {
    counts: Counts,
    repeated: u64,
    newest_ms: i64,
}

/// (agent, minute, boot)
type Key = (u32, i64, u64);

impl Account {
    fn add(&mut self, other: &Self) {
        let (mine, more) = (&mut self.counts, &other.counts);
        mine.expected = mine.expected.saturating_add(more.expected);
        mine.stored = mine.stored.saturating_add(more.stored);
        mine.late = mine.late.saturating_add(more.late);
        mine.expired = mine.expired.saturating_add(more.expired);
        for (mine, more) in mine.lost.iter_mut().zip(more.lost) {
            *mine = mine.saturating_add(more);
        }
        self.repeated = self.repeated.saturating_add(other.repeated);
        self.newest_ms = self.newest_ms.max(other.newest_ms);
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16);
        let counts = &self.counts;
        put(&mut out, counts.expected);
        put_signed(&mut out, counts.stored.wrapping_sub(counts.expected).cast_signed());
        put_signed(&mut out, self.newest_ms);
        let rest = [counts.late, counts.expired, self.repeated].into_iter().chain(counts.lost);
        if rest.clone().any(|number| number > 0) {
            rest.for_each(|number| put(&mut out, number));
        }
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut reader = Reader::new(bytes);
        let expected = reader.number()?;
        let stored = expected.wrapping_add(reader.signed()?.cast_unsigned());
        let newest_ms = reader.signed()?;
        let mut rest = [0; 3 + CAUSES];
        if !reader.is_at_end() {
            for number in &mut rest {
                *number = reader.number()?;
            }
        }
        let [late, expired, repeated, lost @ ..] = rest;
        Ok(Self { counts: Counts { expected, stored, late, expired, lost }, repeated, newest_ms })
    }
}

/// The accounts of the living generations.
#[derive(Debug, Default)]
pub(crate) struct Books {
    generations: Mutex<BTreeMap<u64, BTreeMap<Key, Account>>>,
}

impl Books {
    /// Enters a batch.
    pub(crate) fn enter(&self, generation: u64, agent: u32, boot: u64, time_ms: i64, counts: Counts) {
        let newest_ms = if counts.stored > 0 { time_ms } else { i64::MIN };
        self.add(generation, agent, boot, time_ms, Account { counts, repeated: 0, newest_ms });
    }

    /// Enters samples that came again.
    pub(crate) fn enter_repeated(&self, generation: u64, agent: u32, boot: u64, time_ms: i64, samples: u64) {
        self.add(generation, agent, boot, time_ms, Account { repeated: samples, newest_ms: i64::MIN, ..Account::default() });
    }

    fn add(&self, generation: u64, agent: u32, boot: u64, time_ms: i64, account: Account) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (agent, time_ms.div_euclid(MINUTE_MS), boot);
        let accounts = generations.entry(generation).or_default();
        accounts.entry(key).or_insert_with(|| Account { newest_ms: i64::MIN, ..Account::default() }).add(&account);
    }

    /// Adds the accounts of a generation to the table, in the open transaction.
    pub(crate) fn flush(&self, conn: &Connection, generation: u64) -> rusqlite::Result<()> {
        let accounts =
            self.generations.lock().unwrap_or_else(PoisonError::into_inner).get(&generation).cloned().unwrap_or_default();
        let mut select = conn.prepare_cached("SELECT body FROM account WHERE agent = ?1 AND minute = ?2 AND boot = ?3")?;
        let mut insert =
            conn.prepare_cached("INSERT OR REPLACE INTO account(agent, minute, boot, body) VALUES(?1, ?2, ?3, ?4)")?;
        for ((agent, minute, boot), mut account) in accounts {
            let boot = boot.cast_signed();
            let before: Option<Vec<u8>> = select.query_row(params![agent, minute, boot], |row| row.get(0)).optional()?;
            if let Some(before) = before.and_then(|body| Account::decode(&body).ok()) {
                account.add(&before);
            }
            insert.execute(params![agent, minute, boot, account.encode()])?;
        }
        Ok(())
    }

    /// Forgets a generation whose accounts are in the table.
    pub(crate) fn forget(&self, generation: u64) {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner).remove(&generation);
    }

    /// Adds up table and memory over the minutes that touch `from_ms..to_ms`.
    pub(crate) fn sum(
        &self,
        conn: &Connection,
        agents: &[(u32, Arc<str>)],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<Completeness>, crate::QueryError> {
        let (first, end) = (from_ms.div_euclid(MINUTE_MS), to_ms.saturating_add(MINUTE_MS - 1).div_euclid(MINUTE_MS));
        let mut select =
            conn.prepare_cached("SELECT boot, body FROM account WHERE agent = ?1 AND minute >= ?2 AND minute < ?3")?;
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::with_capacity(agents.len());
        for (id, name) in agents {
            let mut sum = Account { newest_ms: i64::MIN, ..Account::default() };
            let mut boots = HashSet::new();
            let mut rows = select.query(params![id, first, end])?;
            while let Some(row) = rows.next()? {
                boots.insert(row.get::<_, i64>(0)?.cast_unsigned());
                let account = Account::decode(&row.get::<_, Vec<u8>>(1)?);
                sum.add(&account.map_err(|damaged| crate::QueryError::Damaged { block: 0, detail: damaged.0 })?);
            }
            for accounts in generations.values() {
                for ((_, _, boot), account) in accounts.range((*id, first, 0)..(*id, end, 0)) {
                    boots.insert(*boot);
                    sum.add(account);
                }
            }
            if boots.is_empty() {
                continue;
            }
            all.push(completeness(name, boots.len(), &sum));
        }
        Ok(all)
    }
}

fn completeness(agent: &Arc<str>, boots: usize, sum: &Account) -> Completeness {
    let counts = &sum.counts;
    Completeness {
        agent: Arc::clone(agent),
        boots: u32::try_from(boots).unwrap_or(u32::MAX),
        expected: counts.expected,
        stored: counts.stored,
        late: counts.late,
        repeated: sum.repeated,
        expired: counts.expired,
        lost: ALL_CAUSES.into_iter().zip(counts.lost).filter(|(_, samples)| *samples > 0).collect(),
        newest_ms: sum.newest_ms,
    }
}
