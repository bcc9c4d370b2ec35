//! PostgreSQL probes: start-up, log-in and `select 1`; with credentials also the statistics of databases.
//!
//! Without a user, being asked for a password is the proof of life. Messages are read up to [`MESSAGE_BYTES_MAX`] and
//! [`MESSAGES_MAX`]; databases up to [`DATABASES_MAX`].

use std::time::Duration;

use farol_shared::secret::Secret;

use super::{
    Attempt, Finding,
    connection::{Connection, Trouble},
    tls,
};

mod login;
mod message;

use login::Scram;
use message::Message;

/// Shortest time between two readings of the statistics: sizes are added up from files.
pub(super) const STATISTICS_EVERY: Duration = Duration::from_secs(15);

/// Largest message that is read, in bytes. A row of the statistics has a hundred.
const MESSAGE_BYTES_MAX: usize = 16 << 10;

/// Most messages in one answer: settings at the start, rows of statistics.
const MESSAGES_MAX: usize = 200;

/// Most databases whose statistics are told, those with most connections first.
const DATABASES_MAX: usize = 50;

/// The user that stands in for none; it need not exist.
const NOBODY: &str = "farol";

/// What a server says of its databases.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statistics {
    /// Connections that the server allows.
    pub(super) connections_max: f64,
    /// Its databases, at most [`DATABASES_MAX`].
    pub(super) databases: Vec<Database>,
}

/// One database.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Database {
    /// Its name.
    pub(super) name: String,
    /// Open connections to it.
    pub(super) connections: f64,
    /// Its size on disk, if the user may know it.
    pub(super) bytes: Option<f64>,
}

/// How far logging in came.
enum Login {
    /// All the way.
    In,
    /// Not in, which says enough about the server.
    Out(Finding),
}

/// Asks once; the statistics too, if a place for them is given.
pub(super) async fn check(
    attempt: &Attempt<'_>,
    kept: &mut tls::Kept,
    statistics: Option<&mut Option<Statistics>>,
) -> Result<Finding, Trouble> {
    let mut connection = Connection::open(attempt).await?;
    if attempt.probe.is_encrypted {
        connection.send(&message::ask_for_tls()).await?;
        match connection.read(1, 1, "waiting for the answer about TLS").await?.as_slice() {
            [b'S'] => connection = connection.encrypt(kept).await?,
            [b'N'] => return Err(Trouble::Other("the server offers no TLS".to_owned())),
            _ => return Err(Trouble::Garbage { expected: "one of PostgreSQL" }),
        }
    }
    let mut session = Session { connection, left: MESSAGES_MAX };
    let finding = match session.log_in(attempt).await? {
        Login::Out(finding) => {
            attempt.answered();
            finding
        }
        Login::In => {
            let rows = session.query("select 1").await?;
            if !matches!(rows.as_slice(), [row] if row.len() == 1) {
                return Err(Trouble::Garbage { expected: "the answer to select 1" });
            }
            attempt.answered();
            if let Some(place) = statistics {
                attempt.stage("reading the statistics");
                // What the user may not see is no failure of the server.
                *place = session.statistics().await.ok();
            }
            session.connection.part(&message::terminate()).await;
            Finding::online()
        }
    };
    Ok(tls::judge(attempt, finding))
}

struct Session<'a> {
    connection: Connection<'a>,
    left: usize,
}

impl Session<'_> {
    async fn next(&mut self, stage: &'static str) -> Result<Message, Trouble> {
        self.left = self.left.checked_sub(1).ok_or_else(|| Trouble::Other("the answer has too many messages".to_owned()))?;
        let head = self.connection.read(5, 5, stage).await?;
        let length = message::body_length(&head).ok_or(Trouble::Garbage { expected: "one of PostgreSQL" })?;
        let body = self.connection.read(length, MESSAGE_BYTES_MAX, stage).await?;
        Ok(Message { kind: head[0], body })
    }

    async fn log_in(&mut self, attempt: &Attempt<'_>) -> Result<Login, Trouble> {
        const STAGE: &str = "logging in";
        let address = &attempt.probe.address;
        let user = address.user.as_deref();
        let password = attempt.probe.password().map_err(Trouble::Other)?;
        let database = address.name();
        self.connection.send(&message::startup(user.unwrap_or(NOBODY), database.as_deref())).await?;
        let mut scram = None;
        loop {
            let message = self.next(STAGE).await?;
            match message.kind {
                b'R' => {
                    if let Some(finding) = self.authenticate(&message, user, password.as_ref(), &mut scram).await? {
                        return Ok(Login::Out(finding));
                    }
                }
                b'E' => return Ok(Login::Out(refusal(&message, user.is_some()))),
                b'Z' => return Ok(Login::In),
                // Settings, the key to cancel with, notices.
                b'S' | b'K' | b'N' | b'v' => {}
                _ => return Err(Trouble::Garbage { expected: "one of PostgreSQL" }),
            }
        }
    }

    /// Answers one request of the server; a finding ends the log-in.
    async fn authenticate(
        &mut self,
        message: &Message,
        user: Option<&str>,
        password: Option<&Secret>,
        scram: &mut Option<Scram>,
    ) -> Result<Option<Finding>, Trouble> {
        let garbage = || Trouble::Garbage { expected: "a log-in of PostgreSQL" };
        let (method, rest) = message.authentication().ok_or_else(garbage)?;
        if method == message::AUTHENTICATED {
            // A server that was to prove that it knows the password must have done so.
            return if scram.as_ref().is_some_and(|scram| !scram.is_proven()) { Err(garbage()) } else { Ok(None) };
        }
        let (Some(user), Some(password)) = (user, password) else {
            let asks = if user.is_some() { "asks for a password; none is configured" } else { "" };
            return Ok(Some(Finding { detail: asks.to_owned(), ..Finding::online() }));
        };
        let answer = match method {
            message::CLEAR_TEXT => [password.reveal().as_bytes(), b"\0"].concat(),
            message::MD5 => login::md5(user, password.reveal(), rest),
            message::SASL => {
                let (started, first) = Scram::start(rest).map_err(Trouble::Other)?;
                *scram = Some(started);
                first
            }
            message::SASL_CONTINUE => {
                scram.as_mut().ok_or_else(garbage)?.proceed(password.reveal(), rest).map_err(Trouble::Other)?
            }
            message::SASL_FINAL => {
                scram.as_mut().ok_or_else(garbage)?.finish(rest).map_err(Trouble::Other)?;
                return Ok(None);
            }
            other => return Ok(Some(Finding::remark(format!("asks for log-in method {other}, which the probe does not have")))),
        };
        self.connection.send(&message::password(&answer)).await?;
        Ok(None)
    }

    /// The rows of one query, as texts.
    async fn query(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, Trouble> {
        self.left = MESSAGES_MAX;
        self.connection.send(&message::query(sql)).await?;
        let mut rows = Vec::new();
        let mut error = None;
        loop {
            let message = self.next("waiting for the answer to a query").await?;
            match message.kind {
                b'D' => rows.push(message.row().ok_or(Trouble::Garbage { expected: "a row of PostgreSQL" })?),
                b'E' => error = Some(message.error().text),
                b'Z' => break,
                _ => {}
            }
        }
        error.map_or(Ok(rows), |text| Err(Trouble::Other(text)))
    }

    async fn statistics(&mut self) -> Result<Statistics, Trouble> {
        let sql = format!(
            "select current_setting('max_connections'), d.datname, s.numbackends, \
             case when has_database_privilege(d.oid, 'CONNECT') then pg_database_size(d.oid) end \
             from pg_database d left join pg_stat_database s on s.datid = d.oid \
             where not d.datistemplate order by s.numbackends desc nulls last, d.datname limit {DATABASES_MAX}"
        );
        let rows = self.query(&sql).await?;
        statistics(&rows).ok_or(Trouble::Garbage { expected: "statistics" })
    }
}

fn statistics(rows: &[Vec<Option<String>>]) -> Option<Statistics> {
    let number = |text: &Option<String>| text.as_deref()?.parse::<f64>().ok();
    let database = |row: &Vec<Option<String>>| match row.as_slice() {
        [_, Some(name), connections, bytes] => {
            Some(Database { name: name.clone(), connections: number(connections).unwrap_or(0.0), bytes: number(bytes) })
        }
        _ => None,
    };
    Some(Statistics {
        connections_max: number(rows.first()?.first()?)?,
        databases: rows.iter().take(DATABASES_MAX).map(database).collect::<Option<_>>()?,
    })
}

/// What an error at the start says about the server. Codes are those of SQLSTATE.
fn refusal(message: &Message, has_user: bool) -> Finding {
    let error = message.error();
    match error.code.as_str() {
        // Starting up, shutting down, recovering; too many connections.
        "57P03" | "57P01" | "57P02" | "53300" => Finding::refused(error.text),
        // It knows who may come in, and nobody may not: it is well.
        code if !has_user && (code.starts_with("28") || code == "3D000") => Finding::online(),
        _ => Finding::offline(error.text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn rows_become_statistics() {
        let rows = [vec![text("100"), text("app"), text("7"), text("8000000")], vec![text("100"), text("postgres"), None, None]];
        let read = statistics(&rows).unwrap();
        assert_eq!((read.connections_max, read.databases.len()), (100.0, 2));
        assert_eq!(read.databases[0], Database { name: "app".into(), connections: 7.0, bytes: Some(8e6) });
        assert_eq!(read.databases[1], Database { name: "postgres".into(), connections: 0.0, bytes: None });
        assert_eq!(statistics(&[]), None);
        assert_eq!(statistics(&[vec![text("x"), text("a"), None, None]]), None);
    }
}
