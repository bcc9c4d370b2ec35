//! Why a poll brought nothing, as far as what follows depends on it, with a sentence for people.

use std::{fmt, time::Duration};

use serde::Serialize;
use utoipa::ToSchema;

/// Longest message, in bytes. It is shown on one line of a page.
const MESSAGE_BYTES_MAX: usize = 400;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TroubleCode)]
pub enum Code {
    /// The credentials are refused, or lack a right.
    Auth,
    /// No answer: name, connection, TLS, time, or the server says that it is broken.
    Unreachable,
    /// An answer, but not of the shape that was expected.
    BadAnswer,
    /// Asked too often.
    Limited,
    /// The system is there, but not ready yet.
    Pending,
}

/// Why a poll, or a part of it, brought nothing. The message holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollError {
    /// What went wrong.
    pub code: Code,
    /// Status of the HTTP answer, if there was one.
    pub status: Option<u16>,
    /// A sentence for people: what was wrong and what to do.
    pub message: String,
    /// How long the system asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl PollError {
    fn new(code: Code, message: impl Into<String>) -> Self {
        let mut message: String = message.into();
        if message.len() > MESSAGE_BYTES_MAX {
            message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
            message.push('…');
        }
        // A server's text may hold anything; it is shown on one line.
        let message = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self { code, status: None, message, retry_after: None }
    }

    /// The credentials are refused, or lack a right: say which.
    #[must_use]
    pub fn auth(message: impl Into<String>) -> Self {
        Self::new(Code::Auth, message)
    }

    /// No answer.
    #[must_use]
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Code::Unreachable, message)
    }

    /// Not the shape that was expected: say what was.
    #[must_use]
    pub fn bad_answer(message: impl Into<String>) -> Self {
        Self::new(Code::BadAnswer, message)
    }

    /// Asked too often.
    #[must_use]
    pub fn limited(message: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..Self::new(Code::Limited, message) }
    }

    /// Not ready yet.
    #[must_use]
    pub fn pending(message: impl Into<String>) -> Self {
        Self::new(Code::Pending, message)
    }

    /// Whether it would be the same for anything else asked now: asked too often, or not known at all.
    #[must_use]
    pub fn is_for_all(&self) -> bool {
        self.code == Code::Limited || self.status == Some(401)
    }

    /// The same with the status of the answer.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }
}

impl fmt::Display for PollError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{status}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for PollError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_bounded_line() {
        let error = PollError::bad_answer(format!("a\nb\u{7}{}", "é".repeat(400))).with_status(200);
        assert!(error.to_string().starts_with("200: a b é"), "{error}");
        assert!(error.message.len() <= MESSAGE_BYTES_MAX + '…'.len_utf8());
    }
}
