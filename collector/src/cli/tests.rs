//! Tests of whole commands on a data folder of their own.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::access::Role;

struct Shell {
    dir: TempDir,
}

impl Shell {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn run(&self, line: &str) -> Result<String, String> {
        let given = args::parse(line.split_whitespace().map(Into::into)).map_err(|error| error.to_string())?;
        let vars = [("FAROL_DATA_DIR".to_owned(), self.data().display().to_string())].into();
        let mut out = Vec::new();
        match run(&given, &vars, &mut out) {
            Ok(_) => Ok(String::from_utf8(out).unwrap()),
            Err(error) => Err(report::chain(&error).to_string()),
        }
    }
}

#[test]
fn a_token_is_made_shown_once_listed_and_revoked() {
    let shell = Shell::new();
    let token = shell.run("token create web-1").unwrap();
    assert!(token.starts_with("farol_") && token.lines().count() == 1, "a script can take it");
    let list = shell.run("token list").unwrap();
    assert!(list.contains("web-1") && list.contains("never") && !list.contains(token.trim()), "{list}");
    assert!(shell.run("token create web-1").unwrap_err().contains("already"));
    assert!(shell.run("token revoke web-1").unwrap().contains("Revoked token 1"));
    assert!(shell.run("token revoke web-1").unwrap_err().contains("no token in force"));
}

#[test]
fn looking_into_a_wrong_folder_makes_nothing() {
    let shell = Shell::new();
    for line in ["user list", "token list", "token revoke x", "user passwd ana", "backup copy"] {
        let message = shell.run(line).unwrap_err();
        assert!(message.contains("FAROL_DATA_DIR"), "{line}: {message}");
    }
    assert!(!shell.data().exists());
}

#[test]
fn users_are_listed_with_their_roles() {
    let shell = Shell::new();
    let mut db = StateDb::open(&shell.data().join(state::FILE_NAME)).unwrap();
    db.add_user("ana", "secret hash", Role::SuperAdmin, 1_760_000_000_000).unwrap();
    let list = shell.run("user list").unwrap();
    assert!(
        list.contains("ana   super_admin  -") && list.contains("2025-10-09 08:53:20 UTC") && !list.contains("secret hash"),
        "{list}"
    );
    assert!(shell.run("user passwd bob").unwrap_err().contains("no user called bob"));
}

#[test]
fn accounts_are_changed_from_the_command_line_and_the_last_super_administrator_stays() {
    let shell = Shell::new();
    let path = shell.data().join(state::FILE_NAME);
    let mut db = StateDb::open(&path).unwrap();
    db.add_user("ana", "hash", Role::SuperAdmin, 5).unwrap();
    for line in ["user role ana viewer", "user disable ana", "user tenant ana acme", "user delete ana"] {
        assert!(shell.run(line).unwrap_err().contains("last super administrator"), "{line}");
    }
    db.add_user("bob", "hash", Role::Viewer, 5).unwrap();
    db.open_session("bob", &state::Fingerprint([1; 32]), 5, i64::MAX).unwrap();
    assert!(shell.run("user role bob operator").unwrap().contains("bob has the role operator and ended its sign-ins"));
    shell.run("user tenant bob acme").unwrap();
    shell.run("user reset-second-factor bob").unwrap();
    shell.run("user disable bob").unwrap();
    let bob = db.user("bob").unwrap().unwrap();
    assert_eq!((bob.role, bob.tenant.as_deref(), bob.is_disabled), (Role::Operator, Some("acme"), true));
    shell.run("user enable bob").unwrap();
    shell.run("user tenant bob --none").unwrap();
    assert_eq!(db.user("bob").unwrap().unwrap().tenant, None);
    shell.run("user delete bob").unwrap();
    let lines = db.audit(20, &state::AuditFilter::default()).unwrap();
    assert_eq!(lines.len(), 7);
    assert!(lines.iter().all(|line| line.start.username == "(command line)" && line.start.target == "bob"));
}

#[test]
fn a_token_may_be_of_one_tenant_and_environment() {
    let shell = Shell::new();
    shell.run("token create web --tenant acme --environment production").unwrap();
    let list = shell.run("token list").unwrap();
    assert!(list.contains("web   acme    production"), "{list}");
    let mut db = StateDb::open(&shell.data().join(state::FILE_NAME)).unwrap();
    db.add_user("ana", "hash", Role::Admin, 5).unwrap();
    let new = state::NewApiToken { name: "ci", owner: "ana", role: Role::Viewer, tenant: None, expires_ms: 9 };
    db.make_api_token(&new, &state::Fingerprint([1; 32]), 5).unwrap();
    let list = shell.run("api-token list").unwrap();
    assert!(list.contains("ci    ana    viewer"), "{list}");
    assert!(shell.run("api-token revoke 1").unwrap().contains("(ci) of ana"));
    assert!(shell.run("api-token revoke 1").unwrap_err().contains("no token in force"));
}

#[test]
fn a_backup_is_whole_private_and_never_overwrites() {
    use std::os::unix::fs::PermissionsExt as _;
    let shell = Shell::new();
    shell.run("token create web-1").unwrap();
    assert!(shell.run("backup x").unwrap_err().contains("history.db"));
    let history = rusqlite::Connection::open(shell.data().join("history.db")).unwrap();
    history.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE x (y); INSERT INTO x VALUES (42)").unwrap();
    let to = shell.dir.path().join("copy");
    // The history is open for writing, as a running collector has it.
    let said = shell.run(&format!("backup {}", to.display())).unwrap();
    assert!(said.contains("history.db") && said.contains("FAROL_DATA_DIR="), "{said}");
    assert!(said.contains("Not in the copy") && said.contains("state.key") && !to.join("state.key").exists(), "{said}");
    history.execute_batch("INSERT INTO x VALUES (43)").unwrap();
    let copied = rusqlite::Connection::open(to.join("history.db")).unwrap();
    assert_eq!(copied.query_row("SELECT sum(y) FROM x", [], |row| row.get::<_, i64>(0)).unwrap(), 42);
    assert_eq!(StateDb::open(&to.join(state::FILE_NAME)).unwrap().tokens().unwrap().len(), 1);
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(shell.run(&format!("backup {}", to.display())).unwrap_err().contains("exists already"));
}

#[test]
fn a_failed_backup_leaves_nothing_behind() {
    let shell = Shell::new();
    shell.run("token create web-1").unwrap();
    fs::write(shell.data().join("history.db"), "this is no database at all, whatever its name says").unwrap();
    let to = shell.dir.path().join("copy");
    let message = shell.run(&format!("backup {}", to.display())).unwrap_err();
    assert!(message.contains("history.db"), "{message}");
    let left: Vec<_> = fs::read_dir(shell.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["data"]);
}

#[test]
fn the_configuration_is_shown_without_secrets() {
    let given = args::parse(["check-config".into()]).unwrap();
    let vars = [("FAROL_ADMIN_PASSWORD".to_owned(), "correct horse".to_owned())].into();
    let mut out = Vec::new();
    run(&given, &vars, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("access.admin_password = \"***\"") && !text.contains("horse"), "{text}");
    assert!(text.contains("retention.raw = \"2d\"") && text.contains("access.agent_token = # not set"), "{text}");
}

#[test]
fn asking_a_collector_that_does_not_run_says_where_it_was_looked_for() {
    // A port that was free a moment ago; nothing of ours listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let given = args::parse(["health".into()]).unwrap();
    let vars = [("FAROL_LISTEN".to_owned(), free.to_string())].into();
    let error = run(&given, &vars, &mut Vec::new()).unwrap_err();
    assert!(report::chain(&error).to_string().contains(&free.to_string()));
}
