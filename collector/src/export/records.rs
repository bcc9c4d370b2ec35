//! Export of records: events, logs, requests and results of checks, newest first, page by page.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use farol_shared::record::{CheckResult, Event, Level, LogRecord, Request};
use farol_store::{Before, EventQuery, LogQuery, QueryError, RecordRange, ResourceId, Store, Stored};

use super::{
    CHUNK_BYTES, ExportError, Format, Source, Style, Zone,
    format::{Cell, Sheet},
    series::Named,
};
use crate::{number::concise, push::payload};

/// Records that are read at once: a log record with its stack may take 32 KiB.
const PAGE: usize = 250;

/// Longest stretch that is asked for at once where there are no cursors, in milliseconds.
const STRETCH_MS_MAX: i64 = 6 * 3_600_000;

/// What sort of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Events of some types; of all when there are none.
    Events(Vec<String>),
    /// Log records of at least a level, in which some words stand.
    Logs(Level, Option<String>),
    /// Requests that were kept whole: the latest of each minute.
    Recent,
    /// The slowest of each hour.
    Slow,
    /// Results of health checks.
    Checks,
}

/// A duration in milliseconds, without noise.
fn ms(seconds: f64) -> f64 {
    concise(seconds * 1_000.0)
}

/// What is to be exported, checked.
#[derive(Debug, Clone)]
pub struct Records {
    /// History.
    pub store: Store,
    /// What sort.
    pub kind: Kind,
    /// From when to when, of which resources and tenant.
    pub range: RecordRange,
    /// What the resources that may be told are called.
    pub names: HashMap<ResourceId, Arc<Named>>,
    /// By whose clocks times are told.
    pub zone: Zone,
    /// What the file is.
    pub format: Format,
    /// How CSV is written.
    pub style: Style,
}

/// Writes the file.
#[derive(Debug)]
pub struct Pages {
    wanted: Records,
    sheet: Sheet,
    has_begun: bool,
    /// What was read and is not written yet.
    page: VecDeque<Record>,
    /// Behind which record the next page begins, where there are cursors.
    before: Option<Before>,
    /// Before which instant the next stretch ends, and how long it is, where there are none.
    to_ms: i64,
    stretch_ms: i64,
    is_last: bool,
}

/// A record.
#[derive(Debug)]
enum Record {
    Event(Stored<Event>),
    Log(Stored<LogRecord>),
    Request(Stored<Request>),
    Check(Stored<CheckResult>),
}

impl Pages {
    /// Prepares the file.
    #[must_use]
    pub fn new(wanted: Records) -> Self {
        let columns = wanted.kind.columns().iter().map(|column| (*column).to_owned()).collect();
        let sheet = Sheet::new(wanted.format, wanted.style, wanted.zone, columns, false);
        let to_ms = wanted.range.to_ms;
        Self {
            wanted,
            sheet,
            has_begun: false,
            page: VecDeque::new(),
            before: None,
            to_ms,
            stretch_ms: STRETCH_MS_MAX,
            is_last: false,
        }
    }

    /// Reads the next page.
    fn read(&mut self) -> Result<(), ExportError> {
        let (store, range) = (self.wanted.store.clone(), self.wanted.range.clone());
        match self.wanted.kind.clone() {
            Kind::Events(kinds) => {
                let found = store.events(&EventQuery { range, kinds, before: self.before, limit: PAGE })?;
                self.page_of(found, |event| event.time_ms, Record::Event);
                Ok(())
            }
            Kind::Logs(least, text) => {
                let found = store.logs(&LogQuery { range, least, text, before: self.before, limit: PAGE })?;
                self.page_of(found, |log| log.time_ms, Record::Log);
                Ok(())
            }
            Kind::Recent => self.stretch(|range| store.recent_requests(range, PAGE), |one| one.time_ms, Record::Request),
            Kind::Slow => self.stretch(|range| store.slow_requests(range, PAGE), |one| one.time_ms, Record::Request),
            Kind::Checks => self.stretch(|range| store.check_results(range, None, PAGE), |one| one.time_ms, Record::Check),
        }
    }

    /// Takes a page in, and where the next one begins.
    fn page_of<T>(&mut self, found: Vec<Stored<T>>, time_ms: impl Fn(&T) -> i64, record: impl Fn(Stored<T>) -> Record) {
        self.is_last = found.len() < PAGE;
        self.before = found.last().map(|last| (time_ms(&last.record), last.id));
        self.page.extend(found.into_iter().map(record));
    }

    /// Takes in all records of the newest stretch that was not read yet; a shorter one when there are more than a page of them.
    fn stretch<T>(
        &mut self,
        ask: impl Fn(&RecordRange) -> Result<Vec<Stored<T>>, QueryError>,
        time_ms: impl Fn(&T) -> i64,
        record: impl Fn(Stored<T>) -> Record,
    ) -> Result<(), ExportError> {
        loop {
            let from_ms = self.to_ms.saturating_sub(self.stretch_ms).max(self.wanted.range.from_ms);
            let range = RecordRange { from_ms, to_ms: self.to_ms, ..self.wanted.range.clone() };
            let mut found = ask(&range)?;
            if found.len() < PAGE {
                found.sort_by_key(|one| std::cmp::Reverse((time_ms(&one.record), one.id)));
                if found.len() < PAGE / 4 {
                    self.stretch_ms = self.stretch_ms.saturating_mul(2).min(STRETCH_MS_MAX);
                }
                (self.to_ms, self.is_last) = (from_ms, from_ms <= self.wanted.range.from_ms);
                self.page.extend(found.into_iter().map(record));
                return Ok(());
            }
            if self.to_ms - from_ms <= 1 {
                return Err(ExportError::TooDense(PAGE));
            }
            self.stretch_ms = (self.to_ms - from_ms) / 2;
        }
    }
}

impl Source for Pages {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, ExportError> {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.sheet.begin(out);
        }
        if self.page.is_empty() && !self.is_last {
            self.read()?;
        }
        while out.len() < CHUNK_BYTES
            && let Some(record) = self.page.pop_front()
        {
            record.write(&self.wanted.names, &mut self.sheet, out);
        }
        if self.page.is_empty() && self.is_last {
            self.sheet.end(out);
            return Ok(false);
        }
        Ok(true)
    }

    fn rows(&self) -> u64 {
        self.sheet.rows()
    }
}

impl Kind {
    /// Its word in addresses and names of files.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Events(_) => "events",
            Self::Logs(..) => "logs",
            Self::Recent | Self::Slow => "requests",
            Self::Checks => "checks",
        }
    }

    const fn columns(&self) -> &'static [&'static str] {
        match self {
            Self::Events(_) => &["id", "time", "resource", "name", "type", "tenant", "payload"],
            Self::Logs(..) => {
                &["id", "time", "resource", "name", "level", "message", "source", "exception", "stack", "tenant", "trace_id"]
            }
            Self::Recent | Self::Slow => &[
                "id",
                "time",
                "resource",
                "name",
                "method",
                "route",
                "path",
                "status",
                "duration_ms",
                "tenant",
                "user",
                "trace_id",
                "exception",
            ],
            Self::Checks => {
                &["id", "time", "resource", "name", "check", "kind", "target", "state", "success", "latency_ms", "detail"]
            }
        }
    }
}

impl Record {
    fn write(&self, names: &HashMap<ResourceId, Arc<Named>>, sheet: &mut Sheet, out: &mut Vec<u8>) {
        let head = |id: i64, time_ms: i64, resource: ResourceId| {
            // Records of a tenant may come from a service that all share: then who it is stays untold.
            let named = names.get(&resource);
            let (key, name) = (named.map(|named| named.key.as_str()), named.map(|named| named.name.as_str()));
            [Cell::Whole(id), Cell::Time(time_ms), Cell::text(key), Cell::text(name)]
        };
        let payload = if let Self::Event(event) = self { Some(payload(&event.record.payload)) } else { None };
        let (head, rest) = match self {
            Self::Event(Stored { id, resource, record }) => (
                head(*id, record.time_ms, *resource),
                vec![
                    Cell::Text(&record.kind),
                    Cell::text(record.tenant.as_deref()),
                    payload.as_deref().map_or(Cell::Empty, Cell::Json),
                ],
            ),
            Self::Log(Stored { id, resource, record }) => (
                head(*id, record.time_ms, *resource),
                vec![
                    Cell::Text(record.level.as_str()),
                    Cell::Text(&record.message),
                    Cell::text(Some(&record.source)),
                    Cell::text(record.exception.as_deref()),
                    Cell::text(Some(&record.stack)),
                    Cell::text(record.tenant.as_deref()),
                    Cell::text(record.trace_id.as_deref()),
                ],
            ),
            Self::Request(Stored { id, resource, record }) => (
                head(*id, record.time_ms, *resource),
                vec![
                    Cell::Text(&record.method),
                    Cell::Text(&record.route),
                    Cell::text(Some(&record.path)),
                    Cell::Whole(record.status.into()),
                    Cell::Number(ms(record.duration_s)),
                    Cell::text(record.tenant.as_deref()),
                    Cell::text(record.user.as_deref()),
                    Cell::text(record.trace_id.as_deref()),
                    Cell::text(record.exception.as_deref()),
                ],
            ),
            Self::Check(Stored { id, resource, record }) => (
                head(*id, record.time_ms, *resource),
                vec![
                    Cell::Text(&record.name),
                    Cell::Text(&record.kind),
                    Cell::Text(&record.target),
                    Cell::Text(record.state.as_str()),
                    Cell::Truth(record.is_success),
                    Cell::number(record.latency_s.map(ms)),
                    Cell::text(Some(&record.detail)),
                ],
            ),
        };
        sheet.row(out, &[&head[..], &rest].concat());
    }
}
