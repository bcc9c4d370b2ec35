//! `POST /api/v1/dashboard/export` and `GET /api/v1/export...`: history as files.

use axum::{
    body::Body,
    extract::{FromRequest as _, FromRequestParts as _, Path, Request},
    http::{HeaderValue, header},
    response::Response,
};
use farol_shared::report;
use serde_json::{Value, json};

use super::{App, Turns, aside, caller::Caller, json as answer};
use crate::{
    access::View,
    export::{
        Format, Place, Source, Wanted, Zone,
        records::Pages,
        series::Series,
        size::{self, Size},
        stream::{self, End},
    },
    problem::{JsonBody, Problem},
    state::{State, StateError},
};

mod given;
mod records;

pub use given::{ExportBody, NumberOrText};

/// When to ask again when there are too many exports, in seconds.
const RETRY_AFTER_S: u64 = 10;

/// How often the line of the audit log is tried to be completed while the accounts are busy.
const TRIES: u32 = 20;

/// Pause between two tries.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// Writes a file as its body asks.
pub(super) async fn post(app: App, request: Request) -> Result<Response, Problem> {
    let about = About::of(&app, &request)?;
    let JsonBody(body) = JsonBody::<ExportBody>::from_request(request, &app).await?;
    series(app, about, body).await
}

/// Writes a file as its parameters ask.
pub(super) async fn get(app: App, request: Request) -> Result<Response, Problem> {
    let about = About::of(&app, &request)?;
    let body = given::of_query(request.uri())?;
    series(app, about, body).await
}

/// Tells about how large a file would be.
pub(super) async fn size(app: App, request: Request) -> Result<Response, Problem> {
    let view = View::of(&request)?;
    let body = given::of_query(request.uri())?;
    let size: Size = aside(&request, move || Ok(size::estimate(&body.wanted(&app, &view)?))).await?;
    Ok(answer(&size))
}

/// Writes a file of records.
pub(super) async fn of_records(app: App, request: Request) -> Result<Response, Problem> {
    let about = About::of(&app, &request)?;
    let uri = request.uri().clone();
    let (mut parts, _) = request.into_parts();
    let path = Path::<String>::from_request_parts(&mut parts, &()).await;
    let Path(kind) = path.map_err(|_| Problem::not_found("there is no such export"))?;
    let place = about.place()?;
    let (for_list, view) = (app.clone(), about.caller.view().clone());
    let wanted = about.turns.aside(move || records::wanted(&for_list, &view, &kind, &uri)).await?;
    let file = File {
        name: wanted.kind.as_str(),
        format: wanted.format,
        zone: wanted.zone,
        range: (wanted.range.from_ms, wanted.range.to_ms),
    };
    let detail = json!({
        "from": wanted.range.from_ms, "to": wanted.range.to_ms, "format": wanted.format.as_str(), "tenant": wanted.range.tenant,
    });
    about.begin(place, &file, detail, Pages::new(wanted)).await
}

async fn series(app: App, about: About, body: ExportBody) -> Result<Response, Problem> {
    let place = about.place()?;
    let view = about.caller.view().clone();
    let wanted: Wanted = about.turns.aside(move || body.wanted(&app, &view)).await?;
    let range = (wanted.from_ms, wanted.to_ms);
    let file = File { name: "metrics", format: wanted.format, zone: wanted.zone, range };
    let detail = json!({
        "metrics": wanted.metrics(), "from": wanted.from_ms, "to": wanted.to_ms, "step_ms": wanted.step_ms,
        "format": wanted.format.as_str(), "tenant": wanted.scope.tenant,
    });
    about.begin(place, &file, detail, Series::new(&wanted)).await
}

/// Who asks, and what an export needs beside its question.
struct About {
    caller: Caller,
    turns: Turns,
}

/// What a file is called after.
struct File {
    name: &'static str,
    format: Format,
    zone: Zone,
    range: (i64, i64),
}

impl About {
    fn of(app: &App, request: &Request) -> Result<Self, Problem> {
        Ok(Self { caller: Caller::of(app, request, "audit log")?, turns: Turns::of(request)? })
    }

    fn place(&self) -> Result<Place, Problem> {
        let refused =
            || Problem::too_many("as many exports as may run at once are under way; ask again when one has ended", RETRY_AFTER_S);
        self.caller.parts().exports.begin().ok_or_else(refused)
    }

    /// Writes the line of the audit log and begins the file.
    async fn begin<S: Source>(self, place: Place, file: &File, detail: Value, source: S) -> Result<Response, Problem> {
        let start = self.caller.line("export", file.name, &detail);
        let line = self.caller.write(move |db| db.begin_audit(&start)).await?;
        let state = self.caller.state().clone();
        let ended = move |end: End, rows: u64| {
            tokio::spawn(complete(state, line, end, rows, detail));
        };
        Ok(file.response(stream::body(source, self.turns, place, ended)))
    }
}

/// Completes the line of the audit log.
async fn complete(state: State, line: i64, end: End, rows: u64, detail: Value) {
    let (count, detail) = (Some(i64::try_from(rows).unwrap_or(i64::MAX)), detail.to_string());
    for tried in 1..=TRIES {
        let detail = detail.clone();
        match state.change(move |db| db.end_audit(line, end.as_str(), count, &detail)).await {
            Ok(()) => return,
            Err(StateError::Busy) if tried < TRIES => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::error!(target: "export", line, error = %report::chain(&error), "audit log could not be completed");
                return;
            }
        }
    }
}

impl File {
    fn response(&self, body: Body) -> Response {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.format.media()));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let disposition = format!("attachment; filename=\"{}\"", self.file_name());
        let disposition = HeaderValue::from_str(&disposition).expect("words, digits and dashes fit into a header");
        headers.insert(header::CONTENT_DISPOSITION, disposition);
        response
    }

    /// Of our own words and times only: nothing that anybody sent.
    fn file_name(&self) -> String {
        let [from, to] = [self.range.0, self.range.1].map(|time_ms| self.zone.compact(time_ms));
        format!("farol-{}-{from}-{to}.{}", self.name, self.format.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_after_what_it_is_and_its_time() {
        let file = File { name: "metrics", format: Format::Csv, zone: Zone::default(), range: (0, 86_400_000) };
        let response = file.response(Body::empty());
        let disposition = response.headers()["content-disposition"].to_str().unwrap();
        assert_eq!(disposition, "attachment; filename=\"farol-metrics-19700101T000000-19700102T000000.csv\"");
    }
}
