//! Who calls: the person, what they see, and their way to the accounts' file, with the audit log's line of what they change.

use axum::{
    extract::{FromRequest as _, Request},
    http::StatusCode,
};
use farol_shared::report;
use serde::de::DeserializeOwned;

use super::{App, Parts, parameters::Parameters};
use crate::{
    access::{Person, View, audit, proxy::ClientAddress},
    problem::{JsonBody, Problem},
    state::{AuditStart, State, StateDb, StateError},
};

/// Who calls.
pub(super) struct Caller {
    app: App,
    pub(super) person: Person,
    pub(super) by: audit::By,
    pub(super) now_ms: i64,
    /// What they came for, such as `rules`: the log names it when that cannot be used.
    what: &'static str,
}

impl Caller {
    /// Who sent a request, and what they came for.
    pub(super) fn of(app: &App, request: &Request, what: &'static str) -> Result<Self, Problem> {
        let person = request.extensions().get::<Person>().cloned().ok_or_else(Problem::internal)?;
        let by = audit::By::person(&person, ClientAddress::of(request.extensions()).address);
        Ok(Self { app: app.clone(), person, by, now_ms: app.now_ms(), what })
    }

    /// The same with the body that was sent, to an address that takes no parameters.
    pub(super) async fn with<T: DeserializeOwned>(app: &App, request: Request, what: &'static str) -> Result<(Self, T), Problem> {
        Parameters::of(request.uri(), &[])?;
        let caller = Self::of(app, &request, what)?;
        let JsonBody(body) = JsonBody::<T>::from_request(request, app).await?;
        Ok((caller, body))
    }

    /// What the caller sees.
    pub(super) const fn view(&self) -> &View {
        &self.person.view
    }

    /// The stages.
    pub(super) fn parts(&self) -> &Parts {
        self.app.parts()
    }

    /// The accounts' file.
    pub(super) fn state(&self) -> &State {
        self.parts().access.state()
    }

    /// A line of the audit log about what the caller does now.
    pub(super) fn line(&self, action: &str, target: &str, detail: &serde_json::Value) -> AuditStart {
        audit::line(self.by.clone(), self.now_ms, action, target, detail)
    }

    /// Reads what is not in memory.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&StateDb) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.told(self.state().read(job).await)
    }

    /// A change with its line of the audit log: both are on disk, or neither is.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut StateDb) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.write_then(job, |_| Ok(())).await
    }

    /// The same, and what follows from it before anybody else has a turn at the file.
    pub(super) async fn write_then<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut StateDb) -> Result<T, StateError> + Send + 'static,
        then: impl FnOnce(&mut StateDb) -> Result<(), StateError> + Send + 'static,
    ) -> Result<T, Problem> {
        let both = move |db: &mut StateDb| {
            let done = db.together(job)?;
            then(db)?;
            Ok(done)
        };
        self.told(self.state().change(both).await)
    }

    /// An answer of the accounts' file, or what its refusal is to the caller.
    pub(super) fn told<T>(&self, answer: Result<T, StateError>) -> Result<T, Problem> {
        answer.map_err(|error| state_problem(self.what, &error))
    }
}

/// A change that may find nothing to change, and its line of the audit log, which is written only when it did.
pub(super) fn noted(
    line: AuditStart,
    change: impl FnOnce(&mut StateDb) -> Result<bool, StateError> + Send + 'static,
) -> impl FnOnce(&mut StateDb) -> Result<bool, StateError> + Send + 'static {
    move |db| {
        let is_done = change(db)?;
        if is_done {
            db.note_audit(&line)?;
        }
        Ok(is_done)
    }
}

/// What an address names behind a list: `web` of `/api/v1/boards/web` and of `/api/v1/boards/web/export`.
pub(super) fn named(request: &Request) -> Option<&str> {
    request.uri().path().split('/').nth(4)
}

/// What a refusal of the accounts' file is to whoever came for `what`; one that is our fault is told in the log.
pub(super) fn state_problem(what: &'static str, error: &StateError) -> Problem {
    match error {
        StateError::Busy => Problem::unavailable("the collector is busy", 1),
        StateError::TooMany(..) => Problem::new(StatusCode::CONFLICT, error.to_string()).code("too_many"),
        other => {
            tracing::error!(target: "api", what, error = %report::chain(other), "state could not be used");
            Problem::internal()
        }
    }
}
