//! Tests of the file of accounts: what it keeps, what it refuses, and what it leaves untouched.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::*;
use crate::access::{Role, seal::Seal};

const NOW: i64 = 1_760_000_000_000;

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data").join(FILE_NAME);
    (dir, path)
}

fn fingerprint(n: u8) -> Fingerprint {
    Fingerprint([n; 32])
}

#[test]
fn accounts_survive_closing_and_opening() {
    let (_dir, path) = place();
    let mut db = StateDb::open(&path).unwrap();
    db.add_user("Ana", "hash", Role::Admin, NOW).unwrap();
    assert!(matches!(db.add_user("ANA ", "hash", Role::Viewer, NOW), Err(StateError::UserExists(_))));
    drop(db);
    let db = StateDb::open(&path).unwrap();
    let row = UserRow {
        username: "ana".to_owned(),
        role: Role::Admin,
        tenant: None,
        origin: LOCAL.to_owned(),
        created_ms: NOW,
        last_login_ms: None,
        has_second_factor: false,
        is_disabled: false,
    };
    assert_eq!(db.users().unwrap(), [row]);
}

#[test]
fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_dir, path) = place();
    let mut db = StateDb::open(&path).unwrap();
    db.add_user("ana", "hash", Role::Admin, NOW).unwrap();
    for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
    }
}

#[test]
fn names_that_could_confuse_are_refused() {
    for name in ["", " ", "a b", "ana\n", "ana\u{200b}", "<b>", &"x".repeat(65), "аna (cyrillic)"] {
        if name.trim() != "ana" {
            assert!(matches!(user_name(name), Err(StateError::BadUserName(_))), "{name:?}");
        }
    }
    assert_eq!(user_name(" Ana.Maria+x@example.org ").unwrap(), "ana.maria+x@example.org");
}

#[test]
fn a_newer_file_is_refused_and_left_untouched() {
    let (_dir, path) = place();
    let db = StateDb::open(&path).unwrap();
    db.connection.pragma_update(None, "user_version", 99).unwrap();
    db.connection.close().unwrap();
    let before = fs::read(&path).unwrap();
    let error = StateDb::open(&path).unwrap_err();
    assert!(matches!(error, StateError::Newer { found: 99, .. }), "{error}");
    assert!(error.to_string().contains("newer version") && error.to_string().contains("left as it is"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no file was added");
}

#[test]
fn a_newer_version_that_is_only_in_the_log_yet_is_refused() {
    let (_dir, path) = place();
    let other = StateDb::open(&path).unwrap();
    other.connection.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(StateDb::open(&path), Err(StateError::Newer { found: 99, .. })));
}

#[test]
fn a_damaged_or_foreign_file_is_refused_and_left_untouched() {
    let (dir, path) = place();
    let mut db = StateDb::open(&path).unwrap();
    for n in 0..200 {
        db.add_user(&format!("user{n}"), "hash", Role::Viewer, NOW).unwrap();
    }
    db.connection.close().unwrap();
    let whole = fs::read(&path).unwrap();
    let mut scribbled = whole.clone();
    scribbled[4_096..12_288].fill(0xa5);
    let foreign = dir.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("PRAGMA application_id = 7; CREATE TABLE x (y)").unwrap();
    for (what, bytes) in [
        (
            "text",
            b"this is no database, but it is quite long, longer than a header of one hundred bytes, so that it is read as one"
                .to_vec(),
        ),
        ("a few bytes", b"SQLite format 3\0".to_vec()),
        ("scribbled", scribbled),
        ("cut off", whole[..whole.len() / 2].to_vec()),
        ("foreign", fs::read(&foreign).unwrap()),
    ] {
        let place = dir.path().join(format!("{what}.db"));
        fs::write(&place, &bytes).unwrap();
        let error = StateDb::open(&place).unwrap_err();
        assert!(matches!(error, StateError::Damaged { .. }), "{what}: {error:?}");
        assert_eq!(fs::read(&place).unwrap(), bytes, "{what}");
    }
}

#[test]
fn an_empty_file_is_an_interrupted_first_start() {
    let (dir, _) = place();
    let path = dir.path().join(FILE_NAME);
    fs::write(&path, b"").unwrap();
    assert!(StateDb::open(&path).unwrap().users().unwrap().is_empty());
}

#[test]
fn a_token_is_revoked_by_name_or_number_and_its_name_is_free_again() {
    let (_dir, path) = place();
    let mut db = StateDb::open(&path).unwrap();
    let first = db.add_token("web", &fingerprint(1), NOW).unwrap();
    assert!(matches!(db.add_token("web", &fingerprint(2), NOW), Err(StateError::TokenExists(_))));
    assert_eq!(db.revoke_token("web", NOW).unwrap(), (first, "web".to_owned()));
    assert!(matches!(db.revoke_token("web", NOW), Err(StateError::NoToken(_))));
    let second = db.add_token("web", &fingerprint(2), NOW).unwrap();
    assert_eq!(db.revoke_token(&second.to_string(), NOW).unwrap().0, second);
    // A name that looks like a number is a name first.
    let third = db.add_token(&first.to_string(), &fingerprint(3), NOW).unwrap();
    assert_eq!(db.revoke_token(&first.to_string(), NOW).unwrap().0, third);
    assert_eq!(db.tokens().unwrap().iter().filter(|row| row.revoked_ms.is_some()).count(), 3);
    assert!(matches!(db.add_token("a\nb", &fingerprint(4), NOW), Err(StateError::BadTokenName(_))));
}

#[test]
fn a_person_has_a_bounded_number_of_sign_ins_and_the_oldest_ends() {
    let (_dir, path) = place();
    let mut db = StateDb::open(&path).unwrap();
    db.add_user("ana", "hash", Role::Admin, NOW).unwrap();
    let keys: Vec<_> =
        (0..60_u8).map(|n| db.open_session("ana", &fingerprint(n), NOW + i64::from(n), NOW + 1_000_000).unwrap()).collect();
    let accounts = Accounts::read(&db, &Accounts::default()).unwrap();
    let alive = keys.iter().filter(|key| accounts.session_by_key(**key).is_some()).count();
    assert_eq!(i64::try_from(alive).unwrap(), SESSIONS_PER_USER_MAX);
    assert!(accounts.session_by_key(keys[0]).is_none());
    assert!(accounts.session_by_key(keys[59]).is_some());
}

#[test]
fn the_number_of_an_ended_sign_in_is_never_given_again() {
    let (_dir, path) = place();
    let mut db = StateDb::open(&path).unwrap();
    db.add_user("ana", "hash", Role::Admin, NOW).unwrap();
    let first = db.open_session("ana", &fingerprint(1), NOW, NOW + 1_000).unwrap();
    db.end_session(first).unwrap();
    assert_ne!(db.open_session("ana", &fingerprint(2), NOW, NOW + 1_000).unwrap(), first);
}

#[test]
fn a_copy_made_while_in_use_is_whole() {
    let (dir, path) = place();
    let mut db = StateDb::open(&path).unwrap();
    db.add_user("ana", "hash", Role::Admin, NOW).unwrap();
    let copy = dir.path().join("copy.db");
    db.backup(&copy).unwrap();
    db.add_user("bob", "hash", Role::Admin, NOW).unwrap();
    assert_eq!(StateDb::open(&copy).unwrap().users().unwrap().len(), 1);
}

#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now_ms(&self) -> i64 {
        NOW
    }
}

#[tokio::test]
async fn uses_are_on_disk_after_closing() {
    let (_dir, path) = place();
    let (state, thread) = State::open(&path, std::sync::Arc::new(Still)).unwrap();
    state.change(|db| db.add_token("web", &fingerprint(1), NOW)).await.unwrap();
    state.now().token(&fingerprint(1)).unwrap().touch(NOW + 5);
    drop(state);
    thread.join().unwrap();
    assert_eq!(StateDb::open(&path).unwrap().tokens().unwrap()[0].last_used_ms, Some(NOW + 5));
}

#[tokio::test]
async fn the_signing_key_is_made_once() {
    let (_dir, path) = place();
    let (state, thread) = State::open(&path, std::sync::Arc::new(Still)).unwrap();
    let seal = Seal::load(None, state.folder()).unwrap();
    let key = state.signing_key(&seal).await.unwrap();
    assert_ne!(key, [0; 32]);
    drop(state);
    thread.join().unwrap();
    let (state, _thread) = State::open(&path, std::sync::Arc::new(Still)).unwrap();
    assert_eq!(state.signing_key(&seal).await.unwrap(), key);
}

#[test]
fn a_file_of_any_older_layout_gets_the_newest_and_keeps_its_accounts() {
    for layout in 1..file::MIGRATIONS.len() {
        let (_dir, path) = place();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let old = Connection::open(&path).unwrap();
        old.execute_batch(&file::MIGRATIONS[..layout].concat()).unwrap();
        old.pragma_update(None, "application_id", file::APPLICATION_ID).unwrap();
        old.pragma_update(None, "user_version", i64::try_from(layout).unwrap()).unwrap();
        let user = "INSERT INTO user (username, password, role, created_ms) VALUES ('ana', 'hash', 'admin', 5)";
        old.execute(user, []).unwrap();
        drop(old);
        let db = StateDb::open(&path).unwrap();
        assert_eq!(db.audit(10, &AuditFilter::default()).unwrap(), []);
        assert_eq!(db.users().unwrap().len(), 1, "layout {layout}");
    }
}
