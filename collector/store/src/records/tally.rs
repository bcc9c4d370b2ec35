//! A tally: all that is counted of one service (or of one of its tenants) in one span of time.

use std::collections::BTreeMap;

use farol_shared::record::{CheckResult, ErrorSummary, Levels, OTHER};

use super::{
    KINDS_MAX, STATUSES_MAX,
    sum::{RawSum, Sum, put_seconds, seconds},
    text::{put_text, text},
};
use crate::codec::{Damaged, Reader, put};

/// Between the type and the origin of an error in one text; names of types hold no line feed.
pub(super) const TYPE_END: char = '\n';

/// Results of one check.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct CheckTally {
    pub(super) total: u64,
    pub(super) online: u64,
    pub(super) answered: u64,
    pub(super) latency_s: f64,
}

impl CheckTally {
    pub(super) fn add(&mut self, result: &CheckResult) {
        self.merge(&Self {
            total: 1,
            online: u64::from(result.is_success),
            answered: u64::from(result.latency_s.is_some()),
            latency_s: result.latency_s.unwrap_or(0.0),
        });
    }

    fn merge(&mut self, other: &Self) {
        self.total = self.total.saturating_add(other.total);
        self.online = self.online.saturating_add(other.online);
        self.answered = self.answered.saturating_add(other.answered);
        self.latency_s += other.latency_s;
    }
}

/// All that is counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) requests: Sum,
    pub(super) statuses: BTreeMap<u16, u64>,
    /// By type and origin.
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) levels: Levels,
    /// By type.
    pub(super) events: BTreeMap<String, u64>,
    /// By name.
    pub(super) checks: BTreeMap<String, CheckTally>,
}

/// The entry of a name, or of `(other)` when there are too many names.
fn entry<'a, T: Default>(map: &'a mut BTreeMap<String, T>, name: &str, other: &str) -> &'a mut T {
    // Most are known: no allocation for them.
    if map.contains_key(name) {
        return map.get_mut(name).expect("it was just found");
    }
    // Those that stand for many do not count: what is read back must be what was written.
    let others = || map.range(OTHER.to_owned()..).take_while(|(name, _)| name.starts_with(OTHER)).count();
    let is_room = map.len() < KINDS_MAX || name.starts_with(OTHER) || map.len() - others() < KINDS_MAX;
    let name = if is_room { name } else { other };
    map.entry(name.to_owned()).or_default()
}

impl Tally {
    pub(super) fn add_request(&mut self, status: u16, sum: &RawSum<'_>) {
        self.requests.add(sum);
        self.add_status(status, sum.count);
    }

    fn add_status(&mut self, status: u16, count: u64) {
        let is_room = self.statuses.len() < STATUSES_MAX || self.statuses.contains_key(&status);
        let status = if is_room { status } else { status / 100 * 100 };
        let known = self.statuses.entry(status).or_default();
        *known = known.saturating_add(count);
    }

    pub(super) fn add_error(&mut self, error: &ErrorSummary) {
        self.add_error_type(&format!("{}{TYPE_END}{}", error.kind, error.origin), error.count);
    }

    fn add_error_type(&mut self, name: &str, count: u64) {
        let other = || match name.split_once(TYPE_END) {
            Some((_, origin)) => format!("{OTHER}{TYPE_END}{origin}"),
            None => OTHER.to_owned(),
        };
        let known = entry(&mut self.errors, name, &other());
        *known = known.saturating_add(count);
    }

    pub(super) fn add_event(&mut self, kind: &str, count: u64) {
        let known = entry(&mut self.events, kind, OTHER);
        *known = known.saturating_add(count);
    }

    pub(super) fn add_check(&mut self, name: &str, tally: &CheckTally) {
        entry(&mut self.checks, name, OTHER).merge(tally);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.requests.merge(&other.requests);
        other.statuses.iter().for_each(|(status, count)| self.add_status(*status, *count));
        other.errors.iter().for_each(|(name, count)| self.add_error_type(name, *count));
        self.levels.merge(&other.levels);
        other.events.iter().for_each(|(kind, count)| self.add_event(kind, *count));
        other.checks.iter().for_each(|(name, tally)| self.add_check(name, tally));
    }

    /// What is a tenant's when nobody has a tenant: all but what has none by nature.
    pub(super) fn without_tenant(&self) -> Self {
        Self { levels: Levels::default(), checks: BTreeMap::new(), ..self.clone() }
    }

    pub(super) fn exceptions(&self) -> u64 {
        self.errors.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.requests.encode(&mut out);
        put(&mut out, self.statuses.len() as u64);
        for (status, count) in &self.statuses {
            put(&mut out, (*status).into());
            put(&mut out, *count);
        }
        self.levels.0.iter().for_each(|count| put(&mut out, *count));
        for map in [&self.errors, &self.events] {
            put(&mut out, map.len() as u64);
            for (name, count) in map {
                put_text(&mut out, name);
                put(&mut out, *count);
            }
        }
        put(&mut out, self.checks.len() as u64);
        for (name, check) in &self.checks {
            put_text(&mut out, name);
            [check.total, check.online, check.answered].iter().for_each(|count| put(&mut out, *count));
            put_seconds(&mut out, check.latency_s);
        }
        out
    }

    /// Adds what [`Self::encode`] wrote; the durations only when they are wanted.
    pub(super) fn add_encoded(&mut self, bytes: &[u8], has_durations: bool) -> Result<(), Damaged> {
        let mut reader = Reader::new(bytes);
        let requests = RawSum::read(&mut reader)?;
        if has_durations {
            self.requests.add(&requests);
        } else {
            self.requests.add_numbers(&requests);
        }
        for _ in 0..reader.count(usize::MAX)? {
            let status = u16::try_from(reader.number()?).map_err(|_| Damaged("a status is out of range"))?;
            self.add_status(status, reader.number()?);
        }
        let mut levels = Levels::default();
        for level in &mut levels.0 {
            *level = reader.number()?;
        }
        self.levels.merge(&levels);
        for _ in 0..reader.count(usize::MAX)? {
            let name = text(&mut reader)?;
            self.add_error_type(name, reader.number()?);
        }
        for _ in 0..reader.count(usize::MAX)? {
            let kind = text(&mut reader)?;
            self.add_event(kind, reader.number()?);
        }
        for _ in 0..reader.count(usize::MAX)? {
            let name = text(&mut reader)?;
            let [total, online, answered] = [reader.number()?, reader.number()?, reader.number()?];
            self.add_check(name, &CheckTally { total, online, answered, latency_s: seconds(&mut reader)? });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn too_many_types_and_statuses_are_counted_together() {
        let mut tally = Tally::default();
        for index in 0..KINDS_MAX as u64 + 100 {
            let error =
                ErrorSummary { kind: format!("E{index}"), origin: "span".to_owned(), count: 2, ..ErrorSummary::default() };
            tally.add_error(&error);
            tally.add_event(&format!("Event{index}"), 1);
            let raw = RawSum::of(&farol_shared::record::RequestSummary { count: 1, ..Default::default() }).count;
            tally.add_status(u16::try_from(index).unwrap(), raw);
        }
        assert_eq!(tally.exceptions(), 2 * (KINDS_MAX as u64 + 100));
        assert_eq!(tally.errors[&format!("{OTHER}\nspan")], 200);
        assert_eq!(tally.events[OTHER], 100);
        assert_eq!(tally.statuses.values().sum::<u64>(), KINDS_MAX as u64 + 100);
        assert!(tally.statuses.len() <= STATUSES_MAX + 10);
        let mut again = Tally::default();
        again.add_encoded(&tally.encode(), true).unwrap();
        assert!((again.errors, again.events, again.statuses) == (tally.errors, tally.events, tally.statuses), "read as written");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let mut tally = Tally::default();
            let _read = tally.add_encoded(&bytes, true);
        }
    }
}
