//! `/api/v1/boards` and `POST /api/v1/dashboard/widgets`: dashboards that people put together.

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json as value;
use utoipa::ToSchema;

use super::{
    App,
    caller::{Caller, named, noted},
    created, json, no_content,
    parameters::Parameters,
};
use crate::{
    access::{Person, Role, audit},
    boards::{self, Config, Position, Widget, WidgetType, slug},
    problem::{Fault, Problem},
    state::boards::{BoardChange, BoardLine, BoardRow, Changed},
};

/// What callers of this room come for.
const WHAT: &str = "dashboards";

/// Version of an exported dashboard.
const FILE_VERSION: u32 = 1;

/// Dashboards that somebody sees.
#[derive(Debug, Serialize, ToSchema)]
pub struct BoardList {
    /// By title.
    boards: Vec<BoardEntry>,
}

/// A dashboard in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct BoardEntry {
    /// Its word in addresses.
    slug: String,
    /// What people call it.
    title: String,
    /// Name of the account that made it; empty when that is gone.
    owner: String,
    /// Whether others see it.
    shared: bool,
    /// The tenant of whoever made it.
    tenant: Option<String>,
    /// How many widgets it has.
    widgets: u32,
    /// When it was changed last, in milliseconds since the epoch.
    updated: i64,
    /// Whether it is the caller's own.
    mine: bool,
    /// Whether the caller may change it.
    editable: bool,
}

/// A dashboard.
#[derive(Debug, Serialize, ToSchema)]
pub struct Board {
    /// Its word in addresses.
    slug: String,
    /// What people call it.
    title: String,
    /// Name of the account that made it; empty when that is gone.
    owner: String,
    /// Whether others see it.
    shared: bool,
    /// The tenant of whoever made it.
    tenant: Option<String>,
    /// Grows with each change; a change names the one that it began from.
    revision: i64,
    /// When it was changed last, in milliseconds since the epoch.
    updated: i64,
    /// Whether it is the caller's own.
    mine: bool,
    /// Whether the caller may change it.
    editable: bool,
    /// Its widgets.
    widgets: Vec<Widget>,
}

/// A dashboard to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBoard {
    title: String,
    /// Made from the title when absent.
    slug: Option<String>,
    /// Sharing needs the role admin.
    #[serde(default)]
    shared: bool,
    #[serde(default)]
    widgets: Vec<Widget>,
}

/// What a dashboard is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BoardUpdate {
    title: String,
    /// Sharing needs the role admin.
    shared: bool,
    widgets: Vec<Widget>,
    /// The revision that the change began from.
    revision: i64,
}

/// A dashboard as a file.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BoardFile {
    /// Version of the file: 1.
    farol_board: u32,
    title: String,
    widgets: Vec<Widget>,
}

/// A widget to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWidget {
    widget_type: WidgetType,
    title: String,
    config: Config,
    position: Position,
    /// Slug of a dashboard; one's own first one when absent, made when it is missing.
    board: Option<String>,
}

/// A widget that was added.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddedWidget {
    /// Slug of its dashboard.
    board: String,
    /// As it is kept.
    widget: Widget,
}

/// Lists dashboards.
pub(super) async fn list(app: App, request: Request) -> Result<Response, Problem> {
    Parameters::of(request.uri(), &[])?;
    let caller = Caller::of(&app, &request, WHAT)?;
    let owner = caller.person.username.to_string();
    let lines = caller.read(move |db| db.boards(&owner)).await?;
    let seen = lines.into_iter().filter(|line| boards::sees(&caller.person, &line.board));
    Ok(json(&BoardList { boards: seen.map(|line| entry(&caller.person, line)).collect() }))
}

/// Answers a dashboard.
pub(super) async fn one(app: App, request: Request) -> Result<Response, Problem> {
    let (editor, row) = found(&app, request).await?;
    Ok(json(&board(&editor.0.person, row)?))
}

/// Makes a dashboard.
pub(super) async fn create(app: App, request: Request) -> Result<Response, Problem> {
    let (editor, body) = Editor::with::<NewBoard>(&app, request).await?;
    let row = editor.new_board(&body.title, body.slug, body.shared, body.widgets)?;
    editor.add(row.0, row.1).await
}

/// Makes a dashboard of a file.
pub(super) async fn import(app: App, request: Request) -> Result<Response, Problem> {
    let (editor, body) = Editor::with::<BoardFile>(&app, request).await?;
    if body.farol_board != FILE_VERSION {
        let detail = format!("is {}; this collector reads {FILE_VERSION}", body.farol_board);
        return Err(Problem::of_faults(&[Fault::new("farol_board", detail)]));
    }
    let row = editor.new_board(&body.title, None, false, body.widgets)?;
    editor.add(row.0, row.1).await
}

/// Writes a dashboard as a file.
pub(super) async fn export(app: App, request: Request) -> Result<Response, Problem> {
    let (_, row) = found(&app, request).await?;
    let name = format!("attachment; filename=\"{}.farol-board.json\"", row.slug);
    let file = BoardFile { farol_board: FILE_VERSION, widgets: widgets_of(&row)?, title: row.title };
    let mut response = json(&file);
    let name = HeaderValue::from_str(&name).expect("a slug is letters, digits and dashes");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

/// Changes a dashboard.
pub(super) async fn update(app: App, request: Request) -> Result<Response, Problem> {
    let slug = slug_of(&request)?;
    let (editor, body) = Editor::with::<BoardUpdate>(&app, request).await?;
    let row = editor.changeable(&slug).await?;
    editor.may_share(body.shared)?;
    let (title, widgets) = checked(&body.title, body.widgets)?;
    let change = BoardChange { title, is_shared: body.shared, widgets: widgets.1, revision: body.revision };
    let now = editor.change(row.slug, change, widgets.0.len()).await?;
    Ok(json(&board(&editor.0.person, now)?))
}

/// Removes a dashboard.
pub(super) async fn delete(app: App, request: Request) -> Result<Response, Problem> {
    Parameters::of(request.uri(), &[])?;
    let slug = slug_of(&request)?;
    let editor = Editor::of(&app, &request)?;
    let row = editor.changeable(&slug).await?;
    let line = editor.0.line("board.delete", &slug, &about(&row, row_count(&row)));
    if !editor.0.write(noted(line, move |db| db.drop_board(&slug))).await? {
        return Err(no_such());
    }
    Ok(no_content())
}

/// Adds a widget.
pub(super) async fn add_widget(app: App, request: Request) -> Result<Response, Problem> {
    let (editor, body) = Editor::with::<NewWidget>(&app, request).await?;
    let NewWidget { widget_type, title, config, position, board } = body;
    let mut widget = Widget { id: String::new(), widget_type, title, config, position };
    let row = match board {
        Some(slug) => editor.changeable(&slug).await?,
        None => editor.home().await?,
    };
    editor.may_share(row.is_shared)?;
    // What is wrong with it is told with its own fields: to the caller it is one widget, not the last of a list.
    let mut faults = Vec::new();
    widget.check("", &mut faults);
    if !faults.is_empty() {
        return Err(Problem::of_faults(&faults));
    }
    let mut all = widgets_of(&row)?;
    all.push(widget);
    let (title, (all, text)) = checked(&row.title, all)?;
    let change = BoardChange { title, is_shared: row.is_shared, widgets: text, revision: row.revision };
    let row = editor.change(row.slug, change, all.len()).await?;
    let widget = all.into_iter().next_back().ok_or_else(Problem::internal)?;
    Ok(created(&AddedWidget { board: row.slug, widget }))
}

/// Who calls, and what they may do with dashboards.
struct Editor(Caller);

impl Editor {
    fn of(app: &App, request: &Request) -> Result<Self, Problem> {
        Ok(Self(Caller::of(app, request, WHAT)?))
    }

    /// Who calls, and what is sent.
    async fn with<T: DeserializeOwned>(app: &App, request: Request) -> Result<(Self, T), Problem> {
        let (caller, body) = Caller::with::<T>(app, request, WHAT).await?;
        Ok((Self(caller), body))
    }

    /// A dashboard that the caller sees.
    async fn seen(&self, slug: &str) -> Result<BoardRow, Problem> {
        let slug = slug.to_owned();
        let row = self.0.read(move |db| db.board(&slug)).await?;
        row.filter(|row| boards::sees(&self.0.person, row)).ok_or_else(no_such)
    }

    /// A dashboard that the caller may change.
    async fn changeable(&self, slug: &str) -> Result<BoardRow, Problem> {
        let row = self.seen(slug).await?;
        if boards::may_change(&self.0.person, &row) {
            return Ok(row);
        }
        Err(Problem::forbidden("this dashboard is somebody else's: its owner or an administrator may change it"))
    }

    fn may_share(&self, is_shared: bool) -> Result<(), Problem> {
        if is_shared { self.0.person.require(Role::Admin) } else { Ok(()) }
    }

    /// A new dashboard of the caller, checked, and whether its slug may get a number.
    fn new_board(
        &self,
        title: &str,
        slug: Option<String>,
        shared: bool,
        widgets: Vec<Widget>,
    ) -> Result<(BoardRow, bool), Problem> {
        self.may_share(shared)?;
        let (title, (_, widgets)) = checked(title, widgets)?;
        if let Some(slug) = slug.as_deref().filter(|slug| !slug::is_slug(slug)) {
            let shown: String = slug.chars().take(64).collect();
            let detail = format!("'{shown}' is none: write up to 64 small letters, digits and dashes between them");
            return Err(Problem::of_faults(&[Fault::new("slug", detail)]));
        }
        let may_number = slug.is_none();
        let row = BoardRow {
            slug: slug.unwrap_or_else(|| slug::of(&title)),
            title,
            owner: self.0.person.username.to_string(),
            tenant: self.0.person.view.tenant().map(str::to_owned),
            is_shared: shared,
            widgets,
            revision: 1,
            created_ms: self.0.now_ms,
            updated_ms: self.0.now_ms,
        };
        Ok((row, may_number))
    }

    /// Keeps a new dashboard.
    async fn keep(&self, row: BoardRow, may_number: bool) -> Result<BoardRow, Problem> {
        let count = row_count(&row);
        let (by, now_ms) = (self.0.by.clone(), self.0.now_ms);
        let made = self.0.write(move |db| {
            let made = db.add_board(&row, may_number)?;
            if let Some(row) = &made {
                db.note_audit(&audit::line(by, now_ms, "board.create", &row.slug, &about(row, count)))?;
            }
            Ok(made)
        });
        let taken = || Problem::new(StatusCode::CONFLICT, "there is already a dashboard with this slug").code("exists");
        made.await?.ok_or_else(taken)
    }

    async fn add(&self, row: BoardRow, may_number: bool) -> Result<Response, Problem> {
        let row = self.keep(row, may_number).await?;
        Ok(created(&board(&self.0.person, row)?))
    }

    /// The caller's first dashboard; made when it is missing.
    async fn home(&self) -> Result<BoardRow, Problem> {
        let owner = self.0.person.username.to_string();
        let slug = slug::of(&format!("home-{owner}"));
        let (wanted, of) = (slug.clone(), owner.clone());
        if let Some(row) = self.0.read(move |db| db.board_like(&of, &wanted)).await? {
            return Ok(row);
        }
        let (row, _) = self.new_board(&owner, Some(slug), false, Vec::new())?;
        self.keep(row, true).await
    }

    async fn change(&self, slug: String, change: BoardChange, count: usize) -> Result<BoardRow, Problem> {
        let (by, now_ms) = (self.0.by.clone(), self.0.now_ms);
        let changed = self.0.write(move |db| {
            let changed = db.change_board(&slug, &change, now_ms)?;
            if let Changed::Done(row) = &changed {
                db.note_audit(&audit::line(by, now_ms, "board.change", &row.slug, &about(row, count)))?;
            }
            Ok(changed)
        });
        match changed.await? {
            Changed::Done(row) => Ok(row),
            Changed::Gone => Err(no_such()),
            Changed::Meanwhile(revision) => {
                let detail = format!("somebody changed this dashboard meanwhile: it has the revision {revision} by now");
                Err(Problem::new(StatusCode::CONFLICT, detail).code("changed"))
            }
        }
    }
}

/// What the audit log tells of a dashboard.
fn about(row: &BoardRow, widgets: usize) -> serde_json::Value {
    value!({ "title": row.title, "shared": row.is_shared, "widgets": widgets, "revision": row.revision })
}

fn row_count(row: &BoardRow) -> usize {
    serde_json::from_str::<Vec<serde::de::IgnoredAny>>(&row.widgets).map_or(0, |widgets| widgets.len())
}

/// A title and widgets, checked, and as they are kept.
fn checked(title: &str, widgets: Vec<Widget>) -> Result<(String, (Vec<Widget>, String)), Problem> {
    let (title, widgets) = (boards::title("title", title), boards::widgets(widgets));
    match (title, widgets) {
        (Ok(title), Ok(widgets)) => Ok((title, widgets)),
        (title, widgets) => {
            let faults: Vec<Fault> = title.err().into_iter().chain(widgets.err().unwrap_or_default()).collect();
            Err(Problem::of_faults(&faults))
        }
    }
}

fn entry(person: &Person, line: BoardLine) -> BoardEntry {
    let (mine, editable) = (boards::is_own(person, &line.board), boards::may_change(person, &line.board));
    let BoardRow { slug, title, owner, tenant, is_shared, updated_ms, .. } = line.board;
    BoardEntry { slug, title, owner, shared: is_shared, tenant, widgets: line.widgets, updated: updated_ms, mine, editable }
}

fn board(person: &Person, row: BoardRow) -> Result<Board, Problem> {
    let (mine, editable, widgets) = (boards::is_own(person, &row), boards::may_change(person, &row), widgets_of(&row)?);
    let BoardRow { slug, title, owner, tenant, is_shared, revision, updated_ms, .. } = row;
    Ok(Board { slug, title, owner, shared: is_shared, tenant, revision, updated: updated_ms, mine, editable, widgets })
}

/// The widgets as they are kept; what cannot be read is our fault.
fn widgets_of(row: &BoardRow) -> Result<Vec<Widget>, Problem> {
    serde_json::from_str(&row.widgets).map_err(|error| {
        tracing::error!(target: "boards", slug = row.slug, error = %error, "dashboard cannot be read");
        Problem::internal()
    })
}

async fn found(app: &App, request: Request) -> Result<(Editor, BoardRow), Problem> {
    Parameters::of(request.uri(), &[])?;
    let slug = slug_of(&request)?;
    let editor = Editor::of(app, &request)?;
    drop(request);
    let row = editor.seen(&slug).await?;
    Ok((editor, row))
}

/// The dashboard that an address names: `/api/v1/boards/{slug}`, and what stands behind it. A slug has no sign that an address escapes.
fn slug_of(request: &Request) -> Result<String, Problem> {
    named(request).filter(|slug| slug::is_slug(slug)).map(str::to_owned).ok_or_else(no_such)
}

fn no_such() -> Problem {
    Problem::not_found("there is no such dashboard")
}
