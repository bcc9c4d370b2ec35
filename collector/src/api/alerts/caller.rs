//! Who asks about alerts, and what is wrong when their tables cannot be used.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use farol_shared::report;

use super::super::App;
use crate::{
    access::{Person, View, audit},
    problem::Problem,
    state::{State, StateDb, StateError},
};

/// Who calls.
pub(super) struct Caller {
    pub(super) person: Person,
    pub(super) by: audit::By,
    pub(super) state: State,
    pub(super) now_ms: i64,
}

impl Caller {
    pub(super) fn of(app: &App, request: &Request) -> Result<Self, Problem> {
        let person = request.extensions().get::<Person>().cloned().ok_or_else(Problem::internal)?;
        let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let by = audit::By::person(&person, address);
        Ok(Self { person, by, state: app.parts().access.state().clone(), now_ms: app.now_ms() })
    }

    pub(super) const fn view(&self) -> &View {
        &self.person.view
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&StateDb) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.state.read(job).await.map_err(|error| problem(&error))
    }

    /// A change with its line of the audit log: both are on disk, or neither is.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut StateDb) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.state.change(move |db| db.together(job)).await.map_err(|error| problem(&error))
    }
}

/// The number in an address: `/api/v1/incidents/{id}`, and what stands behind it.
pub(super) fn number_of(request: &Request, what: &'static str) -> Result<i64, Problem> {
    let number = request.uri().path().split('/').nth(4).and_then(|text| text.parse().ok());
    number.ok_or_else(|| Problem::not_found(format!("there is no such {what}")))
}

fn problem(error: &StateError) -> Problem {
    match error {
        StateError::Busy => Problem::unavailable("the collector is busy", 1),
        StateError::TooMany(..) => Problem::new(axum::http::StatusCode::CONFLICT, error.to_string()).code("too_many"),
        other => {
            tracing::error!(target: "alert", error = %report::chain(other), "alerts could not be used");
            Problem::internal()
        }
    }
}
