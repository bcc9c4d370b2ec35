//! The sources at work: which is due, what it costs, how often it fails, and when a broken one is tried again.

use std::time::{Duration, Instant};

use farol_shared::{catalog, report::chain};
use tracing::{debug, info, warn};

use crate::{
    read::{Context, ReadError, Source, SourceRow},
    recorder::{Recorder, ResourceSlot, SeriesSlot},
};

/// After so many failures in a row a source is turned off. One failure may be a race with what it reads.
const FAILURES_MAX: u32 = 3;

/// Time until a source that is off or not here is looked for again.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// Sources that usually take longer are left out of the ticks that a watcher adds.
const CHEAP_MAX: Duration = Duration::from_millis(2);

/// All sources of a running agent.
#[derive(Debug)]
pub(super) struct Sources(Vec<Entry>);

struct Entry {
    row: SourceRow,
    open: Option<Box<dyn Source>>,
    /// When to try to open it; meaningful while it is not open.
    open_at: Instant,
    /// What was last said about it, so that only changes are logged.
    told: Told,
    last_read_ms: Option<i64>,
    failures_in_row: u32,
    failures: u64,
    spent: Duration,
    /// Sliding mean of the time one reading takes.
    usual: Duration,
    duration_series: SeriesSlot,
    failures_series: SeriesSlot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Works,
    NotHere,
    Broken,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("name", &self.row.name).field("is_open", &self.open.is_some()).finish_non_exhaustive()
    }
}

impl Sources {
    /// Prepares the rows of a table; each is opened when it is first due.
    pub(super) fn new(rows: &[SourceRow], recorder: &mut Recorder, own: ResourceSlot) -> Self {
        let now = Instant::now();
        let entry = |row: &SourceRow| Entry {
            row: *row,
            open: None,
            open_at: now,
            told: Told::Nothing,
            last_read_ms: None,
            failures_in_row: 0,
            failures: 0,
            spent: Duration::ZERO,
            usual: Duration::ZERO,
            duration_series: recorder.series(own, &catalog::AGENT_READ_DURATION, &[("farol.source", row.name)]),
            failures_series: recorder.series(own, &catalog::AGENT_READ_FAILURES, &[("farol.source", row.name)]),
        };
        Self(rows.iter().map(entry).collect())
    }

    /// Reads what is due. `is_base` is false on the ticks that only a watcher asks for.
    pub(super) fn read(&mut self, context: &Context<'_>, recorder: &mut Recorder, now_ms: i64, is_base: bool) {
        for entry in &mut self.0 {
            if entry.is_due(now_ms, is_base) {
                entry.read(context, recorder, now_ms);
            }
            if is_base && entry.told != Told::NotHere {
                recorder.set(entry.duration_series, entry.spent.as_secs_f64());
                #[expect(clippy::cast_precision_loss, reason = "a count of failures stays far below 2^53")]
                recorder.set(entry.failures_series, entry.failures as f64);
            }
        }
    }
}

impl Entry {
    fn is_due(&self, now_ms: i64, is_base: bool) -> bool {
        if self.row.every_ms == 0 {
            return is_base || self.usual <= CHEAP_MAX;
        }
        // Compared for inequality, so that a clock set back does not silence the source.
        let every_ms = super::as_i64(self.row.every_ms);
        self.last_read_ms.is_none_or(|last| last.div_euclid(every_ms) != now_ms.div_euclid(every_ms))
    }

    fn read(&mut self, context: &Context<'_>, recorder: &mut Recorder, now_ms: i64) {
        let started = Instant::now();
        if self.open.is_none() {
            if started < self.open_at {
                return;
            }
            self.open(context, recorder, started);
        }
        let Some(source) = &mut self.open else { return };
        self.last_read_ms = Some(now_ms);
        let result = source.read(recorder);
        let took = started.elapsed();
        self.spent += took;
        self.usual = (self.usual * 7 + took) / 8;
        match result {
            Ok(()) => {
                self.failures_in_row = 0;
                self.tell(Told::Works, None);
            }
            Err(error) => self.failed(&error, started),
        }
    }

    fn open(&mut self, context: &Context<'_>, recorder: &mut Recorder, now: Instant) {
        self.open_at = now + RETRY_AFTER;
        match (self.row.open)(context, recorder) {
            Ok(Some(source)) => self.open = Some(source),
            Ok(None) => self.tell(Told::NotHere, None),
            Err(error) => {
                self.failures += 1;
                self.tell(Told::Broken, Some(&error));
            }
        }
    }

    fn failed(&mut self, error: &ReadError, now: Instant) {
        self.failures += 1;
        self.failures_in_row += 1;
        debug!(source = self.row.name, error = %chain(error), "reading failed");
        if self.failures_in_row >= FAILURES_MAX {
            self.failures_in_row = 0;
            self.open = None;
            self.open_at = now + RETRY_AFTER;
            self.tell(Told::Broken, Some(error));
        }
    }

    fn tell(&mut self, now: Told, error: Option<&ReadError>) {
        let before = std::mem::replace(&mut self.told, now);
        let source = self.row.name;
        match (now, error) {
            _ if before == now => {}
            (Told::Broken, Some(error)) => {
                warn!(source, retry_s = RETRY_AFTER.as_secs(), error = %chain(error), "source turned off");
            }
            (Told::NotHere, _) => info!(source, "source not here"),
            (Told::Works, _) if before == Told::Broken => info!(source, "source works again"),
            _ => debug!(source, "source opened"),
        }
    }
}
