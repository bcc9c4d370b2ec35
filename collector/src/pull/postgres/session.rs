//! One session with a server: it is kept between polls, and ends with its handle.

use std::{error::Error as _, sync::Arc};

use tokio::task::JoinHandle;
use tokio_postgres::{Client, SimpleQueryMessage, error::SqlState};

use super::{
    super::{Code, PollError},
    encryption::Encryption,
    place::Place,
    statement::Row,
};

/// Most rows that one statement may bring; each statement has a limit of its own below it.
const ROWS_MAX: usize = 1_000;

/// A session.
pub(super) struct Session {
    client: Client,
    /// Moves the bytes; aborted with the handle, whatever the server does.
    moving: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.moving.abort();
    }
}

impl Session {
    /// Logs in.
    ///
    /// # Errors
    /// [`PollError`] with what to do.
    pub(super) async fn open(place: &Place) -> Result<Self, PollError> {
        let connecting = place.settings().connect(Encryption(Arc::clone(&place.tls))).await;
        let (client, connection) = connecting.map_err(|error| refused(&error, place))?;
        // What ends it is told by the statement that it ends.
        let moving = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { client, moving })
    }

    /// Whether it can still be asked.
    pub(super) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// The rows of a statement, each value as text. Simple queries pass through poolers that know no prepared statements.
    pub(super) async fn rows(&self, statement: &str) -> Result<Vec<Row>, PollError> {
        let messages = self.client.simple_query(statement).await.map_err(|error| failed(&error))?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some(Row((0..row.len()).map(|column| row.try_get(column).ok().flatten().map(str::to_owned)).collect()))
            }
            _ => None,
        });
        Ok(rows.take(ROWS_MAX).collect())
    }
}

/// Why there is no session.
fn refused(error: &tokio_postgres::Error, place: &Place) -> PollError {
    let (user, database) = (&place.user, &place.database);
    let Some(told) = error.as_db_error() else {
        let causes = causes(error);
        return if causes.contains("password missing") {
            PollError::auth(format!("the server asks for a password of {user}, and none is given: write password_env"))
        } else {
            PollError::unreachable(causes)
        };
    };
    let (code, text) = (told.code(), told.message());
    if [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION].contains(code) {
        PollError::auth(text)
    } else if *code == SqlState::INVALID_CATALOG_NAME {
        PollError::bad_answer(format!("{text}: write another database at the end of url"))
    } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        PollError::auth(format!("{text}: GRANT CONNECT ON DATABASE {database} TO {user}"))
    } else if *code == SqlState::TOO_MANY_CONNECTIONS {
        PollError::unreachable(format!("no connection is left: {text}"))
    } else if *code == SqlState::CANNOT_CONNECT_NOW {
        PollError::pending(text)
    } else if text.contains("unsupported startup parameter") {
        PollError::bad_answer(format!("{text}: a pooler stands before the server; write the server's own address as url"))
    } else {
        PollError::unreachable(text)
    }
}

/// Why a statement brought nothing.
fn failed(error: &tokio_postgres::Error) -> PollError {
    let Some(told) = error.as_db_error() else { return PollError::unreachable(causes(error)) };
    let (code, text) = (told.code(), told.message());
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        PollError::auth(text)
    } else if [SqlState::QUERY_CANCELED, SqlState::LOCK_NOT_AVAILABLE].contains(code) {
        PollError::unreachable(format!("the server took too long: {text}"))
    } else if [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW].contains(code) {
        PollError::unreachable(text)
    } else {
        PollError::bad_answer(text)
    }
}

/// An error with all of its causes, each once.
fn causes(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let told = inner.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        cause = inner.source();
    }
    text
}

/// Names the role that lacks to a user whose statement was refused.
pub(super) fn with_advice(error: PollError, user: &str) -> PollError {
    if error.code != Code::Auth || error.message.contains("pg_monitor") {
        return error;
    }
    PollError::auth(format!("{}: GRANT pg_monitor TO {user}", error.message))
}

/// Told when the server shows other users' sessions without what they do.
pub(super) fn blank(user: &str) -> PollError {
    PollError::auth(format!("the user {user} may not see what other sessions and replicas do: GRANT pg_monitor TO {user}"))
}
