//! `/api/v1/audit`: who did what, and when; page by page, or all of it as a file.
//!
//! Bounded: a file is written page by page ([`PAGE`] lines in memory), however long the log is.

use std::time::Duration;

use axum::{
    RequestExt as _,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use farol_shared::report;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    App,
    caller::state_problem,
    json,
    parameters::{Parameters, instant, wrong},
};
use crate::{
    access::{
        Access, Person,
        audit::{self, By},
        origin::Caller,
    },
    export::{Style, csv},
    problem::Problem,
    state::{AuditFilter, AuditRow, StateError},
};

/// Most lines of the audit log in one answer.
const LINES_MAX: u32 = 1_000;

/// Lines of a file that are in memory at once.
const PAGE: u32 = 500;

/// How often a page is asked for while the accounts are busy: half of a file is worth nothing.
const TRIES: u32 = 100;

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// A page of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct Audit {
    /// Newest first.
    pub entries: Vec<AuditEntry>,
    /// Parameter `before` of the next page; `null` on the last one.
    pub next: Option<String>,
}

/// One line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Its number.
    pub id: i64,
    /// When the action began, in milliseconds since the epoch.
    pub time: i64,
    /// Who.
    pub username: String,
    /// In which role; empty when nobody was signed in.
    pub role: String,
    /// Address that the request came from; `null` when it is not known.
    pub address: Option<String>,
    /// What, such as `login`, `user.create`, `token.revoke`, `board.change`, `export` or `redis.delete_key`.
    pub action: String,
    /// To whom or what.
    pub target: String,
    /// With which particulars. Names, never secrets.
    #[schema(value_type = Object)]
    pub detail: Value,
    /// How many it concerned; `null` when that is not known.
    pub count: Option<i64>,
    /// `done`, `failed`, `cancelled`, `partial`; `started` while it is under way, and for ever when the collector ended
    /// meanwhile.
    pub result: String,
    /// Why, in the person's own words.
    pub reason: Option<String>,
}

/// Answers a page of the log.
pub(super) async fn list(app: App, request: Request) -> Result<Response, Problem> {
    let parameters = Parameters::of(request.uri(), &["limit", "before", "action", "username", "from", "to"])?;
    let limit = parameters.number("limit", 50, 1, LINES_MAX)?;
    let number = |text: &str| text.parse::<i64>().map_err(|_| wrong("before", "is not what `next` said in an answer"));
    let before = parameters.text("before").map(number).transpose()?;
    let wanted = AuditFilter { before, ..filter(&parameters)? };
    let rows = app.parts().access.state().read(move |db| db.audit(limit, &wanted)).await;
    let rows = rows.map_err(|error| state_problem("audit log", &error))?;
    let is_full = u32::try_from(rows.len()).is_ok_and(|rows| rows >= limit);
    let next = rows.last().filter(|_| is_full).map(|last| last.id.to_string());
    Ok(json(&Audit { entries: rows.into_iter().map(entry).collect(), next }))
}

fn filter(parameters: &Parameters) -> Result<AuditFilter, Problem> {
    let (from_ms, to_ms) = (parameters.instant("from")?, parameters.instant("to")?);
    if let (Some(from_ms), Some(to_ms)) = (from_ms, to_ms)
        && from_ms >= to_ms
    {
        return Err(wrong("from", "must be before to"));
    }
    let text = |name| parameters.text(name).map(str::to_owned);
    Ok(AuditFilter { before: None, action: text("action"), username: text("username"), from_ms, to_ms })
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Ndjson,
    Json,
}

const FORMATS: &[(&str, Format)] = &[("csv", Format::Csv), ("ndjson", Format::Ndjson), ("json", Format::Json)];

impl Format {
    const fn media(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
            Self::Json => "application/json",
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::Csv => "attachment; filename=\"farol-audit.csv\"",
            Self::Ndjson => "attachment; filename=\"farol-audit.ndjson\"",
            Self::Json => "attachment; filename=\"farol-audit.json\"",
        }
    }
}

/// Answers the log as a file, newest first. That somebody did so is its first line.
pub(super) async fn export(app: App, mut request: Request) -> Result<Response, Problem> {
    let parameters = Parameters::of(request.uri(), &["format", "action", "username", "from", "to"])?;
    let format = parameters.word("format", FORMATS)?.unwrap_or(Format::Csv);
    let wanted = filter(&parameters)?;
    let caller: Caller = request.extract_parts_with_state(&app).await?;
    let person: Person = request.extract_parts_with_state(&app).await?;
    let access = app.parts().access.clone();
    let detail = json!({ "format": parameters.text("format").unwrap_or("csv"), "action": wanted.action, "username": wanted.username,
        "from": wanted.from_ms, "to": wanted.to_ms });
    let noted = audit::note(access.state(), By::person(&person, caller.address), app.now_ms(), "export", "audit", detail);
    noted.await.map_err(|error| state_problem("audit log", &error))?;
    let file = File { access, format, wanted, part: Part::Head };
    let pieces = stream::unfold(file, async |mut file| file.piece().await.map(|piece| (piece, file)));
    // Who compresses it asks once more after the end.
    let mut response = Body::from_stream(pieces.fuse()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media()));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(format.file()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Where a file that is being written is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    Lines { is_first: bool },
    Tail,
    End,
}

/// A file that is being written.
#[derive(Debug)]
struct File {
    access: Access,
    format: Format,
    wanted: AuditFilter,
    part: Part,
}

impl File {
    /// The next piece; `None` at the end. A failure breaks the connection off, so that nobody takes half of a file for all of it.
    async fn piece(&mut self) -> Option<Result<Bytes, StateError>> {
        match self.part {
            Part::Head => {
                self.part = Part::Lines { is_first: true };
                Some(Ok(self.head().into()))
            }
            Part::Lines { is_first } => match self.page().await {
                Ok(rows) if rows.is_empty() => {
                    self.part = Part::End;
                    Some(Ok(self.tail().into()))
                }
                Ok(rows) => {
                    self.wanted.before = rows.last().map(|row| row.id);
                    let is_last = u32::try_from(rows.len()).is_ok_and(|count| count < PAGE);
                    self.part = if is_last { Part::Tail } else { Part::Lines { is_first: false } };
                    Some(Ok(self.lines(rows, is_first).into()))
                }
                Err(error) => {
                    tracing::error!(target: "api", error = %report::chain(&error), "audit log could not be read");
                    self.part = Part::End;
                    Some(Err(error))
                }
            },
            Part::Tail => {
                self.part = Part::End;
                Some(Ok(self.tail().into()))
            }
            Part::End => None,
        }
    }

    async fn page(&self) -> Result<Vec<AuditRow>, StateError> {
        let mut tried = 0;
        loop {
            let wanted = self.wanted.clone();
            tried += 1;
            match self.access.state().read(move |db| db.audit(PAGE, &wanted)).await {
                Err(StateError::Busy) if tried < TRIES => tokio::time::sleep(PAUSE).await,
                answer => return answer,
            }
        }
    }

    fn head(&self) -> String {
        match self.format {
            Format::Csv => csv::row(COLUMNS, Style::default()),
            Format::Ndjson => String::new(),
            Format::Json => "{\"entries\":[".to_owned(),
        }
    }

    fn lines(&self, rows: Vec<AuditRow>, is_first: bool) -> String {
        if self.format == Format::Csv {
            return csv_lines(rows);
        }
        let mut text = String::new();
        for (at, row) in rows.into_iter().enumerate() {
            if self.format == Format::Json && !(is_first && at == 0) {
                text.push(',');
            }
            text.push_str(&serde_json::to_string(&entry(row)).expect("a struct of strings and numbers serialises"));
            if self.format == Format::Ndjson {
                text.push('\n');
            }
        }
        text
    }

    const fn tail(&self) -> &'static str {
        match self.format {
            Format::Csv | Format::Ndjson => "",
            Format::Json => "]}",
        }
    }
}

const COLUMNS: &[&str] =
    &["id", "time", "username", "role", "address", "action", "target", "detail", "count", "result", "reason"];

fn csv_lines(rows: Vec<AuditRow>) -> String {
    let line = |AuditRow { id, start, count, result }: AuditRow| {
        let count = count.map(|count| count.to_string()).unwrap_or_default();
        let cells: &[&str] = &[
            &id.to_string(),
            &instant::text(start.time_ms),
            &start.username,
            &start.role,
            start.address.as_deref().unwrap_or_default(),
            &start.action,
            &start.target,
            &start.detail,
            &count,
            &result,
            start.reason.as_deref().unwrap_or_default(),
        ];
        csv::row(cells, Style::default())
    };
    rows.into_iter().map(line).collect()
}

fn entry(row: AuditRow) -> AuditEntry {
    let AuditRow { id, start, count, result } = row;
    AuditEntry {
        id,
        time: start.time_ms,
        username: start.username,
        role: start.role,
        address: start.address,
        action: start.action,
        target: start.target,
        // Written by ourselves; a file that somebody edited must not hide the line.
        detail: serde_json::from_str(&start.detail).unwrap_or(Value::Null),
        count,
        result,
        reason: start.reason,
    }
}
