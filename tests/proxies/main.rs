//! The page and the API behind the real nginx and Caddy, at the root of a name and below a path of another, by the very
//! configuration files that are shipped: only names, ports and certificates are put in.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code: a failure is the message")]

mod front;
mod streams;
mod walk;
mod whole;
