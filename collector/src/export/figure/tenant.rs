//! What is derived from the events of one tenant, step by step.
//!
//! In: events in time order. Out: increases of totals and values of gauges at the end of each step. Bounded: [`AT_ONCE`] events in
//! memory; a stretch with more is read in halves.

use std::collections::BTreeMap;

use farol_shared::{metric::Kind, record::Event};
use farol_store::{EventQuery, QueryError, RECORDS_MAX, RecordRange, Store, Stored};

use super::{Grid, Points};
use crate::service::derived::{self, Derived};

/// Most events that are held at once.
const AT_ONCE: usize = 10 * RECORDS_MAX;

/// Points by the name of their metric.
pub(super) type Steps = BTreeMap<&'static str, Points>;

/// The events of one tenant, as far as they have been read.
#[derive(Debug)]
pub(super) struct TenantEvents {
    tenant: String,
    derived: Derived,
    /// Up to where they are taken in; unset before the first stretch.
    read_ms: Option<i64>,
    /// What each total was at the end of the step before.
    totals: BTreeMap<&'static str, f64>,
}

impl TenantEvents {
    pub(super) fn new(tenant: &str) -> Self {
        Self { tenant: tenant.to_owned(), derived: Derived::default(), read_ms: None, totals: BTreeMap::new() }
    }

    /// The steps from `from_ms` to `to_ms`, both starts of steps.
    pub(super) fn steps(&mut self, store: &Store, grid: Grid, (from_ms, to_ms): (i64, i64)) -> Result<Steps, QueryError> {
        if self.read_ms != Some(from_ms) {
            self.begin(store, from_ms)?;
        }
        let mut kinds: Vec<String> = derived::types().map(str::to_owned).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut steps = Steps::new();
        let mut start_ms = from_ms;
        let (derived, totals) = (&mut self.derived, &mut self.totals);
        let reading = Reading { store, tenant: &self.tenant, kinds };
        reading.each((from_ms, to_ms), &mut |event| {
            while event.time_ms >= start_ms + grid.step_ms {
                tell(derived, totals, (start_ms, start_ms + grid.step_ms), &mut steps);
                start_ms += grid.step_ms;
            }
            derived.take(event);
        })?;
        while start_ms < to_ms {
            tell(derived, totals, (start_ms, start_ms + grid.step_ms), &mut steps);
            start_ms += grid.step_ms;
        }
        self.read_ms = Some(to_ms);
        Ok(steps)
    }

    /// Begins anew with what must be known of the time before.
    fn begin(&mut self, store: &Store, from_ms: i64) -> Result<(), QueryError> {
        (self.derived, self.totals) = (Derived::default(), BTreeMap::new());
        for (kind, for_ms) in derived::remembered() {
            let derived = &mut self.derived;
            let reading = Reading { store, tenant: &self.tenant, kinds: vec![kind] };
            reading.each((from_ms.saturating_sub(for_ms), from_ms), &mut |event| derived.remember(event))?;
        }
        Ok(())
    }
}

/// Tells one step.
fn tell(derived: &mut Derived, totals: &mut BTreeMap<&'static str, f64>, (start_ms, end_ms): (i64, i64), steps: &mut Steps) {
    for (row, value) in derived.values(end_ms - 1) {
        let Some(value) = value else { continue };
        let told = if row.metric.kind == Kind::Counter {
            value - totals.insert(row.metric.name, value).unwrap_or(0.0)
        } else {
            value
        };
        steps.entry(row.metric.name).or_default().insert(start_ms, told);
    }
    derived.tidy(end_ms);
}

/// Which events are read.
struct Reading<'a> {
    store: &'a Store,
    tenant: &'a str,
    kinds: Vec<String>,
}

impl Reading<'_> {
    /// Hands over each event of a stretch, oldest first.
    fn each(&self, (from_ms, to_ms): (i64, i64), take: &mut dyn FnMut(&Event)) -> Result<(), QueryError> {
        if from_ms >= to_ms {
            return Ok(());
        }
        let range = RecordRange { from_ms, to_ms, resources: Vec::new(), tenant: Some(self.tenant.to_owned()) };
        let mut question = EventQuery { range, kinds: self.kinds.clone(), before: None, limit: RECORDS_MAX };
        let mut all: Vec<Stored<Event>> = Vec::new();
        loop {
            let page = self.store.events(&question)?;
            let is_last = page.len() < RECORDS_MAX;
            question.before = page.last().map(|last| (last.record.time_ms, last.id));
            all.extend(page);
            if is_last {
                all.iter().rev().for_each(|event| take(&event.record));
                return Ok(());
            }
            // A millisecond cannot be halved, and holds no more than arrived within it.
            if all.len() >= AT_ONCE && to_ms - from_ms > 1 {
                drop(all);
                let middle_ms = i64::midpoint(from_ms, to_ms);
                self.each((from_ms, middle_ms), take)?;
                return self.each((middle_ms, to_ms), take);
            }
        }
    }
}
