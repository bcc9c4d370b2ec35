//! A real PostgreSQL of the package postgresql: a cluster of its own for each handle, on a free port, with TLS.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{
    process::Process,
    server_process::{ServerProcess, as_user, dir_of, free_port, run},
    wait::until_within,
};

/// The user that the server runs as.
const USER: &str = "postgres";

/// How long it may take to start or end on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);

/// Connections that it allows, of which three are kept for superusers.
pub const CONNECTIONS_MAX: usize = 20;

/// Who may come in: everybody by the socket, the user `secure` by TLS only, everybody else with a password.
const RULES: &str = "local all all trust\nlocal replication all trust\nhost replication all 127.0.0.1/32 trust\n\
                     hostssl all secure 127.0.0.1/32 scram-sha-256\nhost all secure 127.0.0.1/32 reject\n\
                     host all all 127.0.0.1/32 scram-sha-256\n";

/// A running PostgreSQL. Its superuser is `postgres`, by the socket only.
#[derive(Debug)]
pub struct PostgresServer {
    server: Option<ServerProcess>,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    is_encrypted: bool,
}

impl PostgresServer {
    /// Starts one that offers TLS, with a certificate for `localhost` that is in [`PostgresServer::certificate`]. Blocks.
    #[must_use]
    pub fn start() -> Self {
        Self::fresh(true)
    }

    /// Starts one that offers no TLS.
    #[must_use]
    pub fn start_plain() -> Self {
        Self::fresh(false)
    }

    fn fresh(is_encrypted: bool) -> Self {
        let dir = dir_of(USER);
        let data = dir.path().join("data");
        run(as_user(USER, program("initdb")).args(["-A", "trust", "-N", "-D"]).arg(&data));
        fs::write(data.join("pg_hba.conf"), RULES).unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        for (name, text) in [("server.crt", made.cert.pem()), ("server.key", made.signing_key.serialize_pem())] {
            let path = data.join(name);
            fs::write(&path, text).unwrap();
            run(Process::command("chmod").arg("600").arg(&path));
            run(Process::command("chown").arg(format!("--reference={}", data.display())).arg(&path));
        }
        let mut server = Self { server: None, port: free_port(), is_encrypted };
        server.launch(dir);
        server
    }

    fn launch(&mut self, dir: TempDir) {
        let mut command = as_user(USER, program("postgres"));
        command.arg("-D").arg(dir.path().join("data")).args(["-p", &self.port.to_string(), "-k"]).arg(dir.path());
        for setting in [
            "listen_addresses=127.0.0.1",
            "superuser_reserved_connections=3",
            "password_encryption=scram-sha-256",
            "deadlock_timeout=100ms",
            "fsync=off",
            &format!("max_connections={CONNECTIONS_MAX}"),
            &format!("ssl={}", if self.is_encrypted { "on" } else { "off" }),
        ] {
            command.args(["-c", setting]);
        }
        self.server = Some(ServerProcess::start("postgres", &mut command, dir));
        until_within(START_MAX, "PostgreSQL to start", || {
            let asked = self.psql("postgres", "select 1").output().map_err(|error| error.to_string())?;
            if asked.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&asked.stderr).into_owned()) }
        });
    }

    fn dir(&self) -> &Path {
        self.server.as_ref().expect("it was started").dir.path()
    }

    fn psql(&self, database: &str, sql: &str) -> Command {
        let mut command = as_user(USER, "/usr/bin/psql");
        command.args(["-qXAt", "-v", "ON_ERROR_STOP=1", "-h"]).arg(self.dir());
        command.args(["-p", &self.port.to_string(), "-d", database, "-c", sql]);
        command
    }

    /// Runs SQL in a database as the superuser, and returns what it printed.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        run(&mut self.psql(database, sql)).trim().to_owned()
    }

    /// `postgres://user@HOST:PORT/database`; the host is `127.0.0.1` or `localhost`.
    #[must_use]
    pub fn url(&self, host: &str, user: &str, database: &str) -> String {
        format!("postgres://{user}@{host}:{}/{database}", self.port)
    }

    /// The file of its certificate, which nobody but itself has signed.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.dir().join("data/server.crt")
    }

    /// Ends all sessions and stops; its files stay.
    pub fn stop(&mut self) -> TempDir {
        let server = self.server.take().expect("it was started");
        let mark = server.dir.path().join("data/postmaster.pid");
        // It is then without children, which have groups of their own.
        until_within(START_MAX, "PostgreSQL to end", || {
            server.signal(Signal::SIGINT);
            if mark.exists() { Err(server.log()) } else { Ok(()) }
        });
        server.kill()
    }

    /// Starts again on the same port with the files of [`PostgresServer::stop`].
    pub fn start_again(&mut self, dir: TempDir) {
        self.launch(dir);
    }

    /// Starts a replica that follows this server by streaming.
    #[must_use]
    pub fn replica(&self) -> Self {
        let dir = dir_of(USER);
        let mut copy = as_user(USER, program("pg_basebackup"));
        copy.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-c", "fast", "-R", "-D"]).arg(dir.path().join("data"));
        run(&mut copy);
        let mut replica = Self { server: None, port: free_port(), is_encrypted: self.is_encrypted };
        replica.launch(dir);
        replica
    }
}

fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("install postgresql");
    let found = versions.map(|entry| entry.unwrap().path().join("bin").join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("postgresql has no {name}"))
}
