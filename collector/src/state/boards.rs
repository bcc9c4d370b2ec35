//! The table of dashboards: what people put together for themselves, and what administrators share.

use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::{StateDb, StateError};

/// Most dashboards of one person.
pub const BOARDS_PER_PERSON_MAX: i64 = 200;

/// Most dashboards in all: at most 256 MiB of them.
pub const BOARDS_MAX: i64 = 2_000;

/// Most numbers that are tried behind a slug that is taken.
const SLUGS_MAX: u32 = 1_000;

/// A dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardRow {
    /// Its word in addresses, unique.
    pub slug: String,
    /// What people call it.
    pub title: String,
    /// Name of the account that made it.
    pub owner: String,
    /// The tenant of whoever made it.
    pub tenant: Option<String>,
    /// Whether others see it.
    pub is_shared: bool,
    /// Its widgets, as a JSON array.
    pub widgets: String,
    /// Grows with each change.
    pub revision: i64,
    /// When it was made, in ms since the epoch.
    pub created_ms: i64,
    /// When it was changed last, in ms since the epoch.
    pub updated_ms: i64,
}

/// A dashboard in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardLine {
    /// The dashboard; its widgets are left out.
    pub board: BoardRow,
    /// How many widgets it has.
    pub widgets: u32,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It is done: the dashboard as it is now.
    Done(BoardRow),
    /// It was changed meanwhile: by now it has this revision.
    Meanwhile(i64),
    /// It is gone.
    Gone,
}

/// What is new of a dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardChange {
    /// What people call it.
    pub title: String,
    /// Whether others see it.
    pub is_shared: bool,
    /// Its widgets, as a JSON array.
    pub widgets: String,
    /// The revision that the change began from.
    pub revision: i64,
}

const COLUMNS: &str = "slug, title, owner, tenant, is_shared, widgets, revision, created_ms, updated_ms";

impl StateDb {
    /// One person's dashboards and those that are shared, by title; without their widgets.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn boards(&self, owner: &str) -> Result<Vec<BoardLine>, StateError> {
        let mut select = self.connection.prepare_cached(
            "SELECT slug, title, owner, tenant, is_shared, '', revision, created_ms, updated_ms, json_array_length(widgets)
             FROM board WHERE owner = ?1 OR is_shared ORDER BY title, slug",
        )?;
        let rows = select.query_map([owner], |row| Ok(BoardLine { board: board(row)?, widgets: row.get(9)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// One dashboard.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn board(&self, slug: &str) -> Result<Option<BoardRow>, StateError> {
        find(&self.connection, slug)
    }

    /// The first dashboard of a person that is called `slug`, or so with a number behind.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn board_like(&self, owner: &str, slug: &str) -> Result<Option<BoardRow>, StateError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM board WHERE owner = ?1 AND (slug = ?2 OR slug GLOB ?2 || '-[0-9]*') ORDER BY id LIMIT 1"
        );
        Ok(self.connection.prepare_cached(&sql)?.query_row([owner, slug], board).optional()?)
    }

    /// Keeps a new dashboard under its slug; with a number behind when that is taken and `may_number`. `None` when it is taken.
    ///
    /// # Errors
    /// [`StateError::TooMany`], [`StateError::Sqlite`].
    pub fn add_board(&mut self, new: &BoardRow, may_number: bool) -> Result<Option<BoardRow>, StateError> {
        let writing = self.writing()?;
        refuse_more(&writing, &new.owner)?;
        let mut slug = new.slug.clone();
        let mut number = 1;
        while find(&writing, &slug)?.is_some() {
            number += 1;
            if !may_number || number > SLUGS_MAX {
                return Ok(None);
            }
            slug = format!("{}-{number}", new.slug);
        }
        let made = BoardRow { slug, revision: 1, ..new.clone() };
        writing.execute(
            "INSERT INTO board (slug, title, owner, tenant, is_shared, widgets, revision, created_ms, updated_ms)
             VALUES (:slug, :title, :owner, :tenant, :is_shared, :widgets, :revision, :created_ms, :updated_ms)",
            named_params! {
                ":slug": made.slug, ":title": made.title, ":owner": made.owner, ":tenant": made.tenant,
                ":is_shared": made.is_shared, ":widgets": made.widgets, ":revision": made.revision,
                ":created_ms": made.created_ms, ":updated_ms": made.updated_ms,
            },
        )?;
        writing.commit()?;
        Ok(Some(made))
    }

    /// Changes a dashboard that is still as the change knows it.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn change_board(&mut self, slug: &str, change: &BoardChange, now_ms: i64) -> Result<Changed, StateError> {
        let writing = self.writing()?;
        let Some(known) = find(&writing, slug)? else { return Ok(Changed::Gone) };
        if known.revision != change.revision {
            return Ok(Changed::Meanwhile(known.revision));
        }
        let now = BoardRow {
            title: change.title.clone(),
            is_shared: change.is_shared,
            widgets: change.widgets.clone(),
            revision: known.revision + 1,
            updated_ms: now_ms,
            ..known
        };
        writing.execute(
            "UPDATE board SET title = ?2, is_shared = ?3, widgets = ?4, revision = ?5, updated_ms = ?6 WHERE slug = ?1",
            (slug, &now.title, now.is_shared, &now.widgets, now.revision, now.updated_ms),
        )?;
        writing.commit()?;
        Ok(Changed::Done(now))
    }

    /// Removes a dashboard; answers whether there was one.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn drop_board(&mut self, slug: &str) -> Result<bool, StateError> {
        Ok(self.connection.execute("DELETE FROM board WHERE slug = ?1", [slug])? > 0)
    }
}

/// Removes what a person who is no more kept alone: another of the same name must not find it. What is shared stays, as nobody's.
pub(super) fn leave(writing: &Connection, owner: &str) -> Result<(), StateError> {
    writing.execute("DELETE FROM board WHERE owner = ?1 AND NOT is_shared", [owner])?;
    writing.execute("UPDATE board SET owner = '' WHERE owner = ?1", [owner])?;
    Ok(())
}

fn refuse_more(writing: &Connection, owner: &str) -> Result<(), StateError> {
    let count = |sql: &str, owner: &[&str]| writing.query_row(sql, rusqlite::params_from_iter(owner), |row| row.get::<_, i64>(0));
    if count("SELECT count(*) FROM board WHERE owner = ?1", &[owner])? >= BOARDS_PER_PERSON_MAX {
        return Err(StateError::TooMany(BOARDS_PER_PERSON_MAX, "dashboards of one person"));
    }
    if count("SELECT count(*) FROM board", &[])? >= BOARDS_MAX {
        return Err(StateError::TooMany(BOARDS_MAX, "dashboards"));
    }
    Ok(())
}

fn find(connection: &Connection, slug: &str) -> Result<Option<BoardRow>, StateError> {
    let sql = format!("SELECT {COLUMNS} FROM board WHERE slug = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([slug], board).optional()?)
}

fn board(row: &Row<'_>) -> Result<BoardRow, rusqlite::Error> {
    Ok(BoardRow {
        slug: row.get(0)?,
        title: row.get(1)?,
        owner: row.get(2)?,
        tenant: row.get(3)?,
        is_shared: row.get(4)?,
        widgets: row.get(5)?,
        revision: row.get(6)?,
        created_ms: row.get(7)?,
        updated_ms: row.get(8)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn db() -> (tempfile::TempDir, StateDb) {
        let dir = tempfile::tempdir().unwrap();
        let db = StateDb::open(&dir.path().join(super::super::FILE_NAME)).unwrap();
        (dir, db)
    }

    fn row(slug: &str, owner: &str, is_shared: bool) -> BoardRow {
        BoardRow {
            slug: slug.to_owned(),
            title: slug.to_owned(),
            owner: owner.to_owned(),
            tenant: None,
            is_shared,
            widgets: "[{},{}]".to_owned(),
            revision: 0,
            created_ms: 5,
            updated_ms: 5,
        }
    }

    #[test]
    fn a_slug_that_is_taken_gets_a_number_or_is_refused() {
        let (_dir, mut db) = db();
        assert_eq!(db.add_board(&row("sales", "ana", false), true).unwrap().unwrap().slug, "sales");
        assert_eq!(db.add_board(&row("sales", "bob", false), true).unwrap().unwrap().slug, "sales-2");
        assert_eq!(db.add_board(&row("sales", "bob", false), false).unwrap(), None);
        assert_eq!(db.board_like("bob", "sales").unwrap().unwrap().slug, "sales-2");
        assert_eq!(db.board_like("eve", "sales").unwrap(), None);
    }

    #[test]
    fn a_list_holds_ones_own_and_what_is_shared() {
        let (_dir, mut db) = db();
        for (slug, owner, is_shared) in [("a", "ana", false), ("b", "bob", true), ("c", "bob", false)] {
            db.add_board(&row(slug, owner, is_shared), false).unwrap();
        }
        let lines = db.boards("ana").unwrap();
        assert_eq!(lines.iter().map(|line| (line.board.slug.as_str(), line.widgets)).collect::<Vec<_>>(), [("a", 2), ("b", 2)]);
    }

    #[test]
    fn a_change_holds_only_against_the_revision_that_it_began_from() {
        let (_dir, mut db) = db();
        db.add_board(&row("a", "ana", false), false).unwrap();
        let change =
            |title: &str, revision| BoardChange { title: title.to_owned(), is_shared: false, widgets: "[]".to_owned(), revision };
        let Changed::Done(now) = db.change_board("a", &change("one", 1), 9).unwrap() else { panic!("changed") };
        assert_eq!((now.revision, now.title.as_str(), now.updated_ms, now.created_ms), (2, "one", 9, 5));
        assert_eq!(db.change_board("a", &change("two", 1), 9).unwrap(), Changed::Meanwhile(2));
        assert_eq!(db.change_board("b", &change("two", 1), 9).unwrap(), Changed::Gone);
        assert_eq!(db.board("a").unwrap().unwrap().title, "one");
        assert!(db.drop_board("a").unwrap() && !db.drop_board("a").unwrap());
    }

    #[test]
    fn what_a_person_kept_alone_goes_with_the_person() {
        let (_dir, mut db) = db();
        db.add_board(&row("a", "ana", false), false).unwrap();
        db.add_board(&row("b", "ana", true), false).unwrap();
        db.add_board(&row("c", "bob", false), false).unwrap();
        leave(&db.connection, "ana").unwrap();
        assert_eq!(db.board("c").unwrap().unwrap().owner, "bob");
        assert_eq!((db.board("a").unwrap(), db.board("b").unwrap().unwrap().owner.as_str()), (None, ""));
    }

    #[test]
    fn there_is_a_most_for_each_person() {
        let (_dir, mut db) = db();
        for _ in 0..BOARDS_PER_PERSON_MAX {
            db.add_board(&row("a", "ana", false), true).unwrap().unwrap();
        }
        assert!(matches!(db.add_board(&row("a", "ana", false), true), Err(StateError::TooMany(BOARDS_PER_PERSON_MAX, _))));
        assert!(db.add_board(&row("b", "bob", false), true).unwrap().is_some());
    }
}
