//! The table of rules: what people made, and what they changed of the built-in ones.

use rusqlite::{OptionalExtension as _, Row};

use super::{StateDb, StateError};
use crate::alert::rule::RULES_MAX;

/// A rule as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRow {
    /// Its word in addresses; that of a built-in rule when it changes one.
    pub id: String,
    /// The rule, as JSON.
    pub body: String,
    /// Grows with each change.
    pub revision: i64,
    /// Name of the account that changed it last.
    pub updated_by: String,
    /// When that was, in ms since the epoch.
    pub updated_ms: i64,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleChanged {
    /// It is done: the rule as it is kept now.
    Done(RuleRow),
    /// It was changed meanwhile: by now it has this revision; 0 when it is gone.
    Meanwhile(i64),
}

impl StateDb {
    /// All kept rules, by id.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn rules(&self) -> Result<Vec<RuleRow>, StateError> {
        let mut select =
            self.connection.prepare_cached("SELECT id, body, revision, updated_by, updated_ms FROM rule ORDER BY id LIMIT ?1")?;
        let rows = select.query_map([i64::try_from(RULES_MAX).unwrap_or(i64::MAX)], row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keeps a new rule; `None` when there is one of this id.
    ///
    /// # Errors
    /// [`StateError::TooMany`], [`StateError::Sqlite`].
    pub fn add_rule(&mut self, id: &str, body: &str, by: &str, now_ms: i64) -> Result<Option<RuleRow>, StateError> {
        let writing = self.writing()?;
        let most = i64::try_from(RULES_MAX).unwrap_or(i64::MAX);
        super::bounded(&writing, "SELECT count(*) FROM rule", most, "rules")?;
        let made = writing.execute(
            "INSERT OR IGNORE INTO rule (id, body, revision, updated_by, updated_ms) VALUES (?1, ?2, 1, ?3, ?4)",
            (id, body, by, now_ms),
        )?;
        writing.commit()?;
        let row =
            RuleRow { id: id.to_owned(), body: body.to_owned(), revision: 1, updated_by: by.to_owned(), updated_ms: now_ms };
        Ok((made > 0).then_some(row))
    }

    /// Changes a rule that is still as the change knows it; revision 0 stands for a built-in one that nobody has changed.
    ///
    /// # Errors
    /// [`StateError::TooMany`], [`StateError::Sqlite`].
    pub fn change_rule(&mut self, id: &str, body: &str, revision: i64, by: &str, now_ms: i64) -> Result<RuleChanged, StateError> {
        let known: Option<i64> =
            self.connection.query_row("SELECT revision FROM rule WHERE id = ?1", [id], |row| row.get(0)).optional()?;
        if known.unwrap_or(0) != revision {
            return Ok(RuleChanged::Meanwhile(known.unwrap_or(0)));
        }
        if known.is_none() {
            let made = self.add_rule(id, body, by, now_ms)?;
            return Ok(made.map_or(RuleChanged::Meanwhile(1), RuleChanged::Done));
        }
        let changed = self.connection.execute(
            "UPDATE rule SET body = ?2, revision = revision + 1, updated_by = ?3, updated_ms = ?4 WHERE id = ?1 AND revision = ?5",
            (id, body, by, now_ms, revision),
        )?;
        if changed == 0 {
            return Ok(RuleChanged::Meanwhile(revision + 1));
        }
        let (id, body, updated_by) = (id.to_owned(), body.to_owned(), by.to_owned());
        Ok(RuleChanged::Done(RuleRow { id, body, revision: revision + 1, updated_by, updated_ms: now_ms }))
    }

    /// Removes a rule; a built-in one is as it came again. Answers whether there was one.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn drop_rule(&mut self, id: &str) -> Result<bool, StateError> {
        Ok(self.connection.execute("DELETE FROM rule WHERE id = ?1", [id])? > 0)
    }
}

fn row(row: &Row<'_>) -> Result<RuleRow, rusqlite::Error> {
    Ok(RuleRow { id: row.get(0)?, body: row.get(1)?, revision: row.get(2)?, updated_by: row.get(3)?, updated_ms: row.get(4)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_kept_changed_against_its_revision_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = StateDb::open(&dir.path().join(super::super::FILE_NAME)).unwrap();
        assert_eq!(db.add_rule("a", "{}", "ana", 1).unwrap().unwrap().revision, 1);
        assert_eq!(db.add_rule("a", "{}", "bob", 2).unwrap(), None);
        let RuleChanged::Done(now) = db.change_rule("a", "[1]", 1, "bob", 3).unwrap() else { panic!("changed") };
        assert_eq!((now.revision, now.updated_by.as_str(), now.updated_ms), (2, "bob", 3));
        assert_eq!(db.change_rule("a", "[2]", 1, "ana", 4).unwrap(), RuleChanged::Meanwhile(2));
        let RuleChanged::Done(first) = db.change_rule("builtin", "{}", 0, "ana", 5).unwrap() else { panic!("made") };
        assert_eq!(first.revision, 1);
        assert_eq!(db.change_rule("builtin", "{}", 0, "ana", 5).unwrap(), RuleChanged::Meanwhile(1));
        assert_eq!(db.rules().unwrap(), [now, first]);
        assert!(db.drop_rule("a").unwrap() && !db.drop_rule("a").unwrap());
    }
}
