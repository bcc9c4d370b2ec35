//! The audit log: who did what to another system, when, to how much, why, and how it ended.
//!
//! Invariants: a line is written before its action begins and completed after it, so that a crash in between leaves one that
//! says `started`; a line is never changed otherwise. Bounded: [`AUDIT_MAX`] lines, the oldest go.

use rusqlite::{Row, named_params};

use super::{StateDb, StateError};

/// Most lines: about 30 MiB, which is years of a busy team.
pub const AUDIT_MAX: i64 = 100_000;

/// The word of an action that is under way, or was when the collector ended.
pub const STARTED: &str = "started";

/// The word of an action that ended as it should.
pub const DONE: &str = "done";

/// A line to be written before an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditStart {
    /// When, in milliseconds since the epoch.
    pub time_ms: i64,
    /// Who.
    pub username: String,
    /// In which role.
    pub role: String,
    /// Address that the request came from, when it is known.
    pub address: Option<String>,
    /// What, such as `redis.delete_key`.
    pub action: String,
    /// To which instance.
    pub target: String,
    /// With which particulars, as a JSON object. Names of keys, never values.
    pub detail: String,
    /// Why, in the person's own words.
    pub reason: Option<String>,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number; later lines have higher ones.
    pub id: i64,
    /// What was written before the action; the particulars may have been completed after it.
    pub start: AuditStart,
    /// How many keys it concerned, when that is known.
    pub count: Option<i64>,
    /// `started`, `done`, `failed`, `cancelled` or `partial`.
    pub result: String,
}

/// Which lines are wanted; all when nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// With a lower number than this.
    pub before: Option<i64>,
    /// Of this action.
    pub action: Option<String>,
    /// Of this person.
    pub username: Option<String>,
    /// Not before this instant, in ms since the epoch.
    pub from_ms: Option<i64>,
    /// Before this instant, in ms since the epoch.
    pub to_ms: Option<i64>,
}

impl StateDb {
    /// Writes a line before its action and answers its number.
    ///
    /// # Errors
    /// [`StateError::Sqlite`]: then the action must not begin.
    pub fn begin_audit(&mut self, line: &AuditStart) -> Result<i64, StateError> {
        self.write_audit(line, STARTED)
    }

    /// Writes a line of what is done and over already, or is being done in the same transaction.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn note_audit(&mut self, line: &AuditStart) -> Result<(), StateError> {
        self.write_audit(line, DONE).map(drop)
    }

    fn write_audit(&mut self, line: &AuditStart, result: &str) -> Result<i64, StateError> {
        let writing = self.writing()?;
        writing.execute(
            "INSERT INTO audit (time_ms, username, role, address, action, target, detail, count, result, reason)
             VALUES (:time_ms, :username, :role, :address, :action, :target, :detail, NULL, :result, :reason)",
            named_params! {
                ":time_ms": line.time_ms, ":username": line.username, ":role": line.role, ":address": line.address,
                ":action": line.action, ":target": line.target, ":detail": line.detail, ":result": result, ":reason": line.reason,
            },
        )?;
        let id = writing.last_insert_rowid();
        // Numbers have no gaps but those of this very statement, so that the distance is the count.
        writing.execute("DELETE FROM audit WHERE id <= ?1", [id - AUDIT_MAX])?;
        writing.commit()?;
        Ok(id)
    }

    /// Completes a line after its action. A line that has gone meanwhile is no error.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn end_audit(&mut self, id: i64, result: &str, count: Option<i64>, detail: &str) -> Result<(), StateError> {
        self.connection.execute(
            "UPDATE audit SET result = ?2, count = ?3, detail = ?4 WHERE id = ?1 AND result = ?5",
            (id, result, count, detail, STARTED),
        )?;
        Ok(())
    }

    /// Lines, newest first: `limit` of them that are wanted.
    ///
    /// # Errors
    /// [`StateError::Sqlite`].
    pub fn audit(&self, limit: u32, wanted: &AuditFilter) -> Result<Vec<AuditRow>, StateError> {
        let mut select = self.connection.prepare_cached(
            "SELECT id, time_ms, username, role, address, action, target, detail, count, result, reason FROM audit
             WHERE (:before IS NULL OR id < :before) AND (:action IS NULL OR action = :action)
                 AND (:username IS NULL OR username = :username)
                 AND (:from IS NULL OR time_ms >= :from) AND (:to IS NULL OR time_ms < :to)
             ORDER BY id DESC LIMIT :limit",
        )?;
        let AuditFilter { before, action, username, from_ms, to_ms } = wanted;
        let rows = select.query_map(
            named_params! {
                ":before": before, ":action": action, ":username": username, ":from": from_ms, ":to": to_ms, ":limit": limit,
            },
            row,
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn row(row: &Row<'_>) -> Result<AuditRow, rusqlite::Error> {
    let start = AuditStart {
        time_ms: row.get(1)?,
        username: row.get(2)?,
        role: row.get(3)?,
        address: row.get(4)?,
        action: row.get(5)?,
        target: row.get(6)?,
        detail: row.get(7)?,
        reason: row.get(10)?,
    };
    Ok(AuditRow { id: row.get(0)?, start, count: row.get(8)?, result: row.get(9)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn db() -> (tempfile::TempDir, StateDb) {
        let dir = tempfile::tempdir().unwrap();
        let db = StateDb::open(&dir.path().join(super::super::FILE_NAME)).unwrap();
        (dir, db)
    }

    fn line(action: &str) -> AuditStart {
        AuditStart {
            time_ms: 5,
            username: "ana".to_owned(),
            role: "admin".to_owned(),
            address: Some("192.0.2.1".to_owned()),
            action: action.to_owned(),
            target: "cache".to_owned(),
            detail: "{}".to_owned(),
            reason: None,
        }
    }

    #[test]
    fn a_line_is_there_before_its_action_and_completed_after_it() {
        let (_dir, mut db) = db();
        let id = db.begin_audit(&line("redis.flush")).unwrap();
        let [row] = &db.audit(10, &AuditFilter::default()).unwrap()[..] else { panic!("one line") };
        assert_eq!((row.id, row.result.as_str(), row.count), (id, STARTED, None));
        assert_eq!(row.start, line("redis.flush"));
        db.end_audit(id, "done", Some(7), r#"{"db":0}"#).unwrap();
        db.end_audit(id, "failed", None, "{}").unwrap();
        let [row] = &db.audit(10, &AuditFilter::default()).unwrap()[..] else { panic!("one line") };
        assert_eq!((row.result.as_str(), row.count, row.start.detail.as_str()), ("done", Some(7), r#"{"db":0}"#));
    }

    #[test]
    fn nobody_changes_or_removes_a_line_that_is_complete() {
        let (_dir, mut db) = db();
        db.note_audit(&line("user.create")).unwrap();
        for attempt in [
            "UPDATE audit SET username = 'bob'",
            "UPDATE audit SET result = 'started'",
            "UPDATE audit SET detail = '{}'",
            "DELETE FROM audit",
            "INSERT OR REPLACE INTO audit SELECT * FROM audit",
        ] {
            db.connection.execute(attempt, []).unwrap_err();
        }
        let begun = db.begin_audit(&line("redis.flush")).unwrap();
        db.connection.execute("UPDATE audit SET username = 'bob' WHERE id = ?1", [begun]).unwrap_err();
        assert!(db.audit(10, &AuditFilter::default()).unwrap().iter().all(|row| row.start.username == "ana"));
    }

    #[test]
    fn lines_come_newest_first_in_pages_and_by_action() {
        let (_dir, mut db) = db();
        let ids: Vec<i64> = ["a", "b", "a", "c"].iter().map(|action| db.begin_audit(&line(action)).unwrap()).collect();
        let told = |rows: Vec<AuditRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
        assert_eq!(told(db.audit(2, &AuditFilter::default()).unwrap()), [ids[3], ids[2]]);
        assert_eq!(told(db.audit(2, &AuditFilter { before: Some(ids[2]), ..AuditFilter::default() }).unwrap()), [ids[1], ids[0]]);
        assert_eq!(
            told(db.audit(9, &AuditFilter { action: Some("a".to_owned()), ..AuditFilter::default() }).unwrap()),
            [ids[2], ids[0]]
        );
    }

    #[test]
    fn lines_are_found_by_person_and_time() {
        let (_dir, mut db) = db();
        for (time_ms, username) in [(10, "ana"), (20, "bob"), (30, "ana")] {
            db.note_audit(&AuditStart { time_ms, username: username.to_owned(), ..line("login") }).unwrap();
        }
        let told = |wanted: AuditFilter| db.audit(9, &wanted).unwrap().iter().map(|row| row.start.time_ms).collect::<Vec<_>>();
        assert_eq!(told(AuditFilter { username: Some("ana".to_owned()), ..AuditFilter::default() }), [30, 10]);
        assert_eq!(told(AuditFilter { from_ms: Some(20), ..AuditFilter::default() }), [30, 20]);
        assert_eq!(told(AuditFilter { to_ms: Some(20), ..AuditFilter::default() }), [10]);
    }

    #[test]
    fn a_line_goes_with_a_change_that_fails() {
        let (_dir, mut db) = db();
        let failed = db.together(|db| {
            db.note_audit(&line("user.create"))?;
            db.set_password("nobody", "hash")
        });
        assert!(matches!(failed, Err(StateError::NoUser(_))));
        assert_eq!(db.audit(10, &AuditFilter::default()).unwrap(), []);
        db.note_audit(&line("user.create")).unwrap();
    }

    #[test]
    fn the_oldest_lines_go_when_there_are_too_many() {
        let (_dir, mut db) = db();
        let first = db.begin_audit(&line("a")).unwrap();
        // The number that the line would have after as many others.
        db.connection.execute("UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'audit'", [first + AUDIT_MAX - 2]).unwrap();
        db.begin_audit(&line("b")).unwrap();
        assert_eq!(db.audit(10, &AuditFilter::default()).unwrap().len(), 2);
        db.begin_audit(&line("c")).unwrap();
        let left = db.audit(10, &AuditFilter::default()).unwrap();
        assert!(left.len() == 2 && left.iter().all(|row| row.id != first));
    }
}
