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
        let told =
            if row.metric.kind == Kind::Counter { value - totals.insert(row.metric.name, value).unwrap_or(0.0) } else { value };
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
    fn each(&self, stretch: (i64, i64), take: &mut dyn FnMut(&Event)) -> Result<(), QueryError> {
        self.halved(stretch, AT_ONCE, take)
    }

    /// The same with at most about `most` events in memory.
    fn halved(&self, (from_ms, to_ms): (i64, i64), most: usize, take: &mut dyn FnMut(&Event)) -> Result<(), QueryError> {
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
            if all.len() >= most && to_ms - from_ms > 1 {
                drop(all);
                let middle_ms = i64::midpoint(from_ms, to_ms);
                self.halved((from_ms, middle_ms), most, take)?;
                return self.halved((middle_ms, to_ms), most, take);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc, sync::mpsc};

    use farol_shared::{batch, catalog, clock::Clock as _, frame, record::Records, resource, wire};

    use super::*;
    use crate::{clock::SystemClock, export::Zone};

    const MINUTE_MS: i64 = 60_000;

    fn store_with(events: Vec<Event>) -> (tempfile::TempDir, Store) {
        let dir = tempfile::TempDir::new().unwrap();
        let store = Store::open(dir.path(), farol_store::Options::default(), Arc::new(SystemClock)).unwrap();
        let resource = resource::Resource {
            key: "service:shop".to_owned(),
            kind: resource::ResourceKind::Service,
            parent: None,
            tenant: None,
            attributes: BTreeMap::new(),
        };
        let tables = batch::Tables(vec![batch::Table { resource, series: Vec::new() }]);
        let frame = frame::Frame {
            time_ms: SystemClock.now_ms(),
            rows: Vec::new(),
            records: vec![Records { events, ..Records::default() }],
        };
        let batch = batch::Batch {
            agent: "a".to_owned(),
            boot: 1,
            seq: 1,
            interval_ms: 1_000,
            taken: 0,
            lost: Vec::new(),
            tables: wire::encode_tables(&tables).into(),
            frames: vec![frame],
        };
        let (answer, answered) = mpsc::channel();
        store.submit(batch, Box::new(move |outcome| answer.send(outcome.is_ok()).unwrap()));
        assert!(answered.recv().unwrap());
        (dir, store)
    }

    fn event(time_ms: i64, tenant: &str, kind: &str, payload: &str) -> Event {
        Event { time_ms, kind: kind.to_owned(), tenant: Some(tenant.to_owned()), payload: payload.to_owned() }
    }

    #[test]
    fn each_step_tells_its_increase_and_what_is_open_at_its_end_however_it_is_cut_into_stretches() {
        let start = (SystemClock.now_ms() / MINUTE_MS - 30) * MINUTE_MS;
        let at = |minute: i64| start + minute * MINUTE_MS + 5;
        let sent = r#"{"status":"sent"}"#;
        let mut events = vec![
            event(at(-5), "acme", "ConversationStarted", r#"{"conversation_id":"old"}"#),
            event(at(0), "acme", "ConversationStarted", r#"{"conversation_id":"a"}"#),
            event(at(2), "acme", "ConversationEnded", r#"{"conversation_id":"a"}"#),
            event(at(1), "globex", "MessageSent", sent),
        ];
        events.extend([0, 0, 2].map(|minute| event(at(minute), "acme", "MessageSent", sent)));
        let (_dir, store) = store_with(events);
        let grid = Grid::new(MINUTE_MS, Zone::default());
        let minutes =
            |points: &Points| points.iter().map(|(time_ms, value)| ((time_ms - start) / MINUTE_MS, *value)).collect::<Vec<_>>();
        let whole = TenantEvents::new("acme").steps(&store, grid, (start, start + 4 * MINUTE_MS)).unwrap();
        assert_eq!(minutes(&whole[catalog::MESSAGES_SENT.name]), [(0, 2.0), (1, 0.0), (2, 1.0), (3, 0.0)]);
        assert_eq!(minutes(&whole[catalog::CONVERSATIONS_ACTIVE.name]), [(0, 2.0), (1, 2.0), (2, 1.0), (3, 1.0)]);
        let mut in_parts = TenantEvents::new("acme");
        let mut joined = Steps::new();
        for minute in 0..4 {
            let stretch = (start + minute * MINUTE_MS, start + (minute + 1) * MINUTE_MS);
            for (metric, points) in in_parts.steps(&store, grid, stretch).unwrap() {
                joined.entry(metric).or_default().extend(points);
            }
        }
        assert_eq!(joined, whole);
    }

    #[test]
    fn more_events_than_are_held_at_once_are_all_counted_once() {
        let start = SystemClock.now_ms() - 20 * MINUTE_MS;
        let sent = |index: i64| event(start + index * 7, "acme", "MessageSent", r#"{"status":"sent"}"#);
        let (_dir, store) = store_with((0..i64::try_from(AT_ONCE).unwrap() - 500).map(sent).collect());
        let grid = Grid::whole(start / MINUTE_MS * MINUTE_MS, (start / MINUTE_MS + 20) * MINUTE_MS, MINUTE_MS);
        let mut seen = Vec::new();
        let reading = Reading { store: &store, tenant: "acme", kinds: vec!["MessageSent".to_owned()] };
        reading.halved((grid.start(start), grid.end(start + 1)), 2_000, &mut |event| seen.push(event.time_ms)).unwrap();
        assert_eq!(seen.len(), AT_ONCE - 500);
        assert!(seen.is_sorted_by(|a, b| a < b));
    }
}
