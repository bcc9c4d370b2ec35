//! History: plays stretches of the past through the engine, in the order of time and in bounded memory.
//!
//! Samples as they were taken where they are kept, one-minute rollups before; events and logs as they were told. Read in chunks that
//! hold at most about [`CHUNK_SAMPLES`] samples.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use farol_shared::{
    batch::SeriesKey,
    catalog,
    metric::Kind,
    record::{Event, Level as LogLevel, LogRecord},
};
use farol_store::{EventQuery, LogQuery, Query, QueryError, RECORDS_MAX, RecordRange, ResourceId, SeriesId, Store};

use super::{
    Engine, Rule,
    engine::STEP_MS,
    past::NoPast,
    rule::{Aggregate, Condition},
    select::ResourceFacts,
    window::{DIVISOR_HOLDS_MS, PREDECESSOR_MS_MAX},
};

mod tier;

pub use tier::raw_from;

/// About how many samples are in memory at once, 32 bytes each.
pub const CHUNK_SAMPLES: usize = 500_000;

/// How far a start reads back at most, in milliseconds: the longest window, and what comes before it.
pub const LOOKBACK_MS_MAX: i64 = 6 * 3_600_000 + PREDECESSOR_MS_MAX;

/// Most records of one sort that are read of one chunk; beyond it the oldest are left out.
const RECORDS_READ_MAX: usize = 50 * RECORDS_MAX;

/// First length of a chunk, in milliseconds. All are whole minutes: so are rollups.
const CHUNK_MS: i64 = 300_000;
/// Longest chunk, in milliseconds.
const CHUNK_MS_MAX: i64 = 6 * 3_600_000;
/// Width of a rollup and shortest chunk, in milliseconds.
const MINUTE_MS: i64 = 60_000;
/// Windows longer than this are filled with rollups at a start, in milliseconds: their sixtieths are longer than a minute.
const FILLED_RAW_MS_MAX: i64 = 3_600_000;

/// Series that are read: one metric of some resources.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Name of the metric.
    pub metric: String,
    /// Attributes that every series has.
    pub attributes: Vec<(String, String)>,
    /// Of which resources; all when there is none.
    pub resources: Vec<ResourceId>,
    /// From when on, in ms since the epoch.
    pub from_ms: i64,
    /// From when on as they were taken; one-minute rollups before, in ms since the epoch.
    pub raw_from_ms: i64,
    /// What stands for a minute of which only a rollup is kept.
    pub minute: farol_store::Aggregate,
}

/// What is read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Series.
    pub series: Vec<Wanted>,
    /// Whether events are read, and of which types; empty means all.
    pub events: Option<Vec<String>>,
    /// Whether logs are read, and of which level at least.
    pub logs: Option<LogLevel>,
    /// Of which resources records are read; all when there is none.
    pub record_resources: Vec<ResourceId>,
    /// From when on records are read, in ms since the epoch.
    pub records_from_ms: i64,
}

/// One thing that happened.
#[derive(Debug)]
enum Happened {
    Sample { series: u32, value: f64 },
    Event(ResourceId, Box<Event>),
    Log(ResourceId, Box<LogRecord>),
}

/// Reads a stretch chunk by chunk.
#[derive(Debug)]
pub struct Feed<'a> {
    store: &'a Store,
    reading: Reading,
    next_ms: i64,
    to_ms: i64,
    /// From here on samples are read as they were taken, in ms since the epoch.
    raw_from_ms: i64,
    chunk_ms: i64,
    series: Vec<(SeriesId, ResourceId, Arc<SeriesKey>)>,
    places: HashMap<SeriesId, u32>,
    waiting: std::vec::IntoIter<(i64, Happened)>,
    next: Option<(i64, Happened)>,
    read: u64,
}

impl<'a> Feed<'a> {
    /// What happened after `from_ms` and not after `to_ms`, oldest first; of what is not kept as it was taken at `raw_from_ms`, rollups.
    #[must_use]
    pub fn new(store: &'a Store, reading: Reading, (from_ms, to_ms): (i64, i64), raw_from_ms: i64) -> Self {
        Self {
            store,
            reading,
            next_ms: from_ms.div_euclid(MINUTE_MS) * MINUTE_MS,
            to_ms,
            raw_from_ms: raw_from_ms.max(i64::MIN + MINUTE_MS).div_euclid(MINUTE_MS) * MINUTE_MS,
            chunk_ms: CHUNK_MS,
            series: Vec::new(),
            places: HashMap::new(),
            waiting: Vec::new().into_iter(),
            next: None,
            read: 0,
        }
    }

    /// How many samples and records were read so far.
    #[must_use]
    pub const fn read(&self) -> u64 {
        self.read
    }

    /// Hands everything up to a moment to the engine.
    ///
    /// # Errors
    /// [`QueryError`] when history cannot be read.
    pub fn feed(&mut self, engine: &mut Engine, at_ms: i64) -> Result<(), QueryError> {
        loop {
            let next = match self.next.take() {
                Some(next) => next,
                None => match self.waiting.next() {
                    Some(next) => next,
                    None if self.next_ms < at_ms.min(self.to_ms) => {
                        self.chunk()?;
                        continue;
                    }
                    None => return Ok(()),
                },
            };
            if next.0 > at_ms {
                self.next = Some(next);
                return Ok(());
            }
            match next.1 {
                Happened::Sample { series, value } => {
                    let (id, resource, key) = &self.series[series as usize];
                    engine.sample(*id, *resource, key, next.0, value);
                }
                Happened::Event(resource, event) => engine.event(resource, &event, next.0),
                Happened::Log(resource, record) => engine.log(resource, &record, next.0),
            }
        }
    }

    /// Reads the next chunk. A moment belongs to the chunk whose end it is at most.
    fn chunk(&mut self) -> Result<(), QueryError> {
        let is_raw = self.next_ms >= self.raw_from_ms;
        let end_ms = if is_raw { self.to_ms } else { self.raw_from_ms.min(self.to_ms) };
        // Rollups are sixty times fewer.
        let chunk_ms = if is_raw { self.chunk_ms } else { self.chunk_ms * 12 };
        let (from_ms, to_ms) = (self.next_ms, (self.next_ms + chunk_ms).min(end_ms));
        let mut all = Vec::new();
        for wanted in self.reading.series.clone() {
            let from_ms = from_ms.max(wanted.from_ms.div_euclid(MINUTE_MS) * MINUTE_MS);
            let whole_ms = wanted.raw_from_ms.max(self.raw_from_ms).div_euclid(MINUTE_MS) * MINUTE_MS;
            for (from_ms, to_ms, is_raw) in [(from_ms, to_ms.min(whole_ms), false), (from_ms.max(whole_ms), to_ms, true)] {
                if from_ms < to_ms {
                    self.read_series(&wanted, &wanted.resources, (from_ms, to_ms), is_raw, &mut all)?;
                }
            }
        }
        let records_from_ms = from_ms.max(self.reading.records_from_ms);
        if records_from_ms < to_ms {
            self.read_records((records_from_ms, to_ms), &mut all)?;
        }
        // Stable, and of one series in the order of time already: what came at one moment counts in the order of the series.
        all.sort_by_key(|(time_ms, happened)| match happened {
            Happened::Sample { series, .. } => (*time_ms, self.series[*series as usize].0),
            Happened::Event(..) | Happened::Log(..) => (*time_ms, SeriesId::MAX),
        });
        self.read += all.len() as u64;
        if all.len() > CHUNK_SAMPLES {
            self.chunk_ms = (self.chunk_ms / 2 / MINUTE_MS * MINUTE_MS).max(MINUTE_MS);
        } else if all.len() < CHUNK_SAMPLES / 8 {
            self.chunk_ms = (self.chunk_ms * 2).min(CHUNK_MS_MAX);
        }
        self.waiting = all.into_iter();
        self.next_ms = to_ms;
        Ok(())
    }

    /// Reads some series; what is too much at once is read in halves.
    fn read_series(
        &mut self,
        wanted: &Wanted,
        resources: &[ResourceId],
        (from_ms, to_ms): (i64, i64),
        is_raw: bool,
        all: &mut Vec<(i64, Happened)>,
    ) -> Result<(), QueryError> {
        // History holds what is not before `from` and before `to`; here it is what is after `from` and not after `to`.
        let query = Query {
            metric: wanted.metric.clone(),
            attributes: wanted.attributes.clone(),
            resources: resources.to_vec(),
            from_ms: if is_raw { from_ms + 1 } else { from_ms },
            to_ms: if is_raw { to_ms + 1 } else { to_ms },
            step_ms: if is_raw { 0 } else { MINUTE_MS },
            aggregate: if is_raw { farol_store::Aggregate::Raw } else { wanted.minute },
            max_points: farol_store::POINTS_MAX,
            ..Query::default()
        };
        match self.store.query(&query) {
            Ok(answer) => {
                let late_ms = if is_raw { 0 } else { answer.step_ms };
                for one in answer.series {
                    let info = &one.series;
                    let series = *self.places.entry(info.id).or_insert_with(|| {
                        self.series.push((info.id, info.resource, Arc::clone(&info.key)));
                        u32::try_from(self.series.len() - 1).unwrap_or(u32::MAX)
                    });
                    // What a minute came to is known at its end.
                    let known = one.points.into_iter().map(|(time_ms, value)| (time_ms + late_ms, value));
                    all.extend(known.map(|(time_ms, value)| (time_ms, Happened::Sample { series, value })));
                }
                Ok(())
            }
            Err(QueryError::TooManyPoints { .. }) if to_ms - from_ms > MINUTE_MS => {
                let middle_ms = from_ms + ((to_ms - from_ms) / 2 / MINUTE_MS).max(1) * MINUTE_MS;
                self.read_series(wanted, resources, (from_ms, middle_ms), is_raw, all)?;
                self.read_series(wanted, resources, (middle_ms, to_ms), is_raw, all)
            }
            Err(QueryError::TooManySeries { .. }) if resources.len() != 1 => {
                let known: Vec<ResourceId> = if resources.is_empty() {
                    self.store.resources().iter().map(|info| info.id).collect()
                } else {
                    resources.to_vec()
                };
                let (first, second) = known.split_at(known.len() / 2);
                for half in [first, second].into_iter().filter(|half| !half.is_empty()) {
                    self.read_series(wanted, half, (from_ms, to_ms), is_raw, all)?;
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn read_records(&self, (from_ms, to_ms): (i64, i64), all: &mut Vec<(i64, Happened)>) -> Result<(), QueryError> {
        let resources = self.reading.record_resources.clone();
        let range = RecordRange { from_ms: from_ms + 1, to_ms: to_ms + 1, resources, tenant: None };
        let limit = RECORDS_MAX;
        if let Some(kinds) = &self.reading.events {
            let mut query = EventQuery { range: range.clone(), kinds: kinds.clone(), before: None, limit };
            let mut found = Vec::new();
            loop {
                let page = self.store.events(&query)?;
                query.before = page.last().map(|last| (last.record.time_ms, last.id));
                let is_last = page.len() < limit;
                found.extend(
                    page.into_iter().map(|event| (event.record.time_ms, Happened::Event(event.resource, Box::new(event.record)))),
                );
                if is_last || found.len() >= RECORDS_READ_MAX {
                    break;
                }
            }
            all.extend(found.into_iter().rev());
        }
        if let Some(least) = self.reading.logs {
            let mut query = LogQuery { range, least, text: None, before: None, limit };
            let mut found = Vec::new();
            loop {
                let page = self.store.logs(&query)?;
                query.before = page.last().map(|last| (last.record.time_ms, last.id));
                let is_last = page.len() < limit;
                found.extend(page.into_iter().map(|log| (log.record.time_ms, Happened::Log(log.resource, Box::new(log.record)))));
                if is_last || found.len() >= RECORDS_READ_MAX {
                    break;
                }
            }
            all.extend(found.into_iter().rev());
        }
        Ok(())
    }
}

/// What of history a rule needs, when it is to be judged from `from_ms` on.
#[must_use]
pub fn needs(rule: &Rule, resources: &[ResourceId], from_ms: i64) -> Reading {
    let from_ms = from_ms - rule.window_ms() - PREDECESSOR_MS_MAX.max(DIVISOR_HOLDS_MS);
    let mut reading = Reading { record_resources: resources.to_vec(), records_from_ms: from_ms, ..Reading::default() };
    match &rule.condition {
        Condition::Series(series) => {
            let wanted = |metric: &str, tests: &[String], aggregate: Aggregate| Wanted {
                metric: metric.to_owned(),
                attributes: plain(tests),
                resources: resources.to_vec(),
                from_ms,
                raw_from_ms: i64::MIN,
                minute: minute(aggregate, metric),
            };
            reading.series.push(wanted(&series.metric, &series.attributes, series.aggregate));
            if let Some(divisor) = &series.divided_by {
                reading.series.push(wanted(&divisor.metric, &divisor.attributes, Aggregate::Last));
            }
        }
        Condition::Events(events) => reading.events = Some(events.kinds.clone()),
        Condition::Logs(logs) => reading.logs = Some(logs.level.as_deref().and_then(LogLevel::parse).unwrap_or(LogLevel::Trace)),
        Condition::Silent(_) => {}
    }
    reading
}

/// Tests that say one plain value: history finds those series alone.
fn plain(tests: &[String]) -> Vec<(String, String)> {
    let is_plain = |(key, value): &(&str, &str)| !key.ends_with('!') && !value.contains(['*', '|']) && !value.trim().is_empty();
    let pairs = tests.iter().filter_map(|test| test.split_once('=')).filter(is_plain);
    pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect()
}

/// What stands for a minute when a rule looks at it in this way.
fn minute(aggregate: Aggregate, metric: &str) -> farol_store::Aggregate {
    let is_total = catalog::find(metric).is_some_and(|known| known.kind == Kind::Counter);
    match aggregate {
        // Of counters the total itself: the engine takes the differences.
        _ if is_total => farol_store::Aggregate::Last,
        Aggregate::Max => farol_store::Aggregate::Max,
        Aggregate::Min => farol_store::Aggregate::Min,
        Aggregate::Sum => farol_store::Aggregate::Sum,
        Aggregate::Mean | Aggregate::Quantile => farol_store::Aggregate::Mean,
        Aggregate::Last | Aggregate::Rate | Aggregate::Increase | Aggregate::Until | Aggregate::Count | Aggregate::Absent => {
            farol_store::Aggregate::Last
        }
    }
}

/// Plays what is needed of the recent past, muted, so that the engine stands at `until_ms` (a whole second) as if it had never stopped:
/// windows are full, and what is pending is pending since when it is. Tell it first what resources are and what is open
/// ([`Engine::know`], [`Engine::hold`]).
///
/// # Errors
/// [`QueryError`] when history cannot be read; then windows begin empty.
pub fn replay(engine: &mut Engine, store: &Store, rules: &[Arc<Rule>], until_ms: i64) -> Result<u64, QueryError> {
    let reads: Vec<(&Rule, i64)> = rules.iter().filter(|rule| rule.enabled).map(|rule| (&**rule, steadiness_ms(rule))).collect();
    let longest_ms = reads.iter().map(|(_, ms)| *ms).max().unwrap_or(0);
    engine.mute();
    engine.wake(|rule| until_ms - steadiness_ms(rule));
    let played = play(engine, store, together(&reads, until_ms), (until_ms - longest_ms, until_ms));
    engine.wake(|_| i64::MIN);
    engine.unmute(until_ms);
    played
}

/// Fills the windows of rules that begin while the engine runs, up to the second that it judged last. What they watch is pending from
/// now on.
///
/// # Errors
/// As [`replay`].
pub fn fill(engine: &mut Engine, store: &Store, rules: &[Arc<Rule>]) -> Result<u64, QueryError> {
    let Some(until_ms) = engine.judged_ms() else { return Ok(0) };
    let reads: Vec<(&Rule, i64)> = rules.iter().filter(|rule| rule.enabled).map(|rule| (&**rule, 0)).collect();
    let reading = together(&reads, until_ms);
    let from_ms = oldest_ms(&reading).max(until_ms - LOOKBACK_MS_MAX);
    engine.fill_only(Some(rules.iter().map(|rule| rule.id.clone()).collect()));
    let mut feed = Feed::new(store, reading, (from_ms, until_ms), i64::MIN);
    let fed = feed.feed(engine, until_ms);
    engine.fill_only(None);
    fed.map(|()| feed.read())
}

/// From when on something is read, in ms since the epoch.
fn oldest_ms(reading: &Reading) -> i64 {
    reading.series.iter().map(|wanted| wanted.from_ms).min().unwrap_or(i64::MAX).min(reading.records_from_ms)
}

fn play(engine: &mut Engine, store: &Store, reading: Reading, (judged_from_ms, until_ms): (i64, i64)) -> Result<u64, QueryError> {
    let from_ms = oldest_ms(&reading).min(judged_from_ms).max(until_ms - LOOKBACK_MS_MAX);
    let mut feed = Feed::new(store, reading, (from_ms, until_ms), i64::MIN);
    let mut at_ms = judged_from_ms.max(from_ms).min(until_ms).div_euclid(STEP_MS) * STEP_MS;
    while at_ms <= until_ms {
        feed.feed(engine, at_ms)?;
        engine.judge(at_ms, &mut NoPast);
        at_ms += STEP_MS;
    }
    Ok(feed.read())
}

/// For how long a rule must have been judged for its state to be what it would be, in milliseconds.
fn steadiness_ms(rule: &Rule) -> i64 {
    let ms = i64::from(rule.for_s.saturating_add(rule.resolve_after_s)) * 1_000 + STEP_MS;
    ms.min(LOOKBACK_MS_MAX)
}

/// What several rules need, each series once.
fn together(rules: &[(&Rule, i64)], until_ms: i64) -> Reading {
    let mut series: BTreeMap<String, Wanted> = BTreeMap::new();
    let mut reading = Reading { records_from_ms: until_ms, ..Reading::default() };
    for (rule, steady_ms) in rules {
        let own = needs(rule, &[], until_ms - steady_ms);
        if own.events.is_some() || own.logs.is_some() {
            reading.records_from_ms = reading.records_from_ms.min(own.records_from_ms);
        }
        for wanted in own.series {
            let from_ms = wanted.from_ms.max(until_ms - LOOKBACK_MS_MAX);
            // A day of every second for a line through an hour's means would be read for nothing.
            let is_long = rule.window_ms() > FILLED_RAW_MS_MAX;
            let raw_from_ms = if is_long { until_ms - steady_ms - 2 * PREDECESSOR_MS_MAX } else { from_ms };
            let known =
                series.entry(wanted.metric.clone()).or_insert(Wanted { attributes: Vec::new(), from_ms, raw_from_ms, ..wanted });
            known.from_ms = known.from_ms.min(from_ms);
            known.raw_from_ms = known.raw_from_ms.min(raw_from_ms);
        }
        if own.events.is_some() {
            reading.events = Some(Vec::new());
        }
        reading.logs = match (reading.logs, own.logs) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    reading.series = series.into_values().collect();
    reading
}

/// Tells the engine of all resources that history knows.
pub fn introduce(engine: &mut Engine, store: &Store) {
    for info in store.resources() {
        engine.know(ResourceFacts::from(&info));
    }
}

/// Series by which it is seen whether a resource was there: those that last longest.
pub(super) fn presence(store: &Store, resource: ResourceId, (from_ms, to_ms): (i64, i64)) -> Vec<Wanted> {
    let mut all = store.series(Some(resource), None);
    all.retain(|series| series.first_seen_ms <= to_ms && series.last_seen_ms >= from_ms);
    all.sort_by_key(|series| (std::cmp::Reverse(series.last_seen_ms.saturating_sub(series.first_seen_ms)), series.id));
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|series| seen.insert(series.metric().to_owned()));
    all.truncate(PRESENCE_SERIES);
    let wanted = |series: farol_store::SeriesInfo| Wanted {
        metric: series.metric().to_owned(),
        attributes: series.attributes().to_vec(),
        resources: vec![resource],
        from_ms,
        raw_from_ms: i64::MIN,
        minute: farol_store::Aggregate::Last,
    };
    all.into_iter().map(wanted).collect()
}

/// By how many series it is seen whether a resource was there.
const PRESENCE_SERIES: usize = 2;
