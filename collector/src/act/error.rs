//! Why an action was refused, or failed.

use crate::{pull::PollError, state::StateError};

/// Why an action was refused, or failed. Holds no value of any key.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// Something in the request cannot be accepted.
    #[error("{field}: {detail}")]
    Wrong {
        /// Name of the field.
        field: &'static str,
        /// What is wrong with it, and what to write.
        detail: String,
    },
    /// The instance may only be read.
    #[error(
        "{0} is read-only here: write allow_actions = true into its table [[redis]] of the collector's configuration, and start the collector again"
    )]
    ReadOnly(String),
    /// The sign-in is too long ago for this.
    #[error("you signed in more than {0} minutes ago: sign in again to do this")]
    Reauthenticate(i64),
    /// What was confirmed is no longer so.
    #[error("{count} keys match now, {expected} were expected: look at the preview again")]
    Changed {
        /// How many were confirmed.
        expected: u64,
        /// How many there are.
        count: u64,
    },
    /// Another action is under way.
    #[error("{0}")]
    UnderWay(String),
    /// Too often.
    #[error("{what}: wait {retry_after_s} s")]
    TooOften {
        /// What is limited, and to how much.
        what: String,
        /// In how many seconds the next may come.
        retry_after_s: u64,
    },
    /// There is no such thing, or no longer.
    #[error("{0}")]
    Gone(&'static str),
    /// Redis refused, or could not be reached.
    #[error("{0}")]
    Redis(#[from] PollError),
    /// The audit log cannot be written: nothing is done without it.
    #[error("writing the audit log")]
    State(#[from] StateError),
    /// The action's task ended without an answer.
    #[error("the action broke off")]
    Broken,
}

impl ActError {
    /// A field that cannot be accepted.
    pub(super) fn wrong(field: &'static str, detail: impl Into<String>) -> Self {
        Self::Wrong { field, detail: detail.into() }
    }
}
