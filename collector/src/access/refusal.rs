//! What refusals of accounts, passwords and codes are to the caller.

use std::error::Error;

use axum::http::StatusCode;

use super::{limiter::TooOften, password::PasswordError};
use crate::{problem::Problem, state::StateError};

/// A change of accounts that was not made.
pub(super) fn of_state(error: &StateError) -> Problem {
    let conflict = |code| Problem::new(StatusCode::CONFLICT, error.to_string()).code(code);
    match error {
        StateError::UserExists(_) | StateError::TokenExists(_) => conflict("exists"),
        StateError::LastSuperAdmin => conflict("last_super_admin"),
        StateError::TooMany(..) => conflict("too_many"),
        StateError::CodeUsed => conflict("changed"),
        StateError::NoUser(_) | StateError::NoToken(_) => Problem::not_found(error.to_string()),
        StateError::BadUserName(_) => of_field("username", error),
        StateError::BadTenant(_) => of_field("tenant", error),
        StateError::BadEnvironment(_) => of_field("environment", error),
        StateError::BadTokenName(_) => of_field("name", error),
        StateError::SetUpRefused => Problem::forbidden(error.to_string()),
        StateError::Disabled(_) => Problem::forbidden(error.to_string()).code("disabled"),
        StateError::Busy => Problem::unavailable("the collector is busy", 1),
        StateError::Newer { .. }
        | StateError::Damaged { .. }
        | StateError::File { .. }
        | StateError::Sqlite(_)
        | StateError::Closed => failed("accounts", error),
    }
}

/// A password that cannot be used, or cannot be checked now.
pub(super) fn of_password(field: &str, error: &PasswordError) -> Problem {
    match error {
        PasswordError::Busy => Problem::unavailable("too many people are signing in at once", 1),
        PasswordError::TooShort
        | PasswordError::TooLong
        | PasswordError::Common
        | PasswordError::UserName
        | PasswordError::Repeated => of_field(field, error),
        PasswordError::Hash(_) | PasswordError::Random(_) => failed("password", error),
    }
}

/// A field with a value that cannot be accepted.
pub(super) fn of_field(field: &str, error: &dyn Error) -> Problem {
    wrong(field, &error.to_string())
}

/// The same in words.
pub(super) fn wrong(field: &str, detail: &str) -> Problem {
    Problem::unprocessable(detail).field(field, detail)
}

/// Too many attempts.
pub(super) fn of_haste(wait: TooOften) -> Problem {
    Problem::too_many("too many attempts: wait a little", wait.retry_after_s)
}

/// Our fault, told in the log.
pub(super) fn failed(doing: &'static str, error: &(dyn Error + 'static)) -> Problem {
    tracing::error!(target: "access", doing, error = %farol_shared::report::chain(error), "accounts could not be used");
    Problem::internal()
}
