//! One line of the audit log, from before its action to after it.

use std::time::Duration;

use farol_shared::report;
use serde_json::Value;
use tokio::time::sleep;

use super::{ActError, State, StateError};
use crate::state::AuditStart;

/// How often completing a line is tried while the accounts are busy: what was done cannot be undone for want of a line.
const TRIES: u32 = 20;

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// A line that says `started`.
#[derive(Debug)]
pub(super) struct Line {
    state: State,
    id: i64,
    detail: Value,
}

impl Line {
    pub(super) async fn begin(state: &State, start: AuditStart, detail: Value) -> Result<Self, StateError> {
        let id = state.change(move |db| db.begin_audit(&start)).await?;
        Ok(Self { state: state.clone(), id, detail })
    }

    /// Adds a particular.
    pub(super) fn note(&mut self, name: &str, value: impl Into<Value>) {
        if let Value::Object(fields) = &mut self.detail {
            fields.insert(name.to_owned(), value.into());
        }
    }

    /// Completes the line.
    pub(super) async fn end(self, result: &'static str, count: Option<u64>) {
        let count = count.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        let (id, detail) = (self.id, self.detail.to_string());
        for tried in 1..=TRIES {
            let detail = detail.clone();
            match self.state.change(move |db| db.end_audit(id, result, count, &detail)).await {
                Ok(()) => return,
                Err(StateError::Busy) if tried < TRIES => sleep(PAUSE).await,
                Err(error) => {
                    tracing::error!(target: "act", line = id, result, error = %report::chain(&error), "audit log could not be completed");
                    return;
                }
            }
        }
    }

    /// Completes the line by how the action ended, and hands that on.
    pub(super) async fn end_by<T>(
        mut self,
        result: Result<T, ActError>,
        count: impl FnOnce(&T) -> Option<u64>,
    ) -> Result<T, ActError> {
        match &result {
            Ok(done) => {
                let count = count(done);
                self.end("done", count).await;
            }
            Err(error) => {
                self.note("error", error.to_string());
                self.end("failed", None).await;
            }
        }
        result
    }
}
